/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_TABLE_H
#define FL_CP_TABLE_H

/*
 * The allocation table. Its records live in a mapped state file, so that a control process that
 * is killed at any instruction is replaced by one that finds them again (R70); indexes live in
 * private memory and are rebuilt at start.
 *
 * How a record is written: the fields first, the state word last (release). How it goes: the state
 * word first. What changes in a live record is one aligned word at a time. A permission or channel
 * names its allocation by index and session generation, and is void when they do not match, so
 * deleting an allocation is one store.
 *
 * The file belongs to one process (flock) and one boot of the machine (deadlines are seconds of
 * CLOCK_MONOTONIC). Another size, version or set of listeners and relays has its records carried
 * over (table_carry.c).
 */
#include "../conf/listener.h"
#include "../lib/stun.h"
#include "../lib/wheel.h"
#include "statefile.h"

enum {
	TABLE_USER_TEXT = 112, /* bytes of the user's name kept for display, NUL included */
	TABLE_USER_ID = 16,
	TABLE_TOKEN_LEN = 8, /* RESERVATION-TOKEN, RFC 8656 18.10 */
};

enum table_state { TABLE_FREE = 0, TABLE_LIVE = 0x4c495645 };

/* Which relayed addresses a record still has; bit RELAY_V4, bit RELAY_V6. */
enum { FAMILY_V4 = 1 << RELAY_V4, FAMILY_V6 = 1 << RELAY_V6 };

/* An allocation, in the file. Constant while live, except the fields marked. */
struct table_alloc {
	_Atomic uint32_t state;	    /* enum table_state */
	_Atomic uint32_t families;  /* changes: one of two may go */
	_Atomic uint32_t expiry[2]; /* changes: seconds, by family */
	_Atomic uint32_t lifetime;  /* changes: seconds last granted, as told to the client */
	_Atomic uint32_t flags;	    /* changes: enum ctl_session_flags */
	uint64_t sum;		    /* keyed hash of all that follows */
	uint32_t worker;	    /* of the session: the owner of the relayed ports */
	struct ctl_sid sid;
	uint32_t leg_worker;		/* that the client's packets come to */
	uint32_t leg_slot;		/* of the redirect there; SLOT_NONE on the same worker */
	struct ctl_leg leg;		/* the five-tuple: client, listener, connection */
	struct ctl_relay relay[2];	/* as allocated; see families */
	uint32_t created;		/* seconds */
	uint8_t tid[STUN_TID_LEN];	/* of the Allocate, to know its retransmissions */
	uint8_t token[TABLE_TOKEN_LEN]; /* the reservation it was answered with, or 0 */
	uint16_t address_error; /* code of the ADDRESS-ERROR-CODE it was answered with, or 0 */
	/* Of a format whose user_id is of the name alone: stored or a web service's shows later. */
	uint16_t any_kind;
	uint8_t user_id[TABLE_USER_ID]; /* identity: keyed hash of the full name */
	char user[TABLE_USER_TEXT];	/* for display, cut if longer */
};

/*
 * Whether the client's packets come to another worker than that of the session, which then holds a
 * redirect: leg_slot there, with the session's generation.
 */
static inline bool table_redirected(const struct table_alloc *a)
{
	return a->leg_worker != a->worker;
}

/* A leg of TCP or TLS: nothing is lost, or sent again. */
static inline bool leg_is_stream(const struct ctl_leg *leg)
{
	return leg->conn_gen != 0 && !(leg->conn & CTL_CONN_DTLS);
}

/* A leg whose five-tuple ends with its connection, or its DTLS association. */
static inline bool leg_has_conn(const struct ctl_leg *leg)
{
	return leg->conn_gen != 0;
}

/* Whether the relayed transport is TCP (RFC 6062). */
static inline bool table_relays_tcp(const struct table_alloc *a)
{
	return atomic_load_explicit(&a->flags, memory_order_relaxed) & SESSION_TCP;
}

/* A permission, in the file. */
struct table_perm {
	_Atomic uint32_t state;
	_Atomic uint32_t expiry; /* changes */
	uint32_t alloc;		 /* index, and */
	uint32_t gen;		 /* sid.gen of its allocation */
	struct ip_addr peer;
};

/* A channel binding, in the file. */
struct table_chan {
	_Atomic uint32_t state;
	_Atomic uint32_t expiry; /* changes */
	uint32_t alloc;
	uint32_t gen;
	struct sock_addr peer;
	uint16_t number;
	uint8_t pad[4];
};

/* A reserved port (EVEN-PORT with R), in the file. */
struct table_resv {
	_Atomic uint32_t state;
	uint32_t expiry;
	uint8_t token[TABLE_TOKEN_LEN];
	struct ctl_relay relay;
	uint32_t pad;
	uint8_t user_id[TABLE_USER_ID]; /* who holds it; zeros: not known */
};

