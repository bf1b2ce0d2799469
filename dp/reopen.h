/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_REOPEN_H
#define FL_DP_REOPEN_H

/*
 * Closes the device of a port, and opens it anew, in a thread of its own: a driver may wait for
 * its firmware, and the service thread has others to serve meanwhile. One device at a time. All is
 * called by the service thread.
 */
#include "dplane.h"

#include <pthread.h>

enum reopen_task { REOPEN_NOTHING, REOPEN_CLOSE, REOPEN_OPEN };

enum { REOPEN_WHY_MAX = 512 };

struct reopen {
	struct dplane *dp;
	enum reopen_task task;
	const struct port *port;	 /* whose device it is */
	uint16_t id[CONFIG_MEMBERS_MAX]; /* ethdevs to close, */
	uint16_t n;			 /* so many */
	struct port now;		 /* as it was opened */
	bool ok;			 /* it was, and is as before */
	char why[REOPEN_WHY_MAX];	 /* else a sentence */
	pthread_t thread;
	bool threaded;
	_Atomic bool done; /* the thread writes it last, and it is read before the rest */
};

static inline bool reopen_is_busy(const struct reopen *r)
{
	return r->task != REOPEN_NOTHING;
}

/*
 * Begins to close these ethdevs of p, which nobody may use any more, or to open its device. False:
 * another is under way; to be tried again.
 */
bool reopen_close(struct reopen *r, const struct port *p, const uint16_t *id, uint16_t n);
bool reopen_open(struct reopen *r, const struct port *p);

/* Whether what was begun for p has ended; r->ok, r->now and r->why say how. Once. */
bool reopen_take(struct reopen *r, const struct port *p);

/* Waits for what is under way. False if that takes longer: its memory and EAL are in use. */
bool reopen_end(struct reopen *r, uint32_t ms);

#endif
