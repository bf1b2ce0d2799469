/* SPDX-License-Identifier: BSD-3-Clause */
#include "kill.h"

#include "../log.h"
#include "../session.h"
#include "conns.h"
#include "context_rpc.h"
#include "filter.h"

#include <stdlib.h>

enum {
	KILL_MAX = 256,	    /* ended in a call */
	KILL_SCAN = 16384,  /* looked at */
	KILL_COMMANDS = 16, /* that an end may need, at most */
	LOG_MAX = 512,	    /* bytes of parameters in the log */
};

/* One call. */
struct kill {
	struct server *s;
	struct filter f;
	bool dry_run;
	uint32_t cursor;
	uint32_t matched; /* ended, or, in a dry run, would be */
	uint32_t seen;	  /* of those that live */
	bool full;	  /* no room for more commands or records: it goes on in another call */
};

/* What is the same in all three. */
static bool kill_read(struct kill *k, const json_t *params, const char *what, struct rpc_error *err)
{
	bool all = false;

	if (!param_bool(params, "all", &all, err) ||
	    !param_bool(params, "dry_run", &k->dry_run, err) ||
	    !param_uint(params, "cursor", 0, UINT32_MAX, &k->cursor, err))
		return false;
	if (k->f.any || all || k->dry_run)
		return true;
	rpc_fail(err, RPC_BAD_PARAMS,
		 "this would end all %s: say which ones, or \"all\": true if that is meant", what);
	return false;
}

/* Who is to be ended is in the log before it happens. */
static void kill_log(const struct kill *k, const json_t *params, const char *what)
{
	char *text;

	if (k->dry_run || k->cursor)
		return;
	text = json_dumps(params, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_SORT_KEYS);
	log_line("%s are killed by an operator: %.*s", what, LOG_MAX, text ? text : "");
	free(text);
}

/* Whether the worker takes what an end needs, and there is room to tell of it. */
static bool has_room(struct kill *k, uint32_t worker)
{
	k->full = dplink_attached(k->s->link) && worker < dplink_n_workers(k->s->link) &&
		  dplink_room(k->s->link, worker) < KILL_COMMANDS;
	k->full |= tell_room(k->s) < KILL_COMMANDS;
	return !k->full;
}

/*
 * Whether what was found, of one worker or two, is to be ended now: counts it. If there is no room
 * its place is the next call's.
 */
static bool kill_takes(struct kill *k, uint32_t worker, uint32_t other)
{
	if (!k->dry_run && (!has_room(k, worker) || !has_room(k, other)))
		return false;
	k->matched++;
	return !k->dry_run;
}

static bool kill_more(const struct kill *k)
{
	return !k->full && (k->dry_run || k->matched < KILL_MAX);
}

static json_t *kill_result(const struct kill *k, bool end)
{
	return json_pack("{s:o, s:o, s:o}", "killed", integer(k->matched), "seen", integer(k->seen),
			 "cursor", end ? json_null() : integer(k->cursor));
}

/* ---- sessions ---- */

/* Of a worker's slot there is one, which is found without all others. */
static bool session_at(struct kill *k)
{
	struct table_alloc *a = table_at_slot(k->s->table, k->f.worker, k->f.slot);

	k->seen = table_stats(k->s->table)->allocs;
	if (a && filter_has_session(k->s, &k->f, a) && kill_takes(k, a->worker, a->leg_worker))
		session_kill(k->s, a);
	k->cursor = 1; /* where it has to be looked at again, the log has it already */
	return !k->full;
}

json_t *rpc_sessions_kill(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct kill k = { .s = ctx };
	uint32_t look = KILL_SCAN;
	struct table_alloc *a = NULL;

	if (!param_only(params, FILTER_SESSIONS PARAM_KILL, err) ||
	    !filter_sessions(ctx, params, &k.f, err) || !kill_read(&k, params, "sessions", err))
		return NULL;
	kill_log(&k, params, "sessions");
	if (k.f.worker != UINT32_MAX && k.f.slot != UINT32_MAX)
		return kill_result(&k, session_at(&k));
	while (kill_more(&k) && (a = table_walk(k.s->table, &k.cursor, &look)) != NULL) {
		k.seen++;
		if (!filter_has_session(k.s, &k.f, a))
			continue;
		if (kill_takes(&k, a->worker, a->leg_worker))
			session_kill(k.s, a);
	}
	if (k.full) { /* it is looked at again */
		k.cursor--;
		k.seen--;
	}
	return kill_result(&k, !a && look && kill_more(&k));
}

