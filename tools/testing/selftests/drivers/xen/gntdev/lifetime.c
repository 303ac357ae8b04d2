// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of every object, in every order and by every kind of death, and
 * threads that get in each other's way. Afterwards the granting side must be
 * able to take all its pages back.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include <drm.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES 64u
#define RACE_SECONDS 3
#define IMPORTS 100

FIXTURE(lifetime) {
	struct gnt_pages own;
	/* References of a buffer that a child imports, shared with it. */
	uint32_t *imported;
};

FIXTURE_SETUP(lifetime)
{
	self->own.fd = -1;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	pattern_fill(self->own.addr, 0, PAGES, 1);
	self->imported = mmap(NULL, GRANT_PAGE_SIZE, RW,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->imported);
}

FIXTURE_TEARDOWN(lifetime)
{
	if (self->own.fd < 0)
		return;
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_TRUE(gone_soon(self->own.refs, PAGES));
	/* References that were never used are 0: never granted. */
	if (self->imported[0])
		EXPECT_TRUE(gone_soon(self->imported, PAGES));
	gnt_pages_free(&self->own);
}

/* What a process has when it dies; nothing of it is given back by hand. */
struct state {
	FIXTURE_DATA(lifetime) *self;
	int fd;
	int dmabuf;
	int heap;
	uint64_t index;
	void *mem;
};

static bool name_grants(struct state *s)
{
	return !gntdev_map(s->fd, SELF, s->self->own.refs, PAGES, &s->index);
}

static bool map_grants(struct state *s)
{
	if (!name_grants(s))
		return false;
	s->mem = mmap(NULL, bytes_of(PAGES), RW, MAP_SHARED, s->fd,
		      (off_t)s->index);
	return s->mem != MAP_FAILED;
}

static bool unmap_a_hole(struct state *s)
{
	return map_grants(s) && !munmap(page_of(s->mem, 20), bytes_of(9));
}

static bool unmap_by_command(struct state *s)
{
	return map_grants(s) && !gntdev_unmap(s->fd, s->index, PAGES);
}

static bool close_device(struct state *s)
{
	return map_grants(s) && !close(s->fd);
}

static bool export_grants(struct state *s)
{
	s->dmabuf = export_pages(s->fd, &s->self->own, 0);
	return s->dmabuf >= 0;
}

static bool export_coherent(struct state *s)
{
	s->dmabuf = export_pages(s->fd, &s->self->own,
				 GNTDEV_DMA_FLAG_COHERENT);
	return s->dmabuf >= 0;
}

static bool map_export(struct state *s)
{
	if (!export_grants(s))
		return false;
	s->mem = map_dmabuf(s->dmabuf, PAGES, RW);
	return s->mem && !pattern_check(s->mem, 0, PAGES, 1, NULL);
}

static bool map_export_close_all(struct state *s)
{
	return map_export(s) && !close(s->dmabuf) && !close(s->fd);
}

