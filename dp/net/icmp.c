/* SPDX-License-Identifier: BSD-3-Clause */
#include "announce.h"
#include "ip.h"
#include "neigh.h"
#include "net.h"
#include "ping.h"
#include "../rate.h"
#include "../tx.h"
#include "../../lib/cursor.h"

#include <netinet/in.h>

enum {
	QUOTE4_MAX = 576 - IPV4_HDR - ICMP_HDR,	 /* RFC 1812 4.3.2.3 */
	QUOTE6_MAX = 1280 - IPV6_HDR - ICMP_HDR, /* RFC 4443 2.4 (c) */
	QUOTE_READ = 128, /* of a quoted packet: headers are all that matters */
	IPV6_FRAG_HDR = 8,
	IPV6_NEXT_HDR_AT = 6, /* in the fixed header */
	DSCP_MASK = 0xfc,
};

void icmp_checksum(uint8_t *icmp, const struct rte_mbuf *m, uint32_t off, uint16_t len,
		   const struct ip_addr *src, const struct ip_addr *dst)
{
	uint64_t s = ip_is_v4(src) ? 0 : csum_pseudo(0, src, dst, IP_PROTO_ICMPV6, len);
	uint16_t csum;

	memset(icmp + 2, 0, 2);
	csum = csum_field(csum_mbuf(s, m, off, len));
	memcpy(icmp + 2, &csum, 2);
}

/* Sends m back to where p came from. A link-local address needs no route, but p's own link. */
static void icmp_send(struct worker *w, const struct pkt *p, struct rte_mbuf *m)
{
	struct neigh *n;

	if (!ip_is_link_local(&p->src)) {
		ip_route_send(w, m, &p->dst, &p->src);
		return;
	}
	n = neigh_at(w, p->in_port, &p->src);
	if (n)
		ip_send(w, n, m, false);
	else
		pkt_drop(w, m, DROP_NEIGH_FULL);
}

/* Echo (RFC 792, RFC 4443 4.2): the same packet goes back. */
static void icmp_echo(struct worker *w, struct pkt *p)
{
	uint8_t l3_len = ip_hdr_len(&p->src);
	struct ip_out o = { .src = &p->dst,
			    .dst = &p->src,
			    .len = p->l4_len,
			    .proto = p->proto,
			    .tos = p->tos & DSCP_MASK,
			    .ttl = IP_TTL_OWN };
	struct rte_mbuf *m = p->m;
	uint8_t *h;

	if (!rate_allow(w->net->echo_rate, &p->src, w->now_ms)) {
		pkt_drop(w, m, DROP_ICMP_RATE);
		return;
	}
	rte_pktmbuf_adj(m, (uint16_t)(p->l2_len + p->l3_len));
	h = (uint8_t *)rte_pktmbuf_prepend(m, l3_len);
	ip_write(w, h, &o);
	h[l3_len] = p->v6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
	icmp_checksum(h + l3_len, m, l3_len, p->l4_len, &p->dst, &p->src);
	icmp_send(w, p, m);
}

/* Our own packets have a fragment header and no other (frag_send()). */
static bool quote6_header(struct rd *c, struct icmp_report *r)
{
	const uint8_t *h = rd_take(c, IPV6_HDR), *frag;

	if (!h || h[0] >> 4 != 6)
		return false;
	memcpy(r->relayed.ip.b, h + 8, 16);
	memcpy(r->peer.ip.b, h + 24, 16);
	r->proto = h[IPV6_NEXT_HDR_AT];
	if (r->proto == IPPROTO_FRAGMENT) {
		frag = rd_take(c, IPV6_FRAG_HDR);
		if (!frag || frag[2] || frag[3] & 0xf8) /* a later fragment has no ports */
			return false;
		r->proto = frag[0];
	}
	/* An IPv4 address in IPv6's clothes is not what it would be taken for. */
	return be16_read(h + 4) >= UDP_HDR && !ip_is_v4(&r->peer.ip);
}

static bool quote4_header(struct rd *c, struct icmp_report *r)
{
	const uint8_t *h = rd_take(c, IPV4_HDR);
	uint32_t len = h ? (h[0] & 0xfu) * 4 : 0;
	struct be32 a;

	if (!h || h[0] >> 4 != 4 || len < IPV4_HDR || h[6] & 0x1f || h[7])
		return false;
	r->proto = h[9];
	memcpy(a.b, h + 12, 4);
	r->relayed.ip = ip_from_v4(a);
	memcpy(a.b, h + 16, 4);
	r->peer.ip = ip_from_v4(a);
	return rd_take(c, len - IPV4_HDR) && be16_read(h + 2) >= len + UDP_HDR;
}

