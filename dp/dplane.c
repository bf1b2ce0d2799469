/* SPDX-License-Identifier: BSD-3-Clause */
#include "dplane.h"
#include "../conf/kept.h"

#include <stdio.h>
#include <sys/random.h>

/* ---- addresses ---- */

static uint32_t v4_word(const struct ip_addr *ip)
{
	uint32_t word;

	memcpy(&word, ip->b + 12, 4);
	return word;
}

/* Who looks meanwhile finds the address, or does not; never another. */
static void local_v4_add(struct dplane *dp, const struct ip_addr *ip, uint16_t i)
{
	const uint32_t word = v4_word(ip);
	uint32_t h = local_v4_hash(word);

	while (dp->local_v4[h].idx != LOCAL_NONE && dp->local_v4[h].idx != LOCAL_DEAD)
		h = (h + 1) & (LOCAL_TABLE - 1);
	atomic_store_explicit(&dp->local_v4[h].ip, word, memory_order_relaxed);
	atomic_store_explicit(&dp->local_v4[h].idx, i, memory_order_release);
}

/* In the order of local_v4_add(): the word of one that is gone leads to nobody's address. */
static void local_v4_del(struct dplane *dp, uint16_t i)
{
	uint32_t h = local_v4_hash(v4_word(&dp->local[i].ip));

	while (dp->local_v4[h].idx != i)
		h = (h + 1) & (LOCAL_TABLE - 1);
	atomic_store_explicit(&dp->local_v4[h].idx, LOCAL_DEAD, memory_order_release);
	atomic_store_explicit(&dp->local_v4[h].ip, 0, memory_order_relaxed);
}

/* The entry of an address that is, or was, ours; n_local: it never was. */
static uint16_t local_find(const struct dplane *dp, const struct ip_addr *ip)
{
	uint16_t i = 0;

	while (i < dp->n_local && !ip_eq(&dp->local[i].ip, ip))
		i++;
	return i;
}

static void local_slot_add(struct dplane *dp, uint16_t i)
{
	uint32_t h = local_hash(&dp->local[i].ip);

	while (dp->local_slot[h] != LOCAL_NONE && dp->local_slot[h] != LOCAL_DEAD)
		h = (h + 1) & (LOCAL_TABLE - 1);
	atomic_store_explicit(&dp->local_slot[h], i, memory_order_release);
	if (ip_is_v4(&dp->local[i].ip))
		local_v4_add(dp, &dp->local[i].ip, i);
}

/* Of the start's configuration: no reload changes it. */
static bool has_ipsec(const struct dplane *dp, const struct ip_addr *ip)
{
	const struct config_ipsec *c = &dp->conf->ipsec;

	for (uint16_t i = 0; i < c->n_addr; i++) {
		if (ip_eq(&c->addr[i], ip))
			return true;
	}
	return false;
}

/* True: it was not there, or on another link. */
static bool local_add(struct dplane *dp, const struct ip_addr *ip, uint16_t port)
{
	const uint16_t i = local_find(dp, ip);
	struct local_addr *l = &dp->local[i];
	const bool moves = i < dp->n_local && l->port != port;

	if (i == dp->n_local) {
		l->ip = *ip;
		l->port = port;
		l->relay = CTL_RELAY_NONE;
		l->realm = CONFIG_REALMS_MAX;
		l->there = false;
		l->ipsec = has_ipsec(dp, ip);
		l->begun = 0;
		dp->n_local++;
	}
	l->port = port;
	l->short_port = l->ipsec ? LOCAL_NONE : port; /* what comes is judged by rx_parse.c */
	if (l->there)
		return moves;
	l->there = true;
	local_slot_add(dp, i);
	return true;
}

static void local_del(struct dplane *dp, uint16_t i)
{
	struct local_addr *l = &dp->local[i];
	uint32_t h = local_hash(&l->ip);

	while (dp->local_slot[h] != i)
		h = (h + 1) & (LOCAL_TABLE - 1);
	atomic_store_explicit(&dp->local_slot[h], LOCAL_DEAD, memory_order_release);
	if (ip_is_v4(&l->ip))
		local_v4_del(dp, i);
	l->there = false;
}

/* Made of the MAC, and the port's as long as it is there. */
static bool is_link_local_of(const struct dplane *dp, const struct local_addr *l)
{
	const struct port *p = &dp->port[l->port];

	return ip_is_link_local(&l->ip) && !port_is_gone(p) && ip_eq(&p->link_local, &l->ip);
}

bool dplane_addrs_fit(const struct dplane *dp, const struct config *c, char *err, size_t errlen)
{
	uint32_t n = dp->n_local;

	for (uint16_t i = 0; i < c->n_port; i++) {
		n += i >= dp->n_ports && c->port[i].shares; /* a link-local one each */
		for (uint16_t k = 0; k < c->port[i].n_addr; k++)
			n += local_find(dp, &c->port[i].addr[k].ip) == dp->n_local;
	}
	if (n > LOCAL_MOST)
		snprintf(
		    err, errlen,
		    "ports: reloads have brought %u addresses so far, and there is room for no "
		    "more: fairlead-dp and fairlead-cp are restarted for others",
		    dp->n_local);
	return n <= LOCAL_MOST;
}

/* What is new first: one that another port has from now on is never nobody's. */
void dplane_addrs_set(struct dplane *dp, const struct config *c)
{
	for (uint16_t i = 0; i < c->n_port; i++) {
		for (uint16_t k = 0; k < c->port[i].n_addr; k++) {
			const struct ip_addr *ip = &c->port[i].addr[k].ip;

			if (local_add(dp, ip, i))
				dp->local[local_find(dp, ip)].begun++;
		}
	}
	for (uint16_t i = 0; i < dp->n_local; i++) {
		const struct local_addr *l = &dp->local[i];

		if (l->there && !config_own_addr(c, &l->ip) && !is_link_local_of(dp, l))
			local_del(dp, i);
	}
}

