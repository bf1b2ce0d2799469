/* SPDX-License-Identifier: BSD-3-Clause */
/* The context table: its file, its memory, and taking up the records of an earlier process. */
#include "context_priv.h"

#include "../../conf/kept.h"
#include "../../lib/cursor.h"
#include "../../lib/term.h"
#include "../rand.h"

#include <stdio.h>
#include <stdlib.h>

/* What the format before had in the place of lengths and names. */
enum { OLDER_CONTEXT = 2320, OLDER_TERM = 996, OLDER_CTL_TERM = 800, OLDER_HEAD = 324 };

/* Workers, relays, realms and domains, by which it knew what indexes mean. */
static uint64_t older_digest(const struct config *c)
{
	static const struct siphash_key fixed;
	uint8_t
	    buf[8 + CTL_RELAYS_MAX * 18 + (CONFIG_REALMS_MAX + CONFIG_DOMAINS_MAX) * CTL_NAME_MAX];
	struct wr w = wr_init(buf, sizeof(buf));

	wr_u16(&w, c->dataplane.n_workers);
	wr_u16(&w, c->n_relay);
	for (uint16_t i = 0; i < c->n_relay; i++) {
		wr_bytes(&w, &c->relay[i].addr, sizeof(c->relay[i].addr));
		wr_u16(&w, c->relay[i].realm_index);
	}
	wr_u16(&w, c->n_realm);
	for (uint16_t i = 0; i < c->n_realm; i++)
		wr_bytes(&w, c->realm[i].name, CTL_NAME_MAX);
	wr_u16(&w, c->n_domain);
	for (uint16_t i = 0; i < c->n_domain; i++)
		wr_bytes(&w, c->domain[i].name, CTL_NAME_MAX);
	return siphash(&fixed, buf, wr_len(&w));
}

/* The file that a configuration asks for. older: room for a list of two. */
static struct statefile_form context_form(const struct config *c, const char *boot_id,
					  struct statefile_older *older)
{
	older[0] = (struct statefile_older){
		.version = 1,
		.head_bytes = 128 + 2 * OLDER_CONTEXT,
		.record_bytes = { OLDER_CONTEXT, OLDER_TERM, OLDER_CTL_TERM, OLDER_HEAD },
		.digest = older_digest(c),
	};
	older[1] = (struct statefile_older){ 0 };
	return (struct statefile_form){
		.path = c->control.contexts,
		.boot_id = boot_id,
		.magic = CONTEXT_MAGIC,
		.version = CONTEXT_VERSION,
		.head_bytes = sizeof(struct context_header),
		.records = { c->gateway.contexts * c->dataplane.n_workers },
		.record_bytes = { sizeof(struct context), sizeof(struct context_term),
				  sizeof(struct ctl_term), offsetof(struct context, term) },
		.conf = c,
		.older = older,
	};
}

static bool file_open(struct context_table *t, const char *boot_id, char *err, size_t errlen)
{
	struct statefile_older older[2];
	const struct statefile_form form = context_form(t->conf, boot_id, older);
	uint32_t gen;

	if (!statefile_open(&t->file, &form, &context_file_carry, err, errlen))
		return false;
	t->hdr = t->file.map;
	t->record = statefile_pool(&t->file, &form, 0);
	t->max = t->file.records[0];
	t->stats.contexts_max = form.records[0];
	t->stats.fresh = t->file.fresh;
	t->stats.carried = t->file.carried;
	if (!t->file.fresh)
		return true;
	rand_bytes(&t->hdr->sum_key, sizeof(t->hdr->sum_key));
	rand_bytes(&gen, sizeof(gen));
	atomic_store(&t->hdr->next_gen, gen);
	statefile_ready(&t->file, &form);
	return true;
}

enum statefile_look context_look(const struct config *c)
{
	struct statefile_older older[2];
	const struct statefile_form form = context_form(c, NULL, older);

	return statefile_look(&form);
}

uint64_t context_file_size(const struct config *c)
{
	struct statefile_older older[2];
	const struct statefile_form form = context_form(c, NULL, older);

	return statefile_size(&form);
}

static bool memory_take(struct context_table *t)
{
	uint64_t buckets = 64;

	while (buckets < t->max)
		buckets *= 2;
	t->mask = (uint32_t)(buckets - 1);
	t->entry = calloc(t->max, sizeof(*t->entry));
	t->by_id = malloc(buckets * sizeof(*t->by_id));
	t->by_call = malloc(buckets * sizeof(*t->by_call));
	t->worker = calloc(t->n_workers, sizeof(*t->worker));
	if (!t->entry || !t->by_id || !t->by_call || !t->worker)
		return false;
	memset(t->by_id, 0xff, buckets * sizeof(*t->by_id)); /* SLOT_NONE */
	memset(t->by_call, 0xff, buckets * sizeof(*t->by_call));
	for (uint32_t w = 0; w < t->n_workers; w++) {
		if (!slots_open(&t->worker[w].slots, t->conf->gateway.contexts))
			return false;
	}
	return true;
}

/* ---- taking up what is there ---- */

/* Makes again a change that was interrupted. */
static void redo_again(struct context_table *t)
{
	struct context_header *h = t->hdr;
	uint32_t n = atomic_load_explicit(&h->redoing, memory_order_acquire);

	for (uint32_t i = 0; i < n && i < 2; i++) {
		const struct context *to = &h->redo[i];

		if (h->redo_index[i] < t->max && to->sum == context_sum(t, to))
			memcpy(&t->record[h->redo_index[i]], to, sizeof(*to));
	}
	atomic_store_explicit(&h->redoing, 0, memory_order_release);
}

