/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_LEG_INT_H
#define FL_DP_TURN_LEG_INT_H

/* What leg.c and leg_request.c have of each other. */
#include "leg.h"

/* ---- leg.c ---- */

/*
 * What comes next in the stream has to wait, and all behind it: it stays unread, so that the window
 * closes. Looked at anew by leg_resume(), which may come too early; after so many milliseconds,
 * if not 0, it does come.
 */
void leg_wait(struct worker *w, struct tcp_conn *c, uint32_t ms);
void leg_resume(struct worker *w, struct tcp_conn *c);

/* ---- leg_request.c ---- */

/* A request of need bytes: answered, punted, dropped for *why, or it has to wait. */
enum leg_verdict leg_request(struct worker *w, struct tcp_conn *c, const uint8_t *msg,
			     uint32_t need, enum drop *why);
/* Milliseconds for which answers are still waited for; 0: none is owed. */
uint32_t leg_owed_ms(const struct worker *w, const struct leg *l);

#endif
