/* SPDX-License-Identifier: BSD-3-Clause */
#include "vector_packet.h"

#include "../../lib/cursor.h"
#include "../rand.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

enum {
	ACCESS_REQUEST = 1,
	ACCESS_ACCEPT = 2,
	ACCESS_REJECT = 3,
	USER_NAME = 1,
	VENDOR_SPECIFIC = 26,
	NAS_IDENTIFIER = 32,
	MESSAGE_AUTHENTICATOR = 80,
	DIGEST_LEN = 16,
	SALT = 2,
	PLAIN_MAX = RADIUS_VALUE_MAX,
};

/* ---- signatures ---- */

/*
 * HMAC-MD5 of the packet with zeros where the digest stands, and in an answer the request's
 * authenticator in place of its own (RFC 3579 3.2).
 */
static bool message_sign(const uint8_t *packet, size_t len, size_t at, const uint8_t *authenticator,
			 const char *secret, uint8_t out[DIGEST_LEN])
{
	uint8_t text[RADIUS_PACKET_MAX];

	memcpy(text, packet, len);
	memcpy(text + RADIUS_AUTHENTICATOR, authenticator, RADIUS_AUTHENTICATOR_LEN);
	memset(text + at, 0, DIGEST_LEN);
	return HMAC(EVP_md5(), secret, (int)strlen(secret), text, len, out, NULL) != NULL;
}

static uint8_t *put_vendor(uint8_t *at, const struct vector_way *way, uint8_t type,
			   const uint8_t *value, size_t len)
{
	uint8_t text[RADIUS_VALUE_MAX];
	const struct be32 vendor = be32_make(way->vendor);

	memcpy(text, vendor.b, sizeof(vendor.b));
	radius_put(text + sizeof(vendor.b), type, value, len);
	return radius_put(at, VENDOR_SPECIFIC, text, sizeof(vendor.b) + 2 + len);
}

size_t vector_request(uint8_t packet[VECTOR_REQUEST_MAX], uint8_t id, const struct vector_way *way,
		      const struct vector_question *q)
{
	static const uint8_t none[DIGEST_LEN];
	uint8_t *p = packet + RADIUS_HEAD;
	const size_t digest = RADIUS_HEAD + 2; /* first of all: a forger knows nothing before it */

	rand_bytes(packet + RADIUS_AUTHENTICATOR, RADIUS_AUTHENTICATOR_LEN);
	p = radius_put(p, MESSAGE_AUTHENTICATOR, none, sizeof(none));
	p = radius_put(p, USER_NAME, q->user, strlen(q->user));
	p = radius_put(p, NAS_IDENTIFIER, way->nas, strlen(way->nas));
	if (q->auts) {
		p = put_vendor(p, way, (uint8_t)way->attr->rand, q->rand, AKA_RAND);
		p = put_vendor(p, way, (uint8_t)way->attr->auts, q->auts, AKA_AUTS);
	}
	radius_head(packet, ACCESS_REQUEST, id, (size_t)(p - packet));
	if (!message_sign(packet, (size_t)(p - packet), digest, packet + RADIUS_AUTHENTICATOR,
			  way->secret, packet + digest))
		return 0;
	return (size_t)(p - packet);
}

/* ---- answers ---- */

/* One block of the pad: MD5 of the secret and what came before (RFC 2868 3.5). */
static bool pad_block(const char *secret, const uint8_t *before, size_t len,
		      uint8_t out[DIGEST_LEN])
{
	uint8_t text[RADIUS_SECRET_MAX + RADIUS_AUTHENTICATOR_LEN + SALT];
	const size_t n = strlen(secret);
	bool ok;

	memcpy(text, secret, n);
	memcpy(text + n, before, len);
	ok = EVP_Digest(text, n + len, out, NULL, EVP_md5(), NULL) == 1;
	OPENSSL_cleanse(text, sizeof(text));
	return ok;
}

/* A salt, then whole blocks: a byte that says how long the value is, the value, padding. */
static uint8_t value_open(const uint8_t *p, size_t len, const char *secret,
			  const uint8_t *authenticator, uint8_t *out, size_t min, size_t max)
{
	uint8_t before[RADIUS_AUTHENTICATOR_LEN + SALT], plain[PLAIN_MAX], pad[DIGEST_LEN];
	size_t n = len - SALT, before_len = sizeof(before);
	uint8_t got = 0;

	if (len < SALT + DIGEST_LEN || n % DIGEST_LEN != 0)
		return 0;
	memcpy(before, authenticator, RADIUS_AUTHENTICATOR_LEN);
	memcpy(before + RADIUS_AUTHENTICATOR_LEN, p, SALT);
	p += SALT;
	for (size_t i = 0; i < n; i += DIGEST_LEN) {
		if (!pad_block(secret, before, before_len, pad))
			goto out;
		for (size_t k = 0; k < DIGEST_LEN; k++)
			plain[i + k] = p[i + k] ^ pad[k];
		memcpy(before, p + i, DIGEST_LEN);
		before_len = DIGEST_LEN;
	}
	if (plain[0] >= min && plain[0] <= max && plain[0] < n) {
		got = plain[0];
		memcpy(out, plain + 1, got);
	}
out:
	OPENSSL_cleanse(plain, sizeof(plain));
	OPENSSL_cleanse(pad, sizeof(pad));
	return got;
}

