/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * auth_check(): each step of RFC 8489 9.2.4 with its code, old and new clients, bid-down, stale
 * and forged nonces, HA1 keys (R11), REST credentials with two secrets, and what another process
 * does to the database while we run. R71, R75.
 */
#include "tests/world/auth_fixture.h"

#include "cp/auth/nonce.h"
#include "cp/auth/rest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

enum { NOW = 5000, WALL = 1800000000 };

static const struct sock_addr here = { .ip.b = { [10] = 0xff, 0xff, 10, 0, 0, 1 },
				       .port.b = { 9, 9 } };
static const struct sock_addr elsewhere = { .ip.b = { [10] = 0xff, 0xff, 10, 0, 0, 2 },
					    .port.b = { 9, 9 } };

static const uint8_t both[] = { 0, 2, 0, 0, 0, 1, 0, 0 };
static const uint8_t only_md5[] = { 0, 1, 0, 0 };

enum { MI = 1, MI256 = 2 };

/* What a client says. */
struct ask {
	const char *user; /* NULL: no USERNAME */
	const uint8_t *userhash;
	const char *realm;
	const char *nonce;
	const uint8_t *algs; /* PASSWORD-ALGORITHMS */
	size_t algs_len;
	int alg;  /* PASSWORD-ALGORITHM, 0: absent */
	int sign; /* MI, MI256 or both */
	const char *password;
	int key_alg; /* the key signs with; 0: as alg says */
};

static struct auth *open_auth(struct fixture *f)
{
	struct auth *a = auth_open(&f->c, f->err, sizeof(f->err));

	if (!a)
		fail_msg("%s", f->err);
	return a;
}

static void sign(struct stun_builder *b, uint16_t type, const uint8_t *key, size_t key_len)
{
	struct digest_span in = { .p = b->w.start };
	uint8_t *v = stun_put_integrity(b, type, &in.len), mac[DIGEST_SHA256_LEN];

	assert_non_null(v);
	memcpy(v, mac, digest_hmac(type, key, key_len, &in, 1, mac));
}

static size_t build(const struct ask *q, uint8_t *buf, size_t cap)
{
	static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
	int key_alg = q->key_alg ? q->key_alg : q->alg ? q->alg : STUN_PWALG_MD5;
	uint8_t key[DIGEST_KEY_MAX], alg[4] = { 0, (uint8_t)q->alg, 0, 0 };
	struct stun_builder b;
	size_t n;

	stun_begin(&b, buf, cap, stun_type(STUN_ALLOCATE, STUN_REQUEST), tid);
	if (q->user)
		stun_put(&b, STUN_ATTR_USERNAME, q->user, strlen(q->user));
	if (q->userhash)
		stun_put(&b, STUN_ATTR_USERHASH, q->userhash, STUN_USERHASH_LEN);
	if (q->realm)
		stun_put(&b, STUN_ATTR_REALM, q->realm, strlen(q->realm));
	if (q->nonce)
		stun_put(&b, STUN_ATTR_NONCE, q->nonce, strlen(q->nonce));
	if (q->algs)
		stun_put(&b, STUN_ATTR_PASSWORD_ALGORITHMS, q->algs, q->algs_len);
	if (q->alg)
		stun_put(&b, STUN_ATTR_PASSWORD_ALGORITHM, alg, sizeof(alg));
	n = digest_key((enum stun_pwalg)key_alg, q->user ? q->user : "demo", REALM,
		       q->password ? q->password : "fairlead", key);
	if (q->sign & MI)
		sign(&b, STUN_ATTR_MESSAGE_INTEGRITY, key, n);
	if (q->sign & MI256)
		sign(&b, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, key, n);
	return stun_end(&b);
}

static int judge_then(struct auth *a, const struct ask *q, const struct sock_addr *from,
		      uint64_t now, uint64_t wall, struct auth_result *r)
{
	uint8_t buf[2048];
	struct stun_msg m;
	size_t n = build(q, buf, sizeof(buf));

	assert_int_not_equal(n, 0);
	assert_int_equal(stun_parse(&m, buf, n), STUN_OK);
	auth_check(a, &m, &(struct auth_client){ *from, NULL }, now, wall, r);
	return r->code;
}

static int judge_at(struct auth *a, const struct ask *q, const struct sock_addr *from, uint64_t now,
		    struct auth_result *r)
{
	return judge_then(a, q, from, now, WALL, r);
}

static int judge(struct auth *a, const struct ask *q)
{
	struct auth_result r;
	int code = judge_at(a, q, &here, NOW, &r);

	if (code) { /* nothing of a refused request is handed on */
		assert_int_equal(r.key_len, 0);
		assert_int_equal(r.user[0], 0);
	}
	return code;
}

/* The nonce of a challenge, as a client would get it. */
static const char *challenge_at(struct auth *a, uint64_t now, char nonce[NONCE_LEN + 1])
{
	static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
	uint8_t buf[512];
	struct stun_builder b;
	struct stun_msg m;
	size_t n;

	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_ALLOCATE, STUN_ERROR), tid);
	stun_put_error(&b, 401);
	auth_put_challenge(a, &b, &here, now);
	n = stun_end(&b);
	assert_int_equal(stun_parse(&m, buf, n), STUN_OK);
	assert_int_equal(m.nonce.len, NONCE_LEN);
	assert_memory_equal(m.realm.val, REALM, strlen(REALM));
	memcpy(nonce, m.nonce.val, NONCE_LEN);
	nonce[NONCE_LEN] = 0;
	return nonce;
}

