/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_DPSOCK_H
#define FL_CP_DPSOCK_H

/*
 * The socket to the dataplane (lib/ctl_abi.h): connects, says hello, takes the welcome and its
 * descriptors, and hands them to the server. When the dataplane is away, refuses or dies, it tries
 * again, each time a little later. One line is logged when the state of things changes.
 *
 * Once attached it carries requests (MSG_*), one at a time: others wait in a short queue.
 */
#include "server.h"

#include <event2/event.h>

enum {
	DPSOCK_RETRY_MIN_MS = 50,
	DPSOCK_RETRY_MAX_MS = 1000,
	DPSOCK_ASKS_MAX = 16, /* requests that wait, the one under way included */
	DPSOCK_ASK_MAX = sizeof(struct msg_ticket_keys), /* bytes of a request */
};

struct dpsock;

/* change is called after each attach and detach. NULL without memory. */
struct dpsock *dpsock_create(struct event_base *base, struct server *s, void (*change)(void *ctx),
			     void *ctx);
void dpsock_free(struct dpsock *d);

/*
 * Called after a welcome or a refusal by a dataplane that runs with another file than we do: its
 * config_digest(), and config_both_digest() of the file it took last.
 */
void dpsock_on_differ(struct dpsock *d, void (*differ)(void *ctx, uint64_t agreed, uint64_t live));

/* ok, or one sentence in text, which is good during the call only. */
typedef void dpsock_answer(void *ctx, bool ok, const char *text);

/*
 * Asks the dataplane; hdr.seq of the request is filled in. answer is called once, never from within
 * this call: with what the dataplane says, or when it detaches or says nothing for so
 * many milliseconds. False, and no call, when not attached or when too many wait.
 */
bool dpsock_ask(struct dpsock *d, const void *msg, size_t len, uint32_t patience_ms,
		dpsock_answer *answer, void *ctx);

/* Whether it can be asked. */
bool dpsock_attached(const struct dpsock *d);

/* Lets go after dplink found the dataplane lying; tries again later. */
void dpsock_drop(struct dpsock *d, const char *why);

#endif
