// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of the kernel that are larger than a grant: several grants make a page,
 * and the last page of a mapping may have fewer than the others.
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <drm.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"

#define RW (PROT_READ | PROT_WRITE)
#define CYCLES 1000u
/* What the allocators of the kernel may keep of that many cycles. */
#define SLACK_KB 8192u

FIXTURE(large_pages) {
	int fd;
	uint32_t per_page;
	struct gnt_pages own;
};

FIXTURE_SETUP(large_pages)
{
	self->own.fd = -1;
	self->fd = -1;
	self->per_page = grants_per_page();
	if (self->per_page == 1)
		SKIP(return, "a page of this kernel is one grant");
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, 4 * self->per_page,
				     true));
	pattern_fill(self->own.addr, 0, self->own.count, 1);
}

FIXTURE_TEARDOWN(large_pages)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->own.fd < 0)
		return;
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, self->own.count));
	gnt_pages_free(&self->own);
}

static int map_first(FIXTURE_DATA(large_pages) *self,
		     struct gntdev_mapping *map, uint32_t count, int prot)
{
	return gntdev_mapping_open(map, self->fd, SELF, self->own.refs, count,
				   prot);
}

static bool all_zero(const char *mem, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (mem[i])
			return false;
	return true;
}

/*
 * What the grants leave of the last page is memory that holds nothing and
 * belongs to nobody else.
 */
static void check_rest(struct __test_metadata *_metadata,
		       FIXTURE_DATA(large_pages) *self, void *addr,
		       uint32_t count)
{
	uint32_t rest = whole_pages(count) - count;
	char *mem = page_of(addr, count);

	EXPECT_TRUE(all_zero(mem, bytes_of(rest)));
	memset(mem, 0x55, bytes_of(rest));
	EXPECT_EQ(0, pattern_check(page_of(self->own.addr, count), count,
				   self->own.count - count, 1, NULL));
}

TEST_F(large_pages, any_number_of_grants_is_mapped)
{
	for (uint32_t count = 1; count <= self->own.count; count++) {
		struct gntdev_mapping map;

		ASSERT_EQ(0, map_first(self, &map, count, RW));
		EXPECT_EQ(0, pattern_check(map.addr, 0, count, 1, NULL));
		check_rest(_metadata, self, map.addr, count);
		pattern_fill(map.addr, 0, count, 2);
		EXPECT_EQ(0, pattern_check(self->own.addr, 0, count, 2, NULL));
		pattern_fill(self->own.addr, 0, count, 1);
		EXPECT_EQ(0, pattern_check(map.addr, 0, count, 1, NULL));
		EXPECT_EQ(0, gntdev_mapping_close(&map));
	}
}

