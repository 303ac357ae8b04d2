// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm.h>

#include "gntdev-test.h"
#include "states.h"
#include "stopwatch.h"

#define RW (PROT_READ | PROT_WRITE)
#define STATUS_OKAY 0

void state_begin(struct state *s, struct other *other)
{
	*s = (struct state){
		.other = other,
		.fd = gntdev_open(),
		.dmabuf = -1,
		.memory = -1,
		.drm = -1,
	};
}

bool state_enter(struct state *s, unsigned int number)
{
	return !states[number].enter || states[number].enter(s);
}

static bool name_grants(struct state *s)
{
	return !TIMED(gntdev_map(s->fd, s->other->domid, s->other->refs,
				 STATE_PAGES, &s->index));
}

static bool map_grants(struct state *s)
{
	void *mem;

	if (!name_grants(s))
		return false;
	mem = TIMED(mmap(NULL, bytes_of(STATE_PAGES), RW, MAP_SHARED, s->fd,
			 (off_t)s->index));
	if (mem == MAP_FAILED)
		return false;
	s->mem = mem;
	pattern_fill(s->mem, 0, STATE_PAGES, 1);
	return true;
}

static bool export_with(struct state *s, uint32_t flags)
{
	return !TIMED(gntdev_exp_from_refs(s->fd, flags, s->other->domid,
					   s->other->refs, STATE_PAGES,
					   &s->dmabuf)) &&
	       !TIMED(fill_dmabuf(s->dmabuf, STATE_PAGES, 1));
}

static bool export_grants(struct state *s)
{
	return export_with(s, 0);
}

static bool export_coherent(struct state *s)
{
	return export_with(s, GNTDEV_DMA_FLAG_COHERENT);
}

bool state_map_export(struct state *s)
{
	if (!export_grants(s))
		return false;
	s->mem = TIMED(map_dmabuf(s->dmabuf, STATE_PAGES, RW));
	return s->mem && !pattern_check(s->mem, 0, STATE_PAGES, 1, NULL);
}

/* A device has it attached and mapped as long as it has a handle of it. */
static bool attach_export(struct state *s)
{
	struct drm_prime_handle prime = { 0 };

	if (!export_grants(s))
		return false;
	s->drm = drm_open("vgem");
	prime.fd = s->dmabuf;
	return s->drm >= 0 &&
	       !TIMED(ioctl(s->drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime));
}

static void *wait_for_release(void *arg)
{
	struct state *s = arg;

	s->error = gntdev_exp_wait_released(s->fd, s->dmabuf, 2 * DEADLINE_MS);
	return NULL;
}

static bool start_thread(struct state *s, void *(*fn)(void *arg))
{
	s->threaded = !pthread_create(&s->thread, NULL, fn, s);
	return s->threaded;
}

static bool export_and_wait(struct state *s)
{
	return export_grants(s) && start_thread(s, wait_for_release);
}

static int copy_page(struct state *s, void *local)
{
	struct gntdev_grant_copy_segment segment = {
		.source.foreign = {
			.ref = s->other->refs[0],
			.domid = s->other->domid,
		},
		.dest.virt = local,
		.len = GRANT_PAGE_SIZE,
		.flags = GNTCOPY_source_gref,
	};
	int ret = gntdev_copy(s->fd, &segment, 1);

	return ret ? ret : segment.status;
}

/* Copies may fail once the guest is dead, but not otherwise. */
static void *copy_all_the_time(void *arg)
{
	char local[GRANT_PAGE_SIZE];
	struct state *s = arg;

	while (!s->stop) {
		int ret = copy_page(s, local);

		if (ret && ret != -EAGAIN && ret > 0)
			s->error = ret;
	}
	return NULL;
}

static bool copy_grants(struct state *s)
{
	char local[GRANT_PAGE_SIZE];

	return copy_page(s, local) == STATUS_OKAY &&
	       start_thread(s, copy_all_the_time);
}

static bool import_for_guest(struct state *s)
{
	uint32_t refs[STATE_PAGES];

	s->memory = heap_alloc(STATE_PAGES, O_RDWR);
	return s->memory >= 0 && !fill_dmabuf(s->memory, STATE_PAGES, 1) &&
	       !TIMED(gntdev_imp_to_refs(s->fd, s->memory, s->other->domid,
					 STATE_PAGES, refs)) &&
	       !s->other->map(s->other, refs, STATE_PAGES);
}

bool state_release_while_mapped(struct state *s)
{
	return import_for_guest(s) &&
	       !TIMED(gntdev_imp_release(s->fd, s->memory));
}

static bool revoke_exported(struct state *s)
{
	return state_map_export(s) && !s->other->revoke(s->other);
}

static bool everything_at_once(struct state *s)
{
	return map_grants(s) && attach_export(s) && import_for_guest(s) &&
	       start_thread(s, wait_for_release);
}

const struct state_kind states[STATES] = {
	{ "everything at once", everything_at_once },
	{ "import released while mapped", state_release_while_mapped },
	{ "copying", copy_grants },
	{ "exported and revoked", revoke_exported },
	{ "waiting for release", export_and_wait },
	{ "export attached", attach_export },
	{ "grants mapped", map_grants },
	{ "exported coherent", export_coherent },
	{ "import mapped by the guest", import_for_guest },
	{ "export mapped", state_map_export },
	{ "exported", export_grants },
	{ "grants named", name_grants },
	{ "nothing", NULL },
};

bool state_is_whole(struct state *s)
{
	return (!s->mem || !pattern_check(s->mem, 0, STATE_PAGES, 1, NULL)) &&
	       (s->dmabuf < 0 ||
		!TIMED(check_dmabuf(s->dmabuf, STATE_PAGES, 1)));
}

void state_leave(struct state *s)
{
	if (s->mem)
		TIMED(munmap(s->mem, bytes_of(STATE_PAGES)));
	if (s->drm >= 0)
		TIMED(close(s->drm));
	if (s->dmabuf >= 0)
		TIMED(close(s->dmabuf));
	s->stop = true;
	if (s->threaded)
		pthread_join(s->thread, NULL);
	TIMED(close(s->fd));
	if (s->memory >= 0)
		TIMED(close(s->memory));
}
