/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of what was sent: two lists, three conditions, and the sums of bytes (sent.h). */
#include "sent.h"
#include "../../lib/bug.h"

#include <rte_malloc.h>

enum {
	SENT_OWN = 3,	    /* records of each connection: what is lost, what is SACKed, the rest */
	SENT_STRANGER = 12, /* in all, of a connection that nobody vouches for */
	SENT_MAX = 16384,   /* of anybody */
	ROOM_STEPS = 8,	    /* records on each side that are looked at for two to become one */
};

static uint32_t len(const struct tcp_sent *r)
{
	return r->end - r->seq;
}

/* ---- the list by sequence number ---- */

/* Puts r behind at, which may be NULL when the list is empty. */
static void seq_insert(struct tcp_conn *c, struct tcp_sent *at, struct tcp_sent *r)
{
	r->prev = at;
	r->next = at ? at->next : NULL;
	*(r->prev ? &r->prev->next : &c->sent_first) = r;
	*(r->next ? &r->next->prev : &c->sent_last) = r;
}

static void seq_remove(struct tcp_conn *c, struct tcp_sent *r)
{
	if (c->sack_hint == r)
		c->sack_hint = r->prev ? r->prev : r->next;
	if (c->lost_hint == r)
		c->lost_hint = r->next;
	*(r->prev ? &r->prev->next : &c->sent_first) = r->next;
	*(r->next ? &r->next->prev : &c->sent_last) = r->prev;
}

struct tcp_sent *sent_find(struct tcp_conn *c, uint32_t seq, uint32_t *steps)
{
	struct tcp_sent *r = c->sack_hint ? c->sack_hint : c->sent_first;

	if (!r)
		return NULL;
	/* Begin at the nearest of three. */
	if (seq - c->sent_first->seq < (seq_lt(seq, r->seq) ? r->seq - seq : seq - r->seq))
		r = c->sent_first;
	if (seq_lt(r->seq, seq) && c->sent_last->seq - seq < seq - r->seq)
		r = c->sent_last;
	while (r && seq_lt(seq, r->seq) && *steps) {
		r = r->prev;
		(*steps)--;
	}
	while (r && seq_le(r->end, seq) && *steps) {
		r = r->next;
		(*steps)--;
	}
	if (r)
		c->sack_hint = r;
	return r && seq_le(r->seq, seq) && seq_lt(seq, r->end) ? r : NULL;
}

/* ---- the list by time of transmission ---- */

/* Puts r behind at; NULL: before all others. */
static void time_insert(struct tcp_conn *c, struct tcp_sent *at, struct tcp_sent *r)
{
	r->sooner = at;
	r->later = at ? at->later : c->sent_oldest;
	*(r->sooner ? &r->sooner->later : &c->sent_oldest) = r;
	*(r->later ? &r->later->sooner : &c->sent_newest) = r;
}

static void time_remove(struct tcp_conn *c, struct tcp_sent *r)
{
	*(r->sooner ? &r->sooner->later : &c->sent_oldest) = r->later;
	*(r->later ? &r->later->sooner : &c->sent_newest) = r->sooner;
}

/* r, in flight or in no list yet, was sent now. */
static void time_now(struct worker *w, struct tcp_conn *c, struct tcp_sent *r)
{
	r->xmit_us = tcp_us(w);
	r->order = ++c->sent_order;
	time_insert(c, c->sent_newest, r);
}

/* ---- the pool ---- */

bool sent_create(struct tcp *t, uint32_t conns, uint32_t shared, uint32_t max)
{
	uint32_t n = conns * SENT_OWN + shared, i;

	t->sent = rte_zmalloc("tcp_sent", sizeof(*t->sent) * (size_t)n, RTE_CACHE_LINE_SIZE);
	for (i = 0; t->sent && i < n; i++)
		t->sent[i].next = i + 1 < n ? &t->sent[i + 1] : NULL;
	t->sent_free = t->sent;
	t->records_pool = shared;
	sent_limit(t, max);
	return t->sent != NULL;
}

void sent_limit(struct tcp *t, uint32_t max)
{
	t->records_max = clamp_u32(max, SENT_STRANGER, SENT_MAX);
}

uint32_t sent_left(const struct tcp *t, const struct tcp_conn *c)
{
	bool stranger = c->standing == TCP_STRANGER;
	uint32_t max = stranger ? (uint32_t)SENT_STRANGER : t->records_max;
	uint32_t pool = stranger ? t->records_pool / 2 : t->records_pool;
	uint32_t rest = pool > t->records_shared ? pool - t->records_shared : 0;
	uint32_t own = c->records < SENT_OWN ? SENT_OWN - c->records : 0;
	uint32_t shared = c->records > SENT_OWN ? c->records - SENT_OWN : 0;

	own += rest > shared ? rest - shared : 0;
	return max > c->records ? RTE_MIN(own, max - c->records) : 0;
}

