// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xenstore.h>

#include "peer.h"

#define DEFAULT_TIMEOUT_MS 60000

struct peer {
	uint16_t domid;
	uint32_t pid;
	int timeout_ms;
	int gntdev;
	struct gntdev_mapping map;
	uint32_t refs[PEER_AREA_PAGES];
	struct peer_area *area;
	xenevtchn_handle *evtchn;
	evtchn_port_t port;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Return: 0 when @fd is readable, -ETIMEDOUT at the deadline. */
static int wait_readable(int fd, int64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = deadline - now_ms();
		int ret = poll(&pfd, 1, left > 0 ? (int)left : 0);

		if (ret > 0)
			return 0;
		if (ret < 0 && errno != EINTR)
			return -errno;
		if (left <= 0)
			return -ETIMEDOUT;
	}
}

static char *read_key(struct xs_handle *xs, uint16_t domid, const char *key)
{
	char path[128];
	unsigned int len;

	snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, key);
	return xs_read(xs, XBT_NULL, path, &len);
}

static uint32_t read_value(struct xs_handle *xs, uint16_t domid,
			   const char *key)
{
	char *text = read_key(xs, domid, key);
	uint32_t value = text ? (uint32_t)strtoul(text, NULL, 10) : 0;

	free(text);
	return value;
}

static bool agent_ready(struct xs_handle *xs, uint16_t domid)
{
	return read_value(xs, domid, PEER_STORE_READY) == PEER_VERSION;
}

/* Return: the first guest that is ready (or @domid if it is), else 0. */
static uint16_t find_ready(struct xs_handle *xs, uint16_t domid)
{
	unsigned int num = 0;
	uint16_t found = 0;
	char **names;

	if (domid)
		return agent_ready(xs, domid) ? domid : 0;
	names = xs_directory(xs, XBT_NULL, "/local/domain", &num);
	for (unsigned int i = 0; names && i < num && !found; i++) {
		uint16_t id = (uint16_t)strtoul(names[i], NULL, 10);

		if (id && agent_ready(xs, id))
			found = id;
	}
	free(names);
	return found;
}

/* Agents that were killed could not say that they are not ready any more. */
static int await_ready(struct xs_handle *xs, uint16_t domid, uint32_t dead,
		       int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;

	if (!xs_watch(xs, "/local/domain", "peer"))
		return -errno;
	for (;;) {
		uint16_t found = find_ready(xs, domid);
		int ret;

		if (dead && read_value(xs, domid, PEER_STORE_PID) == dead)
			found = 0;
		if (found)
			return found;
		ret = wait_readable(xs_fileno(xs), deadline);
		if (ret)
			return ret;
		for (char **event; (event = xs_check_watch(xs));)
			free(event);
	}
}

static int parse_refs(const char *text, uint32_t *refs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		char *end;

		errno = 0;
		refs[i] = (uint32_t)strtoul(text, &end, 10);
		if (end == text || errno)
			return -EPROTO;
		text = end;
	}
	return 0;
}

static int map_area(struct peer *peer, struct xs_handle *xs)
{
	char *text = read_key(xs, peer->domid, PEER_STORE_REFS);
	int ret;

	ret = text ? parse_refs(text, peer->refs, PEER_AREA_PAGES) : -EPROTO;
	free(text);
	if (ret)
		return ret;
	peer->gntdev = gntdev_open();
	if (peer->gntdev < 0)
		return peer->gntdev;
	ret = gntdev_mapping_open(&peer->map, peer->gntdev, peer->domid,
				  peer->refs, PEER_AREA_PAGES, PROT_READ | PROT_WRITE);
	peer->area = peer->map.addr;
	return ret;
}

static int bind_event(struct peer *peer, struct xs_handle *xs)
{
	uint32_t remote = read_value(xs, peer->domid, PEER_STORE_PORT);
	xenevtchn_port_or_error_t port;

	if (!remote)
		return -EPROTO;
	peer->evtchn = xenevtchn_open(NULL, 0);
	if (!peer->evtchn)
		return -errno;
	port = xenevtchn_bind_interdomain(peer->evtchn, peer->domid, remote);
	if (port < 0)
		return errno == EINVAL ? -EBUSY : -errno;
	peer->port = (evtchn_port_t)port;
	return 0;
}

static bool answered(const struct peer *peer)
{
	return __atomic_load_n(&peer->area->answered, __ATOMIC_ACQUIRE) ==
	       __atomic_load_n(&peer->area->asked, __ATOMIC_RELAXED);
}

