/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which VLANs a device is told of (dp/vlan.h): those of the ports that share it, and no other
 * device's; none if it filters none. One that it refuses is told at start.
 */
#include "tests/world/worker.h"
#include "dp/shortfall.h"
#include "dp/vlan.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FIRST = 1, SECOND = 2, N_PORTS = 4, REFUSED = 300 };

static int filters;
static uint16_t told[N_PORTS], n_told;

/* The linker puts these in place of ethdev's own. */
int __wrap_rte_eth_dev_get_vlan_offload(uint16_t id);
int __wrap_rte_eth_dev_vlan_filter(uint16_t id, uint16_t vlan, int on);

int __wrap_rte_eth_dev_get_vlan_offload(uint16_t id)
{
	(void)id;
	return filters;
}

int __wrap_rte_eth_dev_vlan_filter(uint16_t id, uint16_t vlan, int on)
{
	assert_int_equal(id, world.dp.port[FIRST].id);
	assert_int_equal(on, 1);
	told[n_told++] = vlan;
	return vlan == REFUSED ? -EPERM : 0;
}

/* Ports 1, 2 and 3 are on one device. */
static int setup(void **state)
{
	static const uint16_t vlan[N_PORTS] = { 100, 0, 200, 201 };

	world_config();
	world_start();
	world.conf.n_port = N_PORTS;
	for (uint16_t i = 0; i < N_PORTS; i++) {
		world.conf.port[i].vlan = vlan[i];
		world.conf.port[i].shares = i > FIRST ? FIRST + 1 : 0;
	}
	world.dp.port[FIRST].conf = &world.conf.port[FIRST];
	filters = RTE_ETH_VLAN_FILTER_OFFLOAD | RTE_ETH_VLAN_STRIP_OFFLOAD;
	n_told = 0;
	(void)state;
	return 0;
}

static void those_of_its_ports(void **state)
{
	(void)state;
	vlan_register(&world.dp, &world.dp.port[FIRST]);
	assert_int_equal(n_told, 2);
	assert_int_equal(told[0], 200);
	assert_int_equal(told[1], 201);
	assert_int_equal(world.dp.port[FIRST].vlan_refused, 0);
}

static void none_without_filter(void **state)
{
	(void)state;
	filters = RTE_ETH_VLAN_STRIP_OFFLOAD;
	vlan_register(&world.dp, &world.dp.port[FIRST]);
	filters = -ENODEV;
	vlan_register(&world.dp, &world.dp.port[FIRST]);
	assert_int_equal(n_told, 0);
}

static void refused(void **state)
{
	struct port *p = &world.dp.port[FIRST];
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	assert_non_null(f);
	world.conf.port[SECOND].vlan = REFUSED;
	vlan_register(&world.dp, p);
	assert_int_equal(n_told, 2);
	assert_int_equal(p->vlan_refused, REFUSED);
	p->rx_queues = p->tx_queues = world.dp.n_workers;
	p->rx_desc = config_device(&world.conf, FIRST).rx_desc;
	p->tx_desc = config_device(&world.conf, FIRST).tx_desc;
	assert_int_equal(shortfall_tell(&world.dp, p, f), 1);
	fclose(f);
	assert_non_null(strstr(text, "refuses to let VLAN 300 in"));
	free(text);
	/* Opened again, it takes it. */
	world.conf.port[SECOND].vlan = 200;
	vlan_register(&world.dp, p);
	assert_int_equal(p->vlan_refused, 0);
}

static void asked_for_where_there_is_one(void **state)
{
	const struct config_device tagged = { .tagged = true }, plain = { 0 };

	(void)state;
	assert_int_equal(vlan_offload(&tagged, UINT64_MAX), RTE_ETH_RX_OFFLOAD_VLAN_FILTER);
	assert_int_equal(vlan_offload(&tagged, ~RTE_ETH_RX_OFFLOAD_VLAN_FILTER), 0);
	assert_int_equal(vlan_offload(&plain, UINT64_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(those_of_its_ports, setup, world_teardown),
		cmocka_unit_test_setup_teardown(none_without_filter, setup, world_teardown),
		cmocka_unit_test_setup_teardown(refused, setup, world_teardown),
		cmocka_unit_test(asked_for_where_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
