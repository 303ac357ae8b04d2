/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Granted pages for tests to which it does not matter whose they are: those of
 * this domain where it can map them, else those of the guest.
 */
#ifndef XEN_GRANTER_H
#define XEN_GRANTER_H

#include <stdint.h>

#include "gntdev-test.h"
#include "peer.h"

/* What the pages hold at first. */
#define GRANTER_SEED	1u
#define NO_GRANTER	"no guest (DOMU is not set)"

/**
 * struct granter - pages granted to this domain
 * @domid:	who granted them
 * @refs:	the references
 * @count:	how many
 * @own:	the pages, if they are this domain's
 * @peer:	connection to the guest, if they are the guest's
 * @id:		what the guest calls them
 */
struct granter {
	uint16_t domid;
	uint32_t *refs;
	uint32_t count;
	struct gnt_pages own;
	struct peer *peer;
	int id;
};

/**
 * granter_open() - have pages granted to this domain
 * @granter:	filled in; undone by granter_close()
 * @count:	how many
 *
 * Return: 0, or a negative errno; -ENODEV if there is no guest to ask.
 */
int granter_open(struct granter *granter, uint32_t count);
int granter_open_readonly(struct granter *granter, uint32_t count);

/* Fill all pages, or count those that differ, where they come from. */
int granter_fill(struct granter *granter, uint64_t seed);
int granter_check(struct granter *granter, uint64_t seed);

/**
 * granter_visits() - the way back: pages that are granted to the granter
 * @granter:	maps them, and unmaps them again
 * @refs:	references of this domain, for @granter's domain
 * @count:	how many
 * @seed:	of what they must hold; they hold that of ~@seed afterwards
 *
 * Return: 0; how many differ, or a negative errno.
 */
int granter_visits(struct granter *granter, const uint32_t *refs,
		   uint32_t count, uint64_t seed);

/**
 * granter_close() - end the grants
 * @granter:	as granter_open() filled it in
 *
 * Return: 0; how many are still mapped, or a negative errno.
 */
int granter_close(struct granter *granter);

/**
 * both_ways_open() - what it takes to export and to import
 * @granter:	pages that are granted to this domain
 * @buffer:	pages of this domain
 * @fd:		an open file of gntdev
 * @count:	how many pages, each
 *
 * Return: 0, or a negative errno; -ENODEV if there is no guest to ask.
 */
int both_ways_open(struct granter *granter, struct dmabuf_pages *buffer,
		   int *fd, uint32_t count);
/* As granter_close() does. */
int both_ways_close(struct granter *granter, struct dmabuf_pages *buffer,
		    int fd);

#endif /* XEN_GRANTER_H */
