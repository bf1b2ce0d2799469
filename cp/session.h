/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_SESSION_H
#define FL_CP_SESSION_H

/*
 * An allocation as a whole: its record in the table, its ports, its timer, and its session in the
 * dataplane. Each change is made in that order, so that the record is there before the dataplane,
 * and the dataplane's session before the client hears of it.
 */
#include "server.h"

/* Why an allocation ended. Each has one, told in session_end_name. */
enum session_end {
	SESSION_END_EXPIRED,	/* nobody refreshed it */
	SESSION_END_RELEASED,	/* its client asked for a lifetime of 0 */
	SESSION_END_CONNECTION, /* of its client, which is part of the five-tuple, is gone */
	SESSION_END_REFUSED,	/* by the dataplane */
	SESSION_END_DATAPLANE,	/* another one came, which does not have the client's connection */
	SESSION_END_DRAINED,	/* the node was drained, and the deadline is over */
	SESSION_END_KILLED,	/* by an operator */
	SESSION_END_LISTENER,	/* the one it came by was taken out of the configuration */
	SESSION_END_RELAY,	/* so was the one of its relayed address, or its port */
	SESSION_END_PORT,	/* found at start, but its relayed port is another's */
	SESSION_ENDS
};
extern const char *const session_end_name[SESSION_ENDS];

/* Its relayed address of a family. False, and *to stays: there is none, or its relay is gone. */
static inline bool session_relayed(const struct server *s, const struct table_alloc *a, int family,
				   struct sock_addr *to)
{
	const uint32_t families = atomic_load_explicit(&a->families, memory_order_relaxed);

	if (!(families & 1u << family) || a->relay[family].relay >= s->conf->n_relay)
		return false;
	*to = (struct sock_addr){ s->conf->relay[a->relay[family].relay].addr,
				  a->relay[family].port };
	return true;
}

/* Takes up allocations and reservations of an earlier process: their ports and timers. */
void session_resume(struct server *s);

/* Claims the ports of a record and sets its timer. If another has them it is deleted: false. */
bool session_take_up(struct server *s, struct table_alloc *a);
/* Sets it to the earliest of the deadlines. */
void session_timer(struct server *s, const struct table_alloc *a);

/* Adds an allocation. NULL when the table or the worker is full; the ports stay the caller's. */
struct table_alloc *session_add(struct server *s, const struct table_alloc *proto);

/* The dataplane's session ended with its client's connection: no command is due. */
void session_gone(struct server *s, struct table_alloc *a, enum session_end why);

/*
 * The dataplane is another one than before: all connections of clients and of peers are gone, and
 * with them the allocations made over TCP or TLS, of which the new dataplane needs no word. Looks
 * at some more of them; *cursor starts at 0. True once all are gone.
 */
bool session_streams_lost(struct server *s, uint32_t *cursor);

/* Deletes it, or one of its two families (FAMILY_V4, FAMILY_V6); ports go back. */
void session_del(struct server *s, struct table_alloc *a, enum session_end why);
void session_del_family(struct server *s, struct table_alloc *a, unsigned int family);

/* An operator ends it, and its client's connection with it. */
void session_kill(struct server *s, struct table_alloc *a);

/* Gives the families of the mask a new deadline. */
void session_refresh(struct server *s, struct table_alloc *a, unsigned int families,
		     uint32_t lifetime);

/* Installs or refreshes. False when a pool of the table is used up. */
bool session_perm(struct server *s, struct table_alloc *a, const struct ip_addr *peer);
bool session_chan(struct server *s, struct table_alloc *a, const struct sock_addr *peer,
		  uint16_t number);

/*
 * The dataplane has no room for a permission (channel 0) or a channel: it goes, and the next
 * request of the allocation for a new peer will be told.
 */
void session_peer_refused(struct server *s, struct table_alloc *a, const struct sock_addr *peer,
			  uint16_t channel);

/* Reserves a taken port for a user. NULL when the pool is used up. */
struct table_resv *session_reserve(struct server *s, struct ctl_relay relay,
				   const uint8_t user_id[TABLE_USER_ID]);
/* Ends a reservation whose port passes to an allocation. */
void session_reserve_use(struct server *s, struct table_resv *r);

/*
 * Sends more of worker's sessions, while dplink_replay_room() lasts. DPLINK_IDLE when all have been
 * sent.
 */
enum dplink_work session_replay(struct server *s, uint32_t worker, struct dplink_cursor *cur);

#endif
