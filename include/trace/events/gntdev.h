/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events: the life of grants, and why something was refused.
 */
#undef TRACE_SYSTEM
#if IS_ENABLED(CONFIG_XEN_GNTDEV_SELFTEST)
#define TRACE_SYSTEM gntdev_selftest
#else
#define TRACE_SYSTEM gntdev
#endif

#if !defined(_TRACE_GNTDEV_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_GNTDEV_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#ifndef _GNTDEV_REASONS
#define _GNTDEV_REASONS

/**
 * enum gntdev_reason - why something was refused
 * @GNTDEV_REASON_DOMAIN: its grants cannot be mapped by this domain
 * @GNTDEV_REASON_GRANT: the hypervisor does not map it
 * @GNTDEV_REASON_PART: the grants do not make whole pages of the kernel
 * @GNTDEV_REASON_DEVICE: it cannot reach the frames of an export
 * @GNTDEV_REASON_MODE: what a descriptor does not allow cannot be given to others
 * @GNTDEV_REASON_FOREIGN: frames of another domain cannot be granted
 * @GNTDEV_REASON_NOT_RAM: nor can what is not memory of this domain
 * @GNTDEV_REASON_LAYOUT: the dma-buf is not what its size says, or has parts of
 *	pages
 * @GNTDEV_REASON_SIZE: the dma-buf has more frames than any request may have
 * @GNTDEV_REASON_NO_REFS: this domain has no more grant references
 */
enum gntdev_reason {
	GNTDEV_REASON_DOMAIN,
	GNTDEV_REASON_GRANT,
	GNTDEV_REASON_PART,
	GNTDEV_REASON_DEVICE,
	GNTDEV_REASON_MODE,
	GNTDEV_REASON_FOREIGN,
	GNTDEV_REASON_NOT_RAM,
	GNTDEV_REASON_LAYOUT,
	GNTDEV_REASON_SIZE,
	GNTDEV_REASON_NO_REFS,
};
#endif

TRACE_DEFINE_ENUM(GNTDEV_REASON_DOMAIN);
TRACE_DEFINE_ENUM(GNTDEV_REASON_GRANT);
TRACE_DEFINE_ENUM(GNTDEV_REASON_PART);
TRACE_DEFINE_ENUM(GNTDEV_REASON_DEVICE);
TRACE_DEFINE_ENUM(GNTDEV_REASON_MODE);
TRACE_DEFINE_ENUM(GNTDEV_REASON_FOREIGN);
TRACE_DEFINE_ENUM(GNTDEV_REASON_NOT_RAM);
TRACE_DEFINE_ENUM(GNTDEV_REASON_LAYOUT);
TRACE_DEFINE_ENUM(GNTDEV_REASON_SIZE);
TRACE_DEFINE_ENUM(GNTDEV_REASON_NO_REFS);

#define show_gntdev_reason(reason)					\
	__print_symbolic(reason,					\
		{ GNTDEV_REASON_DOMAIN, "domain" },			\
		{ GNTDEV_REASON_GRANT, "grant" },			\
		{ GNTDEV_REASON_PART, "part-of-page" },			\
		{ GNTDEV_REASON_DEVICE, "device" },			\
		{ GNTDEV_REASON_MODE, "mode" },				\
		{ GNTDEV_REASON_FOREIGN, "foreign" },			\
		{ GNTDEV_REASON_NOT_RAM, "not-ram" },			\
		{ GNTDEV_REASON_LAYOUT, "layout" },			\
		{ GNTDEV_REASON_SIZE, "size" },				\
		{ GNTDEV_REASON_NO_REFS, "no-references" })

/* Grants are mapped, by mmap() or for an export. */
TRACE_EVENT(gntdev_map,
	    TP_PROTO(u16 domid, unsigned int grants, bool readonly),
	    TP_ARGS(domid, grants, readonly),
	    TP_STRUCT__entry(__field(u16, domid)
			     __field(unsigned int, grants)
			     __field(bool, readonly)),
	    TP_fast_assign(__entry->domid = domid;
			   __entry->grants = grants;
			   __entry->readonly = readonly;),
	    TP_printk("domid=%u grants=%u readonly=%d", __entry->domid,
		      __entry->grants, __entry->readonly)
);

