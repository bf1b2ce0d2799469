/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transactions. Their commands are run one after the other, and the first that fails is the last
 * (H.248.1 8). Counters that commands ask for are fetched before the first is run, so that nothing
 * of another transaction comes between its commands.
 */
#include "mg_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A transaction that waits for counters. */
struct mg_run {
	struct mg_run *next, **at;
	struct mg *m;
	struct source_command *pending;
	uint64_t id;	     /* of the transaction */
	uint64_t pending_ms; /* when its controller is told that it waits */
	uint32_t pendings;   /* times that it was */
	uint32_t n, waits;
	struct mg_counted counted[MG_COUNTED_MAX];
	size_t len;
	char text[]; /* the whole message */
};

enum { OVER_A_TICK = 32 }; /* each may walk what waits at the dataplane */

bool mg_fail(struct mg_work *k, unsigned code, const char *fmt, ...)
{
	va_list args;

	k->code = code;
	va_start(args, fmt);
	vsnprintf(k->text, sizeof(k->text), fmt, args);
	va_end(args);
	return false;
}

bool mg_fail_gate(struct mg_work *k, const struct gate_fail *f)
{
	static const unsigned code[GATE_ERRORS] = {
		[GATE_BAD] = MG_VALUE,
		[GATE_DENIED] = MG_VALUE,
		[GATE_FULL] = MG_NO_RESOURCES,
		[GATE_BUSY] = MG_UNAVAILABLE,
	};

	return mg_fail(k, code[f->error], "%s", f->text);
}

/* ---- actions ---- */

static bool is_command(const struct h248_item *i)
{
	return i->token >= H248_ADD && i->token <= H248_SERVICE_CHANGE;
}

/* Whether an action says which context it is of, in a way that can be said back. */
static bool has_context(const struct h248_item *i)
{
	uint64_t n;

	return i->kind == H248_WORD &&
	       (h248_is(i->value, "$") || h248_is(i->value, "-") || h248_is(i->value, "*") ||
		(h248_number(i->value, UINT32_MAX, &n) && n));
}

/* What its terminations were told of it; all of them the same. */
static struct mg_attributes attributes_of(const struct context *c)
{
	return mg_keep_get(c, c->term[0].term.transport == TERM_NONE).attributes;
}

/* Which context an action is of. */
static bool action_context(struct mg_work *k, const struct h248_item *action)
{
	uint64_t n = 0;

	k->c = NULL;
	k->choose = h248_is(action->value, "$");
	k->null = h248_is(action->value, "-");
	if (k->choose || k->null)
		return true;
	h248_number(action->value, UINT32_MAX, &n);
	k->c = mg_context_find(k->m, (uint32_t)n);
	if (k->c)
		k->attributes = attributes_of(k->c);
	return k->c || mg_fail(k, MG_NO_CONTEXT, "There is no context %ju", (uintmax_t)n);
}

/* ---- attributes of contexts ---- */

static bool read_switch(const struct h248_item *i, bool *on)
{
	*on = h248_is(i->value, "ON");
	return i->kind == H248_WORD && (*on || h248_is(i->value, "OFF"));
}

/* One of the attributes; false: it is something else, or makes no sense, which k->code tells. */
static bool read_attribute(struct mg_work *k, const struct h248_item *i)
{
	struct mg_attributes *a = &k->attributes;
	uint64_t n = 0;

	switch (i->token) {
	case H248_EMERGENCY:
	case H248_EMERGENCY_OFF:
		a->emergency = i->token == H248_EMERGENCY;
		return true;
	case H248_PRIORITY:
		if (i->kind != H248_WORD || !h248_number(i->value, MG_PRIORITY_MAX, &n))
			return mg_fail(k, MG_VALUE, "Priority is 0 to %d", MG_PRIORITY_MAX);
		a->priority = (uint8_t)n;
		return true;
	case H248_IEPS_CALL:
		return read_switch(i, &a->ieps) || mg_fail(k, MG_VALUE, "IEPSCall is ON or OFF");
	default:
		return false;
	}
}

