/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * More frames for one port in one turn than a transmit batch holds: each goes out as it would go
 * alone, byte by byte, whichever of them fills the batch. Media of both directions and Binding
 * answers share the port; by the short way and by the general one; one worker, and four of which
 * three hand over what they hear. A device may have sent, freed and reused a buffer by the time
 * that the call which gave it away returns, as the one of this world does.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"
#include "tests/world/path_twice.h"

#include "dp/relay/path.h"
#include "dp/turn/session.h"
#include "lib/chandata.h"

enum {
	CHANNEL = 0x4001,
	LEN = 100,     /* of a payload; its first two bytes are its number */
	NEAR_PORT = 4, /* pairs of ports from the first session's: of the same worker */
	TURNS = 3,
};

static struct sock_addr listener, asker;
/* Of two sessions: the second one's peer is on access, as clients are. */
static struct sock_addr client[2], peer[2], relayed_at[2];

/* Where a port keeps no flow on a queue, a client's worker is that of its hash. */
static void client_of_worker0(struct sock_addr *c)
{
	while (dplane_client_worker(&world.dp, &c->ip, c->port) != 0)
		c->port = be16_make((uint16_t)(be16_get(c->port) + 1));
}

/* All that is in a world of n workers belongs to worker 0. */
static int start(uint16_t n_workers)
{
	uint32_t i;

	world_config();
	world.conf.dataplane.n_workers = n_workers;
	world_start();
	listener = at("10.1.0.1", 3478);
	asker = at("10.1.0.3", 7000);
	client_of_worker0(&asker);
	peer[0] = at("10.2.0.2", 4000);
	peer[1] = at("10.1.0.3", 4000);
	for (i = 0; i < RTE_DIM(client); i++) {
		uint16_t own = (uint16_t)(RELAY_PORT + 2 * NEAR_PORT * i);

		client[i] = at("10.1.0.2", (uint16_t)(5000 + 1000 * i));
		client_of_worker0(&client[i]);
		relayed_at[i] = at("10.2.0.1", own);
		assert_int_equal(relay_owner(&world.dp, 0, own), 0);
		assert_true(session_add(0, i, 1, &client[i], 0, own, 0, 0));
		assert_true(chan_add(0, i, &peer[i], CHANNEL, WORLD_START_S + 300));
	}
	return 0;
}

static int setup_one(void **state)
{
	(void)state;
	return start(1);
}

static int setup_four(void **state)
{
	(void)state;
	return start(4);
}

static void payload_of(uint8_t *data, uint16_t number)
{
	fill(data, LEN, (uint8_t)number);
	memcpy(data, be16_make(number).b, 2);
}

/* Comes in by a worker's queue, and is to go out by access. */
static void media_in(uint16_t worker, uint16_t number, bool to_peer)
{
	uint8_t data[LEN], msg[LEN + CHANDATA_HDR_LEN];
	struct frame f;

	payload_of(data, number);
	if (to_peer)
		frame_udp(&f, ACCESS, &client[1], &listener, msg, chandata(msg, CHANNEL, data, LEN),
			  NULL);
	else
		frame_udp(&f, CORE, &peer[0], &relayed_at[0], data, LEN, NULL);
	world_in(to_peer ? ACCESS : CORE, worker, &f);
}

static void binding_in(uint16_t number)
{
	uint8_t b[STUN_HDR_LEN] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };
	struct frame f;

	memcpy(b + 8, be16_make(number).b, 2);
	frame_udp(&f, ACCESS, &asker, &listener, b, sizeof(b), NULL);
	world_in(ACCESS, 0, &f);
}

static uint16_t number_at(const struct udp_view *v, uint16_t off)
{
	assert_in_range(off + 2, 0, v->len);
	return (uint16_t)(v->payload[off] << 8 | v->payload[off + 1]);
}

