/* SPDX-License-Identifier: BSD-3-Clause */
/* Operations that take their time; see slow.h. */
#include "slow.h"

#include <openssl/async.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct slow slow_self = { .turn = slow_turn };

/* An operation that a job waits for: on the job's stack. */
struct op {
	struct op *next;
	ASYNC_WAIT_CTX *wait;
	unsigned turns; /* that it has yet to see */
	bool done;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t idle = PTHREAD_COND_INITIALIZER;
static struct op *ops; /* the oldest first */
static unsigned threads;

unsigned slow_env(const char *name, unsigned otherwise)
{
	char all[32];
	const char *v;

	snprintf(all, sizeof(all), "SLOW_%s", name);
	v = getenv(all);

	return v && *v ? (unsigned)atoi(v) : otherwise;
}

static bool stalled(void)
{
	const char *file = getenv("SLOW_STALL");

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
		if ((*p)->turns == 0) {
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

void slow_turn(void)
{
	const bool lifo = slow_env("LIFO", 0);
	struct op *op;

	if (stalled())
		return;
	pthread_mutex_lock(&lock);
	for (op = ops; op; op = op->next)
		op->turns -= op->turns > 0 && op->turns != UINT32_MAX;
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

	nap_ms(slow_env("MS", 0));
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
	op->turns = slow_env("TURNS", 1);
	if (slow_env("MS", 0)) {
		op->turns = UINT32_MAX;
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
__attribute__((no_sanitize("address"))) bool slow_wait(void)
{
	ASYNC_JOB *job = ASYNC_get_current_job();
	struct op op = { 0 };

	if (!job) {
		atomic_fetch_add(&slow_self.sync, 1);
		return true;
	}
	op.wait = ASYNC_get_wait_ctx(job);
	while (atomic_load(&slow_self.busy) < slow_env("BUSY", 0)) {
		atomic_fetch_add(&slow_self.busy, 1);
		ASYNC_WAIT_CTX_set_status(op.wait, ASYNC_STATUS_EAGAIN);
		ASYNC_pause_job();
	}
	ASYNC_WAIT_CTX_set_status(op.wait, ASYNC_STATUS_OK);
	if (!op_start(&op))
		return false;
	atomic_fetch_add(&slow_self.ops, 1);
	ASYNC_pause_job();
	pthread_mutex_lock(&lock);
	if (!op.done) {
		fprintf(stderr, "slow accelerator: a job goes on before its operation is done\n");
		abort();
	}
	pthread_mutex_unlock(&lock);
	atomic_fetch_add(&slow_self.done, 1);
	if (!slow_env("FAIL", 0))
		return true;
	ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
	return false;
}

void slow_end(void)
{
	pthread_mutex_lock(&lock);
	while (threads)
		pthread_cond_wait(&idle, &lock);
	pthread_mutex_unlock(&lock);
}
