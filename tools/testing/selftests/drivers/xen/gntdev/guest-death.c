// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest dies while it shares memory with this domain in every way there is.
 * Whoever runs this has to start another guest afterwards.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include <xenstore.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "peer.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES 64u
#define SECONDS 200
#define DEATH_MS 60000

FIXTURE(guest_death) {
	int fd;
	struct peer *peer;
	uint16_t guest;
	struct gnt_pages own;
	/* Memory of the guest, seen from here. */
	uint32_t refs[PAGES];
	struct gntdev_mapping map;
	int exported;
	/* Memory of this domain, seen from the guest. */
	int imported;
};

FIXTURE_SETUP(guest_death)
{
	const char *guest = getenv("DOMU");

	self->fd = -1;
	self->peer = NULL;
	if (!guest || !*guest)
		SKIP(return, "no guest (DOMU is not set)");
	ASSERT_EQ(0, peer_open(&self->peer, 0, 60000));
	self->guest = peer_domid(self->peer);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(guest_death)
{
	if (self->peer)
		peer_close(self->peer);
}

static bool guest_is_gone(void *arg)
{
	struct xs_handle *xs = xs_open(0);
	bool gone;

	if (!xs)
		return false;
	gone = !xs_is_domain_introduced(xs, *(uint16_t *)arg);
	xs_close(xs);
	return gone;
}

static void share_everything(struct __test_metadata *_metadata,
			     FIXTURE_DATA(guest_death) *self)
{
	uint32_t refs[PAGES];

	ASSERT_LT(0, peer_grant(self->peer, SELF, 0, 1, self->refs, PAGES));
	ASSERT_EQ(0, gntdev_mapping_open(&self->map, self->fd, self->guest,
					 self->refs, PAGES, RW));
	ASSERT_EQ(0, gntdev_exp_from_refs(self->fd, 0, self->guest, self->refs,
					  PAGES, &self->exported));
	self->imported = heap_alloc(PAGES, O_RDWR);
	ASSERT_GE(self->imported, 0);
	ASSERT_EQ(0, fill_dmabuf(self->imported, PAGES, 2));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, self->imported, self->guest,
					PAGES, refs));
	ASSERT_LT(0, peer_map(self->peer, SELF, 0, refs, PAGES));
	ASSERT_LT(0, peer_export(self->peer, SELF, 0, refs, PAGES));
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, self->guest, PAGES, true));
	ASSERT_LT(0, peer_map(self->peer, SELF, 0, self->own.refs, PAGES));
}

TEST_F_TIMEOUT(guest_death, crash_while_everything_is_shared, SECONDS)
{
	share_everything(_metadata, self);
	peer_crash(self->peer);
	peer_close(self->peer);
	self->peer = NULL;
	/* The guest's memory is there as long as it is mapped here. */
	EXPECT_EQ(0, check_dmabuf(self->exported, PAGES, 1));
	ASSERT_TRUE(wait_until(guest_is_gone, &self->guest, DEATH_MS));
	EXPECT_EQ(0, pattern_check(self->map.addr, 0, PAGES, 1, NULL));
	EXPECT_EQ(0, fill_dmabuf(self->exported, PAGES, 3));
	EXPECT_EQ(0, pattern_check(self->map.addr, 0, PAGES, 3, NULL));
	EXPECT_EQ(0, check_dmabuf(self->imported, PAGES, 2));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, self->imported));
	close(self->imported);
	EXPECT_EQ(0, gntdev_mapping_close(&self->map));
	close(self->exported);
	EXPECT_TRUE(released(self->fd, self->exported));
	EXPECT_EQ(0, revoke_pages(&self->own));
	gnt_pages_free(&self->own);
	close(self->fd);
}

TEST_HARNESS_MAIN
