/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The server's side of the long-term credential mechanism, RFC 8489 9.2.4; the steps below are in
 * its order. A user who does not exist is judged with a key nobody has, so that the answer and the
 * work are those of a wrong password.
 *
 * Clients of RFC 5389 and 5766 see a challenge whose additions they ignore (an attribute that is
 * comprehension-optional, a nonce that is opaque to them), send neither PASSWORD-ALGORITHM nor
 * PASSWORD-ALGORITHMS, and are served with MD5 keys and MESSAGE-INTEGRITY.
 */
#include "auth.h"
#include "nonce.h"
#include "prep.h"
#include "rest.h"
#include "rest_secrets.h"
#include "users.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

_Static_assert(AUTH_PASSWORD_MAX == REST_PASSWORD_LEN + 1, "a password of a time-limited name");
_Static_assert(AUTH_KEY_MAX == (int)DIGEST_KEY_MAX, "a result holds any key");

struct auth {
	struct nonce_maker nonce;
	struct user_store *store; /* NULL: REST credentials only */
	int64_t refreshed;	  /* coarse clock when the store was last refreshed */
	char realm[CONFIG_STR_MAX];
	struct rest_watch rest;
	uint8_t offer[8]; /* value of PASSWORD-ALGORITHMS, best first */
	uint16_t offer_len;
	bool md5, sha256;
	struct auth *next;	     /* auth_prepare() made it; it has no key */
	bool moved;		     /* of next: its store takes the place of the other */
	uint8_t decoy[AUTH_KEY_MAX]; /* random: stands for the key of users who do not exist */
};

/* A request under judgement. */
struct claim {
	const struct stun_msg *m;
	enum stun_pwalg alg;
	bool legacy; /* no PASSWORD-ALGORITHM(S): served as RFC 5389 would */
	const struct stun_val *integrity;
	uint16_t integrity_type;
};

/* ---- opening ---- */

static void offer_put(struct auth *a, enum stun_pwalg alg)
{
	a->offer[a->offer_len + 1] = (uint8_t)alg; /* number, then a parameter length of 0 */
	a->offer_len = (uint16_t)(a->offer_len + 4);
}

static bool auth_configure(struct auth *a, const struct config *c, char *err, size_t errlen)
{
	if (!prep_opaque(c->turn.realm, strlen(c->turn.realm), a->realm, sizeof(a->realm))) {
		snprintf(err, errlen, "turn.realm is empty or holds a character no realm may have");
		return false;
	}
	if (!c->auth.md5 && !c->auth.sha256) {
		snprintf(err, errlen, "auth offers neither md5 nor sha256: switch one on");
		return false;
	}
	if (!c->auth.users_db[0] && !c->auth.n_rest_secret && !c->auth.n_rest_file) {
		snprintf(err, errlen,
			 "neither auth.users-db nor auth.rest-secrets: nobody could sign in");
		return false;
	}
	a->md5 = c->auth.md5;
	a->sha256 = c->auth.sha256;
	if (a->sha256)
		offer_put(a, STUN_PWALG_SHA256);
	if (a->md5)
		offer_put(a, STUN_PWALG_MD5);
	if (!rest_watch_open(&a->rest, c, err, errlen))
		return false;
	a->nonce.lifetime = c->auth.nonce_lifetime;
	a->nonce.offer = (uint8_t)(a->md5 | a->sha256 << 1);
	a->nonce.features = NONCE_PASSWORD_ALGORITHMS;
	/* A USERHASH cannot be turned into the name a REST password is computed from. */
	if (!a->rest.in_force.n)
		a->nonce.features |= NONCE_USERNAME_ANONYMITY;
	return true;
}

/* The file beside control.state; without one the key lasts as long as the process. */
static bool nonce_open(struct auth *a, const struct config *c, char *err, size_t errlen)
{
	char path[CONFIG_STR_MAX + 16];
	const char *slash = strrchr(c->control.state, '/');

	if (!c->control.state[0])
		return getrandom(&a->nonce.key, sizeof(a->nonce.key), 0) == sizeof(a->nonce.key);
	snprintf(path, sizeof(path), "%.*snonce.key",
		 slash ? (int)(slash - c->control.state) + 1 : 0, c->control.state);
	return nonce_key_load(path, &a->nonce.key, err, errlen);
}

