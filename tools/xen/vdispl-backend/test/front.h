/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A frontend of the virtual display in user space, with one connector, for tests
 * that the stock driver cannot do. Whatever a test cannot go on without ends the
 * program.
 */
#ifndef VDISPL_TEST_FRONT_H
#define VDISPL_TEST_FRONT_H

#include <xen/io/xenbus.h>
#include <xenstore.h>

#include "ring.h"

#define FRONT_PATH	"device/vdispl/0"
#define ANSWER_MS	20000

/**
 * struct front - the frontend
 * @xs:		xenstore
 * @share:	gives pages to the backend
 * @evtchn:	of both ports
 * @backend:	the backend's path in xenstore
 * @ring:	requests
 * @req_page:	page of the request ring
 * @evt_page:	page of the event ring
 * @req_ref:	reference of @req_page
 * @evt_ref:	reference of @evt_page
 * @req_port:	local port
 * @evt_port:	local port
 * @id:		of the last request
 * @checks:	how often something was as it should be
 */
struct front {
	struct xs_handle *xs;
	xengntshr_handle *share;
	xenevtchn_handle *evtchn;
	char *backend;
	struct xen_displif_front_ring ring;
	void *req_page;
	struct xendispl_event_page *evt_page;
	uint32_t req_ref;
	uint32_t evt_ref;
	int req_port;
	int evt_port;
	uint16_t id;
	unsigned int checks;
};

/* Say so on the console and in xenstore ("data/front"), and end. */
_Noreturn void front_give_up(struct front *front, const char *format, ...);

/* Pages, ports, and the path of the backend. */
void front_open(struct front *front);

/* Zeroed pages that the backend may write to. */
void *front_share(struct front *front, uint32_t count, uint32_t *refs);

/* A number below the path of this side. */
void front_put(struct front *front, const char *node, uint32_t value);

void front_await_state(struct front *front, int wanted, const char *why);

/* As a driver that is loaded anew: the backend awaits it, the rings are empty. */
void front_come_back(struct front *front);
void front_publish(struct front *front, uint32_t req_ref, uint32_t req_port);
/* All the way to Connected. */
void front_connect(struct front *front);

/* Ask for something. Return: the status of the answer. */
int front_send(struct front *front, struct xendispl_req *req);

/* Ask, and end unless the status is as it should be. */
void front_expect(struct front *front, const char *what,
		  struct xendispl_req *req, int wanted);

/* Wait for the end of a flip. */
void front_await_flip(struct front *front, uint64_t fb_cookie);

#endif /* VDISPL_TEST_FRONT_H */
