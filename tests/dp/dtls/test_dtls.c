/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DTLS on a port of ours (RFC 6347, RFC 7350; R6): OpenSSL clients of each suite, ClientHellos in
 * pieces, flights that are lost, repeated or come in another order, records that are replayed,
 * late, altered or of other keys, ends from either side. Nothing is kept before a cookie has come
 * back.
 */
#include "tests/world/dtls_world.h"
#include "dp/snapshot.h"

#include <unistd.h>

static struct dtls_client c;

/* ---- handshakes ---- */

static void suite_is(const char *name, const char *kind)
{
	(void)kind;
	dclient_new(&c, 7000, name, 0);
	dclient_run(&c);
	assert_int_equal(SSL_is_init_finished(c.ssl), 1);
	assert_string_equal(SSL_get_cipher(c.ssl), name);
	for (int i = 0; i < 3; i++)
		dclient_ask(&c);
	dclient_free(&c);
}

static void suite_aes128(void **state)
{
	(void)state;
	suite_is("ECDHE-ECDSA-AES128-GCM-SHA256", "ecdsa");
	assert_int_equal(world_count(0, CNT_DTLS_DONE), 1);
	assert_int_equal(world_count(0, CNT_DTLS_COOKIES), 1);
	assert_int_equal(world_count(0, CNT_DTLS_RECORDS_IN), 3);
	assert_int_equal(world_count(0, CNT_DTLS_RECORDS_OUT), 3);
	world_drops(DROP_NONE, 0);
}

/* From the ClientHello with its cookie to the keys: what came before is kept nowhere. */
static void handshake_is_timed(void **state)
{
	const struct ctl_times *t = &world.w->counters->handshake[CTL_HANDSHAKE_DTLS];

	(void)state;
	dclient_new(&c, 7000, NULL, 0);
	dclient_step(&c);
	dclient_send_all(&c);
	world_pass_ms(70);
	assert_int_equal(dclient_take(&c), 1);
	dclient_step(&c);
	dclient_send_all(&c);
	world_pass_ms(40);
	assert_true(dclient_take(&c) > 0);
	assert_int_equal(t->sum, 0);
	dclient_run(&c);
	assert_int_equal(SSL_is_init_finished(c.ssl), 1);
	assert_int_equal(t->n[histogram_class(40000)], 1);
	assert_int_equal(t->sum, 40000);
	dclient_free(&c);
}

static void suite_aes256(void **state)
{
	(void)state;
	suite_is("ECDHE-RSA-AES256-GCM-SHA384", "rsa");
}

static void suite_chacha(void **state)
{
	(void)state;
	suite_is("ECDHE-ECDSA-CHACHA20-POLY1305", "ecdsa");
}

/* Its row in the region goes with it, not a tick later. */
static void row_goes_at_once(void **state)
{
	const struct ctl_conn_info *row;

	(void)state;
	dclient_new(&c, 7000, NULL, 0);
	dclient_run(&c);
	row = &world.w->dtls->info[0];
	dtls_tick(world.w);
	assert_int_equal(row->gen, world.w->dtls->conn[0].gen);
	assert_int_not_equal(row->gen, 0);
	assert_int_equal(row->rx_packets, world_count(0, CNT_DTLS_RECORDS_IN));
	assert_int_equal(row->tx_packets, world_count(0, CNT_DTLS_RECORDS_OUT));
	dtls_close(world.w, &world.w->dtls->conn[0], TCP_END_KILLED);
	assert_int_equal(row->gen, 0);
	assert_int_equal(atomic_load(&row->seq) & 1, 0);
	dtls_tick(world.w);
	assert_int_equal(row->gen, 0);
	dclient_free(&c);
}

/* RFC 6347 4.2.1: what has no cookie, or a wrong one, is answered, and nothing is known of it. */
static void cookie_first(void **state)
{
	uint8_t hello[DGRAM_MAX];
	uint16_t n;

	(void)state;
	dclient_new(&c, 7000, NULL, 0);
	dclient_step(&c);
	for (int i = 0; i < 5; i++)
		dclient_send(&c, 0);
	c.out.n = 0;
	assert_int_equal(world.w->dtls->used, 0);
	assert_int_equal(world_count(0, CNT_DTLS_COOKIES), 5);
	assert_int_equal(dclient_take(&c), 5);
	assert_int_equal(c.in.len[0], DTLS_VERIFY);
	dclient_step(&c);
	assert_int_equal(c.out.n, 1);
	n = c.out.len[0];
	memcpy(hello, c.out.b[0], n);
	/* In front of the cookie: record, message, version, random, an empty session id, lengths.
	 */
	hello[DTLS_HDR + DTLS_MSG_HDR + 2 + DTLS_RANDOM + 1 + 1 + 5] ^= 1;
	dclient_raw(&c, hello, n);
	assert_int_equal(world.w->dtls->used, 0);
	assert_int_equal(dclient_take(&c), 1);
	/* The same from elsewhere. */
	c.addr.port = be16_make(7001);
	dclient_raw(&c, c.out.b[0], c.out.len[0]);
	assert_int_equal(world.w->dtls->used, 0);
	/* And too late. */
	c.addr.port = be16_make(7000);
	world_clock_ms(world.w->now_ms + 2 * DTLS_COOKIE_S * 1000);
	dclient_send(&c, 0);
	assert_int_equal(world.w->dtls->used, 0);
	assert_int_equal(world_count(0, CNT_DTLS_DONE), 0);
	dclient_free(&c);
}

