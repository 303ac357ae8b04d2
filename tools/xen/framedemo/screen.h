/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an emulated machine shows, and whether it is the frame it should be.
 */
#ifndef FRAMEDEMO_SCREEN_H
#define FRAMEDEMO_SCREEN_H

#include <stdint.h>

/**
 * struct screen_check - result of a comparison
 * @width:	of the picture
 * @height:	of the picture
 * @wrong:	number of pixels that differ
 * @x:		the first of them
 * @y:		the first of them
 */
struct screen_check {
	uint32_t width;
	uint32_t height;
	uint32_t wrong;
	uint32_t x;
	uint32_t y;
};

/**
 * screen_check() - compare a picture with a frame
 * @png:	file of the picture
 * @number:	frame number
 * @seed:	seed of the animation
 * @result:	what was found
 *
 * Return: 0 if the two could be compared, or a negative errno.
 */
int screen_check(const char *png, uint32_t number, uint64_t seed,
		 struct screen_check *result);

/* Save the frame that was expected, to look at the difference. */
int screen_save_expected(const char *png, const struct screen_check *size,
			 uint32_t number, uint64_t seed);

/* frame_digest() of a frame as it should be, 0 if there is no memory. */
uint64_t screen_digest(uint32_t width, uint32_t height, uint32_t number,
		       uint64_t seed);

#endif /* FRAMEDEMO_SCREEN_H */
