/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * dp/tls/engine.c, with an engine whose signatures pause their jobs (tests/engine), under whole
 * handshakes: keys of both kinds sign by the engine, with TLS 1.3 and 1.2; jobs go on when they are
 * told to and not before, in whatever order they come back, by polls or by the engine's own
 * threads; polls are made when they are worth it; what the engine puts off is tried again; an
 * engine that fails, stalls, or is not there leaves its work to OpenSSL, and one that stalled gets
 * work again once it has given back all it had.
 */
#include "tests/world/unit.h"

#include "conf/config.h"
#include "dp/tls/engine.h"
#include "tests/engine/slow_engine.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509.h>

enum { MANY = 40 };

static struct config conf;
static struct engine *engine;
static struct slow_engine *slow; /* what the engine counts */
static void *module;
static SSL_CTX *client_ctx, *rsa_ctx, *ec_ctx;

static void set(const char *name, const char *value)
{
	assert_int_equal(setenv(name, value, 1), 0);
}

/* ---- contexts ---- */

static X509 *certificate(EVP_PKEY *k)
{
	X509 *x = X509_new();

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const uint8_t *)"relay", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	assert_true(X509_set_pubkey(x, k));
	assert_true(X509_sign(x, k, EVP_sha256()));
	return x;
}

/* k as it is read from a file: a provider's key. */
static SSL_CTX *server_ctx(struct engine *e, EVP_PKEY *k)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	X509 *x = certificate(k);

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_use_certificate(ctx, x), 1);
	k = engine_key(e, k);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, k), 1);
	assert_int_equal(SSL_CTX_check_private_key(ctx), 1);
	EVP_PKEY_free(k);
	X509_free(x);
	return ctx;
}

/* ---- handshakes in memory ---- */

struct link {
	SSL *server, *client;
	atomic_bool ready; /* its job may go on */
	bool waits;
	uint32_t pauses;
};

static int wake(SSL *ssl, void *arg)
{
	struct link *l = arg;

	assert_ptr_equal(ssl, l->server);
	atomic_store(&l->ready, true);
	return 1;
}

static void link_open(struct link *l, SSL_CTX *ctx, int version)
{
	BIO *a, *b;

	memset(l, 0, sizeof(*l));
	l->server = SSL_new(ctx);
	l->client = SSL_new(client_ctx);
	assert_true(BIO_new_bio_pair(&a, 0, &b, 0));
	SSL_set_bio(l->server, a, a);
	SSL_set_bio(l->client, b, b);
	SSL_set_accept_state(l->server);
	SSL_set_connect_state(l->client);
	assert_true(SSL_set_max_proto_version(l->client, version));
	assert_true(engine_ssl(engine, l->server, wake, l));
}

static void link_close(struct link *l)
{
	SSL_free(l->server);
	SSL_free(l->client);
}

static bool link_done(const struct link *l)
{
	return SSL_is_init_finished(l->server) && SSL_is_init_finished(l->client);
}

static void side_step(SSL *ssl, int *error)
{
	const int ret = SSL_do_handshake(ssl);

	*error = SSL_get_error(ssl, ret);
	if (*error == SSL_ERROR_SSL)
		ERR_print_errors_fp(stderr);
	assert_int_not_equal(*error, SSL_ERROR_SSL);
}

/* What both sides can do now. A job that waits is left alone until it has been woken. */
static void link_step(struct link *l)
{
	int error;

	side_step(l->client, &error);
	if (l->waits && !atomic_exchange(&l->ready, false))
		return;
	side_step(l->server, &error);
	l->waits = error == SSL_ERROR_WANT_ASYNC;
	l->pauses += l->waits;
	if (l->waits && engine_again(l->server))
		atomic_store(&l->ready, true);
	side_step(l->client, &error);
}

static void link_until_waits(struct link *l)
{
	for (int i = 0; i < 10 && !l->waits; i++)
		link_step(l);
	assert_true(l->waits);
}

