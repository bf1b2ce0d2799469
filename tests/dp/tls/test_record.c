/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records: RFC 8448 section 3 from its secrets byte for byte; TLS 1.2 against a construction of the
 * test's own (RFC 5246 6.2.3.3, RFC 5288 3, RFC 7905 2); however the bytes are cut, shared or
 * packed; what hostile records are answered with; nothing changes when packet buffers run out.
 * Each test ends with all buffers accounted for.
 */
#include "tests/world/worker.h"
#include "tests/world/unit.h"
#include "dp/tcp/conn.h"
#include "dp/tls/record.h"
#include "tests/vectors/tls_vectors.h"
#include "tests/world/unhex.h"

enum { WIRE_MAX = 40000, HOARD_MAX = 2048, BUF = 2048 };

/* Both ends of a direction, and the rows between them. */
static struct rig {
	struct aead *aead;
	struct tls_kdf *kdf;
	struct tls_keys out, in;
	struct mbuf_queue from, to;
} rig;

static const uint16_t some_suites[] = { 0x1301, 0x1302, 0x1303, 0xc02f, 0xc030, 0xcca8 };

static void key_one(struct tls_keys *k, const struct tls_suite *s)
{
	uint8_t secret[TLS_SECRET_MAX], iv[TLS_NONCE];

	fill(secret, sizeof(secret), 7);
	fill(iv, sizeof(iv), 99);
	if (s->version == TLS_1_3)
		assert_true(tls_keys_13(rig.kdf, rig.aead, k, s, secret));
	else
		assert_true(tls_keys_12(rig.aead, k, s, secret, iv, 1, 0x0102030405060708));
}

static void keys_for(uint16_t suite)
{
	key_one(&rig.out, tls_suite(suite));
	key_one(&rig.in, tls_suite(suite));
}

static int setup(void **state)
{
	world_setup(state);
	memset(&rig, 0, sizeof(rig));
	rig.aead = aead_create(NULL);
	rig.kdf = tls_kdf_create();
	assert_non_null(rig.aead);
	assert_non_null(rig.kdf);
	keys_for(0x1301);
	return 0;
}

static int teardown(void **state)
{
	queue_clear(world.w, &rig.from, DROP_NO_MBUF);
	queue_clear(world.w, &rig.to, DROP_NO_MBUF);
	assert_int_equal(rig.from.bytes + rig.from.n + rig.to.bytes + rig.to.n, 0);
	aead_free(rig.aead);
	tls_kdf_free(rig.kdf);
	tls_keys_wipe(&rig.out);
	tls_keys_wipe(&rig.in);
	return world_teardown(state);
}

/* ---- bytes in and out ---- */

/* To the end of q, in buffers of `part` bytes that take no more. */
static void put(struct mbuf_queue *q, const uint8_t *p, uint32_t n, uint32_t part)
{
	part = RTE_MIN(part, (uint32_t)BUF);
	while (n) {
		struct rte_mbuf *m = pkt_make(world.w);
		uint16_t len = (uint16_t)RTE_MIN(n, part);

		assert_non_null(m);
		m->data_off = (uint16_t)(m->buf_len - len);
		memcpy(rte_pktmbuf_append(m, len), p, len);
		queue_put(world.w, q, m);
		p += len;
		n -= len;
	}
}

/* With room around, as packets from a port have it. */
static void put_roomy(struct mbuf_queue *q, const uint8_t *p, uint32_t n)
{
	while (n) {
		struct rte_mbuf *m = pkt_make(world.w);
		uint16_t len = (uint16_t)RTE_MIN(n, 1400u);

		assert_non_null(m);
		memcpy(rte_pktmbuf_append(m, len), p, len);
		queue_put(world.w, q, m);
		p += len;
		n -= len;
	}
}

static uint32_t chain_bytes(struct rte_mbuf *m, uint8_t *to)
{
	uint32_t n = 0, len = m->pkt_len;

	rte_mbuf_sanity_check(m, 1);
	for (; m; m = m->next) {
		memcpy(to + n, rte_pktmbuf_mtod(m, void *), m->data_len);
		n += m->data_len;
	}
	assert_int_equal(n, len);
	return n;
}

/* Seals p as one record; its bytes go to wire. */
static uint32_t seal(enum tls_type type, const uint8_t *p, uint32_t n, uint8_t *wire)
{
	struct mbuf_queue q = { 0 };
	struct rte_mbuf *m;
	uint32_t len;

	if (n <= 64) {
		m = record_seal_bytes(world.w, rig.aead, &rig.out, type, p, n);
	} else {
		put_roomy(&q, p, n);
		m = record_seal(world.w, rig.aead, &rig.out, type, &q, n);
		assert_int_equal(q.bytes + q.n, 0);
	}
	assert_non_null(m);
	len = chain_bytes(m, wire);
	pkt_consume(world.w, m);
	return len;
}

static int32_t length(bool protected, enum tls_alert *alert)
{
	return record_length(&rig.from, rig.in.suite->version, protected, TLS_PLAIN_MAX, alert);
}

/* Opens the next record of rig.from. */
static int32_t open_max(uint32_t max, enum tls_alert *alert)
{
	int32_t len = record_length(&rig.from, rig.in.suite->version, true, max, alert);

	if (len < 0)
		return len;
	assert_in_range(len, TLS_HDR, rig.from.bytes);
	return record_open(world.w, rig.aead, &rig.in, (uint32_t)len, max, &rig.from, &rig.to,
			   alert);
}

static int32_t open_one(enum tls_alert *alert)
{
	return open_max(TLS_PLAIN_MAX, alert);
}

