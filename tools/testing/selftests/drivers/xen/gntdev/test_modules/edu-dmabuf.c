// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: a device that accesses memory, see edu-dmabuf.h.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/iopoll.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "edu-dmabuf.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

#define REG_SOURCE	0x80
#define REG_TARGET	0x88
#define REG_COUNT	0x90
#define REG_COMMAND	0x98
#define COMMAND_RUN	BIT(0)
#define COMMAND_TO_RAM	BIT(1)
/* Where the device keeps a chunk, in an address space of its own. */
#define DEVICE_BUFFER	0x40000

#define TIMEOUT_US	10000000

struct edu_file {
	struct mutex lock;	/* of all below */
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attachment;
	struct sg_table *sgt;
	u64 mask;		/* what the device could reach at that time */
};

static struct pci_dev *edu;
static struct platform_device *bare;
static void __iomem *edu_regs;
static DEFINE_MUTEX(edu_lock);

static int edu_transfer(u64 source, u64 target, u64 command)
{
	u64 value;

	guard(mutex)(&edu_lock);
	writeq(source, edu_regs + REG_SOURCE);
	writeq(target, edu_regs + REG_TARGET);
	writeq(EDU_CHUNK, edu_regs + REG_COUNT);
	writeq(command | COMMAND_RUN, edu_regs + REG_COMMAND);
	return readq_poll_timeout(edu_regs + REG_COMMAND, value,
				  !(value & COMMAND_RUN), 2000, TIMEOUT_US);
}

static int edu_copy(struct edu_file *file, unsigned long offset, bool write)
{
	struct sg_dma_page_iter iter;
	dma_addr_t addr;

	if (!file->sgt || offset % EDU_CHUNK || offset >= file->dmabuf->size)
		return -EINVAL;
	for_each_sgtable_dma_page(file->sgt, &iter, offset >> PAGE_SHIFT) {
		addr = sg_page_iter_dma_address(&iter) + offset_in_page(offset);
		if (addr > file->mask)
			return -EFAULT;
		return write ? edu_transfer(DEVICE_BUFFER, addr,
					    COMMAND_TO_RAM) :
			       edu_transfer(addr, DEVICE_BUFFER, 0);
	}
	return -EINVAL;
}

static void edu_detach(struct edu_file *file)
{
	if (file->sgt)
		dma_buf_unmap_attachment_unlocked(file->attachment, file->sgt,
						  DMA_BIDIRECTIONAL);
	if (file->attachment)
		dma_buf_detach(file->dmabuf, file->attachment);
	if (file->dmabuf)
		dma_buf_put(file->dmabuf);
	file->sgt = NULL;
	file->attachment = NULL;
	file->dmabuf = NULL;
}

static int edu_attach(struct edu_file *file, int fd, struct device *dev)
{
	struct dma_buf_attachment *attachment;
	struct dma_buf *dmabuf;
	struct sg_table *sgt;

	if (file->dmabuf)
		return -EBUSY;
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	file->dmabuf = dmabuf;
	attachment = dma_buf_attach(dmabuf, dev);
	if (IS_ERR(attachment)) {
		edu_detach(file);
		return PTR_ERR(attachment);
	}
	file->attachment = attachment;
	sgt = dma_buf_map_attachment_unlocked(attachment, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt)) {
		edu_detach(file);
		return PTR_ERR(sgt);
	}
	file->sgt = sgt;
	file->mask = dma_get_mask(dev);
	return 0;
}

static long edu_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct edu_file *file = filp->private_data;

	guard(mutex)(&file->lock);
	switch (cmd) {
	case EDU_IOC_ATTACH:
		return edu_attach(file, arg, &edu->dev);
	case EDU_IOC_ATTACH_BARE:
		return edu_attach(file, arg, &bare->dev);
	case EDU_IOC_READ:
		return edu_copy(file, arg, false);
	case EDU_IOC_WRITE:
		return edu_copy(file, arg, true);
	case EDU_IOC_LIMIT:
		return dma_set_mask(&edu->dev, (u64)arg * SZ_1M - 1);
	default:
		return -ENOTTY;
	}
}

static int edu_open(struct inode *inode, struct file *filp)
{
	struct edu_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return -ENOMEM;
	mutex_init(&file->lock);
	filp->private_data = file;
	return 0;
}

static int edu_close(struct inode *inode, struct file *filp)
{
	struct edu_file *file = filp->private_data;

	edu_detach(file);
	mutex_destroy(&file->lock);
	kfree(file);
	return 0;
}

static const struct file_operations edu_fops = {
	.owner = THIS_MODULE,
	.open = edu_open,
	.release = edu_close,
	.unlocked_ioctl = edu_ioctl,
};

static struct miscdevice edu_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "edu-dmabuf",
	.fops = &edu_fops,
};

static const struct platform_device_info bare_info = {
	.name = "edu-dmabuf",
	.id = PLATFORM_DEVID_NONE,
	.dma_mask = DMA_BIT_MASK(64),
};

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	if (edu)
		return -EBUSY;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = pcim_iomap_regions(pdev, BIT(0), KBUILD_MODNAME);
	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	pci_set_master(pdev);
	edu_regs = pcim_iomap_table(pdev)[0];
	bare = platform_device_register_full(&bare_info);
	if (IS_ERR(bare))
		return PTR_ERR(bare);
	edu = pdev;
	ret = misc_register(&edu_misc);
	if (ret) {
		platform_device_unregister(bare);
		edu = NULL;
	}
	return ret;
}

static void edu_remove(struct pci_dev *pdev)
{
	misc_deregister(&edu_misc);
	platform_device_unregister(bare);
	edu = NULL;
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = "edu-dmabuf",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("Importer of dma-bufs that accesses memory");
MODULE_IMPORT_NS(DMA_BUF);
MODULE_LICENSE("GPL");
