// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fail-ops.h"
#include "test_modules/mock-dmabuf.h"

#define RW (PROT_READ | PROT_WRITE)
/* Local memory that starts here in a page lies in two frames. */
#define MISALIGNED 64
#define STATUS_OKAY 0

static uint32_t ref_of(const struct fail_context *c, uint32_t i)
{
	return c->from.refs[i % c->from.count];
}

static int run_open(struct fail_context *c, const struct fail_op *op)
{
	c->file = gntdev_open();
	return c->file < 0 ? c->file : 0;
}

static void close_file(struct fail_context *c)
{
	close(c->file);
}

static int name_range(struct fail_context *c, const struct fail_op *op)
{
	return gntdev_map(c->fd, c->from.domid, c->from.refs, c->count,
			  &c->index);
}

static int run_unmap(struct fail_context *c, const struct fail_op *op)
{
	return gntdev_unmap(c->fd, c->index, c->count);
}

static void forget_range(struct fail_context *c)
{
	gntdev_unmap(c->fd, c->index, c->count);
}

static int map_file(struct fail_context *c, int fd, uint64_t offset, int prot)
{
	size_t bytes = bytes_of(whole_pages(c->count));
	void *mem = mmap(NULL, bytes, prot, MAP_SHARED, fd, (off_t)offset);

	if (mem == MAP_FAILED)
		return -errno;
	c->mem = mem;
	return 0;
}

static int run_mmap(struct fail_context *c, const struct fail_op *op)
{
	return map_file(c, c->fd, c->index, RW);
}

static int run_mmap_read_only(struct fail_context *c, const struct fail_op *op)
{
	return map_file(c, c->fd, c->index, PROT_READ);
}

static int run_munmap(struct fail_context *c, const struct fail_op *op)
{
	return munmap(c->mem, bytes_of(whole_pages(c->count))) ? -errno : 0;
}

static void undo_mmap(struct fail_context *c)
{
	munmap(c->mem, bytes_of(whole_pages(c->count)));
}

static int map_range(struct fail_context *c, const struct fail_op *op)
{
	int ret = name_range(c, op);

	return ret ? ret : run_mmap(c, op);
}

static void unmap_range(struct fail_context *c)
{
	undo_mmap(c);
	forget_range(c);
}

static int run_get_offset(struct fail_context *c, const struct fail_op *op)
{
	uint64_t offset;
	uint32_t count;

	return gntdev_get_offset(c->fd, c->mem, &offset, &count);
}

static int run_notify(struct fail_context *c, const struct fail_op *op)
{
	return gntdev_set_unmap_notify(c->fd, c->index + 1,
				       UNMAP_NOTIFY_CLEAR_BYTE |
				       UNMAP_NOTIFY_SEND_EVENT, c->port);
}

static void undo_notify(struct fail_context *c)
{
	gntdev_set_unmap_notify(c->fd, c->index, 0, 0);
}

static int run_mprotect(struct fail_context *c, const struct fail_op *op)
{
	size_t bytes = bytes_of(whole_pages(c->count));

	return mprotect(c->mem, bytes, PROT_NONE) ? -errno : 0;
}

/* Have the kernel read a byte of each page: an answer, not a signal. */
static int touch(const struct fail_context *c)
{
	uint32_t pages = whole_pages(c->count) / grants_per_page();
	struct iovec iov[pages];
	ssize_t n;

	for (uint32_t i = 0; i < pages; i++)
		iov[i] = (struct iovec){ c->mem + bytes_of(cut(i)), 1 };
	n = pwritev(c->sink, iov, (int)pages, 0);
	if (n < 0)
		return -errno;
	return n == pages ? 0 : -EFAULT;
}

static int empty_range(struct fail_context *c, const struct fail_op *op)
{
	int ret = map_range(c, op);

	if (!ret && madvise(c->mem, bytes_of(whole_pages(c->count)),
			    MADV_DONTNEED))
		ret = -errno;
	return ret;
}

/* An entry that cannot be written does not keep others from it. */
static int run_touch(struct fail_context *c, const struct fail_op *op)
{
	int ret = touch(c);

	if (ret && madvise(c->mem, bytes_of(whole_pages(c->count)),
			   MADV_DONTNEED))
		return -errno;
	return ret;
}

