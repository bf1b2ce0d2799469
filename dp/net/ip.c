/* SPDX-License-Identifier: BSD-3-Clause */
#include "ip.h"
#include "neigh.h"

#include <rte_mbuf.h>

static uint8_t ipv4_write(struct worker *w, uint8_t *p, const struct ip_out *o)
{
	uint16_t len = (uint16_t)(IPV4_HDR + o->len), id = 0, csum;

	/* Atomic datagrams need no identification (RFC 6864 4.1). */
	if (!o->df)
		id = w->ip_id++;
	p[0] = 0x45;
	p[1] = o->tos;
	memcpy(p + 2, be16_make(len).b, 2);
	memcpy(p + 4, be16_make(id).b, 2);
	p[6] = o->df ? 0x40 : 0;
	p[7] = 0;
	p[8] = o->ttl;
	p[9] = o->proto;
	memset(p + 10, 0, 2);
	memcpy(p + 12, o->src->b + 12, 4);
	memcpy(p + 16, o->dst->b + 12, 4);
	csum = (uint16_t)~csum_fold(csum_bytes(0, p, IPV4_HDR));
	memcpy(p + 10, &csum, 2);
	return IPV4_HDR;
}

uint8_t ip_write(struct worker *w, uint8_t *p, const struct ip_out *o)
{
	if (ip_is_v4(o->dst))
		return ipv4_write(w, p, o);
	p[0] = (uint8_t)(0x60 | o->tos >> 4);
	p[1] = (uint8_t)(o->tos << 4);
	p[2] = p[3] = 0;
	memcpy(p + 4, be16_make(o->len).b, 2);
	p[6] = o->proto;
	p[7] = o->ttl;
	memcpy(p + 8, o->src->b, 16);
	memcpy(p + 24, o->dst->b, 16);
	return IPV6_HDR;
}

bool ip_send(struct worker *w, struct neigh *n, struct rte_mbuf *m, bool df)
{
	if (likely(m->pkt_len <= n->mtu)) {
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

bool ip_route(const struct dplane *dp, const struct ip_addr *dst, uint16_t *port,
	      struct ip_addr *via)
{
	int best = -1;
	uint16_t i, j;

	for (i = 0; i < dp->n_ports; i++) {
		const struct config_port *c = dp->port[i].conf;

		for (j = 0; j < c->n_addr; j++) {
			if (c->addr[j].len > best && ip_in_prefix(dst, &c->addr[j])) {
				best = c->addr[j].len;
				*port = i;
				*via = *dst;
			}
		}
		for (j = 0; j < c->n_route; j++) {
			if (c->route[j].to.len > best && ip_in_prefix(dst, &c->route[j].to)) {
				best = c->route[j].to.len;
				*port = i;
				*via = c->route[j].via;
			}
		}
	}
	return best >= 0;
}

void ip_route_send(struct worker *w, struct rte_mbuf *m, const struct ip_addr *dst)
{
	uint32_t cache = NH_NONE;
	enum drop why;
	struct neigh *n = neigh_find(w, dst, &cache, &why);

	if (n)
		ip_send(w, n, m, false);
	else
		pkt_drop(w, m, why);
}

void udp_send(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src,
	      const struct sock_addr *dst, uint8_t tos)
{
	uint16_t len = (uint16_t)(m->pkt_len + UDP_HDR), csum;
	uint8_t l3_len = ip_hdr_len(&dst->ip);
	struct ip_out o = { .src = &src->ip, .dst = &dst->ip, .len = len, .proto = IP_PROTO_UDP,
			    .tos = tos, .ttl = IP_TTL_OWN };
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, (uint16_t)(l3_len + UDP_HDR));

	if (unlikely(!p)) {
		pkt_drop(w, m, DROP_NO_MBUF);
		return;
	}
	ip_write(w, p, &o);
	p += l3_len;
	memcpy(p, src->port.b, 2);
	memcpy(p + 2, dst->port.b, 2);
	memcpy(p + 4, be16_make(len).b, 2);
	memset(p + 6, 0, 2);
	csum = (uint16_t)~csum_fold(
		csum_mbuf(csum_pseudo(0, &src->ip, &dst->ip, IP_PROTO_UDP, len), m, l3_len, len));
	csum = csum ? csum : 0xffff;
	memcpy(p + 6, &csum, 2);
	ip_route_send(w, m, &dst->ip);
}
