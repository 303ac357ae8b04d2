// SPDX-License-Identifier: GPL-2.0-only
/*
 * Naming and mapping grants: MAP, UNMAP, GET_OFFSET_FOR_VADDR and mmap().
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"

#define RW (PROT_READ | PROT_WRITE)
/* Pages of the kernel, and the grants that make them. */
#define CUTS 5u
#define SMALL cut(CUTS)

FIXTURE(map) {
	int fd;
	struct gnt_pages own;
};

FIXTURE_SETUP(map)
{
	self->own = (struct gnt_pages){ .fd = -1 };
	self->fd = -1;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
}

/* Whatever a test did, nothing may hold the granted pages afterwards. */
FIXTURE_TEARDOWN(map)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->own.fd < 0)
		return;
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, self->own.count));
	gnt_pages_free(&self->own);
}

static int grant_seeded(struct gnt_pages *own, uint32_t count, uint64_t seed)
{
	int ret = gnt_pages_alloc(own, SELF, count, true);

	if (!ret)
		pattern_fill(own->addr, 0, count, seed);
	return ret;
}

static int map_own(FIXTURE_DATA(map) *self, struct gntdev_mapping *map,
		   int prot)
{
	return gntdev_mapping_open(map, self->fd, SELF, self->own.refs,
				   self->own.count, prot);
}

static void *try_mmap(int fd, uint64_t index, uint32_t count, int prot,
		      int flags)
{
	return mmap(NULL, bytes_of(count), prot, flags, fd, (off_t)index);
}

/* The errno of an mmap() that has to fail, 0 if it does not. */
static int mmap_error(int fd, uint64_t index, uint32_t count, int prot,
		      int flags)
{
	void *mem = try_mmap(fd, index, count, prot, flags);

	if (mem == MAP_FAILED)
		return errno;
	munmap(mem, bytes_of(count));
	return 0;
}

/* A reference that was granted once and is no more. */
static uint32_t revoked_ref(void)
{
	struct gnt_pages gone;
	uint32_t ref;

	if (gnt_pages_alloc(&gone, SELF, 1, true))
		return REF_BEYOND_TABLE;
	ref = gone.refs[0];
	revoke_pages(&gone);
	gnt_pages_free(&gone);
	return ref;
}

TEST_F(map, first_index_is_zero)
{
	uint32_t ref = 8;
	uint64_t index = 1;

	ASSERT_EQ(0, gntdev_map(self->fd, SELF, &ref, 1, &index));
	EXPECT_EQ(0, index);
	EXPECT_EQ(0, gntdev_unmap(self->fd, index, 1));
}

static void check_both_directions(struct __test_metadata *_metadata,
				  FIXTURE_DATA(map) *self, uint32_t count)
{
	struct gntdev_mapping map;

	ASSERT_EQ(0, grant_seeded(&self->own, count, count));
	ASSERT_EQ(0, map_own(self, &map, RW));
	EXPECT_EQ(0, pattern_check(map.addr, 0, count, count, NULL));
	pattern_fill(map.addr, 0, count, ~count);
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, count, ~count, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, count));
	gnt_pages_free(&self->own);
}

TEST_F(map, data_passes_at_all_sizes)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++)
		check_both_directions(_metadata, self, buffer_sizes[i]);
}

