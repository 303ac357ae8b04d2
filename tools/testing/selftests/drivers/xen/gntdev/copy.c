// SPDX-License-Identifier: GPL-2.0-only
/*
 * GRANT_COPY: the hypervisor copies between local memory and granted frames.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES 8u

/* From Xen's public/grant_table.h. */
#define STATUS_OKAY		0
#define STATUS_GENERAL_ERROR	(-1)
#define STATUS_BAD_DOMAIN	(-2)
#define STATUS_BAD_GNTREF	(-3)
/* No status of Xen. */
#define STATUS_UNTOUCHED	77

FIXTURE(copy) {
	int fd;
	struct gnt_pages own;
	/* Local memory, with an inaccessible page after it. */
	unsigned char *mem;
};

FIXTURE_SETUP(copy)
{
	self->own.fd = -1;
	self->fd = -1;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	pattern_fill(self->own.addr, 0, PAGES, 1);
	self->mem = mmap(NULL, bytes_of(PAGES + 1), RW,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_EQ(0, munmap(self->mem + bytes_of(PAGES), GRANT_PAGE_SIZE));
}

FIXTURE_TEARDOWN(copy)
{
	if (self->own.fd < 0)
		return;
	close(self->fd);
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, PAGES));
	gnt_pages_free(&self->own);
}

static struct gntdev_grant_copy_segment to_grant(const void *virt,
						 uint32_t ref, uint16_t offset,
						 uint16_t len)
{
	return (struct gntdev_grant_copy_segment){
		.source.virt = (void *)virt,
		.dest.foreign = { .ref = ref, .offset = offset, .domid = SELF },
		.len = len,
		.flags = GNTCOPY_dest_gref,
		.status = STATUS_UNTOUCHED,
	};
}

static struct gntdev_grant_copy_segment from_grant(void *virt, uint32_t ref,
						   uint16_t offset,
						   uint16_t len)
{
	return (struct gntdev_grant_copy_segment){
		.source.foreign = {
			.ref = ref, .offset = offset, .domid = SELF
		},
		.dest.virt = virt,
		.len = len,
		.flags = GNTCOPY_source_gref,
		.status = STATUS_UNTOUCHED,
	};
}

static int copy_one(int fd, struct gntdev_grant_copy_segment segment)
{
	int ret = gntdev_copy(fd, &segment, 1);

	return ret ? ret : segment.status;
}

static const unsigned char *granted(const FIXTURE_DATA(copy) *self,
				    uint32_t page, uint32_t offset)
{
	return (unsigned char *)self->own.addr + bytes_of(page) + offset;
}

TEST_F(copy, whole_page_both_ways)
{
	ASSERT_EQ(0, copy_one(self->fd,
			      from_grant(self->mem, self->own.refs[3], 0,
					 GRANT_PAGE_SIZE)));
	EXPECT_EQ(0, pattern_check(self->mem, 3, 1, 1, NULL));
	pattern_fill(self->mem, 2, 1, 5);
	ASSERT_EQ(0, copy_one(self->fd,
			      to_grant(self->mem, self->own.refs[2], 0,
				       GRANT_PAGE_SIZE)));
	EXPECT_EQ(0, pattern_check(granted(self, 2, 0), 2, 1, 5, NULL));
	EXPECT_EQ(0, pattern_check(granted(self, 3, 0), 3, 5, 1, NULL));
}

/* Every place in the page and in local memory, every kind of length. */
TEST_F(copy, local_buffer_crosses_pages)
{
	static const uint16_t len[] = { 1, 7, 8, 100, 2048, 4095, 4096 };
	static const uint16_t at[] = { 0, 1, 500, 2048, 4000, 4095 };

	for (size_t l = 0; l < ARRAY_SIZE_OF(len); l++) {
		for (size_t a = 0; a < ARRAY_SIZE_OF(at); a++) {
			uint16_t offset = (uint16_t)(4096 - len[l]) / 2;
			unsigned char *virt = self->mem + at[a];

			memset(self->mem, 0xee, bytes_of(3));
			ASSERT_EQ(0, copy_one(self->fd,
					      from_grant(virt,
							 self->own.refs[1],
							 offset, len[l])));
			EXPECT_EQ(0, memcmp(virt, granted(self, 1, offset),
					    len[l]));
			EXPECT_EQ(0xee, virt[len[l]]);
			EXPECT_TRUE(!at[a] || virt[-1] == 0xee);
		}
	}
}

