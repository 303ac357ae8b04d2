// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest and its own grants. Where a domain that maps one loses the granted
 * page (PVH and HVM on x86), each way to such a mapping is refused and the
 * page stays; elsewhere the guest shares memory with itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/utsname.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "peer.h"

#define PAGES 64u
#define SECONDS 200

static const uint32_t export_flags[] = { 0, PEER_WC, PEER_COHERENT };

/* What loopback_works() says in this domain. */
static bool guest_loopback_works(void)
{
	struct utsname uts;

	if (!uname(&uts) && !strcmp(uts.machine, "aarch64"))
		return true;
	return !strcmp(getenv("DOMU_TYPE"), "pv");
}

FIXTURE(guest_own_grants) {
	struct peer *peer;
	uint16_t guest;
	uint32_t refs[PAGES];
};

FIXTURE_SETUP(guest_own_grants)
{
	const char *guest = getenv("DOMU");
	const char *type = getenv("DOMU_TYPE");

	self->peer = NULL;
	if (!guest || !*guest)
		SKIP(return, "no guest (DOMU is not set)");
	if (!type || !*type)
		SKIP(return, "unknown kind of guest (DOMU_TYPE is not set)");
	ASSERT_EQ(0, peer_open(&self->peer, (uint16_t)atoi(guest), 60000));
	self->guest = peer_domid(self->peer);
}

FIXTURE_TEARDOWN(guest_own_grants)
{
	if (self->peer)
		peer_close(self->peer);
}

/* The guest uses @refs, which it granted to itself with the pages of @id. */
static void check_use(struct __test_metadata *_metadata,
		      FIXTURE_DATA(guest_own_grants) *self, int id, int used,
		      uint64_t seed)
{
	ASSERT_LT(0, used);
	EXPECT_EQ(0, peer_verify(self->peer, used, seed, 0, 0, NULL));
	EXPECT_EQ(0, peer_fill(self->peer, used, ~seed, 0, 0));
	EXPECT_EQ(0, peer_verify(self->peer, id, ~seed, 0, 0, NULL));
	EXPECT_EQ(0, peer_fill(self->peer, id, seed, 0, 0));
	EXPECT_EQ(0, peer_verify(self->peer, used, seed, 0, 0, NULL));
	EXPECT_EQ(0, peer_release(self->peer, used));
}

static void check_all_uses(struct __test_metadata *_metadata,
			   FIXTURE_DATA(guest_own_grants) *self, int id,
			   uint64_t seed)
{
	check_use(_metadata, self, id,
		  peer_map(self->peer, self->guest, 0, self->refs, PAGES),
		  seed);
	for (size_t i = 0; i < ARRAY_SIZE_OF(export_flags); i++)
		check_use(_metadata, self, id,
			  peer_export(self->peer, self->guest, export_flags[i],
				      self->refs, PAGES), seed);
}

static void check_all_refused(struct __test_metadata *_metadata,
			      FIXTURE_DATA(guest_own_grants) *self)
{
	EXPECT_EQ(-EOPNOTSUPP, peer_map(self->peer, self->guest, 0,
					self->refs, PAGES));
	EXPECT_EQ(-EOPNOTSUPP, peer_map(self->peer, self->guest, PEER_READONLY,
					self->refs, PAGES));
	for (size_t i = 0; i < ARRAY_SIZE_OF(export_flags); i++)
		EXPECT_EQ(-EOPNOTSUPP, peer_export(self->peer, self->guest,
						   export_flags[i],
						   self->refs, PAGES));
}

/* The guest's memory is what it was, wherever else it could be seen. */
static void check_own(struct __test_metadata *_metadata,
		      FIXTURE_DATA(guest_own_grants) *self, int id,
		      uint64_t seed)
{
	ASSERT_LT(0, id);
	if (guest_loopback_works())
		check_all_uses(_metadata, self, id, seed);
	else
		check_all_refused(_metadata, self);
	EXPECT_EQ(0, peer_verify(self->peer, id, seed, 0, 0, NULL));
	EXPECT_EQ(0, peer_fill(self->peer, id, ~seed, 0, 0));
	EXPECT_EQ(0, peer_verify(self->peer, id, ~seed, 0, 0, NULL));
	EXPECT_EQ(0, peer_release(self->peer, id));
}

TEST_F_TIMEOUT(guest_own_grants, of_plain_pages, SECONDS)
{
	check_own(_metadata, self,
		  peer_grant(self->peer, self->guest, 0, 1, self->refs, PAGES),
		  1);
}

TEST_F_TIMEOUT(guest_own_grants, of_an_import, SECONDS)
{
	check_own(_metadata, self,
		  peer_import(self->peer, self->guest, 2, self->refs, PAGES),
		  2);
}

TEST_HARNESS_MAIN
