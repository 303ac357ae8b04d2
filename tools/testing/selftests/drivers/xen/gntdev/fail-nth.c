// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every operation, with its first, second, ... allocation, user copy or element
 * of a hypercall failing, until it succeeds because there is none left to fail.
 * Each time it either succeeds or says why not, and then everything is as it was
 * before and the operation works.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* Xen's name, which its header takes for granted. */
typedef uint16_t domid_t;
#include <xen/evtchn.h>

#include "kselftest_harness.h"
#include "fail-ops.h"
#include "test-module.h"
#include "test_modules/mock-dmabuf.h"

#define SECONDS		600
/* No operation here has that many steps. */
#define TOO_MANY	20000u
#define HOOKED_REFCNT	"/sys/module/xen_gntdev_selftest/refcnt"
#define DEBUGFS		"/sys/kernel/debug/"
#define KMEMLEAK	DEBUGFS "kmemleak"
/* Younger objects than these 5 s are not looked at. */
#define KMEMLEAK_MS	6000

#define NOTE(fmt, ...)	printf("# " fmt "\n", ##__VA_ARGS__)

enum source { ELEMENTS, ALLOCATIONS, USER_COPIES };

/* Elements of hypercalls that can fail, and what the caller hears of it. */
static const struct kind {
	unsigned int bit;
	const char *name;
	int error;
} kinds[] = {
	{ FAIL_MAP, "map", -EINVAL },
	{ FAIL_COPY, "copy", PART_FAILED },
	{ FAIL_REFS, "grant references", -ENOSPC },
	{ FAIL_FRAMES, "frames", -ENOMEM },
	{ FAIL_PAGES, "backing pages", -ENOMEM },
	{ FAIL_FLUSH, "flush", -EINVAL },
	{ FAIL_BUSY, "still in use", 0 },
	{ FAIL_UNMAP, "unmap", 0 },
};

/* The others have but one kind. */
static const struct kind no_kind = { 0, "any", 0 };

/* What must not change. */
struct state {
	unsigned long mapped;
	unsigned long granted;
	unsigned long frames;
	unsigned long pages;
	unsigned long references;
	int next_fd;
	struct mock_stats mock;
};

FIXTURE(fail_nth) {
	int nth;
	int evtchn;
	struct fail_context c;
};

FIXTURE_VARIANT(fail_nth) {
	enum source source;
	bool scatter;
};

FIXTURE_VARIANT_ADD(fail_nth, elements) {
	.source = ELEMENTS,
};

FIXTURE_VARIANT_ADD(fail_nth, elements_scattered) {
	.source = ELEMENTS,
	.scatter = true,
};

FIXTURE_VARIANT_ADD(fail_nth, allocations) {
	.source = ALLOCATIONS,
};

FIXTURE_VARIANT_ADD(fail_nth, allocations_scattered) {
	.source = ALLOCATIONS,
	.scatter = true,
};

FIXTURE_VARIANT_ADD(fail_nth, user_copies) {
	.source = USER_COPIES,
};

static void read_state(struct fail_context *c, struct state *s)
{
	memset(s, 0, sizeof(*s));
	s->mapped = hooked_gntdev_read("mapped");
	s->granted = hooked_gntdev_read("granted");
	s->frames = hooked_gntdev_read("frames");
	s->pages = hooked_gntdev_read("pages");
	read_number(HOOKED_REFCNT, &s->references);
	/* The lowest that is free: a number can be in use without a file. */
	s->next_fd = dup(c->fd);
	close(s->next_fd);
	ioctl(c->mock, MOCK_IOC_STATS, &s->mock);
	/* What the latest mapping was like. */
	s->mock.direction = 0;
}

static void print_state(const char *when, const struct state *s)
{
	NOTE("%s: mapped %lu, granted %lu, frames %lu, pages %lu, references %lu, next descriptor %d, mock buffers %u, attached %u, mapped %u",
	       when, s->mapped, s->granted, s->frames, s->pages,
	       s->references, s->next_fd, s->mock.buffers,
	       s->mock.attached, s->mock.mapped);
}

