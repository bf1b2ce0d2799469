/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ICE on media ports (R12, R35): a lite agent answers checks (RFC 8445 7.3) that show its
 * short-term credentials (RFC 8489 9.1.3), says who was nominated, and gives nobody else more than
 * an error, nor that often. What we compute is compared with OpenSSL's HMAC, what we accept with
 * RFC 5769.
 */
#include "tests/world/unit.h"

#include "dp/gateway/ice.h"
#include "dp/rate.h"
#include "lib/stun.h"
#include "tests/vectors/stun_vectors.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { RATE = 3 };

static const struct ice_key key = { "evtj", RFC5769_PASSWORD };
static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
static struct rate_table rate;
static struct worker *w;
static struct sock_addr from[2];
static uint8_t reply[ICE_REPLY_MAX];
static size_t reply_len;

static int setup(void **state)
{
	(void)state;
	w = calloc(1, sizeof(*w));
	assert_non_null(w);
	rate_init(&rate, RATE, (const uint64_t[2]){ 1, 2 });
	w->binding_rate = &rate;
	assert_true(ip_parse("192.0.2.1", &from[0].ip));
	assert_true(ip_parse("2001:db8::7", &from[1].ip));
	from[0].port = from[1].port = be16_make(32853);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(w);
	return 0;
}

/* What a check is made of. A zeroed one is right, and of a controlling agent. */
struct check {
	const char *username; /* NULL: evtj:h6vY; "": none */
	const char *pwd;      /* NULL: ours */
	bool use, controlled, no_role, no_priority, sha256, no_integrity, no_fingerprint;
	uint16_t extra[4];    /* types of attributes of 4 bytes in front */
	uint16_t behind;      /* one behind the integrity attribute */
	enum stun_class cls;  /* 0: request */
	uint16_t method;      /* 0: Binding */
	const uint8_t *value; /* in place of what integrity should be */
	uint16_t value_len;
};

static void sign(struct stun_builder *b, const struct check *c)
{
	uint16_t type =
	    c->sha256 ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : STUN_ATTR_MESSAGE_INTEGRITY;
	const char *pwd = c->pwd ? c->pwd : key.pwd;
	uint8_t *value;
	size_t covered;

	if (c->value) {
		stun_put(b, type, c->value, c->value_len);
		return;
	}
	value = stun_put_integrity(b, type, &covered);
	assert_non_null(value);
	assert_non_null(HMAC(c->sha256 ? EVP_sha256() : EVP_sha1(), pwd, (int)strlen(pwd),
			     b->w.start, covered, value, NULL));
}

static size_t check_make(const struct check *c, uint8_t *buf, size_t cap)
{
	const char *username = c->username ? c->username : "evtj:h6vY";
	static const uint8_t tie_breaker[8];
	struct stun_builder b;

	stun_begin(&b, buf, cap,
		   stun_type(c->method ? (enum stun_method)c->method : STUN_BINDING, c->cls), tid);
	for (size_t i = 0; i < N_OF(c->extra); i++)
		if (c->extra[i])
			stun_put_u32(&b, c->extra[i], 0);
	if (!c->no_priority)
		stun_put_u32(&b, STUN_ATTR_PRIORITY, 0x6e0001ff);
	if (!c->no_role)
		stun_put(&b, c->controlled ? STUN_ATTR_ICE_CONTROLLED : STUN_ATTR_ICE_CONTROLLING,
			 tie_breaker, sizeof(tie_breaker));
	if (c->use)
		stun_put(&b, STUN_ATTR_USE_CANDIDATE, NULL, 0);
	if (username[0])
		stun_put(&b, STUN_ATTR_USERNAME, username, strlen(username));
	if (!c->no_integrity)
		sign(&b, c);
	if (c->behind)
		stun_put(&b, c->behind, NULL, 0);
	if (!c->no_fingerprint)
		stun_put_fingerprint(&b);
	return stun_end(&b);
}

static enum ice_verdict judge(const struct check *c)
{
	uint8_t buf[1024];
	size_t n = check_make(c, buf, sizeof(buf));

	assert_true(n > 0);
	return ice_check(w, &key, buf, n, &from[0], reply, &reply_len);
}

