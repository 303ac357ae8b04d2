// SPDX-License-Identifier: GPL-2.0-only
/*
 * A frontend that misbehaves, in a guest that does not load its driver: asks for
 * what cannot be, writes garbage to its rings, comes back. Each answer of the
 * backend has to be the protocol's error. Writes to xenstore, relative to the
 * guest's own path, "data/rogue": "ok CHECKS" or what went wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <xen/io/xenbus.h>
#include <xenstore.h>

#include "ring.h"

#define FRONTEND	"device/vdispl/0"
#define ANSWER_MS	20000
#define PAGE_REFS	4
#define BAD_REF		0x00fffff0u
#define HUGE		0xffffffffu

struct rogue {
	struct xs_handle *xs;
	xengntshr_handle *share;
	xenevtchn_handle *evtchn;
	char *backend;
	struct xen_displif_front_ring ring;
	void *req_page;
	void *evt_page;
	uint32_t req_ref;
	uint32_t evt_ref;
	int req_port;
	int evt_port;
	struct xendispl_page_directory *directory;
	uint32_t directory_ref;
	void *pages;
	uint32_t refs[PAGE_REFS];
	uint16_t id;
	unsigned int checks;
};

static struct rogue rogue;

static _Noreturn void give_up(const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("vdispl-rogue: %s\n", text);
	xs_write(rogue.xs, XBT_NULL, "data/rogue", text, strlen(text));
	exit(EXIT_FAILURE);
}

static void put_node(const char *node, uint32_t value)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), FRONTEND "/%s", node);
	snprintf(text, sizeof(text), "%" PRIu32, value);
	if (!xs_write(rogue.xs, XBT_NULL, path, text, strlen(text)))
		give_up("cannot write %s", path);
}

static int backend_state(void)
{
	char path[128];
	unsigned int len;
	char *text;
	int state;

	snprintf(path, sizeof(path), "%s/state", rogue.backend);
	text = xs_read(rogue.xs, XBT_NULL, path, &len);
	state = text ? atoi(text) : 0;
	free(text);
	return state;
}

static void await_state(int wanted, const char *why)
{
	for (int i = 0; i < ANSWER_MS / 50; i++) {
		if (backend_state() == wanted) {
			rogue.checks++;
			return;
		}
		poll(NULL, 0, 50);
	}
	give_up("%s: state %d of the backend, not %d", why, backend_state(),
		wanted);
}

static void share_page(void **page, uint32_t *ref)
{
	*page = xengntshr_share_pages(rogue.share, 0, 1, ref, 1);
	if (!*page)
		give_up("cannot share a page: %s", strerror(errno));
	memset(*page, 0, XENDISPL_EVENT_PAGE_SIZE);
}

static int new_port(void)
{
	int port = xenevtchn_bind_unbound_port(rogue.evtchn, 0);

	if (port < 0)
		give_up("no event channel: %s", strerror(errno));
	return port;
}

static void publish(uint32_t req_ref, uint32_t req_port)
{
	put_node("0/" XENDISPL_FIELD_REQ_RING_REF, req_ref);
	put_node("0/" XENDISPL_FIELD_REQ_CHANNEL, req_port);
	put_node("0/" XENDISPL_FIELD_EVT_RING_REF, rogue.evt_ref);
	put_node("0/" XENDISPL_FIELD_EVT_CHANNEL, (uint32_t)rogue.evt_port);
}

static void come_back(void)
{
	struct xen_displif_sring *shared = rogue.req_page;

	put_node("state", XenbusStateInitialising);
	await_state(XenbusStateInitWait, "coming back");
	memset(rogue.req_page, 0, XENDISPL_EVENT_PAGE_SIZE);
	memset(rogue.evt_page, 0, XENDISPL_EVENT_PAGE_SIZE);
	SHARED_RING_INIT(shared);
	FRONT_RING_INIT(&rogue.ring, shared, XENDISPL_EVENT_PAGE_SIZE);
	xenevtchn_unbind(rogue.evtchn, (evtchn_port_t)rogue.req_port);
	xenevtchn_unbind(rogue.evtchn, (evtchn_port_t)rogue.evt_port);
	rogue.req_port = new_port();
	rogue.evt_port = new_port();
}

static void connect(void)
{
	come_back();
	publish(rogue.req_ref, (uint32_t)rogue.req_port);
	put_node("state", XenbusStateInitialised);
	await_state(XenbusStateConnected, "connecting");
	put_node("state", XenbusStateConnected);
}

static int send(struct xendispl_req *req)
{
	struct xen_displif_front_ring *ring = &rogue.ring;

	req->id = ++rogue.id;
	memcpy(RING_GET_REQUEST(ring, ring->req_prod_pvt), req, sizeof(*req));
	ring->req_prod_pvt++;
	RING_PUSH_REQUESTS(ring);
	xenevtchn_notify(rogue.evtchn, (evtchn_port_t)rogue.req_port);
	for (int i = 0; i < ANSWER_MS / 10; i++) {
		struct xendispl_resp *resp;

		if (!RING_HAS_UNCONSUMED_RESPONSES(ring)) {
			poll(NULL, 0, 10);
			continue;
		}
		resp = RING_GET_RESPONSE(ring, ring->rsp_cons++);
		if (resp->id != rogue.id)
			give_up("request %u answered as %u", rogue.id, resp->id);
		return resp->status;
	}
	give_up("no answer to operation %u", req->operation);
}

static void expect(const char *what, struct xendispl_req *req, int wanted)
{
	int status = send(req);

	if (status != wanted)
		give_up("%s: status %d, not %d", what, status, wanted);
	rogue.checks++;
}

/* A buffer of 4 pages that could be. */
static struct xendispl_req good_create(uint64_t cookie)
{
	struct xendispl_req req = { .operation = XENDISPL_OP_DBUF_CREATE };

