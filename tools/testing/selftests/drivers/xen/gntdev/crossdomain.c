// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sharing with another domain: a guest in which the peer agent runs. The
 * suite runs this after the test that fragments dom0's memory.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>

#include <drm.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "peer.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES 64u
#define SECONDS 300

FIXTURE(crossdomain) {
	int fd;
	struct peer *peer;
	uint16_t guest;
	uint32_t *refs;
};

FIXTURE_SETUP(crossdomain)
{
	const char *guest = getenv("DOMU");

	self->fd = -1;
	self->peer = NULL;
	if (!guest || !*guest)
		SKIP(return, "no guest (DOMU is not set)");
	ASSERT_EQ(0, peer_open(&self->peer, 0, 60000));
	self->guest = peer_domid(self->peer);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	self->refs = calloc(buffer_sizes[4], sizeof(*self->refs));
	ASSERT_NE(NULL, self->refs);
}

FIXTURE_TEARDOWN(crossdomain)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->peer)
		peer_close(self->peer);
}

/* Pages of the guest, granted to this domain and filled by the guest. */
static int guest_grants(FIXTURE_DATA(crossdomain) *self, uint32_t count,
			uint64_t seed)
{
	return peer_grant(self->peer, SELF, 0, seed, self->refs, count);
}

static int guest_differs(FIXTURE_DATA(crossdomain) *self, int id, uint64_t seed)
{
	return peer_verify(self->peer, id, seed, 0, 0, NULL);
}

static int guest_fills(FIXTURE_DATA(crossdomain) *self, int id, uint64_t seed)
{
	return peer_fill(self->peer, id, seed, 0, 0);
}

static int map_error(FIXTURE_DATA(crossdomain) *self, uint32_t count, int prot)
{
	struct gntdev_mapping map;
	int ret = gntdev_mapping_open(&map, self->fd, self->guest, self->refs,
				      count, prot);

	if (!ret)
		gntdev_mapping_close(&map);
	return ret;
}

/* The guest's pages as a dma-buf of dom0. */
static int export_guest(FIXTURE_DATA(crossdomain) *self, uint32_t flags,
			uint32_t count)
{
	int dmabuf = -1;
	int ret = gntdev_exp_from_refs(self->fd, flags, self->guest,
				       self->refs, count, &dmabuf);

	return ret ? ret : dmabuf;
}

static void check_export(struct __test_metadata *_metadata,
			 FIXTURE_DATA(crossdomain) *self, uint32_t flags,
			 uint32_t count)
{
	int dmabuf, id = guest_grants(self, count, count);

	ASSERT_LT(0, id);
	dmabuf = export_guest(self, flags, count);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(0, check_dmabuf(dmabuf, count, count));
	EXPECT_EQ(0, fill_dmabuf(dmabuf, count, ~count));
	EXPECT_EQ(0, guest_differs(self, id, ~count));
	EXPECT_EQ(0, guest_fills(self, id, count + 1));
	EXPECT_EQ(0, check_dmabuf(dmabuf, count, count + 1));
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	EXPECT_EQ(0, peer_release(self->peer, id));
	EXPECT_EQ(0, live_grants(self->guest, self->refs, count));
}

TEST_F_TIMEOUT(crossdomain, guest_pages_are_exported, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++)
		check_export(_metadata, self, 0, buffer_sizes[i]);
}

TEST_F_TIMEOUT(crossdomain, guest_pages_are_exported_write_combined, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++)
		check_export(_metadata, self, GNTDEV_DMA_FLAG_WC,
			     buffer_sizes[i]);
}

TEST_F_TIMEOUT(crossdomain, guest_pages_are_exported_coherent, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++)
		check_export(_metadata, self, GNTDEV_DMA_FLAG_COHERENT,
			     buffer_sizes[i]);
}

