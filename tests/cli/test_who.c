/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `fairlead who`: times as people write them, and who had an address by the records of a file: a
 * port that passes from one to the next, ends that nobody wrote, a client that moved, a
 * termination, lines that are lost, cut or none of ours, files that begin in the middle.
 */
#include "tests/world/unit.h"
#include "cli/who.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const int64_t noon = 1795521600; /* 2026-11-24T12:00:00Z */

static int in_utc(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

static void expect_time(const char *s, int64_t from_ms, int64_t ms)
{
	struct who_span w;

	if (!who_time(s, noon, &w))
		fail_msg("%s is no time", s);
	assert_int_equal(w.from - noon * 1000, from_ms);
	assert_int_equal(w.until - w.from + 1, ms);
}

static void times(void **state)
{
	static const char *const wrong[] = { "",
					     "12",
					     "12:3",
					     "24:00",
					     "12:60",
					     "12:03x",
					     "12:03:",
					     "12:03:61",
					     "12:03:05.",
					     "2026-11-24",
					     "2026-13-24T12:03",
					     "2026-00-24T12:03",
					     "2026-11-32T12:03",
					     "2026-11-24T12:03Zx",
					     "2026-11-24T12:03+2",
					     "2026-11-24T12:03+02:60",
					     "now" };
	struct who_span w;

	(void)state;
	expect_time("2026-11-24T12:03:05.250Z", 185250, 1);
	expect_time("2026-11-24T12:03:05.2509Z", 185250, 1);
	expect_time("2026-11-24T12:03:05.2Z", 185200, 100);
	expect_time("2026-11-24T12:03:05Z", 185000, 1000);
	expect_time("2026-11-24T12:03Z", 180000, 60000);
	expect_time("2026-11-24T14:03+02:00", 180000, 60000);
	expect_time("2026-11-24T06:33-05:30", 180000, 60000);
	expect_time("2026-11-24 12:03", 180000, 60000);
	expect_time("12:03", 180000, 60000);
	expect_time("12:03:05", 185000, 1000);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (who_time(wrong[i], noon, &w))
			fail_msg("\"%s\" is a time", wrong[i]);
	}
	setenv("TZ", "EST5", 1);
	tzset();
	expect_time("2026-11-24 07:03", 180000, 60000);
	in_utc(NULL);
}

#define AT(minute) "{\"time\":\"2026-11-24T12:" minute ":00.000Z\",\"node\":\"n1\""
#define ALLOC(minute, event, id, user, relayed, more)                                         \
	AT(minute)                                                                            \
	",\"type\":\"allocation\",\"event\":\"" event "\",\"id\":\"" id "\",\"user\":\"" user \
	"\",\"client\":\"10.1.0.2:40000\",\"relayed\":[" relayed                              \
	"],\"relay_transport\":\"udp\"" more "}\n"
#define STARTED(minute) ",\"started\":\"2026-11-24T12:" minute ":00.000Z\",\"duration_s\":60"
#define CONN(minute, event, id, whose, relayed, more)                                              \
	AT(minute)                                                                                 \
	",\"type\":\"connection\",\"event\":\"" event "\",\"id\":\"" id "\"" whose                 \
	",\"client\":\"10.1.0.2:40001\",\"relayed\":[" relayed "],\"peer\":\"10.2.0.2:5060\"" more \
	"}\n"
#define END_RESET ",\"reason\":\"reset\""
#define END ",\"reason\":\"expired\""
#define PORT "\"10.2.0.1:53211\""

static const char records[] = ALLOC("01", "start", "0a", "anne", PORT,
				    "") ALLOC("01", "start", "0b", "other", "\"10.2.0.1:5321\"", "")
    CONN("02", "start", "1a", ",\"allocation\":\"0a\",\"user\":\"anne\"", PORT, "")
	CONN("03", "end", "1a", ",\"allocation\":\"0a\",\"user\":\"anne\"", PORT,
	     STARTED("02") END_RESET) CONN("03", "start", "1b", ",\"service\":\"sip\"",
					   "\"10.2.0.9:40123\"", "")
	    ALLOC("04", "end", "0a", "anne", PORT, STARTED("01") END) "half a line " PORT "\n" AT(
		"05") ",\"type\":\"lost\",\"lost\":7}\n" ALLOC("06", "update", "0c", "", PORT,
							       STARTED("05"))
		ALLOC("07", "update", "0c", "bert",
		      PORT ","
			   "\"[fd00:2::1]:9\"",
		      STARTED("05"))
		    AT("08") ",\"type\":\"context\",\"event\":\"start\",\"id\":"
			     "\"0d\",\"call\":\"c1\",\"media\":0,"
			     "\"a\":{\"transport\":\"udp\",\"local\":\"10.1.0.1:"
			     "20000\",\"remote\":\"10.1.0.2:4000\"},"
			     "\"b\":{\"transport\":\"udp\",\"local\":\"10.2.0.1:"
			     "20000\",\"local_rtcp\":\"10.2.0.1:20001\","
			     "\"remote\":\"10.2.0.2:4000\"}}\n" AT(
				 "09") ",\"type\":\"context\",\"event\":\"update\","
				       "\"id\":\"0d\",\"call\":\"c1\",\"media\":0,"
				       "\"a\":{\"transport\":\"udp\",\"local\":\"10."
				       "1.0.1:20000\"}" STARTED("08") "}\n";

