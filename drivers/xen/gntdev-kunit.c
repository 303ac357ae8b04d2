// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of what can be called without a program: frames of a scatterlist,
 * indices, checks of arguments, and the ways to the end of a grant.
 */

#include <kunit/test.h>

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mman.h>
#include <linux/scatterlist.h>
#include <linux/uaccess.h>

#include <xen/page.h>

#include "gntdev-dmabuf.h"

#define PAGES		4U
#define PAGES_ORDER	ilog2(PAGES)
#define FRAMES		(PAGES * XEN_PFN_PER_PAGE)
/* No frame has this number. */
#define UNTOUCHED	((xen_pfn_t)~0ULL)
/* An address at which no machine has anything. */
#define NOTHING		((dma_addr_t)1 << 50)

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
	sg_dma_len(entry(list, 1)) -= 512;
	expect_refused(test, -EINVAL);
}

static void no_memory_there(struct kunit *test)
{
	struct list *list = test->priv;

	sg_dma_address(entry(list, PAGES - 1)) = NOTHING;
	expect_refused(test, -EOPNOTSUPP);
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
	{}
};

static struct kunit_suite frames_suite = {
	.name = "gntdev-frames",
	.init = frames_init,
	.exit = frames_exit,
	.test_cases = frames_cases,
};

static void count_of_grants(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, gntdev_count_valid(0));
	KUNIT_EXPECT_TRUE(test, gntdev_count_valid(1));
	KUNIT_EXPECT_FALSE(test, gntdev_count_valid(GNTDEV_COUNT_MAX + 1));
	KUNIT_EXPECT_FALSE(test, gntdev_count_valid(U32_MAX));
}

static void number_of_a_domain(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, gntdev_may_map(1));
	KUNIT_EXPECT_EQ(test, 0, gntdev_may_map(DOMID_FIRST_RESERVED - 1));
	KUNIT_EXPECT_EQ(test, -EINVAL, gntdev_may_map(DOMID_FIRST_RESERVED));
	KUNIT_EXPECT_EQ(test, -EINVAL, gntdev_may_map(0x10007));
	KUNIT_EXPECT_EQ(test, -EINVAL, gntdev_may_map(U32_MAX));
}

static void errno_of_a_status(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, gntdev_status_to_errno(GNTST_okay));
	KUNIT_EXPECT_EQ(test, -EACCES,
			gntdev_status_to_errno(GNTST_general_error));
	KUNIT_EXPECT_EQ(test, -EACCES,
			gntdev_status_to_errno(GNTST_permission_denied));
	KUNIT_EXPECT_EQ(test, -EACCES, gntdev_status_to_errno(GNTST_bad_page));
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			gntdev_status_to_errno(GNTST_no_device_space));
	KUNIT_EXPECT_EQ(test, -ENOSPC, gntdev_status_to_errno(GNTST_no_space));
	KUNIT_EXPECT_EQ(test, -EBUSY, gntdev_status_to_errno(GNTST_eagain));
	KUNIT_EXPECT_EQ(test, -EINVAL, gntdev_status_to_errno(GNTST_bad_domain));
}

static struct kunit_case arguments_cases[] = {
	KUNIT_CASE(count_of_grants),
	KUNIT_CASE(number_of_a_domain),
	KUNIT_CASE(errno_of_a_status),
	{}
};

static struct kunit_suite arguments_suite = {
	.name = "gntdev-arguments",
	.test_cases = arguments_cases,
};

/* An open file without a descriptor, and memory of a program without one. */
struct index_file {
	struct gntdev_file file;
	void __user *user;
};

static int index_init(struct kunit *test)
{
	struct index_file *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	unsigned long addr;

	KUNIT_ASSERT_NOT_NULL(test, f);
	addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, addr, 0UL);
	KUNIT_ASSERT_LT(test, addr, TASK_SIZE);
	f->user = (void __user *)addr;
	gntdev_ranges_init(&f->file);
	test->priv = f;
	return 0;
}

static void index_exit(struct kunit *test)
{
	struct index_file *f = test->priv;

	if (f)
		gntdev_ranges_release(&f->file);
}

