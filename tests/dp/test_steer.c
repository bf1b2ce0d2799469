/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device of which key and table of RSS can be set brings each relayed port of IPv4 to the queue
 * of its worker (dp/steer.h), for each number of workers, whoever the peer is, and of IPv6 from
 * those whose address does not disturb. It is asked for that only on a port that no client uses,
 * has what it had if it does not take it, and says which it is. One that takes rules has one for
 * each relay that is one worker's, of both families and on nothing but the address, and where it
 * takes masks one for each worker of those that are dealt out; where it refuses, that is said with
 * its reason. A reload has the rules of the relays that are there then: none of one that is gone,
 * and those of its worker of one that has another; a device that is out has them when it is back; a
 * listener does not come to a device whose key was made for relays.
 */
#include "tests/world/worker.h"
#include "dp/port.h"
#include "dp/shortfall.h"
#include "dp/snapshot.h"
#include "dp/steer.h"

#include <rte_ethdev.h>
#include <rte_flow.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORKERS = 3, DESCRIPTORS = 64 };

static struct dplane dp;
static struct worker worker;

static uint16_t queue_of(const struct rss *r, uint32_t peer, uint16_t peer_port, uint16_t port)
{
	const struct sock_addr src = { ip_from_v4(be32_make(peer)), be16_make(peer_port) };
	const struct sock_addr dst = { at("10.2.0.1", 0).ip, be16_make(port) };

	return rss_queue(r, &src, &dst);
}

static void key_leads_to_the_owner(void **state)
{
	static const uint16_t sizes[] = { 128, 512, 2048 };
	struct rss r;

	(void)state;
	for (size_t s = 0; s < RTE_DIM(sizes); s++)
		for (uint16_t n = 1; n <= CTL_WORKERS_MAX; n += s ? 7 : 1) {
			steer_key(&r, sizes[s], n);
			for (uint32_t i = 0; i < 4096; i++) {
				uint32_t x = i * UINT32_C(0x9e3779b1);
				uint16_t port = (uint16_t)(x >> 7);

				assert_int_equal(queue_of(&r, x, (uint16_t)x, port),
						 relay_port_worker(port, n));
			}
		}
}

/* The queue of a packet from an IPv6 peer whose twelfth byte is that. */
static uint16_t queue_of_v6(const struct rss *r, uint8_t twelfth, uint32_t x, uint16_t port)
{
	struct sock_addr src = { at("2001:db8::", 0).ip, be16_make((uint16_t)x) };
	const struct sock_addr dst = { at("2001:db8:1::1", 0).ip, be16_make(port) };

	memcpy(src.ip.b + 4, &x, 4);
	src.ip.b[11] = twelfth;
	src.ip.b[15] = (uint8_t)(x >> 9);
	return rss_queue(r, &src, &dst);
}

/*
 * IPv6 comes by the owner's queue from those whose twelfth byte is 0 or 1, as addresses are that a
 * person or DHCPv6 gives; all others' ports are spread over all queues, none of which has more than
 * its part.
 */
static void key_and_ipv6(void **state)
{
	enum { QUEUES = 4, PORTS = 4096 };
	static const uint8_t others[] = { 0xff, 0x5a, 0x02 };
	struct rss r;

	(void)state;
	steer_key(&r, 128, QUEUES);
	for (uint32_t i = 0; i < PORTS; i++) {
		uint32_t x = i * UINT32_C(0x9e3779b1);
		uint16_t port = (uint16_t)(x >> 7);

		assert_int_equal(queue_of_v6(&r, i & 1, x, port), relay_port_worker(port, QUEUES));
	}
	for (size_t k = 0; k < sizeof(others); k++) {
		uint32_t n[QUEUES] = { 0 };

		for (uint32_t port = 0; port < PORTS; port++)
			n[queue_of_v6(&r, others[k], port * 7, (uint16_t)port)]++;
		for (uint16_t q = 0; q < QUEUES; q++)
			assert_int_equal(n[q], PORTS / QUEUES);
	}
}

