/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * libipsec-mb's synchronous bursts: hashes of all packets at once, then counter mode, or CBC, of
 * all of them. AES-GCM has nothing to gain by company and is called directly.
 *
 * Two managers hash. The one with the widest registers needs company: alone a packet takes as long
 * as sixteen. Which one is faster for how many packets is a matter of the CPU, and so it is
 * measured at start.
 */
#include "cipher.h"

#ifdef HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>
#include <rte_cycles.h>
#include <stdlib.h>
#include <string.h>

enum { BY_LENGTH = 2, BLOCK = 64, GCM_IV = 12, MEASURE_LEN = 176, MEASURE_TURNS = 9 };

_Static_assert(sizeof(struct gcm_key_data) <= CIPHER_GCM_STATE, "a key expanded");
_Static_assert((int)IMB_KEY_128_BYTES == CIPHER_CBC_KEY && CIPHER_CBC_KEYS >= 11 * CIPHER_BLOCK,
	       "round keys of AES-128");
_Static_assert(CIPHER_BURST <= IMB_MAX_BURST_SIZE, "a burst of the library's");

/* AES-GCM: the key sizes differ in these functions only. */
struct gcm {
	aes_gcm_pre_t pre;
	aes_gcm_enc_dec_t seal, unseal;
};

struct imb {
	struct gcm gcm[BY_LENGTH];
	IMB_MGR *wide, *narrow;		 /* all that the CPU has, and SSE */
	IMB_MGR *hash[CIPHER_BURST + 1]; /* the faster one, by how many there are */
	IMB_JOB job[CIPHER_BURST];
	uint8_t mac[CIPHER_BURST][CIPHER_SHA1];
	alignas(CIPHER_LINE) struct gcm_key_data expanded; /* of a raw key */
};

static int by_length(const struct cipher_key *k)
{
	return k->len == 32;
}

/* ---- start ---- */

static uint64_t hash_cycles(struct imb *b, IMB_MGR *m, const IMB_JOB *like, uint32_t n)
{
	uint64_t best = UINT64_MAX, t;
	uint32_t turn, i;

	for (turn = 0; turn < MEASURE_TURNS; turn++) {
		for (i = 0; i < n; i++)
			b->job[i] = *like;
		t = rte_rdtsc();
		IMB_SUBMIT_HASH_BURST_NOCHECK(m, b->job, n, IMB_AUTH_HMAC_SHA_1);
		t = rte_rdtsc() - t;
		best = t < best ? t : best;
	}
	return best;
}

static void hash_measure(struct imb *b)
{
	static const uint8_t zero[MEASURE_LEN];
	IMB_JOB like = { .src = zero,
			 .msg_len_to_hash_in_bytes = MEASURE_LEN,
			 .auth_tag_output = b->mac[0],
			 .auth_tag_output_len_in_bytes = CIPHER_SHA1,
			 .hash_alg = IMB_AUTH_HMAC_SHA_1 };
	uint32_t n, at = 1;

	like.u.HMAC._hashed_auth_key_xor_ipad = zero;
	like.u.HMAC._hashed_auth_key_xor_opad = zero;
	b->hash[0] = b->narrow;
	for (n = 1; n <= CIPHER_BURST; n *= 2) {
		bool narrow =
		    hash_cycles(b, b->narrow, &like, n) < hash_cycles(b, b->wide, &like, n);

		for (; at <= CIPHER_BURST && at <= n; at++)
			b->hash[at] = narrow ? b->narrow : b->wide;
	}
}

static void imb_close(void *self)
{
	struct imb *b = self;

	if (b->wide)
		free_mb_mgr(b->wide);
	if (b->narrow)
		free_mb_mgr(b->narrow);
	OPENSSL_cleanse(b, sizeof(*b));
	free(b);
}

static void *imb_open(void)
{
	struct imb *b = aligned_alloc(CIPHER_LINE, sizeof(*b));
	IMB_MGR *m;

	if (!b)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->wide = m = alloc_mb_mgr(0);
	b->narrow = alloc_mb_mgr(0);
	if (m && b->narrow) {
		init_mb_mgr_auto(m, NULL);
		init_mb_mgr_sse(b->narrow);
	}
	/* Without the instructions it works with tables, whose timing tells the key. */
	if (!m || !b->narrow || !(m->features & IMB_FEATURE_AESNI) || !m->gcm128_enc) {
		imb_close(b);
		return NULL;
	}
	b->gcm[0] = (struct gcm){ m->gcm128_pre, m->gcm128_enc, m->gcm128_dec };
	b->gcm[1] = (struct gcm){ m->gcm256_pre, m->gcm256_enc, m->gcm256_dec };
	hash_measure(b);
	return b;
}

