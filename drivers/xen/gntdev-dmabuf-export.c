// SPDX-License-Identifier: GPL-2.0-only
/*
 * Export: a dma-buf made of frames that another domain granted.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <trace/events/gntdev.h>

#include "gntdev-dmabuf.h"

/* Checked first, synchronized after: a copy must never be written back. */
#define MAP_ATTRS	(DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_NO_WARN)

/**
 * struct gntdev_export - an exported dma-buf
 * @buffer: what it has in common with imports
 * @mapping: its memory
 * @lock: protects @attachments and the making of a vmap
 * @attachments: those that are mapped for their device
 */
struct gntdev_export {
	struct gntdev_buffer buffer;
	struct gntdev_mapping *mapping;
	struct mutex lock;	/* of the attachments */
	struct list_head attachments;
};

/**
 * struct gntdev_attached - the buffer, mapped for a device
 * @link: in gntdev_export.attachments
 * @dir: direction it was mapped for
 * @sgt: where the device finds the pages
 * @dev: the device that the DMA API keeps the caches for; NULL if it need not
 * @mapped: the pages as mapped for @dev; @sgt or @own
 * @own: the pages as mapped for gntdev's own device
 */
struct gntdev_attached {
	struct list_head link;
	enum dma_data_direction dir;
	struct sg_table sgt;
	struct device *dev;
	struct sg_table *mapped;
	struct sg_table own;
};

/* Every address the device is given must be that of the granted frame. */
static int check_bus_addrs(struct gntdev_mapping *m, struct gntdev_attached *a)
{
	unsigned int n, i, left = gntdev_nr_pages(m->refs);
	const struct gntdev_mode *mode = gntdev_mode();
	struct page **pages = m->pages;
	struct scatterlist *sg;

	for_each_sgtable_dma_sg(a->mapped, sg, i) {
		n = sg_dma_len(sg) >> PAGE_SHIFT;
		if (n > left || !PAGE_ALIGNED(sg_dma_len(sg)) ||
		    !mode->bus_addrs_ok(a->dev, pages, n, sg_dma_address(sg)))
			return -EOPNOTSUPP;
		pages += n;
		left -= n;
	}
	return left ? -EOPNOTSUPP : 0;
}

static int list_each_page(struct page **pages, unsigned int count,
			  struct sg_table *sgt)
{
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	ret = sg_alloc_table(sgt, count, GFP_KERNEL);
	if (ret)
		return ret;
	for_each_sgtable_sg(sgt, sg, i)
		sg_set_page(sg, pages[i], PAGE_SIZE, 0);
	return 0;
}

/**
 * gntdev_export_table - list pages for a device
 * @mode: whether consecutive pages may have scattered bus addresses
 * @pages: the pages
 * @count: number of them
 * @limit: the most bytes that the device takes as one
 * @sgt: gets the entries, as few as is allowed
 *
 * Return: 0 or -ENOMEM.
 */
int gntdev_export_table(const struct gntdev_mode *mode, struct page **pages,
			unsigned int count, unsigned int limit,
			struct sg_table *sgt)
{
	unsigned int segment = max_t(unsigned int, PAGE_SIZE,
				     ALIGN_DOWN(limit, (unsigned int)PAGE_SIZE));

	if (mode->scattered)
		return list_each_page(pages, count, sgt);
	return sg_alloc_table_from_pages_segment(sgt, pages, count, 0,
						 (size_t)count << PAGE_SHIFT,
						 segment, GFP_KERNEL);
}

static int alloc_table(struct gntdev_mapping *m, struct device *dev,
		       struct sg_table *sgt)
{
	return gntdev_export_table(gntdev_mode(), m->pages,
				   gntdev_nr_pages(m->refs),
				   dma_get_max_seg_size(dev), sgt);
}

static bool all_reachable(struct gntdev_mapping *m, struct device *dev)
{
	const struct gntdev_mode *mode = gntdev_mode();

	return !mode->reachable ||
	       mode->reachable(dev, m->pages, gntdev_nr_pages(m->refs));
}

