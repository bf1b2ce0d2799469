/* SPDX-License-Identifier: BSD-3-Clause */
#include "nonce.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

static const char cookie[] = "obMatJos2";
_Static_assert(sizeof(cookie) - 1 == NONCE_COOKIE_LEN, "RFC 8489 9.2");

/* What the hash covers. */
struct nonce_input {
	struct be32 features;
	struct be64 time;
	struct sock_addr client;
	uint8_t offer;
};
_Static_assert(sizeof(struct nonce_input) == 31, "hashed as bytes");

/*
 * Time counts in units of which a lifetime has no more than 1,024: the low bits say which one is
 * meant. What is older than that many units is taken for a later time, and its hash is wrong.
 */
enum { TIME_BITS = 10, MAC_BITS = 32 };
_Static_assert(TIME_BITS + MAC_BITS == 6 * NONCE_STAMP_LEN, "characters of base64");

static uint32_t nonce_unit(const struct nonce_maker *n)
{
	return (n->lifetime >> TIME_BITS) + 1;
}

static void nonce_build(const struct nonce_maker *n, const struct sock_addr *client, uint64_t time,
			char out[NONCE_LEN + 1])
{
	const struct nonce_input in = {
		.features = be32_make(n->features),
		.time = be64_make(time),
		.client = *client,
		.offer = n->offer,
	};
	uint64_t low = time & ((1 << TIME_BITS) - 1);
	struct be64 stamp =
	    be64_make((low << MAC_BITS | (siphash(&n->key, &in, sizeof(in)) & UINT32_MAX))
		      << (64 - TIME_BITS - MAC_BITS));
	char text[9];

	EVP_EncodeBlock((uint8_t *)text, stamp.b, 6);
	memcpy(out, cookie, NONCE_COOKIE_LEN);
	EVP_EncodeBlock((uint8_t *)out + NONCE_COOKIE_LEN, in.features.b + 1, 3);
	memcpy(out + NONCE_COOKIE_LEN + 4, text, NONCE_STAMP_LEN);
	out[NONCE_LEN] = 0;
}

void nonce_make(const struct nonce_maker *n, const struct sock_addr *client, uint64_t now,
		char out[NONCE_LEN + 1])
{
	nonce_build(n, client, now / nonce_unit(n), out);
}

/*
 * Only the time is read back from the nonce; everything else is made again from what we know and
 * compared as a whole, so that no other bit of it can matter.
 */
enum nonce_state nonce_check(const struct nonce_maker *n, const struct stun_val *nonce,
			     const struct sock_addr *client, uint64_t now)
{
	const uint64_t unit = nonce_unit(n), mask = (1 << TIME_BITS) - 1;
	uint8_t head[3];
	char want[NONCE_LEN + 1];
	uint64_t time, low;

	if (nonce->len != NONCE_LEN ||
	    EVP_DecodeBlock(head, nonce->val + NONCE_COOKIE_LEN + 4, 4) != sizeof(head))
		return NONCE_FOREIGN;
	low = (uint64_t)(head[0] << 2 | head[1] >> 6);
	time = now / unit - ((now / unit - low) & mask);
	nonce_build(n, client, time, want);
	if (CRYPTO_memcmp(want, nonce->val, NONCE_LEN) != 0)
		return NONCE_FOREIGN;
	return now - time * unit < n->lifetime ? NONCE_FRESH : NONCE_STALE;
}
