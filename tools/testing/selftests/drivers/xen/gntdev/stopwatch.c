// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "gntdev-test.h"
#include "stopwatch.h"

#define NSEC_PER_MSEC 1000000ull
#define TICK_MS 10u
/* What is later than this is no mere matter of timer slack. */
#define LATE_MS 50u

struct stopwatch stopwatch;

static pthread_t sleeper;
static atomic_bool stop;
/* For what follows, and for what is in the header. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* When the sleeper slept last, and how late it has been in sum before. */
static uint64_t asleep_ms;
static uint64_t late_ms;

static uint64_t late_since(uint64_t since, uint64_t now)
{
	uint64_t slept = now - since;

	return slept > TICK_MS + LATE_MS ? slept - TICK_MS : 0;
}

static void *sleep_all_the_time(void *arg)
{
	const struct timespec tick = { .tv_nsec = TICK_MS * NSEC_PER_MSEC };

	while (!stop) {
		uint64_t now;

		nanosleep(&tick, NULL);
		pthread_mutex_lock(&lock);
		now = now_ms();
		late_ms += late_since(asleep_ms, now);
		asleep_ms = now;
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

/* With what a sleep that is not over yet is late by now. It never shrinks. */
static uint64_t all_late_ms(void)
{
	uint64_t sum;

	pthread_mutex_lock(&lock);
	sum = late_ms + late_since(asleep_ms, now_ms());
	pthread_mutex_unlock(&lock);
	return sum;
}

int stopwatch_start(void)
{
	stopwatch = (struct stopwatch){ .what = "nothing" };
	stop = false;
	asleep_ms = now_ms();
	return -pthread_create(&sleeper, NULL, sleep_all_the_time, NULL);
}

void stopwatch_stop(void)
{
	stop = true;
	pthread_join(sleeper, NULL);
}

static _Thread_local uint64_t late_at_begin;

uint64_t stopwatch_begin(void)
{
	late_at_begin = all_late_ms();
	return now_ms();
}

static void note(const char *what, unsigned int ms, unsigned int late)
{
	if (ms > STOPWATCH_LIMIT_MS + late) {
		printf("# %s took %u ms (the machine was late by %u ms)\n",
		       what, ms, late);
		fflush(stdout);
		stopwatch.over++;
	}
	if (ms <= stopwatch.ms)
		return;
	stopwatch.what = what;
	stopwatch.ms = ms;
	stopwatch.late_ms = late;
}

void stopwatch_end(const char *what, uint64_t begin)
{
	unsigned int ms = (unsigned int)(now_ms() - begin);
	unsigned int late = (unsigned int)(all_late_ms() - late_at_begin);

	pthread_mutex_lock(&lock);
	note(what, ms, late);
	pthread_mutex_unlock(&lock);
}