struct auth *auth_open(const struct config *c, char *err, size_t errlen)
{
	struct auth *a = calloc(1, sizeof(*a));

	snprintf(err, errlen, "no memory or no random numbers for authentication");
	if (!a)
		return NULL;
	a->refreshed = -1;
	if (getrandom(a->decoy, sizeof(a->decoy), 0) != sizeof(a->decoy) ||
	    !digest_open(err, errlen) || !auth_configure(a, c, err, errlen) ||
	    !nonce_open(a, c, err, errlen))
		goto fail;
	if (!c->auth.users_db[0])
		return a;
	a->store = user_store_open(c->auth.users_db, a->realm, err, errlen);
	if (!a->store)
		goto fail;
	user_store_patience(a->store, 0);
	return a;
fail:
	auth_close(a);
	return NULL;
}

void auth_close(struct auth *a)
{
	if (!a)
		return;
	auth_close(a->next);
	if (a->store)
		user_store_close(a->store);
	OPENSSL_cleanse(a, sizeof(*a));
	free(a);
}

/* Another file of users. What has been put in place of the one that is open is not looked at. */
static bool store_prepare(const struct auth *a, struct auth *n, const struct config *c, char *err,
			  size_t errlen)
{
	const char *path = c->auth.users_db;
	char why[2 * CONFIG_STR_MAX];

	n->moved = a->store ? !user_store_is_at(a->store, path) : path[0] != '\0';
	if (!n->moved || !path[0])
		return true;
	n->store = user_store_reopen(path, n->realm, why, sizeof(why));
	if (n->store)
		user_store_patience(n->store, 0);
	else
		snprintf(err, errlen, "auth.users-db: %s", why);
	return n->store != NULL;
}

/* What is open goes on until then, whatever has become of its file. */
static void store_finish(struct auth *a, struct auth *n)
{
	struct user_store *was = a->store;

	if (n->moved) {
		a->store = n->store;
		n->store = was; /* closed with it */
		a->refreshed = -1;
	} else if (was) {
		user_store_realm(was, a->realm);
	}
}

bool auth_prepare(struct auth *a, const struct config *c, char *err, size_t errlen)
{
	auth_close(a->next);
	a->next = calloc(1, sizeof(*a->next));
	snprintf(err, errlen, "no memory for authentication");
	if (a->next && auth_configure(a->next, c, err, errlen) &&
	    store_prepare(a, a->next, c, err, errlen))
		return true;
	auth_finish(a, false);
	return false;
}

void auth_finish(struct auth *a, bool apply)
{
	struct auth *n = a->next;

	if (n && apply) {
		memcpy(a->realm, n->realm, sizeof(a->realm));
		store_finish(a, n);
		a->rest = n->rest;
		memcpy(a->offer, n->offer, sizeof(a->offer));
		a->offer_len = n->offer_len;
		a->md5 = n->md5;
		a->sha256 = n->sha256;
		a->nonce.lifetime = n->nonce.lifetime;
		a->nonce.offer = n->nonce.offer;
		a->nonce.features = n->nonce.features;
	}
	auth_close(a->next);
	a->next = NULL;
}

const char *auth_error(const struct auth *a)
{
	return a->store ? user_store_error(a->store) : "";
}

struct user_store *auth_users(struct auth *a)
{
	return a->store;
}

const char *auth_realm(const struct auth *a)
{
	return a->realm;
}

/* ---- time-limited credentials ---- */

bool auth_turn(struct auth *a, uint64_t now, char *line, size_t len)
{
	return rest_watch_turn(&a->rest, now, line, len);
}

const char *auth_problem(const struct auth *a)
{
	return a->rest.problem;
}

