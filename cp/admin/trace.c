/* SPDX-License-Identifier: BSD-3-Clause */
#include "trace.h"

#include "capture.h"
#include "param.h"
#include "../rand.h"
#include "trace_int.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	TICK_MS = 100,
	RENEW_TICKS = 10,
	SILENT_TICKS = 30, /* nobody asks */
	WAIT_TICKS = 20,   /* at most: who waits is told then that there is nothing */
	TICKS_MAX = 6000,
	PAGE = 256,	  /* records of an answer */
	TRACE_BYTES = 64, /* of a packet that is shown with bytes */
};

static const char *const event_name[TRACE_EVENTS] = {
	[TRACE_RECEIVED] = "received", [TRACE_HANDED] = "handed",   [TRACE_PUNTED] = "punted",
	[TRACE_RELAYED] = "relayed",   [TRACE_WAITING] = "waiting", [TRACE_STREAMED] = "streamed",
	[TRACE_SENT] = "sent",	       [TRACE_DROPPED] = "dropped", [TRACE_OPENED] = "opened",
	[TRACE_SEALED] = "sealed",
};

/* ---- the dataplane ---- */

bool trace_tell(struct trace_admin *t, uint32_t id)
{
	bool told = dplink_n_workers(t->server->link) > 0;

	for (uint32_t w = 0; w < dplink_n_workers(t->server->link); w++) {
		struct cmd_trace c = t->cmd;

		if (t->worker != CTL_TRACE_ANY && t->worker != w)
			continue;
		c.id = id;
		c.until = server_now(t->server) + CTL_TRACE_LEASE_S;
		told &= dplink_cmd(t->server->link, w, CMD_TRACE, &c, sizeof(c));
	}
	return told;
}

bool trace_take(struct trace_admin *t, uint32_t *worker, struct ctl_trace *out)
{
	uint32_t first = CTL_TRACE_ANY;

	for (uint32_t w = 0; w < dplink_n_workers(t->server->link); w++) {
		for (int i = 0; !t->has[w] && i < CTL_TRACE_SLOTS; i++) {
			if (!dplink_trace(t->server->link, w, &t->head[w]))
				break;
			t->has[w] = t->head[w].id == t->cmd.id;
		}
		if (t->has[w] && (first == CTL_TRACE_ANY || t->head[w].us < t->head[first].us))
			first = w;
	}
	if (first == CTL_TRACE_ANY)
		return false;
	*out = t->head[first];
	*worker = first;
	t->has[first] = false;
	t->lost[first] = out->lost;
	return true;
}

/* ---- answers ---- */

static void addr_put(json_t *o, const char *key, const struct sock_addr *a)
{
	char buf[ADDR_STR_MAX];

	if (addr_given(a))
		json_object_set_new(o, key, json_string(sock_addr_format(a, buf, sizeof(buf))));
}

