/* SPDX-License-Identifier: BSD-3-Clause */
/* Engines and their methods are deprecated by OpenSSL 3: nothing else of ours may use them. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "engine.h"

#include "../../conf/config.h"

#include <openssl/async.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* ---- jobs, with or without an engine ---- */

bool engine_ssl(struct engine *e, SSL *ssl, SSL_async_callback_fn wake, void *arg)
{
	(void)e;
	SSL_set_mode(ssl, SSL_MODE_ASYNC);
	return SSL_set_async_callback(ssl, wake) && SSL_set_async_callback_arg(ssl, arg);
}

bool engine_again(SSL *ssl)
{
	int status;

	return SSL_get_async_status(ssl, &status) && status == ASYNC_STATUS_EAGAIN;
}

#ifdef OPENSSL_NO_ENGINE

struct engine *engine_load(const struct config *c, char *err, size_t errlen)
{
	*err = '\0';
	if (*c->tls.engine)
		snprintf(err, errlen, "tls.engine %s: this OpenSSL is built without engines",
			 c->tls.engine);
	return NULL;
}

void engine_free(struct engine *e)
{
	(void)e;
}

const char *engine_name(const struct engine *e)
{
	(void)e;
	return "";
}

bool engine_thread_init(struct engine *e, uint32_t n)
{
	(void)e;
	return ASYNC_is_capable() && ASYNC_init_thread(n, 0);
}

void engine_thread_end(struct engine *e)
{
	(void)e;
	ASYNC_cleanup_thread();
}

EVP_PKEY *engine_key(struct engine *e, EVP_PKEY *k)
{
	(void)e;
	return k;
}

bool engine_poll(struct engine *e, uint32_t in_flight, bool progress)
{
	(void)e, (void)in_flight, (void)progress;
	return false;
}

void engine_stalled(struct engine *e)
{
	(void)e;
}

bool engine_ok(const struct engine *e)
{
	(void)e;
	return false;
}

uint32_t engine_stalls(const struct engine *e)
{
	(void)e;
	return 0;
}

uint32_t engine_jobs(const struct engine *e)
{
	(void)e;
	return 0;
}

#else

#include <openssl/engine.h>

enum {
	POLL_JOBS = 32,	     /* that wait are many: worth a look */
	POLL_NS = 50 * 1000, /* a while */
};

struct engine {
	ENGINE *engine;
	char name[CONFIG_STR_MAX + 16];
	/* The engine's; NULL: it does not do these. */
	int (*rsa_priv_enc)(int n, const unsigned char *from, unsigned char *to, RSA *rsa,
			    int padding);
	int (*ec_sign)(int type, const unsigned char *digest, int len, unsigned char *sig,
		       unsigned int *sig_len, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec);
	ECDSA_SIG *(*ec_sign_sig)(const unsigned char *digest, int len, const BIGNUM *kinv,
				  const BIGNUM *r, EC_KEY *ec);
	RSA_METHOD *rsa; /* ours */
	EC_KEY_METHOD *ec;
	int poll; /* number of the command; 0: the engine polls by itself */
	/* In flight: half a worker's handshakes, so that an engine that stalls leaves it the rest.
	 */
	uint32_t jobs_max;
	bool one_thread; /* it serves the first that comes, no other */

	/* Any thread. */
	atomic_bool taken; /* with one_thread: there is one */
	atomic_uint jobs;  /* operations that it has */
	atomic_bool stalled;
	atomic_uint stalls; /* so far */
};

/* Methods of EC keys have no room for an argument. One a process, set by engine_load(). */
static struct engine *the_engine;
static _Thread_local bool fibres; /* of this thread are there: OpenSSL would leak the first */
static _Thread_local bool served; /* by the engine: engine_thread_init() was called */
static _Thread_local uint64_t polled_ns; /* CLOCK_MONOTONIC */

/* ---- methods of keys ---- */

/* Whether the engine does this operation; engine_give() follows then. */
static bool engine_take(struct engine *e)
{
	if (!served || !ASYNC_get_current_job() || atomic_load(&e->stalled))
		return false;
	if (atomic_fetch_add(&e->jobs, 1) < e->jobs_max)
		return true;
	atomic_fetch_sub(&e->jobs, 1);
	return false;
}

/* done: it has. Otherwise OpenSSL does it, and what the engine complained of is not an error. */
static void engine_give(struct engine *e, bool done)
{
	if (atomic_fetch_sub(&e->jobs, 1) == 1)
		atomic_store(&e->stalled, false);
	if (!done)
		ERR_clear_error();
}

static int rsa_priv_enc(int n, const unsigned char *from, unsigned char *to, RSA *rsa, int padding)
{
	struct engine *e = the_engine;
	int len = -1;

	if (engine_take(e)) {
		len = e->rsa_priv_enc(n, from, to, rsa, padding);
		engine_give(e, len > 0);
	}
	return len > 0 ? len
		       : RSA_meth_get_priv_enc(RSA_PKCS1_OpenSSL())(n, from, to, rsa, padding);
}

