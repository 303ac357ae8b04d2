// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches an emulated machine that runs framedemo: follows its serial line,
 * takes a picture of its screen whenever a frame is announced, compares it
 * pixel by pixel, and tells the machine to go on.
 *
 *	framewatch MONITOR-SOCKET SERIAL-SOCKET FOLDER
 *
 * Pictures and the result lines (file "results") go to FOLDER. Exits with 0
 * when every frame was as it should be and the machine reported success.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "screen.h"

#define WIDTH		800u
#define HEIGHT		600u
#define SILENCE_MS	240000	/* longest time without a line */
#define MONITOR_MS	30000
#define PROMPT		"(qemu) "

struct stream {
	int fd;
	size_t used;
	char data[8192];
};

struct watch {
	struct stream monitor;
	struct stream serial;
	const char *folder;
	FILE *results;
	unsigned int pictures;
	unsigned int failures;
	bool over;
	int status;
};

struct shown {
	char way[32];
	uint32_t frame;
	uint64_t seed;
	uint64_t digest;
};

static void print_clock(void)
{
	const char *epoch = getenv("RIG_EPOCH");
	long start = epoch ? strtol(epoch, NULL, 10) : 0;
	long elapsed = start ? (long)time(NULL) - start : 0;

	fprintf(stderr, "[%02ld:%02ld] ", elapsed / 60, elapsed % 60);
}

#define say(...)				\
	do {					\
		print_clock();			\
		fprintf(stderr, __VA_ARGS__);	\
		fputc('\n', stderr);		\
	} while (0)