struct expected_state {
	struct fail_context *c;
	struct state was, is;
};

static bool state_is_back(void *arg)
{
	struct expected_state *e = arg;

	read_state(e->c, &e->is);
	return !memcmp(&e->was, &e->is, sizeof(e->was));
}

/* What somebody still uses ends in the background. */
static bool settles(struct fail_context *c, const struct state *was)
{
	struct expected_state e = { .c = c, .was = *was };

	if (wait_until(state_is_back, &e, DEADLINE_MS))
		return true;
	print_state("it was", &e.was);
	print_state("now it is", &e.is);
	return false;
}

/* A kind of failure, and where it comes from. */
struct injector {
	enum source source;
	const struct kind *kind;
	int nth;
};

static void arm(const struct injector *in, unsigned int n)
{
	char text[16];

	if (in->source == ELEMENTS) {
		hooked_gntdev_write("fail_op", n);
		return;
	}
	snprintf(text, sizeof(text), "%u", n);
	if (pwrite(in->nth, text, strlen(text), 0) < 0)
		abort();
}

/* Returns whether the failure happened. */
static bool disarm(const struct injector *in)
{
	char text[16] = "";
	bool fired;

	if (in->source == ELEMENTS) {
		fired = !hooked_gntdev_read("fail_op");
		hooked_gntdev_write("fail_op", 0);
		return fired;
	}
	if (pread(in->nth, text, sizeof(text) - 1, 0) < 0 ||
	    pwrite(in->nth, "0", 1, 0) < 0)
		abort();
	return !atoi(text);
}

static bool error_is_documented(const struct injector *in,
				const struct fail_op *op, int error)
{
	if (op->touches && error == -EFAULT)
		return true;
	if (in->source == ELEMENTS)
		return in->kind->error && error == in->kind->error;
	return error == -ENOMEM || error == -EFAULT;
}

static bool setup(struct fail_context *c, const struct fail_op *op)
{
	int ret = op->setup ? op->setup(c, op) : 0;

	if (ret)
		NOTE("it cannot be prepared: %d", ret);
	return !ret;
}

/* The operation failed: nothing has changed, and it works now. */
static bool works_after(struct fail_context *c, const struct fail_op *op,
			const struct state *before)
{
	int ret;

	if (!settles(c, before))
		return false;
	ret = op->run(c, op);
	if (ret)
		NOTE("fails without a failure: %d", ret);
	return !ret;
}

/*
 * A grant that the hypervisor would not unmap: its pages are not for anybody
 * else, until the test takes it back.
 */
static bool is_lost_and_found(struct fail_context *c, const struct state *base)
{
	struct state now;

	read_state(c, &now);
	if (now.pages <= base->pages || now.references <= base->references) {
		print_state("nothing was kept back", &now);
		return false;
	}
	return !hooked_gntdev_write("forgive", 1);
}

/* One try; *fired says whether there was anything to fail. */
static bool try_nth(struct fail_context *c, const struct fail_op *op,
		    const struct injector *in, unsigned int n, bool *fired)
{
	struct state base, before;
	int ret;

	read_state(c, &base);
	if (!setup(c, op))
		return false;
	read_state(c, &before);
	arm(in, n);
	ret = op->run(c, op);
	*fired = disarm(in);
	if (ret && (!*fired || !error_is_documented(in, op, ret))) {
		NOTE("%d is no error to expect", ret);
		return false;
	}
	if (ret && !works_after(c, op, &before))
		return false;
	if (op->undo)
		op->undo(c);
	if (op->cleanup)
		op->cleanup(c);
	if (*fired && in->kind->bit == FAIL_UNMAP &&
	    !is_lost_and_found(c, &base))
		return false;
	return settles(c, &base);
}

static bool sweep_kind(struct fail_context *c, const struct fail_op *op,
		       const struct injector *in)
{
	unsigned int n;
	bool fired = true;

	if (in->source == ELEMENTS)
		hooked_gntdev_write("fail_kinds", in->kind->bit);
	for (n = 1; fired && n < TOO_MANY; n++) {
		if (!try_nth(c, op, in, n, &fired)) {
			NOTE("%s of %u, %s, failure %u", op->name, c->count,
			       in->kind->name, n);
			return false;
		}
	}
	return !fired;
}

