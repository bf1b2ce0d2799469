/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ASKS_H
#define FL_CP_ASKS_H

/*
 * Who waits for a worker's answer to a command of his: EVT_NEIGHBOURS, EVT_PING. No more than
 * ASKS_MAX wait at a time, none for longer than he said, and the last of them are for users who
 * have less than an equal part.
 */
#include "dplink.h"
#include "share.h"

enum { ASKS_MAX = 32 };

/* e is NULL: no answer came. */
typedef void asks_fn(void *arg, uint32_t worker, const union ctl_evt *e);

struct asks {
	struct asks_one {
		asks_fn *done; /* NULL: nobody waits here */
		void *arg;
		uint32_t worker, seq;
		uint64_t due_ms;
		uint32_t holder;
	} one[ASKS_MAX];
	struct share share;
};

/* What is asked, and for whom. */
struct asks_command {
	enum ctl_cmd_type type;
	void *cmd; /* len bytes, of which hdr is made here */
	uint16_t len;
	uint32_t holder; /* as in share.h */
	uint64_t due_ms;
};

/* Gives a worker that command. False: no room here, or in its ring. */
bool asks_begin(struct asks *a, struct dplink *l, uint32_t worker, const struct asks_command *c,
		asks_fn *done, void *arg);

/* False if nobody waits for it. */
bool asks_event(struct asks *a, uint32_t worker, const union ctl_evt *e);

/* Once a turn: whoever has waited for too long hears so. */
void asks_over(struct asks *a, uint64_t now_ms);

#endif
