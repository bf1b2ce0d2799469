/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `fairlead sessions top`: what sessions relayed between two looks, by session, user and source.
 * Pins: the busiest first; sessions that came, went, or took another's slot meanwhile; many, slice
 * by slice and of which not all are kept; and what is printed.
 */
#include "tests/world/unit.h"
#include "cli/conn_talkers.h"
#include "cli/context_talkers.h"
#include "cli/grid.h"
#include "cli/talkers.h"
#include "cli/tally.h"
#include "cli/units.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 5000 };

/* A session of a slot with so many packets of 100 bytes to peers, and half of them to the client.
 */
static json_t *session(const char *user, int slot, int packets, int age_s)
{
	char client[64];

	snprintf(client, sizeof(client), slot & 1 ? "[2001:db8::1]:%d" : "192.0.2.1:%d",
		 1000 + slot);
	return json_pack("{s:s, s:s, s:i, s:i, s:i, s:{s:i, s:i}, s:{s:i, s:i}}", "user", user,
			 "client", client, "worker", slot % 3, "slot", slot, "age_s", age_s,
			 "to_peer", "packets", packets, "bytes", 100 * packets, "to_client",
			 "packets", packets / 2, "bytes", 50 * packets);
}

static void was(struct talkers *t, const char *user, int slot, int packets)
{
	json_t *s = session(user, slot, packets, 100);

	talkers_was(t, s);
	json_decref(s);
}

static void is(struct talkers *t, const char *user, int slot, int packets, int age_s)
{
	json_t *s = session(user, slot, packets, age_s);

	talkers_is(t, s, 10);
	json_decref(s);
}

/* Anne has 40 packets of two sessions, bert 50 of one that is new in a slot, cora none, dora went.
 */
static struct talkers *four_users(enum talkers_by by)
{
	struct talkers *t = talkers_begin(by);

	was(t, "anne", 0, 1000);
	was(t, "anne", 1, 0);
	was(t, "zoe", 2, 20);
	was(t, "cora", 4, 77);
	was(t, "dora", 6, 5);
	is(t, "anne", 0, 1030, 110);
	is(t, "anne", 1, 10, 110);
	is(t, "bert", 2, 50, 3);
	is(t, "cora", 4, 77, 110);
	return t;
}

/* "who=sessions:bytes to peers a second" of each. */
static void expect(enum talkers_by by, size_t limit, const char *want, int all)
{
	struct talkers *t = four_users(by);
	json_t *r = talkers_result(t, 10, 0, limit), *o;
	char got[512] = "";
	size_t i;

	json_array_foreach(json_object_get(r, "talkers"), i, o)
	{
		const json_t *up = json_object_get(o, "to_peer");

		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s=%d:%d", i ? " " : "",
			 json_string_value(json_object_get(o, "who")),
			 (int)json_integer_value(json_object_get(o, "sessions")),
			 (int)json_real_value(json_object_get(up, "bytes_per_s")));
	}
	assert_string_equal(got, want);
	assert_int_equal(json_integer_value(json_object_get(r, "active")), all);
	json_decref(r);
	talkers_free(t);
}

static void by_each(void **state)
{
	(void)state;
	expect(TALKERS_USER, 10, "bert=1:500 anne=2:400", 2);
	expect(TALKERS_USER, 1, "bert=1:500", 2);
	expect(TALKERS_SOURCE, 10, "192.0.2.1=2:800 [2001:db8::1]=1:100", 2);
	expect(TALKERS_SESSION, 10,
	       "192.0.2.1:1002 2/2=1:500 192.0.2.1:1000 0/0=1:300 [2001:db8::1]:1001 1/1=1:100", 3);
}

