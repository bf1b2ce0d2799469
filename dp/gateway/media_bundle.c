/* SPDX-License-Identifier: BSD-3-Clause */
#include "media_bundle.h"
#include "gateway.h"
#include "media_srtp.h"
#include "../../lib/rtcp.h"

enum {
	RTP_HDR = 12,	  /* bytes (RFC 3550 5.1) */
	RTP_X = 0x10,	  /* of the first byte: there is a header extension */
	EXT_ONE = 0xbede, /* elements of one byte's header (RFC 8285 4.2) */
	EXT_TWO = 0x1000, /* and of two (4.3), less the low bits */
	EXT_TWO_BITS = 0xfff0,
	EXT_STOP = 15,	  /* of one byte's headers: nothing follows */
	RTCP_RTPFB = 205, /* the source of media is behind the sender (RFC 4585 6.1) */
	RTCP_PSFB = 206,
};

/* ---- who is in it ---- */

static struct media_bundle *bundle_of(const struct worker *w, uint32_t slot, uint32_t side)
{
	const struct media_term *t = &w->gateway->media[slot].term[side];

	return t->srtp ? &t->srtp->bundle : NULL;
}

/* Whether slot has an m-line that says that it is carried there. */
static bool is_member(const struct worker *w, uint32_t carrier, uint32_t side, struct ctl_cid cid)
{
	const struct media_term *t;

	if (cid.slot >= w->gateway->contexts_max || w->gateway->context[cid.slot].gen != cid.gen)
		return false;
	t = &w->gateway->media[cid.slot].term[side];
	return t->here && t->flags & TERM_BUNDLED && media_carrier(w, t, side) == carrier;
}

static void member_remove(struct media_bundle *b, uint32_t i)
{
	const uint32_t slot = b->member[i].slot;

	for (uint32_t k = 0; k < BUNDLE_SOURCES; k++)
		if (b->source[k].slot == slot)
			b->source[k].slot = SLOT_NONE;
	b->member[i] = b->member[--b->n];
}

static void bundle_sweep(const struct worker *w, struct media_bundle *b, uint32_t slot,
			 uint32_t side)
{
	for (uint32_t i = b->n; i-- > 0;)
		if (!is_member(w, slot, side, b->member[i]))
			member_remove(b, i);
}

void media_bundle_join(struct worker *w, uint32_t slot, uint32_t side)
{
	struct media_term *t = &w->gateway->media[slot].term[side];
	const struct ctl_cid self = { slot, w->gateway->context[slot].gen };
	uint32_t at = t->here && t->flags & TERM_BUNDLED ? media_carrier(w, t, side) : SLOT_NONE;
	struct media_bundle *b = at == SLOT_NONE ? NULL : bundle_of(w, at, side);

	if (!b)
		return;
	bundle_sweep(w, b, at, side);
	for (uint32_t i = 0; i < b->n; i++)
		if (b->member[i].slot == slot)
			return;
	if (b->n == RTE_DIM(b->member))
		return;
	if (b->n == 0)
		for (uint32_t k = 0; k < BUNDLE_SOURCES; k++)
			b->source[k].slot = SLOT_NONE;
	b->member[b->n++] = self;
	media_make(w, slot);
}

void media_bundle_from(struct worker *w, uint32_t slot)
{
	struct media *m = &w->gateway->media[slot];

	for (uint32_t side = 0; side < SIDES; side++) {
		struct media_path *l = &media_lines(w, slot)[2 * side];
		const struct media_path *c;
		struct sock_addr now = { 0 };
		uint32_t at;

		if (likely(!(m->term[side].flags & TERM_BUNDLED)))
			continue;
		at = media_carrier(w, &m->term[side], side);
		c = at == SLOT_NONE ? NULL : &media_lines(w, at)[2 * side];
		if (c)
			now = (struct sock_addr){ c->from, c->from_port };
		if (be16_get(now.port) &&
		    !sock_addr_eq(&now, &(struct sock_addr){ l->from, l->from_port }))
			m->component[2 * side].untold = true;
		l->from = now.ip;
		l->from_port = now.port;
	}
}

