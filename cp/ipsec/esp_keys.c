/* SPDX-License-Identifier: BSD-3-Clause */
#include "esp_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

enum { SHA256_LEN = 32, KDF_MAX = 24 };

static const struct {
	const char *alg, *ealg;
} names[ESP_TRANSFORMS] = {
	[ESP_NULL_SHA1] = { "hmac-sha-1-96", "null" },
	[ESP_CBC_SHA1] = { "hmac-sha-1-96", "aes-cbc" },
	[ESP_GCM] = { "null", "aes-gcm" },
	[ESP_GMAC] = { "aes-gmac", "null" },
};

enum esp_transform esp_transform_find(const char *alg, const char *ealg)
{
	int t = 0;

	while (t < ESP_TRANSFORMS &&
	       (strcasecmp(names[t].alg, alg) != 0 || strcasecmp(names[t].ealg, ealg) != 0))
		t++;
	return (enum esp_transform)t;
}

const char *esp_alg(enum esp_transform t)
{
	return names[t].alg;
}

const char *esp_ealg(enum esp_transform t)
{
	return names[t].ealg;
}

/*
 * The last four bytes of HMAC-SHA-256 under CK and IK of FC, P0 and its length, as TS 33.220 B.2.0
 * has it; fc and p0 as TS 33.203 Annex I.
 */
static bool salt_make(uint8_t fc, const char *p0, const uint8_t key[32],
		      uint8_t salt[CTL_IPSEC_SALT])
{
	uint8_t s[KDF_MAX] = { fc }, md[SHA256_LEN];
	const size_t len = strlen(p0);
	size_t n = 0;
	bool ok;

	memcpy(s + 1, p0, len);
	s[len + 2] = (uint8_t)len;
	ok = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, 32, s, len + 3, md, sizeof(md),
		       &n) &&
	     n == sizeof(md);
	memcpy(salt, md + sizeof(md) - CTL_IPSEC_SALT, CTL_IPSEC_SALT);
	OPENSSL_cleanse(md, sizeof(md));
	return ok;
}

bool esp_keys_make(enum esp_transform t, const uint8_t ck[16], const uint8_t ik[16],
		   struct esp_keys *out)
{
	uint8_t both[32];
	bool ok = true;

	*out = (struct esp_keys){ .key = { 0 } };
	memcpy(both, ck, 16);
	memcpy(both + 16, ik, 16);
	switch (t) {
	case ESP_CBC_SHA1:
		memcpy(out->key, ck, 16);
		/* fall through */
	case ESP_NULL_SHA1:
		memcpy(out->mac, ik, 16); /* and four bytes of zeros */
		break;
	case ESP_GCM:
		memcpy(out->key, ck, 16);
		ok = salt_make(0x59, "AES_GCM_SALT", both, out->salt);
		break;
	case ESP_GMAC:
		memcpy(out->key, ik, 16);
		ok = salt_make(0x58, "AES_GMAC_SALT", both, out->salt);
		break;
	case ESP_TRANSFORMS:
		ok = false;
		break;
	}
	OPENSSL_cleanse(both, sizeof(both));
	return ok;
}
