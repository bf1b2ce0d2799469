/* SPDX-License-Identifier: BSD-3-Clause */
#include "neigh.h"
#include "ip.h"
#include "net.h"
#include "../rate.h"
#include "../tx.h"
#include "../../lib/bug.h"

#include <rte_errno.h>
#include <rte_jhash.h>
#include <rte_malloc.h>
#include <rte_random.h>

enum {
	EVICT_SCAN = 64,    /* entries looked at for one that can go */
	EVICT_ASKERS = 256, /* counts of how many of these each row of askers wants */
	RETRY_DUE_MS =
	    NEIGH_RETRY_MS - NEIGH_TICK_MS, /* a look comes once a second, give or take */
};

struct neigh_key {
	struct ip_addr ip;
	uint16_t port;
	uint16_t zero;
};

struct neigh_table {
	struct neigh *entry;
	struct rte_hash *hash;
	struct rte_mbuf **wait; /* [max][wait_max] */
	uint16_t *free;		/* stack of free entries */
	uint32_t max, wait_max, n_free, held;
	uint32_t evict_at, tick_at;
	uint32_t down;	    /* ports without a link at the last look, a bit each */
	uint32_t renew;	    /* entries whose cached next hops are to look for their way again */
	uint32_t asks_left; /* of NEIGH_ASKS, as it was at */
	uint64_t asked_ms;
	struct meter_rate row_rate;
	struct meter row[NEIGH_ROWS]; /* what askers have left, see neigh_wanted() */
};

struct neigh_table *neigh_create(uint32_t max, uint32_t wait, const char *name, int socket)
{
	struct rte_hash_parameters p = { .name = name,
					 .entries = RTE_MAX(max, 64u),
					 .socket_id = socket,
					 .key_len = sizeof(struct neigh_key),
					 .hash_func = rte_jhash,
					 .hash_func_init_val = (uint32_t)rte_rand(),
					 .extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE };
	struct neigh_table *t = rte_zmalloc_socket("neigh", sizeof(*t), 64, socket);
	uint32_t i;

	if (!t)
		return NULL;
	t->asks_left = NEIGH_ASKS;
	t->row_rate = meter_rate_make(NEIGH_ROW_ASKS, 0, NEIGH_ROW_BURST_MS);
	t->max = RTE_MIN(max, (uint32_t)NEIGH_MAX);
	t->wait_max = wait;
	t->hash = rte_hash_create(&p);
	t->entry =
	    rte_zmalloc_socket("neigh", sizeof(*t->entry) * (t->max + CTL_PORTS_MAX), 64, socket);
	t->wait =
	    rte_zmalloc_socket("neigh", sizeof(*t->wait) * t->max * RTE_MAX(wait, 1u), 64, socket);
	t->free = rte_zmalloc_socket("neigh", sizeof(*t->free) * t->max, 64, socket);
	if (!t->hash || !t->entry || !t->wait || !t->free) {
		neigh_free(NULL, t);
		return NULL;
	}
	for (i = 0; i < t->max + CTL_PORTS_MAX; i++) {
		t->entry[i].gen = 1;
		t->entry[i].open = NEIGH_SHUT;
	}
	for (i = 0; i < t->max; i++)
		t->free[t->n_free++] = (uint16_t)(t->max - 1 - i);
	return t;
}

struct neigh *neigh_entries(struct neigh_table *t)
{
	return t->entry;
}

struct neigh *neigh_gates(struct neigh_table *t)
{
	return t->entry + t->max;
}

uint32_t neigh_held(const struct neigh_table *t)
{
	return t->held;
}

uint32_t neigh_count(const struct neigh_table *t)
{
	return t->max - t->n_free;
}

static uint32_t neigh_index(const struct neigh_table *t, const struct neigh *n)
{
	return (uint32_t)(n - t->entry);
}

static struct neigh_key neigh_key(const struct ip_addr *ip, uint16_t port)
{
	return (struct neigh_key){ .ip = *ip, .port = port };
}

/* ---- packets that wait ---- */

/* What waited goes out (reason DROP_NONE) or is dropped. */
static void wait_flush(struct worker *w, struct neigh_table *t, struct neigh *n, enum drop reason)
{
	struct rte_mbuf **q = &t->wait[(size_t)neigh_index(t, n) * t->wait_max];
	uint16_t i, k = n->n_wait;

	n->n_wait = 0;
	WARN_ON(k > t->wait_max || t->held < k);
	t->held -= k;
	for (i = 0; i < k; i++) {
		if (reason == DROP_NONE)
			neigh_send(w, n, q[i]);
		else
			pkt_drop(w, q[i], reason);
	}
}

