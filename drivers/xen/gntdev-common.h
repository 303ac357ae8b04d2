/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Structures and functions shared by the files of the grant device.
 *
 * Objects and who owns them:
 *
 *   struct gntdev_file     an open file; owns its named maps and its imports
 *   struct gntdev_map      a range named for mmap(); referenced by the file
 *                          until it is unmapped, and by each mmap() of it
 *   struct gntdev_refs     which grants a range or a buffer consists of; never
 *                          changes; referenced by whoever maps them
 *   struct gntdev_mapping  these grants, mapped at kernel addresses; referenced
 *                          by a gntdev_map while it is mmapped, by a dma-buf,
 *                          and by each mmap() of either
 *   struct gntdev_vma      one mmap() of a mapping; shared by the VMAs that it
 *                          is split into
 *   struct gntdev_buffer   an export or an import, as its handle names it; part
 *                          of either, and gone with its last grant
 *
 * When the last reference to a mapping goes, its grants are unmapped: at once,
 * or later in the background while somebody else still holds references to its
 * pages. Its pages go back only after that.
 *
 * Lock order, outermost first:
 *
 *   mm->mmap_lock
 *     gntdev_map.lock
 *       mmu interval notifier, gntdev_pv_vma.lock
 *       pool_lock of the backing pages; also inside of backing_lock
 *   dma-buf reservation lock
 *     gntdev_export.lock
 *   gntdev_dmabuf_table.lock
 *   gntdev_file.maps_lock (a spinlock)
 *
 * User memory is never accessed under any of them: a page fault takes
 * mmap_lock.
 */
#ifndef _XEN_GNTDEV_COMMON_H
#define _XEN_GNTDEV_COMMON_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include <xen/xen.h>
#include <xen/interface/grant_table.h>
#include <xen/grant_table.h>
#include <xen/page.h>
#include <xen/grant-dma-alloc.h>
#include <uapi/xen/gntdev.h>

#include "gntdev-selftest.h"

struct device;
struct file;
struct seq_file;
struct gntdev_dmabuf_table;
struct gntdev_pv_vmap;

/*
 * Operations handed to the hypervisor at once; with their pages, 4 KiB. Tests
 * want several batches of few grants.
 */
#define GNTDEV_BATCH		(IS_ENABLED(CONFIG_XEN_GNTDEV_SELFTEST) ? \
				 8U : 100U)

/* No request has more grants, whatever the module's parameter says. */
#define GNTDEV_COUNT_MAX	((unsigned int)SZ_1M)

/* No handle of the hypervisor has this value. */
#define GNTDEV_NO_HANDLE	((grant_handle_t)~0)

/**
 * struct gntdev_file - what belongs to one open file
 * @maps_lock: protects @maps and what is said of them up to @ranges_grants
 * @maps: gntdev_map by page offset
 * @next_page: page offset behind the range that came last
 * @ranges: number of ranges that are named
 * @ranges_grants: number of grants in those
 * @mapped_grants: number of grants in those that are mmapped
 * @dmabufs: the exports and imports made through this file
 */
struct gntdev_file {
	spinlock_t maps_lock;	/* of all ranges */
	struct rb_root maps;
	u64 next_page;
	unsigned long ranges;
	unsigned long ranges_grants;
	atomic_long_t mapped_grants;
	struct gntdev_dmabuf_table *dmabufs;
};

/**
 * struct gntdev_refs - a set of grants, named but not mapped
 * @kref: reference count
 * @count: number of grants
 * @domid: the granting domain of all of them, unless @domids is there
 * @domids: the granting domain of each
 * @ref: the grant references
 */
struct gntdev_refs {
	struct kref kref;
	unsigned int count;
	domid_t domid;
	domid_t *domids;
	grant_ref_t ref[];
};

/**
 * struct gntdev_retry - work that is tried until it succeeds
 * @work: the work
 * @delay: jiffies until the next try
 */
struct gntdev_retry {
	struct delayed_work work;
	unsigned long delay;
};

