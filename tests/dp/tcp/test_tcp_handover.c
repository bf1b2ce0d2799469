/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two workers and ports that know nothing of flows: a segment may come by either's queue and
 * reaches its connection, once, from SYN to FIN, whoever opened; the books of both balance.
 */
#include "tests/world/tcp_world.h"

static int setup(void **state)
{
	(void)state;
	tcp_config();
	world.conf.dataplane.n_workers = 2;
	world.conf.listener[0].addr = at("10.1.0.1", APP_PORT);
	world.conf.listener[0].transport = TRANSPORT_TCP;
	tcp_start();
	return 0;
}

static int teardown(void **state)
{
	world.w = world.dp.worker[0];
	return tcp_teardown(state);
}

/* A client whose connections are worker's. */
static void client_of(uint16_t worker)
{
	uint16_t port = PEER_PORT;

	world.w = world.dp.worker[worker];
	do
		peer.addr.port = be16_make(++port);
	while (dplane_client_worker(&world.dp, &peer.addr.ip, peer.addr.port) != worker);
}

static void a_client(uint16_t owner, uint16_t queue)
{
	uint16_t other = (uint16_t)!owner;
	uint32_t i;

	client_of(owner);
	peer.worker = queue;
	world_mark();
	open_passive();
	assert_int_equal(world.dp.worker[owner]->tcp->conns, 1);
	assert_int_equal(world.dp.worker[other]->tcp->conns, 0);
	for (i = 0; i < 4; i++) {
		seg_in(ACK, 1 + i * 100, 1, 100);
		seg_expect(ACK, 1, 101 + i * 100, 0);
	}
	app_send(3000);
	assert_int_equal(seg_skip(), 3);
	seg_in(ACK, 401, 3001, 0);
	close_peer_first(401, 3001);
	assert_int_equal(world_count(other, CNT_HANDOVER_OUT), queue == owner ? 0 : 9);
	assert_int_equal(world_count(owner, CNT_HANDOVER_IN), queue == owner ? 0 : 9);
}

static void clients_by_either_queue(void **state)
{
	(void)state;
	a_client(0, 0);
	a_client(0, 1);
	a_client(1, 0);
	a_client(1, 1);
	assert_int_equal(app.received, 4 * 400);
}

/* One segment by each queue in turn. */
static void by_both_in_turn(void **state)
{
	uint32_t i;

	(void)state;
	client_of(0);
	open_passive();
	for (i = 0; i < 20; i++) {
		peer.worker = i & 1;
		seg_in(ACK, 1 + i * 100, 1, 100);
		seg_skip();
	}
	assert_int_equal(app.received, 2000);
	world_pass_ms(100);
	seg_skip();
	peer.worker = 1;
	close_owner_first(2001, 1);
	/* TIME-WAIT is the owner's as well. */
	peer.worker = 1;
	seg_in(FIN | ACK, 2001, 2, 0);
	seg_expect(ACK, 2, 2002, 0);
}

static void what_we_open(void **state)
{
	uint16_t owner, queue;

	(void)state;
	peer_core();
	for (owner = 0; owner < 2; owner++)
		for (queue = 0; queue < 2; queue++) {
			world.w = world.dp.worker[owner];
			peer.worker = queue;
			peer.us.port = be16_make(0);
			open_active();
			app_send(100);
			seg_expect(ACK, 1, 1, 100);
			seg_in(ACK, 1, 101, 100);
			seg_expect(ACK, 101, 101, 0);
			close_owner_first(101, 101);
		}
}

#define both(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		both(clients_by_either_queue),
		both(by_both_in_turn),
		both(what_we_open),
	};

	return tcp_run(tests);
}
