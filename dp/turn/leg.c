/* SPDX-License-Identifier: BSD-3-Clause */
#include "leg_int.h"
#include "leg_dtls.h"
#include "../snapshot.h"
#include "limit.h"
#include "peer_conn.h"
#include "forward.h"
#include "../clock.h"
#include "../tls/tls.h"
#include "../../lib/chandata.h"

enum {
	LEG_BUDGET = 64, /* messages of one connection before it is another's turn */
	HEAD_LEN = 8,	 /* of a message: what tells its length, and STUN by its cookie */
	STUN_MAX = STUN_HDR_LEN + UINT16_MAX,
	CHANDATA_MAX = UINT16_MAX - IPV4_HDR - UDP_HDR, /* no datagram carries more */
};

/* ---- patience: one timer, set again only where it would fire too late ---- */

static void leg_timer_by(struct worker *w, struct tcp_conn *c, uint32_t since_ms, uint32_t limit_ms)
{
	struct leg *l = tcp_data(c);
	uint32_t due_ms = since_ms + limit_ms, left;

	if (l->flags & LEG_TIMER && seq_ge(due_ms, l->timer_ms))
		return;
	left = RTE_MAX(clock_left_ms(w, due_ms), 1u);
	l->flags |= LEG_TIMER;
	l->timer_ms = (uint32_t)w->now_ms + left;
	tcp_app_timer(w, c, left);
}

static void leg_timer(struct worker *w, struct tcp_conn *c)
{
	const struct config_tcp *conf = &snapshot_conf(w->dp)->tcp;
	const struct leg *l = tcp_data(c);

	if (l->flags & LEG_CLOSING)
		return;
	if (l->flags & LEG_PARTIAL)
		leg_timer_by(w, c, l->frame_ms, conf->frame_ms);
	if (l->slot == SLOT_NONE)
		leg_timer_by(w, c, l->request_ms, conf->idle_timeout * 1000);
	if (!media_queue_empty(&l->media))
		leg_timer_by(w, c, media_queue_came_ms(&l->media), conf->media_age_ms + 1);
}

void leg_wait(struct worker *w, struct tcp_conn *c, uint32_t ms)
{
	struct leg *l = tcp_data(c);

	l->flags |= LEG_WAITING;
	tcp_recv_pause(w, c, true);
	if (ms)
		leg_timer_by(w, c, (uint32_t)w->now_ms, ms);
}

void leg_resume(struct worker *w, struct tcp_conn *c)
{
	struct leg *l = tcp_data(c);

	if (!(l->flags & LEG_WAITING))
		return;
	l->flags &= (uint16_t) ~(LEG_WAITING | LEG_NO_ROOM);
	tcp_recv_pause(w, c, false);
}

/* ---- media: what waits for a slow client ---- */

static void leg_media_flush(struct worker *w, struct tcp_conn *c)
{
	struct leg *l = tcp_data(c);

	media_queue_flush(w, c, &l->media);
	if (!media_queue_empty(&l->media))
		leg_timer(w, c);
}

static void leg_spare(struct worker *w, struct tcp_conn *c)
{
	struct leg *l = tcp_data(c);

	media_queue_clear(w, c, &l->media, DROP_TCP_MEMORY);
}

bool leg_media(struct worker *w, struct session *s, struct rte_mbuf *m)
{
	struct tcp_conn *c = tcp_find(w, (struct ctl_conn){ s->conn, s->conn_gen });
	struct leg *l = c ? tcp_data(c) : NULL;
	bool ok;

	if (dtls_named(s->conn))
		return leg_dtls_media(w, s, m);
	if (unlikely(!l || tcp_app(c) != &leg_app || l->flags & LEG_CLOSING)) {
		pkt_drop(w, m, DROP_TCP_CLOSED);
		return false;
	}
	ok = media_queue_send(w, c, &l->media, m);
	if (!media_queue_empty(&l->media))
		leg_timer(w, c);
	return ok;
}

/* ---- ends ---- */

static void leg_close(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	struct leg *l = tcp_data(c);

	l->flags |= LEG_CLOSING;
	media_queue_clear(w, c, &l->media, DROP_TCP_CLOSED);
	tcp_close(w, c, why);
}

static void leg_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	struct leg *l = tcp_data(c);
	struct ctl_sid sid = { l->slot, l->gen };

	media_queue_clear(w, c, &l->media, DROP_TCP_CLOSED);
	if (l->slot == SLOT_NONE)
		return;
	l->slot = SLOT_NONE;
	session_del(w, &sid);
	conn_gone_event(w, sid, tcp_name(w, c), CONN_CLIENT, why);
}

