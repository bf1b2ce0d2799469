/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_CLIENT_H
#define FL_CLI_CLIENT_H

/* One JSON-RPC call at a time on the control process's socket, or its management port. */
#include "https.h"

#include <jansson.h>
#include <stddef.h>

struct control_client;

/* On failure NULL, and one sentence in err. */
struct control_client *client_open(const char *path, char *err, size_t errlen);
/* The same elsewhere. */
struct control_client *client_open_https(const struct https_at *at, char *err, size_t errlen);
void client_close(struct control_client *c);

/*
 * Calls a method and returns its result, a new reference. params is taken over and may be NULL.
 * On failure (no answer within seconds, nonsense, an error reply) NULL, and one sentence in err.
 */
json_t *client_call(struct control_client *c, const char *method, json_t *params, char *err,
		    size_t errlen);

/* How long an answer is waited for from now on. */
void client_patience(struct control_client *c, long seconds);

/* Of a socket only: what follows an answer that makes the connection a stream of bytes; there is no
 * time limit. */
FILE *client_stream(struct control_client *c);
/* That it may end: nothing more is sent. Safe in a signal's handler. */
void client_enough(struct control_client *c);

#endif
