/* SPDX-License-Identifier: BSD-3-Clause */
#include "dplane.h"

#include <stdio.h>
#include <sys/random.h>

static void local_v4_add(struct dplane *dp, const struct ip_addr *ip, uint16_t i)
{
	uint32_t word, h;

	memcpy(&word, ip->b + 12, 4);
	h = local_v4_hash(word);
	while (dp->local_v4[h].idx != LOCAL_NONE)
		h = (h + 1) & (LOCAL_TABLE - 1);
	dp->local_v4[h] = (struct local_v4){ word, i };
}

static struct local_addr *local_add(struct dplane *dp, const struct ip_addr *ip, uint16_t port)
{
	uint32_t h = local_hash(ip);
	uint16_t i;

	while ((i = dp->local_slot[h]) != LOCAL_NONE) {
		if (ip_eq(&dp->local[i].ip, ip))
			return &dp->local[i];
		h = (h + 1) & (LOCAL_TABLE - 1);
	}
	i = dp->n_local++;
	dp->local_slot[h] = i;
	dp->local[i] = (struct local_addr){
		.ip = *ip, .port = port, .relay = CTL_RELAY_NONE, .realm = CONFIG_REALMS_MAX
	};
	if (ip_is_v4(ip))
		local_v4_add(dp, ip, i);
	return &dp->local[i];
}

static _Atomic uint16_t *listener_chain(struct dplane *dp, uint16_t i)
{
	const bool udp = config_is_udp(dp->listener_transport[i]);

	return (udp ? dp->udp_listener : dp->tcp_listener) + be16_get(dp->listener[i].port);
}

/* Who walks a chain meanwhile, and stands on one that comes back, sees all behind it again. */
static void listener_open(struct dplane *dp, uint16_t i, const struct listener_place *l)
{
	_Atomic uint16_t *first;

	if (i == dp->n_listener) {
		dp->listener[i] = l->addr;
		dp->listener_transport[i] = (uint8_t)l->transport;
		dp->n_listener++;
	}
	first = listener_chain(dp, i);
	atomic_store_explicit(&dp->listener_next[i],
			      atomic_load_explicit(first, memory_order_relaxed),
			      memory_order_relaxed);
	atomic_store_explicit(&dp->listener_open[i], true, memory_order_release);
	atomic_store_explicit(first, i, memory_order_release);
}

/* It still leads on whoever has found it. */
static void listener_close(struct dplane *dp, uint16_t i)
{
	_Atomic uint16_t *at = listener_chain(dp, i);
	uint16_t k;

	while ((k = atomic_load_explicit(at, memory_order_relaxed)) != i)
		at = &dp->listener_next[k];
	atomic_store_explicit(at, atomic_load_explicit(&dp->listener_next[i], memory_order_relaxed),
			      memory_order_release);
	atomic_store_explicit(&dp->listener_open[i], false, memory_order_release);
}

/* What is new first: where only the transport is another, there is no moment without either. */
void dplane_listeners_set(struct dplane *dp, const struct config *c)
{
	for (uint16_t i = 0; i < listener_places(c); i++) {
		const struct listener_place l = listener_place(c, i);

		if (listener_is_there(c, i) && !dplane_has_listener(dp, i))
			listener_open(dp, i, &l);
	}
	for (uint16_t i = 0; i < listener_places(c); i++) {
		if (!listener_is_there(c, i) && dplane_has_listener(dp, i))
			listener_close(dp, i);
	}
}

static void listeners_init(struct dplane *dp)
{
	dp->n_listener = 0;
	for (uint32_t port = 0; port < 65536; port++) {
		atomic_init(&dp->udp_listener[port], LOCAL_NONE);
		atomic_init(&dp->tcp_listener[port], LOCAL_NONE);
	}
	for (uint16_t i = 0; i < CTL_PLACES_MAX; i++)
		atomic_init(&dp->listener_open[i], false);
	dplane_listeners_set(dp, dp->conf);
}

static bool listens_within(const struct config *c, const struct config_relay *r)
{
	uint16_t i;

	for (i = 0; i < c->n_listener; i++) {
		uint16_t port = be16_get(c->listener[i].addr.port);

		if (config_is_udp(c->listener[i].transport) && port >= r->port_min &&
		    port <= r->port_max && ip_eq(&c->listener[i].addr.ip, &r->addr))
			return true;
	}
	return false;
}