static int await_answer(struct peer *peer)
{
	int64_t deadline = now_ms() + peer->timeout_ms;

	while (!answered(peer)) {
		int ret = wait_readable(xenevtchn_fd(peer->evtchn), deadline);
		xenevtchn_port_or_error_t port;

		if (ret)
			return ret;
		port = xenevtchn_pending(peer->evtchn);
		if (port < 0)
			return -errno;
		xenevtchn_unmask(peer->evtchn, (evtchn_port_t)port);
	}
	return 0;
}

static int connect_peer(struct peer *peer, struct xs_handle *xs,
			uint16_t domid)
{
	int found = await_ready(xs, domid, 0, peer->timeout_ms);
	int ret;

	if (found < 0)
		return found;
	peer->domid = (uint16_t)found;
	peer->pid = read_value(xs, peer->domid, PEER_STORE_PID);
	ret = bind_event(peer, xs);
	if (!ret)
		ret = map_area(peer, xs);
	/* A caller that died may have left a command running. */
	return ret ? ret : await_answer(peer);
}

int peer_open(struct peer **result, uint16_t domid, int timeout_ms)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	struct xs_handle *xs = xs_open(0);
	int ret;

	if (!peer || !xs) {
		ret = xs ? -ENOMEM : -errno;
		free(peer);
		xs_close(xs);
		return ret;
	}
	peer->gntdev = -1;
	peer->timeout_ms = timeout_ms;
	ret = connect_peer(peer, xs, domid);
	xs_close(xs);
	if (ret) {
		peer_close(peer);
		return ret;
	}
	peer->timeout_ms = DEFAULT_TIMEOUT_MS;
	*result = peer;
	return 0;
}

void peer_close(struct peer *peer)
{
	if (!peer)
		return;
	gntdev_mapping_close(&peer->map);
	if (peer->gntdev >= 0)
		close(peer->gntdev);
	if (peer->evtchn)
		xenevtchn_close(peer->evtchn);
	free(peer);
}

uint16_t peer_domid(const struct peer *peer)
{
	return peer->domid;
}

bool peer_uses(const struct peer *peer, uint32_t ref)
{
	for (uint32_t i = 0; i < PEER_AREA_PAGES; i++)
		if (peer->refs[i] == ref)
			return true;
	return false;
}

void peer_set_timeout(struct peer *peer, int timeout_ms)
{
	peer->timeout_ms = timeout_ms;
}

static int post(struct peer *peer, const struct peer_request *request,
		const uint32_t *refs)
{
	struct peer_area *area = peer->area;

	if (request->count > PEER_MAX_REFS && refs)
		return -E2BIG;
	if (!answered(peer))
		return -EBUSY;
	area->request = *request;
	if (refs)
		memcpy(area->refs, refs, request->count * sizeof(*refs));
	__atomic_store_n(&area->asked, area->asked + 1, __ATOMIC_RELEASE);
	return xenevtchn_notify(peer->evtchn, peer->port) ? -errno : 0;
}

int peer_call(struct peer *peer, const struct peer_request *request,
	      const uint32_t *refs_in, uint32_t *refs_out,
	      struct peer_reply *reply)
{
	int ret;

	if (refs_out && request->count > PEER_MAX_REFS)
		return -E2BIG;
	ret = post(peer, request, refs_in);
	if (!ret)
		ret = await_answer(peer);
	if (ret)
		return ret;
	*reply = peer->area->reply;
	if (!reply->status && refs_out)
		memcpy(refs_out, peer->area->refs,
		       request->count * sizeof(*refs_out));
	return reply->status > 0 ? -EPROTO : reply->status;
}

static int call_for_id(struct peer *peer, const struct peer_request *request,
		       const uint32_t *refs_in, uint32_t *refs_out)
{
	struct peer_reply reply;
	int ret = peer_call(peer, request, refs_in, refs_out, &reply);

	if (ret)
		return ret;
	return reply.id && reply.id <= INT32_MAX ? (int)reply.id : -EPROTO;
}

static int call_on_id(struct peer *peer, enum peer_command command, int id)
{
	struct peer_request request = {
		.command = command,
		.id = (uint32_t)id,
		.timeout_ms = (uint32_t)peer->timeout_ms / 2,
	};
	struct peer_reply reply;

	return peer_call(peer, &request, NULL, NULL, &reply);
}

int peer_ping(struct peer *peer)
{
	return call_on_id(peer, PEER_PING, 0);
}

int peer_grant(struct peer *peer, uint16_t domid, uint32_t flags,
	       uint64_t seed, uint32_t *refs, uint32_t count)
{
	struct peer_request request = {
		.command = PEER_GRANT,
		.domid = domid,
		.flags = flags,
		.count = count,
		.seed = seed,
	};

	return call_for_id(peer, &request, NULL, refs);
}

