// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backend of the frame path: a guest draws, a KMS device of this domain
 * shows, and this program only passes buffers on. It never looks at a pixel;
 * whoever watches the screen is told by a line
 *
 *	FRAMEDEMO SHOWN way=... frame=... seed=... digest=...
 *
 * what has to be seen, and answers with a line "next" on standard input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "account.h"
#include "share.h"

#define BUFFERS			2u
#define WIDTH			800u
#define HEIGHT			600u
#define PEER_TIMEOUT_MS		60000
#define FLIP_TIMEOUT_MS		5000
#define WATCHER_TIMEOUT_MS	60000

struct demo {
	struct parties parties;
	const char *node;
	const char *count_command;
	uint32_t frames;
	uint32_t snapshot_every;
	uint64_t seed;
	const struct way *way;
	struct shared_frame shared[BUFFERS];
	const struct shared_frame *on_screen;
	uint64_t draw_ns;
	uint64_t show_ns;
	uint64_t mapped_max;
	long grants;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int fail(const char *what, int ret)
{
	printf("FRAMEDEMO ERROR %s: %s (%d)\n", what, strerror(-ret), ret);
	return ret;
}

/* What a copying backend would need: mappings of frames in this process. */
static int note_mapped(struct demo *demo)
{
	int64_t mapped = account_mapped();
	int64_t control = (int64_t)PEER_AREA_PAGES * GRANT_PAGE_SIZE;

	if (mapped < 0)
		return fail("reading the own mappings", (int)mapped);
	if (mapped < control)
		return fail("the control area is not among the own mappings",
			    -EPROTO);
	if ((uint64_t)(mapped - control) > demo->mapped_max)
		demo->mapped_max = (uint64_t)(mapped - control);
	return 0;
}

/* Ask Xen, through a command that prints "granter number" lines. */
static int count_grants(struct demo *demo)
{
	unsigned int wanted = demo->way->guest_memory ?
			      peer_domid(demo->parties.peer) : 0;
	FILE *out = popen(demo->count_command, "re");
	unsigned int granter;
	long number;

	if (!out)
		return fail("counting grants", -errno);
	demo->grants = 0;
	while (fscanf(out, "%u %ld", &granter, &number) == 2)
		if (granter == wanted)
			demo->grants = number;
	if (pclose(out))
		return fail("counting grants", -EIO);
	if (demo->way->guest_memory)
		demo->grants -= (long)PEER_AREA_PAGES;
	return 0;
}

static int await_watcher(void)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[16];

	if (poll(&pfd, 1, WATCHER_TIMEOUT_MS) <= 0)
		return fail("nobody watches the screen", -ETIMEDOUT);
	if (!fgets(line, sizeof(line), stdin) || strcmp(line, "next\n"))
		return fail("the watcher gives up", -ECANCELED);
	return 0;
}

static int put_on_screen(struct demo *demo, const struct shared_frame *frame)
{
	struct kms *kms = &demo->parties.kms;
	int ret;

	if (demo->on_screen == frame)
		ret = kms_damage(kms, &frame->buf);
	else if (demo->on_screen)
		ret = kms_flip(kms, &frame->buf, FLIP_TIMEOUT_MS);
	else
		ret = kms_show(kms, &frame->buf);
	demo->on_screen = frame;
	return ret;
}

/* Flip between the buffers at first, then stay on one: both must work. */
static struct shared_frame *choose(struct demo *demo, uint32_t number)
{
	return &demo->shared[number < demo->frames / 2 ? number % BUFFERS : 0];
}

static int is_snapshot(const struct demo *demo, uint32_t number)
{
	return number % demo->snapshot_every == 0 || number + 1 == demo->frames;
}

static int run_frame(struct demo *demo, uint32_t number)
{
	struct shared_frame *frame = choose(demo, number);
	struct peer_reply reply;
	uint64_t start, drawn;
	int ret;

	start = now_ns();
	ret = peer_draw(demo->parties.peer, frame->id, &frame->buf.geo, number,
			demo->seed, &reply);
	if (ret)
		return fail("drawing in the guest", ret);
	drawn = now_ns();
	ret = put_on_screen(demo, frame);
	if (ret)
		return fail("showing a frame", ret);
	demo->show_ns += now_ns() - drawn;
	demo->draw_ns += drawn - start;
	printf("FRAMEDEMO %s way=%s frame=%u seed=%" PRIu64 " digest=%" PRIx64 "\n",
	       is_snapshot(demo, number) ? "SHOWN" : "DRAWN", demo->way->name,
	       number, demo->seed, reply.digest);
	if (!is_snapshot(demo, number))
		return 0;
	ret = await_watcher();
	return ret ? ret : note_mapped(demo);
}

static int animate(struct demo *demo)
{
	for (uint32_t i = 0; i < demo->frames; i++) {
		int ret = run_frame(demo, i);

		if (!ret && i == demo->frames / 2)
			ret = count_grants(demo);
		if (ret)
			return ret;
	}
	return 0;
}

