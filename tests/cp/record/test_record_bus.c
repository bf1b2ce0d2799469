/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bus of records: each is a line of the file, in order; what the ring or the disk has no room
 * for is counted and told in the file; files are put aside by size and no more are kept than may
 * be; who asks late is told what is gone; nothing of it makes the event loop wait.
 */
#include "tests/world/unit.h"
#include "cp/record/record_file.h"
#include "cp/record/records.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE = 64, AWAIT_MS = 10000, FILES_MAX = 32 };

struct place {
	char dir[64];
	char file[96];
	struct config_records conf;
};

static int setup(void **state)
{
	static struct place p;

	p = (struct place){ .dir = "/tmp/fl-records-XXXXXX" };
	assert_non_null(mkdtemp(p.dir));
	snprintf(p.file, sizeof(p.file), "%s/records.log", p.dir);
	p.conf = (struct config_records){ .size_mb = 1, .files = 3, .queue = QUEUE };
	snprintf(p.conf.file, sizeof(p.conf.file), "%s", p.file);
	*state = &p;
	return 0;
}

static void name_of(const struct place *p, unsigned int n, char name[128])
{
	snprintf(name, 128, n ? "%s.%u" : "%s", p->file, n);
}

static int teardown(void **state)
{
	const struct place *p = *state;
	char name[128];

	for (unsigned int n = 0; n < FILES_MAX; n++) {
		name_of(p, n, name);
		unlink(name);
	}
	return rmdir(p->dir);
}

static struct records *open_at(const struct place *p)
{
	char err[256] = "";
	struct records *r = records_open(&p->conf, err, sizeof(err));

	if (!r)
		fail_msg("%s", err);
	return r;
}

/* False: there was no room. */
static bool add(struct records *r, const char *user, uint16_t port)
{
	struct record *rec = records_begin(r, RECORD_ALLOCATION, RECORD_START);

	if (!rec)
		return false;
	rec->wall_ms = UINT64_C(1795348980123);
	rec->id = port;
	rec->alloc = (struct record_alloc){ .transport = "udp", .relay_transport = "udp" };
	snprintf(rec->alloc.user, sizeof(rec->alloc.user), "%s", user);
	rec->alloc.relayed[0] =
	    (struct sock_addr){ ip_from_v4((struct be32){ { 198, 51, 100, 7 } }), be16_make(port) };
	records_commit(r);
	return true;
}

/* Adds it as soon as there is room. */
static void add_all(struct records *r, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		for (int ms = 0; !add(r, "alice", (uint16_t)(i + 1)); ms++) {
			assert_true(ms < AWAIT_MS);
			usleep(1000);
		}
	}
}

/* Lines of a file, each of which must be whole; the sum of what they say is lost in *lost. */
static unsigned int lines_of(const char *name, uint64_t *lost)
{
	FILE *in = fopen(name, "r");
	unsigned int n = 0;
	char *line = NULL;
	size_t len = 0;

	if (!in)
		return 0;
	while (getline(&line, &len, in) > 0) {
		json_t *o = json_loads(line, 0, NULL);

		if (!o)
			fail_msg("%s: no JSON: %s", name, line);
		if (json_object_get(o, "lost"))
			*lost += (uint64_t)json_integer_value(json_object_get(o, "lost"));
		else
			n++;
		json_decref(o);
	}
	free(line);
	fclose(in);
	return n;
}

