/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_SRTP_SRTP_INT_H
#define FL_DP_SRTP_SRTP_INT_H

/* What key.c, source.c, protect.c and unprotect.c share. */
#include "srtp.h"
#include "../../lib/cursor.h"

#include <string.h>

enum {
	RTP_HDR = 12,
	RTCP_HDR = 8,	/* that stays clear */
	RTCP_INDEX = 4, /* E and the index */
	ROC_LEN = 4,	/* authenticated behind the packet, and not sent */
	RTP_VERSION = 2,
};
#define RTCP_E (UINT32_C(1) << 31)
#define RTCP_INDEX_MAX (RTCP_E - 1)
#define RTP_INDEX_MAX ((UINT64_C(1) << 48) - 1)
#define ROC_ONE (UINT64_C(1) << 16) /* of an index: one roll-over */

/* A packet while it is worked on. */
struct srtp_work {
	struct srtp_packet *p;
	struct srtp_key *key;
	struct srtp_ssrc *source; /* NULL: not known yet */
	uint64_t index;
	uint32_t ssrc;
	uint32_t end;	      /* where text ends, and what is not sent as it is begins */
	bool e;		      /* SRTCP: enciphered */
	uint8_t was[ROC_LEN]; /* what stood at end */
	uint8_t aad[RTCP_HDR + RTCP_INDEX]; /* of SRTCP by AES-GCM */
};

struct srtp {
	struct cipher *cipher;
	struct cipher_op op[SRTP_BURST];
	struct srtp_work work[SRTP_BURST];
};

/* ---- packets ---- */

/* Where the text of RTP begins; 0: it is malformed. end: where it ends. */
static inline uint32_t rtp_head(const uint8_t *p, uint32_t end)
{
	struct rd r = rd_init(p, end);
	const uint8_t first = rd_u8(&r);

	rd_take(&r, RTP_HDR - 1u + 4u * (first & 0x0f));
	if (first & 0x10) {
		rd_u16(&r);
		rd_take(&r, 4u * rd_u16(&r));
	}
	return r.failed || first >> 6 != RTP_VERSION ? 0 : (uint32_t)(r.pos - p);
}

/* ---- key.c ---- */

static inline bool suite_is_gcm(const struct srtp_key *k)
{
	return k->suite == SRTP_GCM_128 || k->suite == SRTP_GCM_256;
}

static inline bool suite_is_null(const struct srtp_key *k)
{
	return k->suite == SRTP_NULL_80 || k->suite == SRTP_NULL_32;
}

static inline uint8_t key_tag(const struct srtp_key *k, bool rtcp)
{
	const struct srtp_suite_desc *d = &srtp_suite_desc[k->suite];

	return rtcp ? d->rtcp_tag : d->rtp_tag;
}

/* The session key of SRTP, or of SRTCP. */
static inline struct cipher_key *key_of(const struct srtp_key *k, bool rtcp)
{
	const size_t rtp = CIPHER_LINE + (suite_is_gcm(k) ? CIPHER_GCM_STATE : CIPHER_CTR_STATE);

	return (struct cipher_key *)(uintptr_t)(k->state + (rtcp ? rtp : 0));
}

/*
 * RFC 3711 4.1.1 and RFC 7714 8.1, 9.1: SSRC and index (48 bits) go into the salt, with AES-GCM two
 * bytes further in front. By words: bytes that are written one by one are slow to be read as one.
 */
static inline void key_iv(const struct cipher_key *k, uint32_t ssrc, uint64_t index, uint8_t iv[16])
{
	const uint64_t s = __builtin_bswap32(ssrc), i = __builtin_bswap64(index << 16);
	uint64_t word[2];

	memcpy(word, k->salt, sizeof(word));
	if (k->alg == CIPHER_GCM) {
		word[0] ^= s << 16 | i << 48;
		word[1] ^= i >> 16;
	} else {
		word[0] ^= s << 32;
		word[1] ^= i;
	}
	memcpy(iv, word, sizeof(word));
}

/* ---- ahead of a burst ---- */

enum { AHEAD = 4 }; /* packets: a miss takes about as long as their work */

static inline void stream_ahead(const struct srtp_stream *s)
{
	__builtin_prefetch(s, 1);
	__builtin_prefetch((const uint8_t *)s + CIPHER_LINE, 1);
	__builtin_prefetch((const uint8_t *)s + 2 * CIPHER_LINE, 1);
}

/* The session key of SRTP; SRTCP is seldom. */
static inline void key_ahead(const struct srtp_stream *s)
{
	const struct srtp_key *k = s->key[s->sends];
	uint32_t i, lines;

	if (!k)
		return;
	__builtin_prefetch(k, 1);
	lines = 1 + (suite_is_gcm(k) ? CIPHER_GCM_STATE : CIPHER_CTR_STATE) / CIPHER_LINE;
	for (i = 0; i < lines; i++)
		__builtin_prefetch(k->state + i * CIPHER_LINE);
}

/*
 * Begins a burst, streams and keys fetched ahead of it: what begin() does not drop is in x->work
 * and x->op, as many as it returns. Inlined, so that begin() is called by its name.
 */
static inline __attribute__((always_inline)) uint32_t
burst_begin(struct srtp *x, struct srtp_packet *p, uint32_t n, uint32_t now_s,
	    enum drop (*begin)(struct srtp_work *w, struct cipher_op *op, uint32_t now_s))
{
	uint32_t i, ops = 0;

	for (i = 0; i < n + 2 * AHEAD; i++) {
		if (i < n)
			stream_ahead(p[i].stream);
		if (i >= AHEAD && i - AHEAD < n)
			key_ahead(p[i - AHEAD].stream);
		if (i < 2 * AHEAD)
			continue;
		x->work[ops].p = &p[i - 2 * AHEAD];
		x->work[ops].p->why = begin(&x->work[ops], &x->op[ops], now_s);
		if (x->work[ops].p->why == DROP_NONE)
			ops++;
	}
	return ops;
}

/* ---- source.c ---- */

struct srtp_ssrc *source_find(struct srtp_stream *s, uint32_t ssrc);
/* DROP_NONE: source_add() will find room for it. */
enum drop source_room(const struct srtp_stream *s, uint32_t ssrc, uint32_t now_s);
struct srtp_ssrc *source_add(struct srtp_stream *s, uint32_t ssrc, uint32_t now_s);

/* The index that a sequence number has most likely (RFC 3711 3.3.1). NULL: of a new source. */
uint64_t source_index(const struct srtp_ssrc *s, uint16_t seq);
/* DROP_NONE: it was not there, and is not older than the replay list. */
enum drop source_judge(const struct srtp_ssrc *s, bool rtcp, uint64_t index);
void source_heard(struct srtp_ssrc *s, bool rtcp, uint64_t index, uint32_t now_s);

#endif