void media_bundle_make(struct worker *w, uint32_t slot)
{
	for (uint32_t side = 0; side < SIDES; side++) {
		struct media_bundle *b = bundle_of(w, slot, side);

		if (likely(!b))
			continue;
		for (uint32_t i = 0; i < b->n; i++)
			if (is_member(w, slot, side, b->member[i]))
				media_make_lines(w, b->member[i].slot);
	}
}

void media_bundle_tick(struct worker *w, uint32_t slot, uint32_t side)
{
	struct media_term *t = &w->gateway->media[slot].term[side];
	const struct media_term *c;

	if (likely(!(t->flags & TERM_BUNDLED)))
		return;
	media_bundle_join(w, slot, side);
	c = media_transport(w, slot, side);
	if (c == t) /* gone: what it agreed to last ends as it would have */
		return;
	t->agreed = c->agreed;
	t->agreed_s = c->agreed_s;
	t->renews = c->renews;
	t->restarts = c->restarts;
	if (!c->told_gone)
		t->told_gone = false;
}

/* ---- what is whose (RFC 9143 9.2), of a bundle that has just been swept ---- */

static void source_learn(struct media_bundle *b, uint32_t ssrc, uint32_t slot)
{
	for (uint32_t i = 0; i < BUNDLE_SOURCES; i++) {
		if (b->source[i].slot != SLOT_NONE && b->source[i].ssrc == ssrc) {
			b->source[i].slot = slot;
			return;
		}
	}
	b->source[b->next] = (struct bundle_source){ ssrc, slot };
	b->next = (uint8_t)((b->next + 1) % BUNDLE_SOURCES);
}

/* Of slot, who carries, or of whom it carries now: a transport that was moved knows others, too. */
static uint32_t source_find(const struct media_bundle *b, uint32_t slot, uint32_t ssrc)
{
	uint32_t at = SLOT_NONE;

	for (uint32_t i = 0; i < BUNDLE_SOURCES && at == SLOT_NONE; i++)
		if (b->source[i].ssrc == ssrc)
			at = b->source[i].slot;
	if (at == SLOT_NONE || at == slot)
		return at;
	for (uint32_t i = 0; i < b->n; i++)
		if (b->member[i].slot == at)
			return at;
	return SLOT_NONE;
}

/*
 * Of the element with that number in an extension of len bytes. NULL, and *n 0: there is none, or
 * it is empty, and names nobody.
 */
static const uint8_t *element_find(const uint8_t *e, uint32_t len, bool two, uint8_t number,
				   uint32_t *n)
{
	const uint32_t head = two ? 2 : 1;

	*n = 0;
	for (uint32_t i = 0; i < len;) {
		uint32_t id, bytes;

		if (e[i] == 0) { /* padding */
			i++;
			continue;
		}
		if (i + head > len)
			break;
		id = two ? e[i] : e[i] >> 4;
		bytes = two ? e[i + 1] : (e[i] & 15u) + 1;
		if ((!two && id == EXT_STOP) || i + head + bytes > len)
			break;
		if (id == number) {
			*n = bytes;
			return bytes ? e + i + head : NULL;
		}
		i += head + bytes;
	}
	return NULL;
}

/* The name of an m-line that a packet has with it; *n 0: none. */
static const uint8_t *mid_of(const uint8_t *msg, uint32_t len, uint8_t number, uint32_t *n)
{
	uint32_t at = RTP_HDR + 4u * (msg[0] & 0x0f), profile, bytes;

	*n = 0;
	if (!number || !(msg[0] & RTP_X) || at + 4 > len)
		return NULL;
	profile = be16_read(msg + at);
	bytes = 4u * be16_read(msg + at + 2);
	at += 4;
	if (bytes > len - at || (profile != EXT_ONE && (profile & EXT_TWO_BITS) != EXT_TWO))
		return NULL;
	return element_find(msg + at, bytes, profile != EXT_ONE, number, n);
}

