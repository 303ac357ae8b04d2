// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every command with every bad argument: the errno, and nothing left behind.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "granter.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES 4u
/* Numbers of descriptors: one that is closed and one that is no dma-buf. */
#define FD_CLOSED 900
#define FD_NULL 901

/* All commands with a trailing array are this large with its elements. */
union command {
	struct {
		struct ioctl_gntdev_map_grant_ref op;
		struct ioctl_gntdev_grant_ref more[PAGES];
	} map;
	struct {
		struct ioctl_gntdev_dmabuf_exp_from_refs op;
		uint32_t more[PAGES];
	} exp;
	struct {
		struct ioctl_gntdev_dmabuf_imp_to_refs op;
		uint32_t more[PAGES];
	} imp;
	struct ioctl_gntdev_unmap_grant_ref unmap;
	struct ioctl_gntdev_get_offset_for_vaddr offset;
	struct ioctl_gntdev_set_max_grants max;
	struct ioctl_gntdev_unmap_notify notify;
	struct ioctl_gntdev_grant_copy copy;
	struct ioctl_gntdev_dmabuf_exp_wait_released wait;
	struct ioctl_gntdev_dmabuf_imp_release release;
};

FIXTURE(errors) {
	int fd;
	struct granter from;
	struct dmabuf_pages buffer;
	/*
	 * A page for arguments, whose protection can be changed, and one
	 * behind it that nobody can access.
	 */
	union command *cmd;
};

FIXTURE_SETUP(errors)
{
	int null, ret;

	self->fd = -1;
	ret = granter_open(&self->from, PAGES);
	if (ret == -ENODEV)
		SKIP(return, "no guest (DOMU is not set)");
	ASSERT_EQ(0, ret);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, dmabuf_pages_alloc(&self->buffer, PAGES));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	ASSERT_EQ(FD_NULL, dup3(null, FD_NULL, O_CLOEXEC));
	close(null);
	self->cmd = mmap(NULL, bytes_of(cut(2)), PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->cmd);
	ASSERT_EQ(0, mprotect(self->cmd, bytes_of(cut(1)), RW));
}

FIXTURE_TEARDOWN(errors)
{
	if (self->fd < 0)
		return;
	close(FD_NULL);
	dmabuf_pages_free(&self->buffer);
	close(self->fd);
	EXPECT_EQ(0, granter_close(&self->from));
}

static void good_map(FIXTURE_DATA(errors) *self, union command *cmd)
{
	struct ioctl_gntdev_grant_ref *refs = cmd->map.op.refs;

	cmd->map.op.count = PAGES;
	for (uint32_t i = 0; i < PAGES; i++)
		refs[i] = (struct ioctl_gntdev_grant_ref){
			.domid = self->from.domid,
			.ref = self->from.refs[i],
		};
}

static void good_exp(FIXTURE_DATA(errors) *self, union command *cmd)
{
	cmd->exp.op.count = PAGES;
	cmd->exp.op.domid = self->from.domid;
	memcpy(cmd->exp.op.refs, self->from.refs, PAGES * sizeof(uint32_t));
}

static void good_imp(FIXTURE_DATA(errors) *self, union command *cmd)
{
	cmd->imp.op.fd = (uint32_t)self->buffer.dmabuf;
	cmd->imp.op.count = PAGES;
	cmd->imp.op.domid = SELF;
}

static int export_some(FIXTURE_DATA(errors) *self, uint32_t flags)
{
	int dmabuf = -1;
	int ret = gntdev_exp_from_refs(self->fd, flags, self->from.domid,
				       self->from.refs, PAGES, &dmabuf);

	return ret ? ret : dmabuf;
}

#define BAD(number, prepare, member, size, value, error) \
	{ number, prepare, offsetof(union command, member), size, value, error }
#define MAP(member, value, error) \
	BAD(IOCTL_GNTDEV_MAP_GRANT_REF, good_map, map.member, 4, value, error)
