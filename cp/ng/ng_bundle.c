/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_bundle.h"

#include "ng_ice.h"

#include <string.h>

static const char mid_uri[] = "urn:ietf:params:rtp-hdrext:sdes:mid";

const struct context *ng_bundle_carrier(const struct ng_call *c, const struct context *x,
					uint32_t side)
{
	const struct ctl_term *t = &x->term[side].term;
	const struct context *by =
	    t->flags & TERM_BUNDLED ? gate_at(c->g, x->worker, t->bundle.slot) : NULL;

	return by && by->cid.gen == t->bundle.gen ? by : x;
}

struct context *ng_bundle_near(const struct ng_call *c, const struct ng_media *m)
{
	if (m->kind != NG_KIND_RTP ||
	    !((m->bundle && m->accepts) || c->f->sdp_flags & NG_SDP_BUNDLE))
		return NULL;
	for (int k = 0; k < SDP_MEDIA_MAX; k++) {
		struct context *x = c->context[k] ? c->context[k] : c->former[k];

		if (x && !x->stream)
			return x;
	}
	return NULL;
}

/* ---- what tells m-lines apart ---- */

/* "4/sendrecv urn:..." (RFC 8285 5): the number by which the sender's packets name the m-line. */
static uint8_t mid_ext(const struct sdp *s, int level)
{
	struct sdp_text v, id, name;
	uint32_t number;

	for (int line = sdp_attr(s, level, "extmap", 0, &v); line >= 0;
	     line = sdp_attr(s, level, "extmap", line + 1, &v)) {
		const char *slash;

		if (!v.at || !sdp_word(&v, &id) || !sdp_word(&v, &name) ||
		    !sdp_text_is(name, mid_uri))
			continue;
		slash = memchr(id.at, '/', id.len);
		if (slash)
			id.len = (uint32_t)(slash - id.at);
		if (sdp_number(id, UINT8_MAX, &number))
			return (uint8_t)number;
	}
	return 0;
}

/* Of RTP that comes from a side; payload types are those of the description at hand. */
static void demux_read(const struct ng_call *c, int i, uint32_t side, struct ctl_demux *d)
{
	struct sdp_text formats = c->sdp.media[i].format, word;
	const struct ng_keep keep = ng_keep_of(c->context[i], side);
	uint32_t type;

	*d = (struct ctl_demux){ .mid_ext = mid_ext(&c->sdp, i) };
	if (!d->mid_ext)
		d->mid_ext = mid_ext(&c->sdp, SDP_SESSION);
	_Static_assert(sizeof(d->mid) == sizeof(keep.mid), "a name that is kept can be told");
	memcpy(d->mid, keep.mid, sizeof(d->mid));
	while (sdp_word(&formats, &word)) {
		if (sdp_number(word, 127, &type))
			d->types[type / 8] |= (uint8_t)(1u << type % 8);
	}
}

/* By name, or by payload types of which they have none in common. */
static bool told_apart(const struct ctl_demux *a, const struct ctl_demux *b)
{
	uint8_t common = 0;

	if (a->mid_ext && a->mid_ext == b->mid_ext && a->mid[0] && b->mid[0])
		return true;
	for (size_t i = 0; i < sizeof(a->types); i++)
		common |= a->types[i] & b->types[i];
	return !common;
}

/* ---- who is in it ---- */

struct bundle {
	uint32_t n;
	int in[CTL_BUNDLE_MAX]; /* m-lines, by their place in the sender's bundle */
	struct ctl_demux demux[CTL_BUNDLE_MAX];
};

static bool may_be_in(const struct ng_call *c, int i, uint32_t side)
{
	const uint16_t need = TERM_RTP | TERM_RTCP_MUX | TERM_ICE | TERM_SRTP | TERM_DTLS;

	return (c->context[i]->term[side].term.flags & need) == need;
}

