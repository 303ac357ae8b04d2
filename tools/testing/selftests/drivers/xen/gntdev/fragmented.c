// SPDX-License-Identifier: GPL-2.0-only
/*
 * After the balloon moved, memory that is consecutive for the kernel is so no
 * more for the machine. A DMA layer that then bounces shares a copy instead
 * of the buffer; buffers with large scatterlist entries show it.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include <drm.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"

#define RW (PROT_READ | PROT_WRITE)
#define MEMORY "/sys/devices/system/xen_memory/xen_memory0/"
#define LOW_KB 520000ul
#define BALLOON_MS 120000
#define SECONDS 600
/* How often each size is tried: the pages differ each time. */
#define ROUNDS 6

static const uint32_t sizes[] = { 1, 2, 16, 17, 64, 100, 256, 512, 1024, 2025 };

FIXTURE(fragmented) {
	int fd;
	int peer;
};

static bool balloon_is_there(void *arg)
{
	unsigned long target = *(unsigned long *)arg;
	unsigned long now;

	if (read_number(MEMORY "info/current_kb", &now))
		return false;
	return now + 1024 >= target && now <= target + 1024;
}

static bool move_balloon(unsigned long kb)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", kb);
	return !write_text(MEMORY "target_kb", text) &&
	       wait_until(balloon_is_there, &kb, BALLOON_MS);
}

static int fragment_memory(void)
{
	unsigned long full;

	if (read_number(MEMORY "info/current_kb", &full) ||
	    full < 2 * LOW_KB)
		return -ENODEV;
	if (!move_balloon(LOW_KB))
		return -ETIMEDOUT;
	return move_balloon(full) ? 0 : -ETIMEDOUT;
}

/* Once for all tests of this program: each runs in a child of its own. */
static const char *marker = "/tmp/gntdev-test-fragmented";

FIXTURE_SETUP(fragmented)
{
	int done;

	self->fd = -1;
	self->peer = -1;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	if (!balloon_is_sane())
		SKIP(return, BAD_BALLOON);
	done = open(marker, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (done >= 0) {
		int ret = fragment_memory();

		close(done);
		if (ret == -ENODEV) {
			unlink(marker);
			SKIP(return, "too little memory, or no balloon");
		}
		ASSERT_EQ(0, ret);
	}
	self->fd = gntdev_open();
	self->peer = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_GE(self->peer, 0);
}

FIXTURE_TEARDOWN(fragmented)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->peer >= 0)
		close(self->peer);
}

static void check_import(struct __test_metadata *_metadata,
			 FIXTURE_DATA(fragmented) *self, int dmabuf,
			 uint32_t count, uint64_t seed)
{
	uint32_t *refs = calloc(count, sizeof(*refs));
	struct gntdev_mapping map;

	ASSERT_NE(NULL, refs);
	ASSERT_EQ(0, fill_dmabuf(dmabuf, count, seed));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, SELF, count, refs));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->peer, SELF, refs, count,
					 RW));
	EXPECT_EQ(0, pattern_check(map.addr, 0, count, seed, NULL));
	pattern_fill(map.addr, 0, count, ~seed);
	EXPECT_EQ(0, check_dmabuf(dmabuf, count, ~seed));
	EXPECT_EQ(0, fill_dmabuf(dmabuf, count, seed + 1));
	EXPECT_EQ(0, pattern_check(map.addr, 0, count, seed + 1, NULL));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, dmabuf));
	EXPECT_EQ(0, live_grants(SELF, refs, count));
	free(refs);
}

TEST_F_TIMEOUT(fragmented, heap_buffers_are_shared_not_copied, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++) {
		uint32_t count = whole_pages(sizes[i]);
		int dmabufs[ROUNDS];

		/* All at once, so that each has other pages. */
		for (int round = 0; round < ROUNDS; round++) {
			dmabufs[round] = heap_alloc(count, O_RDWR);
			ASSERT_GE(dmabufs[round], 0);
		}
		for (int round = 0; round < ROUNDS; round++) {
			check_import(_metadata, self, dmabufs[round], count,
				     1000 * i + (uint64_t)round);
			close(dmabufs[round]);
		}
	}
}

TEST_F_TIMEOUT(fragmented, file_memory_is_shared_not_copied, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++) {
		uint32_t count = whole_pages(sizes[i]);
		struct dmabuf_pages pages;

		ASSERT_EQ(0, dmabuf_pages_alloc(&pages, count));
		check_import(_metadata, self, pages.dmabuf, count, i);
		dmabuf_pages_free(&pages);
	}
}

TEST_F_TIMEOUT(fragmented, screen_buffers_are_shared_not_copied, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++) {
		uint32_t count = whole_pages(sizes[i]);
		int dmabuf = dumb_alloc("cirrus", count, DRM_RDWR);

		if (dmabuf == -ENODEV)
			SKIP(return, "no cirrus device");
		ASSERT_GE(dmabuf, 0);
		check_import(_metadata, self, dmabuf, count, i);
		close(dmabuf);
	}
}

/* Granted pages that are scattered in the machine, for a device here. */
TEST_F_TIMEOUT(fragmented, exports_are_shared_not_copied, SECONDS)
{
	static const uint32_t flags[] = {
		0, GNTDEV_DMA_FLAG_WC, GNTDEV_DMA_FLAG_COHERENT,
	};

	for (size_t i = 0; i < ARRAY_SIZE_OF(sizes) * 3; i++) {
		uint32_t count = whole_pages(sizes[i / 3]);
		struct gnt_pages own;
		int dmabuf;

		ASSERT_EQ(0, gnt_pages_alloc(&own, SELF, count, true));
		pattern_fill(own.addr, 0, count, i);
		dmabuf = export_pages(self->fd, &own, flags[i % 3]);
		ASSERT_GE(dmabuf, 0);
		EXPECT_EQ(0, check_dmabuf(dmabuf, count, i));
		EXPECT_EQ(0, fill_dmabuf(dmabuf, count, i + 1));
		EXPECT_EQ(0, pattern_check(own.addr, 0, count, i + 1, NULL));
		close(dmabuf);
		EXPECT_EQ(0, revoke_pages(&own));
		EXPECT_EQ(0, live_grants(SELF, own.refs, count));
		gnt_pages_free(&own);
	}
}

TEST_HARNESS_MAIN
