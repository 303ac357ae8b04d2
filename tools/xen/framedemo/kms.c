// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <xf86drm.h>

#include "kms.h"

static int find_mode(struct kms *kms, const drmModeConnector *conn,
		     uint32_t width, uint32_t height)
{
	for (int i = 0; i < conn->count_modes; i++) {
		if (conn->modes[i].hdisplay != width ||
		    conn->modes[i].vdisplay != height)
			continue;
		kms->mode = conn->modes[i];
		return 0;
	}
	return -ENOENT;
}

/* What can drive a connector. */
static int find_crtc(struct kms *kms, const drmModeRes *res,
		     const drmModeConnector *conn)
{
	drmModeEncoder *encoder;
	int first;

	if (!conn->count_encoders)
		return -ENODEV;
	encoder = drmModeGetEncoder(kms->fd, conn->encoders[0]);
	if (!encoder)
		return -errno;
	first = ffs((int)encoder->possible_crtcs) - 1;
	drmModeFreeEncoder(encoder);
	if (first < 0 || first >= res->count_crtcs)
		return -ENODEV;
	kms->connector = conn->connector_id;
	kms->crtc = res->crtcs[first];
	return 0;
}

static int find_screen(struct kms *kms, const drmModeRes *res, uint32_t width,
		       uint32_t height)
{
	int ret = -ENODEV;

	for (int i = 0; i < res->count_connectors && ret; i++) {
		drmModeConnector *conn;

		conn = drmModeGetConnector(kms->fd, res->connectors[i]);
		if (!conn)
			continue;
		if (conn->connection == DRM_MODE_CONNECTED)
			ret = find_mode(kms, conn, width, height) ?:
			      find_crtc(kms, res, conn);
		drmModeFreeConnector(conn);
	}
	return ret;
}

/* Takes the descriptor. */
static int init_kms(struct kms *kms, int fd, uint32_t width, uint32_t height)
{
	drmModeRes *res;
	int ret;

	*kms = (struct kms){ .fd = fd };
	if (kms->fd < 0)
		return -errno;
	res = drmModeGetResources(kms->fd);
	ret = res ? find_screen(kms, res, width, height) : -errno;
	if (res)
		drmModeFreeResources(res);
	if (ret)
		kms_close(kms);
	return ret;
}

int kms_open(struct kms *kms, const char *node, uint32_t width,
	     uint32_t height)
{
	return init_kms(kms, open(node, O_RDWR | O_CLOEXEC), width, height);
}

int kms_beside(struct kms *kms, const struct kms *other, uint32_t width,
	       uint32_t height)
{
	return init_kms(kms, fcntl(other->fd, F_DUPFD_CLOEXEC, 0), width,
			height);
}

void kms_close(struct kms *kms)
{
	if (kms->fd >= 0)
		close(kms->fd);
	kms->fd = -1;
}

static int add_fb(struct kms *kms, struct kms_buffer *buf)
{
	uint32_t handles[4] = { buf->handle };
	uint32_t pitches[4] = { buf->geo.pitch };
	uint32_t offsets[4] = { 0 };

	return drmModeAddFB2(kms->fd, buf->geo.width, buf->geo.height,
			     DRM_FORMAT_XRGB8888, handles, pitches, offsets,
			     &buf->fb, 0) ? -errno : 0;
}

int kms_import(struct kms *kms, int dmabuf, const struct frame_geometry *geo,
	       struct kms_buffer *buf)
{
	int ret;

	*buf = (struct kms_buffer){ .geo = *geo, .bytes = frame_bytes(geo) };
	if (drmPrimeFDToHandle(kms->fd, dmabuf, &buf->handle))
		return -errno;
	ret = add_fb(kms, buf);
	if (ret)
		kms_free(kms, buf);
	return ret;
}

int kms_dumb(struct kms *kms, uint32_t width, uint32_t height,
	     struct kms_buffer *buf)
{
	int ret;

	*buf = (struct kms_buffer){ .geo = { .width = width,
					     .height = height } };
	if (drmModeCreateDumbBuffer(kms->fd, width, height, 32, 0,
				    &buf->handle, &buf->geo.pitch,
				    &buf->bytes))
		return -errno;
	ret = add_fb(kms, buf);
	if (ret)
		kms_free(kms, buf);
	return ret;
}

int kms_export(struct kms *kms, const struct kms_buffer *buf, int *dmabuf)
{
	return drmPrimeHandleToFD(kms->fd, buf->handle,
				  DRM_CLOEXEC | DRM_RDWR, dmabuf) ? -errno : 0;
}

void kms_free(struct kms *kms, struct kms_buffer *buf)
{
	if (buf->fb)
		drmModeRmFB(kms->fd, buf->fb);
	if (buf->handle)
		drmCloseBufferHandle(kms->fd, buf->handle);
	*buf = (struct kms_buffer){ 0 };
}

int kms_show(struct kms *kms, const struct kms_buffer *buf)
{
	return drmModeSetCrtc(kms->fd, kms->crtc, buf->fb, 0, 0,
			      &kms->connector, 1, &kms->mode) ? -errno : 0;
}

static void note_flip(int fd, unsigned int sequence, unsigned int sec,
		      unsigned int usec, void *data)
{
	bool *done = data;

	(void)fd;
	(void)sequence;
	(void)sec;
	(void)usec;
	*done = true;
}

int kms_flip(struct kms *kms, const struct kms_buffer *buf, int timeout_ms)
{
	drmEventContext context = {
		.version = 2,
		.page_flip_handler = note_flip,
	};
	struct pollfd pfd = { .fd = kms->fd, .events = POLLIN };
	bool done = false;

	if (drmModePageFlip(kms->fd, kms->crtc, buf->fb,
			    DRM_MODE_PAGE_FLIP_EVENT, &done))
		return -errno;
	while (!done) {
		int ret = poll(&pfd, 1, timeout_ms);

		if (ret < 0 && errno != EINTR)
			return -errno;
		if (!ret)
			return -ETIMEDOUT;
		if (ret > 0 && drmHandleEvent(kms->fd, &context))
			return -EIO;
	}
	return 0;
}

int kms_damage(struct kms *kms, const struct kms_buffer *buf)
{
	return drmModeDirtyFB(kms->fd, buf->fb, NULL, 0) ? -errno : 0;
}
