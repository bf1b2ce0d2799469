/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_ACCEL_H
#define FL_DP_TLS_ACCEL_H

/*
 * An accelerator for handshakes, and jobs that wait (ASYNC): a provider of OpenSSL's, such as
 * qatprovider (tls.provider), or an engine, such as qatengine (tls.engine), which OpenSSL 4 does
 * not have any more. Without one, or once it has stalled (tls.engine-timeout-ms), handshakes
 * go on in software and the operator is told.
 *
 * What it does is sign with private keys. A key that accel_key() gives asks at each signature:
 * inside a job, on a thread that called accel_thread_init(), while the accelerator is well, that
 * signs; otherwise, or if it fails, OpenSSL does. So no key, context or SSL has to change when it
 * stalls or comes back.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

struct config;
struct accel;

/*
 * Loads and initialises what the configuration names, by its name or by the path of a shared
 * object, once for the process. NULL when nothing is named or it cannot be had; *err then says why
 * (empty: nothing is named): not a reason to stop.
 */
struct accel *accel_load(const struct config *c, char *err, size_t errlen);
/* After all keys that it gave have been freed. NULL: nothing. */
void accel_free(struct accel *a);
/* What it is, for the operator: the key of the configuration, its name, and that it found no device
 * if it says so.
 */
const char *accel_name(const struct accel *a);

/*
 * A thread that runs jobs: fibres for n of them. Before its first and after its last job. a may be
 * NULL: for jobs that wait for something else (psk.h). False: this system has no fibres, or no
 * memory.
 */
bool accel_thread_init(struct accel *a, uint32_t n);
void accel_thread_end(struct accel *a);

/*
 * The key as the accelerator wants it, or k itself (a NULL, neither RSA nor EC, no memory); the
 * caller's reference moves. k is one of OpenSSL's own, of libctx, with its private part.
 */
EVP_PKEY *accel_key(struct accel *a, OSSL_LIB_CTX *libctx, EVP_PKEY *k);

/*
 * Makes an SSL's operations jobs: SSL_ERROR_WANT_ASYNC is possible from then on. wake(ssl, arg) is
 * called when its job may go on, from accel_poll() or from whichever thread the accelerator likes.
 * A job that waits for it must not be continued before, since accelerators take being continued
 * for being finished; its thread alone may continue it.
 */
bool accel_ssl(SSL *ssl, SSL_async_callback_fn wake, void *arg);

/*
 * After SSL_ERROR_WANT_ASYNC: the accelerator could not take the job yet, and will not call wake.
 * Go on with it by the next turn.
 */
bool accel_again(SSL *ssl);

/*
 * Looks for finished jobs, where the accelerator leaves that to us (external polling of engines),
 * and when it is worth it: in_flight jobs of this thread wait and they are many, or nothing else
 * was done (progress), or the last look is a while ago. Returns whether it polled.
 */
bool accel_poll(struct accel *a, uint32_t in_flight, bool progress);

/* A job has waited for longer than it may: OpenSSL makes all signatures from now on. */
void accel_stalled(struct accel *a);
/* False once it has stalled, until all jobs that it has have come back. NULL: false. */
bool accel_ok(const struct accel *a);
/* How often it has stalled, and how many jobs it has. Any thread. NULL: 0. */
uint32_t accel_stalls(const struct accel *a);
uint32_t accel_jobs(const struct accel *a);

#endif
