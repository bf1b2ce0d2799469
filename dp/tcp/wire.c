/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire.h"

enum {
	OPT_END,
	OPT_NOP,
	OPT_MSS,
	OPT_WSCALE,
	OPT_SACK_OK,
	OPT_SACK,
	OPT_TS = 8,
	OPT_MSS_LEN = 4,
	OPT_WSCALE_LEN = 3,
	OPT_SACK_OK_LEN = 2,
	OPT_TS_LEN = 10,
	SACK_BLOCK_LEN = 8,
	OPTS_MAX = TCP_HDR_MAX - TCP_HDR,
	/* NOP NOP kind length, as they stand in nearly every segment */
	WORD_TS = OPT_NOP << 24 | OPT_NOP << 16 | OPT_TS << 8 | OPT_TS_LEN,
	WORD_SACK = OPT_NOP << 24 | OPT_NOP << 16 | OPT_SACK << 8,
	WORD_SACK_OK = OPT_NOP << 24 | OPT_NOP << 16 | OPT_SACK_OK << 8 | OPT_SACK_OK_LEN,
	WORD_SACK_OK_TS = OPT_SACK_OK << 24 | OPT_SACK_OK_LEN << 16 | OPT_TS << 8 | OPT_TS_LEN,
	WORD_MSS = OPT_MSS << 24 | OPT_MSS_LEN << 16,
	WORD_WSCALE = OPT_NOP << 24 | OPT_WSCALE << 16 | OPT_WSCALE_LEN << 8,
};

static void parse_ts(struct tcp_seg *s, struct rd *v)
{
	if (s->has_ts)
		return;
	s->has_ts = true;
	s->tsval = rd_u32(v);
	s->tsecr = rd_u32(v);
}

static void parse_mss(struct tcp_seg *s, struct rd *v)
{
	if (s->has_mss)
		return;
	s->has_mss = true;
	s->mss = rd_u16(v);
	if (s->mss < TCP_MSS_MIN)
		s->mss = TCP_MSS_MIN;
}

static void parse_wscale(struct tcp_seg *s, struct rd *v)
{
	if (s->has_wscale)
		return;
	s->has_wscale = true;
	s->wscale = rd_u8(v);
	if (s->wscale > TCP_WSCALE_MAX)
		s->wscale = TCP_WSCALE_MAX;
}

static void parse_sack(struct tcp_seg *s, struct rd *v)
{
	if (s->n_sack)
		return;
	while (rd_left(v) >= SACK_BLOCK_LEN && s->n_sack < TCP_SACK_MAX) {
		struct tcp_sack_block *b = &s->sack[s->n_sack++];

		b->start = rd_u32(v);
		b->end = rd_u32(v);
	}
}

/* One option's value. Known ones of a length that is not theirs are skipped like unknown ones. */
static void parse_opt(struct tcp_seg *s, uint8_t kind, uint32_t len, struct rd *v)
{
	if (kind == OPT_TS && len == OPT_TS_LEN)
		parse_ts(s, v);
	else if (kind == OPT_MSS && len == OPT_MSS_LEN)
		parse_mss(s, v);
	else if (kind == OPT_WSCALE && len == OPT_WSCALE_LEN)
		parse_wscale(s, v);
	else if (kind == OPT_SACK_OK && len == OPT_SACK_OK_LEN)
		s->sack_ok = true;
	else if (kind == OPT_SACK && len > 2 && (len - 2) % SACK_BLOCK_LEN == 0)
		parse_sack(s, v);
}

static bool parse_opts(struct tcp_seg *s, struct rd *r)
{
	while (rd_left(r)) {
		uint8_t kind = rd_u8(r), len;
		const uint8_t *p;
		struct rd v;

		if (kind == OPT_END)
			break;
		if (kind == OPT_NOP)
			continue;
		len = rd_u8(r);
		p = len < 2 ? NULL : rd_take(r, len - 2u);
		if (!p)
			return false;
		v = rd_init(p, len - 2u);
		parse_opt(s, kind, len, &v);
	}
	return true;
}

bool tcp_parse(struct tcp_seg *s, const uint8_t *p, uint32_t room, uint32_t l4_len)
{
	struct rd r = rd_init(p, room < l4_len ? room : l4_len);
	struct tcp_hdr h;
	uint32_t hdr_len;

	if (rd_left(&r) < TCP_HDR)
		return false;
	memcpy(&h, rd_take(&r, TCP_HDR), TCP_HDR);
	hdr_len = (uint32_t)(h.off >> 4) * 4;
	if (hdr_len < TCP_HDR || hdr_len - TCP_HDR > rd_left(&r) || l4_len > UINT16_MAX)
		return false;
	*s = (struct tcp_seg){ .seq = be32_get(h.seq),
			       .ack = be32_get(h.ack),
			       .wnd = be16_get(h.wnd),
			       .len = (uint16_t)(l4_len - hdr_len),
			       .hdr_len = (uint8_t)hdr_len,
			       .flags = h.flags };
	r.end = r.pos + (hdr_len - TCP_HDR);
	if (hdr_len == TCP_HDR + TCP_TS_LEN) {
		struct rd ts = r;

		if (rd_u32(&ts) == WORD_TS) {
			parse_ts(s, &ts);
			return true;
		}
	}
	return parse_opts(s, &r);
}

/* Bytes without SACK blocks. */
static uint32_t opts_fixed(const struct tcp_out_opts *o)
{
	uint32_t n = o->ts ? TCP_TS_LEN : o->sack_ok ? 4 : 0;

	return n + (o->mss ? 4 : 0) + (o->wscale_ok ? 4 : 0);
}

/* How many SACK blocks fit behind n bytes. */
static uint32_t opts_blocks(const struct tcp_out_opts *o, uint32_t n)
{
	uint32_t room = (OPTS_MAX - n - 4) / SACK_BLOCK_LEN;

	return o->n_sack < room ? o->n_sack : room;
}

uint8_t tcp_opts_len(const struct tcp_out_opts *o)
{
	uint32_t n = opts_fixed(o), blocks = opts_blocks(o, n);

	return (uint8_t)(blocks ? n + 4 + blocks * SACK_BLOCK_LEN : n);
}

static uint8_t *put_u32(uint8_t *p, uint32_t v)
{
	struct be32 b = be32_make(v);

	memcpy(p, b.b, sizeof(b));
	return p + sizeof(b);
}

uint8_t tcp_opts_write(uint8_t *p, const struct tcp_out_opts *o)
{
	uint32_t blocks = opts_blocks(o, opts_fixed(o)), i;
	uint8_t *start = p;

	if (o->mss)
		p = put_u32(p, WORD_MSS | o->mss);
	if (o->ts) {
		p = put_u32(p, o->sack_ok ? WORD_SACK_OK_TS : WORD_TS);
		p = put_u32(p, o->tsval);
		p = put_u32(p, o->tsecr);
	} else if (o->sack_ok) {
		p = put_u32(p, WORD_SACK_OK);
	}
	if (o->wscale_ok)
		p = put_u32(p, WORD_WSCALE | o->wscale);
	if (blocks)
		p = put_u32(p, WORD_SACK | (2 + blocks * SACK_BLOCK_LEN));
	for (i = 0; i < blocks; i++) {
		p = put_u32(p, o->sack[i].start);
		p = put_u32(p, o->sack[i].end);
	}
	return (uint8_t)(p - start);
}
