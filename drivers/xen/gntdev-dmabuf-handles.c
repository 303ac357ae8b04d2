// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dma-buf commands that know a buffer by its handle.
 *
 * What a command tells is in user memory before anything can be found, and
 * nothing fails after that.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/build_bug.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/math.h>
#include <linux/printk.h>
#include <linux/uaccess.h>

#include <trace/events/gntdev.h>

#include "gntdev-dmabuf.h"

/* These are the first versions, without room that is not spoken for. */
static_assert(offsetofend(struct gntdev_dmabuf_export, handle) == 56);
static_assert(sizeof(struct gntdev_dmabuf_export) == 56);
static_assert(offsetofend(struct gntdev_dmabuf_import, handle) == 64);
static_assert(sizeof(struct gntdev_dmabuf_import) == 64);
static_assert(offsetofend(struct gntdev_dmabuf_import_release, pad) == 24);
static_assert(sizeof(struct gntdev_dmabuf_import_release) == 24);
static_assert(offsetofend(struct gntdev_dmabuf_wait, pad) == 32);
static_assert(sizeof(struct gntdev_dmabuf_wait) == 32);

#define DMA_FLAGS	(GNTDEV_DMA_FLAG_WC | GNTDEV_DMA_FLAG_COHERENT)
#define IMPORT_FLAGS	(GNTDEV_DMABUF_READONLY | GNTDEV_DMABUF_EVENTFD)
#define EXPORT_FLAGS	(DMA_FLAGS | IMPORT_FLAGS)

static struct eventfd_ctx *get_eventfd(u32 flags, s32 fd)
{
	if (flags & GNTDEV_DMABUF_EVENTFD)
		return eventfd_ctx_fdget(fd);
	return fd ? ERR_PTR(-EINVAL) : NULL;
}

static void put_eventfd(struct eventfd_ctx *eventfd)
{
	if (eventfd)
		eventfd_ctx_put(eventfd);
}

/* The buffer takes over the reference to @eventfd. */
static void publish(struct gntdev_buffer *buf, struct eventfd_ctx *eventfd)
{
	mutex_lock(&buf->table->lock);
	buf->eventfd = eventfd;
	gntdev_buffer_add(buf);
	mutex_unlock(&buf->table->lock);
}

static int check_export(const struct gntdev_dmabuf_export *op)
{
	u64 size = (u64)op->count << XEN_PAGE_SHIFT;
	int ret;

	if ((op->flags & ~EXPORT_FLAGS) || op->pad ||
	    (op->flags & DMA_FLAGS) == DMA_FLAGS)
		return -EINVAL;
	ret = gntdev_export_check_count(op->count, op->domid);
	if (!ret)
		ret = gntdev_may_map(op->domid);
	if (ret)
		return ret;
	if (op->offset >= XEN_PAGE_SIZE || !op->length ||
	    op->length > size - op->offset)
		return -EINVAL;
	/* A page without data is not meant to be shared. */
	return op->offset + op->length > size - PAGE_SIZE ? 0 : -EINVAL;
}

static struct dma_buf *create_export(struct gntdev_file *file,
				     const struct gntdev_dmabuf_export *op)
{
	struct gntdev_refs *refs;
	struct dma_buf *dmabuf;

	refs = gntdev_export_refs(u64_to_user_ptr(op->refs), op->count,
				  op->domid);
	if (IS_ERR(refs))
		return ERR_CAST(refs);
	dmabuf = gntdev_export_create(file->dmabufs, refs,
				      op->flags & GNTDEV_DMABUF_READONLY,
				      op->flags & DMA_FLAGS);
	gntdev_refs_put(refs);
	return dmabuf;
}

static int install_export(struct dma_buf *dmabuf, struct eventfd_ctx *eventfd,
			  struct gntdev_dmabuf_export *op, void __user *arg)
{
	struct gntdev_buffer *buf = gntdev_export_buffer(dmabuf);
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	op->fd = fd;
	op->handle = buf->handle;
	if (copy_to_user(arg, op, sizeof(*op))) {
		put_unused_fd(fd);
		return -EFAULT;
	}
	buf->offset = op->offset;
	buf->length = op->length;
	publish(buf, eventfd);
	fd_install(fd, dmabuf->file);
	return 0;
}

