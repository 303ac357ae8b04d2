// SPDX-License-Identifier: GPL-2.0-only
/*
 * WC and COHERENT buffers lend their frames to the hypervisor while they are
 * exported. However often that happens, and whatever the balloon does at the
 * same time, this domain ends up with the memory it had, to the page.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "granter.h"
#include "reservation.h"

/* Whole pages, however large the kernel's are. */
#define PAGES 16u
#define ROUNDS 1000
#define WARM_UP 50
/* Buffers at a time, and how far apart those are that take turns. */
#define ALIVE 8u
#define STRIDE 3u
/* Less than one page for each round. */
#define NOISE_KB 3000
#define SECONDS 900
#define BALLOON "/sys/devices/system/xen_memory/xen_memory0/"
#define BALLOON_MS 200000
#define STEP_KB (64ul << 10)
#define CYCLES 4

/* What the hypervisor, the balloon and Linux think this domain has. */
struct memory {
	long reservation;
	unsigned long current_kb;
	unsigned long target_kb;
	uint64_t total_kb;
	uint64_t free_kb;
};

FIXTURE(dma_churn) {
	int fd;
	struct granter from;
	struct reservation reservation;
	struct memory before;
};

FIXTURE_VARIANT(dma_churn) {
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(dma_churn, wc) {
	.flags = GNTDEV_DMA_FLAG_WC,
};

FIXTURE_VARIANT_ADD(dma_churn, coherent) {
	.flags = GNTDEV_DMA_FLAG_COHERENT,
};

FIXTURE_SETUP(dma_churn)
{
	int ret;

	self->fd = -1;
	ret = granter_open(&self->from, PAGES);
	if (ret == -ENODEV)
		SKIP(return, NO_GRANTER);
	ASSERT_EQ(0, ret);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, reservation_open(&self->reservation));
}

FIXTURE_TEARDOWN(dma_churn)
{
	if (self->fd < 0)
		return;
	reservation_close(&self->reservation);
	close(self->fd);
	EXPECT_EQ(0, granter_check(&self->from, GRANTER_SEED));
	EXPECT_EQ(0, granter_close(&self->from));
}

static int look(FIXTURE_DATA(dma_churn) *self, struct memory *memory)
{
	memory->reservation = reservation_frames(&self->reservation);
	memory->total_kb = meminfo_kb("MemTotal");
	memory->free_kb = free_kb();
	if (read_number(BALLOON "info/current_kb", &memory->current_kb) ||
	    read_number(BALLOON "target_kb", &memory->target_kb))
		return -ENODEV;
	return 0;
}

static void expect_as_before(struct __test_metadata *_metadata,
			     FIXTURE_DATA(dma_churn) *self)
{
	const struct memory *before = &self->before;
	struct memory now;

	ASSERT_EQ(0, look(self, &now));
	EXPECT_EQ(before->reservation, now.reservation);
	EXPECT_EQ(before->current_kb, now.current_kb);
	EXPECT_EQ(before->target_kb, now.target_kb);
	EXPECT_EQ(before->total_kb, now.total_kb);
	EXPECT_GT(before->free_kb + NOISE_KB, now.free_kb);
	EXPECT_LT(before->free_kb, now.free_kb + NOISE_KB);
	TH_LOG("free: %llu kB before, %llu kB after",
	       (unsigned long long)before->free_kb,
	       (unsigned long long)now.free_kb);
}

static int export_some(FIXTURE_DATA(dma_churn) *self, uint32_t flags)
{
	int dmabuf = -1;
	int ret = gntdev_exp_from_refs(self->fd, flags, self->from.domid,
				       self->from.refs, PAGES, &dmabuf);

	return ret ? ret : dmabuf;
}

static int export_once(FIXTURE_DATA(dma_churn) *self, uint32_t flags)
{
	int dmabuf = export_some(self, flags);

	if (dmabuf < 0)
		return dmabuf;
	close(dmabuf);
	return released(self->fd, dmabuf) ? 0 : -ETIMEDOUT;
}

