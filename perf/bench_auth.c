/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Time of one auth_check(), for the kinds of request it sees: bench_auth [ROUNDS]. Prints; judges
 * nothing.
 */
#include "../cp/auth/auth.h"
#include "../cp/auth/digest.h"
#include "../cp/auth/rest.h"
#include "../cp/auth/users.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define REALM "example.org"

static long rounds = 200000;

static const struct sock_addr client = { .ip.b = { [10] = 0xff, 0xff, 10, 0, 0, 1 } };

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_auth: %s\n", what);
	exit(1);
}

static void sign(struct stun_builder *b, uint16_t type, const uint8_t *key, size_t len)
{
	struct digest_span in = { .p = b->w.start };
	uint8_t *v = stun_put_integrity(b, type, &in.len), mac[DIGEST_SHA256_LEN];
	size_t n = digest_hmac(type, key, len, &in, 1, mac);

	memcpy(v, mac, n);
}

/* An Allocate as a client makes it that has seen the challenge. */
static size_t request(struct auth *a, uint8_t *buf, size_t cap, const char *user,
		      const char *password, enum stun_pwalg alg)
{
	static const uint8_t tid[STUN_TID_LEN], one[4] = { 0, STUN_PWALG_SHA256 };
	uint8_t challenge[512], key[DIGEST_KEY_MAX];
	struct stun_builder b;
	struct stun_msg m;
	size_t n;

	stun_begin(&b, challenge, sizeof(challenge), stun_type(STUN_ALLOCATE, STUN_ERROR), tid);
	auth_put_challenge(a, &b, &client, 0);
	n = stun_end(&b);
	if (stun_parse(&m, challenge, n) != STUN_OK)
		die("cannot read our own challenge");
	stun_begin(&b, buf, cap, stun_type(STUN_ALLOCATE, STUN_REQUEST), tid);
	stun_put_u32(&b, STUN_ATTR_REQUESTED_TRANSPORT, 17u << 24);
	stun_put(&b, STUN_ATTR_USERNAME, user, strlen(user));
	stun_put(&b, STUN_ATTR_REALM, m.realm.val, m.realm.len);
	stun_put(&b, STUN_ATTR_NONCE, m.nonce.val, m.nonce.len);
	if (alg == STUN_PWALG_SHA256) {
		stun_put(&b, STUN_ATTR_PASSWORD_ALGORITHMS, m.password_algorithms.val,
			 m.password_algorithms.len);
		stun_put(&b, STUN_ATTR_PASSWORD_ALGORITHM, one, sizeof(one));
	}
	n = digest_key(alg, user, REALM, password, key);
	sign(&b,
	     alg == STUN_PWALG_MD5 ? STUN_ATTR_MESSAGE_INTEGRITY
				   : STUN_ATTR_MESSAGE_INTEGRITY_SHA256,
	     key, n);
	return stun_end(&b);
}

static void bench(struct auth *a, const char *what, int want, const char *user,
		  const char *password, enum stun_pwalg alg)
{
	const struct auth_client from = { client, NULL };
	struct auth_result r;
	uint8_t buf[1024];
	struct stun_msg m;
	size_t n = request(a, buf, sizeof(buf), user, password, alg);
	double start;

	if (stun_parse(&m, buf, n) != STUN_OK)
		die("cannot read our own request");
	auth_check(a, &m, &from, 1, 0, &r);
	if (r.code != want)
		die(what);
	start = now_ns();
	for (long i = 0; i < rounds; i++)
		auth_check(a, &m, &from, 1, 0, &r);
	printf("%-34s %7.0f ns\n", what, (now_ns() - start) / (double)rounds);
}

static void user_add(const struct config *c)
{
	struct user u = { .name = "demo", .has_md5 = true, .has_sha256 = true };
	char err[512];
	struct user_store *s = user_store_open(c->auth.users_db, REALM, err, sizeof(err));

	if (!s)
		die(err);
	digest_key(STUN_PWALG_MD5, "demo", REALM, "fairlead", u.md5);
	digest_key(STUN_PWALG_SHA256, "demo", REALM, "fairlead", u.sha256);
	digest_userhash("demo", REALM, u.userhash);
	if (user_store_add(s, &u) != USER_OK)
		die("cannot add a user");
	user_store_close(s);
}

int main(int argc, char **argv)
{
	static struct config c = { .auth = { .md5 = true, .sha256 = true, .nonce_lifetime = 600 } };
	char dir[] = "/tmp/fl-bench-XXXXXX", err[512], password[REST_PASSWORD_LEN + 1];
	static const char rest[] = "2000000000:alice";
	struct auth *a;

	if (argc > 1)
		rounds = atol(argv[1]);
	if (rounds < 1)
		die("usage: bench_auth [ROUNDS]");
	if (!mkdtemp(dir) || !digest_open(err, sizeof(err)))
		die("cannot make a directory, or OpenSSL lacks something");
	snprintf(c.turn.realm, sizeof(c.turn.realm), REALM);
	snprintf(c.auth.users_db, sizeof(c.auth.users_db), "%s/users.db", dir);
	snprintf(c.auth.rest_secret[0], CONFIG_STR_MAX, "secret");
	c.auth.n_rest_secret = 1;
	user_add(&c);
	a = auth_open(&c, err, sizeof(err));
	if (!a)
		die(err);
	bench(a, "stored user, MD5, SHA-1", 0, "demo", "fairlead", STUN_PWALG_MD5);
	bench(a, "stored user, SHA-256", 0, "demo", "fairlead", STUN_PWALG_SHA256);
	bench(a, "wrong password", 401, "demo", "x", STUN_PWALG_MD5);
	bench(a, "unknown user", 401, "nobody", "x", STUN_PWALG_MD5);
	if (!rest_password("secret", rest, password))
		die("no HMAC");
	bench(a, "REST user, MD5, SHA-1", 0, rest, password, STUN_PWALG_MD5);
	auth_close(a);
	unlink(c.auth.users_db);
	rmdir(dir);
	return 0;
}
