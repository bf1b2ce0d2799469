/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_SNAPSHOT_H
#define FL_DP_SNAPSHOT_H

/*
 * The configuration while it changes. dplane.conf is that of the start: what is not live is read
 * there, for ever. Live keys are read from the snapshot in force, a whole configuration that never
 * changes. A reload publishes another one; workers have it from their next look on, without a lock.
 * The old one goes once each worker has begun a turn since, and nobody else holds it: so a worker
 * may keep a pointer into it until its turn ends, and no longer.
 */
#include "dplane.h"

struct snapshot {
	struct config *conf;
	uint32_t number; /* 1, 2 and so on: differs from those before */
	_Atomic uint32_t refs;
	/* Of one that is not in force any more; the service thread's. */
	struct snapshot *next;
	uint64_t beat[CTL_WORKERS_MAX]; /* of each worker's clock when it was replaced */
};

/* Live keys as they are now. */
static inline const struct config *snapshot_conf(const struct dplane *dp)
{
	const struct snapshot *s = atomic_load_explicit(&dp->live, memory_order_acquire);

	return s ? s->conf : dp->conf;
}

/* Another number: another snapshot is in force. 0: that of the start. */
static inline uint32_t snapshot_number(const struct dplane *dp)
{
	const struct snapshot *s = atomic_load_explicit(&dp->live, memory_order_acquire);

	return s ? s->number : 0;
}

/* ---- by the service thread ---- */

/*
 * Live keys of a checked configuration, but for those in waits, beside what stays as it runs.
 * Services keep their id. NULL: one sentence in err. Whoever makes it drops it.
 */
struct snapshot *snapshot_make(struct dplane *dp, const struct config *fresh,
			       struct config_waits *waits, char *err, size_t errlen);
/* Puts it in force, and holds it meanwhile. */
void snapshot_publish(struct dplane *dp, struct snapshot *s);
/* Frees what no worker can be looking at any more. Call now and then. */
void snapshot_turn(struct dplane *dp);
/* Frees all of them: workers have ended. */
void snapshot_close(struct dplane *dp);

/* The one in force, NULL: that of the start. */
struct snapshot *snapshot_now(const struct dplane *dp);

/* By any thread. NULL is fine. The last one to drop it frees it. */
struct snapshot *snapshot_hold(struct snapshot *s);
void snapshot_drop(struct snapshot *s);

#endif
