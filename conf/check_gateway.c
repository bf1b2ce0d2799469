/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

/* Realms, who is in them, and the sizes of the gateway. */

static uint16_t realm_index(const struct config *c, const char *name)
{
	uint16_t i = 0;

	while (i < c->n_realm && strcmp(c->realm[i].name, name) != 0)
		i++;
	return i;
}

static bool check_realm(struct config_reader *r, struct config_realm *m)
{
	struct config *c = r->c;
	const struct config_realm *first = &c->realm[realm_index(c, m->name)];

	if (m != first)
		return config_fail_at(r, m->name, "%s is the realm in %s already", m->name,
				      config_place(r, first->name));
	m->domain_index = CONFIG_DOMAINS_MAX;
	m->domain_line = config_line(r, m->domain);
	return !m->domain[0] || config_domain_refer(r, m->domain, &m->domain_index);
}

static bool check_relay_realm(struct config_reader *r, struct config_relay *a)
{
	struct config *c = r->c;

	a->realm_index = CONFIG_REALMS_MAX;
	if (!a->realm[0])
		return a->turn ||
		       config_fail_at(r, &a->turn, "is false, and there is no realm: of no use");
	a->realm_index = realm_index(c, a->realm);
	return a->realm_index < c->n_realm ||
	       config_fail_at(r, a->realm, "%s is the name of no realm in realms", a->realm);
}

/* Controllers of H.248: what TLS needs, and what is of no use without. */
static void check_controllers(struct config_reader *r)
{
	const struct config_gateway *g = &r->c->gateway;
	const bool files = g->h248_certificate[0] && g->h248_key[0] && g->h248_ca[0];

	for (unsigned i = 0; i < g->n_h248_controller; i++) {
		const struct config_h248_controller *c = &g->h248_controller[i];

		if (c->transport == CONTROLLER_TLS && !files)
			config_fail_at(r, &c->transport,
				       "tls wants h248-certificate, h248-key and h248-ca");
		if (c->name[0] && c->transport != CONTROLLER_TLS)
			config_fail_at(r, c->name, "is of no use: its transport is not tls");
		if (ip_is_v4(&c->addr) != ip_is_v4(&g->h248_addr))
			config_fail_at(r, &c->addr, "is not of the family of h248-address");
	}
}

void config_check_gateway(struct config_reader *r)
{
	struct config *c = r->c;
	const struct config_gateway *g = &c->gateway;

	for (unsigned i = 0; i < c->n_realm; i++)
		check_realm(r, &c->realm[i]);
	for (unsigned i = 0; i < c->n_relay; i++)
		check_relay_realm(r, &c->relay[i]);
	if (g->contexts && c->n_realm == 0)
		config_fail_at(r, &g->contexts, "is %u, and there are no realms", g->contexts);
	if (!g->contexts && (g->ng_port || g->ng_websocket_port))
		config_fail_at(r, &g->contexts, "is 0, and ng is to be served");
	if (!g->contexts && g->n_h248_controller)
		config_fail_at(r, &g->contexts, "is 0, and there are gateway.h248-controllers");
	check_controllers(r);
}

void config_check_gateway_sizes(struct config_reader *r)
{
	const struct config *c = r->c;
	const struct config_gateway *g = &c->gateway;

	if (g->streams > g->contexts && g->contexts)
		config_fail_at(r, &g->streams, "%u is more than contexts, %u", g->streams,
			       g->contexts);
	if ((uint64_t)g->streams * 2 > c->tcp.connections && g->contexts)
		config_fail_at(r, &g->streams,
			       "%u take two connections each, tcp.connections are %u", g->streams,
			       c->tcp.connections);
}
