/* SPDX-License-Identifier: BSD-3-Clause */
/* What there is: packages, properties of ROOT, and terminations with their statistics. */
#include "mg_priv.h"

#include <stdio.h>

bool mg_asks_statistics(const struct h248_message *in, const struct h248_item *command)
{
	const struct h248_item *audit = h248_find(in, command, H248_AUDIT);

	return audit && h248_find(in, audit, H248_STATISTICS);
}

/* ---- what is asked for ---- */

/* Names of what a descriptor of an audit may name singly, and the error of one that it may not. */
static const enum mg_name events[] = { MG_NAME_CAUSE,	   MG_NAME_HANG,       MG_NAME_STOP,
				       MG_NAME_TCP_CHANGE, MG_NAME_TLS_CHANGE, MG_NAME_ADDRESS };
static const enum mg_name root_events[] = { MG_NAME_SILENCE, MG_NAME_OVERLOAD };
static const enum mg_name signals[] = { MG_NAME_LATCH };
static const enum mg_name statistics[] = { MG_NAME_DURATION,	     MG_NAME_OCTETS_SENT,
					   MG_NAME_OCTETS_RECEIVED,  MG_NAME_PACKETS_SENT,
					   MG_NAME_PACKETS_RECEIVED, MG_NAME_PACKETS_LOST };
#define NAMES(n) n, sizeof(n) / sizeof(n[0])

static bool names_asked(struct mg_work *k, const struct h248_item *descriptor, unsigned code,
			const enum mg_name *name, size_t n)
{
	for (const struct h248_item *i = h248_child(k->in, descriptor); i;
	     i = h248_next(k->in, i)) {
		size_t at = 0;

		while (at < n && !mg_is(k->m, i->name, name[at]))
			at++;
		if (at == n)
			return mg_fail(k, code, "%.*s is not served", H248_TEXT(i->name));
	}
	return true;
}

/* These are of ROOT alone. */
static bool is_roots(enum mg_name package)
{
	return package == MG_NAME_PACKAGE_ROOT || package == MG_NAME_PACKAGE_IT ||
	       package == MG_NAME_PACKAGE_OCP;
}

static bool packages_asked(struct mg_work *k, const struct h248_item *packages, bool root)
{
	for (const struct h248_item *i = h248_child(k->in, packages); i; i = h248_next(k->in, i)) {
		bool known = false;

		for (int p = MG_NAME_PACKAGE_G; p <= MG_NAME_PACKAGE_ADR; p++)
			known |= mg_is(k->m, i->name, (enum mg_name)p) &&
				 (root || !is_roots((enum mg_name)p));
		if (!known)
			return mg_fail(k, MG_NO_PACKAGE, "%.*s is not served", H248_TEXT(i->name));
	}
	return true;
}

/* Whether a descriptor is one that is served; an empty one is, if nothing can ever be in it. */
static bool descriptor_asked(struct mg_work *k, const struct h248_item *i, bool root)
{
	if (i->broken)
		return mg_fail(k, MG_BAD_COMMAND, "Syntax error in command");
	switch (i->token) {
	case H248_MEDIA:
		return root ? mg_root_media_asked(k, i) : mg_media_asked(k, i);
	case H248_EVENTS:
		return root ? names_asked(k, i, MG_NO_EVENT, NAMES(root_events))
			    : names_asked(k, i, MG_NO_EVENT, NAMES(events));
	case H248_SIGNALS:
		return names_asked(k, i, MG_NO_SIGNAL, signals, root ? 0 : 1);
	case H248_STATISTICS:
		return names_asked(k, i, MG_NO_STATISTIC, statistics,
				   root ? 0 : sizeof(statistics) / sizeof(statistics[0]));
	case H248_PACKAGES:
		return packages_asked(k, i, root);
	case H248_OBSERVED_EVENTS:
	case H248_EVENT_BUFFER:
		return true;
	default: /* DigitMap, Modem, Mux, and what nobody knows */
		return mg_fail(k, MG_UNKNOWN_DESCRIPTOR, "%.*s is not served", H248_TEXT(i->name));
	}
}

static bool audit_asked(struct mg_work *k, const struct h248_item *audit, bool root)
{
	if (!audit)
		return true;
	for (const struct h248_item *i = h248_child(k->in, audit); i; i = h248_next(k->in, i)) {
		if (i->token != H248_OTHER && h248_find(k->in, audit, i->token) != i)
			return mg_fail(k, MG_TWICE, "%.*s is there twice", H248_TEXT(i->name));
		if (!descriptor_asked(k, i, root))
			return false;
	}
	return true;
}

