/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers that no device uses yet. A kernel that watches the DMA API takes a
 * page that is mapped for writing twice at a time for a mistake, whoever maps
 * it, so on such kernels each buffer is used once.
 */
#ifndef XEN_FUZZ_FRESH_H
#define XEN_FUZZ_FRESH_H

#include "state.h"

void fresh_init(void);

/**
 * fresh_begin() - get a buffer that is not in use for one that may be
 * @thread:	who will use it
 * @buffer:	the buffer; its descriptor may be another one afterwards
 *
 * Until fresh_end(), which follows in any case, no other thread begins. Where
 * the kernel does not mind, the buffer stays as it is.
 *
 * Return: 0 or a negative errno.
 */
int fresh_begin(struct thread *thread, struct object *buffer);
/* A descriptor for a moment's use that a device may map, or a negative errno. */
int fresh_peek(int buffer);
void fresh_end(void);

/**
 * fresh_sync() - sync a buffer for the processor
 * @buffer:	any descriptor
 * @flags:	those of DMA_BUF_IOCTL_SYNC
 *
 * Where the kernel watches, what two exporters do would be the importer's fault:
 * udmabuf maps the pages for a device of its own, and is left alone; the heap
 * syncs an import that is mapped for a reader in the direction of the access, and
 * is synced for writing only.
 *
 * Return: 0 or a negative errno.
 */
int fresh_sync(int buffer, uint64_t flags);

#endif /* XEN_FUZZ_FRESH_H */
