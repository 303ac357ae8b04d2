// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMABUF_EXP_FROM_REFS: granted frames as a dma-buf. Waiting for the end of
 * one is the subject of dmabuf-wait.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>

#include <linux/dma-buf.h>
#include <drm.h>
#include <drm_mode.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"

#define RW (PROT_READ | PROT_WRITE)
#define SMALL cut(5)

FIXTURE(export) {
	int fd;
	struct gnt_pages own;
};

FIXTURE_SETUP(export)
{
	self->own.fd = -1;
	self->fd = -1;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(export)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->own.fd < 0)
		return;
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, self->own.count));
	gnt_pages_free(&self->own);
}

static int grant_seeded(struct gnt_pages *own, uint32_t count, uint64_t seed)
{
	int ret = gnt_pages_alloc(own, SELF, count, true);

	if (!ret)
		pattern_fill(own->addr, 0, count, seed);
	return ret;
}

static void check_both_directions(struct __test_metadata *_metadata,
				  FIXTURE_DATA(export) *self, uint32_t count,
				  uint32_t flags)
{
	int dmabuf;

	ASSERT_EQ(0, grant_seeded(&self->own, count, count));
	dmabuf = export_pages(self->fd, &self->own, flags);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ((off_t)bytes_of(count), lseek(dmabuf, 0, SEEK_END));
	EXPECT_EQ(0, check_dmabuf(dmabuf, count, count));
	EXPECT_EQ(0, fill_dmabuf(dmabuf, count, ~count));
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, count, ~count, NULL));
	/* The same memory, not a copy: later changes are seen as well. */
	pattern_fill(self->own.addr, 0, count, count + 1);
	EXPECT_EQ(0, check_dmabuf(dmabuf, count, count + 1));
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, count));
	gnt_pages_free(&self->own);
}

TEST_F(export, data_passes_at_all_sizes)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++)
		check_both_directions(_metadata, self, buffer_sizes[i], 0);
}

TEST_F(export, write_combined_at_all_sizes)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++)
		check_both_directions(_metadata, self, buffer_sizes[i],
				      GNTDEV_DMA_FLAG_WC);
}

TEST_F(export, coherent_at_all_sizes)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++)
		check_both_directions(_metadata, self, buffer_sizes[i],
				      GNTDEV_DMA_FLAG_COHERENT);
}

TEST_F(export, limit_many_pages)
{
	const uint32_t own = 1024;
	uint32_t limit = (uint32_t)gntdev_limit();
	int dmabuf = -1;
	uint32_t *refs;
	void *mem;

	ASSERT_LT(0, limit);
	ASSERT_EQ(0, grant_seeded(&self->own, own, 7));
	refs = repeat_refs(self->own.refs, own, limit);
	ASSERT_NE(NULL, refs);
	ASSERT_EQ(0, gntdev_exp_from_refs(self->fd, 0, SELF, refs, limit,
					  &dmabuf));
	mem = map_dmabuf(dmabuf, limit, PROT_READ);
	ASSERT_NE(NULL, mem);
	for (uint32_t i = 0; i + own <= limit; i += own)
		ASSERT_EQ(0, pattern_check(page_of(mem, i), 0, own, 7, NULL));
	ASSERT_EQ(0, munmap(mem, bytes_of(limit)));
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	free(refs);
}

TEST_F(export, descriptor_is_closed_on_exec)
{
	int dmabuf;

	ASSERT_EQ(0, grant_seeded(&self->own, cut(1), 1));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	EXPECT_TRUE(fcntl(dmabuf, F_GETFD) & FD_CLOEXEC);
	EXPECT_EQ(O_RDWR, fcntl(dmabuf, F_GETFL) & O_ACCMODE);
	close(dmabuf);
}

TEST_F(export, two_processes_share_a_mapping)
{
	int dmabuf, status;
	pid_t child;
	void *mem;

	ASSERT_EQ(0, grant_seeded(&self->own, 64, 8));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	mem = map_dmabuf(dmabuf, 64, RW);
	ASSERT_NE(NULL, mem);
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		void *own = map_dmabuf(dmabuf, 64, RW);

		if (!own || pattern_check(own, 0, 64, 8, NULL))
			_exit(1);
		pattern_fill(page_of(own, 32), 32, 32, 9);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(0, pattern_check(mem, 0, 32, 8, NULL));
	EXPECT_EQ(0, pattern_check(page_of(mem, 32), 32, 32, 9, NULL));
	EXPECT_EQ(0, pattern_check(page_of(self->own.addr, 32), 32, 32, 9,
				   NULL));
	munmap(mem, bytes_of(64));
	close(dmabuf);
}

