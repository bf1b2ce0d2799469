/* SPDX-License-Identifier: BSD-3-Clause */
#include "digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>

/* Fetching costs microseconds and a lock, so it is done once and kept for the process's life. */
static struct {
	struct hmac {
		EVP_MAC_CTX *ctx;
		uint8_t key[DIGEST_KEY_MAX]; /* that ctx was started with last */
		size_t key_len;		     /* 0: with a longer one, or none */
	} hmac_sha1, hmac_sha256;
	EVP_MD *md5, *sha256;
	EVP_MD_CTX *md;
} ossl;

static EVP_MAC_CTX *hmac_new(EVP_MAC *mac, const char *hash)
{
	char name[8];
	OSSL_PARAM p[2] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
			    OSSL_PARAM_construct_end() };
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

	snprintf(name, sizeof(name), "%s", hash);
	if (ctx && !EVP_MAC_CTX_set_params(ctx, p)) {
		EVP_MAC_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

bool digest_open(char *err, size_t errlen)
{
	EVP_MAC *mac;

	if (ossl.md)
		return true;
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (mac) {
		ossl.hmac_sha1.ctx = hmac_new(mac, "SHA1");
		ossl.hmac_sha256.ctx = hmac_new(mac, "SHA256");
		EVP_MAC_free(mac);
	}
	ossl.md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	ossl.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	ossl.md = EVP_MD_CTX_new();
	if (ossl.hmac_sha1.ctx && ossl.hmac_sha256.ctx && ossl.md5 && ossl.sha256 && ossl.md)
		return true;
	snprintf(
	    err, errlen,
	    "OpenSSL offers no %s here (a FIPS provider lacks it: give it the default one too)",
	    !ossl.md5 ? "MD5" : "HMAC or SHA-256");
	EVP_MAC_CTX_free(ossl.hmac_sha1.ctx);
	EVP_MAC_CTX_free(ossl.hmac_sha256.ctx);
	EVP_MD_free(ossl.md5);
	EVP_MD_free(ossl.sha256);
	EVP_MD_CTX_free(ossl.md);
	memset(&ossl, 0, sizeof(ossl));
	return false;
}

static struct hmac *hmac_of(uint16_t type)
{
	return type == STUN_ATTR_MESSAGE_INTEGRITY ? &ossl.hmac_sha1 : &ossl.hmac_sha256;
}

static bool hmac_begin(struct hmac *h, const void *key, size_t key_len)
{
	h->key_len = 0;
	if (!h->ctx || !EVP_MAC_init(h->ctx, key, key_len, NULL))
		return false;
	if (key_len > sizeof(h->key))
		return true;
	memcpy(h->key, key, key_len);
	h->key_len = key_len;
	return true;
}

static size_t hmac_end(struct hmac *h, const struct digest_span *in, size_t n,
		       uint8_t out[DIGEST_SHA256_LEN])
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (in[i].len && !EVP_MAC_update(h->ctx, in[i].p, in[i].len))
			return 0;
	}
	return EVP_MAC_final(h->ctx, out, &len, DIGEST_SHA256_LEN) ? len : 0;
}

size_t digest_hmac(uint16_t type, const void *key, size_t key_len, const struct digest_span *in,
		   size_t n, uint8_t out[DIGEST_SHA256_LEN])
{
	struct hmac *h = hmac_of(type);

	return hmac_begin(h, key, key_len) ? hmac_end(h, in, n, out) : 0;
}

size_t digest_hmac_again(uint16_t type, const void *key, size_t key_len,
			 const struct digest_span *in, size_t n, uint8_t out[DIGEST_SHA256_LEN])
{
	struct hmac *h = hmac_of(type);
	size_t len;

	if (key_len != 0 && key_len == h->key_len && CRYPTO_memcmp(key, h->key, key_len) == 0)
		len = EVP_MAC_init(h->ctx, NULL, 0, NULL) ? hmac_end(h, in, n, out) : 0;
	else
		len = digest_hmac(type, key, key_len, in, n, out);
	/* The reply was the last that this request needs of the key. */
	h->key_len = 0;
	OPENSSL_cleanse(h->key, sizeof(h->key));
	return len;
}

static size_t digest(const EVP_MD *md, const struct digest_span *in, size_t n, uint8_t *out)
{
	unsigned int len = 0;

	if (!ossl.md || !EVP_DigestInit_ex(ossl.md, md, NULL))
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!EVP_DigestUpdate(ossl.md, in[i].p, in[i].len))
			return 0;
	}
	return EVP_DigestFinal_ex(ossl.md, out, &len) ? len : 0;
}

size_t digest_key(enum stun_pwalg alg, const char *user, const char *realm, const char *password,
		  uint8_t *out)
{
	const struct digest_span in[] = {
		{ user, strlen(user) },		{ ":", 1 }, { realm, strlen(realm) }, { ":", 1 },
		{ password, strlen(password) },
	};

	return digest(alg == STUN_PWALG_MD5 ? ossl.md5 : ossl.sha256, in, 5, out);
}

bool digest_userhash(const char *user, const char *realm, uint8_t out[STUN_USERHASH_LEN])
{
	const struct digest_span in[] = {
		{ user, strlen(user) },
		{ ":", 1 },
		{ realm, strlen(realm) },
	};

	return digest(ossl.sha256, in, 3, out) == STUN_USERHASH_LEN;
}
