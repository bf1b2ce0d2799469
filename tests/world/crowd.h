/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_CROWD_H
#define FL_TESTS_CROWD_H

/*
 * Many peers at once, each with one connection to the owner, of whom little is asked: what came for
 * whom is counted, and compared with the owner's pattern. Sequence numbers are those of
 * tcp_world.h; theirs begin just below 2^32, and ours to every eighth of them: to find a key that
 * does it takes longer than most of what such a test does.
 */
#include "tcp_world.h"

enum { CROWD_MAX = 512 };

struct member {
	struct tcp_peer p;
	struct tcp_conn *c; /* its end here, as long as that is open */
	uint32_t nxt;	    /* what it sends next */
	uint32_t seen;	    /* what it has of ours, in order */
	uint32_t wnd;	    /* as it stands in the last segment */
	uint32_t segs;	    /* with data, that came */
	bool open, rst;
};
extern struct member crowd[CROWD_MAX];
extern uint32_t crowd_lose; /* each such segment with data is lost on its way to them; 0: none */

/* At 10.2.0.2 somebody accepts all connections of ours, and says nothing. */
extern bool crowd_backend;

/* tcp_config() of so many connections, half-open ones included. */
void crowd_config(uint32_t connections);
/* Whoever on the access side is in this prefix is behind that neighbour. */
void crowd_route(const char *to, const char *via);
/* Turns; what goes out reaches the members, and the back end. */
void crowd_run(void);
void crowd_pass_ms(uint32_t ms);
/* Member i connects, as `peer` is but for its port. False: it got no SYN-ACK. */
bool crowd_open(uint32_t i);
/* It sends len bytes next, or at seq without moving on, and acknowledges what it has. */
void crowd_say(uint32_t i, uint32_t len);
void crowd_say_at(uint32_t i, uint32_t seq, uint32_t len);
void crowd_ack(uint32_t i);
/* Aborts all that is open. */
void crowd_end(void);

#endif
