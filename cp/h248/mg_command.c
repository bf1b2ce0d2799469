/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands (H.248.1 7.2), each with its reply. */
#include "mg_priv.h"

#include <stdio.h>
#include <string.h>

static enum mg_command command_of(enum h248_token token)
{
	switch (token) {
	case H248_ADD:
		return MG_ADD;
	case H248_MODIFY:
		return MG_MODIFY;
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

/* The side of a termination by its name. */
static bool side_find(struct mg_work *k, const struct h248_item *i, uint32_t *side)
{
	char name[MG_NAME_MAX];

	if (!in_context(k))
		return false;
	for (*side = 0; *side < 2; (*side)++) {
		if (k->c->term[*side].term.transport != TERM_NONE &&
		    h248_is(i->value, mg_term_name(k->m, k->c, *side, name)))
			return true;
	}
	return mg_fail(k, MG_NO_TERMINATION, "There is no termination %.*s in the context",
		       H248_TEXT(i->value));
}

/* ---- Add ---- */

static bool add_first(struct mg_work *k, const struct mg_want *w, struct gate_fail *f)
{
	const struct gate_plan plan = {
		.inactivity = 0, /* what is silent is told, and ended by the controller */
		.note = MG_NOTE,
		.urgent = mg_is_urgent(k->attributes),
		.owner = gate_owner(k->m->g, mg_controller(k->m), sizeof(struct sock_addr)),
	};

	k->c = gate_add(k->m->g, &plan, &w->spec, NULL, f);
	if (k->c)
		k->number = mg_context_number(k->c);
	return k->c != NULL;
}

static bool add(struct mg_work *k, const struct h248_item *i)
{
	struct mg_want w = { .spec = { .term = { .transport = TERM_UDP, .dscp = CTL_DSCP_KEEP },
				       .realm = 0 },
			     .keep = { .mode = H248_INACTIVE,
				       .stream = 1,
				       .any_port = 1,
				       .since = server_now(k->m->s),
				       .attributes = k->attributes } };
	struct gate_fail f = { 0 };
	char name[MG_NAME_MAX];
	uint32_t side = 0;

	if (k->null || (!k->c && !k->choose))
		return mg_fail(k, MG_BAD_ACTION, "Nothing is added to that context");
	if (!is_ours(k))
		return false;
	if (!mg_term_read(k, i, true, &w))
		return false;
	if (!w.spec.note[0])
		return mg_fail(k, MG_MISSING_REMOTE, "Local is missing");
	if (k->c) {
		while (side < 2 && k->c->term[side].term.transport != TERM_NONE)
			side++;
		if (side == 2)
			return mg_fail(k, MG_CONTEXT_FULL, "The context has two terminations");
	}
	if (!(k->c ? gate_set(k->m->g, k->c, side, &w.spec, &f) : add_first(k, &w, &f)))
		return mg_fail_gate(k, &f);
	h248_put(&k->o, H248_ADD, "%s", mg_term_name(k->m, k->c, side, name));
	h248_open(&k->o);
	mg_term_put_local(k, k->c, side);
	h248_close(&k->o);
	return true;
}

/* ---- Modify ---- */

/* ROOT: timers of the association, and events. */
static bool modify_root(struct mg_work *k, const struct h248_item *i)
{
	const struct h248_item *events = h248_find(k->in, i, H248_EVENTS), *e, *p;
	struct mg_assoc *a = &k->m->assoc;
	uint64_t request = 0, mit = 0;

	if (!k->null)
		return mg_fail(k, MG_BAD_IDENTIFIER, "ROOT is in the null context");
	for (e = h248_child(k->in, i); e; e = h248_next(k->in, e)) {
		if (e->broken)
			return mg_fail(k, MG_BAD_COMMAND, "Syntax error in command");
		if (e->token != H248_EVENTS)
			return mg_fail(k, MG_UNKNOWN_DESCRIPTOR, "%.*s of ROOT is not served",
				       H248_TEXT(e->name));
	}
	if (events) {
		if (events->kind != H248_NONE && !h248_number(events->value, UINT32_MAX, &request))
			return mg_fail(k, MG_VALUE, "The number of Events makes no sense");
		for (e = h248_child(k->in, events); e; e = h248_next(k->in, e)) {
			if (!h248_is(e->name, "it/ito"))
				return mg_fail(k, MG_NO_EVENT, "%.*s is not served",
					       H248_TEXT(e->name));
			p = h248_child(k->in, e);
			if (p && (!h248_is(p->name, "mit") ||
				  !h248_number(p->value, UINT32_MAX / 10, &mit)))
				return mg_fail(k, MG_VALUE, "it/ito: mit makes no sense");
		}
		a->root_request = (uint32_t)request;
		a->silence_ms = (uint32_t)mit * 10;
	}
	h248_put(&k->o, H248_MODIFY, "ROOT");
	return true;
}

static bool modify(struct mg_work *k, const struct h248_item *i)
{
	struct gate_fail f = { 0 };
	char name[MG_NAME_MAX];
	struct mg_want w = { 0 };
	uint32_t side;

	if (is_root(i))
		return modify_root(k, i);
	if (!side_find(k, i, &side))
		return false;
	if (!is_ours(k))
		return false;
	term_spec(k->m->g, k->c, side, &w.spec);
	gate_local(k->m->g, k->c, side, false, &w.local);
	w.keep = mg_keep_get(k->c, side);
	if (!mg_term_read(k, i, false, &w))
		return false;
	if (!gate_set(k->m->g, k->c, side, &w.spec, &f))
		return mg_fail_gate(k, &f);
	h248_put(&k->o, H248_MODIFY, "%s", mg_term_name(k->m, k->c, side, name));
	if (w.told) {
		h248_open(&k->o);
		mg_term_put_local(k, k->c, side);
		h248_close(&k->o);
	}
	return true;
}

/* ---- Subtract ---- */

static void put_subtracted(struct mg_work *k, const struct h248_item *i, uint32_t side)
{
	char name[MG_NAME_MAX];

	h248_put(&k->o, H248_SUBTRACT, "%s", mg_term_name(k->m, k->c, side, name));
	if (!mg_asks_statistics(k->in, i))
		return;
	h248_open(&k->o);
	mg_put_statistics(k, k->c, side);
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
	uint32_t side;

	if (k->null)
		return mg_fail(k, MG_BAD_ACTION, "Nothing is subtracted from the null context");
	if (!is_ours(k))
		return false;
	if (!h248_is(i->value, "*"))
		return side_find(k, i, &side) && subtract_side(k, i, side, true);
	if (!in_context(k))
		return false;
	for (side = 0; k->c && side < 2; side++) {
		if (k->c->term[side].term.transport != TERM_NONE &&
		    !subtract_side(k, i, side, !i->wildcard))
			return false;
	}
	if (i->wildcard)
		h248_put(&k->o, H248_SUBTRACT, "*");
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
		return mg_fail(k, MG_NOT_IMPLEMENTED, "Lists of terminations are not served");
	if (is_root(i) && i->token != H248_MODIFY && i->token != H248_AUDIT_VALUE &&
	    i->token != H248_AUDIT_CAPABILITY && i->token != H248_SERVICE_CHANGE)
		return mg_fail(k, MG_BAD_IDENTIFIER, "The command is not for ROOT");
	switch (i->token) {
	case H248_ADD:
		return add(k, i);
	case H248_MODIFY:
		return modify(k, i);
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

bool mg_command(struct mg_work *k, const struct h248_item *i)
{
	enum mg_command command = command_of(i->token);
	const struct h248_out before = k->o;

	k->m->stats.commands[command]++;
	if (run(k, i))
		return true;
	k->m->stats.errors[command]++;
	k->o = before;
	if (i->kind != H248_WORD || !i->value.len)
		return false; /* what it is of cannot be said back */
	h248_put(&k->o, i->token, "%.*s", H248_TEXT(i->value));
	h248_open(&k->o);
	h248_put_error(&k->o, k->code, k->text);
	h248_close(&k->o);
	k->told = true;
	return false;
}
