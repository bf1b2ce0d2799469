/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins ticket keys (R9; RFC 5077, RFC 8446 4.6.1): a ticket of one node is good at another that has
 * the same keys, across a rotation on either side, and no longer once its key has gone; one sealed
 * with another key than the current is renewed; one that was tampered with starts a full handshake;
 * without keys none is given and none taken; and a reader never sees half of a change.
 */
#include "tests/world/unit.h"
#include "tests/world/make_cert.h"

#include "dp/tls/tickets.h"

#include <openssl/err.h>
#include <pthread.h>

/* Two nodes, or two workers: a library context each. */
enum { NODES = 2, EPOCHS = 8, CHANGES = 20000, SEEN = 20 };

static struct {
	struct tickets tickets;
	OSSL_LIB_CTX *libctx;
	SSL_CTX *ctx;
} node[NODES];
static SSL_CTX *client_ctx;
static EVP_PKEY *key;
static X509 *cert;

/* The key of an epoch is full of its number. */
static struct ctl_ticket_key key_of(uint8_t epoch)
{
	struct ctl_ticket_key k;

	memset(&k, epoch, sizeof(k));
	return k;
}

static void rotate(int n, uint8_t epoch)
{
	struct ctl_ticket_keys k = { key_of(epoch - 1u), key_of(epoch), key_of(epoch + 1u) };

	tickets_set(&node[n].tickets, &k, 0);
}

static int setup(void **state)
{
	struct cert_spec s = { .cn = "x" };

	(void)state;
	key = make_key("EC:P-256");
	cert = make_cert(&s, key, NULL, NULL);
	for (int n = 0; n < NODES; n++) {
		memset(&node[n].tickets, 0, sizeof(node[n].tickets));
		node[n].libctx = OSSL_LIB_CTX_new();
		node[n].ctx = SSL_CTX_new_ex(node[n].libctx, NULL, TLS_server_method());
		SSL_CTX_set_session_cache_mode(node[n].ctx, SSL_SESS_CACHE_OFF);
		SSL_CTX_use_certificate(node[n].ctx, cert);
		SSL_CTX_use_PrivateKey(node[n].ctx, key);
		assert_true(tickets_use(&node[n].tickets, node[n].ctx));
	}
	client_ctx = SSL_CTX_new(TLS_client_method());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int n = 0; n < NODES; n++) {
		SSL_CTX_free(node[n].ctx);
		OSSL_LIB_CTX_free(node[n].libctx);
	}
	SSL_CTX_free(client_ctx);
	EVP_PKEY_free(key);
	X509_free(cert);
	return 0;
}

/* What a client holds after a connection. */
struct visit {
	SSL_SESSION *session; /* to come again with; NULL: no new ticket came */
	bool resumed;
};

static bool same_ticket(SSL_SESSION *x, SSL_SESSION *y)
{
	const unsigned char *p, *q;
	size_t n, m;

	SSL_SESSION_get0_ticket(x, &p, &n);
	SSL_SESSION_get0_ticket(y, &q, &m);
	return n == m && memcmp(p, q, n) == 0;
}

static struct visit visit(int n, int version, SSL_SESSION *with)
{
	SSL *c = SSL_new(client_ctx), *s = SSL_new(node[n].ctx);
	struct visit v = { 0 };
	int cr = -1, sr = -1;
	BIO *a, *b;
	char byte;

	SSL_set_max_proto_version(c, version);
	if (!tickets_given(&node[n].tickets))
		SSL_set_num_tickets(s, 0);
	assert_int_equal(BIO_new_bio_pair(&a, 1 << 16, &b, 1 << 16), 1);
	SSL_set_bio(c, a, a);
	SSL_set_bio(s, b, b);
	SSL_set_connect_state(c);
	SSL_set_accept_state(s);
	if (with)
		SSL_set_session(c, with);
	for (int i = 0; i < 10 && (cr != 1 || sr != 1); i++) {
		cr = SSL_do_handshake(c);
		sr = SSL_do_handshake(s);
	}
	assert_int_equal(cr, 1);
	assert_int_equal(sr, 1);
	SSL_read(c, &byte, 1); /* TLS 1.3: tickets come after Finished */
	v.resumed = SSL_session_reused(s);
	v.session = SSL_get1_session(c);
	if (!SSL_SESSION_has_ticket(v.session) || (with && same_ticket(v.session, with))) {
		SSL_SESSION_free(v.session);
		v.session = NULL;
	}
	SSL_shutdown(c);
	SSL_free(c);
	SSL_free(s);
	ERR_clear_error();
	return v;
}