static int map_by_dma_api(struct gntdev_mapping *m, struct gntdev_attached *a,
			  struct device *dev, struct sg_table *sgt)
{
	int ret;

	if (!all_reachable(m, dev))
		return -EOPNOTSUPP;
	ret = dma_map_sgtable(dev, sgt, a->dir, MAP_ATTRS);
	if (ret)
		return ret;
	a->dev = dev;
	a->mapped = sgt;
	ret = check_bus_addrs(m, a);
	if (ret)
		dma_unmap_sgtable(dev, sgt, a->dir, MAP_ATTRS);
	else
		dma_sync_sgtable_for_device(dev, sgt, a->dir);
	return ret;
}

/*
 * The device is told the machine frames. The DMA API might bounce. To keep the
 * caches for a device that is not coherent, it might look for memory of this
 * domain at the address of a foreign frame, or have the hypervisor throw away
 * what the granting domain has in them. They are kept at the addresses of this
 * domain instead, those of gntdev's own device: there, the processor writes
 * back whatever it invalidates.
 */
static int map_machine_frames(struct gntdev_mapping *m,
			      struct gntdev_attached *a, struct device *dev)
{
	const struct gntdev_mode *mode = gntdev_mode();
	dma_addr_t addr, highest = 0;
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	for_each_sgtable_sg(&a->sgt, sg, i) {
		addr = mode->machine_addr(dev, m->pages[i]);
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = PAGE_SIZE;
		highest = max(highest, addr);
	}
	if (!dev->dma_mask || !dma_capable(dev, highest, PAGE_SIZE, true))
		return -EOPNOTSUPP;
	if (dev_is_dma_coherent(dev))
		return 0;
	ret = alloc_table(m, gntdev_device(), &a->own);
	if (ret)
		return ret;
	ret = map_by_dma_api(m, a, gntdev_device(), &a->own);
	if (ret)
		sg_free_table(&a->own);
	return ret;
}

static int map_for_device(struct gntdev_mapping *m, struct gntdev_attached *a,
			  struct device *dev)
{
	const struct gntdev_mode *mode = gntdev_mode();
	int ret;

	ret = alloc_table(m, dev, &a->sgt);
	if (ret)
		return ret;
	if (mode->machine_addressed && mode->machine_addressed(dev))
		ret = map_machine_frames(m, a, dev);
	else
		ret = map_by_dma_api(m, a, dev, &a->sgt);
	if (ret) {
		pr_debug_ratelimited("%s cannot reach the frames of a buffer\n",
				     dev_name(dev));
		trace_gntdev_refused(GNTDEV_REASON_DEVICE, m->refs->domid, 0,
				     ret);
		sg_free_table(&a->sgt);
	}
	return ret;
}

/*
 * A driver may want a vmap later, and that must not fail then: the grants are
 * mapped once more, if need be, while there is somebody to tell.
 */
static int export_attach(struct dma_buf *dmabuf,
			 struct dma_buf_attachment *attach)
{
	struct gntdev_export *exp = dmabuf->priv;
	int ret;

	mutex_lock(&exp->lock);
	ret = gntdev_mapping_vmap(exp->mapping);
	mutex_unlock(&exp->lock);
	return ret;
}

static struct sg_table *export_map(struct dma_buf_attachment *attach,
				   enum dma_data_direction dir)
{
	struct gntdev_export *exp = attach->dmabuf->priv;
	struct gntdev_attached *a;
	int ret;

	if (exp->mapping->readonly && dir == DMA_FROM_DEVICE)
		return ERR_PTR(-EACCES);
	a = kzalloc(sizeof(*a), GFP_KERNEL);
	if (!a)
		return ERR_PTR(-ENOMEM);
	a->dir = dir;
	ret = map_for_device(exp->mapping, a, attach->dev);
	if (ret) {
		kfree(a);
		return ERR_PTR(ret);
	}
	mutex_lock(&exp->lock);
	list_add(&a->link, &exp->attachments);
	mutex_unlock(&exp->lock);
	return &a->sgt;
}

static void export_unmap(struct dma_buf_attachment *attach,
			 struct sg_table *sgt, enum dma_data_direction dir)
{
	struct gntdev_export *exp = attach->dmabuf->priv;
	struct gntdev_attached *a = container_of(sgt, struct gntdev_attached,
						 sgt);

