/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lift.cocci puts into the kernel's own driver. The files of the driver
 * include what this needs; here it would come too early for them.
 */
#ifndef XEN_GNTDEV_BENCH_LIFT_H
#define XEN_GNTDEV_BENCH_LIFT_H

#define BENCH_NODE		"xen/" KBUILD_MODNAME
#define BENCH_NOT_PV		true
#define BENCH_DEVICE_MAP	(xen_pv_domain() ? GNTMAP_device_map : 0)

#endif /* XEN_GNTDEV_BENCH_LIFT_H */