/* The answer is whole; attr: signed with our password and no other attribute, 0: not signed. */
static void expect_reply(int error, uint16_t attr, struct stun_msg *m)
{
	const EVP_MD *md = attr == STUN_ATTR_MESSAGE_INTEGRITY ? EVP_sha1() : EVP_sha256();
	const struct stun_val *v;
	uint8_t input[ICE_REPLY_MAX], mac[EVP_MAX_MD_SIZE];
	const uint8_t *body;
	size_t body_len;
	unsigned int n;

	assert_int_equal(stun_parse(m, reply, reply_len), STUN_OK);
	assert_int_equal(m->method, STUN_BINDING);
	assert_int_equal(m->cls, error ? STUN_ERROR : STUN_SUCCESS);
	assert_memory_equal(m->tid, tid, sizeof(tid));
	assert_non_null(m->fingerprint.val);
	assert_null(m->username.val);
	assert_int_equal(stun_get_error(&m->error_code), error);
	assert_int_equal(m->xor_mapped.val != NULL, error == 0);
	assert_int_equal(m->integrity.val != NULL, attr == STUN_ATTR_MESSAGE_INTEGRITY);
	assert_int_equal(m->integrity256.val != NULL, attr == STUN_ATTR_MESSAGE_INTEGRITY_SHA256);
	if (!attr)
		return;
	v = attr == STUN_ATTR_MESSAGE_INTEGRITY ? &m->integrity : &m->integrity256;
	assert_true(stun_integrity_input(m, v, input, &body, &body_len));
	memcpy(input + STUN_HDR_LEN, body, body_len);
	assert_non_null(
	    HMAC(md, key.pwd, (int)strlen(key.pwd), input, STUN_HDR_LEN + body_len, mac, &n));
	assert_int_equal(v->len, n);
	assert_memory_equal(v->val, mac, n);
}

static void expect_refused(const struct check *c, int error, bool signed_)
{
	struct stun_msg m;

	w->now_ms += 1000;
	assert_int_equal(judge(c), ICE_REFUSED);
	expect_reply(error, signed_ ? STUN_ATTR_MESSAGE_INTEGRITY : 0, &m);
}

static void expect_silence(const struct check *c, enum ice_verdict verdict)
{
	assert_int_equal(judge(c), verdict);
	assert_int_equal(reply_len, 0);
}

/* ---- what is answered ---- */

/* RFC 8445 7.3.1.3, RFC 8489 6.3.1.1: the reflexive address, of both families. */
static void a_check_is_answered(void **state)
{
	static const struct check plain = { .cls = STUN_REQUEST };
	uint8_t buf[512];
	size_t n = check_make(&plain, buf, sizeof(buf));
	struct sock_addr a;
	struct stun_msg m;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ice_check(w, &key, buf, n, &from[i], reply, &reply_len),
				 ICE_CHECKED);
		expect_reply(0, STUN_ATTR_MESSAGE_INTEGRITY, &m);
		assert_true(stun_get_xor_addr(&m, &m.xor_mapped, &a) != 0);
		assert_memory_equal(&a, &from[i], sizeof(a));
	}
}

/* RFC 8445 7.3.1.5 */
static void use_candidate_nominates(void **state)
{
	struct stun_msg m;

	(void)state;
	assert_int_equal(judge(&(struct check){ .use = true }), ICE_NOMINATED);
	expect_reply(0, STUN_ATTR_MESSAGE_INTEGRITY, &m);
	assert_int_equal(
	    judge(&(struct check){
		.use = true, .no_fingerprint = true, .no_priority = true, .no_role = true }),
	    ICE_NOMINATED);
	expect_reply(0, STUN_ATTR_MESSAGE_INTEGRITY, &m);
	/* whoever adds it on the way cannot: it is not covered there (RFC 8489 14.5) */
	assert_int_equal(judge(&(struct check){ .behind = STUN_ATTR_USE_CANDIDATE }), ICE_CHECKED);
}

/* RFC 8489 9.1.3: MESSAGE-INTEGRITY-SHA256 is answered with the same. */
static void sha256(void **state)
{
	struct stun_msg m;

	(void)state;
	assert_int_equal(judge(&(struct check){ .use = true, .sha256 = true }), ICE_NOMINATED);
	expect_reply(0, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, &m);
}

