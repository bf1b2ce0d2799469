/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AKA_VECTORS_H
#define FL_CP_AKA_VECTORS_H

/*
 * Vectors of AKA by RADIUS: each question goes to the first server that is not known to be silent,
 * aka.tries times, then to the next. At most VECTORS_MAX are under way, none of which waits for
 * another; the event loop never waits.
 */
#include "../../conf/config.h"
#include "vector_source.h"

struct event_base;

/*
 * aka.servers. With none of them NULL is returned and err is ""; else NULL and one sentence in err:
 * a secret cannot be read, or there is no memory.
 */
struct vector_source *vectors_open(struct event_base *base, const struct config_aka *c, char *err,
				   size_t errlen);
/* Whether both ask the same servers in the same way; NULL: no servers. */
bool vectors_same(const struct vector_source *a, const struct vector_source *b);
/* Is asked no more, and goes once what is under way has its answer. NULL is fine. */
void vectors_retire(struct vector_source *v);
/* At once: what is under way is silent. NULL is fine. */
void vectors_close(struct vector_source *v);
/* Likewise all that were retired and are there yet. */
void vectors_close_retired(void);

#endif
