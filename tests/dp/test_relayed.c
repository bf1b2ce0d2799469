/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose a relayed port is, by multiplication (dp/dplane.h), is what both processes say by division
 * (relay_port_worker()), for each number of workers and each port. A worker's table of ports has a
 * place of its own for each port of its share, with the two of a pair side by side (RTP and RTCP,
 * RFC 8656 EVEN-PORT), takes one N-th of what all ports would, and another's ports stand nowhere in
 * it though they have the same places.
 */
#include "tests/world/unit.h"
#include "dp/relayed.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 65536 };

static struct dplane dp;
static struct config conf;

static void start(uint16_t n_workers)
{
	char err[256] = "";

	conf.dataplane.n_workers = n_workers;
	if (!dplane_init(&dp, &conf, err, sizeof(err)))
		fail_msg("%s", err);
}

static void owner_is_the_boundary_s(void **state)
{
	(void)state;
	for (uint16_t n = 1; n <= CTL_WORKERS_MAX; n++) {
		start(n);
		for (uint32_t p = 0; p < PORTS; p++)
			assert_int_equal(port_owner(&dp, (uint16_t)p),
					 relay_port_worker((uint16_t)p, n));
	}
}

static void each_port_has_its_place(void **state)
{
	static uint8_t taken[CTL_WORKERS_MAX][PORTS];

	(void)state;
	for (uint16_t n = 1; n <= CTL_WORKERS_MAX; n++) {
		start(n);
		memset(taken, 0, sizeof(taken));
		for (uint32_t p = 0; p < PORTS; p++) {
			uint32_t at = port_place(&dp, 0, (uint16_t)p);

			assert_true(at < port_places(&dp, 1));
			assert_int_equal(taken[port_owner(&dp, (uint16_t)p)][at]++, 0);
			if (p % 2)
				assert_int_equal(at, port_place(&dp, 0, (uint16_t)(p - 1)) + 1);
		}
	}
}

/* An N-th of the memory, but for what is rounded up in each round of the deal. */
static void share_is_small(void **state)
{
	(void)state;
	for (uint16_t n = 1; n <= CTL_WORKERS_MAX; n++) {
		start(n);
		assert_true(port_places(&dp, 1) >= (PORTS + n - 1u) / n);
		assert_true(port_places(&dp, 1) < PORTS / (uint32_t)n + 2 * PORTS / RELAY_DEAL);
	}
}

/* The owner hangs on seven bits of a port: what a NIC's table of 128 queues can be told. */
static void seven_bits_tell(void **state)
{
	(void)state;
	for (uint16_t n = 1; n <= CTL_WORKERS_MAX; n++)
		for (uint32_t p = 0; p < PORTS; p++)
			assert_int_equal(relay_port_worker((uint16_t)p, n),
					 relay_port_worker(p & 0xfe, n));
}

static void others_ports_are_nowhere(void **state)
{
	const struct local_addr l = { .relay = 1 };
	struct worker w = { .dp = &dp, .id = 2 };
	uint32_t p, own = 0;

	(void)state;
	start(3);
	w.relay_slot = calloc(port_places(&dp, 2), sizeof(*w.relay_slot)); /* all taken, by 0 */
	assert_non_null(w.relay_slot);
	for (p = 0; p < PORTS; p++) {
		bool mine = port_owner(&dp, (uint16_t)p) == w.id;

		assert_int_equal(relayed_entry(&w, &l, (uint16_t)p), mine ? 0 : SLOT_NONE);
		own += mine;
	}
	assert_int_equal(own, 2 * 256 * 42); /* the third of 128 pairs that is rounded down */
	free(w.relay_slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owner_is_the_boundary_s),
		cmocka_unit_test(each_port_has_its_place),
		cmocka_unit_test(share_is_small),
		cmocka_unit_test(seven_bits_tell),
		cmocka_unit_test(others_ports_are_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
