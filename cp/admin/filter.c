/* SPDX-License-Identifier: BSD-3-Clause */
#include "filter.h"

#include "../session.h"
#include "../session_rate.h"
#include "term_json.h"
#include "../../lib/tls_name.h"

#include <string.h>

static const char *const streams[] = { "tcp", "tls", "dtls", NULL };
static const char *const roles[CONN_ROLES + 1] = { "client", "peer", "data", "other", NULL };

/* ---- parameters ---- */

static bool addr_read(const char *text, struct filter_addr *to)
{
	struct sock_addr a;

	if (sock_addr_parse(text, &a)) {
		to->net = (struct ip_prefix){ a.ip, 128 };
		to->port = be16_get(a.port);
		return true;
	}
	return ip_prefix_parse(text, &to->net);
}

static bool param_filter_addr(const json_t *params, const char *name, struct filter_addr *to,
			      struct rpc_error *err)
{
	const char *text;

	if (!param(params, name))
		return true;
	text = param_text(params, name, err);
	if (!text)
		return false;
	to->given = addr_read(text, to);
	if (!to->given)
		rpc_fail(err, RPC_BAD_PARAMS,
			 "\"%s\" must be an address, an address with its port, or a block of "
			 "addresses, not \"%.64s\"",
			 name, text);
	return to->given;
}

/* One of the words, the list of which ends with NULL. */
static bool param_word(const json_t *params, const char *name, const char *const *words,
		       const char **to, struct rpc_error *err)
{
	const char *text;

	if (!param(params, name))
		return true;
	text = param_text(params, name, err);
	for (; text && *words; words++) {
		if (strcmp(*words, text) == 0)
			*to = *words;
	}
	if (text && !*to)
		rpc_fail(err, RPC_BAD_PARAMS, "\"%s\" cannot be \"%.32s\"", name, text);
	return *to != NULL;
}

static bool param_user(const struct server *s, const json_t *params, struct filter *f,
		       struct rpc_error *err)
{
	const char *user;

	if (!param(params, "user"))
		return true;
	user = param_text(params, "user", err);
	if (!user)
		return false;
	table_user_id(s->table, user, false, f->user[0]);
	table_user_id(s->table, user, true, f->user[1]);
	f->by_user = true;
	return true;
}

static bool any_given(const json_t *params, const char *names)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)params, key, v)
	{
		if (!json_is_null(v) && param_named(names, key))
			return true;
	}
	return false;
}

/* What all have, and whether anything is given of names. */
static bool common_read(const struct server *s, const json_t *params, const char *names,
			struct filter *f, struct rpc_error *err)
{
	*f = (struct filter){ .worker = UINT32_MAX, .slot = UINT32_MAX, .younger = UINT32_MAX };
	f->any = any_given(params, names);
	return param_uint(params, "worker", 0, s->conf->dataplane.n_workers - 1, &f->worker, err) &&
	       param_uint(params, "older_s", 0, UINT32_MAX, &f->older, err) &&
	       param_uint(params, "younger_s", 0, UINT32_MAX, &f->younger, err);
}

bool filter_sessions(const struct server *s, const json_t *params, struct filter *f,
		     struct rpc_error *err)
{

	return common_read(s, params, FILTER_SESSIONS, f, err) && param_user(s, params, f, err) &&
	       param_filter_addr(params, "client", &f->client, err) &&
	       param_filter_addr(params, "relayed", &f->relayed, err) &&
	       param_filter_addr(params, "peer", &f->peer, err) &&
	       param_word(params, "transport", config_transport_name, &f->transport, err) &&
	       param_uint(params, "silent_s", 0, UINT32_MAX, &f->silent, err) &&
	       param_uint(params, "rate_over", 0, UINT32_MAX, &f->rate, err) &&
	       param_uint(params, "session", 0, s->conf->dataplane.sessions - 1, &f->slot, err);
}

bool filter_connections(const struct server *s, const json_t *params, struct filter *f,
			struct rpc_error *err)
{

