// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that lie about their grants, and guests that die, in every state that
 * what they share can be in. Nothing that they do may make a call here take
 * longer than a second, or leave anything behind. Meanwhile frames go
 * both ways between this domain and an honest guest.
 *
 * The environment variable GNTDEV_HOSTILE_ROUNDS asks for more deaths than the
 * suite has time for.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#include <drm.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "peer.h"
#include "stopwatch.h"
#include "victim.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES HOSTILE_PAGES
#define SECONDS 3000
#define ROUNDS 4
#define STATUS_OKAY 0
#define DOMID_NOBODY 0x7fefu
#define REFS_FILE "/sys/module/xen_gntdev/refcnt"

/* Frames between this domain and an honest guest. */
struct flow {
	pthread_t thread;
	struct peer *peer;
	atomic_bool stop;
	atomic_uint frames;
	const char *what;
	int error;
};

FIXTURE(hostile_peer) {
	int fd;
	uint32_t refs[PAGES];
	struct victim victim;
	struct flow flow;
	unsigned long users;
};

static unsigned int victims;

FIXTURE_SETUP(hostile_peer)
{
	const char *guest = getenv("DOMU");

	self->fd = -1;
	self->flow.peer = NULL;
	if (!guest || !*guest)
		SKIP(return, "no guest (DOMU is not set)");
	if (!victims_are_possible())
		SKIP(return, "no hostile guest for this machine");
	ASSERT_EQ(0, read_number(REFS_FILE, &self->users));
	for (uint32_t i = 0; i < PAGES; i++)
		self->refs[i] = HOSTILE_FIRST + i;
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, stopwatch_start());
}

static bool users_are_as_before(void *arg)
{
	unsigned long now;

	return !read_number(REFS_FILE, &now) && now == *(unsigned long *)arg;
}

/* Whatever is pending holds the module. */
FIXTURE_TEARDOWN(hostile_peer)
{
	if (self->fd < 0)
		return;
	close(self->fd);
	EXPECT_TRUE(wait_until(no_domain_is_left, NULL, DEADLINE_MS));
	EXPECT_TRUE(wait_until(users_are_as_before, &self->users, DEADLINE_MS));
	stopwatch_stop();
	EXPECT_EQ(0, stopwatch.over);
	TH_LOG("slowest call: %s, %u ms (the machine was late by %u ms)",
	       stopwatch.what, stopwatch.ms, stopwatch.late_ms);
}

static bool failed(struct flow *flow, const char *what, int error)
{
	if (error && !flow->what) {
		flow->what = what;
		flow->error = error;
	}
	return error;
}

static void frame_from_guest(struct flow *flow, int fd, const uint32_t *refs,
			     int id, uint64_t seed)
{
	int dmabuf;

	if (failed(flow, "fill", peer_fill(flow->peer, id, seed, 0, 0)) ||
	    failed(flow, "export",
		   gntdev_exp_from_refs(fd, 0, peer_domid(flow->peer), refs,
					PAGES, &dmabuf)))
		return;
	failed(flow, "content", check_dmabuf(dmabuf, PAGES, seed));
	close(dmabuf);
	failed(flow, "release", !released(fd, dmabuf));
}

static void frame_for_guest(struct flow *flow, int fd, uint64_t seed)
{
	int id, memory = heap_alloc(PAGES, O_RDWR);
	uint32_t refs[PAGES];

	if (failed(flow, "heap", memory < 0 ? memory : 0) ||
	    failed(flow, "draw", fill_dmabuf(memory, PAGES, seed)) ||
	    failed(flow, "import",
		   gntdev_imp_to_refs(fd, memory, peer_domid(flow->peer), PAGES,
				      refs)))
		return;
	id = peer_map(flow->peer, SELF, 0, refs, PAGES);
	if (failed(flow, "map", id < 0 ? id : 0))
		return;
	failed(flow, "verify", peer_verify(flow->peer, id, seed, 0, 0, NULL));
	failed(flow, "unmap", peer_release(flow->peer, id));
	failed(flow, "end", gntdev_imp_release(fd, memory));
	close(memory);
}

