/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP (RFC 826) and neighbour discovery (RFC 4861), as far as a host needs them that is asked. */
#include "turn_load.h"

#include <unistd.h>

enum {
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
	ND_SOLICITATION = 135,
	ND_ADVERTISEMENT = 136,
	ND_SOURCE = 1,
	ND_TARGET = 2,
	ASK_MS = 200,
	ASK_TIMES = 50,
};
#define ND_SOLICITED UINT32_C(0x60000000) /* solicited, override */

struct rte_ether_addr next_hop[SIDES];
static struct ip_addr wanted[SIDES];
static bool known[SIDES];

static void eth_write(uint8_t *f, const uint8_t *dst, const struct port *p, uint16_t type)
{
	struct eth_hdr *e = (struct eth_hdr *)f;

	memcpy(e->dst, dst, sizeof(e->dst));
	memcpy(e->src, p->mac.addr_bytes, sizeof(e->src));
	e->type = be16_make(type);
}

static void arp_send(struct port *p, uint16_t op, struct be32 sender, const uint8_t *to_mac,
		     struct be32 to)
{
	static const uint8_t everyone[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct rte_mbuf *m = rte_pktmbuf_alloc(slow_pool);
	uint8_t *f = m ? (uint8_t *)rte_pktmbuf_append(m, L3_AT + sizeof(struct arp_pkt)) : NULL;
	struct arp_pkt a = { .hardware = be16_make(1),
			     .protocol = be16_make(ETH_IPV4),
			     .hardware_len = 6,
			     .protocol_len = 4,
			     .op = be16_make(op),
			     .sender = sender,
			     .target = to };

	if (!f)
		return;
	memcpy(a.sender_mac, p->mac.addr_bytes, sizeof(a.sender_mac));
	if (to_mac)
		memcpy(a.target_mac, to_mac, sizeof(a.target_mac));
	eth_write(f, to_mac ? to_mac : everyone, p, ETH_ARP);
	memcpy(f + L3_AT, &a, sizeof(a));
	port_send(p, m);
}

static void nd_send(struct port *p, uint8_t type, const struct ip_addr *from,
		    const struct ip_addr *to, const uint8_t *to_mac, const struct ip_addr *target)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(slow_pool);
	uint8_t *f = m ? (uint8_t *)rte_pktmbuf_append(m, L4_AT6 + sizeof(struct nd_pkt)) : NULL;
	struct packet k = { .l4_len = sizeof(struct nd_pkt), .proto = PROTO_ICMP6, .v6 = true };
	struct ipv6_hdr ip = { .version = be32_make(UINT32_C(6) << 28),
			       .len = be16_make(sizeof(struct nd_pkt)),
			       .proto = PROTO_ICMP6,
			       .hops = 255,
			       .src = *from,
			       .dst = *to };
	struct nd_pkt n = { .type = type,
			    .flags = be32_make(type == ND_ADVERTISEMENT ? ND_SOLICITED : 0),
			    .target = *target,
			    .option = type == ND_ADVERTISEMENT ? ND_TARGET : ND_SOURCE,
			    .option_len = 1 };

	if (!f)
		return;
	memcpy(n.mac, p->mac.addr_bytes, sizeof(n.mac));
	eth_write(f, to_mac, p, ETH_IPV6);
	k.l3 = f + L3_AT;
	k.l4 = f + L4_AT6;
	memcpy(k.l3, &ip, sizeof(ip));
	memcpy(k.l4, &n, sizeof(n));
	sum_write(k.l4 + offsetof(struct nd_pkt, sum), packet_sum(&k));
	port_send(p, m);
}

static void ask(enum side s)
{
	struct port *p = side_port(s);
	const struct ip_addr *to = &wanted[s];
	/* Solicited-node multicast, RFC 4291 2.7.1. */
	struct ip_addr group = { { 0xff, 0x02, [11] = 1, [12] = 0xff } };
	uint8_t mac[6] = { 0x33, 0x33, 0xff, to->b[13], to->b[14], to->b[15] };

	if (ip_is_v4(to)) {
		arp_send(p, ARP_REQUEST, ip_to_v4(&opt.block[s].ip), NULL, ip_to_v4(to));
		return;
	}
	memcpy(group.b + 13, to->b + 13, 3);
	nd_send(p, ND_SOLICITATION, &opt.block[s].ip, &group, mac, to);
}

void neighbour_resolve(enum side s, const struct ip_addr *to)
{
	static const struct ip_addr none;
	char text[ADDR_STR_MAX];

	wanted[s] = *to;
	if (!ip_in_prefix(to, &opt.block[s]) && !ip_eq(&opt.gateway[s], &none))
		wanted[s] = opt.gateway[s];
	for (int i = 0; i < ASK_TIMES && !known[s] && !stop; i++) {
		ask(s);
		ports_flush();
		for (int ms = 0; ms < ASK_MS && !known[s]; ms++) {
			check_poll();
			ports_flush();
			usleep(1000);
		}
	}
	if (!known[s])
		die("%s does not answer %s", ip_format(&wanted[s], text, sizeof(text)),
		    ip_is_v4(&wanted[s]) ? "ARP" : "neighbour discovery");
}

static void learn(const struct ip_addr *who, const uint8_t *mac)
{
	for (int s = 0; s < SIDES; s++)
		if (ip_eq(who, &wanted[s])) {
			memcpy(next_hop[s].addr_bytes, mac, RTE_ETHER_ADDR_LEN);
			known[s] = true;
		}
}

/* Whether an address is ours on that port; both sides may share one. */
static bool ours(const struct port *p, const struct ip_addr *a)
{
	return (p == side_port(CLIENT) && side_has(CLIENT, a)) ||
	       (p == side_port(PEER) && side_has(PEER, a) && !opt.reflect);
}

static void arp_input(struct port *p, const struct arp_pkt *a)
{
	struct ip_addr sender = ip_from_v4(a->sender), target = ip_from_v4(a->target);

	learn(&sender, a->sender_mac);
	if (be16_get(a->op) == ARP_REQUEST && ours(p, &target))
		arp_send(p, ARP_REPLY, a->target, a->sender_mac, a->sender);
}

static void nd_input(struct port *p, const struct packet *k, const uint8_t *from_mac)
{
	const struct ipv6_hdr *ip = (const struct ipv6_hdr *)k->l3;
	const struct nd_pkt *n = (const struct nd_pkt *)k->l4;

	if (n->type == ND_SOLICITATION && ours(p, &n->target))
		nd_send(p, ND_ADVERTISEMENT, &n->target, &ip->src, from_mac, &n->target);
	if (n->type == ND_ADVERTISEMENT && k->l4_len >= sizeof(*n) && n->option == ND_TARGET)
		learn(&n->target, n->mac);
}

bool neighbour_input(struct port *p, struct rte_mbuf *m)
{
	const struct eth_hdr *e = rte_pktmbuf_mtod(m, const struct eth_hdr *);
	struct packet k;

	if (m->data_len >= L3_AT + sizeof(struct arp_pkt) && be16_get(e->type) == ETH_ARP) {
		arp_input(p, (const struct arp_pkt *)(e + 1));
		return true;
	}
	if (!packet_parse(m, &k) || !k.v6 || k.proto != PROTO_ICMP6)
		return false;
	if (k.l4_len >= offsetof(struct nd_pkt, option))
		nd_input(p, &k, e->src);
	return true;
}
