/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `fairlead drops top`: whose packets a trace of drops tells of, and why. Pins: sources and
 * sessions apart by reason, who has most first, what was not seen, and more sources than are kept,
 * as one who forges addresses has them: the share of who sends most stays what it is.
 */
#include "tests/world/unit.h"
#include "cli/droppers.h"
#include "cli/tally.h"

#include <stdlib.h>
#include <string.h>

static void drop(struct tally *t, enum droppers_by by, const char *source, int session,
		 const char *reason)
{
	json_t *r = json_pack("[{s:s, s:i, s:i, s:s?, s:s}]", "event", "dropped", "worker", 1,
			      "length", 60, "source", source, "reason", reason);

	if (session >= 0)
		json_object_set_new(json_array_get(r, 0), "session", json_integer(session));
	droppers_take(t, by, r);
	json_decref(r);
}

static struct tally *seven_drops(enum droppers_by by)
{
	struct tally *t = tally_begin();

	for (int i = 0; i < 4; i++)
		drop(t, by, "203.0.113.9:7", 3, "no_permission");
	drop(t, by, "203.0.113.9:8", -1, "relay_port");
	drop(t, by, "[2001:db8::9]:8", 5, "no_permission");
	drop(t, by, NULL, -1, "eth_type");
	return t;
}

/* "who reason=drops" of each. */
static void expect(enum droppers_by by, size_t limit, const char *want)
{
	struct tally *t = seven_drops(by);
	json_t *r = droppers_result(t, by, 5, 2, limit), *d;
	char got[512] = "";
	size_t i;

	json_array_foreach(json_object_get(r, "droppers"), i, d)
	    snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s %s=%d", i ? ", " : "",
		     json_string_value(json_object_get(d, "who")),
		     json_string_value(json_object_get(d, "reason")),
		     (int)json_integer_value(json_object_get(d, "drops")));
	assert_string_equal(got, want);
	assert_int_equal(json_integer_value(json_object_get(r, "seen")), 7);
	assert_int_equal(json_integer_value(json_object_get(r, "lost")), 2);
	json_decref(r);
	tally_free(t);
}

static void by_each(void **state)
{
	(void)state;
	expect(DROPPERS_SOURCE, 10,
	       "203.0.113.9 no_permission=4, - eth_type=1, 203.0.113.9 relay_port=1, "
	       "[2001:db8::9] no_permission=1");
	expect(DROPPERS_SOURCE, 1, "203.0.113.9 no_permission=4");
	expect(DROPPERS_SESSION, 10,
	       "1/3 no_permission=4, - eth_type=1, - relay_port=1, 1/5 no_permission=1");
}

static char *shown(const struct tally *t, int64_t lost, size_t limit)
{
	json_t *r = droppers_result(t, DROPPERS_SOURCE, 5, lost, limit);
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	show_droppers(r, out);
	fclose(out);
	json_decref(r);
	return text;
}

static void is_printed(void **state)
{
	struct tally *t = tally_begin();
	char *text = shown(t, 0, 10);

	(void)state;
	assert_string_equal(text, "Nothing was dropped.\n");
	free(text);
	tally_free(t);
	t = seven_drops(DROPPERS_SOURCE);
	text = shown(t, 1234, 1);
	assert_string_equal(text, "WHO          REASON         DROPS   SHARE  BYTES\n"
				  "203.0.113.9  no_permission      4  57.1 %  240 B\n"
				  "Seen: 7 drops in 5.0 s.\n"
				  "Not seen, since they found no room: 1,234.\n");
	free(text);
	tally_free(t);
}

/* One drop each of very many sources, and one source that has as many as a tenth of them. */
static void forged_sources(void **state)
{
	enum { FORGED = 3 * TALLY_KEPT };
	struct tally *t = tally_begin();
	char source[32], *text;
	json_t *r, *d;

	(void)state;
	for (int i = 0; i < FORGED; i++) {
		snprintf(source, sizeof(source), "10.%d.%d.%d:9", i >> 16, i >> 8 & 255, i & 255);
		drop(t, DROPPERS_SOURCE, source, -1, "udp_port");
		if (i % 10 == 0)
			drop(t, DROPPERS_SOURCE, "192.0.2.7:1", -1, "udp_port");
	}
	r = droppers_result(t, DROPPERS_SOURCE, 5, 0, 1);
	d = json_array_get(json_object_get(r, "droppers"), 0);
	assert_string_equal(json_string_value(json_object_get(d, "who")), "192.0.2.7");
	assert_int_equal(json_integer_value(json_object_get(d, "drops")), (FORGED + 9) / 10);
	assert_int_equal((int)(1000 * json_real_value(json_object_get(d, "share"))), 90);
	assert_in_range(json_integer_value(json_object_get(r, "left_out")), FORGED - TALLY_KEPT,
			FORGED);
	json_decref(r);
	text = shown(t, 0, 1);
	assert_non_null(strstr(text, "Left out, since they have least: "));
	free(text);
	tally_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_each),
		cmocka_unit_test(is_printed),
		cmocka_unit_test(forged_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
