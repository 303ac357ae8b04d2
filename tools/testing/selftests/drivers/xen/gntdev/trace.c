// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trace events: what happens to grants, in its order, and why something was
 * refused.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "granter.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES cut(4)
#define TRACING "/sys/kernel/tracing"
/* Events of a buffer of its own: whatever else is traced is not disturbed. */
#define INSTANCE TRACING "/instances/gntdev-test"

FIXTURE(trace) {
	int fd;
	struct granter from;
	struct dmabuf_pages buffer;
	/* Pages of a kernel have up to 16 frames. */
	uint32_t refs[64];
	char text[65536];
};

static const char *switch_of_events(void)
{
	const char *node = getenv(GNTDEV_NODE_VARIABLE);

	if (node && strstr(node, "selftest"))
		return INSTANCE "/events/gntdev_selftest/enable";
	return INSTANCE "/events/gntdev/enable";
}

/* An instance takes its options from what they are when it is made. */
static int record_commands(const char *on)
{
	return write_text(TRACING "/options/record-cmd", on);
}

/*
 * To record the names of commands is to trace the scheduler: code is patched
 * that other processors run, which emulated ones do not always survive.
 */
static int instance_make(void)
{
	int ret;

	if (access(TRACING "/instances", F_OK) &&
	    mount("tracefs", TRACING, "tracefs", 0, NULL))
		return -errno;
	ret = record_commands("0");
	if (ret)
		return ret;
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		ret = -errno;
	record_commands("1");
	return ret ? ret : write_text(switch_of_events(), "1");
}

FIXTURE_SETUP(trace)
{
	int ret;

	self->fd = -1;
	ret = granter_open(&self->from, PAGES);
	if (ret == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, dmabuf_pages_alloc(&self->buffer, PAGES));
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	/* Kernels of all cells have it. */
	ASSERT_EQ(0, instance_make());
}

FIXTURE_TEARDOWN(trace)
{
	if (self->fd < 0)
		return;
	EXPECT_EQ(0, write_text(switch_of_events(), "0"));
	EXPECT_EQ(0, rmdir(INSTANCE));
	close(self->fd);
	dmabuf_pages_free(&self->buffer);
	EXPECT_EQ(0, granter_close(&self->from));
}

/* What was traced until now. */
static const char *events(FIXTURE_DATA(trace) *self)
{
	FILE *file = fopen(INSTANCE "/trace", "re");
	size_t len;

	self->text[0] = '\0';
	if (!file)
		return self->text;
	len = fread(self->text, 1, sizeof(self->text) - 1, file);
	self->text[len] = '\0';
	fclose(file);
	return self->text;
}

/* Finds an event behind another one; NULL if there is none. */
static const char *event(const char *from, const char *format, ...)
{
	char line[160];
	va_list args;

	if (!from)
		return NULL;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	from = strstr(from, line);
	return from ? from + strlen(line) : NULL;
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
	at = event(events(self), "gntdev_map: domid=%u grants=%u readonly=0\n",
		   domid, PAGES);
	at = event(at, "gntdev_export: handle=%" PRIu64
		   " domid=%u grants=%u kind=export\n", handle, domid, PAGES);
	EXPECT_NE(NULL, at) TH_LOG("%s", self->text);
	EXPECT_EQ(NULL, event(self->text, "gntdev_release"));
	EXPECT_EQ(NULL, event(self->text, "gntdev_unmap"));
	close(dmabuf);
	EXPECT_TRUE(over(self->fd, handle));
	at = event(events(self), "gntdev_release: handle=%" PRIu64 " ", handle);
	at = event(at, "gntdev_unmap: domid=%u grants=%u left=0\n", domid,
		   PAGES);
	at = event(at, "gntdev_over: handle=%" PRIu64 " ", handle);
	EXPECT_NE(NULL, at) TH_LOG("%s", self->text);
	EXPECT_EQ(NULL, event(self->text, "gntdev_refused"));
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
	at = event(events(self), "gntdev_import: handle=%" PRIu64
		   " domid=%u grants=%u kind=import\n", handle, domid, PAGES);
	at = event(at, "gntdev_release: handle=%" PRIu64 " ", handle);
	at = event(at, "gntdev_over: handle=%" PRIu64 " ", handle);
	EXPECT_NE(NULL, at) TH_LOG("%s", self->text);
}

TEST_F(trace, life_of_a_range)
{
	struct gntdev_mapping map;
	const char *at;

	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, self->from.domid,
					 self->from.refs, PAGES, PROT_READ));
	at = event(events(self), "gntdev_map: domid=%u grants=%u readonly=1\n",
		   self->from.domid, PAGES);
	EXPECT_NE(NULL, at) TH_LOG("%s", self->text);
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	at = event(events(self), "gntdev_unmap: domid=%u grants=%u left=0\n",
		   self->from.domid, PAGES);
	EXPECT_NE(NULL, at) TH_LOG("%s", self->text);
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
	at = event(events(self),
		   "gntdev_refused: reason=grant domid=%u detail=%u error=%d\n",
		   self->from.domid, REF_BEYOND_TABLE, -EINVAL);
	at = event(at, "gntdev_failed: command=0x20 error=%d\n", -EINVAL);
	EXPECT_NE(NULL, at) TH_LOG("%s", self->text);
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
	at = event(events(self), "gntdev_refused: reason=mode domid=%u",
		   self->from.domid);
	at = event(at, "gntdev_failed: command=0xb error=%d\n", -EACCES);
	at = event(at, "gntdev_refused: reason=foreign domid=%u detail=%u ",
		   self->from.domid, PAGES);
	at = event(at, "gntdev_failed: command=0x21 error=%d\n", -EOPNOTSUPP);
	EXPECT_NE(NULL, at) TH_LOG("%s", self->text);
}

TEST_F(trace, nothing_while_it_is_off)
{
	struct gntdev_query query;

	ASSERT_EQ(0, write_text(switch_of_events(), "0"));
	EXPECT_EQ(-ENOENT, gntdev_query(self->fd, ~0ull, &query));
	EXPECT_EQ(NULL, event(events(self), "gntdev_"));
	ASSERT_EQ(0, write_text(switch_of_events(), "1"));
	EXPECT_EQ(-ENOENT, gntdev_query(self->fd, ~0ull, &query));
	EXPECT_NE(NULL, event(events(self), "gntdev_failed: command=0x24 "));
}

TEST_HARNESS_MAIN
