// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on what is mapped, and on the process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gntdev-test.h"
#include "ops.h"
#include "watch.h"

/* Threads that are there at once start closer together than a yield takes. */
#define MEET_SPINS	2000u
#define MEET_MS		1000

static void part_of(const struct object *memory, uint16_t part, char **addr,
		    size_t *bytes)
{
	uint32_t half = memory->count / 2;

	*addr = memory->addr;
	*bytes = memory->count * PAGE;
	if (memory->count < 2 || !part)
		return;
	*bytes = part == 3 ? PAGE : half * PAGE;
	if (part > 1)
		*addr += half * PAGE;
}

/* Nothing else may come to addresses that programs still touch. */
static void reserve(char *addr, size_t bytes)
{
	if (mmap(addr, bytes, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		_exit(1);
}

int op_munmap(struct thread *thread, const uint16_t *arg)
{
	struct object memory;
	size_t bytes;
	char *addr;

	if (arg[1])
		object_pick(thread, OBJECT_MEMORY, arg[0], &memory);
	else
		object_take(thread, OBJECT_MEMORY, arg[0], &memory);
	if (!memory.addr)
		return -EINVAL;
	part_of(&memory, arg[1], &addr, &bytes);
	/* What was there is not what is read now. */
	thread->state->stale = true;
	if (munmap(addr, bytes))
		return -errno;
	reserve(addr, bytes);
	return 0;
}

int op_mprotect(struct thread *thread, const uint16_t *arg)
{
	static const int prots[] = {
		PROT_READ, PROT_READ | PROT_WRITE, PROT_NONE,
		PROT_READ | PROT_EXEC,
	};
	struct object memory;
	size_t bytes;
	char *addr;

	if (!object_pick(thread, OBJECT_MEMORY, arg[0], &memory))
		return -EINVAL;
	part_of(&memory, arg[2], &addr, &bytes);
	return mprotect(addr, bytes, prots[arg[1] % 4]) ? -errno : 0;
}

int op_mremap(struct thread *thread, const uint16_t *arg)
{
	struct object memory;
	char *to = arena_piece(thread);
	void *addr = MAP_FAILED;
	size_t bytes;

	if (!object_pick(thread, OBJECT_MEMORY, arg[0], &memory))
		return -EINVAL;
	thread->state->stale = true;
	bytes = memory.count * PAGE;
	switch (arg[1] % 4) {
	case 0:
		addr = mremap(memory.addr, bytes, (bytes + PAGE) / 2 &
			      ~(size_t)(PAGE - 1), 0);
		break;
	case 1:
		addr = mremap(memory.addr, bytes, bytes,
			      MREMAP_MAYMOVE | MREMAP_FIXED, to);
		break;
	case 2:
		addr = mremap(memory.addr, 0, bytes,
			      MREMAP_MAYMOVE | MREMAP_FIXED, to);
		break;
	case 3:
		addr = mremap(memory.addr, bytes, bytes + PAGE,
			      MREMAP_MAYMOVE | MREMAP_FIXED, to);
		break;
	}
	if (addr == MAP_FAILED)
		return -errno;
	memory.addr = addr;
	memory.pure = false;
	object_add(thread, OBJECT_MEMORY, &memory);
	return 0;
}

int op_madvise(struct thread *thread, const uint16_t *arg)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_DONTFORK, MADV_DOFORK, MADV_WILLNEED,
		MADV_COLD, MADV_PAGEOUT, MADV_FREE, MADV_REMOVE,
	};
	struct object memory;
	size_t bytes;
	char *addr;

	if (!object_pick(thread, OBJECT_MEMORY, arg[0], &memory))
		return -EINVAL;
	part_of(&memory, arg[2], &addr, &bytes);
	return madvise(addr, bytes, advices[arg[1] % 8]) ? -errno : 0;
}

/* Bytes go through a file, so that a fault is an error and no signal. */
int op_read(struct thread *thread, const uint16_t *arg)
{
	struct state *state = thread->state;
	char *page = thread->memory + PAGE;
	struct object memory;
	uint32_t at;

	if (!object_pick(thread, OBJECT_MEMORY, arg[0], &memory))
		return -EFAULT;
	at = arg[1] % memory.count;
	if (pwrite(thread->scratch, memory.addr + at * PAGE, PAGE, 0) != PAGE)
		return -EFAULT;
	if (!memory.pure || state->racing || state->stale ||
	    state->next_piece > ARENA_SLOTS)
		return 0;
	if (pread(thread->scratch, page, PAGE, 0) == PAGE &&
	    pattern_check(page, (memory.first + at) % POOL_REFS, 1, POOL_SEED,
			  NULL))
		finding(thread, "a page of a pool reads as something else");
	return 0;
}

int op_write(struct thread *thread, const uint16_t *arg)
{
	struct object memory;
	uint32_t at;

	if (!object_pick(thread, OBJECT_MEMORY, arg[0], &memory))
		return -EFAULT;
	at = arg[1] % memory.count;
	if (pread(thread->scratch, memory.addr + at * PAGE, 64, 0) < 0)
		return -errno;
	return 0;
}

/* Nothing but system calls: the locks of other threads stay locked. */
static void be_a_child(struct thread *thread, uint16_t how)
{
	struct state *state = thread->state;

	for (uint32_t i = 0; i < SLOTS; i++) {
		struct object *memory = &state->objects[OBJECT_MEMORY][i];
		struct object *file = &state->objects[OBJECT_FILE][i];

		if (memory->used && memory->addr) {
			(void)!pwrite(thread->scratch, memory->addr, 64, 0);
			if (how == 1)
				munmap(memory->addr, PAGE);
		}
		if (file->used && how == 2)
			close(file->fd);
	}
	if (how == 3)
		kill(getpid(), SIGKILL);
	_exit(0);
}

int op_fork(struct thread *thread, const uint16_t *arg)
{
	pid_t pid = fork();

	if (!pid)
		be_a_child(thread, arg[0]);
	if (pid < 0)
		return -errno;
	waitpid(pid, NULL, 0);
	return 0;
}

/*
 * Wait for the other threads, so that what comes next happens at the same time
 * and what came before has happened. Those that ended do not come, nor those that
 * something else keeps.
 */
int op_meet(struct thread *thread, const uint16_t *arg)
{
	struct state *state = thread->state;
	uint32_t before = atomic_fetch_add(&state->met, 1);
	uint32_t all = (before / state->threads + 1) * state->threads;
	int64_t end = clock_ms() + MEET_MS;

	(void)arg;
	for (uint32_t i = 0; atomic_load(&state->met) < all; i++) {
		if (atomic_load(&state->ended))
			return -ESRCH;
		if (i < MEET_SPINS)
			continue;
		if (clock_ms() > end)
			return -ETIMEDOUT;
		sched_yield();
	}
	return 0;
}

int op_kill(struct thread *thread, const uint16_t *arg)
{
	(void)thread;
	(void)arg;
	return kill(getpid(), SIGKILL) ? -errno : 0;
}

/* Numbers that others may just be about to get. */
int op_close_numbers(struct thread *thread, const uint16_t *arg)
{
	thread->state->tainted = true;
	thread->state->stale = true;
	for (int fd = 3 + arg[0]; fd < 40; fd++)
		close(fd);
	return 0;
}
