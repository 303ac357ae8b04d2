// SPDX-License-Identifier: GPL-2.0-only
/*
 * GRANT_COPY: let the hypervisor copy between granted frames and local memory.
 *
 * Segments are handled in batches: a batch is read, checked and its local
 * memory pinned as a whole before the hypervisor sees any of it.
 */

#include <linux/compat.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <xen/page.h>

#include "gntdev-common.h"

/*
 * Segments of a batch. A few are on the stack, because kernels tend to clear what
 * they allocate.
 */
#define SEGMENTS_FEW		4U
#define SEGMENTS_MANY		64U
/* A segment is no longer than a frame, so it touches two local frames at most. */
#define OPS_PER_SEGMENT		2U

/**
 * struct copy_batch - segments on their way to the hypervisor
 * @op: operations; those of a segment follow each other
 * @page: pinned local memory
 * @seg: the segments
 * @owner: index of the segment that an operation belongs to
 * @dirty: the hypervisor writes to the page
 * @size: number of @seg that there is room for
 * @nr_ops: number of @op in use
 * @nr_pages: number of @page in use
 */
struct copy_batch {
	struct gnttab_copy *op;
	struct page **page;
	struct gntdev_grant_copy_segment *seg;
	unsigned char *owner;
	bool *dirty;
	unsigned int size;
	unsigned int nr_ops;
	unsigned int nr_pages;
};

/* What a segment takes of a batch's memory. */
#define SEGMENT_BYTES		(sizeof(struct gntdev_grant_copy_segment) + \
				 OPS_PER_SEGMENT * \
				 (sizeof(struct gnttab_copy) + \
				  sizeof(struct page *) + \
				  sizeof(unsigned char) + sizeof(bool)))

/* The layout of a 32-bit program: only the pointers differ. */
struct compat_segment {
	union {
		compat_uptr_t virt;
		struct {
			__u32 ref;
			__u16 offset;
			__u16 domid;
		} foreign;
	} source, dest;
	__u16 len;
	__u16 flags;
	__s16 status;
};

static void batch_init(struct copy_batch *batch, void *memory,
		       unsigned int size)
{
	unsigned int ops = size * OPS_PER_SEGMENT;

	batch->op = memory;
	batch->page = (struct page **)(batch->op + ops);
	batch->seg = (struct gntdev_grant_copy_segment *)(batch->page + ops);
	batch->owner = (unsigned char *)(batch->seg + size);
	batch->dirty = (bool *)(batch->owner + ops);
	batch->size = size;
	batch->nr_pages = 0;
}

static void unpin_batch(struct copy_batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->nr_pages; i++)
		unpin_user_pages_dirty_lock(&batch->page[i], 1,
					    batch->dirty[i]);
	batch->nr_pages = 0;
}

static int segment_check(const struct gntdev_grant_copy_segment *seg)
{
	const u16 known = GNTCOPY_source_gref | GNTCOPY_dest_gref;

	if ((seg->flags & ~known) || !(seg->flags & known))
		return -EINVAL;
	if ((seg->flags & GNTCOPY_source_gref) &&
	    seg->source.foreign.offset + seg->len > XEN_PAGE_SIZE)
		return -EINVAL;
	if ((seg->flags & GNTCOPY_dest_gref) &&
	    seg->dest.foreign.offset + seg->len > XEN_PAGE_SIZE)
		return -EINVAL;
	return 0;
}

/* Pin the page at a local address and describe it to the hypervisor. */
static int pin_local(struct copy_batch *batch, unsigned long virt, bool write,
		     struct gnttab_copy_ptr *ptr)
{
	unsigned int i = batch->nr_pages;
	unsigned long offset = offset_in_page(virt);
	int ret;

	ret = pin_user_pages_fast(virt & PAGE_MASK, 1, write ? FOLL_WRITE : 0,
				  &batch->page[i]);
	if (ret != 1)
		return -EFAULT;
	batch->dirty[i] = write;
	batch->nr_pages++;
	ptr->u.gmfn = xen_page_to_gfn(batch->page[i]) +
		      (offset >> XEN_PAGE_SHIFT);
	ptr->domid = DOMID_SELF;
	ptr->offset = offset & ~XEN_PAGE_MASK;
	return 0;
}

static void set_foreign(struct gnttab_copy_ptr *ptr, u32 ref, u16 domid,
			unsigned int offset)
{
	ptr->u.ref = ref;
	ptr->domid = domid;
	ptr->offset = offset;
}

/* How much of @len starting at @virt lies in one frame. */
static unsigned int within_frame(const void __user *virt, unsigned int len)
{
	unsigned long offset = (unsigned long)virt & ~XEN_PAGE_MASK;

	return min_t(unsigned int, len, XEN_PAGE_SIZE - offset);
}

