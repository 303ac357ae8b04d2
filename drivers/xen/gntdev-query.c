// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device can do, and what an open file consists of: for programs, and
 * for whoever looks at /proc/PID/fdinfo.
 */

#include <linux/build_bug.h>
#include <linux/fs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "gntdev-common.h"

/* The last member of the first version; no member needs padding before it. */
static_assert(offsetofend(struct gntdev_query, pending_grants) == 120);
static_assert(sizeof(struct gntdev_query) == 120);

static u64 features(void)
{
	u64 bits = 0;

	if (IS_ENABLED(CONFIG_XEN_GNTDEV_DMABUF))
		bits |= GNTDEV_FEATURE_DMABUF;
	if (!gntdev_mode()->mmap_once)
		bits |= GNTDEV_FEATURE_MMAP_SHARED;
	return bits;
}

/* The members that are given stay as they are, all others are filled in. */
static int query(struct gntdev_file *file, struct gntdev_query *op)
{
	*op = (struct gntdev_query){
		.size = op->size,
		.handle = op->handle,
		.features = features(),
		.limit = gntdev_limit(),
	};
	gntdev_ranges_query(file, op);
	return gntdev_dmabufs_query(file, op);
}

/**
 * gntdev_ioctl_query - IOCTL_GNTDEV_QUERY
 * @file: the open file
 * @arg: struct gntdev_query
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_query(struct gntdev_file *file, void __user *arg)
{
	struct gntdev_query op;
	int ret;

	ret = gntdev_op_read(&op, sizeof(op), arg);
	if (ret)
		return ret;
	if (op.flags)
		return -EINVAL;
	ret = query(file, &op);
	if (!ret && copy_to_user(arg, &op, sizeof(op)))
		ret = -EFAULT;
	return ret;
}

/**
 * gntdev_show_fdinfo - tell in /proc/PID/fdinfo what an open file consists of
 * @m: where it goes
 * @filp: the open file
 */
void gntdev_show_fdinfo(struct seq_file *m, struct file *filp)
{
	struct gntdev_query op = {};

	query(filp->private_data, &op);
	seq_printf(m, "ranges:\t%llu\n", op.ranges);
	seq_printf(m, "ranges-grants:\t%llu\n", op.ranges_grants);
	seq_printf(m, "mapped-grants:\t%llu\n", op.mapped_grants);
	seq_printf(m, "exports:\t%llu\n", op.exports);
	seq_printf(m, "exports-grants:\t%llu\n", op.exports_grants);
	seq_printf(m, "imports:\t%llu\n", op.imports);
	seq_printf(m, "imports-grants:\t%llu\n", op.imports_grants);
	seq_printf(m, "pending-grants:\t%llu\n", op.pending_grants);
}
