/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_GATEWAY_NG_CALL_H
#define FL_CP_GATEWAY_NG_CALL_H

/*
 * Offers and answers (RFC 3264): one context an m-line, found by call and tags. Side 0 is who made
 * the first offer (from-tag), side 1 who answered it (to-tag).
 */
#include "../server.h"
#include "gateway.h"
#include "ng_media.h"

enum { NG_SDP_MAX = 65000 }; /* bytes: as much as a datagram takes */

/* One offer or answer under way. */
struct ng_call {
	const struct server *s;
	struct gateway *g;
	uint64_t self; /* our name for loop-protect */
	/* Filled by ng_call_offer() and ng_call_answer(). */
	const struct ng_flags *f;
	bool offer;
	uint32_t from, to; /* sides: who sent the SDP, who gets it */
	struct sdp sdp;
	struct ng_media media[SDP_MEDIA_MAX];
	struct context *context[SDP_MEDIA_MAX];
	bool added[SDP_MEDIA_MAX];
	struct context *former[SDP_MEDIA_MAX]; /* whose place another takes */
	struct context *over[SDP_MEDIA_MAX];   /* ended before this offer */
	struct gate_fail fail;		       /* once one has failed */
	char out[NG_SDP_MAX];		       /* the SDP for the other side */
	size_t out_len;
};

/*
 * What a context carries for us in its `mark`: protocols of both m-lines (ng_proto()), what an
 * offer left for its answer, and ICE credentials of the remotes as far as to know a restart.
 */
enum ng_mark_bits {
	NG_MARK_PROTO = 0, /* 4 bits a side */
	NG_MARK_TYPE = 8,  /* 3 bits: ng_type() */
	NG_MARK_MUX = 11,  /* rtcp-mux is accepted whatever the answer says */
	NG_MARK_OPEN = 12, /* connections begin with the answer */
	NG_MARK_TLS = 13,  /* a bit a side: its TLS role was told */
	NG_MARK_ICE = 16,  /* 16 bits a side */
	/* What was offered, whatever an answer made of it: another answer may follow (forks). */
	NG_MARK_OFFER_MUX = 48, /* rtcp-mux, by who offers */
	NG_MARK_OFFER_ICE = 49, /* a bit a side: it offers ICE, or is offered it */
	NG_MARK_REFUSED = 51,	/* a bit a side: its last answer refused the m-line */
};

static inline uint32_t ng_mark_get(uint64_t mark, uint32_t bit, uint32_t bits)
{
	return (uint32_t)(mark >> bit) & ((1u << bits) - 1);
}

static inline void ng_mark_set(uint64_t *mark, uint32_t bit, uint32_t bits, uint32_t v)
{
	*mark &= ~((((uint64_t)1 << bits) - 1) << bit);
	*mark |= (uint64_t)v << bit;
}

/* Kinds of media by number, for contexts to keep; "other" is among them. */
const char *ng_type(uint32_t number);

/* False: c->fail says why. What the offer added is gone again, and what there was is as it was. */
bool ng_call_offer(struct ng_call *c, const struct ng_flags *f);
bool ng_call_answer(struct ng_call *c, const struct ng_flags *f);

/*
 * Whether a context belongs to a dialogue; *from is the side that from-tag names. A to-tag that is
 * not known yet, or another (a call that forked), is no obstacle unless strict.
 */
bool ng_call_match(const struct context *c, const struct ng_flags *f, bool strict, uint32_t *from);

/* The SDP for side c->to, into c->out (ng_sdp.c). False if it does not fit. */
bool ng_call_write(struct ng_call *c);

#endif
