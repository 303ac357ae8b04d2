/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's side of the peer library: sets of pages that live in the
 * guest, named by small numbers.
 */
#ifndef XEN_SELFTEST_PEER_OBJECTS_H
#define XEN_SELFTEST_PEER_OBJECTS_H

#include <stdint.h>

#include "peer-proto.h"

struct peer_object;

/**
 * struct peer_object_kind - one way to get hold of pages
 * @make:	set up the object from a request; references go both ways
 * @undo:	give everything back, as far as @make came; a failure is
 *		reported, but the object is gone all the same
 * @begin:	before the CPU touches the pages, may be NULL
 * @end:	after that, may be NULL
 */
struct peer_object_kind {
	int (*make)(struct peer_object *obj, const struct peer_request *req,
		    uint32_t *refs);
	int (*undo)(struct peer_object *obj, const struct peer_request *req);
	int (*begin)(struct peer_object *obj);
	int (*end)(struct peer_object *obj);
};

/**
 * struct peer_object - one set of pages
 * @kind:	what they are; NULL in an unused slot
 * @addr:	where the agent sees them
 * @count:	number of pages
 * @writable:	whether it may write to them
 * @granted:	state of a PEER_GRANT object
 * @memory:	memory of a PEER_IMPORT object
 * @mapping:	state of a PEER_MAP object
 * @gntdev:	open file for all but PEER_GRANT
 * @dmabuf:	buffer of a PEER_EXPORT object
 */
struct peer_object {
	const struct peer_object_kind *kind;
	void *addr;
	uint32_t count;
	int writable;
	struct gnt_pages granted;
	struct dmabuf_pages memory;
	struct gntdev_mapping mapping;
	int gntdev;
	int dmabuf;
};

extern const struct peer_object_kind peer_granted_kind;
extern const struct peer_object_kind peer_imported_kind;
extern const struct peer_object_kind peer_mapped_kind;
extern const struct peer_object_kind peer_exported_kind;

/* Return: the id of a new object, or a negative errno. */
int peer_object_new(const struct peer_object_kind *kind,
		    const struct peer_request *req, uint32_t *refs);
/* Return: NULL if there is no such object. */
struct peer_object *peer_object_find(uint32_t id);
int peer_object_free(struct peer_object *obj, const struct peer_request *req);

/**
 * peer_object_vmap() - copy an exported object where the kernel has it mapped
 * @obj:	a PEER_EXPORT object
 * @data:	as large as the object
 * @write:	whether @data goes into the object, or the other way
 * @device:	whether a device is attached meanwhile
 *
 * Return: 0 or a negative errno.
 */
int peer_object_vmap(struct peer_object *obj, void *data, int write,
		     int device);

#endif /* XEN_SELFTEST_PEER_OBJECTS_H */
