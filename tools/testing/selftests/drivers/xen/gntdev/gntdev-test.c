// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "gntdev-test.h"

#define BALLOON "/sys/devices/system/xen_memory/xen_memory0/"

/* A reference of each of that many places in a large set is tried. */
#define LIVE_SAMPLES	256

uint32_t buffer_sizes[5] = { 1, 3, 64, 2025, 8100 };

__attribute__((constructor)) static void round_buffer_sizes(void)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++)
		buffer_sizes[i] = whole_pages(buffer_sizes[i]);
}

bool pv_domain(void)
{
	FILE *file = fopen("/sys/hypervisor/guest_type", "re");
	char type[8] = "";

	if (!file)
		return false;
	if (!fgets(type, sizeof(type), file))
		type[0] = '\0';
	fclose(file);
	return !strcmp(type, "PV\n");
}

bool loopback_works(void)
{
	struct utsname uts;

	if (!uname(&uts) && !strcmp(uts.machine, "aarch64"))
		return true;
	return pv_domain();
}

uint32_t cut(uint32_t pages)
{
	return pages * grants_per_page();
}

size_t bytes_of(uint32_t pages)
{
	return (size_t)pages * GRANT_PAGE_SIZE;
}

void *page_of(void *mem, uint32_t page)
{
	return (char *)mem + bytes_of(page);
}

bool can_read(const void *addr)
{
	int ends[2];
	bool ok;

	if (pipe2(ends, O_CLOEXEC))
		return false;
	ok = write(ends[1], addr, 1) == 1;
	close(ends[0]);
	close(ends[1]);
	return ok;
}

bool can_write(void *addr)
{
	int ends[2];
	bool ok;

	if (pipe2(ends, O_CLOEXEC))
		return false;
	ok = write(ends[1], "w", 1) == 1 && read(ends[0], addr, 1) == 1;
	close(ends[0]);
	close(ends[1]);
	return ok;
}

int revoke_pages(struct gnt_pages *pages)
{
	if (!pages->addr)
		return 0;
	/* A page that this process maps keeps its grant. */
	if (munmap(pages->addr, bytes_of(pages->count)))
		return -errno;
	pages->addr = NULL;
	return gnt_pages_revoke(pages);
}

static bool ref_works(int fd, uint16_t domid, uint32_t ref)
{
	struct gntdev_mapping map;

	if (gntdev_mapping_open(&map, fd, domid, &ref, 1, PROT_READ))
		return false;
	gntdev_mapping_close(&map);
	return true;
}

uint32_t live_grants(uint16_t domid, const uint32_t *refs, uint32_t count)
{
	uint32_t step = count / LIVE_SAMPLES + 1;
	uint32_t live = 0;
	int fd = gntdev_open();

	if (fd < 0)
		return count;
	for (uint32_t i = 0; i < count; i += step)
		live += ref_works(fd, domid, refs[i]);
	if (count)
		live += ref_works(fd, domid, refs[count - 1]);
	close(fd);
	return live;
}

unsigned int count_open_fds(void)
{
	unsigned int count = 0;
	DIR *dir = opendir("/proc/self/fd");

	if (!dir)
		return 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

uint64_t meminfo_kb(const char *field)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kb = 0;
	char line[128];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, field, strlen(field)))
			continue;
		if (sscanf(line + strlen(field), ": %llu", &kb) == 1)
			break;
	}
	fclose(file);
	return kb;
}

uint64_t free_kb(void)
{
	FILE *file = fopen("/proc/zoneinfo", "re");
	unsigned long pages, sum = 0;
	char line[160];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " nr_free_pages %lu", &pages) == 1 ||
		    sscanf(line, " count: %lu", &pages) == 1)
			sum += pages;
	fclose(file);
	return (uint64_t)sum * (uint64_t)getpagesize() / 1024;
}

int read_number(const char *path, unsigned long *value)
{
	FILE *file = fopen(path, "re");
	int found;

	if (!file)
		return -errno;
	found = fscanf(file, "%lu", value);
	fclose(file);
	return found == 1 ? 0 : -EINVAL;
}

int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

unsigned long gntdev_limit(void)
{
	unsigned long limit;

	if (read_number("/sys/module/xen_gntdev/parameters/limit", &limit))
		return 0;
	return limit;
}

