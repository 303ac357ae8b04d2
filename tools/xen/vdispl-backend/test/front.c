// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front.h"

void front_give_up(struct front *front, const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("vdispl-front: %s\n", text);
	xs_write(front->xs, XBT_NULL, "data/front", text, strlen(text));
	exit(EXIT_FAILURE);
}

void front_put(struct front *front, const char *node, uint32_t value)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), FRONT_PATH "/%s", node);
	snprintf(text, sizeof(text), "%" PRIu32, value);
	if (!xs_write(front->xs, XBT_NULL, path, text, strlen(text)))
		front_give_up(front, "cannot write %s", path);
}

static int backend_state(struct front *front)
{
	char path[128];
	unsigned int len;
	char *text;
	int state;

	snprintf(path, sizeof(path), "%s/state", front->backend);
	text = xs_read(front->xs, XBT_NULL, path, &len);
	state = text ? atoi(text) : 0;
	free(text);
	return state;
}

void front_await_state(struct front *front, int wanted, const char *why)
{
	struct pollfd pfd = { .fd = xs_fileno(front->xs), .events = POLLIN };

	while (backend_state(front) != wanted) {
		char **event;

		if (poll(&pfd, 1, ANSWER_MS) < 1)
			front_give_up(front, "%s: state %d, not %d", why,
				      backend_state(front), wanted);
		event = xs_check_watch(front->xs);
		free(event);
	}
	front->checks++;
}

void *front_share(struct front *front, uint32_t count, uint32_t *refs)
{
	void *pages = xengntshr_share_pages(front->share, 0, (int)count, refs,
					    1);

	if (!pages)
		front_give_up(front, "cannot share %" PRIu32 " pages: %s",
			      count, strerror(errno));
	memset(pages, 0, (size_t)count * XENDISPL_EVENT_PAGE_SIZE);
	return pages;
}

static int new_port(struct front *front)
{
	int port = xenevtchn_bind_unbound_port(front->evtchn, 0);

	if (port < 0)
		front_give_up(front, "no event channel: %s", strerror(errno));
	return port;
}

void front_open(struct front *front)
{
	unsigned int len;
	char path[128];

	*front = (struct front){
		.xs = xs_open(0),
		.share = xengntshr_open(NULL, 0),
		.evtchn = xenevtchn_open(NULL, 0),
	};
	if (!front->xs || !front->share || !front->evtchn)
		exit(EXIT_FAILURE);
	front->backend = xs_read(front->xs, XBT_NULL, FRONT_PATH "/backend",
				 &len);
	if (!front->backend)
		front_give_up(front, "no display device");
	snprintf(path, sizeof(path), "%s/state", front->backend);
	if (!xs_watch(front->xs, path, ""))
		front_give_up(front, "cannot watch the backend");
	front->req_page = front_share(front, 1, &front->req_ref);
	front->evt_page = front_share(front, 1, &front->evt_ref);
	front->req_port = new_port(front);
	front->evt_port = new_port(front);
}

void front_publish(struct front *front, uint32_t req_ref, uint32_t req_port)
{
	front_put(front, "0/" XENDISPL_FIELD_REQ_RING_REF, req_ref);
	front_put(front, "0/" XENDISPL_FIELD_REQ_CHANNEL, req_port);
	front_put(front, "0/" XENDISPL_FIELD_EVT_RING_REF, front->evt_ref);
	front_put(front, "0/" XENDISPL_FIELD_EVT_CHANNEL,
		  (uint32_t)front->evt_port);
}

void front_come_back(struct front *front)
{
	struct xen_displif_sring *shared = front->req_page;

	front_put(front, "state", XenbusStateInitialising);
	front_await_state(front, XenbusStateInitWait, "coming back");
	memset(front->req_page, 0, XENDISPL_EVENT_PAGE_SIZE);
	memset(front->evt_page, 0, XENDISPL_EVENT_PAGE_SIZE);
	SHARED_RING_INIT(shared);
	FRONT_RING_INIT(&front->ring, shared, XENDISPL_EVENT_PAGE_SIZE);
	xenevtchn_unbind(front->evtchn, (evtchn_port_t)front->req_port);
	xenevtchn_unbind(front->evtchn, (evtchn_port_t)front->evt_port);
	front->req_port = new_port(front);
	front->evt_port = new_port(front);
}

void front_connect(struct front *front)
{
	front_come_back(front);
	front_publish(front, front->req_ref, (uint32_t)front->req_port);
	front_put(front, "state", XenbusStateInitialised);
	front_await_state(front, XenbusStateConnected, "connecting");
	front_put(front, "state", XenbusStateConnected);
}

/* Return: false if no port fires in time. */
static bool await_port(struct front *front)
{
	struct pollfd pfd = {
		.fd = xenevtchn_fd(front->evtchn),
		.events = POLLIN,
	};
	int port;

	if (poll(&pfd, 1, ANSWER_MS) < 1)
		return false;
	port = xenevtchn_pending(front->evtchn);
	if (port >= 0)
		xenevtchn_unmask(front->evtchn, (evtchn_port_t)port);
	return true;
}

int front_send(struct front *front, struct xendispl_req *req)
{
	struct xen_displif_front_ring *ring = &front->ring;
	struct xendispl_resp *resp;
	int more;

	req->id = ++front->id;
	memcpy(RING_GET_REQUEST(ring, ring->req_prod_pvt), req, sizeof(*req));
	ring->req_prod_pvt++;
	RING_PUSH_REQUESTS(ring);
	xenevtchn_notify(front->evtchn, (evtchn_port_t)front->req_port);
	for (;;) {
		RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
		if (more)
			break;
		if (!await_port(front))
			front_give_up(front, "no answer to operation %u",
				      req->operation);
	}
	resp = RING_GET_RESPONSE(ring, ring->rsp_cons++);
	if (resp->id != front->id)
		front_give_up(front, "request %u answered as %u", front->id,
			      resp->id);
	return resp->status;
}

void front_expect(struct front *front, const char *what,
		  struct xendispl_req *req, int wanted)
{
	int status = front_send(front, req);

	if (status != wanted)
		front_give_up(front, "%s: status %d, not %d", what, status,
			      wanted);
	front->checks++;
}

void front_await_flip(struct front *front, uint64_t fb_cookie)
{
	struct xendispl_event_page *page = front->evt_page;
	uint32_t cons = page->in_cons;
	struct xendispl_evt evt;

	while (__atomic_load_n(&page->in_prod, __ATOMIC_ACQUIRE) == cons)
		if (!await_port(front))
			front_give_up(front, "a flip does not end: event %"
				      PRIu32 " of %" PRIu32, cons,
				      page->in_prod);
	evt = XENDISPL_IN_RING_REF(page, cons);
	__atomic_store_n(&page->in_cons, cons + 1, __ATOMIC_RELEASE);
	if (evt.type != XENDISPL_EVT_PG_FLIP ||
	    evt.op.pg_flip.fb_cookie != fb_cookie)
		front_give_up(front, "event %u of framebuffer %" PRIx64
			      ", not of %" PRIx64, evt.type,
			      (uint64_t)evt.op.pg_flip.fb_cookie, fb_cookie);
}
