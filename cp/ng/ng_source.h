/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_SOURCE_H
#define FL_CP_NG_NG_SOURCE_H

/*
 * Who sends commands: a rate for each address, and the answers that its retransmissions get, told
 * by their cookies. Everything is bounded; what is oldest goes.
 */
#include "../../lib/addr.h"
#include "../../lib/siphash.h"

enum {
	NG_SOURCES_MAX = 256,
	NG_COOKIE_MAX = 128,	      /* bytes */
	NG_KEPT_MAX = 16384,	      /* answers of all sources */
	NG_KEPT_BYTES_MAX = 64 << 20, /* and their bytes */
	NG_KEPT_MS = 10000,	      /* an answer is kept, as rtpengine does */
	NG_PENDING_MAX = 1024,	      /* commands under way, all sources */
};

struct ng_sources;
struct ng_pending;

/* Where an answer goes. */
struct ng_from {
	struct sock_addr addr;
	uint64_t websocket; /* number of its connection; 0: UDP */
};

enum ng_verdict {
	NG_NEW,
	NG_AGAIN,     /* answered before: the answer is given */
	NG_UNDER_WAY, /* it will be answered, to where this one came from */
	NG_RATE,
	NG_FULL,
};

/* rate: commands a second and source; 0: any. Answers are kept for so long. NULL without memory. */
struct ng_sources *ng_sources_open(uint32_t rate, uint32_t kept_ms, const struct siphash_key *key);
/* Another rate from now on. */
void ng_sources_rate(struct ng_sources *t, uint32_t rate);
void ng_sources_close(struct ng_sources *t);

/*
 * A command came. NG_NEW: *p is it until ng_sources_answered(). NG_AGAIN: *answer, len bytes, valid
 * until the next call.
 */
enum ng_verdict ng_sources_take(struct ng_sources *t, const struct ng_from *from,
				const void *cookie, size_t cookie_len, uint64_t now_ms,
				struct ng_pending **p, const void **answer, size_t *len);
/* Answers that are kept. */
uint32_t ng_sources_kept(const struct ng_sources *t);
/* Where its answer goes: from where it came last. */
const struct ng_from *ng_pending_from(const struct ng_pending *p);
const void *ng_pending_cookie(const struct ng_pending *p, size_t *len);
/* Keeps the answer; p is not the caller's any more. */
void ng_sources_answered(struct ng_sources *t, struct ng_pending *p, const void *answer, size_t len,
			 uint64_t now_ms);

#endif
