// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges of grants named for mmap(): MAP, UNMAP, GET_OFFSET, SET_UNMAP_NOTIFY.
 *
 * A range takes the page offsets behind the one before it; the first in a file
 * without ranges starts at 0. It takes them before anything else, cannot be found
 * there until it is whole, and gives them back only when the last mmap() of it is
 * gone.
 */

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <xen/events.h>

#include "gntdev-common.h"

/* References copied from user space at a time. */
#define REFS_PER_COPY		64U

static struct gntdev_map *map_get(struct gntdev_map *map)
{
	kref_get(&map->kref);
	return map;
}

static void map_free(struct kref *kref)
{
	struct gntdev_map *map = container_of(kref, struct gntdev_map, kref);
	struct gntdev_file *file = map->file;

	spin_lock(&file->maps_lock);
	rb_erase(&map->node, &file->maps);
	spin_unlock(&file->maps_lock);
	gntdev_refs_put(map->refs);
	mutex_destroy(&map->lock);
	kfree(map);
}

static void map_put(struct gntdev_map *map)
{
	kref_put(&map->kref, map_free);
}

static struct gntdev_map *map_at(const struct rb_node *node)
{
	return rb_entry_safe(node, struct gntdev_map, node);
}

/* The page offset behind it. */
static u64 map_end(const struct gntdev_map *map)
{
	return map->first + gntdev_nr_pages(map->refs);
}

/* Find the range that covers a page offset, or else the next one; locked. */
static struct gntdev_map *map_from(struct gntdev_file *file, u64 page)
{
	struct rb_node *node = file->maps.rb_node, *found = NULL;

	while (node) {
		if (page < map_end(map_at(node))) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return map_at(found);
}

/* Find the range that covers a page offset, and has a name; locked. */
static struct gntdev_map *map_lookup(struct gntdev_file *file, u64 page)
{
	struct gntdev_map *map = map_from(file, page);

	return map && map->first <= page && map->named ? map : NULL;
}

/* The same for anybody; the caller gets a reference. */
static struct gntdev_map *map_find(struct gntdev_file *file, u64 page)
{
	struct gntdev_map *map;

	spin_lock(&file->maps_lock);
	map = map_lookup(file, page);
	if (map)
		map_get(map);
	spin_unlock(&file->maps_lock);
	return map;
}

/* Under the lock of the tree. */
static void set_named(struct gntdev_map *map, bool named)
{
	long sign = named ? 1 : -1;

	map->named = named;
	map->file->ranges += sign;
	map->file->ranges_grants += sign * map->refs->count;
}

static void map_set_named(struct gntdev_map *map, bool named)
{
	spin_lock(&map->file->maps_lock);
	set_named(map, named);
	spin_unlock(&map->file->maps_lock);
}

static u64 map_index(const struct gntdev_map *map)
{
	return map->first << PAGE_SHIFT;
}

/*
 * Keep one domain for all references; only a set of several domains needs a
 * list.
 */
static int set_domid(struct gntdev_refs *refs, unsigned int i, domid_t domid)
{
	unsigned int j;

	if (i == 0)
		refs->domid = domid;
	if (!refs->domids && domid == refs->domid)
		return 0;
	if (!refs->domids) {
		refs->domids = kvmalloc_array(refs->count, sizeof(domid_t),
					      GFP_KERNEL_ACCOUNT);
		if (!refs->domids)
			return -ENOMEM;
		for (j = 0; j < i; j++)
			refs->domids[j] = refs->domid;
	}
	refs->domids[i] = domid;
	return 0;
}

static int fill_refs(struct gntdev_refs *refs,
		     struct ioctl_gntdev_grant_ref __user *user)
{
	struct ioctl_gntdev_grant_ref buf[REFS_PER_COPY];
	unsigned int i, j, n;
	int ret;

