// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on the dma-bufs that have handles, and on what tells about them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fresh.h"
#include "gntdev-test.h"
#include "ops.h"

/* What structures are longer by, when they are. */
#define EXTRA		32u
#define SIZES		5u
#define HOWS		6u

static uint16_t digit(uint16_t *rest, uint16_t base)
{
	uint16_t value = *rest % base;

	*rest /= base;
	return value;
}

/* How the command lies in memory. */
static uint16_t how_of(uint16_t pick)
{
	static const uint16_t hows[HOWS] = {
		0, MEM_READONLY, 0, MEM_NONE, MEM_EDGE, MEM_NULL,
	};

	return hows[pick % HOWS];
}

/**
 * sized_command() - run a command whose structure begins with its size
 * @thread:	who does it
 * @fd:		of the device
 * @cmd:	the command
 * @op:		the structure, with EXTRA zeroed bytes behind it
 * @size:	of the structure
 * @rest:	how large it says to be, and how it lies in memory
 *
 * Return: 0 or a negative errno.
 */
static int sized_command(struct thread *thread, int fd, unsigned long cmd,
			 void *op, uint32_t size, uint16_t rest)
{
	uint16_t kind = digit(&rest, SIZES);
	uint32_t sizes[SIZES] = {
		size, size + EXTRA, size + EXTRA, size - 8, UINT32_MAX,
	};
	int ret;

	memcpy(op, &sizes[kind], sizeof(sizes[kind]));
	if (kind == 2)
		((char *)op)[size + EXTRA - 1] = 1;
	ret = command(thread, fd, cmd, op, size + EXTRA, how_of(rest));
	if (!ret && kind > 1)
		finding(thread, "a structure of %u bytes, %u known, is taken",
			sizes[kind], size);
	return ret;
}

/* The file that a handle is of, or any. */
static int file_of(struct thread *thread, uint16_t pick,
		   const struct object *object)
{
	struct object file;

	if (!pick && object->handle)
		return object->id;
	object_pick(thread, OBJECT_FILE, pick, &file);
	return file.fd;
}

/* Numbers mean what they meant when they were noted. */
static bool certain(const struct thread *thread)
{
	const struct state *state = thread->state;

	return !state->racing && !state->tainted && !state->closed;
}

/* Where pages are larger, buffers are larger than what was asked for. */
static bool exact(void)
{
	return sysconf(_SC_PAGESIZE) == PAGE;
}

static void check_file(struct thread *thread, const struct object *object,
		       int fd)
{
	if (certain(thread) && !thread->state->copied && fd != object->id)
		finding(thread, "a handle of file %d is one of file %d",
			object->id, fd);
}

static int ask_about(int fd, uint64_t handle, struct gntdev_query *op)
{
	*op = (struct gntdev_query){ .size = sizeof(*op), .handle = handle };
	return ioctl(fd, IOCTL_GNTDEV_QUERY, op) ? -errno : 0;
}

/* What is over stays so: handles are not used again. */
static void must_be_over(struct thread *thread, int fd, uint64_t handle,
			 const char *why)
{
	struct gntdev_query op;

	if (!ask_about(fd, handle, &op))
		finding(thread, "handle %llx is there, %u left, %s",
			(unsigned long long)handle, op.left, why);
}

/* Each one is larger than those before. */
static void note_handle(struct thread *thread, struct object *object,
			uint64_t handle)
{
	struct state *state = thread->state;

	if (!handle || (!state->racing && handle <= state->last_handle))
		finding(thread, "handle %llx is not new",
			(unsigned long long)handle);
	state->last_handle = handle;
	object->handle = handle;
	object_add(thread, OBJECT_HANDLE, object);
}

static int eventfd_for(uint32_t flags, const struct object *file, bool wrong)
{
	if (wrong)
		return file->fd;
	return flags & GNTDEV_DMABUF_EVENTFD ?
		eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : 0;
}

static void put_eventfd(uint32_t flags, int fd, bool wrong)
{
	if ((flags & GNTDEV_DMABUF_EVENTFD) && !wrong && fd >= 0)
		close(fd);
}

