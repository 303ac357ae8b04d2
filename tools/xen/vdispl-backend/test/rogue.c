// SPDX-License-Identifier: GPL-2.0-only
/*
 * A frontend that misbehaves, in a guest that does not load its driver: asks for
 * what cannot be, writes garbage to its rings, keeps what it gave back, comes
 * back. Each answer of the backend has to be the protocol's error. Writes to
 * xenstore, relative to the guest's own path, "data/front": "ok CHECKS" or what
 * went wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <drm_fourcc.h>

#include "front.h"

#define MOST_BUFFERS	64
#define PAGE_REFS	4
#define BAD_REF		0x00fffff0u
#define HUGE		0xffffffffu

static struct front front;
static struct xendispl_page_directory *directory;
static uint32_t directory_ref;
static uint32_t refs[PAGE_REFS];

static void expect(const char *what, struct xendispl_req *req, int wanted)
{
	front_expect(&front, what, req, wanted);
}

/* One error or another; which one is not this side's business. */
static void expect_error(const char *what, struct xendispl_req *req)
{
	int status = front_send(&front, req);

	if (status >= 0)
		front_give_up(&front, "%s: status %d", what, status);
	front.checks++;
}

/* A buffer of 4 pages that could be. */
static struct xendispl_req good_create(uint64_t cookie)
{
	struct xendispl_req req = { .operation = XENDISPL_OP_DBUF_CREATE };

	directory->gref_dir_next_page = 0;
	memcpy(directory->gref, refs, sizeof(refs));
	req.op.dbuf_create.dbuf_cookie = cookie;
	req.op.dbuf_create.width = 64;
	req.op.dbuf_create.height = 64;
	req.op.dbuf_create.bpp = 32;
	req.op.dbuf_create.buffer_sz = PAGE_REFS * XENDISPL_EVENT_PAGE_SIZE;
	req.op.dbuf_create.gref_directory = directory_ref;
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

	req.op.dbuf_create.gref_directory = 0;
	expect("no directory", &req, -EINVAL);
	req.op.dbuf_create.gref_directory = BAD_REF;
	expect("a directory that is not granted", &req, -EINVAL);
	req = good_create(1);
	directory->gref[PAGE_REFS - 1] = BAD_REF;
	expect_error("a page that is not granted", &req);
	/* 1024 pages need two of the directory, and the chain has one. */
	req = good_create(1);
	req.op.dbuf_create.buffer_sz = 1024 * XENDISPL_EVENT_PAGE_SIZE;
	expect("a chain that is too short", &req, -EINVAL);
	directory->gref_dir_next_page = directory_ref;
	expect_error("a chain that is a circle", &req);
}