/* Relay addresses may be given more than once with other ports: the table keeps one range. */
static bool relays_init(struct dplane *dp, char *err, size_t errlen)
{
	const struct config *c = dp->conf;
	char text[ADDR_STR_MAX];
	uint16_t i;

	for (i = 0; i < c->n_relay; i++) {
		struct local_addr *l = (struct local_addr *)dplane_local(dp, &c->relay[i].addr);

		if (!l || l->relay != CTL_RELAY_NONE) {
			snprintf(err, errlen, "%s: relays[%u].address: %s %s", c->file, i,
				 ip_format(&c->relay[i].addr, text, sizeof(text)),
				 l ? "stands twice" : "is not an address of any port");
			return false;
		}
		l->relay = i;
		l->realm = c->relay[i].realm_index;
		l->relay_min = c->relay[i].port_min;
		l->relay_max = c->relay[i].port_max;
		l->listeners = listens_within(c, &c->relay[i]);
	}
	return true;
}

static struct deal deal_make(uint16_t n, uint16_t first, uint32_t base)
{
	return (struct deal){ .inverse = 65536u / n + 1,
			      .ports = (RELAY_DEAL + n - 1u) / n * 2,
			      .base = base,
			      .n = n,
			      .first = first };
}

static uint32_t deal_places(const struct deal *d)
{
	return 65536 / (2 * RELAY_DEAL) * d->ports;
}

/* Tables are of one size, and begin with what is dealt out to all. */
static void deals_init(struct dplane *dp)
{
	const struct config *c = dp->conf;
	uint32_t end[CTL_WORKERS_MAX];
	uint16_t i;

	dp->deal = deal_make(dp->n_workers, 0, 0);
	dp->places = 0;
	for (i = 0; i < c->n_relay; i++) {
		if (c->relay[i].owner)
			continue;
		dp->relay_deal[i] = deal_make(dp->n_workers, 0, dp->places);
		dp->places += deal_places(&dp->deal);
	}
	for (i = 0; i < dp->n_workers; i++)
		end[i] = dp->places;
	for (i = 0; i < c->n_relay; i++) {
		struct deal *d = &dp->relay_deal[i];
		uint16_t w = c->relay[i].owner - 1;

		if (!c->relay[i].owner)
			continue;
		*d = deal_make(1, w, end[w]);
		end[w] += deal_places(d);
		dp->places = RTE_MAX(dp->places, end[w]);
	}
}

bool dplane_init(struct dplane *dp, const struct config *conf, char *err, size_t errlen)
{
	uint32_t i, j;

	dp->conf = conf;
	dp->n_workers = conf->dataplane.n_workers;
	memset(dp->local_slot, 0xff, sizeof(dp->local_slot));
	for (i = 0; i < LOCAL_TABLE; i++)
		dp->local_v4[i].idx = LOCAL_NONE;
	for (i = 0; i < conf->n_port; i++)
		for (j = 0; j < conf->port[i].n_addr; j++)
			local_add(dp, &conf->port[i].addr[j].ip, (uint16_t)i);
	listeners_init(dp);
	if (!relays_init(dp, err, errlen))
		return false;
	deals_init(dp);
	if (getrandom(dp->hash_key, sizeof(dp->hash_key), 0) != sizeof(dp->hash_key)) {
		snprintf(err, errlen, "the system gives no random numbers: %m");
		return false;
	}
	return true;
}

void dplane_add_link_local(struct dplane *dp, struct port *port)
{
	const uint8_t *m = port->mac.addr_bytes;

	/*
	 * RFC 4291 appendix A: modified EUI-64. Ports of one device have one MAC and need an
	 * address each, since an address is of one port: the VLAN stands where ff:fe does.
	 */
	port->link_local = (struct ip_addr){ { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2],
					       0xff, 0xfe, m[3], m[4], m[5] } };
	if (port->conf->shares)
		memcpy(port->link_local.b + 11, be16_make(port->vlan).b, 2);
	local_add(dp, &port->link_local, port->idx);
}
