/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is made to fail: every command, and whatever else user space and other
 * drivers can have this one do.
 */
#ifndef XEN_GNTDEV_FAIL_OPS_H
#define XEN_GNTDEV_FAIL_OPS_H

#include <stdint.h>

#include "granter.h"

/* What the driver with hooks can be told to fail, as enum gntdev_fail says. */
#define FAIL_MAP	0x01
#define FAIL_COPY	0x02
#define FAIL_REFS	0x04
#define FAIL_FRAMES	0x08
#define FAIL_PAGES	0x10
#define FAIL_FLUSH	0x20
#define FAIL_BUSY	0x40
#define FAIL_UNMAP	0x80

/* A command succeeded, but a part of it has a status of its own. */
#define PART_FAILED	(-EREMOTEIO)

/* The largest number of grants that operations ask for. */
#define FAIL_GRANTS	129u

/**
 * struct fail_context - what operations work on
 * @fd:		open file of the driver
 * @mock:	open file of the test module
 * @sink:	a file for bytes that nobody wants
 * @port:	an event channel of this process
 * @from:	granted pages, FAIL_GRANTS or a few more
 * @count:	number of grants or segments
 * @file:	another open file of the driver
 * @dmabuf:	exported
 * @index:	of a named range
 * @mem:	where it, or @dmabuf, is mapped
 * @data:	memory for @count pages and one more
 * @buffer:	to import
 * @refs:	references of @buffer, once imported
 * @eventfd:	for commands that know handles
 * @handle:	of what they made
 */
struct fail_context {
	int fd;
	int mock;
	int sink;
	uint32_t port;
	struct granter from;
	uint32_t count;
	int file;
	int dmabuf;
	uint64_t index;
	char *mem;
	char *data;
	struct dmabuf_pages buffer;
	uint32_t *refs;
	int eventfd;
	uint64_t handle;
};

/**
 * struct fail_op - an operation
 * @name:	for people
 * @flags:	GNTDEV_DMA_FLAG_* of exports
 * @kinds:	which elements it consists of; 0: whatever there is
 * @counts:	numbers of grants, or segments, to try; ended by 0
 * @touches:	an error shows as EFAULT, because a page fault meets it
 * @keeps_vmap:	if it fails late, the buffer may keep addresses for the kernel, made
 *		once, until its end
 * @begin:	once before anything, and @end after all; may be NULL
 * @setup:	before each try of @run, and @cleanup after it; may be NULL
 * @run:	the operation: 0 or a negative errno
 * @undo:	after @run succeeded; may be NULL
 */
struct fail_op {
	const char *name;
	uint32_t flags;
	unsigned int kinds;
	uint32_t counts[4];
	bool touches;
	bool keeps_vmap;
	int (*begin)(struct fail_context *c);
	void (*end)(struct fail_context *c);
	int (*setup)(struct fail_context *c, const struct fail_op *op);
	int (*run)(struct fail_context *c, const struct fail_op *op);
	void (*undo)(struct fail_context *c);
	void (*cleanup)(struct fail_context *c);
};

enum fail_op_number {
	OP_OPEN, OP_CLOSE, OP_MAP, OP_UNMAP, OP_GET_OFFSET, OP_NOTIFY,
	OP_COPY_TO, OP_COPY_FROM, OP_COPY_FOREIGN,
	OP_EXPORT, OP_EXPORT_WC, OP_EXPORT_COHERENT, OP_EXPORT_MANY,
	OP_CLOSE_EXPORT, OP_CLOSE_EXPORT_WC, OP_CLOSE_EXPORT_COHERENT,
	OP_WAIT_RELEASED,
	OP_IMPORT, OP_IMPORT_MOCK, OP_IMPORT_MANY, OP_RELEASE,
	OP_HANDLE_EXPORT, OP_HANDLE_EXPORT_WC, OP_HANDLE_IMPORT,
	OP_HANDLE_RELEASE, OP_HANDLE_WAIT, OP_QUERY,
	OP_MMAP, OP_MMAP_READ_ONLY, OP_MUNMAP, OP_MPROTECT, OP_FAULT,
	OP_MMAP_DMABUF, OP_MUNMAP_DMABUF,
	OP_ATTACH, OP_VMAP, OP_CLOSE_VMAPPED,
	OP_COUNT,
};

extern const struct fail_op fail_ops[OP_COUNT];

#endif /* XEN_GNTDEV_FAIL_OPS_H */