static json_t *record_json(uint32_t worker, const struct ctl_trace *r)
{
	json_t *o = json_pack("{s:o, s:o, s:s, s:o, s:o}", "time_us", integer(r->us), "worker",
			      integer(worker), "event", event_name[r->event], "length",
			      integer(r->len), "protocol", integer(r->proto));
	char hex[2 * TRACE_BYTES + 1];

	addr_put(o, "source", &r->src);
	addr_put(o, "destination", &r->dst);
	if (r->event == TRACE_DROPPED)
		json_object_set_new(o, "reason", json_string(drop_desc[r->reason].name));
	if (r->session != CTL_TRACE_ANY)
		json_object_set_new(o, "session", integer(r->session));
	for (uint32_t i = 0; i < r->n_bytes && i < TRACE_BYTES; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", r->bytes[i]);
	if (r->n_bytes)
		json_object_set_new(o, "bytes", json_string(hex));
	return o;
}

static void trace_reply(struct trace_admin *t, json_t *records, const char *end)
{
	const struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	struct rpc_later *l = t->later;
	uint64_t lost = 0;

	for (uint32_t w = 0; w < CTL_WORKERS_MAX; w++)
		lost += t->lost[w];
	t->later = NULL;
	t->silent = 0;
	rpc_reply(
	    l, json_pack("{s:o, s:o, s:s?}", "records", records, "lost", integer(lost), "end", end),
	    &err);
}

/* Nothing is looked at any more; who waits hears why. */
static void trace_end(struct trace_admin *t, const char *why)
{
	trace_tell(t, 0);
	t->cmd.id = 0;
	event_del(t->tick);
	if (t->later)
		trace_reply(t, json_array(), why);
}

/* Whoever waits gets what has come. */
static void trace_answer(struct trace_admin *t)
{
	json_t *records = json_array();
	struct ctl_trace r;
	uint32_t worker;

	while (t->left && json_array_size(records) < PAGE && trace_take(t, &worker, &r)) {
		json_array_append_new(records, record_json(worker, &r));
		t->left--;
	}
	if (json_array_size(records) == 0) {
		json_decref(records);
		return;
	}
	trace_reply(t, records, t->left ? NULL : "count");
	if (!t->left)
		trace_end(t, NULL);
}

void trace_tick(struct trace_admin *t)
{
	if (!t->cmd.id)
		return;
	t->silent++;
	if (dplink_stats(t->server->link)->attaches != t->attaches ||
	    !dplink_attached(t->server->link))
		trace_end(t, "the dataplane has gone");
	else if (++t->ticks >= TICKS_MAX)
		trace_end(t, "a trace ends after ten minutes");
	else if (t->later ? rpc_later_gone(t->later) : t->silent >= SILENT_TICKS)
		trace_end(t, "its controller asks for no more");
	else if (t->ticks % RENEW_TICKS == 0)
		trace_tell(t, t->cmd.id);
	if (t->cmd.id && t->later)
		trace_answer(t);
	if (t->later && t->silent >= t->wait_ticks)
		trace_reply(t, json_array(), NULL);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	trace_tick(arg);
}

/* ---- methods ---- */

/* "ADDR", "ADDR:PORT" or "[ADDR]:PORT". */
static bool param_addr(const json_t *params, const char *name, struct sock_addr *a,
		       struct rpc_error *err)
{
	char text[ADDR_STR_MAX] = "";

	if (!param_copy(params, name, text, sizeof(text), err))
		return false;
	if (!*text || ip_parse(text, &a->ip) || sock_addr_parse(text, a))
		return true;
	rpc_fail(err, RPC_BAD_PARAMS, "\"%s\" must be an address, or an address and a port", name);
	return false;
}

static bool param_reason(const json_t *params, uint32_t *reason, struct rpc_error *err)
{
	char text[CTL_NAME_MAX] = "";

	if (!param_copy(params, "reason", text, sizeof(text), err))
		return false;
	for (uint32_t i = 0; *text && i < DROP_MAX; i++)
		if (strcmp(drop_desc[i].name, text) == 0)
			*reason = i;
	if (!*text || *reason != CTL_TRACE_ANY)
		return true;
	rpc_fail(err, RPC_BAD_PARAMS, "\"%s\" is no reason; fairlead drops --all lists them", text);
	return false;
}

bool trace_filter(struct trace_admin *t, const json_t *params, struct rpc_error *err)
{
	struct ctl_trace_filter *f = &t->cmd.filter;
	bool drops = false;

	t->cmd =
	    (struct cmd_trace){ .filter = { .session = CTL_TRACE_ANY, .reason = CTL_TRACE_ANY } };
	t->worker = CTL_TRACE_ANY;
	t->left = UINT32_MAX;
	if (!param_addr(params, "client", &f->client, err) ||
	    !param_addr(params, "peer", &f->peer, err) ||
	    !param_addr(params, "relayed", &f->relayed, err) ||
	    !param_uint(params, "worker", 0, t->server->conf->dataplane.n_workers - 1, &t->worker,
			err) ||
	    !param_uint(params, "session", 0, UINT32_MAX - 1, &f->session, err) ||
	    !param_uint(params, "count", 1, UINT32_MAX, &t->left, err) ||
	    !param_bool(params, "drops", &drops, err) || !param_reason(params, &f->reason, err))
		return false;
	f->drops = drops || f->reason != CTL_TRACE_ANY;
	return true;
}

struct trace_admin *trace_hold(const struct server *s, const struct rpc_later *l,
			       struct rpc_error *err)
{
	struct trace_admin *t = s->trace, *held = NULL;

	if (t && t->later && rpc_later_gone(t->later))
		trace_end(t, "its controller has gone");
	if (t && (t->cmd.id || t->capture))
		rpc_fail(err, RPC_BUSY,
			 "another %s is under way, of %s; who may administer can end it "
			 "(trace.release, --take-over)",
			 t->capture ? "capture" : "trace", t->holder);
	else if (!t || !dplink_attached(s->link))
		rpc_fail(err, RPC_AWAY, "no dataplane is attached");
	else
		held = t;
	if (held)
		rpc_caller_text(rpc_later_who(l), held->holder);
	return held;
}

bool trace_start(struct trace_admin *t, struct rpc_error *err)
{
	const uint32_t before = t->id;

	/* Whoever knows the number may read and end it: nobody is to guess another's. */
	do
		rand_bytes(&t->id, sizeof(t->id));
	while (!t->id || t->id == before);
	if (!trace_tell(t, t->id)) {
		rpc_fail(err, RPC_FULL, "a worker takes no command now");
		return false;
	}
	t->cmd.id = t->id;
	t->attaches = dplink_stats(t->server->link)->attaches;
	memset(t->lost, 0, sizeof(t->lost));
	memset(t->has, 0, sizeof(t->has));
	return true;
}

static json_t *trace_tried(struct server *s, const json_t *params, const struct rpc_later *l,
			   struct rpc_error *err)
{
	const struct timeval tv = { 0, TICK_MS * 1000 };
	struct trace_admin *t = trace_hold(s, l, err);
	bool bytes = false;

	if (!t || !param_only(params, TRACE_FILTER "bytes?", err) ||
	    !trace_filter(t, params, err) || !param_bool(params, "bytes", &bytes, err))
		return NULL;
	t->cmd.filter.bytes = bytes ? TRACE_BYTES : 0;
	if (!trace_start(t, err))
		return NULL;
	t->ticks = t->silent = 0;
	event_add(t->tick, &tv);
	return json_pack("{s:o}", "id", integer(t->id));
}

void trace_begin(void *ctx, const json_t *params, struct rpc_later *l)
{
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	json_t *begun = trace_tried(ctx, params, l, &err);

	rpc_reply(l, begun, &err);
}

json_t *trace_release(void *ctx, const json_t *params, struct rpc_error *err)
{
	static const char why[] = "who may administer has ended it";
	struct trace_admin *t = ((struct server *)ctx)->trace;
	const bool held = t && (t->cmd.id || t->capture);

	if (!param_only(params, "", err))
		return NULL;
	if (held && t->capture)
		capture_release(t->capture, why);
	else if (held)
		trace_end(t, why);
	return json_pack("{s:o}", "held_by", held ? rpc_text(t->holder) : json_null());
}

/* Whether {id} is of the trace under way, and nobody waits for it. */
static bool trace_named(const struct trace_admin *t, const json_t *params, struct rpc_error *err)
{
	uint32_t id = 0;

	if (!param_uint(params, "id", 1, UINT32_MAX, &id, err))
		return false;
	if (t && id && id == t->cmd.id && !t->later && !t->capture)
		return true;
	rpc_fail(err, RPC_UNKNOWN, "no such trace, or another controller has it");
	return false;
}

json_t *trace_finish(void *ctx, const json_t *params, struct rpc_error *err)
{
	struct trace_admin *t = ((struct server *)ctx)->trace;

	if (!param_only(params, "id", err) || !trace_named(t, params, err))
		return NULL;
	trace_end(t, NULL);
	return json_object();
}

void trace_next(void *ctx, const json_t *params, struct rpc_later *l)
{
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	struct trace_admin *t = ((struct server *)ctx)->trace;
	uint32_t wait_ms = WAIT_TICKS * TICK_MS;

	if (!param_only(params, "id wait_ms?", &err) ||
	    !param_uint(params, "wait_ms", 0, WAIT_TICKS * TICK_MS, &wait_ms, &err) ||
	    !trace_named(t, params, &err)) {
		rpc_reply(l, NULL, &err);
		return;
	}
	t->later = l;
	t->wait_ticks = wait_ms / TICK_MS;
	t->silent = 0;
	trace_answer(t);
}

/* ---- life ---- */

bool trace_open(struct server *s, struct event_base *base)
{
	struct trace_admin *t = calloc(1, sizeof(*t));

	if (!t)
		return false;
	t->server = s;
	t->base = base;
	t->tick = event_new(base, -1, EV_PERSIST, on_tick, t);
	if (!t->tick) {
		free(t);
		return false;
	}
	s->trace = t;
	return true;
}

void trace_close(struct server *s)
{
	struct trace_admin *t = s->trace;

	if (!t)
		return;
	s->trace = NULL;
	if (t->capture)
		capture_close(t->capture);
	while (t->flushes[0])
		capture_close(t->flushes[0]);
	if (t->cmd.id)
		trace_end(t, "the control process ends");
	event_free(t->tick);
	free(t);
}
