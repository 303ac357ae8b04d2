// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <unistd.h>

#include "gntdev-test.h"
#include "waiter.h"

static void *waiter_thread(void *arg)
{
	struct waiter *waiter = arg;

	__atomic_store_n(&waiter->tid, gettid(), __ATOMIC_RELEASE);
	if (waiter->number < 0)
		waiter->ret = gntdev_wait(waiter->fd, waiter->handle, ~0ull,
					  &waiter->left);
	else
		waiter->ret = gntdev_exp_wait_released(waiter->fd,
						       waiter->number,
						       DEADLINE_MS);
	return NULL;
}

static bool start(struct waiter *waiter)
{
	waiter->tid = 0;
	waiter->left = ~0u;
	waiter->ret = 1;
	if (pthread_create(&waiter->thread, NULL, waiter_thread, waiter))
		return false;
	return wait_until(task_sleeps, &waiter->tid, DEADLINE_MS);
}

bool waiter_start(struct waiter *waiter, int fd, uint64_t handle)
{
	waiter->fd = fd;
	waiter->number = -1;
	waiter->handle = handle;
	return start(waiter);
}

bool waiter_start_number(struct waiter *waiter, int fd, int number)
{
	waiter->fd = fd;
	waiter->number = number;
	waiter->handle = 0;
	return start(waiter);
}