/* The m-line with the next place of those that are served; -1: there is none. */
static int next_in(const struct ng_call *c, uint32_t side, uint32_t *place)
{
	uint32_t best = UINT32_MAX;
	int found = -1;

	for (int i = 0; i < c->sdp.n_media; i++) {
		uint32_t at;

		if (c->media[i].gone || !c->context[i] || c->media[i].kind == NG_KIND_STREAM)
			continue;
		at = ng_keep_of(c->context[i], side).bundle;
		if (at <= *place || at >= best)
			continue;
		best = at;
		found = i;
	}
	*place = best;
	return found;
}

static void bundle_add(struct bundle *b, const struct ng_call *c, int i, uint32_t side)
{
	struct ctl_demux d;

	if (b->n == CTL_BUNDLE_MAX || !may_be_in(c, i, side) ||
	    (b->n && c->context[i]->worker != c->context[b->in[0]]->worker))
		return;
	demux_read(c, i, side, &d);
	for (uint32_t k = 0; k < b->n; k++) {
		if (!told_apart(&d, &b->demux[k]))
			return;
	}
	b->in[b->n] = i;
	b->demux[b->n++] = d;
}

/* Whether it is of a transport that there is already, as who carries or as who is carried. */
static bool is_in(const struct ng_call *c, int i, uint32_t side)
{
	const struct ctl_term *t = &c->context[i]->term[side].term;

	return t->flags & TERM_BUNDLED || t->demux.mid[0];
}

/*
 * Whom a side has in its bundle. The first that is served begins it, or there is none; one that is
 * bundle-only begins none (RFC 9143 7.3.1), but may go on with it.
 */
static void bundle_find(struct bundle *b, const struct ng_call *c, uint32_t side)
{
	uint32_t place = 0;
	int i;

	b->n = 0;
	while ((i = next_in(c, side, &place)) >= 0) {
		if (!ng_keep_of(c->context[i], side).accepts)
			break;
		if (!b->n && ng_keep_of(c->context[i], side).only && !is_in(c, i, side))
			continue;
		bundle_add(b, c, i, side);
		if (!b->n)
			break;
	}
}

/* ---- who carries it ---- */

/*
 * What carried is no part of it any more, but the transport goes on (RFC 9143 7.5.3): port, ICE and
 * DTLS go over to another m-line.
 */
static bool hand_over(struct ng_call *c, struct context *from, uint32_t side, struct context *to)
{
	struct term_spec was, w;
	struct ng_keep keep;

	term_spec(c->g, to, side, &was);
	memcpy(&keep, was.keep, sizeof(keep));
	keep.only = false;
	memcpy(was.keep, &keep, sizeof(keep));
	if (!gate_subtract(c->g, to, side, &c->fail) ||
	    !gate_move(c->g, from, side, to, side, &c->fail))
		return false;
	term_spec(c->g, to, side, &w);
	was.port = w.port;
	was.realm = w.realm;
	was.v6 = w.v6;
	was.term.bundle = (struct ctl_cid){ 0 };
	was.term.flags &= (uint16_t)~TERM_BUNDLED;
	was.begin = was.restart = false;
	return gate_set(c->g, to, side, &was, &c->fail);
}

/* The first whose remote ICE has found: it may have carried one that is gone meanwhile. */
static uint32_t carrier_first(const struct ng_call *c, const struct bundle *b, uint32_t side)
{
	for (uint32_t k = 0; k < b->n; k++) {
		if (be16_get(c->context[b->in[k]]->term[side].term.latched[0].port))
			return k;
	}
	return 0;
}

/* Place in b->in of who carries: who did before, as long as it is in it. */
static bool carrier_choose(struct ng_call *c, const struct bundle *b, uint32_t side, uint32_t *at)
{
	const struct context *by = NULL;

	*at = carrier_first(c, b, side);
	for (uint32_t k = 0; k < b->n && !by; k++) {
		const struct context *x = c->context[b->in[k]], *y = ng_bundle_carrier(c, x, side);

		if (y != x)
			by = y;
	}
	for (uint32_t k = 0; by && k < b->n; k++) {
		if (c->context[b->in[k]] == by) {
			*at = k;
			return true;
		}
	}
	return !by ||
	       hand_over(c, gate_at(c->g, by->worker, by->cid.slot), side, c->context[b->in[0]]);
}

