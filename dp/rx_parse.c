/* SPDX-License-Identifier: BSD-3-Clause */
#include "rx_parse.h"
#include "dispatch.h"
#include "tx.h"
#include "edge/edge.h"
#include "ipsec/ipsec.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "tcp/tcp.h"
#include "tcp/wire.h"

#include <netinet/ip6.h>
#include <rte_ip.h>

enum {
	TCP_FLAGS = offsetof(struct tcp_hdr, flags),
	IPV6_EXT_MAX = 4, /* extension headers walked */
};

static enum pkt_class taken(struct worker *w, struct rte_mbuf *m, enum drop reason)
{
	pkt_drop(w, m, reason);
	return PKT_TAKEN;
}

/*
 * Whether it tells all neighbours who has an address. Who has one of ours as well sends that from
 * there (RFC 4861 7.2.4).
 */
static bool is_advertisement(const struct pkt *p)
{
	uint32_t off = (uint32_t)p->l2_len + p->l3_len;

	return p->dst.b[0] == 0xff && rte_pktmbuf_data_len(p->m) > off &&
	       *rte_pktmbuf_mtod_offset(p->m, const uint8_t *, off) == ICMP6_ND_ADVERT;
}

/*
 * A source that no honest packet has. Unspecified IPv6 is for address detection only (RFC 4862),
 * which ND judges, as it does claims for addresses of ours; mapped IPv4 stands on no wire.
 */
static bool src_is_bad(const struct worker *w, const struct pkt *p)
{
	if (p->v6 && p->proto == IP_PROTO_ICMPV6 &&
	    (ip_is_unspecified(&p->src) || (is_advertisement(p) && dplane_local(w->dp, &p->src))))
		return false;
	return (p->v6 && ip_is_v4(&p->src)) || !ip_source_ok(w->dp, &p->src);
}

/*
 * An address is served on its own port, and on another only for sources that are reached by that
 * one from here (RFC 3704 2.2): who is on one link cannot speak for the network behind another.
 */
static bool port_serves(const struct dplane *dp, const struct pkt *p)
{
	struct ip_addr via;
	uint16_t port;

	return likely(p->local->port == p->in_port) || p->inner != SLOT_NONE ||
	       (ip_route(dp, NULL, &p->dst, &p->src, &port, &via) && port == p->in_port);
}

/* The worker of a client's packet that came by a port, see doc/arch/dataplane.md, "Steering". */
uint16_t rx_client_owner(const struct worker *w, const struct pkt *p)
{
	const struct port *port = &w->dp->port[p->in_port];

	if (w->dp->n_workers == 1)
		return w->id;
	if (!port->flow_sticky)
		return dplane_client_worker(w->dp, &p->src, p->sport);
	if (unlikely(p->whole) && port->rss.reta_size) {
		struct sock_addr src = { p->src, p->sport }, dst = { p->dst, p->dport };

		return (uint16_t)(rss_queue(&port->rss, &src, &dst) % w->dp->n_workers);
	}
	return w->id;
}

/* ESP to us: the SPI names the worker that knows it. */
static enum pkt_class esp_classify(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	const uint32_t off =
	    (uint32_t)p->l2_len + p->l3_len + (p->proto == IP_PROTO_UDP ? UDP_HDR : 0);
	uint32_t owner;

	if (unlikely(mode == RX_INNER))
		return taken(w, p->m, DROP_ESP_POLICY);
	if (rte_pktmbuf_data_len(p->m) < off + sizeof(uint32_t))
		return PKT_ESP; /* a keep-alive, or nothing */
	owner = ctl_ipsec_spi_worker(be32_read(rte_pktmbuf_mtod_offset(p->m, uint8_t *, off)));
	if (likely(owner == w->id || owner >= w->dp->n_workers))
		return PKT_ESP;
	handover_pkt(w, (uint16_t)owner, p, HANDOVER_RX);
	return PKT_TAKEN;
}

/* UDP to us that is to no listener and no relay: to a phone's port, or to nobody's. */
static enum pkt_class sip_classify(struct worker *w, struct pkt *p)
{
	uint32_t owner, slot;

	if (!p->local || !edge_port(w->dp, be16_get(p->dport), &owner, &slot)) {
		icmp_error(w, p, ICMP_WHY_PORT, 0);
		return taken(w, p->m, DROP_UDP_PORT);
	}
	if (owner == w->id)
		edge_output(w, p, slot);
	else
		handover_pkt(w, (uint16_t)owner, p, HANDOVER_RX);
	return PKT_TAKEN;
}

