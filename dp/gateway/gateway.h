/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_GATEWAY_GATEWAY_H
#define FL_DP_GATEWAY_GATEWAY_H

/* What this folder alone has on a worker, beside the paths of media in struct worker itself. */
#include "../sweep.h"

struct gateway {
	struct context *context;     /* [contexts_max] */
	struct media *media;	     /* [contexts_max], the state of those of UDP */
	struct stream_pool *streams; /* stream.h; NULL: none may be */
	struct srtp_pool *srtp;	     /* media_srtp.h; NULL: none may be */
	uint32_t contexts_max;
	struct sweep sweep;
	/* context_tick() goes round the table. */
	uint32_t round_at; /* next slot */
	uint32_t round;
	uint64_t round_ms;  /* when it goes on */
	uint64_t round_due; /* slots to look at by then, times CONTEXT_TICK_MS */
};

#endif
