// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program in a guest that shares memory is killed, in every state that this
 * can be in, and the guest lives on: its kernel closes what the program had
 * open, while this domain uses it. Nothing of that may make a call here take
 * longer than a second, or leave anything behind; the next program shares again.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "kselftest_harness.h"
#include "flow.h"
#include "gntdev-test.h"
#include "peer.h"
#include "states.h"
#include "stopwatch.h"

#define PAGES STATE_PAGES
#define SECONDS 280
#define AGENT_MS 30000
/* An agent that takes longer to answer is taken for dead. */
#define ANSWER_MS 2000

/* The program in the guest, and what of it there is here. */
struct agent {
	uint16_t guest;
	struct peer *peer;
	unsigned long users;
};

FIXTURE(agent_death) {
	struct agent agent;
	uint32_t refs[PAGES];
	/* What the agent calls them. */
	int id;
	/* Of the variant. */
	int (*grant)(struct peer *peer, uint32_t *refs);
	bool revocable;
};

/* How the agent gets the pages that it grants. */
FIXTURE_VARIANT(agent_death) {
	int (*grant)(struct peer *peer, uint32_t *refs);
	/* May it end the grants and live? */
	bool revocable;
};

static int by_gntalloc(struct peer *peer, uint32_t *refs)
{
	return peer_grant(peer, SELF, 0, 1, refs, PAGES);
}

static int by_import(struct peer *peer, uint32_t *refs)
{
	return peer_import(peer, SELF, 1, refs, PAGES);
}

FIXTURE_VARIANT_ADD(agent_death, gntalloc) {
	.grant = by_gntalloc,
	.revocable = true,
};

FIXTURE_VARIANT_ADD(agent_death, import) {
	.grant = by_import,
};

static void agent_begin(struct __test_metadata *_metadata, struct agent *agent)
{
	const char *guest = getenv("DOMU");

	agent->guest = 0;
	if (!guest || !*guest)
		SKIP(return, "no guest (DOMU is not set)");
	ASSERT_EQ(0, module_users(&agent->users));
	agent->guest = (uint16_t)atoi(guest);
	ASSERT_EQ(0, stopwatch_start());
}

/* Whatever is mapped, imported or pending holds the module. */
static void agent_end(struct __test_metadata *_metadata, struct agent *agent)
{
	if (!agent->guest)
		return;
	EXPECT_TRUE(wait_until(module_has_users, &agent->users, DEADLINE_MS));
	stopwatch_stop();
	EXPECT_EQ(0, stopwatch.over);
	TH_LOG("slowest call: %s, %u ms (the machine was late by %u ms)",
	       stopwatch.what, stopwatch.ms, stopwatch.late_ms);
}

FIXTURE_SETUP(agent_death)
{
	self->grant = variant->grant;
	self->revocable = variant->revocable;
	agent_begin(_metadata, &self->agent);
}

FIXTURE_TEARDOWN(agent_death)
{
	agent_end(_metadata, &self->agent);
}

static int have_it_map(struct other *other, const uint32_t *refs,
		       uint32_t count)
{
	FIXTURE_DATA(agent_death) *self = other->data;
	int id = peer_map(self->agent.peer, SELF, 0, refs, count);

	return id < 0 ? id : 0;
}

static int have_it_revoke(struct other *other)
{
	FIXTURE_DATA(agent_death) *self = other->data;

	if (!self->revocable)
		return 0;
	return peer_revoke(self->agent.peer, self->id);
}

static void lose_agent(struct __test_metadata *_metadata, struct agent *agent)
{
	ASSERT_EQ(0, peer_await_successor(agent->peer, AGENT_MS));
	peer_close(agent->peer);
	agent->peer = NULL;
}

/* Numbers of grants that have ended may be those of the connection by now. */
static bool all_are_dead(FIXTURE_DATA(agent_death) *self)
{
	for (uint32_t i = 0; i < PAGES; i++)
		if (!peer_uses(self->agent.peer, self->refs[i]) &&
		    live_grants(self->agent.guest, &self->refs[i], 1))
			return false;
	return true;
}

