/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADOPT_H
#define FL_CP_ADOPT_H

/*
 * What the dataplane has and no record is of, since a state file was lost, damaged or of a
 * configuration that is no more (R70): before the first replay each worker tells all it has, and
 * records are made of it. Sessions and contexts go on; an allocation belongs to the first who
 * authenticates on its five-tuple, a context to nobody's call.
 *
 * What one worker has is its own: slots, ports, and the five-tuples that come to it. So it is
 * served once it has told, although another one hangs; but a client whose session is there is not,
 * nor is anything made there.
 */
#include "server.h"

/* Whether records of what the dataplane has were lost. */
bool adopt_due(const struct server *s);
/* Makes a record, unless there is one. False if that is not to be. */
bool adopt_session(struct server *s, uint32_t worker, const struct evt_session *e);
/* A worker has told all; all have. */
void adopt_told(struct server *s, uint32_t worker);
void adopt_done(struct server *s);
/* Whether it is not known yet what a worker has: its ports and slots are given to nobody. */
bool adopt_waits(struct server *s, uint32_t worker);
/* Whether that leg is of a session that another worker has not told of yet. */
bool adopt_elsewhere(const struct server *s, uint32_t worker, const struct ctl_leg *leg);
/* Forgets what waits for the end of it. */
void adopt_close(struct server *s);

#endif
