/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_SOURCES_H
#define FL_CP_SOURCES_H

/*
 * Who sends commands, by whatever protocol: a rate for each address, and the answers that its
 * retransmissions get, told by their cookies. Everything is bounded; what is oldest goes.
 */
#include "../lib/addr.h"
#include "../lib/siphash.h"

enum {
	SOURCES_MAX = 256,
	SOURCE_COOKIE_MAX = 128,	   /* bytes */
	SOURCES_KEPT_MAX = 16384,	   /* answers of all sources */
	SOURCES_KEPT_BYTES_MAX = 64 << 20, /* and their bytes */
	SOURCES_PENDING_MAX = 1024,	   /* commands under way, all sources */
};

struct sources;
struct source_command;

/* Where an answer goes. */
struct source_addr {
	struct sock_addr addr;
	uint64_t stream; /* number of its connection; 0: UDP */
	uint16_t sid;	 /* by which stream of it, if it is of SCTP */
};

enum source_verdict {
	SOURCE_NEW,
	SOURCE_AGAIN,	  /* answered before: the answer is given */
	SOURCE_UNDER_WAY, /* it will be answered, to where this one came from */
	SOURCE_RATE,
	SOURCE_FULL,
};

/* rate: commands a second and source; 0: any. Answers are kept for so long. NULL without memory. */
struct sources *sources_open(uint32_t rate, uint32_t kept_ms, const struct siphash_key *key);
/* Another rate from now on. */
void sources_rate(struct sources *t, uint32_t rate);
void sources_close(struct sources *t);

/*
 * A command came. SOURCE_NEW: *p is it until sources_answered(). SOURCE_AGAIN: *answer, len bytes,
 * valid until the next call.
 */
enum source_verdict sources_take(struct sources *t, const struct source_addr *from,
				 const void *cookie, size_t cookie_len, uint64_t now_ms,
				 struct source_command **p, const void **answer, size_t *len);
/* The same of an urgent one: it has a rate like that for itself once the other is used up. */
enum source_verdict sources_take_urgent(struct sources *t, const struct source_addr *from,
					const void *cookie, size_t cookie_len, uint64_t now_ms,
					struct source_command **p, const void **answer,
					size_t *len);
/*
 * Keeps the answer to a command that an earlier process was sent, until then or as long as others;
 * in the order of their ages. One of the same cookie is forgotten.
 */
void sources_keep(struct sources *t, const struct sock_addr *from, const void *cookie,
		  size_t cookie_len, const void *answer, size_t len, uint64_t until_ms,
		  uint64_t now_ms);
/* Answers that are kept. */
uint32_t sources_kept(const struct sources *t);
/* Where its answer goes: from where it came last. */
const struct source_addr *source_command_from(const struct source_command *p);
const void *source_command_cookie(const struct source_command *p, size_t *len);
/* Keeps the answer; p is not the caller's any more. */
void sources_answered(struct sources *t, struct source_command *p, const void *answer, size_t len,
		      uint64_t now_ms);

#endif
