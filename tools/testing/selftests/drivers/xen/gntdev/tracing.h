/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's trace events, in a buffer of their own: whatever else is traced is
 * not disturbed.
 */
#ifndef XEN_GNTDEV_TRACING_H
#define XEN_GNTDEV_TRACING_H

#include "kselftest.h"

/* Kernels of all cells have tracing. Return: 0 or a negative errno. */
int tracing_begin(void);
int tracing_end(void);
int tracing_switch(const char *on);

/* What was traced until now; valid until the next call. */
const char *tracing_text(void);

/**
 * tracing_find() - find an event behind another one
 * @from:	text; NULL if the other one was not found
 * @format:	of the event, with its arguments
 *
 * Return: the text behind it, or NULL.
 */
__printf(2, 3)
const char *tracing_find(const char *from, const char *format, ...);

#endif /* XEN_GNTDEV_TRACING_H */
