/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames that go both ways between this domain and a guest, one after the other.
 * Calls of this domain are measured (stopwatch.h).
 */
#ifndef XEN_GNTDEV_FLOW_H
#define XEN_GNTDEV_FLOW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "peer.h"

/**
 * struct flow - frames until somebody stops them, or something fails
 * @thread:	for the caller
 * @peer:	the guest
 * @stop:	ends it
 * @frames:	how many went each way
 * @what:	what failed, or NULL
 * @error:	how; for a count of pages that differ, that
 */
struct flow {
	pthread_t thread;
	struct peer *peer;
	atomic_bool stop;
	atomic_uint frames;
	const char *what;
	int error;
};

/* For a thread; the argument is the flow. */
void *flow_run(void *flow);

#endif /* XEN_GNTDEV_FLOW_H */
