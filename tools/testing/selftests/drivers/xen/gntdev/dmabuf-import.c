// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMABUF_IMP_TO_REFS and DMABUF_IMP_RELEASE: a local dma-buf is granted. This
 * domain itself is the peer that maps the grants.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>

#include <drm.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"

#define RW (PROT_READ | PROT_WRITE)
#define SMALL whole_pages(5)

FIXTURE(import) {
	int fd;
	/* The open file of the peer. */
	int peer;
};

FIXTURE_SETUP(import)
{
	self->fd = -1;
	self->peer = -1;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	self->fd = gntdev_open();
	self->peer = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->peer, 0);
}

FIXTURE_TEARDOWN(import)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->peer >= 0)
		close(self->peer);
}

/* Import, pass data both ways, release: the references are dead at once. */
static void check_buffer(struct __test_metadata *_metadata,
			 FIXTURE_DATA(import) *self, int dmabuf,
			 uint32_t count)
{
	struct gntdev_mapping map;
	uint32_t *refs = calloc(count, sizeof(*refs));

	ASSERT_NE(NULL, refs);
	ASSERT_EQ(0, fill_dmabuf(dmabuf, count, count));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, SELF, count, refs));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->peer, SELF, refs, count,
					 RW));
	EXPECT_EQ(0, pattern_check(map.addr, 0, count, count, NULL));
	pattern_fill(map.addr, 0, count, ~count);
	EXPECT_EQ(0, check_dmabuf(dmabuf, count, ~count));
	EXPECT_EQ(0, fill_dmabuf(dmabuf, count, count + 1));
	EXPECT_EQ(0, pattern_check(map.addr, 0, count, count + 1, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, dmabuf));
	EXPECT_EQ(0, live_grants(SELF, refs, count));
	EXPECT_EQ(-ENOENT, gntdev_imp_release(self->fd, dmabuf));
	free(refs);
}

TEST_F(import, udmabuf_at_all_sizes)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++) {
		struct dmabuf_pages pages;

		ASSERT_EQ(0, dmabuf_pages_alloc(&pages, buffer_sizes[i]));
		check_buffer(_metadata, self, pages.dmabuf, pages.count);
		dmabuf_pages_free(&pages);
	}
}

TEST_F(import, system_heap_at_all_sizes)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++) {
		int dmabuf = heap_alloc(buffer_sizes[i], O_RDWR);

		ASSERT_GE(dmabuf, 0);
		check_buffer(_metadata, self, dmabuf, buffer_sizes[i]);
		close(dmabuf);
	}
}

static void check_dumb_buffers(struct __test_metadata *_metadata,
			       FIXTURE_DATA(import) *self, const char *driver)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++) {
		int dmabuf = dumb_alloc(driver, buffer_sizes[i], DRM_RDWR);

		if (dmabuf == -ENODEV)
			SKIP(return, "no %s device", driver);
		ASSERT_GE(dmabuf, 0);
		check_buffer(_metadata, self, dmabuf, buffer_sizes[i]);
		close(dmabuf);
	}
}

TEST_F(import, vgem_buffers_at_all_sizes)
{
	check_dumb_buffers(_metadata, self, "vgem");
}

TEST_F(import, screen_buffers_at_all_sizes)
{
	check_dumb_buffers(_metadata, self, "cirrus");
}

/* More than a 16-bit count can tell, in units of 32768. */
TEST_F(import, tens_of_thousands_of_pages)
{
	const uint32_t count = 40000;
	int dmabuf = heap_alloc(count, O_RDWR);

	ASSERT_GE(dmabuf, 0);
	check_buffer(_metadata, self, dmabuf, count);
	close(dmabuf);
}

