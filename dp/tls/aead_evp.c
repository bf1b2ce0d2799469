/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * All ciphers by OpenSSL's EVP. One context a cipher and direction; the key is set for each record,
 * which costs AES-GCM some 130 ns: records of one connection seldom follow each other, and a key is
 * a copy of bytes this way.
 */
#include "aead.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct evp {
	EVP_CIPHER_CTX *seal[AEAD_CIPHERS], *unseal[AEAD_CIPHERS];
};

static const struct {
	const char *name;
	size_t key_len;
} cipher[AEAD_CIPHERS] = {
	[AEAD_AES128_GCM] = { "AES-128-GCM", 16 },
	[AEAD_AES256_GCM] = { "AES-256-GCM", 32 },
	[AEAD_CHACHA20_POLY1305] = { "ChaCha20-Poly1305", 32 },
};

static EVP_CIPHER_CTX *ctx_create(const EVP_CIPHER *c, int seal)
{
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();

	if (x && EVP_CipherInit_ex(x, c, NULL, NULL, NULL, seal) == 1)
		return x;
	EVP_CIPHER_CTX_free(x);
	return NULL;
}

static void evp_close(void *self)
{
	struct evp *e = self;
	int c;

	for (c = 0; c < AEAD_CIPHERS; c++) {
		EVP_CIPHER_CTX_free(e->seal[c]);
		EVP_CIPHER_CTX_free(e->unseal[c]);
	}
	free(e);
}

static void *evp_open(void)
{
	struct evp *e = calloc(1, sizeof(*e));
	bool ok = e != NULL;
	int c;

	for (c = 0; ok && c < AEAD_CIPHERS; c++) {
		EVP_CIPHER *fetched = EVP_CIPHER_fetch(NULL, cipher[c].name, NULL);

		e->seal[c] = fetched ? ctx_create(fetched, 1) : NULL;
		e->unseal[c] = fetched ? ctx_create(fetched, 0) : NULL;
		EVP_CIPHER_free(fetched);
		ok = e->seal[c] && e->unseal[c];
	}
	if (ok)
		return e;
	if (e)
		evp_close(e);
	return NULL;
}

static bool evp_has(enum aead_cipher c)
{
	(void)c;
	return true;
}

static bool evp_key(void *self, struct aead_key *k, const uint8_t *key)
{
	(void)self;
	memcpy(k->state, key, cipher[k->cipher].key_len);
	return true;
}

static bool evp_begin(EVP_CIPHER_CTX *x, const struct aead_key *k, const uint8_t *nonce,
		      const uint8_t *aad, uint32_t aad_len)
{
	int len;

	return EVP_CipherInit_ex(x, NULL, NULL, k->state, nonce, -1) == 1 &&
	       EVP_CipherUpdate(x, NULL, &len, aad, (int)aad_len) == 1;
}

static bool evp_pieces(EVP_CIPHER_CTX *x, const struct aead_piece *p, uint32_t n)
{
	uint32_t i;
	int len;

	for (i = 0; i < n; i++)
		if (p[i].len && EVP_CipherUpdate(x, p[i].to, &len, p[i].from, (int)p[i].len) != 1)
			return false;
	return true;
}

static void evp_seal(void *self, const struct aead_key *k, const uint8_t *nonce, const uint8_t *aad,
		     uint32_t aad_len, const struct aead_piece *p, uint32_t n, uint8_t *tag)
{
	EVP_CIPHER_CTX *x = ((struct evp *)self)->seal[k->cipher];
	uint8_t none[16]; /* neither cipher has bytes left */
	uint32_t i;
	int len;

	if (evp_begin(x, k, nonce, aad, aad_len) && evp_pieces(x, p, n) &&
	    EVP_CipherFinal_ex(x, none, &len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, tag) == 1)
		return;
	for (i = 0; i < n; i++)
		memset(p[i].to, 0, p[i].len);
	memset(tag, 0, AEAD_TAG);
}

static bool evp_unseal(void *self, const struct aead_key *k, const uint8_t *nonce,
		       const uint8_t *aad, uint32_t aad_len, const struct aead_piece *p, uint32_t n,
		       const uint8_t *tag)
{
	EVP_CIPHER_CTX *x = ((struct evp *)self)->unseal[k->cipher];
	uint8_t none[16];
	int len;

	return evp_begin(x, k, nonce, aad, aad_len) && evp_pieces(x, p, n) &&
	       EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, (void *)(uintptr_t)tag) ==
		   1 &&
	       EVP_CipherFinal_ex(x, none, &len) == 1;
}

const struct aead_ops aead_evp = { .name = "evp",
				   .open = evp_open,
				   .close = evp_close,
				   .has = evp_has,
				   .key = evp_key,
				   .seal = evp_seal,
				   .unseal = evp_unseal };