/**
 * gntdev_ioctl_export - IOCTL_GNTDEV_DMABUF_EXPORT
 * @file: the open file
 * @arg: struct gntdev_dmabuf_export
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_export(struct gntdev_file *file, void __user *arg)
{
	struct gntdev_dmabuf_export op;
	struct eventfd_ctx *eventfd;
	struct dma_buf *dmabuf;
	int ret;

	ret = gntdev_op_read(&op, sizeof(op), arg);
	if (!ret)
		ret = check_export(&op);
	if (ret)
		return ret;
	eventfd = get_eventfd(op.flags, op.eventfd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	dmabuf = create_export(file, &op);
	if (IS_ERR(dmabuf)) {
		put_eventfd(eventfd);
		return PTR_ERR(dmabuf);
	}
	ret = install_export(dmabuf, eventfd, &op, arg);
	if (ret) {
		put_eventfd(eventfd);
		dma_buf_put(dmabuf);
	}
	return ret;
}

static int check_import(const struct gntdev_dmabuf_import *op)
{
	if ((op->flags & ~IMPORT_FLAGS) || !gntdev_domid_valid(op->domid))
		return -EINVAL;
	return op->length ? 0 : -EINVAL;
}

/* Which frames of the buffer the range of bytes touches. */
static int find_range(const struct dma_buf *dmabuf,
		      const struct gntdev_dmabuf_import *op,
		      struct gntdev_import_range *range)
{
	u64 frames;

	if (op->offset > dmabuf->size || op->length > dmabuf->size - op->offset)
		return -EINVAL;
	frames = DIV_ROUND_UP_ULL(op->offset % XEN_PAGE_SIZE + op->length,
				  XEN_PAGE_SIZE);
	if (frames > gntdev_limit() || !IS_ALIGNED(dmabuf->size, PAGE_SIZE))
		return -EINVAL;
	if (dmabuf->size >> XEN_PAGE_SHIFT > GNTDEV_COUNT_MAX) {
		pr_debug_ratelimited("a buffer of %zu bytes is too large\n",
				     dmabuf->size);
		trace_gntdev_refused(GNTDEV_REASON_SIZE, op->domid,
				     dmabuf->size, -EOPNOTSUPP);
		return -EOPNOTSUPP;
	}
	range->first = op->offset >> XEN_PAGE_SHIFT;
	range->count = frames;
	return 0;
}

static int check_room(const struct gntdev_dmabuf_import *op,
		      unsigned int count,
		      struct gntdev_dmabuf_import __user *user)
{
	if (op->capacity >= count)
		return 0;
	return put_user(count, &user->count) ? -EFAULT : -EINVAL;
}

static struct gntdev_import *create_import(struct gntdev_file *file,
					   const struct gntdev_dmabuf_import *op,
					   struct gntdev_dmabuf_import __user *user)
{
	struct gntdev_import_range range = {
		.domid = op->domid,
		.readonly = op->flags & GNTDEV_DMABUF_READONLY,
	};
	struct dma_buf *dmabuf;
	int ret;

	dmabuf = gntdev_import_get(op->fd, op->domid, range.readonly);
	if (IS_ERR(dmabuf))
		return ERR_CAST(dmabuf);
	ret = find_range(dmabuf, op, &range);
	if (!ret)
		ret = check_room(op, range.count, user);
	if (ret) {
		dma_buf_put(dmabuf);
		return ERR_PTR(ret);
	}
	return gntdev_import_create(file->dmabufs, dmabuf, &range);
}

static int install_import(struct gntdev_import *imp,
			  struct eventfd_ctx *eventfd,
			  struct gntdev_dmabuf_import *op, void __user *arg)
{
	struct gntdev_buffer *buf = &imp->buffer;

	op->count = buf->count;
	op->data_offset = op->offset % XEN_PAGE_SIZE;
	op->handle = buf->handle;
	if (copy_to_user(u64_to_user_ptr(op->refs), imp->refs,
			 array_size(buf->count, sizeof(imp->refs[0]))) ||
	    copy_to_user(arg, op, sizeof(*op)))
		return -EFAULT;
	buf->offset = op->data_offset;
	buf->length = op->length;
	publish(buf, eventfd);
	return 0;
}