static void row_check(const struct mbuf_queue *q)
{
	uint32_t bytes = 0, n = 0;
	const struct rte_mbuf *m;

	for (m = q->head; m; m = m->next) {
		rte_mbuf_sanity_check(m, 0);
		assert_int_equal(m->nb_segs, 1);
		assert_true(m->data_len > 0 && m->pkt_len == m->data_len);
		assert_true(m->data_off + m->data_len <= m->buf_len);
		assert_true(m->next || m == q->tail);
		bytes += m->data_len;
		n++;
	}
	assert_int_equal(bytes, q->bytes);
	assert_int_equal(n, q->n);
}

/* rig.to has exactly these bytes; they go. */
static void expect(const uint8_t *p, uint32_t n)
{
	static uint8_t got[WIRE_MAX];

	row_check(&rig.to);
	row_check(&rig.from);
	assert_int_equal(rig.to.bytes, n);
	queue_copy(&rig.to, 0, got, n);
	assert_memory_equal(got, p, n);
	queue_drop(world.w, &rig.to, n);
}

/* rig.from is refused with this alert; nothing was given out. */
static void expect_alert(enum tls_alert want)
{
	uint64_t seq = rig.in.seq;
	enum tls_alert alert;
	uint32_t bytes = rig.to.bytes;

	assert_int_equal(open_one(&alert), -1);
	assert_int_equal(alert, want);
	assert_int_equal(rig.in.seq, seq);
	assert_int_equal(rig.to.bytes, bytes);
	row_check(&rig.to);
	queue_clear(world.w, &rig.from, DROP_NO_MBUF);
}

/* A TLS 1.3 record around an inner plaintext as given, or one of TLS 1.2 around a plaintext. */
static uint32_t craft(uint8_t type, const uint8_t *inner, uint32_t n, uint8_t *wire)
{
	const struct tls_suite *s = rig.out.suite;
	bool v13 = s->version == TLS_1_3;
	uint8_t nonce[TLS_NONCE], aad[13], *body = wire + TLS_HDR + s->explicit_len;
	uint32_t len = s->explicit_len + n + TLS_TAG, i;
	struct aead_piece p = { inner, body, n };

	memcpy(wire, (uint8_t[]){ type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len }, TLS_HDR);
	memcpy(nonce, rig.out.iv, sizeof(nonce));
	for (i = 0; i < 8; i++)
		if (s->explicit_len)
			nonce[4 + i] = wire[TLS_HDR + i] =
			    (uint8_t)(rig.out.explicit_next >> (56 - 8 * i));
		else
			nonce[4 + i] ^= (uint8_t)(rig.out.seq >> (56 - 8 * i));
	for (i = 0; i < 8; i++)
		aad[i] = (uint8_t)(rig.out.seq >> (56 - 8 * i));
	memcpy(aad + 8, wire, 3);
	aad[11] = (uint8_t)(n >> 8);
	aad[12] = (uint8_t)n;
	aead_seal(rig.aead, &rig.out.key, nonce, v13 ? wire : aad, v13 ? TLS_HDR : 13, &p, 1,
		  body + n);
	rig.out.seq++;
	rig.out.explicit_next++;
	return TLS_HDR + len;
}

/* ---- vectors ---- */

static void rfc8448(const char *secret, const struct rfc8448_record *r, size_t n)
{
	uint8_t prk[TLS_SECRET_MAX], wire[512], plain[512], again[512];
	enum tls_alert alert;
	size_t i;

	unhex(secret, prk);
	assert_true(tls_keys_13(rig.kdf, rig.aead, &rig.in, tls_suite(0x1301), prk));
	assert_true(tls_keys_13(rig.kdf, rig.aead, &rig.out, tls_suite(0x1301), prk));
	for (i = 0; i < n; i++) {
		uint32_t len = unhex(r[i].wire, wire), plain_len = len - TLS_HDR - 1 - TLS_TAG;

		put(&rig.from, wire, len, len);
		assert_int_equal(open_one(&alert), r[i].type);
		assert_int_equal(rig.to.bytes, plain_len);
		queue_copy(&rig.to, 0, plain, plain_len);
		if (r[i].plain)
			assert_int_equal(unhex(r[i].plain, again), plain_len);
		expect(r[i].plain ? again : plain, plain_len);
		assert_int_equal(seal((enum tls_type)r[i].type, plain, plain_len, again), len);
		assert_memory_equal(again, wire, len);
	}
}

static void test_rfc8448(void **state)
{
	(void)state;
	rfc8448(RFC8448_CLIENT_HANDSHAKE_SECRET, rfc8448_client_handshake,
		N_OF(rfc8448_client_handshake));
	rfc8448(RFC8448_CLIENT_SECRET, rfc8448_client, N_OF(rfc8448_client));
	rfc8448(RFC8448_SERVER_SECRET, rfc8448_server, N_OF(rfc8448_server));
}

static void test_expand_label(void **state)
{
	uint8_t secret[32], key[16], want[32], iv[12], psk[32];

	(void)state;
	unhex(RFC8448_SERVER_SECRET, secret);
	assert_true(tls_expand_label(rig.kdf, TLS_SHA256, secret, "key", NULL, 0, key, 16));
	assert_true(tls_expand_label(rig.kdf, TLS_SHA256, secret, "iv", NULL, 0, iv, 12));
	unhex(RFC8448_SERVER_KEY, want);
	assert_memory_equal(key, want, 16);
	unhex(RFC8448_SERVER_IV, want);
	assert_memory_equal(iv, want, 12);
	unhex(RFC8448_CLIENT_SECRET, secret);
	assert_true(tls_expand_label(rig.kdf, TLS_SHA256, secret, "key", NULL, 0, key, 16));
	unhex(RFC8448_CLIENT_KEY, want);
	assert_memory_equal(key, want, 16);
	/* RFC 8448 3: resumption PSK from the resumption master secret and the ticket's nonce. */
	unhex("7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c", secret);
	assert_true(tls_expand_label(rig.kdf, TLS_SHA256, secret, "resumption", "\0", 2, psk, 32));
	unhex("4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3", want);
	assert_memory_equal(psk, want, 32);
	assert_false(tls_expand_label(rig.kdf, TLS_SHA256, secret, "x", secret, 256, key, 16));
}

