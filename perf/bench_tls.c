/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time of one record, sealed and opened, in packet buffers as a TCP connection has them: up to
 * 1,400 bytes each, alone in their buffers. Beside it the cipher called directly on contiguous
 * memory (libipsec-mb; without it EVP), the same in pieces as long as those buffers, which no
 * record layer that works in place can beat, and OpenSSL's SSL_write() and SSL_read() over memory
 * BIOs. All in one run, in turns, batches of records each; figures are medians. Prints one JSON
 * object; `of_direct` is how much of the bare cipher's speed is left.
 */
#include "bench_record.h"
#include "../dp/tcp/conn.h"
#include "../dp/tls/record.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <stdlib.h>
#ifdef HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

enum {
	ROUNDS = 2001,
	BATCH_BYTES = 64 << 10, /* of one batch: it stays in the nearer caches */
	BATCH_MAX = 64,
	PART = 1400, /* bytes a packet buffer brings */
	ROOM = TLS_PLAIN_MAX + 64,
};

enum way { OURS, DIRECT, PIECES, OPENSSL, WAYS };
static const char *const way_name[WAYS] = { "ours", "direct", "pieces", "openssl" };

static const struct {
	const char *arg;
	uint16_t suite;
} cipher[] = { { "aes128", 0x1301 }, { "aes256", 0x1302 }, { "chacha20", 0x1303 } };

static struct worker w;
static struct aead *aead;
static struct tls_kdf *kdf;
static struct tls_keys out, in;
static uint32_t size, batch;
static uint8_t plain[ROOM];
static double seal_cycles[WAYS][ROUNDS], open_cycles[WAYS][ROUNDS];

static void die(const char *what)
{
	fprintf(stderr, "bench_tls: %s\n", what);
	exit(1);
}

/* ---- our record layer ---- */

static void worker_make(void)
{
	static struct ctl_counters counters;
	static struct tcp tcp;

	w.pool = rte_pktmbuf_pool_create("bench", 4095, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					 SOCKET_ID_ANY);
	w.counters = &counters;
	w.tcp = &tcp;
	if (!w.pool)
		die("no packet buffers");
}

static void queue_fill(struct mbuf_queue *q)
{
	uint32_t at, n;

	for (at = 0; at < size; at += n) {
		struct rte_mbuf *m = pkt_make(&w);

		n = RTE_MIN(size - at, (uint32_t)PART);
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), plain + at, n);
		queue_put(&w, q, m);
	}
}

static void ours(uint32_t round)
{
	static struct mbuf_queue from[BATCH_MAX], to[BATCH_MAX];
	static struct rte_mbuf *record[BATCH_MAX];
	enum tls_alert alert;
	uint64_t t;
	uint32_t i;

	for (i = 0; i < batch; i++)
		queue_fill(&from[i]);
	t = rte_rdtsc_precise();
	for (i = 0; i < batch; i++)
		record[i] = record_seal(&w, aead, &out, TLS_APPLICATION, &from[i], TLS_PLAIN_MAX);
	seal_cycles[OURS][round] = (double)(rte_rdtsc_precise() - t) / batch;
	for (i = 0; i < batch; i++)
		queue_put(&w, &from[i], record[i]);
	t = rte_rdtsc_precise();
	for (i = 0; i < batch; i++) {
		int32_t len = record_length(&from[i], TLS_1_3, true, TLS_PLAIN_MAX, &alert);

		record_open(&w, aead, &in, (uint32_t)len, TLS_PLAIN_MAX, &from[i], &to[i], &alert);
	}
	open_cycles[OURS][round] = (double)(rte_rdtsc_precise() - t) / batch;
	for (i = 0; i < batch; i++) {
		if (to[i].bytes != size)
			die("a record was not opened");
		queue_clear(&w, &to[i], DROP_NO_MBUF);
	}
}

/* ---- the cipher alone ---- */

static uint8_t *direct_buf;
static uint8_t direct_tag[BATCH_MAX][AEAD_TAG];
static uint8_t nonce[AEAD_NONCE], head[TLS_HDR];

#ifdef HAVE_IPSEC_MB
static IMB_MGR *mgr;

