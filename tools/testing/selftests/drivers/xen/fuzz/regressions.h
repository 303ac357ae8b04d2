/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that once found something, or guard against what others found.
 */
#ifndef XEN_FUZZ_REGRESSIONS_H
#define XEN_FUZZ_REGRESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "prog.h"

/* The text of regressions.txt. */
extern const char regressions_text[];

/* Get the program of a number, from 1 on. Return: false if there is none. */
bool regression_get(struct prog *prog, uint64_t number);

#endif /* XEN_FUZZ_REGRESSIONS_H */
