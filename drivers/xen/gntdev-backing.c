// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backing pages: pages of the kernel without frames, to map grants on.
 *
 * They come from the allocator of unpopulated pages, or from the DMA API. A
 * grant is a frame of 4 KiB, and XEN_PFN_PER_PAGE of them make a page; what
 * grants leave of the last page is ordinary memory, so that nobody who sees the
 * page can run into a hole.
 */

#include <linux/cleanup.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include <xen/mem-reservation.h>
#include <xen/page.h>

#include "gntdev-common.h"

static struct platform_device *dma_pdev;

/*
 * The allocator of unpopulated pages may have to add memory, under locks that
 * must not be taken inside of mmap_lock. It keeps what it once got, so pages
 * that were taken and given back before are there for mmap().
 */
static DEFINE_MUTEX(backing_lock);
static unsigned int backing_peak;
static atomic_t backing_used = ATOMIC_INIT(0);

/*
 * Pages that were given back are kept to be taken again: in a PV domain, the
 * allocator walks page tables for each page that it hands out. It would not free
 * them either, and they have no memory.
 */
#define POOL_MAX	65536U

static DEFINE_MUTEX(pool_lock);
static struct page *pool;
static unsigned int pool_count;

/* Elsewhere, nothing is walked, and pages may be memory that others want back. */
static bool pool_is_used(void)
{
	return IS_ENABLED(CONFIG_XEN_UNPOPULATED_ALLOC) &&
	       IS_ENABLED(CONFIG_XEN_PV) && xen_pv_domain();
}

/* As the allocator does, hand out the page that came last first. */
static struct page *pop_page(void)
{
	struct page *page = pool;

	lockdep_assert_held(&pool_lock);
	pool = page->zone_device_data;
	pool_count--;
	gntdev_selftest_hold(GNTDEV_HELD_PAGES, 1);
	return page;
}

static void drain_pool(void)
{
	struct page *page;

	while (pool_count) {
		page = pop_page();
		gnttab_free_pages(1, &page);
	}
}

/*
 * If the pool has not enough, all pages come from the allocator, so that they
 * are consecutive if it can be done. Nobody may find both empty meanwhile, and
 * have the allocator add memory. What it says when it has no addresses for more,
 * such as EBUSY, means nothing to a caller.
 */
static int take_pages(struct page **pages, unsigned int count)
{
	unsigned int i;

	guard(mutex)(&pool_lock);
	if (pool_count < count) {
		drain_pool();
		return gnttab_alloc_pages(count, pages) ? -ENOMEM : 0;
	}
	if (gntdev_selftest_fails(GNTDEV_FAIL_PAGES))
		return -ENOMEM;
	for (i = 0; i < count; i++)
		pages[i] = pop_page();
	return 0;
}

static void give_pages(struct page **pages, unsigned int count)
{
	unsigned int i;

	guard(mutex)(&pool_lock);
	if (!pool_is_used() || count > POOL_MAX - pool_count) {
		gnttab_free_pages(count, pages);
		return;
	}
	for (i = 0; i < count; i++) {
		pages[i]->zone_device_data = pool;
		pool = pages[i];
	}
	pool_count += count;
	gntdev_selftest_hold(GNTDEV_HELD_PAGES, -(int)count);
}

static void reverse_pages(struct page **pages, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count / 2; i++)
		swap(pages[i], pages[count - 1 - i]);
}

static int compare_pages(const void *a, const void *b)
{
	unsigned long x = page_to_pfn(*(struct page * const *)a);
	unsigned long y = page_to_pfn(*(struct page * const *)b);

	return x < y ? -1 : x > y;
}

/* How many pages at the start of some have, each, the number after the last. */
static unsigned int ascending(struct page **pages, unsigned int count)
{
	unsigned int i;

	for (i = 1; i < count; i++)
		if (page_to_pfn(pages[i]) != page_to_pfn(pages[i - 1]) + 1)
			break;
	return i;
}