static int add_op(struct copy_batch *batch, unsigned int owner,
		  unsigned int done, unsigned int *len)
{
	const struct gntdev_grant_copy_segment *seg = &batch->seg[owner];
	struct gnttab_copy *op = &batch->op[batch->nr_ops];
	int ret = 0;

	if (!(seg->flags & GNTCOPY_source_gref)) {
		*len = within_frame(seg->source.virt + done, *len);
		ret = pin_local(batch, (unsigned long)seg->source.virt + done,
				false, &op->source);
	} else {
		set_foreign(&op->source, seg->source.foreign.ref,
			    seg->source.foreign.domid,
			    seg->source.foreign.offset + done);
	}
	if (ret)
		return ret;
	if (!(seg->flags & GNTCOPY_dest_gref)) {
		*len = within_frame(seg->dest.virt + done, *len);
		ret = pin_local(batch, (unsigned long)seg->dest.virt + done,
				true, &op->dest);
	} else {
		set_foreign(&op->dest, seg->dest.foreign.ref,
			    seg->dest.foreign.domid,
			    seg->dest.foreign.offset + done);
	}
	op->len = *len;
	op->flags = seg->flags;
	batch->owner[batch->nr_ops++] = owner;
	return ret;
}

static int add_segment(struct copy_batch *batch, unsigned int i)
{
	struct gntdev_grant_copy_segment *seg = &batch->seg[i];
	unsigned int done, len;
	int ret;

	seg->status = GNTST_okay;
	for (done = 0; done < seg->len; done += len) {
		len = seg->len - done;
		ret = add_op(batch, i, done, &len);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_compat(struct gntdev_grant_copy_segment *seg,
		       struct compat_segment __user *user, unsigned int count)
{
	struct compat_segment in;
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (copy_from_user(&in, user + i, sizeof(in)))
			return -EFAULT;
		memcpy(&seg[i].source, &in.source, sizeof(in.source));
		memcpy(&seg[i].dest, &in.dest, sizeof(in.dest));
		if (!(in.flags & GNTCOPY_source_gref))
			seg[i].source.virt = compat_ptr(in.source.virt);
		if (!(in.flags & GNTCOPY_dest_gref))
			seg[i].dest.virt = compat_ptr(in.dest.virt);
		seg[i].len = in.len;
		seg[i].flags = in.flags;
	}
	return 0;
}

static int read_segments(struct copy_batch *batch, void __user *user,
			 unsigned int count)
{
	unsigned int i;
	int ret = 0;

	/* Both layouts put everything but the pointers at the same place. */
	BUILD_BUG_ON(sizeof(batch->seg[0]) != sizeof(struct compat_segment));

	if (in_compat_syscall())
		ret = read_compat(batch->seg, user, count);
	else if (copy_from_user(batch->seg, user,
				count * sizeof(batch->seg[0])))
		ret = -EFAULT;
	for (i = 0; !ret && i < count; i++)
		ret = segment_check(&batch->seg[i]);
	return ret;
}

static int write_status(const struct copy_batch *batch,
			struct gntdev_grant_copy_segment __user *user,
			unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (put_user(batch->seg[i].status, &user[i].status))
			return -EFAULT;
	return 0;
}

static int copy_some(struct copy_batch *batch,
		     struct gntdev_grant_copy_segment __user *user,
		     unsigned int count)
{
	unsigned int i;
	s16 *status;
	int ret;

	ret = read_segments(batch, user, count);
	batch->nr_ops = 0;
	for (i = 0; !ret && i < count; i++)
		ret = add_segment(batch, i);
	if (!ret && batch->nr_ops)
		gnttab_batch_copy(batch->op, batch->nr_ops);
	unpin_batch(batch);
	if (ret)
		return ret;
	for (i = 0; i < batch->nr_ops; i++) {
		status = &batch->seg[batch->owner[i]].status;
		if (*status == GNTST_okay)
			*status = batch->op[i].status;
	}
	return write_status(batch, user, count);
}

static int read_args(struct ioctl_gntdev_grant_copy *op, void __user *arg)
{
	struct {
		compat_uint_t count;
		compat_uptr_t segments;
	} in;

	if (!in_compat_syscall())
		return copy_from_user(op, arg, sizeof(*op)) ? -EFAULT : 0;
	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	op->count = in.count;
	op->segments = compat_ptr(in.segments);
	return 0;
}

static int copy_all(struct copy_batch *batch,
		    const struct ioctl_gntdev_grant_copy *op)
{
	unsigned int i, n;
	int ret = 0;

	for (i = 0; !ret && i < op->count; i += n) {
		n = min(op->count - i, batch->size);
		ret = copy_some(batch, op->segments + i, n);
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	return ret;
}

/**
 * gntdev_ioctl_copy - IOCTL_GNTDEV_GRANT_COPY
 * @file: the open file
 * @arg: struct ioctl_gntdev_grant_copy
 *
 * Return: 0 when all segments were processed, or a negative errno; then the
 * segments of earlier batches were.
 */
long gntdev_ioctl_copy(struct gntdev_file *file, void __user *arg)
{
	u64 few[DIV_ROUND_UP(SEGMENTS_FEW * SEGMENT_BYTES, sizeof(u64))];
	struct ioctl_gntdev_grant_copy op;
	struct copy_batch batch;
	void *many;
	int ret;

	ret = read_args(&op, arg);
	if (ret)
		return ret;
	if (op.count <= SEGMENTS_FEW) {
		batch_init(&batch, few, SEGMENTS_FEW);
		return copy_all(&batch, &op);
	}
	many = kvmalloc(SEGMENTS_MANY * SEGMENT_BYTES, GFP_KERNEL_ACCOUNT);
	if (!many)
		return -ENOMEM;
	batch_init(&batch, many, SEGMENTS_MANY);
	ret = copy_all(&batch, &op);
	kvfree(many);
	return ret;
}
