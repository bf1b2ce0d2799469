/* SPDX-License-Identifier: BSD-3-Clause */
#include "server.h"

#include "adopt.h"
#include "cost.h"
#include "context/gateway_link.h"
#include "log.h"
#include "session.h"
#include "tls/psk.h"
#include "turn/turn.h"

#include <stdio.h>

/* Whether a method wants an allocation on its five-tuple (RFC 8656 5, RFC 6062 5.4). */
enum need { NEED_ANY, NEED_SOME, NEED_NONE };

static const struct {
	uint16_t stun;
	enum need need;
	void (*handle)(struct server *s, struct request *r);
} methods[SERVER_METHODS] = {
	[SERVER_ALLOCATE] = { STUN_ALLOCATE, NEED_ANY, allocate_handle },
	[SERVER_REFRESH] = { STUN_REFRESH, NEED_SOME, refresh_handle },
	[SERVER_CREATE_PERMISSION] = { STUN_CREATE_PERMISSION, NEED_SOME, permission_handle },
	[SERVER_CHANNEL_BIND] = { STUN_CHANNEL_BIND, NEED_SOME, channel_handle },
	[SERVER_CONNECT] = { STUN_CONNECT, NEED_SOME, connect_handle },
	[SERVER_CONNECTION_BIND] = { STUN_CONNECTION_BIND, NEED_NONE, connection_bind_handle },
};

const char *const server_method_name[SERVER_METHODS] = {
	[SERVER_ALLOCATE] = "allocate",
	[SERVER_REFRESH] = "refresh",
	[SERVER_CREATE_PERMISSION] = "create_permission",
	[SERVER_CHANNEL_BIND] = "channel_bind",
	[SERVER_CONNECT] = "connect",
	[SERVER_CONNECTION_BIND] = "connection_bind",
};

/* ---- requests ---- */

/* SERVER_METHODS if it is not one of ours. */
static enum server_method method_find(const struct stun_msg *m)
{
	unsigned int i = 0;

	if (m->cls != STUN_REQUEST)
		return SERVER_METHODS;
	while (i < SERVER_METHODS && methods[i].stun != m->method)
		i++;
	return (enum server_method)i;
}

/*
 * The allocation of a five-tuple. One whose time is over goes here if its timer is late, and one
 * of an earlier connection between the same two ends, if the event of its end is.
 */
static struct table_alloc *alloc_of(struct server *s, uint32_t worker, const struct ctl_leg *leg)
{
	struct table_alloc *a = table_find(s->table, leg);

	if (!a)
		return NULL;
	if (server_now(s) >= table_alloc_expiry(a))
		s->stats.allocs_expired++;
	else if (leg_is_stream(leg) &&
		 (a->leg.conn != leg->conn || a->leg.conn_gen != leg->conn_gen ||
		  a->leg_worker != worker))
		s->stats.allocs_gone++;
	else
		return a;
	session_del(s, a);
	return NULL;
}

static bool alloc_is_of(const struct table_alloc *a, const struct request *r)
{
	return a && memcmp(a->user_id, r->user_id, TABLE_USER_ID) == 0;
}

/* A wrong name or password is told, so that who guesses can be kept out. */
static void report_wrong(struct server *s, const struct request *r)
{
	static struct log_bucket bucket;
	const struct stun_val *name = &r->m->username;
	char ip[ADDR_STR_MAX], text[LOG_TEXT_MAX];

	s->stats.auth_wrong++;
	log_bucket_line(&bucket, "authentication failed: address %s port %u user \"%s\"",
			ip_format(&r->leg->client.ip, ip, sizeof(ip)),
			be16_get(r->leg->client.port),
			log_text(name->val, name->val ? name->len : 0, text));
}

enum { CHALLENGE_TIMES = 3 };

/* Bytes of a challenge without FINGERPRINT, which are always as many. */
static uint16_t challenge_len(struct server *s)
{
	static const uint8_t tid[STUN_TID_LEN];
	const struct sock_addr nobody = { 0 };
	uint8_t buf[CTL_PAYLOAD_MAX];
	struct stun_builder b;

	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_ALLOCATE, STUN_ERROR), tid);
	stun_put_error_code(&b, 401);
	auth_put_challenge(s->auth, &b, &nobody, server_now(s));
	return (uint16_t)stun_end(&b);
}

