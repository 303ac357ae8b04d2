// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "display.h"

/* More than any refresh takes. */
#define LAST_WAIT_MS	1000
#define LAST_TRIES	8

static const uint32_t object_types[NUM_OBJECTS] = {
	[OBJECT_CRTC] = DRM_MODE_OBJECT_CRTC,
	[OBJECT_CONNECTOR] = DRM_MODE_OBJECT_CONNECTOR,
	[OBJECT_PLANE] = DRM_MODE_OBJECT_PLANE,
};

static const struct {
	enum object object;
	const char *name;
} properties[NUM_PROPERTIES] = {
	[CRTC_ACTIVE] = { OBJECT_CRTC, "ACTIVE" },
	[CRTC_MODE] = { OBJECT_CRTC, "MODE_ID" },
	[CONNECTOR_CRTC] = { OBJECT_CONNECTOR, "CRTC_ID" },
	[PLANE_FB] = { OBJECT_PLANE, "FB_ID" },
	[PLANE_CRTC] = { OBJECT_PLANE, "CRTC_ID" },
	[PLANE_SRC_X] = { OBJECT_PLANE, "SRC_X" },
	[PLANE_SRC_Y] = { OBJECT_PLANE, "SRC_Y" },
	[PLANE_SRC_W] = { OBJECT_PLANE, "SRC_W" },
	[PLANE_SRC_H] = { OBJECT_PLANE, "SRC_H" },
	[PLANE_CRTC_X] = { OBJECT_PLANE, "CRTC_X" },
	[PLANE_CRTC_Y] = { OBJECT_PLANE, "CRTC_Y" },
	[PLANE_CRTC_W] = { OBJECT_PLANE, "CRTC_W" },
	[PLANE_CRTC_H] = { OBJECT_PLANE, "CRTC_H" },
};

static int open_card(struct display *display, const char *node)
{
	struct card *card = &display->cards[display->num_cards];
	int ret;

	for (unsigned int i = 0; i < display->num_cards; i++)
		if (!strcmp(display->cards[i].node, node))
			return (int)i;
	if (display->num_cards == MAX_CARDS)
		return -ENOSPC;
	card->fd = open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (card->fd < 0)
		return -errno;
	card->node = strdup(node);
	/* Without atomic commits, to show something is to wait for the screen. */
	if (!card->node || drmSetClientCap(card->fd, DRM_CLIENT_CAP_ATOMIC, 1)) {
		ret = card->node ? -EOPNOTSUPP : -ENOMEM;
		free(card->node);
		close(card->fd);
		return ret;
	}
	return (int)display->num_cards++;
}

/* Have the kernel ask the screen for its modes; no guest is served yet. */
static void probe(const struct card *card, uint32_t connector)
{
	drmModeConnector *conn = drmModeGetConnector(card->fd, connector);

	if (conn)
		drmModeFreeConnector(conn);
}

/**
 * get_property() - look for a property of an object
 * @card:	has the object
 * @object:	id
 * @type:	DRM_MODE_OBJECT_*
 * @name:	of the property
 * @value:	gets what it is, may be NULL
 *
 * Return: its id, or 0.
 */
static uint32_t get_property(const struct card *card, uint32_t object,
			     uint32_t type, const char *name, uint64_t *value)
{
	drmModeObjectProperties *props;
	uint32_t id = 0;

	props = drmModeObjectGetProperties(card->fd, object, type);
	for (uint32_t i = 0; props && i < props->count_props && !id; i++) {
		drmModePropertyRes *prop;

		prop = drmModeGetProperty(card->fd, props->props[i]);
		if (prop && !strcmp(prop->name, name)) {
			id = prop->prop_id;
			if (value)
				*value = props->prop_values[i];
		}
		drmModeFreeProperty(prop);
	}
	drmModeFreeObjectProperties(props);
	return id;
}

static bool is_primary(const struct card *card, const drmModePlane *plane,
		       int crtc_index)
{
	uint64_t type;

	return plane->possible_crtcs & (1u << crtc_index) &&
	       get_property(card, plane->plane_id, DRM_MODE_OBJECT_PLANE,
			    "type", &type) &&
	       type == DRM_PLANE_TYPE_PRIMARY;
}

