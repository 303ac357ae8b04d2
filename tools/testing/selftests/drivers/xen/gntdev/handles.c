// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands whose structures can grow, and that know exports and imports by
 * handles; and what a file tells of itself.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "granter.h"
#include "waiter.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES cut(4)
#define DEADLINE_NS (DEADLINE_MS * 1000000ull)
/* No handle is ever that large. */
#define NO_SUCH_HANDLE 0x8000000000000000ull

/* Whatever structure a command has, and more behind it: pages of any kernel. */
union any_op {
	uint32_t size;
	struct gntdev_dmabuf_export export;
	struct gntdev_dmabuf_import import;
	struct gntdev_dmabuf_import_release release;
	struct gntdev_dmabuf_wait wait;
	struct gntdev_query query;
	unsigned char bytes[65536];
};

struct command {
	const char *name;
	unsigned long number;
	/* Size of the first version. */
	uint32_t size;
	/* What good_op() leads to. */
	int result;
};

static const struct command commands[] = {
	{ "DMABUF_EXPORT", IOCTL_GNTDEV_DMABUF_EXPORT, 56, 0 },
	{ "DMABUF_IMPORT", IOCTL_GNTDEV_DMABUF_IMPORT, 64, 0 },
	{ "DMABUF_IMPORT_RELEASE", IOCTL_GNTDEV_DMABUF_IMPORT_RELEASE, 24,
	  -ENOENT },
	{ "DMABUF_WAIT", IOCTL_GNTDEV_DMABUF_WAIT, 32, -ENOENT },
	{ "QUERY", IOCTL_GNTDEV_QUERY, 120, 0 },
	{ NULL, 0, 0, 0 },
};

FIXTURE(handles) {
	int fd;
	struct granter from;
	struct dmabuf_pages buffer;
	/* Of what is imported; pages of a kernel have up to 16 frames. */
	uint32_t refs[64];
	/*
	 * Room for arguments, whose protection can be changed, and a page
	 * behind it that nobody can access.
	 */
	union any_op *op;
};

FIXTURE_SETUP(handles)
{
	int ret;

	self->fd = -1;
	ret = both_ways_open(&self->from, &self->buffer, &self->fd, PAGES);
	if (ret == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, ret);
	self->op = mmap(NULL, sizeof(*self->op) + bytes_of(cut(1)), PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->op);
	ASSERT_EQ(0, mprotect(self->op, sizeof(*self->op), RW));
}

FIXTURE_TEARDOWN(handles)
{
	if (self->fd < 0)
		return;
	EXPECT_EQ(0, both_ways_close(&self->from, &self->buffer, self->fd));
	munmap(self->op, sizeof(*self->op) + bytes_of(cut(1)));
}

static int export_old(FIXTURE_DATA(handles) *self)
{
	int dmabuf = -1;
	int ret = gntdev_exp_from_refs(self->fd, 0, self->from.domid,
				       self->from.refs, PAGES, &dmabuf);

	return ret ? ret : dmabuf;
}

static void good_export(FIXTURE_DATA(handles) *self)
{
	memset(self->op, 0, sizeof(*self->op));
	self->op->export = (struct gntdev_dmabuf_export){
		.size = sizeof(self->op->export),
		.refs = (uintptr_t)self->from.refs,
		.count = PAGES,
		.domid = self->from.domid,
		.length = bytes_of(PAGES),
		/* These are for results. */
		.fd = -1,
		.handle = ~0ull,
	};
}

static void good_import(FIXTURE_DATA(handles) *self)
{
	memset(self->op, 0, sizeof(*self->op));
	self->op->import = (struct gntdev_dmabuf_import){
		.size = sizeof(self->op->import),
		.fd = self->buffer.dmabuf,
		.domid = self->from.domid,
		.length = bytes_of(PAGES),
		.refs = (uintptr_t)self->refs,
		.capacity = PAGES,
		/* These are for results. */
		.count = ~0u,
		.data_offset = ~0u,
		.handle = ~0ull,
	};
}

/* What leads to the result that the table has. */
static void good_op(FIXTURE_DATA(handles) *self, const struct command *command)
{
	memset(self->op, 0, sizeof(*self->op));
	self->op->size = command->size;
	if (command->number == IOCTL_GNTDEV_DMABUF_EXPORT)
		good_export(self);
	if (command->number == IOCTL_GNTDEV_DMABUF_IMPORT)
		good_import(self);
}

/* Whatever a command that worked made. */
static void undo_op(FIXTURE_DATA(handles) *self, const struct command *command)
{
	uint32_t left;

	if (_IOC_NR(command->number) == _IOC_NR(IOCTL_GNTDEV_DMABUF_EXPORT))
		close(self->op->export.fd);
	if (_IOC_NR(command->number) == _IOC_NR(IOCTL_GNTDEV_DMABUF_IMPORT))
		gntdev_import_release(self->fd, self->op->import.handle, &left);
}

static int run(FIXTURE_DATA(handles) *self, const struct command *command)
{
	if (ioctl(self->fd, command->number, self->op))
		return -errno;
	undo_op(self, command);
	return 0;
}

TEST_F(handles, structures_too_small_are_refused)
{
	for (const struct command *c = commands; c->name; c++) {
		for (uint32_t size = 0; size < c->size; size++) {
			good_op(self, c);
			self->op->size = size;
			EXPECT_EQ(-EINVAL, run(self, c))
				TH_LOG("%s, size %u", c->name, size);
		}
	}
}

/* What a kernel does not know must mean nothing. */
TEST_F(handles, larger_structures_must_be_zero)
{
	for (const struct command *c = commands; c->name; c++) {
		good_op(self, c);
		self->op->size = c->size + 8;
		self->op->bytes[c->size + 7] = 1;
		EXPECT_EQ(-E2BIG, run(self, c)) TH_LOG("%s", c->name);
		self->op->size = 4096;
		EXPECT_EQ(-E2BIG, run(self, c)) TH_LOG("%s", c->name);
		self->op->bytes[c->size + 7] = 0;
		self->op->bytes[4095] = 1;
		EXPECT_EQ(-E2BIG, run(self, c)) TH_LOG("%s", c->name);
		self->op->bytes[4095] = 0;
		self->op->bytes[4096] = 1;
		EXPECT_EQ(c->result, run(self, c)) TH_LOG("%s", c->name);
		good_op(self, c);
		self->op->size = 4097;
		EXPECT_EQ(sysconf(_SC_PAGESIZE) == 4096 ? -E2BIG : c->result,
			  run(self, c)) TH_LOG("%s", c->name);
		self->op->size = ~0u;
		EXPECT_EQ(-E2BIG, run(self, c)) TH_LOG("%s", c->name);
	}
}