static void *have_frames_flow(void *arg)
{
	struct flow *flow = arg;
	uint32_t refs[PAGES];
	int id, fd = gntdev_open();

	id = peer_grant(flow->peer, SELF, 0, 1, refs, PAGES);
	failed(flow, "grant", id < 0 ? id : 0);
	while (!flow->stop && !flow->what) {
		frame_from_guest(flow, fd, refs, id, flow->frames + 1);
		if (!flow->what)
			frame_for_guest(flow, fd, ~(uint64_t)flow->frames);
		flow->frames++;
	}
	if (id > 0)
		failed(flow, "revoke", peer_release(flow->peer, id));
	close(fd);
	return NULL;
}

static void start_flow(struct __test_metadata *_metadata, struct flow *flow)
{
	*flow = (struct flow){ .peer = NULL };
	ASSERT_EQ(0, peer_open(&flow->peer, (uint16_t)atoi(getenv("DOMU")),
			       60000));
	ASSERT_EQ(0, pthread_create(&flow->thread, NULL, have_frames_flow,
				    flow));
}

static void stop_flow(struct __test_metadata *_metadata, struct flow *flow)
{
	flow->stop = true;
	pthread_join(flow->thread, NULL);
	peer_close(flow->peer);
	EXPECT_EQ(NULL, flow->what)
		TH_LOG("%s: %d", flow->what, flow->error);
	EXPECT_LT(0, flow->frames);
	TH_LOG("%u frames went each way", flow->frames);
}

/* What this domain has of a guest when the guest dies. */
struct state {
	struct victim *victim;
	const uint32_t *refs;
	int fd;
	int dmabuf;
	int memory;
	int drm;
	uint64_t index;
	void *mem;
	pthread_t thread;
	bool threaded;
	atomic_bool stop;
	int error;
};

static bool name_grants(struct state *s)
{
	return !TIMED(gntdev_map(s->fd, s->victim->domid, s->refs, PAGES,
				 &s->index));
}

static bool map_grants(struct state *s)
{
	if (!name_grants(s))
		return false;
	s->mem = TIMED(mmap(NULL, bytes_of(PAGES), RW, MAP_SHARED, s->fd,
			    (off_t)s->index));
	if (s->mem == MAP_FAILED)
		return false;
	pattern_fill(s->mem, 0, PAGES, 1);
	return true;
}

static bool export_with(struct state *s, uint32_t flags)
{
	return !TIMED(gntdev_exp_from_refs(s->fd, flags, s->victim->domid,
					   s->refs, PAGES, &s->dmabuf)) &&
	       !TIMED(fill_dmabuf(s->dmabuf, PAGES, 1));
}

static bool export_grants(struct state *s)
{
	return export_with(s, 0);
}

static bool export_coherent(struct state *s)
{
	return export_with(s, GNTDEV_DMA_FLAG_COHERENT);
}

static bool map_export(struct state *s)
{
	if (!export_grants(s))
		return false;
	s->mem = TIMED(map_dmabuf(s->dmabuf, PAGES, RW));
	return s->mem && !pattern_check(s->mem, 0, PAGES, 1, NULL);
}

/* A device has it attached and mapped as long as it has a handle of it. */
static bool attach_export(struct state *s)
{
	struct drm_prime_handle prime = { 0 };

	if (!export_grants(s))
		return false;
	s->drm = drm_open("vgem");
	prime.fd = s->dmabuf;
	return s->drm >= 0 &&
	       !TIMED(ioctl(s->drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime));
}

static void *wait_for_release(void *arg)
{
	struct state *s = arg;

	s->error = gntdev_exp_wait_released(s->fd, s->dmabuf, 2 * DEADLINE_MS);
	return NULL;
}

static bool start_thread(struct state *s, void *(*fn)(void *arg))
{
	s->threaded = !pthread_create(&s->thread, NULL, fn, s);
	return s->threaded;
}

static bool export_and_wait(struct state *s)
{
	return export_grants(s) && start_thread(s, wait_for_release);
}

static int copy_page(struct state *s, void *local)
{
	struct gntdev_grant_copy_segment segment = {
		.source.foreign = {
			.ref = s->refs[0],
			.domid = s->victim->domid,
		},
		.dest.virt = local,
		.len = GRANT_PAGE_SIZE,
		.flags = GNTCOPY_source_gref,
	};
	int ret = gntdev_copy(s->fd, &segment, 1);

	return ret ? ret : segment.status;
}