	rogue.directory->gref_dir_next_page = 0;
	memcpy(rogue.directory->gref, rogue.refs, sizeof(rogue.refs));
	req.op.dbuf_create.dbuf_cookie = cookie;
	req.op.dbuf_create.width = 64;
	req.op.dbuf_create.height = 64;
	req.op.dbuf_create.bpp = 32;
	req.op.dbuf_create.buffer_sz = PAGE_REFS * XENDISPL_EVENT_PAGE_SIZE;
	req.op.dbuf_create.gref_directory = rogue.directory_ref;
	return req;
}

static void ask_absurd_sizes(void)
{
	struct xendispl_req req = good_create(1);

	req.op.dbuf_create.width = HUGE;
	expect("absurd width", &req, -EINVAL);
	req = good_create(1);
	req.op.dbuf_create.height = HUGE;
	expect("absurd height", &req, -EINVAL);
	req = good_create(1);
	req.op.dbuf_create.width = 0;
	expect("no width", &req, -EINVAL);
	req = good_create(1);
	req.op.dbuf_create.bpp = 13;
	expect("13 bits per pixel", &req, -EINVAL);
	req = good_create(1);
	req.op.dbuf_create.buffer_sz = 1;
	expect("less memory than pixels", &req, -EINVAL);
	req = good_create(1);
	req.op.dbuf_create.buffer_sz = HUGE;
	expect("4 GiB", &req, -ENOSPC);
	req = good_create(1);
	req.op.dbuf_create.data_ofs = HUGE;
	expect("pixels behind the end", &req, -EINVAL);
	req = good_create(0);
	expect("no cookie", &req, -EINVAL);
}

static void ask_bad_references(void)
{
	struct xendispl_req req = good_create(1);
	int status;

	req.op.dbuf_create.gref_directory = 0;
	expect("no directory", &req, -EINVAL);
	req.op.dbuf_create.gref_directory = BAD_REF;
	expect("a directory that is not granted", &req, -EINVAL);
	req = good_create(1);
	rogue.directory->gref[PAGE_REFS - 1] = BAD_REF;
	status = send(&req);
	if (status >= 0)
		give_up("a page that is not granted: status %d", status);
	rogue.checks++;
	/* 1024 pages need two of the directory, and the chain has one. */
	req = good_create(1);
	req.op.dbuf_create.buffer_sz = 1024 * XENDISPL_EVENT_PAGE_SIZE;
	expect("a chain that is too short", &req, -EINVAL);
	rogue.directory->gref_dir_next_page = rogue.directory_ref;
	status = send(&req);
	if (status >= 0)
		give_up("a chain that is a circle: status %d", status);
	rogue.checks++;
}

