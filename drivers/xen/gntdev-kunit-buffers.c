// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests: imports of a mock exporter's buffer, exports, and the states that
 * they go through to their end. The other domain is this one.
 */

#include <kunit/test.h>

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/iopoll.h>
#include <linux/iosys-map.h>
#include <linux/log2.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include <xen/page.h>

#include "gntdev-dmabuf.h"
#include "gntdev-kunit.h"

#define PAGES		4U
#define ORDER		ilog2(PAGES)
#define FRAMES		(PAGES * XEN_PFN_PER_PAGE)

/**
 * struct buffers - a file, and a mock exporter
 * @file: an open file without a descriptor
 * @pages: of the mock buffer
 * @listed: number of them that its scatterlist has
 * @dmabuf: the mock buffer
 * @attached: how often it is
 * @mapped: how often it is
 * @refs: these pages, granted to this domain
 * @granted: number of @refs
 * @dev: an importer
 */
struct buffers {
	struct gntdev_file file;
	struct page *pages;
	unsigned int listed;
	struct dma_buf *dmabuf;
	unsigned int attached;
	unsigned int mapped;
	grant_ref_t refs[FRAMES];
	unsigned int granted;
	struct platform_device *dev;
};

static int mock_attach(struct dma_buf *dmabuf,
		       struct dma_buf_attachment *attach)
{
	struct buffers *b = dmabuf->priv;

	WRITE_ONCE(b->attached, b->attached + 1);
	return 0;
}

static void mock_detach(struct dma_buf *dmabuf,
			struct dma_buf_attachment *attach)
{
	struct buffers *b = dmabuf->priv;

	WRITE_ONCE(b->attached, b->attached - 1);
}

static struct sg_table *mock_map(struct dma_buf_attachment *attach,
				 enum dma_data_direction dir)
{
	struct buffers *b = attach->dmabuf->priv;
	struct sg_table *sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);

	if (!sgt)
		return ERR_PTR(-ENOMEM);
	if (sg_alloc_table(sgt, 1, GFP_KERNEL)) {
		kfree(sgt);
		return ERR_PTR(-ENOMEM);
	}
	sg_set_page(sgt->sgl, b->pages, b->listed * PAGE_SIZE, 0);
	/* As a buffer may be mapped several times at once. */
	if (dma_map_sgtable(attach->dev, sgt, dir, DMA_ATTR_SKIP_CPU_SYNC)) {
		sg_free_table(sgt);
		kfree(sgt);
		return ERR_PTR(-EIO);
	}
	b->mapped++;
	return sgt;
}

static void mock_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		       enum dma_data_direction dir)
{
	struct buffers *b = attach->dmabuf->priv;

	b->mapped--;
	dma_unmap_sgtable(attach->dev, sgt, dir, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(sgt);
	kfree(sgt);
}

static void mock_release(struct dma_buf *dmabuf)
{
	struct buffers *b = dmabuf->priv;

	WRITE_ONCE(b->dmabuf, NULL);
}

static const struct dma_buf_ops mock_ops = {
	.attach = mock_attach,
	.detach = mock_detach,
	.map_dma_buf = mock_map,
	.unmap_dma_buf = mock_unmap,
	.release = mock_release,
};

static int buffers_init(struct kunit *test)
{
	const struct platform_device_info pdev = {
		.name = "gntdev-kunit",
		.id = PLATFORM_DEVID_NONE,
		.dma_mask = DMA_BIT_MASK(64),
	};
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct buffers *b;

	gntdev_kunit_need_own_grants(test);
	b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b);
	test->priv = b;
	b->listed = PAGES;
	KUNIT_ASSERT_EQ(test, 0, gntdev_dmabufs_init(&b->file));
	/* One page more, for a list that is too long. */
	b->pages = alloc_pages(GFP_KERNEL | __GFP_ZERO, ORDER + 1);
	KUNIT_ASSERT_NOT_NULL(test, b->pages);
	b->dev = platform_device_register_full(&pdev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b->dev);
	info.ops = &mock_ops;
	info.size = PAGES * PAGE_SIZE;
	info.flags = O_RDWR;
	info.priv = b;
	b->dmabuf = dma_buf_export(&info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b->dmabuf);
	return 0;
}

