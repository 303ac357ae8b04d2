// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test module: mock exporter and importer of dma-bufs, see mock-dmabuf.h.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mem-attr.h"
#include "mock-dmabuf.h"

#define MAX_PAGES	64u
#define MAX_SINGLE	16384u
#define EXTRA_PAGES	3u
#define PIECE		512u
/* The local APIC of every x86 machine: no RAM. */
#define MMIO_ADDRESS	0xfee00000ull
#define NO_ADDRESS	BIT_ULL(45)

/* All but those of MOCK_SINGLE are one block, with a few pages to spare. */
struct mock_buffer {
	enum mock_kind kind;
	unsigned int count;
	unsigned int order;
	struct page *block;
	struct page **pages;
};

/*
 * What importers get is a copy: unmapping needs the addresses of the mapping,
 * which are those of the importer's device.
 */
struct mock_tables {
	struct sg_table bent;
	struct sg_table mapped;
};

/* Pages of a foreign buffer whose references are held. */
struct mock_pins {
	struct page **pages;
	unsigned int count;
};

static atomic_t buffers, attached, mapped, direction;
static struct platform_device *importer;

static unsigned int entries_of(const struct mock_buffer *buf)
{
	switch (buf->kind) {
	case MOCK_ONE_ENTRY:
		return 1;
	case MOCK_PIECES:
		return buf->count * (PAGE_SIZE / PIECE);
	case MOCK_SHORT:
		return buf->count - 1;
	case MOCK_LONG:
		return buf->count + EXTRA_PAGES;
	default:
		return buf->count;
	}
}

static void fill_table(const struct mock_buffer *buf, struct sg_table *sgt)
{
	unsigned int len = PAGE_SIZE, i;
	struct scatterlist *sg;

	if (buf->kind == MOCK_ONE_ENTRY)
		len = buf->count * PAGE_SIZE;
	else if (buf->kind == MOCK_PIECES)
		len = PIECE;
	for_each_sgtable_sg(sgt, sg, i)
		sg_set_page(sg, buf->pages[i * len / PAGE_SIZE], len,
			    i * len % PAGE_SIZE);
}

/* What is wrong with a table is wrong with its DMA side. */
static void bend_table(const struct mock_buffer *buf, struct sg_table *sgt)
{
	struct scatterlist *sg;
	unsigned int i;

	if (buf->kind == MOCK_OFFSET) {
		sg_dma_address(sgt->sgl) += PIECE;
	} else if (buf->kind == MOCK_MERGED) {
		sg_dma_len(sgt->sgl) = buf->count * PAGE_SIZE;
		sgt->nents = 1;
	}
	for_each_sgtable_sg(sgt, sg, i) {
		if (buf->kind == MOCK_MANGLED)
			sg->page_link ^= ~0xfful;
		else if (buf->kind == MOCK_MMIO)
			sg_dma_address(sg) = MMIO_ADDRESS;
		else if (buf->kind == MOCK_NOWHERE)
			sg_dma_address(sg) = NO_ADDRESS + i * PAGE_SIZE;
	}
}

static int mock_attach(struct dma_buf *dmabuf,
		       struct dma_buf_attachment *attachment)
{
	atomic_inc(&attached);
	return 0;
}

static void mock_detach(struct dma_buf *dmabuf,
			struct dma_buf_attachment *attachment)
{
	atomic_dec(&attached);
}

static void copy_addresses(struct sg_table *to, const struct sg_table *from)
{
	struct scatterlist *sg = to->sgl;
	struct scatterlist *dma;
	unsigned int i;

	for_each_sgtable_dma_sg(from, dma, i) {
		sg_dma_address(sg) = sg_dma_address(dma);
		sg_dma_len(sg) = sg_dma_len(dma);
		sg = sg_next(sg);
	}
	to->nents = from->nents;
}

static void free_tables(struct mock_tables *tables)
{
	sg_free_table(&tables->bent);
	sg_free_table(&tables->mapped);
	kfree(tables);
}

static struct mock_tables *alloc_tables(const struct mock_buffer *buf)
{
	struct mock_tables *tables = kzalloc(sizeof(*tables), GFP_KERNEL);
	unsigned int count = entries_of(buf);