static bool sweep_kinds(struct fail_context *c, const struct fail_op *op,
			struct injector *in)
{
	in->kind = &no_kind;
	if (in->source != ELEMENTS)
		return sweep_kind(c, op, in);
	for (size_t i = 0; i < ARRAY_SIZE_OF(kinds); i++) {
		if (op->kinds && !(op->kinds & kinds[i].bit))
			continue;
		in->kind = &kinds[i];
		if (!sweep_kind(c, op, in))
			return false;
	}
	return true;
}

static bool sweep_count(struct fail_context *c, const struct fail_op *op,
			struct injector *in)
{
	int ret = op->begin ? op->begin(c) : 0;
	bool good;

	if (ret)
		NOTE("%s of %u does not begin: %d", op->name, c->count, ret);
	good = !ret && sweep_kinds(c, op, in);
	if (op->end)
		op->end(c);
	return good;
}

static bool sweep(FIXTURE_DATA(fail_nth) *self, enum source source,
		  const struct fail_op *op)
{
	const uint32_t *count;
	struct injector in = { .source = source, .nth = self->nth };
	struct fail_context *c = &self->c;

	for (count = op->counts; *count; count++) {
		/* Segments, not grants, need not make whole pages. */
		c->count = whole_pages(*count);
		if (!sweep_count(c, op, &in))
			return false;
	}
	return true;
}

static const char *need_modules(bool scatter)
{
	int ret = test_module_load("mock-dmabuf");

	if (!ret)
		ret = hooked_gntdev_use(scatter);
	if (ret == -ENOENT)
		return "test modules are not there";
	return ret ? "test modules do not load" : NULL;
}

static int set_fault(const char *name, const char *value)
{
	char path[64];

	snprintf(path, sizeof(path), DEBUGFS "%s", name);
	return write_text(path, value);
}

/* What cannot be failed alone is switched off in another way. */
static int let_allocations_fail(bool fail)
{
	int ret = set_fault("failslab/cache-filter", fail ? "N" : "Y");

	if (!ret)
		ret = set_fault("failslab/ignore-gfp-wait", "N");
	if (!ret)
		ret = set_fault("failslab/verbose", "0");
	if (!ret)
		ret = set_fault("fail_page_alloc/ignore-gfp-wait", "N");
	if (!ret)
		ret = set_fault("fail_page_alloc/ignore-gfp-highmem", "N");
	if (!ret)
		ret = set_fault("fail_page_alloc/min-order", fail ? "0" : "30");
	if (!ret)
		ret = set_fault("fail_page_alloc/verbose", "0");
	return ret;
}

static const char *need_source(FIXTURE_DATA(fail_nth) *self, enum source source)
{
	if (source == ELEMENTS)
		return NULL;
	self->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (self->nth < 0)
		return "kernel without FAULT_INJECTION";
	if (let_allocations_fail(source == ALLOCATIONS))
		return "kernel without FAILSLAB or FAIL_PAGE_ALLOC";
	if (source == USER_COPIES && set_fault("fail_usercopy/verbose", "0"))
		return "kernel without FAULT_INJECTION_USERCOPY";
	return NULL;
}

static int bind_port(FIXTURE_DATA(fail_nth) *self)
{
	struct ioctl_evtchn_bind_unbound_port bind = { .remote_domain = SELF };
	int port;

	self->evtchn = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);
	if (self->evtchn < 0)
		return -errno;
	port = ioctl(self->evtchn, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);
	if (port < 0)
		return -errno;
	self->c.port = (uint32_t)port;
	return 0;
}

