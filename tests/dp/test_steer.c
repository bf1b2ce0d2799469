/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device of which key and table of RSS can be set brings each relayed port of IPv4 to the queue
 * of its worker (dp/steer.h), for each number of workers, whoever the peer is. It is asked for that
 * only on a port that no client uses, has what it had if it does not take it, and says which it is.
 */
#include "tests/world/worker.h"
#include "dp/port.h"
#include "dp/steer.h"

#include <rte_ethdev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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

static int setup(void **state)
{
	char err[512] = "";

	(void)state;
	world_eal();
	world_config();
	world.conf.dataplane.n_workers = WORKERS;
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
	for (uint16_t i = 0; i < WORKERS; i++)
		dp.worker[i] = &worker;
	return 0;
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
	assert_non_null(strstr(p->steering, "relayed ports: RSS key for IPv4, else hand-over"));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_leads_to_the_owner),
		cmocka_unit_test_setup(peers_port_has_the_key, setup),
		cmocka_unit_test_setup(clients_port_has_its_own, setup),
		cmocka_unit_test_setup(what_does_not_hold_is_taken_back, setup),
		cmocka_unit_test_setup(without_rss_nothing_is_asked, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
