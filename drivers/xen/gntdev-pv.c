// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped grants in PV domains.
 *
 * The hypervisor checks every page table entry, and lets an entry refer to a
 * foreign frame only if a grant operation wrote it. So each mapping of a frame,
 * beside the one at the kernel address of its page, is a grant mapping of its
 * own, with a handle: one per page of each mmap(), and one per page of a vmap().
 *
 * Entries in user page tables are undone from a notifier, before the kernel
 * changes them for whatever reason (munmap(), mprotect(), mremap(), exit), and
 * made again by the next page fault. That is why a mapping survives whatever
 * the kernel does to the VMA and its page tables.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-map-ops.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>

#include "gntdev-common.h"

/* Entries of a vmap() handled at once, with operations on the stack. */
#define VMAP_BATCH		16U

/* Xen puts these bits into the entry; the kernel sees a special mapping. */
#define GNTMAP_USER_PTE		(GNTMAP_host_map | GNTMAP_application_map | \
				 GNTMAP_contains_pte | \
				 (1U << _GNTMAP_guest_avail0))

/**
 * struct gntdev_pv_vma - one mmap() in a PV domain
 * @base: what all modes have
 * @notifier: tells when page table entries are about to change
 * @lock: protects what follows; taken in @notifier
 * @start: first address
 * @first: page of the mapping that is shown there
 * @count: number of pages
 * @handles: of each page whose entry is written
 * @tables: machine address of each page table in which entries are written
 * @map_op: operations, to write entries
 * @unmap_op: operations in the same memory, to undo them
 */
struct gntdev_pv_vma {
	struct gntdev_vma base;
	struct mmu_interval_notifier notifier;
	struct mutex lock;	/* nothing is allocated under it */
	unsigned long start;
	unsigned long first;
	unsigned long count;
	grant_handle_t *handles;
	u64 *tables;
	union {
		struct gnttab_map_grant_ref *map_op;
		struct gnttab_unmap_grant_ref *unmap_op;
	};
};

/**
 * struct gntdev_pv_vmap - grants mapped again at consecutive addresses
 * @vaddr: first address
 * @placeholder: local page whose mapping reserved the page table entries
 * @handles: of each page
 */
struct gntdev_pv_vmap {
	void *vaddr;
	struct page *placeholder;
	grant_handle_t handles[];
};

static struct gntdev_pv_vma *to_pv_vma(struct vm_area_struct *vma)
{
	return container_of((struct gntdev_vma *)vma->vm_private_data,
			    struct gntdev_pv_vma, base);
}

static unsigned long pv_vma_end(const struct gntdev_pv_vma *pv)
{
	return pv->start + (pv->count << PAGE_SHIFT);
}

static unsigned long table_index(const struct gntdev_pv_vma *pv,
				 unsigned long addr)
{
	return (addr >> PMD_SHIFT) - (pv->start >> PMD_SHIFT);
}

static u64 pte_machine_addr(const struct gntdev_pv_vma *pv, unsigned long page)
{
	unsigned long addr = pv->start + (page << PAGE_SHIFT);

	return pv->tables[table_index(pv, addr)] +
	       pte_index(addr) * sizeof(pte_t);
}

/*
 * Hand operations to the hypervisor. The result of each is its status, which is
 * not GNTST_okay before; the call itself has nothing to add.
 */
static void map_ops(struct gnttab_map_grant_ref *op, unsigned int count)
{
	if (!count)
		return;
	gntdev_selftest_before_map(op, count);
	HYPERVISOR_grant_table_op(GNTTABOP_map_grant_ref, op, count);
	gntdev_selftest_after_map(op, count);
}

static void unmap_ops(struct gntdev_mapping *mapping,
		      struct gnttab_unmap_grant_ref *op, unsigned int count)
{
	if (!count)
		return;
	HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, op, count);
	gntdev_selftest_after_unmap(mapping, op, count);
}

