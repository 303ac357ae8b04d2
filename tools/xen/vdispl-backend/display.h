/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guests are shown on: KMS devices ("cards") and their outputs. Functions
 * return 0 or a negative errno.
 */
#ifndef VDISPL_DISPLAY_H
#define VDISPL_DISPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

#define MAX_CARDS	4
#define MAX_OUTPUTS	8

struct card {
	char *node;
	int fd;
};

/**
 * struct output - one CRTC with a connector
 * @name:	what a guest's connector has as its unique-id
 * @card:	index of the card
 * @crtc:	object of the card
 * @connector:	object of the card
 * @mode:	of the guest that has it
 * @owner:	the guest's connector that has it, or NULL
 * @flipping:	a flip has not ended yet
 * @report:	@owner asked for that flip
 * @flip_done:	called when it has ended, with @owner
 */
struct output {
	char *name;
	unsigned int card;
	uint32_t crtc;
	uint32_t connector;
	drmModeModeInfo mode;
	void *owner;
	bool flipping;
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

/* Give the output of a name to a guest's connector, for a size. */
int output_claim(struct display *display, const char *name, uint32_t width,
		 uint32_t height, void *owner, struct output **claimed);
void output_release(struct display *display, struct output *output);

int output_show(struct display *display, struct output *output, uint32_t fb,
		uint32_t x, uint32_t y);
int output_blank(struct display *display, struct output *output);
/* -EBUSY while the last flip has not ended. */
int output_flip(struct display *display, struct output *output, uint32_t fb);

#endif /* VDISPL_DISPLAY_H */
