/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_DRAIN_H
#define FL_CP_DRAIN_H

/*
 * Emptying a node: no new allocations and no new contexts, while those that live go on until they
 * end, or until a deadline, if there is one. A control process that is restarted goes on with it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

struct drain {
	bool on;
	uint64_t deadline_ms;	       /* CLOCK_MONOTONIC; 0: none */
	uint32_t alloc_at, context_at; /* where the walk that ends what is left goes on */
	uint32_t alternate;	       /* the next of turn.alternate-servers */
};

enum { DRAIN_MAX_S = 7 * 86400 };

/* Takes up what an earlier control process was told. */
void drain_resume(struct server *s);

/* Begins it, or gives it another deadline: in that many seconds, 0: none. False, and a sentence in
 * err, if the next control process would not know; then nothing has changed. */
bool drain_begin(struct server *s, uint32_t seconds, char *err, size_t errlen);
/* Ends it: new allocations and contexts are served again. False as above. */
bool drain_end(struct server *s, char *err, size_t errlen);

/* Past the deadline: ends some of what is left. Called in each turn. */
void drain_turn(struct server *s);

/* Allocations and contexts that there are. */
uint64_t drain_left(const struct server *s);

#endif