_Static_assert(sizeof(struct table_alloc) + sizeof(struct table_perm) + sizeof(struct table_chan) <=
		   512,
	       "budget of an allocation with one permission and one channel");

struct table;

/* How full the table is, and what was found at start. */
struct table_stats {
#define TABLE(member, ...) uint64_t member;
#include "stat.def"
	uint32_t moved;	     /* of those that were kept, to another worker or slot */
	uint32_t damaged;    /* records skipped because something in them cannot be */
	uint32_t expired;    /* allocations whose time was over at start */
	const char *fresh;   /* why the file was started afresh, or NULL */
	const char *carried; /* why its records were carried over into a new one, or NULL */
};

/*
 * Maps c->control.state, makes it if need be, takes up its records. now: seconds. boot_id names
 * the boot of the machine; NULL reads it from the kernel. On failure NULL and one sentence in err.
 */
struct table *table_open(const struct config *c, uint32_t now, const char *boot_id, char *err,
			 size_t errlen);
/* What table_open() would make of the file that is there (statefile.h). */
enum statefile_look table_look(const struct config *c);
/* Bytes of the file that the configuration asks for. */
uint64_t table_file_size(const struct config *c);
/* Bytes of the process' own that go with it. */
uint64_t table_memory_size(const struct config *c);
/* Lets go of the file; allocations stay in it. */
void table_close(struct table *t);

const struct table_stats *table_stats(const struct table *t);
/* Allocations of clients of a listener, by its place. */
uint32_t table_listener_allocs(const struct table *t, uint16_t listener);

/* ---- allocations ---- */

/*
 * By its five-tuple: client and listener. Whether a stream's connection is still the one that had
 * the allocation is for the caller to see.
 */
struct table_alloc *table_find(struct table *t, const struct ctl_leg *leg);
/* By its session or its redirect. */
struct table_alloc *table_find_sid(struct table *t, uint32_t worker, struct ctl_sid sid);

/* Who has a slot of a worker (both in range) for a session or a redirect, or NULL. */
struct table_alloc *table_at_slot(struct table *t, uint32_t worker, uint32_t slot);

/*
 * Adds a copy of *proto, whose workers, leg, relay, families, expiry and so on are set; the table
 * chooses slots and generation. NULL when allocations_max or a worker's sessions are used up.
 */
struct table_alloc *table_add(struct table *t, const struct table_alloc *proto);

/* Deletes it with its permissions and channels. */
void table_del(struct table *t, struct table_alloc *a);

/* Takes one family away, with its permissions and channels (RFC 8656 8.2). */
void table_del_family(struct table *t, struct table_alloc *a, unsigned int family);

/* Walks all allocations: *cursor starts at 0; NULL at the end. Deleting the current one is fine. */
struct table_alloc *table_next(struct table *t, uint32_t *cursor);

/*
 * Walks all allocations in steps: looks at *look records at most, free ones too, and counts them
 * down. NULL with some left is the end.
 */
struct table_alloc *table_walk(struct table *t, uint32_t *cursor, uint32_t *look);

/* The later of its families' deadlines. */
uint32_t table_alloc_expiry(const struct table_alloc *a);

/*
 * Identity of a user: a keyed hash of the name, so that its length costs nothing. Names that a web
 * service hands out (rest) are of another kind than stored ones: whoever may choose one does not
 * become a stored user by it.
 */
void table_user_id(const struct table *t, const char *user, bool rest, uint8_t id[TABLE_USER_ID]);
/* Relayed ports a user holds or keeps from others: allocations and reservations. */
uint32_t table_user_held(const struct table *t, const uint8_t id[TABLE_USER_ID]);

/* Allocations of an allocation's user; and each of them in its turn, for ever. */
uint32_t table_user_allocs(const struct table *t, const struct table_alloc *a);
struct table_alloc *table_user_turn(struct table *t, const struct table_alloc *a);

/*
 * Whether the dataplane may have sessions that have no record here, since the file was lost,
 * damaged or not carried over in full. table_told() says that those of a worker were taken over,
 * and allocations may be added there; table_whole() that all were.
 */
bool table_partial(const struct table *t);
/* A reload may have added listeners to the configuration: the file tells what their places mean. */
void table_world_add(struct table *t);
/* Or changed turn.allocations-max: who has more keeps them. */
void table_limit_set(struct table *t);
/* The most that it can be while the file is open. */
uint32_t table_places(const struct table *t);
/* Of these, a record's: below table_places(). */
uint32_t table_place_of(const struct table *t, const struct table_alloc *a);
void table_told(struct table *t, uint32_t worker);
void table_whole(struct table *t);
/*
 * Adds a copy of *proto, which has slot and generation, for a session that the dataplane has; its
 * owner is not known. Only while table_partial(). NULL when it cannot be: another has its
 * five-tuple or slot, there is no record left, or it is of no listener or relay of today.
 */
