// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "pattern.h"

#include "ops.h"
#include "prog.h"
#include "regressions.h"

uint64_t rng_next(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	return pattern_mix(*state);
}

uint32_t rng_below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)((rng_next(state) >> 32) % limit);
}

static uint8_t any_kind(uint64_t *rng)
{
	uint32_t total = 0, at;

	for (uint32_t i = 0; i < op_count; i++)
		total += op_table[i].weight;
	at = rng_below(rng, total);
	for (uint32_t i = 0; i < op_count; i++) {
		if (at < op_table[i].weight)
			return (uint8_t)i;
		at -= op_table[i].weight;
	}
	return 0;
}

/* What makes sense after an operation, half of the time. */
static uint8_t next_kind(uint64_t *rng, uint8_t kind)
{
	const char *const *next = op_table[kind].next;
	uint32_t n = 0;
	int found;

	while (n < OP_NEXT && next[n])
		n++;
	if (!n || rng_below(rng, 2))
		return any_kind(rng);
	found = op_find(next[rng_below(rng, n)]);
	return found < 0 ? any_kind(rng) : (uint8_t)found;
}

/* Small values are the likely ones: they mean what is right most of the time. */
static uint16_t any_arg(uint64_t *rng, uint16_t range)
{
	uint32_t how = rng_below(rng, 8);

	if (!range || how < 4)
		return 0;
	if (how < 6 && range > 4)
		range = 4;
	return (uint16_t)rng_below(rng, range);
}

static void any_op(struct op *op, uint64_t *rng, uint8_t kind, uint32_t threads)
{
	*op = (struct op){
		.kind = kind,
		.thread = (uint8_t)rng_below(rng, threads),
	};
	for (uint32_t i = 0; i < PROG_ARGS; i++)
		op->arg[i] = any_arg(rng, op_table[kind].range[i]);
}

static void insert_at(struct prog *prog, uint32_t at, const struct op *op)
{
	memmove(&prog->op[at + 1], &prog->op[at],
		(prog->count - at) * sizeof(prog->op[0]));
	prog->op[at] = *op;
	prog->count++;
}

static void fit_args(struct op *op)
{
	for (uint32_t i = 0; i < PROG_ARGS; i++) {
		uint16_t range = op_table[op->kind].range[i];

		op->arg[i] = range ? (uint16_t)(op->arg[i] % range) : 0;
	}
}

/*
 * Let two threads do the same, or what makes sense after each other, to the same
 * objects at the same time. By chance one of them mostly comes before there are
 * any.
 */
static void race(struct prog *prog, uint64_t *rng)
{
	struct op meet = { .kind = (uint8_t)op_find("meet") };
	uint32_t at = rng_below(rng, prog->count);
	struct op other = prog->op[at];

	if (prog->threads < 2)
		prog->threads = 2;
	if (prog->count + prog->threads + 1 > PROG_OPS)
		return;
	if (rng_below(rng, 2)) {
		other.kind = next_kind(rng, other.kind);
		fit_args(&other);
	}
	other.thread = (uint8_t)((other.thread + 1) % prog->threads);
	insert_at(prog, at + 1, &other);
	for (uint32_t i = 0; i < prog->threads; i++) {
		meet.thread = (uint8_t)i;
		insert_at(prog, at, &meet);
	}
}

static void prog_new(struct prog *prog, uint64_t seed)
{
	uint64_t rng = seed;
	uint8_t kind = 0;

	memset(prog, 0, sizeof(*prog));
	prog->threads = rng_below(&rng, 2) ? 1 : 2 + rng_below(&rng, 2);
	prog->count = 4 + rng_below(&rng, 20);
	any_op(&prog->op[0], &rng, kind, prog->threads);
	for (uint32_t i = 1; i < prog->count; i++) {
		kind = next_kind(&rng, kind);
		any_op(&prog->op[i], &rng, kind, prog->threads);
	}
	if (prog->threads == 1)
		return;
	for (uint32_t n = 1 + rng_below(&rng, 3); n; n--)
		race(prog, &rng);
}

static void insert_op(struct prog *prog, uint64_t *rng)
{
	uint32_t at = rng_below(rng, prog->count + 1);
	uint8_t before = at ? prog->op[at - 1].kind : 0;
	struct op op;

	if (prog->count == PROG_OPS)
		return;
	any_op(&op, rng, next_kind(rng, before), prog->threads);
	insert_at(prog, at, &op);
}

static void delete_op(struct prog *prog, uint64_t *rng)
{
	uint32_t at = rng_below(rng, prog->count);

	if (prog->count < 2)
		return;
	prog->count--;
	memmove(&prog->op[at], &prog->op[at + 1],
		(prog->count - at) * sizeof(prog->op[0]));
}

