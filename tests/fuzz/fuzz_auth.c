/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a stranger reaches of authentication: requests with any attributes, names and realms, before
 * the real auth_check() with its user store, nonces and time-limited credentials. An input is four
 * bytes that say how the request is made (see enum make), then attributes: type (two bytes),
 * length (one), value. Nobody gets in but who signed with a key of that user under a nonce of that
 * address; who does it as the standard says gets in; what is answered parses, and is signed with
 * the same key.
 */
#include "../../cp/auth/auth.h"
#include "../../cp/auth/prep.h"
#include "../../cp/auth/rest.h"
#include "../../cp/auth/users.h"
#include "must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOW = 5000, WALL = 1800000000, LIFETIME = 600, HEAD = 4, MESSAGE_MAX = 2048 };
#define REALM "example.org"
#define SECRET "of the web service"
#define REST_NAME "1800000600:phone"
#define REST_OVER "1799999999:phone"

/* First byte: who; second: what else is there; third: how it is signed; fourth: from where. */
enum make {
	WHO_NOBODY,
	WHO_DEMO,
	WHO_REST,
	WHO_REST_OVER,
	WHO_HASH,
	WHO_DISABLED,
	WHO_KINDS,
	WITH_REALM = 1 << 0,
	WITH_LIST = 1 << 1, /* PASSWORD-ALGORITHMS, as it was offered */
	WITH_SHA256 = 1 << 2,
	WITH_MD5 = 1 << 3,
	NONCE_SHIFT = 4, /* none, ours, of another port, of long ago */
	SIGN_MI = 1 << 0,
	SIGN_MI256 = 1 << 1,
	SIGN_RIGHT = 1 << 2, /* with the right password */
	SIGN_SHA256 = 1 << 3,
	FROM_OTHER = 1 << 0, /* control is the one that has the nonce */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct auth *auth;
static const struct sock_addr here = { .ip.b = { [10] = 0xff, 0xff, 10, 0, 0, 1 },
				       .port.b = { 9, 9 } };
static const struct sock_addr elsewhere = { .ip.b = { [10] = 0xff, 0xff, 10, 0, 0, 1 },
					    .port.b = { 9, 10 } };
static const uint8_t offered[] = { 0, 2, 0, 0, 0, 1, 0, 0 };
static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";

/* ---- the store: its file has no name any more ---- */

static void user_add(struct user_store *s, const char *name, bool disabled)
{
	struct user u = { .has_md5 = true, .has_sha256 = true, .disabled = disabled, .quota = 7 };

	snprintf(u.name, sizeof(u.name), "%s", name);
	digest_key(STUN_PWALG_MD5, name, REALM, "fairlead", u.md5);
	digest_key(STUN_PWALG_SHA256, name, REALM, "fairlead", u.sha256);
	digest_userhash(name, REALM, u.userhash);
	must(user_store_add(s, &u) == USER_OK);
}

static void auth_once(void)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	char dir[] = "/tmp/fairlead-fuzz-XXXXXX", err[1024], path[CONFIG_STR_MAX + 8];
	struct config *c = calloc(1, sizeof(*c));
	struct user_store *s;

	must(c && mkdtemp(dir));
	snprintf(c->turn.realm, sizeof(c->turn.realm), REALM);
	snprintf(c->auth.users_db, sizeof(c->auth.users_db), "%s/users.db", dir);
	c->auth.md5 = c->auth.sha256 = true;
	c->auth.nonce_lifetime = LIFETIME;
	c->auth.n_rest_secret = 2;
	snprintf(c->auth.rest_secret[0], sizeof(c->auth.rest_secret[0]), "the next one");
	snprintf(c->auth.rest_secret[1], sizeof(c->auth.rest_secret[1]), SECRET);
	must(digest_open(err, sizeof(err)));
	s = user_store_open(c->auth.users_db, REALM, err, sizeof(err));
	must(s);
	user_add(s, "demo", false);
	user_add(s, "gone", true);
	auth = auth_open(c, err, sizeof(err));
	must(auth);
	user_store_close(s);
	for (size_t i = 0; i < sizeof(suffix) / sizeof(*suffix); i++) {
		snprintf(path, sizeof(path), "%s%s", c->auth.users_db, suffix[i]);
		unlink(path);
	}
	rmdir(dir);
	free(c);
}

