/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames of memory taken from, and given back to, the hypervisor.
 */
#ifndef _XEN_MEM_RESERVATION_H
#define _XEN_MEM_RESERVATION_H

#include <linux/highmem.h>
#include <linux/types.h>

#include <asm/xen/hypercall.h>
#include <xen/features.h>
#include <xen/page.h>

/* Parameter xen_scrub_pages= of the kernel: clear pages before they leave. */
extern bool xen_scrub_pages;

/**
 * xenmem_reservation_scrub_page - clear a page that is about to be given away
 * @page: page of this domain
 *
 * Whoever gets the frame next must not read what was in it.
 */
static inline void xenmem_reservation_scrub_page(struct page *page)
{
	if (xen_scrub_pages)
		clear_highpage(page);
}

int xenmem_reservation_increase(int count, xen_pfn_t *frames);
int xenmem_reservation_decrease(int count, xen_pfn_t *frames);
int xenmem_reservation_increase_frames(int count, xen_pfn_t *frames);
int xenmem_reservation_decrease_frames(int count, xen_pfn_t *frames);

#ifdef CONFIG_XEN_HAVE_PVMMU
void __xenmem_reservation_va_mapping_update(unsigned long count,
					    struct page **pages,
					    xen_pfn_t *frames);
void __xenmem_reservation_va_mapping_reset(unsigned long count,
					   struct page **pages);

static inline int __xenmem_reservation_flush(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_ALL };

	return HYPERVISOR_mmuext_op(&op, 1, NULL, DOMID_SELF);
}
#else
static inline void __xenmem_reservation_va_mapping_update(unsigned long count,
							  struct page **pages,
							  xen_pfn_t *frames) {}
static inline void __xenmem_reservation_va_mapping_reset(unsigned long count,
							 struct page **pages) {}

static inline int __xenmem_reservation_flush(void)
{
	return 0;
}
#endif

/**
 * xenmem_reservation_va_mapping_update - connect pages with their new frames
 * @count: number of pages
 * @pages: the pages
 * @frames: machine frames, as xenmem_reservation_increase() returned them
 *
 * In a PV domain the pages appear in the kernel's linear mapping again;
 * elsewhere the hypervisor did it all.
 */
static inline void xenmem_reservation_va_mapping_update(unsigned long count,
							struct page **pages,
							xen_pfn_t *frames)
{
	if (!xen_feature(XENFEAT_auto_translated_physmap))
		__xenmem_reservation_va_mapping_update(count, pages, frames);
}

/**
 * xenmem_reservation_va_mapping_reset - disconnect pages from their frames
 * @count: number of pages
 * @pages: the pages; read the frames with xen_page_to_gfn() before
 *
 * In a PV domain the pages leave the kernel's linear mapping. Translations
 * that a CPU still caches are the caller's to flush, with
 * xenmem_reservation_flush().
 */
static inline void xenmem_reservation_va_mapping_reset(unsigned long count,
						       struct page **pages)
{
	if (!xen_feature(XENFEAT_auto_translated_physmap))
		__xenmem_reservation_va_mapping_reset(count, pages);
}

/**
 * xenmem_reservation_flush - flush what all CPUs know of disconnected pages
 *
 * The linear mapping of a PV domain changes without the kernel's knowledge;
 * a CPU that still knows the old frame would miss what comes to its place.
 *
 * Return: 0 or a negative errno.
 */
static inline int xenmem_reservation_flush(void)
{
	if (xen_feature(XENFEAT_auto_translated_physmap))
		return 0;
	return __xenmem_reservation_flush();
}

#endif /* _XEN_MEM_RESERVATION_H */
