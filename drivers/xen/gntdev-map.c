// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets of mapped foreign grants: allocate, map, unmap, life time.
 *
 * Per page only what is needed to undo it is kept: the page, the reference and
 * the handle. Operations are built in batches of up to 4 KiB. Those that unmap are
 * in memory from a pool that cannot run dry, because unmapping must not fail.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mempool.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <xen/page.h>

#include <trace/events/gntdev.h>

#include "gntdev-common.h"

/* A busy page is looked at again after a tick, then ever later up to this. */
#define RETRY_MAX_JIFFIES	HZ

/* So few grants are unmapped without memory from the pool. */
#define UNMAP_FEW		8U

/* Operations, and the page of each. */
struct map_batch {
	struct gnttab_map_grant_ref *op;
	struct page **page;
};

/* Also where in the mapping each is. */
struct unmap_batch {
	struct gnttab_unmap_grant_ref *op;
	struct page **page;
	unsigned int *index;
	unsigned int size;
};

#define UNMAP_BYTES		(sizeof(struct gnttab_unmap_grant_ref) + \
				 sizeof(struct page *) + sizeof(unsigned int))

static struct workqueue_struct *gntdev_wq;
static mempool_t *unmap_pool;

/**
 * gntdev_refs_alloc - allocate a set of grants, to be filled in
 * @count: number of grants, valid
 *
 * Return: the set, owned by the caller, or NULL.
 */
struct gntdev_refs *gntdev_refs_alloc(unsigned int count)
{
	struct gntdev_refs *refs;

	refs = kvmalloc(struct_size(refs, ref, count), GFP_KERNEL_ACCOUNT);
	if (!refs)
		return NULL;
	kref_init(&refs->kref);
	refs->count = count;
	refs->domids = NULL;
	return refs;
}

static void refs_free(struct kref *kref)
{
	struct gntdev_refs *refs = container_of(kref, struct gntdev_refs, kref);

	kvfree(refs->domids);
	kvfree(refs);
}

/**
 * gntdev_refs_put - drop a reference to a set of grants
 * @refs: the set
 */
void gntdev_refs_put(struct gntdev_refs *refs)
{
	kref_put(&refs->kref, refs_free);
}

/**
 * gntdev_status_to_errno - what a grant operation's status means to a caller
 * @status: GNTST_* of Xen's public/grant_table.h
 *
 * Xen reports an entry that is not granted, granted to another domain or
 * granted for reading only as a general error.
 *
 * Return: 0 or a negative errno.
 */
int gntdev_status_to_errno(s16 status)
{
	switch (status) {
	case GNTST_okay:
		return 0;
	case GNTST_general_error:
	case GNTST_permission_denied:
	case GNTST_bad_page:
		return -EACCES;
	case GNTST_no_device_space:
	case GNTST_no_space:
		return -ENOSPC;
	case GNTST_eagain:
		return -EBUSY;
	default:
		return -EINVAL;
	}
}

static struct page *page_of(const struct gntdev_mapping *m, unsigned int i)
{
	return m->pages[i / XEN_PFN_PER_PAGE];
}

/* Where the kernel sees a grant. */
static phys_addr_t kernel_address(const struct gntdev_mapping *m,
				  unsigned int i)
{
	return (phys_addr_t)(unsigned long)page_address(page_of(m, i)) +
	       i % XEN_PFN_PER_PAGE * XEN_PAGE_SIZE;
}

/*
 * The kernel notes one grant with a page, for others to copy from in its place.
 * On a page of several grants that would be the wrong one for the most part.
 */
static void forget_grants(struct page **pages, unsigned int count)
{
	unsigned int i;

	if (XEN_PFN_PER_PAGE == 1)
		return;
	for (i = 0; i < count; i++)
		ClearPageForeign(pages[i]);
}

static int map_batch(struct gntdev_mapping *m, const struct map_batch *batch,
		     unsigned int first, unsigned int count)
{
	struct gnttab_map_grant_ref *op = batch->op;
	u32 flags = gntdev_mode()->map_flags;
	unsigned int i;
	int ret, err;

	if (m->readonly)
		flags |= GNTMAP_readonly;
	for (i = 0; i < count; i++) {
		gnttab_set_map_op(&op[i], kernel_address(m, first + i),
				  flags, m->refs->ref[first + i],
				  gntdev_refs_domid(m->refs, first + i));
		op[i].status = GNTST_general_error;
		batch->page[i] = page_of(m, first + i);
	}
	ret = gntdev_mode()->map(op, batch->page, count);
	forget_grants(batch->page, count);
	/* Each element has a result of its own; none speaks for another. */
	for (i = 0; i < count; i++) {
		if (op[i].status == GNTST_okay) {
			m->handles[first + i] = op[i].handle;
			m->mapped++;
			continue;
		}
		err = gntdev_status_to_errno(op[i].status);
		trace_gntdev_refused(GNTDEV_REASON_GRANT,
				     gntdev_refs_domid(m->refs, first + i),
				     m->refs->ref[first + i], err);
		ret = ret ?: err;
	}
	return ret;
}