/* The number has the size of the header that a program was built with. */
TEST_F(handles, size_in_the_number_is_ignored)
{
	static const unsigned int sizes[] = { 0, 8, 24, 0x3fff };

	for (const struct command *c = commands; c->name; c++) {
		for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++) {
			struct command other = *c;

			other.number = _IOC(_IOC_READ | _IOC_WRITE, 'G',
					    _IOC_NR(c->number), sizes[i]);
			good_op(self, c);
			EXPECT_EQ(c->result, run(self, &other)) TH_LOG("%s", c->name);
			other.number = _IOC(_IOC_READ, 'G', _IOC_NR(c->number),
					    sizes[i]);
			EXPECT_EQ(-ENOTTY, run(self, &other))
				TH_LOG("%s", c->name);
		}
	}
}

TEST_F(handles, arguments_that_are_not_there)
{
	char *end = (char *)self->op + sizeof(*self->op);

	for (const struct command *c = commands; c->name; c++) {
		union any_op *saved = self->op;

		EXPECT_EQ(-1, ioctl(self->fd, c->number, NULL));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, ioctl(self->fd, c->number, (void *)-4096l));
		EXPECT_EQ(EFAULT, errno);
		self->op = (void *)(end - c->size + 8);
		self->op->size = c->size;
		EXPECT_EQ(-EFAULT, run(self, c)) TH_LOG("%s", c->name);
		self->op = saved;
	}
}

TEST_F(handles, query_tells_what_the_device_can)
{
	struct gntdev_query op;

	memset(&op, 0xff, sizeof(op));
	op.size = sizeof(op);
	op.flags = 0;
	op.handle = 0;
	ASSERT_EQ(0, ioctl(self->fd, IOCTL_GNTDEV_QUERY, &op));
	EXPECT_EQ(GNTDEV_FEATURE_DMABUF |
		  (pv_domain() ? 0 : GNTDEV_FEATURE_MMAP_SHARED), op.features);
	EXPECT_EQ(gntdev_limit(), op.limit);
	EXPECT_EQ(sizeof(op), op.size);
	EXPECT_EQ(0, op.state | op.domid | op.count | op.left | op.offset);
	EXPECT_EQ(0, op.length | op.handle);
	EXPECT_EQ(0, op.ranges | op.exports | op.imports | op.pending_grants);
}

TEST_F(handles, query_refuses_flags_and_unknown_handles)
{
	struct gntdev_query op;

	for (unsigned int bit = 0; bit < 32; bit++) {
		op = (struct gntdev_query){ .size = sizeof(op),
					    .flags = 1u << bit };
		EXPECT_EQ(-1, ioctl(self->fd, IOCTL_GNTDEV_QUERY, &op));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(-ENOENT, gntdev_query(self->fd, NO_SUCH_HANDLE, &op));
	EXPECT_EQ(-ENOENT, gntdev_query(self->fd, ~0ull, &op));
}

static uint64_t info_of(int fd, const char *key)
{
	uint64_t value = ~0ull;
	char path[40], line[80];
	size_t len = strlen(key);
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return value;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, len) && line[len] == ':')
			sscanf(line + len + 1, "%" SCNu64, &value);
	fclose(file);
	return value;
}

/* Both ways of asking have the same answer. */
static bool totals(int fd, uint64_t ranges, uint64_t mapped, uint64_t exports,
		   uint64_t imports)
{
	struct gntdev_query op;

	return !gntdev_query(fd, 0, &op) &&
	       op.ranges == ranges && info_of(fd, "ranges") == ranges &&
	       op.ranges_grants == ranges * PAGES &&
	       info_of(fd, "ranges-grants") == ranges * PAGES &&
	       op.mapped_grants == mapped * PAGES &&
	       info_of(fd, "mapped-grants") == mapped * PAGES &&
	       op.exports == exports && info_of(fd, "exports") == exports &&
	       op.exports_grants == exports * PAGES &&
	       info_of(fd, "exports-grants") == exports * PAGES &&
	       op.imports == imports && info_of(fd, "imports") == imports &&
	       op.imports_grants == imports * PAGES &&
	       info_of(fd, "imports-grants") == imports * PAGES;
}

TEST_F(handles, totals_of_ranges)
{
	struct gntdev_mapping map[2];
	uint64_t index;

	EXPECT_TRUE(totals(self->fd, 0, 0, 0, 0));
	ASSERT_EQ(0, gntdev_map(self->fd, self->from.domid, self->from.refs,
				PAGES, &index));
	EXPECT_TRUE(totals(self->fd, 1, 0, 0, 0));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, gntdev_mapping_open(&map[i], self->fd,
						 self->from.domid,
						 self->from.refs, PAGES, RW));
	EXPECT_TRUE(totals(self->fd, 3, 2, 0, 0));
	EXPECT_EQ(0, munmap(map[0].addr, bytes_of(cut(1))));
	EXPECT_TRUE(totals(self->fd, 3, 2, 0, 0));
	/* A range that is mapped lives on without its name. */
	EXPECT_EQ(0, gntdev_unmap(self->fd, map[0].index, PAGES));
	EXPECT_TRUE(totals(self->fd, 2, 2, 0, 0));
	EXPECT_EQ(0, munmap(page_of(map[0].addr, cut(1)), bytes_of(cut(3))));
	EXPECT_TRUE(totals(self->fd, 2, 1, 0, 0));
	EXPECT_EQ(0, gntdev_mapping_close(&map[1]));
	EXPECT_EQ(0, gntdev_unmap(self->fd, index, PAGES));
	EXPECT_TRUE(totals(self->fd, 0, 0, 0, 0));
}

