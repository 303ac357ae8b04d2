/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Seeded page contents: both sides of a shared buffer can make and check
 * them knowing nothing but the seed.
 */
#ifndef XEN_SELFTEST_PATTERN_H
#define XEN_SELFTEST_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_PAGE_SIZE 4096u

/**
 * struct pattern_result - what a check of a run of pages found
 * @bad_pages:	number of pages with at least one wrong word
 * @first_bad:	index of the first of them, valid if @bad_pages is not 0
 */
struct pattern_result {
	uint32_t bad_pages;
	uint32_t first_bad;
};

/**
 * pattern_fill() - fill pages with the pattern of a seed
 * @pages:	first page, at least 8-byte aligned
 * @first:	index of that page in its buffer: each index has its own content
 * @count:	number of pages
 * @seed:	what the content depends on, besides the index
 */
void pattern_fill(void *pages, uint32_t first, uint32_t count, uint64_t seed);

/**
 * pattern_check() - compare pages with the pattern of a seed
 * @pages:	first page
 * @first:	index of that page in its buffer
 * @count:	number of pages
 * @seed:	the seed they were filled with
 * @result:	where the first difference is; may be NULL
 *
 * Return: 0 if every word is as expected, else the number of bad pages.
 */
uint32_t pattern_check(const void *pages, uint32_t first, uint32_t count,
		       uint64_t seed, struct pattern_result *result);

/**
 * pattern_mix() - a 64-bit value that looks random, from another one
 * @value:	any number
 *
 * Return: the mixed value; different inputs give different outputs.
 */
uint64_t pattern_mix(uint64_t value);

#endif /* XEN_SELFTEST_PATTERN_H */
