/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the dma-buf commands share.
 */
#ifndef _XEN_GNTDEV_DMABUF_H
#define _XEN_GNTDEV_DMABUF_H

#include <linux/dma-buf.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/wait.h>

#include "gntdev-common.h"

struct eventfd_ctx;

/**
 * struct gntdev_dmabuf_table - exports and imports made through an open file
 * @kref: the open file, and every export and import until it is over
 * @lock: protects the handles, the cookies and the state of what they name
 * @buffers: gntdev_buffer by handle
 * @exports: gntdev_cookie of exports, by number and position in time
 * @imports: the same of imports
 * @next_seq: for gntdev_cookie.seq
 * @wakeups: how often an export or an import was over
 * @over: woken when one is
 */
struct gntdev_dmabuf_table {
	struct kref kref;
	struct mutex lock;	/* of all names, and what they name */
	struct rb_root buffers;
	struct rb_root exports;
	struct rb_root imports;
	u64 next_seq;
	unsigned int wakeups;
	wait_queue_head_t over;
};

/**
 * struct gntdev_cookie - a buffer, as the number of a descriptor names it
 * @node: in gntdev_dmabuf_table.exports or imports, if a number names the buffer
 * @fd: the number, at the time of export or import
 * @seq: position in time; 0 if no number names the buffer
 */
struct gntdev_cookie {
	struct rb_node node;
	u32 fd;
	u64 seq;
};

/**
 * struct gntdev_buffer - what exports and imports have in common
 * @node: in gntdev_dmabuf_table.buffers, from publishing until it is over
 * @handle: names it, and nothing else ever
 * @table: where it is; a reference is held
 * @cookie: names it for the commands that know numbers of descriptors
 * @eventfd: signalled when it is over; NULL if nobody asked; a reference is held
 * @import: it is an import
 * @readonly: shared for reading only
 * @released: nobody uses it any more, but some pages may still be reachable
 * @domid: the other domain
 * @count: number of grants
 * @offset: of the data in the first frame, in bytes
 * @length: of the data, in bytes
 */
struct gntdev_buffer {
	struct rb_node node;
	u64 handle;
	struct gntdev_dmabuf_table *table;
	struct gntdev_cookie cookie;
	struct eventfd_ctx *eventfd;
	bool import;
	bool readonly;
	bool released;
	domid_t domid;
	unsigned int count;
	unsigned int offset;
	u64 length;
};

/**
 * gntdev_append - add to a tree what is nearly always behind all that it has
 * @node: to be added, behind its equals
 * @tree: the tree; locked
 * @less: its order
 *
 * Handles grow, and so do numbers of descriptors while there are more of them.
 */
static inline void gntdev_append(struct rb_node *node, struct rb_root *tree,
				 bool (*less)(struct rb_node *a,
					      const struct rb_node *b))
{
	struct rb_node *last = rb_last(tree);

	if (!last || less(node, last)) {
		rb_add(node, tree, less);
		return;
	}
	rb_link_node(node, last, &last->rb_right);
	rb_insert_color(node, tree);
}

/**
 * struct gntdev_import - an imported dma-buf
 * @buffer: what it has in common with exports
 * @dmabuf: the buffer; a reference is held
 * @attach: attachment of the importing device
 * @sgt: where the pages are
 * @left: number of @refs that are not ended yet
 * @refs: the grants
 * @retry: ends the grants that the other domain still maps
 *
 * Between import and release the table owns it, afterwards @retry.
 */
struct gntdev_import {
	struct gntdev_buffer buffer;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	unsigned int left;
	grant_ref_t *refs;
	struct gntdev_retry retry;
};

/**
 * struct gntdev_import_range - what of a dma-buf to grant, and how
 * @domid: who may map it
 * @readonly: for reading only
 * @first: its first frame
 * @count: number of frames
 */
struct gntdev_import_range {
	domid_t domid;
	bool readonly;
	unsigned int first;
	unsigned int count;
};

/* gntdev-dmabuf.c */
void gntdev_dmabufs_put(struct gntdev_dmabuf_table *table);
void gntdev_buffer_init(struct gntdev_buffer *buf,
			struct gntdev_dmabuf_table *table);
void gntdev_buffer_fini(struct gntdev_buffer *buf);
void gntdev_buffer_add(struct gntdev_buffer *buf);
void gntdev_buffer_release(struct gntdev_buffer *buf);
void gntdev_buffer_over(struct gntdev_buffer *buf);
struct gntdev_buffer *gntdev_buffer_find(struct gntdev_dmabuf_table *table,
					 u64 handle);
unsigned int gntdev_buffer_left(struct gntdev_buffer *buf);
int gntdev_dmabufs_wait(struct gntdev_dmabuf_table *table,
			bool (*over)(struct gntdev_dmabuf_table *table,
				     const void *what),
			const void *what, ktime_t timeout);

/* gntdev-dmabuf-cookies.c */
struct gntdev_cookie *gntdev_cookie_oldest(const struct rb_root *cookies,
					   u32 fd);
void gntdev_cookie_add(struct gntdev_buffer *buf, u32 fd);
void gntdev_cookie_forget(struct gntdev_buffer *buf);

/* gntdev-dmabuf-export.c */
extern const struct dma_buf_ops gntdev_export_ops;
int gntdev_export_check_count(u32 count, u32 domid);
struct gntdev_refs *gntdev_export_refs(u32 __user *user, u32 count,
				       domid_t domid);
struct dma_buf *gntdev_export_create(struct gntdev_dmabuf_table *table,
				     struct gntdev_refs *refs, bool readonly,
				     u32 dma_flags);
int gntdev_export_table(const struct gntdev_mode *mode, struct page **pages,
			unsigned int count, unsigned int limit,
			struct sg_table *sgt);
struct gntdev_buffer *gntdev_export_buffer(struct dma_buf *dmabuf);
unsigned int gntdev_export_left(struct gntdev_buffer *buf);

/* gntdev-dmabuf-frames.c */
int gntdev_sgt_to_frames(struct sg_table *sgt, unsigned int count,
			 xen_pfn_t *frames);

/* gntdev-dmabuf-import.c */
unsigned int gntdev_end_grants(grant_ref_t *refs, unsigned int count);
int gntdev_import_init(void);
void gntdev_import_exit(void);
struct dma_buf *gntdev_import_get(int fd, u32 domid, bool readonly);
struct gntdev_import *gntdev_import_create(struct gntdev_dmabuf_table *table,
					   struct dma_buf *dmabuf,
					   const struct gntdev_import_range *range);
void gntdev_import_release(struct gntdev_import *imp);

static inline struct gntdev_import *gntdev_import_of(struct gntdev_buffer *buf)
{
	return container_of(buf, struct gntdev_import, buffer);
}

#endif /* _XEN_GNTDEV_DMABUF_H */
