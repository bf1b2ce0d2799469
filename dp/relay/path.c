/* SPDX-License-Identifier: BSD-3-Clause */
#include "path_send.h"
#include "../relayed.h"
#include "flow.h"
#include "../stage.h"
#include "../../lib/chandata.h"

#include <netinet/in.h>

enum {
	ROOM = 32, /* bytes in front of a frame that longer headers may take */
};

/* ---- packets in ---- */

/* The Ethernet header of frames for us: our MAC, the tag if there is one. */
struct path_link {
	uint64_t mac;
	uint16_t len, tag;
};

/* What differs in a frame's destination; 0: it is for our MAC. */
static inline uint64_t link_differs(const struct path_link *l, const uint8_t *frame)
{
	return (load64(frame) ^ l->mac) & RTE_BE64(UINT64_C(0xffffffffffff0000));
}

static inline bool link_tagged(const struct path_link *l, const uint8_t *frame)
{
	return load16(frame + 12) == RTE_BE16(RTE_ETHER_TYPE_VLAN) &&
	       (load16(frame + 14) & RTE_BE16(0xfff)) == l->tag;
}

/*
 * What differs from IPv4 without options, no fragment, UDP; 0: nothing. Two words tell, the first
 * with the EtherType in front of the header: all other bits may be what they like.
 */
static inline uint64_t ipv4_differs(const uint8_t *ip)
{
	uint64_t head = load64(ip - 2) ^ RTE_BE64(UINT64_C(0x0800450000000000));
	uint64_t frag = load64(ip + 6) ^ RTE_BE64(UINT64_C(0x0000001100000000));

	return (head & RTE_BE64(UINT64_C(0xffffff0000000000))) |
	       (frag & RTE_BE64(UINT64_C(0x3fff00ff00000000)));
}

/*
 * Lengths and checksums that are right, of the above; room: at least for both headers. The
 * checksum is right where the sum is a multiple of 0xffff, which needs no folding; it is never 0.
 */
static inline bool ipv4_ok(const struct rte_mbuf *m, const uint8_t *ip, uint32_t room)
{
	const uint64_t flags =
	    m->ol_flags & (RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_BAD);
	uint32_t len = field16(ip + 2);

	if (unlikely(len - (IPV4_HDR + UDP_HDR) > room - (IPV4_HDR + UDP_HDR) ||
		     field16(ip + IPV4_HDR + 4) + (uint32_t)IPV4_HDR != len || ip[8] <= 1))
		return false;
	return flags == RTE_MBUF_F_RX_IP_CKSUM_GOOD ||
	       likely(!flags && csum_words(0, ip, IPV4_HDR / 4) % 0xffff == 0);
}

/* No extension headers, UDP; lengths that are right. Its checksum is for path_hop(). */
static inline bool ipv6_ok(const struct rte_mbuf *m, const uint8_t *ip, uint32_t room)
{
	uint32_t len = field16(ip + 4);
	uint64_t bad = (ip[0] >> 4 ^ 6) | (ip[6] ^ IP_PROTO_UDP);

	bad |= len + IPV6_HDR > room || len < UDP_HDR;
	bad |= load16(ip + 4) ^ load16(ip + IPV6_HDR + 4);
	bad |= ip[7] <= 1;
	return likely(!bad && m->nb_segs == 1 && !(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_BAD));
}

/* Whether a datagram is ChannelData, with padding behind it at most (RFC 8656 12.5). */
static inline bool chandata_only(const uint8_t *udp)
{
	const uint8_t *msg = udp + UDP_HDR;
	int len = field16(udp + 4) - UDP_HDR - CHANDATA_HDR_LEN;

	return len >= 0 && chandata_looks_like(msg[0]) && (uint32_t)(len - field16(msg + 2)) <= 3;
}

/* Packets of one way that came over one family. */
struct path_list {
	uint16_t n;
	struct path_pkt pkt[BURST];
};

/* Where the last packets of IPv4 came to, of this burst: the next ones do as well. */
struct path_seen {
	uint64_t to; /* the last client's, see path_to(); 0: none */
	uint16_t listener;
	uint16_t relay;	    /* the last peer's, and its ports, */
	uint16_t min, span; /* host order, */
	uint32_t relay_ip;  /* and address as it stands in memory; 0: none */
};

