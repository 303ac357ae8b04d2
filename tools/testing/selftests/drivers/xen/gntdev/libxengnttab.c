// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device as programs see it that were built long ago: through Xen's own
 * library, with its own copy of the interface.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include <xengnttab.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES_MAX 80u
#define PAGES whole_pages(65)

FIXTURE(libxengnttab) {
	xengnttab_handle *xgt;
	struct gnt_pages own;
};

FIXTURE_SETUP(libxengnttab)
{
	self->own.fd = -1;
	self->xgt = NULL;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	self->xgt = xengnttab_open(NULL, 0);
	ASSERT_NE(NULL, self->xgt);
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	pattern_fill(self->own.addr, 0, PAGES, 1);
}

FIXTURE_TEARDOWN(libxengnttab)
{
	if (self->own.fd < 0)
		return;
	EXPECT_EQ(0, xengnttab_close(self->xgt));
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, PAGES));
	gnt_pages_free(&self->own);
}

TEST_F(libxengnttab, map_grant_refs)
{
	uint32_t domids[PAGES_MAX] = { SELF };
	void *mem;

	mem = xengnttab_map_grant_refs(self->xgt, PAGES, domids,
				       self->own.refs, RW);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, pattern_check(mem, 0, PAGES, 1, NULL));
	pattern_fill(mem, 0, PAGES, 2);
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, PAGES, 2, NULL));
	EXPECT_EQ(0, xengnttab_unmap(self->xgt, mem, PAGES));
}

TEST_F(libxengnttab, map_domain_grant_refs_read_only)
{
	void *mem;

	mem = xengnttab_map_domain_grant_refs(self->xgt, PAGES, SELF,
					      self->own.refs, PROT_READ);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, pattern_check(mem, 0, PAGES, 1, NULL));
	EXPECT_FALSE(can_write(mem));
	EXPECT_EQ(0, xengnttab_unmap(self->xgt, mem, PAGES));
}

TEST_F(libxengnttab, map_grant_ref_notify)
{
	unsigned char *own = self->own.addr;
	void *mem;

	own[99] = 0xff;
	mem = xengnttab_map_grant_ref_notify(self->xgt, SELF, self->own.refs[0],
					     RW, 99, -1);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0xff, own[99]);
	EXPECT_EQ(0, xengnttab_unmap(self->xgt, mem, 1));
	EXPECT_EQ(0, own[99]);
}

TEST_F(libxengnttab, grant_copy)
{
	unsigned char local[8192];
	xengnttab_grant_copy_segment_t segment = {
		.source.foreign = {
			.ref = self->own.refs[7], .offset = 0, .domid = SELF,
		},
		.dest.virt = local + 100,
		.len = GRANT_PAGE_SIZE,
		.flags = GNTCOPY_source_gref,
	};
	void *page = page_of(self->own.addr, 7);

	EXPECT_EQ(0, xengnttab_grant_copy(self->xgt, 1, &segment));
	EXPECT_EQ(0, segment.status);
	EXPECT_EQ(0, memcmp(local + 100, page, GRANT_PAGE_SIZE));
}

TEST_F(libxengnttab, bad_grants_are_reported)
{
	uint32_t bad = REF_BEYOND_TABLE;

	EXPECT_EQ(NULL, xengnttab_map_grant_ref(self->xgt, SELF, bad, RW));
}

static void export_pages_by_library(struct __test_metadata *_metadata,
				    FIXTURE_DATA(libxengnttab) *self,
				    uint32_t flags)
{
	uint32_t fd = 0;

	ASSERT_EQ(0, xengnttab_dmabuf_exp_from_refs(self->xgt, SELF, flags,
						    PAGES, self->own.refs,
						    &fd));
	EXPECT_EQ(0, check_dmabuf((int)fd, PAGES, 1));
	EXPECT_EQ(0, fill_dmabuf((int)fd, PAGES, 3));
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, PAGES, 3, NULL));
	EXPECT_NE(0, xengnttab_dmabuf_exp_wait_released(self->xgt, fd, 10));
	EXPECT_EQ(ETIMEDOUT, errno);
	close((int)fd);
	/* To the library a buffer that is unknown was released. */
	EXPECT_EQ(0, xengnttab_dmabuf_exp_wait_released(self->xgt, fd, 1000));
	EXPECT_EQ(-ENOENT,
		  gntdev_exp_wait_released(xengnttab_fd(self->xgt), (int)fd,
					   0));
}

TEST_F(libxengnttab, dmabuf_export)
{
	export_pages_by_library(_metadata, self, 0);
}

TEST_F(libxengnttab, dmabuf_export_write_combined)
{
	export_pages_by_library(_metadata, self, GNTDEV_DMA_FLAG_WC);
}

/* libxenbe closes the buffer first and then waits for its number. */
TEST_F(libxengnttab, dmabuf_wait_after_close)
{
	uint32_t fd = 0;
	void *mem;

	ASSERT_EQ(0, xengnttab_dmabuf_exp_from_refs(self->xgt, SELF, 0, PAGES,
						    self->own.refs, &fd));
	mem = map_dmabuf((int)fd, PAGES, RW);
	ASSERT_NE(NULL, mem);
	close((int)fd);
	EXPECT_NE(0, xengnttab_dmabuf_exp_wait_released(self->xgt, fd, 10));
	EXPECT_EQ(ETIMEDOUT, errno);
	munmap(mem, bytes_of(PAGES));
	EXPECT_TRUE(released(xengnttab_fd(self->xgt), (int)fd));
}

TEST_F(libxengnttab, dmabuf_import)
{
	uint32_t domids[PAGES_MAX] = { SELF };
	uint32_t refs[PAGES];
	int dmabuf = heap_alloc(PAGES, O_RDWR);
	void *mem;

	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, fill_dmabuf(dmabuf, PAGES, 4));
	ASSERT_EQ(0, xengnttab_dmabuf_imp_to_refs(self->xgt, SELF,
						  (uint32_t)dmabuf, PAGES,
						  refs));
	mem = xengnttab_map_grant_refs(self->xgt, PAGES, domids, refs, RW);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, pattern_check(mem, 0, PAGES, 4, NULL));
	pattern_fill(mem, 0, PAGES, 5);
	EXPECT_EQ(0, check_dmabuf(dmabuf, PAGES, 5));
	EXPECT_EQ(0, xengnttab_unmap(self->xgt, mem, PAGES));
	EXPECT_EQ(0, xengnttab_dmabuf_imp_release(self->xgt,
						  (uint32_t)dmabuf));
	EXPECT_EQ(0, live_grants(SELF, refs, PAGES));
	EXPECT_NE(0, xengnttab_dmabuf_imp_release(self->xgt,
						  (uint32_t)dmabuf));
	EXPECT_EQ(ENOENT, errno);
	close(dmabuf);
}

TEST_F(libxengnttab, dmabuf_errors)
{
	uint32_t refs[PAGES];
	uint32_t fd = 0;

	EXPECT_NE(0, xengnttab_dmabuf_exp_from_refs(self->xgt, SELF, 3, PAGES,
						    self->own.refs, &fd));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_NE(0, xengnttab_dmabuf_imp_to_refs(self->xgt, SELF, 900, PAGES,
						  refs));
	EXPECT_EQ(EBADF, errno);
}

TEST_HARNESS_MAIN
