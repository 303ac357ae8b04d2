/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that run at the same time, and who watches them.
 */
#ifndef XEN_FUZZ_WATCH_H
#define XEN_FUZZ_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "pools.h"
#include "prog.h"

#define JOBS_MAX	4u

/**
 * struct totals - what all programs did
 * @programs:	how many ended
 * @ops:	operations
 * @good:	those of them that succeeded
 * @findings:	programs that something is wrong with
 * @kept:	programs that added to what was covered
 */
struct totals {
	uint64_t programs;
	uint64_t ops;
	uint64_t good;
	uint32_t findings;
	uint32_t kept;
};

extern struct totals totals;

/**
 * watch_init() - get ready
 * @supply:	grants for the programs
 * @jobs:	programs at the same time
 *
 * Return: 0 or a negative errno.
 */
int watch_init(struct supply *supply, uint32_t jobs);

/**
 * watch_start() - run a program as soon as there is room
 * @name:	of the program, for the log
 * @prog:	the program
 * @recipe:	where it comes from, or NULL; kept if it covers anything new
 */
void watch_start(const char *name, const struct prog *prog,
		 const struct recipe *recipe);
/* Wait until none runs any more. */
void watch_all(void);

int64_t clock_ms(void);
void say_found(const char *name, const char *what);

/* All of the references that imports granted to this domain must be dead. */
void watch_imports(void);

#endif /* XEN_FUZZ_WATCH_H */