/**
 * struct gntdev_mapping - grants mapped at kernel addresses
 * @kref: users; the grants are unmapped after the last one
 * @refs: what is mapped
 * @readonly: mapped for reading only
 * @linear: the kernel addresses of the pages are consecutive, and good for all
 * @mapped: number of grants mapped now
 * @lost: grants that the hypervisor refused to unmap, wherever they were mapped
 * @pages: backing pages, in the order of the references, XEN_PFN_PER_PAGE of
 *	which go on each
 * @handles: the hypervisor's handle of each mapped grant
 * @dma: where the pages come from, if from the DMA API; otherwise NULL
 * @whole: number of @pages from the allocator of unpopulated pages
 * @part: the page behind them, if the last grants do not make a whole one; what
 *	they leave of it is ordinary memory
 * @part_missing: number of frames that @part lacks
 * @vaddr: consecutive kernel addresses of all pages, NULL until needed
 * @vmap: what a PV domain needs to undo @vaddr; NULL without one
 * @released: called once when the last grant is unmapped, may be NULL
 * @owner: for @released
 * @retry: finishes what the last put could not
 */
struct gntdev_mapping {
	struct kref kref;
	struct gntdev_refs *refs;
	bool readonly;
	bool linear;
	unsigned int mapped;
	atomic_t lost;
	struct page **pages;
	grant_handle_t *handles;
	struct gnttab_dma_buffer *dma;
	unsigned int whole;
	struct page *part;
	unsigned int part_missing;
	void *vaddr;
	struct gntdev_pv_vmap *vmap;
	void (*released)(void *owner);
	void *owner;
	struct gntdev_retry retry;
};

/**
 * struct gntdev_notify - what to tell the peer when a range is unmapped
 * @action: UNMAP_NOTIFY_* bits
 * @byte: offset of the byte to clear, in bytes from the start of the range
 * @port: event channel; a reference is held while it is set
 */
struct gntdev_notify {
	u32 action;
	u32 port;
	u64 byte;
};

/**
 * struct gntdev_map - a range of grants named for mmap()
 * @kref: the file until it is unmapped, and each mmap()
 * @file: where the range is named
 * @node: in gntdev_file.maps
 * @first: its index, in pages
 * @refs: the grants
 * @lock: serializes mmap(), the last munmap(), UNMAP and SET_UNMAP_NOTIFY
 * @named: can be found; changes under gntdev_file.maps_lock
 * @mapping: the grants, mapped, while @mmaps is not 0
 * @mmaps: how often it is mmapped
 * @notify: what to do when the range is unmapped
 */
struct gntdev_map {
	struct kref kref;
	struct gntdev_file *file;
	struct rb_node node;
	u64 first;
	struct gntdev_refs *refs;
	struct mutex lock;	/* outside of user memory accesses */
	bool named;
	struct gntdev_mapping *mapping;
	unsigned int mmaps;
	struct gntdev_notify notify;
};

/**
 * struct gntdev_vma - one mmap()
 * @users: number of VMAs it is split into
 * @mapping: what is mapped; a reference is held
 * @map: the range it belongs to, or NULL for a dma-buf; a reference is held
 * @pgoff: offset of the first page of @mapping, as the VMAs count
 */
struct gntdev_vma {
	refcount_t users;
	struct gntdev_mapping *mapping;
	struct gntdev_map *map;
	unsigned long pgoff;
};

/**
 * struct gntdev_mode - what differs between the kinds of domain
 * @init: called once when the module is loaded; may be NULL
 * @opened: somebody opens the device; may be NULL
 * @may_map: grants of a domain can be mapped; NULL if those of all can
 * @map: map grants at the kernel addresses of backing pages
 * @unmap: undo that; the result of each operation is its status
 * @map_flags: GNTMAP_* for mapping a grant at the kernel address of a page
 * @scattered: consecutive pages may have scattered bus addresses
 * @mmap_once: a range can be mmapped only once at a time
 * @mmap: map all pages into a new VMA; returns its private data or an ERR_PTR()
 * @mmap_dmabuf: let a new VMA show pages of a dma-buf, from @first on
 * @vmap: set @vaddr of a mapping that is not linear
 * @vunmap: undo @vmap
 * @machine_addressed: a device is to be told machine addresses, without the
 *	DMA API; may be NULL
 * @machine_addr: the address at which such a device finds a page
 * @reachable: another device can address all pages; asked before the DMA API, which
 *	would bounce, and warn if not even that helped; NULL where it does not warn
 * @bus_addrs_ok: another device reaches the granted frames of pages themselves, one
 *	page after the other from that address on
 * @own_frames: replace each page, the number of which is in the place of its first
 *	frame, by its frames, as grants name them; false unless all of them are
 *	ordinary memory that belongs to this domain
 */
