/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's trace events, in a buffer of their own: whatever else is traced is
 * not disturbed.
 */
#ifndef XEN_GNTDEV_TRACING_H
#define XEN_GNTDEV_TRACING_H

#include <stdio.h>

/* Kernels of all cells have tracing. Return: 0 or a negative errno. */
int tracing_begin(void);
int tracing_end(void);
int tracing_switch(const char *on);

/* What was traced until now; valid until the next call. */
const char *tracing_text(void);

/* Return: the text in @from behind @line, or NULL. */
const char *tracing_find_line(const char *from, const char *line);

/**
 * tracing_find() - find an event behind another one
 * @from:	text; NULL if the other one was not found
 * @...:	format of the event, with its arguments
 *
 * A macro has its format checked without what older kselftest headers lack.
 *
 * Return: the text behind it, or NULL.
 */
#define tracing_find(from, ...)						\
({									\
	char _line[160];						\
									\
	snprintf(_line, sizeof(_line), __VA_ARGS__);			\
	tracing_find_line(from, _line);					\
})

#endif /* XEN_GNTDEV_TRACING_H */
