// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include <png.h>

#include "frame.h"
#include "screen.h"

#define PIXEL_MASK	0x00ffffffu
#define OPAQUE		0xff000000u

static uint32_t *make_frame(uint32_t width, uint32_t height, uint32_t number,
			    uint64_t seed)
{
	struct frame_geometry geo = {
		.width = width,
		.height = height,
		.pitch = width * sizeof(uint32_t),
	};
	uint32_t *pixels = malloc(frame_bytes(&geo));

	if (pixels)
		frame_draw(pixels, &geo, number, seed);
	return pixels;
}

/* In memory order B, G, R, A: an XRGB8888 word on a little-endian machine. */
static uint32_t *load(const char *png, png_image *image)
{
	uint32_t *pixels;

	*image = (png_image){ .version = PNG_IMAGE_VERSION };
	if (!png_image_begin_read_from_file(image, png))
		return NULL;
	image->format = PNG_FORMAT_BGRA;
	pixels = malloc(PNG_IMAGE_SIZE(*image));
	if (!pixels || !png_image_finish_read(image, NULL, pixels, 0, NULL)) {
		png_image_free(image);
		free(pixels);
		return NULL;
	}
	return pixels;
}

static void compare(const uint32_t *seen, const uint32_t *wanted,
		    struct screen_check *result)
{
	for (uint32_t y = 0; y < result->height; y++) {
		for (uint32_t x = 0; x < result->width; x++) {
			size_t i = (size_t)y * result->width + x;

			if (!((seen[i] ^ wanted[i]) & PIXEL_MASK))
				continue;
			if (!result->wrong++) {
				result->x = x;
				result->y = y;
			}
		}
	}
}

int screen_check(const char *png, uint32_t number, uint64_t seed,
		 struct screen_check *result)
{
	uint32_t *seen, *wanted;
	png_image image;
	int ret = 0;

	seen = load(png, &image);
	if (!seen)
		return -EIO;
	*result = (struct screen_check){
		.width = image.width,
		.height = image.height,
	};
	wanted = make_frame(image.width, image.height, number, seed);
	if (wanted)
		compare(seen, wanted, result);
	else
		ret = -ENOMEM;
	free(wanted);
	free(seen);
	return ret;
}

int screen_save_expected(const char *png, const struct screen_check *size,
			 uint32_t number, uint64_t seed)
{
	png_image image = {
		.version = PNG_IMAGE_VERSION,
		.width = size->width,
		.height = size->height,
		.format = PNG_FORMAT_BGRA,
	};
	uint32_t *pixels = make_frame(size->width, size->height, number, seed);
	int saved;

	if (!pixels)
		return -ENOMEM;
	for (size_t i = 0; i < (size_t)size->width * size->height; i++)
		pixels[i] |= OPAQUE;
	saved = png_image_write_to_file(&image, png, 0, pixels, 0, NULL);
	free(pixels);
	return saved ? 0 : -EIO;
}

uint64_t screen_digest(uint32_t width, uint32_t height, uint32_t number,
		       uint64_t seed)
{
	struct frame_geometry geo = {
		.width = width,
		.height = height,
		.pitch = width * sizeof(uint32_t),
	};
	uint32_t *pixels = make_frame(width, height, number, seed);
	uint64_t digest = pixels ? frame_digest(pixels, &geo) : 0;

	free(pixels);
	return digest;
}