TEST_F(handles, totals_of_exports_and_imports)
{
	int dmabuf, second;

	dmabuf = export_old(self);
	ASSERT_GE(dmabuf, 0);
	second = export_old(self);
	ASSERT_GE(second, 0);
	EXPECT_TRUE(totals(self->fd, 0, 0, 2, 0));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, self->buffer.dmabuf,
					self->from.domid, PAGES, self->refs));
	EXPECT_TRUE(totals(self->fd, 0, 0, 2, 1));
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	EXPECT_TRUE(totals(self->fd, 0, 0, 1, 1));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, self->buffer.dmabuf));
	EXPECT_TRUE(totals(self->fd, 0, 0, 1, 0));
	close(second);
	EXPECT_TRUE(released(self->fd, second));
	EXPECT_TRUE(totals(self->fd, 0, 0, 0, 0));
	EXPECT_EQ(0, info_of(self->fd, "pending-grants"));
}

static int export_some(FIXTURE_DATA(handles) *self, uint32_t flags,
		       uint64_t *handle)
{
	int dmabuf = -1;
	int ret = gntdev_export(self->fd, flags, self->from.domid,
				self->from.refs, PAGES, &dmabuf, handle);

	return ret ? ret : dmabuf;
}

/* Over, and its handle with it. */
static bool over(int fd, uint64_t handle)
{
	uint32_t left;
	int ret = gntdev_wait(fd, handle, DEADLINE_NS, &left);

	if (ret != -ENOENT && (ret || left))
		return false;
	return gntdev_wait(fd, handle, 0, &left) == -ENOENT;
}

static bool handle_exists(int fd, uint64_t handle)
{
	struct gntdev_query query;

	return !gntdev_query(fd, handle, &query);
}

/* Another export, that ends at once. */
static int closed_export(FIXTURE_DATA(handles) *self)
{
	uint64_t handle = 0;
	int dmabuf = export_some(self, 0, &handle);

	if (dmabuf < 0)
		return dmabuf;
	close(dmabuf);
	return !over(self->fd, handle);
}

static void export_and_back(struct __test_metadata *_metadata,
			    FIXTURE_DATA(handles) *self, uint32_t flags)
{
	struct gntdev_query query;
	uint64_t handle = 0;
	uint32_t left = 0;
	int dmabuf;

	ASSERT_EQ(0, granter_fill(&self->from, flags + 3));
	dmabuf = export_some(self, flags, &handle);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(FD_CLOEXEC, fcntl(dmabuf, F_GETFD));
	EXPECT_EQ(bytes_of(PAGES), lseek(dmabuf, 0, SEEK_END));
	EXPECT_EQ(0, check_dmabuf(dmabuf, PAGES, flags + 3));
	EXPECT_EQ(0, fill_dmabuf(dmabuf, PAGES, flags + 4));
	EXPECT_EQ(0, granter_check(&self->from, flags + 4));
	ASSERT_EQ(0, gntdev_query(self->fd, handle, &query));
	EXPECT_EQ(handle, query.handle);
	EXPECT_EQ(0, query.state);
	EXPECT_EQ(self->from.domid, query.domid);
	EXPECT_EQ(PAGES, query.count);
	EXPECT_EQ(PAGES, query.left);
	EXPECT_EQ(0, query.offset);
	EXPECT_EQ(bytes_of(PAGES), query.length);
	EXPECT_EQ(-ETIMEDOUT, gntdev_wait(self->fd, handle, 0, &left));
	EXPECT_EQ(PAGES, left);
	/* No number is a name for it. */
	EXPECT_EQ(-ENOENT, gntdev_exp_wait_released(self->fd, dmabuf, 0));
	close(dmabuf);
	EXPECT_TRUE(over(self->fd, handle));
	EXPECT_EQ(-ENOENT, gntdev_query(self->fd, handle, &query));
}

TEST_F(handles, export_is_shared)
{
	export_and_back(_metadata, self, 0);
	export_and_back(_metadata, self, GNTDEV_DMA_FLAG_WC);
	export_and_back(_metadata, self, GNTDEV_DMA_FLAG_COHERENT);
}

/* Where all buffers of a machine are listed, it is seen whose memory it is. */
TEST_F(handles, exports_are_named_after_the_domain)
{
	char path[40], line[80], name[32], expected[32];
	uint64_t handle = 0;
	int dmabuf = export_some(self, 0, &handle);
	FILE *file;

	ASSERT_GE(dmabuf, 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	snprintf(expected, sizeof(expected), "xen-d%u", self->from.domid);
	name[0] = '\0';
	file = fopen(path, "re");
	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "name: %31s", name);
	fclose(file);
	EXPECT_STREQ(expected, name);
	close(dmabuf);
}

