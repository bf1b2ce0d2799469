/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which VLANs a device is told of (dp/vlan.h): those of the ports that share it, and no other
 * device's; none if it filters none. One that it refuses is told at start. A reload brings a VLAN
 * to a device that is open, takes it, and brings it back: its frames are those of its port while it
 * is there and strangers' else, its address is ours meanwhile, its neighbours are forgotten, and
 * other ports of the device go on. A device that was opened without tags, or for shorter packets,
 * gets none.
 */
#include "tests/world/worker.h"
#include "dp/shortfall.h"
#include "dp/snapshot.h"
#include "dp/vlan.h"
#include "dp/net/net.h"

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
static uint16_t device; /* that is told */
static uint16_t told[N_PORTS], n_told;
static uint16_t forgotten; /* the last VLAN that the device is to let in no more */

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
	if (!on) {
		forgotten = vlan;
		return 0;
	}
	assert_int_equal(id, device);
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
	device = world.dp.port[FIRST].id;
	(void)state;
	return 0;
}

/* Port access, and core as VLAN 200 of its device. */
static int setup_live(void **state)
{
	(void)state;
	world_config();
	world.conf.port[CORE].vlan = 200;
	world.conf.port[CORE].shares = ACCESS + 1;
	world_start();
	filters = RTE_ETH_VLAN_FILTER_OFFLOAD;
	n_told = forgotten = 0;
	device = world.dp.port[ACCESS].id;
	return 0;
}

static int teardown_live(void **state)
{
	const int r = world_teardown(state);

	snapshot_close(&world.dp);
	return r;
}

static void those_of_its_ports(void **state)
{
	(void)state;
	vlan_register(&world.conf, &world.dp.port[FIRST]);
	assert_int_equal(n_told, 2);
	assert_int_equal(told[0], 200);
	assert_int_equal(told[1], 201);
	assert_int_equal(world.dp.port[FIRST].vlan_refused, 0);
}

static void none_without_filter(void **state)
{
	(void)state;
	filters = RTE_ETH_VLAN_STRIP_OFFLOAD;
	vlan_register(&world.conf, &world.dp.port[FIRST]);
	filters = -ENODEV;
	vlan_register(&world.conf, &world.dp.port[FIRST]);
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
	vlan_register(&world.conf, p);
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
	vlan_register(&world.conf, p);
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

enum { LAB = WORLD_PORTS, LAB_VLAN = 7 };

static struct config *conf_copy(void)
{
	struct config *c = malloc(sizeof(*c));

	assert_non_null(c);
	memcpy(c, snapshot_conf(&world.dp), sizeof(*c));
	return c;
}

/* What runs, with port lab: VLAN 7 of access's device, and a listener at its address. */
static struct config *with_lab(void)
{
	const struct sock_addr own = at("10.7.0.1", 3478);
	struct config *c = conf_copy();
	struct config_port *p = &c->port[LAB];

	c->n_port = LAB + 1;
	*p = (struct config_port){
		.vlan = LAB_VLAN, .mtu = 1500, .shares = ACCESS + 1, .n_addr = 1
	};
	strcpy(p->name, "lab");
	p->addr[0] = (struct ip_prefix){ own.ip, 96 + 24 };
	c->listener[c->n_listener++] = (struct config_listener){ .addr = own };
	return c;
}

/* The same, and lab is gone. */
static struct config *without_lab(void)
{
	struct config *c = conf_copy();

	c->port[LAB].gone = true;
	c->port[LAB].n_addr = 0;
	c->n_listener--;
	return c;
}

/* As dp/reload.c has it. */
static void reload(struct config *c)
{
	char err[256];

	assert_true(vlans_fit(&world.dp, c, err, sizeof(err)));
	vlans_add(&world.dp, c);
	world_reload(c);
	vlans_drop(&world.dp, c);
	dplane_addrs_set(&world.dp, c);
	world_pass_ms(3000); /* all that is announced is, all neighbours were looked at */
	world_forget();
	world_mark();
}

/* A Binding request, with the tag of VLAN 7. */
static void ask(void)
{
	const struct sock_addr from = at("10.7.0.9", 5000), to = at("10.7.0.1", 3478);
	const uint8_t binding[STUN_HDR_LEN] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };
	const struct frame_opt o = { .vlan = LAB_VLAN };
	struct frame f;

	frame_udp(&f, ACCESS, &from, &to, binding, sizeof(binding), &o);
	world_feed(ACCESS, &f);
}

