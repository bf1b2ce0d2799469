/* SPDX-License-Identifier: BSD-3-Clause */
/* The allocation table: its file, its memory. */
#include "table_priv.h"

#include "rand.h"

#include <stdio.h>
#include <stdlib.h>

/* What the formats before had in the place of lengths and names. */
enum { OLDER_ALLOC = 248, OLDER_PERM = 32, OLDER_CHAN = 40, OLDER_RESV = 24 };

/* Addresses of listeners and relays, by which earlier formats knew what indexes mean. */
static uint64_t older_digest(const struct config *c)
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

/* The file that a configuration asks for. older: room for a list of three. */
static struct statefile_form table_form(const struct config *c, const char *boot_id,
					struct statefile_older *older)
{
	uint64_t peers = (uint64_t)c->turn.allocations_max +
			 (uint64_t)c->dataplane.peers * c->dataplane.n_workers;
	uint32_t allocs = c->turn.allocations_max;

	/* The dataplane holds one peer with each session and `peers` more on each worker. */
	if (peers > UINT32_MAX / 2)
		peers = UINT32_MAX / 2;
	older[0] = (struct statefile_older){
		.version = 3,
		.head_bytes = 144,
		.record_bytes = { OLDER_ALLOC, OLDER_PERM, OLDER_CHAN, OLDER_RESV },
		.digest = older_digest(c),
	};
	older[1] = older[0];
	older[1].version = 2;
	older[1].head_bytes = 136; /* without the dataplane's generation */
	older[2] = (struct statefile_older){ 0 };
	return (struct statefile_form){
		.path = c->control.state,
		.boot_id = boot_id,
		.magic = TABLE_MAGIC,
		.version = TABLE_VERSION,
		.head_bytes = sizeof(struct table_header),
		.records = { allocs, (uint32_t)peers, (uint32_t)peers,
			     allocs < TABLE_RESVS_MAX ? allocs : TABLE_RESVS_MAX },
		.record_bytes = { sizeof(struct table_alloc), sizeof(struct table_perm),
				  sizeof(struct table_chan), sizeof(struct table_resv) },
		.conf = c,
		.older = older,
	};
}

static void table_place(struct table *t, const struct statefile_form *form)
{
	t->hdr = t->file.map;
	t->alloc = statefile_pool(&t->file, form, 0);
	t->perm = statefile_pool(&t->file, form, 1);
	t->chan = statefile_pool(&t->file, form, 2);
	t->resv = statefile_pool(&t->file, form, 3);
	t->allocs = t->file.records[0];
	t->perms = t->file.records[1];
	t->chans = t->file.records[2];
	t->resvs = t->file.records[3];
	t->stats.allocs_max = form->records[0];
	t->stats.perms_max = form->records[1];
	t->stats.chans_max = form->records[2];
	t->stats.resvs_max = form->records[3];
}

/* Opens and maps the file; starts it afresh if it cannot be taken up. */
static bool file_open(struct table *t, const char *boot_id, char *err, size_t errlen)
{
	struct statefile_older older[3];
	const struct statefile_form form = table_form(t->conf, boot_id, older);
	uint32_t gen;

	if (!statefile_open(&t->file, &form, &table_file_carry, err, errlen))
		return false;
	table_place(t, &form);
	t->stats.fresh = t->file.fresh;
	t->stats.carried = t->file.carried;
	if (!t->file.fresh)
		return true;
	rand_bytes(&t->hdr->sum_key, sizeof(t->hdr->sum_key));
	rand_bytes(t->hdr->user_key, sizeof(t->hdr->user_key));
	rand_bytes(&gen, sizeof(gen));
	word_set(&t->hdr->next_gen, gen ? gen : 1);
	statefile_ready(&t->file, &form);
	return true;
}

enum statefile_look table_look(const struct config *c)
{
	struct statefile_older older[3];
	const struct statefile_form form = table_form(c, NULL, older);

	return statefile_look(&form);
}

uint64_t table_file_size(const struct config *c)
{
	struct statefile_older older[3];
	const struct statefile_form form = table_form(c, NULL, older);

	return statefile_size(&form);
}

/* ---- private memory ---- */

static uint32_t *index_array(uint64_t n)
{
	uint32_t *a = malloc((n ? n : 1) * sizeof(*a));

	for (uint64_t i = 0; a && i < n; i++)
		a[i] = SLOT_NONE;
	return a;
}

/* Half of them empty: each record in a bucket costs two lines of cold memory. */
static uint64_t buckets_for(uint32_t allocs)
{
	uint64_t buckets = 1024;

	while (buckets < UINT64_C(2) * allocs)
		buckets *= 2;
	return buckets;
}

/* What memory_take() takes. */
uint64_t table_memory_size(const struct config *c)
{
	struct statefile_older older[3];
	const struct statefile_form form = table_form(c, NULL, older);
	const uint64_t allocs = form.records[0], resvs = form.records[3], word = sizeof(uint32_t);

	return sizeof(struct table) + allocs * sizeof(struct table_entry) +
	       (allocs + resvs) * sizeof(struct table_user) +
	       2 * word * buckets_for((uint32_t)allocs) +
	       word * (form.records[1] + (uint64_t)form.records[2]) +
	       resvs * sizeof(struct table_resv_entry) +
	       c->dataplane.n_workers *
		   (sizeof(struct slots) + word + slots_size(c->dataplane.sessions));
}

static bool memory_take(struct table *t)
{
	const uint64_t buckets = buckets_for(t->allocs);

	t->mask = (uint32_t)(buckets - 1);
	t->entry = calloc(t->allocs, sizeof(*t->entry));
	t->user = calloc((size_t)t->allocs + t->resvs, sizeof(*t->user));
	t->bucket = index_array(buckets);
	t->user_bucket = index_array(buckets);
	t->perm_next = index_array(t->perms);
	t->chan_next = index_array(t->chans);
	t->resv_entry = calloc(t->resvs, sizeof(*t->resv_entry));
	t->slots = calloc(t->n_workers, sizeof(*t->slots));
	t->records = calloc(t->n_workers, sizeof(*t->records));
	if (!t->entry || !t->user || !t->bucket || !t->user_bucket || !t->perm_next ||
	    !t->chan_next || !t->resv_entry || !t->slots || !t->records)
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
	t->n_workers = c->dataplane.n_workers;
	t->sessions = c->dataplane.sessions;
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
	free(t->records);
	free(t->entry);
	free(t->user);
	free(t->bucket);
	free(t->user_bucket);
	free(t->perm_next);
	free(t->chan_next);
	free(t->resv_entry);
	free(t);
}
