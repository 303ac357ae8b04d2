/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much memory this domain has, as Xen counts it.
 */
#ifndef XEN_GNTDEV_RESERVATION_H
#define XEN_GNTDEV_RESERVATION_H

#include <stdbool.h>

#include <xencall.h>
#include <xen/xen.h>

/**
 * struct reservation - what it takes to ask
 * @xen:	for calls to Xen, also of others
 * @domid:	this domain, in memory that Xen can read
 */
struct reservation {
	xencall_handle *xen;
	domid_t *domid;
};

/* Return: 0 or a negative errno. */
int reservation_open(struct reservation *reservation);
void reservation_close(struct reservation *reservation);
/* Return: the number of frames. */
long reservation_frames(const struct reservation *reservation);

/*
 * Whether Xen takes frames that this domain lends it. The control domain of ARM
 * has the same addresses as the machine; for the sake of devices, Xen keeps its
 * frames where they are.
 */
bool frames_are_lent(void);

#endif /* XEN_GNTDEV_RESERVATION_H */
