/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hostile-peer and the guest that it starts agree on: one page, granted to
 * the control domain, with a request that the guest obeys when an event comes.
 */
#ifndef XEN_HOSTILE_GUEST_H
#define XEN_HOSTILE_GUEST_H

#include <stdint.h>

#define HOSTILE_MAGIC	0x686f7374696c6521ull
/* References of that page and of the pages that are granted at first. */
#define HOSTILE_AREA	8u
#define HOSTILE_FIRST	16u
#define HOSTILE_PAGES	64u
/* References that are in the table and never granted. */
#define HOSTILE_NEVER	400u
/* The guest writes this to the start of each page that it maps. */
#define HOSTILE_MARK	0x6d61707065642121ull

/* Flags of a grant as they stand in the table, whether allowed or not. */
#define HOSTILE_PERMIT		1u
#define HOSTILE_TRANSFER	2u
#define HOSTILE_READONLY	4u

enum hostile_op {
	HOSTILE_NONE,
	/* Write entries @first on: @flags, @domid, @frame if that is not 0. */
	HOSTILE_SET,
	/* Map @refs of the control domain and keep them. */
	HOSTILE_MAP,
	HOSTILE_UNMAP,
	HOSTILE_CRASH,
};

/**
 * struct hostile_area - the page
 * @magic:	HOSTILE_MAGIC once the guest is ready
 * @port:	event channel that the control domain may bind
 * @asked:	number of the last request
 * @answered:	number of the last one that is done
 * @op:		enum hostile_op
 * @first:	first reference to change
 * @count:	how many references, up to HOSTILE_PAGES
 * @flags:	HOSTILE_*
 * @domid:	to whom the page is granted
 * @frame:	machine frame to name, or 0 for the guest's own pages
 * @failed:	out: how many were not mapped or unmapped
 * @refs:	what to map
 */
struct hostile_area {
	uint64_t magic;
	uint32_t port;
	uint32_t asked;
	uint32_t answered;
	uint32_t op;
	uint32_t first;
	uint32_t count;
	uint32_t flags;
	uint32_t domid;
	uint32_t frame;
	uint32_t failed;
	uint32_t refs[HOSTILE_PAGES];
};

#endif /* XEN_HOSTILE_GUEST_H */
