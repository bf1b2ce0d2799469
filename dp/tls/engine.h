/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_ENGINE_H
#define FL_DP_TLS_ENGINE_H

/*
 * Accelerators for handshakes: all there is about OpenSSL engines, which OpenSSL 4 will not have
 * any more, and about jobs that wait (ASYNC). qatengine, or any engine that pauses jobs, named by
 * tls.engine. Without one, or once it has stalled (tls.engine-timeout-ms), handshakes go on in
 * software and the operator is told.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

struct config;
struct engine;

/*
 * Loads and initialises the configured engine, once for the process. NULL when none is configured
 * or it cannot be had; *err then says why (empty: none configured): not a reason to stop.
 */
struct engine *engine_load(const struct config *c, char *err, size_t errlen);
void engine_free(struct engine *e);
const char *engine_name(const struct engine *e);

/* A thread that runs jobs: fibres for n of them. Before its first and after its last job. */
bool engine_thread_init(struct engine *e, uint32_t n);
void engine_thread_end(struct engine *e);

/* The key as the engine wants it (its methods set), or k itself; the caller's reference moves. */
EVP_PKEY *engine_key(struct engine *e, EVP_PKEY *k);

/*
 * Makes an SSL's operations jobs: SSL_ERROR_WANT_ASYNC is possible from then on. wake(arg) is
 * called when its job may go on, from engine_poll() or from whichever thread the engine likes.
 */
bool engine_ssl(struct engine *e, SSL *ssl, int (*wake)(void *arg), void *arg);

/*
 * Looks for finished jobs: external polling, and heuristic: in_flight jobs wait and progress says
 * whether anything else was done. Returns whether it polled.
 */
bool engine_poll(struct engine *e, uint32_t in_flight, bool progress);

/* A job has waited for longer than it may: new handshakes do without the engine from now on. */
void engine_stalled(struct engine *e);
/* False once it has stalled: and then true again when a job has come back and all are done. */
bool engine_ok(const struct engine *e);

#endif
