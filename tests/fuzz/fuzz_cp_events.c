/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a dataplane may send to the control process: raw events, requests of clients over UDP and
 * TCP, and news of connections and contexts, in events that are well-formed; and controllers that
 * add and change contexts meanwhile. An input is a list of records: kind, argument, length (two
 * bytes, network order), bytes. No input may crash the control process or leave anything behind
 * once its allocations and contexts are deleted.
 */
#include "tests/world/gate_env.h"
#include "cp/auth/psk_store.h"
#include "cp/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum kind {
	KIND_RAW,
	KIND_STUN,
	KIND_TIME,
	KIND_REFUSED,
	KIND_STUN_TCP,
	KIND_PEER_CONN,
	KIND_CONN_GONE,
	KIND_PSK,
	KIND_ADD,
	KIND_CHANGE,
	KIND_TERM,
	KIND_STATS,
	KIND_CONTEXT_REFUSED,
	KIND_ATTACH,
	KIND_KINDS
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct env env;
static uint32_t last_seq[2];	       /* of CMD_CONNECT, by worker */
static struct cmd_context last_ask[2]; /* CMD_CONTEXT_AUDIT or CMD_CONTEXT_DEL, likewise */
static uint64_t asked, told;	       /* for counters, and how often there was an answer */

/* A store whose files have no name any more. */
static void psk_open_unnamed(void)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	char path[128], err[512];

	snprintf(path, sizeof(path), "%s/users.db", env.dir);
	env.s.psk = psk_open(path, 0, err, sizeof(err));
	if (!env.s.psk)
		abort();
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/users.db%s", env.dir, suffix[i]);
		unlink(path);
	}
}

static void env_once(void)
{
	if (env.s.table)
		return;
	env_open(&env);
	env_config_gateway(&env.conf);
	env.conf.domain[0].psk = true;
	env_start(&env, 256);
	psk_open_unnamed();
	env_close(&env); /* the mapped file lives on without a name */
}

static void take_all(uint32_t worker)
{
	union ctl_cmd c;

	while (fake_dp_take(&env.dp, worker, &c)) {
		if (c.hdr.type == CMD_CONNECT)
			last_seq[worker] = c.hdr.seq;
		if (c.hdr.type == CMD_CONTEXT_AUDIT || c.hdr.type == CMD_CONTEXT_DEL)
			last_ask[worker] = c.context_del;
	}
}

/* Takes all commands; a link that found a fault is made anew, as the owner of the socket does. */
static void settle(void)
{
	const char *why;
	char err[256];

	server_clock(&env.s, env.now_ms, 0);
	while (server_poll(&env.s) != DPLINK_IDLE && !dplink_fault(env.s.link, &why)) {
		for (uint32_t w = 0; w < 2; w++)
			take_all(w);
	}
	if (dplink_fault(env.s.link, &why)) {
		fake_dp_close(&env.dp);
		fake_dp_open(&env.dp, &env.conf, 256);
		if (!fake_dp_attach(&env.dp, &env.s, err, sizeof(err)))
			abort();
		server_poll(&env.s);
	}
	for (uint32_t w = 0; w < 2; w++)
		take_all(w);
}

/* The session of the arg-th client over TCP if there is one, so that an event can hit. */
static struct ctl_sid sid_of(uint8_t arg)
{
	struct table_alloc *a = env_alloc_tcp(&env, (uint16_t)(1000 + arg / 2));

	return a ? a->sid : (struct ctl_sid){ arg, arg };
}

/* An outcome of the newest command, or a peer's attempt. */
static void peer_conn(uint8_t arg, const uint8_t *p, size_t len)
{
	static const uint16_t types[] = { EVT_CONNECTED, EVT_CONNECT_FAILED, EVT_PEER_ATTEMPT };
	struct evt_peer_conn e = { .sid = sid_of(arg), .peer = addr("203.0.113.1", arg) };
	uint16_t type = types[len ? p[0] % 3 : 0];

	e.conn = (struct ctl_conn){ arg, type != EVT_CONNECT_FAILED };
	e.why = len > 1 ? p[1] % TCP_END_MAX : 0;
	fake_dp_peer_conn(&env.dp, arg & 1, type, last_seq[arg & 1], &e);
}

/* A client's identity: any bytes. */
static void psk(uint8_t arg, const uint8_t *p, size_t len)
{
	struct evt_psk e = { .hdr = { EVT_PSK, sizeof(e), 0 }, .conn = { arg, 1 } };

	e.identity_len = len < sizeof(e.identity) ? (uint16_t)len : sizeof(e.identity);
	if (e.identity_len)
		memcpy(e.identity, p, e.identity_len);
	fake_dp_event(&env.dp, arg & 1, &e, sizeof(e));
}

