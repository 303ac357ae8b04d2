/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that once found something, or guard against what others found.
 */
#ifndef XEN_FUZZ_REGRESSIONS_H
#define XEN_FUZZ_REGRESSIONS_H

/* The text of regressions.txt. */
extern const char regressions_text[];

#endif /* XEN_FUZZ_REGRESSIONS_H */
