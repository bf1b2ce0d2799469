/* SPDX-License-Identifier: BSD-3-Clause */
#include "leg.h"
#include "limit.h"
#include "path.h"
#include "peer.h"
#include "../../lib/chandata.h"

#include <rte_errno.h>
#include <rte_malloc.h>

enum { SWEEP_IDLE = UINT32_MAX };

static int key24_cmp(const void *a, const void *b, size_t len)
{
	uint64_t x[3], y[3];

	(void)len;
	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2])) != 0;
}

static struct rte_hash *table_create(const char *kind, uint16_t id, uint32_t entries)
{
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters p = {
		.name = name,
		.entries = RTE_MAX(entries, 64u),
		.key_len = sizeof(struct key24),
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};
	struct rte_hash *h;

	snprintf(name, sizeof(name), "%s%u", kind, id);
	h = rte_hash_create(&p);
	if (h)
		rte_hash_set_cmp_func(h, key24_cmp);
	return h;
}

bool session_tables_create(struct worker *w, char *err, size_t errlen)
{
	const struct config *c = w->dp->conf;
	uint32_t i;

	w->sessions_max = c->dataplane.sessions;
	w->peers_max = c->dataplane.peers;
	w->sweep_at = SWEEP_IDLE;
	/* Each record is found by its address, a channel by its number as well. */
	w->peers = table_create("peers", w->id, 2 * w->peers_max);
	w->session = rte_zmalloc("sessions", sizeof(struct session) * w->sessions_max, 64);
	w->peer = rte_zmalloc("records", sizeof(struct peer) * RTE_MAX(w->peers_max, 1u), 64);
	w->relay_slot = rte_zmalloc("relays", sizeof(*w->relay_slot) * RTE_MAX(c->n_relay, 1), 64);
	w->path = rte_zmalloc("paths", sizeof(struct path) * w->sessions_max, 64);
	if (!flow_create(&w->flows, w->sessions_max) || !w->peers || !w->session || !w->path ||
	    !w->peer || !w->relay_slot || !limit_create(w))
		goto no_memory;
	for (i = 0; i < c->n_relay; i++) {
		w->relay_slot[i] = rte_malloc("relay ports", 65536 * sizeof(uint32_t), 64);
		if (!w->relay_slot[i])
			goto no_memory;
		memset(w->relay_slot[i], 0xff, 65536 * sizeof(uint32_t));
	}
	for (i = 0; i < w->peers_max; i++)
		w->peer[i].next = i + 1 < w->peers_max ? i + 1 : SLOT_NONE;
	w->peer_free = w->peers_max ? 0 : SLOT_NONE;
	return true;
no_memory:
	snprintf(
	    err, errlen,
	    "%s: dataplane.memory-mb: too small for %u sessions and %u peers on each worker (%s)",
	    c->file, w->sessions_max, w->peers_max, rte_strerror(rte_errno));
	return false;
}

void session_tables_free(struct worker *w)
{
	uint32_t i;

	for (i = 0; w->relay_slot && i < w->dp->conf->n_relay; i++)
		rte_free(w->relay_slot[i]);
	rte_free(w->relay_slot);
	rte_free(w->peer);
	rte_free(w->path);
	rte_free(w->limit);
	rte_free(w->session);
	rte_hash_free(w->peers);
	flow_free(&w->flows);
}

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

	if (rte_hash_lookup_with_hash_data(w->peers, k, key24_hash(w->dp->hash_key, k), &data) < 0)
		return NULL;
	return &w->peer[(uintptr_t)data];
}

static bool peer_insert(struct worker *w, const struct key24 *k, uint32_t i)
{
	return rte_hash_add_key_with_hash_data(w->peers, k, key24_hash(w->dp->hash_key, k),
					       (void *)(uintptr_t)i) == 0;
}

