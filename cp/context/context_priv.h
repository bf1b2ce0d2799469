/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CONTEXT_CONTEXT_PRIV_H
#define FL_CP_CONTEXT_CONTEXT_PRIV_H

/* Inside of the context table: for context_*.c only. */
#include "context_table.h"

#include "../../lib/siphash.h"
#include "../slots.h"
#include "../statefile.h"
#include "../table.h"

#define CONTEXT_MAGIC UINT64_C(0x74786574436c4631)

enum { CONTEXT_VERSION = 2 };

/*
 * At the start of the file. What records shall be is in redo while `redoing` says how many; none is
 * in a file that records were carried over into.
 */
struct context_header {
	struct statefile_head head;
	struct siphash_key sum_key; /* of context.sum */
	_Atomic uint32_t next_gen;  /* of cid; goes on across restarts */
	_Atomic uint64_t generation;
	_Atomic uint32_t redoing;
	uint32_t redo_index[2];
	struct context redo[2];
};

/* Private companion of a record. */
struct context_entry {
	struct timer timer; /* first */
	uint64_t call_hash;
	uint32_t id_next;	   /* in its bucket, or in the free list */
	uint32_t call_next;	   /* in its bucket: those of a call by rising media */
	uint32_t silence;	   /* context_silence() */
	struct context_keys *keys; /* context_keys() */
};

struct context_worker {
	struct slots slots;
	uint32_t contexts, streams;
	uint32_t kept, kept_streams; /* of these (context.kept) */
	struct share srtp[2];	     /* by kept, and owner; totals are not used */
};

struct context_table {
	const struct config *conf;
	struct statefile file;
	struct context_header *hdr;
	struct context *record;
	struct siphash_key hash_key; /* of calls, this process only */
	struct context_entry *entry;
	uint32_t *by_id, *by_call; /* [mask + 1] */
	uint32_t mask;
	uint32_t free; /* what went last comes first, so that live ones stay close together */
	uint32_t high; /* no record from here on was ever used */
	struct context_worker *worker; /* [n_workers] */
	uint32_t n_workers, max;
	struct context_stats stats;
};

static inline uint32_t context_index(const struct context_table *t, const struct context *c)
{
	return (uint32_t)(c - t->record);
}

static inline bool context_live(const struct context *c)
{
	return atomic_load_explicit(&c->state, memory_order_acquire) == TABLE_LIVE;
}

/* Whether it has its place in the indexes. */
static inline bool context_linked(struct context_table *t, const struct context *c)
{
	return c->worker < t->n_workers && c->cid.slot < t->conf->gateway.contexts &&
	       context_at_slot(t, c->worker, c->cid.slot) == c;
}

/* Carries records over from a file of another size, version or world (context_carry.c). */
extern const struct statefile_carry context_file_carry;

/* Hash of what follows sum in a record. */
uint64_t context_sum(const struct context_table *t, const struct context *c);

/* Whether its terminations can be, for this configuration. */
bool context_terms_valid(const struct context_table *t, const struct context *c);

/* Puts a record into all indexes; its slot is not free. */
void context_link(struct context_table *t, struct context *c);

#endif