/* Every suite has its number once, and the sizes of its cipher. */
static void test_suites(void **state)
{
	const struct tls_suite *s;
	size_t n, i, j;

	(void)state;
	s = tls_suites(&n);
	for (i = 0; i < n; i++) {
		bool gcm = s[i].cipher != AEAD_CHACHA20_POLY1305;

		assert_ptr_equal(tls_suite(s[i].id), &s[i]);
		for (j = 0; j < i; j++)
			assert_string_not_equal(s[i].name, s[j].name);
		assert_int_equal(s[i].key_len, s[i].cipher == AEAD_AES128_GCM ? 16 : 32);
		assert_int_equal(s[i].digest,
				 s[i].cipher == AEAD_AES256_GCM ? TLS_SHA384 : TLS_SHA256);
		assert_int_equal(s[i].explicit_len,
				 s[i].version == TLS_1_2 && gcm ? TLS_EXPLICIT_12 : 0);
	}
	assert_null(tls_suite(0x002f)); /* CBC */
	assert_null(tls_suite(0x009c)); /* RSA key transport */
	assert_null(tls_suite(0));
}

/* What we seal is what the test builds by itself, and opens, for each version and cipher. */
static void test_construction(void **state)
{
	static uint8_t plain[20000], wire[WIRE_MAX], want[WIRE_MAX];
	static const uint32_t sizes[] = { 0, 1, 63, 64, 65, 1350, 1400, 5000, TLS_PLAIN_MAX };
	enum tls_alert alert;
	size_t i, k;

	(void)state;
	fill(plain, sizeof(plain), 1);
	for (i = 0; i < N_OF(some_suites); i++)
		for (k = 0; k < N_OF(sizes); k++) {
			uint32_t n = sizes[k], len, craft_len;
			bool v13;

			keys_for(some_suites[i]);
			v13 = rig.out.suite->version == TLS_1_3;
			rig.out.seq = rig.in.seq = 0x0102030405060708;
			plain[n] = TLS_APPLICATION;
			craft_len = craft(TLS_APPLICATION, plain, n + v13, want);
			rig.out.seq--;
			rig.out.explicit_next--;
			plain[n] = 0x5a;
			len = seal(TLS_APPLICATION, plain, n, wire);
			assert_int_equal(len, craft_len);
			assert_int_equal(len, n + record_overhead(&rig.out));
			assert_memory_equal(wire, want, len);
			put(&rig.from, wire, len, 1000);
			assert_int_equal(open_one(&alert), TLS_APPLICATION);
			assert_int_equal(alert, ALERT_NONE);
			expect(plain, n);
		}
}

/* ---- cuts ---- */

/* One record in two buffers, cut at each place, and in buffers of each size. */
static void test_cuts(void **state)
{
	uint8_t plain[300], wire[512];
	enum tls_alert alert;
	uint32_t len, i, cut;
	size_t s;

	(void)state;
	fill(plain, sizeof(plain), 3);
	for (s = 0; s < N_OF(some_suites); s++) {
		keys_for(some_suites[s]);
		len = seal(TLS_APPLICATION, plain, 90, wire);
		for (cut = 1; cut < len; cut++) {
			rig.in.seq = rig.out.seq - 1;
			put(&rig.from, wire, cut, cut);
			put(&rig.from, wire + cut, len - cut, len);
			assert_int_equal(open_one(&alert), TLS_APPLICATION);
			expect(plain, 90);
		}
		len = seal(TLS_APPLICATION, plain, 300, wire);
		for (i = 1; i <= 50; i++) {
			rig.in.seq = rig.out.seq - 1;
			put(&rig.from, wire, len, i);
			assert_int_equal(open_one(&alert), TLS_APPLICATION);
			expect(plain, 300);
		}
	}
	assert_int_equal(rig.from.n, 0);
}

/* Three records and the beginning of a fourth in one buffer, then the rest of it. */
static void test_packed(void **state)
{
	static const uint32_t sizes[] = { 100, 400, 0, 257 };
	uint8_t plain[1024], wire[2048];
	enum tls_alert alert;
	uint32_t len, last = 0, at, i;
	size_t s;

	(void)state;
	fill(plain, sizeof(plain), 5);
	for (s = 0; s < N_OF(some_suites); s++) {
		keys_for(some_suites[s]);
		for (i = len = 0; i < N_OF(sizes); i++)
			len += last = seal(TLS_APPLICATION, plain + i, sizes[i], wire + len);
		put(&rig.from, wire, len - last + 20, len);
		for (i = at = 0; i + 1 < N_OF(sizes); i++) {
			assert_int_equal(open_one(&alert), TLS_APPLICATION);
			expect(plain + i, sizes[i]);
		}
		assert_int_equal(rig.from.bytes, 20);
		assert_int_equal(length(true, &alert), last);
		put(&rig.from, wire + len - last + 20, last - 20, len);
		assert_int_equal(open_one(&alert), TLS_APPLICATION);
		expect(plain + i, sizes[i]);
		assert_int_equal(rig.from.n, 0);
	}
}