TEST_F_TIMEOUT(crossdomain, guest_pages_are_mapped, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++) {
		uint32_t count = buffer_sizes[i];
		struct gntdev_mapping map;
		int id = guest_grants(self, count, count);

		ASSERT_LT(0, id);
		ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, self->guest,
						 self->refs, count, RW));
		EXPECT_EQ(0, pattern_check(map.addr, 0, count, count, NULL));
		pattern_fill(map.addr, 0, count, ~count);
		EXPECT_EQ(0, guest_differs(self, id, ~count));
		EXPECT_EQ(0, guest_fills(self, id, count + 1));
		EXPECT_EQ(0, pattern_check(map.addr, 0, count, count + 1,
					   NULL));
		EXPECT_EQ(0, gntdev_mapping_close(&map));
		EXPECT_EQ(0, peer_release(self->peer, id));
		EXPECT_EQ(0, live_grants(self->guest, self->refs, count));
	}
}

/*
 * The kernel clears the accessed bits of all mappings of a process: in a PV domain,
 * only Xen can change an entry with a frame of another domain.
 */
TEST_F_TIMEOUT(crossdomain, accesses_of_mapped_pages_are_cleared, SECONDS)
{
	static const char *const kinds[] = { "1", "3", "4", "5" };
	struct gntdev_mapping map;
	int id = guest_grants(self, PAGES, 1);

	ASSERT_LT(0, id);
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, self->guest,
					 self->refs, PAGES, RW));
	for (size_t i = 0; i < ARRAY_SIZE_OF(kinds); i++) {
		EXPECT_EQ(0, pattern_check(map.addr, 0, PAGES, i + 1, NULL));
		EXPECT_EQ(0, write_text("/proc/self/clear_refs", kinds[i]));
		pattern_fill(map.addr, 0, PAGES, i + 2);
		EXPECT_EQ(0, guest_differs(self, id, i + 2));
	}
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_EQ(0, peer_release(self->peer, id));
}

/* A buffer of dom0 is imported; the guest maps it, or exports it itself. */
static void check_import(struct __test_metadata *_metadata,
			 FIXTURE_DATA(crossdomain) *self, int dmabuf,
			 uint32_t count, bool guest_exports)
{
	int id;

	ASSERT_EQ(0, fill_dmabuf(dmabuf, count, count));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, self->guest, count,
					self->refs));
	id = guest_exports ?
	     peer_export(self->peer, SELF, 0, self->refs, count) :
	     peer_map(self->peer, SELF, 0, self->refs, count);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, guest_differs(self, id, count));
	EXPECT_EQ(0, guest_fills(self, id, ~count));
	EXPECT_EQ(0, check_dmabuf(dmabuf, count, ~count));
	EXPECT_EQ(0, fill_dmabuf(dmabuf, count, count + 1));
	EXPECT_EQ(0, guest_differs(self, id, count + 1));
	EXPECT_EQ(0, peer_release(self->peer, id));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, dmabuf));
	EXPECT_GT(0, peer_map(self->peer, SELF, 0, self->refs, count));
}

TEST_F_TIMEOUT(crossdomain, guest_maps_file_memory, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++) {
		struct dmabuf_pages pages;

		ASSERT_EQ(0, dmabuf_pages_alloc(&pages, buffer_sizes[i]));
		check_import(_metadata, self, pages.dmabuf, buffer_sizes[i],
			     false);
		dmabuf_pages_free(&pages);
	}
}

TEST_F_TIMEOUT(crossdomain, guest_maps_heap_buffers, SECONDS)
{
	static const uint32_t sizes[] = { 1, 3, 16, 64, 333, 1024, 2025, 8100 };

	for (size_t i = 0; i < ARRAY_SIZE_OF(sizes); i++) {
		uint32_t count = whole_pages(sizes[i]);
		int dmabuf = heap_alloc(count, O_RDWR);

		ASSERT_GE(dmabuf, 0);
		check_import(_metadata, self, dmabuf, count, false);
		close(dmabuf);
	}
}

TEST_F_TIMEOUT(crossdomain, guest_maps_screen_buffers, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++) {
		int dmabuf = dumb_alloc("cirrus", buffer_sizes[i], DRM_RDWR);

		if (dmabuf == -ENODEV)
			SKIP(return, "no cirrus device");
		ASSERT_GE(dmabuf, 0);
		check_import(_metadata, self, dmabuf, buffer_sizes[i], false);
		close(dmabuf);
	}
}