static struct tcp_sent *sent_get(struct tcp *t, struct tcp_conn *c)
{
	struct tcp_sent *r = t->sent_free;

	if (BUG_ON(!r))
		return NULL;
	t->sent_free = r->next;
	t->records_shared += c->records >= SENT_OWN;
	t->records++;
	c->records++;
	return r;
}

static void sent_put(struct tcp *t, struct tcp_conn *c, struct tcp_sent *r)
{
	WARN_ON(c->records == 0 || t->records == 0);
	r->next = t->sent_free;
	t->sent_free = r;
	c->records--;
	t->records--;
	t->records_shared -= c->records >= SENT_OWN;
}

/* ---- room ---- */

/* a and its next may be one record. */
static bool alike(const struct tcp_sent *a)
{
	const uint16_t which = SENT_SACKED | SENT_LOST;

	return (a->flags & which) == (a->next->flags & which);
}

/*
 * Appends a's next, which is in the same condition, to it. The time is the later's: nothing is
 * taken for lost too soon.
 */
static void join(struct worker *w, struct tcp_conn *c, struct tcp_sent *a)
{
	struct tcp_sent *b = a->next;
	bool flies = sent_in_flight(a);

	if (seq_lt(a->order, b->order)) {
		a->xmit_us = b->xmit_us;
		a->order = b->order;
		if (flies) {
			time_remove(c, a);
			time_insert(c, b, a);
		}
	}
	if (flies)
		time_remove(c, b);
	a->end = b->end;
	a->flags |= b->flags | SENT_FOLDED;
	a->rexmits = RTE_MAX(a->rexmits, b->rexmits);
	if (c->sack_hint == b)
		c->sack_hint = a;
	seq_remove(c, b);
	sent_put(w->tcp, c, b);
}

/*
 * Whether there is a record for c: if it may have no more two neighbours near `at` become one. keep
 * is appended to none, though what follows may be to it.
 */
static bool sent_room(struct worker *w, struct tcp_conn *c, struct tcp_sent *at,
		      const struct tcp_sent *keep)
{
	struct tcp_sent *r;
	uint32_t n;

	if (likely(sent_left(w->tcp, c)))
		return true;
	for (r = at, n = 0; r && r->prev && n < ROOM_STEPS; r = r->prev, n++) {
		if (r != keep && alike(r->prev)) {
			join(w, c, r->prev);
			return true;
		}
	}
	for (r = at, n = 0; r && r->next && n < ROOM_STEPS; r = r->next, n++) {
		if (alike(r)) {
			join(w, c, r);
			return true;
		}
	}
	return false;
}

/* ---- life ---- */

struct tcp_sent *recovery_sent(struct worker *w, struct tcp_conn *c, uint32_t seq, uint32_t end,
			       uint16_t flags)
{
	struct tcp_sent *r;
	uint32_t pipe;

	if (unlikely(!sent_room(w, c, c->sent_last, NULL)))
		return NULL;
	if (!c->sent_first) {
		cwnd_restart(w, c);
		c->rack_fack = seq;
	}
	r = sent_get(w->tcp, c);
	if (unlikely(!r))
		return NULL;
	*r = (struct tcp_sent){ .seq = seq, .end = end, .flags = flags };
	seq_insert(c, c->sent_last, r);
	time_now(w, c, r);
	pipe = end - c->snd_una - c->sacked_bytes - c->lost_bytes;
	cwnd_used(c, pipe, end);
	c->prr_out += end - seq;
	return r;
}

/*
 * The record that has [r->seq, end) alone, or, when there is none to be had, the one before, which
 * was sent again as well and takes these bytes over. If even that is not so it is all of r, whose
 * rest the timer will tell of again.
 */
static struct tcp_sent *sent_front(struct worker *w, struct tcp_conn *c, struct tcp_sent *r,
				   uint32_t end)
{
	struct tcp_sent *prev = r->prev;

	if (r->end == end || recovery_split(w, c, r, end)) {
		r->flags &= (uint16_t)~SENT_FOLDED;
		return r;
	}
	if (!(r->flags & SENT_LOST) || !prev || !sent_in_flight(prev) ||
	    !(prev->flags & SENT_REXMIT))
		return r;
	c->lost_bytes -= end - r->seq;
	r->seq = prev->end = end;
	prev->flags |= SENT_FOLDED;
	return prev;
}

