/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_mid.h"

#include "ng_sdp.h"

#include <stdio.h>
#include <string.h>

/* Whether there are names of m-lines that ours must differ from (RFC 5888 4). */
static bool mids_are_theirs(const struct ng_call *c)
{
	for (int i = 0; i < c->sdp.n_media; i++) {
		if (sdp_attr(&c->sdp, i, "mid", 0, NULL) >= 0)
			return true;
	}
	return false;
}

const char *ng_mid(const struct ng_call *c, int i, char buf[NG_MID_MAX])
{
	const struct context *x = c->context[i];
	const struct ng_keep keep = x ? ng_keep_of(x, c->to) : (struct ng_keep){ 0 };

	buf[0] = '\0';
	if (keep.mid[0])
		memcpy(buf, keep.mid, NG_MID_MAX);
	else if (c->offer && c->media[i].mid[0])
		memcpy(buf, c->media[i].mid, NG_MID_MAX);
	else if (c->offer && (c->f->flags & NG_GENERATE_MID || c->f->sdp_flags & NG_SDP_BUNDLE))
		snprintf(buf, NG_MID_MAX, "%s%d", mids_are_theirs(c) ? "fl" : "", i);
	buf[NG_MID_MAX - 1] = '\0';
	return buf;
}

/* An m-line may be alone in a bundle; RTP with its RTCP on one port (RFC 9143 9.3). */
static bool may_be_bundled(const struct ng_call *c, int i)
{
	const enum ng_kind kind = c->media[i].kind;

	return !c->media[i].gone && c->context[i] && kind != NG_KIND_STREAM &&
	       (kind != NG_KIND_RTP || ng_mux_is_told(c, i));
}

/* Its place in the bundle that is offered, or that is answered; 0: it is in none. */
static uint32_t place_told(const struct ng_call *c, int i)
{
	uint32_t place;

	if (!may_be_bundled(c, i))
		return 0;
	/* One that a side has offered it is offered again. */
	place = ng_keep_of(c->context[i], c->to).bundle;
	return !place && c->offer && c->f->sdp_flags & NG_SDP_BUNDLE ? (uint32_t)i + 1 : place;
}

void ng_mid_write_group(const struct ng_call *c, struct wr *w)
{
	uint32_t best = UINT32_MAX;
	char mid[NG_MID_MAX];
	int first = -1;

	for (int i = 0; i < c->sdp.n_media; i++) {
		const uint32_t place = place_told(c, i);

		if (!place || place >= best || !*ng_mid(c, i, mid))
			continue;
		best = place;
		first = i;
	}
	if (first >= 0)
		sdp_put(w, "a=group:BUNDLE %s", ng_mid(c, first, mid));
}