TEST_F_TIMEOUT(crossdomain, guest_exports_what_dom0_imported, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++) {
		int dmabuf = heap_alloc(buffer_sizes[i], O_RDWR);

		ASSERT_GE(dmabuf, 0);
		check_import(_metadata, self, dmabuf, buffer_sizes[i], true);
		close(dmabuf);
	}
}

/* The device in an unprivileged domain: its import ... */
TEST_F_TIMEOUT(crossdomain, guest_imports, SECONDS)
{
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes); i++) {
		uint32_t count = buffer_sizes[i];
		int dmabuf, id;

		id = peer_import(self->peer, SELF, count, self->refs, count);
		ASSERT_LT(0, id);
		dmabuf = export_guest(self, 0, count);
		ASSERT_GE(dmabuf, 0);
		EXPECT_EQ(0, check_dmabuf(dmabuf, count, count));
		EXPECT_EQ(0, fill_dmabuf(dmabuf, count, ~count));
		EXPECT_EQ(0, guest_differs(self, id, ~count));
		EXPECT_EQ(0, guest_fills(self, id, count + 1));
		EXPECT_EQ(0, check_dmabuf(dmabuf, count, count + 1));
		close(dmabuf);
		EXPECT_TRUE(released(self->fd, dmabuf));
		EXPECT_EQ(0, peer_release(self->peer, id));
		EXPECT_EQ(0, live_grants(self->guest, self->refs, count));
	}
}

/* ... and its export, of each kind. */
TEST_F_TIMEOUT(crossdomain, guest_exports, SECONDS)
{
	static const uint32_t flags[] = { 0, PEER_WC, PEER_COHERENT };

	for (size_t i = 0; i < 3 * ARRAY_SIZE_OF(buffer_sizes); i++) {
		uint32_t count = buffer_sizes[i / 3];
		struct gnt_pages own;
		int id;

		ASSERT_EQ(0, gnt_pages_alloc(&own, self->guest, count, true));
		pattern_fill(own.addr, 0, count, i);
		id = peer_export(self->peer, SELF, flags[i % 3], own.refs,
				 count);
		ASSERT_LT(0, id);
		EXPECT_EQ(0, guest_differs(self, id, i));
		EXPECT_EQ(0, guest_fills(self, id, i + 100));
		EXPECT_EQ(0, pattern_check(own.addr, 0, count, i + 100, NULL));
		EXPECT_EQ(0, peer_release(self->peer, id));
		EXPECT_EQ(0, revoke_pages(&own));
		EXPECT_GT(0, peer_map(self->peer, SELF, 0, own.refs, count));
		gnt_pages_free(&own);
	}
}

/* What the guest's kernel reads and writes through vmap() of an export. */
static void check_vmap(struct __test_metadata *_metadata,
		       FIXTURE_DATA(crossdomain) *self, uint32_t flags,
		       uint32_t count)
{
	struct gnt_pages own;
	int id;

	ASSERT_EQ(0, gnt_pages_alloc(&own, self->guest, count, true));
	pattern_fill(own.addr, 0, count, count);
	id = peer_export(self->peer, SELF, flags, own.refs, count);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, peer_vmap_verify(self->peer, id, 0, count));
	EXPECT_EQ(0, peer_vmap_fill(self->peer, id, 0, ~count));
	EXPECT_EQ(0, pattern_check(own.addr, 0, count, ~count, NULL));
	EXPECT_EQ(0, guest_differs(self, id, ~count));
	EXPECT_EQ(0, guest_fills(self, id, count + 1));
	EXPECT_EQ(0, peer_vmap_verify(self->peer, id, 0, count + 1));
	EXPECT_EQ(0, peer_release(self->peer, id));
	EXPECT_EQ(0, revoke_pages(&own));
	gnt_pages_free(&own);
}

TEST_F_TIMEOUT(crossdomain, guest_kernel_uses_exports, SECONDS)
{
	/* The largest would only take longer. */
	for (size_t i = 0; i < ARRAY_SIZE_OF(buffer_sizes) - 1; i++)
		check_vmap(_metadata, self, 0, buffer_sizes[i]);
	check_vmap(_metadata, self, PEER_WC, PAGES);
	check_vmap(_metadata, self, PEER_COHERENT, PAGES);
}