TEST_F(copy, local_source_crosses_pages)
{
	unsigned char *virt = self->mem + 4000;

	pattern_fill(self->mem, 0, PAGES, 9);
	ASSERT_EQ(0, copy_one(self->fd,
			      to_grant(virt, self->own.refs[0], 0, 4096)));
	EXPECT_EQ(0, memcmp(virt, granted(self, 0, 0), 4096));
	ASSERT_EQ(0, copy_one(self->fd,
			      to_grant(virt, self->own.refs[1], 96, 4000)));
	EXPECT_EQ(0, memcmp(virt, granted(self, 1, 96), 4000));
}

TEST_F(copy, both_sides_granted)
{
	struct gntdev_grant_copy_segment segment = {
		.source.foreign = {
			.ref = self->own.refs[4], .offset = 8, .domid = SELF
		},
		.dest.foreign = {
			.ref = self->own.refs[5], .offset = 16, .domid = SELF
		},
		.len = 1000,
		.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref,
	};

	ASSERT_EQ(0, copy_one(self->fd, segment));
	EXPECT_EQ(0, memcmp(granted(self, 5, 16), granted(self, 4, 8), 1000));
	EXPECT_NE(0, memcmp(granted(self, 5, 1016), granted(self, 4, 1008),
			    8));
}

TEST_F(copy, thousands_of_segments)
{
	const uint32_t count = 5000;
	struct gntdev_grant_copy_segment *segments;
	uint16_t *local;

	segments = calloc(count, sizeof(*segments));
	local = calloc(count, sizeof(*local));
	ASSERT_NE(NULL, segments);
	ASSERT_NE(NULL, local);
	for (uint32_t i = 0; i < count; i++)
		segments[i] = from_grant(&local[i],
					 self->own.refs[i % PAGES],
					 (uint16_t)(2 * (i % 2048)),
					 sizeof(*local));
	ASSERT_EQ(0, gntdev_copy(self->fd, segments, count));
	for (uint32_t i = 0; i < count; i++) {
		ASSERT_EQ(STATUS_OKAY, segments[i].status);
		ASSERT_EQ(0, memcmp(&local[i], granted(self, i % PAGES,
						       2 * (i % 2048)),
				    sizeof(*local)));
	}
	free(local);
	free(segments);
}

TEST_F(copy, no_segments_is_no_error)
{
	EXPECT_EQ(0, gntdev_copy(self->fd, NULL, 0));
}

TEST_F(copy, empty_segment_copies_nothing)
{
	memset(self->mem, 0xee, 64);
	EXPECT_EQ(0, copy_one(self->fd, from_grant(self->mem,
						   self->own.refs[0], 10, 0)));
	EXPECT_EQ(0xee, self->mem[0]);
}

/* One bad segment of a batch has its own status, the others are copied. */
TEST_F(copy, each_segment_has_its_own_status)
{
	struct gntdev_grant_copy_segment segments[9];
	const uint32_t count = ARRAY_SIZE_OF(segments);
	struct gnt_pages gone;

	ASSERT_EQ(0, gnt_pages_alloc(&gone, SELF, 1, true));
	ASSERT_EQ(0, revoke_pages(&gone));
	for (uint32_t bad = 0; bad < count; bad++) {
		memset(self->mem, 0, bytes_of(1));
		for (uint32_t i = 0; i < count; i++)
			segments[i] = from_grant(self->mem + 64 * i,
						 self->own.refs[1],
						 (uint16_t)(64 * i), 64);
		segments[bad].source.foreign.ref = bad % 2 ? REF_BEYOND_TABLE :
							     gone.refs[0];
		ASSERT_EQ(0, gntdev_copy(self->fd, segments, count));
		for (uint32_t i = 0; i < count; i++) {
			int status = bad % 2 ? STATUS_BAD_GNTREF :
					       STATUS_GENERAL_ERROR;
			int same = !memcmp(self->mem + 64 * i,
					   granted(self, 1, 64 * i), 64);

			EXPECT_EQ(i == bad ? status : STATUS_OKAY,
				  segments[i].status);
			EXPECT_EQ(i != bad, same);
		}
	}
	gnt_pages_free(&gone);
}

TEST_F(copy, unknown_domain_has_a_status)
{
	struct gntdev_grant_copy_segment segment;

	segment = from_grant(self->mem, self->own.refs[0], 0, 64);
	segment.source.foreign.domid = FIRST_RESERVED_DOMID - 1;
	EXPECT_EQ(STATUS_BAD_DOMAIN, copy_one(self->fd, segment));
}