TEST_F(handles, export_for_reading_only)
{
	struct gntdev_query query;
	uint64_t handle = 0;
	void *mem;
	int dmabuf = export_some(self, GNTDEV_DMABUF_READONLY, &handle);

	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(O_RDONLY, fcntl(dmabuf, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(NULL, map_dmabuf(dmabuf, PAGES, RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, check_dmabuf(dmabuf, PAGES, GRANTER_SEED));
	mem = map_dmabuf(dmabuf, PAGES, PROT_READ);
	ASSERT_NE(NULL, mem);
	EXPECT_EQ(-1, mprotect(mem, bytes_of(PAGES), RW));
	EXPECT_EQ(EACCES, errno);
	ASSERT_EQ(0, gntdev_query(self->fd, handle, &query));
	EXPECT_EQ(GNTDEV_STATE_READONLY, query.state);
	munmap(mem, bytes_of(PAGES));
	close(dmabuf);
	EXPECT_TRUE(over(self->fd, handle));
}

/* What an old command does of itself is to be asked for. */
TEST_F(handles, export_of_read_only_grants)
{
	struct granter from;
	uint64_t handle = 0;
	int dmabuf = -1;
	int ret = granter_open_readonly(&from, PAGES);

	if (ret == -EOPNOTSUPP)
		SKIP(return, NO_READ_ONLY);
	if (ret == -EBUSY)
		SKIP(return, "one connection to the guest at a time");
	ASSERT_EQ(0, ret);
	EXPECT_EQ(-EACCES, gntdev_export(self->fd, 0, from.domid, from.refs,
					 PAGES, &dmabuf, &handle));
	EXPECT_EQ(0, gntdev_export(self->fd, GNTDEV_DMABUF_READONLY,
				   from.domid, from.refs, PAGES, &dmabuf,
				   &handle));
	EXPECT_EQ(0, check_dmabuf(dmabuf, PAGES, GRANTER_SEED));
	close(dmabuf);
	EXPECT_TRUE(over(self->fd, handle));
	EXPECT_EQ(0, granter_close(&from));
}

static int run_export(FIXTURE_DATA(handles) *self)
{
	return ioctl(self->fd, IOCTL_GNTDEV_DMABUF_EXPORT, self->op) ? -errno :
								       0;
}

#define EXPECT_REFUSED(error, member, value) \
	do { \
		uint64_t to_ = (uint64_t)(value); \
		good_export(self); \
		self->op->export.member = to_; \
		EXPECT_EQ(-(error), run_export(self)) \
			TH_LOG(#member " = %#" PRIx64, to_); \
	} while (0)

TEST_F(handles, export_refuses_bad_arguments)
{
	uint32_t page = cut(1) * GRANT_PAGE_SIZE;
	unsigned int fds = count_open_fds();
	uint64_t size = bytes_of(PAGES);

	for (uint32_t bit = 4; bit < 32; bit++)
		EXPECT_REFUSED(EINVAL, flags, 1u << bit);
	EXPECT_REFUSED(EINVAL, flags, 3);
	EXPECT_REFUSED(EINVAL, pad, 1);
	EXPECT_REFUSED(EINVAL, eventfd, 1);
	EXPECT_REFUSED(EINVAL, eventfd, -1);
	EXPECT_REFUSED(EINVAL, count, 0);
	EXPECT_REFUSED(EINVAL, count, gntdev_limit() + 1);
	EXPECT_REFUSED(EINVAL, count, ~0u);
	EXPECT_REFUSED(EINVAL, domid, FIRST_RESERVED_DOMID);
	EXPECT_REFUSED(EINVAL, domid, 0x10000 + self->from.domid);
	EXPECT_REFUSED(EFAULT, refs, 0);
	EXPECT_REFUSED(EFAULT, refs, ~0ull - 4095);
	EXPECT_REFUSED(EINVAL, length, 0);
	EXPECT_REFUSED(EINVAL, length, size + 1);
	EXPECT_REFUSED(EINVAL, length, ~0ull);
	EXPECT_REFUSED(EINVAL, offset, 1);
	EXPECT_REFUSED(EINVAL, offset, GRANT_PAGE_SIZE);
	EXPECT_REFUSED(EINVAL, offset, ~0u);
	/* The last page has no data. */
	EXPECT_REFUSED(EINVAL, length, size - page);
	EXPECT_REFUSED(EINVAL, length, 1);
	EXPECT_EQ(fds, count_open_fds());
	EXPECT_TRUE(totals(self->fd, 0, 0, 0, 0));
	good_export(self);
	self->op->export.refs = (uintptr_t)self->from.refs;
	EXPECT_EQ(0, run_export(self));
	close(self->op->export.fd);
}

TEST_F(handles, export_remembers_where_the_data_is)
{
	uint32_t page = cut(1) * GRANT_PAGE_SIZE;
	struct gntdev_query query;

	good_export(self);
	self->op->export.offset = GRANT_PAGE_SIZE - 1;
	self->op->export.length = bytes_of(PAGES) - page - GRANT_PAGE_SIZE + 2;
	ASSERT_EQ(0, run_export(self));
	ASSERT_EQ(0, gntdev_query(self->fd, self->op->export.handle, &query));
	EXPECT_EQ(GRANT_PAGE_SIZE - 1, query.offset);
	EXPECT_EQ(self->op->export.length, query.length);
	close(self->op->export.fd);
	/* A byte less, and the last page has none. */
	self->op->export.length--;
	EXPECT_EQ(-EINVAL, run_export(self));
}

TEST_F(handles, export_whose_result_cannot_be_stored)
{
	unsigned int fds = count_open_fds();
	uint64_t last;

	good_export(self);
	ASSERT_EQ(0, run_export(self));
	last = self->op->export.handle;
	close(self->op->export.fd);
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, mprotect(self->op, sizeof(*self->op), PROT_READ));
		EXPECT_EQ(-EFAULT, run_export(self));
		ASSERT_EQ(0, mprotect(self->op, sizeof(*self->op), RW));
		ASSERT_EQ(fds, count_open_fds());
	}
	EXPECT_TRUE(totals(self->fd, 0, 0, 0, 0));
	for (uint64_t handle = last + 1; handle < last + 30; handle++)
		EXPECT_FALSE(handle_exists(self->fd, handle));
	ASSERT_EQ(0, run_export(self));
	EXPECT_LT(last, self->op->export.handle);
	close(self->op->export.fd);
}

TEST_F(handles, handles_are_never_reused)
{
	uint64_t handle, last = 0;
	int other = gntdev_open();

	ASSERT_GE(other, 0);
	for (int i = 0; i < 50; i++) {
		int dmabuf = -1;

		ASSERT_EQ(0, gntdev_export(i % 2 ? other : self->fd, 0,
					   self->from.domid, self->from.refs,
					   PAGES, &dmabuf, &handle));
		EXPECT_LT(last, handle);
		last = handle;
		/* Each file knows its own only. */
		EXPECT_EQ(i % 2, handle_exists(other, handle));
		EXPECT_EQ(!(i % 2), handle_exists(self->fd, handle));
		close(dmabuf);
		EXPECT_TRUE(over(i % 2 ? other : self->fd, handle));
	}
	close(other);
}

TEST_F(handles, wait_refuses_bad_arguments)
{
	struct gntdev_dmabuf_wait op = { .size = sizeof(op) };
	uint64_t handle = 0;
	uint32_t left;
	int dmabuf = export_some(self, 0, &handle);

	ASSERT_GE(dmabuf, 0);
	op.handle = handle;
	for (unsigned int bit = 0; bit < 32; bit++) {
		op.flags = 1u << bit;
		EXPECT_EQ(-1, ioctl(self->fd, IOCTL_GNTDEV_DMABUF_WAIT, &op));
		EXPECT_EQ(EINVAL, errno);
	}
	op.flags = 0;
	op.pad = 1;
	EXPECT_EQ(-1, ioctl(self->fd, IOCTL_GNTDEV_DMABUF_WAIT, &op));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-ENOENT, gntdev_wait(self->fd, 0, 0, &left));
	EXPECT_EQ(-ENOENT, gntdev_wait(self->fd, NO_SUCH_HANDLE, 0, &left));
	EXPECT_EQ(-ENOENT, gntdev_wait(self->fd, ~0ull, ~0ull, &left));
	close(dmabuf);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

TEST_F(handles, timeout_is_kept)
{
	struct gntdev_dmabuf_wait op = { .size = sizeof(op) };
	uint64_t start, handle = 0;
	int dmabuf = export_some(self, 0, &handle);

	ASSERT_GE(dmabuf, 0);
	op.handle = handle;
	op.timeout_ns = 300000000;
	start = now_ns();
	EXPECT_EQ(-1, ioctl(self->fd, IOCTL_GNTDEV_DMABUF_WAIT, &op));
	EXPECT_EQ(ETIMEDOUT, errno);
	EXPECT_LE(300000000, now_ns() - start);
	EXPECT_GT(5000000000ull, now_ns() - start);
	EXPECT_EQ(0, op.timeout_ns);
	EXPECT_EQ(PAGES, op.left);
	close(dmabuf);
	EXPECT_TRUE(over(self->fd, handle));
}

TEST_F(handles, all_waiters_wake)
{
	struct waiter waiters[8];
	uint64_t handle = 0;
	int dmabuf = export_some(self, 0, &handle);

	ASSERT_GE(dmabuf, 0);
	for (size_t i = 0; i < ARRAY_SIZE_OF(waiters); i++)
		ASSERT_TRUE(waiter_start(&waiters[i], self->fd, handle));
	/* A buffer of the same file that ends does not wake them. */
	EXPECT_EQ(0, closed_export(self));
	for (size_t i = 0; i < ARRAY_SIZE_OF(waiters); i++)
		EXPECT_TRUE(task_sleeps(&waiters[i].tid) ||
			    wait_until(task_sleeps, &waiters[i].tid,
				       DEADLINE_MS));
	close(dmabuf);
	for (size_t i = 0; i < ARRAY_SIZE_OF(waiters); i++) {
		ASSERT_EQ(0, pthread_join(waiters[i].thread, NULL));
		EXPECT_EQ(0, waiters[i].ret);
		EXPECT_EQ(0, waiters[i].left);
	}
	/* Now nothing maps the grants. */
	EXPECT_EQ(0, granter_close(&self->from));
	ASSERT_EQ(0, granter_open(&self->from, PAGES));
}

static void on_signal(int sig)
{
}

/* Interrupted, a wait can go on with what is left of its time. */
TEST_F(handles, signal_interrupts_a_wait)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct gntdev_dmabuf_wait op = { .size = sizeof(op) };
	uint64_t handle = 0;
	pid_t child;
	int dmabuf = export_some(self, 0, &handle);

	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		pid_t parent = getppid();

		if (!wait_until(task_sleeps, &parent, DEADLINE_MS))
			_exit(1);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	op.handle = handle;
	op.timeout_ns = 1000000000000;
	EXPECT_EQ(-1, ioctl(self->fd, IOCTL_GNTDEV_DMABUF_WAIT, &op));
	EXPECT_EQ(EINTR, errno);
	EXPECT_GT(1000000000000, op.timeout_ns);
	EXPECT_LT(900000000000, op.timeout_ns);
	EXPECT_EQ(PAGES, op.left);
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	close(dmabuf);
	EXPECT_TRUE(over(self->fd, handle));
}

static bool signalled(int eventfd)
{
	uint64_t value = 0;

	return read(eventfd, &value, sizeof(value)) == sizeof(value) &&
	       value == 1;
}

static bool is_signalled(void *arg)
{
	struct pollfd poll_fd = { .fd = *(int *)arg, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

TEST_F(handles, eventfd_is_signalled_once)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t handle;
	int dmabuf;

	ASSERT_GE(event, 0);
	good_export(self);
	self->op->export.flags = GNTDEV_DMABUF_EVENTFD;
	self->op->export.eventfd = event;
	ASSERT_EQ(0, run_export(self));
	dmabuf = self->op->export.fd;
	handle = self->op->export.handle;
	EXPECT_FALSE(signalled(event));
	EXPECT_EQ(0, check_dmabuf(dmabuf, PAGES, GRANTER_SEED));
	EXPECT_FALSE(signalled(event));
	close(dmabuf);
	EXPECT_TRUE(over(self->fd, handle));
	EXPECT_TRUE(wait_until(is_signalled, &event, DEADLINE_MS));
	EXPECT_TRUE(signalled(event));
	EXPECT_FALSE(signalled(event));
	close(event);
}

TEST_F(handles, eventfd_is_signalled_after_the_file_was_closed)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int dmabuf;

	ASSERT_GE(event, 0);
	good_export(self);
	self->op->export.flags = GNTDEV_DMABUF_EVENTFD;
	self->op->export.eventfd = fcntl(event, F_DUPFD_CLOEXEC, 0);
	ASSERT_EQ(0, run_export(self));
	dmabuf = self->op->export.fd;
	close(self->op->export.eventfd);
	close(self->fd);
	EXPECT_EQ(0, check_dmabuf(dmabuf, PAGES, GRANTER_SEED));
	EXPECT_FALSE(signalled(event));
	close(dmabuf);
	EXPECT_TRUE(wait_until(is_signalled, &event, DEADLINE_MS));
	EXPECT_TRUE(signalled(event));
	close(event);
	self->fd = gntdev_open();
}

TEST_F(handles, eventfd_must_be_one)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	good_export(self);
	self->op->export.flags = GNTDEV_DMABUF_EVENTFD;
	self->op->export.eventfd = -1;
	EXPECT_EQ(-EBADF, run_export(self));
	self->op->export.eventfd = 900;
	EXPECT_EQ(-EBADF, run_export(self));
	self->op->export.eventfd = self->fd;
	EXPECT_EQ(-EINVAL, run_export(self));
	/* Of a failed export nothing is told. */
	self->op->export.eventfd = event;
	ASSERT_EQ(0, mprotect(self->op, sizeof(*self->op), PROT_READ));
	EXPECT_EQ(-EFAULT, run_export(self));
	ASSERT_EQ(0, mprotect(self->op, sizeof(*self->op), RW));
	EXPECT_FALSE(signalled(event));
	self->op->export.refs = 0;
	EXPECT_EQ(-EFAULT, run_export(self));
	EXPECT_FALSE(signalled(event));
	close(event);
}