/* No grant table has room for that many: everything is taken back. */
TEST_F(import, limit_many_pages)
{
	uint32_t limit = (uint32_t)gntdev_limit();
	uint32_t *refs = calloc(limit, sizeof(*refs));
	int dmabuf = heap_alloc(limit, O_RDWR);
	int ret;

	ASSERT_LT(0, limit);
	ASSERT_NE(NULL, refs);
	ASSERT_GE(dmabuf, 0);
	ret = gntdev_imp_to_refs(self->fd, dmabuf, SELF, limit, refs);
	if (!ret) {
		EXPECT_EQ(0, gntdev_imp_release(self->fd, dmabuf));
		EXPECT_EQ(0, live_grants(SELF, refs, limit));
	} else {
		EXPECT_EQ(-ENOSPC, ret);
		EXPECT_EQ(-ENOENT, gntdev_imp_release(self->fd, dmabuf));
	}
	close(dmabuf);
	dmabuf = heap_alloc(limit / 2, O_RDWR);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, SELF, limit / 2,
					refs));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, dmabuf));
	close(dmabuf);
	free(refs);
}

TEST_F(import, count_must_be_the_size_of_the_buffer)
{
	struct dmabuf_pages pages;
	uint32_t refs[2 * SMALL];

	ASSERT_EQ(0, dmabuf_pages_alloc(&pages, SMALL));
	for (uint32_t count = 1; count <= 2 * SMALL; count++) {
		int want = count == SMALL ? 0 : -EINVAL;

		EXPECT_EQ(want, gntdev_imp_to_refs(self->fd, pages.dmabuf, SELF,
						   count, refs));
	}
	EXPECT_EQ(0, gntdev_imp_release(self->fd, pages.dmabuf));
	EXPECT_EQ(-ENOENT, gntdev_imp_release(self->fd, pages.dmabuf));
	dmabuf_pages_free(&pages);
}

TEST_F(import, read_only_descriptor_is_refused)
{
	int dmabuf = heap_alloc(SMALL, O_RDONLY);
	uint32_t refs[SMALL];

	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(-EACCES, gntdev_imp_to_refs(self->fd, dmabuf, SELF, SMALL,
					      refs));
	EXPECT_EQ(-ENOENT, gntdev_imp_release(self->fd, dmabuf));
	close(dmabuf);
}

TEST_F(import, read_only_screen_buffer_is_refused)
{
	int dmabuf = dumb_alloc("cirrus", SMALL, 0);
	uint32_t refs[SMALL];

	if (dmabuf == -ENODEV)
		SKIP(return, "no cirrus device");
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(-EACCES, gntdev_imp_to_refs(self->fd, dmabuf, SELF, SMALL,
					      refs));
	close(dmabuf);
}

/* Foreign frames cannot be granted on. */
TEST_F(import, own_export_is_refused)
{
	struct gnt_pages own;
	uint32_t refs[SMALL];
	int dmabuf;

	ASSERT_EQ(0, gnt_pages_alloc(&own, SELF, SMALL, true));
	pattern_fill(own.addr, 0, SMALL, 2);
	dmabuf = export_pages(self->peer, &own, 0);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(-EOPNOTSUPP, gntdev_imp_to_refs(self->fd, dmabuf, SELF, SMALL,
						  refs));
	EXPECT_EQ(-EOPNOTSUPP, gntdev_imp_to_refs(self->peer, dmabuf, SELF,
						  SMALL, refs));
	EXPECT_EQ(0, check_dmabuf(dmabuf, SMALL, 2));
	close(dmabuf);
	EXPECT_EQ(0, revoke_pages(&own));
	EXPECT_EQ(0, live_grants(SELF, own.refs, SMALL));
	gnt_pages_free(&own);
}

TEST_F(import, released_by_a_closed_number)
{
	struct dmabuf_pages pages;
	uint32_t refs[SMALL];
	int number;

	ASSERT_EQ(0, dmabuf_pages_alloc(&pages, SMALL));
	number = pages.dmabuf;
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, number, SELF, SMALL, refs));
	close(number);
	pages.dmabuf = -1;
	EXPECT_EQ(SMALL + 1, live_grants(SELF, refs, SMALL));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, number));
	EXPECT_EQ(0, live_grants(SELF, refs, SMALL));
	dmabuf_pages_free(&pages);
}