/* Whether another output of the card has an object. */
static bool is_taken(const struct display *display, const struct output *output,
		     enum object object, uint32_t id)
{
	for (unsigned int i = 0; i < display->num_outputs; i++) {
		const struct output *other = &display->outputs[i];

		if (other->card == output->card && other->objects[object] == id)
			return true;
	}
	return false;
}

/*
 * The id of a plane that a CRTC cannot do without, or 0. A plane may go with any
 * CRTC: if there is one that is this one's now, it is that.
 */
static uint32_t find_plane(const struct display *display,
			   const struct output *output, int crtc_index)
{
	const struct card *card = &display->cards[output->card];
	drmModePlaneRes *res = drmModeGetPlaneResources(card->fd);
	uint32_t found = 0;
	bool bound = false;

	for (uint32_t i = 0; res && i < res->count_planes && !bound; i++) {
		drmModePlane *plane;

		plane = drmModeGetPlane(card->fd, res->planes[i]);
		if (plane && is_primary(card, plane, crtc_index) &&
		    !is_taken(display, output, OBJECT_PLANE, plane->plane_id)) {
			bound = plane->crtc_id == output->objects[OBJECT_CRTC];
			if (bound || !found)
				found = plane->plane_id;
		}
		drmModeFreePlane(plane);
	}
	drmModeFreePlaneResources(res);
	return found;
}

static int find_properties(const struct card *card, struct output *output)
{
	for (int i = 0; i < NUM_PROPERTIES; i++) {
		enum object object = properties[i].object;

		output->properties[i] = get_property(card,
						     output->objects[object],
						     object_types[object],
						     properties[i].name, NULL);
		if (!output->properties[i])
			return -ENODEV;
	}
	return 0;
}

/* The connector with the CRTC's number: cards here have one each per output. */
static int find_objects(const struct display *display, struct output *output,
			int index)
{
	const struct card *card = &display->cards[output->card];
	drmModeRes *res = drmModeGetResources(card->fd);
	int ret = -ENODEV;

	if (!res)
		return -errno;
	if (index >= 0 && index < res->count_crtcs &&
	    index < res->count_connectors)
		ret = is_taken(display, output, OBJECT_CRTC,
			       res->crtcs[index]) ? -EBUSY : 0;
	if (!ret) {
		output->objects[OBJECT_CRTC] = res->crtcs[index];
		output->objects[OBJECT_CONNECTOR] = res->connectors[index];
		output->objects[OBJECT_PLANE] = find_plane(display, output,
							   index);
		probe(card, res->connectors[index]);
		ret = output->objects[OBJECT_PLANE] ? 0 : -ENODEV;
	}
	drmModeFreeResources(res);
	return ret ? ret : find_properties(card, output);
}

static int add_output(struct display *display, char *name, const char *node,
		      int index)
{
	struct output *output = &display->outputs[display->num_outputs];
	int ret;

	if (display->num_outputs == MAX_OUTPUTS)
		return -ENOSPC;
	ret = open_card(display, node);
	if (ret < 0)
		return ret;
	*output = (struct output){ .card = (unsigned int)ret };
	ret = find_objects(display, output, index);
	if (ret)
		return ret;
	output->name = strdup(name);
	if (!output->name)
		return -ENOMEM;
	display->num_outputs++;
	return 0;
}

int display_add(struct display *display, const char *spec)
{
	char *copy = strdup(spec);
	char *node, *index;
	int ret = -EINVAL;

	if (!copy)
		return -ENOMEM;
	node = strchr(copy, '=');
	if (node) {
		*node++ = '\0';
		index = strchr(node, ',');
		if (index)
			*index++ = '\0';
		ret = add_output(display, copy, node, index ? atoi(index) : 0);
	}
	free(copy);
	return ret;
}

