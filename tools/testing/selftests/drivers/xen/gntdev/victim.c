// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gntdev-test.h"
#include "victim.h"

#define XL_QUIET " >/dev/null 2>&1"

static int run(const char *command)
{
	int status = system(command);

	return status < 0 ? -errno : status ? -EIO : 0;
}

static const char *image(void)
{
	static char path[PATH_MAX];
	char self[PATH_MAX] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return NULL;
	snprintf(path, sizeof(path), "%.4000s/hostile-guest", dirname(self));
	return access(path, R_OK) ? NULL : path;
}

bool victims_are_possible(void)
{
	return image() && !run("xl list" XL_QUIET);
}

static int write_config(const char *path, const char *name)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return -errno;
	fprintf(file, "name = \"%s\"\ntype = \"pv\"\nmemory = 8\nvcpus = 1\n"
		"kernel = \"%s\"\non_poweroff = \"destroy\"\n"
		"on_reboot = \"destroy\"\non_crash = \"destroy\"\n",
		name, image());
	return fclose(file) ? -errno : 0;
}

int victim_create(struct victim *v, unsigned int number)
{
	char path[64], command[128];
	int ret;

	*v = (struct victim){ .fd = -1 };
	snprintf(v->name, sizeof(v->name), "hostile%u", number);
	snprintf(path, sizeof(path), "/tmp/%s.cfg", v->name);
	ret = write_config(path, v->name);
	if (ret)
		return ret;
	v->create = fork();
	if (v->create)
		return v->create < 0 ? -errno : 0;
	snprintf(command, sizeof(command), "exec xl create -q %s" XL_QUIET,
		 path);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

static int read_domid(struct victim *v)
{
	char command[64];
	unsigned int domid;
	int found;
	FILE *xl;

	snprintf(command, sizeof(command), "xl domid %s 2>/dev/null", v->name);
	xl = popen(command, "re");
	if (!xl)
		return -errno;
	found = fscanf(xl, "%u", &domid);
	pclose(xl);
	if (found != 1)
		return -ESRCH;
	v->domid = (uint16_t)domid;
	return 0;
}

/* The guest grants the area last. */
static bool area_is_there(void *arg)
{
	const uint32_t ref = HOSTILE_AREA;
	struct victim *v = arg;

	if (gntdev_mapping_open(&v->map, v->fd, v->domid, &ref, 1,
				PROT_READ | PROT_WRITE))
		return false;
	v->area = v->map.addr;
	return __atomic_load_n(&v->area->magic, __ATOMIC_ACQUIRE) ==
	       HOSTILE_MAGIC;
}

int victim_connect(struct victim *v)
{
	xenevtchn_port_or_error_t port;
	int ret, status;

	if (waitpid(v->create, &status, 0) != v->create || status)
		return -ECHILD;
	ret = read_domid(v);
	if (ret)
		return ret;
	v->fd = gntdev_open();
	if (v->fd < 0)
		return v->fd;
	if (!wait_until(area_is_there, v, DEADLINE_MS))
		return -ETIMEDOUT;
	v->evtchn = xenevtchn_open(NULL, 0);
	if (!v->evtchn)
		return -errno;
	port = xenevtchn_bind_interdomain(v->evtchn, v->domid, v->area->port);
	if (port < 0)
		return -errno;
	v->port = (evtchn_port_t)port;
	return 0;
}

static int ask(struct victim *v, enum hostile_op op)
{
	v->area->op = op;
	__atomic_store_n(&v->area->asked, v->area->asked + 1,
			 __ATOMIC_RELEASE);
	return xenevtchn_notify(v->evtchn, v->port) ? -errno : 0;
}

static bool has_answered(void *arg)
{
	struct victim *v = arg;

	return __atomic_load_n(&v->area->answered, __ATOMIC_ACQUIRE) ==
	       v->area->asked;
}

static int call(struct victim *v, enum hostile_op op)
{
	int ret;

	v->area->failed = 0;
	ret = ask(v, op);
	if (!ret && !wait_until(has_answered, v, DEADLINE_MS))
		ret = -ETIMEDOUT;
	return ret ? ret : (int)v->area->failed;
}

int victim_set(struct victim *v, uint32_t first, uint32_t count, uint32_t flags,
	       uint16_t domid, uint32_t frame)
{
	v->area->first = first;
	v->area->count = count;
	v->area->flags = flags;
	v->area->domid = domid;
	v->area->frame = frame;
	return call(v, HOSTILE_SET);
}

int victim_map(struct victim *v, const uint32_t *refs, uint32_t count)
{
	v->area->count = count;
	for (uint32_t i = 0; i < count; i++)
		v->area->refs[i] = refs[i];
	return call(v, HOSTILE_MAP);
}

int victim_unmap(struct victim *v)
{
	return call(v, HOSTILE_UNMAP);
}

void victim_disconnect(struct victim *v)
{
	if (v->evtchn)
		xenevtchn_close(v->evtchn);
	gntdev_mapping_close(&v->map);
	if (v->fd >= 0)
		close(v->fd);
	v->evtchn = NULL;
	v->area = NULL;
	v->fd = -1;
}

int victim_destroy(struct victim *v)
{
	char command[64];

	snprintf(command, sizeof(command), "xl destroy %s" XL_QUIET, v->name);
	return run(command);
}

int victim_crash(struct victim *v)
{
	return ask(v, HOSTILE_CRASH);
}

bool victim_is_dead(void *arg)
{
	return read_domid(arg) == -ESRCH;
}

bool no_domain_is_left(void *unused)
{
	return run("xl list | grep -q '(null)'") == -EIO;
}
