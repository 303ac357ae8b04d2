// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two guests share memory with each other; this domain tells them what to do
 * and has no part in it. The last test ends one of them: whoever runs this has
 * to start another guest afterwards.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include <xenstore.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "peer.h"

#define PAGES 64u
#define MANY 2025u
#define SECONDS 300
#define DEATH_MS 60000

static const uint32_t sizes[] = { 1, 3, PAGES, MANY };
static const uint32_t export_flags[] = { 0, PEER_WC, PEER_COHERENT };

/* One grants, the other one uses what is granted. */
FIXTURE(two_guests) {
	struct peer *granter;
	struct peer *user;
	uint16_t granter_id;
	uint16_t user_id;
	uint32_t refs[MANY];
};

FIXTURE_SETUP(two_guests)
{
	const char *first = getenv("DOMU");
	const char *second = getenv("DOMU2");

	self->granter = NULL;
	self->user = NULL;
	if (!first || !*first || !second || !*second)
		SKIP(return, "no second guest (DOMU2 is not set)");
	self->granter_id = (uint16_t)atoi(first);
	self->user_id = (uint16_t)atoi(second);
	ASSERT_EQ(0, peer_open(&self->granter, self->granter_id, 60000));
	ASSERT_EQ(0, peer_open(&self->user, self->user_id, 60000));
}

FIXTURE_TEARDOWN(two_guests)
{
	peer_close(self->granter);
	peer_close(self->user);
}

static int grant(FIXTURE_DATA(two_guests) *self, uint32_t flags,
		 uint32_t count, uint64_t seed)
{
	return peer_grant(self->granter, self->user_id, flags, seed,
			  self->refs, count);
}

static int import(FIXTURE_DATA(two_guests) *self, uint32_t count, uint64_t seed)
{
	return peer_import(self->granter, self->user_id, seed, self->refs,
			   count);
}

static int map(FIXTURE_DATA(two_guests) *self, uint32_t flags, uint32_t count)
{
	return peer_map(self->user, self->granter_id, flags, self->refs, count);
}

static int export(FIXTURE_DATA(two_guests) *self, uint32_t flags,
		  uint32_t count)
{
	return peer_export(self->user, self->granter_id, flags, self->refs,
			   count);
}

/* Return: the number of pages that differ, or a negative errno. */
static int differs(struct peer *peer, int id, uint64_t seed)
{
	return peer_verify(peer, id, seed, 0, 0, NULL);
}

static int fill(struct peer *peer, int id, uint64_t seed)
{
	return peer_fill(peer, id, seed, 0, 0);
}

/* What one writes the other one reads; then nothing of it is left. */
static void check_shared(struct __test_metadata *_metadata,
			 FIXTURE_DATA(two_guests) *self, int granted, int used,
			 uint32_t count)
{
	ASSERT_LT(0, granted);
	ASSERT_LT(0, used);
	EXPECT_EQ(0, differs(self->user, used, count));
	EXPECT_EQ(0, fill(self->user, used, ~count));
	EXPECT_EQ(0, differs(self->granter, granted, ~count));
	EXPECT_EQ(0, fill(self->granter, granted, count + 1));
	EXPECT_EQ(0, differs(self->user, used, count + 1));
	EXPECT_EQ(0, peer_release(self->user, used));
	EXPECT_EQ(0, peer_release(self->granter, granted));
	EXPECT_EQ(-EACCES, map(self, 0, count));
}

TEST_F_TIMEOUT(two_guests, grants_are_mapped, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++) {
		uint32_t count = whole_pages(sizes[i]);
		int granted = grant(self, 0, count, count);

		check_shared(_metadata, self, granted, map(self, 0, count),
			     count);
	}
}

TEST_F_TIMEOUT(two_guests, grants_are_exported, SECONDS)
{
	for (size_t i = 0; i < 3 * ARRAY_SIZE_OF(sizes); i++) {
		uint32_t count = whole_pages(sizes[i / 3]);
		int granted = grant(self, 0, count, count);

		check_shared(_metadata, self, granted,
			     export(self, export_flags[i % 3], count), count);
	}
}

