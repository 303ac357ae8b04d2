// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measure the grant device, or the floor under it:
 *
 *   gntdev-bench WHAT NAME [DEVICE]
 *
 * WHAT is one of sizes, frames, live, memory, threads and floor, or, for what needs
 * nothing but exports, of export-sizes and export-threads; NAME is what stands in
 * the results, DEVICE the node of the driver. Grants come from this domain, or from
 * the guest whose number is in DOMU, if that is set.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "peer.h"

#define PAGES_MAX 65536u
#define FILES_MAX 40000u
/* What is granted at a time. */
#define GRANT_PIECE 8192u
#define GUEST_WAIT_MS 60000
#define CLOCK_TESTS 5u
#define THREADS_PAGES 64u

static const uint32_t all_sizes[] = { 1, 64, 2025, 8100, PAGES_MAX, 0 };
static const uint32_t frame_sizes[] = { 2025, 8100, 0 };
static const uint32_t live_counts[] = { 1, 100, 10000, 0 };

static uint32_t pages_max(void)
{
	const char *limit = getenv("BENCH_PAGES");

	return limit ? (uint32_t)strtoul(limit, NULL, 10) : PAGES_MAX;
}

static unsigned int repeats(uint32_t count)
{
	return count > 8100 ? 2 : count > 64 ? 3 : 7;
}

static void print_line(const struct bench *b, const struct bench_op *op,
		       const char *note)
{
	printf("BENCH impl=%s op=%s pages=%u%s", b->impl, op->name, b->count,
	       note);
}

void bench_report(const struct bench *b, const struct bench_op *op,
		  const char *note)
{
	uint64_t least[BENCH_PARTS], cost[BENCH_PARTS];
	int ret;

	memset(least, 0xff, sizeof(least));
	for (unsigned int n = 0; n < repeats(b->count); n++) {
		memset(cost, 0, sizeof(cost));
		ret = op->run(b, cost);
		if (ret) {
			print_line(b, op, note);
			printf(" error=%s\n", strerrorname_np(-ret));
			fflush(stdout);
			return;
		}
		for (unsigned int i = 0; i < BENCH_PARTS; i++)
			if (cost[i] < least[i])
				least[i] = cost[i];
	}
	for (unsigned int i = 0; op->parts[i]; i++) {
		print_line(b, op, note);
		printf(" part=%s cost=%llu\n", op->parts[i],
		       (unsigned long long)(least[i] > b->look ?
					    least[i] - b->look : 0));
	}
	fflush(stdout);
}

static void run_list(struct bench *b, const struct bench_op *ops,
		     const uint32_t *sizes, bool exports)
{
	for (; *sizes; sizes++) {
		if (*sizes > pages_max())
			break;
		b->count = *sizes;
		for (const struct bench_op *op = ops; op->name; op++)
			if ((!op->max || b->count <= op->max) &&
			    (!exports || op->exports))
				bench_report(b, op, "");
	}
}

static void run_live(struct bench *b)
{
	b->count = 1;
	for (int files = 0; files < 2; files++)
		for (const uint32_t *live = live_counts; *live; live++)
			bench_live(b, *live, files);
}

/* By a clock that does not count instructions. */
static bool is_timed(const char *what)
{
	return !strcmp(what, "threads") || !strcmp(what, "export-threads");
}

static int run(struct bench *b, const char *what)
{
	int ret = 0;

	if (!strcmp(what, "sizes")) {
		run_list(b, bench_driver_ops, all_sizes, false);
	} else if (!strcmp(what, "export-sizes")) {
		run_list(b, bench_driver_ops, all_sizes, true);
	} else if (!strcmp(what, "frames")) {
		run_list(b, bench_frame_ops, frame_sizes, false);
	} else if (!strcmp(what, "floor")) {
		run_list(b, bench_floor_ops, all_sizes, false);
	} else if (!strcmp(what, "live")) {
		run_live(b);
	} else if (is_timed(what)) {
		b->count = THREADS_PAGES;
		ret = bench_threads(b, strcmp(what, "threads"));
	} else if (!strcmp(what, "memory")) {
		b->count = 8100;
		bench_memory(b);
	} else {
		ret = -EINVAL;
	}
	return ret;
}

