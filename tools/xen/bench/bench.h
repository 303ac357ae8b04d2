/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark of the grant device: operations, each with parts that are timed
 * on their own. The unit is the instruction, see clock.h.
 *
 * Unless said otherwise a function returns 0 or a negative errno.
 */
#ifndef XEN_GNTDEV_BENCH_PROGRAM_H
#define XEN_GNTDEV_BENCH_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "grants.h"

#define BENCH_PARTS 6u

/**
 * struct bench - what operations work with
 * @impl:	name of what is measured
 * @fd:		open file of its device, -1 for the floor
 * @helper:	open file of the benchmark's module
 * @domid:	who grants, and whom is granted to
 * @refs:	references, as many as the largest operation needs
 * @granted:	their number
 * @count:	pages of the operation
 * @frame:	local memory of that size
 * @look:	what looking at the clock adds to each part
 */
struct bench {
	const char *impl;
	int fd;
	int helper;
	uint16_t domid;
	uint32_t *refs;
	uint32_t granted;
	uint32_t count;
	void *frame;
	uint64_t look;
};

/**
 * struct bench_op - one operation
 * @name:	what it is called in the results
 * @parts:	names of its parts
 * @run:	do it once; cost[i] gets what part i took
 * @max:	largest number of pages, 0 if there is no limit
 * @exports:	it needs nothing but exports
 * @scales:	it is also done beside live objects, and by several threads
 */
struct bench_op {
	const char *name;
	const char *parts[BENCH_PARTS + 1];
	int (*run)(const struct bench *b, uint64_t *cost);
	uint32_t max;
	bool exports;
	bool scales;
};

/* Each list ends with an entry without a name. */
extern const struct bench_op bench_driver_ops[];
extern const struct bench_op bench_frame_ops[];
extern const struct bench_op bench_floor_ops[];

/**
 * bench_live() - an operation beside many objects that live
 * @b:		with one open file and one page
 * @live:	how many objects
 * @files:	whether each has an open file of its own
 */
void bench_live(const struct bench *b, uint32_t live, int files);

/**
 * bench_threads() - what 1, 2 and 4 threads get done
 * @b:		with one open file
 * @exports:	only what needs nothing but exports
 *
 * Each operation is done for a while, on one file and on one for each thread. What
 * is reported is operations per second.
 *
 * Return: 0 or a negative errno.
 */
int bench_threads(const struct bench *b, bool exports);

/* Kernel memory for each page that is mapped. */
void bench_memory(const struct bench *b);

/**
 * bench_report() - measure an operation and print what it takes
 * @b:		what to work with
 * @op:		the operation
 * @note:	further fields of the line, each with a blank before it
 *
 * The least of some runs counts: what the machine does besides only adds.
 */
void bench_report(const struct bench *b, const struct bench_op *op,
		  const char *note);

#endif /* XEN_GNTDEV_BENCH_PROGRAM_H */
