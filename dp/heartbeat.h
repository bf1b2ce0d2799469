/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_HEARTBEAT_H
#define FL_DP_HEARTBEAT_H

/*
 * Whether the workers turn. Each counts its looks at the clock in its own memory, where a control
 * process that is broken into does not reach; the service thread compares, says to the service
 * manager that all is well (lib/notify.h), and to the log if it is not.
 */
#include "dplane.h"

enum {
	HEARTBEAT_MS = 1000,	  /* between looks where no watchdog wants more */
	HEARTBEAT_LATE_MS = 3000, /* without a turn of some worker before the log says so */
};

struct heartbeat {
	uint64_t every_ms,
	    next_ms;	  /* between looks that found all turning, 0: not started; the next look */
	uint64_t last_ms; /* when all had turned last, or the start */
	uint64_t beat[CTL_WORKERS_MAX]; /* what each had counted then */
	bool all;			/* all have turned once */
	bool told;			/* the log knows that a worker is late */
};

enum heartbeat_verdict {
	HEARTBEAT_SILENT, /* nothing to tell */
	HEARTBEAT_FIRST,  /* each worker has made its first turn */
	HEARTBEAT_ALL,	  /* each has turned since this was said last */
	HEARTBEAT_LATE,	  /* one has not for HEARTBEAT_LATE_MS; told once, until all turn again */
};

/* watchdog_us as notify_watchdog_us() has it. */
void heartbeat_start(struct heartbeat *h, uint64_t watchdog_us, uint64_t now_ms);

/* A look, if it is time for one. With HEARTBEAT_LATE *late is that worker's number. */
enum heartbeat_verdict heartbeat_look(struct heartbeat *h, const struct dplane *dp, uint64_t now_ms,
				      uint16_t *late);

#endif
