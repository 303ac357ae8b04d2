// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every operation, with its first, second, ... allocation, user copy or element
 * of a hypercall failing, until it succeeds because there is none left to fail.
 * Each time it either succeeds or says why not, and then everything is as it was
 * before and the operation works. That no memory is lost is what kmemleak says at the
 * end of a boot.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

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
#define STACK_BYTES	(64 * 1024)
#define DEBUGFS		"/sys/kernel/debug/"

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

/* What the fixtures have. */
struct fail_env {
	int nth;
	int evtchn;
	struct fail_context c;
};

FIXTURE(fail_nth) {
	struct fail_env env;
};

FIXTURE_VARIANT(fail_nth) {
	enum source source;
};

FIXTURE_VARIANT_ADD(fail_nth, elements) {
	.source = ELEMENTS,
};

FIXTURE_VARIANT_ADD(fail_nth, allocations) {
	.source = ALLOCATIONS,
};

FIXTURE_VARIANT_ADD(fail_nth, user_copies) {
	.source = USER_COPIES,
};

/* For what depends on whether backing pages are consecutive. */
FIXTURE(fail_nth_scattered) {
	struct fail_env env;
};

FIXTURE_VARIANT(fail_nth_scattered) {
	enum source source;
};

FIXTURE_VARIANT_ADD(fail_nth_scattered, elements) {
	.source = ELEMENTS,
};

FIXTURE_VARIANT_ADD(fail_nth_scattered, allocations) {
	.source = ALLOCATIONS,
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
	NOTE("%s: mapped %lu, granted %lu, frames %lu, pages %lu", when,
	     s->mapped, s->granted, s->frames, s->pages);
	NOTE("  references %lu, next descriptor %d", s->references, s->next_fd);
	NOTE("  mock exporter: buffers %u, attached %u, mapped %u",
	     s->mock.buffers, s->mock.attached, s->mock.mapped);
}

struct expected_state {
	struct fail_context *c;
	struct state was, is;
	/* Grants that may be mapped once more. */
	uint32_t more;
};

static bool state_is_back(void *arg)
{
	struct expected_state *e = arg;

	read_state(e->c, &e->is);
	if (e->more && e->is.mapped == e->was.mapped + e->more)
		e->is.mapped = e->was.mapped;
	return !memcmp(&e->was, &e->is, sizeof(e->was));
}

/* What somebody still uses ends in the background. */
static bool settles(struct fail_context *c, const struct state *was,
		    uint32_t more)
{
	struct expected_state e = { .c = c, .was = *was, .more = more };

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

/*
 * The kernel counts the copies of these accesses, too. The one that is then due
 * to fail leaves what the write would have set: 0.
 */
static bool nth_done(ssize_t ret)
{
	return ret >= 0 || errno == EFAULT;
}

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
	ssize_t n;

	if (in->source == ELEMENTS) {
		fired = !hooked_gntdev_read("fail_op");
		hooked_gntdev_write("fail_op", 0);
		return fired;
	}
	n = pread(in->nth, text, sizeof(text) - 1, 0);
	fired = n >= 0 && !atoi(text);
	if (!nth_done(n) || !nth_done(pwrite(in->nth, "0", 1, 0)))
		abort();
	return fired;
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

	if (!settles(c, before, op->keeps_vmap ? c->count : 0))
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
	return settles(c, &base, 0);
}