/* What is kept with each termination of the context. */
static void keep_attributes(struct mg_work *k)
{
	for (uint32_t side = 0; k->c && mg_is_ours(k->c) && side < 2; side++) {
		struct mg_keep keep = mg_keep_get(k->c, side);
		uint8_t bytes[CONTEXT_KEEP_MAX];

		if (k->c->term[side].term.transport == TERM_NONE ||
		    memcmp(&keep.attributes, &k->attributes, sizeof(keep.attributes)) == 0)
			continue;
		keep.attributes = k->attributes;
		memcpy(bytes, k->c->term[side].keep, sizeof(bytes));
		memcpy(bytes, &keep, sizeof(keep));
		gate_keep(k->m->g, k->c, side, bytes);
	}
}

/* ContextAudit, which asks for some of them (H.248.1 7.2.9). */
static bool audit_context(struct mg_work *k, const struct h248_item *audit)
{
	const struct mg_attributes *a = &k->attributes;

	for (const struct h248_item *i = h248_child(k->in, audit); i; i = h248_next(k->in, i)) {
		if (i->token == H248_EMERGENCY)
			h248_put(&k->o, a->emergency ? H248_EMERGENCY : H248_EMERGENCY_OFF, NULL);
		else if (i->token == H248_PRIORITY)
			h248_put(&k->o, H248_PRIORITY, "%u", a->priority);
		else if (i->token == H248_IEPS_CALL)
			h248_put(&k->o, H248_IEPS_CALL, "%s", a->ieps ? "ON" : "OFF");
		else if (i->token == H248_TOPOLOGY && !i->broken)
			mg_topology_put(k);
		else
			return mg_fail(k, MG_UNKNOWN_DESCRIPTOR, "%.*s of a context is not served",
				       H248_TEXT(i->name));
	}
	return true;
}

/* What stands before commands; false: it is wrong. */
static bool action_property(struct mg_work *k, const struct h248_item *i)
{
	k->code = 0;
	if (k->all && i->token != H248_CONTEXT_AUDIT)
		return mg_fail(k, MG_NOT_IMPLEMENTED,
			       "Every context is subtracted from or audited");
	if (read_attribute(k, i)) {
		if (k->null)
			return mg_fail(k, MG_BAD_ACTION, "The null context has no attributes");
		keep_attributes(k);
		return true;
	}
	if (k->code)
		return false;
	if (i->token == H248_CONTEXT_AUDIT)
		return k->c ? audit_context(k, i)
			    : mg_fail(k, MG_BAD_ACTION,
				      "ContextAudit needs a context that there is");
	if (i->token == H248_TOPOLOGY)
		return mg_topology(k, i);
	return mg_fail(k, MG_UNREADABLE_ACTION, "Syntax error in action");
}

static bool is_urgent_attribute(const struct h248_item *i)
{
	uint64_t n;

	return i->token == H248_EMERGENCY ||
	       (i->token == H248_IEPS_CALL && h248_is(i->value, "ON")) ||
	       (i->token == H248_PRIORITY && h248_number(i->value, MG_PRIORITY_MAX, &n) && n);
}

bool mg_asks_urgent(struct mg *m, const struct h248_item *t)
{
	for (const struct h248_item *a = h248_child(&m->in, t); a; a = h248_next(&m->in, a)) {
		const struct context *c;
		uint64_t n;

		for (const struct h248_item *i = h248_child(&m->in, a); i;
		     i = h248_next(&m->in, i)) {
			if (is_urgent_attribute(i))
				return true;
		}
		c = h248_number(a->value, UINT32_MAX, &n) ? mg_context_find(m, (uint32_t)n) : NULL;
		if (c && mg_is_urgent(attributes_of(c)))
			return true;
	}
	return false;
}

/* ---- commands of an action ---- */

/* Runs the commands; false: the transaction ends here. */
static bool action_commands(struct mg_work *k, const struct h248_item *action)
{
	bool any = false;

	for (const struct h248_item *i = h248_child(k->in, action); i; i = h248_next(k->in, i)) {
		k->told = false; /* of the command before, which was optional */
		if (is_command(i)) {
			any = true;
			if (!mg_command(k, i) && !i->optional)
				return false;
		} else if (i->broken) {
			return mg_fail(k, MG_UNREADABLE_ACTION, "Syntax error in action");
		} else if (!action_property(k, i)) {
			return false;
		} else {
			any = true;
		}
	}
	if (action->broken)
		return mg_fail(k, MG_UNREADABLE_ACTION, "Syntax error in action");
	return any || mg_fail(k, MG_UNREADABLE_ACTION, "There is nothing in the action");
}