static unsigned int descending(struct page **pages, unsigned int count)
{
	unsigned int i;

	for (i = 1; i < count; i++)
		if (page_to_pfn(pages[i]) + 1 != page_to_pfn(pages[i - 1]))
			break;
	return i;
}

/**
 * gntdev_pages_sort - make pages consecutive, if that takes only another order
 * @pages: the pages
 * @count: number of them
 *
 * Consecutive pages need no vmap() and, where they are also consecutive on the
 * bus, few scatterlist entries. Mostly they come in order, up or down.
 *
 * Return: whether they are consecutive.
 */
bool gntdev_pages_sort(struct page **pages, unsigned int count)
{
	if (ascending(pages, count) == count)
		return true;
	if (descending(pages, count) == count) {
		reverse_pages(pages, count);
		return true;
	}
	sort(pages, count, sizeof(*pages), compare_pages, NULL);
	return page_to_pfn(pages[count - 1]) - page_to_pfn(pages[0]) ==
	       count - 1;
}

/* Pages that consist of grants only. */
static unsigned int whole_pages(const struct gntdev_mapping *m)
{
	return m->refs->count / XEN_PFN_PER_PAGE;
}

/* Grants on the page behind those. */
static unsigned int part_frames(const struct gntdev_mapping *m)
{
	return m->refs->count % XEN_PFN_PER_PAGE;
}

static int take_whole_pages(struct gntdev_mapping *m)
{
	unsigned int count = whole_pages(m);
	int ret;

	if (!count)
		return 0;
	ret = take_pages(m->pages, count);
	if (ret)
		return ret;
	m->whole = count;
	atomic_add(count, &backing_used);
	return 0;
}

/* Make room for the grants at the start of a page of one's own. */
static int take_part_page(struct gntdev_mapping *m)
{
	xen_pfn_t frames[XEN_PFN_PER_PAGE];
	unsigned int count = part_frames(m);
	unsigned int i;
	int ret;

	if (!count)
		return 0;
	m->part = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!m->part)
		return -ENOMEM;
	m->pages[m->whole] = m->part;
	for (i = 0; i < count; i++)
		frames[i] = page_to_xen_pfn(m->part) + i;
	ret = gnttab_pages_set_private(1, &m->part);
	if (!ret)
		ret = xenmem_reservation_decrease_frames(count, frames);
	if (ret > 0)
		m->part_missing = ret;
	if (ret < 0)
		return ret;
	return ret == count ? 0 : -ENOMEM;
}

/*
 * The page goes back only with all its frames. They come from the last missing
 * one on, so that it is always the first ones that are missing.
 */
static int give_part_page(struct gntdev_mapping *m)
{
	xen_pfn_t frames[XEN_PFN_PER_PAGE];
	unsigned int i;
	int ret;

	for (i = 0; i < m->part_missing; i++)
		frames[i] = page_to_xen_pfn(m->part) + m->part_missing - 1 - i;
	if (m->part_missing) {
		ret = xenmem_reservation_increase_frames(m->part_missing,
							 frames);
		if (ret > 0)
			m->part_missing -= ret;
		if (m->part_missing)
			return -ENOMEM;
	}
	gnttab_pages_clear_private(1, &m->part);
	__free_page(m->part);
	m->part = NULL;
	return 0;
}

static void give_whole_pages(struct gntdev_mapping *m)
{
	/* The allocator hands out the last page first. */
	reverse_pages(m->pages, m->whole);
	give_pages(m->pages, m->whole);
	atomic_sub(m->whole, &backing_used);
	m->whole = 0;
}

/**
 * gntdev_backing_free - give the backing pages back
 * @m: mapping whose grants are all unmapped, or that was never mapped
 *
 * May sleep.
 *
 * Return: 0, or -ENOMEM when the hypervisor has no frames to lend at present:
 * then it has to be tried again later.
 */
