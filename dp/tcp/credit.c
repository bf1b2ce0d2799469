/* SPDX-License-Identifier: BSD-3-Clause */
#include "credit.h"
#include "conn.h"

#include <rte_malloc.h>

enum {
	PERIOD_MS = 50,
	LONG_US = 200,		      /* a turn that lets wait what came */
	ROOM_MIN = 16 * CREDIT_PIECE, /* nobody waits where so few send */
	ROOM_PERIODS = 4,	      /* what comes in so many is no bound any more */
	GROW_SHIFT = 4,
	PERIODS = 32,		  /* as many as tcp_conn.credit_period tells apart */
	ASK = CREDIT_PIECE / 8,	  /* bytes left of the last piece when the next is asked for */
	RECORD = 18437,		  /* the longest of TLS 1.2, with its head (RFC 5246 6.2.3) */
	SLOW = CREDIT_PIECE / 16, /* what is counted for the piece of one that is slow */
	TURN = 64,		  /* connections that are given credit in a turn */
	STRANGERS_DIV = 4,	  /* one in so many is a stranger, if others wait */
};

#define CREDIT_NOT_WAITING (SLOT_NONE - 1)

bool credit_create(struct worker *w)
{
	const uint32_t n = w->dp->conf->tcp.connections;
	struct credit *t = &w->tcp->credit;

	t->row[0].first = t->row[1].first = SLOT_NONE;
	t->next = rte_malloc("credit", sizeof(t->next[0]) * (size_t)n, RTE_CACHE_LINE_SIZE);
	for (uint32_t i = 0; t->next && i < n; i++)
		t->next[i] = CREDIT_NOT_WAITING;
	return t->next != NULL;
}

void credit_destroy(struct worker *w)
{
	rte_free(w->tcp->credit.next);
}

/* ---- what is out ---- */

/* Whether c's credit counts: that of the period before last has expired. */
static bool counts(const struct credit *t, const struct tcp_conn *c)
{
	return (t->period - c->credit_period) % PERIODS <= 1;
}

static void out_less(struct credit *t, const struct tcp_conn *c, uint64_t n)
{
	uint64_t *of = &t->out[c->credit_period & 1];

	if (counts(t, c))
		*of -= RTE_MIN(*of, n);
}

void credit_used(struct worker *w, struct tcp_conn *c, uint32_t n)
{
	struct credit *t = &w->tcp->credit;

	t->bytes += n;
	if (unlikely(c->credit == CREDIT_IN_USE))
		out_less(t, c, n);
}

/* ---- how much may be ---- */

/*
 * A worker that is merely busy always finds some, too, but takes all of it, and it has waited for a
 * few microseconds only.
 */
static bool stands(const struct polls *p)
{
	return p->some & ~p->part || (p->some & ~p->none && p->times < PERIOD_MS * 1000 / LONG_US);
}

static void room_learn(struct worker *w)
{
	struct credit *t = &w->tcp->credit;
	const uint64_t from = t->room ? t->room : t->bytes;
	const bool stand = stands(&w->polls);

	w->polls = (struct polls){ 0 };
	if (stand && t->bytes)
		t->room = RTE_MAX(from / 4 * 3, (uint64_t)ROOM_MIN);
	else
		t->room += t->room >> GROW_SHIFT;
	if (t->room > ROOM_PERIODS * RTE_MAX(t->bytes, (uint64_t)ROOM_MIN))
		t->room = 0;
}

static void period_begin(struct worker *w)
{
	struct credit *t = &w->tcp->credit;

	room_learn(w);
	t->until_ms = w->now_ms + PERIOD_MS;
	t->bytes = 0;
	t->period++;
	t->out[t->period & 1] = 0;
}

/* ---- whose turn it is ---- */

static void wait_for(struct credit *t, struct credit_row *r, uint32_t i)
{
	if (t->next[i] != CREDIT_NOT_WAITING)
		return;
	t->next[i] = SLOT_NONE;
	if (r->first == SLOT_NONE)
		r->first = i;
	else
		t->next[r->last] = i;
	r->last = i;
}

/* Whose turn it is; NULL: nobody waits. */
static struct credit_row *row_next(struct credit *t)
{
	const bool others = t->row[0].first != SLOT_NONE, strangers = t->row[1].first != SLOT_NONE;

	if (likely(!others && !strangers))
		return NULL;
	return &t->row[!others || (strangers && t->turns % STRANGERS_DIV == 0)];
}

static void give(struct worker *w, struct tcp_conn *c)
{
	struct credit *t = &w->tcp->credit;
	const bool slow = c->credit == CREDIT_WAITS_SLOW;

	c->credit = slow ? CREDIT_GIVEN_SLOW : CREDIT_GIVEN;
	c->credit_period = t->period % PERIODS;
	t->out[t->period & 1] += slow ? SLOW : CREDIT_PIECE;
	conn_dirty(w, c);
}

static bool has_room(const struct credit *t)
{
	return !t->room || t->out[0] + t->out[1] + CREDIT_PIECE <= t->room;
}

void credit_turn(struct worker *w)
{
	struct credit *t = &w->tcp->credit;
	struct credit_row *r;

	if (unlikely(w->now_ms >= t->until_ms))
		period_begin(w);
	for (int n = 0; n < TURN && (r = row_next(t)) != NULL && has_room(t); n++) {
		const uint32_t i = r->first;
		struct tcp_conn *c = &w->tcp->conn[i];

		r->first = t->next[i];
		t->next[i] = CREDIT_NOT_WAITING;
		t->turns++;
		/* One that has ended may have left its place to another: that may have it. */
		if (c->gen & CONN_GEN_LIVE && !(c->flags & (CONN_DEAD | CONN_FIN_RCVD)))
			give(w, c);
	}
}

/* Takes what it was given; what it has no use for goes back. */
static uint32_t piece_take(struct credit *t, struct tcp_conn *c, uint32_t offered, uint32_t space)
{
	const uint32_t end = RTE_MAX(offered, (uint32_t)CREDIT_PIECE), to = RTE_MIN(space, end);

	if (c->credit == CREDIT_GIVEN)
		out_less(t, c, CREDIT_PIECE - (to - offered));
	c->credit = c->credit == CREDIT_GIVEN ? CREDIT_IN_USE : CREDIT_IN_USE_SLOW;
	return to;
}

bool credit_given(const struct tcp_conn *c)
{
	return c->credit == CREDIT_GIVEN || c->credit == CREDIT_GIVEN_SLOW;
}

bool tcp_waits_for_credit(const struct worker *w, const struct tcp_conn *c)
{
	return w->tcp->credit.next[conn_idx(w, c)] != CREDIT_NOT_WAITING;
}

/* With less a sender could wait for more, or a record not be whole. */
static uint32_t ask_below(const struct tcp_conn *c)
{
	const uint32_t least = c->flags & CONN_LAYER ? RECORD : ASK;

	return RTE_MAX(least, (uint32_t)c->rcv_mss);
}

uint32_t credit_window(struct worker *w, struct tcp_conn *c, uint32_t offered, uint32_t space)
{
	struct credit *t = &w->tcp->credit;

	if (unlikely(credit_given(c)))
		return piece_take(t, c, offered, space);
	if (likely(!t->room) || c->flags & CONN_FIN_RCVD)
		return space;
	if (offered >= ask_below(c))
		return offered;
	if (c->credit >= CREDIT_IN_USE)
		c->credit = counts(t, c) ? CREDIT_NONE : CREDIT_WAITS_SLOW;
	wait_for(t, &t->row[c->standing == TCP_STRANGER], conn_idx(w, c));
	return offered;
}