/*
 * Half a message must be whole within tcp.frame-ms. While the client may send no more until it is
 * given credit (tcp/credit.h) the time does not run: that is not its doing.
 */
static bool message_late(struct worker *w, const struct tcp_conn *c, struct leg *l)
{
	if (!(l->flags & LEG_PARTIAL))
		return false;
	if (tcp_waits_for_credit(w, c))
		l->frame_ms = (uint32_t)w->now_ms;
	return clock_since_ms(w, l->frame_ms) >= snapshot_conf(w->dp)->tcp.frame_ms;
}

static void leg_timeout(struct worker *w, struct tcp_conn *c)
{
	const struct config_tcp *conf = &snapshot_conf(w->dp)->tcp;
	struct leg *l = tcp_data(c);

	l->flags &= (uint16_t)~LEG_TIMER;
	leg_resume(w, c);
	media_queue_expire(w, c, &l->media);
	if (message_late(w, c, l))
		leg_close(w, c, TCP_END_FRAME_TIMEOUT);
	else if (l->slot == SLOT_NONE &&
		 clock_since_ms(w, l->request_ms) >= conf->idle_timeout * 1000)
		leg_close(w, c, TCP_END_IDLE);
	else
		leg_timer(w, c);
}

/* ---- messages ---- */

/* The message that comes next ends here; of what it was, one is counted as a packet. */
static void leg_discard(struct worker *w, struct tcp_conn *c, uint32_t need, enum drop why)
{
	count(w, CNT_MADE);
	drop_n(w, why, 1);
	tcp_recv_skip(w, c, need);
}

/* Copies len bytes from off of the stream into buffers of its own; NULL when there are none. */
static struct rte_mbuf *leg_copy(struct worker *w, struct tcp_conn *c, uint32_t off, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool), *s = m;

	while (s) {
		uint16_t n = (uint16_t)RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(s));

		tcp_recv_copy(c, off, rte_pktmbuf_mtod(s, void *), n);
		s->data_len = n;
		m->pkt_len += n;
		off += n;
		len -= n;
		if (len == 0) {
			count(w, CNT_MADE);
			return m;
		}
		s = rte_pktmbuf_alloc(w->pool);
		if (s && rte_pktmbuf_chain(m, s) != 0) {
			rte_pktmbuf_free(s);
			break;
		}
	}
	rte_pktmbuf_free(m);
	return NULL;
}

/*
 * Takes the message that comes next and leaves its payload: in the buffer it came in, if it is the
 * last there, else copied. NULL, and it is still there, when there is no buffer.
 */
static struct rte_mbuf *leg_payload(struct worker *w, struct tcp_conn *c, uint32_t need,
				    const struct forward_to *to)
{
	struct rte_mbuf *m = tcp_recv_peek(c);

	/* A buffer that another owner has, too, is not written to: it may be read again there. */
	if (m->data_len == need && RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1) {
		m = tcp_recv(w, c);
		rte_pktmbuf_adj(m, (uint16_t)to->off);
		rte_pktmbuf_trim(m, (uint16_t)(need - to->off - to->len));
		return m;
	}
	m = leg_copy(w, c, to->off, to->len);
	if (m)
		tcp_recv_skip(w, c, need);
	return m;
}

/* ChannelData or a Send indication. RFC 6062 5: a TCP allocation relays neither. */
static void leg_relay(struct worker *w, struct tcp_conn *c, const uint8_t *msg, uint32_t need)
{
	const struct leg *l = tcp_data(c);
	enum drop why = DROP_NO_SESSION;
	struct rte_mbuf *m = NULL;
	struct forward_to to;

	if (l->slot != SLOT_NONE && w->session[l->slot].flags & SESSION_TCP)
		why = chandata_looks_like(msg[0]) ? DROP_NO_CHANNEL : DROP_STUN_METHOD;
	else if (l->slot != SLOT_NONE)
		why = forward_find(w, l->slot, msg, need, &to);
	if (why == DROP_NONE &&
	    unlikely(!limit_pass(w, l->slot, LIMIT_TO_PEER, &to.peer.ip, to.len)))
		why = DROP_SESSION_RATE;
	if (likely(why == DROP_NONE)) {
		m = leg_payload(w, c, need, &to);
		why = DROP_NO_MBUF;
	}
	if (likely(m))
		forward_stream(w, l->slot, m, &to);
	else
		leg_discard(w, c, need, why);
}