/* Both: the stronger counts, and a good SHA-1 beside a wrong SHA-256 is no way around it. */
static void sha256_beside_sha1(void **state)
{
	static const uint8_t wrong[STUN_MI256_LEN];
	struct stun_builder b;
	struct stun_msg m;
	uint8_t buf[512], *value;
	size_t covered;

	(void)state;
	for (int good = 0; good < 2; good++) {
		stun_begin(&b, buf, sizeof(buf), stun_type(STUN_BINDING, STUN_REQUEST), tid);
		stun_put(&b, STUN_ATTR_USERNAME, "evtj:h6vY", 9);
		sign(&b, &(struct check){ .sha256 = false });
		if (good)
			sign(&b, &(struct check){ .sha256 = true });
		else if ((value =
			      stun_put_integrity(&b, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, &covered)))
			memcpy(value, wrong, sizeof(wrong));
		assert_int_equal(ice_check(w, &key, buf, stun_end(&b), &from[0], reply, &reply_len),
				 good ? ICE_CHECKED : ICE_REFUSED);
		expect_reply(good ? 0 : 401, good ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : 0, &m);
	}
}

/*
 * RFC 5769 2.1 is a check of a controlled agent with the printed password: known, and told of the
 * conflict (RFC 8445 7.3.1.1), for a lite agent does not become the controlling one.
 */
static void rfc5769(void **state)
{
	uint8_t signed_[ICE_REPLY_MAX];
	struct stun_msg m;
	const struct ice_key other = { "evtj", "VOkJxbRl1RmTxUk/WvJxBu" };

	(void)state;
	assert_int_equal(ice_check(w, &key, rfc5769_request, sizeof(rfc5769_request), &from[0],
				   signed_, &reply_len),
			 ICE_REFUSED);
	assert_int_equal(stun_parse(&m, signed_, reply_len), STUN_OK);
	assert_int_equal(stun_get_error(&m.error_code), 487);
	assert_non_null(m.integrity.val);
	assert_int_equal(ice_check(w, &other, rfc5769_request, sizeof(rfc5769_request), &from[0],
				   signed_, &reply_len),
			 ICE_REFUSED);
	assert_int_equal(stun_parse(&m, signed_, reply_len), STUN_OK);
	assert_int_equal(stun_get_error(&m.error_code), 401);
	assert_null(m.integrity.val);
}

static void roles(void **state)
{
	(void)state;
	expect_refused(&(struct check){ .controlled = true }, 487, true);
	expect_refused(&(struct check){ .controlled = true, .use = true }, 487, true);
}

/* RFC 8489 6.3.1: known to be ours first, then what we do not understand. */
static void unknown_attributes(void **state)
{
	struct check c = { .use = true, .extra = { 0x7ffe, 0x0003, 0x7ffe } };
	struct stun_msg m;

	(void)state;
	expect_refused(&c, 420, true);
	assert_int_equal(stun_parse(&m, reply, reply_len), STUN_OK);
	assert_int_equal(m.unknown_attributes.len, 4);
	assert_memory_equal(m.unknown_attributes.val, "\x7f\xfe\x00\x03", 4);
	c.pwd = "somebody else's password";
	expect_refused(&c, 401, false);
	c = (struct check){ .extra = { 0xfffe, 0xc057 } }; /* optional ones are passed over */
	assert_int_equal(judge(&c), ICE_CHECKED);
}

/* More unknown ones than we keep, the most an answer can hold. */
static void many_unknown_attributes(void **state)
{
	struct stun_builder b;
	struct stun_msg m;
	uint8_t buf[512];

	(void)state;
	for (int sha = 0; sha < 2; sha++) {
		stun_begin(&b, buf, sizeof(buf), stun_type(STUN_BINDING, STUN_REQUEST), tid);
		for (uint16_t i = 0; i < STUN_UNKNOWN_MAX + 4; i++)
			stun_put(&b, (uint16_t)(0x7000 + i), NULL, 0);
		stun_put(&b, STUN_ATTR_USE_CANDIDATE, NULL, 0);
		stun_put(&b, STUN_ATTR_USERNAME, "evtj:h6vY", 9);
		sign(&b, &(struct check){ .sha256 = sha });
		assert_int_equal(ice_check(w, &key, buf, stun_end(&b), &from[1], reply, &reply_len),
				 ICE_REFUSED);
		expect_reply(420,
			     sha ? STUN_ATTR_MESSAGE_INTEGRITY_SHA256 : STUN_ATTR_MESSAGE_INTEGRITY,
			     &m);
		assert_int_equal(m.unknown_attributes.len, 2 * STUN_UNKNOWN_MAX);
	}
}

/* ---- who does not get in ---- */