TEST_F(map, limit_many_grants_are_mapped)
{
	const uint32_t own = 1024;
	uint32_t limit = (uint32_t)gntdev_limit();
	struct gntdev_mapping map;
	uint32_t *refs;

	ASSERT_LT(0, limit);
	ASSERT_EQ(0, grant_seeded(&self->own, own, 7));
	refs = repeat_refs(self->own.refs, own, limit);
	ASSERT_NE(NULL, refs);
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, refs, limit,
					 RW));
	for (uint32_t i = 0; i + own <= limit; i += own)
		ASSERT_EQ(0, pattern_check(page_of(map.addr, i), 0, own, 7,
					   NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	free(refs);
}

TEST_F(map, limit_plus_one_is_refused)
{
	uint32_t limit = (uint32_t)gntdev_limit();
	uint64_t index;
	uint32_t *refs = calloc(limit + 1, sizeof(*refs));

	ASSERT_NE(NULL, refs);
	ASSERT_EQ(0, gntdev_map(self->fd, SELF, refs, limit, &index));
	EXPECT_EQ(0, gntdev_unmap(self->fd, index, limit));
	EXPECT_EQ(-EINVAL, gntdev_map(self->fd, SELF, refs, limit + 1, &index));
	free(refs);
}

TEST_F(map, three_maps_in_any_order)
{
	static const int order[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	uint64_t index[3];
	void *mem[3];

	ASSERT_EQ(0, grant_seeded(&self->own, 6, 3));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, gntdev_map(self->fd, SELF, self->own.refs + 2 * i,
					2, &index[i]));
	for (int o = 0; o < 6; o++) {
		for (int i = 0; i < 3; i++) {
			int n = order[o][i];

			mem[n] = try_mmap(self->fd, index[n], 2, RW,
					  MAP_SHARED);
			ASSERT_NE(MAP_FAILED, mem[n]);
		}
		for (uint32_t n = 0; n < 3; n++)
			EXPECT_EQ(0, pattern_check(mem[n], 2 * n, 2, 3, NULL));
		for (int i = 2; i >= 0; i--)
			ASSERT_EQ(0, munmap(mem[order[5 - o][i]], bytes_of(2)));
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, gntdev_unmap(self->fd, index[i], 2));
}

TEST_F(map, one_mapping_of_grants_in_any_order)
{
	struct gntdev_mapping map;
	uint32_t refs[SMALL];

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 4));
	for (uint32_t i = 0; i < SMALL; i++)
		refs[i] = self->own.refs[SMALL - 1 - i];
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, refs, SMALL,
					 RW));
	for (uint32_t i = 0; i < SMALL; i++)
		EXPECT_EQ(0, pattern_check(page_of(map.addr, i), SMALL - 1 - i,
					   1, 4, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

/* Replace the references whose bits are set in @mask by one that is bad. */
static void expect_refused(struct __test_metadata *_metadata,
			   FIXTURE_DATA(map) *self, uint32_t count,
			   uint64_t mask, uint32_t bad, int error)
{
	struct gntdev_mapping map;
	uint32_t *refs;

	refs = repeat_refs(self->own.refs, self->own.count, count);
	ASSERT_NE(NULL, refs);
	for (uint32_t i = 0; i < count; i++)
		if (mask & (1ull << i))
			refs[i] = bad;
	EXPECT_EQ(-error, gntdev_mapping_open(&map, self->fd, SELF, refs,
					      count, RW));
	free(refs);
}

TEST_F(map, one_revoked_ref_fails_all)
{
	uint32_t bad;

	ASSERT_EQ(0, grant_seeded(&self->own, 33, 1));
	bad = revoked_ref();
	ASSERT_NE(REF_BEYOND_TABLE, bad);
	for (uint32_t i = 0; i < 33; i++)
		expect_refused(_metadata, self, 33, 1ull << i, bad, EACCES);
}

TEST_F(map, alternating_revoked_refs_fail_all)
{
	uint32_t bad;

	ASSERT_EQ(0, grant_seeded(&self->own, 33, 1));
	bad = revoked_ref();
	expect_refused(_metadata, self, 33, 0x5555555555ull, bad, EACCES);
	expect_refused(_metadata, self, 33, 0xaaaaaaaaaaull, bad, EACCES);
	expect_refused(_metadata, self, 33, ~0ull, bad, EACCES);
}

TEST_F(map, ref_beyond_table_fails_all)
{
	ASSERT_EQ(0, grant_seeded(&self->own, 9, 1));
	for (uint32_t i = 0; i < 9; i++)
		expect_refused(_metadata, self, 9, 1ull << i, REF_BEYOND_TABLE,
			       EINVAL);
}

TEST_F(map, map_works_after_failed_mmap)
{
	struct gntdev_mapping map;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 9));
	expect_refused(_metadata, self, SMALL, 4, revoked_ref(), EACCES);
	ASSERT_EQ(0, map_own(self, &map, RW));
	EXPECT_EQ(0, pattern_check(map.addr, 0, SMALL, 9, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(map, revoked_after_naming_fails)
{
	uint64_t index;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 1));
	ASSERT_EQ(0, gntdev_map(self->fd, SELF, self->own.refs, SMALL, &index));
	ASSERT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(EACCES, mmap_error(self->fd, index, SMALL, RW, MAP_SHARED));
	EXPECT_EQ(0, gntdev_unmap(self->fd, index, SMALL));
	gnt_pages_free(&self->own);
}

TEST_F(map, grant_for_another_domain_is_refused)
{
	struct gntdev_mapping map;

	/* dom0 offers this page to domain 1, and takes it itself. */
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, 1, 1, true));
	EXPECT_EQ(-EACCES, map_own(self, &map, PROT_READ));
}

