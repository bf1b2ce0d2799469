/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The allocation table: records of sessions that the dataplane has and the file had lost. Whose
 * they are the dataplane does not know: the first who authenticates on the five-tuple is taken for
 * the owner.
 */
#include "table_priv.h"

/* Owner of a slot that is held: the index of no record. */
enum { HELD = 0xfffffffe };

static const uint8_t nobody[TABLE_USER_ID];

struct table_alloc *table_adopt(struct table *t, const struct table_alloc *proto)
{
	size_t from = offsetof(struct table_alloc, families);
	uint32_t i = t->alloc_free;
	struct table_alloc *a = &t->alloc[i];

	if (i == SLOT_NONE || proto->worker >= t->n_workers || proto->sid.slot >= t->sessions ||
	    t->slots[proto->worker].owner[proto->sid.slot] != SLOT_NONE)
		return NULL;
	memcpy((uint8_t *)a + from, (const uint8_t *)proto + from, sizeof(*a) - from);
	a->leg_worker = a->worker;
	a->leg_slot = SLOT_NONE;
	a->sum = table_alloc_sum(t, a);
	if (!table_alloc_valid(t, a))
		return NULL;
	t->alloc_free = t->entry[i].next;
	table_index(t, a);
	state_publish(&a->state);
	return a;
}

bool table_slot_hold(struct table *t, uint32_t worker, uint32_t slot)
{
	uint32_t *owner = &t->slots[worker].owner[slot];

	if (*owner == SLOT_NONE)
		*owner = HELD;
	return *owner == HELD;
}

void table_slot_drop(struct table *t, uint32_t worker, uint32_t slot)
{
	if (t->slots[worker].owner[slot] == HELD)
		t->slots[worker].owner[slot] = SLOT_NONE;
}

bool table_adopt_redirect(struct table *t, struct table_alloc *a, uint32_t worker, uint32_t slot)
{
	if (table_redirected(a) || worker >= t->n_workers || worker == a->worker ||
	    slot >= t->sessions || !table_slot_hold(t, worker, slot))
		return false;
	state_withdraw(&a->state);
	a->leg_worker = worker;
	a->leg_slot = slot;
	a->sum = table_alloc_sum(t, a);
	t->slots[worker].owner[slot] = alloc_index(t, a);
	state_publish(&a->state);
	return true;
}

bool table_unowned(const struct table_alloc *a)
{
	return memcmp(a->user_id, nobody, sizeof(nobody)) == 0;
}

bool table_named(const struct table *t, const struct table_alloc *a, const char *user)
{
	uint8_t id[TABLE_USER_ID];

	if (!a->any_kind)
		return false;
	table_user_id(t, user, false, id);
	return memcmp(a->user_id, id, TABLE_USER_ID) == 0;
}

void table_own(struct table *t, struct table_alloc *a, const uint8_t id[TABLE_USER_ID],
	       const char *user)
{
	struct table_entry *e = alloc_entry(t, a);

	state_withdraw(&a->state);
	memcpy(a->user_id, id, TABLE_USER_ID);
	a->any_kind = 0;
	memset(a->user, 0, sizeof(a->user));
	memcpy(a->user, user, strnlen(user, sizeof(a->user) - 1));
	a->sum = table_alloc_sum(t, a);
	t->user[e->user].records -= e->records;
	table_user_leave(t, a);
	table_user_join(t, a, id);
	t->user[e->user].records += e->records;
	state_publish(&a->state);
}