static void ask_unknown(void)
{
	struct xendispl_req req = { .operation = 0xee };

	expect("an operation that does not exist", &req, -EOPNOTSUPP);
	req.operation = XENDISPL_OP_DBUF_DESTROY;
	req.op.dbuf_destroy.dbuf_cookie = 77;
	expect("destroying no buffer", &req, -ENOENT);
	req.operation = XENDISPL_OP_PG_FLIP;
	expect("flipping to nothing", &req, -ENOENT);
	req.operation = XENDISPL_OP_SET_CONFIG;
	expect("showing nothing", &req, -ENOENT);
	req.operation = XENDISPL_OP_FB_DETACH;
	expect("detaching nothing", &req, -ENOENT);
	req.operation = XENDISPL_OP_FB_ATTACH;
	req.op.fb_attach.fb_cookie = 78;
	expect("attaching to nothing", &req, -ENOENT);
}

/* The pages of one good buffer, again and again, until it is too much. */
static void hoard(void)
{
	struct xendispl_req req;
	uint64_t cookie;

	for (cookie = 1; cookie <= 64; cookie++) {
		req = good_create(cookie);
		expect("a good buffer", &req, 0);
	}
	req = good_create(1);
	expect("a buffer that exists", &req, -EEXIST);
	req = good_create(65);
	expect("one buffer too many", &req, -ENOSPC);
	req = (struct xendispl_req){ .operation = XENDISPL_OP_DBUF_DESTROY };
	for (cookie = 1; cookie <= 63; cookie++) {
		req.op.dbuf_destroy.dbuf_cookie = cookie;
		expect("destroying a buffer", &req, 0);
	}
	/* The last one is left for the backend to clean up. */
}

static void break_ring(void)
{
	struct xen_displif_sring *shared = rogue.req_page;

	shared->req_prod += 100000;
	xenevtchn_notify(rogue.evtchn, (evtchn_port_t)rogue.req_port);
	await_state(XenbusStateClosed, "garbage in the ring");
}

static void connect_to_nothing(void)
{
	come_back();
	publish(BAD_REF, (uint32_t)rogue.req_port);
	put_node("state", XenbusStateInitialised);
	await_state(XenbusStateClosed, "a ring that is not granted");
	come_back();
	publish(rogue.req_ref, 4000);
	put_node("state", XenbusStateInitialised);
	await_state(XenbusStateClosed, "an event channel that does not exist");
}

static void set_up(void)
{
	unsigned int len;
	void *page;

	rogue.xs = xs_open(0);
	rogue.share = xengntshr_open(NULL, 0);
	rogue.evtchn = xenevtchn_open(NULL, 0);
	if (!rogue.xs || !rogue.share || !rogue.evtchn)
		exit(EXIT_FAILURE);
	rogue.backend = xs_read(rogue.xs, XBT_NULL, FRONTEND "/backend", &len);
	if (!rogue.backend)
		give_up("no display device");
	share_page(&rogue.req_page, &rogue.req_ref);
	share_page(&rogue.evt_page, &rogue.evt_ref);
	share_page(&page, &rogue.directory_ref);
	rogue.directory = page;
	rogue.pages = xengntshr_share_pages(rogue.share, 0, PAGE_REFS,
					    rogue.refs, 1);
	if (!rogue.pages)
		give_up("cannot share pages: %s", strerror(errno));
	rogue.req_port = new_port();
	rogue.evt_port = new_port();
}

int main(void)
{
	char text[32];

	set_up();
	connect();
	ask_absurd_sizes();
	ask_bad_references();
	ask_unknown();
	hoard();
	break_ring();
	connect_to_nothing();
	connect();
	ask_unknown();
	snprintf(text, sizeof(text), "ok %u", rogue.checks);
	xs_write(rogue.xs, XBT_NULL, "data/rogue", text, strlen(text));
	return EXIT_SUCCESS;
}
