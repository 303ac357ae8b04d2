// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests: grants that are mapped, and the ways to their end. They are grants
 * of this domain to itself.
 */

#include <kunit/test.h>

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/scatterlist.h>

#include <xen/page.h>

#include "gntdev-dmabuf.h"
#include "gntdev-kunit.h"

#define GRANTS		6U

/**
 * gntdev_kunit_need_own_grants - skip where a domain cannot map its own grants
 * @test: the test
 *
 * Only the first domain knows its number.
 */
void gntdev_kunit_need_own_grants(struct kunit *test)
{
	if (!xen_initial_domain() || gntdev_may_map(0))
		kunit_skip(test, "no grants to oneself here");
}

/**
 * gntdev_kunit_map - map grants of this domain
 * @refs: the grants
 * @count: number of them
 * @readonly: for reading only
 *
 * Return: the mapping, or an ERR_PTR().
 */
struct gntdev_mapping *gntdev_kunit_map(const grant_ref_t *refs,
					unsigned int count, bool readonly)
{
	struct gntdev_refs *set = gntdev_refs_alloc(count);
	struct gntdev_mapping *mapping;

	if (!set)
		return ERR_PTR(-ENOMEM);
	set->domid = 0;
	memcpy(set->ref, refs, count * sizeof(*refs));
	mapping = gntdev_mapping_create(set, readonly, 0);
	gntdev_refs_put(set);
	return mapping;
}

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

	gntdev_kunit_need_own_grants(test);
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
	const grant_ref_t refs[] = { first, second };

	return gntdev_kunit_map(refs, ARRAY_SIZE(refs), false);
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
			wait_for_completion_timeout(&done, GNTDEV_KUNIT_SECONDS * HZ));
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

kunit_test_suite(release_suite);
