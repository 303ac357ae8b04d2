// SPDX-License-Identifier: GPL-2.0-only
/*
 * What programs do with the grant device.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "task.h"
#include "module/gntdev-bench.h"

#define WAIT_MS 10000u

static size_t bytes(const struct bench *b)
{
	return (size_t)b->count * GRANT_PAGE_SIZE;
}

/* Note what something cost; its result is that of the whole. */
#define COST(cost, call) ({ \
	uint64_t start_ = clock_now(); \
	int ret_ = (call); \
	(cost) = clock_now() - start_; \
	ret_; \
})

static int map_shared(int fd, uint64_t offset, size_t size, void **addr)
{
	*addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     (off_t)offset);
	return *addr == MAP_FAILED ? -errno : 0;
}

static int unmap_shared(void *addr, size_t size)
{
	return munmap(addr, size) ? -errno : 0;
}

static int run_map(const struct bench *b, uint64_t *cost)
{
	uint64_t index;
	void *addr;
	int ret, err;

	ret = COST(cost[0], gntdev_map(b->fd, b->domid, b->refs, b->count,
				       &index));
	if (ret)
		return ret;
	ret = COST(cost[1], map_shared(b->fd, index, bytes(b), &addr));
	if (!ret)
		ret = COST(cost[2], unmap_shared(addr, bytes(b)));
	err = COST(cost[3], gntdev_unmap(b->fd, index, b->count));
	return ret ? ret : err;
}

static int export(const struct bench *b, int *dmabuf)
{
	return gntdev_exp_from_refs(b->fd, 0, b->domid, b->refs, b->count,
				    dmabuf);
}

/* Until the last grant is unmapped. */
static int release(const struct bench *b, int dmabuf)
{
	int ret;

	close(dmabuf);
	ret = gntdev_exp_wait_released(b->fd, dmabuf, WAIT_MS);
	return ret == -ENOENT ? 0 : ret;
}

static int helper(const struct bench *b, unsigned long cmd, int dmabuf)
{
	return ioctl(b->helper, cmd, dmabuf) ? -errno : 0;
}

static int run_export(const struct bench *b, uint64_t *cost)
{
	int dmabuf, ret, err;

	ret = COST(cost[0], export(b, &dmabuf));
	if (ret)
		return ret;
	err = COST(cost[1], release(b, dmabuf));
	return err;
}

static int attach_twice(const struct bench *b, int dmabuf, uint64_t *cost)
{
	int ret;

	ret = COST(cost[0], helper(b, BENCH_IOC_ATTACH, dmabuf));
	if (!ret)
		ret = COST(cost[1], helper(b, BENCH_IOC_DETACH, dmabuf));
	if (!ret)
		ret = COST(cost[2], helper(b, BENCH_IOC_ATTACH, dmabuf));
	if (!ret)
		ret = COST(cost[3], helper(b, BENCH_IOC_DETACH, dmabuf));
	return ret;
}

static int run_attach(const struct bench *b, uint64_t *cost)
{
	int dmabuf, ret, err;

	ret = COST(cost[0], export(b, &dmabuf));
	if (ret)
		return ret;
	ret = attach_twice(b, dmabuf, cost + 1);
	err = COST(cost[5], release(b, dmabuf));
	return ret ? ret : err;
}

/* Read something of each page. */
static int touch(const char *addr, size_t size)
{
	for (size_t i = 0; i < size; i += GRANT_PAGE_SIZE) {
		char byte = addr[i];

		/* It is not left out, as somebody might want it. */
		__asm__ volatile("" : : "r" (byte));
	}
	return 0;
}

static int run_dmabuf_mmap(const struct bench *b, uint64_t *cost)
{
	int dmabuf, ret, err;
	void *addr;

	ret = export(b, &dmabuf);
	if (ret)
		return ret;
	ret = COST(cost[0], map_shared(dmabuf, 0, bytes(b), &addr));
	if (!ret) {
		COST(cost[1], touch(addr, bytes(b)));
		ret = COST(cost[2], unmap_shared(addr, bytes(b)));
	}
	err = release(b, dmabuf);
	return ret ? ret : err;
}

static int run_vmap(const struct bench *b, uint64_t *cost)
{
	int dmabuf, ret, err;

	ret = export(b, &dmabuf);
	if (ret)
		return ret;
	ret = COST(cost[0], helper(b, BENCH_IOC_VMAP, dmabuf));
	if (!ret)
		ret = COST(cost[1], helper(b, BENCH_IOC_VUNMAP, dmabuf));
	err = release(b, dmabuf);
	return ret ? ret : err;
}

