/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What fairlead check makes of what it was told: state, reasons with the worst first, and values
 * for graphs, in the form that Nagios and its relatives read.
 */
#include "tests/world/unit.h"
#include "cli/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct check_limits limits = { { 14, 3 }, { 1, 100 }, 2 };

static json_t *json(const char *s)
{
	json_error_t e;
	json_t *j = json_loads(s, 0, &e);

	if (!j)
		fail_msg("%s: %s", e.text, s);
	return j;
}

#define STATUS(problems)                                                       \
	"{\"problems\":[" problems "],\"dataplane\":{\"connections\":4,"       \
	"\"connections_max\":32},\"allocations\":{\"count\":12,\"max\":1000}," \
	"\"gateway\":null}"
#define PROBLEM(severity, about, what) \
	"{\"severity\":\"" severity "\",\"about\":\"" about "\",\"what\":\"" what "\"}"
#define PORTS(up)                                                                   \
	"{\"ports\":[{\"info\":{\"name\":\"access\",\"link_up\":true}},{\"info\":{" \
	"\"name\":\"core\",\"link_up\":" up "}}]}"
#define DROPS(full, usual)                                                              \
	"{\"drops\":[{\"name\":\"tx_full\",\"severity\":\"error\",\"total\":" full "}," \
	"{\"name\":\"no_permission\",\"severity\":\"info\",\"total\":" usual "}]}"
#define TLS(days)                                                                         \
	"{\"certificates\":[{\"chain\":\"a.pem\",\"days_left\":90},{\"chain\":\"b.pem\"," \
	"\"days_left\":" days "},{\"chain\":\"c.pem\",\"loaded\":false}]}"

struct told {
	const char *status, *ports, *before, *now, *tls;
};

static void expect(const struct told *t, enum check_state state, const char *want)
{
	json_t *status = json(t->status ? t->status : STATUS(""));
	json_t *ports = json(t->ports ? t->ports : PORTS("true"));
	json_t *before = json(t->before ? t->before : DROPS("5", "7"));
	json_t *now = json(t->now ? t->now : DROPS("5", "7000"));
	json_t *tls = json(t->tls ? t->tls : TLS("71"));
	const struct check_seen seen = {
		.status = status, .ports = ports, .tls = tls, .before = before, .now = now
	};
	json_t *report = check_judge(&limits, &seen);
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	check_show(report, out);
	fclose(out);
	assert_string_equal(text, want);
	assert_int_equal(json_integer_value(json_object_get(report, "code")), state);
	free(text);
	json_decref(report);
	json_decref(status);
	json_decref(ports);
	json_decref(before);
	json_decref(now);
	json_decref(tls);
}

#define VALUES(drops, days)                                                                   \
	" | allocations=12;;;0;1000 connections=4;;;0;32 drops_per_second=" drops ";1;100;0;" \
	" certificate_days=" days ";14:;3:;0;\n"

static void test_ok(void **state)
{
	(void)state;
	expect(&(struct told){ 0 }, CHECK_OK,
	       "FAIRLEAD OK: 12 allocations, 2 of 2 ports up, certificates for 71 days" VALUES(
		   "0", "71"));
	expect(&(struct told){ .tls = "{\"certificates\":[]}" }, CHECK_OK,
	       "FAIRLEAD OK: 12 allocations, 2 of 2 ports up | allocations=12;;;0;1000 "
	       "connections=4;;;0;32 drops_per_second=0;1;100;0;\n");
}

static void test_problems(void **state)
{
	(void)state;
	expect(&(struct told){ .status = STATUS(PROBLEM("warn", "drain", "draining")) },
	       CHECK_WARNING, "FAIRLEAD WARNING: draining" VALUES("0", "71"));
	expect(&(struct told){ .status = STATUS(PROBLEM("warn", "drain", "draining") "," PROBLEM(
				   "error", "port", "port core: a | b\\n")) },
	       CHECK_CRITICAL,
	       "FAIRLEAD CRITICAL: port core: a / b? (and 1 more)" VALUES(
		   "0", "71") "warning: draining\n");
	/* One that does not say what it is about is one all the same. */
	expect(&(struct told){ .status = STATUS("{\"severity\":\"error\",\"what\":\"x\"}") },
	       CHECK_CRITICAL, "FAIRLEAD CRITICAL: x" VALUES("0", "71"));
}

/* When one ends is judged by our limits, not by those of the control process. */
static void test_certificates(void **state)
{
	(void)state;
	expect(&(struct told){ .tls = TLS("13"),
			       .status = STATUS(PROBLEM("warn", "certificate end", "b ends")) },
	       CHECK_WARNING,
	       "FAIRLEAD WARNING: certificate b.pem ends in 13 days" VALUES("0", "13"));
	expect(&(struct told){ .tls = TLS("14") }, CHECK_OK,
	       "FAIRLEAD OK: 12 allocations, 2 of 2 ports up, certificates for 14 days" VALUES(
		   "0", "14"));
	expect(&(struct told){ .tls = TLS("1") }, CHECK_CRITICAL,
	       "FAIRLEAD CRITICAL: certificate b.pem ends in 1 day" VALUES("0", "1"));
	expect(&(struct told){ .tls = TLS("-2") }, CHECK_CRITICAL,
	       "FAIRLEAD CRITICAL: certificate b.pem has ended" VALUES("0", "-2"));
}

/* Over two seconds. Reasons that are everyday traffic do not count. */
static void test_drops(void **state)
{
	(void)state;
	expect(&(struct told){ .now = DROPS("6", "7") }, CHECK_OK,
	       "FAIRLEAD OK: 12 allocations, 2 of 2 ports up, certificates for 71 days" VALUES(
		   "0.5", "71"));
	expect(&(struct told){ .now = DROPS("7", "7") }, CHECK_WARNING,
	       "FAIRLEAD WARNING: 1 packets a second are dropped, most by tx_full (fairlead "
	       "drops)" VALUES("1", "71"));
	expect(&(struct told){ .now = DROPS("205", "7") }, CHECK_CRITICAL,
	       "FAIRLEAD CRITICAL: 100 packets a second are dropped, most by tx_full (fairlead "
	       "drops)" VALUES("100", "71"));
	/* A dataplane that was started in between counts from 0. */
	expect(&(struct told){ .now = DROPS("4", "7") }, CHECK_WARNING,
	       "FAIRLEAD WARNING: 2 packets a second are dropped, most by tx_full (fairlead "
	       "drops)" VALUES("2", "71"));
}

static void test_pair(void **state)
{
	long p[2] = { 14, 3 };

	(void)state;
	assert_true(check_pair("30", p));
	assert_int_equal(p[0], 30);
	assert_int_equal(p[1], 3);
	assert_true(check_pair("20,10", p));
	assert_int_equal(p[0], 20);
	assert_int_equal(p[1], 10);
	assert_false(check_pair("", p));
	assert_false(check_pair("x", p));
	assert_false(check_pair("1,", p));
	assert_false(check_pair(",1", p));
	assert_false(check_pair("-1,1", p));
	assert_false(check_pair("1,2,3", p));
	assert_false(check_pair("111111111111111111111,2", p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ok),	     cmocka_unit_test(test_problems),
		cmocka_unit_test(test_certificates), cmocka_unit_test(test_drops),
		cmocka_unit_test(test_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
