/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * Interface of /dev/xen/gntdev: access to memory that other Xen domains grant.
 */
#ifndef _UAPI_XEN_GNTDEV_H
#define _UAPI_XEN_GNTDEV_H

#include <linux/ioctl.h>
#include <linux/stddef.h>
#include <linux/types.h>

/**
 * DOC: numbers and errors
 *
 * The size in each command number below 0x20 is that of the structure with one
 * element in its trailing array; the direction bits are zero. A grant reference is the
 * number by which another domain offers one 4 KiB frame of its memory. Counts
 * are those of references, however large the pages of this kernel are.
 *
 * These errors have one meaning throughout:
 *
 *  - ENOTTY: unknown command.
 *  - EINVAL: an impossible argument or combination of arguments.
 *  - EFAULT: bad user memory.
 *  - EBADF: no descriptor has that number.
 *  - ENOENT: nothing has that index or cookie.
 *  - EBUSY: the object is in use.
 *  - EACCES: the granting domain, or the mode of a file, forbids the access.
 *  - EOPNOTSUPP: known, but impossible for this buffer or on this machine.
 *  - ENOSPC: no grant references or map handles are left in the hypervisor.
 *  - ENOMEM: no memory.
 *  - ETIMEDOUT, EINTR: the wait ended before what was waited for.
 *
 * A command that fails leaves everything as it was.
 */

/**
 * DOC: structures that can grow
 *
 * The structures of the commands from 0x20 on begin with their size, which the
 * caller sets; the size in the command number is ignored. Members may be
 * appended in the future, and mean nothing when they are zero. So:
 *
 *  - a structure larger than the kernel knows is accepted if the rest of it is
 *    zero; otherwise the command fails with E2BIG, as it does for more than a
 *    page;
 *  - one that is smaller than its first version fails with EINVAL;
 *  - flags that are not known, and padding that is not zero, fail with EINVAL.
 *
 * Members marked "out" may hold anything before the call. Pointers are numbers of
 * 64 bits, so that 32-bit programs use the same structures. Descriptors that a
 * structure names stay the caller's.
 */

/**
 * struct ioctl_gntdev_grant_ref - one frame granted by another domain
 * @domid: the granting domain
 * @ref: grant reference, in the table of that domain
 */
struct ioctl_gntdev_grant_ref {
	__u32 domid;
	__u32 ref;
};

/**
 * struct ioctl_gntdev_map_grant_ref - name a range of grants for mmap()
 * @count: number of elements in @refs, 1 up to the module's parameter "limit"
 * @pad: ignored
 * @index: out: the offset for mmap(), in bytes. The first range named on a
 *	fresh open file has index 0.
 * @first: room for one element of @refs
 * @refs: the references; each has a domain of its own
 *
 * The grants are mapped by mmap() and stay so until the last munmap(). They lie
 * one behind the other, 4 KiB each. What they leave of the last page, where
 * pages are larger, is memory of the caller's own: zero at first, and lost
 * afterwards.
 */
struct ioctl_gntdev_map_grant_ref {
	__u32 count;
	__u32 pad;
	__u64 index;
	union {
		struct ioctl_gntdev_grant_ref first;
		__DECLARE_FLEX_ARRAY(struct ioctl_gntdev_grant_ref, refs);
	};
};

#define IOCTL_GNTDEV_MAP_GRANT_REF \
	_IOC(_IOC_NONE, 'G', 0, sizeof(struct ioctl_gntdev_map_grant_ref))

/**
 * struct ioctl_gntdev_unmap_grant_ref - forget a range named before
 * @index: as returned by IOCTL_GNTDEV_MAP_GRANT_REF
 * @count: the same count as given then
 * @pad: ignored
 *
 * A range that is still mapped by mmap() lives on until munmap(), and keeps
 * its index until then.
 */
struct ioctl_gntdev_unmap_grant_ref {
	__u64 index;
	__u32 count;
	__u32 pad;
};

#define IOCTL_GNTDEV_UNMAP_GRANT_REF \
	_IOC(_IOC_NONE, 'G', 1, sizeof(struct ioctl_gntdev_unmap_grant_ref))

