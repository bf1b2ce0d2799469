/* SPDX-License-Identifier: BSD-3-Clause */
/* The allocation table: permissions and channels, in lists bounded by the configured limits. */
#include "table_priv.h"

static unsigned int peer_family(const struct ip_addr *peer)
{
	return ip_is_v4(peer) ? FAMILY_V4 : FAMILY_V6;
}

/* ---- records of the dataplane ---- */

/* How many channels are of an address. */
static uint32_t chans_of(struct table *t, const struct table_alloc *a, const struct ip_addr *ip)
{
	const struct table_chan *c = NULL;
	uint32_t n = 0;

	while ((c = table_chan_next(t, a, c)) != NULL)
		n += ip_eq(&c->peer.ip, ip);
	return n;
}

void table_records_count(struct table *t, const struct table_alloc *a)
{
	struct table_entry *e = alloc_entry(t, a);
	uint32_t n = e->n_perms + e->n_chans;

	if (n) /* in the session: a channel and its address, or one of them */
		n -= e->n_chans && !e->bare ? 2 : 1;
	t->records[a->worker] += n - e->records;
	t->user[e->user].records += n - e->records;
	e->records = n;
}

uint32_t table_records(const struct table *t, uint32_t worker)
{
	return t->records[worker];
}

uint32_t table_user_records(const struct table *t, const struct table_alloc *a)
{
	return t->user[alloc_entry(t, a)->user].records;
}

/* Whether an allocation has nothing, or nothing of another address. */
static bool peers_only(struct table *t, const struct table_alloc *a, const struct ip_addr *ip)
{
	for (const struct table_perm *p = table_perm_next(t, a, NULL); p;
	     p = table_perm_next(t, a, p)) {
		if (!ip_eq(&p->peer, ip))
			return false;
	}
	for (const struct table_chan *c = table_chan_next(t, a, NULL); c;
	     c = table_chan_next(t, a, c)) {
		if (!ip_eq(&c->peer.ip, ip))
			return false;
	}
	return true;
}

/*
 * The session's own record is of the first address that came, or is free: only where there is one
 * address it is known to be of that.
 */
uint32_t table_perm_records(struct table *t, const struct table_alloc *a, const struct ip_addr *ip,
			    uint32_t fresh)
{
	return fresh && peers_only(t, a, ip) ? fresh - 1 : fresh;
}

uint32_t table_chan_records(struct table *t, const struct table_alloc *a,
			    const struct sock_addr *peer)
{
	if (peers_only(t, a, &peer->ip))
		return alloc_entry(t, a)->n_chans ? 1 : 0;
	return table_perm_find(t, a, &peer->ip) ? 1 : 2;
}

/* ---- permissions ---- */

struct table_perm *table_perm_next(struct table *t, const struct table_alloc *a,
				   const struct table_perm *p)
{
	uint32_t i = p ? t->perm_next[p - t->perm] : alloc_entry(t, a)->perms;

	return i == SLOT_NONE ? NULL : &t->perm[i];
}

struct table_perm *table_perm_find(struct table *t, const struct table_alloc *a,
				   const struct ip_addr *peer)
{
	struct table_perm *p = table_perm_next(t, a, NULL);

	while (p && !ip_eq(&p->peer, peer))
		p = table_perm_next(t, a, p);
	return p;
}

void table_perm_link(struct table *t, struct table_alloc *a, struct table_perm *p)
{
	struct table_entry *e = alloc_entry(t, a);
	uint32_t i = (uint32_t)(p - t->perm);

	t->perm_next[i] = e->perms;
	e->perms = i;
	e->n_perms++;
	e->bare -= chans_of(t, a, &p->peer);
	t->stats.perms++;
}

bool table_perm_set(struct table *t, struct table_alloc *a, const struct ip_addr *peer,
		    uint32_t expiry)
{
	struct table_perm *p = table_perm_find(t, a, peer);

	if (p) {
		word_set(&p->expiry, expiry);
		return true;
	}
	if (t->perm_free == SLOT_NONE || t->stats.perms >= t->stats.perms_max)
		return false;
	p = &t->perm[t->perm_free];
	t->perm_free = t->perm_next[t->perm_free];
	p->alloc = alloc_index(t, a);
	p->gen = a->sid.gen;
	p->peer = *peer;
	word_set(&p->expiry, expiry);
	state_publish(&p->state);
	table_perm_link(t, a, p);
	table_records_count(t, a);
	return true;
}

/* Whether a record goes: by family, or because it is over. */
static bool peer_goes(const struct ip_addr *peer, uint32_t expiry, unsigned int families,
		      uint32_t now)
{
	return families & peer_family(peer) || now >= expiry;
}

/* Takes the permission that *link names out of the list. */
static void perm_unlink(struct table *t, const struct table_alloc *a, uint32_t *link)
{
	struct table_entry *e = alloc_entry(t, a);
	uint32_t i = *link;

	state_withdraw(&t->perm[i].state);
	*link = t->perm_next[i];
	t->perm_next[i] = t->perm_free;
	t->perm_free = i;
	e->n_perms--;
	e->bare += chans_of(t, a, &t->perm[i].peer);
	t->stats.perms--;
}

void table_perm_del(struct table *t, struct table_alloc *a, const struct ip_addr *peer)
{
	struct table_entry *e = alloc_entry(t, a);
	uint32_t *link = &e->perms;

	while (*link != SLOT_NONE && !ip_eq(&t->perm[*link].peer, peer))
		link = &t->perm_next[*link];
	if (*link != SLOT_NONE)
		perm_unlink(t, a, link);
	table_records_count(t, a);
}

