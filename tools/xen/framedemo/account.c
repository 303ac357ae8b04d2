// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account.h"

#define TRACING		"/sys/kernel/tracing"
#define INSTANCE	TRACING "/instances/framedemo"
#define PROBE_GROUP	"framedemo"
#define PROBE_NAME	"grant_copy"
#define BOUNCE_EVENT	INSTANCE "/events/swiotlb/swiotlb_bounced/enable"
#define COPY_EVENT	INSTANCE "/events/" PROBE_GROUP "/" PROBE_NAME "/enable"

static int put_text(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	ssize_t len;
	int ret = 0;

	if (fd < 0)
		return -errno;
	len = write(fd, text, strlen(text));
	if (len != (ssize_t)strlen(text))
		ret = len < 0 ? -errno : -EIO;
	close(fd);
	return ret;
}

/*
 * The one function of the kernel through which grant copies go; its second
 * argument (in %rsi) is the number of operations.
 */
static int add_probe(void)
{
	return put_text(TRACING "/kprobe_events", O_APPEND,
			"p:" PROBE_GROUP "/" PROBE_NAME
			" gnttab_batch_copy count=%si:u32");
}

int account_start(void)
{
	int ret = add_probe();

	if (ret)
		return ret;
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		return -errno;
	ret = put_text(COPY_EVENT, 0, "1");
	if (!ret)
		ret = put_text(BOUNCE_EVENT, 0, "1");
	return ret ? ret : account_reset();
}

int account_reset(void)
{
	/* Opening it for truncation empties the buffer. */
	return put_text(INSTANCE "/trace", O_TRUNC, "");
}

static uint64_t field(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	return at ? strtoull(at + strlen(name), NULL, 0) : 0;
}

static void count_line(const char *line, struct account *result)
{
	unsigned long long kept, written;

	if (sscanf(line, "# entries-in-buffer/entries-written: %llu/%llu",
		   &kept, &written) == 2)
		result->lost = written - kept;
	else if (strstr(line, " " PROBE_NAME ":"))
		result->grant_copies += field(line, "count=");
	else if (strstr(line, " swiotlb_bounced:"))
		result->bounces += field(line, " size=");
}

int account_read(struct account *result)
{
	FILE *trace = fopen(INSTANCE "/trace", "re");
	char *line = NULL;
	size_t size = 0;

	if (!trace)
		return -errno;
	*result = (struct account){ 0 };
	while (getline(&line, &size, trace) >= 0)
		count_line(line, result);
	free(line);
	fclose(trace);
	return 0;
}

void account_stop(void)
{
	put_text(COPY_EVENT, 0, "0");
	put_text(BOUNCE_EVENT, 0, "0");
	rmdir(INSTANCE);
	put_text(TRACING "/kprobe_events", O_APPEND, "-:" PROBE_GROUP "/" PROBE_NAME);
}

int64_t account_mapped(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char *line = NULL;
	int64_t bytes = 0;
	size_t size = 0;

	if (!maps)
		return -errno;
	while (getline(&line, &size, maps) >= 0) {
		unsigned long start, end;

		if (!strstr(line, "dmabuf") && !strstr(line, "/dev/dri/") &&
		    !strstr(line, "/dev/xen/gntdev") &&
		    !strstr(line, "drm mm object"))
			continue;
		if (sscanf(line, "%lx-%lx", &start, &end) == 2)
			bytes += (int64_t)(end - start);
	}
	free(line);
	fclose(maps);
	return bytes;
}
