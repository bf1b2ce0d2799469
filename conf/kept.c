/* SPDX-License-Identifier: BSD-3-Clause */
#include "kept.h"
#include "vlan.h"

#include <stddef.h>
#include <stdlib.h>

/* A list whose entries keep their places. */
struct kept {
	const char *name;
	size_t off, size, count_off, gone_off;
	uint16_t max;
	bool (*same)(const void *a, const void *b);
};

static bool same_relay(const void *a, const void *b)
{
	return relay_same(a, b);
}

static bool same_realm(const void *a, const void *b)
{
	return strcmp(((const struct config_realm *)a)->name,
		      ((const struct config_realm *)b)->name) == 0;
}

static bool same_domain(const void *a, const void *b)
{
	return strcmp(((const struct config_domain *)a)->name,
		      ((const struct config_domain *)b)->name) == 0;
}

static bool same_port(const void *a, const void *b)
{
	return port_same(a, b);
}

#define KEPT(list, n, max_, entry)                                                         \
	.off = offsetof(struct config, list), .size = sizeof(struct entry),                \
	.count_off = offsetof(struct config, n), .gone_off = offsetof(struct entry, gone), \
	.max = max_

static const struct kept domains = { "tls-domains",
				     KEPT(domain, n_domain, CONFIG_DOMAINS_MAX, config_domain),
				     same_domain };
static const struct kept realms = { "realms", KEPT(realm, n_realm, CONFIG_REALMS_MAX, config_realm),
				    same_realm };
static const struct kept relays = { "relays", KEPT(relay, n_relay, CTL_RELAYS_MAX, config_relay),
				    same_relay };

static const struct kept ports = { "ports", KEPT(port, n_port, CTL_PORTS_MAX, config_port),
				   same_port };

static char *entry_of(const struct kept *k, struct config *c, uint16_t i)
{
	return (char *)c + k->off + k->size * i;
}

static uint16_t *count_of(const struct kept *k, struct config *c)
{
	return (uint16_t *)((char *)c + k->count_off);
}

/* The place of an entry among n; n: it has none yet. */
static uint16_t place_find(const struct kept *k, struct config *c, uint16_t n, const void *entry)
{
	uint16_t i = 0;

	while (i < n && !k->same(entry_of(k, c, i), entry))
		i++;
	return i;
}

/* Puts those of `from` into c, which has what runs. place: of each entry of the file. */
static bool places_make(const struct kept *k, struct config *c, struct config *from,
			uint16_t *place, char *err, size_t errlen)
{
	uint16_t *n = count_of(k, c);

	for (uint16_t i = 0; i < *n; i++)
		*(bool *)(entry_of(k, c, i) + k->gone_off) = true;
	for (uint16_t i = 0; i < *count_of(k, from); i++) {
		place[i] = place_find(k, c, *n, entry_of(k, from, i));
		if (place[i] == k->max) {
			snprintf(
			    err, errlen,
			    "%s[%u]: there were %u others already: it is added by a restart of "
			    "both processes",
			    k->name, i, k->max);
			return false;
		}
		*n += place[i] == *n;
		memcpy(entry_of(k, c, place[i]), entry_of(k, from, i), k->size);
	}
	return true;
}

static void places_copy(const struct kept *k, struct config *to, struct config *from)
{
	memcpy(entry_of(k, to, 0), entry_of(k, from, 0), k->size * k->max);
	*count_of(k, to) = *count_of(k, from);
}

/* An index in the file becomes a place; what is beyond the list stands for none, or all. */
static void index_keep(uint16_t *index, const uint16_t *place, uint16_t n)
{
	if (*index < n)
		*index = place[*index];
}

static void domain_indexes_keep(struct config *c, const uint16_t *place)
{
	const uint16_t n = c->n_domain;

	for (uint16_t i = 0; i < c->n_certificate; i++)
		index_keep(&c->certificate[i].domain_index, place, n);
	for (uint16_t i = 0; i < c->n_service; i++)
		index_keep(&c->service[i].domain_index, place, n);
	for (uint16_t i = 0; i < c->n_listener; i++)
		index_keep(&c->listener[i].domain_index, place, n);
	for (uint16_t i = 0; i < c->n_realm; i++)
		index_keep(&c->realm[i].domain_index, place, n);
}

/* What has an address, or is routed, is so by a port that is there. */
static void ports_leave(struct config *c)
{
	for (uint16_t i = 0; i < c->n_port; i++) {
		if (c->port[i].gone)
			c->port[i].n_addr = c->port[i].n_route = 0;
	}
}

static bool keep(const struct config *runs, struct config *c, struct config *work, char *err,
		 size_t errlen)
{
	uint16_t domain[CONFIG_DOMAINS_MAX], realm[CONFIG_REALMS_MAX], relay[CTL_RELAYS_MAX],
	    port[CTL_PORTS_MAX];

	memcpy(work, runs, sizeof(*work));
	if (!places_make(&domains, work, c, domain, err, errlen))
		return false;
	domain_indexes_keep(c, domain);
	if (!places_make(&realms, work, c, realm, err, errlen))
		return false;
	for (uint16_t i = 0; i < c->n_relay; i++)
		index_keep(&c->relay[i].realm_index, realm, c->n_realm);
	if (!places_make(&relays, work, c, relay, err, errlen))
		return false;
	if (!places_make(&ports, work, c, port, err, errlen) ||
	    !ports_stay(runs, work, err, errlen))
		return false;
	ports_leave(work);
	ports_share(work);
	places_copy(&domains, c, work);
	places_copy(&realms, c, work);
	places_copy(&relays, c, work);
	places_copy(&ports, c, work);
	return true;
}

bool config_places_keep(const struct config *runs, struct config *c, char *err, size_t errlen)
{
	struct config *work = malloc(sizeof(*work));
	bool ok = false;

	snprintf(err, errlen, "out of memory");
	if (work)
		ok = keep(runs, c, work, err, errlen);
	config_free(work);
	return ok;
}
