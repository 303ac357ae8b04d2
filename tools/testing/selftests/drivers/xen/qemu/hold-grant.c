// SPDX-License-Identifier: GPL-2.0-only
/*
 * Map a page that another domain granted to this one and keep it mapped until
 * standard input ends: what the rig's check for mapped grants must notice.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gntdev.h"

static void map_page(int fd, uint32_t domid, uint32_t ref)
{
	struct ioctl_gntdev_map_grant_ref op = { .count = 1 };
	void *addr;

	op.refs[0].domid = domid;
	op.refs[0].ref = ref;
	if (ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, &op))
		err(1, "map");
	addr = mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED, fd,
		    (off_t)op.index);
	if (addr == MAP_FAILED)
		err(1, "mmap");
}

int main(int argc, char **argv)
{
	int gntdev = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	char c;

	if (argc != 3)
		errx(2, "usage: hold-grant DOMID REFERENCE");
	if (gntdev < 0)
		err(1, "open");
	map_page(gntdev, (uint32_t)strtoul(argv[1], NULL, 0),
		 (uint32_t)strtoul(argv[2], NULL, 0));
	puts("held");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
