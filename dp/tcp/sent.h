/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_SENT_H
#define FL_DP_TCP_SENT_H

/*
 * Loss recovery from the inside: records of what was sent (sent.c), what an ACK says of them
 * (sack.c), RACK-TLP (rack.c, tlp.c), congestion state (recovery.c) and timers (rto.c).
 *
 * A record is in exactly one condition: in flight, SACKed, or lost and not sent again yet. All are
 * in the list by sequence number; those in flight alone are in the list by time, so that RACK's
 * walk meets nothing else. Neighbours that were SACKed become one record: the list is as long as
 * there are holes, whatever the window.
 */
#include "recovery.h"

enum {
	SACK_STEPS = 512,	 /* records an ACK may walk over; hostile blocks get no more */
	RACK_CLOCK_US = 100,	 /* a turn of the worker: what the clock can tell apart */
	TLP_MIN_MS = 10,	 /* a probe is not sent sooner: the ACK may be delayed by load */
	TLP_ACK_DELAY_MS = 200,	 /* RFC 8985 7.2: WCDelAckT */
	REXMIT_TIMER_MIN_MS = 1, /* of the wheel */
	DUP_ACKS_BLOCKED = 255,	 /* c->dup_acks until snd_una moves (RFC 6582 3.2 step 1) */
	TCP_CWND_MAX = 1024 * 1024 * 1024,
};

static inline uint32_t clamp_u32(uint32_t v, uint32_t low, uint32_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* An ACK under way. */
struct ack_walk {
	struct worker *w;
	struct tcp_conn *c;
	const struct tcp_seg *s;
	struct tcp_ack *a;
	uint32_t una;	/* what it acknowledges, cumulatively */
	uint32_t steps; /* left of SACK_STEPS */
	bool spurious;	/* timestamps: what was sent again had arrived (RFC 3522) */
	bool unneeded;	/* DSACKs: all that was sent again had arrived (RFC 3708) */
};

/* ---- sent.c ---- */

static inline bool sent_in_flight(const struct tcp_sent *r)
{
	return !(r->flags & (SENT_SACKED | SENT_LOST));
}

/*
 * Records of a worker: a few for each of `conns` connections, `shared` for all, and no connection
 * has more than max. False: no memory.
 */
bool sent_create(struct tcp *t, uint32_t conns, uint32_t shared, uint32_t max);
/* The most of a connection, from now on. */
void sent_limit(struct tcp *t, uint32_t max);
/* Records c may still have: what is its own, and of the shared ones no more than are left for
 * others. */
uint32_t sent_left(const struct tcp *t, const struct tcp_conn *c);
/* Leaves both lists and the sums; r is gone. */
void sent_free(struct worker *w, struct tcp_conn *c, struct tcp_sent *r);
/* Bytes up to seq, inside r, were acknowledged. */
void sent_trim(struct tcp_conn *c, struct tcp_sent *r, uint32_t seq);
/* r was SACKed; joins it with its neighbours. Returns the record that stands for it now. */
struct tcp_sent *sent_sack(struct worker *w, struct tcp_conn *c, struct tcp_sent *r);
/* r, in flight, is lost. */
void sent_lose(struct tcp_conn *c, struct tcp_sent *r);
/* What is lost and was not sent again is in flight after all. */
void sent_unlose(struct tcp_conn *c);
/* The receiver took its SACKs back (RFC 2018 8): those are lost. */
void sent_unsack(struct tcp_conn *c);
/* The record that seq is in, walking from wherever is near. NULL past the end or out of steps. */
struct tcp_sent *sent_find(struct tcp_conn *c, uint32_t seq, uint32_t *steps);

/* ---- sack.c ---- */

/* Steps through what k->s acknowledges: delivered bytes, RTT, RACK, DSACK. */
void sack_walk(struct ack_walk *k);
/* Without SACK sacked_bytes is a guess: keeps it below what may have arrived. */
void sack_virtual_limit(struct tcp_conn *c, uint32_t una);

/* ---- rack.c ---- */

/* r, up to end, is delivered (RFC 8985 6.2 steps 1 to 3). */
void rack_delivered(struct ack_walk *k, const struct tcp_sent *r, uint32_t end);
/* r, the first acknowledged, had arrived before it was sent again. */
bool rack_is_spurious(const struct ack_walk *k, const struct tcp_sent *r);
/* Step 4: the reordering window follows DSACKs; over: recovery ends with this ACK. */
void rack_adapt(struct tcp_conn *c, uint32_t una, bool dsack, bool over);
uint32_t rack_window(const struct tcp_conn *c);
/* Step 5: marks what was sent long enough before what was delivered. Returns bytes. */
uint32_t rack_detect(struct worker *w, struct tcp_conn *c);
/* Whether something waits for the reordering timer, and when that is due (tcp_us()). */
bool rack_due(const struct tcp_conn *c, uint32_t *us);
/* 6.3: marks the first, and what had the time to be acknowledged. */
void rack_timeout(struct worker *w, struct tcp_conn *c);

/* ---- cwnd.c ---- */

/* Something goes out after all was acknowledged (RFC 5681 4.1). */
void cwnd_restart(struct worker *w, struct tcp_conn *c);
/* pipe bytes are in flight, up to end; remembered for a window. */
void cwnd_used(struct tcp_conn *c, uint32_t pipe, uint32_t end);
/* The window, and not the owner, limits what is sent: it may grow (RFC 5681 3.1, 7661). */
bool cwnd_is_used(const struct tcp_conn *c);
/* RFC 6937 3: before a reduction of c->ssthresh, and each ACK until it is over. safe: una moved on
 * and nothing new was lost. */
void cwnd_prr_start(struct tcp_conn *c);
void cwnd_prr(struct tcp_conn *c, uint32_t una, uint32_t delivered, bool safe);

/* ---- tlp.c ---- */

/* An ACK while a probe is out (RFC 8985 7.4). True: the probe repaired a loss. */
bool tlp_ack(struct ack_walk *k);
bool tlp_allowed(const struct tcp_conn *c);
/* From the last transmission, or ACK, to the probe (7.2). */
uint32_t tlp_timeout_us(const struct tcp_conn *c);

#endif