/* Whoever is asked for, or answered, is so with the tag of VLAN 7. */
static void served(void)
{
	const uint64_t had = world.w->port_counters[LAB].rx_packets;
	const struct frame *out;

	ask();
	out = world_out(ACCESS);
	assert_non_null(out);
	assert_int_equal(get16(out->b + 12), 0x8100);
	assert_int_equal(get16(out->b + 14), LAB_VLAN);
	assert_int_equal(world.w->port_counters[LAB].rx_packets, had + 1);
	world_forget();
}

static void strange(void)
{
	world_mark();
	ask();
	world_no_out();
	world_drops(DROP_VLAN, 1);
	world_mark();
}

/* The untagged port of the device answers as ever. */
static void others_go_on(void)
{
	const struct sock_addr from = at("10.1.0.2", 5000), to = at("10.1.0.1", 3478);
	const uint8_t binding[STUN_HDR_LEN] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };
	struct udp_view v;
	struct frame f;

	frame_udp(&f, ACCESS, &from, &to, binding, sizeof(binding), NULL);
	world_feed(ACCESS, &f);
	expect_udp(ACCESS, &v);
	assert_int_equal(get16(v.payload), 0x0101);
	world_forget();
}

static void comes_and_goes(void **state)
{
	const struct ip_addr own = at("10.7.0.1", 0).ip;
	uint32_t neighbours;

	(void)state;
	strange();
	others_go_on();
	neighbours = net_neighbours(world.w);
	for (int turn = 0; turn < 3; turn++) {
		reload(with_lab());
		assert_int_equal(world.dp.n_ports, LAB + 1);
		assert_non_null(dplane_local(&world.dp, &own));
		assert_int_equal(told[n_told - 1], LAB_VLAN);
		served();
		assert_int_equal(net_neighbours(world.w), neighbours + 1);
		others_go_on();
		reload(without_lab());
		assert_null(dplane_local(&world.dp, &own));
		assert_null(dplane_local(&world.dp, &world.dp.port[LAB].link_local));
		assert_int_equal(forgotten, LAB_VLAN);
		assert_int_equal(net_neighbours(world.w), neighbours);
		strange();
		others_go_on();
	}
	/* At a place of its own once and for ever. */
	assert_int_equal(world.dp.n_ports, LAB + 1);
}

static void does_not_fit(void **state)
{
	struct config *c = with_lab();
	char err[256];

	(void)state;
	assert_true(vlans_fit(&world.dp, c, err, sizeof(err)));
	c->port[LAB].mtu = 1501;
	assert_false(vlans_fit(&world.dp, c, err, sizeof(err)));
	assert_non_null(strstr(err, "lab has vlan 7 and mtu 1501"));
	c->port[LAB].mtu = 1500;
	world.conf.port[CORE].vlan = 0;
	assert_false(vlans_fit(&world.dp, c, err, sizeof(err)));
	world.conf.port[CORE].vlan = 200;
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(those_of_its_ports, setup, world_teardown),
		cmocka_unit_test_setup_teardown(none_without_filter, setup, world_teardown),
		cmocka_unit_test_setup_teardown(refused, setup, world_teardown),
		cmocka_unit_test_setup_teardown(comes_and_goes, setup_live, teardown_live),
		cmocka_unit_test_setup_teardown(does_not_fit, setup_live, teardown_live),
		cmocka_unit_test(asked_for_where_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