static bool attach_export(struct state *s)
{
	struct drm_prime_handle prime = { 0 };
	int drm = drm_open("vgem");

	if (!export_grants(s))
		return false;
	prime.fd = s->dmabuf;
	/* Without such a device there is one user less. */
	return drm < 0 || !ioctl(drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
}

static bool import_heap(struct state *s)
{
	s->heap = heap_alloc(PAGES, O_RDWR);
	return s->heap >= 0 && !fill_dmabuf(s->heap, PAGES, 2) &&
	       !gntdev_imp_to_refs(s->fd, s->heap, SELF, PAGES,
				   s->self->imported);
}

static bool import_then_close(struct state *s)
{
	return import_heap(s) && !close(s->heap);
}

static bool import_and_map(struct state *s)
{
	struct gntdev_mapping map;

	return import_heap(s) &&
	       !gntdev_mapping_open(&map, s->fd, SELF, s->self->imported,
				    PAGES, RW) &&
	       !pattern_check(map.addr, 0, PAGES, 2, NULL);
}

static bool import_and_export_again(struct state *s)
{
	return import_heap(s) &&
	       !gntdev_exp_from_refs(s->fd, 0, SELF, s->self->imported, PAGES,
				     &s->dmabuf) &&
	       map_dmabuf(s->dmabuf, PAGES, RW);
}

static bool released_but_mapped(struct state *s)
{
	return import_and_map(s) && !gntdev_imp_release(s->fd, s->heap);
}

static bool everything_at_once(struct state *s)
{
	return map_grants(s) && attach_export(s) && map_export(s) &&
	       import_and_map(s);
}

static bool share_with_a_child(struct state *s)
{
	pid_t child;

	if (!map_grants(s) || !map_export(s))
		return false;
	child = fork();
	/* The child dies with its parent's other child: by itself. */
	if (!child)
		_exit(0);
	return child > 0;
}

static bool in_a_wait(struct state *s)
{
	if (!export_grants(s))
		return false;
	/* A second thread of execution that sleeps in the command. */
	if (fork())
		return true;
	gntdev_exp_wait_released(s->fd, s->dmabuf, 2000);
	_exit(0);
}

static const struct {
	const char *name;
	bool (*enter)(struct state *state);
} states[] = {
	{ "grants named", name_grants },
	{ "grants mapped", map_grants },
	{ "hole in the mapping", unmap_a_hole },
	{ "unmapped by command", unmap_by_command },
	{ "device closed while mapped", close_device },
	{ "exported", export_grants },
	{ "exported coherent", export_coherent },
	{ "export mapped", map_export },
	{ "export mapped, all closed", map_export_close_all },
	{ "export attached", attach_export },
	{ "imported", import_heap },
	{ "imported, buffer closed", import_then_close },
	{ "import mapped", import_and_map },
	{ "import exported again", import_and_export_again },
	{ "import released while mapped", released_but_mapped },
	{ "everything at once", everything_at_once },
	{ "forked", share_with_a_child },
	{ "forked and waiting", in_a_wait },
};

/* Enter a state in a child, which then ends by a signal or exits. */
static void die_in_state(struct __test_metadata *_metadata,
			 FIXTURE_DATA(lifetime) *self, size_t number, int sig)
{
	int ready[2], status;
	char ok = 0;
	pid_t child;

	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		struct state state = { .self = self, .fd = gntdev_open() };

		ok = states[number].enter(&state) ? 'y' : 'n';
		if (write(ready[1], &ok, 1) != 1 || !sig)
			_exit(0);
		for (;;)
			pause();
	}
	close(ready[1]);
	EXPECT_EQ(1, read(ready[0], &ok, 1));
	EXPECT_EQ('y', ok) TH_LOG("state: %s", states[number].name);
	if (sig)
		ASSERT_EQ(0, kill(child, sig));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	close(ready[0]);
	if (self->imported[0])
		EXPECT_TRUE(gone_soon(self->imported, PAGES))
			TH_LOG("state: %s", states[number].name);
	self->imported[0] = 0;
}

/* Grants of a state that are left would show when the pages are revoked. */
static void renew_pages(struct __test_metadata *_metadata,
			FIXTURE_DATA(lifetime) *self, const char *state)
{
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_TRUE(gone_soon(self->own.refs, PAGES))
		TH_LOG("state: %s", state);
	gnt_pages_free(&self->own);
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	pattern_fill(self->own.addr, 0, PAGES, 1);
}

TEST_F(lifetime, sigkill_in_every_state)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(states); i++) {
		die_in_state(_metadata, self, i, SIGKILL);
		renew_pages(_metadata, self, states[i].name);
	}
}

TEST_F(lifetime, exit_in_every_state)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(states); i++) {
		die_in_state(_metadata, self, i, 0);
		renew_pages(_metadata, self, states[i].name);
	}
}

/* Three steps in each order: @order holds their digits. */
static const char * const orders[] = {
	"012", "021", "102", "120", "201", "210",
};

TEST_F(lifetime, export_ends_in_any_order)
{
	for (size_t o = 0; o < ARRAY_SIZE_OF(orders); o++) {
		struct state s = { .self = self, .fd = gntdev_open() };

		ASSERT_TRUE(map_export(&s));
		for (int i = 0; i < 3; i++) {
			switch (orders[o][i]) {
			case '0':
				EXPECT_EQ(0, close(s.fd));
				break;
			case '1':
				EXPECT_EQ(0, close(s.dmabuf));
				break;
			default:
				EXPECT_EQ(0, pattern_check(s.mem, 0, PAGES, 1,
							   NULL));
				EXPECT_EQ(0, munmap(s.mem, bytes_of(PAGES)));
			}
		}
		renew_pages(_metadata, self, orders[o]);
	}
}

