/* SPDX-License-Identifier: BSD-3-Clause */
#include "peer_conn.h"
#include "../snapshot.h"
#include "leg.h"
#include "limit.h"
#include "turn.h"
#include "../boundary.h"
#include "../clock.h"
#include "../dtls/dtls.h"
#include "../relay/joined.h"
#include "../tcp/splice.h"
#include "../tx.h"
#include "../use.h"

#include <rte_random.h>

enum peer_conn_flags {
	PEER_ACTIVE = 1 << 0, /* opened by CMD_CONNECT */
	PEER_OPEN = 1 << 1,   /* the handshake is over */
};

enum { WAIT_DRAW_MS = 15 }; /* of the draw of who is first; a mask */

/*
 * Owner's bytes. A session's connections are in its list: a peer's from the beginning, or from the
 * end of the handshake if the peer opened it; a client's from when it is joined with one.
 */
struct peer_conn {
	struct tcp_conn *next, *prev;
	struct ctl_sid sid;
	/* Until it is joined: */
	uint32_t seq; /* of CMD_CONNECT */
	uint32_t flags;
};
_Static_assert(offsetof(struct peer_conn, seq) == SPLICE_KEEP, "stays through the join");
_Static_assert(sizeof(struct peer_conn) <= TCP_APP_DATA, "owner's bytes");

enum { MOVE_RETRY_MS = 5 }; /* while the way is full */

/* Owner's bytes of a client's connection on its way to the worker of its peer's. */
struct peer_conn_move {
	struct ctl_conn peer;
	struct ctl_sid sid;
	uint32_t until_ms; /* the peer's waits no longer; low half of now_ms */
	uint16_t to;	   /* worker */
};
_Static_assert(sizeof(struct peer_conn_move) <= TCP_APP_DATA, "owner's bytes");

/* What a worker is told of a peer's connection that nobody will bind. */
struct pair_name {
	struct ctl_conn peer;
	struct ctl_sid sid;
};

/* The TCP session a sid means, if it has not expired; else NULL. */
static struct session *peer_conn_session(struct worker *w, struct ctl_sid sid)
{
	struct session *s;

	if (sid.slot >= w->turn->sessions_max || sid.gen == 0)
		return NULL;
	s = &w->session[sid.slot];
	return s->gen == sid.gen && s->flags & SESSION_TCP && s->expiry > w->now ? s : NULL;
}

/* ---- a session's list ---- */

static struct peer_conn *peer_conn_of(struct tcp_conn *c)
{
	return tcp_data(c);
}

static void peer_conn_link(struct worker *w, struct session *s, struct tcp_conn *c)
{
	struct peer_conn *p = peer_conn_of(c);

	p->prev = NULL;
	p->next = s->peer_conns;
	if (p->next)
		peer_conn_of(p->next)->prev = c;
	s->peer_conns = c;
	tcp_share(w, c, &s->peer_held);
}

/* Nothing happens when it is in no list (any more). */
static void peer_conn_unlink(struct worker *w, struct tcp_conn *c)
{
	struct peer_conn *p = peer_conn_of(c);
	struct session *s = &w->session[p->sid.slot];

	if (p->prev)
		peer_conn_of(p->prev)->next = p->next;
	else if (s->peer_conns == c)
		s->peer_conns = p->next;
	else
		return;
	if (p->next)
		peer_conn_of(p->next)->prev = p->prev;
	p->next = p->prev = NULL;
	tcp_share(w, c, NULL);
}

/* ---- events ---- */

/* e: where it is written; NULL, and it is lost: there is no room. */
static bool peer_conn_event(struct worker *w, struct evt_peer_conn *e, enum ctl_evt_type type,
			    uint32_t seq, const struct evt_peer_conn *about)
{
	if (!e)
		return false;
	*e = *about;
	e->hdr = (struct ctl_hdr){ type, sizeof(*e), seq };
	evt_publish(w);
	return true;
}

static void connect_failed(struct worker *w, struct evt_peer_conn *e, uint32_t seq,
			   struct ctl_sid sid, const struct sock_addr *peer, enum tcp_end why)
{
	peer_conn_event(w, e, EVT_CONNECT_FAILED, seq,
			&(struct evt_peer_conn){ .sid = sid, .peer = *peer, .why = (uint16_t)why });
}

void conn_gone_event(struct worker *w, struct ctl_sid sid, struct ctl_conn conn,
		     enum ctl_conn_role role, enum tcp_end why)
{
	struct evt_conn_gone *e = evt_slot(w);

	if (!e) {
		evt_lost(w);
		return;
	}
	*e = (struct evt_conn_gone){ .hdr = { EVT_CONN_GONE, sizeof(*e), 0 },
				     .sid = sid,
				     .conn = conn,
				     .role = (uint16_t)role,
				     .why = (uint16_t)why };
	evt_publish(w);
}