struct card *display_lost(struct display *display)
{
	for (unsigned int i = 0; i < display->num_cards; i++) {
		struct card *card = &display->cards[i];
		uint64_t value;

		if (card->fd >= 0 &&
		    drmGetCap(card->fd, DRM_CAP_DUMB_BUFFER, &value) &&
		    errno == ENODEV)
			return card;
	}
	return NULL;
}

void display_close(struct display *display)
{
	for (unsigned int i = 0; i < display->num_outputs; i++)
		free(display->outputs[i].name);
	for (unsigned int i = 0; i < display->num_cards; i++) {
		free(display->cards[i].node);
		if (display->cards[i].fd >= 0)
			close(display->cards[i].fd);
	}
	*display = (struct display){ 0 };
}

static void handle_end(int fd, unsigned int sequence, unsigned int sec,
		       unsigned int usec, void *data)
{
	struct output *output = data;

	(void)fd;
	(void)sequence;
	(void)sec;
	(void)usec;
	output->busy = false;
	/* Whoever asked for the flip may have gone. */
	if (output->report && output->flip_done)
		output->flip_done(output->owner);
}

bool display_busy(const struct display *display)
{
	for (unsigned int i = 0; i < display->num_outputs; i++)
		if (display->outputs[i].busy)
			return true;
	return false;
}

void display_drop(struct display *display, struct card *card)
{
	close(card->fd);
	card->fd = -1;
	for (unsigned int i = 0; i < display->num_outputs; i++) {
		struct output *output = &display->outputs[i];

		if (&display->cards[output->card] != card)
			continue;
		/* No other end of a flip will come. */
		if (output->busy)
			handle_end(-1, 0, 0, 0, output);
		output->fb = 0;
	}
}

void display_dispatch(struct card *card)
{
	drmEventContext context = {
		.version = 2,
		.page_flip_handler = handle_end,
	};

	drmHandleEvent(card->fd, &context);
}

static int find_mode(const struct card *card, struct output *output,
		     uint32_t width, uint32_t height)
{
	/* What the kernel knows: to ask the screen may take long, others wait. */
	drmModeConnector *conn;
	int ret = -ENOENT;

	conn = drmModeGetConnectorCurrent(card->fd,
					  output->objects[OBJECT_CONNECTOR]);
	if (!conn)
		return -errno;
	for (int i = 0; i < conn->count_modes && ret; i++) {
		if (conn->modes[i].hdisplay != width ||
		    conn->modes[i].vdisplay != height)
			continue;
		output->mode = conn->modes[i];
		ret = 0;
	}
	drmModeFreeConnector(conn);
	if (!ret && drmModeCreatePropertyBlob(card->fd, &output->mode,
					      sizeof(output->mode),
					      &output->mode_blob))
		ret = -errno;
	return ret;
}

int output_claim(struct display *display, const char *name, uint32_t width,
		 uint32_t height, void *owner, struct output **claimed)
{
	for (unsigned int i = 0; i < display->num_outputs; i++) {
		struct output *output = &display->outputs[i];
		int ret;

		if (strcmp(output->name, name))
			continue;
		if (output->owner)
			return -EBUSY;
		ret = find_mode(&display->cards[output->card], output, width,
				height);
		if (ret)
			return ret;
		output->owner = owner;
		output->flip_done = NULL;
		*claimed = output;
		return 0;
	}
	return -ENODEV;
}

void output_release(struct display *display, struct output *output)
{
	int fd = display->cards[output->card].fd;

	drmModeDestroyPropertyBlob(fd, output->mode_blob);
	output->mode_blob = 0;
	output->owner = NULL;
	output->flip_done = NULL;
}

static bool put(drmModeAtomicReq *req, const struct output *output,
		enum property property, uint64_t value)
{
	return drmModeAtomicAddProperty(req,
					output->objects[properties[property].object],
					output->properties[property],
					value) >= 0;
}

