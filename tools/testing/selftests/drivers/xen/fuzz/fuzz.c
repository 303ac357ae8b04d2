// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find out what the driver does when it is used in ways that nobody thought of.
 *
 * fuzz --seconds N [--seed S]	run programs, print what is wrong
 * fuzz --seed S		run the program of that seed again
 * fuzz --replay FILE		run the programs of a file: "name: program" each
 * fuzz-regressions		run those of regressions.txt
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "corpus.h"
#include "cover.h"
#include "fresh.h"
#include "regressions.h"
#include "watch.h"

#define FILE_MAX	(256 * 1024)
#define SKIP		4

/**
 * struct options - of the command line
 * @seconds:	how long to make programs
 * @threads:	programs at the same time
 * @repeat:	how often to run one that is given
 * @guided:	change programs that covered something new
 * @print:	only print the program of a seed
 * @seeded:	there is a seed
 * @seed:	of one program, or of all
 * @corpus:	file with recipes, to start with and to be written
 * @replay:	file with programs
 * @stop:	end at the first finding
 */
struct options {
	unsigned long seconds;
	unsigned long threads;
	unsigned long repeat;
	bool guided;
	bool print;
	bool seeded;
	bool stop;
	struct recipe seed;
	const char *corpus;
	const char *replay;
};

static const struct option long_options[] = {
	{ "seconds", required_argument, NULL, 'n' },
	{ "seed", required_argument, NULL, 's' },
	{ "threads", required_argument, NULL, 't' },
	{ "repeat", required_argument, NULL, 'r' },
	{ "corpus", required_argument, NULL, 'c' },
	{ "replay", required_argument, NULL, 'p' },
	{ "no-guide", no_argument, NULL, 'g' },
	{ "print", no_argument, NULL, 'o' },
	{ "stop", no_argument, NULL, 'x' },
	{ 0 },
};

static _Noreturn void bad_options(void)
{
	fputs("usage: fuzz --seconds N [--seed S] [--threads N] [--corpus FILE]\n"
	      "            [--no-guide] [--stop]\n"
	      "       fuzz --seed S [--repeat N] [--print]\n"
	      "       fuzz --replay FILE [--repeat N]\n", stderr);
	exit(2);
}

static void parse_option(struct options *o, int c)
{
	switch (c) {
	case 'n':
		o->seconds = strtoul(optarg, NULL, 10);
		break;
	case 't':
		o->threads = strtoul(optarg, NULL, 10);
		break;
	case 'r':
		o->repeat = strtoul(optarg, NULL, 10);
		break;
	case 'c':
		o->corpus = optarg;
		break;
	case 'p':
		o->replay = optarg;
		break;
	case 'g':
		o->guided = false;
		break;
	case 'o':
		o->print = true;
		break;
	case 'x':
		o->stop = true;
		break;
	case 's':
		o->seeded = recipe_parse(&o->seed, optarg);
		if (!o->seeded)
			bad_options();
		break;
	default:
		bad_options();
	}
}

static void parse_options(struct options *o, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		parse_option(o, c);
	if (!o->seconds && !o->seeded && !o->replay)
		bad_options();
}

static void say_totals(int64_t start)
{
	printf("# %lld s: %llu programs, %llu operations (%llu good), ",
	       (long long)(clock_ms() - start) / 1000,
	       (unsigned long long)totals.programs,
	       (unsigned long long)totals.ops, (unsigned long long)totals.good);
	printf("%u edges, %u blocks, corpus %u, findings %u\n", cover_edges(),
	       cover_blocks(), corpus_count(), totals.findings);
	fflush(stdout);
}

static void explore(const struct options *o)
{
	int64_t start = clock_ms(), said = start;
	uint64_t rng = o->seed.seed, known = 0;
	char name[RECIPE_TEXT];
	struct recipe recipe;
	struct prog prog;

	while (clock_ms() - start < (int64_t)o->seconds * 1000) {
		/* What makes sense is there to begin with. */
		recipe = (struct recipe){ .seed = ++known };
		if (!o->guided || !regression_get(&prog, known)) {
			corpus_next(&recipe, &rng, o->guided);
			prog_make(&prog, &recipe);
		}
		recipe_print(&recipe, name);
		watch_start(name, &prog, &recipe);
		if (clock_ms() - said >= 10000) {
			said = clock_ms();
			say_totals(start);
		}
		if (o->stop && totals.findings)
			break;
	}
	watch_all();
	say_totals(start);
}

