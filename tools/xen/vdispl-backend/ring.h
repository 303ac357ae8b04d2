/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two shared pages of a connector. The peer may write anything there at any
 * time: whatever is read is copied once and judged afterwards.
 */
#ifndef VDISPL_RING_H
#define VDISPL_RING_H

#include <stdbool.h>
#include <stdint.h>

#include <xenevtchn.h>
#include <xengnttab.h>

#define xen_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb()	__atomic_thread_fence(__ATOMIC_RELEASE)

#include <string.h>
#include <xen/xen.h>
#include <xen/io/displif.h>

/**
 * struct channel - a shared page and its event channel
 * @page:	mapped here, or NULL
 * @port:	local port, or -1
 */
struct channel {
	void *page;
	int port;
};

/**
 * struct ring - what a connector talks through
 * @requests:	page of the request ring
 * @events:	page of the event ring
 * @back:	this side's view of the request ring
 * @events_sent: events so far, the index of the next one
 */
struct ring {
	struct channel requests;
	struct channel events;
	struct xen_displif_back_ring back;
	uint32_t events_sent;
};

struct kept_number;

/**
 * struct xen_handles - what of Xen there is for all devices
 * @gnttab:	grants
 * @evtchn:	event channels
 * @null:	descriptor of /dev/null, see buffer.c
 * @kept:	numbers of buffers that nobody asks about any more, see there
 * @pages:	of the buffers of all devices
 */
struct xen_handles {
	xengnttab_handle *gnttab;
	xenevtchn_handle *evtchn;
	int null;
	struct kept_number *kept;
	uint32_t pages;
};

/* Where the peer says that its ends are. */
struct ring_address {
	uint32_t domid;
	uint32_t req_ref;
	uint32_t req_port;
	uint32_t evt_ref;
	uint32_t evt_port;
};

void ring_init(struct ring *ring);

/* Return: 0 or a negative errno; the ring is unbound then. */
int ring_bind(struct ring *ring, struct xen_handles *xen,
	      const struct ring_address *at);
void ring_unbind(struct ring *ring, struct xen_handles *xen);

/**
 * ring_next() - take a request
 * @ring:	the connector's
 * @req:	gets a copy
 *
 * Return: 1 if there was one, 0 if not, -EPROTO if the indices are garbage.
 */
int ring_next(struct ring *ring, struct xendispl_req *req);

/* Have the peer tell of new requests; true if there are some already. */
bool ring_rearm(struct ring *ring);

void ring_respond(struct ring *ring, struct xen_handles *xen, uint16_t id,
		  uint8_t operation, int status);

/* Return: false if the peer left no room, and the event is lost. */
bool ring_send_flip(struct ring *ring, struct xen_handles *xen,
		    uint64_t fb_cookie);

#endif /* VDISPL_RING_H */