TEST_F(large_pages, grants_lie_in_the_order_they_are_named)
{
	uint32_t count = self->own.count - 1;
	struct gntdev_mapping map;
	uint32_t refs[count];

	for (uint32_t i = 0; i < count; i++)
		refs[i] = self->own.refs[count - 1 - i];
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, refs, count,
					 RW));
	for (uint32_t i = 0; i < count; i++)
		EXPECT_EQ(0, pattern_check(page_of(map.addr, i), count - 1 - i,
					   1, 1, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

/* The same grant may be on a page several times. */
TEST_F(large_pages, one_grant_makes_a_page)
{
	uint32_t *refs = repeat_refs(self->own.refs, 1, self->per_page);
	struct gntdev_mapping map;

	ASSERT_NE(NULL, refs);
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, refs,
					 self->per_page, RW));
	for (uint32_t i = 0; i < self->per_page; i++)
		EXPECT_EQ(0, pattern_check(page_of(map.addr, i), 0, 1, 1,
					   NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	free(refs);
}

TEST_F(large_pages, a_bad_reference_anywhere_on_a_page_fails_all)
{
	uint32_t count = self->own.count - 1;
	uint32_t refs[count];

	for (uint32_t bad = 0; bad < count; bad++) {
		struct gntdev_mapping map;

		memcpy(refs, self->own.refs, sizeof(refs));
		refs[bad] = REF_BEYOND_TABLE;
		EXPECT_EQ(-EINVAL, gntdev_mapping_open(&map, self->fd, SELF,
						       refs, count, RW));
		ASSERT_EQ(0, map_first(self, &map, count, RW));
		EXPECT_EQ(0, pattern_check(map.addr, 0, count, 1, NULL));
		EXPECT_EQ(0, gntdev_mapping_close(&map));
	}
}

TEST_F(large_pages, names_take_whole_pages)
{
	uint64_t index[8], page = bytes_of(self->per_page);

	for (uint32_t i = 0; i < 8; i++)
		ASSERT_EQ(0, gntdev_map(self->fd, SELF, self->own.refs,
					self->per_page + 1, &index[i]));
	for (uint32_t i = 0; i < 8; i++) {
		EXPECT_EQ(2 * page * i, index[i]);
		EXPECT_EQ(-ENOENT, gntdev_unmap(self->fd, index[i],
						2 * self->per_page));
		EXPECT_EQ(0, gntdev_unmap(self->fd, index[i],
					  self->per_page + 1));
	}
}

TEST_F(large_pages, part_of_a_range_is_not_mapped)
{
	uint64_t index;

	ASSERT_EQ(0, gntdev_map(self->fd, SELF, self->own.refs,
				self->per_page + 1, &index));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, bytes_of(self->per_page), RW,
				   MAP_SHARED, self->fd, (off_t)index));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, bytes_of(2 * self->per_page + 1), RW,
				   MAP_SHARED, self->fd, (off_t)index));
	EXPECT_EQ(EINVAL, errno);
}

/* The byte to clear has to be one that the peer can see. */
TEST_F(large_pages, byte_behind_the_grants_is_not_cleared)
{
	uint32_t count = self->per_page + 1;
	struct gntdev_mapping map;
	uint64_t end;
	char *last = (char *)page_of(self->own.addr, count) - 1;

	ASSERT_EQ(0, map_first(self, &map, count, RW));
	end = map.index + bytes_of(count);
	EXPECT_EQ(-ENOENT, gntdev_set_unmap_notify(self->fd, end,
						   UNMAP_NOTIFY_CLEAR_BYTE, 0));
	EXPECT_EQ(0, gntdev_set_unmap_notify(self->fd, end - 1,
					     UNMAP_NOTIFY_CLEAR_BYTE, 0));
	*last = 0x77;
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_EQ(0, *last);
}

/* A page of which a part is shared must not pass for one that is. */
TEST_F(large_pages, only_whole_pages_are_exported)
{
	static const uint32_t flags[] = {
		0, GNTDEV_DMA_FLAG_WC, GNTDEV_DMA_FLAG_COHERENT,
	};
	unsigned int fds = count_open_fds();

	for (uint32_t i = 0; i < 3 * self->own.count; i++) {
		struct gnt_pages some = self->own;
		int dmabuf;

		some.count = i / 3 + 1;
		dmabuf = export_pages(self->fd, &some, flags[i % 3]);
		if (some.count % self->per_page) {
			EXPECT_EQ(-EOPNOTSUPP, dmabuf);
			continue;
		}
		ASSERT_GE(dmabuf, 0);
		EXPECT_EQ((off_t)bytes_of(some.count),
			  lseek(dmabuf, 0, SEEK_END));
		EXPECT_EQ(0, check_dmabuf(dmabuf, some.count, 1));
		close(dmabuf);
		EXPECT_TRUE(released(self->fd, dmabuf));
	}
	EXPECT_EQ(fds, count_open_fds());
}

static int import_by_device(int drm, int dmabuf)
{
	struct drm_prime_handle prime = { .fd = dmabuf };
	struct drm_gem_close gem = { 0 };

	if (ioctl(drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime))
		return -errno;
	gem.handle = prime.handle;
	return ioctl(drm, DRM_IOCTL_GEM_CLOSE, &gem) ? -errno : 0;
}

/*
 * Dom0's devices see machine addresses. Frames of one page in another order are
 * good for the processor, and not for a device.
 */
