/* SPDX-License-Identifier: BSD-3-Clause */

/* All ciphers by libipsec-mb's direct API; nothing is queued there. */
#include "aead.h"

#ifdef HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#include <string.h>

enum { CHACHA20_KEY = 32 };

_Static_assert(sizeof(((struct gcm_key_data *)0)->ghash_keys) +
		       offsetof(struct gcm_key_data, ghash_keys) <=
		   AEAD_KEY_STATE,
	       "meson.build asked for its size");
_Static_assert(sizeof(struct gcm_key_data) <= sizeof(struct aead_key), "a whole one");

/* AES-GCM: the key sizes differ in these functions only. */
struct gcm {
	aes_gcm_pre_t pre;
	aes_gcm_enc_dec_t seal, unseal;
	aes_gcm_init_t init;
	aes_gcm_enc_dec_update_t seal_update, unseal_update;
	aes_gcm_enc_dec_finalize_t seal_final, unseal_final;
};

struct imb {
	struct gcm gcm[2]; /* AEAD_AES128_GCM, AEAD_AES256_GCM */
	IMB_MGR *mgr;
};

static void *imb_open(void)
{
	struct imb *b;
	IMB_MGR *m;

	b = malloc(sizeof(*b));
	m = alloc_mb_mgr(0);
	if (b && m)
		init_mb_mgr_auto(m, NULL);
	/* Without the instructions it works with tables, whose timing tells the key. */
	if (!b || !m || !(m->features & IMB_FEATURE_AESNI) || !m->gcm128_enc) {
		if (m)
			free_mb_mgr(m);
		free(b);
		return NULL;
	}
	*b = (struct imb){
		.gcm = { { m->gcm128_pre, m->gcm128_enc, m->gcm128_dec, m->gcm128_init,
			   m->gcm128_enc_update, m->gcm128_dec_update, m->gcm128_enc_finalize,
			   m->gcm128_dec_finalize },
			 { m->gcm256_pre, m->gcm256_enc, m->gcm256_dec, m->gcm256_init,
			   m->gcm256_enc_update, m->gcm256_dec_update, m->gcm256_enc_finalize,
			   m->gcm256_dec_finalize } },
		.mgr = m,
	};
	return b;
}

static void imb_close(void *self)
{
	struct imb *b = self;

	free_mb_mgr(b->mgr);
	free(b);
}

static bool imb_has(enum aead_cipher c)
{
	(void)c;
	return true;
}

static bool imb_key(void *self, struct aead_key *k, const uint8_t *key)
{
	struct imb *b = self;

	if (k->cipher == AEAD_CHACHA20_POLY1305)
		memcpy(k->state, key, CHACHA20_KEY);
	else
		b->gcm[k->cipher].pre(key, (struct gcm_key_data *)k->state);
	return true;
}

/* Its API has no call for one piece. */
static void imb_chacha20(const struct imb *b, bool seal, const struct aead_key *k,
			 const uint8_t *nonce, const uint8_t *aad, uint32_t aad_len,
			 const struct aead_piece *p, uint32_t n, uint8_t *tag)
{
	struct chacha20_poly1305_context_data ctx;
	uint32_t i;

	IMB_CHACHA20_POLY1305_INIT(b->mgr, k->state, &ctx, nonce, aad, aad_len);
	for (i = 0; i < n; i++)
		if (seal)
			IMB_CHACHA20_POLY1305_ENC_UPDATE(b->mgr, k->state, &ctx, p[i].to, p[i].from,
							 p[i].len);
		else
			IMB_CHACHA20_POLY1305_DEC_UPDATE(b->mgr, k->state, &ctx, p[i].to, p[i].from,
							 p[i].len);
	IMB_CHACHA20_POLY1305_ENC_FINALIZE(b->mgr, &ctx, tag, AEAD_TAG);
}

static void imb_seal(void *self, const struct aead_key *k, const uint8_t *nonce, const uint8_t *aad,
		     uint32_t aad_len, const struct aead_piece *p, uint32_t n, uint8_t *tag)
{
	const struct gcm_key_data *key = (const struct gcm_key_data *)k->state;
	const struct imb *b = self;
	const struct gcm *g = &b->gcm[k->cipher];
	struct gcm_context_data ctx;
	uint32_t i;

	if (k->cipher == AEAD_CHACHA20_POLY1305) {
		imb_chacha20(b, true, k, nonce, aad, aad_len, p, n, tag);
		return;
	}
	if (n == 1) {
		g->seal(key, &ctx, p->to, p->from, p->len, nonce, aad, aad_len, tag, AEAD_TAG);
		return;
	}
	g->init(key, &ctx, nonce, aad, aad_len);
	for (i = 0; i < n; i++)
		g->seal_update(key, &ctx, p[i].to, p[i].from, p[i].len);
	g->seal_final(key, &ctx, tag, AEAD_TAG);
}

static bool tag_same(const uint8_t *a, const uint8_t *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a, AEAD_TAG);
	memcpy(y, b, AEAD_TAG);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static bool imb_unseal(void *self, const struct aead_key *k, const uint8_t *nonce,
		       const uint8_t *aad, uint32_t aad_len, const struct aead_piece *p, uint32_t n,
		       const uint8_t *tag)
{
	const struct gcm_key_data *key = (const struct gcm_key_data *)k->state;
	const struct imb *b = self;
	const struct gcm *g = &b->gcm[k->cipher];
	struct gcm_context_data ctx;
	uint8_t computed[AEAD_TAG];
	uint32_t i;

	if (k->cipher == AEAD_CHACHA20_POLY1305) {
		imb_chacha20(b, false, k, nonce, aad, aad_len, p, n, computed);
		return tag_same(computed, tag);
	}
	if (n == 1) {
		g->unseal(key, &ctx, p->to, p->from, p->len, nonce, aad, aad_len, computed,
			  AEAD_TAG);
		return tag_same(computed, tag);
	}
	g->init(key, &ctx, nonce, aad, aad_len);
	for (i = 0; i < n; i++)
		g->unseal_update(key, &ctx, p[i].to, p[i].from, p[i].len);
	g->unseal_final(key, &ctx, computed, AEAD_TAG);
	return tag_same(computed, tag);
}

const struct aead_ops aead_imb = { .name = "libipsec-mb",
				   .open = imb_open,
				   .close = imb_close,
				   .has = imb_has,
				   .key = imb_key,
				   .seal = imb_seal,
				   .unseal = imb_unseal };
#else
static void *imb_open(void)
{
	return NULL;
}

const struct aead_ops aead_imb = { .name = "libipsec-mb", .open = imb_open };
#endif
