// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker.h"
#include "peer.h"

#define SELF_DOMID 0

static bool is_dead(int ret)
{
	return ret == -ETIMEDOUT || ret == -EPROTO;
}

static int own(struct broker_client *client, int id)
{
	for (uint32_t i = 0; id > 0 && i < BROKER_OBJECTS; i++) {
		if (!client->ids[i]) {
			client->ids[i] = id;
			break;
		}
	}
	return id;
}

static int disown(struct broker_client *client, int id)
{
	for (uint32_t i = 0; id > 0 && i < BROKER_OBJECTS; i++) {
		if (client->ids[i] == id) {
			client->ids[i] = 0;
			return 0;
		}
	}
	return -ENOENT;
}

static bool is_full(const struct broker_client *client)
{
	for (uint32_t i = 0; i < BROKER_OBJECTS; i++) {
		if (!client->ids[i])
			return false;
	}
	return true;
}

static int make(struct peer *peer, struct broker_client *client,
		struct broker_message *m)
{
	int id;

	if (is_full(client))
		return -ENOSPC;
	switch (m->command) {
	case PEER_GRANT:
		id = peer_grant(peer, SELF_DOMID, m->flags, 1, m->refs,
				m->count);
		break;
	case PEER_IMPORT:
		id = peer_import(peer, SELF_DOMID, 1, m->refs, m->count);
		break;
	case PEER_MAP:
		id = peer_map(peer, SELF_DOMID, m->flags, m->refs, m->count);
		break;
	default:
		id = peer_export(peer, SELF_DOMID, m->flags, m->refs, m->count);
		break;
	}
	return own(client, id);
}

static int answer(struct peer *peer, struct broker_client *client,
		  struct broker_message *m)
{
	if (!peer)
		return -ENODEV;
	switch (m->command) {
	case PEER_GRANT:
	case PEER_IMPORT:
	case PEER_MAP:
	case PEER_EXPORT:
		return make(peer, client, m);
	case PEER_FILL:
		return peer_fill(peer, m->id, m->id, 0, 0);
	case PEER_REVOKE:
		return peer_revoke(peer, m->id);
	case PEER_RELEASE:
		return disown(client, m->id) ? -ENOENT :
			peer_release(peer, m->id);
	}
	return -EINVAL;
}

int broker_serve(struct peer *peer, struct broker_client *client)
{
	struct broker_message m;
	ssize_t got = recv(client->socket, &m, sizeof(m), MSG_DONTWAIT);

	if (got != sizeof(m))
		return 0;
	m.ret = answer(peer, client, &m);
	send(client->socket, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL);
	return is_dead(m.ret) ? m.ret : 0;
}

int broker_end(struct peer *peer, struct broker_client *client)
{
	int ret = 0;

	for (uint32_t i = 0; i < BROKER_OBJECTS; i++) {
		int id = client->ids[i];

		client->ids[i] = 0;
		if (id && is_dead(peer_release(peer, id)))
			ret = -ETIMEDOUT;
	}
	close(client->socket);
	client->socket = -1;
	return ret;
}