/* The same while a device of the guest is attached, with the same frames. */
TEST_F_TIMEOUT(crossdomain, device_of_the_guest_uses_an_export, SECONDS)
{
	struct gnt_pages own;
	int id;

	ASSERT_EQ(0, gnt_pages_alloc(&own, self->guest, PAGES, true));
	pattern_fill(own.addr, 0, PAGES, 19);
	id = peer_export(self->peer, SELF, 0, own.refs, PAGES);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, peer_vmap_verify(self->peer, id, PEER_DEVICE, 19));
	EXPECT_EQ(0, peer_vmap_fill(self->peer, id, PEER_DEVICE, 20));
	EXPECT_EQ(0, pattern_check(own.addr, 0, PAGES, 20, NULL));
	EXPECT_EQ(0, peer_release(self->peer, id));
	EXPECT_EQ(0, revoke_pages(&own));
	gnt_pages_free(&own);
}

TEST_F_TIMEOUT(crossdomain, guests_read_only_grants, SECONDS)
{
	int dmabuf, id;

	if (grants_per_page() > 1)
		SKIP(return, NO_READ_ONLY);
	id = peer_grant(self->peer, SELF, PEER_READONLY, 5, self->refs, PAGES);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EACCES, map_error(self, PAGES, RW));
	EXPECT_EQ(0, map_error(self, PAGES, PROT_READ));
	dmabuf = export_guest(self, 0, PAGES);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(O_RDONLY, fcntl(dmabuf, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(0, check_dmabuf(dmabuf, PAGES, 5));
	EXPECT_EQ(NULL, map_dmabuf(dmabuf, PAGES, RW));
	EXPECT_EQ(EACCES, errno);
	close(dmabuf);
	EXPECT_EQ(0, guest_differs(self, id, 5));
	EXPECT_EQ(0, peer_release(self->peer, id));
}

TEST_F_TIMEOUT(crossdomain, read_only_grants_for_the_guest, SECONDS)
{
	struct gnt_pages own;
	int id;

	if (grants_per_page() > 1)
		SKIP(return, NO_READ_ONLY);
	ASSERT_EQ(0, gnt_pages_alloc(&own, self->guest, PAGES, false));
	pattern_fill(own.addr, 0, PAGES, 6);
	EXPECT_EQ(-EACCES, peer_map(self->peer, SELF, 0, own.refs, PAGES));
	id = peer_map(self->peer, SELF, PEER_READONLY, own.refs, PAGES);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, guest_differs(self, id, 6));
	EXPECT_EQ(0, peer_release(self->peer, id));
	id = peer_export(self->peer, SELF, PEER_READONLY, own.refs, PAGES);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, guest_differs(self, id, 6));
	EXPECT_EQ(0, peer_release(self->peer, id));
	EXPECT_EQ(0, revoke_pages(&own));
	gnt_pages_free(&own);
}

TEST_F_TIMEOUT(crossdomain, references_the_guest_took_back, SECONDS)
{
	int dmabuf = -1, id = guest_grants(self, PAGES, 7);

	ASSERT_LT(0, id);
	EXPECT_EQ(0, map_error(self, PAGES, RW));
	ASSERT_EQ(0, peer_release(self->peer, id));
	EXPECT_EQ(-EACCES, map_error(self, PAGES, RW));
	EXPECT_EQ(-EACCES, map_error(self, PAGES, PROT_READ));
	EXPECT_EQ(-EACCES, gntdev_exp_from_refs(self->fd, 0, self->guest,
						self->refs, PAGES, &dmabuf));
}

/* References for one domain are worth nothing to another. */
TEST_F_TIMEOUT(crossdomain, references_for_another_domain, SECONDS)
{
	int id;

	id = peer_grant(self->peer, self->guest, 0, 8, self->refs, PAGES);
	ASSERT_LT(0, id);
	EXPECT_EQ(-EACCES, map_error(self, PAGES, PROT_READ));
	EXPECT_GT(0, export_guest(self, 0, PAGES));
	EXPECT_EQ(0, peer_release(self->peer, id));
}

