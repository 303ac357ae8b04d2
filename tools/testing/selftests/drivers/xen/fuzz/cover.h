/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Coverage: which blocks of the driver the threads of programs ran, and which
 * one after which (edges). KCOV tells, or the stand-in for it that a build of
 * the driver with CONFIG_XEN_GNTDEV_COVERAGE has.
 */
#ifndef XEN_FUZZ_COVER_H
#define XEN_FUZZ_COVER_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct cover_area - what one thread ran
 * @fd:		of the file, or -1
 * @words:	how many addresses, then those
 */
struct cover_area {
	int fd;
	unsigned long *words;
};

/* Return: whether anything tells about coverage. */
bool cover_init(void);
int cover_open(struct cover_area *area);
void cover_enable(struct cover_area *area);
void cover_reset(struct cover_area *area);

/* Take in what a thread ran. Return: the number of edges never seen before. */
uint32_t cover_collect(struct cover_area *area);

uint32_t cover_edges(void);
uint32_t cover_blocks(void);

/* Print what all of the threads ran, for coverage-table.py. */
void cover_report(void);

#endif /* XEN_FUZZ_COVER_H */
