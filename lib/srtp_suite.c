/* SPDX-License-Identifier: BSD-3-Clause */
#include "srtp_suite.h"

#include <string.h>
#include <strings.h>

const struct srtp_suite_desc srtp_suite_desc[SRTP_SUITES] = {
	[SRTP_AES_CM_128_80] = { "AES_CM_128_HMAC_SHA1_80", 16, 14, 10, 10 },
	[SRTP_AES_CM_128_32] = { "AES_CM_128_HMAC_SHA1_32", 16, 14, 4, 10 },
	[SRTP_AES_256_CM_80] = { "AES_256_CM_HMAC_SHA1_80", 32, 14, 10, 10 },
	[SRTP_AES_256_CM_32] = { "AES_256_CM_HMAC_SHA1_32", 32, 14, 4, 10 },
	[SRTP_GCM_128] = { "AEAD_AES_128_GCM", 16, 12, 16, 16 },
	[SRTP_GCM_256] = { "AEAD_AES_256_GCM", 32, 12, 16, 16 },
	[SRTP_NULL_80] = { "NULL_HMAC_SHA1_80", 16, 14, 10, 10 },
	[SRTP_NULL_32] = { "NULL_HMAC_SHA1_32", 16, 14, 4, 10 },
};

enum srtp_suite srtp_suite_find(const char *name, size_t len)
{
	enum srtp_suite s;

	for (s = 0; s < SRTP_SUITES; s++)
		if (strlen(srtp_suite_desc[s].name) == len &&
		    strncasecmp(srtp_suite_desc[s].name, name, len) == 0)
			break;
	return s;
}