int gntdev_backing_free(struct gntdev_mapping *m)
{
	int ret;

	if (m->part) {
		ret = give_part_page(m);
		if (ret)
			return ret;
	}
	if (m->dma) {
		ret = gnttab_dma_buffer_free(m->dma);
		if (ret)
			return ret;
		m->dma = NULL;
	} else {
		if (m->whole)
			give_whole_pages(m);
		kvfree(m->pages);
	}
	m->pages = NULL;
	return 0;
}

static int alloc_dma(struct gntdev_mapping *m, bool coherent)
{
	struct gnttab_dma_buffer *buf;
	int ret;

	buf = gnttab_dma_buffer_alloc(&dma_pdev->dev, whole_pages(m), coherent);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	m->dma = buf;
	m->pages = buf->pages;
	ret = gnttab_dma_buffer_vacate(buf);
	if (!ret)
		m->linear = gntdev_pages_sort(m->pages, buf->nr_pages);
	return ret;
}

/**
 * gntdev_backing_alloc - take backing pages for a mapping
 * @m: mapping with its references; a buffer of the DMA API takes whole pages
 * @dma_flags: 0, GNTDEV_DMA_FLAG_WC or GNTDEV_DMA_FLAG_COHERENT
 *
 * May sleep. Sets @m->pages and @m->linear.
 *
 * Return: 0 or a negative errno; then gntdev_backing_free() is due.
 */
int gntdev_backing_alloc(struct gntdev_mapping *m, u32 dma_flags)
{
	int ret;

	if (dma_flags)
		return alloc_dma(m, dma_flags & GNTDEV_DMA_FLAG_COHERENT);
	m->pages = kvmalloc_array(gntdev_nr_pages(m->refs), sizeof(*m->pages),
				  GFP_KERNEL_ACCOUNT);
	if (!m->pages)
		return -ENOMEM;
	ret = take_whole_pages(m);
	if (!ret)
		ret = take_part_page(m);
	if (!ret)
		m->linear = !m->part && gntdev_pages_sort(m->pages, m->whole);
	return ret;
}

/**
 * gntdev_backing_prepare - have backing pages ready for a later mmap()
 * @count: number of grants
 *
 * Context: not under mmap_lock.
 * Return: 0 or -ENOMEM.
 */
int gntdev_backing_prepare(unsigned int count)
{
	unsigned int whole = count / XEN_PFN_PER_PAGE;
	struct page **pages;
	int ret = 0;

	guard(mutex)(&backing_lock);
	if (!whole || atomic_read(&backing_used) + whole <= backing_peak)
		return 0;
	pages = kvmalloc_array(whole, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return -ENOMEM;
	ret = take_pages(pages, whole);
	if (!ret) {
		backing_peak = atomic_read(&backing_used) + whole;
		reverse_pages(pages, whole);
		give_pages(pages, whole);
	}
	kvfree(pages);
	return ret;
}

/**
 * gntdev_device - the device that the driver itself uses memory with
 *
 * No firmware describes it, so the DMA API takes its addresses for those of
 * this domain, and it for not coherent where that makes a difference.
 *
 * Return: the device.
 */
struct device *gntdev_device(void)
{
	return &dma_pdev->dev;
}

/**
 * gntdev_backing_init - get ready to take pages from the DMA API
 *
 * Return: 0 or a negative errno.
 */
int gntdev_backing_init(void)
{
	const struct platform_device_info info = {
		.name = "xen-" GNTDEV_NAME,
		.id = PLATFORM_DEVID_NONE,
		.dma_mask = DMA_BIT_MASK(64),
	};

	dma_pdev = platform_device_register_full(&info);
	return PTR_ERR_OR_ZERO(dma_pdev);
}

/**
 * gntdev_backing_exit - undo gntdev_backing_init()
 */
void gntdev_backing_exit(void)
{
	platform_device_unregister(dma_pdev);
	guard(mutex)(&pool_lock);
	drain_pool();
}
