/* SPDX-License-Identifier: BSD-3-Clause */
#include "fingerprint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const hash_name[FP_HASHES] = { "sha-1", "sha-224", "sha-256", "sha-384",
						  "sha-512" };

/* FP_HASHES: none of ours. */
static uint8_t hash_by_name(const char *name, size_t len)
{
	uint8_t h;

	for (h = 0; h < FP_HASHES; h++)
		if (strlen(hash_name[h]) == len && strncasecmp(hash_name[h], name, len) == 0)
			break;
	return h;
}

/* -1: no hexadecimal digit. */
static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* n bytes as pairs of digits with colons between them: 3 * n - 1 characters. */
static bool digest_parse(const char *hex, size_t n, uint8_t *digest)
{
	for (size_t i = 0; i < n; i++, hex += 3) {
		const int high = digit_value(hex[0]), low = digit_value(hex[1]);

		if (high < 0 || low < 0 || (i + 1 < n && hex[2] != ':'))
			return false;
		digest[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool fingerprint_parse(const char *text, size_t len, struct fingerprint *fp)
{
	const char *space = memchr(text, ' ', len);
	const size_t name = space ? (size_t)(space - text) : len;
	const uint8_t hash = hash_by_name(text, name);

	memset(fp, 0, sizeof(*fp));
	if (!space || hash == FP_HASHES || len - name != 3 * (size_t)fp_len(hash))
		return false;
	fp->hash = hash;
	if (digest_parse(space + 1, fp_len(hash), fp->digest))
		return true;
	memset(fp, 0, sizeof(*fp));
	return false;
}

size_t fingerprint_format(const struct fingerprint *fp, char *buf, size_t len)
{
	char text[FP_TEXT_MAX] = "";
	size_t at = 0;

	if (fp->hash < FP_HASHES)
		at = (size_t)snprintf(text, sizeof(text), "%s", hash_name[fp->hash]);
	for (size_t i = 0; i < fp_len(fp->hash); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%c%02X", i ? ':' : ' ',
				       fp->digest[i]);
	snprintf(buf, len, "%s", text);
	return at;
}
