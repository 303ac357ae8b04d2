/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the unit tests share.
 */
#ifndef _XEN_GNTDEV_KUNIT_H
#define _XEN_GNTDEV_KUNIT_H

#include "gntdev-dmabuf.h"

struct kunit;

/* As long as it may take until work in the background is done. */
#define GNTDEV_KUNIT_SECONDS	30

/**
 * struct gntdev_kunit_event - what happens to the eventfd of a buffer
 * @table: of the buffer
 * @handle: of the buffer
 * @wakeups: of the table, before
 * @refs: grants that should end before the signal
 * @granted: number of them, updated by the signal
 * @signals: how often it was signalled
 * @puts: how often its reference was dropped
 * @early: a signal came before the last grant had ended, the handle was gone and
 *	those who wait were woken
 */
struct gntdev_kunit_event {
	struct gntdev_dmabuf_table *table;
	u64 handle;
	unsigned int wakeups;
	grant_ref_t *refs;
	unsigned int *granted;
	unsigned int signals;
	unsigned int puts;
	bool early;
};

/* gntdev-kunit-events.c */
struct gntdev_kunit_event *gntdev_kunit_event_watch(struct gntdev_buffer *buf,
						    grant_ref_t *refs,
						    unsigned int *granted);
void __wrap_eventfd_signal_mask(struct eventfd_ctx *ctx, __poll_t mask);
void __real_eventfd_signal_mask(struct eventfd_ctx *ctx, __poll_t mask);
void __wrap_eventfd_ctx_put(struct eventfd_ctx *ctx);
void __real_eventfd_ctx_put(struct eventfd_ctx *ctx);

/* gntdev-kunit-grants.c */
struct gntdev_mapping *gntdev_kunit_map(const grant_ref_t *refs,
					unsigned int count, bool readonly);
void gntdev_kunit_need_own_grants(struct kunit *test);

#endif /* _XEN_GNTDEV_KUNIT_H */