/* The guest frees what dom0 still maps: its kernel has to keep the pages. */
TEST_F_TIMEOUT(crossdomain, guest_frees_what_dom0_exported, SECONDS)
{
	int dmabuf, other, id = guest_grants(self, PAGES, 9);

	ASSERT_LT(0, id);
	dmabuf = export_guest(self, 0, PAGES);
	ASSERT_GE(dmabuf, 0);
	EXPECT_EQ(0, peer_release(self->peer, id));
	other = guest_grants(self, 2025, 10);
	ASSERT_LT(0, other);
	EXPECT_EQ(0, check_dmabuf(dmabuf, PAGES, 9));
	EXPECT_EQ(0, fill_dmabuf(dmabuf, PAGES, 11));
	EXPECT_EQ(0, guest_differs(self, other, 10));
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	EXPECT_EQ(0, peer_release(self->peer, other));
}

struct guest_map {
	FIXTURE_DATA(crossdomain) *self;
	uint32_t count;
};

static bool guest_maps_no_more(void *arg)
{
	struct guest_map *map = arg;
	struct peer *peer = map->self->peer;
	int id = peer_map(peer, SELF, 0, map->self->refs, map->count);

	if (id < 0)
		return true;
	peer_release(peer, id);
	leave_grants_alone();
	return false;
}

static void *use_memory(uint32_t pages, uint64_t seed)
{
	void *mem = mmap(NULL, bytes_of(pages), RW,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	pattern_fill(mem, 0, pages, seed);
	return mem;
}

/* What the guest maps after the release is nobody else's memory. */
static void guest_keeps_its_pages(struct __test_metadata *_metadata,
				  FIXTURE_DATA(crossdomain) *self, int id)
{
	struct guest_map map = { .self = self, .count = PAGES };
	uint32_t big = (uint32_t)(meminfo_kb("MemFree") / 4 / 2);
	void *mem = use_memory(big, 13);

	ASSERT_NE(NULL, mem);
	EXPECT_EQ(0, guest_differs(self, id, 12));
	EXPECT_EQ(0, guest_fills(self, id, 14));
	EXPECT_EQ(0, pattern_check(mem, 0, big, 13, NULL));
	munmap(mem, bytes_of(big));
	EXPECT_EQ(0, guest_differs(self, id, 14));
	EXPECT_EQ(0, peer_release(self->peer, id));
	EXPECT_TRUE(wait_until(guest_maps_no_more, &map, DEADLINE_MS));
}

TEST_F_TIMEOUT(crossdomain, release_while_the_guest_maps, SECONDS)
{
	int id, dmabuf = heap_alloc(PAGES, O_RDWR);

	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, fill_dmabuf(dmabuf, PAGES, 12));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, self->guest, PAGES,
					self->refs));
	id = peer_map(self->peer, SELF, 0, self->refs, PAGES);
	ASSERT_LT(0, id);
	EXPECT_EQ(0, gntdev_imp_release(self->fd, dmabuf));
	EXPECT_EQ(-ENOENT, gntdev_imp_release(self->fd, dmabuf));
	close(dmabuf);
	guest_keeps_its_pages(_metadata, self, id);
}

TEST_F_TIMEOUT(crossdomain, close_while_the_guest_maps, SECONDS)
{
	int id, dmabuf = heap_alloc(PAGES, O_RDWR);

	ASSERT_GE(dmabuf, 0);
	ASSERT_EQ(0, fill_dmabuf(dmabuf, PAGES, 12));
	ASSERT_EQ(0, gntdev_imp_to_refs(self->fd, dmabuf, self->guest, PAGES,
					self->refs));
	id = peer_map(self->peer, SELF, 0, self->refs, PAGES);
	ASSERT_LT(0, id);
	close(dmabuf);
	close(self->fd);
	self->fd = -1;
	guest_keeps_its_pages(_metadata, self, id);
}

