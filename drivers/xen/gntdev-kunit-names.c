// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests: how exports and imports are named, and waiting for names to go.
 * The buffers are nothing but their names.
 */

#include <kunit/test.h>

#include <linux/bitops.h>
#include <linux/workqueue.h>

#include "gntdev-dmabuf.h"

#define BUFFERS		5U
#define SECONDS		30
/* Numbers of descriptors. */
#define FD		7U
#define OTHER_FD	(U32_MAX - 1)

/* Two open files, and buffers that are not over. */
struct names {
	struct gntdev_file file[2];
	struct gntdev_import buf[BUFFERS];
};

static int names_init(struct kunit *test)
{
	struct names *n = kunit_kzalloc(test, sizeof(*n), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, n);
	test->priv = n;
	for (i = 0; i < ARRAY_SIZE(n->file); i++)
		KUNIT_ASSERT_EQ(test, 0, gntdev_dmabufs_init(&n->file[i]));
	return 0;
}

static void over(struct gntdev_buffer *buf)
{
	gntdev_buffer_over(buf);
	gntdev_buffer_fini(buf);
	buf->table = NULL;
}

static void names_exit(struct kunit *test)
{
	struct names *n = test->priv;
	unsigned int i;

	if (!n)
		return;
	for (i = 0; i < BUFFERS; i++)
		if (n->buf[i].buffer.table)
			over(&n->buf[i].buffer);
	for (i = 0; i < ARRAY_SIZE(n->file); i++)
		if (n->file[i].dmabufs)
			gntdev_dmabufs_release(&n->file[i]);
}

static struct gntdev_dmabuf_table *table_of(struct kunit *test)
{
	struct names *n = test->priv;

	return n->file[0].dmabufs;
}

static struct gntdev_buffer *start(struct kunit *test, unsigned int i)
{
	struct names *n = test->priv;
	struct gntdev_buffer *buf = &n->buf[i].buffer;

	gntdev_buffer_init(buf, n->file[0].dmabufs);
	return buf;
}

static void add(struct gntdev_buffer *buf)
{
	mutex_lock(&buf->table->lock);
	gntdev_buffer_add(buf);
	mutex_unlock(&buf->table->lock);
}

static void release(struct gntdev_buffer *buf)
{
	mutex_lock(&buf->table->lock);
	gntdev_buffer_release(buf);
	mutex_unlock(&buf->table->lock);
}

static struct gntdev_buffer *find(struct gntdev_dmabuf_table *table, u64 handle)
{
	struct gntdev_buffer *buf;

	mutex_lock(&table->lock);
	buf = gntdev_buffer_find(table, handle);
	mutex_unlock(&table->lock);
	return buf;
}

static void found_from_adding_until_over(struct kunit *test)
{
	struct gntdev_dmabuf_table *table = table_of(test);
	struct gntdev_buffer *buf = start(test, 0);
	u64 handle = buf->handle;

	KUNIT_EXPECT_NE(test, 0ULL, handle);
	KUNIT_EXPECT_NULL(test, find(table, handle));
	add(buf);
	KUNIT_EXPECT_PTR_EQ(test, buf, find(table, handle));
	KUNIT_EXPECT_NULL(test, find(table, 0));
	KUNIT_EXPECT_NULL(test, find(table, handle - 1));
	KUNIT_EXPECT_NULL(test, find(table, handle + 1));
	KUNIT_EXPECT_FALSE(test, buf->released);
	release(buf);
	KUNIT_EXPECT_TRUE(test, buf->released);
	KUNIT_EXPECT_PTR_EQ(test, buf, find(table, handle));
	over(buf);
	KUNIT_EXPECT_NULL(test, find(table, handle));
}

static void over_without_ever_being_found(struct kunit *test)
{
	struct gntdev_buffer *other = start(test, 0);
	struct gntdev_buffer *buf = start(test, 1);
	u64 handle = buf->handle;

	add(other);
	over(buf);
	KUNIT_EXPECT_NULL(test, find(table_of(test), handle));
	KUNIT_EXPECT_PTR_EQ(test, other, find(table_of(test), other->handle));
}

