/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests that lie and die: hostile-guest, as the control domain handles it.
 * Functions return 0 or a positive result, or a negative errno.
 */
#ifndef XEN_GNTDEV_VICTIM_H
#define XEN_GNTDEV_VICTIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <xenevtchn.h>

#include "grants.h"
#include "hostile-guest.h"

/**
 * struct victim - one guest
 * @name:	for xl
 * @create:	the process that creates it
 * @domid:	its number
 * @fd:		open file of gntdev, for @map
 * @map:	the area
 * @area:	the same
 * @evtchn:	to tell it to look
 * @port:	the same
 */
struct victim {
	char name[16];
	pid_t create;
	uint16_t domid;
	int fd;
	struct gntdev_mapping map;
	struct hostile_area *area;
	xenevtchn_handle *evtchn;
	evtchn_port_t port;
};

/* Are there an xl and an image of the guest? */
bool victims_are_possible(void);

/* Begin to create a guest, and wait until it is there. */
int victim_create(struct victim *victim, unsigned int number);
int victim_connect(struct victim *victim);

/* Have it change its entries, map or unmap what it was given. */
int victim_set(struct victim *victim, uint32_t first, uint32_t count,
	       uint32_t flags, uint16_t domid, uint32_t frame);
int victim_map(struct victim *victim, const uint32_t *refs, uint32_t count);
int victim_unmap(struct victim *victim);

/* Let go of the area, which keeps a dead guest from going. */
void victim_disconnect(struct victim *victim);

/* The end of it, from the outside or its own; is it dead by now? */
int victim_destroy(struct victim *victim);
int victim_crash(struct victim *victim);
bool victim_is_dead(void *victim);

/* Does Xen keep something of a dead domain? */
bool no_domain_is_left(void *unused);

#endif /* XEN_GNTDEV_VICTIM_H */
