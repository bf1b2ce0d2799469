/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_CRYPTO_H
#define FL_CP_NG_NG_CRYPTO_H

/* Lines of a=crypto (RFC 4568): which of a side's can be used, and which of ours are offered. */
#include "../../lib/ctl_abi.h"
#include "../../lib/sdes.h"
#include "ng_flags.h"

enum { NG_CRYPTO_MAX = 8 };

_Static_assert((int)NG_CRYPTO_MAX >= (int)SRTP_SUITES, "one of each suite fits");

/* A line that can be used: it has one key. */
struct ng_crypto {
	uint32_t tag;
	uint8_t flags;		 /* enum ctl_srtp_flags */
	struct ctl_srtp_key key; /* not set: it was used up */
};

/* By falling preference; each of another tag. */
struct ng_cryptos {
	uint8_t n;
	struct ng_crypto line[NG_CRYPTO_MAX];
};

/*
 * Those of an m-line that can be used. Others are left out, and counted by why: there are more than
 * fit (SDES_OK), or what sdes_parse() says.
 */
void ng_crypto_read(struct ng_cryptos *c, const struct sdp *s, int i,
		    uint32_t skipped[SDES_VERDICTS]);
/* Of an offerer's lines the one that is answered, by flags and its own preference; NULL: none. */
const struct ng_crypto *ng_crypto_choose(const struct ng_cryptos *c, const struct ng_flags *f);
/* Whether flags leave a suite that a side has in what the other side is shown. */
bool ng_crypto_shows(const struct ng_flags *f, enum srtp_suite suite);
/* Suites that a side is offered; theirs: the offerer's lines, which may be none. */
void ng_crypto_suites(struct ng_suites *s, const struct ng_cryptos *theirs,
		      const struct ng_flags *f);
/* A line with a key of ours that nobody has had. */
void ng_crypto_draw(struct ng_crypto *l, enum srtp_suite suite, uint8_t clear,
		    const struct ng_flags *f);
/* Clear flags that our own lines have. */
uint8_t ng_crypto_clear(const struct ng_flags *f);
/* "a=crypto:...", its key with "=" at the end: some decode it in fours. */
void ng_crypto_put(struct wr *w, const struct ng_crypto *l);

bool ng_key_same(const struct ctl_srtp_key *a, const struct ctl_srtp_key *b);

#endif
