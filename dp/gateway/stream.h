/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_GATEWAY_STREAM_H
#define FL_DP_GATEWAY_STREAM_H

/*
 * Terminations of TCP and TLS from the inside (3GPP TS 23.334 5.11.2.x), for the files that
 * make them: two connections of their own, begun when the control process says so, and bytes passed
 * between them once both are up and each remote was judged. They know bytes, not protocols (R45).
 *
 *   stream.c       pool, commands, SYNs, rounds
 *   stream_side.c  one side: its connection, what it passes on, its end
 *   stream_claim.c whose connection a listening side has
 *
 * How one ends (R54):
 *
 *   its remote closes: FIN, close_notify      the same back (R59), after what waited for it
 *   RST, alert, error, time                   as the layer below does it
 *   another certificate, or no fingerprint    fatal alert bad_certificate, FIN (R50), if it was
 *                                             up or a client's; a server listens on
 *   it is subtracted, or its context deleted  in order, unless bytes wait that it was to get
 *
 * and then its partner, unless CONTEXT_HOLD is set: in order, with all that was passed to it, if
 * the end was (TCP_END_RELEASED); otherwise by RST (TCP_END_PARTNER).
 */
#include "context.h"
#include "gateway.h"
#include "../tls/tls.h"

enum { CANDIDATES = 8 }; /* of a side that listens */

enum side_state {
	SIDE_NONE, /* no termination, or one that was not told to begin */
	SIDE_LISTENING,
	SIDE_OPENING,  /* of a client: a connection that is not open yet, or has its handshake under
			  way */
	SIDE_UNJUDGED, /* a fingerprint is waited for */
	SIDE_UP,
	SIDE_ENDED,
};

/* A connection that was not the remote's. */
struct side_refused {
	uint16_t why; /* enum tcp_end */
	struct sock_addr remote;
	uint8_t sha256[32];
};

struct side {
	struct tcp_conn *c; /* SIDE_OPENING to SIDE_UP */
	uint32_t serial;    /* of its beginning: connections of an earlier one have another */
	uint8_t state;	    /* enum side_state */
	uint8_t attempt;    /* that was begun, 0: none */
	uint8_t due;	    /* bits of enum ctl_term_event: not told yet */
	bool silent;	    /* TERM_INACTIVE was told */
	/*
	 * Of a server: whether c is the remote's is not known yet. With TLS until there is a
	 * fingerprint, without until its address is told or the partner is up.
	 */
	bool held;
	uint8_t n_cand;
	struct tcp_conn *cand[CANDIDATES]; /* the oldest first; not c */
	uint64_t bytes;			   /* from the remote, passed on */
	uint64_t credit_ms;		   /* when the bucket was filled */
	int64_t credit;			   /* what is in it, below 0: a debt; see side_credit() */
	uint64_t bytes_seen;
	uint32_t seen_s; /* when bytes_seen was so much first */
	uint16_t why;	 /* enum tcp_end, with SIDE_ENDED */
	uint16_t tls_version, tls_suite;
	struct sock_addr remote;
	uint8_t sha256[32];	     /* of its certificate */
	struct side_refused refused; /* TERM_REFUSED tells of it */
	struct ctl_term term;
};

struct stream {
	uint32_t slot; /* of the context */
	uint32_t next; /* free list */
	struct side side[SIDES];
};

/* A worker's. */
struct stream_pool {
	uint32_t free; /* SLOT_NONE: none is */
	uint32_t serial;
	struct stream stream[];
};

/* Owner's bytes of a connection that is a side's, or wants to be. */
struct stream_owner {
	struct stream *stream;
	uint32_t serial, side;
};
_Static_assert(sizeof(struct stream_owner) <= TCP_APP_DATA, "owner's bytes");

/* Who is charged for what its sides hold (tcp_charge()): the context, whoever its remotes are. */
static inline uint64_t stream_account(const struct worker *w, const struct stream *s)
{
	return (uint64_t)w->gateway->context[s->slot].gen << 32 | s->slot;
}

/* ---- stream_side.c ---- */

extern const struct tcp_app stream_app;

/*
 * The stream whose side c is, or wants to be, the connection of. NULL: that has gone, or has begun
 * anew.
 */
