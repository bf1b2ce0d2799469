/* SPDX-License-Identifier: BSD-3-Clause */
/* What each request must pass (RFC 8656 5) before its method's function has it. */
#include "../adopt.h"
#include "../log.h"
#include "../session.h"
#include "turn.h"

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

/* False if it is not one of ours. */
static bool method_find(const struct stun_msg *m, enum server_method *method)
{
	for (int i = 0; i < SERVER_METHODS; i++) {
		*method = (enum server_method)i;
		if (methods[i].stun == m->method)
			return m->cls == STUN_REQUEST;
	}
	return false;
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
		session_del(s, a, SESSION_END_EXPIRED);
	else if (leg_has_conn(leg) && (a->leg.conn != leg->conn ||
				       a->leg.conn_gen != leg->conn_gen || a->leg_worker != worker))
		session_del(s, a, SESSION_END_CONNECTION);
	else
		return a;
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

uint16_t request_challenge_len(struct server *s)
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
 * Whether a challenge is an answer to r: over UDP it may go to a host that never asked, and is
 * three times as long at most (RFC 8656 21.1). What is signed names the realm and is long enough.
 */
static bool request_weighs(const struct server *s, const struct request *r)
{
	uint32_t print = r->m->fingerprint.val ? STUN_ATTR_HDR_LEN + STUN_FINGERPRINT_LEN : 0;

	return leg_has_conn(r->leg) || CHALLENGE_TIMES * r->m->len >= s->challenge_len + print;
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
			 (table_unowned(r->alloc) && !r->auth.expired))) {
		table_own(s->table, r->alloc, r->user_id, r->auth.user);
		tell_alloc(s, r->alloc, RECORD_UPDATE, NULL);
	}
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

/* Clocks of workers differ from ours by a little: nothing takes less than no time. */
static void time_since(const struct server *s, struct histogram *h, uint64_t since_us)
{
	const uint64_t now_us = s->clock_us ? s->clock_us() : since_us;

	if (s->clock_us)
		histogram_add(h, now_us > since_us ? now_us - since_us : 0);
}

void request_handle(struct server *s, uint32_t worker, const struct evt_punt *p)
{
	struct stun_msg m;
	struct request r;
	int code;

	time_since(s, &s->times.ring_wait, p->rx_us);
	if (punt_too_old(s, p)) {
		s->stats.too_old++;
		return;
	}
	if (s->redirects && adopt_elsewhere(s, worker, &p->leg)) {
		s->stats.untold++; /* over UDP, as all that is elsewhere */
		return;
	}
	if (stun_parse(&m, p->payload, p->payload_len) != STUN_OK || !method_find(&m, &r.method)) {
		s->stats.bad_stun++;
		return;
	}
	r.m = &m;
	r.leg = &p->leg;
	r.worker = worker;
	r.alloc = NULL;
	r.reply.flags = 0;
	s->stats.requests[r.method]++;
	s->listener_requests[p->leg.listener]++;
	code = request_judge(s, &r);
	if (code)
		reply_error(s, &r, code);
	else
		methods[r.method].handle(s, &r);
	auth_wipe(&r.auth);
	time_since(s, &s->times.request, p->rx_us);
}