TEST_F(export, several_mappings_of_parts)
{
	void *parts[8];
	int dmabuf;

	ASSERT_EQ(0, grant_seeded(&self->own, cut(16), 10));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	for (uint32_t i = 0; i < 8; i++) {
		parts[i] = mmap(NULL, bytes_of(cut(i + 1)), RW, MAP_SHARED,
				dmabuf, (off_t)bytes_of(cut(i)));
		ASSERT_NE(MAP_FAILED, parts[i]);
	}
	for (uint32_t i = 0; i < 8; i++)
		EXPECT_EQ(0, pattern_check(parts[i], cut(i), cut(i + 1), 10,
					   NULL));
	for (uint32_t i = 0; i < 8; i += 2)
		ASSERT_EQ(0, munmap(parts[i], bytes_of(cut(i + 1))));
	pattern_fill(parts[7], cut(7), cut(8), 11);
	EXPECT_EQ(0, pattern_check(parts[5], cut(5), cut(2), 10, NULL));
	EXPECT_EQ(0, pattern_check(page_of(parts[5], cut(2)), cut(7), cut(4),
				   11, NULL));
	for (uint32_t i = 1; i < 8; i += 2)
		ASSERT_EQ(0, munmap(parts[i], bytes_of(cut(i + 1))));
	EXPECT_EQ(0, check_dmabuf(dmabuf, cut(7), 10));
	close(dmabuf);
}

TEST_F(export, mmap_beyond_the_end_is_refused)
{
	int dmabuf;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 1));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, bytes_of(SMALL + 1), PROT_READ,
				   MAP_SHARED, dmabuf, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, bytes_of(1), PROT_READ, MAP_SHARED,
				   dmabuf, (off_t)bytes_of(SMALL)));
	EXPECT_EQ(EINVAL, errno);
	close(dmabuf);
}

TEST_F(export, private_writable_mmap_is_refused)
{
	int dmabuf;
	void *mem;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 12));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, bytes_of(SMALL), RW, MAP_PRIVATE,
				   dmabuf, 0));
	EXPECT_EQ(EINVAL, errno);
	mem = mmap(NULL, bytes_of(SMALL), PROT_READ, MAP_PRIVATE, dmabuf, 0);
	if (mem != MAP_FAILED) {
		EXPECT_EQ(-1, mprotect(mem, bytes_of(SMALL), RW));
		EXPECT_EQ(0, pattern_check(mem, 0, SMALL, 12, NULL));
		munmap(mem, bytes_of(SMALL));
	}
	close(dmabuf);
}

TEST_F(export, mapping_is_split_and_protected)
{
	void *mem, *third;
	int dmabuf;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 13));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	mem = map_dmabuf(dmabuf, SMALL, RW);
	ASSERT_NE(NULL, mem);
	third = page_of(mem, cut(2));
	ASSERT_EQ(0, mprotect(third, bytes_of(cut(1)), PROT_READ));
	EXPECT_EQ(0, pattern_check(mem, 0, SMALL, 13, NULL));
	EXPECT_FALSE(can_write(third));
	ASSERT_EQ(0, munmap(page_of(mem, cut(1)), bytes_of(cut(1))));
	EXPECT_FALSE(can_read(page_of(mem, cut(1))));
	ASSERT_EQ(0, mprotect(third, bytes_of(cut(1)), RW));
	pattern_fill(third, cut(2), cut(3), 14);
	EXPECT_EQ(0, pattern_check(page_of(self->own.addr, cut(2)), cut(2),
				   cut(3), 14, NULL));
	munmap(mem, bytes_of(SMALL));
	close(dmabuf);
}

TEST_F(export, mremap_keeps_the_mapping)
{
	void *mem, *room, *moved;
	int dmabuf;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 15));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	mem = map_dmabuf(dmabuf, SMALL, RW);
	room = mmap(NULL, bytes_of(SMALL), PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(NULL, mem);
	ASSERT_NE(MAP_FAILED, room);
	moved = mremap(mem, bytes_of(SMALL), bytes_of(SMALL),
		       MREMAP_MAYMOVE | MREMAP_FIXED, room);
	if (moved != MAP_FAILED)
		mem = moved;
	EXPECT_EQ(0, pattern_check(mem, 0, SMALL, 15, NULL));
	pattern_fill(mem, 0, SMALL, 16);
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 16, NULL));
	munmap(mem, bytes_of(SMALL));
	close(dmabuf);
}

