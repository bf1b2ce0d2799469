/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * dp/tls/accel.c and what is behind it, with a provider and an engine whose signatures pause their
 * jobs (tests/accel), under whole handshakes: keys of both kinds sign by the accelerator, with TLS
 * 1.3 and 1.2; jobs go on when they are told to and not before, in whatever order they come back,
 * by turns or by the accelerator's own threads; polls are made when they are worth it; what it puts
 * off is tried again; one that fails, stalls, or is not there leaves its work to OpenSSL, and one
 * that stalled gets work again once it has given back all it had.
 */
#include "tests/world/unit.h"

#include "conf/config.h"
#include "dp/tls/accel.h"
#include "tests/accel/slow.h"

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
static struct accel *accel;
static struct slow *slow; /* what it counts */
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
	assert_true(X509_set_pubkey(x, k));
	assert_true(X509_sign(x, k, EVP_sha256()));
	return x;
}

/* k as it is read from a file: a provider's key. */
static SSL_CTX *server_ctx(EVP_PKEY *k)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	X509 *x = certificate(k);

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_use_certificate(ctx, x), 1);
	k = accel_key(accel, NULL, k);
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
	assert_true(accel_ssl(l->server, wake, l));
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
	if (l->waits && accel_again(l->server))
		atomic_store(&l->ready, true);
	side_step(l->client, &error);
}

static void link_until_waits(struct link *l)
{
	for (int i = 0; i < 10 && !l->waits; i++)
		link_step(l);
	assert_true(l->waits);
}

/* A turn of the device, of which n jobs of ours wait. */
static void device_turn(uint32_t n)
{
	if (!accel_poll(accel, n, false) && n)
		slow->turn();
}

