/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_NG_NG_CALL_H
#define FL_CP_NG_NG_CALL_H

/*
 * Offers and answers (RFC 3264): one context an m-line, found by call and tags. Side 0 is who made
 * the first offer (from-tag), side 1 who answered it (to-tag).
 *
 * What is in force stays so until an offer is answered, for it may be refused and nobody says so
 * (RFC 3261 14.1). Of datagrams an offer is kept with its side (struct ng_note), and holds with the
 * answer. What would need another address of ours, or begin connections again, is a context of its
 * own until then, beside the one in force.
 */
#include "../server.h"
#include "../context/gateway.h"
#include "ng_media.h"
#include "ng_srtp.h"

enum {
	NG_SDP_MAX = 65000,   /* bytes: as much as a datagram takes */
	NG_SDP_GROWTH = 1280, /* bytes an m-line, or the session, may have of ours */
	NG_SDP_CRYPTO = 1024, /* and of a=crypto */
};

/* What a side of datagrams offered, until the answer: in its termination's note. */
struct ng_note {
	bool offered, restart, halted;
	uint16_t flags; /* enum ctl_term_flags */
	struct sock_addr remote[2];
	uint64_t note; /* of the context */
};

_Static_assert(sizeof(struct ng_note) <= CONTEXT_NOTE_MAX, "a termination can keep it");

/* What is known of a side for as long as its termination is there: in its keep. */
struct ng_keep {
	char mid[NG_MID_MAX]; /* by which it knows the m-line; "": it has none */
	uint8_t bundle;	      /* the m-line's place in what it offered as a bundle; 0: in none */
	bool trickles;	      /* it adds candidates */
	bool accepts : 1;     /* its bundle may be one transport */
	bool only : 1;	      /* it is served in its bundle or not at all */
	uint8_t dtls;	      /* counts its associations with us that followed another */
	/* What it was told last, of all m-lines: the version in o=, and a hash; 0: not counted. */
	uint32_t digest;
	uint64_t version;
	char label[NG_LABEL_MAX]; /* of whose it is; "": none */
};

_Static_assert(sizeof(struct ng_keep) <= CONTEXT_KEEP_MAX, "a termination can keep it");

/* One offer or answer under way. */
struct ng_call {
	const struct server *s;
	struct gateway *g;
	uint64_t self;	/* our name for loop-protect */
	uint32_t owner; /* gate_owner() of who sent the command */
	/* Filled by ng_call_offer() and ng_call_answer(). */
	const struct ng_flags *f;
	bool offer;
	uint32_t from, to; /* sides: who sent the SDP, who gets it */
	uint32_t branch;   /* of the call; 0: it has none */
	struct sdp sdp;
	struct ng_media media[SDP_MEDIA_MAX];
	int n_refused;		/* m-lines that are not served: each by itself (RFC 3264 6) */
	char why[CTL_TEXT_MAX]; /* the first of them */
	struct ng_srtp srtp[SDP_MEDIA_MAX];
	bool secrets;				/* are in what is here: ng_srtp_wipe() */
	uint32_t crypto_skipped[SDES_VERDICTS]; /* lines of a=crypto that cannot be used, by why */
	struct context *context[SDP_MEDIA_MAX];
	uint64_t note[SDP_MEDIA_MAX]; /* of the context, as soon as this holds */
	bool added[SDP_MEDIA_MAX];
	struct context *former[SDP_MEDIA_MAX]; /* in force until the answer, and over with it */
	/* Over once the offer is made: it ended before, or is of an offer nobody answered. */
	struct context *over[2 * SDP_MEDIA_MAX];
	uint32_t n_over;
	struct gate_fail fail;		     /* once one has failed */
	char mid[SDP_MEDIA_MAX][NG_MID_MAX]; /* names that c->to is told (ng_mid.h); "": none */
	uint64_t version;		     /* in its o=; 0: the sender's */
	char out[NG_SDP_MAX];		     /* the SDP for the other side */
	size_t out_len;
};

/*
 * What a context carries for us in its `note`: protocols of both m-lines (ng_proto()), what an
 * offer left for its answer, and ICE credentials of the remotes as far as to know a restart.
 */