static void ask_unknown(void)
{
	struct xendispl_req req = { .operation = 0xee };

	expect("an operation that does not exist", &req, -EOPNOTSUPP);
	req.operation = XENDISPL_OP_GET_EDID;
	expect("an EDID, which is optional", &req, -EOPNOTSUPP);
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

static void destroy_buffer(uint64_t cookie)
{
	struct xendispl_req req = { .operation = XENDISPL_OP_DBUF_DESTROY };

	req.op.dbuf_destroy.dbuf_cookie = cookie;
	expect("destroying a buffer", &req, 0);
}

static int attach(uint64_t cookie, uint32_t width, uint32_t height)
{
	struct xendispl_req req = { .operation = XENDISPL_OP_FB_ATTACH };

	req.op.fb_attach.dbuf_cookie = cookie;
	req.op.fb_attach.fb_cookie = cookie;
	req.op.fb_attach.width = width;
	req.op.fb_attach.height = height;
	req.op.fb_attach.pixel_format = DRM_FORMAT_XRGB8888;
	return front_send(&front, &req);
}

/* What the stock driver says of a buffer that it has by PRIME. */
static struct xendispl_req create_bare(uint64_t cookie)
{
	struct xendispl_req req = good_create(cookie);

	req.op.dbuf_create.width = 0;
	req.op.dbuf_create.height = 0;
	req.op.dbuf_create.bpp = 0;
	return req;
}

static void ask_without_geometry(void)
{
	struct xendispl_req req = create_bare(1);

	req.op.dbuf_create.data_ofs = req.op.dbuf_create.buffer_sz;
	expect("no pixel at all", &req, -EINVAL);
	req = create_bare(1);
	req.op.dbuf_create.flags = XENDISPL_DBUF_FLG_REQ_ALLOC;
	expect("memory of no geometry", &req, -EINVAL);
	req = create_bare(1);
	expect("a buffer of no geometry", &req, 0);
	if (attach(1, 64, 65) >= 0 || attach(1, HUGE, 1) >= 0)
		front_give_up(&front, "a framebuffer beyond its buffer");
	if (attach(1, 64, 64))
		front_give_up(&front, "no framebuffer without a geometry");
	req = (struct xendispl_req){ .operation = XENDISPL_OP_PG_FLIP };
	req.op.pg_flip.fb_cookie = 1;
	expect("flipping a screen that shows nothing", &req, -EINVAL);
	destroy_buffer(1);
	req = good_create(1);
	req.op.dbuf_create.bpp = 16;
	expect("16 bits per pixel", &req, 0);
	destroy_buffer(1);
}

/* The pages of one good buffer, again and again, until it is too much. */
static void hoard(void)
{
	struct xendispl_req req;
	uint64_t cookie;

	for (cookie = 1; cookie <= MOST_BUFFERS; cookie++) {
		req = good_create(cookie);
		expect("a good buffer", &req, 0);
	}
	req = good_create(1);
	expect("a buffer that exists", &req, -EEXIST);
	req = good_create(MOST_BUFFERS + 1);
	expect("one buffer too many", &req, -ENOSPC);
	for (cookie = 1; cookie < MOST_BUFFERS; cookie++)
		destroy_buffer(cookie);
	/* The last one is left for the backend to clean up. */
}

static int create_foreign(uint64_t cookie)
{
	struct xendispl_req req = good_create(cookie);

	req.op.dbuf_create.flags = XENDISPL_DBUF_FLG_REQ_ALLOC;
	return front_send(&front, &req);
}

/* Memory comes back when its last grant has ended, of which nobody tells. */
static void await_room(uint64_t cookie)
{
	int status = -ENOSPC;

	for (int i = 0; i < ANSWER_MS / 50 && status == -ENOSPC; i++) {
		status = create_foreign(cookie);
		if (status)
			poll(NULL, 0, 50);
	}
	if (status)
		front_give_up(&front, "all given back, but status %d", status);
	front.checks++;
}

/*
 * Memory of the backend that was given back, but is mapped still: it counts
 * until it is unmapped.
 */
static void keep_mapped(void)
{
	xengnttab_handle *gnttab = xengnttab_open(NULL, 0);
	void *kept[MOST_BUFFERS];
	unsigned int i;
	int status;

	if (!gnttab)
		front_give_up(&front, "cannot open the grant device");
	for (i = 0; i < MOST_BUFFERS; i++) {
		status = create_foreign(i + 1);
		if (status)
			front_give_up(&front, "buffer %u: status %d", i, status);
		kept[i] = xengnttab_map_domain_grant_refs(gnttab, PAGE_REFS, 0,
							  directory->gref,
							  PROT_READ |
							  PROT_WRITE);
		if (!kept[i])
			front_give_up(&front, "mapping: %s", strerror(errno));
		destroy_buffer(i + 1);
	}
	status = create_foreign(i + 1);
	if (status != -ENOSPC)
		front_give_up(&front, "more than there may be: status %d",
			      status);
	while (i--) {
		memset(kept[i], 0xff, PAGE_REFS * XENDISPL_EVENT_PAGE_SIZE);
		xengnttab_unmap(gnttab, kept[i], PAGE_REFS);
	}
	/* Room for one is not yet room for all. */
	for (i = 0; i < MOST_BUFFERS; i++)
		await_room(i + 1);
	for (i = 0; i < MOST_BUFFERS; i++)
		destroy_buffer(i + 1);
	xengnttab_close(gnttab);
}

static void break_ring(void)
{
	struct xen_displif_sring *shared = front.req_page;

	shared->req_prod += 100000;
	xenevtchn_notify(front.evtchn, (evtchn_port_t)front.req_port);
	front_await_state(&front, XenbusStateClosed, "garbage in the ring");
}

static void connect_to_nothing(void)
{
	front_come_back(&front);
	front_publish(&front, BAD_REF, (uint32_t)front.req_port);
	front_put(&front, "state", XenbusStateInitialised);
	front_await_state(&front, XenbusStateClosed,
			  "a ring that is not granted");
	front_come_back(&front);
	front_publish(&front, front.req_ref, 4000);
	front_put(&front, "state", XenbusStateInitialised);
	front_await_state(&front, XenbusStateClosed,
			  "an event channel that does not exist");
}

static void speak_unknown_version(void)
{
	front_come_back(&front);
	front_publish(&front, front.req_ref, (uint32_t)front.req_port);
	front_put(&front, XENDISPL_FIELD_FE_VERSION, 3);
	front_put(&front, "state", XenbusStateInitialised);
	front_await_state(&front, XenbusStateClosed, "version 3");
	front_put(&front, XENDISPL_FIELD_FE_VERSION, 2);
}

static char *read_own(const char *path)
{
	unsigned int len;
	char *value = xs_read(front.xs, XBT_NULL, path, &len);

	if (!value)
		front_give_up(&front, "no %s", path);
	return value;
}

static void write_own(const char *path, const char *value)
{
	if (!xs_write(front.xs, XBT_NULL, path, value, strlen(value)))
		front_give_up(&front, "cannot write %s", path);
}

/*
 * The tool stack's nodes are its own, but their directory is the guest's, which
 * can make all of it anew: no output for nodes that the guest has written, right
 * or not.
 */
static void forge_connector(void)
{
	static const char *const nodes[] = {
		FRONT_PATH "/0/" XENDISPL_FIELD_RESOLUTION,
		FRONT_PATH "/0/" XENDISPL_FIELD_UNIQUE_ID,
	};
	char *values[2];

	front_come_back(&front);
	for (int i = 0; i < 2; i++)
		values[i] = read_own(nodes[i]);
	if (!xs_rm(front.xs, XBT_NULL, FRONT_PATH "/0"))
		front_give_up(&front, "cannot remove the connector");
	for (int i = 0; i < 2; i++) {
		write_own(nodes[i], values[i]);
		free(values[i]);
	}
	front_publish(&front, front.req_ref, (uint32_t)front.req_port);
	front_put(&front, "state", XenbusStateInitialised);
	front_await_state(&front, XenbusStateClosed, "a connector of its own");
}

static bool device_allocates(void)
{
	char *value = read_own(FRONT_PATH "/" XENDISPL_FIELD_BE_ALLOC);
	bool yes = *value == '1';

	free(value);
	return yes;
}

int main(void)
{
	char text[32];

	front_open(&front);
	directory = front_share(&front, 1, &directory_ref);
	front_share(&front, PAGE_REFS, refs);
	front_connect(&front);
	ask_absurd_sizes();
	ask_bad_references();
	ask_unknown();
	ask_without_geometry();
	if (device_allocates())
		keep_mapped();
	hoard();
	break_ring();
	connect_to_nothing();
	speak_unknown_version();
	front_connect(&front);
	ask_unknown();
	forge_connector();
	snprintf(text, sizeof(text), "ok %u", front.checks);
	xs_write(front.xs, XBT_NULL, "data/front", text, strlen(text));
	return EXIT_SUCCESS;
}