/* ---- ROOT ---- */

/* What only ROOT has is not of a termination. */
static void put_packages(struct mg_work *k, const struct h248_item *asked, bool root)
{
	h248_put(&k->o, H248_PACKAGES, NULL);
	h248_open(&k->o);
	for (int i = MG_NAME_PACKAGE_G; i <= MG_NAME_PACKAGE_ADR; i++) {
		if (mg_asked(k, asked, (enum mg_name)i) && (root || !is_roots((enum mg_name)i)))
			h248_put_name(&k->o, mg_name(k->m, (enum mg_name)i), NULL);
	}
	h248_close(&k->o);
}

/* Events that the controller asked for, or that it could. */
static void put_root_events(struct mg_work *k, const struct h248_item *asked, bool can)
{
	const struct mg_assoc *a = &k->m->assoc;
	const bool silence = (can || a->silence_ms) && mg_asked(k, asked, MG_NAME_SILENCE);
	const bool overload = (can || a->overload) && mg_asked(k, asked, MG_NAME_OVERLOAD);

	if (can || (!a->silence_ms && !a->overload))
		h248_put(&k->o, H248_EVENTS, NULL);
	else
		h248_put(&k->o, H248_EVENTS, "%u", a->root_request);
	if (!silence && !overload)
		return;
	h248_open(&k->o);
	if (silence)
		h248_put_name(&k->o, mg_name(k->m, MG_NAME_SILENCE), NULL);
	if (silence && !can) {
		h248_open(&k->o);
		h248_put_name(&k->o, mg_name(k->m, MG_NAME_SILENCE_TIME), "%u", a->silence_ms / 10);
		h248_close(&k->o);
	}
	if (overload)
		h248_put_name(&k->o, mg_name(k->m, MG_NAME_OVERLOAD), NULL);
	h248_close(&k->o);
}

static bool audit_root(struct mg_work *k, const struct h248_item *command,
		       const struct h248_item *audit)
{
	const bool can = command->token == H248_AUDIT_CAPABILITY;

	/* Of a context it tells that there is one (7.2.5). */
	if (!k->null && !k->all)
		return mg_fail(k, MG_NOT_IMPLEMENTED, "ROOT is audited in the null context");
	if (!audit_asked(k, audit, true))
		return false;
	h248_put(&k->o, command->token, "ROOT");
	if (!audit || !h248_child(k->in, audit) || k->all)
		return true;
	h248_open(&k->o);
	for (const struct h248_item *i = h248_child(k->in, audit); i; i = h248_next(k->in, i)) {
		if (i->token == H248_MEDIA)
			mg_root_put_media(k, i, can);
		else if (i->token == H248_EVENTS)
			put_root_events(k, i, can);
		else if (i->token == H248_PACKAGES)
			put_packages(k, i, true);
		else
			h248_put(&k->o, i->token, NULL);
	}
	h248_close(&k->o);
	return true;
}

/* ---- terminations ---- */

static const struct ctl_term_stats *counted(const struct mg_work *k, const struct context *c,
					    uint32_t side)
{
	for (uint32_t i = 0; i < k->n_counted; i++) {
		if (k->counted[i].id == c->id && k->counted[i].there)
			return &k->counted[i].stats[side];
	}
	return NULL;
}

static void put_statistic(struct mg_work *k, const struct h248_item *asked, enum mg_name name,
			  uint64_t n)
{
	if (mg_asked(k, asked, name))
		h248_put_name(&k->o, mg_name(k->m, name), "%ju", (uintmax_t)n);
}

/* In percent, of what the remote has sent so far. */
static void put_loss(struct mg_work *k, const struct h248_item *asked, const struct ctl_quality *q)
{
	const uint64_t all = q->received + q->lost;

	if (q->received && mg_asked(k, asked, MG_NAME_PACKETS_LOST))
		h248_put_name(&k->o, mg_name(k->m, MG_NAME_PACKETS_LOST), "%ju.%02ju",
			      (uintmax_t)(q->lost * UINT64_C(100) / all),
			      (uintmax_t)(q->lost * UINT64_C(10000) / all % 100));
}

