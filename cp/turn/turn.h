/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_TURN_TURN_H
#define FL_CP_TURN_TURN_H

/* A TURN request in hand, its reply, and one handler a method (RFC 8656, RFC 6062). */
#include "../server.h"

struct request {
	const struct stun_msg *m;
	const struct ctl_leg *leg;
	uint32_t worker; /* that punted it */
	enum server_method method;
	struct auth_result auth;
	uint8_t user_id[TABLE_USER_ID];
	struct table_alloc *alloc; /* of the five-tuple, or NULL */
	struct stun_builder b;
	struct cmd_send reply;
};

/* A request that was punted: answered, or given to the handler of its method. */
void request_handle(struct server *s, uint32_t worker, const struct evt_punt *p);

/* Bytes of a challenge without FINGERPRINT, which are always as many. */
uint16_t request_challenge_len(struct server *s);

/*
 * Handlers: called with an authenticated request, with or without an allocation on its five-tuple
 * as the method wants it.
 */
void allocate_handle(struct server *s, struct request *r);
void refresh_handle(struct server *s, struct request *r);
void permission_handle(struct server *s, struct request *r);
void channel_handle(struct server *s, struct request *r);
void connect_handle(struct server *s, struct request *r);
void connection_bind_handle(struct server *s, struct request *r);

/* The allocation that a ConnectionBind is about, or NULL. Asked before it is authenticated. */
const struct table_alloc *connection_bind_alloc(struct server *s, const struct request *r);

/* ---- peers' connections (RFC 6062): events, false if their session is gone ---- */

bool connect_done(struct server *s, uint32_t worker, const struct evt_peer_conn *e);
bool connect_failed(struct server *s, uint32_t worker, const struct evt_peer_conn *e);
/*
 * Forgets the connections of an allocation to peers of some families; Connects that are under way
 * are answered with an error.
 */
void connect_abandon(struct server *s, const struct table_alloc *a, unsigned int families,
		     int code);
bool attempt_handle(struct server *s, uint32_t worker, const struct evt_peer_conn *e);

/* The peer's connection waits for its ConnectionBind from now on, at most tcp.bind-timeout. */
void connection_wait(struct server *s, struct pending_conn *e, struct ctl_conn conn);
/* Has the dataplane end a peer's connection. */
void connection_close(struct server *s, uint32_t worker, struct ctl_conn conn);

/* ---- room in the dataplane ---- */

/*
 * Whether the worker of r's allocation has room for n more records of peers, and while the pool is
 * more than half full, whether the user has not more than his share of it.
 */
bool records_fit(struct server *s, const struct request *r, uint32_t n);
/* The commands given to the worker last may take n records. */
void records_promise(struct server *s, uint32_t worker, uint32_t n);

/* ---- replies ---- */

/*
 * Starts a success reply in r->b; attributes are then put, and reply_success() sends it with the
 * flags (enum ctl_send_flags) that stand in r->reply.
 */
void reply_begin(struct request *r);
void reply_success(struct server *s, struct request *r);

/* Sends an error reply (RFC 8489 6.3.1, 9.2.4). Signed, once the request was authenticated. */
void reply_error(struct server *s, struct request *r, int code);
/* Error 300: the client is to ask another server (RFC 8489 10). */
void reply_redirect(struct server *s, struct request *r, const struct config_alternate *to);

/* ---- shared by handlers ---- */

/*
 * Lifetime to grant (RFC 8656 7.2): what was asked for, at most lifetime_max; the default when
 * nothing, or less than that, was asked for. False if the attribute is malformed.
 */
bool lifetime_grant(const struct server *s, const struct stun_val *v, uint32_t *lifetime);

/*
 * REQUESTED-ADDRESS-FAMILY and ADDITIONAL-ADDRESS-FAMILY (RFC 8656 18.6, 18.11): FAMILY_V4,
 * FAMILY_V6, or 0 for another family. False if the attribute is malformed.
 */
bool family_get(const struct stun_val *v, unsigned int *family);

/*
 * Whether the allocation may be told about a peer: 0, or 400 for a malformed address, 443 for a
 * family it has no relayed address of, 403 by policy. any_port: only the address counts.
 */
int peer_check(struct server *s, const struct request *r, const struct stun_val *v, bool any_port,
	       struct sock_addr *peer);

#endif
