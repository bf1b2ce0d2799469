/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_DTLS_H
#define FL_CP_NG_NG_DTLS_H

/*
 * DTLS-SRTP in offers and answers, where it ends here (RFC 5763, 8122, 8842): which certificate the
 * other side has, and who is the client. Sides are those of the context.
 */
#include "ng_media.h"

struct ng_call;
struct wr;

/* What an offer of RTP says of DTLS, for its answer. */
struct ng_dtls {
	enum ng_setup setup;
	uint32_t id; /* of a=tls-id; 0: it has none */
	uint8_t n_fingerprint;
	struct fingerprint fingerprint[CTL_FINGERPRINTS_MAX];
};

/* What the sender's m-line has. */
void ng_dtls_read(struct ng_dtls *d, const struct ng_call *c, int i);

/*
 * A termination whose remote offered, or answered, d. answered: it has chosen its role; else we do,
 * which stays what it was, or is as passive says. Without a fingerprint nothing begins.
 */
void ng_dtls_term(struct ctl_term *t, const struct ng_dtls *d, bool answered, bool passive);

/* Whether what a remote says now means another association than what it said before (RFC 8842 4).
 */
bool ng_dtls_again(const struct ctl_term *was, const struct ctl_term *t);
/* a=setup, a=fingerprint and a=tls-id for the side that gets the SDP. */
void ng_dtls_write(const struct ng_call *c, int i, struct wr *w);

#endif
