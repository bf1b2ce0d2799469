/* SPDX-License-Identifier: BSD-3-Clause */
/* The allocation table: its file, its memory. */
#include "table_priv.h"

#include "rand.h"

#include <stdio.h>
#include <stdlib.h>

/* Sets the pools' sizes from the configuration; the file's size follows. */
static void table_geometry(struct table *t)
{
	const struct config *c = t->conf;
	uint64_t peers = (uint64_t)c->turn.allocations_max +
			 (uint64_t)c->dataplane.peers * c->dataplane.n_workers;

	/* The dataplane holds one peer with each session and `peers` more on each worker. */
	if (peers > UINT32_MAX / 2)
		peers = UINT32_MAX / 2;
	t->n_workers = c->dataplane.n_workers;
	t->sessions = c->dataplane.sessions;
	t->allocs = c->turn.allocations_max;
	t->perms = (uint32_t)peers;
	t->chans = (uint32_t)peers;
	t->resvs = t->allocs < TABLE_RESVS_MAX ? t->allocs : TABLE_RESVS_MAX;
	t->file.size = statefile_bytes(1, sizeof(struct table_header)) +
		       statefile_bytes(t->allocs, sizeof(struct table_alloc)) +
		       statefile_bytes(t->perms, sizeof(struct table_perm)) +
		       statefile_bytes(t->chans, sizeof(struct table_chan)) +
		       statefile_bytes(t->resvs, sizeof(struct table_resv));
}

static void table_place(struct table *t)
{
	uint8_t *p = t->file.map;

	t->hdr = (struct table_header *)p;
	p += statefile_bytes(1, sizeof(struct table_header));
	t->alloc = (struct table_alloc *)p;
	p += statefile_bytes(t->allocs, sizeof(struct table_alloc));
	t->perm = (struct table_perm *)p;
	p += statefile_bytes(t->perms, sizeof(struct table_perm));
	t->chan = (struct table_chan *)p;
	p += statefile_bytes(t->chans, sizeof(struct table_chan));
	t->resv = (struct table_resv *)p;
}

/* What gives the indexes in records their meaning: addresses of listeners and relays. */
static uint64_t table_digest(const struct config *c)
{
	static const struct siphash_key fixed;
	uint8_t buf[CTL_LISTENERS_MAX * 19 + CTL_RELAYS_MAX * 16 + 4];
	struct wr w = wr_init(buf, sizeof(buf));

	wr_u16(&w, c->n_listener);
	for (uint16_t i = 0; i < c->n_listener; i++) {
		wr_bytes(&w, &c->listener[i].addr, sizeof(c->listener[i].addr));
		wr_u8(&w, (uint8_t)c->listener[i].transport);
	}
	wr_u16(&w, c->n_relay);
	for (uint16_t i = 0; i < c->n_relay; i++)
		wr_bytes(&w, &c->relay[i].addr, sizeof(c->relay[i].addr));
	return siphash(&fixed, buf, wr_len(&w));
}

/* Opens and maps the file; starts it afresh if it cannot be taken up. */
static bool file_open(struct table *t, const char *boot_id, char *err, size_t errlen)
{
	const struct statefile_form form = {
		.path = t->conf->control.state,
		.boot_id = boot_id,
		.magic = TABLE_MAGIC,
		.version = TABLE_VERSION,
		.digest = table_digest(t->conf),
		.digest_means = "the configured listeners or relays changed",
		.records = { t->allocs, t->perms, t->chans, t->resvs },
		.size = t->file.size,
	};
	uint32_t gen;

	if (!statefile_open(&t->file, &form, err, errlen))
		return false;
	table_place(t);
	t->stats.fresh = t->file.fresh;
	if (!t->file.fresh)
		return true;
	rand_bytes(&t->hdr->sum_key, sizeof(t->hdr->sum_key));
	rand_bytes(t->hdr->user_key, sizeof(t->hdr->user_key));
	rand_bytes(&gen, sizeof(gen));
	word_set(&t->hdr->next_gen, gen ? gen : 1);
	statefile_ready(&t->file, &form);
	return true;
}

/* ---- private memory ---- */

static uint32_t *index_array(uint64_t n)
{
	uint32_t *a = malloc((n ? n : 1) * sizeof(*a));

	for (uint64_t i = 0; a && i < n; i++)
		a[i] = TABLE_NONE;
	return a;
}

static bool memory_take(struct table *t)
{
	uint64_t buckets = 1024;

	/* Half of them empty: each record in a bucket costs two lines of cold memory. */
	while (buckets < UINT64_C(2) * t->allocs)
		buckets *= 2;
	t->mask = (uint32_t)(buckets - 1);
	t->entry = calloc(t->allocs, sizeof(*t->entry));
	t->user = calloc(t->allocs, sizeof(*t->user));
	t->bucket = index_array(buckets);
	t->user_bucket = index_array(buckets);
	t->perm_next = index_array(t->perms);
	t->chan_next = index_array(t->chans);
	t->resv_entry = calloc(t->resvs, sizeof(*t->resv_entry));
	t->slots = calloc(t->n_workers, sizeof(*t->slots));
	if (!t->entry || !t->user || !t->bucket || !t->user_bucket || !t->perm_next ||
	    !t->chan_next || !t->resv_entry || !t->slots)
		return false;
	for (uint32_t w = 0; w < t->n_workers; w++) {
		if (!slots_open(&t->slots[w], t->sessions))
			return false;
	}
	return true;
}

struct table *table_open(const struct config *c, uint32_t now, const char *boot_id, char *err,
			 size_t errlen)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	t->conf = c;
	t->file.fd = -1;
	table_geometry(t);
	if (!file_open(t, boot_id, err, errlen)) {
		table_close(t);
		return NULL;
	}
	if (!memory_take(t)) {
		snprintf(err, errlen, "not enough memory for a table of %u allocations", t->allocs);
		table_close(t);
		return NULL;
	}
	rand_bytes(&t->hash_key, sizeof(t->hash_key));
	table_load(t, now);
	return t;
}

void table_close(struct table *t)
{
	if (!t)
		return;
	statefile_close(&t->file);
	for (uint32_t w = 0; t->slots && w < t->n_workers; w++)
		slots_close(&t->slots[w]);
	free(t->slots);
	free(t->entry);
	free(t->user);
	free(t->bucket);
	free(t->user_bucket);
	free(t->perm_next);
	free(t->chan_next);
	free(t->resv_entry);
	free(t);
}
