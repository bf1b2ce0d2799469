/* SPDX-License-Identifier: BSD-3-Clause */
#include "ping_rpc.h"

#include "../server.h"
#include "../../conf/vlan.h"
#include "param.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TIMEOUT_MIN_MS = 10,
	TIMEOUT_MS = 1000,
	GRACE_MS = 1000, /* for a worker to say that nothing came */
	SIZE = 56,
};

/* Who waits for which question. */
struct question {
	struct rpc_later *later;
	struct cmd_ping cmd;
};

/* ---- what came of it ---- */

static const char *const result_name[] = {
	[PING_REPLY] = "reply",
	[PING_ERROR] = "error",
	[PING_SILENT] = "silent",
};

/* What is wrong where nothing was sent. */
static void refused(struct rpc_error *err, const struct server *s, const struct cmd_ping *c,
		    const struct evt_ping *e)
{
	char to[ADDR_STR_MAX], via[ADDR_STR_MAX];

	ip_format(&c->to, to, sizeof(to));
	switch ((enum ping_result)e->result) {
	case PING_NO_ROUTE:
		rpc_fail(err, RPC_UNKNOWN, "no subnet or gateway leads to %s%s%s", to,
			 c->port == CTL_PING_ANY ? "" : " by port ",
			 c->port == CTL_PING_ANY ? "" : port_name(s->conf, c->port));
		return;
	case PING_OWN:
		rpc_fail(err, RPC_BAD_PARAMS, "%s is an address of this relay", to);
		return;
	case PING_SOURCE:
		rpc_fail(err, RPC_BAD_PARAMS,
			 "no address of this relay's can ask %s: \"source\" must be one of its "
			 "own, of the same family",
			 to);
		return;
	case PING_OFF_LINK:
		rpc_fail(err, RPC_BAD_PARAMS, "%s is not on a link: it is behind %s by port %s", to,
			 ip_format(&e->via, via, sizeof(via)), port_name(s->conf, e->port));
		return;
	case PING_TOO_BIG:
		rpc_fail(err, RPC_BAD_PARAMS, "%u bytes in one packet exceed the MTU %u of port %s",
			 c->size, e->mtu, port_name(s->conf, e->port));
		return;
	case PING_FULL:
	case PING_REPLY:
	case PING_ERROR:
	case PING_SILENT:
	case PING_RESULTS:
		break;
	}
	rpc_fail(err, RPC_FULL, "the worker has no room for one more question now");
}

/* Types and codes of ICMP errors; a code of -1: any other. */
struct icmp_name {
	uint8_t type;
	int16_t code;
	const char *text;
};

static const struct icmp_name names4[] = {
	{ 3, 0, "network unreachable" },  { 3, 1, "host unreachable" },
	{ 3, 2, "protocol unreachable" }, { 3, 3, "port unreachable" },
	{ 3, 4, "packet too big" },	  { 3, 9, "prohibited" },
	{ 3, 10, "prohibited" },	  { 3, 13, "prohibited" },
	{ 3, -1, "unreachable" },	  { 11, -1, "TTL used up" },
};

static const struct icmp_name names6[] = {
	{ 1, 0, "no route" },		{ 1, 1, "prohibited" },	  { 1, 3, "host unreachable" },
	{ 1, 4, "port unreachable" },	{ 1, -1, "unreachable" }, { 2, -1, "packet too big" },
	{ 3, -1, "hop limit used up" },
};

static json_t *icmp_json(const struct cmd_ping *c, const struct evt_ping *e)
{
	const bool v4 = ip_is_v4(&c->to);
	const struct icmp_name *n = v4 ? names4 : names6;
	const size_t count = v4 ? sizeof(names4) / sizeof(*n) : sizeof(names6) / sizeof(*n);
	const char *text = "error";

	for (size_t i = 0; i < count; i++)
		if (n[i].type == e->type && (n[i].code == e->code || n[i].code < 0)) {
			text = n[i].text;
			break;
		}
	return json_pack("{s:o, s:o, s:s, s:o}", "type", integer(e->type), "code", integer(e->code),
			 "text", text, "mtu", e->mtu ? integer(e->mtu) : json_null());
}

static void mac_put(json_t *o, const uint8_t *m)
{
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		 m[5]);
	json_object_set_new(o, "mac", json_string(mac));
}

static json_t *question_json(const struct server *s, uint32_t worker, const struct cmd_ping *c,
			     const struct evt_ping *e)
{
	char to[ADDR_STR_MAX], source[ADDR_STR_MAX], via[ADDR_STR_MAX], from[ADDR_STR_MAX];
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "result", result_name[e->result],
			      "to", ip_format(&c->to, to, sizeof(to)), "source",
			      ip_format(&e->source, source, sizeof(source)), "port",
			      port_name(s->conf, e->port), "via",
			      ip_format(&e->via, via, sizeof(via)), "worker", integer(worker));

	if (c->what == PING_ECHO)
		json_object_set_new(o, "size", integer(c->size));
	if (e->result == PING_SILENT) {
		json_object_set_new(
		    o, "hop_answers",
		    json_boolean(e->hop == NEIGH_REACHABLE || e->hop == NEIGH_STALE));
		return o;
	}
	json_object_set_new(o, "rtt_us", integer(e->rtt_us));
	json_object_set_new(o, "from", json_string(ip_format(&e->from, from, sizeof(from))));
	if (e->result == PING_ERROR)
		json_object_set_new(o, "error", icmp_json(c, e));
	else if (c->what == PING_ECHO)
		json_object_set_new(o, "ttl", integer(e->ttl));
	else
		mac_put(o, e->mac);
	return o;
}

