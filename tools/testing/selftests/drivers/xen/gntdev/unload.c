// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module is there as long as anything of it is: a mapping, a buffer, grants
 * that a peer still maps, pages that a driver still holds. Afterwards it goes
 * at once. xenstored never lets go of the driver itself, so this is about the
 * second one, which is built of the same sources.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "stopwatch.h"
#include "test-module.h"
#include "test_modules/mock-dmabuf.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES cut(16)
#define MODULE "xen_gntdev_selftest"
/* As many pages in all as no domain of these tests has addresses for. */
#define MANY 65536u
#define LOADS 10u

FIXTURE(unload) {
	int fd;
	struct gnt_pages own;
};

static int unload(void)
{
	return syscall(SYS_delete_module, MODULE, O_NONBLOCK) ? -errno : 0;
}

/* The last work is done before the module lets go of itself. */
static bool unloads(void *unused)
{
	return !unload();
}

FIXTURE_SETUP(unload)
{
	int ret;

	self->fd = -1;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	/* Before the driver is changed: pages may come from an import of it. */
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	ret = hooked_gntdev_use(false);
	if (ret == -ENOENT) {
		gnt_pages_free(&self->own);
		SKIP(return, "the driver with hooks was not built");
	}
	ASSERT_EQ(0, ret);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, stopwatch_start());
}

FIXTURE_TEARDOWN(unload)
{
	if (self->fd < 0)
		return;
	gnt_pages_free(&self->own);
	stopwatch_stop();
	EXPECT_EQ(0, stopwatch.over);
	TH_LOG("slowest call: %s, %u ms (the machine was late by %u ms)",
	       stopwatch.what, stopwatch.ms, stopwatch.late_ms);
	unload();
}

static void expect_refused(struct __test_metadata *_metadata,
			   FIXTURE_DATA(unload) *self)
{
	TIMED(close(self->fd));
	EXPECT_EQ(-EWOULDBLOCK, TIMED(unload()));
}

static void expect_unloads(struct __test_metadata *_metadata)
{
	EXPECT_TRUE(wait_until(unloads, NULL, DEADLINE_MS));
	EXPECT_EQ(-ENOENT, unload());
}

TEST_F(unload, refused_while_mapped)
{
	struct gntdev_mapping map;

	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, self->own.refs,
					 PAGES, RW));
	expect_refused(_metadata, self);
	EXPECT_EQ(0, TIMED(munmap(map.addr, bytes_of(PAGES))));
	expect_unloads(_metadata);
}

TEST_F(unload, refused_while_an_export_is_left)
{
	int dmabuf = export_pages(self->fd, &self->own, 0);

	ASSERT_GE(dmabuf, 0);
	expect_refused(_metadata, self);
	TIMED(close(dmabuf));
	expect_unloads(_metadata);
}

TEST_F(unload, refused_while_an_export_is_mapped)
{
	int dmabuf = export_pages(self->fd, &self->own, 0);
	void *mem;

	ASSERT_GE(dmabuf, 0);
	mem = map_dmabuf(dmabuf, PAGES, RW);
	ASSERT_NE(NULL, mem);
	close(dmabuf);
	expect_refused(_metadata, self);
	TIMED(munmap(mem, bytes_of(PAGES)));
	expect_unloads(_metadata);
}

/* The peer is the driver itself, so it takes the other one. */
TEST_F(unload, refused_while_the_peer_maps_an_import)
{
	int peer = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	int memory = heap_alloc(PAGES, O_RDWR);
	struct gntdev_mapping map;
	uint32_t refs[PAGES];

	ASSERT_GE(peer, 0);
	ASSERT_GE(memory, 0);
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, memory, SELF, PAGES, refs));
	ASSERT_EQ(0, gntdev_mapping_open(&map, peer, SELF, refs, PAGES, RW));
	EXPECT_EQ(0, TIMED(gntdev_imp_release(self->fd, memory)));
	expect_refused(_metadata, self);
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	expect_unloads(_metadata);
	close(memory);
	close(peer);
}

/* What a driver holds is unmapped when it lets go, and nobody waits for it. */
TEST_F(unload, refused_while_a_driver_holds_pages)
{
	int dmabuf, mock;

	ASSERT_EQ(0, test_module_load("mock-dmabuf"));
	mock = open("/dev/mock-dmabuf", O_RDWR | O_CLOEXEC);
	ASSERT_GE(mock, 0);
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, ioctl(mock, MOCK_IOC_PIN, dmabuf));
	TIMED(close(dmabuf));
	expect_refused(_metadata, self);
	ASSERT_EQ(0, ioctl(mock, MOCK_IOC_UNPIN));
	expect_unloads(_metadata);
	close(mock);
}

/* Bytes of addresses that the kernel made up for want of backing pages. */
static int scratch_bytes(unsigned long long *bytes)
{
	unsigned long long first, last;
	char line[256];
	FILE *file = fopen("/proc/iomem", "re");

	if (!file)
		return -errno;
	*bytes = 0;
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "Xen scratch") &&
		    sscanf(line, "%llx-%llx", &first, &last) == 2)
			*bytes += last - first + 1;
	fclose(file);
	return 0;
}

/* To map so many pages has the driver look for them beforehand. */
static int map_many(int fd)
{
	uint32_t *refs = calloc(MANY, sizeof(*refs));
	uint64_t index;
	int ret;

	if (!refs)
		return -ENOMEM;
	ret = gntdev_map(fd, SELF, refs, MANY, &index);
	free(refs);
	return ret;
}

/* What the driver keeps of backing pages, it keeps no longer than it is there. */
TEST_F(unload, backing_pages_come_back)
{
	unsigned long long before = 0, now = 0;

	for (unsigned int i = 0; i < LOADS; i++) {
		if (i)
			self->fd = gntdev_open();
		ASSERT_GE(self->fd, 0);
		ASSERT_EQ(0, map_many(self->fd));
		close(self->fd);
		expect_unloads(_metadata);
		ASSERT_EQ(0, scratch_bytes(&now));
		if (!i)
			before = now;
		ASSERT_EQ(before, now);
		if (i < LOADS - 1)
			ASSERT_EQ(0, hooked_gntdev_use(false));
	}
}

TEST_HARNESS_MAIN
