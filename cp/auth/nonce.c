/* SPDX-License-Identifier: BSD-3-Clause */
#include "nonce.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

static const char cookie[] = "obMatJos2";
_Static_assert(sizeof(cookie) - 1 == NONCE_COOKIE_LEN, "RFC 8489 9.2");

/* What the hash covers, and what of it a nonce carries. */
struct nonce_input {
	struct be32 features;
	struct be32 time;
	struct sock_addr client;
	uint8_t offer;
};
_Static_assert(sizeof(struct nonce_input) == 27, "hashed as bytes");

struct nonce_stamp {
	struct be32 time;
	struct be64 mac;
};
_Static_assert(sizeof(struct nonce_stamp) == 12, "16 characters of base64, no padding");

static void nonce_build(const struct nonce_maker *n, const struct sock_addr *client, uint32_t time,
			char out[NONCE_LEN + 1])
{
	const struct nonce_input in = {
		.features = be32_make(n->features),
		.time = be32_make(time),
		.client = *client,
		.offer = n->offer,
	};
	const struct nonce_stamp stamp = {
		.time = in.time,
		.mac = be64_make(siphash(&n->key, &in, sizeof(in))),
	};

	memcpy(out, cookie, NONCE_COOKIE_LEN);
	EVP_EncodeBlock((uint8_t *)out + NONCE_COOKIE_LEN, in.features.b + 1, 3);
	EVP_EncodeBlock((uint8_t *)out + NONCE_COOKIE_LEN + 4, (const uint8_t *)&stamp,
			sizeof(stamp));
}

void nonce_make(const struct nonce_maker *n, const struct sock_addr *client, uint64_t now,
		char out[NONCE_LEN + 1])
{
	nonce_build(n, client, (uint32_t)now, out);
}

/*
 * Only the time is read back from the nonce; everything else is made again from what we know and
 * compared as a whole, so that no other bit of it can matter.
 */
enum nonce_state nonce_check(const struct nonce_maker *n, const struct stun_val *nonce,
			     const struct sock_addr *client, uint64_t now)
{
	uint8_t time[6];
	char want[NONCE_LEN + 1];
	struct be32 made;

	if (nonce->len != NONCE_LEN ||
	    EVP_DecodeBlock(time, nonce->val + NONCE_COOKIE_LEN + 4, 8) != sizeof(time))
		return NONCE_FOREIGN;
	memcpy(made.b, time, sizeof(made.b));
	nonce_build(n, client, be32_get(made), want);
	if (CRYPTO_memcmp(want, nonce->val, NONCE_LEN) != 0)
		return NONCE_FOREIGN;
	/* A time ahead of the clock wraps to a great age. */
	return (uint32_t)now - be32_get(made) < n->lifetime ? NONCE_FRESH : NONCE_STALE;
}
