// SPDX-License-Identifier: GPL-2.0-only
/*
 * 32-bit programs on a 64-bit kernel. No 32-bit C library is needed: on x86
 * a 64-bit program can make the system calls of a 32-bit one, as long as its
 * arguments lie below 4 GiB.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES 4u
#define GARBAGE 0xdeadbeefu
/* Number of ioctl() in the 32-bit system call table. */
#define IOCTL_32 54

/* Where pointers are smaller the structures of GRANT_COPY look like this. */
struct segment_32 {
	union {
		struct {
			uint32_t virt;
			uint32_t rest;
		};
		struct {
			uint32_t ref;
			uint16_t offset;
			uint16_t domid;
		} foreign;
	} source, dest;
	uint16_t len;
	uint16_t flags;
	int16_t status;
};

struct copy_32 {
	uint32_t count;
	uint32_t segments;
};

FIXTURE(compat) {
	int fd;
	struct gnt_pages own;
	/* Two pages below 4 GiB: arguments, and local memory to copy. */
	unsigned char *low;
};

#ifdef __x86_64__
#define HAVE_IOCTL_32 true

static int ioctl_32(int fd, uint32_t cmd, void *arg)
{
	int ret;

	asm volatile("int $0x80"
		     : "=a" (ret)
		     : "a" (IOCTL_32), "b" (fd), "c" (cmd), "d" (arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return ret;
}
#else
#define HAVE_IOCTL_32 false
#define MAP_32BIT 0

static int ioctl_32(int fd, uint32_t cmd, void *arg)
{
	return -EOPNOTSUPP;
}
#endif

FIXTURE_SETUP(compat)
{
	self->own.fd = -1;
	self->fd = -1;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	if (!HAVE_IOCTL_32)
		SKIP(return, "no way to make 32-bit system calls");
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	self->low = mmap(NULL, bytes_of(2), RW,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	ASSERT_NE(MAP_FAILED, self->low);
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	pattern_fill(self->own.addr, 0, PAGES, 1);
}

FIXTURE_TEARDOWN(compat)
{
	if (self->own.fd < 0)
		return;
	close(self->fd);
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, PAGES));
	gnt_pages_free(&self->own);
}

TEST_F(compat, map_unmap_and_offset)
{
	struct ioctl_gntdev_map_grant_ref *map = (void *)self->low;
	struct ioctl_gntdev_get_offset_for_vaddr *where = (void *)self->low;
	struct ioctl_gntdev_unmap_grant_ref *unmap = (void *)self->low;
	void *mem;

	map->count = PAGES;
	for (uint32_t i = 0; i < PAGES; i++)
		memcpy((char *)map->refs + 8 * i + 4, &self->own.refs[i], 4);
	ASSERT_EQ(0, ioctl_32(self->fd, IOCTL_GNTDEV_MAP_GRANT_REF, map));
	EXPECT_EQ(0, map->index);
	mem = mmap(NULL, bytes_of(PAGES), RW, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, pattern_check(mem, 0, PAGES, 1, NULL));
	where->vaddr = (uintptr_t)mem;
	where->offset = ~0ull;
	EXPECT_EQ(0, ioctl_32(self->fd, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR,
			      where));
	EXPECT_EQ(0, where->offset);
	EXPECT_EQ(PAGES, where->count);
	munmap(mem, bytes_of(PAGES));
	*unmap = (struct ioctl_gntdev_unmap_grant_ref){ .count = PAGES };
	EXPECT_EQ(0, ioctl_32(self->fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, unmap));
	EXPECT_EQ(-ENOENT, ioctl_32(self->fd, IOCTL_GNTDEV_UNMAP_GRANT_REF,
				    unmap));
}

TEST_F(compat, unmap_notify)
{
	struct ioctl_gntdev_unmap_notify *notify = (void *)self->low;
	unsigned char *own = self->own.addr;
	struct gntdev_mapping map;

	own[50] = 0xff;
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, self->own.refs,
					 PAGES, RW));
	notify->index = map.index + 50;
	notify->action = UNMAP_NOTIFY_CLEAR_BYTE;
	EXPECT_EQ(0, ioctl_32(self->fd, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, notify));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_EQ(0, own[50]);
}