/**
 * struct ioctl_gntdev_get_offset_for_vaddr - find the range behind an address
 * @vaddr: any address in a mapping of this device in the calling process
 * @offset: out: index of the range, in bytes
 * @count: out: number of grants in the range
 * @pad: not touched
 */
struct ioctl_gntdev_get_offset_for_vaddr {
	__u64 vaddr;
	__u64 offset;
	__u32 count;
	__u32 pad;
};

#define IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR \
	_IOC(_IOC_NONE, 'G', 2, sizeof(struct ioctl_gntdev_get_offset_for_vaddr))

/**
 * struct ioctl_gntdev_set_max_grants - not implemented
 * @count: number of grants
 *
 * Kept so that old programs compile; the command fails with ENOTTY.
 */
struct ioctl_gntdev_set_max_grants {
	__u32 count;
};

#define IOCTL_GNTDEV_SET_MAX_GRANTS \
	_IOC(_IOC_NONE, 'G', 3, sizeof(struct ioctl_gntdev_set_max_grants))

/* Clear the byte at the given index. */
#define UNMAP_NOTIFY_CLEAR_BYTE		0x1
/* Send an event over the given event channel. */
#define UNMAP_NOTIFY_SEND_EVENT		0x2

/**
 * struct ioctl_gntdev_unmap_notify - tell a peer when a range is unmapped
 * @index: address of a byte: index of a range plus an offset into it
 * @action: UNMAP_NOTIFY_* bits; 0 takes an earlier request back
 * @event_channel_port: local port for UNMAP_NOTIFY_SEND_EVENT
 *
 * It is done when the range is unmapped, for whatever reason: munmap(),
 * IOCTL_GNTDEV_UNMAP_GRANT_REF, exit or SIGKILL.
 */
struct ioctl_gntdev_unmap_notify {
	__u64 index;
	__u32 action;
	__u32 event_channel_port;
};

#define IOCTL_GNTDEV_SET_UNMAP_NOTIFY \
	_IOC(_IOC_NONE, 'G', 7, sizeof(struct ioctl_gntdev_unmap_notify))

/*
 * The source, or the destination, is a grant; otherwise local memory. Xen's
 * public/grant_table.h defines the same.
 */
#ifndef GNTCOPY_source_gref
#define GNTCOPY_source_gref		(1 << 0)
#define GNTCOPY_dest_gref		(1 << 1)
#endif

/**
 * struct gntdev_grant_copy_segment - one piece of memory to copy
 * @source: where to read: an address of this process or a granted frame
 * @source.virt: address of local memory; it may cross pages
 * @source.foreign: a granted frame
 * @source.foreign.ref: grant reference
 * @source.foreign.offset: of the first byte in the frame
 * @source.foreign.domid: the granting domain
 * @dest: where to write
 * @dest.virt: address of local memory; it may cross pages
 * @dest.foreign: a granted frame
 * @dest.foreign.ref: grant reference
 * @dest.foreign.offset: of the first byte in the frame
 * @dest.foreign.domid: the granting domain
 * @len: bytes to copy; a granted frame must not be left
 * @flags: GNTCOPY_*_gref; at least one of them
 * @status: out: GNTST_* of Xen's public/grant_table.h; 0 is success
 */
struct gntdev_grant_copy_segment {
	union {
		void __user *virt;
		struct {
			__u32 ref;
			__u16 offset;
			__u16 domid;
		} foreign;
	} source, dest;
	__u16 len;
	__u16 flags;
	__s16 status;
};

/**
 * struct ioctl_gntdev_grant_copy - let the hypervisor copy
 * @count: number of @segments
 * @segments: what to copy; the status of each is written back
 *
 * Returns 0 when all segments were processed, whatever their status.
 */
struct ioctl_gntdev_grant_copy {
	unsigned int count;
	struct gntdev_grant_copy_segment __user *segments;
};

#define IOCTL_GNTDEV_GRANT_COPY \
	_IOC(_IOC_NONE, 'G', 8, sizeof(struct ioctl_gntdev_grant_copy))