static int import(const struct bench *b, int dmabuf, uint64_t *cost)
{
	/* Not those of @b, which others mean to map. */
	uint32_t *refs = b->frame;
	int ret;

	ret = COST(cost[0], gntdev_imp_to_refs(b->fd, dmabuf, b->domid,
					       b->count, refs));
	if (!ret)
		ret = COST(cost[1], gntdev_imp_release(b->fd, dmabuf));
	return ret;
}

static int run_import_udmabuf(const struct bench *b, uint64_t *cost)
{
	struct dmabuf_pages pages;
	int ret;

	ret = dmabuf_pages_alloc(&pages, b->count);
	if (ret)
		return ret;
	ret = import(b, pages.dmabuf, cost);
	dmabuf_pages_free(&pages);
	return ret;
}

static int run_import_heap(const struct bench *b, uint64_t *cost)
{
	int dmabuf = heap_alloc(b->count, O_RDWR);
	int ret;

	if (dmabuf < 0)
		return dmabuf;
	ret = import(b, dmabuf, cost);
	close(dmabuf);
	return ret;
}

static int run_copy(const struct bench *b, uint64_t *cost)
{
	struct gntdev_grant_copy_segment segment = {
		.source.foreign = { .ref = b->refs[0], .domid = b->domid },
		.dest.virt = b->frame,
		.len = GRANT_PAGE_SIZE,
		.flags = GNTCOPY_source_gref,
	};
	int ret;

	ret = COST(cost[0], gntdev_copy(b->fd, &segment, 1));
	return ret ? ret : segment.status ? -EIO : 0;
}

struct waiter {
	const struct bench *b;
	int dmabuf;
	pid_t tid;
	bool over;
	int ret;
	uint64_t woken;
};

static void *wait_released(void *arg)
{
	struct waiter *w = arg;

	__atomic_store_n(&w->tid, (pid_t)syscall(SYS_gettid),
			 __ATOMIC_RELEASE);
	w->ret = gntdev_exp_wait_released(w->b->fd, w->dmabuf, WAIT_MS);
	w->woken = clock_now();
	__atomic_store_n(&w->over, true, __ATOMIC_RELEASE);
	return NULL;
}

/* In the kernel's own driver, it cannot be interrupted in that. */
static bool waits(struct waiter *w)
{
	char state = task_state(__atomic_load_n(&w->tid, __ATOMIC_ACQUIRE));

	return state == 'S' || state == 'D';
}

/* From the close that releases the buffer to the waiter's return. */
static int run_wake(const struct bench *b, uint64_t *cost)
{
	struct waiter w = { .b = b };
	bool early = false;
	pthread_t thread;
	uint64_t start;
	int ret;

	ret = export(b, &w.dmabuf);
	if (ret)
		return ret;
	ret = -pthread_create(&thread, NULL, wait_released, &w);
	if (ret) {
		close(w.dmabuf);
		return ret;
	}
	while (!early && !waits(&w)) {
		sched_yield();
		early = __atomic_load_n(&w.over, __ATOMIC_ACQUIRE);
	}
	start = clock_now();
	close(w.dmabuf);
	pthread_join(thread, NULL);
	cost[0] = w.woken - start;
	return early && !w.ret ? -EAGAIN : w.ret;
}

const struct bench_op bench_driver_ops[] = {
	{ .name = "map", .parts = { "MAP", "mmap", "munmap", "UNMAP" },
	  .run = run_map, .scales = true },
	{ .name = "export", .parts = { "EXP", "release" },
	  .run = run_export, .exports = true, .scales = true },
	{ .name = "attach", .parts = { "EXP", "attach", "detach", "reattach",
				       "redetach", "release" },
	  .run = run_attach, .exports = true },
	{ .name = "dmabuf-mmap", .parts = { "mmap", "touch", "munmap" },
	  .run = run_dmabuf_mmap, .exports = true },
	{ .name = "vmap", .parts = { "vmap", "vunmap" },
	  .run = run_vmap, .exports = true },
	{ .name = "import-udmabuf", .parts = { "IMP", "release" },
	  .run = run_import_udmabuf, .scales = true },
	{ .name = "import-heap", .parts = { "IMP", "release" },
	  .run = run_import_heap },
	{ .name = "copy", .parts = { "COPY" }, .run = run_copy, .max = 1 },
	{ .name = "wake", .parts = { "wake" },
	  .run = run_wake, .exports = true },
	{ .name = NULL }
};
