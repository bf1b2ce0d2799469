/* SPDX-License-Identifier: BSD-3-Clause */
#include "path.h"
#include "flow.h"
#include "session.h"
#include "../net/neigh.h"
#include "../stage.h"
#include "../tx.h"
#include "../../lib/chandata.h"

#include <netinet/in.h>

enum {
	HDRS = IPV4_HDR + UDP_HDR,
	ROOM = 16, /* bytes in front of a frame that longer headers may take */
};
#define LEFT UINT32_MAX

/* What the stages hand on of a packet. */
struct path_pkt {
	struct rte_mbuf *m;
	uint8_t *ip;		    /* its header */
	uint64_t hash;		    /* of a client's flow */
	const uint32_t *relay_slot; /* where a peer's session stands; NULL: from a client */
	uint32_t src;		    /* as it stands in memory */
	uint16_t sport;		    /* the same */
	uint16_t listener;	    /* index */
	uint32_t slot;
	uint16_t i; /* place in the burst */
};

/* ---- making ---- */

static struct be32 ipv4_of(const struct ip_addr *a)
{
	struct be32 v4;

	memcpy(v4.b, a->b + 12, 4);
	return v4;
}

static struct path_leg leg_make(const struct sock_addr *src, const struct sock_addr *dst)
{
	struct path_leg l = { .src = ipv4_of(&src->ip),
			      .dst = ipv4_of(&dst->ip),
			      .sport = src->port,
			      .dport = dst->port,
			      .nh = NH_NONE };

	l.sum = csum_fold(csum_words(0, &l, 3));
	return l;
}

/*
 * An address that packets may come from (rx.c judges all others). Who takes a path comes from the
 * very address of its session, so this is asked here and not of each packet.
 */
static bool source_ok(const struct worker *w, const struct ip_addr *ip)
{
	uint8_t net = ip->b[12];

	return ip_is_v4(ip) && net != 0 && net != 127 && net < 224 && !dplane_local(w->dp, ip);
}

static bool session_has_path(const struct worker *w, const struct session *s)
{
	return s->gen && s->conn_gen == 0 && !(s->flags & (SESSION_REDIRECT | SESSION_TCP)) &&
	       s->first.channel && s->relay[RELAY_V4].relay != CTL_RELAY_NONE &&
	       source_ok(w, &s->client.ip) && source_ok(w, &s->first.ip);
}

void path_make(struct worker *w, uint32_t slot)
{
	const struct session *s = &w->session[slot];
	const struct ctl_relay *r = &s->relay[RELAY_V4];
	struct path *p = &w->path[slot], old = *p;

	memset(p, 0, sizeof(*p));
	if (!session_has_path(w, s))
		return;
	p->to_peer = leg_make(&(struct sock_addr){ *relay_ip(w->dp, r), r->port },
			      &(struct sock_addr){ s->first.ip, s->first.port });
	p->to_client = leg_make(&w->dp->conf->listener[s->listener].addr, &s->client);
	p->expiry = s->expiry;
	p->perm_expiry = s->first.perm_expiry;
	p->chan_expiry = s->first.chan_expiry;
	p->channel = s->first.channel;
	p->listener = s->listener;
	/* A refresh leads nowhere else. */
	if (be32_eq(old.to_peer.dst, p->to_peer.dst))
		p->to_peer.nh = old.to_peer.nh;
	if (be32_eq(old.to_client.dst, p->to_client.dst))
		p->to_client.nh = old.to_client.nh;
}

/* ---- packets in ---- */

static inline uint16_t load16(const uint8_t *p)
{
	uint16_t x;

	memcpy(&x, p, 2);
	return x;
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t x;

	memcpy(&x, p, 4);
	return x;
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, 8);
	return x;
}

/* A field of a header, in host order. */
static inline uint16_t field16(const uint8_t *p)
{
	return __builtin_bswap16(load16(p));
}

/* The Ethernet header of frames for us: our MAC, the tag if there is one, IPv4. */
struct path_link {
	uint64_t mac;
	uint16_t len, tag;
};

static inline bool link_ok(const struct path_link *l, const uint8_t *frame)
{
	uint64_t mac = load64(frame) ^ l->mac;

	/* Only the first six bytes count. */
	memset((uint8_t *)&mac + 6, 0, 2);
	if (unlikely(mac | (load16(frame + l->len - 2) ^ RTE_BE16(RTE_ETHER_TYPE_IPV4))))
		return false;
	return likely(l->tag == 0) || (load16(frame + 12) == RTE_BE16(RTE_ETHER_TYPE_VLAN) &&
				       (load16(frame + 14) & RTE_BE16(0xfff)) == l->tag);
}