static int setup_as(void **state, uint16_t n_workers)
{
	char err[512] = "";

	(void)state;
	world_eal();
	world.conf.dataplane.n_workers = n_workers;
	world.conf.n_port = 1;
	world.conf.dataplane.mbufs = UINT32_MAX;
	world.conf.port[0] = world.conf.port[CORE];
	world.conf.port[0].rx_desc = world.conf.port[0].tx_desc = DESCRIPTORS;
	dp.tsc_per_us = 1000;
	if (!dplane_init(&dp, &world.conf, err, sizeof(err)))
		fail_msg("%s", err);
	if (!worker.pool)
		worker.pool = rte_pktmbuf_pool_create("steer", 1023, 0, 0,
						      RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_non_null(worker.pool);
	for (uint16_t i = 0; i < n_workers; i++)
		dp.worker[i] = &worker;
	return 0;
}

static int setup(void **state)
{
	world_config();
	return setup_as(state, WORKERS);
}

static const struct port *opened(const char *device)
{
	char err[512] = "";

	dp.n_ports = 0;
	snprintf(world.conf.port[0].device, sizeof(world.conf.port[0].device), "%s", device);
	if (!port_open(&dp, 0, err, sizeof(err)))
		fail_msg("%s", err);
	return &dp.port[0];
}

/* What the device itself says that it has. */
static bool device_leads(const struct port *p)
{
	struct rss r;

	rss_read(&r, p->id);
	assert_int_not_equal(r.reta_size, 0);
	for (uint32_t port = 0; port < 65536; port++)
		if (queue_of(&r, port * 7919, 4000, (uint16_t)port) !=
		    relay_port_worker((uint16_t)port, WORKERS))
			return false;
	return true;
}

static void peers_port_has_the_key(void **state)
{
	const struct port *p = opened("net_null7,no-rx=1");

	(void)state;
	assert_non_null(strstr(p->steering,
			       "relayed ports: RSS key for IPv4 and some of IPv6, else hand-over"));
	assert_non_null(strstr(p->steering, "outbound TCP: RSS hash"));
	assert_true(device_leads(p));
	port_close(&dp.port[0]);
}

static void clients_port_has_its_own(void **state)
{
	const struct port *p;

	(void)state;
	world.conf.listener[0].addr.ip = world.conf.port[0].addr[0].ip;
	p = opened("net_null8,no-rx=1");
	assert_non_null(strstr(p->steering, "relayed ports: hand-over"));
	assert_false(device_leads(p));
	port_close(&dp.port[0]);
}

/* A device that says that it has another table than it was given. */
void __real_rss_read(struct rss *r, uint16_t ethdev);
void __wrap_rss_read(struct rss *r, uint16_t ethdev);
static bool lies;

void __wrap_rss_read(struct rss *r, uint16_t ethdev)
{
	__real_rss_read(r, ethdev);
	r->reta[5] ^= lies;
}

static void what_does_not_hold_is_taken_back(void **state)
{
	const struct port *p;
	struct rss has, had;

	(void)state;
	world.conf.listener[0].addr.ip = world.conf.port[0].addr[0].ip;
	p = opened("net_null9,no-rx=1");
	__real_rss_read(&had, p->id);
	port_close(&dp.port[0]);
	setup(NULL);
	lies = true;
	p = opened("net_null10,no-rx=1");
	lies = false;
	assert_non_null(strstr(p->steering, "relayed ports: hand-over"));
	__real_rss_read(&has, p->id);
	assert_memory_equal(has.key, had.key, sizeof(has.key));
	port_close(&dp.port[0]);
}

static void without_rss_nothing_is_asked(void **state)
{
	(void)state;
	assert_non_null(strstr(opened("net_ring99")->steering, "relayed ports: hand-over"));
	port_close(&dp.port[0]);
}

/* ---- rules ---- */

/* A device that takes rules on the address, and with masks also those on the port. */
int __wrap_rte_flow_validate(uint16_t port_id, const struct rte_flow_attr *attr,
			     const struct rte_flow_item *item, const struct rte_flow_action *act,
			     struct rte_flow_error *error);
struct rte_flow *__wrap_rte_flow_create(uint16_t port_id, const struct rte_flow_attr *attr,
					const struct rte_flow_item *item,
					const struct rte_flow_action *act,
					struct rte_flow_error *error);
int __wrap_rte_flow_flush(uint16_t port_id, struct rte_flow_error *error);

enum { RULES_MAX = 16 };

static struct {
	bool exact, masks;
	int left; /* that it has room for */
	unsigned n;
	struct {
		struct ip_addr ip;
		uint16_t queue, port, mask;
	} rule[RULES_MAX];
} nic;

int __wrap_rte_flow_validate(uint16_t port_id, const struct rte_flow_attr *attr,
			     const struct rte_flow_item *item, const struct rte_flow_action *act,
			     struct rte_flow_error *error)
{
	(void)port_id;
	(void)act;
	assert_true(attr->ingress);
	assert_int_equal(item[0].type, RTE_FLOW_ITEM_TYPE_ETH);
	assert_int_equal(item[2].type, RTE_FLOW_ITEM_TYPE_UDP);
	assert_int_equal(item[3].type, RTE_FLOW_ITEM_TYPE_END);
	if ((item[2].spec ? nic.masks : nic.exact) && nic.left > 0)
		return 0;
	return -rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM, NULL,
				   "of no such kind");
}