/*
 * Whether a challenge is an answer to r: over UDP it may go to somebody who never asked, and is
 * three times as long at most (RFC 8656 21.1). What is signed names the realm and is long enough.
 */
static bool request_weighs(const struct server *s, const struct request *r)
{
	uint32_t print = r->m->fingerprint.val ? STUN_ATTR_HDR_LEN + STUN_FINGERPRINT_LEN : 0;

	return leg_is_stream(r->leg) || CHALLENGE_TIMES * r->m->len >= s->challenge_len + print;
}

/* 401, or 500 when it is the clock that is wrong: said once until it is set. */
static void refuse_expired(struct server *s, struct request *r)
{
	bool unset = r->auth.clock_unset;

	auth_wipe(&r->auth);
	r->auth.code = unset ? 500 : 401;
	if (!unset)
		s->stats.auth_expired++;
	else if (!s->clock_told)
		log_line("time-limited credentials are answered with 500: the clock is not set");
	s->clock_told |= unset;
}

/*
 * Who it is (RFC 8489 9.2.4), and his allocation. A time-limited credential that is over is good
 * for what its user has: the allocation of the five-tuple, or the one that a ConnectionBind is of.
 * 0 or the error code.
 */
static int request_identify(struct server *s, struct request *r)
{
	const struct table_alloc *bound =
	    r->method == SERVER_CONNECTION_BIND ? connection_bind_alloc(s, r) : NULL;
	struct auth_client client = { .addr = r->leg->client };

	if (!request_weighs(s, r))
		return r->auth.code = 400;
	if (bound && ip_eq(&bound->leg.client.ip, &client.addr.ip))
		client.control = &bound->leg.client;
	auth_check(s->auth, r->m, &client, server_now(s), s->wall, &r->auth);
	if (r->auth.wrong)
		report_wrong(s, r);
	if (r->auth.code == 500)
		log_line("a request is answered with 500: %s", auth_error(s->auth));
	if (r->auth.code)
		return r->auth.code;
	table_user_id(s->table, r->auth.user, r->auth.rest, r->user_id);
	r->alloc = alloc_of(s, r->worker, r->leg);
	if (r->alloc && (table_named(s->table, r->alloc, r->auth.user) ||
			 (table_unowned(r->alloc) && !r->auth.expired)))
		table_own(s->table, r->alloc, r->user_id, r->auth.user);
	if (r->auth.expired && !alloc_is_of(r->alloc, r) && !alloc_is_of(bound, r))
		refuse_expired(s, r);
	return r->auth.code;
}

/* What every request must pass (RFC 8656 5, RFC 8489 6.3.1). 0 or the error code. */
static int request_judge(struct server *s, struct request *r)
{
	int code = request_identify(s, r);

	if (code)
		return code;
	if (r->m->n_unknown)
		return 420;
	if (methods[r->method].need == (r->alloc ? NEED_NONE : NEED_SOME))
		return 437;
	return !r->alloc || alloc_is_of(r->alloc, r) ? 0 : 441;
}

static bool punt_too_old(const struct server *s, const struct evt_punt *p)
{
	uint64_t now_us = s->now_ms * 1000;

	return !leg_is_stream(&p->leg) && p->rx_us < now_us &&
	       now_us - p->rx_us > SERVER_REQUEST_MAX_AGE_S * UINT64_C(1000000);
}

static void server_punt(void *ctx, uint32_t worker, const struct evt_punt *p)
{
	struct server *s = ctx;
	struct stun_msg m;
	struct request r;
	int code;

	if (punt_too_old(s, p)) {
		s->stats.too_old++;
		return;
	}
	if (s->redirects && adopt_elsewhere(s, worker, &p->leg)) {
		s->stats.untold++; /* over UDP, as all that is elsewhere */
		return;
	}
	r.method = SERVER_METHODS;
	if (stun_parse(&m, p->payload, p->payload_len) == STUN_OK)
		r.method = method_find(&m);
	if (r.method == SERVER_METHODS) {
		s->stats.bad_stun++;
		return;
	}
	r.m = &m;
	r.leg = &p->leg;
	r.worker = worker;
	r.alloc = NULL;
	r.reply.flags = 0;
	s->stats.requests[r.method]++;
	code = request_judge(s, &r);
	if (code)
		reply_error(s, &r, code);
	else
		methods[r.method].handle(s, &r);
	auth_wipe(&r.auth);
}

