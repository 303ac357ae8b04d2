/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What only tests want of the driver. With CONFIG_XEN_GNTDEV_SELFTEST it is
 * built with the hooks below, as a module and a device of other names, so that
 * it can be loaded beside the real one. Otherwise the hooks are empty.
 */
#ifndef _XEN_GNTDEV_SELFTEST_H
#define _XEN_GNTDEV_SELFTEST_H

struct gntdev_mapping;

#if IS_ENABLED(CONFIG_XEN_GNTDEV_SELFTEST)
#define GNTDEV_NAME	"gntdev-selftest"

void gntdev_selftest_scatter(struct gntdev_mapping *mapping);
void gntdev_selftest_count_vmap(void);
void gntdev_selftest_fault(void);
#else
#define GNTDEV_NAME	"gntdev"

static inline void gntdev_selftest_scatter(struct gntdev_mapping *mapping) {}
static inline void gntdev_selftest_count_vmap(void) {}
static inline void gntdev_selftest_fault(void) {}
#endif

#endif /* _XEN_GNTDEV_SELFTEST_H */
