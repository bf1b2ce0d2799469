/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose a relayed port is, by multiplication (dp/dplane.h), is what both processes say by division
 * (config_relay_worker()), for each number of workers and each port, of relays that are dealt out
 * to all workers and of those that are one worker's, of both families. A worker's table of ports
 * has a place of its own for each port that it has, with the two of a pair side by side (RTP and
 * RTCP, RFC 8656 EVEN-PORT), takes one N-th of what all ports of a relay that is dealt out would,
 * and another's ports stand nowhere in it though they have places there.
 */
#include "tests/world/unit.h"
#include "dp/relayed.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 65536, MIN = 1024, MAX = 65535 };

static struct dplane dp;
static struct config conf;

/* An address of the one port there is. */
static struct ip_addr address(uint16_t i)
{
	return i % 2 ? (struct ip_addr){ { 0x20, 1, 0xd, 0xb8, [15] = (uint8_t)i } }
		     : ip_from_v4(be32_make(0x0a000000u + i));
}

/* As many relays, each with 1 + its worker or 0. */
static void start(uint16_t n_workers, uint16_t n_relay, const uint16_t *owner)
{
	char err[256] = "";

	memset(&dp, 0, sizeof(dp));
	memset(&conf, 0, sizeof(conf));
	conf.dataplane.n_workers = n_workers;
	conf.n_port = (CONFIG_ADDRS_MAX + n_relay - 1u) / CONFIG_ADDRS_MAX;
	conf.n_relay = n_relay;
	for (uint16_t i = 0; i < n_relay; i++) {
		struct config_port *p = &conf.port[i / CONFIG_ADDRS_MAX];

		p->addr[p->n_addr++].ip = address(i);
		conf.relay[i] = (struct config_relay){
			.addr = address(i), .port_min = MIN, .port_max = MAX, .owner = owner[i]
		};
	}
	if (!dplane_init(&dp, &conf, err, sizeof(err)))
		fail_msg("%s", err);
}

/* Two relays that are dealt out, two of the first worker's and two of the last's, mixed. */
enum { RELAYS = 6 };

static void start_mixed(uint16_t n)
{
	const uint16_t owner[RELAYS] = { 1, 0, n, n, 0, 1 };

	start(n, RELAYS, owner);
}

static void owner_is_the_boundary_s(void **state)
{
	(void)state;
	for (uint16_t n = 1; n <= CTL_WORKERS_MAX; n++) {
		start_mixed(n);
		for (uint16_t r = 0; r < RELAYS; r++)
			for (uint32_t p = 0; p < PORTS; p++)
				assert_int_equal(relay_owner(&dp, r, (uint16_t)p),
						 config_relay_worker(&conf, r, (uint16_t)p));
	}
}

/* A port of a relay is its owner's, any other, and of an address that is none, by the port alone.
 */
static void owner_by_address(void **state)
{
	const uint16_t owner[] = { 3, 0 };

	(void)state;
	start(4, 2, owner);
	for (uint32_t p = 0; p < PORTS; p++) {
		const uint16_t port = (uint16_t)p;

		assert_int_equal(port_owner(&dp, dplane_local(&dp, &conf.relay[0].addr), port),
				 p < MIN ? relay_port_worker(port, 4) : 2);
		assert_int_equal(port_owner(&dp, dplane_local(&dp, &conf.relay[1].addr), port),
				 relay_port_worker(port, 4));
		assert_int_equal(port_owner(&dp, NULL, port), relay_port_worker(port, 4));
	}
}

static void each_port_has_its_place(void **state)
{
	static uint8_t taken[CTL_WORKERS_MAX][RELAYS * PORTS];

	(void)state;
	for (uint16_t n = 1; n <= CTL_WORKERS_MAX; n += n < 9 ? 1 : 11) {
		start_mixed(n);
		memset(taken, 0, sizeof(taken));
		for (uint16_t r = 0; r < RELAYS; r++)
			for (uint32_t p = 0; p < PORTS; p++) {
				const struct deal *d = &dp.relay_deal[r];
				uint32_t at = deal_place(d, (uint16_t)p);

				assert_true(at < dp.places);
				assert_int_equal(taken[deal_owner(d, (uint16_t)p)][at]++, 0);
				if (p % 2)
					assert_int_equal(at, deal_place(d, (uint16_t)(p - 1)) + 1);
			}
	}
}

enum { ROWS = 1 + CONFIG_RELAYS_SPARE }; /* a reload may add so many */

/* An N-th of the memory, but for what is rounded up in each round of the deal. */
static void share_is_small(void **state)
{
	const uint16_t dealt = 0;

	(void)state;
	for (uint16_t n = 1; n <= CTL_WORKERS_MAX; n++) {
		start(n, 1, &dealt);
		assert_true(dp.places >= (PORTS + n - 1u) / n);
		assert_true(dp.places < ROWS * (PORTS / (uint32_t)n + 2 * PORTS / RELAY_DEAL));
	}
}

/* With a relay for each worker a table has room for one, however many workers there are. */
static void own_address_is_one_row(void **state)
{
	uint16_t owner[CTL_WORKERS_MAX];

	(void)state;
	for (uint16_t n = 1; n <= CTL_WORKERS_MAX; n++) {
		owner[n - 1] = n;
		start(n, n, owner);
		assert_int_equal(dp.places, ROWS * PORTS);
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
	const uint16_t owner[] = { 0, 0, 3, 2 };
	struct worker w = { .dp = &dp, .id = 2 };
	uint32_t own[4] = { 0 };

	(void)state;
	start(3, 4, owner);
	w.relay_slot = calloc(dp.places, sizeof(*w.relay_slot)); /* all taken, by 0 */
	assert_non_null(w.relay_slot);
	for (uint16_t r = 0; r < 4; r++)
		for (uint32_t p = 0; p < PORTS; p++) {
			const struct local_addr l = { .relay = r };
			bool mine = relay_owner(&dp, r, (uint16_t)p) == w.id;

			assert_int_equal(relayed_entry(&w, &l, (uint16_t)p), mine ? 0 : SLOT_NONE);
			own[r] += mine;
		}
	assert_int_equal(own[0], 2 * 256 * 42); /* the third of 128 pairs that is rounded down */
	assert_int_equal(own[1], own[0]);
	assert_int_equal(own[2], PORTS);
	assert_int_equal(own[3], 0);
	free(w.relay_slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owner_is_the_boundary_s),  cmocka_unit_test(owner_by_address),
		cmocka_unit_test(each_port_has_its_place),  cmocka_unit_test(share_is_small),
		cmocka_unit_test(own_address_is_one_row),   cmocka_unit_test(seven_bits_tell),
		cmocka_unit_test(others_ports_are_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
