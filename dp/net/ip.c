/* SPDX-License-Identifier: BSD-3-Clause */
#include "ip.h"
#include "../snapshot.h"
#include "neigh.h"

#include <rte_mbuf.h>

enum { CHAIN_HEAD = 320 }; /* bytes: see pkt_head() */

bool pkt_head_chained(struct rte_mbuf *m)
{
	while (m->nb_segs > 1 && m->data_len < CHAIN_HEAD) {
		struct rte_mbuf *next = m->next;
		uint16_t n = (uint16_t)RTE_MIN(CHAIN_HEAD - m->data_len, (int)next->data_len);

		if (n > rte_pktmbuf_tailroom(m))
			return false;
		memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len),
		       rte_pktmbuf_mtod(next, const uint8_t *), n);
		m->data_len = (uint16_t)(m->data_len + n);
		next->data_off = (uint16_t)(next->data_off + n);
		next->data_len = (uint16_t)(next->data_len - n);
		if (next->data_len)
			continue;
		m->next = next->next;
		m->nb_segs--;
		rte_pktmbuf_free_seg(next);
	}
	return true;
}

void pkt_own_read(struct rte_mbuf *m, struct pkt *p)
{
	const uint8_t *h = rte_pktmbuf_mtod(m, const uint8_t *);
	bool whole = true;

	*p = (struct pkt){ .m = m, .v6 = h[0] >> 4 == 6, .inner = SLOT_NONE };
	if (p->v6) {
		const struct ipv6 *ip = (const struct ipv6 *)h;

		p->src = ip->src;
		p->dst = ip->dst;
		p->tos = (uint8_t)(be32_get(ip->ver_tc_flow) >> 20);
		p->proto = ip->proto;
		p->ttl = ip->hops;
		p->l3_len = IPV6_HDR;
	} else {
		const struct ipv4 *ip = (const struct ipv4 *)h;

		p->src = ip_from_v4(ip->src);
		p->dst = ip_from_v4(ip->dst);
		p->tos = ip->tos;
		p->df = ip->frag.b[0] & 0x40;
		p->ttl = ip->ttl;
		p->proto = ip->proto;
		p->l3_len = IPV4_HDR;
		whole = !(be16_get(ip->frag) & 0x3fff);
	}
	p->l4_len = (uint16_t)(m->pkt_len - p->l3_len);
	if (whole && (p->proto == IP_PROTO_UDP || p->proto == IP_PROTO_TCP)) {
		memcpy(p->sport.b, h + p->l3_len, 2);
		memcpy(p->dport.b, h + p->l3_len + 2, 2);
	}
}

bool ip_send(struct worker *w, struct neigh *n, struct rte_mbuf *m, bool df)
{
	/* What goes by a gate may be cut behind it (RFC 4303 3.3.4). */
	if (likely(m->pkt_len <= n->mtu) || (n->state == NEIGH_GATE && !df)) {
		neigh_send(w, n, m);
		return true;
	}
	if (df) {
		pkt_drop(w, m, DROP_FRAG_NEEDED);
		return false;
	}
	frag_send(w, n, m);
	return true;
}

/* Addresses that no packet is routed to. */
static bool ip_is_no_host(const struct ip_addr *a)
{
	static const struct ip_addr loopback = { { [15] = 1 } };
	struct ip_addr x = *a;

	if (ip_is_v4(a))
		return a->b[12] == 0 || a->b[12] == 127 || a->b[12] >= 224;
	x.b[15] |= 1; /* unspecified counts as loopback */
	return a->b[0] == 0xff || ip_is_link_local(a) || ip_eq(&x, &loopback);
}

/* The subnet's broadcast address, in either form (RFC 1122 3.3.6). */
static bool ip_is_broadcast(const struct ip_addr *a, const struct ip_prefix *subnet)
{
	uint32_t host, mask;

	if (!ip_is_v4(a) || subnet->len > 126)
		return false;
	mask = (uint32_t)((UINT64_C(1) << (128 - subnet->len)) - 1);
	host = be32_get(ip_to_v4(a)) & mask;
	return host == 0 || host == mask;
}

/* A way to a destination, as long as its prefix; -1: none. */
struct route {
	int len;
	uint16_t port;
	struct ip_addr via; /* on a port's link */
	bool broadcast;	    /* of that subnet: no host */
	bool failed;	    /* its gateway does not answer */
};

/*
 * Takes the way by a port if it is longer than the one there is, or as long and that one's gateway
 * does not answer. t may be NULL: all answer.
 */
