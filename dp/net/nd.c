/* SPDX-License-Identifier: BSD-3-Clause */
#include "announce.h"
#include "../snapshot.h"
#include "neigh.h"
#include "ip.h"
#include "net.h"
#include "ping.h"
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
	ND_NA = ICMP6_ND_ADVERT,
	ND_REDIRECT = 137,
	ND_OPT_SOURCE = 1,
	ND_OPT_TARGET = 2,
	ND_HOPS = 255,
};

static const struct ip_addr all_nodes = { { 0xff, 2, [15] = 1 } };
static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, [5] = 1 };
static const uint32_t ND_SOLICITED = UINT32_C(1) << 30, ND_OVERRIDE = UINT32_C(1) << 29;

/* ff02::1:ffXX:XXXX and its Ethernet group 33:33:ff:XX:XX:XX (RFC 4291 2.7.1, RFC 2464 7). */
struct ip_addr nd_group(const struct ip_addr *a)
{
	return (struct ip_addr){ { 0xff, 2, [11] = 1, 0xff, a->b[13], a->b[14], a->b[15] } };
}

/* opt: which option our MAC is in; 0: in none. */
static void nd_send(struct worker *w, const struct port *p, const uint8_t *dst_mac,
		    const struct ip_addr *src, const struct ip_addr *dst, const struct nd_msg *msg,
		    uint8_t opt)
{
	uint16_t len = sizeof(*msg) + (opt ? sizeof(struct nd_lladdr) : 0), csum;
	struct ip_out o = {
		.src = src, .dst = dst, .len = len, .proto = IP_PROTO_ICMPV6, .ttl = ND_HOPS
	};
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
	if (opt)
		memcpy(h + sizeof(*msg), &ll, sizeof(ll));
	csum = csum_field(csum_bytes(csum_pseudo(0, src, dst, IP_PROTO_ICMPV6, len), h, len));
	memcpy(h + 2, &csum, 2);
	tx_frame(w, p->idx, m);
}

/* RFC 4862 5.4.2: a question of nobody's, without our MAC. */
void nd_probe(struct worker *w, uint16_t port, const struct ip_addr *own)
{
	const uint8_t group[6] = { 0x33, 0x33, 0xff, own->b[13], own->b[14], own->b[15] };
	const struct nd_msg msg = { .type = ND_NS, .target = *own };
	const struct ip_addr nobody = { { 0 } }, dst = nd_group(own);

	nd_send(w, &w->dp->port[port], group, &nobody, &dst, &msg, 0);
}

/* RFC 4861 7.2.6 */
void nd_announce(struct worker *w, uint16_t port, const struct ip_addr *own)
{
	const struct nd_msg msg = { .type = ND_NA,
				    .flags = be32_make(ND_OVERRIDE),
				    .target = *own };

	nd_send(w, &w->dp->port[port], all_nodes_mac, own, &all_nodes, &msg, ND_OPT_TARGET);
}

void nd_solicit(struct worker *w, uint16_t port, const struct ip_addr *own,
		const struct ip_addr *ip, const struct rte_ether_addr *mac)
{
	const uint8_t group[6] = { 0x33, 0x33, 0xff, ip->b[13], ip->b[14], ip->b[15] };
	struct nd_msg msg = { .type = ND_NS, .target = *ip };
	const struct port *p = &w->dp->port[port];
	struct ip_addr dst = mac ? *ip : nd_group(ip);

	own = own ? own : port_addr_for(w->dp, p, ip);
	if (!own || ip_is_link_local(ip))
		own = &p->link_local;
	nd_send(w, p, mac ? mac->addr_bytes : group, own, &dst, &msg, ND_OPT_SOURCE);
}

/* The link-layer address option of a kind. False if the length of an option is invalid. */
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

static bool port_owns(const struct dplane *dp, const struct port *p, const struct ip_addr *a)
{
	return port_prefix_of(dp, p, a) || ip_eq(a, &p->link_local);
}

static bool port_on_link(const struct dplane *dp, const struct port *p, const struct ip_addr *a)
{
	const struct config_port *c = &snapshot_conf(dp)->port[p->idx];

	return ip_in_prefixes(a, c->addr, c->n_addr) || ip_is_link_local(a);
}

/* What nd_input() found in a message. */
struct nd {
	struct nd_msg msg;
	struct rte_ether_addr mac; /* of the option */
	bool have_mac;
};

/* A question for an address of ours (RFC 4861 7.2.3, 7.2.4). Returns whether it taught us. */
static bool nd_solicitation(struct worker *w, const struct pkt *p, const struct nd *q, bool answer)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(p->m, const struct rte_ether_hdr *);
	const struct port *port = &w->dp->port[p->in_port];
	struct nd_msg a = { .type = ND_NA, .target = q->msg.target };
	const uint8_t *mac = q->have_mac ? q->mac.addr_bytes : eth->src_addr.addr_bytes;
	bool dad = ip_is_unspecified(&p->src), learnt = false;

	a.flags = be32_make(ND_OVERRIDE | (dad ? 0 : ND_SOLICITED));
	if (q->have_mac && port_on_link(w->dp, port, &p->src))
		learnt = neigh_learn(w, p->in_port, &p->src, &q->mac, false, true);
	if (answer)
		nd_send(w, port, dad ? all_nodes_mac : mac, &q->msg.target,
			dad ? &all_nodes : &p->src, &a, ND_OPT_TARGET);
	return learnt;
}

