// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exec.h"
#include "kmsg.h"

static int kmsg = -1;

/* Only what begins a complaint; the gates know more. */
static const char *const complaints[] = {
	"BUG:", "WARNING:", "Oops", "general protection", "refcount_t:",
	"list_add corruption", "list_del corruption", "Bad page", "Bad rss",
	"INFO: ", "overwritten", "corrupt", "DMA-API:", "inconsistent lock",
	"possible circular", "possible recursive",
};

void kmsg_init(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	kmsg = fcntl(fd, F_DUPFD_CLOEXEC, OWN_FDS);
	close(fd);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
}

static bool is_complaint(const char *line)
{
	for (size_t i = 0; i < sizeof(complaints) / sizeof(*complaints); i++) {
		if (strstr(line, complaints[i]))
			return true;
	}
	return false;
}

/* A record each: "number,number,number,flags;text". */
bool kmsg_complains(char *text, size_t size)
{
	bool found = false;
	char record[1024];
	ssize_t got;

	for (;;) {
		char *line;

		got = kmsg < 0 ? -1 : read(kmsg, record, sizeof(record) - 1);
		/* Some were lost: those that follow are read. */
		if (got < 0 && kmsg >= 0 && errno == EPIPE)
			continue;
		if (got <= 0)
			return found;
		record[got] = '\0';
		line = strchr(record, ';');
		if (!line || found || !is_complaint(line))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(text, size, "the kernel says \"%s\"", line + 1);
		found = true;
	}
}