/* ---- listeners ---- */

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

/* What lives at an address is another relay, or none: no moment with a mixture of two. */
static void local_relay_set(struct local_addr *l, const struct config *c, uint16_t relay)
{
	const struct config_relay *r;

	if (local_relay(l) != relay)
		atomic_store_explicit(&l->relay, CTL_RELAY_NONE, memory_order_release);
	if (relay == CTL_RELAY_NONE)
		return;
	r = &c->relay[relay];
	atomic_store_explicit(&l->realm, r->realm_index, memory_order_relaxed);
	atomic_store_explicit(&l->relay_min, r->port_min, memory_order_relaxed);
	atomic_store_explicit(&l->relay_max, r->port_max, memory_order_relaxed);
	atomic_store_explicit(&l->listeners, listens_within(c, r), memory_order_relaxed);
	atomic_store_explicit(&l->relay, relay, memory_order_release);
}

void dplane_relays_set(struct dplane *dp, const struct config *c)
{
	for (uint16_t i = 0; i < dp->n_local; i++) {
		const uint16_t relay = relay_at_address(c, &dp->local[i].ip);

		local_relay_set(&dp->local[i], c, relay < c->n_relay ? relay : CTL_RELAY_NONE);
	}
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

/* Rows of what is dealt out begin at one place for all workers, those of one worker's at its own.
 */
static bool relay_deal_add(struct dplane *dp, const struct config_relay *r)
{
	struct deal *d = &dp->relay_deal[dp->n_relay];
	const uint16_t first = r->owner ? r->owner - 1 : 0, n = r->owner ? 1 : dp->n_workers;
	uint32_t base = 0, end;

	for (uint16_t w = first; w < first + n; w++)
		base = RTE_MAX(base, dp->deal_end[w]);
	*d = deal_make(n, first, base);
	end = base + deal_places(d);
	if (end > dp->places)
		return false;
	for (uint16_t w = first; w < first + n; w++)
		dp->deal_end[w] = end;
	dp->relay_addr[dp->n_relay++] = r->addr;
	return true;
}

void dplane_relays_add(struct dplane *dp, const struct config *c)
{
	while (dp->n_relay < c->n_relay && relay_deal_add(dp, &c->relay[dp->n_relay]))
		;
}

/* Rows that are no relay's yet mean nothing to anybody. */
bool dplane_relays_fit(struct dplane *dp, const struct config *c, char *err, size_t errlen)
{
	const uint16_t had = dp->n_relay;
	uint32_t end[CTL_WORKERS_MAX];
	bool fit;

	memcpy(end, dp->deal_end, sizeof(end));
	dplane_relays_add(dp, c);
	fit = dp->n_relay == c->n_relay;
	dp->n_relay = had;
	memcpy(dp->deal_end, end, sizeof(end));
	if (!fit)
		snprintf(err, errlen,
			 "relays: reloads have added as many as there is room for: fairlead-dp and "
			 "fairlead-cp are restarted for more");
	return fit;
}

/*
 * Tables are of one size, begin with what is dealt out to all, and have room for what reloads may
 * add (conf/footprint.c).
 */
static void deals_init(struct dplane *dp)
{
	const struct config *c = dp->conf;
	uint32_t end[CTL_WORKERS_MAX] = { 0 }, dealt = 0, most = 0, row;
	uint16_t i;

	dp->deal = deal_make(dp->n_workers, 0, 0);
	row = deal_places(&dp->deal);
	for (i = 0; i < c->n_relay; i++) {
		const struct config_relay *r = &c->relay[i];
		uint32_t *at = r->owner ? &end[r->owner - 1] : &dealt;

		dp->relay_deal[i] =
		    deal_make(r->owner ? 1 : dp->n_workers, r->owner ? r->owner - 1 : 0, *at);
		dp->relay_addr[i] = r->addr;
		*at += deal_places(&dp->relay_deal[i]);
	}
	for (i = 0; i < c->n_relay; i++) {
		if (c->relay[i].owner)
			dp->relay_deal[i].base += dealt;
	}
	for (i = 0; i < dp->n_workers; i++) {
		dp->deal_end[i] = dealt + end[i];
		most = RTE_MAX(most, end[i]);
	}
	dp->n_relay = c->n_relay;
	dp->places = dealt + most;
	if (c->n_relay)
		dp->places += CONFIG_RELAYS_SPARE * (most ? 65536 : row);
}

bool dplane_init(struct dplane *dp, const struct config *conf, char *err, size_t errlen)
{
	uint32_t i;

	dp->conf = conf;
	dp->n_workers = conf->dataplane.n_workers;
	if (getrandom(dp->hash_key, sizeof(dp->hash_key), 0) != sizeof(dp->hash_key)) {
		snprintf(err, errlen, "the system gives no random numbers: %m");
		return false;
	}
	if (getrandom(&dp->local[LOCAL_DEAD].ip, sizeof(struct ip_addr), 0) < 0)
		return false;
	dp->local[LOCAL_DEAD].relay = CTL_RELAY_NONE;
	dp->local[LOCAL_DEAD].port = LOCAL_NONE;
	dp->n_local = 0;
	for (i = 0; i < LOCAL_TABLE; i++) {
		dp->local_slot[i] = LOCAL_NONE;
		dp->local_v4[i].idx = LOCAL_NONE;
	}
	dplane_addrs_set(dp, conf);
	for (i = 0; i < dp->n_local; i++) /* the link's coming up begins them */
		dp->local[i].begun = 0;
	listeners_init(dp);
	deals_init(dp);
	dplane_relays_set(dp, conf);
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
