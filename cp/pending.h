/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_PENDING_H
#define FL_CP_PENDING_H

/*
 * Connections to peers of TCP allocations (RFC 6062) that the control process has something left
 * to do about: those under way for a Connect, and those that wait for their ConnectionBind. Once
 * bound, a connection is the dataplane's alone.
 *
 * The table is bounded, its memory taken at start and private: a control process that is
 * restarted knows none of these. The dataplane then ends them after tcp.bind-timeout, and their
 * clients hear no answer to a Connect, or 400 to a ConnectionBind.
 */
#include "auth/auth.h"
#include "rand.h"
#include "../lib/wheel.h"

enum { PENDING_MAX = 65536 };

enum pending_state {
	PENDING_CONNECTING, /* CMD_CONNECT was given, the client waits for its answer */
	PENDING_WAITING,    /* for a ConnectionBind */
	/*
	 * It failed, and there is no room yet to say so. Of no allocation any more, which may go,
	 * or connect to that peer anew.
	 */
	PENDING_OWED,
};

/* What the answer to a Connect takes from its request. Holds a key: wiped with the entry. */
struct pending_asker {
	struct ctl_leg leg;
	uint64_t generation; /* of the dataplane whose connection that is */
	uint8_t tid[STUN_TID_LEN];
	bool fingerprint;
	uint8_t key_len;
	uint16_t integrity; /* attribute the answer is signed with */
	uint8_t key[AUTH_KEY_MAX];
};

struct pending_conn {
	struct timer timer; /* the owner's, stopped when the entry goes */
	uint32_t id;	    /* CONNECTION-ID: drawn at random, unique in the table, never 0 */
	uint32_t id_next;   /* index in its bucket, or in the free list */
	uint32_t session_next;
	enum pending_state state;
	uint32_t worker; /* of the allocation and of the peer's connection */
	struct ctl_sid sid;
	struct sock_addr peer;
	uint32_t seq;		    /* of CMD_CONNECT, in PENDING_CONNECTING */
	struct ctl_conn conn;	    /* in PENDING_WAITING */
	struct pending_asker asker; /* in PENDING_CONNECTING and PENDING_OWED */
	uint16_t code;		    /* in PENDING_OWED: the error */
	uint16_t tries;		    /* to tell it */
};

struct pending;

/* r and w must outlive it. NULL without memory. */
struct pending *pending_create(const struct config *c, struct rand *r, struct wheel *w);
void pending_free(struct pending *t);

/* Adds one under a fresh id, in PENDING_CONNECTING. NULL when the table is full. */
struct pending_conn *pending_add(struct pending *t, uint32_t worker, struct ctl_sid sid,
				 const struct sock_addr *peer);
/* Wipes and forgets e, its timer too. */
void pending_del(struct pending *t, struct pending_conn *e);
/* Wipes and forgets all that are of an allocation. */
void pending_del_session(struct pending *t, uint32_t worker, struct ctl_sid sid);
/* e waits for its ConnectionBind from now on: what was kept for the answer is wiped. */
void pending_wait(struct pending_conn *e, struct ctl_conn conn);

/* The answer is owed from now on: an error. Its allocation does not find it any more. */
void pending_owe(struct pending *t, struct pending_conn *e, int code);

struct pending_conn *pending_find(struct pending *t, uint32_t id);
/* First (NULL) and next of an allocation. */
struct pending_conn *pending_next(const struct pending *t, uint32_t worker, struct ctl_sid sid,
				  const struct pending_conn *prev);
/* Of an allocation: by peer in any state, by the Connect's command, by the peer's connection. */
struct pending_conn *pending_find_peer(struct pending *t, uint32_t worker, struct ctl_sid sid,
				       const struct sock_addr *peer);
struct pending_conn *pending_find_seq(struct pending *t, uint32_t worker, struct ctl_sid sid,
				      uint32_t seq);
struct pending_conn *pending_find_conn(struct pending *t, uint32_t worker, struct ctl_sid sid,
				       struct ctl_conn conn);
uint32_t pending_count(const struct pending *t, uint32_t worker, struct ctl_sid sid);

uint32_t pending_used(const struct pending *t);
uint32_t pending_max(const struct pending *t);

#endif
