/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_DISPATCH_H
#define FL_CP_DISPATCH_H

/* What the link has of the server: to each event its function, and the replay. */
#include "server.h"

/* False if what it is about is gone. */
bool dispatch_event(struct server *s, uint32_t worker, const union ctl_evt *e);

/*
 * Sends more of worker's sessions and contexts, while dplink_replay_room() lasts. DPLINK_IDLE when
 * all have been sent.
 */
enum dplink_work dispatch_replay(struct server *s, uint32_t worker, struct dplink_cursor *cur);

#endif
