/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_TICKETS_H
#define FL_DP_TLS_TICKETS_H

/*
 * Keys that session tickets are sealed with (R9; RFC 5077, RFC 8446 4.6.1). The control process
 * makes and rotates them: previous, current and next, so that a ticket of another node, whose clock
 * differs a little, or of the last epoch is still good. The service thread writes them, crypto
 * threads read them at each ticket; a sequence counter tells a reader that it must look again. Keys
 * that nobody renews, since the control process is dead, age here all the same.
 */
#include "../../lib/ctl_abi.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* In struct dplane. */
struct tickets {
	_Atomic uint32_t seq; /* odd while it is written; 0: never */
	_Atomic uint64_t words[sizeof(struct ctl_ticket_keys) / 8]; /* a struct ctl_ticket_keys */
	_Atomic bool stale; /* the current key has had its time. Service thread to crypto threads */
	uint64_t since_ms;  /* when that was first heard of: the service thread's */
};

enum { TICKETS_LATE_MS = 10000 }; /* so much later than its time the next key may come */

/* Takes up new keys. By the service thread only; now_ms is CLOCK_MONOTONIC. */
void tickets_set(struct tickets *t, const struct ctl_ticket_keys *k, uint64_t now_ms);
/*
 * Nothing is sealed with a key that has been the current one for lifetime_s, and after twice that,
 * when none of its tickets is good any more, keys are forgotten. By the service thread, now and
 * then.
 */
void tickets_age(struct tickets *t, uint32_t lifetime_s, uint64_t now_ms);
/* Whether tickets are given. */
static inline bool tickets_given(const struct tickets *t)
{
	return atomic_load_explicit(&t->seq, memory_order_relaxed) &&
	       !atomic_load_explicit(&t->stale, memory_order_relaxed);
}
/* A copy; false while there are none. The caller wipes it. */
bool tickets_get(const struct tickets *t, struct ctl_ticket_keys *k);
/* Makes ctx use them; without keys no ticket is given and none is taken. */
bool tickets_use(struct tickets *t, SSL_CTX *ctx);

#endif