/* ---- connections ---- */

/* The session whose client has it; NULL: it has none. */
static struct table_alloc *session_of(const struct server *s, uint32_t worker, struct ctl_conn name,
				      const struct ctl_conn_info *c)
{
	struct ctl_leg leg = { .client = c->remote };

	for (leg.listener = 0; leg.listener < listener_places(s->conf); leg.listener++) {
		const struct listener_place l = listener_place(s->conf, leg.listener);
		struct table_alloc *a;

		if (!sock_addr_eq(&l.addr, &c->local))
			continue;
		a = table_find(s->table, &leg);
		if (a && a->leg_worker == worker && a->leg.conn == name.idx &&
		    a->leg.conn_gen == name.gen)
			return a;
	}
	return NULL;
}

static void conn_end(struct server *s, uint32_t worker, uint32_t idx, const struct ctl_conn_info *c)
{
	struct cmd_conn_close cmd = { .conn = conn_name(s->conf, idx, c->gen), .killed = 1 };
	struct table_alloc *a = session_of(s, worker, cmd.conn, c);

	if (a)
		session_kill(s, a);
	else
		dplink_cmd(s->link, worker, CMD_CONN_CLOSE, &cmd, sizeof(cmd));
}

bool kill_conn(struct server *s, uint32_t worker, uint32_t idx, const struct ctl_conn_info *c)
{
	struct kill k = { .s = s };

	if (!has_room(&k, worker))
		return false;
	conn_end(s, worker, idx, c);
	return true;
}

static bool conn_kill(void *arg, uint32_t worker, uint32_t idx, const struct ctl_conn_info *c)
{
	struct kill *k = arg;

	if (!kill_more(k))
		return false;
	if (filter_has_conn(&k->f, worker, c)) {
		if (kill_takes(k, worker, worker))
			conn_end(k->s, worker, idx, c);
		if (k->full)
			return false;
	}
	k->seen++;
	return true;
}

json_t *rpc_connections_kill(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct kill k = { .s = ctx };
	bool end;

	if (!param_only(params, FILTER_CONNECTIONS PARAM_KILL, err) ||
	    !filter_connections(ctx, params, &k.f, err) ||
	    !kill_read(&k, params, "connections", err))
		return NULL;
	if (!dplink_attached(k.s->link))
		return rpc_fail(err, RPC_AWAY,
				"no dataplane is attached: there are no connections");
	kill_log(&k, params, "connections");
	end = conns_find(k.s->link, &k.f, KILL_SCAN, &k.cursor, conn_kill, &k);
	return kill_result(&k, end);
}

/* ---- contexts ---- */

json_t *rpc_contexts_kill(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct kill k = { .s = ctx };
	uint32_t look = KILL_SCAN;
	struct context *c = NULL;

	if (!context_gateway(k.s, err) || !param_only(params, FILTER_CONTEXTS PARAM_KILL, err) ||
	    !filter_contexts(ctx, params, &k.f, err) || !kill_read(&k, params, "contexts", err))
		return NULL;
	kill_log(&k, params, "contexts");
	while (kill_more(&k) && (c = gate_next(k.s->gateway, &k.cursor, &look)) != NULL) {
		k.seen++;
		if (!filter_has_context(k.s, &k.f, c))
			continue;
		if (kill_takes(&k, c->worker, c->worker))
			gate_kill(k.s->gateway, c);
	}
	if (k.full) {
		k.cursor--;
		k.seen--;
	}
	return kill_result(&k, !c && look && kill_more(&k));
}
