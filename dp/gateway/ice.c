/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * OpenSSL 3 declares its hash functions without a context object deprecated; those with one
 * allocate, some of them for every message. No packet may.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "ice.h"

#include "../rate.h"
#include "../../lib/stun.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

enum { HASH_BLOCK = 64 }; /* of SHA-1 and of SHA-256 */

_Static_assert((int)CTL_PWD_MAX <= (int)HASH_BLOCK, "a password is a key as it is (RFC 2104 2)");

struct span {
	const void *p;
	size_t len;
};

static size_t mac_len(uint16_t attr)
{
	return attr == STUN_ATTR_MESSAGE_INTEGRITY_SHA256 ? STUN_MI256_LEN : STUN_MI_LEN;
}

/* SHA-256 or SHA-1, by the integrity attribute. */
static void hash(uint16_t attr, const struct span *s, size_t n, uint8_t *out)
{
	SHA256_CTX sha256;
	SHA_CTX sha1;
	size_t i;

	if (attr == STUN_ATTR_MESSAGE_INTEGRITY_SHA256) {
		SHA256_Init(&sha256);
		for (i = 0; i < n; i++)
			SHA256_Update(&sha256, s[i].p, s[i].len);
		SHA256_Final(out, &sha256);
	} else {
		SHA1_Init(&sha1);
		for (i = 0; i < n; i++)
			SHA1_Update(&sha1, s[i].p, s[i].len);
		SHA1_Final(out, &sha1);
	}
}

/* HMAC (RFC 2104) of two spans, the password being the key (RFC 8489 9.1.1). */
static void hmac(uint16_t attr, const struct ice_key *key, struct span a, struct span b,
		 uint8_t mac[STUN_MI256_LEN])
{
	uint8_t inner[HASH_BLOCK] = { 0 }, outer[HASH_BLOCK];
	int i;

	memcpy(inner, key->pwd, strnlen(key->pwd, sizeof(key->pwd)));
	for (i = 0; i < HASH_BLOCK; i++) {
		outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
	hash(attr, (const struct span[]){ { inner, HASH_BLOCK }, a, b }, 3, mac);
	hash(attr, (const struct span[]){ { outer, HASH_BLOCK }, { mac, mac_len(attr) } }, 2, mac);
	OPENSSL_cleanse(inner, sizeof(inner));
	OPENSSL_cleanse(outer, sizeof(outer));
}

/* "ours:theirs" (RFC 8445 7.2.2). What theirs is, only they need to know. */
static bool username_is(const struct stun_val *v, const struct ice_key *key)
{
	size_t n = strnlen(key->ufrag, sizeof(key->ufrag));

	return n > 0 && v->len > n && v->len <= STUN_USERNAME_MAX && v->val[n] == ':' &&
	       CRYPTO_memcmp(v->val, key->ufrag, n) == 0;
}

static bool integrity_is(const struct stun_msg *m, uint16_t attr, const struct ice_key *key)
{
	const struct stun_val *v =
	    attr == STUN_ATTR_MESSAGE_INTEGRITY ? &m->integrity : &m->integrity256;
	uint8_t hdr[STUN_HDR_LEN], mac[STUN_MI256_LEN];
	const uint8_t *body;
	size_t body_len;

	/* Truncated ones are for usages that say so (RFC 8489 14.6); ICE does not. */
	if (!key->pwd[0] || v->len != mac_len(attr) ||
	    !stun_integrity_input(m, v, hdr, &body, &body_len))
		return false;
	hmac(attr, key, (struct span){ hdr, sizeof(hdr) }, (struct span){ body, body_len }, mac);
	return CRYPTO_memcmp(mac, v->val, v->len) == 0;
}

/*
 * RFC 8489 9.1.3: 0, or the error code. *attr: the integrity attribute that counts, which the
 * answer has as well. Of two it is the stronger.
 */
static int credentials_check(const struct stun_msg *m, const struct ice_key *key, uint16_t *attr)
{
	*attr =
	    m->integrity256.val ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : STUN_ATTR_MESSAGE_INTEGRITY;
	if (!m->username.val || (!m->integrity.val && !m->integrity256.val))
		return 400;
	return username_is(&m->username, key) && integrity_is(m, *attr, key) ? 0 : 401;
}

/*
 * The parser is a relay's: to it ICE's attributes are unknown ones. Takes them off the list;
 * whether USE-CANDIDATE was there.
 */
static bool ice_attributes(struct stun_msg *m)
{
	bool nominated = false;
	uint16_t i, n = 0;

	for (i = 0; i < m->n_unknown; i++) {
		nominated |= m->unknown[i] == STUN_ATTR_USE_CANDIDATE;
		if (m->unknown[i] != STUN_ATTR_USE_CANDIDATE && m->unknown[i] != STUN_ATTR_PRIORITY)
			m->unknown[n++] = m->unknown[i];
	}
	m->n_unknown = n;
	return nominated;
}

/* RFC 8489 6.3.1; code 0: success. attr 0: without integrity, the sender has no credentials. */
static size_t reply_make(const struct stun_msg *m, int code, uint16_t attr,
			 const struct ice_key *key, const struct sock_addr *from, uint8_t *reply)
{
	uint8_t *value, mac[STUN_MI256_LEN];
	struct stun_builder b;
	size_t covered;

	stun_begin_reply(&b, reply, ICE_REPLY_MAX, m, code ? STUN_ERROR : STUN_SUCCESS);
	if (code)
		stun_put_error(&b, code);
	else
		stun_put_xor_addr(&b, STUN_ATTR_XOR_MAPPED_ADDRESS, from);
	if (code == 420)
		stun_put_unknown(&b, m->unknown, m->n_unknown);
	value = attr ? stun_put_integrity(&b, attr, &covered) : NULL;
	if (value) {
		hmac(attr, key, (struct span){ reply, covered }, (struct span){ reply, 0 }, mac);
		memcpy(value, mac, mac_len(attr));
	}
	stun_put_fingerprint(&b);
	return stun_end(&b);
}

enum ice_verdict ice_check(struct worker *w, const struct ice_key *key, const uint8_t *msg,
			   size_t len, const struct sock_addr *from, uint8_t *reply,
			   size_t *reply_len)
{
	struct stun_msg m;
	uint16_t attr;
	bool nominated;
	int code;

	*reply_len = 0;
	if (len > ICE_MSG_MAX || stun_parse(&m, msg, len) != STUN_OK || m.method != STUN_BINDING)
		return ICE_BAD;
	if (m.cls == STUN_INDICATION)
		return ICE_INDICATION;
	if (m.cls != STUN_REQUEST) /* we sent none that this could answer */
		return ICE_BAD;
	code = credentials_check(&m, key, &attr);
	if (code) {
		if (!rate_allow(w->binding_rate, &from->ip, w->now_ms))
			return ICE_LIMITED;
		*reply_len = reply_make(&m, code, 0, key, from, reply);
		return ICE_REFUSED;
	}
	nominated = ice_attributes(&m);
	if (m.n_unknown)
		code = 420;
	else if (m.ice_controlled.val) /* so are we, and cannot be other (RFC 8445 7.3.1.1) */
		code = 487;
	*reply_len = reply_make(&m, code, attr, key, from, reply);
	if (code)
		return ICE_REFUSED;
	return nominated ? ICE_NOMINATED : ICE_CHECKED;
}
