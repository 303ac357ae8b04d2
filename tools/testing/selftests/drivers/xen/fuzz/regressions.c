// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "regressions.h"

/* Programs are lines "name: program"; all others are comments. */
static const char *program_of(const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);

	return colon && *line != '#' ? colon + 1 : NULL;
}

bool regression_get(struct prog *prog, uint64_t number)
{
	const char *line = regressions_text;
	char text[PROG_TEXT];

	while (number && *line) {
		size_t length = strcspn(line, "\n");
		const char *program = program_of(line, length);

		if (program && !--number) {
			size_t size = (size_t)(line + length - program);

			if (size >= sizeof(text))
				return false;
			memcpy(text, program, size);
			text[size] = '\0';
			return prog_parse(prog, text);
		}
		line += length + (line[length] == '\n');
	}
	return false;
}
