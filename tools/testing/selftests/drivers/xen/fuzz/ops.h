/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of operations.
 */
#ifndef XEN_FUZZ_OPS_H
#define XEN_FUZZ_OPS_H

#include <stdint.h>

#include "prog.h"
#include "state.h"

#define OP_NEXT		4u
#define OP_ERRNOS	12u
/* In the place of an errno: the operation is not one of the driver's. */
#define ANY_ERRNO	-1

/**
 * struct op_info - one kind of operation
 * @name:	in the text of a program
 * @run:	does it; returns 0 or a positive result, or a negative errno
 * @weight:	how often it is chosen
 * @range:	each argument is below that
 * @next:	names of what makes sense afterwards
 * @errnos:	what it may fail with
 */
struct op_info {
	const char *name;
	int (*run)(struct thread *thread, const uint16_t *arg);
	uint16_t weight;
	uint16_t range[PROG_ARGS];
	const char *next[OP_NEXT];
	int errnos[OP_ERRNOS];
};

extern const struct op_info op_table[];
extern const uint32_t op_count;

int op_find(const char *name);
void op_run(struct thread *thread, const struct op *op);

/* ops-map.c */
int op_open(struct thread *thread, const uint16_t *arg);
int op_close(struct thread *thread, const uint16_t *arg);
int op_dup(struct thread *thread, const uint16_t *arg);
int op_map(struct thread *thread, const uint16_t *arg);
int op_unmap(struct thread *thread, const uint16_t *arg);
int op_mmap(struct thread *thread, const uint16_t *arg);
int op_get_offset(struct thread *thread, const uint16_t *arg);
int op_notify(struct thread *thread, const uint16_t *arg);
int op_copy(struct thread *thread, const uint16_t *arg);
int op_raw(struct thread *thread, const uint16_t *arg);

/* ops-memory.c */
int op_munmap(struct thread *thread, const uint16_t *arg);
int op_mprotect(struct thread *thread, const uint16_t *arg);
int op_mremap(struct thread *thread, const uint16_t *arg);
int op_madvise(struct thread *thread, const uint16_t *arg);
int op_read(struct thread *thread, const uint16_t *arg);
int op_write(struct thread *thread, const uint16_t *arg);
int op_fork(struct thread *thread, const uint16_t *arg);
int op_meet(struct thread *thread, const uint16_t *arg);
int op_kill(struct thread *thread, const uint16_t *arg);
int op_close_numbers(struct thread *thread, const uint16_t *arg);

/* ops-dmabuf.c */
int op_export(struct thread *thread, const uint16_t *arg);
int op_wait(struct thread *thread, const uint16_t *arg);
int op_import(struct thread *thread, const uint16_t *arg);
int op_release(struct thread *thread, const uint16_t *arg);
int op_buffer(struct thread *thread, const uint16_t *arg);
int op_buffer_close(struct thread *thread, const uint16_t *arg);
int op_buffer_mmap(struct thread *thread, const uint16_t *arg);
int op_buffer_sync(struct thread *thread, const uint16_t *arg);
int op_buffer_access(struct thread *thread, const uint16_t *arg);

/* ops-handles.c */
int op_export_handle(struct thread *thread, const uint16_t *arg);
int op_import_handle(struct thread *thread, const uint16_t *arg);
int op_release_handle(struct thread *thread, const uint16_t *arg);
int op_wait_handle(struct thread *thread, const uint16_t *arg);
int op_query(struct thread *thread, const uint16_t *arg);
int op_fdinfo(struct thread *thread, const uint16_t *arg);
int op_eventfd(struct thread *thread, const uint16_t *arg);

/* ops-grant.c */
int op_grant(struct thread *thread, const uint16_t *arg);
int op_revoke(struct thread *thread, const uint16_t *arg);
int op_guest_grant(struct thread *thread, const uint16_t *arg);
int op_guest_revoke(struct thread *thread, const uint16_t *arg);
int op_guest_map(struct thread *thread, const uint16_t *arg);
int op_guest_fill(struct thread *thread, const uint16_t *arg);
int op_guest_release(struct thread *thread, const uint16_t *arg);

#endif /* XEN_FUZZ_OPS_H */