TEST_F(map, unknown_domain_is_refused)
{
	struct gntdev_mapping map;
	uint32_t ref = 8;

	EXPECT_EQ(-EINVAL, gntdev_mapping_open(&map, self->fd,
					       FIRST_RESERVED_DOMID - 1, &ref,
					       1, PROT_READ));
}

TEST_F(map, each_ref_has_its_own_domain)
{
	struct {
		struct ioctl_gntdev_map_grant_ref op;
		struct ioctl_gntdev_grant_ref more;
	} cmd = { .op.count = 2 };

	ASSERT_EQ(0, grant_seeded(&self->own, 2, 6));
	cmd.op.refs[0].domid = SELF;
	cmd.op.refs[0].ref = self->own.refs[0];
	cmd.more.domid = FIRST_RESERVED_DOMID - 1;
	cmd.more.ref = self->own.refs[1];
	ASSERT_EQ(0, ioctl(self->fd, IOCTL_GNTDEV_MAP_GRANT_REF, &cmd));
	EXPECT_EQ(EINVAL, mmap_error(self->fd, cmd.op.index, 2, PROT_READ,
				     MAP_SHARED));
	cmd.more.domid = SELF;
	ASSERT_EQ(0, ioctl(self->fd, IOCTL_GNTDEV_MAP_GRANT_REF, &cmd));
	EXPECT_EQ(0, mmap_error(self->fd, cmd.op.index, 2, PROT_READ,
				MAP_SHARED));
}

TEST_F(map, mmap_takes_the_whole_map_only)
{
	uint64_t index;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 1));
	ASSERT_EQ(0, gntdev_map(self->fd, SELF, self->own.refs, SMALL, &index));
	EXPECT_EQ(EINVAL, mmap_error(self->fd, index, SMALL - cut(1), RW,
				     MAP_SHARED));
	EXPECT_EQ(EINVAL, mmap_error(self->fd, index, SMALL + 1, RW,
				     MAP_SHARED));
	EXPECT_EQ(EINVAL, mmap_error(self->fd, index + bytes_of(cut(1)),
				     SMALL - cut(1), RW, MAP_SHARED));
	EXPECT_EQ(EINVAL, mmap_error(self->fd, index + bytes_of(SMALL), 1, RW,
				     MAP_SHARED));
	EXPECT_EQ(0, mmap_error(self->fd, index, SMALL, RW, MAP_SHARED));
}

