/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests on their way to the control process. A datagram that finds no room is dropped, for its
 * client sends it again. Over a stream a client sends once and waits (RFC 8489 6.2.2): such
 * requests stand in a queue, one of each connection, and what is behind that one stays unread.
 */
#include "leg.h"
#include "forward.h"
#include "turn.h"
#include "../boundary.h"
#include "../trace.h"
#include "../../lib/probe.h"

enum {
	PUNT_QUEUE_TURN = 64, /* requests of the queue a turn */
};

enum drop punt_why(enum stun_err err)
{
	switch (err) {
	case STUN_ERR_ATTR:
		return DROP_STUN_ATTR;
	case STUN_ERR_FINGERPRINT:
		return DROP_STUN_FINGERPRINT;
	default:
		return DROP_STUN_BAD;
	}
}

static bool method_is_served(uint16_t method)
{
	switch (method) {
	case STUN_ALLOCATE:
	case STUN_REFRESH:
	case STUN_CREATE_PERMISSION:
	case STUN_CHANNEL_BIND:
	case STUN_CONNECT:
	case STUN_CONNECTION_BIND:
		return true;
	default:
		return false;
	}
}

enum drop punt_check(const struct request *r)
{
	struct stun_msg msg;
	enum stun_err err;

	if (unlikely(r->len > CTL_PAYLOAD_MAX))
		return DROP_STUN_LONG;
	err = stun_parse(&msg, r->msg, r->len);
	if (unlikely(err != STUN_OK))
		return punt_why(err);
	return method_is_served(msg.method) ? DROP_NONE : DROP_STUN_METHOD;
}

static void punt_write(struct worker *w, const struct request *r, struct evt_punt *e)
{
	memset(e, 0, offsetof(struct evt_punt, payload));
	e->hdr.type = EVT_PUNT;
	e->hdr.len = (uint16_t)(offsetof(struct evt_punt, payload) + r->len);
	e->leg = (struct ctl_leg){ r->client, r->listener, r->conn.idx, r->conn.gen };
	e->local = r->local;
	e->rx_us = w->now_us;
	e->payload_len = (uint16_t)r->len;
	memcpy(e->payload, r->msg, r->len);
	evt_publish(w);
	PROBE3(punt, w->id, r->listener, r->len);
	count(w, CNT_PUNT);
}

/* ---- datagrams ---- */

/* Of a client's prefix where its address may be forged; of its session, once there is one (R4). */
static bool punt_allowed(struct worker *w, const struct request *r)
{
	if (r->slot == SLOT_NONE)
		return rate_allow(w->turn->request_rate, &r->client.ip, w->now_ms);
	return meter_take(&w->session[r->slot].asked, &w->turn->own_request, w->now_us, 0);
}

enum drop punt_proven(struct worker *w, const struct request *r)
{
	const enum drop why = punt_check(r);
	struct evt_punt *e;

	if (unlikely(why != DROP_NONE))
		return why;
	e = r->slot == SLOT_NONE ? evt_stranger(w) : evt_request(w);
	if (unlikely(!e))
		return DROP_PUNT_FULL;
	punt_write(w, r, e);
	return DROP_NONE;
}

static enum drop punt_request(struct worker *w, const struct request *r)
{
	if (likely(r->len <= CTL_PAYLOAD_MAX) && unlikely(!punt_allowed(w, r)))
		return DROP_PUNT_RATE;
	return punt_proven(w, r);
}

void punt(struct worker *w, struct pkt *p)
{
	uint8_t copy[CTL_PAYLOAD_MAX];
	struct request r = pkt_request(p, copy, sizeof(copy));
	enum drop why = punt_request(w, &r);

	if (unlikely(why != DROP_NONE)) {
		pkt_drop(w, p->m, why);
		return;
	}
	trace_packet(w, TRACE_PUNTED, p->m);
	pkt_consume(w, p->m);
}

/* ---- streams ---- */

bool punt_put(struct worker *w, const struct request *r)
{
	struct tcp_conn *c = tcp_find(w, r->conn);
	struct punt_queue *q = &w->turn->punts;
	struct rte_mbuf *m;

	if (!tcp_hold(w, c, 1))
		return false;
	m = pkt_make(w);
	if (!m) {
		tcp_unhold(w, c, 1);
		return false;
	}
	memcpy(rte_pktmbuf_append(m, (uint16_t)r->len), r->msg, r->len);
	memcpy(rte_pktmbuf_prepend(m, sizeof(*r)), r, sizeof(*r));
	if (q->tail)
		q->tail->next = m;
	else
		q->head = m;
	q->tail = m;
	return true;
}

/* The first of the queue. */
static struct rte_mbuf *punt_take(struct worker *w)
{
	struct punt_queue *q = &w->turn->punts;
	struct rte_mbuf *m = q->head;

	q->head = m->next;
	if (!q->head)
		q->tail = NULL;
	m->next = NULL;
	/* The connection's, or nobody's if that is gone. */
	tcp_unhold(w, tcp_find(w, rte_pktmbuf_mtod(m, const struct request *)->conn), 1);
	return m;
}

uint32_t punt_queue(struct worker *w)
{
	uint32_t room, n;

	if (likely(!w->turn->punts.head))
		return 0;
	/* Of what the ring has free, half: the rest is for datagrams. Of one alone, each other. */
	room = evt_stranger_room(w, 2 * PUNT_QUEUE_TURN);
	w->turn->punts.odd = !w->turn->punts.odd;
	room = (room + w->turn->punts.odd) / 2;
	for (n = 0; n < room && w->turn->punts.head; n++) {
		struct rte_mbuf *m = punt_take(w);
		struct request r;

		memcpy(&r, rte_pktmbuf_mtod(m, const void *), sizeof(r));
		r.msg = rte_pktmbuf_mtod_offset(m, const uint8_t *, sizeof(r));
		if (unlikely(!leg_punted(w, r.conn))) {
			pkt_drop(w, m, DROP_TCP_CLOSED);
			continue;
		}
		punt_write(w, &r, evt_stranger(w));
		pkt_consume(w, m);
	}
	return n;
}

void punt_queue_clear(struct worker *w)
{
	while (w->turn->punts.head)
		pkt_drop(w, punt_take(w), DROP_TCP_CLOSED);
}
