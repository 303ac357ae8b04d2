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

#include "kselftest_harness.h"
#include "gntdev-test.h"
#include "flow.h"
#include "peer.h"
#include "states.h"
#include "stopwatch.h"
#include "victim.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES STATE_PAGES
#define SECONDS 3000
#define ROUNDS 4
#define DOMID_NOBODY 0x7fefu

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
	ASSERT_EQ(0, module_users(&self->users));
	for (uint32_t i = 0; i < PAGES; i++)
		self->refs[i] = HOSTILE_FIRST + i;
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, stopwatch_start());
}

/* Whatever is pending holds the module. */
FIXTURE_TEARDOWN(hostile_peer)
{
	if (self->fd < 0)
		return;
	close(self->fd);
	EXPECT_TRUE(wait_until(no_domain_is_left, NULL, DEADLINE_MS));
	EXPECT_TRUE(wait_until(module_has_users, &self->users, DEADLINE_MS));
	stopwatch_stop();
	EXPECT_EQ(0, stopwatch.over);
	TH_LOG("slowest call: %s, %u ms (the machine was late by %u ms)",
	       stopwatch.what, stopwatch.ms, stopwatch.late_ms);
}

static void start_flow(struct __test_metadata *_metadata, struct flow *flow)
{
	*flow = (struct flow){ .peer = NULL };
	ASSERT_EQ(0, peer_open(&flow->peer, (uint16_t)atoi(getenv("DOMU")),
			       60000));
	ASSERT_EQ(0, pthread_create(&flow->thread, NULL, flow_run, flow));
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

static int have_it_map(struct other *other, const uint32_t *refs,
		       uint32_t count)
{
	return victim_map(other->data, refs, count);
}

static int have_it_revoke(struct other *other)
{
	return victim_set(other->data, HOSTILE_FIRST, PAGES, 0, 0, 0);
}

static struct other other_of(FIXTURE_DATA(hostile_peer) *self)
{
	return (struct other){
		.domid = self->victim.domid,
		.refs = self->refs,
		.map = have_it_map,
		.revoke = have_it_revoke,
		.data = &self->victim,
	};
}

static void die_in_state(struct __test_metadata *_metadata,
			 FIXTURE_DATA(hostile_peer) *self, size_t number,
			 int (*end)(struct victim *victim))
{
	struct other other = other_of(self);
	struct state s;

	state_begin(&s, &other);
	EXPECT_TRUE(state_enter(&s, number))
		LOG_STATE(number);
	EXPECT_EQ(0, end(&self->victim))
		LOG_STATE(number);
	victim_disconnect(&self->victim);
	EXPECT_TRUE(wait_until(victim_is_dead, &self->victim, DEADLINE_MS))
		LOG_STATE(number);
	EXPECT_TRUE(state_is_whole(&s))
		LOG_STATE(number);
	state_leave(&s);
	EXPECT_EQ(0, s.error)
		LOG_STATE(number);
	EXPECT_TRUE(wait_until(no_domain_is_left, NULL, DEADLINE_MS))
		LOG_STATE(number);
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
		die_in_state(_metadata, self, i % STATES,
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
	struct other other = other_of(self);
	struct victim *victim = &self->victim;
	struct gntdev_mapping map;
	struct state s;

	state_begin(&s, &other);
	ASSERT_EQ(0, victim_set(victim, HOSTILE_FIRST, PAGES, HOSTILE_PERMIT,
				SELF, 0));
	ASSERT_EQ(0, TIMED(gntdev_mapping_open(&map, s.fd, other.domid,
					       other.refs, PAGES, RW)));
	ASSERT_TRUE(state_map_export(&s));
	ASSERT_EQ(0, victim_set(victim, HOSTILE_FIRST, PAGES, flags, domid,
				0));
	EXPECT_TRUE(state_is_whole(&s));
	pattern_fill(map.addr, 0, PAGES, 2);
	EXPECT_EQ(0, check_dmabuf(s.dmabuf, PAGES, 2));
	EXPECT_EQ(0, TIMED(gntdev_mapping_close(&map)));
	state_leave(&s);
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
	unsigned long users, now;
	struct other other;
	struct state s;

	if (!module_is_counted())
		SKIP(return, "the driver is part of the kernel");
	new_victim(_metadata, self);
	other = other_of(self);
	state_begin(&s, &other);
	ASSERT_EQ(0, module_users(&users));
	ASSERT_TRUE(state_release_while_mapped(&s));
	EXPECT_EQ(-ENOENT, gntdev_imp_release(s.fd, s.memory));
	TIMED(close(s.fd));
	/* The file has gone, the attachment has not. */
	EXPECT_EQ(0, module_users(&now));
	EXPECT_EQ(users, now);
	/* The page belongs to the buffer still, and so to the guest. */
	EXPECT_EQ(0, victim_unmap(&self->victim));
	users--;
	EXPECT_TRUE(wait_until(module_has_users, &users, DEADLINE_MS));
	TIMED(close(s.memory));
	end_victim(_metadata, self);
}

TEST_HARNESS_MAIN