/* ---- contexts ---- */

static struct context *context_of(uint8_t arg)
{
	uint32_t cursor = 0, look = UINT32_MAX;
	struct context *c, *last = NULL;

	for (uint32_t i = 0; i <= arg % 8u && (c = gate_next(env.s.gateway, &cursor, &look)); i++)
		last = c;
	return last;
}

/* A specification with whatever the bytes say: a few flags of one that can be granted, or all of
 * it. */
static void spec_make(struct term_spec *w, uint8_t arg, const uint8_t *p, size_t len)
{
	static struct term_spec (*const of[])(uint16_t realm) = { spec_udp, spec_tcp, spec_tls };
	uint8_t more = len > 1 ? p[1] : 0;

	*w = of[arg % 3](arg & 1);
	if (len >= 2 + sizeof(w->term))
		memcpy(&w->term, p + 2, sizeof(w->term));
	else if (len > 2)
		w->term.remote[0] = addr("203.0.113.1", p[2]);
	if (len)
		w->term.flags ^= p[0];
	w->begin = more & 1;
	w->restart = more & 2;
	w->v6 = more & 4;
	w->port = more & 8 ? (uint16_t)(49152 + more) : 0;
	w->notify = more >> 4;
}

static void count(void *arg, const struct context *c, const struct ctl_term_stats stats[2])
{
	if (arg != &env || (c && !gate_find(env.s.gateway, c->id)))
		abort();
	(void)stats;
	told++;
}

static void add_context(uint8_t arg, const uint8_t *p, size_t len)
{
	struct gate_plan plan = plan_default;
	struct term_spec w[2];
	struct gate_fail f = { 0 };

	plan.media = arg;
	plan.near = arg & 64 ? context_of(arg) : NULL;
	spec_make(&w[0], arg, p, len);
	spec_make(&w[1], arg & 32 ? arg : (uint8_t)(arg + 1), p, len);
	if (!gate_add(env.s.gateway, &plan, &w[0], arg & 128 ? &w[1] : NULL, &f) && !f.text[0])
		abort();
}

static void change_context(uint8_t arg, const uint8_t *p, size_t len)
{
	struct gateway *g = env.s.gateway;
	struct context *c = context_of(arg), *to = context_of((uint8_t)(arg + 1));
	uint32_t side = arg >> 3 & 1;
	struct gate_plan plan;
	struct term_spec w;
	struct gate_fail f;

	if (!c)
		return;
	switch (arg >> 4 & 7) {
	case 0:
		gate_subtract(g, c, side, &f);
		break;
	case 1:
		gate_move(g, c, side, to, !side, &f);
		break;
	case 2:
		asked++;
		gate_audit(g, c, count, &env);
		break;
	case 3:
		asked++;
		gate_delete(g, c, count, &env);
		break;
	case 4:
		gate_plan(g, c, &plan);
		plan.flags = len ? p[0] & CONTEXT_HOLD : 0;
		plan.lifetime = len > 1 ? p[1] : 0;
		plan.inactivity = len > 2 ? p[2] : UINT32_MAX;
		gate_plan_set(g, c, &plan);
		break;
	case 5:
		spec_make(&w, arg, p, len);
		gate_set(g, c, side, &w, &f);
		break;
	default:
		term_spec(g, c, side, &w);
		w.begin = len && p[0] & 1;
		w.restart = len && p[0] & 2;
		gate_set(g, c, side, &w, &f);
	}
}

/* News of the arg-th context, of its attempt unless the bytes say otherwise. */
static void term_event(uint8_t arg, const uint8_t *p, size_t len)
{
	const struct context *c = context_of(arg);
	struct evt_term e = { .side = arg >> 3 & 1, .remote = addr("203.0.113.1", arg) };

	if (!c)
		return;
	e.what = len ? p[0] % TERM_EVENTS : 0;
	e.attempt = len > 1 ? p[1] : c->term[e.side].term.attempt;
	e.why = len > 2 ? p[2] % TCP_END_MAX : 0;
	e.rtcp = len > 3 ? p[3] & 1 : 0;
	if (len >= 4 + sizeof(e.remote))
		memcpy(&e.remote, p + 4, sizeof(e.remote));
	fake_dp_term(&env.dp, c->worker, c->cid, &e);
}

/* Counters for the newest command that asked for some. */
static void stats_event(uint8_t arg, const uint8_t *p, size_t len)
{
	struct ctl_term_stats stats[2];

	memset(stats, arg, sizeof(stats));
	if (len)
		memcpy(stats, p, len < sizeof(stats) ? len : sizeof(stats));
	fake_dp_stats(&env.dp, arg & 1, &last_ask[arg & 1], stats);
}

