// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec.h"
#include "gntdev-test.h"
#include "pools.h"

#define PEER_MS		30000

static int own_pool(struct pool *pool, bool readonly)
{
	int fd, ret = gnt_pages_alloc(&pool->own, SELF, POOL_REFS, !readonly);

	/* Where pages are large there is no read-only grant of several. */
	if (ret)
		return ret == -EOPNOTSUPP ? 0 : ret;
	fd = fcntl(pool->own.fd, F_DUPFD_CLOEXEC, OWN_FDS);
	close(pool->own.fd);
	pool->own.fd = fd;
	pool->count = POOL_REFS;
	pool->readonly = readonly;
	memcpy(pool->refs, pool->own.refs, sizeof(pool->refs));
	pattern_fill(pool->own.addr, 0, POOL_REFS, POOL_SEED);
	return 0;
}

static int guest_pool(struct supply *supply, enum pool_name name, bool readonly)
{
	struct pool *pool = &supply->pools[name];
	int id = peer_grant(supply->peer, SELF, readonly ? PEER_READONLY : 0,
			    POOL_SEED, pool->refs, POOL_REFS);

	/* As above, in a guest. */
	if (id <= 0)
		return id == -EOPNOTSUPP ? 0 : id;
	supply->ids[name] = id;
	pool->domid = peer_domid(supply->peer);
	pool->count = POOL_REFS;
	pool->readonly = readonly;
	return 0;
}

static int open_guest(struct supply *supply)
{
	const char *guest = getenv("DOMU");
	int ret;

	if (!guest || !*guest)
		return 0;
	ret = peer_open(&supply->peer, 0, PEER_MS);
	if (ret)
		return ret;
	peer_set_timeout(supply->peer, PEER_MS);
	ret = guest_pool(supply, POOL_GUEST, false);
	return ret ? ret : guest_pool(supply, POOL_GUEST_RO, true);
}

int supply_open(struct supply *supply)
{
	int ret = 0;

	memset(supply, 0, sizeof(*supply));
	for (uint32_t i = 0; i < POOLS; i++)
		supply->pools[i].own.fd = -1;
	if (loopback_works()) {
		ret = own_pool(&supply->pools[POOL_OWN], false);
		if (!ret)
			ret = own_pool(&supply->pools[POOL_OWN_RO], true);
	}
	return ret ? ret : open_guest(supply);
}

bool supply_intact(const struct supply *supply)
{
	const struct pool *pool = &supply->pools[POOL_OWN_RO];

	return !pool->count ||
		!pattern_check(pool->own.addr, 0, POOL_REFS, POOL_SEED, NULL);
}

int supply_close(struct supply *supply)
{
	int ret = 0;

	for (uint32_t i = 0; i < POOLS; i++) {
		struct pool *pool = &supply->pools[i];

		if (supply->ids[i] && !ret)
			ret = peer_release(supply->peer, supply->ids[i]);
		if (pool->own.fd >= 0)
			gnt_pages_free(&pool->own);
	}
	for (uint32_t i = 0; i < POOLS; i++)
		ret = ret ? ret : (int)live_grants(supply->pools[i].domid,
						   supply->pools[i].refs,
						   supply->pools[i].count);
	if (supply->peer)
		peer_close(supply->peer);
	return ret;
}