#define EXP(member, value, error) \
	BAD(IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS, good_exp, exp.member, 4, value, \
	    error)
#define IMP(member, value, error) \
	BAD(IOCTL_GNTDEV_DMABUF_IMP_TO_REFS, good_imp, imp.member, 4, value, \
	    error)
/* A command of which all other fields are 0. */
#define BARE(name, member, value, error) \
	BAD(IOCTL_GNTDEV_ ## name, NULL, member, 4, value, error)
#define WIDE(name, member, value, error) \
	BAD(IOCTL_GNTDEV_ ## name, NULL, member, 8, value, error)

/* A good command with one field changed. */
static const struct bad_argument {
	unsigned long number;
	void (*prepare)(FIXTURE_DATA(errors) *self, union command *cmd);
	size_t offset;
	size_t size;
	uint64_t value;
	int error;
} bad_arguments[] = {
	MAP(op.count, 0, EINVAL),
	MAP(op.count, 1u << 19, EINVAL),
	MAP(op.count, (1u << 19) + 1, EINVAL),
	MAP(op.count, 1u << 20, EINVAL),
	MAP(op.count, 0x7fffffff, EINVAL),
	MAP(op.count, 0x80000000, EINVAL),
	MAP(op.count, 0x80000001, EINVAL),
	MAP(op.count, 0xffffffff, EINVAL),
	MAP(op.refs[0].domid, FIRST_RESERVED_DOMID + 1, EINVAL),
	MAP(op.refs[0].domid, 0x7fff, EINVAL),
	MAP(op.refs[0].domid, 0x10000, EINVAL),
	MAP(more[2].domid, 0x10000, EINVAL),
	MAP(more[2].domid, 0xffffffff, EINVAL),
	BARE(UNMAP_GRANT_REF, unmap.count, 0, ENOENT),
	BARE(UNMAP_GRANT_REF, unmap.count, 1, ENOENT),
	WIDE(UNMAP_GRANT_REF, unmap.index, ~0ull, ENOENT),
	WIDE(GET_OFFSET_FOR_VADDR, offset.vaddr, 0, EINVAL),
	WIDE(GET_OFFSET_FOR_VADDR, offset.vaddr, ~0ull, EINVAL),
	BARE(SET_MAX_GRANTS, max.count, 1, ENOTTY),
	BARE(SET_UNMAP_NOTIFY, notify.action, 1, ENOENT),
	BARE(SET_UNMAP_NOTIFY, notify.action, 4, EINVAL),
	BARE(SET_UNMAP_NOTIFY, notify.action, ~0u, EINVAL),
	BARE(GRANT_COPY, copy.count, 1, EFAULT),
	BARE(GRANT_COPY, copy.count, ~0u, EFAULT),
	EXP(op.flags, 3, EINVAL),
	EXP(op.flags, 4, EINVAL),
	EXP(op.flags, 0x80000000, EINVAL),
	EXP(op.flags, 0xffffffff, EINVAL),
	EXP(op.count, 0, EINVAL),
	EXP(op.count, 1u << 19, EINVAL),
	EXP(op.count, (1u << 20) + 1, EINVAL),
	EXP(op.count, 0x80000000, EINVAL),
	EXP(op.count, 0xffffffff, EINVAL),
	EXP(op.domid, FIRST_RESERVED_DOMID - 1, EINVAL),
	EXP(op.domid, FIRST_RESERVED_DOMID + 1, EINVAL),
	EXP(op.domid, 0x10000, EINVAL),
	EXP(op.domid, 0xffffffff, EINVAL),
	EXP(op.refs[0], REF_BEYOND_TABLE, EINVAL),
	EXP(more[2], REF_BEYOND_TABLE, EINVAL),
	EXP(more[2], 0xffffffff, EINVAL),
	BARE(DMABUF_EXP_WAIT_RELEASED, wait.fd, 0, ENOENT),
	BARE(DMABUF_EXP_WAIT_RELEASED, wait.fd, ~0u, ENOENT),
	IMP(op.count, 0, EINVAL),
	IMP(op.count, PAGES - 1, EINVAL),
	IMP(op.count, PAGES + 1, EINVAL),
	IMP(op.count, 1u << 19, EINVAL),
	IMP(op.count, (1u << 20) + PAGES, EINVAL),
	IMP(op.count, 0xffffffff, EINVAL),
	IMP(op.domid, FIRST_RESERVED_DOMID + 1, EINVAL),
	IMP(op.domid, 0x10000, EINVAL),
	IMP(op.domid, 0xffffffff, EINVAL),
	IMP(op.fd, FD_CLOSED, EBADF),
	IMP(op.fd, 0xffffffff, EBADF),
	IMP(op.fd, FD_NULL, EINVAL),
	BARE(DMABUF_IMP_RELEASE, release.fd, FD_NULL, ENOENT),
	BARE(DMABUF_IMP_RELEASE, release.fd, ~0u, ENOENT),
};

static int command_error(int fd, unsigned long number, void *arg)
{
	return ioctl(fd, number, arg) < 0 ? errno : 0;
}

static void prepare(FIXTURE_DATA(errors) *self,
		    const struct bad_argument *bad)
{
	memset(self->cmd, 0, sizeof(*self->cmd));
	if (bad->prepare)
		bad->prepare(self, self->cmd);
	/* Little endian: the low bytes are the value. */
	memcpy((char *)self->cmd + bad->offset, &bad->value, bad->size);
}

TEST_F(errors, each_bad_argument_has_its_errno)
{
	unsigned int fds = count_open_fds();

	for (size_t i = 0; i < ARRAY_SIZE_OF(bad_arguments); i++) {
		const struct bad_argument *bad = &bad_arguments[i];

		prepare(self, bad);
		EXPECT_EQ(bad->error, command_error(self->fd, bad->number,
						    self->cmd))
			TH_LOG("row %zu: command %lu, offset %zu, value %llx",
			       i, bad->number & 0xff, bad->offset,
			       (unsigned long long)bad->value);
	}
	EXPECT_EQ(fds, count_open_fds());
}

/* Refused before anything of that size is allocated or read. */
TEST_F(errors, huge_counts_fail_fast)
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int round = 0; round < 1000; round++) {
		good_map(self, self->cmd);
		self->cmd->map.op.count = 0xffffffff - (uint32_t)round;
		ASSERT_EQ(EINVAL,
			  command_error(self->fd, IOCTL_GNTDEV_MAP_GRANT_REF,
					self->cmd));
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	EXPECT_GT(5, end.tv_sec - start.tv_sec);
}

TEST_F(errors, first_index_is_zero_after_all_of_them)
{
	uint64_t index = 1;

	for (size_t i = 0; i < ARRAY_SIZE_OF(bad_arguments); i++) {
		prepare(self, &bad_arguments[i]);
		command_error(self->fd, bad_arguments[i].number, self->cmd);
	}
	ASSERT_EQ(0, gntdev_map(self->fd, self->from.domid, self->from.refs,
				PAGES, &index));
	EXPECT_EQ(0, index);
}

TEST_F(errors, unknown_commands)
{
	static const unsigned int sizes[] = { 0, 4, 8, 16, 24, 0x3fff };

	for (unsigned int nr = 0; nr < 256; nr++) {
		for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++) {
			/* Directions are part of the number, too. */
			if (nr >= _IOC_NR(IOCTL_GNTDEV_DMABUF_EXPORT) &&
			    nr <= _IOC_NR(IOCTL_GNTDEV_QUERY))
				continue;
			EXPECT_EQ(ENOTTY,
				  command_error(self->fd,
						_IOC(_IOC_READ | _IOC_WRITE,
						     'G', nr, sizes[i]),
						self->cmd));
		}
		if (nr < 3 || (nr > 6 && nr < 13))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++)
			EXPECT_EQ(ENOTTY,
				  command_error(self->fd,
						_IOC(_IOC_NONE, 'G', nr,
						     sizes[i]), self->cmd));
	}
	EXPECT_EQ(ENOTTY, command_error(self->fd, _IOC(_IOC_NONE, 'H', 0, 24),
					self->cmd));
	EXPECT_EQ(ENOTTY, command_error(self->fd, 0, self->cmd));
}