/* The dataplane could not carry out what it was told. */
static bool server_refused(void *ctx, uint32_t worker, const struct evt_result *e)
{
	struct server *s = ctx;
	struct table_alloc *a = table_find_sid(s->table, worker, e->sid);
	char text[ADDR_STR_MAX];

	if (!a)
		return false;
	sock_addr_format(&a->leg.client, text, sizeof(text));
	if (e->hdr.type == EVT_SESSION_REFUSED) {
		/* A client may hang up at any time, which is nothing to write home about. */
		if (!leg_is_stream(&a->leg))
			log_line("the dataplane refused the allocation of %s, which is deleted",
				 text);
		s->stats.allocs_refused++;
		session_del(s, a);
	} else {
		log_line("the dataplane has no room for a peer of %s (dataplane.peers)", text);
		s->stats.peers_refused++;
		session_peer_refused(s, a, &e->peer, e->channel);
	}
	return true;
}

/* ---- connections (RFC 6062) ---- */

static void server_attached(void *ctx, uint64_t generation)
{
	struct server *s = ctx;

	memset(s->promise, 0, sizeof(s->promise));
	cost_record(s->conf);
	if (s->gateway)
		gate_attached(s->gateway, generation);
	memset(s->full_ms, 0, sizeof(s->full_ms));
	adopt_close(s); /* what is told is told anew */
	s->generation = generation;
	s->streams_lost = table_generation(s->table) != generation;
	s->streams_at = 0;
}

/*
 * Goes on with what an earlier dataplane's connections leave. Until that is over nothing is taken
 * from the new one, whose connections might be taken for those. False if there is more to do.
 */
static bool streams_settled(struct server *s)
{
	if (s->streams_lost && session_streams_lost(s, &s->streams_at)) {
		table_generation_set(s->table, s->generation);
		s->streams_lost = false;
	}
	return !s->streams_lost;
}

static bool server_peer_conn(void *ctx, uint32_t worker, const struct evt_peer_conn *e)
{
	struct server *s = ctx;

	switch (e->hdr.type) {
	case EVT_CONNECTED:
		return connect_done(s, worker, e);
	case EVT_CONNECT_FAILED:
		return connect_failed(s, worker, e);
	default:
		return attempt_handle(s, worker, e);
	}
}

/* A client's connection takes its allocation along: the five-tuple is no more. */
static bool client_gone(struct server *s, uint32_t worker, const struct evt_conn_gone *e)
{
	struct table_alloc *a = table_find_sid(s->table, worker, e->sid);

	if (!a || a->leg.conn != e->conn.idx || a->leg.conn_gen != e->conn.gen)
		return false;
	session_gone(s, a);
	return true;
}

static bool peer_gone(struct server *s, uint32_t worker, const struct evt_conn_gone *e)
{
	struct pending_conn *c = pending_find_conn(s->pending, worker, e->sid, e->conn);

	if (!c)
		return false;
	s->stats.peers_gone++;
	pending_del(s->pending, c);
	return true;
}

static bool server_conn_gone(void *ctx, uint32_t worker, const struct evt_conn_gone *e)
{
	struct server *s = ctx;

	switch (e->role) {
	case CONN_CLIENT:
		return client_gone(s, worker, e);
	case CONN_PEER:
		return peer_gone(s, worker, e);
	default:
		return false; /* joined ones are no business of ours */
	}
}

static void server_psk(void *ctx, uint32_t worker, const struct evt_psk *e)
{
	psk_handle(ctx, worker, e);
}

/* ---- contexts ---- */

static bool server_context_refused(void *ctx, uint32_t worker, const struct evt_context_refused *e)
{
	struct server *s = ctx;

	return s->gateway && gate_event_refused(s->gateway, worker, e);
}

static bool server_context_stats(void *ctx, uint32_t worker, const struct evt_context_stats *e)
{
	struct server *s = ctx;

	return s->gateway && gate_event_stats(s->gateway, worker, e);
}

