// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which frames a dma-buf consists of.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/scatterlist.h>

#include <xen/page.h>

#include "gntdev-dmabuf.h"

/*
 * Only whole pages of ordinary memory of this domain may be granted. Part of a
 * page would show its rest; what another domain owns is not ours to give.
 */
static int page_to_frames(unsigned long pfn, xen_pfn_t *frames)
{
	unsigned int i;

	if (!gntdev_mode()->may_grant(pfn)) {
		pr_debug_ratelimited("no memory of this domain at pfn %#lx\n",
				     pfn);
		return -EOPNOTSUPP;
	}
	for (i = 0; i < XEN_PFN_PER_PAGE; i++)
		frames[i] = pfn_to_gfn(pfn * XEN_PFN_PER_PAGE + i);
	return 0;
}

static int range_to_frames(dma_addr_t addr, unsigned int len,
			   xen_pfn_t *frames)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < len >> PAGE_SHIFT; i++)
		ret = page_to_frames(PHYS_PFN(addr) + i,
				     frames + i * XEN_PFN_PER_PAGE);
	return ret;
}

/**
 * gntdev_sgt_to_frames - turn a scatterlist into frames of this domain
 * @sgt: mapped for the import device: bus addresses are pseudo-physical
 * @count: number of frames that it has to have, exactly
 * @frames: the frames, as grants name them; undefined on failure
 *
 * Only bus addresses are looked at: an exporter may hide its pages.
 *
 * Return: 0, -EINVAL if @sgt is not @count frames in whole pages, or
 * -EOPNOTSUPP if a page is not ordinary memory of this domain.
 */
int gntdev_sgt_to_frames(struct sg_table *sgt, unsigned int count,
			 xen_pfn_t *frames)
{
	unsigned int done = 0;
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		dma_addr_t addr = sg_dma_address(sg);
		unsigned int len = sg_dma_len(sg);

		if (!len || !PAGE_ALIGNED(addr) || !PAGE_ALIGNED(len) ||
		    len >> XEN_PAGE_SHIFT > count - done)
			return -EINVAL;
		ret = range_to_frames(addr, len, frames + done);
		if (ret)
			return ret;
		done += len >> XEN_PAGE_SHIFT;
	}
	return done == count ? 0 : -EINVAL;
}
