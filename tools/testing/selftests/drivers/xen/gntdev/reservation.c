// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/utsname.h>

#include <xen/memory.h>

#include "reservation.h"

int reservation_open(struct reservation *r)
{
	r->xen = xencall_open(NULL, 0);
	if (!r->xen)
		return -errno;
	r->domid = xencall_alloc_buffer(r->xen, sizeof(*r->domid));
	if (!r->domid) {
		xencall_close(r->xen);
		return -ENOMEM;
	}
	*r->domid = DOMID_SELF;
	return 0;
}

void reservation_close(struct reservation *r)
{
	xencall_free_buffer(r->xen, r->domid);
	xencall_close(r->xen);
}

long reservation_frames(const struct reservation *r)
{
	return xencall2L(r->xen, __HYPERVISOR_memory_op,
			 XENMEM_current_reservation, (uintptr_t)r->domid);
}

bool frames_are_lent(void)
{
	struct utsname uts;

	return uname(&uts) || strcmp(uts.machine, "aarch64");
}