static void only_its_file_knows_a_handle(struct kunit *test)
{
	struct names *n = test->priv;
	struct gntdev_buffer *buf = start(test, 0);

	add(buf);
	KUNIT_EXPECT_NULL(test, find(n->file[1].dmabufs, buf->handle));
}

static void handle_is_never_used_again(struct kunit *test)
{
	struct names *n = test->priv;
	struct gntdev_buffer *buf = &n->buf[0].buffer;
	u64 last = 0;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		memset(buf, 0, sizeof(*buf));
		gntdev_buffer_init(buf, n->file[i % 2].dmabufs);
		KUNIT_EXPECT_GT(test, buf->handle, last);
		last = buf->handle;
		if (i % 3)
			add(buf);
		over(buf);
	}
}

/* Each digit is the number of a buffer. */
static void expect_found_in_orders(struct kunit *test, const char *adding,
				   const char *ending)
{
	struct gntdev_dmabuf_table *table = table_of(test);
	struct names *n = test->priv;
	u64 handle[BUFFERS];
	unsigned long there = 0;
	unsigned int i, j;

	for (i = 0; i < BUFFERS; i++) {
		memset(&n->buf[i], 0, sizeof(n->buf[i]));
		handle[i] = start(test, i)->handle;
	}
	for (i = 0; i < 2 * BUFFERS; i++) {
		if (i < BUFFERS)
			add(&n->buf[adding[i] - '0'].buffer);
		else
			over(&n->buf[ending[i - BUFFERS] - '0'].buffer);
		there ^= BIT((i < BUFFERS ? adding[i] : ending[i - BUFFERS]) - '0');
		for (j = 0; j < BUFFERS; j++)
			KUNIT_EXPECT_PTR_EQ(test, find(table, handle[j]),
					    there & BIT(j) ? &n->buf[j].buffer :
							     NULL);
	}
	KUNIT_EXPECT_TRUE(test, RB_EMPTY_ROOT(&table->buffers));
}

static void handles_in_any_order(struct kunit *test)
{
	expect_found_in_orders(test, "01234", "01234");
	expect_found_in_orders(test, "01234", "43210");
	expect_found_in_orders(test, "43210", "20413");
	expect_found_in_orders(test, "20413", "31402");
	expect_found_in_orders(test, "31402", "20134");
}

static void query_counts_and_describes(struct kunit *test)
{
	struct gntdev_query all = {}, one = {}, none = { .handle = U64_MAX };
	struct gntdev_import *imp[3];
	struct names *n = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(imp); i++) {
		imp[i] = gntdev_import_of(start(test, i));
		imp[i]->buffer.import = true;
		imp[i]->buffer.count = 10 << i;
		imp[i]->buffer.domid = i;
		imp[i]->left = i + 1;
		add(&imp[i]->buffer);
	}
	release(&imp[0]->buffer);
	release(&imp[2]->buffer);
	KUNIT_EXPECT_EQ(test, 0, gntdev_dmabufs_query(&n->file[0], &all));
	KUNIT_EXPECT_EQ(test, 3ULL, (u64)all.imports);
	KUNIT_EXPECT_EQ(test, 70ULL, (u64)all.imports_grants);
	KUNIT_EXPECT_EQ(test, 0ULL, (u64)all.exports);
	KUNIT_EXPECT_EQ(test, 4ULL, (u64)all.pending_grants);
	one.handle = imp[2]->buffer.handle;
	KUNIT_EXPECT_EQ(test, 0, gntdev_dmabufs_query(&n->file[0], &one));
	KUNIT_EXPECT_EQ(test, 3ULL, (u64)one.left);
	KUNIT_EXPECT_EQ(test, 40ULL, (u64)one.count);
	KUNIT_EXPECT_EQ(test, 2ULL, (u64)one.domid);
	KUNIT_EXPECT_EQ(test, (u64)one.state,
			(u64)(GNTDEV_STATE_IMPORT | GNTDEV_STATE_RELEASED));
	KUNIT_EXPECT_EQ(test, -ENOENT,
			gntdev_dmabufs_query(&n->file[0], &none));
}

