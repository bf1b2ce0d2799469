/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ROOT: what a controller may set of it, and what it is told of it. Properties are those of H.248.1
 * E.2 (root, version 2), which TS 29.334 has provisioned by the controller: how long transactions
 * of either side may take before Pending, and how many of these there may be.
 */
#include "mg_priv.h"

#include <stdio.h>
#include <string.h>

/* In milliseconds, but for the limits. */
static const struct {
	enum mg_name name;
	uint32_t def, min, max;
} value[MG_ROOT_VALUES] = {
	[MG_ROOT_MG_TIME] = { MG_NAME_ROOT_MG_TIME, 500, 100, 20000 },
	[MG_ROOT_MGC_TIME] = { MG_NAME_ROOT_MGC_TIME, 250, 100, 20000 },
	[MG_ROOT_MG_PENDING] = { MG_NAME_ROOT_MG_PENDING, 1000, 100, 20000 },
	[MG_ROOT_MGC_PENDING] = { MG_NAME_ROOT_MGC_PENDING, 4000, 100, 20000 },
	[MG_ROOT_MGC_LIMIT] = { MG_NAME_ROOT_MGC_LIMIT, 60, 1, 1000 },
	[MG_ROOT_MG_LIMIT] = { MG_NAME_ROOT_MG_LIMIT, 4, 1, 1000 },
};

void mg_root_init(struct mg_assoc *a)
{
	for (int i = 0; i < MG_ROOT_VALUES; i++)
		a->root[i] = value[i].def;
}

/* Which of them is called so; MG_ROOT_VALUES: none. */
static int value_find(const struct mg_work *k, struct h248_text name)
{
	int n = 0;

	while (n < MG_ROOT_VALUES && !mg_is(k->m, name, value[n].name))
		n++;
	return n;
}

static bool is_fixed(const struct mg_work *k, struct h248_text name)
{
	return mg_is(k->m, name, MG_NAME_CONTEXTS_MAX) ||
	       mg_is(k->m, name, MG_NAME_TERMINATIONS_MAX);
}

/* ---- Modify ---- */

/* Silence of the controller (H.248.14), overload (H.248.11). */
static bool read_events(struct mg_work *k, const struct h248_item *events)
{
	struct mg_assoc *a = &k->m->assoc;
	uint64_t request = 0, mit = 0;
	const struct h248_item *e, *p;
	bool overload = false;

	if (events->kind != H248_NONE && !h248_number(events->value, UINT32_MAX, &request))
		return mg_fail(k, MG_VALUE, "The number of Events makes no sense");
	for (e = h248_child(k->in, events); e; e = h248_next(k->in, e)) {
		if (mg_is(k->m, e->name, MG_NAME_OVERLOAD)) {
			overload = true;
			continue;
		}
		if (!mg_is(k->m, e->name, MG_NAME_SILENCE))
			return mg_fail(k, MG_NO_EVENT, "%.*s is not served", H248_TEXT(e->name));
		p = h248_child(k->in, e);
		if (p && (!mg_is(k->m, p->name, MG_NAME_SILENCE_TIME) ||
			  !h248_number(p->value, UINT32_MAX / 10, &mit)))
			return mg_fail(k, MG_VALUE, "%.*s: %.*s makes no sense", H248_TEXT(e->name),
				       H248_TEXT(p->name));
	}
	a->root_request = (uint32_t)request;
	a->silence_ms = (uint32_t)mit * 10;
	a->overload = overload;
	return true;
}

static bool read_property(struct mg_work *k, const struct h248_item *i, uint32_t *root)
{
	const int n = value_find(k, i->name);
	uint64_t v;

	if (i->token == H248_SERVICE_STATES && h248_token(i->value) == H248_IN_SERVICE)
		return true;
	if (is_fixed(k, i->name))
		return mg_fail(k, MG_READ_ONLY, "%.*s is not set", H248_TEXT(i->name));
	if (i->token != H248_SERVICE_STATES && n == MG_ROOT_VALUES)
		return mg_fail(k, MG_NO_PROPERTY, "%.*s of ROOT is not served", H248_TEXT(i->name));
	if (n == MG_ROOT_VALUES || i->kind != H248_WORD || i->relation != '=' ||
	    !h248_number(i->value, value[n].max, &v) || v < value[n].min)
		return mg_fail(k, MG_VALUE, "%.*s cannot be %.*s", H248_TEXT(i->name),
			       H248_TEXT(i->value));
	root[n] = (uint32_t)v;
	return true;
}

