/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls.h"

#include "../auth/psk_store.h"
#include "../tls/agent.h"
#include "certs_json.h"
#include "param.h"
#include "stat_list.h"
#include "stats.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

/* ---- counters ---- */

static json_t *events_json(const struct stats_counters *sum)
{
	json_t *list = json_array();

	for (int i = 0; i < CNT_MAX; i++) {
		if (stats_is_tls((enum counter)i) && !stats_is_gauge((enum counter)i))
			json_array_append_new(
			    list, json_pack("{s:s, s:s, s:o}", "name", counter_desc[i].name, "help",
					    counter_desc[i].help, "total", integer(sum->cnt[i])));
	}
	return list;
}

/* What ended connections and has to do with TLS, or with services behind it. */
static json_t *ends_json(const struct stats_counters *sum)
{
	json_t *list = json_array();

	for (int i = 0; i < TCP_END_MAX; i++) {
		if (i == TCP_END_BACKEND || strncmp(tcp_end_desc[i].name, "tls_", 4) == 0)
			json_array_append_new(
			    list, json_pack("{s:s, s:s, s:o}", "name", tcp_end_desc[i].name, "help",
					    tcp_end_desc[i].help, "total", integer(sum->end[i])));
	}
	return list;
}

static json_t *handshakes_json(const struct stats_counters *sum)
{
	const uint64_t *c = sum->cnt;

	return json_pack(
	    "{s:{s:o, s:o}, s:{s:o, s:o}, s:o, s:o, s:o, s:o, s:o, s:o}", "TLS 1.2", "full",
	    integer(c[CNT_TLS_FULL_12]), "resumed", integer(c[CNT_TLS_RESUMED_12]), "TLS 1.3",
	    "full", integer(c[CNT_TLS_FULL_13]), "resumed", integer(c[CNT_TLS_RESUMED_13]), "psk",
	    integer(c[CNT_TLS_PSK]), "failed", integer(c[CNT_TLS_FAILED]), "queued",
	    integer(c[CNT_TLS_QUEUED]), "under_way", integer(c[CNT_TLS_HANDSHAKES]), "overdue",
	    integer(c[CNT_TLS_OVERDUE]), "waiting", integer(c[CNT_TLS_WAITING]));
}

json_t *tls_json(const struct server *s)
{
	const uint32_t n = dplink_n_workers(s->link);
	struct stats_counters sum = { 0 };
	json_t *o;

	for (uint32_t w = 0; w < n; w++) {
		struct stats_counters c;

		stats_worker(s->link, w, &c);
		stats_add(&sum, &c);
	}
	o = json_pack("{s:b, s:o, s:o, s:o, s:o}", "attached", dplink_attached(s->link),
		      "connections", integer(sum.cnt[CNT_TLS_CONNS]), "connections_max",
		      integer((uint64_t)n * s->conf->tls.connections), "certificates",
		      certs_json(s), "handshakes", handshakes_json(&sum));
	stat_json(s, "tls", o);
	json_object_set_new(o, "events", events_json(&sum));
	json_object_set_new(o, "ends", ends_json(&sum));
	return o;
}

/* ---- methods ---- */

json_t *tls_show(void *ctx, const json_t *params, struct rpc_error *err)
{
	(void)params;
	(void)err;
	return tls_json(ctx);
}

static void reload_end(void *ctx, bool ok, const char *text)
{
	struct rpc_later *l = ctx;
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };

	tls_agent_log(ok, text);
	if (!ok)
		rpc_fail(&err, RPC_INTERNAL, "%s", text);
	rpc_reply(l, ok ? tls_json(rpc_later_ctx(l)) : NULL, &err);
}

void tls_reload(void *ctx, const json_t *params, struct rpc_later *l)
{
	const struct server *s = ctx;

	(void)params;
	if (s->tls)
		tls_agent_reload(s->tls, reload_end, l);
	else
		reload_end(l, false, "neither a listener nor a realm has TLS");
}

/* ---- pre-shared keys ---- */

static json_t *psk_done(struct psk_store *s, enum user_status st, const char *identity,
			const char *what, struct rpc_error *err)
{
	if (st == USER_ERROR)
		return rpc_fail(err, RPC_INTERNAL, "%s", psk_error(s));
	if (st == USER_UNKNOWN)
		return rpc_fail(err, RPC_BAD_PARAMS, "no such identity");
	return json_pack("{s:s, s:s}", "identity", identity, "result", what);
}

static struct psk_store *psk_store_of(const struct server *s, struct rpc_error *err)
{
	if (!s->psk)
		rpc_fail(err, RPC_INTERNAL, "no TLS domain takes pre-shared keys");
	return s->psk;
}

/* {identity, key}: the key in hexadecimal, instead of the one there may be. */
json_t *psk_set(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct psk_store *store = psk_store_of(ctx, err);
	const char *identity = store ? param_text(params, "identity", err) : NULL;
	const char *key = identity ? param_text(params, "key", err) : NULL;
	enum user_status st;
	struct psk p;
	bool ok;

	if (!key)
		return NULL;
	ok = psk_parse(&p, identity, key, err->text, sizeof(err->text));
	OPENSSL_cleanse((char *)(uintptr_t)key, strlen(key));
	if (!ok) {
		err->code = RPC_BAD_PARAMS;
		return NULL;
	}
	st = psk_add(store, &p, true);
	OPENSSL_cleanse(&p, sizeof(p));
	return psk_done(store, st, identity, "set", err);
}

json_t *psk_unset(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct psk_store *store = psk_store_of(ctx, err);
	const char *identity = store ? param_text(params, "identity", err) : NULL;

	if (!identity)
		return NULL;
	return psk_done(store, psk_del(store, identity), identity, "deleted", err);
}