	if (!tables)
		return NULL;
	if (sg_alloc_table(&tables->bent, count, GFP_KERNEL) ||
	    sg_alloc_table(&tables->mapped, count, GFP_KERNEL)) {
		free_tables(tables);
		return NULL;
	}
	fill_table(buf, &tables->bent);
	fill_table(buf, &tables->mapped);
	return tables;
}

static struct sg_table *mock_map(struct dma_buf_attachment *attachment,
				 enum dma_data_direction dir)
{
	struct mock_buffer *buf = attachment->dmabuf->priv;
	struct mock_tables *tables;
	int ret;

	if (buf->kind == MOCK_NO_MAP)
		return ERR_PTR(-EIO);
	tables = alloc_tables(buf);
	if (!tables)
		return ERR_PTR(-ENOMEM);
	ret = dma_map_sgtable(attachment->dev, &tables->mapped, dir, 0);
	if (ret) {
		free_tables(tables);
		return ERR_PTR(ret);
	}
	copy_addresses(&tables->bent, &tables->mapped);
	bend_table(buf, &tables->bent);
	atomic_inc(&mapped);
	atomic_set(&direction, dir);
	return &tables->bent;
}

static void mock_unmap(struct dma_buf_attachment *attachment,
		       struct sg_table *sgt, enum dma_data_direction dir)
{
	struct mock_tables *tables = container_of(sgt, struct mock_tables, bent);

	dma_unmap_sgtable(attachment->dev, &tables->mapped, dir, 0);
	free_tables(tables);
	atomic_dec(&mapped);
}

static int mock_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct mock_buffer *buf = dmabuf->priv;

	return vm_map_pages(vma, buf->pages, buf->count);
}

static void free_buffer(struct mock_buffer *buf)
{
	unsigned int i;

	if (buf->block)
		__free_pages(buf->block, buf->order);
	for (i = 0; !buf->block && buf->pages && i < buf->count; i++)
		if (buf->pages[i])
			__free_page(buf->pages[i]);
	kvfree(buf->pages);
	kfree(buf);
}

static int fill_single(struct mock_buffer *buf)
{
	unsigned int i;

	for (i = 0; i < buf->count; i++) {
		buf->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!buf->pages[i])
			return -ENOMEM;
	}
	return 0;
}

static int fill_block(struct mock_buffer *buf)
{
	unsigned int i;

	buf->order = get_order((buf->count + EXTRA_PAGES) * PAGE_SIZE);
	buf->block = alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_COMP,
				 buf->order);
	if (!buf->block)
		return -ENOMEM;
	for (i = 0; i < buf->count + EXTRA_PAGES; i++)
		buf->pages[i] = buf->block + i;
	return 0;
}

static int fill_buffer(struct mock_buffer *buf)
{
	buf->pages = kvcalloc(buf->count + EXTRA_PAGES, sizeof(*buf->pages),
			      GFP_KERNEL);
	if (!buf->pages)
		return -ENOMEM;
	return buf->kind == MOCK_SINGLE ? fill_single(buf) : fill_block(buf);
}

static void mock_release(struct dma_buf *dmabuf)
{
	free_buffer(dmabuf->priv);
	atomic_dec(&buffers);
}

static const struct dma_buf_ops mock_ops = {
	.attach = mock_attach,
	.detach = mock_detach,
	.map_dma_buf = mock_map,
	.unmap_dma_buf = mock_unmap,
	.mmap = mock_mmap,
	.release = mock_release,
};

static int export_buffer(struct mock_buffer *buf)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;
	int fd;

	info.ops = &mock_ops;
	info.size = buf->kind == MOCK_HUGE ? MOCK_HUGE_BYTES :
					     buf->count * PAGE_SIZE;
	info.flags = O_RDWR;
	info.priv = buf;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		free_buffer(buf);
		return PTR_ERR(dmabuf);
	}
	atomic_inc(&buffers);
	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