struct gntdev_mode {
	int (*init)(void);
	void (*opened)(void);
	bool (*may_map)(domid_t domid);
	int (*map)(struct gnttab_map_grant_ref *op, struct page **pages,
		   unsigned int count);
	void (*unmap)(struct gnttab_unmap_grant_ref *op, struct page **pages,
		      unsigned int count);
	u32 map_flags;
	bool scattered;
	bool mmap_once;
	struct gntdev_vma *(*mmap)(struct gntdev_mapping *mapping,
				   struct vm_area_struct *vma);
	int (*mmap_dmabuf)(struct gntdev_mapping *mapping,
			   struct vm_area_struct *vma, unsigned long first);
	int (*vmap)(struct gntdev_mapping *mapping);
	void (*vunmap)(struct gntdev_mapping *mapping);
	bool (*machine_addressed)(struct device *dev);
	dma_addr_t (*machine_addr)(struct device *dev, struct page *page);
	bool (*reachable)(struct device *dev, struct page **pages,
			  unsigned int count);
	bool (*bus_addrs_ok)(struct device *dev, struct page **pages,
			     unsigned int count, dma_addr_t addr);
	bool (*own_frames)(xen_pfn_t *frames, unsigned int count);
};

/* Whether somebody, and nobody else at the time, changes an address space. */
#ifdef CONFIG_PREEMPT_RT
static inline bool gntdev_mm_is_changing(const struct mm_struct *mm)
{
	return atomic_read(&mm->mmap_lock.rwbase.readers) == WRITER_BIAS;
}
#else
static inline bool gntdev_mm_is_changing(const struct mm_struct *mm)
{
	return atomic_long_read(&mm->mmap_lock.count) & RWSEM_WRITER_LOCKED;
}
#endif

extern const struct gntdev_mode gntdev_pv_mode;
extern const struct gntdev_mode gntdev_xlate_mode;

static inline const struct gntdev_mode *gntdev_mode(void)
{
	if (IS_ENABLED(CONFIG_XEN_PV) && xen_pv_domain())
		return &gntdev_pv_mode;
	return &gntdev_xlate_mode;
}

/* gntdev.c */
extern const struct file_operations gntdev_fops;
u32 gntdev_limit(void);
bool gntdev_count_valid(u32 count);
int gntdev_op_read(void *op, size_t size, void __user *arg);
int gntdev_may_map(u32 domid);
static inline bool gntdev_domid_valid(u32 domid)
{
	return domid < DOMID_FIRST_RESERVED;
}

/* gntdev-map.c */
int gntdev_map_init(void);
void gntdev_map_exit(void);
struct gntdev_refs *gntdev_refs_alloc(unsigned int count);
void gntdev_refs_put(struct gntdev_refs *refs);
static inline domid_t gntdev_refs_domid(const struct gntdev_refs *refs,
					unsigned int i)
{
	return refs->domids ? refs->domids[i] : refs->domid;
}

/* Pages of the kernel that the grants take. */
static inline unsigned int gntdev_nr_pages(const struct gntdev_refs *refs)
{
	return DIV_ROUND_UP(refs->count, XEN_PFN_PER_PAGE);
}

int gntdev_status_to_errno(s16 status);
struct gntdev_mapping *gntdev_mapping_create(struct gntdev_refs *refs,
					     bool readonly, u32 dma_flags);
int gntdev_mapping_vmap(struct gntdev_mapping *mapping);
void gntdev_mapping_get(struct gntdev_mapping *mapping);
void gntdev_mapping_put(struct gntdev_mapping *mapping);
void gntdev_retry_init(struct gntdev_retry *retry, work_func_t fn);
void gntdev_retry_queue(struct gntdev_retry *retry);

