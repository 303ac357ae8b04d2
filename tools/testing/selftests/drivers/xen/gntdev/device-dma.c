// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that accesses the frames of an export itself: what it finds at the
 * addresses it is given is what the granting domain has there, now and not when
 * the buffer was mapped. Needs the module edu-dmabuf in test_modules, in the
 * folder of this program, and the device of QEMU that it drives.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "test-module.h"
#include "peer.h"
#include "tracing.h"
#include "test_modules/edu-dmabuf.h"

#define PAGES 4u
#define LIMIT_MB 4096ul
#define LIMIT_STEP_MB 512ul
#define PEER_MS 60000

static const uint32_t kinds[] = {
	0, GNTDEV_DMA_FLAG_WC, GNTDEV_DMA_FLAG_COHERENT,
};

FIXTURE(device) {
	int fd;
	/* Open files of the device: for the export and for a buffer of ours. */
	int edu, edu_local;
	struct dmabuf_pages local;
	struct gnt_pages own;
	struct peer *peer;
	int id;
	uint16_t domid;
	uint32_t refs[PAGES];
};

FIXTURE_VARIANT(device) {
	bool guest;
};

FIXTURE_VARIANT_ADD(device, own_pages) {
	.guest = false,
};

FIXTURE_VARIANT_ADD(device, guest_pages) {
	.guest = true,
};

static int open_edu(void)
{
	int fd = open("/dev/edu-dmabuf", O_RDWR | O_CLOEXEC);

	if (fd >= 0 || test_module_load("edu-dmabuf"))
		return fd;
	return open("/dev/edu-dmabuf", O_RDWR | O_CLOEXEC);
}

static int grant(FIXTURE_DATA(device) *self, bool guest)
{
	int ret;

	if (guest) {
		ret = peer_open(&self->peer, 0, PEER_MS);
		if (ret)
			return ret;
		self->domid = peer_domid(self->peer);
		self->id = peer_grant(self->peer, SELF, 0, 1, self->refs,
				      PAGES);
		return self->id < 0 ? self->id : 0;
	}
	self->domid = SELF;
	ret = gnt_pages_alloc(&self->own, SELF, PAGES, true);
	if (!ret)
		memcpy(self->refs, self->own.refs, sizeof(self->refs));
	return ret;
}

FIXTURE_SETUP(device)
{
	const char *guest = getenv("DOMU");

	self->own.fd = -1;
	self->fd = -1;
	self->peer = NULL;
	if (variant->guest && (!guest || !*guest))
		SKIP(return, "no guest (DOMU is not set)");
	if (!variant->guest && !loopback_works())
		SKIP(return, NO_LOOPBACK);
	self->edu = open_edu();
	if (self->edu < 0)
		SKIP(return, "no edu device, or no test module for it");
	self->edu_local = open_edu();
	ASSERT_GE(self->edu_local, 0);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	/* One page: of more, the DMA API may give the device a copy. */
	ASSERT_EQ(0, dmabuf_pages_alloc(&self->local, 1));
	ASSERT_EQ(0, ioctl(self->edu_local, EDU_IOC_ATTACH,
			   self->local.dmabuf));
	ASSERT_EQ(0, grant(self, variant->guest));
}

FIXTURE_TEARDOWN(device)
{
	if (self->fd < 0)
		return;
	close(self->edu);
	close(self->edu_local);
	dmabuf_pages_free(&self->local);
	close(self->fd);
	if (self->peer) {
		EXPECT_EQ(0, peer_release(self->peer, self->id));
		peer_close(self->peer);
	} else {
		EXPECT_EQ(0, revoke_pages(&self->own));
	}
	EXPECT_EQ(0, live_grants(self->domid, self->refs, PAGES));
	if (self->own.fd >= 0)
		gnt_pages_free(&self->own);
}

static int export_all(FIXTURE_DATA(device) *self, uint32_t flags)
{
	int dmabuf = -1;
	int ret = gntdev_exp_from_refs(self->fd, flags, self->domid,
				       self->refs, PAGES, &dmabuf);

	return ret ? ret : dmabuf;
}

static int granter_fills(FIXTURE_DATA(device) *self, uint64_t seed)
{
	if (self->peer)
		return peer_fill(self->peer, self->id, seed, 0, 0);
	pattern_fill(self->own.addr, 0, PAGES, seed);
	return 0;
}

