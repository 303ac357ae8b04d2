/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running a program in a process of its own.
 */
#ifndef XEN_FUZZ_EXEC_H
#define XEN_FUZZ_EXEC_H

#include <sys/types.h>

#include "cover.h"
#include "state.h"

/* Descriptors of the fuzzer itself are above those of programs. */
#define OWN_FDS		200

/**
 * struct run - a program that runs
 * @pid:	its process
 * @pidfd:	readable when that has ended
 * @socket:	to it
 * @report:	what it tells
 * @cover:	an area for each thread
 */
struct run {
	pid_t pid;
	int pidfd;
	int socket;
	struct report *report;
	struct cover_area cover[PROG_THREADS];
};

int run_prepare(struct run *run, bool traced);
int run_start(struct run *run, const struct prog *prog,
	      const struct pool *pools, uint16_t guest);

#endif /* XEN_FUZZ_EXEC_H */
