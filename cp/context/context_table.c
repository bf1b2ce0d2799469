/* SPDX-License-Identifier: BSD-3-Clause */
/* The context table: records and indexes. */
#include "context_priv.h"

#include "../rand.h"

uint64_t context_sum(const struct context_table *t, const struct context *c)
{
	size_t from = offsetof(struct context, id);

	return siphash(&t->hdr->sum_key, (const uint8_t *)c + from, sizeof(*c) - from);
}

uint32_t context_owner(const struct context_table *t, const void *name, size_t len)
{
	uint32_t n = (uint32_t)siphash(&t->hdr->sum_key, name, len);

	return n ? n : 1;
}

/* ---- changes ---- */

/* What is written to the redo slots before stays before, and what is written to them later behind.
 */
static void redo_publish(struct context_table *t, uint32_t n)
{
	atomic_store_explicit(&t->hdr->redoing, n, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
}

static void redo_prepare(struct context_table *t, uint32_t i, const struct context *c,
			 const struct context *to)
{
	struct context *redo = &t->hdr->redo[i];

	t->hdr->redo_index[i] = context_index(t, c);
	memcpy(redo, to, sizeof(*redo));
	atomic_store_explicit(&redo->state, TABLE_LIVE, memory_order_relaxed);
	redo->sum = context_sum(t, redo);
}

static void redo_carry_out(struct context_table *t, struct context *c, uint32_t i)
{
	memcpy(c, &t->hdr->redo[i], sizeof(*c));
}

/* Terminations that are SRTP. */
static uint32_t srtp_count(const struct context *c)
{
	return term_srtp(&c->term[0].term) + term_srtp(&c->term[1].term);
}

static void srtp_take(struct context_worker *w, const struct context *c)
{
	for (uint32_t n = srtp_count(c); n; n--)
		share_take(&w->srtp[c->kept], c->owner);
}

static void srtp_give(struct context_worker *w, const struct context *c)
{
	for (uint32_t n = srtp_count(c); n; n--)
		share_give(&w->srtp[c->kept], c->owner);
}

static void context_take(struct context_worker *w, const struct context *c)
{
	w->contexts++;
	w->streams += c->stream;
	w->kept += c->kept;
	w->kept_streams += c->kept && c->stream;
	srtp_take(w, c);
}

static void context_give(struct context_worker *w, const struct context *c)
{
	w->contexts--;
	w->streams -= c->stream;
	w->kept -= c->kept;
	w->kept_streams -= c->kept && c->stream;
	srtp_give(w, c);
}

static void recount(struct context_table *t, const struct context *c, const struct context *to)
{
	if (!context_linked(t, c)) /* it is counted when it is */
		return;
	context_give(&t->worker[c->worker], c);
	context_take(&t->worker[c->worker], to);
}

void context_commit(struct context_table *t, struct context *c, const struct context *to)
{
	recount(t, c, to);
	redo_prepare(t, 0, c, to);
	redo_publish(t, 1);
	redo_carry_out(t, c, 0);
	redo_publish(t, 0);
}

void context_commit_pair(struct context_table *t, struct context *a, const struct context *to_a,
			 struct context *b, const struct context *to_b)
{
	recount(t, a, to_a);
	recount(t, b, to_b);
	redo_prepare(t, 0, a, to_a);
	redo_prepare(t, 1, b, to_b);
	redo_publish(t, 2);
	redo_carry_out(t, a, 0);
	redo_carry_out(t, b, 1);
	redo_publish(t, 0);
}

/* ---- indexes ---- */

/* An id is random and ours: nobody can choose its bucket's length. */
static uint32_t *id_bucket(const struct context_table *t, uint64_t id)
{
	return &t->by_id[id & t->mask];
}

static uint64_t call_hash(const struct context_table *t, const char *call)
{
	return siphash(&t->hash_key, call, strlen(call));
}

static bool of_call(const struct context_table *t, uint32_t i, uint64_t hash, const char *call)
{
	return t->entry[i].call_hash == hash && strcmp(t->record[i].call, call) == 0;
}

/* Where a record comes into its bucket: before those of its call with a higher media. */
static void call_link(struct context_table *t, const struct context *c)
{
	uint32_t i = context_index(t, c), *p;

	t->entry[i].call_hash = call_hash(t, c->call);
	p = &t->by_call[t->entry[i].call_hash & t->mask];
	while (*p != SLOT_NONE &&
	       !(of_call(t, *p, t->entry[i].call_hash, c->call) && t->record[*p].media > c->media))
		p = &t->entry[*p].call_next;
	t->entry[i].call_next = *p;
	*p = i;
}

static void call_unlink(struct context_table *t, const struct context *c)
{
	uint32_t i = context_index(t, c), *p = &t->by_call[t->entry[i].call_hash & t->mask];

	while (*p != i)
		p = &t->entry[*p].call_next;
	*p = t->entry[i].call_next;
}

void context_link(struct context_table *t, struct context *c)
{
	struct context_worker *w = &t->worker[c->worker];
	uint32_t i = context_index(t, c), *bucket = id_bucket(t, c->id);

	t->entry[i] = (struct context_entry){ .id_next = *bucket };
	*bucket = i;
	if (c->call[0])
		call_link(t, c);
	w->slots.owner[c->cid.slot] = i;
	t->high = i >= t->high ? i + 1 : t->high;
	context_take(w, c);
	t->stats.contexts++;
}

static struct context *record_at(const struct context_table *t, uint32_t i)
{
	return i == SLOT_NONE ? NULL : &t->record[i];
}

struct context *context_find(struct context_table *t, uint64_t id)
{
	uint32_t i = *id_bucket(t, id);

	while (i != SLOT_NONE && t->record[i].id != id)
		i = t->entry[i].id_next;
	return record_at(t, i);
}

struct context *context_at_slot(struct context_table *t, uint32_t worker, uint32_t slot)
{
	return record_at(t, t->worker[worker].slots.owner[slot]);
}

struct context *context_find_cid(struct context_table *t, uint32_t worker, struct ctl_cid cid)
{
	struct context *c;

	if (worker >= t->n_workers || cid.slot >= t->conf->gateway.contexts)
		return NULL;
	c = context_at_slot(t, worker, cid.slot);
	return c && c->cid.gen == cid.gen ? c : NULL;
}

struct context *context_call_next(struct context_table *t, const char *call,
				  const struct context *c)
{
	uint64_t hash = call_hash(t, call);
	uint32_t i = c ? t->entry[context_index(t, c)].call_next : t->by_call[hash & t->mask];

	while (i != SLOT_NONE && !of_call(t, i, hash, call))
		i = t->entry[i].call_next;
	return record_at(t, i);
}

struct context *context_next(struct context_table *t, uint32_t *cursor, uint32_t *look)
{
	while (*cursor < t->high && *look) {
		struct context *c = &t->record[(*cursor)++];

		--*look;
		if (context_live(c))
			return c;
	}
	return NULL;
}

/* ---- records ---- */

static uint32_t next_gen(struct context_table *t)
{
	uint32_t gen = atomic_load_explicit(&t->hdr->next_gen, memory_order_relaxed) + 1;

	gen += gen == 0; /* never 0 */
	atomic_store_explicit(&t->hdr->next_gen, gen, memory_order_release);
	return gen;
}

static uint64_t new_id(struct context_table *t)
{
	uint64_t id;

	do
		rand_bytes(&id, sizeof(id));
	while (id == 0 || context_find(t, id));
	return id;
}

struct context *context_add(struct context_table *t, const struct context *proto)
{
	size_t from = offsetof(struct context, id);
	uint32_t i = t->free, slot;
	struct context *c;

	if (i == SLOT_NONE)
		return NULL;
	slot = slots_take(&t->worker[proto->worker].slots);
	if (slot == SLOT_NONE)
		return NULL;
	t->free = t->entry[i].id_next;
	c = &t->record[i];
	memcpy((uint8_t *)c + from, (const uint8_t *)proto + from, sizeof(*c) - from);
	c->kept = proto->kept;
	c->urgent = proto->urgent;
	c->id = new_id(t);
	c->cid = (struct ctl_cid){ slot, next_gen(t) };
	c->sum = context_sum(t, c);
	atomic_store_explicit(&c->state, TABLE_LIVE, memory_order_release);
	context_link(t, c);
	return c;
}

struct context *context_adopt(struct context_table *t, const struct context *proto)
{
	size_t from = offsetof(struct context, id);
	uint32_t i = t->free;
	struct context *c;

	if (i == SLOT_NONE || proto->cid.slot >= t->conf->gateway.contexts ||
	    context_at_slot(t, proto->worker, proto->cid.slot))
		return NULL;
	c = &t->record[i];
	memcpy((uint8_t *)c + from, (const uint8_t *)proto + from, sizeof(*c) - from);
	c->kept = proto->kept;
	c->urgent = proto->urgent;
	c->id = new_id(t);
	if (!context_terms_valid(t, c))
		return NULL;
	t->free = t->entry[i].id_next;
	c->sum = context_sum(t, c);
	atomic_store_explicit(&c->state, TABLE_LIVE, memory_order_release);
	context_link(t, c);
	return c;
}

void context_del(struct context_table *t, struct context *c)
{
	struct context_worker *w = &t->worker[c->worker];
	uint32_t i = context_index(t, c), *p = id_bucket(t, c->id);

	/* What is written to it later stays behind this store. */
	atomic_store_explicit(&c->state, TABLE_FREE, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	while (*p != i)
		p = &t->entry[*p].id_next;
	*p = t->entry[i].id_next;
	if (c->call[0])
		call_unlink(t, c);
	slots_put(&w->slots, c->cid.slot);
	context_give(w, c);
	c->kept = c->urgent = 0; /* whoever takes the place may know nothing of them */
	t->stats.contexts--;
	t->entry[i].id_next = t->free;
	t->free = i;
}

/* ---- what goes with them ---- */

const struct context_stats *context_stats(const struct context_table *t)
{
	return &t->stats;
}

uint32_t context_count(const struct context_table *t, uint32_t worker, bool kept)
{
	return kept ? t->worker[worker].kept : t->worker[worker].contexts;
}

uint32_t context_streams(const struct context_table *t, uint32_t worker, bool kept)
{
	return kept ? t->worker[worker].kept_streams : t->worker[worker].streams;
}

const struct share *context_srtp(const struct context_table *t, uint32_t worker, bool kept)
{
	return &t->worker[worker].srtp[kept];
}

struct timer *context_timer(struct context_table *t, const struct context *c)
{
	return &t->entry[context_index(t, c)].timer;
}

struct context *context_of_timer(struct context_table *t, const struct timer *tm)
{
	return &t->record[(const struct context_entry *)tm - t->entry];
}

uint32_t *context_silence(struct context_table *t, const struct context *c)
{
	return &t->entry[context_index(t, c)].silence;
}

struct context_keys **context_keys(const struct context_table *t, const struct context *c)
{
	return &t->entry[context_index(t, c)].keys;
}

void context_world_add(struct context_table *t)
{
	statefile_world_add(&t->file, t->conf);
}

bool context_partial(const struct context_table *t)
{
	return statefile_partial(&t->file);
}

void context_told(struct context_table *t, uint32_t worker)
{
	slots_refill(&t->worker[worker].slots);
}

void context_whole(struct context_table *t)
{
	for (uint32_t w = 0; statefile_partial(&t->file) && w < t->n_workers; w++)
		slots_refill(&t->worker[w].slots);
	statefile_partial_set(&t->file, false);
}

uint64_t context_generation(const struct context_table *t)
{
	return atomic_load_explicit(&t->hdr->generation, memory_order_relaxed);
}

void context_generation_set(struct context_table *t, uint64_t generation)
{
	atomic_store_explicit(&t->hdr->generation, generation, memory_order_release);
}