/* That it is the hypervisor's count is seen while a buffer is there. */
TEST_F(dma_churn, exported_buffer_is_lent)
{
	long lent = frames_are_lent() ? PAGES : 0;
	long before = reservation_frames(&self->reservation);
	int dmabuf = export_some(self, variant->flags);

	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(before - lent, reservation_frames(&self->reservation));
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	EXPECT_EQ(before, reservation_frames(&self->reservation));
}

TEST_F_TIMEOUT(dma_churn, memory_stays_the_same, SECONDS)
{
	/* What is freed stays in the quarantine of KASAN until that is full. */
	const int warm_up = kernel_has("KASAN") ? ROUNDS : WARM_UP;

	for (int i = 0; i < warm_up; i++)
		ASSERT_EQ(0, export_once(self, variant->flags));
	ASSERT_EQ(0, look(self, &self->before));
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, export_once(self, variant->flags));
		ASSERT_EQ(self->before.reservation,
			  reservation_frames(&self->reservation));
	}
	expect_as_before(_metadata, self);
}

/*
 * Frames of one buffer are lent to the next while the former is still there. The
 * kernel may see an address on the bus twice, which DMA_API_DEBUG warns of.
 */
TEST_F_TIMEOUT(dma_churn, frames_change_hands, SECONDS)
{
	int alive[ALIVE];

	for (unsigned int i = 0; i < ALIVE; i++) {
		alive[i] = export_some(self, variant->flags);
		ASSERT_LE(0, alive[i]);
	}
	for (unsigned int i = 0; i < ROUNDS; i++) {
		int *one = &alive[i * STRIDE % ALIVE];

		close(*one);
		*one = export_some(self, variant->flags);
		ASSERT_LE(0, *one);
	}
	for (unsigned int i = 0; i < ALIVE; i++) {
		close(alive[i]);
		EXPECT_TRUE(released(self->fd, alive[i]));
	}
}

static bool balloon_is_there(void *arg)
{
	unsigned long now;

	return !read_number(BALLOON "info/current_kb", &now) &&
	       now == *(unsigned long *)arg;
}

static bool move_balloon(unsigned long kb)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", kb);
	return !write_text(BALLOON "target_kb", text) &&
	       wait_until(balloon_is_there, &kb, BALLOON_MS);
}

/* What the exporting child and its parent tell each other. */
struct churn {
	atomic_bool stop;
	atomic_int rounds;
	atomic_int error;
};

static pid_t start_churn(FIXTURE_DATA(dma_churn) *self, struct churn *churn,
			 uint32_t flags)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	while (!churn->stop && !churn->error) {
		churn->error = export_once(self, flags);
		churn->rounds++;
	}
	_exit(EXIT_SUCCESS);
}

/* Down and up, and exports all the time. */
static void cycle(struct __test_metadata *_metadata,
		  FIXTURE_DATA(dma_churn) *self, struct churn *churn)
{
	unsigned long full = self->before.target_kb;
	int rounds = churn->rounds;

	EXPECT_TRUE(move_balloon(full - STEP_KB));
	EXPECT_LT(rounds, churn->rounds);
	rounds = churn->rounds;
	EXPECT_TRUE(move_balloon(full));
	EXPECT_LT(rounds, churn->rounds);
	EXPECT_EQ(0, churn->error);
}

TEST_F_TIMEOUT(dma_churn, memory_stays_the_same_while_the_balloon_moves,
	       SECONDS)
{
	struct churn *churn;
	int status = -1;
	pid_t child;

	if (look(self, &self->before))
		SKIP(return, "no balloon");
	if (!balloon_is_sane())
		SKIP(return, BAD_BALLOON);
	ASSERT_EQ(self->before.target_kb, self->before.current_kb);
	churn = mmap(NULL, sizeof(*churn), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, churn);
	child = start_churn(self, churn, variant->flags);
	ASSERT_LT(0, child);
	for (int i = 0; i < CYCLES; i++)
		cycle(_metadata, self, churn);
	churn->stop = true;
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	TH_LOG("%d exports while the balloon moved", churn->rounds);
	expect_as_before(_metadata, self);
}

TEST_HARNESS_MAIN