/* As browsers send them; a client of the smallest MTU, whose flights are all in pieces. */
static void hello_in_pieces(void **state)
{
	(void)state;
	dclient_new(&c, 7000, NULL, 256);
	dclient_step(&c);
	assert_true(c.out.n > 1);
	/* The first is answered by itself, the others are nobody's. */
	dclient_send(&c, 0);
	assert_int_equal(dclient_take(&c), 1);
	dclient_send(&c, 1);
	world_drops(DROP_DTLS_HELLO, 1);
	assert_int_equal(world.w->dtls->used, 0);
	c.out.n = 0;
	dclient_step(&c);
	assert_true(c.out.n > 1);
	/* One out of order is lost; one that is there twice is no harm. */
	dclient_send(&c, 1);
	dclient_send(&c, 0);
	dclient_send(&c, 0);
	assert_int_equal(world.w->dtls->used, 1);
	assert_int_equal(dclient_take(&c), 0);
	dclient_send_all(&c);
	assert_true(dclient_take(&c) > 0);
	dclient_run(&c);
	assert_int_equal(SSL_is_init_finished(c.ssl), 1);
	dclient_ask(&c);
	dclient_free(&c);
}

/* ---- loss ---- */

static void pass(uint32_t ms)
{
	world_clock_ms(world.w->now_ms + ms);
	world_run();
}

/* Until our flight has gone once more: the worker asks by its clock, OpenSSL has one of its own. */
static void until_resent(void)
{
	for (int i = 0; i < 40 && !world_count(0, CNT_DTLS_RESENT); i++) {
		usleep(5000);
		pass(100);
	}
	assert_int_equal(world_count(0, CNT_DTLS_RESENT), 1);
}

/* Up to where our first real flight has gone. */
static void until_flight(void)
{
	dclient_new(&c, 7000, NULL, 0);
	dclient_step(&c);
	dclient_send_all(&c);
	assert_int_equal(dclient_take(&c), 1);
	dclient_step(&c);
	dclient_send_all(&c);
}

static void our_flight_is_lost(void **state)
{
	(void)state;
	until_flight();
	assert_true(dclient_take(&c) > 0);
	c.in.n = 0;
	until_resent();
	assert_true(dclient_take(&c) > 0);
	dclient_run(&c);
	assert_int_equal(SSL_is_init_finished(c.ssl), 1);
	dclient_ask(&c);
	dclient_free(&c);
}

/* What we sent last is sent again as it was: OpenSSL has gone by then. */
static void last_flight_is_lost(bool late)
{
	uint32_t n;

	until_flight();
	dclient_take(&c);
	dclient_step(&c); /* certificate, keys and Finished have come: its own */
	n = c.out.n;
	if (late)
		usleep(2 * world.w->dtls->resend_ms * 1000); /* OpenSSL's own clock */
	for (uint32_t i = 0; i < n; i++)
		dclient_send(&c, i);
	assert_true(dclient_take(&c) > 0);
	assert_int_equal(dclient_conn(&c)->state, DTLS_OPEN);
	c.in.n = 0;
	pass(500);
	for (uint32_t i = 0; i < n; i++)
		dclient_send(&c, i);
	assert_int_equal(world_count(0, CNT_DTLS_RESENT), 1);
	c.out.n = 0;
	assert_true(dclient_take(&c) > 0);
	dclient_run(&c);
	assert_int_equal(SSL_is_init_finished(c.ssl), 1);
	dclient_ask(&c);
	dclient_free(&c);
}

static void last_flight(void **state)
{
	(void)state;
	last_flight_is_lost(false);
}

/* OpenSSL has sent the flight before once more, together with it. */
static void last_flight_late(void **state)
{
	(void)state;
	last_flight_is_lost(true);
}