/* A burst. Sorted, for code that asks each packet for its way guesses half of the answers wrong. */
struct path_sort {
	uint64_t left;	 /* a bit for each packet that does not go from here, by its place */
	uint64_t behind; /* sources (source_bit()) of which a packet was left */
	struct path_seen seen;
	struct path_list v4[CTL_WAYS], v6[CTL_WAYS];
};

static inline void path_leave(struct path_sort *s, const uint8_t *ip, uint16_t i)
{
	s->left |= UINT64_C(1) << i;
	s->behind |= source_bit(ip);
}

/* One more of a list. */
static __rte_always_inline struct path_pkt *path_add(struct path_list *l, struct rte_mbuf *m,
						     uint8_t *ip, uint16_t i, bool v6)
{
	struct path_pkt *k = &l->pkt[l->n++];

	k->m = m;
	k->ip = ip;
	k->i = (uint8_t)i;
	k->v6 = v6;
	return k;
}

static inline struct ip_addr ipv6_addr(const uint8_t *p)
{
	struct ip_addr a;

	memcpy(a.b, p, sizeof(a.b));
	return a;
}

static inline struct ip_addr ipv4_addr(const uint8_t *p)
{
	struct be32 a;

	memcpy(a.b, p, sizeof(a.b));
	return ip_from_v4(a);
}

/* An address of ours; none in our form of IPv4, which stands on no wire. */
static inline const struct local_addr *local_v6(const struct dplane *dp, struct ip_addr a)
{
	return unlikely(ip_is_v4(&a)) ? NULL : dplane_local(dp, &a);
}

/* Where a packet of IPv4 goes to: address and port, the source's port between them left out. */
static inline uint64_t path_to(const uint8_t *ip)
{
	return load64(ip + 16) & RTE_BE64(UINT64_C(0xffffffff0000ffff));
}

/* A relay's ports, as a reload may be writing them: what two reads of it say may differ. */
static inline void path_see(struct path_seen *s, const struct local_addr *l, uint16_t relay,
			    uint32_t ip)
{
	const uint16_t min = atomic_load_explicit(&l->relay_min, memory_order_relaxed);
	const uint16_t max = atomic_load_explicit(&l->relay_max, memory_order_relaxed);

	if (min > max)
		return;
	s->relay = relay;
	s->min = min;
	s->span = (uint16_t)(max - min);
	s->relay_ip = ip;
}

/*
 * A packet that is another worker's, as the general way would find again: it goes there now, unless
 * one of its source is left and would come behind it.
 */
static inline bool path_hand(struct worker *w, struct rte_mbuf *m, const uint8_t *ip,
			     const struct port *port, uint16_t owner, const struct path_sort *s)
{
	if (s->behind & source_bit(ip))
		return false;
	handover(w, owner, m, HANDOVER_RX, port->idx);
	return true;
}

/* To a listener of ours: a client's, if it is ChannelData. False: it is left. */
static __rte_always_inline bool path_from_client(struct worker *w, const struct port *port,
						 struct path_sort *s, struct rte_mbuf *m,
						 uint8_t *ip, uint16_t i, uint16_t listener,
						 bool handed, bool v6)
{
	const struct dplane *dp = w->dp;
	const uint8_t *udp = ip + ip_len(v6);
	struct path_pkt *k;
	uint16_t owner;
	struct be16 sport;
	struct ip_addr src;

	if (unlikely(!chandata_only(udp)))
		return false;
	memcpy(sport.b, udp, 2);
	if (unlikely(dp->n_workers > 1 && !port->flow_sticky)) {
		src = v6 ? ipv6_addr(ip + 8) : ipv4_addr(ip + 12);
		owner = dplane_client_worker(dp, &src, sport);
		if (owner != w->id)
			return !handed && path_hand(w, m, ip, port, owner, s);
	}
	k = path_add(v6 ? &s->v6[CTL_TO_PEER] : &s->v4[CTL_TO_PEER], m, ip, i, v6);
	k->listener = listener;
	if (v6) {
		src = ipv6_addr(ip + 8);
		k->hash = flow_hash(dp->hash_key, &src, sport, listener);
	} else {
		k->hash = flow_hash4(dp->hash_key, load32(ip + 12), load16(udp), listener);
	}
	rte_prefetch0(flow_home(&w->flows, k->hash));
	return true;
}