/* by NULL: it has a transport of its own. */
static bool side_put(struct ng_call *c, struct context *x, uint32_t side, const struct context *by,
		     const struct ctl_demux *d)
{
	static const struct ctl_demux none;
	struct term_spec w;
	struct ctl_term was;

	term_spec(c->g, x, side, &w);
	was = w.term;
	w.term.bundle = by ? by->cid : (struct ctl_cid){ 0 };
	w.term.flags = by ? was.flags | TERM_BUNDLED : was.flags & (uint16_t)~TERM_BUNDLED;
	w.term.demux = d ? *d : none;
	return memcmp(&was, &w.term, sizeof(was)) == 0 || gate_set(c->g, x, side, &w, &c->fail);
}

static bool side_set(struct ng_call *c, uint32_t side)
{
	const struct context *by = NULL;
	struct bundle b;
	uint32_t at = 0;

	bundle_find(&b, c, side);
	if (b.n) {
		if (!carrier_choose(c, &b, side, &at))
			return false;
		by = c->context[b.in[at]];
		if (!side_put(c, c->context[b.in[at]], side, NULL, b.n > 1 ? &b.demux[at] : NULL))
			return false;
	}
	for (int i = 0; i < c->sdp.n_media; i++) {
		uint32_t k = 0;

		while (k < b.n && b.in[k] != i)
			k++;
		if (!c->context[i] || c->context[i]->stream || c->context[i] == by)
			continue;
		if (!side_put(c, c->context[i], side, k < b.n ? by : NULL,
			      k < b.n ? &b.demux[k] : NULL))
			return false;
	}
	return true;
}

bool ng_bundle_set(struct ng_call *c)
{
	return side_set(c, 0) && side_set(c, 1);
}

bool ng_bundle_may_be_in(const struct ng_call *c, int i)
{
	const int via = c->media[i].via;
	struct ctl_demux a, b;

	if (c->media[via].gone || !c->context[via] || c->context[via]->stream ||
	    (c->added[via] && !may_be_in(c, via, c->from)) ||
	    c->context[via]->worker != c->context[i]->worker || !may_be_in(c, i, c->from))
		return false;
	demux_read(c, via, c->from, &a);
	demux_read(c, i, c->from, &b);
	return told_apart(&a, &b);
}

bool ng_bundle_misses(const struct ng_call *c, int i)
{
	for (uint32_t side = 0; side < 2; side++) {
		struct bundle b;
		uint32_t k = 0;

		if (!ng_keep_of(c->context[i], side).only)
			continue;
		bundle_find(&b, c, side);
		while (k < b.n && b.in[k] != i)
			k++;
		if (k == b.n)
			return true;
	}
	return false;
}

/* ---- what is told ---- */

/* In an offer: whether they could be of one, each with its port until the answer (7.2.1). */
static bool may_become_one(const struct ng_call *c, int first, int i)
{
	const uint16_t need = TERM_RTP | TERM_SRTP | TERM_DTLS;
	struct ctl_demux a, b;

	for (int k = 0; k < 2; k++) {
		const int at = k ? i : first;
		const struct ctl_term *t = &c->context[at]->term[c->to].term;

		if (!c->srtp[at].dtls[c->to] || !ng_ice_is_told(c, at) || (t->flags & need) != need)
			return false;
	}
	demux_read(c, first, c->to, &a);
	demux_read(c, i, c->to, &b);
	return c->context[first]->worker == c->context[i]->worker && told_apart(&a, &b);
}

bool ng_bundle_told(const struct ng_call *c, int first, int i)
{
	if (ng_bundle_carrier(c, c->context[first], c->to) ==
	    ng_bundle_carrier(c, c->context[i], c->to))
		return true;
	return c->offer && c->f->sdp_flags & NG_SDP_BUNDLE && may_become_one(c, first, i);
}