/* Copies may fail once the guest is dead, but not otherwise. */
static void *copy_all_the_time(void *arg)
{
	char local[GRANT_PAGE_SIZE];
	struct state *s = arg;

	while (!s->stop) {
		int ret = copy_page(s, local);

		if (ret && ret != -EAGAIN && ret > 0)
			s->error = ret;
	}
	return NULL;
}

static bool copy_grants(struct state *s)
{
	char local[GRANT_PAGE_SIZE];

	return copy_page(s, local) == STATUS_OKAY &&
	       start_thread(s, copy_all_the_time);
}

static bool import_for_guest(struct state *s)
{
	uint32_t refs[PAGES];

	s->memory = heap_alloc(PAGES, O_RDWR);
	return s->memory >= 0 && !fill_dmabuf(s->memory, PAGES, 1) &&
	       !TIMED(gntdev_imp_to_refs(s->fd, s->memory, s->victim->domid,
					 PAGES, refs)) &&
	       !victim_map(s->victim, refs, PAGES);
}

static bool release_while_mapped(struct state *s)
{
	return import_for_guest(s) &&
	       !TIMED(gntdev_imp_release(s->fd, s->memory));
}

static bool revoke_exported(struct state *s)
{
	return map_export(s) &&
	       !victim_set(s->victim, HOSTILE_FIRST, PAGES, 0, 0, 0);
}

static bool everything_at_once(struct state *s)
{
	return map_grants(s) && attach_export(s) && import_for_guest(s) &&
	       start_thread(s, wait_for_release);
}

/* Few rounds take the first ones. */
static const struct {
	const char *name;
	bool (*enter)(struct state *state);
} states[] = {
	{ "everything at once", everything_at_once },
	{ "import released while mapped", release_while_mapped },
	{ "copying", copy_grants },
	{ "exported and revoked", revoke_exported },
	{ "waiting for release", export_and_wait },
	{ "export attached", attach_export },
	{ "grants mapped", map_grants },
	{ "exported coherent", export_coherent },
	{ "import mapped by the guest", import_for_guest },
	{ "export mapped", map_export },
	{ "exported", export_grants },
	{ "grants named", name_grants },
	{ "nothing", NULL },
};

/* The memory of the dead is there as long as it is mapped. */
static bool inheritance_is_whole(struct state *s)
{
	return (!s->mem || !pattern_check(s->mem, 0, PAGES, 1, NULL)) &&
	       (s->dmabuf < 0 || !TIMED(check_dmabuf(s->dmabuf, PAGES, 1)));
}

/* Undo whatever there is; what a guest maps is none of our business. */
static void leave(struct state *s)
{
	if (s->mem)
		TIMED(munmap(s->mem, bytes_of(PAGES)));
	if (s->drm >= 0)
		TIMED(close(s->drm));
	if (s->dmabuf >= 0)
		TIMED(close(s->dmabuf));
	s->stop = true;
	if (s->threaded)
		pthread_join(s->thread, NULL);
	TIMED(close(s->fd));
	if (s->memory >= 0)
		TIMED(close(s->memory));
}

static void die_in_state(struct __test_metadata *_metadata,
			 FIXTURE_DATA(hostile_peer) *self, size_t number,
			 int (*end)(struct victim *victim))
{
	struct state s = {
		.victim = &self->victim,
		.refs = self->refs,
		.fd = gntdev_open(),
		.dmabuf = -1,
		.memory = -1,
		.drm = -1,
	};

	if (states[number].enter)
		EXPECT_TRUE(states[number].enter(&s));
	EXPECT_EQ(0, end(&self->victim));
	victim_disconnect(&self->victim);
	EXPECT_TRUE(wait_until(victim_is_dead, &self->victim, DEADLINE_MS));
	EXPECT_TRUE(inheritance_is_whole(&s));
	leave(&s);
	EXPECT_EQ(0, s.error);
	EXPECT_TRUE(wait_until(no_domain_is_left, NULL, DEADLINE_MS));
	if (_metadata->exit_code)
		TH_LOG("state: %s", states[number].name);
}

static unsigned int rounds_wanted(void)
{
	const char *text = getenv("GNTDEV_HOSTILE_ROUNDS");

	return text && *text ? (unsigned int)atoi(text) : ROUNDS;
}

