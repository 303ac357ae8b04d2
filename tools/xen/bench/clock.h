/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of the benchmark. On a machine that QEMU emulates with
 * "-icount shift=0", the time stamp counter advances by one with each
 * instruction, those of the hypervisor included. Where the hypervisor reads it in
 * the place of a domain, that takes thousands of them, always as many.
 */
#ifndef XEN_GNTDEV_BENCH_CLOCK_H
#define XEN_GNTDEV_BENCH_CLOCK_H

#include <stdint.h>

static inline uint64_t clock_now(void)
{
	return __builtin_ia32_rdtsc();
}

/* Instructions between two looks at the clock, to see that it counts them. */
#define CLOCK_TEST_LOOPS 100000u

/* What is counted between two looks at the clock with nothing between them. */
static inline uint64_t clock_look(void)
{
	uint64_t start = clock_now();

	return clock_now() - start;
}

/**
 * clock_test() - instructions counted for a loop of two
 *
 * Return: what the clock says for 2 * CLOCK_TEST_LOOPS instructions.
 */
static inline uint64_t clock_test(void)
{
	uint64_t loops = CLOCK_TEST_LOOPS;
	uint64_t start = clock_now();

	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r" (loops) : : "cc");
	return clock_now() - start;
}

#endif /* XEN_GNTDEV_BENCH_CLOCK_H */
