/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An engine for tests: RSA and ECDSA signatures that pause their job, as an accelerator's do. The
 * signature itself is OpenSSL's, made once the job goes on. Never installed. It knows the commands
 * of qatengine that external polling takes. What it does is read from the environment at each
 * operation:
 *
 *   SLOW_ENGINE_POLLS=N     done at the Nth poll after it came (1)
 *   SLOW_ENGINE_MS=N        done after N ms, by a thread of the engine's; not by polls
 *   SLOW_ENGINE_LIFO=1      of those that a poll finds done, the last that came is told first
 *   SLOW_ENGINE_BUSY=N      the first N operations are put off (ASYNC_STATUS_EAGAIN)
 *   SLOW_ENGINE_FAIL=1      operations fail when they come back
 *   SLOW_ENGINE_STALL=FILE  while there is such a file none is done
 *   SLOW_ENGINE_INIT=0      cannot be initialised
 *   SLOW_ENGINE_METHODS=0   when it is loaded: has none
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "slow_engine.h"

#include <openssl/async.h>
#include <openssl/ec.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct slow_engine slow_engine;

/* An operation that a job waits for: on the job's stack. */
struct op {
	struct op *next;
	ASYNC_WAIT_CTX *wait;
	unsigned polls; /* that it has yet to see */
	bool done;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static struct op *ops; /* the oldest first */
static unsigned threads;

static unsigned env(const char *name, unsigned otherwise)
{
	const char *v = getenv(name);

	return v && *v ? (unsigned)atoi(v) : otherwise;
}

static bool stalled(void)
{
	const char *file = getenv("SLOW_ENGINE_STALL");

	return file && *file && access(file, F_OK) == 0;
}

/* ---- jobs ---- */

static void op_wake(struct op *op)
{
	int (*wake)(void *);
	void *arg;

	op->done = true;
	if (ASYNC_WAIT_CTX_get_callback(op->wait, &wake, &arg))
		wake(arg);
}

/* The first that is ready, or the last, taken out; NULL: none. With the lock. */
static struct op *op_ready(bool last)
{
	struct op **p, **found = NULL, *op;

