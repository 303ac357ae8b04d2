// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peer agent: runs in a guest, without arguments, and does with grants what
 * a program in the control domain tells it over the control area (see
 * peer-proto.h).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xenstore.h>

#include "frame.h"
#include "pattern.h"
#include "peer-objects.h"

#define CONTROL_DOMAIN 0

struct agent {
	struct gnt_pages pages;
	struct peer_area *area;
	struct xs_handle *xs;
	xenevtchn_handle *evtchn;
	evtchn_port_t port;
	int leaving;
	/* Kills this process at @end, once it is set. */
	timer_t killer;
	struct itimerspec end;
	int to_be_killed;
};

typedef int (*command_fn)(struct agent *agent, const struct peer_request *req,
			  struct peer_reply *reply);

static int run_ping(struct agent *agent, const struct peer_request *req,
		    struct peer_reply *reply)
{
	(void)agent;
	(void)req;
	(void)reply;
	return 0;
}

static int make_object(struct agent *agent, const struct peer_request *req,
		       struct peer_reply *reply,
		       const struct peer_object_kind *kind)
{
	int id = peer_object_new(kind, req, agent->area->refs);

	if (id < 0)
		return id;
	reply->id = (uint32_t)id;
	return 0;
}

static int run_grant(struct agent *agent, const struct peer_request *req,
		     struct peer_reply *reply)
{
	return make_object(agent, req, reply, &peer_granted_kind);
}

static int run_import(struct agent *agent, const struct peer_request *req,
		      struct peer_reply *reply)
{
	return make_object(agent, req, reply, &peer_imported_kind);
}

static int run_map(struct agent *agent, const struct peer_request *req,
		   struct peer_reply *reply)
{
	return make_object(agent, req, reply, &peer_mapped_kind);
}

static int run_export(struct agent *agent, const struct peer_request *req,
		      struct peer_reply *reply)
{
	return make_object(agent, req, reply, &peer_exported_kind);
}

/* The pages of an object, ready for the CPU, and the range asked for. */
struct access {
	struct peer_object *obj;
	char *addr;
	uint32_t count;
};

static int begin_access(struct access *access, const struct peer_request *req,
			int write)
{
	struct peer_object *obj = peer_object_find(req->id);

	if (!obj)
		return -ENOENT;
	if (write && !obj->writable)
		return -EACCES;
	if (req->first > obj->count || req->count > obj->count - req->first)
		return -EINVAL;
	access->obj = obj;
	access->addr = (char *)obj->addr + (size_t)req->first * GRANT_PAGE_SIZE;
	access->count = req->count ? req->count : obj->count - req->first;
	return obj->kind->begin ? obj->kind->begin(obj) : 0;
}

static int end_access(struct access *access)
{
	const struct peer_object_kind *kind = access->obj->kind;

	return kind->end ? kind->end(access->obj) : 0;
}

static int run_fill(struct agent *agent, const struct peer_request *req,
		    struct peer_reply *reply)
{
	struct access access;
	int ret = begin_access(&access, req, 1);

	(void)agent;
	(void)reply;
	if (ret)
		return ret;
	pattern_fill(access.addr, req->first, access.count, req->seed);
	return end_access(&access);
}

static int run_verify(struct agent *agent, const struct peer_request *req,
		      struct peer_reply *reply)
{
	struct pattern_result result;
	struct access access;
	int ret = begin_access(&access, req, 0);

	(void)agent;
	if (ret)
		return ret;
	pattern_check(access.addr, req->first, access.count, req->seed,
		      &result);
	reply->bad_pages = result.bad_pages;
	reply->first_bad = result.first_bad;
	return end_access(&access);
}

static uint64_t now_nsec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int run_draw(struct agent *agent, const struct peer_request *req,
		    struct peer_reply *reply)
{
	struct frame_geometry geo = {
		.width = req->width,
		.height = req->height,
		.pitch = req->pitch,
	};
	size_t bytes = frame_bytes(&geo);
	struct access access;
	uint64_t start;
	int ret;