static void many(void **state)
{
	struct talkers *t = talkers_begin(TALKERS_SESSION);
	json_t *r;

	(void)state;
	for (int i = 0; i < MANY; i++)
		was(t, "anne", i, i);
	for (int i = MANY; i-- > 0;)
		is(t, "anne", i, 2 * i, 100);
	r = talkers_result(t, 10, 0, 3);
	assert_int_equal(json_integer_value(json_object_get(r, "active")), MANY - 1);
	assert_int_equal(json_array_size(json_object_get(r, "talkers")), 3);
	assert_int_equal(
	    json_real_value(json_object_get(
		json_object_get(json_array_get(json_object_get(r, "talkers"), 0), "to_peer"),
		"packets_per_s")),
	    (MANY - 1) / 10);
	json_decref(r);
	talkers_free(t);
}

/* Of more than are kept those stay that relay most, and how many are left out is told. */
static void more_than_are_kept(void **state)
{
	struct talkers *t = talkers_begin(TALKERS_SESSION);
	const int n = 2 * TALLY_KEPT;
	char *text = NULL;
	size_t len = 0;
	FILE *out;
	json_t *r;

	(void)state;
	for (int i = 0; i < n; i++)
		was(t, "anne", i, 0);
	for (int i = 0; i < n; i++) /* the busiest are neither the first nor the last */
		is(t, "anne", i, 1 + (i * 7 + n / 3) % n, 100);
	r = talkers_result(t, 10, 0, SIZE_MAX);
	assert_int_equal(json_integer_value(json_object_get(r, "active")), n);
	assert_in_range(json_integer_value(json_object_get(r, "left_out")), n - TALLY_KEPT,
			n - TALLY_KEPT / 2);
	for (int i = 0; i < TALLY_KEPT / 2; i++)
		assert_int_equal(
		    json_real_value(json_object_get(
			json_object_get(json_array_get(json_object_get(r, "talkers"), (size_t)i),
					"to_peer"),
			"bytes_per_s")),
		    (n - i) * 10);
	out = open_memstream(&text, &len);
	show_talkers(r, out);
	fclose(out);
	assert_non_null(strstr(text, "Left out, since they relay less: "));
	free(text);
	json_decref(r);
	talkers_free(t);
}

/* Who relays less than is asked for takes no place from who relays more, however many they are. */
static void over_a_rate(void **state)
{
	struct talkers *t = talkers_begin(TALKERS_SESSION);
	const int n = 2 * TALLY_KEPT, busy = 3;
	json_t *r;

	(void)state;
	talkers_over(t, 15 * 10);
	for (int i = 0; i < n; i++)
		was(t, "anne", i, 0);
	for (int i = 0; i < n; i++) /* 100 and 50 bytes a packet, in ten seconds */
		is(t, "anne", i, i % (n / busy) == 7 ? 10 : 9, 100);
	r = talkers_result(t, 10, 15 * 10, SIZE_MAX);
	assert_int_equal(json_array_size(json_object_get(r, "talkers")), busy);
	assert_int_equal(json_integer_value(json_object_get(r, "left_out")), 0);
	assert_int_equal(json_integer_value(json_object_get(r, "active")), n);
	json_decref(r);
	talkers_free(t);
	/* Two sessions of a user, each below, are above it together. */
	t = talkers_begin(TALKERS_USER);
	talkers_over(t, 15 * 10);
	for (int i = 0; i < 2; i++) {
		was(t, "anne", i, 0);
		is(t, "anne", i, 9, 100);
	}
	r = talkers_result(t, 10, 15 * 10, SIZE_MAX);
	assert_int_equal(json_array_size(json_object_get(r, "talkers")), 1);
	json_decref(r);
	talkers_free(t);
}

/* So many sessions as pages; each relays when it is looked at again, and then no more. */
struct list {
	int n, pages;
	uint8_t *looks; /* [n] */
};

static json_t *page(void *arg, const json_t *params)
{
	const int from = (int)json_integer_value(json_object_get(params, "cursor"));
	const int limit = (int)json_integer_value(json_object_get(params, "limit"));
	json_t *list = json_array();
	struct list *l = arg;
	int i;

	l->pages++;
	for (i = from; i < l->n && i < from + limit; i++)
		json_array_append_new(list,
				      session("anne", i, 1000 + (l->looks[i]++ ? i + 1 : 0), 100));
	return json_pack("{s:o, s:o}", "sessions", list, "cursor",
			 i < l->n ? json_integer(i) : json_null());
}