/* As many of them as could be are unmapped; the rest is tried again. */
TRACE_EVENT(gntdev_unmap,
	    TP_PROTO(u16 domid, unsigned int grants, unsigned int left),
	    TP_ARGS(domid, grants, left),
	    TP_STRUCT__entry(__field(u16, domid)
			     __field(unsigned int, grants)
			     __field(unsigned int, left)),
	    TP_fast_assign(__entry->domid = domid;
			   __entry->grants = grants;
			   __entry->left = left;),
	    TP_printk("domid=%u grants=%u left=%u", __entry->domid,
		      __entry->grants, __entry->left)
);

DECLARE_EVENT_CLASS(gntdev_buffer,
		    TP_PROTO(u64 handle, u16 domid, unsigned int grants,
			     bool import),
		    TP_ARGS(handle, domid, grants, import),
		    TP_STRUCT__entry(__field(u64, handle)
				     __field(u16, domid)
				     __field(unsigned int, grants)
				     __field(bool, import)),
		    TP_fast_assign(__entry->handle = handle;
				   __entry->domid = domid;
				   __entry->grants = grants;
				   __entry->import = import;),
		    TP_printk("handle=%llu domid=%u grants=%u kind=%s",
			      __entry->handle, __entry->domid, __entry->grants,
			      __entry->import ? "import" : "export")
);

/* It is there. */
DEFINE_EVENT(gntdev_buffer, gntdev_export,
	     TP_PROTO(u64 handle, u16 domid, unsigned int grants, bool import),
	     TP_ARGS(handle, domid, grants, import)
);

DEFINE_EVENT(gntdev_buffer, gntdev_import,
	     TP_PROTO(u64 handle, u16 domid, unsigned int grants, bool import),
	     TP_ARGS(handle, domid, grants, import)
);

/* Its user is done with it. */
DEFINE_EVENT(gntdev_buffer, gntdev_release,
	     TP_PROTO(u64 handle, u16 domid, unsigned int grants, bool import),
	     TP_ARGS(handle, domid, grants, import)
);

/* Its last grant is unmapped or ended. */
DEFINE_EVENT(gntdev_buffer, gntdev_over,
	     TP_PROTO(u64 handle, u16 domid, unsigned int grants, bool import),
	     TP_ARGS(handle, domid, grants, import)
);

/* What the detail is depends on the reason: a reference, a count or a size. */
TRACE_EVENT(gntdev_refused,
	    TP_PROTO(enum gntdev_reason reason, u32 domid, u64 detail,
		     int error),
	    TP_ARGS(reason, domid, detail, error),
	    TP_STRUCT__entry(__field(int, reason)
			     __field(u32, domid)
			     __field(u64, detail)
			     __field(int, error)),
	    TP_fast_assign(__entry->reason = reason;
			   __entry->domid = domid;
			   __entry->detail = detail;
			   __entry->error = error;),
	    TP_printk("reason=%s domid=%u detail=%llu error=%d",
		      show_gntdev_reason(__entry->reason), __entry->domid,
		      __entry->detail, __entry->error)
);

/* A command failed. Where there is more to say, it was said before. */
TRACE_EVENT(gntdev_failed,
	    TP_PROTO(unsigned int nr, long error),
	    TP_ARGS(nr, error),
	    TP_STRUCT__entry(__field(unsigned int, nr)
			     __field(long, error)),
	    TP_fast_assign(__entry->nr = nr;
			   __entry->error = error;),
	    TP_printk("command=%#x error=%ld", __entry->nr, __entry->error)
);

#endif /* _TRACE_GNTDEV_H */

/* The name of this file, whatever the system is called. */
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE gntdev

#include <trace/define_trace.h>