static void route_by(const struct dplane *dp, struct neigh_table *t, uint16_t port,
		     const struct ip_addr *dst, struct route *r)
{
	const struct config_port *c = &snapshot_conf(dp)->port[port];
	uint16_t i;

	for (i = 0; i < c->n_addr; i++)
		if (c->addr[i].len > r->len && ip_in_prefix(dst, &c->addr[i]))
			*r = (struct route){ c->addr[i].len, port, *dst,
					     ip_is_broadcast(dst, &c->addr[i]), false };
	for (i = 0; i < c->n_route; i++) {
		const struct config_route *way = &c->route[i];
		bool failed;

		if (way->to.len < r->len || (way->to.len == r->len && !r->failed) ||
		    !ip_in_prefix(dst, &way->to))
			continue;
		failed = neigh_has_failed(t, port, &way->via);
		if (way->to.len > r->len || !failed)
			*r = (struct route){ way->to.len, port, way->via, false, failed };
	}
}

/* The longest of all ports with a link; of those without one, if there is no other. */
static void route_by_any(const struct dplane *dp, struct neigh_table *t, const struct ip_addr *dst,
			 struct route *r)
{
	uint16_t i;

	for (i = 0; i < dp->n_ports; i++)
		if (!port_is_down(&dp->port[i]))
			route_by(dp, t, i, dst, r);
	for (i = 0; r->len < 0 && i < dp->n_ports; i++)
		route_by(dp, t, i, dst, r);
}

/*
 * The port of the source has no link: another that names the destination is the way. A default
 * gateway names nothing, and packets of one network would leave by any other.
 */
static void route_around(const struct dplane *dp, struct neigh_table *t, const struct ip_addr *dst,
			 struct route *r)
{
	const int any =
	    ip_is_v4(dst) ? 128 - 32 : 0; /* the length of a prefix that names nothing */
	struct route other = { .len = any };
	uint16_t i;

	for (i = 0; i < dp->n_ports; i++)
		if (!port_is_down(&dp->port[i]))
			route_by(dp, t, i, dst, &other);
	if (other.len > any)
		*r = other;
}

bool ip_route(const struct dplane *dp, struct neigh_table *t, const struct ip_addr *src,
	      const struct ip_addr *dst, uint16_t *port, struct ip_addr *via)
{
	const struct local_addr *own = src ? dplane_local(dp, src) : NULL;
	struct route r = { .len = -1 };

	if (ip_is_no_host(dst))
		return false;
	if (own)
		route_by(dp, t, own->port, dst, &r);
	if (r.len < 0)
		route_by_any(dp, t, dst, &r);
	else if (unlikely(port_is_down(&dp->port[own->port])))
		route_around(dp, t, dst, &r);
	*port = r.port;
	*via = r.via;
	return r.len >= 0 && !r.broadcast;
}

void ip_route_send(struct worker *w, struct rte_mbuf *m, const struct ip_addr *src,
		   const struct ip_addr *dst)
{
	uint32_t cache = NH_NONE;
	enum drop why;
	struct neigh *n = neigh_find(w, src, dst, &cache, &why);

	if (n)
		ip_send(w, n, m, false);
	else
		pkt_drop(w, m, why);
}

enum drop udp_write(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src,
		    const struct sock_addr *dst, uint8_t tos, bool df)
{
	uint16_t len = (uint16_t)(m->pkt_len + UDP_HDR), csum;
	uint8_t l3_len = ip_hdr_len(&dst->ip);
	struct ip_out o = { .src = &src->ip,
			    .dst = &dst->ip,
			    .len = len,
			    .proto = IP_PROTO_UDP,
			    .tos = tos,
			    .ttl = IP_TTL_OWN,
			    .df = df };
	uint8_t *p;

	if (unlikely(m->pkt_len + UDP_HDR + l3_len > UINT16_MAX))
		return DROP_FRAG_NEEDED;
	p = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)(l3_len + UDP_HDR));
	if (unlikely(!p))
		return DROP_NO_MBUF;
	ip_write(w, p, &o);
	p += l3_len;
	memcpy(p, src->port.b, 2);
	memcpy(p + 2, dst->port.b, 2);
	memcpy(p + 4, be16_make(len).b, 2);
	memset(p + 6, 0, 2);
	csum = csum_udp(
	    csum_mbuf(csum_pseudo(0, &src->ip, &dst->ip, IP_PROTO_UDP, len), m, l3_len, len));
	memcpy(p + 6, &csum, 2);
	return DROP_NONE;
}

void udp_send(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src,
	      const struct sock_addr *dst, uint8_t tos)
{
	enum drop why = udp_write(w, m, src, dst, tos, false);

	if (unlikely(why != DROP_NONE))
		pkt_drop(w, m, why);
	else
		ip_route_send(w, m, &src->ip, &dst->ip);
}