/*
 * RFC 8656 21.1: whoever is named as the source of an Allocate of 28 bytes, the shortest there is,
 * gets three times as many at most, in UDP payload, and fewer beside headers.
 */
static void a_challenge_is_short(void **state)
{
	static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
	struct fixture *f = *state;
	struct auth *a = open_auth(f);
	uint8_t buf[512];
	struct stun_builder b;

	assert_true(strlen(REALM) <= 16);
	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_ALLOCATE, STUN_ERROR), tid);
	stun_put_error_code(&b, 401);
	auth_put_challenge(a, &b, &here, NOW);
	assert_in_range(stun_end(&b), 60, 3 * (STUN_HDR_LEN + 8));
	auth_close(a);
}

/* A client of RFC 5389: browsers, aioice, werift, turnutils_uclient. */
static struct ask old_client(struct auth *a, char nonce[NONCE_LEN + 1])
{
	return (struct ask){
		.user = "demo", .realm = REALM, .nonce = challenge_at(a, NOW, nonce), .sign = MI
	};
}

/* A client of RFC 8489 (libjuice signs with both attributes). */
static struct ask new_client(struct auth *a, char nonce[NONCE_LEN + 1])
{
	struct ask q = old_client(a, nonce);

	q.algs = both;
	q.algs_len = sizeof(both);
	q.alg = STUN_PWALG_SHA256;
	q.sign = MI | MI256;
	return q;
}

/* Until what other processes wrote must have been noticed: the next tick of the coarse clock. */
static void next_tick(void)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &a);
	do
		clock_gettime(CLOCK_MONOTONIC_COARSE, &b);
	while (a.tv_nsec == b.tv_nsec);
}

/* ---- who gets in ---- */

static void old_client_gets_in_with_md5(void **state)
{
	struct fixture *f = *state;
	struct user want = fixture_user("demo", "fairlead");
	char nonce[NONCE_LEN + 1];
	struct auth_result r;
	struct auth *a;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	assert_int_equal(judge_at(a, &(struct ask){ 0 }, &here, NOW, &r), 401);
	struct ask q = old_client(a, nonce);
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 0);
	assert_string_equal(r.user, "demo");
	assert_int_equal(r.key_len, 16);
	assert_memory_equal(r.key, want.md5, 16);
	assert_int_equal(r.integrity, STUN_ATTR_MESSAGE_INTEGRITY);
	auth_close(a);
}

static void new_client_gets_in_with_sha256(void **state)
{
	struct fixture *f = *state;
	struct user want = fixture_user("demo", "fairlead");
	char nonce[NONCE_LEN + 1];
	struct auth_result r;
	struct auth *a;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	struct ask q = new_client(a, nonce);
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 0);
	assert_int_equal(r.key_len, 32);
	assert_memory_equal(r.key, want.sha256, 32);
	assert_int_equal(r.integrity, STUN_ATTR_MESSAGE_INTEGRITY_SHA256);
	q.sign = MI256;
	assert_int_equal(judge(a, &q), 0);
	q.sign = MI; /* either attribute will do */
	assert_int_equal(judge(a, &q), 0);
	/* by USERHASH */
	q.user = NULL;
	q.userhash = want.userhash;
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 0);
	assert_string_equal(r.user, "demo");
	/* MD5 chosen from the list: still the stronger signature */
	q.alg = STUN_PWALG_MD5;
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 0);
	assert_int_equal(r.key_len, 16);
	assert_int_equal(r.integrity, STUN_ATTR_MESSAGE_INTEGRITY_SHA256);
	auth_close(a);
}

static void reply_carries_the_clients_key(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[256], hdr[STUN_HDR_LEN], mac[DIGEST_SHA256_LEN];
	char nonce[NONCE_LEN + 1];
	struct auth_result r;
	struct stun_builder b;
	struct stun_msg m;
	const uint8_t *body;
	size_t n, body_len;
	struct auth *a;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	struct ask q = new_client(a, nonce);
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 0);
	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_ALLOCATE, STUN_SUCCESS),
		   (const uint8_t *)"abcdefghijk");
	stun_put_u32(&b, STUN_ATTR_LIFETIME, 600);
	auth_sign(&b, &r);
	stun_put_fingerprint(&b);
	n = stun_end(&b);
	assert_int_equal(stun_parse(&m, buf, n), STUN_OK);
	assert_int_equal(m.integrity256.len, 32);
	assert_null(m.integrity.val);
	assert_true(stun_integrity_input(&m, &m.integrity256, hdr, &body, &body_len));
	digest_hmac(STUN_ATTR_MESSAGE_INTEGRITY_SHA256, r.key, r.key_len,
		    (struct digest_span[]){ { hdr, sizeof(hdr) }, { body, body_len } }, 2, mac);
	assert_memory_equal(m.integrity256.val, mac, 32);
	auth_wipe(&r);
	for (size_t i = 0; i < sizeof(r); i++)
		assert_int_equal(((uint8_t *)&r)[i], 0);
	auth_close(a);
}

/* ---- who does not ---- */