	for (i = 0; i < refs->count; i += n) {
		n = min(refs->count - i, REFS_PER_COPY);
		if (copy_from_user(buf, user + i, n * sizeof(buf[0])))
			return -EFAULT;
		for (j = 0; j < n; j++) {
			ret = gntdev_may_map(buf[j].domid);
			if (ret)
				return ret;
			ret = set_domid(refs, i + j, buf[j].domid);
			if (ret)
				return ret;
			refs->ref[i + j] = buf[j].ref;
		}
	}
	return 0;
}

static struct gntdev_refs *refs_from_user(struct ioctl_gntdev_grant_ref __user *user,
					  u32 count)
{
	struct gntdev_refs *refs;
	int ret;

	refs = gntdev_refs_alloc(count);
	if (!refs)
		return ERR_PTR(-ENOMEM);
	ret = fill_refs(refs, user);
	if (ret) {
		gntdev_refs_put(refs);
		return ERR_PTR(ret);
	}
	return refs;
}

/* Where @count page offsets are that no range has, from @first on; locked. */
static u64 free_from(struct gntdev_file *file, u64 first, unsigned int count)
{
	struct gntdev_map *map = map_from(file, first);

	for (; map && map->first < first + count; map = map_at(rb_next(&map->node)))
		first = map_end(map);
	return first;
}

static bool map_less(struct rb_node *a, const struct rb_node *b)
{
	return map_at(a)->first < map_at(b)->first;
}

/*
 * The first page offset that mmap() cannot be called with: it has 32 bits of pages
 * in a 32-bit program. A 32-bit kernel counts bytes of a device in a long, and its
 * last page is short of one.
 */
static u64 end_of_offsets(void)
{
	if (BITS_PER_LONG == 32)
		return BIT_ULL(32 - PAGE_SHIFT) - 1;
	return in_compat_syscall() ? BIT_ULL(32) : BIT_ULL(63 - PAGE_SHIFT);
}

/*
 * Where ranges have been before is not looked at, as long as there are others: that
 * would take longer with each range there is.
 */
static int reserve_pages(struct gntdev_map *map, unsigned int count)
{
	struct gntdev_file *file = map->file;
	u64 end = end_of_offsets();
	int ret = 0;

	spin_lock(&file->maps_lock);
	if (RB_EMPTY_ROOT(&file->maps))
		file->next_page = 0;
	map->first = free_from(file, file->next_page, count);
	if (map->first + count > end)
		map->first = free_from(file, 0, count);
	if (map->first + count > end) {
		ret = -ENOMEM;
	} else {
		file->next_page = map->first + count;
		rb_add(&map->node, &file->maps, map_less);
	}
	spin_unlock(&file->maps_lock);
	return ret;
}

static struct gntdev_map *map_alloc(struct gntdev_file *file,
				    struct gntdev_refs *refs)
{
	struct gntdev_map *map;
	int ret;

	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->file = file;
	kref_init(&map->kref);
	mutex_init(&map->lock);
	map->refs = refs;
	ret = reserve_pages(map, gntdev_nr_pages(refs));
	if (ret) {
		kfree(map);
		return ERR_PTR(ret);
	}
	return map;
}

/**
 * gntdev_ioctl_map - IOCTL_GNTDEV_MAP_GRANT_REF
 * @file: the open file
 * @arg: struct ioctl_gntdev_map_grant_ref
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_map(struct gntdev_file *file, void __user *arg)
{
	struct ioctl_gntdev_map_grant_ref __user *user = arg;
	struct gntdev_refs *refs;
	struct gntdev_map *map;
	u32 count;
	int ret;

	if (get_user(count, &user->count))
		return -EFAULT;
	if (!gntdev_count_valid(count))
		return -EINVAL;
	refs = refs_from_user(user->refs, count);
	if (IS_ERR(refs))
		return PTR_ERR(refs);
	ret = gntdev_backing_prepare(count);
	if (ret) {
		gntdev_refs_put(refs);
		return ret;
	}
	map = map_alloc(file, refs);
	if (IS_ERR(map)) {
		gntdev_refs_put(refs);
		return PTR_ERR(map);
	}
	if (put_user(map_index(map), &user->index)) {
		map_put(map);
		return -EFAULT;
	}
	map_set_named(map, true);
	return 0;
}

/* Tell the peer, after the byte is cleared and the grants are unmapped. */
static void send_event(void *owner)
{
	evtchn_port_t port = (uintptr_t)owner;

	notify_remote_via_evtchn(port);
	evtchn_put(port);
}

/*
 * The byte is cleared while the grants are still mapped; the event follows
 * when they are not. A range that was never mapped has nothing to clear.
 */
static void do_notify(struct gntdev_map *map, struct gntdev_mapping *mapping)
{
	struct gntdev_notify notify = map->notify;
	char *page;

	map->notify.action = 0;
	if ((notify.action & UNMAP_NOTIFY_CLEAR_BYTE) && mapping &&
	    !mapping->readonly) {
		page = page_address(mapping->pages[notify.byte >> PAGE_SHIFT]);
		WRITE_ONCE(page[offset_in_page(notify.byte)], 0);
	}
	if (!(notify.action & UNMAP_NOTIFY_SEND_EVENT))
		return;
	if (mapping) {
		mapping->owner = (void *)(uintptr_t)notify.port;
		mapping->released = send_event;
	} else {
		send_event((void *)(uintptr_t)notify.port);
	}
}

static void map_munmapped(struct gntdev_map *map)
{
	struct gntdev_mapping *mapping = NULL;

	mutex_lock(&map->lock);
	if (--map->mmaps == 0) {
		mapping = map->mapping;
		map->mapping = NULL;
		atomic_long_sub(map->refs->count, &map->file->mapped_grants);
		do_notify(map, mapping);
	}
	mutex_unlock(&map->lock);
	if (mapping)
		gntdev_mapping_put(mapping);
}

/*
 * The name is gone, and nothing new can start; a range that is mmapped notifies
 * when that goes too.
 */
static void map_unname(struct gntdev_map *map)
{
	mutex_lock(&map->lock);
	if (!map->mapping)
		do_notify(map, NULL);
	mutex_unlock(&map->lock);
	map_put(map);
}

/**
 * gntdev_ioctl_unmap - IOCTL_GNTDEV_UNMAP_GRANT_REF
 * @file: the open file
 * @arg: struct ioctl_gntdev_unmap_grant_ref
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_unmap(struct gntdev_file *file, void __user *arg)
{
	struct ioctl_gntdev_unmap_grant_ref op;
	struct gntdev_map *map;

	if (copy_from_user(&op, arg, sizeof(op)))
		return -EFAULT;
	spin_lock(&file->maps_lock);
	map = map_lookup(file, op.index >> PAGE_SHIFT);
	if (map && map_index(map) == op.index && map->refs->count == op.count)
		set_named(map, false);
	else
		map = NULL;
	spin_unlock(&file->maps_lock);
	if (!map)
		return -ENOENT;
	map_unname(map);
	return 0;
}

/**
 * gntdev_ioctl_get_offset - IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR
 * @file: the open file; the address may belong to another one
 * @arg: struct ioctl_gntdev_get_offset_for_vaddr
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_get_offset(struct gntdev_file *file, void __user *arg)
{
	struct ioctl_gntdev_get_offset_for_vaddr op;
	struct vm_area_struct *vma;
	struct gntdev_vma *gv;
	int ret = -EINVAL;

	if (copy_from_user(&op, arg, sizeof(op)))
		return -EFAULT;
	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, op.vaddr);
	if (vma && vma->vm_file && vma->vm_file->f_op == &gntdev_fops) {
		gv = vma->vm_private_data;
		op.offset = map_index(gv->map);
		op.count = gv->map->refs->count;
		ret = 0;
	}
	mmap_read_unlock(current->mm);
	if (!ret && copy_to_user(arg, &op, sizeof(op)))
		ret = -EFAULT;
	return ret;
}

static int set_notify(struct gntdev_map *map, const struct gntdev_notify *new,
		      struct gntdev_notify *old)
{
	int ret = 0;

	mutex_lock(&map->lock);
	if (!map->named && !map->mapping) {
		ret = -ENOENT;
	} else if ((new->action & UNMAP_NOTIFY_CLEAR_BYTE) && map->mapping &&
		   map->mapping->readonly) {
		ret = -EINVAL;
	} else {
		*old = map->notify;
		map->notify = *new;
	}
	mutex_unlock(&map->lock);
	return ret;
}

/**
 * gntdev_ioctl_notify - IOCTL_GNTDEV_SET_UNMAP_NOTIFY
 * @file: the open file
 * @arg: struct ioctl_gntdev_unmap_notify
 *
 * Return: 0 or a negative errno.
 */
long gntdev_ioctl_notify(struct gntdev_file *file, void __user *arg)
{
	struct ioctl_gntdev_unmap_notify op;
	struct gntdev_notify new, old = {};
	struct gntdev_map *map;
	int ret;

	if (copy_from_user(&op, arg, sizeof(op)))
		return -EFAULT;
	if (op.action & ~(UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT))
		return -EINVAL;
	map = map_find(file, op.index >> PAGE_SHIFT);
	if (!map)
		return -ENOENT;
	new.action = op.action;
	new.port = op.event_channel_port;
	new.byte = op.index - map_index(map);
	/* The last page may have more bytes than the grants. */
	if (new.byte >> XEN_PAGE_SHIFT >= map->refs->count) {
		ret = -ENOENT;
		goto out;
	}
	/* The port must not be closed, and reused, before the event is sent. */
	if ((new.action & UNMAP_NOTIFY_SEND_EVENT) && evtchn_get(new.port)) {
		ret = -EINVAL;
		goto out;
	}
	ret = set_notify(map, &new, &old);
	if (ret)
		old = new;
	if (old.action & UNMAP_NOTIFY_SEND_EVENT)
		evtchn_put(old.port);
out:
	map_put(map);
	return ret;
}

/**
 * gntdev_vma_init - start one mmap()
 * @gv: to be filled in
 * @mapping: what is mapped; a reference is taken
 * @pgoff: offset of its first page, as the VMA counts
 */
void gntdev_vma_init(struct gntdev_vma *gv, struct gntdev_mapping *mapping,
		     unsigned long pgoff)
{
	refcount_set(&gv->users, 1);
	gntdev_mapping_get(mapping);
	gv->mapping = mapping;
	gv->map = NULL;
	gv->pgoff = pgoff;
}

/**
 * gntdev_vma_fini - end one mmap()
 * @gv: whose last VMA is gone
 */
void gntdev_vma_fini(struct gntdev_vma *gv)
{
	gntdev_mapping_put(gv->mapping);
	if (gv->map) {
		map_munmapped(gv->map);
		map_put(gv->map);
	}
}

static int mmap_range(struct gntdev_map *map, struct vm_area_struct *vma)
{
	const struct gntdev_mode *mode = gntdev_mode();
	bool readonly = !(vma->vm_flags & VM_WRITE);
	struct gntdev_mapping *mapping = map->mapping;
	struct gntdev_vma *gv;

	if (!map->named)
		return -EINVAL;
	if (mapping && mode->mmap_once)
		return -EBUSY;
	if (mapping && mapping->readonly && !readonly)
		return -EACCES;
	if (!mapping) {
		if (readonly && (map->notify.action & UNMAP_NOTIFY_CLEAR_BYTE))
			return -EINVAL;
		mapping = gntdev_mapping_create(map->refs, readonly, 0);
		if (IS_ERR(mapping))
			return PTR_ERR(mapping);
	}
	/* What is mapped for reading must not become writable later. */
	if (mapping->readonly || !(vma->vm_flags & VM_SHARED))
		vm_flags_clear(vma, VM_MAYWRITE);
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP | VM_MIXEDMAP);
	gv = mode->mmap(mapping, vma);
	if (IS_ERR(gv)) {
		if (!map->mapping)
			gntdev_mapping_put(mapping);
		return PTR_ERR(gv);
	}
	gv->map = map_get(map);
	map->mapping = mapping;
	if (map->mmaps++ == 0)
		atomic_long_add(map->refs->count, &map->file->mapped_grants);
	return 0;
}

