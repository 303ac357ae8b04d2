// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped grants in auto-translated domains (PVH, HVM, ARM).
 *
 * There, a page that a grant is mapped at is the foreign frame, for every page
 * table of the kernel. It is used as any other page.
 */

#include <linux/dma-direct.h>
#include <linux/iommu.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "gntdev-common.h"

static void xlate_vma_open(struct vm_area_struct *vma)
{
	struct gntdev_vma *gv = vma->vm_private_data;

	refcount_inc(&gv->users);
}

static void xlate_vma_close(struct vm_area_struct *vma)
{
	struct gntdev_vma *gv = vma->vm_private_data;

	if (!refcount_dec_and_test(&gv->users))
		return;
	gntdev_vma_fini(gv);
	kfree(gv);
}

static const struct vm_operations_struct xlate_vm_ops = {
	.open = xlate_vma_open,
	.close = xlate_vma_close,
};

static struct gntdev_vma *xlate_mmap(struct gntdev_mapping *mapping,
				     struct vm_area_struct *vma)
{
	struct gntdev_vma *gv;
	int ret;

	gv = kzalloc(sizeof(*gv), GFP_KERNEL_ACCOUNT);
	if (!gv)
		return ERR_PTR(-ENOMEM);
	gntdev_vma_init(gv, mapping);
	ret = vm_map_pages_zero(vma, mapping->pages, mapping->refs->count);
	if (ret) {
		/* The pages already inserted go with the VMA; until then the
		 * references to them keep the grants mapped.
		 */
		gntdev_vma_fini(gv);
		kfree(gv);
		return ERR_PTR(ret);
	}
	vma->vm_private_data = gv;
	vma->vm_ops = &xlate_vm_ops;
	return gv;
}

static vm_fault_t xlate_dmabuf_fault(struct vm_fault *vmf)
{
	struct gntdev_mapping *mapping = vmf->vma->vm_private_data;

	if (vmf->pgoff >= mapping->refs->count)
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address,
			      page_to_pfn(mapping->pages[vmf->pgoff]));
}

static const struct vm_operations_struct xlate_dmabuf_vm_ops = {
	.fault = xlate_dmabuf_fault,
};

/* The VMA's file is the dma-buf, which owns the mapping. */
static int xlate_mmap_dmabuf(struct gntdev_mapping *mapping,
			     struct vm_area_struct *vma, unsigned long first)
{
	vma->vm_private_data = mapping;
	vma->vm_ops = &xlate_dmabuf_vm_ops;
	if (mapping->dma && mapping->dma->attrs & DMA_ATTR_WRITE_COMBINE)
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	return 0;
}

static pgprot_t kernel_prot(struct gntdev_mapping *mapping)
{
	if (mapping->dma && mapping->dma->attrs & DMA_ATTR_WRITE_COMBINE)
		return pgprot_writecombine(PAGE_KERNEL);
	return PAGE_KERNEL;
}

static int xlate_vmap(struct gntdev_mapping *mapping, struct iosys_map *where)
{
	void *vaddr;

	if (mapping->consecutive && !mapping->dma) {
		iosys_map_set_vaddr(where, page_address(mapping->pages[0]));
		return 0;
	}
	vaddr = vmap(mapping->pages, mapping->refs->count, VM_MAP,
		     kernel_prot(mapping));
	if (!vaddr)
		return -ENOMEM;
	iosys_map_set_vaddr(where, vaddr);
	return 0;
}

static void xlate_vunmap(struct gntdev_mapping *mapping,
			 struct iosys_map *where)
{
	if (is_vmalloc_addr(where->vaddr))
		vunmap(where->vaddr);
}

/* An IOMMU may put the page anywhere; without one, a copy has another address. */
static bool xlate_bus_addr_ok(struct device *dev, struct page *page,
			      dma_addr_t addr)
{
	return device_iommu_mapped(dev) ||
	       addr == phys_to_dma(dev, page_to_phys(page));
}

static bool xlate_may_grant(unsigned long pfn)
{
	struct page *page;

	if (!pfn_valid(pfn))
		return false;
	page = pfn_to_page(pfn);
	return !PageReserved(page) && !is_zone_device_page(page) &&
	       !PageForeign(page);
}

const struct gntdev_mode gntdev_xlate_mode = {
	.map_flags = GNTMAP_host_map,
	.mmap = xlate_mmap,
	.mmap_dmabuf = xlate_mmap_dmabuf,
	.vmap = xlate_vmap,
	.vunmap = xlate_vunmap,
	.bus_addr_ok = xlate_bus_addr_ok,
	.may_grant = xlate_may_grant,
};
