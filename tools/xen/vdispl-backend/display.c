// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "display.h"

static int open_card(struct display *display, const char *node)
{
	struct card *card = &display->cards[display->num_cards];

	for (unsigned int i = 0; i < display->num_cards; i++)
		if (!strcmp(display->cards[i].node, node))
			return (int)i;
	if (display->num_cards == MAX_CARDS)
		return -ENOSPC;
	card->fd = open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (card->fd < 0)
		return -errno;
	card->node = strdup(node);
	if (!card->node) {
		close(card->fd);
		return -ENOMEM;
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

/* The connector with the CRTC's number: cards here have one each per output. */
static int find_objects(const struct card *card, struct output *output,
			int index)
{
	drmModeRes *res = drmModeGetResources(card->fd);
	int ret = -ENODEV;

	if (!res)
		return -errno;
	if (index >= 0 && index < res->count_crtcs &&
	    index < res->count_connectors) {
		output->crtc = res->crtcs[index];
		output->connector = res->connectors[index];
		probe(card, output->connector);
		ret = 0;
	}
	drmModeFreeResources(res);
	return ret;
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
	ret = find_objects(&display->cards[output->card], output, index);
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

void display_close(struct display *display)
{
	for (unsigned int i = 0; i < display->num_outputs; i++)
		free(display->outputs[i].name);
	for (unsigned int i = 0; i < display->num_cards; i++) {
		free(display->cards[i].node);
		close(display->cards[i].fd);
	}
	*display = (struct display){ 0 };
}

static void handle_flip(int fd, unsigned int sequence, unsigned int sec,
			unsigned int usec, void *data)
{
	struct output *output = data;

	(void)fd;
	(void)sequence;
	(void)sec;
	(void)usec;
	output->flipping = false;
	/* Whoever asked for the flip may have gone, and another have come. */
	if (output->report && output->flip_done)
		output->flip_done(output->owner);
}

void display_dispatch(struct card *card)
{
	drmEventContext context = {
		.version = 2,
		.page_flip_handler = handle_flip,
	};

	drmHandleEvent(card->fd, &context);
}

static int find_mode(const struct card *card, struct output *output,
		     uint32_t width, uint32_t height)
{
	/* What the kernel knows: to ask the screen may take long, others wait. */
	drmModeConnector *conn = drmModeGetConnectorCurrent(card->fd,
							    output->connector);
	int ret = -ENOENT;

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
	output_blank(display, output);
	output->owner = NULL;
	output->report = false;
	output->flip_done = NULL;
}

int output_show(struct display *display, struct output *output, uint32_t fb,
		uint32_t x, uint32_t y)
{
	int fd = display->cards[output->card].fd;

	return drmModeSetCrtc(fd, output->crtc, fb, x, y, &output->connector,
			      1, &output->mode) ? -errno : 0;
}

int output_blank(struct display *display, struct output *output)
{
	int fd = display->cards[output->card].fd;

	return drmModeSetCrtc(fd, output->crtc, 0, 0, 0, NULL, 0, NULL) ?
	       -errno : 0;
}

int output_flip(struct display *display, struct output *output, uint32_t fb)
{
	int fd = display->cards[output->card].fd;

	if (output->flipping)
		return -EBUSY;
	if (drmModePageFlip(fd, output->crtc, fb, DRM_MODE_PAGE_FLIP_EVENT,
			    output))
		return -errno;
	output->flipping = true;
	output->report = true;
	return 0;
}
