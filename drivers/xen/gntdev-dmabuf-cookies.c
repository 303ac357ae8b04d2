// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dma-buf commands that know a buffer by the number of its descriptor.
 *
 * Programs close the descriptor and go on using the number, so several buffers
 * may share one. Everything else about a buffer is as for those with handles.
 */

#include <linux/file.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "gntdev-dmabuf.h"

/* The exports of a number up to a position in time. */
struct wait_cookie {
	u32 fd;
	u64 seq;
};

static struct rb_root *cookies_of(struct gntdev_buffer *buf)
{
	return buf->import ? &buf->table->imports : &buf->table->exports;
}

static struct gntdev_cookie *cookie_at(const struct rb_node *node)
{
	return rb_entry(node, struct gntdev_cookie, node);
}

/* What is added is behind its equals, so those of one number are in their order. */
static bool cookie_less(struct rb_node *a, const struct rb_node *b)
{
	return cookie_at(a)->fd < cookie_at(b)->fd;
}

static int cookie_cmp(const void *key, const struct rb_node *node)
{
	const u32 fd = *(const u32 *)key, other = cookie_at(node)->fd;

	return fd < other ? -1 : fd > other;
}

/**
 * gntdev_cookie_oldest - what a number names
 * @cookies: exports or imports of a table, which is locked
 * @fd: the number
 *
 * Return: of the buffers of that number the oldest, or NULL.
 */
struct gntdev_cookie *gntdev_cookie_oldest(const struct rb_root *cookies,
					   u32 fd)
{
	struct rb_node *node = rb_find_first(&fd, cookies, cookie_cmp);

	return node ? cookie_at(node) : NULL;
}

/**
 * gntdev_cookie_add - let a number name a buffer, too
 * @buf: its table is locked
 * @fd: the number
 */
void gntdev_cookie_add(struct gntdev_buffer *buf, u32 fd)
{
	struct gntdev_cookie *cookie = &buf->cookie;

	lockdep_assert_held(&buf->table->lock);
	cookie->fd = fd;
	cookie->seq = ++buf->table->next_seq;
	gntdev_append(&cookie->node, cookies_of(buf), cookie_less);
}

/**
 * gntdev_cookie_forget - no number names a buffer any more
 * @buf: its table is locked; it need not have a number
 */
void gntdev_cookie_forget(struct gntdev_buffer *buf)
{
	struct gntdev_cookie *cookie = &buf->cookie;

	lockdep_assert_held(&buf->table->lock);
	if (!cookie->seq)
		return;
	rb_erase(&cookie->node, cookies_of(buf));
	cookie->seq = 0;
}

static void publish(struct gntdev_buffer *buf, u32 fd)
{
	mutex_lock(&buf->table->lock);
	gntdev_cookie_add(buf, fd);
	gntdev_buffer_add(buf);
	mutex_unlock(&buf->table->lock);
}

/* Everything that can fail comes before the descriptor becomes visible. */
static int export_install(struct dma_buf *dmabuf, u32 __user *user_fd)
{
	int fd, ret;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	ret = put_user(fd, user_fd);
	if (ret) {
		put_unused_fd(fd);
		return ret;
	}
	publish(gntdev_export_buffer(dmabuf), fd);
	fd_install(fd, dmabuf->file);
	return 0;
}

/*
 * The command has no flag for it: grants that cannot be mapped for writing make
 * a read-only buffer.
 */
static struct dma_buf *export_create(struct gntdev_dmabuf_table *table,
				     struct gntdev_refs *refs, u32 flags)
{
	struct dma_buf *dmabuf;

	dmabuf = gntdev_export_create(table, refs, false, flags);
	if (PTR_ERR_OR_ZERO(dmabuf) == -EACCES)
		dmabuf = gntdev_export_create(table, refs, true, flags);
	return dmabuf;
}

/**
 * gntdev_ioctl_exp_from_refs - IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS
 * @file: the open file
 * @arg: struct ioctl_gntdev_dmabuf_exp_from_refs
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_exp_from_refs(struct gntdev_file *file, void __user *arg)
{
	struct ioctl_gntdev_dmabuf_exp_from_refs __user *user = arg;
	struct ioctl_gntdev_dmabuf_exp_from_refs op;
	struct gntdev_refs *refs;
	struct dma_buf *dmabuf;
	int ret;

	if (copy_from_user(&op, user, offsetof(typeof(op), refs)))
		return -EFAULT;
	if ((op.flags & ~(GNTDEV_DMA_FLAG_WC | GNTDEV_DMA_FLAG_COHERENT)) ||
	    op.flags == (GNTDEV_DMA_FLAG_WC | GNTDEV_DMA_FLAG_COHERENT))
		return -EINVAL;
	ret = gntdev_export_check_count(op.count, op.domid);
	if (!ret)
		ret = gntdev_may_map(op.domid);
	if (ret)
		return ret;
	refs = gntdev_export_refs(user->refs, op.count, op.domid);
	if (IS_ERR(refs))
		return PTR_ERR(refs);
	dmabuf = export_create(file->dmabufs, refs, op.flags);
	gntdev_refs_put(refs);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = export_install(dmabuf, &user->fd);
	if (ret)
		dma_buf_put(dmabuf);
	return ret;
}

/* Buffers exported later under the same number do not count. */
static bool all_over(struct gntdev_dmabuf_table *table, const void *what)
{
	const struct wait_cookie *wait = what;
	struct gntdev_cookie *oldest;

	oldest = gntdev_cookie_oldest(&table->exports, wait->fd);
	return !oldest || oldest->seq > wait->seq;
}

