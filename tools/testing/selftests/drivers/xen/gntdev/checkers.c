// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checkers of a debug kernel, each against a driver that is broken on
 * purpose: what none of them sees has not been checked in the other programs
 * either. For a kernel that goes on after a warning, in a boot of its own, as it
 * is of no use any more afterwards.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <glob.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "test-module.h"

#define KMEMLEAK "/sys/kernel/debug/kmemleak"
#define SECONDS 300

FIXTURE(checker) {
	int log;
	int dmabuf;
};

/* @config: option of the kernel; @says: what it reports of @fault. */
FIXTURE_VARIANT(checker) {
	const char *fault;
	const char *config;
	const char *says;
};

/* Locks come first, as an Oops switches their checker off. */
FIXTURE_VARIANT_ADD(checker, lockdep) {
	.fault = "lock_order",
	.config = "PROVE_LOCKING",
	.says = "possible recursive locking",
};

FIXTURE_VARIANT_ADD(checker, atomic_sleep) {
	.fault = "sleep",
	.config = "DEBUG_ATOMIC_SLEEP",
	.says = "sleeping function called from invalid context",
};

FIXTURE_VARIANT_ADD(checker, kmemleak) {
	.fault = "leak",
	.config = "DEBUG_KMEMLEAK",
	.says = "kmemleak: [0-9]+ new suspected",
};

FIXTURE_VARIANT_ADD(checker, dma_api) {
	.fault = "dma",
	.config = "DMA_API_DEBUG",
	.says = "DMA-API: .*different direction",
};

FIXTURE_VARIANT_ADD(checker, list) {
	.fault = "list",
	.config = "DEBUG_LIST",
	.says = "list_del corruption",
};

FIXTURE_VARIANT_ADD(checker, objects) {
	.fault = "object",
	.config = "DEBUG_OBJECTS_WORK",
	.says = "ODEBUG: free active",
};

FIXTURE_VARIANT_ADD(checker, slub_poison) {
	.fault = "use_after_free",
	.config = "SLUB_DEBUG_ON",
	.says = "Poison overwritten",
};

FIXTURE_VARIANT_ADD(checker, slub_redzone) {
	.fault = "overrun",
	.config = "SLUB_DEBUG_ON",
	.says = "Redzone overwritten",
};

FIXTURE_VARIANT_ADD(checker, page_poison) {
	.fault = "page",
	.config = "PAGE_POISONING",
	.says = "pagealloc: memory corruption",
};

FIXTURE_VARIANT_ADD(checker, kasan_free) {
	.fault = "use_after_free",
	.config = "KASAN",
	.says = "KASAN: slab-use-after-free",
};

FIXTURE_VARIANT_ADD(checker, kasan_bounds) {
	.fault = "overrun",
	.config = "KASAN",
	.says = "KASAN: slab-out-of-bounds",
};

FIXTURE_VARIANT_ADD(checker, kasan_page) {
	.fault = "page",
	.config = "KASAN",
	.says = "KASAN: use-after-free",
};

FIXTURE_VARIANT_ADD(checker, ubsan) {
	.fault = "shift",
	.config = "UBSAN_SHIFT",
	.says = "UBSAN: shift-out-of-bounds",
};

FIXTURE_VARIANT_ADD(checker, dmabuf) {
	.fault = "hidden_page",
	.config = "DMABUF_DEBUG",
	.says = "(unable to handle|general protection|Unable to handle|KASAN)",
};

FIXTURE_VARIANT_ADD(checker, scatterlist) {
	.fault = "scatterlist",
	.config = "DEBUG_SG",
	.says = "kernel BUG at",
};

/* Read what was logged since the last call; is there a line of a pattern? */
static bool logged(int log, regex_t *pattern)
{
	char line[8192];
	bool found = false;
	ssize_t n;

	while ((n = read(log, line, sizeof(line) - 1)) > 0) {
		line[n] = 0;
		if (regexec(pattern, line, 0, NULL, 0) == 0)
			found = true;
	}
	return found;
}

/* Some faults are seen only when somebody looks. */
static void look_for_damage(void)
{
	glob_t caches;
	size_t i;

	if (glob("/sys/kernel/slab/*/validate", 0, NULL, &caches))
		return;
	for (i = 0; i < caches.gl_pathc; i++)
		write_text(caches.gl_pathv[i], "1");
	globfree(&caches);
}

struct leak_search {
	int log;
	regex_t *pattern;
};

/* A scan tells of what has an age of some seconds and is not on any stack. */
static bool leak_is_logged(void *arg)
{
	struct leak_search *search = arg;

	return !write_text(KMEMLEAK, "scan") &&
	       logged(search->log, search->pattern);
}

static bool look_for_leaks(int log, regex_t *pattern)
{
	struct leak_search search = { .log = log, .pattern = pattern };

	return !access(KMEMLEAK, W_OK) &&
	       wait_until(leak_is_logged, &search, 3 * DEADLINE_MS);
}

/* In a process of its own, which may end by it. */
static int commit_fault(const char *name)
{
	int status = 0;
	pid_t child;

	child = fork();
	if (child == 0) {
		execl("./commit-fault", "commit-fault", name, NULL);
		_exit(2);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

FIXTURE_SETUP(checker)
{
	char number[16];

	ASSERT_EQ(0, hooked_gntdev_use(false));
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_GE(self->log, 0);
	ASSERT_NE(-1, lseek(self->log, 0, SEEK_END));
	/* The other process has it under the same number. */
	self->dmabuf = heap_alloc(1, O_RDWR);
	ASSERT_GE(self->dmabuf, 0);
	ASSERT_EQ(0, fcntl(self->dmabuf, F_SETFD, 0));
	snprintf(number, sizeof(number), "%d", self->dmabuf);
	ASSERT_EQ(0, write_text(HOOKED_PARAMETERS "fault_fd", number));
}

FIXTURE_TEARDOWN(checker)
{
	close(self->dmabuf);
	close(self->log);
}

TEST_F_TIMEOUT(checker, sees_its_fault, SECONDS)
{
	regex_t pattern;
	bool found;

	if (!kernel_has(variant->config))
		SKIP(return, "not a checker of this kernel");
	ASSERT_EQ(0, regcomp(&pattern, variant->says, REG_EXTENDED | REG_NOSUB));
	ASSERT_FALSE(logged(self->log, &pattern));
	ASSERT_EQ(0, commit_fault(variant->fault));
	found = logged(self->log, &pattern);
	if (!found) {
		look_for_damage();
		found = logged(self->log, &pattern);
	}
	if (!found)
		found = look_for_leaks(self->log, &pattern);
	EXPECT_TRUE(found) {
		TH_LOG("%s says nothing of '%s'", variant->config,
		       variant->fault);
	}
	regfree(&pattern);
}

TEST_HARNESS_MAIN
