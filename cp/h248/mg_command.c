/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands (H.248.1 7.2), each with its reply. */
#include "mg_priv.h"

#include "../../lib/bug.h"

#include <stdio.h>
#include <string.h>

enum { MOVE_ROOM = 8 /* commands to a worker: of a move, of a change, and of the way back */ };

static enum mg_command command_of(enum h248_token token)
{
	switch (token) {
	case H248_ADD:
		return MG_ADD;
	case H248_MODIFY:
		return MG_MODIFY;
	case H248_MOVE:
		return MG_MOVE;
	case H248_SUBTRACT:
		return MG_SUBTRACT;
	case H248_AUDIT_VALUE:
		return MG_AUDIT_VALUE;
	case H248_AUDIT_CAPABILITY:
		return MG_AUDIT_CAPABILITY;
	case H248_SERVICE_CHANGE:
		return MG_SERVICE_CHANGE;
	default:
		return MG_OTHER;
	}
}

static bool is_root(const struct h248_item *i)
{
	return h248_is(i->value, "ROOT");
}

/* Contexts of other protocols' controllers are audited, and no more. */
static bool is_ours(struct mg_work *k)
{
	return !k->c || mg_is_ours(k->c) ||
	       mg_fail(k, MG_NOT_YOURS, "The context is of another protocol's controller");
}

static bool in_context(struct mg_work *k)
{
	return k->c || mg_fail(k, MG_BAD_ACTION, "It needs a context that there is");
}

/* Which of its terminations are meant by a name; false: none, and none is to be. */
static bool sides_find(struct mg_work *k, const struct h248_item *i, bool meant[2])
{
	const bool wild = memchr(i->value.at, '*', i->value.len) != NULL;
	char name[MG_NAME_MAX];

	meant[0] = meant[1] = false;
	if (!in_context(k))
		return false;
	for (uint32_t side = 0; side < 2; side++)
		meant[side] = k->c->term[side].term.transport != TERM_NONE &&
			      mg_term_matches(i->value, mg_term_name(k->m, k->c, side, name));
	return meant[0] || meant[1] || k->all ||
	       mg_fail(k, wild ? MG_NONE_MATCHES : MG_NO_TERMINATION,
		       "There is no termination %.*s in the context", H248_TEXT(i->value));
}

/* ---- Add ---- */

/* Makes of a side of the context what is wanted; on failure nothing has changed. */
static bool change_set(struct mg_work *k, uint32_t side, const struct mg_want *w)
{
	struct gate_fail f = { 0 };

	if (!mg_term_keys_ready(k, k->c, w))
		return false;
	return gate_set(k->m->g, k->c, side, &w->spec, &f) ? mg_term_keys(k, k->c, side, w)
							   : mg_fail_gate(k, &f);
}

/* Whose a termination is that is moved: it is looked for once, and not for each of a flood. */
static struct context *moved_from(struct mg_work *k, const struct h248_item *i, uint32_t *side)
{
	struct context *c;

	if (k->moved != i->value.at) {
		if (k->m->s->now_ms < k->m->walk_ms) {
			mg_fail(k, MG_UNAVAILABLE, "Every context was asked for a moment ago");
			return NULL;
		}
		k->m->walk_ms = k->m->s->now_ms + MG_WALK_MS;
		c = mg_term_find(k->m, i->value, &k->moved_side);
		k->moved = i->value.at;
		k->moved_from = c ? c->id : 0;
	}
	*side = k->moved_side;
	c = k->moved_from ? gate_find(k->m->g, k->moved_from) : NULL;
	if (c && c->term[*side].term.transport != TERM_NONE)
		return c;
	mg_fail(k, MG_NO_TERMINATION, "There is no termination %.*s", H248_TEXT(i->value));
	return NULL;
}

/* What is to be moved to the context that is made: it is made of the same worker. */
static struct context *moved_there(struct mg_work *k)
{
	const struct h248_item *i = h248_find(k->in, k->action, H248_MOVE);
	uint32_t side;

	return i && i->kind == H248_WORD && i->value.len ? moved_from(k, i, &side) : NULL;
}

static bool add_first(struct mg_work *k, const struct mg_want *w, struct gate_fail *f)
{
	const struct gate_plan plan = {
		.near = moved_there(k),
		.inactivity = 0, /* what is silent is told, and ended by the controller */
		.note = MG_NOTE,
		.urgent = mg_is_urgent(k->attributes),
		/* Nobody's, if the last controller was taken away while counters were asked for. */
		.owner = mg_controller(k->m)
			     ? gate_owner(k->m->g, mg_controller(k->m), sizeof(struct sock_addr))
			     : 0,
	};

	k->c = gate_add(k->m->g, &plan, &w->spec, NULL, f);
	if (k->c)
		k->number = mg_context_number(k->c);
	return k->c != NULL;
}

