// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many lives of exports and imports, by several threads that share an open
 * file: what the kernel and Xen have in use afterwards is what they had before.
 *
 * The environment variable GNTDEV_SOAK_CYCLES asks for more of them than the
 * suite has time for.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "granter.h"
#include "reservation.h"

#define RW (PROT_READ | PROT_WRITE)
#define THREADS 8
#define MOST_PAGES 300u
#define CYCLES 2000
/* What has its size after that many cycles keeps it. */
#define WARM_UP 1000
#define SECONDS 3000
/* One cycle in so many uses the DMA API, maps what it imports, is checked. */
#define EACH_WC 256
#define EACH_MAPPED 16
#define EACH_CHECKED 32

/*
 * What else goes on in a machine. A full soak of 100,000 cycles shows a leak of
 * 20 bytes a cycle in the slab, and of one page in 130 cycles anywhere; the
 * reservation and the tables of Xen have no noise at all.
 */
#define SLAB_NOISE_KB 2000
#define FREE_NOISE_KB 3000

/* Import sizes; most cycles take one of the first three. */
static const uint32_t sizes[] = { 1, 3, 16, 64, MOST_PAGES };

struct figures {
	uint64_t slab_kb;
	uint64_t unreclaimable_kb;
	uint64_t free_kb;
	long reservation;
	/* This domain's tables, in frames of Xen's, and what is granted. */
	unsigned int grant_frames;
	unsigned int track_frames;
	unsigned int active;
};

FIXTURE(soak) {
	int fd;
	struct granter from;
	struct reservation reservation;
	atomic_long todo;
};

struct worker {
	FIXTURE_DATA(soak) *self;
	pthread_t thread;
	struct dmabuf_pages memory[ARRAY_SIZE_OF(sizes)];
	uint32_t *refs;
	uint32_t random;
	/* The first step that failed, and how. */
	const char *what;
	int error;
};

FIXTURE_SETUP(soak)
{
	int ret;

	self->fd = -1;
	ret = granter_open(&self->from, whole_pages(MOST_PAGES));
	if (ret == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, ret);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, reservation_open(&self->reservation));
}

FIXTURE_TEARDOWN(soak)
{
	if (self->fd < 0)
		return;
	reservation_close(&self->reservation);
	close(self->fd);
	EXPECT_EQ(0, granter_check(&self->from, GRANTER_SEED));
	EXPECT_EQ(0, granter_close(&self->from));
}

/*
 * Xen's own list, on its console. What stood there before is for the gates of
 * whoever runs this, so nothing may.
 */
static int look_at_xen(struct figures *f)
{
	unsigned int owner = UINT_MAX, seen = 0, frames, most, track;
	FILE *dump = popen("xl dmesg -c; xl debug-keys g; xl dmesg -c", "re");
	char line[256], *at;

	if (!dump)
		return -errno;
	f->active = 0;
	while (fgets(line, sizeof(line), dump)) {
		at = strstr(line, "remote d");
		if (at)
			owner = (unsigned int)atoi(at + 8);
		at = strchr(line, ')');
		if (!owner && at &&
		    sscanf(at + 1, " %u frames (%u max), %u maptrack", &frames,
			   &most, &track) == 3) {
			f->grant_frames = frames;
			f->track_frames = track;
			seen++;
		}
		f->active += !owner && strstr(line, "[0x");
	}
	return pclose(dump) || seen != 1 ? -EIO : 0;
}

static int look(FIXTURE_DATA(soak) *self, struct figures *f)
{
	/* The page cache is not what this is about. */
	write_text("/proc/sys/vm/drop_caches", "3");
	f->slab_kb = meminfo_kb("Slab");
	f->unreclaimable_kb = meminfo_kb("SUnreclaim");
	f->free_kb = free_kb();
	f->reservation = reservation_frames(&self->reservation);
	return look_at_xen(f);
}

static void show(const char *when, const struct figures *f)
{
	printf("# %s: slab %llu kB (%llu unreclaimable), free %llu kB\n", when,
	       (unsigned long long)f->slab_kb,
	       (unsigned long long)f->unreclaimable_kb,
	       (unsigned long long)f->free_kb);
	printf("# %s: reservation %ld, frames of grants %u and of maptrack %u, grants in use %u\n",
	       when, f->reservation, f->grant_frames, f->track_frames,
	       f->active);
	fflush(stdout);
}