static int granter_differs(FIXTURE_DATA(device) *self, uint64_t seed,
			   uint32_t page)
{
	if (self->peer)
		return peer_verify(self->peer, self->id, seed, page, 1, NULL);
	return (int)pattern_check(page_of(self->own.addr, page), page, 1, seed,
				  NULL);
}

static int copy_page(int from, uint32_t from_page, int to, uint32_t to_page)
{
	for (size_t i = 0; i < GRANT_PAGE_SIZE; i += EDU_CHUNK)
		if (ioctl(from, EDU_IOC_READ, bytes_of(from_page) + i) ||
		    ioctl(to, EDU_IOC_WRITE, bytes_of(to_page) + i))
			return -errno;
	return 0;
}

/* The device reads what was written after it had been told the addresses. */
static void device_reads(struct __test_metadata *_metadata,
			 FIXTURE_DATA(device) *self, uint32_t page,
			 uint64_t seed)
{
	ASSERT_EQ(0, granter_fills(self, seed));
	ASSERT_EQ(0, copy_page(self->edu, page, self->edu_local, 0));
	EXPECT_EQ(0, pattern_check(self->local.addr, page, 1, seed, NULL));
}

/* What it writes is there while the buffer is still mapped. */
static void device_writes(struct __test_metadata *_metadata,
			  FIXTURE_DATA(device) *self, uint32_t page,
			  uint64_t seed)
{
	uint32_t other = page ? page - 1 : page + 1;

	pattern_fill(self->local.addr, page, 1, seed);
	ASSERT_EQ(0, granter_fills(self, ~seed));
	ASSERT_EQ(0, copy_page(self->edu_local, 0, self->edu, page));
	EXPECT_EQ(0, granter_differs(self, seed, page));
	EXPECT_EQ(0, granter_differs(self, ~seed, other));
}

static void check_access(struct __test_metadata *_metadata,
			 FIXTURE_DATA(device) *self, unsigned long attach)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(kinds); i++) {
		int dmabuf = export_all(self, kinds[i]);

		ASSERT_GE(dmabuf, 0);
		ASSERT_EQ(0, ioctl(self->edu, attach, dmabuf));
		close(dmabuf);
		device_reads(_metadata, self, PAGES - 1 - i, 10 + i);
		device_writes(_metadata, self, PAGES - 1 - i, 20 + i);
		EXPECT_EQ(-ETIMEDOUT,
			  gntdev_exp_wait_released(self->fd, dmabuf, 0));
		close(self->edu);
		EXPECT_TRUE(released(self->fd, dmabuf));
		self->edu = open_edu();
		ASSERT_GE(self->edu, 0);
	}
}

TEST_F(device, accesses_the_granted_frames)
{
	check_access(_metadata, self, EDU_IOC_ATTACH);
}

TEST_F(device, that_no_firmware_describes_is_told_no_other_frames)
{
	check_access(_metadata, self, EDU_IOC_ATTACH_BARE);
}

/*
 * A device that cannot reach a frame is refused, and gets no copy. Where the
 * frames are is not known here: there may be none that is out of reach.
 */
TEST_F(device, that_reaches_too_little_is_refused)
{
	int dmabuf = export_all(self, 0);
	const char *events;
	int refused = 0;

	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, tracing_begin());
	for (unsigned long mb = LIMIT_MB; mb; mb -= LIMIT_STEP_MB) {
		/* So little that not even the DMA API has pages for it? */
		if (ioctl(self->edu, EDU_IOC_LIMIT, mb)) {
			EXPECT_EQ(EIO, errno);
			continue;
		}
		if (ioctl(self->edu, EDU_IOC_ATTACH, dmabuf)) {
			EXPECT_TRUE(errno == EOPNOTSUPP || errno == EIO);
			refused++;
			continue;
		}
		device_reads(_metadata, self, 0, mb);
		close(self->edu);
		self->edu = open_edu();
		ASSERT_GE(self->edu, 0);
	}
	TH_LOG("refused below %d limits", refused);
	events = tracing_text();
	for (int i = 0; i < refused; i++)
		events = tracing_find(events,
				      "gntdev_refused: reason=device domid=%u ",
				      self->domid);
	EXPECT_NE(NULL, events);
	EXPECT_EQ(NULL, tracing_find(events, "reason=device"));
	EXPECT_EQ(0, tracing_end());
	EXPECT_EQ(0, ioctl(self->edu, EDU_IOC_LIMIT, 0));
	close(dmabuf);
}

TEST_HARNESS_MAIN