/* ---- a peer's connection, until it is joined ---- */

static void peer_conn_established(struct worker *w, struct tcp_conn *c)
{
	struct peer_conn *p = peer_conn_of(c);
	struct session *s = peer_conn_session(w, p->sid);
	bool active = p->flags & PEER_ACTIVE;
	struct evt_peer_conn about = { .sid = p->sid, .conn = tcp_name(w, c) };
	struct sock_addr local;

	/* Nothing is read before there is somebody to read it; the window is the bound. */
	tcp_recv_pause(w, c, true);
	/* A permitted peer must not take the connections, or the buffers, of all. */
	if (!s || (!active &&
		   s->peers_waiting >= snapshot_conf(w->dp)->turn.connections_per_allocation)) {
		tcp_abort(w, c, TCP_END_CLOSED);
		return;
	}
	tcp_addrs(w, c, &local, &about.peer);
	/* One nobody knows of would be bound by nobody. */
	if (!peer_conn_event(w, evt_slot(w), active ? EVT_CONNECTED : EVT_PEER_ATTEMPT, p->seq,
			     &about)) {
		tcp_abort(w, c, TCP_END_NO_BUFFER);
		return;
	}
	p->flags |= PEER_OPEN;
	if (!active) {
		peer_conn_link(w, s, c);
		s->peers_waiting++;
	}
	tcp_app_timer(w, c, snapshot_conf(w->dp)->tcp.bind_timeout * 1000);
}

/* It is not waiting for a ConnectionBind any more. */
static void peer_conn_waited(struct worker *w, const struct peer_conn *p)
{
	struct session *s = &w->session[p->sid.slot];

	if ((p->flags & (PEER_ACTIVE | PEER_OPEN)) == PEER_OPEN && s->gen == p->sid.gen &&
	    s->peers_waiting)
		s->peers_waiting--;
}

static void peer_conn_timeout(struct worker *w, struct tcp_conn *c)
{
	tcp_abort(w, c, peer_conn_of(c)->flags & PEER_OPEN ? TCP_END_IDLE : TCP_END_TIMEOUT);
}

static void peer_conn_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	struct peer_conn *p = peer_conn_of(c);
	struct sock_addr local, peer;

	peer_conn_waited(w, p);
	peer_conn_unlink(w, c);
	if (p->flags & PEER_OPEN) {
		conn_gone_event(w, p->sid, tcp_name(w, c), CONN_PEER, why);
	} else if (p->flags & PEER_ACTIVE) {
		tcp_addrs(w, c, &local, &peer);
		connect_failed(w, evt_slot(w), p->seq, p->sid, &peer, why);
	}
}

static uint32_t peer_conn_session_slot(struct tcp_conn *c)
{
	return peer_conn_of(c)->sid.slot;
}

const struct tcp_app peer_conn_app = {
	.name = "peer",
	.role = CONN_PEER,
	.established = peer_conn_established,
	.timeout = peer_conn_timeout,
	.session = peer_conn_session_slot,
	.closed = peer_conn_closed,
};

const struct tcp_app *peer_conn_accept(struct worker *w, struct tcp_request *r, uint32_t slot)
{
	struct peer_conn p = { .sid.slot = slot };
	struct session *s;

	p.sid.gen = w->session[p.sid.slot].gen;
	s = peer_conn_session(w, p.sid);
	if (!s || s->peers_waiting >= snapshot_conf(w->dp)->turn.connections_per_allocation ||
	    !session_permission(w, p.sid.slot, &r->remote.ip))
		return NULL;
	memcpy(r->data, &p, sizeof(p));
	r->stranger = true; /* until it is joined */
	return &peer_conn_app;
}

/* ---- commands ---- */

bool peer_conn_connect(struct worker *w, const struct cmd_connect *cmd)
{
	struct session *s = peer_conn_session(w, cmd->sid);
	struct tcp_request request = { .remote = cmd->peer, .stranger = true };
	const struct ctl_relay *r;
	enum tcp_end why = TCP_END_CLOSED;
	struct tcp_conn *c = NULL;

	if (be16_get(cmd->peer.port) == 0)
		return false;
	if (s) {
		r = &s->relay[ip_is_v4(&cmd->peer.ip) ? RELAY_V4 : RELAY_V6];
		if (r->relay == CTL_RELAY_NONE)
			return false;
		request.local = (struct sock_addr){ *relay_ip(w->dp, r), r->port };
		c = tcp_connect(w, &request, &peer_conn_app, &why);
	}
	if (!c) {
		connect_failed(w, evt_answer(w), cmd->hdr.seq, cmd->sid, &cmd->peer, why);
		return true;
	}
	*peer_conn_of(c) =
	    (struct peer_conn){ .sid = cmd->sid, .seq = cmd->hdr.seq, .flags = PEER_ACTIVE };
	peer_conn_link(w, s, c);
	tcp_app_timer(w, c, snapshot_conf(w->dp)->tcp.connect_timeout * 1000);
	return true;
}

