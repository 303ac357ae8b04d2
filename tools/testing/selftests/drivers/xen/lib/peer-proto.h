/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the control domain and the peer agent in a guest agree on.
 *
 * The agent grants the control domain a few pages, the control area, and
 * writes their references and an event channel into its own part of
 * xenstore. A command is a request structure in that area and an event; the
 * answer comes the same way. Arrays of references do not fit into xenstore
 * (2048 bytes a value), so they travel in the control area, too.
 */
#ifndef XEN_SELFTEST_PEER_PROTO_H
#define XEN_SELFTEST_PEER_PROTO_H

#include <stddef.h>
#include <stdint.h>

#include "grants.h"

#define PEER_VERSION	1u

/* Relative to the guest's directory, the one place where it may write. */
#define PEER_STORE_DIR		"data/xen-peer"
#define PEER_STORE_REFS		PEER_STORE_DIR "/refs"
#define PEER_STORE_PORT		PEER_STORE_DIR "/port"
/* The process that the agent is: another one has another number. */
#define PEER_STORE_PID		PEER_STORE_DIR "/pid"
/* Written last; anything but PEER_VERSION in decimal means: not ready. */
#define PEER_STORE_READY	PEER_STORE_DIR "/ready"

/*
 * Whole pages for kernels with pages of up to 64 KiB, which have to grant all of
 * a page: no grant of the area is one that it does not name.
 */
#define PEER_AREA_PAGES	16u
#define PEER_MAX_REFS \
	((PEER_AREA_PAGES - 1) * GRANT_PAGE_SIZE / (uint32_t)sizeof(uint32_t))

enum peer_command {
	PEER_PING,
	PEER_GRANT,
	PEER_IMPORT,
	PEER_MAP,
	PEER_EXPORT,
	PEER_FILL,
	PEER_VERIFY,
	PEER_DRAW,
	PEER_REVOKE,
	PEER_RELEASE,
	PEER_EXIT,
	PEER_CRASH,
	PEER_VMAP_FILL,
	PEER_VMAP_VERIFY,
	PEER_KILL,
	PEER_COMMANDS,
};

#define PEER_READONLY		0x1u
#define PEER_WC			0x2u
#define PEER_COHERENT		0x4u
#define PEER_DEVICE		0x8u

/**
 * struct peer_request - arguments of a command; each uses some of them
 * @command:	enum peer_command
 * @id:		object that an earlier command made
 * @domid:	the other end of the grants
 * @flags:	PEER_* bits
 * @count:	number of pages or references
 * @first:	first page of the range of FILL and VERIFY
 * @frame:	number of the frame to DRAW
 * @width:	its pixels in a row
 * @height:	its rows
 * @pitch:	its bytes in a row
 * @timeout_ms:	how long RELEASE of an exported object may take; how long KILL
 *		takes to come
 * @pad:	keeps @seed aligned, 0
 * @seed:	of the pattern or of the animation
 */
struct peer_request {
	uint32_t command;
	uint32_t id;
	uint32_t domid;
	uint32_t flags;
	uint32_t count;
	uint32_t first;
	uint32_t frame;
	uint32_t width;
	uint32_t height;
	uint32_t pitch;
	uint32_t timeout_ms;
	uint32_t pad;
	uint64_t seed;
};

/**
 * struct peer_reply - result of a command
 * @status:	0 or a negative errno
 * @id:		the new object
 * @bad_pages:	pages that VERIFY found different
 * @first_bad:	the first of them
 * @digest:	frame_digest() of what is in memory after DRAW
 * @nsec:	time DRAW took
 */
struct peer_reply {
	int32_t status;
	uint32_t id;
	uint32_t bad_pages;
	uint32_t first_bad;
	uint64_t digest;
	uint64_t nsec;
};

/**
 * struct peer_area - the control area
 * @asked:	number of the last request
 * @answered:	number of the last one that is done
 * @request:	valid while @asked and @answered differ
 * @reply:	valid while they are equal
 * @page:	keeps what follows on pages of its own
 * @refs:	references that go with a request or a reply
 */
struct peer_area {
	union {
		struct {
			uint32_t asked;
			uint32_t answered;
			struct peer_request request;
			struct peer_reply reply;
		};
		uint8_t page[GRANT_PAGE_SIZE];
	};
	uint32_t refs[PEER_MAX_REFS];
};

_Static_assert(sizeof(struct peer_area) == PEER_AREA_PAGES * GRANT_PAGE_SIZE,
	       "the control area is a whole number of pages");

#endif /* XEN_SELFTEST_PEER_PROTO_H */