TEST_F(import, close_of_the_file_ends_the_grants)
{
	struct dmabuf_pages pages;
	uint32_t refs[SMALL];

	ASSERT_EQ(0, dmabuf_pages_alloc(&pages, SMALL));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, pages.dmabuf, SELF, SMALL,
					refs));
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(gone_soon(refs, SMALL));
	dmabuf_pages_free(&pages);
}

TEST_F(import, other_files_cannot_release_it)
{
	struct dmabuf_pages pages;
	uint32_t refs[SMALL];

	ASSERT_EQ(0, dmabuf_pages_alloc(&pages, SMALL));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, pages.dmabuf, SELF, SMALL,
					refs));
	EXPECT_EQ(-ENOENT, gntdev_imp_release(self->peer, pages.dmabuf));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, pages.dmabuf));
	dmabuf_pages_free(&pages);
}

TEST_F(import, twice_means_two_sets_of_grants)
{
	struct dmabuf_pages pages;
	uint32_t refs[2][SMALL];

	ASSERT_EQ(0, dmabuf_pages_alloc(&pages, SMALL));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, pages.dmabuf, SELF, SMALL,
					refs[0]));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, pages.dmabuf, SELF, SMALL,
					refs[1]));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, pages.dmabuf));
	EXPECT_EQ(SMALL + 1, live_grants(SELF, refs[0], SMALL) +
		     live_grants(SELF, refs[1], SMALL));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, pages.dmabuf));
	EXPECT_EQ(0, live_grants(SELF, refs[0], SMALL));
	EXPECT_EQ(0, live_grants(SELF, refs[1], SMALL));
	EXPECT_EQ(-ENOENT, gntdev_imp_release(self->fd, pages.dmabuf));
	dmabuf_pages_free(&pages);
}

/* Two buffers that were imported under the same number. */
static void import_two(struct __test_metadata *_metadata,
		       FIXTURE_DATA(import) *self, struct dmabuf_pages *pages,
		       uint32_t refs[2][SMALL])
{
	int keep;

	ASSERT_EQ(0, dmabuf_pages_alloc(&pages[0], SMALL));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, pages[0].dmabuf, SELF, SMALL,
					refs[0]));
	ASSERT_EQ(0, dmabuf_pages_alloc(&pages[1], SMALL));
	keep = pages[1].dmabuf;
	ASSERT_EQ(pages[0].dmabuf, dup3(keep, pages[0].dmabuf, O_CLOEXEC));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, pages[0].dmabuf, SELF, SMALL,
					refs[1]));
}

TEST_F(import, release_takes_the_buffer_behind_the_number)
{
	struct dmabuf_pages pages[2];
	uint32_t refs[2][SMALL];

	import_two(_metadata, self, pages, refs);
	EXPECT_EQ(0, gntdev_imp_release(self->fd, pages[0].dmabuf));
	EXPECT_EQ(0, live_grants(SELF, refs[1], SMALL));
	EXPECT_EQ(SMALL + 1, live_grants(SELF, refs[0], SMALL));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, pages[0].dmabuf));
	EXPECT_EQ(0, live_grants(SELF, refs[0], SMALL));
	dmabuf_pages_free(&pages[0]);
	dmabuf_pages_free(&pages[1]);
}

TEST_F(import, release_of_a_closed_number_takes_the_oldest)
{
	struct dmabuf_pages pages[2];
	uint32_t refs[2][SMALL];
	int number;

	import_two(_metadata, self, pages, refs);
	number = pages[0].dmabuf;
	close(number);
	pages[0].dmabuf = -1;
	EXPECT_EQ(0, gntdev_imp_release(self->fd, number));
	EXPECT_EQ(0, live_grants(SELF, refs[0], SMALL));
	EXPECT_EQ(SMALL + 1, live_grants(SELF, refs[1], SMALL));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, number));
	EXPECT_EQ(0, live_grants(SELF, refs[1], SMALL));
	EXPECT_EQ(-ENOENT, gntdev_imp_release(self->fd, number));
	dmabuf_pages_free(&pages[0]);
	dmabuf_pages_free(&pages[1]);
}

