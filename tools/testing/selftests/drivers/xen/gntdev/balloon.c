// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon and the buffers that lend their frames to Xen give and take the
 * same memory. However far and often the balloon moves, by the tools of Xen and
 * by sysfs in turn, shared pages keep what they hold, Xen and Linux count the
 * same, and in the end this domain has what it had.
 *
 * The environment variable GNTDEV_BALLOON_CYCLES asks for more rounds than the
 * suite has time for, GNTDEV_BALLOON_LOW_KB for a lower end of them.
 */
#define _GNU_SOURCE

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "granter.h"
#include "reservation.h"

#define RW (PROT_READ | PROT_WRITE)
/* Whole pages, however large the kernel's are. */
#define PAGES 16u
#define SECONDS 3000
#define BALLOON "/sys/devices/system/xen_memory/xen_memory0/"
#define BALLOON_MS 200000
#define CYCLES 4
#define STEP_KB (64ul << 10)
#define LOWEST_KB (256ul << 10)
#define FRAME_KB 4

/* What Xen, the balloon and Linux think this domain has. */
struct memory {
	long reservation;
	unsigned long listed_mb;
	unsigned long current_kb;
	unsigned long target_kb;
	uint64_t total_kb;
};

/* Views of the same granted pages. */
struct views {
	struct gntdev_mapping map;
	int wc;
	int coherent;
};

FIXTURE(balloon) {
	int fd;
	struct granter from;
	struct reservation reservation;
	struct memory before;
	unsigned long low_kb;
	unsigned long cycles;
	/* Of what the granted pages hold. */
	uint64_t seed;
	/* How long the balloon took, both ways. */
	uint64_t ms;
};

static unsigned long wish(const char *variable, unsigned long otherwise)
{
	const char *text = getenv(variable);

	return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

static int listed_mb(unsigned long *mb)
{
	FILE *list = popen("xl list 0", "re");
	char line[256];
	int found = 0;

	if (!list)
		return -errno;
	while (fgets(line, sizeof(line), list))
		found += sscanf(line, "%*s 0 %lu", mb) == 1;
	return pclose(list) || found != 1 ? -EIO : 0;
}

static int look(FIXTURE_DATA(balloon) *self, struct memory *memory)
{
	memory->reservation = reservation_frames(&self->reservation);
	memory->total_kb = meminfo_kb("MemTotal");
	if (memory->reservation < 0 || listed_mb(&memory->listed_mb))
		return -EIO;
	if (read_number(BALLOON "info/current_kb", &memory->current_kb) ||
	    read_number(BALLOON "target_kb", &memory->target_kb))
		return -ENODEV;
	return 0;
}

/*
 * Xen rounds down what it lists, and counts frames that are not the balloon's:
 * the difference between the counts is what must not change.
 */
static void expect_agreement(struct __test_metadata *_metadata,
			     const struct memory *before,
			     const struct memory *now)
{
	long moved_kb = (long)before->current_kb - (long)now->current_kb;

	EXPECT_EQ(before->reservation - now->reservation, moved_kb / FRAME_KB);
	EXPECT_EQ(before->total_kb - now->total_kb, moved_kb);
	EXPECT_EQ((unsigned long)now->reservation * FRAME_KB >> 10,
		  now->listed_mb);
}

static bool balloon_is_there(void *arg)
{
	unsigned long now;

	return !read_number(BALLOON "info/current_kb", &now) &&
	       now == *(unsigned long *)arg;
}

static bool move_balloon(FIXTURE_DATA(balloon) *self, unsigned long kb,
			 bool by_xl)
{
	uint64_t start = now_ms();
	char text[64];
	bool there;

	if (by_xl) {
		snprintf(text, sizeof(text), "xl mem-set 0 %luk", kb);
		if (system(text))
			return false;
	} else {
		snprintf(text, sizeof(text), "%lu", kb);
		if (write_text(BALLOON "target_kb", text))
			return false;
	}
	there = wait_until(balloon_is_there, &kb, BALLOON_MS);
	self->ms += now_ms() - start;
	return there;
}

static int export_some(FIXTURE_DATA(balloon) *self, uint32_t flags)
{
	int dmabuf = -1;
	int ret = gntdev_exp_from_refs(self->fd, flags, self->from.domid,
				       self->from.refs, PAGES, &dmabuf);

	return ret ? ret : dmabuf;
}

static void open_views(struct __test_metadata *_metadata,
		       FIXTURE_DATA(balloon) *self, struct views *views)
{
	ASSERT_EQ(0, gntdev_mapping_open(&views->map, self->fd,
					 self->from.domid, self->from.refs,
					 PAGES, RW));
	views->wc = export_some(self, GNTDEV_DMA_FLAG_WC);
	ASSERT_LE(0, views->wc);
	views->coherent = export_some(self, GNTDEV_DMA_FLAG_COHERENT);
	ASSERT_LE(0, views->coherent);
}

static void close_views(struct __test_metadata *_metadata,
			FIXTURE_DATA(balloon) *self, struct views *views)
{
	EXPECT_EQ(0, gntdev_mapping_close(&views->map));
	close(views->wc);
	close(views->coherent);
	EXPECT_TRUE(released(self->fd, views->wc));
	EXPECT_TRUE(released(self->fd, views->coherent));
}

static void check_views(struct __test_metadata *_metadata,
			FIXTURE_DATA(balloon) *self, struct views *views)
{
	ASSERT_EQ(0, pattern_check(views->map.addr, 0, PAGES, self->seed, NULL));
	ASSERT_EQ(0, check_dmabuf(views->wc, PAGES, self->seed));
	ASSERT_EQ(0, check_dmabuf(views->coherent, PAGES, self->seed));
}

FIXTURE_SETUP(balloon)
{
	int ret;

	self->fd = -1;
	if (read_number(BALLOON "target_kb", &self->before.target_kb))
		SKIP(return, "no balloon");
	if (!frames_are_lent())
		SKIP(return, "Xen keeps the frames of this domain");
	if (!balloon_is_sane())
		SKIP(return, BAD_BALLOON);
	self->cycles = wish("GNTDEV_BALLOON_CYCLES", CYCLES);
	self->low_kb = wish("GNTDEV_BALLOON_LOW_KB",
			    self->before.target_kb - STEP_KB);
	if (self->low_kb < LOWEST_KB || self->low_kb >= self->before.target_kb)
		SKIP(return, "too little memory");
	ret = granter_open(&self->from, PAGES);
	if (ret == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, ret);
	self->seed = GRANTER_SEED;
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, reservation_open(&self->reservation));
}

