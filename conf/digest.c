/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"
#include "vlan.h"
#include "../lib/siphash.h"

#include <stdlib.h>

/*
 * What both processes must agree on, as text: a line a thing, with the key it comes from before the
 * colon. The key of its hash is fixed: the digest finds two different files, it does not stand
 * against an attacker.
 */

/*
 * Of a device that with the lowest tag stands for all: others come and go while both run, and which
 * of them is the first says the order of the file, which each process may have read at another
 * time.
 */
static bool stands_for_device(const struct config *c, const struct config_port *p)
{
	for (const struct config_port *q = c->port; q < c->port + c->n_port; q++) {
		if (!q->gone && q->vlan < p->vlan && ports_are_of_one_device(p, q))
			return false;
	}
	return true;
}

/* By name: places are each process' own. */
static const struct config_port *port_after(const struct config *c, const struct config_port *last)
{
	const struct config_port *next = NULL;

	for (const struct config_port *p = c->port; p < c->port + c->n_port; p++) {
		if (!p->gone && (!last || strcmp(p->name, last->name) > 0) &&
		    (!next || strcmp(p->name, next->name) < 0))
			next = p;
	}
	return next;
}

static void put_ports(const struct config *c, FILE *f)
{
	const struct config_port *p = NULL;

	while ((p = port_after(c, p)) != NULL)
		if (stands_for_device(c, p))
			fprintf(f, "ports: %s %s %u %u\n", p->name, p->device, p->mtu, p->vlan);
}

static void put_gateway(const struct config *c, FILE *f)
{
	fprintf(f, "gateway.contexts: %u\ngateway.streams: %u\n", c->gateway.contexts,
		c->gateway.streams);
}

static void put_ipsec(const struct config *c, FILE *f)
{
	const struct config_ipsec *i = &c->ipsec;
	char text[ADDR_STR_MAX];

	if (!i->n_addr)
		return;
	fprintf(f, "ipsec: %u %u %u %u %u\n", i->udp_port, i->server_port, i->client_port,
		i->phones, i->sip_port);
	for (uint16_t k = 0; k < i->n_addr; k++)
		fprintf(f, "ipsec.addresses: %s\n", ip_format(&i->addr[k], text, sizeof(text)));
}

char *config_agreed(const struct config *c)
{
	const struct config_dataplane *d = &c->dataplane;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return NULL;
	fprintf(f, "dataplane.workers:");
	for (unsigned i = 0; i < d->n_workers; i++)
		fprintf(f, " %u", d->workers[i]);
	fprintf(f, "\ndataplane.sessions: %u\ndataplane.peers: %u\ndataplane.ring-slots: %u\n",
		d->sessions, d->peers, d->ring_slots);
	fprintf(f, "tcp.connections: %u\n", c->tcp.connections);
	/* Clients are told the one, keys change by the other. */
	fprintf(f, "tls.ticket-lifetime: %u\n", c->tls.ticket_lifetime);
	put_ports(c, f);
	put_gateway(c, f);
	put_ipsec(c, f);
	fclose(f);
	return text;
}

uint64_t config_agreed_digest(const char *text)
{
	static const struct siphash_key key = { { UINT64_C(0x6c7261696c656164),
						  UINT64_C(0x636f6e6669670001) } };

	return siphash(&key, text, strlen(text));
}

uint64_t config_digest(const struct config *c)
{
	char *text = config_agreed(c);
	uint64_t digest = text ? config_agreed_digest(text) : 0;

	free(text);
	return digest;
}