	return common_read(s, params, FILTER_CONNECTIONS, f, err) &&
	       param_filter_addr(params, "local", &f->local, err) &&
	       param_filter_addr(params, "remote", &f->remote, err) &&
	       param_word(params, "transport", streams, &f->transport, err) &&
	       param_word(params, "role", roles, &f->role, err) &&
	       param_uint(params, "silent_s", 0, UINT32_MAX, &f->silent, err) &&
	       param_uint(params, "rate_over", 0, UINT32_MAX, &f->rate, err);
}

bool filter_contexts(const struct server *s, const json_t *params, struct filter *f,
		     struct rpc_error *err)
{

	return common_read(s, params, FILTER_CONTEXTS, f, err) &&
	       param_copy(params, "call", f->call, sizeof(f->call), err) &&
	       param_filter_addr(params, "local", &f->local, err) &&
	       param_filter_addr(params, "remote", &f->remote, err) &&
	       param_word(params, "transport", config_transport_name, &f->transport, err) &&
	       param_uint(params, "silent_s", 0, UINT32_MAX, &f->silent, err) &&
	       param_uint(params, "rate_over", 0, UINT32_MAX, &f->rate, err);
}

/* ---- names ---- */

const char *session_transport(const struct server *s, const struct table_alloc *a)
{
	return a->leg.listener < listener_places(s->conf)
		   ? config_transport_name[listener_place(s->conf, a->leg.listener).transport]
		   : "-";
}

const char *conn_role_name(uint32_t role)
{
	return role < CONN_ROLES ? roles[role] : "?";
}

/* ---- judging ---- */

static bool has_addr(const struct filter_addr *f, const struct sock_addr *a)
{
	return ip_in_prefix(&a->ip, &f->net) && (!f->port || f->port == be16_get(a->port));
}

static bool has_age(const struct server *s, const struct filter *f, uint32_t created)
{
	const uint32_t age = server_age(s, created);

	return age >= f->older && age <= f->younger;
}

static bool has_word(const char *wanted, const char *word)
{
	return !wanted || strcmp(wanted, word) == 0;
}

static bool has_relayed(const struct server *s, const struct filter_addr *f,
			const struct table_alloc *a)
{
	struct sock_addr addr;

	for (int i = RELAY_V4; i <= RELAY_V6; i++) {
		if (session_relayed(s, a, i, &addr) && has_addr(f, &addr))
			return true;
	}
	return false;
}

/* A permission is of an address; with a port, a channel to it is meant. */
static bool has_peer(const struct server *s, const struct filter_addr *f,
		     const struct table_alloc *a)
{
	if (f->port) {
		for (struct table_chan *c = table_chan_next(s->table, a, NULL); c;
		     c = table_chan_next(s->table, a, c)) {
			if (has_addr(f, &c->peer))
				return true;
		}
		return false;
	}
	for (struct table_perm *p = table_perm_next(s->table, a, NULL); p;
	     p = table_perm_next(s->table, a, p)) {
		if (ip_in_prefix(&p->peer, &f->net))
			return true;
	}
	return false;
}

static bool has_user(const struct filter *f, const struct table_alloc *a)
{
	return memcmp(a->user_id, f->user[0], TABLE_USER_ID) == 0 ||
	       memcmp(a->user_id, f->user[1], TABLE_USER_ID) == 0;
}

/* Neither way, since it was made or for so long. */
static bool is_silent(const struct server *s, uint32_t seconds, const struct table_alloc *a)
{
	struct session_use u;
	uint32_t age = server_age(s, a->created);

	if (!dplink_use(s->link, a->worker, a->sid, server_now(s), &u))
		return false;
	for (int way = 0; way < CTL_WAYS; way++)
		age = u.silent_s[way] < age ? u.silent_s[way] : age;
	return age >= seconds;
}

/* Of which nothing is known yet relays nothing. */
static bool is_busy(const struct server *s, uint32_t bytes_per_s, const struct table_alloc *a)
{
	struct session_rate r;

	return session_rate_of(s->rates, s->table, s->link, a, &r) &&
	       (uint64_t)r.bytes_per_s[CTL_TO_PEER] + r.bytes_per_s[CTL_TO_CLIENT] >= bytes_per_s;
}