TEST_F_TIMEOUT(two_guests, imports_are_mapped, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++) {
		uint32_t count = whole_pages(sizes[i]);
		int granted = import(self, count, count);

		check_shared(_metadata, self, granted, map(self, 0, count),
			     count);
	}
}

TEST_F_TIMEOUT(two_guests, imports_are_exported, SECONDS)
{
	for (size_t i = 0; i < 3 * ARRAY_SIZE_OF(sizes); i++) {
		uint32_t count = whole_pages(sizes[i / 3]);
		int granted = import(self, count, count);

		check_shared(_metadata, self, granted,
			     export(self, export_flags[i % 3], count), count);
	}
}

TEST_F_TIMEOUT(two_guests, read_only_grants, SECONDS)
{
	int granted, used;

	if (grants_per_page() > 1)
		SKIP(return, NO_READ_ONLY);
	granted = grant(self, PEER_READONLY, PAGES, 1);
	ASSERT_LT(0, granted);
	EXPECT_EQ(-EACCES, map(self, 0, PAGES));
	EXPECT_EQ(-EACCES, export(self, 0, PAGES));
	used = map(self, PEER_READONLY, PAGES);
	ASSERT_LT(0, used);
	EXPECT_EQ(0, differs(self->user, used, 1));
	EXPECT_EQ(0, peer_release(self->user, used));
	used = export(self, PEER_READONLY, PAGES);
	ASSERT_LT(0, used);
	EXPECT_EQ(0, fill(self->granter, granted, 2));
	EXPECT_EQ(0, differs(self->user, used, 2));
	EXPECT_EQ(0, peer_release(self->user, used));
	EXPECT_EQ(0, peer_release(self->granter, granted));
}

TEST_F_TIMEOUT(two_guests, revoked_references, SECONDS)
{
	int granted = grant(self, 0, PAGES, 3);

	ASSERT_LT(0, granted);
	ASSERT_EQ(0, peer_release(self->granter, granted));
	EXPECT_EQ(-EACCES, map(self, 0, PAGES));
	EXPECT_EQ(-EACCES, map(self, PEER_READONLY, PAGES));
	EXPECT_EQ(-EACCES, export(self, 0, PAGES));
	EXPECT_EQ(-EACCES, export(self, PEER_READONLY, PAGES));
}

/* References for this domain are worth nothing to the other guest. */
TEST_F_TIMEOUT(two_guests, references_for_a_third_domain, SECONDS)
{
	int granted = peer_grant(self->granter, SELF, 0, 4, self->refs, PAGES);

	ASSERT_LT(0, granted);
	EXPECT_EQ(-EACCES, map(self, PEER_READONLY, PAGES));
	EXPECT_EQ(-EACCES, export(self, PEER_READONLY, PAGES));
	EXPECT_LT(0, live_grants(self->granter_id, self->refs, PAGES));
	EXPECT_EQ(0, peer_release(self->granter, granted));
}

static bool user_maps_no_more(void *arg)
{
	FIXTURE_DATA(two_guests) *self = arg;
	int used = map(self, 0, PAGES);

	if (used < 0)
		return true;
	peer_release(self->user, used);
	leave_grants_alone();
	return false;
}

/* The granter lets go first, and uses a lot of memory for something else. */
static void check_left_behind(struct __test_metadata *_metadata,
			      FIXTURE_DATA(two_guests) *self, int granted,
			      int used)
{
	uint32_t refs[MANY];
	int other;

	ASSERT_LT(0, granted);
	ASSERT_LT(0, used);
	EXPECT_EQ(0, peer_release(self->granter, granted));
	other = peer_grant(self->granter, self->user_id, 0, 6, refs, MANY);
	ASSERT_LT(0, other);
	EXPECT_EQ(0, differs(self->user, used, 5));
	EXPECT_EQ(0, fill(self->user, used, 7));
	EXPECT_EQ(0, differs(self->granter, other, 6));
	EXPECT_EQ(0, peer_release(self->user, used));
	EXPECT_TRUE(wait_until(user_maps_no_more, self, DEADLINE_MS));
	EXPECT_EQ(0, differs(self->granter, other, 6));
	EXPECT_EQ(0, peer_release(self->granter, other));
}

