/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connect (RFC 6062 5.2). Its answer comes when the dataplane says how it went, so what signing and
 * addressing it takes is kept until then (struct pending_asker).
 */
#include "turn.h"

#include "../../lib/tcp_end.h"

/* The dataplane answers after tcp.connect-timeout; if it does not, we do so much later. */
enum { CONNECT_GRACE_S = 5 };

enum {
	OWED_REST = 4,	 /* room that answers of Connects leave to what else is told with them */
	OWED_TRIES = 40, /* one a second: a client waits for 39.5 (RFC 8489 6.2.2) */
};

/* What the request asks for may be done. 0 or an error code. */
static int connect_admit(struct server *s, const struct request *r, struct sock_addr *peer)
{
	const struct table_alloc *a = r->alloc;
	int code;

	if (!table_relays_tcp(a))
		return 403; /* the relayed address is one of UDP */
	if (r->m->n_xor_peer == 0)
		return 400;
	code = peer_check(s, r, &r->m->xor_peer[0], false, peer);
	if (code)
		return code;
	if (pending_find_peer(s->pending, a->worker, a->sid, peer))
		return 446;
	if (pending_count(s->pending, a->worker, a->sid) >=
	    s->conf->turn.connections_per_allocation)
		return 508;
	return 0;
}

static void asker_keep(const struct server *s, struct pending_asker *k, const struct request *r)
{
	k->leg = *r->leg;
	k->generation = s->generation;
	memcpy(k->tid, r->m->tid, sizeof(k->tid));
	k->fingerprint = r->m->fingerprint.val != NULL;
	k->integrity = r->auth.integrity;
	k->key_len = r->auth.key_len;
	memcpy(k->key, r->auth.key, sizeof(k->key));
}

/* Ends it with an answer: the request is put together again, as far as a reply looks at it. */
static void connect_answer(struct server *s, struct pending_conn *e, int code)
{
	struct pending_asker *k = &e->asker;
	struct stun_msg m = { .method = STUN_CONNECT, .tid = k->tid };
	struct request r = {
		.m = &m,
		.leg = &k->leg,
		.worker = e->worker,
		.method = SERVER_CONNECT,
		.auth = { .key_len = k->key_len, .integrity = k->integrity },
	};

	memcpy(r.auth.key, k->key, sizeof(r.auth.key));
	if (k->fingerprint)
		m.fingerprint.val = k->tid; /* that there was one is all that counts */
	if (code) {
		s->stats.connects_failed++;
		reply_error(s, &r, code);
	} else {
		s->stats.connects_made++;
		reply_begin(&r);
		stun_put_u32(&r.b, STUN_ATTR_CONNECTION_ID, e->id);
		reply_success(s, &r);
	}
	auth_wipe(&r.auth);
}

/* Tries again. With its dataplane the connection went on which it was to be told. */
static void owed_fire(struct timer *tm, void *ctx)
{
	struct pending_conn *e = (struct pending_conn *)tm; /* its first member */
	struct server *s = ctx;
	const bool gone = e->asker.generation != s->generation || ++e->tries > OWED_TRIES;

	if (!gone && dplink_room(s->link, e->worker) == 0) {
		wheel_start(&s->wheel, &e->timer, server_tick(s, 1));
		return;
	}
	if (!gone)
		connect_answer(s, e, e->code);
	pending_del(s->pending, e);
}

/* It failed: the client is told, or will be. */
static void connect_fail(struct server *s, struct pending_conn *e, int code)
{
	if (dplink_room(s->link, e->worker) >= OWED_REST) {
		connect_answer(s, e, code);
		pending_del(s->pending, e);
		return;
	}
	pending_owe(s->pending, e, code);
	e->timer.fire = owed_fire;
	wheel_start(&s->wheel, &e->timer, server_tick(s, 1));
}

static void connect_fire(struct timer *tm, void *ctx)
{
	connect_fail(ctx, (struct pending_conn *)tm, 447); /* its first member */
}

void connect_abandon(struct server *s, const struct table_alloc *a, unsigned int families, int code)
{
	struct pending_conn *e = pending_next(s->pending, a->worker, a->sid, NULL), *next;

	for (; e; e = next) {
		next = pending_next(s->pending, a->worker, a->sid, e);
		if (!(families & (ip_is_v4(&e->peer.ip) ? FAMILY_V4 : FAMILY_V6)))
			continue;
		if (e->state == PENDING_CONNECTING)
			connect_fail(s, e, code);
		else
			pending_del(s->pending, e);
	}
}

/* Gives the command. 0 or an error code, with nothing left behind. */
static int connect_start(struct server *s, const struct request *r, const struct sock_addr *peer)
{
	const struct table_alloc *a = r->alloc;
	struct pending_conn *e = pending_add(s->pending, a->worker, a->sid, peer);
	struct cmd_connect c = { .sid = a->sid, .peer = *peer };

	if (!e)
		return 508;
	if (!dplink_cmd(s->link, a->worker, CMD_CONNECT, &c, sizeof(c))) {
		pending_del(s->pending, e);
		return 508;
	}
	e->seq = c.hdr.seq;
	asker_keep(s, &e->asker, r);
	e->timer.fire = connect_fire;
	wheel_start(&s->wheel, &e->timer,
		    server_tick(s, s->conf->tcp.connect_timeout + CONNECT_GRACE_S));
	return 0;
}

void connect_handle(struct server *s, struct request *r)
{
	struct sock_addr peer;
	int code = connect_admit(s, r, &peer);

	if (!code)
		code = connect_start(s, r, &peer);
	if (code)
		reply_error(s, r, code);
}

/* ---- how it went ---- */

/* A connection that nobody asked for (any more) is no use to anybody. */
bool connect_done(struct server *s, uint32_t worker, const struct evt_peer_conn *ev)
{
	struct pending_conn *e = pending_find_seq(s->pending, worker, ev->sid, ev->hdr.seq);

	if (!e) {
		connection_close(s, worker, ev->conn);
		return false;
	}
	connect_answer(s, e, 0);
	connection_wait(s, e, ev->conn);
	return true;
}

bool connect_failed(struct server *s, uint32_t worker, const struct evt_peer_conn *ev)
{
	struct pending_conn *e = pending_find_seq(s->pending, worker, ev->sid, ev->hdr.seq);

	if (!e)
		return false;
	connect_fail(s, e, ev->why == TCP_END_EXISTS ? 446 : 447);
	return true;
}
