/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Thin wrappers of the grant devices for test programs. Unless said
 * otherwise a function returns 0 or a positive result, or a negative errno.
 */
#ifndef XEN_SELFTEST_GRANTS_H
#define XEN_SELFTEST_GRANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/gntdev.h>

#define GRANT_PAGE_SIZE 4096u

/* Grants that make a page of the kernel; and a count, rounded up to those. */
uint32_t grants_per_page(void);
uint32_t whole_pages(uint32_t count);

/**
 * struct dmabuf_pages - memory of this process that is a dma-buf as well
 * @memfd:	the memory, unless it is the exporter's
 * @dmabuf:	the dma-buf that udmabuf made of it
 * @count:	number of pages
 * @addr:	where they are mapped
 */
struct dmabuf_pages {
	int memfd;
	int dmabuf;
	uint32_t count;
	void *addr;
};

/**
 * struct gnt_pages - pages of this domain, granted by gntalloc
 * @fd:		open file of /dev/xen/gntalloc, one per set of pages
 * @index:	what gntalloc calls them
 * @count:	number of pages
 * @refs:	their grant references
 * @addr:	where they are mapped in this process
 * @memory:	the pages, if they are several and pages of the kernel are larger
 *		than a grant: gntalloc grants one frame of each, so there gntdev
 *		(@fd) grants memory that it imports
 */
struct gnt_pages {
	int fd;
	uint64_t index;
	uint32_t count;
	uint32_t *refs;
	void *addr;
	struct dmabuf_pages memory;
};

/**
 * gnt_pages_alloc() - allocate pages, grant them and map them here
 * @pages:	filled in; undone by gnt_pages_free()
 * @domid:	who may map them (the own domain's number makes a loop)
 * @count:	how many
 * @writable:	whether @domid may write to them
 *
 * Return: 0 or a negative errno; -EOPNOTSUPP for several that are not writable
 * where pages of the kernel are larger than a grant.
 */
int gnt_pages_alloc(struct gnt_pages *pages, uint16_t domid, uint32_t count,
		    bool writable);

/**
 * gnt_pages_revoke() - end the grants, keep the memory
 * @pages:	a set of pages
 *
 * A page that the other domain has mapped stays granted until it is
 * unmapped; gntalloc ends the grant then.
 *
 * Return: 0 or a negative errno.
 */
int gnt_pages_revoke(struct gnt_pages *pages);

/**
 * gnt_pages_free() - unmap, end the grants, free the memory
 * @pages:	a set of pages, may be empty or partly set up
 */
void gnt_pages_free(struct gnt_pages *pages);

/* Names another device for gntdev_open(). */
#define GNTDEV_NODE_VARIABLE "GNTDEV_NODE"

/* One call each; count may be anything, also what the driver must refuse. */
int gntdev_open(void);
/* Whether @fd is a file of the device that gntdev_open() opens, of any caller. */
bool is_gntdev(int fd);
int gntdev_map(int fd, uint16_t domid, const uint32_t *refs, uint32_t count,
	       uint64_t *index);
int gntdev_unmap(int fd, uint64_t index, uint32_t count);
int gntdev_get_offset(int fd, const void *vaddr, uint64_t *offset,
		      uint32_t *count);
int gntdev_set_unmap_notify(int fd, uint64_t index, uint32_t action,
			    uint32_t port);
int gntdev_copy(int fd, struct gntdev_grant_copy_segment *segments,
		uint32_t count);
int gntdev_exp_from_refs(int fd, uint32_t flags, uint16_t domid,
			 const uint32_t *refs, uint32_t count, int *dmabuf);
int gntdev_exp_wait_released(int fd, int dmabuf, uint32_t timeout_ms);
int gntdev_imp_to_refs(int fd, int dmabuf, uint16_t domid, uint32_t count,
		       uint32_t *refs);
int gntdev_imp_release(int fd, int dmabuf);
/* The same by handles; what is not given here is that of all pages. */
int gntdev_export(int fd, uint32_t flags, uint16_t domid, const uint32_t *refs,
		  uint32_t count, int *dmabuf, uint64_t *handle);
int gntdev_import(int fd, uint32_t flags, int dmabuf, uint16_t domid,
		  uint32_t count, uint32_t *refs, uint64_t *handle);
int gntdev_import_release(int fd, uint64_t handle, uint32_t *left);
/* How many grants are left is told with 0 and -ETIMEDOUT. */
int gntdev_wait(int fd, uint64_t handle, uint64_t timeout_ns, uint32_t *left);
/* With a handle of 0, only what does not need one. */
int gntdev_query(int fd, uint64_t handle, struct gntdev_query *op);

/**
 * struct gntdev_mapping - foreign pages mapped in this process
 * @fd:		open file of /dev/xen/gntdev, owned by the caller
 * @index:	mmap offset
 * @count:	number of pages
 * @addr:	where they are
 */
struct gntdev_mapping {
	int fd;
	uint64_t index;
	uint32_t count;
	void *addr;
};

/**
 * gntdev_mapping_open() - name references and mmap them
 * @map:	filled in; undone by gntdev_mapping_close()
 * @fd:		open file of /dev/xen/gntdev
 * @domid:	who granted them
 * @refs:	the references
 * @count:	how many
 * @prot:	PROT_READ, or with PROT_WRITE
 *
 * Return: 0 or a negative errno.
 */
int gntdev_mapping_open(struct gntdev_mapping *map, int fd, uint16_t domid,
			const uint32_t *refs, uint32_t count, int prot);
int gntdev_mapping_close(struct gntdev_mapping *map);

int dmabuf_pages_alloc(struct dmabuf_pages *pages, uint32_t count);
void dmabuf_pages_free(struct dmabuf_pages *pages);

/**
 * dmabuf_cpu_access() - bracket accesses through a mapping of a dma-buf
 * @dmabuf:	the buffer
 * @flags:	DMA_BUF_SYNC_START or _END, with READ, WRITE or RW
 *
 * Return: 0 or a negative errno.
 */
int dmabuf_cpu_access(int dmabuf, uint64_t flags);

/* A dma-buf of the system heap, or of vgem where the kernel has no heaps. */
int heap_alloc(uint32_t pages, int open_flags);

#endif /* XEN_SELFTEST_GRANTS_H */
