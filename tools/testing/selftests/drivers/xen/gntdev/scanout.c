// SPDX-License-Identifier: GPL-2.0-only
/*
 * A display driver that reads buffers through vmap(): the pixels in the video
 * memory of the (emulated) cirrus card tell what it saw.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <drm_fourcc.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"

#define RW (PROT_READ | PROT_WRITE)
#define WIDTH 800u
#define HEIGHT 600u
#define PITCH (WIDTH * 4)
#define PAGES whole_pages((PITCH * HEIGHT + GRANT_PAGE_SIZE - 1) / \
			  GRANT_PAGE_SIZE)
/* The last page is shown in part. */
#define WHOLE_PAGES (PITCH * HEIGHT / GRANT_PAGE_SIZE)

FIXTURE(scanout) {
	int fd;
	int drm;
	struct gnt_pages own;
	void *vram;
	drmModeModeInfo mode;
	uint32_t connector;
	uint32_t crtc;
	uint32_t framebuffer;
	uint32_t handle;
};

/* The first memory region of the card is its video memory. */
static void *map_video_memory(int drm)
{
	struct stat stat;
	char path[80];
	void *mem;
	int fd;

	if (fstat(drm, &stat))
		return NULL;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device/resource0",
		 major(stat.st_rdev), minor(stat.st_rdev));
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	mem = mmap(NULL, bytes_of(PAGES), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return mem == MAP_FAILED ? NULL : mem;
}

static bool find_mode(FIXTURE_DATA(scanout) *self)
{
	drmModeConnector *connector;
	drmModeRes *res = drmModeGetResources(self->drm);
	bool found = false;

	if (!res || !res->count_connectors || !res->count_crtcs)
		return false;
	self->crtc = res->crtcs[0];
	self->connector = res->connectors[0];
	connector = drmModeGetConnector(self->drm, self->connector);
	for (int i = 0; connector && i < connector->count_modes; i++) {
		if (connector->modes[i].hdisplay != WIDTH ||
		    connector->modes[i].vdisplay != HEIGHT)
			continue;
		self->mode = connector->modes[i];
		found = true;
		break;
	}
	drmModeFreeConnector(connector);
	drmModeFreeResources(res);
	return found;
}

FIXTURE_SETUP(scanout)
{
	self->own.fd = -1;
	self->fd = -1;
	self->drm = -1;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	self->drm = drm_open("cirrus");
	if (self->drm < 0)
		SKIP(return, "no cirrus display");
	self->vram = map_video_memory(self->drm);
	if (!self->vram)
		SKIP(return, "video memory is closed (boot with iomem=relaxed)");
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_TRUE(find_mode(self));
}

static void hide(FIXTURE_DATA(scanout) *self)
{
	if (self->framebuffer) {
		drmModeSetCrtc(self->drm, self->crtc, 0, 0, 0, NULL, 0, NULL);
		drmModeRmFB(self->drm, self->framebuffer);
	}
	if (self->handle)
		drmCloseBufferHandle(self->drm, self->handle);
	self->framebuffer = 0;
	self->handle = 0;
}

FIXTURE_TEARDOWN(scanout)
{
	if (self->drm < 0 || self->fd < 0)
		return;
	hide(self);
	close(self->drm);
	close(self->fd);
	if (self->own.fd < 0)
		return;
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, self->own.count));
	gnt_pages_free(&self->own);
}

static int show(FIXTURE_DATA(scanout) *self, int dmabuf)
{
	uint32_t handles[4] = { 0 };
	uint32_t pitches[4] = { PITCH };
	uint32_t offsets[4] = { 0 };

	if (drmPrimeFDToHandle(self->drm, dmabuf, &self->handle))
		return -errno;
	handles[0] = self->handle;
	if (drmModeAddFB2(self->drm, WIDTH, HEIGHT, DRM_FORMAT_XRGB8888,
			  handles, pitches, offsets, &self->framebuffer, 0))
		return -errno;
	if (drmModeSetCrtc(self->drm, self->crtc, self->framebuffer, 0, 0,
			   &self->connector, 1, &self->mode))
		return -errno;
	return 0;
}

static uint32_t wrong_pages_on_screen(FIXTURE_DATA(scanout) *self,
				      uint64_t seed)
{
	return pattern_check(self->vram, 0, WHOLE_PAGES, seed, NULL);
}

static void show_export(struct __test_metadata *_metadata,
			FIXTURE_DATA(scanout) *self, uint32_t flags)
{
	int dmabuf;

	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	pattern_fill(self->own.addr, 0, PAGES, 1 + flags);
	dmabuf = export_pages(self->fd, &self->own, flags);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, show(self, dmabuf));
	close(dmabuf);
	EXPECT_EQ(0, wrong_pages_on_screen(self, 1 + flags));
	for (uint64_t seed = 10; seed < 15; seed++) {
		pattern_fill(self->own.addr, 0, PAGES, seed);
		ASSERT_EQ(0, drmModeDirtyFB(self->drm, self->framebuffer, NULL,
					    0));
		EXPECT_EQ(0, wrong_pages_on_screen(self, seed));
	}
	EXPECT_EQ(-ETIMEDOUT, gntdev_exp_wait_released(self->fd, dmabuf, 0));
}

