// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMABUF_EXP_WAIT_RELEASED: the number recorded at export is the cookie, also
 * after the descriptor was closed and its number was given to something else.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "waiter.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES cut(5)

FIXTURE(wait) {
	int fd;
	struct gnt_pages own;
	/* Number of the exported buffer, and a duplicate that keeps it. */
	int number;
	int keep;
};

FIXTURE_SETUP(wait)
{
	self->own.fd = -1;
	self->fd = -1;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	pattern_fill(self->own.addr, 0, PAGES, 1);
	self->number = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(self->number, 0);
	self->keep = fcntl(self->number, F_DUPFD_CLOEXEC, 100);
	ASSERT_GE(self->keep, 100);
}

FIXTURE_TEARDOWN(wait)
{
	if (self->own.fd < 0)
		return;
	close(self->keep);
	close(self->number);
	close(self->fd);
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, PAGES));
	gnt_pages_free(&self->own);
}

static int wait_ms(FIXTURE_DATA(wait) *self, uint32_t ms)
{
	return gntdev_exp_wait_released(self->fd, self->number, ms);
}

/* "Released" means released: nothing can hold the grants when 0 returns. */
static bool grants_are_free(FIXTURE_DATA(wait) *self)
{
	return !revoke_pages(&self->own) &&
	       !live_grants(SELF, self->own.refs, PAGES);
}

TEST_F(wait, timeout_zero_only_asks)
{
	uint64_t start = now_ms();

	EXPECT_EQ(-ETIMEDOUT, wait_ms(self, 0));
	EXPECT_GT(1000, now_ms() - start);
}

TEST_F(wait, timeout_is_kept)
{
	uint64_t start = now_ms();

	EXPECT_EQ(-ETIMEDOUT, wait_ms(self, 300));
	EXPECT_LE(300, now_ms() - start);
	EXPECT_GT(5000, now_ms() - start);
}

TEST_F(wait, released_buffer_is_unknown)
{
	close(self->number);
	close(self->keep);
	EXPECT_TRUE(released(self->fd, self->number));
	EXPECT_TRUE(grants_are_free(self));
}

TEST_F(wait, unknown_numbers)
{
	static const int bad[] = { -1, 0, 1, 99, 1 << 20, 0x7fffffff };

	for (size_t i = 0; i < ARRAY_SIZE_OF(bad); i++)
		EXPECT_EQ(-ENOENT,
			  gntdev_exp_wait_released(self->fd, bad[i], 1000));
	/* The duplicate's number was never recorded. */
	EXPECT_EQ(-ENOENT, gntdev_exp_wait_released(self->fd, self->keep, 0));
}

TEST_F(wait, other_files_know_nothing_of_it)
{
	int other = gntdev_open();

	ASSERT_GE(other, 0);
	EXPECT_EQ(-ENOENT, gntdev_exp_wait_released(other, self->number, 0));
	close(other);
}

TEST_F(wait, closed_and_reused_number_is_the_cookie)
{
	struct waiter waiter;
	int reused;

	close(self->number);
	EXPECT_EQ(-ETIMEDOUT, wait_ms(self, 0));
	reused = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(self->number, reused);
	EXPECT_EQ(-ETIMEDOUT, wait_ms(self, 0));
	ASSERT_TRUE(waiter_start_number(&waiter, self->fd, self->number));
	close(self->keep);
	ASSERT_EQ(0, pthread_join(waiter.thread, NULL));
	EXPECT_EQ(0, waiter.ret);
	EXPECT_EQ(-ENOENT, wait_ms(self, 0));
	EXPECT_TRUE(grants_are_free(self));
}

TEST_F(wait, mapping_counts_as_a_user)
{
	void *mem = map_dmabuf(self->keep, PAGES, RW);

	ASSERT_NE(NULL, mem);
	close(self->number);
	close(self->keep);
	EXPECT_EQ(-ETIMEDOUT, wait_ms(self, 50));
	EXPECT_EQ(0, pattern_check(mem, 0, PAGES, 1, NULL));
	ASSERT_EQ(0, munmap(mem, bytes_of(cut(2))));
	EXPECT_EQ(-ETIMEDOUT, wait_ms(self, 0));
	ASSERT_EQ(0, munmap(page_of(mem, cut(2)), bytes_of(cut(3))));
	EXPECT_TRUE(released(self->fd, self->number));
	EXPECT_TRUE(grants_are_free(self));
}

/* 0 comes only when the grants are free, not when the file is closed. */
TEST_F(wait, grants_are_free_when_the_waiter_wakes)
{
	for (int round = 0; round < 20; round++) {
		int go[2], ret = 1;
		pid_t child;

		ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
		child = fork();
		ASSERT_GE(child, 0);
		if (!child) {
			/* This copy of the descriptors keeps the buffer. */
			close(go[1]);
			_exit(read(go[0], &ret, 1) != 0);
		}
		close(self->number);
		close(self->keep);
		EXPECT_EQ(-ETIMEDOUT, wait_ms(self, 0));
		close(go[1]);
		ret = wait_ms(self, DEADLINE_MS);
		EXPECT_TRUE(ret == 0 || ret == -ENOENT);
		ASSERT_TRUE(grants_are_free(self));
		ASSERT_EQ(child, waitpid(child, NULL, 0));
		close(go[0]);
		gnt_pages_free(&self->own);
		ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
		self->number = export_pages(self->fd, &self->own, 0);
		ASSERT_GE(self->number, 0);
		self->keep = fcntl(self->number, F_DUPFD_CLOEXEC, 100);
	}
}

