/* SPDX-License-Identifier: BSD-3-Clause */
#include "peer.h"
#include "turn.h"
#include "../../lib/chandata.h"
#include "../../lib/bug.h"

/* ---- records ---- */

/* By address: port, and 0 for channel. By channel number: no address. */
static struct key24 peer_key(uint32_t slot, const struct sock_addr *a, uint16_t channel)
{
	static const struct sock_addr none;

	a = a ? a : &none;
	return key24_make(&a->ip, a->port, channel, slot);
}

static struct peer *peer_lookup(struct worker *w, const struct key24 *k)
{
	void *data;

	if (rte_hash_lookup_with_hash_data(w->turn->peers, k, key24_hash(w->dp->hash_key, k),
					   &data) < 0)
		return NULL;
	return &w->turn->peer[(uintptr_t)data];
}

static bool peer_insert(struct worker *w, const struct key24 *k, uint32_t i)
{
	return rte_hash_add_key_with_hash_data(w->turn->peers, k, key24_hash(w->dp->hash_key, k),
					       (void *)(uintptr_t)i) == 0;
}

static void peer_remove(struct worker *w, const struct key24 *k)
{
	rte_hash_del_key_with_hash(w->turn->peers, k, key24_hash(w->dp->hash_key, k));
}

static struct sock_addr peer_addr(const struct peer *p)
{
	return (struct sock_addr){ p->ip, p->port };
}

/* The record's share of the checksum; false if the session has no address of its family. */
static bool peer_sum(struct worker *w, const struct session *s, struct peer *p)
{
	const struct ctl_relay *r = &s->relay[ip_is_v4(&p->ip) ? RELAY_V4 : RELAY_V6];
	uint64_t sum;

	if (r->relay == CTL_RELAY_NONE)
		return false;
	sum = csum_ip(csum_ip(0, &p->ip), relay_ip(w->dp, r));
	p->csum = csum_fold(csum_be16(csum_be16(sum, p->port), r->port));
	return true;
}

/* Takes record i out of the hash and gives it back to the pool; its list is the caller's. */
static void peer_release(struct worker *w, uint32_t slot, uint32_t i)
{
	struct peer *p = &w->turn->peer[i];
	struct sock_addr a = peer_addr(p);
	struct key24 k = peer_key(slot, &a, 0);

	WARN_ON(peer_lookup(w, &k) != p);
	peer_remove(w, &k);
	if (p->channel) {
		k = peer_key(slot, NULL, p->channel);
		peer_remove(w, &k);
	}
	p->next = w->turn->peer_free;
	w->turn->peer_free = i;
	count_down(w, CNT_PEERS);
}

void peers_clear(struct worker *w, uint32_t slot, struct session *s)
{
	uint32_t i, next;

	for (i = s->peers; i != SLOT_NONE; i = next) {
		next = w->turn->peer[i].next;
		peer_release(w, slot, i);
	}
	s->peers = SLOT_NONE;
}

static bool peer_is_over(const struct worker *w, const struct peer *p)
{
	return p->perm_expiry <= w->now && p->chan_expiry <= w->now;
}

void peers_prune(struct worker *w, uint32_t slot, struct session *s)
{
	uint32_t *link = &s->peers, i;

	while ((i = *link) != SLOT_NONE) {
		struct peer *p = &w->turn->peer[i];

		if (peer_is_over(w, p)) {
			*link = p->next;
			peer_release(w, slot, i);
		} else {
			link = &p->next;
		}
	}
}

void peers_family_del(struct worker *w, uint32_t slot, struct session *s, int family)
{
	uint32_t *link = &s->peers, i;

	if (ip_is_v4(&s->first.ip) == (family == RELAY_V4))
		memset(&s->first, 0, sizeof(s->first));
	while ((i = *link) != SLOT_NONE) {
		struct peer *p = &w->turn->peer[i];

		if (ip_is_v4(&p->ip) == (family == RELAY_V4)) {
			*link = p->next;
			peer_release(w, slot, i);
		} else {
			link = &p->next;
		}
	}
}

/* A new record from the pool, indexed by its address (and channel). NULL when full. */
static struct peer *peer_add(struct worker *w, uint32_t slot, struct session *s,
			     const struct sock_addr *a, uint16_t channel)
{
	struct key24 by_addr = peer_key(slot, a, 0), by_channel = peer_key(slot, NULL, channel);
	uint32_t i;
	struct peer *p;

	peers_prune(w, slot, s);
	i = w->turn->peer_free;
	if (BUG_ON(i != SLOT_NONE && i >= w->turn->peers_max))
		return NULL;
	if (i == SLOT_NONE || !peer_insert(w, &by_addr, i))
		return NULL;
	if (channel && !peer_insert(w, &by_channel, i)) {
		peer_remove(w, &by_addr);
		return NULL;
	}
	p = &w->turn->peer[i];
	WARN_ON(p->next != SLOT_NONE && p->next >= w->turn->peers_max);
	w->turn->peer_free = p->next;
	*p = (struct peer){ .ip = a->ip, .port = a->port, .channel = channel, .next = s->peers };
	s->peers = i;
	count(w, CNT_PEERS);
	return p;
}

/* A permission is mirrored into every record of its address. */
static void perm_mirror(struct worker *w, struct session *s, const struct ip_addr *ip,
			uint32_t expiry)
{
	uint32_t i;

	if (ip_eq(&s->first.ip, ip))
		s->first.perm_expiry = expiry;
	for (i = s->peers; i != SLOT_NONE; i = w->turn->peer[i].next)
		if (ip_eq(&w->turn->peer[i].ip, ip))
			w->turn->peer[i].perm_expiry = expiry;
}