/* To the end, with polls. */
static void link_finish(struct link *l)
{
	while (!link_done(l)) {
		engine_poll(engine, l->waits, false);
		link_step(l);
	}
}

/* A whole one; how often it was paused. */
static uint32_t handshake(SSL_CTX *ctx, int version)
{
	struct link l;
	uint32_t pauses;

	link_open(&l, ctx, version);
	link_finish(&l);
	pauses = l.pauses;
	link_close(&l);
	return pauses;
}

/* ---- tests ---- */

static void signs(void **state)
{
	SSL_CTX *const ctx[] = { rsa_ctx, ec_ctx };
	const int version[] = { TLS1_3_VERSION, TLS1_2_VERSION };

	(void)state;
	for (size_t c = 0; c < N_OF(ctx); c++)
		for (size_t v = 0; v < N_OF(version); v++) {
			atomic_store(&slow->ops, 0);
			assert_int_equal(handshake(ctx[c], version[v]), 1);
			assert_int_equal(slow->ops, 1);
		}
	assert_int_equal(slow->sync, 0);
}

static void waits_for_polls(void **state)
{
	struct link l;

	(void)state;
	set("SLOW_ENGINE_POLLS", "3");
	link_open(&l, rsa_ctx, TLS1_3_VERSION);
	link_until_waits(&l);
	for (int i = 0; i < 3; i++) {
		assert_false(atomic_load(&l.ready));
		link_step(&l);
		assert_int_equal(l.pauses, 1);
		assert_true(engine_poll(engine, 1, false));
	}
	assert_true(atomic_load(&l.ready));
	link_finish(&l);
	assert_int_equal(l.pauses, 1);
	link_close(&l);
}

static void polls_when_worth_it(void **state)
{
	(void)state;
	assert_false(engine_poll(engine, 0, false));
	assert_false(engine_poll(engine, 0, true));
	assert_int_equal(slow->polls, 0);
	assert_true(engine_poll(engine, 1, false));
	assert_true(engine_poll(engine, 1000, true));
	assert_int_equal(slow->polls, 2);
	/* There is other work, always: in the end it polls all the same. */
	while (!engine_poll(engine, 1, true))
		;
	assert_int_equal(slow->polls, 3);
	assert_false(engine_poll(NULL, 1000, false));
}

static void many_out_of_order(void **state)
{
	static struct link l[MANY];
	uint32_t done = 0, i;

	(void)state;
	set("SLOW_ENGINE_LIFO", "1");
	for (i = 0; i < MANY; i++) {
		link_open(&l[i], i % 2 ? rsa_ctx : ec_ctx, i % 3 ? TLS1_3_VERSION : TLS1_2_VERSION);
		link_until_waits(&l[i]);
	}
	assert_int_equal(slow->ops, MANY);
	assert_int_equal(slow->done, 0);
	while (done < MANY) {
		engine_poll(engine, MANY - done, true);
		for (i = MANY, done = 0; i-- > 0;) {
			if (!link_done(&l[i]))
				link_step(&l[i]);
			done += link_done(&l[i]);
		}
	}
	assert_int_equal(slow->done, MANY);
	for (i = 0; i < MANY; i++) {
		assert_int_equal(l[i].pauses, 1);
		link_close(&l[i]);
	}
}

static void wakes_from_its_thread(void **state)
{
	static struct link l[8];
	uint32_t i;

	(void)state;
	set("SLOW_ENGINE_MS", "2");
	for (i = 0; i < N_OF(l); i++) {
		link_open(&l[i], ec_ctx, TLS1_3_VERSION);
		link_until_waits(&l[i]);
	}
	for (i = 0; i < N_OF(l); i++) {
		while (!link_done(&l[i])) {
			usleep(200);
			link_step(&l[i]);
		}
		link_close(&l[i]);
	}
	assert_int_equal(slow->polls, 0);
}