/* Where the data is, from the good one on. */
static void set_data(struct gntdev_dmabuf_export *op, uint16_t kind)
{
	op->length = (uint64_t)op->count * PAGE;
	switch (kind) {
	case 1:
		op->offset = 100;
		op->length -= 200;
		break;
	case 2:
		op->offset = PAGE;
		break;
	case 3:
		op->offset = 1;
		break;
	case 4:
		op->length = op->count > 1 ? PAGE : 0;
		break;
	case 5:
		op->length = UINT64_MAX;
		op->offset = 5;
		break;
	}
}

static const uint32_t export_flags[] = {
	0, GNTDEV_DMABUF_READONLY, GNTDEV_DMABUF_EVENTFD, GNTDEV_DMA_FLAG_WC,
	GNTDEV_DMA_FLAG_COHERENT,
	GNTDEV_DMABUF_READONLY | GNTDEV_DMABUF_EVENTFD, 3, 0x10,
};

int op_export_handle(struct thread *thread, const uint16_t *arg)
{
	union {
		struct gntdev_dmabuf_export op;
		char room[sizeof(struct gntdev_dmabuf_export) + EXTRA];
	} buf = { 0 };
	struct object file, refs;
	uint16_t rest = arg[3], flags = digit(&rest, 8);
	uint16_t data = digit(&rest, 7);
	int ret;

	object_pick(thread, OBJECT_FILE, arg[0], &file);
	refs_pick(thread, arg[1], arg[2], &refs);
	buf.op.flags = export_flags[flags];
	buf.op.refs = (uintptr_t)refs.refs;
	buf.op.count = refs.count;
	buf.op.domid = refs.domid;
	set_data(&buf.op, data);
	buf.op.eventfd = eventfd_for(buf.op.flags, &file, data == 6);
	ret = sized_command(thread, file.fd, IOCTL_GNTDEV_DMABUF_EXPORT, &buf,
			    sizeof(buf.op), rest);
	if (ret) {
		put_eventfd(buf.op.flags, buf.op.eventfd, data == 6);
		return ret;
	}
	if (!refs.count || refs.count > MAX_REFS || flags > 5 ||
	    (data > 1 && (data != 4 || exact()) &&
	     (data != 6 || certain(thread))))
		finding(thread, "%u grants are exported, flags %x, data %u",
			refs.count, buf.op.flags, data);
	refs.fd = buf.op.fd;
	object_add(thread, OBJECT_BUFFER, &refs);
	refs.id = file.fd;
	refs.eventfd = buf.op.eventfd;
	refs.readonly = buf.op.flags & GNTDEV_DMABUF_READONLY;
	note_handle(thread, &refs, buf.op.handle);
	return 0;
}

/* What of the buffer, from all of it on. */
static void set_range(struct gntdev_dmabuf_import *op, uint32_t pages,
		      uint16_t kind)
{
	op->length = (uint64_t)pages * PAGE;
	switch (kind) {
	case 1:
		op->offset = op->length - PAGE;
		op->length = PAGE;
		break;
	case 2:
		op->offset = 100;
		op->length -= 100;
		break;
	case 3:
		op->length++;
		break;
	case 4:
		op->length = 0;
		break;
	case 5:
		op->offset = UINT64_MAX - PAGE + 1;
		break;
	}
}

#define IMPORT_RANGES	6u
#define UNTOUCHED	0xfffffff0u

/* Only what the range touches, and nothing in memory behind it. */
static void check_import(struct thread *thread,
			 const struct gntdev_dmabuf_import *op,
			 const struct object *refs, uint16_t range)
{
	uint64_t end = op->offset % PAGE + op->length;

	if (range >= 3 && (range != 3 || exact()) && certain(thread))
		finding(thread, "range %u of a buffer is granted", range);
	if (op->count > MAX_REFS || op->count != (end + PAGE - 1) / PAGE ||
	    op->data_offset != op->offset % PAGE)
		finding(thread, "%llu bytes from %llu are %u grants, offset %u",
			(unsigned long long)op->length,
			(unsigned long long)op->offset, op->count,
			op->data_offset);
	for (uint32_t i = op->count; i < MAX_REFS; i++) {
		if (refs->refs[i] != UNTOUCHED)
			finding(thread, "reference %u of %u is written", i,
				op->count);
	}
}

