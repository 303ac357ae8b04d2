// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ways for a frame of a guest to get into the hands of a local device.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "module/gntdev-bench.h"

static int attach(const struct bench *b, int dmabuf)
{
	if (ioctl(b->helper, BENCH_IOC_ATTACH, dmabuf) ||
	    ioctl(b->helper, BENCH_IOC_DETACH, dmabuf))
		return -errno;
	return 0;
}

/* A buffer that is new in each frame, and one that the backend knows. */
static int run_zero_copy(const struct bench *b, uint64_t *cost)
{
	uint64_t start = clock_now(), known;
	int dmabuf, ret;

	ret = gntdev_exp_from_refs(b->fd, 0, b->domid, b->refs, b->count,
				   &dmabuf);
	if (ret)
		return ret;
	ret = attach(b, dmabuf);
	known = clock_now();
	if (!ret)
		ret = attach(b, dmabuf);
	known = clock_now() - known;
	close(dmabuf);
	if (ret)
		return ret;
	ret = gntdev_exp_wait_released(b->fd, dmabuf, 10000);
	cost[0] = clock_now() - start - known;
	cost[1] = known;
	return ret == -ENOENT ? 0 : ret;
}

/* The same by mmap() and a copy of all bytes. */
static int run_memcpy(const struct bench *b, uint64_t *cost)
{
	size_t size = (size_t)b->count * GRANT_PAGE_SIZE;
	struct gntdev_mapping map;
	uint64_t start, copy;
	int ret;

	start = clock_now();
	ret = gntdev_mapping_open(&map, b->fd, b->domid, b->refs, b->count,
				  PROT_READ);
	if (ret)
		return ret;
	copy = clock_now();
	memcpy(b->frame, map.addr, size);
	cost[1] = clock_now() - copy;
	ret = gntdev_mapping_close(&map);
	cost[0] = clock_now() - start;
	return ret;
}

static int run_grant_copy(const struct bench *b, uint64_t *cost)
{
	struct gntdev_grant_copy_segment *segments;
	uint64_t start;
	int ret;

	segments = calloc(b->count, sizeof(*segments));
	if (!segments)
		return -ENOMEM;
	for (uint32_t i = 0; i < b->count; i++) {
		segments[i].source.foreign.ref = b->refs[i];
		segments[i].source.foreign.domid = b->domid;
		segments[i].dest.virt = (char *)b->frame +
					(size_t)i * GRANT_PAGE_SIZE;
		segments[i].len = GRANT_PAGE_SIZE;
		segments[i].flags = GNTCOPY_source_gref;
	}
	start = clock_now();
	ret = gntdev_copy(b->fd, segments, b->count);
	cost[0] = clock_now() - start;
	for (uint32_t i = 0; !ret && i < b->count; i++)
		if (segments[i].status)
			ret = -EIO;
	free(segments);
	return ret;
}

const struct bench_op bench_frame_ops[] = {
	{ .name = "frame-zero-copy", .parts = { "new", "known" },
	  .run = run_zero_copy },
	{ .name = "frame-memcpy", .parts = { "new", "known" },
	  .run = run_memcpy },
	{ .name = "frame-grant-copy", .parts = { "new" },
	  .run = run_grant_copy },
	{ .name = NULL }
};
