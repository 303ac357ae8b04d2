// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of dma-bufs exported and imported through an open file.
 *
 * Each has a handle, from when it is whole until the last grant is unmapped or
 * ended. Whoever waits holds no reference: that the handle is gone is what is
 * waited for.
 */

#include <linux/atomic.h>
#include <linux/eventfd.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <trace/events/gntdev.h>

#include "gntdev-dmabuf.h"

MODULE_IMPORT_NS(DMA_BUF);

/* The same for all open files, so that no file knows a handle of another one. */
static atomic64_t last_handle = ATOMIC64_INIT(0);

static void table_free(struct kref *kref)
{
	struct gntdev_dmabuf_table *table =
		container_of(kref, struct gntdev_dmabuf_table, kref);

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
 * gntdev_buffer_init - start an export or an import, which nothing can find yet
 * @buf: zeroed
 * @table: of the open file; a reference is taken
 */
void gntdev_buffer_init(struct gntdev_buffer *buf,
			struct gntdev_dmabuf_table *table)
{
	kref_get(&table->kref);
	buf->table = table;
	buf->handle = atomic64_inc_return(&last_handle);
	RB_CLEAR_NODE(&buf->node);
}

/**
 * gntdev_buffer_fini - end an export or an import, which nothing can find
 * @buf: its reference to the table goes
 */
void gntdev_buffer_fini(struct gntdev_buffer *buf)
{
	gntdev_dmabufs_put(buf->table);
}

static bool handle_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct gntdev_buffer, node)->handle <
	       rb_entry(b, struct gntdev_buffer, node)->handle;
}

/**
 * gntdev_buffer_add - let its handle name a buffer
 * @buf: whole; its table is locked
 *
 * Cannot fail, so it can be the last step before a descriptor is installed.
 */
void gntdev_buffer_add(struct gntdev_buffer *buf)
{
	lockdep_assert_held(&buf->table->lock);
	gntdev_append(&buf->node, &buf->table->buffers, handle_less);
	if (buf->import)
		trace_gntdev_import(buf->handle, buf->domid, buf->count, true);
	else
		trace_gntdev_export(buf->handle, buf->domid, buf->count, false);
}

/**
 * gntdev_buffer_release - its user is done with a buffer
 * @buf: its table is locked
 *
 * The number of an import can be used for the next one. That of an export can
 * still be waited for.
 */
void gntdev_buffer_release(struct gntdev_buffer *buf)
{
	lockdep_assert_held(&buf->table->lock);
	buf->released = true;
	if (!RB_EMPTY_NODE(&buf->node))
		trace_gntdev_release(buf->handle, buf->domid, buf->count,
				     buf->import);
	if (buf->import)
		gntdev_cookie_forget(buf);
}

/**
 * gntdev_buffer_over - the last grant is unmapped or ended
 * @buf: whose names go; it may never have been added
 */
void gntdev_buffer_over(struct gntdev_buffer *buf)
{
	struct gntdev_dmabuf_table *table = buf->table;

	mutex_lock(&table->lock);
	gntdev_cookie_forget(buf);
	if (!RB_EMPTY_NODE(&buf->node)) {
		rb_erase(&buf->node, &table->buffers);
		trace_gntdev_over(buf->handle, buf->domid, buf->count,
				  buf->import);
	}
	WRITE_ONCE(table->wakeups, table->wakeups + 1);
	wake_up_all(&table->over);
	mutex_unlock(&table->lock);
	if (buf->eventfd) {
		eventfd_signal(buf->eventfd);
		eventfd_ctx_put(buf->eventfd);
	}
}

static struct rb_node *first_from(struct gntdev_dmabuf_table *table, u64 handle)
{
	struct rb_node *node = table->buffers.rb_node;
	struct rb_node *found = NULL;

