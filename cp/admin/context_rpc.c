/* SPDX-License-Identifier: BSD-3-Clause */
#include "context_rpc.h"

#include "context_json.h"
#include "filter.h"
#include "param.h"
#include "term_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIFETIME_MAX = 604800, SILENCE_MAX = 86400 };

static const char *const no_others[] = { NULL };
static const char control[] = "control socket"; /* whoever uses it: one controller */

bool context_gateway(const struct server *s, struct rpc_error *err)
{
	if (s->gateway)
		return true;
	rpc_fail(err, RPC_BAD_PARAMS, "there is no gateway: gateway.contexts is 0");
	return false;
}

static json_t *refused(const struct gate_fail *f, struct rpc_error *err)
{
	static const enum rpc_code code[] = { [GATE_OK] = RPC_INTERNAL,
					      [GATE_BAD] = RPC_BAD_PARAMS,
					      [GATE_DENIED] = RPC_DENIED,
					      [GATE_FULL] = RPC_FULL,
					      [GATE_BUSY] = RPC_AWAY };

	return rpc_fail(err, code[f->error], "%s", f->text);
}

/* ---- parameters ---- */

/* One to sixteen hexadecimal digits; 0: anything else. */
static uint64_t id_parse(const char *s)
{
	const size_t n = strspn(s, "0123456789abcdefABCDEF");

	return n > 0 && n < CONTEXT_ID_MAX && s[n] == '\0' ? strtoull(s, NULL, 16) : 0;
}

/* The context a parameter names. NULL and *err if there is none. */
static struct context *param_context(const struct server *s, const json_t *params, const char *name,
				     struct rpc_error *err)
{
	const char *text = context_gateway(s, err) ? param_text(params, name, err) : NULL;
	const uint64_t id = text ? id_parse(text) : 0;
	struct context *c = id ? gate_find(s->gateway, id) : NULL;

	if (text && !c)
		rpc_fail(err, RPC_UNKNOWN, "\"%s\": there is no context \"%.32s\"", name, text);
	return c;
}

/* Place of a termination in the list of its context; it must be given. */
static bool param_side(const json_t *params, const char *name, uint32_t *side,
		       struct rpc_error *err)
{
	*side = UINT32_MAX;
	if (!param_uint(params, name, 0, 1, side, err))
		return false;
	if (*side == UINT32_MAX)
		rpc_fail(err, RPC_BAD_PARAMS, "\"%s\" must be 0 or 1", name);
	return *side <= 1;
}

static bool param_plan(const struct server *s, const json_t *params, struct gate_plan *plan,
		       struct rpc_error *err)
{
	uint32_t media = plan->media;
	bool hold = plan->flags & CONTEXT_HOLD;

	if (param(params, "near")) {
		plan->near = param_context(s, params, "near", err);
		if (!plan->near)
			return false;
	}
	if (!param_copy(params, "call", plan->call, sizeof(plan->call), err) ||
	    !param_uint(params, "media", 0, UINT16_MAX, &media, err) ||
	    !param_bool(params, "hold", &hold, err) ||
	    !param_uint(params, "lifetime", 1, LIFETIME_MAX, &plan->lifetime, err) ||
	    !param_uint(params, "inactivity", 0, SILENCE_MAX, &plan->inactivity, err))
		return false;
	plan->media = (uint16_t)media;
	plan->flags = hold ? CONTEXT_HOLD : 0;
	return true;
}

/* ---- add ---- */

/* One or two. 0 and *err if it is anything else. */
static size_t param_terms(const struct server *s, const json_t *params, struct term_spec w[2],
			  struct term_keys k[2], struct rpc_error *err)
{
	const json_t *list = json_object_get(params, "terminations");
	const size_t n = json_array_size(list);

	memset(w, 0, 2 * sizeof(*w));
	memset(k, 0, 2 * sizeof(*k));
	if (n < 1 || n > 2) {
		rpc_fail(err, RPC_BAD_PARAMS, "\"terminations\" must be a list of one or two");
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(list, i);
		char where[32];

		snprintf(where, sizeof(where), "terminations[%zu].", i);
		if (!json_is_object(o)) {
			rpc_fail(err, RPC_BAD_PARAMS, "\"terminations[%zu]\" must be an object", i);
			return 0;
		}
		if (!term_json_read(s->conf, o, no_others, true, where, &w[i], &k[i], err) ||
		    !term_keys_good(&w[i], &k[i], where, err))
			return 0;
	}
	return n;
}

