// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/mman.h>

#include "ring.h"

#define RING_PAGE_SIZE	XENDISPL_EVENT_PAGE_SIZE

void ring_init(struct ring *ring)
{
	*ring = (struct ring){ .requests.port = -1, .events.port = -1 };
}

static int bind_channel(struct channel *channel, struct xen_handles *xen,
			uint32_t domid, uint32_t ref, uint32_t port)
{
	channel->page = xengnttab_map_grant_ref(xen->gnttab, domid, ref,
						PROT_READ | PROT_WRITE);
	if (!channel->page)
		return -errno;
	channel->port = xenevtchn_bind_interdomain(xen->evtchn, domid, port);
	return channel->port < 0 ? -errno : 0;
}

static void unbind_channel(struct channel *channel, struct xen_handles *xen)
{
	if (channel->port >= 0)
		xenevtchn_unbind(xen->evtchn, (evtchn_port_t)channel->port);
	if (channel->page)
		xengnttab_unmap(xen->gnttab, channel->page, 1);
	*channel = (struct channel){ .port = -1 };
}

int ring_bind(struct ring *ring, struct xen_handles *xen,
	      const struct ring_address *at)
{
	struct xen_displif_sring *shared;
	int ret;

	ring_init(ring);
	ret = bind_channel(&ring->requests, xen, at->domid, at->req_ref,
			   at->req_port);
	if (!ret)
		ret = bind_channel(&ring->events, xen, at->domid, at->evt_ref,
				   at->evt_port);
	if (ret) {
		ring_unbind(ring, xen);
		return ret;
	}
	shared = ring->requests.page;
	BACK_RING_INIT(&ring->back, shared, RING_PAGE_SIZE);
	return 0;
}

void ring_unbind(struct ring *ring, struct xen_handles *xen)
{
	unbind_channel(&ring->requests, xen);
	unbind_channel(&ring->events, xen);
}

int ring_next(struct ring *ring, struct xendispl_req *req)
{
	struct xen_displif_back_ring *back = &ring->back;
	RING_IDX prod = __atomic_load_n(&back->sring->req_prod,
					__ATOMIC_RELAXED);

	if (RING_REQUEST_PROD_OVERFLOW(back, prod))
		return -EPROTO;
	if (prod == back->req_cons ||
	    RING_REQUEST_CONS_OVERFLOW(back, back->req_cons))
		return 0;
	/* The request was written before the index. */
	xen_rmb();
	memcpy(req, RING_GET_REQUEST(back, back->req_cons), sizeof(*req));
	/* From here on only the copy is looked at. */
	xen_mb();
	back->req_cons++;
	return 1;
}

bool ring_rearm(struct ring *ring)
{
	int more;

	RING_FINAL_CHECK_FOR_REQUESTS(&ring->back, more);
	return more;
}

void ring_respond(struct ring *ring, struct xen_handles *xen, uint16_t id,
		  uint8_t operation, int status)
{
	struct xen_displif_back_ring *back = &ring->back;
	struct xendispl_resp resp;
	int notify;

	/* The guest sees all of it: an initialiser may leave parts of a union. */
	memset(&resp, 0, sizeof(resp));
	resp.id = id;
	resp.operation = operation;
	resp.status = status;
	memcpy(RING_GET_RESPONSE(back, back->rsp_prod_pvt), &resp,
	       sizeof(resp));
	back->rsp_prod_pvt++;
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(back, notify);
	if (notify)
		xenevtchn_notify(xen->evtchn,
				 (evtchn_port_t)ring->requests.port);
}

bool ring_send_flip(struct ring *ring, struct xen_handles *xen,
		    uint64_t fb_cookie)
{
	struct xendispl_event_page *page = ring->events.page;
	struct xendispl_evt evt;
	uint32_t cons = __atomic_load_n(&page->in_cons, __ATOMIC_RELAXED);

	/* What is counted here counts, not the index in the shared page. */
	if (ring->events_sent - cons >= XENDISPL_IN_RING_LEN)
		return false;
	memset(&evt, 0, sizeof(evt));
	evt.id = (uint16_t)ring->events_sent;
	evt.type = XENDISPL_EVT_PG_FLIP;
	evt.op.pg_flip.fb_cookie = fb_cookie;
	memcpy(&XENDISPL_IN_RING_REF(page, ring->events_sent), &evt,
	       sizeof(evt));
	/* The event is there before the index says so. */
	xen_wmb();
	__atomic_store_n(&page->in_prod, ++ring->events_sent,
			 __ATOMIC_RELAXED);
	xenevtchn_notify(xen->evtchn, (evtchn_port_t)ring->events.port);
	return true;
}
