// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests: frames of a scatterlist.
 */

#include <kunit/test.h>

#include <linux/gfp.h>
#include <linux/ioport.h>
#include <linux/log2.h>
#include <linux/scatterlist.h>

#include <xen/page.h>

#include "gntdev-dmabuf.h"

#define PAGES		4U
#define PAGES_ORDER	ilog2(PAGES)
#define FRAMES		(PAGES * XEN_PFN_PER_PAGE)
/* No frame has this number. */
#define UNTOUCHED	((xen_pfn_t)~0ULL)
/* An address at which no machine has anything. */
#define NOTHING		((dma_addr_t)1 << 50)
/* Ranges of addresses of devices that are looked at. */
#define RANGES		16U

/* What an exporter would return, and what is made of it. */
struct list {
	struct page *pages;
	dma_addr_t addr;
	struct sg_table sgt;
	xen_pfn_t frames[FRAMES + 1];
};

static int frames_init(struct kunit *test)
{
	struct list *list = kunit_kzalloc(test, sizeof(*list), GFP_KERNEL);
	struct scatterlist *sg;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, list);
	list->pages = alloc_pages(GFP_KERNEL, PAGES_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, list->pages);
	list->addr = page_to_phys(list->pages);
	test->priv = list;
	KUNIT_ASSERT_EQ(test, 0, sg_alloc_table(&list->sgt, PAGES, GFP_KERNEL));
	for_each_sg(list->sgt.sgl, sg, PAGES, i) {
		/* As an exporter hides its pages with CONFIG_DMABUF_DEBUG. */
		sg->page_link ^= ~0xffUL;
		sg_dma_address(sg) = list->addr + i * PAGE_SIZE;
		sg_dma_len(sg) = PAGE_SIZE;
	}
	for (i = 0; i <= FRAMES; i++)
		list->frames[i] = UNTOUCHED;
	return 0;
}

static void frames_exit(struct kunit *test)
{
	struct list *list = test->priv;

	if (!list)
		return;
	sg_free_table(&list->sgt);
	__free_pages(list->pages, PAGES_ORDER);
}

static struct scatterlist *entry(struct list *list, unsigned int i)
{
	struct scatterlist *sg = list->sgt.sgl;

	while (i--)
		sg = sg_next(sg);
	return sg;
}

static void expect_all_frames(struct kunit *test)
{
	struct list *list = test->priv;
	unsigned long first = page_to_xen_pfn(list->pages);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, gntdev_sgt_to_frames(&list->sgt, FRAMES,
						      list->frames));
	for (i = 0; i < FRAMES; i++)
		KUNIT_EXPECT_EQ(test, list->frames[i], pfn_to_gfn(first + i));
	KUNIT_EXPECT_EQ(test, list->frames[FRAMES], UNTOUCHED);
}

static void expect_refused(struct kunit *test, int err)
{
	struct list *list = test->priv;

	KUNIT_EXPECT_EQ(test, err, gntdev_sgt_to_frames(&list->sgt, FRAMES,
							list->frames));
	KUNIT_EXPECT_EQ(test, list->frames[FRAMES], UNTOUCHED);
}

static void page_per_entry(struct kunit *test)
{
	expect_all_frames(test);
}

static void entries_of_several_pages(struct kunit *test)
{
	struct list *list = test->priv;

	sg_dma_len(entry(list, 0)) = 3 * PAGE_SIZE;
	sg_dma_address(entry(list, 1)) = list->addr + 3 * PAGE_SIZE;
	list->sgt.nents = 2;
	expect_all_frames(test);
}

static void one_entry_for_all_pages(struct kunit *test)
{
	struct list *list = test->priv;

	sg_dma_len(entry(list, 0)) = PAGES * PAGE_SIZE;
	list->sgt.nents = 1;
	expect_all_frames(test);
}

static void order_of_entries_is_kept(struct kunit *test)
{
	struct list *list = test->priv;
	unsigned long last = page_to_xen_pfn(list->pages + PAGES - 1);

	swap(sg_dma_address(entry(list, 0)),
	     sg_dma_address(entry(list, PAGES - 1)));
	KUNIT_ASSERT_EQ(test, 0, gntdev_sgt_to_frames(&list->sgt, FRAMES,
						      list->frames));
	KUNIT_EXPECT_EQ(test, list->frames[0], pfn_to_gfn(last));
}

