// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a domain that maps its own grant loses the granted page (PVH and HVM
 * on x86), each way to such a mapping is refused, and the page stays.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"

#define PAGES 4u
#define SEED 77u

FIXTURE(own_grants) {
	int fd;
	struct gnt_pages own;
};

FIXTURE_SETUP(own_grants)
{
	self->own = (struct gnt_pages){ .fd = -1 };
	self->fd = -1;
	if (loopback_works())
		SKIP(return, "this domain may map its own grants");
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	pattern_fill(self->own.addr, 0, PAGES, SEED);
}

FIXTURE_TEARDOWN(own_grants)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->own.fd < 0)
		return;
	EXPECT_EQ(0, pattern_check(self->own.addr, 0, PAGES, SEED, NULL));
	EXPECT_EQ(0, revoke_pages(&self->own));
	gnt_pages_free(&self->own);
}

TEST_F(own_grants, are_not_mapped)
{
	uint64_t index;

	for (uint32_t count = 1; count <= PAGES; count++)
		EXPECT_EQ(-EOPNOTSUPP, gntdev_map(self->fd, SELF,
						  self->own.refs, count,
						  &index));
}

/* One reference of a MAP, after those of another domain. */
TEST_F(own_grants, are_not_mapped_among_others)
{
	struct {
		struct ioctl_gntdev_map_grant_ref op;
		struct ioctl_gntdev_grant_ref more[PAGES];
	} map = { .op.count = PAGES };

	for (uint32_t i = 0; i < PAGES; i++)
		map.op.refs[i] = (struct ioctl_gntdev_grant_ref){
			.domid = SELF + 1, .ref = self->own.refs[i],
		};
	map.op.refs[PAGES - 1].domid = SELF;
	EXPECT_EQ(-1, ioctl(self->fd, IOCTL_GNTDEV_MAP_GRANT_REF, &map));
	EXPECT_EQ(EOPNOTSUPP, errno);
}

/* The other number that a domain may know itself by. */
TEST_F(own_grants, are_not_mapped_by_the_name_of_self)
{
	struct gntdev_mapping map;
	int ret = gntdev_mapping_open(&map, self->fd, FIRST_RESERVED_DOMID,
				      self->own.refs, PAGES, PROT_READ);

	EXPECT_NE(0, ret);
	if (!ret)
		gntdev_mapping_close(&map);
}

TEST_F(own_grants, are_not_exported)
{
	const uint32_t flags[] = {
		0, GNTDEV_DMA_FLAG_WC, GNTDEV_DMA_FLAG_COHERENT,
	};

	for (size_t i = 0; i < ARRAY_SIZE_OF(flags); i++) {
		unsigned int fds = count_open_fds();

		EXPECT_EQ(-EOPNOTSUPP, export_pages(self->fd, &self->own,
						    flags[i]));
		EXPECT_EQ(fds, count_open_fds());
	}
}

/* Naming the own domain as the one that may map a buffer maps nothing. */
TEST_F(own_grants, of_an_import_are_made_and_ended)
{
	struct dmabuf_pages buffer;
	uint32_t refs[PAGES];
	uint64_t index;

	ASSERT_EQ(0, dmabuf_pages_alloc(&buffer, PAGES));
	EXPECT_EQ(0, gntdev_imp_to_refs(self->fd, buffer.dmabuf, SELF, PAGES,
					refs));
	EXPECT_EQ(-EOPNOTSUPP, gntdev_map(self->fd, SELF, refs, PAGES, &index));
	EXPECT_EQ(0, gntdev_imp_release(self->fd, buffer.dmabuf));
	dmabuf_pages_free(&buffer);
}

TEST_HARNESS_MAIN