TEST_F(map, second_mmap_is_busy_until_munmap)
{
	struct gntdev_mapping map;

	if (!pv_domain())
		SKIP(return, NOT_PV);
	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 2));
	ASSERT_EQ(0, map_own(self, &map, RW));
	EXPECT_EQ(EBUSY, mmap_error(self->fd, map.index, SMALL, RW,
				    MAP_SHARED));
	EXPECT_EQ(0, pattern_check(map.addr, 0, SMALL, 2, NULL));
	ASSERT_EQ(0, munmap(map.addr, bytes_of(SMALL)));
	map.addr = try_mmap(self->fd, map.index, SMALL, RW, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, map.addr);
	EXPECT_EQ(0, pattern_check(map.addr, 0, SMALL, 2, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(map, read_only_grant_is_never_writable)
{
	/* Several read-only grants cannot be had with large pages. */
	uint32_t count = grants_per_page() > 1 ? 1 : 3;
	struct gntdev_mapping map;

	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, count, false));
	pattern_fill(self->own.addr, 0, count, 11);
	EXPECT_EQ(-EACCES, map_own(self, &map, RW));
	ASSERT_EQ(0, map_own(self, &map, PROT_READ));
	EXPECT_EQ(0, pattern_check(map.addr, 0, count, 11, NULL));
	EXPECT_EQ(-1, mprotect(map.addr, bytes_of(count), RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_FALSE(can_write(map.addr));
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, count, 11, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(map, mapped_read_only_stays_read_only)
{
	struct gntdev_mapping map;

	ASSERT_EQ(0, grant_seeded(&self->own, 3, 12));
	ASSERT_EQ(0, map_own(self, &map, PROT_READ));
	EXPECT_EQ(-1, mprotect(map.addr, bytes_of(3), RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_FALSE(can_write(map.addr));
	EXPECT_EQ(0, pattern_check(map.addr, 0, 3, 12, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(map, private_mapping_never_becomes_writable)
{
	uint64_t index;
	void *mem;

	ASSERT_EQ(0, grant_seeded(&self->own, 3, 13));
	ASSERT_EQ(0, gntdev_map(self->fd, SELF, self->own.refs, 3, &index));
	EXPECT_EQ(EINVAL, mmap_error(self->fd, index, 3, RW, MAP_PRIVATE));
	mem = try_mmap(self->fd, index, 3, PROT_READ, MAP_PRIVATE);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, pattern_check(mem, 0, 3, 13, NULL));
	EXPECT_EQ(-1, mprotect(mem, bytes_of(3), RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_FALSE(can_write(mem));
	EXPECT_EQ(0, pattern_check(mem, 0, 3, 13, NULL));
	munmap(mem, bytes_of(3));
}

/* Heap's algorithm, one step: the next order of pages to unmap. */
static bool next_order(unsigned int *order, unsigned int *state,
		       unsigned int *pos)
{
	while (*pos < CUTS) {
		if (state[*pos] < *pos) {
			unsigned int other = *pos % 2 ? state[*pos] : 0;
			unsigned int swap = order[other];

			order[other] = order[*pos];
			order[*pos] = swap;
			state[*pos]++;
			*pos = 1;
			return true;
		}
		state[*pos] = 0;
		(*pos)++;
	}
	return false;
}

static void munmap_in_order(struct __test_metadata *_metadata,
			    FIXTURE_DATA(map) *self, const unsigned int *order)
{
	unsigned int gone = 0;
	struct gntdev_mapping map;

	ASSERT_EQ(0, map_own(self, &map, RW));
	for (unsigned int i = 0; i < CUTS; i++) {
		ASSERT_EQ(0, munmap(page_of(map.addr, cut(order[i])),
				    bytes_of(cut(1))));
		gone |= 1u << order[i];
		for (unsigned int n = 0; n < CUTS; n++) {
			void *page = page_of(map.addr, cut(n));

			if (gone & (1u << n)) {
				EXPECT_FALSE(can_read(page));
				continue;
			}
			EXPECT_EQ(0, pattern_check(page, cut(n), cut(1), 5,
						   NULL));
		}
	}
	EXPECT_EQ(0, gntdev_unmap(self->fd, map.index, SMALL));
}

TEST_F(map, munmap_pages_in_every_order)
{
	unsigned int order[CUTS] = { 0, 1, 2, 3, 4 };
	unsigned int state[CUTS] = { 0 };
	unsigned int pos = 1;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 5));
	do {
		munmap_in_order(_metadata, self, order);
	} while (next_order(order, state, &pos));
}

TEST_F(map, munmap_ranges_with_holes)
{
	struct gntdev_mapping map;
	const uint32_t n = cut(64);

	ASSERT_EQ(0, grant_seeded(&self->own, n, 8));
	for (uint32_t first = 0; first < n; first += cut(7)) {
		for (uint32_t len = cut(1); first + len <= n; len += cut(9)) {
			uint32_t rest = n - first - len;

			ASSERT_EQ(0, map_own(self, &map, RW));
			ASSERT_EQ(0, munmap(page_of(map.addr, first),
					    bytes_of(len)));
			EXPECT_EQ(0, pattern_check(map.addr, 0, first, 8,
						   NULL));
			EXPECT_EQ(0, pattern_check(page_of(map.addr,
							   first + len),
						   first + len, rest, 8, NULL));
			EXPECT_EQ(0, gntdev_mapping_close(&map));
		}
	}
}

TEST_F(map, mprotect_in_the_middle_keeps_data)
{
	struct gntdev_mapping map;
	void *middle;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 14));
	ASSERT_EQ(0, map_own(self, &map, RW));
	middle = page_of(map.addr, cut(2));
	ASSERT_EQ(0, mprotect(middle, bytes_of(cut(1)), PROT_READ));
	EXPECT_EQ(0, pattern_check(map.addr, 0, SMALL, 14, NULL));
	EXPECT_FALSE(can_write(middle));
	ASSERT_EQ(0, mprotect(middle, bytes_of(cut(1)), RW));
	EXPECT_EQ(0, pattern_check(map.addr, 0, SMALL, 14, NULL));
	pattern_fill(map.addr, 0, SMALL, 15);
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 15, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(map, mprotect_none_and_back_keeps_data)
{
	struct gntdev_mapping map;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 16));
	ASSERT_EQ(0, map_own(self, &map, RW));
	ASSERT_EQ(0, mprotect(map.addr, bytes_of(SMALL), PROT_NONE));
	EXPECT_FALSE(can_read(map.addr));
	ASSERT_EQ(0, mprotect(map.addr, bytes_of(SMALL), RW));
	EXPECT_EQ(0, pattern_check(map.addr, 0, SMALL, 16, NULL));
	pattern_fill(map.addr, 0, SMALL, 17);
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 17, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(map, split_then_munmap_halves)
{
	struct gntdev_mapping map;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 18));
	ASSERT_EQ(0, map_own(self, &map, RW));
	ASSERT_EQ(0, mprotect(page_of(map.addr, cut(2)), bytes_of(cut(2)),
			      PROT_READ));
	ASSERT_EQ(0, munmap(map.addr, bytes_of(cut(3))));
	EXPECT_EQ(0, pattern_check(page_of(map.addr, cut(3)), cut(3), cut(2),
				   18, NULL));
	ASSERT_EQ(0, munmap(page_of(map.addr, cut(3)), bytes_of(cut(2))));
	EXPECT_EQ(0, gntdev_unmap(self->fd, map.index, SMALL));
}

/* Where the pages are ordinary ones, so is their mapping. */
TEST_F(map, auto_translated_mapping_is_shared_moved_and_inherited)
{
	struct gntdev_mapping map;
	void *second, *room;
	int status;
	pid_t child;

	if (pv_domain())
		SKIP(return, "not in a PV domain");
	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 50));
	ASSERT_EQ(0, map_own(self, &map, RW));
	second = try_mmap(self->fd, map.index, SMALL, RW, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, second);
	room = mmap(NULL, bytes_of(SMALL), PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, room);
	map.addr = mremap(map.addr, bytes_of(SMALL), bytes_of(SMALL),
			  MREMAP_MAYMOVE | MREMAP_FIXED, room);
	ASSERT_NE(MAP_FAILED, map.addr);
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		pattern_fill(map.addr, 0, SMALL, 51);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, pattern_check(second, 0, SMALL, 51, NULL));
	EXPECT_EQ(0, pattern_check(map.addr, 0, SMALL, 51, NULL));
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 51, NULL));
	EXPECT_EQ(0, munmap(second, bytes_of(SMALL)));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(map, mremap_fails_and_mapping_survives)
{
	struct gntdev_mapping map;
	void *room;

	if (!pv_domain())
		SKIP(return, NOT_PV);
	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 19));
	ASSERT_EQ(0, map_own(self, &map, RW));
	room = mmap(NULL, bytes_of(2 * SMALL), PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, room);
	EXPECT_EQ(MAP_FAILED, mremap(map.addr, bytes_of(SMALL), bytes_of(SMALL),
				     MREMAP_MAYMOVE | MREMAP_FIXED, room));
	EXPECT_EQ(0, pattern_check(map.addr, 0, SMALL, 19, NULL));
	EXPECT_EQ(MAP_FAILED, mremap(map.addr, bytes_of(SMALL),
				     bytes_of(2 * SMALL), MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(map.addr, 0, bytes_of(SMALL),
				     MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(page_of(map.addr, 1), bytes_of(1),
				     bytes_of(1),
				     MREMAP_MAYMOVE | MREMAP_FIXED, room));
	pattern_fill(map.addr, 0, SMALL, 20);
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 20, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(map, madvise_dontneed_loses_no_data)
{
	struct gntdev_mapping map;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 21));
	ASSERT_EQ(0, map_own(self, &map, RW));
	/* Whether the kernel allows it is its business. */
	if (!madvise(page_of(map.addr, cut(1)), bytes_of(cut(2)),
		     MADV_DONTNEED))
		TH_LOG("MADV_DONTNEED accepted");
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 21, NULL));
	if (can_read(page_of(map.addr, cut(1)))) {
		EXPECT_EQ(0, pattern_check(page_of(map.addr, cut(1)), cut(1),
					   cut(2), 21, NULL));
	}
	EXPECT_EQ(0, pattern_check(map.addr, 0, cut(1), 21, NULL));
	EXPECT_EQ(0, pattern_check(page_of(map.addr, cut(3)), cut(3), cut(2),
				   21, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(map, fork_does_not_inherit_the_mapping)
{
	struct gntdev_mapping map;
	int status;
	pid_t child;

	if (!pv_domain())
		SKIP(return, NOT_PV);
	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 22));
	ASSERT_EQ(0, map_own(self, &map, RW));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(can_read(map.addr) || can_read(page_of(map.addr, 4)));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(0, pattern_check(map.addr, 0, SMALL, 22, NULL));
	pattern_fill(map.addr, 0, SMALL, 23);
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 23, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(map, unmap_command_leaves_the_mapping)
{
	struct gntdev_mapping map;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 24));
	ASSERT_EQ(0, map_own(self, &map, RW));
	EXPECT_EQ(0, gntdev_unmap(self->fd, map.index, SMALL));
	EXPECT_EQ(-ENOENT, gntdev_unmap(self->fd, map.index, SMALL));
	EXPECT_EQ(0, pattern_check(map.addr, 0, SMALL, 24, NULL));
	pattern_fill(map.addr, 0, SMALL, 25);
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 25, NULL));
	ASSERT_EQ(0, munmap(map.addr, bytes_of(SMALL)));
	EXPECT_EQ(EINVAL, mmap_error(self->fd, map.index, SMALL, RW,
				     MAP_SHARED));
}

