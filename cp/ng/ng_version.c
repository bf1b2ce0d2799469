/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The version in o= as we count it: one more whenever what a side is told is not what it was told
 * before (RFC 3264 8). It is kept with each m-line's termination of that side, for m-lines go; and
 * so are names that it was told (ng_mid.h).
 */
#include "ng_sdp.h"

enum { DECIMAL = 10 };

/* The sender's number, if it is one that can be counted on from. */
static uint64_t version_of(struct sdp_text t)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < t.len; i++) {
		if (t.at[i] < '0' || t.at[i] > '9' || n > INT64_MAX / DECIMAL - 1)
			return 1;
		n = n * DECIMAL + (uint64_t)(t.at[i] - '0');
	}
	return n ? n : 1;
}

/* Of what was written, other than 0. */
static uint32_t digest_of(const struct ng_call *c)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < c->out_len; i++)
		h = (h ^ (uint8_t)c->out[i]) * 16777619u;
	return h ? h : 1;
}

static struct ng_keep told_last(const struct ng_call *c)
{
	struct ng_keep last = { 0 };

	for (int i = 0; i < SDP_MEDIA_MAX; i++) {
		const struct ng_keep k =
		    c->context[i] ? ng_keep_of(c->context[i], c->to) : (struct ng_keep){ 0 };

		if (k.version > last.version)
			last = k;
	}
	return last;
}

/* Each m-line's name, once it is told one, and, unless digest is 0, all that it was told. */
static void told_keep(struct ng_call *c, uint32_t digest)
{
	for (int i = 0; i < SDP_MEDIA_MAX; i++) {
		uint8_t keep[CONTEXT_KEEP_MAX] = { 0 };
		struct ng_keep k;
		bool names;

		if (!c->context[i])
			continue;
		k = ng_keep_of(c->context[i], c->to);
		names = c->offer && i < c->sdp.n_media && !k.mid[0] && c->mid[i][0];
		if (names)
			memcpy(k.mid, c->mid[i], NG_MID_MAX);
		if (digest) {
			k.version = c->version;
			k.digest = digest;
		} else if (!names) {
			continue;
		}
		memcpy(keep, &k, sizeof(k));
		gate_keep(c->g, c->context[i], c->to, keep);
	}
}

static bool write_all(struct ng_call *c)
{
	return ng_sdp_write(c) && ng_attr_edit(c);
}

bool ng_call_write(struct ng_call *c)
{
	const uint32_t counted = NG_SDP_VERSION | NG_SDP_VERSION_FORCE;
	struct ng_keep last;

	if (!(c->f->sdp_flags & counted)) {
		if (!write_all(c))
			return false;
		told_keep(c, 0);
		return true;
	}
	last = told_last(c);
	c->version = last.version ? last.version : version_of(c->sdp.origin.version);
	if (!write_all(c))
		return false;
	if (last.version &&
	    (c->f->sdp_flags & NG_SDP_VERSION_FORCE || digest_of(c) != last.digest)) {
		c->version++;
		if (!write_all(c))
			return false;
	}
	told_keep(c, digest_of(c));
	return true;
}
