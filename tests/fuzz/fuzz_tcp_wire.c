/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP header and options: nothing is read beyond them, whatever they say, and what was understood
 * can be written and understood again. An input is the number of bytes of data that follow (two
 * bytes, network order) and a segment as far as it stands in one piece.
 */
#include "../../dp/tcp/wire.h"
#include "must.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_same(const struct tcp_seg *a, const struct tcp_seg *b)
{
	uint8_t i;

	must(a->has_ts == b->has_ts && a->tsval == b->tsval && a->tsecr == b->tsecr);
	must(a->has_mss == b->has_mss && a->mss == b->mss);
	must(a->has_wscale == b->has_wscale && a->wscale == b->wscale);
	must(a->sack_ok == b->sack_ok);
	must(a->n_sack >= b->n_sack);
	for (i = 0; i < b->n_sack; i++)
		must(a->sack[i].start == b->sack[i].start && a->sack[i].end == b->sack[i].end);
}

static void again(const struct tcp_seg *s)
{
	struct tcp_out_opts o = { .ts = s->has_ts,
				  .sack_ok = s->sack_ok,
				  .wscale_ok = s->has_wscale,
				  .mss = s->mss,
				  .wscale = s->wscale,
				  .n_sack = s->n_sack,
				  .tsval = s->tsval,
				  .tsecr = s->tsecr };
	uint8_t len = tcp_opts_len(&o), *p = malloc(TCP_HDR + (size_t)len);
	struct tcp_hdr h = { .off = (uint8_t)((TCP_HDR + len) << 2) };
	struct tcp_seg t;

	must(p && len <= TCP_HDR_MAX - TCP_HDR && len % 4 == 0);
	memcpy(o.sack, s->sack, sizeof(o.sack));
	memcpy(p, &h, sizeof(h));
	must(tcp_opts_write(p + TCP_HDR, &o) == len);
	must(tcp_parse(&t, p, TCP_HDR + (uint32_t)len, TCP_HDR + (uint32_t)len));
	must_be_same(s, &t);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	uint32_t more = rd_u16(&r), room;
	struct tcp_seg s;

	if (r.failed)
		return 0;
	room = (uint32_t)rd_left(&r);
	if (!tcp_parse(&s, r.pos, room, room + more))
		return 0;
	must(s.hdr_len >= TCP_HDR && s.hdr_len <= room && s.hdr_len + s.len == room + more);
	must(s.n_sack <= TCP_SACK_MAX && s.wscale <= TCP_WSCALE_MAX);
	must(!s.has_mss || s.mss >= TCP_MSS_MIN);
	again(&s);
	return 0;
}