static void peer_remove(struct worker *w, const struct key24 *k)
{
	rte_hash_del_key_with_hash(w->peers, k, key24_hash(w->dp->hash_key, k));
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
	struct peer *p = &w->peer[i];
	struct sock_addr a = peer_addr(p);
	struct key24 k = peer_key(slot, &a, 0);

	peer_remove(w, &k);
	if (p->channel) {
		k = peer_key(slot, NULL, p->channel);
		peer_remove(w, &k);
	}
	p->next = w->peer_free;
	w->peer_free = i;
	count_add(w, CNT_PEERS, (uint64_t)-1);
}

static void peers_unlink(struct worker *w, uint32_t slot, struct session *s)
{
	uint32_t i, next;

	for (i = s->peers; i != SLOT_NONE; i = next) {
		next = w->peer[i].next;
		peer_release(w, slot, i);
	}
	s->peers = SLOT_NONE;
}

static bool peer_is_over(const struct worker *w, const struct peer *p)
{
	return p->perm_expiry <= w->now && p->chan_expiry <= w->now;
}

/* Takes back records whose time is over, so that a long-lived session does not eat the pool. */
static void peers_prune(struct worker *w, uint32_t slot, struct session *s)
{
	uint32_t *link = &s->peers, i;

	while ((i = *link) != SLOT_NONE) {
		struct peer *p = &w->peer[i];

		if (peer_is_over(w, p)) {
			*link = p->next;
			peer_release(w, slot, i);
		} else {
			link = &p->next;
		}
	}
}