/* ---- keys ---- */

static void pad_block(struct imb *b, const uint8_t *key, uint8_t with, uint32_t h[5])
{
	uint8_t block[BLOCK];
	int i;

	memset(block, with, sizeof(block));
	for (i = 0; i < CIPHER_SHA1; i++)
		block[i] ^= key[i];
	IMB_SHA1_ONE_BLOCK(b->wide, block, h);
	OPENSSL_cleanse(block, sizeof(block));
}

/* Of AES in counter mode: those that decipher are not needed. */
static void expand(struct imb *b, struct cipher_key *k, const uint8_t *key)
{
	alignas(16) uint8_t decipher[CIPHER_CTR_STATE];

	if (k->len == 32)
		IMB_AES_KEYEXP_256(b->wide, key, k->state, decipher);
	else
		IMB_AES_KEYEXP_128(b->wide, key, k->state, decipher);
	OPENSSL_cleanse(decipher, sizeof(decipher));
}

static bool imb_key(void *self, struct cipher_key *k, const struct cipher_secret *s)
{
	struct imb *b = self;

	if (s->mac) {
		pad_block(b, s->mac, 0x36, k->inner);
		pad_block(b, s->mac, 0x5c, k->outer);
	}
	if (k->raw)
		memcpy(k->state, s->key, s->len);
	else if (k->alg == CIPHER_GCM)
		b->gcm[by_length(k)].pre(s->key, (struct gcm_key_data *)k->state);
	else if (k->alg == CIPHER_CTR_SHA1)
		expand(b, k, s->key);
	else if (k->alg == CIPHER_CBC_SHA1)
		IMB_AES_KEYEXP_128(b->wide, s->key, k->state, k->state + CIPHER_CBC_KEYS);
	return true;
}

/* ---- a burst ---- */

/* Of those of an algorithm that are ok, by one length of key. */
static void text_burst(struct imb *b, struct cipher_op *op, uint32_t n, enum cipher_alg alg,
		       uint8_t len, IMB_CIPHER_DIRECTION way)
{
	const IMB_CIPHER_MODE mode = alg == CIPHER_CTR_SHA1 ? IMB_CIPHER_CNTR : IMB_CIPHER_CBC;
	uint32_t i, jobs = 0;

	for (i = 0; i < n; i++) {
		IMB_JOB *j = &b->job[jobs];

		if (op[i].key->alg != alg || op[i].key->len != len || !op[i].ok ||
		    op[i].text_len == 0)
			continue;
		j->src = op[i].text;
		j->dst = op[i].text;
		j->cipher_start_src_offset_in_bytes = 0;
		j->msg_len_to_cipher_in_bytes = op[i].text_len;
		j->iv = op[i].iv;
		j->iv_len_in_bytes = sizeof(op[i].iv);
		j->enc_keys = op[i].key->state;
		j->dec_keys = op[i].key->state + CIPHER_CBC_KEYS;
		j->key_len_in_bytes = len;
		jobs++;
	}
	if (jobs)
		IMB_SUBMIT_CIPHER_BURST_NOCHECK(b->wide, b->job, jobs, mode, way, len);
}

/* The first len bytes of two tags of CIPHER_SHA1 bytes, in constant time. */
static bool tag_same(const uint8_t *a, const uint8_t *b, uint8_t len)
{
	uint64_t x[2], y[2], low, high;

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	low = len < 8 ? (x[0] ^ y[0]) << (64 - 8 * len) : x[0] ^ y[0];
	high = len <= 8 ? 0 : len < 16 ? (x[1] ^ y[1]) << (128 - 8 * len) : x[1] ^ y[1];
	return (low | high) == 0;
}

/* Into b->mac, or into the ops. The library writes all of a tag, whichever length it is asked for.
 */
static void hash_burst(struct imb *b, struct cipher_op *op, uint32_t n, bool seal)
{
	uint32_t i, jobs = 0;

	for (i = 0; i < n; i++) {
		IMB_JOB *j = &b->job[jobs];

		if (op[i].key->alg == CIPHER_GCM)
			continue;
		j->src = op[i].auth;
		j->hash_start_src_offset_in_bytes = 0;
		j->msg_len_to_hash_in_bytes = op[i].auth_len;
		j->auth_tag_output = seal ? op[i].tag : b->mac[i];
		j->auth_tag_output_len_in_bytes = CIPHER_SHA1;
		j->u.HMAC._hashed_auth_key_xor_ipad = (const uint8_t *)op[i].key->inner;
		j->u.HMAC._hashed_auth_key_xor_opad = (const uint8_t *)op[i].key->outer;
		j->hash_alg = IMB_AUTH_HMAC_SHA_1;
		jobs++;
	}
	if (jobs)
		IMB_SUBMIT_HASH_BURST_NOCHECK(b->hash[jobs], b->job, jobs, IMB_AUTH_HMAC_SHA_1);
}

