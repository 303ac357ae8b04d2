// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <drm.h>
#include <xen/gntalloc.h>

#include "../gntdev/test_modules/mock-dmabuf.h"
#include "dumb.h"
#include "grants.h"

#define GNTALLOC_NODE	"/dev/xen/gntalloc"
#define GNTDEV_NODE	"/dev/xen/gntdev"
#define UDMABUF_NODE	"/dev/udmabuf"

static int xioctl(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

/* Each command ends in an array. */
static void *alloc_command(size_t fixed, size_t element, uint32_t count)
{
	return calloc(1, fixed + element * count);
}

static size_t page_bytes(uint32_t count)
{
	return (size_t)count * GRANT_PAGE_SIZE;
}

uint32_t grants_per_page(void)
{
	return (uint32_t)sysconf(_SC_PAGESIZE) / GRANT_PAGE_SIZE;
}

uint32_t whole_pages(uint32_t count)
{
	uint32_t per_page = grants_per_page();

	return (count + per_page - 1) / per_page * per_page;
}

static int map_shared(int fd, uint64_t offset, uint32_t count, int prot,
		      void **addr)
{
	void *mem = mmap(NULL, page_bytes(count), prot, MAP_SHARED, fd,
			 (off_t)offset);

	if (mem == MAP_FAILED)
		return -errno;
	*addr = mem;
	return 0;
}

static int alloc_granted(struct gnt_pages *pages, uint16_t domid,
			 bool writable)
{
	struct ioctl_gntalloc_alloc_gref *op;
	int ret;

	op = alloc_command(sizeof(*op), sizeof(op->gref_ids[0]), pages->count);
	if (!op)
		return -ENOMEM;
	op->domid = domid;
	op->flags = writable ? GNTALLOC_FLAG_WRITABLE : 0;
	op->count = pages->count;
	ret = xioctl(pages->fd, IOCTL_GNTALLOC_ALLOC_GREF, op);
	if (!ret) {
		pages->index = op->index;
		memcpy(pages->refs, op->gref_ids,
		       pages->count * sizeof(*pages->refs));
	}
	free(op);
	return ret;
}

static int alloc_imported(struct gnt_pages *pages, uint16_t domid,
			  bool writable)
{
	int ret;

	if (!writable)
		return -EOPNOTSUPP;
	pages->fd = gntdev_open();
	if (pages->fd < 0)
		return pages->fd;
	ret = dmabuf_pages_alloc(&pages->memory, pages->count);
	if (ret)
		return ret;
	pages->addr = pages->memory.addr;
	pages->memory.addr = NULL;
	return gntdev_imp_to_refs(pages->fd, pages->memory.dmabuf, domid,
				  whole_pages(pages->count), pages->refs);
}

static int alloc_pages(struct gnt_pages *pages, uint16_t domid, bool writable)
{
	int ret;

	if (grants_per_page() > 1 && pages->count > 1)
		return alloc_imported(pages, domid, writable);
	pages->fd = open(GNTALLOC_NODE, O_RDWR | O_CLOEXEC);
	ret = pages->fd < 0 ? -errno : alloc_granted(pages, domid, writable);
	if (ret)
		return ret;
	return map_shared(pages->fd, pages->index, pages->count,
			  PROT_READ | PROT_WRITE, &pages->addr);
}

int gnt_pages_alloc(struct gnt_pages *pages, uint16_t domid, uint32_t count,
		    bool writable)
{
	uint32_t room = whole_pages(count ? count : 1);
	int ret;

	*pages = (struct gnt_pages){ .fd = -1, .count = count };
	pages->refs = calloc(room, sizeof(*pages->refs));
	if (!pages->refs)
		return -ENOMEM;
	ret = alloc_pages(pages, domid, writable);
	if (ret)
		gnt_pages_free(pages);
	return ret;
}

int gnt_pages_revoke(struct gnt_pages *pages)
{
	struct ioctl_gntalloc_dealloc_gref op = {
		.index = pages->index,
		.count = pages->count,
	};

	if (pages->memory.count)
		return gntdev_imp_release(pages->fd, pages->memory.dmabuf);
	return xioctl(pages->fd, IOCTL_GNTALLOC_DEALLOC_GREF, &op);
}

void gnt_pages_free(struct gnt_pages *pages)
{
	if (pages->addr)
		munmap(pages->addr, page_bytes(pages->count));
	if (pages->fd >= 0)
		close(pages->fd);
	if (pages->memory.count)
		dmabuf_pages_free(&pages->memory);
	free(pages->refs);
	*pages = (struct gnt_pages){ .fd = -1 };
}

static const char *gntdev_node(void)
{
	const char *node = getenv(GNTDEV_NODE_VARIABLE);

	return node ? node : GNTDEV_NODE;
}

int gntdev_open(void)
{
	int fd = open(gntdev_node(), O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

bool is_gntdev(int fd)
{
	struct stat node, file;

	return !stat(gntdev_node(), &node) && !fstat(fd, &file) &&
	       S_ISCHR(file.st_mode) && file.st_rdev == node.st_rdev;
}

int gntdev_map(int fd, uint16_t domid, const uint32_t *refs, uint32_t count,
	       uint64_t *index)
{
	struct ioctl_gntdev_map_grant_ref *op;
	int ret;

	op = alloc_command(sizeof(*op), sizeof(op->refs[0]), count);
	if (!op)
		return -ENOMEM;
	op->count = count;
	for (uint32_t i = 0; i < count; i++) {
		op->refs[i].domid = domid;
		op->refs[i].ref = refs[i];
	}
	ret = xioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, op);
	if (!ret)
		*index = op->index;
	free(op);
	return ret;
}

int gntdev_unmap(int fd, uint64_t index, uint32_t count)
{
	struct ioctl_gntdev_unmap_grant_ref op = {
		.index = index,
		.count = count,
	};

	return xioctl(fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &op);
}

int gntdev_get_offset(int fd, const void *vaddr, uint64_t *offset,
		      uint32_t *count)
{
	struct ioctl_gntdev_get_offset_for_vaddr op = {
		.vaddr = (uintptr_t)vaddr,
	};
	int ret = xioctl(fd, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &op);

	if (!ret) {
		*offset = op.offset;
		*count = op.count;
	}
	return ret;
}

int gntdev_set_unmap_notify(int fd, uint64_t index, uint32_t action,
			    uint32_t port)
{
	struct ioctl_gntdev_unmap_notify op = {
		.index = index,
		.action = action,
		.event_channel_port = port,
	};

	return xioctl(fd, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &op);
}

int gntdev_copy(int fd, struct gntdev_grant_copy_segment *segments,
		uint32_t count)
{
	struct ioctl_gntdev_grant_copy op = {
		.count = count,
		.segments = segments,
	};

	return xioctl(fd, IOCTL_GNTDEV_GRANT_COPY, &op);
}

int gntdev_exp_from_refs(int fd, uint32_t flags, uint16_t domid,
			 const uint32_t *refs, uint32_t count, int *dmabuf)
{
	struct ioctl_gntdev_dmabuf_exp_from_refs *op;
	int ret;

	op = alloc_command(sizeof(*op), sizeof(op->refs[0]), count);
	if (!op)
		return -ENOMEM;
	op->flags = flags;
	op->count = count;
	op->domid = domid;
	memcpy(op->refs, refs, count * sizeof(*refs));
	ret = xioctl(fd, IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS, op);
	if (!ret)
		*dmabuf = (int)op->fd;
	free(op);
	return ret;
}

int gntdev_exp_wait_released(int fd, int dmabuf, uint32_t timeout_ms)
{
	struct ioctl_gntdev_dmabuf_exp_wait_released op = {
		.fd = (uint32_t)dmabuf,
		.wait_to_ms = timeout_ms,
	};

	return xioctl(fd, IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED, &op);
}

int gntdev_imp_to_refs(int fd, int dmabuf, uint16_t domid, uint32_t count,
		       uint32_t *refs)
{
	struct ioctl_gntdev_dmabuf_imp_to_refs *op;
	int ret;

	op = alloc_command(sizeof(*op), sizeof(op->refs[0]), count);
	if (!op)
		return -ENOMEM;
	op->fd = (uint32_t)dmabuf;
	op->count = count;
	op->domid = domid;
	ret = xioctl(fd, IOCTL_GNTDEV_DMABUF_IMP_TO_REFS, op);
	if (!ret)
		memcpy(refs, op->refs, count * sizeof(*refs));
	free(op);
	return ret;
}

int gntdev_imp_release(int fd, int dmabuf)
{
	struct ioctl_gntdev_dmabuf_imp_release op = { .fd = (uint32_t)dmabuf };

	return xioctl(fd, IOCTL_GNTDEV_DMABUF_IMP_RELEASE, &op);
}

int gntdev_export(int fd, uint32_t flags, uint16_t domid, const uint32_t *refs,
		  uint32_t count, int *dmabuf, uint64_t *handle)
{
	struct gntdev_dmabuf_export op = {
		.size = sizeof(op),
		.flags = flags,
		.refs = (uintptr_t)refs,
		.count = count,
		.domid = domid,
		.length = page_bytes(count),
	};
	int ret = xioctl(fd, IOCTL_GNTDEV_DMABUF_EXPORT, &op);

	if (!ret) {
		*dmabuf = op.fd;
		*handle = op.handle;
	}
	return ret;
}

int gntdev_import(int fd, uint32_t flags, int dmabuf, uint16_t domid,
		  uint32_t count, uint32_t *refs, uint64_t *handle)
{
	struct gntdev_dmabuf_import op = {
		.size = sizeof(op),
		.flags = flags,
		.fd = dmabuf,
		.domid = domid,
		.length = page_bytes(count),
		.refs = (uintptr_t)refs,
		.capacity = count,
	};
	int ret = xioctl(fd, IOCTL_GNTDEV_DMABUF_IMPORT, &op);

	if (!ret)
		*handle = op.handle;
	return ret;
}

int gntdev_import_release(int fd, uint64_t handle, uint32_t *left)
{
	struct gntdev_dmabuf_import_release op = {
		.size = sizeof(op),
		.handle = handle,
	};
	int ret = xioctl(fd, IOCTL_GNTDEV_DMABUF_IMPORT_RELEASE, &op);

	*left = op.left;
	return ret;
}

int gntdev_wait(int fd, uint64_t handle, uint64_t timeout_ns, uint32_t *left)
{
	struct gntdev_dmabuf_wait op = {
		.size = sizeof(op),
		.handle = handle,
		.timeout_ns = timeout_ns,
	};
	int ret = xioctl(fd, IOCTL_GNTDEV_DMABUF_WAIT, &op);

	*left = op.left;
	return ret;
}

int gntdev_query(int fd, uint64_t handle, struct gntdev_query *op)
{
	*op = (struct gntdev_query){ .size = sizeof(*op), .handle = handle };
	return xioctl(fd, IOCTL_GNTDEV_QUERY, op);
}

int gntdev_mapping_open(struct gntdev_mapping *map, int fd, uint16_t domid,
			const uint32_t *refs, uint32_t count, int prot)
{
	int ret;

	*map = (struct gntdev_mapping){ .fd = fd, .count = count };
	ret = gntdev_map(fd, domid, refs, count, &map->index);
	if (ret)
		return ret;
	ret = map_shared(fd, map->index, count, prot, &map->addr);
	if (ret)
		gntdev_unmap(fd, map->index, count);
	return ret;
}

int gntdev_mapping_close(struct gntdev_mapping *map)
{
	if (!map->addr)
		return 0;
	if (munmap(map->addr, page_bytes(map->count)))
		return -errno;
	map->addr = NULL;
	return gntdev_unmap(map->fd, map->index, map->count);
}

static int wrap_memfd(int memfd, uint32_t count)
{
	struct udmabuf_create create = {
		.memfd = (uint32_t)memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = page_bytes(whole_pages(count)),
	};
	int node = open(UDMABUF_NODE, O_RDWR | O_CLOEXEC);
	int dmabuf;

	if (node < 0)
		return -errno;
	dmabuf = ioctl(node, UDMABUF_CREATE, &create);
	if (dmabuf < 0)
		dmabuf = -errno;
	close(node);
	return dmabuf;
}

/* The exporter of the tests, where it is loaded. */
static int mock_alloc(uint32_t count)
{
	struct mock_create create = {
		.kind = MOCK_SINGLE,
		.pages = whole_pages(count) / grants_per_page(),
	};
	int mock = open("/dev/mock-dmabuf", O_RDWR | O_CLOEXEC);
	int dmabuf;

	if (mock < 0)
		return -errno;
	dmabuf = ioctl(mock, MOCK_IOC_CREATE, &create);
	if (dmabuf < 0)
		dmabuf = -errno;
	close(mock);
	return dmabuf;
}

/*
 * Without udmabuf there is vgem. Its mappings are write-combined, and in a PV
 * guest of 6.1 a process that touches one hangs, so the exporter of the tests
 * comes first.
 */
static int fill_kernel_pages(struct dmabuf_pages *pages)
{
	pages->dmabuf = mock_alloc(pages->count);
	if (pages->dmabuf < 0)
		pages->dmabuf = dumb_alloc("vgem", pages->count, DRM_RDWR);
	if (pages->dmabuf < 0)
		return pages->dmabuf;
	return map_shared(pages->dmabuf, 0, pages->count,
			  PROT_READ | PROT_WRITE, &pages->addr);
}

static int fill_dmabuf_pages(struct dmabuf_pages *pages)
{
	pages->memfd = memfd_create("pages", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (pages->memfd < 0 ||
	    ftruncate(pages->memfd,
		      (off_t)page_bytes(whole_pages(pages->count))) ||
	    fcntl(pages->memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	pages->dmabuf = wrap_memfd(pages->memfd, pages->count);
	if (pages->dmabuf == -ENOENT)
		return fill_kernel_pages(pages);
	if (pages->dmabuf < 0)
		return pages->dmabuf;
	return map_shared(pages->memfd, 0, pages->count,
			  PROT_READ | PROT_WRITE, &pages->addr);
}

int dmabuf_pages_alloc(struct dmabuf_pages *pages, uint32_t count)
{
	int ret;

	*pages = (struct dmabuf_pages){
		.memfd = -1,
		.dmabuf = -1,
		.count = count,
	};
	ret = fill_dmabuf_pages(pages);
	if (ret)
		dmabuf_pages_free(pages);
	return ret;
}

void dmabuf_pages_free(struct dmabuf_pages *pages)
{
	if (pages->addr)
		munmap(pages->addr, page_bytes(pages->count));
	if (pages->dmabuf >= 0)
		close(pages->dmabuf);
	if (pages->memfd >= 0)
		close(pages->memfd);
	*pages = (struct dmabuf_pages){ .memfd = -1, .dmabuf = -1 };
}

int dmabuf_cpu_access(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return xioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync);
}

int heap_alloc(uint32_t pages, int open_flags)
{
	struct dma_heap_allocation_data alloc = {
		.len = (uint64_t)pages * GRANT_PAGE_SIZE,
		.fd_flags = (uint32_t)open_flags | O_CLOEXEC,
	};
	int fd = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	int ret;

	if (fd < 0 && errno == ENOENT)
		return dumb_alloc("vgem", pages,
				  open_flags & O_RDWR ? DRM_RDWR : 0);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &alloc);
	ret = ret < 0 ? -errno : (int)alloc.fd;
	close(fd);
	return ret;
}
