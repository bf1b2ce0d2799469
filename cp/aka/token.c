/* SPDX-License-Identifier: BSD-3-Clause */
#include "token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

const char *const token_derivation_name[TOKEN_DERIVATIONS] = { "ik", "ck-ik" };
const char *const token_verdict_name[TOKEN_VERDICTS] = { "right", "wrong", "moved",
							 "no_certificate" };

enum { NAME_LEN = 7, SHA256_LEN = 32 };

enum token_derivation token_derivation_find(const char *name)
{
	int d;

	for (d = 0; d < TOKEN_DERIVATIONS; d++)
		if (strcmp(name, token_derivation_name[d]) == 0)
			break;
	return (enum token_derivation)d;
}

static bool mac(const char *hash, const uint8_t *key, size_t key_len, const uint8_t *p, size_t len,
		uint8_t out[TOKEN_LEN])
{
	uint8_t md[SHA256_LEN];
	size_t n = 0;
	const bool ok =
	    EVP_Q_mac(NULL, "HMAC", NULL, hash, NULL, key, key_len, p, len, md, sizeof(md), &n) &&
	    n >= TOKEN_LEN;

	memcpy(out, md, TOKEN_LEN);
	OPENSSL_cleanse(md, sizeof(md));
	return ok;
}

/* FC P0 L0 P1 L1, lengths of two bytes, the high one first (TS 33.220 B.2.0). */
static bool kdf(const struct aka_keys *keys, const char *name, const uint8_t *p, size_t len,
		uint8_t out[TOKEN_LEN])
{
	uint8_t s[2 + NAME_LEN + 2 + SHA256_LEN + 2], key[2 * AKA_HASH_MAX];
	size_t n = 0;
	bool ok;

	s[n++] = 0xff;
	s[n++] = 0xf0;
	memcpy(s + n, name, NAME_LEN);
	n += NAME_LEN;
	s[n++] = 0;
	s[n++] = NAME_LEN;
	memcpy(s + n, p, len);
	n += len;
	s[n++] = 0;
	s[n++] = (uint8_t)len;
	memcpy(key, keys->ck, keys->len);
	memcpy(key + keys->len, keys->ik, keys->len);
	ok = mac("SHA256", key, 2u * keys->len, s, n, out);
	OPENSSL_cleanse(key, sizeof(key));
	return ok;
}

bool token_server(enum token_derivation d, const struct aka_keys *keys, const uint8_t *der,
		  size_t der_len, uint8_t out[TOKEN_LEN])
{
	uint8_t hash[SHA256_LEN];

	if (d == TOKEN_IK)
		return mac("SHA1", keys->ik, keys->len, der, der_len, out);
	return EVP_Digest(der, der_len, hash, NULL, EVP_sha256(), NULL) == 1 &&
	       kdf(keys, "s_token", hash, sizeof(hash), out);
}

bool token_client(enum token_derivation d, const struct aka_keys *keys,
		  const uint8_t server[TOKEN_LEN], uint8_t out[TOKEN_LEN])
{
	return d == TOKEN_IK ? mac("SHA1", keys->ik, keys->len, server, TOKEN_LEN, out)
			     : kdf(keys, "c_token", server, TOKEN_LEN, out);
}