/* RFC 8489 9.1.3, first and second rule. */
static void no_credentials(void **state)
{
	(void)state;
	expect_refused(&(struct check){ .no_integrity = true }, 400, false);
	expect_refused(&(struct check){ .username = "" }, 400, false);
	expect_refused(&(struct check){ .username = "", .no_integrity = true }, 400, false);
}

static void wrong_username(void **state)
{
	static const char *const names[] = {
		"evtj",	 "evt",	      "evtk:h6vY", "evtjh6vY:", "evtj6:h6vY", "h6vY:evtj",
		":evtj", "Evtj:h6vY", ":",	   " evtj:h",	"evtj\xff:h",
	};

	(void)state;
	for (size_t i = 0; i < N_OF(names); i++)
		expect_refused(&(struct check){ .username = names[i] }, 401, false);
	/* what the remote calls itself is not looked at */
	assert_int_equal(judge(&(struct check){ .username = "evtj:" }), ICE_CHECKED);
	assert_int_equal(judge(&(struct check){ .username = "evtj:a:b" }), ICE_CHECKED);
}

static void wrong_password(void **state)
{
	static const char *const pwds[] = { "VOkJxbRl1RmTxUk/WvJxB", "VOkJxbRl1RmTxUk/WvJxBtt",
					    "vOkJxbRl1RmTxUk/WvJxBt", "" };

	(void)state;
	for (size_t i = 0; i < N_OF(pwds); i++)
		for (int sha = 0; sha < 2; sha++)
			expect_refused(
			    &(struct check){ .pwd = pwds[i], .sha256 = sha, .use = true }, 401,
			    false);
}

/* Values of other lengths are wrong, a prefix of the right one included (RFC 8489 14.6). */
static void integrity_of_other_lengths(void **state)
{
	struct check c = { .sha256 = true, .no_fingerprint = true };
	uint8_t buf[512], value[STUN_MI256_LEN + 4] = { 0 };
	size_t n = check_make(&c, buf, sizeof(buf));

	(void)state;
	memcpy(value, buf + n - STUN_MI256_LEN, STUN_MI256_LEN);
	for (int sha = 0; sha < 2; sha++)
		for (uint16_t len = 0; len <= sizeof(value); len++)
			if (!sha || len != STUN_MI256_LEN)
				expect_refused(&(struct check){ .sha256 = sha,
								.value = value,
								.value_len = len },
					       401, false);
}

/* A termination whose credentials are not set yet lets nobody in. */
static void no_key(void **state)
{
	static const struct ice_key none[] = { { "", "" }, { "evtj", "" }, { "", "x" } };
	uint8_t buf[512];

	(void)state;
	for (size_t i = 0; i < N_OF(none); i++) {
		struct check c = { .pwd = none[i].pwd, .username = i == 1 ? "evtj:h" : ":h" };
		size_t n = check_make(&c, buf, sizeof(buf));

		w->now_ms += 1000;
		assert_int_equal(ice_check(w, &none[i], buf, n, &from[0], reply, &reply_len),
				 ICE_REFUSED);
	}
}

/* Fields without their NUL, as a broken boundary could have them, are read up to their end. */
static void longest_key(void **state)
{
	struct ice_key full;
	char username[CTL_UFRAG_MAX + 3], pwd[CTL_PWD_MAX + 1];
	struct check c = { .username = username, .pwd = pwd };
	uint8_t buf[512];
	size_t n;

	(void)state;
	memset(&full, 'a', sizeof(full));
	memset(username, 'a', sizeof(username));
	memcpy(username + CTL_UFRAG_MAX, ":b", 3);
	memset(pwd, 'a', sizeof(pwd));
	pwd[CTL_PWD_MAX] = '\0';
	n = check_make(&c, buf, sizeof(buf));
	assert_int_equal(ice_check(w, &full, buf, n, &from[0], reply, &reply_len), ICE_CHECKED);
}

