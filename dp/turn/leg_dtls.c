/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A TURN client over DTLS (RFC 7350, RFC 8656 3.1): its datagrams are what clients over UDP send,
 * and are handled as those; its association is named as a connection is, and takes its allocation
 * along.
 */
#include "leg_dtls.h"
#include "forward.h"
#include "limit.h"
#include "peer_conn.h"
#include "turn.h"
#include "../dtls/dtls.h"
#include "../../lib/chandata.h"
#include "../../lib/stun.h"

/* Owner's bytes of an association. */
struct leg_dtls {
	uint32_t slot; /* of its session, if have */
	uint32_t gen;
	bool have;
	struct meter asked; /* its requests, Binding included */
};
_Static_assert(sizeof(struct leg_dtls) <= DTLS_APP_DATA, "owner's bytes");

static uint32_t leg_slot(struct dtls_conn *c)
{
	const struct leg_dtls *l = dtls_data(c);

	return l->have ? l->slot : SLOT_NONE;
}

/* ---- what comes ---- */

/* ChannelData or a Send indication. Takes m. */
static void leg_dtls_relay(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m)
{
	const uint8_t *msg = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint32_t slot = leg_slot(c);
	enum drop why = DROP_NO_SESSION;
	struct forward_to to;

	if (likely(slot != SLOT_NONE))
		why = forward_find(w, slot, msg, m->data_len, &to);
	if (why == DROP_NONE && unlikely(!limit_pass(w, slot, LIMIT_TO_PEER, &to.peer.ip, to.len)))
		why = DROP_SESSION_RATE;
	if (unlikely(why != DROP_NONE)) {
		pkt_drop(w, m, why);
		return;
	}
	m->data_off = (uint16_t)(m->data_off + to.off);
	m->data_len = to.len;
	m->pkt_len = to.len;
	forward_stream(w, slot, m, &to);
}

/* The request's buffer carries the reply. Takes m. */
static void leg_dtls_binding(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m,
			     const struct request *r)
{
	struct leg_dtls *l = dtls_data(c);
	uint8_t reply[BINDING_REPLY_MAX];
	enum drop why = DROP_BINDING_RATE;
	size_t len;

	if (likely(meter_take(&l->asked, &w->turn->own_binding, w->now_us, 0)))
		why = binding_reply(w, r, reply, &len);
	if (unlikely(why != DROP_NONE)) {
		pkt_drop(w, m, why);
		return;
	}
	rte_pktmbuf_reset(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), reply, len);
	count(w, CNT_BINDING);
	dtls_send(w, c, m);
}

static void leg_dtls_punt(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m,
			  const struct request *r)
{
	struct leg_dtls *l = dtls_data(c);
	enum drop why = DROP_PUNT_RATE;

	if (likely(meter_take(&l->asked, &w->turn->own_request, w->now_us, 0)))
		why = punt_proven(w, r);
	if (unlikely(why != DROP_NONE))
		pkt_drop(w, m, why);
	else
		pkt_consume(w, m);
}

static void leg_dtls_stun(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m)
{
	const uint8_t *msg = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint16_t type = be16_read(msg);
	const struct request r = { .msg = msg,
				   .len = m->data_len,
				   .client = dtls_at(c)->remote,
				   .local = dtls_at(c)->local.ip,
				   .listener = (uint16_t)dtls_at(c)->port,
				   .slot = leg_slot(c),
				   .conn = dtls_name(c) };

	if (type == stun_type(STUN_BINDING, STUN_REQUEST))
		leg_dtls_binding(w, c, m, &r);
	else if (type == stun_type(STUN_BINDING, STUN_INDICATION))
		pkt_consume(w, m); /* keep-alive (RFC 8445 11) */
	else if (stun_type_class(type) == STUN_REQUEST)
		leg_dtls_punt(w, c, m, &r);
	else
		pkt_drop(w, m, DROP_STUN_METHOD);
}

static void leg_dtls_message(struct worker *w, struct dtls_conn *c, struct rte_mbuf *m)
{
	const uint8_t *msg = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint16_t len = m->data_len;

	if (len >= CHANDATA_HDR_LEN && chandata_looks_like(msg[0]))
		leg_dtls_relay(w, c, m);
	else if (unlikely(len < STUN_HDR_LEN || !stun_looks_like(msg) ||
			  be16_read(msg + 2) + STUN_HDR_LEN != len))
		pkt_drop(w, m, DROP_STUN_BAD);
	else if (be16_read(msg) == stun_type(STUN_SEND, STUN_INDICATION))
		leg_dtls_relay(w, c, m);
	else
		leg_dtls_stun(w, c, m);
}

/* ---- its session ---- */

static void leg_dtls_ended(struct worker *w, struct dtls_conn *c, enum tcp_end why)
{
	struct leg_dtls *l = dtls_data(c);
	const struct ctl_sid sid = { l->slot, l->gen };

	if (!l->have)
		return;
	l->have = false;
	session_del(w, &sid);
	conn_gone_event(w, sid, dtls_name(c), CONN_CLIENT, why);
}

static uint32_t leg_dtls_session(const struct dtls_conn *c)
{
	return leg_slot((struct dtls_conn *)(uintptr_t)c);
}

const struct dtls_app leg_dtls_app = {
	.message = leg_dtls_message,
	.ended = leg_dtls_ended,
	.session = leg_dtls_session,
};

/* The association of that name, if it is a client's. */
static struct dtls_conn *client_find(struct worker *w, struct ctl_conn name)
{
	struct dtls_conn *c = dtls_find(w, name);

	return c && dtls_app(c) == &leg_dtls_app ? c : NULL;
}

bool leg_dtls_can(struct worker *w, struct ctl_conn name)
{
	return client_find(w, name) != NULL;
}

void leg_dtls_session_set(struct worker *w, struct ctl_conn name, const struct ctl_sid *sid)
{
	struct dtls_conn *c = client_find(w, name);
	struct leg_dtls *l = dtls_data(c);

	if (l->have)
		session_del(w, &(struct ctl_sid){ l->slot, l->gen });
	l->have = true;
	l->slot = sid->slot;
	l->gen = sid->gen;
	dtls_trust(w, c, true);
}

void leg_dtls_session_del(struct worker *w, uint32_t slot)
{
	const struct session *s = &w->session[slot];
	struct dtls_conn *c = client_find(w, (struct ctl_conn){ s->conn, s->conn_gen });
	struct leg_dtls *l = c ? dtls_data(c) : NULL;

	if (!l || !l->have || l->slot != slot || l->gen != s->gen)
		return;
	l->have = false;
	dtls_trust(w, c, false);
}

bool leg_dtls_media(struct worker *w, const struct session *s, struct rte_mbuf *m)
{
	struct dtls_conn *c = client_find(w, (struct ctl_conn){ s->conn, s->conn_gen });

	if (likely(c))
		return dtls_send(w, c, m);
	pkt_drop(w, m, DROP_DTLS_CLOSED);
	return false;
}

bool leg_dtls_reply(struct worker *w, const struct cmd_send *c)
{
	struct dtls_conn *to = client_find(w, (struct ctl_conn){ c->leg.conn, c->leg.conn_gen });
	struct rte_mbuf *m = to && !c->flags ? pkt_make(w) : NULL;
	char *p = m ? rte_pktmbuf_append(m, c->payload_len) : NULL;

	if (!p) {
		if (m)
			pkt_drop(w, m, DROP_REPLY_BAD);
		return false;
	}
	memcpy(p, c->payload, c->payload_len);
	return dtls_send(w, to, m);
}