/* No options, no fragment, UDP; lengths and checksums that are right. */
static inline bool headers_ok(const struct rte_mbuf *m, const uint8_t *ip, uint32_t room)
{
	uint32_t len = field16(ip + 2);
	uint64_t bad =
	    (ip[0] ^ 0x45) | (load16(ip + 6) & RTE_BE16(0x3fff)) | (ip[9] ^ IP_PROTO_UDP);

	bad |= len > room || len < HDRS;
	bad |= (uint16_t)(len - IPV4_HDR) ^ field16(ip + IPV4_HDR + 4);
	bad |= ip[8] <= 1;
	if (unlikely(bad || m->nb_segs > 1 || m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_BAD))
		return false;
	return (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD ||
	       likely(csum_fold(csum_words(0, ip, IPV4_HDR / 4)) == 0xffff &&
		      !(m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_BAD));
}

/* Whether a datagram for a listener is ChannelData, with padding behind it at most (RFC 8656 12.5).
 */
static inline bool chandata_only(const uint8_t *ip)
{
	const uint8_t *msg = ip + HDRS;
	int len = field16(ip + 2) - HDRS - CHANDATA_HDR_LEN;

	return len >= 0 && chandata_looks_like(msg[0]) && (uint32_t)(len - field16(msg + 2)) <= 3;
}

static inline bool client_here(const struct worker *w, const struct port *port,
			       const struct ip_addr *src, struct be16 sport)
{
	return w->dp->n_workers == 1 || port->flow_sticky ||
	       dplane_client_worker(w->dp, src, sport) == w->id;
}

/* Where a packet goes by its destination: a listener's or a relayed port's. False: neither. */
static inline bool path_classify(struct worker *w, const struct port *port, struct path_pkt *k)
{
	const struct dplane *dp = w->dp;
	const struct local_addr *l = dplane_local_v4(dp, load32(k->ip + 16));
	uint16_t dport = field16(k->ip + IPV4_HDR + 2);

	struct be32 src4;
	struct be16 sport;
	struct ip_addr src;

	memcpy(src4.b, k->ip + 12, 4);
	memcpy(sport.b, k->ip + IPV4_HDR, 2);
	k->src = load32(k->ip + 12);
	k->sport = load16(k->ip + IPV4_HDR);
	if (unlikely(!l))
		return false;
	if (l->relay != CTL_RELAY_NONE && dport >= l->relay_min && dport <= l->relay_max &&
	    likely(!l->listeners)) {
		k->relay_slot = &w->relay_slot[l->relay][dport];
		rte_prefetch0(k->relay_slot);
		return likely(dp->n_workers == 1 || dp->port_owner[dport >> 1] == w->id);
	}
	k->relay_slot = NULL;
	k->listener = dplane_listener(dp, &l->ip, dport);
	if (unlikely(k->listener == LOCAL_NONE || !chandata_only(k->ip)))
		return false;
	src = ip_from_v4(src4);
	k->hash = flow_hash(dp->hash_key, &src, sport, k->listener);
	rte_prefetch0(flow_home(&w->flows, k->hash));
	return likely(client_here(w, port, &src, sport));
}

/* ---- packets out ---- */

/* The next hop if a frame can go there now, as a port of this worker's takes it. */
static inline struct neigh *path_hop(struct worker *w, struct path_leg *l, uint32_t len)
{
	struct neigh *n = neigh_cached(w->neighbours, l->nh);

	if (unlikely(!n || !neigh_has_mac(n))) {
		struct be32 dst = l->dst;
		struct ip_addr ip = ip_from_v4(dst);
		enum drop why;

		n = neigh_find(w, &ip, &l->nh, &why);
		if (!n || !neigh_has_mac(n))
			return NULL;
	}
	return likely(len <= n->mtu && w->id < w->dp->port[n->port].tx_queues) ? n : NULL;
}

/* A word that is taken out of a sum. */
static inline uint64_t minus(uint16_t v)
{
	return (uint16_t)~v;
}

/*
 * Sends the datagram that begins shift bytes further than it came: len bytes from its IP header on,
 * the new headers made from the old. added: what its UDP checksum covers now and did not before,
 * beside lengths, as folded sums.
 */
static inline void path_send(struct worker *w, const struct path_pkt *k, const struct path_leg *l,
			     struct neigh *n, int shift, uint32_t len, uint64_t added)
{
	struct rte_mbuf *m = k->m;
	uint8_t *ip = k->ip + shift, *frame = ip - n->l2_len;
	uint16_t csum = load16(k->ip + IPV4_HDR + 6), old_len = load16(k->ip + IPV4_HDR + 4);
	uint16_t frag = load16(k->ip + 6) & RTE_BE16(0x4000);
	uint8_t tos = k->ip[1], ttl = (uint8_t)(k->ip[8] - 1);
	uint64_t udp_len = __builtin_bswap16((uint16_t)(len - IPV4_HDR)), a, b, addrs;
	uint32_t ports, dst;

	memcpy(&addrs, &l->src, 8);
	memcpy(&ports, &l->sport, 4);
	memcpy(&dst, &l->dst, 4);
	if (likely(csum)) {
		/* Lengths count twice, in the pseudo header and in the UDP header. */
		csum = (uint16_t)~csum_fold(minus(csum) + added + 2 * (udp_len + minus(old_len)));
		csum = csum ? csum : 0xffff;
	}
	a = (uint64_t)__builtin_bswap16((uint16_t)len) << 16 | (uint64_t)tos << 8 | 0x45;
	a |= (frag ? UINT64_C(0x00400000) : __builtin_bswap16(ip_id_next(w))) << 32;
	b = (uint64_t)IP_PROTO_UDP << 8 | ttl;
	b |= (uint64_t)(uint16_t)~csum_fold((a & UINT32_MAX) + (a >> 32) + b + (uint32_t)addrs +
					    (addrs >> 32))
	     << 16;
	b |= addrs << 32;
	memcpy(frame, n->l2, 16);
	if (unlikely(n->l2_len > RTE_ETHER_HDR_LEN))
		memcpy(frame + 16, n->l2 + 16, 2);
	memcpy(ip, &a, 8);
	memcpy(ip + 8, &b, 8);
	memcpy(ip + 16, &dst, 4);
	a = (uint64_t)csum << 48 | udp_len << 32 | ports;
	memcpy(ip + IPV4_HDR, &a, 8);
	m->data_off = (uint16_t)(frame - (uint8_t *)m->buf_addr);
	m->data_len = (uint16_t)(len + n->l2_len);
	m->pkt_len = m->data_len;
	if (unlikely(!n->used))
		n->used = true;
	tx_put(w, n->port, m);
}

/* The sum of padding that goes, which may begin at an odd place. */
static uint16_t padding_sum(const uint8_t *payload, uint32_t len, uint32_t padding)
{
	uint16_t sum = csum_fold(csum_bytes(0, payload + len, padding));

	return len & 1 ? __builtin_bswap16(sum) : sum;
}

/* Returns the payload bytes that went out; LEFT: it is as it was. */
static inline uint32_t path_to_peer(struct worker *w, const struct path_pkt *k, struct path *p)
{
	const uint8_t *msg = k->ip + HDRS;
	uint32_t payload = field16(msg + 2), len = payload + HDRS;
	uint32_t padding = field16(k->ip + 2) - len - CHANDATA_HDR_LEN;
	uint64_t added;
	struct neigh *n;

	if (unlikely(load32((const uint8_t *)&p->to_client.dst) != k->src ||
		     load16((const uint8_t *)&p->to_client.dport) != k->sport ||
		     p->listener != k->listener || p->channel != field16(msg) ||
		     p->expiry <= w->now || p->chan_expiry <= w->now))
		return LEFT;
	n = path_hop(w, &p->to_peer, len);
	if (unlikely(!n))
		return LEFT;
	added =
	    minus(p->to_client.sum) + minus(load16(msg)) + minus(load16(msg + 2)) + p->to_peer.sum;
	if (unlikely(padding))
		added += minus(padding_sum(msg + CHANDATA_HDR_LEN, payload, padding));
	path_send(w, k, &p->to_peer, n, CHANDATA_HDR_LEN, len, added);
	return payload;
}

static inline uint32_t path_to_client(struct worker *w, const struct path_pkt *k, struct path *p)
{
	uint32_t len = field16(k->ip + 2) + CHANDATA_HDR_LEN;
	uint32_t payload = len - HDRS - CHANDATA_HDR_LEN;
	uint16_t channel = __builtin_bswap16(p->channel), length;
	uint32_t head;
	struct neigh *n;

	if (unlikely(load32((const uint8_t *)&p->to_peer.dst) != k->src ||
		     load16((const uint8_t *)&p->to_peer.dport) != k->sport || channel == 0 ||
		     p->expiry <= w->now || p->perm_expiry <= w->now || p->chan_expiry <= w->now))
		return LEFT;
	n = path_hop(w, &p->to_client, len);
	if (unlikely(!n))
		return LEFT;
	length = __builtin_bswap16((uint16_t)payload);
	head = (uint32_t)length << 16 | channel;
	path_send(w, k, &p->to_client, n, -CHANDATA_HDR_LEN, len,
		  minus(p->to_peer.sum) + channel + length + p->to_client.sum);
	/* Behind the new headers, where the old ones ended. */
	memcpy(k->ip - CHANDATA_HDR_LEN + HDRS, &head, sizeof(head));
	return payload;
}

/* ---- a burst ---- */

static inline struct path_link link_of(const struct port *port)
{
	struct path_link l = { .len = port->l2_len, .tag = rte_cpu_to_be_16(port->vlan) };

	memcpy(&l.mac, port->mac.addr_bytes, RTE_ETHER_ADDR_LEN);
	return l;
}

/*
 * What is left goes out behind what is sent from here, and a flow must keep its order: packets stay
 * with those of their source that are left. A bit of 64 stands for a source, and for others.
 */
static inline uint64_t source_bit(uint32_t src)
{
	return UINT64_C(1) << (src * UINT32_C(0x9e3779b1) >> 26);
}

/*
 * First stage: headers. Returns the packets that may have a path. This and the second are functions
 * of their own so that a profile tells them apart: a call a burst costs nothing.
 */
static __rte_noinline uint16_t burst_classify(struct worker *w, struct rte_mbuf **m, uint16_t n,
					      const struct port *port, struct path_pkt *k,
					      uint64_t *behind)
{
	const struct path_link link = link_of(port);
	uint16_t i, found = 0;

	for (i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (i = 0; i < n; i++) {
		uint8_t *frame = rte_pktmbuf_mtod(m[i], uint8_t *);

		k->m = m[i];
		k->ip = frame + link.len;
		k->i = i;
		if (likely(m[i]->data_len >= link.len + HDRS && m[i]->data_off >= ROOM &&
			   link_ok(&link, frame) &&
			   headers_ok(m[i], k->ip, m[i]->data_len - link.len) &&
			   path_classify(w, port, k))) {
			k++;
			found++;
		} else if (m[i]->data_len >= link.len + IPV4_HDR) {
			*behind |= source_bit(load32(k->ip + 12));
		}
	}
	return found;
}

/* Second stage: sessions. Returns the packets that have one. */
static __rte_noinline uint16_t burst_find(struct worker *w, struct path_pkt *k, uint16_t n)
{
	uint16_t i, found = 0;

	for (i = 0; i < n; i++) {
		struct flow_cursor c;

		if (k[i].relay_slot) {
			k[i].slot = *k[i].relay_slot;
		} else {
			c = flow_find(&w->flows, k[i].hash);
			k[i].slot = flow_next(&w->flows, &c);
		}
		if (unlikely(k[i].slot == SLOT_NONE))
			continue;
		rte_prefetch0(&w->path[k[i].slot]);
		k[found++] = k[i];
	}
	return found;
}

uint16_t path_burst(struct worker *w, struct rte_mbuf **m, uint16_t n, const struct port *port)
{
	uint64_t sent = 0, behind = 0, up = 0, down = 0, up_bytes = 0, down_bytes = 0;
	struct path_pkt pkt[BURST];
	uint16_t i, found, left = 0;

	found = burst_classify(w, m, n, port, pkt, &behind);
	stage_end(w, STAGE_PARSE, n);
	found = burst_find(w, pkt, found);
	stage_work(w, STAGE_LOOKUP, found);
	for (i = 0; i < found; i++) {
		const struct path_pkt *k = &pkt[i];
		struct path *p = &w->path[k->slot];
		uint32_t bytes = LEFT;

		if (likely(!(behind & source_bit(k->src))))
			bytes = k->relay_slot ? path_to_client(w, k, p) : path_to_peer(w, k, p);
		if (unlikely(bytes == LEFT)) {
			behind |= source_bit(k->src);
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
	if (likely(up + down == n))
		return 0;
	for (i = 0; i < n; i++)
		if (!(sent & UINT64_C(1) << i))
			m[left++] = m[i];
	return left;
}