/* An answer, or an announcement: changes only what we ask or asked for (RFC 4861 7.2.5). */
static void nd_advertisement(struct worker *w, const struct pkt *p, const struct nd *a)
{
	struct neigh *n = neigh_lookup(w->net->neigh, p->in_port, &a->msg.target);
	uint32_t flags = be32_get(a->msg.flags);
	struct rte_ether_addr mac = a->mac;

	if (flags & ND_SOLICITED && a->have_mac)
		ping_resolved(w, p->in_port, &a->msg.target, &p->dst, mac.addr_bytes);
	if (!n || (!a->have_mac && !neigh_has_mac(n)))
		return;
	/* A unicast answer may leave the address out (4.4): it confirms the one we have. */
	if (!a->have_mac)
		memcpy(mac.addr_bytes, n->l2, RTE_ETHER_ADDR_LEN);
	if (!(flags & ND_OVERRIDE) && neigh_has_mac(n) &&
	    memcmp(mac.addr_bytes, n->l2, RTE_ETHER_ADDR_LEN) != 0)
		neigh_doubt(w, n);
	else
		neigh_learn(w, p->in_port, &a->msg.target, &mac,
			    flags & ND_SOLICITED && neigh_asked(n), false);
}

/* RFC 4861 7.1.1 and 7.1.2, but for the checksum, which the caller has verified. */
static bool nd_parse(const struct pkt *p, struct nd *d)
{
	uint32_t off = (uint32_t)p->l2_len + p->l3_len;
	const uint8_t *b = rte_pktmbuf_mtod_offset(p->m, const uint8_t *, off);
	bool solicit;
	struct rd r;

	if (p->ttl != ND_HOPS || rte_pktmbuf_data_len(p->m) < off + p->l4_len)
		return false;
	d->msg.type = b[0];
	solicit = d->msg.type == ND_NS;
	/* Of other types a router solicitation is the shortest: 8 bytes (4.1). */
	if (!solicit && d->msg.type != ND_NA)
		return true;
	if (p->l4_len < sizeof(d->msg))
		return false;
	memcpy(&d->msg, b, sizeof(d->msg));
	r = rd_init(b + sizeof(d->msg), p->l4_len - sizeof(d->msg));
	if (d->msg.code != 0 || d->msg.target.b[0] == 0xff ||
	    !nd_option(&r, solicit ? ND_OPT_SOURCE : ND_OPT_TARGET, &d->mac, &d->have_mac))
		return false;
	if (solicit) {
		struct ip_addr group = nd_group(&d->msg.target);

		/* A host that has no address yet asks the group, and names no address. */
		return !ip_is_unspecified(&p->src) || (!d->have_mac && ip_eq(&p->dst, &group));
	}
	return !ip_is_unspecified(&p->src) &&
	       !(p->dst.b[0] == 0xff && be32_get(d->msg.flags) & ND_SOLICITED);
}

/* Who claims an address of ours is not believed. */
static bool nd_claims(const struct worker *w, const struct pkt *p, const struct nd *d)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(p->m, const struct rte_ether_hdr *);

	if (d->msg.type != ND_NA || !dplane_local(w->dp, &d->msg.target))
		return false;
	announce_claimed(w, p->in_port, &d->msg.target,
			 d->have_mac ? d->mac.addr_bytes : eth->src_addr.addr_bytes);
	return true;
}

/* A question of our own that the link brought back (RFC 4862 5.4.3). */
static bool nd_is_echo(const struct worker *w, const struct pkt *p)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(p->m, const struct rte_ether_hdr *);

	return ip_is_unspecified(&p->src) &&
	       rte_is_same_ether_addr(&eth->src_addr, &w->dp->port[p->in_port].mac);
}

void nd_input(struct worker *w, struct pkt *p, bool answer)
{
	struct nd d;
	bool learnt = true;

	/* RFC 6980 5: not from fragments, which a filter on the way cannot judge. */
	if (p->whole || !nd_parse(p, &d) || nd_claims(w, p, &d)) {
		pkt_drop(w, p->m, DROP_ND_BAD);
		return;
	}
	/* Routers are not listened to: addresses and routes come from the configuration. */
	if ((d.msg.type != ND_NS && d.msg.type != ND_NA) ||
	    (d.msg.type == ND_NS &&
	     (!port_owns(w->dp, &w->dp->port[p->in_port], &d.msg.target) || nd_is_echo(w, p)))) {
		pkt_drop(w, p->m, DROP_ND_OTHER);
		return;
	}
	if (d.msg.type == ND_NS)
		learnt = nd_solicitation(w, p, &d, answer);
	else
		nd_advertisement(w, p, &d);
	/* Other workers may wait for what this one knows; a question teaches them nothing. */
	if (answer && learnt)
		handover_copy(w, p->m, p->in_port);
	pkt_consume(w, p->m);
}
