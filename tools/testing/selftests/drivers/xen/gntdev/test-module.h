/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel modules that come with the tests, in the folder of the programs.
 */
#ifndef XEN_GNTDEV_TEST_MODULE_H
#define XEN_GNTDEV_TEST_MODULE_H

#include <stdbool.h>

/**
 * test_module_load() - load a module unless it is there
 * @name:	of its file, without the ending
 *
 * Return: 0 or a negative errno; -ENOENT if it was not built.
 */
int test_module_load(const char *name);

/* The exporter of test_modules/mock-dmabuf.h. Return: a descriptor, or -1. */
int mock_open(void);

#define NO_MOCK "test module mock-dmabuf is not there"

/* The driver with hooks for tests. */
#define HOOKED_MODULE	"xen-gntdev-selftest"
#define HOOKED_NODE	"/dev/xen/gntdev-selftest"
#define HOOKED_PARAMETERS "/sys/module/xen_gntdev_selftest/parameters/"

/**
 * hooked_gntdev_use() - have gntdev_open() open the driver with hooks
 * @scatter:	let it map grants on pages that are not consecutive
 *
 * Return: 0 or a negative errno; -ENOENT if it was not built.
 */
int hooked_gntdev_use(bool scatter);

/*
 * Its parameters, as Documentation/driver-api/xen/gntdev.rst says; the first
 * returns 0 or a negative errno.
 */
int hooked_gntdev_write(const char *parameter, unsigned int value);
unsigned long hooked_gntdev_read(const char *parameter);

/* How many of its mappings needed kernel addresses beside those of pages. */
unsigned long hooked_gntdev_vmaps(void);

#endif /* XEN_GNTDEV_TEST_MODULE_H */
