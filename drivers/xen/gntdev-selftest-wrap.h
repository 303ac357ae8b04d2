/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the linker calls functions of the kernel in the driver for tests: a call
 * of f() is one of __wrap_f(), and __real_f() is f().
 */
#ifndef _XEN_GNTDEV_SELFTEST_WRAP_H
#define _XEN_GNTDEV_SELFTEST_WRAP_H

#include <linux/dma-mapping.h>
#include <linux/gfp.h>

#include <xen/grant_table.h>

int __wrap_gnttab_map_refs(struct gnttab_map_grant_ref *op,
			   struct gnttab_map_grant_ref *kop,
			   struct page **pages, unsigned int count);
int __real_gnttab_map_refs(struct gnttab_map_grant_ref *op,
			   struct gnttab_map_grant_ref *kop,
			   struct page **pages, unsigned int count);

void __wrap_gnttab_batch_copy(struct gnttab_copy *op, unsigned int count);
void __real_gnttab_batch_copy(struct gnttab_copy *op, unsigned int count);

int __wrap_gnttab_alloc_pages(int count, struct page **pages);
int __real_gnttab_alloc_pages(int count, struct page **pages);

void __wrap_gnttab_free_pages(int count, struct page **pages);
void __real_gnttab_free_pages(int count, struct page **pages);

void *__wrap_dma_alloc_attrs(struct device *dev, size_t size, dma_addr_t *dma,
			     gfp_t gfp, unsigned long attrs);
void *__real_dma_alloc_attrs(struct device *dev, size_t size, dma_addr_t *dma,
			     gfp_t gfp, unsigned long attrs);

void __wrap_dma_free_attrs(struct device *dev, size_t size, void *vaddr,
			   dma_addr_t dma, unsigned long attrs);
void __real_dma_free_attrs(struct device *dev, size_t size, void *vaddr,
			   dma_addr_t dma, unsigned long attrs);

/* A macro around a function of another name, where allocations are profiled. */
#ifdef get_zeroed_page
#define __wrap_get_zeroed_page __wrap_get_zeroed_page_noprof
#define __real_get_zeroed_page __real_get_zeroed_page_noprof
#endif
unsigned long __wrap_get_zeroed_page(gfp_t gfp);
unsigned long __real_get_zeroed_page(gfp_t gfp);

void __wrap_free_pages(unsigned long vaddr, unsigned int order);
void __real_free_pages(unsigned long vaddr, unsigned int order);

int __wrap_gnttab_alloc_grant_references(u16 count, grant_ref_t *head);
int __real_gnttab_alloc_grant_references(u16 count, grant_ref_t *head);

void __wrap_gnttab_grant_foreign_access_ref(grant_ref_t ref, domid_t domid,
					    unsigned long frame, int readonly);
void __real_gnttab_grant_foreign_access_ref(grant_ref_t ref, domid_t domid,
					    unsigned long frame, int readonly);

int __wrap_gnttab_try_end_foreign_access(grant_ref_t ref);
int __real_gnttab_try_end_foreign_access(grant_ref_t ref);

int __wrap_xenmem_reservation_increase(int count, xen_pfn_t *frames);
int __real_xenmem_reservation_increase(int count, xen_pfn_t *frames);

int __wrap_xenmem_reservation_decrease(int count, xen_pfn_t *frames);
int __real_xenmem_reservation_decrease(int count, xen_pfn_t *frames);

int __wrap_xenmem_reservation_increase_frames(int count, xen_pfn_t *frames);
int __real_xenmem_reservation_increase_frames(int count, xen_pfn_t *frames);

int __wrap_xenmem_reservation_decrease_frames(int count, xen_pfn_t *frames);
int __real_xenmem_reservation_decrease_frames(int count, xen_pfn_t *frames);

#endif /* _XEN_GNTDEV_SELFTEST_WRAP_H */