static bool add_read(struct mg_work *k, const struct h248_item *i, uint32_t *side,
		     struct mg_want *w)
{
	bool shut;

	if (k->null || (!k->c && !k->choose))
		return mg_fail(k, MG_BAD_ACTION, "Nothing is added to that context");
	if (!is_ours(k))
		return false;
	mg_load_added(k->m);
	if (!mg_topology_join(k, true, &shut))
		return false;
	w->keep.shut = shut;
	if (!mg_term_read(k, i, true, w))
		return false;
	if (!w->spec.note[0])
		return mg_fail(k, MG_MISSING_REMOTE, "Local is missing");
	w->spec.urgent = mg_is_urgent(k->attributes);
	*side = 0;
	while (k->c && *side < 2 && k->c->term[*side].term.transport != TERM_NONE)
		++*side;
	return *side < 2 || mg_fail(k, MG_CONTEXT_FULL, "The context has two terminations");
}

static bool add_set(struct mg_work *k, uint32_t side, const struct mg_want *w)
{
	struct gate_fail f = { 0 };

	if (k->c)
		return change_set(k, side, w);
	if (!add_first(k, w, &f))
		return mg_fail_gate(k, &f);
	if (mg_term_keys_ready(k, k->c, w) && mg_term_keys(k, k->c, side, w))
		return true;
	gate_delete(k->m->g, k->c, NULL, NULL); /* nobody knows that it is there */
	k->c = NULL;
	k->number = 0;
	return false;
}

static bool add(struct mg_work *k, const struct h248_item *i)
{
	struct mg_want w = { .spec = { .term = { .transport = TERM_UDP,
						 .domain = CONFIG_DOMAINS_MAX, /* the realm's */
						 .dscp = CTL_DSCP_KEEP },
				       .realm = 0 },
			     .keep = { .mode = H248_INACTIVE,
				       .stream = 1,
				       .any_port = 1,
				       .since = server_now(k->m->s),
				       .attributes = k->attributes } };
	uint32_t side;
	const bool good = add_read(k, i, &side, &w) && add_set(k, side, &w);
	char name[MG_NAME_MAX];

	explicit_bzero(&w.srtp, sizeof(w.srtp));
	if (!good)
		return false;
	h248_put(&k->o, H248_ADD, "%s", mg_term_name(k->m, k->c, side, name));
	h248_open(&k->o);
	mg_term_put_local(k, k->c, side);
	h248_close(&k->o);
	return true;
}

/* ---- Modify ---- */

/* What a termination is to be: what it is, and what the command says. */
static bool change_read(struct mg_work *k, const struct h248_item *i, const struct context *c,
			uint32_t side, struct mg_want *w)
{
	const struct gate_srtp *keys = gate_srtp(k->m->g, c, side);

	*w = (struct mg_want){ .keep = mg_keep_get(c, side) };
	term_spec(k->m->g, c, side, &w->spec);
	gate_local(k->m->g, c, side, false, &w->local);
	w->keep.attributes = k->attributes;
	w->keep.shut &= c == k->c; /* not of another context's topology */
	if (keys)
		w->srtp = *keys;
	if (!mg_term_read(k, i, false, w))
		return false;
	/* After a restart the dataplane alone has them. */
	if (!keys && w->spec.term.flags & TERM_SRTP && c->term[side].term.flags & TERM_SRTP &&
	    w->keyed_in != w->keyed_out)
		return mg_fail(k, MG_VALUE, "The other key is not known any more: both are needed");
	w->spec.urgent = mg_is_urgent(k->attributes);
	return true;
}

static void put_changed(struct mg_work *k, enum h248_token command, uint32_t side,
			const struct mg_want *w)
{
	char name[MG_NAME_MAX];

	h248_put(&k->o, command, "%s", mg_term_name(k->m, k->c, side, name));
	if (!w->told)
		return;
	h248_open(&k->o);
	mg_term_put_local(k, k->c, side);
	h248_close(&k->o);
}

static bool modify_side(struct mg_work *k, const struct h248_item *i, uint32_t side)
{
	struct mg_want w;
	const bool good = change_read(k, i, k->c, side, &w) && change_set(k, side, &w);

	explicit_bzero(&w.srtp, sizeof(w.srtp));
	if (good)
		put_changed(k, H248_MODIFY, side, &w);
	return good;
}

static bool modify(struct mg_work *k, const struct h248_item *i)
{
	bool meant[2];

	if (is_root(i))
		return mg_root_modify(k, i);
	if (!sides_find(k, i, meant) || !is_ours(k))
		return false;
	for (uint32_t side = 0; side < 2; side++) {
		if (meant[side] && !modify_side(k, i, side))
			return false;
	}
	return true;
}