/* The size is part of the number: any other one is another command. */
TEST_F(errors, known_commands_of_other_sizes)
{
	static const unsigned long known[] = {
		IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_UNMAP_GRANT_REF,
		IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR,
		IOCTL_GNTDEV_SET_UNMAP_NOTIFY, IOCTL_GNTDEV_GRANT_COPY,
		IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS,
		IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED,
		IOCTL_GNTDEV_DMABUF_IMP_TO_REFS,
		IOCTL_GNTDEV_DMABUF_IMP_RELEASE,
	};

	for (size_t i = 0; i < ARRAY_SIZE_OF(known); i++) {
		for (unsigned int size = 0; size < 64; size++) {
			if (size == _IOC_SIZE(known[i]))
				continue;
			EXPECT_EQ(ENOTTY,
				  command_error(self->fd,
						_IOC(_IOC_NONE, 'G',
						     _IOC_NR(known[i]), size),
						self->cmd));
		}
	}
}

/* The numbers that programs were built with. */
TEST_F(errors, command_numbers_are_those_of_old)
{
	EXPECT_EQ(0x184700, IOCTL_GNTDEV_MAP_GRANT_REF);
	EXPECT_EQ(0x104701, IOCTL_GNTDEV_UNMAP_GRANT_REF);
	EXPECT_EQ(0x184702, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR);
	EXPECT_EQ(0x044703, IOCTL_GNTDEV_SET_MAX_GRANTS);
	EXPECT_EQ(0x104707, IOCTL_GNTDEV_SET_UNMAP_NOTIFY);
	EXPECT_EQ(0x104708, IOCTL_GNTDEV_GRANT_COPY);
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

TEST_F(errors, argument_that_is_not_there)
{
	static const unsigned long known[] = {
		IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_UNMAP_GRANT_REF,
		IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR,
		IOCTL_GNTDEV_SET_UNMAP_NOTIFY, IOCTL_GNTDEV_GRANT_COPY,
		IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS,
		IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED,
		IOCTL_GNTDEV_DMABUF_IMP_TO_REFS,
		IOCTL_GNTDEV_DMABUF_IMP_RELEASE,
	};
	char *end = (char *)self->cmd + bytes_of(cut(1));

	/* A count that may well be read before the rest. */
	((uint32_t *)end)[-1] = 1;
	for (size_t i = 0; i < ARRAY_SIZE_OF(known); i++) {
		EXPECT_EQ(EFAULT, command_error(self->fd, known[i], NULL));
		EXPECT_EQ(EFAULT, command_error(self->fd, known[i], end - 4));
		EXPECT_EQ(EFAULT, command_error(self->fd, known[i],
						(void *)-4096l));
	}
}

/* The fixed part is there, the references are not. */
TEST_F(errors, references_that_are_not_there)
{
	char *end = (char *)self->cmd + bytes_of(cut(1));
	union command *cmd;

	cmd = (void *)(end - sizeof(cmd->map.op));
	cmd->map.op.count = PAGES;
	cmd->map.op.refs[0].domid = self->from.domid;
	EXPECT_EQ(EFAULT, command_error(self->fd, IOCTL_GNTDEV_MAP_GRANT_REF,
					cmd));
	cmd = (void *)(end - sizeof(cmd->exp.op));
	cmd->exp.op.flags = 0;
	cmd->exp.op.count = PAGES;
	cmd->exp.op.domid = self->from.domid;
	EXPECT_EQ(EFAULT, command_error(self->fd,
					IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS,
					cmd));
	cmd = (void *)(end - sizeof(cmd->imp.op));
	memset(cmd, 0, sizeof(cmd->imp.op));
	cmd->imp.op.fd = (uint32_t)self->buffer.dmabuf;
	cmd->imp.op.count = PAGES;
	cmd->imp.op.domid = SELF;
	EXPECT_EQ(EFAULT, command_error(self->fd,
					IOCTL_GNTDEV_DMABUF_IMP_TO_REFS, cmd));
	EXPECT_EQ(-ENOENT, gntdev_imp_release(self->fd, self->buffer.dmabuf));
}

static int fault_on_result(FIXTURE_DATA(errors) *self, unsigned long number)
{
	int error;

	if (mprotect(self->cmd, GRANT_PAGE_SIZE, PROT_READ))
		return -1;
	error = command_error(self->fd, number, self->cmd);
	if (mprotect(self->cmd, GRANT_PAGE_SIZE, RW))
		return -1;
	return error;
}

TEST_F(errors, map_whose_result_cannot_be_stored)
{
	good_map(self, self->cmd);
	for (int i = 0; i < 100; i++)
		ASSERT_EQ(EFAULT, fault_on_result(self,
						  IOCTL_GNTDEV_MAP_GRANT_REF));
	EXPECT_EQ(-ENOENT, gntdev_unmap(self->fd, 0, PAGES));
	ASSERT_EQ(0, command_error(self->fd, IOCTL_GNTDEV_MAP_GRANT_REF,
				   self->cmd));
	EXPECT_EQ(0, self->cmd->map.op.index);
	EXPECT_EQ(0, gntdev_unmap(self->fd, 0, PAGES));
}

TEST_F(errors, offset_whose_result_cannot_be_stored)
{
	struct gntdev_mapping map;

	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, self->from.domid,
					 self->from.refs,
					 PAGES, RW));
	self->cmd->offset.vaddr = (uintptr_t)map.addr;
	EXPECT_EQ(EFAULT, fault_on_result(self,
					  IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR));
	EXPECT_EQ(0, command_error(self->fd, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR,
				   self->cmd));
	EXPECT_EQ(PAGES, self->cmd->offset.count);
	EXPECT_EQ(0, gntdev_mapping_close(&map));
}

