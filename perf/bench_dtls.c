/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time of one datagram of DTLS 1.2, sealed and opened in its packet buffer. Beside it the cipher
 * called directly on contiguous memory, and OpenSSL's SSL_write() and SSL_read() over BIOs that
 * keep datagrams in memory. All in one run, in turns, batches of datagrams each; figures are
 * medians. Prints one JSON object; `of_direct` is how much of the bare cipher's speed is left.
 */
#include "bench_record.h"
#include "../dp/dtls/record.h"
#include "../dp/worker.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <stdlib.h>

enum { ROUNDS = 2001, BATCH = 32, ROOM = 2048, EPOCH_1 = 48 };

enum way { OURS, DIRECT, OPENSSL, WAYS };
static const char *const way_name[WAYS] = { "ours", "direct", "openssl" };

static const struct {
	const char *arg, *name;
	uint16_t suite;
} cipher[] = { { "aes128", "ECDHE-ECDSA-AES128-GCM-SHA256", 0xc02b },
	       { "aes256", "ECDHE-ECDSA-AES256-GCM-SHA384", 0xc02c },
	       { "chacha20", "ECDHE-ECDSA-CHACHA20-POLY1305", 0xcca9 } };

static struct worker w;
static struct aead *aead;
static struct tls_keys out, in;
static uint32_t size;
static uint8_t plain[ROOM];
static double seal_cycles[WAYS][ROUNDS], open_cycles[WAYS][ROUNDS];

static void die(const char *what)
{
	fprintf(stderr, "bench_dtls: %s\n", what);
	exit(1);
}

static double since(uint64_t t)
{
	return (double)(rte_rdtsc_precise() - t) / BATCH;
}

/* ---- our record layer ---- */

static void ours(uint32_t round)
{
	static struct rte_mbuf *m[BATCH];
	static struct dtls_window window;
	uint64_t t;
	uint32_t i;

	for (i = 0; i < BATCH; i++) {
		m[i] = rte_pktmbuf_alloc(w.pool);
		memcpy(rte_pktmbuf_append(m[i], (uint16_t)size), plain, size);
	}
	t = rte_rdtsc_precise();
	for (i = 0; i < BATCH; i++)
		if (!dtls_seal(&w, aead, &out, TLS_APPLICATION, m[i]))
			die("a datagram was not sealed");
	seal_cycles[OURS][round] = since(t);
	t = rte_rdtsc_precise();
	for (i = 0; i < BATCH; i++) {
		struct rd r = rd_init(rte_pktmbuf_mtod(m[i], void *), m[i]->data_len);
		struct dtls_record rec;
		uint8_t *at;
		uint32_t len;

		if (!dtls_record_read(&r, &rec) ||
		    dtls_open(aead, &in, &window, &rec, &at, &len) != DTLS_OPENED || len != size)
			die("a datagram was not opened");
	}
	open_cycles[OURS][round] = since(t);
	rte_pktmbuf_free_bulk(m, BATCH);
}

/* ---- the cipher alone ---- */

static void direct(uint32_t round)
{
	static uint8_t buf[BATCH][ROOM], tag[BATCH][AEAD_TAG], nonce[AEAD_NONCE], aad[13];
	uint64_t t;
	uint32_t i;

	t = rte_rdtsc_precise();
	for (i = 0; i < BATCH; i++)
		aead_seal(aead, &out.key, nonce, aad, sizeof(aad),
			  &(struct aead_piece){ buf[i], buf[i], size }, 1, tag[i]);
	seal_cycles[DIRECT][round] = since(t);
	t = rte_rdtsc_precise();
	for (i = 0; i < BATCH; i++)
		if (!aead_unseal(aead, &out.key, nonce, aad, sizeof(aad),
				 &(struct aead_piece){ buf[i], buf[i], size }, 1, tag[i]))
			die("the cipher alone fails");
	open_cycles[DIRECT][round] = since(t);
}

/* ---- OpenSSL ---- */

struct pipe {
	uint32_t put, get;
	uint32_t len[2 * BATCH];
	uint8_t b[2 * BATCH][ROOM];
};

static struct pipe up, down;
static SSL *writer, *reader;

static int pipe_read(BIO *b, char *to, int len)
{
	struct pipe *p = (struct pipe *)BIO_get_data(b) == &up ? &down : &up;
	uint32_t i = p->get % (2 * BATCH);

	BIO_clear_retry_flags(b);
	if (p->get == p->put) {
		BIO_set_retry_read(b);
		return -1;
	}
	p->get++;
	len = RTE_MIN(len, (int)p->len[i]);
	memcpy(to, p->b[i], (size_t)len);
	return len;
}