/* How the reply names the context: as it was named, or the one that was made. */
static void put_context(struct mg_work *k, struct h248_out *reply, const struct h248_item *action)
{
	if (k->number)
		h248_put(reply, H248_CONTEXT, "%u", k->number);
	else
		h248_put(reply, H248_CONTEXT, "%.*s", H248_TEXT(action->value));
}

/* ---- actions of every context (H.248.1 6.2.3) ---- */

/* What one context replies, if it does. */
static bool put_all(struct mg_work *k, struct h248_out *reply, bool good)
{
	if (wr_len(&k->o.w) == 0 && good)
		return false;
	h248_put(reply, H248_CONTEXT, "%u", k->number);
	h248_open(reply);
	h248_put_part(reply, &k->o);
	if (!good && !k->told)
		h248_put_error(reply, k->code, k->text);
	h248_close(reply);
	return true;
}

/* All contexts that there are, each with its reply; true: some had one. */
static bool run_each(struct mg_work *k, struct h248_out *reply, const struct h248_item *action,
		     bool *good)
{
	uint32_t cursor = 0, look = UINT32_MAX;
	struct context *c;
	bool any = false;

	while (*good && (c = gate_next(k->m->g, &cursor, &look))) {
		k->c = c;
		k->number = mg_context_number(c);
		k->told = false;
		k->attributes = attributes_of(c);
		k->replied = wr_len(&reply->w);
		h248_begin_part(&k->o, k->m->part, sizeof(k->m->part), reply->brief, 2);
		*good = action_commands(k, action);
		any |= put_all(k, reply, *good);
	}
	return any;
}

/* The table is walked, but not for each of a flood. */
static bool run_all(struct mg_work *k, struct h248_out *reply, const struct h248_item *action)
{
	const struct h248_item *first = h248_child(k->in, action);
	bool good = true, any = false, walk = k->m->s->now_ms >= k->m->walk_ms;

	k->all = true;
	if (walk) {
		k->m->walk_ms = k->m->s->now_ms + MG_WALK_MS;
		any = run_each(k, reply, action, &good);
	} else {
		good = mg_fail(k, MG_UNAVAILABLE, "Every context was asked for a moment ago");
	}
	k->all = false;
	k->c = NULL;
	k->number = 0;
	if (any && !k->wild)
		return good;
	h248_put(reply, H248_CONTEXT, "*");
	h248_open(reply);
	if (good && (k->wild || (first && h248_is(first->value, "ROOT"))))
		h248_put(reply, first->token, "%.*s", H248_TEXT(first->value));
	else if (good)
		good = mg_fail(k, MG_NONE_MATCHES, "There is no such termination in any context");
	if (!good)
		h248_put_error(reply, k->code, k->text);
	h248_close(reply);
	return good;
}

/* ---- one action ---- */

static bool run_action(struct mg_work *k, struct h248_out *reply, const struct h248_item *action)
{
	bool good;

	k->action = action;
	k->code = 0;
	k->told = false;
	k->number = 0;
	k->attributes = (struct mg_attributes){ 0 };
	k->topology = (struct mg_topology){ 0 };
	k->wild = false;
	if (h248_is(action->value, "*"))
		return run_all(k, reply, action);
	k->replied = wr_len(&reply->w);
	h248_begin_part(&k->o, k->m->part, sizeof(k->m->part), reply->brief, 2);
	good = action_context(k, action) && action_commands(k, action);
	put_context(k, reply, action);
	h248_open(reply);
	h248_put_part(reply, &k->o);
	if (!good && !k->told)
		h248_put_error(reply, k->code, k->text);
	h248_close(reply);
	return good;
}

/* ---- transactions ---- */

/* An error behind replies of actions is one of them: the null context's. */
static void put_action_error(struct h248_out *reply, unsigned code, const char *text)
{
	h248_put(reply, H248_CONTEXT, "-");
	h248_open(reply);
	h248_put_error(reply, code, text);
	h248_close(reply);
}