enum ng_note_bits {
	NG_NOTE_PROTO = 0, /* 4 bits a side */
	NG_NOTE_TYPE = 8,  /* 3 bits: ng_type() */
	NG_NOTE_MUX = 11,  /* rtcp-mux is accepted whatever the answer says */
	NG_NOTE_OPEN = 12, /* connections begin with the answer */
	NG_NOTE_TLS = 13,  /* a bit a side: its TLS role was told */
	NG_NOTE_ICE = 16,  /* 16 bits a side */
	/* What was offered, whatever an answer made of it: another answer may follow (forks). */
	NG_NOTE_OFFER_MUX = 48, /* rtcp-mux, by who offers */
	NG_NOTE_OFFER_ICE = 49, /* a bit a side: it offers ICE, or is offered it */
	NG_NOTE_REFUSED = 51,	/* a bit a side: its last answer refused the m-line */
	/* A bit a side: how its address is learnt, as its own last message said. */
	NG_NOTE_ASYMMETRIC = 53,
	NG_NOTE_STRICT = 55,
	NG_NOTE_CLOSING = 57, /* an offer that is not answered yet ends or replaces it */
	NG_NOTE_FORKED = 58,  /* its offer has answers of several branches */
	NG_NOTE_FINAL = 59,   /* the one that holds is final: its response said so */
	NG_NOTE_BLOCKED = 60, /* a bit a side: nothing it sends passes, until it is unblocked */
	NG_NOTE_EVENTS = 62,  /* a bit a side: nor do its telephone events, likewise */
};

static inline uint32_t ng_note_get(uint64_t note, uint32_t bit, uint32_t bits)
{
	return (uint32_t)(note >> bit) & ((1u << bits) - 1);
}

static inline void ng_note_set(uint64_t *note, uint32_t bit, uint32_t bits, uint32_t v)
{
	*note &= ~((((uint64_t)1 << bits) - 1) << bit);
	*note |= (uint64_t)v << bit;
}

/*
 * False: c->fail says why. What the offer added is gone again, and what there was is as it was
 * (ng_offer.c, ng_answer.c).
 */
bool ng_call_offer(struct ng_call *c, const struct ng_flags *f);
bool ng_call_answer(struct ng_call *c, const struct ng_flags *f);

/*
 * Whether a context belongs to a dialogue; *from is the side that from-tag names. A to-tag that is
 * not known yet, or another (a call that forked), is no obstacle unless strict.
 */
bool ng_call_match(const struct context *c, const struct ng_flags *f, bool strict, uint32_t *from);
/* Whether both tags are those of the context. */
bool ng_call_match_both(const struct context *c, const struct ng_flags *f);
/* A number for via-branch; 0: not given. */
uint32_t ng_branch(const struct gateway *g, const struct ng_flags *f);
/*
 * Whether tags that do not match strictly may be those of the branch that came through, although
 * another holds: of a call that forked, where nobody said which answer was final.
 */
bool ng_call_match_fork(const struct context *c, const struct ng_flags *f);

/*
 * A fragment of an SDP with candidates that came later (RFC 8840): nothing of it changes a lite
 * agent, and the other side gets one with what it knows of us.
 */
bool ng_call_fragment(struct ng_call *c, const struct ng_flags *f, bool offer);

/* The SDP for side c->to, into c->out (ng_version.c). False if it does not fit. */
bool ng_call_write(struct ng_call *c);

/* ---- what offers and answers share (ng_call.c) ---- */

/* Writes the sentence and returns false. */
__attribute__((format(printf, 3, 4))) bool ng_call_refuse(struct ng_call *c, enum gate_error error,
							  const char *fmt, ...);
/* Begins with a command. */
void ng_call_begin(struct ng_call *c, const struct ng_flags *f, bool offer);
/* Reads what the command has; *loop: it came back to us, and is handed on as it is. */
bool ng_call_read(struct ng_call *c, const struct ng_flags *f, bool offer, bool *loop);
/* An m-line is not served: the one side is told port 0, and if need be the other one as well. */
__attribute__((format(printf, 3, 4))) void ng_call_media_refuse(struct ng_call *c, int i,
								const char *fmt, ...);
/* Finds the contexts of the dialogue, and who is who. False if there is none. */
bool ng_call_find(struct ng_call *c);
/* RFC 8122 5: an m-line of TLS has a fingerprint. Ours are known while a dataplane tells them. */
bool ng_call_certified(struct ng_call *c);
/* False if no m-line is left that is served. */
bool ng_call_left(struct ng_call *c);
/* False as soon as it is of one m-line. */
bool ng_call_each(struct ng_call *c, bool (*take)(struct ng_call *c, int i));
void ng_call_gone(struct ng_call *c, struct context **x);
/* What was deleted a while ago is not: an offer or answer of it came. */
void ng_call_spare(struct ng_call *c);
/* The plan of an m-line's context, with c->note. */
void ng_call_plan(const struct ng_call *c, int i, bool halted, struct gate_plan *plan);
/* Whether media may pass, or connections have begun: what an offer must leave until its answer. */
bool ng_in_force(const struct context *x);
/* Whether the m-line is of the context's kind: datagrams, or a stream. */
bool ng_same_kind(const struct context *x, const struct ng_media *m);

static inline struct ng_note ng_note_of(const struct term_spec *w)
{
	struct ng_note n;

	memcpy(&n, w->note, sizeof(n));
	return n;
}

static inline struct ng_keep ng_keep_of(const struct context *c, uint32_t side)
{
	struct ng_keep k;

	memcpy(&k, c->term[side].keep, sizeof(k));
	return k;
}

#endif
