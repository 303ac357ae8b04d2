// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/xen/gntdev: memory that other Xen domains grant, for user space.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <xen/xen.h>

#include <trace/events/gntdev.h>

#include "gntdev-common.h"
#include "gntdev-coverage.h"

static unsigned int limit = 64 * 1024;
module_param(limit, uint, 0644);
MODULE_PARM_DESC(limit,
		 "Maximum number of grants that may be mapped by one mapping request");

/**
 * gntdev_limit - how many grants a request may have
 *
 * Return: the module's parameter "limit", or less if that is absurd.
 */
u32 gntdev_limit(void)
{
	return min(READ_ONCE(limit), GNTDEV_COUNT_MAX);
}

/**
 * gntdev_count_valid - whether a request may have so many grants
 * @count: number of grants
 *
 * Return: true if it is neither 0 nor above the module's parameter "limit".
 */
bool gntdev_count_valid(u32 count)
{
	return count && count <= gntdev_limit();
}

/**
 * gntdev_may_map - whether grants of a domain can be mapped
 * @domid: as user space gave it
 *
 * Return: 0, -EINVAL if no domain can have this number, or -EOPNOTSUPP.
 */
int gntdev_may_map(u32 domid)
{
	const struct gntdev_mode *mode = gntdev_mode();

	if (!gntdev_domid_valid(domid))
		return -EINVAL;
	if (mode->may_map && !mode->may_map(domid)) {
		pr_debug_ratelimited("grants of d%u cannot be mapped here\n",
				     domid);
		trace_gntdev_refused(GNTDEV_REASON_DOMAIN, domid, 0,
				     -EOPNOTSUPP);
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * struct gntdev_ioctl - one command
 * @cmd: its number
 * @compat_cmd: its number in a 32-bit program, if another one
 * @handler: does it; gets the user's pointer
 */
struct gntdev_ioctl {
	unsigned int cmd;
	unsigned int compat_cmd;
	long (*handler)(struct gntdev_file *file, void __user *arg);
};

/* Two members with the size of a pointer. */
#define COMPAT_GRANT_COPY	_IOC(_IOC_NONE, 'G', 8, 2 * sizeof(compat_uptr_t))

static const struct gntdev_ioctl gntdev_ioctls[] = {
	[0] = {
		.cmd = IOCTL_GNTDEV_MAP_GRANT_REF,
		.handler = gntdev_ioctl_map,
	},
	[1] = {
		.cmd = IOCTL_GNTDEV_UNMAP_GRANT_REF,
		.handler = gntdev_ioctl_unmap,
	},
	[2] = {
		.cmd = IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR,
		.handler = gntdev_ioctl_get_offset,
	},
	[7] = {
		.cmd = IOCTL_GNTDEV_SET_UNMAP_NOTIFY,
		.handler = gntdev_ioctl_notify,
	},
	[8] = {
		.cmd = IOCTL_GNTDEV_GRANT_COPY,
		.compat_cmd = COMPAT_GRANT_COPY,
		.handler = gntdev_ioctl_copy,
	},
	[9] = {
		.cmd = IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS,
		.handler = gntdev_ioctl_exp_from_refs,
	},
	[10] = {
		.cmd = IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED,
		.handler = gntdev_ioctl_exp_wait_released,
	},
	[11] = {
		.cmd = IOCTL_GNTDEV_DMABUF_IMP_TO_REFS,
		.handler = gntdev_ioctl_imp_to_refs,
	},
	[12] = {
		.cmd = IOCTL_GNTDEV_DMABUF_IMP_RELEASE,
		.handler = gntdev_ioctl_imp_release,
	},
	[0x20] = {
		.cmd = IOCTL_GNTDEV_DMABUF_EXPORT,
		.handler = gntdev_ioctl_export,
	},
	[0x21] = {
		.cmd = IOCTL_GNTDEV_DMABUF_IMPORT,
		.handler = gntdev_ioctl_import,
	},
	[0x22] = {
		.cmd = IOCTL_GNTDEV_DMABUF_IMPORT_RELEASE,
		.handler = gntdev_ioctl_import_release,
	},
	[0x23] = {
		.cmd = IOCTL_GNTDEV_DMABUF_WAIT,
		.handler = gntdev_ioctl_wait,
	},
	[0x24] = {
		.cmd = IOCTL_GNTDEV_QUERY,
		.handler = gntdev_ioctl_query,
	},
};

/*
 * A structure that can grow says itself how large it is. What stands in the
 * number is the size in the caller's header.
 */
static bool same_command(unsigned int known, unsigned int cmd)
{
	unsigned int ignored = _IOC_DIR(known) == _IOC_NONE ? 0 : IOCSIZE_MASK;

	return !((known ^ cmd) & ~ignored);
}

/**
 * gntdev_op_read - copy a structure that can grow from user memory
 * @op: where it goes
 * @size: its size; all of it is in the first version
 * @arg: the structure, which begins with the size that the caller knows
 *
 * Return: 0 or a negative errno.
 */
int gntdev_op_read(void *op, size_t size, void __user *arg)
{
	u32 user_size;

	if (get_user(user_size, (u32 __user *)arg))
		return -EFAULT;
	if (user_size < size)
		return -EINVAL;
	if (user_size > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(op, size, arg, user_size);
}

static const struct gntdev_ioctl *find_ioctl(unsigned int cmd)
{
	const struct gntdev_ioctl *entry;

	if (_IOC_NR(cmd) >= ARRAY_SIZE(gntdev_ioctls))
		return NULL;
	entry = &gntdev_ioctls[array_index_nospec(_IOC_NR(cmd),
						  ARRAY_SIZE(gntdev_ioctls))];
	return entry->handler ? entry : NULL;
}

static long run_ioctl(const struct gntdev_ioctl *entry, struct file *filp,
		      void __user *arg)
{
	long ret = entry->handler(filp->private_data, arg);

	if (ret)
		trace_gntdev_failed(_IOC_NR(entry->cmd), ret);
	return ret;
}

static long gntdev_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	const struct gntdev_ioctl *entry = find_ioctl(cmd);

	if (!entry || !same_command(entry->cmd, cmd))
		return -ENOTTY;
	gntdev_selftest_fault();
	return run_ioctl(entry, filp, (void __user *)arg);
}

static long gntdev_compat_ioctl(struct file *filp, unsigned int cmd,
				unsigned long arg)
{
	const struct gntdev_ioctl *entry = find_ioctl(cmd);

	if (!entry || !same_command(entry->compat_cmd ?: entry->cmd, cmd))
		return -ENOTTY;
	return run_ioctl(entry, filp, compat_ptr(arg));
}

static int gntdev_open(struct inode *inode, struct file *filp)
{
	struct gntdev_file *file;
	int ret;

	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return -ENOMEM;
	ret = gntdev_dmabufs_init(file);
	if (ret) {
		kfree(file);
		return ret;
	}
	gntdev_ranges_init(file);
	if (gntdev_mode()->opened)
		gntdev_mode()->opened();
	filp->private_data = file;
	return 0;
}

static int gntdev_release(struct inode *inode, struct file *filp)
{
	struct gntdev_file *file = filp->private_data;

	gntdev_dmabufs_release(file);
	gntdev_ranges_release(file);
	kfree(file);
	return 0;
}

const struct file_operations gntdev_fops = {
	.owner = THIS_MODULE,
	.open = gntdev_open,
	.release = gntdev_release,
	.mmap = gntdev_mmap,
	.unlocked_ioctl = gntdev_ioctl,
	.compat_ioctl = gntdev_compat_ioctl,
	.show_fdinfo = gntdev_show_fdinfo,
};

static struct miscdevice gntdev_miscdev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "xen/" GNTDEV_NAME,
	.fops = &gntdev_fops,
};

static int __init gntdev_init(void)
{
	int ret;

	if (!xen_domain())
		return -ENODEV;
	ret = gntdev_coverage_init();
	if (ret)
		return ret;
	ret = gntdev_map_init();
	if (ret)
		goto exit_coverage;
	ret = gntdev_dmabuf_init();
	if (ret)
		goto exit_map;
	ret = misc_register(&gntdev_miscdev);
	if (!ret)
		return 0;
	gntdev_dmabuf_exit();
exit_map:
	gntdev_map_exit();
exit_coverage:
	gntdev_coverage_exit();
	return ret;
}
module_init(gntdev_init);

static void __exit gntdev_exit(void)
{
	misc_deregister(&gntdev_miscdev);
	gntdev_dmabuf_exit();
	gntdev_map_exit();
	gntdev_coverage_exit();
}
module_exit(gntdev_exit);

MODULE_DESCRIPTION("Grants of other Xen domains for user space");
MODULE_LICENSE("GPL");
