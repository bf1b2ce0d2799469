/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_TLS_AGENT_H
#define FL_CP_TLS_AGENT_H

/*
 * What the control process does for TLS: it gives the dataplane the keys of session tickets, at
 * each attach and whenever the epoch changes, and passes on the order to read certificates again.
 * Time is passed in. It has nothing to do where neither listeners nor terminations have TLS
 * (config_has_tls()).
 */
#include "../dpsock.h"

struct tls_agent;

/* Takes up the secret of session tickets. On failure NULL and one sentence in err. */
struct tls_agent *tls_agent_open(const struct config *c, char *err, size_t errlen);
void tls_agent_close(struct tls_agent *a);

/*
 * Reads the secret of another configuration, or the file again: false and one sentence in err if it
 * is none. If it is another, keys of it are sent once tls_agent_finish() says so.
 */
bool tls_agent_prepare(struct tls_agent *a, const struct config *c, char *err, size_t errlen);
void tls_agent_finish(struct tls_agent *a, bool apply);

/* The socket was made, or has attached or detached: what is at its other end knows no keys. */
void tls_agent_sock(struct tls_agent *a, struct dpsock *sock);

/* Sends keys if they are due. wall is seconds of CLOCK_REALTIME. Call often. */
void tls_agent_turn(struct tls_agent *a, uint64_t wall);

/*
 * Asks the dataplane to read certificates and keys again. done is called once, perhaps at once:
 * with ok, or with one sentence that says what failed.
 */
void tls_agent_reload(struct tls_agent *a, dpsock_answer *done, void *ctx);

/* Logs what came of it. */
void tls_agent_log(bool ok, const char *text);

#endif
