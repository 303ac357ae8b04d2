// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA-able buffers to map grants on.
 *
 * Memory comes from the DMA API, so that it has the cache attributes and the
 * addresses a device wants, or in a PV domain, where that is no different, from
 * the page allocator. Its frames are given back to the hypervisor, and the holes
 * they leave take grants. It is allocated page by page: once grants are mapped,
 * the machine frames are scattered anyway, and the DMA API takes nothing back
 * whose frames were consecutive and are no more.
 */

#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <xen/grant-dma-alloc.h>
#include <xen/grant_table.h>
#include <xen/mem-reservation.h>
#include <xen/xen.h>

#define FRAMES_PER_CALL		128U

/*
 * Only from the kernel's address: on its bus, the device may see the page
 * anywhere.
 */
static struct page *vaddr_to_page(void *vaddr)
{
	return is_vmalloc_addr(vaddr) ? vmalloc_to_page(vaddr) :
					virt_to_page(vaddr);
}

/*
 * In a PV domain, a page's address on the bus is that of its machine frame. As
 * frames are given away and come back in another order, two buffers of a device
 * would have the same address from the DMA API, which is an error there. PV
 * domains are x86, where such memory is ordinary memory.
 */
static bool bus_address_changes(void)
{
	return xen_pv_domain();
}

static bool alloc_page_memory(struct gnttab_dma_buffer *buf,
			      struct gnttab_dma_page *mem)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN;

	if (bus_address_changes())
		mem->vaddr = (void *)get_zeroed_page(gfp);
	else
		mem->vaddr = dma_alloc_attrs(buf->dev, PAGE_SIZE, &mem->dma,
					     gfp, buf->attrs);
	return mem->vaddr;
}

static void free_page_memory(struct gnttab_dma_buffer *buf,
			     struct gnttab_dma_page *mem)
{
	if (bus_address_changes())
		free_page((unsigned long)mem->vaddr);
	else
		dma_free_attrs(buf->dev, PAGE_SIZE, mem->vaddr, mem->dma,
			       buf->attrs);
}

static void free_memory(struct gnttab_dma_buffer *buf)
{
	unsigned int i;

	for (i = 0; i < buf->nr_pages; i++)
		free_page_memory(buf, &buf->mem[i]);
	kvfree(buf->pages);
	kvfree(buf);
}

/**
 * gnttab_dma_buffer_alloc - allocate DMA memory for grants
 * @dev: device to allocate for
 * @nr_pages: pages of the kernel
 * @coherent: coherent memory; otherwise write-combined
 *
 * May sleep. The pages are ordinary memory until gnttab_dma_buffer_vacate().
 *
 * Return: the buffer, to be given back with gnttab_dma_buffer_free(), or
 * ERR_PTR(-ENOMEM). Kernels without CONFIG_XEN_GRANT_DMA_ALLOC have a function
 * in its place that gives ERR_PTR(-EOPNOTSUPP).
 */
struct gnttab_dma_buffer *gnttab_dma_buffer_alloc(struct device *dev,
						  unsigned int nr_pages,
						  bool coherent)
{
	struct gnttab_dma_buffer *buf;
	struct gnttab_dma_page *mem;

	buf = kvzalloc(struct_size(buf, mem, nr_pages), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	buf->dev = dev;
	buf->attrs = coherent ? 0 : DMA_ATTR_WRITE_COMBINE;
	buf->pages = kvmalloc_array(nr_pages, sizeof(*buf->pages),
				    GFP_KERNEL_ACCOUNT);
	while (buf->pages && buf->nr_pages < nr_pages) {
		mem = &buf->mem[buf->nr_pages];
		if (!alloc_page_memory(buf, mem))
			break;
		buf->pages[buf->nr_pages++] = vaddr_to_page(mem->vaddr);
	}
	if (!buf->pages || buf->nr_pages < nr_pages) {
		free_memory(buf);
		return ERR_PTR(-ENOMEM);
	}
	return buf;
}
EXPORT_SYMBOL_GPL(gnttab_dma_buffer_alloc);

static int vacate_some(struct gnttab_dma_buffer *buf, xen_pfn_t *frames,
		       unsigned int count)
{
	struct page **pages = buf->pages + buf->hole_end;
	unsigned int i, done;
	int ret;

	/* Nothing to scrub: the memory is zero. */
	for (i = 0; i < count; i++)
		frames[i] = xen_page_to_gfn(pages[i]);
	xenmem_reservation_va_mapping_reset(count, pages);
	ret = xenmem_reservation_flush();
	if (!ret)
		ret = xenmem_reservation_decrease(count, frames);
	done = ret < 0 ? 0 : ret;
	xenmem_reservation_va_mapping_update(count - done, pages + done,
					     frames + done);
	buf->hole_end += done;
	if (ret < 0)
		return ret;
	return done == count ? 0 : -ENOMEM;
}

static int populate_some(struct gnttab_dma_buffer *buf, xen_pfn_t *frames,
			 unsigned int count)
{
	struct page **pages = buf->pages + buf->hole_start;
	unsigned int i;
	int ret;

	for (i = 0; i < count; i++)
		frames[i] = page_to_xen_pfn(pages[i]);
	ret = xenmem_reservation_increase(count, frames);
	if (ret <= 0)
		return -ENOMEM;
	xenmem_reservation_va_mapping_update(ret, pages, frames);
	buf->hole_start += ret;
	return 0;
}

/**
 * gnttab_dma_buffer_vacate - make room for grants
 * @buf: buffer with all its frames
 *
 * May sleep. The frames of the buffer go back to the hypervisor. Nobody may
 * have learned of the pages yet.
 *
 * Return: 0, or a negative errno; then gnttab_dma_buffer_free() is due.
 */
int gnttab_dma_buffer_vacate(struct gnttab_dma_buffer *buf)
{
	xen_pfn_t *frames;
	int ret;

	frames = kmalloc_array(min(buf->nr_pages, FRAMES_PER_CALL),
			       sizeof(*frames), GFP_KERNEL);
	if (!frames)
		return -ENOMEM;
	ret = gnttab_pages_set_private(buf->nr_pages, buf->pages);
	while (!ret && buf->hole_end < buf->nr_pages)
		ret = vacate_some(buf, frames, min(buf->nr_pages - buf->hole_end,
						   FRAMES_PER_CALL));
	kfree(frames);
	return ret;
}
EXPORT_SYMBOL_GPL(gnttab_dma_buffer_vacate);

/**
 * gnttab_dma_buffer_free - fill the holes again and give the memory back
 * @buf: buffer; no grant is mapped on it and nobody can reach its pages
 *
 * May sleep. Not one page goes back to the DMA API before all have a frame.
 *
 * Return: 0, and @buf is gone; or -ENOMEM when the hypervisor has no frames to
 * lend at present: then the caller still owns @buf and has to try again later.
 */
int gnttab_dma_buffer_free(struct gnttab_dma_buffer *buf)
{
	xen_pfn_t frames[32];
	unsigned int count;
	int ret;

	while (buf->hole_start < buf->hole_end) {
		count = min_t(unsigned int, buf->hole_end - buf->hole_start,
			      ARRAY_SIZE(frames));
		ret = populate_some(buf, frames, count);
		if (ret)
			return ret;
	}
	gnttab_pages_clear_private(buf->nr_pages, buf->pages);
	free_memory(buf);
	return 0;
}
EXPORT_SYMBOL_GPL(gnttab_dma_buffer_free);