/* Source and destination of a quoted packet; false if the quotation does not tell. */
static bool quote_parse(const uint8_t *q, uint32_t len, bool v6, struct icmp_report *r)
{
	struct rd c = rd_init(q, len);
	const uint8_t *l4;

	if (!(v6 ? quote6_header(&c, r) : quote4_header(&c, r)))
		return false;
	l4 = rd_take(&c, UDP_HDR); /* as much as every quotation has (RFC 792) */
	if (!l4)
		return false;
	r->seq = be32_read(l4 + 4);
	if (r->proto == (v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP))
		return l4[0] == (v6 ? ICMP6_ECHO : ICMP4_ECHO);
	memcpy(r->relayed.port.b, l4, 2);
	memcpy(r->peer.port.b, l4 + 2, 2);
	return r->proto == IP_PROTO_UDP || r->proto == IP_PROTO_TCP;
}

/* The errors that a client is told of (RFC 8656 11.5). */
static bool type_is_error(bool v6, uint8_t type)
{
	return v6 ? type >= ICMP6_UNREACHABLE && type <= ICMP6_TIME
		  : type == ICMP4_UNREACHABLE || type == ICMP4_TIME;
}

/* An error about a packet of ours: what it says of that packet. False, and p->m is gone: nothing.
 */
static bool icmp_report(struct worker *w, struct pkt *p, const uint8_t *icmp, struct icmp_report *r)
{
	uint32_t off = (uint32_t)p->l2_len + p->l3_len + ICMP_HDR;
	uint32_t len = RTE_MIN((uint32_t)(p->l4_len - ICMP_HDR), (uint32_t)QUOTE_READ);
	uint8_t buf[QUOTE_READ];
	const uint8_t *quote = rte_pktmbuf_read(p->m, off, len, buf);

	*r = (struct icmp_report){ .type = icmp[0], .code = icmp[1] };
	/* Whoever quotes another source than the address it writes to has not seen our packet. */
	if (!quote || !quote_parse(quote, len, p->v6, r) || !ip_eq(&r->relayed.ip, &p->dst)) {
		pkt_drop(w, p->m, DROP_ICMP_BAD);
		return false;
	}
	if (p->v6 && r->type == ICMP6_TOO_BIG)
		r->data = be32_read(icmp + 4);
	else if (!p->v6 && r->type == ICMP4_UNREACHABLE && r->code == ICMP4_CODE_NEEDS_FRAG)
		r->data = be16_read(icmp + 6);
	r->unreachable = r->type == (p->v6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE);
	return true;
}

bool icmp_input(struct worker *w, struct pkt *p, bool copy, struct icmp_report *r)
{
	uint32_t off = (uint32_t)p->l2_len + p->l3_len;
	const uint8_t *icmp = rte_pktmbuf_mtod_offset(p->m, const uint8_t *, off);

	if (p->l4_len < ICMP_HDR || rte_pktmbuf_data_len(p->m) < off + ICMP_HDR ||
	    !pkt_l4_csum_ok(w, p))
		pkt_drop(w, p->m, DROP_ICMP_BAD);
	else if (p->v6 && icmp[0] >= ICMP6_ND_FIRST && icmp[0] <= ICMP6_ND_LAST)
		nd_input(w, p, !copy);
	else if (p->v6 && icmp[0] == ICMP6_MLD_QUERY)
		mld_query(w, p);
	else if (!p->local)
		pkt_drop(w, p->m, DROP_IP_DST);
	else if (icmp[0] == (p->v6 ? ICMP6_ECHO : ICMP4_ECHO) && icmp[1] == 0)
		icmp_echo(w, p);
	else if (icmp[0] == (p->v6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY) && icmp[1] == 0)
		ping_input(w, p);
	else if (type_is_error(p->v6, icmp[0]))
		return icmp_report(w, p, icmp, r);
	else
		pkt_drop(w, p->m, DROP_ICMP_TYPE);
	return false;
}

/* ---- errors we send ---- */

struct icmp_code {
	uint8_t type, code;
};