/* Small records gather in one buffer; that buffer's own content stays. */
static void test_small_gather(void **state)
{
	uint8_t plain[10 * 120], wire[2048];
	enum tls_alert alert;
	uint32_t len, i;

	(void)state;
	fill(plain, sizeof(plain), 8);
	for (i = len = 0; i < 10; i++)
		len += seal(TLS_APPLICATION, plain + i * 120, 120, wire + len);
	put_roomy(&rig.from, wire, len);
	for (i = 0; i < 10; i++)
		assert_int_equal(open_one(&alert), TLS_APPLICATION);
	assert_in_range(rig.to.n, 1, 2);
	expect(plain, sizeof(plain));
}

/* The largest record in segments that do not end where it does; a second one behind it. */
static void test_large(void **state)
{
	static uint8_t plain[TLS_PLAIN_MAX], wire[WIRE_MAX];
	enum tls_alert alert;
	uint32_t len;
	size_t s;

	(void)state;
	fill(plain, sizeof(plain), 6);
	for (s = 0; s < N_OF(some_suites); s++) {
		keys_for(some_suites[s]);
		len = seal(TLS_APPLICATION, plain, TLS_PLAIN_MAX, wire);
		len += seal(TLS_APPLICATION, plain, TLS_PLAIN_MAX, wire + len);
		put(&rig.from, wire, len, 1448);
		assert_int_equal(open_one(&alert), TLS_APPLICATION);
		expect(plain, TLS_PLAIN_MAX);
		assert_int_equal(open_one(&alert), TLS_APPLICATION);
		expect(plain, TLS_PLAIN_MAX);
		assert_int_equal(rig.from.n, 0);
		/* More pieces than the cipher takes at once. */
		put(&rig.from, wire, 400, 1);
		put(&rig.from, wire + 400, len / 2 - 400, 1448);
		rig.in.seq -= 2;
		assert_int_equal(open_one(&alert), TLS_APPLICATION);
		expect(plain, TLS_PLAIN_MAX);
	}
}

/* A buffer that somebody else has, too, is read only. */
static void test_shared(void **state)
{
	static uint8_t plain[3000], wire[4096], copy[4096];
	struct rte_mbuf *held[64];
	enum tls_alert alert;
	uint32_t len, n, at, part;
	struct rte_mbuf *m;

	(void)state;
	fill(plain, sizeof(plain), 9);
	len = seal(TLS_APPLICATION, plain, sizeof(plain), wire);
	for (part = 300; part < 1500; part += 251) {
		rig.in.seq = 0;
		put(&rig.from, wire, len, part);
		for (m = rig.from.head, n = 0; m; m = m->next, n++) {
			held[n] = m;
			if (n % 2) /* every other one, so that both kinds alternate */
				rte_mbuf_refcnt_update(m, 1);
		}
		assert_int_equal(open_one(&alert), TLS_APPLICATION);
		expect(plain, sizeof(plain));
		for (at = 1; at < n; at += 2) {
			m = held[at];
			memcpy(copy, rte_pktmbuf_mtod(m, void *), m->data_len);
			assert_memory_equal(copy, wire + at * part, m->data_len);
			rte_pktmbuf_free(m);
		}
	}
}

/* ---- bad records ---- */

static void test_flipped(void **state)
{
	uint8_t plain[40], wire[128];
	uint32_t len, i, part;
	size_t s;

	(void)state;
	fill(plain, sizeof(plain), 2);
	for (s = 0; s < N_OF(some_suites); s++) {
		keys_for(some_suites[s]);
		len = seal(TLS_APPLICATION, plain, sizeof(plain), wire);
		put_roomy(&rig.to, plain, 10); /* content that waits is not touched either */
		for (part = 7; part <= len; part += len - 7)
			for (i = 0; i < len; i++) {
				if (i < 3 || i == 4 || i == 3)
					continue; /* test_header() */
				wire[i] ^= 0x10;
				put(&rig.from, wire, len, part);
				expect_alert(ALERT_BAD_RECORD_MAC);
				wire[i] ^= 0x10;
			}
		wire[2] ^= 1; /* the version is covered, too */
		put(&rig.from, wire, len, len);
		expect_alert(ALERT_BAD_RECORD_MAC);
		expect(plain, 10);
	}
}

/* What failed is gone from the buffers it was opened in. */
static void test_wiped(void **state)
{
	static uint8_t plain[1000], wire[1100], left[1100];
	enum tls_alert alert;
	uint32_t len;

	(void)state;
	memset(plain, 'A', sizeof(plain));
	len = seal(TLS_APPLICATION, plain, sizeof(plain), wire);
	wire[len - 1] ^= 1;
	put(&rig.from, wire, len, len);
	assert_int_equal(open_one(&alert), -1);
	queue_copy(&rig.from, 0, left, rig.from.bytes);
	assert_null(memmem(left, rig.from.bytes, "AAAA", 4));
	assert_int_equal(rig.to.n, 0);
}

/* Out of order, twice, or another direction's. */
static void test_sequence(void **state)
{
	uint8_t a[128], b[128];
	uint32_t la, lb;
	enum tls_alert alert;
	size_t s;

	(void)state;
	for (s = 0; s < N_OF(some_suites); s++) {
		keys_for(some_suites[s]);
		la = seal(TLS_APPLICATION, (const uint8_t *)"first", 5, a);
		lb = seal(TLS_APPLICATION, (const uint8_t *)"second", 6, b);
		if (rig.out.suite->explicit_len) /* a nonce is used once */
			assert_memory_not_equal(a + TLS_HDR, b + TLS_HDR, TLS_EXPLICIT_12);
		put(&rig.from, b, lb, lb);
		expect_alert(ALERT_BAD_RECORD_MAC);
		put(&rig.from, a, la, la);
		assert_int_equal(open_one(&alert), TLS_APPLICATION);
		put(&rig.from, a, la, la);
		expect_alert(ALERT_BAD_RECORD_MAC);
		put(&rig.from, b, lb, lb);
		assert_int_equal(open_one(&alert), TLS_APPLICATION);
		expect((const uint8_t *)"firstsecond", 11);
		assert_int_equal(rig.in.records, 2);
		assert_int_equal(rig.in.bytes, 11);
		assert_int_equal(rig.out.records, 2);
		assert_int_equal(rig.out.bytes, 11);
		assert_int_equal(rig.in.seq, rig.out.seq);
	}
}

