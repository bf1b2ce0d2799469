/* SPDX-License-Identifier: BSD-3-Clause */
#include "handshake_world.h"
#include "eal.h"

#include "dp/tls/accel.h"

#include <openssl/err.h>
#include <rte_eal.h>
#include <string.h>

struct handshake_world sw;

static struct tls_kdf *kdf;
static struct aead *aead;

/* ---- the other side ---- */

static int on_session(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(sw.session);
	sw.session = s;
	return 1;
}

void peer_context(bool server)
{
	static const bool both[] = { true, true };

	SSL_CTX_free(sw.tls.ctx);
	sw.server = server;
	sw.tls.ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	assert_non_null(sw.tls.ctx);
	if (server)
		fake_certs(sw.tls.ctx, both, 0);
	SSL_CTX_set_num_tickets(sw.tls.ctx, 0);
	SSL_CTX_set_session_cache_mode(sw.tls.ctx,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(sw.tls.ctx, on_session);
}

void peer_open(void)
{
	peer_close();
	tls_peer_open(&sw.tls, !sw.server);
	sw.wire_len = sw.sent = 0;
	sw.outs = 0;
}

void peer_close(void)
{
	tls_peer_close(&sw.tls);
}

uint32_t peer_record(uint8_t *to)
{
	uint32_t len = tls_peer_record(&sw.tls, to, HANDSHAKE_IN_MAX);

	sw.sent += len && to[0] != TLS_CHANGE_CIPHER_SPEC;
	return len;
}

uint8_t peer_alert(void)
{
	unsigned long e;
	uint8_t alert = ALERT_NONE;
	char c;

	ERR_clear_error();
	if (SSL_do_handshake(sw.tls.ssl) == 1)
		SSL_read(sw.tls.ssl, &c, 1);
	while ((e = ERR_get_error()))
		if (ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) >= SSL_AD_REASON_OFFSET)
			alert = (uint8_t)(ERR_GET_REASON(e) - SSL_AD_REASON_OFFSET);
	return alert;
}

/* ---- steps ---- */

struct handshake *handshake_fresh(void)
{
	struct handshake *s = handshake_get(&sw.worker[0]);

	assert_non_null(s);
	s->client = sw.server;
	s->state = s->client ? HANDSHAKE_OUT : HANDSHAKE_MORE; /* who begins */
	return s;
}

bool handshake_turn(struct handshake *s, enum handshake_op op)
{
	struct worker *w = &sw.worker[s->worker];

	s->op = (uint16_t)op;
	handshake_send(w, s);
	assert_int_equal(crypto_turn(sw.dp.crypto[s->crypto], 1), 1);
	if (handshake_recv(w) != s)
		return false;
	sw.outs += s->state == HANDSHAKE_OUT;
	assert_true(sw.wire_len + s->out_len <= HANDSHAKE_WIRE_MAX);
	memcpy(sw.wire + sw.wire_len, s->out, s->out_len);
	sw.wire_len += s->out_len;
	if (s->out_len && sw.tls.ssl)
		tls_peer_give(&sw.tls, s->out, s->out_len);
	return true;
}

bool handshake_over(const struct handshake *s)
{
	return s->state == HANDSHAKE_DONE || s->state == HANDSHAKE_FAILED ||
	       s->state == HANDSHAKE_ABORTED;
}

bool handshake_move(struct handshake *s)
{
	SSL_do_handshake(sw.tls.ssl);
	s->in_len = 0;
	if (s->state != HANDSHAKE_OUT) {
		s->in_len = peer_record(s->in);
		if (!s->in_len)
			return false;
	}
	return handshake_turn(s, HANDSHAKE_FEED);
}

static uint32_t psk_client(SSL *ssl, const char *hint, char *identity, unsigned max, uint8_t *psk,
			   unsigned psk_max)
{
	(void)ssl, (void)hint, (void)psk_max;
	snprintf(identity, max, "alice");
	memcpy(psk, "0123456789abcdef", 16);
	return 16;
}

struct handshake *handshake_psk_asked(const char *suite)
{
	struct handshake *s;

