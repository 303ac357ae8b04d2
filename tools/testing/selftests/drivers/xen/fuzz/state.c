// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "gntdev-test.h"
#include "state.h"

static struct object *nth_used(struct object *objects, uint32_t n)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < SLOTS; i++)
		used += objects[i].used;
	if (!used)
		return NULL;
	/* The newest comes first. */
	n = used - 1 - n % used;
	for (uint32_t i = 0; i < SLOTS; i++) {
		if (objects[i].used && !n--)
			return &objects[i];
	}
	return NULL;
}

static bool object_get(struct thread *thread, enum object_kind kind,
		       uint16_t pick, struct object *copy, bool take)
{
	struct state *state = thread->state;
	struct object *object;

	memset(copy, 0, sizeof(*copy));
	copy->fd = -1;
	copy->own.fd = -1;
	if (pick >= WRONG)
		return false;
	pthread_mutex_lock(&state->lock);
	object = nth_used(state->objects[kind], pick);
	if (object) {
		*copy = *object;
		if (take)
			object->used = false;
	}
	pthread_mutex_unlock(&state->lock);
	return object;
}

bool object_pick(struct thread *thread, enum object_kind kind, uint16_t pick,
		 struct object *copy)
{
	return object_get(thread, kind, pick, copy, false);
}

bool object_take(struct thread *thread, enum object_kind kind, uint16_t pick,
		 struct object *taken)
{
	return object_get(thread, kind, pick, taken, true);
}

/* When there is no room the oldest is forgotten; it ends with the process. */
void object_add(struct thread *thread, enum object_kind kind,
		const struct object *object)
{
	struct state *state = thread->state;
	struct object *objects = state->objects[kind];
	uint32_t to = 0;

	pthread_mutex_lock(&state->lock);
	while (to < SLOTS && objects[to].used)
		to++;
	if (to == SLOTS) {
		memmove(&objects[0], &objects[1],
			(SLOTS - 1) * sizeof(*objects));
		to = SLOTS - 1;
	}
	objects[to] = *object;
	objects[to].used = true;
	pthread_mutex_unlock(&state->lock);
}

char *arena_piece(struct thread *thread)
{
	struct state *state = thread->state;
	uint32_t piece;

	pthread_mutex_lock(&state->lock);
	piece = state->next_piece++ % ARENA_SLOTS;
	pthread_mutex_unlock(&state->lock);
	return state->arena + (size_t)piece * ARENA_BYTES;
}

uint32_t count_of(uint16_t pick)
{
	static const uint32_t counts[] = {
		1, 2, 3, 4, 1, 2, 5, 8, 16, 1, 2, 4, 101, 250,
	};

	if (pick < ARRAY_SIZE_OF(counts))
		return counts[pick];
	return pick % 2 ? 0 : UINT32_MAX;
}

static void refs_of_pool(const struct pool *pool, uint16_t shift,
			 struct object *refs)
{
	refs->domid = pool->domid;
	refs->pure = pool->readonly;
	refs->first = shift;
	for (uint32_t i = 0; i < MAX_REFS; i++)
		refs->refs[i] = pool->count ?
			pool->refs[(shift + i) % pool->count] :
			REF_BEYOND_TABLE;
}

static void refs_of_object(struct thread *thread, uint16_t pick,
			   struct object *refs)
{
	struct object made;

	if (!object_pick(thread, OBJECT_REFS, pick, &made) || !made.count)
		return;
	refs->domid = made.domid;
	refs->pure = false;
	for (uint32_t i = 0; i < MAX_REFS; i++)
		refs->refs[i] = made.refs[i % made.count];
}

void refs_pick(struct thread *thread, uint16_t pick, uint16_t count,
	       struct object *refs)
{
	static const enum pool_name from[] = {
		POOL_OWN, POOL_GUEST, POOL_OWN_RO, POOL_GUEST_RO,
		POOL_OWN, POOL_GUEST,
	};
	const struct pool *pools = thread->state->pools;
	uint16_t kind = pick % 10, shift = pick / 10;

	memset(refs, 0, sizeof(*refs));
	refs->count = count_of(count);
	refs_of_pool(&pools[kind < 6 ? from[kind] : POOL_OWN], shift, refs);
	if (kind >= 6 && kind < 9)
		refs_of_object(thread, shift, refs);
	if (kind < 9)
		return;
	refs->pure = false;
	refs->refs[shift % 4] = REF_BEYOND_TABLE - shift;
	if (shift % 2)
		refs->domid = FIRST_RESERVED_DOMID + shift;
}

void refs_remember(struct thread *thread, const uint32_t *refs, uint32_t count)
{
	struct report *report = thread->state->report;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = atomic_fetch_add(&report->imports, 1);

		report->imported[at % REMEMBERED] = refs[i];
	}
}

void finding(struct thread *thread, const char *format, ...)
{
	struct report *report = thread->state->report;
	char text[sizeof(report->found)];
	va_list args;
	int none = 0;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!atomic_compare_exchange_strong(&report->finding, &none, 1))
		return;
	memcpy(report->found, text, sizeof(text));
	atomic_store(&report->finding, 2);
}

/*
 * The number of a file that was closed may be that of something else by now, with
 * errnos of its own: DRM devices take the command for one of theirs. ENOTTY says
 * so; those of the driver stay what they are.
 */
static int xioctl(int fd, unsigned long cmd, void *arg)
{
	int ret;

	if (ioctl(fd, cmd, arg) >= 0)
		return 0;
	ret = -errno;
	return ret == -EBADF || is_gntdev(fd) ? ret : -ENOTTY;
}

int command(struct thread *thread, int fd, unsigned long cmd, void *op,
	    size_t size, uint16_t how)
{
	size_t room = MEMORY_PAGES * PAGE;
	char *end = thread->memory + room;
	int ret;

	switch (how) {
	case MEM_NULL:
		return xioctl(fd, cmd, NULL);
	case MEM_NONE:
		return xioctl(fd, cmd, end);
	case MEM_EDGE:
		memcpy(end - size / 2, op, size / 2);
		return xioctl(fd, cmd, end - size / 2);
	case MEM_READONLY:
		memcpy(thread->memory, op, size);
		mprotect(thread->memory, room, PROT_READ);
		ret = xioctl(fd, cmd, thread->memory);
		mprotect(thread->memory, room, PROT_READ | PROT_WRITE);
		return ret;
	}
	memcpy(thread->memory, op, size);
	ret = xioctl(fd, cmd, thread->memory);
	memcpy(op, thread->memory, size);
	return ret;
}
