// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32-bit program on a 64-bit kernel: every command, and memory shared by
 * each of them. The granted pages come from lend-pages, a 64-bit program, as
 * the libraries of Xen are not there for this one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "granter.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES 4u
#define SEED 7u
#define GIB 0x40000000ull
/* What a 64-bit program calls GRANT_COPY. */
#define GRANT_COPY_64 _IOC(_IOC_NONE, 'G', 8, 16)

_Static_assert(sizeof(void *) == 4, "this is to be built as a 32-bit program");

struct lender {
	pid_t pid;
	FILE *asks;
	FILE *answers;
	uint16_t domid;
	uint32_t refs[PAGES];
};

FIXTURE(compat) {
	int fd;
	struct lender lender;
};

static pid_t lender_spawn(int fd)
{
	char count[12];
	pid_t pid = fork();

	if (pid)
		return pid;
	snprintf(count, sizeof(count), "%u", PAGES);
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	execl("./lend-pages", "lend-pages", count, NULL);
	_exit(127);
}

/* The first line tells who grants what, or is an errno. */
static int lender_hello(struct lender *lender)
{
	int domid;

	if (fscanf(lender->answers, "%d", &domid) != 1)
		return -EPROTO;
	if (domid < 0)
		return domid;
	lender->domid = (uint16_t)domid;
	for (uint32_t i = 0; i < PAGES; i++)
		if (fscanf(lender->answers, "%" SCNu32, &lender->refs[i]) != 1)
			return -EPROTO;
	return 0;
}

static int lender_close(struct lender *lender)
{
	int status = 0;

	shutdown(fileno(lender->asks), SHUT_WR);
	waitpid(lender->pid, &status, 0);
	fclose(lender->asks);
	fclose(lender->answers);
	return status;
}