static void wait_add(struct worker *w, struct neigh *n, struct rte_mbuf *m)
{
	struct neigh_table *t = w->net->neigh;

	struct rte_mbuf **q = &t->wait[(size_t)neigh_index(t, n) * t->wait_max];

	if (n->n_wait == 0 && (t->wait_max == 0 || t->held >= CONFIG_WAITING_MAX)) {
		pkt_drop(w, m, DROP_NEIGH_QUEUE);
		return;
	}
	/* The oldest makes room for the newest (RFC 4861 7.2.2). */
	if (n->n_wait >= t->wait_max || t->held >= CONFIG_WAITING_MAX) {
		pkt_drop(w, q[0], DROP_NEIGH_QUEUE);
		t->held--;
		memmove(q, q + 1, --n->n_wait * sizeof(*q));
	}
	q[n->n_wait++] = m;
	t->held++;
}

/* ---- entries ---- */

static void neigh_state_set(struct worker *w, struct neigh *n, enum neigh_state s)
{
	n->state = (uint8_t)s;
	n->since_ms = w->now_ms;
	n->probes = 0;
	n->open = neigh_has_mac(n) && w->id < w->dp->port[n->port].tx_queues ? n->gen : NEIGH_SHUT;
}

_Static_assert(NEIGH_ASKS == 1000, "one a millisecond: no division");
_Static_assert(NEIGH_ROWS == 1 << 10, "rows are the upper bits of a hash: neigh_wanted()");

/*
 * Whoever makes us send to all addresses of a subnet makes us ask its hosts for each (RFC 6583 5):
 * so much of that, and the rest later. Known neighbours are asked by unicast, as often as they
 * need, or a scan would have us forget them; and what an asker wants has a share that no scan can
 * use up.
 */
static bool ask_allowed(struct worker *w, const struct neigh *n)
{
	struct neigh_table *t = w->net->neigh;

	if (n->state == NEIGH_STALE ||
	    (n->asker && meter_take(&t->row[n->asker - 1], &t->row_rate, w->now_us, 0)))
		return true;
	t->asks_left =
	    (uint32_t)RTE_MIN(t->asks_left + (w->now_ms - t->asked_ms), (uint64_t)NEIGH_ASKS);
	t->asked_ms = w->now_ms;
	if (!t->asks_left) {
		count(w, CNT_NEIGH_PUT_OFF);
		return false;
	}
	t->asks_left--;
	return true;
}

/* Asks for n: by broadcast or multicast, or straight to the address it had. */
static void neigh_ask(struct worker *w, struct neigh *n)
{
	struct rte_ether_addr mac;

	if (!ask_allowed(w, n))
		return;
	n->probes++;
	n->since_ms = w->now_ms;
	memcpy(mac.addr_bytes, n->l2, RTE_ETHER_ADDR_LEN);
	if (ip_is_v4(&n->ip))
		arp_request(w, n->port, NULL, &n->ip, n->state == NEIGH_STALE ? &mac : NULL);
	else
		nd_solicit(w, n->port, NULL, &n->ip, n->state == NEIGH_STALE ? &mac : NULL);
}

/* Next hops that were cached for n hold no longer. */
static void neigh_renew(struct neigh *n)
{
	n->gen = n->gen >= NEIGH_SHUT - 1 ? 1 : (uint16_t)(n->gen + 1);
	if (n->open != NEIGH_SHUT)
		n->open = n->gen;
}

/* Gives an entry back; what waited for it is dropped with that reason. */
static void neigh_release(struct worker *w, struct neigh_table *t, struct neigh *n,
			  enum drop reason)
{
	struct neigh_key k = neigh_key(&n->ip, n->port);

	if (BUG_ON(n->state == NEIGH_FREE || t->n_free >= t->max))
		return;
	if (w)
		wait_flush(w, t, n, reason);
	rte_hash_del_key(t->hash, &k);
	n->state = NEIGH_FREE;
	n->open = NEIGH_SHUT;
	neigh_renew(n);
	t->free[t->n_free++] = (uint16_t)neigh_index(t, n);
}