static int mock_create(const struct mock_create __user *arg)
{
	struct mock_create create;
	struct mock_buffer *buf;
	unsigned int max;
	int ret;

	if (copy_from_user(&create, arg, sizeof(create)))
		return -EFAULT;
	max = create.kind == MOCK_SINGLE ? MAX_SINGLE : MAX_PAGES;
	if (create.kind >= MOCK_KINDS || !create.pages || create.pages > max)
		return -EINVAL;
	buf = kzalloc(sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	buf->kind = create.kind;
	buf->count = create.pages;
	ret = fill_buffer(buf);
	if (ret) {
		free_buffer(buf);
		return ret;
	}
	return export_buffer(buf);
}

static int mock_stats(struct mock_stats __user *arg)
{
	struct mock_stats stats = {
		.buffers = atomic_read(&buffers),
		.attached = atomic_read(&attached),
		.mapped = atomic_read(&mapped),
		.direction = atomic_read(&direction),
	};

	return copy_to_user(arg, &stats, sizeof(stats)) ? -EFAULT : 0;
}

typedef int (*use_fn)(struct dma_buf *dmabuf, struct sg_table *sgt,
		      void *vaddr, void *arg);

/* Map for the kernel and call back. */
static int with_vmap(struct dma_buf *dmabuf, struct sg_table *sgt, void *arg,
		     use_fn use)
{
	struct iosys_map map;
	int ret, end;

	ret = dma_buf_vmap_unlocked(dmabuf, &map);
	if (ret)
		return ret;
	ret = dma_buf_begin_cpu_access(dmabuf, DMA_BIDIRECTIONAL);
	if (!ret) {
		ret = use(dmabuf, sgt, map.vaddr, arg);
		end = dma_buf_end_cpu_access(dmabuf, DMA_BIDIRECTIONAL);
		if (!ret)
			ret = end;
	}
	dma_buf_vunmap_unlocked(dmabuf, &map);
	return ret;
}

/* Attach and map for DMA before. */
static int with_mapping(struct dma_buf *dmabuf, void *arg, use_fn use)
{
	struct dma_buf_attachment *attachment;
	struct sg_table *sgt;
	int ret;

	attachment = dma_buf_attach(dmabuf, &importer->dev);
	if (IS_ERR(attachment))
		return PTR_ERR(attachment);
	sgt = dma_buf_map_attachment_unlocked(attachment, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt)) {
		ret = PTR_ERR(sgt);
		goto detach;
	}
	ret = with_vmap(dmabuf, sgt, arg, use);
	dma_buf_unmap_attachment_unlocked(attachment, sgt, DMA_BIDIRECTIONAL);
detach:
	dma_buf_detach(dmabuf, attachment);
	return ret;
}

static void measure_table(struct sg_table *sgt, struct mock_access *access)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		access->entries++;
		access->longest = max(access->longest, sg_dma_len(sg));
	}
}

static int use_access(struct dma_buf *dmabuf, struct sg_table *sgt,
		      void *vaddr, void *arg)
{
	struct mock_access *access = arg;

	if (sgt)
		measure_table(sgt, access);
	if (access->write)
		return copy_from_user(vaddr, u64_to_user_ptr(access->data),
				      dmabuf->size) ? -EFAULT : 0;
	return copy_to_user(u64_to_user_ptr(access->data), vaddr,
			    dmabuf->size) ? -EFAULT : 0;
}

