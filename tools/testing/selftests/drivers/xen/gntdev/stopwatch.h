/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long calls take, on machines that stand still now and then: a thread that
 * only sleeps tells by how much it woke too late meanwhile. No lock of the driver
 * delays it. Calls of any thread can be measured.
 */
#ifndef XEN_GNTDEV_STOPWATCH_H
#define XEN_GNTDEV_STOPWATCH_H

#include <errno.h>
#include <stdint.h>

/* Nothing that a peer does may make a call take longer. */
#define STOPWATCH_LIMIT_MS 1000u

/**
 * struct stopwatch - the slowest call so far
 * @what:	the call
 * @ms:		how long it took
 * @late_ms:	how much of that the machine may have stood still
 * @over:	how many calls took longer than the limit, that apart
 */
struct stopwatch {
	const char *what;
	unsigned int ms;
	unsigned int late_ms;
	unsigned int over;
};

extern struct stopwatch stopwatch;

int stopwatch_start(void);
void stopwatch_stop(void);

uint64_t stopwatch_begin(void);
void stopwatch_end(const char *what, uint64_t begin);

/* The value of a call, measured. */
#define TIMED(call) ({ \
	uint64_t begin_ = stopwatch_begin(); \
	__typeof__(call) value_ = (call); \
	int errno_ = errno; \
	stopwatch_end(#call, begin_); \
	errno = errno_; \
	value_; \
})

#endif /* XEN_GNTDEV_STOPWATCH_H */
