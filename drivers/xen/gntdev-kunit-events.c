// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests: what an eventfd would be told. The linker redirects the calls of
 * the driver to here, so that a test can look at the moment of the signal.
 */

#include <linux/eventfd.h>
#include <linux/string.h>

#include "gntdev-kunit.h"

static struct gntdev_kunit_event event;

static struct eventfd_ctx *as_eventfd(void)
{
	return (struct eventfd_ctx *)&event;
}

/**
 * gntdev_kunit_event_watch - take the place of the eventfd of a buffer
 * @buf: not over; without an eventfd
 * @refs: grants that end before the signal, if it comes in time
 * @granted: number of them; becomes how many are left at the signal
 *
 * Return: what happens to the eventfd.
 */
struct gntdev_kunit_event *gntdev_kunit_event_watch(struct gntdev_buffer *buf,
						    grant_ref_t *refs,
						    unsigned int *granted)
{
	memset(&event, 0, sizeof(event));
	event.table = buf->table;
	event.handle = buf->handle;
	event.refs = refs;
	event.granted = granted;
	mutex_lock(&buf->table->lock);
	event.wakeups = buf->table->wakeups;
	buf->eventfd = as_eventfd();
	mutex_unlock(&buf->table->lock);
	return &event;
}

/* Nobody but the driver has reason to hold the lock of the table now. */
static bool told_too_early(void)
{
	bool early;

	if (!mutex_trylock(&event.table->lock))
		return true;
	early = gntdev_buffer_find(event.table, event.handle) ||
		event.table->wakeups == event.wakeups;
	mutex_unlock(&event.table->lock);
	return early;
}

void __wrap_eventfd_signal_mask(struct eventfd_ctx *ctx, __poll_t mask)
{
	if (ctx != as_eventfd()) {
		__real_eventfd_signal_mask(ctx, mask);
		return;
	}
	event.early |= told_too_early();
	*event.granted = gntdev_end_grants(event.refs, *event.granted);
	event.early |= *event.granted;
	WRITE_ONCE(event.signals, event.signals + 1);
}

void __wrap_eventfd_ctx_put(struct eventfd_ctx *ctx)
{
	if (ctx != as_eventfd()) {
		__real_eventfd_ctx_put(ctx);
		return;
	}
	WRITE_ONCE(event.puts, event.puts + 1);
}
