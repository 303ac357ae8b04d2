/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel complains about, as soon as it does: the gates of the rig
 * look at it only when all is over, and cannot tell which program it was.
 */
#ifndef XEN_FUZZ_KMSG_H
#define XEN_FUZZ_KMSG_H

#include <stdbool.h>
#include <stddef.h>

void kmsg_init(void);
/* Return: whether there is a complaint since the last time; then its text. */
bool kmsg_complains(char *text, size_t size);

#endif /* XEN_FUZZ_KMSG_H */
