/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_LINGER_H
#define FL_DP_TCP_LINGER_H

/* A connection whose owner is done with it, until TCP is too: its end is in order. */
#include "tcp.h"

extern const struct tcp_app linger_app;

/* Takes one over, to end for this reason. */
void linger_own(struct tcp_conn *c, enum tcp_end why);
/* Closes it in order: what still comes is dropped, for tcp.linger at most. */
void linger_close(struct worker *w, struct tcp_conn *c);

#endif