/* Replies, whether something could be read or not (H.248.1 8.2.2). */
static void run_actions(struct mg_work *k, struct h248_out *reply, const struct h248_item *t)
{
	const struct h248_item *i = h248_child(k->in, t);
	bool good = true;

	if (!i || i->token != H248_CONTEXT) {
		h248_put_error(reply, MG_BAD_TRANSACTION, "Syntax error in transaction request");
		return;
	}
	for (; i && good; i = h248_next(k->in, i)) {
		if (i->token == H248_CONTEXT && has_context(i)) {
			good = run_action(k, reply, i);
		} else {
			put_action_error(reply, MG_UNREADABLE_ACTION, "Syntax error in action");
			return;
		}
	}
	if (good && t->broken)
		put_action_error(reply, MG_BAD_TRANSACTION, "Syntax error in transaction request");
}

/* pended: behind a Pending of ours, so that the controller has to say that it has it (D.1.4). */
static void reply_begin(struct mg *m, struct h248_out *reply, const struct h248_item *t,
			const struct source_addr *to, bool pended)
{
	mg_begin(m, reply, m->out, sizeof(m->out));
	h248_put(reply, H248_REPLY, "%.*s", H248_TEXT(t->value));
	h248_open(reply);
	if (pended && !to->stream)
		h248_put(reply, H248_IMM_ACK_REQUIRED, NULL);
}

static void reply_send(struct mg *m, struct h248_out *reply, struct source_command *pending)
{
	const struct source_addr to = *source_command_from(pending);

	m->stats.transactions++;
	mg_file_answer(m, m->out, wr_len(&reply->w));
	sources_answered(m->sources, pending, m->out, wr_len(&reply->w), m->s->now_ms);
	mg_send(m, &to, m->out, wr_len(&reply->w));
}

/* With the counters that there are, answers. r: what has waited for them, or NULL. */
static void run(struct mg *m, const struct h248_message *in, const struct h248_item *t,
		struct source_command *pending, const struct mg_run *r)
{
	static struct mg_work k;
	const struct source_addr *to = source_command_from(pending);
	const bool pended = r && r->pendings;
	struct h248_out reply;

	mg_file_begin(m, pending);
	k = (struct mg_work){
		.m = m, .in = in, .counted = r ? r->counted : NULL, .n_counted = r ? r->n : 0
	};
	reply_begin(m, &reply, t, to, pended);
	run_actions(&k, &reply, t);
	h248_close(&reply);
	if (reply.w.failed) {
		reply_begin(m, &reply, t, to, pended);
		h248_put_error(&reply, MG_TOO_LONG, "The reply is longer than a message may be");
		h248_close(&reply);
	}
	reply_send(m, &reply, pending);
}

/* The controller has been told of it as often as it may be: nothing of it is run (E.2). */
static void refuse(struct mg *m, const struct h248_item *t, const struct mg_run *r)
{
	struct h248_out reply;

	mg_file_begin(m, r->pending);
	reply_begin(m, &reply, t, source_command_from(r->pending), true);
	h248_put_error(&reply, MG_PENDINGS, "Number of TransactionPendings exceeded");
	h248_close(&reply);
	reply_send(m, &reply, r->pending);
}

/* ---- counters that come first ---- */

static void run_free(struct mg_run *r)
{
	*r->at = r->next;
	if (r->next)
		r->next->at = r->at;
	free(r);
}

void mg_runs_free(struct mg *m)
{
	while (m->runs) {
		gate_forget(m->g, m->runs);
		run_free(m->runs);
	}
}

/* The transaction that waits, read anew. */
static const struct h248_item *waiting(struct mg_run *r)
{
	struct mg *m = r->m;
	const struct h248_item *i;
	uint64_t id;

	h248_parse(&m->run, r->text, r->len);
	i = h248_child(&m->run, &m->run.item[0]);
	while (i && !(i->token == H248_TRANSACTION && h248_number(i->value, UINT32_MAX, &id) &&
		      id == r->id))
		i = h248_next(&m->run, i);
	return i;
}

