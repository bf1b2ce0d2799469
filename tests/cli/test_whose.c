/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Expressions of whose packets are wanted. Pins: frames from and to an address are taken, with a
 * VLAN's tag and without, and those of another port, or of that port of another address, are not;
 * there is room for a context's four addresses of IPv6, and for eight users' places of IPv4.
 */
#include "tests/world/unit.h"
#include "cli/expression.h"
#include "cli/whose.h"
#include "lib/be.h"
#include "lib/bpf.h"
#include "lib/ctl_abi.h"

#include <stdlib.h>
#include <string.h>

static struct bpf_step step[CTL_TRACE_STEPS];

static void compile(const char *addresses, bool tagged)
{
	json_t *list = json_loads(addresses, 0, NULL), *program, *s;
	char *text = whose_expression(list, tagged), err[256];
	size_t i;

	assert_non_null(text);
	program = expression_compile(text, err, sizeof(err));
	assert_non_null(program);
	assert_in_range(json_array_size(program), 1, CTL_TRACE_STEPS);
	json_array_foreach(program, i, s)
	{
		step[i].code = (uint16_t)json_integer_value(json_array_get(s, 0));
		step[i].jt = (uint8_t)json_integer_value(json_array_get(s, 1));
		step[i].jf = (uint8_t)json_integer_value(json_array_get(s, 2));
		step[i].k = (uint32_t)json_integer_value(json_array_get(s, 3));
	}
	assert_true(bpf_valid(step, (uint32_t)json_array_size(program)));
	json_decref(program);
	json_decref(list);
	free(text);
}

/* A datagram of UDP over IPv4 with that last byte of its addresses, 192.0.2.x. */
static bool taken(uint8_t src, uint16_t sport, uint8_t dst, uint16_t dport, bool tagged)
{
	static const uint8_t net[3] = { 192, 0, 2 };
	uint8_t f[64] = { 0 }, *p = f + 12;

	if (tagged) {
		memcpy(p, (const uint8_t[]){ 0x81, 0, 0, 5 }, 4);
		p += 4;
	}
	memcpy(p, (const uint8_t[]){ 8, 0, 0x45 }, 3);
	p += 2;
	p[9] = 17;
	memcpy(p + 12, net, 3);
	p[15] = src;
	memcpy(p + 16, net, 3);
	p[19] = dst;
	memcpy(p + 20, be16_make(sport).b, 2);
	memcpy(p + 22, be16_make(dport).b, 2);
	return bpf_run(step, f, sizeof(f), sizeof(f)) != 0;
}

static void test_both_ways(void **state)
{
	(void)state;
	for (int tagged = 0; tagged < 2; tagged++) {
		compile("[\"192.0.2.1:4000\", \"192.0.2.2:5000\", \"192.0.2.1:4001\"]", tagged);
		assert_int_equal(taken(1, 4000, 9, 1, true), tagged);
		assert_true(taken(9, 1, 1, 4001, tagged));
		assert_true(taken(1, 4000, 9, 1, tagged));
		assert_true(taken(9, 1, 1, 4000, tagged));
		assert_true(taken(9, 1, 2, 5000, tagged));
		assert_false(taken(1, 5000, 9, 1, tagged));
		assert_false(taken(9, 4000, 9, 5000, tagged));
		/* the port is the other's */
		assert_false(taken(1, 1, 9, 4000, tagged));
		assert_false(taken(9, 4000, 1, 1, tagged));
	}
}

static void test_room(void **state)
{
	json_t *none = json_array();

	(void)state;
	compile("[\"[2001:db8::1]:4000\", \"[2001:db8::1]:4001\", \"[2001:db8:1::2]:4002\", "
		"\"[2001:db8:1::2]:4003\"]",
		true);
	assert_false(taken(1, 4000, 9, 1, false));
	compile("[\"192.0.2.1:1\", \"192.0.2.9:1\", \"192.0.2.2:2\", \"192.0.2.9:2\", "
		"\"192.0.2.3:3\", \"192.0.2.9:3\", \"192.0.2.4:4\", \"192.0.2.9:4\", "
		"\"192.0.2.5:5\", \"192.0.2.9:5\", \"192.0.2.6:6\", \"192.0.2.9:6\", "
		"\"192.0.2.7:7\", \"192.0.2.9:7\", \"192.0.2.8:8\", \"192.0.2.9:8\"]",
		false);
	assert_true(taken(8, 8, 1, 4000, false));
	assert_false(taken(8, 7, 1, 4000, false));
	assert_null(whose_expression(none, false));
	json_decref(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
