/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Vectors of AKA by RADIUS (R17; RFC 2865, 2868 3.5, 3579 3.2): what a server is asked, and with
 * AUTS for resynchronisation; the five are taken as they were enciphered, and nothing that is not
 * signed twice, not whole, or there twice; one that is silent, and the next; more questions than
 * there is room for; other servers while questions are under way.
 */
#include "tests/world/unit.h"

#include "cp/aka/vector_packet.h"
#include "cp/aka/vectors.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ACCEPT = 2, REJECT = 3, DIGEST_AT = RADIUS_HEAD + 2 };

#define SECRET "testing123"
static const uint8_t rand_[] = "RANDRANDRANDRAND", autn[] = "AUTNAUTNAUTNAUTN",
		     ck[] = "CKCKCKCKCKCKCKCK", ik[] = "IKIKIKIKIKIKIKIK", xres[] = "XRESXRES",
		     auts[] = "AUTSAUTSAUTSAU";

static char dir[64], secret[CONFIG_STR_MAX];
static struct config_aka conf;
static struct event_base *base;
static struct vector_source *source;
static int server[2];
static uint8_t asked[4096], reply[4096];
static size_t asked_len, reply_len;
static struct sockaddr_in from;

/* ---- a server ---- */

static int bound(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static bool hears(int i)
{
	socklen_t n = sizeof(from);
	const ssize_t got =
	    recvfrom(server[i], asked, sizeof(asked), 0, (struct sockaddr *)&from, &n);

	asked_len = got > 0 ? (size_t)got : 0;
	return got > 0;
}

/* The event loop runs until the server hears something. */
static void await_heard(int i)
{
	while (!hears(i)) {
		struct pollfd p = { .fd = server[i], .events = POLLIN };

		event_base_loop(base, EVLOOP_NONBLOCK);
		poll(&p, 1, 5);
	}
}

static void put(uint8_t type, const void *value, size_t len)
{
	reply_len = (size_t)(radius_put(reply + reply_len, type, value, len) - reply);
}

static void put_vendor(uint8_t type, const void *value, size_t len)
{
	uint8_t text[RADIUS_VALUE_MAX] = { 0, 0, 0x7e, 0xd9 };

	radius_put(text + 4, type, value, len);
	put(26, text, 6 + len);
}

/* RFC 2868 3.5 from the server's side. */
static void put_secret(uint8_t type, const void *value, uint8_t len)
{
	uint8_t out[2 + 48] = { 0x80, type }, plain[48] = { len }, text[64], pad[16];
	const size_t n = (1u + len + 15) / 16 * 16, s = strlen(SECRET);

	memcpy(plain + 1, value, len);
	for (size_t i = 0; i < n; i += 16) {
		size_t before = 16;

		memcpy(text, SECRET, s);
		if (i == 0) {
			memcpy(text + s, asked + RADIUS_AUTHENTICATOR, 16);
			memcpy(text + s + 16, out, 2);
			before = 18;
		} else {
			memcpy(text + s, out + 2 + i - 16, 16);
		}
		EVP_Digest(text, s + before, pad, NULL, EVP_md5(), NULL);
		for (int k = 0; k < 16; k++)
			out[2 + i + k] = plain[i + k] ^ pad[k];
	}
	put_vendor(type, out, 2 + n);
}

static void begin(uint8_t code)
{
	static const uint8_t none[16];

	reply_len = RADIUS_HEAD;
	put(80, none, sizeof(none));
	reply[0] = code;
}

/* The request's authenticator is under both signatures. */
static void sign(void)
{
	radius_head(reply, reply[0], asked[1], reply_len);
	memcpy(reply + RADIUS_AUTHENTICATOR, asked + RADIUS_AUTHENTICATOR, 16);
	HMAC(EVP_md5(), SECRET, (int)strlen(SECRET), reply, reply_len, reply + DIGEST_AT, NULL);
	assert_true(radius_sign(reply, reply_len, asked + RADIUS_AUTHENTICATOR, SECRET,
				reply + RADIUS_AUTHENTICATOR));
}

static void vector_put(void)
{
	put_vendor(1, rand_, 16);
	put_vendor(2, autn, 16);
	put_secret(3, xres, 8);
	put_secret(4, ck, 16);
	put_secret(5, ik, 16);
}

static void give(void)
{
	begin(ACCEPT);
	vector_put();
	sign();
}

static void answer(int i)
{
	assert_int_equal(
	    sendto(server[i], reply, reply_len, 0, (struct sockaddr *)&from, sizeof(from)),
	    reply_len);
}

/* ---- who asks ---- */

struct got {
	int times;
	bool gone;
	enum vector_result result;
	struct aka_vector v;
};

static void came(void *arg, enum vector_result r, const struct aka_vector *v)
{
	struct got *g = arg;

	g->times++;
	g->result = r;
	assert_int_equal(v != NULL, r == VECTOR_RESULT_GIVEN);
	if (v)
		g->v = *v;
}

static bool is_gone(void *arg)
{
	const struct got *g = arg;

	return g->gone;
}

static void ask(struct got *g)
{
	const struct vector_question q = { .user = "001010000000001@ims.example" };

	*g = (struct got){ 0 };
	source->ask(source, &q, came, is_gone, g);
}

static void await_came(const struct got *g, enum vector_result r)
{
	while (!g->times)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(g->times, 1);
	assert_string_equal(vector_result_name[g->result], vector_result_name[r]);
}

/* All that waits at the sockets is read, and leads to nothing. */
static void nothing_comes(const struct got *g)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(g->times, 0);
}

