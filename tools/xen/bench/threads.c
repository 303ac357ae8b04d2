// SPDX-License-Identifier: GPL-2.0-only
/*
 * What several threads get done at a time. With exact counting there is one
 * processor; this is for a machine with several, and its clock is time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define THREADS_MAX 4u
#define RUN_SECONDS 2

/**
 * struct worker - a thread that does one operation again and again
 * @thread:	itself
 * @b:		with an open file of its own or the common one
 * @op:		the operation
 * @start:	all begin at the same time
 * @done:	operations done
 * @ret:	the first that failed
 */
struct worker {
	pthread_t thread;
	struct bench b;
	const struct bench_op *op;
	pthread_barrier_t *start;
	uint64_t done;
	int ret;
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t cost[BENCH_PARTS];
	double end;

	pthread_barrier_wait(w->start);
	end = seconds() + RUN_SECONDS;
	do {
		w->ret = w->op->run(&w->b, cost);
		w->done++;
	} while (!w->ret && seconds() < end);
	return NULL;
}

/* Where an import's references go is not to be shared. */
static int worker_init(struct worker *w, int files)
{
	w->b.frame = calloc(w->b.count, sizeof(*w->b.refs));
	if (!w->b.frame)
		return -ENOMEM;
	if (files)
		w->b.fd = gntdev_open();
	return w->b.fd < 0 ? w->b.fd : 0;
}

static void workers_free(struct worker *w, unsigned int count, int files)
{
	while (count--) {
		free(w[count].b.frame);
		if (files && w[count].b.fd >= 0)
			close(w[count].b.fd);
	}
}

static void report(const struct worker *w, unsigned int count, int files,
		   double time)
{
	uint64_t done = 0;
	int ret = 0;

	for (unsigned int i = 0; i < count; i++) {
		done += w[i].done;
		ret = ret ? ret : w[i].ret;
	}
	printf("BENCH impl=%s op=threads-%s pages=%u threads=%u files=%s",
	       w->b.impl, w->op->name, w->b.count, count,
	       files ? "many" : "one");
	if (ret)
		printf(" error=%s\n", strerrorname_np(-ret));
	else
		printf(" rate=%.1f\n", (double)done / time);
	fflush(stdout);
}

/* Nobody can be called back from the barrier. */
static double run_workers(struct worker *w, unsigned int count)
{
	double start;

	for (unsigned int i = 0; i < count; i++)
		if (pthread_create(&w[i].thread, NULL, work, &w[i]))
			exit(1);
	pthread_barrier_wait(w->start);
	start = seconds();
	for (unsigned int i = 0; i < count; i++)
		pthread_join(w[i].thread, NULL);
	return seconds() - start;
}

static int run_threads(const struct bench *b, const struct bench_op *op,
		       unsigned int count, int files)
{
	struct worker w[THREADS_MAX];
	pthread_barrier_t start;
	unsigned int made = 0;
	int ret = 0;

	pthread_barrier_init(&start, NULL, count + 1);
	while (!ret && made < count) {
		w[made] = (struct worker){ .b = *b, .op = op, .start = &start };
		ret = worker_init(&w[made++], files);
	}
	if (!ret)
		report(w, count, files, run_workers(w, count));
	workers_free(w, made, files);
	pthread_barrier_destroy(&start);
	return ret;
}

int bench_threads(const struct bench *b, bool exports)
{
	int ret = 0;

	for (const struct bench_op *op = bench_driver_ops; op->name; op++) {
		if (!op->scales || (exports && !op->exports))
			continue;
		for (unsigned int n = 1; n <= THREADS_MAX; n *= 2)
			for (int files = 0; !ret && files < 2; files++)
				ret = run_threads(b, op, n, files);
	}
	return ret;
}