static void set_unmap_op(struct gnttab_unmap_grant_ref *op, u64 pte,
			 grant_handle_t handle)
{
	gnttab_set_unmap_op(op, pte, GNTMAP_contains_pte, handle);
	op->status = GNTST_general_error;
}

/* Undo the entries of some pages; those that are not written do not matter. */
static void undo_batch(struct gntdev_pv_vma *pv, unsigned long first,
		       unsigned long end)
{
	unsigned int n = 0;
	unsigned long i;

	for (i = first; i < end; i++)
		if (pv->handles[i] != GNTDEV_NO_HANDLE)
			set_unmap_op(&pv->unmap_op[n++],
				     pte_machine_addr(pv, i), pv->handles[i]);
	unmap_ops(pv->base.mapping, pv->unmap_op, n);
	for (i = first, n = 0; i < end; i++) {
		if (pv->handles[i] == GNTDEV_NO_HANDLE)
			continue;
		/* Never seen; then the grant is lost, and its page with it. */
		if (pv->unmap_op[n++].status != GNTST_okay)
			atomic_inc(&pv->base.mapping->lost);
		pv->handles[i] = GNTDEV_NO_HANDLE;
	}
}

static void undo_entries(struct gntdev_pv_vma *pv, unsigned long first,
			 unsigned long end)
{
	unsigned long i;

	lockdep_assert_held(&pv->lock);
	for (i = first; i < end; i += GNTDEV_BATCH)
		undo_batch(pv, i, min(end, i + GNTDEV_BATCH));
}

static int write_batch(struct gntdev_pv_vma *pv, unsigned long first,
		       unsigned long end, u32 flags)
{
	const struct gntdev_refs *refs = pv->base.mapping->refs;
	unsigned int n = 0;
	unsigned long i;
	int ret = 0;

	for (i = first; i < end; i++) {
		if (pv->handles[i] != GNTDEV_NO_HANDLE)
			continue;
		gnttab_set_map_op(&pv->map_op[n++], pte_machine_addr(pv, i),
				  flags, refs->ref[pv->first + i],
				  gntdev_refs_domid(refs, pv->first + i));
	}
	map_ops(pv->map_op, n);
	for (i = first, n = 0; i < end; i++) {
		if (pv->handles[i] != GNTDEV_NO_HANDLE)
			continue;
		if (pv->map_op[n].status == GNTST_okay)
			pv->handles[i] = pv->map_op[n].handle;
		else if (!ret)
			ret = gntdev_status_to_errno(pv->map_op[n].status);
		n++;
	}
	return ret;
}

static int write_entries(struct gntdev_pv_vma *pv, unsigned long first,
			 unsigned long end, bool readonly)
{
	u32 flags = GNTMAP_USER_PTE | (readonly ? GNTMAP_readonly : 0);
	unsigned long i;
	int ret = 0;

	lockdep_assert_held(&pv->lock);
	for (i = first; !ret && i < end; i += GNTDEV_BATCH)
		ret = write_batch(pv, i, min(end, i + GNTDEV_BATCH), flags);
	return ret;
}

static int note_table(pte_t *pte, unsigned long addr, void *data)
{
	u64 *table = data;

	*table = virt_to_machine(PTR_ALIGN_DOWN(pte, PAGE_SIZE)).maddr;
	return 0;
}

/*
 * Write the entries of pages that share a page table. Returns -EAGAIN when the
 * kernel changed entries meanwhile.
 */
