// SPDX-License-Identifier: GPL-2.0-only
/*
 * Four layers: a gradient that tells misplaced pages, a disc that moves so
 * that a stale frame is seen, a band of noise that no other frame has, and
 * the frame number for the human eye.
 */
#include <stdbool.h>
#include <string.h>

#include "frame.h"
#include "pattern.h"

#define NOISE_ROWS	48u
#define RADIUS		60
#define DIGITS		5u
#define DIGIT_SCALE	8u
#define DIGIT_COLS	3u
#define DIGIT_ROWS	5u
#define DIGIT_ADVANCE	((DIGIT_COLS + 1) * DIGIT_SCALE)
#define BOX_X		16u
#define BOX_Y		16u
#define BOX_WIDTH	(DIGITS * DIGIT_ADVANCE + DIGIT_SCALE)
#define BOX_HEIGHT	((DIGIT_ROWS + 2) * DIGIT_SCALE)
#define PIXEL_MASK	0x00ffffffu

/* Three bits a row, the top row in the highest bits. */
static const uint16_t glyphs[10] = {
	075557, 026227, 071747, 071717, 055711,
	074717, 074757, 071111, 075757, 075717,
};

struct painter {
	const struct frame_geometry *geo;
	uint32_t number;
	uint32_t tint;
	uint64_t noise;
	int disc_x;
	int disc_y;
};

size_t frame_bytes(const struct frame_geometry *geo)
{
	if (!geo->width || !geo->height || geo->pitch % sizeof(uint32_t) ||
	    geo->pitch / sizeof(uint32_t) < geo->width)
		return 0;
	return (size_t)geo->pitch * geo->height;
}

/* A point that bounces between 0 and span - 1. */
static int bounce(uint32_t steps, int span)
{
	int pos;

	if (span < 2)
		return 0;
	pos = (int)(steps % (2u * (uint32_t)span - 2u));
	return pos < span ? pos : 2 * span - 2 - pos;
}

/* A colour that rises and falls without a jump. */
static uint32_t wave(uint32_t value)
{
	value &= 511;
	return value < 256 ? value : 511 - value;
}

static void draw_gradient(const struct painter *p, uint32_t y, uint32_t *row)
{
	uint32_t green = wave(y + p->number + (p->tint >> 8)) << 8;
	uint32_t red = 2 * p->number + (p->tint >> 16);
	uint32_t blue = y + p->tint;

	for (uint32_t x = 0; x < p->geo->width; x++)
		row[x] = (wave(x + red) << 16) | green | wave(x + blue);
}

static void draw_noise(const struct painter *p, uint32_t y, uint32_t *row)
{
	uint64_t value = pattern_mix(p->noise ^ y);

	for (uint32_t x = 0; x < p->geo->width; x++) {
		value = value * 6364136223846793005ull + 1442695040888963407ull;
		row[x] = (uint32_t)(value >> 40) & PIXEL_MASK;
	}
}

static void draw_disc(const struct painter *p, uint32_t y, uint32_t *row)
{
	int dy = (int)y - p->disc_y;

	if (dy < -RADIUS || dy > RADIUS)
		return;
	for (int dx = -RADIUS; dx <= RADIUS; dx++) {
		int x = p->disc_x + dx;
		int square = dx * dx + dy * dy;
		uint32_t shade;

		if (square > RADIUS * RADIUS || x < 0 ||
		    x >= (int)p->geo->width)
			continue;
		shade = 255 - (uint32_t)(square * 160 / (RADIUS * RADIUS));
		row[x] = (shade << 16) | ((shade / 2) << 8) |
			 ((uint32_t)p->number & 0xff);
	}
}

static bool digit_bit(uint32_t digit, uint32_t col, uint32_t line)
{
	uint32_t shift = (DIGIT_ROWS - 1 - line) * DIGIT_COLS +
			 (DIGIT_COLS - 1 - col);

	return (glyphs[digit] >> shift) & 1;
}

static void draw_digit(uint32_t digit, uint32_t line, uint32_t *row)
{
	for (uint32_t x = 0; x < DIGIT_COLS * DIGIT_SCALE; x++)
		if (digit_bit(digit, x / DIGIT_SCALE, line))
			row[x] = PIXEL_MASK;
}

static void draw_counter(const struct painter *p, uint32_t y, uint32_t *row)
{
	uint32_t number = p->number;

	if (y < BOX_Y || y >= BOX_Y + BOX_HEIGHT ||
	    p->geo->width < BOX_X + BOX_WIDTH)
		return;
	memset(row + BOX_X, 0, BOX_WIDTH * sizeof(*row));
	y -= BOX_Y;
	if (y < DIGIT_SCALE || y >= BOX_HEIGHT - DIGIT_SCALE)
		return;
	for (uint32_t i = DIGITS; i-- > 0; number /= 10)
		draw_digit(number % 10, y / DIGIT_SCALE - 1,
			   row + BOX_X + DIGIT_SCALE + i * DIGIT_ADVANCE);
}

void frame_draw(void *buffer, const struct frame_geometry *geo,
		uint32_t number, uint64_t seed)
{
	uint64_t mixed = pattern_mix(seed);
	struct painter p = {
		.geo = geo,
		.number = number,
		.tint = (uint32_t)mixed & PIXEL_MASK,
		.noise = pattern_mix(seed ^ ((uint64_t)number << 32)),
		.disc_x = bounce(number * 11 + (uint32_t)(mixed >> 40),
				 (int)geo->width),
		.disc_y = bounce(number * 7 + (uint32_t)(mixed >> 44),
				 (int)geo->height),
	};

	for (uint32_t y = 0; y < geo->height; y++) {
		uint32_t *row = (uint32_t *)((char *)buffer +
					     (size_t)y * geo->pitch);

		if (y + NOISE_ROWS >= geo->height) {
			draw_noise(&p, y, row);
			continue;
		}
		draw_gradient(&p, y, row);
		draw_disc(&p, y, row);
		draw_counter(&p, y, row);
	}
}

uint64_t frame_digest(const void *buffer, const struct frame_geometry *geo)
{
	uint64_t digest = pattern_mix(geo->width ^ ((uint64_t)geo->height << 32));

	for (uint32_t y = 0; y < geo->height; y++) {
		const uint32_t *row = (const uint32_t *)((const char *)buffer +
							 (size_t)y * geo->pitch);

		for (uint32_t x = 0; x < geo->width; x++) {
			digest ^= row[x] & PIXEL_MASK;
			digest *= 0x9e3779b97f4a7c15ull;
			digest ^= digest >> 29;
		}
	}
	return digest;
}
