// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmark's helper in the kernel, see gntdev-bench.h. An open file has at
 * most one dma-buf attached and one mapped for the kernel.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "floor.h"

/**
 * struct bench_file - what an open file holds
 * @attach: the dma-buf attached to our device, NULL if none
 * @sgt: its mapping
 * @mapped: the dma-buf mapped for the kernel, NULL if none
 * @map: where
 */
struct bench_file {
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	struct dma_buf *mapped;
	struct iosys_map map;
};

static struct platform_device *importer;

const struct vm_operations_struct bench_vm_ops = {};

static long bench_detach(struct bench_file *bf)
{
	struct dma_buf *dmabuf;

	if (!bf->attach)
		return -ENOENT;
	dmabuf = bf->attach->dmabuf;
	dma_buf_unmap_attachment_unlocked(bf->attach, bf->sgt,
					  DMA_BIDIRECTIONAL);
	dma_buf_detach(dmabuf, bf->attach);
	dma_buf_put(dmabuf);
	bf->attach = NULL;
	return 0;
}

static long attach_and_map(struct bench_file *bf, struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;

	attach = dma_buf_attach(dmabuf, &importer->dev);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	bf->sgt = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(bf->sgt)) {
		dma_buf_detach(dmabuf, attach);
		return PTR_ERR(bf->sgt);
	}
	bf->attach = attach;
	return 0;
}

static long bench_attach(struct bench_file *bf, int fd)
{
	struct dma_buf *dmabuf;
	long ret;

	if (bf->attach)
		return -EBUSY;
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = attach_and_map(bf, dmabuf);
	if (ret)
		dma_buf_put(dmabuf);
	return ret;
}

static long bench_vunmap(struct bench_file *bf)
{
	if (!bf->mapped)
		return -ENOENT;
	dma_buf_vunmap_unlocked(bf->mapped, &bf->map);
	dma_buf_put(bf->mapped);
	bf->mapped = NULL;
	return 0;
}

static long bench_vmap(struct bench_file *bf, int fd)
{
	struct dma_buf *dmabuf;
	int ret;

	if (bf->mapped)
		return -EBUSY;
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = dma_buf_vmap_unlocked(dmabuf, &bf->map);
	if (ret)
		dma_buf_put(dmabuf);
	else
		bf->mapped = dmabuf;
	return ret;
}

static long bench_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct bench_file *bf = filp->private_data;

	switch (cmd) {
	case BENCH_IOC_FLOOR:
		return bench_floor_ioctl((void __user *)arg);
	case BENCH_IOC_ATTACH:
		return bench_attach(bf, arg);
	case BENCH_IOC_DETACH:
		return bench_detach(bf);
	case BENCH_IOC_VMAP:
		return bench_vmap(bf, arg);
	case BENCH_IOC_VUNMAP:
		return bench_vunmap(bf);
	default:
		return -ENOTTY;
	}
}

static int bench_mmap(struct file *filp, struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTCOPY);
	vma->vm_ops = &bench_vm_ops;
	return 0;
}

static int bench_open(struct inode *inode, struct file *filp)
{
	struct bench_file *bf = kzalloc(sizeof(*bf), GFP_KERNEL);

	filp->private_data = bf;
	return bf ? 0 : -ENOMEM;
}

static int bench_release(struct inode *inode, struct file *filp)
{
	bench_detach(filp->private_data);
	bench_vunmap(filp->private_data);
	kfree(filp->private_data);
	return 0;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.release = bench_release,
	.unlocked_ioctl = bench_ioctl,
	.mmap = bench_mmap,
};

static struct miscdevice bench_miscdev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "gntdev-bench",
	.fops = &bench_fops,
};

static int __init bench_init(void)
{
	const struct platform_device_info info = {
		.name = "gntdev-bench",
		.id = PLATFORM_DEVID_NONE,
		.dma_mask = DMA_BIT_MASK(64),
	};
	int ret;

	importer = platform_device_register_full(&info);
	if (IS_ERR(importer))
		return PTR_ERR(importer);
	ret = misc_register(&bench_miscdev);
	if (ret)
		platform_device_unregister(importer);
	return ret;
}

static void __exit bench_exit(void)
{
	misc_deregister(&bench_miscdev);
	platform_device_unregister(importer);
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("Floor and importer for the grant device's benchmark");
MODULE_IMPORT_NS(DMA_BUF);
MODULE_LICENSE("GPL");
