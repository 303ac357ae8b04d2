// SPDX-License-Identifier: GPL-2.0-only
/*
 * SET_UNMAP_NOTIFY: a peer is told when a range is unmapped, however that
 * comes about.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>

#include <stdint.h>

/* Xen's name, which its header takes for granted. */
typedef uint16_t domid_t;
#include <xen/evtchn.h>

#include "kselftest_harness.h"
#include "gntdev-test.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES cut(4)
/* The byte to be cleared, in the third page. */
#define BYTE (2 * GRANT_PAGE_SIZE + 123)

FIXTURE(notify) {
	int fd;
	struct gnt_pages own;
	struct gntdev_mapping map;
	/* An event channel within this domain: both ends are here. */
	int near_end;
	int far_end;
	uint32_t near_port;
	uint32_t far_port;
};

static int open_channel(FIXTURE_DATA(notify) *self)
{
	struct ioctl_evtchn_bind_unbound_port unbound = {
		.remote_domain = SELF,
	};
	struct ioctl_evtchn_bind_interdomain bind = { .remote_domain = SELF };
	int port;

	self->far_end = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);
	self->near_end = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);
	if (self->far_end < 0 || self->near_end < 0)
		return -errno;
	port = ioctl(self->far_end, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &unbound);
	if (port < 0)
		return -errno;
	self->far_port = (uint32_t)port;
	bind.remote_port = self->far_port;
	port = ioctl(self->near_end, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);
	if (port < 0)
		return -errno;
	self->near_port = (uint32_t)port;
	return 0;
}

/* Consume one event of the far end, if it comes in time. */
static bool event_came(FIXTURE_DATA(notify) *self, int ms)
{
	struct pollfd wait = { .fd = self->far_end, .events = POLLIN };
	uint32_t port = 0;

	if (poll(&wait, 1, ms) != 1)
		return false;
	if (read(self->far_end, &port, sizeof(port)) != sizeof(port))
		return false;
	/* Writing the port unmasks it for the next event. */
	return port == self->far_port &&
	       write(self->far_end, &port, sizeof(port)) == sizeof(port);
}

FIXTURE_SETUP(notify)
{
	self->own.fd = -1;
	self->fd = -1;
	self->near_end = -1;
	self->far_end = -1;
	if (!loopback_works())
		SKIP(return, NO_LOOPBACK);
	self->fd = gntdev_open();
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, gnt_pages_alloc(&self->own, SELF, PAGES, true));
	memset(self->own.addr, 0xff, bytes_of(PAGES));
	ASSERT_EQ(0, open_channel(self));
	/* Binding a channel sends a first event. */
	while (event_came(self, 0))
		;
	ASSERT_EQ(0, gntdev_mapping_open(&self->map, self->fd, SELF,
					 self->own.refs, PAGES, RW));
}

static int munmap_pages(FIXTURE_DATA(notify) *self)
{
	int ret = munmap(self->map.addr, bytes_of(PAGES));

	self->map.addr = NULL;
	return ret;
}

FIXTURE_TEARDOWN(notify)
{
	if (self->own.fd < 0)
		return;
	gntdev_mapping_close(&self->map);
	close(self->fd);
	EXPECT_EQ(0, revoke_pages(&self->own));
	EXPECT_EQ(0, live_grants(SELF, self->own.refs, PAGES));
	gnt_pages_free(&self->own);
	close(self->near_end);
	close(self->far_end);
}

/* Number of bytes of the granted pages that are not as set up. */
static size_t changed_bytes(const FIXTURE_DATA(notify) *self)
{
	const unsigned char *mem = self->own.addr;
	size_t changed = 0;

	for (size_t i = 0; i < bytes_of(PAGES); i++)
		changed += mem[i] != 0xff;
	return changed;
}

static bool byte_is_clear(void *arg)
{
	return !__atomic_load_n((unsigned char *)arg, __ATOMIC_ACQUIRE);
}

static unsigned char *marked_byte(FIXTURE_DATA(notify) *self)
{
	return (unsigned char *)self->own.addr + BYTE;
}

