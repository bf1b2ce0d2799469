/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SRTP by the published vectors, by each implementation of the ciphers: key stream (RFC 3711 B.2,
 * RFC 6188 7), key derivation (RFC 3711 B.3, RFC 6188 7), whole packets with and without an MKI,
 * and those of RFC 7714.
 */
#include "tests/world/unit.h"
#include "tests/vectors/srtp_vectors.h"
#include "tests/world/srtp.h"
#include "tests/world/unhex.h"

static struct srtp *x;

static void key_stream(const char *hex, uint16_t block, const char *stream)
{
	static const uint8_t no_mac[CIPHER_SHA1];
	alignas(64) uint8_t space[CIPHER_LINE + CIPHER_CTR_STATE];
	struct cipher_key *k = (struct cipher_key *)space;
	uint8_t key[32], text[16] = { 0 }, expected[16];
	struct cipher_op op = { .key = k, .text = text, .text_len = 16, .auth = no_mac };
	int i;

	unhex(hex, key);
	assert_true(
	    cipher_key_set(x->cipher, k, CIPHER_CTR_SHA1, false,
			   &(struct cipher_secret){ key, (uint8_t)(strlen(hex) / 2), no_mac }));
	op.auth_len = sizeof(no_mac);
	for (i = 0; i < 14; i++)
		op.iv[i] = (uint8_t)(0xf0 + i);
	memcpy(op.iv + 14, be16_make(block).b, 2);
	cipher_seal(x->cipher, &op, 1);
	assert_true(op.ok);
	unhex(stream, expected);
	assert_memory_equal(text, expected, sizeof(text));
}

static void test_key_stream(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(srtp_stream_vectors); i++)
		key_stream(srtp_stream_vectors[i].key, srtp_stream_vectors[i].block,
			   srtp_stream_vectors[i].stream);
}

/* As the key that is made of these session keys is, so is the derived one. */
static void session_is(const struct cipher_key *got, const char *key, const char *mac,
		       const char *salt)
{
	alignas(64) uint8_t space[CIPHER_LINE + CIPHER_GCM_STATE] = { 0 };
	struct cipher_key *want = (struct cipher_key *)space;
	uint8_t k[32], m[CIPHER_SHA1], s[16] = { 0 };
	/* Of libipsec-mb's states the round keys; of EVP's the key. */
	const size_t state = strcmp(cipher_backend(x->cipher), "evp") == 0 ? strlen(key) / 2 : 176;

	unhex(key, k);
	if (mac)
		unhex(mac, m);
	unhex(salt, s);
	assert_true(cipher_key_set(
	    x->cipher, want, (enum cipher_alg)got->alg, got->raw,
	    &(struct cipher_secret){ k, (uint8_t)(strlen(key) / 2), mac ? m : NULL }));
	assert_memory_equal(got->salt, s, sizeof(s));
	assert_memory_equal(got->state, want->state, state);
	if (!mac)
		return;
	assert_memory_equal(got->inner, want->inner, sizeof(got->inner));
	assert_memory_equal(got->outer, want->outer, sizeof(got->outer));
}

static void test_derivation(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(srtp_derivation_vectors); i++) {
		struct srtp_master m = { .suite = srtp_derivation_vectors[i].suite };
		struct srtp_key *k;

		unhex(srtp_derivation_vectors[i].master, m.key);
		k = srtp_test_key(x, &m);
		assert_non_null(k);
		session_is(key_of(k, false), srtp_derivation_vectors[i].key,
			   srtp_derivation_vectors[i].mac, srtp_derivation_vectors[i].salt);
		if (srtp_derivation_vectors[i].rtcp_key)
			session_is(key_of(k, true), srtp_derivation_vectors[i].rtcp_key,
				   srtp_derivation_vectors[i].rtcp_mac,
				   srtp_derivation_vectors[i].rtcp_salt);
		srtp_key_wipe(k);
		free(k);
	}
}

/* A stream whose next index of RTP has this roll-over counter. */
static void stream_make(struct srtp_stream *s, struct srtp_key *k, uint32_t roc, uint32_t ssrc)
{
	srtp_stream_init(s, 0);
	assert_true(srtp_stream_add(s, k));
	if (roc)
		source_heard(source_add(s, ssrc, 1), false, (uint64_t)roc << 16, 1);
}