	while (node) {
		if (rb_entry(node, struct gntdev_buffer, node)->handle >= handle) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * gntdev_buffer_find - what a handle names
 * @table: locked
 * @handle: as user space gave it
 *
 * Return: an export or an import that is not over, or NULL.
 */
struct gntdev_buffer *gntdev_buffer_find(struct gntdev_dmabuf_table *table,
					 u64 handle)
{
	struct rb_node *node = handle ? first_from(table, handle) : NULL;
	struct gntdev_buffer *buf;

	lockdep_assert_held(&table->lock);
	if (!node)
		return NULL;
	buf = rb_entry(node, struct gntdev_buffer, node);
	return buf->handle == handle ? buf : NULL;
}

/**
 * gntdev_buffer_left - how many grants are not unmapped, or ended, yet
 * @buf: not over; its table is locked
 *
 * Return: their number.
 */
unsigned int gntdev_buffer_left(struct gntdev_buffer *buf)
{
	return buf->import ? READ_ONCE(gntdev_import_of(buf)->left) :
			     gntdev_export_left(buf);
}

static void add_to_totals(struct gntdev_buffer *buf, struct gntdev_query *op)
{
	if (buf->import) {
		op->imports++;
		op->imports_grants += buf->count;
	} else {
		op->exports++;
		op->exports_grants += buf->count;
	}
	if (buf->released)
		op->pending_grants += gntdev_buffer_left(buf);
}

static void describe(struct gntdev_buffer *buf, struct gntdev_query *op)
{
	if (buf->import)
		op->state |= GNTDEV_STATE_IMPORT;
	if (buf->readonly)
		op->state |= GNTDEV_STATE_READONLY;
	if (buf->released)
		op->state |= GNTDEV_STATE_RELEASED;
	op->domid = buf->domid;
	op->count = buf->count;
	op->left = gntdev_buffer_left(buf);
	op->offset = buf->offset;
	op->length = buf->length;
}

/**
 * gntdev_dmabufs_query - count exports and imports, and describe one of them
 * @file: the open file
 * @op: has the handle, if any; gets the answer
 *
 * Return: 0, or -ENOENT if there is no such handle.
 */
int gntdev_dmabufs_query(struct gntdev_file *file, struct gntdev_query *op)
{
	struct gntdev_dmabuf_table *table = file->dmabufs;
	struct gntdev_buffer *buf;
	struct rb_node *node;
	int ret = 0;

	mutex_lock(&table->lock);
	for (node = rb_first(&table->buffers); node; node = rb_next(node))
		add_to_totals(rb_entry(node, struct gntdev_buffer, node), op);
	buf = gntdev_buffer_find(table, op->handle);
	if (buf)
		describe(buf, op);
	else if (op->handle)
		ret = -ENOENT;
	mutex_unlock(&table->lock);
	return ret;
}

/**
 * gntdev_dmabufs_wait - wait for something to be over
 * @table: of an open file
 * @over: asks whether it is, with @table locked
 * @what: for @over
 * @timeout: how long to wait; KTIME_MAX for ever
 *
 * The state is looked at between two sleeps, because that takes a mutex. The
 * time is that of the clock: ticks may be few and late. Any number may wait,
 * and each can be interrupted.
 *
 * Return: 0, -ETIMEDOUT or -ERESTARTSYS.
 */
int gntdev_dmabufs_wait(struct gntdev_dmabuf_table *table,
			bool (*over)(struct gntdev_dmabuf_table *table,
				     const void *what),
			const void *what, ktime_t timeout)
{
	ktime_t end = ktime_add_safe(ktime_get(), timeout);
	unsigned int *wakeups = &table->wakeups;
	unsigned int seen;
	ktime_t left;
	int ret;

	do {
		seen = READ_ONCE(*wakeups);
		mutex_lock(&table->lock);
		ret = over(table, what);
		mutex_unlock(&table->lock);
		if (ret)
			return 0;
		left = ktime_sub(end, ktime_get());
		if (left <= 0)
			return -ETIMEDOUT;
		ret = wait_event_interruptible_hrtimeout(table->over,
							 READ_ONCE(*wakeups) != seen,
							 left);
	} while (!ret || ret == -ETIME);
	return ret;
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
	table->buffers = RB_ROOT;
	table->exports = RB_ROOT;
	table->imports = RB_ROOT;
	init_waitqueue_head(&table->over);
	file->dmabufs = table;
	return 0;
}

/* The import that is not released yet and has the lowest handle. */
static struct gntdev_import *next_import(struct gntdev_dmabuf_table *table,
					 u64 from)
{
	struct rb_node *node;

	lockdep_assert_held(&table->lock);
	for (node = first_from(table, from); node; node = rb_next(node)) {
		struct gntdev_buffer *buf = rb_entry(node, struct gntdev_buffer,
						     node);

		if (buf->import && !buf->released)
			return gntdev_import_of(buf);
	}
	return NULL;
}

static void release_imports(struct gntdev_dmabuf_table *table)
{
	struct gntdev_import *imp;
	u64 handle = 0;

	for (;;) {
		mutex_lock(&table->lock);
		imp = next_import(table, handle);
		if (imp)
			gntdev_buffer_release(&imp->buffer);
		mutex_unlock(&table->lock);
		if (!imp)
			return;
		handle = imp->buffer.handle + 1;
		gntdev_import_release(imp);
	}
}

/**
 * gntdev_dmabufs_release - end what belongs to an open file
 * @file: the open file, which nothing uses any more
 *
 * Imports are released. Exported dma-bufs live as long as their descriptors.
 */
void gntdev_dmabufs_release(struct gntdev_file *file)
{
	release_imports(file->dmabufs);
	gntdev_dmabufs_put(file->dmabufs);
}
