/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * More handshakes under way than may be (tcp.half-open): SYN cookies take over, no SYN is refused,
 * and open connections go on (RFC 4987, R73). Without cookies SYNs are dropped under a reason.
 */
#include "tests/world/tcp_world.h"
#include "dp/snapshot.h"

#include <stdlib.h>

enum { HALF_OPEN = 4, FLOOD = 100 };

static void start(enum config_cookies cookies)
{
	tcp_config();
	world.conf.tcp.half_open = HALF_OPEN;
	world.conf.tcp.cookies = cookies;
	tcp_start();
}

static void flood(uint32_t answers)
{
	uint16_t i;

	world_mark();
	for (i = 0; i < FLOOD; i++) {
		peer.addr.port = be16_make((uint16_t)(10000 + i));
		seg_in(SYN, 0, 0, 0);
		if (i < answers)
			seg_expect(SYN | ACK, 0, 1, 0);
		else
			seg_none();
	}
	assert_int_equal(world.w->tcp->half_open, HALF_OPEN);
}

/* Their SYN-ACKs are sent again until the time is over. */
static void flood_ends(void)
{
	peer.addr.port = be16_make(PEER_PORT);
	while (world.w->tcp->half_open) {
		world_pass_ms(100);
		world_forget();
	}
}

static void cookies_take_over(void **state)
{
	struct tcp_conn *before;

	(void)state;
	start(COOKIES_AUTO);
	open_passive();
	before = app.c;
	flood(FLOOD);
	world_drops(DROP_NONE, 0);
	assert_int_equal(world_count(0, CNT_TCP_COOKIE_TX), FLOOD - HALF_OPEN);
	/* The last of the flood was a client. */
	seg_in(ACK, 1, 1, 100);
	seg_expect(ACK, 1, 101, 0);
	assert_int_equal(app.opened, 2);
	close_peer_first(101, 1);
	/* And the first is where it was. */
	peer_new();
	peer.irs = before->iss;
	app.c = before;
	seg_in(ACK, 1, 1, 100);
	seg_expect(ACK, 1, 101, 0);
	peer_reset();
	flood_ends();
}

static void without_them_syns_are_dropped(void **state)
{
	(void)state;
	start(COOKIES_NEVER);
	flood(HALF_OPEN);
	world_drops(DROP_TCP_FULL, FLOOD - HALF_OPEN);
	flood_ends();
}

/* A reload has less: cookies take over there. Before it there were none. */
static void fewer_by_a_reload(void **state)
{
	struct config *c = malloc(sizeof(*c));

	(void)state;
	assert_non_null(c);
	start(COOKIES_NEVER);
	world.conf.tcp.half_open = 2 * HALF_OPEN;
	*c = world.conf;
	c->tcp.half_open = HALF_OPEN;
	c->tcp.cookies = COOKIES_AUTO;
	world_reload(c);
	flood(FLOOD);
	world_drops(DROP_NONE, 0);
	flood_ends();
	snapshot_close(&world.dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(cookies_take_over, tcp_teardown),
		cmocka_unit_test_teardown(without_them_syns_are_dropped, tcp_teardown),
		cmocka_unit_test_teardown(fewer_by_a_reload, tcp_teardown),
	};

	return tcp_run(tests);
}
