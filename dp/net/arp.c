/* SPDX-License-Identifier: BSD-3-Clause */
#include "announce.h"
#include "../snapshot.h"
#include "neigh.h"
#include "ip.h"
#include "net.h"
#include "ping.h"
#include "../tx.h"

struct arp {
	struct be16 hw, proto;
	uint8_t hw_len, proto_len;
	struct be16 op;
	uint8_t sha[6];
	struct be32 spa;
	uint8_t tha[6];
	struct be32 tpa;
};
_Static_assert(sizeof(struct arp) == 28, "wire format (RFC 826, Ethernet and IPv4)");

enum { ARP_ETHERNET = 1, ARP_REQUEST = 1, ARP_REPLY = 2 };

/* Ethernet header for a frame without a neighbour entry; returns where the payload goes. */
uint8_t *eth_write(const struct port *p, uint8_t *h, const uint8_t *dst, uint16_t type)
{
	memcpy(h, dst, 6);
	memcpy(h + 6, p->mac.addr_bytes, 6);
	h += 12;
	if (p->vlan) {
		memcpy(h, be16_make(RTE_ETHER_TYPE_VLAN).b, 2);
		memcpy(h + 2, be16_make(p->vlan).b, 2);
		h += 4;
	}
	memcpy(h, be16_make(type).b, 2);
	return h + 2;
}

const struct ip_addr *port_addr_for(const struct dplane *dp, const struct port *p,
				    const struct ip_addr *ip)
{
	const struct config_port *c = &snapshot_conf(dp)->port[p->idx];
	const struct ip_addr *any = NULL;
	uint16_t i;

	for (i = 0; i < c->n_addr; i++) {
		const struct ip_prefix *a = &c->addr[i];

		if (ip_is_v4(&a->ip) != ip_is_v4(ip))
			continue;
		if (ip_in_prefix(ip, a))
			return &a->ip;
		any = any ? any : &a->ip;
	}
	return any;
}

const struct ip_prefix *port_prefix_of(const struct dplane *dp, const struct port *p,
				       const struct ip_addr *own)
{
	const struct config_port *c = &snapshot_conf(dp)->port[p->idx];
	uint16_t i;

	for (i = 0; i < c->n_addr; i++)
		if (ip_eq(&c->addr[i].ip, own))
			return &c->addr[i];
	return NULL;
}

static void arp_send(struct worker *w, const struct port *p, const uint8_t *dst,
		     const struct arp *arp)
{
	struct rte_mbuf *m = pkt_make(w);
	uint8_t *h;

	if (!m)
		return;
	h = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(p->l2_len + sizeof(*arp)));
	memcpy(eth_write(p, h, dst, RTE_ETHER_TYPE_ARP), arp, sizeof(*arp));
	tx_frame(w, p->idx, m);
}

/* Who has tpa, asks spa; of everybody, or of mac. */
static void arp_ask(struct worker *w, const struct port *p, struct be32 spa, struct be32 tpa,
		    const struct rte_ether_addr *mac)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct arp a = { .hw = be16_make(ARP_ETHERNET),
			 .proto = be16_make(RTE_ETHER_TYPE_IPV4),
			 .hw_len = 6,
			 .proto_len = 4,
			 .op = be16_make(ARP_REQUEST),
			 .spa = spa,
			 .tpa = tpa };

	memcpy(a.sha, p->mac.addr_bytes, 6);
	arp_send(w, p, mac ? mac->addr_bytes : broadcast, &a);
}

void arp_request(struct worker *w, uint16_t port, const struct ip_addr *own,
		 const struct ip_addr *ip, const struct rte_ether_addr *mac)
{
	const struct port *p = &w->dp->port[port];

	own = own ? own : port_addr_for(w->dp, p, ip);
	if (own)
		arp_ask(w, p, ip_to_v4(own), ip_to_v4(ip), mac);
}

/* RFC 5227 2.1.1: 0.0.0.0 asks, so that nobody learns an address that may be another's. */
void arp_probe(struct worker *w, uint16_t port, const struct ip_addr *own)
{
	arp_ask(w, &w->dp->port[port], be32_make(0), ip_to_v4(own), NULL);
}

void arp_announce(struct worker *w, uint16_t port, const struct ip_addr *own)
{
	arp_ask(w, &w->dp->port[port], ip_to_v4(own), ip_to_v4(own), NULL);
}

static void arp_answer(struct worker *w, const struct port *p, const struct arp *q)
{
	struct arp a = *q;

	a.op = be16_make(ARP_REPLY);
	memcpy(a.tha, q->sha, 6);
	a.tpa = q->spa;
	memcpy(a.sha, p->mac.addr_bytes, 6);
	a.spa = q->tpa;
	arp_send(w, p, q->sha, &a);
}

static bool arp_valid(const struct arp *a)
{
	static const uint8_t zero[6];
	uint16_t op = be16_get(a->op);

	return be16_get(a->hw) == ARP_ETHERNET && be16_get(a->proto) == RTE_ETHER_TYPE_IPV4 &&
	       a->hw_len == 6 && a->proto_len == 4 && (op == ARP_REQUEST || op == ARP_REPLY) &&
	       !(a->sha[0] & 1) && memcmp(a->sha, zero, sizeof(zero)) != 0;
}

void arp_input(struct worker *w, struct rte_mbuf *m, uint16_t port, uint8_t l2_len, bool answer)
{
	const struct port *p = &w->dp->port[port];
	struct rte_ether_addr mac;
	struct ip_addr from, to;
	struct arp a;
	const struct ip_prefix *own;
	bool valid, request, learnt = false, gratuitous;
	const struct neigh *n;

	if (rte_pktmbuf_data_len(m) < l2_len + sizeof(a)) {
		pkt_drop(w, m, DROP_ARP_BAD);
		return;
	}
	memcpy(&a, rte_pktmbuf_mtod_offset(m, void *, l2_len), sizeof(a));
	from = ip_from_v4(a.spa);
	to = ip_from_v4(a.tpa);
	/* A host that claims an address of ours is not believed. */
	valid = arp_valid(&a);
	if (!valid || dplane_local(w->dp, &from)) {
		if (valid)
			announce_claimed(w, port, &from, a.sha);
		pkt_drop(w, m, DROP_ARP_BAD);
		return;
	}
	own = port_prefix_of(w->dp, p, &to);
	request = be16_get(a.op) == ARP_REQUEST;
	memcpy(mac.addr_bytes, a.sha, 6);
	gratuitous = be32_eq(a.spa, a.tpa); /* an announcement, RFC 5227 3 */
	n = neigh_lookup(w->net->neigh, port, &from);
	/* 0.0.0.0 probes (RFC 5227) teach nothing; announcements only change what we know. */
	if ((own || gratuitous) && be32_get(a.spa) != 0)
		learnt = neigh_learn(w, port, &from, &mac, own && !request && neigh_asked(n),
				     own && request && ip_in_prefix(&from, own));
	/* Other workers may wait for what this one knows; a question teaches them nothing. */
	if (answer && (learnt || gratuitous || (own && !request)))
		handover_copy(w, m, port);
	if (!own && !gratuitous) {
		pkt_drop(w, m, DROP_ARP_OTHER);
		return;
	}
	if (answer && request && own)
		arp_answer(w, p, &a);
	if (own && !request)
		ping_resolved(w, port, &from, &to, a.sha);
	pkt_consume(w, m);
}
