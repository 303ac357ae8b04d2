// SPDX-License-Identifier: GPL-2.0-only
/*
 * Map a page that this domain granted to itself and keep it mapped until
 * standard input ends: what the rig's check for mapped grants must notice.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/gntalloc.h>

#include "gntdev.h"

static uint32_t grant_page(int fd)
{
	struct ioctl_gntalloc_alloc_gref op = {
		.domid = 0,
		.flags = GNTALLOC_FLAG_WRITABLE,
		.count = 1,
	};

	if (ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, &op))
		err(1, "gntalloc");
	return op.gref_ids[0];
}

static void map_page(int fd, uint32_t ref)
{
	struct ioctl_gntdev_map_grant_ref op = { .count = 1 };
	void *addr;

	op.refs[0].domid = 0;
	op.refs[0].ref = ref;
	if (ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, &op))
		err(1, "map");
	addr = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED,
		    fd, (off_t)op.index);
	if (addr == MAP_FAILED)
		err(1, "mmap");
	*(char *)addr = 1;
}

int main(void)
{
	int gntalloc = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);
	int gntdev = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	char c;

	if (gntalloc < 0 || gntdev < 0)
		err(1, "open");
	map_page(gntdev, grant_page(gntalloc));
	puts("held");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
