/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * A driver of "edu", a device that QEMU emulates for teaching: it copies
 * between dma-bufs with DMA of its own. What it reads and writes is what is at
 * the addresses that an exporter gave it.
 */
#ifndef XEN_GNTDEV_EDU_DMABUF_H
#define XEN_GNTDEV_EDU_DMABUF_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Bytes that are copied at a time. */
#define EDU_CHUNK	2048u

/* Attach and map a dma-buf; the file has one until it is closed. */
#define EDU_IOC_ATTACH	_IO('m', 0xe0)
/* The same in the name of a device that the firmware does not describe. */
#define EDU_IOC_ATTACH_BARE	_IO('m', 0xe4)
/* Read a chunk of it at an offset, or write it with what was read last. */
#define EDU_IOC_READ	_IO('m', 0xe1)
#define EDU_IOC_WRITE	_IO('m', 0xe2)
/* Let the device reach only so many MiB; 0 lifts the limit. */
#define EDU_IOC_LIMIT	_IO('m', 0xe3)

#endif /* XEN_GNTDEV_EDU_DMABUF_H */
