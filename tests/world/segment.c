/* SPDX-License-Identifier: BSD-3-Clause */
#include "segment.h"
#include "unit.h"

#include <string.h>

enum { HDR = 20 };

void frame_tcp(struct frame *f, uint16_t port, const struct segment *s, const struct frame_opt *o)
{
	size_t hdr = HDR + (size_t)s->opt_len, len = hdr + s->len - s->cut;
	uint8_t p[FRAME_MAX];
	uint32_t sum;

	memcpy(p, s->src.port.b, 2);
	memcpy(p + 2, s->dst.port.b, 2);
	put32(p + 4, s->seq);
	put32(p + 8, s->ack);
	p[12] = (uint8_t)((s->off ? s->off : hdr / 4) << 4);
	p[13] = s->flags;
	put16(p + 14, s->wnd);
	put16(p + 16, 0);
	put16(p + 18, s->urg);
	if (s->opt_len)
		memcpy(p + HDR, s->opt, s->opt_len);
	if (s->len)
		memcpy(p + hdr, s->data, s->len);
	sum = sum16(sum_pseudo(&s->src.ip, &s->dst.ip, PROTO_TCP, len), p, len);
	put16(p + 16, (~sum & 0xffff) ^ (o && o->csum == CSUM_BAD ? 0x100 : 0));
	frame_ip(f, port, &s->src.ip, &s->dst.ip, PROTO_TCP, p, len, o);
}

bool segment_read(const struct frame *f, struct segment *s)
{
	const uint16_t type = get16(f->b + frame_l3(f) - 2);
	struct ip_view ip;
	const uint8_t *p;
	uint8_t hdr;

	if ((type != 0x0800 && type != 0x86dd) || frame_proto(f) != PROTO_TCP)
		return false;
	frame_read(f, &ip);
	p = ip.payload;
	assert_true(ip.len >= HDR);
	assert_int_equal(sum16(sum_pseudo(&ip.src, &ip.dst, PROTO_TCP, ip.len), p, ip.len), 0xffff);
	assert_int_equal(p[12] & 0xf, 0);
	hdr = (uint8_t)((p[12] >> 4) * 4);
	assert_in_range(hdr, HDR, ip.len);
	*s = (struct segment){ .src.ip = ip.src,
			       .dst.ip = ip.dst,
			       .seq = get32(p + 4),
			       .ack = get32(p + 8),
			       .wnd = get16(p + 14),
			       .urg = get16(p + 18),
			       .flags = p[13],
			       .opt = p + HDR,
			       .opt_len = (uint8_t)(hdr - HDR),
			       .data = p + hdr,
			       .len = (uint32_t)ip.len - hdr,
			       .tos = ip.tos,
			       .df = ip.df };
	memcpy(s->src.port.b, p, 2);
	memcpy(s->dst.port.b, p + 2, 2);
	return true;
}