static int set_notify(FIXTURE_DATA(notify) *self, uint32_t action)
{
	return gntdev_set_unmap_notify(self->fd, self->map.index + BYTE, action,
				       self->near_port);
}

TEST_F(notify, byte_is_cleared_by_munmap)
{
	ASSERT_EQ(0, set_notify(self, UNMAP_NOTIFY_CLEAR_BYTE));
	EXPECT_EQ(0, changed_bytes(self));
	EXPECT_EQ(0, gntdev_mapping_close(&self->map));
	EXPECT_EQ(0, *marked_byte(self));
	EXPECT_EQ(1, changed_bytes(self));
	EXPECT_FALSE(event_came(self, 0));
}

TEST_F(notify, event_is_sent_by_munmap)
{
	ASSERT_EQ(0, set_notify(self, UNMAP_NOTIFY_SEND_EVENT));
	EXPECT_FALSE(event_came(self, 0));
	EXPECT_EQ(0, gntdev_mapping_close(&self->map));
	EXPECT_TRUE(event_came(self, DEADLINE_MS));
	EXPECT_FALSE(event_came(self, 0));
	EXPECT_EQ(0, changed_bytes(self));
}

TEST_F(notify, byte_is_clear_when_the_event_comes)
{
	ASSERT_EQ(0, set_notify(self, UNMAP_NOTIFY_CLEAR_BYTE |
				      UNMAP_NOTIFY_SEND_EVENT));
	EXPECT_EQ(0, gntdev_mapping_close(&self->map));
	EXPECT_TRUE(event_came(self, DEADLINE_MS));
	EXPECT_EQ(0, *marked_byte(self));
	EXPECT_EQ(1, changed_bytes(self));
}

TEST_F(notify, first_and_last_byte_of_the_map)
{
	const size_t last = bytes_of(PAGES) - 1;
	unsigned char *mem = self->own.addr;

	ASSERT_EQ(0, gntdev_set_unmap_notify(self->fd, self->map.index,
					     UNMAP_NOTIFY_CLEAR_BYTE, 0));
	ASSERT_EQ(0, munmap_pages(self));
	EXPECT_EQ(0, mem[0]);
	EXPECT_EQ(1, changed_bytes(self));
	self->map.addr = mmap(NULL, bytes_of(PAGES), RW, MAP_SHARED, self->fd,
			      (off_t)self->map.index);
	ASSERT_NE(MAP_FAILED, self->map.addr);
	ASSERT_EQ(0, gntdev_set_unmap_notify(self->fd, self->map.index + last,
					     UNMAP_NOTIFY_CLEAR_BYTE, 0));
	EXPECT_EQ(0, gntdev_mapping_close(&self->map));
	EXPECT_EQ(0, mem[last]);
}

TEST_F(notify, waits_for_the_last_part_of_the_mapping)
{
	ASSERT_EQ(0, set_notify(self, UNMAP_NOTIFY_CLEAR_BYTE |
				      UNMAP_NOTIFY_SEND_EVENT));
	ASSERT_EQ(0, munmap(self->map.addr, bytes_of(cut(1))));
	EXPECT_EQ(0xff, *marked_byte(self));
	EXPECT_FALSE(event_came(self, 0));
	ASSERT_EQ(0, munmap_pages(self));
	EXPECT_EQ(0, *marked_byte(self));
	EXPECT_TRUE(event_came(self, DEADLINE_MS));
}

TEST_F(notify, unmap_command_waits_for_munmap)
{
	ASSERT_EQ(0, set_notify(self, UNMAP_NOTIFY_CLEAR_BYTE));
	ASSERT_EQ(0, gntdev_unmap(self->fd, self->map.index, PAGES));
	EXPECT_EQ(0, changed_bytes(self));
	ASSERT_EQ(0, munmap_pages(self));
	EXPECT_EQ(0, *marked_byte(self));
}

TEST_F(notify, close_waits_for_munmap)
{
	ASSERT_EQ(0, set_notify(self, UNMAP_NOTIFY_CLEAR_BYTE));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, changed_bytes(self));
	ASSERT_EQ(0, munmap_pages(self));
	EXPECT_EQ(0, *marked_byte(self));
}

