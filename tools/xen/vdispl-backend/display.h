/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guests are shown on: KMS devices ("cards") and their outputs. Functions
 * return 0 or a negative errno.
 *
 * Nothing here waits for a screen: what an output is told to show it shows some
 * time later, is busy until then, and cannot be told anything else. The end of
 * that is an event of the card.
 */
#ifndef VDISPL_DISPLAY_H
#define VDISPL_DISPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

#define MAX_CARDS	4
#define MAX_OUTPUTS	8

/**
 * struct card - a KMS device
 * @node:	path
 * @fd:		descriptor, or -1 when the device has gone
 */
struct card {
	char *node;
	int fd;
};

/* The objects of a card that an output is made of. */
enum object {
	OBJECT_CRTC,
	OBJECT_CONNECTOR,
	OBJECT_PLANE,
	NUM_OBJECTS,
};

/* What of them is set. */
enum property {
	CRTC_ACTIVE,
	CRTC_MODE,
	CONNECTOR_CRTC,
	PLANE_FB,
	PLANE_CRTC,
	PLANE_SRC_X,
	PLANE_SRC_Y,
	PLANE_SRC_W,
	PLANE_SRC_H,
	PLANE_CRTC_X,
	PLANE_CRTC_Y,
	PLANE_CRTC_W,
	PLANE_CRTC_H,
	NUM_PROPERTIES,
};

/**
 * struct output - one CRTC with a connector
 * @name:	what a guest's connector has as its unique-id
 * @card:	index of the card
 * @objects:	ids, by enum object
 * @properties:	ids, by enum property
 * @mode:	of the guest that has it
 * @mode_blob:	@mode as the card knows it, or 0
 * @owner:	the guest's connector that has it, or NULL
 * @fb:		framebuffer that it shows or is going to show, or 0
 * @busy:	what it was told last has not come to its end yet
 * @report:	that was a flip of which @owner wants to know the end
 * @flip_done:	called then, with @owner
 */
struct output {
	char *name;
	unsigned int card;
	uint32_t objects[NUM_OBJECTS];
	uint32_t properties[NUM_PROPERTIES];
	drmModeModeInfo mode;
	uint32_t mode_blob;
	void *owner;
	uint32_t fb;
	bool busy;
	bool report;
	void (*flip_done)(void *owner);
};

struct display {
	struct card cards[MAX_CARDS];
	unsigned int num_cards;
	struct output outputs[MAX_OUTPUTS];
	unsigned int num_outputs;
};

/**
 * display_add() - add an output
 * @display:	gets it
 * @spec:	NAME=NODE or NAME=NODE,INDEX, the index of a CRTC of the card
 */
int display_add(struct display *display, const char *spec);
void display_close(struct display *display);

/* Handle what a card has to say; its descriptor is readable. */
void display_dispatch(struct card *card);

/**
 * display_lost() - look for a card that has gone, as one does that is unplugged
 * @display:	all cards
 *
 * Return: one that is to be closed, or NULL.
 */
struct card *display_lost(struct display *display);

/* Whether the end of something is awaited. */
bool display_busy(const struct display *display);

/*
 * Close a card that has gone: all buffers and framebuffers that it has end with
 * its descriptor, and with nothing else. Its outputs show nothing any more.
 */
void display_drop(struct display *display, struct card *card);

/* Give the output of a name to a guest's connector, for a size. */
int output_claim(struct display *display, const char *name, uint32_t width,
		 uint32_t height, void *owner, struct output **claimed);
/* It shows nothing and is not busy. */
void output_release(struct display *display, struct output *output);

/*
 * Begin something; -EBUSY if it is busy, or another output of the card is that has
 * to do with it, of whose end there is no event for this one.
 */
int output_show(struct display *display, struct output *output, uint32_t fb,
		uint32_t x, uint32_t y);
int output_blank(struct display *display, struct output *output);
int output_flip(struct display *display, struct output *output, uint32_t fb);

/**
 * output_clear() - have an output show nothing, whatever that takes
 * @display:	it is a part of
 * @output:	is not told of the end of a flip any more
 *
 * Return: true when it shows nothing; else this is to be called again when its
 * card has had something to say or, if it is not busy, soon.
 */
bool output_clear(struct display *display, struct output *output);

/* The same, but wait for it; for the end of the program. */
void output_clear_now(struct display *display, struct output *output);

#endif /* VDISPL_DISPLAY_H */