struct header_case {
	uint8_t head[TLS_HDR];
	bool protected;
	enum tls_version v;
	int32_t len;
	enum tls_alert alert;
};

static void test_header(void **state)
{
	static const struct header_case cases[] = {
		/* RFC 8446 5.1 */
		{ { 22, 3, 1, 0x40, 0x00 }, false, TLS_1_3, 0x4005, ALERT_NONE },
		{ { 22, 3, 1, 0x40, 0x01 }, false, TLS_1_3, -1, ALERT_RECORD_OVERFLOW },
		{ { 23, 3, 3, 0x41, 0x00 }, false, TLS_1_3, 0x4105, ALERT_NONE },
		{ { 23, 3, 3, 0x41, 0x01 }, false, TLS_1_3, -1, ALERT_RECORD_OVERFLOW },
		{ { 19, 3, 3, 0, 1 }, false, TLS_1_3, -1, ALERT_UNEXPECTED_MESSAGE },
		{ { 24, 3, 3, 0, 1 }, false, TLS_1_3, -1, ALERT_UNEXPECTED_MESSAGE },
		{ { 'G', 'E', 'T', ' ', '/' }, false, TLS_1_3, -1, ALERT_UNEXPECTED_MESSAGE },
		{ { 0x80, 0x2e, 1, 0, 2 }, false, TLS_1_3, -1, ALERT_UNEXPECTED_MESSAGE },
		/* 5.2 */
		{ { 23, 3, 3, 0x41, 0x00 }, true, TLS_1_3, 0x4105, ALERT_NONE },
		{ { 23, 3, 3, 0x41, 0x01 }, true, TLS_1_3, -1, ALERT_RECORD_OVERFLOW },
		{ { 23, 3, 3, 0xff, 0xff }, true, TLS_1_3, -1, ALERT_RECORD_OVERFLOW },
		/* 5: unprotected after the handshake */
		{ { 20, 3, 3, 0, 1 }, true, TLS_1_3, -1, ALERT_UNEXPECTED_MESSAGE },
		{ { 21, 3, 3, 0, 2 }, true, TLS_1_3, -1, ALERT_UNEXPECTED_MESSAGE },
		{ { 22, 3, 3, 0, 40 }, true, TLS_1_3, -1, ALERT_UNEXPECTED_MESSAGE },
		/* RFC 5246 6.2.3 */
		{ { 23, 3, 3, 0x48, 0x00 }, true, TLS_1_2, 0x4805, ALERT_NONE },
		{ { 23, 3, 3, 0x48, 0x01 }, true, TLS_1_2, -1, ALERT_RECORD_OVERFLOW },
		{ { 21, 3, 3, 0, 26 }, true, TLS_1_2, 31, ALERT_NONE },
		{ { 24, 3, 3, 0, 26 }, true, TLS_1_2, -1, ALERT_UNEXPECTED_MESSAGE },
	};
	enum tls_alert alert;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++) {
		const struct header_case *c = &cases[i];
		uint32_t part;

		for (part = 1; part <= TLS_HDR; part += 4) {
			put(&rig.from, c->head, TLS_HDR, part);
			assert_int_equal(
			    record_length(&rig.from, c->v, c->protected, TLS_PLAIN_MAX, &alert),
			    c->len);
			assert_int_equal(alert, c->alert);
			queue_drop(world.w, &rig.from, TLS_HDR);
		}
	}
}

/* A record that cannot hold nonce and tag. */
static void test_short(void **state)
{
	uint8_t wire[64] = { 23, 3, 3 };
	size_t s;

	(void)state;
	for (s = 0; s < N_OF(some_suites); s++) {
		uint8_t min;

		keys_for(some_suites[s]);
		min = (uint8_t)(rig.in.suite->explicit_len + TLS_TAG);
		for (wire[4] = 0; wire[4] <= min; wire[4]++) {
			put(&rig.from, wire, TLS_HDR + wire[4], 64);
			expect_alert(ALERT_BAD_RECORD_MAC);
		}
	}
}

/* RFC 8446 5.4: padding goes; a plaintext of nothing but zeros is an error. */
static void test_padding(void **state)
{
	static uint8_t inner[TLS_PLAIN_MAX + 2], wire[WIRE_MAX];
	static const uint32_t pads[] = { 0, 1, 7, 8, 9, 63, 300, 5000, TLS_PLAIN_MAX - 100 };
	enum tls_alert alert;
	uint32_t len, part;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(pads); i++)
		for (part = 100; part < 2000; part += 800) {
			memset(inner, 0, sizeof(inner));
			fill(inner, 99, 4);
			inner[98] = 0; /* content may end in zeros */
			inner[99] = 0;
			inner[100] = TLS_APPLICATION;
			if (pads[i] == TLS_PLAIN_MAX - 100)
				assert_int_equal(101 + pads[i], TLS_PLAIN_MAX + 1);
			len = craft(TLS_APPLICATION, inner, 101 + pads[i], wire);
			put(&rig.from, wire, len, part);
			assert_int_equal(open_one(&alert), TLS_APPLICATION);
			expect(inner, 100);
		}
	memset(inner, 0, sizeof(inner));
	for (len = 0; len < 40; len++) {
		uint32_t n = craft(TLS_APPLICATION, inner, len, wire);

		rig.in.seq = rig.out.seq - 1;
		put(&rig.from, wire, n, 2048);
		expect_alert(ALERT_UNEXPECTED_MESSAGE);
	}
	len = craft(TLS_APPLICATION, inner, TLS_PLAIN_MAX + 1, wire);
	rig.in.seq = rig.out.seq - 1;
	put(&rig.from, wire, len, 1448);
	expect_alert(ALERT_UNEXPECTED_MESSAGE);
}