static void started(unsigned servers)
{
	char err[256];

	conf.n_server = (uint16_t)servers;
	source = vectors_open(base, &conf, err, sizeof(err));
	if (!source)
		fail_msg("%s", err);
}

static int setup(void **state)
{
	FILE *f;

	(void)state;
	strcpy(dir, "/tmp/fl-vectors.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(secret, sizeof(secret), "%s/secret", dir);
	f = fopen(secret, "w");
	fputs(SECRET "\n", f);
	fchmod(fileno(f), 0600);
	fclose(f);
	memset(&conf, 0, sizeof(conf));
	conf = (struct config_aka){ .nas_identifier = "edge1",
				    .timeout_ms = 60000,
				    .tries = 1,
				    .vendor = 32473,
				    .attributes = { 1, 2, 3, 4, 5, 6 } };
	for (int i = 0; i < 2; i++) {
		server[i] = bound(&conf.server[i].port);
		assert_true(ip_parse("127.0.0.1", &conf.server[i].addr));
		strcpy(conf.server[i].secret, secret);
	}
	base = event_base_new();
	assert_non_null(base);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vectors_close(source);
	source = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	close(server[0]);
	close(server[1]);
	unlink(secret);
	return rmdir(dir);
}

/* ---- what is asked, and what comes of it ---- */

static const uint8_t *attribute(uint8_t type, const char *value)
{
	for (size_t at = RADIUS_HEAD; at < asked_len; at += asked[at + 1])
		if (asked[at] == type &&
		    (!value || memmem(asked + at, asked[at + 1], value, strlen(value))))
			return asked + at;
	return NULL;
}

static void five_are_given(void **state)
{
	struct got g;
	uint8_t digest[16];

	(void)state;
	started(1);
	ask(&g);
	assert_int_equal(source->waiting, 1);
	await_heard(0);
	assert_int_equal(asked[0], 1);
	assert_non_null(attribute(1, "001010000000001@ims.example"));
	assert_non_null(attribute(32, "edge1"));
	assert_null(attribute(26, NULL));
	assert_int_equal(asked[RADIUS_HEAD], 80); /* first */
	memcpy(digest, asked + DIGEST_AT, 16);
	memset(asked + DIGEST_AT, 0, 16);
	assert_memory_equal(
	    digest, HMAC(EVP_md5(), SECRET, (int)strlen(SECRET), asked, asked_len, NULL, NULL), 16);
	give();
	answer(0);
	await_came(&g, VECTOR_RESULT_GIVEN);
	assert_memory_equal(g.v.rand, rand_, 16);
	assert_memory_equal(g.v.autn, autn, 16);
	assert_memory_equal(g.v.ck, ck, 16);
	assert_memory_equal(g.v.ik, ik, 16);
	assert_int_equal(g.v.xres_len, 8);
	assert_memory_equal(g.v.xres, xres, 8);
	assert_int_equal(source->waiting, 0);
}

/* RAND of the old challenge and AUTS go along; two questions have two authenticators. */
static void resynchronisation(void **state)
{
	const struct vector_question q = { "phone", rand_, auts };
	uint8_t first[16];
	struct got g = { 0 }, h = { 0 };

	(void)state;
	started(1);
	source->ask(source, &q, came, is_gone, &g);
	await_heard(0);
	assert_memory_equal(attribute(26, (const char *)auts), "\x1a\x16\x00\x00\x7e\xd9\x06\x10",
			    8);
	assert_memory_equal(attribute(26, (const char *)rand_), "\x1a\x18\x00\x00\x7e\xd9\x01\x12",
			    8);
	memcpy(first, asked + RADIUS_AUTHENTICATOR, 16);
	begin(REJECT);
	sign();
	answer(0);
	await_came(&g, VECTOR_RESULT_REJECTED);
	source->ask(source, &q, came, is_gone, &h);
	await_heard(0);
	assert_memory_not_equal(first, asked + RADIUS_AUTHENTICATOR, 16);
	answer(0); /* to the question before */
	nothing_comes(&h);
	give();
	answer(0);
	await_came(&h, VECTOR_RESULT_GIVEN);
}

/* XRES of each length; its padding is whatever it is. */
static void lengths_of_xres(void **state)
{
	(void)state;
	started(1);
	for (uint8_t n = 3; n <= 17; n++) {
		struct got g;

		ask(&g);
		await_heard(0);
		begin(ACCEPT);
		put_vendor(1, rand_, 16);
		put_vendor(2, autn, 16);
		put_secret(3, "0123456789abcdefgh", n);
		put_secret(4, ck, 16);
		put_secret(5, ik, 16);
		sign();
		answer(0);
		await_came(&g, n >= 4 && n <= 16 ? VECTOR_RESULT_GIVEN : VECTOR_RESULT_INVALID);
		assert_int_equal(g.v.xres_len, n >= 4 && n <= 16 ? n : 0);
	}
}

static void none(void)
{
}
static void no_ik(void)
{
	begin(ACCEPT), put_vendor(1, rand_, 16), put_vendor(2, autn, 16), put_secret(3, xres, 8),
	    put_secret(4, ck, 16);
}
static void twice(void)
{
	put_vendor(2, autn, 16);
}
static void long_rand(void)
{
	begin(ACCEPT), put_vendor(1, rand_, 17), put_vendor(2, autn, 16), put_secret(3, xres, 8),
	    put_secret(4, ck, 16), put_secret(5, ik, 16);
}
static void open_ck(void)
{
	begin(ACCEPT), put_vendor(1, rand_, 16), put_vendor(2, autn, 16), put_secret(3, xres, 8),
	    put_vendor(4, ck, 16), put_secret(5, ik, 16);
}
static void crumb(void)
{
	reply[reply_len++] = 26;
}
static void short_one(void)
{
	reply[reply_len++] = 26, reply[reply_len++] = 1;
}
static void inner(void)
{
	put(26, "\x00\x00\x7e\xd9\x07\x01", 6);
}
static void challenge(void)
{
	reply[0] = 11;
}
static void foreign(void)
{
	put(26, "\x00\x00\x00\x09\x01\x03x", 7), put(26, "\x00", 1), put(18, "hello", 5);
}

/* What is signed, and is no vector, or one beside what is nobody's. */
static void answers_that_are_signed(void **state)
{
	static const struct {
		void (*bend)(void);
		enum vector_result result;
	} t[] = {
		{ none, VECTOR_RESULT_GIVEN },	      { foreign, VECTOR_RESULT_GIVEN },
		{ no_ik, VECTOR_RESULT_INVALID },     { twice, VECTOR_RESULT_INVALID },
		{ long_rand, VECTOR_RESULT_INVALID }, { open_ck, VECTOR_RESULT_INVALID },
		{ crumb, VECTOR_RESULT_INVALID },     { short_one, VECTOR_RESULT_INVALID },
		{ inner, VECTOR_RESULT_INVALID },     { challenge, VECTOR_RESULT_INVALID },
	};

	(void)state;
	started(1);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct got g;

		ask(&g);
		await_heard(0);
		begin(ACCEPT);
		vector_put();
		t[i].bend();
		sign();
		answer(0);
		await_came(&g, t[i].result);
	}
}

