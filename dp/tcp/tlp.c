/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tail loss probes (RFC 8985 7): when ACKs stop coming, the last segment is sent once more, or the
 * next one early, so that its ACK tells what is missing long before the retransmission timeout.
 */
#include "sent.h"

bool tlp_allowed(const struct tcp_conn *c)
{
	return c->flags & CONN_SACK && !(c->flags & CONN_PROBING) &&
	       (c->ca == CA_OPEN || c->ca == CA_CWR) && c->sacked_bytes == 0 &&
	       c->lost_bytes == 0 && c->srtt_us;
}

uint32_t tlp_timeout_us(const struct tcp_conn *c)
{
	uint32_t us = RTE_MAX(c->srtt_us >> 2, TLP_MIN_MS * 1000u);

	if (c->snd_max - c->snd_una <= c->mss)
		us += TLP_ACK_DELAY_MS * 1000;
	return us;
}

struct tcp_sent *recovery_probe(struct worker *w, struct tcp_conn *c)
{
	uint32_t edge = c->snd_una + c->snd_wnd, unsent = conn_unsent(c), mss = c->mss, n;
	struct tcp_sent *r = c->sent_last, *tail;

	n = RTE_MIN(unsent, mss);
	if (n && seq_le(c->snd_max + n, edge))
		return NULL;
	if (!r || !sent_in_flight(r))
		return NULL;
	n = r->end - r->seq;
	if (n > mss) {
		tail = recovery_split(w, c, r, r->seq + (n - 1) / mss * mss);
		r = tail ? tail : r;
	}
	r->flags |= SENT_PROBE;
	return r;
}

void recovery_probed(struct worker *w, struct tcp_conn *c, bool rexmit)
{
	c->flags |= CONN_PROBING;
	c->tlp_end = c->snd_max;
	c->tlp_rexmit = rexmit;
	c->rto_from_us = tcp_us(w);
	count(w, CNT_TCP_REXMIT_PROBE);
}

bool tlp_ack(struct ack_walk *k)
{
	struct tcp_conn *c = k->c;
	bool repaired = false;

	if (!(c->flags & CONN_PROBING) || seq_lt(k->una, c->tlp_end))
		return false;
	if (c->tlp_rexmit && !(k->a->dsack && k->s->sack[0].end == c->tlp_end)) {
		/* Both came, and the receiver says so without SACK; or only the ACK for one. */
		if (k->una == c->tlp_end && (k->a->acked || k->s->n_sack || k->s->len))
			return false;
		repaired = k->una != c->tlp_end;
	}
	c->flags &= ~(uint32_t)CONN_PROBING;
	return repaired;
}