	fake_domain.psk = true;
	fake_domain.max = TLS1_2_VERSION;
	fake_domain.suites_12 = suite;
	sw.conf.domain[0].psk = true;
	handshake_start();
	SSL_CTX_set_cipher_list(sw.tls.ctx, suite);
	SSL_CTX_set_psk_client_callback(sw.tls.ctx, psk_client);
	s = handshake_fresh();
	peer_open();
	while (s->state == HANDSHAKE_MORE)
		assert_true(handshake_move(s));
	assert_int_equal(s->state, HANDSHAKE_LOOKUP);
	assert_int_equal(s->identity_len, 5);
	assert_memory_equal(s->identity, "alice", 5);
	return s;
}

void handshake_all(struct handshake *s)
{
	while (!handshake_over(s) && handshake_move(s))
		;
	if (s->state == HANDSHAKE_DONE)
		SSL_do_handshake(sw.tls.ssl);
	ERR_clear_error();
}

struct handshake *handshake_do(void)
{
	struct handshake *s = handshake_fresh();

	if (s->client)
		strcpy(s->expect.name, FAKE_NAME);
	peer_open();
	handshake_all(s);
	return s;
}

void expect_done(const struct handshake *s)
{
	if (s->state != HANDSHAKE_DONE)
		fail_msg("state %u, %s, alert %u%s", s->state,
			 s->state == HANDSHAKE_FAILED ? tcp_end_desc[s->why].name : "", s->alert,
			 s->alert_received ? " received" : "");
	assert_null(s->ssl);
	assert_int_equal(SSL_is_init_finished(sw.tls.ssl), 1);
}

void expect_failed(const struct handshake *s, enum tcp_end why, uint8_t alert, bool received)
{
	static const struct handshake_result none;

	assert_int_equal(s->state, HANDSHAKE_FAILED);
	assert_string_equal(tcp_end_desc[s->why].name, tcp_end_desc[why].name);
	assert_int_equal(s->alert, alert);
	assert_int_equal(s->alert_received, received);
	assert_null(s->ssl);
	assert_memory_equal(&s->result, &none, sizeof(none));
	if (!received && sw.tls.ssl)
		assert_int_equal(peer_alert(), alert);
}

/* ---- records, written here from RFC 8446 5.2, RFC 5246 6.2.3.3, RFC 5288 3, RFC 7905 2 ---- */

enum { TEXT = 100, AAD_MAX = 13 };

static void put64(uint8_t *to, uint64_t v)
{
	int i;

	for (i = 7; i >= 0; i--, v >>= 8)
		to[i] = (uint8_t)v;
}

static void record_nonce(const struct tls_keys *k, const uint8_t *explicit, uint8_t *nonce)
{
	uint8_t seq[8];
	int i;

	memcpy(nonce, k->iv, TLS_NONCE);
	put64(seq, k->seq);
	if (k->suite->explicit_len)
		memcpy(nonce + 4, explicit, 8);
	else
		for (i = 0; i < 8; i++)
			nonce[4 + i] ^= seq[i];
}

static uint32_t record_aad(const struct tls_keys *k, const uint8_t *head, uint32_t plain,
			   uint8_t *aad)
{
	if (k->suite->version == TLS_1_3) {
		memcpy(aad, head, TLS_HDR);
		return TLS_HDR;
	}
	put64(aad, k->seq);
	memcpy(aad + 8, head, 3);
	aad[11] = (uint8_t)(plain >> 8);
	aad[12] = (uint8_t)plain;
	return AAD_MAX;
}

static uint32_t seal(struct tls_keys *k, const uint8_t *text, uint8_t *to)
{
	const uint32_t e = k->suite->explicit_len, plain = TEXT + (k->suite->version == TLS_1_3);
	const uint32_t len = e + plain + TLS_TAG;
	uint8_t nonce[TLS_NONCE], aad[AAD_MAX], *body = to + TLS_HDR + e;
	struct aead_piece p = { .from = body, .to = body, .len = plain };

	memcpy(to, (uint8_t[]){ TLS_APPLICATION, 3, 3, (uint8_t)(len >> 8), (uint8_t)len },
	       TLS_HDR);
	put64(to + TLS_HDR, k->explicit_next++);
	memcpy(body, text, TEXT);
	if (k->suite->version == TLS_1_3)
		body[TEXT] = TLS_APPLICATION;
	record_nonce(k, to + TLS_HDR, nonce);
	aead_seal(aead, &k->key, nonce, aad, record_aad(k, to, plain, aad), &p, 1, body + plain);
	k->seq++;
	return TLS_HDR + len;
}

