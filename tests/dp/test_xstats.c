/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a driver counts, as the control process finds it in the region (dp/xstats.h): each statistic
 * by the driver's name, as many as there is room for, and never more than were found at first,
 * whatever the other side writes into the region. Of a bond also what its members count.
 */
#include "tests/world/unit.h"
#include "tests/world/worker.h"
#include "dp/xstats.h"

#include <rte_dev.h>
#include <rte_ethdev.h>

enum { BURST_LEN = 32 };

static struct ctl_xstats shm;
static struct dplane dp = { .region = (struct region *)(void *)&shm, .region_size = sizeof(shm) };
static struct port port;
static struct rte_mempool *pool;

/* net_null gives as many packets as it is asked for. */
static int setup(void **state)
{
	struct rte_eth_conf conf = { 0 };

	(void)state;
	world_eal();
	pool =
	    rte_pktmbuf_pool_create("xstats", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_non_null(pool);
	assert_int_equal(rte_dev_probe("vdev:net_null0"), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_null0", &port.id), 0);
	assert_int_equal(rte_eth_dev_configure(port.id, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(port.id, 0, 64, SOCKET_ID_ANY, NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(port.id, 0, 64, SOCKET_ID_ANY, NULL), 0);
	assert_int_equal(rte_eth_dev_start(port.id), 0);
	return 0;
}

static void receive(void)
{
	struct rte_mbuf *m[BURST_LEN];
	uint16_t n = rte_eth_rx_burst(port.id, 0, m, BURST_LEN);

	assert_int_equal(n, BURST_LEN);
	rte_pktmbuf_free_bulk(m, n);
}

static uint64_t value(const char *name)
{
	for (uint32_t i = 0; i < shm.n; i++)
		if (strcmp(shm.stat[i].name, name) == 0)
			return shm.stat[i].value;
	fail_msg("no statistic is named %s", name);
	return 0;
}

static void names_and_values(void **state)
{
	(void)state;
	receive();
	xstats_publish(&dp, &port);
	assert_true(shm.n > 0 && shm.n <= CTL_XSTATS_MAX && shm.total >= shm.n);
	assert_int_equal(shm.seq % 2, 0);
	assert_int_equal(value("rx_good_packets"), BURST_LEN);
	assert_int_equal(value("rx_missed_errors"), 0);
	receive();
	xstats_publish(&dp, &port);
	assert_int_equal(value("rx_good_packets"), 2 * BURST_LEN);
}

static void a_region_that_was_written_to(void **state)
{
	uint32_t n = shm.n;

	(void)state;
	shm.n = shm.total = UINT32_MAX;
	shm.seq = 5;
	xstats_publish(&dp, &port);
	assert_int_equal(shm.n, n);
	assert_int_equal(shm.seq, 6);
}

/* A bond's driver knows of no member what it counts: the members' own are told behind their places.
 * What a member that left has counted stays. */
static void of_a_bond(void **state)
{
	static struct port bond;
	const uint32_t seq = shm.seq;
	uint32_t each;

	(void)state;
	memset(&shm, 0, sizeof(shm));
	bond = (struct port){ .id = port.id, .member = { port.id, port.id }, .n_members = 2 };
	xstats_publish(&dp, &bond);
	assert_true(seq > 0 && shm.seq == 2);
	each = bond.xstats[0];
	assert_int_equal(shm.n, 3 * each);
	assert_int_equal(shm.total, 3 * each);
	assert_int_equal(value("rx_good_packets"), value("member0_rx_good_packets"));
	assert_int_equal(value("member1_rx_good_packets"), 2 * BURST_LEN);
	bond.member[0] = RTE_MAX_ETHPORTS;
	receive();
	xstats_publish(&dp, &bond);
	assert_int_equal(shm.n, 3 * each);
	assert_int_equal(value("member0_rx_good_packets"), 2 * BURST_LEN);
	assert_int_equal(value("member1_rx_good_packets"), 3 * BURST_LEN);
}

/* With more than there is room for, each device has some. */
static void of_a_bond_that_is_large(void **state)
{
	static struct port bond;

	(void)state;
	memset(&shm, 0, sizeof(shm));
	bond = (struct port){ .id = port.id, .n_members = CONFIG_MEMBERS_MAX };
	for (unsigned k = 0; k < CONFIG_MEMBERS_MAX; k++)
		bond.member[k] = port.id;
	xstats_publish(&dp, &bond);
	assert_true(shm.n <= CTL_XSTATS_MAX);
	for (unsigned k = 0; k <= CONFIG_MEMBERS_MAX; k++)
		assert_true(bond.xstats[k] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names_and_values, setup),
		cmocka_unit_test(a_region_that_was_written_to),
		cmocka_unit_test(of_a_bond),
		cmocka_unit_test(of_a_bond_that_is_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
