/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state file of contexts: what one process wrote the next one finds, whatever instruction the
 * first was killed at (R70): each context is as it was before a change or as it was after it, and
 * of two that change together both are. Damaged records are skipped; other limits, names and
 * versions have records carried over; another boot starts afresh.
 */
#include "cp/context/context_priv.h"
#include "lib/cursor.h"
#include "tests/world/cp_env.h"
#include "tests/world/steps.h"

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

static struct context_table *open_boot(struct files *f, const char *boot)
{
	char err[256];
	struct context_table *t = context_open(&f->conf, boot, err, sizeof(err));

	assert_non_null(t);
	return t;
}

static void another_boot_starts_afresh(void **state)
{
	struct files *f = *state;
	struct context_table *t = open_boot(f, "boot");

	assert_string_equal(context_stats(t)->fresh, "it did not exist");
	assert_true(context_partial(t));
	assert_non_null(add(t, "a", 0, 1));
	context_whole(t);
	context_close(t);
	t = open_boot(f, "other boot");
	assert_string_equal(context_stats(t)->fresh, "the machine was started since");
	assert_true(context_partial(t));
	assert_int_equal(context_stats(t)->contexts, 0);
	context_close(t);
}

/* A context with a termination of TLS beside that of proto(). */
static struct context with_tls(const char *call)
{
	struct context c = proto(call, 0, 7);

	c.stream = 1;
	c.term[0].term.transport = TERM_TCP;
	c.term[1] = (struct context_term){
		.term = { .transport = TERM_TLS, .local = { 1, be16_make(49156) } },
		.realm = 1,
		.state = TERM_STATE_IDLE,
		.tag = "b",
	};
	c.term[1].term.attempt = 3;
	return c;
}

static void expect_with_tls(struct context_table *t, uint16_t relay)
{
	const struct context *c = of_call(t, "tls");

	assert_non_null(c);
	assert_int_equal(c->term[0].term.rate, 7);
	assert_int_equal(c->term[1].term.local.relay, relay);
	assert_int_equal(be16_get(c->term[1].term.local.port), 49156);
	assert_int_equal(c->term[1].term.attempt, 3);
	assert_string_equal(c->term[1].tag, "b");
	assert_string_equal(context_stats(t)->carried ? "" : "not carried", "");
	assert_int_equal(context_stats(t)->damaged, 0);
	assert_false(context_partial(t));
	assert_true(context_generation(t) == 77);
}

static void fill(struct context_table *t)
{
	struct context c = with_tls("tls");

	assert_non_null(add(t, "a", 0, 1));
	assert_non_null(context_add(t, &c));
	context_generation_set(t, 77);
	context_whole(t);
}

/* More and fewer contexts, relays and domains in other places: all of them stay. */
static void the_configuration_may_change(void **state)
{
	struct files *f = *state;
	struct config *c = &f->conf;
	struct context_table *t = open_ok(c);

	fill(t);
	context_close(t);
	c->gateway.contexts = 40;
	t = open_ok(c);
	expect_with_tls(t, 1);
	assert_non_null(of_call(t, "a"));
	context_close(t);
	c->gateway.contexts = 1; /* a worker: there is no place for the second */
	t = open_ok(c);
	assert_int_equal(context_stats(t)->kept, 1);
	assert_int_equal(context_stats(t)->damaged, 1);
	assert_true(context_partial(t));
	context_close(t);
}

static void names_may_move(void **state)
{
	struct files *f = *state;
	struct config *c = &f->conf;
	struct context_table *t = open_ok(c);

	fill(t);
	context_close(t);
	c->relay[c->n_relay] = c->relay[1];
	assert_true(ip_parse("192.0.2.99", &c->relay[1].addr));
	c->domain[1] = c->domain[0];
	c->domain[0].name[0]++;
	c->n_domain = 2;
	c->n_relay++;
	t = open_ok(c);
	expect_with_tls(t, (uint16_t)(c->n_relay - 1));
	assert_int_equal(of_call(t, "tls")->term[1].term.domain, 1);
	context_close(t);
	c->relay[0].realm_index = 1; /* it is of another network now */
	t = open_ok(c);
	assert_int_equal(context_stats(t)->contexts, 0);
	assert_true(context_partial(t));
	context_close(t);
}

