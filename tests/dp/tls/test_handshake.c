/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshakes that succeed (R9, R47, R48), record by record, both roles, TLS 1.2 and 1.3, every
 * suite: what is left over (keys, sequence numbers, nonces) is proven by records that the other
 * side opens and by opening its own. Resumption, HelloRetryRequest, client certificates, long
 * flights, a ClientHello in many records, record_size_limit (RFC 8449), max_fragment_length (RFC
 * 6066 4).
 */
#include "tests/world/handshake_world.h"

#include <string.h>

static struct handshake *hands_done(void)
{
	struct handshake *s = handshake_do();

	expect_done(s);
	return s;
}

static void put(struct handshake *s)
{
	peer_close();
	handshake_put(&sw.worker[0], s);
}

/* ---- suites ---- */

struct suite_case {
	const char *name;
	int version, key;
};

static const struct suite_case suites[] = {
	{ "TLS_AES_128_GCM_SHA256", TLS1_3_VERSION, FAKE_EC },
	{ "TLS_AES_256_GCM_SHA384", TLS1_3_VERSION, FAKE_RSA },
	{ "TLS_CHACHA20_POLY1305_SHA256", TLS1_3_VERSION, FAKE_EC },
	{ "ECDHE-ECDSA-AES128-GCM-SHA256", TLS1_2_VERSION, FAKE_EC },
	{ "ECDHE-ECDSA-AES256-GCM-SHA384", TLS1_2_VERSION, FAKE_EC },
	{ "ECDHE-ECDSA-CHACHA20-POLY1305", TLS1_2_VERSION, FAKE_EC },
	{ "ECDHE-RSA-AES128-GCM-SHA256", TLS1_2_VERSION, FAKE_RSA },
	{ "ECDHE-RSA-AES256-GCM-SHA384", TLS1_2_VERSION, FAKE_RSA },
	{ "ECDHE-RSA-CHACHA20-POLY1305", TLS1_2_VERSION, FAKE_RSA },
};

/* AES-GCM of TLS 1.2: what comes next is no nonce that Finished, our last record, had. */
static void expect_explicit(const struct handshake *s)
{
	const uint8_t *p = sw.wire, *last = NULL;
	uint64_t nonce = 0;
	int i;

	if (s->result.version != TLS_1_2 || !tls_suite(s->result.suite)->explicit_len)
		return;
	for (; p < sw.wire + sw.wire_len; p += TLS_HDR + (p[3] << 8 | p[4]))
		last = p;
	for (i = 0; i < TLS_EXPLICIT_12; i++)
		nonce = nonce << 8 | last[TLS_HDR + i];
	assert_true(s->result.out_explicit == nonce + 1);
}

static void each_suite(bool server)
{
	size_t i;

	handshake_start();
	for (i = 0; i < N_OF(suites); i++) {
		const struct suite_case *c = &suites[i];
		struct handshake *s;

		peer_context(server);
		SSL_CTX_set_min_proto_version(sw.tls.ctx, c->version);
		SSL_CTX_set_max_proto_version(sw.tls.ctx, c->version);
		if (c->version == TLS1_3_VERSION)
			assert_int_equal(SSL_CTX_set_ciphersuites(sw.tls.ctx, c->name), 1);
		else
			assert_int_equal(SSL_CTX_set_cipher_list(sw.tls.ctx, c->name), 1);
		SSL_CTX_set1_sigalgs_list(sw.tls.ctx, c->key == FAKE_EC
							  ? "ECDSA+SHA256"
							  : "rsa_pss_rsae_sha256:RSA+SHA256");
		s = hands_done();
		assert_string_equal(SSL_get_cipher_name(sw.tls.ssl), c->name);
		assert_int_equal(s->result.version, c->version);
		assert_string_equal(tls_suite(s->result.suite)->name, c->name);
		assert_false(s->result.resumed);
		assert_int_equal(s->result.plain_max_in, TLS_PLAIN_MAX);
		assert_int_equal(s->result.plain_max_out, TLS_PLAIN_MAX);
		expect_explicit(s);
		expect_records(s);
		put(s);
	}
}

static void server_suites(void **state)
{
	(void)state;
	each_suite(false);
}

static void client_suites(void **state)
{
	(void)state;
	each_suite(true);
}

/* ---- what was agreed ---- */

