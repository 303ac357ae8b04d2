// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "stats.h"

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void stats_flip(struct stats *stats, uint64_t started_ns)
{
	uint64_t took = now_ns() - started_ns;

	stats->flips++;
	stats->latency_ns += took;
	if (took > stats->latency_max_ns)
		stats->latency_max_ns = took;
}

static uint64_t cpu_us(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) *
	       1000000u +
	       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

void stats_print(const struct stats *stats, uint32_t domid, uint32_t devid,
		 unsigned int connector)
{
	uint64_t flips = stats->flips ? stats->flips : 1;

	printf("STATS domid=%u device=%u connector=%u frames=%" PRIu64
	       " flips=%" PRIu64 " latency_us=%" PRIu64 " latency_max_us=%"
	       PRIu64 " copied=%" PRIu64 " errors=%" PRIu64 " lost=%" PRIu64
	       " cpu_us=%" PRIu64 "\n", domid, devid, connector, stats->frames,
	       stats->flips, stats->latency_ns / flips / 1000,
	       stats->latency_max_ns / 1000, stats->copied, stats->errors,
	       stats->lost, cpu_us());
}
