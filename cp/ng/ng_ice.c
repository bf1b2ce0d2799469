/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_ice.h"

#include "ng_bundle.h"
#include "ng_sdp.h"

bool ng_ice_is_of(const struct sdp_line *l)
{
	static const char *const names[] = {
		"candidate",  "end-of-candidates", "ice-lite",	"ice-mismatch",	     "ice-options",
		"ice-pacing", "ice-pwd",	   "ice-ufrag", "remote-candidates", NULL
	};

	return ng_line_is_one_of(l, names);
}

bool ng_ice_is_told(const struct ng_call *c, int i)
{
	const struct context *x = c->context[i];

	if (!x || c->media[i].gone)
		return false;
	return c->offer ? ng_note_get(c->note[i], NG_NOTE_OFFER_ICE + c->to, 1)
			: x->term[c->to].term.flags & TERM_ICE;
}

/* Who may add candidates is told that we take them (RFC 8838 4), and who has to be told it. */
static bool trickle_is_told(const struct ng_call *c, int i)
{
	if (c->f->sdp_flags & NG_SDP_TRICKLE)
		return true;
	return c->offer ? c->media[i].trickles : ng_keep_of(c->context[i], c->to).trickles;
}

void ng_ice_write_session(const struct ng_call *c, struct wr *w)
{
	bool any = false, trickle = false, ice2 = c->f->sdp_flags & NG_SDP_ICE2;

	for (int i = 0; i < c->sdp.n_media; i++) {
		if (!ng_ice_is_told(c, i))
			continue;
		any = true;
		trickle |= trickle_is_told(c, i);
	}
	if (!any)
		return;
	sdp_put(w, "a=ice-lite"); /* RFC 8839 5.3 */
	if (ice2 || trickle)
		sdp_put(w, "a=ice-options:%s%s%s", ice2 ? "ice2" : "", ice2 && trickle ? " " : "",
			trickle ? "trickle" : "");
}

/* RFC 8839 5.1: host candidates of a lite agent, whose one address has the highest priority. */
void ng_ice_write(const struct ng_call *c, int i, struct wr *w, bool rtcp)
{
	const struct context *by = ng_bundle_carrier(c, c->context[i], c->to);
	const struct ctl_term *t = &by->term[c->to].term;
	char text[ADDR_STR_MAX];
	struct sock_addr a;

	sdp_put(w, "a=ice-ufrag:%.*s", (int)sizeof(t->ufrag), t->ufrag);
	sdp_put(w, "a=ice-pwd:%.*s", (int)sizeof(t->pwd), t->pwd);
	/* Candidates of a bundle are told once (RFC 8829 5.3.1). */
	if (by != c->context[i])
		return;
	for (uint32_t part = 0; part <= rtcp; part++) {
		if (!ng_local(c, i, part, &a))
			continue;
		ip_format(&a.ip, text, sizeof(text));
		sdp_put(w, "a=candidate:1 %u UDP %u %s %u typ host", part + 1,
			(126u << 24 | 65535u << 8 | (256 - (part + 1))), text, be16_get(a.port));
	}
	sdp_put(w, "a=end-of-candidates"); /* RFC 8840 4.1 */
}
