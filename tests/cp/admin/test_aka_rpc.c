/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `aka.challenge` and `aka.judge` of the control socket (R17, R83; RFC 3310, 4169, 7616): what a
 * 401 is given, and what each answer of a phone proves: the right response, once a nonce count; a
 * wrong one, three times; resynchronisation; a nonce that is nobody's, or was; who answers for
 * another.
 */
#include "tests/world/cp_env.h"
#include "tests/world/rpc_ask.h"

#include "cp/aka/challenge.h"

#include <stdlib.h>

#define USER "user1_private@home1.net"
#define REALM "home1.net"
#define VECTOR                                                                         \
	"\"rand\":\"23553cbe9637a89d218ae64dae47bf35\","                               \
	"\"autn\":\"55f328b43577b9b94a9ffac354dfafb3\",\"xres\":\"a54211d5e3ba50bf\"," \
	"\"ck\":\"b40ba9a3c58b2a05bbf0d987b21bf8cb\",\"ik\":\"f769bcd751044604127672711c6d3441\""

static struct env env;

static int setup(void **state)
{
	(void)state;
	env_open(&env);
	env_start(&env, 64);
	answer = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	env_stop(&env);
	json_decref(answer);
	env_close(&env);
	return 0;
}

static const char *text_of(const char *name)
{
	return json_string_value(json_object_get(json_object_get(answer, "result"), name));
}

static char nonce[CHALLENGE_NONCE];

/* more: further parameters, with a comma before. */
static void challenge(const char *more)
{
	char params[1024];

	snprintf(params, sizeof(params),
		 "{\"user\":\"" USER "\",\"realm\":\"" REALM "\"," VECTOR "%s}", more);
	assert_null(ask_server(&env.s, "aka.challenge", params));
	assert_non_null(text_of("nonce"));
	snprintf(nonce, sizeof(nonce), "%s", text_of("nonce"));
}

static void bad_params(const char *method, const char *params, const char *text)
{
	ask_refused(&env.s, method, params, RPC_BAD_PARAMS, text);
}

/* What a phone says. Empty: left out. */
struct phone {
	const char *user, *algorithm, *qop, *nc, *method, *body, *more;
	bool wrong; /* one bit of RES */
};

static struct aka_vector vector(void)
{
	return (struct aka_vector){
		.xres_len = 8,
		.xres = { 0xa5, 0x42, 0x11, 0xd5, 0xe3, 0xba, 0x50, 0xbf },
		.ck = { 0xb4, 0x0b, 0xa9, 0xa3, 0xc5, 0x8b, 0x2a, 0x05, 0xbb, 0xf0, 0xd9, 0x87,
			0xb2, 0x1b, 0xf8, 0xcb },
		.ik = { 0xf7, 0x69, 0xbc, 0xd7, 0x51, 0x04, 0x46, 0x04, 0x12, 0x76, 0x72, 0x71,
			0x1c, 0x6d, 0x34, 0x41 },
	};
}

static const struct phone phone = {
	USER, "AKAv1-MD5", "auth", "00000001", "REGISTER", "", "", false
};

static void says(const struct phone *p)
{
	const enum aka_algorithm a = aka_algorithm_find(p->algorithm);
	const struct aka_request r = { "REGISTER", "sip:" REALM, nonce,	  *p->qop ? p->qop : NULL,
				       p->nc,	   "0a4f113b",	 p->body, strlen(p->body) };
	struct aka_vector v = vector();
	char response[AKA_HEX_MAX], params[1536], counted[128] = "";
	struct aka_ha1 ha1;

	v.xres[7] ^= p->wrong;
	assert_true(aka_ha1(a, p->user, REALM, &v, &ha1));
	assert_true(aka_response(a, &ha1, &r, response));
	if (*p->qop)
		snprintf(counted, sizeof(counted), ", qop=%s, nc=%s, cnonce=\\\"0a4f113b\\\"",
			 p->qop, p->nc);
	snprintf(
	    params, sizeof(params),
	    "{\"method\":\"%s\",\"body\":\"%s\",\"authorization\":\"Digest username=\\\"%s\\\", "
	    "realm=\\\"" REALM "\\\", nonce=\\\"%s\\\", uri=\\\"sip:" REALM
	    "\\\", response=\\\"%s\\\", algorithm=%s%s%s\"}",
	    p->method, p->body, p->user, nonce, response, p->algorithm, counted, p->more);
	assert_null(ask_server(&env.s, "aka.judge", params));
}