struct peer *session_channel(struct worker *w, uint32_t slot, uint16_t channel)
{
	struct session *s = &w->session[slot];
	struct key24 k;

	if (likely(s->first.channel == channel))
		return &s->first;
	if (s->peers == SLOT_NONE)
		return NULL;
	k = peer_key(slot, NULL, channel);
	return peer_lookup(w, &k);
}

struct peer *session_peer(struct worker *w, uint32_t slot, const struct sock_addr *a)
{
	struct session *s = &w->session[slot];
	struct key24 k;

	if (likely(ip_eq(&s->first.ip, &a->ip) && be16_eq(s->first.port, a->port)))
		return &s->first;
	if (s->peers == SLOT_NONE)
		return NULL;
	k = peer_key(slot, a, 0);
	return peer_lookup(w, &k);
}

struct peer *session_permission(struct worker *w, uint32_t slot, const struct ip_addr *ip)
{
	struct session *s = &w->session[slot];
	struct sock_addr any = { .ip = *ip };
	struct peer *p = NULL;
	struct key24 k;

	if (likely(ip_eq(&s->first.ip, ip))) {
		p = &s->first;
	} else if (s->peers != SLOT_NONE) {
		k = peer_key(slot, &any, 0);
		p = peer_lookup(w, &k);
	}
	return p && p->perm_expiry > w->now ? p : NULL;
}

/* ---- commands ---- */

/*
 * The record that stands for an address as such: the session's first if it is of that address,
 * else one of port 0. Made if need be; NULL when the pool is empty or there is no relayed address
 * of the family. Having it always spares the packet path a walk over channels.
 */
static struct peer *perm_record(struct worker *w, uint32_t slot, struct session *s,
				const struct ip_addr *ip)
{
	struct sock_addr any = { .ip = *ip };
	struct peer tmp = { .ip = *ip }, *p;

	if (!peer_sum(w, s, &tmp))
		return NULL;
	if (ip_eq(&s->first.ip, ip))
		return &s->first;
	p = session_peer(w, slot, &any);
	if (p)
		return p;
	if (peer_is_over(w, &s->first)) {
		s->first = tmp;
		return &s->first;
	}
	p = peer_add(w, slot, s, &any, 0);
	if (p)
		p->csum = tmp.csum;
	return p;
}

bool session_perm_set(struct worker *w, const struct cmd_perm_set *c)
{
	struct session *s = session_of(w, &c->sid);

	if (!s || !perm_record(w, c->sid.slot, s, &c->peer))
		return false;
	perm_mirror(w, s, &c->peer, c->expiry);
	session_path_make(w, c->sid.slot);
	return true;
}

/* Ends a binding whose time is over, so that its number or its peer can be bound anew. */
static bool chan_retire(struct worker *w, uint32_t slot, struct session *s, struct peer *p)
{
	if (p->channel && p->chan_expiry > w->now)
		return false;
	if (p == &s->first) {
		p->channel = 0;
		p->port = be16_make(0);
		peer_sum(w, s, p);
		return true;
	}
	p->perm_expiry = 0;
	peers_prune(w, slot, s);
	return true;
}

/* A record for a channel that is not bound yet: the first if it stands for the address or nothing.
 */
static struct peer *chan_record(struct worker *w, uint32_t slot, struct session *s,
				const struct peer *new)
{
	struct sock_addr a = peer_addr(new);
	struct peer *p = &s->first;

	if ((p->channel == 0 || p->chan_expiry <= w->now) &&
	    (ip_eq(&p->ip, &new->ip) || p->perm_expiry <= w->now)) {
		*p = *new;
		return p;
	}
	p = peer_add(w, slot, s, &a, new->channel);
	if (p)
		p->csum = new->csum;
	return p;
}

/* Which of these may be bound the control process knows; others would not read as ChannelData. */
static bool channel_valid(uint16_t channel)
{
	return channel >= CHANNEL_MIN && channel <= CHANNEL_MAX_RFC5766;
}

bool session_chan_set(struct worker *w, const struct cmd_chan_set *c)
{
	struct session *s = session_of(w, &c->sid);
	struct peer *p, tmp = { .ip = c->peer.ip, .port = c->peer.port, .channel = c->channel };

	if (!s || !channel_valid(c->channel) || be16_get(c->peer.port) == 0 ||
	    !peer_sum(w, s, &tmp))
		return false;
	p = session_channel(w, c->sid.slot, c->channel);
	if (!p || !ip_eq(&p->ip, &c->peer.ip) || !be16_eq(p->port, c->peer.port)) {
		if (p && !chan_retire(w, c->sid.slot, s, p))
			return false;
		p = session_peer(w, c->sid.slot, &c->peer);
		if (p && !chan_retire(w, c->sid.slot, s, p))
			return false;
		p = chan_record(w, c->sid.slot, s, &tmp);
		if (!p)
			return false;
	}
	p->chan_expiry = c->expiry;
	/*
	 * p is not over now, so that perm_record() cannot take its place. A permission that is over
	 * (a replay tells of such a channel) needs no record.
	 */
	if (c->perm_expiry > w->now && !perm_record(w, c->sid.slot, s, &c->peer.ip)) {
		p->chan_expiry = 0;
		session_path_make(w, c->sid.slot);
		return false;
	}
	perm_mirror(w, s, &c->peer.ip, c->perm_expiry);
	session_path_make(w, c->sid.slot);
	return true;
}
