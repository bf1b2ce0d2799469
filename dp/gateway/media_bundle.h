/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_GATEWAY_MEDIA_BUNDLE_H
#define FL_DP_GATEWAY_MEDIA_BUNDLE_H

/*
 * m-lines of a bundle (RFC 9143): each is a context of its own, and on the side of the bundle one
 * of them carries the others. What comes to its port is told apart once it is deciphered, and what
 * goes to any of them leaves by its port and its keys.
 *
 * Who carries keeps a list of whom, as they say themselves; an entry that is stale says nothing.
 */
#include "gateway.h"
#include "media.h"

enum { BUNDLE_SOURCES = 16 };

/* Of a side that carries others. Written by its worker alone. */
struct media_bundle {
	uint8_t n;    /* of member[] */
	uint8_t next; /* of source[], that makes room */
	struct ctl_cid member[CTL_BUNDLE_MAX - 1];
	/* Sources that are known, and the slot that they are of; SLOT_NONE: no entry. */
	struct bundle_source {
		uint32_t ssrc, slot;
	} source[BUNDLE_SOURCES];
};

/*
 * Whose side carries an m-line of a bundle: the slot, or SLOT_NONE if it is gone. Carriers are
 * carried by nobody.
 */
static inline uint32_t media_carrier(const struct worker *w, const struct media_term *t,
				     uint32_t side)
{
	const struct ctl_cid at = t->bundle;
	const struct media_term *c;

	if (at.slot >= w->gateway->contexts_max || w->gateway->context[at.slot].gen != at.gen)
		return SLOT_NONE;
	c = &w->gateway->media[at.slot].term[side];
	return c->here && !(c->flags & TERM_BUNDLED) ? at.slot : SLOT_NONE;
}

/*
 * The side whose port, keys and consent are those of a side: itself, or who carries it. Itself also
 * where that is gone: it has no keys then.
 */
static inline struct media_term *media_transport(const struct worker *w, uint32_t slot,
						 uint32_t side)
{
	struct media_term *t = &w->gateway->media[slot].term[side];
	const uint32_t at =
	    unlikely(t->flags & TERM_BUNDLED) ? media_carrier(w, t, side) : SLOT_NONE;

	return likely(at == SLOT_NONE) ? t : &w->gateway->media[at].term[side];
}

/* A side is an m-line of a bundle, or none: who carries it learns of it. */
void media_bundle_join(struct worker *w, uint32_t slot, uint32_t side);
/* Where the remotes of a context are that others carry. */
void media_bundle_from(struct worker *w, uint32_t slot);
/* Whom a context carries is made anew, since it was. */
void media_bundle_make(struct worker *w, uint32_t slot);
/* From time to time: what is of the transport holds for whom it carries. */
void media_bundle_tick(struct worker *w, uint32_t slot, uint32_t side);
/*
 * A packet that came to who carries, deciphered: *in becomes that of its m-line. Or why it goes no
 * further.
 */
enum drop media_bundle_route(struct worker *w, struct media_in *in);

#endif