/* To a relayed port of ours. False: it is left. */
static __rte_always_inline bool path_from_peer(struct worker *w, const struct port *port,
					       struct path_sort *s, struct rte_mbuf *m, uint8_t *ip,
					       uint16_t i, uint16_t relay, bool handed, bool v6)
{
	const struct dplane *dp = w->dp;
	const uint16_t dport = field16(ip + ip_len(v6) + 2);
	struct path_pkt *k;
	uint16_t owner;

	if (unlikely(dp->n_workers > 1)) {
		owner = relay_owner(dp, relay, dport);
		if (owner != w->id)
			return !handed && path_hand(w, m, ip, port, owner, s);
	}
	k = path_add(v6 ? &s->v6[CTL_TO_CLIENT] : &s->v4[CTL_TO_CLIENT], m, ip, i, v6);
	k->entry = relayed_slot(w, relay, dport);
	rte_prefetch0(k->entry);
	return true;
}

/* By where it goes: to a listener's or a relayed port. False: it is left. */
static __rte_always_inline bool path_sort(struct worker *w, const struct port *port,
					  struct path_sort *s, struct rte_mbuf *m, uint8_t *ip,
					  uint16_t i, bool handed, bool v6)
{
	const struct dplane *dp = w->dp;
	const struct local_addr *l;
	uint16_t dport, relay, listener;

	if (!v6 && path_to(ip) == s->seen.to)
		return path_from_client(w, port, s, m, ip, i, s->seen.listener, handed, false);
	dport = field16(ip + ip_len(v6) + 2);
	if (!v6 && load32(ip + 16) == s->seen.relay_ip &&
	    likely((uint16_t)(dport - s->seen.min) <= s->seen.span))
		return path_from_peer(w, port, s, m, ip, i, s->seen.relay, handed, false);
	l = v6 ? local_v6(dp, ipv6_addr(ip + 24)) : dplane_local_v4(dp, load32(ip + 16));
	/* By another port: rx_parse.c asks whether its source is there. */
	if (unlikely(!l || l->short_port != port->idx))
		return false;
	relay = local_relay_at(l, dport);
	if (relay != CTL_RELAY_NONE &&
	    likely(!atomic_load_explicit(&l->listeners, memory_order_relaxed))) {
		if (!v6)
			path_see(&s->seen, l, relay, load32(ip + 16));
		return path_from_peer(w, port, s, m, ip, i, relay, handed, v6);
	}
	listener = dplane_listener(dp, &l->ip, dport);
	if (unlikely(listener == LOCAL_NONE))
		return false;
	if (!v6) {
		s->seen.to = path_to(ip);
		s->seen.listener = listener;
	}
	return path_from_client(w, port, s, m, ip, i, listener, handed, v6);
}

/* ---- packets out ---- */

/* Whether a packet came from where these packets go to. */
static __rte_always_inline bool path_leads_back(const struct path_out *l, bool v6,
						const struct path_pkt *k, bool six)
{
	if (load16(l->dport.b) != load16(pkt_udp(k, six)) || (six && v6 != k->v6))
		return false;
	if (six && v6)
		return memcmp(l->dst6.b, k->ip + 8, sizeof(l->dst6.b)) == 0;
	return load32(l->dst.b) == load32(k->ip + 12);
}

/* The sum of padding that goes, which may begin at an odd place. */
static uint16_t padding_sum(const uint8_t *payload, uint32_t len, uint32_t padding)
{
	uint16_t sum = csum_fold(csum_bytes(0, payload + len, padding));

	return len & 1 ? __builtin_bswap16(sum) : sum;
}

/* Of lengths, which a checksum covers twice: so many bytes less. */
static inline uint64_t csum_shorter(uint32_t bytes)
{
	return 2 * csum_neg(rte_cpu_to_be_16((uint16_t)bytes));
}

