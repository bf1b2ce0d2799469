/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an acknowledgement says of the records: cumulatively, by SACK (RFC 2018, blocks checked as
 * RFC 6675 5 wants), by DSACK (RFC 2883), and by repeating itself where there is no SACK.
 */
#include "sent.h"

/* ---- DSACK ---- */

/* The first block lies below what its segment acknowledges, or inside the second (RFC 2883 4). */
static bool is_dsack(const struct ack_walk *k)
{
	const struct tcp_sack_block *b = k->s->sack;

	if (k->s->n_sack == 0 || !seq_lt(b[0].start, b[0].end) || seq_gt(b[0].end, k->c->snd_max))
		return false;
	if (seq_le(b[0].end, k->s->ack))
		return true;
	return k->s->n_sack > 1 && seq_le(b[1].start, b[0].start) && seq_le(b[0].end, b[1].end);
}

/* Takes from what was sent again since the reduction that may be undone. */
static void dsack(struct ack_walk *k)
{
	const struct tcp_sack_block *b = &k->s->sack[0];
	struct tcp_conn *c = k->c;

	if (!is_dsack(k))
		return;
	k->a->dsack = true;
	count(k->w, CNT_TCP_DSACK_RX);
	if (c->undo_rexmits == 0 || seq_lt(b->start, c->undo_una))
		return;
	c->undo_rexmits -= RTE_MIN(c->undo_rexmits, b->end - b->start);
	k->unneeded = c->undo_rexmits == 0;
}

/* ---- cumulative ---- */

/* A sample for the timer is of the oldest: the delay of the ACK belongs to it. */
static void sample(struct ack_walk *k, const struct tcp_sent *r)
{
	if (k->a->rtt_us < 0 && !(r->flags & (SENT_REXMIT | SENT_FOLDED)))
		k->a->rtt_us = (int32_t)clamp_u32(tcp_us(k->w) - r->xmit_us, 1, INT32_MAX);
}

/* r, up to end, is delivered, unless that was known. */
static void delivered(struct ack_walk *k, const struct tcp_sent *r, uint32_t end)
{
	k->a->rexmitted |= (r->flags & SENT_REXMIT) != 0;
	if (r->flags & SENT_SACKED)
		return;
	k->a->delivered += end - r->seq;
	sample(k, r);
	rack_delivered(k, r, end);
}

static void cumulative(struct ack_walk *k)
{
	struct tcp_conn *c = k->c;
	struct tcp_sent *r = c->sent_first;

	if (r && seq_lt(r->seq, k->una))
		k->spurious = rack_is_spurious(k, r);
	while ((r = c->sent_first) != NULL && seq_le(r->end, k->una)) {
		delivered(k, r, r->end);
		sent_free(k->w, c, r);
	}
	if (r && seq_lt(r->seq, k->una)) {
		delivered(k, r, k->una);
		sent_trim(c, r, k->una);
	}
	if (k->a->rexmitted) /* Karn: which transmission arrived is not known (RFC 6298 3) */
		k->a->rtt_us = -1;
}

/* ---- SACK ---- */

/*
 * Cuts r so that a record covers what of [start, end) it holds; NULL when that is nothing, or no
 * record can be had. Cuts are made a whole number of segments from r's start only: a receiver that
 * SACKs odd bytes cannot have us keep a record for each.
 */
static struct tcp_sent *carve(struct ack_walk *k, struct tcp_sent *r, uint32_t start, uint32_t end)
{
	uint32_t mss = k->c->mss, from = 0, to = r->end - r->seq;

	if (seq_gt(start, r->seq))
		from = (start - r->seq + mss - 1) / mss * mss;
	if (seq_lt(end, r->end))
		to = (end - r->seq) / mss * mss;
	if (from >= to)
		return NULL;
	to += r->seq;
	if (from)
		r = recovery_split(k->w, k->c, r, r->seq + from);
	/* It may have grown meanwhile, to make room. */
	return !r || r->end == to || recovery_split(k->w, k->c, r, to) ? r : NULL;
}

