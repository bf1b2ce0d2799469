/* SPDX-License-Identifier: BSD-3-Clause */
/* What a finished handshake leaves: keys, sequence numbers, what was agreed. */
#include "crypto.h"
#include "domain.h"

#include <openssl/core_names.h>
#include <openssl/x509.h>

enum { RANDOM_LEN = 32, MASTER_LEN = 48, BLOCK_MAX = 2 * (TLS_KEY_MAX + TLS_NONCE) };

/* ---- key log: "LABEL random secret", in hexadecimal ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Bytes, or 0: not that many, or no number. */
static uint8_t hex_read(uint8_t *to, size_t max, const char *s)
{
	size_t n;

	for (n = 0; n < max && hex_digit(s[0]) >= 0 && hex_digit(s[1]) >= 0; n++, s += 2)
		to[n] = (uint8_t)(hex_digit(s[0]) << 4 | hex_digit(s[1]));
	return *s ? 0 : (uint8_t)n;
}

void handshake_keylog(struct handshake_ssl *x, const char *line)
{
	static const char client[] = "CLIENT_TRAFFIC_SECRET_0 ",
			  server[] = "SERVER_TRAFFIC_SECRET_0 ";
	bool is_client = strncmp(line, client, sizeof(client) - 1) == 0;
	const char *secret = strrchr(line, ' ');

	if (!secret || (!is_client && strncmp(line, server, sizeof(server) - 1) != 0))
		return;
	x->secret_len =
	    hex_read(is_client ? x->client_secret : x->server_secret, TLS_SECRET_MAX, secret + 1);
}

/* ---- keys ---- */

/* RFC 5246 5, 6.3: the key block; n bytes of it. */
static bool key_block(struct crypto *th, const struct tls_suite *suite, SSL *ssl, uint8_t *out,
		      size_t n)
{
	static char label[] = "key expansion";
	char sha256[] = "SHA256", sha384[] = "SHA384";
	uint8_t master[MASTER_LEN], server[RANDOM_LEN], client[RANDOM_LEN];
	size_t len = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master));
	OSSL_PARAM p[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						 suite->digest == TLS_SHA384 ? sha384 : sha256, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label, sizeof(label) - 1),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, server, sizeof(server)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, client, sizeof(client)),
		OSSL_PARAM_construct_end(),
	};
	bool ok;

	SSL_get_server_random(ssl, server, sizeof(server));
	SSL_get_client_random(ssl, client, sizeof(client));
	ok = len == sizeof(master) && EVP_KDF_derive(th->prf, out, n, p) > 0;
	EVP_KDF_CTX_reset(th->prf);
	OPENSSL_cleanse(master, sizeof(master));
	return ok;
}

/* client_write_key, server_write_key, client_write_IV, server_write_IV: no MAC keys with AEAD. */
static bool keys_12(struct crypto *th, struct handshake *s, const struct tls_suite *suite)
{
	struct handshake_result *r = &s->result;
	struct handshake_ssl *x = s->ssl;
	const size_t key = suite->key_len, iv = TLS_NONCE - suite->explicit_len;
	const size_t in = s->client, out = !s->client; /* whose comes first */
	uint8_t block[BLOCK_MAX], *ivs = block + 2 * key;
	const uint8_t *explicit;
	size_t i;
	bool ok = key_block(th, suite, x->ssl, block, 2 * (key + iv));

	memcpy(r->in_secret, block + in * key, key);
	memcpy(r->out_secret, block + out * key, key);
	memcpy(r->in_iv, ivs + in * iv, iv);
	memcpy(r->out_iv, ivs + out * iv, iv);
	OPENSSL_cleanse(block, sizeof(block));
	r->in_seq = s->dtls ? 0 : x->tap_in.n;
	r->out_seq = s->dtls ? x->sealed : x->tap_out.n;
	/* OpenSSL counts on from a random number: the last record that it sealed was Finished. */
	explicit = s->dtls ? x->sealed_nonce : x->tap_out.head + TLS_HDR;
	for (i = 0; i < suite->explicit_len; i++)
		r->out_explicit = r->out_explicit << 8 | explicit[i];
	r->out_explicit++;
	return ok;
}

static bool keys_13(struct handshake *s, const struct tls_suite *suite)
{
	struct handshake_result *r = &s->result;
	struct handshake_ssl *x = s->ssl;

	memcpy(r->in_secret, s->client ? x->server_secret : x->client_secret, TLS_SECRET_MAX);
	memcpy(r->out_secret, s->client ? x->client_secret : x->server_secret, TLS_SECRET_MAX);
	r->out_seq = s->client ? 0 : x->tap_out.n; /* after tickets */
	return x->secret_len == (suite->digest == TLS_SHA384 ? 48 : 32);
}

/* ---- what was agreed ---- */

/* Largest plaintexts: RFC 8449, else RFC 6066 4, which binds both sides. */
static void result_limits(struct handshake_result *r, const struct handshake_ssl *x)
{
	uint8_t mode = SSL_SESSION_get_max_fragment_length(SSL_get_session(x->ssl));

	r->plain_max_in = r->plain_max_out = TLS_PLAIN_MAX;
	if (mode)
		r->plain_max_in = r->plain_max_out = (uint16_t)(256u << mode);
	else if (x->limit)
		r->plain_max_out = x->limit;
}

static bool result_peer(struct handshake_result *r, const SSL *ssl)
{
	const X509 *cert = SSL_get0_peer_certificate(ssl);

	r->peer_cert = cert;
	return !cert || fingerprints_make(&r->peer, cert);
}

bool handshake_result(struct crypto *th, struct handshake *s)
{
	struct handshake_result *r = &s->result;
	SSL *ssl = s->ssl->ssl;
	const struct tls_suite *suite =
	    tls_suite(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)));

	if (!suite || SSL_version(ssl) != (s->dtls ? DTLS1_2_VERSION : suite->version))
		return false;
	r->version = suite->version;
	r->suite = suite->id;
	r->resumed = SSL_session_reused(ssl);
	r->psk &= r->resumed || SSL_get_psk_identity(ssl);
	r->service = s->srtp ? SERVICE_NONE : domain_service(s->ssl->domains->set, s->domain, ssl);
	if (!s->client && !s->srtp && !r->resumed && !r->psk)
		domain_cert_key(s->ssl->domains->set, ssl, r->cert);
	result_limits(r, s->ssl);
	return result_peer(r, ssl) &&
	       (r->version == TLS_1_3 ? keys_13(s, suite) : keys_12(th, s, suite));
}
