/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_TCP_BENCH_H
#define FL_TESTS_TCP_BENCH_H

/*
 * One connection on the bench: dp/tcp's loss recovery and congestion control without the rest of
 * the stack. The clock stands still unless a test moves it, sequence numbers begin just below the
 * wrap, and whatever a test does is followed by a check of every list and every sum.
 *
 * Positions are bytes from the start of the stream (0: first byte), whatever the sequence number.
 */
#include "dp/tcp/sent.h"
#include "unit.h"

enum {
	MSS = 1000,
	BENCH_RECORDS = 511,
	BENCH_LOG = 4096,
	MS = 1000, /* microseconds */
};

struct bench {
	struct worker w;
	struct tcp tcp;
	struct tcp_conn c;
	struct tcp_ack a;	    /* of the last ACK */
	uint32_t delivered;	    /* by all */
	struct tcp_seg seg;	    /* of the next ACK: tests may set timestamps, window */
	uint32_t base;		    /* sequence number of position 0 */
	uint32_t resent[BENCH_LOG]; /* positions, in order */
	uint32_t n_resent;
	/* Told of all that is sent. NULL: nobody is. */
	void (*out)(uint32_t pos, uint32_t len);
	bool timer_on;
	uint32_t timer_ms;
};
extern struct bench b;

/* cmocka's setup and teardown: SACK agreed, Reno, cwnd 10 segments; no record may be missing. */
int bench_setup(void **state);
int bench_teardown(void **state);

void bench_wait(uint32_t us);
/* New data, as one record each. */
void bench_send(uint32_t segments);
void bench_send_bytes(uint32_t bytes);
/* False: there is no record for it. */
bool bench_try(uint32_t bytes);
/* Acknowledges up to a position; then n pairs of positions: SACK blocks. */
void bench_ack(uint32_t to, uint32_t n, ...);
/* The same with ECE. */
void bench_ack_ece(uint32_t to);
/* What output would do: all retransmissions that have room. Returns how many. */
uint32_t bench_resend(void);
/* Retransmissions, then new data while there is room, in whole segments. Returns new segments. */
uint32_t bench_output(void);
/* The record that holds a position. */
struct tcp_sent *bench_at(uint32_t pos);
uint32_t bench_flags(uint32_t pos);
uint64_t bench_count(enum counter c);
/* The timer fires: what the stack would do then. */
void bench_timer(void);
/* Lists, sums, hints; called by everything above. */
void bench_check(void);

#endif
