/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_RECOVERY_H
#define FL_DP_TCP_RECOVERY_H

/*
 * Loss recovery as the rest of the stack sees it: what was sent, what an ACK or a timer says of it,
 * and what may go next. sent.h has the inside.
 */
#include "conn.h"

/*
 * A piece of sequence space as it was sent last: one segment, or several of a burst that the port
 * cuts (TSO). In a list by sequence number and, while it is in flight, in one by the time of its
 * last transmission, which is RACK's order. FIN has one, too.
 */
struct tcp_sent {
	struct tcp_sent *next, *prev;	 /* by seq */
	struct tcp_sent *later, *sooner; /* by xmit_us */
	uint32_t seq, end;
	uint32_t xmit_us;
	uint32_t order; /* of the transmission: of two at the same time, which was first */
	uint16_t flags; /* enum tcp_sent_flags */
	uint16_t rexmits;
	uint32_t pad[3];
};
_Static_assert(sizeof(struct tcp_sent) == 64, "one line");

enum tcp_sent_flags {
	SENT_SACKED = 1 << 0,
	SENT_LOST = 1 << 1,   /* and not sent again yet */
	SENT_REXMIT = 1 << 2, /* was sent more than once */
	SENT_PROBE = 1 << 3,  /* the last time as a tail loss probe */
	SENT_FIN = 1 << 4,
	SENT_FOLDED = 1 << 5, /* several transmissions share it; times are the last one's */
};

enum tcp_rexmit_mode { REXMIT_RTO, REXMIT_PROBE, REXMIT_REORDER };

/* What an ACK did, filled by recovery_ack() and used by input. */
struct tcp_ack {
	uint32_t acked;	    /* bytes snd_una moved */
	uint32_t delivered; /* bytes newly acknowledged or SACKed */
	uint32_t lost;	    /* bytes newly marked lost */
	bool dsack;	    /* the first block was a DSACK */
	bool rexmitted;	    /* covers something that was sent twice */
	int32_t rtt_us;	    /* sample of what was sent once, or of timestamps; -1: none */
};

/*
 * [seq, end) was sent for the first time, now. NULL when no record can be had: the caller then
 * sends nothing. flags: SENT_FIN, or 0.
 */
struct tcp_sent *recovery_sent(struct worker *w, struct tcp_conn *c, uint32_t seq, uint32_t end,
			       uint16_t flags);
/* [s->seq, end), all of s or its front, is sent again now. */
void recovery_resent(struct worker *w, struct tcp_conn *c, struct tcp_sent *s, uint32_t end);
/*
 * A segment that acknowledges snd_una < s->ack <= snd_max, or repeats snd_una, or has SACK blocks:
 * updates scoreboard, RACK (RFC 8985 6.2), congestion state and window (RFC 6675, 6937, 5681),
 * undoes needless reductions, takes the RTT sample. c->snd_una and c->snd_wnd are still the old
 * ones; the caller moves them afterwards.
 * ecn: the segment echoes congestion (RFC 3168).
 */
void recovery_ack(struct worker *w, struct tcp_conn *c, const struct tcp_seg *s, bool ecn,
		  struct tcp_ack *a);
/* Retransmission timeout (RFC 6298 5.4-5.7, RFC 8985 6.3): everything is lost, window of one. */
void recovery_timeout(struct worker *w, struct tcp_conn *c);
/* The reordering timer (RFC 8985 6.2 step 5). Returns bytes marked lost. */
uint32_t recovery_reorder_timeout(struct worker *w, struct tcp_conn *c);
/*
 * The first lost piece to send again that the window has room for (RFC 6675 NextSeg, PRR), or
 * NULL.
 */
struct tcp_sent *recovery_next(struct worker *w, struct tcp_conn *c);
/* Bytes of new data the congestion window has room for now (cwnd - pipe, PRR, limited transmit). */
uint32_t recovery_room(const struct worker *w, const struct tcp_conn *c);
/* Which timer must run and when: RTO, probe or reordering; sets TCP_TIMER_REXMIT, or stops it. */
void recovery_arm(struct worker *w, struct tcp_conn *c);
/*
 * The probe timer fired (RFC 8985 7.3): what to send again, or NULL when new data shall go instead
 * (the caller calls recovery_probed() after it sent either).
 */
struct tcp_sent *recovery_probe(struct worker *w, struct tcp_conn *c);
void recovery_probed(struct worker *w, struct tcp_conn *c, bool rexmit);
/* Round-trip time sample (RFC 6298 2). */
void recovery_rtt(struct tcp_conn *c, uint32_t rtt_us);
/* The segment size went down: what is larger is lost; conn_resend() cuts it. */
void recovery_resegment(struct worker *w, struct tcp_conn *c);
/* Cuts s at seq, s keeping the front; NULL when no record can be had. */
struct tcp_sent *recovery_split(struct worker *w, struct tcp_conn *c, struct tcp_sent *s,
				uint32_t seq);
void recovery_clear(struct worker *w, struct tcp_conn *c);

/* Bytes in flight (RFC 6675 4): sent, neither SACKed nor lost, and those sent again. */
static inline uint32_t recovery_pipe(const struct tcp_conn *c)
{
	return c->snd_max - c->snd_una - c->sacked_bytes - c->lost_bytes;
}

#endif
