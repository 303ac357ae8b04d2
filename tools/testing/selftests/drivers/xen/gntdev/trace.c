// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trace events: what happens to grants, in its order, and why something was
 * refused.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "granter.h"
#include "test-module.h"
#include "test_modules/mock-dmabuf.h"
#include "tracing.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES cut(4)

FIXTURE(trace) {
	int fd;
	struct granter from;
	struct dmabuf_pages buffer;
	/* Pages of a kernel have up to 16 frames. */
	uint32_t refs[64];
};

FIXTURE_SETUP(trace)
{
	int ret;

	self->fd = -1;
	ret = both_ways_open(&self->from, &self->buffer, &self->fd, PAGES);
	if (ret == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, tracing_begin());
}

FIXTURE_TEARDOWN(trace)
{
	if (self->fd < 0)
		return;
	EXPECT_EQ(0, tracing_end());
	EXPECT_EQ(0, both_ways_close(&self->from, &self->buffer, self->fd));
}

static bool over(int fd, uint64_t handle)
{
	uint32_t left;

	gntdev_wait(fd, handle, DEADLINE_MS * 1000000ull, &left);
	return gntdev_wait(fd, handle, 0, &left) == -ENOENT;
}

TEST_F(trace, life_of_an_export)
{
	uint16_t domid = self->from.domid;
	uint64_t handle = 0;
	int dmabuf = -1;
	const char *at;

	ASSERT_EQ(0, gntdev_export(self->fd, 0, domid, self->from.refs, PAGES,
				   &dmabuf, &handle));
	at = tracing_find(tracing_text(), "gntdev_map: domid=%u grants=%u readonly=0\n",
			  domid, PAGES);
	at = tracing_find(at, "gntdev_export: handle=%" PRIu64
			  " domid=%u grants=%u kind=export\n", handle, domid, PAGES);
	EXPECT_NE(NULL, at) TH_LOG("%s", tracing_text());
	EXPECT_EQ(NULL, tracing_find(tracing_text(), "gntdev_release"));
	EXPECT_EQ(NULL, tracing_find(tracing_text(), "gntdev_unmap"));
	close(dmabuf);
	EXPECT_TRUE(over(self->fd, handle));
	at = tracing_find(tracing_text(), "gntdev_release: handle=%" PRIu64 " ", handle);
	at = tracing_find(at, "gntdev_unmap: domid=%u grants=%u left=0\n", domid,
			  PAGES);
	at = tracing_find(at, "gntdev_over: handle=%" PRIu64 " ", handle);
	EXPECT_NE(NULL, at) TH_LOG("%s", tracing_text());
	EXPECT_EQ(NULL, tracing_find(tracing_text(), "gntdev_refused"));
}

TEST_F(trace, life_of_an_import)
{
	uint16_t domid = self->from.domid;
	uint64_t handle = 0;
	uint32_t left;
	const char *at;

	ASSERT_EQ(0, gntdev_import(self->fd, 0, self->buffer.dmabuf, domid,
				   PAGES, self->refs, &handle));
	EXPECT_EQ(0, gntdev_import_release(self->fd, handle, &left));
	at = tracing_find(tracing_text(), "gntdev_import: handle=%" PRIu64
			  " domid=%u grants=%u kind=import\n", handle, domid, PAGES);
	at = tracing_find(at, "gntdev_release: handle=%" PRIu64 " ", handle);
	at = tracing_find(at, "gntdev_over: handle=%" PRIu64 " ", handle);
	EXPECT_NE(NULL, at) TH_LOG("%s", tracing_text());
}

TEST_F(trace, life_of_a_range)
{
	struct gntdev_mapping map;
	const char *at;

	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, self->from.domid,
					 self->from.refs, PAGES, PROT_READ));
	at = tracing_find(tracing_text(), "gntdev_map: domid=%u grants=%u readonly=1\n",
			  self->from.domid, PAGES);
	EXPECT_NE(NULL, at) TH_LOG("%s", tracing_text());
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	at = tracing_find(tracing_text(), "gntdev_unmap: domid=%u grants=%u left=0\n",
			  self->from.domid, PAGES);
	EXPECT_NE(NULL, at) TH_LOG("%s", tracing_text());
}