	for (p = &ops; *p; p = &(*p)->next)
		if ((*p)->polls == 0) {
			found = p;
			if (!last)
				break;
		}
	if (!found)
		return NULL;
	op = *found;
	*found = op->next;
	return op;
}

static void poll_ops(void)
{
	const bool lifo = env("SLOW_ENGINE_LIFO", 0);
	struct op *op;

	if (stalled())
		return;
	pthread_mutex_lock(&lock);
	for (op = ops; op; op = op->next)
		op->polls -= op->polls > 0 && op->polls != UINT32_MAX;
	while ((op = op_ready(lifo)))
		op_wake(op);
	pthread_mutex_unlock(&lock);
}

static void nap_ms(unsigned ms)
{
	const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* As a device's interrupt: one thread an operation. */
static void *op_thread(void *arg)
{
	struct op *op = arg, **p;

	nap_ms(env("SLOW_ENGINE_MS", 0));
	while (stalled())
		nap_ms(1);
	pthread_mutex_lock(&lock);
	for (p = &ops; *p && *p != op; p = &(*p)->next)
		;
	if (*p)
		*p = op->next;
	op_wake(op);
	if (--threads == 0)
		pthread_cond_broadcast(&idle);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static bool op_start(struct op *op)
{
	struct op **p;
	pthread_t t;

	pthread_mutex_lock(&lock);
	op->polls = env("SLOW_ENGINE_POLLS", 1);
	if (env("SLOW_ENGINE_MS", 0)) {
		op->polls = UINT32_MAX;
		if (pthread_create(&t, NULL, op_thread, op)) {
			pthread_mutex_unlock(&lock);
			return false;
		}
		pthread_detach(t);
		threads++;
	}
	for (p = &ops; *p; p = &(*p)->next)
		;
	*p = op;
	pthread_mutex_unlock(&lock);
	return true;
}

/*
 * Pauses the job until the operation is done. False: it failed. To be continued before is what
 * real engines do not survive. The sanitizer of addresses does not know of the job's stack, and
 * would give a local variable's memory away while the job is paused.
 */
__attribute__((no_sanitize("address"))) static bool op_wait(void)
{
	ASYNC_JOB *job = ASYNC_get_current_job();
	struct op op = { 0 };

	if (!job) {
		atomic_fetch_add(&slow_engine.sync, 1);
		return true;
	}
	op.wait = ASYNC_get_wait_ctx(job);
	while (atomic_load(&slow_engine.busy) < env("SLOW_ENGINE_BUSY", 0)) {
		atomic_fetch_add(&slow_engine.busy, 1);
		ASYNC_WAIT_CTX_set_status(op.wait, ASYNC_STATUS_EAGAIN);
		ASYNC_pause_job();
	}
	ASYNC_WAIT_CTX_set_status(op.wait, ASYNC_STATUS_OK);
	if (!op_start(&op))
		return false;
	atomic_fetch_add(&slow_engine.ops, 1);
	ASYNC_pause_job();
	pthread_mutex_lock(&lock);
	if (!op.done) {
		fprintf(stderr, "slow engine: a job goes on before its operation is done\n");
		abort();
	}
	pthread_mutex_unlock(&lock);
	atomic_fetch_add(&slow_engine.done, 1);
	if (!env("SLOW_ENGINE_FAIL", 0))
		return true;
	ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
	return false;
}

/* ---- methods ---- */

static int priv_enc(int n, const unsigned char *from, unsigned char *to, RSA *rsa, int padding)
{
	if (!op_wait())
		return -1;
	return RSA_meth_get_priv_enc(RSA_PKCS1_OpenSSL())(n, from, to, rsa, padding);
}

static ECDSA_SIG *sign_sig(const unsigned char *digest, int len, const BIGNUM *kinv,
			   const BIGNUM *r, EC_KEY *ec)
{
	ECDSA_SIG *(*sign)(const unsigned char *, int, const BIGNUM *, const BIGNUM *, EC_KEY *);

	if (!op_wait())
		return NULL;
	EC_KEY_METHOD_get_sign(EC_KEY_OpenSSL(), NULL, NULL, &sign);
	return sign(digest, len, kinv, r, ec);
}

static RSA_METHOD *rsa;
static EC_KEY_METHOD *ec;

static bool methods(ENGINE *e)
{
	int (*sign)(int, const unsigned char *, int, unsigned char *, unsigned int *,
		    const BIGNUM *, const BIGNUM *, EC_KEY *);
	int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **);

	rsa = RSA_meth_dup(RSA_PKCS1_OpenSSL());
	ec = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
	if (!rsa || !ec || !RSA_meth_set_priv_enc(rsa, priv_enc))
		return false;
	EC_KEY_METHOD_get_sign(ec, &sign, &setup, NULL);
	EC_KEY_METHOD_set_sign(ec, sign, setup, sign_sig);
	return ENGINE_set_RSA(e, rsa) && ENGINE_set_EC(e, ec);
}

/* ---- the engine ---- */

enum { CMD_EXTERNAL = ENGINE_CMD_BASE, CMD_POLL };

static const ENGINE_CMD_DEFN commands[] = {
	{ CMD_EXTERNAL, "ENABLE_EXTERNAL_POLLING", "Leaves polling to the application",
	  ENGINE_CMD_FLAG_NO_INPUT },
	{ CMD_POLL, "POLL", "Looks for what is done; the result goes to an int",
	  ENGINE_CMD_FLAG_INTERNAL },
	{ 0, NULL, NULL, 0 },
};

static bool started, external;

static int on_ctrl(ENGINE *e, int cmd, long i, void *p, void (*f)(void))
{
	(void)e, (void)i, (void)f;
	switch (cmd) {
	case CMD_EXTERNAL:
		external = !started;
		return external;
	case CMD_POLL:
		if (!started || !external || !p)
			return 0;
		atomic_fetch_add(&slow_engine.polls, 1);
		poll_ops();
		*(int *)p = 1;
		return 1;
	default:
		return 0;
	}
}

static int on_init(ENGINE *e)
{
	(void)e;
	started = env("SLOW_ENGINE_INIT", 1);
	return started;
}

static int on_finish(ENGINE *e)
{
	(void)e;
	pthread_mutex_lock(&lock);
	while (threads)
		pthread_cond_wait(&idle, &lock);
	pthread_mutex_unlock(&lock);
	started = external = false;
	return 1;
}

static int on_destroy(ENGINE *e)
{
	(void)e;
	RSA_meth_free(rsa);
	rsa = NULL;
	if (ec)
		EC_KEY_METHOD_free(ec);
	ec = NULL;
	return 1;
}

static int bind(ENGINE *e, const char *id)
{
	(void)id;
	return (!env("SLOW_ENGINE_METHODS", 1) || methods(e)) && ENGINE_set_id(e, "slow_engine") &&
	       ENGINE_set_name(e, "Signatures that take their time") &&
	       ENGINE_set_init_function(e, on_init) && ENGINE_set_finish_function(e, on_finish) &&
	       ENGINE_set_destroy_function(e, on_destroy) && ENGINE_set_cmd_defns(e, commands) &&
	       ENGINE_set_ctrl_function(e, on_ctrl);
}

int bind_engine(ENGINE *e, const char *id, const dynamic_fns *fns);
unsigned long v_check(unsigned long version);
IMPLEMENT_DYNAMIC_BIND_FN(bind)
IMPLEMENT_DYNAMIC_CHECK_FN()
