/* SPDX-License-Identifier: BSD-3-Clause */
#include "keys.h"
#include "../../lib/cursor.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_MAX = 255, HKDF_LABEL_MAX = 2 + 1 + LABEL_MAX + 1 + 255 };

static const char label_prefix[] = "tls13 ";

/* One context, used again and again. */
struct tls_kdf {
	EVP_KDF_CTX *ctx;
};

struct tls_kdf *tls_kdf_create(void)
{
	struct tls_kdf *k = calloc(1, sizeof(*k));
	EVP_KDF *hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);

	if (k && hkdf)
		k->ctx = EVP_KDF_CTX_new(hkdf);
	EVP_KDF_free(hkdf);
	if (k && k->ctx)
		return k;
	free(k);
	return NULL;
}

void tls_kdf_free(struct tls_kdf *k)
{
	if (!k)
		return;
	EVP_KDF_CTX_free(k->ctx);
	free(k);
}

static size_t secret_len(enum tls_digest d)
{
	return d == TLS_SHA384 ? 48 : 32;
}

static const char *digest_name(enum tls_digest d)
{
	return d == TLS_SHA384 ? "SHA384" : "SHA256";
}

/* struct HkdfLabel */
static size_t label_put(uint8_t *buf, size_t cap, const char *label, const void *ctx,
			size_t ctx_len, size_t out_len)
{
	size_t prefix = sizeof(label_prefix) - 1, len = strlen(label);
	struct wr w = wr_init(buf, cap);

	if (prefix + len > 255 || ctx_len > 255 || out_len > UINT16_MAX)
		return 0;
	wr_u16(&w, (uint16_t)out_len);
	wr_u8(&w, (uint8_t)(prefix + len));
	wr_bytes(&w, label_prefix, prefix);
	wr_bytes(&w, label, len);
	wr_u8(&w, (uint8_t)ctx_len);
	wr_bytes(&w, ctx, ctx_len);
	return w.failed ? 0 : wr_len(&w);
}

bool tls_expand_label(struct tls_kdf *k, enum tls_digest d, const uint8_t *secret,
		      const char *label, const void *ctx, size_t ctx_len, uint8_t *out,
		      size_t out_len)
{
	uint8_t info[HKDF_LABEL_MAX];
	size_t info_len = label_put(info, sizeof(info), label, ctx, ctx_len, out_len);
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM p[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						 (char *)(uintptr_t)digest_name(d), 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret,
						  secret_len(d)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, info_len),
		OSSL_PARAM_construct_end(),
	};
	bool ok = info_len && EVP_KDF_derive(k->ctx, out, out_len, p) == 1;

	EVP_KDF_CTX_reset(k->ctx); /* it holds a copy of the secret */
	return ok;
}

bool tls_keys_13(struct tls_kdf *k, struct aead *a, struct tls_keys *keys,
		 const struct tls_suite *suite, const uint8_t *secret)
{
	enum tls_digest d = suite->digest;
	uint8_t key[TLS_KEY_MAX];
	bool ok;

	keys->suite = suite;
	keys->seq = keys->records = keys->bytes = keys->explicit_next = 0;
	memmove(keys->secret, secret, secret_len(d));
	ok = tls_expand_label(k, d, secret, "key", NULL, 0, key, suite->key_len) &&
	     tls_expand_label(k, d, secret, "iv", NULL, 0, keys->iv, TLS_NONCE) &&
	     aead_key_set(a, &keys->key, suite->cipher, key);
	OPENSSL_cleanse(key, sizeof(key));
	return ok;
}

bool tls_keys_update(struct tls_kdf *k, struct aead *a, struct tls_keys *keys)
{
	const struct tls_suite *s = keys->suite;
	uint8_t next[TLS_SECRET_MAX];
	bool ok = tls_expand_label(k, s->digest, keys->secret, "traffic upd", NULL, 0, next,
				   secret_len(s->digest)) &&
		  tls_keys_13(k, a, keys, s, next);

	OPENSSL_cleanse(next, sizeof(next));
	return ok;
}

bool tls_keys_12(struct aead *a, struct tls_keys *keys, const struct tls_suite *suite,
		 const uint8_t *key, const uint8_t *iv, uint64_t seq, uint64_t explicit_next)
{
	keys->suite = suite;
	keys->seq = seq;
	keys->explicit_next = explicit_next;
	keys->records = keys->bytes = 0;
	memset(keys->secret, 0, sizeof(keys->secret));
	memset(keys->iv, 0, sizeof(keys->iv));
	memcpy(keys->iv, iv, TLS_NONCE - suite->explicit_len);
	return aead_key_set(a, &keys->key, suite->cipher, key);
}

void tls_keys_wipe(struct tls_keys *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}