static const struct gcm_key_data *gcm_key(struct imb *b, const struct cipher_key *k)
{
	if (!k->raw)
		return (const struct gcm_key_data *)k->state;
	b->gcm[by_length(k)].pre(k->state, &b->expanded);
	return &b->expanded;
}

static void gcm_unseal(struct imb *b, const struct gcm_key_data *key, struct cipher_op *op)
{
	const struct gcm *g = &b->gcm[by_length(op->key)];
	struct gcm_context_data ctx;
	uint8_t tag[CIPHER_GCM_TAG];

	g->unseal(key, &ctx, op->text, op->text, op->text_len, op->iv, op->auth, op->auth_len, tag,
		  CIPHER_GCM_TAG);
	op->ok = tag_same(tag, op->tag, CIPHER_GCM_TAG);
	if (op->ok)
		return;
	/* The same key stream once more: the text is what it was. */
	g->seal(key, &ctx, op->text, op->text, op->text_len, op->iv, op->auth, op->auth_len, tag,
		CIPHER_GCM_TAG);
}

static void gcm_one(struct imb *b, struct cipher_op *op, bool seal)
{
	const struct gcm_key_data *key = gcm_key(b, op->key);
	struct gcm_context_data ctx;

	if (!seal)
		gcm_unseal(b, key, op);
	else
		b->gcm[by_length(op->key)].seal(key, &ctx, op->text, op->text, op->text_len, op->iv,
						op->auth, op->auth_len, op->tag, CIPHER_GCM_TAG);
	if (op->key->raw)
		OPENSSL_cleanse(&b->expanded, sizeof(b->expanded));
}

/* What there is in a burst. */
enum work {
	WORK_HASH = 1 << 0,
	WORK_CTR_16 = 1 << 1,
	WORK_CTR_32 = 1 << 2,
	WORK_CBC = 1 << 3,
};

static uint32_t work_of(const struct cipher_key *k)
{
	if (k->alg == CIPHER_CTR_SHA1)
		return WORK_HASH | (k->len == 32 ? WORK_CTR_32 : WORK_CTR_16);
	return k->alg == CIPHER_CBC_SHA1 ? WORK_HASH | WORK_CBC : WORK_HASH;
}

/* Does AES-GCM, and tells what else there is. */
static uint32_t gcm_burst(struct imb *b, struct cipher_op *op, uint32_t n, bool seal)
{
	uint32_t i, work = 0;

	for (i = 0; i < n; i++) {
		op[i].ok = true;
		if (op[i].key->alg == CIPHER_GCM)
			gcm_one(b, &op[i], seal);
		else
			work |= work_of(op[i].key);
	}
	return work;
}

/* Each length of key is a burst of the library's. */
static void text_all(struct imb *b, struct cipher_op *op, uint32_t n, uint32_t work, bool seal)
{
	if (work & WORK_CTR_16)
		text_burst(b, op, n, CIPHER_CTR_SHA1, 16, IMB_DIR_ENCRYPT);
	if (work & WORK_CTR_32)
		text_burst(b, op, n, CIPHER_CTR_SHA1, 32, IMB_DIR_ENCRYPT);
	if (work & WORK_CBC)
		text_burst(b, op, n, CIPHER_CBC_SHA1, CIPHER_CBC_KEY,
			   seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT);
}

static void imb_seal(void *self, struct cipher_op *op, uint32_t n)
{
	struct imb *b = self;
	const uint32_t work = gcm_burst(b, op, n, true);

	text_all(b, op, n, work, true);
	if (work & WORK_HASH)
		hash_burst(b, op, n, true);
}

static void imb_unseal(void *self, struct cipher_op *op, uint32_t n)
{
	struct imb *b = self;
	const uint32_t work = gcm_burst(b, op, n, false);
	uint32_t i;

	if (!(work & WORK_HASH))
		return;
	hash_burst(b, op, n, false);
	for (i = 0; i < n; i++)
		if (op[i].key->alg != CIPHER_GCM)
			op[i].ok = tag_same(b->mac[i], op[i].tag, op[i].tag_len);
	text_all(b, op, n, work, false);
}

const struct cipher_ops cipher_imb = { .name = "libipsec-mb",
				       .open = imb_open,
				       .close = imb_close,
				       .key = imb_key,
				       .seal = imb_seal,
				       .unseal = imb_unseal };
#else
static void *imb_open(void)
{
	return NULL;
}

const struct cipher_ops cipher_imb = { .name = "libipsec-mb", .open = imb_open };
#endif
