/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What --check-config says that a configuration takes is what a worker takes of DPDK's heap: each
 * part by itself, as the rows of its hash table double and as they do not, and all together.
 */
#include "tests/world/unit.h"
#include "conf/footprint.h"
#include "world/worker.h"
#include "dp/tls/handshake.h"

#include <stdint.h>
#include <rte_malloc.h>

static uint64_t heap_taken(void)
{
	struct rte_malloc_socket_stats heap;

	assert_int_equal(rte_malloc_get_socket_stats(0, &heap), 0);
	return heap.heap_allocsz_bytes;
}

/* What a worker takes with world.conf. */
static int64_t taken(void)
{
	uint64_t before, with;

	world_eal();
	before = heap_taken();
	world_start();
	with = heap_taken();
	world_stop();
	return (int64_t)(with - before);
}

static int64_t told(void)
{
	struct footprint_part part[FOOTPRINT_PARTS_MAX];
	unsigned n = footprint(&world.conf, part);
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++) {
		assert_true(i == 0 || part[i].bytes <= part[i - 1].bytes);
		sum += part[i].bytes;
	}
	return (int64_t)sum;
}

static void near(const char *what, int64_t is, int64_t said)
{
	if (llabs(is - said) > is / 20)
		fail_msg("%s: %lld bytes are taken, %lld are told", what, (long long)is,
			 (long long)said);
}

static void base_config(void)
{
	world_config();
	world.conf.gateway.contexts = 16;
	world.conf.gateway.streams = 16;
	world.conf.gateway.srtp = 16;
	world.conf.listener[0].transport = TRANSPORT_TLS;
	world.conf.tls.connections = 64;
	world.conf.tls.waiting = 16;
	world.conf.ipsec.addr[0] = world.conf.port[ACCESS].addr[0].ip;
	world.conf.ipsec.n_addr = 1;
	world.conf.ipsec.phones = 16;
}

static void grows_with(const char *key, uint32_t *count)
{
	static const uint32_t many[] = { 15000, 18000 };

	for (size_t i = 0; i < RTE_DIM(many); i++) {
		int64_t is, said;

		base_config();
		is = taken();
		said = told();
		*count = many[i];
		is = taken() - is;
		near(key, is, told() - said);
	}
}

static void parts(void **state)
{
	struct config *c = &world.conf;

	(void)state;
	grows_with("dataplane.mbufs", &c->dataplane.mbufs);
	grows_with("dataplane.sessions", &c->dataplane.sessions);
	grows_with("dataplane.peers", &c->dataplane.peers);
	grows_with("dataplane.neighbours", &c->dataplane.neighbours);
	grows_with("dataplane.neighbour-queue", &c->dataplane.neighbour_queue);
	grows_with("dataplane.fragments", &c->dataplane.fragments);
	grows_with("gateway.contexts", &c->gateway.contexts);
	grows_with("gateway.streams", &c->gateway.streams);
	grows_with("gateway.srtp", &c->gateway.srtp);
	grows_with("ipsec.phones", &c->ipsec.phones);
	grows_with("tcp.connections", &c->tcp.connections);
	grows_with("tcp.time-wait", &c->tcp.time_wait);
	grows_with("tcp.buffers", &c->tcp.buffers);
	grows_with("tls.connections", &c->tls.connections);
}

static void relays(void **state)
{
	struct config *c = &world.conf;
	int64_t is, said;

	base_config();
	c->dataplane.n_workers = *(const uint16_t *)*state;
	is = taken();
	said = told();
	for (c->n_relay = 2; c->n_relay < 40; c->n_relay++) {
		c->relay[c->n_relay] = c->relay[0];
		c->relay[c->n_relay].addr = ip_from_v4(be32_make(0x0a020100u + c->n_relay));
		c->port[CORE].addr[c->port[CORE].n_addr++] =
		    (struct ip_prefix){ c->relay[c->n_relay].addr, 128 };
	}
	is = taken() - is;
	near("relays", is, told() - said);
}

static void limits(void **state)
{
	int64_t is, said;

	(void)state;
	base_config();
	world.conf.dataplane.sessions = 15000;
	is = taken();
	said = told();
	world.conf.turn.session_rate = 1;
	is = taken() - is;
	near("turn.session-rate", is, told() - said);
}

static void whole(void **state)
{
	(void)state;
	base_config();
	near("all", taken(), told());
}

/* What a worker alone does not make. */
static void between_workers(void **state)
{
	int64_t said;

	(void)state;
	base_config();
	world.conf.n_relay = 0;
	said = told();
	world.conf.dataplane.n_workers = 4;
	near("hand-over", 12 * rte_ring_get_memsize(config_handover(4)), told() - 4 * said);
	world.conf.dataplane.n_workers = 32;
	near("hand-over", 32 * 31 * rte_ring_get_memsize(config_handover(32)), told() - 32 * said);
	world.conf.dataplane.n_workers = 1;
	world.conf.tls.handshakes = 100;
	near("tls.handshakes", 100 * (int64_t)sizeof(struct handshake), told() - said);
}

int main(void)
{
	static uint16_t one = 1, three = 3;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test_prestate(relays, &one),
		cmocka_unit_test_prestate(relays, &three),
		cmocka_unit_test(limits),
		cmocka_unit_test(whole),
		cmocka_unit_test(between_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
