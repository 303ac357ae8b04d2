// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows guests that have Xen's virtual display (vdispl) on KMS devices of this
 * domain, without a copy of their frames:
 *
 *	vdispl-backend --output NAME=NODE[,INDEX] ... [--copy] [--stats]
 *
 * One process, one loop; nothing in it waits for a guest or for a screen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <xentoollog.h>

#include "bus.h"

#define STATS_SECONDS	10
#define POLL_MS		5
#define LOOK_MS		1000

struct backend {
	struct display display;
	struct xen_handles xen;
	struct bus bus;
	int epoll;
	int signals;
	int timer;
	uint64_t looked;	/* in ns */
	bool stop;
};

static int add_source(struct backend *be, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return epoll_ctl(be->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_signals(struct backend *be)
{
	sigset_t set;

	/* Whoever reads the output may go: no reason to leave guests alone. */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	be->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return be->signals < 0 ? -errno : add_source(be, be->signals);
}

static int open_timer(struct backend *be)
{
	struct itimerspec spec = {
		.it_interval.tv_sec = STATS_SECONDS,
		.it_value.tv_sec = STATS_SECONDS,
	};

	if (!be->bus.stats)
		return 0;
	be->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (be->timer < 0 || timerfd_settime(be->timer, 0, &spec, NULL))
		return -errno;
	return add_source(be, be->timer);
}

/*
 * The library reports each reference that cannot be mapped, and each question
 * for pages still in use: a guest would fill the log.
 */
static void drop_message(struct xentoollog_logger *logger,
			 xentoollog_level level, int error, const char *context,
			 const char *format, va_list args)
{
	(void)logger;
	(void)level;
	(void)error;
	(void)context;
	(void)format;
	(void)args;
}

static void keep_logger(struct xentoollog_logger *logger)
{
	(void)logger;
}

static int open_xen(struct backend *be)
{
	static struct xentoollog_logger silent = {
		.vmessage = drop_message,
		.destroy = keep_logger,
	};
	int ret;

	be->xen.null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (be->xen.null < 0)
		return -errno;
	be->xen.gnttab = xengnttab_open(&silent, 0);
	be->xen.evtchn = xenevtchn_open(NULL, 0);
	if (!be->xen.gnttab || !be->xen.evtchn) {
		fprintf(stderr, "vdispl: cannot open the devices of Xen\n");
		return errno ? -errno : -ENODEV;
	}
	ret = add_source(be, xenevtchn_fd(be->xen.evtchn));
	if (ret)
		return ret;
	be->bus.display = &be->display;
	be->bus.xen = &be->xen;
	ret = bus_open(&be->bus);
	return ret ? ret : add_source(be, bus_fd(&be->bus));
}

/* Each buffer of a guest takes a descriptor. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int set_up(struct backend *be)
{
	int ret;

	allow_descriptors();
	be->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (be->epoll < 0)
		return -errno;
	for (unsigned int i = 0; i < be->display.num_cards; i++) {
		ret = add_source(be, be->display.cards[i].fd);
		if (ret)
			return ret;
	}
	ret = open_signals(be);
	if (!ret)
		ret = open_timer(be);
	return ret ? ret : open_xen(be);
}

static void tear_down(struct backend *be)
{
	bus_close(&be->bus);
	if (be->xen.evtchn)
		xenevtchn_close(be->xen.evtchn);
	if (be->xen.gnttab)
		xengnttab_close(be->xen.gnttab);
	display_close(&be->display);
}

static void handle_port(struct backend *be)
{
	xenevtchn_port_or_error_t port = xenevtchn_pending(be->xen.evtchn);

	if (port < 0)
		return;
	xenevtchn_unmask(be->xen.evtchn, (evtchn_port_t)port);
	for (struct device *d = be->bus.devices; d; d = d->next)
		if (d->connected && device_wake(d, port))
			return;
}

static void handle_timer(struct backend *be)
{
	uint64_t ticks;

	if (read(be->timer, &ticks, sizeof(ticks)) != sizeof(ticks))
		return;
	for (struct device *d = be->bus.devices; d; d = d->next)
		device_print_stats(d);
}

static void handle_source(struct backend *be, int fd)
{
	if (fd == be->signals)
		be->stop = true;
	else if (fd == be->timer)
		handle_timer(be);
	else if (fd == bus_fd(&be->bus))
		bus_dispatch(&be->bus);
	else if (fd == xenevtchn_fd(be->xen.evtchn))
		handle_port(be);
	for (unsigned int i = 0; i < be->display.num_cards; i++)
		if (fd == be->display.cards[i].fd)
			display_dispatch(&be->display.cards[i]);
}

/* A look at what tells nothing of itself, which takes time: once a second. */
static void look(struct backend *be)
{
	uint64_t now = now_ns();
	struct card *card;

	if (now - be->looked < LOOK_MS * 1000000ull)
		return;
	be->looked = now;
	while ((card = display_lost(&be->display))) {
		fprintf(stderr, "vdispl: %s has gone\n", card->node);
		epoll_ctl(be->epoll, EPOLL_CTL_DEL, card->fd, NULL);
		display_drop(&be->display, card);
	}
	for (struct device *d = be->bus.devices; d; d = d->next)
		store_reap(&d->store);
	numbers_reap(&be->xen);
}

/* Whether there is anything that such a look may find. */
static bool has_to_look(const struct backend *be)
{
	if (display_busy(&be->display) || be->xen.kept)
		return true;
	for (struct device *d = be->bus.devices; d; d = d->next)
		if (d->store.lingering || d->closing || d->num_waiting)
			return true;
	return false;
}

/* Return: how long the loop may sleep then, in ms. */
static int serve_all(struct backend *be)
{
	int timeout = -1;

	look(be);
	bus_follow(&be->bus);
	for (struct device *d = be->bus.devices; d; d = d->next) {
		int ret = d->connected ? device_serve(d) : 0;

		if (ret < 0)
			bus_expel(&be->bus, d, ret);
		else if (ret)
			timeout = 0;
		if (timeout && device_polls(d))
			timeout = POLL_MS;
	}
	return timeout < 0 && has_to_look(be) ? LOOK_MS : timeout;
}

static int run(struct backend *be)
{
	int timeout = -1;

	while (!be->stop) {
		struct epoll_event events[8];
		int count = epoll_wait(be->epoll, events, 8, timeout);

		if (count < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < count; i++)
			handle_source(be, events[i].data.fd);
		timeout = serve_all(be);
	}
	return 0;
}

static int parse(struct backend *be, int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "copy", no_argument, NULL, 'c' },
		{ "stats", no_argument, NULL, 's' },
		{ 0 },
	};
	int opt, ret = 0;

	while ((opt = getopt_long(argc, argv, "o:cs", options, NULL)) != -1) {
		if (opt == 'o')
			ret = display_add(&be->display, optarg);
		else if (opt == 'c')
			be->bus.copy = true;
		else if (opt == 's')
			be->bus.stats = true;
		else
			return -EINVAL;
		if (ret) {
			fprintf(stderr, "vdispl: %s: %s\n", optarg,
				strerror(-ret));
			return ret;
		}
	}
	return be->display.num_outputs ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct backend be = { .epoll = -1, .signals = -1, .timer = -1 };
	int ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (parse(&be, argc, argv)) {
		fprintf(stderr, "usage: %s --output NAME=NODE[,INDEX]... ",
			argv[0]);
		fprintf(stderr, "[--copy] [--stats]\n");
		return 2;
	}
	ret = set_up(&be);
	if (!ret)
		ret = run(&be);
	if (ret)
		fprintf(stderr, "vdispl: %s\n", strerror(-ret));
	tear_down(&be);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