FIXTURE_SETUP(fail_nth)
{
	struct fail_context *c = &self->c;
	const char *lacks;
	int ret;

	c->fd = -1;
	lacks = need_source(self, variant->source);
	if (!lacks)
		lacks = need_modules(variant->scatter);
	if (lacks)
		SKIP(return, "%s", lacks);
	ret = granter_open(&c->from, whole_pages(FAIL_GRANTS));
	if (ret == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, ret);
	c->fd = gntdev_open();
	ASSERT_GE(c->fd, 0);
	c->mock = open("/dev/mock-dmabuf", O_RDWR | O_CLOEXEC);
	ASSERT_GE(c->mock, 0);
	c->sink = memfd_create("sink", MFD_CLOEXEC);
	ASSERT_EQ(1, write(c->sink, "", 1));
	ASSERT_EQ(0, bind_port(self));
}

FIXTURE_TEARDOWN(fail_nth)
{
	struct fail_context *c = &self->c;

	if (c->fd < 0)
		return;
	close(c->fd);
	close(c->mock);
	close(c->sink);
	close(self->evtchn);
	hooked_gntdev_write("fail_op", 0);
	EXPECT_EQ(0, granter_close(&c->from));
}

#define SWEEP(name, number)						\
	TEST_F_TIMEOUT(fail_nth, name, SECONDS)				\
	{								\
		EXPECT_TRUE(sweep(self, variant->source,		\
				  &fail_ops[number]));			\
	}

SWEEP(open, OP_OPEN)
SWEEP(close, OP_CLOSE)
SWEEP(map, OP_MAP)
SWEEP(unmap, OP_UNMAP)
SWEEP(get_offset, OP_GET_OFFSET)
SWEEP(notify, OP_NOTIFY)
SWEEP(copy_to_grants, OP_COPY_TO)
SWEEP(copy_from_grants, OP_COPY_FROM)
SWEEP(copy_between_grants, OP_COPY_FOREIGN)
SWEEP(export, OP_EXPORT)
SWEEP(export_wc, OP_EXPORT_WC)
SWEEP(export_coherent, OP_EXPORT_COHERENT)
SWEEP(export_of_many_pages, OP_EXPORT_MANY)
SWEEP(close_export, OP_CLOSE_EXPORT)
SWEEP(close_export_wc, OP_CLOSE_EXPORT_WC)
SWEEP(close_export_coherent, OP_CLOSE_EXPORT_COHERENT)
SWEEP(wait_released, OP_WAIT_RELEASED)
SWEEP(import, OP_IMPORT)
SWEEP(import_of_mock_exporter, OP_IMPORT_MOCK)
SWEEP(import_of_many_pages, OP_IMPORT_MANY)
SWEEP(import_release, OP_RELEASE)
SWEEP(mmap, OP_MMAP)
SWEEP(mmap_read_only, OP_MMAP_READ_ONLY)
SWEEP(munmap, OP_MUNMAP)
SWEEP(mprotect, OP_MPROTECT)
SWEEP(page_fault, OP_FAULT)
SWEEP(mmap_of_dmabuf, OP_MMAP_DMABUF)
SWEEP(munmap_of_dmabuf, OP_MUNMAP_DMABUF)
SWEEP(map_dma_buf, OP_ATTACH)
SWEEP(vmap, OP_VMAP)
SWEEP(close_vmapped_export, OP_CLOSE_VMAPPED)

static bool never(void *arg)
{
	return false;
}

/* Last: what all of the above have left behind. */
TEST(no_memory_is_leaked)
{
	FILE *report;
	char *line = NULL;
	size_t size = 0;
	bool ours = false;

	if (access(KMEMLEAK, W_OK))
		SKIP(return, "kernel without DEBUG_KMEMLEAK");
	wait_until(never, NULL, KMEMLEAK_MS);
	ASSERT_EQ(0, write_text(KMEMLEAK, "scan"));
	report = fopen(KMEMLEAK, "re");
	ASSERT_NE(NULL, report);
	while (getline(&line, &size, report) >= 0) {
		TH_LOG("%s", line);
		ours |= strstr(line, "gntdev") || strstr(line, "gnttab");
	}
	EXPECT_FALSE(ours);
	free(line);
	fclose(report);
}

TEST_HARNESS_MAIN
