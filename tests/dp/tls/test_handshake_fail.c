/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshakes that fail: each with the alert that RFC 8446 6.2 asks for, which the other side can
 * read, and a reason (enum tcp_end); and handshakes that are given up at each step. Nothing of
 * OpenSSL is left then (handshake_teardown()).
 */
#include "tests/world/handshake_world.h"

#include <string.h>

enum { PROTOCOL_VERSION = 70, UNKNOWN_CA = 48, CERT_REQUIRED = 116, UNKNOWN_PSK = 115 };

static void put(struct handshake *s)
{
	peer_close();
	handshake_put(&sw.worker[0], s);
}

static void feed(struct handshake *s, const void *p, size_t len)
{
	memcpy(s->in, p, len);
	s->in_len = (uint32_t)len;
	assert_true(handshake_turn(s, HANDSHAKE_FEED));
}

/* ---- what is no TLS ---- */

static void plain_text(void **state)
{
	static const char *const texts[] = {
		"GET / HTTP/1.1\r\n\r\n",	    "CONNECT a:443 HTTP/1.1\r\n",
		"OPTIONS sip:a SIP/2.0\r\n",	    "\r\n\r\n\r\n",
		"\x01\x01\x01\x08\x21\x12\xa4\x42",
	};
	size_t i;

	(void)state;
	handshake_start();
	for (i = 0; i < N_OF(texts); i++) {
		struct handshake *s = handshake_fresh();

		feed(s, texts[i], strlen(texts[i]));
		expect_failed(s, TCP_END_TLS_PLAIN, ALERT_NONE, false);
		assert_int_equal(s->out_len, 0);
		put(s);
	}
}

/* The same as a client. */
static void plain_answer(void **state)
{
	struct handshake *s;

	(void)state;
	peer_context(true);
	handshake_start();
	s = handshake_fresh();
	peer_open();
	assert_true(handshake_turn(s, HANDSHAKE_FEED));
	assert_int_equal(s->state, HANDSHAKE_MORE);
	feed(s, "HTTP/1.1 400 Bad Request\r\n", 26);
	assert_int_equal(s->state, HANDSHAKE_FAILED);
	assert_int_equal(s->why, TCP_END_TLS_PLAIN);
	put(s);
}

/* ---- nothing in common ---- */

