/* SPDX-License-Identifier: BSD-3-Clause */
/* The allocation table: allocations, users, session slots. */
#include "table_priv.h"

uint64_t table_alloc_sum(const struct table *t, const struct table_alloc *a)
{
	size_t from = offsetof(struct table_alloc, worker);

	return siphash(&t->hdr->sum_key, (const uint8_t *)a + from, sizeof(*a) - from);
}

/* The five-tuple: all of a leg but the connection, of which only one at a time can have it. */
enum { LEG_TUPLE = offsetof(struct ctl_leg, conn) };
_Static_assert(LEG_TUPLE == 20, "client and listener, no gaps");

static uint32_t *leg_bucket(struct table *t, const struct ctl_leg *leg)
{
	return &t->bucket[siphash(&t->hash_key, leg, LEG_TUPLE) & t->mask];
}

static uint32_t *user_bucket(struct table *t, const uint8_t id[TABLE_USER_ID])
{
	uint64_t h;

	memcpy(&h, id, sizeof(h)); /* a keyed hash already */
	return &t->user_bucket[h & t->mask];
}

/* ---- users ---- */

void table_user_id(const struct table *t, const char *user, bool rest, uint8_t id[TABLE_USER_ID])
{
	char text[1 + STUN_USERNAME_MAX] = { (char)0xff }; /* which begins no character of UTF-8 */
	size_t len = strnlen(user, STUN_USERNAME_MAX);

	memcpy(text + 1, user, len);
	for (int i = 0; i < 2; i++) {
		uint64_t h = rest ? siphash(&t->hdr->user_key[i], text, 1 + len)
				  : siphash(&t->hdr->user_key[i], user, len);

		memcpy(id + 8 * i, &h, sizeof(h));
	}
}

static uint32_t user_find(struct table *t, const uint8_t id[TABLE_USER_ID])
{
	uint32_t i = *user_bucket(t, id);

	while (i != SLOT_NONE && memcmp(t->user[i].id, id, TABLE_USER_ID) != 0)
		i = t->user[i].next;
	return i;
}

uint32_t table_user_held(const struct table *t, const uint8_t id[TABLE_USER_ID])
{
	uint32_t i = user_find((struct table *)t, id);

	return i == SLOT_NONE ? 0 : t->user[i].held;
}

uint32_t table_user_get(struct table *t, const uint8_t id[TABLE_USER_ID])
{
	uint32_t i = user_find(t, id);
	uint32_t *bucket = user_bucket(t, id);

	if (i == SLOT_NONE) {
		i = t->user_free;
		t->user_free = t->user[i].next;
		memcpy(t->user[i].id, id, TABLE_USER_ID);
		t->user[i].held = 0;
		t->user[i].allocs = 0;
		t->user[i].records = 0;
		t->user[i].next = *bucket;
		*bucket = i;
		t->stats.users++;
	}
	t->user[i].held++;
	return i;
}

void table_user_put(struct table *t, uint32_t i)
{
	uint32_t *p;

	if (--t->user[i].held)
		return;
	for (p = user_bucket(t, t->user[i].id); *p != i;)
		p = &t->user[*p].next;
	*p = t->user[i].next;
	t->user[i].next = t->user_free;
	t->user_free = i;
	t->stats.users--;
}

/* The ring begins with whose turn it is; who is new comes last. */
void table_user_join(struct table *t, struct table_alloc *a, const uint8_t id[TABLE_USER_ID])
{
	struct table_entry *e = alloc_entry(t, a), *first;
	uint32_t i = alloc_index(t, a);
	struct table_user *u;

	e->user = table_user_get(t, id);
	u = &t->user[e->user];
	if (u->allocs++ == 0)
		u->turn = e->user_next = e->user_prev = i;
	first = &t->entry[u->turn];
	e->user_next = u->turn;
	e->user_prev = first->user_prev;
	t->entry[first->user_prev].user_next = i;
	first->user_prev = i;
}

void table_user_leave(struct table *t, struct table_alloc *a)
{
	struct table_entry *e = alloc_entry(t, a);
	struct table_user *u = &t->user[e->user];

	t->entry[e->user_prev].user_next = e->user_next;
	t->entry[e->user_next].user_prev = e->user_prev;
	if (u->turn == alloc_index(t, a))
		u->turn = e->user_next;
	u->allocs--;
	table_user_put(t, e->user);
}

uint32_t table_user_allocs(const struct table *t, const struct table_alloc *a)
{
	return t->user[alloc_entry(t, a)->user].allocs;
}

struct table_alloc *table_user_turn(struct table *t, const struct table_alloc *a)
{
	struct table_user *u = &t->user[alloc_entry(t, a)->user];
	uint32_t i = u->turn;

	u->turn = t->entry[i].user_next;
	return &t->alloc[i];
}

/* ---- session slots ---- */

bool table_slots_take(struct table *t, struct table_alloc *a)
{
	uint32_t slot = slots_take(&t->slots[a->worker]), leg_slot = SLOT_NONE;

	if (slot == SLOT_NONE)
		return false;
	if (table_redirected(a)) {
		leg_slot = slots_take(&t->slots[a->leg_worker]);
		if (leg_slot == SLOT_NONE) {
			slots_put(&t->slots[a->worker], slot);
			return false;
		}
	}
	a->sid.slot = slot;
	a->leg_slot = leg_slot;
	return true;
}

static uint32_t next_gen(struct table *t)
{
	uint32_t gen = word_get(&t->hdr->next_gen) + 1;

	gen += gen == 0; /* never 0 */
	word_set(&t->hdr->next_gen, gen);
	return gen;
}

/* ---- allocations ---- */

struct table_alloc *table_find(struct table *t, const struct ctl_leg *leg)
{
	uint32_t i = *leg_bucket(t, leg);