static void question_done(void *arg, uint32_t worker, const union ctl_evt *evt)
{
	struct question *q = arg;
	const struct server *s = rpc_later_ctx(q->later);
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	json_t *result = NULL;

	if (!evt)
		rpc_fail(&err, RPC_AWAY, "worker %u does not answer", worker);
	else if (evt->ping.result > PING_SILENT)
		refused(&err, s, &q->cmd, &evt->ping);
	else
		result = question_json(s, worker, &q->cmd, &evt->ping);
	rpc_reply(q->later, result, &err);
	free(q);
}

/* ---- asking ---- */

static bool address_parse(const json_t *params, const char *name, struct ip_addr *out,
			  struct rpc_error *err)
{
	const char *text = param_text(params, name, err);

	if (text && ip_parse(text, out) && !ip_is_unspecified(out))
		return true;
	if (text)
		rpc_fail(err, RPC_BAD_PARAMS, "\"%s\" must be an IP address, not \"%.64s\"", name,
			 text);
	return false;
}

/* By name. */
static bool port_parse(const struct config *c, const json_t *params, uint16_t *port,
		       struct rpc_error *err)
{
	const char *name;

	if (!param(params, "port"))
		return true;
	name = param_text(params, "port", err);
	for (uint16_t i = 0; name && i < c->n_port; i++)
		if (port_is_there(c, i) && strcmp(c->port[i].name, name) == 0) {
			*port = i;
			return true;
		}
	if (name)
		rpc_fail(err, RPC_BAD_PARAMS, "there is no port \"%.64s\"", name);
	return false;
}

static bool question_parse(const struct server *s, const json_t *params, const char *names,
			   struct cmd_ping *c, uint32_t *worker, struct rpc_error *err)
{
	uint32_t size = SIZE;
	bool whole = false;

	c->timeout_ms = TIMEOUT_MS;
	c->port = CTL_PING_ANY;
	if (!param_only(params, names, err) || !address_parse(params, "address", &c->to, err) ||
	    (param(params, "source") && !address_parse(params, "source", &c->from, err)) ||
	    !port_parse(s->conf, params, &c->port, err) ||
	    !param_uint(params, "worker", 0, s->conf->dataplane.n_workers - 1, worker, err) ||
	    !param_uint(params, "timeout_ms", TIMEOUT_MIN_MS, CTL_PING_TIMEOUT_MS, &c->timeout_ms,
			err) ||
	    !param_uint(params, "size", 0, CTL_PING_SIZE, &size, err) ||
	    !param_bool(params, "whole", &whole, err))
		return false;
	c->size = (uint16_t)size;
	c->whole = whole;
	return true;
}

/* Unless false, q is somebody else's, and an answer comes. */
static bool question_ask(struct server *s, struct question *q, uint32_t worker,
			 struct rpc_error *err)
{
	struct cmd_ping c = q->cmd;
	const struct asks_command ask = { .type = CMD_PING,
					  .cmd = &c,
					  .len = sizeof(c),
					  .holder = rpc_caller_holder(rpc_later_who(q->later)),
					  .due_ms = s->now_ms + c.timeout_ms + GRACE_MS };

	if (!dplink_attached(s->link)) {
		rpc_fail(err, RPC_AWAY, "no dataplane is attached");
		return false;
	}
	if (asks_begin(&s->pings, s->link, worker, &ask, question_done, q))
		return true;
	rpc_fail(err, RPC_FULL,
		 "too many questions are under way, or the worker takes no command now");
	return false;
}

static void question_begin(struct server *s, enum ping_what what, const json_t *params,
			   const char *names, struct rpc_later *l)
{
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	struct question *q = calloc(1, sizeof(*q));
	uint32_t worker = 0;

	if (q) {
		q->later = l;
		q->cmd.what = (uint8_t)what;
		if (question_parse(s, params, names, &q->cmd, &worker, &err) &&
		    question_ask(s, q, worker, &err))
			return;
	}
	free(q);
	rpc_reply(l, NULL, &err);
}

void rpc_ping(void *ctx, const json_t *params, struct rpc_later *l)
{
	question_begin(ctx, PING_ECHO, params, PING_ANY PING_ECHOES, l);
}

void rpc_arping(void *ctx, const json_t *params, struct rpc_later *l)
{
	question_begin(ctx, PING_LINK, params, PING_ANY, l);
}
