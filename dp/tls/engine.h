/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_ENGINE_H
#define FL_DP_TLS_ENGINE_H

/*
 * Accelerators for handshakes: all there is about OpenSSL engines, which OpenSSL 4 will not have
 * any more, and about jobs that wait (ASYNC). qatengine, or any engine that pauses jobs, named by
 * tls.engine. Without one, or once it has stalled (tls.engine-timeout-ms), handshakes go on in
 * software and the operator is told.
 *
 * What the engine does is sign with private keys. A key that engine_key() has seen has methods of
 * ours, which ask at each signature: inside a job, on a thread that called engine_thread_init(),
 * while the engine is well, the engine signs; otherwise, or if it fails, OpenSSL does. So no key,
 * context or SSL has to change when the engine stalls or comes back.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

struct config;
struct engine;

/*
 * Loads and initialises the configured engine, a name or the path of a shared object, once for the
 * process. NULL when none is configured or it cannot be had; *err then says why (empty: none
 * configured): not a reason to stop.
 */
struct engine *engine_load(const struct config *c, char *err, size_t errlen);
/* After all keys that it was shown have been freed. NULL: nothing. */
void engine_free(struct engine *e);
/* What it is, for the operator: its name, and that it found no device if it says so. */
const char *engine_name(const struct engine *e);

/*
 * A thread that runs jobs: fibres for n of them. Before its first and after its last job. e may be
 * NULL: for jobs that wait for something else (psk.h). False: this system has no fibres, or no
 * memory.
 */
bool engine_thread_init(struct engine *e, uint32_t n);
void engine_thread_end(struct engine *e);

/* The key as the engine wants it, or k itself (e NULL, not RSA or EC); the caller's reference
 * moves. */
EVP_PKEY *engine_key(struct engine *e, EVP_PKEY *k);

/*
 * Makes an SSL's operations jobs: SSL_ERROR_WANT_ASYNC is possible from then on. wake(ssl, arg) is
 * called when its job may go on, from engine_poll() or from whichever thread the engine likes. A
 * job that waits for the engine must not be continued before, since engines take being continued
 * for being finished; its thread alone may continue it. e may be NULL, as above.
 */
bool engine_ssl(struct engine *e, SSL *ssl, SSL_async_callback_fn wake, void *arg);

/*
 * After SSL_ERROR_WANT_ASYNC: the engine could not take the job yet, and will not call wake. Go on
 * with it by the next turn.
 */
bool engine_again(SSL *ssl);

/*
 * Looks for finished jobs, where the engine leaves that to us (external polling), and when it is
 * worth it: in_flight jobs of this thread wait and they are many, or nothing else was done
 * (progress), or the last look is a while ago. Returns whether it polled.
 */
bool engine_poll(struct engine *e, uint32_t in_flight, bool progress);

/* A job has waited for longer than it may: signatures are made without the engine from now on. */
void engine_stalled(struct engine *e);
/* False once it has stalled, until all jobs that it has have come back. NULL: false. */
bool engine_ok(const struct engine *e);
/* How often it has stalled, and how many jobs it has. Any thread. NULL: 0. */
uint32_t engine_stalls(const struct engine *e);
uint32_t engine_jobs(const struct engine *e);

#endif
