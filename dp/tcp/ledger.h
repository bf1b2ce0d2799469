/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_LEDGER_H
#define FL_DP_TCP_LEDGER_H

/*
 * The ledger: who holds how many of the packet buffers that all connections of a worker share
 * (tcp.buffers). Queues count their buffers as they are; once a turn each dirty connection is
 * settled, and those that hold something stand in rows by the logarithm of how much, so that the
 * largest are found without a search.
 *
 *   what c holds   its queues and its layer's, what its owner keeps (tcp_hold()); or, where it
 *                  shares an account (tcp_share()), what all of that hold together; guests share
 *                  their source's (places.h)
 *   what it may    LEDGER_SMALL in any case; beyond that no more than is left below three quarters
 *                  of tcp.buffers: n large holders get an n+1-th each, and leave one to the next
 *   with others    LEDGER_LEAST, or nothing when tight, while its user or its source has more than
 *                  its share and no more than the last quarter is left: accounts.h
 *   when tight     LEDGER_FEW, so that what small holders have together leaves room for those
 *                  that come; of single bytes out of order no more than LEDGER_CRUMBS buffers
 *                  while more than three eighths are held
 *   strangers      LEDGER_SMALL and no more, each way, LEDGER_WINDOW bytes; together half of
 *                  tcp.buffers
 *   who pays       see pressure.c
 */
#include "conn.h"

enum {
	LEDGER_SMALL = 16, /* packet buffers: a TLS record of 16 KB, and an answer */
	LEDGER_FEW = 4,
	LEDGER_LEAST = 2, /* one that is read, and one that is waited for: a window of a segment */
	LEDGER_CRUMBS = 4,
	LEDGER_CRUMB = 256,    /* bytes: buffers that hold less on average are crumbs */
	LEDGER_WINDOW = 20480, /* bytes that a stranger may send, or be sent, and wait: the same */
};

/* Part of tcp_create(), tcp_destroy(). */
bool ledger_create(struct worker *w);
void ledger_destroy(struct worker *w);
/* c, which holds n buffers by itself, to its row. */
void ledger_book(struct worker *w, struct tcp_conn *c, uint32_t n);
/* c goes to the end of its row, as if it had moved. */
void ledger_last(struct tcp *t, struct tcp_conn *c);
/* c is dead: nothing of it counts any more. */
void ledger_leave(struct worker *w, struct tcp_conn *c);
/* Whether c may hold n more; of quarters / 4 of what it may hold at most. */
bool ledger_judge(const struct worker *w, const struct tcp_conn *c, uint32_t n, uint32_t quarters);
/* Bytes that c may be offered beyond what it holds. */
uint32_t ledger_window(const struct worker *w, const struct tcp_conn *c);
/* So few buffers, or slots, are left that new connections are refused, or proven first. */
bool ledger_short(const struct worker *w);
bool ledger_crowded(const struct worker *w);
/* Packet buffers that c may hold in any case. */
uint32_t ledger_least(const struct worker *w, const struct tcp_conn *c);
/* Packet buffers that strangers may hold together. */
uint32_t ledger_strangers_max(const struct worker *w);
/* Slots of tcp.connections that only what is proven may take. */
uint32_t ledger_slots_kept(const struct worker *w);

/* Packet buffers that c holds by itself. */
static inline uint32_t ledger_sum(const struct tcp_conn *c)
{
	uint32_t n = c->snd.n + c->rcv.n + c->ooo.n + c->kept;

	return unlikely(c->flags & CONN_LAYER) ? n + c->layer->in.n + c->layer->out.n : n;
}

/* More is held than small holders may have together, and still nobody is refused. */
static inline bool ledger_tight(const struct worker *w)
{
	return w->tcp->held >= w->dp->conf->tcp.buffers / 16 * 13;
}

/* Buffers that c may hold as a small holder, unless its account has more than its share. */
static inline uint32_t ledger_small(const struct worker *w, const struct tcp_conn *c)
{
	return c->standing != TCP_STRANGER && ledger_tight(w) ? LEDGER_FEW : LEDGER_SMALL;
}

/* Whether what c has out of order is n buffers or more, and little in each. */
static inline bool ledger_crumbs(const struct tcp_conn *c, uint32_t n)
{
	return c->ooo.n >= n && c->ooo.bytes < c->ooo.n * LEDGER_CRUMB;
}

/* At the end of c's turn. */
static inline void ledger_settle(struct worker *w, struct tcp_conn *c)
{
	uint32_t n = ledger_sum(c);

	if (unlikely(c->row || c->standing || n != c->booked))
		ledger_book(w, c, n);
}

/* Whether c may hold n more packet buffers. */
static inline bool ledger_allows(const struct worker *w, const struct tcp_conn *c, uint32_t n)
{
	if (likely(w->tcp->held <= w->tcp->ledger.calm && c->standing != TCP_STRANGER))
		return true;
	return ledger_judge(w, c, n, 4);
}

/*
 * Whether c may hold n more packet buffers of bytes that it is given to send. A few go, whatever
 * came from it and waits: an owner who cannot answer does not read on, and would hold it for good.
 */
static inline bool ledger_allows_out(const struct worker *w, const struct tcp_conn *c, uint32_t n)
{
	uint32_t out;

	if (likely(ledger_allows(w, c, n)))
		return true;
	out = c->snd.n + (c->flags & CONN_LAYER ? c->layer->out.n : 0);
	return out + n <= ledger_least(w, c) && w->tcp->held + n <= w->dp->conf->tcp.buffers;
}

/*
 * Whether c may hold one more packet buffer that came out of order. The bound is lower than
 * ledger_allows() has it: what is missing must still get in.
 */
static inline bool ledger_allows_early(const struct worker *w, const struct tcp_conn *c)
{
	if (likely(w->tcp->held <= w->tcp->ledger.calm && c->standing != TCP_STRANGER))
		return true;
	return !ledger_crumbs(c, LEDGER_CRUMBS) && ledger_judge(w, c, 1, 3);
}

/* What the window may grow to. */
static inline uint32_t ledger_rcv_max(const struct tcp_conn *c)
{
	return unlikely(c->standing == TCP_STRANGER) ? RTE_MIN(c->rcv_buf, (uint32_t)LEDGER_WINDOW)
						     : c->rcv_buf;
}

#endif