static int populate_table(struct gntdev_pv_vma *pv, struct vm_area_struct *vma,
			  unsigned long first, unsigned long end)
{
	unsigned long addr = pv->start + (first << PAGE_SHIFT);
	bool readonly = !(vma->vm_flags & VM_WRITE);
	unsigned long seq;
	u64 table;
	int ret;

	seq = mmu_interval_read_begin(&pv->notifier);
	ret = apply_to_page_range(vma->vm_mm, addr, PAGE_SIZE, note_table,
				  &table);
	if (ret)
		return ret;
	mutex_lock(&pv->lock);
	if (mmu_interval_read_retry(&pv->notifier, seq)) {
		ret = -EAGAIN;
	} else {
		pv->tables[table_index(pv, addr)] = table;
		ret = write_entries(pv, first, end, readonly);
	}
	mutex_unlock(&pv->lock);
	return ret;
}

static int populate_all(struct gntdev_pv_vma *pv, struct vm_area_struct *vma)
{
	unsigned long addr, next;
	int ret = 0;

	for (addr = pv->start; !ret && addr < pv_vma_end(pv); addr = next) {
		next = min(pv_vma_end(pv), ALIGN(addr + 1, PMD_SIZE));
		do {
			ret = populate_table(pv, vma,
					     (addr - pv->start) >> PAGE_SHIFT,
					     (next - pv->start) >> PAGE_SHIFT);
		} while (ret == -EAGAIN);
	}
	return ret;
}

static bool pv_invalidate(struct mmu_interval_notifier *notifier,
			  const struct mmu_notifier_range *range,
			  unsigned long seq)
{
	struct gntdev_pv_vma *pv = container_of(notifier, struct gntdev_pv_vma,
						notifier);
	unsigned long start = max(range->start, pv->start);
	unsigned long end = min(range->end, pv_vma_end(pv));

	if (mmu_notifier_range_blockable(range))
		mutex_lock(&pv->lock);
	else if (!mutex_trylock(&pv->lock))
		return false;
	mmu_interval_set_seq(notifier, seq);
	if (start < end)
		undo_entries(pv, (start - pv->start) >> PAGE_SHIFT,
			     PFN_UP(end - pv->start));
	mutex_unlock(&pv->lock);
	return true;
}

static const struct mmu_interval_notifier_ops pv_notifier_ops = {
	.invalidate = pv_invalidate,
};

static void undo_all(struct gntdev_pv_vma *pv)
{
	mutex_lock(&pv->lock);
	undo_entries(pv, 0, pv->count);
	mutex_unlock(&pv->lock);
}

/*
 * A VMA that is split, or copied. The page tables of another process cannot be
 * copied: none of the entries may be there when fork() comes to that, and the
 * child can never make them again.
 */
static void pv_vma_open(struct vm_area_struct *vma)
{
	struct gntdev_pv_vma *pv = to_pv_vma(vma);

	refcount_inc(&pv->base.users);
	if (vma->vm_mm != pv->notifier.mm)
		undo_all(pv);
}

static void pv_vma_free(struct gntdev_pv_vma *pv)
{
	mutex_destroy(&pv->lock);
	kvfree(pv->handles);
	kfree(pv->tables);
	kfree(pv->map_op);
	kfree(pv);
}

static void pv_vma_destroy(struct gntdev_pv_vma *pv)
{
	mmu_interval_notifier_remove(&pv->notifier);
	undo_all(pv);
	gntdev_vma_fini(&pv->base);
	pv_vma_free(pv);
}

static void pv_vma_close(struct vm_area_struct *vma)
{
	struct gntdev_pv_vma *pv = to_pv_vma(vma);

	if (refcount_dec_and_test(&pv->base.users))
		pv_vma_destroy(pv);
}

/* The notifier watches addresses; a mapping cannot move away from them. */
static int pv_vma_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