/* gntdev-pv-map.c */
int gntdev_pv_map(struct gnttab_map_grant_ref *op, struct page **pages,
		  unsigned int count);
void gntdev_pv_unmap(struct gnttab_unmap_grant_ref *op, struct page **pages,
		     unsigned int count);
dma_addr_t gntdev_pv_machine_addr(struct device *dev, struct page *page);

/* gntdev-backing.c */
struct device *gntdev_device(void);
int gntdev_backing_init(void);
void gntdev_backing_exit(void);
bool gntdev_pages_sort(struct page **pages, unsigned int count);
int gntdev_backing_prepare(unsigned int count);
int gntdev_backing_alloc(struct gntdev_mapping *m, u32 dma_flags);
int gntdev_backing_free(struct gntdev_mapping *m);

/* gntdev-range.c */
void gntdev_ranges_init(struct gntdev_file *file);
void gntdev_ranges_release(struct gntdev_file *file);
long gntdev_ioctl_map(struct gntdev_file *file, void __user *arg);
long gntdev_ioctl_unmap(struct gntdev_file *file, void __user *arg);
long gntdev_ioctl_get_offset(struct gntdev_file *file, void __user *arg);
long gntdev_ioctl_notify(struct gntdev_file *file, void __user *arg);
void gntdev_ranges_query(struct gntdev_file *file, struct gntdev_query *op);
int gntdev_mmap(struct file *filp, struct vm_area_struct *vma);
void gntdev_vma_init(struct gntdev_vma *gv, struct gntdev_mapping *mapping,
		     unsigned long pgoff);
void gntdev_vma_fini(struct gntdev_vma *gv);

/* gntdev-query.c */
long gntdev_ioctl_query(struct gntdev_file *file, void __user *arg);
void gntdev_show_fdinfo(struct seq_file *m, struct file *filp);

/* gntdev-copy.c */
long gntdev_ioctl_copy(struct gntdev_file *file, void __user *arg);

/* gntdev-dmabuf.c, gntdev-dmabuf-cookies.c, gntdev-dmabuf-handles.c */
#if IS_ENABLED(CONFIG_XEN_GNTDEV_DMABUF)
int gntdev_dmabuf_init(void);
void gntdev_dmabuf_exit(void);
int gntdev_dmabufs_init(struct gntdev_file *file);
void gntdev_dmabufs_release(struct gntdev_file *file);
int gntdev_dmabufs_query(struct gntdev_file *file, struct gntdev_query *op);
long gntdev_ioctl_exp_from_refs(struct gntdev_file *file, void __user *arg);
long gntdev_ioctl_exp_wait_released(struct gntdev_file *file, void __user *arg);
long gntdev_ioctl_imp_to_refs(struct gntdev_file *file, void __user *arg);
long gntdev_ioctl_imp_release(struct gntdev_file *file, void __user *arg);
long gntdev_ioctl_export(struct gntdev_file *file, void __user *arg);
long gntdev_ioctl_import(struct gntdev_file *file, void __user *arg);
long gntdev_ioctl_import_release(struct gntdev_file *file, void __user *arg);
long gntdev_ioctl_wait(struct gntdev_file *file, void __user *arg);
#else
static inline int gntdev_dmabuf_init(void)
{
	return 0;
}

static inline void gntdev_dmabuf_exit(void) {}

static inline int gntdev_dmabufs_init(struct gntdev_file *file)
{
	return 0;
}

static inline void gntdev_dmabufs_release(struct gntdev_file *file) {}

static inline int gntdev_dmabufs_query(struct gntdev_file *file,
				       struct gntdev_query *op)
{
	return op->handle ? -ENOENT : 0;
}

/* Commands without a handler do not exist. */
#define gntdev_ioctl_exp_from_refs	NULL
#define gntdev_ioctl_exp_wait_released	NULL
#define gntdev_ioctl_imp_to_refs	NULL
#define gntdev_ioctl_imp_release	NULL
#define gntdev_ioctl_export		NULL
#define gntdev_ioctl_import		NULL
#define gntdev_ioctl_import_release	NULL
#define gntdev_ioctl_wait		NULL
#endif

#endif /* _XEN_GNTDEV_COMMON_H */
