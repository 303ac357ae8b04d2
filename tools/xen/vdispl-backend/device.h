/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One display device of a guest, and what its connectors ask for.
 */
#ifndef VDISPL_DEVICE_H
#define VDISPL_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "stats.h"

/* As many as the stock driver has. */
#define MAX_CONNECTORS	4
#define MAX_WAITING	32	/* as many as the ring has requests */

struct device;

struct connector {
	struct device *device;
	struct ring ring;
	struct output *output;
	uint64_t asked;		/* when the request was read, in ns */
	uint64_t flip_cookie;
	uint64_t flip_started;
	bool more;		/* has requests although no event will tell */
	bool holding;		/* @held waits for an output that is busy */
	struct xendispl_req held;
	struct stats stats;
};

/* A DBUF_DESTROY whose pages are still in use here. */
struct waiting {
	int number;
	uint16_t id;
};

/**
 * struct device - a guest's device
 * @next:	in the list of the backend
 * @domid:	the guest
 * @devid:	number of the device
 * @backend:	path of this side in xenstore
 * @frontend:	path of the guest's side
 * @connected:	rings are bound
 * @closing:	they are not, but an output still shows something
 * @seen:	still listed; for bus.c
 * @changed:	the guest's state is to be looked at; for bus.c
 * @leaving:	is to become Closed when it is not closing any more; for bus.c
 * @stats:	print them when the guest goes
 * @expelled:	how often it was cut off; for bus.c
 * @store:	buffers
 * @num_connectors: those in use
 * @connectors:	by index
 * @num_waiting: destroyed buffers that are not released yet
 * @waiting:	these
 */
struct device {
	struct device *next;
	uint32_t domid;
	uint32_t devid;
	char *backend;
	char *frontend;
	bool connected;
	bool closing;
	bool seen;
	bool changed;
	bool leaving;
	bool stats;
	unsigned int expelled;
	struct store store;
	unsigned int num_connectors;
	struct connector connectors[MAX_CONNECTORS];
	unsigned int num_waiting;
	struct waiting waiting[MAX_WAITING];
};

/* Where a connector is and what it shall be shown on. */
struct connector_config {
	struct ring_address address;
	uint32_t width;
	uint32_t height;
	const char *name;
};

/* Return: 0 or a negative errno; device_disconnect() undoes a part, too. */
int device_connect(struct device *device,
		   const struct connector_config *config, unsigned int count);

/**
 * device_disconnect() - leave the guest's rings, begin to undo all the rest
 * @device:	is closing afterwards, as long as its screens are busy
 */
void device_disconnect(struct device *device);

/**
 * device_settle() - go on with what device_disconnect() has begun
 * @device:	closing
 *
 * Return: true if nothing of the guest is left.
 */
bool device_settle(struct device *device);

/* Wait for that; for the end of the program. */
void device_settle_now(struct device *device);

/**
 * device_serve() - answer requests
 * @device:	connected
 *
 * Return: 0, 1 if there is more to do at once, or -EPROTO if the guest has
 * broken its rings: the device has to be disconnected.
 */
int device_serve(struct device *device);

/* Whether it is to be served soon, although no event will tell. */
bool device_polls(const struct device *device);

/* A port has fired: note whose it is. */
bool device_wake(struct device *device, int port);

void device_print_stats(const struct device *device);

#endif /* VDISPL_DEVICE_H */