/* The other domain, as it maps what is granted to it. */
struct mapper {
	struct peer *peer;
	int id;
	int fd;
	struct gntdev_mapping map;
};

static int mapper_maps(struct mapper *mapper, struct granter *who,
		       const uint32_t *refs, uint32_t count, int prot)
{
	int ret;

	*mapper = (struct mapper){ .peer = who->peer, .fd = -1 };
	if (who->peer) {
		ret = peer_map(who->peer, SELF,
			       prot & PROT_WRITE ? 0 : PEER_READONLY, refs,
			       count);
		mapper->id = ret;
		return ret < 0 ? ret : 0;
	}
	mapper->fd = gntdev_open();
	if (mapper->fd < 0)
		return mapper->fd;
	ret = gntdev_mapping_open(&mapper->map, mapper->fd, SELF, refs, count,
				  prot);
	if (ret)
		close(mapper->fd);
	return ret;
}

static int mapper_check(struct mapper *mapper, uint64_t seed)
{
	if (mapper->peer)
		return peer_verify(mapper->peer, mapper->id, seed, 0, 0, NULL);
	return (int)pattern_check(mapper->map.addr, 0, mapper->map.count, seed,
				  NULL);
}

static int mapper_unmaps(struct mapper *mapper)
{
	int ret;

	if (mapper->peer)
		return peer_release(mapper->peer, mapper->id);
	ret = gntdev_mapping_close(&mapper->map);
	close(mapper->fd);
	return ret;
}

