// SPDX-License-Identifier: GPL-2.0-only
/*
 * What no stock driver does to order: exporters with odd, wrong or lying
 * scatterlists, and an importer that shows what it was given. Needs the
 * module in test_modules, in the folder of this program.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <time.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "test-module.h"
#include "test_modules/mock-dmabuf.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES cut(16)
/* enum dma_data_direction */
#define DIRECTION_BOTH 0

FIXTURE(mock) {
	int fd;
	int peer;
	int mock;
	struct gnt_pages own;
};

FIXTURE_SETUP(mock)
{
	self->own.fd = -1;
	self->fd = -1;
	self->mock = -1;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	self->mock = mock_open();
	if (self->mock < 0)
		SKIP(return, NO_MOCK);
	self->fd = gntdev_open();
	self->peer = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->peer, 0);
}

static void expect_unused(struct __test_metadata *_metadata,
			  FIXTURE_DATA(mock) *self)
{
	struct mock_stats stats;

	ASSERT_EQ(0, ioctl(self->mock, MOCK_IOC_STATS, &stats));
	EXPECT_EQ(0, stats.attached);
	EXPECT_EQ(0, stats.mapped);
}

static bool buffers_are_gone(void *arg)
{
	struct mock_stats stats;

	return !ioctl(*(int *)arg, MOCK_IOC_STATS, &stats) && !stats.buffers;
}

FIXTURE_TEARDOWN(mock)
{
	if (self->fd < 0)
		return;
	EXPECT_TRUE(wait_until(buffers_are_gone, &self->mock, DEADLINE_MS));
	expect_unused(_metadata, self);
	close(self->mock);
	close(self->fd);
	close(self->peer);
	if (self->own.fd < 0)
		return;
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, self->own.count));
	gnt_pages_free(&self->own);
}

static int create(FIXTURE_DATA(mock) *self, enum mock_kind kind, uint32_t pages)
{
	struct mock_create create = {
		.kind = kind,
		.pages = pages / grants_per_page(),
	};

	return ioctl(self->mock, MOCK_IOC_CREATE, &create);
}

/* The peer gets the pages of the buffer in their order, and no others. */
static void check_shared(struct __test_metadata *_metadata,
			 FIXTURE_DATA(mock) *self, enum mock_kind kind,
			 uint32_t pages)
{
	int dmabuf = create(self, kind, pages);
	struct gntdev_mapping map;
	struct mock_stats stats;
	uint32_t refs[pages];
	void *mem;

	ASSERT_GE(dmabuf, 0);
	mem = map_dmabuf(dmabuf, pages, RW);
	ASSERT_NE(NULL, mem);
	pattern_fill(mem, 0, pages, 1);
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, SELF, pages, refs));
	ASSERT_EQ(0, ioctl(self->mock, MOCK_IOC_STATS, &stats));
	EXPECT_EQ(1, stats.attached);
	EXPECT_EQ(1, stats.mapped);
	EXPECT_EQ(DIRECTION_BOTH, stats.direction);
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->peer, SELF, refs, pages,
					 RW));
	EXPECT_EQ(0, pattern_check(map.addr, 0, pages, 1, NULL));
	pattern_fill(map.addr, 0, pages, 2);
	EXPECT_EQ(0, pattern_check(mem, 0, pages, 2, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, dmabuf));
	expect_unused(_metadata, self);
	EXPECT_EQ(0, live_grants(SELF, refs, pages));
	munmap(mem, bytes_of(pages));
	close(dmabuf);
}

static void check_sizes(struct __test_metadata *_metadata,
			FIXTURE_DATA(mock) *self, enum mock_kind kind)
{
	static const uint32_t sizes[] = { 1, 2, 3, 16, 63, 64 };

	for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++)
		check_shared(_metadata, self, kind, cut(sizes[i]));
}

TEST_F(mock, entry_for_each_page)
{
	check_sizes(_metadata, self, MOCK_PLAIN);
}

TEST_F(mock, one_entry_for_all_pages)
{
	check_sizes(_metadata, self, MOCK_ONE_ENTRY);
}

TEST_F(mock, fewer_segments_than_entries)
{
	check_sizes(_metadata, self, MOCK_MERGED);
}

TEST_F(mock, page_pointers_are_never_used)
{
	check_sizes(_metadata, self, MOCK_MANGLED);
}

