/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_SPLICE_H
#define FL_DP_TCP_SPLICE_H

/*
 * Two legs joined: what one receives the other sends, buffer by buffer, no faster than it takes
 * them, so that the window of each is the back-pressure of the other. FIN passes through after the
 * bytes before it, one direction at a time (R59); what ends one otherwise ends both with RST. It
 * knows legs, not protocols.
 */
#include "tcp.h"

extern const struct tcp_app splice_app;

enum { SPLICE_KEEP = 24 }; /* of the owner's bytes: still the joiner's */

/* Moves what waits first at `from` on to `to`, and says how many bytes; 0: not now. tcp_pass(). */
typedef uint32_t splice_pass_fn(struct worker *w, struct tcp_conn *from, struct tcp_conn *to);

/* What a pair was and how it ended, for who joined it; both connections are still there. */
struct splice_end {
	struct tcp_conn *a, *b;	   /* as splice_join() had them */
	uint64_t passed[CTL_WAYS]; /* bytes: from a to b, and back */
	uint16_t tag;
	enum tcp_end why; /* of the one that ended first */
};

/* The joiner's part. Any may be NULL, and so may all of it. */
struct splice_ops {
	void (*gone)(struct worker *w, struct tcp_conn *c); /* for each of the two as it ends */
	/* Once, when the first of them does. */
	void (*over)(struct worker *w, const struct splice_end *e);
	uint32_t (*session)(struct tcp_conn *c); /* as of struct tcp_app */
};

/*
 * Joins a and b of this worker, which become splice_app's. Bytes already received go first. The
 * first SPLICE_KEEP of each one's owner's bytes stay as they are, for ops. Whether anybody vouches
 * for them is the joiner's to say (tcp_trust(), tcp_guest()). tag: any number of the joiner's.
 */
void splice_join(struct worker *w, struct tcp_conn *a, struct tcp_conn *b,
		 const struct splice_ops *ops, uint16_t tag);

/*
 * What a joined connection receives is moved on by pass instead. The kept bytes of both are for it,
 * and c's timer (tcp_app_timer()), which makes it look again.
 */
void splice_pass_by(struct tcp_conn *c, splice_pass_fn *pass);

#endif
