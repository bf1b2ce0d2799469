/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_SDES_H
#define FL_LIB_SDES_H

/*
 * a=crypto of SDP (RFC 4568): the keys of SRTP, each side's for what it sends. Nothing is
 * allocated, and what could not be used is wiped.
 */
#include "sdp.h"
#include "srtp_suite.h"

enum {
	SDES_KEYS = 4,	    /* of one line, told apart by their MKI */
	SDES_MKI_MAX = 128, /* bytes, of a number of 64 bits */
	SDES_WINDOW_MIN = 64,
};

enum sdes_verdict {
	SDES_OK,
	SDES_BAD,   /* malformed */
	SDES_SUITE, /* a suite that is not served */
	SDES_PARAM, /* a session parameter that is not served, or too many keys: the line cannot be
		     * used
		     */
	SDES_VERDICTS
};

/* "many": more lines than are looked at. */
extern const char *const sdes_verdict_name[SDES_VERDICTS];

struct sdes_key {
	uint8_t master[SRTP_MASTER_MAX]; /* key, then salt */
	uint64_t lifetime;		 /* packets; 0: not said */
	uint64_t mki;
	uint8_t mki_len; /* bytes that it is sent in; 0: there is none */
};

struct sdes_crypto {
	uint32_t tag;
	uint8_t suite; /* enum srtp_suite */
	uint8_t keys;
	bool clear_rtp, clear_rtcp; /* UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP */
	uint32_t window;	    /* WSH: packets; 0: not said */
	struct sdes_key key[SDES_KEYS];
};

/* What is behind "a=crypto:". Unless SDES_OK, *c is zeros. */
enum sdes_verdict sdes_parse(struct sdp_text t, struct sdes_crypto *c);
/* The same text again, without CRLF. pad: base64 with "=" at its end, as RFC 4568 has it. */
void sdes_put(struct wr *w, const struct sdes_crypto *c, bool pad);

/* The offerer's first line of a suite in `suites` (a bit each), which the answer is to; -1: none.
 */
int sdes_choose(const struct sdes_crypto *offer, int n, uint32_t suites);
/*
 * The line of the offer that an answer has chosen: it has its tag, its suite and its negotiated
 * parameters (RFC 4568 5.1.3); -1: none.
 */
int sdes_answered(const struct sdes_crypto *offer, int n, const struct sdes_crypto *answer);
/* Whether a new offer or answer goes on as before: the same suite, keys and parameters. */
bool sdes_same(const struct sdes_crypto *a, const struct sdes_crypto *b);

#endif