/* Returns the earliest deadline of what stays. */
static uint32_t perms_sweep(struct table *t, struct table_alloc *a, unsigned int families,
			    uint32_t now)
{
	struct table_entry *e = alloc_entry(t, a);
	uint32_t *link = &e->perms, earliest = UINT32_MAX;

	while (*link != SLOT_NONE) {
		uint32_t i = *link;
		struct table_perm *p = &t->perm[i];
		uint32_t expiry = word_get(&p->expiry);

		if (!peer_goes(&p->peer, expiry, families, now)) {
			earliest = expiry < earliest ? expiry : earliest;
			link = &t->perm_next[i];
			continue;
		}
		perm_unlink(t, a, link);
	}
	return earliest;
}

uint32_t table_n_perms(const struct table *t, const struct table_alloc *a)
{
	return alloc_entry(t, a)->n_perms;
}

/* ---- channels ---- */

struct table_chan *table_chan_next(struct table *t, const struct table_alloc *a,
				   const struct table_chan *ch)
{
	uint32_t i = ch ? t->chan_next[ch - t->chan] : alloc_entry(t, a)->chans;

	return i == SLOT_NONE ? NULL : &t->chan[i];
}

struct table_chan *table_chan_find(struct table *t, const struct table_alloc *a, uint16_t number)
{
	struct table_chan *ch = table_chan_next(t, a, NULL);

	while (ch && ch->number != number)
		ch = table_chan_next(t, a, ch);
	return ch;
}

struct table_chan *table_chan_of_peer(struct table *t, const struct table_alloc *a,
				      const struct sock_addr *peer)
{
	struct table_chan *ch = table_chan_next(t, a, NULL);

	while (ch && !sock_addr_eq(&ch->peer, peer))
		ch = table_chan_next(t, a, ch);
	return ch;
}

void table_chan_link(struct table *t, struct table_alloc *a, struct table_chan *ch)
{
	struct table_entry *e = alloc_entry(t, a);
	uint32_t i = (uint32_t)(ch - t->chan);

	t->chan_next[i] = e->chans;
	e->chans = i;
	e->n_chans++;
	e->bare += !table_perm_find(t, a, &ch->peer.ip);
	t->stats.chans++;
}

bool table_chan_set(struct table *t, struct table_alloc *a, const struct sock_addr *peer,
		    uint16_t number, uint32_t expiry)
{
	struct table_chan *ch = table_chan_find(t, a, number);

	if (ch) {
		word_set(&ch->expiry, expiry);
		return true;
	}
	if (t->chan_free == SLOT_NONE || t->stats.chans >= t->stats.chans_max)
		return false;
	ch = &t->chan[t->chan_free];
	t->chan_free = t->chan_next[t->chan_free];
	ch->alloc = alloc_index(t, a);
	ch->gen = a->sid.gen;
	ch->peer = *peer;
	ch->number = number;
	word_set(&ch->expiry, expiry);
	state_publish(&ch->state);
	table_chan_link(t, a, ch);
	table_records_count(t, a);
	return true;
}

/* Takes the channel that *link names out of the list. */
static void chan_unlink(struct table *t, const struct table_alloc *a, uint32_t *link)
{
	struct table_entry *e = alloc_entry(t, a);
	uint32_t i = *link;

	state_withdraw(&t->chan[i].state);
	*link = t->chan_next[i];
	t->chan_next[i] = t->chan_free;
	t->chan_free = i;
	e->n_chans--;
	e->bare -= !table_perm_find(t, a, &t->chan[i].peer.ip);
	t->stats.chans--;
}

void table_chan_del(struct table *t, struct table_alloc *a, uint16_t number)
{
	struct table_entry *e = alloc_entry(t, a);
	uint32_t *link = &e->chans;

	while (*link != SLOT_NONE && t->chan[*link].number != number)
		link = &t->chan_next[*link];
	if (*link != SLOT_NONE)
		chan_unlink(t, a, link);
	table_records_count(t, a);
}

static uint32_t chans_sweep(struct table *t, struct table_alloc *a, unsigned int families,
			    uint32_t now)
{
	struct table_entry *e = alloc_entry(t, a);
	uint32_t *link = &e->chans, earliest = UINT32_MAX;

	while (*link != SLOT_NONE) {
		uint32_t i = *link;
		struct table_chan *ch = &t->chan[i];
		uint32_t expiry = word_get(&ch->expiry);

		if (!peer_goes(&ch->peer.ip, expiry, families, now)) {
			earliest = expiry < earliest ? expiry : earliest;
			link = &t->chan_next[i];
			continue;
		}
		chan_unlink(t, a, link);
	}
	return earliest;
}

uint32_t table_n_chans(const struct table *t, const struct table_alloc *a)
{
	return alloc_entry(t, a)->n_chans;
}

/* ---- both ---- */

void table_peer_refused(struct table *t, struct table_alloc *a)
{
	alloc_entry(t, a)->peer_refused = true;
}

bool table_peer_refused_take(struct table *t, struct table_alloc *a)
{
	struct table_entry *e = alloc_entry(t, a);
	bool refused = e->peer_refused;

	e->peer_refused = false;
	return refused;
}

void table_peers_del(struct table *t, struct table_alloc *a, unsigned int families)
{
	perms_sweep(t, a, families, 0);
	chans_sweep(t, a, families, 0);
	table_records_count(t, a);
}

uint32_t table_expire(struct table *t, struct table_alloc *a, uint32_t now)
{
	uint32_t earliest = perms_sweep(t, a, 0, now);
	uint32_t chans = chans_sweep(t, a, 0, now);
	uint32_t families = word_get(&a->families);

	table_records_count(t, a);
	earliest = chans < earliest ? chans : earliest;
	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (families & (1u << f) && word_get(&a->expiry[f]) < earliest)
			earliest = word_get(&a->expiry[f]);
	}
	return earliest;
}