/* The other side has gone: the job runs to its end, and then the SSL may go. */
static void abandoned(void **state)
{
	struct link l;

	(void)state;
	link_open(&l, rsa_ctx, TLS1_2_VERSION);
	link_until_waits(&l);
	SSL_free(l.client);
	l.client = NULL;
	assert_true(SSL_waiting_for_async(l.server));
	engine_poll(engine, 1, false);
	assert_true(atomic_load(&l.ready));
	assert_int_not_equal(SSL_do_handshake(l.server), 1);
	assert_false(SSL_waiting_for_async(l.server));
	assert_int_equal(slow->done, 1);
	link_close(&l);
}

static void put_off(void **state)
{
	struct link l;

	(void)state;
	set("SLOW_ENGINE_BUSY", "3");
	link_open(&l, rsa_ctx, TLS1_3_VERSION);
	link_until_waits(&l);
	assert_true(engine_again(l.server));
	link_finish(&l);
	assert_int_equal(l.pauses, 4);
	assert_false(engine_again(l.server));
	link_close(&l);
	assert_int_equal(slow->busy, 3);
}

static void fails(void **state)
{
	(void)state;
	set("SLOW_ENGINE_FAIL", "1");
	assert_int_equal(handshake(rsa_ctx, TLS1_3_VERSION), 1);
	assert_int_equal(handshake(ec_ctx, TLS1_2_VERSION), 1);
	assert_int_equal(slow->done, 2);
	assert_int_equal(ERR_peek_error(), 0);
	assert_true(engine_ok(engine));
}

static void stalls_and_returns(void **state)
{
	char file[] = "/tmp/fairlead-stall.XXXXXX";
	struct link l[2];
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	set("SLOW_ENGINE_STALL", file);
	for (size_t i = 0; i < N_OF(l); i++) {
		link_open(&l[i], i ? ec_ctx : rsa_ctx, TLS1_3_VERSION);
		link_until_waits(&l[i]);
	}
	for (int i = 0; i < 100; i++)
		engine_poll(engine, 2, false);
	assert_int_equal(slow->done, 0);
	engine_stalled(engine);
	assert_false(engine_ok(engine));
	/* The same contexts and keys, without the engine. */
	assert_int_equal(handshake(rsa_ctx, TLS1_3_VERSION), 0);
	assert_int_equal(handshake(ec_ctx, TLS1_2_VERSION), 0);
	assert_int_equal(slow->ops, 2);

	unlink(file);
	engine_poll(engine, 2, false);
	link_finish(&l[0]);
	assert_false(engine_ok(engine)); /* it still has one */
	link_finish(&l[1]);
	assert_true(engine_ok(engine));
	assert_int_equal(handshake(rsa_ctx, TLS1_3_VERSION), 1);
	for (size_t i = 0; i < N_OF(l); i++)
		link_close(&l[i]);
}

/* Told late: all had come back by then. */
static void stalled_with_nothing(void **state)
{
	(void)state;
	engine_stalled(engine);
	assert_true(engine_ok(engine));
	engine_stalled(NULL);
	assert_false(engine_ok(NULL));
}

static void *signs_alone(void *arg)
{
	EVP_PKEY *k = SSL_CTX_get0_privatekey(arg);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t sig[512];
	size_t len = sizeof(sig);

	assert_int_equal(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, k), 1);
	assert_int_equal(EVP_DigestSign(md, sig, &len, (const uint8_t *)"x", 1), 1);
	EVP_MD_CTX_free(md);
	return NULL;
}

static void *handshakes_alone(void *arg)
{
	assert_int_equal(handshake(arg, TLS1_3_VERSION), 0);
	ASYNC_cleanup_thread();
	return NULL;
}

