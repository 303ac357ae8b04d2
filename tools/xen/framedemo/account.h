/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Measures what "zero-copy" claims: every way in which bytes of a frame could
 * be copied in this domain without the display driver being asked for it.
 */
#ifndef FRAMEDEMO_ACCOUNT_H
#define FRAMEDEMO_ACCOUNT_H

#include <stdint.h>

/**
 * struct account - what was counted since account_start()
 * @grant_copies:	operations given to the hypervisor's grant copy, by any
 *			part of this domain's kernel
 * @bounces:		bytes the DMA layer copied through bounce buffers
 * @lost:		events that did not fit into the trace buffer
 */
struct account {
	uint64_t grant_copies;
	uint64_t bounces;
	uint64_t lost;
};

/* Return: 0 or a negative errno. */
int account_start(void);
int account_reset(void);
int account_read(struct account *result);
void account_stop(void);

/**
 * account_mapped() - memory of frames that this process can reach
 *
 * Return: bytes of dma-bufs, of graphics memory and of foreign grants mapped
 * here, or a negative errno.
 */
int64_t account_mapped(void);

#endif /* FRAMEDEMO_ACCOUNT_H */
