// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "pattern.h"
#include "peer-objects.h"
#include "../gntdev/test_modules/mock-dmabuf.h"

#define MAX_OBJECTS 64u

static struct peer_object objects[MAX_OBJECTS];

static int prot_of(const struct peer_request *req)
{
	return req->flags & PEER_READONLY ? PROT_READ : PROT_READ | PROT_WRITE;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int open_gntdev(struct peer_object *obj)
{
	obj->gntdev = gntdev_open();
	return obj->gntdev < 0 ? obj->gntdev : 0;
}

static int granted_make(struct peer_object *obj,
			const struct peer_request *req, uint32_t *refs)
{
	int ret = gnt_pages_alloc(&obj->granted, (uint16_t)req->domid,
				  req->count, !(req->flags & PEER_READONLY));

	if (ret)
		return ret;
	obj->addr = obj->granted.addr;
	obj->writable = 1;
	pattern_fill(obj->addr, 0, obj->count, req->seed);
	memcpy(refs, obj->granted.refs, obj->count * sizeof(*refs));
	return 0;
}

static int granted_undo(struct peer_object *obj,
			const struct peer_request *req)
{
	(void)req;
	gnt_pages_free(&obj->granted);
	return 0;
}

static int imported_make(struct peer_object *obj,
			 const struct peer_request *req, uint32_t *refs)
{
	int ret = open_gntdev(obj);

	if (!ret)
		ret = dmabuf_pages_alloc(&obj->memory, obj->count);
	if (ret)
		return ret;
	obj->addr = obj->memory.addr;
	obj->writable = 1;
	pattern_fill(obj->addr, 0, obj->count, req->seed);
	return gntdev_imp_to_refs(obj->gntdev, obj->memory.dmabuf,
				  (uint16_t)req->domid, obj->count, refs);
}

static int imported_undo(struct peer_object *obj,
			 const struct peer_request *req)
{
	int ret = 0;

	(void)req;
	if (obj->addr)
		ret = gntdev_imp_release(obj->gntdev, obj->memory.dmabuf);
	dmabuf_pages_free(&obj->memory);
	close_fd(&obj->gntdev);
	return ret;
}

static int mapped_make(struct peer_object *obj, const struct peer_request *req,
		       uint32_t *refs)
{
	int ret = open_gntdev(obj);

	if (!ret)
		ret = gntdev_mapping_open(&obj->mapping, obj->gntdev,
					  (uint16_t)req->domid, refs,
					  obj->count, prot_of(req));
	obj->addr = obj->mapping.addr;
	obj->writable = !(req->flags & PEER_READONLY);
	return ret;
}

static int mapped_undo(struct peer_object *obj, const struct peer_request *req)
{
	int ret = gntdev_mapping_close(&obj->mapping);

	(void)req;
	close_fd(&obj->gntdev);
	return ret;
}

static uint32_t dma_flags(const struct peer_request *req)
{
	return (req->flags & PEER_WC ? GNTDEV_DMA_FLAG_WC : 0) |
	       (req->flags & PEER_COHERENT ? GNTDEV_DMA_FLAG_COHERENT : 0);
}

static int exported_make(struct peer_object *obj,
			 const struct peer_request *req, uint32_t *refs)
{
	void *addr;
	int ret = open_gntdev(obj);

	if (!ret)
		ret = gntdev_exp_from_refs(obj->gntdev, dma_flags(req),
					   (uint16_t)req->domid, refs,
					   obj->count, &obj->dmabuf);
	if (ret)
		return ret;
	addr = mmap(NULL, (size_t)obj->count * GRANT_PAGE_SIZE, prot_of(req),
		    MAP_SHARED, obj->dmabuf, 0);
	if (addr == MAP_FAILED)
		return -errno;
	obj->addr = addr;
	obj->writable = !(req->flags & PEER_READONLY);
	return 0;
}

static int exported_undo(struct peer_object *obj,
			 const struct peer_request *req)
{
	int cookie = obj->dmabuf;
	int ret = 0;

	if (obj->addr)
		munmap(obj->addr, (size_t)obj->count * GRANT_PAGE_SIZE);
	close_fd(&obj->dmabuf);
	if (cookie >= 0)
		ret = gntdev_exp_wait_released(obj->gntdev, cookie,
					       req->timeout_ms);
	close_fd(&obj->gntdev);
	/* Already released is what the wait was for. */
	return ret == -ENOENT ? 0 : ret;
}

static uint64_t sync_direction(const struct peer_object *obj)
{
	return obj->writable ? DMA_BUF_SYNC_RW : DMA_BUF_SYNC_READ;
}

static int exported_begin(struct peer_object *obj)
{
	return dmabuf_cpu_access(obj->dmabuf,
				 DMA_BUF_SYNC_START | sync_direction(obj));
}

static int exported_end(struct peer_object *obj)
{
	return dmabuf_cpu_access(obj->dmabuf,
				 DMA_BUF_SYNC_END | sync_direction(obj));
}

const struct peer_object_kind peer_granted_kind = {
	.make = granted_make,
	.undo = granted_undo,
};

const struct peer_object_kind peer_imported_kind = {
	.make = imported_make,
	.undo = imported_undo,
};

const struct peer_object_kind peer_mapped_kind = {
	.make = mapped_make,
	.undo = mapped_undo,
};

const struct peer_object_kind peer_exported_kind = {
	.make = exported_make,
	.undo = exported_undo,
	.begin = exported_begin,
	.end = exported_end,
};

int peer_object_new(const struct peer_object_kind *kind,
		    const struct peer_request *req, uint32_t *refs)
{
	struct peer_object *obj = NULL;
	uint32_t id;
	int ret;

	if (!req->count)
		return -EINVAL;
	if (req->count > PEER_MAX_REFS)
		return -E2BIG;
	for (id = 0; id < MAX_OBJECTS && !obj; id++)
		if (!objects[id].kind)
			obj = &objects[id];
	if (!obj)
		return -ENFILE;
	*obj = (struct peer_object){
		.count = req->count,
		.granted.fd = -1,
		.memory = { .memfd = -1, .dmabuf = -1 },
		.gntdev = -1,
		.dmabuf = -1,
	};
	ret = kind->make(obj, req, refs);
	if (ret) {
		kind->undo(obj, req);
		return ret;
	}
	obj->kind = kind;
	return (int)id;
}

struct peer_object *peer_object_find(uint32_t id)
{
	if (!id || id > MAX_OBJECTS || !objects[id - 1].kind)
		return NULL;
	return &objects[id - 1];
}

int peer_object_free(struct peer_object *obj, const struct peer_request *req)
{
	int ret = obj->kind->undo(obj, req);

	obj->kind = NULL;
	return ret;
}

int peer_object_vmap(struct peer_object *obj, void *data, int write,
		     int device)
{
	struct mock_access access = {
		.data = (uintptr_t)data,
		.fd = obj->dmabuf,
		.write = (uint32_t)write,
	};
	int mock, ret = 0;

	if (obj->kind != &peer_exported_kind)
		return -EINVAL;
	mock = open("/dev/mock-dmabuf", O_RDWR | O_CLOEXEC);
	if (mock < 0)
		return -errno;
	if (ioctl(mock, device ? MOCK_IOC_ACCESS : MOCK_IOC_VMAP, &access))
		ret = -errno;
	close(mock);
	return ret;
}
