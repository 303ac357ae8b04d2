// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "granter.h"

#define SEED 1
#define PEER_MS 60000

static int guest_open(struct granter *granter, uint32_t count)
{
	const char *guest = getenv("DOMU");
	int ret;

	if (!guest || !*guest)
		return -ENODEV;
	ret = peer_open(&granter->peer, SELF, PEER_MS);
	if (ret)
		return ret;
	granter->domid = peer_domid(granter->peer);
	granter->id = peer_grant(granter->peer, SELF, 0, SEED, granter->refs,
				 count);
	if (granter->id > 0)
		return 0;
	peer_close(granter->peer);
	return granter->id ? granter->id : -EPROTO;
}

static int own_open(struct granter *granter, uint32_t count)
{
	int ret = gnt_pages_alloc(&granter->own, SELF, count, true);

	if (ret)
		return ret;
	granter->domid = SELF;
	for (uint32_t i = 0; i < count; i++)
		granter->refs[i] = granter->own.refs[i];
	return 0;
}

int granter_open(struct granter *granter, uint32_t count)
{
	int ret;

	*granter = (struct granter){
		.refs = calloc(count, sizeof(*granter->refs)),
		.count = count,
		.own.fd = -1,
	};
	if (!granter->refs)
		return -ENOMEM;
	if (loopback_works())
		ret = own_open(granter, count);
	else
		ret = guest_open(granter, count);
	if (ret)
		free(granter->refs);
	return ret;
}

int granter_close(struct granter *granter)
{
	int ret, live;

	if (granter->peer)
		ret = peer_release(granter->peer, granter->id);
	else
		ret = revoke_pages(&granter->own);
	live = (int)live_grants(granter->domid, granter->refs, granter->count);
	if (granter->peer)
		peer_close(granter->peer);
	else
		gnt_pages_free(&granter->own);
	free(granter->refs);
	return ret ? ret : live;
}
