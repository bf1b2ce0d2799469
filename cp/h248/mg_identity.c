/* SPDX-License-Identifier: BSD-3-Clause */
/* What contexts and terminations are called; the same after a restart. */
#include "mg_priv.h"

#include "../../conf/kept.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

/* Worker, slot and a piece of the generation: 1 to 0xefffffff. */
enum { SLOT_BITS = 22, WORKER_BITS = 6, GENERATIONS = 14 };

uint32_t mg_context_number(const struct context *c)
{
	return ((c->cid.gen % GENERATIONS) << (SLOT_BITS + WORKER_BITS) | c->worker << SLOT_BITS |
		c->cid.slot) +
	       1;
}

struct context *mg_context_find(struct mg *m, uint32_t number)
{
	uint32_t n = number - 1;
	struct context *c;

	if (number == 0)
		return NULL;
	c = gate_at(m->g, n >> SLOT_BITS & ((1 << WORKER_BITS) - 1), n & ((1 << SLOT_BITS) - 1));
	return c && mg_context_number(c) == number ? c : NULL;
}

/* A realm's name with what a name of H.248 may have. */
static void put_realm(const struct config *c, uint32_t realm, char *to, size_t len)
{
	snprintf(to, len, "%s", c->realm[realm].name);
	for (; *to; to++) {
		if (!isalnum((unsigned char)*to))
			*to = '_';
	}
}

/* The number in a termination's name. */
static uint32_t port_number(const struct context_term *t)
{
	return (uint32_t)t->term.local.relay << 16 | be16_get(t->term.local.port);
}

const char *mg_term_name(const struct mg *m, const struct context *c, uint32_t side,
			 char name[MG_NAME_MAX])
{
	const struct context_term *t = &c->term[side];
	char realm[33];

	put_realm(m->s->conf, t->realm, realm, sizeof(realm));
	snprintf(name, MG_NAME_MAX, "ip/%s/%u", realm, port_number(t));
	return name;
}

bool mg_term_matches(struct h248_text pattern, const char *name)
{
	const char *star = pattern.len ? memchr(pattern.at, '*', pattern.len) : NULL;
	size_t before, behind, len = strlen(name);

	if (!star)
		return h248_is(pattern, name);
	before = (size_t)(star - pattern.at);
	behind = pattern.len - before - 1;
	return before + behind <= len && strncasecmp(name, pattern.at, before) == 0 &&
	       strncasecmp(name + len - behind, star + 1, behind) == 0;
}

struct context *mg_term_find(struct mg *m, struct h248_text wanted, uint32_t *side)
{
	const char *slash = memrchr(wanted.at, '/', wanted.len);
	uint32_t cursor = 0, look = UINT32_MAX;
	char name[MG_NAME_MAX];
	struct context *c;
	uint64_t n;

	*side = 0;
	if (!slash ||
	    !h248_number(
		(struct h248_text){ slash + 1, (uint32_t)(wanted.at + wanted.len - slash - 1) },
		UINT32_MAX, &n))
		return NULL;
	while ((c = gate_next(m->g, &cursor, &look))) {
		*side = port_number(&c->term[0]) != n;
		if (port_number(&c->term[*side]) == n && c->term[*side].term.transport != TERM_NONE)
			return h248_is(wanted, mg_term_name(m, c, *side, name)) ? c : NULL;
	}
	return NULL;
}

bool mg_realm_find(const struct config *c, struct h248_text name, uint16_t *realm)
{
	for (uint16_t i = 0; i < c->n_realm; i++) {
		char text[33];

		put_realm(c, i, text, sizeof(text));
		if (realm_is_there(c, i) &&
		    (h248_is(name, text) || h248_is(name, c->realm[i].name))) {
			*realm = i;
			return true;
		}
	}
	return false;
}