/* UDP to us: a listener's or a relayed port's. */
static enum pkt_class udp_classify(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	const struct dplane *dp = w->dp;
	struct rte_mbuf *m = p->m;
	const uint8_t *h;
	uint16_t ulen, dport, relay;
	enum drop why;

	if (unlikely(p->l4_len < UDP_HDR ||
		     rte_pktmbuf_data_len(m) < (uint32_t)p->l2_len + p->l3_len + UDP_HDR))
		return taken(w, m, DROP_UDP_SHORT);
	h = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l2_len + p->l3_len);
	memcpy(p->sport.b, h, 2);
	memcpy(p->dport.b, h + 2, 2);
	ulen = be16_read(h + 4);
	if (unlikely(ulen < UDP_HDR || ulen > p->l4_len || be16_get(p->sport) == 0))
		return taken(w, m, DROP_UDP_SHORT);
	p->l4_len = ulen;
	/* IPv6 wants a checksum (RFC 8200 8.1). */
	if (unlikely(p->v6 && (h[6] | h[7]) == 0))
		return taken(w, m, DROP_UDP_CSUM);
	if (unlikely(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_BAD)) {
		/* With the bit of GOOD beside it, the sender left it to a device that was none. */
		if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_NONE)
			return taken(w, m, DROP_UDP_CSUM);
		pkt_udp_csum_finish(p);
	}
	if (ipsec_is_udp(w, p))
		return esp_classify(w, p, mode);
	why = ipsec_admit(w, p);
	if (unlikely(why != DROP_NONE))
		return taken(w, m, why);
	dport = be16_get(p->dport);
	p->index = dplane_listener(dp, &p->dst, dport);
	if (p->index != LOCAL_NONE) {
		uint16_t owner = mode == RX_FRESH ? rx_client_owner(w, p) : w->id;

		if (likely(owner == w->id))
			return PKT_LISTENER;
		handover_pkt(w, owner, p, HANDOVER_RX);
		return PKT_TAKEN;
	}
	relay = p->local ? local_relay_at(p->local, dport) : CTL_RELAY_NONE;
	if (relay != CTL_RELAY_NONE) {
		uint16_t owner = relay_owner(dp, relay, dport);

		p->index = relay;
		if (likely(owner == w->id))
			return PKT_RELAY;
		handover_pkt(w, owner, p, HANDOVER_RX);
		return PKT_TAKEN;
	}
	return sip_classify(w, p);
}

/*
 * TCP to us. A client's connection is with the worker its segments come to; all others have a
 * local port of their worker's share.
 */
static enum pkt_class tcp_classify(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	const struct dplane *dp = w->dp;
	struct rte_mbuf *m = p->m;
	uint16_t owner = w->id, dport;
	const uint8_t *h;
	enum drop why;

	if (unlikely(p->l4_len < TCP_HDR ||
		     rte_pktmbuf_data_len(m) < (uint32_t)p->l2_len + p->l3_len + TCP_HDR))
		return taken(w, m, DROP_TCP_SHORT);
	h = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l2_len + p->l3_len);
	memcpy(p->sport.b, h, 2);
	memcpy(p->dport.b, h + 2, 2);
	dport = be16_get(p->dport);
	if (unlikely(be16_get(p->sport) == 0))
		return taken(w, m, DROP_TCP_SHORT);
	why = ipsec_admit(w, p);
	if (unlikely(why != DROP_NONE))
		return taken(w, m, why);
	if ((mode == RX_FRESH || mode == RX_INNER) && dp->n_workers > 1) {
		if (dplane_tcp_listener(dp, &p->dst, dport) == LOCAL_NONE)
			owner = port_owner(dp, p->local, dport);
		else if (mode == RX_FRESH)
			owner = rx_client_owner(w, p);
	}
	if (likely(owner == w->id))
		return (h[TCP_FLAGS] & (TCP_SYN | TCP_ACK)) == TCP_SYN ? PKT_SYN : PKT_TCP;
	handover_pkt(w, owner, p, HANDOVER_RX);
	return PKT_TAKEN;
}

static enum pkt_class l4_classify(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	enum drop why;

	if (likely(p->proto == IP_PROTO_UDP && p->local && mode != RX_COPY))
		return udp_classify(w, p, mode);
	if (likely(p->proto == IP_PROTO_TCP && p->local && mode != RX_COPY))
		return tcp_classify(w, p, mode);
	if (p->proto == IPPROTO_ESP && p->local && p->local->ipsec && mode != RX_COPY)
		return esp_classify(w, p, mode);
	p->sport = p->dport = be16_make(0);
	why = ipsec_admit(w, p);
	if (unlikely(why != DROP_NONE))
		return taken(w, p->m, why);
	if (p->proto == (p->v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP)) {
		dispatch_icmp(w, p, mode == RX_COPY);
		return PKT_TAKEN;
	}
	/* "No next header" is not an error (RFC 8200 4.7). */
	if (p->local && p->proto != IPPROTO_NONE)
		icmp_error(w, p, ICMP_WHY_PROTO, 0);
	return taken(w, p->m, p->local ? DROP_IP_PROTO : DROP_IP_DST);
}

