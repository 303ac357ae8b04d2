// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec.h"
#include "ops.h"

/**
 * struct runner - what a thread of a program needs
 * @thread:	for the operations
 * @prog:	the program
 * @cover:	the thread's area
 * @waiting:	threads that are not there yet; atomic
 */
struct runner {
	struct thread thread;
	const struct prog *prog;
	struct cover_area *cover;
	atomic_int *waiting;
};

static int above(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, OWN_FDS);

	close(fd);
	return high;
}

static void need(bool good)
{
	if (!good)
		_exit(99);
}

static char *anonymous(size_t bytes, int prot)
{
	char *addr = mmap(NULL, bytes, prot,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	need(addr != MAP_FAILED);
	return addr;
}

static void thread_prepare(struct thread *thread, struct state *state,
			   uint32_t number)
{
	size_t room = MEMORY_PAGES * PAGE;

	thread->state = state;
	thread->number = number;
	thread->memory = anonymous(room + PAGE, PROT_READ | PROT_WRITE);
	need(!mprotect(thread->memory + room, PAGE, PROT_NONE));
	thread->scratch = above(memfd_create("scratch", MFD_CLOEXEC));
	need(!ftruncate(thread->scratch, PAGE));
}

static void *runner_main(void *arg)
{
	struct runner *runner = arg;
	const struct prog *prog = runner->prog;
	uint32_t number = runner->thread.number;
	struct report *report = runner->thread.state->report;

	cover_enable(runner->cover);
	atomic_fetch_sub(runner->waiting, 1);
	while (atomic_load(runner->waiting) > 0)
		sched_yield();
	for (uint32_t i = 0; i < prog->count; i++) {
		if (prog->op[i].thread != number)
			continue;
		atomic_store(&report->doing[number], i + 1);
		op_run(&runner->thread, &prog->op[i]);
		atomic_store(&report->doing[number], 0);
	}
	atomic_fetch_add(&runner->thread.state->ended, 1);
	return NULL;
}

/* All that ends here, or with the process, is a part of the program. */
static void be_the_program(struct run *run, const struct prog *prog,
			   const struct pool *pools, uint16_t guest, int broker)
{
	static struct state state;
	static struct runner runners[PROG_THREADS];
	pthread_t threads[PROG_THREADS];
	atomic_int waiting = (int)prog->threads;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	state.pools = pools;
	state.guest = guest;
	state.broker = broker;
	state.report = run->report;
	state.threads = prog->threads;
	state.racing = prog->threads > 1;
	pthread_mutex_init(&state.lock, NULL);
	state.arena = anonymous(ARENA_SLOTS * ARENA_BYTES, PROT_NONE);
	for (uint32_t i = 0; i < prog->threads; i++) {
		runners[i].prog = prog;
		runners[i].cover = &run->cover[i];
		runners[i].waiting = &waiting;
		thread_prepare(&runners[i].thread, &state, i);
	}
	for (uint32_t i = 1; i < prog->threads; i++)
		need(!pthread_create(&threads[i], NULL, runner_main,
				     &runners[i]));
	runner_main(&runners[0]);
	for (uint32_t i = 1; i < prog->threads; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

int run_prepare(struct run *run, bool traced)
{
	void *shared = mmap(NULL, sizeof(*run->report), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return -errno;
	run->report = shared;
	run->pidfd = -1;
	run->socket = -1;
	for (uint32_t i = 0; i < PROG_THREADS; i++) {
		int ret = traced ? cover_open(&run->cover[i]) : 0;

		if (!traced)
			run->cover[i].fd = -1;
		if (ret)
			return ret;
	}
	return 0;
}

static void report_reset(struct report *report)
{
	report->finding = 0;
	report->ops = 0;
	report->good = 0;
	report->found[0] = '\0';
	for (uint32_t i = 0; i < PROG_THREADS; i++)
		report->doing[i] = 0;
}

int run_start(struct run *run, const struct prog *prog,
	      const struct pool *pools, uint16_t guest)
{
	int ends[2];

	report_reset(run->report);
	for (uint32_t i = 0; i < PROG_THREADS; i++)
		cover_reset(&run->cover[i]);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	ends[0] = above(ends[0]);
	ends[1] = above(ends[1]);
	run->pid = fork();
	if (run->pid < 0)
		return -errno;
	if (!run->pid)
		be_the_program(run, prog, pools, guest, ends[1]);
	close(ends[1]);
	run->socket = ends[0];
	run->pidfd = above((int)syscall(SYS_pidfd_open, run->pid, 0));
	return run->pidfd < 0 ? -errno : 0;
}
