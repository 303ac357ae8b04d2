// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gntdev-test.h"
#include "test-module.h"

int test_module_load(const char *name)
{
	char path[PATH_MAX] = "", file[PATH_MAX + 64];
	int fd, ret;

	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		return -errno;
	snprintf(file, sizeof(file), "%s/%s.ko", dirname(path), name);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret == -EEXIST ? 0 : ret;
}

int mock_open(void)
{
	int fd = open("/dev/mock-dmabuf", O_RDWR | O_CLOEXEC);

	if (fd >= 0 || test_module_load("mock-dmabuf"))
		return fd;
	return open("/dev/mock-dmabuf", O_RDWR | O_CLOEXEC);
}

int hooked_gntdev_use(bool scatter)
{
	int ret = test_module_load(HOOKED_MODULE);

	if (!ret)
		ret = write_text(HOOKED_PARAMETERS "scatter", scatter ? "Y" : "N");
	if (!ret && setenv(GNTDEV_NODE_VARIABLE, HOOKED_NODE, 1))
		ret = -errno;
	return ret;
}

int hooked_gntdev_write(const char *parameter, unsigned int value)
{
	char path[128], text[16];

	snprintf(path, sizeof(path), HOOKED_PARAMETERS "%s", parameter);
	snprintf(text, sizeof(text), "%u", value);
	return write_text(path, text);
}

unsigned long hooked_gntdev_read(const char *parameter)
{
	unsigned long value;
	char path[128];

	snprintf(path, sizeof(path), HOOKED_PARAMETERS "%s", parameter);
	return read_number(path, &value) ? 0 : value;
}

unsigned long hooked_gntdev_vmaps(void)
{
	return hooked_gntdev_read("vmaps");
}
