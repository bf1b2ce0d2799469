/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_domain.h"

#include "dp/tls/domain.h"
#include "dp/tls/accel.h"
#include "dp/tls/handshake.h"

#include <openssl/async.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define MUST(x)                  \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

struct fake_domain fake_domain;

struct domain_set {
	SSL_CTX *server, *client;
};

/* ---- keys ---- */

EVP_PKEY *fake_key(int kind)
{
	static EVP_PKEY *keys[FAKE_KEYS];

	if (!keys[kind])
		keys[kind] = kind == FAKE_EC ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
	MUST(keys[kind]);
	return keys[kind];
}

static void cert_extension(X509 *c, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	MUST(e && X509_add_ext(c, e, -1));
	X509_EXTENSION_free(e);
}

X509 *fake_cert(int kind)
{
	static X509 *certs[FAKE_KEYS];
	X509 *c = certs[kind];
	X509_NAME *name;

	if (c)
		return c;
	c = certs[kind] = X509_new();
	MUST(c && X509_set_version(c, X509_VERSION_3));
	ASN1_INTEGER_set(X509_get_serialNumber(c), 1 + kind);
	X509_gmtime_adj(X509_getm_notBefore(c), -3600);
	X509_gmtime_adj(X509_getm_notAfter(c), 86400);
	name = X509_NAME_new();
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)FAKE_NAME, -1, -1, 0);
	MUST(X509_set_subject_name(c, name) && X509_set_issuer_name(c, name));
	X509_NAME_free(name);
	X509_set_pubkey(c, fake_key(kind));
	cert_extension(c, NID_subject_alt_name, "DNS:" FAKE_NAME ",IP:192.0.2.1");
	MUST(X509_sign(c, fake_key(kind), EVP_sha256()));
	return c;
}

void fake_certs(SSL_CTX *ctx, const bool *kinds, uint32_t chain)
{
	uint32_t i;
	int k;

	for (k = 0; k < FAKE_KEYS; k++) {
		if (!kinds[k])
			continue;
		MUST(SSL_CTX_use_certificate(ctx, fake_cert(k)) &&
		     SSL_CTX_use_PrivateKey(ctx, fake_key(k)));
		for (i = 0; i < chain; i++)
			MUST(SSL_CTX_add1_chain_cert(ctx, fake_cert(FAKE_RSA)));
	}
}

void fake_trust(SSL_CTX *ctx)
{
	MUST(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), fake_cert(FAKE_EC)) &&
	     X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), fake_cert(FAKE_RSA)));
}

/* ---- SSL objects, counted ---- */

/* One that OpenSSL could not make is given up without having come by here. */
static void on_ssl_new(void *ssl, void *p, CRYPTO_EX_DATA *ad, int idx, long l, void *arg)
{
	(void)ssl, (void)p, (void)l, (void)arg;
	fake_domain.ssls += CRYPTO_set_ex_data(ad, idx, &fake_domain);
}

static void on_ssl_free(void *ssl, void *p, CRYPTO_EX_DATA *ad, int idx, long l, void *arg)
{
	(void)ssl, (void)ad, (void)idx, (void)l, (void)arg;
	fake_domain.ssls -= p != NULL;
}

void fake_domain_reset(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, on_ssl_new, NULL, on_ssl_free);
	fake_domain = (struct fake_domain){
		.min = TLS1_2_VERSION,
		.max = TLS1_3_VERSION,
		.suites_12 = "ECDHE+AESGCM:ECDHE+CHACHA20",
		.suites_13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
			     "TLS_CHACHA20_POLY1305_SHA256",
		.groups = "X25519:P-256",
		.key = { true, true },
		.trust = true,
		.ca = true,
		.alpn = "stun.turn",
	};
}

/* ---- domain.h ---- */

