// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "granter.h"

#define PEER_MS 60000

static int guest_open(struct granter *granter, bool writable)
{
	const char *guest = getenv("DOMU");
	int ret;

	if (!guest || !*guest)
		return -ENODEV;
	ret = peer_open(&granter->peer, SELF, PEER_MS);
	if (ret)
		return ret;
	granter->domid = peer_domid(granter->peer);
	granter->id = peer_grant(granter->peer, SELF,
				 writable ? 0 : PEER_READONLY, GRANTER_SEED,
				 granter->refs, granter->count);
	if (granter->id > 0)
		return 0;
	peer_close(granter->peer);
	return granter->id ? granter->id : -EPROTO;
}

static int own_open(struct granter *granter, bool writable)
{
	int ret = gnt_pages_alloc(&granter->own, SELF, granter->count,
				  writable);

	if (ret)
		return ret;
	granter->domid = SELF;
	for (uint32_t i = 0; i < granter->count; i++)
		granter->refs[i] = granter->own.refs[i];
	pattern_fill(granter->own.addr, 0, granter->count, GRANTER_SEED);
	return 0;
}

static int open_pages(struct granter *granter, uint32_t count, bool writable)
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
		ret = own_open(granter, writable);
	else
		ret = guest_open(granter, writable);
	if (ret) {
		free(granter->refs);
		granter->count = 0;
	}
	return ret;
}

int granter_open(struct granter *granter, uint32_t count)
{
	return open_pages(granter, count, true);
}

int granter_open_readonly(struct granter *granter, uint32_t count)
{
	return open_pages(granter, count, false);
}

int granter_fill(struct granter *granter, uint64_t seed)
{
	if (granter->peer)
		return peer_fill(granter->peer, granter->id, seed, 0, 0);
	pattern_fill(granter->own.addr, 0, granter->count, seed);
	return 0;
}

int granter_check(struct granter *granter, uint64_t seed)
{
	if (granter->peer)
		return peer_verify(granter->peer, granter->id, seed, 0, 0,
				   NULL);
	return (int)pattern_check(granter->own.addr, 0, granter->count, seed,
				  NULL);
}

static int guest_visits(struct peer *peer, const uint32_t *refs, uint32_t count,
			uint64_t seed)
{
	int id = peer_map(peer, SELF, 0, refs, count);
	int ret, end;

	if (id < 0)
		return id;
	ret = peer_verify(peer, id, seed, 0, 0, NULL);
	if (!ret)
		ret = peer_fill(peer, id, ~seed, 0, 0);
	end = peer_release(peer, id);
	return ret ? ret : end;
}

static int own_visits(const uint32_t *refs, uint32_t count, uint64_t seed)
{
	struct gntdev_mapping map;
	int fd = gntdev_open();
	int ret, end;

	if (fd < 0)
		return fd;
	ret = gntdev_mapping_open(&map, fd, SELF, refs, count,
				  PROT_READ | PROT_WRITE);
	if (!ret) {
		ret = (int)pattern_check(map.addr, 0, count, seed, NULL);
		pattern_fill(map.addr, 0, count, ~seed);
		end = gntdev_mapping_close(&map);
		ret = ret ? ret : end;
	}
	close(fd);
	return ret;
}

int granter_visits(struct granter *granter, const uint32_t *refs,
		   uint32_t count, uint64_t seed)
{
	if (granter->peer)
		return guest_visits(granter->peer, refs, count, seed);
	return own_visits(refs, count, seed);
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

int both_ways_open(struct granter *granter, struct dmabuf_pages *buffer,
		   int *fd, uint32_t count)
{
	int ret = granter_open(granter, count);

	if (!ret)
		ret = dmabuf_pages_alloc(buffer, count);
	if (ret)
		return ret;
	*fd = gntdev_open();
	return *fd < 0 ? *fd : 0;
}

int both_ways_close(struct granter *granter, struct dmabuf_pages *buffer,
		    int fd)
{
	close(fd);
	dmabuf_pages_free(buffer);
	return granter_close(granter);
}