/* Whether the exporter is left alone, in the background. */
static bool gets_detached(struct buffers *b)
{
	unsigned int attached;

	return !read_poll_timeout(READ_ONCE, attached, !attached, USEC_PER_MSEC,
				  GNTDEV_KUNIT_SECONDS * USEC_PER_SEC, false,
				  b->attached);
}

/* The last reference to a file is dropped in the background. */
static bool gets_unused(struct buffers *b)
{
	struct dma_buf *dmabuf;

	return !read_poll_timeout(READ_ONCE, dmabuf, IS_ERR_OR_NULL(dmabuf),
				  USEC_PER_MSEC,
				  GNTDEV_KUNIT_SECONDS * USEC_PER_SEC, false,
				  b->dmabuf);
}

/* So is that of an export, with no order between them. */
static bool gets_ungranted(struct buffers *b)
{
	return !read_poll_timeout(gntdev_end_grants, b->granted, !b->granted,
				  USEC_PER_MSEC,
				  GNTDEV_KUNIT_SECONDS * USEC_PER_SEC, false,
				  b->refs, b->granted);
}

/* What is still reachable is lost, rather than used again. */
static void buffers_exit(struct kunit *test)
{
	struct buffers *b = test->priv;
	bool unused;

	if (!b)
		return;
	if (!IS_ERR_OR_NULL(b->dmabuf))
		dma_buf_put(b->dmabuf);
	if (b->file.dmabufs)
		gntdev_dmabufs_release(&b->file);
	if (!IS_ERR_OR_NULL(b->dev))
		platform_device_unregister(b->dev);
	unused = gets_unused(b);
	KUNIT_EXPECT_TRUE(test, unused);
	KUNIT_EXPECT_TRUE(test, gets_ungranted(b));
	if (b->pages && unused && !b->granted)
		__free_pages(b->pages, ORDER + 1);
}

static struct gntdev_import *try_import(struct kunit *test, unsigned int first,
					unsigned int count, bool readonly)
{
	const struct gntdev_import_range range = {
		.domid = 0,
		.readonly = readonly,
		.first = first,
		.count = count,
	};
	struct buffers *b = test->priv;

	get_dma_buf(b->dmabuf);
	return gntdev_import_create(b->file.dmabufs, b->dmabuf, &range);
}

static void publish(struct gntdev_buffer *buf)
{
	mutex_lock(&buf->table->lock);
	gntdev_buffer_add(buf);
	mutex_unlock(&buf->table->lock);
}

static struct gntdev_import *import(struct kunit *test)
{
	struct gntdev_import *imp = try_import(test, 0, FRAMES, false);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, imp);
	publish(&imp->buffer);
	return imp;
}

static void release(struct gntdev_import *imp)
{
	struct gntdev_buffer *buf = &imp->buffer;

	mutex_lock(&buf->table->lock);
	gntdev_buffer_release(buf);
	mutex_unlock(&buf->table->lock);
	gntdev_import_release(imp);
}

/* What a handle names: how much is left, and if it is released; -1 if nothing. */
static int left_of(struct gntdev_dmabuf_table *table, u64 handle,
		   bool *released)
{
	struct gntdev_buffer *buf;
	int left = -1;

	mutex_lock(&table->lock);
	buf = gntdev_buffer_find(table, handle);
	if (buf) {
		left = gntdev_buffer_left(buf);
		*released = buf->released;
	}
	mutex_unlock(&table->lock);
	return left;
}

static bool gets_down_to(struct kunit *test, u64 handle, int wanted)
{
	struct buffers *b = test->priv;
	bool released;
	int left;

	return !read_poll_timeout(left_of, left, left <= wanted, USEC_PER_MSEC,
				  GNTDEV_KUNIT_SECONDS * USEC_PER_SEC, false,
				  b->file.dmabufs, handle, &released) &&
	       left == wanted;
}

