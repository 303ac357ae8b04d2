// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on purpose: the checkers of a debug kernel must find each of them, so
 * that their silence means something.
 *
 * Writing the name of one to the parameter "fault" makes the next command on
 * the device commit it; that is a system call of its own, since some faults end
 * the process that runs into them.
 */

#include <linux/bug.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "gntdev-dmabuf.h"

#define LEAKS	16

static unsigned int fault_fd;
module_param(fault_fd, uint, 0644);
MODULE_PARM_DESC(fault_fd, "Descriptor of the dma-buf that a fault needs");

static void fault_lock_order(void)
{
	struct gntdev_file a, b;

	if (gntdev_dmabufs_init(&a))
		return;
	if (!gntdev_dmabufs_init(&b)) {
		mutex_lock(&a.dmabufs->lock);
		mutex_lock(&b.dmabufs->lock);
		mutex_unlock(&b.dmabufs->lock);
		mutex_unlock(&a.dmabufs->lock);
		gntdev_dmabufs_put(b.dmabufs);
	}
	gntdev_dmabufs_put(a.dmabufs);
}

static void fault_sleep(void)
{
	struct gntdev_refs *refs;
	struct gntdev_file file;

	gntdev_ranges_init(&file);
	spin_lock(&file.maps_lock);
	refs = gntdev_refs_alloc(1);
	spin_unlock(&file.maps_lock);
	if (refs)
		gntdev_refs_put(refs);
}

/* One may be found on a stack, by chance. */
static void fault_leak(void)
{
	unsigned int i;

	for (i = 0; i < LEAKS; i++)
		gntdev_refs_alloc(LEAKS);
}

static void fault_use_after_free(void)
{
	struct gntdev_refs *refs = gntdev_refs_alloc(LEAKS);

	if (!refs)
		return;
	gntdev_refs_put(refs);
	WRITE_ONCE(refs->ref[0], 0);
}

static void fault_overrun(void)
{
	struct gntdev_refs *refs = gntdev_refs_alloc(LEAKS);

	if (!refs)
		return;
	WRITE_ONCE(refs->ref[LEAKS], 0);
	gntdev_refs_put(refs);
}

static void fault_list(void)
{
	struct list_head entry;
	LIST_HEAD(list);

	list_add(&entry, &list);
	list_del(&entry);
	list_del(&entry);
}

static void fault_never_runs(struct work_struct *work)
{
}

static void fault_object(void)
{
	struct gntdev_retry *retry = kzalloc(sizeof(*retry), GFP_KERNEL);

	if (!retry)
		return;
	gntdev_retry_init(retry, fault_never_runs);
	schedule_delayed_work(&retry->work, HZ * 3600);
	kfree(retry);
}

/* The allocator gives pages back in the reverse order, from a list for each CPU. */
static void fault_page(void)
{
	struct page *pages[LEAKS] = {};
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned int i;

	if (!page)
		return;
	__free_page(page);
	memset(page_address(page), 0, LEAKS);
	for (i = 0; i < LEAKS; i++)
		pages[i] = alloc_page(GFP_KERNEL);
	for (i = 0; i < LEAKS; i++)
		if (pages[i])
			__free_page(pages[i]);
}

static void fault_dma(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	dma_addr_t addr;

	if (!page)
		return;
	addr = dma_map_page(gntdev_device(), page, 0, PAGE_SIZE,
			    DMA_TO_DEVICE);
	if (!dma_mapping_error(gntdev_device(), addr))
		dma_unmap_page(gntdev_device(), addr, PAGE_SIZE,
			       DMA_BIDIRECTIONAL);
	__free_page(page);
}

/* Looks at a page that the exporter hides. */
static void fault_hidden_page(void)
{
	struct dma_buf *dmabuf = dma_buf_get(fault_fd);
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;

	if (IS_ERR(dmabuf))
		return;
	attach = dma_buf_attach(dmabuf, gntdev_device());
	if (!IS_ERR(attach)) {
		sgt = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
		if (!IS_ERR(sgt)) {
			get_page(sg_page(sgt->sgl));
			put_page(sg_page(sgt->sgl));
			dma_buf_unmap_attachment_unlocked(attach, sgt,
							  DMA_BIDIRECTIONAL);
		}
		dma_buf_detach(dmabuf, attach);
	}
	dma_buf_put(dmabuf);
}

static void fault_scatterlist(void)
{
	struct scatterlist sg[2];

	sg_init_table(sg, ARRAY_SIZE(sg));
	sg_chain(sg, ARRAY_SIZE(sg), sg);
	get_page(sg_page(&sg[1]));
}

static void fault_shift(void)
{
	unsigned int bits = READ_ONCE(fault_fd) + 64;

	WRITE_ONCE(fault_fd, 1U << bits);
}

static void fault_warn(void)
{
	WARN(1, "a warning on purpose\n");
}

static const struct {
	const char *name;
	void (*commit)(void);
} faults[] = {
	{ "none" },
	{ "lock_order", fault_lock_order },
	{ "sleep", fault_sleep },
	{ "leak", fault_leak },
	{ "use_after_free", fault_use_after_free },
	{ "overrun", fault_overrun },
	{ "list", fault_list },
	{ "object", fault_object },
	{ "page", fault_page },
	{ "dma", fault_dma },
	{ "hidden_page", fault_hidden_page },
	{ "scatterlist", fault_scatterlist },
	{ "shift", fault_shift },
	{ "warn", fault_warn },
};

/* Index of the fault to come; 0 is none. */
static unsigned int fault;

static int fault_set(const char *val, const struct kernel_param *kp)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (sysfs_streq(val, faults[i].name)) {
			xchg(&fault, i);
			return 0;
		}
	}
	return -EINVAL;
}

static const struct kernel_param_ops fault_ops = {
	.set = fault_set,
};
module_param_cb(fault, &fault_ops, NULL, 0200);
MODULE_PARM_DESC(fault, "Fault that the next command commits");

/**
 * gntdev_selftest_fault - do what must not be done, if it was asked for
 *
 * Context: no locks held; may not return.
 */
void gntdev_selftest_fault(void)
{
	unsigned int i = xchg(&fault, 0);

	if (i)
		faults[i].commit();
}
