/* SPDX-License-Identifier: BSD-3-Clause */
#include "srtp_ctx.h"
#include "crypto.h"

#include <openssl/rand.h>
#include <openssl/srtp.h>
#include <openssl/x509.h>

enum {
	VALID_BACK_S = 86400,	    /* clocks differ */
	VALID_S = 10 * 365 * 86400, /* longer than any process lives */
	SECURITY_LEVEL = 2,
	EXPORT_MAX = 2 * SRTP_MASTER_MAX,
	PROFILE_TEXT_MAX = CTL_PROFILES_MAX * 32,
};

/* ---- the certificate ---- */

static bool name_use(X509 *x)
{
	static const uint8_t name[] = "fairlead";
	X509_NAME *n = X509_NAME_new();
	const bool ok =
	    n &&
	    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, name, sizeof(name) - 1, -1, 0) == 1 &&
	    X509_set_subject_name(x, n) == 1 && X509_set_issuer_name(x, n) == 1;

	X509_NAME_free(n);
	return ok;
}

static bool serial_use(X509 *x)
{
	uint32_t serial;

	return RAND_bytes((uint8_t *)&serial, sizeof(serial)) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial + UINT64_C(1)) == 1;
}

static bool cert_sign(X509 *x, EVP_PKEY *key)
{
	return X509_set_version(x, X509_VERSION_3) == 1 && serial_use(x) && name_use(x) &&
	       X509_gmtime_adj(X509_getm_notBefore(x), -VALID_BACK_S) &&
	       X509_gmtime_adj(X509_getm_notAfter(x), VALID_S) && X509_set_pubkey(x, key) == 1 &&
	       X509_sign(x, key, EVP_sha256()) > 0;
}

bool srtp_cert_make(struct srtp_cert *c, uint8_t sha256[32])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	bool ok;

	*c = (struct srtp_cert){ .key = NULL };
	ok = key && x && cert_sign(x, key) && X509_digest(x, EVP_sha256(), sha256, NULL) == 1;
	if (ok) {
		c->key_len = i2d_PrivateKey(key, &c->key);
		c->cert_len = i2d_X509(x, &c->cert);
	}
	X509_free(x);
	EVP_PKEY_free(key);
	if (ok && c->key_len > 0 && c->cert_len > 0)
		return true;
	srtp_cert_free(c);
	return false;
}

void srtp_cert_free(struct srtp_cert *c)
{
	if (c->key)
		OPENSSL_clear_free(c->key, (size_t)c->key_len);
	OPENSSL_free(c->cert);
	*c = (struct srtp_cert){ .key = NULL };
}

/* ---- contexts ---- */

static bool cert_use(struct crypto *th, SSL_CTX *ctx, const struct srtp_cert *c)
{
	const uint8_t *key_at = c->key, *cert_at = c->cert;
	EVP_PKEY *key = d2i_PrivateKey_ex(EVP_PKEY_EC, NULL, &key_at, c->key_len, th->libctx, NULL);
	X509 *x = X509_new_ex(th->libctx, NULL);
	const bool ok = key && x && d2i_X509(&x, &cert_at, c->cert_len) &&
			SSL_CTX_use_cert_and_key(ctx, x, key, NULL, 1) == 1;

	X509_free(x);
	EVP_PKEY_free(key);
	return ok;
}

/* Any certificate, and any chain: the owner judges it by its fingerprint when all is over. */
static int on_verify(X509_STORE_CTX *s, void *arg)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(s, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct handshake *handshake = SSL_get_app_data(ssl);

	(void)arg;
	return expect_verify(&handshake->expect, false, s);
}

/* Suites are those that dp/dtls has records of; groups and signatures those of profile "modern". */
static bool ctx_use(SSL_CTX *ctx)
{
	static const char suites[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
				     "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
				     "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
	static const char signatures[] =
	    "ECDSA+SHA256:RSA-PSS+SHA256:rsa_pss_pss_sha256:ECDSA+SHA384:RSA-PSS+SHA384:"
	    "ECDSA+SHA512:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512:ed25519";
	/* Each handshake names its own of these. */
	static const char profiles[] = "SRTP_AES128_CM_SHA1_80";

	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
	SSL_CTX_set_cookie_verify_cb(ctx, dtls_on_cookie);
	return SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, suites) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") == 1 &&
	       SSL_CTX_set1_sigalgs_list(ctx, signatures) == 1 &&
	       SSL_CTX_set_tlsext_use_srtp(ctx, profiles) == 0 && handshake_ctx_init(ctx);
}