static void open_text(struct tls_keys *k, uint8_t *rec, uint32_t len, const uint8_t *text)
{
	const uint32_t e = k->suite->explicit_len, plain = len - TLS_HDR - e - TLS_TAG;
	uint8_t nonce[TLS_NONCE], aad[AAD_MAX], *body = rec + TLS_HDR + e;
	struct aead_piece p = { .from = body, .to = body, .len = plain };

	assert_int_equal(plain, TEXT + (k->suite->version == TLS_1_3));
	record_nonce(k, rec + TLS_HDR, nonce);
	assert_true(aead_unseal(aead, &k->key, nonce, aad, record_aad(k, rec, plain, aad), &p, 1,
				body + plain));
	assert_memory_equal(body, text, TEXT);
	k->seq++;
}

static void keys_of(const struct handshake_result *r, bool out, struct tls_keys *k)
{
	const struct tls_suite *suite = tls_suite(r->suite);
	const uint8_t *secret = out ? r->out_secret : r->in_secret;

	assert_non_null(suite);
	if (r->version == TLS_1_3)
		assert_true(tls_keys_13(kdf, aead, k, suite, secret));
	else
		assert_true(tls_keys_12(aead, k, suite, secret, out ? r->out_iv : r->in_iv, 0,
					r->out_explicit));
	k->seq = out ? r->out_seq : r->in_seq;
}

void expect_records(const struct handshake *s)
{
	struct tls_keys in, out;
	uint8_t text[TEXT], got[TEXT], rec[HANDSHAKE_IN_MAX];
	uint32_t i, len;

	keys_of(&s->result, false, &in);
	keys_of(&s->result, true, &out);
	for (i = 0; i < 3; i++) {
		memset(text, (int)('a' + i), sizeof(text));
		len = seal(&out, text, rec);
		tls_peer_give(&sw.tls, rec, len);
		assert_int_equal(SSL_read(sw.tls.ssl, got, sizeof(got)), sizeof(got));
		assert_memory_equal(got, text, sizeof(text));
		assert_int_equal(SSL_write(sw.tls.ssl, text, sizeof(text)), sizeof(text));
		len = peer_record(rec);
		assert_true(len > 0);
		open_text(&in, rec, len, text);
	}
}

/* ---- fixtures ---- */

int handshake_eal(void **state)
{

	(void)state;
	kdf = tls_kdf_create();
	aead = aead_create(NULL);
	return !test_eal("64") || !kdf || !aead;
}

void handshake_start(void)
{
	char err[256] = "";
	uint16_t i;

	for (i = 0; i < HANDSHAKE_WORKERS; i++) {
		sw.worker[i].dp = &sw.dp;
		sw.worker[i].id = i;
	}
	if (!cryptos_create(&sw.dp, err, sizeof(err)))
		fail_msg("%s", err);
}

int handshake_setup(void **state)
{
	(void)state;
	memset(&sw, 0, sizeof(sw));
	fake_domain_reset();
	sw.conf.n_listener = 1;
	sw.conf.listener[0].transport = TRANSPORT_TLS;
	sw.conf.n_domain = 1;
	sw.conf.domain[0].tickets = true;
	sw.conf.tls.handshakes = HANDSHAKE_COUNT;
	sw.conf.tls.engine_timeout_ms = 60000;
	sw.dp.conf = &sw.conf;
	sw.dp.n_workers = HANDSHAKE_WORKERS;
	sw.dp.tickets = &sw.tickets;
	sw.dp.tsc_per_us = 1000;
	atomic_store(&sw.tickets.seq, 2);
	peer_context(false);
	return 0;
}

int handshake_teardown(void **state)
{
	(void)state;
	peer_close();
	SSL_SESSION_free(sw.session);
	assert_int_equal(fake_domain.ssls, 0);
	cryptos_free(&sw.dp);
	accel_thread_end(NULL);
	assert_int_equal(fake_domain.sets, 0);
	SSL_CTX_free(sw.tls.ctx);
	return 0;
}
