/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_SESSION_H
#define FL_DP_TURN_SESSION_H

/*
 * Sessions: what a worker must know of an allocation to relay for it. The control process
 * installs them by slot; the flow table leads from the client's leg to the slot, the relay table
 * from a relayed port to it. Where a client's packets come to another worker than that of its
 * relayed port, that worker holds a redirect: a session that is nothing but the leg and where to
 * hand its packets. Permissions and channels are records: the first stands in the
 * session, more come from the worker's pool and are found through one hash.
 */
#include "../key24.h"
#include "../relayed.h"
#include "../net/ip.h"

/*
 * A permission (channel 0), or a channel and the permission that came with it. A channel record
 * also holds its address's permission, so that one record answers for a packet.
 */
struct peer {
	struct ip_addr ip;
	struct be16 port;     /* 0 unless a channel is bound */
	uint16_t channel;     /* 0: a permission */
	uint32_t perm_expiry; /* seconds; the permission of ip */
	uint32_t chan_expiry; /* seconds; the binding */
	uint32_t nh;	      /* cached next hop, see neigh_find() */
	uint32_t next;	      /* record of the same session in the pool, SLOT_NONE at the end */
	uint16_t csum;	      /* folded sum: ip, port, relayed address, relayed port */
	uint16_t pad;
};
_Static_assert(sizeof(struct peer) == 40, "budget of a session");

struct tcp_conn;

struct session {
	/* First line: both directions. */
	uint32_t gen;	 /* 0: free slot */
	uint32_t expiry; /* seconds */
	struct ctl_relay relay[2];
	struct sock_addr client;
	uint16_t listener;
	uint16_t flags; /* enum ctl_session_flags */
	uint16_t csum;	/* folded sum: client's and listener's addresses and ports */
	uint32_t client_nh;
	uint32_t peers;		 /* pool records, SLOT_NONE if there are none */
	uint32_t epoch;		 /* of the last replay that named it */
	uint16_t redirect;	 /* worker that has the client's session, if flags say so */
	uint16_t peers_waiting;	 /* connections peers opened that are not joined yet */
	uint32_t conn, conn_gen; /* the client's TCP connection on this worker; conn_gen 0: none */
	/* Second line: the first permission or channel. */
	struct peer first;
	struct tcp_conn *peer_conns; /* with SESSION_TCP: those that end with it, see peer_conn.h */
	struct meter asked;	     /* its requests over UDP, Binding included */
	uint32_t peer_held;	     /* packet buffers that these hold together: tcp_share() */
	uint64_t user;		     /* who is charged for them, 0: nobody knows; tcp_charge() */
} __rte_cache_aligned;
_Static_assert(sizeof(struct session) == 128, "two cache lines");
_Static_assert(offsetof(struct session, first) == 64, "hot part is one line");

/* Makes the path (relay/path.h) of a session anew, or takes it away: after each change of it. */
void session_path_make(struct worker *w, uint32_t slot);
/*
 * Once a turn: some paths tell what they relayed, as many as it takes for each to have done so in
 * the last tenth of a second, or, of more than 100,000, in the last second. Whether any did.
 */
bool session_use_turn(struct worker *w);

/* What this folder has on a worker (turn.c). On failure one sentence in err. */
bool turn_create(struct worker *w, char *err, size_t errlen);
void turn_destroy(struct worker *w);
/* As live keys say now. */
void turn_rates_set(struct worker *w);

/*
 * Commands (cmd.c). False when a value is impossible, a table is full or a connection has gone: no
 * other session has changed.
 */
bool session_set(struct worker *w, const struct cmd_session_set *c);
/* Whether it would be obeyed if no termination had its ports. */
bool session_can(struct worker *w, const struct cmd_session_set *c);
bool session_del(struct worker *w, const struct ctl_sid *sid);
bool session_perm_set(struct worker *w, const struct cmd_perm_set *c);
bool session_chan_set(struct worker *w, const struct cmd_chan_set *c);

/* Marks of a replay: what it did not name is deleted, a few sessions a turn. */
void session_sync_begin(struct worker *w);
void session_sync_end(struct worker *w);
/* Whether the replay under way has not named a session; it is deleted now. */
bool session_yields(const struct worker *w, uint32_t slot);
void session_give_way(struct worker *w, uint32_t slot);
/* Goes on with the deletion; returns slots looked at. */
uint32_t session_sweep(struct worker *w, uint32_t budget);

/* Gives back records whose time is over, over `budget` sessions: housekeeping. */
void session_prune(struct worker *w, uint32_t budget);

/*
 * An audit (audit.h, session_tell.c). A session that lives is told of in one event or more, from
 * record *told on, which counts those that were; 0 when it is done. False: there is no room now.
 */
bool session_tell(struct worker *w, uint32_t slot, uint32_t *told);
uint32_t session_slots(const struct worker *w);
/* Whether records whose time is over stay where they are, since an audit counts them. */
void session_records_stay(struct worker *w, bool stay);

/* Slot of the session of a client over UDP, hash being its flow's; SLOT_NONE if there is none. */
uint32_t session_find(const struct worker *w, uint64_t hash, const struct ip_addr *ip,
		      struct be16 port, uint16_t listener);
/* Channel number to record; NULL if it is not bound. Expiry is the caller's to check. */
struct peer *session_channel(struct worker *w, uint32_t slot, uint16_t channel);
/* Record of exactly this transport address (a channel), or NULL. */
struct peer *session_peer(struct worker *w, uint32_t slot, const struct sock_addr *a);
/* A record whose permission covers ip now, or NULL. */
struct peer *session_permission(struct worker *w, uint32_t slot, const struct ip_addr *ip);

#endif