/* Inner types and what may be empty. */
static void test_types(void **state)
{
	uint8_t wire[128], inner[3] = { 1, 0, 0 };
	enum tls_alert alert;
	uint32_t len;
	int type;

	(void)state;
	for (type = 1; type < 256; type++) {
		bool good = type >= TLS_ALERT && type <= TLS_APPLICATION;

		inner[1] = (uint8_t)type;
		len = craft(TLS_APPLICATION, inner, 2, wire);
		rig.in.seq = rig.out.seq - 1;
		put(&rig.from, wire, len, len);
		if (!good) {
			expect_alert(ALERT_UNEXPECTED_MESSAGE);
			continue;
		}
		assert_int_equal(open_one(&alert), type);
		expect(inner, 1);
	}
	for (type = TLS_ALERT; type <= TLS_APPLICATION; type++) {
		inner[0] = (uint8_t)type;
		len = craft(TLS_APPLICATION, inner, 1, wire);
		rig.in.seq = rig.out.seq - 1;
		put(&rig.from, wire, len, len);
		if (type == TLS_APPLICATION)
			assert_int_equal(open_one(&alert), type);
		else
			expect_alert(ALERT_UNEXPECTED_MESSAGE);
	}
	keys_for(0xc02f);
	for (type = TLS_CHANGE_CIPHER_SPEC; type <= TLS_APPLICATION; type++) {
		len = craft((uint8_t)type, inner, 0, wire);
		rig.in.seq = rig.out.seq - 1;
		put(&rig.from, wire, len, len);
		if (type == TLS_APPLICATION)
			assert_int_equal(open_one(&alert), type);
		else
			expect_alert(ALERT_UNEXPECTED_MESSAGE);
	}
}

/* RFC 8446 5.2, 5.4; with a limit of our own RFC 8449 4: one byte too many. */
static void test_overflow(void **state)
{
	static uint8_t inner[TLS_PLAIN_MAX + 2], wire[WIRE_MAX];
	static const uint32_t limits[] = { 64, 511, TLS_PLAIN_MAX };
	enum tls_alert alert;
	uint32_t len;
	size_t s, i;

	(void)state;
	memset(inner, 1, sizeof(inner));
	for (s = 0; s < N_OF(some_suites); s++)
		for (i = 0; i < N_OF(limits); i++) {
			uint32_t max = limits[i];
			bool v13;

			keys_for(some_suites[s]);
			v13 = rig.in.suite->version == TLS_1_3;
			inner[max] = TLS_APPLICATION;
			len = craft(TLS_APPLICATION, inner, max + v13, wire);
			put(&rig.from, wire, len, 1448);
			assert_int_equal(open_max(max, &alert), TLS_APPLICATION);
			assert_int_equal(rig.to.bytes, max);
			queue_drop(world.w, &rig.to, max);
			inner[max] = 1;
			inner[max + 1] = TLS_APPLICATION;
			len = craft(TLS_APPLICATION, inner, max + 1 + v13, wire);
			put(&rig.from, wire, len, 1448);
			assert_int_equal(open_max(max, &alert), -1);
			assert_int_equal(alert, ALERT_RECORD_OVERFLOW);
			assert_int_equal(rig.to.n, 0);
			queue_clear(world.w, &rig.from, DROP_NO_MBUF);
			inner[max + 1] = 1;
		}
}

/* ---- keys ---- */

/* RFC 8446 7.2: the next generation opens, the one before does not; RFC 8448 has no vector. */
static void test_update(void **state)
{
	uint8_t next[TLS_SECRET_MAX], wire[128];
	enum tls_alert alert;
	uint32_t len;
	size_t s;

	(void)state;
	for (s = 0; s < 3; s++) {
		const struct tls_suite *suite = tls_suite(some_suites[s]);
		size_t n = suite->digest == TLS_SHA384 ? 48 : 32;

		keys_for(some_suites[s]);
		seal(TLS_APPLICATION, (const uint8_t *)"x", 1, wire);
		tls_expand_label(rig.kdf, suite->digest, rig.out.secret, "traffic upd", NULL, 0,
				 next, n);
		assert_true(tls_keys_update(rig.kdf, rig.aead, &rig.out));
		assert_memory_equal(rig.out.secret, next, n);
		assert_int_equal(rig.out.seq + rig.out.records + rig.out.bytes, 0);
		len = seal(TLS_APPLICATION, (const uint8_t *)"new", 3, wire);
		put(&rig.from, wire, len, len);
		expect_alert(ALERT_BAD_RECORD_MAC);
		assert_true(tls_keys_update(rig.kdf, rig.aead, &rig.in));
		put(&rig.from, wire, len, len);
		assert_int_equal(open_one(&alert), TLS_APPLICATION);
		expect((const uint8_t *)"new", 3);
	}
}

/* ---- sealing ---- */

