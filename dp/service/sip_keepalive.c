/* SPDX-License-Identifier: BSD-3-Clause */
#include "sip_keepalive.h"
#include "../clock.h"
#include "../tcp/splice.h"
#include "../../lib/sip_frame.h"

enum {
	RETRY_MS = 5,	  /* when there was no buffer */
	HOLD_MS = 1000,	  /* the start of a ping waits so long for the rest, then it passes */
	PONGS_MAX = 8,	  /* that wait; more pings than that get no more answers */
	PING_BUDGET = 64, /* pings of one connection before it is another's turn */
};

/* Kept bytes of each of the two, about what it sends to us. */
struct keepalive {
	struct sip_frame frame;
	uint32_t judged;  /* bytes that the frame has seen and that were not moved on yet */
	uint32_t held_ms; /* the client's: when the start of a ping passes; 0: none is held */
	uint32_t pongs;	  /* the back end's: to be put between its messages */
};
_Static_assert(sizeof(struct keepalive) <= SPLICE_KEEP, "kept bytes");

static struct keepalive *keepalive_of(struct tcp_conn *c)
{
	return tcp_data(c);
}

static void keepalive_scan(struct worker *w, struct keepalive *e, const uint8_t *p, uint32_t n)
{
	e->judged += sip_frame_scan(&e->frame, p, n);
	if (sip_frame_lost(&e->frame))
		count(w, CNT_TLS_SIP_LOST);
}

/* Moves on what was judged of the first buffer: all of it as it is, a part as a copy. */
static uint32_t keepalive_move(struct worker *w, struct tcp_conn *from, struct tcp_conn *to)
{
	struct rte_mbuf *m = tcp_recv_peek(from);
	struct keepalive *e = keepalive_of(from);
	uint32_t n;

	if (e->judged >= m->data_len) {
		n = tcp_pass(w, from, to);
	} else if (tcp_send_bytes(w, to, rte_pktmbuf_mtod(m, void *), e->judged)) {
		n = e->judged;
		tcp_recv_skip(w, from, n);
	} else {
		n = 0;
		tcp_app_timer(w, from, RETRY_MS);
	}
	e->judged -= n;
	return n;
}

/* ---- from the back end ---- */

/* Pongs go out where a message may begin. */
static void pongs_send(struct worker *w, struct tcp_conn *backend, struct tcp_conn *client)
{
	struct keepalive *e = keepalive_of(backend);

	while (e->pongs && !e->judged && sip_frame_between(&e->frame) &&
	       tcp_send_bytes(w, client, "\r\n", 2)) {
		e->pongs--;
		count(w, CNT_TLS_CRLF);
	}
}

static uint32_t keepalive_down(struct worker *w, struct tcp_conn *backend, struct tcp_conn *client)
{
	struct keepalive *e = keepalive_of(backend);
	const struct rte_mbuf *m;

	pongs_send(w, backend, client);
	m = tcp_recv_peek(backend);
	if (!m)
		return 0;
	if (sip_frame_lost(&e->frame) || (sip_frame_lost(&keepalive_of(client)->frame) && !e->pongs))
		return tcp_pass(w, backend, client);
	while (e->judged < m->data_len && !(e->judged && e->pongs && sip_frame_between(&e->frame)))
		keepalive_scan(w, e, rte_pktmbuf_mtod_offset(m, uint8_t *, e->judged),
			  m->data_len - e->judged);
	return keepalive_move(w, backend, client);
}

/* ---- from the client ---- */

/*
 * Whether a ping stands behind what was judged, in one buffer or several. SIP_MORE while its start
 * is held.
 */
static enum sip_verdict ping_next(struct worker *w, struct tcp_conn *client)
{
	struct keepalive *e = keepalive_of(client);
	uint32_t n = tcp_readable(client) - e->judged;
	uint8_t look[SIP_PING_LEN];
	enum sip_verdict v;

	if (!sip_frame_between(&e->frame))
		return SIP_NO;
	n = RTE_MIN(n, (uint32_t)SIP_PING_LEN);
	tcp_recv_copy(client, e->judged, look, n);
	v = sip_ping(look, n);
	if (v != SIP_MORE)
		return v;
	if (!e->held_ms) {
		e->held_ms = ((uint32_t)w->now_ms + HOLD_MS) | 1;
		tcp_app_timer(w, client, HOLD_MS + 1);
	}
	return clock_reached(w, e->held_ms) ? SIP_NO : SIP_MORE;
}

static uint32_t keepalive_up(struct worker *w, struct tcp_conn *client, struct tcp_conn *backend)
{
	struct keepalive *e = keepalive_of(client);
	enum sip_verdict ping = SIP_NO;
	const struct rte_mbuf *m;
	int i;

	for (i = 0; i < PING_BUDGET && (m = tcp_recv_peek(client)); i++) {
		if (sip_frame_lost(&e->frame) || sip_frame_lost(&keepalive_of(backend)->frame))
			return tcp_pass(w, client, backend);
		while (e->judged < m->data_len && (ping = ping_next(w, client)) == SIP_NO)
			keepalive_scan(w, e, rte_pktmbuf_mtod_offset(m, uint8_t *, e->judged),
				  m->data_len - e->judged);
		if (!e->judged && ping == SIP_MORE)
			return 0;
		e->held_ms = 0;
		if (e->judged)
			return keepalive_move(w, client, backend);
		tcp_recv_skip(w, client, SIP_PING_LEN);
		if (keepalive_of(backend)->pongs < PONGS_MAX)
			keepalive_of(backend)->pongs++;
		pongs_send(w, backend, client);
	}
	if (i == PING_BUDGET)
		tcp_recv_pause(w, client, false); /* called again, after others */
	return 0;
}

void keepalive_join(struct tcp_conn *client, struct tcp_conn *backend)
{
	*keepalive_of(client) = *keepalive_of(backend) = (struct keepalive){ 0 };
	splice_pass_by(client, keepalive_up);
	splice_pass_by(backend, keepalive_down);
}
