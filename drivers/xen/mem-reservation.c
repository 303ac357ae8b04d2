// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory reservation: how many frames the hypervisor lends this domain.
 */

#include <linux/kernel.h>
#include <linux/export.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>

#include <asm/xen/hypercall.h>
#include <xen/interface/memory.h>
#include <xen/mem-reservation.h>

bool __read_mostly xen_scrub_pages = IS_ENABLED(CONFIG_XEN_SCRUB_PAGES_DEFAULT);
core_param(xen_scrub_pages, xen_scrub_pages, bool, 0);

/* A page of the kernel. */
#define PAGE_EXTENT_ORDER	ilog2(XEN_PFN_PER_PAGE)

/* Each element of a list covers 2^order frames. */
static int xenmem_reservation_op(unsigned int cmd, unsigned int order,
				 int count, xen_pfn_t *frames)
{
	struct xen_memory_reservation reservation = {
		.extent_order = order,
		.nr_extents   = count,
		.domid        = DOMID_SELF,
	};

	set_xen_guest_handle(reservation.extent_start, frames);
	return HYPERVISOR_memory_op(cmd, &reservation);
}

/**
 * xenmem_reservation_increase - get frames for pages that have none
 * @count: number of pages
 * @frames: in: the guest frame number of each page;
 *	out: in a PV domain, the machine frames they got
 *
 * May sleep. The caller owns the pages before and after; on success it calls
 * xenmem_reservation_va_mapping_update() before it touches them.
 *
 * Return: how many pages, from the first on, have a frame now. Fewer than
 * @count when the hypervisor has no memory to lend, or a negative errno.
 */
int xenmem_reservation_increase(int count, xen_pfn_t *frames)
{
	return xenmem_reservation_op(XENMEM_populate_physmap,
				     PAGE_EXTENT_ORDER, count, frames);
}
EXPORT_SYMBOL_GPL(xenmem_reservation_increase);

/**
 * xenmem_reservation_decrease - give frames back to the hypervisor
 * @count: number of pages
 * @frames: frame of each page, as xen_page_to_gfn() told before
 *	xenmem_reservation_va_mapping_reset()
 *
 * May sleep. Nothing must be able to reach the pages any more: no mapping, no
 * cached translation, no device.
 *
 * Return: how many pages, from the first on, have no frame now, or a negative
 * errno.
 */
int xenmem_reservation_decrease(int count, xen_pfn_t *frames)
{
	return xenmem_reservation_op(XENMEM_decrease_reservation,
				     PAGE_EXTENT_ORDER, count, frames);
}
EXPORT_SYMBOL_GPL(xenmem_reservation_decrease);

/**
 * xenmem_reservation_increase_frames - get single frames
 * @count: number of frames
 * @frames: the guest frame numbers that have none
 *
 * For domains whose pages are larger than a frame, all of them auto-translated.
 * May sleep.
 *
 * Return: how many, from the first on, are there now, or a negative errno.
 */
int xenmem_reservation_increase_frames(int count, xen_pfn_t *frames)
{
	return xenmem_reservation_op(XENMEM_populate_physmap, 0, count, frames);
}
EXPORT_SYMBOL_GPL(xenmem_reservation_increase_frames);

/**
 * xenmem_reservation_decrease_frames - give single frames back
 * @count: number of frames
 * @frames: their guest frame numbers
 *
 * For domains whose pages are larger than a frame, all of them auto-translated.
 * May sleep. Nothing may touch the frames any more.
 *
 * Return: how many, from the first on, are gone, or a negative errno.
 */
int xenmem_reservation_decrease_frames(int count, xen_pfn_t *frames)
{
	return xenmem_reservation_op(XENMEM_decrease_reservation, 0, count,
				     frames);
}
EXPORT_SYMBOL_GPL(xenmem_reservation_decrease_frames);
