/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshakes, in both roles and versions, where OpenSSL gets no memory at the n-th place where it
 * asks for some: such a handshake ends for that reason, or OpenSSL does without and the keys are
 * right; it leaves no memory behind, and the next one works.
 */
#include "tests/world/handshake_world.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum {
	EACH = 256, /* wishes of a handshake, its first and its last, each of which is refused, */
	STEP = 8,   /* and of those between one of so many */
	SOME = 16,  /* failures between two handshakes that do not fail */
	AGAIN = 3,
	ERRORS = 16, /* OpenSSL's queue of a thread */
	DECODE_ERROR = 50,
	DECRYPT_ERROR = 51,
	UNKNOWN_CA = 48,
};

/* ---- OpenSSL's memory ---- */

static struct {
	bool ours;	 /* it is the crypto thread that asks, not the other side */
	uint32_t asked;	 /* so often, in this handshake */
	uint32_t fail_at; /* 0: never */
	int64_t live;
} mem;

static bool denied(void)
{
	return mem.ours && ++mem.asked == mem.fail_at;
}

static void *mem_alloc(size_t n, const char *file, int line)
{
	void *p = n == 0 || denied() ? NULL : malloc(n);

	(void)file, (void)line;
	mem.live += p != NULL;
	return p;
}

static void mem_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	mem.live -= p != NULL;
	free(p);
}

static void *mem_resize(void *p, size_t n, const char *file, int line)
{
	if (!p)
		return mem_alloc(n, file, line);
	if (n == 0) {
		mem_free(p, file, line);
		return NULL;
	}
	return denied() ? NULL : realloc(p, n);
}

uint32_t __real_crypto_turn(struct crypto *th, uint32_t n);
uint32_t __wrap_crypto_turn(struct crypto *th, uint32_t n);

uint32_t __wrap_crypto_turn(struct crypto *th, uint32_t n)
{
	uint32_t done;

	mem.ours = true;
	done = __real_crypto_turn(th, n);
	mem.ours = false;
	return done;
}

/* Each place of the queue of errors keeps the text it had once. */
static void errors_fill(void)
{
	int i;

	for (i = 0; i < ERRORS; i++)
		ERR_raise_data(ERR_LIB_USER, 1, "%s", "a text");
	ERR_clear_error();
}

/* ---- handshakes ---- */

/*
 * Where OpenSSL keeps it to itself that it was memory: a certificate, what was signed by it, and from 3.5
 * on a key that is decoded.
 */
static void expect_reason(const struct handshake *s)
{
	assert_int_equal(s->state, HANDSHAKE_FAILED);
	assert_null(s->ssl);
	if (s->why == TCP_END_TLS_INTERNAL)
		return;
	assert_false(s->alert_received);
	if (s->alert == DECRYPT_ERROR || s->alert == DECODE_ERROR) {
		assert_int_equal(s->why, TCP_END_TLS_HANDSHAKE);
	} else {
		assert_true(s->alert == ALERT_BAD_CERTIFICATE || s->alert == UNKNOWN_CA);
		assert_int_equal(s->why, TCP_END_TLS_CERT);
	}
}

/* Its n-th wish is refused. False: it had fewer. */
static bool refused(uint32_t n, bool *grows)
{
	int64_t before = mem.live;
	struct handshake *s;

	mem.asked = 0;
	mem.fail_at = n;
	s = handshake_do();
	mem.fail_at = 0;
	if (s->state == HANDSHAKE_DONE) {
		expect_done(s);
		expect_records(s);
	} else {
		expect_reason(s);
	}
	peer_close();
	handshake_put(&sw.worker[0], s);
	SSL_SESSION_free(sw.session);
	sw.session = NULL;
	ERR_clear_error();
	assert_int_equal(fake_domain.ssls, 0);
	*grows = mem.live > before;
	return mem.asked >= n;
}

/* Nothing is refused. Returns how many wishes it had. */
static uint32_t works(void)
{
	struct handshake *s;

	mem.asked = 0;
	s = handshake_do();
	expect_done(s);
	expect_records(s);
	peer_close();
	handshake_put(&sw.worker[0], s);
	return mem.asked;
}

/* What is kept once is a cache; what is kept each time is a leak. */
static void no_memory(bool client, int version)
{
	uint32_t all, n, k;
	bool grows;

	peer_context(client);
	SSL_CTX_set_max_proto_version(sw.tls.ctx, version);
	if (!client)
		fake_certs(sw.tls.ctx, (bool[]){ true, true }, 0);
	for (k = 0; k < AGAIN; k++)
		all = works();
	assert_true(all > 2 * EACH);
	for (n = 1; refused(n, &grows); n += n < EACH || n + EACH > all ? 1 : STEP) {
		for (k = 0; grows && k < AGAIN; k++)
			refused(n, &grows);
		if (grows)
			fail_msg("the %u-th wish, refused, leaves memory behind", n);
		if (n % SOME == 0)
			works();
	}
	works();
}

static void both_versions(bool client)
{
	int v;

	fake_domain.verify = SSL_VERIFY_PEER;
	handshake_start();
	errors_fill();
	for (v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++)
		no_memory(client, v);
}

static void as_a_server(void **state)
{
	(void)state;
	both_versions(false);
}

static void as_a_client(void **state)
{
	(void)state;
	both_versions(true);
}

/* Nobody is taken for another because there was no memory to look. */
static void never_another(const char *name)
{
	uint32_t n = 0;

	peer_context(true);
	do {
		struct handshake *s = handshake_fresh();

		strcpy(s->expect.name, name);
		mem.asked = 0;
		mem.fail_at = ++n;
		peer_open();
		handshake_all(s);
		mem.fail_at = 0;
		assert_int_equal(s->state, HANDSHAKE_FAILED);
		peer_close();
		handshake_put(&sw.worker[0], s);
	} while (mem.asked >= n);
	assert_true(n > EACH);
}

static void another_name(void **state)
{
	(void)state;
	handshake_start();
	never_another("example.org");
}

static void another_address(void **state)
{
	(void)state;
	handshake_start();
	never_another("192.0.2.2");
}

/* The same where the domain has no CAs. */
static void another_without_cas(void **state)
{
	(void)state;
	fake_domain.ca = false;
	handshake_start();
	never_another("example.org");
	never_another("192.0.2.2");
}

#define T(name) cmocka_unit_test_setup_teardown(name, handshake_setup, handshake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(as_a_server),
		T(as_a_client),
		T(another_name),
		T(another_address),
		T(another_without_cas),
	};

	if (CRYPTO_set_mem_functions(mem_alloc, mem_resize, mem_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, handshake_eal, NULL);
}
