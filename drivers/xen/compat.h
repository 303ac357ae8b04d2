/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module needs when it is built outside a kernel tree.
 */
#ifndef _XEN_GNTDEV_COMPAT_H
#define _XEN_GNTDEV_COMPAT_H

/* A module has no parameters on the kernel's command line. */
#ifdef MODULE
#define core_param(...) static_assert(1)
#endif

#endif /* _XEN_GNTDEV_COMPAT_H */