/* ---- requests ---- */

static void sign(struct stun_builder *b, uint16_t type, const uint8_t *key, size_t key_len)
{
	struct digest_span in = { .p = b->w.start };
	uint8_t *v = stun_put_integrity(b, type, &in.len), mac[DIGEST_SHA256_LEN];

	if (v)
		memcpy(v, mac, digest_hmac(type, key, key_len, &in, 1, mac));
}

/* A nonce, as a client gets it. */
static void challenge(const struct sock_addr *client, uint64_t now, struct stun_val *nonce)
{
	static uint8_t buf[512];
	struct stun_builder b;
	struct stun_msg m;
	size_t n;

	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_ALLOCATE, STUN_ERROR), tid);
	stun_put_error(&b, 401);
	auth_put_challenge(auth, &b, client, now);
	n = stun_end(&b);
	must(stun_parse(&m, buf, n) == STUN_OK && m.nonce.val && m.realm.val);
	must(m.password_algorithms.len == sizeof(offered) &&
	     !memcmp(m.password_algorithms.val, offered, sizeof(offered)));
	*nonce = m.nonce;
}

static void put_nonce(struct stun_builder *b, unsigned int kind)
{
	struct stun_val nonce;

	if (!kind)
		return;
	challenge(kind == 2 ? &elsewhere : &here, kind == 3 ? NOW - LIFETIME - 1 : NOW, &nonce);
	stun_put(b, STUN_ATTR_NONCE, nonce.val, nonce.len);
}

static const char *put_user(struct stun_builder *b, unsigned int who)
{
	static const char *const names[] = { [WHO_DEMO] = "demo",
					     [WHO_REST] = REST_NAME,
					     [WHO_REST_OVER] = REST_OVER,
					     [WHO_DISABLED] = "gone" };
	uint8_t hash[STUN_USERHASH_LEN];

	if (who == WHO_HASH) {
		must(digest_userhash("demo", REALM, hash));
		stun_put(b, STUN_ATTR_USERHASH, hash, sizeof(hash));
	} else if (who) {
		stun_put(b, STUN_ATTR_USERNAME, names[who], strlen(names[who]));
	}
	return who && names[who] ? names[who] : "demo";
}

/* The key of whom the request names, or of somebody with another password. */
static size_t key_of(unsigned int who, const char *name, uint8_t how, uint8_t *key)
{
	enum stun_pwalg alg = how & SIGN_SHA256 ? STUN_PWALG_SHA256 : STUN_PWALG_MD5;
	char password[REST_PASSWORD_LEN + 1] = "fairlead";

	if (who == WHO_REST || who == WHO_REST_OVER)
		must(rest_password(SECRET, name, password));
	return digest_key(alg, name, REALM, how & SIGN_RIGHT ? password : "guess", key);
}

/* As a client of RFC 8489 or of RFC 5389 says it, and nothing else. */
static bool by_the_book(const uint8_t *d, size_t size, unsigned int who)
{
	uint8_t sign_by = d[2] & (SIGN_MI | SIGN_MI256);
	bool both = (d[1] & 15) == (WITH_REALM | WITH_LIST | WITH_SHA256) && d[2] & SIGN_SHA256;
	bool old = (d[1] & 15) == WITH_REALM && !(d[2] & SIGN_SHA256);

	return size == HEAD && who && who != WHO_DISABLED && sign_by && d[2] & SIGN_RIGHT &&
	       (d[1] >> NONCE_SHIFT & 3) == 1 && (both || old);
}

static void answer(const struct auth_result *r)
{
	uint8_t buf[512], hdr[STUN_HDR_LEN], mac[DIGEST_SHA256_LEN];
	const struct stun_val *v;
	struct stun_builder b;
	struct stun_msg m;
	const uint8_t *body = NULL;
	size_t len = 0, n;

	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_ALLOCATE, STUN_SUCCESS), tid);
	stun_put_u32(&b, STUN_ATTR_LIFETIME, 600);
	auth_sign(&b, r);
	n = stun_end(&b);
	must(stun_parse(&m, buf, n) == STUN_OK);
	v = r->integrity == STUN_ATTR_MESSAGE_INTEGRITY ? &m.integrity : &m.integrity256;
	must(v->val);
	must(stun_integrity_input(&m, v, hdr, &body, &len));
	must(digest_hmac(r->integrity, r->key, r->key_len,
			 (struct digest_span[]){ { hdr, sizeof(hdr) }, { body, len } }, 2,
			 mac) == v->len &&
	     !memcmp(mac, v->val, v->len));
}