TEST_F(notify, action_zero_cancels)
{
	ASSERT_EQ(0, set_notify(self, UNMAP_NOTIFY_CLEAR_BYTE |
				      UNMAP_NOTIFY_SEND_EVENT));
	ASSERT_EQ(0, set_notify(self, 0));
	EXPECT_EQ(0, gntdev_mapping_close(&self->map));
	EXPECT_EQ(0, changed_bytes(self));
	EXPECT_FALSE(event_came(self, 0));
}

TEST_F(notify, later_request_replaces_the_earlier)
{
	ASSERT_EQ(0, gntdev_set_unmap_notify(self->fd, self->map.index + 7,
					     UNMAP_NOTIFY_CLEAR_BYTE, 0));
	ASSERT_EQ(0, set_notify(self, UNMAP_NOTIFY_CLEAR_BYTE));
	EXPECT_EQ(0, gntdev_mapping_close(&self->map));
	EXPECT_EQ(0, *marked_byte(self));
	EXPECT_EQ(1, changed_bytes(self));
}

TEST_F(notify, failed_request_keeps_the_earlier)
{
	ASSERT_EQ(0, set_notify(self, UNMAP_NOTIFY_CLEAR_BYTE));
	EXPECT_EQ(-EINVAL, set_notify(self, 4));
	EXPECT_EQ(-EINVAL, gntdev_set_unmap_notify(self->fd, self->map.index,
						   UNMAP_NOTIFY_SEND_EVENT,
						   0xfffff));
	EXPECT_EQ(0, gntdev_mapping_close(&self->map));
	EXPECT_EQ(0, *marked_byte(self));
	EXPECT_EQ(1, changed_bytes(self));
}

