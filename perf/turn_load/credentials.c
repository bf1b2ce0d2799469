/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's side of long-term credentials, RFC 8489 9.2.3 to 9.2.5. Realm, algorithm and key are
 * one for all sessions; nonces are each session's own, since servers make them for an address. From
 * one offer that says so we take SHA-256, else MD5 as RFC 5389 has it.
 */
#include "turn_load.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum {
	KEY_MAX = 32,
	NONCE_GROWTH = 15, /* the first nonce of a server may not be its longest */
	COOKIE_LEN = 13,   /* "obMatJos2" and the security features, RFC 8489 9.2 */
	OFFER_MAX = 64,
};

static struct {
	uint8_t realm[STUN_REALM_MAX];
	uint16_t realm_len;
	uint8_t offer[OFFER_MAX]; /* PASSWORD-ALGORITHMS, given back as it is; empty: none */
	uint16_t offer_len;
	enum stun_pwalg alg;
	EVP_MAC_CTX *mac[2]; /* keyed: HMAC-SHA1, HMAC-SHA256 */
	uint8_t *nonce;	     /* of all sessions: 16 bits of length, then nonce_max bytes */
	uint16_t nonce_max;
} cred;

/* ---- nonces ---- */

static uint8_t *nonce_of(uint32_t i)
{
	return cred.nonce + (size_t)i * (sizeof(uint16_t) + cred.nonce_max);
}

static uint16_t nonce_len(uint32_t i)
{
	uint16_t n = 0;

	if (cred.nonce)
		memcpy(&n, nonce_of(i), sizeof(n));
	return n;
}

static void nonce_keep(uint32_t i, const struct stun_val *v)
{
	if (!cred.nonce) {
		cred.nonce_max = (uint16_t)(v->len + NONCE_GROWTH);
		cred.nonce = calloc(opt.sessions, sizeof(uint16_t) + cred.nonce_max);
	}
	if (!cred.nonce || v->len > cred.nonce_max)
		die("a nonce of %u bytes: no room", v->len);
	memcpy(nonce_of(i), &v->len, sizeof(v->len));
	memcpy(nonce_of(i) + sizeof(v->len), v->val, v->len);
}

bool credentials_known(uint32_t i)
{
	return nonce_len(i) != 0;
}

/* ---- the key ---- */

static EVP_MAC_CTX *mac_new(const char *hash, const uint8_t *key, size_t len)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)hash, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac);
	if (!ctx || !EVP_MAC_init(ctx, key, len, params))
		die("OpenSSL has no HMAC with %s", hash);
	return ctx;
}

/* RFC 8489 18.5.1: the hash of name:realm:password. Names and passwords are taken as prepared. */
static void key_make(void)
{
	static const char *const hash[2] = { "SHA1", "SHA256" };
	char text[2 * STUN_USERNAME_MAX + STUN_REALM_MAX + 3];
	int n = snprintf(text, sizeof(text), "%s:%.*s:%s", opt.user, cred.realm_len, cred.realm,
			 opt.password);
	unsigned int len = 0;
	uint8_t key[KEY_MAX];

	if (n < 0 || (size_t)n >= sizeof(text) ||
	    !EVP_Digest(text, (size_t)n, key, &len,
			cred.alg == STUN_PWALG_SHA256 ? EVP_sha256() : EVP_md5(), NULL))
		die("OpenSSL makes no key");
	for (int i = 0; i < 2; i++) {
		EVP_MAC_CTX_free(cred.mac[i]);
		cred.mac[i] = mac_new(hash[i], key, len);
	}
}

/* Whether a nonce says that PASSWORD-ALGORITHMS is offered: bit 0, the rightmost, of the features.
 */
static bool nonce_offers(const struct stun_val *nonce)
{
	uint8_t features[3];

	return nonce->len >= COOKIE_LEN && memcmp(nonce->val, "obMatJos2", 9) == 0 &&
	       EVP_DecodeBlock(features, nonce->val + 9, 4) == 3 && (features[2] & 1);
}

/* SHA-256 if it is in the list (pairs of algorithm and parameters' length), else MD5. */
static enum stun_pwalg offer_choose(const struct stun_val *offer)
{
	struct rd r = rd_init(offer->val, offer->len);

