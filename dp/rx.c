/* SPDX-License-Identifier: BSD-3-Clause */
#include "rx.h"
#include "stage.h"
#include "tx.h"
#include "gateway/context.h"
#include "net/neigh.h"
#include "tcp/tcp.h"
#include "tcp/wire.h"
#include "turn/path.h"
#include "turn/relay.h"
#include "../lib/chandata.h"
#include "../lib/stun.h"

#include <netinet/ip6.h>
#include <rte_ethdev.h>
#include <rte_ip.h>

enum {
	PREFETCH = 4, /* packets ahead */
	TCP_FLAGS = offsetof(struct tcp_hdr, flags),
	IPV6_EXT_MAX = 4, /* extension headers walked */
};

enum pkt_class {
	PKT_TAKEN,    /* gone: consumed, dropped or handed over */
	PKT_LISTENER, /* from a client: p->index is the listener */
	PKT_RELAY,    /* from a peer: p->index is the relay, p->slot the session */
	PKT_TCP,      /* a segment that this worker looks for a connection for */
	PKT_SYN,      /* one that asks for a connection */
};

static enum pkt_class taken(struct worker *w, struct rte_mbuf *m, enum drop reason)
{
	pkt_drop(w, m, reason);
	return PKT_TAKEN;
}

/*
 * A source that no honest packet has. Unspecified IPv6 is for address detection only (RFC 4862),
 * which ND judges; mapped IPv4 stands on no wire.
 */
static bool src_is_bad(const struct worker *w, const struct pkt *p)
{
	if (p->v6 && p->proto == IP_PROTO_ICMPV6 && ip_is_unspecified(&p->src))
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

	return likely(p->local->port == p->in_port) ||
	       (ip_route(dp, &p->dst, &p->src, &port, &via) && port == p->in_port);
}

/* The worker of a client's packet that came by a port, see HACKING.md on steering. */
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

/* UDP to us: a listener's or a relayed port's. */
static enum pkt_class udp_classify(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	const struct dplane *dp = w->dp;
	struct rte_mbuf *m = p->m;
	const uint8_t *h;
	uint16_t ulen, dport;

	if (unlikely(p->l4_len < UDP_HDR ||
		     rte_pktmbuf_data_len(m) < (uint32_t)p->l2_len + p->l3_len + UDP_HDR))
		return taken(w, m, DROP_UDP_SHORT);
	h = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l2_len + p->l3_len);
	memcpy(p->sport.b, h, 2);
	memcpy(p->dport.b, h + 2, 2);
	ulen = (uint16_t)(h[4] << 8 | h[5]);
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
	dport = be16_get(p->dport);
	p->index = dplane_listener(dp, &p->dst, dport);
	if (p->index != LOCAL_NONE) {
		uint16_t owner = mode == RX_FRESH ? rx_client_owner(w, p) : w->id;

		if (likely(owner == w->id))
			return PKT_LISTENER;
		handover_pkt(w, owner, p, HANDOVER_RX);
		return PKT_TAKEN;
	}
	if (p->local && p->local->relay != CTL_RELAY_NONE && dport >= p->local->relay_min &&
	    dport <= p->local->relay_max) {
		uint16_t owner = dp->port_owner[dport >> 1];

		p->index = p->local->relay;
		if (likely(owner == w->id))
			return PKT_RELAY;
		handover_pkt(w, owner, p, HANDOVER_RX);
		return PKT_TAKEN;
	}
	icmp_error(w, p, ICMP_WHY_PORT, 0);
	return taken(w, m, DROP_UDP_PORT);
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

	if (unlikely(p->l4_len < TCP_HDR ||
		     rte_pktmbuf_data_len(m) < (uint32_t)p->l2_len + p->l3_len + TCP_HDR))
		return taken(w, m, DROP_TCP_SHORT);
	h = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->l2_len + p->l3_len);
	memcpy(p->sport.b, h, 2);
	memcpy(p->dport.b, h + 2, 2);
	dport = be16_get(p->dport);
	if (unlikely(be16_get(p->sport) == 0))
		return taken(w, m, DROP_TCP_SHORT);
	if (mode == RX_FRESH && dp->n_workers > 1)
		owner = dplane_tcp_listener(dp, &p->dst, dport) != LOCAL_NONE
			    ? rx_client_owner(w, p)
			    : dp->port_owner[dport >> 1];
	if (likely(owner == w->id))
		return (h[TCP_FLAGS] & (TCP_SYN | TCP_ACK)) == TCP_SYN ? PKT_SYN : PKT_TCP;
	handover_pkt(w, owner, p, HANDOVER_RX);
	return PKT_TAKEN;
}

