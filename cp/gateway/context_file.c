/* SPDX-License-Identifier: BSD-3-Clause */
/* The context table: its file, its memory, and taking up the records of an earlier process. */
#include "context_priv.h"

#include "../../lib/cursor.h"
#include "../rand.h"

#include <stdio.h>
#include <stdlib.h>

/* What gives the indexes in records their meaning, and ports their worker. */
static uint64_t world_digest(const struct config *c)
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

static bool file_open(struct context_table *t, const char *boot_id, char *err, size_t errlen)
{
	const uint64_t head = statefile_bytes(1, sizeof(struct context_header));
	const struct statefile_form form = {
		.path = t->conf->control.contexts,
		.boot_id = boot_id,
		.magic = CONTEXT_MAGIC,
		.version = CONTEXT_VERSION,
		.digest = world_digest(t->conf),
		.digest_means = "the configured workers, relays, realms or TLS domains changed",
		.records = { t->max },
		.size = head + statefile_bytes(t->max, sizeof(struct context)),
	};
	uint32_t gen;

	if (!statefile_open(&t->file, &form, err, errlen))
		return false;
	t->hdr = t->file.map;
	t->record = (struct context *)((uint8_t *)t->file.map + head);
	t->stats.fresh = t->file.fresh;
	if (!t->file.fresh)
		return true;
	rand_bytes(&t->hdr->sum_key, sizeof(t->hdr->sum_key));
	rand_bytes(&gen, sizeof(gen));
	atomic_store(&t->hdr->next_gen, gen);
	statefile_ready(&t->file, &form);
	return true;
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

static bool ends(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

/* Its addresses are of its realm and, the port, of its worker. */
static bool local_valid(const struct context_table *t, const struct context *c,
			const struct context_term *m)
{
	const struct config *conf = t->conf;
	struct ctl_relay local = m->term.local;

	return m->realm < conf->n_realm && local.relay < conf->n_relay &&
	       conf->relay[local.relay].realm_index == m->realm &&
	       relay_port_worker(be16_get(local.port), t->n_workers) == c->worker;
}

static bool term_valid(const struct context_table *t, const struct context *c,
		       const struct context_term *m)
{
	const struct ctl_term *term = &m->term;

	if (term->transport == TERM_NONE)
		return true;
	return term->transport <= TERM_TLS && (term->transport > TERM_UDP) == c->stream &&
	       m->state <= TERM_STATE_ENDED && m->why < TCP_END_MAX && local_valid(t, c, m) &&
	       (term->transport != TERM_TLS || term->domain < t->conf->n_domain) &&
	       term->n_fingerprint <= CTL_FINGERPRINTS_MAX && ends(m->tag, sizeof(m->tag)) &&
	       ends(term->ufrag, sizeof(term->ufrag)) && ends(term->pwd, sizeof(term->pwd)) &&
	       ends(term->host, sizeof(term->host));
}

static bool record_valid(struct context_table *t, const struct context *c)
{
	return context_live(c) && c->sum == context_sum(t, c) && c->id && c->cid.gen &&
	       c->worker < t->n_workers && c->cid.slot < t->conf->gateway.contexts &&
	       c->end < CONTEXT_ENDS && c->stream <= 1 && ends(c->call, sizeof(c->call)) &&
	       term_valid(t, c, &c->term[0]) && term_valid(t, c, &c->term[1]) &&
	       !context_at_slot(t, c->worker, c->cid.slot) && !context_find(t, c->id);
}

static void load(struct context_table *t)
{
	redo_again(t);
	t->free = SLOT_NONE;
	for (uint32_t i = t->max; i-- > 0;) {
		struct context *c = &t->record[i];

		if (record_valid(t, c)) {
			context_link(t, c);
			t->stats.kept++;
			continue;
		}
		t->stats.damaged += atomic_load(&c->state) != TABLE_FREE;
		atomic_store(&c->state, TABLE_FREE);
		t->entry[i].id_next = t->free;
		t->free = i;
	}
	for (uint32_t w = 0; w < t->n_workers; w++)
		slots_fill(&t->worker[w].slots);
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
	t->max = c->gateway.contexts * t->n_workers;
	t->stats.contexts_max = t->max;
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