/* Back the buffer by write-combined, or by coherent, DMA memory. */
#define GNTDEV_DMA_FLAG_WC		(1 << 0)
#define GNTDEV_DMA_FLAG_COHERENT	(1 << 1)

/**
 * struct ioctl_gntdev_dmabuf_exp_from_refs - make a dma-buf of granted frames
 * @flags: 0, GNTDEV_DMA_FLAG_WC or GNTDEV_DMA_FLAG_COHERENT, not both
 * @count: number of elements in @refs, 1 up to the module's parameter "limit";
 *	where pages of the kernel are larger than 4 KiB, as many as make whole
 *	pages, or it fails with EOPNOTSUPP
 * @fd: out: file descriptor of the dma-buf, with close-on-exec set
 * @domid: the granting domain
 * @first: room for one element of @refs
 * @refs: grant references
 *
 * Frames that are granted read-only make a dma-buf whose file is read-only.
 * The number of the descriptor is the cookie for
 * IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED, also after it was closed.
 */
struct ioctl_gntdev_dmabuf_exp_from_refs {
	__u32 flags;
	__u32 count;
	__u32 fd;
	__u32 domid;
	union {
		__u32 first;
		__DECLARE_FLEX_ARRAY(__u32, refs);
	};
};

#define IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS \
	_IOC(_IOC_NONE, 'G', 9, sizeof(struct ioctl_gntdev_dmabuf_exp_from_refs))

/**
 * struct ioctl_gntdev_dmabuf_exp_wait_released - wait until grants are unmapped
 * @fd: the number returned at export; it may be closed by now
 * @wait_to_ms: timeout in milliseconds; 0 only asks
 *
 * Returns 0 once the last grant of every buffer of this open file that was
 * exported under that number before the call is unmapped, ETIMEDOUT when that
 * takes too long, and ENOENT when there is no such buffer (any more).
 */
struct ioctl_gntdev_dmabuf_exp_wait_released {
	__u32 fd;
	__u32 wait_to_ms;
};

#define IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED \
	_IOC(_IOC_NONE, 'G', 10, sizeof(struct ioctl_gntdev_dmabuf_exp_wait_released))

/**
 * struct ioctl_gntdev_dmabuf_imp_to_refs - grant a local dma-buf
 * @fd: file descriptor of the dma-buf, open for reading and writing
 * @count: number of elements in @refs: the size of the buffer in 4 KiB frames
 * @domid: the domain that may map the frames, for reading and writing
 * @reserved: ignored: libxengnttab never initializes it
 * @first: room for one element of @refs
 * @refs: out: grant references
 *
 * The number of the descriptor is the cookie for
 * IOCTL_GNTDEV_DMABUF_IMP_RELEASE, also after it was closed.
 */
struct ioctl_gntdev_dmabuf_imp_to_refs {
	__u32 fd;
	__u32 count;
	__u32 domid;
	__u32 reserved;
	union {
		__u32 first;
		__DECLARE_FLEX_ARRAY(__u32, refs);
	};
};

#define IOCTL_GNTDEV_DMABUF_IMP_TO_REFS \
	_IOC(_IOC_NONE, 'G', 11, sizeof(struct ioctl_gntdev_dmabuf_imp_to_refs))

/**
 * struct ioctl_gntdev_dmabuf_imp_release - take grants of a dma-buf back
 * @fd: the number given at import; it may be closed by now
 * @reserved: ignored: libxengnttab never initializes it
 *
 * Never waits. While the other domain still maps frames, the buffer is kept;
 * the rest is finished in the background. Where several buffers were imported
 * under that number, the one that the descriptor refers to now is released,
 * otherwise the oldest.
 */
struct ioctl_gntdev_dmabuf_imp_release {
	__u32 fd;
	__u32 reserved;
};

#define IOCTL_GNTDEV_DMABUF_IMP_RELEASE \
	_IOC(_IOC_NONE, 'G', 12, sizeof(struct ioctl_gntdev_dmabuf_imp_release))

