/* SPDX-License-Identifier: BSD-3-Clause */
#include "aka.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

const char *const aka_algorithm_name[AKA_ALGORITHMS] = {
	[AKA_V1_MD5] = "AKAv1-MD5",
	[AKA_V2_MD5] = "AKAv2-MD5",
	[AKA_V2_SHA256] = "AKAv2-SHA-256",
};

/* What AKAv2 hashes under the keys (RFC 4169 2.1, 2.2), without NUL. */
#define V2_PASSWORD "http-digest-akav2-password"
#define V2_IK "http-digest-akav2-integritykey"
#define V2_CK "http-digest-akav2-cipherkey"

enum { PARTS_MAX = 13, BASE64_MAX = (AKA_HASH_MAX + 2) / 3 * 4 + 1 };

/* Bytes that are hashed one behind the other. */
struct parts {
	struct part {
		const void *p;
		size_t len;
	} part[PARTS_MAX];
	uint32_t n;
};

enum aka_algorithm aka_algorithm_find(const char *name)
{
	int a;

	for (a = 0; a < AKA_ALGORITHMS; a++)
		if (strcasecmp(name, aka_algorithm_name[a]) == 0)
			break;
	return (enum aka_algorithm)a;
}

static const char *hash_name(enum aka_algorithm a)
{
	return a == AKA_V2_SHA256 ? "SHA256" : "MD5";
}

static const EVP_MD *hash_of(enum aka_algorithm a)
{
	return a == AKA_V2_SHA256 ? EVP_sha256() : EVP_md5();
}

static void bytes_add(struct parts *parts, const void *p, size_t len)
{
	parts->part[parts->n++] = (struct part){ p, len };
}

/* With a colon before all but the first. */
static void text_add(struct parts *parts, const char *s)
{
	if (parts->n > 0)
		bytes_add(parts, ":", 1);
	bytes_add(parts, s, strlen(s));
}

void aka_hex(const uint8_t *p, size_t len, char *out)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digit[p[i] >> 4];
		*out++ = digit[p[i] & 15];
	}
	*out = '\0';
}

/* As text, lower case. */
static bool hash(enum aka_algorithm a, const struct parts *parts, char out[AKA_HEX_MAX])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	bool ok = ctx && EVP_DigestInit_ex(ctx, hash_of(a), NULL);

	for (uint32_t i = 0; ok && i < parts->n; i++)
		ok = EVP_DigestUpdate(ctx, parts->part[i].p, parts->part[i].len);
	ok = ok && EVP_DigestFinal_ex(ctx, md, &len) && len <= AKA_HASH_MAX;
	EVP_MD_CTX_free(ctx);
	out[0] = '\0';
	if (ok)
		aka_hex(md, len, out);
	OPENSSL_cleanse(md, sizeof(md));
	return ok;
}

/* The keyed hash of a text; its length, 0 if OpenSSL failed. */
static size_t prf(enum aka_algorithm a, const uint8_t *key, size_t key_len, const char *text,
		  uint8_t out[AKA_HASH_MAX])
{
	size_t len = 0;

	return EVP_Q_mac(NULL, "HMAC", NULL, hash_name(a), NULL, key, key_len,
			 (const uint8_t *)text, strlen(text), out, AKA_HASH_MAX, &len)
		   ? len
		   : 0;
}

/* The password is binary with AKAv1 (RFC 3310 3.3), base64 with AKAv2 (RFC 4169 2.1). */
static size_t password(enum aka_algorithm a, const struct aka_vector *v, uint8_t out[BASE64_MAX])
{
	uint8_t key[AKA_RES_MAX + 2 * AKA_KEY], mac[AKA_HASH_MAX];
	size_t len = v->xres_len;

	if (a == AKA_V1_MD5) {
		memcpy(out, v->xres, len);
		return len;
	}
	memcpy(key, v->xres, len);
	memcpy(key + len, v->ik, AKA_KEY);
	memcpy(key + len + AKA_KEY, v->ck, AKA_KEY);
	len = prf(a, key, len + 2 * AKA_KEY, V2_PASSWORD, mac);
	if (len)
		len = (size_t)EVP_EncodeBlock(out, mac, (int)len);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(mac, sizeof(mac));
	return len;
}

bool aka_ha1(enum aka_algorithm a, const char *user, const char *realm, const struct aka_vector *v,
	     struct aka_ha1 *out)
{
	uint8_t secret[BASE64_MAX];
	const size_t len = password(a, v, secret);
	struct parts parts = { .n = 0 };
	bool ok = len > 0;

	text_add(&parts, user);
	text_add(&parts, realm);
	bytes_add(&parts, ":", 1);
	bytes_add(&parts, secret, len);
	ok = ok && hash(a, &parts, out->hex);
	OPENSSL_cleanse(secret, sizeof(secret));
	return ok;
}

bool aka_keys(enum aka_algorithm a, const struct aka_vector *v, struct aka_keys *out)
{
	if (a == AKA_V1_MD5) {
		memcpy(out->ck, v->ck, AKA_KEY);
		memcpy(out->ik, v->ik, AKA_KEY);
		out->len = AKA_KEY;
		return true;
	}
	out->len = (uint8_t)prf(a, v->ck, AKA_KEY, V2_CK, out->ck);
	return out->len && prf(a, v->ik, AKA_KEY, V2_IK, out->ik) == out->len;
}

bool aka_response(enum aka_algorithm a, const struct aka_ha1 *ha1, const struct aka_request *r,
		  char out[AKA_HEX_MAX])
{
	struct parts body = { .n = 0 }, a2 = { .n = 0 }, all = { .n = 0 };
	char body_hex[AKA_HEX_MAX], a2_hex[AKA_HEX_MAX];

	text_add(&a2, r->method);
	text_add(&a2, r->uri);
	if (r->qop && strcasecmp(r->qop, "auth-int") == 0) {
		bytes_add(&body, r->body, r->body_len);
		if (!hash(a, &body, body_hex))
			return false;
		text_add(&a2, body_hex);
	}
	if (!hash(a, &a2, a2_hex))
		return false;
	text_add(&all, ha1->hex);
	text_add(&all, r->nonce);
	if (r->qop) {
		text_add(&all, r->nc);
		text_add(&all, r->cnonce);
		text_add(&all, r->qop);
	}
	text_add(&all, a2_hex);
	return hash(a, &all, out);
}

bool aka_response_is(const char *own, const char *theirs)
{
	char lower[AKA_HEX_MAX] = "";
	const size_t n = strlen(own);

	if (strlen(theirs) != n || n >= sizeof(lower))
		return false;
	for (size_t i = 0; i < n; i++)
		lower[i] =
		    (char)(theirs[i] >= 'A' && theirs[i] <= 'F' ? theirs[i] + 32 : theirs[i]);
	return n > 0 && CRYPTO_memcmp(own, lower, n) == 0;
}