TEST_F(trace, grant_that_the_hypervisor_refuses)
{
	uint32_t bad[PAGES];
	uint64_t handle = 0;
	int dmabuf = -1;
	const char *at;

	memcpy(bad, self->from.refs, sizeof(bad));
	bad[1] = REF_BEYOND_TABLE;
	EXPECT_EQ(-EINVAL, gntdev_export(self->fd, 0, self->from.domid, bad,
					 PAGES, &dmabuf, &handle));
	at = tracing_find(tracing_text(),
			  "gntdev_refused: reason=grant domid=%u detail=%u error=%d\n",
			  self->from.domid, REF_BEYOND_TABLE, -EINVAL);
	at = tracing_find(at, "gntdev_failed: command=0x20 error=%d\n", -EINVAL);
	EXPECT_NE(NULL, at) TH_LOG("%s", tracing_text());
}

TEST_F(trace, import_that_is_refused)
{
	int dmabuf = heap_alloc(PAGES, O_RDONLY), exported = -1;
	uint64_t handle = 0;
	const char *at;

	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(-EACCES, gntdev_imp_to_refs(self->fd, dmabuf,
					      self->from.domid, PAGES,
					      self->refs));
	close(dmabuf);
	ASSERT_EQ(0, gntdev_export(self->fd, 0, self->from.domid,
				   self->from.refs, PAGES, &exported,
				   &handle));
	EXPECT_EQ(-EOPNOTSUPP, gntdev_import(self->fd, 0, exported,
					     self->from.domid, PAGES,
					     self->refs, &handle));
	close(exported);
	at = tracing_find(tracing_text(), "gntdev_refused: reason=mode domid=%u",
			  self->from.domid);
	at = tracing_find(at, "gntdev_failed: command=0xb error=%d\n", -EACCES);
	at = tracing_find(at, "gntdev_refused: reason=foreign domid=%u detail=%u ",
			  self->from.domid, PAGES);
	at = tracing_find(at, "gntdev_failed: command=0x21 error=%d\n", -EOPNOTSUPP);
	EXPECT_NE(NULL, at) TH_LOG("%s", tracing_text());
}

/* The mock exporter's buffers are what their kinds say, and not to be granted. */
static void expect_reason(struct __test_metadata *_metadata,
			  FIXTURE_DATA(trace) *self, int mock,
			  enum mock_kind kind, const char *reason, int error)
{
	struct mock_create create = {
		.kind = kind,
		.pages = PAGES / grants_per_page(),
	};
	int dmabuf = ioctl(mock, MOCK_IOC_CREATE, &create);
	uint64_t handle = 0;
	const char *at;

	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(error, gntdev_import(self->fd, 0, dmabuf, self->from.domid,
				       PAGES, self->refs, &handle));
	close(dmabuf);
	at = tracing_find(tracing_text(),
			  "gntdev_refused: reason=%s domid=%u detail=%u error=%d\n",
			  reason, self->from.domid, PAGES, error);
	at = tracing_find(at, "gntdev_failed: command=0x21 error=%d\n", error);
	EXPECT_NE(NULL, at) TH_LOG("%s", tracing_text());
}

TEST_F(trace, layout_that_is_refused)
{
	int mock = mock_open();

	if (mock < 0)
		SKIP(return, NO_MOCK);
	expect_reason(_metadata, self, mock, MOCK_SHORT, "layout", -EINVAL);
	close(mock);
}

TEST_F(trace, memory_that_is_none)
{
	int mock = mock_open();

	if (mock < 0)
		SKIP(return, NO_MOCK);
	expect_reason(_metadata, self, mock, MOCK_MMIO, "not-ram", -EOPNOTSUPP);
	close(mock);
}

