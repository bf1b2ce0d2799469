/* SPDX-License-Identifier: BSD-3-Clause */
/* What there is: packages, properties of ROOT, and terminations with their statistics. */
#include "mg_priv.h"

#include <stdio.h>

bool mg_asks_statistics(const struct h248_message *in, const struct h248_item *command)
{
	const struct h248_item *audit = h248_find(in, command, H248_AUDIT);

	return audit && h248_find(in, audit, H248_STATISTICS);
}

/* ---- ROOT ---- */

static void put_packages(struct mg_work *k)
{
	h248_put(&k->o, H248_PACKAGES, NULL);
	h248_open(&k->o);
	for (int i = MG_NAME_PACKAGE_G; i <= MG_NAME_PACKAGE_ADID; i++)
		h248_put_name(&k->o, mg_name(k->m, (enum mg_name)i), NULL);
	h248_close(&k->o);
}

static void put_root_state(struct mg_work *k)
{
	h248_put(&k->o, H248_MEDIA, NULL);
	h248_open(&k->o);
	h248_put(&k->o, H248_TERMINATION_STATE, NULL);
	h248_open(&k->o);
	h248_put_name(&k->o, mg_name(k->m, MG_NAME_CONTEXTS_MAX), "%ju",
		      (uintmax_t)gate_stats(k->m->g)->contexts_max);
	h248_put_name(&k->o, mg_name(k->m, MG_NAME_TERMINATIONS_MAX), "2");
	h248_close(&k->o);
	h248_close(&k->o);
}

static bool audit_root(struct mg_work *k, const struct h248_item *command,
		       const struct h248_item *audit)
{
	bool body = audit &&
		    (h248_find(k->in, audit, H248_PACKAGES) || h248_find(k->in, audit, H248_MEDIA));

	/* Of a context it tells that there is one (7.2.5). */
	if (!k->null && !k->all)
		return mg_fail(k, MG_NOT_IMPLEMENTED, "ROOT is audited in the null context");
	h248_put(&k->o, command->token, "ROOT");
	if (!body || k->all)
		return true;
	h248_open(&k->o);
	if (h248_find(k->in, audit, H248_MEDIA))
		put_root_state(k);
	if (h248_find(k->in, audit, H248_PACKAGES))
		put_packages(k);
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

/* What came from a remote is received; what came from the other one was sent to it. */
void mg_put_statistics(struct mg_work *k, const struct context *c, uint32_t side)
{
	const struct ctl_term_stats *in = counted(k, c, side), *out = counted(k, c, !side);
	const uint32_t since = mg_keep_get(c, side).since;

	h248_put(&k->o, H248_STATISTICS, NULL);
	h248_open(&k->o);
	h248_put_name(&k->o, mg_name(k->m, MG_NAME_DURATION), "%ju",
		      (uintmax_t)server_age(k->m->s, since ? since : c->created) * 1000);
	if (in && out) {
		h248_put_name(&k->o, mg_name(k->m, MG_NAME_OCTETS_SENT), "%ju",
			      (uintmax_t)out->bytes);
		h248_put_name(&k->o, mg_name(k->m, MG_NAME_OCTETS_RECEIVED), "%ju",
			      (uintmax_t)in->bytes);
		h248_put_name(&k->o, mg_name(k->m, MG_NAME_PACKETS_SENT), "%ju",
			      (uintmax_t)out->packets);
		h248_put_name(&k->o, mg_name(k->m, MG_NAME_PACKETS_RECEIVED), "%ju",
			      (uintmax_t)in->packets);
	}
	h248_close(&k->o);
}

static void put_side(struct mg_work *k, const struct h248_item *command,
		     const struct h248_item *audit, uint32_t side)
{
	bool media = audit && h248_find(k->in, audit, H248_MEDIA);
	bool statistics = audit && h248_find(k->in, audit, H248_STATISTICS);
	char name[MG_NAME_MAX];

	h248_put(&k->o, command->token, "%s", mg_term_name(k->m, k->c, side, name));
	if (!media && !statistics)
		return;
	h248_open(&k->o);
	if (media)
		mg_term_put_local(k, k->c, side);
	if (statistics)
		mg_put_statistics(k, k->c, side);
	h248_close(&k->o);
}

bool mg_audit(struct mg_work *k, const struct h248_item *command)
{
	const struct h248_item *audit = h248_find(k->in, command, H248_AUDIT);
	bool wild = memchr(command->value.at, '*', command->value.len), any = false;
	char name[MG_NAME_MAX];

	if (h248_is(command->value, "ROOT"))
		return audit_root(k, command, audit);
	if (!k->c)
		return mg_fail(k, MG_BAD_ACTION, "It needs a context that there is");
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