/**
 * gntdev_ioctl_import - IOCTL_GNTDEV_DMABUF_IMPORT
 * @file: the open file
 * @arg: struct gntdev_dmabuf_import
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_import(struct gntdev_file *file, void __user *arg)
{
	struct gntdev_dmabuf_import op;
	struct eventfd_ctx *eventfd;
	struct gntdev_import *imp;
	int ret;

	ret = gntdev_op_read(&op, sizeof(op), arg);
	if (!ret)
		ret = check_import(&op);
	if (ret)
		return ret;
	eventfd = get_eventfd(op.flags, op.eventfd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	imp = create_import(file, &op, arg);
	if (IS_ERR(imp)) {
		put_eventfd(eventfd);
		return PTR_ERR(imp);
	}
	ret = install_import(imp, eventfd, &op, arg);
	if (ret) {
		put_eventfd(eventfd);
		gntdev_import_release(imp);
	}
	return ret;
}

/* How much is left of what a handle names, or -ENOENT. */
static int count_left(struct gntdev_dmabuf_table *table, u64 handle, u32 *left)
{
	struct gntdev_buffer *buf;

	mutex_lock(&table->lock);
	buf = gntdev_buffer_find(table, handle);
	*left = buf ? gntdev_buffer_left(buf) : 0;
	mutex_unlock(&table->lock);
	return buf ? 0 : -ENOENT;
}

/* Only one caller gets the import. */
static struct gntdev_import *take_import(struct gntdev_dmabuf_table *table,
					 u64 handle)
{
	struct gntdev_buffer *buf;
	int ret = 0;

	mutex_lock(&table->lock);
	buf = gntdev_buffer_find(table, handle);
	if (!buf)
		ret = -ENOENT;
	else if (!buf->import)
		ret = -EINVAL;
	else if (buf->released)
		ret = -EBUSY;
	else
		gntdev_buffer_release(buf);
	mutex_unlock(&table->lock);
	return ret ? ERR_PTR(ret) : gntdev_import_of(buf);
}

/**
 * gntdev_ioctl_import_release - IOCTL_GNTDEV_DMABUF_IMPORT_RELEASE
 * @file: the open file
 * @arg: struct gntdev_dmabuf_import_release
 *
 * That the result can be stored is tried before anything happens: a grant that
 * has ended does not come back. If it cannot be any more behind that, which
 * takes a caller that unmaps it meanwhile, what was stored is what there was.
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_import_release(struct gntdev_file *file, void __user *arg)
{
	struct gntdev_dmabuf_import_release __user *user = arg;
	struct gntdev_dmabuf_import_release op;
	struct gntdev_import *imp;
	int ret;

	ret = gntdev_op_read(&op, sizeof(op), arg);
	if (ret)
		return ret;
	if (op.flags || op.pad)
		return -EINVAL;
	ret = count_left(file->dmabufs, op.handle, &op.left);
	if (ret)
		return ret;
	if (put_user(op.left, &user->left))
		return -EFAULT;
	imp = take_import(file->dmabufs, op.handle);
	if (IS_ERR(imp))
		return PTR_ERR(imp);
	gntdev_import_release(imp);
	count_left(file->dmabufs, op.handle, &op.left);
	put_user(op.left, &user->left);
	return 0;
}

static bool handle_over(struct gntdev_dmabuf_table *table, const void *what)
{
	const u64 *handle = what;

	return !gntdev_buffer_find(table, *handle);
}

/* The call may be repeated after a signal, so it takes note of the time. */
static int wait_for_handle(struct gntdev_dmabuf_table *table,
			   struct gntdev_dmabuf_wait *op)
{
	bool for_ever = op->timeout_ns >= KTIME_MAX;
	ktime_t timeout = for_ever ? KTIME_MAX : op->timeout_ns;
	ktime_t start = ktime_get();
	ktime_t spent;
	int ret;

	ret = gntdev_dmabufs_wait(table, handle_over, &op->handle, timeout);
	spent = ktime_sub(ktime_get(), start);
	if (!for_ever)
		op->timeout_ns = max(ktime_sub(timeout, spent), 0);
	/* It may be over since. */
	return count_left(table, op->handle, &op->left) ? 0 : ret;
}

/**
 * gntdev_ioctl_wait - IOCTL_GNTDEV_DMABUF_WAIT
 * @file: the open file
 * @arg: struct gntdev_dmabuf_wait
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_wait(struct gntdev_file *file, void __user *arg)
{
	struct gntdev_dmabuf_wait op;
	int ret;

	ret = gntdev_op_read(&op, sizeof(op), arg);
	if (ret)
		return ret;
	if (op.flags || op.pad)
		return -EINVAL;
	ret = count_left(file->dmabufs, op.handle, &op.left);
	if (ret)
		return ret;
	ret = wait_for_handle(file->dmabufs, &op);
	if (copy_to_user(arg, &op, sizeof(op)))
		return -EFAULT;
	return ret;
}