static int mock_access(struct mock_access __user *arg, bool device)
{
	struct mock_access access;
	struct dma_buf *dmabuf;
	int ret;

	if (copy_from_user(&access, arg, sizeof(access)))
		return -EFAULT;
	access.entries = 0;
	access.longest = 0;
	dmabuf = dma_buf_get(access.fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	/* What a peer granted read-only faults when the kernel writes to it. */
	if (access.write && !(dmabuf->file->f_mode & FMODE_WRITE))
		ret = -EACCES;
	else if (device)
		ret = with_mapping(dmabuf, &access, use_access);
	else
		ret = with_vmap(dmabuf, NULL, &access, use_access);
	dma_buf_put(dmabuf);
	if (!ret && copy_to_user(arg, &access, sizeof(access)))
		ret = -EFAULT;
	return ret;
}

static void drop_pins(struct mock_pins *pins)
{
	while (pins->count)
		put_page(pins->pages[--pins->count]);
	kvfree(pins->pages);
	pins->pages = NULL;
}

/* An importer has no right to this, but some drivers take it. */
static struct page *hidden_page(const struct scatterlist *sg)
{
	struct scatterlist copy = *sg;

	/* As it was before the dma-buf core changed it. */
	if (IS_ENABLED(CONFIG_DMABUF_DEBUG))
		copy.page_link ^= ~0xffUL;
	return sg_page(&copy);
}

static int use_pin(struct dma_buf *dmabuf, struct sg_table *sgt, void *vaddr,
		   void *arg)
{
	unsigned int count = dmabuf->size >> PAGE_SHIFT;
	struct mock_pins *pins = arg;
	struct scatterlist *sg;
	unsigned int i, j;

	pins->pages = kvcalloc(count, sizeof(*pins->pages), GFP_KERNEL);
	if (!pins->pages)
		return -ENOMEM;
	for_each_sgtable_sg(sgt, sg, i) {
		struct page *page = hidden_page(sg);

		for (j = 0; j < sg->length >> PAGE_SHIFT; j++) {
			if (pins->count == count)
				return 0;
			get_page(page + j);
			pins->pages[pins->count++] = page + j;
		}
	}
	return 0;
}

static int mock_pin(struct mock_pins *pins, int fd)
{
	struct dma_buf *dmabuf;
	int ret;

	if (pins->pages)
		return -EBUSY;
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = with_mapping(dmabuf, pins, use_pin);
	dma_buf_put(dmabuf);
	return ret;
}

static int use_cached(struct dma_buf *dmabuf, struct sg_table *sgt,
		      void *vaddr, void *arg)
{
	return mem_cached((unsigned long)vaddr, false);
}

static int mock_vmap_cached(int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	int ret;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = with_mapping(dmabuf, NULL, use_cached);
	dma_buf_put(dmabuf);
	return ret;
}

static long mock_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case MOCK_IOC_CREATE:
		return mock_create(user);
	case MOCK_IOC_STATS:
		return mock_stats(user);
	case MOCK_IOC_ACCESS:
		return mock_access(user, true);
	case MOCK_IOC_VMAP:
		return mock_access(user, false);
	case MOCK_IOC_PIN:
		return mock_pin(file->private_data, arg);
	case MOCK_IOC_UNPIN:
		drop_pins(file->private_data);
		return 0;
	case MOCK_IOC_CACHED:
		return mem_cached(arg, true);
	case MOCK_IOC_VMAP_CACHED:
		return mock_vmap_cached(arg);
	default:
		return -ENOTTY;
	}
}

static int mock_open(struct inode *inode, struct file *file)
{
	struct mock_pins *pins = kzalloc(sizeof(*pins), GFP_KERNEL);

	file->private_data = pins;
	return pins ? 0 : -ENOMEM;
}

static int mock_close(struct inode *inode, struct file *file)
{
	drop_pins(file->private_data);
	kfree(file->private_data);
	return 0;
}

static const struct file_operations mock_fops = {
	.owner = THIS_MODULE,
	.open = mock_open,
	.release = mock_close,
	.unlocked_ioctl = mock_ioctl,
};

static struct miscdevice mock_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "mock-dmabuf",
	.fops = &mock_fops,
};

static int __init mock_init(void)
{
	int ret;

	importer = platform_device_register_simple("mock-dmabuf", -1, NULL, 0);
	if (IS_ERR(importer))
		return PTR_ERR(importer);
	ret = dma_coerce_mask_and_coherent(&importer->dev, DMA_BIT_MASK(64));
	if (!ret)
		ret = misc_register(&mock_device);
	if (ret)
		platform_device_unregister(importer);
	return ret;
}

static void __exit mock_exit(void)
{
	misc_deregister(&mock_device);
	platform_device_unregister(importer);
}

module_init(mock_init);
module_exit(mock_exit);
MODULE_DESCRIPTION("Mock exporter and importer of dma-bufs");
MODULE_IMPORT_NS(DMA_BUF);
MODULE_LICENSE("GPL");
