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

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, 8);
	return x;
}

/* The Ethernet header of frames for us: our MAC, the tag if there is one. */
struct path_link {
	uint64_t mac;
	uint16_t len, tag;
};

/* The EtherType of a frame for us, as it stands on the wire; 0 of others. */
static inline uint16_t link_type(const struct path_link *l, const uint8_t *frame)
{
	uint64_t mac = load64(frame) ^ l->mac;

	/* Only the first six bytes count. */
	memset((uint8_t *)&mac + 6, 0, 2);
	if (unlikely(mac) ||
	    unlikely(l->tag && (load16(frame + 12) != RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
				(load16(frame + 14) & RTE_BE16(0xfff)) != l->tag)))
		return 0;
	return load16(frame + l->len - 2);
}

/* No options, no fragment, UDP; lengths and checksums that are right. */
static inline bool ipv4_ok(const struct rte_mbuf *m, const uint8_t *ip, uint32_t room)
{
	uint32_t len = field16(ip + 2);
	uint64_t bad =
	    (ip[0] ^ 0x45) | (load16(ip + 6) & RTE_BE16(0x3fff)) | (ip[9] ^ IP_PROTO_UDP);

	bad |= len > room || len < IPV4_HDR + UDP_HDR;
	bad |= (uint16_t)(len - IPV4_HDR) ^ field16(ip + IPV4_HDR + 4);
	bad |= ip[8] <= 1;
	if (unlikely(bad || m->nb_segs > 1 || m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_BAD))
		return false;
	return (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD ||
	       likely(csum_fold(csum_words(0, ip, IPV4_HDR / 4)) == 0xffff &&
		      !(m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_BAD));
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

/* What headers tell of a packet. */
enum path_class {
	PATH_NONE,  /* it goes the general way */
	PATH_HERE,  /* it may have a path here */
	PATH_OTHER, /* it is worker k->owner's */
};

static inline enum path_class owner_class(const struct worker *w, struct path_pkt *k,
					  uint16_t owner)
{
	k->owner = owner;
	return owner == w->id ? PATH_HERE : PATH_OTHER;
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

/* Where a packet goes by its destination: a listener's or a relayed port's. */
static __rte_always_inline enum path_class path_classify(struct worker *w, const struct port *port,
							 struct path_pkt *k, bool v6)
{
	const struct dplane *dp = w->dp;
	const struct local_addr *l =
	    v6 ? local_v6(dp, ipv6_addr(k->ip + 24)) : dplane_local_v4(dp, load32(k->ip + 16));
	const uint8_t *udp = k->ip + ip_len(v6);
	uint16_t dport = field16(udp + 2), relay;
	struct ip_addr src;
	struct be16 sport;

	k->v6 = v6;
	/* By another port: rx_parse.c asks whether its source is there. */
	if (unlikely(!l || l->port != port->idx))
		return PATH_NONE;
	relay = local_relay_at(l, dport);
	if (relay != CTL_RELAY_NONE &&
	    likely(!atomic_load_explicit(&l->listeners, memory_order_relaxed))) {
		k->relay_slot = relayed_slot(w, relay, dport);
		rte_prefetch0(k->relay_slot);
		return dp->n_workers == 1 ? PATH_HERE
					  : owner_class(w, k, relay_owner(dp, relay, dport));
	}
	k->relay_slot = NULL;
	k->listener = dplane_listener(dp, &l->ip, dport);
	if (unlikely(k->listener == LOCAL_NONE || !chandata_only(udp)))
		return PATH_NONE;
	src = v6 ? ipv6_addr(k->ip + 8) : ipv4_addr(k->ip + 12);
	memcpy(sport.b, udp, 2);
	k->hash = flow_hash(dp->hash_key, &src, sport, k->listener);
	rte_prefetch0(flow_home(&w->flows, k->hash));
	return dp->n_workers == 1 || port->flow_sticky
		   ? PATH_HERE
		   : owner_class(w, k, dplane_client_worker(dp, &src, sport));
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
	added = p->sum + csum_neg(load16(msg)) + csum_neg(load16(msg + 2));
	if (unlikely(padding))
		added += csum_neg(padding_sum(msg + CHANDATA_HDR_LEN, payload, padding));
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
		   csum_neg(p->sum) + channel + length, six);
	/* Behind the new headers, where the old ones ended. */
	memcpy(udp + UDP_HDR - CHANDATA_HDR_LEN, &head, sizeof(head));
	path_count(w, p, CTL_TO_CLIENT, &p->to_client, payload, src6);
	tx_put(w, n->port, k->m);
	return payload;
}

static __rte_always_inline uint32_t path_relay(struct worker *w, const struct path_pkt *k,
					       struct path *p, bool six)
{
	return k->relay_slot ? path_to_client(w, k, p, six) : path_to_peer(w, k, p, six);
}

/* path_relay() where IPv6 is on one side or on both, apart from the code for IPv4 alone. */
static __rte_noinline uint32_t path_relay6(struct worker *w, const struct path_pkt *k,
					   struct path *p)
{
	return path_relay(w, k, p, true);
}

/* ---- a burst ---- */

static inline struct path_link link_of(const struct port *port)
{
	struct path_link l = { .len = port->l2_len, .tag = rte_cpu_to_be_16(port->vlan) };

	memcpy(&l.mac, port->mac.addr_bytes, RTE_ETHER_ADDR_LEN);
	return l;
}

/* Fills k of a packet that may have a path. */
static inline enum path_class path_parse(struct worker *w, const struct port *port,
					 const struct path_link *link, bool handed,
					 struct path_pkt *k)
{
	const struct rte_mbuf *m = k->m;
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t room = (uint32_t)m->data_len - link->len;
	uint16_t type;

	k->ip = frame + link->len;
	if (unlikely(m->data_len < link->len + IPV4_HDR + UDP_HDR || m->data_off < ROOM))
		return PATH_NONE;
	type = link_type(link, frame);
	if (likely(type == RTE_BE16(RTE_ETHER_TYPE_IPV4)))
		return ipv4_ok(m, k->ip, room) ? path_classify(w, port, k, false) : PATH_NONE;
	/* What had come in pieces may be cut again, see relay_df(). */
	return type == RTE_BE16(RTE_ETHER_TYPE_IPV6) && room >= IPV6_HDR + UDP_HDR &&
		       !(handed && m->hash.usr & HANDOVER_WHOLE) && ipv6_ok(m, k->ip, room)
		   ? path_classify(w, port, k, true)
		   : PATH_NONE;
}

/*
 * A packet that is another worker's, as the general way would find again: it goes there now, unless
 * one of its source is left and would come behind it.
 */
static inline bool path_hand(struct worker *w, const struct path_pkt *k, const struct port *port,
			     uint64_t behind)
{
	if (behind & source_bit(k->ip))
		return false;
	handover(w, k->owner, k->m, HANDOVER_RX, port->idx);
	return true;
}

/*
 * First stage: headers. Returns the packets that may have a path; those of others are sent. This
 * and the second are functions of their own so that a profile tells them apart: a call a burst
 * costs nothing.
 */
static __rte_noinline uint16_t burst_classify(struct worker *w, struct rte_mbuf **m, uint16_t n,
					      const struct port *port, bool handed,
					      struct path_pkt *k, uint64_t *behind, uint64_t *sent)
{
	const struct path_link link = link_of(port);
	enum path_class class;
	uint16_t i, found = 0;

	for (i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (i = 0; i < n; i++) {
		k->m = m[i];
		k->i = i;
		class = path_parse(w, port, &link, handed, k);
		if (likely(class == PATH_HERE)) {
			k++;
			found++;
		} else if (class == PATH_OTHER && !handed && path_hand(w, k, port, *behind)) {
			*sent |= UINT64_C(1) << i;
		} else if (m[i]->data_len >= link.len + IPV4_HDR) {
			*behind |= source_bit(k->ip);
		}
	}
	return found;
}

/*
 * Second stage: sessions. Returns the packets that have one; those to a termination's port, which
 * are other flows, go to t.
 */
static __rte_noinline uint16_t burst_find(struct worker *w, struct path_pkt *k, uint16_t n,
					  struct path_terms *t)
{
	uint16_t i, found = 0;

	for (i = 0; i < n; i++) {
		struct flow_cursor c;
		uint32_t slot;

		if (k[i].relay_slot) {
			slot = *k[i].relay_slot;
		} else {
			c = flow_find(&w->flows, k[i].hash);
			slot = flow_next(&w->flows, &c);
		}
		if (unlikely(!relayed_is_session(slot))) {
			if (slot != SLOT_NONE) {
				struct media_path *flow = relayed_line(w, slot);
				struct path_pkt *term = &t->pkt[t->n++];

				rte_prefetch0(flow);
				/* Not read back in other pieces than it was stored in. */
				*term = k[i];
				term->flow = flow;
				term->slot = slot;
			}
			continue;
		}
		k[i].path = &w->path[slot];
		rte_prefetch0(k[i].path);
		if (unlikely(found != i))
			k[found] = k[i];
		found++;
	}
	return found;
}

uint64_t path_burst(struct worker *w, struct rte_mbuf **m, uint16_t n, const struct port *port,
		    bool handed, struct path_terms *t)
{
	uint64_t sent = 0, behind = 0, up = 0, down = 0, up_bytes = 0, down_bytes = 0;
	struct path_pkt pkt[BURST];
	uint16_t i, found;

	t->n = 0;
	found = burst_classify(w, m, n, port, handed, pkt, &behind, &sent);
	stage_end(w, STAGE_PARSE, n);
	found = burst_find(w, pkt, found, t);
	stage_work(w, STAGE_LOOKUP, found + t->n);
	for (i = 0; i < found; i++) {
		const struct path_pkt *k = &pkt[i];
		struct path *p = k->path;
		uint32_t bytes = LEFT;

		path_ahead(k, (uint16_t)(found - i));
		if (likely(!(behind & source_bit(k->ip))))
			bytes = likely(!(k->v6 |
					 ((p->use[CTL_TO_PEER] | p->use[CTL_TO_CLIENT]) & PATH_V6)))
				    ? path_relay(w, k, p, false)
				    : path_relay6(w, k, p);
		if (unlikely(bytes == LEFT)) {
			behind |= source_bit(k->ip);
			continue;
		}
		sent |= UINT64_C(1) << k->i;
		if (k->relay_slot) {
			down++;
			down_bytes += bytes;
		} else {
			up++;
			up_bytes += bytes;
		}
	}
	count_add(w, CNT_RELAY_TO_PEER, up);
	count_add(w, CNT_RELAY_TO_PEER_BYTES, up_bytes);
	count_add(w, CNT_RELAY_TO_CLIENT, down);
	count_add(w, CNT_RELAY_TO_CLIENT_BYTES, down_bytes);
	stage_work(w, STAGE_RELAY, (uint32_t)(up + down));
	t->behind = behind;
	return sent;
}