/* A 32-bit program leaves the upper half of the union as it was. */
TEST_F(compat, grant_copy)
{
	struct copy_32 *copy = (void *)self->low;
	struct segment_32 *segments = (void *)(self->low + 64);
	unsigned char *local = self->low + GRANT_PAGE_SIZE;
	const uint32_t cmd = _IOC(_IOC_NONE, 'G', 8, sizeof(*copy));

	ASSERT_EQ(24, sizeof(*segments));
	copy->count = 2;
	copy->segments = (uint32_t)(uintptr_t)segments;
	segments[0].source.foreign.ref = self->own.refs[1];
	segments[0].source.foreign.offset = 8;
	segments[0].dest.virt = (uint32_t)(uintptr_t)local;
	segments[0].dest.rest = GARBAGE;
	segments[0].len = 2000;
	segments[0].flags = GNTCOPY_source_gref;
	segments[0].status = 77;
	segments[1].source.virt = segments[0].dest.virt;
	segments[1].source.rest = GARBAGE;
	segments[1].dest.foreign.ref = self->own.refs[2];
	segments[1].len = 2000;
	segments[1].flags = GNTCOPY_dest_gref;
	segments[1].status = 77;
	ASSERT_EQ(0, ioctl_32(self->fd, cmd, copy));
	EXPECT_EQ(0, segments[0].status);
	EXPECT_EQ(0, segments[1].status);
	EXPECT_EQ(0, memcmp(local, (char *)page_of(self->own.addr, 1) + 8,
			    2000));
	EXPECT_EQ(0, memcmp(local, page_of(self->own.addr, 2), 2000));
}

TEST_F(compat, dmabuf_export_and_wait)
{
	struct ioctl_gntdev_dmabuf_exp_from_refs *exp = (void *)self->low;
	struct ioctl_gntdev_dmabuf_exp_wait_released *wait = (void *)self->low;
	int dmabuf;

	exp->count = PAGES;
	memcpy((char *)exp->refs, self->own.refs, PAGES * sizeof(uint32_t));
	ASSERT_EQ(0, ioctl_32(self->fd, IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS,
			      exp));
	dmabuf = (int)exp->fd;
	EXPECT_EQ(0, check_dmabuf(dmabuf, PAGES, 1));
	wait->fd = (uint32_t)dmabuf;
	wait->wait_to_ms = 10;
	EXPECT_EQ(-ETIMEDOUT,
		  ioctl_32(self->fd, IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED,
			   wait));
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	EXPECT_EQ(-ENOENT,
		  ioctl_32(self->fd, IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED,
			   wait));
}

TEST_F(compat, dmabuf_import_and_release)
{
	struct ioctl_gntdev_dmabuf_imp_to_refs *imp = (void *)self->low;
	struct ioctl_gntdev_dmabuf_imp_release *end = (void *)self->low;
	int dmabuf = heap_alloc(PAGES, O_RDWR);
	struct gntdev_mapping map;
	uint32_t refs[PAGES];

	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, fill_dmabuf(dmabuf, PAGES, 5));
	imp->fd = (uint32_t)dmabuf;
	imp->count = PAGES;
	ASSERT_EQ(0, ioctl_32(self->fd, IOCTL_GNTDEV_DMABUF_IMP_TO_REFS, imp));
	memcpy(refs, (char *)imp->refs, sizeof(refs));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, refs, PAGES,
					 RW));
	EXPECT_EQ(0, pattern_check(map.addr, 0, PAGES, 5, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	end->fd = (uint32_t)dmabuf;
	EXPECT_EQ(0, ioctl_32(self->fd, IOCTL_GNTDEV_DMABUF_IMP_RELEASE, end));
	EXPECT_EQ(0, live_grants(SELF, refs, PAGES));
	close(dmabuf);
}

TEST_F(compat, unknown_commands)
{
	EXPECT_EQ(-ENOTTY, ioctl_32(self->fd, IOCTL_GNTDEV_SET_MAX_GRANTS,
				    self->low));
	EXPECT_EQ(-ENOTTY, ioctl_32(self->fd, _IOC(_IOC_NONE, 'G', 99, 8),
				    self->low));
	/* The 64-bit structure's size belongs to no 32-bit command. */
	EXPECT_EQ(-ENOTTY, ioctl_32(self->fd, IOCTL_GNTDEV_GRANT_COPY,
				    self->low));
}

TEST_HARNESS_MAIN
