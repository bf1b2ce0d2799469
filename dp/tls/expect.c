/* SPDX-License-Identifier: BSD-3-Clause */
#include "expect.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { KEY_BITS_MIN = 112 }; /* of security: what level 2 asks for where a chain is verified */

bool fingerprints_make(struct fingerprint_set *set, const X509 *x)
{
	const EVP_MD *md[FP_HASHES] = { EVP_sha1(), EVP_sha224(), EVP_sha256(), EVP_sha384(),
					EVP_sha512() };
	uint8_t digest[EVP_MAX_MD_SIZE];

	for (uint8_t h = 0; h < FP_HASHES; h++) {
		if (X509_digest(x, md[h], digest, NULL) != 1)
			return false;
		memcpy((uint8_t *)(uintptr_t)fp_of(set, h), digest, fp_len(h));
	}
	return true;
}

/*
 * RFC 8122 5: of several hashes the strongest counts. One that collides in SHA-1 is no match where
 * SHA-256 was given, too; several of the same hash are those of several certificates.
 */
static bool fingerprint_matches(const struct tls_expect *e, const struct fingerprint_set *set)
{
	uint8_t strongest = 0;
	bool match = false;

	for (uint8_t i = 0; i < e->n_fingerprint; i++)
		if (e->fingerprint[i].hash < FP_HASHES && e->fingerprint[i].hash > strongest)
			strongest = e->fingerprint[i].hash;
	for (uint8_t i = 0; i < e->n_fingerprint; i++)
		match |= e->fingerprint[i].hash == strongest &&
			 CRYPTO_memcmp(e->fingerprint[i].digest, fp_of(set, strongest),
				       fp_len(strongest)) == 0;
	return match;
}

bool expect_met(const struct tls_expect *e, const struct fingerprint_set *peer)
{
	return e->peer == EXPECT_DOMAIN ||
	       (peer && (e->peer == EXPECT_ANY || fingerprint_matches(e, peer)));
}

/*
 * As a client: x is for the name, or the address, that e has. SSL_get0_param() was told of it, too,
 * but where there is no memory to hand that on OpenSSL verifies without.
 */
static bool name_fits(const struct tls_expect *e, X509 *x, const SSL *ssl)
{
	int fits;

	if (!e || SSL_is_server(ssl) || e->peer != EXPECT_DOMAIN || !*e->name)
		return true;
	fits = X509_check_ip_asc(x, e->name, 0);
	if (fits == -2) /* no address */
		fits = X509_check_host(x, e->name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL);
	return fits == 1;
}

/*
 * Without CAs no chain is asked for: whoever shows a certificate is known by its fingerprint to
 * those who were told that one, as self-signed ones are meant to be. That the other side has its
 * key, the handshake itself shows. A name to check is checked all the same.
 */
static int judge(const struct tls_expect *e, X509 *x, const SSL *ssl)
{
	EVP_PKEY *key = x ? X509_get0_pubkey(x) : NULL;
	struct fingerprint_set set;

	if (!key || EVP_PKEY_get_security_bits(key) < KEY_BITS_MIN)
		return X509_V_ERR_EE_KEY_TOO_SMALL;
	if (!name_fits(e, x, ssl))
		return X509_V_ERR_HOSTNAME_MISMATCH;
	if (e && e->peer == EXPECT_FINGERPRINT &&
	    (!fingerprints_make(&set, x) || !expect_met(e, &set)))
		return X509_V_ERR_CERT_REJECTED;
	return X509_V_OK;
}

int expect_verify(const struct tls_expect *e, bool ca, X509_STORE_CTX *s)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(s, SSL_get_ex_data_X509_STORE_CTX_idx());
	X509 *x = X509_STORE_CTX_get0_cert(s);
	int error = X509_V_OK, chain;

	if (!ca || (e && e->peer != EXPECT_DOMAIN)) {
		error = judge(e, x, ssl);
	} else {
		chain = X509_verify_cert(s);
		if (chain <= 0)
			return chain;
		if (!name_fits(e, x, ssl))
			error = X509_V_ERR_HOSTNAME_MISMATCH;
	}
	X509_STORE_CTX_set_error(s, error);
	return error == X509_V_OK;
}

static bool is_address(const char *name)
{
	ASN1_OCTET_STRING *a = a2i_IPADDRESS(name);

	ASN1_OCTET_STRING_free(a);
	return a;
}

/* Server Name Indication (RFC 6066 3: never an address), and what the certificate must say. */
static bool name_use(const struct tls_expect *e, SSL *ssl)
{
	bool address = is_address(e->name), check = e->peer == EXPECT_DOMAIN;
	X509_VERIFY_PARAM *p = SSL_get0_param(ssl);

	if (address)
		return !check || X509_VERIFY_PARAM_set1_ip_asc(p, e->name);
	X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, e->name) && (!check || X509_VERIFY_PARAM_set1_host(p, e->name, 0));
}

bool expect_use(const struct tls_expect *e, SSL *ssl, bool client)
{
	if (e->peer != EXPECT_DOMAIN) {
		/* OpenSSL would refuse a client without one in its own words, see expect_met(). */
		SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
		SSL_set_options(ssl, SSL_OP_NO_TICKET);
		SSL_set_psk_server_callback(ssl, NULL);
		SSL_set_psk_find_session_callback(ssl, NULL);
		/* Nor are CAs named: who looks for a certificate under them may have none to show.
		 */
		if (!client)
			SSL_set_client_CA_list(ssl, sk_X509_NAME_new_null());
	}
	return !client || !*e->name || name_use(e, ssl);
}
