// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trace events, made.
 */
#define CREATE_TRACE_POINTS
#include <trace/events/gntdev.h>
