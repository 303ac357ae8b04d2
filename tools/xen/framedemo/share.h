/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A frame that a guest draws and a KMS device shows: the two ways to get
 * one. Functions return 0 or a negative errno.
 */
#ifndef FRAMEDEMO_SHARE_H
#define FRAMEDEMO_SHARE_H

#include "kms.h"
#include "peer.h"

/**
 * struct parties - who takes part
 * @kms:	shows frames
 * @peer:	the guest that draws them
 * @gntdev:	open file of /dev/xen/gntdev
 */
struct parties {
	struct kms kms;
	struct peer *peer;
	int gntdev;
};

/**
 * struct shared_frame - one frame
 * @buf:	for the device
 * @id:		for the guest, 0 if it has none
 * @dmabuf:	number of the dma-buf's descriptor, -1 if there was none; the
 *		grant device knows the buffer by it, also after it was closed
 * @pages:	number of pages
 * @refs:	their grant references
 */
struct shared_frame {
	struct kms_buffer buf;
	int id;
	int dmabuf;
	uint32_t pages;
	uint32_t *refs;
};

/**
 * struct way - one way to share a frame
 * @name:	used in messages
 * @guest_memory: the guest is who grants
 * @make:	set up a frame; on failure the caller still undoes it
 * @undo:	as far as @make came
 */
struct way {
	const char *name;
	int guest_memory;
	int (*make)(struct parties *parties, uint32_t width, uint32_t height,
		    struct shared_frame *frame);
	int (*undo)(struct parties *parties, struct shared_frame *frame);
};

/* The guest's memory becomes a dma-buf that the device imports. */
extern const struct way way_export;
/* The device's memory becomes grants that the guest maps. */
extern const struct way way_import;

#endif /* FRAMEDEMO_SHARE_H */
