/* SPDX-License-Identifier: BSD-3-Clause */
#include "announce.h"
#include "../snapshot.h"
#include "ip.h"
#include "neigh.h"
#include "../tx.h"

/*
 * Multicast listener discovery, version 2 (RFC 3810), for the solicited-node groups of our
 * addresses: switches that listen to it pass questions on to us. All-nodes is never reported (6).
 * Every query, of whatever group or version, is answered with all groups. Left out: reports of
 * version 1 (8.2), for links whose only querier is of that version, and IGMP: of IPv4 we are in
 * all-hosts only, which is not reported either.
 */
struct mld_hop {
	uint8_t next, len;
	uint8_t alert[4]; /* router alert: MLD (RFC 2711 2.1) */
	uint8_t pad[2];
};
_Static_assert(sizeof(struct mld_hop) == 8, "wire format (RFC 8200 4.3)");

struct mld_head {
	uint8_t type, zero;
	uint8_t csum[2];
	struct be16 zero2, n;
};

struct mld_record {
	uint8_t type, aux;
	struct be16 sources;
	struct ip_addr group;
};
_Static_assert(sizeof(struct mld_head) == 8 && sizeof(struct mld_record) == 20,
	       "wire format (RFC 3810 5.2)");

enum {
	MLD_REPORT = 143,
	MLD_IS_EXCLUDE = 2, /* "of this group all sources": the answer to a query */
	MLD_TO_EXCLUDE = 4, /* "from now on" */
	MLD_HOPS = 1,
	MLD_QUERY_LEN = 24,    /* version 1 */
	MLD_QUERY_LEN_2 = 28,  /* at least, of version 2 */
	MLD_DELAY_AT = 4,      /* maximum response code */
	MLD_EXPONENT = 0x8000, /* in that: mantissa and exponent follow (5.1.3) */
	MLD_GROUPS = CONFIG_ADDRS_MAX + 1,
	MLD_FIXED = IPV6_HDR + sizeof(struct mld_hop) + sizeof(struct mld_head),
	MLD_ONE = 64, /* groups of one report: 1,336 bytes; fewer where the MTU is smaller */
};

/* Adds a's group, unless it is there. */
static uint16_t group_add(struct ip_addr *group, uint16_t n, const struct ip_addr *a)
{
	struct ip_addr g = nd_group(a);
	uint16_t i;

	for (i = 0; i < n; i++)
		if (ip_eq(&group[i], &g))
			return n;
	group[n] = g;
	return (uint16_t)(n + 1);
}

static uint16_t port_groups(const struct dplane *dp, const struct port *p, struct ip_addr *group)
{
	const struct config_port *c = &snapshot_conf(dp)->port[p->idx];
	uint16_t i, n = group_add(group, 0, &p->link_local);

	for (i = 0; i < c->n_addr; i++)
		if (!ip_is_v4(&c->addr[i].ip))
			n = group_add(group, n, &c->addr[i].ip);
	return n;
}

static void report_send(struct worker *w, const struct port *p, const struct ip_addr *group,
			uint16_t n, uint8_t type)
{
	static const struct ip_addr routers = { { 0xff, 2, [15] = 0x16 } };
	static const uint8_t routers_mac[6] = { 0x33, 0x33, [5] = 0x16 };
	const struct mld_hop hop = { .next = IP_PROTO_ICMPV6,
				     .alert = { 5, 2, 0, 0 },
				     .pad = { 1, 0 } };
	const struct mld_head head = { .type = MLD_REPORT, .n = be16_make(n) };
	const uint16_t len = (uint16_t)(sizeof(head) + n * sizeof(struct mld_record));
	const struct ip_out o = { .src = &p->link_local,
				  .dst = &routers,
				  .len = (uint16_t)(sizeof(hop) + len),
				  .proto = 0, /* hop-by-hop options */
				  .ttl = MLD_HOPS };
	struct rte_mbuf *m = pkt_make(w);
	uint16_t i, csum;
	uint8_t *h, *b;

	if (!m)
		return;
	h = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(p->l2_len + IPV6_HDR + o.len));
	h = eth_write(p, h, routers_mac, RTE_ETHER_TYPE_IPV6);
	h += ip_write(w, h, &o);
	memcpy(h, &hop, sizeof(hop));
	b = h + sizeof(hop);
	memcpy(b, &head, sizeof(head));
	for (i = 0; i < n; i++) {
		const struct mld_record r = { .type = type, .group = group[i] };

		memcpy(b + sizeof(head) + i * sizeof(r), &r, sizeof(r));
	}
	csum = csum_field(
	    csum_bytes(csum_pseudo(0, &p->link_local, &routers, IP_PROTO_ICMPV6, len), b, len));
	memcpy(b + 2, &csum, 2);
	tx_frame(w, p->idx, m);
}

void mld_report(struct worker *w, uint16_t port, bool answer)
{
	const struct port *p = &w->dp->port[port];
	const uint16_t one =
	    (uint16_t)RTE_MIN((size_t)MLD_ONE, (p->mtu - MLD_FIXED) / sizeof(struct mld_record));
	struct ip_addr group[MLD_GROUPS];
	uint16_t i, n = port_groups(w->dp, p, group);

	for (i = 0; i < n; i = (uint16_t)(i + one))
		report_send(w, p, &group[i], (uint16_t)RTE_MIN(n - i, one),
			    answer ? MLD_IS_EXCLUDE : MLD_TO_EXCLUDE);
}

void mld_query(struct worker *w, struct pkt *p)
{
	const uint8_t *b =
	    rte_pktmbuf_mtod_offset(p->m, const uint8_t *, (uint32_t)p->l2_len + p->l3_len);
	uint32_t code;

	/* Of a router on the link, and not from fragments (RFC 3810 5.1.14, RFC 6980). */
	if (p->whole || p->ttl != MLD_HOPS || !ip_is_link_local(&p->src) ||
	    p->l4_len < MLD_QUERY_LEN ||
	    (p->l4_len > MLD_QUERY_LEN && p->l4_len < MLD_QUERY_LEN_2) ||
	    rte_pktmbuf_data_len(p->m) < (uint32_t)p->l2_len + p->l3_len + MLD_QUERY_LEN) {
		pkt_drop(w, p->m, DROP_ICMP_BAD);
		return;
	}
	/* From 32,768 on it stands for more than we would wait anyway. */
	code = be16_read(b + MLD_DELAY_AT);
	announce_queried(w, p->in_port, RTE_MIN(code, (uint32_t)MLD_EXPONENT));
	pkt_consume(w, p->m);
}