static void keep_import(struct thread *thread,
			const struct gntdev_dmabuf_import *op,
			struct object *refs, int fd)
{
	refs->count = op->count < MAX_REFS ? op->count : MAX_REFS;
	refs->own.fd = -1;
	if (op->domid == SELF)
		refs_remember(thread, refs->refs, refs->count);
	refs->id = fd;
	refs->eventfd = op->eventfd;
	refs->domid = (uint16_t)op->domid;
	refs->import = true;
	refs->readonly = op->flags & GNTDEV_DMABUF_READONLY;
	note_handle(thread, refs, op->handle);
	/* These are references of this domain, whoever may map them. */
	refs->domid = SELF;
	object_add(thread, OBJECT_REFS, refs);
}

static int do_import(struct thread *thread, const uint16_t *arg, int fd,
		     const struct object *buffer)
{
	static const uint32_t flags[] = {
		0, GNTDEV_DMABUF_READONLY, GNTDEV_DMABUF_EVENTFD,
		GNTDEV_DMABUF_READONLY | GNTDEV_DMABUF_EVENTFD, 1,
	};
	uint16_t domids[] = { SELF, SELF, thread->state->guest,
			      FIRST_RESERVED_DOMID };
	union {
		struct gntdev_dmabuf_import op;
		char room[sizeof(struct gntdev_dmabuf_import) + EXTRA];
	} buf = { .op.fd = buffer->fd };
	uint16_t rest = arg[3], range = digit(&rest, IMPORT_RANGES);
	uint16_t room = digit(&rest, 3);
	struct object refs = { 0 };
	int ret;

	buf.op.flags = flags[arg[2] % 5];
	buf.op.domid = domids[arg[2] / 5 % 4];
	set_range(&buf.op, buffer->count, range);
	for (uint32_t i = 0; i < MAX_REFS; i++)
		refs.refs[i] = UNTOUCHED;
	buf.op.capacity = room == 1 ? 0 : MAX_REFS;
	buf.op.refs = room == 2 ?
		(uintptr_t)thread->memory + MEMORY_PAGES * PAGE :
		(uintptr_t)refs.refs;
	buf.op.eventfd = eventfd_for(buf.op.flags, buffer, false);
	ret = sized_command(thread, fd, IOCTL_GNTDEV_DMABUF_IMPORT, &buf,
			    sizeof(buf.op), rest);
	if (ret) {
		put_eventfd(buf.op.flags, buf.op.eventfd, false);
		return ret;
	}
	if (room || arg[2] % 5 == 4)
		finding(thread, "an import with room %u, flags %x", room,
			buf.op.flags);
	check_import(thread, &buf.op, &refs, range);
	keep_import(thread, &buf.op, &refs, fd);
	return 0;
}

int op_import_handle(struct thread *thread, const uint16_t *arg)
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

/* Return: false if it was there before. */
static bool note_released(struct thread *thread, uint64_t handle)
{
	struct state *state = thread->state;
	bool first = true;

	pthread_mutex_lock(&state->lock);
	for (uint32_t i = 0; i < state->releases; i++)
		first &= state->released[i] != handle;
	state->released[state->releases++ % PROG_OPS] = handle;
	pthread_mutex_unlock(&state->lock);
	return first;
}

int op_release_handle(struct thread *thread, const uint16_t *arg)
{
	union {
		struct gntdev_dmabuf_import_release op;
		char room[sizeof(struct gntdev_dmabuf_import_release) + EXTRA];
	} buf = { 0 };
	struct object object;
	int fd, ret;

	object_pick(thread, OBJECT_HANDLE, arg[1], &object);
	fd = file_of(thread, arg[0], &object);
	buf.op.handle = object.handle;
	buf.op.flags = arg[2] == 1;
	buf.op.pad = arg[2] == 2;
	ret = sized_command(thread, fd, IOCTL_GNTDEV_DMABUF_IMPORT_RELEASE,
			    &buf, sizeof(buf.op), arg[3]);
	if (ret)
		return ret;
	if (!object.import || arg[2])
		finding(thread, "what is no import is released");
	check_file(thread, &object, fd);
	if (!note_released(thread, object.handle))
		finding(thread, "an import is released twice");
	if (buf.op.left > object.count)
		finding(thread, "%u of %u grants are left", buf.op.left,
			object.count);
	if (!buf.op.left)
		must_be_over(thread, fd, object.handle, "after its release");
	return 0;
}

