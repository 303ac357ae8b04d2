// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which frames a dma-buf consists of.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include <xen/page.h>

#include "gntdev-dmabuf.h"

/*
 * The kernel has a struct page for each page of such a block or for none of them:
 * memory comes and goes in blocks of SUBSECTION_SIZE, or larger ones.
 */
#define PAGES_PER_BLOCK		(SZ_2M >> PAGE_SHIFT)

static bool page_exists(unsigned long pfn, unsigned long *last_block)
{
	unsigned long block = pfn / PAGES_PER_BLOCK;

	if (block == *last_block)
		return true;
	if (!pfn_valid(pfn))
		return false;
	*last_block = block;
	return true;
}

/* Each page is noted in place of its first frame. */
static int list_pages(struct sg_table *sgt, unsigned int count,
		      xen_pfn_t *frames)
{
	unsigned long block = ULONG_MAX;
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		unsigned int pages = sg_dma_len(sg) >> PAGE_SHIFT;
		unsigned long pfn = PHYS_PFN(sg_dma_address(sg));

		if (!pages || pages * XEN_PFN_PER_PAGE > count ||
		    !PAGE_ALIGNED(sg_dma_address(sg) | sg_dma_len(sg)))
			return -EINVAL;
		count -= pages * XEN_PFN_PER_PAGE;
		for (; pages; pages--, pfn++, frames += XEN_PFN_PER_PAGE) {
			if (!page_exists(pfn, &block))
				return -EOPNOTSUPP;
			*frames = pfn;
		}
	}
	return count ? -EINVAL : 0;
}

/**
 * gntdev_sgt_to_frames - turn a scatterlist into frames of this domain
 * @sgt: mapped for the import device: bus addresses are pseudo-physical
 * @count: number of frames that it has to have, exactly
 * @frames: the frames, as grants name them; undefined on failure
 *
 * Only bus addresses are looked at: an exporter may hide its pages. Only whole
 * pages of ordinary memory of this domain may be granted: part of a page would show
 * its rest, and what another domain owns is not ours to give.
 *
 * Return: 0, -EINVAL if @sgt is not @count frames in whole pages, or
 * -EOPNOTSUPP if a page is not ordinary memory of this domain.
 */
int gntdev_sgt_to_frames(struct sg_table *sgt, unsigned int count,
			 xen_pfn_t *frames)
{
	int ret = list_pages(sgt, count, frames);

	if (!ret && !gntdev_mode()->own_frames(frames, count))
		ret = -EOPNOTSUPP;
	if (ret == -EOPNOTSUPP)
		pr_debug_ratelimited("not all pages are memory of this domain\n");
	return ret;
}
