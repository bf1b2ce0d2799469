/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * More clients of DTLS than there is room for (R71): handshakes that are short go round among
 * addresses, who says nothing loses his, and of associations those make room that nobody vouches
 * for, of the address that has most.
 */
#include "tests/world/dtls_world.h"

enum { MANY = 8, ROOM = 16 };

static struct dtls_client c[ROOM], honest;

static void pass(uint32_t ms)
{
	world_clock_ms(world.w->now_ms + ms);
	world_run();
}

/* A client that has sent its cookie back, and says nothing more. */
static void greet(struct dtls_client *d, uint16_t port, const char *ip)
{
	dclient_new(d, port, NULL, 0);
	d->addr = at(ip, port);
	dclient_step(d);
	dclient_send_all(d);
	assert_int_equal(dclient_take(d), 1);
	dclient_step(d);
	dclient_send_all(d);
	dclient_take(d);
}

/* All handshakes are one address's: another one waits a second, and has its turn before the rest.
 */
static void handshakes_are_short(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < MANY; i++)
		greet(&c[i], (uint16_t)(7000 + i), "10.1.0.2");
	assert_int_equal(world.w->dtls->handshakes, 4);
	assert_int_equal(world.w->dtls->waiting.n, 4);
	greet(&honest, 9000, "10.1.0.3");
	assert_int_equal(world.w->dtls->waiting.n, 4); /* the last of those gave way */
	for (int i = 0; i < 20 && !SSL_is_init_finished(honest.ssl); i++) {
		pass(200);
		dclient_take(&honest);
		dclient_run(&honest);
	}
	assert_int_equal(SSL_is_init_finished(honest.ssl), 1);
	dclient_ask(&honest);
	for (uint16_t i = 0; i < MANY; i++)
		dclient_free(&c[i]);
	dclient_free(&honest);
}

static void associations_are_short(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < ROOM; i++)
		dclient_open(&c[i], (uint16_t)(7000 + i));
	assert_int_equal(world.w->dtls->used, ROOM);
	dtls_trust(world.w, dclient_conn(&c[ROOM - 1]), true);
	/* One more of the same address has no place. */
	greet(&honest, 9000, "10.1.0.2");
	world_drops(DROP_DTLS_BUSY, 1);
	dclient_free(&honest);
	/* One of another has. */
	dclient_new(&honest, 9000, NULL, 0);
	honest.addr = at("10.1.0.3", 9000);
	dclient_run(&honest);
	assert_int_equal(SSL_is_init_finished(honest.ssl), 1);
	dclient_ask(&honest);
	assert_null(dclient_conn(&c[ROOM - 2]));
	assert_non_null(dclient_conn(&c[ROOM - 1]));
	assert_int_equal(dclient_conn(&c[ROOM - 1])->trusted, true);
	dclient_free(&honest);
	for (uint16_t i = 0; i < ROOM; i++)
		dclient_free(&c[i]);
}

/* ClientHellos from everywhere, with no cookie or a made one: nothing is kept of any. */
static void flood_of_hellos(void **state)
{
	(void)state;
	dclient_new(&c[0], 7000, NULL, 0);
	dclient_step(&c[0]);
	for (uint32_t i = 0; i < 1000; i++) {
		c[0].addr.port = be16_make((uint16_t)(1024 + i));
		dclient_send(&c[0], 0);
		world_forget();
	}
	assert_int_equal(world.w->dtls->used, 0);
	assert_int_equal(world.w->dtls->handshakes, 0);
	assert_int_equal(world_count(0, CNT_DTLS_COOKIES), 1000);
	dclient_open(&honest, 9000);
	dclient_ask(&honest);
	dclient_free(&honest);
	dclient_free(&c[0]);
}

/* More datagrams than wait for a step: the others are lost, and the handshake goes on. */
static void too_much_at_once(void **state)
{
	struct frame f;

	(void)state;
	greet(&c[0], 7000, "10.1.0.2");
	dclient_step(&c[0]);
	assert_true(c[0].out.n > 0);
	for (int i = 0; i < 8; i++) {
		frame_udp(&f, ACCESS, &c[0].addr, &world.conf.listener[TLS_LISTENER].addr,
			  c[0].out.b[0], c[0].out.len[0], &(struct frame_opt){ 0 });
		world_in(ACCESS, 0, &f);
	}
	world_run();
	assert_true(dtls_held(world.w) == 0);
	dclient_send_all(&c[0]);
	dclient_take(&c[0]);
	dclient_run(&c[0]);
	assert_int_equal(SSL_is_init_finished(c[0].ssl), 1);
	dclient_free(&c[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		dtls_test(handshakes_are_short),
		dtls_test(associations_are_short),
		dtls_test(flood_of_hellos),
		dtls_test(too_much_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
