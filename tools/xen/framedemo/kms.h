/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of a KMS device as a backend that shows foreign frames needs.
 * Functions return 0 or a negative errno.
 */
#ifndef FRAMEDEMO_KMS_H
#define FRAMEDEMO_KMS_H

#include <stdint.h>

#include <xf86drmMode.h>

#include "frame.h"

/**
 * struct kms - an open device with one screen
 * @fd:		the device
 * @connector:	the connected screen
 * @crtc:	what drives it
 * @mode:	its mode
 */
struct kms {
	int fd;
	uint32_t connector;
	uint32_t crtc;
	drmModeModeInfo mode;
};

/**
 * struct kms_buffer - a frame buffer of the device
 * @handle:	GEM handle
 * @fb:		KMS frame buffer
 * @geo:	layout
 * @bytes:	size
 */
struct kms_buffer {
	uint32_t handle;
	uint32_t fb;
	struct frame_geometry geo;
	uint64_t bytes;
};

int kms_open(struct kms *kms, const char *node, uint32_t width,
	     uint32_t height);

/**
 * kms_beside() - another screen of an open device
 * @kms:	filled in
 * @other:	the device; each of both is closed by itself
 * @width:	in pixels; the first screen that has such a mode is taken
 * @height:	in pixels
 *
 * Return: 0 or a negative errno.
 */
int kms_beside(struct kms *kms, const struct kms *other, uint32_t width,
	       uint32_t height);
void kms_close(struct kms *kms);

/**
 * kms_import() - make a frame buffer of somebody else's dma-buf (PRIME)
 * @kms:	the device
 * @dmabuf:	the dma-buf; may be closed afterwards
 * @geo:	layout of the frame in it
 * @buf:	filled in
 *
 * Return: 0 or a negative errno.
 */
int kms_import(struct kms *kms, int dmabuf, const struct frame_geometry *geo,
	       struct kms_buffer *buf);

/**
 * kms_dumb() - make a frame buffer of the device's own memory
 * @kms:	the device
 * @width:	in pixels
 * @height:	in pixels
 * @buf:	filled in; the device chooses the pitch
 *
 * Return: 0 or a negative errno.
 */
int kms_dumb(struct kms *kms, uint32_t width, uint32_t height,
	     struct kms_buffer *buf);

/* Make a dma-buf of a buffer that others may write to. */
int kms_export(struct kms *kms, const struct kms_buffer *buf, int *dmabuf);

void kms_free(struct kms *kms, struct kms_buffer *buf);

/* Put a buffer on the screen by a modeset. */
int kms_show(struct kms *kms, const struct kms_buffer *buf);
/* Exchange the buffer on the screen, wait until it is done. */
int kms_flip(struct kms *kms, const struct kms_buffer *buf, int timeout_ms);
/* Tell the device that the whole buffer on the screen has changed. */
int kms_damage(struct kms *kms, const struct kms_buffer *buf);

#endif /* FRAMEDEMO_KMS_H */
