// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gntdev-test.h"
#include "tracing.h"

#define TRACING "/sys/kernel/tracing"
#define INSTANCE TRACING "/instances/gntdev-test"

static char text[65536];

static const char *switch_of_events(void)
{
	const char *node = getenv(GNTDEV_NODE_VARIABLE);

	if (node && strstr(node, "selftest"))
		return INSTANCE "/events/gntdev_selftest/enable";
	return INSTANCE "/events/gntdev/enable";
}

int tracing_switch(const char *on)
{
	return write_text(switch_of_events(), on);
}

/* An instance takes its options from what they are when it is made. */
static int record_commands(const char *on)
{
	return write_text(TRACING "/options/record-cmd", on);
}

/*
 * To record the names of commands is to trace the scheduler: code is patched
 * that other processors run, which emulated ones do not always survive.
 */
int tracing_begin(void)
{
	int ret;

	if (access(TRACING "/instances", F_OK) &&
	    mount("tracefs", TRACING, "tracefs", 0, NULL))
		return -errno;
	ret = record_commands("0");
	if (ret)
		return ret;
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		ret = -errno;
	record_commands("1");
	return ret ? ret : tracing_switch("1");
}

int tracing_end(void)
{
	int ret = tracing_switch("0");

	if (rmdir(INSTANCE))
		ret = -errno;
	return ret;
}

const char *tracing_text(void)
{
	FILE *file = fopen(INSTANCE "/trace", "re");
	size_t len;

	text[0] = '\0';
	if (!file)
		return text;
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

const char *tracing_find_line(const char *from, const char *line)
{
	if (!from)
		return NULL;
	from = strstr(from, line);
	return from ? from + strlen(line) : NULL;
}