static void names(void **state)
{
	static const uint8_t offer[] = "\x02h2\x09stun.turn";
	const uint8_t *chosen;
	unsigned int len;
	struct handshake *s;

	(void)state;
	handshake_start();
	SSL_CTX_set_alpn_protos(sw.tls.ctx, offer, sizeof(offer) - 1);
	s = handshake_fresh();
	peer_open();
	SSL_set_tlsext_host_name(sw.tls.ssl, FAKE_NAME);
	handshake_all(s);
	expect_done(s);
	SSL_get0_alpn_selected(sw.tls.ssl, &chosen, &len);
	assert_int_equal(len, 9);
	assert_memory_equal(chosen, "stun.turn", len);
	assert_int_equal(s->result.service, SERVICE_NONE);
	assert_false(s->result.peer_cert);
	put(s);
}

/* As client we send the name, and take an address that the certificate has. */
static void client_names(void **state)
{
	static const char *const wanted[] = { FAKE_NAME, "192.0.2.1", "" };
	size_t i;

	(void)state;
	handshake_start();
	for (i = 0; i < N_OF(wanted); i++) {
		struct handshake *s;

		peer_context(true);
		s = handshake_fresh();
		peer_open();
		strcpy(s->expect.name, wanted[i]);
		handshake_all(s);
		expect_done(s);
		assert_true(s->result.peer_cert);
		if (i == 0)
			assert_string_equal(SSL_get_servername(sw.tls.ssl, 0), FAKE_NAME);
		else
			assert_null(SSL_get_servername(sw.tls.ssl, 0));
		put(s);
	}
}

static void client_certificate(void **state)
{
	static const bool ec[] = { true, false };
	uint8_t digest[FP_HASHES][EVP_MAX_MD_SIZE];
	const EVP_MD *md[FP_HASHES] = { EVP_sha1(), EVP_sha224(), EVP_sha256(), EVP_sha384(),
					EVP_sha512() };
	int v, h;

	(void)state;
	fake_domain.verify = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	handshake_start();
	for (h = 0; h < FP_HASHES; h++)
		X509_digest(fake_cert(FAKE_EC), md[h], digest[h], NULL);
	for (v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct handshake *s;

		peer_context(false);
		SSL_CTX_set_max_proto_version(sw.tls.ctx, v);
		fake_certs(sw.tls.ctx, ec, 0);
		s = hands_done();
		assert_true(s->result.peer_cert);
		for (h = 0; h < FP_HASHES; h++)
			assert_memory_equal(fp_of(&s->result.peer, h), digest[h],
					    (size_t)EVP_MD_get_size(md[h]));
		expect_records(s);
		put(s);
	}
}

/* ---- resumption ---- */

/* The second time with what the first left, so often as there are tickets for. */
static void resume(int version)
{
	struct handshake *s;
	int i;

	handshake_start();
	SSL_CTX_set_max_proto_version(sw.tls.ctx, version);
	for (i = 0; i < 3; i++) {
		s = handshake_fresh();
		peer_open();
		if (sw.session)
			assert_int_equal(SSL_set_session(sw.tls.ssl, sw.session), 1);
		handshake_all(s);
		expect_done(s);
		assert_int_equal(s->result.resumed, i > 0);
		assert_false(s->result.psk);
		/* TLS 1.3: the ticket was the first record; 1.2: Finished was. */
		assert_int_equal(s->result.out_seq, 1);
		assert_int_equal(s->result.in_seq, version == TLS1_2_VERSION);
		expect_explicit(s);
		expect_records(s); /* reads the ticket, too */
		assert_non_null(sw.session);
		put(s);
	}
}

static void resume_13(void **state)
{
	(void)state;
	resume(TLS1_3_VERSION);
}

static void resume_12(void **state)
{
	(void)state;
	resume(TLS1_2_VERSION);
}

/*
 * The key of a first ClientHello that was asked to come again is not what the handshake went by
 * when the second has none: whatever was found on the way, what OpenSSL used is what counts.
 */
static void key_that_was_not_used(void **state)
{
	struct handshake *s;
	int v;

	(void)state;
	handshake_start();
	for (v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		peer_context(false);
		SSL_CTX_set_max_proto_version(sw.tls.ctx, v);
		s = handshake_fresh();
		peer_open();
		assert_true(handshake_move(s)); /* ClientHello, and the answer to it */
		assert_int_equal(s->state, HANDSHAKE_MORE);
		s->result.psk = true; /* as on_find_session() left it */
		handshake_all(s);
		expect_done(s);
		assert_false(s->result.resumed);
		assert_false(s->result.psk);
		put(s);
	}
}