static int ec_sign(int type, const unsigned char *digest, int len, unsigned char *sig,
		   unsigned int *sig_len, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec)
{
	struct engine *e = the_engine;
	int (*sign)(int, const unsigned char *, int, unsigned char *, unsigned int *,
		    const BIGNUM *, const BIGNUM *, EC_KEY *);
	bool done = false;

	if (engine_take(e)) {
		done = e->ec_sign(type, digest, len, sig, sig_len, kinv, r, ec) > 0;
		engine_give(e, done);
	}
	if (done)
		return 1;
	EC_KEY_METHOD_get_sign(EC_KEY_OpenSSL(), &sign, NULL, NULL);
	return sign(type, digest, len, sig, sig_len, kinv, r, ec);
}

/* What sign() comes to, OpenSSL's and most engines', by way of the key's methods. */
static ECDSA_SIG *ec_sign_sig(const unsigned char *digest, int len, const BIGNUM *kinv,
			      const BIGNUM *r, EC_KEY *ec)
{
	struct engine *e = the_engine;
	ECDSA_SIG *(*sign)(const unsigned char *, int, const BIGNUM *, const BIGNUM *, EC_KEY *);
	ECDSA_SIG *sig = NULL;

	if (engine_take(e)) {
		sig = e->ec_sign_sig(digest, len, kinv, r, ec);
		engine_give(e, sig);
	}
	if (sig)
		return sig;
	EC_KEY_METHOD_get_sign(EC_KEY_OpenSSL(), NULL, NULL, &sign);
	return sign(digest, len, kinv, r, ec);
}

/* False: out of memory. */
static bool methods_create(struct engine *e)
{
	const RSA_METHOD *rsa = ENGINE_get_RSA(e->engine);
	const EC_KEY_METHOD *ec = ENGINE_get_EC(e->engine);
	int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **);

	if (rsa && (e->rsa_priv_enc = RSA_meth_get_priv_enc(rsa))) {
		if (!(e->rsa = RSA_meth_dup(RSA_PKCS1_OpenSSL())) ||
		    !RSA_meth_set1_name(e->rsa, e->name) ||
		    !RSA_meth_set_priv_enc(e->rsa, rsa_priv_enc))
			return false;
	}
	if (ec)
		EC_KEY_METHOD_get_sign(ec, &e->ec_sign, NULL, &e->ec_sign_sig);
	if (e->ec_sign && e->ec_sign_sig) {
		if (!(e->ec = EC_KEY_METHOD_new(EC_KEY_OpenSSL())))
			return false;
		EC_KEY_METHOD_get_sign(e->ec, NULL, &setup, NULL);
		EC_KEY_METHOD_set_sign(e->ec, ec_sign, setup, ec_sign_sig);
	}
	return true;
}

/*
 * Legacy keys with methods other than OpenSSL's keep to them, whatever the library context; keys of
 * providers have none. The legacy form belongs to k, which goes.
 */
static EVP_PKEY *key_rsa(struct engine *e, EVP_PKEY *k)
{
	EVP_PKEY *bound = EVP_PKEY_new();
	RSA *rsa = EVP_PKEY_get1_RSA(k);

	if (bound && rsa && RSA_set_method(rsa, e->rsa) && EVP_PKEY_assign_RSA(bound, rsa))
		return bound;
	RSA_free(rsa);
	EVP_PKEY_free(bound);
	return NULL;
}

static EVP_PKEY *key_ec(struct engine *e, EVP_PKEY *k)
{
	EVP_PKEY *bound = EVP_PKEY_new();
	EC_KEY *ec = EVP_PKEY_get1_EC_KEY(k);

	if (bound && ec && EC_KEY_set_method(ec, e->ec) && EVP_PKEY_assign_EC_KEY(bound, ec))
		return bound;
	EC_KEY_free(ec);
	EVP_PKEY_free(bound);
	return NULL;
}

EVP_PKEY *engine_key(struct engine *e, EVP_PKEY *k)
{
	EVP_PKEY *bound = NULL;

	if (e && e->rsa && EVP_PKEY_is_a(k, "RSA"))
		bound = key_rsa(e, k);
	else if (e && e->ec && EVP_PKEY_is_a(k, "EC"))
		bound = key_ec(e, k);
	if (!bound)
		return k;
	EVP_PKEY_free(k);
	return bound;
}

/* ---- the engine ---- */

/* Number of a control command; 0: not one of the engine's. */
static int command(const struct engine *e, const char *name)
{
	int n = ENGINE_ctrl(e->engine, ENGINE_CTRL_GET_CMD_FROM_NAME, 0, (void *)name, NULL);

	if (n <= 0)
		ERR_clear_error();
	return n > 0 ? n : 0;
}