static enum pkt_class l4_classify(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	if (likely(p->proto == IP_PROTO_UDP && p->local && mode != RX_COPY))
		return udp_classify(w, p, mode);
	if (likely(p->proto == IP_PROTO_TCP && p->local && mode != RX_COPY))
		return tcp_classify(w, p, mode);
	if (p->proto == (p->v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP)) {
		icmp_input(w, p, mode == RX_COPY);
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

static enum pkt_class pkt_parse(struct worker *w, struct pkt *p, enum rx_mode mode);

/* Puts a fragment to its siblings; the whole packet is parsed as if it had come like that. */
static enum pkt_class frag_classify(struct worker *w, struct pkt *p, enum rx_mode mode)
{
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

/* Strips nothing: offsets tell. p->m and p->in_port are set. */
static enum pkt_class pkt_parse(struct worker *w, struct pkt *p, enum rx_mode mode)
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

/*
 * Whether the client's session is another worker's, which then has the packet. One that was handed
 * over for that reason once is not handed on: two redirects must not play ball.
 */
static inline bool client_redirect(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	const struct session *s = &w->session[p->slot];

	if (likely(!(s->flags & SESSION_REDIRECT)))
		return false;
	if (mode == RX_REDIRECTED)
		pkt_drop(w, p->m, DROP_REDIRECT_LOOP);
	else
		handover_pkt(w, s->redirect, p, HANDOVER_REDIRECT);
	return true;
}

/* A message at a listener (RFC 8656 5: ChannelData and STUN told apart by the first bits). */
static void listener_input(struct worker *w, struct pkt *p, enum rx_mode mode)
{
	const uint8_t *msg = pkt_payload(p);
	uint16_t len = pkt_payload_len(p), type;

	if (likely(p->slot != SLOT_NONE) && unlikely(client_redirect(w, p, mode)))
		return;
	if (len >= CHANDATA_HDR_LEN && chandata_looks_like(msg[0])) {
		if (likely(p->slot != SLOT_NONE))
			relay_channel_data(w, p);
		else
			pkt_drop(w, p->m, DROP_NO_SESSION);
		return;
	}
	if (unlikely(len < STUN_HDR_LEN || !stun_looks_like(msg) ||
		     (uint16_t)(msg[2] << 8 | msg[3]) + STUN_HDR_LEN != len)) {
		pkt_drop(w, p->m, DROP_STUN_BAD);
		return;
	}
	type = (uint16_t)(msg[0] << 8 | msg[1]);
	if (type == stun_type(STUN_SEND, STUN_INDICATION)) {
		if (likely(p->slot != SLOT_NONE))
			relay_send(w, p);
		else
			pkt_drop(w, p->m, DROP_NO_SESSION);
	} else if (!pkt_l4_csum_ok(w, p)) {
		pkt_drop(w, p->m, DROP_UDP_CSUM);
	} else if (type == stun_type(STUN_BINDING, STUN_REQUEST)) {
		binding_answer(w, p);
	} else if (type == stun_type(STUN_BINDING, STUN_INDICATION)) {
		pkt_consume(w, p->m); /* keep-alive (RFC 8445 11) */
	} else if (stun_type_class(type) == STUN_REQUEST) {
		punt(w, p);
	} else {
		pkt_drop(w, p->m, DROP_STUN_METHOD);
	}
}

/* Looks up the sessions of n clients' packets in one go. */
static void flow_lookup(struct worker *w, struct pkt **p, uint16_t n)
{
	uint64_t hash[BURST];
	uint16_t i;

	for (i = 0; i < n; i++) {
		hash[i] = flow_hash(w->dp->hash_key, &p[i]->src, p[i]->sport, p[i]->index);
		rte_prefetch0(flow_home(&w->flows, hash[i]));
	}
	for (i = 0; i < n; i++) {
		struct flow_cursor c = flow_find(&w->flows, hash[i]);

		p[i]->slot = flow_next(&w->flows, &c);
		if (p[i]->slot != SLOT_NONE)
			rte_prefetch0(&w->session[p[i]->slot]);
	}
	for (i = 0; i < n; i++)
		p[i]->slot = session_find(w, hash[i], &p[i]->src, p[i]->sport, p[i]->index);
}

/* Peers' packets: relayed port to session or leg, the table's line fetched during the parse. */
static void relay_lookup(struct worker *w, struct pkt **p, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		p[i]->slot = w->relay_slot[p[i]->index][be16_get(p[i]->dport)];
		if (!(p[i]->slot & LEG_BIT))
			rte_prefetch0(&w->session[p[i]->slot]);
	}
}

/*
 * First line of each session, if it is one: is it alive? Then the second is fetched. One line after
 * the other for the whole burst keeps more misses in flight than both lines of one session at a
 * time.
 */
static void session_check(struct worker *w, struct pkt **p, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (unlikely(p[i]->slot & LEG_BIT))
			continue;
		p[i]->live = w->session[p[i]->slot].expiry > w->now;
		rte_prefetch0(&w->session[p[i]->slot].first);
	}
}

/* Takes p->m, unless nobody has the relayed port. */
static bool peer_input(struct worker *w, struct pkt *p)
{
	if (unlikely(p->slot == SLOT_NONE))
		return false;
	if (likely(!(p->slot & LEG_BIT)))
		relay_peer(w, p);
	else
		media_input(w, p);
	return true;
}

/*
 * Packets to ports that nobody has, and SYNs. Controllers are answered once a command is in its
 * ring, so that is obeyed first; but after what was known: no end overtakes a context's last bytes.
 */
static void rx_unknown(struct worker *w, struct pkt **peer, uint16_t n_peer, struct pkt **syn,
		       uint16_t n_syn)
{
	stage_work(w, STAGE_COMMANDS, cmd_input(w, CMD_AHEAD));
	relay_lookup(w, peer, n_peer);
	session_check(w, peer, n_peer);
	for (uint16_t i = 0; i < n_peer; i++)
		if (!peer_input(w, peer[i]))
			pkt_drop(w, peer[i]->m, DROP_RELAY_PORT);
	stage_work(w, STAGE_GENERAL, n_peer);
	tcp_input(w, syn, n_syn);
	stage_work(w, STAGE_TCP_INPUT, n_syn);
}

/* Packets that have no path, see turn/path.h. */
static void rx_general(struct worker *w, struct rte_mbuf **m, uint16_t n, uint16_t port,
		       enum rx_mode mode)
{
	struct pkt *client[BURST], *peer[BURST], *tcp[BURST], *syn[BURST];
	bool handed = mode == RX_STEERED || mode == RX_REDIRECTED;
	uint16_t i, n_client = 0, n_peer = 0, n_tcp = 0, n_syn = 0, n_nobody = 0;

	for (i = 0; i < PREFETCH && i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (i = 0; i < n; i++) {
		struct pkt *p = &w->pkt[i];

		if (i + PREFETCH < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + PREFETCH], void *));
		p->m = m[i];
		p->in_port = port;
		p->whole = handed && m[i]->hash.usr & HANDOVER_WHOLE;
		switch (pkt_parse(w, p, mode)) {
		case PKT_LISTENER:
			client[n_client++] = p;
			break;
		case PKT_RELAY:
			rte_prefetch0(&w->relay_slot[p->index][be16_get(p->dport)]);
			peer[n_peer++] = p;
			break;
		case PKT_TCP:
			tcp[n_tcp++] = p;
			break;
		case PKT_SYN:
			syn[n_syn++] = p;
			break;
		case PKT_TAKEN:
			break;
		}
	}
	if (n_client)
		flow_lookup(w, client, n_client);
	relay_lookup(w, peer, n_peer);
	session_check(w, client, n_client);
	session_check(w, peer, n_peer);
	for (i = 0; i < n_client; i++)
		listener_input(w, client[i], mode);
	for (i = 0; i < n_peer; i++)
		if (unlikely(!peer_input(w, peer[i])))
			peer[n_nobody++] = peer[i];
	stage_end(w, STAGE_GENERAL, n - n_nobody);
	if (n_tcp)
		tcp_input(w, tcp, n_tcp);
	stage_work(w, STAGE_TCP_INPUT, n_tcp);
	if (n_nobody || n_syn)
		rx_unknown(w, peer, n_nobody, syn, n_syn);
}