TEST_F(lifetime, map_ends_in_any_order)
{
	for (size_t o = 0; o < ARRAY_SIZE_OF(orders); o++) {
		struct state s = { .self = self, .fd = gntdev_open() };
		bool closed = false;

		ASSERT_TRUE(map_grants(&s));
		for (int i = 0; i < 3; i++) {
			switch (orders[o][i]) {
			case '0':
				EXPECT_EQ(0, close(s.fd));
				closed = true;
				break;
			case '1':
				EXPECT_EQ(closed ? -EBADF : 0,
					  gntdev_unmap(s.fd, s.index, PAGES));
				break;
			default:
				EXPECT_EQ(0, pattern_check(s.mem, 0, PAGES, 1,
							   NULL));
				EXPECT_EQ(0, munmap(s.mem, bytes_of(PAGES)));
			}
		}
		renew_pages(_metadata, self, orders[o]);
	}
}

TEST_F(lifetime, import_ends_in_any_order)
{
	for (size_t o = 0; o < ARRAY_SIZE_OF(orders); o++) {
		struct state s = { .self = self, .fd = gntdev_open() };
		struct gntdev_mapping map;
		int peer = gntdev_open();

		ASSERT_TRUE(import_heap(&s));
		ASSERT_EQ(0, gntdev_mapping_open(&map, peer, SELF,
						 self->imported, PAGES, RW));
		for (int i = 0; i < 3; i++) {
			switch (orders[o][i]) {
			case '0':
				EXPECT_EQ(0, close(s.fd));
				break;
			case '1':
				EXPECT_EQ(0, close(s.heap));
				break;
			default:
				EXPECT_EQ(0, pattern_check(map.addr, 0, PAGES,
							   2, NULL));
				EXPECT_EQ(0, gntdev_mapping_close(&map));
			}
		}
		close(peer);
		EXPECT_TRUE(gone_soon(self->imported, PAGES));
	}
}

TEST_F(lifetime, duplicated_descriptor_keeps_the_file)
{
	struct state s = { .self = self, .fd = gntdev_open() };
	int again = dup(s.fd);

	ASSERT_TRUE(import_heap(&s));
	close(s.fd);
	EXPECT_LT(0, live_grants(SELF, self->imported, PAGES));
	EXPECT_EQ(0, gntdev_imp_release(again, s.heap));
	EXPECT_EQ(0, live_grants(SELF, self->imported, PAGES));
	close(again);
	close(s.heap);
}