/* However many there are, each is looked at twice, and the busiest are found. */
static void slice_by_slice(void **state)
{
	static const int sizes[] = { 0, 1, TALKERS_SLICE - 1, TALKERS_SLICE,
				     2 * TALKERS_SLICE + 9 };

	(void)state;
	for (size_t k = 0; k < N_OF(sizes); k++) {
		struct list l = { .n = sizes[k], .looks = calloc((size_t)sizes[k] + 1, 1) };
		struct talkers *t = talkers_begin(TALKERS_SESSION);
		json_t *params = json_object(), *r;
		char who[64];
		double passed;

		assert_true(talkers_look(t, params, 0, page, &l, &passed));
		for (int i = 0; i < l.n; i++)
			assert_in_range(l.looks[i], 2,
					3); /* a page may reach into the next slice */
		r = talkers_result(t, passed, 0, 3);
		assert_int_equal(json_integer_value(json_object_get(r, "active")), l.n);
		snprintf(who, sizeof(who), "/%d", l.n - 1);
		if (l.n)
			assert_non_null(
			    strstr(json_string_value(json_object_get(
				       json_array_get(json_object_get(r, "talkers"), 0), "who")),
				   who));
		json_decref(r);
		json_decref(params);
		talkers_free(t);
		free(l.looks);
	}
}

static json_t *no_page(void *arg, const json_t *params)
{
	(void)params;
	return --*(int *)arg ? json_pack("{s:[], s:i}", "sessions", "cursor", 7) : NULL;
}

static void a_page_that_fails(void **state)
{
	(void)state;
	for (int after = 1; after < 4; after++) {
		struct talkers *t = talkers_begin(TALKERS_USER);
		json_t *params = json_object();
		int pages = after;
		double passed;

		assert_false(talkers_look(t, params, 0, no_page, &pages, &passed));
		json_decref(params);
		talkers_free(t);
	}
}

static void printed(void **state)
{
	struct talkers *t = four_users(TALKERS_USER);
	json_t *r = talkers_result(t, 10, 0, 10);
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	show_talkers(r, out);
	json_decref(r);
	talkers_free(t);
	t = talkers_begin(TALKERS_USER);
	r = talkers_result(t, 10, 0, 10);
	show_talkers(r, out);
	json_decref(r);
	talkers_free(t);
	t = four_users(TALKERS_USER);
	r = talkers_result(t, 10, 601, 10);
	show_talkers(r, out);
	json_decref(r);
	r = talkers_result(t, 10, 751, 10);
	show_talkers(r, out);
	fclose(out);
	assert_string_equal(text, "WHO   SESSIONS  TO PEER    BYTES  TO CLIENT    BYTES\n"
				  "bert         1      5/s  500 B/s        2/s  250 B/s\n"
				  "anne         2      4/s  400 B/s        2/s  200 B/s\n"
				  "Nothing was relayed.\n"
				  "WHO   SESSIONS  TO PEER    BYTES  TO CLIENT    BYTES\n"
				  "bert         1      5/s  500 B/s        2/s  250 B/s\n"
				  "Nobody relays so much.\n");
	json_decref(r);
	talkers_free(t);
	free(text);
}

/* The same of connections, by the bytes of their streams. */
static json_t *streams(const char *remote, int index, int rx, int tx)
{
	return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "remote", remote, "worker", 0,
			 "index", index, "age_s", 100, "rx_bytes", rx, "tx_bytes", tx, "rx_packets",
			 rx / 100, "tx_packets", tx / 10);
}

static void connections_are_looked_at(struct talkers *t, bool again)
{
	json_t *page = conn_talkers_page(
		   json_pack("{s:[o, o, o], s:n}", "connections",
			     streams("192.0.2.1:7", 0, again ? 1000 : 0, again ? 30000 : 20000),
			     streams("192.0.2.1:8", 1, again ? 500 : 0, 0),
			     streams("[2001:db8::1]:9", 2, 77, 77), "cursor")),
	       *s;
	size_t i;

	assert_true(json_is_null(json_object_get(page, "cursor")));
	json_array_foreach(json_object_get(page, "sessions"), i, s)
	{
		if (again)
			talkers_is(t, s, 10);
		else
			talkers_was(t, s);
	}
	json_decref(page);
}