/* STUN but for Send indications, as listener_input() has it for datagrams. False: it waits. */
static bool leg_stun(struct worker *w, struct tcp_conn *c, const uint8_t *msg, uint32_t need)
{
	uint16_t type = be16_read(msg);
	enum drop why = DROP_STUN_METHOD;
	enum leg_verdict v = MSG_DROPPED;

	if (stun_type_class(type) == STUN_REQUEST)
		v = leg_request(w, c, msg, need, &why);
	else if (type == stun_type(STUN_BINDING, STUN_INDICATION))
		v = MSG_TAKEN; /* keep-alive (RFC 8445 11) */
	if (v == MSG_TAKEN)
		tcp_recv_skip(w, c, need);
	else if (v == MSG_DROPPED)
		leg_discard(w, c, need, why);
	return v != MSG_WAITS;
}

/* False: the message is still there, and is waited with. */
static bool leg_message(struct worker *w, struct tcp_conn *c, const uint8_t *msg, uint32_t need)
{
	if (likely(chandata_looks_like(msg[0]) ||
		   be16_read(msg) == stun_type(STUN_SEND, STUN_INDICATION))) {
		leg_relay(w, c, msg, need);
		return true;
	}
	return leg_stun(w, c, msg, need);
}

/* A message in several buffers is read from a copy. Apart, so that the common frame stays small. */
static __rte_noinline bool leg_message_copied(struct worker *w, struct tcp_conn *c, uint32_t need)
{
	uint8_t msg[STUN_MAX];

	tcp_recv_copy(c, 0, msg, need);
	return leg_message(w, c, msg, need);
}

/* ---- framing ---- */

/*
 * Bytes of the message that starts with h, of which n are known, padding included (RFC 8656 12.5):
 * 0 when it takes more to tell, -1 when no message starts like that. ChannelData from who never
 * had an allocation is none: every HTTP method looks like it.
 */
static int32_t frame_len(const struct leg *l, const uint8_t *h, uint32_t n)
{
	uint32_t len;

	if (h[0] & 0x80 || (chandata_looks_like(h[0]) && !(l->flags & LEG_SERVED)))
		return -1;
	if (n < CHANDATA_HDR_LEN)
		return 0;
	len = be16_read(h + 2);
	if (chandata_looks_like(h[0]))
		return len <= CHANDATA_MAX ? (int32_t)RTE_ALIGN_CEIL(CHANDATA_HDR_LEN + len, 4)
					   : -1;
	if (len & 3)
		return -1;
	if (n < HEAD_LEN)
		return 0;
	return stun_looks_like(h) ? (int32_t)(STUN_HDR_LEN + len) : -1;
}

/* How long the next message is goes to l->need. False when the stream is lost. */
static bool leg_frame(struct tcp_conn *c, uint32_t have)
{
	const struct rte_mbuf *m = tcp_recv_peek(c);
	struct leg *l = tcp_data(c);
	uint8_t copy[HEAD_LEN];
	const uint8_t *h = rte_pktmbuf_mtod(m, const uint8_t *);
	int32_t len;

	if (unlikely(m->data_len < HEAD_LEN)) {
		tcp_recv_copy(c, 0, copy, RTE_MIN(have, (uint32_t)HEAD_LEN));
		h = copy;
	}
	len = frame_len(l, h, have);
	if (unlikely(len < 0 || (uint32_t)len > tcp_recv_most(c)))
		return false;
	l->need = (uint32_t)len;
	return true;
}

/* Puts the next message through, if it is whole. */
static bool leg_next(struct worker *w, struct tcp_conn *c)
{
	uint32_t have = tcp_readable(c), need;
	struct leg *l = tcp_data(c);
	const struct rte_mbuf *m;
	bool taken;

	if (have == 0 || l->flags & (LEG_BINDING | LEG_HELD | LEG_CLOSING | LEG_WAITING))
		return false;
	if (l->need == 0 && unlikely(!leg_frame(c, have))) {
		leg_close(w, c, TCP_END_FRAME_BAD);
		return false;
	}
	need = l->need;
	if (unlikely(need == 0 || need > have)) {
		if (!(l->flags & LEG_PARTIAL)) {
			l->flags |= LEG_PARTIAL;
			l->frame_ms = (uint32_t)w->now_ms;
			leg_timer(w, c);
		}
		return false;
	}
	l->flags &= (uint16_t)~LEG_PARTIAL;
	m = tcp_recv_peek(c);
	taken = likely(m->data_len >= need)
		    ? leg_message(w, c, rte_pktmbuf_mtod(m, const uint8_t *), need)
		    : leg_message_copied(w, c, need);
	if (likely(taken))
		l->need = 0;
	return taken;
}