/* A child that maps the pages, asks for notification and ends as told. */
static pid_t start_user(FIXTURE_DATA(notify) *self, int ready, int sig)
{
	pid_t child = fork();
	struct gntdev_mapping map;
	int fd;

	if (child)
		return child;
	fd = gntdev_open();
	if (fd < 0 ||
	    gntdev_mapping_open(&map, fd, SELF, self->own.refs, PAGES, RW) ||
	    gntdev_set_unmap_notify(fd, map.index + BYTE,
				    UNMAP_NOTIFY_CLEAR_BYTE |
				    UNMAP_NOTIFY_SEND_EVENT, self->near_port))
		_exit(1);
	if (!sig)
		_exit(0);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void check_end_of_user(struct __test_metadata *_metadata,
			      FIXTURE_DATA(notify) *self, int sig)
{
	int ready[2];
	int status;
	char byte;
	pid_t child;

	ASSERT_EQ(0, gntdev_mapping_close(&self->map));
	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	child = start_user(self, ready[1], sig);
	ASSERT_LT(0, child);
	close(ready[1]);
	if (sig) {
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		EXPECT_EQ(0xff, *marked_byte(self));
		ASSERT_EQ(0, kill(child, sig));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	if (!sig) {
		ASSERT_TRUE(WIFEXITED(status));
		ASSERT_EQ(0, WEXITSTATUS(status));
	}
	EXPECT_TRUE(event_came(self, DEADLINE_MS));
	EXPECT_TRUE(wait_until(byte_is_clear, marked_byte(self), DEADLINE_MS));
	EXPECT_EQ(1, changed_bytes(self));
	close(ready[0]);
}

TEST_F(notify, exit_notifies)
{
	check_end_of_user(_metadata, self, 0);
}

TEST_F(notify, sigkill_notifies)
{
	check_end_of_user(_metadata, self, SIGKILL);
}

TEST_F(notify, sigsegv_notifies)
{
	check_end_of_user(_metadata, self, SIGSEGV);
}

TEST_F(notify, unknown_actions_are_refused)
{
	for (uint32_t bit = 2; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, set_notify(self, 1u << bit));
	EXPECT_EQ(-EINVAL, set_notify(self, ~0u));
}

TEST_F(notify, address_outside_any_map_is_refused)
{
	uint64_t end = self->map.index + bytes_of(PAGES);
	const uint32_t clear = UNMAP_NOTIFY_CLEAR_BYTE;

	EXPECT_EQ(-ENOENT, gntdev_set_unmap_notify(self->fd, end, clear, 0));
	EXPECT_EQ(-ENOENT, gntdev_set_unmap_notify(self->fd, ~0ull, clear, 0));
	EXPECT_EQ(-ENOENT, gntdev_set_unmap_notify(self->fd, 1ull << 63, clear,
						   0));
	EXPECT_EQ(-ENOENT, gntdev_set_unmap_notify(self->fd,
						   (1ull << 44) + BYTE, clear,
						   0));
}

TEST_F(notify, bad_event_channel_is_refused)
{
	static const uint32_t bad[] = { 0, 0xfffff, 0x7fffffff, ~0u };

	for (size_t i = 0; i < ARRAY_SIZE_OF(bad); i++)
		EXPECT_EQ(-EINVAL,
			  gntdev_set_unmap_notify(self->fd, self->map.index,
						  UNMAP_NOTIFY_SEND_EVENT,
						  bad[i]));
}

TEST_F(notify, read_only_map_clears_no_byte)
{
	struct gntdev_mapping map;

	ASSERT_EQ(0, gntdev_mapping_close(&self->map));
	ASSERT_EQ(0, gntdev_mapping_open(&map, self->fd, SELF, self->own.refs,
					 PAGES, PROT_READ));
	EXPECT_EQ(-EINVAL, gntdev_set_unmap_notify(self->fd, map.index + BYTE,
						   UNMAP_NOTIFY_CLEAR_BYTE, 0));
	EXPECT_EQ(0, gntdev_set_unmap_notify(self->fd, map.index + BYTE,
					     UNMAP_NOTIFY_SEND_EVENT,
					     self->near_port));
	EXPECT_EQ(0, gntdev_mapping_close(&map));
	EXPECT_TRUE(event_came(self, DEADLINE_MS));
	EXPECT_EQ(0, changed_bytes(self));
}

/* A kernel that clears the byte through a read-only mapping faults. */
TEST_F(notify, clear_byte_then_read_only_mmap)
{
	uint64_t index;
	void *mem;

	ASSERT_EQ(0, gntdev_mapping_close(&self->map));
	ASSERT_EQ(0, gntdev_map(self->fd, SELF, self->own.refs, PAGES, &index));
	ASSERT_EQ(0, gntdev_set_unmap_notify(self->fd, index + BYTE,
					     UNMAP_NOTIFY_CLEAR_BYTE, 0));
	mem = mmap(NULL, bytes_of(PAGES), PROT_READ, MAP_SHARED, self->fd,
		   (off_t)index);
	EXPECT_EQ(MAP_FAILED, mem);
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, changed_bytes(self));
	ASSERT_EQ(0, gntdev_unmap(self->fd, index, PAGES));
}

/* Nothing is mapped, so there is nothing to clear it through. */
TEST_F(notify, never_mapped_range_may_be_dropped)
{
	uint64_t index;

	ASSERT_EQ(0, gntdev_mapping_close(&self->map));
	ASSERT_EQ(0, gntdev_map(self->fd, SELF, self->own.refs, PAGES, &index));
	ASSERT_EQ(0, gntdev_set_unmap_notify(self->fd, index + BYTE,
					     UNMAP_NOTIFY_CLEAR_BYTE, 0));
	EXPECT_EQ(0, gntdev_unmap(self->fd, index, PAGES));
	EXPECT_EQ(0, changed_bytes(self));
}

/* The device holds the channel itself: closing the user's end is no harm. */
TEST_F(notify, channel_closed_before_munmap)
{
	ASSERT_EQ(0, set_notify(self, UNMAP_NOTIFY_SEND_EVENT));
	close(self->near_end);
	self->near_end = -1;
	EXPECT_EQ(0, gntdev_mapping_close(&self->map));
	EXPECT_TRUE(event_came(self, DEADLINE_MS));
}

TEST_HARNESS_MAIN
