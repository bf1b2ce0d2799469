/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RACK (RFC 8985 6): what was sent long enough before something that has been delivered is lost.
 * What went before what is told by count, not by time, which wraps while a connection is silent.
 */
#include "sent.h"

/*
 * r, up to end, was sent after what RACK knows of (RFC 8985 5.2, RACK_sent_after). Pieces of one
 * transmission follow each other by number.
 */
static bool sent_after(const struct tcp_conn *c, const struct tcp_sent *r, uint32_t end)
{
	return r->order == c->rack_order ? seq_gt(end, c->rack_end)
					 : seq_gt(r->order, c->rack_order);
}

/* r was sent before that, or is it. */
static bool sent_before(const struct tcp_conn *c, const struct tcp_sent *r)
{
	return c->rack_rtt_us && !sent_after(c, r, r->end);
}

/* Our timestamp when r was sent last. Milliseconds, as they go out. */
static uint32_t tsval_of(const struct ack_walk *k, const struct tcp_sent *r)
{
	uint64_t us = k->w->now_us - (uint32_t)(tcp_us(k->w) - r->xmit_us);

	return conn_tsval(k->w, k->c) - (uint32_t)(k->w->now_ms - us / 1000);
}

/* The ACK answers something sent before r was sent again. */
static bool echoes_older(const struct ack_walk *k, const struct tcp_sent *r)
{
	return k->c->flags & CONN_TS && k->s->has_ts && seq_lt(k->s->tsecr, tsval_of(k, r));
}

bool rack_is_spurious(const struct ack_walk *k, const struct tcp_sent *r)
{
	return r->rexmits == 1 && !(r->flags & (SENT_SACKED | SENT_FOLDED)) && echoes_older(k, r);
}

void rack_delivered(struct ack_walk *k, const struct tcp_sent *r, uint32_t end)
{
	struct tcp_conn *c = k->c;
	uint32_t rtt = RTE_MAX(tcp_us(k->w) - r->xmit_us, 1u);

	/* Step 3: order. */
	if (seq_gt(end, c->rack_fack))
		c->rack_fack = end;
	else if (seq_lt(end, c->rack_fack) && !(r->flags & SENT_REXMIT))
		c->reordering_seen = 1;
	/* Step 2: was it the last transmission that arrived? */
	if (r->flags & SENT_REXMIT && echoes_older(k, r))
		return;
	if (r->flags & (SENT_REXMIT | SENT_FOLDED) && rtt < c->min_rtt_us)
		return;
	if (!(r->flags & (SENT_REXMIT | SENT_FOLDED)) &&
	    (rtt < c->min_rtt_us || c->min_rtt_us == 0))
		c->min_rtt_us = rtt;
	if (c->rack_rtt_us == 0 || sent_after(c, r, end)) {
		c->rack_xmit_us = r->xmit_us;
		c->rack_order = r->order;
		c->rack_end = end;
	}
	c->rack_rtt_us = rtt;
}

void rack_adapt(struct tcp_conn *c, uint32_t una, bool dsack, bool over)
{
	if (c->dsack_round && seq_ge(una, c->dsack_seq))
		c->dsack_round = 0;
	if (dsack && !c->dsack_round) {
		c->dsack_round = 1;
		c->dsack_seq = c->snd_max;
		c->reo_wnd_mult += c->reo_wnd_mult < UINT8_MAX;
		c->reo_wnd_persist = 16;
	} else if (over && c->reo_wnd_persist && --c->reo_wnd_persist == 0) {
		c->reo_wnd_mult = 0;
	}
}

uint32_t rack_window(const struct tcp_conn *c)
{
	uint64_t wnd;

	if (!c->reordering_seen &&
	    (c->ca == CA_RECOVERY || c->ca == CA_LOSS ||
	     c->sacked_bytes >= (uint32_t)TCP_DUPTHRESH * c->mss || c->dup_acks >= TCP_DUPTHRESH))
		return 0;
	wnd = (uint64_t)(c->reo_wnd_mult + 1u) * c->min_rtt_us / 4;
	wnd = RTE_MIN(wnd, (uint64_t)c->srtt_us >> 3);
	return (uint32_t)RTE_MAX(wnd, (uint64_t)RACK_CLOCK_US);
}

uint32_t rack_detect(struct worker *w, struct tcp_conn *c)
{
	uint32_t wnd, before = c->lost_bytes, now = tcp_us(w);
	struct tcp_sent *r, *later;

	if (!(c->flags & CONN_SACK))
		return 0;
	wnd = rack_window(c);
	for (r = c->sent_oldest; r; r = later) {
		later = r->later;
		if (!sent_before(c, r) || seq_gt(r->xmit_us + c->rack_rtt_us + wnd, now))
			break;
		sent_lose(c, r);
		count_add(w, CNT_TCP_RACK_LOST, (r->end - r->seq + c->mss - 1) / c->mss);
	}
	return c->lost_bytes - before;
}

/*
 * The last of those that wait was sent no later than what was delivered, which bounds the time:
 * one timer for all of them, as RFC 8985 wants, without a walk.
 */
bool rack_due(const struct tcp_conn *c, uint32_t *us)
{
	const struct tcp_sent *r = c->sent_oldest;

	if (!r || !(c->flags & CONN_SACK) || !sent_before(c, r))
		return false;
	*us = c->rack_xmit_us + c->rack_rtt_us + rack_window(c);
	return true;
}

void rack_timeout(struct worker *w, struct tcp_conn *c)
{
	uint32_t wait = 0, now = tcp_us(w);
	struct tcp_sent *r, *later;

	/* Without SACK nothing would ever tell of the rest. */
	if (c->flags & CONN_SACK)
		wait = (c->rack_rtt_us ? c->rack_rtt_us : c->srtt_us >> 3) + rack_window(c);
	for (r = c->sent_oldest; r && seq_le(r->xmit_us + wait, now); r = later) {
		later = r->later;
		sent_lose(c, r);
	}
	if (c->sent_first && sent_in_flight(c->sent_first))
		sent_lose(c, c->sent_first);
}