TEST_F(map, unmap_needs_the_exact_range)
{
	uint64_t index;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 1));
	ASSERT_EQ(0, gntdev_map(self->fd, SELF, self->own.refs, SMALL, &index));
	EXPECT_EQ(-ENOENT, gntdev_unmap(self->fd, index, SMALL - 1));
	EXPECT_EQ(-ENOENT, gntdev_unmap(self->fd, index, SMALL + 1));
	EXPECT_EQ(-ENOENT, gntdev_unmap(self->fd, index + GRANT_PAGE_SIZE,
					SMALL));
	EXPECT_EQ(-ENOENT, gntdev_unmap(self->fd, index + 1, SMALL));
	EXPECT_EQ(-ENOENT, gntdev_unmap(self->fd, index + (1ull << 32), SMALL));
	EXPECT_EQ(0, gntdev_unmap(self->fd, index, SMALL));
}

TEST_F(map, offset_is_found_for_each_page)
{
	struct gntdev_mapping first, map;
	uint32_t count;
	uint64_t offset;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 1));
	ASSERT_EQ(0, gntdev_mapping_open(&first, self->fd, SELF,
					 self->own.refs, 1, RW));
	ASSERT_EQ(0, map_own(self, &map, RW));
	for (uint32_t i = 0; i < SMALL; i++) {
		void *inside = (char *)page_of(map.addr, i) + 77;

		ASSERT_EQ(0, gntdev_get_offset(self->fd, inside, &offset,
					       &count));
		EXPECT_EQ(map.index, offset);
		EXPECT_EQ(SMALL, count);
	}
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_EQ(0, gntdev_mapping_close(&first));
}

