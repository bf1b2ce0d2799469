/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state file of contexts: what one process wrote the next one finds, whatever instruction the
 * first was killed at (R70): each context is as it was before a change or as it was after it, and
 * of two that change together both are. Damaged records are skipped; another world starts afresh.
 */
#include "cp/gateway/context_table.h"
#include "cp/table.h"
#include "cp_env.h"
#include "steps.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct files {
	struct config conf;
	char dir[64];
};

static int setup(void **state)
{
	static struct files f;

	snprintf(f.dir, sizeof(f.dir), "/tmp/fairlead-test-XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	env_config(&f.conf, f.dir);
	env_config_gateway(&f.conf);
	f.conf.gateway.contexts = 4;
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct files *f = *state;

	unlink(f->conf.control.contexts);
	return rmdir(f->dir);
}

static struct context_table *open_ok(const struct config *c)
{
	char err[256] = "";
	struct context_table *t = context_open(c, "boot", err, sizeof(err));

	if (!t)
		fail_msg("%s", err);
	return t;
}

/* A context of worker 0 with one termination of UDP, whose fields all say `serial`. */
static struct context proto(const char *call, uint16_t media, uint32_t serial)
{
	struct context c = { .media = media, .flags = serial };

	snprintf(c.call, sizeof(c.call), "%s", call);
	c.expiry = c.inactivity = serial;
	c.term[0] = (struct context_term){
		.term = { .transport = TERM_UDP, .local = { 0, be16_make(49152) } },
		.state = TERM_STATE_UP,
		.since = serial,
	};
	c.term[0].term.rate = c.term[0].term.burst = serial;
	return c;
}

static struct context *add(struct context_table *t, const char *call, uint16_t media,
			   uint32_t serial)
{
	struct context p = proto(call, media, serial);

	return context_add(t, &p);
}

static struct context *of_call(struct context_table *t, const char *call)
{
	return context_call_next(t, call, NULL);
}

static void what_was_written_is_found_again(void **state)
{
	struct files *f = *state;
	struct context_table *t = open_ok(&f->conf);
	struct context *c, to, saved;

	assert_string_equal(context_stats(t)->fresh, "it did not exist");
	assert_int_equal(context_stats(t)->contexts_max, 8);
	c = add(t, "a", 0, 1);
	add(t, "b", 0, 1);
	add(t, "gone", 0, 1);
	context_del(t, of_call(t, "gone"));
	to = *c;
	to.term[0].term.dscp = 46;
	context_commit(t, c, &to);
	context_generation_set(t, 99);
	saved = *c;
	context_close(t);

	t = open_ok(&f->conf);
	assert_null(context_stats(t)->fresh);
	assert_int_equal(context_stats(t)->kept, 2);
	assert_int_equal(context_stats(t)->damaged, 0);
	assert_int_equal(context_generation(t), 99);
	c = of_call(t, "a");
	assert_memory_equal(c, &saved, sizeof(saved));
	assert_int_equal(c->term[0].term.dscp, 46);
	assert_ptr_equal(context_find(t, saved.id), c);
	assert_ptr_equal(context_find_cid(t, saved.worker, saved.cid), c);
	assert_null(of_call(t, "gone"));
	/* slots in use are not handed out again, and generations go on */
	c = add(t, "c", 0, 1);
	assert_int_not_equal(c->cid.slot, saved.cid.slot);
	assert_int_not_equal(c->cid.gen, saved.cid.gen);
	context_close(t);
}

static void a_call_has_its_contexts_in_order(void **state)
{
	static const uint16_t order[] = { 2, 0, 3, 1 };
	struct files *f = *state;
	struct context_table *t = open_ok(&f->conf);
	struct context *c = NULL;
	uint16_t n = 0;

	for (int i = 0; i < 4; i++)
		add(t, "call", order[i], 1);
	while ((c = context_call_next(t, "call", c)) != NULL)
		assert_int_equal(c->media, n++);
	assert_int_equal(n, 4);
	assert_null(add(t, "call", 4, 1)); /* the worker's slots are used up */
	context_del(t, context_call_next(t, "call", of_call(t, "call")));
	assert_int_equal(context_call_next(t, "call", of_call(t, "call"))->media, 2);
	context_close(t);
	t = open_ok(&f->conf); /* and after a restart */
	assert_int_equal(context_call_next(t, "call", of_call(t, "call"))->media, 2);
	assert_null(of_call(t, "call2"));
	context_close(t);
}

static void the_slot_longest_free_comes_first(void **state)
{
	struct files *f = *state;
	struct context_table *t = open_ok(&f->conf);
	uint32_t first = add(t, "a", 0, 1)->cid.slot, second = add(t, "b", 0, 1)->cid.slot;
	struct ctl_cid gone = of_call(t, "b")->cid;

	context_del(t, of_call(t, "b"));
	context_del(t, of_call(t, "a"));
	add(t, "c", 0, 1);
	add(t, "d", 0, 1);
	assert_int_equal(add(t, "e", 0, 1)->cid.slot, second);
	assert_int_equal(add(t, "f", 0, 1)->cid.slot, first);
	assert_null(context_find_cid(t, 0, gone)); /* another generation has its slot */
	context_close(t);
}

static void a_second_process_is_kept_out(void **state)
{
	struct files *f = *state;
	struct context_table *t = open_ok(&f->conf);
	char err[256];

	assert_null(context_open(&f->conf, "boot", err, sizeof(err)));
	assert_non_null(strstr(err, "in use by another fairlead-cp"));
	context_close(t);
}

static void expect_fresh(struct files *f, const char *boot, const char *why)
{
	char err[256];
	struct context_table *t = context_open(&f->conf, boot, err, sizeof(err));

	assert_non_null(t);
	assert_string_equal(context_stats(t)->fresh, why);
	assert_int_equal(context_stats(t)->contexts, 0);
	assert_non_null(add(t, "a", 0, 1));
	context_close(t);
}

static void another_world_starts_afresh(void **state)
{
	static const char changed[] =
	    "the configured workers, relays, realms or TLS domains changed";
	struct files *f = *state;

	expect_fresh(f, "boot", "it did not exist");
	expect_fresh(f, "other boot", "the machine was started since");
	assert_true(ip_parse("192.0.2.99", &f->conf.relay[0].addr));
	expect_fresh(f, "other boot", changed);
	f->conf.relay[0].realm_index = 1;
	expect_fresh(f, "other boot", changed);
	f->conf.relay[0].realm_index = 0;
	f->conf.domain[0].name[0]++;
	expect_fresh(f, "other boot", changed);
	f->conf.dataplane.n_workers = 1; /* the same records, the ports are others' */
	f->conf.gateway.contexts = 8;
	expect_fresh(f, "other boot", changed);
	f->conf.gateway.contexts++;
	expect_fresh(f, "other boot", "the configured limits changed");
}

static uint8_t *file_map(const struct config *c, size_t *size)
{
	int fd = open(c->control.contexts, O_RDWR);
	struct stat st;
	uint8_t *map;

	assert_int_equal(fstat(fd, &st), 0);
	*size = (size_t)st.st_size;
	map = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	close(fd);
	return map;
}

/* Any byte of a record, changed at will: it is skipped and counted, and its place used again. */
static void damaged_records_are_skipped(void **state)
{
	struct files *f = *state;
	struct context_table *t = open_ok(&f->conf);
	const size_t rec = sizeof(struct context);
	uint8_t *map, keep[sizeof(struct context)];
	size_t size, at;

	memcpy(keep, add(t, "a", 0, 1), rec);
	context_close(t);
	map = file_map(&f->conf, &size);
	for (at = 0; memcmp(map + at, keep, rec) != 0; at += 8)
		assert_true(at + rec < size);
	for (size_t i = offsetof(struct context, sum); i < rec; i += 7) {
		memcpy(map + at, keep, rec);
		map[at + i] ^= 0xff;
		t = open_ok(&f->conf);
		assert_int_equal(context_stats(t)->damaged, 1);
		assert_int_equal(context_stats(t)->contexts, 0);
		assert_non_null(add(t, "b", 0, 1));
		context_close(t);
	}
	munmap(map, size);
}

/* ---- killed at any instruction ---- */

/*
 * A child changes contexts while we step it instruction by instruction; whenever the file has
 * changed, a copy of it is taken up as if the child had been killed there.
 */
static void changes(struct context_table *t)
{
	struct context *a = of_call(t, "a"), *b = of_call(t, "b");
	struct context to = proto("a", 0, 2), to_b = proto("b", 0, 3);

	to.id = a->id;
	to.cid = a->cid;
	context_commit(t, a, &to);
	to_b.id = b->id;
	to_b.cid = b->cid;
	to.flags = to.expiry = to.inactivity = to.term[0].since = 3;
	to.term[0].term.rate = to.term[0].term.burst = 3;
	context_commit_pair(t, a, &to, b, &to_b);
	add(t, "c", 0, 4);
	context_del(t, of_call(t, "c"));
	add(t, "d", 0, 5); /* in the place of the one that went */
}

/* What is stepped through, and how often each change was seen. */
struct stepped {
	const struct config *conf;
	uint32_t seen[6];
};

static void child(void *arg)
{
	const struct stepped *p = arg;
	struct context_table *t = open_ok(p->conf);

	steps_begin();
	changes(t);
}

/* All of a context says the same; 0 if there is none. */
static uint32_t serial_of(struct context_table *t, const char *call)
{
	const struct context *c = of_call(t, call);

	if (!c)
		return 0;
	assert_int_equal(c->expiry, c->flags);
	assert_int_equal(c->inactivity, c->flags);
	assert_int_equal(c->term[0].since, c->flags);
	assert_int_equal(c->term[0].term.rate, c->flags);
	assert_int_equal(c->term[0].term.burst, c->flags);
	assert_null(context_call_next(t, call, c));
	return c->flags;
}

static void judge(struct context_table *t, uint32_t seen[6])
{
	uint32_t a = serial_of(t, "a"), b = serial_of(t, "b");

	assert_null(context_stats(t)->fresh);
	assert_int_equal(context_stats(t)->damaged, 0);
	assert_in_range(a, 1, 3);
	assert_int_equal(b, a == 3 ? 3 : 1); /* both or none */
	assert_true(serial_of(t, "c") == 0 || serial_of(t, "c") == 4);
	assert_true(serial_of(t, "d") == 0 || serial_of(t, "d") == 5);
	seen[a]++;
	seen[serial_of(t, "c")]++;
	seen[serial_of(t, "d")]++;
}

static void judge_copy(void *arg, const char *path)
{
	static struct config copy;
	struct stepped *p = arg;
	struct context_table *t;

	copy = *p->conf;
	snprintf(copy.control.contexts, sizeof(copy.control.contexts), "%s", path);
	t = open_ok(&copy);
	judge(t, p->seen);
	context_close(t);
}

static void killed_at_any_instruction(void **state)
{
	struct files *f = *state;
	struct stepped p = { .conf = &f->conf };
	struct context_table *t;

	f->conf.dataplane.n_workers = 1;
	t = open_ok(&f->conf);
	add(t, "a", 0, 1);
	add(t, "b", 0, 1);
	context_close(t);
	steps_run(f->conf.control.contexts, NULL, child, judge_copy, &p);
	for (int i = 1; i < 6; i++)
		assert_int_not_equal(p.seen[i], 0); /* it was seen at work, to the end */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_written_is_found_again),   T(a_call_has_its_contexts_in_order),
		T(the_slot_longest_free_comes_first), T(a_second_process_is_kept_out),
		T(another_world_starts_afresh),	      T(damaged_records_are_skipped),
		T(killed_at_any_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
