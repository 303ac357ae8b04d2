// SPDX-License-Identifier: GPL-2.0-only
/*
 * A KMS client for a guest: draws seeded frames and flips, by the guest's stock
 * driver. What to do comes by xenstore, relative to the guest's own path:
 *
 *	data/job	NUMBER WIDTH HEIGHT BUFFERS FRAMES EVERY SEED
 *
 * Of each EVERY-th frame and of the last it says that it is on the screen, and
 * waits until somebody has looked:
 *
 *	data/shown	NUMBER FRAME DIGEST CRC
 *	data/next	NUMBER FRAME
 *
 * (CRC is what vkms shall count; nobody has to look when FRAMES is 0, which is
 * without end), and at the end
 *
 *	data/done	NUMBER ERRNO MICROSECONDS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <xenstore.h>
#include <xf86drm.h>

#include "frame.h"
#include "kms.h"

#define MAX_BUFFERS	2u
#define FLIP_TIMEOUT_MS	20000
#define CRC_POLYNOMIAL	0xedb88320u

struct job {
	uint32_t number;
	uint32_t width;
	uint32_t height;
	uint32_t buffers;
	uint32_t frames;
	uint32_t every;
	uint64_t seed;
};

struct screen {
	struct kms kms;
	struct kms_buffer buffers[MAX_BUFFERS];
	void *pixels[MAX_BUFFERS];
};

static int fail(const char *what, int ret)
{
	if (ret)
		printf("vdispl-guest: %s: %s\n", what, strerror(-ret));
	return ret;
}

static int make_buffer(struct screen *screen, const struct job *job,
		       uint32_t index)
{
	struct kms_buffer *buf = &screen->buffers[index];
	uint64_t offset;
	int ret;

	ret = kms_dumb(&screen->kms, job->width, job->height, buf);
	if (ret)
		return fail("creating a dumb buffer", ret);
	if (drmModeMapDumbBuffer(screen->kms.fd, buf->handle, &offset))
		return fail("asking for a mapping", -errno);
	screen->pixels[index] = mmap(NULL, buf->bytes, PROT_READ | PROT_WRITE,
				     MAP_SHARED, screen->kms.fd,
				     (off_t)offset);
	if (screen->pixels[index] != MAP_FAILED)
		return 0;
	screen->pixels[index] = NULL;
	return fail("mapping", -errno);
}

static void free_screen(struct screen *screen)
{
	for (uint32_t i = 0; i < MAX_BUFFERS; i++) {
		struct kms_buffer *buf = &screen->buffers[i];

		if (screen->pixels[i])
			munmap(screen->pixels[i], buf->bytes);
		if (buf->handle)
			kms_free(&screen->kms, buf);
	}
	kms_close(&screen->kms);
}

/* Wait for a node to be what it should; forever, as a test may kill us. */
static void await(struct xs_handle *xs, const char *node, const char *wanted)
{
	bool same = false;

	while (!same) {
		unsigned int len;
		char **event = xs_read_watch(xs, &len);
		char *value = xs_read(xs, XBT_NULL, node, &len);

		same = value && !strcmp(value, wanted);
		free(value);
		free(event);
	}
}

static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
	crc ^= byte;
	for (int bit = 0; bit < 8; bit++)
		crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
	return crc;
}

/*
 * vkms counts pixels of four times 16 bits: alpha, red, green, blue. Of its
 * eight bytes a pixel has each colour twice.
 */
static uint32_t frame_crc(const void *pixels, const struct frame_geometry *geo)
{
	uint32_t table[256], crc = 0;

	for (uint32_t i = 0; i < 256; i++)
		table[i] = crc_byte(0, (uint8_t)i);
	for (uint32_t y = 0; y < geo->height; y++) {
		const uint32_t *row = (const uint32_t *)((const char *)pixels +
							 (size_t)y * geo->pitch);

		for (uint32_t x = 0; x < geo->width; x++) {
			uint32_t pixel = row[x] | 0xff000000u;

			for (int shift = 24, i = 0; i < 8; i++) {
				crc = table[(crc ^ pixel >> shift) & 0xff] ^ crc >> 8;
				shift -= i % 2 ? 8 : 0;
			}
		}
	}
	return crc;
}

static void say_shown(struct xs_handle *xs, const struct job *job,
		      uint32_t frame, const void *pixels,
		      const struct frame_geometry *geo)
{
	char text[80];

	snprintf(text, sizeof(text), "%" PRIu32 " %" PRIu32 " %" PRIx64 " %"
		 PRIx32, job->number, frame, frame_digest(pixels, geo),
		 frame_crc(pixels, geo));
	xs_write(xs, XBT_NULL, "data/shown", text, strlen(text));
	if (!job->frames)
		return;
	snprintf(text, sizeof(text), "%" PRIu32 " %" PRIu32, job->number,
		 frame);
	await(xs, "data/next", text);
}

static int show(struct screen *screen, uint32_t frame, uint32_t index)
{
	const struct kms_buffer *buf = &screen->buffers[index];

	if (!frame)
		return fail("setting the mode", kms_show(&screen->kms, buf));
	return fail("flipping",
		    kms_flip(&screen->kms, buf, FLIP_TIMEOUT_MS));
}

static int animate(struct xs_handle *xs, struct screen *screen,
		   const struct job *job)
{
	for (uint32_t i = 0; !job->frames || i < job->frames; i++) {
		uint32_t index = i % job->buffers;
		const struct frame_geometry *geo = &screen->buffers[index].geo;
		int ret;

		frame_draw(screen->pixels[index], geo, i, job->seed);
		ret = show(screen, i, index);
		if (ret)
			return ret;
		if (i % job->every == 0 || i + 1 == job->frames)
			say_shown(xs, job, i, screen->pixels[index], geo);
	}
	return 0;
}

static int run_job(struct xs_handle *xs, const struct job *job)
{
	struct screen screen = { 0 };
	int ret;

	ret = fail("opening the display",
		   kms_open(&screen.kms, "/dev/dri/card0", job->width,
			    job->height));
	if (ret)
		return ret;
	for (uint32_t i = 0; i < job->buffers && !ret; i++)
		ret = make_buffer(&screen, job, i);
	if (!ret)
		ret = animate(xs, &screen, job);
	free_screen(&screen);
	return ret;
}

static int parse_job(const char *text, struct job *job)
{
	if (sscanf(text, "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32
		   "%" SCNu32 "%" SCNu64, &job->number, &job->width,
		   &job->height, &job->buffers, &job->frames, &job->every,
		   &job->seed) != 7)
		return -EINVAL;
	if (!job->buffers || job->buffers > MAX_BUFFERS || !job->every)
		return -EINVAL;
	return 0;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000;
}

static void do_job(struct xs_handle *xs, const struct job *job)
{
	uint64_t start = now_us();
	char text[80];
	int ret = run_job(xs, job);

	snprintf(text, sizeof(text), "%" PRIu32 " %d %" PRIu64, job->number,
		 -ret, now_us() - start);
	xs_write(xs, XBT_NULL, "data/done", text, strlen(text));
}

int main(void)
{
	struct xs_handle *xs = xs_open(0);
	struct job last = { 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!xs || !xs_watch(xs, "data/job", "") ||
	    !xs_watch(xs, "data/next", ""))
		return EXIT_FAILURE;
	for (;;) {
		unsigned int len;
		char **event = xs_read_watch(xs, &len);
		char *text = xs_read(xs, XBT_NULL, "data/job", &len);
		struct job job;

		if (text && !parse_job(text, &job) &&
		    job.number != last.number) {
			last = job;
			do_job(xs, &job);
		}
		free(text);
		free(event);
	}
}
