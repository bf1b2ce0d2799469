/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_CONNS_H
#define FL_CP_ADMIN_CONNS_H

/*
 * The live tables of TCP connections in the shared region, one after another as if they were one:
 * a place is an index into all of them.
 */
#include "../conn_row.h"
#include "filter.h"

#include <jansson.h>

enum { CONNS_ALL = UINT32_MAX }; /* instead of a worker, as in struct filter */

/*
 * Shows the connections of one worker or of all from *place on, until there are no more, which is
 * true, or scan entries were looked at, or each() says false. *place is then where it goes on: with
 * the one that was refused.
 */
typedef bool conns_each(void *arg, uint32_t worker, uint32_t idx, const struct ctl_conn_info *c);
bool conns_walk(const struct dplink *l, uint32_t worker, uint32_t scan, uint32_t *place,
		conns_each *each, void *arg);

/*
 * The same of those that f may have: where it names one address with its port on the other side
 * they are found by the index, *place is 0 and stays so, and scan does not count.
 */
bool conns_find(const struct dplink *l, const struct filter *f, uint32_t scan, uint32_t *place,
		conns_each *each, void *arg);

/*
 * A page of those that f has: up to limit of them, by conns_find(). *place is then where the next
 * page starts, unless *end.
 */
json_t *conns_json(const struct dplink *l, const struct config *conf, const struct filter *f,
		   uint32_t limit, uint32_t scan, uint32_t *place, bool *end);

/* What the dataplane calls the idx-th entry of a worker. */
struct ctl_conn conn_name(const struct config *conf, uint32_t idx, uint32_t gen);
/* Entries of all tables. */
uint64_t conns_max(const struct dplink *l);

#endif