TEST_F(errors, export_whose_result_cannot_be_stored)
{
	static const uint32_t flags[] = {
		0, GNTDEV_DMA_FLAG_WC, GNTDEV_DMA_FLAG_COHERENT,
	};
	unsigned int fds = count_open_fds();

	good_exp(self, self->cmd);
	for (int i = 0; i < 30; i++) {
		self->cmd->exp.op.flags = flags[i % 3];
		ASSERT_EQ(EFAULT,
			  fault_on_result(self,
					  IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS));
		ASSERT_EQ(fds, count_open_fds());
	}
	/* Nothing was recorded under any number. */
	for (int number = 0; number < 64; number++)
		EXPECT_EQ(-ENOENT, gntdev_exp_wait_released(self->fd, number,
							    0));
	ASSERT_EQ(0, command_error(self->fd, IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS,
				   self->cmd));
	EXPECT_EQ(fds + 1, count_open_fds());
	close((int)self->cmd->exp.op.fd);
}

TEST_F(errors, import_whose_result_cannot_be_stored)
{
	unsigned int fds = count_open_fds();

	good_imp(self, self->cmd);
	for (int i = 0; i < 30; i++) {
		ASSERT_EQ(EFAULT,
			  fault_on_result(self,
					  IOCTL_GNTDEV_DMABUF_IMP_TO_REFS));
		ASSERT_EQ(-ENOENT, gntdev_imp_release(self->fd,
						      self->buffer.dmabuf));
	}
	ASSERT_EQ(fds, count_open_fds());
	ASSERT_EQ(0, command_error(self->fd, IOCTL_GNTDEV_DMABUF_IMP_TO_REFS,
				   self->cmd));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, self->buffer.dmabuf));
	EXPECT_EQ(0, live_grants(SELF, self->cmd->imp.op.refs, PAGES));
}