static void direct_one(const struct tls_suite *s, bool seal, uint8_t *p, uint8_t *tag)
{
	const struct gcm_key_data *key = (const struct gcm_key_data *)out.key.state;
	struct chacha20_poly1305_context_data cc;
	struct gcm_context_data gc;

	if (s->cipher == AEAD_AES128_GCM && seal)
		IMB_AES128_GCM_ENC(mgr, key, &gc, p, p, size + 1, nonce, head, TLS_HDR, tag,
				   AEAD_TAG);
	else if (s->cipher == AEAD_AES128_GCM)
		IMB_AES128_GCM_DEC(mgr, key, &gc, p, p, size + 1, nonce, head, TLS_HDR, tag,
				   AEAD_TAG);
	else if (s->cipher == AEAD_AES256_GCM && seal)
		IMB_AES256_GCM_ENC(mgr, key, &gc, p, p, size + 1, nonce, head, TLS_HDR, tag,
				   AEAD_TAG);
	else if (s->cipher == AEAD_AES256_GCM)
		IMB_AES256_GCM_DEC(mgr, key, &gc, p, p, size + 1, nonce, head, TLS_HDR, tag,
				   AEAD_TAG);
	else {
		IMB_CHACHA20_POLY1305_INIT(mgr, out.key.state, &cc, nonce, head, TLS_HDR);
		if (seal)
			IMB_CHACHA20_POLY1305_ENC_UPDATE(mgr, out.key.state, &cc, p, p, size + 1);
		else
			IMB_CHACHA20_POLY1305_DEC_UPDATE(mgr, out.key.state, &cc, p, p, size + 1);
		IMB_CHACHA20_POLY1305_ENC_FINALIZE(mgr, &cc, tag, AEAD_TAG);
	}
}

static void direct_make(void)
{
	mgr = alloc_mb_mgr(0);
	if (!mgr)
		die("no memory");
	init_mb_mgr_auto(mgr, NULL);
}
#else
static void direct_one(const struct tls_suite *s, bool seal, uint8_t *p, uint8_t *tag)
{
	const struct aead_piece piece = { p, p, size + 1 };

	(void)s;
	if (seal)
		aead_seal(aead, &out.key, nonce, head, TLS_HDR, &piece, 1, tag);
	else if (!aead_unseal(aead, &out.key, nonce, head, TLS_HDR, &piece, 1, tag))
		die("EVP fails");
}

static void direct_make(void)
{
}
#endif

static void direct(uint32_t round)
{
	const struct tls_suite *s = out.suite;
	uint64_t t;
	uint32_t i;

	for (i = 0; i < batch; i++)
		memcpy(direct_buf + (size_t)i * ROOM, plain, size);
	t = rte_rdtsc_precise();
	for (i = 0; i < batch; i++)
		direct_one(s, true, direct_buf + (size_t)i * ROOM, direct_tag[i]);
	seal_cycles[DIRECT][round] = (double)(rte_rdtsc_precise() - t) / batch;
	t = rte_rdtsc_precise();
	for (i = 0; i < batch; i++)
		direct_one(s, false, direct_buf + (size_t)i * ROOM, direct_tag[i]);
	open_cycles[DIRECT][round] = (double)(rte_rdtsc_precise() - t) / batch;
}

/* ---- in pieces ---- */

static uint32_t pieces_of(uint8_t *p, struct aead_piece *piece)
{
	uint32_t at, n = 0, len;

	for (at = 0; at < size + 1; at += len) {
		len = RTE_MIN(size + 1 - at, (uint32_t)PART);
		piece[n++] = (struct aead_piece){ p + at, p + at, len };
	}
	return n;
}

static void pieces(uint32_t round)
{
	struct aead_piece piece[AEAD_PIECES_MAX];
	uint64_t t;
	uint32_t i, n;

	t = rte_rdtsc_precise();
	for (i = 0; i < batch; i++) {
		n = pieces_of(direct_buf + (size_t)i * ROOM, piece);
		aead_seal(aead, &out.key, nonce, head, TLS_HDR, piece, n, direct_tag[i]);
	}
	seal_cycles[PIECES][round] = (double)(rte_rdtsc_precise() - t) / batch;
	t = rte_rdtsc_precise();
	for (i = 0; i < batch; i++) {
		n = pieces_of(direct_buf + (size_t)i * ROOM, piece);
		if (!aead_unseal(aead, &out.key, nonce, head, TLS_HDR, piece, n, direct_tag[i]))
			die("the cipher alone fails");
	}
	open_cycles[PIECES][round] = (double)(rte_rdtsc_precise() - t) / batch;
}