TEST_F_TIMEOUT(crossdomain, sigkill_while_the_guest_maps, SECONDS)
{
	uint32_t *refs = mmap(NULL, GRANT_PAGE_SIZE, RW,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ready[2], id;
	pid_t child;
	char byte;

	ASSERT_NE(MAP_FAILED, refs);
	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	child = fork();
	ASSERT_GE(child, 0);
	if (!child) {
		int fd = gntdev_open();
		int dmabuf = heap_alloc(PAGES, O_RDWR);

		if (fill_dmabuf(dmabuf, PAGES, 12) ||
		    gntdev_imp_to_refs(fd, dmabuf, self->guest, PAGES, refs) ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	memcpy(self->refs, refs, PAGES * sizeof(*refs));
	id = peer_map(self->peer, SELF, 0, self->refs, PAGES);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	guest_keeps_its_pages(_metadata, self, id);
}

TEST_F_TIMEOUT(crossdomain, copy_from_and_to_the_guest, SECONDS)
{
	struct gntdev_grant_copy_segment segments[2 * PAGES];
	int id = guest_grants(self, PAGES, 15);
	void *local = use_memory(PAGES, 16);

	ASSERT_LT(0, id);
	ASSERT_NE(NULL, local);
	memset(segments, 0, sizeof(segments));
	/* The first half of the batch reads, the second half writes. */
	for (uint32_t i = 0; i < PAGES; i++) {
		struct gntdev_grant_copy_segment *in = &segments[i];
		struct gntdev_grant_copy_segment *out = &segments[PAGES + i];

		in->source.foreign.ref = self->refs[i];
		in->source.foreign.domid = self->guest;
		in->dest.virt = page_of(local, i);
		in->len = GRANT_PAGE_SIZE;
		in->flags = GNTCOPY_source_gref;
		out->source.virt = page_of(local, PAGES - 1 - i);
		out->dest.foreign.ref = self->refs[i];
		out->dest.foreign.domid = self->guest;
		out->len = GRANT_PAGE_SIZE;
		out->flags = GNTCOPY_dest_gref;
	}
	ASSERT_EQ(0, gntdev_copy(self->fd, segments, PAGES));
	EXPECT_EQ(0, pattern_check(local, 0, PAGES, 15, NULL));
	for (uint32_t i = 0; i < PAGES; i++)
		pattern_fill(page_of(local, PAGES - 1 - i), i, 1, 17);
	ASSERT_EQ(0, gntdev_copy(self->fd, segments + PAGES, PAGES));
	EXPECT_EQ(0, guest_differs(self, id, 17));
	for (uint32_t i = 0; i < 2 * PAGES; i++)
		EXPECT_EQ(0, segments[i].status);
	munmap(local, bytes_of(PAGES));
	EXPECT_EQ(0, peer_release(self->peer, id));
}

/* One command with references of two domains. */
TEST_F_TIMEOUT(crossdomain, one_map_of_two_domains, SECONDS)
{
	struct {
		struct ioctl_gntdev_map_grant_ref op;
		struct ioctl_gntdev_grant_ref more;
	} cmd = { .op.count = 2 };
	int id = guest_grants(self, 1, 18);
	struct gnt_pages own;
	void *mem;

	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	ASSERT_LT(0, id);
	ASSERT_EQ(0, gnt_pages_alloc(&own, SELF, 1, true));
	pattern_fill(own.addr, 1, 1, 18);
	cmd.op.refs[0].domid = self->guest;
	cmd.op.refs[0].ref = self->refs[0];
	cmd.more.domid = SELF;
	cmd.more.ref = own.refs[0];
	ASSERT_EQ(0, ioctl(self->fd, IOCTL_GNTDEV_MAP_GRANT_REF, &cmd));
	mem = mmap(NULL, bytes_of(2), RW, MAP_SHARED, self->fd,
		   (off_t)cmd.op.index);
	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, pattern_check(mem, 0, 2, 18, NULL));
	munmap(mem, bytes_of(2));
	EXPECT_EQ(0, revoke_pages(&own));
	EXPECT_EQ(0, live_grants(SELF, own.refs, 1));
	gnt_pages_free(&own);
	EXPECT_EQ(0, peer_release(self->peer, id));
}

TEST_HARNESS_MAIN