static int map_all(struct gntdev_mapping *m)
{
	unsigned int count = m->refs->count;
	unsigned int size = min(count, GNTDEV_BATCH);
	struct map_batch batch;
	unsigned int i;
	int ret = 0;

	/* Kernels tend to clear what they allocate, so it is not more than needed. */
	batch.op = kmalloc_array(size, sizeof(*batch.op) + sizeof(*batch.page),
				 GFP_KERNEL);
	if (!batch.op)
		return -ENOMEM;
	batch.page = (struct page **)(batch.op + size);
	for (i = 0; !ret && i < count; i += size) {
		ret = map_batch(m, &batch, i, min(count - i, size));
		cond_resched();
	}
	kfree(batch.op);
	return ret;
}

/*
 * Somebody else's reference to a page (direct I/O, a driver that pinned user
 * memory) must not outlive the grant behind it.
 */
static bool page_is_busy(struct page *page)
{
	return page_count(page) > 1 || gntdev_selftest_fails(GNTDEV_FAIL_BUSY);
}

static unsigned int collect_batch(struct gntdev_mapping *m,
				  const struct unmap_batch *batch,
				  unsigned int *next)
{
	u32 flags = gntdev_mode()->map_flags;
	unsigned int n = 0;
	struct page *page;
	unsigned int i;

	for (i = *next; i < m->refs->count && n < batch->size; i++) {
		page = page_of(m, i);
		if (m->handles[i] == GNTDEV_NO_HANDLE || page_is_busy(page))
			continue;
		gnttab_set_unmap_op(&batch->op[n], kernel_address(m, i), flags,
				    m->handles[i]);
		batch->op[n].status = GNTST_general_error;
		batch->page[n] = page;
		batch->index[n++] = i;
	}
	*next = i;
	return n;
}

static void unmap_batches(struct gntdev_mapping *m,
			  const struct unmap_batch *batch)
{
	unsigned int next = 0;
	unsigned int i, n;

	while (m->mapped && (n = collect_batch(m, batch, &next))) {
		gntdev_mode()->unmap(batch->op, batch->page, n);
		gntdev_selftest_after_unmap(m, batch->op, n);
		for (i = 0; i < n; i++) {
			m->handles[batch->index[i]] = GNTDEV_NO_HANDLE;
			WRITE_ONCE(m->mapped, m->mapped - 1);
			/* Never seen; then the pages are lost, not reused. */
			if (batch->op[i].status != GNTST_okay)
				atomic_inc(&m->lost);
		}
		cond_resched();
	}
}

static void unmap_some(struct gntdev_mapping *m)
{
	u64 few[DIV_ROUND_UP(UNMAP_FEW * UNMAP_BYTES, sizeof(u64))];
	bool is_few = m->refs->count <= UNMAP_FEW;
	struct unmap_batch batch;
	void *memory = few;

	batch.size = UNMAP_FEW;
	if (!is_few) {
		memory = mempool_alloc(unmap_pool, GFP_KERNEL);
		batch.size = GNTDEV_BATCH;
	}
	batch.op = memory;
	batch.page = (struct page **)(batch.op + batch.size);
	batch.index = (unsigned int *)(batch.page + batch.size);
	unmap_batches(m, &batch);
	if (!is_few)
		mempool_free(memory, unmap_pool);
}

/**
 * gntdev_retry_init - prepare work that may have to be tried several times
 * @retry: the work
 * @fn: what to do; calls gntdev_retry_queue() when it could not finish
 */
void gntdev_retry_init(struct gntdev_retry *retry, work_func_t fn)
{
	INIT_DELAYED_WORK(&retry->work, fn);
	retry->delay = 1;
}

/**
 * gntdev_retry_queue - try again, later than the last time
 * @retry: the work
 *
 * The time between two tries doubles, up to a second. From the call on @retry is
 * the work's: it may have run, and freed what it is part of, before this returns.
 */
void gntdev_retry_queue(struct gntdev_retry *retry)
{
	unsigned long delay = retry->delay;

	retry->delay = min_t(unsigned long, 2 * delay, RETRY_MAX_JIFFIES);
	queue_delayed_work(gntdev_wq, &retry->work, delay);
}

static void mapping_vunmap(struct gntdev_mapping *m)
{
	if (!m->linear)
		gntdev_mode()->vunmap(m);
	m->vaddr = NULL;
}