/* Its datagrams come in the wrong order, and each twice. */
static void flights_out_of_order(void **state)
{
	(void)state;
	dclient_new(&c, 7000, NULL, 256);
	dclient_step(&c);
	dclient_send_all(&c);
	for (int turn = 0; turn < 20 && !SSL_is_init_finished(c.ssl); turn++) {
		uint32_t before = c.out.n;

		dclient_take(&c);
		for (uint32_t i = 0; i + 1 < c.in.n; i += 2) {
			uint8_t b[DGRAM_MAX];
			uint16_t len = c.in.len[i];

			memcpy(b, c.in.b[i], len);
			memcpy(c.in.b[i], c.in.b[i + 1], DGRAM_MAX);
			c.in.len[i] = c.in.len[i + 1];
			memcpy(c.in.b[i + 1], b, len);
			c.in.len[i + 1] = len;
		}
		dclient_step(&c);
		if (c.out.n > before) { /* it has got on: what it sent before is over */
			c.out.n -= before;
			memmove(c.out.len, c.out.len + before, c.out.n * sizeof(c.out.len[0]));
			memmove(c.out.b, c.out.b + before, c.out.n * sizeof(c.out.b[0]));
		}
		for (uint32_t i = c.out.n; i--;) {
			dclient_send(&c, i);
			dclient_send(&c, i);
		}
		pass(200);
	}
	assert_int_equal(SSL_is_init_finished(c.ssl), 1);
	dclient_take(&c);
	c.in.n = c.out.n = 0;
	dclient_ask(&c);
	dclient_free(&c);
}

static void handshake_times_out(void **state)
{
	(void)state;
	until_flight();
	for (int i = 0; i < 60 && world.w->dtls->used; i++)
		pass(100);
	assert_int_equal(world.w->dtls->used, 0);
	assert_int_equal(world_count(0, CNT_DTLS_FAILED), 1);
	dclient_free(&c);
}

static void nothing_in_common(void **state)
{
	(void)state;
	dclient_new(&c, 7000, "AES128-SHA", 0);
	dclient_run(&c);
	assert_int_equal(c.alert, SSL_AD_HANDSHAKE_FAILURE);
	assert_int_equal(world.w->dtls->used, 0);
	dclient_free(&c);
}

/* ---- records ---- */

static void replayed_and_late(void **state)
{
	uint8_t first[DGRAM_MAX];
	uint16_t len;

	(void)state;
	dclient_open(&c, 7000);
	dclient_write_binding(&c);
	len = c.out.len[0];
	memcpy(first, c.out.b[0], len);
	dclient_send(&c, 0);
	dclient_send(&c, 0);
	world_drops(DROP_DTLS_REPLAY, 1);
	assert_int_equal(dclient_take(&c), 1);
	c.out.n = 0;
	/* Two that change places are both good. */
	dclient_write_binding(&c);
	dclient_write_binding(&c);
	dclient_send(&c, 1);
	dclient_send(&c, 0);
	assert_int_equal(dclient_take(&c), 2);
	c.out.n = c.in.n = 0;
	for (int i = 0; i < 64; i++) {
		dclient_write_binding(&c);
		dclient_send_all(&c);
		dclient_take(&c);
		c.in.n = 0;
	}
	world_mark();
	dclient_raw(&c, first, len);
	world_drops(DROP_DTLS_OLD, 1);
	dclient_free(&c);
}

/* Each byte of a record altered, one at a time: never taken, and the good one is taken after all.
 */
static void altered(void **state)
{
	uint8_t b[DGRAM_MAX];
	uint16_t len;

	(void)state;
	dclient_open(&c, 7000);
	dclient_write_binding(&c);
	len = c.out.len[0];
	for (uint16_t i = 0; i < len; i++) {
		memcpy(b, c.out.b[0], len);
		b[i] ^= 0x40;
		dclient_raw(&c, b, len);
		assert_int_equal(dclient_take(&c), 0);
	}
	for (uint16_t n = 1; n < len; n++) {
		dclient_raw(&c, c.out.b[0], n);
		assert_int_equal(dclient_take(&c), 0);
	}
	assert_int_equal(world_count(0, CNT_BINDING), 0);
	dclient_send(&c, 0);
	assert_int_equal(dclient_take(&c), 1);
	assert_int_equal(world_count(0, CNT_BINDING), 1);
	dclient_free(&c);
}

/* RFC 6347 4.1.1: several records in one datagram. */
static void several_in_one(void **state)
{
	uint8_t b[3 * DGRAM_MAX];
	size_t n = 0;

	(void)state;
	dclient_open(&c, 7000);
	for (int i = 0; i < 3; i++)
		dclient_write_binding(&c);
	for (uint32_t i = 0; i < 3; i++) {
		memcpy(b + n, c.out.b[i], c.out.len[i]);
		n += c.out.len[i];
	}
	dclient_raw(&c, b, n);
	assert_int_equal(dclient_take(&c), 3);
	assert_int_equal(world_count(0, CNT_BINDING), 3);
	dclient_free(&c);
}