/* Takes back those of a family, whose relayed address is no more. */
static void peers_family_del(struct worker *w, uint32_t slot, struct session *s, int family)
{
	uint32_t *link = &s->peers, i;

	if (ip_is_v4(&s->first.ip) == (family == RELAY_V4))
		memset(&s->first, 0, sizeof(s->first));
	while ((i = *link) != SLOT_NONE) {
		struct peer *p = &w->peer[i];

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
	i = w->peer_free;
	if (i == SLOT_NONE || !peer_insert(w, &by_addr, i))
		return NULL;
	if (channel && !peer_insert(w, &by_channel, i)) {
		peer_remove(w, &by_addr);
		return NULL;
	}
	p = &w->peer[i];
	w->peer_free = p->next;
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
	for (i = s->peers; i != SLOT_NONE; i = w->peer[i].next)
		if (ip_eq(&w->peer[i].ip, ip))
			w->peer[i].perm_expiry = expiry;
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

/* The live session a command means, or NULL. */
static struct session *session_of(struct worker *w, const struct ctl_sid *sid)
{
	struct session *s;

	if (sid->slot >= w->sessions_max || sid->gen == 0)
		return NULL;
	s = &w->session[sid->slot];
	return s->gen == sid->gen ? s : NULL;
}

static bool relay_valid(const struct worker *w, const struct ctl_relay *r, int family)
{
	const struct config *c = w->dp->conf;

	if (r->relay == CTL_RELAY_NONE)
		return true;
	return config_relay_has(c, r) &&
	       ip_is_v4(&c->relay[r->relay].addr) == (family == RELAY_V4) &&
	       w->dp->port_owner[be16_get(r->port) >> 1] == w->id;
}

/*
 * A redirect leads to another worker and has no address that a peer could send to. Packets can be
 * handed over, a connection's bytes cannot.
 */
static bool redirect_valid(const struct worker *w, const struct cmd_session_set *c)
{
	return c->leg.conn_gen == 0 && c->redirect < w->dp->n_workers && c->redirect != w->id &&
	       c->relay[RELAY_V4].relay == CTL_RELAY_NONE &&
	       c->relay[RELAY_V6].relay == CTL_RELAY_NONE;
}

static bool session_cmd_valid(const struct worker *w, const struct cmd_session_set *c)
{
	const struct config *conf = w->dp->conf;
	uint32_t slot;
	int f;

	if (c->sid.slot >= w->sessions_max || c->sid.gen == 0 ||
	    (c->leg.conn_gen == 0 && c->leg.conn != 0) || c->leg.listener >= conf->n_listener ||
	    be16_get(c->leg.client.port) == 0 ||
	    ip_is_v4(&c->leg.client.ip) != ip_is_v4(&conf->listener[c->leg.listener].addr.ip))
		return false;
	if (c->flags & SESSION_REDIRECT)
		return redirect_valid(w, c);
	if (c->relay[0].relay == CTL_RELAY_NONE && c->relay[1].relay == CTL_RELAY_NONE)
		return false;
	for (f = 0; f < 2; f++) {
		if (!relay_valid(w, &c->relay[f], f))
			return false;
		if (c->relay[f].relay == CTL_RELAY_NONE)
			continue;
		slot = w->relay_slot[c->relay[f].relay][be16_get(c->relay[f].port)];
		if (slot != SLOT_NONE && slot != c->sid.slot)
			return false;
	}
	return true;
}

uint32_t session_find(const struct worker *w, uint64_t hash, const struct ip_addr *ip,
		      struct be16 port, uint16_t listener)
{
	struct flow_cursor c = flow_find(&w->flows, hash);
	uint32_t slot;

	while ((slot = flow_next(&w->flows, &c)) != SLOT_NONE) {
		const struct session *s = &w->session[slot];

		if (likely(ip_eq(&s->client.ip, ip) && be16_eq(s->client.port, port) &&
			   s->listener == listener))
			break;
	}
	return slot;
}

static uint64_t session_hash(const struct worker *w, const struct session *s)
{
	return flow_hash(w->dp->hash_key, &s->client.ip, s->client.port, s->listener);
}

static void session_clear(struct worker *w, uint32_t slot)
{
	struct session *s = &w->session[slot];
	int f;

	peer_session_del(w, slot);
	peers_unlink(w, slot, s);
	if (s->conn_gen)
		leg_session_del(w, slot);
	else
		flow_del(&w->flows, session_hash(w, s), slot);
	for (f = 0; f < 2; f++)
		if (s->relay[f].relay != CTL_RELAY_NONE)
			w->relay_slot[s->relay[f].relay][be16_get(s->relay[f].port)] = SLOT_NONE;
	memset(s, 0, sizeof(*s));
	path_make(w, slot);
	count_add(w, CNT_SESSIONS, (uint64_t)-1);
}

/* Whether it is the session that is there, which may be without one of its relayed addresses. */
static bool session_same(const struct session *s, const struct cmd_session_set *c)
{
	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (c->relay[f].relay != CTL_RELAY_NONE &&
		    memcmp(&s->relay[f], &c->relay[f], sizeof(s->relay[f])) != 0)
			return false;
	}
	return s->gen == c->sid.gen && !((s->flags ^ c->flags) & SESSION_TCP) &&
	       s->listener == c->leg.listener && s->conn_gen == c->leg.conn_gen &&
	       s->conn == c->leg.conn && sock_addr_eq(&s->client, &c->leg.client);
}

/* A relayed address goes (RFC 8656 8.2); what the client has by the other one stays as it is. */
static void session_family_clear(struct worker *w, uint32_t slot, int family)
{
	struct session *s = &w->session[slot];
	struct ctl_relay *r = &s->relay[family];

	peer_family_del(w, slot, family);
	peers_family_del(w, slot, s, family);
	w->relay_slot[r->relay][be16_get(r->port)] = SLOT_NONE;
	*r = (struct ctl_relay){ .relay = CTL_RELAY_NONE };
}

/* Leads from the client's packets to the slot; whoever had this client before goes. */
static void flow_set(struct worker *w, const struct ctl_leg *l, uint32_t slot)
{
	uint64_t hash = flow_hash(w->dp->hash_key, &l->client.ip, l->client.port, l->listener);
	uint32_t other = session_find(w, hash, &l->client.ip, l->client.port, l->listener);

	if (other != SLOT_NONE)
		session_clear(w, other);
	flow_add(&w->flows, hash, slot);
}

/* A session into a free slot. */
static bool session_make(struct worker *w, const struct cmd_session_set *c)
{
	const struct sock_addr *local = &w->dp->conf->listener[c->leg.listener].addr;
	const struct ctl_conn conn = { c->leg.conn, c->leg.conn_gen };
	struct session *s = &w->session[c->sid.slot];
	int f;

	if (conn.gen && !leg_session_set(w, conn, &c->sid))
		return false;
	if (conn.gen == 0)
		flow_set(w, &c->leg, c->sid.slot);
	s->gen = c->sid.gen;
	s->client = c->leg.client;
	s->listener = c->leg.listener;
	s->conn = conn.idx;
	s->conn_gen = conn.gen;
	s->csum = csum_fold(
	    csum_be16(csum_be16(csum_ip(csum_ip(0, &s->client.ip), &local->ip), s->client.port),
		      local->port));
	memcpy(s->relay, c->relay, sizeof(s->relay));
	for (f = 0; f < 2; f++)
		if (s->relay[f].relay != CTL_RELAY_NONE)
			w->relay_slot[s->relay[f].relay][be16_get(s->relay[f].port)] = c->sid.slot;
	s->peers = SLOT_NONE;
	s->asked = meter_full(w->now_us);
	limit_begin(w, c->sid.slot);
	count(w, CNT_SESSIONS);
	return true;
}

bool session_set(struct worker *w, const struct cmd_session_set *c)
{
	struct session *s;

	if (!session_cmd_valid(w, c))
		return false;
	s = &w->session[c->sid.slot];
	if (s->gen && !session_same(s, c))
		session_clear(w, c->sid.slot);
	if (!s->gen && !session_make(w, c))
		return false;
	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (s->relay[f].relay != CTL_RELAY_NONE && c->relay[f].relay == CTL_RELAY_NONE)
			session_family_clear(w, c->sid.slot, f);
	}
	s->expiry = c->expiry;
	s->flags = (uint16_t)c->flags;
	s->redirect = c->redirect;
	s->epoch = w->sync_epoch;
	limit_share(w, c->sid.slot, c->share);
	path_make(w, c->sid.slot);
	return true;
}

