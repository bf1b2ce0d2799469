/* SPDX-License-Identifier: BSD-3-Clause */
#include "ng_mid.h"

#include "ng_bundle.h"
#include "ng_sdp.h"

#include <stdio.h>
#include <string.h>

/* Whether that is told of an m-line other than i. */
static bool is_taken(const struct ng_call *c, int i, struct sdp_text mid)
{
	for (int k = 0; k < c->sdp.n_media; k++) {
		if (k != i && c->mid[k][0] && sdp_text_is(mid, c->mid[k]))
			return true;
	}
	return false;
}

static struct sdp_text text_of(const char *mid)
{
	return (struct sdp_text){ mid, (uint32_t)strlen(mid) };
}

/* Its place, or what is nobody's name: one of as many as there are m-lines and one. */
static void invent(struct ng_call *c, int i)
{
	snprintf(c->mid[i], NG_MID_MAX, "%d", i);
	for (int n = i; is_taken(c, i, text_of(c->mid[i])); n++)
		snprintf(c->mid[i], NG_MID_MAX, "fl%d", n);
}

void ng_mid_name(struct ng_call *c)
{
	const bool wanted = c->f->flags & NG_GENERATE_MID || c->f->sdp_flags & NG_SDP_BUNDLE;

	memset(c->mid, 0, sizeof(c->mid));
	for (int i = 0; i < c->sdp.n_media; i++) {
		if (c->context[i])
			memcpy(c->mid[i], ng_keep_of(c->context[i], c->to).mid, NG_MID_MAX - 1);
	}
	for (int i = 0; c->offer && i < c->sdp.n_media; i++) {
		const char *theirs = c->media[i].mid;

		if (!c->mid[i][0] && !is_taken(c, i, text_of(theirs)))
			memcpy(c->mid[i], theirs, NG_MID_MAX - 1);
	}
	for (int i = 0; c->offer && i < c->sdp.n_media; i++) {
		if (!c->mid[i][0] && !c->media[i].gone && (wanted || c->media[i].mid[0]))
			invent(c, i);
	}
}

void ng_mid_write_gone(const struct ng_call *c, int i, struct wr *w)
{
	struct sdp_text mid;

	if (sdp_attr(&c->sdp, i, "mid", 0, &mid) >= 0 && mid.len && !is_taken(c, i, mid))
		sdp_put(w, "a=mid:%.*s", SDP_TEXT(mid));
}

/* ---- groups ---- */

/* The m-line that has the sender's name, if it is used and is told one; -1: none. */
static int media_named(const struct ng_call *c, struct sdp_text mid)
{
	for (int i = 0; i < c->sdp.n_media; i++) {
		if (!c->media[i].gone && c->mid[i][0] && sdp_text_is(mid, c->media[i].mid))
			return i;
	}
	return -1;
}

void ng_mid_write_group(const struct ng_call *c, const struct sdp_line *l, struct wr *w)
{
	const size_t name = strlen("group:");
	struct sdp_text rest = { l->value.at + name, l->value.len - (uint32_t)name }, semantics,
			mid;
	bool begun = false;

	if (l->value.len <= name || !sdp_word(&rest, &semantics))
		return;
	while (sdp_word(&rest, &mid)) {
		const int i = media_named(c, mid);

		if (i < 0)
			continue;
		if (!begun) {
			wr_bytes(w, "a=group:", strlen("a=group:"));
			wr_bytes(w, semantics.at, semantics.len);
		}
		wr_u8(w, ' ');
		wr_bytes(w, c->mid[i], strlen(c->mid[i]));
		begun = true;
	}
	if (begun)
		sdp_put(w, "%s", "");
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

void ng_mid_write_bundle(const struct ng_call *c, struct wr *w)
{
	uint32_t best = UINT32_MAX;
	int first = -1;

	for (int i = 0; i < c->sdp.n_media; i++) {
		const uint32_t place = place_told(c, i);

		if (!place || place >= best || !c->mid[i][0])
			continue;
		best = place;
		first = i;
	}
	if (first < 0)
		return;
	wr_bytes(w, "a=group:BUNDLE ", strlen("a=group:BUNDLE "));
	wr_bytes(w, c->mid[first], strlen(c->mid[first]));
	for (int i = 0; i < c->sdp.n_media; i++) {
		if (i == first || !place_told(c, i) || !c->mid[i][0] ||
		    !ng_bundle_told(c, first, i))
			continue;
		wr_u8(w, ' ');
		wr_bytes(w, c->mid[i], strlen(c->mid[i]));
	}
	sdp_put(w, "%s", "");
}
