// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor under the grant device: the same operations of the hypervisor, in
 * one array that is prepared before the clock starts.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/timex.h>
#include <linux/uaccess.h>

#include <xen/grant_table.h>
#include <xen/interface/grant_table.h>
#include <xen/page.h>
#include <xen/xen.h>

#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>

#include "floor.h"

#define REFS_PER_ALLOC	1024U

/**
 * struct floor - the prepared operations
 * @op: from user space, and the result
 * @refs: the references
 * @pages: local pages, one for each
 * @map: operations that map
 * @unmap: operations that undo them
 * @copy: operations that copy
 */
struct floor {
	struct bench_floor op;
	grant_ref_t *refs;
	struct page **pages;
	struct gnttab_map_grant_ref *map;
	struct gnttab_unmap_grant_ref *unmap;
	struct gnttab_copy *copy;
};

static u32 kernel_flags(void)
{
	return GNTMAP_host_map | (xen_pv_domain() ? GNTMAP_device_map : 0);
}

static int hypercall(unsigned int cmd, void *op, unsigned int count, u64 *cost)
{
	u64 start = get_cycles();
	int ret = HYPERVISOR_grant_table_op(cmd, op, count);

	*cost = get_cycles() - start;
	return ret;
}

/* With the pages, by the function of the kernel that notes what they are. */
static int unmap_call(struct floor *f, unsigned int n)
{
	u64 start;
	int ret;

	if (f->op.kind != BENCH_FLOOR_REFS)
		return hypercall(GNTTABOP_unmap_grant_ref, f->unmap, n,
				 &f->op.undo);
	start = get_cycles();
	ret = gnttab_unmap_refs(f->unmap, NULL, f->pages, n);
	f->op.undo = get_cycles() - start;
	return ret;
}

static int map_call(struct floor *f)
{
	u64 start;
	int ret;

	if (f->op.kind != BENCH_FLOOR_REFS)
		return hypercall(GNTTABOP_map_grant_ref, f->map, f->op.count,
				 &f->op.make);
	start = get_cycles();
	ret = gnttab_map_refs(f->map, NULL, f->pages, f->op.count);
	f->op.make = get_cycles() - start;
	return ret;
}

static int unmap_all(struct floor *f, u32 flags)
{
	unsigned int i, n = 0;
	int ret;

	for (i = 0; i < f->op.count; i++) {
		if (f->map[i].status != GNTST_okay)
			continue;
		f->unmap[n].host_addr = f->map[i].host_addr;
		f->unmap[n].dev_bus_addr = flags & GNTMAP_device_map ?
					   f->map[i].dev_bus_addr : 0;
		f->unmap[n++].handle = f->map[i].handle;
	}
	ret = unmap_call(f, n);
	for (i = 0; !ret && i < n; i++)
		if (f->unmap[i].status != GNTST_okay)
			ret = -EIO;
	return ret ?: n == f->op.count ? 0 : -EACCES;
}

static int map_and_unmap(struct floor *f, u32 flags)
{
	int ret = map_call(f);

	return ret ?: unmap_all(f, flags);
}

static int floor_kernel(struct floor *f)
{
	u32 flags = kernel_flags();
	unsigned int i;
	int ret;

	ret = gnttab_alloc_pages(f->op.count, f->pages);
	if (ret)
		return ret;
	for (i = 0; i < f->op.count; i++)
		gnttab_set_map_op(&f->map[i],
				  (phys_addr_t)(unsigned long)
				  page_address(f->pages[i]), flags,
				  f->refs[i], f->op.domid);
	ret = map_and_unmap(f, flags);
	gnttab_free_pages(f->op.count, f->pages);
	return ret;
}

struct entry_walk {
	struct floor *f;
	unsigned int next;
};

static int note_entry(pte_t *pte, unsigned long addr, void *data)
{
	struct entry_walk *walk = data;
	struct floor *f = walk->f;
	unsigned int i = walk->next++;

	gnttab_set_map_op(&f->map[i], virt_to_machine(pte).maddr,
			  GNTMAP_host_map | GNTMAP_application_map |
			  GNTMAP_contains_pte |
			  (1U << _GNTMAP_guest_avail0),
			  f->refs[i], f->op.domid);
	return 0;
}

/* Entries that Xen writes are gone before the kernel can look at them. */
static int floor_user(struct floor *f)
{
	struct entry_walk walk = { .f = f };
	struct vm_area_struct *vma;
	size_t size = (size_t)f->op.count << PAGE_SHIFT;
	int ret = -EINVAL;

	if (!xen_pv_domain())
		return -EOPNOTSUPP;
	mmap_write_lock(current->mm);
	vma = vma_lookup(current->mm, f->op.addr);
	if (vma && vma->vm_ops == &bench_vm_ops &&
	    vma->vm_start == f->op.addr && vma->vm_end - vma->vm_start >= size)
		ret = apply_to_page_range(current->mm, f->op.addr, size,
					  note_entry, &walk);
	if (!ret)
		ret = map_and_unmap(f, 0);
	mmap_write_unlock(current->mm);
	return ret;
}