bool session_del(struct worker *w, const struct ctl_sid *sid)
{
	if (!session_of(w, sid))
		return false;
	session_clear(w, sid->slot);
	return true;
}

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
	path_make(w, c->sid.slot);
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
		path_make(w, c->sid.slot);
		return false;
	}
	perm_mirror(w, s, &c->peer.ip, c->perm_expiry);
	path_make(w, c->sid.slot);
	return true;
}

/* ---- replay ---- */

void session_sync_begin(struct worker *w)
{
	w->sync_epoch++;
	w->sweep_at = SWEEP_IDLE;
}

void session_sync_end(struct worker *w)
{
	w->sweep_at = 0;
}

uint32_t session_sweep(struct worker *w, uint32_t budget)
{
	uint32_t n = 0;

	if (w->sweep_at == SWEEP_IDLE)
		return 0;
	for (; n < budget && w->sweep_at < w->sessions_max; n++, w->sweep_at++)
		if (w->session[w->sweep_at].gen && w->session[w->sweep_at].epoch != w->sync_epoch)
			session_clear(w, w->sweep_at);
	if (w->sweep_at >= w->sessions_max)
		w->sweep_at = SWEEP_IDLE;
	return n;
}

void session_prune(struct worker *w, uint32_t budget)
{
	struct session *s;

	for (budget = RTE_MIN(budget, w->sessions_max); budget; budget--) {
		s = &w->session[w->prune_at];
		if (s->gen && s->peers != SLOT_NONE)
			peers_prune(w, w->prune_at, s);
		/* Nobody may be there to delete it. */
		if (s->gen && s->peer_conns && s->expiry <= w->now)
			peer_session_del(w, w->prune_at);
		w->prune_at = w->prune_at + 1 < w->sessions_max ? w->prune_at + 1 : 0;
	}
}