static void something_missing_is_400(void **state)
{
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1], longest[STUN_USERNAME_MAX + 2] = { 0 };
	struct auth *a;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	const struct ask q = old_client(a, nonce);
	struct ask x = q;

	x.user = NULL;
	assert_int_equal(judge(a, &x), 400);
	x = q;
	x.realm = NULL;
	assert_int_equal(judge(a, &x), 400);
	x = q;
	x.nonce = NULL;
	assert_int_equal(judge(a, &x), 400);
	x = q;
	x.user = memset(longest, 'x', STUN_USERNAME_MAX + 1);
	assert_int_equal(judge(a, &x), 400);
	longest[STUN_USERNAME_MAX] = 0;
	assert_int_equal(judge(a, &x), 401);
	x = q;
	x.sign = 0; /* but without integrity it is a first request: challenged */
	assert_int_equal(judge(a, &x), 401);
	auth_close(a);
}

static void wrong_or_unknown_is_401(void **state)
{
	struct fixture *f = *state;
	struct user u = fixture_user("nobody", "fairlead");
	char nonce[NONCE_LEN + 1];
	struct auth *a;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	struct ask q = old_client(a, nonce), x = q;

	x.password = "Fairlead";
	assert_int_equal(judge(a, &x), 401);
	x = q;
	x.user = "nobody";
	assert_int_equal(judge(a, &x), 401);
	assert_int_equal(judge(a, &x), 401); /* now from the cache */
	x = q;
	x.user = NULL;
	x.userhash = u.userhash;
	assert_int_equal(judge(a, &x), 401);
	x = q;
	x.realm = "example.com";
	assert_int_equal(judge(a, &x), 401);
	x.user = NULL;
	u = fixture_user("demo", "fairlead");
	x.userhash = u.userhash;
	assert_int_equal(judge(a, &x), 401);
	x = q;
	x.user = "demo\xff"; /* not UTF-8 */
	assert_int_equal(judge(a, &x), 401);
	x = q;
	x.key_alg = STUN_PWALG_SHA256; /* says MD5, signs with the other key */
	assert_int_equal(judge(a, &x), 401);
	assert_int_equal(judge(a, &q), 0);
	auth_close(a);
}

static void a_changed_request_is_401(void **state)
{
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1];
	struct auth_result r;
	uint8_t buf[2048];
	struct stun_msg m;
	struct auth *a;
	size_t n;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	struct ask q = new_client(a, nonce);
	n = build(&q, buf, sizeof(buf));
	buf[STUN_HDR_LEN - 1] ^= 1; /* of the transaction id, which integrity covers */
	assert_int_equal(stun_parse(&m, buf, n), STUN_OK);
	auth_check(a, &m, &(struct auth_client){ here, NULL }, NOW, WALL, &r);
	assert_int_equal(r.code, 401);
	/* MESSAGE-INTEGRITY right and MESSAGE-INTEGRITY-SHA256 wrong: the stronger one counts */
	n = build(&q, buf, sizeof(buf));
	buf[n - 1] ^= 1;
	assert_int_equal(stun_parse(&m, buf, n), STUN_OK);
	auth_check(a, &m, &(struct auth_client){ here, NULL }, NOW, WALL, &r);
	assert_int_equal(r.code, 401);
	auth_close(a);
}

static void bid_down_is_400(void **state)
{
	static const uint8_t swapped[] = { 0, 1, 0, 0, 0, 2, 0, 0 };
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1];
	struct auth *a;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	const struct ask q = new_client(a, nonce);
	struct ask x = q;

	x.algs = only_md5; /* somebody took SHA-256 off the list on its way to the client */
	x.algs_len = sizeof(only_md5);
	x.alg = STUN_PWALG_MD5;
	assert_int_equal(judge(a, &x), 400);
	x = q;
	x.algs = swapped;
	assert_int_equal(judge(a, &x), 400);
	x = q;
	x.algs = NULL;
	assert_int_equal(judge(a, &x), 400);
	x = q;
	x.alg = 0;
	assert_int_equal(judge(a, &x), 400);
	x = q;
	x.alg = 3; /* not on the list */
	x.key_alg = STUN_PWALG_MD5;
	assert_int_equal(judge(a, &x), 400);
	x = q;
	x.nonce = "obMatJos2AAAC0000000"; /* the bit gone: not our nonce any more */
	x.algs = NULL;
	x.alg = 0;
	x.sign = MI;
	assert_int_equal(judge(a, &x), 438);
	auth_close(a);
}

static void stale_forged_and_strangers_nonces_are_438(void **state)
{
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1];
	struct auth_result r;
	struct auth *a;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	struct ask q = new_client(a, nonce), x = q;

	assert_int_equal(judge_at(a, &q, &here, NOW + 599, &r), 0);
	assert_int_equal(judge_at(a, &q, &here, NOW + 600, &r), 438);
	assert_int_equal(r.key_len, 0);
	assert_int_equal(judge_at(a, &q, &elsewhere, NOW, &r), 438);
	x.nonce = "anything";
	assert_int_equal(judge(a, &x), 438);
	/* in the standard's order: who does not know the password is told that first */
	x.password = "wrong";
	assert_int_equal(judge(a, &x), 401);
	auth_close(a);
}

