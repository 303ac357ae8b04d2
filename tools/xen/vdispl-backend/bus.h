/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices that the tool stack makes, and the states in xenstore by which
 * both sides agree to connect.
 */
#ifndef VDISPL_BUS_H
#define VDISPL_BUS_H

#include <xenstore.h>

#include "device.h"

/**
 * struct bus - all devices
 * @xs:		xenstore
 * @display:	for all of them
 * @xen:	for all of them
 * @copy:	copy frames
 * @stats:	print statistics when a guest goes
 * @rescan:	devices may have come or gone
 * @devices:	list
 */
struct bus {
	struct xs_handle *xs;
	struct display *display;
	struct xen_handles *xen;
	bool copy;
	bool stats;
	bool rescan;
	struct device *devices;
};

/* Return: 0 or a negative errno. */
int bus_open(struct bus *bus);
int bus_fd(const struct bus *bus);
/* Note what has changed. */
void bus_dispatch(struct bus *bus);
/* Follow what has changed, and what has ended meanwhile. */
void bus_follow(struct bus *bus);
void bus_close(struct bus *bus);

/* The guest breaks the protocol: it is as if it had closed the device. */
void bus_expel(struct bus *bus, struct device *device, int error);

#endif /* VDISPL_BUS_H */