#define FOR_VERSIONS(v) for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++)

static void good_at_the_other_node(void **state)
{
	(void)state;
	rotate(0, 5);
	rotate(1, 5);
	FOR_VERSIONS(version)
	{
		struct visit first = visit(0, version, NULL), second;

		assert_false(first.resumed);
		assert_non_null(first.session);
		second = visit(1, version, first.session);
		assert_true(second.resumed);
		SSL_SESSION_free(first.session);
		SSL_SESSION_free(second.session);
	}
}

/* A ticket of epoch 5 at a node that is in epoch 3 .. 7. */
static void clocks_differ_and_keys_go(void **state)
{
	(void)state;
	rotate(0, 5);
	FOR_VERSIONS(version)
	{
		for (uint8_t epoch = 3; epoch <= 7; epoch++) {
			struct visit first = visit(0, version, NULL), second;

			rotate(1, epoch);
			second = visit(1, version, first.session);
			assert_int_equal(second.resumed, epoch >= 4 && epoch <= 6);
			/* Renewed, except where the key is the current one. */
			assert_int_equal(second.session != NULL, epoch != 5);
			if (second.session) {
				struct visit third = visit(1, version, second.session);

				assert_true(third.resumed);
				SSL_SESSION_free(third.session);
			}
			SSL_SESSION_free(first.session);
			SSL_SESSION_free(second.session);
		}
	}
}

/* A session of `with`, its ticket with one byte changed. */
static SSL_SESSION *tampered(SSL_SESSION *with, size_t at)
{
	unsigned char der[8192], *p = der;
	const unsigned char *ticket, *in = der;
	int len = i2d_SSL_SESSION(with, NULL);
	size_t n;
	unsigned char *found;

	assert_in_range(len, 1, sizeof(der));
	i2d_SSL_SESSION(with, &p);
	SSL_SESSION_get0_ticket(with, &ticket, &n);
	found = memmem(der, (size_t)len, ticket, n);
	assert_non_null(found);
	found[at % n] ^= 1;
	return d2i_SSL_SESSION(NULL, &in, len);
}

static void tampered_is_not_taken(void **state)
{
	/* The key's name, the IV, the session, the MAC. */
	static const size_t where[] = { 0, 20, 64, SIZE_MAX };

	(void)state;
	rotate(0, 5);
	FOR_VERSIONS(version)
	{
		for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
			struct visit first = visit(0, version, NULL), second;
			const unsigned char *ticket;
			SSL_SESSION *bad;
			size_t n;

			SSL_SESSION_get0_ticket(first.session, &ticket, &n);
			bad = tampered(first.session, where[i] == SIZE_MAX ? n - 1 : where[i]);
			second = visit(0, version, bad);
			assert_false(second.resumed);
			SSL_SESSION_free(bad);
			SSL_SESSION_free(first.session);
			SSL_SESSION_free(second.session);
		}
	}
}

static void no_keys_no_tickets(void **state)
{
	(void)state;
	rotate(0, 5);
	FOR_VERSIONS(version)
	{
		struct visit none = visit(1, version, NULL), first, second;

		assert_null(none.session);
		first = visit(0, version, NULL);
		second = visit(1, version, first.session);
		assert_false(second.resumed);
		assert_null(second.session);
		SSL_SESSION_free(first.session);
	}
}

