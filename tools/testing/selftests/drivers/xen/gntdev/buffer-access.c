// SPDX-License-Identifier: GPL-2.0-only
/*
 * All ways to reach an exported buffer: the kernel's vmap(), mmap(), CPU
 * access brackets and a device, for each kind of backing memory, and where
 * the backing pages are not consecutive.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>

#include <linux/dma-buf.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "granter.h"
#include "test-module.h"
#include "test_modules/mock-dmabuf.h"

#define RW (PROT_READ | PROT_WRITE)
/* Grants of 16 pages of the kernel; buffers are cut at these only. */
#define PAGES cut(16)
#define SINGLES 32
#define SEED 5u
#define SECONDS 300

FIXTURE(buffer_access) {
	int mock;
	int fd;
	struct granter from;
};

FIXTURE_VARIANT(buffer_access) {
	bool hooked;
	bool scatter;
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(buffer_access, plain) {
	.flags = 0,
};

FIXTURE_VARIANT_ADD(buffer_access, wc) {
	.flags = GNTDEV_DMA_FLAG_WC,
};

FIXTURE_VARIANT_ADD(buffer_access, coherent) {
	.flags = GNTDEV_DMA_FLAG_COHERENT,
};

FIXTURE_VARIANT_ADD(buffer_access, scattered) {
	.hooked = true,
	.scatter = true,
	.flags = 0,
};

FIXTURE_VARIANT_ADD(buffer_access, scattered_wc) {
	.hooked = true,
	.scatter = true,
	.flags = GNTDEV_DMA_FLAG_WC,
};

FIXTURE_VARIANT_ADD(buffer_access, scattered_coherent) {
	.hooked = true,
	.scatter = true,
	.flags = GNTDEV_DMA_FLAG_COHERENT,
};

FIXTURE_SETUP(buffer_access)
{
	self->fd = -1;
	self->from.count = 0;
	self->mock = test_module_load("mock-dmabuf");
	if (self->mock == -ENOENT)
		SKIP(return, "test module mock-dmabuf is not there");
	ASSERT_EQ(0, self->mock);
	self->mock = open("/dev/mock-dmabuf", O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->mock, 0);
	if (variant->hooked) {
		int ret = hooked_gntdev_use(variant->scatter);

		if (ret == -ENOENT)
			SKIP(return, "test module " HOOKED_MODULE " is not there");
		ASSERT_EQ(0, ret);
	}
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(buffer_access)
{
	if (self->fd < 0)
		return;
	close(self->fd);
	close(self->mock);
	if (self->from.count)
		EXPECT_EQ(0, granter_close(&self->from));
}

static int export_some(FIXTURE_DATA(buffer_access) *self, uint32_t count,
		       uint32_t flags)
{
	int dmabuf = -1;
	int ret = gntdev_exp_from_refs(self->fd, flags, self->from.domid,
				       self->from.refs, count, &dmabuf);

	return ret ? ret : dmabuf;
}

static int access_buffer(FIXTURE_DATA(buffer_access) *self, int dmabuf,
			 void *data, bool write, struct mock_access *access)
{
	*access = (struct mock_access){
		.data = (uintptr_t)data,
		.fd = dmabuf,
		.write = write,
	};
	return ioctl(self->mock, MOCK_IOC_ACCESS, access) ? -errno : 0;
}

/* The kernel reads what the granter wrote, and the other way round. */
static void check_kernel(struct __test_metadata *_metadata,
			 FIXTURE_DATA(buffer_access) *self, int dmabuf,
			 uint32_t count, bool scattered)
{
	void *data = malloc(bytes_of(count));
	struct mock_access access;

	ASSERT_NE(NULL, data);
	ASSERT_EQ(0, granter_fill(&self->from, SEED));
	ASSERT_EQ(0, access_buffer(self, dmabuf, data, false, &access));
	EXPECT_EQ(0, pattern_check(data, 0, count, SEED, NULL));
	pattern_fill(data, 0, count, SEED + 1);
	ASSERT_EQ(0, access_buffer(self, dmabuf, data, true, &access));
	EXPECT_EQ(0, granter_check(&self->from, SEED + 1));
	/* Neither may pages that are not neighbours share a segment. */
	if (scattered) {
		EXPECT_EQ(bytes_of(count) / getpagesize(), access.entries);
		EXPECT_EQ(getpagesize(), access.longest);
	}
	free(data);
}

static void check_size(struct __test_metadata *_metadata,
		       FIXTURE_DATA(buffer_access) *self,
		       const FIXTURE_VARIANT(buffer_access) *variant,
		       uint32_t count)
{
	unsigned long vmaps;
	int dmabuf;

	ASSERT_EQ(0, granter_open(&self->from, count));
	dmabuf = export_some(self, count, variant->flags);
	ASSERT_GE(dmabuf, 0);
	vmaps = hooked_gntdev_vmaps();
	check_kernel(_metadata, self, dmabuf, count, variant->scatter);
	/* One serves all who want it. */
	if (variant->scatter)
		EXPECT_EQ(vmaps + 1, hooked_gntdev_vmaps());
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	EXPECT_EQ(0, granter_close(&self->from));
	self->from.count = 0;
}

TEST_F_TIMEOUT(buffer_access, kernel_reads_and_writes, SECONDS)
{
	static const uint32_t sizes[] = { 1, 2, 3, 15, 16, 17, 64 };

	if (!loopback_works() && !getenv("DOMU"))
		SKIP(return, NO_GRANTER);
	for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++)
		check_size(_metadata, self, variant, cut(sizes[i]));
	/* Several page tables; more of the same for the others. */
	if (!variant->flags)
		check_size(_metadata, self, variant, buffer_sizes[3]);
}

struct view {
	unsigned char *mem;
	size_t first;
	size_t count;
};

static int view_open(struct view *view, int dmabuf, size_t first, size_t count,
		     int prot)
{
	view->first = first;
	view->count = count;
	view->mem = mmap(NULL, bytes_of(count), prot, MAP_SHARED, dmabuf,
			 (off_t)bytes_of(first));
	return view->mem == MAP_FAILED ? -errno : 0;
}

static uint32_t view_check(const struct view *view, uint64_t seed)
{
	return pattern_check(view->mem, view->first, view->count, seed, NULL);
}

static void view_fill(const struct view *view, uint64_t seed)
{
	pattern_fill(view->mem, view->first, view->count, seed);
}

#define VIEWS 4

/* Twice the whole, a part, and the last page. */
static void open_views(struct __test_metadata *_metadata, struct view *views,
		       int dmabuf)
{
	ASSERT_EQ(0, view_open(&views[0], dmabuf, 0, PAGES, RW));
	ASSERT_EQ(0, view_open(&views[1], dmabuf, 0, PAGES, RW));
	ASSERT_EQ(0, view_open(&views[2], dmabuf, cut(3), cut(5), RW));
	ASSERT_EQ(0, view_open(&views[3], dmabuf, cut(15), cut(1), PROT_READ));
}

static void close_view(struct view *view)
{
	munmap(view->mem, bytes_of(view->count));
}

static int open_buffer(struct __test_metadata *_metadata,
		       FIXTURE_DATA(buffer_access) *self, uint32_t flags)
{
	int ret = granter_open(&self->from, PAGES);
	int dmabuf;

	if (ret == -ENODEV)
		return ret;
	ASSERT_EQ(0, ret);
	dmabuf = export_some(self, PAGES, flags);
	ASSERT_GE(dmabuf, 0);
	return dmabuf;
}

/* What one view writes is seen by all, by the granter and by the kernel. */
TEST_F(buffer_access, user_maps_whole_and_part)
{
	int dmabuf = open_buffer(_metadata, self, variant->flags);
	struct view views[VIEWS];

	if (dmabuf == -ENODEV)
		SKIP(return, NO_GRANTER);
	open_views(_metadata, views, dmabuf);
	for (int i = 0; i < VIEWS; i++)
		EXPECT_EQ(0, view_check(&views[i], GRANTER_SEED));
	for (uint64_t seed = 10; seed < 12; seed++) {
		struct view *writer = &views[seed & 1];

		EXPECT_EQ(0, sync_dmabuf(dmabuf, DMA_BUF_SYNC_START |
						 DMA_BUF_SYNC_RW));
		view_fill(writer, seed);
		for (int i = 0; i < VIEWS; i++)
			EXPECT_EQ(0, view_check(&views[i], seed));
		EXPECT_EQ(0, sync_dmabuf(dmabuf, DMA_BUF_SYNC_END |
						 DMA_BUF_SYNC_RW));
		EXPECT_EQ(0, granter_check(&self->from, seed));
	}
	check_kernel(_metadata, self, dmabuf, PAGES, variant->scatter);
	for (int i = 0; i < VIEWS; i++)
		EXPECT_EQ(0, view_check(&views[i], SEED + 1));
	/* A part of one is written, the others show it and nothing else. */
	view_fill(&views[2], SEED);
	EXPECT_EQ(0, pattern_check(page_of(views[0].mem, cut(3)), cut(3),
				   cut(5), SEED, NULL));
	EXPECT_EQ(0, pattern_check(views[0].mem, 0, cut(3), SEED + 1, NULL));
	EXPECT_EQ(0, view_check(&views[3], SEED + 1));
	for (int i = 0; i < VIEWS; i++)
		close_view(&views[i]);
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
}

/* There is nothing behind the end. */
TEST_F(buffer_access, user_maps_no_more_than_there_is)
{
	int dmabuf = open_buffer(_metadata, self, variant->flags);
	struct view view;

	if (dmabuf == -ENODEV)
		SKIP(return, NO_GRANTER);
	EXPECT_EQ(-EINVAL, view_open(&view, dmabuf, 0, cut(17), RW));
	EXPECT_EQ(-EINVAL, view_open(&view, dmabuf, cut(15), cut(2), RW));
	EXPECT_EQ(-EINVAL, view_open(&view, dmabuf, cut(16), cut(1), RW));
	close(dmabuf);
}

TEST_F(buffer_access, brackets_of_each_kind)
{
	static const uint64_t kinds[] = {
		DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW,
	};
	int dmabuf = open_buffer(_metadata, self, variant->flags);
	struct view view;

	if (dmabuf == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, view_open(&view, dmabuf, 0, PAGES, RW));
	for (size_t i = 0; i < ARRAY_SIZE_OF(kinds); i++) {
		uint64_t seed = 20 + i;

		EXPECT_EQ(0, granter_fill(&self->from, seed));
		EXPECT_EQ(0, sync_dmabuf(dmabuf, DMA_BUF_SYNC_START | kinds[i]));
		EXPECT_EQ(0, view_check(&view, seed));
		if (kinds[i] & DMA_BUF_SYNC_WRITE)
			view_fill(&view, ++seed);
		EXPECT_EQ(0, sync_dmabuf(dmabuf, DMA_BUF_SYNC_END | kinds[i]));
		EXPECT_EQ(0, granter_check(&self->from, seed));
	}
	EXPECT_EQ(-EINVAL, sync_dmabuf(dmabuf, DMA_BUF_SYNC_START));
	EXPECT_EQ(-EINVAL, sync_dmabuf(dmabuf, ~0ull));
	close_view(&view);
	close(dmabuf);
}

TEST_F(buffer_access, mapping_outlives_the_descriptor)
{
	int dmabuf = open_buffer(_metadata, self, variant->flags);
	struct view views[VIEWS];

	if (dmabuf == -ENODEV)
		SKIP(return, NO_GRANTER);
	open_views(_metadata, views, dmabuf);
	close(dmabuf);
	EXPECT_EQ(-ETIMEDOUT, gntdev_exp_wait_released(self->fd, dmabuf, 0));
	view_fill(&views[1], SEED);
	EXPECT_EQ(0, granter_check(&self->from, SEED));
	for (int i = 0; i < VIEWS; i++) {
		EXPECT_EQ(-ETIMEDOUT,
			  gntdev_exp_wait_released(self->fd, dmabuf, 0));
		EXPECT_EQ(0, view_check(&views[i], SEED));
		close_view(&views[i]);
	}
	EXPECT_TRUE(released(self->fd, dmabuf));
}

TEST_F(buffer_access, read_only_grants_are_only_read)
{
	void *data = malloc(bytes_of(PAGES));
	struct mock_access access;
	struct view view;
	int dmabuf, ret;

	if (grants_per_page() > 1)
		SKIP(return, NO_READ_ONLY);
	ret = granter_open_readonly(&self->from, PAGES);
	if (ret == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, ret);
	dmabuf = export_some(self, PAGES, variant->flags);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(0, access_buffer(self, dmabuf, data, false, &access));
	EXPECT_EQ(0, pattern_check(data, 0, PAGES, GRANTER_SEED, NULL));
	EXPECT_EQ(-EACCES, view_open(&view, dmabuf, 0, PAGES, RW));
	ASSERT_EQ(0, view_open(&view, dmabuf, 0, PAGES, PROT_READ));
	EXPECT_EQ(0, view_check(&view, GRANTER_SEED));
	EXPECT_EQ(-1, mprotect(view.mem, bytes_of(PAGES), RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_FALSE(can_write(view.mem));
	close_view(&view);
	close(dmabuf);
	EXPECT_EQ(0, granter_check(&self->from, GRANTER_SEED));
	free(data);
}

/*
 * Pages that are not neighbours without anybody having made them so: every
 * second one of many is in use.
 */
TEST(fragmented_pages)
{
	FIXTURE_DATA(buffer_access) data = { .from.count = 0 }, *self = &data;
	int single[SINGLES], dmabuf;
	unsigned long vmaps;
	int ret;

	ret = test_module_load("mock-dmabuf");
	if (!ret)
		ret = hooked_gntdev_use(false);
	if (ret == -ENOENT)
		SKIP(return, "a test module is not there");
	ASSERT_EQ(0, ret);
	ret = granter_open(&self->from, PAGES);
	if (ret == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, ret);
	self->mock = open("/dev/mock-dmabuf", O_RDWR | O_CLOEXEC);
	self->fd = gntdev_open();
	ASSERT_GE(self->mock, 0);
	ASSERT_GE(self->fd, 0);
	for (size_t i = 0; i < SINGLES; i++) {
		single[i] = export_some(self, cut(1), 0);
		ASSERT_GE(single[i], 0);
	}
	for (size_t i = 0; i < SINGLES; i += 2) {
		close(single[i]);
		ASSERT_TRUE(released(self->fd, single[i]));
	}
	dmabuf = export_some(self, PAGES, 0);
	ASSERT_GE(dmabuf, 0);
	vmaps = hooked_gntdev_vmaps();
	/* Some may still be neighbours. */
	check_kernel(_metadata, self, dmabuf, PAGES, false);
	EXPECT_EQ(vmaps + 1, hooked_gntdev_vmaps());
	for (size_t i = 1; i < SINGLES; i += 2)
		close(single[i]);
	close(dmabuf);
	close(self->fd);
	close(self->mock);
	EXPECT_EQ(0, granter_close(&self->from));
}

TEST_HARNESS_MAIN
