// SPDX-License-Identifier: GPL-2.0-only
/*
 * The linear mapping of a PV domain, as its memory reservation changes.
 */

#include <linux/bug.h>
#include <linux/export.h>
#include <linux/mm.h>

#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/mem-reservation.h>

static void set_linear_pte(struct page *page, pte_t pte)
{
	unsigned long va = (unsigned long)page_address(page);

	/* Only a corrupt page table of our own can make this fail. */
	WARN_ON_ONCE(HYPERVISOR_update_va_mapping(va, pte, 0));
}

/**
 * __xenmem_reservation_va_mapping_update - let pages use new machine frames
 * @count: number of pages
 * @pages: the pages; they have no frame
 * @frames: their machine frames
 *
 * Both the table of machine frames and the linear mapping are updated.
 */
void __xenmem_reservation_va_mapping_update(unsigned long count,
					    struct page **pages,
					    xen_pfn_t *frames)
{
	unsigned long i;

	/* PV domains have 4 KiB pages and, with 64 bits, no high memory. */
	BUILD_BUG_ON(XEN_PAGE_SIZE != PAGE_SIZE);

	for (i = 0; i < count; i++) {
		/* The entry exists: the page had a frame before. */
		set_phys_to_machine(page_to_pfn(pages[i]), frames[i]);
		set_linear_pte(pages[i], mfn_pte(frames[i], PAGE_KERNEL));
	}
}
EXPORT_SYMBOL_GPL(__xenmem_reservation_va_mapping_update);

/**
 * __xenmem_reservation_va_mapping_reset - take machine frames from pages
 * @count: number of pages
 * @pages: the pages
 */
void __xenmem_reservation_va_mapping_reset(unsigned long count,
					   struct page **pages)
{
	unsigned long i;

	BUILD_BUG_ON(XEN_PAGE_SIZE != PAGE_SIZE);

	for (i = 0; i < count; i++) {
		set_linear_pte(pages[i], __pte_ma(0));
		set_phys_to_machine(page_to_pfn(pages[i]), INVALID_P2M_ENTRY);
	}
}
EXPORT_SYMBOL_GPL(__xenmem_reservation_va_mapping_reset);
