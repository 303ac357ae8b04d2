// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands that know exports and imports by handles, against each other and
 * against the end of what they work on. Whoever wins, each of them has one of the
 * results that are documented, and nothing is left.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "granter.h"

#define PAGES cut(4)
#define DEADLINE_NS (DEADLINE_MS * 1000000ull)
#define ROUNDS 200
/* An emulated machine starts some twenty programs in a second. */
#define EXECS 20
#define MANY 16

FIXTURE(handles_race) {
	int fd;
	struct granter from;
	struct dmabuf_pages buffer;
	unsigned int fds;
	unsigned long users;
};

/* What the threads of a race have in common. */
struct prize {
	int fd;
	int dmabuf;
	int eventfd;
	uint64_t handle;
	atomic_bool start;
	atomic_bool stop;
	unsigned int failed;
	struct granter *from;
	struct dmabuf_pages *buffer;
	/* An argument in a page of its own. */
	struct gntdev_dmabuf_import_release *argument;
	/* Pages of a kernel have up to 16 frames. */
	uint32_t refs[64];
};

struct racer {
	int (*run)(struct prize *prize);
	struct prize *prize;
	pthread_barrier_t *line;
	pthread_t thread;
	int ret;
};

FIXTURE_SETUP(handles_race)
{
	int ret;

	self->fd = -1;
	ASSERT_EQ(0, module_users(&self->users));
	ret = both_ways_open(&self->from, &self->buffer, &self->fd, PAGES);
	if (ret == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, ret);
	self->fds = count_open_fds();
}

static bool nothing_is_pending(void *fd)
{
	struct gntdev_query query;

	return !gntdev_query(*(int *)fd, 0, &query) && !query.exports &&
	       !query.imports && !query.pending_grants && !query.ranges;
}

FIXTURE_TEARDOWN(handles_race)
{
	if (self->fd < 0)
		return;
	EXPECT_TRUE(wait_until(nothing_is_pending, &self->fd, DEADLINE_MS));
	EXPECT_EQ(self->fds, count_open_fds());
	EXPECT_EQ(0, both_ways_close(&self->from, &self->buffer, self->fd));
	EXPECT_TRUE(wait_until(module_has_users, &self->users, DEADLINE_MS));
}

static struct prize prize_of(FIXTURE_DATA(handles_race) *self)
{
	return (struct prize){
		.fd = self->fd,
		.dmabuf = -1,
		.eventfd = -1,
		.from = &self->from,
		.buffer = &self->buffer,
	};
}

static void *run_racer(void *arg)
{
	struct racer *racer = arg;

	pthread_barrier_wait(racer->line);
	racer->ret = racer->run(racer->prize);
	return NULL;
}

/* All of them start at the same time; returns when all are done. */
static void race(struct __test_metadata *_metadata, struct prize *prize,
		 struct racer *racers, unsigned int count)
{
	pthread_barrier_t line;

	ASSERT_EQ(0, pthread_barrier_init(&line, NULL, count));
	for (unsigned int i = 0; i < count; i++) {
		racers[i].prize = prize;
		racers[i].line = &line;
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, run_racer,
					    &racers[i]));
	}
	for (unsigned int i = 0; i < count; i++)
		ASSERT_EQ(0, pthread_join(racers[i].thread, NULL));
	pthread_barrier_destroy(&line);
}

static int run_import(struct prize *p)
{
	return gntdev_import(p->fd, 0, p->buffer->dmabuf, p->from->domid, PAGES,
			     p->refs, &p->handle);
}

static int run_export(struct prize *p)
{
	return gntdev_export(p->fd, 0, p->from->domid, p->from->refs, PAGES,
			     &p->dmabuf, &p->handle);
}

static int run_release(struct prize *p)
{
	uint32_t left;

	return gntdev_import_release(p->fd, p->handle, &left);
}

static int run_wait(struct prize *p)
{
	uint32_t left;

	return gntdev_wait(p->fd, p->handle, DEADLINE_NS, &left);
}