TEST_F(trace, size_that_is_refused)
{
	struct mock_create create = { .kind = MOCK_HUGE, .pages = 1 };
	int dmabuf, mock = mock_open();
	uint64_t handle = 0;
	const char *at;

	if (mock < 0)
		SKIP(return, NO_MOCK);
	dmabuf = ioctl(mock, MOCK_IOC_CREATE, &create);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(-EOPNOTSUPP, gntdev_import(self->fd, 0, dmabuf,
					     self->from.domid, PAGES,
					     self->refs, &handle));
	at = tracing_find(tracing_text(),
			  "gntdev_refused: reason=size domid=%u detail=%llu error=%d\n",
			  self->from.domid, MOCK_HUGE_BYTES, -EOPNOTSUPP);
	at = tracing_find(at, "gntdev_failed: command=0x21 error=%d\n",
			  -EOPNOTSUPP);
	EXPECT_NE(NULL, at) TH_LOG("%s", tracing_text());
	close(dmabuf);
	close(mock);
}

/* The limit allows for more than any grant table has. */
TEST_F(trace, references_run_out)
{
	uint32_t limit = whole_pages((uint32_t)gntdev_limit());
	uint32_t *refs = calloc(limit, sizeof(*refs));
	int dmabuf = heap_alloc(limit, O_RDWR);
	const char *at;

	ASSERT_NE(NULL, refs);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(-ENOSPC, gntdev_imp_to_refs(self->fd, dmabuf,
					      self->from.domid, limit, refs));
	close(dmabuf);
	free(refs);
	at = tracing_find(tracing_text(),
			  "gntdev_refused: reason=no-references domid=%u ",
			  self->from.domid);
	at = tracing_find(at, "gntdev_failed: command=0xb error=%d\n", -ENOSPC);
	EXPECT_NE(NULL, at) TH_LOG("%s", tracing_text());
}

/* Where a domain can map its own grants, nothing is refused. */
TEST_F(trace, domain_that_is_refused)
{
	uint32_t refs[PAGES];
	uint64_t index;
	const char *at;
	int ret;

	memcpy(refs, self->from.refs, sizeof(refs));
	ret = gntdev_map(self->fd, SELF, refs, PAGES, &index);
	at = tracing_find(tracing_text(),
			  "gntdev_refused: reason=domain domid=%u detail=0 error=%d\n",
			  SELF, -EOPNOTSUPP);
	if (loopback_works()) {
		EXPECT_EQ(0, ret);
		EXPECT_EQ(NULL, at) TH_LOG("%s", tracing_text());
		return;
	}
	EXPECT_EQ(-EOPNOTSUPP, ret);
	at = tracing_find(at, "gntdev_failed: command=0x0 error=%d\n",
			  -EOPNOTSUPP);
	EXPECT_NE(NULL, at) TH_LOG("%s", tracing_text());
}

/* Where a page is one grant, there are no parts. */
TEST_F(trace, part_of_a_page_that_is_refused)
{
	int dmabuf = -1;
	const char *at;
	int ret;

	ret = gntdev_exp_from_refs(self->fd, 0, self->from.domid,
				   self->from.refs, 1, &dmabuf);
	at = tracing_find(tracing_text(),
			  "gntdev_refused: reason=part-of-page domid=%u detail=1 error=%d\n",
			  self->from.domid, -EOPNOTSUPP);
	if (grants_per_page() == 1) {
		EXPECT_EQ(0, ret);
		EXPECT_EQ(NULL, at) TH_LOG("%s", tracing_text());
		close(dmabuf);
		return;
	}
	EXPECT_EQ(-EOPNOTSUPP, ret);
	at = tracing_find(at, "gntdev_failed: command=0x9 error=%d\n",
			  -EOPNOTSUPP);
	EXPECT_NE(NULL, at) TH_LOG("%s", tracing_text());
}

TEST_F(trace, nothing_while_it_is_off)
{
	struct gntdev_query query;

	ASSERT_EQ(0, tracing_switch("0"));
	EXPECT_EQ(-ENOENT, gntdev_query(self->fd, ~0ull, &query));
	EXPECT_EQ(NULL, tracing_find(tracing_text(), "gntdev_"));
	ASSERT_EQ(0, tracing_switch("1"));
	EXPECT_EQ(-ENOENT, gntdev_query(self->fd, ~0ull, &query));
	EXPECT_NE(NULL, tracing_find(tracing_text(), "gntdev_failed: command=0x24 "));
}

TEST_HARNESS_MAIN