static void judge(const struct stun_msg *m, const struct auth_client *client, bool genuine,
		  bool right, const char *user)
{
	struct auth_result r;

	auth_check(auth, m, client, NOW, WALL, &r);
	must(r.code == 0 || r.code == 400 || r.code == 401 || r.code == 438);
	must(!right || r.code == 0);
	must(!r.wrong || r.code == 401);
	if (r.code == 0) {
		must(genuine);
		must(!strcmp(r.user, user));
		must(r.key_len == DIGEST_MD5_LEN || r.key_len == DIGEST_SHA256_LEN);
		must(r.rest == !strcmp(user, "phone") && (r.rest || !r.expired));
		answer(&r);
	} else {
		must(!r.key_len && !*r.user && !r.rest && !r.expired);
	}
	auth_wipe(&r);
}

/* Names by themselves: what comes out is short enough, and comes out of itself. */
static void names(const uint8_t *p, size_t n)
{
	char once[AUTH_USER_MAX], twice[AUTH_USER_MAX];
	struct rest_name rest;

	if (n > UINT16_MAX || !prep_opaque(p, n, once, sizeof(once)))
		return;
	must(*once && strlen(once) < sizeof(once));
	must(prep_opaque(once, strlen(once), twice, sizeof(twice)) && !strcmp(once, twice));
	if (rest_parse(once, &rest))
		must(rest.canonical >= once && rest.canonical <= once + strlen(once));
}

static void request(const uint8_t *d, size_t size)
{
	static uint8_t buf[MESSAGE_MAX];
	unsigned int who = d[0] % WHO_KINDS, nonce = d[1] >> NONCE_SHIFT & 3;
	struct auth_client client = { here, NULL };
	uint8_t key[DIGEST_KEY_MAX], alg[4] = { 0, d[1] & WITH_MD5 ? 1 : 2, 0, 0 };
	struct stun_builder b;
	struct stun_msg m;
	const char *name;
	size_t n, at;

	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_ALLOCATE, STUN_REQUEST), tid);
	for (at = HEAD; at + 3 <= size; at += n) {
		uint16_t type = (uint16_t)(d[at] << 8 | d[at + 1]);

		n = d[at + 2];
		at += 3;
		n = n < size - at ? n : size - at;
		stun_put(&b, type, d + at, n);
	}
	name = put_user(&b, who);
	if (d[1] & WITH_REALM)
		stun_put(&b, STUN_ATTR_REALM, REALM, strlen(REALM));
	put_nonce(&b, nonce);
	if (d[1] & WITH_LIST)
		stun_put(&b, STUN_ATTR_PASSWORD_ALGORITHMS, offered, sizeof(offered));
	if (d[1] & (WITH_MD5 | WITH_SHA256))
		stun_put(&b, STUN_ATTR_PASSWORD_ALGORITHM, alg, sizeof(alg));
	n = key_of(who, name, d[2], key);
	if (d[2] & SIGN_MI)
		sign(&b, STUN_ATTR_MESSAGE_INTEGRITY, key, n);
	if (d[2] & SIGN_MI256)
		sign(&b, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key, n);
	if (d[3] & FROM_OTHER) {
		client.addr = elsewhere;
		client.control = &here;
	}
	n = stun_end(&b);
	if (!n || stun_parse(&m, buf, n) != STUN_OK)
		return;
	judge(&m, &client,
	      d[2] & SIGN_RIGHT && d[2] & (SIGN_MI | SIGN_MI256) &&
		  (nonce == 1 || (nonce == 2 && client.control)),
	      by_the_book(d, size, who),
	      who == WHO_REST || who == WHO_REST_OVER ? "phone" : "demo");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_client client = { here, NULL };
	struct stun_msg m;

	if (!auth)
		auth_once();
	names(data, size);
	if (stun_parse(&m, data, size) == STUN_OK)
		judge(&m, &client, false, false, "");
	if (size >= HEAD)
		request(data, size);
	return 0;
}