static int run_close(struct prize *p)
{
	return close(p->fd) ? -errno : 0;
}

static int run_close_buffer(struct prize *p)
{
	return close(p->dmabuf) ? -errno : 0;
}

static int run_close_all(struct prize *p)
{
	int ret = run_close(p);

	return ret ? ret : run_close_buffer(p);
}

/* As long as there is an import, it is the one that was made. */
static int run_query(struct prize *p)
{
	struct gntdev_query query;
	int ret;

	do {
		ret = gntdev_query(p->fd, p->handle, &query);
		if (!ret && (query.count != PAGES || query.left > PAGES ||
			     query.domid != p->from->domid ||
			     !(query.state & GNTDEV_STATE_IMPORT)))
			return -EPROTO;
	} while (!ret);
	return ret;
}

static bool over(int ret)
{
	return !ret || ret == -ENOENT;
}

/* One is the first; the others come too late, or just in the middle. */
TEST_F(handles_race, release_against_release)
{
	struct racer racers[4] = { { .run = run_release }, { .run = run_release },
				   { .run = run_release }, { .run = run_release } };

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct prize prize = prize_of(self);
		unsigned int released = 0;

		ASSERT_EQ(0, run_import(&prize));
		race(_metadata, &prize, racers, ARRAY_SIZE_OF(racers));
		for (size_t k = 0; k < ARRAY_SIZE_OF(racers); k++) {
			released += !racers[k].ret;
			EXPECT_TRUE(over(racers[k].ret) ||
				    racers[k].ret == -EBUSY)
				TH_LOG("%d", racers[k].ret);
		}
		ASSERT_EQ(1, released);
		ASSERT_EQ(-ENOENT, run_release(&prize));
	}
}

TEST_F(handles_race, release_against_wait)
{
	struct racer racers[] = { { .run = run_wait }, { .run = run_release } };

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct prize prize = prize_of(self);

		ASSERT_EQ(0, run_import(&prize));
		race(_metadata, &prize, racers, ARRAY_SIZE_OF(racers));
		ASSERT_TRUE(over(racers[0].ret)) TH_LOG("%d", racers[0].ret);
		ASSERT_EQ(0, racers[1].ret);
	}
}

/* Until its answer can be stored. */
static int release_with_argument(struct prize *p)
{
	int ret;

	while (!p->start)
		sched_yield();
	do {
		ret = ioctl(p->fd, IOCTL_GNTDEV_DMABUF_IMPORT_RELEASE,
			    p->argument) ? -errno : 0;
		p->failed += ret == -EFAULT;
	} while (ret == -EFAULT);
	p->stop = true;
	return ret;
}

static int protect_argument(struct prize *p)
{
	int ret;

	do {
		ret = mprotect(p->argument, bytes_of(1), PROT_READ) ||
		      mprotect(p->argument, bytes_of(1), PROT_READ | PROT_WRITE);
		p->start = true;
	} while (!p->stop && !ret);
	return ret ? -errno : 0;
}

/* A release that fails, because its answer cannot be stored, did not happen. */
TEST_F(handles_race, release_against_protection)
{
	struct racer racers[] = { { .run = release_with_argument },
				  { .run = protect_argument } };
	void *page = mmap(NULL, bytes_of(1), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int failed = 0;

	ASSERT_NE(MAP_FAILED, page);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct prize prize = prize_of(self);

		ASSERT_EQ(0, run_import(&prize));
		prize.argument = page;
		*prize.argument = (struct gntdev_dmabuf_import_release){
			.size = sizeof(*prize.argument),
			.handle = prize.handle,
		};
		race(_metadata, &prize, racers, ARRAY_SIZE_OF(racers));
		ASSERT_EQ(0, racers[1].ret);
		ASSERT_EQ(0, racers[0].ret);
		failed += prize.failed;
	}
	munmap(page, bytes_of(1));
	TH_LOG("%u releases could not store their answer", failed);
}

