/* SPDX-License-Identifier: BSD-3-Clause */
#include "schema.h"

/* What associations with phones are at, and what stands beside them there. */

static bool has_listener(const struct config *c, const struct ip_addr *a, uint16_t port, bool udp)
{
	for (unsigned i = 0; i < c->n_listener; i++) {
		const struct config_listener *l = &c->listener[i];

		if (ip_eq(&l->addr.ip, a) && be16_get(l->addr.port) == port &&
		    config_is_udp(l->transport) == udp)
			return true;
	}
	return false;
}

static bool check_addr(struct config_reader *r, struct ip_addr *a)
{
	const struct config *c = r->c;
	const struct config_ipsec *i = &c->ipsec;
	char text[ADDR_STR_MAX];

	ip_format(a, text, sizeof(text));
	if (!config_own_addr(c, a))
		return config_fail_at(r, a, "%s is the address of no port", text);
	for (const struct ip_addr *b = i->addr; b < a; b++)
		if (ip_eq(a, b))
			return config_fail_at(r, a, "%s is there twice", text);
	if (has_listener(c, a, i->udp_port, true))
		return config_fail_at(r, a, "%s has a listener at ipsec.udp-port, %u", text,
				      i->udp_port);
	return true;
}

/* Its ports would be reached by ESP alone, or taken for ESP. */
static void check_relay(struct config_reader *r, struct config_relay *a)
{
	const struct config_ipsec *i = &r->c->ipsec;
	const uint16_t port[] = { i->udp_port, i->server_port, i->client_port };

	for (uint16_t k = 0; k < i->n_addr; k++)
		for (unsigned p = 0; p < sizeof(port) / sizeof(port[0]); p++)
			if (ip_eq(&i->addr[k], &a->addr) && port[p] >= a->port_min &&
			    port[p] <= a->port_max)
				config_fail_at(r, &a->addr,
					       "its ports include %u, which is ipsec's", port[p]);
}

/* Ports that phones' SIP goes on from are nobody else's, whatever the address. */
static void check_sip(struct config_reader *r)
{
	const struct config *c = r->c;
	const struct config_ipsec *i = &c->ipsec;
	const uint32_t n = c->dataplane.n_workers * i->phones, last = i->sip_port + n - 1;
	const uint16_t *const own[] = { &i->udp_port, &i->server_port, &i->client_port };

	if (!i->sip_port || !i->n_addr)
		return;
	if (last > UINT16_MAX || i->sip_port < 1024) {
		config_fail_at(r, &i->sip_port,
			       "from %u on there are no %u ports, one a phone and worker, between "
			       "1024 and 65535",
			       i->sip_port, n);
		return;
	}
	for (uint16_t k = 0; k < c->n_relay; k++)
		if (c->relay[k].port_min <= last && c->relay[k].port_max >= i->sip_port)
			config_fail_at(r, &c->relay[k].addr,
				       "its ports include some of %u to %u, which are "
				       "ipsec.sip-port's",
				       i->sip_port, last);
	for (uint16_t k = 0; k < c->n_listener; k++) {
		const uint16_t port = be16_get(c->listener[k].addr.port);

		if (config_is_udp(c->listener[k].transport) && port >= i->sip_port && port <= last)
			config_fail_at(r, &c->listener[k].addr,
				       "%u is of %u to %u, which are ipsec.sip-port's", port,
				       i->sip_port, last);
	}
	for (unsigned k = 0; k < sizeof(own) / sizeof(own[0]); k++)
		if (*own[k] >= i->sip_port && *own[k] <= last)
			config_fail_at(r, own[k], "%u is of %u to %u, which are ipsec.sip-port's",
				       *own[k], i->sip_port, last);
}

void config_check_ipsec(struct config_reader *r)
{
	struct config_ipsec *i = &r->c->ipsec;

	for (uint16_t k = 0; k < i->n_addr; k++)
		check_addr(r, &i->addr[k]);
	for (uint16_t k = 0; k < r->c->n_relay; k++)
		check_relay(r, &r->c->relay[k]);
	check_sip(r);
	if (i->server_port == i->client_port)
		config_fail_at(r, &i->client_port, "%u is ipsec.server-port as well",
			       i->client_port);
}
