/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TURN_PEER_H
#define FL_DP_TURN_PEER_H

/*
 * Permissions and channels of a session: struct peer, the first in the session, the others from the
 * worker's pool, in a list of the session and in the hash of all. What others ask is in session.h;
 * this is what sessions do with theirs.
 */
#include "session.h"

/* Takes back all that are in the pool. */
void peers_clear(struct worker *w, uint32_t slot, struct session *s);
/* Takes back those whose time is over, so that a long-lived session does not eat the pool. */
void peers_prune(struct worker *w, uint32_t slot, struct session *s);
/* Takes back those of a family, whose relayed address is no more. */
void peers_family_del(struct worker *w, uint32_t slot, struct session *s, int family);

/* session.c: the live session that a command means, or NULL. */
struct session *session_of(struct worker *w, const struct ctl_sid *sid);

#endif