static int lender_open(struct lender *lender)
{
	int ends[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	lender->pid = lender_spawn(ends[1]);
	close(ends[1]);
	lender->asks = fdopen(ends[0], "w");
	lender->answers = fdopen(fcntl(ends[0], F_DUPFD_CLOEXEC, 0), "r");
	ret = lender_hello(lender);
	if (ret)
		lender_close(lender);
	return ret;
}

static int lender_answer(struct lender *lender)
{
	int ret;

	fprintf(lender->asks, "\n");
	fflush(lender->asks);
	return fscanf(lender->answers, "%d", &ret) == 1 ? ret : -EPROTO;
}

static int lender_fill(struct lender *lender, uint64_t seed)
{
	fprintf(lender->asks, "fill %" PRIu64, seed);
	return lender_answer(lender);
}

static int lender_check(struct lender *lender, uint64_t seed)
{
	fprintf(lender->asks, "check %" PRIu64, seed);
	return lender_answer(lender);
}

static int lender_visits(struct lender *lender, const uint32_t *refs,
			 uint64_t seed)
{
	fprintf(lender->asks, "visit %" PRIu64, seed);
	for (uint32_t i = 0; i < PAGES; i++)
		fprintf(lender->asks, " %" PRIu32, refs[i]);
	return lender_answer(lender);
}

FIXTURE_SETUP(compat)
{
	int ret;

	self->fd = -1;
	ret = lender_open(&self->lender);
	if (ret == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, ret);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(compat)
{
	if (self->fd < 0)
		return;
	close(self->fd);
	EXPECT_EQ(0, lender_close(&self->lender));
}

static int open_range(FIXTURE_DATA(compat) *self, struct gntdev_mapping *map)
{
	return gntdev_mapping_open(map, self->fd, self->lender.domid,
				   self->lender.refs, PAGES, RW);
}

/* All but one are the numbers of a 64-bit program. */
TEST_F(compat, command_numbers)
{
	EXPECT_EQ(0x184700, IOCTL_GNTDEV_MAP_GRANT_REF);
	EXPECT_EQ(0x104701, IOCTL_GNTDEV_UNMAP_GRANT_REF);
	EXPECT_EQ(0x184702, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR);
	EXPECT_EQ(0x104707, IOCTL_GNTDEV_SET_UNMAP_NOTIFY);
	EXPECT_EQ(0x084708, IOCTL_GNTDEV_GRANT_COPY);
	EXPECT_EQ(0x144709, IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS);
	EXPECT_EQ(0x08470a, IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED);
	EXPECT_EQ(0x14470b, IOCTL_GNTDEV_DMABUF_IMP_TO_REFS);
	EXPECT_EQ(0x08470c, IOCTL_GNTDEV_DMABUF_IMP_RELEASE);
	EXPECT_EQ(0xc0384720, IOCTL_GNTDEV_DMABUF_EXPORT);
	EXPECT_EQ(0xc0404721, IOCTL_GNTDEV_DMABUF_IMPORT);
	EXPECT_EQ(0xc0184722, IOCTL_GNTDEV_DMABUF_IMPORT_RELEASE);
	EXPECT_EQ(0xc0204723, IOCTL_GNTDEV_DMABUF_WAIT);
	EXPECT_EQ(0xc0784724, IOCTL_GNTDEV_QUERY);
	EXPECT_EQ(24, sizeof(struct gntdev_grant_copy_segment));
}

TEST_F(compat, map_unmap_and_offset)
{
	struct gntdev_mapping map;
	uint64_t offset = ~0ull;
	uint32_t count = 0;

	ASSERT_EQ(0, open_range(self, &map));
	EXPECT_EQ(0, map.index);
	EXPECT_EQ(0, pattern_check(map.addr, 0, PAGES, GRANTER_SEED, NULL));
	pattern_fill(map.addr, 0, PAGES, SEED);
	EXPECT_EQ(0, lender_check(&self->lender, SEED));
	EXPECT_EQ(0, lender_fill(&self->lender, ~0ull));
	EXPECT_EQ(0, pattern_check(map.addr, 0, PAGES, ~0ull, NULL));
	EXPECT_EQ(0, gntdev_get_offset(self->fd, map.addr, &offset, &count));
	EXPECT_EQ(0, offset);
	EXPECT_EQ(PAGES, count);
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_EQ(-ENOENT, gntdev_unmap(self->fd, 0, PAGES));
}

/* The index has 64 bits, and so has the offset of mmap(). */
TEST_F(compat, index_beyond_4_gib)
{
	uint32_t limit = (uint32_t)gntdev_limit();
	struct gntdev_mapping map;
	uint64_t index = 0, end = 0;
	uint64_t offset = 0;
	uint32_t count = 0;
	uint32_t *refs;

	refs = repeat_refs(self->lender.refs, PAGES, limit);
	ASSERT_TRUE(!!refs);
	while (end < 4 * GIB) {
		ASSERT_EQ(0, gntdev_map(self->fd, self->lender.domid, refs,
					limit, &index));
		ASSERT_EQ(end, index);
		end = index + (uint64_t)limit * GRANT_PAGE_SIZE;
	}
	ASSERT_EQ(0, open_range(self, &map));
	EXPECT_EQ(end, map.index);
	EXPECT_EQ(0, pattern_check(map.addr, 0, PAGES, GRANTER_SEED, NULL));
	EXPECT_EQ(0, gntdev_get_offset(self->fd, map.addr, &offset, &count));
	EXPECT_EQ(end, offset);
	EXPECT_EQ(PAGES, count);
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	free(refs);
}

TEST_F(compat, unmap_notify)
{
	struct gntdev_mapping map;
	unsigned char *mem;

	ASSERT_EQ(0, open_range(self, &map));
	mem = map.addr;
	memset(mem + 49, 0xff, 3);
	EXPECT_EQ(0, gntdev_set_unmap_notify(self->fd, map.index + 50,
					     UNMAP_NOTIFY_CLEAR_BYTE, 0));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	ASSERT_EQ(0, open_range(self, &map));
	mem = map.addr;
	EXPECT_EQ(0xff, mem[49]);
	EXPECT_EQ(0, mem[50]);
	EXPECT_EQ(0xff, mem[51]);
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

/* A pointer fills half of its place only; the rest may hold anything. */
static void set_local(struct gntdev_grant_copy_segment *segment, bool source,
		      void *virt)
{
	if (source) {
		segment->source.foreign.offset = 0xdead;
		segment->source.foreign.domid = 0xbeef;
		segment->source.virt = virt;
	} else {
		segment->dest.foreign.offset = 0xdead;
		segment->dest.foreign.domid = 0xbeef;
		segment->dest.virt = virt;
	}
}

TEST_F(compat, grant_copy)
{
	struct gntdev_grant_copy_segment segments[2] = { 0 };
	unsigned char local[2000];
	struct gntdev_mapping map;

	set_local(&segments[0], false, local);
	segments[0].source.foreign.ref = self->lender.refs[1];
	segments[0].source.foreign.offset = 8;
	segments[0].source.foreign.domid = self->lender.domid;
	segments[0].len = sizeof(local);
	segments[0].flags = GNTCOPY_source_gref;
	segments[0].status = 77;
	set_local(&segments[1], true, local);
	segments[1].dest.foreign.ref = self->lender.refs[2];
	segments[1].dest.foreign.domid = self->lender.domid;
	segments[1].len = sizeof(local);
	segments[1].flags = GNTCOPY_dest_gref;
	segments[1].status = 77;
	ASSERT_EQ(0, gntdev_copy(self->fd, segments, 2));
	EXPECT_EQ(0, segments[0].status);
	EXPECT_EQ(0, segments[1].status);
	ASSERT_EQ(0, open_range(self, &map));
	EXPECT_EQ(0, memcmp(local, (char *)page_of(map.addr, 1) + 8,
			    sizeof(local)));
	EXPECT_EQ(0, memcmp(local, page_of(map.addr, 2), sizeof(local)));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(compat, grant_copy_of_memory_that_is_not_there)
{
	struct gntdev_grant_copy_segment segment = {
		.source.foreign.ref = self->lender.refs[0],
		.source.foreign.domid = self->lender.domid,
		.dest.virt = (void *)0xfffff000u,
		.len = 100,
		.flags = GNTCOPY_source_gref,
	};

	EXPECT_EQ(-EFAULT, gntdev_copy(self->fd, &segment, 1));
	segment.dest.virt = NULL;
	EXPECT_EQ(-EFAULT, gntdev_copy(self->fd, &segment, 1));
	EXPECT_EQ(-EFAULT, gntdev_copy(self->fd, (void *)0xfffff000u, 1));
}

static void check_export(struct __test_metadata *_metadata,
			 FIXTURE_DATA(compat) *self, uint32_t flags)
{
	struct lender *lender = &self->lender;
	int dmabuf = -1;

	ASSERT_EQ(0, lender_fill(lender, flags));
	ASSERT_EQ(0, gntdev_exp_from_refs(self->fd, flags, lender->domid,
					  lender->refs, PAGES, &dmabuf));
	EXPECT_EQ(0, check_dmabuf(dmabuf, PAGES, flags));
	EXPECT_EQ(0, fill_dmabuf(dmabuf, PAGES, SEED));
	EXPECT_EQ(0, lender_check(lender, SEED));
	EXPECT_EQ(-ETIMEDOUT, gntdev_exp_wait_released(self->fd, dmabuf, 10));
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	EXPECT_EQ(-ENOENT, gntdev_exp_wait_released(self->fd, dmabuf, 10));
}

TEST_F(compat, dmabuf_export_and_wait)
{
	check_export(_metadata, self, 0);
	check_export(_metadata, self, GNTDEV_DMA_FLAG_WC);
	check_export(_metadata, self, GNTDEV_DMA_FLAG_COHERENT);
}

TEST_F(compat, dmabuf_import_and_release)
{
	struct dmabuf_pages buffer;
	uint32_t refs[PAGES];

	ASSERT_EQ(0, dmabuf_pages_alloc(&buffer, PAGES));
	ASSERT_EQ(0, fill_dmabuf(buffer.dmabuf, PAGES, SEED));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, buffer.dmabuf,
					self->lender.domid, PAGES, refs));
	EXPECT_EQ(0, lender_visits(&self->lender, refs, SEED));
	EXPECT_EQ(0, check_dmabuf(buffer.dmabuf, PAGES, ~(uint64_t)SEED));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, buffer.dmabuf));
	EXPECT_EQ(-ENOENT, gntdev_imp_release(self->fd, buffer.dmabuf));
	EXPECT_GT(0, lender_visits(&self->lender, refs, SEED));
	dmabuf_pages_free(&buffer);
}