void recovery_resent(struct worker *w, struct tcp_conn *c, struct tcp_sent *r, uint32_t end)
{
	uint32_t bytes = end - r->seq;
	bool probe = r->flags & SENT_PROBE;

	r = sent_front(w, c, r, end);
	if (r->flags & SENT_LOST)
		c->lost_bytes -= len(r);
	else
		time_remove(c, r);
	r->flags = (uint16_t)((r->flags & ~SENT_LOST) | SENT_REXMIT);
	r->rexmits += r->rexmits < UINT16_MAX;
	time_now(w, c, r);
	if (r == c->sent_first)
		c->rto_from_us = r->xmit_us;
	cwnd_used(c, recovery_pipe(c), c->snd_max);
	c->prr_out += bytes;
	c->undo_rexmits += bytes;
	c->retransmits++;
	if (!probe) /* those recovery_probed() counts */
		count(w, c->ca == CA_LOSS ? CNT_TCP_REXMIT_RTO : CNT_TCP_REXMIT_FAST);
}

struct tcp_sent *recovery_split(struct worker *w, struct tcp_conn *c, struct tcp_sent *s,
				uint32_t seq)
{
	struct tcp_sent *r;

	if (unlikely(!sent_room(w, c, s, s)))
		return NULL;
	r = sent_get(w->tcp, c);
	if (unlikely(!r))
		return NULL;
	*r = *s;
	r->seq = s->end = seq;
	s->flags &= (uint16_t)~SENT_FIN;
	seq_insert(c, s, r);
	if (sent_in_flight(s))
		time_insert(c, s, r);
	return r;
}

void sent_free(struct worker *w, struct tcp_conn *c, struct tcp_sent *r)
{
	WARN_ON(r->flags & SENT_SACKED && c->sacked_bytes < len(r));
	WARN_ON(r->flags & SENT_LOST && c->lost_bytes < len(r));
	if (r->flags & SENT_SACKED)
		c->sacked_bytes -= len(r);
	else if (r->flags & SENT_LOST)
		c->lost_bytes -= len(r);
	else
		time_remove(c, r);
	seq_remove(c, r);
	sent_put(w->tcp, c, r);
}

void sent_trim(struct tcp_conn *c, struct tcp_sent *r, uint32_t seq)
{
	if (r->flags & SENT_SACKED)
		c->sacked_bytes -= seq - r->seq;
	else if (r->flags & SENT_LOST)
		c->lost_bytes -= seq - r->seq;
	r->seq = seq;
}

void recovery_clear(struct worker *w, struct tcp_conn *c)
{
	while (c->sent_first)
		sent_free(w, c, c->sent_first);
	c->sacked_bytes = c->lost_bytes = 0;
}

/* ---- conditions ---- */

struct tcp_sent *sent_sack(struct worker *w, struct tcp_conn *c, struct tcp_sent *r)
{
	struct tcp_sent *prev = r->prev;

	if (r->flags & SENT_LOST)
		c->lost_bytes -= len(r);
	else
		time_remove(c, r);
	r->flags = (uint16_t)((r->flags & ~SENT_LOST) | SENT_SACKED);
	c->sacked_bytes += len(r);
	if (r->next && r->next->flags & SENT_SACKED)
		join(w, c, r);
	if (prev && prev->flags & SENT_SACKED) {
		join(w, c, prev);
		return prev;
	}
	return r;
}

void sent_lose(struct tcp_conn *c, struct tcp_sent *r)
{
	time_remove(c, r);
	if (!c->lost_hint || c->lost_bytes == 0 || seq_lt(r->seq, c->lost_hint->seq))
		c->lost_hint = r;
	r->flags |= SENT_LOST;
	c->lost_bytes += len(r);
}

void sent_unlose(struct tcp_conn *c)
{
	struct tcp_sent *r, *at = NULL;

	for (r = c->sent_first; r && c->lost_bytes; r = r->next) {
		if (!(r->flags & SENT_LOST))
			continue;
		/* Most were sent once, so that the next belongs right behind the last. */
		if (at && seq_lt(r->order, at->order))
			at = NULL;
		while ((at ? at->later : c->sent_oldest) &&
		       seq_le((at ? at->later : c->sent_oldest)->order, r->order))
			at = at ? at->later : c->sent_oldest;
		r->flags &= (uint16_t)~SENT_LOST;
		c->lost_bytes -= len(r);
		time_insert(c, at, r);
		at = r;
	}
}

void sent_unsack(struct tcp_conn *c)
{
	struct tcp_sent *r;

	for (r = c->sent_first; r; r = r->next) {
		if (!(r->flags & SENT_SACKED))
			continue;
		r->flags = (uint16_t)((r->flags & ~SENT_SACKED) | SENT_LOST);
		c->sacked_bytes -= len(r);
		if (!c->lost_hint || c->lost_bytes == 0 || seq_lt(r->seq, c->lost_hint->seq))
			c->lost_hint = r;
		c->lost_bytes += len(r);
	}
}