struct rte_flow *__wrap_rte_flow_create(uint16_t port_id, const struct rte_flow_attr *attr,
					const struct rte_flow_item *item,
					const struct rte_flow_action *act,
					struct rte_flow_error *error)
{
	const struct rte_flow_item_udp *udp = item[2].spec, *mask = item[2].mask;
	const struct rte_flow_action_queue *queue = act[0].conf;

	assert_int_equal(__wrap_rte_flow_validate(port_id, attr, item, act, error), 0);
	assert_true(nic.n < RULES_MAX);
	assert_int_equal(act[0].type, RTE_FLOW_ACTION_TYPE_QUEUE);
	if (item[1].type == RTE_FLOW_ITEM_TYPE_IPV6) {
		const struct rte_flow_item_ipv6 *ip = item[1].spec;

		memcpy(nic.rule[nic.n].ip.b, &ip->hdr.dst_addr, 16);
	} else {
		const struct rte_flow_item_ipv4 *ip = item[1].spec;

		nic.rule[nic.n].ip = ip_from_v4(be32_make(rte_be_to_cpu_32(ip->hdr.dst_addr)));
	}
	nic.rule[nic.n].queue = queue->index;
	nic.rule[nic.n].port = udp ? rte_be_to_cpu_16(udp->hdr.dst_port) : 0;
	nic.rule[nic.n].mask = mask ? rte_be_to_cpu_16(mask->hdr.dst_port) : 0;
	nic.left--;
	return (struct rte_flow *)&nic.rule[nic.n++];
}

int __wrap_rte_flow_flush(uint16_t port_id, struct rte_flow_error *error)
{
	(void)port_id;
	(void)error;
	nic.n = 0;
	return 0;
}

/* Where UDP to a port of an address goes by the rules; WORKERS: by none. */
static uint16_t rule_queue(const struct ip_addr *ip, uint16_t port)
{
	for (unsigned i = 0; i < nic.n; i++)
		if (ip_eq(&nic.rule[i].ip, ip) && (port & nic.rule[i].mask) == nic.rule[i].port)
			return nic.rule[i].queue;
	return WORKERS;
}

/* Five relays on the one port: of each worker's one of IPv4, and one of IPv6; the last dealt out.
 */
static int setup_rules(void **state)
{
	static const char *const address[] = { "10.2.0.1", "10.2.0.2", "fd00:2::1", "fd00:2::2",
					       "10.2.0.3" };
	struct config *c = &world.conf;

	world_config();
	c->dataplane.n_workers = 2;
	c->port[CORE].n_addr = c->n_relay = RTE_DIM(address);
	for (uint16_t i = 0; i < c->n_relay; i++) {
		c->port[CORE].addr[i].ip = at(address[i], 0).ip;
		c->relay[i] = (struct config_relay){ .addr = at(address[i], 0).ip,
						     .port_min = 50000,
						     .port_max = 65535,
						     .turn = true,
						     .owner = i == 4 ? 0 : 1 + i % 2 };
	}
	memset(&nic, 0, sizeof(nic));
	nic.exact = nic.masks = true;
	nic.left = RULES_MAX;
	memset(&dp, 0, sizeof(dp));
	return setup_as(state, 2);
}

