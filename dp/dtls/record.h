/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_DTLS_RECORD_H
#define FL_DP_DTLS_RECORD_H

/*
 * Records of DTLS 1.2 that keys protect (RFC 6347 4.1, RFC 5288, RFC 7905): opened and sealed where
 * they lie. Suites and keys are those of TLS 1.2; a record has its number with it, and may come
 * late, twice or never.
 */
#include "hello.h"
#include "../tls/record.h"

/* Numbers of one epoch that were there (RFC 6347 4.1.2.6). */
struct dtls_window {
	uint64_t top;  /* the highest, plus 1; 0: none came */
	uint64_t seen; /* the 64 below top, the highest in bit 0 */
};

enum dtls_opened { DTLS_OPENED, DTLS_SHORT, DTLS_FORGED, DTLS_REPLAYED, DTLS_LATE };

/*
 * Opens a record of the epoch that k is of, in place. DTLS_OPENED: *plain has *len bytes, and the
 * window knows it. Else nothing is known of it; its body may have been overwritten.
 */
enum dtls_opened dtls_open(struct aead *a, struct tls_keys *k, struct dtls_window *win,
			   const struct dtls_record *rec, uint8_t **plain, uint32_t *len);

/*
 * Seals what m holds, len bytes in its buffers, in place, with the header in front and the tag
 * behind. False: no room for them, or no packet buffer; m is as it was.
 */
bool dtls_seal(struct worker *w, struct aead *a, struct tls_keys *k, enum tls_type type,
	       struct rte_mbuf *m);

/* Bytes that a record adds. */
static inline uint32_t dtls_overhead(const struct tls_keys *k)
{
	return DTLS_HDR + k->suite->explicit_len + TLS_TAG;
}

#endif