/* What has been read of an answer: a bit for each of the five. */
struct answer {
	const struct vector_way *way;
	const uint8_t *authenticator; /* of the request */
	struct aka_vector v;
	unsigned seen;
	bool invalid;
	size_t digest; /* where Message-Authenticator has it; 0: there is none */
};

/* One attribute of the vendor's. What it has beside ours is nobody's. */
static void vendor_take(struct answer *a, uint8_t type, const uint8_t *p, size_t len)
{
	const struct config_aka_attributes *n = a->way->attr;
	const struct {
		uint16_t type;
		bool secret;
		uint8_t min, max, *to;
	} part[] = {
		{ n->rand, false, AKA_RAND, AKA_RAND, a->v.rand },
		{ n->autn, false, AKA_AUTN, AKA_AUTN, a->v.autn },
		{ n->xres, true, AKA_RES_MIN, AKA_RES_MAX, a->v.xres },
		{ n->ck, true, AKA_KEY, AKA_KEY, a->v.ck },
		{ n->ik, true, AKA_KEY, AKA_KEY, a->v.ik },
	};

	for (unsigned i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		uint8_t got = 0;

		if (part[i].type != type)
			continue;
		if (part[i].secret) {
			got = value_open(p, len, a->way->secret, a->authenticator, part[i].to,
					 part[i].min, part[i].max);
		} else if (len >= part[i].min && len <= part[i].max) {
			memcpy(part[i].to, p, len);
			got = (uint8_t)len;
		}
		if (part[i].to == a->v.xres)
			a->v.xres_len = got;
		if (!got || a->seen & 1u << i)
			a->invalid = true;
		a->seen |= 1u << i;
	}
}

/* The value of the next attribute, of *len bytes. NULL: there is none, or it is cut off. */
static const uint8_t *attribute_next(struct answer *a, struct rd *r, uint8_t *type, size_t *len)
{
	const uint8_t *value = NULL;
	uint8_t n;

	if (!rd_left(r))
		return NULL;
	*type = rd_u8(r);
	n = rd_u8(r);
	if (n >= 2)
		value = rd_take(r, n - 2u);
	a->invalid |= !value;
	*len = n - 2u;
	return value;
}

static void vendor_read(struct answer *a, const uint8_t *p, size_t len)
{
	struct rd r = rd_init(p, len);
	const uint8_t *value;
	uint8_t type;

	if (rd_u32(&r) != a->way->vendor || r.failed)
		return;
	while ((value = attribute_next(a, &r, &type, &len)) != NULL)
		vendor_take(a, type, value, len);
}

static void attributes_read(struct answer *a, const uint8_t *packet, size_t len)
{
	struct rd r = rd_init(packet + RADIUS_HEAD, len - RADIUS_HEAD);
	const uint8_t *value;
	uint8_t type;

	while ((value = attribute_next(a, &r, &type, &len)) != NULL) {
		if (type == VENDOR_SPECIFIC)
			vendor_read(a, value, len);
		if (type == MESSAGE_AUTHENTICATOR && len == DIGEST_LEN && !a->digest)
			a->digest = (size_t)(value - packet);
	}
}

static enum vector_answer answer_judge(const struct answer *a, const uint8_t *packet, size_t len)
{
	uint8_t right[DIGEST_LEN];

	if (!a->digest)
		return VECTOR_UNSIGNED;
	if (!message_sign(packet, len, a->digest, a->authenticator, a->way->secret, right) ||
	    CRYPTO_memcmp(packet + a->digest, right, sizeof(right)) != 0)
		return VECTOR_OTHER;
	if (packet[0] == ACCESS_REJECT)
		return VECTOR_REJECTED;
	if (packet[0] != ACCESS_ACCEPT || a->invalid || a->seen != 0x1f)
		return VECTOR_INVALID;
	return VECTOR_GIVEN;
}

enum vector_answer vector_answer(const uint8_t *packet, size_t len, const uint8_t *request,
				 const struct vector_way *way, struct aka_vector *v)
{
	struct answer a = { .way = way, .authenticator = request + RADIUS_AUTHENTICATOR };
	enum vector_answer found;

	len = radius_answers(packet, len, request, way->secret);
	if (!len)
		return VECTOR_OTHER;
	attributes_read(&a, packet, len);
	found = answer_judge(&a, packet, len);
	if (found == VECTOR_GIVEN)
		*v = a.v;
	OPENSSL_cleanse(&a, sizeof(a));
	return found;
}
