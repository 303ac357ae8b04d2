/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * A dma-buf exporter with the habits that real ones have, or should not have,
 * and an importer that tells what it was given.
 */
#ifndef XEN_GNTDEV_MOCK_DMABUF_H
#define XEN_GNTDEV_MOCK_DMABUF_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * enum mock_kind - what the scatterlist of a buffer looks like
 * @MOCK_PLAIN: an entry for each page
 * @MOCK_ONE_ENTRY: consecutive pages in one entry
 * @MOCK_MERGED: an entry for each page, but one DMA segment for all
 * @MOCK_MANGLED: page pointers are no pointers, as CONFIG_DMABUF_DEBUG does
 * @MOCK_OFFSET: the first DMA address is not that of a page
 * @MOCK_PIECES: entries of 512 bytes
 * @MOCK_SHORT: the last page is missing
 * @MOCK_LONG: three pages more than the buffer has
 * @MOCK_MMIO: DMA addresses of a device
 * @MOCK_NOWHERE: DMA addresses where nothing is
 * @MOCK_NO_MAP: cannot be mapped at all (EIO)
 * @MOCK_SINGLE: as MOCK_PLAIN, but of any size, and no two pages are consecutive
 *	by intent
 * @MOCK_HUGE: as MOCK_PLAIN, but claims to have MOCK_HUGE_BYTES
 * @MOCK_KINDS: how many there are
 */
enum mock_kind {
	MOCK_PLAIN,
	MOCK_ONE_ENTRY,
	MOCK_MERGED,
	MOCK_MANGLED,
	MOCK_OFFSET,
	MOCK_PIECES,
	MOCK_SHORT,
	MOCK_LONG,
	MOCK_MMIO,
	MOCK_NOWHERE,
	MOCK_NO_MAP,
	MOCK_SINGLE,
	MOCK_HUGE,
	MOCK_KINDS,
};

/* More than a buffer may have that is imported. */
#define MOCK_HUGE_BYTES	(8ull << 30)

/**
 * struct mock_create - make a buffer; the command returns its descriptor
 * @kind: enum mock_kind
 * @pages: its size, up to 64; up to 16384 for MOCK_SINGLE
 */
struct mock_create {
	__u32 kind;
	__u32 pages;
};

/**
 * struct mock_stats - out: what importers do with all mock buffers
 * @buffers: buffers that exist
 * @attached: attachments
 * @mapped: mappings for DMA
 * @direction: enum dma_data_direction of the latest mapping
 */
struct mock_stats {
	__u32 buffers;
	__u32 attached;
	__u32 mapped;
	__u32 direction;
};

/**
 * struct mock_access - import a dma-buf for a device and for the kernel
 * @data: user memory as large as the buffer, to or from the buffer
 * @fd: the dma-buf
 * @write: 0 to read the buffer through vmap(), 1 to write it
 * @entries: out: DMA segments
 * @longest: out: bytes of the longest of them
 */
struct mock_access {
	__u64 data;
	__s32 fd;
	__u32 write;
	__u32 entries;
	__u32 longest;
};

#define MOCK_IOC_CREATE	_IOW('m', 0xd0, struct mock_create)
#define MOCK_IOC_STATS	_IOR('m', 0xd1, struct mock_stats)
#define MOCK_IOC_ACCESS	_IOWR('m', 0xd2, struct mock_access)
/* Argument: a dma-buf, of whose pages references are taken, ... */
#define MOCK_IOC_PIN	_IO('m', 0xd3)
/* ... and given back, here or when the file is closed. */
#define MOCK_IOC_UNPIN	_IO('m', 0xd4)
/* MOCK_IOC_ACCESS without a device. */
#define MOCK_IOC_VMAP	_IOWR('m', 0xd5, struct mock_access)
/* 1 or 0: is an address of the caller mapped cached? EOPNOTSUPP: who knows. */
#define MOCK_IOC_CACHED	_IO('m', 0xd6)
/* The same for the vmap() of a dma-buf. */
#define MOCK_IOC_VMAP_CACHED	_IO('m', 0xd7)

#endif /* XEN_GNTDEV_MOCK_DMABUF_H */
