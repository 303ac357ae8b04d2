/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest of the display's test shall draw, and what it has drawn. This
 * comes and goes by xenstore, relative to the guest's own path:
 *
 *	data/job	NUMBER WIDTH HEIGHT BUFFERS FRAMES EVERY SEED [WIDTH HEIGHT]
 *
 * The last two are of a second screen, which shows the same frames. Of each
 * EVERY-th frame and of the last the guest says that it is on the screen, and
 * waits until somebody has looked:
 *
 *	data/shown	NUMBER FRAME DIGEST CRC [CRC]
 *	data/next	NUMBER FRAME
 *
 * (a CRC is what vkms shall count for a screen; nobody has to look when FRAMES
 * is 0, which is without end), and at the end
 *
 *	data/done	NUMBER ERRNO MICROSECONDS
 */
#ifndef VDISPL_TEST_JOB_H
#define VDISPL_TEST_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include <xenstore.h>

#include "frame.h"

#define MAX_BUFFERS	2u

struct job {
	uint32_t number;
	uint32_t width;
	uint32_t height;
	uint32_t buffers;
	uint32_t frames;
	uint32_t every;
	uint64_t seed;
	uint32_t second_width;
	uint32_t second_height;
};

/* What a screen shows. */
struct picture {
	const void *pixels;
	const struct frame_geometry *geo;
};

/* Print what went wrong, if something has. Return: @ret. */
int job_fail(const char *what, int ret);

/* Whether there is a frame of this number. */
bool job_has(const struct job *job, uint32_t frame);

/* A frame is on the screens: say so where it is time to, wait for the look. */
void job_shown(struct xs_handle *xs, const struct job *job, uint32_t frame,
	       const struct picture *pictures, unsigned int count);

/* Do what comes, until that is "end"; @run returns 0 or a negative errno. */
int job_loop(int (*run)(struct xs_handle *xs, const struct job *job));

#endif /* VDISPL_TEST_JOB_H */
