// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests: checks of arguments, indices of named grants, backing pages and
 * the scatterlists that are made of them.
 */

#include <kunit/test.h>

#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/log2.h>
#include <linux/mman.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/scatterlist.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <xen/page.h>

#include "gntdev-dmabuf.h"

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

/*
 * Memory of the program that loads the module: in a PV domain, the kernel cannot
 * switch to an address space that no program was started in.
 */
static struct {
	struct mm_struct *mm;
	void __user *addr;
} user;

static int user_init(struct kunit_suite *suite)
{
	unsigned long addr;

	if (!current->mm)
		return 0;
	addr = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (IS_ERR_VALUE(addr))
		return addr;
	user.addr = (void __user *)addr;
	user.mm = current->mm;
	mmget(user.mm);
	return 0;
}

static void user_exit(struct kunit_suite *suite)
{
	if (!user.mm)
		return;
	vm_munmap((unsigned long)user.addr, PAGE_SIZE);
	mmput(user.mm);
	user.mm = NULL;
}

static int index_init(struct kunit *test)
{
	struct gntdev_file *file;

	if (!user.mm)
		kunit_skip(test, "no program loads this");
	file = kunit_kzalloc(test, sizeof(*file), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, file);
	gntdev_ranges_init(file);
	test->priv = file;
	return 0;
}

static void index_exit(struct kunit *test)
{
	if (test->priv)
		gntdev_ranges_release(test->priv);
}

/* A command, as the program would give it. */
static long command(struct kunit *test, void *op, size_t size,
		    long (*handler)(struct gntdev_file *, void __user *))
{
	long ret = -EFAULT;

	kthread_use_mm(user.mm);
	if (!copy_to_user(user.addr, op, size))
		ret = handler(test->priv, user.addr);
	if (!ret && copy_from_user(op, user.addr, size))
		ret = -EFAULT;
	kthread_unuse_mm(user.mm);
	return ret;
}

/* Name so many grants; the index, in pages. */
static u64 name(struct kunit *test, u32 count)
{
	struct ioctl_gntdev_map_grant_ref *op;
	unsigned int i;
	long ret;

	op = kunit_kzalloc(test, struct_size(op, refs, count), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, op);
	op->count = count;
	for (i = 0; i < count; i++)
		op->refs[i].domid = 1;
	ret = command(test, op, struct_size(op, refs, count), gntdev_ioctl_map);
	KUNIT_ASSERT_EQ(test, 0L, ret);
	KUNIT_EXPECT_EQ(test, 0ULL, op->index % PAGE_SIZE);
	return op->index >> PAGE_SHIFT;
}

static long unname(struct kunit *test, u64 page, u32 count)
{
	struct ioctl_gntdev_unmap_grant_ref op = {
		.index = page << PAGE_SHIFT,
		.count = count,
	};

	return command(test, &op, sizeof(op), gntdev_ioctl_unmap);
}

static void index_is_behind_the_last_range(struct kunit *test)
{
	const u32 two = 2 * XEN_PFN_PER_PAGE;

	KUNIT_EXPECT_EQ(test, 0ULL, name(test, 1));
	KUNIT_EXPECT_EQ(test, 1ULL, name(test, two));
	KUNIT_EXPECT_EQ(test, 3ULL, name(test, 1));
	KUNIT_EXPECT_EQ(test, 0L, unname(test, 1, two));
	KUNIT_EXPECT_EQ(test, 4ULL, name(test, two));
	KUNIT_EXPECT_EQ(test, 0L, unname(test, 4, two));
	KUNIT_EXPECT_EQ(test, 0L, unname(test, 3, 1));
	KUNIT_EXPECT_EQ(test, 6ULL, name(test, 1));
	KUNIT_EXPECT_EQ(test, 0L, unname(test, 6, 1));
	KUNIT_EXPECT_EQ(test, 0L, unname(test, 0, 1));
	KUNIT_EXPECT_EQ(test, 0ULL, name(test, 1));
}

/* Two free offsets lie between ranges, then none, and many behind them. */
static void index_is_free_behind_the_end(struct kunit *test)
{
	const u32 two = 2 * XEN_PFN_PER_PAGE;
	const u64 last = LLONG_MAX >> PAGE_SHIFT;
	struct gntdev_file *file = test->priv;

	KUNIT_EXPECT_EQ(test, 0ULL, name(test, 1));
	KUNIT_EXPECT_EQ(test, 1ULL, name(test, two));
	KUNIT_EXPECT_EQ(test, 3ULL, name(test, 1));
	KUNIT_EXPECT_EQ(test, 0L, unname(test, 1, two));
	file->next_page = last;
	KUNIT_EXPECT_EQ(test, last, name(test, 1));
	KUNIT_EXPECT_EQ(test, 4ULL, name(test, two + XEN_PFN_PER_PAGE));
	file->next_page = last;
	KUNIT_EXPECT_EQ(test, 1ULL, name(test, two));
	KUNIT_EXPECT_EQ(test, 7ULL, name(test, two));
	file->next_page = 0;
	KUNIT_EXPECT_EQ(test, 9ULL, name(test, 1));
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
	KUNIT_CASE(index_is_behind_the_last_range),
	KUNIT_CASE(index_is_free_behind_the_end),
	KUNIT_CASE(only_all_of_a_range_is_unmapped),
	{}
};

