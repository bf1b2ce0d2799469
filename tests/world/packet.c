/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

const uint8_t world_mac[6] = { 2, 0, 0, 0, 0, 9 };

void port_mac(uint16_t port, uint8_t *mac)
{
	memcpy(mac, (uint8_t[]){ 2, 0, 0, 0, 1, (uint8_t)port }, 6);
}

struct sock_addr at(const char *ip, uint16_t port)
{
	struct sock_addr a = { .port = be16_make(port) };

	if (!ip_parse(ip, &a.ip))
		abort();
	return a;
}

/* ---- sums ---- */

uint32_t sum16(uint32_t s, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

uint32_t sum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto, size_t len)
{
	int v4 = ip_is_v4(src) ? 12 : 0;
	uint8_t tail[4] = { 0, proto };
	uint32_t s =
	    sum16(sum16(0, src->b + v4, (size_t)(16 - v4)), dst->b + v4, (size_t)(16 - v4));

	put16(tail + 2, (uint32_t)len);
	return sum16(s, tail, 4);
}

/* ---- frames in ---- */

void frame_ip(struct frame *f, uint16_t port, const struct ip_addr *src, const struct ip_addr *dst,
	      uint8_t proto, const void *payload, size_t len, const struct frame_opt *o)
{
	bool v4 = ip_is_v4(src);
	uint8_t *h = f->b, ttl = o && o->ttl ? o->ttl : 64, tos = o ? o->tos : 0;

	port_mac(port, h);
	memcpy(h + 6, world_mac, 6);
	h += 12;
	if (o && o->vlan) {
		put16(h, 0x8100);
		put16(h + 2, o->vlan);
		h += 4;
	}
	put16(h, v4 ? 0x0800 : 0x86dd);
	h += 2;
	memset(h, 0, 40);
	if (v4) {
		h[0] = 0x45;
		h[1] = tos;
		put16(h + 2, (uint32_t)len + 20);
		put16(h + 4, 0x1234);
		h[6] = o && o->df ? 0x40 : 0;
		h[8] = ttl;
		h[9] = proto;
		memcpy(h + 12, src->b + 12, 4);
		memcpy(h + 16, dst->b + 12, 4);
		put16(h + 10, ~sum16(0, h, 20) & 0xffff);
		h += 20;
	} else {
		h[0] = (uint8_t)(0x60 | tos >> 4);
		h[1] = (uint8_t)(tos << 4);
		put16(h + 4, (uint32_t)len);
		h[6] = proto;
		h[7] = ttl;
		memcpy(h + 8, src->b, 16);
		memcpy(h + 24, dst->b, 16);
		h += 40;
	}
	if (len)
		memcpy(h, payload, len);
	f->len = (uint16_t)(h + len - f->b);
}

void frame_udp(struct frame *f, uint16_t port, const struct sock_addr *src,
	       const struct sock_addr *dst, const void *payload, size_t len,
	       const struct frame_opt *o)
{
	uint8_t udp[FRAME_MAX];
	uint32_t s;

	memcpy(udp, src->port.b, 2);
	memcpy(udp + 2, dst->port.b, 2);
	put16(udp + 4, (uint32_t)len + 8);
	put16(udp + 6, 0);
	if (len)
		memcpy(udp + 8, payload, len);
	s = sum16(sum_pseudo(&src->ip, &dst->ip, 17, len + 8), udp, len + 8);
	s = ~s & 0xffff;
	s = s ? s : 0xffff;
	if (!o || o->csum == CSUM_GOOD)
		put16(udp + 6, s);
	else if (o->csum == CSUM_BAD)
		put16(udp + 6, s ^ 0x0101);
	frame_ip(f, port, &src->ip, &dst->ip, 17, udp, len + 8, o);
}

uint16_t frame_l3(const struct frame *f)
{
	return get16(f->b + 12) == 0x8100 ? 18 : 14;
}

uint16_t frame_l4(const struct frame *f)
{
	uint16_t l3 = frame_l3(f);

	return (uint16_t)(l3 + (f->b[l3] >> 4 == 4 ? (f->b[l3] & 0xf) * 4 : 40));
}

static void frame_addrs(const struct frame *f, struct ip_addr *src, struct ip_addr *dst)
{
	const uint8_t *h = f->b + frame_l3(f);
	struct be32 a;

	if (h[0] >> 4 == 6) {
		memcpy(src->b, h + 8, 16);
		memcpy(dst->b, h + 24, 16);
		return;
	}
	memcpy(a.b, h + 12, 4);
	*src = ip_from_v4(a);
	memcpy(a.b, h + 16, 4);
	*dst = ip_from_v4(a);
}

