/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control domain's side of the peer agent: make a guest grant, map, draw
 * or check pages. Every function returns 0 or a positive result, or a
 * negative errno: that of the guest, or of the way to it (ETIMEDOUT: no
 * answer; EPROTO: nonsense).
 */
#ifndef XEN_SELFTEST_PEER_H
#define XEN_SELFTEST_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "pattern.h"
#include "peer-proto.h"

struct peer;

/**
 * peer_open() - find a guest with a running agent and connect to it
 * @result:	the connection
 * @domid:	the guest, or 0 for the first one that is ready
 * @timeout_ms:	how long to wait for it
 *
 * One connection at a time: the second one fails with EBUSY.
 *
 * Return: 0 or a negative errno, ETIMEDOUT if there is no such guest.
 */
int peer_open(struct peer **result, uint16_t domid, int timeout_ms);
void peer_close(struct peer *peer);
uint16_t peer_domid(const struct peer *peer);

/* Is a reference of the guest one of the connection itself? */
bool peer_uses(const struct peer *peer, uint32_t ref);

/**
 * peer_set_timeout() - change how long an answer may take
 * @peer:	a connection
 * @timeout_ms:	from now on; one minute if never called
 */
void peer_set_timeout(struct peer *peer, int timeout_ms);

/**
 * peer_call() - run one command in the guest
 * @peer:	a connection
 * @request:	what to do
 * @refs_in:	@request->count references, or NULL
 * @refs_out:	room for @request->count references, or NULL
 * @reply:	the answer
 *
 * Return: @reply->status, or a negative errno if there was no answer.
 */
int peer_call(struct peer *peer, const struct peer_request *request,
	      const uint32_t *refs_in, uint32_t *refs_out,
	      struct peer_reply *reply);

int peer_ping(struct peer *peer);

/**
 * peer_grant() - make the guest allocate, fill and grant pages (gntalloc)
 * @peer:	a connection
 * @domid:	to whom (0 for this domain)
 * @flags:	0 or PEER_READONLY
 * @seed:	of the pattern they hold
 * @refs:	where the references go
 * @count:	how many, at most PEER_MAX_REFS
 *
 * Return: a positive object id.
 */
int peer_grant(struct peer *peer, uint16_t domid, uint32_t flags,
	       uint64_t seed, uint32_t *refs, uint32_t count);

/**
 * peer_import() - the same by IMP_TO_REFS of a udmabuf in the guest
 * @peer:	a connection
 * @domid:	to whom
 * @seed:	of the pattern the pages hold
 * @refs:	where the references go
 * @count:	how many
 *
 * Return: a positive object id.
 */
int peer_import(struct peer *peer, uint16_t domid, uint64_t seed,
		uint32_t *refs, uint32_t count);

/**
 * peer_map() - make the guest mmap references of another domain
 * @peer:	a connection
 * @domid:	who granted them (0 for this domain)
 * @flags:	0 or PEER_READONLY
 * @refs:	the references
 * @count:	how many
 *
 * Return: a positive object id.
 */
int peer_map(struct peer *peer, uint16_t domid, uint32_t flags,
	     const uint32_t *refs, uint32_t count);

/**
 * peer_export() - the same by EXP_FROM_REFS and mmap of the dma-buf
 * @peer:	a connection
 * @domid:	who granted them
 * @flags:	PEER_READONLY (map the dma-buf so), PEER_WC, PEER_COHERENT
 * @refs:	the references
 * @count:	how many
 *
 * Return: a positive object id.
 */
int peer_export(struct peer *peer, uint16_t domid, uint32_t flags,
		const uint32_t *refs, uint32_t count);

/* Fill or check pages of an object; count 0 means: up to the last one. */
int peer_fill(struct peer *peer, int id, uint64_t seed, uint32_t first,
	      uint32_t count);
/* Return: the number of pages that differ. */
int peer_verify(struct peer *peer, int id, uint64_t seed, uint32_t first,
		uint32_t count, struct pattern_result *result);

/**
 * peer_vmap_fill() - fill an exported object as the guest's kernel sees it
 * @peer:	a connection
 * @id:		what peer_export() returned
 * @flags:	0, or PEER_DEVICE to have a device attached meanwhile
 * @seed:	of the pattern
 *
 * Return: 0 or a negative errno, ENOENT if the guest has no module for it.
 */
int peer_vmap_fill(struct peer *peer, int id, uint32_t flags, uint64_t seed);
/* Check it the same way. Return: the number of pages that differ. */
int peer_vmap_verify(struct peer *peer, int id, uint32_t flags, uint64_t seed);

/* Draw a frame into an object; the digest is read back from memory. */
int peer_draw(struct peer *peer, int id, const struct frame_geometry *geo,
	      uint32_t number, uint64_t seed, struct peer_reply *reply);

/* End the grants of a PEER_GRANT object, but keep its memory. */
int peer_revoke(struct peer *peer, int id);

/*
 * Undo what made the object: unmap, end grants, free. For an exported one
 * this includes waiting for the release.
 */
int peer_release(struct peer *peer, int id);

/* The agent exits and leaves cleaning up to the guest's kernel. */
int peer_exit(struct peer *peer);
/* The guest's kernel panics; there is no answer, so none is waited for. */
int peer_crash(struct peer *peer);

/**
 * peer_kill() - have the agent killed (SIGKILL), but not the guest
 * @peer:	a connection, of no more use then
 * @ms:		how long the agent goes on, whatever it is asked for; 0: not at
 *		all, and there is no answer
 *
 * Return: 0 or a negative errno.
 */
int peer_kill(struct peer *peer, uint32_t ms);

/**
 * peer_await_successor() - wait until the guest has started another agent
 * @peer:	a connection to the one that was killed
 * @timeout_ms:	how long
 *
 * Return: 0 or a negative errno.
 */
int peer_await_successor(struct peer *peer, int timeout_ms);

#endif /* XEN_SELFTEST_PEER_H */
