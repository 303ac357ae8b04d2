/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the dma-buf commands share.
 */
#ifndef _XEN_GNTDEV_DMABUF_H
#define _XEN_GNTDEV_DMABUF_H

#include <linux/dma-buf.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "gntdev-common.h"

/**
 * struct gntdev_cookie - a buffer, as the number of a descriptor names it
 * @fd: the number, at the time of export or import
 * @seq: position in time
 * @same: the buffers of that number, the oldest first
 */
struct gntdev_cookie {
	u32 fd;
	u64 seq;
	struct list_head same;
};

/**
 * struct gntdev_dmabuf_table - exports and imports made through an open file
 * @kref: the open file, and every export that is not released yet
 * @lock: protects the cookies
 * @exports: the oldest export of each number
 * @imports: the oldest import of each number
 * @next_seq: for gntdev_cookie.seq
 * @wakeups: how often an export was released
 * @released: woken when one is
 */
struct gntdev_dmabuf_table {
	struct kref kref;
	struct mutex lock;	/* of both sets of cookies */
	struct xarray exports;
	struct xarray imports;
	u64 next_seq;
	unsigned int wakeups;
	wait_queue_head_t released;
};

/* gntdev-dmabuf.c */
struct gntdev_dmabuf_table *gntdev_dmabufs_get(struct gntdev_dmabuf_table *table);
void gntdev_dmabufs_put(struct gntdev_dmabuf_table *table);
int gntdev_cookie_add(struct gntdev_dmabuf_table *table, struct xarray *xa,
		      struct gntdev_cookie *cookie, u32 fd);
void gntdev_cookie_del(struct xarray *xa, struct gntdev_cookie *cookie);

/* gntdev-dmabuf-export.c */
extern const struct dma_buf_ops gntdev_export_ops;

/* gntdev-dmabuf-frames.c */
int gntdev_sgt_to_frames(struct sg_table *sgt, unsigned int count,
			 xen_pfn_t *frames);

/* gntdev-dmabuf-import.c */
unsigned int gntdev_end_grants(grant_ref_t *refs, unsigned int count);
int gntdev_import_init(void);
void gntdev_import_exit(void);
void gntdev_imports_release(struct gntdev_dmabuf_table *table);

#endif /* _XEN_GNTDEV_DMABUF_H */