static void no_suite(void **state)
{
	struct handshake *s;

	(void)state;
	fake_domain.suites_12 = "ECDHE+CHACHA20";
	handshake_start();
	SSL_CTX_set_max_proto_version(sw.tls.ctx, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(sw.tls.ctx, "ECDHE+AESGCM");
	s = handshake_do();
	expect_failed(s, TCP_END_TLS_HANDSHAKE, ALERT_HANDSHAKE_FAILURE, false);
	put(s);
}

static void no_version(void **state)
{
	struct handshake *s;

	(void)state;
	fake_domain.min = TLS1_3_VERSION;
	handshake_start();
	SSL_CTX_set_max_proto_version(sw.tls.ctx, TLS1_2_VERSION);
	s = handshake_do();
	expect_failed(s, TCP_END_TLS_HANDSHAKE, PROTOCOL_VERSION, false);
	put(s);
}

/* Agreed, but with nothing that records could follow by. */
static void unknown_suite(void **state)
{
	int v;

	(void)state;
	fake_domain.suites_12 = "ECDHE-ECDSA-AES128-CCM";
	fake_domain.suites_13 = "TLS_AES_128_CCM_SHA256";
	handshake_start();
	for (v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct handshake *s;

		peer_context(false);
		SSL_CTX_set_max_proto_version(sw.tls.ctx, v);
		SSL_CTX_set_cipher_list(sw.tls.ctx, fake_domain.suites_12);
		SSL_CTX_set_ciphersuites(sw.tls.ctx, fake_domain.suites_13);
		s = handshake_do();
		assert_int_equal(s->state, HANDSHAKE_FAILED);
		assert_int_equal(s->why, TCP_END_TLS_INTERNAL);
		assert_null(s->ssl);
		put(s);
	}
}

/* ---- certificates ---- */

static void client_without_certificate(void **state)
{
	int v;

	(void)state;
	fake_domain.verify = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	handshake_start();
	for (v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct handshake *s;

		SSL_CTX_set_max_proto_version(sw.tls.ctx, v);
		s = handshake_do();
		expect_failed(s, TCP_END_TLS_CERT,
			      v == TLS1_3_VERSION ? CERT_REQUIRED : ALERT_HANDSHAKE_FAILURE, false);
		put(s);
	}
}

static void client_not_trusted(void **state)
{
	static const bool both[] = { true, true };
	int v;

	(void)state;
	fake_domain.verify = SSL_VERIFY_PEER;
	fake_domain.trust = false;
	handshake_start();
	fake_certs(sw.tls.ctx, both, 0);
	for (v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct handshake *s;

		SSL_CTX_set_max_proto_version(sw.tls.ctx, v);
		s = handshake_do();
		expect_failed(s, TCP_END_TLS_CERT, UNKNOWN_CA, false);
		put(s);
	}
}

static void server_not_trusted(void **state)
{
	struct handshake *s;

	(void)state;
	fake_domain.trust = false;
	peer_context(true);
	handshake_start();
	s = handshake_do();
	expect_failed(s, TCP_END_TLS_CERT, UNKNOWN_CA, false);
	put(s);
}

static void server_of_other_name(void **state)
{
	static const char *const wrong[] = { "turn.example.com", "example.org", "192.0.2.2" };
	size_t i;

	(void)state;
	peer_context(true);
	handshake_start();
	for (i = 0; i < N_OF(wrong); i++) {
		struct handshake *s = handshake_fresh();

		peer_open();
		strcpy(s->expect.name, wrong[i]);
		handshake_all(s);
		expect_failed(s, TCP_END_TLS_CERT, ALERT_BAD_CERTIFICATE, false);
		put(s);
	}
}

/* ---- the other side gives up ---- */

static void alert_received(void **state)
{
	int v;

	(void)state;
	handshake_start();
	SSL_CTX_set_verify(sw.tls.ctx, SSL_VERIFY_PEER, NULL);
	for (v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct handshake *s;

		SSL_CTX_set_max_proto_version(sw.tls.ctx, v);
		s = handshake_do();
		expect_failed(s, TCP_END_TLS_ALERT, UNKNOWN_CA, true);
		put(s);
	}
}

static void close_received(void **state)
{
	static const uint8_t close_notify[] = { TLS_ALERT, 3, 3, 0, 2, 1, 0 };
	struct handshake *s;

	(void)state;
	handshake_start();
	SSL_CTX_set_max_proto_version(sw.tls.ctx, TLS1_2_VERSION);
	s = handshake_fresh();
	peer_open();
	assert_true(handshake_move(s));
	feed(s, close_notify, sizeof(close_notify));
	expect_failed(s, TCP_END_TLS_ALERT, ALERT_CLOSE_NOTIFY, true);
	put(s);
}

/* ---- broken and too much ---- */

static void bad_finished(void **state)
{
	int v;

	(void)state;
	handshake_start();
	for (v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct handshake *s = handshake_fresh();

		SSL_CTX_set_max_proto_version(sw.tls.ctx, v);
		peer_open();
		for (;;) {
			SSL_do_handshake(sw.tls.ssl);
			s->in_len = peer_record(s->in);
			assert_true(s->in_len > 0);
			/* The last one of the client: its only one that is protected. */
			if (sw.sent == (v == TLS1_3_VERSION ? 2 : 3) &&
			    s->in[0] != TLS_CHANGE_CIPHER_SPEC)
				break;
			assert_true(handshake_turn(s, HANDSHAKE_FEED));
			assert_int_equal(s->state, HANDSHAKE_MORE);
		}
		s->in[s->in_len - 1] ^= 1;
		assert_true(handshake_turn(s, HANDSHAKE_FEED));
		expect_failed(s, TCP_END_TLS_HANDSHAKE, ALERT_BAD_RECORD_MAC, false);
		put(s);
	}
}

/* A message that never ends: as long as a ClientHello may be, and longer than anybody's is. */
static void flood(void **state)
{
	static uint8_t rec[TLS_HDR + TLS_PLAIN_MAX] = {
		TLS_HANDSHAKE, 3, 1, 0x40, 0, 1, 1, 0xff, 0
	};
	struct handshake *s;
	uint32_t fed;

	(void)state;
	handshake_start();
	s = handshake_fresh();
	for (fed = 0; fed + sizeof(rec) <= HANDSHAKE_BYTES_MAX; fed += sizeof(rec)) {
		feed(s, rec, sizeof(rec));
		assert_int_equal(s->state, HANDSHAKE_MORE);
		rec[5] = 0; /* the message goes on */
	}
	feed(s, rec, sizeof(rec));
	assert_int_equal(s->state, HANDSHAKE_FAILED);
	assert_int_equal(s->why, TCP_END_TLS_FLOOD);
	assert_null(s->ssl);
	put(s);
}

/* RFC 8446 5.1: nothing else may come between the pieces of a message. */
static void out_of_place(void **state)
{
	static const uint8_t data[] = { TLS_APPLICATION, 3, 3, 0, 1, 'x' };
	static const uint8_t bad_hello[] = { TLS_HANDSHAKE, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3 };
	struct handshake *s;

	(void)state;
	handshake_start();
	s = handshake_fresh();
	peer_open();
	feed(s, data, sizeof(data));
	expect_failed(s, TCP_END_TLS_HANDSHAKE, ALERT_UNEXPECTED_MESSAGE, false);
	put(s);
	s = handshake_fresh();
	peer_open();
	feed(s, bad_hello, sizeof(bad_hello));
	expect_failed(s, TCP_END_TLS_HANDSHAKE, ALERT_DECODE_ERROR, false);
	put(s);
}

/* ---- pre-shared keys ---- */

static void psk_known(void **state)
{
	static const uint8_t wiped[HANDSHAKE_PSK_MAX];
	struct handshake *s;

	(void)state;
	s = handshake_psk_asked("ECDHE-PSK-CHACHA20-POLY1305");
	s->psk_len = 16;
	memcpy(s->psk, "0123456789abcdef", 16);
	assert_true(handshake_turn(s, HANDSHAKE_PSK));
	assert_memory_equal(s->psk, wiped, sizeof(wiped));
	handshake_all(s);
	expect_done(s);
	assert_true(s->result.psk);
	expect_records(s);
	put(s);
}

static void psk_unknown(void **state)
{
	struct handshake *s;

	(void)state;
	s = handshake_psk_asked("ECDHE-PSK-CHACHA20-POLY1305");
	s->psk_len = 0;
	assert_true(handshake_turn(s, HANDSHAKE_PSK));
	expect_failed(s, TCP_END_TLS_PSK, UNKNOWN_PSK, false);
	put(s);
}

static void psk_aborted(void **state)
{
	struct handshake *s;

	(void)state;
	s = handshake_psk_asked("ECDHE-PSK-CHACHA20-POLY1305");
	assert_true(handshake_turn(s, HANDSHAKE_ABORT));
	assert_int_equal(s->state, HANDSHAKE_ABORTED);
	put(s);
}

/* ---- given up at each step ---- */

/* True: it was over before. */
static bool abort_after(uint32_t steps)
{
	struct handshake *s = handshake_fresh();
	bool over;

	peer_open();
	while (steps-- && !handshake_over(s) && handshake_move(s))
		;
	over = handshake_over(s);
	if (!over) {
		assert_true(handshake_turn(s, HANDSHAKE_ABORT));
		assert_int_equal(s->state, HANDSHAKE_ABORTED);
	}
	assert_null(s->ssl);
	put(s);
	assert_int_equal(fake_domain.ssls, 0);
	return over;
}

static void abort_each_step(void **state)
{
	int server, v;
	uint32_t n;

	(void)state;
	fake_domain.chain = 20;
	fake_domain.verify = SSL_VERIFY_PEER;
	handshake_start();
	for (server = 0; server < 2; server++) {
		peer_context(server);
		for (v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
			SSL_CTX_set_max_proto_version(sw.tls.ctx, v);
			for (n = 0; !abort_after(n); n++)
				;
			assert_true(n >= 3);
		}
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, handshake_setup, handshake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(plain_text),
		T(plain_answer),
		T(no_suite),
		T(no_version),
		T(unknown_suite),
		T(client_without_certificate),
		T(client_not_trusted),
		T(server_not_trusted),
		T(server_of_other_name),
		T(alert_received),
		T(close_received),
		T(bad_finished),
		T(flood),
		T(out_of_place),
		T(psk_known),
		T(psk_unknown),
		T(psk_aborted),
		T(abort_each_step),
	};

	return cmocka_run_group_tests(tests, handshake_eal, NULL);
}