static void check_refused(struct __test_metadata *_metadata,
			  FIXTURE_DATA(mock) *self, enum mock_kind kind,
			  int error)
{
	int dmabuf = create(self, kind, PAGES);
	uint32_t refs[PAGES];

	ASSERT_GE(dmabuf, 0);
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(-error, gntdev_imp_to_refs(self->fd, dmabuf, SELF,
						     PAGES, refs));
		expect_unused(_metadata, self);
		EXPECT_EQ(-ENOENT, gntdev_imp_release(self->fd, dmabuf));
	}
	close(dmabuf);
}

TEST_F(mock, unaligned_address_is_refused)
{
	check_refused(_metadata, self, MOCK_OFFSET, EINVAL);
}

TEST_F(mock, small_entries_are_refused)
{
	check_refused(_metadata, self, MOCK_PIECES, EINVAL);
}

TEST_F(mock, list_that_is_too_short_is_refused)
{
	check_refused(_metadata, self, MOCK_SHORT, EINVAL);
}

TEST_F(mock, list_that_is_too_long_is_refused)
{
	check_refused(_metadata, self, MOCK_LONG, EINVAL);
}

TEST_F(mock, device_memory_is_refused)
{
	check_refused(_metadata, self, MOCK_MMIO, EOPNOTSUPP);
}

TEST_F(mock, address_of_nothing_is_refused)
{
	check_refused(_metadata, self, MOCK_NOWHERE, EOPNOTSUPP);
}

TEST_F(mock, failure_of_the_exporter_is_passed_on)
{
	check_refused(_metadata, self, MOCK_NO_MAP, EIO);
}

TEST_F(mock, attachment_lasts_until_the_peer_unmaps)
{
	int dmabuf = create(self, MOCK_PLAIN, PAGES);
	struct gntdev_mapping map;
	struct mock_stats stats;
	uint32_t refs[PAGES];

	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, SELF, PAGES, refs));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->peer, SELF, refs + 7, 1,
					 RW));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, dmabuf));
	close(dmabuf);
	ASSERT_EQ(0, ioctl(self->mock, MOCK_IOC_STATS, &stats));
	EXPECT_EQ(1, stats.buffers);
	EXPECT_EQ(1, stats.attached);
	EXPECT_EQ(1, stats.mapped);
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_TRUE(gone_soon(refs, PAGES));
}

/* The last user of the exporter goes when the file is closed. */
TEST_F(mock, closed_file_gives_the_buffer_back)
{
	int dmabuf = create(self, MOCK_PLAIN, PAGES);
	uint32_t refs[PAGES];

	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, SELF, PAGES, refs));
	close(dmabuf);
	close(self->fd);
	self->fd = gntdev_open();
	EXPECT_TRUE(wait_until(buffers_are_gone, &self->mock, DEADLINE_MS));
	EXPECT_EQ(0, live_grants(SELF, refs, PAGES));
}

/* The other way: what an importer of granted pages is given. */
static int access_buffer(FIXTURE_DATA(mock) *self, int dmabuf, void *data,
			 bool write, struct mock_access *access)
{
	*access = (struct mock_access){
		.data = (uintptr_t)data,
		.fd = dmabuf,
		.write = write,
	};
	return ioctl(self->mock, MOCK_IOC_ACCESS, access) ? -errno : 0;
}

static void check_importer(struct __test_metadata *_metadata,
			   FIXTURE_DATA(mock) *self, uint32_t count,
			   uint32_t flags)
{
	struct mock_access access;
	void *data = malloc(bytes_of(count));
	int dmabuf;

	ASSERT_NE(NULL, data);
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, count, true));
	pattern_fill(self->own.addr, 0, count, count);
	dmabuf = export_pages(self->fd, &self->own, flags);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, access_buffer(self, dmabuf, data, false, &access));
	EXPECT_EQ(0, pattern_check(data, 0, count, count, NULL));
	/* Machine frames are scattered: no segment spans pages. */
	EXPECT_EQ(count, cut(access.entries));
	EXPECT_EQ(bytes_of(cut(1)), access.longest);
	pattern_fill(data, 0, count, ~count);
	ASSERT_EQ(0, access_buffer(self, dmabuf, data, true, &access));
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, count, ~count, NULL));
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, count));
	gnt_pages_free(&self->own);
	free(data);
}

TEST_F(mock, kernel_reads_and_writes_an_export)
{
	static const uint32_t flags[] = {
		0, GNTDEV_DMA_FLAG_WC, GNTDEV_DMA_FLAG_COHERENT,
	};

	for (size_t i = 0; i < 3 * ARRAY_SIZE_OF(buffer_sizes); i++)
		check_importer(_metadata, self, buffer_sizes[i / 3],
			       flags[i % 3]);
}

