// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of dma-bufs exported and imported through an open file.
 *
 * The commands name a buffer by the number its descriptor had. Programs close
 * the descriptor and go on using the number, so several buffers may share one.
 */

#include <linux/module.h>
#include <linux/slab.h>

#include "gntdev-dmabuf.h"

MODULE_IMPORT_NS(DMA_BUF);

/**
 * gntdev_cookie_add - let a number name a buffer
 * @table: locked
 * @xa: the exports or the imports of @table
 * @cookie: of the buffer
 * @fd: the number
 *
 * Return: 0 or -ENOMEM.
 */
int gntdev_cookie_add(struct gntdev_dmabuf_table *table, struct xarray *xa,
		      struct gntdev_cookie *cookie, u32 fd)
{
	struct gntdev_cookie *oldest;
	int ret;

	lockdep_assert_held(&table->lock);
	INIT_LIST_HEAD(&cookie->same);
	cookie->fd = fd;
	oldest = xa_load(xa, fd);
	if (oldest) {
		list_add_tail(&cookie->same, &oldest->same);
	} else {
		ret = xa_err(xa_store(xa, fd, cookie, GFP_KERNEL_ACCOUNT));
		if (ret)
			return ret;
	}
	cookie->seq = ++table->next_seq;
	return 0;
}

/**
 * gntdev_cookie_del - a number does not name a buffer any more
 * @xa: the exports or the imports of a locked table
 * @cookie: of the buffer
 */
void gntdev_cookie_del(struct xarray *xa, struct gntdev_cookie *cookie)
{
	if (list_empty(&cookie->same))
		xa_erase(xa, cookie->fd);
	else if (xa_load(xa, cookie->fd) == cookie)
		/* Replacing an entry needs no memory. */
		xa_store(xa, cookie->fd,
			 list_next_entry(cookie, same), GFP_KERNEL);
	list_del_init(&cookie->same);
}

/**
 * gntdev_dmabufs_get - take a reference to a table
 * @table: that the caller has a reference to
 *
 * Return: @table.
 */
struct gntdev_dmabuf_table *gntdev_dmabufs_get(struct gntdev_dmabuf_table *table)
{
	kref_get(&table->kref);
	return table;
}

static void table_free(struct kref *kref)
{
	struct gntdev_dmabuf_table *table =
		container_of(kref, struct gntdev_dmabuf_table, kref);

	xa_destroy(&table->exports);
	xa_destroy(&table->imports);
	mutex_destroy(&table->lock);
	kfree(table);
}

/**
 * gntdev_dmabufs_put - drop a reference to a table
 * @table: the table
 */
void gntdev_dmabufs_put(struct gntdev_dmabuf_table *table)
{
	kref_put(&table->kref, table_free);
}

/**
 * gntdev_dmabuf_init - get ready for the dma-buf commands
 *
 * Return: 0 or a negative errno.
 */
int gntdev_dmabuf_init(void)
{
	return gntdev_import_init();
}

/**
 * gntdev_dmabuf_exit - undo gntdev_dmabuf_init()
 */
void gntdev_dmabuf_exit(void)
{
	gntdev_import_exit();
}

/**
 * gntdev_dmabufs_init - prepare a new open file
 * @file: the open file
 *
 * Return: 0 or -ENOMEM.
 */
int gntdev_dmabufs_init(struct gntdev_file *file)
{
	struct gntdev_dmabuf_table *table;

	table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;
	kref_init(&table->kref);
	mutex_init(&table->lock);
	xa_init_flags(&table->exports, XA_FLAGS_ACCOUNT);
	xa_init_flags(&table->imports, XA_FLAGS_ACCOUNT);
	init_waitqueue_head(&table->released);
	file->dmabufs = table;
	return 0;
}

/**
 * gntdev_dmabufs_release - end what belongs to an open file
 * @file: the open file, which nothing uses any more
 *
 * Imports are released. Exported dma-bufs live as long as their descriptors.
 */
void gntdev_dmabufs_release(struct gntdev_file *file)
{
	gntdev_imports_release(file->dmabufs);
	gntdev_dmabufs_put(file->dmabufs);
}
