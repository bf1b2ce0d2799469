/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_DP_HOSTILE_H
#define FL_TESTS_DP_HOSTILE_H

/* What the fuzz targets of the dataplane share: frames out of hostile bytes, and what must hold. */
#include "tests/world/control.h"

#define MUST(what)                                                                 \
	do {                                                                       \
		if (!(what)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
			abort();                                                   \
		}                                                                  \
	} while (0)

/* How a frame comes in: bits of a record's control byte. */
enum {
	HOSTILE_CORE = 1 << 0,	  /* by which port */
	HOSTILE_WORKER1 = 1 << 1, /* by whose queue */
	HOSTILE_CHAIN = 1 << 2,	  /* cut into small segments */
	HOSTILE_LARGE = 1 << 3,	  /* into large ones */
	HOSTILE_AT_END = 1 << 4,  /* buffers end where the data does */
	HOSTILE_LATER = 1 << 5,	  /* 300 ms later than the one before */
	HOSTILE_MEND = 1 << 6,	  /* with our MAC address and checksums that are right */
};

/* Feeds a frame and lets the workers run; what they sent is there then. */
void hostile_put(uint8_t how, const struct frame *f);
/* Feeds one frame of at most FRAME_MAX bytes and forgets what was sent. */
void hostile_frame(uint8_t how, const uint8_t *bytes, size_t len);
/* HOSTILE_MEND. Bytes 2 to 5 are left alone: only the wrong station makes for a dull packet. */
void hostile_mend(uint8_t how, struct frame *f);
/* Time goes by. */
void hostile_later(uint64_t ms);
/* Forgets what was sent, and what is in the event rings. */
void hostile_drain(void);
/* Takes neighbours and fragments back to what they were when the world began: no buffer is missing.
 */
void hostile_rest(void);
/* Every packet is accounted for, no buffer is there twice, tables and gauges agree. */
void hostile_check(void);
/*
 * Nobody holds more than his bound. Of each worker: sessions; connections of peers that wait for
 * their ConnectionBind, by session; fragments, in all; neighbours, and packets that wait for each;
 * connections, buffers and records of each connection, records that they share, buffers of all
 * connections, and of strangers together. Not how fragments are divided among sources, and
 * nothing of handshakes and of candidates for a side of a stream, which none that calls it opens.
 */
void hostile_bounds(void);
/* Of a worker that has no context, no byte remembers one. */
void hostile_no_contexts(const struct worker *w);
/*
 * A sum over all sessions, contexts and records but for what packets change: next hops that are
 * remembered, and counters.
 */
uint64_t hostile_sessions(void);

#endif