static void mapping_undo(struct work_struct *work)
{
	struct gntdev_mapping *m = container_of(to_delayed_work(work),
						struct gntdev_mapping,
						retry.work);
	void (*released)(void *owner);
	int lost;

	if (m->vaddr)
		mapping_vunmap(m);
	if (m->mapped) {
		unsigned int mapped = m->mapped;

		unmap_some(m);
		trace_gntdev_unmap(gntdev_refs_domid(m->refs, 0),
				   mapped - m->mapped, m->mapped);
	}
	if (m->mapped) {
		gntdev_retry_queue(&m->retry);
		return;
	}
	lost = atomic_read(&m->lost);
	if (lost) {
		pr_err_ratelimited("%d grants are still mapped, for ever\n",
				   lost);
		return;
	}
	released = m->released;
	m->released = NULL;
	if (released)
		released(m->owner);
	if (gntdev_backing_free(m)) {
		gntdev_retry_queue(&m->retry);
		return;
	}
	gntdev_refs_put(m->refs);
	kvfree(m->handles);
	kfree(m);
	module_put(THIS_MODULE);
}

/**
 * gntdev_mapping_create - map a set of grants at kernel addresses
 * @refs: the grants; the mapping takes a reference of its own
 * @readonly: map for reading only
 * @dma_flags: 0, GNTDEV_DMA_FLAG_WC or GNTDEV_DMA_FLAG_COHERENT
 *
 * All of the grants are mapped or none is. May sleep, but does not wait for
 * another domain.
 *
 * Return: the mapping, owned by the caller, or an ERR_PTR(): -ENOMEM, or what
 * gntdev_status_to_errno() makes of the first grant that was refused.
 */
struct gntdev_mapping *gntdev_mapping_create(struct gntdev_refs *refs,
					     bool readonly, u32 dma_flags)
{
	size_t handles_size = array_size(refs->count, sizeof(grant_handle_t));
	struct gntdev_mapping *m;
	int ret;

	m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	if (!m)
		return ERR_PTR(-ENOMEM);
	m->handles = kvmalloc(handles_size, GFP_KERNEL_ACCOUNT);
	if (!m->handles) {
		kfree(m);
		return ERR_PTR(-ENOMEM);
	}
	memset(m->handles, 0xff, handles_size);
	kref_init(&m->kref);
	gntdev_retry_init(&m->retry, mapping_undo);
	kref_get(&refs->kref);
	m->refs = refs;
	m->readonly = readonly;
	__module_get(THIS_MODULE);

	ret = gntdev_backing_alloc(m, dma_flags);
	if (!ret) {
		gntdev_selftest_scatter(m);
		ret = map_all(m);
	}
	if (ret) {
		gntdev_mapping_put(m);
		return ERR_PTR(ret);
	}
	trace_gntdev_map(gntdev_refs_domid(refs, 0), refs->count, readonly);
	return m;
}

/**
 * gntdev_mapping_vmap - make all pages visible at consecutive addresses
 * @m: the mapping; the caller serializes calls for it
 *
 * The addresses are @m->vaddr and stay until the grants are unmapped.
 *
 * Return: 0 or a negative errno.
 */
int gntdev_mapping_vmap(struct gntdev_mapping *m)
{
	if (m->vaddr)
		return 0;
	if (!m->linear) {
		gntdev_selftest_count_vmap();
		return gntdev_mode()->vmap(m);
	}
	m->vaddr = page_address(m->pages[0]);
	return 0;
}

/**
 * gntdev_mapping_get - take a reference to a mapping
 * @m: mapping that the caller already has a reference to
 */
void gntdev_mapping_get(struct gntdev_mapping *m)
{
	kref_get(&m->kref);
}

static void mapping_last_put(struct kref *kref)
{
	struct gntdev_mapping *m = container_of(kref, struct gntdev_mapping,
						kref);

	mapping_undo(&m->retry.work.work);
}

/**
 * gntdev_mapping_put - drop a reference to a mapping
 * @m: the mapping
 *
 * The last reference unmaps the grants. It may sleep, but not until somebody
 * drops a reference to a page: such pages are unmapped in the background.
 */
void gntdev_mapping_put(struct gntdev_mapping *m)
{
	kref_put(&m->kref, mapping_last_put);
}

/**
 * gntdev_map_init - get ready to map grants
 *
 * Return: 0 or a negative errno.
 */
int gntdev_map_init(void)
{
	const struct gntdev_mode *mode = gntdev_mode();
	int ret = mode->init ? mode->init() : 0;

	if (ret)
		return ret;
	unmap_pool = mempool_create_kmalloc_pool(2, GNTDEV_BATCH * UNMAP_BYTES);
	if (!unmap_pool)
		return -ENOMEM;
	gntdev_wq = alloc_workqueue("xen-" GNTDEV_NAME, WQ_UNBOUND, 0);
	if (!gntdev_wq)
		goto destroy_pool;
	ret = gntdev_backing_init();
	if (!ret)
		return 0;
	destroy_workqueue(gntdev_wq);
destroy_pool:
	mempool_destroy(unmap_pool);
	return ret ?: -ENOMEM;
}

/**
 * gntdev_map_exit - undo gntdev_map_init()
 *
 * Every unfinished piece of work holds a reference to the module; what may
 * still run here is the return from the last of them.
 */
void gntdev_map_exit(void)
{
	destroy_workqueue(gntdev_wq);
	gntdev_backing_exit();
	mempool_destroy(unmap_pool);
}