/* Return: findings. */
static uint32_t run_again(const char *name, const struct prog *prog,
			  unsigned long times)
{
	uint32_t before = totals.findings;

	while (times--)
		watch_start(name, prog, NULL);
	watch_all();
	return totals.findings - before;
}

static void again(const struct options *o)
{
	char name[RECIPE_TEXT];
	struct prog prog;

	recipe_print(&o->seed, name);
	prog_make(&prog, &o->seed);
	run_again(name, &prog, o->repeat);
}

/* A line "name: program"; the rest are comments. */
static bool parse_line(char *line, char **name, struct prog *prog)
{
	char *colon = strchr(line, ':');

	if (!colon || *line == '#')
		return false;
	*colon = '\0';
	*name = line;
	if (prog_parse(prog, colon + 1))
		return true;
	say_found(line, "is no program");
	return false;
}

static uint32_t replay(const char *all, unsigned long times)
{
	char *text = strdup(all), *save, *line, *name;
	struct prog prog;
	uint32_t count = 0;

	for (line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!parse_line(line, &name, &prog))
			continue;
		printf("%sok %u %s\n", run_again(name, &prog, times) ?
		       "not " : "", ++count, name);
	}
	free(text);
	return count;
}

static uint32_t replay_file(const char *path, unsigned long times)
{
	static char text[FILE_MAX];
	FILE *file = fopen(path, "re");

	if (!file || !fread(text, 1, sizeof(text) - 1, file)) {
		say_found(path, "cannot be read");
		return 0;
	}
	fclose(file);
	return replay(text, times);
}

/* What the kernel says that nobody refers to any more, if it looks for that. */
static void check_kmemleak(void)
{
	static const char path[] = "/sys/kernel/debug/kmemleak";
	char text[1024];
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t got = 0;

	if (fd < 0)
		return;
	/* What was freed just now may still be found once. */
	for (int i = 0; i < 2; i++) {
		if (write(fd, "scan", 4) != 4)
			break;
	}
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return;
	text[got] = '\0';
	if (strstr(text, "gntdev"))
		say_found("all", text);
}

static void finish(struct supply *supply)
{
	watch_all();
	if (supply_close(supply))
		say_found("all", "grants are still mapped");
	watch_imports();
	check_kmemleak();
}

static uint32_t do_all(const struct options *o, bool regressions)
{
	if (regressions)
		return replay(regressions_text, o->repeat);
	if (o->replay)
		return replay_file(o->replay, o->repeat);
	if (o->corpus)
		corpus_load(o->corpus);
	if (o->seconds)
		explore(o);
	else
		again(o);
	cover_report();
	if (o->corpus && corpus_save(o->corpus))
		say_found(o->corpus, "cannot be written");
	return 0;
}

static void print_prog(const struct recipe *recipe)
{
	char text[PROG_TEXT];
	struct prog prog;

	prog_make(&prog, recipe);
	prog_print(&prog, text);
	puts(text);
}

int main(int argc, char **argv)
{
	static struct supply supply;
	struct options o = { .threads = 2, .repeat = 4, .guided = true };
	bool regressions = strstr(basename(argv[0]), "regressions");
	uint32_t count;
	int ret;

	if (regressions)
		o.repeat = 2;
	else
		parse_options(&o, argc, argv);
	if (!o.seeded)
		o.seed.seed = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
	if (o.print) {
		print_prog(&o.seed);
		return 0;
	}
	puts("TAP version 13");
	printf("# seed %llx\n", (unsigned long long)o.seed.seed);
	fresh_init();
	ret = supply_open(&supply);
	if (!ret)
		ret = watch_init(&supply, (uint32_t)o.threads);
	if (ret) {
		printf("Bail out! %s\n", strerror(-ret));
		return 1;
	}
	count = do_all(&o, regressions);
	finish(&supply);
	printf("%sok %u what is left behind, %u findings in %llu programs\n",
	       totals.findings ? "not " : "", count + 1, totals.findings,
	       (unsigned long long)totals.programs);
	printf("1..%u\n", count + 1);
	return totals.findings ? 1 : 0;
}
