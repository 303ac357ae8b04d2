/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VDISPL_STATS_H
#define VDISPL_STATS_H

#include <stdint.h>

/**
 * struct stats - what a connector has done
 * @frames:	pictures put on the screen, by a flip or with a mode
 * @flips:	those by a flip that ended
 * @latency_ns:	from request to event, all flips
 * @latency_max_ns: the longest
 * @copied:	bytes of frames this program has copied
 * @errors:	requests answered with an error
 * @lost:	events for which the guest left no room
 */
struct stats {
	uint64_t frames;
	uint64_t flips;
	uint64_t latency_ns;
	uint64_t latency_max_ns;
	uint64_t copied;
	uint64_t errors;
	uint64_t lost;
};

uint64_t now_ns(void);
void stats_flip(struct stats *stats, uint64_t started_ns);

/* One line on standard output. */
void stats_print(const struct stats *stats, uint32_t domid, uint32_t devid,
		 unsigned int connector);

#endif /* VDISPL_STATS_H */
