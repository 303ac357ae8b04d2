// SPDX-License-Identifier: GPL-2.0-only
/*
 * Have the driver with hooks commit a fault: commit-fault NAME
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "gntdev-test.h"
#include "test-module.h"

int main(int argc, char **argv)
{
	struct ioctl_gntdev_unmap_grant_ref nothing = { .count = 1 };
	int fd;

	if (argc != 2 || hooked_gntdev_use(false)) {
		fprintf(stderr, "usage: commit-fault NAME (with its module)\n");
		return 2;
	}
	fd = open(HOOKED_NODE, O_RDWR | O_CLOEXEC);
	if (fd < 0 || write_text(HOOKED_PARAMETERS "fault", argv[1])) {
		perror(argv[1]);
		return 2;
	}
	ioctl(fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &nothing);
	return 0;
}
