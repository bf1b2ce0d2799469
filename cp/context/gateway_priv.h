/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CONTEXT_PRIV_H
#define FL_CP_CONTEXT_PRIV_H

/* Inside of the gateway: for gateway*.c and answers.c only. */
#include "context_table.h"
#include "gateway.h"
#include "../share.h"

#include "../server.h"

struct event_log;
struct answers;

struct gateway {
	struct server *s;
	const struct config *conf;
	struct context_table *table;
	struct event_log *log;
	struct answers *answers;
	struct gate_stats stats;
	struct share contexts[2], streams[2]; /* by context.kept, and owner; totals are not used */
	struct share urgent;		      /* of urgent calls, by owner */
	struct gate_listener {
		void (*ended)(void *arg, const struct context *c, enum context_end end);
		void *arg; /* NULL: nobody */
	} listener[2];
};

/* Writes the sentence and returns false. */
__attribute__((format(printf, 3, 4))) bool gate_refuse(struct gate_fail *f, enum gate_error error,
						       const char *fmt, ...);
/* The same of what urgent calls would be given. */
__attribute__((format(printf, 2, 3))) bool gate_withhold(struct gate_fail *f, const char *fmt, ...);

/* ---- changes (gateway.c) ---- */

/* Makes *to of a record, and sets its timer. */
void gate_change(struct gateway *g, struct context *c, struct context *to);
/* Tells the dataplane all of it. */
void gate_send(struct gateway *g, const struct context *c);
/* Lets go of ports, timer and record; the dataplane is not told. */
void gate_drop(struct gateway *g, struct context *c);

/* ---- who may have what is left (gateway_room.c) ---- */

/* Counts one that is there for its owner, or not any more. */
void gate_count(struct gateway *g, const struct context *c);
void gate_uncount(struct gateway *g, const struct context *c);
/* Whether its owner may have one more like it, on whatever worker. */
bool room_share(const struct gateway *g, const struct context *c, struct gate_fail *f);
/* Whether its worker has room for it, with so many keys of SRTP. */
bool room_check(const struct gateway *g, const struct context *c, uint32_t srtp,
		struct gate_fail *f);
/*
 * Whether a termination of it may become SRTP. Where that takes what is kept for urgent calls the
 * whole context does: *c, a copy, is kept then.
 */
bool room_srtp(const struct gateway *g, struct context *c, uint32_t side, const struct term_spec *w,
	       struct gate_fail *f);
/* Whether a termination of c may move to another context: what is kept for urgent calls stays so.
 */
bool room_move(const struct gateway *g, const struct context *c, uint32_t side,
	       const struct context *to, struct gate_fail *f);
/* Whether its owner gets what is left for those with less than an equal part of urgent calls. */
bool room_is_small(const struct gateway *g, const struct context *c);

/* ---- keys of SRTP (gateway_srtp.c) ---- */

/* The record has changed: what its terminations must not keep is wiped. */
void srtp_changed(struct gateway *g, const struct context *c);
/* Those of a side that was moved to another context. */
void srtp_move(struct gateway *g, const struct context *c, uint32_t side, const struct context *to,
	       uint32_t to_side);
/* All of a context is wiped. */
void srtp_forget(struct gateway *g, const struct context *c);
/* Commands that tell a dataplane of its keys, and what sends them. */
uint32_t srtp_commands(const struct gateway *g, const struct context *c);
void srtp_send(struct gateway *g, const struct context *c);

static inline bool context_has_srtp(const struct context *c)
{
	return (c->term[0].term.flags | c->term[1].term.flags) & TERM_SRTP;
}

/* ---- ends and answers (gateway_end.c) ---- */

/* Ends a context: its controller is told, then it is gone. */
void gate_end(struct gateway *g, struct context *c, enum context_end end);
/* Ends a context, but keeps it so that its controller can ask for it. */
void gate_end_kept(struct gateway *g, struct context *c, struct context *to);
/* Fills in what is of the context, and adds it. */
void gate_tell(struct gateway *g, const struct context *c, struct gate_event *e);
/* Whether it waits for its controller: a termination, a remote address, or the order to begin. */
bool gate_waits(const struct context *c);
/* Sets the timer to the nearest deadline. */
void gate_timer(struct gateway *g, struct context *c);

/* ---- terminations (gateway_term.c) ---- */

/* Whether what is asked for can be in a context of TCP and TLS (stream) or of UDP. */
bool term_check(struct gateway *g, const struct term_spec *w, bool stream, struct gate_fail *f);
/* Whether m, which may be none yet, may become it. */
bool term_check_change(struct gateway *g, const struct context_term *m, const struct term_spec *w,
		       struct gate_fail *f);
/*
 * Makes of *m, which is a copy, what is asked for in that context. A new local address
 * is taken where one is needed; what m had is the caller's to give back (term_ports_give()).
 */
bool term_make(struct gateway *g, struct context_term *m, const struct term_spec *w,
	       const struct context *c, struct gate_fail *f);
/*
 * Whoever it has, or has learnt (rtcp: of RTCP), is forgotten, and another is waited for; the
 * dataplane is not told.
 */
void term_again(struct gateway *g, struct context_term *m, uint32_t rtcp);
/* Workers that may have the port that is asked for, a bit each; all where none is, or nobody has
 * it. */
uint64_t term_workers(const struct gateway *g, const struct term_spec *w);
/* Says that worker is none of these; false. */
bool term_workers_refuse(const struct term_spec *w, uint64_t workers, uint32_t worker,
			 struct gate_fail *f);
/* Whether the local address m has is the one asked for. */
bool term_local_stays(const struct gateway *g, const struct context_term *m,
		      const struct term_spec *w);
/* Whether two local addresses, ports included, are the same. */
bool term_same_local(const struct context_term *a, const struct context_term *b);
bool term_ports_claim(struct gateway *g, const struct context_term *m);
void term_ports_give(struct gateway *g, const struct context_term *m);

static inline bool term_is(const struct context_term *m)
{
	return m->term.transport != TERM_NONE;
}

static inline bool term_is_stream(const struct context_term *m)
{
	return m->term.transport > TERM_UDP;
}

#endif
