/* SPDX-License-Identifier: BSD-3-Clause */
/* The window we offer: it follows what waits, and the ledger (RFC 9293 3.8.6.2.2). */
#include "ledger.h"

/* Milliseconds between looks for buffers, with a window closed for want of them. */
enum { SQUEEZED_MS = 20 };

/* The buffers of others keep the window from what the owner's reading would make it. */
static bool window_squeezed(const struct worker *w, const struct tcp_conn *c)
{
	uint32_t used = conn_unread(c);

	return used < c->rcv_buf && ledger_window(w, c) < c->rcv_buf - used;
}

/*
 * What the window may grow to: at first what a handshake offers, and more with what comes. A
 * sender's congestion window (RFC 5681 3.1) grows no faster, and what it may not use yet cannot be
 * taken back.
 */
static uint32_t window_max(const struct tcp_conn *c)
{
	return (uint32_t)RTE_MIN((uint64_t)ledger_rcv_max(c), TCP_FIRST_WINDOW + c->rx_bytes);
}

/* RFC 9293 3.8.6.2.2: the edge moves by a segment or half the buffer, and never back. */
uint32_t conn_window(const struct worker *w, const struct tcp_conn *c)
{
	uint32_t used = conn_unread(c), offered = c->rcv_adv - c->rcv_nxt;
	uint32_t max = window_max(c), space = max > used ? max - used : 0;

	if (seq_lt(c->rcv_adv, c->rcv_nxt))
		offered = 0;
	/* While buffers are short less is offered; what was offered stands. */
	space = RTE_MIN(space, ledger_window(w, c));
	/* Nobody reads: no more than was offered before that was known. */
	if (unlikely(c->flags & CONN_PAUSED))
		space = 0;
	space &= ~((1u << c->rcv_wscale) - 1);
	if (space <= offered || space - offered < RTE_MIN((uint32_t)c->mss, c->rcv_buf / 2))
		return offered;
	return space;
}

void window_update(struct worker *w, struct tcp_conn *c)
{
	uint32_t offered = c->rcv_adv - c->rcv_nxt, now = conn_window(w, c);

	if (now > offered) {
		if (unlikely(credit_given(c)))
			c->flags |= CONN_ACK_NOW;
		now = credit_window(w, c, offered, now);
	}
	if (now > offered) {
		/*
		 * The other side may be waiting for this: nothing else would tell it. What the
		 * handshake could not say, being unscaled, the first ACK of data does.
		 */
		if (c->flags & CONN_ZERO_WND || offered < 2u * c->mss ||
		    (c->rx_bytes && now - offered >= c->rcv_buf / 4))
			c->flags |= CONN_ACK_NOW;
		c->rcv_adv = c->rcv_nxt + now;
	} else if (unlikely(offered < 2u * c->mss && window_squeezed(w, c)) &&
		   !conn_timer_on(c, TCP_TIMER_PERSIST)) {
		/* Others have the buffers: nobody but we will look again when they are free. */
		conn_timer_set(w, c, TCP_TIMER_PERSIST, SQUEEZED_MS);
	}
	if (now >> c->rcv_wscale == 0 && !(c->flags & CONN_ZERO_WND)) {
		c->flags |= CONN_ZERO_WND;
		count(w, CNT_TCP_ZERO_WINDOW_TX);
	} else if (now >> c->rcv_wscale) {
		c->flags &= ~(uint32_t)CONN_ZERO_WND;
	}
}
