/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the threads of a program share: objects that operations made, and the
 * grants that there are from the beginning.
 */
#ifndef XEN_FUZZ_STATE_H
#define XEN_FUZZ_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "grants.h"

#include "prog.h"

#define SLOTS		8u
#define MAX_REFS	256u
#define POOL_REFS	16u
#define PAGE		4096u
#define ARENA_SLOTS	16u
#define ARENA_BYTES	(MAX_REFS * PAGE)
#define POOL_SEED	0x6e7464657600u
#define REMEMBERED	1024u

enum object_kind {
	OBJECT_FILE,
	OBJECT_RANGE,
	OBJECT_MEMORY,
	OBJECT_BUFFER,
	OBJECT_REFS,
	OBJECT_GUEST,
	OBJECT_HANDLE,
	OBJECT_KINDS,
};

/**
 * struct object - a copy of what an operation made
 * @used:	there is one
 * @fd:		descriptor of a file or buffer; of a range, that of its file
 * @id:		the guest's number of an object; of a handle, its file
 * @handle:	of an export or an import
 * @eventfd:	that is told when a handle is gone, or 0
 * @import:	a handle of an import
 * @readonly:	a handle of what is shared for reading only
 * @index:	of a range
 * @count:	grants, or pages
 * @addr:	of memory
 * @domid:	of references
 * @pure:	all references are from a pool that nobody can write to
 * @first:	where in the pool they start
 * @own:	pages of this domain that are granted
 * @refs:	references
 */
struct object {
	bool used;
	int fd;
	int id;
	uint64_t handle;
	int eventfd;
	bool import;
	bool readonly;
	uint64_t index;
	uint32_t count;
	char *addr;
	uint16_t domid;
	bool pure;
	uint32_t first;
	struct gnt_pages own;
	uint32_t refs[MAX_REFS];
};

/**
 * struct pool - grants that exist before any program
 * @domid:	of the granting domain
 * @count:	how many; 0 if there are none
 * @readonly:	nobody can write to them
 * @refs:	the references
 * @own:	the pages, if they are this domain's
 */
struct pool {
	uint16_t domid;
	uint32_t count;
	bool readonly;
	uint32_t refs[POOL_REFS];
	struct gnt_pages own;
};

enum pool_name { POOL_OWN, POOL_OWN_RO, POOL_GUEST, POOL_GUEST_RO, POOLS };

/**
 * struct report - what a program tells whoever watches it; shared memory
 * @doing:	1 + index of the operation that each thread is in
 * @ops:	operations that ended
 * @good:	those of them that succeeded
 * @found:	the first finding, if any
 * @imported:	references that were granted to this domain by an import
 * @imports:	how many there ever were
 */
struct report {
	_Atomic uint32_t doing[PROG_THREADS];
	_Atomic uint32_t ops;
	_Atomic uint32_t good;
	_Atomic int finding;
	char found[256];
	uint32_t imported[REMEMBERED];
	_Atomic uint32_t imports;
};

/**
 * struct state - of one run
 * @pools:	the grants
 * @guest:	number of the guest, 0 if there is none
 * @broker:	socket to whoever may talk to the guest, or -1
 * @report:	for the watcher
 * @threads:	how many there are
 * @racing:	there are several threads
 * @met:	how often one came to a place where all of them meet
 * @ended:	how many have nothing more to do
 * @tainted:	an operation may have closed any number
 * @stale:	a number or an address may be that of something else by now
 * @closed:	descriptors that operations closed
 * @copied:	several descriptors may be of one file
 * @mapped:	bit for each descriptor below 64 that a range was named on
 * @last_handle: the newest one
 * @lock:	of what follows
 * @arena:	addresses that nothing else uses, in ARENA_SLOTS pieces
 * @next_piece:	of them
 * @objects:	what there is
 * @releases:	imports released by handle
 * @released:	their handles
 */
struct state {
	const struct pool *pools;
	uint16_t guest;
	int broker;
	struct report *report;
	uint32_t threads;
	bool racing;
	_Atomic uint32_t met;
	_Atomic uint32_t ended;
	bool tainted;
	bool stale;
	uint32_t closed;
	bool copied;
	uint64_t mapped;
	uint64_t last_handle;
	pthread_mutex_t lock;
	char *arena;
	uint32_t next_piece;
	struct object objects[OBJECT_KINDS][SLOTS];
	uint32_t releases;
	uint64_t released[PROG_OPS];
};

/**
 * struct thread - one that does operations
 * @state:	shared by all
 * @number:	of the thread
 * @memory:	for commands: some pages, then one without access
 * @scratch:	a file to move bytes through
 */
struct thread {
	struct state *state;
	uint32_t number;
	char *memory;
	int scratch;
};

#define MEMORY_PAGES	4u

/* Selectors from that on mean: something wrong. */
#define WRONG		14u

bool object_pick(struct thread *thread, enum object_kind kind, uint16_t pick,
		 struct object *copy);
void object_add(struct thread *thread, enum object_kind kind,
		const struct object *object);
/* Remove one, and give it to the caller alone. */
bool object_take(struct thread *thread, enum object_kind kind, uint16_t pick,
		 struct object *taken);

char *arena_piece(struct thread *thread);

/* Count of references that a selector means. */
uint32_t count_of(uint16_t pick);
/* Fill @refs->refs, count and domid from what a selector means. */
void refs_pick(struct thread *thread, uint16_t pick, uint16_t count,
	       struct object *refs);

/* References that must be dead when all programs have ended. */
void refs_remember(struct thread *thread, const uint32_t *refs, uint32_t count);

void finding(struct thread *thread, const char *format, ...);

/*
 * How a command lies in memory. The small value is the likely one: what cannot
 * be written is the way to errors that come late.
 */
enum {
	MEM_READONLY = 1,
	MEM_NONE = 13,
	MEM_EDGE,
	MEM_NULL,
	MEM_RANGE,
};

int command(struct thread *thread, int fd, unsigned long cmd, void *op,
	    size_t size, uint16_t how);

#endif /* XEN_FUZZ_STATE_H */
