/* SPDX-License-Identifier: BSD-3-Clause */
#include "keys.h"

/*
 * All of them are AEADs. Those of TLS 1.2 that transport the secret under the server's RSA key are
 * left out: TS 33.210 6.2 asks for forward secrecy. Pre-shared keys without it stay for those who
 * turn them on (R65).
 */
#define AES128(id, version, explicit, name)                                  \
	{                                                                    \
		id, version, AEAD_AES128_GCM, TLS_SHA256, 16, explicit, name \
	}
#define AES256(id, version, explicit, name)                                  \
	{                                                                    \
		id, version, AEAD_AES256_GCM, TLS_SHA384, 32, explicit, name \
	}
#define CHACHA(id, version, name)                                            \
	{                                                                    \
		id, version, AEAD_CHACHA20_POLY1305, TLS_SHA256, 32, 0, name \
	}

/* clang-format off */
static const struct tls_suite suites[] = {
	/* RFC 8446 B.4 */
	AES128(0x1301, TLS_1_3, 0, "TLS_AES_128_GCM_SHA256"),
	AES256(0x1302, TLS_1_3, 0, "TLS_AES_256_GCM_SHA384"),
	CHACHA(0x1303, TLS_1_3, "TLS_CHACHA20_POLY1305_SHA256"),
	/* RFC 5289 */
	AES128(0xc02b, TLS_1_2, TLS_EXPLICIT_12, "ECDHE-ECDSA-AES128-GCM-SHA256"),
	AES256(0xc02c, TLS_1_2, TLS_EXPLICIT_12, "ECDHE-ECDSA-AES256-GCM-SHA384"),
	AES128(0xc02f, TLS_1_2, TLS_EXPLICIT_12, "ECDHE-RSA-AES128-GCM-SHA256"),
	AES256(0xc030, TLS_1_2, TLS_EXPLICIT_12, "ECDHE-RSA-AES256-GCM-SHA384"),
	/* RFC 7905 */
	CHACHA(0xcca9, TLS_1_2, "ECDHE-ECDSA-CHACHA20-POLY1305"),
	CHACHA(0xcca8, TLS_1_2, "ECDHE-RSA-CHACHA20-POLY1305"),
	CHACHA(0xccaa, TLS_1_2, "DHE-RSA-CHACHA20-POLY1305"),
	CHACHA(0xccab, TLS_1_2, "PSK-CHACHA20-POLY1305"),
	CHACHA(0xccac, TLS_1_2, "ECDHE-PSK-CHACHA20-POLY1305"),
	CHACHA(0xccad, TLS_1_2, "DHE-PSK-CHACHA20-POLY1305"),
	/* RFC 5288 */
	AES128(0x009e, TLS_1_2, TLS_EXPLICIT_12, "DHE-RSA-AES128-GCM-SHA256"),
	AES256(0x009f, TLS_1_2, TLS_EXPLICIT_12, "DHE-RSA-AES256-GCM-SHA384"),
	/* RFC 5487 */
	AES128(0x00a8, TLS_1_2, TLS_EXPLICIT_12, "PSK-AES128-GCM-SHA256"),
	AES256(0x00a9, TLS_1_2, TLS_EXPLICIT_12, "PSK-AES256-GCM-SHA384"),
	AES128(0x00aa, TLS_1_2, TLS_EXPLICIT_12, "DHE-PSK-AES128-GCM-SHA256"),
	AES256(0x00ab, TLS_1_2, TLS_EXPLICIT_12, "DHE-PSK-AES256-GCM-SHA384"),
};
/* clang-format on */

const struct tls_suite *tls_suites(size_t *n)
{
	*n = sizeof(suites) / sizeof(suites[0]);
	return suites;
}

const struct tls_suite *tls_suite(uint16_t id)
{
	size_t i;

	for (i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (suites[i].id == id)
			return &suites[i];
	return NULL;
}