/* What a frame is by its first bytes, and that it is that to the last; returns its number. */
static uint16_t frame_is(const struct udp_view *v)
{
	uint8_t want[LEN + CHANDATA_HDR_LEN], data[LEN];
	bool to_client = memcmp(&v->dst, &client[0], sizeof(v->dst)) == 0;
	uint16_t number, len = LEN;

	assert_true(v->csum_ok);
	if (memcmp(&v->dst, &asker, sizeof(v->dst)) == 0) {
		assert_memory_equal(&v->src, &listener, sizeof(v->src));
		assert_int_equal(v->payload[0] << 8 | v->payload[1], 0x0101);
		return number_at(v, 8);
	}
	assert_memory_equal(&v->src, to_client ? &listener : &relayed_at[1], sizeof(v->src));
	assert_memory_equal(&v->dst, to_client ? &client[0] : &peer[1], sizeof(v->dst));
	number = number_at(v, to_client ? CHANDATA_HDR_LEN : 0);
	payload_of(data, number);
	if (to_client)
		len = (uint16_t)chandata(want, CHANNEL, data, LEN);
	else
		memcpy(want, data, LEN);
	assert_int_equal(v->len, len);
	assert_memory_equal(v->payload, want, len);
	return number;
}

/* All n went out, each once. */
static void expect_all(uint16_t n)
{
	bool seen[WORLD_FRAMES] = { false };
	struct udp_view v;
	uint16_t i, k;

	assert_int_equal(world.n_out[ACCESS], n);
	for (i = 0; i < n; i++) {
		expect_udp(ACCESS, &v);
		k = frame_is(&v);
		assert_in_range(k, 0, n - 1);
		assert_false(seen[k]);
		seen[k] = true;
	}
	world_no_out();
	world_drops(DROP_NONE, 0);
	world_forget();
}

static void paths_allow(bool allowed)
{
	uint32_t i;

	for (i = 0; i < RTE_DIM(client); i++)
		if (allowed)
			session_path_make(world.w, i);
		else
			memset(&world.w->path[i], 0, sizeof(struct path));
}

/* One turn of each worker, worker 0's last, takes n frames; media of them by the short way, or not.
 */
static void turn_is(uint16_t n, uint16_t media, bool shortly)
{
	const uint64_t before = relayed();
	uint16_t i;

	for (i = world.dp.n_workers; i-- > 0;)
		worker_turn(world.dp.worker[i]);
	expect_all(n);
	assert_int_equal(relayed() - before, shortly ? media : 0);
	world_run();
}

/* A first packet each way, for a path to find its next hop. */
static void warm(bool shortly)
{
	paths_allow(shortly);
	media_in(0, 0, false);
	media_in(0, 0, true);
	world_run();
	world_forget();
}

/* Fills a batch with any share of media and answers: each kind is the one that fills it. */
static void media_and_bindings(void **state)
{
	uint16_t shortly, n_binding, i;

	(void)state;
	for (shortly = 0; shortly < 2; shortly++) {
		warm(shortly);
		for (n_binding = 0; n_binding <= BURST; n_binding++) {
			uint16_t n = 0;

			for (i = 0; i < BURST; i++)
				media_in(0, n++, false);
			for (i = 0; i < BURST; i++)
				if (i < n_binding)
					binding_in(n++);
				else
					media_in(0, n++, true);
			turn_is(n, (uint16_t)(n - n_binding), shortly);
		}
	}
}

/* Three workers hand over what is worker 0's, of both ports: twice a batch and more. */
static void handed_over(void **state)
{
	uint16_t shortly, turn, q, i;

	(void)state;
	for (shortly = 0; shortly < 2; shortly++) {
		warm(shortly);
		for (turn = 0; turn < TURNS; turn++) {
			uint16_t n = 0;

			for (q = 0; q < world.dp.n_workers; q++)
				for (i = 0; i < BURST; i++)
					media_in(q, n++, turn & 1 ? i & 1 : turn);
			turn_is(n, n, shortly);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(media_and_bindings, setup_one, world_teardown),
		cmocka_unit_test_setup_teardown(media_and_bindings, setup_four, world_teardown),
		cmocka_unit_test_setup_teardown(handed_over, setup_four, world_teardown),
	};

	world_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
