/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The allocation table: taking up the records of an earlier process. Nothing in the file is
 * believed; a record that cannot be is withdrawn and counted.
 */
#include "table_priv.h"

#include "../lib/chandata.h"

static bool relay_valid(const struct config *c, struct ctl_relay r, bool v6)
{
	return config_relay_has(c, &r) && ip_is_v4(&c->relay[r.relay].addr) != v6;
}

bool table_alloc_valid(struct table *t, const struct table_alloc *a)
{
	uint32_t families = word_get(&a->families);

	if (a->sum != table_alloc_sum(t, a) || families == 0 ||
	    families & ~(uint32_t)(FAMILY_V4 | FAMILY_V6) || a->sid.gen == 0 ||
	    !listener_is_there(t->conf, a->leg.listener) || a->user[TABLE_USER_TEXT - 1] != '\0')
		return false;
	if (table_relays_tcp(a) && !leg_is_stream(&a->leg))
		return false;
	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (families & (1u << f) && !relay_valid(t->conf, a->relay[f], f == RELAY_V6))
			return false;
	}
	return table_find(t, &a->leg) == NULL;
}

/* Drops families that are over. False if none is left. */
static bool alloc_fresh(struct table_alloc *a, uint32_t now)
{
	uint32_t families = word_get(&a->families);

	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (now >= word_get(&a->expiry[f]))
			families &= ~(1u << f);
	}
	word_set(&a->families, families);
	return families != 0;
}

/*
 * The worker that owns the allocation's relayed ports today. The number of workers may have
 * changed; SLOT_NONE when its two ports would go different ways.
 */
static uint32_t alloc_owner(const struct table *t, const struct table_alloc *a)
{
	uint32_t families = word_get(&a->families), owner = SLOT_NONE;

	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		uint32_t w;

		if (!(families & (1u << f)))
			continue;
		w = config_relay_worker(t->conf, a->relay[f].relay, be16_get(a->relay[f].port));
		if (owner != SLOT_NONE && owner != w)
			return SLOT_NONE;
		owner = w;
	}
	return owner;
}

static bool slot_is_free(const struct table *t, uint32_t worker, uint32_t slot)
{
	return slot < t->sessions && t->slots[worker].owner[slot] == SLOT_NONE;
}

/* Whether it can stay on its worker and in its slots. */
static bool place_stays(const struct table *t, const struct table_alloc *a)
{
	if (alloc_owner(t, a) != a->worker || !slot_is_free(t, a->worker, a->sid.slot))
		return false;
	if (!table_redirected(a))
		return a->leg_slot == SLOT_NONE;
	return a->leg_worker < t->n_workers && slot_is_free(t, a->leg_worker, a->leg_slot);
}

/* First pass: withdraws what cannot stay, indexes what stays where it is. */
static void load_alloc(struct table *t, struct table_alloc *a, uint32_t now)
{
	if (word_get(&a->state) == TABLE_FREE)
		return;
	if (!state_live(&a->state) || !table_alloc_valid(t, a)) {
		t->stats.damaged++;
		state_withdraw(&a->state);
		return;
	}
	if (!alloc_fresh(a, now)) {
		t->stats.expired++;
		state_withdraw(&a->state);
		return;
	}
	if (!place_stays(t, a))
		return; /* second pass */
	table_index(t, a);
	t->stats.kept++;
}

static bool alloc_indexed(const struct table *t, const struct table_alloc *a)
{
	return a->worker < t->n_workers && a->sid.slot < t->sessions &&
	       t->slots[a->worker].owner[a->sid.slot] == alloc_index(t, a);
}

/*
 * Second pass: a new place for those whose worker or slot is another's now. The client's packets
 * are taken to come to the worker they came to before, as long as there is one of that number.
 */
static void move_alloc(struct table *t, struct table_alloc *a)
{
	uint32_t worker;

	if (!state_live(&a->state) || alloc_indexed(t, a))
		return;
	state_withdraw(&a->state);
	worker = alloc_owner(t, a);
	a->worker = worker;
	if (a->leg_worker >= t->n_workers)
		a->leg_worker = worker;
	if (worker == SLOT_NONE || table_find(t, &a->leg) || !table_slots_take(t, a)) {
		t->stats.damaged++;
		return;
	}
	a->sum = table_alloc_sum(t, a);
	table_index(t, a);
	state_publish(&a->state);
	t->stats.kept++;
	t->stats.moved++;
}