TEST_F(handles_race, many_waiters)
{
	struct racer racers[MANY + 1] = { { .run = run_close_buffer } };

	for (size_t i = 1; i < ARRAY_SIZE_OF(racers); i++)
		racers[i].run = run_wait;
	for (unsigned int i = 0; i < ROUNDS / 4; i++) {
		struct prize prize = prize_of(self);

		ASSERT_EQ(0, run_export(&prize));
		race(_metadata, &prize, racers, ARRAY_SIZE_OF(racers));
		for (size_t k = 0; k < ARRAY_SIZE_OF(racers); k++) {
			ASSERT_TRUE(over(racers[k].ret))
				TH_LOG("%d", racers[k].ret);
		}
	}
}

TEST_F(handles_race, wait_against_close_of_the_file)
{
	struct racer racers[] = { { .run = run_wait },
				  { .run = run_close_all } };

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct prize prize = prize_of(self);

		prize.fd = gntdev_open();
		ASSERT_GE(prize.fd, 0);
		ASSERT_EQ(0, run_export(&prize));
		race(_metadata, &prize, racers, ARRAY_SIZE_OF(racers));
		ASSERT_TRUE(over(racers[0].ret) || racers[0].ret == -EBADF)
			TH_LOG("%d", racers[0].ret);
		ASSERT_EQ(0, racers[1].ret);
	}
}

TEST_F(handles_race, query_against_release)
{
	struct racer racers[] = { { .run = run_query }, { .run = run_release } };

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct prize prize = prize_of(self);

		ASSERT_EQ(0, run_import(&prize));
		race(_metadata, &prize, racers, ARRAY_SIZE_OF(racers));
		ASSERT_EQ(-ENOENT, racers[0].ret);
		ASSERT_EQ(0, racers[1].ret);
	}
}

/* What is exported lives on without the file. */
TEST_F(handles_race, export_against_close_of_the_file)
{
	struct racer racers[] = { { .run = run_export }, { .run = run_close } };

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct prize prize = prize_of(self);

		prize.fd = gntdev_open();
		ASSERT_GE(prize.fd, 0);
		race(_metadata, &prize, racers, ARRAY_SIZE_OF(racers));
		ASSERT_EQ(0, racers[1].ret);
		if (racers[0].ret) {
			ASSERT_EQ(-EBADF, racers[0].ret);
			continue;
		}
		ASSERT_EQ(0, check_dmabuf(prize.dmabuf, PAGES, GRANTER_SEED));
		close(prize.dmabuf);
	}
}

/* An import ends with the file. */
TEST_F(handles_race, import_against_close_of_the_file)
{
	struct racer racers[] = { { .run = run_import }, { .run = run_close } };

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct prize prize = prize_of(self);

		prize.fd = gntdev_open();
		ASSERT_GE(prize.fd, 0);
		race(_metadata, &prize, racers, ARRAY_SIZE_OF(racers));
		ASSERT_EQ(0, racers[1].ret);
		ASSERT_TRUE(!racers[0].ret || racers[0].ret == -EBADF)
			TH_LOG("%d", racers[0].ret);
	}
}

static int export_and_import(struct prize *p)
{
	int ret = run_export(p);

	if (ret)
		return ret;
	close(p->dmabuf);
	ret = run_wait(p);
	if (!over(ret))
		return ret;
	ret = run_import(p);
	return ret ? ret : run_release(p);
}

/* Children keep what is there when they begin for as long as they live. */
static int export_and_import_all_the_time(struct prize *p)
{
	int ret = 0;

	while (!p->stop && !ret)
		ret = export_and_import(p);
	p->stop = true;
	return ret;
}

/* How many dma-bufs and files of gntdev another program would get. */
static int count_inherited(void)
{
	FILE *list = popen("ls -l /proc/self/fd | grep -cE 'dmabuf|gntdev'",
			   "re");
	int count = -1;

	if (!list)
		return -errno;
	if (fscanf(list, "%d", &count) != 1)
		count = -EPROTO;
	pclose(list);
	return count;
}