static int open_stream(struct stream *stream, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	stream->used = 0;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	stream->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (stream->fd < 0)
		return -errno;
	if (connect(stream->fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return 0;
}

/* Return: 0, or a negative errno (EPIPE at the end of the stream). */
static int fill_stream(struct stream *stream, int timeout_ms)
{
	struct pollfd pfd = { .fd = stream->fd, .events = POLLIN };
	size_t room = sizeof(stream->data) - 1 - stream->used;
	int ready = poll(&pfd, 1, timeout_ms);
	ssize_t got;

	if (ready <= 0)
		return ready ? -errno : -ETIMEDOUT;
	if (!room)
		return -EMSGSIZE;
	got = read(stream->fd, stream->data + stream->used, room);
	if (got <= 0)
		return got ? -errno : -EPIPE;
	stream->used += (size_t)got;
	stream->data[stream->used] = '\0';
	return 0;
}

static int send_text(struct stream *stream, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t sent = send(stream->fd, text, left, MSG_NOSIGNAL);

		if (sent < 0)
			return -errno;
		text += sent;
		left -= (size_t)sent;
	}
	return 0;
}

/*
 * The monitor echoes the whole line for each character typed, so the echo of a
 * long path is very much longer. Only the end of it, with the answer, matters.
 */
static void forget_echo(struct stream *monitor)
{
	const size_t keep = sizeof(monitor->data) / 4;

	if (monitor->used <= 2 * keep)
		return;
	memmove(monitor->data, monitor->data + monitor->used - keep, keep + 1);
	monitor->used = keep;
}

/* Wait for the monitor's prompt; the answer before it stays in the buffer. */
static int await_prompt(struct stream *monitor)
{
	for (;;) {
		size_t len = strlen(PROMPT);
		int ret;

		forget_echo(monitor);

		if (monitor->used >= len &&
		    !strcmp(monitor->data + monitor->used - len, PROMPT))
			return 0;
		ret = fill_stream(monitor, MONITOR_MS);
		if (ret)
			return ret;
	}
}

static int take_picture(struct watch *watch, const char *png)
{
	char command[4200];
	char *error;
	int ret;

	snprintf(command, sizeof(command), "screendump \"%s\" -f png\n", png);
	watch->monitor.used = 0;
	watch->monitor.data[0] = '\0';
	ret = send_text(&watch->monitor, command);
	if (!ret)
		ret = await_prompt(&watch->monitor);
	if (ret)
		return ret;
	error = strstr(watch->monitor.data, "Error");
	if (error) {
		say("error: QEMU: %s", error);
		return -EIO;
	}
	return 0;
}

static bool parse_shown(const char *line, struct shown *shown)
{
	return sscanf(line, "FRAMEDEMO %*s way=%31s frame=%" SCNu32 " seed=%"
		      SCNu64 " digest=%" SCNx64, shown->way, &shown->frame,
		      &shown->seed, &shown->digest) == 4;
}

/* What the guest read back from its memory after it drew. */
static bool check_digest(const struct shown *shown)
{
	if (shown->digest == screen_digest(WIDTH, HEIGHT, shown->frame,
					   shown->seed))
		return true;
	say("error: %s: the guest did not draw frame %" PRIu32 " as it should",
	    shown->way, shown->frame);
	return false;
}

static bool check_picture(struct watch *watch, const struct shown *shown)
{
	struct screen_check check;
	char png[4096], wanted[4096];
	int ret;

	snprintf(png, sizeof(png), "%s/%s-%03" PRIu32 ".png", watch->folder,
		 shown->way, shown->frame);
	ret = take_picture(watch, png);
	if (!ret)
		ret = screen_check(png, shown->frame, shown->seed, &check);
	if (ret) {
		say("error: no picture of the screen in %s: %s", png,
		    strerror(-ret));
		return false;
	}
	if (check.width == WIDTH && check.height == HEIGHT && !check.wrong) {
		watch->pictures++;
		say("%s: frame %" PRIu32 " is on the screen, all %u pixels as drawn",
		    shown->way, shown->frame, WIDTH * HEIGHT);
		return true;
	}
	snprintf(wanted, sizeof(wanted), "%s/%s-%03" PRIu32 "-expected.png",
		 watch->folder, shown->way, shown->frame);
	screen_save_expected(wanted, &check, shown->frame, shown->seed);
	say("error: %s: frame %" PRIu32 ": %" PRIu32 " pixels of %ux%u differ",
	    shown->way, shown->frame, check.wrong, check.width, check.height);
	say("error: the first at %u,%u; compare %s and %s", check.x, check.y,
	    png, wanted);
	return false;
}

static void handle_frame(struct watch *watch, const char *line, bool on_screen)
{
	struct shown shown;
	bool good = parse_shown(line, &shown);

	if (!good)
		say("error: cannot read: %s", line);
	good = good && check_digest(&shown);
	if (good && on_screen)
		good = check_picture(watch, &shown);
	if (!good)
		watch->failures++;
	if (on_screen)
		send_text(&watch->serial, good ? "next\n" : "stop\n");
}

static bool starts(const char *line, const char *with)
{
	return !strncmp(line, with, strlen(with));
}

static void handle_line(struct watch *watch, const char *line)
{
	if (starts(line, "FRAMEDEMO SHOWN ")) {
		handle_frame(watch, line, true);
	} else if (starts(line, "FRAMEDEMO DRAWN ")) {
		handle_frame(watch, line, false);
	} else if (starts(line, "FRAMEDEMO ERROR ") ||
		   starts(line, "RIG-FAIL") ||
		   starts(line, "RIG-GATE not ok")) {
		watch->failures++;
		say("error: dom0: %s", line);
	} else if (starts(line, "RIG-END ")) {
		watch->over = true;
		watch->status = atoi(line + strlen("RIG-END "));
	} else if (starts(line, "FRAMEDEMO ")) {
		fprintf(watch->results, "%s\n", line + strlen("FRAMEDEMO "));
	} else if (starts(line, "RIG-")) {
		say("dom0: %s", line);
	}
}

/* Handle what has come in whole lines, keep the rest. */
static void handle_input(struct watch *watch)
{
	struct stream *serial = &watch->serial;
	char *start = serial->data;
	char *end;

	while ((end = memchr(start, '\n',
			     serial->used - (size_t)(start - serial->data)))) {
		*end = '\0';
		handle_line(watch, start);
		start = end + 1;
	}
	serial->used -= (size_t)(start - serial->data);
	memmove(serial->data, start, serial->used + 1);
}

static int follow(struct watch *watch)
{
	while (!watch->over) {
		int ret = fill_stream(&watch->serial, SILENCE_MS);

		if (ret == -EPIPE)
			say("error: the machine died");
		else if (ret == -ETIMEDOUT)
			say("error: the machine is silent");
		if (ret)
			return ret;
		handle_input(watch);
	}
	return 0;
}

static int set_up(struct watch *watch, char **argv)
{
	char path[4096];
	int ret;

	watch->folder = argv[3];
	snprintf(path, sizeof(path), "%s/results", watch->folder);
	watch->results = fopen(path, "we");
	if (!watch->results)
		return -errno;
	ret = open_stream(&watch->monitor, argv[1]);
	if (!ret)
		ret = await_prompt(&watch->monitor);
	return ret ? ret : open_stream(&watch->serial, argv[2]);
}

int main(int argc, char **argv)
{
	static struct watch watch;
	int ret;

	if (argc != 4) {
		fprintf(stderr, "usage: %s MONITOR-SOCKET SERIAL-SOCKET FOLDER\n",
			argv[0]);
		return 2;
	}
	ret = set_up(&watch, argv);
	if (ret)
		say("error: cannot watch the machine: %s", strerror(-ret));
	else
		ret = follow(&watch);
	if (watch.results) {
		fprintf(watch.results, "PICTURES %u\n", watch.pictures);
		if (fclose(watch.results))
			ret = -errno;
	}
	return ret || watch.status || watch.failures ? EXIT_FAILURE :
						       EXIT_SUCCESS;
}