/**
 * gntdev_ioctl_exp_wait_released - IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED
 * @file: the open file
 * @arg: struct ioctl_gntdev_dmabuf_exp_wait_released
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_exp_wait_released(struct gntdev_file *file, void __user *arg)
{
	struct gntdev_dmabuf_table *table = file->dmabufs;
	struct ioctl_gntdev_dmabuf_exp_wait_released op;
	struct wait_cookie wait;

	if (copy_from_user(&op, arg, sizeof(op)))
		return -EFAULT;
	wait.fd = op.fd;
	mutex_lock(&table->lock);
	wait.seq = gntdev_cookie_oldest(&table->exports, op.fd) ?
		   table->next_seq : 0;
	mutex_unlock(&table->lock);
	if (!wait.seq)
		return -ENOENT;
	return gntdev_dmabufs_wait(table, all_over, &wait,
				   ms_to_ktime(op.wait_to_ms));
}

static struct gntdev_import *import_create(struct gntdev_dmabuf_table *table,
					   u32 fd, u32 count, domid_t domid)
{
	struct gntdev_import_range range = { .domid = domid, .count = count };
	struct dma_buf *dmabuf = gntdev_import_get(fd, domid, false);

	if (IS_ERR(dmabuf))
		return ERR_CAST(dmabuf);
	if (dmabuf->size != (size_t)count << XEN_PAGE_SHIFT) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-EINVAL);
	}
	return gntdev_import_create(table, dmabuf, &range);
}

/**
 * gntdev_ioctl_imp_to_refs - IOCTL_GNTDEV_DMABUF_IMP_TO_REFS
 * @file: the open file
 * @arg: struct ioctl_gntdev_dmabuf_imp_to_refs
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_imp_to_refs(struct gntdev_file *file, void __user *arg)
{
	struct ioctl_gntdev_dmabuf_imp_to_refs __user *user = arg;
	struct ioctl_gntdev_dmabuf_imp_to_refs op;
	struct gntdev_import *imp;

	if (copy_from_user(&op, user, offsetof(typeof(op), refs)))
		return -EFAULT;
	if (!gntdev_count_valid(op.count) || !gntdev_domid_valid(op.domid))
		return -EINVAL;
	imp = import_create(file->dmabufs, op.fd, op.count, op.domid);
	if (IS_ERR(imp))
		return PTR_ERR(imp);
	if (copy_to_user(user->refs, imp->refs,
			 array_size(op.count, sizeof(imp->refs[0])))) {
		gntdev_import_release(imp);
		return -EFAULT;
	}
	publish(&imp->buffer, op.fd);
	return 0;
}

static struct gntdev_import *import_at(struct rb_node *node)
{
	return container_of(cookie_at(node), struct gntdev_import,
			    buffer.cookie);
}

/* Of several, the one the descriptor refers to now; otherwise the oldest. */
static struct gntdev_import *pick_import(struct gntdev_dmabuf_table *table,
					 u32 fd, struct dma_buf *now)
{
	struct rb_node *oldest = rb_find_first(&fd, &table->imports, cookie_cmp);
	struct rb_node *node;

	if (!oldest)
		return NULL;
	for (node = oldest; node; node = rb_next_match(&fd, node, cookie_cmp))
		if (import_at(node)->dmabuf == now)
			return import_at(node);
	return import_at(oldest);
}

/**
 * gntdev_ioctl_imp_release - IOCTL_GNTDEV_DMABUF_IMP_RELEASE
 * @file: the open file
 * @arg: struct ioctl_gntdev_dmabuf_imp_release
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_imp_release(struct gntdev_file *file, void __user *arg)
{
	struct gntdev_dmabuf_table *table = file->dmabufs;
	struct ioctl_gntdev_dmabuf_imp_release op;
	struct gntdev_import *imp;
	struct dma_buf *now;

	if (copy_from_user(&op, arg, sizeof(op)))
		return -EFAULT;
	now = dma_buf_get(op.fd);
	mutex_lock(&table->lock);
	imp = pick_import(table, op.fd, now);
	if (imp)
		gntdev_buffer_release(&imp->buffer);
	mutex_unlock(&table->lock);
	if (!IS_ERR(now))
		dma_buf_put(now);
	if (!imp)
		return -ENOENT;
	gntdev_import_release(imp);
	return 0;
}
