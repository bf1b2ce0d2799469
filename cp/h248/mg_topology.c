/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Topology of a context (H.248.1 7.1.18): who of its two terminations hears the other. A
 * termination that does not is shut: what comes to the other one is received and counted there, and
 * does not leave by it. Who joins a context is heard and hears, unless the action says otherwise of
 * "$".
 */
#include "mg_priv.h"

static struct context_term *side_of(const struct mg_work *k, uint32_t side)
{
	return k->c ? &k->c->term[side] : NULL;
}

static bool is_there(const struct mg_work *k, uint32_t side)
{
	return k->c && side_of(k, side)->term.transport != TERM_NONE;
}

static bool is_choose(struct h248_text t)
{
	return t.len && t.at[t.len - 1] == '$';
}

static bool is_meant(const struct mg_work *k, uint32_t side, struct h248_text t)
{
	char name[MG_NAME_MAX];

	return is_there(k, side) && mg_term_matches(t, mg_term_name(k->m, k->c, side, name));
}

/* Whether the first or the second one of a pair does not hear the other. */
static bool is_shut(const struct mg_topology *t, bool second)
{
	return t->direction == H248_ISOLATE || (t->direction == H248_ONEWAY && !second);
}

/* A termination is shut or opened; the rest of it stays. */
static bool shut_set(struct mg_work *k, uint32_t side, bool shut)
{
	struct mg_want w = { .keep = mg_keep_get(k->c, side) };
	struct gate_fail f = { 0 };

	if (w.keep.shut == shut)
		return true;
	term_spec(k->m->g, k->c, side, &w.spec);
	w.keep.shut = shut;
	mg_term_settle(&w);
	return gate_set(k->m->g, k->c, side, &w.spec, &f) || mg_fail_gate(k, &f);
}

static bool nobody(struct mg_work *k, struct h248_text t)
{
	return mg_fail(k, memchr(t.at, '*', t.len) ? MG_NONE_MATCHES : MG_NO_TERMINATION,
		       "There is no termination %.*s in the context to be joined with another",
		       H248_TEXT(t));
}

/* Of two that are there: what each is to be. */
static bool pair_say(struct mg_work *k, const struct mg_topology *t, bool shut[2])
{
	for (uint32_t side = 0; side < 2; side++) {
		if (!is_meant(k, side, t->first) || !is_meant(k, !side, t->second))
			continue;
		shut[side] = is_shut(t, false);
		shut[!side] = is_shut(t, true);
		return true;
	}
	if (!is_meant(k, 0, t->first) && !is_meant(k, 1, t->first))
		return nobody(k, t->first);
	if (!is_meant(k, 0, t->second) && !is_meant(k, 1, t->second))
		return nobody(k, t->second);
	return mg_fail(k, MG_BAD_ACTION, "Topology is of two terminations");
}

/* What is parted is parted before anything is joined: nobody hears what neither was nor is to be.
 */
static bool pair_set(struct mg_work *k, const bool shut[2])
{
	const uint32_t first = shut[1] && !shut[0];

	return !is_there(k, 0) || !is_there(k, 1) ||
	       (shut_set(k, first, shut[first]) && shut_set(k, !first, shut[!first]));
}

/* "T1, T2, direction", and what the stream is, if that is said; *i is the one behind them. */
static bool read_triple(struct mg_work *k, const struct h248_item **i, struct mg_topology *t)
{
	const struct h248_item *first = *i, *second = h248_next(k->in, first), *stream;
	const struct h248_item *direction = second ? h248_next(k->in, second) : NULL;
	uint64_t n;

	if (!direction || first->broken || second->broken || direction->broken ||
	    !first->name.len || first->kind != H248_NONE || !second->name.len ||
	    second->kind != H248_NONE)
		return mg_fail(k, MG_UNREADABLE_ACTION, "Syntax error in Topology");
	*t = (struct mg_topology){ first->name, second->name, direction->token };
	if (t->direction == H248_ONEWAY_EXTERNAL || t->direction == H248_ONEWAY_BOTH)
		return mg_fail(k, MG_TOPOLOGY, "%.*s is not served", H248_TEXT(direction->name));
	if (t->direction != H248_ISOLATE && t->direction != H248_ONEWAY &&
	    t->direction != H248_BOTHWAY)
		return mg_fail(k, MG_UNREADABLE_ACTION, "Syntax error in Topology");
	stream = h248_next(k->in, direction);
	*i = stream;
	if (!stream || stream->token != H248_STREAM)
		return true;
	*i = h248_next(k->in, stream);
	/* A termination has one, whose number its controller has given it. */
	for (uint32_t side = 0; side < 2; side++) {
		if (is_there(k, side) && (!h248_number(stream->value, UINT8_MAX, &n) ||
					  mg_keep_get(k->c, side).stream != n))
			return mg_fail(k, MG_TOPOLOGY, "There is no stream %.*s",
				       H248_TEXT(stream->value));
	}
	return true;
}