/*
 * Moves on what the session's rate, if it has one, allows; the rest stays unread, and the window is
 * the bound. Each of its connections then looks again at a time drawn for it: of those that wait
 * for the same rate none comes always first.
 */
static uint32_t peer_conn_pass(struct worker *w, struct tcp_conn *from, struct tcp_conn *to,
			       enum limit_way way)
{
	uint32_t slot = peer_conn_of(from)->sid.slot, wait, n;
	const struct rte_mbuf *m = tcp_recv_peek(from);

	if (!m)
		return 0;
	wait = limit_table(w) ? limit_stream_wait_ms(w, slot, way, m->data_len) : 0;
	if (unlikely(wait)) {
		tcp_app_timer(w, from, wait + (uint32_t)(rte_rand() & WAIT_DRAW_MS));
		return 0;
	}
	n = tcp_pass(w, from, to);
	if (n && limit_table(w))
		limit_stream_take(w, slot, way, n);
	if (n)
		use_add(&w->boundary.use[slot], way == LIMIT_TO_PEER ? CTL_TO_PEER : CTL_TO_CLIENT,
			0, n, w->now);
	return n;
}

static uint32_t pass_to_peer(struct worker *w, struct tcp_conn *client, struct tcp_conn *peer)
{
	return peer_conn_pass(w, client, peer, LIMIT_TO_PEER);
}

static uint32_t pass_to_client(struct worker *w, struct tcp_conn *peer, struct tcp_conn *client)
{
	return peer_conn_pass(w, peer, client, LIMIT_TO_CLIENT);
}

/* The peer's connection of the name, if a client's may still be joined with it; else NULL. */
static struct tcp_conn *peer_conn_waiting(struct worker *w, struct ctl_conn peer,
					  struct ctl_sid sid)
{
	struct tcp_conn *c = peer_conn_session(w, sid) ? tcp_find(w, peer) : NULL;
	const struct peer_conn *p = c ? peer_conn_of(c) : NULL;
	bool waits = c && tcp_app(c) == &peer_conn_app && p->flags & PEER_OPEN &&
		     p->sid.slot == sid.slot && p->sid.gen == sid.gen;

	return waits ? c : NULL;
}

static void pair_over(struct worker *w, const struct splice_end *e)
{
	joined_over(w, e, &(struct joined_of){ .sid = peer_conn_of(e->a)->sid });
}

static const struct splice_ops pair_ops = {
	.gone = peer_conn_unlink,
	.over = pair_over,
	.session = peer_conn_session_slot,
};

/* Both end with the session from here on; each leaves its list as it ends. */
static void pair_join(struct worker *w, struct tcp_conn *client, struct ctl_conn peer,
		      struct ctl_sid sid)
{
	struct tcp_conn *c = peer_conn_waiting(w, peer, sid);
	struct session *s;

	if (!c) {
		tcp_abort(w, client, TCP_END_PARTNER);
		return;
	}
	s = &w->session[sid.slot];
	peer_conn_waited(w, peer_conn_of(c));
	*peer_conn_of(client) = (struct peer_conn){ .sid = sid };
	peer_conn_link(w, s, client);
	tcp_trust(w, client, true);
	tcp_trust(w, c, true);
	tcp_charge(w, client, s->user);
	tcp_charge_with(w, c, client);
	splice_join(w, client, c, &pair_ops, 0);
	splice_pass_by(client, pass_to_peer);
	splice_pass_by(c, pass_to_client);
	joined_begun(w, client, c, &(struct joined_of){ .sid = sid });
}

static void pair_abandon(struct worker *w, struct ctl_conn peer, struct ctl_sid sid)
{
	struct tcp_conn *c = peer_conn_waiting(w, peer, sid);

	if (c)
		tcp_abort(w, c, TCP_END_PARTNER);
}

/*
 * The client's connection ended before the two were joined. CONNECTION-ID is used up, so nobody
 * will bind the peer's, which hears of it as if they had been (RFC 6062 4.6). Where there is no
 * room to tell its worker, tcp.bind-timeout ends it.
 */