/* ---- OpenSSL ---- */

static SSL *writer, *reader;

static SSL_CTX *ctx_make(const SSL_METHOD *method, const char *suite)
{
	SSL_CTX *c = SSL_CTX_new(method);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	if (!c || !key || !x)
		die("OpenSSL");
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
	SSL_CTX_set_ciphersuites(c, suite);
	SSL_CTX_use_certificate(c, x);
	SSL_CTX_use_PrivateKey(c, key);
	SSL_CTX_set_num_tickets(c, 0);
	X509_free(x);
	EVP_PKEY_free(key);
	return c;
}

static void ssl_make(const char *suite)
{
	SSL_CTX *cc = ctx_make(TLS_client_method(), suite);
	SSL_CTX *sc = ctx_make(TLS_server_method(), suite);
	BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
	int i;

	writer = SSL_new(cc);
	reader = SSL_new(sc);
	BIO_up_ref(up);
	BIO_up_ref(down);
	SSL_set_bio(writer, down, up);
	SSL_set_bio(reader, up, down);
	SSL_set_connect_state(writer);
	SSL_set_accept_state(reader);
	for (i = 0; i < 4; i++) {
		SSL_do_handshake(writer);
		SSL_do_handshake(reader);
	}
	if (!SSL_is_init_finished(writer) || !SSL_is_init_finished(reader))
		die("handshake");
	SSL_CTX_free(cc);
	SSL_CTX_free(sc);
}

static void ssl(uint32_t round)
{
	static uint8_t got[ROOM];
	uint64_t t;
	uint32_t i;

	t = rte_rdtsc_precise();
	for (i = 0; i < batch; i++)
		if (SSL_write(writer, plain, (int)size) != (int)size)
			die("SSL_write");
	seal_cycles[OPENSSL][round] = (double)(rte_rdtsc_precise() - t) / batch;
	t = rte_rdtsc_precise();
	for (i = 0; i < batch; i++)
		if (SSL_read(reader, got, sizeof(got)) != (int)size)
			die("SSL_read");
	open_cycles[OPENSSL][round] = (double)(rte_rdtsc_precise() - t) / batch;
}

/* ---- figures ---- */

static void print(const struct tls_suite *s)
{
	const struct record_ways ways = { way_name, WAYS, ROUNDS, OURS, DIRECT, OPENSSL };

	printf("{\"tls_record\": \"%s\", \"bytes\": %u, \"by\": \"%s\"", s->name, size,
	       aead_backend(aead, (enum aead_cipher)s->cipher));
	record_print(&ways, &seal_cycles[0][0], &open_cycles[0][0]);
}

static const struct tls_suite *arguments(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc == 3 && i < RTE_DIM(cipher); i++)
		if (strcmp(argv[1], cipher[i].arg) == 0) {
			size = (uint32_t)strtoul(argv[2], NULL, 0);
			if (size >= 1 && size <= TLS_PLAIN_MAX)
				return tls_suite(cipher[i].suite);
		}
	fprintf(stderr, "usage: bench_tls aes128|aes256|chacha20 BYTES\n");
	exit(2);
}

int main(int argc, char **argv)
{
	const struct tls_suite *s = arguments(argc, argv);
	char *eal[] = { (char *)"bench",
			(char *)"--no-pci",
			(char *)"--no-telemetry",
			(char *)"--no-shconf",
			(char *)"--no-huge",
			(char *)"-m",
			(char *)"64",
			(char *)"--lcores=0@1",
			(char *)"--log-level=*:error",
			NULL };
	uint8_t secret[TLS_SECRET_MAX] = { 1 };
	uint32_t i;

	if (rte_eal_init(9, eal) < 0)
		die("EAL does not start");
	worker_make();
	direct_make();
	ssl_make(s->name);
	aead = aead_create(NULL);
	kdf = tls_kdf_create();
	direct_buf = aligned_alloc(64, (size_t)BATCH_MAX * ROOM);
	if (!aead || !kdf || !direct_buf || !tls_keys_13(kdf, aead, &out, s, secret) ||
	    !tls_keys_13(kdf, aead, &in, s, secret))
		die("no keys");
	batch = RTE_MIN((uint32_t)BATCH_MAX, BATCH_BYTES / size);
	for (i = 0; i < ROUNDS; i++) {
		ours(i);
		direct(i);
		pieces(i);
		ssl(i);
	}
	print(s);
	return 0;
}