/* Cuts the link's padding off, so that the mbuf is the packet. */
static bool frame_cut(struct rte_mbuf *m, uint32_t len)
{
	uint32_t extra = m->pkt_len - len;

	if (likely(extra == 0))
		return true;
	if (m->nb_segs == 1) {
		m->data_len = (uint16_t)(m->data_len - extra);
		m->pkt_len = len;
		return true;
	}
	return extra < rte_pktmbuf_lastseg(m)->data_len &&
	       rte_pktmbuf_trim(m, (uint16_t)extra) == 0;
}

/* Puts a fragment to its siblings; the whole packet is parsed as if it had come like that. */
static enum pkt_class frag_classify(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	/* Or one that came without ESP would be put together with one that did not. */
	if (unlikely(p->inner != SLOT_NONE))
		return taken(w, p->m, DROP_ESP_POLICY);
	p->m = frag_input(w, p->m, p->l2_len, p->v6);
	p->whole = true;
	return p->m ? pkt_parse(w, p, mode) : PKT_TAKEN;
}

static bool ipv4_csum_ok(const struct ipv4 *h, uint8_t len)
{
	uint64_t s = csum_words(0, h, IPV4_HDR / 4);

	if (unlikely(len > IPV4_HDR))
		s = csum_bytes(s, h + 1, len - IPV4_HDR);
	return csum_fold(s) == 0xffff;
}

static enum pkt_class ipv4_parse(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	struct rte_mbuf *m = p->m;
	const struct ipv4 *h = rte_pktmbuf_mtod_offset(m, const struct ipv4 *, p->l2_len);
	uint32_t len, room = rte_pktmbuf_data_len(m) - p->l2_len;
	uint64_t csum = m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;

	if (unlikely(room < IPV4_HDR))
		return taken(w, m, DROP_IP_SHORT);
	p->v6 = false;
	p->l3_len = (uint8_t)((h->ver_ihl & 0xf) << 2);
	len = be16_get(h->len);
	if (unlikely(h->ver_ihl >> 4 != 4 || p->l3_len < IPV4_HDR || p->l3_len > room))
		return taken(w, m, DROP_IP_HEADER);
	if (unlikely(len < p->l3_len || len + p->l2_len > m->pkt_len ||
		     !frame_cut(m, len + p->l2_len)))
		return taken(w, m, DROP_IP_SHORT);
	if (unlikely(csum != RTE_MBUF_F_RX_IP_CKSUM_GOOD &&
		     (csum == RTE_MBUF_F_RX_IP_CKSUM_BAD || !ipv4_csum_ok(h, p->l3_len))))
		return taken(w, m, DROP_IP_CSUM);
	p->src = ip_from_v4(h->src);
	p->dst = ip_from_v4(h->dst);
	p->tos = h->tos;
	p->ttl = h->ttl;
	p->proto = h->proto;
	p->df = h->frag.b[0] & 0x40;
	p->l4_len = (uint16_t)(len - p->l3_len);
	p->local = dplane_local(w->dp, &p->dst);
	if (unlikely(!p->local))
		return taken(w, m, DROP_IP_DST);
	if (unlikely(src_is_bad(w, p)))
		return taken(w, m, DROP_IP_SRC);
	if (unlikely(!port_serves(w->dp, p)))
		return taken(w, m, DROP_IP_PORT);
	if (unlikely((h->frag.b[0] & 0x3f) | h->frag.b[1]))
		return frag_classify(w, p, mode);
	return l4_classify(w, p, mode);
}

/*
 * Options of a hop-by-hop or destination header: those we do not know are skipped if their first
 * two bits say so (RFC 8200 4.2), else the packet ends here.
 */
static bool ipv6_options(const uint8_t *p, size_t len)
{
	struct rd r = rd_init(p, len);

	while (rd_left(&r) > 0) {
		uint8_t type = rd_u8(&r);

		if (type == IP6OPT_PAD1)
			continue;
		if (type & 0xc0 || !rd_take(&r, rd_u8(&r)) || r.failed)
			return false;
	}
	return true;
}

/*
 * Walks IPv6 extension headers (RFC 8200 4). Fragments are told apart by *frag; a routing header
 * that has more to visit, and what we do not know, end the packet.
 */