TEST_F(large_pages, device_needs_frames_in_a_row)
{
	uint32_t count = self->own.count;
	int dmabuf, drm = drm_open("vgem");
	uint32_t refs[count];
	void *mem;

	if (drm < 0)
		SKIP(return, "no vgem device");
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(0, import_by_device(drm, dmabuf));
	close(dmabuf);
	for (uint32_t i = 0; i < count; i++)
		refs[i] = self->own.refs[count - 1 - i];
	ASSERT_EQ(0, gntdev_exp_from_refs(self->fd, 0, SELF, refs, count,
					  &dmabuf));
	EXPECT_EQ(-EOPNOTSUPP, import_by_device(drm, dmabuf));
	pattern_fill(self->own.addr, 0, count, 6);
	mem = map_dmabuf(dmabuf, count, PROT_READ);
	ASSERT_NE(NULL, mem);
	for (uint32_t i = 0; i < count; i++)
		EXPECT_EQ(0, pattern_check(page_of(mem, i), count - 1 - i, 1, 6,
					   NULL));
	munmap(mem, bytes_of(count));
	close(dmabuf);
	close(drm);
}

/* The count of an import is that of the grants, not of the pages. */
TEST_F(large_pages, import_counts_in_grants)
{
	uint32_t count = 3 * self->per_page;
	struct dmabuf_pages buffer;
	struct gntdev_mapping map;
	uint32_t refs[count + 1];

	ASSERT_EQ(0, dmabuf_pages_alloc(&buffer, count));
	pattern_fill(buffer.addr, 0, count, 3);
	for (uint32_t n = 1; n <= count + 1; n++) {
		if (n == count)
			continue;
		EXPECT_EQ(-EINVAL, gntdev_imp_to_refs(self->fd, buffer.dmabuf,
						      SELF, n, refs));
	}
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, buffer.dmabuf, SELF, count,
					refs));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, refs, count,
					 RW));
	EXPECT_EQ(0, pattern_check(map.addr, 0, count, 3, NULL));
	pattern_fill(map.addr, 0, count, 4);
	EXPECT_EQ(0, pattern_check(buffer.addr, 0, count, 4, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, buffer.dmabuf));
	EXPECT_EQ(0, live_grants(SELF, refs, count));
	dmabuf_pages_free(&buffer);
}

/* A release while one grant of a page is mapped keeps the whole page. */
TEST_F(large_pages, import_ends_when_the_last_grant_of_a_page_does)
{
	uint32_t count = self->per_page;
	struct dmabuf_pages buffer;
	struct gntdev_mapping map;
	uint32_t refs[count];
	void *room;

	ASSERT_EQ(0, dmabuf_pages_alloc(&buffer, count));
	pattern_fill(buffer.addr, 0, count, 5);
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, buffer.dmabuf, SELF, count,
					refs));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, refs + count - 1,
					 1, RW));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, buffer.dmabuf));
	dmabuf_pages_free(&buffer);
	room = mmap(NULL, 64ull << 20, RW,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, room);
	EXPECT_EQ(0, pattern_check(map.addr, count - 1, 1, 5, NULL));
	munmap(room, 64ull << 20);
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_TRUE(gone_soon(refs, count));
}

/* Frames come back to the pages that were only partly covered by grants. */
TEST_F(large_pages, memory_is_the_same_after_a_thousand_maps)
{
	uint64_t before = 0, after;

	for (uint32_t i = 0; i < 2 * CYCLES; i++) {
		uint32_t count = i % (2 * self->per_page) + 1;
		struct gntdev_mapping map;

		if (i == CYCLES)
			before = meminfo_kb("MemFree");
		ASSERT_EQ(0, map_first(self, &map, count, RW));
		EXPECT_EQ(0, pattern_check(map.addr, 0, count, 1, NULL));
		EXPECT_EQ(0, gntdev_mapping_close(&map));
	}
	after = meminfo_kb("MemFree");
	TH_LOG("MemFree %llu kB, then %llu kB", (unsigned long long)before,
	       (unsigned long long)after);
	EXPECT_LT(before, after + SLACK_KB);
}

TEST_HARNESS_MAIN