/* Its address is of its realm. */
static bool local_valid(const struct context_table *t, const struct context_term *m)
{
	const struct config *conf = t->conf;
	struct ctl_relay local = m->term.local;

	return realm_is_there(conf, m->realm) && config_relay_has(conf, &local) &&
	       conf->relay[local.relay].realm_index == m->realm;
}

static bool term_fits(const struct context_table *t, const struct context *c,
		      const struct context_term *m)
{
	const struct ctl_term *term = &m->term;

	if (term->transport == TERM_NONE)
		return true;
	return (term->transport > TERM_UDP) == c->stream && m->state <= TERM_STATE_ENDED &&
	       m->why < TCP_END_MAX && memchr(m->tag, '\0', sizeof(m->tag)) && local_valid(t, m) &&
	       term_valid(term, !ip_is_v4(&t->conf->relay[term->local.relay].addr)) &&
	       (term->transport != TERM_TLS || domain_is_there(t->conf, term->domain));
}

bool context_terms_valid(const struct context_table *t, const struct context *c)
{
	return term_fits(t, c, &c->term[0]) && term_fits(t, c, &c->term[1]);
}

static bool record_valid(struct context_table *t, const struct context *c)
{
	return context_live(c) && c->sum == context_sum(t, c) && c->id && c->cid.gen &&
	       c->end < CONTEXT_ENDS && c->stream <= 1 && memchr(c->call, '\0', sizeof(c->call)) &&
	       context_terms_valid(t, c) && !context_find(t, c->id);
}

/*
 * The worker that has the ports of its terminations today, for the number of workers may have
 * changed; its own where it has none. SLOT_NONE when the two would go different ways.
 */
static uint32_t record_owner(const struct context_table *t, const struct context *c)
{
	uint32_t owner = SLOT_NONE;

	for (int i = 0; i < 2; i++) {
		const struct ctl_term *m = &c->term[i].term;
		uint32_t w;

		if (m->transport == TERM_NONE)
			continue;
		w = config_relay_worker(t->conf, m->local.relay, be16_get(m->local.port));
		if (owner != SLOT_NONE && owner != w)
			return SLOT_NONE;
		owner = w;
	}
	return owner != SLOT_NONE ? owner : c->worker % t->n_workers;
}

/* Whether it can stay on its worker and in its slot. */
static bool place_stays(struct context_table *t, const struct context *c)
{
	return record_owner(t, c) == c->worker && c->cid.slot < t->conf->gateway.contexts &&
	       !context_at_slot(t, c->worker, c->cid.slot);
}

/* A new place for one whose worker or slot is another's now. False if there is none. */
static bool record_move(struct context_table *t, struct context *c)
{
	struct context to = *c;

	to.worker = record_owner(t, c);
	if (to.worker == SLOT_NONE)
		return false;
	to.cid.slot = slots_take(&t->worker[to.worker].slots);
	if (to.cid.slot == SLOT_NONE)
		return false;
	context_commit(t, c, &to);
	context_link(t, c);
	return true;
}

static void load(struct context_table *t)
{
	redo_again(t);
	t->free = SLOT_NONE;
	for (uint32_t i = 0; i < t->max; i++) {
		struct context *c = &t->record[i];

		c->kept = c->kept == 1;
		c->urgent = c->urgent == 1;
		if (!record_valid(t, c)) {
			t->stats.damaged += atomic_load(&c->state) != TABLE_FREE;
			atomic_store(&c->state, TABLE_FREE);
		} else if (place_stays(t, c)) {
			context_link(t, c);
			t->stats.kept++;
		}
	}
	for (uint32_t w = 0; w < t->n_workers; w++)
		slots_fill(&t->worker[w].slots);
	for (uint32_t i = t->max; i-- > 0;) {
		struct context *c = &t->record[i];

		if (context_live(c) && !context_linked(t, c)) {
			if (record_move(t, c)) {
				t->stats.kept++;
				continue;
			}
			t->stats.damaged++;
			atomic_store(&c->state, TABLE_FREE);
		}
		if (!context_live(c)) {
			t->entry[i].id_next = t->free;
			t->free = i;
		}
	}
	if (t->stats.damaged)
		statefile_partial_set(&t->file, true);
}

struct context_table *context_open(const struct config *c, const char *boot_id, char *err,
				   size_t errlen)
{
	struct context_table *t = calloc(1, sizeof(*t));

	if (!t) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	t->conf = c;
	t->file.fd = -1;
	t->n_workers = c->dataplane.n_workers;
	if (!file_open(t, boot_id, err, errlen)) {
		context_close(t);
		return NULL;
	}
	if (!memory_take(t)) {
		snprintf(err, errlen, "not enough memory for a table of %u contexts", t->max);
		context_close(t);
		return NULL;
	}
	rand_bytes(&t->hash_key, sizeof(t->hash_key));
	load(t);
	return t;
}

void context_close(struct context_table *t)
{
	if (!t)
		return;
	statefile_close(&t->file);
	for (uint32_t w = 0; t->worker && w < t->n_workers; w++)
		slots_close(&t->worker[w].slots);
	free(t->worker);
	free(t->entry);
	free(t->by_id);
	free(t->by_call);
	free(t);
}