/* The domain gives none, or there are no keys to make them with. */
static void no_ticket(void **state)
{
	int i;

	(void)state;
	handshake_start();
	for (i = 0; i < 2; i++) {
		struct handshake *s;

		sw.conf.domain[0].tickets = i;
		atomic_store(&sw.tickets.seq, i ? 0 : 2);
		s = hands_done();
		assert_int_equal(s->result.out_seq, 0);
		expect_records(s);
		assert_null(sw.session);
		put(s);
	}
}

/* ---- shapes ---- */

static void hello_retry(void **state)
{
	struct handshake *s;

	(void)state;
	fake_domain.groups = "X25519";
	handshake_start();
	SSL_CTX_set1_groups_list(sw.tls.ctx, "P-384:X25519");
	SSL_CTX_clear_options(sw.tls.ctx, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	s = hands_done();
	assert_int_equal(sw.sent, 3); /* ClientHello twice, Finished */
	expect_records(s);
	put(s);
}

/* Certificates that do not fit in what one turn may send. */
static void long_flight(void **state)
{
	int v;

	(void)state;
	fake_domain.chain = 40;
	handshake_start();
	for (v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct handshake *s;

		SSL_CTX_set_max_proto_version(sw.tls.ctx, v);
		s = hands_done();
		assert_true(sw.wire_len > 3 * HANDSHAKE_OUT_MAX && sw.outs >= 3);
		expect_records(s);
		put(s);
	}
}

/* RFC 8446 5.1: a message may be cut into records as one likes. */
static void cut_hello(void **state)
{
	static const uint32_t sizes[] = { 1, 3, 4, 50 };
	uint8_t hello[HANDSHAKE_IN_MAX];
	size_t i;

	(void)state;
	handshake_start();
	for (i = 0; i < N_OF(sizes); i++) {
		struct handshake *s = handshake_fresh();
		uint32_t at, n, len;

		peer_open();
		SSL_do_handshake(sw.tls.ssl);
		len = peer_record(hello);
		for (at = TLS_HDR; at < len; at += n) {
			assert_int_equal(s->state, HANDSHAKE_MORE);
			n = RTE_MIN(sizes[i], len - at);
			memcpy(s->in, hello, TLS_HDR);
			s->in[3] = (uint8_t)(n >> 8);
			s->in[4] = (uint8_t)n;
			memcpy(s->in + TLS_HDR, hello + at, n);
			s->in_len = TLS_HDR + n;
			assert_true(handshake_turn(s, HANDSHAKE_FEED));
		}
		handshake_all(s);
		expect_done(s);
		expect_records(s);
		put(s);
	}
}

/* ---- limits ---- */

struct limit_case {
	int version;
	uint16_t theirs; /* record_size_limit; 0: none */
	int mfl;	 /* max_fragment_length */
	uint16_t answer; /* 0: none */
	uint16_t out, in;
};

static struct limit_case limit;
static uint16_t limit_answer;

static int limit_send(SSL *ssl, unsigned type, unsigned context, const uint8_t **out, size_t *len,
		      X509 *x, size_t chain, int *alert, void *arg)
{
	static uint8_t value[2];

	(void)ssl, (void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	value[0] = (uint8_t)(limit.theirs >> 8);
	value[1] = (uint8_t)limit.theirs;
	*out = value;
	*len = sizeof(value);
	return limit.theirs != 0;
}

static int limit_got(SSL *ssl, unsigned type, unsigned context, const uint8_t *p, size_t len,
		     X509 *x, size_t chain, int *alert, void *arg)
{
	(void)ssl, (void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	limit_answer = len == 2 ? (uint16_t)(p[0] << 8 | p[1]) : 1;
	return 1;
}

static void limit_context(bool server)
{
	peer_context(server);
	SSL_CTX_set_min_proto_version(sw.tls.ctx, limit.version);
	SSL_CTX_set_max_proto_version(sw.tls.ctx, limit.version);
	SSL_CTX_set_tlsext_max_fragment_length(sw.tls.ctx, (uint8_t)limit.mfl);
	assert_int_equal(SSL_CTX_add_custom_ext(sw.tls.ctx, 28,
						SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO |
						    SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS,
						limit_send, NULL, NULL, limit_got, NULL),
			 1);
	limit_answer = 0;
}

/* No record of ours is longer than its tag and type make it. */
static void expect_short(uint32_t max)
{
	const uint8_t *p = sw.wire;

	for (; p < sw.wire + sw.wire_len; p += TLS_HDR + (p[3] << 8 | p[4]))
		assert_true((uint32_t)(p[3] << 8 | p[4]) <= max + TLS_EXPLICIT_12 + TLS_TAG + 1);
}

static void record_size_limit(void **state)
{
	static const struct limit_case cases[] = {
		{ TLS1_3_VERSION, 1001, 0, 0x4001, 1000, TLS_PLAIN_MAX },
		{ TLS1_2_VERSION, 1000, 0, 0x4000, 1000, TLS_PLAIN_MAX },
		{ TLS1_3_VERSION, 0x4001, 0, 0x4001, TLS_PLAIN_MAX, TLS_PLAIN_MAX },
		{ TLS1_2_VERSION, 0xffff, 0, 0x4000, TLS_PLAIN_MAX, TLS_PLAIN_MAX },
		{ TLS1_3_VERSION, 513, 0, 0x4001, 512, TLS_PLAIN_MAX },
		{ TLS1_3_VERSION, 64, 0, 0, 63, TLS_PLAIN_MAX }, /* OpenSSL cannot */
		{ TLS1_2_VERSION, 64, 0, 0, 64, TLS_PLAIN_MAX },
		{ TLS1_3_VERSION, 0, TLSEXT_max_fragment_length_1024, 0, 1024, 1024 },
		{ TLS1_2_VERSION, 0, TLSEXT_max_fragment_length_512, 0, 512, 512 },
		{ TLS1_3_VERSION, 2000, TLSEXT_max_fragment_length_1024, 0, 1024, 1024 },
	};
	size_t i;

	(void)state;
	fake_domain.chain = 4;
	handshake_start();
	for (i = 0; i < N_OF(cases); i++) {
		struct handshake *s;

		limit = cases[i];
		limit_context(false);
		s = hands_done();
		assert_int_equal(limit_answer, limit.answer);
		assert_int_equal(s->result.plain_max_out, limit.out);
		assert_int_equal(s->result.plain_max_in, limit.in);
		if (limit.out >= 512)
			expect_short(limit.out);
		expect_records(s);
		put(s);
	}
}

static void record_size_limit_client(void **state)
{
	static const struct limit_case cases[] = {
		{ TLS1_3_VERSION, 1001, 0, 0x4001, 1000, TLS_PLAIN_MAX },
		{ TLS1_2_VERSION, 1000, 0, 0x4001, 1000, TLS_PLAIN_MAX },
		{ TLS1_3_VERSION, 0, 0, 0x4001, TLS_PLAIN_MAX, TLS_PLAIN_MAX },
	};
	size_t i;

	(void)state;
	handshake_start();
	for (i = 0; i < N_OF(cases); i++) {
		struct handshake *s;

		limit = cases[i];
		limit_context(true);
		s = hands_done();
		assert_int_equal(limit_answer, limit.answer);
		assert_int_equal(s->result.plain_max_out, limit.out);
		expect_records(s);
		put(s);
	}
}

/* RFC 8449 4: less than 64; more than the version has, from a server. */
static void record_size_limit_wrong(void **state)
{
	struct handshake *s;

	(void)state;
	handshake_start();
	limit = (struct limit_case){ .version = TLS1_3_VERSION, .theirs = 63 };
	limit_context(false);
	s = handshake_do();
	expect_failed(s, TCP_END_TLS_HANDSHAKE, ALERT_ILLEGAL_PARAMETER, false);
	put(s);
	limit.theirs = 0x4002;
	limit_context(true);
	s = handshake_do();
	expect_failed(s, TCP_END_TLS_HANDSHAKE, ALERT_ILLEGAL_PARAMETER, false);
	put(s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, handshake_setup, handshake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(server_suites),
		T(client_suites),
		T(names),
		T(client_names),
		T(client_certificate),
		T(resume_13),
		T(resume_12),
		T(key_that_was_not_used),
		T(no_ticket),
		T(hello_retry),
		T(long_flight),
		T(cut_hello),
		T(record_size_limit),
		T(record_size_limit_client),
		T(record_size_limit_wrong),
	};

	return cmocka_run_group_tests(tests, handshake_eal, NULL);
}