/* A mapping inherited by fork has the data or faults, in both processes. */
TEST_F(export, fork_keeps_the_parents_mapping)
{
	int dmabuf, status;
	pid_t child;
	void *mem;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 17));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	mem = map_dmabuf(dmabuf, SMALL, RW);
	ASSERT_NE(NULL, mem);
	child = fork();
	ASSERT_GE(child, 0);
	if (!child)
		_exit(can_read(mem) && pattern_check(mem, 0, SMALL, 17, NULL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	pattern_fill(mem, 0, SMALL, 18);
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 18, NULL));
	munmap(mem, bytes_of(SMALL));
	close(dmabuf);
}

TEST_F(export, cpu_access_is_bracketed)
{
	static const uint64_t kinds[] = {
		DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW,
	};
	int dmabuf;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 1));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	for (size_t i = 0; i < ARRAY_SIZE_OF(kinds); i++) {
		EXPECT_EQ(0, sync_dmabuf(dmabuf, DMA_BUF_SYNC_START |
						 kinds[i]));
		EXPECT_EQ(0, sync_dmabuf(dmabuf, DMA_BUF_SYNC_END | kinds[i]));
	}
	EXPECT_EQ(-EINVAL, sync_dmabuf(dmabuf, 0x100));
	close(dmabuf);
}

/* An importer that attaches and maps for DMA. */
static int vgem_import(int drm, int dmabuf, uint32_t *handle)
{
	struct drm_prime_handle prime = { .fd = dmabuf };

	if (ioctl(drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime))
		return -errno;
	*handle = prime.handle;
	return 0;
}

/* Another descriptor of the buffer that the device holds. */
static int vgem_export(int drm, uint32_t handle)
{
	struct drm_prime_handle prime = {
		.handle = handle, .flags = DRM_RDWR | DRM_CLOEXEC,
	};

	return ioctl(drm, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) ? -errno :
								   prime.fd;
}

static int vgem_close(int drm, uint32_t handle)
{
	struct drm_gem_close gem = { .handle = handle };

	return ioctl(drm, DRM_IOCTL_GEM_CLOSE, &gem) ? -errno : 0;
}

TEST_F(export, device_imports_at_all_sizes)
{
	int drm = drm_open("vgem");

	if (drm < 0)
		SKIP(return, "no vgem device");
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++) {
		uint32_t count = buffer_sizes[i];
		uint32_t handle = 0;
		int dmabuf;

		ASSERT_EQ(0, grant_seeded(&self->own, count, 20 + i));
		dmabuf = export_pages(self->fd, &self->own, 0);
		ASSERT_GE(dmabuf, 0);
		ASSERT_EQ(0, vgem_import(drm, dmabuf, &handle));
		close(dmabuf);
		EXPECT_EQ(-ETIMEDOUT,
			  gntdev_exp_wait_released(self->fd, dmabuf, 0));
		ASSERT_EQ(0, vgem_close(drm, handle));
		EXPECT_TRUE(released(self->fd, dmabuf));
		EXPECT_EQ(0, revoke_pages(&self->own));
		EXPECT_EQ(0, live_grants(SELF, self->own.refs, count));
		gnt_pages_free(&self->own);
	}
	close(drm);
}

TEST_F(export, device_outlives_both_descriptors)
{
	int drm = drm_open("vgem");
	uint32_t handle = 0;
	int dmabuf;

	if (drm < 0)
		SKIP(return, "no vgem device");
	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 30));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, vgem_import(drm, dmabuf, &handle));
	close(self->fd);
	self->fd = -1;
	close(dmabuf);
	dmabuf = vgem_export(drm, handle);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(0, check_dmabuf(dmabuf, SMALL, 30));
	EXPECT_EQ(0, fill_dmabuf(dmabuf, SMALL, 31));
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 31, NULL));
	close(dmabuf);
	close(drm);
}

