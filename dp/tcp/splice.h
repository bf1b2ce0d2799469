/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_SPLICE_H
#define FL_DP_TCP_SPLICE_H

/*
 * Two legs joined: what one receives the other sends, buffer by buffer, no faster than it takes
 * them, so that the window of each is the back-pressure of the other. FIN passes through after the
 * bytes before it, one direction at a time; RST ends both. It knows legs, not protocols.
 */
#include "tcp.h"

extern const struct tcp_app splice_app;

/*
 * Joins a and b of this worker, which become splice_app's; their owners' bytes are overwritten.
 * Bytes already received go first. gone, if not NULL, is called once when both are over, with the
 * 16 bytes given here.
 */
struct splice_end {
	void (*gone)(struct worker *w, const struct splice_end *e);
	uint64_t data[2];
};
void splice_join(struct worker *w, struct tcp_conn *a, struct tcp_conn *b,
		 const struct splice_end *end);

#endif