/* While one of them exports and imports, the other one does something else. */
static void share_during(struct __test_metadata *_metadata,
			 FIXTURE_DATA(handles_race) *self,
			 int (*run)(struct prize *prize))
{
	struct racer racers[] = { { .run = export_and_import_all_the_time },
				  { .run = run } };
	struct prize prize = prize_of(self);

	race(_metadata, &prize, racers, ARRAY_SIZE_OF(racers));
	EXPECT_EQ(0, racers[0].ret);
	EXPECT_EQ(0, racers[1].ret);
}

static int run_programs(struct prize *p)
{
	int ret = 0;

	for (unsigned int i = 0; i < EXECS && !ret; i++)
		ret = count_inherited();
	p->stop = true;
	return ret;
}

TEST_F(handles_race, all_against_exec)
{
	share_during(_metadata, self, run_programs);
}

static int run_children(struct prize *p)
{
	int status = 0;

	for (unsigned int i = 0; i < ROUNDS && !status; i++) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		if (child < 0 || waitpid(child, &status, 0) != child)
			status = -errno;
	}
	p->stop = true;
	return status;
}

TEST_F(handles_race, all_against_fork)
{
	share_during(_metadata, self, run_children);
}

static int export_with_eventfd(struct prize *p)
{
	struct gntdev_dmabuf_export op = {
		.size = sizeof(op),
		.flags = GNTDEV_DMABUF_EVENTFD,
		.refs = (uintptr_t)p->from->refs,
		.count = PAGES,
		.domid = p->from->domid,
		.length = bytes_of(PAGES),
		.eventfd = p->eventfd,
	};

	if (ioctl(p->fd, IOCTL_GNTDEV_DMABUF_EXPORT, &op))
		return -errno;
	p->dmabuf = op.fd;
	p->handle = op.handle;
	return 0;
}

static int run_close_eventfd(struct prize *p)
{
	return close(p->eventfd) ? -errno : 0;
}

/* The signal comes after the waiters are woken. */
static uint64_t signals(int eventfd, int timeout_ms)
{
	struct pollfd fd = { .fd = eventfd, .events = POLLIN };
	uint64_t count = 0;

	poll(&fd, 1, timeout_ms);
	if (read(eventfd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

/* The descriptor may go; what it stands for is signalled, and only once. */
TEST_F(handles_race, export_against_close_of_the_eventfd)
{
	struct racer racers[] = { { .run = export_with_eventfd },
				  { .run = run_close_eventfd } };

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct prize prize = prize_of(self);
		int kept = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		prize.eventfd = fcntl(kept, F_DUPFD_CLOEXEC, 0);
		ASSERT_GE(prize.eventfd, 0);
		race(_metadata, &prize, racers, ARRAY_SIZE_OF(racers));
		ASSERT_EQ(0, racers[1].ret);
		if (!racers[0].ret) {
			close(prize.dmabuf);
			ASSERT_TRUE(over(run_wait(&prize)));
			ASSERT_EQ(1, signals(kept, DEADLINE_MS));
		} else {
			ASSERT_EQ(-EBADF, racers[0].ret);
		}
		ASSERT_EQ(0, signals(kept, 0));
		close(kept);
	}
}

/* While it is signalled, too. */
TEST_F(handles_race, end_against_close_of_the_eventfd)
{
	struct racer racers[] = { { .run = run_close_buffer },
				  { .run = run_close_eventfd },
				  { .run = run_wait } };

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct prize prize = prize_of(self);

		prize.eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ASSERT_GE(prize.eventfd, 0);
		ASSERT_EQ(0, export_with_eventfd(&prize));
		race(_metadata, &prize, racers, ARRAY_SIZE_OF(racers));
		ASSERT_EQ(0, racers[0].ret);
		ASSERT_EQ(0, racers[1].ret);
		ASSERT_TRUE(over(racers[2].ret)) TH_LOG("%d", racers[2].ret);
	}
}

TEST_HARNESS_MAIN