static void change_arg(struct prog *prog, uint64_t *rng)
{
	struct op *op = &prog->op[rng_below(rng, prog->count)];
	uint32_t arg = rng_below(rng, PROG_ARGS);
	uint16_t range = op_table[op->kind].range[arg];

	op->arg[arg] = range ? (uint16_t)rng_below(rng, range) : 0;
}

static void swap_ops(struct prog *prog, uint64_t *rng)
{
	uint32_t a = rng_below(rng, prog->count);
	uint32_t b = rng_below(rng, prog->count);
	struct op op = prog->op[a];

	prog->op[a] = prog->op[b];
	prog->op[b] = op;
}

static void change_threads(struct prog *prog, uint64_t *rng)
{
	prog->threads = 1 + rng_below(rng, PROG_THREADS);
	for (uint32_t i = 0; i < prog->count; i++)
		prog->op[i].thread = (uint8_t)rng_below(rng, prog->threads);
}

static void repeat_op(struct prog *prog, uint64_t *rng)
{
	uint32_t from = rng_below(rng, prog->count);

	if (prog->count < PROG_OPS)
		prog->op[prog->count++] = prog->op[from];
}

static void prog_change(struct prog *prog, uint32_t seed)
{
	uint64_t rng = seed;
	uint32_t n = 1 + rng_below(&rng, 4);

	while (n--) {
		switch (rng_below(&rng, 12)) {
		case 0:
			delete_op(prog, &rng);
			break;
		case 1:
			swap_ops(prog, &rng);
			break;
		case 2:
			change_threads(prog, &rng);
			break;
		case 3:
			repeat_op(prog, &rng);
			break;
		case 4 ... 6:
			change_arg(prog, &rng);
			break;
		case 7 ... 8:
			race(prog, &rng);
			break;
		default:
			insert_op(prog, &rng);
			break;
		}
	}
}

void prog_make(struct prog *prog, const struct recipe *recipe)
{
	if (!regression_get(prog, recipe->seed))
		prog_new(prog, recipe->seed);
	for (uint32_t i = 0; i < recipe->steps; i++)
		prog_change(prog, recipe->step[i]);
}

void recipe_print(const struct recipe *recipe, char text[RECIPE_TEXT])
{
	int at = snprintf(text, RECIPE_TEXT, "%llx",
			  (unsigned long long)recipe->seed);

	for (uint32_t i = 0; i < recipe->steps; i++)
		at += snprintf(text + at, RECIPE_TEXT - (size_t)at, "+%x",
			       recipe->step[i]);
}

bool recipe_parse(struct recipe *recipe, const char *text)
{
	char *end;

	memset(recipe, 0, sizeof(*recipe));
	recipe->seed = strtoull(text, &end, 16);
	while (*end == '+' && recipe->steps < RECIPE_STEPS)
		recipe->step[recipe->steps++] =
			(uint32_t)strtoul(end + 1, &end, 16);
	return end != text && !*end;
}

void prog_print(const struct prog *prog, char text[PROG_TEXT])
{
	size_t at = 0;

	for (uint32_t i = 0; i < prog->count; i++) {
		const struct op *op = &prog->op[i];
		uint32_t args = PROG_ARGS;

		while (args && !op->arg[args - 1])
			args--;
		at += (size_t)snprintf(text + at, PROG_TEXT - at, "%s%u %s",
				       i ? "; " : "", op->thread,
				       op_table[op->kind].name);
		for (uint32_t a = 0; a < args; a++)
			at += (size_t)snprintf(text + at, PROG_TEXT - at, " %u",
					       op->arg[a]);
	}
}

static bool op_parse(struct op *op, char *text)
{
	char *save, *word = strtok_r(text, " \t\n", &save);
	int kind;

	if (!word || strtoul(word, NULL, 10) >= PROG_THREADS)
		return false;
	op->thread = (uint8_t)strtoul(word, NULL, 10);
	word = strtok_r(NULL, " \t\n", &save);
	kind = word ? op_find(word) : -1;
	if (kind < 0)
		return false;
	op->kind = (uint8_t)kind;
	for (uint32_t a = 0; a < PROG_ARGS; a++) {
		word = strtok_r(NULL, " \t\n", &save);
		op->arg[a] = word ? (uint16_t)strtoul(word, NULL, 10) : 0;
	}
	return true;
}

bool prog_parse(struct prog *prog, const char *text)
{
	char copy[PROG_TEXT], *save, *part;

	memset(prog, 0, sizeof(*prog));
	snprintf(copy, sizeof(copy), "%s", text);
	prog->threads = 1;
	for (part = strtok_r(copy, ";", &save); part;
	     part = strtok_r(NULL, ";", &save)) {
		struct op *op = &prog->op[prog->count];

		if (prog->count == PROG_OPS || !op_parse(op, part))
			return false;
		prog->count++;
		if (op->thread >= prog->threads)
			prog->threads = op->thread + 1u;
	}
	return prog->count > 0;
}