static bool ipv6_walk(const struct rte_mbuf *m, struct pkt *p, bool *frag)
{
	struct rd r = rd_init(rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l2_len + IPV6_HDR),
			      rte_pktmbuf_data_len(m) - p->l2_len - IPV6_HDR);
	uint32_t len = IPV6_HDR;
	int i;

	*frag = false;
	for (i = 0; i < IPV6_EXT_MAX; i++) {
		uint8_t proto = p->proto;
		const uint8_t *body;
		uint32_t n;

		if (proto == IPPROTO_FRAGMENT) {
			*frag = true;
			return true;
		}
		if (proto != IPPROTO_HOPOPTS && proto != IPPROTO_DSTOPTS &&
		    proto != IPPROTO_ROUTING)
			break;
		p->proto = rd_u8(&r);
		n = (rd_u8(&r) + 1u) * 8u;
		body = rd_take(&r, n - 2);
		len += n;
		if (r.failed || len > UINT8_MAX || n > p->l4_len)
			return false;
		/* The second byte of a routing header's body: segments left (RFC 8200 4.4). */
		if (proto == IPPROTO_ROUTING ? body[1] != 0 : !ipv6_options(body, n - 2))
			return false;
		p->l4_len = (uint16_t)(p->l4_len - n);
	}
	p->l3_len = (uint8_t)len;
	return p->proto != IPPROTO_HOPOPTS && p->proto != IPPROTO_DSTOPTS &&
	       p->proto != IPPROTO_ROUTING;
}

static enum pkt_class ipv6_parse(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	struct rte_mbuf *m = p->m;
	const struct ipv6 *h = rte_pktmbuf_mtod_offset(m, const struct ipv6 *, p->l2_len);
	uint32_t vtf, len;
	bool frag = false;

	if (unlikely(rte_pktmbuf_data_len(m) < (uint32_t)p->l2_len + IPV6_HDR))
		return taken(w, m, DROP_IP_SHORT);
	vtf = be32_get(h->ver_tc_flow);
	len = be16_get(h->len);
	if (unlikely(vtf >> 28 != 6))
		return taken(w, m, DROP_IP_HEADER);
	if (unlikely(len + IPV6_HDR + p->l2_len > m->pkt_len ||
		     !frame_cut(m, len + IPV6_HDR + p->l2_len)))
		return taken(w, m, DROP_IP_SHORT);
	p->v6 = true;
	p->df = false;
	p->src = h->src;
	p->dst = h->dst;
	p->tos = (uint8_t)(vtf >> 20);
	p->ttl = h->hops;
	p->proto = h->proto;
	p->l3_len = IPV6_HDR;
	p->l4_len = (uint16_t)len;
	/* ::ffff:0:0/96 is our form of IPv4 addresses and never stands on the wire. */
	p->local = ip_is_v4(&p->dst) ? NULL : dplane_local(w->dp, &p->dst);
	if (unlikely(p->proto != IP_PROTO_UDP && !ipv6_walk(m, p, &frag)))
		return taken(w, m, DROP_IP_HEADER);
	/* Multicast is for neighbour discovery only. */
	if (unlikely(!p->local && !(p->dst.b[0] == 0xff && p->proto == IP_PROTO_ICMPV6 && !frag)))
		return taken(w, m, DROP_IP_DST);
	if (unlikely(src_is_bad(w, p)))
		return taken(w, m, DROP_IP_SRC);
	if (unlikely(p->local && !port_serves(w->dp, p)))
		return taken(w, m, DROP_IP_PORT);
	if (unlikely(frag))
		return frag_classify(w, p, mode);
	return l4_classify(w, p, mode);
}

enum pkt_class pkt_parse(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	const struct port *port = &w->dp->port[p->in_port];
	struct rte_mbuf *m = p->m;
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	uint16_t type;

	if (unlikely(rte_pktmbuf_data_len(m) < port->l2_len))
		return taken(w, m, DROP_ETH_SHORT);
	if (unlikely(!pkt_head(m)))
		return taken(w, m, DROP_FRAG_BAD);
	if (unlikely(!rte_is_same_ether_addr(&eth->dst_addr, &port->mac) &&
		     !rte_is_multicast_ether_addr(&eth->dst_addr)))
		return taken(w, m, DROP_ETH_DST);
	type = rte_be_to_cpu_16(eth->ether_type);
	if (unlikely((type == RTE_ETHER_TYPE_VLAN) != (port->vlan != 0)))
		return taken(w, m, DROP_VLAN);
	if (port->vlan) {
		const struct rte_vlan_hdr *v = (const struct rte_vlan_hdr *)(eth + 1);

		if ((rte_be_to_cpu_16(v->vlan_tci) & 0xfff) != port->vlan)
			return taken(w, m, DROP_VLAN);
		type = rte_be_to_cpu_16(v->eth_proto);
	}
	p->l2_len = (uint8_t)port->l2_len;
	if (likely(type == RTE_ETHER_TYPE_IPV4))
		return ipv4_parse(w, p, mode);
	if (likely(type == RTE_ETHER_TYPE_IPV6))
		return ipv6_parse(w, p, mode);
	if (type != RTE_ETHER_TYPE_ARP)
		return taken(w, m, DROP_ETH_TYPE);
	arp_input(w, m, p->in_port, p->l2_len, mode != RX_COPY);
	return PKT_TAKEN;
}