int op_wait_handle(struct thread *thread, const uint16_t *arg)
{
	static const uint64_t timeouts[] = { 0, 0, 1000, 30000000 };
	union {
		struct gntdev_dmabuf_wait op;
		char room[sizeof(struct gntdev_dmabuf_wait) + EXTRA];
	} buf = { 0 };
	struct object object;
	int fd, ret;

	object_pick(thread, OBJECT_HANDLE, arg[1], &object);
	fd = file_of(thread, arg[0], &object);
	buf.op.handle = object.handle;
	buf.op.timeout_ns = timeouts[arg[2] % 4];
	buf.op.flags = arg[2] == 4;
	buf.op.pad = arg[2] == 5;
	ret = sized_command(thread, fd, IOCTL_GNTDEV_DMABUF_WAIT, &buf,
			    sizeof(buf.op), arg[3]);
	if (ret)
		return ret;
	if (arg[2] > 3)
		finding(thread, "a wait with flags or padding");
	check_file(thread, &object, fd);
	must_be_over(thread, fd, object.handle, "after a wait");
	return 0;
}

/* These never change. */
static void check_answer(struct thread *thread, const struct gntdev_query *op,
			 const struct object *object)
{
	bool import = op->state & GNTDEV_STATE_IMPORT;
	bool readonly = op->state & GNTDEV_STATE_READONLY;

	if (op->count != object->count || op->left > op->count ||
	    op->domid != object->domid || import != object->import ||
	    readonly != object->readonly)
		finding(thread, "a handle of %u grants to %u is %u to %u: %x",
			object->count, object->domid, op->count, op->domid,
			op->state);
}

int op_query(struct thread *thread, const uint16_t *arg)
{
	union {
		struct gntdev_query op;
		char room[sizeof(struct gntdev_query) + EXTRA];
	} buf = { 0 };
	struct object object;
	int fd, ret;

	object_pick(thread, OBJECT_HANDLE, arg[1], &object);
	fd = file_of(thread, arg[0], &object);
	buf.op.handle = arg[2] == 1 ? 0 : object.handle;
	buf.op.flags = arg[2] == 2;
	ret = sized_command(thread, fd, IOCTL_GNTDEV_QUERY, &buf,
			    sizeof(buf.op), arg[3]);
	if (ret)
		return ret;
	if (arg[2] == 2 || !buf.op.limit || !buf.op.features)
		finding(thread, "a query with flags, or without an answer");
	if (!buf.op.handle)
		return 0;
	check_file(thread, &object, fd);
	check_answer(thread, &buf.op, &object);
	return 0;
}

/* What two ways tell of ranges is the same, while nobody changes it. */
int op_fdinfo(struct thread *thread, const uint16_t *arg)
{
	unsigned long long ranges = 0;
	struct gntdev_query op;
	struct object file;
	char path[64], text[1024], *line;
	ssize_t got;
	int fd;

	object_pick(thread, OBJECT_FILE, arg[0], &file);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", file.fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got < 0)
		return -EIO;
	text[got] = '\0';
	line = strstr(text, "ranges:");
	if (!line || !certain(thread) || ask_about(file.fd, 0, &op))
		return 0;
	if (sscanf(line, "ranges: %llu", &ranges) != 1 || ranges != op.ranges)
		finding(thread, "%llu ranges here, %llu there", ranges,
			(unsigned long long)op.ranges);
	return 0;
}

/* One event for each buffer, and none before it is over. */
int op_eventfd(struct thread *thread, const uint16_t *arg)
{
	struct state *state = thread->state;
	struct object object;
	uint64_t events;

	/* Its number is that of something else only if that closes twice. */
	if (!object_pick(thread, OBJECT_HANDLE, arg[0], &object) ||
	    object.eventfd <= 0 || state->racing || state->tainted ||
	    state->closed > 1)
		return -EBADF;
	if (read(object.eventfd, &events, sizeof(events)) != sizeof(events))
		return -errno;
	if (events != 1)
		finding(thread, "%llu events", (unsigned long long)events);
	must_be_over(thread, object.id, object.handle, "after its event");
	return 0;
}