/*
 * For GNTDEV_DMABUF_* flags, the values of GNTDEV_DMA_FLAG_WC and _COHERENT are
 * valid at export, too.
 */

/* Share for reading only. */
#define GNTDEV_DMABUF_READONLY		(1 << 2)
/* Signal an eventfd, once, when the last grant is unmapped or ended. */
#define GNTDEV_DMABUF_EVENTFD		(1 << 3)

/**
 * struct gntdev_dmabuf_export - make a dma-buf of granted frames
 * @size: sizeof(struct gntdev_dmabuf_export)
 * @flags: GNTDEV_DMABUF_* bits, and GNTDEV_DMA_FLAG_WC or
 *	GNTDEV_DMA_FLAG_COHERENT, not both
 * @refs: pointer to @count references of 32 bits
 * @count: how many, 1 up to the limit that IOCTL_GNTDEV_QUERY tells; where pages
 *	of the kernel are larger than 4 KiB, as many as make whole pages, or it
 *	fails with EOPNOTSUPP
 * @domid: the granting domain
 * @offset: where the data begins in the first frame, in bytes
 * @eventfd: with GNTDEV_DMABUF_EVENTFD, a descriptor of an eventfd, which the
 *	caller may close; otherwise 0
 * @length: length of the data in bytes; it has to end in the last page
 * @fd: out: file descriptor of the dma-buf, with close-on-exec set
 * @pad: 0
 * @handle: out: names the export until its last grant is unmapped
 *
 * The dma-buf consists of whole frames. Where the data is in them, users of the
 * dma-buf have to be told by other means; IOCTL_GNTDEV_QUERY repeats it.
 *
 * With GNTDEV_DMABUF_READONLY, the file of the dma-buf is read-only. Without,
 * frames that are granted for reading only make it fail with EACCES.
 */
struct gntdev_dmabuf_export {
	__u32 size;
	__u32 flags;
	__u64 refs;
	__u32 count;
	__u32 domid;
	__u32 offset;
	__s32 eventfd;
	__u64 length;
	__s32 fd;
	__u32 pad;
	__u64 handle;
};

#define IOCTL_GNTDEV_DMABUF_EXPORT \
	_IOWR('G', 0x20, struct gntdev_dmabuf_export)

/**
 * struct gntdev_dmabuf_import - grant a range of a local dma-buf
 * @size: sizeof(struct gntdev_dmabuf_import)
 * @flags: GNTDEV_DMABUF_* bits
 * @fd: file descriptor of the dma-buf: open for reading and writing, or, with
 *	GNTDEV_DMABUF_READONLY, at least for reading
 * @domid: the domain that may map the frames
 * @offset: where the range begins in the dma-buf, in bytes
 * @length: length of the range in bytes, not 0
 * @refs: pointer to room for @capacity references of 32 bits
 * @capacity: how many there is room for
 * @count: out: how many there are: the 4 KiB frames that the range touches
 * @data_offset: out: where the range begins in the first frame, in bytes
 * @eventfd: with GNTDEV_DMABUF_EVENTFD, a descriptor of an eventfd, which the
 *	caller may close; otherwise 0
 * @handle: out: names the import until its last grant has ended
 *
 * Only the frames that the range touches are granted, but these as a whole. If
 * there is not enough room, the command fails with EINVAL, and @count tells how
 * many references there would be.
 */
struct gntdev_dmabuf_import {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 domid;
	__u64 offset;
	__u64 length;
	__u64 refs;
	__u32 capacity;
	__u32 count;
	__u32 data_offset;
	__s32 eventfd;
	__u64 handle;
};

#define IOCTL_GNTDEV_DMABUF_IMPORT \
	_IOWR('G', 0x21, struct gntdev_dmabuf_import)

/**
 * struct gntdev_dmabuf_import_release - take grants of a dma-buf back
 * @size: sizeof(struct gntdev_dmabuf_import_release)
 * @flags: 0
 * @handle: of an import
 * @left: out: number of grants that the other domain still maps
 * @pad: 0
 *
 * Never waits. If @left is 0, the handle is gone. Otherwise the buffer is kept,
 * the rest is finished in the background, and the handle can be waited for and
 * queried until then; releasing it again fails with EBUSY. The handle of an
 * export gives EINVAL: closing its dma-buf is what releases that.
 */