TEST_F(compat, export_query_and_wait_by_handle)
{
	struct lender *lender = &self->lender;
	struct gntdev_query query;
	uint64_t handle = 0;
	uint32_t left = 0;
	int dmabuf = -1;

	ASSERT_EQ(0, lender_fill(lender, SEED));
	ASSERT_EQ(0, gntdev_export(self->fd, 0, lender->domid, lender->refs,
				   PAGES, &dmabuf, &handle));
	EXPECT_EQ(0, check_dmabuf(dmabuf, PAGES, SEED));
	ASSERT_EQ(0, gntdev_query(self->fd, handle, &query));
	EXPECT_EQ(PAGES, query.left);
	EXPECT_EQ(1, query.exports);
	EXPECT_EQ(-ETIMEDOUT, gntdev_wait(self->fd, handle, 1000000, &left));
	EXPECT_EQ(PAGES, left);
	close(dmabuf);
	gntdev_wait(self->fd, handle, ~0ull, &left);
	EXPECT_EQ(-ENOENT, gntdev_wait(self->fd, handle, 0, &left));
}

TEST_F(compat, import_and_release_by_handle)
{
	struct dmabuf_pages buffer;
	uint64_t handle = 0;
	uint32_t left = ~0u;
	uint32_t refs[PAGES];

	ASSERT_EQ(0, dmabuf_pages_alloc(&buffer, PAGES));
	ASSERT_EQ(0, fill_dmabuf(buffer.dmabuf, PAGES, SEED));
	ASSERT_EQ(0, gntdev_import(self->fd, 0, buffer.dmabuf,
				   self->lender.domid, PAGES, refs, &handle));
	EXPECT_EQ(0, lender_visits(&self->lender, refs, SEED));
	EXPECT_EQ(0, check_dmabuf(buffer.dmabuf, PAGES, ~(uint64_t)SEED));
	EXPECT_EQ(0, gntdev_import_release(self->fd, handle, &left));
	EXPECT_EQ(0, left);
	EXPECT_EQ(-ENOENT, gntdev_import_release(self->fd, handle, &left));
	dmabuf_pages_free(&buffer);
}