	while (rd_left(&r) && !r.failed) {
		uint16_t alg = rd_u16(&r), params = rd_u16(&r);

		rd_take(&r, (size_t)(params + 3) & ~(size_t)3);
		if (alg == STUN_PWALG_SHA256 && !params && !r.failed)
			return STUN_PWALG_SHA256;
	}
	return STUN_PWALG_MD5;
}

bool credentials_learn(const struct stun_msg *m, uint32_t i)
{
	const struct stun_val *offer = &m->password_algorithms;
	bool take = offer->val && offer->len <= OFFER_MAX && !opt.md5 && m->nonce.val &&
		    nonce_offers(&m->nonce);
	uint16_t offer_len = take ? offer->len : 0;

	if (!m->realm.val || !m->nonce.val || !m->nonce.len || m->realm.len > STUN_REALM_MAX ||
	    m->nonce.len > STUN_NONCE_MAX)
		return false;
	nonce_keep(i, &m->nonce);
	if (cred.mac[0] && m->realm.len == cred.realm_len && offer_len == cred.offer_len &&
	    !memcmp(m->realm.val, cred.realm, cred.realm_len) &&
	    (!offer_len || !memcmp(offer->val, cred.offer, offer_len)))
		return true;
	memcpy(cred.realm, m->realm.val, m->realm.len);
	cred.realm_len = m->realm.len;
	if (take)
		memcpy(cred.offer, offer->val, offer_len);
	cred.offer_len = offer_len;
	cred.alg = take ? offer_choose(offer) : STUN_PWALG_MD5;
	key_make();
	return true;
}

/* ---- integrity ---- */

static bool mac_make(uint16_t type, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
		     uint8_t out[STUN_MI256_LEN])
{
	EVP_MAC_CTX *ctx = cred.mac[type == STUN_ATTR_MESSAGE_INTEGRITY_SHA256];
	size_t n;

	/* Without a key: the one it has. */
	return ctx && EVP_MAC_init(ctx, NULL, 0, NULL) && EVP_MAC_update(ctx, a, a_len) &&
	       EVP_MAC_update(ctx, b, b_len) && EVP_MAC_final(ctx, out, &n, STUN_MI256_LEN);
}

size_t credentials_sign(struct stun_builder *b, uint32_t i, bool sign)
{
	static const uint8_t none;
	uint16_t type =
	    cred.offer_len ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : STUN_ATTR_MESSAGE_INTEGRITY;
	size_t covered;
	uint8_t *value, mac[STUN_MI256_LEN];

	if (!sign)
		return stun_end(b);
	stun_put(b, STUN_ATTR_USERNAME, opt.user, strlen(opt.user));
	stun_put(b, STUN_ATTR_REALM, cred.realm, cred.realm_len);
	stun_put(b, STUN_ATTR_NONCE, nonce_of(i) + sizeof(uint16_t), nonce_len(i));
	if (cred.offer_len) {
		stun_put(b, STUN_ATTR_PASSWORD_ALGORITHMS, cred.offer, cred.offer_len);
		stun_put_u32(b, STUN_ATTR_PASSWORD_ALGORITHM, (uint32_t)cred.alg << 16);
	}
	value = stun_put_integrity(b, type, &covered);
	if (!value || !mac_make(type, b->w.start, covered, &none, 0, mac))
		return 0;
	memcpy(value, mac, cred.offer_len ? STUN_MI256_LEN : STUN_MI_LEN);
	return stun_end(b);
}

bool credentials_verify(const struct stun_msg *m)
{
	bool sha256 = m->integrity256.val != NULL;
	const struct stun_val *v = sha256 ? &m->integrity256 : &m->integrity;
	uint8_t hdr[STUN_HDR_LEN], mac[STUN_MI256_LEN];
	const uint8_t *body;
	size_t len;

	return v->val && v->len == (sha256 ? STUN_MI256_LEN : STUN_MI_LEN) &&
	       stun_integrity_input(m, v, hdr, &body, &len) &&
	       mac_make(sha256 ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : STUN_ATTR_MESSAGE_INTEGRITY,
			hdr, sizeof(hdr), body, len, mac) &&
	       !CRYPTO_memcmp(mac, v->val, v->len);
}