struct gntdev_dmabuf_import_release {
	__u32 size;
	__u32 flags;
	__u64 handle;
	__u32 left;
	__u32 pad;
};

#define IOCTL_GNTDEV_DMABUF_IMPORT_RELEASE \
	_IOWR('G', 0x22, struct gntdev_dmabuf_import_release)

/**
 * struct gntdev_dmabuf_wait - wait until the last grant is unmapped or ended
 * @size: sizeof(struct gntdev_dmabuf_wait)
 * @flags: 0
 * @handle: of an export or an import made through this open file
 * @timeout_ns: how long to wait, in nanoseconds: 0 only asks, the largest number
 *	means for ever; out: what is left of it
 * @left: out: number of grants that are not unmapped, or ended
 * @pad: 0
 *
 * Returns 0 once there is no such grant. ETIMEDOUT, with @left filled in, when
 * that takes too long. ENOENT when there is no such handle (any more): for a
 * handle that there was, this means the same as 0. A wait that a signal
 * interrupts can be called again with the same structure.
 */
struct gntdev_dmabuf_wait {
	__u32 size;
	__u32 flags;
	__u64 handle;
	__u64 timeout_ns;
	__u32 left;
	__u32 pad;
};

#define IOCTL_GNTDEV_DMABUF_WAIT \
	_IOWR('G', 0x23, struct gntdev_dmabuf_wait)

/* The dma-buf commands are there. */
#define GNTDEV_FEATURE_DMABUF		(1 << 0)
/* A range of grants can be mmapped several times at a time. */
#define GNTDEV_FEATURE_MMAP_SHARED	(1 << 1)

/* The handle names an import; otherwise an export. */
#define GNTDEV_STATE_IMPORT		(1 << 0)
/* It is shared for reading only. */
#define GNTDEV_STATE_READONLY		(1 << 1)
/* It is released: what is left is undone in the background. */
#define GNTDEV_STATE_RELEASED		(1 << 2)

/**
 * struct gntdev_query - what the device can do, and what is going on
 * @size: sizeof(struct gntdev_query)
 * @flags: 0
 * @handle: of an export or an import made through this open file, or 0 for none
 * @features: out: GNTDEV_FEATURE_* bits
 * @limit: out: how many grants a request may have
 * @state: out: GNTDEV_STATE_* bits of @handle
 * @domid: out: the other domain of @handle
 * @count: out: number of its grants
 * @left: out: how many of them are not unmapped (export), or ended (import)
 * @offset: out: offset of the data in the first frame, in bytes
 * @length: out: length of the data, in bytes
 * @ranges: out: ranges that are named for mmap()
 * @ranges_grants: out: grants in them
 * @mapped_grants: out: grants in ranges that are mmapped
 * @exports: out: exports that are not over
 * @exports_grants: out: grants in them
 * @imports: out: imports that are not over
 * @imports_grants: out: grants in them
 * @pending_grants: out: grants of released exports and imports that are not
 *	unmapped or ended yet, because somebody uses the pages
 *
 * The totals are those of the open file. Without a handle its members are 0.
 * Fails with ENOENT if there is no such handle any more, which means that its
 * last grant is unmapped or ended: handles are never used again.
 */
struct gntdev_query {
	__u32 size;
	__u32 flags;
	__u64 handle;
	__u64 features;
	__u32 limit;
	__u32 state;
	__u32 domid;
	__u32 count;
	__u32 left;
	__u32 offset;
	__u64 length;
	__u64 ranges;
	__u64 ranges_grants;
	__u64 mapped_grants;
	__u64 exports;
	__u64 exports_grants;
	__u64 imports;
	__u64 imports_grants;
	__u64 pending_grants;
};

#define IOCTL_GNTDEV_QUERY \
	_IOWR('G', 0x24, struct gntdev_query)

#endif /* _UAPI_XEN_GNTDEV_H */
