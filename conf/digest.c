/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"
#include "../lib/siphash.h"

#include <stdlib.h>

/*
 * What both processes must agree on, as text, hashed. The key is fixed: the digest finds two
 * different files, it does not stand against an attacker.
 */

static void put_ports(const struct config *c, FILE *f)
{
	char text[ADDR_STR_MAX];

	for (const struct config_port *p = c->port; p < c->port + c->n_port; p++) {
		fprintf(f, "port %s %s %u %u\n", p->name, p->device, p->mtu, p->vlan);
		for (unsigned i = 0; i < p->n_addr; i++)
			fprintf(f, "address %s\n",
				ip_prefix_format(&p->addr[i], text, sizeof(text)));
	}
}

static void put_transport(const struct config *c, FILE *f)
{
	char text[ADDR_STR_MAX];

	for (unsigned i = 0; i < c->n_listener; i++)
		fprintf(f, "listener %s %u\n",
			sock_addr_format(&c->listener[i].addr, text, sizeof(text)),
			c->listener[i].transport);
	for (const struct config_domain *d = c->domain; d < c->domain + c->n_domain; d++)
		fprintf(f, "domain %s\n", d->name);
	for (unsigned i = 0; i < c->n_certificate; i++)
		fprintf(f, "certificate %u %s\n", c->certificate[i].domain_index,
			c->certificate[i].chain);
	for (unsigned i = 0; i < c->n_service; i++)
		fprintf(f, "service %s\n", c->service[i].name);
	for (const struct config_relay *r = c->relay; r < c->relay + c->n_relay; r++)
		fprintf(f, "relay %s %u %u\n", ip_format(&r->addr, text, sizeof(text)), r->port_min,
			r->port_max);
	fprintf(f, "contexts %u %u\n", c->gateway.contexts, c->gateway.streams);
}

uint64_t config_digest(const struct config *c)
{
	static const struct siphash_key key = { { UINT64_C(0x6c7261696c656164),
						  UINT64_C(0x636f6e6669670001) } };
	const struct config_dataplane *d = &c->dataplane;
	char *text = NULL;
	size_t len = 0;
	uint64_t digest;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return 0;
	fprintf(f, "workers");
	for (unsigned i = 0; i < d->n_workers; i++)
		fprintf(f, " %u", d->workers[i]);
	fprintf(f, "\nsizes %u %u %u %u\n", d->sessions, d->peers, d->ring_slots,
		c->tcp.connections);
	/* Clients are told the one, keys change by the other. */
	fprintf(f, "ticket-lifetime %u\n", c->tls.ticket_lifetime);
	put_ports(c, f);
	put_transport(c, f);
	fclose(f);
	digest = siphash(&key, text, len);
	free(text);
	return digest;
}
