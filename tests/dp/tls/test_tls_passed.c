/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection whose owner takes TLS as it comes (struct tcp_app's hello(); R2): it has every byte
 * that came, in order and however they were cut, says what it likes, and nothing of a handshake is
 * left. Others go on as ever.
 */
#include "tests/world/tls_world.h"
#include "dp/tcp/conn.h"
#include "lib/tls_hello.h"

static void offer(const char *name)
{
	uint8_t list[256];
	size_t n = strlen(name);

	client_new(0);
	list[0] = (uint8_t)n;
	memcpy(list + 1, name, n);
	assert_int_equal(SSL_set_alpn_protos(client.tls.ssl, list, (unsigned)n + 1), 0);
}

/* The whole ClientHello, and no layer any more. */
static void passed(void)
{
	client_run();
	assert_int_equal(owner.opened, 1);
	assert_true(owner.n > TLS_HDR);
	assert_int_equal(owner.n, TLS_HDR + (owner.got[3] << 8 | owner.got[4]));
	assert_true(tls_alpn_has(tls_hello_alpn(owner.got, owner.n), "acme-tls/1"));
	assert_null(tcp_layer(owner.c));
	assert_int_equal(world.w->tls->conns, 0);
	assert_int_equal(world.w->tls->handshakes, 0);
	assert_int_equal(world_count(0, CNT_TLS_FAILED), 0);
}

static void in_one_piece(void **state)
{
	(void)state;
	owner.passes = "acme-tls/1";
	offer("acme-tls/1");
	passed();
	/* An alert in clear, which only the far end's TLS understands. */
	owner_say("\x15\x03\x03\0\2\2\x78", 7);
	assert_int_equal(client_alert(), SSL_AD_NO_APPLICATION_PROTOCOL);
}

static void in_many(void **state)
{
	(void)state;
	owner.passes = "acme-tls/1";
	offer("acme-tls/1");
	client.cut = 1;
	passed();
	client.cut = 0;
	host_say(client.host, "more", 4);
	assert_memory_equal(owner.got + owner.n - 4, "more", 4);
}

static void with_its_end(void **state)
{
	(void)state;
	owner.passes = "acme-tls/1";
	owner.close_on_fin = true;
	offer("acme-tls/1");
	passed();
	host_fin(client.host);
	assert_int_equal(owner.fins, 1);
	assert_true(client.host->fin_rcvd);
	owner_gone(TCP_END_DONE);
}

/* The time of a handshake is over, and nobody minds. */
static void no_timer_is_left(void **state)
{
	(void)state;
	owner.passes = "acme-tls/1";
	offer("acme-tls/1");
	passed();
	hosts_pass_ms(world.conf.tls.handshake_ms * 2);
	assert_int_equal(owner.closed, 0);
	host_say(client.host, "more", 4);
	assert_memory_equal(owner.got + owner.n - 4, "more", 4);
}

static void others_shake_hands(void **state)
{
	(void)state;
	owner.passes = "acme-tls/1";
	offer("stun.turn");
	client_run();
	assert_int_equal(owner.opened, 1);
	assert_int_equal(owner.info.version, TLS_1_3);
	assert_int_equal(world.w->tls->conns, 1);
}

static void told_no(void)
{
	assert_int_equal(client_alert(), SSL_AD_NO_APPLICATION_PROTOCOL);
	host_fin(client.host);
	hosts_run();
	owner.closed = 1; /* nothing is left to reset */
}

/* Where no owner takes it the client is told that nobody speaks that. */
static void nobody_wants_it(void **state)
{
	(void)state;
	offer("acme-tls/1");
	client_run();
	assert_int_equal(owner.opened, 0);
	told_no();
}

/* Longer than is looked at: as if nobody wanted it. */
static void too_long(void **state)
{
	static uint8_t list[TLS_HELLO_LOOK + 512];
	size_t n = 0;

	(void)state;
	owner.passes = "acme-tls/1";
	client_new(0);
	for (; n < TLS_HELLO_LOOK; n += 11)
		memcpy(list + n,
		       "\x0a"
		       "acme-tls/1",
		       11);
	assert_int_equal(SSL_set_alpn_protos(client.tls.ssl, list, (unsigned)n), 0);
	client_run();
	assert_int_equal(owner.opened, 0);
	told_no();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tls_test(in_one_piece),	      tls_test(in_many),
		tls_test(with_its_end),	      tls_test(no_timer_is_left),
		tls_test(others_shake_hands), tls_test(nobody_wants_it),
		tls_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
