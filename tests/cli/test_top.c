/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `fairlead top` makes of two looks at the workers: the difference of each counter over the
 * time between them, what divides by nothing is null, a dataplane started in between counts from 0;
 * and its text, byte for byte, within 80 columns.
 */
#include "tests/world/unit.h"
#include "cli/top.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STAGES(rx, idle)                                                                       \
	"[{\"name\":\"rx\"," rx "},{\"name\":\"sweep\",\"cycles\":0,\"calls\":0,\"items\":0}," \
	"{\"name\":\"idle\"," idle "}]"
#define STAGE(cycles, calls, items) "\"cycles\":" #cycles ",\"calls\":" #calls ",\"items\":" #items
#define WORKER(w, rx, tx, dropped, stages, burst, batch)                                       \
	"{\"worker\":" #w ",\"cpu\":" #w ",\"dropped\":" #dropped ",\"counters\":{\"rx\":" #rx \
	",\"tx\":" #tx ",\"sessions\":" #rx "},\"stages\":" stages ",\"rx_burst\":" burst      \
	",\"tx_batch\":" batch "}"
#define RESULT(time, workers)                                             \
	"{\"attached\":true,\"time_us\":" #time ",\"tsc_hz\":2500000000," \
	"\"batch_min\":[0,1,2,4,8,16,32,64],\"workers\":[" workers "]}"

static const char before_[] = RESULT(
    1000000,
    WORKER(0, 100, 90, 10, STAGES(STAGE(5000, 10, 100), STAGE(50, 5, 5)), "[9,1,1,0,0,0,0,0]",
	   "[0,2,0,0,0,0,0,0]") "," WORKER(1, 7, 7, 0, STAGES(STAGE(0, 0, 0), STAGE(1000, 10, 10)),
					   "[10,0,0,0,0,0,0,0]", "[0,0,0,0,0,0,0,0]"));
/* Worker 0 is busy for three quarters of its cycles, worker 1 for none. */
static const char now_[] = RESULT(
    3000000,
    WORKER(0, 6500, 6490, 14, STAGES(STAGE(305000, 210, 6500), STAGE(100050, 105, 105)),
	   "[209,1,1,0,0,0,200,0]",
	   "[0,2,0,0,0,0,100,50]") "," WORKER(1, 7, 7, 0,
					      STAGES(STAGE(0, 0, 0), STAGE(401000, 4010, 4010)),
					      "[4010,0,0,0,0,0,0,0]", "[0,0,0,0,0,0,0,0]"));

static json_t *parse(const char *s)
{
	json_error_t e;
	json_t *j = json_loads(s, 0, &e);

	if (!j)
		fail_msg("%s", e.text);
	return j;
}

static json_t *top(const char *before, const char *now)
{
	json_t *b = parse(before), *n = parse(now), *t = top_result(b, n);

	assert_non_null(t);
	json_decref(b);
	json_decref(n);
	return t;
}

static double number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	assert_true(json_is_number(v));
	return json_number_value(v);
}

static void expect(const json_t *o, const char *key, double want)
{
	if (fabs(number(o, key) - want) > 1e-9)
		fail_msg("%s is %g, not %g", key, number(o, key), want);
}

static const json_t *worker(const json_t *t, size_t i)
{
	return json_array_get(json_object_get(t, "workers"), i);
}

static void test_result(void **state)
{
	json_t *t = top(before_, now_);
	const json_t *w = worker(t, 0), *total = json_object_get(t, "total");
	const json_t *rx = json_array_get(json_object_get(w, "stages"), 0);

	(void)state;
	expect(t, "seconds", 2);
	expect(w, "busy", 0.75);
	expect(w, "rx_per_s", 3200);
	expect(w, "tx_per_s", 3200);
	expect(w, "drops_per_s", 2);
	expect(w, "cycles_per_packet", 300000.0 / 6400);
	expect(w, "mean_burst", 32);
	expect(w, "mean_batch", 6400.0 / 150);
	expect(rx, "share", 0.75);
	expect(rx, "cycles_per_item", 300000.0 / 6400);
	expect(rx, "items_per_call", 32);
	expect(rx, "calls_per_s", 100);
	expect(rx, "items_per_s", 3200);
	expect(worker(t, 1), "busy", 0);
	assert_true(json_is_null(json_object_get(worker(t, 1), "cycles_per_packet")));
	assert_true(json_is_null(json_object_get(worker(t, 1), "mean_burst")));
	expect(total, "busy", 0.375);
	expect(total, "rx_per_s", 3200);
	json_decref(t);
}

/* Counters went back, a worker is new, time stood still: nothing negative, nothing infinite. */
static void test_odd(void **state)
{
	static const char none[] = "{\"attached\":false,\"time_us\":5,\"workers\":[]}";
	json_t *t = top(now_, before_);

	(void)state;
	expect(worker(t, 0), "cycles_per_packet", 50);
	assert_true(number(worker(t, 0), "rx_per_s") >= 0);
	json_decref(t);
	t = top(none, now_);
	expect(worker(t, 0), "cycles_per_packet", 305000.0 / 6500);
	json_decref(t);
	t = top(now_, now_);
	assert_true(json_is_null(json_object_get(worker(t, 0), "rx_per_s")));
	assert_true(json_is_null(json_object_get(worker(t, 0), "busy")));
	json_decref(t);
	t = top(now_, none);
	assert_true(json_is_false(json_object_get(t, "attached")));
	json_decref(t);
}

static char *text_of(const json_t *t, long worker)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	show_top(t, worker, out);
	fclose(out);
	return text;
}

