/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_TURN_H
#define FL_DP_TURN_TURN_H

/*
 * What this folder alone has on a worker. What packets are found by, sessions, their paths, flows
 * and relayed ports, stands in struct worker itself.
 */
#include "../rate.h"
#include "../sweep.h"

/* Requests that came over streams, oldest first, for the control process (punt.c). */
struct punt_queue {
	struct rte_mbuf *head, *tail; /* each a struct request and its message */
	bool odd;
};

struct turn {
	struct rte_hash *peers; /* struct key24 (session, peer or channel) to record */
	struct peer *peer;	/* [peers_max], records beyond each session's first */
	_Atomic(struct session_limit *) limit; /* [sessions_max], limit.h; NULL: there is none */
	uint32_t sessions_max;
	uint32_t peers_max;
	uint32_t peer_free; /* head of the free records, SLOT_NONE at the end */
	uint32_t prune_at;  /* next slot whose records are looked at for age */
	uint32_t use_at;    /* next slot whose path tells what it relayed */
	uint64_t use_us;    /* when that was looked at last */
	uint64_t use_owed;  /* millionths of slots that it is behind by */
	struct sweep sweep;
	bool records_stay; /* none is pruned: an audit counts them */
	struct punt_queue punts;
	/* Requests of a source prefix, where sources may be forged. */
	struct rate_table *request_rate;
	/* Of what is proven, a session or a connection, each by its own meter. */
	struct meter_rate own_binding, own_request;
};

/* session.c: tables of sessions; part of turn_create(). */
bool session_tables_create(struct worker *w, char *err, size_t errlen);
void session_tables_free(struct worker *w);

#endif