/* All was read, and the other side has nothing more to say: its last answers are waited for. */
static void leg_read_out(struct worker *w, struct tcp_conn *c)
{
	struct leg *l = tcp_data(c);
	uint32_t owed_ms = leg_owed_ms(w, l);

	if (!tcp_recv_fin(c) || l->flags & (LEG_BINDING | LEG_HELD | LEG_CLOSING | LEG_WAITING))
		return;
	if (owed_ms)
		leg_wait(w, c, owed_ms);
	else
		leg_close(w, c, TCP_END_DONE);
}

static void leg_readable(struct worker *w, struct tcp_conn *c)
{
	int i;

	/* What is looped inside goes on next turn: no more than there is room for. */
	for (i = 0; i < LEG_BUDGET && w->tx.loop.n < TX_BATCH; i++) {
		if (!leg_next(w, c)) {
			leg_read_out(w, c);
			return;
		}
	}
	tcp_recv_pause(w, c, false); /* called again, after others */
}

/* ---- life ---- */

static void leg_established(struct worker *w, struct tcp_conn *c)
{
	struct leg *l = tcp_data(c);

	l->request_ms = (uint32_t)w->now_ms;
	l->asked = meter_full(w->now_us);
	leg_timer(w, c);
}

/* Whoever waits for something else is not looked at: media may wait, too, and has this called. */
static void leg_writable(struct worker *w, struct tcp_conn *c)
{
	const struct leg *l = tcp_data(c);

	if (l->flags & LEG_NO_ROOM && tcp_send_room(w, c) >= BINDING_REPLY_MAX)
		leg_resume(w, c);
	else if (l->flags & LEG_NO_ROOM)
		tcp_send_wait(c);
	leg_media_flush(w, c);
}

static uint32_t leg_session(struct tcp_conn *c)
{
	return ((const struct leg *)tcp_data(c))->slot;
}

const struct tcp_app leg_app = {
	.name = "client",
	.role = CONN_CLIENT,
	.established = leg_established,
	.readable = leg_readable,
	.writable = leg_writable,
	.timeout = leg_timeout,
	.spare = leg_spare,
	.session = leg_session,
	.closed = leg_closed,
};

void leg_init(void *data, uint16_t listener)
{
	struct leg l = { .slot = SLOT_NONE, .listener = listener };

	memcpy(data, &l, sizeof(l));
}

/* ---- what the control process says ---- */

bool leg_can(struct worker *w, struct ctl_conn name)
{
	struct tcp_conn *c = tcp_find(w, name);
	const struct leg *l = c ? tcp_data(c) : NULL;

	if (dtls_named(name.idx))
		return leg_dtls_can(w, name);
	return l && tcp_app(c) == &leg_app && !(l->flags & (LEG_BINDING | LEG_HELD | LEG_CLOSING));
}

void leg_session_set(struct worker *w, struct ctl_conn name, const struct ctl_sid *sid)
{
	struct tcp_conn *c;
	struct leg *l;

	if (dtls_named(name.idx)) {
		leg_dtls_session_set(w, name, sid);
		return;
	}
	c = tcp_find(w, name);
	l = tcp_data(c);
	if (l->slot != SLOT_NONE)
		session_del(w, &(struct ctl_sid){ l->slot, l->gen });
	l->slot = sid->slot;
	l->gen = sid->gen;
	l->flags |= LEG_SERVED;
	tcp_trust(w, c, true);
}

/* The client's connection of a session; NULL when it has gone, or has another. */
static struct tcp_conn *session_conn(struct worker *w, uint32_t slot)
{
	const struct session *s = &w->session[slot];
	struct tcp_conn *c = tcp_find(w, (struct ctl_conn){ s->conn, s->conn_gen });
	const struct leg *l = c ? tcp_data(c) : NULL;

	return l && tcp_app(c) == &leg_app && l->slot == slot && l->gen == s->gen ? c : NULL;
}

void leg_session_charge(struct worker *w, uint32_t slot)
{
	struct tcp_conn *c = session_conn(w, slot);

	if (c)
		tcp_charge(w, c, w->session[slot].user);
}

void leg_session_del(struct worker *w, uint32_t slot)
{
	struct tcp_conn *c = session_conn(w, slot);
	struct leg *l;

	if (dtls_named(w->session[slot].conn))
		leg_dtls_session_del(w, slot);
	if (!c)
		return;
	l = tcp_data(c);
	l->slot = SLOT_NONE;
	/* Behind the answer it would be taken for the next allocation's, by its channel's number.
	 */
	media_queue_clear(w, c, &l->media, DROP_SESSION_EXPIRED);
	l->request_ms = (uint32_t)w->now_ms;
	tcp_trust(w, c, false);
	leg_timer(w, c);
}
