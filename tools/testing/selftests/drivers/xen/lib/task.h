/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What other tasks do.
 */
#ifndef XEN_SELFTEST_TASK_H
#define XEN_SELFTEST_TASK_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * task_state() - what a task does
 * @task:	its number
 *
 * Return: the letter of proc(5): 'S' sleeps and can be woken, 'D' sleeps and cannot
 * be interrupted, 'R' runs; 0 if there is no such task.
 */
char task_state(pid_t task);

/**
 * task_sleeps() - whether a task sleeps until something happens
 * @tid:	where its number (pid_t) is; it may just be written there
 *
 * Return: true if it does; false if it runs, or is not there.
 */
bool task_sleeps(void *tid);

#endif /* XEN_SELFTEST_TASK_H */