static bool sweep_kind(struct fail_context *c, const struct fail_op *op,
		       const struct injector *in)
{
	unsigned int n;
	bool fired = true;

	if (in->source == ELEMENTS)
		hooked_gntdev_write("fail_kinds", in->kind->bit);
	for (n = 1; fired && n < TOO_MANY; n++) {
		if (try_nth(c, op, in, n, &fired))
			continue;
		NOTE("%s of %u, %s, failure %u", op->name, c->count,
		     in->kind->name, n);
		return false;
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

static bool sweep(struct fail_env *env, enum source source,
		  unsigned int number)
{
	const struct fail_op *op = &fail_ops[number];
	const uint32_t *count;
	struct injector in = { .source = source, .nth = env->nth };
	struct fail_context *c = &env->c;

	for (count = op->counts; *count; count++) {
		/* More grants take the same memory, and more of it. */
		if (source != ELEMENTS && count[1])
			continue;
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

static const char *need_source(struct fail_env *env, enum source source)
{
	int ret;

	if (source == ELEMENTS)
		return NULL;
	env->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (env->nth < 0)
		return "kernel without FAULT_INJECTION";
	if (let_allocations_fail(source == ALLOCATIONS))
		return "kernel without FAILSLAB or FAIL_PAGE_ALLOC";
	/* Where copies can fail, they do so among the allocations, too. */
	ret = set_fault("fail_usercopy/verbose", "0");
	if (ret && source == USER_COPIES)
		return "kernel without FAULT_INJECTION_USERCOPY";
	return NULL;
}

/*
 * Page faults of the test itself are not for failing: they would be tried again,
 * with a message of the kernel. The rest of the stack has to be there, too.
 */
static int keep_memory(void)
{
	char stack[STACK_BYTES];

	explicit_bzero(stack, sizeof(stack));
	return mlockall(MCL_CURRENT) ? -errno : 0;
}

static int bind_port(struct fail_env *env)
{
	struct ioctl_evtchn_bind_unbound_port bind = { .remote_domain = SELF };
	int port;

	env->evtchn = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);
	if (env->evtchn < 0)
		return -errno;
	port = ioctl(env->evtchn, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);
	if (port < 0)
		return -errno;
	env->c.port = (uint32_t)port;
	return 0;
}

/* Returns why this cannot be tested, or NULL. */
static const char *env_open(struct fail_env *env, enum source source,
			    bool scatter, int *ret)
{
	struct fail_context *c = &env->c;
	const char *lacks;

	*ret = 0;
	c->fd = -1;
	lacks = need_source(env, source);
	if (!lacks)
		lacks = need_modules(scatter);
	if (lacks)
		return lacks;
	*ret = granter_open(&c->from, whole_pages(FAIL_GRANTS));
	if (*ret == -ENODEV)
		return NO_GRANTER;
	c->fd = gntdev_open();
	c->mock = open("/dev/mock-dmabuf", O_RDWR | O_CLOEXEC);
	c->sink = memfd_create("sink", MFD_CLOEXEC);
	if (!*ret)
		*ret = bind_port(env);
	if (!*ret && source != ELEMENTS)
		*ret = keep_memory();
	if (!*ret && (c->fd < 0 || c->mock < 0 || write(c->sink, "", 1) != 1))
		*ret = -EIO;
	return NULL;
}

static int env_close(struct fail_env *env)
{
	struct fail_context *c = &env->c;

	if (c->fd < 0)
		return 0;
	close(c->fd);
	close(c->mock);
	close(c->sink);
	close(env->evtchn);
	hooked_gntdev_write("fail_op", 0);
	return granter_close(&c->from);
}

FIXTURE_SETUP(fail_nth)
{
	const char *lacks;
	int ret;

	lacks = env_open(&self->env, variant->source, false, &ret);
	if (lacks)
		SKIP(return, "%s", lacks);
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(fail_nth)
{
	EXPECT_EQ(0, env_close(&self->env));
}

FIXTURE_SETUP(fail_nth_scattered)
{
	const char *lacks;
	int ret;

	lacks = env_open(&self->env, variant->source, true, &ret);
	if (lacks)
		SKIP(return, "%s", lacks);
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(fail_nth_scattered)
{
	EXPECT_EQ(0, env_close(&self->env));
}

TEST_F_TIMEOUT(fail_nth, open, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_OPEN));
}

TEST_F_TIMEOUT(fail_nth, close, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_CLOSE));
}

TEST_F_TIMEOUT(fail_nth, map, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_MAP));
}

TEST_F_TIMEOUT(fail_nth, unmap, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_UNMAP));
}

TEST_F_TIMEOUT(fail_nth, get_offset, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_GET_OFFSET));
}

TEST_F_TIMEOUT(fail_nth, notify, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_NOTIFY));
}

TEST_F_TIMEOUT(fail_nth, copy_to_grants, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_COPY_TO));
}

