// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "pgdir.h"

#define PER_PAGE	((XENDISPL_EVENT_PAGE_SIZE - \
			  offsetof(struct xendispl_page_directory, gref)) / \
			 sizeof(grant_ref_t))

/* Exactly one of @from and @to is given. */
static int walk(struct xen_handles *xen, uint32_t domid, uint32_t next,
		uint32_t *to, const uint32_t *from, uint32_t count)
{
	int prot = from ? PROT_READ | PROT_WRITE : PROT_READ;
	uint32_t done = 0;

	/* Only as many pages as the buffer needs: a chain may be a circle. */
	while (done < count) {
		uint32_t part = count - done < PER_PAGE ? count - done :
							  (uint32_t)PER_PAGE;
		struct xendispl_page_directory *page;

		/* No guest has reference 0 to give: it ends the chain. */
		if (!next)
			return -EINVAL;
		page = xengnttab_map_grant_ref(xen->gnttab, domid, next, prot);
		if (!page)
			return -errno;
		next = __atomic_load_n(&page->gref_dir_next_page,
				       __ATOMIC_RELAXED);
		if (from)
			memcpy(page->gref, from + done, part * sizeof(*from));
		else
			memcpy(to + done, page->gref, part * sizeof(*to));
		done += part;
		xengnttab_unmap(xen->gnttab, page, 1);
	}
	return 0;
}

int pgdir_read(struct xen_handles *xen, uint32_t domid, uint32_t first,
	       uint32_t *refs, uint32_t count)
{
	return walk(xen, domid, first, refs, NULL, count);
}

int pgdir_write(struct xen_handles *xen, uint32_t domid, uint32_t first,
		const uint32_t *refs, uint32_t count)
{
	return walk(xen, domid, first, NULL, refs, count);
}
