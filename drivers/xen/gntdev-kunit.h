/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grants of this domain to itself, for unit tests that map some.
 */
#ifndef _XEN_GNTDEV_KUNIT_H
#define _XEN_GNTDEV_KUNIT_H

#include "gntdev-common.h"

struct kunit;

/* As long as it may take until work in the background is done. */
#define GNTDEV_KUNIT_SECONDS	30

struct gntdev_mapping *gntdev_kunit_map(const grant_ref_t *refs,
					unsigned int count, bool readonly);
void gntdev_kunit_need_own_grants(struct kunit *test);

#endif /* _XEN_GNTDEV_KUNIT_H */