void rx_burst(struct worker *w, struct rte_mbuf **m, uint16_t n, uint16_t port, enum rx_mode mode)
{
	if (likely(mode == RX_FRESH || mode == RX_STEERED))
		n = path_burst(w, m, n, &w->dp->port[port], mode == RX_STEERED);
	if (unlikely(n))
		rx_general(w, m, n, port, mode);
}

uint32_t rx_ports(struct worker *w)
{
	struct rte_mbuf *m[BURST];
	uint32_t total = 0;
	uint16_t i, j, n;

	for (i = 0; i < w->n_ports; i++) {
		const struct port *port = &w->dp->port[i];
		uint64_t bytes = 0;

		if (w->id >= port->rx_queues)
			continue;
		n = rte_eth_rx_burst(port->id, w->id, m, BURST);
		batch_count(w->counters->rx_burst, n);
		if (n == 0)
			continue;
		for (j = 0; j < n; j++)
			bytes += m[j]->pkt_len;
		count_add(w, CNT_RX, n);
		stat_add(&w->port_counters[i].rx_packets, n);
		stat_add(&w->port_counters[i].rx_bytes, bytes);
		stage_end(w, STAGE_RX, n);
		rx_burst(w, m, n, i, RX_FRESH);
		total += n;
	}
	return total;
}