struct stream *stream_wanted(const struct worker *w, struct tcp_conn *c, uint32_t *i);
/* Of segments of its connections: a stream has none that it came with. */
uint8_t term_dscp(const struct ctl_term *t);
/* What stands between a connection and its side; NULL: nothing. */
const struct tcp_layer_ops *side_layer(const struct ctl_term *t);
/* Told at once, or as soon as the ring has room. */
void side_event(struct worker *w, struct stream *s, uint32_t i, enum ctl_term_event what);
/* The connection of side i turned out to be the remote's: the side is up. */
void side_up(struct worker *w, struct stream *s, uint32_t i);
/* Side i has ended by why, and has no connection any more. */
void side_over(struct worker *w, struct stream *s, uint32_t i, enum tcp_end why);
/* Fills in what the connection of side i begins with, whoever opens it. */
void side_request(struct stream *s, uint32_t i, struct tcp_request *r);
/* Side i listens, or connects at once (R43, R58). A connection of an earlier attempt makes way. */
void side_begin(struct worker *w, struct stream *s, uint32_t i);
/* The control process asks again: tells it of side i's end or, with all, of how the side stands. */
void side_repeat(struct worker *w, struct stream *s, uint32_t i, bool all);
/* The termination of side i changed, but it goes on with its attempt. */
void side_change(struct worker *w, struct stream *s, uint32_t i);
/*
 * Side i is subtracted. What has been received already goes to the partner, which then ends as
 * after any other end: in order, unless it had no room for all.
 */
void side_subtract(struct worker *w, struct stream *s, uint32_t i);
/* The partner of side i has ended: so does i, unless the control process wants to decide. */
void side_release(struct worker *w, struct stream *s, uint32_t i);
/* Ends its connection, of which it hears no more: in order, if it is open, or by RST. */
void side_leave(struct worker *w, struct side *d, enum tcp_end why, bool order);
/*
 * What no call tells of: that a remote has closed while nobody reads, that the layer is ending a
 * connection, and silence; and events that had no room.
 */
void side_tick(struct worker *w, struct stream *s, uint32_t i);

/* What waits goes on from side i to the other, as far as there is room and it may. */
void stream_pass(struct worker *w, struct stream *s, uint32_t i);
/* Before an end: passes on all that has come from side i, which a layer may not have seen yet. */
void stream_drain(struct worker *w, struct stream *s, uint32_t i);
/* Whether bytes from side i still wait for the other: an end now is no end in order for that. */
bool stream_waits(const struct stream *s, uint32_t i);
/* What goes nowhere is not read: the window bounds what waits (R51). */
void stream_pause(struct worker *w, struct stream *s);

/* ---- stream_claim.c ---- */

/* Who may connect (R28): its address, which may have another port than the one it listens at. */
bool term_remote_may(const struct ctl_term *t, const struct ip_addr *ip);
/* Whether who connects now may become its connection. */
bool side_listens(const struct side *d);
/* Judges its connection by what is known of the remote now, after each change of that. */
void side_judge(struct worker *w, struct stream *s, uint32_t i);
/* Its connection is not the remote's: a side that is held listens on, another one ends. */
void side_unfit(struct worker *w, struct stream *s, uint32_t i, enum tcp_end why);
/* A side that was held has lost its connection: a candidate takes its place, or it listens. */
void side_vacate(struct worker *w, struct stream *s, uint32_t i);
/* TERM_REFUSED, of a connection that is still there; a round tells it. */
void side_note(const struct worker *w, struct side *d, struct tcp_conn *c, enum tcp_end why);
/* Ends a connection that is no side's, nor a candidate: with an alert, where it has TLS. */
void conn_refuse(struct worker *w, struct tcp_conn *c, enum tcp_end why);
/* Ends all its candidates by RST. */
void side_cands_end(struct worker *w, struct side *d, enum tcp_end why);
/* Lets go of candidates that the layer is closing. */
void side_cands_look(struct worker *w, struct side *d);
/* Calls of connections; of a candidate the last two. */
void stream_expect(struct worker *w, struct tcp_conn *c, struct tls_expect *e);
void stream_established(struct worker *w, struct tcp_conn *c);
void cand_timeout(struct worker *w, struct tcp_conn *c);
void cand_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why);

#endif
