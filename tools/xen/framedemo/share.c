// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "share.h"

#define RELEASE_TIMEOUT_MS	10000
#define GRANT_SEED		1

/* Tell which of many steps failed; the errno alone does not. */
static int step(const char *what, int ret)
{
	if (ret < 0)
		printf("FRAMEDEMO ERROR %s: %s (%d)\n", what, strerror(-ret),
		       ret);
	return ret;
}

static int alloc_refs(struct shared_frame *frame, uint64_t bytes)
{
	frame->pages = (uint32_t)((bytes + GRANT_PAGE_SIZE - 1) /
				  GRANT_PAGE_SIZE);
	frame->refs = calloc(frame->pages, sizeof(*frame->refs));
	return frame->refs ? 0 : -ENOMEM;
}

static int keep_id(struct shared_frame *frame, int id)
{
	if (id < 0)
		return id;
	frame->id = id;
	return 0;
}

static int import_to_device(struct parties *p, struct shared_frame *frame,
			    const struct frame_geometry *geo)
{
	int ret;

	ret = step("exporting the guest's references as a dma-buf",
		   gntdev_exp_from_refs(p->gntdev, 0, peer_domid(p->peer),
					frame->refs, frame->pages,
					&frame->dmabuf));
	if (ret)
		return ret;
	return step("importing the dma-buf into the KMS device",
		    kms_import(&p->kms, frame->dmabuf, geo, &frame->buf));
}

static int export_make(struct parties *p, uint32_t width, uint32_t height,
		       struct shared_frame *frame)
{
	struct frame_geometry geo = {
		.width = width,
		.height = height,
		.pitch = width * sizeof(uint32_t),
	};
	int ret = alloc_refs(frame, frame_bytes(&geo));

	if (!ret)
		ret = keep_id(frame, peer_grant(p->peer, 0, 0, GRANT_SEED,
						frame->refs, frame->pages));
	ret = step("granting memory of the guest", ret);
	return ret ? ret : import_to_device(p, frame, &geo);
}

static int export_undo(struct parties *p, struct shared_frame *frame)
{
	int ret = 0;

	kms_free(&p->kms, &frame->buf);
	/*
	 * The descriptor was kept open until now, so that no two buffers have
	 * the same number: a wait is for all that share one.
	 */
	if (frame->dmabuf >= 0) {
		close(frame->dmabuf);
		ret = gntdev_exp_wait_released(p->gntdev, frame->dmabuf,
					       RELEASE_TIMEOUT_MS);
	}
	/* No such buffer: it was released before the call. */
	ret = step("waiting for the export's release",
		   ret == -ENOENT ? 0 : ret);
	if (frame->id)
		ret = step("freeing the guest's memory",
			   peer_release(p->peer, frame->id)) ?: ret;
	free(frame->refs);
	return ret;
}

static int import_make(struct parties *p, uint32_t width, uint32_t height,
		       struct shared_frame *frame)
{
	int ret;

	ret = step("creating a dumb buffer",
		   kms_dumb(&p->kms, width, height, &frame->buf));
	if (!ret)
		ret = alloc_refs(frame, frame->buf.bytes);
	if (!ret)
		ret = step("exporting the dumb buffer as a dma-buf",
			   kms_export(&p->kms, &frame->buf, &frame->dmabuf));
	if (!ret)
		ret = step("importing the dma-buf to references",
			   gntdev_imp_to_refs(p->gntdev, frame->dmabuf,
					      peer_domid(p->peer),
					      frame->pages, frame->refs));
	if (!ret)
		ret = step("mapping the references in the guest",
			   keep_id(frame, peer_map(p->peer, 0, 0, frame->refs,
						   frame->pages)));
	return ret;
}

static int import_undo(struct parties *p, struct shared_frame *frame)
{
	int ret = 0;

	if (frame->id)
		ret = step("unmapping in the guest",
			   peer_release(p->peer, frame->id));
	if (frame->dmabuf >= 0) {
		ret = step("releasing the import",
			   gntdev_imp_release(p->gntdev, frame->dmabuf)) ?: ret;
		close(frame->dmabuf);
	}
	kms_free(&p->kms, &frame->buf);
	free(frame->refs);
	return ret;
}

const struct way way_export = {
	.name = "guest-memory",
	.guest_memory = 1,
	.make = export_make,
	.undo = export_undo,
};

const struct way way_import = {
	.name = "device-memory",
	.make = import_make,
	.undo = import_undo,
};