static bool server_term(void *ctx, uint32_t worker, const struct evt_term *e)
{
	struct server *s = ctx;

	return s->gateway && gate_event_term(s->gateway, worker, e);
}

/* ---- the server ---- */

static enum dplink_work server_replay(void *ctx, uint32_t worker, struct dplink_cursor *cur)
{
	struct server *s = ctx;

	if (!cur->contexts) {
		enum dplink_work work = session_replay(s, worker, cur);

		if (work != DPLINK_IDLE || !s->gateway)
			return work;
		*cur = (struct dplink_cursor){ .contexts = true };
	}
	return gate_replay(s->gateway, worker, cur);
}

static const struct dplink_ops link_ops = {
	.attached = server_attached,
	.punt = server_punt,
	.peer_conn = server_peer_conn,
	.conn_gone = server_conn_gone,
	.psk = server_psk,
	.refused = server_refused,
	.context_refused = server_context_refused,
	.context_stats = server_context_stats,
	.term = server_term,
	.partial = adopt_due,
	.session = adopt_session,
	.context = adopt_context,
	.told = adopt_told,
	.audited = adopt_done,
	.replay = server_replay,
};

bool server_open(struct server *s, const struct config *c, struct auth *auth, uint64_t now_ms,
		 uint64_t wall_ms, char *err, size_t errlen)
{
	memset(s, 0, sizeof(*s));
	s->conf = c;
	s->auth = auth;
	s->start_ms = now_ms;
	server_clock(s, now_ms, wall_ms);
	s->challenge_len = challenge_len(s);
	rand_init(&s->rand);
	wheel_init(&s->wheel, now_ms / SERVER_TICK_MS);
	s->table = table_open(c, server_now(s), NULL, err, errlen);
	if (!s->table)
		return false;
	s->ports = ports_open(c, &s->rand, NULL, err, errlen);
	if (!s->ports) {
		server_close(s);
		return false;
	}
	s->pending = pending_create(c, &s->rand, &s->wheel);
	s->link = dplink_create(c, &link_ops, s);
	if (!s->pending || !s->link) {
		snprintf(err, errlen, "not enough memory for connections");
		server_close(s);
		return false;
	}
	session_resume(s);
	return true;
}

void server_close(struct server *s)
{
	adopt_close(s);
	dplink_free(s->link);
	ports_close(s->ports);
	pending_free(s->pending);
	table_close(s->table);
	memset(s, 0, sizeof(*s));
}

void server_clock(struct server *s, uint64_t now_ms, uint64_t wall_ms)
{
	s->now_ms = now_ms;
	s->wall_ms = wall_ms;
	s->wall = wall_ms / 1000;
	if (s->wall >= AUTH_WALL_MIN)
		s->clock_told = false;
}

/* Whether a worker's ring has been full for so long that the worker must hang. */
static bool worker_is_stuck(struct server *s, uint32_t worker, uint32_t room)
{
	uint64_t *since = &s->full_ms[worker];

	if (room)
		*since = 0;
	else if (!*since)
		*since = s->now_ms;
	return !room && s->now_ms - *since >= SERVER_STUCK_MS;
}

/*
 * Each expiry may need a command, so no more of them than there is room for. A worker that hangs
 * does not stop the time of the others: what it was not told it learns by a replay.
 */
static uint32_t timer_budget(struct server *s)
{
	uint32_t budget = SERVER_TIMER_BUDGET;

	for (uint32_t w = 0; w < dplink_n_workers(s->link); w++) {
		uint32_t room = dplink_room(s->link, w);

		if (!worker_is_stuck(s, w, room) && room < budget)
			budget = room;
	}
	return budget;
}

enum dplink_work server_poll(struct server *s)
{
	enum dplink_work work =
	    streams_settled(s) ? dplink_poll(s->link, SERVER_EVENT_BUDGET) : DPLINK_MORE;
	uint32_t budget = timer_budget(s);

	/* No timer of the wheel's: a dataplane that hangs is not waited for. */
	if (s->gateway)
		gate_answers_over(s->gateway);
	if (budget == 0)
		return DPLINK_BLOCKED;
	wheel_advance(&s->wheel, s->now_ms / SERVER_TICK_MS, budget, s);
	return wheel_behind(&s->wheel) ? DPLINK_MORE : work;
}
