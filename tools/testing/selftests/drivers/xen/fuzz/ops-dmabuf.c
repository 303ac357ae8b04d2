// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on dma-bufs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "../gntdev/test_modules/mock-dmabuf.h"
#include "fresh.h"
#include "gntdev-test.h"
#include "ops.h"

/* How the command lies in memory, from what is left of an argument. */
static uint16_t how_of(uint16_t rest)
{
	static const uint16_t ways[] = {
		0, 0, MEM_READONLY, MEM_NONE, MEM_EDGE, MEM_READONLY,
	};

	return ways[rest % ARRAY_SIZE_OF(ways)];
}

int op_export(struct thread *thread, const uint16_t *arg)
{
	static const uint32_t flags[] = {
		0, 0, GNTDEV_DMA_FLAG_WC, GNTDEV_DMA_FLAG_COHERENT, 3, 0x10,
	};
	union {
		struct ioctl_gntdev_dmabuf_exp_from_refs op;
		char room[sizeof(struct ioctl_gntdev_dmabuf_exp_from_refs) +
			  MAX_REFS * sizeof(uint32_t)];
	} buf = { 0 };
	struct object file, refs;
	int ret;

	object_pick(thread, OBJECT_FILE, arg[0], &file);
	refs_pick(thread, arg[1], arg[2], &refs);
	buf.op.flags = flags[arg[3] % 6];
	buf.op.count = refs.count;
	buf.op.domid = refs.domid;
	memcpy(buf.op.refs, refs.refs, sizeof(refs.refs));
	ret = command(thread, file.fd, IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS, &buf,
		      sizeof(buf), how_of(arg[3] / 6));
	if (ret)
		return ret;
	if (!refs.count || refs.count > MAX_REFS || arg[3] % 6 > 3)
		finding(thread, "%u grants are exported with flags %x",
			refs.count, buf.op.flags);
	refs.fd = (int)buf.op.fd;
	object_add(thread, OBJECT_BUFFER, &refs);
	return 0;
}

int op_wait(struct thread *thread, const uint16_t *arg)
{
	static const uint32_t timeouts[] = { 0, 0, 1, 30 };
	struct ioctl_gntdev_dmabuf_exp_wait_released op = { 0 };
	struct object file, buffer;

	object_pick(thread, OBJECT_FILE, arg[0], &file);
	object_pick(thread, OBJECT_BUFFER, arg[1], &buffer);
	op.fd = (uint32_t)buffer.fd;
	op.wait_to_ms = timeouts[arg[2] % 4];
	return command(thread, file.fd, IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED,
		       &op, sizeof(op), arg[3]);
}

static int do_import(struct thread *thread, const uint16_t *arg, int fd,
		     const struct object *buffer)
{
	union {
		struct ioctl_gntdev_dmabuf_imp_to_refs op;
		char room[sizeof(struct ioctl_gntdev_dmabuf_imp_to_refs) +
			  MAX_REFS * sizeof(uint32_t)];
	} buf = { 0 };
	uint16_t domids[] = { SELF, SELF, thread->state->guest,
			      FIRST_RESERVED_DOMID };
	struct object refs;
	int ret;

	buf.op.fd = (uint32_t)buffer->fd;
	buf.op.domid = domids[arg[3] % 4];
	buf.op.count = buffer->count + (arg[2] == 1) - (arg[2] == 2);
	if (arg[2] == 3)
		buf.op.count = UINT32_MAX;
	ret = command(thread, fd, IOCTL_GNTDEV_DMABUF_IMP_TO_REFS, &buf,
		      sizeof(buf), how_of(arg[3] / 4));
	if (ret)
		return ret;
	memset(&refs, 0, sizeof(refs));
	refs.own.fd = -1;
	refs.count = buf.op.count;
	if (!refs.count || refs.count > MAX_REFS) {
		finding(thread, "a buffer of %u pages is granted", refs.count);
		return 0;
	}
	memcpy(refs.refs, buf.op.refs, refs.count * sizeof(refs.refs[0]));
	if (buf.op.domid == SELF)
		refs_remember(thread, refs.refs, refs.count);
	object_add(thread, OBJECT_REFS, &refs);
	return 0;
}

int op_import(struct thread *thread, const uint16_t *arg)
{
	struct object file, buffer;
	int ret;

	object_pick(thread, OBJECT_FILE, arg[0], &file);
	if (!object_pick(thread, OBJECT_BUFFER, arg[1], &buffer))
		buffer.count = 1;
	ret = fresh_begin(thread, &buffer);
	if (!ret)
		ret = do_import(thread, arg, file.fd, &buffer);
	fresh_end();
	return ret;
}