TEST_F_TIMEOUT(fail_nth, copy_from_grants, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_COPY_FROM));
}

TEST_F_TIMEOUT(fail_nth, copy_between_grants, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_COPY_FOREIGN));
}

TEST_F_TIMEOUT(fail_nth, export, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_EXPORT));
}

TEST_F_TIMEOUT(fail_nth, export_wc, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_EXPORT_WC));
}

TEST_F_TIMEOUT(fail_nth, export_coherent, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_EXPORT_COHERENT));
}

TEST_F_TIMEOUT(fail_nth, export_of_many_pages, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_EXPORT_MANY));
}

TEST_F_TIMEOUT(fail_nth, close_export, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_CLOSE_EXPORT));
}

TEST_F_TIMEOUT(fail_nth, close_export_wc, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_CLOSE_EXPORT_WC));
}

TEST_F_TIMEOUT(fail_nth, close_export_coherent, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_CLOSE_EXPORT_COHERENT));
}

TEST_F_TIMEOUT(fail_nth, wait_released, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_WAIT_RELEASED));
}

TEST_F_TIMEOUT(fail_nth, import, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_IMPORT));
}

TEST_F_TIMEOUT(fail_nth, import_of_mock_exporter, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_IMPORT_MOCK));
}

TEST_F_TIMEOUT(fail_nth, import_of_many_pages, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_IMPORT_MANY));
}

TEST_F_TIMEOUT(fail_nth, import_release, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_RELEASE));
}

TEST_F_TIMEOUT(fail_nth, export_by_handle, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_HANDLE_EXPORT));
}

TEST_F_TIMEOUT(fail_nth, export_wc_by_handle, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_HANDLE_EXPORT_WC));
}

TEST_F_TIMEOUT(fail_nth, import_by_handle, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_HANDLE_IMPORT));
}

TEST_F_TIMEOUT(fail_nth, release_by_handle, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_HANDLE_RELEASE));
}

TEST_F_TIMEOUT(fail_nth, wait_by_handle, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_HANDLE_WAIT));
}

TEST_F_TIMEOUT(fail_nth, query, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_QUERY));
}

TEST_F_TIMEOUT(fail_nth, mmap, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_MMAP));
}

TEST_F_TIMEOUT(fail_nth, mmap_read_only, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_MMAP_READ_ONLY));
}

TEST_F_TIMEOUT(fail_nth, munmap, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_MUNMAP));
}

TEST_F_TIMEOUT(fail_nth, mprotect, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_MPROTECT));
}

TEST_F_TIMEOUT(fail_nth, page_fault, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_FAULT));
}

TEST_F_TIMEOUT(fail_nth, mmap_of_dmabuf, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_MMAP_DMABUF));
}

TEST_F_TIMEOUT(fail_nth, munmap_of_dmabuf, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_MUNMAP_DMABUF));
}

TEST_F_TIMEOUT(fail_nth, map_dma_buf, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_ATTACH));
}

TEST_F_TIMEOUT(fail_nth, vmap, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_VMAP));
}

TEST_F_TIMEOUT(fail_nth, close_vmapped_export, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_CLOSE_VMAPPED));
}

TEST_F_TIMEOUT(fail_nth_scattered, export, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_EXPORT));
}

TEST_F_TIMEOUT(fail_nth_scattered, export_wc, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_EXPORT_WC));
}

TEST_F_TIMEOUT(fail_nth_scattered, close_export, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_CLOSE_EXPORT));
}

TEST_F_TIMEOUT(fail_nth_scattered, mmap_of_dmabuf, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_MMAP_DMABUF));
}

TEST_F_TIMEOUT(fail_nth_scattered, map_dma_buf, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_ATTACH));
}

TEST_F_TIMEOUT(fail_nth_scattered, vmap, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_VMAP));
}

TEST_F_TIMEOUT(fail_nth_scattered, close_vmapped_export, SECONDS)
{
	EXPECT_TRUE(sweep(&self->env, variant->source, OP_CLOSE_VMAPPED));
}

TEST_HARNESS_MAIN