bool auth_credentials(const struct auth *a, const char *name, uint64_t expiry,
		      struct auth_credentials *out, char *err, size_t errlen)
{
	char prepared[AUTH_USER_MAX];
	int n;

	if (!a->rest.in_force.n) {
		snprintf(err, errlen,
			 "there is no secret to make them with: name one in "
			 "auth.rest-secret-files");
		return false;
	}
	if (!prep_opaque(name, strlen(name), prepared, sizeof(prepared))) {
		snprintf(err, errlen,
			 "the name is empty, too long, or holds a character no name "
			 "may have (RFC 4013)");
		return false;
	}
	n = snprintf(out->user, sizeof(out->user), "%" PRIu64 ":%s", expiry, prepared);
	if (n >= (int)sizeof(out->user)) {
		snprintf(err, errlen, "the name is too long");
		return false;
	}
	if (!rest_password(a->rest.in_force.text[0], out->user, out->password)) {
		snprintf(err, errlen, "OpenSSL could not compute the password");
		return false;
	}
	return true;
}

/* ---- the steps ---- */

/* Step 2: all there, and of a length the standard allows? */
static bool claim_complete(const struct claim *cl)
{
	const struct stun_msg *m = cl->m;
	uint16_t want =
	    cl->integrity_type == STUN_ATTR_MESSAGE_INTEGRITY ? STUN_MI_LEN : STUN_MI256_LEN;

	if (!(m->username.val || m->userhash.val) || !m->realm.val || !m->nonce.val)
		return false;
	if (m->username.val && m->username.len > STUN_USERNAME_MAX)
		return false;
	if (m->userhash.val && m->userhash.len != STUN_USERHASH_LEN)
		return false;
	return cl->integrity->len == want && m->realm.len <= STUN_REALM_MAX &&
	       m->nonce.len <= STUN_NONCE_MAX;
}

/*
 * Step 3: which algorithm. With a nonce of ours, what it was sent with must come back unchanged:
 * a list that somebody shortened on the way to the client shows here. A nonce that is not ours
 * came with a list we do not know; such a request gets no further than 438, whatever it says.
 */
static bool claim_algorithm(const struct auth *a, struct claim *cl, enum nonce_state nonce)
{
	const struct stun_val *one = &cl->m->password_algorithm, *all = &cl->m->password_algorithms;

	cl->legacy = !one->val && !all->val;
	cl->alg = STUN_PWALG_MD5;
	if (cl->legacy)
		return true;
	if (!one->val || !all->val || one->len < 4)
		return false;
	cl->alg = (enum stun_pwalg)be16_read(one->val);
	if ((one->val[2] | one->val[3]) != 0)
		return false; /* parameters: neither algorithm has any */
	if (nonce == NONCE_FOREIGN)
		return true;
	return all->len == a->offer_len && memcmp(all->val, a->offer, a->offer_len) == 0 &&
	       ((cl->alg == STUN_PWALG_MD5 && a->md5) ||
		(cl->alg == STUN_PWALG_SHA256 && a->sha256));
}

/* Whether key signed the request. The comparison takes the same time whatever differs. */
static bool claim_signed_by(const struct claim *cl, const uint8_t *key, size_t key_len)
{
	uint8_t hdr[STUN_HDR_LEN], mac[DIGEST_SHA256_LEN];
	const uint8_t *body;
	size_t body_len, n;

	if (!stun_integrity_input(cl->m, cl->integrity, hdr, &body, &body_len))
		return false;
	n = digest_hmac(cl->integrity_type, key, key_len,
			(struct digest_span[]){ { hdr, sizeof(hdr) }, { body, body_len } }, 2, mac);
	return n == cl->integrity->len && CRYPTO_memcmp(mac, cl->integrity->val, n) == 0;
}

/* Takes the key into the result if it is the one. */
static bool claim_try(const struct claim *cl, const uint8_t *key, size_t key_len,
		      struct auth_result *r)
{
	if (!claim_signed_by(cl, key, key_len))
		return false;
	memcpy(r->key, key, key_len);
	r->key_len = (uint8_t)key_len;
	return true;
}