/* ---- Move ---- */

/* Whose it is, and where it may go to; false: it may not. */
static bool move_read(struct mg_work *k, const struct h248_item *i, struct context **from,
		      uint32_t *side, uint32_t *to_side)
{
	if (!k->c)
		return mg_fail(k, MG_NOT_IMPLEMENTED, "A context begins with Add");
	if (memchr(i->value.at, '*', i->value.len))
		return mg_fail(k, MG_NOT_IMPLEMENTED, "Move is of one termination");
	*from = moved_from(k, i, side);
	if (!*from)
		return false;
	if (*from == k->c)
		return mg_fail(k, MG_ALREADY_THERE, "It is in that context");
	if (!mg_is_ours(*from))
		return mg_fail(k, MG_NOT_YOURS,
			       "The termination is of another protocol's controller");
	*to_side = k->c->term[0].term.transport != TERM_NONE;
	if (k->c->term[*to_side].term.transport != TERM_NONE)
		return mg_fail(k, MG_CONTEXT_FULL, "The context has two terminations");
	/* Its port, and what it is joined by, stay as they are. */
	if ((*from)->worker != k->c->worker)
		return mg_fail(k, MG_NOT_IMPLEMENTED,
			       "The contexts are of workers %u and %u, and Move is within one",
			       (*from)->worker, k->c->worker);
	return (*from)->stream == k->c->stream ||
	       mg_fail(k, MG_NOT_IMPLEMENTED, "One context is of datagrams, the other is not");
}

/*
 * All of it or nothing: what can be refused is looked at before it goes, and the worker has room
 * for the way back, too.
 */
static bool move_side(struct mg_work *k, struct context *from, uint32_t side, uint32_t to_side,
		      const struct mg_want *w)
{
	struct gateway *g = k->m->g;
	struct gate_fail f = { 0 };

	if (!gate_check(g, from, side, &w->spec, &f))
		return mg_fail_gate(k, &f);
	if (dplink_room(k->m->s->link, k->c->worker) < MOVE_ROOM)
		return mg_fail(k, MG_NO_RESOURCES, "worker %u has more commands than it can take",
			       k->c->worker);
	if (!mg_term_keys_ready(k, k->c, w))
		return false;
	if (!gate_move(g, from, side, k->c, to_side, &f))
		return mg_fail_gate(k, &f);
	if (!change_set(k, to_side, w)) {
		WARN_ON(!gate_move(g, k->c, to_side, from, side, &f));
		return false;
	}
	if (from->term[!side].term.transport == TERM_NONE)
		gate_delete(g, from, NULL, NULL);
	return true;
}

static bool move(struct mg_work *k, const struct h248_item *i)
{
	struct context *from = NULL;
	uint32_t side = 0, to_side = 0;
	struct mg_want w;
	bool good, shut;

	if (k->null)
		return mg_fail(k, MG_BAD_ACTION, "Nothing is moved to the null context");
	if (!is_ours(k) || !move_read(k, i, &from, &side, &to_side))
		return false;
	good = change_read(k, i, from, side, &w) && mg_topology_join(k, false, &shut) &&
	       move_side(k, from, side, to_side, &w);
	explicit_bzero(&w.srtp, sizeof(w.srtp));
	if (good)
		put_changed(k, H248_MOVE, to_side, &w);
	return good;
}

/* ---- Subtract ---- */

static void put_subtracted(struct mg_work *k, const struct h248_item *i, uint32_t side)
{
	char name[MG_NAME_MAX];

	h248_put(&k->o, H248_SUBTRACT, "%s", mg_term_name(k->m, k->c, side, name));
	if (!mg_asks_statistics(k->in, i))
		return;
	h248_open(&k->o);
	mg_put_statistics(k, side);
	h248_close(&k->o);
}

/* With the last termination the context goes (H.248.1 7.2.3). */
static bool subtract_side(struct mg_work *k, const struct h248_item *i, uint32_t side, bool told)
{
	struct gate_fail f = { 0 };

	if (told)
		put_subtracted(k, i, side);
	if (k->c->term[!side].term.transport != TERM_NONE)
		return gate_subtract(k->m->g, k->c, side, &f) || mg_fail_gate(k, &f);
	gate_delete(k->m->g, k->c, NULL, NULL);
	k->c = NULL;
	return true;
}