	mutex_lock(&exp->lock);
	list_del(&a->link);
	mutex_unlock(&exp->lock);
	if (a->dev)
		dma_unmap_sgtable(a->dev, a->mapped, a->dir, 0);
	sg_free_table(&a->own);
	sg_free_table(sgt);
	kfree(a);
}

static int export_begin_cpu_access(struct dma_buf *dmabuf,
				   enum dma_data_direction dir)
{
	struct gntdev_export *exp = dmabuf->priv;
	struct gntdev_attached *a;

	mutex_lock(&exp->lock);
	list_for_each_entry(a, &exp->attachments, link)
		if (a->dev)
			dma_sync_sgtable_for_cpu(a->dev, a->mapped, a->dir);
	mutex_unlock(&exp->lock);
	return 0;
}

static int export_end_cpu_access(struct dma_buf *dmabuf,
				 enum dma_data_direction dir)
{
	struct gntdev_export *exp = dmabuf->priv;
	struct gntdev_attached *a;

	mutex_lock(&exp->lock);
	list_for_each_entry(a, &exp->attachments, link)
		if (a->dev)
			dma_sync_sgtable_for_device(a->dev, a->mapped, a->dir);
	mutex_unlock(&exp->lock);
	return 0;
}

static int export_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct gntdev_export *exp = dmabuf->priv;

	/* Without the right to write, a shared mapping is only VM_MAYSHARE. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (exp->mapping->readonly) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	return gntdev_mode()->mmap_dmabuf(exp->mapping, vma, vma->vm_pgoff);
}

static int export_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct gntdev_export *exp = dmabuf->priv;
	int ret;

	mutex_lock(&exp->lock);
	ret = gntdev_mapping_vmap(exp->mapping);
	mutex_unlock(&exp->lock);
	if (!ret)
		iosys_map_set_vaddr(map, exp->mapping->vaddr);
	return ret;
}

static void export_free(struct gntdev_export *exp)
{
	mutex_destroy(&exp->lock);
	gntdev_buffer_fini(&exp->buffer);
	kfree(exp);
}

static void export_released(void *owner)
{
	struct gntdev_export *exp = owner;

	gntdev_buffer_over(&exp->buffer);
	export_free(exp);
}

static void export_release(struct dma_buf *dmabuf)
{
	struct gntdev_export *exp = dmabuf->priv;

	mutex_lock(&exp->buffer.table->lock);
	gntdev_buffer_release(&exp->buffer);
	mutex_unlock(&exp->buffer.table->lock);
	gntdev_mapping_put(exp->mapping);
}

const struct dma_buf_ops gntdev_export_ops = {
	.attach = export_attach,
	.map_dma_buf = export_map,
	.unmap_dma_buf = export_unmap,
	.begin_cpu_access = export_begin_cpu_access,
	.end_cpu_access = export_end_cpu_access,
	.mmap = export_mmap,
	.vmap = export_vmap,
	.release = export_release,
};

static struct gntdev_export *export_alloc(struct gntdev_dmabuf_table *table,
					  struct gntdev_refs *refs,
					  bool readonly, u32 dma_flags)
{
	struct gntdev_export *exp;

	exp = kzalloc(sizeof(*exp), GFP_KERNEL_ACCOUNT);
	if (!exp)
		return ERR_PTR(-ENOMEM);
	mutex_init(&exp->lock);
	INIT_LIST_HEAD(&exp->attachments);
	gntdev_buffer_init(&exp->buffer, table);
	exp->buffer.readonly = readonly;
	exp->buffer.domid = refs->domid;
	exp->buffer.count = refs->count;
	exp->buffer.length = (u64)refs->count << XEN_PAGE_SHIFT;
	exp->mapping = gntdev_mapping_create(refs, readonly, dma_flags);
	if (IS_ERR(exp->mapping)) {
		int ret = PTR_ERR(exp->mapping);

		export_free(exp);
		return ERR_PTR(ret);
	}
	exp->mapping->owner = exp;
	exp->mapping->released = export_released;
	return exp;
}

/* Programs can give it another name, as they can for any dma-buf. */
static int set_name(struct dma_buf *dmabuf, domid_t domid)
{
	char *name = kasprintf(GFP_KERNEL_ACCOUNT, "xen-d%u", domid);

	if (!name)
		return -ENOMEM;
	spin_lock(&dmabuf->name_lock);
	dmabuf->name = name;
	spin_unlock(&dmabuf->name_lock);
	return 0;
}

