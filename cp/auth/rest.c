/* SPDX-License-Identifier: BSD-3-Clause */
#include "rest.h"

#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

bool rest_parse(const char *name, struct rest_name *out)
{
	const char *p = name;
	uint64_t t = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(t, 10, &t) ||
		    __builtin_add_overflow(t, (uint64_t)(*p - '0'), &t))
			return false;
	}
	if (p == name)
		return false;
	if (*p == '.' && p[1] >= '0' && p[1] <= '9')
		p += 1 + strspn(p + 1, "0123456789");
	if (*p && *p != ':')
		return false;
	out->expiry = t;
	out->canonical = *p && p[1] ? p + 1 : name;
	return true;
}

bool rest_password(const char *secret, const char *name, char out[REST_PASSWORD_LEN + 1])
{
	const struct digest_span in = { name, strlen(name) };
	uint8_t mac[DIGEST_SHA256_LEN];
	size_t n = digest_hmac(STUN_ATTR_MESSAGE_INTEGRITY, secret, strlen(secret), &in, 1, mac);

	if (n)
		EVP_EncodeBlock((uint8_t *)out, mac, (int)n);
	OPENSSL_cleanse(mac, sizeof(mac));
	return n != 0;
}