/* One flipped bit anywhere, and it is no check any more. */
static void every_bit_counts(void **state)
{
	struct check c = { .no_fingerprint = true, .use = true };
	uint8_t buf[512];
	size_t n = check_make(&c, buf, sizeof(buf));

	(void)state;
	for (size_t i = 0; i < n * 8; i++) {
		enum ice_verdict v;

		buf[i / 8] ^= (uint8_t)(1u << i % 8);
		w->now_ms += 1000;
		v = ice_check(w, &key, buf, n, &from[0], reply, &reply_len);
		assert_true(v != ICE_CHECKED && v != ICE_NOMINATED);
		assert_true((v == ICE_REFUSED) == (reply_len > 0));
		buf[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	assert_int_equal(ice_check(w, &key, buf, n, &from[0], reply, &reply_len), ICE_NOMINATED);
}

static void not_a_check(void **state)
{
	static const uint8_t zeros[ICE_MSG_MAX - 32];
	uint8_t buf[ICE_MSG_MAX + 64];
	struct stun_builder b;
	size_t n;

	(void)state;
	expect_silence(&(struct check){ .cls = STUN_SUCCESS }, ICE_BAD);
	expect_silence(&(struct check){ .cls = STUN_ERROR }, ICE_BAD);
	expect_silence(&(struct check){ .method = STUN_ALLOCATE }, ICE_BAD);
	expect_silence(&(struct check){ .cls = STUN_INDICATION, .method = STUN_SEND }, ICE_BAD);
	/* a wrong FINGERPRINT, then every shorter message */
	n = check_make(&(struct check){ .use = true }, buf, sizeof(buf));
	buf[n - 1] ^= 1;
	assert_int_equal(ice_check(w, &key, buf, n, &from[0], reply, &reply_len), ICE_BAD);
	while (n-- > 0)
		assert_int_equal(ice_check(w, &key, buf, n, &from[0], reply, &reply_len), ICE_BAD);
	assert_int_equal(reply_len, 0);
	/* longer than any agent's, though right */
	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_BINDING, STUN_REQUEST), tid);
	stun_put(&b, STUN_ATTR_SOFTWARE, zeros, sizeof(zeros));
	stun_put(&b, STUN_ATTR_USERNAME, "evtj:h", 6);
	sign(&b, &(struct check){ .sha256 = false });
	n = stun_end(&b);
	assert_true(n > ICE_MSG_MAX);
	assert_int_equal(ice_check(w, &key, buf, n, &from[0], reply, &reply_len), ICE_BAD);
}

/* RFC 8445 11: Binding indications keep NAT bindings alive, with credentials or without. */
static void keep_alives(void **state)
{
	(void)state;
	expect_silence(&(struct check){ .cls = STUN_INDICATION }, ICE_INDICATION);
	expect_silence(
	    &(struct check){
		.cls = STUN_INDICATION, .no_integrity = true, .username = "", .use = true },
	    ICE_INDICATION);
}

/* Errors for strangers are few; checks of agents that know the password are as many as they are. */
static void rate_limit(void **state)
{
	static const struct check stranger = { .no_integrity = true }, known = { .use = true };
	int i;

	(void)state;
	for (i = 0; i < RATE; i++)
		assert_int_equal(judge(&stranger), ICE_REFUSED);
	expect_silence(&stranger, ICE_LIMITED);
	expect_silence(&(struct check){ .pwd = "wrong" }, ICE_LIMITED);
	for (i = 0; i < 10 * RATE; i++)
		assert_int_equal(judge(&known), ICE_NOMINATED);
	w->now_ms += 1000;
	assert_int_equal(judge(&stranger), ICE_REFUSED);
}

/* No answer is longer than what it answers by more than a name's worth (R27). */
static void no_amplifier(void **state)
{
	uint8_t buf[512];
	struct stun_builder b;

	(void)state;
	stun_begin(&b, buf, sizeof(buf), stun_type(STUN_BINDING, STUN_REQUEST), tid);
	assert_int_equal(ice_check(w, &key, buf, stun_end(&b), &from[1], reply, &reply_len),
			 ICE_REFUSED);
	assert_true(reply_len <= 48);
	for (int sha = 0; sha < 2; sha++) {
		size_t n = check_make(&(struct check){ .sha256 = sha }, buf, sizeof(buf));

		assert_int_equal(ice_check(w, &key, buf, n, &from[1], reply, &reply_len),
				 ICE_CHECKED);
		assert_true(reply_len <= n);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_check_is_answered),
		T(use_candidate_nominates),
		T(sha256),
		T(sha256_beside_sha1),
		T(rfc5769),
		T(roles),
		T(unknown_attributes),
		T(many_unknown_attributes),
		T(no_credentials),
		T(wrong_username),
		T(wrong_password),
		T(integrity_of_other_lengths),
		T(no_key),
		T(longest_key),
		T(every_bit_counts),
		T(not_a_check),
		T(keep_alives),
		T(rate_limit),
		T(no_amplifier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