bool srtp_ctx_make(struct crypto *th, const struct srtp_cert *c)
{
	for (int client = 0; c->key && client <= 1; client++) {
		SSL_CTX *ctx = SSL_CTX_new_ex(th->libctx, NULL,
					      client ? DTLS_client_method() : DTLS_server_method());

		th->srtp[client] = ctx;
		if (!ctx || !ctx_use(ctx) || !cert_use(th, ctx, c))
			return false;
	}
	return true;
}

/* ---- handshakes ---- */

/* RFC 5764 4.1.2, RFC 7714 14.2: by OpenSSL's name and by number. NULL: DTLS has none such. */
static const struct {
	const char *name;
	unsigned long id;
} profiles[SRTP_SUITES] = {
	[SRTP_AES_CM_128_80] = { "SRTP_AES128_CM_SHA1_80", SRTP_AES128_CM_SHA1_80 },
	[SRTP_AES_CM_128_32] = { "SRTP_AES128_CM_SHA1_32", SRTP_AES128_CM_SHA1_32 },
	[SRTP_GCM_128] = { "SRTP_AEAD_AES_128_GCM", SRTP_AEAD_AES_128_GCM },
	[SRTP_GCM_256] = { "SRTP_AEAD_AES_256_GCM", SRTP_AEAD_AES_256_GCM },
};

static bool profiles_use(const struct handshake *s, SSL *ssl)
{
	static const uint8_t all[CTL_PROFILES_MAX] = { SRTP_GCM_256, SRTP_GCM_128,
						       SRTP_AES_CM_128_80, SRTP_AES_CM_128_32 };
	const uint8_t *list = s->n_profile ? s->profile : all;
	const uint32_t n = s->n_profile ? s->n_profile : CTL_PROFILES_MAX;
	char text[PROFILE_TEXT_MAX] = "";
	size_t at = 0;

	for (uint32_t i = 0; i < n && i < CTL_PROFILES_MAX; i++)
		if (list[i] < SRTP_SUITES && profiles[list[i]].name)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", at ? ":" : "",
					       profiles[list[i]].name);
	return SSL_set_tlsext_use_srtp(ssl, text) == 0;
}

SSL *srtp_ssl(struct crypto *th, struct handshake *s)
{
	SSL *ssl = th->srtp[s->client] ? SSL_new(th->srtp[s->client]) : NULL;

	if (!ssl || SSL_set_app_data(ssl, s) != 1 || !profiles_use(s, ssl)) {
		SSL_free(ssl);
		return NULL;
	}
	if (s->client)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
}

static enum srtp_suite profile_find(const SRTP_PROTECTION_PROFILE *p)
{
	for (enum srtp_suite i = 0; p && i < SRTP_SUITES; i++)
		if (profiles[i].name && profiles[i].id == p->id)
			return i;
	return SRTP_SUITES;
}

/* RFC 5764 4.2: keys of client and server, then salts. */
bool srtp_result(struct handshake *s, SSL *ssl)
{
	static const char label[] = "EXTRACTOR-dtls_srtp";
	const enum srtp_suite suite = profile_find(SSL_get_selected_srtp_profile(ssl));
	struct handshake_srtp *r = &s->result.srtp;
	uint8_t block[EXPORT_MAX];
	const uint8_t *salts;
	size_t key, salt;
	bool ok;

	r->suite = (uint8_t)suite;
	if (suite == SRTP_SUITES)
		return true;
	key = srtp_suite_desc[suite].key;
	salt = srtp_suite_desc[suite].salt;
	ok = SSL_export_keying_material(ssl, block, 2 * (key + salt), label, sizeof(label) - 1,
					NULL, 0, 0) == 1;
	salts = block + 2 * key;
	memcpy(r->in, block + s->client * key, key);
	memcpy(r->in + key, salts + s->client * salt, salt);
	memcpy(r->out, block + !s->client * key, key);
	memcpy(r->out + key, salts + !s->client * salt, salt);
	OPENSSL_cleanse(block, sizeof(block));
	return ok;
}