/* What is to be done about rules that are refused; "" of a port that has all that it asked for. */
static void expect_remedy(const char *remedy)
{
	char *said = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&said, &len);

	assert_non_null(f);
	shortfall_tell(&dp, &dp.port[0], f);
	fclose(f);
	if (*remedy)
		assert_non_null(strstr(said, remedy));
	else
		assert_null(strstr(said, "refuses rules"));
	free(said);
}

static void rules_lead_to_the_owner(void **state)
{
	const struct port *p = opened("net_null11,no-rx=1");

	(void)state;
	assert_non_null(
	    strstr(p->steering, "relayed ports: rte_flow by port, rte_flow by address;"));
	expect_remedy("");
	assert_int_equal(nic.n, 6);
	for (uint16_t i = 0; i < world.conf.n_relay; i++)
		for (uint32_t port = 50000; port < 65536; port++)
			assert_int_equal(rule_queue(&world.conf.relay[i].addr, (uint16_t)port),
					 relay_owner(&dp, i, (uint16_t)port));
	port_close(&dp.port[0]);
}

static void without_masks_addresses_are_ruled(void **state)
{
	const struct port *p;

	(void)state;
	nic.masks = false;
	p = opened("net_null12,no-rx=1");
	assert_non_null(
	    strstr(p->steering,
		   "relayed ports: RSS key for IPv4 and some of IPv6, else hand-over, rte_flow "
		   "by address (rte_flow: of no such kind);"));
	expect_remedy("(of no such kind): what comes to another one is handed over, at the cost of "
		      "both: with a relay address for each worker");
	assert_int_equal(nic.n, 4);
	for (uint16_t i = 0; i < 4; i++)
		assert_int_equal(rule_queue(&world.conf.relay[i].addr, 50000), i % 2);
	port_close(&dp.port[0]);
}

static void what_is_refused_is_said(void **state)
{
	(void)state;
	world.conf.n_relay = 4;
	nic.exact = false;
	assert_non_null(strstr(opened("net_null13,no-rx=1")->steering,
			       "relayed ports: hand-over (rte_flow: of no such kind);"));
	port_close(&dp.port[0]);
	nic.exact = true;
	nic.left = 3;
	assert_non_null(strstr(
	    opened("net_null14,no-rx=1")->steering,
	    "relayed ports: rte_flow by address for some, else hand-over (rte_flow: of no "));
	expect_remedy("both: have fewer of relays[] with a worker");
	assert_int_equal(nic.n, 3);
	port_close(&dp.port[0]);
}

/* Its clients would all come by that queue, of TCP as well where no protocol is compared. */
static void a_listener_s_address_has_no_rule(void **state)
{
	static const char *const device[] = { "net_null15,no-rx=1", "net_null16,no-rx=1" };

	(void)state;
	world.conf.n_relay = 1;
	world.conf.listener[0].addr.ip = world.conf.relay[0].addr;
	for (size_t i = 0; i < 2; i++) {
		world.conf.listener[0].transport = i ? TRANSPORT_TCP : TRANSPORT_UDP;
		assert_non_null(
		    strstr(opened(device[i])->steering,
			   "relayed ports: hand-over (rte_flow: a listener has the address)"));
		assert_int_equal(nic.n, 0);
		port_close(&dp.port[0]);
	}
}

/* ---- reloads ---- */

/* What runs, and what is to run: to be altered, then put in force. */
static struct snapshot *next_snapshot(void)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->conf = malloc(sizeof(*s->conf));
	assert_non_null(s->conf);
	memcpy(s->conf, snapshot_conf(&dp), sizeof(*s->conf));
	s->refs = 1;
	s->number = snapshot_number(&dp) + 1;
	return s;
}

static void take(struct snapshot *s)
{
	snapshot_publish(&dp, s);
	snapshot_drop(s);
	steer_reload(&dp, &dp.port[0]);
}

static void closed(void)
{
	port_close(&dp.port[0]);
	snapshot_close(&dp);
}