void neigh_free(struct worker *w, struct neigh_table *t)
{
	uint32_t i;

	for (i = 0; w && i < t->max; i++)
		if (t->entry[i].state != NEIGH_FREE)
			neigh_release(w, t, &t->entry[i], DROP_NEIGH_FAILED);
	rte_hash_free(t->hash);
	rte_free(t->entry);
	rte_free(t->wait);
	rte_free(t->free);
	rte_free(t);
}

/*
 * Who goes first: what never answered and nobody known asked for; then what was asked for, of the
 * asker who wants most, or one who scans would have what others want forgotten before it answers.
 * What is known, or claimed, and out of use goes before what an asker waits for who does not want
 * most of what was looked at: whoever is on the link can claim to be thousands.
 */
static uint32_t neigh_rank(const struct neigh *n, const uint8_t *wants)
{
	if (n->state == NEIGH_STALE)
		return EVICT_SCAN / 2;
	return n->state == NEIGH_INCOMPLETE && n->asker
		   ? EVICT_SCAN + 1u - wants[n->asker % EVICT_ASKERS]
		   : 0;
}

/* Of the next entries, how many each row of askers waits for. */
static void neigh_wants(const struct neigh_table *t, uint8_t *wants)
{
	uint32_t i, at = t->evict_at;

	for (i = 0; i < EVICT_SCAN && i < t->max; i++) {
		const struct neigh *n = &t->entry[at];

		at = at + 1 < t->max ? at + 1 : 0;
		wants[n->asker % EVICT_ASKERS] += n->state == NEIGH_INCOMPLETE;
	}
}

/*
 * Makes room: among the next entries, one that never answered goes first, then one that is known
 * but out of use. Live ones stay: a scan of the subnet cannot push them out.
 */
static void neigh_evict(struct worker *w, struct neigh_table *t)
{
	uint8_t wants[EVICT_ASKERS] = { 0 };
	struct neigh *victim = NULL;
	uint32_t i;

	neigh_wants(t, wants);
	for (i = 0; i < EVICT_SCAN && i < t->max; i++) {
		struct neigh *n = &t->entry[t->evict_at];

		t->evict_at = t->evict_at + 1 < t->max ? t->evict_at + 1 : 0;
		if (n->state == NEIGH_FREE || n->state == NEIGH_REACHABLE ||
		    (n->state == NEIGH_STALE && n->used))
			continue;
		if (!victim || neigh_rank(n, wants) < neigh_rank(victim, wants) ||
		    (neigh_rank(n, wants) == neigh_rank(victim, wants) &&
		     n->since_ms < victim->since_ms))
			victim = n;
	}
	if (victim)
		neigh_release(w, t, victim, DROP_NEIGH_FULL);
}

struct neigh *neigh_lookup(struct neigh_table *t, uint16_t port, const struct ip_addr *ip)
{
	struct neigh_key k = neigh_key(ip, port);
	void *data;

	return rte_hash_lookup_data(t->hash, &k, &data) < 0 ? NULL : &t->entry[(uintptr_t)data];
}

/* A new entry, state INCOMPLETE, not asked yet. NULL when the table is full of live ones. */
static struct neigh *neigh_add(struct worker *w, const struct ip_addr *ip, uint16_t port)
{
	struct neigh_key k = neigh_key(ip, port);
	struct neigh_table *t = w->net->neigh;
	const struct port *p = &w->dp->port[port];
	struct neigh *n;
	uint16_t i;

	if (t->n_free == 0)
		neigh_evict(w, t);
	if (t->n_free == 0)
		return NULL;
	i = t->free[t->n_free - 1];
	if (rte_hash_add_key_data(t->hash, &k, (void *)(uintptr_t)i) != 0)
		return NULL;
	t->n_free--;
	n = &t->entry[i];
	n->ip = *ip;
	n->port = port;
	n->mtu = p->mtu;
	n->l2_len = (uint8_t)p->l2_len;
	n->n_wait = 0;
	n->asker = 0;
	n->used = true;
	n->gateway = false;
	neigh_state_set(w, n, NEIGH_INCOMPLETE);
	return n;
}

bool neigh_has_failed(struct neigh_table *t, uint16_t port, const struct ip_addr *ip)
{
	const struct neigh *n = t ? neigh_lookup(t, port, ip) : NULL;

	return n && n->state == NEIGH_FAILED;
}

struct neigh *neigh_at(struct worker *w, uint16_t port, const struct ip_addr *ip)
{
	struct neigh *n = neigh_lookup(w->net->neigh, port, ip);

	return n ? n : neigh_add(w, ip, port);
}

