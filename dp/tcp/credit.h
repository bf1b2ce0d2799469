/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_CREDIT_H
#define FL_DP_TCP_CREDIT_H

/*
 * What all senders together may have under way to a worker that cannot keep up.
 *
 * A window bounds what one sender has under way. Where many send at once they fill every queue
 * before us, a NIC's ring as well as a kernel's: a queue that stands costs each of them its time,
 * makes their segments small, and loses data when it overflows. So while a queue stands (RFC 8289,
 * 3), windows are opened by credit: a long piece at a time, one connection after another, each when
 * most of its last piece is used. A queue stands where for a period a port had more each time than
 * is taken at once, or always some and turns were so long that these waited. A sender that may send
 * 64 KB does so in one piece, which costs us little more than two segments do. How much credit is
 * out is learnt as a congestion window is: less while the queue stands, more while it does not.
 *
 * - Credit that is not used within a period or two expires, and is not counted any more: who is far
 *   away loses nothing by it. Who takes so long for a piece is none of those that fill the queue,
 * and little is counted for its next one: room for one of the others is room for 16 of these.
 * - Strangers wait by themselves, and have every fourth piece where others wait too.
 * - What was offered is never taken back (RFC 9293 3.8.6), and a handshake's window is as ever.
 */
#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;
struct worker;

enum { CREDIT_PIECE = 65536 }; /* bytes: the longest that a sender's kernel puts together */

/* Of a connection: each but the first two also for one that is slow. */
enum credit_state {
	CREDIT_NONE,
	CREDIT_WAITS_SLOW, /* waits, and was slow with its last piece */
	CREDIT_GIVEN,	   /* may open its window by a piece, at its next turn */
	CREDIT_GIVEN_SLOW,
	CREDIT_IN_USE, /* has opened it */
	CREDIT_IN_USE_SLOW,
};

struct credit {
	uint64_t room;	   /* bytes that may be out; 0: as many as anybody likes */
	uint64_t out[2];   /* given in an even, or odd, period and not used yet */
	uint64_t bytes;	   /* that came in this period */
	uint64_t until_ms; /* its end */
	struct credit_row {
		uint32_t first, last; /* by index; SLOT_NONE: nobody */
	} row[2];		      /* of those that wait; the second is strangers' */
	uint32_t turns;		      /* pieces that were given */
	uint32_t *next; /* [connections]: who waits behind this one, or CREDIT_NOT_WAITING */
	uint32_t period;
};

/* Parts of tcp_create(), tcp_destroy(). False when out of memory. */
bool credit_create(struct worker *w);
void credit_destroy(struct worker *w);
/* n bytes of c came, in order. */
void credit_used(struct worker *w, struct tcp_conn *c, uint32_t n);
/* Once a turn: how much, and whose turn it is. */
void credit_turn(struct worker *w);
/* Whether c may open its window by a piece now; the other side must be told of it. */
bool credit_given(const struct tcp_conn *c);
/*
 * How far c's window may be opened beyond the bytes that are offered, when `space` would be as far
 * as it goes. Who may not waits, and is made dirty when its turn comes.
 */
uint32_t credit_window(struct worker *w, struct tcp_conn *c, uint32_t offered, uint32_t space);

#endif
