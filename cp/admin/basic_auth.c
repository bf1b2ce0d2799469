/* SPDX-License-Identifier: BSD-3-Clause */
#include "basic_auth.h"

#include "../auth/secret_file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	PASSWORD_MIN = 8,
	PASSWORD_MAX = 255,
	PAIR_MAX = 512, /* name, colon and password */
};

static bool pair_digest(const void *pair, size_t len, uint8_t digest[32])
{
	return EVP_Digest(pair, len, digest, NULL, EVP_sha256(), NULL) == 1;
}

/* What is wrong with the line; NULL: nothing. */
static const char *password_fault(const char *line, size_t len)
{
	if (len < PASSWORD_MIN)
		return "has a password of less than 8 bytes";
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			return "holds a control character";
	}
	return NULL;
}

bool basic_auth_load(struct basic_auth *a, const char *user, const char *file, char *err,
		     size_t errlen)
{
	char line[PASSWORD_MAX + 1], pair[PAIR_MAX], why[128];
	const char *fault = why;

	*a = (struct basic_auth){ .on = file[0] != '\0' };
	if (!a->on)
		return true;
	if (secret_file_line(file, "password", line, PASSWORD_MAX, why, sizeof(why)))
		fault = password_fault(line, strlen(line));
	if (!fault) {
		const int n = snprintf(pair, sizeof(pair), "%s:%s", user, line);

		if (n >= (int)sizeof(pair) || !pair_digest(pair, (size_t)n, a->digest))
			fault = "has a password that cannot be used with this name";
	}
	OPENSSL_cleanse(line, sizeof(line));
	OPENSSL_cleanse(pair, sizeof(pair));
	if (fault)
		snprintf(err, errlen, "%s %s", file, fault);
	return !fault;
}

/* The bytes that base64 stands for. False if it is none, or is too long. */
static bool pair_decode(const char *base64, uint8_t out[PAIR_MAX], size_t *len)
{
	const size_t n = strlen(base64);
	int decoded;

	if (!n || n % 4 || n / 4 * 3 > PAIR_MAX)
		return false;
	decoded = EVP_DecodeBlock(out, (const uint8_t *)base64, (int)n);
	if (decoded < 0)
		return false;
	*len = (size_t)decoded - (base64[n - 1] == '=') - (base64[n - 2] == '=');
	return true;
}

enum basic_auth_verdict basic_auth_judge(const struct basic_auth *a, const char *authorization)
{
	static const char scheme[] = "Basic ";
	uint8_t pair[PAIR_MAX], digest[sizeof(a->digest)];
	bool right;
	size_t len;

	if (!a->on)
		return BASIC_AUTH_RIGHT;
	if (!*authorization)
		return BASIC_AUTH_ABSENT;
	if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
		return BASIC_AUTH_WRONG;
	authorization += sizeof(scheme) - 1;
	authorization += strspn(authorization, " ");
	right = pair_decode(authorization, pair, &len) && pair_digest(pair, len, digest) &&
		CRYPTO_memcmp(digest, a->digest, sizeof(digest)) == 0;
	OPENSSL_cleanse(pair, sizeof(pair));
	return right ? BASIC_AUTH_RIGHT : BASIC_AUTH_WRONG;
}
