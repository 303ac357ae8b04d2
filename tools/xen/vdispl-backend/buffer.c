// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three ways to have a buffer:
 * - memory of the guest: its references become a dma-buf, which the cards
 *   import;
 * - memory of a card (be-alloc): a dumb buffer is exported as a dma-buf, and
 *   that becomes references for the guest;
 * - a copy: the guest's pages are mapped, each card has a dumb buffer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "buffer.h"
#include "pgdir.h"

#define PAGE_BYTES	4096u

/* A number that is not free yet, because a buffer has it. */
struct kept_number {
	struct kept_number *next;
	int number;
};

/* drm_xen_front tells nothing of a buffer that it has by PRIME but its size. */
static bool has_geometry(const struct xendispl_dbuf_create_req *req)
{
	return req->width || req->height || req->bpp;
}

static bool is_drawable(const struct xendispl_dbuf_create_req *req)
{
	return req->width && req->height && req->width <= MAX_PIXELS &&
	       req->height <= MAX_PIXELS && req->bpp && req->bpp <= 32 &&
	       !(req->bpp % 8);
}

/* The protocol has no pitch: rows follow each other. */
static int check_geometry(struct buffer *buf,
			  const struct xendispl_dbuf_create_req *req)
{
	uint64_t needed = 1;

	if (has_geometry(req)) {
		if (!is_drawable(req))
			return -EINVAL;
		needed = (uint64_t)req->width * (req->bpp / 8) * req->height;
	}
	if (needed + req->data_ofs > req->buffer_sz)
		return -EINVAL;
	buf->cookie = req->dbuf_cookie;
	buf->width = req->width;
	buf->height = req->height;
	buf->bpp = req->bpp;
	buf->pitch = req->width * (req->bpp / 8);
	buf->offset = req->data_ofs;
	buf->pages = req->buffer_sz / PAGE_BYTES +
		     !!(req->buffer_sz % PAGE_BYTES);
	return 0;
}

static struct buffer *find_buffer(struct store *store, uint64_t cookie)
{
	struct buffer *buf = store->buffers;

	while (buf && buf->cookie != cookie)
		buf = buf->next;
	return buf;
}

static int card_fd(const struct store *store, unsigned int card)
{
	return store->display->cards[card].fd;
}

static bool has_card(const struct store *store, unsigned int card)
{
	return store->cards & (1u << card);
}

static int import_to_cards(struct store *store, struct buffer *buf)
{
	for (unsigned int i = 0; i < MAX_CARDS; i++) {
		if (!has_card(store, i) || buf->cards[i].handle)
			continue;
		if (drmPrimeFDToHandle(card_fd(store, i), buf->dmabuf,
				       &buf->cards[i].handle))
			return -errno;
		buf->cards[i].pitch = buf->pitch;
	}
	return 0;
}

static int create_dumb(struct store *store, struct buffer *buf,
		       unsigned int card)
{
	struct card_buffer *dumb = &buf->cards[card];

	return drmModeCreateDumbBuffer(card_fd(store, card), buf->width,
				       buf->height, buf->bpp, 0, &dumb->handle,
				       &dumb->pitch, &dumb->bytes) ? -errno : 0;
}

static int share_guest_memory(struct store *store, struct buffer *buf,
			      uint32_t directory)
{
	uint32_t fd;
	int ret;

	ret = pgdir_read(store->xen, store->domid, directory, buf->refs,
			 buf->pages);
	if (ret)
		return ret;
	if (xengnttab_dmabuf_exp_from_refs(store->xen->gnttab, store->domid, 0,
					   buf->pages, buf->refs, &fd))
		return -errno;
	buf->dmabuf = (int)fd;
	buf->number = (int)fd;
	return import_to_cards(store, buf);
}

static unsigned int first_card(const struct store *store)
{
	return (unsigned int)__builtin_ctz(store->cards);
}

static int share_card_memory(struct store *store, struct buffer *buf,
			     uint32_t directory)
{
	unsigned int card = first_card(store);
	int ret = create_dumb(store, buf, card);

	if (ret)
		return ret;
	/* The guest knows neither a pitch nor an offset but its own. */
	if (buf->cards[card].pitch != buf->pitch || buf->offset ||
	    buf->cards[card].bytes != (uint64_t)buf->pages * PAGE_BYTES)
		return -EOPNOTSUPP;
	if (drmPrimeHandleToFD(card_fd(store, card), buf->cards[card].handle,
			       DRM_CLOEXEC | DRM_RDWR, &buf->dmabuf))
		return -errno;
	if (xengnttab_dmabuf_imp_to_refs(store->xen->gnttab, store->domid,
					 (uint32_t)buf->dmabuf, buf->pages,
					 buf->refs))
		return -errno;
	buf->ours = true;
	buf->number = buf->dmabuf;
	ret = pgdir_write(store->xen, store->domid, directory, buf->refs,
			  buf->pages);
	return ret ? ret : import_to_cards(store, buf);
}