TEST_F(wait, all_waiters_wake)
{
	struct waiter waiters[8];
	const int count = ARRAY_SIZE_OF(waiters);

	for (int i = 0; i < count; i++)
		ASSERT_TRUE(waiter_start_number(&waiters[i], self->fd, self->number));
	close(self->number);
	close(self->keep);
	for (int i = 0; i < count; i++) {
		ASSERT_EQ(0, pthread_join(waiters[i].thread, NULL));
		EXPECT_EQ(0, waiters[i].ret);
	}
	EXPECT_TRUE(grants_are_free(self));
}

TEST_F(wait, same_number_waits_for_all_buffers)
{
	int second;

	/* The second buffer gets the number that the first one had. */
	close(self->number);
	second = export_pages(self->fd, &self->own, 0);
	ASSERT_EQ(self->number, second);
	EXPECT_EQ(-ETIMEDOUT, wait_ms(self, 0));
	close(second);
	EXPECT_EQ(-ETIMEDOUT, wait_ms(self, 50));
	EXPECT_EQ(0, check_dmabuf(self->keep, PAGES, 1));
	close(self->keep);
	EXPECT_TRUE(released(self->fd, self->number));
	EXPECT_TRUE(grants_are_free(self));
}

TEST_F(wait, same_number_first_buffer_ends_first)
{
	int second;

	close(self->number);
	second = export_pages(self->fd, &self->own, 0);
	ASSERT_EQ(self->number, second);
	close(self->keep);
	EXPECT_EQ(-ETIMEDOUT, wait_ms(self, 50));
	EXPECT_EQ(0, check_dmabuf(second, PAGES, 1));
	close(second);
	EXPECT_TRUE(released(self->fd, self->number));
	EXPECT_TRUE(grants_are_free(self));
}

static void on_signal(int sig)
{
}

TEST_F(wait, signal_interrupts)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t child;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		pid_t parent = getppid();

		if (!wait_until(task_sleeps, &parent, DEADLINE_MS))
			_exit(1);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	EXPECT_EQ(-EINTR, wait_ms(self, DEADLINE_MS));
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_EQ(-ETIMEDOUT, wait_ms(self, 0));
	close(self->number);
	close(self->keep);
	EXPECT_TRUE(released(self->fd, self->number));
}

/* A process that waits for its own export can be killed. */
static void kill_waiter(struct __test_metadata *_metadata,
			FIXTURE_DATA(wait) *self, int sig)
{
	int status;
	pid_t child = fork();

	ASSERT_GE(child, 0);
	if (!child) {
		int fd = gntdev_open();
		int number = export_pages(fd, &self->own, 0);

		gntdev_exp_wait_released(fd, number, ~0u);
		_exit(0);
	}
	EXPECT_TRUE(wait_until(task_sleeps, &child, DEADLINE_MS));
	ASSERT_EQ(0, kill(child, sig));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(sig, WTERMSIG(status));
	close(self->number);
	close(self->keep);
	EXPECT_TRUE(released(self->fd, self->number));
	EXPECT_TRUE(grants_are_free(self));
}

TEST_F(wait, sigkill_ends_a_waiter)
{
	kill_waiter(_metadata, self, SIGKILL);
}

TEST_F(wait, sigterm_ends_a_waiter)
{
	kill_waiter(_metadata, self, SIGTERM);
}

/* A waiter holds no lock that other commands of the file need. */
TEST_F(wait, file_is_usable_while_a_thread_waits)
{
	struct gntdev_mapping map;
	struct waiter waiter;
	int second;

	ASSERT_TRUE(waiter_start_number(&waiter, self->fd, self->number));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, self->own.refs,
					 PAGES, RW));
	EXPECT_EQ(0, pattern_check(map.addr, 0, PAGES, 1, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	second = export_pages(self->fd, &self->own, 0);
	EXPECT_GE(second, 0);
	close(second);
	close(self->number);
	close(self->keep);
	ASSERT_EQ(0, pthread_join(waiter.thread, NULL));
	EXPECT_EQ(0, waiter.ret);
}

/* Buffers exported after the call began are not waited for. */
TEST_F(wait, later_buffers_are_not_waited_for)
{
	struct waiter waiter;
	int second;

	close(self->number);
	ASSERT_TRUE(waiter_start_number(&waiter, self->fd, self->number));
	second = export_pages(self->fd, &self->own, 0);
	ASSERT_EQ(self->number, second);
	close(self->keep);
	ASSERT_EQ(0, pthread_join(waiter.thread, NULL));
	EXPECT_EQ(0, waiter.ret);
	EXPECT_EQ(-ETIMEDOUT, wait_ms(self, 0));
	close(second);
}

TEST_HARNESS_MAIN
