/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CONTEXT_CONTEXT_TABLE_H
#define FL_CP_CONTEXT_CONTEXT_TABLE_H

/* The records of contexts and their indexes: for gateway*.c, which keep ports and the dataplane. */
#include "../share.h"
#include "../statefile.h"
#include "context.h"

struct context_table;

struct context_stats {
	uint32_t contexts, contexts_max;
	uint32_t kept, damaged; /* found at start */
	const char *fresh;	/* why the file was started afresh, or NULL */
	const char *carried;	/* why its records were carried over into a new one, or NULL */
};

/* Maps c->control.contexts as table_open() does the allocations' file. */
struct context_table *context_open(const struct config *c, const char *boot_id, char *err,
				   size_t errlen);
void context_close(struct context_table *t);
/* What it would make of the file that is there (statefile.h). */
enum statefile_look context_look(const struct config *c);
/* Bytes of the file that the configuration asks for. */
uint64_t context_file_size(const struct config *c);
const struct context_stats *context_stats(const struct context_table *t);

/*
 * Adds a copy of *proto, whose worker, call, terminations and so on are set; id, slot and
 * generation are chosen here. NULL when the worker's slots are used up.
 */
struct context *context_add(struct context_table *t, const struct context *proto);

/*
 * Makes *to of a record; id, cid, worker, stream, call and media stay. A process killed at any
 * instruction leaves the old or the new. The second changes two so that both are old, or both are
 * new.
 */
void context_commit(struct context_table *t, struct context *c, const struct context *to);
void context_commit_pair(struct context_table *t, struct context *a, const struct context *to_a,
			 struct context *b, const struct context *to_b);
void context_del(struct context_table *t, struct context *c);

/* A number for who controls contexts, never 0; the same after a restart. */
uint32_t context_owner(const struct context_table *t, const void *name, size_t len);

struct context *context_find(struct context_table *t, uint64_t id);
struct context *context_find_cid(struct context_table *t, uint32_t worker, struct ctl_cid cid);
/* Who has a slot of a worker (both in range), or NULL. */
struct context *context_at_slot(struct context_table *t, uint32_t worker, uint32_t slot);
/* First (NULL) and next of a call, by rising media. */
struct context *context_call_next(struct context_table *t, const char *call,
				  const struct context *c);
/*
 * All: *cursor starts at 0, and no more than *look records are looked at, which is what is left of
 * them afterwards. NULL: there is none among them; with some of them left, none at all any more.
 * Deleting the current one is fine.
 */
struct context *context_next(struct context_table *t, uint32_t *cursor, uint32_t *look);

/* How many keys of SRTP a termination has there: with DTLS, RTCP on a port of its own has others.
 */
static inline uint32_t term_srtp(const struct ctl_term *t)
{
	if (!(t->flags & TERM_SRTP))
		return 0;
	return (t->flags & (TERM_DTLS | TERM_RTCP_MUX)) == TERM_DTLS ? 2 : 1;
}

/*
 * Contexts of a worker, those of TCP and TLS among them, and term_srtp() of terminations by owners
 * of contexts, whose total is not set. kept: of contexts that are (context.kept), else of all, and
 * of SRTP of others.
 */
uint32_t context_count(const struct context_table *t, uint32_t worker, bool kept);
uint32_t context_streams(const struct context_table *t, uint32_t worker, bool kept);
const struct share *context_srtp(const struct context_table *t, uint32_t worker, bool kept);

/* Private memory: one timer a context, and when its silence is looked into (seconds). */
struct timer *context_timer(struct context_table *t, const struct context *c);
struct context *context_of_timer(struct context_table *t, const struct timer *tm);
uint32_t *context_silence(struct context_table *t, const struct context *c);
/* And its keys; NULL: it has none. Of gateway_srtp.c, which frees them before the context goes. */
struct context_keys;
struct context_keys **context_keys(const struct context_table *t, const struct context *c);

/* As table_world_add(), table_partial() and so on, of contexts. */
void context_world_add(struct context_table *t);
bool context_partial(const struct context_table *t);
void context_told(struct context_table *t, uint32_t worker);
void context_whole(struct context_table *t);
/*
 * Adds a copy of *proto, which has worker, slot and generation, for a context that the dataplane
 * has; only while context_partial(). NULL when it cannot be.
 */
struct context *context_adopt(struct context_table *t, const struct context *proto);

/* The dataplane's generation that the connections in the records are of; 0 in a fresh file. */
uint64_t context_generation(const struct context_table *t);
void context_generation_set(struct context_table *t, uint64_t generation);

#endif
