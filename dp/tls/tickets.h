/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TLS_TICKETS_H
#define FL_DP_TLS_TICKETS_H

/*
 * Keys that session tickets are sealed with (R9; RFC 5077, RFC 8446 4.6.1). The control process
 * makes and rotates them: previous, current and next, so that a ticket of another node, whose clock
 * differs a little, or of the last epoch is still good. The service thread writes them, shakers
 * read them at each ticket; a sequence counter tells a reader that it must look again.
 */
#include "../../lib/ctl_abi.h"

#include <openssl/ssl.h>

/* In struct dplane. */
struct tickets {
	_Atomic uint32_t seq; /* odd while it is written; 0: never */
	_Atomic uint64_t words[sizeof(struct ctl_ticket_keys) / 8]; /* a struct ctl_ticket_keys */
};

/* Takes up new keys. By the service thread only. */
void tickets_set(struct tickets *t, const struct ctl_ticket_keys *k);
/* A copy; false while there are none. The caller wipes it. */
bool tickets_get(const struct tickets *t, struct ctl_ticket_keys *k);
/* Makes ctx use them; without keys no ticket is given and none is taken. */
bool tickets_use(struct tickets *t, SSL_CTX *ctx);

#endif