static bool subtract(struct mg_work *k, const struct h248_item *i)
{
	bool meant[2], any;

	if (k->null)
		return mg_fail(k, MG_BAD_ACTION, "Nothing is subtracted from the null context");
	if (k->all && !mg_is_ours(k->c))
		return true;
	if (!is_ours(k) || !sides_find(k, i, meant))
		return false;
	any = meant[0] || meant[1];
	for (uint32_t side = 0; side < 2; side++) {
		if (meant[side] && !subtract_side(k, i, side, !i->wildcard))
			return false;
	}
	if (i->wildcard && k->all)
		k->wild |= any;
	else if (i->wildcard)
		h248_put(&k->o, H248_SUBTRACT, "%.*s", H248_TEXT(i->value));
	return true;
}

/* ---- ServiceChange ---- */

/* The controller hands us over (H.248.1 11.5); nothing else of it is for a gateway. */
static bool service_change(struct mg_work *k, const struct h248_item *i)
{
	const struct h248_item *services = h248_find(k->in, i, H248_SERVICES), *method, *to;

	method = services ? h248_find(k->in, services, H248_METHOD) : NULL;
	if (!is_root(i) || !k->null || !method)
		return mg_fail(k, MG_NOT_IMPLEMENTED, "ServiceChange is of ROOT, with a method");
	if (h248_token(method->value) != H248_HAND_OFF)
		return mg_fail(k, MG_NOT_IMPLEMENTED,
			       "ServiceChange %.*s of a controller is not served",
			       H248_TEXT(method->value));
	to = h248_find(k->in, services, H248_MGC_ID_TO_TRY);
	if (!to || !mg_assoc_hand_over(k->m, to->value))
		return mg_fail(k, MG_VALUE, "MgcIdToTry names no controller of the configuration");
	h248_put(&k->o, H248_SERVICE_CHANGE, "ROOT");
	return true;
}

/* ---- all ---- */

static bool run(struct mg_work *k, const struct h248_item *i)
{
	if (!i->value.len || i->broken)
		return mg_fail(k, MG_BAD_COMMAND, "Syntax error in command");
	/* Nothing is run whose reply would not fit. */
	if (k->replied + wr_len(&k->o.w) + MG_REPLY_ROOM > H248_MESSAGE_MAX)
		return mg_fail(k, MG_TOO_LONG, "The reply would be longer than a message may be");
	if (i->kind != H248_WORD)
		return mg_fail(k, MG_BAD_COMMAND, "Syntax error in command");
	if (k->all && !k->c)
		return true; /* it has gone with the command before */
	if (k->all && i->token != H248_SUBTRACT && i->token != H248_AUDIT_VALUE &&
	    i->token != H248_AUDIT_CAPABILITY)
		return mg_fail(k, MG_NOT_IMPLEMENTED,
			       "Every context is subtracted from or audited");
	if (is_root(i) && i->token != H248_MODIFY && i->token != H248_AUDIT_VALUE &&
	    i->token != H248_AUDIT_CAPABILITY && i->token != H248_SERVICE_CHANGE)
		return mg_fail(k, MG_BAD_IDENTIFIER, "The command is not for ROOT");
	switch (i->token) {
	case H248_ADD:
		return add(k, i);
	case H248_MODIFY:
		return modify(k, i);
	case H248_MOVE:
		return move(k, i);
	case H248_SUBTRACT:
		return subtract(k, i);
	case H248_AUDIT_VALUE:
	case H248_AUDIT_CAPABILITY:
		return mg_audit(k, i);
	case H248_SERVICE_CHANGE:
		return service_change(k, i);
	default:
		return mg_fail(k, MG_NOT_IMPLEMENTED, "The command is not served");
	}
}

static bool command_one(struct mg_work *k, const struct h248_item *i)
{
	enum mg_command command = command_of(i->token);
	const struct h248_out before = k->o;

	k->m->stats.commands[command]++;
	if (run(k, i))
		return true;
	k->m->stats.errors[command]++;
	k->o = before;
	if (i->kind != H248_WORD || !i->value.len || k->all)
		return false; /* what it is of cannot be said back, or is said of all */
	h248_put(&k->o, i->token, "%.*s", H248_TEXT(i->value));
	h248_open(&k->o);
	h248_put_error(&k->o, k->code, k->text);
	h248_close(&k->o);
	k->told = true;
	return false;
}

/* A list is a command for each that is in it. */
bool mg_command(struct mg_work *k, const struct h248_item *i)
{
	struct h248_text list = i->value;
	struct h248_item one = *i;

	if (i->kind != H248_ALL_OF || i->broken)
		return command_one(k, i);
	one.kind = H248_WORD;
	while (h248_list_next(&list, &one.value)) {
		k->told = false; /* of the one before, which was optional */
		if (!command_one(k, &one) && !i->optional)
			return false;
	}
	return true;
}
