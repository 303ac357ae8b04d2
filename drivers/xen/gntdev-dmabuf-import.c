// SPDX-License-Identifier: GPL-2.0-only
/*
 * Import: a local dma-buf, granted to another domain.
 *
 * The buffer is attached to a device of our own, for which a bus address is the
 * pseudo-physical address. No exporter's mapping is translated or bounced for
 * it, so the scatterlist names the very frames of the buffer.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include <xen/page.h>

#include <trace/events/gntdev.h>

#include "gntdev-dmabuf.h"

/* Grant references taken from the kernel's pool at a time. */
#define REFS_PER_ALLOC		1024U

static struct platform_device *import_pdev;

static dma_addr_t import_map_page(struct device *dev, struct page *page,
				  unsigned long offset, size_t size,
				  enum dma_data_direction dir,
				  unsigned long attrs)
{
	return page_to_phys(page) + offset;
}

static void import_unmap_page(struct device *dev, dma_addr_t addr, size_t size,
			      enum dma_data_direction dir, unsigned long attrs)
{
}

static int import_map_sg(struct device *dev, struct scatterlist *sgl, int nents,
			 enum dma_data_direction dir, unsigned long attrs)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		sg_dma_address(sg) = sg_phys(sg);
		sg_dma_len(sg) = sg->length;
	}
	return nents;
}

static void import_unmap_sg(struct device *dev, struct scatterlist *sgl,
			    int nents, enum dma_data_direction dir,
			    unsigned long attrs)
{
}

static const struct dma_map_ops import_dma_ops = {
	.map_page = import_map_page,
	.unmap_page = import_unmap_page,
	.map_sg = import_map_sg,
	.unmap_sg = import_unmap_sg,
};

static struct device_dma_parameters import_dma_parms = {
	.max_segment_size = UINT_MAX,
	.segment_boundary_mask = ULONG_MAX,
};

static int grant_some(struct gntdev_import *imp, const xen_pfn_t *frames,
		      unsigned int count)
{
	grant_ref_t *refs = imp->refs + imp->left;
	domid_t domid = imp->buffer.domid;
	bool readonly = imp->buffer.readonly;
	grant_ref_t head;
	unsigned int i;

	if (gnttab_alloc_grant_references(count, &head)) {
		trace_gntdev_refused(GNTDEV_REASON_NO_REFS, domid, count,
				     -ENOSPC);
		return -ENOSPC;
	}
	for (i = 0; i < count; i++) {
		refs[i] = gnttab_claim_grant_reference(&head);
		gnttab_grant_foreign_access_ref(refs[i], domid, frames[i],
						readonly);
	}
	imp->left += count;
	return 0;
}

/* Each page of the buffer has to be good, also those that are not granted. */
static int grant_range(struct gntdev_import *imp, unsigned int first)
{
	unsigned int all = imp->dmabuf->size >> XEN_PAGE_SHIFT;
	unsigned int count = imp->buffer.count;
	xen_pfn_t *frames;
	unsigned int i;
	int ret;

	frames = kvmalloc_array(all, sizeof(*frames), GFP_KERNEL_ACCOUNT);
	if (!frames)
		return -ENOMEM;
	ret = gntdev_sgt_to_frames(imp->sgt, all, frames);
	if (ret)
		trace_gntdev_refused(ret == -EINVAL ? GNTDEV_REASON_LAYOUT :
						      GNTDEV_REASON_NOT_RAM,
				     imp->buffer.domid, all, ret);
	for (i = 0; !ret && i < count; i += REFS_PER_ALLOC) {
		ret = grant_some(imp, frames + first + i,
				 min(count - i, REFS_PER_ALLOC));
		cond_resched();
	}
	kvfree(frames);
	return ret;
}

/* The other domain takes the part of the device. */
static enum dma_data_direction direction(const struct gntdev_import *imp)
{
	return imp->buffer.readonly ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
}

static void import_free(struct gntdev_import *imp)
{
	if (imp->sgt)
		dma_buf_unmap_attachment_unlocked(imp->attach, imp->sgt,
						  direction(imp));
	if (imp->attach)
		dma_buf_detach(imp->dmabuf, imp->attach);
	dma_buf_put(imp->dmabuf);
	kvfree(imp->refs);
	gntdev_buffer_fini(&imp->buffer);
	kfree(imp);
	module_put(THIS_MODULE);
}

/**
 * gntdev_end_grants - end those grants that the other domain does not map
 * @refs: the grants; those that are left are moved to its start
 * @count: number of them
 *
 * Return: how many are left.
 */
unsigned int gntdev_end_grants(grant_ref_t *refs, unsigned int count)
{
	unsigned int i, left = 0;

	for (i = 0; i < count; i++) {
		if (!gnttab_try_end_foreign_access(refs[i]))
			refs[left++] = refs[i];
		cond_resched();
	}
	return left;
}

/*
 * While the other domain maps one frame, the exporter must keep the buffer, and
 * so the attachment stays. That nothing is left is told by the handle being gone,
 * not before.
 */