TEST_F(export, read_only_grants_make_a_read_only_buffer)
{
	void *mem;
	int dmabuf;

	if (grants_per_page() > 1)
		SKIP(return, NO_READ_ONLY);
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, SMALL, false));
	pattern_fill(self->own.addr, 0, SMALL, 40);
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(O_RDONLY, fcntl(dmabuf, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(0, check_dmabuf(dmabuf, SMALL, 40));
	EXPECT_EQ(NULL, map_dmabuf(dmabuf, SMALL, RW));
	EXPECT_EQ(EACCES, errno);
	mem = map_dmabuf(dmabuf, SMALL, PROT_READ);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(-1, mprotect(mem, bytes_of(SMALL), RW));
	EXPECT_FALSE(can_write(mem));
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 40, NULL));
	munmap(mem, bytes_of(SMALL));
	close(dmabuf);
}

TEST_F(export, one_read_only_grant_makes_all_read_only)
{
	struct gnt_pages ro;
	uint32_t refs[4];
	int dmabuf = -1;

	ASSERT_EQ(0, grant_seeded(&self->own, 3, 41));
	ASSERT_EQ(0, gnt_pages_alloc(&ro, SELF, 1, false));
	pattern_fill(ro.addr, 3, 1, 41);
	memcpy(refs, self->own.refs, 3 * sizeof(*refs));
	refs[3] = ro.refs[0];
	ASSERT_EQ(0, gntdev_exp_from_refs(self->fd, 0, SELF, refs, 4,
					  &dmabuf));
	EXPECT_EQ(O_RDONLY, fcntl(dmabuf, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(0, check_dmabuf(dmabuf, 4, 41));
	EXPECT_EQ(NULL, map_dmabuf(dmabuf, 4, RW));
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	ASSERT_EQ(0, revoke_pages(&ro));
	EXPECT_EQ(0, live_grants(SELF, ro.refs, 1));
	gnt_pages_free(&ro);
}

static void expect_refused(struct __test_metadata *_metadata,
			   FIXTURE_DATA(export) *self, uint32_t count,
			   uint64_t mask, uint32_t bad, int error)
{
	uint32_t *refs = repeat_refs(self->own.refs, self->own.count, count);
	unsigned int fds = count_open_fds();
	int dmabuf = -1;

	ASSERT_NE(NULL, refs);
	for (uint32_t i = 0; i < count; i++)
		if (mask & (1ull << i))
			refs[i] = bad;
	EXPECT_EQ(-error, gntdev_exp_from_refs(self->fd, 0, SELF, refs, count,
					       &dmabuf));
	EXPECT_EQ(fds, count_open_fds());
	free(refs);
}

static uint32_t revoked_ref(void)
{
	struct gnt_pages gone;
	uint32_t ref;

	if (gnt_pages_alloc(&gone, SELF, 1, true))
		return REF_BEYOND_TABLE;
	ref = gone.refs[0];
	revoke_pages(&gone);
	gnt_pages_free(&gone);
	return ref;
}

TEST_F(export, one_revoked_ref_fails_all)
{
	uint32_t bad, count = whole_pages(33);

	ASSERT_EQ(0, grant_seeded(&self->own, 33, 1));
	bad = revoked_ref();
	ASSERT_NE(REF_BEYOND_TABLE, bad);
	for (uint32_t i = 0; i < count; i++)
		expect_refused(_metadata, self, count, 1ull << i, bad, EACCES);
	expect_refused(_metadata, self, count, 0x5555555555ull, bad, EACCES);
	expect_refused(_metadata, self, count, 0xaaaaaaaaaaull, bad, EACCES);
	expect_refused(_metadata, self, count, ~0ull, bad, EACCES);
}

TEST_F(export, ref_beyond_table_fails_all)
{
	uint32_t count = whole_pages(9);

	ASSERT_EQ(0, grant_seeded(&self->own, 9, 1));
	for (uint32_t i = 0; i < count; i++)
		expect_refused(_metadata, self, count, 1ull << i,
			       REF_BEYOND_TABLE, EINVAL);
}

TEST_F(export, works_after_a_refused_export)
{
	static const uint32_t flags[] = {
		0, GNTDEV_DMA_FLAG_WC, GNTDEV_DMA_FLAG_COHERENT,
	};
	const uint32_t beyond = REF_BEYOND_TABLE;
	uint32_t *bad = repeat_refs(&beyond, 1, cut(1));

	ASSERT_NE(NULL, bad);
	for (size_t i = 0; i < ARRAY_SIZE_OF(flags); i++) {
		int dmabuf = -1;

		EXPECT_EQ(-EINVAL,
			  gntdev_exp_from_refs(self->fd, flags[i], SELF, bad,
					       cut(1), &dmabuf));
		check_both_directions(_metadata, self, SMALL, flags[i]);
	}
	free(bad);
}

/* Exports are no ranges for mmap(): no index names them. */
TEST_F(export, unmap_command_never_hits_an_export)
{
	uint64_t index = 1;
	uint32_t ref = 8;
	int dmabuf;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 50));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	for (uint64_t page = 0; page < 64; page++)
		EXPECT_EQ(-ENOENT, gntdev_unmap(self->fd, page << 12, SMALL));
	EXPECT_EQ(0, check_dmabuf(dmabuf, SMALL, 50));
	ASSERT_EQ(0, gntdev_map(self->fd, SELF, &ref, 1, &index));
	EXPECT_EQ(0, index);
	close(dmabuf);
}