static bool gets_released(struct kunit *test, u64 handle)
{
	struct buffers *b = test->priv;
	bool released = false;
	int left;

	return !read_poll_timeout(left_of, left, left < 0 || released,
				  USEC_PER_MSEC,
				  GNTDEV_KUNIT_SECONDS * USEC_PER_SEC, false,
				  b->file.dmabufs, handle, &released) &&
	       released;
}

static void expect_state(struct kunit *test, u64 handle, int left,
			 bool released)
{
	struct buffers *b = test->priv;
	bool is_released = released;

	KUNIT_EXPECT_EQ(test, left,
			left_of(b->file.dmabufs, handle, &is_released));
	KUNIT_EXPECT_EQ(test, released, is_released);
}

static bool gone(struct gntdev_dmabuf_table *table, const void *what)
{
	const u64 *handle = what;

	return !gntdev_buffer_find(table, *handle);
}

static int wait(struct kunit *test, u64 handle, unsigned int ms)
{
	struct buffers *b = test->priv;

	return gntdev_dmabufs_wait(b->file.dmabufs, gone, &handle,
				   ms_to_ktime(ms));
}

static int wait_long(struct kunit *test, u64 handle)
{
	return wait(test, handle, GNTDEV_KUNIT_SECONDS * MSEC_PER_SEC);
}

/* The event of a buffer that nobody uses any more, in the background. */
static void expect_event(struct kunit *test, struct gntdev_kunit_event *event)
{
	unsigned int puts;

	KUNIT_EXPECT_EQ(test, 0,
			read_poll_timeout(READ_ONCE, puts, puts, USEC_PER_MSEC,
					  GNTDEV_KUNIT_SECONDS * USEC_PER_SEC,
					  false, event->puts));
	KUNIT_EXPECT_EQ(test, 1U, event->signals);
	KUNIT_EXPECT_EQ(test, 1U, event->puts);
	KUNIT_EXPECT_FALSE(test, event->early);
}

static void expect_no_event(struct kunit *test,
			    struct gntdev_kunit_event *event)
{
	KUNIT_EXPECT_EQ(test, 0U, READ_ONCE(event->signals));
	KUNIT_EXPECT_EQ(test, 0U, READ_ONCE(event->puts));
}

static void import_ends_when_nobody_maps_it(struct kunit *test)
{
	struct buffers *b = test->priv;
	struct gntdev_import *imp = import(test);
	u64 handle = imp->buffer.handle;

	expect_state(test, handle, FRAMES, false);
	KUNIT_EXPECT_EQ(test, 1U, b->attached);
	KUNIT_EXPECT_EQ(test, 1U, b->mapped);
	release(imp);
	expect_state(test, handle, -1, false);
	KUNIT_EXPECT_EQ(test, 0U, b->attached);
	KUNIT_EXPECT_EQ(test, 0U, b->mapped);
}

static void import_lasts_while_some_is_mapped(struct kunit *test)
{
	struct buffers *b = test->priv;
	struct gntdev_import *imp = import(test);
	u64 handle = imp->buffer.handle;
	struct gntdev_mapping *mapping[2];

	mapping[0] = gntdev_kunit_map(imp->refs + 1, 1, false);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mapping[0]);
	mapping[1] = gntdev_kunit_map(imp->refs + 2, 2, false);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mapping[1]);
	release(imp);
	expect_state(test, handle, 3, true);
	KUNIT_EXPECT_EQ(test, 1U, b->attached);
	KUNIT_EXPECT_EQ(test, 1U, b->mapped);
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, wait(test, handle, 1));
	gntdev_mapping_put(mapping[1]);
	KUNIT_EXPECT_TRUE(test, gets_down_to(test, handle, 1));
	KUNIT_EXPECT_EQ(test, 1U, b->mapped);
	gntdev_mapping_put(mapping[0]);
	KUNIT_EXPECT_EQ(test, 0, wait_long(test, handle));
	KUNIT_EXPECT_TRUE(test, gets_detached(b));
	KUNIT_EXPECT_EQ(test, 0U, b->mapped);
}