static int import_some(FIXTURE_DATA(handles) *self, uint32_t flags,
		       uint64_t *handle)
{
	return gntdev_import(self->fd, flags, self->buffer.dmabuf,
			     self->from.domid, PAGES, self->refs, handle);
}

TEST_F(handles, import_is_shared)
{
	struct gntdev_query query;
	uint64_t handle = 0;
	uint32_t left = ~0u;

	ASSERT_EQ(0, fill_dmabuf(self->buffer.dmabuf, PAGES, 5));
	ASSERT_EQ(0, import_some(self, 0, &handle));
	ASSERT_EQ(0, gntdev_query(self->fd, handle, &query));
	EXPECT_EQ(GNTDEV_STATE_IMPORT, query.state);
	EXPECT_EQ(self->from.domid, query.domid);
	EXPECT_EQ(PAGES, query.count);
	EXPECT_EQ(PAGES, query.left);
	EXPECT_EQ(0, query.offset);
	EXPECT_EQ(bytes_of(PAGES), query.length);
	EXPECT_EQ(0, granter_visits(&self->from, self->refs, PAGES, 5));
	EXPECT_EQ(0, check_dmabuf(self->buffer.dmabuf, PAGES, ~5ull));
	/* No number is a name for it, and it is in use. */
	EXPECT_EQ(-ENOENT, gntdev_imp_release(self->fd, self->buffer.dmabuf));
	EXPECT_EQ(-ETIMEDOUT, gntdev_wait(self->fd, handle, 1000000, &left));
	EXPECT_EQ(PAGES, left);
	EXPECT_EQ(0, gntdev_import_release(self->fd, handle, &left));
	EXPECT_EQ(0, left);
	EXPECT_FALSE(handle_exists(self->fd, handle));
	EXPECT_EQ(-ENOENT, gntdev_import_release(self->fd, handle, &left));
	EXPECT_EQ(-ENOENT, gntdev_wait(self->fd, handle, 0, &left));
	EXPECT_GT(0, granter_visits(&self->from, self->refs, PAGES, 5));
}

TEST_F(handles, import_for_reading_only)
{
	int dmabuf = heap_alloc(PAGES, O_RDONLY);
	struct gntdev_query query;
	struct mapper mapper;
	uint64_t handle = 0;
	uint32_t left;

	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(-EACCES, gntdev_import(self->fd, 0, dmabuf, self->from.domid,
					 PAGES, self->refs, &handle));
	ASSERT_EQ(0, gntdev_import(self->fd, GNTDEV_DMABUF_READONLY, dmabuf,
				   self->from.domid, PAGES, self->refs,
				   &handle));
	ASSERT_EQ(0, gntdev_query(self->fd, handle, &query));
	EXPECT_EQ(GNTDEV_STATE_IMPORT | GNTDEV_STATE_READONLY, query.state);
	EXPECT_GT(0, mapper_maps(&mapper, &self->from, self->refs, PAGES, RW));
	ASSERT_EQ(0, mapper_maps(&mapper, &self->from, self->refs, PAGES,
				 PROT_READ));
	EXPECT_EQ(0, mapper_unmaps(&mapper));
	EXPECT_EQ(0, gntdev_import_release(self->fd, handle, &left));
	EXPECT_EQ(0, left);
	close(dmabuf);
}

/* Who cannot read a buffer cannot let others do it, in either way. */
TEST_F(handles, import_of_what_cannot_be_read)
{
	int dmabuf = heap_alloc(PAGES, O_WRONLY);
	uint64_t handle = 0;

	ASSERT_GE(dmabuf, 0);
	if ((fcntl(dmabuf, F_GETFL) & O_ACCMODE) != O_WRONLY) {
		close(dmabuf);
		SKIP(return, "no write-only dma-bufs here");
	}
	EXPECT_EQ(-EACCES, gntdev_import(self->fd, 0, dmabuf, self->from.domid,
					 PAGES, self->refs, &handle));
	EXPECT_EQ(-EACCES, gntdev_import(self->fd, GNTDEV_DMABUF_READONLY,
					 dmabuf, self->from.domid, PAGES,
					 self->refs, &handle));
	EXPECT_EQ(-EACCES, gntdev_imp_to_refs(self->fd, dmabuf,
					      self->from.domid, PAGES,
					      self->refs));
	close(dmabuf);
}

static int run_import(FIXTURE_DATA(handles) *self)
{
	return ioctl(self->fd, IOCTL_GNTDEV_DMABUF_IMPORT, self->op) ? -errno :
								       0;
}