bool filter_has_session(const struct server *s, const struct filter *f, const struct table_alloc *a)
{
	return (f->worker == UINT32_MAX || f->worker == a->worker) &&
	       (f->slot == UINT32_MAX || f->slot == a->sid.slot) && has_age(s, f, a->created) &&
	       (!f->by_user || has_user(f, a)) && has_word(f->transport, session_transport(s, a)) &&
	       (!f->client.given || has_addr(&f->client, &a->leg.client)) &&
	       (!f->relayed.given || has_relayed(s, &f->relayed, a)) &&
	       (!f->peer.given || has_peer(s, &f->peer, a)) &&
	       (!f->silent || is_silent(s, f->silent, a)) && (!f->rate || is_busy(s, f->rate, a));
}

/* Of DTLS only those are shown whose handshake is over. */
static const char *conn_transport(const struct ctl_conn_info *c)
{
	return c->tls_version == VERSION_DTLS_1_2 ? "dtls" : c->tls_version ? "tls" : "tcp";
}

bool filter_has_conn(const struct filter *f, uint32_t worker, const struct ctl_conn_info *c)
{
	return (f->worker == UINT32_MAX || f->worker == worker) && c->age_s >= f->older &&
	       c->age_s <= f->younger && c->silent_s >= f->silent &&
	       (uint64_t)c->rx.bytes_per_s + c->tx.bytes_per_s >= f->rate &&
	       has_word(f->role, conn_role_name(c->role)) &&
	       has_word(f->transport, conn_transport(c)) &&
	       (!f->local.given || has_addr(&f->local, &c->local)) &&
	       (!f->remote.given || has_addr(&f->remote, &c->remote));
}

/* Of either side: the address that was learnt goes before the one that was given. */
static bool has_remote(const struct filter_addr *f, const struct context *c)
{
	for (int i = 0; i < 2; i++) {
		const struct context_term *m = &c->term[i];
		const struct sock_addr *learnt =
		    m->term.transport == TERM_UDP ? &m->term.latched[0] : &m->peer;

		if (m->term.transport != TERM_NONE &&
		    has_addr(f, be16_get(learnt->port) ? learnt : &m->term.remote[0]))
			return true;
	}
	return false;
}

static bool has_local(const struct server *s, const struct filter_addr *f, const struct context *c)
{
	struct sock_addr a;

	for (uint32_t i = 0; i < 2; i++) {
		if ((gate_local(s->gateway, c, i, false, &a) && has_addr(f, &a)) ||
		    (gate_local(s->gateway, c, i, true, &a) && has_addr(f, &a)))
			return true;
	}
	return false;
}

static bool has_transport(const char *wanted, const struct context *c)
{
	return has_word(wanted, term_word(term_transports, c->term[0].term.transport)) ||
	       has_word(wanted, term_word(term_transports, c->term[1].term.transport));
}

/* Of which nothing is known neither was silent nor carried anything. */
static bool has_use(const struct server *s, const struct filter *f, const struct context *c)
{
	uint32_t silent = server_age(s, c->created);
	struct context_use u;

	if (!f->silent && !f->rate)
		return true;
	if (!dplink_context_use(s->link, c->worker, c->cid, server_now(s), &u))
		return false;
	for (int i = 0; i < 2; i++)
		silent = u.silent_s[i] < silent ? u.silent_s[i] : silent;
	return silent >= f->silent && (uint64_t)u.bytes_per_s[0] + u.bytes_per_s[1] >= f->rate;
}

bool filter_has_context(const struct server *s, const struct filter *f, const struct context *c)
{
	return (f->worker == UINT32_MAX || f->worker == c->worker) && has_age(s, f, c->created) &&
	       (!f->call[0] || strcmp(f->call, c->call) == 0) && has_transport(f->transport, c) &&
	       (!f->remote.given || has_remote(&f->remote, c)) &&
	       (!f->local.given || has_local(s, &f->local, c)) && has_use(s, f, c);
}