static void event_follows_the_last_grant(struct kunit *test)
{
	struct buffers *b = test->priv;
	struct gntdev_import *imp = import(test);
	u64 handle = imp->buffer.handle;
	struct gntdev_kunit_event *event;
	struct gntdev_mapping *mapping;

	event = gntdev_kunit_event_watch(&imp->buffer, b->refs, &b->granted);
	mapping = gntdev_kunit_map(imp->refs + 1, 1, false);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mapping);
	expect_no_event(test, event);
	release(imp);
	expect_no_event(test, event);
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, wait(test, handle, 1));
	expect_no_event(test, event);
	gntdev_mapping_put(mapping);
	expect_event(test, event);
	KUNIT_EXPECT_TRUE(test, gets_detached(b));
	KUNIT_EXPECT_EQ(test, 1U, event->signals);
}

static void part_of_a_buffer_is_granted(struct kunit *test)
{
	struct gntdev_import *imp = try_import(test, 1, 2, false);
	struct buffers *b = test->priv;
	char *data = page_address(b->pages);
	struct gntdev_mapping *mapping;
	char *seen;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, imp);
	KUNIT_EXPECT_EQ(test, 2U, imp->left);
	data[1 * XEN_PAGE_SIZE] = 1;
	data[2 * XEN_PAGE_SIZE] = 2;
	mapping = gntdev_kunit_map(imp->refs, 2, false);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mapping);
	seen = page_address(mapping->pages[0]);
	KUNIT_EXPECT_EQ(test, seen[0], 1);
	seen = page_address(mapping->pages[1 / XEN_PFN_PER_PAGE]);
	KUNIT_EXPECT_EQ(test, seen[1 % XEN_PFN_PER_PAGE * XEN_PAGE_SIZE], 2);
	gntdev_mapping_put(mapping);
	gntdev_import_release(imp);
	KUNIT_EXPECT_EQ(test, 0U, b->attached);
}

static void readonly_import_is_not_written(struct kunit *test)
{
	struct gntdev_import *imp = try_import(test, 0, FRAMES, true);
	struct gntdev_mapping *mapping;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, imp);
	mapping = gntdev_kunit_map(imp->refs, 1, false);
	KUNIT_EXPECT_PTR_EQ(test, (void *)mapping, ERR_PTR(-EACCES));
	if (!IS_ERR(mapping))
		gntdev_mapping_put(mapping);
	mapping = gntdev_kunit_map(imp->refs, 1, true);
	KUNIT_EXPECT_FALSE(test, IS_ERR(mapping));
	if (!IS_ERR(mapping))
		gntdev_mapping_put(mapping);
	gntdev_import_release(imp);
}

static void list_of_another_length_is_refused(struct kunit *test)
{
	static const unsigned int listed[] = { PAGES - 1, PAGES + 1 };
	struct buffers *b = test->priv;
	struct gntdev_import *imp;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(listed); i++) {
		b->listed = listed[i];
		imp = try_import(test, 0, 1, false);
		KUNIT_EXPECT_PTR_EQ(test, (void *)imp, ERR_PTR(-EINVAL));
		if (!IS_ERR(imp))
			gntdev_import_release(imp);
		KUNIT_EXPECT_EQ(test, 0U, b->attached);
		KUNIT_EXPECT_EQ(test, 0U, b->mapped);
	}
}

static void closed_file_ends_its_imports(struct kunit *test)
{
	struct buffers *b = test->priv;
	struct gntdev_import *imp[3];
	struct gntdev_mapping *mapping;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(imp); i++)
		imp[i] = import(test);
	mapping = gntdev_kunit_map(imp[1]->refs, 1, false);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mapping);
	release(imp[1]);
	KUNIT_EXPECT_EQ(test, 3U, b->attached);
	gntdev_dmabufs_release(&b->file);
	b->file.dmabufs = NULL;
	KUNIT_EXPECT_EQ(test, 1U, b->attached);
	gntdev_mapping_put(mapping);
	KUNIT_EXPECT_TRUE(test, gets_detached(b));
}