static int on_alpn(SSL *ssl, const uint8_t **out, uint8_t *len, const uint8_t *in, unsigned in_len,
		   void *arg)
{
	const char *want = fake_domain.alpn;
	unsigned i;

	(void)ssl, (void)arg;
	for (i = 0; i + 1 < in_len; i += in[i] + 1u) {
		if (in[i] != strlen(want) || memcmp(in + i + 1, want, in[i]) != 0)
			continue;
		*out = in + i + 1;
		*len = in[i];
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static int on_name(SSL *ssl, int *alert, void *arg)
{
	(void)ssl, (void)alert, (void)arg;
	if (fake_domain.hook)
		fake_domain.hook();
	return SSL_TLSEXT_ERR_OK;
}

static unsigned on_psk(SSL *ssl, const char *identity, uint8_t *psk, unsigned max)
{
	struct handshake *s = SSL_get_app_data(ssl);
	bool known;

	(void)max;
	s->identity_len = (uint32_t)strlen(identity);
	memcpy(s->identity, identity, s->identity_len);
	known = handshake_lookup(s);
	if (fake_domain.after_psk)
		fake_domain.after_psk();
	if (!known)
		return 0;
	s->result.psk = true;
	memcpy(psk, s->psk, s->psk_len);
	return s->psk_len;
}

static int on_verify(X509_STORE_CTX *x, void *arg)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct handshake *s = SSL_get_app_data(ssl);

	(void)arg;
	return expect_verify(&s->expect, fake_domain.ca, x);
}

static SSL_CTX *context(OSSL_LIB_CTX *libctx, bool client)
{
	const struct fake_domain *f = &fake_domain;
	SSL_CTX *c =
	    SSL_CTX_new_ex(libctx, NULL, client ? TLS_client_method() : TLS_server_method());

	MUST(c && SSL_CTX_set_min_proto_version(c, f->min) &&
	     SSL_CTX_set_max_proto_version(c, f->max) && SSL_CTX_set_cipher_list(c, f->suites_12) &&
	     SSL_CTX_set_ciphersuites(c, f->suites_13) && SSL_CTX_set1_groups_list(c, f->groups));
	MUST(SSL_CTX_set_session_id_context(c, (const uint8_t *)"fake", 4));
	SSL_CTX_set_verify(c, client ? SSL_VERIFY_PEER : f->verify, NULL);
	SSL_CTX_set_cert_verify_callback(c, on_verify, NULL);
	fake_certs(c, f->key, f->chain);
	if (f->trust)
		fake_trust(c);
	SSL_CTX_set_alpn_select_cb(c, on_alpn, NULL);
	SSL_CTX_set_tlsext_servername_callback(c, on_name);
	if (f->psk && !client)
		SSL_CTX_set_psk_server_callback(c, on_psk);
	MUST(handshake_ctx_init(c));
	return c;
}

struct domain_set *domains_create(const struct dplane *dp, struct snapshot *of,
				  OSSL_LIB_CTX *libctx, struct tls_files *files, uint16_t *at_fault,
				  char *err, size_t errlen)
{
	struct domain_set *d;

	(void)dp, (void)of, (void)files;
	*at_fault = 0;
	if (fake_domain.fail) {
		snprintf(err, errlen, "as the test wants it");
		return NULL;
	}
	d = calloc(1, sizeof(*d));
	MUST(d);
	d->server = context(libctx, false);
	d->client = context(libctx, true);
	fake_domain.sets++;
	return d;
}

void domains_publish(const struct dplane *dp, const struct domain_set *d)
{
	(void)dp, (void)d;
	fake_domain.published++;
}

void domains_publish_error(const struct dplane *dp, uint16_t at_fault, const char *error)
{
	(void)dp, (void)at_fault, (void)error;
	fake_domain.errors++;
}

void domains_free(struct domain_set *d)
{
	SSL_CTX_free(d->server);
	SSL_CTX_free(d->client);
	free(d);
	fake_domain.sets--;
}

SSL *domain_ssl(struct domain_set *d, uint16_t i, bool client, void *arg)
{
	SSL *ssl = SSL_new(client ? d->client : d->server);

	MUST(i == 0);
	if (!ssl || !SSL_set_app_data(ssl, arg)) {
		SSL_free(ssl);
		return NULL;
	}
	if (client)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
}

SSL *domain_ssl_dtls(struct domain_set *d, uint16_t i, bool client, void *arg)
{
	(void)d, (void)i, (void)client, (void)arg;
	return NULL;
}

uint16_t domain_service(const struct domain_set *d, uint16_t i, const SSL *ssl)
{
	(void)d, (void)i, (void)ssl;
	return SERVICE_NONE;
}

void domain_cert_key(const struct domain_set *d, const SSL *ssl, uint8_t key[CTL_CERT_KEY])
{
	(void)d, (void)ssl, (void)key;
}

/* ---- accel.h ---- */

/* An accelerator is nothing but its address: jobs wait where the hook pauses them. */
static uint8_t the_accel;
static SSL_async_callback_fn waker;
static SSL *waker_ssl;
static void *waker_arg;

void fake_accel_pause(void)
{
	fake_domain.waiting = true;
	while (fake_domain.waiting)
		ASYNC_pause_job();
}

void fake_accel_done(void)
{
	fake_domain.waiting = false;
	waker(waker_ssl, waker_arg);
}

struct accel *accel_load(const struct config *c, char *err, size_t errlen)
{
	(void)c, (void)err, (void)errlen;
	return fake_domain.accel ? (struct accel *)&the_accel : NULL;
}

void accel_free(struct accel *a)
{
	(void)a;
}

const char *accel_name(const struct accel *a)
{
	(void)a;
	return "of the tests";
}

/* In tests several crypto threads may share a thread. */
static __thread bool thread_ready;

bool accel_thread_init(struct accel *a, uint32_t n)
{
	(void)a;
	thread_ready = thread_ready || ASYNC_init_thread(n, 0);
	return thread_ready;
}

void accel_thread_end(struct accel *a)
{
	(void)a;
	if (thread_ready)
		ASYNC_cleanup_thread();
	thread_ready = false;
}

bool accel_ssl(SSL *ssl, SSL_async_callback_fn wake, void *arg)
{
	waker = wake;
	waker_ssl = ssl;
	waker_arg = arg;
	SSL_set_mode(ssl, SSL_MODE_ASYNC);
	return true;
}

bool accel_again(SSL *ssl)
{
	(void)ssl;
	return fake_domain.full && fake_domain.full--;
}

bool accel_poll(struct accel *a, uint32_t in_flight, bool progress)
{
	(void)a, (void)in_flight, (void)progress;
	return false;
}

void accel_stalled(struct accel *a)
{
	(void)a;
	fake_domain.stalls++;
}