static uint32_t neigh_cache(const struct neigh_table *t, const struct neigh *n)
{
	return (uint32_t)n->gen << 16 | neigh_index(t, n);
}

static struct neigh *find(struct worker *w, const struct ip_addr *src, const struct ip_addr *dst,
			  uint32_t *cache, enum drop *why, bool gates)
{
	struct neigh_table *t = w->net->neigh;
	const struct local_addr *local;
	struct ip_addr via;
	struct neigh *n;
	uint16_t port;

	*why = DROP_IP_DST;
	if (unlikely(*cache == NH_LOOP))
		return NULL;
	n = neigh_cached(t->entry, *cache);
	if (likely(n && n->state != NEIGH_FREE))
		return n;
	local = dplane_local(w->dp, dst);
	if (local) {
		if (local_relay(local) != CTL_RELAY_NONE)
			*cache = NH_LOOP;
		return NULL;
	}
	if (unlikely(gates && w->net->gate_send && (n = net_gate_of(w, src)) != NULL)) {
		*cache = neigh_cache(t, n);
		return n;
	}
	*why = DROP_NO_ROUTE;
	if (!ip_route(w->dp, t, src, dst, &port, &via))
		return NULL;
	n = neigh_at(w, port, &via);
	*why = DROP_NEIGH_FULL;
	if (!n)
		return NULL;
	n->gateway |= !ip_eq(&via, dst);
	*cache = neigh_cache(t, n);
	return n;
}

struct neigh *neigh_find(struct worker *w, const struct ip_addr *src, const struct ip_addr *dst,
			 uint32_t *cache, enum drop *why)
{
	return find(w, src, dst, cache, why, true);
}

struct neigh *neigh_beyond(struct worker *w, const struct ip_addr *src, const struct ip_addr *dst,
			   uint32_t *cache, enum drop *why)
{
	return find(w, src, dst, cache, why, false);
}

void neigh_send(struct worker *w, struct neigh *n, struct rte_mbuf *m)
{
	char *h;

	if (unlikely(!n->used))
		n->used = true;
	if (likely(neigh_has_mac(n))) {
		h = rte_pktmbuf_prepend(m, n->l2_len);
		if (unlikely(!h)) {
			pkt_drop(w, m, DROP_NO_MBUF);
			return;
		}
		memcpy(h, n->l2, RTE_ETHER_HDR_LEN);
		if (unlikely(n->l2_len > RTE_ETHER_HDR_LEN))
			memcpy(h + RTE_ETHER_HDR_LEN, n->l2 + RTE_ETHER_HDR_LEN, RTE_VLAN_HLEN);
		tx_frame(w, n->port, m);
		return;
	}
	if (n->state == NEIGH_FAILED) {
		pkt_drop(w, m, DROP_NEIGH_FAILED);
		return;
	}
	if (n->state == NEIGH_GATE) {
		w->net->gate_send(w, n->port, m);
		return;
	}
	wait_add(w, n, m);
	if (n->probes == 0)
		neigh_ask(w, n);
}