/* What it does not name stays (H.248.1 7.1.5). */
static bool read_media(struct mg_work *k, const struct h248_item *media, uint32_t *root)
{
	for (const struct h248_item *s = h248_child(k->in, media); s; s = h248_next(k->in, s)) {
		if (s->token != H248_TERMINATION_STATE)
			return mg_fail(k, MG_UNKNOWN_DESCRIPTOR, "%.*s of ROOT is not served",
				       H248_TEXT(s->name));
		for (const struct h248_item *i = h248_child(k->in, s); i; i = h248_next(k->in, i)) {
			if (!read_property(k, i, root))
				return false;
		}
	}
	return true;
}

bool mg_root_modify(struct mg_work *k, const struct h248_item *command)
{
	const struct h248_item *events = h248_find(k->in, command, H248_EVENTS), *i;
	uint32_t root[MG_ROOT_VALUES];

	if (!k->null)
		return mg_fail(k, MG_BAD_IDENTIFIER, "ROOT is in the null context");
	memcpy(root, k->m->assoc.root, sizeof(root));
	for (i = h248_child(k->in, command); i; i = h248_next(k->in, i)) {
		if (i->broken)
			return mg_fail(k, MG_BAD_COMMAND, "Syntax error in command");
		if (i->token == H248_MEDIA && !read_media(k, i, root))
			return false;
		if (i->token != H248_EVENTS && i->token != H248_MEDIA)
			return mg_fail(k, MG_UNKNOWN_DESCRIPTOR, "%.*s of ROOT is not served",
				       H248_TEXT(i->name));
	}
	if (events && !read_events(k, events))
		return false;
	memcpy(k->m->assoc.root, root, sizeof(root));
	h248_put(&k->o, H248_MODIFY, "ROOT");
	return true;
}

/* ---- audits ---- */

/* TerminationState of an audit that names single ones; NULL: all are asked for. */
static const struct h248_item *state_asked(const struct mg_work *k, const struct h248_item *media)
{
	return h248_find(k->in, media, H248_TERMINATION_STATE);
}

bool mg_root_media_asked(struct mg_work *k, const struct h248_item *media)
{
	const struct h248_item *state = state_asked(k, media);

	for (const struct h248_item *i = h248_child(k->in, media); i; i = h248_next(k->in, i)) {
		if (i->token != H248_TERMINATION_STATE)
			return mg_fail(k, MG_UNKNOWN_DESCRIPTOR, "%.*s of ROOT is not served",
				       H248_TEXT(i->name));
	}
	for (const struct h248_item *i = state ? h248_child(k->in, state) : NULL; i;
	     i = h248_next(k->in, i)) {
		if (i->token != H248_SERVICE_STATES && !is_fixed(k, i->name) &&
		    value_find(k, i->name) == MG_ROOT_VALUES)
			return mg_fail(k, MG_NO_PROPERTY, "%.*s of ROOT is not served",
				       H248_TEXT(i->name));
	}
	return true;
}

static void put_value(struct mg_work *k, const struct h248_item *asked, int n, bool can)
{
	if (!mg_asked(k, asked, value[n].name))
		return;
	if (can)
		h248_put_name(&k->o, mg_name(k->m, value[n].name), "[%u:%u]", value[n].min,
			      value[n].max);
	else
		h248_put_name(&k->o, mg_name(k->m, value[n].name), "%u", k->m->assoc.root[n]);
}

void mg_root_put_media(struct mg_work *k, const struct h248_item *media, bool can)
{
	const struct h248_item *asked = state_asked(k, media);

	h248_put(&k->o, H248_MEDIA, NULL);
	h248_open(&k->o);
	h248_put(&k->o, H248_TERMINATION_STATE, NULL);
	h248_open(&k->o);
	if (asked && h248_find(k->in, asked, H248_SERVICE_STATES))
		h248_put(&k->o, H248_SERVICE_STATES, "%s", h248_spelt(&k->o, H248_IN_SERVICE));
	if (mg_asked(k, asked, MG_NAME_CONTEXTS_MAX))
		h248_put_name(&k->o, mg_name(k->m, MG_NAME_CONTEXTS_MAX), "%ju",
			      (uintmax_t)gate_stats(k->m->g)->contexts_max);
	if (mg_asked(k, asked, MG_NAME_TERMINATIONS_MAX))
		h248_put_name(&k->o, mg_name(k->m, MG_NAME_TERMINATIONS_MAX), "2");
	for (int n = 0; n < MG_ROOT_VALUES; n++)
		put_value(k, asked, n, can);
	h248_close(&k->o);
	h248_close(&k->o);
}