/* Who had addr at a time, NULL: ever; files are one after the other. */
static json_t *ask(const char *addr, const char *when, const char *const *file, size_t n)
{
	struct who_span span = { INT64_MIN, INT64_MAX };
	struct sock_addr a = { 0 };
	struct who *w;

	assert_true(sock_addr_parse(addr, &a) || ip_parse(addr, &a.ip));
	if (when)
		assert_true(who_time(when, noon, &span));
	w = who_begin(&a, &span);
	assert_non_null(w);
	for (size_t i = 0; i < n; i++) {
		FILE *f = fmemopen((char *)file[i], strlen(file[i]), "r");

		assert_non_null(f);
		who_scan(w, f);
		fclose(f);
	}
	return who_result(w);
}

/* "user or call:from-until(reason)" of each, in minutes. */
static void expect(const char *addr, const char *when, const char *holders, int lost)
{
	static const char *const file[] = { records };
	json_t *r = ask(addr, when, file, 1), *h;
	char got[512] = "";
	size_t i;

	json_array_foreach(json_object_get(r, "holders"), i, h)
	{
		const char *user = json_string_value(json_object_get(h, "user"));
		const char *service = json_string_value(json_object_get(h, "service"));
		const char *call =
		    service ? service : json_string_value(json_object_get(h, "call"));
		const char *until = json_string_value(json_object_get(h, "until"));
		const char *reason = json_string_value(json_object_get(h, "reason"));

		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s:%.2s-%.2s(%s)",
			 i ? " " : "", user ? user : call,
			 json_string_value(json_object_get(h, "from")) + 14,
			 until ? until + 14 : "..", reason ? reason : "");
	}
	assert_string_equal(got, holders);
	assert_int_equal(json_integer_value(json_object_get(r, "lost")), lost);
	assert_string_equal(json_string_value(json_object_get(r, "first")),
			    "2026-11-24T12:01:00.000Z");
	json_decref(r);
}

/* What it relayed, by the last record that says so. */
static void relayed(void **state)
{
	static const char update[] = ALLOC("03", "update", "0e", "dora", PORT,
					   ",\"to_peer\":{\"packets\":1,\"bytes\":10},"
					   "\"to_client\":{\"packets\":2,\"bytes\":20}");
	static const char end[] =
	    ALLOC("05", "end", "0e", "dora", PORT,
		  ",\"to_peer\":{\"packets\":3,\"bytes\":30},\"reason\":\"killed\"");
	static const char *const file[] = { update, end };
	json_t *r = ask("10.2.0.1:53211", NULL, file, 2);
	const json_t *h = json_array_get(json_object_get(r, "holders"), 0);

	(void)state;
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(h, "to_peer"), "bytes")), 30);
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(h, "to_client"), "packets")), 2);
	json_decref(r);
}

static void holders(void **state)
{
	(void)state;
	expect("10.2.0.1:53211", NULL, "anne:01-04(expired) anne:02-03(reset) bert:05-..()", 7);
	expect("10.2.0.1:53211", "12:03", "anne:01-04(expired) anne:02-03(reset)", 0);
	expect("10.2.0.1:53211", "12:01", "anne:01-04(expired)", 0);
	expect("10.2.0.9:40123", "12:09", "sip:03-..()", 0); /* a back end asks */
	expect("10.2.0.1:53211", "12:04", "anne:01-04(expired)", 7);
	expect("10.2.0.1:53211", "12:04:01", "", 7);
	expect("10.2.0.1:53211", "12:00", "", 0);
	expect("10.2.0.1:53211", "12:30", "bert:05-..()", 0);
	expect("[fd00:2::1]:9", NULL, "bert:05-..()", 7);
	expect("10.2.0.1:5321", NULL, "other:01-..()", 7);
	expect("10.2.0.1", "12:02", "anne:01-04(expired) other:01-..() anne:02-03(reset)", 0);
	expect("10.1.0.2:40000", NULL, "", 7); /* a client's address is none of ours */
	expect("10.2.0.1:20001", NULL, "c1:08-09(moved)", 7);
	expect("10.1.0.1:20000", NULL, "c1:08-..()", 7);
}

/* The oldest file is gone: its end alone says who it was. */
static void begins_late(void **state)
{
	static const char *const file[] = {
		ALLOC("04", "end", "0a", "anne", PORT, STARTED("01") END), "", "\n",
		ALLOC("05", "start", "0c", "bert", PORT, "")
	};
	json_t *r = ask("10.2.0.1:53211", "12:02", file, 4);
	const json_t *list = json_object_get(r, "holders");

	(void)state;
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "user")),
			    "anne");
	assert_string_equal(json_string_value(json_object_get(r, "first")),
			    "2026-11-24T12:04:00.000Z");
	json_decref(r);
	r = ask("10.2.0.1:53211", NULL, file + 1, 2);
	assert_int_equal(json_array_size(json_object_get(r, "holders")), 0);
	assert_true(json_is_null(json_object_get(r, "first")));
	json_decref(r);
}

static void text(void **state)
{
	static const char *const file[] = { records };
	json_t *r = ask("10.2.0.1:53211", NULL, file, 1);
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	(void)state;
	who_show(r, f);
	fflush(f);
	assert_non_null(strstr(out, "anne"));
	assert_non_null(strstr(out, "2026-11-24T12:04:00.000Z"));
	assert_non_null(strstr(out, "expired"));
	assert_non_null(strstr(out, "not seen"));
	assert_non_null(strstr(out, "7 records of that time are lost"));
	json_decref(r);
	fclose(f);
	free(out);
	r = ask("10.2.0.9:1", NULL, file, 1);
	f = open_memstream(&out, &len);
	who_show(r, f);
	fclose(f);
	assert_non_null(
	    strstr(out, "Nobody had it, as far as records go, which begin at 2026-11-24T12:01"));
	json_decref(r);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),       cmocka_unit_test(holders), cmocka_unit_test(relayed),
		cmocka_unit_test(begins_late), cmocka_unit_test(text),
	};

	return cmocka_run_group_tests(tests, in_utc, NULL);
}