static int set_limit(unsigned long limit)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", limit);
	return write_text("/sys/module/xen_gntdev/parameters/limit", text);
}

TEST_F(errors, limit_of_the_module_is_obeyed)
{
	unsigned long limit = gntdev_limit();
	uint32_t refs[PAGES];
	uint64_t index;
	int dmabuf;

	ASSERT_LT(0, limit);
	ASSERT_EQ(0, set_limit(0));
	EXPECT_EQ(-EINVAL, gntdev_map(self->fd, self->from.domid,
				      self->from.refs, 1, &index));
	EXPECT_EQ(-EINVAL, export_some(self, 0));
	EXPECT_EQ(0, set_limit(1));
	EXPECT_EQ(-EINVAL, gntdev_map(self->fd, self->from.domid,
				      self->from.refs, 2, &index));
	EXPECT_EQ(0, gntdev_map(self->fd, self->from.domid, self->from.refs,
				1, &index));
	EXPECT_EQ(-EINVAL, gntdev_exp_from_refs(self->fd, 0, self->from.domid,
						self->from.refs, 2, &dmabuf));
	EXPECT_EQ(-EINVAL, gntdev_imp_to_refs(self->fd, self->buffer.dmabuf,
					      SELF, PAGES, refs));
	EXPECT_EQ(0, set_limit(limit));
	EXPECT_EQ(0, gntdev_map(self->fd, self->from.domid, self->from.refs,
				PAGES, &index));
}