/* Three workers' classes are one distribution; quantiles lie within a class, by its share. */
static void test_times(void **state)
{
	static const char head[] =
	    "{\"attached\":true,\"time_us\":1,\"time_le_us\":[[10,20],[1000]],"
	    "\"workers\":[";
	static const char a[] = "{\"times\":[{\"name\":\"turn\",\"n\":[5,1,0],\"sum_us\":30},"
				"{\"name\":\"rtcp\",\"n\":[0,0],\"sum_us\":0}]}";
	static const char b[] = "{\"times\":[{\"name\":\"turn\",\"n\":[55,51,0],\"sum_us\":1230},"
				"{\"name\":\"rtcp\",\"n\":[0,4],\"sum_us\":8000000}]}";
	char was[1024], now[1024];
	const json_t *turn, *rtcp;
	char *text;
	json_t *t;

	(void)state;
	snprintf(was, sizeof(was), "%s%s,%s]}", head, a, a);
	snprintf(now, sizeof(now), "%s%s,%s]}", head, b, a);
	t = top(was, now);
	turn = json_array_get(json_object_get(json_object_get(t, "total"), "times"), 0);
	rtcp = json_array_get(json_object_get(worker(t, 0), "times"), 1);
	expect(turn, "count", 100);
	expect(turn, "mean_us", 12);
	expect(turn, "median_us", 10);
	expect(turn, "p99_us", 19.8);
	expect(rtcp, "mean_us", 2000000);
	expect(rtcp, "median_us", 1000); /* where the last class begins */
	turn = json_array_get(json_object_get(worker(t, 1), "times"), 0);
	expect(turn, "count", 0);
	assert_true(json_is_null(json_object_get(turn, "median_us")));
	text = text_of(t, -1);
	assert_non_null(strstr(text, "\nTOOK                  COUNT    MEAN   MEDIAN     99 %\n"
				     "turns with work         100   12 us    10 us    19 us\n"
				     "round trips, by RTCP      4  2.00 s  1.00 ms  1.00 ms\n"));
	free(text);
	json_decref(t);
}

static void test_text(void **state)
{
	json_t *t = top(before_, now_);
	char *text = text_of(t, -1);

	(void)state;
	assert_string_equal(
	    text, "2.0 s at 2.50 GHz\n\n"
		  "WORKER  CPU    BUSY        RX        TX  DROPS  CYCLES/PKT  BURST  BATCH\n"
		  "     0    0  75.0 %  3.20 k/s  3.20 k/s    2/s        46.9   32.0   42.7\n"
		  "     1    1   0.0 %       0/s       0/s    0/s           -      -      -\n"
		  "   all       37.5 %  3.20 k/s  3.20 k/s    2/s        46.9   32.0   42.7\n\n"
		  "STAGE   SHARE  CYCLES/ITEM  ITEMS/CALL     ITEMS     CALLS\n"
		  "rx     37.5 %         46.9        32.0  3.20 k/s     100/s\n"
		  "idle   62.5 %          122         1.0  2.05 k/s  2.05 k/s\n\n"
		  "PACKETS        1    2-3    4-7   8-15  16-31   32-63     64+\n"
		  "receives   0.0 %  0.0 %  0.0 %  0.0 %  0.0 %   100 %   0.0 %\n"
		  "transmits  0.0 %  0.0 %  0.0 %  0.0 %  0.0 %  66.7 %  33.3 %\n");
	free(text);
	text = text_of(t, 1);
	assert_non_null(
	    strstr(text, "\nidle   100 %          100         1.0  2.00 k/s  2.00 k/s\n"));
	assert_null(strstr(text, "\nrx "));
	assert_non_null(strstr(text, "\nreceives   -    -    -     -      -      -    -\n"));
	free(text);
	text = text_of(t, 2);
	assert_non_null(strstr(text, "\nThere is no worker 2.\n"));
	free(text);
	json_decref(t);
	t = parse("{\"attached\":false}");
	text = text_of(t, -1);
	assert_string_equal(text, "The dataplane is not attached: nothing to show.\n");
	free(text);
	json_decref(t);
}

/* Whatever the counters are, a line is no longer than a terminal's. */
static void test_width(void **state)
{
	static const int64_t big[] = { 999499, 999999999, INT64_MAX / 128 };
	json_t *t, *w, *stages, *none = parse("{\"attached\":true,\"time_us\":0,\"workers\":[]}");
	char *text;

	(void)state;
	for (size_t b = 0; b < sizeof(big) / sizeof(big[0]); b++) {
		json_t *now = parse(now_), *list = json_object_get(now, "workers");

		w = json_array_get(list, 0);
		json_object_set_new(json_object_get(w, "counters"), "rx", json_integer(big[b]));
		json_object_set_new(json_object_get(w, "counters"), "tx", json_integer(big[b]));
		json_object_set_new(w, "dropped", json_integer(big[b]));
		stages = json_object_get(w, "stages");
		for (size_t i = 0; i < json_array_size(stages); i++) {
			json_t *s = json_array_get(stages, i);

			json_object_set_new(s, "name", json_string("housekeeping"));
			json_object_set_new(s, "cycles", json_integer(big[b] / (int64_t)(1 + i)));
			json_object_set_new(s, "calls", json_integer(big[b]));
		}
		for (int i = 2; i < 64; i++)
			json_array_append(list, w);
		t = top_result(none, now);
		text = text_of(t, -1);
		for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
			if (end - line > 80)
				fail_msg("%.*s", (int)(end - line), line);
		free(text);
		json_decref(t);
		json_decref(now);
	}
	json_decref(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result), cmocka_unit_test(test_odd),
		cmocka_unit_test(test_times),  cmocka_unit_test(test_text),
		cmocka_unit_test(test_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