static void import_end(struct work_struct *work)
{
	struct gntdev_import *imp = container_of(to_delayed_work(work),
						 struct gntdev_import,
						 retry.work);
	unsigned int left;

	left = gntdev_end_grants(imp->refs, imp->left);
	if (left) {
		WRITE_ONCE(imp->left, left);
		gntdev_retry_queue(&imp->retry);
		return;
	}
	gntdev_buffer_over(&imp->buffer);
	import_free(imp);
}

/**
 * gntdev_import_release - end the grants of an import, and it
 * @imp: never published, or marked as released by the caller
 *
 * Never waits: what the other domain still maps is ended in the background.
 */
void gntdev_import_release(struct gntdev_import *imp)
{
	import_end(&imp->retry.work.work);
}

static int import_attach(struct gntdev_import *imp)
{
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;

	attach = dma_buf_attach(imp->dmabuf, &import_pdev->dev);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	imp->attach = attach;
	sgt = dma_buf_map_attachment_unlocked(attach, direction(imp));
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	imp->sgt = sgt;
	return 0;
}

/* Takes over the reference to @dmabuf. */
static struct gntdev_import *import_alloc(struct gntdev_dmabuf_table *table,
					  struct dma_buf *dmabuf,
					  const struct gntdev_import_range *range)
{
	struct gntdev_import *imp;

	imp = kzalloc(sizeof(*imp), GFP_KERNEL_ACCOUNT);
	if (!imp) {
		dma_buf_put(dmabuf);
		return NULL;
	}
	__module_get(THIS_MODULE);
	gntdev_buffer_init(&imp->buffer, table);
	imp->buffer.import = true;
	imp->buffer.readonly = range->readonly;
	imp->buffer.domid = range->domid;
	imp->buffer.count = range->count;
	imp->buffer.length = (u64)range->count << XEN_PAGE_SHIFT;
	imp->dmabuf = dmabuf;
	gntdev_retry_init(&imp->retry, import_end);
	imp->refs = kvmalloc_array(range->count, sizeof(*imp->refs),
				   GFP_KERNEL_ACCOUNT);
	if (!imp->refs) {
		import_free(imp);
		return NULL;
	}
	return imp;
}

/**
 * gntdev_import_get - find the dma-buf behind a descriptor
 * @fd: the descriptor
 * @domid: the other domain
 * @readonly: the other domain will not be able to write
 *
 * What the other domain will be able to do, the descriptor must allow.
 *
 * Return: the dma-buf, with a reference for the caller, or an ERR_PTR().
 */
struct dma_buf *gntdev_import_get(int fd, u32 domid, bool readonly)
{
	const fmode_t need = readonly ? FMODE_READ : FMODE_READ | FMODE_WRITE;
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (IS_ERR(dmabuf) || (dmabuf->file->f_mode & need) == need)
		return dmabuf;
	trace_gntdev_refused(GNTDEV_REASON_MODE, domid, dmabuf->size,
			     -EACCES);
	dma_buf_put(dmabuf);
	return ERR_PTR(-EACCES);
}

/**
 * gntdev_import_create - grant frames of a dma-buf
 * @table: of the open file
 * @dmabuf: the buffer; the caller's reference is taken over
 * @range: what of it, valid and within the buffer
 *
 * Return: the import, which nothing can find yet, or an ERR_PTR().
 */
struct gntdev_import *gntdev_import_create(struct gntdev_dmabuf_table *table,
					   struct dma_buf *dmabuf,
					   const struct gntdev_import_range *range)
{
	struct gntdev_import *imp;
	int ret;

	if (dmabuf->ops == &gntdev_export_ops) {
		dma_buf_put(dmabuf);
		pr_debug_ratelimited("frames of another domain cannot be granted\n");
		trace_gntdev_refused(GNTDEV_REASON_FOREIGN, range->domid,
				     range->count, -EOPNOTSUPP);
		return ERR_PTR(-EOPNOTSUPP);
	}
	imp = import_alloc(table, dmabuf, range);
	if (!imp)
		return ERR_PTR(-ENOMEM);
	ret = import_attach(imp);
	if (!ret)
		ret = grant_range(imp, range->first);
	if (ret) {
		/* A peer may have guessed a reference and map it already. */
		gntdev_import_release(imp);
		return ERR_PTR(ret);
	}
	return imp;
}

/**
 * gntdev_import_init - create the device that buffers are attached to
 *
 * Return: 0 or a negative errno.
 */
int gntdev_import_init(void)
{
	struct device *dev;
	int ret;

	import_pdev = platform_device_alloc("xen-" GNTDEV_NAME "-import",
					    PLATFORM_DEVID_NONE);
	if (!import_pdev)
		return -ENOMEM;
	dev = &import_pdev->dev;
	set_dma_ops(dev, &import_dma_ops);
	dev->dma_parms = &import_dma_parms;
	ret = dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (!ret)
		ret = platform_device_add(import_pdev);
	if (ret)
		platform_device_put(import_pdev);
	return ret;
}

/**
 * gntdev_import_exit - undo gntdev_import_init()
 */
void gntdev_import_exit(void)
{
	platform_device_unregister(import_pdev);
}