static struct kunit_case handles_cases[] = {
	KUNIT_CASE(found_from_adding_until_over),
	KUNIT_CASE(over_without_ever_being_found),
	KUNIT_CASE(only_its_file_knows_a_handle),
	KUNIT_CASE(handle_is_never_used_again),
	KUNIT_CASE(handles_in_any_order),
	KUNIT_CASE(query_counts_and_describes),
	{}
};

static struct kunit_suite handles_suite = {
	.name = "gntdev-handles",
	.init = names_init,
	.exit = names_exit,
	.test_cases = handles_cases,
};

static struct gntdev_buffer *numbered(struct kunit *test, unsigned int i,
				      u32 fd, bool import)
{
	struct gntdev_buffer *buf = start(test, i);

	buf->import = import;
	mutex_lock(&buf->table->lock);
	gntdev_cookie_add(buf, fd);
	gntdev_buffer_add(buf);
	mutex_unlock(&buf->table->lock);
	return buf;
}

static void expect_oldest(struct kunit *test, struct rb_root *names, u32 fd,
			  struct gntdev_buffer *buf)
{
	struct gntdev_dmabuf_table *table = table_of(test);

	mutex_lock(&table->lock);
	KUNIT_EXPECT_PTR_EQ(test, gntdev_cookie_oldest(names, fd),
			    buf ? &buf->cookie : NULL);
	mutex_unlock(&table->lock);
}

static void number_names_a_buffer_until_over(struct kunit *test)
{
	struct rb_root *names = &table_of(test)->exports;
	struct gntdev_buffer *buf;

	expect_oldest(test, names, FD, NULL);
	buf = numbered(test, 0, FD, false);
	expect_oldest(test, names, FD, buf);
	release(buf);
	expect_oldest(test, names, FD, buf);
	over(buf);
	expect_oldest(test, names, FD, NULL);
}

static void number_of_an_import_is_free_after_release(struct kunit *test)
{
	struct gntdev_buffer *buf = numbered(test, 0, FD, true);
	struct rb_root *names = &table_of(test)->imports;

	expect_oldest(test, names, FD, buf);
	release(buf);
	expect_oldest(test, names, FD, NULL);
	KUNIT_EXPECT_PTR_EQ(test, buf, find(table_of(test), buf->handle));
	over(buf);
	expect_oldest(test, names, FD, NULL);
}

static void numbers_are_apart(struct kunit *test)
{
	struct gntdev_dmabuf_table *table = table_of(test);
	struct gntdev_buffer *exp = numbered(test, 0, FD, false);
	struct gntdev_buffer *imp = numbered(test, 1, FD, true);
	struct gntdev_buffer *other = numbered(test, 2, OTHER_FD, false);

	expect_oldest(test, &table->exports, FD, exp);
	expect_oldest(test, &table->imports, FD, imp);
	expect_oldest(test, &table->exports, OTHER_FD, other);
	expect_oldest(test, &table->imports, OTHER_FD, NULL);
	over(exp);
	expect_oldest(test, &table->exports, FD, NULL);
	expect_oldest(test, &table->imports, FD, imp);
	expect_oldest(test, &table->exports, OTHER_FD, other);
}

/* Each digit is the number of a buffer. */
static void expect_oldest_left(struct kunit *test, const char *ending)
{
	struct rb_root *names = &table_of(test)->exports;
	struct names *n = test->priv;
	unsigned long there = 0;
	unsigned int i;
	u64 seq = 0;

	for (i = 0; i < strlen(ending); i++) {
		memset(&n->buf[i], 0, sizeof(n->buf[i]));
		numbered(test, i, FD, false);
		KUNIT_EXPECT_GT(test, n->buf[i].buffer.cookie.seq, seq);
		seq = n->buf[i].buffer.cookie.seq;
		expect_oldest(test, names, FD, &n->buf[0].buffer);
		there |= BIT(i);
	}
	for (; *ending; ending++) {
		over(&n->buf[*ending - '0'].buffer);
		there ^= BIT(*ending - '0');
		expect_oldest(test, names, FD,
			      there ? &n->buf[__ffs(there)].buffer : NULL);
	}
	KUNIT_EXPECT_TRUE(test, RB_EMPTY_ROOT(names));
}

