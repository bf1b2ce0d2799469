/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_AUTH_AUTH_H
#define FL_CP_AUTH_AUTH_H

/*
 * Long-term credentials (RFC 8489 9.2) for TURN: who sent this request, and with which key is the
 * reply signed. Nothing is stored for a request that does not pass (R71): nonces are a keyed hash
 * of the client's address and the time.
 */
#include "../../conf/config.h"
#include "../../lib/stun.h"

/* 2024-01-01: an earlier clock has not been set; no credential of today's can be judged by it. */
#define AUTH_WALL_MIN UINT64_C(1704067200)

enum {
	AUTH_KEY_MAX = 32, /* SHA-256 key; MD5 keys are 16 */
	AUTH_USER_MAX = STUN_USERNAME_MAX + 1,
};

struct auth;

/* What a request proved. Wipe with auth_wipe(). */
struct auth_result {
	int code; /* 0: authenticated; else the error to answer: 400, 401, 438, or 500 when the
		     user store cannot answer (auth_error() says why) */
	/*
	 * With 401: there was a signature, name or password were wrong, and the nonce was one that
	 * this client was given, so nobody else's address was forged.
	 */
	bool wrong;
	bool rest; /* by a time-limited credential: user is one of the web service's names */
	/*
	 * Its time is over. It may go on with what it has, or a call would last no longer than its
	 * credential; the caller refuses anything new.
	 */
	bool expired;
	bool clock_unset;	  /* with expired: nobody can say whether it is (AUTH_WALL_MIN) */
	char user[AUTH_USER_MAX]; /* canonical name, NUL-terminated; quota key of REST users too */
	uint8_t key[AUTH_KEY_MAX];
	uint8_t key_len;
	uint16_t integrity; /* attribute the reply is signed with: STUN_ATTR_MESSAGE_INTEGRITY... */
	uint32_t quota;	    /* this user's limit of allocations; 0: the configuration's */
};

/*
 * Opens the user store (made if missing; none if users_db is empty) and the nonce key, kept beside
 * control.state so that nonces outlive the process. On failure NULL, and one sentence in err.
 */
struct auth *auth_open(const struct config *c, char *err, size_t errlen);
void auth_close(struct auth *a);

/*
 * Reads the realm, algorithms, nonces' lifetime and REST secrets of another configuration, and
 * opens its user store if that is another: false and one sentence in err if nobody could sign in by
 * it, or the store cannot be read. They are in force when auth_finish() says so; with apply false
 * all stays as it was.
 */
bool auth_prepare(struct auth *a, const struct config *c, char *err, size_t errlen);
void auth_finish(struct auth *a, bool apply);

/* Why the last 500 was given, one sentence. */
const char *auth_error(const struct auth *a);

/* Where users are kept, NULL: nowhere; and the realm they are of, as keys are computed with it. */
struct user_store;
struct user_store *auth_users(struct auth *a);
const char *auth_realm(const struct auth *a);

/*
 * Call again and again: once a second it looks whether files of secrets have changed. True if there
 * is something to tell, a sentence in line. auth_problem() is what is wrong with them, or "".
 */
enum { AUTH_LINE_MAX = 1024 };
bool auth_turn(struct auth *a, uint64_t now, char *line, size_t len);
const char *auth_problem(const struct auth *a);

/* A name and password that are good until expiry (seconds since 1970), by the newest secret. */
enum { AUTH_PASSWORD_MAX = 29 };
struct auth_credentials {
	char user[AUTH_USER_MAX];
	char password[AUTH_PASSWORD_MAX];
};
/* On failure false, and a sentence. */
bool auth_credentials(const struct auth *a, const char *name, uint64_t expiry,
		      struct auth_credentials *out, char *err, size_t errlen);

/*
 * Whom a request comes from. A nonce is good for the transport address it was given to; control,
 * unless NULL, is another whose nonces serve, too: a ConnectionBind (RFC 6062 4.3) comes on a
 * connection of its own, and clients use the nonce of their control connection.
 */
struct auth_client {
	struct sock_addr addr;
	const struct sock_addr *control;
};

/*
 * Judges a request (RFC 8489 9.2.4). now is seconds of CLOCK_MONOTONIC; wall is seconds of
 * CLOCK_REALTIME, which REST credentials carry. Fills *r.
 */
void auth_check(struct auth *a, const struct stun_msg *m, const struct auth_client *client,
		uint64_t now, uint64_t wall, struct auth_result *r);

/* Appends REALM, NONCE and PASSWORD-ALGORITHMS to an error reply with code 401 or 438. */
void auth_put_challenge(struct auth *a, struct stun_builder *b, const struct sock_addr *client,
			uint64_t now);

/* Signs a reply with the key the request was made with. */
void auth_sign(struct stun_builder *b, const struct auth_result *r);
void auth_wipe(struct auth_result *r);

#endif
