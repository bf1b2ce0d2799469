/* SPDX-License-Identifier: BSD-3-Clause */
/* What accelerators of all kinds have in common: who signs, and what happens when one stalls. */
#include "accel_int.h"

#include <openssl/async.h>
#include <openssl/err.h>
#include <stdio.h>
#include <time.h>

enum {
	POLL_JOBS = 32,	     /* that wait are many: worth a look */
	POLL_NS = 50 * 1000, /* a while */
};

static _Thread_local bool fibres; /* of this thread are there: OpenSSL would leak the first */
static _Thread_local bool served; /* by the accelerator: accel_thread_init() was called */
static _Thread_local uint64_t polled_ns; /* CLOCK_MONOTONIC */

/* ---- jobs, with or without an accelerator ---- */

bool accel_ssl(SSL *ssl, SSL_async_callback_fn wake, void *arg)
{
	SSL_set_mode(ssl, SSL_MODE_ASYNC);
	return SSL_set_async_callback(ssl, wake) && SSL_set_async_callback_arg(ssl, arg);
}

bool accel_again(SSL *ssl)
{
	int status;

	return SSL_get_async_status(ssl, &status) && status == ASYNC_STATUS_EAGAIN;
}

bool accel_thread_init(struct accel *a, uint32_t n)
{
	if (!fibres && (!ASYNC_is_capable() || !ASYNC_init_thread(n, 0)))
		return false;
	fibres = true;
	served = a && (!a->one_thread || !atomic_exchange(&a->taken, true));
	return true;
}

void accel_thread_end(struct accel *a)
{
	ASYNC_cleanup_thread();
	fibres = false;
	if (served && a)
		atomic_store(&a->taken, false);
	served = false;
}

/* ---- who signs ---- */

bool accel_take(struct accel *a)
{
	if (!served || !ASYNC_get_current_job() || atomic_load(&a->stalled))
		return false;
	if (atomic_fetch_add(&a->jobs, 1) < a->jobs_max)
		return true;
	atomic_fetch_sub(&a->jobs, 1);
	return false;
}

void accel_give(struct accel *a, bool done)
{
	if (atomic_fetch_sub(&a->jobs, 1) == 1)
		atomic_store(&a->stalled, false);
	if (!done)
		ERR_clear_error();
}

EVP_PKEY *accel_key(struct accel *a, OSSL_LIB_CTX *libctx, EVP_PKEY *k)
{
	EVP_PKEY *fast, *pair;

	if (!a || (!EVP_PKEY_is_a(k, "RSA") && !EVP_PKEY_is_a(k, "EC")))
		return k;
	fast = a->ops->take_key(a, k);
	pair = fast ? accel_pair(a, libctx, k, fast) : NULL;
	EVP_PKEY_free(fast);
	if (!pair) {
		ERR_clear_error();
		return k;
	}
	EVP_PKEY_free(k);
	return pair;
}

/* ---- loading ---- */

void accel_complain(const struct accel *a, const char *what, char *err, size_t errlen)
{
	const char *data = NULL, *reason;
	int flags = 0;
	unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);

	reason = ERR_reason_error_string(code);
	if (!data || !(flags & ERR_TXT_STRING))
		data = "";
	snprintf(err, errlen, "%s: %s: %s %s%s%s%s%s%s", config_where(a->conf, a->line).text,
		 a->ops->key, a->name, what, reason ? ": " : "", reason ? reason : "",
		 *data ? " (" : "", data, *data ? ")" : "");
	ERR_clear_error();
}

/* False: out of memory. */
static bool accel_init(struct accel *a, const struct config *c)
{
	const struct config_tls *t = &c->tls;
	const bool provider = *t->provider;

	a->conf = c;
	a->ops = provider ? &accel_provider : &accel_engine;
	a->name = provider ? t->provider : t->engine;
	a->line = provider ? t->provider_line : t->engine_line;
	a->jobs_max = t->handshakes > 1 ? t->handshakes / 2 : 1;
	snprintf(a->told, sizeof(a->told), "%s %s", a->ops->key, a->name);
	return accel_keys_init(a);
}

struct accel *accel_load(const struct config *c, char *err, size_t errlen)
{
	struct accel *a;

	*err = '\0';
	if (!*c->tls.provider && !*c->tls.engine)
		return NULL;
	ERR_clear_error();
	a = OPENSSL_zalloc(sizeof(*a));
	if (!a)
		snprintf(err, errlen, "%s: tls: out of memory", c->file);
	else if (!accel_init(a, c))
		accel_complain(a, "has no memory for keys", err, errlen);
	else if (a->ops->load(a, err, errlen))
		return a;
	accel_free(a);
	return NULL;
}

void accel_free(struct accel *a)
{
	if (!a)
		return;
	accel_keys_end(a);
	a->ops->unload(a);
	OPENSSL_free(a);
}

const char *accel_name(const struct accel *a)
{
	return a ? a->told : "";
}

/* ---- how it is ---- */

bool accel_poll(struct accel *a, uint32_t in_flight, bool progress)
{
	struct timespec t;
	uint64_t now;

	if (!a || !a->polls || !in_flight)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	if (progress && in_flight < POLL_JOBS && now - polled_ns < POLL_NS)
		return false;
	polled_ns = now;
	a->ops->poll(a);
	return true;
}

void accel_stalled(struct accel *a)
{
	if (!a)
		return;
	if (!atomic_exchange(&a->stalled, true))
		atomic_fetch_add(&a->stalls, 1);
	/* Its last job may have come back just now: accel_give() looked too early then. */
	if (!atomic_load(&a->jobs))
		atomic_store(&a->stalled, false);
}

bool accel_ok(const struct accel *a)
{
	return a && !atomic_load(&a->stalled);
}

uint32_t accel_stalls(const struct accel *a)
{
	return a ? atomic_load(&a->stalls) : 0;
}

uint32_t accel_jobs(const struct accel *a)
{
	return a ? atomic_load(&a->jobs) : 0;
}