/* What came from a remote is received; what came from the other one was sent to it. */
static void put_statistics(struct mg_work *k, uint32_t side, const struct h248_item *asked)
{
	const struct context *c = k->c;
	const struct ctl_term_stats *in = counted(k, c, side), *out = counted(k, c, !side);
	const uint32_t since = mg_keep_get(c, side).since;

	h248_put(&k->o, H248_STATISTICS, NULL);
	if (!(in && out) && !mg_asked(k, asked, MG_NAME_DURATION))
		return;
	h248_open(&k->o);
	put_statistic(k, asked, MG_NAME_DURATION,
		      (uint64_t)server_age(k->m->s, since ? since : c->created) * 1000);
	if (in && out) {
		put_statistic(k, asked, MG_NAME_OCTETS_SENT, out->bytes);
		put_statistic(k, asked, MG_NAME_OCTETS_RECEIVED, in->bytes);
		put_statistic(k, asked, MG_NAME_PACKETS_SENT, out->packets);
		put_statistic(k, asked, MG_NAME_PACKETS_RECEIVED, in->packets);
		put_loss(k, asked, &in->quality);
	}
	h248_close(&k->o);
}

void mg_put_statistics(struct mg_work *k, uint32_t side)
{
	put_statistics(k, side, NULL);
}

/* Which there are; they have no values that could be told beforehand. */
static void put_statistics_names(struct mg_work *k, const struct h248_item *asked)
{
	h248_put(&k->o, H248_STATISTICS, NULL);
	h248_open(&k->o);
	for (size_t i = 0; i < sizeof(statistics) / sizeof(statistics[0]); i++) {
		if (mg_asked(k, asked, statistics[i]))
			h248_put_name(&k->o, mg_name(k->m, statistics[i]), NULL);
	}
	h248_close(&k->o);
}

static void put_descriptor(struct mg_work *k, uint32_t side, const struct h248_item *i, bool can)
{
	switch (i->token) {
	case H248_MEDIA:
		mg_put_media(k, side, i, can);
		break;
	case H248_EVENTS:
		mg_put_events(k, side, i, can);
		break;
	case H248_SIGNALS:
		mg_put_signals(k, side, i, can);
		break;
	case H248_STATISTICS:
		if (can)
			put_statistics_names(k, i);
		else
			put_statistics(k, side, i);
		break;
	case H248_PACKAGES:
		put_packages(k, i, false);
		break;
	default: /* events are told when they are observed, and none is kept back */
		h248_put(&k->o, i->token, NULL);
	}
}

static void put_side(struct mg_work *k, const struct h248_item *command,
		     const struct h248_item *audit, uint32_t side)
{
	char name[MG_NAME_MAX];

	h248_put(&k->o, command->token, "%s", mg_term_name(k->m, k->c, side, name));
	if (!audit || !h248_child(k->in, audit))
		return;
	h248_open(&k->o);
	for (const struct h248_item *i = h248_child(k->in, audit); i; i = h248_next(k->in, i))
		put_descriptor(k, side, i, command->token == H248_AUDIT_CAPABILITY);
	h248_close(&k->o);
}

bool mg_audit(struct mg_work *k, const struct h248_item *command)
{
	const struct h248_item *audit = h248_find(k->in, command, H248_AUDIT);
	bool wild = memchr(command->value.at, '*', command->value.len), any = false;
	char name[MG_NAME_MAX];

	if (h248_is(command->value, "ROOT"))
		return audit_root(k, command, audit);
	if (k->null) /* all that there are are in contexts */
		return mg_fail(k, wild ? MG_NONE_MATCHES : MG_NO_TERMINATION,
			       "There is no termination in the null context");
	if (!k->c)
		return mg_fail(k, MG_BAD_ACTION, "It needs a context that there is");
	if (!audit_asked(k, audit, false))
		return false;
	for (uint32_t side = 0; side < 2; side++) {
		if (k->c->term[side].term.transport == TERM_NONE ||
		    !mg_term_matches(command->value, mg_term_name(k->m, k->c, side, name)))
			continue;
		mg_term_heard(k->m, k->c, side);
		put_side(k, command, audit, side);
		any = true;
	}
	return any || k->all ||
	       mg_fail(k, wild ? MG_NONE_MATCHES : MG_NO_TERMINATION,
		       "There is no such termination in the context");
}