static void too_short(struct kunit *test)
{
	struct list *list = test->priv;

	list->sgt.nents = PAGES - 1;
	expect_refused(test, -EINVAL);
}

static void too_long(struct kunit *test)
{
	struct list *list = test->priv;

	KUNIT_EXPECT_EQ(test, -EINVAL,
			gntdev_sgt_to_frames(&list->sgt,
					     FRAMES - XEN_PFN_PER_PAGE,
					     list->frames));
	KUNIT_EXPECT_EQ(test, list->frames[FRAMES - XEN_PFN_PER_PAGE],
			UNTOUCHED);
}

static void empty_entry(struct kunit *test)
{
	struct list *list = test->priv;

	sg_dma_len(entry(list, 0)) = 2 * PAGE_SIZE;
	sg_dma_len(entry(list, 1)) = 0;
	expect_refused(test, -EINVAL);
}

static void unaligned_address(struct kunit *test)
{
	struct list *list = test->priv;

	sg_dma_address(entry(list, 1)) += 512;
	expect_refused(test, -EINVAL);
}

static void unaligned_length(struct kunit *test)
{
	struct list *list = test->priv;

	sg_dma_len(entry(list, 0)) += 512;
	expect_refused(test, -EINVAL);
}

static void no_memory_there(struct kunit *test)
{
	struct list *list = test->priv;

	sg_dma_address(entry(list, PAGES - 1)) = NOTHING;
	expect_refused(test, -EOPNOTSUPP);
}

/* Whatever an exporter leaves in the fields for the processor. */
static void fields_of_the_processor_are_not_read(struct kunit *test)
{
	struct list *list = test->priv;
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(list->sgt.sgl, sg, PAGES, i)
		sg_set_page(sg, list->pages, 3 * PAGE_SIZE, 512);
	expect_all_frames(test);
	list->sgt.orig_nents = 1;
	expect_all_frames(test);
	list->sgt.orig_nents = PAGES;
}

/* Addresses without memory. */
struct io_ranges {
	resource_size_t start[RANGES];
	unsigned int count;
};

static int note_io_range(struct resource *res, void *arg)
{
	resource_size_t start = PAGE_ALIGN(res->start);
	struct io_ranges *io = arg;

	if (res->flags & IORESOURCE_SYSRAM || start + PAGE_SIZE - 1 > res->end)
		return 0;
	if (region_intersects(start, PAGE_SIZE, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) == REGION_DISJOINT)
		io->start[io->count++] = start;
	return io->count == RANGES;
}

static void memory_of_devices(struct kunit *test)
{
	struct list *list = test->priv;
	struct io_ranges io = {};
	unsigned int i;

	/* The first page is memory, whoever it is reserved for. */
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_MEM, PAGE_SIZE, -1, &io,
			    note_io_range);
	KUNIT_ASSERT_GT(test, io.count, 0U);
	for (i = 0; i < io.count; i++) {
		sg_dma_address(entry(list, 1)) = io.start[i];
		kunit_info(test, "no memory at %pa\n", &io.start[i]);
		expect_refused(test, -EOPNOTSUPP);
	}
}

static struct kunit_case frames_cases[] = {
	KUNIT_CASE(page_per_entry),
	KUNIT_CASE(entries_of_several_pages),
	KUNIT_CASE(one_entry_for_all_pages),
	KUNIT_CASE(order_of_entries_is_kept),
	KUNIT_CASE(too_short),
	KUNIT_CASE(too_long),
	KUNIT_CASE(empty_entry),
	KUNIT_CASE(unaligned_address),
	KUNIT_CASE(unaligned_length),
	KUNIT_CASE(no_memory_there),
	KUNIT_CASE(fields_of_the_processor_are_not_read),
	KUNIT_CASE(memory_of_devices),
	{}
};

static struct kunit_suite frames_suite = {
	.name = "gntdev-frames",
	.init = frames_init,
	.exit = frames_exit,
	.test_cases = frames_cases,
};

kunit_test_suite(frames_suite);
