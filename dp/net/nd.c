/* SPDX-License-Identifier: BSD-3-Clause */
#include "neigh.h"
#include "ip.h"
#include "../tx.h"
#include "../../lib/cursor.h"

struct nd_msg {
	uint8_t type, code;
	struct be16 csum;
	struct be32 flags; /* of an advertisement */
	struct ip_addr target;
};
_Static_assert(sizeof(struct nd_msg) == 24, "wire format (RFC 4861 4.3, 4.4)");

struct nd_lladdr {
	uint8_t type, len; /* len in units of 8 bytes */
	uint8_t mac[6];
};

enum {
	ND_RS = 133,
	ND_RA = 134,
	ND_NS = 135,
	ND_NA = 136,
	ND_REDIRECT = 137,
	ND_OPT_SOURCE = 1,
	ND_OPT_TARGET = 2,
	ND_HOPS = 255,
};

static const uint32_t ND_SOLICITED = UINT32_C(1) << 30, ND_OVERRIDE = UINT32_C(1) << 29;

static bool ip_is_unspecified(const struct ip_addr *a)
{
	static const struct ip_addr zero;

	return ip_eq(a, &zero);
}

/* ff02::1:ffXX:XXXX and its Ethernet group 33:33:ff:XX:XX:XX (RFC 4291 2.7.1, RFC 2464 7). */
static struct ip_addr solicited_node(const struct ip_addr *a)
{
	return (struct ip_addr){ { 0xff, 2, [11] = 1, 0xff, a->b[13], a->b[14], a->b[15] } };
}

static void nd_send(struct worker *w, const struct port *p, const uint8_t *dst_mac,
		    const struct ip_addr *src, const struct ip_addr *dst, const struct nd_msg *msg,
		    uint8_t opt)
{
	uint16_t len = sizeof(*msg) + sizeof(struct nd_lladdr), csum;
	struct ip_out o = { .src = src, .dst = dst, .len = len, .proto = IP_PROTO_ICMPV6,
			    .ttl = ND_HOPS };
	struct nd_lladdr ll = { .type = opt, .len = 1 };
	struct rte_mbuf *m = pkt_make(w);
	uint8_t *h;

	if (!m)
		return;
	h = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(p->l2_len + IPV6_HDR + len));
	h = eth_write(p, h, dst_mac, RTE_ETHER_TYPE_IPV6);
	h += ip_write(w, h, &o);
	memcpy(h, msg, sizeof(*msg));
	memcpy(ll.mac, p->mac.addr_bytes, 6);
	memcpy(h + sizeof(*msg), &ll, sizeof(ll));
	csum = (uint16_t)~csum_fold(
		csum_bytes(csum_pseudo(0, src, dst, IP_PROTO_ICMPV6, len), h, len));
	memcpy(h + 2, &csum, 2);
	tx_frame(w, p->idx, m);
}

void nd_solicit(struct worker *w, uint16_t port, const struct ip_addr *ip,
		const struct rte_ether_addr *mac)
{
	const uint8_t group[6] = { 0x33, 0x33, 0xff, ip->b[13], ip->b[14], ip->b[15] };
	struct nd_msg msg = { .type = ND_NS, .target = *ip };
	const struct port *p = &w->dp->port[port];
	const struct ip_addr *own = port_addr_for(p, ip);
	struct ip_addr dst = mac ? *ip : solicited_node(ip);

	if (ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80)
		own = &p->link_local;
	nd_send(w, p, mac ? mac->addr_bytes : group, own ? own : &p->link_local, &dst, &msg,
		ND_OPT_SOURCE);
}

/* The link-layer address option of a kind. False if an option lies about its length. */
static bool nd_option(struct rd *r, uint8_t kind, struct rte_ether_addr *mac, bool *found)
{
	*found = false;
	while (rd_left(r) >= 2) {
		uint8_t type = rd_u8(r);
		size_t len = rd_u8(r) * 8u;
		const uint8_t *body = len >= 2 ? rd_take(r, len - 2) : NULL;

		if (!body)
			return false;
		if (type == kind && len == sizeof(struct nd_lladdr)) {
			memcpy(mac->addr_bytes, body, 6);
			*found = true;
		}
	}
	return rd_left(r) == 0;
}

static bool port_owns(const struct port *p, const struct ip_addr *a)
{
	return port_prefix_of(p, a) || ip_eq(a, &p->link_local);
}

/* A question for an address of ours (RFC 4861 7.2.3, 7.2.4). */
static bool nd_answer(struct worker *w, const struct pkt *p, const struct nd_msg *q, bool answer,
		      const struct rte_ether_addr *mac, bool have_mac)
{
	static const struct ip_addr all_nodes = { { 0xff, 2, [15] = 1 } };
	static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, [5] = 1 };
	const struct port *port = &w->dp->port[p->in_port];
	struct nd_msg a = { .type = ND_NA, .target = q->target };
	bool dad = ip_is_unspecified(&p->src);
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(p->m, const struct rte_ether_hdr *);

	if (!port_owns(port, &q->target))
		return false;
	a.flags = be32_make(ND_OVERRIDE | (dad ? 0 : ND_SOLICITED));
	if (!dad && have_mac)
		neigh_learn(w, p->in_port, &p->src, mac, false, true);
	if (answer && dad)
		nd_send(w, port, all_nodes_mac, &q->target, &all_nodes, &a, ND_OPT_TARGET);
	else if (answer)
		nd_send(w, port, have_mac ? mac->addr_bytes : eth->src_addr.addr_bytes, &q->target,
			&p->src, &a, ND_OPT_TARGET);
	return true;
}

void nd_input(struct worker *w, struct pkt *p, bool answer)
{
	uint32_t off = (uint32_t)p->l2_len + p->l3_len;
	struct rte_mbuf *m = p->m;
	struct rte_ether_addr mac;
	struct nd_msg msg;
	bool have_mac;
	struct rd r;

	if (p->ttl != ND_HOPS || p->l4_len < sizeof(msg) ||
	    rte_pktmbuf_data_len(m) < off + p->l4_len) {
		pkt_drop(w, m, DROP_ND_BAD);
		return;
	}
	memcpy(&msg, rte_pktmbuf_mtod_offset(m, void *, off), sizeof(msg));
	if (msg.type != ND_NS && msg.type != ND_NA) {
		pkt_drop(w, m, DROP_ND_OTHER); /* addresses and routes come from the configuration */
		return;
	}
	r = rd_init(rte_pktmbuf_mtod_offset(m, uint8_t *, off + sizeof(msg)),
		    p->l4_len - sizeof(msg));
	if (msg.code != 0 || msg.target.b[0] == 0xff ||
	    !nd_option(&r, msg.type == ND_NS ? ND_OPT_SOURCE : ND_OPT_TARGET, &mac, &have_mac) ||
	    (msg.type == ND_NA && dplane_local(w->dp, &msg.target))) {
		pkt_drop(w, m, DROP_ND_BAD);
		return;
	}
	if (msg.type == ND_NS) {
		if (!nd_answer(w, p, &msg, answer, &mac, have_mac)) {
			pkt_drop(w, m, DROP_ND_OTHER);
			return;
		}
	} else {
		bool solicited = be32_get(msg.flags) & ND_SOLICITED;

		/* A unicast answer may leave its address out (4.4): the frame has it. */
		if (!have_mac)
			mac = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *)->src_addr;
		neigh_learn(w, p->in_port, &msg.target, &mac, solicited, false);
	}
	if (answer)
		handover_neigh(w, m, p->in_port);
	pkt_consume(w, m);
}