	while (i != SLOT_NONE && memcmp(&t->alloc[i].leg, leg, LEG_TUPLE) != 0)
		i = t->entry[i].next;
	return i == SLOT_NONE ? NULL : &t->alloc[i];
}

struct table_alloc *table_find_sid(struct table *t, uint32_t worker, struct ctl_sid sid)
{
	uint32_t i;

	if (worker >= t->n_workers || sid.slot >= t->sessions)
		return NULL;
	i = t->slots[worker].owner[sid.slot];
	return i < t->allocs && t->alloc[i].sid.gen == sid.gen ? &t->alloc[i] : NULL;
}

struct table_alloc *table_at_slot(struct table *t, uint32_t worker, uint32_t slot)
{
	uint32_t i = t->slots[worker].owner[slot];

	return i < t->allocs ? &t->alloc[i] : NULL;
}

void table_index(struct table *t, struct table_alloc *a)
{
	struct table_entry *e = alloc_entry(t, a);
	uint32_t *bucket = leg_bucket(t, &a->leg);

	*e = (struct table_entry){ .next = *bucket, .perms = SLOT_NONE, .chans = SLOT_NONE };
	*bucket = alloc_index(t, a);
	table_user_join(t, a, a->user_id);
	t->slots[a->worker].owner[a->sid.slot] = alloc_index(t, a);
	if (table_redirected(a))
		t->slots[a->leg_worker].owner[a->leg_slot] = alloc_index(t, a);
	t->stats.allocs++;
	t->listener_allocs[a->leg.listener]++;
}

struct table_alloc *table_add(struct table *t, const struct table_alloc *proto)
{
	uint32_t i = t->alloc_free;
	struct table_alloc *a = &t->alloc[i];
	size_t from = offsetof(struct table_alloc, families);

	if (i == SLOT_NONE || t->stats.allocs >= t->stats.allocs_max)
		return NULL;
	memcpy((uint8_t *)a + from, (const uint8_t *)proto + from, sizeof(*a) - from);
	if (!table_slots_take(t, a))
		return NULL;
	t->alloc_free = t->entry[i].next;
	a->sid.gen = next_gen(t);
	a->sum = table_alloc_sum(t, a);
	table_index(t, a);
	state_publish(&a->state);
	return a;
}

void table_del(struct table *t, struct table_alloc *a)
{
	struct table_entry *e = alloc_entry(t, a);
	uint32_t i = alloc_index(t, a);
	uint32_t *p;

	state_withdraw(&a->state);
	table_peers_del(t, a, FAMILY_V4 | FAMILY_V6);
	for (p = leg_bucket(t, &a->leg); *p != i;)
		p = &t->entry[*p].next;
	*p = e->next;
	table_user_leave(t, a);
	slots_put(&t->slots[a->worker], a->sid.slot);
	if (table_redirected(a))
		slots_put(&t->slots[a->leg_worker], a->leg_slot);
	e->next = t->alloc_free;
	t->alloc_free = i;
	t->stats.allocs--;
	t->listener_allocs[a->leg.listener]--;
}

void table_del_family(struct table *t, struct table_alloc *a, unsigned int family)
{
	word_set(&a->families, word_get(&a->families) & ~family);
	table_peers_del(t, a, family);
}

struct table_alloc *table_walk(struct table *t, uint32_t *cursor, uint32_t *look)
{
	while (*cursor < t->allocs && *look) {
		struct table_alloc *a = &t->alloc[(*cursor)++];

		--*look;
		if (state_live(&a->state))
			return a;
	}
	return NULL;
}

struct table_alloc *table_next(struct table *t, uint32_t *cursor)
{
	uint32_t look = UINT32_MAX;

	return table_walk(t, cursor, &look);
}

uint32_t table_alloc_expiry(const struct table_alloc *a)
{
	uint32_t families = word_get(&a->families), expiry = 0;

	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (families & (1u << f) && word_get(&a->expiry[f]) > expiry)
			expiry = word_get(&a->expiry[f]);
	}
	return expiry;
}

uint64_t table_generation(const struct table *t)
{
	return atomic_load_explicit(&t->hdr->generation, memory_order_relaxed);
}

void table_generation_set(struct table *t, uint64_t generation)
{
	atomic_store_explicit(&t->hdr->generation, generation, memory_order_release);
}

void table_world_add(struct table *t)
{
	statefile_world_add(&t->file, t->conf);
}

uint32_t table_places(const struct table *t)
{
	return t->allocs;
}

uint32_t table_place_of(const struct table *t, const struct table_alloc *a)
{
	return alloc_index(t, a);
}

void table_limit_set(struct table *t)
{
	const uint32_t most = t->conf->turn.allocations_max;

	t->stats.allocs_max = most < t->allocs ? most : t->allocs;
}

bool table_partial(const struct table *t)
{
	return statefile_partial(&t->file);
}

void table_told(struct table *t, uint32_t worker)
{
	slots_refill(&t->slots[worker]);
}

void table_whole(struct table *t)
{
	for (uint32_t w = 0; statefile_partial(&t->file) && w < t->n_workers; w++)
		slots_refill(&t->slots[w]);
	statefile_partial_set(&t->file, false);
}

const struct table_stats *table_stats(const struct table *t)
{
	return &t->stats;
}

uint32_t table_listener_allocs(const struct table *t, uint16_t listener)
{
	return t->listener_allocs[listener];
}

struct timer *table_timer(struct table *t, const struct table_alloc *a)
{
	return &alloc_entry(t, a)->timer;
}

struct table_alloc *table_timer_alloc(struct table *t, const struct timer *tm)
{
	const struct table_entry *e = (const struct table_entry *)tm; /* its first member */

	return &t->alloc[e - t->entry];
}
