// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <unistd.h>

#include "flow.h"
#include "gntdev-test.h"
#include "stopwatch.h"

#define PAGES 64u

/* What fails first tells; the rest follows from it. */
static bool failed(struct flow *flow, const char *what, int error)
{
	if (error && !flow->what) {
		flow->what = what;
		flow->error = error;
	}
	return error;
}

static void frame_from_guest(struct flow *flow, int fd, const uint32_t *refs,
			     int id, uint64_t seed)
{
	int dmabuf;

	if (failed(flow, "fill", peer_fill(flow->peer, id, seed, 0, 0)) ||
	    failed(flow, "export",
		   TIMED(gntdev_exp_from_refs(fd, 0, peer_domid(flow->peer),
					      refs, PAGES, &dmabuf))))
		return;
	failed(flow, "content", TIMED(check_dmabuf(dmabuf, PAGES, seed)));
	TIMED(close(dmabuf));
	failed(flow, "release", !TIMED(released(fd, dmabuf)));
}

static void guest_looks_at(struct flow *flow, const uint32_t *refs,
			   uint64_t seed)
{
	int id = peer_map(flow->peer, SELF, 0, refs, PAGES);

	if (failed(flow, "map", id < 0 ? id : 0))
		return;
	failed(flow, "verify", peer_verify(flow->peer, id, seed, 0, 0, NULL));
	failed(flow, "unmap", peer_release(flow->peer, id));
}

static void frame_for_guest(struct flow *flow, int fd, uint64_t seed)
{
	int memory = heap_alloc(PAGES, O_RDWR);
	uint32_t refs[PAGES];

	if (failed(flow, "heap", memory < 0 ? memory : 0))
		return;
	if (!failed(flow, "draw", fill_dmabuf(memory, PAGES, seed)) &&
	    !failed(flow, "import",
		    TIMED(gntdev_imp_to_refs(fd, memory, peer_domid(flow->peer),
					     PAGES, refs)))) {
		guest_looks_at(flow, refs, seed);
		failed(flow, "end", TIMED(gntdev_imp_release(fd, memory)));
	}
	TIMED(close(memory));
}

void *flow_run(void *arg)
{
	struct flow *flow = arg;
	uint32_t refs[PAGES];
	int id, fd = gntdev_open();

	id = peer_grant(flow->peer, SELF, 0, 1, refs, PAGES);
	failed(flow, "grant", id < 0 ? id : 0);
	while (!flow->stop && !flow->what) {
		frame_from_guest(flow, fd, refs, id, flow->frames + 1);
		if (!flow->what)
			frame_for_guest(flow, fd, ~(uint64_t)flow->frames);
		flow->frames++;
	}
	if (!flow->what)
		failed(flow, "revoke", peer_release(flow->peer, id));
	TIMED(close(fd));
	return NULL;
}