TEST_F(scanout, granted_pages_are_shown)
{
	show_export(_metadata, self, 0);
}

TEST_F(scanout, write_combined_export_is_shown)
{
	show_export(_metadata, self, GNTDEV_DMA_FLAG_WC);
}

TEST_F(scanout, coherent_export_is_shown)
{
	show_export(_metadata, self, GNTDEV_DMA_FLAG_COHERENT);
}

/* The order of the references is the order of the pages. */
TEST_F(scanout, order_of_references_is_kept)
{
	int dmabuf = -1;
	uint32_t *refs;

	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	refs = calloc(PAGES, sizeof(*refs));
	ASSERT_NE(NULL, refs);
	/* 5 and the number of pages, 469 or 118, have no common factor. */
	for (uint32_t i = 0; i < PAGES; i++) {
		uint32_t per_page = grants_per_page();
		uint32_t from = (i / per_page * 5 * per_page + i % per_page) %
				PAGES;

		refs[i] = self->own.refs[from];
		pattern_fill(page_of(self->own.addr, from), i, 1, 20);
	}
	ASSERT_EQ(0, gntdev_exp_from_refs(self->fd, 0, SELF, refs, PAGES,
					  &dmabuf));
	ASSERT_EQ(0, show(self, dmabuf));
	close(dmabuf);
	EXPECT_EQ(0, wrong_pages_on_screen(self, 20));
	free(refs);
}

TEST_F(scanout, two_buffers_are_flipped)
{
	struct gnt_pages other;
	int dmabuf;

	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	ASSERT_EQ(0, gnt_pages_alloc(&other, SELF, PAGES, true));
	pattern_fill(self->own.addr, 0, PAGES, 30);
	pattern_fill(other.addr, 0, PAGES, 31);
	for (int i = 0; i < 4; i++) {
		dmabuf = export_pages(self->fd, i % 2 ? &other : &self->own, 0);
		ASSERT_GE(dmabuf, 0);
		ASSERT_EQ(0, show(self, dmabuf));
		close(dmabuf);
		EXPECT_EQ(0, wrong_pages_on_screen(self, 30 + i % 2));
		hide(self);
		EXPECT_TRUE(released(self->fd, dmabuf));
	}
	EXPECT_EQ(0, revoke_pages(&other));
	EXPECT_EQ(0, live_grants(SELF, other.refs, PAGES));
	gnt_pages_free(&other);
}

TEST_F(scanout, files_closed_while_shown)
{
	int dmabuf;

	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	pattern_fill(self->own.addr, 0, PAGES, 40);
	dmabuf = export_pages(self->fd, &self->own, 0);
	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, show(self, dmabuf));
	close(self->fd);
	self->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	close(dmabuf);
	pattern_fill(self->own.addr, 0, PAGES, 41);
	ASSERT_EQ(0, drmModeDirtyFB(self->drm, self->framebuffer, NULL, 0));
	EXPECT_EQ(0, wrong_pages_on_screen(self, 41));
}

/* The other way: the peer draws into a buffer of the display. */
TEST_F(scanout, peer_draws_into_a_screen_buffer)
{
	struct drm_mode_create_dumb create = {
		.width = WIDTH, .height = HEIGHT, .bpp = 32,
	};
	struct gntdev_mapping map;
	uint32_t *refs = calloc(PAGES, sizeof(*refs));
	int dmabuf, peer = gntdev_open();

	ASSERT_GE(peer, 0);
	ASSERT_NE(NULL, refs);
	ASSERT_EQ(0, ioctl(self->drm, DRM_IOCTL_MODE_CREATE_DUMB, &create));
	ASSERT_EQ(PITCH, create.pitch);
	ASSERT_EQ(0, drmPrimeHandleToFD(self->drm, create.handle,
					DRM_RDWR | DRM_CLOEXEC, &dmabuf));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, SELF, PAGES, refs));
	ASSERT_EQ(0, gntdev_mapping_open(&map, peer, SELF, refs, PAGES, RW));
	pattern_fill(map.addr, 0, PAGES, 50);
	ASSERT_EQ(0, show(self, dmabuf));
	for (uint64_t seed = 50; seed < 55; seed++) {
		pattern_fill(map.addr, 0, PAGES, seed);
		ASSERT_EQ(0, drmModeDirtyFB(self->drm, self->framebuffer, NULL,
					    0));
		EXPECT_EQ(0, wrong_pages_on_screen(self, seed));
	}
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, dmabuf));
	EXPECT_EQ(0, live_grants(SELF, refs, PAGES));
	close(dmabuf);
	close(peer);
	free(refs);
}

TEST_HARNESS_MAIN