static uint32_t draw(struct worker *w, uint32_t below)
{
	w->random = w->random * 1664525u + 1013904223u;
	return (w->random >> 8) % below;
}

/* Small ones come often: 5 pages on the average. */
static uint32_t draw_count(struct worker *w)
{
	static const uint32_t below[] = { 1, 2, 2, 4, 4, 4, 16, 32 };
	uint32_t most = draw(w, 256) ? below[draw(w, ARRAY_SIZE_OF(below))] :
				      MOST_PAGES;

	return whole_pages(1 + draw(w, most));
}

static int failed(struct worker *w, const char *what, int error)
{
	if (error && !w->what) {
		w->what = what;
		w->error = error;
	}
	return error;
}

static int check_export(int dmabuf, uint32_t count)
{
	void *mem = map_dmabuf(dmabuf, count, PROT_READ);
	int ret;

	if (!mem)
		return -errno;
	ret = (int)pattern_check(mem, 0, count, GRANTER_SEED, NULL);
	munmap(mem, bytes_of(count));
	return ret;
}

static int export_once(struct worker *w)
{
	const struct granter *from = &w->self->from;
	uint32_t flags = draw(w, EACH_WC) ? 0 : draw(w, 2) ?
			 GNTDEV_DMA_FLAG_WC : GNTDEV_DMA_FLAG_COHERENT;
	uint32_t count = draw_count(w);
	int dmabuf, ret;

	ret = gntdev_exp_from_refs(w->self->fd, flags, from->domid, from->refs,
				   count, &dmabuf);
	if (failed(w, "export", ret))
		return ret;
	if (!draw(w, EACH_CHECKED))
		failed(w, "content", check_export(dmabuf, count));
	close(dmabuf);
	ret = gntdev_exp_wait_released(w->self->fd, dmabuf, DEADLINE_MS);
	return ret == -ENOENT ? 0 : failed(w, "wait", ret);
}

/* Who maps what this thread imports, while it is released. */
static int release_mapped(struct worker *w, struct dmabuf_pages *memory)
{
	struct gntdev_mapping map;
	int fd = gntdev_open();
	int ret;

	if (fd < 0)
		return fd;
	ret = gntdev_mapping_open(&map, fd, SELF, w->refs, memory->count, RW);
	if (!ret) {
		ret = gntdev_imp_release(w->self->fd, memory->dmabuf);
		failed(w, "unmap", gntdev_mapping_close(&map));
	}
	close(fd);
	return ret;
}

static int import_once(struct worker *w)
{
	uint32_t kind = draw(w, draw(w, 64) ? 3 : ARRAY_SIZE_OF(sizes));
	struct dmabuf_pages *memory = &w->memory[kind];
	int ret;

	ret = gntdev_imp_to_refs(w->self->fd, memory->dmabuf,
				 w->self->from.domid, memory->count, w->refs);
	if (failed(w, "import", ret))
		return ret;
	if (loopback_works() && !draw(w, EACH_MAPPED))
		return failed(w, "release while mapped",
			      release_mapped(w, memory));
	return failed(w, "release",
		      gntdev_imp_release(w->self->fd, memory->dmabuf));
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (atomic_fetch_sub(&w->self->todo, 1) > 0)
		if (export_once(w) || import_once(w) || w->what)
			break;
	return NULL;
}

static int worker_init(struct worker *w, FIXTURE_DATA(soak) *self, uint32_t id)
{
	int ret = 0;

	*w = (struct worker){ .self = self, .random = id + 1 };
	w->refs = calloc(whole_pages(MOST_PAGES), sizeof(*w->refs));
	if (!w->refs)
		return -ENOMEM;
	for (size_t i = 0; !ret && i < ARRAY_SIZE_OF(sizes); i++)
		ret = dmabuf_pages_alloc(&w->memory[i], whole_pages(sizes[i]));
	return ret;
}

static void worker_exit(struct worker *w)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++)
		dmabuf_pages_free(&w->memory[i]);
	free(w->refs);
}