void frame_icmp_csum(struct frame *f)
{
	struct ip_addr src, dst;
	uint16_t l4 = frame_l4(f);
	size_t len = f->len - l4;
	uint32_t s;

	frame_addrs(f, &src, &dst);
	s = ip_is_v4(&src) ? 0 : sum_pseudo(&src, &dst, 58, len);
	put16(f->b + l4 + 2, 0);
	put16(f->b + l4 + 2, ~sum16(s, f->b + l4, len) & 0xffff);
}

void frame_udp_csum(struct frame *f)
{
	struct ip_addr src, dst;
	uint16_t l4 = frame_l4(f);
	size_t len = f->len - l4;
	uint32_t s;

	frame_addrs(f, &src, &dst);
	put16(f->b + l4 + 6, 0);
	s = ~sum16(sum_pseudo(&src, &dst, 17, len), f->b + l4, len) & 0xffff;
	put16(f->b + l4 + 6, s ? s : 0xffff);
}

void frame_ip_csum(struct frame *f)
{
	uint8_t *h = f->b + frame_l3(f);

	put16(h + 10, 0);
	put16(h + 10, ~sum16(0, h, (size_t)(h[0] & 0xf) * 4) & 0xffff);
}

uint8_t frame_proto(const struct frame *f)
{
	const uint8_t *h = f->b + frame_l3(f);

	return h[0] >> 4 == 4 ? h[9] : h[6];
}

/* ---- frames out ---- */

void frame_read(const struct frame *f, struct ip_view *v)
{
	const uint16_t l3 = frame_l3(f);
	const uint8_t *h = f->b + l3;

	*v = (struct ip_view){ .proto = frame_proto(f), .payload = f->b + frame_l4(f) };
	frame_addrs(f, &v->src, &v->dst);
	v->len = (uint16_t)(f->b + f->len - v->payload);
	if (h[0] >> 4 == 4) {
		assert_int_equal(get16(h - 2), 0x0800);
		assert_int_equal(h[0], 0x45);
		assert_int_equal(get16(h + 2), f->len - l3);
		assert_int_equal(sum16(0, h, 20), 0xffff);
		assert_int_equal(h[6] & 0xbf, 0);
		assert_int_equal(h[7], 0);
		v->df = h[6] & 0x40;
		v->tos = h[1];
		v->ttl = h[8];
	} else {
		assert_int_equal(get16(h - 2), 0x86dd);
		assert_int_equal(h[0] >> 4, 6);
		assert_int_equal(get16(h + 4), f->len - l3 - 40);
		v->tos = (uint8_t)(h[0] << 4 | h[1] >> 4);
		v->ttl = h[7];
	}
}

void frame_read_udp(const struct frame *f, struct udp_view *v)
{
	struct ip_view ip;
	const uint8_t *udp;

	frame_read(f, &ip);
	udp = ip.payload;
	assert_int_equal(ip.proto, 17);
	assert_int_equal(get16(udp + 4), ip.len);
	*v = (struct udp_view){ .src.ip = ip.src,
				.dst.ip = ip.dst,
				.tos = ip.tos,
				.ttl = ip.ttl,
				.df = ip.df,
				.csum_zero = get16(udp + 6) == 0,
				.payload = udp + 8,
				.len = (uint16_t)(ip.len - 8) };
	memcpy(v->src.port.b, udp, 2);
	memcpy(v->dst.port.b, udp + 2, 2);
	v->csum_ok = sum16(sum_pseudo(&ip.src, &ip.dst, 17, ip.len), udp, ip.len) == 0xffff;
}

/* ---- messages ---- */

size_t chandata(uint8_t *buf, uint16_t channel, const void *data, size_t len)
{
	put16(buf, channel);
	put16(buf + 2, (uint32_t)len);
	if (len)
		memcpy(buf + 4, data, len);
	return len + 4;
}

size_t send_ind(uint8_t *buf, size_t cap, const struct sock_addr *peer, const void *data,
		size_t len, bool dont_fragment, bool fingerprint)
{
	static const uint8_t tid[STUN_TID_LEN] = "transaction";
	struct stun_builder b;

	stun_begin(&b, buf, cap, stun_type(STUN_SEND, STUN_INDICATION), tid);
	stun_put_xor_addr(&b, STUN_ATTR_XOR_PEER_ADDRESS, peer);
	if (dont_fragment)
		stun_put(&b, STUN_ATTR_DONT_FRAGMENT, NULL, 0);
	stun_put(&b, STUN_ATTR_DATA, data, len);
	if (fingerprint)
		stun_put_fingerprint(&b);
	return stun_end(&b);
}

void fill(uint8_t *p, size_t len, uint8_t seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}
