/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sources of a stream: their indexes and replay lists (RFC 3711 3.3.1, 3.3.2), and which of them
 * are kept. A source that made room is not taken again under the same keys: its indexes are
 * forgotten, and so a receiver could not tell a replay, and a sender would use key stream twice.
 */
#include "srtp_int.h"

void srtp_stream_init(struct srtp_stream *s, uint8_t flags)
{
	*s = (struct srtp_stream){ .flags = flags };
}

bool srtp_stream_add(struct srtp_stream *s, struct srtp_key *k)
{
	if (s->keys == SRTP_KEYS || (s->flags && suite_is_gcm(k)))
		return false;
	if (s->keys &&
	    (s->key[0]->suite != k->suite || s->key[0]->mki_len != k->mki_len || !k->mki_len))
		return false;
	s->key[s->keys++] = k;
	return true;
}

void srtp_stream_follow(struct srtp_stream *s, const struct srtp_stream *before)
{
	int i;

	for (i = 0; i < SRTP_SSRCS; i++)
		if (before->ssrc[i].rtp)
			s->ssrc[i] = (struct srtp_ssrc){ .set = true,
							 .hinted = true,
							 .ssrc = before->ssrc[i].ssrc,
							 .heard_s = before->ssrc[i].heard_s,
							 .top = before->ssrc[i].top };
}

struct srtp_ssrc *source_find(struct srtp_stream *s, uint32_t ssrc)
{
	int i;

	for (i = 0; i < SRTP_SSRCS; i++)
		if (s->ssrc[i].ssrc == ssrc && s->ssrc[i].set)
			return &s->ssrc[i];
	return NULL;
}

/* ---- those that made room ---- */

/* Three of 256 bits. */
static uint32_t forgotten_bit(uint32_t ssrc, int n)
{
	return (ssrc * UINT32_C(0x9e3779b1)) >> (8 * n) & 0xff;
}

static bool forgotten_has(const struct srtp_stream *s, uint32_t ssrc)
{
	bool all = true;
	int n;

	for (n = 1; n <= 3; n++) {
		uint32_t b = forgotten_bit(ssrc, n);

		all = all && s->forgotten_bits[b / 64] >> b % 64 & 1;
	}
	return all;
}

static void forget(struct srtp_stream *s, const struct srtp_ssrc *old)
{
	int n;

	for (n = 1; n <= 3; n++) {
		uint32_t b = forgotten_bit(old->ssrc, n);

		s->forgotten_bits[b / 64] |= UINT64_C(1) << b % 64;
	}
	s->forgotten++;
}

/* Nothing was ever protected or taken of it by these keys, and so nothing is to be remembered. */
static bool source_unused(const struct srtp_ssrc *s)
{
	return !s->rtp && !s->rtcp;
}

/* The place for another source: an empty one, or that of who is silent longest. */
static const struct srtp_ssrc *source_place(const struct srtp_stream *s, uint32_t now_s)
{
	const struct srtp_ssrc *best = &s->ssrc[0], *p;

	for (p = s->ssrc; p < s->ssrc + SRTP_SSRCS; p++) {
		if (!p->set || source_unused(p))
			return p;
		if (now_s - p->heard_s > now_s - best->heard_s)
			best = p;
	}
	return now_s - best->heard_s >= SRTP_SILENT_S && s->forgotten < SRTP_FORGOTTEN ? best
										       : NULL;
}

enum drop source_room(const struct srtp_stream *s, uint32_t ssrc, uint32_t now_s)
{
	if (s->forgotten && forgotten_has(s, ssrc))
		return DROP_SRTP_SSRC;
	return source_place(s, now_s) ? DROP_NONE : DROP_SRTP_SSRC;
}

struct srtp_ssrc *source_add(struct srtp_stream *s, uint32_t ssrc, uint32_t now_s)
{
	const struct srtp_ssrc *place = source_place(s, now_s);
	struct srtp_ssrc *p;

	if (!place)
		return NULL;
	p = &s->ssrc[place - s->ssrc];
	if (p->set && !source_unused(p))
		forget(s, p);
	*p = (struct srtp_ssrc){ .set = true, .ssrc = ssrc, .heard_s = now_s };
	return p;
}

/* ---- indexes ---- */

uint64_t source_index(const struct srtp_ssrc *s, uint16_t seq)
{
	const uint16_t last = s ? (uint16_t)s->top : 0;
	uint64_t roc = s ? s->top >> 16 : 0;

	if (!s || !(s->rtp || s->hinted))
		return seq;
	if (last < 0x8000 && seq - last > 0x8000 && roc > 0)
		roc--;
	else if (last >= 0x8000 && last - 0x8000 > seq)
		roc++;
	return roc << 16 | seq;
}

enum drop source_judge(const struct srtp_ssrc *s, bool rtcp, uint64_t index)
{
	const uint64_t top = rtcp ? s->rtcp_top : s->top;
	const uint64_t width = rtcp ? SRTCP_WINDOW : SRTP_WINDOW;
	bool seen;

	if (!(rtcp ? s->rtcp : s->rtp) || index > top)
		return DROP_NONE;
	if (top - index >= width)
		return DROP_SRTP_OLD;
	seen = rtcp ? s->rtcp_window >> (top - index) & 1 : s->window >> (top - index) & 1;
	return seen ? DROP_SRTP_REPLAY : DROP_NONE;
}

static void rtp_heard(struct srtp_ssrc *s, uint64_t index)
{
	if (!s->rtp) {
		s->window = 1;
		s->top = index;
	} else if (index <= s->top) {
		s->window |= (unsigned __int128)1 << (s->top - index);
	} else {
		s->window = index - s->top < SRTP_WINDOW ? s->window << (index - s->top) | 1 : 1;
		s->top = index;
	}
	s->rtp = true;
	s->hinted = false;
}

static void rtcp_heard(struct srtp_ssrc *s, uint32_t index)
{
	if (!s->rtcp) {
		s->rtcp_window = 1;
		s->rtcp_top = index;
	} else if (index <= s->rtcp_top) {
		s->rtcp_window |= UINT64_C(1) << (s->rtcp_top - index);
	} else {
		s->rtcp_window = index - s->rtcp_top < SRTCP_WINDOW
				     ? s->rtcp_window << (index - s->rtcp_top) | 1
				     : 1;
		s->rtcp_top = index;
	}
	s->rtcp = true;
}

void source_heard(struct srtp_ssrc *s, bool rtcp, uint64_t index, uint32_t now_s)
{
	s->heard_s = now_s;
	if (rtcp)
		rtcp_heard(s, (uint32_t)index);
	else
		rtp_heard(s, index);
}
