/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_ACCEL_INT_H
#define FL_DP_TLS_ACCEL_INT_H

/* What accel.c, accel_key.c, engine.c and provider.c share. */
#include "accel.h"
#include "../../conf/config.h"

#include <stdatomic.h>

/* A kind of accelerators. */
struct accel_ops {
	const char *key; /* of the configuration */
	/*
	 * Fills libctx, query, polls, one_thread and impl. False: one sentence in err
	 * (accel_complain()); unload() follows.
	 */
	bool (*load)(struct accel *a, char *err, size_t errlen);
	void (*unload)(struct accel *a);
	/* k in the accelerator's hands, a new key. NULL: it does not take it. */
	EVP_PKEY *(*take_key)(struct accel *a, EVP_PKEY *k);
	/* Calls the wakers of jobs that are done. NULL: it always does so by itself. */
	void (*poll)(struct accel *a);
};
extern const struct accel_ops accel_engine, accel_provider;

struct accel {
	const struct accel_ops *ops;
	void *impl; /* engine.c's or provider.c's */
	const struct config *conf;
	const char *name;		 /* as configured */
	uint32_t line;			 /* where */
	char told[CONFIG_STR_MAX + 32];	 /* accel_name() */
	OSSL_LIB_CTX *libctx;		 /* of operations with its keys; NULL: OpenSSL's default */
	char query[CONFIG_STR_MAX + 16]; /* properties of these (property(7)) */
	bool polls;			 /* poll() is needed */
	bool one_thread;		 /* it serves the first that comes, no other */
	OSSL_LIB_CTX *ours;		 /* of keys that ask, which are of this provider */
	OSSL_PROVIDER *asks;
	/*
	 * In flight: half a worker's handshakes, so that one that stalls leaves it the rest.
	 */
	uint32_t jobs_max;

	/* Any thread. */
	atomic_bool taken; /* with one_thread: there is one */
	atomic_uint jobs;  /* operations that it has */
	atomic_bool stalled;
	atomic_uint stalls; /* so far */
};

/* What is wrong with it, and what OpenSSL complained of first, which is the cause of the rest. */
void accel_complain(const struct accel *a, const char *what, char *err, size_t errlen);

/* Whether the accelerator does this operation; accel_give() follows then. */
bool accel_take(struct accel *a);
/* done: it has. Otherwise OpenSSL does it, and what it complained of is not an error. */
void accel_give(struct accel *a, bool done);

/* ---- accel_key.c ---- */

/* Makes a->ours. False: OpenSSL's error queue says why; accel_keys_end() follows. */
bool accel_keys_init(struct accel *a);
void accel_keys_end(struct accel *a);
/* A key that asks whether fast or soft, of libctx, signs. NULL: out of memory. */
EVP_PKEY *accel_pair(struct accel *a, OSSL_LIB_CTX *libctx, EVP_PKEY *soft, EVP_PKEY *fast);

#endif