/* Takes @req. A framebuffer of 0 is none. */
static int commit(struct display *display, struct output *output,
		  drmModeAtomicReq *req, uint32_t flags, uint32_t fb)
{
	int fd = display->cards[output->card].fd;
	int ret;

	flags |= DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT;
	/* The library returns the error on top of leaving it in errno. */
	ret = drmModeAtomicCommit(fd, req, flags, output) ? -errno : 0;
	drmModeAtomicFree(req);
	if (ret)
		return ret;
	output->busy = true;
	output->report = false;
	output->fb = fb;
	return 0;
}

static bool put_size(drmModeAtomicReq *req, const struct output *output,
		     uint32_t x, uint32_t y)
{
	uint64_t width = output->mode.hdisplay;
	uint64_t height = output->mode.vdisplay;

	/* What is taken from the framebuffer has 16 bits behind the point. */
	return put(req, output, PLANE_SRC_X, (uint64_t)x << 16) &&
	       put(req, output, PLANE_SRC_Y, (uint64_t)y << 16) &&
	       put(req, output, PLANE_SRC_W, width << 16) &&
	       put(req, output, PLANE_SRC_H, height << 16) &&
	       put(req, output, PLANE_CRTC_X, 0) &&
	       put(req, output, PLANE_CRTC_Y, 0) &&
	       put(req, output, PLANE_CRTC_W, width) &&
	       put(req, output, PLANE_CRTC_H, height);
}

int output_show(struct display *display, struct output *output, uint32_t fb,
		uint32_t x, uint32_t y)
{
	uint32_t crtc = output->objects[OBJECT_CRTC];
	drmModeAtomicReq *req;

	if (output->busy)
		return -EBUSY;
	req = drmModeAtomicAlloc();
	if (!req)
		return -ENOMEM;
	if (!put(req, output, CRTC_ACTIVE, 1) ||
	    !put(req, output, CRTC_MODE, output->mode_blob) ||
	    !put(req, output, CONNECTOR_CRTC, crtc) ||
	    !put(req, output, PLANE_FB, fb) ||
	    !put(req, output, PLANE_CRTC, crtc) ||
	    !put_size(req, output, x, y)) {
		drmModeAtomicFree(req);
		return -ENOMEM;
	}
	return commit(display, output, req, DRM_MODE_ATOMIC_ALLOW_MODESET, fb);
}

int output_blank(struct display *display, struct output *output)
{
	drmModeAtomicReq *req;

	if (output->busy)
		return -EBUSY;
	if (!output->fb)
		return 0;
	req = drmModeAtomicAlloc();
	if (!req)
		return -ENOMEM;
	if (!put(req, output, CRTC_ACTIVE, 0) ||
	    !put(req, output, CRTC_MODE, 0) ||
	    !put(req, output, CONNECTOR_CRTC, 0) ||
	    !put(req, output, PLANE_FB, 0) ||
	    !put(req, output, PLANE_CRTC, 0)) {
		drmModeAtomicFree(req);
		return -ENOMEM;
	}
	return commit(display, output, req, DRM_MODE_ATOMIC_ALLOW_MODESET, 0);
}

int output_flip(struct display *display, struct output *output, uint32_t fb)
{
	drmModeAtomicReq *req;
	int ret;

	if (output->busy)
		return -EBUSY;
	req = drmModeAtomicAlloc();
	if (!req)
		return -ENOMEM;
	if (!put(req, output, PLANE_FB, fb)) {
		drmModeAtomicFree(req);
		return -ENOMEM;
	}
	ret = commit(display, output, req, 0, fb);
	output->report = !ret;
	return ret;
}

bool output_clear(struct display *display, struct output *output)
{
	int ret;

	output->report = false;
	ret = output_blank(display, output);
	if (ret == -EBUSY)
		return false;
	/* What cannot be blanked is when the framebuffer goes. */
	if (ret)
		output->fb = 0;
	return !output->busy;
}

void output_clear_now(struct display *display, struct output *output)
{
	struct card *card = &display->cards[output->card];
	struct pollfd pfd = { .fd = card->fd, .events = POLLIN };

	for (int i = 0; i < LAST_TRIES && !output_clear(display, output); i++) {
		if (poll(&pfd, 1, LAST_WAIT_MS) > 0)
			display_dispatch(card);
		else
			output->busy = false;
	}
}