/* Fill memory until the pages of a freed buffer must have been reused. */
static void *use_memory(uint32_t pages, uint64_t seed)
{
	void *mem = mmap(NULL, bytes_of(pages), RW,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	pattern_fill(mem, 0, pages, seed);
	return mem;
}

/* The peer still maps the pages: they belong to nobody else until it stops. */
TEST_F(import, release_while_the_peer_maps)
{
	const uint32_t count = 64;
	uint32_t big = (uint32_t)(meminfo_kb("MemFree") / 4 / 2);
	struct gntdev_mapping map;
	uint32_t refs[64];
	void *mem;
	int dmabuf = heap_alloc(count, O_RDWR);

	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, fill_dmabuf(dmabuf, count, 3));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, SELF, count, refs));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->peer, SELF, refs, count,
					 RW));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, dmabuf));
	EXPECT_EQ(-ENOENT, gntdev_imp_release(self->fd, dmabuf));
	close(dmabuf);
	mem = use_memory(big, 4);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, pattern_check(map.addr, 0, count, 3, NULL));
	pattern_fill(map.addr, 0, count, 5);
	EXPECT_EQ(0, pattern_check(mem, 0, big, 4, NULL));
	munmap(mem, bytes_of(big));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_TRUE(gone_soon(refs, count));
}

TEST_F(import, file_closed_while_the_peer_maps)
{
	struct gntdev_mapping map;
	uint32_t refs[64];
	int dmabuf = heap_alloc(64, O_RDWR);

	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, fill_dmabuf(dmabuf, 64, 6));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, SELF, 64, refs));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->peer, SELF, refs, 64, RW));
	close(self->fd);
	self->fd = -1;
	close(dmabuf);
	EXPECT_EQ(0, pattern_check(map.addr, 0, 64, 6, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_TRUE(gone_soon(refs, 64));
}

TEST_F(import, release_while_the_peer_maps_a_part)
{
	struct gntdev_mapping map;
	uint32_t refs[64];
	int dmabuf = heap_alloc(64, O_RDWR);

	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, fill_dmabuf(dmabuf, 64, 7));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, SELF, 64, refs));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->peer, SELF, refs + 20, 10,
					 RW));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, dmabuf));
	EXPECT_EQ(0, live_grants(SELF, refs, 20));
	EXPECT_EQ(0, live_grants(SELF, refs + 30, 34));
	EXPECT_EQ(0, pattern_check(map.addr, 20, 10, 7, NULL));
	close(dmabuf);
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_TRUE(gone_soon(refs, 64));
}

static bool no_import_is_left(void *arg)
{
	struct gntdev_query op;

	return !gntdev_query(*(int *)arg, 0, &op) && !op.imports;
}

/*
 * Also many of them leave nothing behind. Some buffers take turns, as the debugging
 * code of the DMA API warns of two mappings of one page.
 */
TEST_F_TIMEOUT(import, ten_thousand_releases_before_unmap, 3 * TEST_SECONDS)
{
	int dmabufs[100];
	uint64_t before = 0;

	for (size_t i = 0; i < ARRAY_SIZE_OF(dmabufs); i++) {
		dmabufs[i] = heap_alloc(cut(1), O_RDWR);
		ASSERT_GE(dmabufs[i], 0);
	}
	for (size_t i = 0; i < 10000; i++) {
		size_t turn = i % ARRAY_SIZE_OF(dmabufs);
		struct gntdev_mapping map;
		uint32_t refs[cut(1)];

		if (!turn)
			ASSERT_TRUE(wait_until(no_import_is_left, &self->fd,
					       DEADLINE_MS));
		ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabufs[turn], SELF,
						cut(1), refs));
		ASSERT_EQ(0, gntdev_mapping_open(&map, self->peer, SELF, refs,
						 cut(1), RW));
		ASSERT_EQ(0, gntdev_imp_release(self->fd, dmabufs[turn]));
		ASSERT_EQ(0, gntdev_mapping_close(&map));
		if (i == 1000)
			before = meminfo_kb("MemAvailable");
	}
	EXPECT_TRUE(wait_until(no_import_is_left, &self->fd, DEADLINE_MS));
	EXPECT_LT(before, meminfo_kb("MemAvailable") + 16384);
	for (size_t i = 0; i < ARRAY_SIZE_OF(dmabufs); i++)
		close(dmabufs[i]);
}