/* Export so many frames of the mock buffer, granted to this domain. */
static struct dma_buf *export(struct kunit *test, unsigned int count,
			      bool readonly)
{
	struct buffers *b = test->priv;
	struct gntdev_refs *refs;
	struct dma_buf *dmabuf;
	int ref;

	while (b->granted < count) {
		ref = gnttab_grant_foreign_access(0,
						  pfn_to_gfn(page_to_xen_pfn(b->pages) +
							     b->granted),
						  readonly);
		KUNIT_ASSERT_GE(test, ref, 0);
		b->refs[b->granted++] = ref;
	}
	refs = gntdev_refs_alloc(count);
	KUNIT_ASSERT_NOT_NULL(test, refs);
	refs->domid = 0;
	memcpy(refs->ref, b->refs, count * sizeof(*b->refs));
	dmabuf = gntdev_export_create(b->file.dmabufs, refs, readonly, 0);
	gntdev_refs_put(refs);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	publish(gntdev_export_buffer(dmabuf));
	return dmabuf;
}

static void export_ends_with_its_last_user(struct kunit *test)
{
	struct dma_buf *dmabuf = export(test, FRAMES, false);
	u64 handle = gntdev_export_buffer(dmabuf)->handle;
	struct buffers *b = test->priv;

	expect_state(test, handle, FRAMES, false);
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, wait(test, handle, 1));
	KUNIT_EXPECT_EQ(test, FRAMES, gntdev_end_grants(b->refs, b->granted));
	dma_buf_put(dmabuf);
	KUNIT_EXPECT_EQ(test, 0, wait_long(test, handle));
	b->granted = gntdev_end_grants(b->refs, b->granted);
	KUNIT_EXPECT_EQ(test, 0U, b->granted);
}

/* The only page of an export, with a reference as of a driver that uses it. */
static struct page *hold_page(struct kunit *test, struct dma_buf *dmabuf)
{
	struct iosys_map map;
	struct page *page;

	KUNIT_ASSERT_EQ(test, 0, dma_buf_vmap_unlocked(dmabuf, &map));
	/* A single page is at its own address. */
	page = virt_to_page(map.vaddr);
	dma_buf_vunmap_unlocked(dmabuf, &map);
	get_page(page);
	return page;
}

static void export_lasts_while_a_page_is_used(struct kunit *test)
{
	struct dma_buf *dmabuf = export(test, XEN_PFN_PER_PAGE, false);
	u64 handle = gntdev_export_buffer(dmabuf)->handle;
	struct page *page;

	page = hold_page(test, dmabuf);
	dma_buf_put(dmabuf);
	KUNIT_EXPECT_TRUE(test, gets_released(test, handle));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, wait(test, handle, 1));
	expect_state(test, handle, XEN_PFN_PER_PAGE, true);
	put_page(page);
	KUNIT_EXPECT_EQ(test, 0, wait_long(test, handle));
}

static void event_follows_the_last_unmap(struct kunit *test)
{
	struct dma_buf *dmabuf = export(test, XEN_PFN_PER_PAGE, false);
	struct gntdev_buffer *buf = gntdev_export_buffer(dmabuf);
	struct buffers *b = test->priv;
	u64 handle = buf->handle;
	struct gntdev_kunit_event *event;
	struct page *page;

	event = gntdev_kunit_event_watch(buf, b->refs, &b->granted);
	page = hold_page(test, dmabuf);
	dma_buf_put(dmabuf);
	KUNIT_EXPECT_TRUE(test, gets_released(test, handle));
	expect_no_event(test, event);
	put_page(page);
	expect_event(test, event);
	KUNIT_EXPECT_EQ(test, 0U, b->granted);
}