/* Ports 49152 and 49156 are of worker 0 of two; of worker 0 and 2 of four, of 0 and 0 of one. */
static void more_workers_move_contexts(void **state)
{
	struct files *f = *state;
	struct context_table *t = open_ok(&f->conf);
	struct context c = proto("b", 0, 1);

	fill(t);
	c.term[0].term.local.port = be16_make(49156);
	assert_non_null(context_add(t, &c));
	context_close(t);
	f->conf.dataplane.n_workers = 4;
	t = open_ok(&f->conf);
	assert_int_equal(context_stats(t)->kept, 2);
	assert_int_equal(context_stats(t)->damaged, 1);
	assert_null(of_call(t, "tls"));
	assert_int_equal(of_call(t, "a")->worker, 0);
	assert_int_equal(of_call(t, "b")->worker, 2);
	assert_ptr_equal(context_find_cid(t, 2, of_call(t, "b")->cid), of_call(t, "b"));
	context_close(t);
	t = open_ok(&f->conf); /* and it lasts */
	assert_int_equal(context_stats(t)->kept, 2);
	context_close(t);
}

/* ---- the format before ---- */

struct older_file {
	uint64_t magic;
	uint32_t version, ready;
	char boot_id[40];
	uint64_t digest;
	uint32_t records[4];
	struct siphash_key sum_key;
	uint32_t next_gen;
	uint64_t generation;
	uint32_t redoing, redo_index[2];
};
enum { OLDER_CONTEXT = 2320, OLDER_TERM = 996, OLDER_CTL_TERM = 800, OLDER_HEAD = 324 };
_Static_assert(sizeof(struct older_file) == 128, "as it was");

static uint64_t older_digest(const struct config *c)
{
	static const struct siphash_key fixed;
	uint8_t buf[8192];
	struct wr w = wr_init(buf, sizeof(buf));

	wr_u16(&w, c->dataplane.n_workers);
	wr_u16(&w, c->n_relay);
	for (uint16_t i = 0; i < c->n_relay; i++) {
		wr_bytes(&w, &c->relay[i].addr, 16);
		wr_u16(&w, c->relay[i].realm_index);
	}
	wr_u16(&w, c->n_realm);
	for (uint16_t i = 0; i < c->n_realm; i++)
		wr_bytes(&w, c->realm[i].name, CTL_NAME_MAX);
	wr_u16(&w, c->n_domain);
	for (uint16_t i = 0; i < c->n_domain; i++)
		wr_bytes(&w, c->domain[i].name, CTL_NAME_MAX);
	return siphash(&fixed, buf, wr_len(&w));
}

/* A record as it was: every part of its own length. */
static void older_record(const struct siphash_key *key, const struct context *c, uint8_t *to)
{
	uint64_t sum;

	memset(to, 0, OLDER_CONTEXT);
	memcpy(to, c, OLDER_HEAD);
	for (int i = 0; i < 2; i++) {
		uint8_t *term = to + OLDER_HEAD + i * OLDER_TERM;

		memcpy(term, &c->term[i].term, OLDER_CTL_TERM);
		memcpy(term + OLDER_CTL_TERM, &c->term[i].realm, OLDER_TERM - OLDER_CTL_TERM);
	}
	sum = siphash(key, to + offsetof(struct context, id),
		      OLDER_CONTEXT - offsetof(struct context, id));
	memcpy(to + offsetof(struct context, sum), &sum, sizeof(sum));
}