static void of_connections(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	for (int by = TALKERS_SESSION; by < TALKERS_BY; by += TALKERS_SOURCE) {
		struct talkers *t = talkers_begin((enum talkers_by)by);
		json_t *r;

		connections_are_looked_at(t, false);
		connections_are_looked_at(t, true);
		r = conn_talkers_result(talkers_result(t, 10, 0, 10));
		assert_string_equal(json_string_value(json_object_get(r, "by")),
				    by == TALKERS_SOURCE ? "source" : "connection");
		show_conn_talkers(r, out);
		json_decref(r);
		r = conn_talkers_result(talkers_result(t, 10, 5000, 10));
		show_conn_talkers(r, out);
		json_decref(r);
		talkers_free(t);
	}
	fclose(out);
	assert_string_equal(text, "WHO              CONNS  RECEIVED    BYTES   SENT      BYTES\n"
				  "192.0.2.1:7 0/0      1       1/s  100 B/s  100/s  1.00 kB/s\n"
				  "192.0.2.1:8 0/1      1       0/s   50 B/s    0/s      0 B/s\n"
				  "No connection carries so much.\n"
				  "WHO        CONNS  RECEIVED    BYTES   SENT      BYTES\n"
				  "192.0.2.1      2       2/s  150 B/s  100/s  1.00 kB/s\n"
				  "No connection carries so much.\n");
	free(text);
}

/* A context by which so much comes a second, in packets of 100 bytes, and half of it back. */
static json_t *context(const char *id, const char *call, int packets)
{
	return json_pack("{s:s, s:s, s:i, s:[{s:{s:i, s:i, s:i}}, {s:{s:i, s:i}}]}", "context", id,
			 "call", call, "age_s", 100, "terminations", "use", "bytes", 7777777,
			 "packets_per_s", packets, "bytes_per_s", 100 * packets, "use",
			 "packets_per_s", packets / 2, "bytes_per_s", 50 * packets);
}

/* The dataplane tells rates: one look is enough, over as many pages as there are. */
static void of_contexts(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	for (int by = TALKERS_SESSION; by <= TALKERS_USER; by++) {
		struct talkers *t = talkers_begin((enum talkers_by)by);
		json_t *page =
		    json_pack("{s:[o, o], s:i}", "contexts", context("46e10cf74e80c098", "c1", 50),
			      context("46e10cf74e80c099", "c1", 20), "cursor", 2);
		json_t *last = json_pack(
		    "{s:[o, o, {s:s, s:s, s:[n, n]}], s:n}", "contexts",
		    context("56e10cf74e80c098", "", 60), context("0000000000000001", "c2", 0),
		    "context", "0000000000000002", "call", "c3", "terminations", "cursor");
		json_t *r;

		context_talkers_page(t, page);
		context_talkers_page(t, last);
		r = context_talkers_result(talkers_result(t, 1, 0, 10));
		assert_string_equal(json_string_value(json_object_get(r, "by")),
				    by == TALKERS_USER ? "call" : "context");
		show_context_talkers(r, out);
		json_decref(r);
		r = context_talkers_result(talkers_result(t, 1, 100000, 10));
		show_context_talkers(r, out);
		json_decref(r);
		json_decref(page);
		json_decref(last);
		talkers_free(t);
	}
	fclose(out);
	assert_string_equal(
	    text, "WHO                  CONTEXTS     FROM A  PACKETS     FROM B  PACKETS\n"
		  "56e10cf74e80c098            1  6.00 kB/s     60/s  3.00 kB/s     30/s\n"
		  "46e10cf74e80c098 c1         1  5.00 kB/s     50/s  2.50 kB/s     25/s\n"
		  "46e10cf74e80c099 c1         1  2.00 kB/s     20/s  1.00 kB/s     10/s\n"
		  "By no context so much comes.\n"
		  "WHO               CONTEXTS     FROM A  PACKETS     FROM B  PACKETS\n"
		  "c1                       2  7.00 kB/s     70/s  3.50 kB/s     35/s\n"
		  "56e10cf74e80c098         1  6.00 kB/s     60/s  3.00 kB/s     30/s\n"
		  "By no context so much comes.\n");
	free(text);
}