#define EXPECT_IMPORT(result, member, value) \
	do { \
		uint64_t to_ = (uint64_t)(value); \
		good_import(self); \
		self->op->import.member = to_; \
		EXPECT_EQ(result, run_import(self)) \
			TH_LOG(#member " = %#" PRIx64, to_); \
	} while (0)

TEST_F(handles, import_refuses_bad_arguments)
{
	uint64_t size = bytes_of(PAGES);

	for (uint32_t bit = 0; bit < 32; bit++)
		if (1u << bit != GNTDEV_DMABUF_READONLY &&
		    1u << bit != GNTDEV_DMABUF_EVENTFD)
			EXPECT_IMPORT(-EINVAL, flags, 1u << bit);
	EXPECT_IMPORT(-EINVAL, eventfd, 1);
	EXPECT_IMPORT(-EINVAL, eventfd, -1);
	EXPECT_IMPORT(-EBADF, fd, -1);
	EXPECT_IMPORT(-EBADF, fd, 900);
	EXPECT_IMPORT(-EINVAL, fd, self->fd);
	EXPECT_IMPORT(-EINVAL, domid, FIRST_RESERVED_DOMID);
	EXPECT_IMPORT(-EINVAL, domid, 0x10000 + self->from.domid);
	EXPECT_IMPORT(-EINVAL, length, 0);
	EXPECT_IMPORT(-EINVAL, length, size + 1);
	EXPECT_IMPORT(-EINVAL, length, ~0ull);
	EXPECT_IMPORT(-EINVAL, offset, 1);
	EXPECT_IMPORT(-EINVAL, offset, size);
	EXPECT_IMPORT(-EINVAL, offset, ~0ull);
	EXPECT_IMPORT(-EINVAL, capacity, PAGES - 1);
	EXPECT_EQ(PAGES, self->op->import.count);
	EXPECT_IMPORT(-EINVAL, capacity, 0);
	EXPECT_EQ(PAGES, self->op->import.count);
	EXPECT_IMPORT(-EFAULT, refs, 0);
	EXPECT_IMPORT(-EFAULT, refs, ~0ull - 4095);
	EXPECT_TRUE(totals(self->fd, 0, 0, 0, 0));
	EXPECT_IMPORT(0, capacity, ~0u);
}

/* The frames that the range touches are granted, and no others. */
TEST_F(handles, import_grants_a_range)
{
	struct mapper mapper;
	uint32_t left;

	/* The second and the third frame are the first two of a pattern. */
	pattern_fill(page_of(self->buffer.addr, 1), 0, 2, 6);
	memset(self->refs, 0, sizeof(self->refs));
	good_import(self);
	self->op->import.offset = bytes_of(1) + 100;
	self->op->import.length = GRANT_PAGE_SIZE;
	ASSERT_EQ(0, run_import(self));
	EXPECT_EQ(2, self->op->import.count);
	EXPECT_EQ(100, self->op->import.data_offset);
	EXPECT_NE(0, self->refs[1]);
	EXPECT_EQ(0, self->refs[2]);
	ASSERT_EQ(0, mapper_maps(&mapper, &self->from, self->refs, 2,
				 PROT_READ));
	EXPECT_EQ(0, mapper_check(&mapper, 6));
	EXPECT_EQ(0, mapper_unmaps(&mapper));
	EXPECT_EQ(0, gntdev_import_release(self->fd, self->op->import.handle,
					   &left));
	/* One byte needs one frame, the last one. */
	good_import(self);
	self->op->import.offset = bytes_of(PAGES) - 1;
	self->op->import.length = 1;
	self->op->import.capacity = 1;
	ASSERT_EQ(0, run_import(self));
	EXPECT_EQ(1, self->op->import.count);
	EXPECT_EQ(GRANT_PAGE_SIZE - 1, self->op->import.data_offset);
	EXPECT_EQ(0, gntdev_import_release(self->fd, self->op->import.handle,
					   &left));
}

TEST_F(handles, import_whose_result_cannot_be_stored)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	for (int i = 0; i < 20; i++) {
		good_import(self);
		self->op->import.flags = GNTDEV_DMABUF_EVENTFD;
		self->op->import.eventfd = event;
		ASSERT_EQ(0, mprotect(self->op, sizeof(*self->op), PROT_READ));
		EXPECT_EQ(-EFAULT, run_import(self));
		ASSERT_EQ(0, mprotect(self->op, sizeof(*self->op), RW));
	}
	EXPECT_TRUE(totals(self->fd, 0, 0, 0, 0));
	EXPECT_FALSE(signalled(event));
	/* The references were stored, and are worth nothing. */
	EXPECT_GT(0, granter_visits(&self->from, self->refs, PAGES, 5));
	close(event);
}

TEST_F(handles, release_refuses_bad_arguments)
{
	struct gntdev_dmabuf_import_release *op = (void *)self->op;
	uint64_t handle = 0, exported = 0;
	uint32_t left;
	int dmabuf;

	ASSERT_EQ(0, import_some(self, 0, &handle));
	for (int bit = 0; bit < 33; bit++) {
		*op = (struct gntdev_dmabuf_import_release){
			.size = sizeof(*op),
			.flags = bit < 32 ? 1u << bit : 0,
			.pad = bit == 32,
			.handle = handle,
		};
		EXPECT_EQ(-1, ioctl(self->fd,
				    IOCTL_GNTDEV_DMABUF_IMPORT_RELEASE, op));
		EXPECT_EQ(EINVAL, errno);
	}
	dmabuf = export_some(self, 0, &exported);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(-EINVAL, gntdev_import_release(self->fd, exported, &left));
	close(dmabuf);
	EXPECT_EQ(-ENOENT, gntdev_import_release(self->fd, 0, &left));
	EXPECT_EQ(-ENOENT, gntdev_import_release(self->fd, NO_SUCH_HANDLE,
						 &left));
	/* Without a place for the result, nothing is released. */
	*op = (struct gntdev_dmabuf_import_release){
		.size = sizeof(*op),
		.handle = handle,
	};
	ASSERT_EQ(0, mprotect(self->op, sizeof(*self->op), PROT_READ));
	EXPECT_EQ(-1, ioctl(self->fd, IOCTL_GNTDEV_DMABUF_IMPORT_RELEASE, op));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, mprotect(self->op, sizeof(*self->op), RW));
	EXPECT_TRUE(handle_exists(self->fd, handle));
	EXPECT_LT(0, granter_visits(&self->from, self->refs, PAGES, ~0ull));
	EXPECT_EQ(0, gntdev_import_release(self->fd, handle, &left));
}

