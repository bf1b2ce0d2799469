/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accelerators that are engines (tls.engine), which OpenSSL 4 does not have. Engines and their
 * methods are deprecated by OpenSSL 3: nothing else of ours may use them.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "accel_int.h"

#include <stdio.h>

#ifdef OPENSSL_NO_ENGINE

static bool engine_load(struct accel *a, char *err, size_t errlen)
{
	accel_complain(a, "is an engine, and this OpenSSL has none: see tls.provider", err, errlen);
	return false;
}

static void engine_unload(struct accel *a)
{
	(void)a;
}

static EVP_PKEY *engine_take_key(struct accel *a, EVP_PKEY *k)
{
	(void)a, (void)k;
	return NULL;
}

const struct accel_ops accel_engine = {
	.key = "tls.engine",
	.load = engine_load,
	.unload = engine_unload,
	.take_key = engine_take_key,
};

#else

#include <openssl/engine.h>
#include <openssl/err.h>
#include <string.h>

struct engine {
	ENGINE *engine;
	bool started;
	int poll; /* number of the command; 0: the engine polls by itself */
};

/* ---- keys ---- */

/*
 * Legacy keys with methods other than OpenSSL's keep to them, whatever the library context; keys of
 * providers have none. The legacy form is a copy, which k keeps and does not sign with.
 */
static EVP_PKEY *key_rsa(ENGINE *e, EVP_PKEY *k)
{
	EVP_PKEY *bound = EVP_PKEY_new();
	RSA *rsa = EVP_PKEY_get1_RSA(k);

	if (bound && rsa && RSA_set_method(rsa, ENGINE_get_RSA(e)) &&
	    EVP_PKEY_assign_RSA(bound, rsa))
		return bound;
	RSA_free(rsa);
	EVP_PKEY_free(bound);
	return NULL;
}

static EVP_PKEY *key_ec(ENGINE *e, EVP_PKEY *k)
{
	EVP_PKEY *bound = EVP_PKEY_new();
	EC_KEY *ec = EVP_PKEY_get1_EC_KEY(k);

	if (bound && ec && EC_KEY_set_method(ec, ENGINE_get_EC(e)) &&
	    EVP_PKEY_assign_EC_KEY(bound, ec))
		return bound;
	EC_KEY_free(ec);
	EVP_PKEY_free(bound);
	return NULL;
}

static EVP_PKEY *engine_take_key(struct accel *a, EVP_PKEY *k)
{
	struct engine *e = a->impl;

	if (EVP_PKEY_is_a(k, "RSA"))
		return ENGINE_get_RSA(e->engine) ? key_rsa(e->engine, k) : NULL;
	return ENGINE_get_EC(e->engine) ? key_ec(e->engine, k) : NULL;
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
static bool engine_start(struct accel *a)
{
	struct engine *e = a->impl;
	const int external = command(e, "ENABLE_EXTERNAL_POLLING");
	int instances, n = 0;

	if (external && command(e, "POLL") && ENGINE_ctrl(e->engine, external, 0, NULL, NULL) > 0)
		e->poll = command(e, "POLL");
	a->polls = e->poll;
	ERR_clear_error();
	e->started = ENGINE_init(e->engine) > 0;
	if (!e->started)
		return false;
	instances = e->poll ? command(e, "GET_NUM_CRYPTO_INSTANCES") : 0;
	if (instances && (ENGINE_ctrl(e->engine, instances, 0, &n, NULL) <= 0 || !n)) {
		a->one_thread = true;
		strcat(a->told, " (no device)");
	}
	ERR_clear_error();
	return true;
}

static bool engine_load(struct accel *a, char *err, size_t errlen)
{
	struct engine *e = a->impl = OPENSSL_zalloc(sizeof(*e));

	if (e)
		e->engine = engine_find(a->name);
	if (!e || !e->engine)
		accel_complain(a, "cannot be loaded", err, errlen);
	else if (!engine_start(a))
		accel_complain(a, "cannot be initialised", err, errlen);
	else if (!ENGINE_get_RSA(e->engine) && !ENGINE_get_EC(e->engine))
		accel_complain(a, "does neither RSA nor ECDSA", err, errlen);
	else
		return true;
	return false;
}

static void engine_unload(struct accel *a)
{
	struct engine *e = a->impl;

	if (!e)
		return;
	if (e->started)
		ENGINE_finish(e->engine);
	ENGINE_free(e->engine);
	OPENSSL_free(e);
}

static void engine_poll(struct accel *a)
{
	struct engine *e = a->impl;
	int status;

	if (ENGINE_ctrl(e->engine, e->poll, 0, &status, NULL) <= 0)
		ERR_clear_error();
}

const struct accel_ops accel_engine = {
	.key = "tls.engine",
	.load = engine_load,
	.unload = engine_unload,
	.take_key = engine_take_key,
	.poll = engine_poll,
};

#endif