static vm_fault_t pv_vma_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct gntdev_pv_vma *pv = to_pv_vma(vma);
	unsigned long page = (vmf->address - pv->start) >> PAGE_SHIFT;
	unsigned long start, end;
	int ret;

	if (vma->vm_mm != pv->notifier.mm || vmf->address < pv->start ||
	    page >= pv->count || !vma_is_accessible(vma))
		return VM_FAULT_SIGBUS;
	start = max(vma->vm_start, vmf->address & PMD_MASK);
	end = min(vma->vm_end, ALIGN(vmf->address + 1, PMD_SIZE));
	ret = populate_table(pv, vma, (start - pv->start) >> PAGE_SHIFT,
			     (end - pv->start) >> PAGE_SHIFT);
	if (ret == -ENOMEM)
		return VM_FAULT_OOM;
	/* It is tried again if the entry is not there, but not after an error. */
	if (ret && ret != -EAGAIN &&
	    READ_ONCE(pv->handles[page]) == GNTDEV_NO_HANDLE)
		return VM_FAULT_SIGBUS;
	return VM_FAULT_NOPAGE;
}

/*
 * Lets get_user_pages() find the page whose kernel address is the frame. Who holds
 * mmap_lock for writing is not it, and gets none: what is written to clear_refs
 * makes the kernel change the entries of all pages that it is told of, which it
 * cannot do to one with a frame of another domain.
 */
static struct page *pv_find_special_page(struct vm_area_struct *vma,
					 unsigned long addr)
{
	struct gntdev_pv_vma *pv = to_pv_vma(vma);

	if (gntdev_mm_is_changing(vma->vm_mm))
		return NULL;
	return pv->base.mapping->pages[(addr - pv->start) >> PAGE_SHIFT];
}

static const struct vm_operations_struct pv_vm_ops = {
	.open = pv_vma_open,
	.close = pv_vma_close,
	.mremap = pv_vma_mremap,
	.fault = pv_vma_fault,
	.find_special_page = pv_find_special_page,
};

static const struct vm_operations_struct pv_dmabuf_vm_ops = {
	.open = pv_vma_open,
	.close = pv_vma_close,
	.mremap = pv_vma_mremap,
	.fault = pv_vma_fault,
};

static struct gntdev_pv_vma *pv_vma_alloc(unsigned long start,
					  unsigned long count)
{
	unsigned long end = start + (count << PAGE_SHIFT);
	unsigned long tables = (ALIGN(end, PMD_SIZE) >> PMD_SHIFT) -
			       (start >> PMD_SHIFT);
	size_t handles_size = array_size(count, sizeof(grant_handle_t));
	struct gntdev_pv_vma *pv;

	pv = kzalloc(sizeof(*pv), GFP_KERNEL_ACCOUNT);
	if (!pv)
		return NULL;
	mutex_init(&pv->lock);
	pv->start = start;
	pv->count = count;
	pv->handles = kvmalloc(handles_size, GFP_KERNEL_ACCOUNT);
	pv->tables = kcalloc(tables, sizeof(*pv->tables), GFP_KERNEL_ACCOUNT);
	pv->map_op = kmalloc_array(min_t(unsigned long, count, GNTDEV_BATCH),
				   sizeof(*pv->map_op), GFP_KERNEL_ACCOUNT);
	if (!pv->handles || !pv->tables || !pv->map_op) {
		pv_vma_free(pv);
		return NULL;
	}
	memset(pv->handles, 0xff, handles_size);
	return pv;
}

static struct gntdev_pv_vma *pv_vma_create(struct gntdev_mapping *mapping,
					   struct vm_area_struct *vma,
					   unsigned long first)
{
	struct gntdev_pv_vma *pv;
	int ret;

	pv = pv_vma_alloc(vma->vm_start, vma_pages(vma));
	if (!pv)
		return ERR_PTR(-ENOMEM);
	pv->first = first;
	ret = mmu_interval_notifier_insert_locked(&pv->notifier, vma->vm_mm,
						  vma->vm_start,
						  vma->vm_end - vma->vm_start,
						  &pv_notifier_ops);
	if (ret) {
		pv_vma_free(pv);
		return ERR_PTR(ret);
	}
	gntdev_vma_init(&pv->base, mapping, vma->vm_pgoff - first);
	/* Page tables with such entries cannot be copied to a child. */
	vm_flags_set(vma, VM_DONTCOPY);
	return pv;
}