TEST_F(map, offset_of_other_addresses_is_refused)
{
	struct gntdev_mapping map;
	uint64_t offset;
	uint32_t count;
	void *room;

	/* Room of its own, so that nothing lies directly around the map. */
	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 1));
	ASSERT_EQ(0, gntdev_map(self->fd, SELF, self->own.refs, SMALL,
				&map.index));
	room = mmap(NULL, bytes_of(SMALL + cut(2)), PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, room);
	map.addr = mmap(page_of(room, cut(1)), bytes_of(SMALL), RW,
			MAP_SHARED | MAP_FIXED, self->fd, (off_t)map.index);
	ASSERT_NE(MAP_FAILED, map.addr);
	ASSERT_EQ(0, munmap(room, bytes_of(cut(1))));
	EXPECT_EQ(-EINVAL, gntdev_get_offset(self->fd, room, &offset, &count));
	EXPECT_EQ(-EINVAL, gntdev_get_offset(self->fd,
					     (char *)map.addr - 1, &offset,
					     &count));
	EXPECT_EQ(-EINVAL, gntdev_get_offset(self->fd,
					     page_of(map.addr, SMALL), &offset,
					     &count));
	EXPECT_EQ(-EINVAL, gntdev_get_offset(self->fd, &map, &offset, &count));
	EXPECT_EQ(-EINVAL, gntdev_get_offset(self->fd, NULL, &offset, &count));
	munmap(map.addr, bytes_of(SMALL));
}