/* The same dataplane attached anew, or another one. */
static void attach(uint8_t arg)
{
	char err[256];

	dplink_detach(env.s.link);
	fake_dp_close(&env.dp);
	fake_dp_open(&env.dp, &env.conf, 256);
	env.dp.region->generation = arg;
	if (!fake_dp_attach(&env.dp, &env.s, err, sizeof(err)))
		abort();
}

/* False if the record is of another kind. */
static bool context_record(enum kind kind, uint8_t arg, const uint8_t *p, size_t len)
{
	switch (kind) {
	case KIND_ADD:
		add_context(arg, p, len);
		break;
	case KIND_CHANGE:
		change_context(arg, p, len);
		break;
	case KIND_TERM:
		term_event(arg, p, len);
		break;
	case KIND_STATS:
		stats_event(arg, p, len);
		break;
	case KIND_CONTEXT_REFUSED:
		if (context_of(arg))
			fake_dp_context_refused(&env.dp, context_of(arg)->worker,
						context_of(arg)->cid, arg >> 4 & 3);
		break;
	case KIND_ATTACH:
		attach(arg);
		break;
	default:
		return false;
	}
	return true;
}

static void record(enum kind kind, uint8_t arg, const uint8_t *p, size_t len)
{
	struct sock_addr client = addr("198.51.100.7", (uint16_t)(1000 + arg / 2));
	struct ctl_leg leg;

	switch (kind) {
	case KIND_RAW:
		fake_dp_event(&env.dp, arg & 1, p, len);
		break;
	case KIND_STUN:
		if (len <= CTL_PAYLOAD_MAX)
			fake_dp_punt(&env.dp, arg & 1, &client, p, len, env.now_ms * 1000);
		break;
	case KIND_STUN_TCP:
		leg = (struct ctl_leg){ client, 1, arg / 2, 1 };
		if (len <= CTL_PAYLOAD_MAX)
			fake_dp_punt_leg(&env.dp, arg & 1, &leg, p, len, env.now_ms * 1000);
		break;
	case KIND_PEER_CONN:
		peer_conn(arg, p, len);
		break;
	case KIND_CONN_GONE:
		fake_dp_conn_gone(&env.dp, arg & 1, sid_of(arg), (struct ctl_conn){ arg / 2, 1 },
				  len ? p[0] % CONN_ROLES : CONN_CLIENT);
		break;
	case KIND_PSK:
		psk(arg, p, len);
		break;
	case KIND_TIME:
		env.now_ms += arg * UINT64_C(10000);
		break;
	default:
		if (context_record(kind, arg, p, len))
			break;
		if (len == sizeof(client)) {
			memcpy(&client, p, len);
			fake_dp_peer_refused(&env.dp, arg & 1, (struct ctl_sid){ arg >> 1, p[0] },
					     &client, (uint16_t)(0x4000 + p[1]));
			break;
		}
		fake_dp_result(&env.dp, 0, EVT_SESSION_REFUSED, 0,
			       (struct ctl_sid){ arg, len ? p[0] : 0 });
	}
	settle();
}

/* Everything goes, and nothing is left taken. */
static void clear(void)
{
	const struct table_stats *st = table_stats(env.s.table);
	struct table_alloc *a;
	struct context *c;
	uint32_t cursor = 0, look = UINT32_MAX;

	while ((a = table_next(env.s.table, &cursor)) != NULL)
		session_del(&env.s, a, SESSION_END_RELEASED);
	cursor = 0;
	while ((c = gate_next(env.s.gateway, &cursor, &look)) != NULL) {
		gate_delete(env.s.gateway, c, NULL, NULL);
		settle();
	}
	env.now_ms += 100000; /* reservations are over, and nobody waits any more */
	settle();
	env.now_ms += 100000; /* nor does a port rest */
	settle();
	if (gate_stats(env.s.gateway)->contexts || asked != told)
		abort();
	for (uint32_t i = 0; i < env.conf.n_relay; i++) {
		/* A port of each worker, whose rests end. */
		if (!ports_is_free(env.s.ports, i, 49152, server_now(&env.s)) ||
		    !ports_is_free(env.s.ports, i, 49154, server_now(&env.s)) ||
		    ports_used(env.s.ports, i))
			abort();
	}
	if (st->allocs || st->perms || st->chans || st->resvs || st->users ||
	    pending_used(env.s.pending))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);

	env_once();
	while (rd_left(&r) >= 4) {
		enum kind kind = rd_u8(&r) % KIND_KINDS;
		uint8_t arg = rd_u8(&r);
		size_t len = rd_u16(&r);
		const uint8_t *p;

		if (len > rd_left(&r))
			len = rd_left(&r);
		p = rd_take(&r, len);
		if (len <= RING_MSG_SIZE)
			record(kind, arg, p, len);
	}
	clear();
	return 0;
}