	(void)agent;
	ret = begin_access(&access, req, 1);
	if (ret)
		return ret;
	if (bytes && bytes <= (size_t)access.count * GRANT_PAGE_SIZE) {
		start = now_nsec();
		frame_draw(access.addr, &geo, req->frame, req->seed);
		reply->nsec = now_nsec() - start;
		reply->digest = frame_digest(access.addr, &geo);
	} else {
		ret = -EINVAL;
	}
	return end_access(&access) ?: ret;
}

static int run_revoke(struct agent *agent, const struct peer_request *req,
		      struct peer_reply *reply)
{
	struct peer_object *obj = peer_object_find(req->id);

	(void)agent;
	(void)reply;
	if (!obj)
		return -ENOENT;
	if (obj->kind != &peer_granted_kind)
		return -EINVAL;
	return gnt_pages_revoke(&obj->granted);
}

static int run_release(struct agent *agent, const struct peer_request *req,
		       struct peer_reply *reply)
{
	struct peer_object *obj = peer_object_find(req->id);

	(void)agent;
	(void)reply;
	return obj ? peer_object_free(obj, req) : -ENOENT;
}

static int run_exit(struct agent *agent, const struct peer_request *req,
		    struct peer_reply *reply)
{
	(void)req;
	(void)reply;
	agent->leaving = 1;
	return xs_rm(agent->xs, XBT_NULL, PEER_STORE_READY) ? 0 : -errno;
}

static int run_crash(struct agent *agent, const struct peer_request *req,
		     struct peer_reply *reply)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	int ret = 0;

	(void)agent;
	(void)req;
	(void)reply;
	if (fd < 0 || write(fd, "c", 1) != 1)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

/*
 * What a timer does comes whatever this process does. It starts behind the
 * answer, which has to come before the end.
 */
static int run_kill(struct agent *agent, const struct peer_request *req,
		    struct peer_reply *reply)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGKILL,
	};

	(void)reply;
	if (!req->timeout_ms)
		return raise(SIGKILL) ? -errno : 0;
	if (timer_create(CLOCK_MONOTONIC, &event, &agent->killer))
		return -errno;
	agent->end.it_value.tv_sec = req->timeout_ms / 1000;
	agent->end.it_value.tv_nsec = req->timeout_ms % 1000 * 1000000l;
	agent->to_be_killed = 1;
	return 0;
}

/* The whole object, by way of the kernel's mapping of it. */
static int vmap_object(const struct peer_request *req,
		       struct peer_reply *reply, int write)
{
	struct peer_object *obj = peer_object_find(req->id);
	struct pattern_result result;
	void *data;
	int ret;

	if (!obj)
		return -ENOENT;
	data = aligned_alloc(GRANT_PAGE_SIZE,
			     (size_t)obj->count * GRANT_PAGE_SIZE);
	if (!data)
		return -ENOMEM;
	if (write)
		pattern_fill(data, 0, obj->count, req->seed);
	ret = peer_object_vmap(obj, data, write,
			       !!(req->flags & PEER_DEVICE));
	if (!ret && !write) {
		pattern_check(data, 0, obj->count, req->seed, &result);
		reply->bad_pages = result.bad_pages;
		reply->first_bad = result.first_bad;
	}
	free(data);
	return ret;
}

static int run_vmap_fill(struct agent *agent, const struct peer_request *req,
			 struct peer_reply *reply)
{
	(void)agent;
	return vmap_object(req, reply, 1);
}

static int run_vmap_verify(struct agent *agent, const struct peer_request *req,
			   struct peer_reply *reply)
{
	(void)agent;
	return vmap_object(req, reply, 0);
}