static __rte_always_inline void path_count(struct worker *w, struct path *p, enum ctl_way way,
					   struct path_out *out, uint32_t payload, bool v6)
{
	if (!v6) {
		out->use += PATH_OUT_PACKET + payload;
		return;
	}
	p->use[way] += PATH_PACKET + payload;
	if (unlikely(p->use[way] & PATH_FULL))
		path_tell(w, p);
}

/* Returns the payload bytes that went out; LEFT: it is as it was. */
static __rte_always_inline uint32_t path_to_peer(struct worker *w, const struct path_pkt *k,
						 struct path *p, bool six)
{
	const uint8_t *udp = pkt_udp(k, six), *msg = udp + UDP_HDR;
	uint32_t payload = field16(msg + 2), len = payload + UDP_HDR;
	uint32_t padding = field16(udp + 4) - len - CHANDATA_HDR_LEN;
	const struct ip_addr *src6 =
	    six && path_v6(p, CTL_TO_PEER) ? &w->dp->relay_addr[path_index(p, CTL_TO_PEER)] : NULL;
	uint64_t added;
	struct neigh *n;

	if (unlikely(!path_leads_back(&p->to_client, path_v6(p, CTL_TO_CLIENT), k, six) ||
		     path_index(p, CTL_TO_CLIENT) != k->listener || p->channel != field16(msg) ||
		     p->expiry <= w->now))
		return LEFT;
	n = path_hop(w, k, &p->to_peer, src6, len, six);
	if (unlikely(!n))
		return LEFT;
	added = p->sum + csum_neg(load16(msg)) + csum_neg(load16(msg + 2)) +
		csum_shorter(CHANDATA_HDR_LEN);
	if (unlikely(padding))
		added += csum_neg(padding_sum(msg + CHANDATA_HDR_LEN, payload, padding)) +
			 csum_shorter(padding);
	path_write(w, k, &p->to_peer, src6, n, CHANDATA_HDR_LEN, len, added, six);
	path_count(w, p, CTL_TO_PEER, &p->to_peer, payload, src6);
	tx_put(w, n->port, k->m);
	return payload;
}

static __rte_always_inline uint32_t path_to_client(struct worker *w, const struct path_pkt *k,
						   struct path *p, bool six)
{
	uint8_t *udp = pkt_udp(k, six);
	uint32_t len = field16(udp + 4) + CHANDATA_HDR_LEN;
	uint32_t payload = len - UDP_HDR - CHANDATA_HDR_LEN;
	uint16_t channel = __builtin_bswap16(p->channel), length;
	const struct ip_addr *src6 = six && path_v6(p, CTL_TO_CLIENT)
					 ? &w->dp->listener[path_index(p, CTL_TO_CLIENT)].ip
					 : NULL;
	uint32_t head;
	struct neigh *n;

	if (unlikely(!path_leads_back(&p->to_peer, path_v6(p, CTL_TO_PEER), k, six) ||
		     p->expiry <= w->now))
		return LEFT;
	n = path_hop(w, k, &p->to_client, src6, len, six);
	if (unlikely(!n))
		return LEFT;
	length = __builtin_bswap16((uint16_t)payload);
	head = (uint32_t)length << 16 | channel;
	path_write(w, k, &p->to_client, src6, n, -CHANDATA_HDR_LEN, len,
		   csum_neg(p->sum) + channel + length + 2 * RTE_BE16(CHANDATA_HDR_LEN), six);
	/* Behind the new headers, where the old ones ended. */
	memcpy(udp + UDP_HDR - CHANDATA_HDR_LEN, &head, sizeof(head));
	path_count(w, p, CTL_TO_CLIENT, &p->to_client, payload, src6);
	tx_put(w, n->port, k->m);
	return payload;
}

/* Whether there is IPv6 on one side or on both. */
static inline bool path_six(const struct path *p)
{
	uint64_t use;

	memcpy(&use, p->use, sizeof(use));
	return use & (PATH_V6 | (uint64_t)PATH_V6 << 32);
}

