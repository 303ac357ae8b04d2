// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker.h"
#include "corpus.h"
#include "exec.h"
#include "gntdev-test.h"
#include "kmsg.h"
#include "ops.h"
#include "watch.h"

/* Emulated machines are slow; an operation that hangs takes for ever. */
#define LIMIT_MS	60000

/**
 * struct job - a place for a program
 * @busy:	one runs
 * @killed:	it took too long
 * @started:	when
 * @name:	for the log
 * @prog:	the program
 * @recipe:	where it comes from, if @remade
 * @remade:	it can be made again
 * @run:	its process
 * @client:	what it has in the guest
 */
struct job {
	bool busy;
	bool killed;
	int64_t started;
	char name[RECIPE_TEXT];
	struct prog prog;
	struct recipe recipe;
	bool remade;
	struct run run;
	struct broker_client client;
};

struct totals totals;

static struct job jobs[JOBS_MAX];
static uint32_t job_count;
static struct supply *supply;
static int64_t began;

int64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void say_found(const char *name, const char *what)
{
	totals.findings++;
	printf("# FOUND %s: %s (%lld s, %llu programs)\n", name, what,
	       (long long)(clock_ms() - began) / 1000,
	       (unsigned long long)totals.programs);
	fflush(stdout);
}

static void say_prog(const struct job *job)
{
	char text[PROG_TEXT];

	prog_print(&job->prog, text);
	printf("# program of %s: %s\n", job->name, text);
	fflush(stdout);
}

int watch_init(struct supply *from, uint32_t count)
{
	bool traced = cover_init();

	kmsg_init();
	began = clock_ms();
	supply = from;
	job_count = count < JOBS_MAX ? count : JOBS_MAX;
	for (uint32_t i = 0; i < job_count; i++) {
		int ret = run_prepare(&jobs[i].run, traced);

		if (ret)
			return ret;
	}
	return 0;
}

static void collect(struct job *job)
{
	uint32_t added = 0;

	for (uint32_t i = 0; i < PROG_THREADS; i++)
		added += cover_collect(&job->run.cover[i]);
	if (!added || !job->remade)
		return;
	corpus_add(&job->recipe);
	totals.kept++;
}

static void judge(struct job *job, int status)
{
	struct report *report = job->run.report;
	char text[64];
	uint32_t before = totals.findings;

	totals.programs++;
	totals.ops += report->ops;
	totals.good += report->good;
	if (report->finding)
		say_found(job->name, report->found);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
		snprintf(text, sizeof(text), "died of signal %d",
			 WTERMSIG(status));
		say_found(job->name, text);
	} else if (WIFEXITED(status) && WEXITSTATUS(status)) {
		snprintf(text, sizeof(text), "ended with %d",
			 WEXITSTATUS(status));
		say_found(job->name, text);
	}
	if (!supply_intact(supply))
		say_found(job->name, "a page that is read-only was written to");
	if (totals.findings != before)
		say_prog(job);
}

/* Any of those that run, or did just now, may be meant. */
static void check_kernel(void)
{
	char text[256];

	if (!kmsg_complains(text, sizeof(text)))
		return;
	for (uint32_t i = 0; i < job_count; i++) {
		if (!jobs[i].name[0])
			continue;
		say_found(jobs[i].name, text);
		say_prog(&jobs[i]);
	}
}

static void end(struct job *job)
{
	int status = 0;

	waitpid(job->run.pid, &status, 0);
	job->busy = false;
	close(job->run.pidfd);
	if (broker_end(supply->peer, &job->client)) {
		say_found(job->name, "the guest does not answer");
		say_prog(job);
	}
	judge(job, status);
	collect(job);
	check_kernel();
}

