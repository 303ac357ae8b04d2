/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs: what a fuzzer has the driver do. A program is a list of operations
 * for some threads that share all objects. It follows from its recipe: the seed
 * that it was made from and those of the changes that were made since. Small
 * seeds stand for the programs of regressions.txt.
 */
#ifndef XEN_FUZZ_PROG_H
#define XEN_FUZZ_PROG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PROG_OPS	32u
#define PROG_ARGS	4u
#define PROG_THREADS	3u
#define RECIPE_STEPS	12u
#define RECIPE_TEXT	(17 + RECIPE_STEPS * 9 + 1)
#define PROG_TEXT	2048u

/**
 * struct recipe - how to make a program
 * @seed:	of the first version
 * @steps:	number of changes
 * @step:	seed of each change
 */
struct recipe {
	uint64_t seed;
	uint32_t steps;
	uint32_t step[RECIPE_STEPS];
};

/**
 * struct op - one operation
 * @kind:	index into the table of operations
 * @thread:	who does it
 * @arg:	what it means depends on the kind
 */
struct op {
	uint8_t kind;
	uint8_t thread;
	uint16_t arg[PROG_ARGS];
};

/**
 * struct prog - operations in the order in which each thread does its own
 * @threads:	how many threads there are
 * @count:	number of operations
 * @op:		the operations
 */
struct prog {
	uint32_t threads;
	uint32_t count;
	struct op op[PROG_OPS];
};

/* A generator of numbers with all of its state in one word. */
uint64_t rng_next(uint64_t *state);
uint32_t rng_below(uint64_t *state, uint32_t limit);

void prog_make(struct prog *prog, const struct recipe *recipe);

/* SEED or SEED+STEP+STEP..., in hexadecimal. */
void recipe_print(const struct recipe *recipe, char text[RECIPE_TEXT]);
bool recipe_parse(struct recipe *recipe, const char *text);

/* "0 open; 0 map 1 2; 1 close 0": thread, name, arguments that are not 0. */
void prog_print(const struct prog *prog, char text[PROG_TEXT]);
bool prog_parse(struct prog *prog, const char *text);

#endif /* XEN_FUZZ_PROG_H */