static int map_dumb(struct store *store, struct buffer *buf, unsigned int card)
{
	struct card_buffer *dumb = &buf->cards[card];
	uint64_t offset;
	void *pixels;
	int ret = create_dumb(store, buf, card);

	if (ret)
		return ret;
	if (drmModeMapDumbBuffer(card_fd(store, card), dumb->handle, &offset))
		return -errno;
	pixels = mmap(NULL, dumb->bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		      card_fd(store, card), (off_t)offset);
	if (pixels == MAP_FAILED)
		return -errno;
	dumb->pixels = pixels;
	return 0;
}

static int prepare_copy(struct store *store, struct buffer *buf,
			uint32_t directory)
{
	int ret = pgdir_read(store->xen, store->domid, directory, buf->refs,
			     buf->pages);

	if (ret)
		return ret;
	buf->guest = xengnttab_map_domain_grant_refs(store->xen->gnttab,
						     buf->pages, store->domid,
						     buf->refs, PROT_READ);
	if (!buf->guest)
		return -errno;
	for (unsigned int i = 0; i < MAX_CARDS && !ret; i++)
		if (has_card(store, i))
			ret = map_dumb(store, buf, i);
	return ret;
}

static void drop_from_card(struct store *store, struct card_buffer *dumb,
			   unsigned int card)
{
	if (dumb->pixels)
		munmap(dumb->pixels, dumb->bytes);
	if (dumb->handle)
		drmCloseBufferHandle(card_fd(store, card), dumb->handle);
}

/*
 * The grant device knows a buffer by the number of its descriptor. The number
 * stays taken until its pages are released, so that no other buffer gets it.
 */
static int close_export(struct store *store, struct buffer *buf)
{
	int ret;

	/* This needs no new descriptor, so a lack of them cannot make it fail. */
	do {
		ret = dup3(store->xen->null, buf->dmabuf, O_CLOEXEC);
	} while (ret < 0 && errno == EINTR);
	return buf->number;
}

/* Whether anybody but this descriptor holds a dma-buf. */
static bool is_held(int dmabuf)
{
	char text[80];
	long count = 0;
	FILE *info;

	snprintf(text, sizeof(text), "/proc/self/fdinfo/%d", dmabuf);
	info = fopen(text, "re");
	if (!info)
		return false;
	while (fgets(text, sizeof(text), info))
		if (sscanf(text, "count: %ld", &count) == 1)
			break;
	fclose(info);
	return count > 1;
}

static void charge(struct store *store, const struct buffer *buf)
{
	store->num_buffers++;
	store->pages += buf->pages;
	store->xen->pages += buf->pages;
}

static void discharge(struct store *store, const struct buffer *buf)
{
	store->num_buffers--;
	store->pages -= buf->pages;
	store->xen->pages -= buf->pages;
}

static bool has_room(const struct store *store, uint32_t pages)
{
	return store->num_buffers < MAX_BUFFERS &&
	       pages <= MAX_PAGES - store->pages &&
	       pages <= MAX_ALL_PAGES - store->xen->pages;
}

/*
 * The grant device keeps memory of this side for as long as the guest maps it.
 * It has to count, or a guest gets all there is by destroying what it maps.
 */
static void linger(struct store *store, struct buffer *buf)
{
	buf->next = store->lingering;
	store->lingering = buf;
	charge(store, buf);
}

static void forget_lingering(struct store *store, bool all)
{
	struct buffer **link = &store->lingering;

	while (*link) {
		struct buffer *buf = *link;

		if (!all && is_held(buf->dmabuf)) {
			link = &buf->next;
			continue;
		}
		*link = buf->next;
		discharge(store, buf);
		close(buf->dmabuf);
		free(buf);
	}
}

void store_reap(struct store *store)
{
	forget_lingering(store, false);
}

void store_close(struct store *store)
{
	forget_lingering(store, true);
}

