/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers of display drivers. Functions return a descriptor or a negative
 * errno.
 */
#ifndef XEN_SELFTEST_DUMB_H
#define XEN_SELFTEST_DUMB_H

#include <stdint.h>

/**
 * dumb_alloc() - a dumb buffer of a DRM device as a dma-buf
 * @driver:	name of the DRM driver
 * @pages:	size
 * @rights:	DRM_RDWR or 0 for a read-only descriptor
 *
 * Return: a descriptor, or -ENODEV if there is no such device.
 */
int dumb_alloc(const char *driver, uint32_t pages, uint32_t rights);

/**
 * drm_open() - open the first device of a DRM driver
 * @driver:	its name, which is that of its module as well
 */
int drm_open(const char *driver);

#endif /* XEN_SELFTEST_DUMB_H */
