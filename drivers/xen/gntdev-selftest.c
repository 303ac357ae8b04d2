// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's hooks for tests, and the parameters that work them.
 */

#include <linux/atomic.h>
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

static int vmaps_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&vmaps));
}

static const struct kernel_param_ops vmaps_ops = {
	.get = vmaps_get,
};
module_param_cb(vmaps, &vmaps_ops, NULL, 0444);
MODULE_PARM_DESC(vmaps, "Mappings that needed kernel addresses of their own");

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
