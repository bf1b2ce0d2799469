/* SPDX-License-Identifier: BSD-3-Clause */
#include "ip.h"
#include "neigh.h"

#include <rte_mbuf.h>

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