static void nonces_outlive_the_process_but_not_a_new_offer(void **state)
{
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1];
	struct auth *a;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	struct ask q = new_client(a, nonce);
	auth_close(a);
	a = open_auth(f);
	assert_int_equal(judge(a, &q), 0);
	auth_close(a);
	f->c.auth.md5 = false; /* the list the client repeats is no longer ours: not its fault */
	a = open_auth(f);
	assert_int_equal(judge(a, &q), 438);
	auth_close(a);
}

static void only_what_is_offered_is_taken(void **state)
{
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1];
	struct auth *a;

	fixture_add(f, "demo", "fairlead");
	f->c.auth.md5 = false;
	a = open_auth(f);
	struct ask q = old_client(a, nonce);
	assert_int_equal(judge(a, &q), 401);
	auth_close(a);
	f->c.auth.md5 = true;
	f->c.auth.sha256 = false;
	a = open_auth(f);
	q = new_client(a, nonce);
	assert_int_equal(judge(a, &q), 400);
	q.algs = only_md5;
	q.algs_len = sizeof(only_md5);
	q.alg = STUN_PWALG_MD5;
	assert_int_equal(judge(a, &q), 0);
	auth_close(a);
}

/* ---- users of the store ---- */

static void name_is_prepared_before_it_is_looked_up(void **state)
{
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1];
	struct auth_result r;
	uint8_t buf[2048], key[DIGEST_KEY_MAX];
	struct stun_builder b;
	struct stun_msg m;
	struct auth *a;
	size_t n;

	fixture_add(f, "j\xc3\xa9r\xc3\xb4me", "fairlead");
	a = open_auth(f);
	/* decomposed accents in USERNAME, the key computed from the prepared form */
	digest_key(STUN_PWALG_MD5, "j\xc3\xa9r\xc3\xb4me", REALM, "fairlead", key);
	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_ALLOCATE, STUN_REQUEST),
		   (const uint8_t *)"abcdefghijk");
	stun_put(&b, STUN_ATTR_USERNAME, "je\xcc\x81ro\xcc\x82me", 10);
	stun_put(&b, STUN_ATTR_REALM, REALM, strlen(REALM));
	stun_put(&b, STUN_ATTR_NONCE, challenge_at(a, NOW, nonce), NONCE_LEN);
	sign(&b, STUN_ATTR_MESSAGE_INTEGRITY, key, 16);
	n = stun_end(&b);
	assert_int_equal(stun_parse(&m, buf, n), STUN_OK);
	auth_check(a, &m, &(struct auth_client){ here, NULL }, NOW, WALL, &r);
	assert_int_equal(r.code, 0);
	assert_string_equal(r.user, "j\xc3\xa9r\xc3\xb4me");
	auth_close(a);
}

static void ha1_user_has_md5_only(void **state)
{
	struct fixture *f = *state;
	struct user u = fixture_user("demo", "fairlead");
	struct user_store *s = fixture_store(f);
	char nonce[NONCE_LEN + 1];
	struct auth_result r;
	struct auth *a;

	u.has_sha256 = false;
	u.quota = 7;
	assert_int_equal(user_store_add(s, &u), USER_OK);
	user_store_close(s);
	a = open_auth(f);
	struct ask q = old_client(a, nonce);
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 0);
	assert_int_equal(r.quota, 7);
	q = new_client(a, nonce);
	assert_int_equal(judge(a, &q), 401);
	auth_close(a);
}

static void changes_of_another_process_take_effect(void **state)
{
	struct fixture *f = *state;
	struct user u = fixture_user("demo", "new password");
	char nonce[NONCE_LEN + 1];
	struct user_store *s;
	struct auth *a;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	s = fixture_store(f);
	struct ask q = old_client(a, nonce);
	assert_int_equal(judge(a, &q), 0);
	assert_int_equal(user_store_set_keys(s, &u), USER_OK);
	next_tick();
	assert_int_equal(judge(a, &q), 401);
	q.password = "new password";
	assert_int_equal(judge(a, &q), 0);
	assert_int_equal(user_store_set_disabled(s, "demo", true), USER_OK);
	next_tick();
	assert_int_equal(judge(a, &q), 401);
	assert_int_equal(user_store_set_disabled(s, "demo", false), USER_OK);
	next_tick();
	assert_int_equal(judge(a, &q), 0);
	assert_int_equal(user_store_del(s, "demo"), USER_OK);
	next_tick();
	assert_int_equal(judge(a, &q), 401);
	assert_int_equal(user_store_add(s, &u), USER_OK); /* an unknown user is cached too */
	next_tick();
	assert_int_equal(judge(a, &q), 0);
	user_store_close(s);
	auth_close(a);
}

static void database_damaged_while_open_is_500(void **state)
{
	struct fixture *f = *state;
	uint8_t junk[4096 * 4];
	char nonce[NONCE_LEN + 1];
	struct auth *a;
	int fd;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	memset(junk, 0xa5, sizeof(junk));
	fd = open(f->c.auth.users_db, O_WRONLY);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 4096), sizeof(junk)); /* all but page 1 */
	close(fd);
	struct ask q = old_client(a, nonce);
	assert_int_equal(judge(a, &q), 500);
	assert_non_null(strstr(auth_error(a), f->c.auth.users_db));
	assert_non_null(strstr(auth_error(a), "damaged"));
	auth_close(a);
}

