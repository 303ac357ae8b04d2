// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped grants in auto-translated domains (PVH, HVM, ARM).
 *
 * There, a page that a grant is mapped at is the foreign frame, for every page
 * table of the kernel. It is used as any other page.
 */

#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <asm/xen/hypercall.h>
#include <xen/features.h>
#include <xen/interface/event_channel.h>
#include <xen/page.h>

#include "gntdev-common.h"

/* Number of this domain, which is another one after it was saved and restored. */
static domid_t own_domid;

/* Xen tells it as the other end of an event channel to oneself. */
static int read_own_domid(void)
{
	struct evtchn_alloc_unbound alloc = {
		.dom = DOMID_SELF,
		.remote_dom = DOMID_SELF,
	};
	struct evtchn_status status = { .dom = DOMID_SELF };
	struct evtchn_close close;
	int ret;

	ret = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);
	if (ret)
		return ret;
	status.port = alloc.port;
	ret = HYPERVISOR_event_channel_op(EVTCHNOP_status, &status);
	if (!ret)
		WRITE_ONCE(own_domid, status.u.unbound.dom);
	close.port = alloc.port;
	HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
	return ret;
}

/* Without a free event channel, it is taken for what it was. */
static void xlate_opened(void)
{
	if (IS_ENABLED(CONFIG_X86))
		read_own_domid();
}

/*
 * On x86, mapping a page of one's own moves it: Xen takes it away from where
 * the granter has it, who finds a hole there. Before anybody is refused, Xen is
 * asked again.
 */
static bool xlate_may_map(domid_t domid)
{
	if (!IS_ENABLED(CONFIG_X86) || domid != READ_ONCE(own_domid))
		return true;
	return !read_own_domid() && domid != READ_ONCE(own_domid);
}

static int xlate_map(struct gnttab_map_grant_ref *op, struct page **pages,
		     unsigned int count)
{
	return gnttab_map_refs(op, NULL, pages, count);
}

static void xlate_unmap(struct gnttab_unmap_grant_ref *op, struct page **pages,
			unsigned int count)
{
	gnttab_unmap_refs(op, NULL, pages, count);
}

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

/* Pages that the kernel took out of the page table, as MADV_DONTNEED does. */
static vm_fault_t xlate_vma_fault(struct vm_fault *vmf)
{
	struct gntdev_vma *gv = vmf->vma->vm_private_data;
	unsigned long page = vmf->pgoff - gv->pgoff;

	if (page >= gntdev_nr_pages(gv->mapping->refs))
		return VM_FAULT_SIGBUS;
	return vmf_insert_page(vmf->vma, vmf->address,
			       gv->mapping->pages[page]);
}

static const struct vm_operations_struct xlate_vm_ops = {
	.open = xlate_vma_open,
	.close = xlate_vma_close,
	.fault = xlate_vma_fault,
};

static struct gntdev_vma *xlate_mmap(struct gntdev_mapping *mapping,
				     struct vm_area_struct *vma)
{
	struct gntdev_vma *gv;
	int ret;

	gv = kzalloc(sizeof(*gv), GFP_KERNEL_ACCOUNT);
	if (!gv)
		return ERR_PTR(-ENOMEM);
	gntdev_vma_init(gv, mapping, vma->vm_pgoff);
	ret = vm_map_pages_zero(vma, mapping->pages,
				gntdev_nr_pages(mapping->refs));
	if (ret) {
		/* References of pages inserted already keep those mapped. */
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

	if (vmf->pgoff >= gntdev_nr_pages(mapping->refs))
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address,
			      page_to_pfn(mapping->pages[vmf->pgoff]));
}

static const struct vm_operations_struct xlate_dmabuf_vm_ops = {
	.fault = xlate_dmabuf_fault,
};

/*
 * The VMA's file is the dma-buf, which owns the mapping. It is cached, whatever
 * the DMA API has its pages for: what domains share is to be so on ARM, and a
 * mapping that is not would miss what the granting domain has in its caches.
 */
static int xlate_mmap_dmabuf(struct gntdev_mapping *mapping,
			     struct vm_area_struct *vma, unsigned long first)
{
	vma->vm_private_data = mapping;
	vma->vm_ops = &xlate_dmabuf_vm_ops;
	return 0;
}

static int xlate_vmap(struct gntdev_mapping *mapping)
{
	mapping->vaddr = vmap(mapping->pages, gntdev_nr_pages(mapping->refs),
			      VM_MAP, PAGE_KERNEL);
	return mapping->vaddr ? 0 : -ENOMEM;
}

static void xlate_vunmap(struct gntdev_mapping *mapping)
{
	vunmap(mapping->vaddr);
}

