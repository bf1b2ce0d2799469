/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_SRTP_SUITE_H
#define FL_LIB_SRTP_SUITE_H

/* Suites of SRTP (RFC 3711, 6188, 7714), by the names that SDES has for them (RFC 4568). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum srtp_suite {
	SRTP_AES_CM_128_80,
	SRTP_AES_CM_128_32,
	SRTP_AES_256_CM_80,
	SRTP_AES_256_CM_32,
	SRTP_GCM_128,
	SRTP_GCM_256,
	SRTP_NULL_80,
	SRTP_NULL_32,
	SRTP_SUITES
};

enum {
	SRTP_KEY_MAX = 32, /* bytes of a master key */
	SRTP_SALT_MAX = 14,
	SRTP_MASTER_MAX = SRTP_KEY_MAX + SRTP_SALT_MAX,
};

struct srtp_suite_desc {
	const char *name;
	uint8_t key, salt;	   /* bytes of the master's */
	uint8_t rtp_tag, rtcp_tag; /* bytes that authenticate a packet */
};
extern const struct srtp_suite_desc srtp_suite_desc[SRTP_SUITES];

/* Whether DTLS can agree on it (RFC 5764 4.1.2, RFC 7714 14.2); suite: any number. */
static inline bool srtp_suite_by_dtls(uint32_t suite)
{
	return suite == SRTP_AES_CM_128_80 || suite == SRTP_AES_CM_128_32 ||
	       suite == SRTP_GCM_128 || suite == SRTP_GCM_256;
}

/* SRTP_SUITES: there is none of this name. */
enum srtp_suite srtp_suite_find(const char *name, size_t len);

#endif