/* ---- REST credentials ---- */

/*
 * A first request is no failure, nor one with a nonce that its sender was never given: the address
 * may be forged, and whoever keeps out those who fail would keep out its owner.
 */
static void a_wrong_password_is_told_from_a_first_request(void **state)
{
	struct fixture *f = *state;
	const struct sock_addr other = { here.ip, be16_make(2000) };
	char nonce[NONCE_LEN + 1];
	struct auth_result r;
	struct auth *a;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	struct ask q = new_client(a, nonce);
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 0);
	assert_false(r.wrong);
	q.password = "guess";
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 401);
	assert_true(r.wrong);
	assert_int_equal(judge_at(a, &q, &here, NOW + 1000, &r), 401);
	assert_true(r.wrong); /* a stale one was given to it, too */
	assert_int_equal(judge_at(a, &q, &other, NOW, &r), 401);
	assert_false(r.wrong);
	q.user = "nobody";
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 401);
	assert_true(r.wrong);
	q.sign = 0;
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 401);
	assert_false(r.wrong);
	auth_close(a);
}

/* RFC 6062 4.3: another end of the same client, whose nonces serve here, too. */
static void a_data_connection_has_its_controls_nonces(void **state)
{
	struct fixture *f = *state;
	const struct sock_addr data = { here.ip, be16_make(2000) };
	char nonce[NONCE_LEN + 1];
	struct auth_result r;
	uint8_t buf[2048];
	struct stun_msg m;
	struct auth *a;
	size_t n;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	struct ask q = new_client(a, nonce); /* of `here` */
	n = build(&q, buf, sizeof(buf));
	assert_int_equal(stun_parse(&m, buf, n), STUN_OK);
	auth_check(a, &m, &(struct auth_client){ data, NULL }, NOW, WALL, &r);
	assert_int_equal(r.code, 438);
	auth_check(a, &m, &(struct auth_client){ data, &data }, NOW, WALL, &r);
	assert_int_equal(r.code, 438);
	auth_check(a, &m, &(struct auth_client){ data, &here }, NOW, WALL, &r);
	assert_int_equal(r.code, 0);
	auth_check(a, &m, &(struct auth_client){ here, &data }, NOW, WALL, &r);
	assert_int_equal(r.code, 0);
	auth_check(a, &m, &(struct auth_client){ data, &here }, NOW + 100000, WALL, &r);
	assert_int_equal(r.code, 438);
	auth_close(a);
}

static void rest_secret(struct fixture *f, const char *secret)
{
	snprintf(f->c.auth.rest_secret[f->c.auth.n_rest_secret++], CONFIG_STR_MAX, "%s", secret);
}

static void rest_credentials_under_either_secret(void **state)
{
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1], password[REST_PASSWORD_LEN + 1];
	struct auth_result r;
	struct auth *a;

	rest_secret(f, "old secret");
	rest_secret(f, "new secret");
	f->c.auth.users_db[0] = 0; /* a relay with nothing but REST users */
	a = open_auth(f);
	struct ask q = old_client(a, nonce);
	assert_memory_equal(nonce, "obMatJos2AAAB", 13); /* no USERHASH with REST users */
	q.user = "1800000001:alice";
	for (int i = 0; i < 2; i++) {
		assert_true(rest_password(f->c.auth.rest_secret[i], q.user, password));
		q.password = password;
		assert_int_equal(judge_at(a, &q, &here, NOW, &r), 0);
		assert_string_equal(r.user, "alice");
	}
	assert_true(rest_password("third secret", q.user, password));
	assert_int_equal(judge(a, &q), 401);
	/* with SHA-256 */
	assert_true(rest_password("new secret", q.user, password));
	struct ask x = new_client(a, nonce);
	x.user = q.user;
	x.password = password;
	assert_int_equal(judge(a, &x), 0);
	assert_true(r.rest);
	assert_false(r.expired);
	/* over at its second: whether that matters is the caller's to say */
	q.user = "1800000000:alice";
	q.password = password;
	assert_true(rest_password("new secret", q.user, password));
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 0);
	assert_true(r.expired);
	assert_string_equal(r.user, "alice");
	assert_true(rest_password("third secret", q.user, password));
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 401);
	assert_false(r.expired);
	assert_false(r.clock_unset);
	/* by a clock that nobody has set, it may be over as well */
	q.user = "1800000001:alice";
	assert_true(rest_password("new secret", q.user, password));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(judge_then(a, &q, &here, NOW, i ? 1704067199 : 5, &r), 0);
		assert_true(r.expired);
		assert_true(r.clock_unset);
	}
	assert_int_equal(judge_then(a, &q, &here, NOW, 1704067200, &r), 0);
	assert_false(r.expired);
	assert_false(r.clock_unset);
	/* without a name */
	q.user = "1800000001";
	assert_true(rest_password("new secret", q.user, password));
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 0);
	assert_string_equal(r.user, "1800000001");
	auth_close(a);
}

