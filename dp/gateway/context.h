/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_GATEWAY_CONTEXT_H
#define FL_DP_GATEWAY_CONTEXT_H

/*
 * Contexts: two terminations each, what comes from one goes to the other (R28, R42). The control
 * process says what a context shall be (struct cmd_context_set), all of it each time; media.c makes
 * that true of UDP, stream.c of TCP and TLS. This file has the table: slots, replay, expiry,
 * events.
 *
 * A context lives on one worker, and so do its local ports: they are of that worker's share. What
 * stands in the relay table for such a port names a component (gate_component()), where a session's
 * slot stands for an allocation's.
 */
#include "../relayed.h"

enum {
	SIDES = 2,
	COMPONENTS = 4,	       /* of a context: side by side, RTP then RTCP */
	CONTEXT_TICK_MS = 100, /* rounds of context_tick() */
	CONSENT_S = 30,	       /* RFC 7675 5.1 */
	RENEW_S = 15,	       /* a check so long after the nomination is one of consent */
};

/* What stands in a relay table for component 2 * side + rtcp of the context in a slot. */
static inline uint32_t gate_component(uint32_t slot, uint32_t component)
{
	return RELAYED_TERM_BIT | (slot * COMPONENTS + component);
}

static inline uint32_t gate_slot(uint32_t entry)
{
	return (entry & ~RELAYED_TERM_BIT) / COMPONENTS;
}

static inline uint32_t gate_side(uint32_t entry)
{
	return entry % COMPONENTS / 2;
}

enum context_kind { CONTEXT_NONE, CONTEXT_MEDIA, CONTEXT_STREAM };

struct stream;

/* What both kinds have in common. */
struct context {
	uint32_t gen;		       /* 0: free slot */
	uint32_t expiry;	       /* seconds */
	uint32_t epoch;		       /* of the last replay that named it */
	uint8_t kind;		       /* enum context_kind: of the terminations it has had */
	uint8_t flags;		       /* enum ctl_context_flags */
	uint8_t ports[SIDES];	       /* how many of ours a side has; 0: no termination */
	struct ctl_relay local[SIDES]; /* the first of them */
	struct stream *stream;	       /* of CONTEXT_STREAM, from the worker's pool */
};
_Static_assert(sizeof(struct context) == 32, "two a cache line");

/* All of this folder on a worker; part of worker_create(). On failure one sentence in err. */
bool gate_create(struct worker *w, char *err, size_t errlen);
void gate_destroy(struct worker *w);

/* How many local ports a termination has; 0: there is none (context_check.c). */
uint8_t term_ports(const struct ctl_term *t);
/* Whether every value of a command can be; free ports and slots are not looked at. */
bool context_valid(const struct worker *w, const struct cmd_context_set *c);

/* Whether policy lets no termination learn this remote (R77); one of ours is another termination.
 */
bool gate_denied(const struct worker *w, const struct ip_addr *remote);

/*
 * Commands (cmd.c). context_set(), context_move() and context_srtp() tell of a failure themselves,
 * and the first two have changed nothing then.
 */
bool context_set(struct worker *w, const struct cmd_context_set *c);
/* Whether context_set() would obey if no session had its ports. */
bool context_can(struct worker *w, const struct cmd_context_set *c);
bool context_del(struct worker *w, const struct cmd_context *c);
bool context_audit(struct worker *w, const struct cmd_context *c);
bool context_move(struct worker *w, const struct cmd_context_move *c);
bool context_srtp(struct worker *w, const struct cmd_srtp_set *c);

/* A replay: what it did not name is deleted, a few contexts a turn. Returns slots looked at. */
void context_sync_begin(struct worker *w);
void context_sync_end(struct worker *w);
uint32_t context_sweep(struct worker *w, uint32_t budget);

/* An audit (audit.h): a context that lives is told of. False: there is no room now. */
bool context_told(struct worker *w, uint32_t slot);
uint32_t context_slots(const struct worker *w);

/*
 * Expiry, silence, consent, events: a part of the table each time, all of it in CONTEXT_TICK_MS.
 * Returns slots looked at. A context of streams hears of each round, one of media of every tenth:
 * its times are seconds, and it is more to read.
 */
uint32_t context_tick(struct worker *w);

/* The context of a cid, NULL if it is gone. */
struct context *context_find(struct worker *w, struct ctl_cid cid);

/*
 * An event for the control process: what, side and all are set, hdr and cid are made here. False
 * when the ring is full: the caller keeps what must not be lost and tries again.
 */
bool context_tell(struct worker *w, uint32_t slot, const struct evt_term *about);

/* ---- UDP (media.c) ---- */

/*
 * A context of UDP comes, changes or (term[] all TERM_NONE) goes. Values were checked, ports are
 * free or its own.
 */
void media_set(struct worker *w, uint32_t slot, const struct ctl_term term[SIDES]);
/* One side goes. */
void media_subtract(struct worker *w, uint32_t slot, uint32_t side);
void media_move(struct worker *w, uint32_t slot, uint32_t side, uint32_t to, uint32_t to_side);
void media_stats(struct worker *w, uint32_t slot, struct ctl_term_stats stats[SIDES]);
void media_tick(struct worker *w, uint32_t slot);
/* What a command would have said that made it as it is, with what was learnt since. */
void media_terms(const struct worker *w, uint32_t slot, struct ctl_term term[SIDES]);
/* Takes p->m: a datagram to the port of the component in p->slot (an entry of the relay table). */
void media_input(struct worker *w, struct pkt *p);

/*
 * What media_input() took and is or becomes SRTP goes on, as one burst (media_srtp.c): before any
 * command is obeyed, and before a worker's turn ends.
 */
void media_end(struct worker *w);

struct path_terms;
/*
 * The short way (media_path.c): sends what it can of the packets to terminations' ports. Returns a
 * bit for each that went, by its place in the burst; the others are as they were.
 */
uint64_t media_burst(struct worker *w, struct path_terms *t);

/* ---- TCP and TLS (stream.c) ---- */

bool stream_create(struct worker *w, char *err, size_t errlen);
void stream_destroy(struct worker *w);
/* Whether the context of a slot, whichever it is, has a stream, or there is one to be had. */
bool stream_can(const struct worker *w, uint32_t slot);
/*
 * A context of TCP and TLS, which stream_can(), comes, changes or (term[] all TERM_NONE) goes, and
 * with it context->stream.
 */
void stream_set(struct worker *w, uint32_t slot, const struct ctl_term term[SIDES]);
/* One side goes, of a context that has it. */
void stream_subtract(struct worker *w, uint32_t slot, uint32_t side);
/* False, and nothing has moved: `to` has no stream, and there is none to be had. */
bool stream_move(struct worker *w, uint32_t slot, uint32_t side, uint32_t to, uint32_t to_side);
void stream_stats(struct worker *w, uint32_t slot, struct ctl_term_stats stats[SIDES]);
void stream_tick(struct worker *w, uint32_t slot);
void stream_terms(const struct worker *w, uint32_t slot, struct ctl_term term[SIDES]);

struct tcp_app;
struct tcp_request;
/* A SYN to the port of a component (an entry of the relay table): its owner, if one listens there.
 */
const struct tcp_app *stream_accept(struct worker *w, struct tcp_request *r, uint32_t entry);

#endif