/* "$" is the termination that the action adds first: the other one is joined with it then. */
static bool wait_for(struct mg_work *k, const struct mg_topology *t)
{
	if (is_choose(t->first) == is_choose(t->second) || k->topology.direction ||
	    !h248_find(k->in, k->action, H248_ADD))
		return mg_fail(k, MG_BAD_ACTION,
			       "$ in Topology is the one termination that the action adds first");
	k->topology = *t;
	return true;
}

bool mg_topology(struct mg_work *k, const struct h248_item *topology)
{
	const struct h248_item *i = h248_child(k->in, topology);
	struct mg_topology t;
	bool shut[2];

	if (k->null || (!k->c && !k->choose))
		return mg_fail(k, MG_BAD_ACTION, "The null context has no topology");
	if (k->c && !mg_is_ours(k->c))
		return mg_fail(k, MG_NOT_YOURS, "The context is of another protocol's controller");
	if (!i)
		return mg_fail(k, MG_UNREADABLE_ACTION, "There is nothing in Topology");
	for (uint32_t side = 0; side < 2; side++)
		shut[side] = is_there(k, side) && mg_keep_get(k->c, side).shut;
	while (i) { /* all of it, or nothing */
		if (!read_triple(k, &i, &t))
			return false;
		if (is_choose(t.first) || is_choose(t.second) ? !wait_for(k, &t)
							      : !pair_say(k, &t, shut))
			return false;
	}
	return pair_set(k, shut);
}

bool mg_topology_join(struct mg_work *k, bool added, bool *shut)
{
	const struct mg_topology t = k->topology;
	const bool waits = added && t.direction, first = waits && is_choose(t.first);
	const struct h248_text other = first ? t.second : t.first;
	bool other_shut = false;
	uint32_t side = 0;

	*shut = false;
	while (side < 2 && !is_there(k, side))
		side++;
	if (waits) {
		k->topology = (struct mg_topology){ 0 };
		if (side == 2 || !is_meant(k, side, other))
			return nobody(k, other);
		*shut = is_shut(&t, !first);
		other_shut = is_shut(&t, first);
	}
	/* A context that has two has no room for a third, which is told by whoever asks. */
	return side == 2 || is_there(k, !side) || shut_set(k, side, other_shut);
}

void mg_topology_put(struct mg_work *k)
{
	const bool both = is_there(k, 0) && is_there(k, 1);
	const bool shut[2] = { both && mg_keep_get(k->c, 0).shut,
			       both && mg_keep_get(k->c, 1).shut };
	/* The one that is heard, and does not hear, comes first. */
	const uint32_t first = shut[1] && !shut[0];
	char name[MG_NAME_MAX];

	if (!both)
		return;
	h248_put(&k->o, H248_TOPOLOGY, NULL);
	h248_open(&k->o);
	h248_put_name(&k->o, mg_term_name(k->m, k->c, first, name), NULL);
	h248_put_name(&k->o, mg_term_name(k->m, k->c, !first, name), NULL);
	h248_put(&k->o,
		 shut[0] && shut[1]   ? H248_ISOLATE
		 : shut[0] || shut[1] ? H248_ONEWAY
				      : H248_BOTHWAY,
		 NULL);
	h248_close(&k->o);
}