/* Where the buffers have room nothing is copied; where they have none, they get neighbours. */
static void test_seal_in_place(void **state)
{
	static uint8_t plain[2800], wire[4096];
	struct rte_mbuf *m, *first, *last;
	enum tls_alert alert;

	(void)state;
	fill(plain, sizeof(plain), 1);
	put_roomy(&rig.to, plain, sizeof(plain));
	first = rig.to.head;
	last = rig.to.tail;
	m = record_seal(world.w, rig.aead, &rig.out, TLS_APPLICATION, &rig.to, sizeof(plain));
	assert_ptr_equal(m, first);
	assert_ptr_equal(m->next, last);
	assert_int_equal(m->nb_segs, 2);
	queue_put(world.w, &rig.from, m);
	assert_int_equal(open_one(&alert), TLS_APPLICATION);
	assert_ptr_equal(rig.to.head, first); /* nor to open it */
	assert_ptr_equal(rig.to.tail, last);
	expect(plain, sizeof(plain));

	put(&rig.to, plain, 1000, 2000); /* no room behind */
	rig.to.head->data_off = 2;	 /* nor before */
	memcpy(rte_pktmbuf_mtod(rig.to.head, void *), plain, 1000);
	rte_mbuf_refcnt_update(rig.to.head, 0);
	m = record_seal(world.w, rig.aead, &rig.out, TLS_APPLICATION, &rig.to, 1000);
	assert_int_equal(m->nb_segs, 2);
	put(&rig.from, wire, chain_bytes(m, wire), 2048);
	pkt_consume(world.w, m);
	assert_int_equal(open_one(&alert), TLS_APPLICATION);
	expect(plain, 1000);
}

/* Each number of bytes of room before and behind. */
static void test_seal_room(void **state)
{
	uint8_t plain[300];
	enum tls_alert alert;
	uint16_t room;
	size_t s;

	(void)state;
	fill(plain, sizeof(plain), 1);
	for (s = 0; s < N_OF(some_suites); s++)
		for (room = 0; room <= TLS_TAIL_MAX; room++) {
			struct rte_mbuf *m = pkt_make(world.w);

			keys_for(some_suites[s]);
			m->data_off = (uint16_t)(m->buf_len - sizeof(plain) - room);
			memcpy(rte_pktmbuf_append(m, sizeof(plain)), plain, sizeof(plain));
			queue_put(world.w, &rig.to, m);
			m = record_seal(world.w, rig.aead, &rig.out, TLS_APPLICATION, &rig.to, 300);
			assert_non_null(m);
			queue_put(world.w, &rig.from, m);
			assert_int_equal(open_one(&alert), TLS_APPLICATION);
			expect(plain, sizeof(plain));
			m = pkt_make(world.w);
			m->data_off = room;
			memcpy(rte_pktmbuf_append(m, sizeof(plain)), plain, sizeof(plain));
			queue_put(world.w, &rig.to, m);
			m = record_seal(world.w, rig.aead, &rig.out, TLS_APPLICATION, &rig.to, 300);
			assert_non_null(m);
			assert_int_equal(m->nb_segs, room < record_overhead(&rig.out) - TLS_TAG -
								 (rig.out.suite->version == TLS_1_3)
							 ? 2
							 : 1);
			queue_put(world.w, &rig.from, m);
			assert_int_equal(open_one(&alert), TLS_APPLICATION);
			expect(plain, sizeof(plain));
		}
}

/* Whole buffers up to max; one that is longer by itself is cut. */
static void test_seal_max(void **state)
{
	static const uint32_t want[] = { 900, 300, 1000, 700 };
	static uint8_t plain[2900];
	enum tls_alert alert;
	size_t s, i;

	(void)state;
	fill(plain, sizeof(plain), 1);
	for (s = 0; s < N_OF(some_suites); s++) {
		keys_for(some_suites[s]);
		put(&rig.to, plain, 1200, 300);
		put(&rig.to, plain + 1200, 1700, 1700);
		for (i = 0; i < N_OF(want); i++) {
			struct mbuf_queue q = rig.to;
			struct rte_mbuf *m;

			m = record_seal(world.w, rig.aead, &rig.out, TLS_APPLICATION, &rig.to,
					i == 1 ? 400 : 1000);
			assert_non_null(m);
			assert_int_equal(m->pkt_len, want[i] + record_overhead(&rig.out));
			assert_int_equal(q.bytes - rig.to.bytes, want[i]);
			queue_put(world.w, &rig.from, m);
		}
		assert_null(
		    record_seal(world.w, rig.aead, &rig.out, TLS_APPLICATION, &rig.to, 1000));
		for (i = 0; i < N_OF(want); i++)
			assert_int_equal(open_one(&alert), TLS_APPLICATION);
		expect(plain, sizeof(plain));
	}
}

/* More buffers than pieces: the record is shorter. */
static void test_seal_many(void **state)
{
	static uint8_t plain[300];
	enum tls_alert alert;

	(void)state;
	fill(plain, sizeof(plain), 1);
	put(&rig.to, plain, sizeof(plain), 1);
	while (rig.to.n) {
		struct rte_mbuf *m =
		    record_seal(world.w, rig.aead, &rig.out, TLS_APPLICATION, &rig.to, 16384);

		assert_non_null(m);
		assert_in_range(m->nb_segs, 1, AEAD_PIECES_MAX);
		queue_put(world.w, &rig.from, m);
	}
	assert_in_range(rig.out.records, 2, 10);
	while (rig.from.n)
		assert_int_equal(open_one(&alert), TLS_APPLICATION);
	expect(plain, sizeof(plain));
}