static void print_result(const struct demo *demo, const struct account *acc)
{
	printf("FRAMEDEMO RESULT way=%s frames=%u frame_us=%" PRIu64 " draw_us=%" PRIu64
	       " show_us=%" PRIu64 " copy_operations=%" PRIu64
	       " bounced=%" PRIu64 " mapped=%" PRIu64 " grants=%ld pages=%u\n",
	       demo->way->name, demo->frames,
	       (demo->draw_ns + demo->show_ns) / demo->frames / 1000,
	       demo->draw_ns / demo->frames / 1000,
	       demo->show_ns / demo->frames / 1000, acc->grant_copies,
	       acc->bounces, demo->mapped_max, demo->grants,
	       demo->shared[0].pages * BUFFERS);
}

static int run_way(struct demo *demo, const struct way *way)
{
	struct account acc;
	int ret = account_reset();

	demo->way = way;
	demo->seed++;
	demo->on_screen = NULL;
	demo->draw_ns = 0;
	demo->show_ns = 0;
	demo->mapped_max = 0;
	for (uint32_t i = 0; i < BUFFERS; i++)
		demo->shared[i] = (struct shared_frame){ .dmabuf = -1 };
	for (uint32_t i = 0; i < BUFFERS && !ret; i++)
		ret = way->make(&demo->parties, WIDTH, HEIGHT,
				&demo->shared[i]);
	if (!ret)
		ret = animate(demo);
	if (!ret)
		ret = account_read(&acc);
	if (!ret && acc.lost)
		ret = fail("events were lost, nothing is proven", -EOVERFLOW);
	if (!ret)
		print_result(demo, &acc);
	for (uint32_t i = 0; i < BUFFERS; i++)
		ret = way->undo(&demo->parties, &demo->shared[i]) ?: ret;
	return ret;
}

/* A meter that cannot move proves nothing: let it see one copy. */
static int check_meter(struct parties *p)
{
	struct gntdev_grant_copy_segment segment = { .len = GRANT_PAGE_SIZE };
	struct account acc = { 0 };
	void *page = NULL;
	uint32_t ref;
	int id, ret;

	id = peer_grant(p->peer, 0, 0, 1, &ref, 1);
	if (id < 0)
		return fail("granting a page to try the meter", id);
	ret = posix_memalign(&page, GRANT_PAGE_SIZE, GRANT_PAGE_SIZE);
	if (ret)
		return fail("allocating a page", -ret);
	segment.source.foreign.ref = ref;
	segment.source.foreign.domid = peer_domid(p->peer);
	segment.dest.virt = page;
	segment.flags = GNTCOPY_source_gref;
	ret = gntdev_copy(p->gntdev, &segment, 1);
	if (!ret)
		ret = account_read(&acc);
	if (!ret && (acc.grant_copies != 1 ||
		     pattern_check(page, 0, 1, 1, NULL)))
		ret = -EPROTO;
	free(page);
	printf("FRAMEDEMO METER copy_operations=%" PRIu64 "\n",
	       acc.grant_copies);
	return peer_release(p->peer, id) ?: (ret ? fail("trying the meter", ret) : 0);
}

static int set_up(struct demo *demo)
{
	struct parties *p = &demo->parties;
	int ret;

	ret = kms_open(&p->kms, demo->node, WIDTH, HEIGHT);
	if (ret)
		return fail("opening the KMS device", ret);
	p->gntdev = gntdev_open();
	if (p->gntdev < 0)
		return fail("opening the grant device", p->gntdev);
	ret = peer_open(&p->peer, 0, PEER_TIMEOUT_MS);
	if (ret)
		return fail("connecting to the guest", ret);
	ret = account_start();
	if (ret)
		return fail("setting up the meters", ret);
	return check_meter(p);
}

static void tear_down(struct demo *demo)
{
	account_stop();
	peer_close(demo->parties.peer);
	if (demo->parties.gntdev >= 0)
		close(demo->parties.gntdev);
	kms_close(&demo->parties.kms);
}

static int parse_options(struct demo *demo, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "d:c:n:e:s:")) != -1) {
		switch (opt) {
		case 'd':
			demo->node = optarg;
			break;
		case 'c':
			demo->count_command = optarg;
			break;
		case 'n':
			demo->frames = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'e':
			demo->snapshot_every = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 's':
			demo->seed = strtoull(optarg, NULL, 0);
			break;
		default:
			return -EINVAL;
		}
	}
	return demo->frames && demo->snapshot_every ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct demo demo = {
		.parties = { .kms.fd = -1, .gntdev = -1 },
		.node = "/dev/dri/card0",
		.count_command = "count-grants.sh",
		.frames = 90,
		.snapshot_every = 15,
		.seed = 1000,
	};
	int ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (parse_options(&demo, argc, argv)) {
		fprintf(stderr, "usage: %s [-d node] [-c count-command] ",
			argv[0]);
		fprintf(stderr, "[-n frames] [-e snapshot-every] [-s seed]\n");
		return 2;
	}
	ret = set_up(&demo);
	if (!ret)
		ret = run_way(&demo, &way_export);
	if (!ret)
		ret = run_way(&demo, &way_import);
	tear_down(&demo);
	printf("FRAMEDEMO %s\n", ret ? "FAILED" : "DONE");
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