/* All threads do @cycles together. Return: how many threads failed. */
static int run_cycles(FIXTURE_DATA(soak) *self, struct worker *workers,
		      long cycles)
{
	int bad = 0;

	self->todo = cycles;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return THREADS;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		if (!workers[i].what)
			continue;
		printf("# %s: %d\n", workers[i].what, workers[i].error);
		bad++;
	}
	return bad;
}

/* As much as all threads can have at once. */
static int all_at_once(struct worker *w)
{
	const struct granter *from = &w->self->from;
	struct dmabuf_pages *largest = &w->memory[ARRAY_SIZE_OF(sizes) - 1];
	int dmabufs[THREADS], ret = 0;

	for (int i = 0; !ret && i < THREADS; i++)
		ret = gntdev_exp_from_refs(w->self->fd, 0, from->domid,
					   from->refs, from->count,
					   &dmabufs[i]) ?:
		      gntdev_imp_to_refs(w->self->fd, largest->dmabuf,
					 from->domid, largest->count, w->refs);
	for (int i = 0; !ret && i < THREADS; i++)
		ret = close(dmabufs[i]) ?:
		      gntdev_imp_release(w->self->fd, largest->dmabuf);
	return ret;
}

/* Tables never shrink, and Xen has one of map handles for each processor. */
static int grow_tables(struct worker *w)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t before, only;
	int ret = 0;

	if (sched_getaffinity(0, sizeof(before), &before))
		return -errno;
	for (int i = 0; !ret && i < processors; i++) {
		CPU_ZERO(&only);
		CPU_SET(i, &only);
		if (sched_setaffinity(0, sizeof(only), &only))
			return -errno;
		ret = all_at_once(w);
	}
	if (sched_setaffinity(0, sizeof(before), &before))
		return -errno;
	return ret;
}

struct comparison {
	FIXTURE_DATA(soak) *self;
	struct figures before;
	struct figures now;
	int error;
};

/* Imports that were released while they were mapped end in the background. */
static bool is_flat(void *arg)
{
	struct comparison *c = arg;

	c->error = look(c->self, &c->now);
	return !c->error && c->now.active == c->before.active &&
	       c->now.reservation == c->before.reservation;
}

static void expect_flat(struct __test_metadata *_metadata,
			struct comparison *c)
{
	const struct figures *before = &c->before, *now = &c->now;

	EXPECT_TRUE(wait_until(is_flat, c, DEADLINE_MS));
	show("after", now);
	EXPECT_EQ(0, c->error);
	EXPECT_EQ(before->reservation, now->reservation);
	EXPECT_EQ(before->active, now->active);
	EXPECT_EQ(before->grant_frames, now->grant_frames);
	EXPECT_EQ(before->track_frames, now->track_frames);
	EXPECT_GT(before->unreclaimable_kb + SLAB_NOISE_KB,
		  now->unreclaimable_kb);
	EXPECT_GT(now->free_kb + FREE_NOISE_KB, before->free_kb);
}

static long cpu_seconds(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		return 0;
	return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec;
}

static long cycles_wanted(void)
{
	const char *text = getenv("GNTDEV_SOAK_CYCLES");

	return text && *text ? atol(text) : CYCLES;
}

TEST_F_TIMEOUT(soak, nothing_is_left_of_many_lives, SECONDS)
{
	struct comparison c = { .self = self };
	struct worker workers[THREADS];
	long cycles = cycles_wanted();
	struct timespec start, end;
	long cpu;

	ASSERT_LT(0, cycles);
	for (uint32_t i = 0; i < THREADS; i++)
		ASSERT_EQ(0, worker_init(&workers[i], self, i));
	ASSERT_EQ(0, grow_tables(&workers[0]));
	ASSERT_EQ(0, run_cycles(self, workers, WARM_UP));
	ASSERT_EQ(0, look(self, &c.before));
	show("before", &c.before);
	clock_gettime(CLOCK_MONOTONIC, &start);
	cpu = cpu_seconds();
	EXPECT_EQ(0, run_cycles(self, workers, cycles));
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("# %ld cycles by %d threads took %ld s (%ld s of processors)\n",
	       cycles, THREADS, (long)(end.tv_sec - start.tv_sec),
	       cpu_seconds() - cpu);
	expect_flat(_metadata, &c);
	for (int i = 0; i < THREADS; i++)
		worker_exit(&workers[i]);
}

TEST_HARNESS_MAIN
