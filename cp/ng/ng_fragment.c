/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Candidates that come later, in a fragment of SDP (RFC 8840 9). A lite agent is found by checks
 * and needs none of them. All of ours were told before: who gets the fragment is told them again,
 * where it has ICE, and nothing of the sender's.
 */
#include "ng_ice.h"
#include "ng_sdp.h"

enum { NOT_OF_CALL = -1 };

/* The m-line of the call that one of a fragment is of: by its name, else by its place. */
static int media_of(const struct ng_call *c, int k, struct sdp_text mid)
{
	for (int i = 0; mid.len && i < SDP_MEDIA_MAX; i++) {
		struct ng_keep keep;

		if (!c->context[i])
			continue;
		keep = ng_keep_of(c->context[i], c->from);
		if (keep.mid[0] && sdp_text_is(mid, keep.mid))
			return i;
	}
	return !mid.len && c->context[k] ? k : NOT_OF_CALL;
}

static bool has_ice(const struct ng_call *c, int i)
{
	return i != NOT_OF_CALL && c->context[i]->term[c->to].term.flags & TERM_ICE;
}

/* Port 9 and the protocol say nothing, but have to be there. */
static void write_part(const struct ng_call *c, int k, struct wr *w)
{
	const struct sdp_media *m = &c->sdp.media[k];
	struct ng_keep keep = { 0 };
	struct sdp_text mid;
	int i;

	sdp_attr(&c->sdp, k, "mid", 0, &mid);
	i = media_of(c, k, mid);
	sdp_put(w, "m=%.*s 9 %.*s 0", SDP_TEXT(m->type), SDP_TEXT(m->proto));
	if (i != NOT_OF_CALL)
		keep = ng_keep_of(c->context[i], c->to);
	if (keep.mid[0])
		sdp_put(w, "a=mid:%.*s", NG_MID_MAX, keep.mid);
	else if (mid.len)
		sdp_put(w, "a=mid:%.*s", SDP_TEXT(mid));
	if (has_ice(c, i))
		ng_ice_write(c, i, w, !(c->context[i]->term[c->to].term.flags & TERM_RTCP_MUX));
}

bool ng_call_fragment(struct ng_call *c, const struct ng_flags *f, bool offer)
{
	struct wr w = wr_init(c->out, sizeof(c->out));
	const char *why;
	int where;

	ng_call_begin(c, f, offer);
	if (!f->call || !f->from || !f->sdp)
		return ng_call_refuse(c, GATE_BAD, "call-id, from-tag and sdp must be given");
	if (!sdp_parse_fragment(&c->sdp, f->sdp, f->sdp_len, &where, &why))
		return ng_call_refuse(c, GATE_BAD, "sdp: line %d %s", where, why);
	if (!ng_call_find(c))
		return ng_call_refuse(c, GATE_BAD, "Unknown call-id");
	for (int k = 0; k < c->sdp.n_media; k++)
		write_part(c, k, &w);
	c->out_len = wr_len(&w);
	return !w.failed || ng_call_refuse(c, GATE_BAD, "sdp: too long");
}
