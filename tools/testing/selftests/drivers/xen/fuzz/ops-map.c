// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on files and ranges.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gntdev-test.h"
#include "ops.h"

int op_open(struct thread *thread, const uint16_t *arg)
{
	struct object file = { .fd = gntdev_open() };

	(void)arg;
	if (file.fd < 0)
		return file.fd;
	if (file.fd < 64)
		thread->state->mapped &= ~(1ull << file.fd);
	object_add(thread, OBJECT_FILE, &file);
	return 0;
}

int op_close(struct thread *thread, const uint16_t *arg)
{
	struct object file;

	thread->state->stale = true;
	thread->state->closed++;
	/* Some numbers are used again after they were closed. */
	if (arg[1] == 1)
		object_pick(thread, OBJECT_FILE, arg[0], &file);
	else
		object_take(thread, OBJECT_FILE, arg[0], &file);
	return close(file.fd) ? -errno : 0;
}

int op_dup(struct thread *thread, const uint16_t *arg)
{
	struct object file;
	int fd;

	object_pick(thread, OBJECT_FILE, arg[0], &file);
	fd = dup(file.fd);
	if (fd < 0)
		return -errno;
	thread->state->copied = true;
	/* What is mapped by one number counts for the other one. */
	if (fd < 64)
		thread->state->mapped |= 1ull << fd;
	if (file.fd < 64)
		thread->state->mapped |= 1ull << file.fd;
	file.fd = fd;
	object_add(thread, OBJECT_FILE, &file);
	return 0;
}

/* The first range of a fresh file has index 0, whatever failed before. */
static void check_index(struct thread *thread, const struct object *range)
{
	struct state *state = thread->state;
	uint64_t bit = range->fd < 64 ? 1ull << range->fd : 0;

	if (!state->racing && !state->tainted && bit &&
	    !(state->mapped & bit) && range->index)
		finding(thread, "the first range of a file has index %llx",
			(unsigned long long)range->index);
	state->mapped |= bit;
}

int op_map(struct thread *thread, const uint16_t *arg)
{
	union {
		struct ioctl_gntdev_map_grant_ref op;
		char room[offsetof(struct ioctl_gntdev_map_grant_ref, refs) +
			  MAX_REFS * sizeof(struct ioctl_gntdev_grant_ref)];
	} buf = { 0 };
	struct object file, range;
	int ret;

	object_pick(thread, OBJECT_FILE, arg[0], &file);
	refs_pick(thread, arg[1], arg[2], &range);
	buf.op.count = range.count;
	for (uint32_t i = 0; i < MAX_REFS; i++) {
		buf.op.refs[i].domid = range.domid;
		buf.op.refs[i].ref = range.refs[i];
	}
	ret = command(thread, file.fd, IOCTL_GNTDEV_MAP_GRANT_REF, &buf,
		      sizeof(buf), arg[3]);
	if (ret)
		return ret;
	if (!range.count || range.count > MAX_REFS)
		finding(thread, "a range of %u grants is named", range.count);
	range.fd = file.fd;
	range.index = buf.op.index;
	check_index(thread, &range);
	object_add(thread, OBJECT_RANGE, &range);
	return 0;
}

int op_unmap(struct thread *thread, const uint16_t *arg)
{
	struct ioctl_gntdev_unmap_grant_ref op = { 0 };
	struct object range;

	if (arg[1] == 1)
		object_take(thread, OBJECT_RANGE, arg[0], &range);
	else
		object_pick(thread, OBJECT_RANGE, arg[0], &range);
	op.index = range.index + (arg[1] == 2 ? PAGE : 0);
	op.count = range.count + (arg[1] == 3);
	return command(thread, range.fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &op,
		       sizeof(op), arg[3]);
}

int op_mmap(struct thread *thread, const uint16_t *arg)
{
	static const struct {
		int prot;
		int flags;
	} ways[] = {
		{ PROT_READ | PROT_WRITE, MAP_SHARED },
		{ PROT_READ, MAP_SHARED },
		{ PROT_READ, MAP_PRIVATE },
		{ PROT_READ | PROT_WRITE, MAP_PRIVATE },
		{ PROT_NONE, MAP_SHARED },
		{ PROT_READ | PROT_EXEC, MAP_SHARED },
		{ PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE },
		{ PROT_READ | PROT_WRITE, MAP_SHARED },
	};
	struct object range, memory;
	uint32_t pages;
	void *addr;

	if (!object_pick(thread, OBJECT_RANGE, arg[0], &range))
		range.count = 1;
	memory = range;
	pages = range.count;
	switch (arg[2]) {
	case 1:
		pages = (pages + 1) / 2;
		break;
	case 2:
		range.index += PAGE;
		break;
	case 3:
		pages++;
		break;
	case 4:
		range.index = (uint64_t)arg[0] << 40;
		break;
	case 5:
		range.index += PAGE;
		pages -= pages > 1;
		break;
	}
	if (pages > MAX_REFS)
		return -EINVAL;
	memory.addr = arena_piece(thread);
	memory.count = pages;
	memory.pure &= !arg[2];
	addr = mmap(memory.addr, pages * PAGE, ways[arg[1] % 8].prot,
		    ways[arg[1] % 8].flags | MAP_FIXED, range.fd,
		    (off_t)range.index);
	if (addr == MAP_FAILED)
		return -errno;
	object_add(thread, OBJECT_MEMORY, &memory);
	return 0;
}

