/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the linker calls functions of the kernel in the driver for tests: a call
 * of f() is one of __wrap_f(), and __real_f() is f().
 */
#ifndef _XEN_GNTDEV_SELFTEST_WRAP_H
#define _XEN_GNTDEV_SELFTEST_WRAP_H

#include <linux/dma-mapping.h>

#include <xen/grant_table.h>

#define GNTDEV_WRAP(type, name, ...)		\
	type __wrap_ ## name(__VA_ARGS__);	\
	type __real_ ## name(__VA_ARGS__)

GNTDEV_WRAP(int, gnttab_map_refs, struct gnttab_map_grant_ref *op,
	    struct gnttab_map_grant_ref *kop, struct page **pages,
	    unsigned int count);
GNTDEV_WRAP(void, gnttab_batch_copy, struct gnttab_copy *op,
	    unsigned int count);
GNTDEV_WRAP(int, gnttab_alloc_pages, int count, struct page **pages);
GNTDEV_WRAP(void, gnttab_free_pages, int count, struct page **pages);
GNTDEV_WRAP(void *, dma_alloc_attrs, struct device *dev, size_t size,
	    dma_addr_t *dma, gfp_t gfp, unsigned long attrs);
GNTDEV_WRAP(void, dma_free_attrs, struct device *dev, size_t size, void *vaddr,
	    dma_addr_t dma, unsigned long attrs);
GNTDEV_WRAP(int, gnttab_alloc_grant_references, u16 count, grant_ref_t *head);
GNTDEV_WRAP(void, gnttab_grant_foreign_access_ref, grant_ref_t ref,
	    domid_t domid, unsigned long frame, int readonly);
GNTDEV_WRAP(int, gnttab_try_end_foreign_access, grant_ref_t ref);
GNTDEV_WRAP(int, xenmem_reservation_increase, int count, xen_pfn_t *frames);
GNTDEV_WRAP(int, xenmem_reservation_decrease, int count, xen_pfn_t *frames);
GNTDEV_WRAP(int, xenmem_reservation_increase_frames, int count,
	    xen_pfn_t *frames);
GNTDEV_WRAP(int, xenmem_reservation_decrease_frames, int count,
	    xen_pfn_t *frames);

#endif /* _XEN_GNTDEV_SELFTEST_WRAP_H */