/* Such an address, taken for a number with a sign, is one of the kernel. */
TEST_F(compat, arguments_above_2_gib)
{
	struct ioctl_gntdev_map_grant_ref *map;
	char *high;

	high = mmap((void *)0xc0000000u, bytes_of(1), RW,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_TRUE((uintptr_t)high == 0xc0000000u);
	map = (void *)high;
	map->count = 1;
	map->refs[0].domid = self->lender.domid;
	map->refs[0].ref = self->lender.refs[0];
	EXPECT_EQ(0, ioctl(self->fd, IOCTL_GNTDEV_MAP_GRANT_REF, map));
	EXPECT_EQ(0, gntdev_unmap(self->fd, map->index, 1));
	munmap(high, bytes_of(1));
}

static const unsigned long known[] = {
	IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_UNMAP_GRANT_REF,
	IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, IOCTL_GNTDEV_SET_UNMAP_NOTIFY,
	IOCTL_GNTDEV_GRANT_COPY, IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS,
	IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED, IOCTL_GNTDEV_DMABUF_IMP_TO_REFS,
	IOCTL_GNTDEV_DMABUF_IMP_RELEASE, IOCTL_GNTDEV_DMABUF_EXPORT,
	IOCTL_GNTDEV_DMABUF_IMPORT, IOCTL_GNTDEV_DMABUF_IMPORT_RELEASE,
	IOCTL_GNTDEV_DMABUF_WAIT, IOCTL_GNTDEV_QUERY,
};

TEST_F(compat, arguments_that_are_not_there)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(known); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, known[i], NULL));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, ioctl(self->fd, known[i], (void *)0xfffff000u));
		EXPECT_EQ(EFAULT, errno);
	}
}

static bool is_known(unsigned long number)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(known); i++)
		if (known[i] == number)
			return true;
	return false;
}

TEST_F(compat, unknown_commands)
{
	static const unsigned int sizes[] = { 0, 4, 8, 16, 20, 24, 0x3fff };
	char arg[64] = { 0 };

	/* The size of the 64-bit structure belongs to no 32-bit command. */
	EXPECT_EQ(-1, ioctl(self->fd, GRANT_COPY_64, arg));
	EXPECT_EQ(ENOTTY, errno);
	EXPECT_EQ(-1, ioctl(self->fd, IOCTL_GNTDEV_SET_MAX_GRANTS, arg));
	EXPECT_EQ(ENOTTY, errno);
	for (unsigned int i = 0; i < 256 * ARRAY_SIZE_OF(sizes); i++) {
		unsigned long number = _IOC(_IOC_NONE, 'G', i & 0xff,
					    sizes[i >> 8]);

		if (is_known(number))
			continue;
		EXPECT_EQ(-1, ioctl(self->fd, number, arg));
		EXPECT_EQ(ENOTTY, errno);
	}
}

TEST_HARNESS_MAIN