FIXTURE_TEARDOWN(balloon)
{
	if (self->fd < 0)
		return;
	/* A test that failed below leaves the memory to those that follow. */
	EXPECT_TRUE(move_balloon(self, self->before.target_kb, true));
	reservation_close(&self->reservation);
	close(self->fd);
	EXPECT_EQ(0, granter_check(&self->from, self->seed));
	EXPECT_EQ(0, granter_close(&self->from));
}

/*
 * One way. Of two sets of views, the old one has seen the balloon where it was
 * before, and the new one is made while it moves no more.
 */
static void leg(struct __test_metadata *_metadata, FIXTURE_DATA(balloon) *self,
		const struct memory *still, unsigned long kb, bool by_xl,
		struct views *stays)
{
	struct views passes;
	struct memory now;

	open_views(_metadata, self, &passes);
	ASSERT_TRUE(move_balloon(self, kb, by_xl));
	check_views(_metadata, self, &passes);
	check_views(_metadata, self, stays);
	close_views(_metadata, self, &passes);
	self->seed++;
	ASSERT_EQ(0, granter_fill(&self->from, self->seed));
	check_views(_metadata, self, stays);
	ASSERT_EQ(0, look(self, &now));
	expect_agreement(_metadata, still, &now);
}

TEST_F_TIMEOUT(balloon, totals_agree_however_it_is_moved, SECONDS)
{
	unsigned long full = self->before.target_kb;
	struct memory still, after;
	struct views stays;

	/* What the first buffer takes for all others is not what it lends. */
	open_views(_metadata, self, &stays);
	close_views(_metadata, self, &stays);
	ASSERT_TRUE(move_balloon(self, full, true));
	ASSERT_EQ(0, look(self, &self->before));
	open_views(_metadata, self, &stays);
	ASSERT_EQ(0, look(self, &still));
	for (unsigned long i = 0; i < self->cycles; i++) {
		/* xl sets the maximum as well, so both ways are of one kind. */
		leg(_metadata, self, &still, self->low_kb, i % 2, &stays);
		leg(_metadata, self, &still, full, i % 2, &stays);
	}
	close_views(_metadata, self, &stays);
	ASSERT_EQ(0, look(self, &after));
	EXPECT_EQ(self->before.reservation, after.reservation);
	EXPECT_EQ(self->before.listed_mb, after.listed_mb);
	EXPECT_EQ(self->before.current_kb, after.current_kb);
	EXPECT_EQ(self->before.target_kb, after.target_kb);
	EXPECT_EQ(self->before.total_kb, after.total_kb);
	TH_LOG("%lu times between %lu and %lu kB in %llu ms", self->cycles,
	       self->low_kb, full, (unsigned long long)self->ms);
}

TEST_HARNESS_MAIN