TEST_F(map, offset_is_found_through_another_file)
{
	struct gntdev_mapping map;
	int other = gntdev_open();
	uint64_t offset = ~0ull;
	uint32_t count = 0;

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 1));
	ASSERT_EQ(0, map_own(self, &map, RW));
	EXPECT_EQ(0, gntdev_get_offset(other, map.addr, &offset, &count));
	EXPECT_EQ(map.index, offset);
	EXPECT_EQ(SMALL, count);
	close(other);
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(map, same_grant_mapped_by_two_files)
{
	struct gntdev_mapping one, two;
	int other = gntdev_open();

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 26));
	ASSERT_EQ(0, map_own(self, &one, RW));
	ASSERT_EQ(0, gntdev_mapping_open(&two, other, SELF, self->own.refs,
					 SMALL, RW));
	pattern_fill(one.addr, 0, SMALL, 27);
	EXPECT_EQ(0, pattern_check(two.addr, 0, SMALL, 27, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&one));
	pattern_fill(two.addr, 0, SMALL, 28);
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 28, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&two));
	close(other);
}

/* More than 4 GiB of names on one file: no two of them may overlap. */
TEST_F(map, index_beyond_4g_does_not_wrap)
{
	uint32_t limit = (uint32_t)gntdev_limit();
	uint32_t maps = (uint32_t)((5ull << 30) / bytes_of(limit));
	struct gntdev_mapping map;
	uint32_t *refs = calloc(limit, sizeof(*refs));
	uint64_t *index = calloc(maps, sizeof(*index));

	ASSERT_NE(NULL, refs);
	ASSERT_NE(NULL, index);
	for (uint32_t i = 0; i < maps; i++) {
		ASSERT_EQ(0, gntdev_map(self->fd, SELF, refs, limit,
					&index[i]));
		for (uint32_t k = 0; k < i; k++)
			ASSERT_TRUE(index[i] >= index[k] + bytes_of(limit) ||
				    index[k] >= index[i] + bytes_of(limit));
	}
	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 29));
	ASSERT_EQ(0, map_own(self, &map, RW));
	EXPECT_LT(4ull << 30, map.index);
	EXPECT_EQ(0, pattern_check(map.addr, 0, SMALL, 29, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	for (uint32_t i = 0; i < maps; i++)
		EXPECT_EQ(0, gntdev_unmap(self->fd, index[i], limit));
	free(index);
	free(refs);
}

TEST_F(map, device_does_io_on_mapped_grants)
{
	struct gntdev_mapping map;
	int file;

	/* read() and write() of a file on mapped grants, as backends do. */
	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 30));
	ASSERT_EQ(0, map_own(self, &map, RW));
	file = memfd_create("copy", MFD_CLOEXEC);
	ASSERT_GE(file, 0);
	ASSERT_EQ((ssize_t)bytes_of(SMALL),
		  write(file, map.addr, bytes_of(SMALL)));
	pattern_fill(map.addr, 0, SMALL, 31);
	ASSERT_EQ((ssize_t)bytes_of(SMALL),
		  pread(file, map.addr, bytes_of(SMALL), 0));
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 30, NULL));
	close(file);
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_HARNESS_MAIN
