// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver for tests calls in the place of functions of the kernel, which
 * fail when a test wants it, and are counted. The driver's own files need no
 * hooks for that: the linker redirects their calls (--wrap).
 */

#include <linux/dma-mapping.h>

#include <xen/grant_table.h>
#include <xen/page.h>

#include "gntdev-selftest.h"
#include "gntdev-selftest-wrap.h"

/* Nobody has that many. */
#define NO_REF		((grant_ref_t)~0)

int __wrap_gnttab_map_refs(struct gnttab_map_grant_ref *op,
			   struct gnttab_map_grant_ref *kop,
			   struct page **pages, unsigned int count)
{
	int ret;

	gntdev_selftest_before_map(op, count);
	ret = __real_gnttab_map_refs(op, kop, pages, count);
	gntdev_selftest_after_map(op, count);
	return ret;
}

void __wrap_gnttab_batch_copy(struct gnttab_copy *op, unsigned int count)
{
	struct gnttab_copy_ptr *foreign;
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (!gntdev_selftest_fails(GNTDEV_FAIL_COPY))
			continue;
		foreign = op[i].flags & GNTCOPY_source_gref ? &op[i].source :
							      &op[i].dest;
		foreign->u.ref = NO_REF;
	}
	__real_gnttab_batch_copy(op, count);
}

int __wrap_gnttab_alloc_pages(int count, struct page **pages)
{
	int ret = -ENOMEM;

	if (!gntdev_selftest_fails(GNTDEV_FAIL_PAGES))
		ret = __real_gnttab_alloc_pages(count, pages);
	if (!ret)
		gntdev_selftest_hold(GNTDEV_HELD_PAGES, count);
	return ret;
}

void __wrap_gnttab_free_pages(int count, struct page **pages)
{
	gntdev_selftest_hold(GNTDEV_HELD_PAGES, -count);
	__real_gnttab_free_pages(count, pages);
}

void *__wrap_dma_alloc_attrs(struct device *dev, size_t size, dma_addr_t *dma,
			     gfp_t gfp, unsigned long attrs)
{
	void *vaddr = NULL;

	if (!gntdev_selftest_fails(GNTDEV_FAIL_PAGES))
		vaddr = __real_dma_alloc_attrs(dev, size, dma, gfp, attrs);
	if (vaddr)
		gntdev_selftest_hold(GNTDEV_HELD_PAGES, size >> PAGE_SHIFT);
	return vaddr;
}

void __wrap_dma_free_attrs(struct device *dev, size_t size, void *vaddr,
			   dma_addr_t dma, unsigned long attrs)
{
	gntdev_selftest_hold(GNTDEV_HELD_PAGES, -(int)(size >> PAGE_SHIFT));
	__real_dma_free_attrs(dev, size, vaddr, dma, attrs);
}

unsigned long __wrap_get_zeroed_page(gfp_t gfp)
{
	unsigned long vaddr = 0;

	if (!gntdev_selftest_fails(GNTDEV_FAIL_PAGES))
		vaddr = __real_get_zeroed_page(gfp);
	if (vaddr)
		gntdev_selftest_hold(GNTDEV_HELD_PAGES, 1);
	return vaddr;
}

void __wrap_free_pages(unsigned long vaddr, unsigned int order)
{
	gntdev_selftest_hold(GNTDEV_HELD_PAGES, -(1 << order));
	__real_free_pages(vaddr, order);
}

int __wrap_gnttab_alloc_grant_references(u16 count, grant_ref_t *head)
{
	if (gntdev_selftest_fails(GNTDEV_FAIL_REFS))
		return -ENOSPC;
	return __real_gnttab_alloc_grant_references(count, head);
}

void __wrap_gnttab_grant_foreign_access_ref(grant_ref_t ref, domid_t domid,
					    unsigned long frame, int readonly)
{
	__real_gnttab_grant_foreign_access_ref(ref, domid, frame, readonly);
	gntdev_selftest_hold(GNTDEV_HELD_GRANTED, 1);
}

int __wrap_gnttab_try_end_foreign_access(grant_ref_t ref)
{
	int ret = 0;

	if (!gntdev_selftest_fails(GNTDEV_FAIL_BUSY))
		ret = __real_gnttab_try_end_foreign_access(ref);
	if (ret)
		gntdev_selftest_hold(GNTDEV_HELD_GRANTED, -1);
	return ret;
}

/* How many elements come before the one that is to fail. */
static int good_frames(int count)
{
	int i;

	for (i = 0; i < count; i++)
		if (gntdev_selftest_fails(GNTDEV_FAIL_FRAMES))
			return i;
	return count;
}

static void hold_frames(int done, int frames_each)
{
	if (done)
		gntdev_selftest_hold(GNTDEV_HELD_FRAMES, done * frames_each);
}

int __wrap_xenmem_reservation_increase(int count, xen_pfn_t *frames)
{
	int ret = __real_xenmem_reservation_increase(good_frames(count),
						     frames);

	hold_frames(max(ret, 0), -(int)XEN_PFN_PER_PAGE);
	return ret;
}

int __wrap_xenmem_reservation_decrease(int count, xen_pfn_t *frames)
{
	int ret = __real_xenmem_reservation_decrease(good_frames(count),
						     frames);

	hold_frames(max(ret, 0), XEN_PFN_PER_PAGE);
	return ret;
}

int __wrap_xenmem_reservation_increase_frames(int count, xen_pfn_t *frames)
{
	int ret = __real_xenmem_reservation_increase_frames(good_frames(count),
							    frames);

	hold_frames(max(ret, 0), -1);
	return ret;
}

int __wrap_xenmem_reservation_decrease_frames(int count, xen_pfn_t *frames)
{
	int ret = __real_xenmem_reservation_decrease_frames(good_frames(count),
							    frames);

	hold_frames(max(ret, 0), 1);
	return ret;
}
