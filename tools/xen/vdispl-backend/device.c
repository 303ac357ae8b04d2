// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>

#include "device.h"

/* A guest that asks without end must not keep others from being served. */
#define REQUESTS_AT_A_TIME	8

static void flip_done(void *owner)
{
	struct connector *conn = owner;

	stats_flip(&conn->stats, conn->flip_started);
	if (!ring_send_flip(&conn->ring, conn->device->store.xen,
			    conn->flip_cookie))
		conn->stats.lost++;
}

static int connect_one(struct device *device, unsigned int index,
		       const struct connector_config *config)
{
	struct connector *conn = &device->connectors[index];
	struct store *store = &device->store;
	int ret;

	*conn = (struct connector){ .device = device };
	ring_init(&conn->ring);
	device->num_connectors = index + 1;
	ret = output_claim(store->display, config->name, config->width,
			   config->height, conn, &conn->output);
	if (ret)
		return ret;
	conn->output->flip_done = flip_done;
	store->cards |= 1u << conn->output->card;
	ret = ring_bind(&conn->ring, store->xen, &config->address);
	/* The guest may have asked before this side listened. */
	conn->more = !ret;
	return ret;
}

int device_connect(struct device *device,
		   const struct connector_config *config, unsigned int count)
{
	device->connected = true;
	device->store.cards = 0;
	for (unsigned int i = 0; i < count; i++) {
		int ret = connect_one(device, i, &config[i]);

		if (ret)
			return ret;
	}
	return 0;
}

void device_disconnect(struct device *device)
{
	struct store *store = &device->store;

	if (!device->connected)
		return;
	device_print_stats(device);
	for (unsigned int i = 0; i < device->num_connectors; i++)
		if (device->connectors[i].output)
			output_release(store->display,
				       device->connectors[i].output);
	store_empty(store);
	/* The numbers were kept for these. */
	for (unsigned int i = 0; i < device->num_waiting; i++)
		buffer_abandon(device->waiting[i].number);
	for (unsigned int i = 0; i < device->num_connectors; i++)
		ring_unbind(&device->connectors[i].ring, store->xen);
	device->num_waiting = 0;
	device->num_connectors = 0;
	device->connected = false;
}

static int set_config(struct connector *conn,
		      const struct xendispl_set_config_req *req)
{
	struct store *store = &conn->device->store;
	struct output *output = conn->output;
	struct framebuffer *fb;
	int ret;

	if (!req->fb_cookie)
		return output_blank(store->display, output);
	fb = framebuffer_find(store, req->fb_cookie);
	if (!fb)
		return -ENOENT;
	if (req->width > output->mode.hdisplay ||
	    req->height > output->mode.vdisplay || !fb->ids[output->card])
		return -EINVAL;
	conn->stats.copied += framebuffer_update(fb, output->card);
	ret = output_show(store->display, output, fb->ids[output->card],
			  req->x, req->y);
	if (!ret)
		conn->stats.frames++;
	return ret;
}

static int page_flip(struct connector *conn,
		     const struct xendispl_page_flip_req *req)
{
	struct store *store = &conn->device->store;
	struct framebuffer *fb = framebuffer_find(store, req->fb_cookie);
	struct output *output = conn->output;
	uint64_t start = now_ns();
	int ret;

	if (!fb)
		return -ENOENT;
	if (output->flipping)
		return -EBUSY;
	if (!fb->ids[output->card])
		return -EINVAL;
	conn->stats.copied += framebuffer_update(fb, output->card);
	ret = output_flip(store->display, output, fb->ids[output->card]);
	if (ret)
		return ret;
	conn->flip_cookie = req->fb_cookie;
	conn->flip_started = start;
	conn->stats.frames++;
	return 0;
}

/* Return: 1 if the answer has to wait, else as a request's. */
static int destroy(struct connector *conn, const struct xendispl_req *req)
{
	struct device *device = conn->device;
	int number;
	int ret;

	if (device->num_waiting == MAX_WAITING)
		return -EBUSY;
	ret = buffer_destroy(&device->store, req->op.dbuf_destroy.dbuf_cookie,
			     &number);
	if (ret || number < 0 || buffer_released(&device->store, number))
		return ret;
	device->waiting[device->num_waiting++] = (struct waiting){
		.number = number,
		.id = req->id,
	};
	return 1;
}

