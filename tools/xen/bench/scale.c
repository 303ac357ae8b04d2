// SPDX-License-Identifier: GPL-2.0-only
/*
 * What grows: cost with the number of live objects, memory with that of pages.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

/**
 * struct live - an object that lives
 * @ref:	the page it is made of; Xen lets one be mapped 255 times at once
 * @fd:		its open file, the common one or its own
 * @dmabuf:	of an export or an import, else -1
 * @index:	of a map
 */
struct live {
	uint32_t ref;
	int fd;
	int dmabuf;
	uint64_t index;
};

/* Kinds of objects, of one page each. */
struct live_kind {
	const char *name;
	int (*make)(const struct bench *b, struct live *obj, int memory);
	int (*undo)(const struct bench *b, const struct live *obj);
};

static int make_map(const struct bench *b, struct live *obj, int memory)
{
	(void)memory;
	return gntdev_map(obj->fd, b->domid, &obj->ref, 1, &obj->index);
}

static int undo_map(const struct bench *b, const struct live *obj)
{
	(void)b;
	return gntdev_unmap(obj->fd, obj->index, 1);
}

static int make_export(const struct bench *b, struct live *obj, int memory)
{
	(void)memory;
	return gntdev_exp_from_refs(obj->fd, 0, b->domid, &obj->ref, 1,
				    &obj->dmabuf);
}

static int undo_export(const struct bench *b, const struct live *obj)
{
	(void)b;
	close(obj->dmabuf);
	return 0;
}

/* Each needs a number of its own. */
static int make_import(const struct bench *b, struct live *obj, int memory)
{
	uint32_t ref;

	obj->dmabuf = dup(memory);
	if (obj->dmabuf < 0)
		return -errno;
	return gntdev_imp_to_refs(obj->fd, obj->dmabuf, b->domid, 1, &ref);
}

static int undo_import(const struct bench *b, const struct live *obj)
{
	int ret = gntdev_imp_release(obj->fd, obj->dmabuf);

	(void)b;
	close(obj->dmabuf);
	return ret;
}

static const struct live_kind live_kinds[] = {
	{ "maps", make_map, undo_map },
	{ "exports", make_export, undo_export },
	{ "imports", make_import, undo_import },
	{ .name = NULL }
};

static void measure(const struct bench *b, const struct live_kind *kind,
		    uint32_t live, int files)
{
	char note[64];

	snprintf(note, sizeof(note), " live=%u kind=%s files=%s", live,
		 kind->name, files ? "many" : "one");
	for (const struct bench_op *op = bench_driver_ops; op->name; op++)
		if (op->scales)
			bench_report(b, op, note);
}

static int live_one_kind(const struct bench *b, const struct live_kind *kind,
			 uint32_t live, int files)
{
	struct live *obj = calloc(live, sizeof(*obj));
	struct dmabuf_pages memory;
	uint32_t made = 0;
	int ret;

	if (!obj)
		return -ENOMEM;
	ret = dmabuf_pages_alloc(&memory, 1);
	if (ret)
		goto out;
	for (; !ret && made < live; made++) {
		obj[made].ref = b->refs[made % b->granted];
		obj[made].dmabuf = -1;
		obj[made].fd = files ? gntdev_open() : b->fd;
		ret = obj[made].fd < 0 ? obj[made].fd :
		      kind->make(b, &obj[made], memory.dmabuf);
	}
	if (!ret)
		measure(b, kind, live, files);
	while (made--) {
		kind->undo(b, &obj[made]);
		if (files && obj[made].fd >= 0)
			close(obj[made].fd);
	}
	dmabuf_pages_free(&memory);
out:
	free(obj);
	return ret;
}

void bench_live(const struct bench *b, uint32_t live, int files)
{
	for (const struct live_kind *kind = live_kinds; kind->name; kind++) {
		int ret = live_one_kind(b, kind, live, files);

		if (ret)
			printf("BENCH impl=%s op=live kind=%s live=%u files=%s error=%s\n",
			       b->impl, kind->name, live,
			       files ? "many" : "one", strerrorname_np(-ret));
	}
}

/* Kernel memory that is not that of page tables: slabs, vmalloc(). In KiB. */
static long kernel_memory(void)
{
	FILE *meminfo = fopen("/proc/meminfo", "re");
	char line[128];
	long sum = 0, kib;

	if (!meminfo)
		return -1;
	while (fgets(line, sizeof(line), meminfo))
		if (sscanf(line, "Slab: %ld", &kib) == 1 ||
		    sscanf(line, "VmallocUsed: %ld", &kib) == 1)
			sum += kib;
	fclose(meminfo);
	return sum;
}

static void memory_line(const struct bench *b, const char *what, long kib)
{
	printf("BENCH impl=%s op=memory part=%s pages=%u bytes=%ld\n", b->impl,
	       what, b->count, kib * 1024);
}

static int memory_of_map(const struct bench *b)
{
	struct gntdev_mapping map;
	long before;
	int ret;

	/* What the first one leaves behind, all have. */
	for (int i = 0; i < 2; i++) {
		before = kernel_memory();
		ret = gntdev_mapping_open(&map, b->fd, b->domid, b->refs,
					  b->count, PROT_READ | PROT_WRITE);
		if (ret)
			return ret;
		if (i)
			memory_line(b, "map", kernel_memory() - before);
		ret = gntdev_mapping_close(&map);
		if (ret)
			return ret;
	}
	return 0;
}

static int memory_of_export(const struct bench *b)
{
	long before;
	int dmabuf, ret;

	for (int i = 0; i < 2; i++) {
		before = kernel_memory();
		ret = gntdev_exp_from_refs(b->fd, 0, b->domid, b->refs,
					   b->count, &dmabuf);
		if (ret)
			return ret;
		if (i)
			memory_line(b, "export", kernel_memory() - before);
		close(dmabuf);
		ret = gntdev_exp_wait_released(b->fd, dmabuf, 10000);
		if (ret && ret != -ENOENT)
			return ret;
	}
	return 0;
}

/* Not every driver can do all of it. */
static void memory_result(const struct bench *b, const char *what, int ret)
{
	if (ret)
		printf("BENCH impl=%s op=memory part=%s pages=%u error=%s\n",
		       b->impl, what, b->count, strerrorname_np(-ret));
}

void bench_memory(const struct bench *b)
{
	memory_result(b, "map", memory_of_map(b));
	memory_result(b, "export", memory_of_export(b));
}