static void readonly_export_is_not_written(struct kunit *test)
{
	struct dma_buf *dmabuf = export(test, FRAMES, true);
	struct dma_buf_attachment *attach;
	struct buffers *b = test->priv;
	struct sg_table *sgt;

	KUNIT_EXPECT_TRUE(test, gntdev_export_buffer(dmabuf)->readonly);
	KUNIT_EXPECT_FALSE(test, dmabuf->file->f_mode & FMODE_WRITE);
	attach = dma_buf_attach(dmabuf, &b->dev->dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_FROM_DEVICE);
	KUNIT_EXPECT_PTR_EQ(test, (void *)sgt, ERR_PTR(-EACCES));
	if (!IS_ERR(sgt))
		dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_FROM_DEVICE);
	dma_buf_detach(dmabuf, attach);
	dma_buf_put(dmabuf);
}

/* The other domain's frames are those of the mock buffer. */
static void device_is_told_the_frames(struct kunit *test)
{
	struct dma_buf *dmabuf = export(test, FRAMES, false);
	struct dma_buf_attachment *attach;
	struct buffers *b = test->priv;
	struct sg_dma_page_iter iter;
	unsigned int pages = 0;
	struct sg_table *sgt;

	attach = dma_buf_attach(dmabuf, &b->dev->dev);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, attach);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgt);
	if (gntdev_mode()->scattered)
		KUNIT_EXPECT_EQ(test, PAGES, sgt->nents);
	for_each_sgtable_dma_page(sgt, &iter, 0) {
		if (pages == PAGES)
			break;
		if (xen_pv_domain())
			KUNIT_EXPECT_EQ(test,
					sg_page_iter_dma_address(&iter),
					PFN_PHYS(xen_page_to_gfn(b->pages +
								 pages)));
		pages++;
	}
	KUNIT_EXPECT_EQ(test, PAGES, pages);
	dma_buf_unmap_attachment_unlocked(attach, sgt, DMA_TO_DEVICE);
	dma_buf_detach(dmabuf, attach);
	dma_buf_put(dmabuf);
}

static void export_is_not_imported(struct kunit *test)
{
	struct dma_buf *dmabuf = export(test, FRAMES, false);
	const struct gntdev_import_range range = { .count = FRAMES };
	struct buffers *b = test->priv;
	struct gntdev_import *imp;

	get_dma_buf(dmabuf);
	imp = gntdev_import_create(b->file.dmabufs, dmabuf, &range);
	KUNIT_EXPECT_PTR_EQ(test, (void *)imp, ERR_PTR(-EOPNOTSUPP));
	if (!IS_ERR(imp))
		gntdev_import_release(imp);
	dma_buf_put(dmabuf);
}

static struct kunit_case imports_cases[] = {
	KUNIT_CASE(import_ends_when_nobody_maps_it),
	KUNIT_CASE(import_lasts_while_some_is_mapped),
	KUNIT_CASE(event_follows_the_last_grant),
	KUNIT_CASE(part_of_a_buffer_is_granted),
	KUNIT_CASE(readonly_import_is_not_written),
	KUNIT_CASE(list_of_another_length_is_refused),
	KUNIT_CASE(closed_file_ends_its_imports),
	{}
};

static struct kunit_suite imports_suite = {
	.name = "gntdev-imports",
	.init = buffers_init,
	.exit = buffers_exit,
	.test_cases = imports_cases,
};

static struct kunit_case exports_cases[] = {
	KUNIT_CASE(export_ends_with_its_last_user),
	KUNIT_CASE(export_lasts_while_a_page_is_used),
	KUNIT_CASE(event_follows_the_last_unmap),
	KUNIT_CASE(readonly_export_is_not_written),
	KUNIT_CASE(device_is_told_the_frames),
	KUNIT_CASE(export_is_not_imported),
	{}
};

static struct kunit_suite exports_suite = {
	.name = "gntdev-exports",
	.init = buffers_init,
	.exit = buffers_exit,
	.test_cases = exports_cases,
};

kunit_test_suites(&imports_suite, &exports_suite);