static bool has_mid(const struct ctl_demux *d, const uint8_t *mid, uint32_t n)
{
	return n < sizeof(d->mid) && strlen(d->mid) == n && memcmp(d->mid, mid, n) == 0;
}

static bool has_type(const struct ctl_demux *d, uint8_t type)
{
	return d->types[type / 8] >> type % 8 & 1;
}

/* Of the m-lines of a bundle the one that is meant: by name, else (mid NULL) by payload type. */
static uint32_t member_find(const struct worker *w, const struct media_bundle *b, uint32_t slot,
			    uint32_t side, const uint8_t *mid, uint32_t n, uint8_t type)
{
	for (uint32_t i = 0; i <= b->n; i++) {
		const uint32_t at = i ? b->member[i - 1].slot : slot;
		const struct ctl_demux *d = &w->gateway->media[at].term[side].demux;

		if (mid ? has_mid(d, mid, n) : has_type(d, type))
			return at;
	}
	return SLOT_NONE;
}

static uint32_t rtp_slot(const struct worker *w, struct media_bundle *b, const struct media_in *in)
{
	const uint8_t *msg = pkt_payload(in->p);
	const uint32_t len = pkt_payload_len(in->p);
	uint32_t ssrc, at, n;
	const uint8_t *mid;

	if (len < RTP_HDR || msg[0] >> 6 != 2)
		return SLOT_NONE;
	ssrc = be32_read(msg + 8);
	mid = mid_of(msg, len, in->term->demux.mid_ext, &n);
	if (!mid) {
		at = source_find(b, in->slot, ssrc);
		if (at != SLOT_NONE)
			return at;
	}
	at = member_find(w, b, in->slot, in->side, mid, n, msg[1] & 0x7f);
	if (at != SLOT_NONE)
		source_learn(b, ssrc, at);
	return at;
}

/* Whose RTP has that source: what it sends itself, or what it hears. */
static uint32_t ssrc_slot(const struct worker *w, const struct media_bundle *b, uint32_t slot,
			  uint32_t side, uint32_t ssrc)
{
	const uint32_t at = source_find(b, slot, ssrc);

	for (uint32_t i = 0; at == SLOT_NONE && i <= b->n; i++) {
		const uint32_t m = i ? b->member[i - 1].slot : slot;
		const struct media_quality *q = &w->gateway->media[m].term[!side].quality;

		if (q->known && q->ssrc == ssrc)
			return m;
	}
	return at;
}

/*
 * A compound goes to one m-line whole: of the first source in it that is known, sender's or
 * heard. What is of none is of who carries.
 */
static uint32_t rtcp_slot(const struct worker *w, const struct media_bundle *b,
			  const struct media_in *in)
{
	const uint8_t *msg = pkt_payload(in->p);
	uint32_t len = pkt_payload_len(in->p);

	while (len >= RTCP_HDR + 4) {
		const uint32_t bytes = 4u * (be16_read(msg + 2) + 1u);
		const bool second =
		    msg[1] == RTCP_RR || msg[1] == RTCP_RTPFB || msg[1] == RTCP_PSFB;
		uint32_t at = ssrc_slot(w, b, in->slot, in->side, be32_read(msg + RTCP_HDR));

		if (at == SLOT_NONE && second && bytes >= 12 && len >= 12)
			at = ssrc_slot(w, b, in->slot, in->side, be32_read(msg + 8));
		if (at != SLOT_NONE)
			return at;
		if (bytes >= len)
			break;
		msg += bytes;
		len -= bytes;
	}
	return in->slot;
}

enum drop media_bundle_route(struct worker *w, struct media_in *in)
{
	struct media_bundle *b = bundle_of(w, in->slot, in->side);
	uint32_t at;

	bundle_sweep(w, b, in->slot, in->side);
	at = in->rtcp ? rtcp_slot(w, b, in) : rtp_slot(w, b, in);
	if (at == SLOT_NONE)
		return DROP_GATE_BUNDLE;
	in->slot = at;
	in->term = &w->gateway->media[at].term[in->side];
	in->line = &media_lines(w, at)[2 * in->side + in->rtcp];
	return DROP_NONE;
}