static const struct icmp_code why4[] = {
	[ICMP_WHY_PORT] = { ICMP4_UNREACHABLE, 3 },
	[ICMP_WHY_TOO_BIG] = { ICMP4_UNREACHABLE, ICMP4_CODE_NEEDS_FRAG },
	[ICMP_WHY_TTL] = { ICMP4_TIME, 0 },
	[ICMP_WHY_HOST] = { ICMP4_UNREACHABLE, 1 },
	[ICMP_WHY_PROTO] = { ICMP4_UNREACHABLE, 2 },
};

static const struct icmp_code why6[] = {
	[ICMP_WHY_PORT] = { ICMP6_UNREACHABLE, 4 }, [ICMP_WHY_TOO_BIG] = { ICMP6_TOO_BIG, 0 },
	[ICMP_WHY_TTL] = { ICMP6_TIME, 0 },	    [ICMP_WHY_HOST] = { ICMP6_UNREACHABLE, 3 },
	[ICMP_WHY_PROTO] = { ICMP6_PARAMETER, 1 },
};

/* Quotes as much of p as fits, so that its sender can tell which packet it was. */
static struct rte_mbuf *error_build(struct worker *w, const struct pkt *p, struct icmp_code c,
				    uint32_t data)
{
	uint32_t quote =
	    RTE_MIN((uint32_t)p->l3_len + p->l4_len, (uint32_t)(p->v6 ? QUOTE6_MAX : QUOTE4_MAX));
	struct rte_mbuf *m = pkt_make(w);
	const void *from;
	uint8_t *h;

	if (!m)
		return NULL;
	h = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(ICMP_HDR + quote));
	from = h ? rte_pktmbuf_read(p->m, p->l2_len, quote, h + ICMP_HDR) : NULL;
	if (!from) {
		pkt_drop(w, m, DROP_ICMP_BAD);
		return NULL;
	}
	if (from != h + ICMP_HDR)
		memcpy(h + ICMP_HDR, from, quote);
	memset(h, 0, ICMP_HDR);
	h[0] = c.type;
	h[1] = c.code;
	memcpy(h + 4, be32_make(data).b, 4); /* IPv4's MTU is the lower half (RFC 1191 4) */
	return m;
}

/* Where p says what follows its headers: the field a parameter problem points at. */
static uint32_t next_header_at(const struct pkt *p)
{
	const uint8_t *h = rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->l2_len);
	uint32_t at = IPV6_NEXT_HDR_AT, off = IPV6_HDR;

	while (off < p->l3_len) {
		at = off;
		off += (h[off + 1] + 1u) * 8u;
	}
	return at;
}

bool icmp_rate_allow(struct worker *w, const struct ip_addr *to)
{
	return rate_allow(w->net->error_rate, to, w->now_ms);
}

/*
 * RFC 1122 3.2.2, RFC 4443 2.4 (e): never about multicast or broadcast of either layer, nor about
 * ICMP errors (we have nothing to say about other ICMP either).
 */
static bool error_allowed(struct worker *w, const struct pkt *p)
{
	const uint8_t *frame = rte_pktmbuf_mtod(p->m, const uint8_t *);

	/* A packet looped from relayed address to relayed address has no frame. */
	return p->local && !(p->l2_len && (frame[0] & 1)) && p->proto != IP_PROTO_ICMP &&
	       p->proto != IP_PROTO_ICMPV6 && icmp_rate_allow(w, &p->src);
}

void icmp_error(struct worker *w, const struct pkt *p, enum icmp_why why, uint16_t mtu)
{
	struct icmp_code c = p->v6 ? why6[why] : why4[why];
	struct ip_out o = { .src = &p->dst,
			    .dst = &p->src,
			    .ttl = IP_TTL_OWN,
			    .proto = p->v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP };
	struct rte_mbuf *m;
	uint32_t data = why == ICMP_WHY_TOO_BIG ? mtu : 0;
	uint8_t *h, l3_len;

	/* It would quote in clear what came by ESP. */
	if (p->inner != SLOT_NONE || !error_allowed(w, p))
		return;
	if (why == ICMP_WHY_PROTO && p->v6)
		data = next_header_at(p);
	m = error_build(w, p, c, data);
	if (!m)
		return;
	o.len = (uint16_t)m->pkt_len;
	l3_len = ip_hdr_len(&p->src);
	h = (uint8_t *)rte_pktmbuf_prepend(m, l3_len);
	ip_write(w, h, &o);
	icmp_checksum(h + l3_len, m, l3_len, o.len, &p->dst, &p->src);
	icmp_send(w, p, m);
}