/**
 * gntdev_mmap - map a range into user space
 * @filp: the open file
 * @vma: new VMA; its offset is the index, its length that of the range
 *
 * Context: mmap_lock is held for writing.
 * Return: 0 or a negative errno.
 */
int gntdev_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct gntdev_file *file = filp->private_data;
	struct gntdev_map *map;
	int ret = -EINVAL;

	if ((vma->vm_flags & VM_WRITE) && !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	map = map_find(file, vma->vm_pgoff);
	if (!map)
		return -EINVAL;
	if (map->first == vma->vm_pgoff &&
	    gntdev_nr_pages(map->refs) == vma_pages(vma)) {
		mutex_lock(&map->lock);
		ret = mmap_range(map, vma);
		mutex_unlock(&map->lock);
	}
	map_put(map);
	return ret;
}

/**
 * gntdev_ranges_query - count the ranges of an open file
 * @file: the open file
 * @op: where the counts go
 */
void gntdev_ranges_query(struct gntdev_file *file, struct gntdev_query *op)
{
	spin_lock(&file->maps_lock);
	op->ranges = file->ranges;
	op->ranges_grants = file->ranges_grants;
	spin_unlock(&file->maps_lock);
	op->mapped_grants = atomic_long_read(&file->mapped_grants);
}

/**
 * gntdev_ranges_init - prepare a new open file
 * @file: the open file
 */
void gntdev_ranges_init(struct gntdev_file *file)
{
	spin_lock_init(&file->maps_lock);
	file->maps = RB_ROOT;
}

/**
 * gntdev_ranges_release - forget all ranges of an open file
 * @file: the open file, which nothing uses any more
 */
void gntdev_ranges_release(struct gntdev_file *file)
{
	struct gntdev_map *map;

	while ((map = map_at(rb_first(&file->maps)))) {
		map_set_named(map, false);
		map_unname(map);
	}
}
