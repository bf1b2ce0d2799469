/* SPDX-License-Identifier: BSD-3-Clause */
#include "radius_wire.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

uint8_t *radius_put(uint8_t *at, uint8_t type, const void *value, size_t len)
{
	if (len > RADIUS_VALUE_MAX)
		len = RADIUS_VALUE_MAX;
	at[0] = type;
	at[1] = (uint8_t)(len + 2);
	memcpy(at + 2, value, len);
	return at + len + 2;
}

void radius_head(uint8_t *packet, uint8_t code, uint8_t id, size_t len)
{
	packet[0] = code;
	packet[1] = id;
	packet[2] = (uint8_t)(len >> 8);
	packet[3] = (uint8_t)len;
}

bool radius_sign(const uint8_t *packet, size_t len, const uint8_t *authenticator,
		 const char *secret, uint8_t out[RADIUS_AUTHENTICATOR_LEN])
{
	uint8_t text[RADIUS_PACKET_MAX + RADIUS_SECRET_MAX];
	const size_t n = strlen(secret);
	bool ok;

	if (n > RADIUS_SECRET_MAX)
		return false;
	memcpy(text, packet, len);
	memcpy(text + RADIUS_AUTHENTICATOR, authenticator, RADIUS_AUTHENTICATOR_LEN);
	memcpy(text + len, secret, n);
	ok = EVP_Digest(text, len + n, out, NULL, EVP_md5(), NULL) == 1;
	OPENSSL_cleanse(text + len, n);
	return ok;
}

size_t radius_answers(const uint8_t *packet, size_t len, const uint8_t *request, const char *secret)
{
	uint8_t right[RADIUS_AUTHENTICATOR_LEN];
	size_t told;

	if (len < RADIUS_HEAD || packet[1] != request[1])
		return 0;
	told = (size_t)packet[2] << 8 | packet[3];
	if (told < RADIUS_HEAD || told > len || told > RADIUS_PACKET_MAX ||
	    !radius_sign(packet, told, request + RADIUS_AUTHENTICATOR, secret, right) ||
	    CRYPTO_memcmp(packet + RADIUS_AUTHENTICATOR, right, sizeof(right)) != 0)
		return 0;
	return told;
}