static void stored_user_wins_over_rest_form(void **state)
{
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1], password[REST_PASSWORD_LEN + 1];
	struct auth_result r;
	struct auth *a;

	fixture_add(f, "491701234567", "fairlead"); /* a telephone number */
	rest_secret(f, "secret");
	a = open_auth(f);
	struct ask q = old_client(a, nonce);
	q.user = "491701234567";
	assert_int_equal(judge_at(a, &q, &here, NOW, &r), 0);
	assert_false(r.rest);
	assert_string_equal(r.user, "491701234567");
	q.user = "1800000001:bob";
	assert_true(rest_password("secret", q.user, password));
	q.password = password;
	assert_int_equal(judge(a, &q), 0);
	auth_close(a);
}

static void rest_form(void **state)
{
	struct rest_name n;

	(void)state;
	assert_true(rest_parse("123:a:b", &n));
	assert_int_equal(n.expiry, 123);
	assert_string_equal(n.canonical, "a:b");
	assert_true(rest_parse("123:", &n));
	assert_string_equal(n.canonical, "123:");
	assert_true(rest_parse("18446744073709551615", &n));
	assert_false(rest_parse("18446744073709551616", &n));
	assert_false(rest_parse("", &n));
	assert_false(rest_parse(":a", &n));
	assert_false(rest_parse("a:123", &n));
	assert_false(rest_parse("-1:a", &n));
	assert_false(rest_parse("12a", &n));
	/* naive services write what their language makes of the time */
	assert_true(rest_parse("1800003600.537:alice", &n));
	assert_int_equal(n.expiry, 1800003600);
	assert_string_equal(n.canonical, "alice");
	assert_true(rest_parse("1800003600.5", &n));
	assert_string_equal(n.canonical, "1800003600.5");
	assert_false(rest_parse("18.:a", &n));
	assert_false(rest_parse("18.5.5:a", &n));
	assert_false(rest_parse(".5:a", &n));
}

/* ---- secrets in files ---- */