/*
 * A grant that is mapped here when its program dies ends later. What gntalloc
 * has left over it looks at when it is asked for more.
 */
static bool grants_have_ended(void *arg)
{
	FIXTURE_DATA(agent_death) *self = arg;
	uint32_t ref;
	int id = peer_grant(self->agent.peer, SELF, 0, 1, &ref, 1);

	return id > 0 && !peer_release(self->agent.peer, id) && all_are_dead(self);
}

static void check_successor(struct __test_metadata *_metadata,
			    FIXTURE_DATA(agent_death) *self)
{
	ASSERT_EQ(0, peer_open(&self->agent.peer, self->agent.guest, AGENT_MS));
	EXPECT_TRUE(wait_until(grants_have_ended, self, DEADLINE_MS));
	peer_close(self->agent.peer);
	self->agent.peer = NULL;
}

static void die_in_state(struct __test_metadata *_metadata,
			 FIXTURE_DATA(agent_death) *self, unsigned int number)
{
	struct other other = {
		.domid = self->agent.guest,
		.refs = self->refs,
		.map = have_it_map,
		.revoke = have_it_revoke,
		.data = self,
	};
	struct state s;

	ASSERT_EQ(0, peer_open(&self->agent.peer, self->agent.guest, AGENT_MS));
	self->id = self->grant(self->agent.peer, self->refs);
	ASSERT_LT(0, self->id);
	state_begin(&s, &other);
	EXPECT_TRUE(state_enter(&s, number))
		LOG_STATE(number);
	EXPECT_EQ(0, peer_kill(self->agent.peer, 0))
		LOG_STATE(number);
	lose_agent(_metadata, &self->agent);
	EXPECT_TRUE(state_is_whole(&s))
		LOG_STATE(number);
	state_leave(&s);
	EXPECT_EQ(0, s.error)
		LOG_STATE(number);
	check_successor(_metadata, self);
	EXPECT_TRUE(wait_until(module_has_users, &self->agent.users, DEADLINE_MS))
		LOG_STATE(number);
}

TEST_F_TIMEOUT(agent_death, in_every_state, SECONDS)
{
	for (unsigned int i = 0; i < STATES; i++)
		die_in_state(_metadata, self, i);
	TH_LOG("%u agents were killed", STATES);
}

/* What a frame may fail with when the agent has gone, and nothing else. */
static bool death_explains(const struct flow *flow)
{
	if (!flow->what)
		return false;
	if (!strcmp(flow->what, "export"))
		return flow->error == -EACCES;
	return flow->error == -ETIMEDOUT;
}

FIXTURE(agent_death_in_flow) {
	struct agent agent;
};

FIXTURE_SETUP(agent_death_in_flow)
{
	agent_begin(_metadata, &self->agent);
}

FIXTURE_TEARDOWN(agent_death_in_flow)
{
	agent_end(_metadata, &self->agent);
}

/* The kill comes at any time of a frame; each time later by some of them. */
TEST_F_TIMEOUT(agent_death_in_flow, at_any_time, SECONDS)
{
	static const uint32_t delays_ms[] = { 1, 20, 50, 110, 230, 470 };
	struct agent *agent = &self->agent;
	unsigned int frames = 0;

	for (size_t i = 0; i < ARRAY_SIZE_OF(delays_ms); i++) {
		struct flow flow = { .peer = NULL };

		ASSERT_EQ(0, peer_open(&agent->peer, agent->guest, AGENT_MS));
		EXPECT_EQ(0, peer_kill(agent->peer, delays_ms[i]));
		peer_set_timeout(agent->peer, ANSWER_MS);
		flow.peer = agent->peer;
		flow_run(&flow);
		EXPECT_TRUE(death_explains(&flow))
			TH_LOG("%s: %d", flow.what, flow.error);
		frames += flow.frames;
		lose_agent(_metadata, agent);
	}
	TH_LOG("%u frames went each way", frames);
}

TEST_HARNESS_MAIN