/* Each bit of an answer is under a signature; one signature alone is not enough. */
static void answers_that_are_not(void **state)
{
	struct got g;

	(void)state;
	started(1);
	ask(&g);
	await_heard(0);
	for (size_t i = 0; i < reply_len || i == 0; i++) {
		give();
		reply[i] ^= 1;
		answer(0);
		nothing_comes(&g);
	}
	give();
	for (size_t n = 1; n < reply_len; n += 7) {
		assert_int_equal(
		    sendto(server[0], reply, n, 0, (struct sockaddr *)&from, sizeof(from)), n);
		nothing_comes(&g);
	}
	begin(ACCEPT);
	reply_len = RADIUS_HEAD; /* without Message-Authenticator */
	vector_put();
	radius_head(reply, ACCEPT, asked[1], reply_len);
	assert_true(radius_sign(reply, reply_len, asked + RADIUS_AUTHENTICATOR, SECRET,
				reply + RADIUS_AUTHENTICATOR));
	answer(0);
	nothing_comes(&g);
	give(); /* with a wrong one under a right signature of the whole */
	reply[DIGEST_AT] ^= 1;
	assert_true(radius_sign(reply, reply_len, asked + RADIUS_AUTHENTICATOR, SECRET,
				reply + RADIUS_AUTHENTICATOR));
	answer(0);
	nothing_comes(&g);
	give();
	answer(0);
	await_came(&g, VECTOR_RESULT_GIVEN);
	answer(0); /* once more: it is nobody's */
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(g.times, 1);
}

