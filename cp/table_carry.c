/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The allocation table: carrying records over into a file of another size, version or world. Each
 * keeps its place, and the names of listeners and relays in it become those of today. What is over,
 * or has no place on its worker, table_load() sees to.
 */
#include "table_priv.h"

enum { POOL_ALLOC, POOL_PERM, POOL_CHAN, POOL_RESV };

/* The owner's part of the header. */
enum { OWN_AT = offsetof(struct table_header, sum_key) };

static bool live(const struct statefile_view *v, int pool, uint32_t i)
{
	uint32_t state; /* the first word of each */

	memcpy(&state, statefile_record(v, pool, i), sizeof(state));
	return state == TABLE_LIVE;
}

static uint32_t table_needs(const struct statefile_view *v, int pool)
{
	uint32_t n = v->records[pool];

	while (n && !live(v, pool, n - 1))
		n--;
	return n;
}

/* A relay's index of that time becomes today's. False if it is no more. */
static bool relay_carry(const struct statefile_view *v, struct ctl_relay *r)
{
	if (r->relay == CTL_RELAY_NONE)
		return true;
	if (r->relay >= CTL_RELAYS_MAX || v->relay[r->relay] == STATEFILE_GONE)
		return false;
	r->relay = v->relay[r->relay];
	return true;
}

static bool alloc_carry(const struct statefile_view *v, uint32_t i, const struct siphash_key *key,
			struct table_alloc *a)
{
	const size_t from = offsetof(struct table_alloc, worker);
	const uint8_t *old = statefile_record(v, POOL_ALLOC, i);
	uint32_t families;

	statefile_copy(v, POOL_ALLOC, i, a, sizeof(*a));
	families = atomic_load(&a->families);
	if (a->sum != siphash(key, old + from, v->record_bytes[POOL_ALLOC] - from) ||
	    a->leg.listener >= CTL_PLACES_MAX || v->listener[a->leg.listener] == STATEFILE_GONE)
		return false;
	a->leg.listener = v->listener[a->leg.listener];
	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (!relay_carry(v, &a->relay[f]) && families & (1u << f))
			return false;
	}
	if (v->version < TABLE_KINDS)
		a->any_kind = 1;
	a->sum = siphash(key, (const uint8_t *)a + from, sizeof(*a) - from);
	return true;
}

static uint32_t allocs_carry(const struct statefile_view *v, const struct table_header *h,
			     struct table_alloc *to)
{
	uint32_t lost = 0;

	for (uint32_t i = 0, n = table_needs(v, POOL_ALLOC); i < n; i++) {
		if (!live(v, POOL_ALLOC, i) || alloc_carry(v, i, &h->sum_key, &to[i]))
			continue;
		atomic_store(&to[i].state, TABLE_FREE);
		lost++;
	}
	return lost;
}

static void resvs_carry(const struct statefile_view *v, struct table_resv *to)
{
	for (uint32_t i = 0, n = table_needs(v, POOL_RESV); i < n; i++) {
		statefile_copy(v, POOL_RESV, i, &to[i], sizeof(to[i]));
		if (!relay_carry(v, &to[i].relay))
			atomic_store(&to[i].state, TABLE_FREE);
	}
}

static void pool_carry(const struct statefile_view *v, int pool, void *to, size_t bytes)
{
	for (uint32_t i = 0, n = table_needs(v, pool); i < n; i++)
		statefile_copy(v, pool, i, (uint8_t *)to + i * bytes, (uint32_t)bytes);
}

static uint32_t table_carry(const struct statefile_form *form, const struct statefile_view *v,
			    struct statefile *f)
{
	struct table_header *h = f->map;

	statefile_own(v, (uint8_t *)f->map + OWN_AT, sizeof(*h) - OWN_AT);
	pool_carry(v, POOL_PERM, statefile_pool(f, form, POOL_PERM), sizeof(struct table_perm));
	pool_carry(v, POOL_CHAN, statefile_pool(f, form, POOL_CHAN), sizeof(struct table_chan));
	resvs_carry(v, statefile_pool(f, form, POOL_RESV));
	return allocs_carry(v, h, statefile_pool(f, form, POOL_ALLOC));
}

const struct statefile_carry table_file_carry = { table_needs, table_carry };