static void packet_is(struct srtp_key *k, const struct srtp_packet_vector *v)
{
	struct srtp_test_packet p = { .len = 0 };
	uint8_t plain[256], sealed[256];
	const uint32_t plain_len = unhex(v->plain, plain), sealed_len = unhex(v->sealed, sealed);
	struct srtp_stream s;

	memcpy(p.b, plain, plain_len);
	p.len = plain_len;
	stream_make(&s, k, v->roc, 0xcafebabe);
	assert_int_equal(srtp_test_protect(x, &s, &p, v->rtcp, 1), DROP_NONE);
	assert_int_equal(p.len, sealed_len);
	assert_memory_equal(p.b, sealed, sealed_len);
	stream_make(&s, k, v->roc, 0xcafebabe);
	assert_int_equal(srtp_test_unprotect(x, &s, &p, v->rtcp, 1), DROP_NONE);
	assert_int_equal(p.len, plain_len);
	assert_memory_equal(p.b, plain, plain_len);
}

static void test_packets(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(srtp_packet_vectors); i++) {
		const struct srtp_packet_vector *v = &srtp_packet_vectors[i];
		struct srtp_master m = { .suite = v->suite };
		struct srtp_key *k;

		unhex(v->master, m.key);
		m.mki_len = (uint8_t)(strlen(v->mki) / 2);
		m.mki = strtoull(v->mki, NULL, 16);
		k = srtp_test_key(x, &m);
		assert_non_null(k);
		packet_is(k, v);
		srtp_key_wipe(k);
		free(k);
	}
}

/* Puts session keys where derived ones would be. */
static void session_set(struct srtp_key *k, size_t i)
{
	uint8_t key[32];
	const uint8_t len = (uint8_t)unhex(srtp_7714_vectors[i].key, key);
	const bool rtcp = srtp_7714_vectors[i].rtcp;

	unhex(SRTP_7714_SALT, key_of(k, rtcp)->salt);
	assert_true(cipher_key_set(x->cipher, key_of(k, rtcp), CIPHER_GCM, rtcp,
				   &(struct cipher_secret){ key, len, NULL }));
}

static void test_7714(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(srtp_7714_vectors); i++) {
		struct srtp_master m = srtp_test_master(srtp_7714_vectors[i].suite, 1);
		struct srtp_key *k = srtp_test_key(x, &m);
		struct srtp_test_packet p = { .len = 0 };
		uint8_t sealed[256];
		const bool rtcp = srtp_7714_vectors[i].rtcp;
		const uint32_t len = unhex(srtp_7714_vectors[i].sealed, sealed);
		struct srtp_stream s;

		session_set(k, i);
		p.len = unhex(srtp_7714_vectors[i].plain, p.b);
		stream_make(&s, k, 0, 0);
		s.flags = srtp_7714_vectors[i].clear ? SRTP_CLEAR_RTCP : 0;
		if (rtcp)
			source_heard(source_add(&s, 0x4d617273, 1), true, 0x5d3, 1);
		assert_int_equal(srtp_test_protect(x, &s, &p, rtcp, 1), DROP_NONE);
		assert_int_equal(p.len, len);
		assert_memory_equal(p.b, sealed, len);
		stream_make(&s, k, 0, 0);
		assert_int_equal(srtp_test_unprotect(x, &s, &p, rtcp, 1), DROP_NONE);
		assert_int_equal(p.len, strlen(srtp_7714_vectors[i].plain) / 2);
		unhex(srtp_7714_vectors[i].plain, sealed);
		assert_memory_equal(p.b, sealed, p.len);
		free(k);
	}
}

static int use_imb(void **state)
{
	(void)state;
	x = srtp_engine_create(&cipher_imb);
	if (!x) /* not in this build, or not on this machine */
		x = srtp_engine_create(&cipher_evp);
	return x ? 0 : -1;
}

static int use_evp(void **state)
{
	(void)state;
	x = srtp_engine_create(&cipher_evp);
	return x ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	srtp_engine_free(x);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_stream),
		cmocka_unit_test(test_derivation),
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_7714),
	};

	return cmocka_run_group_tests_name("libipsec-mb", tests, use_imb, stop) ||
	       cmocka_run_group_tests_name("evp", tests, use_evp, stop);
}