/* Name so many grants; the index, in pages. */
static u64 name(struct kunit *test, u32 count)
{
	struct index_file *f = test->priv;
	struct ioctl_gntdev_map_grant_ref __user *user = f->user;
	struct ioctl_gntdev_map_grant_ref op = { .count = count };
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0UL, copy_to_user(user, &op, sizeof(op)));
	for (i = 0; i < count; i++)
		KUNIT_ASSERT_EQ(test, 0, put_user(1U, &user->refs[i].domid));
	KUNIT_ASSERT_EQ(test, 0L, gntdev_ioctl_map(&f->file, user));
	KUNIT_ASSERT_EQ(test, 0UL, copy_from_user(&op, user, sizeof(op)));
	KUNIT_EXPECT_EQ(test, 0ULL, op.index % PAGE_SIZE);
	return op.index >> PAGE_SHIFT;
}

static long unname(struct kunit *test, u64 page, u32 count)
{
	struct index_file *f = test->priv;
	struct ioctl_gntdev_unmap_grant_ref op = {
		.index = page << PAGE_SHIFT,
		.count = count,
	};

	KUNIT_ASSERT_EQ(test, 0UL, copy_to_user(f->user, &op, sizeof(op)));
	return gntdev_ioctl_unmap(&f->file, f->user);
}

static void lowest_index_is_taken(struct kunit *test)
{
	const u32 two = 2 * XEN_PFN_PER_PAGE;

	KUNIT_EXPECT_EQ(test, 0ULL, name(test, 1));
	KUNIT_EXPECT_EQ(test, 1ULL, name(test, two));
	KUNIT_EXPECT_EQ(test, 3ULL, name(test, 1));
	KUNIT_EXPECT_EQ(test, 0L, unname(test, 1, two));
	KUNIT_EXPECT_EQ(test, 4ULL, name(test, two + XEN_PFN_PER_PAGE));
	KUNIT_EXPECT_EQ(test, 1ULL, name(test, two));
}

static void only_all_of_a_range_is_unmapped(struct kunit *test)
{
	const u32 three = 3 * XEN_PFN_PER_PAGE;

	KUNIT_EXPECT_EQ(test, -ENOENT, unname(test, 0, three));
	KUNIT_EXPECT_EQ(test, 0ULL, name(test, three));
	KUNIT_EXPECT_EQ(test, -ENOENT, unname(test, 0, three - 1));
	KUNIT_EXPECT_EQ(test, -ENOENT, unname(test, 0, three + 1));
	KUNIT_EXPECT_EQ(test, -ENOENT, unname(test, 1, three));
	KUNIT_EXPECT_EQ(test, -ENOENT, unname(test, 3, three));
	KUNIT_EXPECT_EQ(test, 0L, unname(test, 0, three));
	KUNIT_EXPECT_EQ(test, -ENOENT, unname(test, 0, three));
}

static struct kunit_case index_cases[] = {
	KUNIT_CASE(lowest_index_is_taken),
	KUNIT_CASE(only_all_of_a_range_is_unmapped),
	{}
};

static struct kunit_suite index_suite = {
	.name = "gntdev-index",
	.init = index_init,
	.exit = index_exit,
	.test_cases = index_cases,
};

#define GRANTS		6U
#define SECONDS		30

/* Pages that this domain grants to itself. */
struct granted {
	unsigned int left;
	struct page *pages[GRANTS];
	grant_ref_t refs[GRANTS];
};

static int release_init(struct kunit *test)
{
	struct granted *g;
	int ref;

	if (!xen_initial_domain() || gntdev_may_map(0))
		kunit_skip(test, "no grants to oneself here");
	g = kunit_kzalloc(test, sizeof(*g), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, g);
	test->priv = g;
	for (g->left = 0; g->left < GRANTS; g->left++) {
		g->pages[g->left] = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, g->pages[g->left]);
		ref = gnttab_grant_foreign_access(0,
						  xen_page_to_gfn(g->pages[g->left]),
						  0);
		KUNIT_ASSERT_GE(test, ref, 0);
		g->refs[g->left] = ref;
	}
	return 0;
}

/* Pages that are still granted are lost. */
static void release_exit(struct kunit *test)
{
	struct granted *g = test->priv;
	unsigned int i;

	if (!g || gntdev_end_grants(g->refs, g->left))
		return;
	for (i = 0; i < GRANTS; i++)
		if (g->pages[i])
			__free_page(g->pages[i]);
}

static struct gntdev_mapping *map_two(grant_ref_t first, grant_ref_t second)
{
	struct gntdev_refs *refs = gntdev_refs_alloc(2);
	struct gntdev_mapping *mapping;

	if (!refs)
		return ERR_PTR(-ENOMEM);
	refs->domid = 0;
	refs->ref[0] = first;
	refs->ref[1] = second;
	mapping = gntdev_mapping_create(refs, false, 0);
	gntdev_refs_put(refs);
	return mapping;
}

