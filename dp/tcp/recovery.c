/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Congestion state: what an ACK or a timer does to it. Reductions happen once a window; one that
 * turns out to be needless is undone.
 *
 *   OPEN      the algorithm grows the window
 *   CWR       ECN told of congestion (RFC 3168): down to ssthresh
 *   RECOVERY  RACK, or three duplicates, told of loss (RFC 6675, 6582): down to ssthresh
 *   LOSS      the timer told (RFC 5681 3.1, 8985 6.3): from one segment up
 */
#include "sent.h"

/* ---- down ---- */

/* RFC 3168 6.1.2: whatever the reason, the other side is told. */
static void tell_cwr(struct tcp_conn *c)
{
	if (c->flags & CONN_ECN)
		c->flags |= CONN_CWR_OUT;
	c->flags &= ~(uint32_t)CONN_PROBING;
}

static void reduce(struct worker *w, struct tcp_conn *c)
{
	c->ssthresh = c->cc->ssthresh(w, c);
	cwnd_prr_start(c);
	tell_cwr(c);
}

static void enter_cwr(struct worker *w, struct tcp_conn *c)
{
	c->prior_cwnd = 0;
	reduce(w, c);
	c->ca = CA_CWR;
	c->recovery_point = c->snd_max;
	count(w, CNT_TCP_ECN_CUT);
}

static void enter_recovery(struct worker *w, struct tcp_conn *c, uint32_t una)
{
	if (c->ca == CA_OPEN) {
		c->prior_cwnd = c->cwnd;
		c->prior_ssthresh = c->ssthresh;
		reduce(w, c);
	}
	c->ca = CA_RECOVERY;
	c->recovery_point = c->snd_max;
	c->undo_una = una;
	c->undo_rexmits = 0;
	count(w, CNT_TCP_RECOVERY);
}

void recovery_timeout(struct worker *w, struct tcp_conn *c)
{
	count(w, CNT_TCP_RTO);
	c->rto_count += c->rto_count < UINT8_MAX;
	c->rto_ms = RTE_MIN(c->rto_ms * 2, (uint32_t)TCP_RTO_MAX_MS);
	c->rto_from_us = tcp_us(w);
	if (c->ca == CA_OPEN) {
		c->prior_cwnd = c->cwnd;
		c->prior_ssthresh = c->ssthresh;
		c->ssthresh = c->cc->ssthresh(w, c);
		c->undo_una = c->snd_una;
		c->undo_rexmits = 0;
	}
	tell_cwr(c);
	c->ca = CA_LOSS;
	c->recovery_point = c->snd_max;
	c->dup_acks = 0;
	if (!(c->flags & CONN_SACK))
		c->sacked_bytes = 0;
	else if (c->sent_first && c->sent_first->flags & SENT_SACKED)
		sent_unsack(c); /* what it has it would have acknowledged */
	rack_timeout(w, c);
	cwnd_prr_start(c);
	c->cwnd = c->mss;
	c->used_seq = c->snd_una;
	c->cc->timeout(w, c);
}

/* RFC 6582: three duplicates, and each ACK that stops short, tell of the segment they ask for. */
static uint32_t newreno_detect(struct worker *w, struct tcp_conn *c, const struct ack_walk *k)
{
	struct tcp_sent *r = c->sent_first;
	bool third =
	    c->ca < CA_RECOVERY && c->dup_acks >= TCP_DUPTHRESH && c->dup_acks != DUP_ACKS_BLOCKED;

	if (!r || !sent_in_flight(r) || !(third || (c->ca == CA_RECOVERY && k->a->acked)))
		return 0;
	if (r->end - r->seq > c->mss)
		recovery_split(w, c, r, r->seq + c->mss);
	sent_lose(c, r);
	sack_virtual_limit(c, k->una);
	return r->end - r->seq;
}

/* ---- up ---- */

/* What was sent again had arrived: nothing was lost (RFC 3708, 4015). */
static void undo(struct worker *w, struct tcp_conn *c)
{
	c->cwnd = RTE_MAX(c->cwnd, c->prior_cwnd);
	c->ssthresh = RTE_MAX(c->ssthresh, c->prior_ssthresh);
	c->prior_cwnd = 0;
	if (c->ca == CA_LOSS)
		sent_unlose(c);
	else if (c->ca == CA_RECOVERY)
		c->reordering_seen = 1;
	c->ca = CA_OPEN;
	if (c->cc->undo)
		c->cc->undo(w, c);
	count(w, CNT_TCP_UNDO);
}

/* Everything that was out when the window was reduced is acknowledged. */
static bool is_over(const struct tcp_conn *c, uint32_t una)
{
	switch (c->ca) {
	case CA_OPEN:
		return false;
	case CA_CWR: /* and the other side has seen CWR */
		return seq_gt(una, c->recovery_point);
	default:
		return seq_ge(una, c->recovery_point);
	}
}

static void leave(struct tcp_conn *c, uint32_t una)
{
	if (c->ca != CA_LOSS)
		c->cwnd = c->ssthresh;
	c->ca = CA_OPEN;
	if (!(c->flags & CONN_SACK)) {
		c->sacked_bytes = 0;
		/* Segments sent twice make duplicates that mean nothing (RFC 6582 3.2 step 1). */
		c->dup_acks = una == c->recovery_point ? DUP_ACKS_BLOCKED : 0;
	}
}