static void say_file(const char *task, const char *name)
{
	char path[512], text[2048];
	FILE *file;
	size_t got;

	snprintf(path, sizeof(path), "%s/%s", task, name);
	file = fopen(path, "re");
	if (!file)
		return;
	got = fread(text, 1, sizeof(text) - 1, file);
	text[got] = '\0';
	fclose(file);
	for (char *save, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		printf("# %s: %s\n", name, line);
}

static void say_tasks(pid_t pid)
{
	char path[64], task[400];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(task, sizeof(task), "%s/%s", path, entry->d_name);
		printf("# task %s\n", entry->d_name);
		say_file(task, "syscall");
		say_file(task, "wchan");
		say_file(task, "stack");
	}
	if (dir)
		closedir(dir);
}

/* One that cannot even be killed keeps what it has: nothing more can be run. */
static void check_time(struct job *job)
{
	int64_t age = clock_ms() - job->started;

	if (age > LIMIT_MS && !job->killed) {
		job->killed = true;
		say_found(job->name, "does not end");
		for (uint32_t i = 0; i < PROG_THREADS; i++) {
			uint32_t at = job->run.report->doing[i];

			if (at)
				printf("# thread %u is in operation %u, %s\n",
				       i, at - 1,
				       op_table[job->prog.op[at - 1].kind].name);
		}
		say_tasks(job->run.pid);
		say_prog(job);
		kill(job->run.pid, SIGKILL);
	}
	if (age > LIMIT_MS)
		check_kernel();
	if (age > 2 * LIMIT_MS) {
		say_found(job->name, "cannot be killed");
		say_tasks(job->run.pid);
		exit(1);
	}
}

static void attend(struct job *job)
{
	struct pollfd fds[2] = {
		{ .fd = job->run.pidfd, .events = POLLIN },
		{ .fd = job->client.socket, .events = POLLIN },
	};

	if (poll(fds, 2, 0) <= 0) {
		check_time(job);
		return;
	}
	if (fds[0].revents)
		end(job);
	else if (broker_serve(supply->peer, &job->client))
		say_found(job->name, "the guest does not answer");
}

/* Wait until anything happens, then see to it. */
static void attend_all(void)
{
	struct pollfd fds[2 * JOBS_MAX];
	nfds_t count = 0;

	for (uint32_t i = 0; i < job_count; i++) {
		if (!jobs[i].busy)
			continue;
		fds[count].fd = jobs[i].run.pidfd;
		fds[count++].events = POLLIN;
		fds[count].fd = jobs[i].client.socket;
		fds[count++].events = POLLIN;
	}
	poll(fds, count, 1000);
	for (uint32_t i = 0; i < job_count; i++) {
		if (jobs[i].busy)
			attend(&jobs[i]);
	}
}

static struct job *free_job(void)
{
	for (;;) {
		for (uint32_t i = 0; i < job_count; i++) {
			if (!jobs[i].busy)
				return &jobs[i];
		}
		attend_all();
	}
}

void watch_start(const char *name, const struct prog *prog,
		 const struct recipe *recipe)
{
	struct job *job = free_job();
	uint16_t guest = supply->peer ? peer_domid(supply->peer) : 0;
	int ret;

	snprintf(job->name, sizeof(job->name), "%s", name);
	job->prog = *prog;
	job->remade = recipe;
	if (recipe)
		job->recipe = *recipe;
	/* After a panic, these are the last words. */
	printf("# > %s\n", job->name);
	fflush(stdout);
	job->killed = false;
	job->started = clock_ms();
	ret = run_start(&job->run, &job->prog, supply->pools, guest);
	if (ret) {
		fprintf(stderr, "cannot start: %s\n", strerror(-ret));
		exit(1);
	}
	job->client.socket = job->run.socket;
	job->busy = true;
}

void watch_all(void)
{
	for (uint32_t i = 0; i < job_count; i++) {
		while (jobs[i].busy)
			attend_all();
	}
}

void watch_imports(void)
{
	for (uint32_t i = 0; loopback_works() && i < job_count; i++) {
		struct report *report = jobs[i].run.report;
		uint32_t count = report->imports < REMEMBERED ?
			report->imports : REMEMBERED;

		if (count && !gone_soon(report->imported, count))
			say_found("all", "imports that are gone are granted");
	}
}
