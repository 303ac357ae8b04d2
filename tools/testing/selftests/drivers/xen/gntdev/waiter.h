/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread that waits until an export or an import is over.
 */
#ifndef XEN_GNTDEV_WAITER_H
#define XEN_GNTDEV_WAITER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct waiter - the thread
 * @thread:	to be joined
 * @tid:	its number, once it runs
 * @fd:		open file of gntdev
 * @number:	descriptor of the buffer, or -1 to wait for @handle
 * @handle:	of the buffer
 * @left:	out: grants that were left, with a handle
 * @ret:	out: 0 or a negative errno; 1 as long as it waits
 */
struct waiter {
	pthread_t thread;
	pid_t tid;
	int fd;
	int number;
	uint64_t handle;
	uint32_t left;
	int ret;
};

/* Start one, and see it sleep. Return: whether it does. */
bool waiter_start(struct waiter *waiter, int fd, uint64_t handle);
bool waiter_start_number(struct waiter *waiter, int fd, int number);

#endif /* XEN_GNTDEV_WAITER_H */