static void from_nobody(void **state)
{
	static const uint8_t record[] = { 23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 2, 1, 1 };

	(void)state;
	dclient_new(&c, 7000, NULL, 0);
	dclient_raw(&c, record, sizeof(record));
	world_drops(DROP_DTLS_NONE, 1);
	world_mark();
	dclient_raw(&c, "GET / HTTP/1.1\r\n", 16);
	world_drops(DROP_DTLS_BAD, 1);
	dclient_raw(&c, "", 0);
	assert_int_equal(dclient_take(&c), 0);
	dclient_free(&c);
}

/* ---- ends ---- */

static void client_closes(void **state)
{
	(void)state;
	dclient_open(&c, 7000);
	SSL_shutdown(c.ssl);
	dclient_send_all(&c);
	assert_int_equal(world.w->dtls->used, 0);
	assert_int_equal(dclient_take(&c), 1);
	SSL_shutdown(c.ssl);
	assert_true(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN);
	dclient_free(&c);
}

static void we_close(void **state)
{
	char b[16];

	(void)state;
	dclient_open(&c, 7000);
	dtls_close(world.w, dclient_conn(&c), TCP_END_KILLED);
	world_run();
	assert_int_equal(dclient_take(&c), 1);
	assert_true(SSL_read(c.ssl, b, sizeof(b)) <= 0);
	assert_true(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN);
	dclient_free(&c);
}

/* A stranger that says nothing for tcp.idle-timeout; not one that somebody vouches for. */
static void silence(void **state)
{
	(void)state;
	dclient_open(&c, 7000);
	dtls_trust(world.w, dclient_conn(&c), true);
	pass(61000);
	pass(1000);
	assert_int_equal(world.w->dtls->used, 1);
	dtls_trust(world.w, dclient_conn(&c), false);
	pass(1000);
	assert_int_equal(world.w->dtls->used, 0);
	dclient_free(&c);
}

/* RFC 6347 4.2.8: the same address and port begins anew; a ClientHello alone ends nothing. */
static void again(void **state)
{
	static struct dtls_client other;

	(void)state;
	dclient_open(&c, 7000);
	dclient_new(&other, 7000, NULL, 0);
	dclient_step(&other);
	dclient_send_all(&other);
	assert_int_equal(dclient_take(&other), 1);
	dclient_ask(&c);
	dclient_run(&other);
	assert_int_equal(SSL_is_init_finished(other.ssl), 1);
	assert_int_equal(world.w->dtls->used, 1);
	dclient_ask(&other);
	dclient_free(&c);
	dclient_free(&other);
}

/* A listener that a reload takes out: who is open is told, who is not yet is forgotten. */
static void listener_goes(void **state)
{
	static struct dtls_client other;
	struct config *conf = malloc(sizeof(*conf));

	(void)state;
	dclient_open(&c, 7000);
	dclient_new(&other, 7001, NULL, 0);
	dclient_step(&other);
	dclient_send_all(&other);
	assert_int_equal(dclient_take(&other), 1);
	dclient_step(&other);
	dclient_send_all(&other); /* with the cookie */
	assert_int_equal(world.w->dtls->used, 2);
	memcpy(conf, &world.conf, sizeof(*conf));
	conf->listener[dclient_conn(&c)->at.port] = conf->listener[--conf->n_listener];
	world_reload(conf);
	for (int i = 0; i < DTLS_ROUND + 2; i++)
		pass(NEIGH_TICK_MS);
	assert_int_equal(world.w->dtls->used, 0);
	assert_true(dclient_take(&c) >= 1);
	dclient_step(&c);
	assert_int_equal(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
	dclient_free(&c);
	dclient_free(&other);
	snapshot_close(&world.dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		dtls_test(suite_aes128),
		dtls_test(handshake_is_timed),
		dtls_test(suite_aes256),
		dtls_test(suite_chacha),
		dtls_test(row_goes_at_once),
		dtls_test(cookie_first),
		dtls_test(hello_in_pieces),
		dtls_test(our_flight_is_lost),
		dtls_test(last_flight),
		dtls_test(last_flight_late),
		dtls_test(flights_out_of_order),
		dtls_test(handshake_times_out),
		dtls_test(nothing_in_common),
		dtls_test(replayed_and_late),
		dtls_test(altered),
		dtls_test(several_in_one),
		dtls_test(from_nobody),
		dtls_test(client_closes),
		dtls_test(we_close),
		dtls_test(silence),
		dtls_test(again),
		dtls_test(listener_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