/* With the control process dead: so long as LIFETIME seals, and twice that opens. */
static void keys_age_alone(void **state)
{
	enum { LIFETIME = 100, START_MS = 5000, LATE_MS = START_MS + TICKETS_LATE_MS };
	const struct ctl_ticket_keys k = { key_of(4), key_of(5), key_of(6) };
	const uint64_t words[sizeof(k) / 8] = { 0 };
	struct tickets *t = &node[0].tickets;

	(void)state;
	FOR_VERSIONS(version)
	{
		struct visit first, second;

		memset(t, 0, sizeof(*t));
		tickets_age(t, LIFETIME, 1u << 30);
		assert_false(tickets_given(t));
		tickets_set(t, &k, START_MS);
		tickets_age(t, LIFETIME, LATE_MS + LIFETIME * 1000 - 1);
		first = visit(0, version, NULL);
		assert_non_null(first.session);
		tickets_set(t, &k, LATE_MS + LIFETIME * 500); /* a new process that says the same */
		tickets_age(t, LIFETIME, LATE_MS + LIFETIME * 1000);
		second = visit(0, version, NULL);
		assert_null(second.session);
		second = visit(0, version, first.session);
		assert_true(second.resumed);
		assert_null(second.session);
		tickets_age(t, LIFETIME, LATE_MS + 2 * LIFETIME * 1000);
		second = visit(0, version, first.session);
		assert_false(second.resumed);
		assert_memory_equal(t->words, words, sizeof(words));
		SSL_SESSION_free(first.session);
		/* The control process is back. */
		tickets_set(t, &k, LATE_MS + 3 * LIFETIME * 1000);
		first = visit(0, version, NULL);
		assert_non_null(first.session);
		SSL_SESSION_free(first.session);
	}
}

static void copy_is_what_was_set(void **state)
{
	struct tickets t = { 0 };
	struct ctl_ticket_keys k = { key_of(1), key_of(2), key_of(3) }, got;

	(void)state;
	assert_false(tickets_get(&t, &got));
	tickets_set(&t, &k, 0);
	assert_true(tickets_get(&t, &got));
	assert_memory_equal(&got, &k, sizeof(k));
	/* After two thousand million changes there are keys still. */
	t.seq = UINT32_MAX - 1;
	tickets_set(&t, &k, 0);
	assert_true(tickets_get(&t, &got));
}

/* ---- a writer beside readers ---- */

static struct tickets shared;
static _Atomic uint32_t seen; /* reader: changes that it saw one after the other */
static _Atomic uint32_t last; /* writer: the number of its last change */

/* Relaxed: but for shared, the two do not know of each other. */
static void *writer(void *arg)
{
	uint32_t i;

	(void)arg;
	for (i = 0; i < CHANGES || atomic_load_explicit(&seen, memory_order_relaxed) < SEEN; i++) {
		struct ctl_ticket_keys k;

		memset(&k, (int)(i % EPOCHS), sizeof(k));
		tickets_set(&shared, &k, 0);
	}
	atomic_store_explicit(&last, i - 1, memory_order_relaxed);
	return NULL;
}

static bool all_same(const struct ctl_ticket_keys *k)
{
	const uint8_t *p = (const uint8_t *)k;

	return memcmp(p, p + 1, sizeof(*k) - 1) == 0;
}

static void readers_see_whole_keys(void **state)
{
	struct ctl_ticket_keys k;
	uint8_t before = EPOCHS;
	pthread_t thread;

	(void)state;
	memset(&shared, 0, sizeof(shared));
	seen = last = 0;
	assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
	while (!atomic_load_explicit(&last, memory_order_relaxed)) {
		if (!tickets_get(&shared, &k))
			continue;
		assert_true(all_same(&k));
		if (k.current.name[0] == before)
			continue;
		before = k.current.name[0];
		atomic_fetch_add_explicit(&seen, 1, memory_order_relaxed);
	}
	pthread_join(thread, NULL);
	assert_true(tickets_get(&shared, &k));
	assert_int_equal(k.current.name[0], last % EPOCHS);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(good_at_the_other_node),
		T(clocks_differ_and_keys_go),
		T(tampered_is_not_taken),
		T(no_keys_no_tickets),
		T(keys_age_alone),
		cmocka_unit_test(copy_is_what_was_set),
		cmocka_unit_test(readers_see_whole_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