/* Shared ones are copied: the other holder still has the plaintext. */
static void test_seal_shared(void **state)
{
	static uint8_t plain[3000];
	struct rte_mbuf *m, *held[8];
	enum tls_alert alert;
	uint32_t n = 0, i;

	(void)state;
	fill(plain, sizeof(plain), 1);
	put(&rig.to, plain, sizeof(plain), 500);
	for (m = rig.to.head; m; m = m->next, n++) {
		held[n] = m;
		if (n != 1 && n != 2)
			rte_mbuf_refcnt_update(m, 1);
	}
	m = record_seal(world.w, rig.aead, &rig.out, TLS_APPLICATION, &rig.to, 16384);
	assert_non_null(m);
	queue_put(world.w, &rig.from, m);
	for (i = 0; i < n; i++) {
		if (i == 1 || i == 2)
			continue;
		assert_memory_equal(rte_pktmbuf_mtod(held[i], void *), plain + i * 500, 500);
		rte_pktmbuf_free(held[i]);
	}
	assert_int_equal(open_one(&alert), TLS_APPLICATION);
	expect(plain, sizeof(plain));
}

/* ---- out of buffers ---- */

static struct rte_mbuf *hoard[HOARD_MAX];
static uint32_t hoarded;

static void hoard_all_but(uint32_t n)
{
	while (hoarded < HOARD_MAX && (hoard[hoarded] = rte_pktmbuf_alloc(world.w->pool)))
		hoarded++;
	while (n-- && hoarded)
		rte_pktmbuf_free(hoard[--hoarded]);
}

static void hoard_free(void)
{
	while (hoarded)
		rte_pktmbuf_free(hoard[--hoarded]);
}

static void queue_same(const struct mbuf_queue *q, const struct mbuf_queue *was, const uint8_t *p,
		       uint32_t n)
{
	static uint8_t got[WIRE_MAX];

	assert_memory_equal(q, was, sizeof(*q));
	row_check(q);
	assert_int_equal(q->bytes, n);
	queue_copy(q, 0, got, n);
	assert_memory_equal(got, p, n);
}

/* Each number of buffers too few leaves all as it was; later it goes on. */
static void test_open_no_mbuf(void **state)
{
	static uint8_t plain[6000], wire[8192];
	uint64_t made = 0;
	uint32_t len, n, failed = 0;
	struct rte_mbuf *m, *shared[8];
	enum tls_alert alert;

	(void)state;
	fill(plain, sizeof(plain), 1);
	len = seal(TLS_APPLICATION, plain, sizeof(plain), wire);
	put(&rig.from, wire, len, 1448);
	for (m = rig.from.head, n = 0; m; m = m->next) {
		rte_mbuf_refcnt_update(m, 1);
		shared[n++] = m;
	}
	for (n = 0;; n++) {
		struct mbuf_queue was = rig.from;

		hoard_all_but(n);
		made = world.w->counters->cnt[CNT_MADE];
		if (open_one(&alert) == TLS_APPLICATION)
			break;
		assert_int_equal(world.w->counters->cnt[CNT_MADE], made);
		assert_int_equal(rig.in.seq, 0);
		assert_int_equal(rig.to.n, 0);
		queue_same(&rig.from, &was, wire, len);
		hoard_free();
		failed++;
	}
	assert_in_range(failed, 3, 6);
	hoard_free();
	for (n = 0; n < 5; n++)
		rte_pktmbuf_free(shared[n]);
	expect(plain, sizeof(plain));
}

static void test_seal_no_mbuf(void **state)
{
	static uint8_t plain[3000];
	struct rte_mbuf *m, *out;
	uint32_t n, failed = 0;
	enum tls_alert alert;

	(void)state;
	fill(plain, sizeof(plain), 1);
	put(&rig.to, plain, sizeof(plain), 1500);
	rte_mbuf_refcnt_update(rig.to.head, 1);
	m = rig.to.head;
	for (n = 0;; n++) {
		struct mbuf_queue was = rig.to;

		hoard_all_but(n);
		out = record_seal(world.w, rig.aead, &rig.out, TLS_APPLICATION, &rig.to, 16384);
		if (out)
			break;
		assert_int_equal(rig.out.seq + rig.out.records + rig.out.bytes, 0);
		assert_null(
		    record_seal_bytes(world.w, rig.aead, &rig.out, TLS_ALERT, "ab", n ? 65 : 2));
		queue_same(&rig.to, &was, plain, sizeof(plain));
		hoard_free();
		failed++;
	}
	assert_int_equal(failed, 2);
	hoard_free();
	rte_pktmbuf_free(m);
	queue_put(world.w, &rig.from, out);
	assert_int_equal(open_one(&alert), TLS_APPLICATION);
	expect(plain, sizeof(plain));
}

#define RECORD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECORD_TEST(test_rfc8448),	 RECORD_TEST(test_expand_label),
		RECORD_TEST(test_suites),	 RECORD_TEST(test_construction),
		RECORD_TEST(test_cuts),		 RECORD_TEST(test_packed),
		RECORD_TEST(test_small_gather),	 RECORD_TEST(test_large),
		RECORD_TEST(test_shared),	 RECORD_TEST(test_flipped),
		RECORD_TEST(test_wiped),	 RECORD_TEST(test_sequence),
		RECORD_TEST(test_header),	 RECORD_TEST(test_short),
		RECORD_TEST(test_padding),	 RECORD_TEST(test_types),
		RECORD_TEST(test_overflow),	 RECORD_TEST(test_update),
		RECORD_TEST(test_seal_in_place), RECORD_TEST(test_seal_room),
		RECORD_TEST(test_seal_max),	 RECORD_TEST(test_seal_many),
		RECORD_TEST(test_seal_shared),	 RECORD_TEST(test_open_no_mbuf),
		RECORD_TEST(test_seal_no_mbuf),
	};

	world_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