static int begin_data(struct fail_context *c)
{
	c->data = mmap(NULL, bytes_of(whole_pages(c->count) + cut(1)), RW,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return c->data == MAP_FAILED ? -errno : 0;
}

static void end_data(struct fail_context *c)
{
	munmap(c->data, bytes_of(whole_pages(c->count) + cut(1)));
}

/* No segment but the one that was to fail may have failed. */
static int copy_all(struct fail_context *c,
		    struct gntdev_grant_copy_segment *segments)
{
	unsigned int failed = 0;
	int ret = gntdev_copy(c->fd, segments, c->count);

	for (uint32_t i = 0; !ret && i < c->count; i++)
		failed += segments[i].status != STATUS_OKAY;
	if (failed > 1)
		ret = -EPROTO;
	else if (failed)
		ret = PART_FAILED;
	return ret;
}

static int run_copy_to(struct fail_context *c, const struct fail_op *op)
{
	struct gntdev_grant_copy_segment segments[c->count];

	for (uint32_t i = 0; i < c->count; i++)
		segments[i] = (struct gntdev_grant_copy_segment){
			.source.virt = c->data + bytes_of(i) + MISALIGNED,
			.dest.foreign = {
				.ref = ref_of(c, i), .domid = c->from.domid,
			},
			.len = GRANT_PAGE_SIZE,
			.flags = GNTCOPY_dest_gref,
			.status = 1,
		};
	return copy_all(c, segments);
}

static int run_copy_from(struct fail_context *c, const struct fail_op *op)
{
	struct gntdev_grant_copy_segment segments[c->count];

	for (uint32_t i = 0; i < c->count; i++)
		segments[i] = (struct gntdev_grant_copy_segment){
			.source.foreign = {
				.ref = ref_of(c, i), .domid = c->from.domid,
			},
			.dest.virt = c->data + bytes_of(i) + MISALIGNED,
			.len = GRANT_PAGE_SIZE,
			.flags = GNTCOPY_source_gref,
			.status = 1,
		};
	return copy_all(c, segments);
}

static int run_copy_foreign(struct fail_context *c, const struct fail_op *op)
{
	struct gntdev_grant_copy_segment segments[c->count];

	for (uint32_t i = 0; i < c->count; i++)
		segments[i] = (struct gntdev_grant_copy_segment){
			.source.foreign = {
				.ref = ref_of(c, i), .domid = c->from.domid,
			},
			.dest.foreign = {
				.ref = ref_of(c, i + 1), .domid = c->from.domid,
			},
			.len = GRANT_PAGE_SIZE,
			.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref,
			.status = 1,
		};
	return copy_all(c, segments);
}

static int run_export(struct fail_context *c, const struct fail_op *op)
{
	return gntdev_exp_from_refs(c->fd, op->flags, c->from.domid,
				    c->from.refs, c->count, &c->dmabuf);
}

static int run_close_export(struct fail_context *c, const struct fail_op *op)
{
	return close(c->dmabuf) ? -errno : 0;
}

static void close_export(struct fail_context *c)
{
	close(c->dmabuf);
}

static int run_wait(struct fail_context *c, const struct fail_op *op)
{
	int ret = gntdev_exp_wait_released(c->fd, c->dmabuf, 1);

	return ret == -ETIMEDOUT ? 0 : ret;
}

static int run_mmap_dmabuf(struct fail_context *c, const struct fail_op *op)
{
	int ret = map_file(c, c->dmabuf, 0, RW);

	if (ret)
		return ret;
	ret = touch(c);
	if (ret)
		undo_mmap(c);
	return ret;
}

static int map_export(struct fail_context *c, const struct fail_op *op)
{
	int ret = run_export(c, op);

	return ret ? ret : run_mmap_dmabuf(c, op);
}

static int use_export(struct fail_context *c, unsigned long command)
{
	struct mock_access access = {
		.data = (uintptr_t)c->data,
		.fd = c->dmabuf,
	};

	return ioctl(c->mock, command, &access) ? -errno : 0;
}

static int run_attach(struct fail_context *c, const struct fail_op *op)
{
	return use_export(c, MOCK_IOC_ACCESS);
}

static int run_vmap(struct fail_context *c, const struct fail_op *op)
{
	return use_export(c, MOCK_IOC_VMAP);
}

/* A vmap must not fail, so importers attach before: that may. */
static int attach_export(struct fail_context *c, const struct fail_op *op)
{
	int ret = run_export(c, op);

	return ret ? ret : run_attach(c, op);
}

static int begin_import(struct fail_context *c)
{
	c->refs = calloc(c->count, sizeof(*c->refs));
	return c->refs ? dmabuf_pages_alloc(&c->buffer, c->count) : -ENOMEM;
}

static int begin_import_mock(struct fail_context *c)
{
	struct mock_create create = {
		.kind = MOCK_SINGLE,
		.pages = c->count / grants_per_page(),
	};

	c->buffer = (struct dmabuf_pages){ .memfd = -1 };
	c->buffer.dmabuf = ioctl(c->mock, MOCK_IOC_CREATE, &create);
	c->refs = calloc(c->count, sizeof(*c->refs));
	return c->refs && c->buffer.dmabuf >= 0 ? 0 : -errno;
}

static void end_import(struct fail_context *c)
{
	dmabuf_pages_free(&c->buffer);
	free(c->refs);
}

static int run_import(struct fail_context *c, const struct fail_op *op)
{
	return gntdev_imp_to_refs(c->fd, c->buffer.dmabuf, SELF, c->count,
				  c->refs);
}

static int run_release(struct fail_context *c, const struct fail_op *op)
{
	return gntdev_imp_release(c->fd, c->buffer.dmabuf);
}

static void release(struct fail_context *c)
{
	gntdev_imp_release(c->fd, c->buffer.dmabuf);
}

static int begin_handle(struct fail_context *c)
{
	c->eventfd = eventfd(0, EFD_CLOEXEC);
	return c->eventfd < 0 ? -errno : 0;
}

static void end_handle(struct fail_context *c)
{
	close(c->eventfd);
}

static int begin_handle_import(struct fail_context *c)
{
	int ret = begin_import(c);

	return ret ? ret : begin_handle(c);
}

static void end_handle_import(struct fail_context *c)
{
	end_handle(c);
	end_import(c);
}

static int run_handle_export(struct fail_context *c, const struct fail_op *op)
{
	struct gntdev_dmabuf_export export = {
		.size = sizeof(export),
		.flags = op->flags | GNTDEV_DMABUF_EVENTFD,
		.refs = (uintptr_t)c->from.refs,
		.count = c->count,
		.domid = c->from.domid,
		.length = bytes_of(c->count),
		.eventfd = c->eventfd,
	};

	if (ioctl(c->fd, IOCTL_GNTDEV_DMABUF_EXPORT, &export))
		return -errno;
	c->dmabuf = export.fd;
	c->handle = export.handle;
	return 0;
}

static int run_handle_import(struct fail_context *c, const struct fail_op *op)
{
	struct gntdev_dmabuf_import import = {
		.size = sizeof(import),
		.flags = GNTDEV_DMABUF_EVENTFD,
		.fd = c->buffer.dmabuf,
		.domid = SELF,
		.length = bytes_of(c->count),
		.refs = (uintptr_t)c->refs,
		.capacity = c->count,
		.eventfd = c->eventfd,
	};

	if (ioctl(c->fd, IOCTL_GNTDEV_DMABUF_IMPORT, &import))
		return -errno;
	c->handle = import.handle;
	return 0;
}

static int run_handle_release(struct fail_context *c, const struct fail_op *op)
{
	uint32_t left;

	return gntdev_import_release(c->fd, c->handle, &left);
}

static void release_handle(struct fail_context *c)
{
	uint32_t left;

	gntdev_import_release(c->fd, c->handle, &left);
}

static int run_handle_wait(struct fail_context *c, const struct fail_op *op)
{
	uint32_t left;
	int ret = gntdev_wait(c->fd, c->handle, 1, &left);

	return ret == -ETIMEDOUT ? 0 : ret;
}

static int run_query(struct fail_context *c, const struct fail_op *op)
{
	struct gntdev_query query;

	return gntdev_query(c->fd, c->handle, &query);
}

/* A file that ends a range and an import, and leaves an export. */
static int fill_file(struct fail_context *c, const struct fail_op *op)
{
	int ret = run_open(c, op);

	if (!ret)
		ret = gntdev_map(c->file, c->from.domid, c->from.refs,
				 c->count, &c->index);
	if (!ret)
		ret = gntdev_imp_to_refs(c->file, c->buffer.dmabuf, SELF,
					 c->count, c->refs);
	if (!ret)
		ret = gntdev_exp_from_refs(c->file, 0, c->from.domid,
					   c->from.refs, c->count, &c->dmabuf);
	return ret;
}

static int run_close(struct fail_context *c, const struct fail_op *op)
{
	return close(c->file) ? -errno : 0;
}

/* How much of something the driver handles at once; it loops over that. */
#define BATCH		8
#define SEGMENTS	64
#define VMAP_BATCH	16
#define REFS		1024
#define FRAMES_GIVEN	128
#define FRAMES_TAKEN	32
/* The smallest, a few, and one more than a batch. */
#define COUNTS(batch)	{ 1, 3, (batch) + 1 }

#define EXPORT(what, dma_flags)						\
	{ .name = what, .flags = dma_flags, .counts = COUNTS(BATCH),	\
	  .run = run_export, .undo = close_export }
#define HANDLE_EXPORT(what, dma_flags)					\
	{ .name = what, .flags = dma_flags, .counts = COUNTS(BATCH),	\
	  .begin = begin_handle, .end = end_handle,			\
	  .run = run_handle_export, .undo = close_export }
#define CLOSE_EXPORT(what, dma_flags, batch)				\
	{ .name = what, .flags = dma_flags, .counts = COUNTS(batch),	\
	  .setup = run_export, .run = run_close_export }
#define COPY(what, function)						\
	{ .name = what, .counts = COUNTS(SEGMENTS),			\
	  .begin = begin_data, .end = end_data, .run = function }

const struct fail_op fail_ops[OP_COUNT] = {
	[OP_OPEN] = {
		.name = "open", .counts = { 1 }, .run = run_open,
		.undo = close_file,
	},
	[OP_CLOSE] = {
		.name = "close", .counts = COUNTS(BATCH), .begin = begin_import,
		.end = end_import, .setup = fill_file, .run = run_close,
		.cleanup = close_export,
	},
	[OP_MAP] = {
		.name = "MAP", .counts = COUNTS(BATCH), .run = name_range,
		.undo = forget_range,
	},
	[OP_UNMAP] = {
		.name = "UNMAP", .counts = COUNTS(BATCH), .setup = name_range,
		.run = run_unmap,
	},
	[OP_GET_OFFSET] = {
		.name = "GET_OFFSET", .counts = COUNTS(BATCH),
		.setup = map_range, .run = run_get_offset,
		.cleanup = unmap_range,
	},
	[OP_NOTIFY] = {
		.name = "SET_UNMAP_NOTIFY", .counts = COUNTS(BATCH),
		.setup = name_range, .run = run_notify, .undo = undo_notify,
		.cleanup = forget_range,
	},
	[OP_COPY_TO] = COPY("GRANT_COPY to grants", run_copy_to),
	[OP_COPY_FROM] = COPY("GRANT_COPY from grants", run_copy_from),
	[OP_COPY_FOREIGN] = COPY("GRANT_COPY between grants", run_copy_foreign),
	[OP_EXPORT] = EXPORT("EXP_FROM_REFS", 0),
	[OP_EXPORT_WC] = EXPORT("EXP_FROM_REFS WC", GNTDEV_DMA_FLAG_WC),
	[OP_EXPORT_COHERENT] = EXPORT("EXP_FROM_REFS COHERENT",
				      GNTDEV_DMA_FLAG_COHERENT),
	[OP_EXPORT_MANY] = {
		.name = "EXP_FROM_REFS of many", .flags = GNTDEV_DMA_FLAG_WC,
		.counts = { FRAMES_GIVEN + 1 }, .kinds = FAIL_FRAMES,
		.run = run_export, .undo = close_export,
	},
	[OP_CLOSE_EXPORT] = CLOSE_EXPORT("close of an export", 0, BATCH),
	[OP_CLOSE_EXPORT_WC] = CLOSE_EXPORT("close of a WC export",
					    GNTDEV_DMA_FLAG_WC, FRAMES_TAKEN),
	[OP_CLOSE_EXPORT_COHERENT] = CLOSE_EXPORT("close of a COHERENT export",
						  GNTDEV_DMA_FLAG_COHERENT,
						  FRAMES_TAKEN),
	[OP_WAIT_RELEASED] = {
		.name = "EXP_WAIT_RELEASED", .counts = { 1 },
		.setup = run_export, .run = run_wait, .cleanup = close_export,
	},
	[OP_IMPORT] = {
		.name = "IMP_TO_REFS of a udmabuf", .counts = COUNTS(BATCH),
		.begin = begin_import, .end = end_import, .run = run_import,
		.undo = release,
	},
	[OP_IMPORT_MOCK] = {
		.name = "IMP_TO_REFS of the mock exporter",
		.counts = COUNTS(BATCH), .begin = begin_import_mock,
		.end = end_import, .run = run_import, .undo = release,
	},
	[OP_IMPORT_MANY] = {
		.name = "IMP_TO_REFS of many", .counts = { 2 * REFS + 1 },
		.kinds = FAIL_REFS, .begin = begin_import, .end = end_import,
		.run = run_import, .undo = release,
	},
	[OP_RELEASE] = {
		.name = "IMP_RELEASE", .counts = COUNTS(BATCH),
		.begin = begin_import, .end = end_import, .setup = run_import,
		.run = run_release,
	},
	[OP_HANDLE_EXPORT] = HANDLE_EXPORT("EXPORT", 0),
	[OP_HANDLE_EXPORT_WC] = HANDLE_EXPORT("EXPORT WC", GNTDEV_DMA_FLAG_WC),
	[OP_HANDLE_IMPORT] = {
		.name = "IMPORT", .counts = COUNTS(BATCH),
		.begin = begin_handle_import, .end = end_handle_import,
		.run = run_handle_import, .undo = release_handle,
	},
	[OP_HANDLE_RELEASE] = {
		.name = "IMPORT_RELEASE", .counts = COUNTS(BATCH),
		.begin = begin_handle_import, .end = end_handle_import,
		.setup = run_handle_import, .run = run_handle_release,
	},
	[OP_HANDLE_WAIT] = {
		.name = "WAIT", .counts = { 1 }, .begin = begin_handle,
		.end = end_handle, .setup = run_handle_export,
		.run = run_handle_wait, .cleanup = close_export,
	},
	[OP_QUERY] = {
		.name = "QUERY", .counts = { 1 }, .begin = begin_handle,
		.end = end_handle, .setup = run_handle_export,
		.run = run_query, .cleanup = close_export,
	},
	[OP_MMAP] = {
		.name = "mmap", .counts = COUNTS(BATCH), .setup = name_range,
		.run = run_mmap, .undo = undo_mmap, .cleanup = forget_range,
	},
	[OP_MMAP_READ_ONLY] = {
		.name = "mmap for reading", .counts = COUNTS(BATCH),
		.setup = name_range, .run = run_mmap_read_only,
		.undo = undo_mmap, .cleanup = forget_range,
	},
	[OP_MUNMAP] = {
		.name = "munmap", .counts = COUNTS(BATCH), .setup = map_range,
		.run = run_munmap, .cleanup = forget_range,
	},
	[OP_MPROTECT] = {
		.name = "mprotect", .counts = COUNTS(BATCH), .setup = map_range,
		.run = run_mprotect, .cleanup = unmap_range,
	},
	[OP_FAULT] = {
		.name = "page fault", .counts = COUNTS(BATCH), .touches = true,
		.setup = empty_range, .run = run_touch, .cleanup = unmap_range,
	},
	[OP_MMAP_DMABUF] = {
		.name = "mmap of a dma-buf", .counts = COUNTS(BATCH),
		.touches = true, .setup = run_export, .run = run_mmap_dmabuf,
		.undo = undo_mmap, .cleanup = close_export,
	},
	[OP_MUNMAP_DMABUF] = {
		.name = "munmap of a dma-buf", .counts = COUNTS(BATCH),
		.setup = map_export, .run = run_munmap, .cleanup = close_export,
	},
	[OP_ATTACH] = {
		.name = "map_dma_buf", .counts = COUNTS(VMAP_BATCH),
		.begin = begin_data, .end = end_data, .setup = run_export,
		.run = run_attach, .cleanup = close_export, .keeps_vmap = true,
	},
	[OP_VMAP] = {
		.name = "vmap", .counts = COUNTS(VMAP_BATCH),
		.begin = begin_data, .end = end_data, .setup = attach_export,
		.run = run_vmap, .cleanup = close_export,
	},
	[OP_CLOSE_VMAPPED] = {
		.name = "close of a vmapped export",
		.counts = COUNTS(VMAP_BATCH), .begin = begin_data,
		.end = end_data, .setup = attach_export, .run = run_close_export,
	},
};