static void put_file(struct fixture *f, char path[CONFIG_STR_MAX], const char *text, mode_t mode)
{
	FILE *out;

	snprintf(path, CONFIG_STR_MAX, "%s/secrets", f->dir);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* Whether the credential of that secret is let in. */
static bool lets_in(struct auth *a, const char *secret)
{
	char nonce[NONCE_LEN + 1], password[REST_PASSWORD_LEN + 1];
	struct ask q = { .user = "1800003600:alice",
			 .realm = REALM,
			 .nonce = challenge_at(a, NOW, nonce),
			 .sign = MI,
			 .password = password };

	assert_true(rest_password(secret, q.user, password));
	return judge(a, &q) == 0;
}

static void a_secret_is_replaced_without_a_restart(void **state)
{
	struct fixture *f = *state;
	char line[AUTH_LINE_MAX] = "";
	struct auth *a;

	f->c.auth.n_rest_file = 1;
	put_file(f, f->c.auth.rest_file[0], "first\n", 0600);
	a = open_auth(f);
	assert_true(lets_in(a, "first"));
	assert_false(lets_in(a, "second"));
	assert_false(auth_turn(a, 1, line, sizeof(line)));
	put_file(f, f->c.auth.rest_file[0], "second\nfirst\n", 0600);
	assert_false(auth_turn(a, 2, line, sizeof(line))); /* it may be half of it */
	assert_false(lets_in(a, "second"));
	assert_false(auth_turn(a, 2, line, sizeof(line))); /* a look a second */
	assert_true(auth_turn(a, 3, line, sizeof(line)));
	assert_non_null(strstr(line, "2 secrets are in force"));
	assert_true(lets_in(a, "second") && lets_in(a, "first"));
	put_file(f, f->c.auth.rest_file[0], "second", 0600);
	assert_false(auth_turn(a, 4, line, sizeof(line)));
	assert_true(auth_turn(a, 5, line, sizeof(line)));
	assert_true(lets_in(a, "second"));
	assert_false(lets_in(a, "first"));
	assert_false(auth_turn(a, 6, line, sizeof(line)));
	auth_close(a);
}

/* What cannot be taken changes nothing, is told once, and the end of it as well. */
static void a_bad_file_changes_nothing(void **state)
{
	static const struct {
		const char *text, *why;
		mode_t mode;
	} bad[] = {
		{ "second\n", "can be read by others", 0640 },
		{ "second\n", "can be read by others", 0604 },
		{ "a\nb\nc\n", "more than two lines", 0600 },
		{ "a\n\nb\n", "empty line", 0600 },
		{ "a\tb\n", "control character", 0600 },
		{ "", "has 0 bytes", 0600 },
	};
	struct fixture *f = *state;
	char line[AUTH_LINE_MAX] = "", path[CONFIG_STR_MAX];
	uint64_t now = 1;
	struct auth *a;

	f->c.auth.n_rest_file = 1;
	put_file(f, f->c.auth.rest_file[0], "first\n", 0400);
	a = open_auth(f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(unlink(f->c.auth.rest_file[0]), 0);
		put_file(f, path, bad[i].text, bad[i].mode);
		assert_false(auth_turn(a, now++, line, sizeof(line)));
		assert_true(auth_turn(a, now++, line, sizeof(line)));
		assert_non_null(strstr(line, bad[i].why));
		assert_non_null(strstr(line, path));
		assert_null(strstr(line, "second")); /* the file's text is no message */
		assert_non_null(strstr(auth_problem(a), bad[i].why));
		assert_false(auth_turn(a, now++, line, sizeof(line)));
		assert_true(lets_in(a, "first"));
		assert_false(lets_in(a, "second"));
		put_file(f, path, "first\n", 0600);
		assert_true(auth_turn(a, now++, line, sizeof(line)));
		assert_string_equal(auth_problem(a), "");
	}
	auth_close(a);
	put_file(f, path, "first\n", 0640);
	assert_null(auth_open(&f->c, f->err, sizeof(f->err)));
	assert_non_null(strstr(f->err, "can be read by others"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* nobody waits for its other end */
	assert_null(auth_open(&f->c, f->err, sizeof(f->err)));
	assert_non_null(strstr(f->err, "is not a file"));
}

static void credentials_are_let_in(void **state)
{
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1], longest[AUTH_USER_MAX];
	struct auth_credentials c;
	struct auth_result r;
	struct auth *a = open_auth(f);

	assert_false(auth_credentials(a, "test", WALL + 60, &c, f->err, sizeof(f->err)));
	assert_non_null(strstr(f->err, "rest-secret-files"));
	auth_close(a);
	f->c.auth.n_rest_file = 1;
	put_file(f, f->c.auth.rest_file[0], "new\nold\n", 0600);
	a = open_auth(f);
	assert_true(auth_credentials(a, "test", WALL + 60, &c, f->err, sizeof(f->err)));
	assert_int_equal(judge_then(a,
				    &(struct ask){ .user = c.user,
						   .realm = REALM,
						   .nonce = challenge_at(a, NOW, nonce),
						   .sign = MI,
						   .password = c.password },
				    &here, NOW, WALL, &r),
			 0);
	assert_true(r.rest && !r.expired);
	assert_string_equal(r.user, "test");
	assert_false(auth_credentials(a, "", WALL + 60, &c, f->err, sizeof(f->err)));
	assert_false(auth_credentials(a, "a\nb", WALL + 60, &c, f->err, sizeof(f->err)));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(auth_credentials(a, longest, WALL + 60, &c, f->err, sizeof(f->err)));
	auth_close(a);
}

/* ---- opening ---- */

/* Another secret is in force at once, or not at all. */
static void a_reload_takes_secrets_up(void **state)
{
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1], password[REST_PASSWORD_LEN + 1];
	struct auth *a;

	rest_secret(f, "old secret");
	a = open_auth(f);
	struct ask q = old_client(a, nonce);
	q.user = "1800000001:alice";
	q.password = password;
	assert_true(rest_password("new secret", q.user, password));
	snprintf(f->c.auth.rest_secret[0], sizeof(f->c.auth.rest_secret[0]), "new secret");
	assert_true(auth_prepare(a, &f->c, f->err, sizeof(f->err)));
	auth_finish(a, false);
	assert_int_equal(judge(a, &q), 401);
	assert_true(auth_prepare(a, &f->c, f->err, sizeof(f->err)));
	auth_finish(a, true);
	assert_int_equal(judge(a, &q), 0);
	assert_true(rest_password("old secret", q.user, password));
	assert_int_equal(judge(a, &q), 401);
	/* Nobody could sign in: nothing changes. */
	f->c.auth.md5 = f->c.auth.sha256 = false;
	assert_false(auth_prepare(a, &f->c, f->err, sizeof(f->err)));
	assert_non_null(strstr(f->err, "neither md5 nor sha256"));
	auth_finish(a, true);
	assert_true(rest_password("new secret", q.user, password));
	assert_int_equal(judge(a, &q), 0);
	/* Other algorithms: the nonce told of the old ones, and is not good any more. */
	f->c.auth.md5 = true;
	assert_true(auth_prepare(a, &f->c, f->err, sizeof(f->err)));
	auth_finish(a, true);
	assert_int_equal(judge(a, &q), 438);
	auth_close(a);
}

/* Another file of users is in force at once, or not at all. */
static void a_reload_takes_another_database_up(void **state)
{
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1];
	struct auth *a;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	struct ask q = old_client(a, nonce);
	struct ask p = q;
	p.password = "other";
	snprintf(f->c.auth.users_db, sizeof(f->c.auth.users_db), "%s/other.db", f->dir);
	fixture_add(f, "demo", "other");
	assert_true(auth_prepare(a, &f->c, f->err, sizeof(f->err)));
	assert_int_equal(judge(a, &q), 0);
	auth_finish(a, false);
	assert_int_equal(judge(a, &q), 0);
	assert_int_equal(judge(a, &p), 401);
	assert_true(auth_prepare(a, &f->c, f->err, sizeof(f->err)));
	auth_finish(a, true);
	assert_int_equal(judge(a, &q), 401);
	assert_int_equal(judge(a, &p), 0);
	/* It is the one that is open, whatever has become of its file. */
	assert_int_equal(unlink(f->c.auth.users_db), 0);
	assert_true(auth_prepare(a, &f->c, f->err, sizeof(f->err)));
	auth_finish(a, true);
	assert_int_equal(judge(a, &p), 0);
	auth_close(a);
}