/* The grants end with this process. */
static int own_grants(struct bench *b, struct gnt_pages *pages)
{
	uint32_t max = pages_max();
	int ret = 0;

	for (uint32_t i = 0; !ret && i < max; i += GRANT_PIECE) {
		uint32_t count = max - i < GRANT_PIECE ? max - i : GRANT_PIECE;

		ret = gnt_pages_alloc(pages, 0, count, true);
		if (!ret)
			memcpy(b->refs + i, pages->refs,
			       count * sizeof(*b->refs));
		pages++;
	}
	return ret;
}

/* What a guest granted, to be given back. */
struct guest {
	struct peer *peer;
	int ids[PAGES_MAX / GRANT_PIECE];
	unsigned int count;
};

static int guest_grants(struct bench *b, struct guest *guest)
{
	uint32_t max = pages_max();
	int ret;

	ret = peer_open(&guest->peer, b->domid, GUEST_WAIT_MS);
	for (uint32_t i = 0; ret >= 0 && i < max; i += GRANT_PIECE) {
		uint32_t count = max - i < GRANT_PIECE ? max - i : GRANT_PIECE;

		ret = peer_grant(guest->peer, 0, 0, 1, b->refs + i, count);
		if (ret >= 0)
			guest->ids[guest->count++] = ret;
	}
	return ret < 0 ? ret : 0;
}

static int guest_release(struct guest *guest)
{
	int ret = 0;

	while (!ret && guest->count)
		ret = peer_release(guest->peer, guest->ids[--guest->count]);
	if (guest->peer)
		peer_close(guest->peer);
	return ret;
}

static int open_device(const char *device)
{
	if (!device)
		return -1;
	setenv(GNTDEV_NODE_VARIABLE, device, 1);
	return gntdev_open();
}

static int fail(const char *what, int err)
{
	printf("# %s: %s\n", what, strerror(-err));
	return 1;
}

static uint64_t least_of(uint64_t (*counted)(void))
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < CLOCK_TESTS; i++) {
		uint64_t once = counted();

		if (once < least)
			least = once;
	}
	return least;
}

/*
 * Anything but an exact clock would make nonsense of all figures. An interrupt may
 * come between, but not each time.
 */
static int check_clock(struct bench *b)
{
	uint64_t run = 2 * (uint64_t)CLOCK_TEST_LOOPS;
	uint64_t counted;

	b->look = least_of(clock_look);
	counted = least_of(clock_test) - b->look;
	printf("# clock: %llu for %llu instructions, %llu to look at it\n",
	       (unsigned long long)counted, (unsigned long long)run,
	       (unsigned long long)b->look);
	return counted >= run - run / 50 && counted < run + run / 50 ? 0 :
								      -ERANGE;
}

int main(int argc, char **argv)
{
	static struct gnt_pages pages[PAGES_MAX / GRANT_PIECE];
	static uint32_t refs[PAGES_MAX];
	struct rlimit files = { FILES_MAX, FILES_MAX };
	struct bench b = { .refs = refs };
	struct guest granter = { .count = 0 };
	const char *guest = getenv("DOMU");
	int ret;

	if (argc < 3)
		return 2;
	b.impl = argv[2];
	b.granted = pages_max();
	ret = is_timed(argv[1]) ? 0 : check_clock(&b);
	if (ret)
		return fail("the clock does not count instructions", ret);
	if (setrlimit(RLIMIT_NOFILE, &files))
		return fail("setrlimit", -errno);
	b.helper = open("/dev/gntdev-bench", O_RDWR | O_CLOEXEC);
	b.frame = mmap(NULL, (size_t)PAGES_MAX * GRANT_PAGE_SIZE / 8,
		       PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	b.domid = guest && *guest ? (uint16_t)atoi(guest) : 0;
	b.fd = open_device(argc > 3 ? argv[3] : NULL);
	if (b.helper < 0 || b.frame == MAP_FAILED || (argc > 3 && b.fd < 0))
		return fail("cannot open the devices", -errno);
	ret = b.domid ? guest_grants(&b, &granter) : own_grants(&b, pages);
	if (ret)
		return fail("no grants", ret);
	ret = run(&b, argv[1]);
	if (ret)
		return fail(argv[1], ret);
	ret = guest_release(&granter);
	return ret ? fail("grants are left", ret) : 0;
}