/*
 * On ARM, the frames of the first domain are where it sees them, so that its
 * devices reach them, and those that it maps grants of are elsewhere. For
 * other domains, if they have devices at all, there is an IOMMU that the
 * hypervisor keeps in step with what the domain sees.
 */
static bool direct_mapped(void)
{
	if (IS_ENABLED(CONFIG_X86))
		return false;
	return xen_feature(XENFEAT_direct_mapped) ||
	       (!xen_feature(XENFEAT_not_direct_mapped) &&
		xen_initial_domain());
}

/* Does the kernel itself translate what the device uses as addresses? */
static struct iommu_domain *translation(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && (domain->type & __IOMMU_DOMAIN_PAGING) ? domain : NULL;
}

/*
 * Only the description of a device by the firmware makes the DMA API translate
 * to machine addresses. Not all devices without one are made up.
 */
static bool xlate_machine_addressed(struct device *dev)
{
	return direct_mapped() && !translation(dev);
}

/* Frames that share a page of the kernel have to be consecutive. */
static dma_addr_t xlate_machine_addr(struct device *dev, struct page *page)
{
	unsigned long pfn = page_to_xen_pfn(page);
	unsigned long bfn = pfn_to_bfn(pfn);
	unsigned int i;

	for (i = 1; i < XEN_PFN_PER_PAGE; i++)
		if (pfn_to_bfn(pfn + i) != bfn + i)
			return DMA_MAPPING_ERROR;
	return phys_to_dma(dev, (phys_addr_t)bfn << XEN_PAGE_SHIFT);
}

/* Asks nothing of a device for which addresses are translated. */
static bool xlate_reachable(struct device *dev, struct page **pages,
			    unsigned int count)
{
	unsigned int i;

	if (get_dma_ops(dev) || translation(dev))
		return true;
	for (i = 0; i < count; i++)
		if (!dma_capable(dev, phys_to_dma(dev, page_to_phys(pages[i])),
				 PAGE_SIZE, true))
			return false;
	return true;
}

/* An IOMMU knows nothing of machine frames. */
static bool iova_ok(struct iommu_domain *domain, struct page **pages,
		    unsigned int count, dma_addr_t iova)
{
	unsigned int i;

	if (direct_mapped())
		return false;
	for (i = 0; i < count; i++, iova += PAGE_SIZE)
		if (iommu_iova_to_phys(domain, iova) != page_to_phys(pages[i]))
			return false;
	return true;
}

/*
 * The device must see the granted frames, not pages bounced for them: neither
 * an IOMMU's translation nor the address itself may lead elsewhere.
 */
static bool xlate_bus_addrs_ok(struct device *dev, struct page **pages,
			       unsigned int count, dma_addr_t addr)
{
	struct iommu_domain *domain = translation(dev);
	unsigned int i;

	if (domain)
		return iova_ok(domain, pages, count, addr);
	for (i = 0; i < count; i++, addr += PAGE_SIZE)
		if (addr != phys_to_dma(dev, page_to_phys(pages[i])))
			return false;
	return true;
}

/* What is mapped of other domains is noted per frame on ARM, else per page. */
static bool frames_are_own(unsigned long pfn)
{
	unsigned long frame = pfn * XEN_PFN_PER_PAGE;
	unsigned int i;

	for (i = 0; i < XEN_PFN_PER_PAGE; i++)
		if (pfn_to_bfn(frame + i) != frame + i)
			return false;
	return true;
}

static bool page_is_own(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);

	return !PageReserved(page) && !is_zone_device_page(page) &&
	       !(PageForeign(page) && PagePrivate(page)) && frames_are_own(pfn);
}

static bool xlate_own_frames(xen_pfn_t *frames, unsigned int count)
{
	unsigned long pfn;
	unsigned int i, j;

	for (i = 0; i < count; i += XEN_PFN_PER_PAGE) {
		pfn = frames[i];
		if (!page_is_own(pfn))
			return false;
		for (j = 0; j < XEN_PFN_PER_PAGE; j++)
			frames[i + j] = pfn_to_gfn(pfn * XEN_PFN_PER_PAGE + j);
	}
	return true;
}

const struct gntdev_mode gntdev_xlate_mode = {
	.init = read_own_domid,
	.opened = xlate_opened,
	.may_map = xlate_may_map,
	.map = xlate_map,
	.unmap = xlate_unmap,
	.map_flags = GNTMAP_host_map,
	.scattered = !IS_ENABLED(CONFIG_X86),
	.mmap = xlate_mmap,
	.mmap_dmabuf = xlate_mmap_dmabuf,
	.vmap = xlate_vmap,
	.vunmap = xlate_vunmap,
	.machine_addressed = xlate_machine_addressed,
	.machine_addr = xlate_machine_addr,
	.reachable = xlate_reachable,
	.bus_addrs_ok = xlate_bus_addrs_ok,
	.own_frames = xlate_own_frames,
};
