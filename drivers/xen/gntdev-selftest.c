// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's hooks for tests, and the parameters that work them.
 */

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sysfs.h>

#include <xen/page.h>

#include "gntdev-common.h"

static bool scatter;
module_param(scatter, bool, 0644);
MODULE_PARM_DESC(scatter, "Map grants on pages that are not consecutive");

static atomic_t vmaps = ATOMIC_INIT(0);

static int counter_get(char *buffer, const struct kernel_param *kp)
{
	const atomic_t *counter = kp->arg;

	return sysfs_emit(buffer, "%d\n", atomic_read(counter));
}

static const struct kernel_param_ops counter_ops = {
	.get = counter_get,
};
module_param_cb(vmaps, &counter_ops, &vmaps, 0444);
MODULE_PARM_DESC(vmaps, "Mappings that needed kernel addresses of their own");

static atomic_t held[GNTDEV_HELD_KINDS];

module_param_cb(mapped, &counter_ops, &held[GNTDEV_HELD_MAPPED], 0444);
MODULE_PARM_DESC(mapped, "Grants that are mapped, each as often as it is");
module_param_cb(granted, &counter_ops, &held[GNTDEV_HELD_GRANTED], 0444);
MODULE_PARM_DESC(granted, "Grants for other domains");
module_param_cb(frames, &counter_ops, &held[GNTDEV_HELD_FRAMES], 0444);
MODULE_PARM_DESC(frames, "Frames given back to the hypervisor");
module_param_cb(pages, &counter_ops, &held[GNTDEV_HELD_PAGES], 0444);
MODULE_PARM_DESC(pages, "Backing pages");

static unsigned int fail_kinds;
module_param(fail_kinds, uint, 0644);
MODULE_PARM_DESC(fail_kinds, "What may fail: bits of enum gntdev_fail");

static atomic_t fail_op = ATOMIC_INIT(0);

static int fail_op_set(const char *value, const struct kernel_param *kp)
{
	int n, ret;

	ret = kstrtoint(value, 0, &n);
	if (!ret)
		atomic_set(&fail_op, n);
	return ret;
}

static const struct kernel_param_ops fail_op_ops = {
	.set = fail_op_set,
	.get = counter_get,
};
module_param_cb(fail_op, &fail_op_ops, &fail_op, 0644);
MODULE_PARM_DESC(fail_op, "The n-th element from now on fails; 0 when it has");

/* Whose grant an unmap was made to lose; not freed because of that. */
static struct gntdev_mapping *loser;

/*
 * Once all that the driver can do is done, its last user is gone, and nothing
 * works on the mapping any more.
 */
static int forgive_set(const char *value, const struct kernel_param *kp)
{
	struct gntdev_mapping *mapping = xchg(&loser, NULL);

	if (!mapping)
		return -ENOENT;
	atomic_dec(&mapping->lost);
	if (!kref_read(&mapping->kref))
		gntdev_retry_queue(&mapping->retry);
	return 0;
}

static const struct kernel_param_ops forgive_ops = {
	.set = forgive_set,
};
module_param_cb(forgive, &forgive_ops, NULL, 0200);
MODULE_PARM_DESC(forgive, "Any value: what an unmap lost is unmapped after all");

/**
 * gntdev_selftest_scatter - put backing pages into an order that no vmap can be
 * @mapping: its pages are sorted and nothing is mapped on them
 *
 * What is left of the grants after whole pages stays on the last one.
 */
void gntdev_selftest_scatter(struct gntdev_mapping *mapping)
{
	unsigned int count = mapping->refs->count / XEN_PFN_PER_PAGE;
	unsigned int i;

	if (!READ_ONCE(scatter))
		return;
	for (i = 0; i < count / 2; i++)
		swap(mapping->pages[i], mapping->pages[count - 1 - i]);
	mapping->linear = false;
}

/**
 * gntdev_selftest_count_vmap - pages need addresses beside their own
 */
void gntdev_selftest_count_vmap(void)
{
	atomic_inc(&vmaps);
}

/**
 * gntdev_selftest_fails - is this the element that is to fail?
 * @what: what the element is part of
 *
 * Return: true once after a test asked for it.
 */
bool gntdev_selftest_fails(enum gntdev_fail what)
{
	return (READ_ONCE(fail_kinds) & BIT(what)) &&
	       !atomic_dec_if_positive(&fail_op);
}

/**
 * gntdev_selftest_hold - the driver has more of something, or less
 * @what: of what
 * @count: how many; negative if they are gone
 */
void gntdev_selftest_hold(enum gntdev_held what, int count)
{
	atomic_add(count, &held[what]);
}

/**
 * gntdev_selftest_before_map - have the hypervisor refuse an element
 * @op: what it is about to be asked for
 * @count: number of @op
 */
void gntdev_selftest_before_map(struct gnttab_map_grant_ref *op,
				unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (gntdev_selftest_fails(GNTDEV_FAIL_MAP))
			op[i].ref = ~0;
}

/**
 * gntdev_selftest_after_map - count what the hypervisor mapped
 * @op: what it was asked for
 * @count: number of @op
 */
void gntdev_selftest_after_map(const struct gnttab_map_grant_ref *op,
			       unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (op[i].status == GNTST_okay)
			gntdev_selftest_hold(GNTDEV_HELD_MAPPED, 1);
}

/**
 * gntdev_selftest_after_unmap - count, and perhaps disown, what was unmapped
 * @mapping: whose grants these are
 * @op: what the hypervisor was asked for
 * @count: number of @op
 *
 * An element that fails has succeeded in truth. Otherwise nothing could ever
 * undo it: the entry of a page table that goes away takes the mapping with it,
 * and the handle stays.
 */
void gntdev_selftest_after_unmap(struct gntdev_mapping *mapping,
				 struct gnttab_unmap_grant_ref *op,
				 unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (op[i].status != GNTST_okay)
			continue;
		gntdev_selftest_hold(GNTDEV_HELD_MAPPED, -1);
		if (!gntdev_selftest_fails(GNTDEV_FAIL_UNMAP))
			continue;
		op[i].status = GNTST_general_error;
		xchg(&loser, mapping);
	}
}