static void rates_are_read(void **state)
{
	static const struct {
		const char *text;
		double want; /* below 0: it is none */
	} of[] = {
		{ "0", 0 },
		{ "1500", 1500 },
		{ "1.5k", 1500 },
		{ "2K", 2000 },
		{ "20M", 2e7 },
		{ "1 GB", 1e9 },
		{ "250 kB/s", 250e3 },
		{ "3T", 3e12 },
		{ "7/s", 7 },
		{ "8 B/s", 8 },
		{ "", -1 },
		{ "-1", -1 },
		{ "+1", -1 },
		{ " 1", -1 },
		{ "M", -1 },
		{ "1Mb", -1 },
		{ "1MM", -1 },
		{ "0x10", -1 },
		{ "1e9", -1 },
		{ "inf", -1 },
		{ "nan", -1 },
		{ "1M/", -1 },
		{ "1M/s ", -1 },
		{ "1 k B", -1 },
	};
	double got;

	(void)state;
	for (size_t i = 0; i < N_OF(of); i++) {
		const bool ok = unit_read(of[i].text, &got);

		if (ok != (of[i].want >= 0) || (ok && (got < of[i].want || got > of[i].want)))
			fail_msg("'%s': %d, %f", of[i].text, ok, got);
	}
}

static void seconds_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* below 0: it is refused */
	} of[] = {
		{ "0", 0 },
		{ "90", 90 },
		{ "90s", 90 },
		{ "59 s", 59 },
		{ "5m", 300 },
		{ "5min", 300 },
		{ "2h", 7200 },
		{ "1d", 86400 },
		{ "1h30m", 5400 },
		{ "3 h 5 min", 11100 },
		{ "2 d 4 h", 187200 },
		{ "9 min 59 s", 599 },
		{ "2147483647", 2147483647 },
		{ "2147483648", -1 },
		{ "24856d", -1 },
		{ "99999999999999999999", -1 },
		{ "", -1 },
		{ "s", -1 },
		{ "-5", -1 },
		{ "+5", -1 },
		{ " 5", -1 },
		{ "5 ", -1 },
		{ "1.5h", -1 },
		{ "5x", -1 },
		{ "5mm", -1 },
		{ "30m1h", -1 },
		{ "1m1m", -1 },
		{ "5m3", -1 },
		{ "5M", -1 },
		{ "1h ", -1 },
	};
	char printed[UNIT_STR_MAX];
	int64_t got;

	(void)state;
	for (size_t i = 0; i < N_OF(of); i++) {
		const bool ok = unit_read_seconds(of[i].text, &got);

		if (ok != (of[i].want >= 0) || (ok && got != of[i].want))
			fail_msg("'%s': %d, %lld", of[i].text, ok, (long long)got);
	}
	/* What is printed can be typed. */
	for (int64_t s = 0; s < 4 * 86400; s += 7) {
		const int64_t unit = s < 3600 ? 1 : s < 86400 ? 60 : 3600;

		assert_true(unit_read_seconds(unit_seconds(s, printed, sizeof(printed)), &got));
		assert_int_equal(got, s - s % unit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_each),
		cmocka_unit_test(many),
		cmocka_unit_test(more_than_are_kept),
		cmocka_unit_test(over_a_rate),
		cmocka_unit_test(slice_by_slice),
		cmocka_unit_test(a_page_that_fails),
		cmocka_unit_test(printed),
		cmocka_unit_test(of_connections),
		cmocka_unit_test(of_contexts),
		cmocka_unit_test(rates_are_read),
		cmocka_unit_test(seconds_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