/* After release and close the exporter has its memory back. */
TEST_F(import, released_memory_is_free)
{
	const uint32_t count = buffer_sizes[4];
	uint32_t *refs = calloc(count, sizeof(*refs));
	uint64_t before = 0;

	ASSERT_NE(NULL, refs);
	for (int i = 0; i < 20; i++) {
		int dmabuf = heap_alloc(count, O_RDWR);

		ASSERT_GE(dmabuf, 0);
		ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, SELF, count,
						refs));
		close(dmabuf);
		ASSERT_EQ(0, gntdev_imp_release(self->fd, dmabuf));
		if (i == 1)
			before = meminfo_kb("MemAvailable");
	}
	EXPECT_LT(before, meminfo_kb("MemAvailable") + 20000);
	free(refs);
}

/* The peer is granted these pages, and not one more. */
TEST_F(import, part_of_a_file_is_granted)
{
	struct dmabuf_pages pages;
	struct gntdev_mapping map;
	uint32_t count = whole_pages(3);
	uint32_t refs[count];

	ASSERT_EQ(0, dmabuf_pages_alloc(&pages, count));
	pattern_fill(pages.addr, 0, count, 9);
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, pages.dmabuf, SELF, count,
					refs));
	for (uint32_t i = 0; i < count; i++) {
		ASSERT_EQ(0, gntdev_mapping_open(&map, self->peer, SELF,
						 &refs[i], 1, RW));
		EXPECT_EQ(0, pattern_check(map.addr, i, 1, 9, NULL));
		EXPECT_EQ(0, gntdev_mapping_close(&map));
	}
	EXPECT_EQ(0, gntdev_imp_release(self->fd, pages.dmabuf));
	EXPECT_EQ(0, live_grants(SELF, refs, count));
	dmabuf_pages_free(&pages);
}

/* Granted to another domain, this one cannot map it. */
TEST_F(import, grants_go_to_the_named_domain)
{
	struct dmabuf_pages pages;
	struct gntdev_mapping map;
	uint32_t refs[cut(1)];

	ASSERT_EQ(0, dmabuf_pages_alloc(&pages, cut(1)));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, pages.dmabuf, 1, cut(1),
					refs));
	EXPECT_EQ(-EACCES, gntdev_mapping_open(&map, self->peer, SELF, refs,
					       cut(1), PROT_READ));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, pages.dmabuf));
	dmabuf_pages_free(&pages);
}

TEST_F(import, exported_import_is_the_same_memory)
{
	struct dmabuf_pages pages;
	uint32_t refs[SMALL];
	int dmabuf = -1;

	/* In through one door, out through the other. */
	ASSERT_EQ(0, dmabuf_pages_alloc(&pages, SMALL));
	pattern_fill(pages.addr, 0, SMALL, 10);
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, pages.dmabuf, SELF, SMALL,
					refs));
	ASSERT_EQ(0, gntdev_exp_from_refs(self->peer, 0, SELF, refs, SMALL,
					  &dmabuf));
	EXPECT_EQ(0, check_dmabuf(dmabuf, SMALL, 10));
	EXPECT_EQ(0, fill_dmabuf(dmabuf, SMALL, 11));
	EXPECT_EQ(0, pattern_check(pages.addr, 0, SMALL, 11, NULL));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, pages.dmabuf));
	dmabuf_pages_free(&pages);
	EXPECT_EQ(0, check_dmabuf(dmabuf, SMALL, 11));
	close(dmabuf);
	EXPECT_TRUE(released(self->peer, dmabuf));
	EXPECT_TRUE(gone_soon(refs, SMALL));
}

TEST_HARNESS_MAIN
