/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XEN_GNTDEV_BENCH_FLOOR_H
#define XEN_GNTDEV_BENCH_FLOOR_H

#include <linux/mm.h>

#include "gntdev-bench.h"

/* Of the mappings whose page tables BENCH_FLOOR_USER may use. */
extern const struct vm_operations_struct bench_vm_ops;

long bench_floor_ioctl(void __user *arg);

#endif /* XEN_GNTDEV_BENCH_FLOOR_H */