static void pair_lost(struct worker *w, uint16_t to, struct ctl_conn peer, struct ctl_sid sid)
{
	const struct pair_name name = { peer, sid };
	struct rte_mbuf *m;

	if (to == w->id) {
		pair_abandon(w, peer, sid);
		return;
	}
	m = pkt_make(w);
	if (!m)
		return;
	memcpy(rte_pktmbuf_append(m, sizeof(name)), &name, sizeof(name));
	if (!handover_now(w, to, m, HANDOVER_ABANDON, 1))
		pkt_consume(w, m);
}

void peer_conn_abandon(struct worker *w, struct rte_mbuf *m)
{
	const struct pair_name *name = rte_pktmbuf_mtod(m, const struct pair_name *);

	pair_abandon(w, name->peer, name->sid);
	pkt_consume(w, m);
}

static void move_arrived(struct worker *w, struct tcp_conn *c)
{
	struct peer_conn_move to = *(struct peer_conn_move *)tcp_data(c);

	pair_join(w, c, to.peer, to.sid);
}

/* It could not be moved, or ended before. */
static void move_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	const struct peer_conn_move *to = tcp_data(c);

	(void)why;
	pair_lost(w, to->to, to->peer, to->sid);
}

static void move_try(struct worker *w, struct tcp_conn *c)
{
	const struct peer_conn_move *m = tcp_data(c);

	if (tcp_move(w, c, m->to))
		return;
	if (clock_reached(w, m->until_ms))
		tcp_abort(w, c, TCP_END_NO_BUFFER);
	else
		tcp_app_timer(w, c, MOVE_RETRY_MS);
}

static const struct tcp_app peer_conn_move_app = {
	.name = "move",
	.role = CONN_DATA,
	.timeout = move_try,
	.arrived = move_arrived,
	.closed = move_closed,
};

bool peer_conn_join(struct worker *w, const struct cmd_join *cmd)
{
	struct tcp_conn *c = tcp_find(w, cmd->client);
	const struct leg *leg;

	if (cmd->peer_worker >= w->dp->n_workers)
		return false;
	if (!c) {
		pair_lost(w, (uint16_t)cmd->peer_worker, cmd->peer, cmd->sid);
		return true;
	}
	leg = tcp_data(c);
	if (tcp_app(c)->role != CONN_CLIENT || !(leg->flags & LEG_HELD) || leg->slot != SLOT_NONE ||
	    !media_queue_empty(&leg->media))
		return false;
	if (cmd->peer_worker == w->id) {
		pair_join(w, c, cmd->peer, cmd->sid);
		return true;
	}
	tcp_own(c, &peer_conn_move_app);
	*(struct peer_conn_move *)tcp_data(c) =
	    (struct peer_conn_move){ .peer = cmd->peer,
				     .sid = cmd->sid,
				     .until_ms = (uint32_t)w->now_ms +
						 snapshot_conf(w->dp)->tcp.bind_timeout * 1000,
				     .to = (uint16_t)cmd->peer_worker };
	tcp_app_timer(w, c, 0);
	move_try(w, c);
	return true;
}

bool peer_conn_close(struct worker *w, const struct cmd_conn_close *cmd)
{
	struct tcp_conn *c = tcp_find(w, cmd->conn);
	struct dtls_conn *d = dtls_find(w, cmd->conn);

	if (d)
		dtls_close(w, d, cmd->killed ? TCP_END_KILLED : TCP_END_CLOSED);
	if (!c)
		return true;
	if (cmd->killed) {
		tcp_abort(w, c, TCP_END_KILLED);
		return true;
	}
	/* A client may wait for what was just sent; to a peer nothing was, and a pair is cut. */
	if (tcp_app(c)->role == CONN_CLIENT)
		tcp_close(w, c, TCP_END_CLOSED);
	else
		tcp_abort(w, c, TCP_END_CLOSED);
	return true;
}

void peer_conn_session_del(struct worker *w, uint32_t slot)
{
	struct session *s = &w->session[slot];
	struct tcp_conn *c;

	while ((c = s->peer_conns)) {
		peer_conn_unlink(w, c);
		tcp_abort(w, c, TCP_END_CLOSED);
	}
}

/* A client's connection goes with the one it is joined with. */
void peer_conn_family_del(struct worker *w, uint32_t slot, int family)
{
	struct session *s = &w->session[slot];
	const struct ctl_relay *r = &s->relay[family];
	struct tcp_conn *c = s->peer_conns;
	struct sock_addr local, remote;

	while (c) {
		tcp_addrs(w, c, &local, &remote);
		if (!ip_eq(&local.ip, relay_ip(w->dp, r)) || !be16_eq(local.port, r->port)) {
			c = peer_conn_of(c)->next;
			continue;
		}
		peer_conn_unlink(w, c);
		tcp_abort(w, c, TCP_END_CLOSED);
		c = s->peer_conns; /* two may have gone */
	}
}