/* The allocation that a permission or channel belongs to, NULL if it is void. */
static struct table_alloc *peer_owner(struct table *t, uint32_t alloc, uint32_t gen,
				      const struct ip_addr *peer, uint32_t expiry, uint32_t now)
{
	struct table_alloc *a;
	uint32_t family = ip_is_v4(peer) ? FAMILY_V4 : FAMILY_V6;

	if (alloc >= t->allocs || now >= expiry)
		return NULL;
	a = &t->alloc[alloc];
	return state_live(&a->state) && a->sid.gen == gen && word_get(&a->families) & family ? a
											     : NULL;
}

static void load_perm(struct table *t, struct table_perm *p, uint32_t now)
{
	struct table_alloc *a = NULL;

	if (state_live(&p->state))
		a = peer_owner(t, p->alloc, p->gen, &p->peer, word_get(&p->expiry), now);
	if (a && !table_perm_find(t, a, &p->peer)) {
		table_perm_link(t, a, p);
		return;
	}
	state_withdraw(&p->state);
	t->perm_next[p - t->perm] = t->perm_free;
	t->perm_free = (uint32_t)(p - t->perm);
}

static void load_chan(struct table *t, struct table_chan *ch, uint32_t now)
{
	uint16_t max = t->conf->turn.rfc5766_channels ? CHANNEL_MAX_RFC5766 : CHANNEL_MAX;
	struct table_alloc *a = NULL;

	if (state_live(&ch->state) && ch->number >= CHANNEL_MIN && ch->number <= max)
		a = peer_owner(t, ch->alloc, ch->gen, &ch->peer.ip, word_get(&ch->expiry), now);
	if (a && !table_chan_find(t, a, ch->number) && !table_chan_of_peer(t, a, &ch->peer)) {
		table_chan_link(t, a, ch);
		return;
	}
	state_withdraw(&ch->state);
	t->chan_next[ch - t->chan] = t->chan_free;
	t->chan_free = (uint32_t)(ch - t->chan);
}

static void load_resv(struct table *t, struct table_resv *r, uint32_t now)
{
	uint32_t i = (uint32_t)(r - t->resv), in_token = 0;

	memcpy(&in_token, r->token, 3);
	if (state_live(&r->state) && now < r->expiry && in_token == i &&
	    (relay_valid(t->conf, r->relay, false) || relay_valid(t->conf, r->relay, true))) {
		t->resv_entry[i].user = table_user_get(t, r->user_id);
		t->stats.resvs++;
		return;
	}
	state_withdraw(&r->state);
	t->resv_entry[i].next = t->resv_free;
	t->resv_free = i;
}

void table_load(struct table *t, uint32_t now)
{
	t->alloc_free = t->perm_free = t->chan_free = t->resv_free = t->user_free = SLOT_NONE;
	for (uint32_t i = t->allocs + t->resvs; i-- > 0;) {
		t->user[i].next = t->user_free;
		t->user_free = i;
	}
	for (uint32_t i = 0; i < t->allocs; i++)
		load_alloc(t, &t->alloc[i], now);
	for (uint32_t w = 0; w < t->n_workers; w++)
		slots_fill(&t->slots[w]);
	for (uint32_t i = t->allocs; i-- > 0;) {
		move_alloc(t, &t->alloc[i]);
		if (!state_live(&t->alloc[i].state)) {
			t->entry[i].next = t->alloc_free;
			t->alloc_free = i;
		}
	}
	for (uint32_t i = t->perms; i-- > 0;)
		load_perm(t, &t->perm[i], now);
	for (uint32_t i = t->chans; i-- > 0;)
		load_chan(t, &t->chan[i], now);
	for (uint32_t i = 0; i < t->allocs; i++) {
		if (state_live(&t->alloc[i].state))
			table_records_count(t, &t->alloc[i]);
	}
	for (uint32_t i = t->resvs; i-- > 0;)
		load_resv(t, &t->resv[i], now);
	/* What was there before the configuration allowed less. */
	if (t->stats.perms > t->stats.perms_max)
		t->stats.perms_max = t->stats.perms;
	if (t->stats.chans > t->stats.chans_max)
		t->stats.chans_max = t->stats.chans;
	if (t->stats.damaged)
		statefile_partial_set(&t->file, true);
}
