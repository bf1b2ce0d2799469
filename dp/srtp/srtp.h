/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_SRTP_SRTP_H
#define FL_DP_SRTP_SRTP_H

/*
 * SRTP and SRTCP (RFC 3711), with the suites of RFC 3711, 6188 and 7714: whole bursts, each packet
 * of a stream of its own, in place. Bytes in, bytes out; time is passed in. Nothing here allocates
 * but srtp_engine_create().
 *
 * A stream is one direction: what one side protects, or what the other unprotects. It has up to
 * SRTP_KEYS master keys, told apart by their MKI, and up to SRTP_SSRCS sources that are heard at
 * the same time.
 */
#include "../cipher/cipher.h"
#include "../../lib/counter.h"
#include "../../lib/srtp_suite.h"

enum {
	SRTP_BURST = CIPHER_BURST,
	SRTP_KEYS = 4,
	SRTP_MKI_MAX = 128, /* bytes, of a number of 64 bits (RFC 4568 6.1) */
	SRTP_SSRCS = 6,
	SRTP_FORGOTTEN = 16, /* sources that made room for others */
	SRTP_SILENT_S = 10,  /* so long silent makes room, and may have missed a roll-over */
	SRTP_TRIES = 4,	     /* second tries a stream and second, see srtp_unprotect_burst() */
	SRTP_WINDOW = 128,   /* packets, of SRTP's replay list */
	SRTCP_WINDOW = 64,
	SRTP_TRAILER_MAX = 4 + SRTP_MKI_MAX + CIPHER_GCM_TAG, /* what a packet grows by at most */
	SRTP_KEY_STATE = CIPHER_LINE + CIPHER_GCM_STATE + CIPHER_LINE + CIPHER_RAW_STATE,
	SRTP_KEY_STATE_CM = 2 * (CIPHER_LINE + CIPHER_CTR_STATE),
};
#define SRTP_LIFETIME (UINT64_C(1) << 48) /* packets a master key, at most (RFC 3711 9.2) */
#define SRTCP_LIFETIME (UINT64_C(1) << 31)

/* A master key, and the session keys that are derived from it. */
struct srtp_key {
	alignas(CIPHER_LINE) uint64_t left[2]; /* packets that it may serve: SRTP, SRTCP */
	uint8_t suite;			       /* enum srtp_suite */
	uint8_t mki_len;
	uint64_t mki;
	alignas(CIPHER_LINE) uint8_t state[]; /* srtp_key_size() less the above */
};

/* What a source has sent, by its indexes. */
struct srtp_ssrc {
	unsigned __int128 window; /* bit n: top less n was there */
	uint64_t top;		  /* highest index of SRTP (48 bits) */
	uint64_t rtcp_window;
	uint32_t rtcp_top; /* highest index of SRTCP (31 bits) */
	uint32_t ssrc;
	uint32_t heard_s;
	bool set;
	bool rtp, rtcp; /* there was such a packet: top, rtcp_top are of one */
	bool hinted;	/* top is of another key, by which the peer may go on */
};

enum srtp_stream_flags {
	SRTP_CLEAR_RTP = 1 << 0,  /* UNENCRYPTED_SRTP: authenticated only */
	SRTP_CLEAR_RTCP = 1 << 1, /* UNENCRYPTED_SRTCP */
};

struct srtp_stream {
	struct srtp_key *key[SRTP_KEYS]; /* all of one suite and length of MKI */
	uint8_t keys;
	uint8_t sends; /* of key[]: by which packets are protected */
	uint8_t flags; /* enum srtp_stream_flags */
	uint8_t tries; /* left in tried_s */
	uint32_t tried_s;
	uint8_t forgotten;	    /* how many */
	uint64_t forgotten_bits[4]; /* a Bloom filter of them */
	struct srtp_ssrc ssrc[SRTP_SSRCS];
};

/* A packet of a burst. */
struct srtp_packet {
	struct srtp_stream *stream;
	uint8_t *data;
	uint32_t len;
	uint32_t room; /* bytes from data on, len of them in use; protect needs srtp_growth() */
	bool rtcp;
	enum drop why; /* out: DROP_NONE, or why it must not go on */
};

/* What a key is made of, as SDES and DTLS bring it. */
struct srtp_master {
	enum srtp_suite suite;
	uint8_t key[SRTP_MASTER_MAX]; /* master key, then salt */
	uint64_t mki;
	uint8_t mki_len;   /* bytes that it is sent in; 0: it is not */
	uint64_t lifetime; /* packets of SRTP; 0: as many as there may be */
};

/* What a worker has: not shared between threads. NULL when memory or OpenSSL fail. */
struct srtp;
struct srtp *srtp_engine_create(const struct cipher_ops *only);
void srtp_engine_free(struct srtp *x);

/* Bytes of a key of a suite, CIPHER_LINE aligned. */
size_t srtp_key_size(enum srtp_suite s);
/* Derives the session keys. k: srtp_key_size() bytes. False: the cipher refused; k is wiped. */
bool srtp_key_set(struct srtp *x, struct srtp_key *k, const struct srtp_master *m);
void srtp_key_wipe(struct srtp_key *k);
/* Room that protecting with a key needs behind a packet: 20 bytes, and its MKI. */
static inline uint32_t srtp_growth(const struct srtp_key *k)
{
	return 4u + k->mki_len + CIPHER_GCM_TAG;
}

/* Without keys. */
void srtp_stream_init(struct srtp_stream *s, uint8_t flags);
/* False: full, or of another suite or length of MKI than the keys that are there. */
bool srtp_stream_add(struct srtp_stream *s, struct srtp_key *k);
/*
 * Unprotects what follows `before` after another master key was agreed. RFC 3711 3.3.1 keeps the
 * roll-over counter then and libsrtp begins anew: either is recognized.
 */
void srtp_stream_follow(struct srtp_stream *s, const struct srtp_stream *before);

/*
 * n packets, SRTP_BURST at most, in the order in which they came. Each gets its why; len is that of
 * what data is now. A packet that is dropped is what it was, but its room.
 *
 * An index never protects twice: what an RTP sender repeats, or sends too late, is dropped.
 */
void srtp_protect_burst(struct srtp *x, struct srtp_packet *p, uint32_t n, uint32_t now_s);
/*
 * A wrong tag may be the wrong roll-over counter: of a source that was silent for SRTP_SILENT_S,
 * that is new, or that had another key before, a second one is tried, SRTP_TRIES times a second and
 * stream, so that forged packets do not cost twice. Nothing is kept of a packet whose tag is wrong.
 */
void srtp_unprotect_burst(struct srtp *x, struct srtp_packet *p, uint32_t n, uint32_t now_s);

#endif
