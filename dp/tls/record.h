/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_RECORD_H
#define FL_DP_TLS_RECORD_H

/*
 * Records of TLS 1.3 (RFC 8446 5) and TLS 1.2 (RFC 5246 6.2, RFC 5288, RFC 7905): opened and sealed
 * where they lie, in rows of packet buffers. Nothing here knows connections or handshakes; keys
 * come from the handshake (shake.h). AEAD suites only.
 */
#include "aead.h"
#include "../tcp/queue.h"

enum {
	TLS_HDR = 5,
	TLS_PLAIN_MAX = 1 << 14,	      /* RFC 8446 5.1 */
	TLS_CIPHER_MAX_13 = (1 << 14) + 256,  /* 5.2 */
	TLS_CIPHER_MAX_12 = (1 << 14) + 2048, /* RFC 5246 6.2.3 */
	TLS_TAG = 16,
	TLS_NONCE = 12,
	TLS_EXPLICIT_12 = 8, /* of the nonce, in each AES-GCM record of TLS 1.2 (RFC 5288 3) */
	TLS_SECRET_MAX = 48, /* a traffic secret, SHA-384 */
	TLS_KEY_MAX = 32,
	TLS_HEAD_MAX = TLS_HDR + TLS_EXPLICIT_12,
	TLS_TAIL_MAX = 1 + TLS_TAG, /* inner content type, tag */
};

enum tls_version { TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

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

enum tls_digest { TLS_SHA256, TLS_SHA384 };

/* A cipher suite the record layer knows. Constant. */
struct tls_suite {
	uint16_t id;	      /* IANA */
	uint16_t version;     /* enum tls_version */
	uint8_t cipher;	      /* enum aead_cipher */
	uint8_t digest;	      /* enum tls_digest: of HKDF, or of the PRF */
	uint8_t key_len;      /* bytes */
	uint8_t explicit_len; /* bytes of the nonce that stand in each record */
	const char *name;     /* OpenSSL's and IANA's for 1.3; OpenSSL's for 1.2 */
};

/*
 * By its number; NULL: none of ours. One number may be known by one version only. tls_suites() is
 * the table, n its length: the handshake offers these and no others.
 */
const struct tls_suite *tls_suite(uint16_t id);
const struct tls_suite *tls_suites(size_t *n);

/*
 * What protects one direction. The worker that has the connection reads and writes it. secret is
 * there for TLS 1.3 only, where the keys of the next generation come from it (RFC 8446 7.2).
 */
struct tls_keys {
	struct aead_key key;
	uint64_t seq;		/* of the next record */
	uint64_t records;	/* under this key */
	uint64_t bytes;		/* under this key: plaintext */
	uint64_t explicit_next; /* TLS 1.2 AES-GCM, to send: explicit nonce of the next record */
	const struct tls_suite *suite;
	uint8_t iv[TLS_NONCE];
	uint8_t secret[TLS_SECRET_MAX];
};

/*
 * Key derivation of a worker: OpenSSL's HKDF, fetched at start. Derivations are rare (the end of a
 * handshake, KeyUpdate); they allocate inside OpenSSL, which is why KeyUpdates have a rate limit.
 */
struct tls_kdf;
struct tls_kdf *tls_kdf_create(void);
void tls_kdf_free(struct tls_kdf *k);

/* HKDF-Expand-Label (RFC 8446 7.1) with an empty context or one of ctx_len bytes. */
bool tls_expand_label(struct tls_kdf *k, enum tls_digest d, const uint8_t *secret,
		      const char *label, const void *ctx, size_t ctx_len, uint8_t *out,
		      size_t out_len);

/* Keys from a traffic secret of 32 or 48 bytes by suite (RFC 8446 7.3); seq starts at 0. */
bool tls_keys_13(struct tls_kdf *k, struct aead *a, struct tls_keys *keys,
		 const struct tls_suite *suite, const uint8_t *secret);
/* The next generation (RFC 8446 7.2). */
bool tls_keys_update(struct tls_kdf *k, struct aead *a, struct tls_keys *keys);
/* From the key block of TLS 1.2 (RFC 5246 6.3). iv: 4 bytes for AES-GCM, 12 for ChaCha20. */
bool tls_keys_12(struct aead *a, struct tls_keys *keys, const struct tls_suite *suite,
		 const uint8_t *key, const uint8_t *iv, uint64_t seq, uint64_t explicit_next);
void tls_keys_wipe(struct aead *a, struct tls_keys *keys);

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
/* The same for a few bytes: alerts, KeyUpdate. len <= 64. */
struct rte_mbuf *record_seal_bytes(struct worker *w, struct aead *a, struct tls_keys *keys,
				   enum tls_type type, const void *p, uint32_t len);

/* Bytes a record adds to its plaintext. */
static inline uint32_t record_overhead(const struct tls_keys *k)
{
	return TLS_HDR + k->suite->explicit_len + (k->suite->version == TLS_1_3) + TLS_TAG;
}

#endif