struct table_alloc *table_adopt(struct table *t, const struct table_alloc *proto);
/*
 * That slot of the worker is a redirect's whose session is not known yet: it is not given
 * away. False if it has an owner. table_slot_drop(): it is free if it has no owner by now.
 */
bool table_slot_hold(struct table *t, uint32_t worker, uint32_t slot);
void table_slot_drop(struct table *t, uint32_t worker, uint32_t slot);
/* Its client's packets come to that worker, which has a redirect in that slot. False likewise. */
bool table_adopt_redirect(struct table *t, struct table_alloc *a, uint32_t worker, uint32_t slot);
/* Whether its owner is not known; from table_own() on it is. */
bool table_unowned(const struct table_alloc *a);
/* Whether only the owner's name is known (any_kind), and it is this; table_own() settles it. */
bool table_named(const struct table *t, const struct table_alloc *a, const char *user);
void table_own(struct table *t, struct table_alloc *a, const uint8_t id[TABLE_USER_ID],
	       const char *user);

/*
 * The dataplane's generation (struct region) that the connections in the records are of, kept in
 * the file; 0 in a fresh one.
 */
uint64_t table_generation(const struct table *t);
void table_generation_set(struct table *t, uint64_t generation);

/* ---- permissions and channels of an allocation ---- */

struct table_perm *table_perm_find(struct table *t, const struct table_alloc *a,
				   const struct ip_addr *peer);
/* Installs or refreshes. False when the pool is used up. */
bool table_perm_set(struct table *t, struct table_alloc *a, const struct ip_addr *peer,
		    uint32_t expiry);
struct table_chan *table_chan_find(struct table *t, const struct table_alloc *a, uint16_t number);
struct table_chan *table_chan_of_peer(struct table *t, const struct table_alloc *a,
				      const struct sock_addr *peer);
bool table_chan_set(struct table *t, struct table_alloc *a, const struct sock_addr *peer,
		    uint16_t number, uint32_t expiry);

void table_perm_del(struct table *t, struct table_alloc *a, const struct ip_addr *peer);
void table_chan_del(struct table *t, struct table_alloc *a, uint16_t number);

/*
 * Records of the pool that a worker holds for its sessions' permissions and channels when they are
 * sent to it anew, channels first: one stands in each session, a channel and the permission of its
 * address together, each further channel and each further address has one.
 */
uint32_t table_records(const struct table *t, uint32_t worker);
/* Records that all workers hold for the allocations of a's user. */
uint32_t table_user_records(const struct table *t, const struct table_alloc *a);

/*
 * Records that new permissions, or a channel with the permission that comes with it, may take at
 * most: `fresh` addresses without a permission, of which one is ip. Call after table_expire().
 */
uint32_t table_perm_records(struct table *t, const struct table_alloc *a, const struct ip_addr *ip,
			    uint32_t fresh);
uint32_t table_chan_records(struct table *t, const struct table_alloc *a,
			    const struct sock_addr *peer);

/* Remembers that the dataplane refused a peer; the second tells so once. */
void table_peer_refused(struct table *t, struct table_alloc *a);
bool table_peer_refused_take(struct table *t, struct table_alloc *a);

/* First (NULL) and next of an allocation. */
struct table_perm *table_perm_next(struct table *t, const struct table_alloc *a,
				   const struct table_perm *p);
struct table_chan *table_chan_next(struct table *t, const struct table_alloc *a,
				   const struct table_chan *ch);
uint32_t table_n_perms(const struct table *t, const struct table_alloc *a);
uint32_t table_n_chans(const struct table *t, const struct table_alloc *a);

/* Deletes what is over at now. Returns the earliest deadline of what is left (allocation too). */
uint32_t table_expire(struct table *t, struct table_alloc *a, uint32_t now);

/* ---- reservations ---- */

/* Adds one of a user's under a fresh token. NULL when the pool is used up. */
struct table_resv *table_resv_add(struct table *t, struct ctl_relay relay,
				  const uint8_t user_id[TABLE_USER_ID], uint32_t expiry);
struct table_resv *table_resv_find(struct table *t, const uint8_t token[TABLE_TOKEN_LEN]);
void table_resv_del(struct table *t, struct table_resv *r);
struct table_resv *table_resv_next(struct table *t, uint32_t *cursor);

/* ---- timers, one an allocation and one a reservation; private memory ---- */

struct timer *table_timer(struct table *t, const struct table_alloc *a);
struct table_alloc *table_timer_alloc(struct table *t, const struct timer *tm);
struct timer *table_resv_timer(struct table *t, const struct table_resv *r);
struct table_resv *table_timer_resv(struct table *t, const struct timer *tm);

#endif
