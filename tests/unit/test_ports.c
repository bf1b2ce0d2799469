/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Relayed ports: each worker draws from its own share and every port of it, pairs for EVEN-PORT,
 * at random, and a port that was given back rests unless nothing else is left.
 */
#include "cp_env.h"

static struct config conf;
static struct rand rnd;

static struct ports *make(uint16_t min, uint16_t max)
{
	struct ports *p;

	env_config(&conf, "/nowhere");
	conf.n_relay = 1;
	conf.relay[0].port_min = min;
	conf.relay[0].port_max = max;
	conf.relay[0].turn = true;
	rand_init(&rnd);
	p = ports_create(&conf, &rnd);
	assert_non_null(p);
	return p;
}

static void every_port_of_the_share_once(void **state)
{
	struct ports *p = make(50001, 50100); /* half a pair at each end */
	static bool seen[65536];
	uint16_t port;

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (uint32_t w = 0; w < 2; w++) {
		while ((port = ports_take(p, 0, w, PORTS_ANY, 0)) != 0) {
			assert_in_range(port, 50001, 50100);
			assert_int_equal(relay_port_worker(port, 2), w);
			assert_false(seen[port]);
			seen[port] = true;
		}
	}
	assert_int_equal(ports_used(p, 0), 100);
	ports_free(p);
}

static void even_ports_and_pairs(void **state)
{
	struct ports *p = make(50001, 50008); /* worker 0: (50000)50001, 50004, 50005, 50008 */
	uint16_t even;

	(void)state;
	even = ports_take(p, 0, 0, PORTS_PAIR, 0);
	assert_int_equal(even, 50004); /* the only whole pair */
	assert_int_equal(ports_take(p, 0, 0, PORTS_PAIR, 0), 0);
	assert_int_equal(ports_take(p, 0, 0, PORTS_EVEN, 0), 50008);
	assert_int_equal(ports_take(p, 0, 0, PORTS_EVEN, 0), 0);
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 0), 50001);
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 0), 0);
	ports_free(p);
}

static void a_port_rests(void **state)
{
	struct ports *p = make(50000, 50007); /* worker 0: 50000, 50001, 50004, 50005 */
	uint16_t first = ports_take(p, 0, 0, PORTS_ANY, 0);

	(void)state;
	ports_give(p, 0, first, 100);
	ports_give(p, 0, first, 100); /* twice is once */
	for (int i = 0; i < 3; i++)
		assert_int_not_equal(ports_take(p, 0, 0, PORTS_ANY, 100), first);
	/* nothing else is left: the rest is cut short */
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 100), first);
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 100), 0);
	ports_free(p);
}

static void a_rested_port_is_drawn_again(void **state)
{
	struct ports *p = make(50000, 50007);
	uint16_t first = ports_take(p, 0, 0, PORTS_ANY, 0);
	bool again = false;

	(void)state;
	ports_give(p, 0, first, 100);
	for (int i = 0; i < 4; i++)
		again |= ports_take(p, 0, 0, PORTS_ANY, 100 + PORTS_REST_S) == first;
	assert_true(again);
	ports_free(p);
}

static void claims_exclude(void **state)
{
	struct ports *p = make(50000, 50003); /* worker 0: 50000, 50001 */

	(void)state;
	assert_true(ports_claim(p, 0, 50001));
	assert_false(ports_claim(p, 0, 50001));
	assert_false(ports_claim(p, 0, 49999));
	assert_false(ports_claim(p, 1, 50000));
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 0), 50000);
	assert_int_equal(ports_take(p, 0, 0, PORTS_ANY, 0), 0);
	ports_free(p);
}

/* Not a test of randomness: a run in order, or a narrow one, would show here. */
static void ports_are_scattered(void **state)
{
	struct ports *p = make(49152, 65535);
	uint16_t last = 0;
	int near = 0, low = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint16_t port = ports_take(p, 0, 0, PORTS_ANY, 0);

		near += port - last < 64 && last - port < 64;
		low += port < 57344;
		last = port;
	}
	assert_in_range(near, 0, 50); /* about 8 expected */
	assert_in_range(low, 350, 650);
	ports_free(p);
}

static void relays_of_a_family_share_the_load(void **state)
{
	struct ports *p;

	(void)state;
	env_config(&conf, "/nowhere");
	rand_init(&rnd);
	p = ports_create(&conf, &rnd);
	for (int i = 0; i < 400; i++) {
		struct ctl_relay r = ports_take_family(p, false, 0, PORTS_ANY, 0);

		assert_in_range(r.relay, 0, 1);
		assert_int_equal(ports_take_family(p, true, 0, PORTS_ANY, 0).relay, 2);
	}
	assert_in_range(ports_used(p, 0), 100, 300);
	assert_int_equal(ports_used(p, 0) + ports_used(p, 1), 400);
	ports_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_port_of_the_share_once),
		cmocka_unit_test(even_ports_and_pairs),
		cmocka_unit_test(a_port_rests),
		cmocka_unit_test(a_rested_port_is_drawn_again),
		cmocka_unit_test(claims_exclude),
		cmocka_unit_test(ports_are_scattered),
		cmocka_unit_test(relays_of_a_family_share_the_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