static int pipe_write(BIO *b, const char *from, int len)
{
	struct pipe *p = BIO_get_data(b);
	uint32_t i = p->put++ % (2 * BATCH);

	BIO_clear_retry_flags(b);
	if (len > ROOM)
		die("a datagram is too long");
	p->len[i] = (uint32_t)len;
	memcpy(p->b[i], from, (size_t)len);
	return len;
}

static long pipe_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b, (void)num, (void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

static int pipe_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

/* One that writes into p and reads what the other one wrote. */
static SSL *end_make(BIO_METHOD *m, const SSL_METHOD *method, const char *suite, struct pipe *p)
{
	SSL_CTX *c = SSL_CTX_new(method);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *b = BIO_new(m);
	SSL *ssl;

	if (!c || !key || !x || !b)
		die("OpenSSL");
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	SSL_CTX_set_cipher_list(c, suite);
	SSL_CTX_use_certificate(c, x);
	SSL_CTX_use_PrivateKey(c, key);
	SSL_CTX_set_options(c, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET);
	ssl = SSL_new(c);
	BIO_set_data(b, p);
	SSL_set_bio(ssl, b, b);
	SSL_set_mtu(ssl, 1500);
	X509_free(x);
	EVP_PKEY_free(key);
	SSL_CTX_free(c);
	return ssl;
}

static void ssl_make(const char *suite)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "pipe");

	if (!m || !BIO_meth_set_read(m, pipe_read) || !BIO_meth_set_write(m, pipe_write) ||
	    !BIO_meth_set_ctrl(m, pipe_ctrl) || !BIO_meth_set_create(m, pipe_create))
		die("OpenSSL");
	writer = end_make(m, DTLS_client_method(), suite, &up);
	reader = end_make(m, DTLS_server_method(), suite, &down);
	SSL_set_connect_state(writer);
	SSL_set_accept_state(reader);
	for (int i = 0; i < 4; i++) {
		SSL_do_handshake(writer);
		SSL_do_handshake(reader);
	}
	if (!SSL_is_init_finished(writer) || !SSL_is_init_finished(reader))
		die("handshake");
}

static void ssl(uint32_t round)
{
	static uint8_t got[ROOM];
	uint64_t t;
	uint32_t i;

	t = rte_rdtsc_precise();
	for (i = 0; i < BATCH; i++)
		if (SSL_write(writer, plain, (int)size) != (int)size)
			die("SSL_write");
	seal_cycles[OPENSSL][round] = since(t);
	t = rte_rdtsc_precise();
	for (i = 0; i < BATCH; i++)
		if (SSL_read(reader, got, sizeof(got)) != (int)size)
			die("SSL_read");
	open_cycles[OPENSSL][round] = since(t);
}

/* ---- figures ---- */

static void print(const struct tls_suite *s)
{
	const struct record_ways ways = { way_name, WAYS, ROUNDS, OURS, DIRECT, OPENSSL };

	printf("{\"dtls_record\": \"%s\", \"bytes\": %u, \"by\": \"%s\"", s->name, size,
	       aead_backend(aead, (enum aead_cipher)s->cipher));
	record_print(&ways, &seal_cycles[0][0], &open_cycles[0][0]);
}

int main(int argc, char **argv)
{
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
	static struct ctl_counters counters;
	const uint8_t key[TLS_KEY_MAX] = { 1 }, iv[TLS_NONCE] = { 2 };
	const uint64_t first = UINT64_C(1) << EPOCH_1;
	const struct tls_suite *s;
	size_t i, c = RTE_DIM(cipher);

	for (i = 0; argc == 3 && i < RTE_DIM(cipher); i++)
		if (strcmp(argv[1], cipher[i].arg) == 0)
			c = i;
	size = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 0) : 0;
	if (c == RTE_DIM(cipher) || size < 1 || size > 1400) {
		fprintf(stderr, "usage: bench_dtls aes128|aes256|chacha20 BYTES\n");
		return 2;
	}
	if (rte_eal_init(9, eal) < 0)
		die("EAL does not start");
	s = tls_suite(cipher[c].suite);
	w.pool = rte_pktmbuf_pool_create("bench", 1023, 128, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					 SOCKET_ID_ANY);
	w.counters = &counters;
	aead = aead_create(NULL);
	if (!w.pool || !aead || !tls_keys_12(aead, &out, s, key, iv, first, 0) ||
	    !tls_keys_12(aead, &in, s, key, iv, first, 0))
		die("no keys");
	ssl_make(cipher[c].name);
	for (i = 0; i < ROUNDS; i++) {
		ours((uint32_t)i);
		direct((uint32_t)i);
		ssl((uint32_t)i);
	}
	print(s);
	return 0;
}
