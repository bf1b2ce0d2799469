/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The text of `fairlead ping` and `fairlead arping`, byte for byte: a line of each outcome, and the
 * sum of a series, of which only replies have a time.
 */
#include "tests/world/unit.h"
#include "cli/ping.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define WAY(to, via) \
	"\"to\":\"" to "\",\"via\":\"" via "\",\"source\":\"10.2.0.1\",\"port\":\"core\""

static json_t *parse(const char *s)
{
	json_t *j = json_loads(s, 0, NULL);

	assert_non_null(j);
	return j;
}

static void expect(const char *answer, const char *want)
{
	json_t *a = parse(answer);
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ping_show(a, 3, out);
	fclose(out);
	assert_string_equal(text, want);
	free(text);
	json_decref(a);
}

static void test_lines(void **state)
{
	(void)state;
	expect("{\"result\":\"reply\"," WAY("10.2.0.7", "10.2.0.7") ",\"size\":56,\"ttl\":63,"
								    "\"from\":\"10.2.0.7\","
								    "\"rtt_us\":83}",
	       "3: 56 bytes from 10.2.0.7, TTL 63, in 83 us\n");
	expect("{\"result\":\"reply\"," WAY("10.2.0.7", "10.2.0.7") ",\"from\":\"10.2.0.7\","
								    "\"mac\":\"02:00:00:00:00:"
								    "07\",\"rtt_us\":1234}",
	       "3: 10.2.0.7 is at 02:00:00:00:00:07, in 1.23 ms\n");
	expect("{\"result\":\"silent\"," WAY("10.2.0.7", "10.2.0.7") ",\"size\":56,\"hop_answers\":"
								     "true}",
	       "3: no answer\n");
	expect("{\"result\":\"silent\"," WAY("10.2.0.7", "10.2.0.7") ",\"size\":56,\"hop_answers\":"
								     "false}",
	       "3: no answer: 10.2.0.7 by port core does not answer ARP\n");
	expect("{\"result\":\"silent\"," WAY("2001:db8::1", "fd00:1::9") ",\"size\":56,"
									 "\"hop_answers\":false}",
	       "3: no answer: the gateway fd00:1::9 by port core does not answer neighbour "
	       "solicitations\n");
	expect("{\"result\":\"silent\"," WAY("10.2.0.7", "10.2.0.7") ",\"hop_answers\":false}",
	       "3: no answer\n");
	expect("{\"result\":\"error\"," WAY("192.0.2.1", "10.2.0.9") ",\"size\":56,\"from\":\"10.2."
								     "0.9\",\"error\":{\"text\":"
								     "\"host unreachable\","
								     "\"mtu\":null}}",
	       "3: 10.2.0.9 says: host unreachable\n");
	expect("{\"result\":\"error\"," WAY("192.0.2.1", "10.2.0.9") ",\"size\":56,\"from\":\"10.2."
								     "0.9\",\"error\":{\"text\":"
								     "\"packet too big\",\"mtu\":"
								     "1400}}",
	       "3: 10.2.0.9 says: packet too big, its MTU is 1400\n");
}

static void sum_expect(const struct ping_sum *s, const char *want)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ping_sum_show(s, out);
	fclose(out);
	assert_string_equal(text, want);
	free(text);
}

static void test_sum(void **state)
{
	static const char *const answers[] = {
		"{\"result\":\"error\",\"rtt_us\":1}",
		"{\"result\":\"reply\",\"rtt_us\":90}",
		"{\"result\":\"silent\"}",
		"{\"result\":\"reply\",\"rtt_us\":70}",
		"{\"result\":\"reply\",\"rtt_us\":110}",
	};
	struct ping_sum s = { 0 };

	(void)state;
	sum_expect(&s, "0 sent, 0 answered, 0 lost\n");
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		json_t *a = parse(answers[i]);

		ping_sum_add(&s, a);
		json_decref(a);
	}
	sum_expect(&s, "5 sent, 3 answered, 2 lost; at least 70 us, on average 90 us, at most 110 "
		       "us\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