/* ---- ACK ---- */

/* What was sent twice gives a sample only through its timestamp (RFC 7323 4.1). */
static void sample_ts(const struct ack_walk *k)
{
	uint32_t ms;

	if (k->a->rtt_us >= 0 || !k->a->acked || !(k->c->flags & CONN_TS) || !k->s->has_ts)
		return;
	ms = conn_tsval(k->w, k->c) - k->s->tsecr;
	if (ms < TCP_RTO_MAX_MS)
		k->a->rtt_us = (int32_t)RTE_MAX(ms, 1u) * 1000;
}

static void progress(struct ack_walk *k)
{
	struct tcp_conn *c = k->c;

	if (k->a->acked) {
		c->rto_count = 0;
		c->rto_from_us = tcp_us(k->w);
	}
	sample_ts(k);
	if (k->a->rtt_us >= 0)
		recovery_rtt(c, (uint32_t)k->a->rtt_us);
}

/* What follows from loss and marks, and from nothing at all: growth. */
static void respond(struct ack_walk *k, bool ecn, bool repaired, enum tcp_ca before)
{
	struct tcp_conn *c = k->c;
	struct tcp_ack *a = k->a;

	if (a->lost && c->ca < CA_RECOVERY) {
		enter_recovery(k->w, c, k->una);
	} else if (ecn && before == CA_OPEN && c->ca == CA_OPEN && c->flags & CONN_ECN) {
		enter_cwr(k->w, c);
	} else if (repaired && c->ca == CA_OPEN) { /* RFC 8985 7.4.2 */
		c->prior_cwnd = 0;
		c->ssthresh = c->cc->ssthresh(k->w, c);
		c->cwnd = RTE_MIN(c->cwnd, c->ssthresh);
		tell_cwr(c);
	} else if (a->acked && before == c->ca && (before == CA_OPEN || before == CA_LOSS) &&
		   cwnd_is_used(c)) {
		c->cc->acked(k->w, c, a->acked);
		c->cwnd = RTE_MIN(c->cwnd, (uint32_t)TCP_CWND_MAX);
	}
	if (c->ca == CA_CWR || c->ca == CA_RECOVERY)
		cwnd_prr(c, k->una, a->delivered, a->acked && !a->lost);
}

void recovery_ack(struct worker *w, struct tcp_conn *c, const struct tcp_seg *s, bool ecn,
		  struct tcp_ack *a)
{
	struct ack_walk k = { .w = w, .c = c, .s = s, .a = a, .steps = SACK_STEPS };
	enum tcp_ca before = c->ca;
	bool repaired, over;

	*a = (struct tcp_ack){ .rtt_us = -1 };
	k.una = seq_gt(s->ack, c->snd_una) && seq_le(s->ack, c->snd_max) ? s->ack : c->snd_una;
	a->acked = k.una - c->snd_una;
	sack_walk(&k);
	progress(&k);
	repaired = tlp_ack(&k);
	if (c->prior_cwnd && (k.unneeded || (k.spurious && c->ca >= CA_RECOVERY)))
		undo(w, c);
	over = is_over(c, k.una);
	rack_adapt(c, k.una, a->dsack, over && c->ca >= CA_RECOVERY);
	if (over)
		leave(c, k.una);
	a->lost = c->flags & CONN_SACK ? rack_detect(w, c) : newreno_detect(w, c, &k);
	respond(&k, ecn, repaired, before);
}

uint32_t recovery_reorder_timeout(struct worker *w, struct tcp_conn *c)
{
	uint32_t lost = rack_detect(w, c);

	if (lost && c->ca < CA_RECOVERY)
		enter_recovery(w, c, c->snd_una);
	if (c->ca == CA_RECOVERY)
		cwnd_prr(c, c->snd_una, 0, false);
	return lost;
}

/* ---- what goes next ---- */

struct tcp_sent *recovery_next(struct worker *w, struct tcp_conn *c)
{
	struct tcp_sent *r = c->lost_hint;
	uint32_t pipe = recovery_pipe(c);

	(void)w;
	if (c->lost_bytes == 0)
		return NULL;
	while (r && !(r->flags & SENT_LOST))
		r = r->next;
	c->lost_hint = r;
	if (!r)
		return NULL;
	/* The first of a recovery does not wait for room; cwnd is never less than a segment. */
	if (!(c->ca >= CA_RECOVERY && c->prr_out == 0) &&
	    pipe + RTE_MIN(r->end - r->seq, (uint32_t)c->mss) > c->cwnd)
		return NULL;
	r->flags &= (uint16_t)~SENT_PROBE;
	return r;
}

void recovery_resegment(struct worker *w, struct tcp_conn *c)
{
	struct tcp_sent *r, *later;

	(void)w;
	for (r = c->sent_oldest; r; r = later) {
		later = r->later;
		if (r->end - r->seq > c->mss)
			sent_lose(c, r);
	}
	if (!(c->flags & CONN_SACK))
		sack_virtual_limit(c, c->snd_una);
}