/* A structural reference, or NULL. */
static ENGINE *engine_find(const char *name)
{
	ENGINE *dynamic;

	if (!strchr(name, '/'))
		return ENGINE_by_id(name);
	dynamic = ENGINE_by_id("dynamic");
	if (dynamic && ENGINE_ctrl_cmd_string(dynamic, "SO_PATH", name, 0) &&
	    ENGINE_ctrl_cmd_string(dynamic, "LOAD", NULL, 0))
		return dynamic;
	ENGINE_free(dynamic);
	return NULL;
}

/*
 * External polling has to be asked for before the engine starts. Where the engine counts its
 * devices (qatengine) and finds none, what it does instead looks at the jobs of one thread only.
 */
static bool engine_start(struct engine *e)
{
	const int external = command(e, "ENABLE_EXTERNAL_POLLING");
	int instances, n = 0;

	if (external && command(e, "POLL") && ENGINE_ctrl(e->engine, external, 0, NULL, NULL) > 0)
		e->poll = command(e, "POLL");
	ERR_clear_error();
	if (ENGINE_init(e->engine) <= 0)
		return false;
	instances = e->poll ? command(e, "GET_NUM_CRYPTO_INSTANCES") : 0;
	if (instances && (ENGINE_ctrl(e->engine, instances, 0, &n, NULL) <= 0 || !n)) {
		e->one_thread = true;
		strcat(e->name, " (no device)");
	}
	ERR_clear_error();
	if (methods_create(e))
		return true;
	ENGINE_finish(e->engine);
	return false;
}

/* The first that OpenSSL complained of, which is the cause of the others. */
static void engine_error(const char *name, const char *what, char *err, size_t errlen)
{
	const char *data = NULL, *reason;
	int flags = 0;
	unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);

	reason = ERR_reason_error_string(code);
	if (!data || !(flags & ERR_TXT_STRING))
		data = "";
	snprintf(err, errlen, "tls.engine %s: %s%s%s%s%s%s", name, what, reason ? ": " : "",
		 reason ? reason : "", *data ? " (" : "", data, *data ? ")" : "");
	ERR_clear_error();
}

struct engine *engine_load(const struct config *c, char *err, size_t errlen)
{
	const char *name = c->tls.engine;
	struct engine *e;

	*err = '\0';
	if (!*name)
		return NULL;
	ERR_clear_error();
	e = OPENSSL_zalloc(sizeof(*e));
	if (!e) {
		snprintf(err, errlen, "tls.engine %s: out of memory", name);
		return NULL;
	}
	snprintf(e->name, CONFIG_STR_MAX, "%s", name);
	e->jobs_max = c->tls.handshakes > 1 ? c->tls.handshakes / 2 : 1;
	e->engine = engine_find(name);
	if (!e->engine) {
		engine_error(name, "cannot be loaded", err, errlen);
	} else if (!engine_start(e)) {
		engine_error(name, "cannot be initialised", err, errlen);
	} else if (!e->rsa && !e->ec) {
		ENGINE_finish(e->engine);
		engine_error(name, "does neither RSA nor ECDSA", err, errlen);
	} else {
		the_engine = e;
		return e;
	}
	engine_free(e);
	return NULL;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	if (e == the_engine) {
		ENGINE_finish(e->engine);
		the_engine = NULL;
	}
	ENGINE_free(e->engine);
	RSA_meth_free(e->rsa);
	if (e->ec)
		EC_KEY_METHOD_free(e->ec);
	OPENSSL_free(e);
}

const char *engine_name(const struct engine *e)
{
	return e ? e->name : "";
}

bool engine_thread_init(struct engine *e, uint32_t n)
{
	if (!fibres && (!ASYNC_is_capable() || !ASYNC_init_thread(n, 0)))
		return false;
	fibres = true;
	served = e && (!e->one_thread || !atomic_exchange(&e->taken, true));
	return true;
}

void engine_thread_end(struct engine *e)
{
	ASYNC_cleanup_thread();
	fibres = false;
	if (served && e)
		atomic_store(&e->taken, false);
	served = false;
}

bool engine_poll(struct engine *e, uint32_t in_flight, bool progress)
{
	struct timespec t;
	uint64_t now;
	int status;

	if (!e || !e->poll || !in_flight)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	if (progress && in_flight < POLL_JOBS && now - polled_ns < POLL_NS)
		return false;
	polled_ns = now;
	if (ENGINE_ctrl(e->engine, e->poll, 0, &status, NULL) <= 0)
		ERR_clear_error();
	return true;
}

void engine_stalled(struct engine *e)
{
	if (!e)
		return;
	if (!atomic_exchange(&e->stalled, true))
		atomic_fetch_add(&e->stalls, 1);
	/* Its last job may have come back just now: engine_give() looked too early then. */
	if (!atomic_load(&e->jobs))
		atomic_store(&e->stalled, false);
}

bool engine_ok(const struct engine *e)
{
	return e && !atomic_load(&e->stalled);
}

uint32_t engine_stalls(const struct engine *e)
{
	return e ? atomic_load(&e->stalls) : 0;
}

uint32_t engine_jobs(const struct engine *e)
{
	return e ? atomic_load(&e->jobs) : 0;
}

#endif