int peer_import(struct peer *peer, uint16_t domid, uint64_t seed,
		uint32_t *refs, uint32_t count)
{
	struct peer_request request = {
		.command = PEER_IMPORT,
		.domid = domid,
		.count = count,
		.seed = seed,
	};

	return call_for_id(peer, &request, NULL, refs);
}

static int call_with_refs(struct peer *peer, enum peer_command command,
			  uint16_t domid, uint32_t flags, const uint32_t *refs,
			  uint32_t count)
{
	struct peer_request request = {
		.command = command,
		.domid = domid,
		.flags = flags,
		.count = count,
	};

	return call_for_id(peer, &request, refs, NULL);
}

int peer_map(struct peer *peer, uint16_t domid, uint32_t flags,
	     const uint32_t *refs, uint32_t count)
{
	return call_with_refs(peer, PEER_MAP, domid, flags, refs, count);
}

int peer_export(struct peer *peer, uint16_t domid, uint32_t flags,
		const uint32_t *refs, uint32_t count)
{
	return call_with_refs(peer, PEER_EXPORT, domid, flags, refs, count);
}

int peer_fill(struct peer *peer, int id, uint64_t seed, uint32_t first,
	      uint32_t count)
{
	struct peer_request request = {
		.command = PEER_FILL,
		.id = (uint32_t)id,
		.first = first,
		.count = count,
		.seed = seed,
	};
	struct peer_reply reply;

	return peer_call(peer, &request, NULL, NULL, &reply);
}

int peer_verify(struct peer *peer, int id, uint64_t seed, uint32_t first,
		uint32_t count, struct pattern_result *result)
{
	struct peer_request request = {
		.command = PEER_VERIFY,
		.id = (uint32_t)id,
		.first = first,
		.count = count,
		.seed = seed,
	};
	struct peer_reply reply;
	int ret = peer_call(peer, &request, NULL, NULL, &reply);

	if (ret)
		return ret;
	if (result) {
		result->bad_pages = reply.bad_pages;
		result->first_bad = reply.first_bad;
	}
	return (int)reply.bad_pages;
}

static int call_vmap(struct peer *peer, enum peer_command command, int id,
		     uint32_t flags, uint64_t seed)
{
	struct peer_request request = {
		.command = command,
		.id = (uint32_t)id,
		.flags = flags,
		.seed = seed,
	};
	struct peer_reply reply;
	int ret = peer_call(peer, &request, NULL, NULL, &reply);

	return ret ? ret : (int)reply.bad_pages;
}

int peer_vmap_fill(struct peer *peer, int id, uint32_t flags, uint64_t seed)
{
	return call_vmap(peer, PEER_VMAP_FILL, id, flags, seed);
}

int peer_vmap_verify(struct peer *peer, int id, uint32_t flags, uint64_t seed)
{
	return call_vmap(peer, PEER_VMAP_VERIFY, id, flags, seed);
}

int peer_draw(struct peer *peer, int id, const struct frame_geometry *geo,
	      uint32_t number, uint64_t seed, struct peer_reply *reply)
{
	struct peer_request request = {
		.command = PEER_DRAW,
		.id = (uint32_t)id,
		.frame = number,
		.width = geo->width,
		.height = geo->height,
		.pitch = geo->pitch,
		.seed = seed,
	};

	return peer_call(peer, &request, NULL, NULL, reply);
}

int peer_revoke(struct peer *peer, int id)
{
	return call_on_id(peer, PEER_REVOKE, id);
}

int peer_release(struct peer *peer, int id)
{
	return call_on_id(peer, PEER_RELEASE, id);
}

int peer_exit(struct peer *peer)
{
	return call_on_id(peer, PEER_EXIT, 0);
}

int peer_crash(struct peer *peer)
{
	struct peer_request request = { .command = PEER_CRASH };

	return post(peer, &request, NULL);
}

int peer_kill(struct peer *peer, uint32_t ms)
{
	struct peer_request request = {
		.command = PEER_KILL,
		.timeout_ms = ms,
	};
	struct peer_reply reply;

	if (!ms)
		return post(peer, &request, NULL);
	return peer_call(peer, &request, NULL, NULL, &reply);
}

int peer_await_successor(struct peer *peer, int timeout_ms)
{
	struct xs_handle *xs = xs_open(0);
	int ret;

	if (!xs)
		return -errno;
	ret = await_ready(xs, peer->domid, peer->pid, timeout_ms);
	xs_close(xs);
	return ret < 0 ? ret : 0;
}