int op_get_offset(struct thread *thread, const uint16_t *arg)
{
	struct ioctl_gntdev_get_offset_for_vaddr op = { 0 };
	struct object file, memory;

	object_pick(thread, OBJECT_FILE, arg[0], &file);
	object_pick(thread, OBJECT_MEMORY, arg[1], &memory);
	op.vaddr = (uintptr_t)memory.addr + arg[2] * 512ull - (arg[2] == 9);
	return command(thread, file.fd, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &op,
		       sizeof(op), arg[3]);
}

int op_notify(struct thread *thread, const uint16_t *arg)
{
	struct ioctl_gntdev_unmap_notify op = { 0 };
	struct object range;

	object_pick(thread, OBJECT_RANGE, arg[0], &range);
	op.index = range.index + arg[2] * 1000ull;
	op.action = arg[1];
	op.event_channel_port = arg[2] * 7;
	return command(thread, range.fd, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &op,
		       sizeof(op), arg[3]);
}

static void set_foreign(struct gntdev_grant_copy_segment *segment, bool source,
			const struct object *refs, uint32_t i, uint16_t how)
{
	uint16_t offset = how == 5 ? 4000 : 0;

	segment->flags |= source ? GNTCOPY_source_gref : GNTCOPY_dest_gref;
	if (source) {
		segment->source.foreign.ref = refs->refs[i];
		segment->source.foreign.domid = refs->domid;
		segment->source.foreign.offset = offset;
	} else {
		segment->dest.foreign.ref = refs->refs[i];
		segment->dest.foreign.domid = refs->domid;
		segment->dest.foreign.offset = offset;
	}
}

#define COPY_LEN	512u

/* What came from grants that nobody writes to must be what was put there. */
static void check_copied(struct thread *thread, const struct object *refs,
			 const struct gntdev_grant_copy_segment *segments,
			 uint32_t count)
{
	static uint64_t page[PAGE / sizeof(uint64_t)];
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	for (uint32_t i = 0; i < count; i++) {
		pattern_fill(page, (refs->first + i) % POOL_REFS, 1, POOL_SEED);
		if (!segments[i].status &&
		    memcmp(segments[i].dest.virt, page, COPY_LEN))
			finding(thread, "a copied segment has other bytes");
	}
	pthread_mutex_unlock(&lock);
}

int op_copy(struct thread *thread, const uint16_t *arg)
{
	struct gntdev_grant_copy_segment segments[3] = { 0 };
	struct ioctl_gntdev_grant_copy op = { .count = 1 + arg[2] / 8 % 3 };
	char *local = thread->memory + PAGE;
	struct object file, refs, memory;
	uint16_t how = arg[2] % 8;
	int ret;

	object_pick(thread, OBJECT_FILE, arg[0], &file);
	refs_pick(thread, arg[1], 0, &refs);
	if (how == 6 && object_pick(thread, OBJECT_MEMORY, 0, &memory))
		local = memory.addr;
	for (uint32_t i = 0; i < op.count; i++) {
		segments[i].len = how == 4 ? 5000 : COPY_LEN;
		/* Local memory may cross pages. */
		segments[i].source.virt = local + i * COPY_LEN;
		segments[i].dest.virt = local + i * COPY_LEN + 3600;
		if (how != 1 && how != 7)
			set_foreign(&segments[i], true, &refs, i, how);
		if (how == 1 || how == 3)
			set_foreign(&segments[i], false, &refs, i, how);
	}
	op.segments = segments;
	if (arg[3] == 11)
		op.segments = NULL;
	ret = command(thread, file.fd, IOCTL_GNTDEV_GRANT_COPY, &op, sizeof(op),
		      arg[3]);
	if (!ret && (how == 4 || how == 5 || how == 7))
		finding(thread, "a segment that cannot be is copied");
	if (!ret && refs.pure && !how)
		check_copied(thread, &refs, segments, op.count);
	return ret;
}

/* Any number, any size, nonsense as the argument. */
int op_raw(struct thread *thread, const uint16_t *arg)
{
	char nonsense[256];
	struct object file;

	object_pick(thread, OBJECT_FILE, arg[0], &file);
	memset(nonsense, arg[2] % 7 == 0 ? 0xff : arg[2] % 3, sizeof(nonsense));
	return command(thread, file.fd,
		       _IOC(arg[2] / 64 % 4, 'G', arg[1], arg[2] % 64 * 4),
		       nonsense, sizeof(nonsense), arg[3]);
}
