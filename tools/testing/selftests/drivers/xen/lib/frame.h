/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames of an animation for the display tests. Every pixel is a function of
 * its place, the frame number and the seed, so whoever knows these can tell
 * what has to be on the screen.
 */
#ifndef XEN_SELFTEST_FRAME_H
#define XEN_SELFTEST_FRAME_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct frame_geometry - layout of an XRGB8888 frame in memory
 * @width:	pixels in a row
 * @height:	rows
 * @pitch:	bytes from one row to the next, a multiple of 4
 */
struct frame_geometry {
	uint32_t width;
	uint32_t height;
	uint32_t pitch;
};

/**
 * frame_bytes() - memory a frame occupies
 * @geo:	the layout
 *
 * Return: the number of bytes, or 0 if the layout makes no sense.
 */
size_t frame_bytes(const struct frame_geometry *geo);

/**
 * frame_draw() - draw a frame
 * @buffer:	memory of frame_bytes() bytes
 * @geo:	its layout
 * @number:	frame number, shown in the top left corner
 * @seed:	distinguishes one animation from another
 */
void frame_draw(void *buffer, const struct frame_geometry *geo,
		uint32_t number, uint64_t seed);

/**
 * frame_digest() - check sum of the visible pixels
 * @buffer:	a frame
 * @geo:	its layout
 *
 * The unused byte of each pixel and the bytes between rows do not count.
 *
 * Return: a 64-bit digest that depends on the order of the pixels.
 */
uint64_t frame_digest(const void *buffer, const struct frame_geometry *geo);

#endif /* XEN_SELFTEST_FRAME_H */