/*
 * Domains share memory through caches, wherever the pages are from. The
 * granting domain's own mapping is the control.
 */
TEST_F(mock, all_mappings_are_cached)
{
	static const uint32_t flags[] = {
		0, GNTDEV_DMA_FLAG_WC, GNTDEV_DMA_FLAG_COHERENT,
	};
	struct gntdev_mapping map;

	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	pattern_fill(self->own.addr, 0, PAGES, 1);
	if (ioctl(self->mock, MOCK_IOC_CACHED, self->own.addr) < 0 &&
	    errno == EOPNOTSUPP)
		SKIP(return, "only ARM64 tells how memory is mapped");
	EXPECT_EQ(1, ioctl(self->mock, MOCK_IOC_CACHED, self->own.addr));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, self->own.refs,
					 PAGES, RW));
	EXPECT_EQ(0, pattern_check(map.addr, 0, PAGES, 1, NULL));
	EXPECT_EQ(1, ioctl(self->mock, MOCK_IOC_CACHED, map.addr));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	for (size_t i = 0; i < ARRAY_SIZE_OF(flags); i++) {
		int dmabuf = export_pages(self->fd, &self->own, flags[i]);
		void *mem;

		ASSERT_GE(dmabuf, 0);
		EXPECT_EQ(1, ioctl(self->mock, MOCK_IOC_VMAP_CACHED, dmabuf));
		mem = map_dmabuf(dmabuf, PAGES, RW);
		ASSERT_NE(NULL, mem);
		EXPECT_EQ(0, pattern_check(mem, 0, PAGES, 1, NULL));
		EXPECT_EQ(1, ioctl(self->mock, MOCK_IOC_CACHED, mem));
		munmap(mem, bytes_of(PAGES));
		close(dmabuf);
		EXPECT_TRUE(released(self->fd, dmabuf));
	}
}

TEST_F(mock, kernel_reads_a_read_only_export)
{
	uint64_t data[PAGES * GRANT_PAGE_SIZE / 8];
	struct mock_access access;
	int dmabuf;

	if (grants_per_page() > 1)
		SKIP(return, NO_READ_ONLY);
	memset(data, 0, sizeof(data));
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, false));
	pattern_fill(self->own.addr, 0, PAGES, 3);
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(0, access_buffer(self, dmabuf, data, false, &access));
	EXPECT_EQ(0, pattern_check(data, 0, PAGES, 3, NULL));
	close(dmabuf);
}

/*
 * A driver that still holds the pages when the buffer is closed: the close
 * returns at once, the grants are unmapped when the driver lets go.
 */
static void check_pinned(struct __test_metadata *_metadata,
			 FIXTURE_DATA(mock) *self, uint32_t flags)
{
	struct timespec start, end;
	int dmabuf;

	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	dmabuf = export_pages(self->fd, &self->own, flags);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, ioctl(self->mock, MOCK_IOC_PIN, dmabuf));
	clock_gettime(CLOCK_MONOTONIC, &start);
	close(dmabuf);
	clock_gettime(CLOCK_MONOTONIC, &end);
	EXPECT_GT(5, end.tv_sec - start.tv_sec);
	EXPECT_EQ(-ETIMEDOUT, gntdev_exp_wait_released(self->fd, dmabuf, 300));
	ASSERT_EQ(0, ioctl(self->mock, MOCK_IOC_UNPIN));
	EXPECT_TRUE(released(self->fd, dmabuf));
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, PAGES));
	gnt_pages_free(&self->own);
}

TEST_F(mock, pages_held_by_a_driver_are_unmapped_later)
{
	check_pinned(_metadata, self, 0);
}

TEST_F(mock, coherent_pages_held_by_a_driver_are_unmapped_later)
{
	check_pinned(_metadata, self, GNTDEV_DMA_FLAG_COHERENT);
}

TEST_F(mock, file_closed_while_a_driver_holds_pages)
{
	int dmabuf;

	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, ioctl(self->mock, MOCK_IOC_PIN, dmabuf));
	close(dmabuf);
	close(self->fd);
	self->fd = gntdev_open();
	ASSERT_EQ(0, revoke_pages(&self->own));
	EXPECT_LT(0, live_grants(SELF, self->own.refs, PAGES));
	ASSERT_EQ(0, ioctl(self->mock, MOCK_IOC_UNPIN));
	EXPECT_TRUE(gone_soon(self->own.refs, PAGES));
}

TEST_HARNESS_MAIN
