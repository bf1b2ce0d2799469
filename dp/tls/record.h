/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_RECORD_H
#define FL_DP_TLS_RECORD_H

/*
 * Records of TLS 1.3 (RFC 8446 5) and TLS 1.2 (RFC 5246 6.2, RFC 5288, RFC 7905): opened and sealed
 * where they lie, in rows of packet buffers. Nothing here knows connections or handshakes; keys
 * come from the handshake (handshake.h).
 */
#include "keys.h"
#include "../tcp/queue.h"

enum {
	TLS_HDR = 5,
	TLS_PLAIN_MAX = 1 << 14,	      /* RFC 8446 5.1 */
	TLS_CIPHER_MAX_13 = (1 << 14) + 256,  /* 5.2 */
	TLS_CIPHER_MAX_12 = (1 << 14) + 2048, /* RFC 5246 6.2.3 */
	TLS_TAG = AEAD_TAG,
	TLS_HEAD_MAX = TLS_HDR + TLS_EXPLICIT_12,
	TLS_TAIL_MAX = 1 + TLS_TAG, /* inner content type, tag */
};

enum tls_type { /* RFC 8446 5.1 */
		TLS_CHANGE_CIPHER_SPEC = 20,
		TLS_ALERT = 21,
		TLS_HANDSHAKE = 22,
		TLS_APPLICATION = 23,
};

enum tls_alert { /* RFC 8446 6, RFC 5246 7.2 */
		 ALERT_CLOSE_NOTIFY = 0,
		 ALERT_UNEXPECTED_MESSAGE = 10,
		 ALERT_BAD_RECORD_MAC = 20,
		 ALERT_RECORD_OVERFLOW = 22,
		 ALERT_HANDSHAKE_FAILURE = 40,
		 ALERT_BAD_CERTIFICATE = 42,
		 ALERT_ILLEGAL_PARAMETER = 47,
		 ALERT_DECODE_ERROR = 50,
		 ALERT_INTERNAL_ERROR = 80,
		 ALERT_USER_CANCELED = 90,
		 ALERT_NO_RENEGOTIATION = 100,
		 ALERT_NONE = 255, /* not on the wire: no alert */
};

/*
 * The header of the record at the front of q, which has TLS_HDR bytes at least. Returns its length,
 * header included, or -1 with the alert that RFC 8446 5.1, 5.2 ask for. protected: keys are in
 * force; plain_max: what we allow (RFC 8449), TLS_PLAIN_MAX without.
 */
int32_t record_length(const struct mbuf_queue *q, enum tls_version v, bool protected,
		      uint32_t plain_max, enum tls_alert *alert);

/*
 * Opens the record of len bytes (record_length()) at the front of `from` and puts its plaintext,
 * without padding and content type, at the end of `to`: in the buffers it came in where they are
 * its own, else in new ones (a buffer that is shared, or where another record follows). Returns its
 * content type. 0: no packet buffers, nothing has changed, try later. -1: it must end the
 * connection with *alert (bad_record_mac, record_overflow, unexpected_message for an empty inner
 * plaintext of TLS 1.3); what was opened is wiped or dropped.
 */
int32_t record_open(struct worker *w, struct aead *a, struct tls_keys *keys, uint32_t len,
		    uint32_t plain_max, struct mbuf_queue *from, struct mbuf_queue *to,
		    enum tls_alert *alert);

/*
 * Seals what is at the front of `from`, whole buffers up to max bytes (a buffer that is longer by
 * itself is cut by copying), as one record of the given type, where it lies; shared buffers are
 * copied. Returns the record as a packet that is here (to be sent), or NULL: no packet buffers, or
 * `from` is empty; nothing has changed then.
 */
struct rte_mbuf *record_seal(struct worker *w, struct aead *a, struct tls_keys *keys,
			     enum tls_type type, struct mbuf_queue *from, uint32_t max);
/* Seals a few bytes at p (alerts, KeyUpdate) as one record, as record_seal() does. len <= 64. */
struct rte_mbuf *record_seal_bytes(struct worker *w, struct aead *a, struct tls_keys *keys,
				   enum tls_type type, const void *p, uint32_t len);

/* Bytes a record adds to its plaintext. */
static inline uint32_t record_overhead(const struct tls_keys *k)
{
	return TLS_HDR + k->suite->explicit_len + (k->suite->version == TLS_1_3) + TLS_TAG;
}

#endif