TEST_F(export, many_buffers_of_the_same_grants)
{
	int dmabufs[100];

	ASSERT_EQ(0, grant_seeded(&self->own, 16, 60));
	for (size_t i = 0; i < ARRAY_SIZE_OF(dmabufs); i++) {
		dmabufs[i] = export_pages(self->fd, &self->own, 0);
		ASSERT_GE(dmabufs[i], 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE_OF(dmabufs); i += 9)
		EXPECT_EQ(0, check_dmabuf(dmabufs[i], 16, 60));
	for (size_t i = 0; i < ARRAY_SIZE_OF(dmabufs); i++)
		close(dmabufs[i]);
	for (size_t i = 0; i < ARRAY_SIZE_OF(dmabufs); i++)
		EXPECT_TRUE(released(self->fd, dmabufs[i]));
}

/* Buffers that are made until there is no room for another one. */
struct hoard {
	int fd;
	uint32_t *refs;
	uint32_t limit;
	int count;
	int ret;
};

static bool all_are_released(int fd, const int *dmabufs, int count)
{
	bool all = true;

	for (int i = 0; i < count; i++)
		close(dmabufs[i]);
	for (int i = 0; i < count; i++)
		all &= released(fd, dmabufs[i]);
	return all;
}

/*
 * Pages of what was before may be on their way back, and without them there may be
 * no addresses for so many: then it is too early.
 */
static bool hoards(void *arg)
{
	struct hoard *hoard = arg;
	int dmabufs[7];

	hoard->count = 0;
	hoard->ret = 0;
	while (!hoard->ret && hoard->count < (int)ARRAY_SIZE_OF(dmabufs)) {
		hoard->ret = gntdev_exp_from_refs(hoard->fd, 0, SELF,
						  hoard->refs, hoard->limit,
						  &dmabufs[hoard->count]);
		hoard->count += !hoard->ret;
	}
	return all_are_released(hoard->fd, dmabufs, hoard->count) &&
	       hoard->ret != -ENOMEM;
}

/* Xen has a table of what a domain maps; these buffers do not fit into it. */
TEST_F_TIMEOUT(export, map_handles_run_out, 3 * TEST_SECONDS)
{
	FIXTURE_DATA(export) other = { .fd = self->fd };
	struct hoard hoard = {
		.fd = self->fd,
		.limit = (uint32_t)gntdev_limit(),
	};
	const uint32_t own = 2048;

	ASSERT_EQ(0, grant_seeded(&self->own, own, 70));
	hoard.refs = repeat_refs(self->own.refs, own, hoard.limit);
	ASSERT_NE(NULL, hoard.refs);
	EXPECT_TRUE(wait_until(hoards, &hoard, DEADLINE_MS));
	EXPECT_EQ(-ENOSPC, hoard.ret);
	EXPECT_LT(0, hoard.count);
	free(hoard.refs);
	check_both_directions(_metadata, &other, SMALL, 0);
}

TEST_F(export, mapped_and_exported_together)
{
	struct gntdev_mapping map;
	int dmabuf;

	ASSERT_EQ(0, grant_seeded(&self->own, SMALL, 61));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, self->own.refs,
					 SMALL, RW));
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	pattern_fill(map.addr, 0, SMALL, 62);
	EXPECT_EQ(0, check_dmabuf(dmabuf, SMALL, 62));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_EQ(0, fill_dmabuf(dmabuf, SMALL, 63));
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, SMALL, 63, NULL));
	close(dmabuf);
}

TEST_HARNESS_MAIN