TEST_F(errors, no_descriptor_is_left_for_an_export)
{
	static const uint32_t flags[] = {
		0, GNTDEV_DMA_FLAG_WC, GNTDEV_DMA_FLAG_COHERENT,
	};
	struct rlimit old, none = { 0 };
	int dmabuf;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	none.rlim_max = old.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	for (int i = 0; i < 30; i++)
		EXPECT_EQ(-EMFILE, export_some(self, flags[i % 3]));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	dmabuf = export_some(self, 0);
	EXPECT_GE(dmabuf, 0);
	close(dmabuf);
}

/* libxengnttab leaves these fields as the stack or the heap had them. */
TEST_F(errors, reserved_fields_hold_anything)
{
	memset(self->cmd, 0, sizeof(*self->cmd));
	good_imp(self, self->cmd);
	self->cmd->imp.op.reserved = 0xdeadbeef;
	EXPECT_EQ(0, command_error(self->fd, IOCTL_GNTDEV_DMABUF_IMP_TO_REFS,
				   self->cmd));
	memset(self->cmd, 0xa5, sizeof(*self->cmd));
	self->cmd->release.fd = (uint32_t)self->buffer.dmabuf;
	EXPECT_EQ(0, command_error(self->fd, IOCTL_GNTDEV_DMABUF_IMP_RELEASE,
				   self->cmd));
	good_map(self, self->cmd);
	EXPECT_EQ(0, command_error(self->fd, IOCTL_GNTDEV_MAP_GRANT_REF,
				   self->cmd));
	self->cmd->unmap.index = 0;
	self->cmd->unmap.count = PAGES;
	self->cmd->unmap.pad = 0xdeadbeef;
	EXPECT_EQ(0, command_error(self->fd, IOCTL_GNTDEV_UNMAP_GRANT_REF,
				   self->cmd));
}

/* Reading, writing and seeking were never part of the interface. */
TEST_F(errors, device_is_not_read_or_written)
{
	char byte = 0;

	EXPECT_EQ(-1, read(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(errors, mmap_of_nothing)
{
	static const uint64_t offsets[] = {
		0, 1ull << 12, 1ull << 32, 1ull << 44, 1ull << 62,
	};

	for (size_t i = 0; i < ARRAY_SIZE_OF(offsets); i++) {
		EXPECT_EQ(MAP_FAILED, mmap(NULL, bytes_of(1), RW, MAP_SHARED,
					   self->fd, (off_t)offsets[i]));
		EXPECT_EQ(EINVAL, errno);
	}
}

TEST_HARNESS_MAIN
