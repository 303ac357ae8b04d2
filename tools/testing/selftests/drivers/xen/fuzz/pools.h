/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The grants that programs find: those of this domain and of the guest.
 */
#ifndef XEN_FUZZ_POOLS_H
#define XEN_FUZZ_POOLS_H

#include "peer.h"

#include "state.h"

/**
 * struct supply - where grants come from
 * @pools:	the grants
 * @peer:	the guest, or NULL
 * @ids:	what the guest calls its grants
 */
struct supply {
	struct pool pools[POOLS];
	struct peer *peer;
	int ids[POOLS];
};

/* Return: 0 or a negative errno. Without a guest there is less. */
int supply_open(struct supply *supply);
/* Return: false if pages that are granted read-only were written to. */
bool supply_intact(const struct supply *supply);
/* Return: 0, how many grants are still mapped, or a negative errno. */
int supply_close(struct supply *supply);

#endif /* XEN_FUZZ_POOLS_H */