static unsigned int end(struct kunit *test)
{
	struct granted *g = test->priv;

	g->left = gntdev_end_grants(g->refs, g->left);
	return g->left;
}

static void unmapped_grants_end(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0U, end(test));
}

static void mapped_grants_are_left(struct kunit *test)
{
	struct granted *g = test->priv;
	grant_ref_t first = g->refs[1], second = g->refs[4];
	struct gntdev_mapping *mapping = map_two(first, second);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mapping);
	KUNIT_EXPECT_EQ(test, 2U, end(test));
	KUNIT_EXPECT_EQ(test, first, g->refs[0]);
	KUNIT_EXPECT_EQ(test, second, g->refs[1]);
	KUNIT_EXPECT_EQ(test, 2U, end(test));
	gntdev_mapping_put(mapping);
	KUNIT_EXPECT_EQ(test, 0U, end(test));
}

static void released(void *owner)
{
	complete(owner);
}

static void busy_page_is_unmapped_later(struct kunit *test)
{
	struct granted *g = test->priv;
	struct gntdev_mapping *mapping = map_two(g->refs[0], g->refs[1]);
	DECLARE_COMPLETION_ONSTACK(done);
	struct page *page;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mapping);
	mapping->owner = &done;
	mapping->released = released;
	page = mapping->pages[1];
	get_page(page);
	gntdev_mapping_put(mapping);
	KUNIT_EXPECT_FALSE(test, completion_done(&done));
	KUNIT_EXPECT_EQ(test, 1U, end(test));
	put_page(page);
	KUNIT_ASSERT_NE(test, 0UL,
			wait_for_completion_timeout(&done, SECONDS * HZ));
	KUNIT_EXPECT_EQ(test, 0U, end(test));
}

static void failed_mapping_keeps_none(struct kunit *test)
{
	struct granted *g = test->priv;
	struct gntdev_mapping *mapping = map_two(g->refs[0], U32_MAX);

	KUNIT_EXPECT_TRUE(test, IS_ERR(mapping));
	if (!IS_ERR(mapping))
		gntdev_mapping_put(mapping);
	KUNIT_EXPECT_EQ(test, 0U, end(test));
}

static void foreign_frame_is_refused(struct kunit *test)
{
	struct granted *g = test->priv;
	struct gntdev_mapping *mapping = map_two(g->refs[0], g->refs[1]);
	struct scatterlist sg;
	struct sg_table sgt = { .sgl = &sg, .nents = 1, .orig_nents = 1 };
	xen_pfn_t frames[XEN_PFN_PER_PAGE];

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mapping);
	sg_init_table(&sg, 1);
	sg_dma_address(&sg) = page_to_phys(mapping->pages[0]);
	sg_dma_len(&sg) = PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			gntdev_sgt_to_frames(&sgt, XEN_PFN_PER_PAGE, frames));
	gntdev_mapping_put(mapping);
}

static void never_runs(struct work_struct *work)
{
}

static void time_between_tries_grows(struct kunit *test)
{
	unsigned long expected = 1;
	struct gntdev_retry retry;

	INIT_DELAYED_WORK_ONSTACK(&retry.work, never_runs);
	retry.delay = expected;
	while (expected < HZ) {
		KUNIT_EXPECT_EQ(test, expected, retry.delay);
		gntdev_retry_queue(&retry);
		cancel_delayed_work_sync(&retry.work);
		expected *= 2;
	}
	gntdev_retry_queue(&retry);
	cancel_delayed_work_sync(&retry.work);
	KUNIT_EXPECT_EQ(test, (unsigned long)HZ, retry.delay);
	destroy_delayed_work_on_stack(&retry.work);
}

static struct kunit_case release_cases[] = {
	KUNIT_CASE(unmapped_grants_end),
	KUNIT_CASE(mapped_grants_are_left),
	KUNIT_CASE(busy_page_is_unmapped_later),
	KUNIT_CASE(failed_mapping_keeps_none),
	KUNIT_CASE(foreign_frame_is_refused),
	KUNIT_CASE(time_between_tries_grows),
	{}
};

static struct kunit_suite release_suite = {
	.name = "gntdev-release",
	.init = release_init,
	.exit = release_exit,
	.test_cases = release_cases,
};

kunit_test_suites(&frames_suite, &arguments_suite, &index_suite,
		  &release_suite);