/* The second context is about to be changed as the process is killed. */
static void write_older(struct files *f, const struct context_table *t)
{
	struct older_file h = {
		.magic = CONTEXT_MAGIC,
		.version = 1,
		.ready = 1,
		.boot_id = "boot",
		.digest = older_digest(&f->conf),
		.records = { t->max },
		.sum_key = t->hdr->sum_key,
		.next_gen = t->hdr->next_gen,
		.generation = 77,
		.redoing = 1,
		.redo_index = { 1, 0 },
	};
	uint8_t record[OLDER_CONTEXT], redo[OLDER_CONTEXT];
	struct context other = t->record[1];
	FILE *out = fopen(f->conf.control.contexts, "we");

	older_record(&h.sum_key, &other, redo);
	other.term[0].term.rate = 99;
	assert_int_equal(fwrite(&h, sizeof(h), 1, out), 1);
	assert_int_equal(fwrite(redo, sizeof(redo), 1, out), 1);
	assert_int_equal(fwrite(redo, sizeof(redo), 1, out), 1);
	while (ftell(out) % 64)
		fputc(0, out);
	for (uint32_t i = 0; i < t->max; i++) {
		older_record(&h.sum_key, i == 1 ? &other : &t->record[i], record);
		assert_int_equal(fwrite(record, sizeof(record), 1, out), 1);
	}
	while (ftell(out) % 64)
		fputc(0, out);
	fclose(out);
}

static void the_format_before_is_carried_over(void **state)
{
	struct files *f = *state;
	struct context_table *t = open_ok(&f->conf);

	fill(t);
	unlink(f->conf.control.contexts);
	write_older(f, t);
	context_close(t);
	t = open_ok(&f->conf);
	assert_null(context_stats(t)->fresh);
	expect_with_tls(t, 1);
	assert_non_null(of_call(t, "a"));
	context_close(t);
}

/* Before all is told what the dataplane has, its slots stand among the free ones as well. */
static void what_is_taken_over_may_go_at_once(void **state)
{
	struct files *f = *state;
	struct context_table *t;
	struct context p = proto("", 0, 1), *c;

	f->conf.gateway.contexts = 1;
	t = open_ok(&f->conf);
	assert_true(context_partial(t));
	p.cid = (struct ctl_cid){ 0, 7 };
	for (int i = 0; i < 4; i++) {
		c = context_adopt(t, &p);
		assert_non_null(c);
		context_del(t, c);
		assert_int_equal(t->worker[0].slots.n_free, 1);
	}
	context_whole(t);
	assert_non_null(add(t, "a", 0, 1));
	assert_null(add(t, "b", 0, 1));
	context_close(t);
}

static uint8_t *file_map(const struct config *c, size_t *size)
{
	int fd = open(c->control.contexts, O_RDWR);
	struct stat st;
	uint8_t *map;

	assert_int_equal(fstat(fd, &st), 0);
	*size = (size_t)st.st_size;
	assert_int_equal(*size, context_file_size(c));
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

/* Of what could not be told the dataplane nothing is taken up, whoever wrote it. */
static void what_cannot_be_is_skipped(void **state)
{
	struct files *f = *state;
	struct context c[6];
	struct context_table *t;

	for (int i = 0; i < 6; i++) {
		c[i] = proto("a", (uint16_t)i, 1);
		c[i].term[0].term.local.port = be16_make((uint16_t)(49152 + 4 * i));
	}
	c[1].term[0].term.flags = TERM_RTCP_MUX;
	c[2].term[0].term.burst = 0;
	c[3].term[0].term.remote[0].ip.b[0] = 0x20; /* its local address is IPv4 */
	c[4].term[0].term.flags = TERM_ICE;
	c[5].term[0].term.flags = TERM_RELEARN;
	f->conf.gateway.contexts = 6;
	t = open_ok(&f->conf);
	for (int i = 0; i < 6; i++)
		assert_non_null(context_add(t, &c[i]));
	context_close(t);
	t = open_ok(&f->conf);
	assert_int_equal(context_stats(t)->kept, 1);
	assert_int_equal(context_stats(t)->damaged, 5);
	assert_int_equal(of_call(t, "a")->media, 0);
	context_close(t);
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
		T(what_was_written_is_found_again),
		T(a_call_has_its_contexts_in_order),
		T(the_slot_longest_free_comes_first),
		T(a_second_process_is_kept_out),
		T(another_boot_starts_afresh),
		T(the_configuration_may_change),
		T(names_may_move),
		T(more_workers_move_contexts),
		T(the_format_before_is_carried_over),
		T(what_is_taken_over_may_go_at_once),
		T(damaged_records_are_skipped),
		T(what_cannot_be_is_skipped),
		T(killed_at_any_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
