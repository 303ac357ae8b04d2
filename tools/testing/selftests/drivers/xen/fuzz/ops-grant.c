// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations of those who grant: this domain, and the guest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "broker.h"
#include "gntdev-test.h"
#include "ops.h"
#include "peer-proto.h"

int op_grant(struct thread *thread, const uint16_t *arg)
{
	struct object refs = { .domid = SELF, .count = 1u + arg[0] % 8 };
	int ret;

	if (!loopback_works())
		return -EOPNOTSUPP;
	ret = gnt_pages_alloc(&refs.own, SELF, refs.count, arg[1] != 1);
	if (ret)
		return ret;
	memcpy(refs.refs, refs.own.refs, refs.count * sizeof(refs.refs[0]));
	object_add(thread, OBJECT_REFS, &refs);
	return 0;
}

/* The references stay known, as numbers that do not work any more. */
int op_revoke(struct thread *thread, const uint16_t *arg)
{
	struct object refs;

	if (!object_take(thread, OBJECT_REFS, arg[0], &refs))
		return -ENOENT;
	if (refs.own.fd >= 0)
		gnt_pages_free(&refs.own);
	object_add(thread, OBJECT_REFS, &refs);
	return 0;
}

/* One thread asks at a time. */
static int ask(struct thread *thread, struct broker_message *m)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int fd = thread->state->broker, ret = -EPIPE;

	pthread_mutex_lock(&lock);
	if (send(fd, m, sizeof(*m), MSG_NOSIGNAL) == sizeof(*m) &&
	    recv(fd, m, sizeof(*m), 0) == sizeof(*m))
		ret = m->ret;
	pthread_mutex_unlock(&lock);
	return ret;
}

int op_guest_grant(struct thread *thread, const uint16_t *arg)
{
	struct object refs = { .own.fd = -1 };
	struct broker_message m = {
		.command = arg[2] == 1 ? PEER_IMPORT : PEER_GRANT,
		.flags = arg[1] == 1 ? PEER_READONLY : 0,
		.count = 1u + arg[0] % BROKER_REFS,
	};
	int ret = ask(thread, &m);

	if (ret <= 0)
		return ret;
	refs.id = ret;
	refs.domid = thread->state->guest;
	refs.count = m.count;
	memcpy(refs.refs, m.refs, m.count * sizeof(m.refs[0]));
	object_add(thread, OBJECT_REFS, &refs);
	object_add(thread, OBJECT_GUEST, &refs);
	return 0;
}

static int guest_does(struct thread *thread, uint16_t pick, uint32_t what,
		      bool take)
{
	struct broker_message m = { .command = what };
	struct object object;

	if (take)
		object_take(thread, OBJECT_GUEST, pick, &object);
	else
		object_pick(thread, OBJECT_GUEST, pick, &object);
	m.id = object.id;
	return m.id ? ask(thread, &m) : -ENOENT;
}

int op_guest_revoke(struct thread *thread, const uint16_t *arg)
{
	return guest_does(thread, arg[0], PEER_REVOKE, false);
}

int op_guest_fill(struct thread *thread, const uint16_t *arg)
{
	return guest_does(thread, arg[0], PEER_FILL, false);
}

int op_guest_release(struct thread *thread, const uint16_t *arg)
{
	return guest_does(thread, arg[0], PEER_RELEASE, true);
}

/* The way back: references of this domain, mapped by the guest. */
int op_guest_map(struct thread *thread, const uint16_t *arg)
{
	struct broker_message m = {
		.command = arg[1] == 1 ? PEER_EXPORT : PEER_MAP,
	};
	struct object refs, mapped = { .own.fd = -1 };
	int ret;

	if (!object_pick(thread, OBJECT_REFS, arg[0], &refs) || refs.domid)
		return -ENOENT;
	m.count = refs.count < BROKER_REFS ? refs.count : BROKER_REFS;
	memcpy(m.refs, refs.refs, m.count * sizeof(m.refs[0]));
	ret = ask(thread, &m);
	if (ret <= 0)
		return ret;
	mapped.id = ret;
	object_add(thread, OBJECT_GUEST, &mapped);
	return 0;
}
