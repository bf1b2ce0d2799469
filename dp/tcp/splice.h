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

/*
 * Joins a and b of this worker, which become splice_app's. Bytes already received go first. The
 * first SPLICE_KEEP of each one's owner's bytes stay as they are, for gone(), which is called for
 * each of the two as it ends, or may be NULL. Whether anybody vouches for them is the joiner's to
 * say (tcp_trust(), tcp_guest()).
 */
void splice_join(struct worker *w, struct tcp_conn *a, struct tcp_conn *b,
		 void (*gone)(struct worker *w, struct tcp_conn *c));

/*
 * What a joined connection receives is moved on by pass instead. The kept bytes of both are for it,
 * and c's timer (tcp_app_timer()), which makes it look again.
 */
void splice_pass_by(struct tcp_conn *c, splice_pass_fn *pass);

#endif