/* To the end, with turns of the device. */
static void link_finish(struct link *l)
{
	while (!link_done(l)) {
		device_turn(l->waits);
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

static void waits_for_turns(void **state)
{
	struct link l;

	(void)state;
	set("SLOW_TURNS", "3");
	link_open(&l, rsa_ctx, TLS1_3_VERSION);
	link_until_waits(&l);
	for (int i = 0; i < 3; i++) {
		assert_false(atomic_load(&l.ready));
		link_step(&l);
		assert_int_equal(l.pauses, 1);
		device_turn(1);
	}
	assert_true(atomic_load(&l.ready));
	link_finish(&l);
	assert_int_equal(l.pauses, 1);
	link_close(&l);
}

#ifdef SLOW_ENGINE
static void polls_when_worth_it(void **state)
{
	(void)state;
	assert_false(accel_poll(accel, 0, false));
	assert_false(accel_poll(accel, 0, true));
	assert_int_equal(slow->polls, 0);
	assert_true(accel_poll(accel, 1, false));
	assert_true(accel_poll(accel, 1000, true));
	assert_int_equal(slow->polls, 2);
	/* There is other work, always: in the end it polls all the same. */
	while (!accel_poll(accel, 1, true))
		;
	assert_int_equal(slow->polls, 3);
	assert_false(accel_poll(NULL, 1000, false));
}
#endif

static void many_out_of_order(void **state)
{
	static struct link l[MANY];
	uint32_t done = 0, i;

	(void)state;
	set("SLOW_LIFO", "1");
	for (i = 0; i < MANY; i++) {
		link_open(&l[i], i % 2 ? rsa_ctx : ec_ctx, i % 3 ? TLS1_3_VERSION : TLS1_2_VERSION);
		link_until_waits(&l[i]);
	}
	assert_int_equal(slow->ops, MANY);
	assert_int_equal(slow->done, 0);
	while (done < MANY) {
		device_turn(MANY - done);
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
	set("SLOW_MS", "2");
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
	device_turn(1);
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
	set("SLOW_BUSY", "3");
	link_open(&l, rsa_ctx, TLS1_3_VERSION);
	link_until_waits(&l);
	assert_true(accel_again(l.server));
	link_finish(&l);
	assert_int_equal(l.pauses, 4);
	assert_false(accel_again(l.server));
	link_close(&l);
	assert_int_equal(slow->busy, 3);
}

static void fails(void **state)
{
	(void)state;
	set("SLOW_FAIL", "1");
	assert_int_equal(handshake(rsa_ctx, TLS1_3_VERSION), 1);
	assert_int_equal(handshake(ec_ctx, TLS1_2_VERSION), 1);
	assert_int_equal(slow->done, 2);
	assert_int_equal(ERR_peek_error(), 0);
	assert_true(accel_ok(accel));
}

static void stalls_and_returns(void **state)
{
	char file[] = "/tmp/fairlead-stall.XXXXXX";
	struct link l[2];
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	set("SLOW_STALL", file);
	for (size_t i = 0; i < N_OF(l); i++) {
		link_open(&l[i], i ? ec_ctx : rsa_ctx, TLS1_3_VERSION);
		link_until_waits(&l[i]);
	}
	for (int i = 0; i < 100; i++)
		device_turn(2);
	assert_int_equal(slow->done, 0);
	accel_stalled(accel);
	assert_false(accel_ok(accel));
	/* The same contexts and keys, without the engine. */
	assert_int_equal(handshake(rsa_ctx, TLS1_3_VERSION), 0);
	assert_int_equal(handshake(ec_ctx, TLS1_2_VERSION), 0);
	assert_int_equal(slow->ops, 2);

	unlink(file);
	device_turn(2);
	link_finish(&l[0]);
	assert_false(accel_ok(accel)); /* it still has one */
	link_finish(&l[1]);
	assert_true(accel_ok(accel));
	assert_int_equal(handshake(rsa_ctx, TLS1_3_VERSION), 1);
	for (size_t i = 0; i < N_OF(l); i++)
		link_close(&l[i]);
}

/* Told late: all had come back by then. */
static void stalled_with_nothing(void **state)
{
	(void)state;
	accel_stalled(accel);
	assert_true(accel_ok(accel));
	accel_stalled(NULL);
	assert_false(accel_ok(NULL));
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
	assert_ptr_equal(accel_key(accel, NULL, k), k);
	assert_ptr_equal(accel_key(NULL, NULL, k), k);
	EVP_PKEY_free(k);
}

/* OpenSSL sees the public part of such a key, and is given no more of it. */
static void keys_are_kept(void **state)
{
	SSL_CTX *const ctx[] = { rsa_ctx, ec_ctx };

	(void)state;
	for (size_t i = 0; i < N_OF(ctx); i++) {
		EVP_PKEY *k = SSL_CTX_get0_privatekey(ctx[i]);
		OSSL_PARAM *params = NULL;

		assert_true(EVP_PKEY_is_a(k, i ? "EC" : "RSA"));
		assert_int_equal(EVP_PKEY_get_bits(k), i ? 256 : 2048);
		assert_int_equal(EVP_PKEY_todata(k, EVP_PKEY_PUBLIC_KEY, &params), 1);
		OSSL_PARAM_free(params);
		assert_int_equal(EVP_PKEY_todata(k, EVP_PKEY_KEYPAIR, &params), 0);
	}
	ERR_clear_error();
}

/* One sentence, which begins with place and key, and nothing is left. */
static void refused(const struct config *c, const char *begin, const char *why)
{
	char err[512] = "before";

	assert_null(accel_load(c, err, sizeof(err)));
	if (strncmp(err, begin, strlen(begin)) != 0 || !strstr(err, why))
		fail_msg("%s", err);
	assert_int_equal(ERR_peek_error(), 0);
}

static void nothing_named(void **state)
{
	static const struct config c;
	char err[256] = "before";

	(void)state;
	assert_null(accel_load(&c, err, sizeof(err)));
	assert_string_equal(err, "");
	assert_string_equal(accel_name(NULL), "");
	accel_free(NULL);
}

static void no_such_provider(void **state)
{
	static struct config c = { .file = "relay.yaml", .tls.provider_line = 7 };

	(void)state;
	strcpy(c.tls.provider, "/nowhere/provider.so");
	refused(&c, "relay.yaml:7: tls.provider: /nowhere/provider.so cannot be loaded: ",
		"/nowhere/provider.so");
	strcpy(c.tls.provider, "no_such_provider");
	refused(&c, "relay.yaml:7: tls.provider: no_such_provider cannot be loaded: ",
		"no_such_provider.so");
	strcpy(c.tls.provider, SLOW_PROVIDER);
	set("SLOW_INIT", "0");
	refused(&c, "relay.yaml:7: tls.provider: ", "cannot be loaded: init fail");
	set("SLOW_INIT", "1");
	set("SLOW_METHODS", "0"); /* there, and good for nothing */
	refused(&c, "relay.yaml:7: tls.provider: ", "does neither RSA nor ECDSA");
}

static void no_such_engine(void **state)
{
	static struct config c = { .file = "relay.yaml", .tls.engine_line = 8 };

	(void)state;
#ifdef SLOW_ENGINE
	strcpy(c.tls.engine, "/nowhere/engine.so");
	refused(&c,
		"relay.yaml:8: tls.engine: /nowhere/engine.so cannot be loaded: ", "No such file");
	strcpy(c.tls.engine, "no_such_engine");
	refused(&c,
		"relay.yaml:8: tls.engine: no_such_engine cannot be loaded: ", "no_such_engine.so");
	strcpy(c.tls.engine, SLOW_ENGINE);
	set("SLOW_INIT", "0");
	refused(&c, "relay.yaml:8: tls.engine: ", "cannot be initialised");
	set("SLOW_INIT", "1");
	set("SLOW_METHODS", "0");
	refused(&c, "relay.yaml:8: tls.engine: ", "does neither RSA nor ECDSA");
#else
	strcpy(c.tls.engine, "qatengine");
	refused(&c, "relay.yaml:8: tls.engine: qatengine is an engine", "see tls.provider");
#endif
}

/* ---- before and after each ---- */

static int without(void **state)
{
	static const char *const names[] = { "TURNS", "MS",    "LIFO", "BUSY",
					     "FAIL",  "STALL", "INIT", "METHODS" };
	char name[32];

	(void)state;
	for (size_t i = 0; i < N_OF(names); i++) {
		snprintf(name, sizeof(name), "SLOW_%s", names[i]);
		unsetenv(name);
	}
	ERR_clear_error();
	return 0;
}

static int with(const char *file)
{
	char err[512];

	module = dlopen(file, RTLD_NOW);
	slow = module ? dlsym(module, "slow_self") : NULL;
	if (!slow)
		return -1;
	slow->ops = slow->done = slow->sync = slow->busy = slow->polls = 0;
	conf.tls.handshakes = 256;
	accel = accel_load(&conf, err, sizeof(err));
	if (!accel) {
		fprintf(stderr, "%s\n", err);
		return -1;
	}
	client_ctx = SSL_CTX_new(TLS_client_method());
	rsa_ctx = server_ctx(EVP_RSA_gen(2048));
	ec_ctx = server_ctx(EVP_EC_gen("P-256"));
	return accel_thread_init(accel, MANY) ? 0 : -1;
}

static int with_provider(void **state)
{
	without(state);
	memset(&conf, 0, sizeof(conf));
	strcpy(conf.tls.provider, SLOW_PROVIDER);
	return with(SLOW_PROVIDER);
}

#ifdef SLOW_ENGINE
static int with_engine(void **state)
{
	without(state);
	memset(&conf, 0, sizeof(conf));
	strcpy(conf.tls.engine, SLOW_ENGINE);
	return with(SLOW_ENGINE);
}
#endif

static int done(void **state)
{
	without(state);
	accel_thread_end(accel);
	SSL_CTX_free(client_ctx);
	SSL_CTX_free(rsa_ctx);
	SSL_CTX_free(ec_ctx);
	accel_free(accel);
	accel = NULL;
	dlclose(module);
	return 0;
}

#define EACH(with, name, f)                       \
	{                                         \
		name ": " #f, f, with, done, NULL \
	}
#define ALL(with, name)                                                                      \
	EACH(with, name, signs), EACH(with, name, waits_for_turns),                          \
	    EACH(with, name, many_out_of_order), EACH(with, name, wakes_from_its_thread),    \
	    EACH(with, name, abandoned), EACH(with, name, put_off), EACH(with, name, fails), \
	    EACH(with, name, stalls_and_returns), EACH(with, name, stalled_with_nothing),    \
	    EACH(with, name, outside_jobs), EACH(with, name, other_keys),                    \
	    EACH(with, name, keys_are_kept)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL(with_provider, "provider"),
#ifdef SLOW_ENGINE
		ALL(with_engine, "engine"),
		EACH(with_engine, "engine", polls_when_worth_it),
#endif
		cmocka_unit_test_setup_teardown(nothing_named, without, without),
		cmocka_unit_test_setup_teardown(no_such_provider, without, without),
		cmocka_unit_test_setup_teardown(no_such_engine, without, without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
