// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>

#include "device.h"

/* A guest that asks without end must not keep others from being served. */
#define REQUESTS_AT_A_TIME	8

/* What is neither success nor an error: the answer to a request has to wait. */
enum {
	LATER = 1,		/* until pages are released */
	AGAIN = 2,		/* the request, too: until an output is not busy */
};

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

static void drop_connectors(struct device *device)
{
	struct store *store = &device->store;

	for (unsigned int i = 0; i < device->num_connectors; i++)
		if (device->connectors[i].output)
			output_release(store->display,
				       device->connectors[i].output);
	device->num_connectors = 0;
}

static void drop_waiting(struct device *device)
{
	/* The numbers were kept for these. */
	for (unsigned int i = 0; i < device->num_waiting; i++)
		buffer_abandon(&device->store, device->waiting[i].number);
	device->num_waiting = 0;
}

bool device_settle(struct device *device)
{
	struct store *store = &device->store;
	bool clear = true;

	for (unsigned int i = 0; i < device->num_connectors; i++) {
		struct output *output = device->connectors[i].output;

		/* Each is told, so that none is waited for twice as long. */
		if (output && !output_clear(store->display, output))
			clear = false;
	}
	if (!clear)
		return false;
	drop_connectors(device);
	store_empty(store);
	drop_waiting(device);
	device->closing = false;
	return true;
}

void device_settle_now(struct device *device)
{
	for (unsigned int i = 0; i < device->num_connectors; i++) {
		struct output *output = device->connectors[i].output;

		if (output)
			output_clear_now(device->store.display, output);
	}
	device_settle(device);
}

void device_disconnect(struct device *device)
{
	if (!device->connected)
		return;
	if (device->stats)
		device_print_stats(device);
	for (unsigned int i = 0; i < device->num_connectors; i++)
		ring_unbind(&device->connectors[i].ring, device->store.xen);
	device->connected = false;
	device->closing = true;
	device_settle(device);
}

/* The kernel says so also of other outputs that have to do with this one. */
static int again_if_busy(int ret)
{
	return ret == -EBUSY ? AGAIN : ret;
}

static int set_config(struct connector *conn,
		      const struct xendispl_set_config_req *req)
{
	struct store *store = &conn->device->store;
	struct output *output = conn->output;
	struct framebuffer *fb;
	int ret;

	if (output->busy)
		return AGAIN;
	if (!req->fb_cookie)
		return again_if_busy(output_blank(store->display, output));
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
	return again_if_busy(ret);
}

static int page_flip(struct connector *conn,
		     const struct xendispl_page_flip_req *req)
{
	struct store *store = &conn->device->store;
	struct framebuffer *fb = framebuffer_find(store, req->fb_cookie);
	struct output *output = conn->output;
	int ret;

	if (!fb)
		return -ENOENT;
	if (output->busy)
		return AGAIN;
	/* A flip changes what is shown; it does not begin to show. */
	if (!output->fb || !fb->ids[output->card])
		return -EINVAL;
	conn->stats.copied += framebuffer_update(fb, output->card);
	ret = output_flip(store->display, output, fb->ids[output->card]);
	if (ret)
		return again_if_busy(ret);
	conn->flip_cookie = req->fb_cookie;
	conn->flip_started = conn->asked;
	conn->stats.frames++;
	return 0;
}

/*
 * A framebuffer that is shown would be waited for when it is removed, so what
 * shows it is blanked first.
 */
static int take_off(struct device *device, const struct framebuffer *fb)
{
	for (unsigned int i = 0; i < device->num_connectors; i++) {
		struct output *output = device->connectors[i].output;

		if (!output->fb || output->fb != fb->ids[output->card])
			continue;
		/* Of a flip the guest is told. */
		if (output->busy ||
		    !output_clear(device->store.display, output))
			return AGAIN;
	}
	return 0;
}

static int detach(struct device *device, uint64_t cookie)
{
	struct framebuffer *fb = framebuffer_find(&device->store, cookie);
	int ret = fb ? take_off(device, fb) : 0;

	return ret ? ret : framebuffer_detach(&device->store, cookie);
}

static int destroy(struct device *device, uint16_t id, uint64_t cookie)
{
	struct framebuffer *fb = device->store.framebuffers;
	int number;
	int ret = 0;

	if (device->num_waiting == MAX_WAITING)
		return -EBUSY;
	for (; fb && !ret; fb = fb->next)
		if (fb->buffer->cookie == cookie)
			ret = take_off(device, fb);
	if (ret)
		return ret;
	ret = buffer_destroy(&device->store, cookie, &number);
	if (ret || number < 0 || buffer_released(&device->store, number))
		return ret;
	device->waiting[device->num_waiting++] = (struct waiting){
		.number = number,
		.id = id,
	};
	return LATER;
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
		return destroy(conn->device, req->id,
			       req->op.dbuf_destroy.dbuf_cookie);
	case XENDISPL_OP_FB_ATTACH:
		return framebuffer_attach(store, &req->op.fb_attach);
	case XENDISPL_OP_FB_DETACH:
		return detach(conn->device, req->op.fb_detach.fb_cookie);
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

/* Whether many pages may have to be mapped, unmapped or copied. */
static bool takes_long(const struct connector *conn,
		       const struct xendispl_req *req)
{
	switch (req->operation) {
	case XENDISPL_OP_DBUF_CREATE:
	case XENDISPL_OP_DBUF_DESTROY:
		return true;
	case XENDISPL_OP_SET_CONFIG:
	case XENDISPL_OP_PG_FLIP:
		return conn->device->store.copy;
	}
	return false;
}

static int take_request(struct connector *conn, struct xendispl_req *req)
{
	if (!conn->holding) {
		conn->asked = now_ns();
		return ring_next(&conn->ring, req);
	}
	conn->holding = false;
	*req = conn->held;
	return 1;
}

static void hold(struct connector *conn, const struct xendispl_req *req)
{
	conn->holding = true;
	conn->held = *req;
	/* It is looked at again after any event, so also after the right one. */
	conn->more = true;
}

static int serve(struct connector *conn)
{
	struct xendispl_req req;
	int ret = 0;

	for (int i = 0; i < REQUESTS_AT_A_TIME; i++) {
		ret = take_request(conn, &req);
		if (ret <= 0)
			break;
		ret = handle(conn, &req);
		if (ret == AGAIN) {
			hold(conn, &req);
			return 0;
		}
		if (ret != LATER)
			answer(conn, req.id, req.operation, ret);
		ret = 1;
		if (takes_long(conn, &req))
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

bool device_polls(const struct device *device)
{
	if (device->num_waiting)
		return true;
	for (unsigned int i = 0; i < device->num_connectors; i++) {
		const struct connector *conn = &device->connectors[i];
		const struct output *output = conn->output;

		if (!output || output->busy)
			continue;
		if (conn->holding || (device->closing && output->fb))
			return true;
	}
	return false;
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