static struct kunit_suite index_suite = {
	.name = "gntdev-index",
	.suite_init = user_init,
	.suite_exit = user_exit,
	.init = index_init,
	.exit = index_exit,
	.test_cases = index_cases,
};

#define BLOCK		8U
#define BLOCK_ORDER	ilog2(BLOCK)

/* Pages in an order that a test chooses. */
struct pages {
	struct page *block;
	struct page *page[BLOCK];
};

static int pages_init(struct kunit *test)
{
	struct pages *p = kunit_kzalloc(test, sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	p->block = alloc_pages(GFP_KERNEL, BLOCK_ORDER);
	KUNIT_ASSERT_NOT_NULL(test, p->block);
	test->priv = p;
	return 0;
}

static void pages_exit(struct kunit *test)
{
	struct pages *p = test->priv;

	if (p)
		__free_pages(p->block, BLOCK_ORDER);
}

/* Each digit is the number of a page in the block. */
static void take(struct pages *p, const char *order)
{
	unsigned int i;

	for (i = 0; order[i]; i++)
		p->page[i] = p->block + (order[i] - '0');
}

static void expect_sorted(struct kunit *test, const char *order,
			  const char *sorted, bool consecutive)
{
	struct pages *p = test->priv;
	unsigned int i;

	take(p, order);
	KUNIT_EXPECT_EQ_MSG(test, consecutive,
			    gntdev_pages_sort(p->page, strlen(order)),
			    "order %s", order);
	for (i = 0; sorted[i]; i++)
		KUNIT_EXPECT_EQ_MSG(test, p->page[i] - p->block, sorted[i] - '0',
				    "page %u of %s", i, order);
}

static void pages_become_consecutive(struct kunit *test)
{
	expect_sorted(test, "3", "3", true);
	expect_sorted(test, "23", "23", true);
	expect_sorted(test, "32", "23", true);
	expect_sorted(test, "01234567", "01234567", true);
	expect_sorted(test, "76543210", "01234567", true);
	expect_sorted(test, "65432", "23456", true);
	expect_sorted(test, "40213", "01234", true);
	expect_sorted(test, "23401", "01234", true);
	expect_sorted(test, "12340", "01234", true);
}

static void gap_between_pages_is_seen(struct kunit *test)
{
	expect_sorted(test, "13", "13", false);
	expect_sorted(test, "31", "13", false);
	expect_sorted(test, "01235", "01235", false);
	expect_sorted(test, "75321", "12357", false);
	expect_sorted(test, "7032", "0237", false);
}

static void expect_entries(struct kunit *test, bool scattered, size_t max,
			   const char *order, const char *lengths)
{
	const struct gntdev_mode mode = { .scattered = scattered };
	struct pages *p = test->priv;
	struct scatterlist *sg;
	struct sg_table sgt;
	unsigned int i;

	take(p, order);
	KUNIT_ASSERT_EQ(test, 0,
			gntdev_export_table(&mode, p->page, strlen(order), max,
					    &sgt));
	KUNIT_EXPECT_EQ_MSG(test, (size_t)sgt.orig_nents, strlen(lengths),
			    "order %s", order);
	for_each_sgtable_sg(&sgt, sg, i) {
		if (i == strlen(lengths))
			break;
		KUNIT_EXPECT_EQ(test, 0U, sg->offset);
		KUNIT_EXPECT_EQ_MSG(test, (unsigned long)sg->length,
				    (lengths[i] - '0') * PAGE_SIZE,
				    "entry %u of %s", i, order);
		KUNIT_EXPECT_PTR_EQ(test, sg_page(sg), p->block + (*order - '0'));
		order += lengths[i] - '0';
	}
	sg_free_table(&sgt);
}

static void entries_of_scattered_pages_stay_apart(struct kunit *test)
{
	expect_entries(test, true, SZ_1M, "0", "1");
	expect_entries(test, true, SZ_1M, "0123", "1111");
	expect_entries(test, true, SZ_1M, "2013", "1111");
}

static void entries_of_consecutive_pages_are_merged(struct kunit *test)
{
	expect_entries(test, false, SZ_1M, "01234567", "8");
	expect_entries(test, false, SZ_1M, "0124567", "34");
	expect_entries(test, false, SZ_1M, "3210", "1111");
	expect_entries(test, false, SZ_1M, "0167", "22");
}

static void entries_fit_the_device(struct kunit *test)
{
	expect_entries(test, false, 2 * PAGE_SIZE, "0123456", "2221");
	expect_entries(test, false, 3 * PAGE_SIZE - 1, "0123456", "2221");
	expect_entries(test, false, PAGE_SIZE, "012", "111");
	expect_entries(test, false, 512, "012", "111");
	expect_entries(test, false, UINT_MAX, "012", "3");
}

static struct kunit_case pages_cases[] = {
	KUNIT_CASE(pages_become_consecutive),
	KUNIT_CASE(gap_between_pages_is_seen),
	KUNIT_CASE(entries_of_scattered_pages_stay_apart),
	KUNIT_CASE(entries_of_consecutive_pages_are_merged),
	KUNIT_CASE(entries_fit_the_device),
	{}
};

static struct kunit_suite pages_suite = {
	.name = "gntdev-pages",
	.init = pages_init,
	.exit = pages_exit,
	.test_cases = pages_cases,
};

kunit_test_suites(&arguments_suite, &index_suite, &pages_suite);
