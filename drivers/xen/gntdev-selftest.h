/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What only tests want of the driver. With CONFIG_XEN_GNTDEV_SELFTEST it is
 * built with the hooks below, as a module and a device of other names, so that
 * it can be loaded beside the real one. Otherwise the hooks are empty.
 *
 * Calls of the kernel's functions need no hook: the linker replaces them, see
 * gntdev-selftest-wrap.c.
 */
#ifndef _XEN_GNTDEV_SELFTEST_H
#define _XEN_GNTDEV_SELFTEST_H

#include <linux/types.h>

struct gntdev_mapping;
struct gnttab_map_grant_ref;
struct gnttab_unmap_grant_ref;

/**
 * enum gntdev_fail - what can be made to fail, one element at a time
 * @GNTDEV_FAIL_MAP: the hypervisor refuses to map a grant
 * @GNTDEV_FAIL_COPY: the hypervisor refuses to copy
 * @GNTDEV_FAIL_REFS: there are no grant references left
 * @GNTDEV_FAIL_FRAMES: the hypervisor neither takes nor lends a frame
 * @GNTDEV_FAIL_PAGES: there are no backing pages left
 * @GNTDEV_FAIL_FLUSH: the hypervisor does not flush translations
 * @GNTDEV_FAIL_BUSY: a page is still used, or a grant still mapped
 * @GNTDEV_FAIL_UNMAP: the hypervisor says that it did not unmap a grant; it did
 *
 * Tests know the numbers.
 */
enum gntdev_fail {
	GNTDEV_FAIL_MAP,
	GNTDEV_FAIL_COPY,
	GNTDEV_FAIL_REFS,
	GNTDEV_FAIL_FRAMES,
	GNTDEV_FAIL_PAGES,
	GNTDEV_FAIL_FLUSH,
	GNTDEV_FAIL_BUSY,
	GNTDEV_FAIL_UNMAP,
};

/**
 * enum gntdev_held - what is counted while the driver has it
 * @GNTDEV_HELD_MAPPED: grants mapped, each as often as it is
 * @GNTDEV_HELD_GRANTED: grants for other domains
 * @GNTDEV_HELD_FRAMES: frames that were given back to the hypervisor
 * @GNTDEV_HELD_PAGES: backing pages in use
 * @GNTDEV_HELD_KINDS: how many there are
 */
enum gntdev_held {
	GNTDEV_HELD_MAPPED,
	GNTDEV_HELD_GRANTED,
	GNTDEV_HELD_FRAMES,
	GNTDEV_HELD_PAGES,
	GNTDEV_HELD_KINDS,
};

#if IS_ENABLED(CONFIG_XEN_GNTDEV_SELFTEST)
#define GNTDEV_NAME	"gntdev-selftest"

void gntdev_selftest_scatter(struct gntdev_mapping *mapping);
void gntdev_selftest_count_vmap(void);
void gntdev_selftest_fault(void);
bool gntdev_selftest_fails(enum gntdev_fail what);
void gntdev_selftest_hold(enum gntdev_held what, int count);
void gntdev_selftest_before_map(struct gnttab_map_grant_ref *op,
				unsigned int count);
void gntdev_selftest_after_map(const struct gnttab_map_grant_ref *op,
			       unsigned int count);
void gntdev_selftest_after_unmap(struct gntdev_mapping *mapping,
				 struct gnttab_unmap_grant_ref *op,
				 unsigned int count);
#else
#define GNTDEV_NAME	"gntdev"

static inline void gntdev_selftest_scatter(struct gntdev_mapping *mapping) {}
static inline void gntdev_selftest_count_vmap(void) {}
static inline void gntdev_selftest_fault(void) {}

static inline bool gntdev_selftest_fails(enum gntdev_fail what)
{
	return false;
}

static inline void gntdev_selftest_hold(enum gntdev_held what, int count) {}

static inline void gntdev_selftest_before_map(struct gnttab_map_grant_ref *op,
					      unsigned int count)
{
}

static inline void
gntdev_selftest_after_map(const struct gnttab_map_grant_ref *op,
			  unsigned int count)
{
}

static inline void
gntdev_selftest_after_unmap(struct gntdev_mapping *mapping,
			    struct gnttab_unmap_grant_ref *op,
			    unsigned int count)
{
}
#endif

#endif /* _XEN_GNTDEV_SELFTEST_H */