/* Packets with IPv6 on one side or on both, apart from the code for IPv4 alone. */
static __rte_noinline uint32_t path_relay6(struct worker *w, const struct path_pkt *k,
					   struct path *p, enum ctl_way way)
{
	return way == CTL_TO_CLIENT ? path_to_client(w, k, p, true) : path_to_peer(w, k, p, true);
}

static __rte_always_inline uint32_t path_relay(struct worker *w, const struct path_pkt *k,
					       enum ctl_way way, bool six)
{
	struct path *p = k->path;

	if (six || unlikely(path_six(p)))
		return path_relay6(w, k, p, way);
	return way == CTL_TO_CLIENT ? path_to_client(w, k, p, false) : path_to_peer(w, k, p, false);
}

/* ---- a burst ---- */

static inline struct path_link link_of(const struct port *port)
{
	struct path_link l = { .len = port->l2_len, .tag = rte_cpu_to_be_16(port->vlan) };

	memcpy(&l.mac, port->mac.addr_bytes, RTE_ETHER_ADDR_LEN);
	return l;
}

/* Puts a packet that may have a path into its list, or hands it over. False: it is left. */
static __rte_always_inline bool path_parse(struct worker *w, const struct port *port,
					   const struct path_link *link, struct path_sort *s,
					   struct rte_mbuf *m, uint16_t i, bool handed)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *), *ip = frame + link->len;
	uint32_t room = (uint32_t)m->data_len - link->len;
	uint64_t differs = link_differs(link, frame);

	if (unlikely(m->data_off < ROOM || m->nb_segs > 1 ||
		     (link->tag && !link_tagged(link, frame))))
		return false;
	if (likely(!(differs | ipv4_differs(ip))))
		return likely(ipv4_ok(m, ip, room)) &&
		       path_sort(w, port, s, m, ip, i, handed, false);
	/* What had come in pieces may be cut again, see relay_df(). */
	return !differs && load16(ip - 2) == RTE_BE16(RTE_ETHER_TYPE_IPV6) &&
	       room >= IPV6_HDR + UDP_HDR && !(handed && m->hash.usr & HANDOVER_WHOLE) &&
	       ipv6_ok(m, ip, room) && path_sort(w, port, s, m, ip, i, handed, true);
}

/*
 * First stage: headers. Packets that may have a path are sorted, those of others sent. This and the
 * second are functions of their own so that a profile tells them apart: a call a burst costs
 * nothing.
 */