static void make_grants(struct floor *f, struct page *page)
{
	u64 start = get_cycles();
	unsigned int i;

	for (i = 0; i < f->op.count; i++)
		gnttab_grant_foreign_access_ref(f->refs[i], f->op.domid,
						xen_page_to_gfn(page), 0);
	f->op.make = get_cycles() - start;
}

/* Nobody maps them, so each ends at once. */
static int end_grants(struct floor *f)
{
	u64 start = get_cycles();
	unsigned int i;
	int bad = 0;

	for (i = 0; i < f->op.count; i++)
		bad |= !gnttab_try_end_foreign_access(f->refs[i]);
	f->op.undo = get_cycles() - start;
	return bad ? -EBUSY : 0;
}

/* The kernel hands out fewer than 65536 at a time. */
static int take_refs(struct floor *f)
{
	unsigned int done, end;
	grant_ref_t head;

	for (done = 0; done < f->op.count; ) {
		end = min(f->op.count, done + REFS_PER_ALLOC);
		if (gnttab_alloc_grant_references(end - done, &head))
			return -ENOSPC;
		for (; done < end; done++)
			f->refs[done] = gnttab_claim_grant_reference(&head);
	}
	return 0;
}

/* On failure, references are lost; the benchmark is over then. */
static int floor_grant(struct floor *f)
{
	struct page *page;
	int ret;

	page = alloc_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	ret = take_refs(f);
	if (!ret) {
		make_grants(f, page);
		ret = end_grants(f);
	}
	if (!ret)
		__free_page(page);
	return ret;
}

static int floor_copy(struct floor *f)
{
	struct page *page = alloc_page(GFP_KERNEL);
	unsigned int i;
	int ret;

	if (!page)
		return -ENOMEM;
	for (i = 0; i < f->op.count; i++) {
		f->copy[i].source.u.ref = f->refs[i];
		f->copy[i].source.domid = f->op.domid;
		f->copy[i].dest.u.gmfn = xen_page_to_gfn(page);
		f->copy[i].dest.domid = DOMID_SELF;
		f->copy[i].len = XEN_PAGE_SIZE;
		f->copy[i].flags = GNTCOPY_source_gref;
	}
	ret = hypercall(GNTTABOP_copy, f->copy, f->op.count, &f->op.make);
	for (i = 0; !ret && i < f->op.count; i++)
		if (f->copy[i].status != GNTST_okay)
			ret = -EACCES;
	__free_page(page);
	return ret;
}

static int floor_pages(struct floor *f)
{
	u64 start = get_cycles();
	int ret = gnttab_alloc_pages(f->op.count, f->pages);

	f->op.make = get_cycles() - start;
	if (ret)
		return ret;
	start = get_cycles();
	gnttab_free_pages(f->op.count, f->pages);
	f->op.undo = get_cycles() - start;
	return 0;
}

static int floor_run(struct floor *f)
{
	switch (f->op.kind) {
	case BENCH_FLOOR_KERNEL:
	case BENCH_FLOOR_REFS:
		return floor_kernel(f);
	case BENCH_FLOOR_USER:
		return floor_user(f);
	case BENCH_FLOOR_GRANT:
		return floor_grant(f);
	case BENCH_FLOOR_COPY:
		return floor_copy(f);
	case BENCH_FLOOR_PAGES:
		return floor_pages(f);
	default:
		return -EINVAL;
	}
}

static int floor_alloc(struct floor *f)
{
	unsigned int count = f->op.count;

	f->refs = kvcalloc(count, sizeof(*f->refs), GFP_KERNEL);
	f->pages = kvcalloc(count, sizeof(*f->pages), GFP_KERNEL);
	f->map = kvcalloc(count, sizeof(*f->map), GFP_KERNEL);
	f->unmap = kvcalloc(count, sizeof(*f->unmap), GFP_KERNEL);
	f->copy = kvcalloc(count, sizeof(*f->copy), GFP_KERNEL);
	if (!f->refs || !f->pages || !f->map || !f->unmap || !f->copy)
		return -ENOMEM;
	if (f->op.kind != BENCH_FLOOR_GRANT &&
	    copy_from_user(f->refs, u64_to_user_ptr(f->op.refs),
			   array_size(count, sizeof(*f->refs))))
		return -EFAULT;
	return 0;
}

static void floor_free(struct floor *f)
{
	kvfree(f->refs);
	kvfree(f->pages);
	kvfree(f->map);
	kvfree(f->unmap);
	kvfree(f->copy);
}

/**
 * bench_floor_ioctl - BENCH_IOC_FLOOR
 * @arg: struct bench_floor
 *
 * Return: 0 or a negative errno.
 */
long bench_floor_ioctl(void __user *arg)
{
	struct floor f = {};
	long ret;

	if (copy_from_user(&f.op, arg, sizeof(f.op)))
		return -EFAULT;
	if (!f.op.count)
		return -EINVAL;
	ret = floor_alloc(&f);
	if (!ret)
		ret = floor_run(&f);
	floor_free(&f);
	if (!ret && copy_to_user(arg, &f.op, sizeof(f.op)))
		ret = -EFAULT;
	return ret;
}