bool neigh_learn(struct worker *w, uint16_t port, const struct ip_addr *ip,
		 const struct rte_ether_addr *mac, bool solicited, bool create)
{
	struct neigh *n = neigh_lookup(w->net->neigh, port, ip);
	bool same;

	if (rte_is_multicast_ether_addr(mac) || rte_is_zero_ether_addr(mac))
		return false;
	if (!n && create) {
		n = neigh_add(w, ip, port);
		if (n)
			n->used = false; /* may go again at once: a flood of claims holds no room */
	}
	if (!n)
		return false;
	same = neigh_has_mac(n) && memcmp(n->l2, mac->addr_bytes, RTE_ETHER_ADDR_LEN) == 0;
	/* A claim nobody asked for changes an address, but is no proof that packets arrive. */
	if (!solicited && same)
		return false;
	eth_write(&w->dp->port[port], n->l2, mac->addr_bytes,
		  ip_is_v4(ip) ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	if (n->gateway && n->state == NEIGH_FAILED)
		w->net->neigh->renew = w->net->neigh->max; /* it may be the better way */
	neigh_state_set(w, n, solicited ? NEIGH_REACHABLE : NEIGH_STALE);
	wait_flush(w, w->net->neigh, n, DROP_NONE);
	return !same;
}

void neigh_doubt(struct worker *w, struct neigh *n)
{
	if (n->state == NEIGH_REACHABLE)
		neigh_state_set(w, n, NEIGH_STALE);
}

static void neigh_age(struct worker *w, struct neigh *n)
{
	uint64_t age = w->now_ms - n->since_ms;

	switch ((enum neigh_state)n->state) {
	case NEIGH_FREE:
		break;
	case NEIGH_INCOMPLETE:
		if (age < RETRY_DUE_MS)
			break;
		if (n->probes < NEIGH_PROBES) {
			neigh_ask(w, n);
			break;
		}
		neigh_state_set(w, n, NEIGH_FAILED);
		n->used = false; /* asked again if it is wanted all the same */
		if (n->gateway)
			neigh_renew(n); /* there may be another */
		wait_flush(w, w->net->neigh, n, DROP_NEIGH_FAILED);
		break;
	case NEIGH_REACHABLE:
		if (age < NEIGH_REACHABLE_MS)
			break;
		neigh_state_set(w, n, NEIGH_STALE);
		n->used = false;
		break;
	case NEIGH_STALE:
		if (!n->used || (n->probes && age < RETRY_DUE_MS))
			break;
		/* Gone, or moved to another address: ask everybody (RFC 4861 7.3.3). */
		if (n->probes == NEIGH_PROBES)
			neigh_state_set(w, n, NEIGH_INCOMPLETE);
		neigh_ask(w, n);
		break;
	case NEIGH_FAILED:
		if (age < NEIGH_FAILED_MS)
			break;
		if (n->gateway) { /* packets go by another meanwhile, if there is one */
			n->probes = 0;
			neigh_ask(w, n);
		} else if (n->used) {
			n->used = false;
			neigh_state_set(w, n, NEIGH_INCOMPLETE);
			neigh_ask(w, n);
		} else {
			neigh_release(w, w->net->neigh, n, DROP_NEIGH_FAILED);
		}
		break;
	}
}

_Static_assert(CTL_PORTS_MAX <= 32, "a bit each");

void neigh_renew_all(struct worker *w)
{
	w->net->neigh->renew = w->net->neigh->max;
}

/* A port that has its link again may be the better way: all look once more. */
static void neigh_links(const struct worker *w, struct neigh_table *t)
{
	uint32_t down = 0;
	uint16_t i;

	for (i = 0; i < w->dp->n_ports; i++)
		down |= (uint32_t)port_is_down(&w->dp->port[i]) << i;
	if (t->down & ~down)
		t->renew = t->max;
	t->down = down;
}

/* One entry's turn. */
static void neigh_look(struct worker *w, struct neigh_table *t, struct neigh *n)
{
	/* Who was behind a link that is gone may not be there when it is back. */
	if (n->state != NEIGH_FREE && t->down & UINT32_C(1) << n->port) {
		neigh_release(w, t, n, DROP_NEIGH_FAILED);
		return;
	}
	if (t->renew) {
		t->renew--;
		neigh_renew(n);
	}
	neigh_age(w, n);
}

void neigh_tick(struct worker *w)
{
	struct neigh_table *t = w->net->neigh;
	uint32_t i, budget = t->max / (NEIGH_RETRY_MS / NEIGH_TICK_MS) + 1;

	/* A full round a second: as often as a neighbour is asked again. */
	neigh_links(w, t);
	for (i = 0; i < budget; i++) {
		neigh_look(w, t, &t->entry[t->tick_at]);
		t->tick_at = t->tick_at + 1 < t->max ? t->tick_at + 1 : 0;
	}
}

/* ---- for display ---- */

uint32_t neigh_list(const struct worker *w, uint32_t *from, uint32_t max, bool gateways,
		    struct ctl_neighbour *out)
{
	const struct neigh_table *t = w->net->neigh;
	uint32_t i = *from, n = 0, left = CTL_NEIGHBOURS_SCAN;

	for (; i < t->max && n < max && left; i++, left--) {
		const struct neigh *e = &t->entry[i];
		const uint64_t age = w->now_ms - e->since_ms;

		if (e->state == NEIGH_FREE || (gateways && !e->gateway))
			continue;
		out[n] = (struct ctl_neighbour){ .ip = e->ip,
						 .state = e->state,
						 .port = (uint8_t)e->port,
						 .gateway = e->gateway,
						 .waiting = e->n_wait,
						 .age_ms = (uint32_t)RTE_MIN(age, UINT32_MAX) };
		if (neigh_has_mac(e))
			memcpy(out[n].mac, e->l2, sizeof(out[n].mac));
		n++;
	}
	*from = i < t->max ? i : CTL_NEIGHBOURS_END;
	return n;
}
