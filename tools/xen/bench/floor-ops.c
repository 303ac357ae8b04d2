// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor's part alone, as the benchmark's module does it.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "bench.h"
#include "module/gntdev-bench.h"

static int floor_op(const struct bench *b, uint32_t kind, void *addr,
		    uint64_t *cost)
{
	struct bench_floor op = {
		.kind = kind,
		.count = b->count,
		.domid = b->domid,
		.refs = (uintptr_t)b->refs,
		.addr = (uintptr_t)addr,
	};

	if (ioctl(b->helper, BENCH_IOC_FLOOR, &op))
		return -errno;
	cost[0] = op.make;
	cost[1] = op.undo;
	return 0;
}

static int floor_kernel(const struct bench *b, uint64_t *cost)
{
	return floor_op(b, BENCH_FLOOR_KERNEL, NULL, cost);
}

static int floor_user(const struct bench *b, uint64_t *cost)
{
	size_t size = (size_t)b->count * GRANT_PAGE_SIZE;
	void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  b->helper, 0);
	int ret;

	if (addr == MAP_FAILED)
		return -errno;
	ret = floor_op(b, BENCH_FLOOR_USER, addr, cost);
	munmap(addr, size);
	return ret;
}

static int floor_grant(const struct bench *b, uint64_t *cost)
{
	return floor_op(b, BENCH_FLOOR_GRANT, NULL, cost);
}

static int floor_copy(const struct bench *b, uint64_t *cost)
{
	uint64_t both[2] = { 0 };
	int ret = floor_op(b, BENCH_FLOOR_COPY, NULL, both);

	cost[0] = both[0];
	return ret;
}

static int floor_pages(const struct bench *b, uint64_t *cost)
{
	return floor_op(b, BENCH_FLOOR_PAGES, NULL, cost);
}

static int floor_refs(const struct bench *b, uint64_t *cost)
{
	return floor_op(b, BENCH_FLOOR_REFS, NULL, cost);
}

const struct bench_op bench_floor_ops[] = {
	{ .name = "kernel", .parts = { "map", "unmap" }, .run = floor_kernel },
	{ .name = "user", .parts = { "map", "unmap" }, .run = floor_user },
	{ .name = "grant", .parts = { "grant", "end" }, .run = floor_grant },
	{ .name = "copy", .parts = { "COPY" }, .run = floor_copy, .max = 1 },
	{ .name = "pages", .parts = { "alloc", "free" }, .run = floor_pages },
	{ .name = "refs", .parts = { "map", "unmap" }, .run = floor_refs },
	{ .name = NULL }
};
