// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands whose structures can grow, and that know exports and imports by
 * handles; and what a file tells of itself.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "granter.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES cut(4)
/* No handle is ever that large. */
#define NO_SUCH_HANDLE (1ull << 63)

/* Whatever structure a command has, and more behind it. */
union any_op {
	uint32_t size;
	struct gntdev_query query;
	unsigned char bytes[2 * 4096];
};

struct command {
	const char *name;
	unsigned long number;
	/* Size of the first version. */
	uint32_t size;
};

static const struct command commands[] = {
	{ "QUERY", IOCTL_GNTDEV_QUERY, 120 },
};

FIXTURE(handles) {
	int fd;
	struct granter from;
	struct dmabuf_pages buffer;
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
	ret = granter_open(&self->from, PAGES);
	if (ret == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, dmabuf_pages_alloc(&self->buffer, PAGES));
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	self->op = mmap(NULL, sizeof(*self->op) + bytes_of(cut(1)), PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->op);
	ASSERT_EQ(0, mprotect(self->op, sizeof(*self->op), RW));
}

FIXTURE_TEARDOWN(handles)
{
	if (self->fd < 0)
		return;
	close(self->fd);
	dmabuf_pages_free(&self->buffer);
	EXPECT_EQ(0, granter_close(&self->from));
	munmap(self->op, sizeof(*self->op) + bytes_of(cut(1)));
}

static int export_old(FIXTURE_DATA(handles) *self)
{
	int dmabuf = -1;
	int ret = gntdev_exp_from_refs(self->fd, 0, self->from.domid,
				       self->from.refs, PAGES, &dmabuf);

	return ret ? ret : dmabuf;
}

/* A command that does what it should, in self->op. */
static void good_op(FIXTURE_DATA(handles) *self, const struct command *command)
{
	memset(self->op, 0, sizeof(*self->op));
	self->op->size = command->size;
}

static int run(FIXTURE_DATA(handles) *self, const struct command *command)
{
	return ioctl(self->fd, command->number, self->op) ? -errno : 0;
}

#define for_each_command(c) \
	for (const struct command *(c) = commands; \
	     (c) < commands + ARRAY_SIZE_OF(commands); (c)++)

TEST_F(handles, structures_too_small_are_refused)
{
	for_each_command(c) {
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
	for_each_command(c) {
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
		EXPECT_EQ(0, run(self, c)) TH_LOG("%s", c->name);
		good_op(self, c);
		self->op->size = 4097;
		EXPECT_EQ(sysconf(_SC_PAGESIZE) == 4096 ? -E2BIG : 0,
			  run(self, c)) TH_LOG("%s", c->name);
		self->op->size = ~0u;
		EXPECT_EQ(-E2BIG, run(self, c)) TH_LOG("%s", c->name);
	}
}

/* The number has the size of the header that a program was built with. */
TEST_F(handles, size_in_the_number_is_ignored)
{
	static const unsigned int sizes[] = { 0, 8, 24, 0x3fff };

	for_each_command(c) {
		for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++) {
			struct command other = *c;

			other.number = _IOC(_IOC_READ | _IOC_WRITE, 'G',
					    _IOC_NR(c->number), sizes[i]);
			good_op(self, c);
			EXPECT_EQ(0, run(self, &other)) TH_LOG("%s", c->name);
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

	for_each_command(c) {
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

static uint64_t fdinfo(int fd, const char *key)
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
	       op.ranges == ranges && fdinfo(fd, "ranges") == ranges &&
	       op.ranges_grants == ranges * PAGES &&
	       fdinfo(fd, "ranges-grants") == ranges * PAGES &&
	       op.mapped_grants == mapped * PAGES &&
	       fdinfo(fd, "mapped-grants") == mapped * PAGES &&
	       op.exports == exports && fdinfo(fd, "exports") == exports &&
	       op.exports_grants == exports * PAGES &&
	       fdinfo(fd, "exports-grants") == exports * PAGES &&
	       op.imports == imports && fdinfo(fd, "imports") == imports &&
	       op.imports_grants == imports * PAGES &&
	       fdinfo(fd, "imports-grants") == imports * PAGES;
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
	uint32_t refs[64];
	int dmabuf, second;

	ASSERT_LE(PAGES, ARRAY_SIZE_OF(refs));
	dmabuf = export_old(self);
	ASSERT_GE(dmabuf, 0);
	second = export_old(self);
	ASSERT_GE(second, 0);
	EXPECT_TRUE(totals(self->fd, 0, 0, 2, 0));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, self->buffer.dmabuf,
					self->from.domid, PAGES, refs));
	EXPECT_TRUE(totals(self->fd, 0, 0, 2, 1));
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	EXPECT_TRUE(totals(self->fd, 0, 0, 1, 1));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, self->buffer.dmabuf));
	EXPECT_TRUE(totals(self->fd, 0, 0, 1, 0));
	close(second);
	EXPECT_TRUE(released(self->fd, second));
	EXPECT_TRUE(totals(self->fd, 0, 0, 0, 0));
	EXPECT_EQ(0, fdinfo(self->fd, "pending-grants"));
}

TEST_HARNESS_MAIN