/*
 * At most once a tick of the coarse clock (1 to 4 ms): what `fairlead user` changed is in force
 * before its prompt returns, and a busy relay does not pay for looking each time.
 */
static void store_refresh(struct auth *a)
{
	struct timespec ts;
	int64_t tick;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	tick = ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
	if (tick != a->refreshed)
		user_store_refresh(a->store);
	a->refreshed = tick;
}

/* Steps 4 and 5 for a user of the store. name is NULL when USERHASH says who it is. */
static int judge_stored(struct auth *a, const struct claim *cl, const char *name,
			struct auth_result *r)
{
	const uint8_t *key = a->decoy;
	size_t key_len = cl->alg == STUN_PWALG_MD5 ? DIGEST_MD5_LEN : DIGEST_SHA256_LEN;
	const struct user *u = NULL;
	enum user_status st;

	if (!a->store)
		return 401;
	store_refresh(a);
	st = name ? user_store_by_name(a->store, name, &u)
		  : user_store_by_hash(a->store, cl->m->userhash.val, &u);
	if (st == USER_ERROR)
		return 500;
	if (st == USER_OK && !u->disabled) {
		if (cl->alg == STUN_PWALG_MD5 && u->has_md5)
			key = u->md5;
		else if (cl->alg == STUN_PWALG_SHA256 && u->has_sha256)
			key = u->sha256;
	}
	if (!claim_try(cl, key, key_len, r) || key == a->decoy)
		return 401;
	memcpy(r->user, u->name, strlen(u->name) + 1);
	r->quota = u->quota;
	return 0;
}

/* Steps 4 and 5 for time-limited credentials: the key under each secret in turn. */
static int judge_rest(struct auth *a, const struct claim *cl, const char *name, uint64_t wall,
		      struct auth_result *r)
{
	char password[REST_PASSWORD_LEN + 1];
	uint8_t key[DIGEST_KEY_MAX];
	struct rest_name rn;
	int code = 401;

	if (!a->rest.in_force.n || !rest_parse(name, &rn))
		return 401;
	for (uint16_t i = 0; i < a->rest.in_force.n && code; i++) {
		size_t n = rest_password(a->rest.in_force.text[i], name, password)
			       ? digest_key(cl->alg, name, a->realm, password, key)
			       : 0;

		if (n && claim_try(cl, key, n, r))
			code = 0;
	}
	OPENSSL_cleanse(password, sizeof(password));
	OPENSSL_cleanse(key, sizeof(key));
	if (code)
		return code;
	snprintf(r->user, sizeof(r->user), "%s", rn.canonical);
	r->rest = true;
	/* Every credential is good for ever by a clock that starts at 1970. */
	r->clock_unset = wall < AUTH_WALL_MIN;
	r->expired = r->clock_unset || wall >= rn.expiry;
	return 0;
}

/*
 * Steps 4 and 5. A stored user wins over a REST credential of that form, since a telephone number
 * looks like one. A store that cannot answer does not stop REST credentials.
 */
static int judge_user(struct auth *a, const struct claim *cl, uint64_t wall, struct auth_result *r)
{
	const struct stun_msg *m = cl->m;
	char name[AUTH_USER_MAX];
	int code, rest;
	bool ours =
	    m->realm.len == strlen(a->realm) && memcmp(m->realm.val, a->realm, m->realm.len) == 0;

	if (ours && !m->username.val)
		return judge_stored(a, cl, NULL, r);
	/* A name nobody can have is looked up like another; no stored name is empty. */
	if (!ours || !prep_opaque(m->username.val, m->username.len, name, sizeof(name)))
		name[0] = 0;
	code = judge_stored(a, cl, name, r);
	if (!code || !name[0])
		return code;
	rest = judge_rest(a, cl, name, wall, r);
	return rest ? code : 0;
}

