/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recipes of programs that ran what none before them did.
 */
#ifndef XEN_FUZZ_CORPUS_H
#define XEN_FUZZ_CORPUS_H

#include "prog.h"

void corpus_add(const struct recipe *recipe);
uint32_t corpus_count(void);
/* A new recipe: a change to one that is there, or something else altogether. */
void corpus_next(struct recipe *recipe, uint64_t *rng, bool guided);
int corpus_load(const char *path);
int corpus_save(const char *path);

#endif /* XEN_FUZZ_CORPUS_H */
