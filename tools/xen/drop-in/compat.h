/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What kernels lack that are not the one that the sources are for, 6.12.
 */
#ifndef _XEN_GNTDEV_COMPAT_H
#define _XEN_GNTDEV_COMPAT_H

#include <linux/version.h>

#ifdef MODULE
/* A module has no parameters on the kernel's command line. */
#define core_param(...) static_assert(1)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
/* Here, a static importer needs no lock for these. */
#define dma_buf_map_attachment_unlocked		dma_buf_map_attachment
#define dma_buf_unmap_attachment_unlocked	dma_buf_unmap_attachment
#define dma_buf_vmap_unlocked			dma_buf_vmap
#define dma_buf_vunmap_unlocked			dma_buf_vunmap
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define vm_flags_set(vma, set)		((vma)->vm_flags |= (set))
#define vm_flags_clear(vma, clear)	((vma)->vm_flags &= ~(clear))
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#include <linux/eventfd.h>

#define eventfd_signal(ctx)		eventfd_signal(ctx, 1)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#include <linux/bits.h>
#include <linux/rwsem.h>

/* Others have it in the header, with the same value. */
#ifndef RWSEM_WRITER_LOCKED
#define RWSEM_WRITER_LOCKED		BIT(0)
#endif

#include <linux/compiler_types.h>
#include <linux/maple_tree.h>

/* As all files of the driver define it, later than is of use now. */
#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

/*
 * The function of 6.1 takes all of an empty tree. Find a gap and fill it in two
 * steps, again if somebody else was faster.
 */
static inline int compat_alloc_range(struct maple_tree *mt,
				     unsigned long *first, void *entry,
				     unsigned long size, unsigned long min,
				     unsigned long max, gfp_t gfp)
{
	int ret;

	do {
		MA_STATE(mas, mt, 0, 0);

		mtree_lock(mt);
		ret = mas_empty_area(&mas, min, max, size);
		mtree_unlock(mt);
		if (ret)
			return ret;
		*first = mas.index;
		ret = mtree_insert_range(mt, *first, *first + size - 1, entry,
					 gfp);
	} while (ret == -EEXIST);
	return ret;
}

#define mtree_alloc_range compat_alloc_range
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
/* Namespaces of symbols became strings. */
#define DMA_BUF "DMA_BUF"
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
/* A new name, as it is asked for all pages. */
#define find_special_page	find_normal_page
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
/*
 * DMA operations get physical addresses, no pages. What follows makes them of
 * those that get pages. There is one such set for a source file.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-map-ops.h>

struct compat_dma_map_ops {
	dma_addr_t (*map_page)(struct device *dev, struct page *page,
			       unsigned long offset, size_t size,
			       enum dma_data_direction dir,
			       unsigned long attrs);
	void (*unmap_page)(struct device *dev, dma_addr_t addr, size_t size,
			   enum dma_data_direction dir, unsigned long attrs);
	int (*map_sg)(struct device *dev, struct scatterlist *sg, int nents,
		      enum dma_data_direction dir, unsigned long attrs);
	void (*unmap_sg)(struct device *dev, struct scatterlist *sg, int nents,
			 enum dma_data_direction dir, unsigned long attrs);
};

static const struct compat_dma_map_ops *compat_dma_ops __maybe_unused;

static inline dma_addr_t compat_map_phys(struct device *dev, phys_addr_t phys,
					 size_t size,
					 enum dma_data_direction dir,
					 unsigned long attrs)
{
	return compat_dma_ops->map_page(dev, pfn_to_page(PHYS_PFN(phys)),
					offset_in_page(phys), size, dir, attrs);
}

static inline void compat_unmap_phys(struct device *dev, dma_addr_t addr,
				     size_t size, enum dma_data_direction dir,
				     unsigned long attrs)
{
	compat_dma_ops->unmap_page(dev, addr, size, dir, attrs);
}

static inline int compat_map_sg(struct device *dev, struct scatterlist *sg,
				int nents, enum dma_data_direction dir,
				unsigned long attrs)
{
	return compat_dma_ops->map_sg(dev, sg, nents, dir, attrs);
}

static inline void compat_unmap_sg(struct device *dev, struct scatterlist *sg,
				   int nents, enum dma_data_direction dir,
				   unsigned long attrs)
{
	compat_dma_ops->unmap_sg(dev, sg, nents, dir, attrs);
}

static inline void compat_set_dma_ops(struct device *dev,
				      const struct compat_dma_map_ops *ops)
{
	static const struct dma_map_ops made = {
		.map_phys = compat_map_phys,
		.unmap_phys = compat_unmap_phys,
		.map_sg = compat_map_sg,
		.unmap_sg = compat_unmap_sg,
	};

	compat_dma_ops = ops;
	set_dma_ops(dev, &made);
}

#define dma_map_ops	compat_dma_map_ops
#define set_dma_ops	compat_set_dma_ops
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
/*
 * One more argument. Without this attribute, the encryption of memory is asked
 * for, which no module can do; frames of other domains have none.
 */
#include <linux/dma-direct.h>

#define dma_capable(dev, addr, size, is_ram) \
	dma_capable(dev, addr, size, is_ram, DMA_ATTR_CC_SHARED)
#endif

#endif /* _XEN_GNTDEV_COMPAT_H */