/* What belongs to the whole device comes by its first connector. */
static int handle_buffers(struct connector *conn,
			  const struct xendispl_req *req)
{
	struct store *store = &conn->device->store;

	if (req->operation < XENDISPL_OP_DBUF_CREATE ||
	    req->operation > XENDISPL_OP_FB_DETACH)
		return -EOPNOTSUPP;
	if (conn != conn->device->connectors)
		return -EINVAL;
	switch (req->operation) {
	case XENDISPL_OP_DBUF_CREATE:
		return buffer_create(store, &req->op.dbuf_create);
	case XENDISPL_OP_DBUF_DESTROY:
		return destroy(conn, req);
	case XENDISPL_OP_FB_ATTACH:
		return framebuffer_attach(store, &req->op.fb_attach);
	case XENDISPL_OP_FB_DETACH:
		return framebuffer_detach(store, req->op.fb_detach.fb_cookie);
	}
	return -EOPNOTSUPP;
}

static int handle(struct connector *conn, const struct xendispl_req *req)
{
	switch (req->operation) {
	case XENDISPL_OP_SET_CONFIG:
		return set_config(conn, &req->op.set_config);
	case XENDISPL_OP_PG_FLIP:
		return page_flip(conn, &req->op.pg_flip);
	}
	return handle_buffers(conn, req);
}

/*
 * The numbers of Xen's errors are those of Linux, as far as there are any; some
 * that the kernel may give are not among them.
 */
static int protocol_error(int ret)
{
	switch (-ret) {
	case EPERM: case ENOENT: case EIO: case ENXIO: case ENOMEM: case EACCES:
	case EFAULT: case EBUSY: case EEXIST: case ENODEV: case EINVAL:
	case ENOSPC: case EOPNOTSUPP:
		return ret;
	}
	return -EIO;
}

static void answer(struct connector *conn, uint16_t id, uint8_t operation,
		   int ret)
{
	if (ret)
		conn->stats.errors++;
	ring_respond(&conn->ring, conn->device->store.xen, id, operation,
		     ret ? protocol_error(ret) : 0);
}

/* Whether it may wait for a screen, or for many pages to be mapped. */
static bool takes_long(const struct xendispl_req *req)
{
	return req->operation != XENDISPL_OP_PG_FLIP &&
	       req->operation != XENDISPL_OP_FB_ATTACH;
}

static int serve(struct connector *conn)
{
	struct xendispl_req req;
	int ret = 0;

	for (int i = 0; i < REQUESTS_AT_A_TIME; i++) {
		ret = ring_next(&conn->ring, &req);
		if (ret <= 0)
			break;
		ret = handle(conn, &req);
		if (ret <= 0)
			answer(conn, req.id, req.operation, ret);
		ret = 1;
		if (takes_long(&req))
			break;
	}
	conn->more = ret > 0 || (!ret && ring_rearm(&conn->ring));
	return ret < 0 ? ret : conn->more;
}

static void answer_waiting(struct device *device)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < device->num_waiting; i++) {
		struct waiting *waiting = &device->waiting[i];

		if (buffer_released(&device->store, waiting->number))
			answer(device->connectors, waiting->id,
			       XENDISPL_OP_DBUF_DESTROY, 0);
		else
			device->waiting[left++] = *waiting;
	}
	device->num_waiting = left;
}

int device_serve(struct device *device)
{
	int more = 0;

	answer_waiting(device);
	for (unsigned int i = 0; i < device->num_connectors; i++) {
		int ret;

		if (!device->connectors[i].more)
			continue;
		ret = serve(&device->connectors[i]);
		if (ret < 0)
			return ret;
		more |= ret;
	}
	return more;
}

bool device_wake(struct device *device, int port)
{
	for (unsigned int i = 0; i < device->num_connectors; i++) {
		struct ring *ring = &device->connectors[i].ring;

		if (ring->requests.port == port)
			device->connectors[i].more = true;
		else if (ring->events.port != port)
			continue;
		return true;
	}
	return false;
}

void device_print_stats(const struct device *device)
{
	for (unsigned int i = 0; i < device->num_connectors; i++)
		stats_print(&device->connectors[i].stats, device->domid,
			    device->devid, i);
}
