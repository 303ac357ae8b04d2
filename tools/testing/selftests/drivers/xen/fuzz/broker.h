/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest answers one process at a time: that which watches the programs. It
 * passes on what they ask for, and undoes it when they have ended.
 */
#ifndef XEN_FUZZ_BROKER_H
#define XEN_FUZZ_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "state.h"

#define BROKER_REFS	16u
#define BROKER_OBJECTS	16u

/**
 * struct broker_message - a request, and its answer
 * @command:	enum peer_command
 * @id:		of an object
 * @flags:	PEER_*
 * @count:	of references
 * @refs:	the references
 * @ret:	0, an id, or a negative errno
 */
struct broker_message {
	uint32_t command;
	int32_t id;
	uint32_t flags;
	uint32_t count;
	uint32_t refs[BROKER_REFS];
	int32_t ret;
};

/**
 * struct broker_client - what a program has in the guest
 * @socket:	to it
 * @ids:	objects; 0 where there is none
 */
struct broker_client {
	int socket;
	int ids[BROKER_OBJECTS];
};

struct peer;

/* Return: 0, or a negative errno if the guest does not answer. */
int broker_serve(struct peer *peer, struct broker_client *client);
int broker_end(struct peer *peer, struct broker_client *client);

#endif /* XEN_FUZZ_BROKER_H */