TEST_F(lifetime, child_uses_an_inherited_file)
{
	struct state s = { .self = self, .fd = gntdev_open() };
	int status;
	pid_t child;

	ASSERT_TRUE(map_grants(&s));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		struct gntdev_mapping map;

		if (gntdev_mapping_open(&map, s.fd, SELF, self->own.refs, PAGES,
					RW))
			_exit(1);
		_exit(pattern_check(map.addr, 0, PAGES, 1, NULL) != 0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(0, pattern_check(s.mem, 0, PAGES, 1, NULL));
	munmap(s.mem, bytes_of(PAGES));
	close(s.fd);
}

/* The kernel's choice of a victim is forced on a child that maps grants. */
TEST_F(lifetime, oom_kill_of_a_mapping_process)
{
	int ready[2], status;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		struct state s = { .self = self, .fd = gntdev_open() };

		if (write_text("/proc/self/oom_score_adj", "1000") ||
		    !everything_at_once(&s) || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, write_text("/proc/sysrq-trigger", "f"));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
}

/* Threads that race until the time is up, in a process of its own. */
struct race {
	FIXTURE_DATA(lifetime) *self;
	atomic_bool stop;
	atomic_uint rounds;
	/* Imports that are not released. */
	atomic_int imports;
	int fd;
	int heap;
	atomic_ullong index;
	bool failed;
};

static void race_failed(struct race *race, const char *what, int error)
{
	if (!race->failed)
		fprintf(stderr, "# %s: %d\n", what, error);
	race->failed = true;
}

static void *close_everything(void *arg)
{
	struct race *race = arg;

	while (!race->stop)
		for (int fd = 3; fd < 40; fd++)
			if (fd != race->fd && fd != race->self->own.fd)
				close(fd);
	return NULL;
}

static void *export_all_the_time(void *arg)
{
	struct race *race = arg;

	while (!race->stop) {
		int dmabuf = export_pages(race->fd, &race->self->own, 0);

		if (dmabuf < 0)
			race_failed(race, "export", dmabuf);
		else
			close(dmabuf);
		race->rounds++;
	}
	return NULL;
}

/*
 * Another buffer under the same number, so that the debugging code of the DMA
 * API has no two mappings of one page to warn of.
 */
static int renew_heap(struct race *race)
{
	int heap = heap_alloc(PAGES, O_RDWR);
	int ret;

	if (heap < 0)
		return heap;
	ret = dup3(heap, race->heap, O_CLOEXEC) < 0 ? -errno : 0;
	close(heap);
	return ret;
}

static void *import_all_the_time(void *arg)
{
	struct race *race = arg;
	uint32_t refs[PAGES];

	while (!race->stop) {
		int ret;

		/* The table of grants is not what this is about. */
		if (race->imports >= IMPORTS) {
			sched_yield();
			continue;
		}
		memset(refs, 0xff, sizeof(refs));
		ret = renew_heap(race);
		if (!ret)
			ret = gntdev_imp_to_refs(race->fd, race->heap, SELF,
						 PAGES, refs);
		if (ret)
			race_failed(race, "import", ret);
		race->imports++;
		/* Kernel memory in place of references looks like this. */
		for (uint32_t i = 0; i < PAGES; i++)
			if (refs[i] > 0xfffff || !refs[i])
				race_failed(race, "reference", (int)refs[i]);
		race->rounds++;
	}
	return NULL;
}

static void *release_all_the_time(void *arg)
{
	struct race *race = arg;

	while (!race->stop) {
		int ret = gntdev_imp_release(race->fd, race->heap);

		if (ret && ret != -ENOENT)
			race_failed(race, "release", ret);
		race->imports -= !ret;
	}
	return NULL;
}

static void *mmap_all_the_time(void *arg)
{
	struct race *race = arg;

	while (!race->stop) {
		void *mem = mmap(NULL, bytes_of(PAGES), RW, MAP_SHARED,
				 race->fd, (off_t)race->index);

		if (mem != MAP_FAILED)
			munmap(mem, bytes_of(PAGES));
		race->rounds++;
	}
	return NULL;
}

/* Each argument lies in memory that has to be faulted in first. */
static void *fault_in_commands(void *arg)
{
	struct race *race = arg;
	size_t size = sizeof(struct ioctl_gntdev_map_grant_ref) +
		      PAGES * sizeof(struct ioctl_gntdev_grant_ref);
	struct ioctl_gntdev_map_grant_ref *op;
	int file = memfd_create("arguments", MFD_CLOEXEC);

	if (file < 0 || ftruncate(file, (off_t)size))
		race_failed(race, "memfd", -errno);
	op = mmap(NULL, size, RW, MAP_SHARED, file, 0);
	if (op == MAP_FAILED)
		race_failed(race, "mmap of a memfd", -errno);
	while (!race->stop && !race->failed) {
		op->count = PAGES;
		for (uint32_t i = 0; i < PAGES; i++)
			op->refs[i].ref = race->self->own.refs[i];
		madvise(op, size, MADV_DONTNEED);
		if (ioctl(race->fd, IOCTL_GNTDEV_MAP_GRANT_REF, op)) {
			race_failed(race, "map", -errno);
			break;
		}
		gntdev_unmap(race->fd, op->index, PAGES);
	}
	return NULL;
}

static void *name_and_unname(void *arg)
{
	struct race *race = arg;

	while (!race->stop) {
		uint64_t index;
		int ret = gntdev_map(race->fd, SELF, race->self->own.refs,
				     PAGES, &index);

		if (ret)
			race_failed(race, "map", ret);
		index = atomic_exchange(&race->index, index);
		ret = gntdev_unmap(race->fd, index, PAGES);
		if (ret)
			race_failed(race, "unmap", ret);
		race->rounds++;
	}
	return NULL;
}

static void *protect_all_the_time(void *arg)
{
	struct race *race = arg;

	while (!race->stop) {
		void *mem = mmap(NULL, bytes_of(2), RW,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		mprotect(mem, bytes_of(1), PROT_READ);
		munmap(mem, bytes_of(2));
		race->rounds++;
	}
	return NULL;
}

static int run_race(FIXTURE_DATA(lifetime) *self,
		    void *(* const *threads)(void *), int count)
{
	struct race race = { .self = self, .fd = gntdev_open() };
	const struct timespec time = { .tv_sec = RACE_SECONDS };
	pthread_t ids[4];
	uint64_t index;

	race.heap = fcntl(heap_alloc(PAGES, O_RDWR), F_DUPFD_CLOEXEC, 100);
	if (race.fd < 0 || race.heap < 0 ||
	    gntdev_map(race.fd, SELF, self->own.refs, PAGES, &index))
		return 1;
	race.index = index;
	for (int i = 0; i < count; i++)
		if (pthread_create(&ids[i], NULL, threads[i], &race))
			return 2;
	nanosleep(&time, NULL);
	race.stop = true;
	for (int i = 0; i < count; i++)
		pthread_join(ids[i], NULL);
	return race.failed ? 3 : !race.rounds ? 4 : 0;
}

static void check_race(struct __test_metadata *_metadata,
		       FIXTURE_DATA(lifetime) *self,
		       void *(* const *threads)(void *), int count)
{
	int status;
	pid_t child = fork();

	ASSERT_GE(child, 0);
	if (!child)
		_exit(run_race(self, threads, count));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

#define RACE(...) do { \
	void *(* const threads[])(void *) = { __VA_ARGS__ }; \
	check_race(_metadata, self, threads, ARRAY_SIZE_OF(threads)); \
} while (0)

TEST_F(lifetime, race_export_with_close_of_all_descriptors)
{
	RACE(export_all_the_time, close_everything, close_everything);
}

TEST_F(lifetime, race_import_with_release)
{
	RACE(import_all_the_time, release_all_the_time, release_all_the_time);
}

TEST_F(lifetime, race_mmap_with_commands_that_fault)
{
	RACE(mmap_all_the_time, fault_in_commands, protect_all_the_time);
}

TEST_F(lifetime, race_mmap_with_unmap_command)
{
	RACE(mmap_all_the_time, name_and_unname, name_and_unname);
}

TEST_F(lifetime, race_everything)
{
	RACE(import_all_the_time, release_all_the_time, mmap_all_the_time,
	     export_all_the_time);
}

/* What a process makes the kernel allocate is on the process's account. */
#define CGROUP_ROOT "/sys/fs/cgroup"

static int enter_small_group(const char *group)
{
	char path[128], pid[16];

	/* It may be mounted, and it may be on, already. */
	mount("cgroup2", CGROUP_ROOT, "cgroup2", 0, NULL);
	write_text(CGROUP_ROOT "/cgroup.subtree_control", "+memory");
	if (mkdir(group, 0755) && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/memory.max", group);
	if (write_text(path, "33554432"))
		return -ENODEV;
	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	snprintf(pid, sizeof(pid), "%d", getpid());
	return write_text(path, pid);
}

TEST_F(lifetime, named_grants_are_charged_to_the_caller)
{
	const char *group = CGROUP_ROOT "/gntdev-test";
	uint32_t limit = (uint32_t)gntdev_limit();
	int status;
	pid_t child = fork();

	ASSERT_GE(child, 0);
	if (!child) {
		uint32_t *refs = calloc(limit, sizeof(*refs));
		int fd = gntdev_open();
		uint64_t index;

		if (enter_small_group(group))
			_exit(KSFT_SKIP);
		/* 1 GB of names at 16 bytes each. */
		for (int i = 0; refs && i < 1000; i++)
			if (gntdev_map(fd, SELF, refs, limit, &index))
				_exit(errno == ENOMEM ? 0 : 1);
		_exit(2);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	rmdir(group);
	if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
		SKIP(return, "no memory cgroup");
	/* Either the command fails or the group's OOM killer comes. */
	EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL :
					  WEXITSTATUS(status) == 0);
}

/* Many short lives leave no memory behind. */
TEST_F_TIMEOUT(lifetime, thousands_of_lives_leak_nothing, 5 * TEST_SECONDS)
{
	uint64_t before = 0;

	for (int i = 0; i < 2000; i++) {
		struct state s = { .self = self, .fd = gntdev_open() };

		ASSERT_TRUE(map_grants(&s) && export_grants(&s));
		ASSERT_EQ(0, munmap(s.mem, bytes_of(PAGES)));
		close(s.dmabuf);
		close(s.fd);
		if (i == 500)
			before = meminfo_kb("MemAvailable");
	}
	EXPECT_LT(before, meminfo_kb("MemAvailable") + 16384);
}

TEST_HARNESS_MAIN