bool balloon_is_sane(void)
{
	unsigned long kb;

	if (read_number(BALLOON "info/current_kb", &kb))
		return true;
	return kb / 2 < meminfo_kb("MemTotal");
}

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool wait_until(bool (*condition)(void *arg), void *arg, unsigned int ms)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	uint64_t end = now_ms() + ms;

	while (!condition(arg)) {
		if (now_ms() > end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

#define MODULE_USERS "/sys/module/xen_gntdev/refcnt"

bool module_is_counted(void)
{
	return !access(MODULE_USERS, F_OK);
}

int module_users(unsigned long *users)
{
	*users = 0;
	return module_is_counted() ? read_number(MODULE_USERS, users) : 0;
}

bool module_has_users(void *users)
{
	unsigned long now;

	return !module_users(&now) && now == *(unsigned long *)users;
}

void leave_grants_alone(void)
{
	const struct timespec pause = { .tv_sec = 1, .tv_nsec = 500000000 };

	nanosleep(&pause, NULL);
}

void *map_dmabuf(int dmabuf, uint32_t pages, int prot)
{
	void *mem = mmap(NULL, bytes_of(pages), prot, MAP_SHARED, dmabuf, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

int sync_dmabuf(int dmabuf, uint64_t flags)
{
	return dmabuf_cpu_access(dmabuf, flags);
}

static bool is_udmabuf(int dmabuf)
{
	char path[40], line[64];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = !strcmp(line, "exp_name:\tudmabuf\n");
	fclose(file);
	return found;
}

/*
 * Memory of a udmabuf is ordinary memory, which needs no synchronization, and
 * asking for it is harmful: udmabuf maps the pages for a device of its own, once,
 * and goes on with whatever direction it is asked for next. Since Linux 7, this
 * gives bounce pages in a PV domain, which are copied over the data.
 */
static int sync_unless_harmful(int dmabuf, uint64_t flags)
{
	if (is_udmabuf(dmabuf))
		return 0;
	return sync_dmabuf(dmabuf, flags);
}

static int with_dmabuf(int dmabuf, uint32_t pages, uint64_t seed, bool fill)
{
	uint64_t access = fill ? DMA_BUF_SYNC_WRITE : DMA_BUF_SYNC_READ;
	int prot = fill ? PROT_READ | PROT_WRITE : PROT_READ;
	void *mem = map_dmabuf(dmabuf, pages, prot);
	int ret;

	if (!mem)
		return -errno;
	ret = sync_unless_harmful(dmabuf, DMA_BUF_SYNC_START | access);
	if (!ret && fill)
		pattern_fill(mem, 0, pages, seed);
	else if (!ret && pattern_check(mem, 0, pages, seed, NULL))
		ret = -EBADMSG;
	if (!ret)
		ret = sync_unless_harmful(dmabuf, DMA_BUF_SYNC_END | access);
	munmap(mem, bytes_of(pages));
	return ret;
}

int fill_dmabuf(int dmabuf, uint32_t pages, uint64_t seed)
{
	return with_dmabuf(dmabuf, pages, seed, true);
}

int check_dmabuf(int dmabuf, uint32_t pages, uint64_t seed)
{
	return with_dmabuf(dmabuf, pages, seed, false);
}

bool released(int fd, int number)
{
	int ret = gntdev_exp_wait_released(fd, number, DEADLINE_MS);

	if (ret && ret != -ENOENT)
		return false;
	return gntdev_exp_wait_released(fd, number, 0) == -ENOENT;
}

struct references {
	const uint32_t *refs;
	uint32_t count;
};

static bool references_are_gone(void *arg)
{
	const struct references *set = arg;

	return !live_grants(SELF, set->refs, set->count);
}

bool gone_soon(const uint32_t *refs, uint32_t count)
{
	struct references set = { .refs = refs, .count = count };

	return wait_until(references_are_gone, &set, DEADLINE_MS);
}

int export_pages(int fd, const struct gnt_pages *pages, uint32_t flags)
{
	int dmabuf = -1;
	int ret = gntdev_exp_from_refs(fd, flags, SELF, pages->refs,
				       pages->count, &dmabuf);

	return ret ? ret : dmabuf;
}

uint32_t *repeat_refs(const uint32_t *refs, uint32_t count, uint32_t total)
{
	uint32_t *list = calloc(total, sizeof(*list));

	for (uint32_t i = 0; list && i < total; i++)
		list[i] = refs[i % count];
	return list;
}

bool kernel_has(const char *option)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "zcat /proc/config.gz 2>/dev/null | grep -q '^CONFIG_%s=y'", option);
	return system(command) == 0;
}