/* ---- servers ---- */

static void silent_server(void **state)
{
	struct got g;

	(void)state;
	conf.timeout_ms = 50;
	conf.tries = 3;
	started(2);
	ask(&g);
	for (int i = 0; i < 3; i++)
		await_heard(0);
	await_heard(1);
	give();
	answer(1);
	await_came(&g, VECTOR_RESULT_GIVEN);
	ask(&g); /* the first is known to be silent */
	await_heard(1);
	assert_false(hears(0));
	for (int i = 0; i < 2; i++)
		await_heard(1);
	for (int i = 0; i < 3; i++)
		await_heard(0);
	await_came(&g, VECTOR_RESULT_SILENT);
	assert_int_equal(source->waiting, 0);
}

/* An answer by the server that was asked before is late. */
static void late_answer(void **state)
{
	struct sockaddr_in before;
	struct got g;

	(void)state;
	conf.timeout_ms = 200;
	conf.tries = 10;
	started(2);
	ask(&g);
	for (int i = 0; i < 10; i++)
		await_heard(0);
	give();
	before = from;
	await_heard(1);
	assert_int_equal(
	    sendto(server[0], reply, reply_len, 0, (struct sockaddr *)&before, sizeof(before)),
	    reply_len);
	nothing_comes(&g);
	give();
	answer(1);
	await_came(&g, VECTOR_RESULT_GIVEN);
}

static void more_than_there_is_room_for(void **state)
{
	static struct got g[VECTORS_MAX + 1], late;
	uint32_t silent = 0;

	(void)state;
	started(1);
	for (int i = 0; i <= VECTORS_MAX; i++)
		ask(&g[i]);
	assert_int_equal(source->waiting, VECTORS_MAX);
	assert_int_equal(g[VECTORS_MAX].times, 1);
	assert_int_equal(g[VECTORS_MAX].result, VECTOR_RESULT_FULL);
	assert_true(hears(0));
	give();
	answer(0);
	while (source->waiting == VECTORS_MAX)
		event_base_loop(base, EVLOOP_ONCE);
	ask(&g[VECTORS_MAX]);
	assert_int_equal(g[VECTORS_MAX].times, 0);
	/* Who has gone makes room. */
	g[1].gone = true;
	ask(&late);
	assert_int_equal(late.times, 0);
	assert_int_equal(g[1].times, 1);
	assert_int_equal(source->waiting, VECTORS_MAX);
	vectors_close(source);
	source = NULL;
	assert_int_equal(late.result, VECTOR_RESULT_SILENT);
	for (int i = 0; i <= VECTORS_MAX; i++) {
		assert_int_equal(g[i].times, 1);
		silent += g[i].result == VECTOR_RESULT_SILENT;
	}
	assert_int_equal(silent, VECTORS_MAX);
}

/* The old one answers what it was asked, the new one what comes. */
static void other_servers(void **state)
{
	struct vector_source *old;
	struct got g, h;
	char err[256];

	(void)state;
	started(1);
	ask(&g);
	await_heard(0);
	give();
	old = source;
	started(1);
	assert_true(vectors_same(source, old));
	vectors_close(source);
	started(2);
	assert_false(vectors_same(source, old));
	assert_false(vectors_same(NULL, old));
	assert_true(vectors_same(NULL, NULL));
	vectors_retire(old);
	answer(0);
	ask(&h);
	await_came(&g, VECTOR_RESULT_GIVEN);
	await_heard(0);
	give();
	answer(0);
	await_came(&h, VECTOR_RESULT_GIVEN);
	vectors_retire(source); /* with nothing under way */
	event_base_loop(base, EVLOOP_NONBLOCK);
	started(1);
	ask(&h);
	vectors_retire(source);
	source = NULL;
	vectors_close_retired();
	await_came(&h, VECTOR_RESULT_SILENT);
	conf.n_server = 0;
	assert_null(vectors_open(base, &conf, err, sizeof(err)));
	assert_string_equal(err, "");
	conf.n_server = 1;
	chmod(secret, 0644);
	assert_null(vectors_open(base, &conf, err, sizeof(err)));
	assert_non_null(strstr(err, "aka.servers: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(five_are_given, setup, teardown),
		cmocka_unit_test_setup_teardown(resynchronisation, setup, teardown),
		cmocka_unit_test_setup_teardown(lengths_of_xres, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_that_are_signed, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_that_are_not, setup, teardown),
		cmocka_unit_test_setup_teardown(silent_server, setup, teardown),
		cmocka_unit_test_setup_teardown(late_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_there_is_room_for, setup, teardown),
		cmocka_unit_test_setup_teardown(other_servers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
