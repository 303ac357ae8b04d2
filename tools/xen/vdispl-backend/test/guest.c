// SPDX-License-Identifier: GPL-2.0-only
/*
 * A KMS client for a guest: draws seeded frames and flips, by the guest's stock
 * driver, on one screen of its display or on two. What to do comes by xenstore,
 * see job.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include <xf86drm.h>

#include "job.h"
#include "kms.h"

#define MAX_CARDS	8u
#define MAX_SCREENS	2u
#define FLIP_TIMEOUT_MS	20000

struct screen {
	struct kms kms;
	struct kms_buffer buffers[MAX_BUFFERS];
	void *pixels[MAX_BUFFERS];
};

struct desk {
	struct screen screens[MAX_SCREENS];
	unsigned int num_screens;
};

static int make_buffer(struct screen *screen, uint32_t width, uint32_t height,
		       uint32_t index)
{
	struct kms_buffer *buf = &screen->buffers[index];
	uint64_t offset;
	int ret;

	ret = kms_dumb(&screen->kms, width, height, buf);
	if (ret)
		return job_fail("creating a dumb buffer", ret);
	if (drmModeMapDumbBuffer(screen->kms.fd, buf->handle, &offset))
		return job_fail("asking for a mapping", -errno);
	screen->pixels[index] = mmap(NULL, buf->bytes, PROT_READ | PROT_WRITE,
				     MAP_SHARED, screen->kms.fd,
				     (off_t)offset);
	if (screen->pixels[index] != MAP_FAILED)
		return 0;
	screen->pixels[index] = NULL;
	return job_fail("mapping", -errno);
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

/* The first card that has such a screen: a kernel may have others without. */
static int open_display(struct kms *kms, uint32_t width, uint32_t height)
{
	int ret = -ENODEV;

	for (unsigned int i = 0; i < MAX_CARDS && ret; i++) {
		char node[32];

		snprintf(node, sizeof(node), "/dev/dri/card%u", i);
		ret = kms_open(kms, node, width, height);
	}
	return ret;
}

static int add_screen(struct desk *desk, uint32_t width, uint32_t height,
		      uint32_t buffers)
{
	struct screen *screen = &desk->screens[desk->num_screens];
	int ret;

	ret = desk->num_screens ?
	      kms_beside(&screen->kms, &desk->screens[0].kms, width, height) :
	      open_display(&screen->kms, width, height);
	if (ret)
		return job_fail("opening the display", ret);
	desk->num_screens++;
	for (uint32_t i = 0; i < buffers && !ret; i++)
		ret = make_buffer(screen, width, height, i);
	return ret;
}

static int show(struct screen *screen, uint32_t frame, uint32_t index,
		uint64_t seed)
{
	const struct kms_buffer *buf = &screen->buffers[index];

	frame_draw(screen->pixels[index], &buf->geo, frame, seed);
	if (!frame)
		return job_fail("setting the mode",
				kms_show(&screen->kms, buf));
	return job_fail("flipping",
			kms_flip(&screen->kms, buf, FLIP_TIMEOUT_MS));
}

static int animate(struct xs_handle *xs, struct desk *desk,
		   const struct job *job)
{
	for (uint32_t frame = 0; job_has(job, frame); frame++) {
		struct picture pictures[MAX_SCREENS];
		uint32_t index = frame % job->buffers;

		for (unsigned int i = 0; i < desk->num_screens; i++) {
			struct screen *screen = &desk->screens[i];
			int ret = show(screen, frame, index, job->seed + i);

			if (ret)
				return ret;
			pictures[i] = (struct picture){
				.pixels = screen->pixels[index],
				.geo = &screen->buffers[index].geo,
			};
		}
		job_shown(xs, job, frame, pictures, desk->num_screens);
	}
	return 0;
}

static int run_job(struct xs_handle *xs, const struct job *job)
{
	struct desk desk = { 0 };
	int ret = add_screen(&desk, job->width, job->height, job->buffers);

	if (!ret && job->second_width)
		ret = add_screen(&desk, job->second_width, job->second_height,
				 job->buffers);
	if (!ret)
		ret = animate(xs, &desk, job);
	while (desk.num_screens)
		free_screen(&desk.screens[--desk.num_screens]);
	return ret;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	return job_loop(run_job);
}
