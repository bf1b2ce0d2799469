/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * OpenSSL, packet by packet. AES by EVP, with contexts that are made at start. HMAC by SHA-1's
 * functions without a context object, which OpenSSL 3 declares deprecated: EVP_MAC allocates, and
 * no packet may.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

enum { BY_LENGTH = 2, BLOCK = 64, GCM_IV = 12 };

struct evp {
	EVP_CIPHER_CTX *ctr[BY_LENGTH], *seal[BY_LENGTH], *unseal[BY_LENGTH];
	EVP_CIPHER_CTX *cbc[2]; /* to decipher, to encipher */
};

static int by_length(const struct cipher_key *k)
{
	return k->len == 32;
}

static EVP_CIPHER_CTX *ctx_create(const char *name, int seal)
{
	EVP_CIPHER *fetched = EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX *x = fetched ? EVP_CIPHER_CTX_new() : NULL;

	if (x && EVP_CipherInit_ex(x, fetched, NULL, NULL, NULL, seal) != 1) {
		EVP_CIPHER_CTX_free(x);
		x = NULL;
	}
	EVP_CIPHER_free(fetched);
	return x;
}

static void evp_close(void *self)
{
	struct evp *e = self;
	int i;

	for (i = 0; i < BY_LENGTH; i++) {
		EVP_CIPHER_CTX_free(e->ctr[i]);
		EVP_CIPHER_CTX_free(e->seal[i]);
		EVP_CIPHER_CTX_free(e->unseal[i]);
	}
	EVP_CIPHER_CTX_free(e->cbc[0]);
	EVP_CIPHER_CTX_free(e->cbc[1]);
	free(e);
}

static void *evp_open(void)
{
	static const char *const ctr[] = { "AES-128-CTR", "AES-256-CTR" };
	static const char *const gcm[] = { "AES-128-GCM", "AES-256-GCM" };
	struct evp *e = calloc(1, sizeof(*e));
	bool ok = e != NULL;
	int i;

	for (i = 0; ok && i < BY_LENGTH; i++) {
		e->ctr[i] = ctx_create(ctr[i], 1);
		e->seal[i] = ctx_create(gcm[i], 1);
		e->unseal[i] = ctx_create(gcm[i], 0);
		ok = e->ctr[i] && e->seal[i] && e->unseal[i];
	}
	for (i = 0; ok && i < 2; i++) {
		e->cbc[i] = ctx_create("AES-128-CBC", i);
		ok = e->cbc[i] && EVP_CIPHER_CTX_set_padding(e->cbc[i], 0) == 1;
	}
	if (ok)
		return e;
	if (e)
		evp_close(e);
	return NULL;
}

/* ---- HMAC-SHA1 (RFC 2104) ---- */

static void sha1_from(SHA_CTX *s, const uint32_t h[5])
{
	SHA1_Init(s);
	s->h0 = h[0];
	s->h1 = h[1];
	s->h2 = h[2];
	s->h3 = h[3];
	s->h4 = h[4];
	s->Nl = BLOCK * 8;
}

/* SHA-1's state once it has had the key's block. */
static void pad_block(const uint8_t *key, uint8_t with, uint32_t h[5])
{
	uint8_t block[BLOCK];
	SHA_CTX s;
	int i;

	memset(block, with, sizeof(block));
	for (i = 0; i < CIPHER_SHA1; i++)
		block[i] ^= key[i];
	SHA1_Init(&s);
	SHA1_Transform(&s, block);
	memcpy(h, (const uint32_t[]){ s.h0, s.h1, s.h2, s.h3, s.h4 }, CIPHER_SHA1);
	OPENSSL_cleanse(block, sizeof(block));
	OPENSSL_cleanse(&s, sizeof(s));
}