/* Return: the number to wait for, or -1. */
static int undo_buffer(struct store *store, struct buffer *buf)
{
	int number = -1;

	if (buf->ours)
		xengnttab_dmabuf_imp_release(store->xen->gnttab,
					     (uint32_t)buf->number);
	for (unsigned int i = 0; i < MAX_CARDS; i++)
		drop_from_card(store, &buf->cards[i], i);
	if (buf->guest)
		xengnttab_unmap(store->xen->gnttab, (void *)buf->guest,
				buf->pages);
	free(buf->refs);
	if (buf->ours && is_held(buf->dmabuf)) {
		linger(store, buf);
		return -1;
	}
	if (buf->number >= 0 && !buf->ours)
		number = close_export(store, buf);
	else if (buf->dmabuf >= 0)
		close(buf->dmabuf);
	free(buf);
	return number;
}

static int fill_buffer(struct store *store, struct buffer *buf,
		       const struct xendispl_dbuf_create_req *req)
{
	bool alloc = req->flags & XENDISPL_DBUF_FLG_REQ_ALLOC;

	buf->refs = calloc(buf->pages, sizeof(*buf->refs));
	if (!buf->refs)
		return -ENOMEM;
	if (alloc && (store->copy || !store->alloc))
		return -EOPNOTSUPP;
	if (store->copy && !buf->width)
		return -EOPNOTSUPP;
	if (alloc)
		return share_card_memory(store, buf, req->gref_directory);
	if (store->copy)
		return prepare_copy(store, buf, req->gref_directory);
	return share_guest_memory(store, buf, req->gref_directory);
}

static int admit_buffer(struct store *store, struct buffer *buf,
			const struct xendispl_dbuf_create_req *req)
{
	int ret = check_geometry(buf, req);

	if (ret)
		return ret;
	if (!req->dbuf_cookie || req->flags & ~XENDISPL_DBUF_FLG_REQ_ALLOC)
		return -EINVAL;
	if (req->flags && !has_geometry(req))
		return -EINVAL;
	if (find_buffer(store, req->dbuf_cookie))
		return -EEXIST;
	if (!has_room(store, buf->pages))
		store_reap(store);
	return has_room(store, buf->pages) ? 0 : -ENOSPC;
}

int buffer_create(struct store *store,
		  const struct xendispl_dbuf_create_req *req)
{
	struct buffer *buf = calloc(1, sizeof(*buf));
	int ret;

	if (!buf)
		return -ENOMEM;
	buf->dmabuf = -1;
	buf->number = -1;
	ret = admit_buffer(store, buf, req);
	if (!ret)
		ret = fill_buffer(store, buf, req);
	if (ret) {
		int number = undo_buffer(store, buf);

		if (number >= 0 && !buffer_released(store, number))
			buffer_abandon(store, number);
		return ret;
	}
	buf->next = store->buffers;
	store->buffers = buf;
	charge(store, buf);
	return 0;
}

static bool number_released(struct xen_handles *xen, int number)
{
	/* Only these mean that it is; EINTR, for one, means nothing. */
	if (xengnttab_dmabuf_exp_wait_released(xen->gnttab, (uint32_t)number,
					       0) && errno != ENOENT)
		return false;
	close(number);
	return true;
}

bool buffer_released(struct store *store, int number)
{
	return number_released(store->xen, number);
}

void buffer_abandon(struct store *store, int number)
{
	struct kept_number *kept = malloc(sizeof(*kept));

	/* One that cannot be noted is kept for ever, and given to nobody. */
	if (!kept)
		return;
	kept->number = number;
	kept->next = store->xen->kept;
	store->xen->kept = kept;
}

void numbers_reap(struct xen_handles *xen)
{
	struct kept_number **link = &xen->kept;

	while (*link) {
		struct kept_number *kept = *link;

		if (!number_released(xen, kept->number)) {
			link = &kept->next;
			continue;
		}
		*link = kept->next;
		free(kept);
	}
}

static void free_framebuffer(struct store *store, struct framebuffer **link)
{
	struct framebuffer *fb = *link;

	for (unsigned int i = 0; i < MAX_CARDS; i++)
		if (fb->ids[i])
			drmModeRmFB(card_fd(store, i), fb->ids[i]);
	*link = fb->next;
	store->num_framebuffers--;
	free(fb);
}

static void free_framebuffers_of(struct store *store, const struct buffer *buf)
{
	struct framebuffer **link = &store->framebuffers;

	while (*link) {
		if ((*link)->buffer == buf)
			free_framebuffer(store, link);
		else
			link = &(*link)->next;
	}
}

int buffer_destroy(struct store *store, uint64_t cookie, int *number)
{
	struct buffer **link = &store->buffers;
	struct buffer *buf;

	while (*link && (*link)->cookie != cookie)
		link = &(*link)->next;
	buf = *link;
	if (!buf)
		return -ENOENT;
	free_framebuffers_of(store, buf);
	*link = buf->next;
	discharge(store, buf);
	*number = undo_buffer(store, buf);
	return 0;
}