static struct gntdev_vma *pv_mmap(struct gntdev_mapping *mapping,
				  struct vm_area_struct *vma)
{
	struct gntdev_pv_vma *pv;
	int ret;

	pv = pv_vma_create(mapping, vma, 0);
	if (IS_ERR(pv))
		return ERR_CAST(pv);
	ret = populate_all(pv, vma);
	if (ret) {
		pv_vma_destroy(pv);
		return ERR_PTR(ret);
	}
	vma->vm_private_data = &pv->base;
	vma->vm_ops = &pv_vm_ops;
	return &pv->base;
}

/* Entries are written when they are needed: a dma-buf is mapped in many ways. */
static int pv_mmap_dmabuf(struct gntdev_mapping *mapping,
			  struct vm_area_struct *vma, unsigned long first)
{
	struct gntdev_pv_vma *pv;

	pv = pv_vma_create(mapping, vma, first);
	if (IS_ERR(pv))
		return PTR_ERR(pv);
	vma->vm_private_data = &pv->base;
	vma->vm_ops = &pv_dmabuf_vm_ops;
	return 0;
}

static u64 vmap_pte(const struct gntdev_pv_vmap *v, unsigned int i)
{
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)v->vaddr + i * PAGE_SIZE,
				    &level);

	return virt_to_machine(pte).maddr;
}

static int vmap_write(struct gntdev_pv_vmap *v, struct gntdev_mapping *mapping,
		      unsigned int first, unsigned int count)
{
	u32 flags = GNTMAP_host_map | GNTMAP_contains_pte |
		    (mapping->readonly ? GNTMAP_readonly : 0);
	struct gnttab_map_grant_ref op[VMAP_BATCH];
	unsigned int i, page;
	int err, ret = 0;

	for (i = 0, page = first; i < count; i++, page++)
		gnttab_set_map_op(&op[i], vmap_pte(v, page), flags,
				  mapping->refs->ref[page],
				  gntdev_refs_domid(mapping->refs, page));
	map_ops(op, count);
	for (i = 0; i < count; i++) {
		err = gntdev_status_to_errno(op[i].status);
		if (!err)
			v->handles[first + i] = op[i].handle;
		else if (!ret)
			ret = err;
	}
	return ret;
}

static void vmap_undo(struct gntdev_pv_vmap *v, struct gntdev_mapping *mapping)
{
	struct gnttab_unmap_grant_ref op[VMAP_BATCH];
	unsigned int i, j, n = 0;

	for (i = 0; i < mapping->refs->count; i++) {
		if (v->handles[i] != GNTDEV_NO_HANDLE)
			set_unmap_op(&op[n++], vmap_pte(v, i), v->handles[i]);
		if (n < VMAP_BATCH && i + 1 < mapping->refs->count)
			continue;
		unmap_ops(mapping, op, n);
		for (j = 0; j < n; j++)
			/* Never seen; then the grant, and its page, are lost. */
			if (op[j].status != GNTST_okay)
				atomic_inc(&mapping->lost);
		n = 0;
	}
}

/* Translations of the placeholder may have been cached by speculation. */
static int vmap_flush(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_ALL };

	if (gntdev_selftest_fails(GNTDEV_FAIL_FLUSH))
		return -EINVAL;
	return HYPERVISOR_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void vmap_free(struct gntdev_pv_vmap *v)
{
	if (v->vaddr)
		vunmap(v->vaddr);
	if (v->placeholder)
		__free_page(v->placeholder);
	kvfree(v);
}

