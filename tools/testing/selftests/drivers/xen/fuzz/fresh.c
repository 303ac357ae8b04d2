// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/dma-buf.h>

#include "fresh.h"
#include "gntdev-test.h"

/* Above what is closed by number, and below the fuzzer's own. */
#define PRIVATE_FDS	64

static bool watched;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* A program uses few buffers; forgetting one would only be noticed later. */
static ino_t used[4 * PROG_OPS];
static uint32_t used_count;

void fresh_init(void)
{
	watched = !access("/sys/kernel/debug/dma-api", F_OK);
}

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

static bool is_used(ino_t inode)
{
	for (uint32_t i = 0; i < used_count; i++) {
		if (used[i] == inode)
			return true;
	}
	return false;
}

static void use(ino_t inode)
{
	if (used_count < ARRAY_SIZE_OF(used))
		used[used_count++] = inode;
}

/* Under the same number, unless another thread may change what that means. */
static int replace(struct thread *thread, struct object *buffer)
{
	int number = buffer->fd, fd = heap_alloc(buffer->count, O_RDWR);

	if (fd < 0)
		return -ENOMEM;
	if (thread->state->racing)
		number = fcntl(fd, F_DUPFD_CLOEXEC, PRIVATE_FDS);
	else
		number = dup3(fd, number, O_CLOEXEC);
	thread->state->stale = true;
	close(fd);
	if (number < 0)
		return -ENOMEM;
	if (buffer->fd == number)
		return 0;
	buffer->fd = number;
	return 1;
}

/* A number of its own, so that it is known what is used. */
static int take_aside(struct thread *thread, struct object *buffer)
{
	int fd;

	if (!thread->state->racing)
		return 0;
	fd = fcntl(buffer->fd, F_DUPFD_CLOEXEC, PRIVATE_FDS);
	/* If it is none now, it shall not be one that another thread makes next. */
	buffer->fd = fd;
	return fd >= 0;
}

int fresh_begin(struct thread *thread, struct object *buffer)
{
	int ret;

	if (!watched)
		return 0;
	pthread_mutex_lock(&turn);
	ret = take_aside(thread, buffer);
	if (inode_of(buffer->fd) && is_used(inode_of(buffer->fd))) {
		int other = replace(thread, buffer);

		if (other < 0)
			return other;
		ret |= other;
	}
	use(inode_of(buffer->fd));
	if (ret)
		object_add(thread, OBJECT_BUFFER, buffer);
	return 0;
}

int fresh_peek(int buffer)
{
	int fd = fcntl(buffer, F_DUPFD_CLOEXEC, PRIVATE_FDS);

	if (watched)
		pthread_mutex_lock(&turn);
	if (fd < 0)
		return -errno;
	if (!watched || !is_used(inode_of(fd)))
		return fd;
	close(fd);
	return -EBUSY;
}

void fresh_end(void)
{
	if (watched)
		pthread_mutex_unlock(&turn);
}

/* What the kernel tells of a descriptor, read by one that nobody closes. */
static bool read_fdinfo(int fd, char *text, size_t room)
{
	char path[32];
	ssize_t length;
	int opened, info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	opened = open(path, O_RDONLY | O_CLOEXEC);
	if (opened < 0)
		return false;
	info = fcntl(opened, F_DUPFD_CLOEXEC, PRIVATE_FDS);
	close(opened);
	if (info < 0)
		return false;
	length = read(info, text, room - 1);
	close(info);
	text[length > 0 ? length : 0] = '\0';
	return length > 0;
}

static int sync_watched(int fd, uint64_t flags)
{
	char text[512];

	if (!read_fdinfo(fd, text, sizeof(text)) ||
	    strstr(text, "exp_name:\tudmabuf\n"))
		return -EBUSY;
	if (strstr(text, "exp_name:\tsystem\n") && flags & DMA_BUF_SYNC_RW)
		flags = (flags & ~(uint64_t)DMA_BUF_SYNC_RW) |
			DMA_BUF_SYNC_WRITE;
	return dmabuf_cpu_access(fd, flags);
}

int fresh_sync(int buffer, uint64_t flags)
{
	int fd, ret;

	if (!watched)
		return dmabuf_cpu_access(buffer, flags);
	fd = fcntl(buffer, F_DUPFD_CLOEXEC, PRIVATE_FDS);
	if (fd < 0)
		return -errno;
	ret = sync_watched(fd, flags);
	close(fd);
	return ret;
}