static void run_waited(struct mg_run *r)
{
	if (--r->waits)
		return;
	run(r->m, &r->m->run, waiting(r), r->pending, r);
	run_free(r);
}

/* ---- Pending (H.248.1 8.2.3, D.1.4) ---- */

static void pending_send(struct mg *m, struct mg_run *r)
{
	struct h248_out o;

	r->pendings++;
	r->pending_ms = m->s->now_ms + m->assoc.root[MG_ROOT_MG_PENDING];
	mg_begin(m, &o, m->out, sizeof(m->out));
	h248_put(&o, H248_PENDING, "%ju", (uintmax_t)r->id);
	h248_open(&o);
	h248_close(&o);
	mg_send(m, source_command_from(r->pending), m->out, wr_len(&o.w));
}

/* False: it is over. */
static bool pending_due(struct mg *m, struct mg_run *r)
{
	if (r->pendings < m->assoc.root[MG_ROOT_MG_LIMIT]) {
		pending_send(m, r);
		return true;
	}
	gate_forget(m->g, r);
	refuse(m, waiting(r), r);
	run_free(r);
	return false;
}

void mg_run_again(struct mg *m, const struct source_command *pending)
{
	struct mg_run *r = m->runs;

	while (r && r->pending != pending)
		r = r->next;
	if (r)
		pending_due(m, r);
}

void mg_runs_tick(struct mg *m)
{
	struct mg_run *next;
	uint32_t over = 0;

	for (struct mg_run *r = m->runs; r && over < OVER_A_TICK; r = next) {
		next = r->next;
		if (m->s->now_ms >= r->pending_ms)
			over += !pending_due(m, r);
	}
}

static void counted(void *arg, const struct context *c, const struct ctl_term_stats stats[2])
{
	struct mg_run *r = arg;

	for (uint32_t i = 0; c && stats && i < r->n; i++) {
		if (r->counted[i].id != c->id)
			continue;
		r->counted[i].there = true;
		memcpy(r->counted[i].stats, stats, sizeof(r->counted[i].stats));
	}
	run_waited(r);
}

/* Contexts whose counters a transaction asks for; how many, and at most MG_COUNTED_MAX. */
static uint32_t wanted(struct mg *m, const struct h248_item *t, struct context **want)
{
	uint32_t n = 0;

	for (const struct h248_item *a = h248_child(&m->in, t); a; a = h248_next(&m->in, a)) {
		bool asks = false;
		uint64_t number;

		for (const struct h248_item *i = h248_child(&m->in, a); i && !asks;
		     i = h248_next(&m->in, i))
			asks = is_command(i) && mg_asks_statistics(&m->in, i);
		if (!asks || n == MG_COUNTED_MAX || !h248_number(a->value, UINT32_MAX, &number))
			continue;
		want[n] = mg_context_find(m, (uint32_t)number);
		n += want[n] != NULL;
	}
	return n;
}

/* False: there is no memory for it. */
static bool count_first(struct mg *m, struct source_command *pending, const struct h248_item *t,
			struct context **want, uint32_t n)
{
	struct mg_run *r = calloc(1, sizeof(*r) + m->len);

	if (!r)
		return false;
	*r = (struct mg_run){ .m = m,
			      .pending = pending,
			      .n = n,
			      .waits = n + 1,
			      .pending_ms = m->s->now_ms + m->assoc.root[MG_ROOT_MG_TIME],
			      .len = m->len,
			      .next = m->runs,
			      .at = &m->runs };
	h248_number(t->value, UINT32_MAX, &r->id);
	memcpy(r->text, m->text, m->len);
	if (r->next)
		r->next->at = &r->next;
	m->runs = r;
	for (uint32_t i = 0; i < n; i++)
		r->counted[i].id = want[i]->id;
	for (uint32_t i = 0; i < n; i++)
		gate_audit(m->g, want[i], counted, r);
	run_waited(r);
	return true;
}

void mg_run(struct mg *m, struct source_command *pending, const struct h248_item *t)
{
	struct context *want[MG_COUNTED_MAX];
	uint32_t n = wanted(m, t, want);

	if (n == 0 || !count_first(m, pending, t, want, n))
		run(m, &m->in, t, pending, NULL);
}
