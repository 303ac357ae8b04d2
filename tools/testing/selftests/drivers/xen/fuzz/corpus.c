// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "corpus.h"

#define CORPUS_MAX	2048u

static struct recipe corpus[CORPUS_MAX];
static uint32_t count;

void corpus_add(const struct recipe *recipe)
{
	if (count < CORPUS_MAX)
		corpus[count++] = *recipe;
}

uint32_t corpus_count(void)
{
	return count;
}

/* The newest are on the way to something, so half of the choices are theirs. */
static const struct recipe *choose(uint64_t *rng)
{
	uint32_t recent = count < 16 ? count : 16;

	if (rng_below(rng, 2))
		return &corpus[count - 1 - rng_below(rng, recent)];
	return &corpus[rng_below(rng, count)];
}

void corpus_next(struct recipe *recipe, uint64_t *rng, bool guided)
{
	if (guided && count && rng_below(rng, 4)) {
		*recipe = *choose(rng);
		if (recipe->steps < RECIPE_STEPS) {
			recipe->step[recipe->steps++] = (uint32_t)rng_next(rng);
			return;
		}
	}
	memset(recipe, 0, sizeof(*recipe));
	recipe->seed = rng_next(rng);
}

int corpus_load(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[RECIPE_TEXT + 2];
	struct recipe recipe;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (recipe_parse(&recipe, line))
			corpus_add(&recipe);
	}
	fclose(file);
	return 0;
}

int corpus_save(const char *path)
{
	FILE *file = fopen(path, "we");
	char text[RECIPE_TEXT];

	if (!file)
		return -errno;
	for (uint32_t i = 0; i < count; i++) {
		recipe_print(&corpus[i], text);
		fprintf(file, "%s\n", text);
	}
	return fclose(file) ? -errno : 0;
}
