// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kcov.h>

#include "pattern.h"

#include "cover.h"
#include "exec.h"

#define AREA_WORDS	(128 * 1024 / sizeof(unsigned long))
#define OTHERS_WORDS	8192u
#define TABLE_SIZE	65536u
#define SECTIONS	"/sys/module/xen_gntdev/sections/"
/* More than the driver will ever have. */
#define TEXT_MAX	(256ul * 1024)

/**
 * struct table - a set of numbers that are not 0
 * @count:	how many there are
 * @entry:	by hash, then the next free place
 */
struct table {
	uint32_t count;
	uint64_t entry[TABLE_SIZE];
};

static struct table *edges, *blocks;
static unsigned long text;
static const char *node;

static bool table_add(struct table *table, uint64_t value)
{
	uint32_t at = (uint32_t)pattern_mix(value) % TABLE_SIZE;

	while (table->entry[at] && table->entry[at] != value)
		at = (at + 1) % TABLE_SIZE;
	if (table->entry[at] || table->count > TABLE_SIZE / 2)
		return false;
	table->entry[at] = value;
	table->count++;
	return true;
}

/* Programs need nothing of that, and forking copies page tables slowly. */
static void *keep(void *addr, size_t bytes)
{
	return addr == MAP_FAILED || madvise(addr, bytes, MADV_DONTFORK) ?
		NULL : addr;
}

static struct table *table_new(void)
{
	return keep(mmap(NULL, sizeof(struct table), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		    sizeof(struct table));
}

static unsigned long section_start(const char *name)
{
	char path[128], value[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), SECTIONS "%s", name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(value, sizeof(value), file))
		value[0] = '\0';
	fclose(file);
	return strtoul(value, NULL, 16);
}

bool cover_init(void)
{
	static const char *const nodes[] = {
		"/sys/kernel/debug/gntdev-coverage",
		"/sys/kernel/debug/kcov",
	};

	edges = table_new();
	blocks = table_new();
	text = edges && blocks ? section_start(".text") : 0;
	for (uint32_t i = 0; text && i < 2 && !node; i++) {
		if (!access(nodes[i], R_OK | W_OK))
			node = nodes[i];
	}
	return node;
}

int cover_open(struct cover_area *area)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);
	void *words;

	if (fd < 0)
		return -errno;
	area->fd = fcntl(fd, F_DUPFD_CLOEXEC, OWN_FDS);
	close(fd);
	if (area->fd < 0 || ioctl(area->fd, KCOV_INIT_TRACE, AREA_WORDS))
		return -errno;
	words = keep(mmap(NULL, AREA_WORDS * sizeof(unsigned long),
			  PROT_READ | PROT_WRITE, MAP_SHARED, area->fd, 0),
		     AREA_WORDS * sizeof(unsigned long));
	if (!words)
		return -errno;
	area->words = words;
	return 0;
}

void cover_enable(struct cover_area *area)
{
	if (area->fd >= 0)
		ioctl(area->fd, KCOV_ENABLE, KCOV_TRACE_PC);
}

/* KCOV does that by itself when the thread ends. */
void cover_reset(struct cover_area *area)
{
	if (area->fd < 0)
		return;
	ioctl(area->fd, KCOV_DISABLE, 0);
	area->words[0] = 0;
}

uint32_t cover_collect(struct cover_area *area)
{
	unsigned long count, before = 0;
	uint32_t added = 0;

	if (area->fd < 0)
		return 0;
	count = __atomic_load_n(&area->words[0], __ATOMIC_ACQUIRE);
	for (unsigned long i = 1; i <= count && i < AREA_WORDS; i++) {
		unsigned long at = area->words[i] - text;

		if (at >= TEXT_MAX)
			continue;
		table_add(blocks, at);
		added += table_add(edges, (uint64_t)before << 32 | at);
		before = at;
	}
	return added;
}

uint32_t cover_edges(void)
{
	return edges ? edges->count : 0;
}

uint32_t cover_blocks(void)
{
	return blocks ? blocks->count : 0;
}

/* What workers ran has no order, so there are no edges of it. */
static void collect_others(void)
{
	static unsigned long others[OTHERS_WORDS];
	int fd = open(node, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, others, sizeof(others));

	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < got / (ssize_t)sizeof(*others); i++) {
		if (others[i] - text < TEXT_MAX && others[i])
			table_add(blocks, others[i] - text);
	}
}

void cover_report(void)
{
	if (!node)
		return;
	collect_others();
	for (uint32_t i = 0; i < TABLE_SIZE; i++) {
		if (blocks->entry[i])
			printf("# block %llx\n",
			       (unsigned long long)blocks->entry[i]);
	}
	for (uint32_t i = 0; i < TABLE_SIZE; i++) {
		if (edges->entry[i])
			printf("# edge %llx %llx\n",
			       (unsigned long long)edges->entry[i] >> 32,
			       (unsigned long long)edges->entry[i] & 0xffffffff);
	}
}
