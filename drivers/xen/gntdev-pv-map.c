// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grants at kernel addresses of a PV domain.
 *
 * gnttab_map_refs() does what is done here, for pages of anybody. What the table
 * of frames says of a page without a frame may also mean that page and frame have
 * one number; to tell these apart it walks page tables for each page, which costs
 * as much as the mapping itself. Backing pages are never of that kind.
 */

#include <linux/bug.h>
#include <linux/dma-direct.h>
#include <linux/mm.h>

#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>

#include "gntdev-common.h"

/* Entries of the table of frames that are in one page of it. */
#define ENTRIES_PER_PAGE	(PAGE_SIZE / sizeof(*xen_p2m_addr))

/*
 * What can fail comes before the hypervisor maps anything: the table may have no
 * memory of its own for a page of entries, which is write-protected then.
 */
static int make_room(struct page **pages, unsigned int count)
{
	unsigned long *table = xen_p2m_addr;
	unsigned long pfn, writable = ULONG_MAX;
	unsigned int i;

	for (i = 0; i < count; i++) {
		pfn = page_to_pfn(pages[i]);
		if (pfn >= xen_p2m_size)
			return -ENOMEM;
		if (WARN_ON_ONCE(table[pfn] != INVALID_P2M_ENTRY))
			return -EBUSY;
		if (pfn / ENTRIES_PER_PAGE == writable)
			continue;
		if (xen_safe_write_ulong(table + pfn, INVALID_P2M_ENTRY))
			return -ENOMEM;
		writable = pfn / ENTRIES_PER_PAGE;
	}
	return 0;
}

/* The frame is reached by its page, and known as that of another domain. */
static void note_frame(const struct gnttab_map_grant_ref *op, struct page *page)
{
	struct xen_page_foreign *foreign;

	SetPageForeign(page);
	foreign = xen_page_foreign(page);
	foreign->domid = op->dom;
	foreign->gref = op->ref;
	WRITE_ONCE(xen_p2m_addr[page_to_pfn(page)],
		   FOREIGN_FRAME(PFN_DOWN(op->dev_bus_addr)));
}

/**
 * gntdev_pv_map - map grants at the kernel addresses of backing pages
 * @op: the operations; the result of each is its status
 * @pages: the pages
 * @count: how many
 *
 * Whatever is returned, what is mapped by its status has to be unmapped.
 *
 * Return: 0, or a negative errno that is not one of a single operation.
 */
int gntdev_pv_map(struct gnttab_map_grant_ref *op, struct page **pages,
		  unsigned int count)
{
	unsigned int i;
	int ret, err;

	ret = make_room(pages, count);
	if (ret)
		return ret;
	gntdev_selftest_before_map(op, count);
	ret = HYPERVISOR_grant_table_op(GNTTABOP_map_grant_ref, op, count);
	gntdev_selftest_after_map(op, count);
	for (i = 0; i < count; i++) {
		err = 0;
		if (op[i].status == GNTST_okay)
			note_frame(&op[i], pages[i]);
		else if (op[i].status == GNTST_eagain)
			/* The frame is on its way from a disk. */
			err = gnttab_map_refs(&op[i], NULL, &pages[i], 1);
		ret = ret ?: err;
	}
	return ret;
}

/* Of a backing page with a grant on it. */
static phys_addr_t machine_address(struct page *page)
{
	return PFN_PHYS(xen_p2m_addr[page_to_pfn(page)] & ~FOREIGN_FRAME_BIT);
}

/**
 * gntdev_pv_machine_addr - where a device finds a backing page with a grant on it
 * @dev: the device
 * @page: the page
 *
 * Return: the bus address.
 */
dma_addr_t gntdev_pv_machine_addr(struct device *dev, struct page *page)
{
	return phys_to_dma(dev, machine_address(page));
}

/**
 * gntdev_pv_unmap - unmap what gntdev_pv_map() mapped
 * @op: the operations; the result of each is its status
 * @pages: the pages
 * @count: how many
 *
 * What could not be unmapped stays as it is.
 */
void gntdev_pv_unmap(struct gnttab_unmap_grant_ref *op, struct page **pages,
		     unsigned int count)
{
	unsigned int i;

	/* Without its address, Xen would keep the device's mapping. */
	for (i = 0; i < count; i++)
		op[i].dev_bus_addr = machine_address(pages[i]);
	HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, op, count);
	for (i = 0; i < count; i++) {
		if (op[i].status != GNTST_okay)
			continue;
		ClearPageForeign(pages[i]);
		WRITE_ONCE(xen_p2m_addr[page_to_pfn(pages[i])],
			   INVALID_P2M_ENTRY);
	}
}
