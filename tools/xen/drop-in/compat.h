/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module needs when it is built outside a kernel tree: the sources are
 * those for the kernel that the patch series is made for, 6.12.
 */
#ifndef _XEN_GNTDEV_COMPAT_H
#define _XEN_GNTDEV_COMPAT_H

#include <linux/version.h>

/* A module has no parameters on the kernel's command line. */
#ifdef MODULE
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

/* Namespaces of symbols became strings. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define DMA_BUF "DMA_BUF"
#endif

#endif /* _XEN_GNTDEV_COMPAT_H */