/* Nobody would poll for these: OpenSSL does them. */
static void outside_jobs(void **state)
{
	pthread_t t;

	(void)state;
	signs_alone(rsa_ctx);
	signs_alone(ec_ctx);
	assert_int_equal(pthread_create(&t, NULL, handshakes_alone, ec_ctx), 0);
	pthread_join(t, NULL);
	assert_int_equal(slow->ops + slow->sync, 0);
}

static void other_keys(void **state)
{
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	(void)state;
	assert_ptr_equal(engine_key(engine, k), k);
	assert_ptr_equal(engine_key(NULL, k), k);
	EVP_PKEY_free(k);
}

static void not_to_be_had(void **state)
{
	static struct config c;
	char err[256] = "before";

	(void)state;
	assert_null(engine_load(&c, err, sizeof(err)));
	assert_string_equal(err, "");
	strcpy(c.tls.engine, "/nowhere/engine.so");
	assert_null(engine_load(&c, err, sizeof(err)));
	assert_non_null(strstr(err, "tls.engine /nowhere/engine.so: cannot be loaded"));
	assert_non_null(strstr(err, "No such file"));
	strcpy(c.tls.engine, "no_such_engine");
	assert_null(engine_load(&c, err, sizeof(err)));
	assert_non_null(strstr(err, "tls.engine no_such_engine: cannot be loaded"));
	strcpy(c.tls.engine, SLOW_ENGINE);
	set("SLOW_ENGINE_INIT", "0");
	assert_null(engine_load(&c, err, sizeof(err)));
	assert_non_null(strstr(err, "cannot be initialised"));
	set("SLOW_ENGINE_INIT", "1");
	set("SLOW_ENGINE_METHODS", "0"); /* there, and good for nothing */
	assert_null(engine_load(&c, err, sizeof(err)));
	assert_non_null(strstr(err, "does neither RSA nor ECDSA"));
	assert_int_equal(ERR_peek_error(), 0);
	assert_string_equal(engine_name(NULL), "");
	engine_free(NULL);
}

/* ---- before and after each ---- */

static int without(void **state)
{
	static const char *const names[] = {
		"POLLS", "MS", "LIFO", "BUSY", "FAIL", "STALL", "INIT"
	};
	char name[32];

	(void)state;
	for (size_t i = 0; i < N_OF(names); i++) {
		snprintf(name, sizeof(name), "SLOW_ENGINE_%s", names[i]);
		unsetenv(name);
	}
	ERR_clear_error();
	return 0;
}

static int with(void **state)
{
	char err[256];

	without(state);
	module = dlopen(SLOW_ENGINE, RTLD_NOW);
	slow = dlsym(module, "slow_engine");
	memset(slow, 0, sizeof(*slow));
	conf.tls.handshakes = 256;
	strcpy(conf.tls.engine, SLOW_ENGINE);
	engine = engine_load(&conf, err, sizeof(err));
	if (!engine) {
		fprintf(stderr, "%s\n", err);
		return -1;
	}
	client_ctx = SSL_CTX_new(TLS_client_method());
	rsa_ctx = server_ctx(engine, EVP_RSA_gen(2048));
	ec_ctx = server_ctx(engine, EVP_EC_gen("P-256"));
	return engine_thread_init(engine, MANY) ? 0 : -1;
}

static int done(void **state)
{
	without(state);
	engine_thread_end(engine);
	SSL_CTX_free(client_ctx);
	SSL_CTX_free(rsa_ctx);
	SSL_CTX_free(ec_ctx);
	engine_free(engine);
	engine = NULL;
	dlclose(module);
	return 0;
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, with, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(signs),
		WITH(waits_for_polls),
		WITH(polls_when_worth_it),
		WITH(many_out_of_order),
		WITH(wakes_from_its_thread),
		WITH(abandoned),
		WITH(put_off),
		WITH(fails),
		WITH(stalls_and_returns),
		WITH(stalled_with_nothing),
		WITH(outside_jobs),
		WITH(other_keys),
		cmocka_unit_test_setup_teardown(not_to_be_had, without, without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