static void oldest_of_a_number_is_found(struct kunit *test)
{
	expect_oldest_left(test, "01");
	expect_oldest_left(test, "10");
	expect_oldest_left(test, "012");
	expect_oldest_left(test, "021");
	expect_oldest_left(test, "102");
	expect_oldest_left(test, "120");
	expect_oldest_left(test, "201");
	expect_oldest_left(test, "210");
	expect_oldest_left(test, "20314");
}

static void forgetting_again_does_no_harm(struct kunit *test)
{
	struct gntdev_buffer *first = numbered(test, 0, FD, false);
	struct gntdev_buffer *second = numbered(test, 1, FD, false);
	struct rb_root *names = &table_of(test)->exports;

	mutex_lock(&first->table->lock);
	gntdev_cookie_forget(first);
	gntdev_cookie_forget(first);
	mutex_unlock(&first->table->lock);
	KUNIT_EXPECT_EQ(test, 0ULL, first->cookie.seq);
	expect_oldest(test, names, FD, second);
	over(first);
	expect_oldest(test, names, FD, second);
}

static struct kunit_case cookies_cases[] = {
	KUNIT_CASE(number_names_a_buffer_until_over),
	KUNIT_CASE(number_of_an_import_is_free_after_release),
	KUNIT_CASE(numbers_are_apart),
	KUNIT_CASE(oldest_of_a_number_is_found),
	KUNIT_CASE(forgetting_again_does_no_harm),
	{}
};

static struct kunit_suite cookies_suite = {
	.name = "gntdev-cookies",
	.init = names_init,
	.exit = names_exit,
	.test_cases = cookies_cases,
};

static bool gone(struct gntdev_dmabuf_table *table, const void *what)
{
	const u64 *handle = what;

	return !gntdev_buffer_find(table, *handle);
}

static int wait(struct kunit *test, u64 handle, ktime_t timeout)
{
	return gntdev_dmabufs_wait(table_of(test), gone, &handle, timeout);
}

static void waiting_for_what_is_over(struct kunit *test)
{
	struct gntdev_buffer *buf = start(test, 0);
	u64 handle = buf->handle;

	add(buf);
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, wait(test, handle, 0));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT,
			wait(test, handle, ms_to_ktime(2)));
	release(buf);
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, wait(test, handle, 0));
	over(buf);
	KUNIT_EXPECT_EQ(test, 0, wait(test, handle, 0));
}

/* Ends one buffer after the other while somebody waits for the last. */
struct ending {
	struct delayed_work work;
	struct names *names;
	unsigned int next;
};

static void end_one(struct work_struct *work)
{
	struct ending *e = container_of(to_delayed_work(work), struct ending,
					work);

	over(&e->names->buf[e->next++].buffer);
	if (e->next < BUFFERS)
		schedule_delayed_work(&e->work, 2);
}

static void waiter_wakes_when_it_is_over(struct kunit *test)
{
	struct ending e = { .names = test->priv };
	unsigned int i, ended;
	u64 handle = 0;
	int ret;

	for (i = 0; i < BUFFERS; i++) {
		add(start(test, i));
		handle = e.names->buf[i].buffer.handle;
	}
	INIT_DELAYED_WORK_ONSTACK(&e.work, end_one);
	schedule_delayed_work(&e.work, 2);
	ret = wait(test, handle, ms_to_ktime(SECONDS * MSEC_PER_SEC));
	/* That all of them end is sure only below. */
	ended = READ_ONCE(e.next);
	while (flush_delayed_work(&e.work))
		;
	destroy_delayed_work_on_stack(&e.work);
	KUNIT_EXPECT_EQ(test, 0, ret);
	KUNIT_EXPECT_EQ(test, BUFFERS, ended);
	KUNIT_EXPECT_EQ(test, BUFFERS, table_of(test)->wakeups);
	KUNIT_EXPECT_NULL(test, find(table_of(test), handle));
}

static struct kunit_case waiting_cases[] = {
	KUNIT_CASE(waiting_for_what_is_over),
	KUNIT_CASE(waiter_wakes_when_it_is_over),
	{}
};

static struct kunit_suite waiting_suite = {
	.name = "gntdev-waiting",
	.init = names_init,
	.exit = names_exit,
	.test_cases = waiting_cases,
};

kunit_test_suites(&handles_suite, &cookies_suite, &waiting_suite);
