/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What the benchmark needs of the kernel: grant operations with nothing around
 * them, and an importer of dma-bufs.
 */
#ifndef XEN_GNTDEV_BENCH_H
#define XEN_GNTDEV_BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * enum bench_floor_kind - which operations
 * @BENCH_FLOOR_KERNEL: map grants at kernel addresses, unmap them
 * @BENCH_FLOOR_USER: map grants in page tables of the caller, unmap them
 * @BENCH_FLOOR_GRANT: grant pages, end the grants
 * @BENCH_FLOOR_COPY: copy from grants, nothing to undo
 * @BENCH_FLOOR_PAGES: take backing pages from the kernel's allocator, give them
 *	back
 * @BENCH_FLOOR_REFS: map and unmap as BENCH_FLOOR_KERNEL, with what the kernel
 *	has to note for it
 */
enum bench_floor_kind {
	BENCH_FLOOR_KERNEL,
	BENCH_FLOOR_USER,
	BENCH_FLOOR_GRANT,
	BENCH_FLOOR_COPY,
	BENCH_FLOOR_PAGES,
	BENCH_FLOOR_REFS,
};

/**
 * struct bench_floor - time operations from one prepared array
 * @kind: enum bench_floor_kind
 * @count: how many
 * @domid: who granted, or whom to grant to
 * @pad: 0
 * @refs: pointer to @count references of 32 bits, but for BENCH_FLOOR_GRANT
 * @addr: for BENCH_FLOOR_USER, start of an mmap() of this device
 * @make: out: what it cost to do it
 * @undo: out: what it cost to undo it
 */
struct bench_floor {
	__u32 kind;
	__u32 count;
	__u32 domid;
	__u32 pad;
	__u64 refs;
	__u64 addr;
	__u64 make;
	__u64 undo;
};

#define BENCH_IOC_FLOOR		_IOWR('b', 0xe0, struct bench_floor)
/* Attach the module's device to a dma-buf and map it; argument: descriptor. */
#define BENCH_IOC_ATTACH	_IO('b', 0xe1)
#define BENCH_IOC_DETACH	_IO('b', 0xe2)
/* Have a dma-buf at consecutive kernel addresses; argument: descriptor. */
#define BENCH_IOC_VMAP		_IO('b', 0xe3)
#define BENCH_IOC_VUNMAP	_IO('b', 0xe4)

#endif /* XEN_GNTDEV_BENCH_H */