/* {terminations, call, media, hold, lifetime, inactivity, near, urgent} */
json_t *rpc_context_add(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	struct gate_plan plan = { .inactivity = UINT32_MAX };
	struct term_spec w[2];
	struct term_keys k[2];
	struct gate_fail f = { 0 };
	struct context *c;
	bool keyed = true;
	size_t n;

	if (!context_gateway(s, err) ||
	    !param_only(params, "terminations call media hold lifetime inactivity near urgent",
			err) ||
	    !param_plan(s, params, &plan, err) || !param_bool(params, "urgent", &plan.urgent, err))
		return NULL;
	n = param_terms(s, params, w, k, err);
	w[0].urgent = w[1].urgent = plan.urgent;
	plan.owner = gate_owner(s->gateway, control, sizeof(control) - 1);
	c = n ? gate_add(s->gateway, &plan, &w[0], n == 2 ? &w[1] : NULL, &f) : NULL;
	for (uint32_t side = 0; c && side < n; side++)
		keyed &= term_keys_set(s, c, side, &k[side], err);
	explicit_bzero(k, sizeof(k));
	if (n == 0)
		return NULL;
	if (c && !keyed) { /* nobody could know that it is there */
		gate_kill(s->gateway, c);
		return NULL;
	}
	return c ? context_json(s, c) : refused(&f, err);
}

/* ---- modify ---- */

/* After a restart the dataplane alone knows keys: one cannot be changed without the other. */
static bool modify_read(const struct server *s, const struct context *c, uint32_t side,
			const json_t *params, struct term_spec *w, struct term_keys *k,
			struct rpc_error *err)
{
	static const char *const but[] = { "context", "side", "urgent", NULL };
	const uint16_t was = c->term[side].term.flags;
	const struct gate_srtp *known = gate_srtp(s->gateway, c, side);

	if (known)
		k->srtp = *known;
	if (!param_bool(params, "urgent", &w->urgent, err) ||
	    !term_json_read(s->conf, params, but, w->term.transport == TERM_NONE, "", w, k, err))
		return false;
	if (!known && (was & (TERM_SRTP | TERM_DTLS)) == TERM_SRTP && k->in != k->out &&
	    (w->term.flags & (TERM_SRTP | TERM_DTLS)) == TERM_SRTP) {
		rpc_fail(err, RPC_BAD_PARAMS,
			 "\"crypto_in\" and \"crypto_out\" must both be given: what is in force is "
			 "not known any more");
		return false;
	}
	return term_keys_good(w, k, "", err);
}

static json_t *modify_term(const struct server *s, struct context *c, const json_t *params,
			   struct rpc_error *err)
{
	struct term_keys k = { 0 };
	struct gate_fail f = { 0 };
	struct term_spec w;
	bool good, set;
	uint32_t side;

	if (!param_side(params, "side", &side, err))
		return NULL;
	term_spec(s->gateway, c, side, &w);
	good = modify_read(s, c, side, params, &w, &k, err);
	/* Nothing is changed where the keys could not follow. */
	if (good && (k.in || k.out) && !gate_srtp_reserve(s->gateway, c)) {
		rpc_fail(err, RPC_INTERNAL, "there is no memory for keys");
		good = false;
	}
	set = good && gate_set(s->gateway, c, side, &w, &f);
	if (good && !set)
		refused(&f, err);
	good = set && term_keys_set(s, c, side, &k, err);
	explicit_bzero(&k, sizeof(k));
	return good ? context_json(s, c) : NULL;
}

static json_t *modify_plan(const struct server *s, struct context *c, const json_t *params,
			   struct rpc_error *err)
{
	struct gate_plan plan;

	gate_plan(s->gateway, c, &plan);
	if (!param_only(params, "context hold lifetime inactivity", err) ||
	    !param_plan(s, params, &plan, err))
		return NULL;
	gate_plan_set(s->gateway, c, &plan);
	return context_json(s, c);
}

/*
 * {context, side} and members of a termination: those that change, or, where there was none, those
 * of a new one. {context, hold, lifetime, inactivity} without a side: of the context.
 */
json_t *rpc_context_modify(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	struct context *c = param_context(s, params, "context", err);

	if (!c)
		return NULL;
	return param(params, "side") ? modify_term(s, c, params, err)
				     : modify_plan(s, c, params, err);
}

/* ---- subtract, move ---- */

/* {context, side} */
json_t *rpc_context_subtract(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	struct context *c = param_context(s, params, "context", err);
	struct gate_fail f = { 0 };
	uint32_t side;

	if (!c || !param_only(params, "context side", err) ||
	    !param_side(params, "side", &side, err))
		return NULL;
	return gate_subtract(s->gateway, c, side, &f) ? context_json(s, c) : refused(&f, err);
}