struct pending {
	int fd;
	uint64_t handle;
	uint32_t left;
};

static bool so_many_are_left(void *arg)
{
	struct pending *pending = arg;
	struct gntdev_query query;

	return !gntdev_query(pending->fd, pending->handle, &query) &&
	       query.left == pending->left;
}

/* Released, and still mapped: what is left is told until nothing is. */
TEST_F(handles, released_import_is_counted_down)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct pending pending = { .fd = self->fd };
	struct mapper mappers[2];
	struct gntdev_query query;
	struct waiter waiters[4];
	uint32_t left = ~0u;

	ASSERT_EQ(0, fill_dmabuf(self->buffer.dmabuf, PAGES, 8));
	good_import(self);
	self->op->import.flags = GNTDEV_DMABUF_EVENTFD;
	self->op->import.eventfd = event;
	ASSERT_EQ(0, run_import(self));
	pending.handle = self->op->import.handle;
	ASSERT_EQ(0, mapper_maps(&mappers[0], &self->from, self->refs, cut(1),
				 RW));
	ASSERT_EQ(0, mapper_maps(&mappers[1], &self->from, self->refs + cut(1),
				 cut(1), RW));
	EXPECT_EQ(0, gntdev_import_release(self->fd, pending.handle, &left));
	EXPECT_EQ(cut(2), left);
	EXPECT_EQ(-EBUSY, gntdev_import_release(self->fd, pending.handle,
						&left));
	ASSERT_EQ(0, gntdev_query(self->fd, pending.handle, &query));
	EXPECT_EQ(GNTDEV_STATE_IMPORT | GNTDEV_STATE_RELEASED, query.state);
	EXPECT_EQ(PAGES, query.count);
	EXPECT_EQ(cut(2), query.left);
	EXPECT_EQ(cut(2), query.pending_grants);
	EXPECT_EQ(cut(2), info_of(self->fd, "pending-grants"));
	for (size_t i = 0; i < ARRAY_SIZE_OF(waiters); i++)
		ASSERT_TRUE(waiter_start(&waiters[i], self->fd,
					 pending.handle));
	EXPECT_EQ(0, mapper_unmaps(&mappers[0]));
	pending.left = cut(1);
	EXPECT_TRUE(wait_until(so_many_are_left, &pending, DEADLINE_MS));
	EXPECT_EQ(-ETIMEDOUT, gntdev_wait(self->fd, pending.handle, 0, &left));
	EXPECT_EQ(cut(1), left);
	EXPECT_FALSE(signalled(event));
	for (size_t i = 0; i < ARRAY_SIZE_OF(waiters); i++)
		EXPECT_TRUE(task_sleeps(&waiters[i].tid));
	EXPECT_EQ(0, mapper_unmaps(&mappers[1]));
	for (size_t i = 0; i < ARRAY_SIZE_OF(waiters); i++) {
		ASSERT_EQ(0, pthread_join(waiters[i].thread, NULL));
		EXPECT_EQ(0, waiters[i].ret);
		EXPECT_EQ(0, waiters[i].left);
	}
	EXPECT_FALSE(handle_exists(self->fd, pending.handle));
	EXPECT_EQ(0, info_of(self->fd, "pending-grants"));
	EXPECT_TRUE(wait_until(is_signalled, &event, DEADLINE_MS));
	EXPECT_TRUE(signalled(event));
	EXPECT_FALSE(signalled(event));
	close(event);
}

/* The file is closed, or its process killed, with an import or without. */
static void end_while_mapped(struct __test_metadata *_metadata,
			     FIXTURE_DATA(handles) *self, bool release, int sig)
{
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct mapper mapper;
	uint32_t *shared;
	int ready[2], go[2];
	pid_t child;
	char byte;

	shared = mmap(NULL, bytes_of(cut(1)), RW, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_EQ(0, fill_dmabuf(self->buffer.dmabuf, PAGES, 9));
	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		uint32_t left;

		close(self->fd);
		self->fd = gntdev_open();
		good_import(self);
		self->op->import.refs = (uintptr_t)shared;
		self->op->import.flags = GNTDEV_DMABUF_EVENTFD;
		self->op->import.eventfd = event;
		if (run_import(self) || write(ready[1], "i", 1) != 1 ||
		    read(go[0], &byte, 1) != 1)
			_exit(1);
		if (release &&
		    (gntdev_import_release(self->fd, self->op->import.handle,
					   &left) || left != PAGES))
			_exit(1);
		if (!sig)
			_exit(write(ready[1], "r", 1) != 1);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	memcpy(self->refs, shared, PAGES * sizeof(*shared));
	ASSERT_EQ(0, mapper_maps(&mapper, &self->from, self->refs, PAGES, RW));
	ASSERT_EQ(1, write(go[1], "g", 1));
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	if (sig)
		ASSERT_EQ(0, kill(child, sig));
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_FALSE(signalled(event));
	EXPECT_EQ(0, mapper_check(&mapper, 9));
	EXPECT_EQ(0, mapper_unmaps(&mapper));
	EXPECT_TRUE(wait_until(is_signalled, &event, DEADLINE_MS));
	EXPECT_TRUE(signalled(event));
	EXPECT_GT(0, mapper_maps(&mapper, &self->from, self->refs, PAGES, RW));
	close(event);
	close(ready[0]);
	close(go[0]);
	close(go[1]);
	munmap(shared, bytes_of(cut(1)));
}

TEST_F(handles, exit_while_the_peer_maps)
{
	end_while_mapped(_metadata, self, false, 0);
	end_while_mapped(_metadata, self, true, 0);
}

TEST_F(handles, sigkill_while_the_peer_maps)
{
	end_while_mapped(_metadata, self, false, SIGKILL);
	end_while_mapped(_metadata, self, true, SIGKILL);
}

TEST_HARNESS_MAIN