/* From none to one, and back. */
static void a_reload_may_bring_the_first_database(void **state)
{
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1], path[CONFIG_STR_MAX];
	struct auth *a;

	rest_secret(f, "a secret");
	fixture_add(f, "demo", "fairlead");
	snprintf(path, sizeof(path), "%s", f->c.auth.users_db);
	f->c.auth.users_db[0] = 0;
	a = open_auth(f);
	struct ask q = old_client(a, nonce);
	assert_int_equal(judge(a, &q), 401);
	snprintf(f->c.auth.users_db, sizeof(f->c.auth.users_db), "%s", path);
	assert_true(auth_prepare(a, &f->c, f->err, sizeof(f->err)));
	auth_finish(a, true);
	assert_int_equal(judge(a, &q), 0);
	f->c.auth.users_db[0] = 0;
	assert_true(auth_prepare(a, &f->c, f->err, sizeof(f->err)));
	auth_finish(a, true);
	assert_int_equal(judge(a, &q), 401);
	assert_null(auth_users(a));
	auth_close(a);
}

/* What a reload refuses: nothing changes, and nothing is made. */
static void a_reload_refuses_what_is_no_database(void **state)
{
	static const struct {
		const char *name, *why;
	} bad[] = { { "missing.db", "there is no user database" },
		    { "junk.db", "damaged or not a database" },
		    { "page.db", "damaged or not a database" },
		    { "folder.db", "no ordinary file" },
		    { "no/such/users.db", "there is no user database" } };
	struct fixture *f = *state;
	char nonce[NONCE_LEN + 1], path[300];
	uint8_t junk[4096 * 4];
	struct auth *a;
	struct stat st;
	int fd;

	fixture_add(f, "demo", "fairlead");
	a = open_auth(f);
	struct ask q = old_client(a, nonce);
	memset(junk, 0xa5, sizeof(junk));
	snprintf(path, sizeof(path), "%s/junk.db", f->dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
	close(fd);
	/* Its head and its tables' names are good, and what is in them is not. */
	snprintf(f->c.auth.users_db, sizeof(f->c.auth.users_db), "%s/page.db", f->dir);
	fixture_add(f, "demo", "fairlead");
	fd = open(f->c.auth.users_db, O_WRONLY);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 4096), sizeof(junk));
	close(fd);
	snprintf(path, sizeof(path), "%s/folder.db", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(f->c.auth.users_db, sizeof(f->c.auth.users_db), "%s/%s", f->dir,
			 bad[i].name);
		assert_false(auth_prepare(a, &f->c, f->err, sizeof(f->err)));
		assert_memory_equal(f->err, "auth.users-db: ", 15);
		assert_non_null(strstr(f->err, bad[i].why));
		assert_non_null(strstr(f->err, f->c.auth.users_db));
		auth_finish(a, true);
		assert_int_equal(judge(a, &q), 0);
	}
	snprintf(path, sizeof(path), "%s/missing.db", f->dir);
	assert_int_equal(stat(path, &st), -1);
	auth_close(a);
}

static void unusable_set_up_is_one_sentence(void **state)
{
	struct fixture *f = *state;

	f->c.auth.md5 = f->c.auth.sha256 = false;
	assert_null(auth_open(&f->c, f->err, sizeof(f->err)));
	assert_non_null(strstr(f->err, "md5"));
	f->c.auth.md5 = true;
	f->c.auth.users_db[0] = 0;
	assert_null(auth_open(&f->c, f->err, sizeof(f->err)));
	assert_non_null(strstr(f->err, "users-db"));
	snprintf(f->c.auth.users_db, sizeof(f->c.auth.users_db), "%s/no/such/users.db", f->dir);
	assert_null(auth_open(&f->c, f->err, sizeof(f->err)));
	assert_non_null(strstr(f->err, f->c.auth.users_db));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_challenge_is_short),
		FIXTURE_TEST(old_client_gets_in_with_md5),
		FIXTURE_TEST(new_client_gets_in_with_sha256),
		FIXTURE_TEST(reply_carries_the_clients_key),
		FIXTURE_TEST(something_missing_is_400),
		FIXTURE_TEST(wrong_or_unknown_is_401),
		FIXTURE_TEST(a_changed_request_is_401),
		FIXTURE_TEST(bid_down_is_400),
		FIXTURE_TEST(stale_forged_and_strangers_nonces_are_438),
		FIXTURE_TEST(nonces_outlive_the_process_but_not_a_new_offer),
		FIXTURE_TEST(only_what_is_offered_is_taken),
		FIXTURE_TEST(name_is_prepared_before_it_is_looked_up),
		FIXTURE_TEST(ha1_user_has_md5_only),
		FIXTURE_TEST(changes_of_another_process_take_effect),
		FIXTURE_TEST(database_damaged_while_open_is_500),
		FIXTURE_TEST(a_wrong_password_is_told_from_a_first_request),
		FIXTURE_TEST(a_data_connection_has_its_controls_nonces),
		FIXTURE_TEST(rest_credentials_under_either_secret),
		FIXTURE_TEST(a_reload_takes_secrets_up),
		FIXTURE_TEST(a_reload_takes_another_database_up),
		FIXTURE_TEST(a_reload_may_bring_the_first_database),
		FIXTURE_TEST(a_reload_refuses_what_is_no_database),
		FIXTURE_TEST(stored_user_wins_over_rest_form),
		FIXTURE_TEST(rest_form),
		FIXTURE_TEST(a_secret_is_replaced_without_a_restart),
		FIXTURE_TEST(a_bad_file_changes_nothing),
		FIXTURE_TEST(credentials_are_let_in),
		FIXTURE_TEST(unusable_set_up_is_one_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