static void hmac(const struct cipher_op *op, uint8_t mac[CIPHER_SHA1])
{
	SHA_CTX s;

	sha1_from(&s, op->key->inner);
	SHA1_Update(&s, op->auth, op->auth_len);
	SHA1_Final(mac, &s);
	sha1_from(&s, op->key->outer);
	SHA1_Update(&s, mac, CIPHER_SHA1);
	SHA1_Final(mac, &s);
}

static bool evp_key(void *self, struct cipher_key *k, const struct cipher_secret *s)
{
	(void)self;
	if (s->mac) {
		pad_block(s->mac, 0x36, k->inner);
		pad_block(s->mac, 0x5c, k->outer);
	}
	if (k->alg != CIPHER_NULL_SHA1)
		memcpy(k->state, s->key, s->len);
	return true;
}

/* ---- AES ---- */

/* Counter mode and CBC, where the key is of one of these. */
static bool text(struct evp *e, struct cipher_op *op, bool seal)
{
	const enum cipher_alg alg = (enum cipher_alg)op->key->alg;
	EVP_CIPHER_CTX *x = alg == CIPHER_CBC_SHA1 ? e->cbc[seal] : e->ctr[by_length(op->key)];
	int n;

	return alg == CIPHER_NULL_SHA1 || op->text_len == 0 ||
	       (EVP_CipherInit_ex(x, NULL, NULL, op->key->state, op->iv, -1) == 1 &&
		EVP_CipherUpdate(x, op->text, &n, op->text, (int)op->text_len) == 1);
}

static bool gcm_text(EVP_CIPHER_CTX *x, struct cipher_op *op)
{
	int n;

	return EVP_CipherInit_ex(x, NULL, NULL, op->key->state, op->iv, -1) == 1 &&
	       (op->auth_len == 0 ||
		EVP_CipherUpdate(x, NULL, &n, op->auth, (int)op->auth_len) == 1) &&
	       (op->text_len == 0 ||
		EVP_CipherUpdate(x, op->text, &n, op->text, (int)op->text_len) == 1);
}

static bool gcm_seal(struct evp *e, struct cipher_op *op)
{
	EVP_CIPHER_CTX *x = e->seal[by_length(op->key)];
	uint8_t none[16]; /* no bytes are left */
	int n;

	return gcm_text(x, op) && EVP_CipherFinal_ex(x, none, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, CIPHER_GCM_TAG, op->tag) == 1;
}

static bool gcm_unseal(struct evp *e, struct cipher_op *op)
{
	EVP_CIPHER_CTX *x = e->unseal[by_length(op->key)];
	uint8_t none[16];
	int n;

	if (!gcm_text(x, op))
		return false;
	if (EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, CIPHER_GCM_TAG, op->tag) == 1 &&
	    EVP_CipherFinal_ex(x, none, &n) == 1)
		return true;
	/* The same key stream once more: the text is what it was. */
	gcm_text(e->seal[by_length(op->key)], op);
	return false;
}

static void evp_seal(void *self, struct cipher_op *op, uint32_t n)
{
	struct evp *e = self;

	for (; n > 0; n--, op++) {
		if (op->key->alg == CIPHER_GCM) {
			op->ok = gcm_seal(e, op);
			continue;
		}
		op->ok = text(e, op, true);
		hmac(op, op->tag);
	}
}

static void evp_unseal(void *self, struct cipher_op *op, uint32_t n)
{
	uint8_t mac[CIPHER_SHA1];
	struct evp *e = self;

	for (; n > 0; n--, op++) {
		if (op->key->alg == CIPHER_GCM) {
			op->ok = gcm_unseal(e, op);
			continue;
		}
		hmac(op, mac);
		op->ok = CRYPTO_memcmp(mac, op->tag, op->tag_len) == 0 && text(e, op, false);
	}
}

const struct cipher_ops cipher_evp = { .name = "evp",
				       .open = evp_open,
				       .close = evp_close,
				       .key = evp_key,
				       .seal = evp_seal,
				       .unseal = evp_unseal };