static __rte_noinline void burst_sort(struct worker *w, struct rte_mbuf **m, uint16_t n,
				      const struct port *port, bool handed, struct path_sort *s)
{
	const struct path_link link = link_of(port);
	uint16_t i;

	for (i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (i = 0; i < n; i++) {
		const uint32_t len = m[i]->data_len, least = link.len + (uint32_t)IPV4_HDR;

		if (likely(len >= least + UDP_HDR) &&
		    likely(path_parse(w, port, &link, s, m[i], i, handed)))
			continue;
		if (len >= least)
			path_leave(s, rte_pktmbuf_mtod_offset(m[i], uint8_t *, link.len), i);
		else
			s->left |= UINT64_C(1) << i;
	}
}

/* A packet to a termination's port, which is another flow. */
static inline void path_term(struct worker *w, const struct path_pkt *k, uint32_t slot,
			     struct path_terms *t)
{
	struct path_pkt *term = &t->pkt[t->n++];

	*term = *k;
	term->flow = relayed_line(w, slot);
	term->slot = slot;
	rte_prefetch0(term->flow);
}

/* Second stage: sessions. What has none is left; what is to a termination's port goes to t. */
static __rte_noinline void burst_find(struct worker *w, struct path_sort *s, struct path_list *l,
				      enum ctl_way way, struct path_terms *t)
{
	uint16_t i, found = 0;

	for (i = 0; i < l->n; i++) {
		struct path_pkt *k = &l->pkt[i];
		struct flow_cursor c;
		uint32_t slot;

		if (way == CTL_TO_CLIENT) {
			slot = *k->entry;
		} else {
			c = flow_find(&w->flows, k->hash);
			slot = flow_next(&w->flows, &c);
		}
		if (unlikely(!relayed_is_session(slot))) {
			s->left |= UINT64_C(1) << k->i;
			if (slot != SLOT_NONE)
				path_term(w, k, slot, t);
			continue;
		}
		k->path = &w->path[slot];
		rte_prefetch0(k->path);
		if (unlikely(found != i))
			l->pkt[found] = *k;
		found++;
	}
	l->n = found;
}

/* Third stage: headers anew, and out. Returns the packets that went. A function a way, below. */
static __rte_always_inline uint32_t burst_relay(struct worker *w, struct path_sort *s,
						const struct path_list *l, enum ctl_way way,
						bool six)
{
	const struct path_pkt *k = l->pkt;
	uint64_t bytes = 0;
	uint32_t sent = 0;

	for (uint16_t n = l->n; n; n--, k++) {
		uint32_t out = LEFT;

		path_ahead(k, n);
		if (likely(!s->behind) || !(s->behind & source_bit(k->ip)))
			out = path_relay(w, k, way, six);
		if (unlikely(out == LEFT)) {
			path_leave(s, k->ip, k->i);
			continue;
		}
		sent++;
		bytes += out;
	}
	count_add(w, way == CTL_TO_CLIENT ? CNT_RELAY_TO_CLIENT : CNT_RELAY_TO_PEER, sent);
	count_add(w, way == CTL_TO_CLIENT ? CNT_RELAY_TO_CLIENT_BYTES : CNT_RELAY_TO_PEER_BYTES,
		  bytes);
	return sent;
}

static __rte_noinline uint32_t burst_to_peer(struct worker *w, struct path_sort *s)
{
	return burst_relay(w, s, &s->v4[CTL_TO_PEER], CTL_TO_PEER, false);
}

static __rte_noinline uint32_t burst_to_client(struct worker *w, struct path_sort *s)
{
	return burst_relay(w, s, &s->v4[CTL_TO_CLIENT], CTL_TO_CLIENT, false);
}

static __rte_noinline uint32_t burst_six(struct worker *w, struct path_sort *s)
{
	return burst_relay(w, s, &s->v6[CTL_TO_PEER], CTL_TO_PEER, true) +
	       burst_relay(w, s, &s->v6[CTL_TO_CLIENT], CTL_TO_CLIENT, true);
}

uint64_t path_burst(struct worker *w, struct rte_mbuf **m, uint16_t n, const struct port *port,
		    bool handed, struct path_terms *t)
{
	struct path_sort s;
	uint32_t found, sent = 0;

	s.left = s.behind = s.seen.to = s.seen.relay_ip = 0;
	s.v4[CTL_TO_PEER].n = s.v4[CTL_TO_CLIENT].n = 0;
	s.v6[CTL_TO_PEER].n = s.v6[CTL_TO_CLIENT].n = 0;
	t->n = 0;
	burst_sort(w, m, n, port, handed, &s);
	stage_end(w, STAGE_PARSE, n);
	burst_find(w, &s, &s.v4[CTL_TO_PEER], CTL_TO_PEER, t);
	burst_find(w, &s, &s.v4[CTL_TO_CLIENT], CTL_TO_CLIENT, t);
	burst_find(w, &s, &s.v6[CTL_TO_PEER], CTL_TO_PEER, t);
	burst_find(w, &s, &s.v6[CTL_TO_CLIENT], CTL_TO_CLIENT, t);
	found = s.v4[CTL_TO_PEER].n + s.v4[CTL_TO_CLIENT].n + s.v6[CTL_TO_PEER].n +
		s.v6[CTL_TO_CLIENT].n;
	stage_work(w, STAGE_LOOKUP, found + t->n);
	if (s.v4[CTL_TO_PEER].n)
		sent += burst_to_peer(w, &s);
	if (s.v4[CTL_TO_CLIENT].n)
		sent += burst_to_client(w, &s);
	if (unlikely(s.v6[CTL_TO_PEER].n | s.v6[CTL_TO_CLIENT].n))
		sent += burst_six(w, &s);
	stage_work(w, STAGE_RELAY, sent);
	t->behind = s.behind;
	return ((UINT64_C(1) << n) - 1) & ~s.left;
}
