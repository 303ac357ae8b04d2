// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <drm.h>
#include <drm_mode.h>

#include "dumb.h"
#include "grants.h"

/* In newer kernels, cirrus is cirrus-qemu. */
static bool drm_is(int fd, const char *driver)
{
	size_t len = strlen(driver);
	char name[32] = "";
	struct drm_version version = {
		.name = name,
		.name_len = sizeof(name) - 1,
	};

	if (ioctl(fd, DRM_IOCTL_VERSION, &version) ||
	    strncmp(name, driver, len))
		return false;
	return !name[len] || !strcmp(name + len, "-qemu");
}

static int drm_find(const char *driver)
{
	char path[32];

	for (int card = 0; card < 8; card++) {
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", card);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (drm_is(fd, driver))
			return fd;
		close(fd);
	}
	return -ENODEV;
}

int drm_open(const char *driver)
{
	int fd = drm_find(driver);
	char command[64];

	if (fd >= 0)
		return fd;
	snprintf(command, sizeof(command), "modprobe -q %s", driver);
	if (system(command))
		return -ENODEV;
	return drm_find(driver);
}

int dumb_alloc(const char *driver, uint32_t pages, uint32_t rights)
{
	/* One row of 32-bit pixels is a page. */
	struct drm_mode_create_dumb create = {
		.width = GRANT_PAGE_SIZE / 4,
		.height = pages,
		.bpp = 32,
	};
	struct drm_prime_handle prime = { .flags = rights | DRM_CLOEXEC };
	int fd = drm_open(driver);
	int ret;

	if (fd < 0)
		return fd;
	ret = ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create);
	prime.handle = create.handle;
	if (!ret)
		ret = ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	ret = ret < 0 ? -errno : prime.fd;
	/* The descriptor keeps the buffer. */
	close(fd);
	return ret;
}