/* While one of them dies, the next one is made. */
TEST_F_TIMEOUT(hostile_peer, guest_dies_in_every_state, SECONDS)
{
	static int (*const ends[])(struct victim *victim) = {
		victim_destroy, victim_crash,
	};
	unsigned int rounds = rounds_wanted();
	struct victim next;

	ASSERT_LT(0, rounds);
	start_flow(_metadata, &self->flow);
	ASSERT_EQ(0, victim_create(&next, victims++));
	for (unsigned int i = 0; i < rounds; i++) {
		self->victim = next;
		ASSERT_EQ(0, victim_connect(&self->victim));
		if (i + 1 < rounds)
			ASSERT_EQ(0, victim_create(&next, victims++));
		/* Of odd and even numbers, so that each dies each death. */
		die_in_state(_metadata, self, i % ARRAY_SIZE_OF(states),
			     ends[i % ARRAY_SIZE_OF(ends)]);
	}
	stop_flow(_metadata, &self->flow);
	TH_LOG("%u guests died", rounds);
}

static void new_victim(struct __test_metadata *_metadata,
		       FIXTURE_DATA(hostile_peer) *self)
{
	ASSERT_EQ(0, victim_create(&self->victim, victims++));
	ASSERT_EQ(0, victim_connect(&self->victim));
}

static void end_victim(struct __test_metadata *_metadata,
		       FIXTURE_DATA(hostile_peer) *self)
{
	EXPECT_EQ(0, victim_destroy(&self->victim));
	victim_disconnect(&self->victim);
	EXPECT_TRUE(wait_until(no_domain_is_left, NULL, DEADLINE_MS));
}

/* A list with one bad reference: every way to use it fails, with one errno. */
static void expect_refused(struct __test_metadata *_metadata,
			   FIXTURE_DATA(hostile_peer) *self, uint32_t bad,
			   int error)
{
	uint16_t domid = self->victim.domid;
	uint32_t refs[PAGES];
	int dmabuf = -1;
	struct gntdev_mapping map;

	memcpy(refs, self->refs, sizeof(refs));
	refs[PAGES / 2] = bad;
	EXPECT_EQ(error, TIMED(gntdev_exp_from_refs(self->fd, 0, domid, refs,
						    PAGES, &dmabuf)));
	EXPECT_EQ(-1, dmabuf);
	EXPECT_EQ(error, TIMED(gntdev_mapping_open(&map, self->fd, domid, refs,
						   PAGES, RW)));
}

static void expect_good(struct __test_metadata *_metadata,
			FIXTURE_DATA(hostile_peer) *self)
{
	int dmabuf = -1;

	EXPECT_EQ(0, gntdev_exp_from_refs(self->fd, 0, self->victim.domid,
					  self->refs, PAGES, &dmabuf));
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
}

/* What an honest operating system does not let a program do. */
TEST_F_TIMEOUT(hostile_peer, lies_are_refused, SECONDS)
{
	const uint32_t lie = HOSTILE_FIRST + PAGES;
	struct victim *v;

	new_victim(_metadata, self);
	v = &self->victim;
	expect_refused(_metadata, self, HOSTILE_NEVER, -EACCES);
	expect_refused(_metadata, self, REF_BEYOND_TABLE, -EINVAL);
	/* For the honest guest, for nobody, for itself. */
	ASSERT_EQ(0, victim_set(v, lie, 1, HOSTILE_PERMIT,
				(uint16_t)atoi(getenv("DOMU")), 0));
	expect_refused(_metadata, self, lie, -EACCES);
	ASSERT_EQ(0, victim_set(v, lie, 1, HOSTILE_PERMIT, DOMID_NOBODY, 0));
	expect_refused(_metadata, self, lie, -EACCES);
	ASSERT_EQ(0, victim_set(v, lie, 1, HOSTILE_PERMIT, v->domid, 0));
	expect_refused(_metadata, self, lie, -EACCES);
	/* A frame to be taken over; frames of Xen's and of nobody. */
	ASSERT_EQ(0, victim_set(v, lie, 1, HOSTILE_TRANSFER, SELF, 0));
	expect_refused(_metadata, self, lie, -EACCES);
	ASSERT_EQ(0, victim_set(v, lie, 1, HOSTILE_PERMIT, SELF, 1));
	expect_refused(_metadata, self, lie, -EACCES);
	ASSERT_EQ(0, victim_set(v, lie, 1, HOSTILE_PERMIT, SELF, UINT32_MAX));
	expect_refused(_metadata, self, lie, -EACCES);
	expect_good(_metadata, self);
	end_victim(_metadata, self);
}