/* {context, side, to, to_side}: to is another context. Answers both. */
json_t *rpc_context_move(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	struct context *c = param_context(s, params, "context", err);
	struct context *to = c ? param_context(s, params, "to", err) : NULL;
	struct gate_fail f = { 0 };
	uint32_t side, to_side;

	if (!to || !param_only(params, "context side to to_side", err) ||
	    !param_side(params, "side", &side, err) ||
	    !param_side(params, "to_side", &to_side, err))
		return NULL;
	if (!gate_move(s->gateway, c, side, to, to_side, &f))
		return refused(&f, err);
	return json_pack("{s:o, s:o}", "from", context_json(s, c), "to", context_json(s, to));
}

/* ---- list ---- */

/* Of one call: the cursor is how many came before. */
static json_t *contexts_of_call(const struct server *s, const struct filter *f, uint32_t limit,
				uint32_t *cursor, bool *end)
{
	json_t *list = json_array();
	struct context *c = gate_call_next(s->gateway, f->call, NULL);
	uint32_t i;

	for (i = 0; c && json_array_size(list) < limit; i++) {
		if (i >= *cursor && filter_has_context(s, f, c))
			json_array_append_new(list, context_json(s, c));
		c = gate_call_next(s->gateway, f->call, c);
	}
	*cursor = i;
	*end = !c;
	return list;
}

/* A page may be short, or empty, although more follows: a turn is not for a whole table. */
static json_t *contexts_of_all(const struct server *s, const struct filter *f, uint32_t limit,
			       uint32_t *cursor, bool *end)
{
	json_t *list = json_array();
	const struct context *c = NULL;
	uint32_t look = GATE_LOOK;

	while (json_array_size(list) < limit &&
	       (c = gate_next(s->gateway, cursor, &look)) != NULL) {
		if (filter_has_context(s, f, c))
			json_array_append_new(list, context_json(s, c));
	}
	*end = !c && look;
	return list;
}

/* A page of contexts, of those that the filter has or of all, as `sessions` tells them. */
json_t *rpc_contexts(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	uint32_t cursor = 0, limit = CONTEXT_PAGE_DEFAULT;
	struct filter f;
	json_t *list;
	bool end;

	if (!context_gateway(s, err) || !param_only(params, FILTER_CONTEXTS PARAM_PAGE, err) ||
	    !filter_contexts(s, params, &f, err) ||
	    !param_uint(params, "cursor", 0, UINT32_MAX, &cursor, err) ||
	    !param_uint(params, "limit", 1, CONTEXT_PAGE_MAX, &limit, err))
		return NULL;
	list = f.call[0] ? contexts_of_call(s, &f, limit, &cursor, &end)
			 : contexts_of_all(s, &f, limit, &cursor, &end);
	return json_pack("{s:o, s:o}", "contexts", list, "cursor",
			 end ? json_null() : json_integer(cursor));
}

/* ---- show, delete ---- */

/* An answer that waits for counters. */
struct audit {
	const struct server *server;
	struct rpc_later *later;
	json_t *record; /* of a context that is deleted, as it was; NULL: it stays */
};

static void audited(void *arg, const struct context *c, const struct ctl_term_stats stats[2])
{
	struct audit *a = arg;
	json_t *record = a->record ? a->record : c ? context_json(a->server, c) : NULL;
	struct rpc_error err = { RPC_UNKNOWN, "the context is gone" };

	if (record)
		context_counters_json(record, stats);
	rpc_reply(a->later, record, &err);
	free(a);
}

static void fail_later(struct rpc_later *l, const struct rpc_error *err)
{
	rpc_reply(l, NULL, err);
}

/* {context}: where the answer goes to, and the context. NULL once it is answered. */
static struct audit *audit_begin(const struct server *s, const json_t *params, struct rpc_later *l,
				 struct context **c)
{
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	struct audit *a = NULL;

	*c = param_context(s, params, "context", &err);
	if (*c && param_only(params, "context", &err))
		a = malloc(sizeof(*a));
	if (a)
		*a = (struct audit){ s, l, NULL };
	else
		fail_later(l, &err);
	return a;
}

/* The record with its counters, null while the dataplane is away. */
void rpc_context_show(void *ctx, const json_t *params, struct rpc_later *l)
{
	const struct server *s = ctx;
	struct context *c;
	struct audit *a = audit_begin(s, params, l, &c);

	if (a)
		gate_audit(s->gateway, c, audited, a);
}

/* The last record, and the last counters. */
void rpc_context_delete(void *ctx, const json_t *params, struct rpc_later *l)
{
	const struct server *s = ctx;
	struct context *c;
	struct audit *a = audit_begin(s, params, l, &c);

	if (!a)
		return;
	a->record = context_json(s, c);
	gate_delete(s->gateway, c, audited, a);
}
