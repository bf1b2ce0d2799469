/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests of a client over TCP, and their answers: what is read, and what is owed. */
#include "leg_int.h"
#include "leg_dtls.h"
#include "forward.h"
#include "turn.h"
#include "../clock.h"

enum {
	ANSWERS_MAX = 16,  /* requests of one connection that have no answer yet */
	ANSWER_MS = 39500, /* a client waits no longer for one (RFC 8489 6.2.2) */
	RETRY_MS = 5,	   /* when there was no buffer */
};

uint32_t leg_owed_ms(const struct worker *w, const struct leg *l)
{
	uint32_t since_ms = clock_since_ms(w, l->request_ms);

	return l->answers && since_ms < ANSWER_MS ? ANSWER_MS - since_ms : 0;
}

/*
 * May a request be read? Its answer must find room, by a client that reads answers, and the rate is
 * the connection's own, whose source is proven (R4). False: it waits.
 */
static bool leg_may_ask(struct worker *w, struct tcp_conn *c, const struct meter_rate *rate)
{
	struct leg *l = tcp_data(c);
	uint32_t wait_ms = meter_wait_ms(&l->asked, rate, w->now_us, 0);

	if (unlikely(tcp_send_room(w, c) < BINDING_REPLY_MAX)) {
		l->flags |= LEG_NO_ROOM;
		tcp_send_wait(c);
		leg_wait(w, c, 0);
		return false;
	}
	if (unlikely(wait_ms)) {
		leg_wait(w, c, wait_ms);
		return false;
	}
	return true;
}

static enum leg_verdict leg_binding(struct worker *w, struct tcp_conn *c, const struct request *r,
				    enum drop *why)
{
	struct leg *l = tcp_data(c);
	uint8_t reply[BINDING_REPLY_MAX];
	size_t len;

	if (!leg_may_ask(w, c, &w->turn->own_binding))
		return MSG_WAITS;
	*why = binding_reply(w, r, reply, &len);
	if (*why != DROP_NONE)
		return MSG_DROPPED;
	if (unlikely(!tcp_send_bytes(w, c, reply, (uint32_t)len))) {
		leg_wait(w, c, RETRY_MS);
		return MSG_WAITS;
	}
	meter_take(&l->asked, &w->turn->own_binding, w->now_us, 0);
	count(w, CNT_BINDING);
	return MSG_TAKEN;
}

/*
 * May one more be asked of the control process? Each of a connection passes the queue alone, and so
 * many have no answer yet: more are not read, so that all answers find room. What was not answered
 * while a client waits for it (a control process was killed meanwhile) is not counted any more.
 */
static bool leg_may_punt(struct worker *w, struct tcp_conn *c)
{
	struct leg *l = tcp_data(c);
	uint32_t since_ms = clock_since_ms(w, l->request_ms);

	if (l->flags & LEG_QUEUED) {
		leg_wait(w, c, 0);
		return false;
	}
	if (since_ms >= ANSWER_MS)
		l->answers = 0;
	if (l->answers < ANSWERS_MAX)
		return leg_may_ask(w, c, &w->turn->own_request);
	leg_wait(w, c, ANSWER_MS - since_ms);
	return false;
}

/*
 * A connection that asks to be joined with a peer's speaks STUN no more if that succeeds (RFC 6062
 * 4.3): what follows waits for the answer. One that has an allocation cannot be joined. A Connect
 * is answered when the peer has, so that others are not counted behind it: how many may be under
 * way is the control process's to say (turn.connections-per-allocation).
 */
static enum leg_verdict leg_punt(struct worker *w, struct tcp_conn *c, const struct request *r,
				 enum drop *why)
{
	uint16_t method = stun_type_method(be16_read(r->msg));
	struct leg *l = tcp_data(c);

	*why = punt_check(r);
	if (*why != DROP_NONE)
		return MSG_DROPPED;
	if (!leg_may_punt(w, c))
		return MSG_WAITS;
	if (unlikely(!punt_put(w, r))) {
		leg_wait(w, c, RETRY_MS);
		return MSG_WAITS;
	}
	meter_take(&l->asked, &w->turn->own_request, w->now_us, 0);
	l->flags |= LEG_QUEUED;
	l->answers += method != STUN_CONNECT;
	if (l->slot == SLOT_NONE && method == STUN_CONNECTION_BIND) {
		l->flags |= LEG_BINDING;
		tcp_recv_pause(w, c, true);
	}
	return MSG_TAKEN;
}

enum leg_verdict leg_request(struct worker *w, struct tcp_conn *c, const uint8_t *msg,
			     uint32_t need, enum drop *why)
{
	struct leg *l = tcp_data(c);
	struct request r = { .msg = msg,
			     .len = need,
			     .listener = l->listener,
			     .slot = l->slot,
			     .conn = tcp_name(w, c) };
	enum leg_verdict v;
	struct sock_addr local;

	tcp_addrs(w, c, &local, &r.client);
	r.local = local.ip;
	v = be16_read(msg) == stun_type(STUN_BINDING, STUN_REQUEST) ? leg_binding(w, c, &r, why)
								    : leg_punt(w, c, &r, why);
	if (v != MSG_WAITS)
		l->request_ms = (uint32_t)w->now_ms;
	return v;
}

/* ---- what the control process says ---- */

bool leg_punted(struct worker *w, struct ctl_conn name)
{
	struct tcp_conn *c = tcp_find(w, name);
	struct leg *l = c ? tcp_data(c) : NULL;

	if (!l || tcp_app(c) != &leg_app || l->flags & LEG_CLOSING)
		return false;
	l->flags &= (uint16_t)~LEG_QUEUED;
	leg_resume(w, c);
	return true;
}

/* One request less has no answer; those that were not counted have none either. */
static void leg_answered(struct worker *w, struct tcp_conn *c, uint16_t type)
{
	struct leg *l = tcp_data(c);

	if (stun_type_class(type) == STUN_INDICATION || stun_type_method(type) == STUN_CONNECT)
		return;
	l->answers -= l->answers > 0;
	leg_resume(w, c);
}

enum leg_verdict leg_reply(struct worker *w, const struct cmd_send *c)
{
	struct tcp_conn *conn = tcp_find(w, (struct ctl_conn){ c->leg.conn, c->leg.conn_gen });
	struct leg *l;

	if (dtls_named(c->leg.conn))
		return leg_dtls_reply(w, c) ? MSG_TAKEN : MSG_DROPPED;
	if (!conn || tcp_app(conn) != &leg_app || c->payload_len < STUN_HDR_LEN)
		return MSG_DROPPED;
	l = tcp_data(conn);
	if (l->flags & LEG_CLOSING || (c->flags & SEND_HOLD && !(l->flags & LEG_BINDING)) ||
	    tcp_send_over(conn))
		return MSG_DROPPED;
	if (unlikely(!tcp_send_owed(w, conn, c->payload, c->payload_len)))
		return MSG_WAITS;
	leg_answered(w, conn, be16_read(c->payload));
	if (c->flags & SEND_HOLD) {
		l->flags = (uint16_t)((l->flags & ~LEG_BINDING) | LEG_HELD);
		l->request_ms = (uint32_t)w->now_ms;
	} else if (l->flags & LEG_BINDING &&
		   stun_type_method(be16_read(c->payload)) == STUN_CONNECTION_BIND) {
		/* It was refused: STUN goes on. */
		l->flags &= (uint16_t)~LEG_BINDING;
		tcp_recv_pause(w, conn, false);
	}
	return MSG_TAKEN;
}
