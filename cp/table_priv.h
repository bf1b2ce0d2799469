/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_TABLE_PRIV_H
#define FL_CP_TABLE_PRIV_H

/* Inside of the allocation table: for table*.c only. */
#include "table.h"

#include "../lib/siphash.h"
#include "slots.h"
#include "statefile.h"

#define TABLE_MAGIC UINT64_C(0x656c626174464c31)

enum {
	TABLE_VERSION = 4,
	TABLE_KINDS = 4, /* from that version on user_id is of the user's kind as well */
	TABLE_RESVS_MAX = 1 << 16,
};

/* At the start of the file. It may grow at its end, as records may (statefile.h). */
struct table_header {
	struct statefile_head head;
	struct siphash_key sum_key;	/* of table_alloc.sum */
	struct siphash_key user_key[2]; /* of table_alloc.user_id */
	_Atomic uint32_t next_gen;	/* of sid; goes on across restarts */
	_Atomic uint64_t generation;	/* of the dataplane */
};

/* Private companion of an allocation record; each member is cleared by table_index(). */
struct table_entry {
	struct timer timer;
	uint32_t next;	/* in its hash bucket, or in the free list */
	uint32_t perms; /* first of its permissions and channels */
	uint32_t chans;
	uint32_t user;		       /* index */
	uint32_t user_next, user_prev; /* in the ring of the user's allocations */
	uint32_t n_perms, n_chans;
	uint32_t bare;	  /* channels whose address has no permission: it may be over before them */
	uint32_t records; /* see table_records() */
	bool peer_refused; /* by the dataplane, and the client does not know yet */
};

struct table_resv_entry {
	struct timer timer;
	uint32_t next; /* free list */
	uint32_t user; /* index */
};

/* What one user has. */
struct table_user {
	uint8_t id[TABLE_USER_ID];
	uint32_t held;	  /* allocations and reservations */
	uint32_t allocs;  /* of these, allocations */
	uint32_t turn;	  /* one of them, if there are any: table_user_turn() */
	uint32_t records; /* of all of them */
	uint32_t next;	  /* in its bucket, or in the free list */
};

struct table {
	const struct config *conf;
	struct statefile file;
	struct table_header *hdr;
	struct table_alloc *alloc;
	struct table_perm *perm;
	struct table_chan *chan;
	struct table_resv *resv;

	struct siphash_key hash_key; /* of the buckets, this process only */
	struct table_entry *entry;
	uint32_t *bucket; /* [mask + 1], by five-tuple */
	uint32_t *user_bucket;
	uint32_t mask;
	uint32_t *perm_next; /* in the allocation's list, or in the free list */
	uint32_t *chan_next;
	struct table_resv_entry *resv_entry;
	struct table_user *user;
	struct slots *slots; /* [n_workers], of sessions and redirects */
	uint32_t *records;   /* [n_workers], see table_records() */
	uint32_t n_workers, sessions;
	uint32_t allocs, perms, chans, resvs; /* records of each pool: room for more than may be */
	uint32_t alloc_free, perm_free, chan_free, resv_free, user_free;
	struct table_stats stats;
	uint32_t listener_allocs[CTL_PLACES_MAX];
};

static inline uint32_t alloc_index(const struct table *t, const struct table_alloc *a)
{
	return (uint32_t)(a - t->alloc);
}

static inline struct table_entry *alloc_entry(const struct table *t, const struct table_alloc *a)
{
	return &t->entry[a - t->alloc];
}

static inline bool state_live(_Atomic uint32_t *state)
{
	return atomic_load_explicit(state, memory_order_acquire) == TABLE_LIVE;
}

/* Publishes a record whose fields are written. */
static inline void state_publish(_Atomic uint32_t *state)
{
	atomic_store_explicit(state, TABLE_LIVE, memory_order_release);
}

/* Withdraws a record; what is written to it later stays behind this store. */
static inline void state_withdraw(_Atomic uint32_t *state)
{
	if (atomic_load_explicit(state, memory_order_relaxed) == TABLE_FREE)
		return;
	atomic_store_explicit(state, TABLE_FREE, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
}

/* A changing field of a live record. */
static inline uint32_t word_get(const _Atomic uint32_t *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

static inline void word_set(_Atomic uint32_t *w, uint32_t v)
{
	atomic_store_explicit(w, v, memory_order_release);
}

/* Hash of what is constant in an allocation record. */
uint64_t table_alloc_sum(const struct table *t, const struct table_alloc *a);

/* Counts one more that a user holds, and one less. There are as many users as there may be both. */
uint32_t table_user_get(struct table *t, const uint8_t id[TABLE_USER_ID]);
void table_user_put(struct table *t, uint32_t user);

/* Counts an allocation as the user's with that identity, and as nobody's. */
void table_user_join(struct table *t, struct table_alloc *a, const uint8_t id[TABLE_USER_ID]);
void table_user_leave(struct table *t, struct table_alloc *a);

/* Whether a record that is not indexed can be, for this configuration (table_load.c). */
bool table_alloc_valid(struct table *t, const struct table_alloc *a);

/* Puts a record into hash, user count and the owner's place of its slots. */
void table_index(struct table *t, struct table_alloc *a);

/*
 * Takes slots for the session on a->worker and, where that is another, for the redirect on
 * a->leg_worker. False, with none taken, if a worker has none left.
 */
bool table_slots_take(struct table *t, struct table_alloc *a);

/* Links records found at start into the lists of their allocation. */
void table_perm_link(struct table *t, struct table_alloc *a, struct table_perm *p);
void table_chan_link(struct table *t, struct table_alloc *a, struct table_chan *ch);

/* Counts anew what the worker's pool must hold for an allocation. */
void table_records_count(struct table *t, const struct table_alloc *a);

/* Deletes permissions and channels of the families given, or those over at now. */
void table_peers_del(struct table *t, struct table_alloc *a, unsigned int families);

/* Carries records over from a file of another size, version or world (table_carry.c). */
extern const struct statefile_carry table_file_carry;

/* Takes up the records of the mapped file (table_load.c). */
void table_load(struct table *t, uint32_t now);

#endif
