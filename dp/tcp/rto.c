/* SPDX-License-Identifier: BSD-3-Clause */
/* The retransmission timer: how long (RFC 6298), and which of three waits it serves. */
#include "sent.h"

void recovery_rtt(struct tcp_conn *c, uint32_t rtt_us)
{
	uint32_t rtt = clamp_u32(rtt_us, 1, TCP_RTO_MAX_MS * 1000);
	uint32_t us, err;

	if (c->min_rtt_us == 0 || rtt < c->min_rtt_us)
		c->min_rtt_us = rtt;
	if (c->srtt_us == 0) { /* 2.2 */
		c->srtt_us = rtt << 3;
		c->rttvar_us = rtt << 1;
	} else { /* 2.3 */
		err = rtt > c->srtt_us >> 3 ? rtt - (c->srtt_us >> 3) : (c->srtt_us >> 3) - rtt;
		c->rttvar_us += err - (c->rttvar_us >> 2);
		c->srtt_us += rtt - (c->srtt_us >> 3);
	}
	us = (c->srtt_us >> 3) + RTE_MAX(c->rttvar_us, 1000u);
	c->rto_ms = clamp_u32((us + 999) / 1000, TCP_RTO_MIN_MS, TCP_RTO_MAX_MS);
}

/* The probe takes the place of a timeout that would come first (RFC 8985 7.2). */
static uint32_t probe_due(const struct tcp_conn *c)
{
	uint32_t from = c->rto_from_us;

	if (c->sent_newest)
		from = seq_max(from, c->sent_newest->xmit_us);
	return from + tlp_timeout_us(c);
}

/*
 * Works from times that are kept anyway, not from the timer that runs: may be called at any time,
 * as often as one likes.
 */
void recovery_arm(struct worker *w, struct tcp_conn *c)
{
	uint32_t now = tcp_us(w), due, us;

	if (!c->sent_first) {
		conn_timer_stop(c, TCP_TIMER_REXMIT);
		return;
	}
	due = c->rto_from_us + c->rto_ms * 1000;
	c->rexmit_mode = REXMIT_RTO;
	if (rack_due(c, &us) && seq_lt(us, due)) {
		c->rexmit_mode = REXMIT_REORDER;
		due = us;
	} else if (tlp_allowed(c)) {
		c->rexmit_mode = REXMIT_PROBE;
		due = seq_min(probe_due(c), due);
	}
	conn_timer_set(w, c, TCP_TIMER_REXMIT,
		       seq_gt(due, now) ? (due - now + 999) / 1000 : REXMIT_TIMER_MIN_MS);
}
