/* SPDX-License-Identifier: BSD-3-Clause */
#include "dp_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- frames: a second opinion on everything, bytes and big-endian words ---- */

static uint32_t sum16(uint32_t s, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t sum_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
			   size_t len)
{
	int v4 = ip_is_v4(src) ? 12 : 0;
	uint8_t tail[4] = { 0, proto };
	uint32_t s =
	    sum16(sum16(0, src->b + v4, (size_t)(16 - v4)), dst->b + v4, (size_t)(16 - v4));

	put16(tail + 2, (uint32_t)len);
	return sum16(s, tail, 4);
}

void frame_ip(struct frame *f, uint16_t port, const struct ip_addr *src, const struct ip_addr *dst,
	      uint8_t proto, const void *payload, size_t len, const struct frame_opt *o)
{
	bool v4 = ip_is_v4(src);
	uint8_t *h = f->b, ttl = o && o->ttl ? o->ttl : 64, tos = o ? o->tos : 0;

	memcpy(h, world.dp.port[port].mac.addr_bytes, 6);
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

void expect_udp(uint16_t port, struct udp_view *v)
{
	const struct port *p = &world.dp.port[port];
	const struct frame *f = world_out(port);
	const uint8_t *h, *udp;
	size_t len;

	if (!f)
		world_drops(DROP_NONE, 0); /* says where it went */
	assert_non_null(f);
	assert_memory_equal(f->b, world_mac, 6);
	assert_memory_equal(f->b + 6, p->mac.addr_bytes, 6);
	if (p->vlan) {
		assert_int_equal(get16(f->b + 12), 0x8100);
		assert_int_equal(get16(f->b + 14), p->vlan);
	}
	h = f->b + p->l2_len;
	frame_addrs(f, &v->src.ip, &v->dst.ip);
	if (h[0] >> 4 == 4) {
		assert_int_equal(get16(h - 2), 0x0800);
		assert_int_equal(h[0], 0x45);
		assert_int_equal(get16(h + 2), f->len - p->l2_len);
		assert_int_equal(sum16(0, h, 20), 0xffff);
		assert_int_equal(h[6] & 0xbf, 0);
		assert_int_equal(h[7], 0);
		assert_int_equal(h[9], 17);
		v->df = h[6] & 0x40;
		v->tos = h[1];
		v->ttl = h[8];
		udp = h + 20;
	} else {
		assert_int_equal(get16(h - 2), 0x86dd);
		assert_int_equal(h[0] >> 4, 6);
		assert_int_equal(get16(h + 4), f->len - p->l2_len - 40);
		assert_int_equal(h[6], 17);
		v->df = false;
		v->tos = (uint8_t)(h[0] << 4 | h[1] >> 4);
		v->ttl = h[7];
		udp = h + 40;
	}
	len = (size_t)(f->b + f->len - udp);
	assert_int_equal(get16(udp + 4), len);
	memcpy(v->src.port.b, udp, 2);
	memcpy(v->dst.port.b, udp + 2, 2);
	v->csum_zero = get16(udp + 6) == 0;
	v->csum_ok = sum16(sum_pseudo(&v->src.ip, &v->dst.ip, 17, len), udp, len) == 0xffff;
	v->payload = udp + 8;
	v->len = (uint16_t)(len - 8);
}

void expect_udp_is(uint16_t port, const struct sock_addr *src, const struct sock_addr *dst,
		   const void *payload, size_t len, struct udp_view *v)
{
	struct udp_view tmp;

	v = v ? v : &tmp;
	expect_udp(port, v);
	assert_memory_equal(&v->src, src, sizeof(*src));
	assert_memory_equal(&v->dst, dst, sizeof(*dst));
	assert_true(v->csum_ok);
	assert_int_equal(v->len, len);
	if (len)
		assert_memory_equal(v->payload, payload, len);
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