/* The page tables are there, and writable for the hypervisor, once vmapped. */
static int vmap_reserve(struct gntdev_pv_vmap *v, unsigned int count)
{
	struct page **pages;
	unsigned int i;

	v->placeholder = alloc_page(GFP_KERNEL_ACCOUNT);
	pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	if (v->placeholder && pages) {
		for (i = 0; i < count; i++)
			pages[i] = v->placeholder;
		v->vaddr = vmap(pages, count, VM_MAP, PAGE_KERNEL);
	}
	kvfree(pages);
	return v->vaddr ? 0 : -ENOMEM;
}

static struct gntdev_pv_vmap *vmap_create(struct gntdev_mapping *mapping)
{
	unsigned int count = mapping->refs->count;
	struct gntdev_pv_vmap *v;
	unsigned int i;
	int ret;

	v = kvzalloc(struct_size(v, handles, count), GFP_KERNEL_ACCOUNT);
	if (!v)
		return ERR_PTR(-ENOMEM);
	memset(v->handles, 0xff, array_size(count, sizeof(v->handles[0])));
	ret = vmap_reserve(v, count);
	for (i = 0; !ret && i < count; i += VMAP_BATCH)
		ret = vmap_write(v, mapping, i, min(count - i, VMAP_BATCH));
	if (!ret)
		ret = vmap_flush();
	if (!ret)
		return v;
	if (v->vaddr)
		vmap_undo(v, mapping);
	vmap_free(v);
	return ERR_PTR(ret);
}

static int pv_vmap(struct gntdev_mapping *mapping)
{
	struct gntdev_pv_vmap *v = vmap_create(mapping);

	if (IS_ERR(v))
		return PTR_ERR(v);
	mapping->vmap = v;
	mapping->vaddr = v->vaddr;
	return 0;
}

static void pv_vunmap(struct gntdev_mapping *mapping)
{
	vmap_undo(mapping->vmap, mapping);
	vmap_free(mapping->vmap);
	mapping->vmap = NULL;
}

/*
 * A real device gets machine addresses. The kernel's DMA API says the same after
 * it has looked, for each page, whether it has to bounce.
 */
static bool pv_machine_addressed(struct device *dev)
{
	return !dev->dma_ops && get_dma_ops(dev);
}

/*
 * The device must see the foreign frame, not a page bounced for it. Without
 * DMA operations of its own, which translate, a PV domain has no real devices;
 * what the virtual ones get is a pseudo-physical address.
 */
static bool pv_bus_addrs_ok(struct device *dev, struct page **pages,
			    unsigned int count, dma_addr_t addr)
{
	bool translated = get_dma_ops(dev);
	phys_addr_t wanted;
	unsigned int i;

	for (i = 0; i < count; i++, addr += PAGE_SIZE) {
		wanted = translated ?
			 PFN_PHYS(pfn_to_mfn(page_to_pfn(pages[i]))) :
			 page_to_phys(pages[i]);
		if (addr != wanted)
			return false;
	}
	return true;
}

/* What is no memory has no frame, or the one of its own number. */
static bool pv_own_frames(xen_pfn_t *frames, unsigned int count)
{
	const unsigned long not_own = FOREIGN_FRAME_BIT | IDENTITY_FRAME_BIT;
	unsigned int i;

	for (i = 0; i < count; i++) {
		frames[i] = __pfn_to_mfn(frames[i]);
		if (frames[i] == INVALID_P2M_ENTRY || frames[i] & not_own)
			return false;
	}
	return true;
}

const struct gntdev_mode gntdev_pv_mode = {
	.map = gntdev_pv_map,
	.unmap = gntdev_pv_unmap,
	.map_flags = GNTMAP_host_map | GNTMAP_device_map,
	.scattered = true,
	.mmap_once = true,
	.mmap = pv_mmap,
	.mmap_dmabuf = pv_mmap_dmabuf,
	.vmap = pv_vmap,
	.vunmap = pv_vunmap,
	.machine_addressed = pv_machine_addressed,
	.machine_addr = gntdev_pv_machine_addr,
	.bus_addrs_ok = pv_bus_addrs_ok,
	.own_frames = pv_own_frames,
};