static void sack_block(struct ack_walk *k, uint32_t start, uint32_t end)
{
	struct tcp_sent *r = sent_find(k->c, start, &k->steps), *part;

	for (; r && seq_lt(r->seq, end) && k->steps; r = r->next, k->steps--) {
		if (r->flags & SENT_SACKED)
			continue;
		part = carve(k, r, start, end);
		if (!part)
			continue;
		delivered(k, part, part->end);
		r = sent_sack(k->w, k->c, part);
		k->c->sack_hint = r;
	}
}

/* Blocks in ascending order: what was reordered is told by order (RFC 8985 6.2 step 3). */
static void sack_blocks(struct ack_walk *k)
{
	struct tcp_sack_block b[TCP_SACK_MAX], t;
	uint32_t flight = k->c->snd_max - k->una, from, to, i, j, n = 0;

	for (i = 0; i < k->s->n_sack; i++) {
		t = k->s->sack[i];
		from = t.start - k->una;
		to = t.end - k->una;
		if (from == 0 || from >= to || to > flight)
			continue;
		for (j = n++; j > 0 && seq_lt(t.start, b[j - 1].start); j--)
			b[j] = b[j - 1];
		b[j] = t;
	}
	for (i = 0; i < n; i++)
		sack_block(k, b[i].start, b[i].end);
}

/* ---- no SACK ---- */

/* RFC 5681 2: nothing but the ACK, and something to acknowledge. */
static bool is_duplicate(const struct ack_walk *k)
{
	return k->c->sent_first && k->s->ack == k->c->snd_una && k->s->len == 0 &&
	       !(k->s->flags & (TCP_SYN | TCP_FIN)) &&
	       k->s->wnd << k->c->snd_wscale == k->c->snd_wnd;
}

void sack_virtual_limit(struct tcp_conn *c, uint32_t una)
{
	uint32_t flight = c->snd_max - una;
	uint32_t hole = clamp_u32(c->mss, c->lost_bytes, flight);

	c->sacked_bytes = RTE_MIN(c->sacked_bytes, flight - hole);
}

/*
 * Each duplicate says that some segment arrived beyond the hole: sacked_bytes counts them, no
 * record is marked. An ACK that moves on covers the hole and eats the duplicates of the rest.
 */
static void duplicates(struct ack_walk *k)
{
	struct tcp_conn *c = k->c;
	uint32_t before = c->sacked_bytes, n;

	if (k->a->acked) {
		n = k->a->acked > c->mss ? RTE_MIN(before, k->a->acked - c->mss) : 0;
		n = RTE_MIN(n, k->a->delivered);
		c->sacked_bytes -= n;
		k->a->delivered -= n;
		c->dup_acks = 0;
		sack_virtual_limit(c, k->una);
	} else if (is_duplicate(k) && c->ca != CA_LOSS && c->dup_acks != DUP_ACKS_BLOCKED) {
		c->dup_acks += c->dup_acks < DUP_ACKS_BLOCKED - 1;
		c->sacked_bytes += c->mss;
		sack_virtual_limit(c, k->una);
		k->a->delivered = c->sacked_bytes - RTE_MIN(c->sacked_bytes, before);
	}
}

void sack_walk(struct ack_walk *k)
{
	struct tcp_conn *c = k->c;
	uint32_t in_order;

	if (c->flags & CONN_SACK)
		dsack(k);
	cumulative(k);
	if (!(c->flags & CONN_SACK)) {
		duplicates(k);
		return;
	}
	in_order = k->a->delivered;
	sack_blocks(k);
	if (k->a->acked)
		c->dup_acks = 0;
	if (k->a->delivered > in_order)
		c->dup_acks += c->dup_acks < DUP_ACKS_BLOCKED;
}