static void verdict(const char *want)
{
	if (!text_of("verdict") || strcmp(text_of("verdict"), want) != 0)
		fail_msg("%s, not %s", text_of("verdict") ? text_of("verdict") : "an error", want);
}

static void judged(const struct phone *p, const char *want)
{
	says(p);
	verdict(want);
}

/* ---- what a 401 is given ---- */

static void header(void **state)
{
	char want[512];

	(void)state;
	challenge("");
	snprintf(want, sizeof(want),
		 "Digest realm=\"" REALM "\", nonce=\"%s\", algorithm=AKAv1-MD5, qop=\"auth\"",
		 nonce);
	assert_string_equal(text_of("www_authenticate"), want);
	/* RAND and AUTN begin it: 30 of the 32 bytes have characters of their own. */
	assert_memory_equal(nonce, "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tf", 40);
	assert_string_equal(text_of("ck"), "b40ba9a3c58b2a05bbf0d987b21bf8cb");
	assert_string_equal(text_of("ik"), "f769bcd751044604127672711c6d3441");
	challenge(",\"algorithm\":\"AKAv2-MD5\",\"qop\":\"\",\"stale\":true,\"lifetime_s\":7");
	snprintf(want, sizeof(want),
		 "Digest realm=\"" REALM "\", nonce=\"%s\", algorithm=AKAv2-MD5, stale=true",
		 nonce);
	assert_string_equal(text_of("www_authenticate"), want);
	assert_string_equal(text_of("ck"), "235bedbfc6b418b8f04a63a41d31ac62");
	assert_string_equal(text_of("ik"), "81905d9d7ab8cce8b7884d599d5e6a18");
	assert_int_equal(challenges_count(env.s.challenges), 2);
}

/* ---- what proves something ---- */

static void accepted(void **state)
{
	static const char *const algorithms[] = { "AKAv1-MD5", "AKAv2-MD5", "AKAv2-SHA-256" };

	(void)state;
	for (size_t i = 0; i < N_OF(algorithms); i++) {
		struct phone p = phone;
		char more[64];

		snprintf(more, sizeof(more), ",\"algorithm\":\"%s\"", algorithms[i]);
		challenge(more);
		p.algorithm = algorithms[i];
		judged(&p, "accepted");
		assert_string_equal(text_of("user"), USER);
		assert_string_equal(text_of("realm"), REALM);
		assert_string_equal(text_of("uri"), "sip:" REALM);
		assert_non_null(strstr(text_of("authentication_info"), "qop=auth, rspauth=\""));
		assert_non_null(
		    strstr(text_of("authentication_info"), "\", cnonce=\"0a4f113b\", nc=00000001"));
	}
	assert_int_equal(env.s.stats.aka_judged[CHALLENGE_ACCEPTED], N_OF(algorithms));
}

static void counted(void **state)
{
	struct phone p = phone;

	(void)state;
	challenge("");
	judged(&p, "accepted");
	judged(&p, "replayed");
	p.nc = "00000005";
	judged(&p, "accepted");
	p.nc = "00000004";
	judged(&p, "replayed");
	p.nc = "00000000";
	judged(&p, "wrong");
	p.nc = "0000006";
	judged(&p, "wrong");
}

/* Nothing counts the uses of a nonce without qop, so it has one. */
static void without_qop(void **state)
{
	struct phone p = phone;

	(void)state;
	challenge(",\"qop\":\"\"");
	p.qop = "";
	judged(&p, "accepted");
	assert_null(text_of("authentication_info"));
	judged(&p, "stale");
}

