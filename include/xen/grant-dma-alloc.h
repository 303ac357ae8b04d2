/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _XEN_GRANT_DMA_ALLOC_H
#define _XEN_GRANT_DMA_ALLOC_H

#include <linux/err.h>
#include <linux/types.h>

struct device;
struct page;

/**
 * struct gnttab_dma_page - one page of DMA memory
 * @vaddr: kernel address
 * @dma: bus address, as the DMA API returned it; only good for giving it back,
 *	and unused in a PV domain
 */
struct gnttab_dma_page {
	void *vaddr;
	dma_addr_t dma;
};

/**
 * struct gnttab_dma_buffer - DMA memory without frames, to map grants on
 * @dev: device the memory was allocated for
 * @attrs: DMA_ATTR_* the memory was allocated with
 * @nr_pages: number of pages allocated
 * @hole_start: first page without a frame
 * @hole_end: page behind the last one without a frame
 * @pages: the pages; their order is the owner's while all are without a frame
 * @mem: what it takes to give each page back
 */
struct gnttab_dma_buffer {
	struct device *dev;
	unsigned long attrs;
	unsigned int nr_pages;
	unsigned int hole_start;
	unsigned int hole_end;
	struct page **pages;
	struct gnttab_dma_page mem[];
};

#if IS_ENABLED(CONFIG_XEN_GRANT_DMA_ALLOC)
struct gnttab_dma_buffer *gnttab_dma_buffer_alloc(struct device *dev,
						  unsigned int nr_pages,
						  bool coherent);
int gnttab_dma_buffer_vacate(struct gnttab_dma_buffer *buf);
int gnttab_dma_buffer_free(struct gnttab_dma_buffer *buf);
#else
/* There is no buffer, so nobody ever calls the others. */
static inline struct gnttab_dma_buffer *
gnttab_dma_buffer_alloc(struct device *dev, unsigned int nr_pages,
			bool coherent)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline int gnttab_dma_buffer_vacate(struct gnttab_dma_buffer *buf)
{
	return -EOPNOTSUPP;
}

static inline int gnttab_dma_buffer_free(struct gnttab_dma_buffer *buf)
{
	return 0;
}
#endif

#endif /* _XEN_GRANT_DMA_ALLOC_H */
