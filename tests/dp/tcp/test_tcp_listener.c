/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A listener that a reload takes out: its connections end in order, also those that are half open;
 * those of another listener at the same address, and those that were opened from here, go on.
 */
#include "tests/world/tcp_world.h"
#include "dp/snapshot.h"

#include <stdlib.h>

static int setup(void **state)
{
	struct config *c = &world.conf;

	(void)state;
	tcp_config();
	c->listener[0] = (struct config_listener){ .addr = at("10.1.0.1", APP_PORT),
						   .transport = TRANSPORT_TCP };
	c->listener[1] = (struct config_listener){ .addr = at("10.1.0.1", APP_PORT + 1),
						   .transport = TRANSPORT_TCP };
	c->n_listener = 2;
	tcp_start();
	return 0;
}

static int teardown(void **state)
{
	snapshot_close(&world.dp);
	return tcp_teardown(state);
}

/* The configuration of the start, without a listener, or with TLS at the place of TCP. */
static void reload(uint16_t gone, bool tls)
{
	struct config *c = malloc(sizeof(*c));

	memcpy(c, &world.conf, sizeof(*c));
	if (tls)
		c->listener[gone].transport = TRANSPORT_TLS;
	else
		c->listener[gone] = c->listener[--c->n_listener];
	world_reload(c);
	world_pass_ms(2 * NEIGH_TICK_MS);
}

static void end_in_order(void **state)
{
	(void)state;
	open_passive();
	app.hold = true;
	seg_in(ACK, 1, 1, 100); /* that nobody has read yet */
	seg_expect(ACK, 1, 101, 0);
	reload(0, false);
	seg_expect(FIN | ACK, 1, 101, 0);
	seg_in(FIN | ACK, 101, 2, 0);
	seg_expect(ACK, 2, 102, 0);
	app_gone(TCP_END_LISTENER);
	world_pass_ms(world.conf.tcp.time_wait_ms + 1000);
}

static void others_go_on(void **state)
{
	(void)state;
	open_passive();
	reload(1, false);
	seg_none();
	seg_in(ACK, 1, 1, 100);
	seg_expect(ACK, 1, 101, 0);
	peer_reset();
}

/* The same address and port, but what is spoken there is another thing. */
static void another_transport_is_another_listener(void **state)
{
	(void)state;
	open_passive();
	reload(0, true);
	seg_expect(FIN | ACK, 1, 1, 0);
	peer_reset();
	assert_int_equal(app.why, TCP_END_LISTENER);
	assert_int_equal(world.dp.listener_transport[dplane_tcp_listener(
			     &world.dp, &world.conf.listener[0].addr.ip, APP_PORT)],
			 TRANSPORT_TLS);
}

static void half_open_ones_are_reset(void **state)
{
	(void)state;
	seg_in(SYN, 0, 0, 0);
	assert_non_null(seg_next());
	reload(0, false);
	seg_expect(RST | ACK, 1, 1, 0);
	assert_int_equal(world.w->tcp->conns, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(end_in_order),
		T(others_go_on),
		T(another_transport_is_another_listener),
		T(half_open_ones_are_reset),
	};

	return tcp_run(tests);
}