static void with_body(void **state)
{
	struct phone p = phone;

	(void)state;
	challenge(",\"qop\":\"auth,auth-int\"");
	p.qop = "auth-int";
	p.body = "some";
	judged(&p, "accepted");
	p.nc = "00000002";
	p.qop = "auth";
	judged(&p, "accepted");
	challenge(",\"qop\":\"auth-int\"");
	judged(&p, "wrong"); /* less than was asked for */
}

/* ---- what does not ---- */

static void wrong_three_times(void **state)
{
	struct phone p = phone;

	(void)state;
	challenge("");
	p.wrong = true;
	for (int i = 0; i < CHALLENGE_TRIES; i++)
		judged(&p, "wrong");
	judged(&phone, "stale");
	assert_int_equal(challenges_count(env.s.challenges), 0);
}

static void unlike(void **state)
{
	const struct phone others[] = {
		{ "user2_private@home1.net", "AKAv1-MD5", "auth", "00000001", "REGISTER", "", "",
		  false },
		{ USER, "AKAv2-MD5", "auth", "00000001", "REGISTER", "", "", false },
		{ USER, "AKAv1-MD5", "", "00000001", "REGISTER", "", "", false },
		{ USER, "AKAv1-MD5", "auth-int", "00000001", "REGISTER", "", "", false },
		{ USER, "AKAv1-MD5", "auth", "00000001", "INVITE", "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(others); i++) {
		challenge("");
		judged(&others[i], "wrong");
		judged(&phone, "accepted"); /* which took nothing from the right one */
	}
}

static void nobodys(void **state)
{
	(void)state;
	snprintf(nonce, sizeof(nonce), "%s", "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=");
	judged(&phone, "stale"); /* before there is any */
	challenge("");
	nonce[60] ^= 1;
	judged(&phone, "stale");
	nonce[60] ^= 1;
	nonce[0] = '?';
	judged(&phone, "stale");
	nonce[0] = '\0';
	judged(&phone, "first");
	expect("{\"verdict\":\"first\",\"user\":\"" USER "\",\"realm\":\"" REALM
	       "\",\"uri\":\"sip:" REALM "\"}");
	ask_server(&env.s, "aka.judge",
		   "{\"method\":\"REGISTER\",\"authorization\":\"Digest x=1\"}");
	expect("{\"verdict\":\"first\",\"user\":null,\"realm\":null,\"uri\":null}");
}

static void over(void **state)
{
	(void)state;
	challenge(",\"lifetime_s\":10");
	env_advance(&env, 9900);
	judged(&phone, "accepted");
	env_advance(&env, 100);
	judged(&phone, "stale");
	for (int i = 0; i < CHALLENGES_MAX / 256 + 1; i++)
		env_advance(&env, 100);
	assert_int_equal(challenges_count(env.s.challenges), 0);
}

/* The oldest goes. */
static void no_place(void **state)
{
	char first[CHALLENGE_NONCE], second[CHALLENGE_NONCE];
	const struct challenge_offer o = { .user = USER,
					   .realm = REALM,
					   .qop = CHALLENGE_AUTH,
					   .now_ms = env.s.now_ms,
					   .life_s = 60 };
	const struct aka_vector v = vector();
	char other[CHALLENGE_NONCE];

	(void)state;
	challenge("");
	memcpy(first, nonce, sizeof(first));
	challenge("");
	memcpy(second, nonce, sizeof(second));
	for (int i = 0; i < CHALLENGES_MAX - 1; i++)
		assert_true(challenge_make(env.s.challenges, &o, &v, other));
	assert_int_equal(challenges_count(env.s.challenges), CHALLENGES_MAX);
	assert_int_equal(challenges_lost(env.s.challenges), 1);
	memcpy(nonce, first, sizeof(nonce));
	judged(&phone, "stale");
	memcpy(nonce, second, sizeof(nonce));
	judged(&phone, "accepted");
	/* Of one that was answered nobody misses more than its next count. */
	assert_true(challenge_make(env.s.challenges, &o, &v, other));
	judged(&phone, "stale");
	assert_int_equal(challenges_lost(env.s.challenges), 1);
}

/* ---- the phone will not ---- */

static void resync(void **state)
{
	struct phone p = phone;

	(void)state;
	challenge("");
	p.more = ", auts=\\\"uoU/PBI8z0TpNZbjVcY=\\\"";
	judged(&p, "resync");
	assert_string_equal(text_of("rand"), "23553cbe9637a89d218ae64dae47bf35");
	assert_string_equal(text_of("auts"), "ba853f3c123ccf44e93596e355c6");
	judged(&phone, "stale");
	challenge("");
	p.more = ", auts=\\\"uoU/PBI8z0TpNZbjVc\\\"";
	judged(&p, "wrong");
}

static void refused(void **state)
{
	char params[512];

	(void)state;
	challenge("");
	snprintf(params, sizeof(params),
		 "{\"method\":\"REGISTER\",\"authorization\":\"Digest username=\\\"" USER
		 "\\\", realm=\\\"" REALM "\\\", nonce=\\\"%s\\\", uri=\\\"sip:" REALM
		 "\\\", response=\\\"\\\", algorithm=AKAv1-MD5, qop=auth, nc=00000001, "
		 "cnonce=\\\"a\\\"\"}",
		 nonce);
	ask_server(&env.s, "aka.judge", params);
	verdict("refused");
	judged(&phone, "stale");
}

/* ---- a home network is asked ---- */

static struct home {
	struct vector_source source; /* first: it is found by it */
	struct vector_question q;
	char user[256];
	uint8_t rand[AKA_RAND], auts[AKA_AUTS];
	vector_done *done;
	void *arg;
} home;

static void home_ask(struct vector_source *self, const struct vector_question *q, vector_done *done,
		     vector_gone *gone, void *arg)
{
	struct home *h = (struct home *)self;

	snprintf(h->user, sizeof(h->user), "%s", q->user);
	h->q = *q;
	if (q->auts) {
		memcpy(h->rand, q->rand, sizeof(h->rand));
		memcpy(h->auts, q->auts, sizeof(h->auts));
	}
	assert_false(gone(arg));
	h->done = done;
	h->arg = arg;
}

static void home_asked(const char *more)
{
	char params[512];

	snprintf(params, sizeof(params), "{\"user\":\"" USER "\",\"realm\":\"" REALM "\"%s}", more);
	home = (struct home){ .source.ask = home_ask };
	env.s.vectors = &home.source;
	assert_non_null(ask_server(&env.s, "aka.challenge", params));
	assert_null(answer);
	assert_string_equal(home.user, USER);
}

static void home_network(void **state)
{
	const struct aka_vector v = vector();

	(void)state;
	home_asked(",\"lifetime_s\":10");
	assert_null(home.q.auts);
	env_advance(&env, 9000); /* a lifetime begins when there is a challenge */
	home.done(home.arg, VECTOR_RESULT_GIVEN, &v);
	assert_string_equal(text_of("ck"), "b40ba9a3c58b2a05bbf0d987b21bf8cb");
	snprintf(nonce, sizeof(nonce), "%s", text_of("nonce"));
	env_advance(&env, 9000);
	judged(&phone, "accepted");
	home_asked(",\"rand\":\"23553cbe9637a89d218ae64dae47bf35\","
		   "\"auts\":\"ba853f3c123ccf44e93596e355c6\"");
	assert_int_equal(home.rand[0], 0x23);
	assert_int_equal(home.auts[13], 0xc6);
	home.done(home.arg, VECTOR_RESULT_GIVEN, &v);
	assert_non_null(text_of("nonce"));
	assert_int_equal(env.s.stats.aka_vectors[VECTOR_RESULT_GIVEN], 2);
}

static void home_has_none(void **state)
{
	static const struct {
		enum vector_result result;
		int code;
		const char *text;
	} t[] = {
		{ VECTOR_RESULT_REJECTED, RPC_UNKNOWN, "gives no vector for this user" },
		{ VECTOR_RESULT_INVALID, RPC_AWAY, "is not a whole vector" },
		{ VECTOR_RESULT_SILENT, RPC_AWAY, "none of aka.servers answers" },
		{ VECTOR_RESULT_FULL, RPC_FULL, "too many vectors" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		const json_t *e;

		home_asked("");
		home.done(home.arg, t[i].result, NULL);
		e = json_object_get(answer, "error");
		assert_int_equal(json_integer_value(json_object_get(e, "code")), t[i].code);
		assert_non_null(
		    strstr(json_string_value(json_object_get(e, "message")), t[i].text));
		assert_int_equal(env.s.stats.aka_vectors[t[i].result], 1);
	}
	env.s.vectors = NULL;
	bad_params("aka.challenge", "{\"user\":\"a\",\"realm\":\"b\"}", "there are no aka.servers");
}

static void parameters(void **state)
{
	(void)state;
	bad_params("aka.challenge", "{\"user\":\"a\"}", "\"realm\" must be a string");
	bad_params("aka.challenge", "{\"user\":\"a\",\"realm\":\"b\",\"ck\":\"00\"}",
		   "without xres");
	bad_params("aka.challenge", "{\"user\":\"a\",\"realm\":\"b\",\"auts\":\"00\"}",
		   "without xres");
	bad_params("aka.challenge", "{\"user\":\"a\",\"realm\":\"b\",\"auts\":\"00\"," VECTOR "}",
		   "\"auts\" is for who has no vector");
	bad_params("aka.challenge",
		   "{\"user\":\"a\",\"realm\":\"b\",\"auts\":\"00\","
		   "\"rand\":\"23553cbe9637a89d218ae64dae47bf35\"}",
		   "\"auts\" must be 14");
	bad_params("aka.challenge", "{\"user\":\"a\",\"realm\":\"b\",\"xres\":\"a54211\"}",
		   "\"xres\" must be 4 to 16 bytes in hexadecimal");
	bad_params("aka.challenge", "{\"user\":\"a\",\"realm\":\"b\\\"\"," VECTOR "}",
		   "\"realm\" must");
	bad_params("aka.challenge", "{\"user\":\"\",\"realm\":\"b\"," VECTOR "}", "\"user\" must");
	bad_params("aka.challenge",
		   "{\"user\":\"a\",\"realm\":\"b\",\"algorithm\":\"MD5\"," VECTOR "}",
		   "\"algorithm\" must be");
	bad_params("aka.challenge", "{\"user\":\"a\",\"realm\":\"b\",\"qop\":\"x\"," VECTOR "}",
		   "\"qop\" must be");
	bad_params("aka.challenge", "{\"user\":\"a\",\"realm\":\"b\",\"lifetime_s\":0," VECTOR "}",
		   "\"lifetime_s\"");
	bad_params("aka.challenge", "{\"user\":\"a\",\"realm\":\"b\",\"res\":\"\"," VECTOR "}",
		   "\"res\"");
	bad_params("aka.judge", "{\"method\":\"REGISTER\",\"authorization\":\"Basic x\"}",
		   "\"authorization\" must be");
	bad_params("aka.judge", "{\"authorization\":\"Digest a=1\"}",
		   "\"method\" must be a string");
	assert_int_equal(challenges_count(env.s.challenges), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(header),	    TEST(accepted),	     TEST(counted),    TEST(without_qop),
		TEST(with_body),    TEST(wrong_three_times), TEST(unlike),     TEST(nobodys),
		TEST(over),	    TEST(no_place),	     TEST(resync),     TEST(refused),
		TEST(home_network), TEST(home_has_none),     TEST(parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
