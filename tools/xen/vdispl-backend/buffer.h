/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Display buffers and framebuffers of one guest device, by the guest's cookies.
 * Functions return 0 or a negative errno.
 */
#ifndef VDISPL_BUFFER_H
#define VDISPL_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "display.h"
#include "ring.h"

/* What one device may hold at a time. */
#define MAX_BUFFERS		64
#define MAX_FRAMEBUFFERS	64
#define MAX_PAGES		65536u
#define MAX_PIXELS		8192u

/*
 * What all of them may hold: half of what Xen lets a domain map unless told
 * otherwise (gnttab_max_maptrack_frames), as disks and networks need it, too.
 */
#define MAX_ALL_PAGES		131072u

/* A buffer as a card knows it. */
struct card_buffer {
	uint32_t handle;
	uint32_t pitch;
	uint64_t bytes;
	uint8_t *pixels;	/* only where frames are copied */
};

/**
 * struct buffer - a display buffer
 * @next:	in the list of the device
 * @cookie:	the guest's
 * @width:	in pixels; 0 if the guest leaves that to its framebuffers
 * @height:	in pixels
 * @bpp:	bits of a pixel
 * @pitch:	bytes from row to row, of the guest
 * @offset:	of the pixels in the buffer, in bytes
 * @pages:	size
 * @refs:	grant references of the pages
 * @dmabuf:	descriptor, or -1
 * @number:	what the grant device calls the dma-buf, or -1
 * @ours:	the memory is this side's
 * @guest:	the guest's pages, only where frames are copied
 * @cards:	by index of the card
 */
struct buffer {
	struct buffer *next;
	uint64_t cookie;
	uint32_t width;
	uint32_t height;
	uint32_t bpp;
	uint32_t pitch;
	uint32_t offset;
	uint32_t pages;
	uint32_t *refs;
	int dmabuf;
	int number;
	bool ours;
	const uint8_t *guest;
	struct card_buffer cards[MAX_CARDS];
};

struct framebuffer {
	struct framebuffer *next;
	uint64_t cookie;
	struct buffer *buffer;
	uint32_t ids[MAX_CARDS];
};

/**
 * struct store - all that a device has
 * @display:	shows it
 * @xen:	handles
 * @domid:	the guest
 * @cards:	bit mask of the cards that the device's outputs are on
 * @copy:	copy frames instead of sharing them
 * @alloc:	the device may have memory of this side
 * @buffers:	list
 * @lingering:	destroyed buffers that the guest has not unmapped; they count
 * @framebuffers: list
 * @num_buffers: length
 * @num_framebuffers: length
 * @pages:	of all buffers
 */
struct store {
	struct display *display;
	struct xen_handles *xen;
	uint32_t domid;
	uint32_t cards;
	bool copy;
	bool alloc;
	struct buffer *buffers;
	struct buffer *lingering;
	struct framebuffer *framebuffers;
	unsigned int num_buffers;
	unsigned int num_framebuffers;
	uint32_t pages;
};

int buffer_create(struct store *store,
		  const struct xendispl_dbuf_create_req *req);

/**
 * buffer_destroy() - forget a buffer and its framebuffers
 * @store:	of the device
 * @cookie:	of the buffer
 * @number:	gets what to ask buffer_released() about, or -1
 */
int buffer_destroy(struct store *store, uint64_t cookie, int *number);

/* Whether the guest's pages of a destroyed buffer are its own again. */
bool buffer_released(struct store *store, int number);

/* Nobody will ask any more: it is kept until it is released. */
void buffer_abandon(struct store *store, int number);

/* Give back those of these numbers that are released. */
void numbers_reap(struct xen_handles *xen);

int framebuffer_attach(struct store *store,
		       const struct xendispl_fb_attach_req *req);
int framebuffer_detach(struct store *store, uint64_t cookie);
struct framebuffer *framebuffer_find(struct store *store, uint64_t cookie);

/* Copy the guest's picture where that is what was asked for: bytes copied. */
uint64_t framebuffer_update(const struct framebuffer *fb, unsigned int card);

/* Forget those destroyed buffers that the guest does not map any more. */
void store_reap(struct store *store);

/* Undo everything; the guest may be dead. */
void store_empty(struct store *store);

/* There will be no guest any more: forget what store_empty() leaves. */
void store_close(struct store *store);

#endif /* VDISPL_BUFFER_H */