static void each_is_a_line(void **state)
{
	const struct place *p = *state;
	struct records *r = open_at(p);
	uint64_t lost = 0;
	struct stat st;

	add_all(r, 10 * QUEUE);
	records_close(r);
	assert_int_equal(lines_of(p->file, &lost), 10 * QUEUE);
	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void settings_change(struct records *r, const struct config_records *c)
{
	char err[256] = "";

	if (!records_prepare(r, c, err, sizeof(err)))
		fail_msg("%s", err);
	records_finish(r, true);
}

/* From one file to another, to none, and from none: each record is where it was to go. */
static void another_file(void **state)
{
	const struct place *p = *state;
	struct config_records second = p->conf, none = p->conf;
	struct records *r = open_at(p);
	char name[128], err[256];
	uint64_t lost = 0;

	name_of(p, 1, name);
	snprintf(second.file, sizeof(second.file), "%s", name);
	none.file[0] = '\0';
	add_all(r, QUEUE);
	settings_change(r, &second);
	add_all(r, 3 * QUEUE);
	assert_true(records_prepare(r, &none, err, sizeof(err)));
	records_finish(r, false); /* and stays */
	add_all(r, 2);
	settings_change(r, &none);
	add_all(r, 3 * QUEUE); /* as many as show that it has been taken */
	settings_change(r, &p->conf);
	add_all(r, 7);
	records_close(r);
	assert_int_equal(lines_of(p->file, &lost), QUEUE + 7);
	assert_int_equal(lines_of(name, &lost), 3 * QUEUE + 2);
}

/* records.queue changes again and again: each record is a line, in order, and who asks has the
 * newest. */
static void another_size(void **state)
{
	static const uint32_t size[] = { 4 * QUEUE, QUEUE, 16 * QUEUE, 2 * QUEUE, QUEUE };
	struct place *p = *state;
	char err[256] = "";
	uint64_t lost = 0;
	struct config_records c;
	struct records *r;

	p->conf.size_mb = 16; /* one file for all */
	c = p->conf;
	r = open_at(p);

	for (unsigned int i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		add_all(r, 3 * QUEUE / 2);
		c.queue = size[i];
		settings_change(r, &c);
		add_all(r, 16 * QUEUE);
		assert_int_equal(records_get(r, 0)->seq, records_last(r) - size[i] + 1);
		assert_int_equal(records_get(r, records_last(r))->seq, records_last(r));
		for (uint64_t seq = records_last(r) - size[i] + 1; seq <= records_last(r); seq++)
			assert_int_equal(records_get(r, seq)->seq, seq);
	}
	c.queue = 8 * QUEUE;
	assert_true(records_prepare(r, &c, err, sizeof(err)));
	records_finish(r, false); /* and stays */
	assert_int_equal(records_get(r, 0)->seq, records_last(r) - QUEUE + 1);
	records_close(r);
	assert_int_equal(lines_of(p->file, &lost), 5 * (16 * QUEUE + 3 * QUEUE / 2));
}

/* Nothing is written by a thread: the queue is for who asks, and moves at once. */
static void another_size_without_a_file(void **state)
{
	struct place *p = *state;
	struct config_records c;
	struct records *r;

	p->conf.file[0] = '\0';
	c = p->conf;
	r = open_at(p);
	add_all(r, 3 * QUEUE);
	c.queue = 2 * QUEUE;
	settings_change(r, &c);
	assert_int_equal(records_get(r, 1)->seq, 2 * QUEUE + 1);
	add_all(r, 2 * QUEUE);
	assert_int_equal(records_get(r, 1)->seq, 3 * QUEUE + 1);
	settings_change(r, &p->conf);
	assert_int_equal(records_get(r, 1)->seq, 4 * QUEUE + 1);
	assert_int_equal(records_get(r, 5 * QUEUE)->seq, 5 * QUEUE);
	records_close(r);
}

/* There was no thread; what was before the file is not in it. */
static void a_first_file(void **state)
{
	const struct place *p = *state;
	struct place none = *p;
	struct records *r;
	uint64_t lost = 0;

	none.conf.file[0] = '\0';
	r = open_at(&none);
	add_all(r, 3 * QUEUE);
	settings_change(r, &p->conf);
	add_all(r, 9);
	records_close(r);
	assert_int_equal(lines_of(p->file, &lost), 9);
}

/* The loop never waits: what is lost is told, and all is either in the file or lost. */
static void a_full_ring_is_counted(void **state)
{
	const struct place *p = *state;
	struct records *r = open_at(p);
	uint64_t lost = 0, made = 0, told;
	unsigned int lines;

	for (unsigned int i = 0; i < 100 * QUEUE; i++)
		made += add(r, "bob", (uint16_t)(i % 60000 + 1));
	told = records_stats(r).ring_full;
	assert_int_equal(made + told, 100 * QUEUE);
	assert_true(told > 0);
	records_close(r);
	lines = lines_of(p->file, &lost);
	assert_int_equal(lines, made);
	assert_int_equal(lost, told);
}

static void any_text_is_json(void **state)
{
	static const char *const names[] = {
		"a\"b\\c\nd\x7f", "\xc3\xa9t\xc3\xa9", "cut \xe2\x82",
		"\xff\xfe",	  "\xed\xa0\x80",      "\xf0\x9f\x98\x80",
	};
	static const char *const shown[] = {
		"a\"b\\c\nd\x7f", "\xc3\xa9t\xc3\xa9", "cut ??", "??", "???", "\xf0\x9f\x98\x80",
	};
	struct place *p = *state;
	char line[RECORD_LINE_MAX];
	struct records *r;

	p->conf.file[0] = '\0';
	r = open_at(p);
	for (size_t i = 0; i < N_OF(names); i++) {
		json_t *o;

		assert_true(add(r, names[i], 53211));
		o = json_loadb(line, records_line(r, records_get(r, i + 1), line), 0, NULL);
		assert_non_null(o);
		assert_string_equal(json_string_value(json_object_get(o, "user")), shown[i]);
		assert_string_equal(json_string_value(json_object_get(o, "time")),
				    "2026-11-22T12:03:00.123Z");
		assert_string_equal(
		    json_string_value(json_array_get(json_object_get(o, "relayed"), 0)),
		    "198.51.100.7:53211");
		json_decref(o);
	}
	records_close(r);
}

/* What was relayed is told where it is known, not as none where it is not. */
static void what_was_relayed_is_told(void **state)
{
	struct record r = { .event = RECORD_END, .reason = "killed" };
	char line[RECORD_LINE_MAX];
	json_t *o, *want;

	(void)state;
	r.alloc = (struct record_alloc){ .transport = "udp", .relay_transport = "udp" };
	o = json_loadb(line, record_line(&r, "node", line), 0, NULL);
	assert_non_null(o);
	assert_null(json_object_get(o, "to_peer"));
	json_decref(o);
	r.alloc.counted = true;
	r.alloc.to_peer.bytes = r.alloc.to_client.packets = INT64_MAX;
	o = json_loadb(line, record_line(&r, "node", line), 0, NULL);
	want = json_pack("{s:i, s:I}", "packets", 0, "bytes", (json_int_t)INT64_MAX);
	assert_true(json_equal(json_object_get(o, "to_peer"), want));
	json_decref(want);
	want = json_pack("{s:I, s:i}", "packets", (json_int_t)INT64_MAX, "bytes", 0);
	assert_true(json_equal(json_object_get(o, "to_client"), want));
	json_decref(want);
	json_decref(o);
	/* Of a connection there are no packets. */
	r.type = RECORD_CONNECTION;
	o = json_loadb(line, record_line(&r, "node", line), 0, NULL);
	want = json_pack("{s:I}", "bytes", (json_int_t)INT64_MAX);
	assert_true(json_equal(json_object_get(o, "to_peer"), want));
	json_decref(want);
	json_decref(o);
}

/* The longest line there can be. */
static void the_longest_line_fits(void **state)
{
	char line[RECORD_LINE_MAX + 1], node[RECORD_NODE_MAX];
	struct record r = { .type = RECORD_CONTEXT, .event = RECORD_END, .reason = "connection" };
	json_t *o;

	(void)state;
	memset(node, 1, sizeof(node) - 1);
	node[sizeof(node) - 1] = '\0';
	memset(r.context.call, 1, sizeof(r.context.call) - 1);
	r.context.counted = true;
	for (int i = 0; i < 2; i++) {
		struct record_term *m = &r.context.term[i];

		m->transport = "tls";
		memset(m->tag, 1, sizeof(m->tag) - 1);
		memset(&m->local, 0xfe, sizeof(m->local));
		m->remote = m->rtcp = m->local;
		m->received = (struct record_use){ INT64_MAX, INT64_MAX };
		memset(&m->quality, 0xff, sizeof(m->quality));
	}
	line[RECORD_LINE_MAX] = 'x';
	o = json_loadb(line, record_line(&r, node, line), 0, NULL);
	assert_int_equal(line[RECORD_LINE_MAX], 'x');
	assert_int_equal(json_string_length(json_object_get(o, "call")), RECORD_CALL_MAX - 1);
	assert_int_equal(json_integer_value(json_object_get(
			     json_object_get(json_object_get(o, "b"), "received"), "bytes")),
			 INT64_MAX);
	assert_int_equal(json_integer_value(json_object_get(
			     json_object_get(json_object_get(o, "b"), "rtp"), "lost")),
			 UINT32_MAX);
	json_decref(o);
}

/* Whoever asks has the newest there are, and hears by their numbers what is gone. */
static void who_asks_late_is_told(void **state)
{
	struct place *p = *state;
	struct records *r;

	p->conf.file[0] = '\0';
	r = open_at(p);
	assert_null(records_get(r, 1));
	for (unsigned int i = 0; i < 3 * QUEUE; i++)
		assert_true(add(r, "alice", 1)); /* nobody has to read them */
	assert_int_equal(records_last(r), 3 * QUEUE);
	assert_int_equal(records_get(r, 1)->seq, 2 * QUEUE + 1);
	assert_int_equal(records_get(r, 3 * QUEUE)->seq, 3 * QUEUE);
	assert_null(records_get(r, 3 * QUEUE + 1));
	records_close(r);
}

static void write_lines(struct record_file *f, unsigned int n)
{
	static const char line[] = "{\"type\":\"test\",\"pad\":\"0123456789012345678901234\"}\n";

	for (unsigned int i = 0; i < n; i++)
		record_file_write(f, line, sizeof(line) - 1, 1, 0);
}

static void files_are_put_aside(void **state)
{
	const struct place *p = *state;
	struct record_file f;
	uint64_t lost = 0;
	unsigned int lines = 0;
	char name[128];
	struct stat st;

	assert_true(record_file_open(&f, p->file, 5000, 3, "node"));
	write_lines(&f, 1020); /* 50 bytes each: 100 in a file */
	record_file_close(&f);
	assert_int_equal(f.lost, 0);
	assert_int_equal(f.rotated, 10);
	for (unsigned int n = 0; n < 3; n++) {
		name_of(p, n, name);
		assert_int_equal(stat(name, &st), 0);
		assert_true(st.st_size <= 5000);
		lines += lines_of(name, &lost);
	}
	assert_int_equal(lines, 100 + 100 + 20);
	name_of(p, 3, name);
	assert_int_equal(stat(name, &st), -1);
}

static void one_file_begins_anew(void **state)
{
	const struct place *p = *state;
	struct record_file f;
	char name[128];
	struct stat st;

	assert_true(record_file_open(&f, p->file, 5000, 1, "node"));
	write_lines(&f, 1000);
	record_file_close(&f);
	name_of(p, 1, name);
	assert_int_equal(stat(name, &st), -1);
	assert_int_equal(stat(p->file, &st), 0);
	assert_true(st.st_size <= 5000);
}

/* A file that may not grow: no half line stays, what is missing is counted, and said later. */
static void no_room_is_counted_and_said(void **state)
{
	const struct place *p = *state;
	struct rlimit old, few;
	struct record_file f;
	uint64_t lost = 0;

	signal(SIGXFSZ, SIG_IGN);
	assert_true(record_file_open(&f, p->file, 1 << 20, 3, "node"));
	write_lines(&f, 10);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	few = (struct rlimit){ f.size + 20, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
	write_lines(&f, 7);
	assert_int_equal(f.lost, 7);
	assert_int_equal(f.error, EFBIG);
	record_file_turn(&f, 1000, 0);
	assert_int_equal(f.error, EFBIG); /* nor is there room to say so */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(lines_of(p->file, &lost), 10);
	assert_int_equal(lost, 0);
	record_file_turn(&f, 2000, 0);
	assert_int_equal(f.error, 0);
	write_lines(&f, 5);
	record_file_close(&f);
	assert_int_equal(lines_of(p->file, &lost), 15);
	assert_int_equal(lost, 7);
}

/* The news of a file, awaited. */
static void news(struct records *r, const struct place *p, const char *want)
{
	char text[1024];
	int ms = 0;

	while (!records_news(r, p->file, text, sizeof(text))) {
		assert_true(ms++ < AWAIT_MS);
		usleep(1000);
	}
	if (!strstr(text, want) || !strstr(text, p->file))
		fail_msg("%s", text);
}

/* Once when it begins and once when it is over, with how many are missing. */
static void no_room_is_told_once(void **state)
{
	const struct place *p = *state;
	struct records *r = open_at(p);
	struct rlimit old, none;
	uint64_t lost = 0;
	char text[1024];

	assert_false(records_news(r, p->file, text, sizeof(text)));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none = (struct rlimit){ 0, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	add_all(r, 3);
	news(r, p, "records cannot be written, and are lost and counted");
	add_all(r, 4);
	assert_false(records_news(r, p->file, text, sizeof(text)));
	for (int ms = 0; records_stats(r).unwritten < 7; ms++) {
		assert_true(ms < AWAIT_MS);
		usleep(1000);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	add_all(r, 2);
	news(r, p, "records are written again");
	assert_false(records_news(r, p->file, text, sizeof(text)));
	assert_false(records_news(NULL, p->file, text, sizeof(text)));
	records_close(r);
	assert_int_equal(lines_of(p->file, &lost), 2);
	assert_int_equal(lost, 7);
}

/* What must be put aside and cannot be is not added to for ever. */
static void what_cannot_be_put_aside_is_bounded(void **state)
{
	const struct place *p = *state;
	char name[128], in[160];
	struct record_file f;
	struct stat st;

	name_of(p, 1, name);
	snprintf(in, sizeof(in), "%s/in-the-way", name);
	assert_int_equal(mkdir(name, 0700), 0);
	assert_int_equal(mkdir(in, 0700), 0);
	assert_true(record_file_open(&f, p->file, 5000, 2, "node"));
	write_lines(&f, 1000);
	for (unsigned int i = 1; i < 100; i++)
		record_file_turn(&f, 1000 * i, 0);
	assert_int_equal(stat(p->file, &st), 0);
	assert_true(st.st_size <= 5000 + RECORD_LINE_MAX);
	assert_int_equal(f.written + f.lost, 1000);
	assert_int_not_equal(f.error, 0);
	assert_int_equal(rmdir(in), 0);
	assert_int_equal(rmdir(name), 0);
	write_lines(&f, 1);
	assert_int_equal(f.error, 0);
	record_file_close(&f);
}

/* Whoever takes the file away, as logrotate does, has not to say so. */
static void a_file_taken_away_is_made_anew(void **state)
{
	const struct place *p = *state;
	struct record_file f;
	uint64_t lost = 0;
	char name[128];

	assert_true(record_file_open(&f, p->file, 1 << 20, 3, "node"));
	write_lines(&f, 3);
	name_of(p, 9, name);
	assert_int_equal(rename(p->file, name), 0);
	record_file_turn(&f, 1000, 0);
	write_lines(&f, 2);
	record_file_close(&f);
	assert_int_equal(lines_of(name, &lost), 3);
	assert_int_equal(lines_of(p->file, &lost), 2);
}

/* The process before was killed in the middle of a line, which spoils no other. */
static void half_a_line_spoils_no_other(void **state)
{
	const struct place *p = *state;
	FILE *out = fopen(p->file, "w");
	struct record_file f;
	char text[256] = "";

	fputs("{\"type\":\"te", out);
	fclose(out);
	assert_true(record_file_open(&f, p->file, 1 << 20, 3, "node"));
	write_lines(&f, 1);
	record_file_close(&f);
	out = fopen(p->file, "r");
	assert_non_null(fgets(text, sizeof(text), out));
	assert_string_equal(text, "{\"type\":\"te\n");
	assert_non_null(fgets(text, sizeof(text), out));
	assert_non_null(strstr(text, "\"pad\""));
	fclose(out);
}

/* A pipe that nobody reads, or a folder that is not there, keeps nobody waiting. */
static void no_file_keeps_nobody_waiting(void **state)
{
	struct place *p = *state;
	struct record_file f;
	struct records *r;
	uint64_t lost = 0;

	assert_int_equal(mkfifo(p->file, 0600), 0);
	assert_false(record_file_open(&f, p->file, 1 << 20, 3, "node"));
	write_lines(&f, 4);
	assert_int_equal(f.lost, 4);
	assert_int_equal(unlink(p->file), 0);
	r = open_at(p);
	add_all(r, 4);
	records_close(r);
	assert_int_equal(lines_of(p->file, &lost), 4);
	unlink(p->file);
	snprintf(p->conf.file, sizeof(p->conf.file), "%s/none/records.log", p->dir);
	r = open_at(p);
	assert_int_equal(records_stats(r).error, ENOENT);
	add_all(r, 4);
	for (int ms = 0; records_stats(r).unwritten != 4; ms++) {
		assert_true(ms < AWAIT_MS);
		usleep(1000);
	}
	records_close(r);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(each_is_a_line),
		TEST(another_file),
		TEST(another_size),
		TEST(another_size_without_a_file),
		TEST(a_first_file),
		TEST(a_full_ring_is_counted),
		TEST(any_text_is_json),
		TEST(what_was_relayed_is_told),
		TEST(the_longest_line_fits),
		TEST(who_asks_late_is_told),
		TEST(files_are_put_aside),
		TEST(one_file_begins_anew),
		TEST(no_room_is_counted_and_said),
		TEST(no_room_is_told_once),
		TEST(what_cannot_be_put_aside_is_bounded),
		TEST(a_file_taken_away_is_made_anew),
		TEST(half_a_line_spoils_no_other),
		TEST(no_file_keeps_nobody_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