/**
 * gntdev_export_create - make a dma-buf of grants
 * @table: of the open file
 * @refs: the grants, all of one domain; the buffer takes its own reference
 * @readonly: map them for reading only
 * @dma_flags: 0, GNTDEV_DMA_FLAG_WC or GNTDEV_DMA_FLAG_COHERENT
 *
 * Return: the buffer, which nothing can find yet, or an ERR_PTR().
 */
struct dma_buf *gntdev_export_create(struct gntdev_dmabuf_table *table,
				     struct gntdev_refs *refs, bool readonly,
				     u32 dma_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct gntdev_export *exp;
	struct dma_buf *dmabuf;
	int ret;

	exp = export_alloc(table, refs, readonly, dma_flags);
	if (IS_ERR(exp))
		return ERR_CAST(exp);
	info.ops = &gntdev_export_ops;
	info.size = (size_t)refs->count << XEN_PAGE_SHIFT;
	info.flags = O_CLOEXEC | (exp->mapping->readonly ? O_RDONLY : O_RDWR);
	info.priv = exp;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		/* Also ends @exp. */
		gntdev_mapping_put(exp->mapping);
		return dmabuf;
	}
	ret = set_name(dmabuf, refs->domid);
	if (ret) {
		dma_buf_put(dmabuf);
		return ERR_PTR(ret);
	}
	return dmabuf;
}

/**
 * gntdev_export_buffer - the part of an export that imports have, too
 * @dmabuf: made by gntdev_export_create()
 *
 * Return: that part.
 */
struct gntdev_buffer *gntdev_export_buffer(struct dma_buf *dmabuf)
{
	struct gntdev_export *exp = dmabuf->priv;

	return &exp->buffer;
}

/**
 * gntdev_export_left - how many grants of an export are not unmapped yet
 * @buf: of an export that is not over; its table is locked
 *
 * Return: their number.
 */
unsigned int gntdev_export_left(struct gntdev_buffer *buf)
{
	struct gntdev_export *exp = container_of(buf, struct gntdev_export,
						 buffer);

	return READ_ONCE(exp->mapping->mapped) + atomic_read(&exp->mapping->lost);
}

/**
 * gntdev_export_check_count - whether so many grants make a dma-buf
 * @count: number of grants
 * @domid: the granting domain
 *
 * Users of a dma-buf count in pages of the kernel. A page that is only shared
 * in part would pretend that all of it is.
 *
 * Return: 0, -EINVAL or -EOPNOTSUPP.
 */
int gntdev_export_check_count(u32 count, u32 domid)
{
	if (!gntdev_count_valid(count))
		return -EINVAL;
	if (count % XEN_PFN_PER_PAGE) {
		pr_debug_ratelimited("%u frames do not make whole pages\n",
				     count);
		trace_gntdev_refused(GNTDEV_REASON_PART, domid, count,
				     -EOPNOTSUPP);
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * gntdev_export_refs - read references from user memory
 * @user: the references
 * @count: how many, valid
 * @domid: the granting domain
 *
 * Return: the set, owned by the caller, or an ERR_PTR().
 */
struct gntdev_refs *gntdev_export_refs(u32 __user *user, u32 count,
				       domid_t domid)
{
	struct gntdev_refs *refs;

	refs = gntdev_refs_alloc(count);
	if (!refs)
		return ERR_PTR(-ENOMEM);
	refs->domid = domid;
	if (copy_from_user(refs->ref, user,
			   array_size(count, sizeof(*user)))) {
		gntdev_refs_put(refs);
		return ERR_PTR(-EFAULT);
	}
	return refs;
}
