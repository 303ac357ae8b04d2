/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page directories: chains of the guest's pages with grant references.
 * Functions return 0 or a negative errno.
 */
#ifndef VDISPL_PGDIR_H
#define VDISPL_PGDIR_H

#include "ring.h"

/* Read the references of a buffer's pages, or write them for the guest. */
int pgdir_read(struct xen_handles *xen, uint32_t domid, uint32_t first,
	       uint32_t *refs, uint32_t count);
int pgdir_write(struct xen_handles *xen, uint32_t domid, uint32_t first,
		const uint32_t *refs, uint32_t count);

#endif /* VDISPL_PGDIR_H */