/* One among the writable makes the buffer read-only, and no mapping. */
TEST_F_TIMEOUT(hostile_peer, read_only_grant_is_not_written, SECONDS)
{
	const uint32_t middle = HOSTILE_FIRST + PAGES / 2;
	struct gntdev_mapping map;
	int dmabuf = -1;

	new_victim(_metadata, self);
	ASSERT_EQ(0, victim_set(&self->victim, middle, 1,
				HOSTILE_PERMIT | HOSTILE_READONLY, SELF, 0));
	EXPECT_EQ(-EACCES, TIMED(gntdev_mapping_open(&map, self->fd,
						     self->victim.domid,
						     self->refs, PAGES, RW)));
	EXPECT_EQ(0, TIMED(gntdev_exp_from_refs(self->fd, 0, self->victim.domid,
						self->refs, PAGES, &dmabuf)));
	EXPECT_EQ(O_RDONLY, fcntl(dmabuf, F_GETFL) & O_ACCMODE);
	close(dmabuf);
	EXPECT_TRUE(released(self->fd, dmabuf));
	end_victim(_metadata, self);
}

/* Without regard for who maps them, the guest changes its entries. */
static void check_changed(struct __test_metadata *_metadata,
			  FIXTURE_DATA(hostile_peer) *self, uint32_t flags,
			  uint16_t domid)
{
	struct state s = {
		.victim = &self->victim,
		.refs = self->refs,
		.fd = gntdev_open(),
		.dmabuf = -1,
		.memory = -1,
		.drm = -1,
	};
	struct gntdev_mapping map;

	ASSERT_EQ(0, victim_set(s.victim, HOSTILE_FIRST, PAGES, HOSTILE_PERMIT,
				SELF, 0));
	ASSERT_EQ(0, TIMED(gntdev_mapping_open(&map, s.fd, s.victim->domid,
					       s.refs, PAGES, RW)));
	ASSERT_TRUE(map_export(&s));
	ASSERT_EQ(0, victim_set(s.victim, HOSTILE_FIRST, PAGES, flags, domid,
				0));
	EXPECT_TRUE(inheritance_is_whole(&s));
	pattern_fill(map.addr, 0, PAGES, 2);
	EXPECT_EQ(0, check_dmabuf(s.dmabuf, PAGES, 2));
	EXPECT_EQ(0, TIMED(gntdev_mapping_close(&map)));
	leave(&s);
}

TEST_F_TIMEOUT(hostile_peer, grants_changed_while_mapped, SECONDS)
{
	new_victim(_metadata, self);
	check_changed(_metadata, self, 0, SELF);
	check_changed(_metadata, self, HOSTILE_PERMIT | HOSTILE_READONLY, SELF);
	check_changed(_metadata, self, HOSTILE_PERMIT, DOMID_NOBODY);
	check_changed(_metadata, self, HOSTILE_TRANSFER, SELF);
	end_victim(_metadata, self);
}

/* The guest never unmaps what was shared with it; only its death does. */
TEST_F_TIMEOUT(hostile_peer, import_that_is_never_unmapped, SECONDS)
{
	struct state s = { .victim = &self->victim, .fd = gntdev_open() };
	unsigned long users, now;

	new_victim(_metadata, self);
	ASSERT_EQ(0, read_number(REFS_FILE, &users));
	ASSERT_TRUE(release_while_mapped(&s));
	EXPECT_EQ(-ENOENT, gntdev_imp_release(s.fd, s.memory));
	TIMED(close(s.fd));
	/* The file has gone, the attachment has not. */
	EXPECT_EQ(0, read_number(REFS_FILE, &now));
	EXPECT_EQ(users, now);
	/* The page belongs to the buffer still, and so to the guest. */
	EXPECT_EQ(0, victim_unmap(&self->victim));
	users--;
	EXPECT_TRUE(wait_until(users_are_as_before, &users, DEADLINE_MS));
	TIMED(close(s.memory));
	end_victim(_metadata, self);
}

TEST_HARNESS_MAIN