TEST_F_TIMEOUT(two_guests, import_released_while_mapped, SECONDS)
{
	int granted = import(self, PAGES, 5);

	check_left_behind(_metadata, self, granted, map(self, 0, PAGES));
}

TEST_F_TIMEOUT(two_guests, import_released_while_exported, SECONDS)
{
	int granted = import(self, PAGES, 5);

	check_left_behind(_metadata, self, granted, export(self, 0, PAGES));
}

TEST_F_TIMEOUT(two_guests, grants_freed_while_exported, SECONDS)
{
	int granted = grant(self, 0, PAGES, 5);

	check_left_behind(_metadata, self, granted, export(self, 0, PAGES));
}

static bool granter_is_gone(void *arg)
{
	FIXTURE_DATA(two_guests) *self = arg;
	struct xs_handle *xs = xs_open(0);
	bool gone;

	if (!xs)
		return false;
	gone = !xs_is_domain_introduced(xs, self->granter_id);
	xs_close(xs);
	return gone;
}

/* What the one that lives on has of the one that dies, and the reverse. */
struct shares {
	int mapped;
	int exported;
	int import_mapped;
	int import_exported;
	int granted;
	int imported;
};

static void share_everything(struct __test_metadata *_metadata,
			     FIXTURE_DATA(two_guests) *self,
			     struct shares *shares)
{
	uint32_t refs[PAGES];

	ASSERT_LT(0, grant(self, 0, PAGES, 8));
	shares->mapped = map(self, 0, PAGES);
	shares->exported = export(self, 0, PAGES);
	ASSERT_LT(0, import(self, PAGES, 9));
	shares->import_mapped = map(self, 0, PAGES);
	shares->import_exported = export(self, 0, PAGES);
	shares->granted = peer_grant(self->user, self->granter_id, 0, 10, refs,
				     PAGES);
	ASSERT_LT(0, peer_map(self->granter, self->user_id, 0, refs, PAGES));
	ASSERT_LT(0, peer_export(self->granter, self->user_id, 0, refs, PAGES));
	shares->imported = peer_import(self->user, self->granter_id, 11, refs,
				       PAGES);
	ASSERT_LT(0, peer_map(self->granter, self->user_id, 0, refs, PAGES));
	ASSERT_LT(0, peer_export(self->granter, self->user_id, 0, refs, PAGES));
}

/* One buffer of the dead that is mapped twice: it lasts until the last one. */
static void check_inherited(struct __test_metadata *_metadata,
			    FIXTURE_DATA(two_guests) *self, int first,
			    int second, uint64_t seed)
{
	EXPECT_EQ(0, differs(self->user, first, seed));
	EXPECT_EQ(0, fill(self->user, first, ~seed));
	EXPECT_EQ(0, differs(self->user, second, ~seed));
	EXPECT_EQ(0, peer_release(self->user, first));
	EXPECT_EQ(0, fill(self->user, second, seed));
	EXPECT_EQ(0, differs(self->user, second, seed));
	EXPECT_EQ(0, peer_release(self->user, second));
}

/* That Xen keeps nothing of the dead is for a look at its list of domains. */
TEST_F_TIMEOUT(two_guests, one_dies_while_everything_is_shared, SECONDS)
{
	struct shares shares;

	share_everything(_metadata, self, &shares);
	peer_crash(self->granter);
	peer_close(self->granter);
	self->granter = NULL;
	ASSERT_TRUE(wait_until(granter_is_gone, self, DEATH_MS));
	check_inherited(_metadata, self, shares.mapped, shares.exported, 8);
	check_inherited(_metadata, self, shares.import_exported,
			shares.import_mapped, 9);
	EXPECT_EQ(0, differs(self->user, shares.granted, 10));
	EXPECT_EQ(0, differs(self->user, shares.imported, 11));
	EXPECT_EQ(0, peer_release(self->user, shares.granted));
	EXPECT_EQ(0, peer_release(self->user, shares.imported));
	EXPECT_EQ(0, peer_ping(self->user));
}

TEST_HARNESS_MAIN