static void reloads_make_rules_anew(void **state)
{
	const struct ip_addr a = world.conf.relay[0].addr, b = world.conf.relay[1].addr;
	const struct port *p;
	struct snapshot *s;

	(void)state;
	world.conf.n_relay = 1;
	p = opened("net_null17,no-rx=1");
	assert_int_equal(nic.n, 1);
	s = next_snapshot();
	s->conf->n_relay = 2;
	take(s);
	assert_int_equal(nic.n, 2);
	assert_int_equal(rule_queue(&a, 50000), 0);
	assert_int_equal(rule_queue(&b, 50000), 1);
	assert_int_equal(p->steered.by_address, 2);
	/* Another worker's is another relay, beside the one that is gone. */
	s = next_snapshot();
	s->conf->relay[1].gone = true;
	s->conf->relay[2] = s->conf->relay[1];
	s->conf->relay[2].gone = false;
	s->conf->relay[2].owner = 1;
	s->conf->n_relay = 3;
	take(s);
	assert_int_equal(nic.n, 2);
	assert_int_equal(rule_queue(&b, 50000), 0);
	s = next_snapshot();
	s->conf->relay[0].gone = s->conf->relay[2].gone = true;
	take(s);
	assert_int_equal(nic.n, 0);
	assert_int_equal(p->steered.owned, 0);
	assert_null(strstr(p->steering, "rte_flow"));
	closed();
}

/* What does not concern its relays leaves rules as they are; what the device refuses is said. */
static void reloads_touch_no_more(void **state)
{
	const struct port *p;
	struct snapshot *s;

	(void)state;
	world.conf.n_relay = 1;
	p = opened("net_null18,no-rx=1");
	nic.exact = false; /* whoever asks again is refused */
	s = next_snapshot();
	s->conf->turn.channel_lifetime++;
	take(s);
	assert_int_equal(nic.n, 1);
	s = next_snapshot();
	s->conf->n_relay = 2;
	take(s);
	assert_int_equal(nic.n, 0);
	assert_int_equal(p->steered.by_address, 0);
	assert_non_null(
	    strstr(p->steering, "relayed ports: hand-over (rte_flow: of no such kind);"));
	closed();
}

static void who_is_out_has_rules_when_back(void **state)
{
	struct port *p;
	struct snapshot *s;

	(void)state;
	world.conf.n_relay = 1;
	opened("net_null19,no-rx=1");
	p = &dp.port[0];
	atomic_store(&p->link, LINK_OUT);
	s = next_snapshot();
	s->conf->n_relay = 2;
	take(s);
	assert_int_equal(nic.n, 1);
	assert_int_equal(steer_conf(&dp, p)->n_relay, 1);
	atomic_store(&p->link, LINK_DOWN);
	steer_reload(&dp, p);
	assert_int_equal(nic.n, 2);
	assert_int_equal(steer_conf(&dp, p)->n_relay, 2);
	closed();
}

static void no_listener_where_the_key_is_for_relays(void **state)
{
	struct snapshot *s;
	char err[256] = "";

	(void)state;
	nic.masks = false;
	opened("net_null20,no-rx=1");
	assert_int_equal(dp.port[0].steered.by_key, 1);
	s = next_snapshot();
	assert_true(steer_fits(&dp, s->conf, err, sizeof(err)));
	s->conf->listener[0].addr.ip = world.conf.relay[0].addr;
	assert_false(steer_fits(&dp, s->conf, err, sizeof(err)));
	assert_non_null(strstr(err, "listeners[0]: it is the first one on the device of port"));
	snapshot_drop(s);
	closed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_leads_to_the_owner),
		cmocka_unit_test(key_and_ipv6),
		cmocka_unit_test_setup(peers_port_has_the_key, setup),
		cmocka_unit_test_setup(clients_port_has_its_own, setup),
		cmocka_unit_test_setup(what_does_not_hold_is_taken_back, setup),
		cmocka_unit_test_setup(without_rss_nothing_is_asked, setup),
		cmocka_unit_test_setup(rules_lead_to_the_owner, setup_rules),
		cmocka_unit_test_setup(without_masks_addresses_are_ruled, setup_rules),
		cmocka_unit_test_setup(what_is_refused_is_said, setup_rules),
		cmocka_unit_test_setup(a_listener_s_address_has_no_rule, setup_rules),
		cmocka_unit_test_setup(reloads_make_rules_anew, setup_rules),
		cmocka_unit_test_setup(reloads_touch_no_more, setup_rules),
		cmocka_unit_test_setup(who_is_out_has_rules_when_back, setup_rules),
		cmocka_unit_test_setup(no_listener_where_the_key_is_for_relays, setup_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