/* Bytes of a pixel, in the formats that drm_xen_front has. */
static uint32_t pixel_bytes(uint32_t format)
{
	switch (format) {
	case DRM_FORMAT_RGB565: case DRM_FORMAT_YUYV:
	case DRM_FORMAT_XRGB1555: case DRM_FORMAT_ARGB1555:
	case DRM_FORMAT_XRGB4444: case DRM_FORMAT_ARGB4444:
		return 2;
	case DRM_FORMAT_RGB888:
		return 3;
	}
	return 4;
}

static int add_to_card(struct store *store, struct framebuffer *fb,
		       const struct xendispl_fb_attach_req *req,
		       unsigned int card)
{
	const struct buffer *buf = fb->buffer;
	uint32_t handles[4] = { buf->cards[card].handle };
	uint32_t pitches[4] = {
		buf->width ? buf->cards[card].pitch :
			     req->width * pixel_bytes(req->pixel_format)
	};
	/* A copy has its pixels at the start. */
	uint32_t offsets[4] = { buf->guest ? 0 : buf->offset };

	return drmModeAddFB2(card_fd(store, card), req->width, req->height,
			     req->pixel_format, handles, pitches, offsets,
			     &fb->ids[card], 0) ? -errno : 0;
}

/*
 * The guest does not tell which of its connectors this is for, so a card need
 * not be able to show it; to show it there fails then.
 */
static int add_to_cards(struct store *store, struct framebuffer *fb,
			const struct xendispl_fb_attach_req *req)
{
	int error = -EINVAL;
	bool added = false;

	for (unsigned int i = 0; i < MAX_CARDS; i++) {
		int ret;

		if (!has_card(store, i))
			continue;
		ret = add_to_card(store, fb, req, i);
		if (ret)
			error = ret;
		else
			added = true;
	}
	return added ? 0 : error;
}

int framebuffer_attach(struct store *store,
		       const struct xendispl_fb_attach_req *req)
{
	struct buffer *buf = find_buffer(store, req->dbuf_cookie);
	struct framebuffer *fb;
	int ret;

	if (!buf)
		return -ENOENT;
	if (!req->fb_cookie || req->width > MAX_PIXELS ||
	    req->height > MAX_PIXELS)
		return -EINVAL;
	if (buf->width && (req->width > buf->width ||
			   req->height > buf->height))
		return -EINVAL;
	if (framebuffer_find(store, req->fb_cookie))
		return -EEXIST;
	if (store->num_framebuffers == MAX_FRAMEBUFFERS)
		return -ENOSPC;
	fb = calloc(1, sizeof(*fb));
	if (!fb)
		return -ENOMEM;
	fb->cookie = req->fb_cookie;
	fb->buffer = buf;
	fb->next = store->framebuffers;
	store->framebuffers = fb;
	store->num_framebuffers++;
	ret = add_to_cards(store, fb, req);
	if (ret)
		free_framebuffer(store, &store->framebuffers);
	return ret;
}

int framebuffer_detach(struct store *store, uint64_t cookie)
{
	struct framebuffer **link = &store->framebuffers;

	while (*link && (*link)->cookie != cookie)
		link = &(*link)->next;
	if (!*link)
		return -ENOENT;
	free_framebuffer(store, link);
	return 0;
}

struct framebuffer *framebuffer_find(struct store *store, uint64_t cookie)
{
	struct framebuffer *fb = store->framebuffers;

	while (fb && fb->cookie != cookie)
		fb = fb->next;
	return fb;
}

uint64_t framebuffer_update(const struct framebuffer *fb, unsigned int card)
{
	const struct buffer *buf = fb->buffer;
	const struct card_buffer *dumb = &buf->cards[card];

	if (!buf->guest)
		return 0;
	for (uint32_t y = 0; y < buf->height; y++)
		memcpy(dumb->pixels + (size_t)y * dumb->pitch,
		       buf->guest + buf->offset + (size_t)y * buf->pitch,
		       buf->pitch);
	return (uint64_t)buf->pitch * buf->height;
}

void store_empty(struct store *store)
{
	while (store->framebuffers)
		free_framebuffer(store, &store->framebuffers);
	while (store->buffers) {
		int number;

		/* Nobody is left to be told when; the kernel goes on by itself. */
		if (!buffer_destroy(store, store->buffers->cookie, &number) &&
		    number >= 0 && !buffer_released(store, number))
			buffer_abandon(store, number);
	}
}