int op_release(struct thread *thread, const uint16_t *arg)
{
	struct ioctl_gntdev_dmabuf_imp_release op = { 0 };
	struct object file, buffer;

	object_pick(thread, OBJECT_FILE, arg[0], &file);
	object_pick(thread, OBJECT_BUFFER, arg[1], &buffer);
	op.fd = (uint32_t)buffer.fd;
	return command(thread, file.fd, IOCTL_GNTDEV_DMABUF_IMP_RELEASE, &op,
		       sizeof(op), arg[3]);
}

static int mock_buffer(uint32_t pages, uint16_t kind)
{
	struct mock_create create = {
		.kind = kind % MOCK_KINDS,
		.pages = pages,
	};
	int mock = open("/dev/mock-dmabuf", O_RDWR | O_CLOEXEC);
	int fd;

	if (mock < 0)
		return -errno;
	fd = ioctl(mock, MOCK_IOC_CREATE, &create);
	fd = fd < 0 ? -errno : fd;
	close(mock);
	return fd;
}

int op_buffer(struct thread *thread, const uint16_t *arg)
{
	struct object buffer = { .count = count_of(arg[1]) };
	struct dmabuf_pages pages;
	int ret = 0;

	if (!buffer.count || buffer.count > MAX_REFS)
		return -EINVAL;
	switch (arg[0] % 4) {
	case 0:
		buffer.fd = heap_alloc(buffer.count, O_RDWR);
		break;
	case 1:
		buffer.fd = heap_alloc(buffer.count, O_RDONLY);
		break;
	case 2:
		buffer.fd = mock_buffer(buffer.count, arg[2]);
		break;
	case 3:
		ret = dmabuf_pages_alloc(&pages, buffer.count);
		buffer.fd = ret ? ret : dup(pages.dmabuf);
		if (!ret)
			dmabuf_pages_free(&pages);
		break;
	}
	if (buffer.fd < 0)
		return buffer.fd;
	object_add(thread, OBJECT_BUFFER, &buffer);
	return 0;
}

int op_buffer_close(struct thread *thread, const uint16_t *arg)
{
	struct object buffer;

	thread->state->stale = true;
	thread->state->closed++;
	/* The number stays a cookie. */
	if (arg[1] != 1)
		object_pick(thread, OBJECT_BUFFER, arg[0], &buffer);
	else
		object_take(thread, OBJECT_BUFFER, arg[0], &buffer);
	return close(buffer.fd) ? -errno : 0;
}

static bool is_dmabuf(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == DMA_BUF_MAGIC;
}

int op_buffer_mmap(struct thread *thread, const uint16_t *arg)
{
	struct object buffer, memory;
	int prot = PROT_READ | (arg[1] % 3 ? 0 : PROT_WRITE);
	int flags = arg[1] == 2 ? MAP_PRIVATE : MAP_SHARED;
	uint32_t first = 0;

	if (!object_pick(thread, OBJECT_BUFFER, arg[0], &buffer))
		return -EBADF;
	memory = buffer;
	if (arg[2] == 1 && buffer.count > 1) {
		first = 1;
		memory.count--;
	} else if (arg[2] == 2) {
		memory.count++;
	}
	memory.pure &= !arg[2];
	if (memory.count > MAX_REFS)
		return -EINVAL;
	memory.addr = arena_piece(thread);
	if (mmap(memory.addr, memory.count * PAGE, prot, flags | MAP_FIXED,
		 buffer.fd, (off_t)first * PAGE) == MAP_FAILED) {
		int ret = -errno;

		/* A buffer that was closed: its number is that of something else. */
		return is_dmabuf(buffer.fd) ? ret : -EBADF;
	}
	object_add(thread, OBJECT_MEMORY, &memory);
	return 0;
}

int op_buffer_sync(struct thread *thread, const uint16_t *arg)
{
	struct object buffer;

	object_pick(thread, OBJECT_BUFFER, arg[0], &buffer);
	return fresh_sync(buffer.fd, arg[1]);
}

static int access_by(unsigned long command, int buffer, bool write)
{
	static char data[MAX_REFS * PAGE];
	struct mock_access access = {
		.fd = buffer,
		.data = (uintptr_t)data,
		.write = write,
	};
	int mock = open("/dev/mock-dmabuf", O_RDWR | O_CLOEXEC);
	int ret;

	if (mock < 0)
		return -errno;
	ret = ioctl(mock, command, &access) < 0 ? -errno : 0;
	close(mock);
	return ret;
}

/* Attached to a device, or by the kernel's own addresses. */
int op_buffer_access(struct thread *thread, const uint16_t *arg)
{
	unsigned long command = arg[2] % 2 ? MOCK_IOC_VMAP : MOCK_IOC_ACCESS;
	struct object buffer;
	int fd, ret;

	if (!object_pick(thread, OBJECT_BUFFER, arg[0], &buffer))
		return -EBADF;
	/* Both sync the buffer, also for those that import it. */
	fd = fresh_peek(buffer.fd);
	ret = fd < 0 ? fd : access_by(command, fd, arg[1] % 2);
	if (fd >= 0)
		close(fd);
	fresh_end();
	return ret;
}