static const command_fn commands[PEER_COMMANDS] = {
	[PEER_PING] = run_ping,
	[PEER_GRANT] = run_grant,
	[PEER_IMPORT] = run_import,
	[PEER_MAP] = run_map,
	[PEER_EXPORT] = run_export,
	[PEER_FILL] = run_fill,
	[PEER_VERIFY] = run_verify,
	[PEER_DRAW] = run_draw,
	[PEER_REVOKE] = run_revoke,
	[PEER_RELEASE] = run_release,
	[PEER_EXIT] = run_exit,
	[PEER_CRASH] = run_crash,
	[PEER_VMAP_FILL] = run_vmap_fill,
	[PEER_VMAP_VERIFY] = run_vmap_verify,
	[PEER_KILL] = run_kill,
};

static void answer(struct agent *agent, uint32_t asked)
{
	struct peer_area *area = agent->area;
	struct peer_request req = area->request;
	struct peer_reply reply = { 0 };

	if (req.command < PEER_COMMANDS)
		reply.status = commands[req.command](agent, &req, &reply);
	else
		reply.status = -ENOTTY;
	area->reply = reply;
	__atomic_store_n(&area->answered, asked, __ATOMIC_RELEASE);
	xenevtchn_notify(agent->evtchn, agent->port);
	if (agent->to_be_killed) {
		agent->to_be_killed = 0;
		timer_settime(agent->killer, 0, &agent->end, NULL);
	}
}

static int serve(struct agent *agent)
{
	while (!agent->leaving) {
		xenevtchn_port_or_error_t port;
		uint32_t asked;

		port = xenevtchn_pending(agent->evtchn);
		if (port < 0)
			return -errno;
		xenevtchn_unmask(agent->evtchn, (evtchn_port_t)port);
		asked = __atomic_load_n(&agent->area->asked, __ATOMIC_ACQUIRE);
		if (asked != agent->area->answered)
			answer(agent, asked);
	}
	return 0;
}

static int store_number(struct agent *agent, const char *key, uint32_t value)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", value);

	return xs_write(agent->xs, XBT_NULL, key, text, (unsigned int)len) ?
	       0 : -errno;
}

static int store_refs(struct agent *agent)
{
	char text[PEER_AREA_PAGES * 12];
	int len = 0;

	for (uint32_t i = 0; i < PEER_AREA_PAGES; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%u ",
				agent->pages.refs[i]);
	return xs_write(agent->xs, XBT_NULL, PEER_STORE_REFS, text,
			(unsigned int)len) ? 0 : -errno;
}

static int publish(struct agent *agent)
{
	int ret;

	/* A predecessor that was killed has left its word. */
	xs_rm(agent->xs, XBT_NULL, PEER_STORE_READY);
	ret = store_refs(agent);
	if (!ret)
		ret = store_number(agent, PEER_STORE_PID, (uint32_t)getpid());
	if (!ret)
		ret = store_number(agent, PEER_STORE_PORT, agent->port);
	if (!ret)
		ret = store_number(agent, PEER_STORE_READY, PEER_VERSION);
	return ret;
}

static int set_up(struct agent *agent)
{
	xenevtchn_port_or_error_t port;
	int ret;

	ret = gnt_pages_alloc(&agent->pages, CONTROL_DOMAIN, PEER_AREA_PAGES,
			      true);
	if (ret)
		return ret;
	agent->area = agent->pages.addr;
	agent->xs = xs_open(0);
	agent->evtchn = xenevtchn_open(NULL, 0);
	if (!agent->xs || !agent->evtchn)
		return -errno;
	port = xenevtchn_bind_unbound_port(agent->evtchn, CONTROL_DOMAIN);
	if (port < 0)
		return -errno;
	agent->port = (evtchn_port_t)port;
	return publish(agent);
}

int main(void)
{
	struct agent agent = { .pages.fd = -1 };
	int ret = set_up(&agent);

	if (!ret) {
		printf("xen-peer: ready\n");
		fflush(stdout);
		ret = serve(&agent);
	}
	if (ret)
		fprintf(stderr, "xen-peer: %s\n", strerror(-ret));
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
