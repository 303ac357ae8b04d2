/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every state that what two domains share can be in, for tests in which the
 * other one goes away. All calls are measured (stopwatch.h).
 */
#ifndef XEN_GNTDEV_STATES_H
#define XEN_GNTDEV_STATES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STATE_PAGES	64u
#define STATES		13u

/**
 * struct other - who shares memory with this domain
 * @domid:	the domain
 * @refs:	STATE_PAGES references of it, for this domain
 * @map:	has it map references of this domain, and keep them
 * @revoke:	has it end the grants of @refs
 * @data:	for them
 */
struct other {
	uint16_t domid;
	const uint32_t *refs;
	int (*map)(struct other *other, const uint32_t *refs, uint32_t count);
	int (*revoke)(struct other *other);
	void *data;
};

/**
 * struct state - what this domain has of the other one, and for it
 * @other:	the other one
 * @fd:		open file of gntdev
 * @dmabuf:	an export, or -1
 * @memory:	what is imported, or -1
 * @drm:	device that has @dmabuf attached, or -1
 * @index:	of grants that are named
 * @mem:	where grants are mapped, or NULL
 * @thread:	waits or copies
 * @threaded:	whether there is a thread
 * @stop:	tells it to end
 * @error:	of what the thread did
 */
struct state {
	struct other *other;
	int fd;
	int dmabuf;
	int memory;
	int drm;
	uint64_t index;
	void *mem;
	pthread_t thread;
	bool threaded;
	atomic_bool stop;
	int error;
};

/**
 * struct state_kind - a state
 * @name:	for people
 * @enter:	returns whether that worked; NULL: nothing to do
 */
struct state_kind {
	const char *name;
	bool (*enter)(struct state *state);
};

/* Tests that have no time for all of them take the first ones. */
extern const struct state_kind states[STATES];

/* Behind an expectation: which state it was that it failed in. */
#define LOG_STATE(number)	TH_LOG("state: %s", states[number].name)

void state_begin(struct state *state, struct other *other);
bool state_enter(struct state *state, unsigned int number);

bool state_map_export(struct state *state);
bool state_release_while_mapped(struct state *state);

/* What was granted is there as long as it is mapped. */
bool state_is_whole(struct state *state);

/* Undo whatever there is; what the other one maps is none of our business. */
void state_leave(struct state *state);

#endif /* XEN_GNTDEV_STATES_H */