/* Of a client with two transport addresses the better of the two answers. */
static enum nonce_state claim_nonce(const struct auth *a, const struct stun_msg *m,
				    const struct auth_client *client, uint64_t now)
{
	enum nonce_state st = nonce_check(&a->nonce, &m->nonce, &client->addr, now);

	if (st == NONCE_FOREIGN && client->control)
		st = nonce_check(&a->nonce, &m->nonce, client->control, now);
	return st;
}

static int judge(struct auth *a, const struct stun_msg *m, const struct auth_client *client,
		 uint64_t now, uint64_t wall, struct auth_result *r)
{
	struct claim cl = { .m = m };
	enum nonce_state nonce;
	int code;

	/* 1. No integrity: challenge. Where both are there, the stronger one counts. */
	if (m->integrity256.val) {
		cl.integrity = &m->integrity256;
		cl.integrity_type = STUN_ATTR_MESSAGE_INTEGRITY_SHA256;
	} else if (m->integrity.val) {
		cl.integrity = &m->integrity;
		cl.integrity_type = STUN_ATTR_MESSAGE_INTEGRITY;
	} else {
		return 401;
	}
	/* 2. Something missing. */
	if (!claim_complete(&cl))
		return 400;
	/* 3. Password algorithms. */
	nonce = claim_nonce(a, m, client, now);
	if (!claim_algorithm(a, &cl, nonce))
		return 400;
	if (cl.alg == STUN_PWALG_MD5 ? !a->md5 : !a->sha256 || cl.alg != STUN_PWALG_SHA256)
		return nonce == NONCE_FRESH ? 401 : 438;
	/* 4. and 5. The user, and the integrity. */
	code = judge_user(a, &cl, wall, r);
	r->wrong = code == 401 && nonce != NONCE_FOREIGN;
	if (code)
		return code;
	/* 6. The nonce: only who knows the password learns that it is stale. */
	if (nonce != NONCE_FRESH)
		return 438;
	/* 9.2.4's end: SHA-256 signs the reply unless the client is of the old kind. */
	r->integrity = cl.legacy ? STUN_ATTR_MESSAGE_INTEGRITY : STUN_ATTR_MESSAGE_INTEGRITY_SHA256;
	return 0;
}

void auth_check(struct auth *a, const struct stun_msg *m, const struct auth_client *client,
		uint64_t now, uint64_t wall, struct auth_result *r)
{
	bool wrong;
	int code;

	memset(r, 0, sizeof(*r));
	code = judge(a, m, client, now, wall, r);
	wrong = r->wrong;
	if (code)
		auth_wipe(r);
	r->code = code;
	r->wrong = wrong;
}

/* ---- answering ---- */

void auth_put_challenge(struct auth *a, struct stun_builder *b, const struct sock_addr *client,
			uint64_t now)
{
	char nonce[NONCE_LEN + 1];

	nonce_make(&a->nonce, client, now, nonce);
	stun_put(b, STUN_ATTR_REALM, a->realm, strlen(a->realm));
	stun_put(b, STUN_ATTR_NONCE, nonce, NONCE_LEN);
	stun_put(b, STUN_ATTR_PASSWORD_ALGORITHMS, a->offer, a->offer_len);
}

void auth_sign(struct stun_builder *b, const struct auth_result *r)
{
	uint8_t mac[DIGEST_SHA256_LEN];
	struct digest_span in;
	uint8_t *value;
	size_t n;

	if (!r->key_len)
		return;
	value = stun_put_integrity(b, r->integrity, &in.len);
	if (!value)
		return;
	in.p = b->w.start;
	n = digest_hmac_again(r->integrity, r->key, r->key_len, &in, 1, mac);
	if (n)
		memcpy(value, mac, n);
	else
		b->w.failed = true; /* no reply rather than one with a made-up signature */
}

void auth_wipe(struct auth_result *r)
{
	OPENSSL_cleanse(r->key, sizeof(r->key)); /* the only secret, and a byte at a time */
	memset(r, 0, sizeof(*r));
}
