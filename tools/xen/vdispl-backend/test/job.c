// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "job.h"

#define CRC_POLYNOMIAL	0xedb88320u

int job_fail(const char *what, int ret)
{
	if (ret)
		printf("vdispl-guest: %s: %s\n", what, strerror(-ret));
	return ret;
}

bool job_has(const struct job *job, uint32_t frame)
{
	return !job->frames || frame < job->frames;
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
static uint32_t picture_crc(const struct picture *picture)
{
	const struct frame_geometry *geo = picture->geo;
	uint32_t table[256], crc = 0;

	for (uint32_t i = 0; i < 256; i++)
		table[i] = crc_byte(0, (uint8_t)i);
	for (uint32_t y = 0; y < geo->height; y++) {
		const uint32_t *row = (const uint32_t *)((const char *)
			picture->pixels + (size_t)y * geo->pitch);

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

void job_shown(struct xs_handle *xs, const struct job *job, uint32_t frame,
	       const struct picture *pictures, unsigned int count)
{
	char text[96];
	int len;

	if (frame % job->every && frame + 1 != job->frames)
		return;
	len = snprintf(text, sizeof(text), "%" PRIu32 " %" PRIu32 " %" PRIx64,
		       job->number, frame,
		       frame_digest(pictures->pixels, pictures->geo));
	for (unsigned int i = 0; i < count; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
				" %" PRIx32, picture_crc(&pictures[i]));
	xs_write(xs, XBT_NULL, "data/shown", text, (unsigned int)len);
	if (!job->frames)
		return;
	snprintf(text, sizeof(text), "%" PRIu32 " %" PRIu32, job->number,
		 frame);
	await(xs, "data/next", text);
}

static int parse_job(const char *text, struct job *job)
{
	int count;

	*job = (struct job){ 0 };
	count = sscanf(text, "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32 "%"
		       SCNu32 "%" SCNu32 "%" SCNu64 "%" SCNu32 "%" SCNu32,
		       &job->number, &job->width, &job->height, &job->buffers,
		       &job->frames, &job->every, &job->seed,
		       &job->second_width, &job->second_height);
	return (count == 7 || count == 9) && job->buffers && job->every &&
	       job->buffers <= MAX_BUFFERS ? 0 : -1;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000;
}

static void do_job(struct xs_handle *xs, const struct job *job,
		   int (*run)(struct xs_handle *xs, const struct job *job))
{
	uint64_t start = now_us();
	char text[80];
	int ret = run(xs, job);

	snprintf(text, sizeof(text), "%" PRIu32 " %d %" PRIu64, job->number,
		 -ret, now_us() - start);
	xs_write(xs, XBT_NULL, "data/done", text, strlen(text));
}

int job_loop(int (*run)(struct xs_handle *xs, const struct job *job))
{
	struct xs_handle *xs = xs_open(0);
	uint32_t last = 0;

	if (!xs || !xs_watch(xs, "data/job", "") ||
	    !xs_watch(xs, "data/next", ""))
		return EXIT_FAILURE;
	for (;;) {
		unsigned int len;
		char **event = xs_read_watch(xs, &len);
		char *text = xs_read(xs, XBT_NULL, "data/job", &len);
		struct job job;

		if (text && !strcmp(text, "end"))
			return EXIT_SUCCESS;
		if (text && !parse_job(text, &job) && job.number != last) {
			last = job.number;
			do_job(xs, &job, run);
		}
		free(text);
		free(event);
	}
}