TEST_F(copy, read_only_grant_is_not_written)
{
	struct gnt_pages ro;

	ASSERT_EQ(0, gnt_pages_alloc(&ro, SELF, 1, false));
	pattern_fill(ro.addr, 0, 1, 3);
	EXPECT_EQ(STATUS_GENERAL_ERROR,
		  copy_one(self->fd, to_grant(self->mem, ro.refs[0], 0, 64)));
	EXPECT_EQ(0, pattern_check(ro.addr, 0, 1, 3, NULL));
	EXPECT_EQ(STATUS_OKAY,
		  copy_one(self->fd, from_grant(self->mem, ro.refs[0], 0,
						GRANT_PAGE_SIZE)));
	EXPECT_EQ(0, pattern_check(self->mem, 0, 1, 3, NULL));
	ASSERT_EQ(0, revoke_pages(&ro));
	gnt_pages_free(&ro);
}

TEST_F(copy, local_to_local_is_refused)
{
	struct gntdev_grant_copy_segment segment = {
		.source.virt = self->mem,
		.dest.virt = self->mem + 4096,
		.len = 64,
		.status = STATUS_UNTOUCHED,
	};

	EXPECT_EQ(-EINVAL, copy_one(self->fd, segment));
	segment.flags = 1 << 5;
	EXPECT_EQ(-EINVAL, copy_one(self->fd, segment));
}

TEST_F(copy, unknown_flags_are_refused)
{
	for (int bit = 2; bit < 16; bit++) {
		struct gntdev_grant_copy_segment segment;

		segment = from_grant(self->mem, self->own.refs[0], 0, 64);
		segment.flags |= (uint16_t)(1 << bit);
		EXPECT_EQ(-EINVAL, copy_one(self->fd, segment));
	}
}

TEST_F(copy, granted_frame_must_not_be_left)
{
	static const struct {
		uint16_t offset;
		uint16_t len;
	} bad[] = {
		{ 1, 4096 }, { 4095, 2 }, { 4096, 1 }, { 4000, 200 },
		{ 0, 4097 }, { 65535, 1 }, { 0, 65535 }, { 65535, 65535 },
	};

	for (size_t i = 0; i < ARRAY_SIZE_OF(bad); i++) {
		EXPECT_EQ(-EINVAL,
			  copy_one(self->fd,
				   from_grant(self->mem, self->own.refs[0],
					      bad[i].offset, bad[i].len)));
		EXPECT_EQ(-EINVAL,
			  copy_one(self->fd,
				   to_grant(self->mem, self->own.refs[0],
					    bad[i].offset, bad[i].len)));
	}
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, PAGES, 1, NULL));
}

TEST_F(copy, bad_local_memory_is_a_fault)
{
	unsigned char *end = self->mem + bytes_of(PAGES);

	EXPECT_EQ(-EFAULT, copy_one(self->fd,
				    from_grant(NULL, self->own.refs[0], 0,
					       64)));
	EXPECT_EQ(-EFAULT, copy_one(self->fd,
				    to_grant(end, self->own.refs[0], 0, 64)));
	EXPECT_EQ(-EFAULT, copy_one(self->fd,
				    from_grant(end - 100, self->own.refs[0], 0,
					       4096)));
	EXPECT_EQ(-EFAULT, copy_one(self->fd,
				    to_grant((void *)-4096l,
					     self->own.refs[0], 0, 64)));
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, PAGES, 1, NULL));
}

TEST_F(copy, read_only_local_memory_is_not_written)
{
	memset(self->mem, 0xee, bytes_of(1));
	ASSERT_EQ(0, mprotect(self->mem, bytes_of(1), PROT_READ));
	EXPECT_EQ(-EFAULT, copy_one(self->fd,
				    from_grant(self->mem, self->own.refs[0], 0,
					       64)));
	EXPECT_EQ(0xee, self->mem[0]);
	EXPECT_EQ(0, copy_one(self->fd, to_grant(self->mem, self->own.refs[0],
						 0, 64)));
	EXPECT_EQ(0, memcmp(self->mem, granted(self, 0, 0), 64));
}

TEST_F(copy, bad_segment_list_is_a_fault)
{
	struct gntdev_grant_copy_segment *list;

	EXPECT_EQ(-EFAULT, gntdev_copy(self->fd, NULL, 1));
	EXPECT_EQ(-EFAULT, gntdev_copy(self->fd, NULL, ~0u));
	/* The second segment of the list is not there. */
	list = (void *)(self->mem + bytes_of(PAGES) - sizeof(*list));
	*list = from_grant(self->mem, self->own.refs[0], 0, 64);
	EXPECT_EQ(-EFAULT, gntdev_copy(self->fd, list, 2));
}

