// SPDX-License-Identifier: GPL-2.0-only
/*
 * Granted pages for a program that cannot be linked with the libraries it
 * takes to get them from a guest, as a 32-bit one.
 *
 * lend-pages COUNT prints the number of the granting domain and the references.
 * For each line of input it prints a result, as the functions of granter.h
 * return it:
 *   fill SEED             fill the pages
 *   check SEED            compare them
 *   visit SEED REF...     map these, compare them, fill them with ~SEED
 * At the end of the input the grants end; the exit status tells how.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "granter.h"

#define MAX_PAGES 64u

static int visit(struct granter *granter, uint64_t seed, const char *text)
{
	uint32_t refs[MAX_PAGES], count = 0;
	int used;

	while (count < MAX_PAGES &&
	       sscanf(text, "%" SCNu32 "%n", &refs[count], &used) == 1) {
		text += used;
		count++;
	}
	return granter_visits(granter, refs, count, seed);
}

static int obey(struct granter *granter, const char *line)
{
	char command[8];
	uint64_t seed;
	int used;

	if (sscanf(line, "%7s %" SCNu64 "%n", command, &seed, &used) != 2)
		return -EINVAL;
	if (!strcmp(command, "fill"))
		return granter_fill(granter, seed);
	if (!strcmp(command, "check"))
		return granter_check(granter, seed);
	if (!strcmp(command, "visit"))
		return visit(granter, seed, line + used);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	char line[16 * (MAX_PAGES + 2)];
	struct granter granter;
	int ret;

	if (argc != 2)
		return EXIT_FAILURE;
	setvbuf(stdout, NULL, _IOLBF, 0);
	ret = granter_open(&granter, (uint32_t)atoi(argv[1]));
	if (ret) {
		printf("%d\n", ret);
		return EXIT_FAILURE;
	}
	printf("%u", granter.domid);
	for (uint32_t i = 0; i < granter.count; i++)
		printf(" %u", granter.refs[i]);
	printf("\n");
	while (fgets(line, sizeof(line), stdin))
		printf("%d\n", obey(&granter, line));
	return granter_close(&granter) ? EXIT_FAILURE : EXIT_SUCCESS;
}
