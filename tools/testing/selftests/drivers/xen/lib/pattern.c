// SPDX-License-Identifier: GPL-2.0-only
#include "pattern.h"

#define WORDS_PER_PAGE (PATTERN_PAGE_SIZE / sizeof(uint64_t))

/*
 * One multiplication and one addition per word: the emulated machines that
 * run the tests fill 32 MiB with it in a fraction of a second.
 */
static uint64_t next_word(uint64_t word)
{
	return word * 6364136223846793005ull + 1442695040888963407ull;
}

uint64_t pattern_mix(uint64_t value)
{
	value += 0x9e3779b97f4a7c15ull;
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
	return value ^ (value >> 31);
}

static uint64_t first_word(uint64_t seed, uint32_t index)
{
	return pattern_mix(seed ^ pattern_mix(index));
}

void pattern_fill(void *pages, uint32_t first, uint32_t count, uint64_t seed)
{
	uint64_t *word = pages;

	for (uint32_t page = 0; page < count; page++) {
		uint64_t value = first_word(seed, first + page);

		for (size_t i = 0; i < WORDS_PER_PAGE; i++) {
			*word++ = value;
			value = next_word(value);
		}
	}
}

static int page_differs(const uint64_t *word, uint64_t value)
{
	for (size_t i = 0; i < WORDS_PER_PAGE; i++) {
		if (word[i] != value)
			return 1;
		value = next_word(value);
	}
	return 0;
}

uint32_t pattern_check(const void *pages, uint32_t first, uint32_t count,
		       uint64_t seed, struct pattern_result *result)
{
	struct pattern_result found = { 0 };
	const uint64_t *word = pages;

	for (uint32_t page = 0; page < count; page++, word += WORDS_PER_PAGE) {
		if (!page_differs(word, first_word(seed, first + page)))
			continue;
		if (!found.bad_pages)
			found.first_bad = first + page;
		found.bad_pages++;
	}
	if (result)
		*result = found;
	return found.bad_pages;
}