TEST_F(copy, status_that_cannot_be_written_is_a_fault)
{
	struct gntdev_grant_copy_segment *list = (void *)self->mem;

	list[0] = from_grant(self->mem + 4096, self->own.refs[0], 0, 64);
	ASSERT_EQ(0, mprotect(self->mem, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, gntdev_copy(self->fd, list, 1));
	ASSERT_EQ(0, mprotect(self->mem, 4096, RW));
	EXPECT_EQ(0, gntdev_copy(self->fd, list, 1));
}

/* A page never written to is the common zero page: it must not be hit. */
TEST_F(copy, untouched_memory_gets_pages_of_its_own)
{
	void *fresh = mmap(NULL, bytes_of(2), RW, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	const unsigned char *other;

	ASSERT_NE(MAP_FAILED, fresh);
	other = page_of(fresh, 1);
	EXPECT_EQ(0, other[0]);
	EXPECT_TRUE(can_read(fresh));
	ASSERT_EQ(0, copy_one(self->fd, from_grant(fresh, self->own.refs[6], 0,
						   GRANT_PAGE_SIZE)));
	EXPECT_EQ(0, pattern_check(fresh, 6, 1, 1, NULL));
	for (unsigned int i = 0; i < GRANT_PAGE_SIZE; i++)
		ASSERT_EQ(0, other[i]);
	munmap(fresh, bytes_of(2));
}

TEST_F(copy, memory_shared_by_fork_is_copied_first)
{
	int go[2];
	int status;
	pid_t child;

	pattern_fill(self->mem, 0, 1, 40);
	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		char byte;

		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(2);
		_exit(pattern_check(self->mem, 0, 1, 40, NULL) != 0);
	}
	ASSERT_EQ(0, copy_one(self->fd,
			      from_grant(self->mem, self->own.refs[0], 0,
					 GRANT_PAGE_SIZE)));
	EXPECT_EQ(0, pattern_check(self->mem, 0, 1, 1, NULL));
	ASSERT_EQ(1, write(go[1], "g", 1));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

static int flush_and_forget(int file)
{
	if (fsync(file))
		return -errno;
	return write_text("/proc/sys/vm/drop_caches", "3");
}

/* The data has to reach the file, not only a page that is dropped later. */
TEST_F(copy, file_page_is_marked_dirty)
{
	int file = open("/dev/ram0", O_RDWR | O_CLOEXEC);
	unsigned char *page = self->mem;
	void *view;

	if (file < 0 && system("modprobe -q brd") == 0)
		file = open("/dev/ram0", O_RDWR | O_CLOEXEC);
	if (file < 0)
		SKIP(return, "no block device in memory (brd)");
	for (uint32_t i = 0; i < 4; i++) {
		view = mmap(NULL, bytes_of(cut(1)), RW, MAP_SHARED, file,
			    (off_t)bytes_of(cut(i)));
		ASSERT_NE(MAP_FAILED, view);
		memset(view, 0x11, bytes_of(cut(1)));
		ASSERT_EQ(0, msync(view, bytes_of(cut(1)), MS_SYNC));
		ASSERT_EQ(0, copy_one(self->fd,
				      from_grant(view, self->own.refs[i], 0,
						 GRANT_PAGE_SIZE)));
		ASSERT_EQ(0, munmap(view, bytes_of(cut(1))));
		ASSERT_EQ(0, flush_and_forget(file));
		ASSERT_EQ(GRANT_PAGE_SIZE, pread(file, page, GRANT_PAGE_SIZE,
						 (off_t)bytes_of(cut(i))));
		EXPECT_EQ(0, pattern_check(page, i, 1, 1, NULL));
	}
	close(file);
}

TEST_F(copy, from_a_mapped_grant)
{
	struct gntdev_mapping map;
	int ret;

	/* A foreign page is no local memory: refuse, or copy the right data. */
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, self->own.refs,
					 2, RW));
	ret = copy_one(self->fd, to_grant(map.addr, self->own.refs[3], 0,
					  GRANT_PAGE_SIZE));
	if (!ret) {
		EXPECT_EQ(0, pattern_check(granted(self, 3, 0), 0, 1, 1, NULL));
	} else {
		EXPECT_EQ(-EFAULT, ret);
		EXPECT_EQ(0, pattern_check(granted(self, 3, 0), 3, 1, 1, NULL));
	}
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_HARNESS_MAIN
