/* SPDX-License-Identifier: BSD-3-Clause */
#include "emit.h"
#include "../trace.h"
#include "../tx.h"
#include "../net/neigh.h"
#include "../../lib/stun.h"

/*
 * The new UDP checksum from the old one. What the old one covered and the new does not is in
 * removed; lengths count twice, in the pseudo header and in the UDP header.
 */
static inline uint16_t relay_csum(uint16_t old, uint64_t removed, uint16_t old_len, uint64_t added,
				  uint16_t new_len)
{
	uint64_t s = csum_neg(old);

	removed = csum_u16(csum_u16(removed, old_len), old_len);
	s += csum_neg(csum_fold(removed)) + added;
	return csum_udp(csum_u16(csum_u16(s, new_len), new_len));
}

bool relay_trim_chained(struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	if (rte_pktmbuf_adj(m, (uint16_t)off) == NULL)
		return false;
	/* The tail may span segments: an empty last segment is legal and goes with its chain. */
	while (m->pkt_len > len) {
		struct rte_mbuf *last = rte_pktmbuf_lastseg(m);
		uint32_t n = RTE_MIN(m->pkt_len - len, (uint32_t)last->data_len);

		if (n == 0)
			return false;
		rte_pktmbuf_trim(m, (uint16_t)n);
		if (last->data_len == 0 && last != m) {
			struct rte_mbuf *s = m;

			while (s->next != last)
				s = s->next;
			s->next = NULL;
			m->nb_segs--;
			rte_pktmbuf_free_seg(last);
		}
	}
	return true;
}

/* A frame that fills its last buffer gets another one behind it. */
static bool relay_extend(struct worker *w, struct rte_mbuf *m)
{
	struct rte_mbuf *more = rte_pktmbuf_alloc(w->pool);

	if (more && rte_pktmbuf_chain(m, more) == 0)
		return true;
	rte_pktmbuf_free(more);
	return false;
}

/* Padding and FINGERPRINT behind the payload. The prefix is already in front. */
bool relay_suffix(struct worker *w, struct rte_mbuf *m, const struct relay_out *o, uint64_t *sum)
{
	uint16_t n = (uint16_t)(o->suffix_len + (o->fingerprint ? 8 : 0));
	uint32_t crc = 0, len = m->pkt_len;
	struct rte_mbuf *s;
	uint8_t *p;

	if (unlikely(rte_pktmbuf_tailroom(rte_pktmbuf_lastseg(m)) < n) && !relay_extend(w, m))
		return false;
	p = (uint8_t *)rte_pktmbuf_append(m, n);
	memset(p, 0, o->suffix_len);
	if (!o->fingerprint)
		return true;
	p += o->suffix_len;
	len += o->suffix_len;
	for (s = m; s && len; s = s->next) {
		uint32_t part = RTE_MIN((uint32_t)s->data_len, len);

		crc = stun_crc32(crc, rte_pktmbuf_mtod(s, uint8_t *), part);
		len -= part;
	}
	crc ^= STUN_FINGERPRINT_XOR;
	p[0] = STUN_ATTR_FINGERPRINT >> 8;
	p[1] = STUN_ATTR_FINGERPRINT & 0xff;
	p[2] = 0;
	p[3] = STUN_FINGERPRINT_LEN;
	memcpy(p + 4, be32_make(crc).b, 4);
	*sum = csum_bytes(*sum, p, 8);
	return true;
}

/* Looks up the next hop; false (and p->m gone) when there is none. *n NULL: loop inside. */
static bool relay_hop(struct worker *w, struct pkt *p, const struct relay_out *o, struct neigh **n)
{
	enum drop why;

	*n = neigh_find(w, &o->src->ip, &o->dst->ip, o->nh, &why);
	if (likely(*n != NULL)) {
		neigh_wanted(*n, o->src->port);
		return true;
	}
	if (*o->nh == NH_LOOP)
		return true;
	pkt_drop(w, p->m, why);
	return false;
}

void relay_loop(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src,
		const struct sock_addr *dst)
{
	count(w, CNT_RELAY_LOOPED);
	tx_loop(w, m, src, dst);
}

/* Too large for the link and not to be cut: its source hears how much fits. n NULL: no link. */
static bool relay_refuse(struct worker *w, struct pkt *p, const struct neigh *n, uint32_t size,
			 bool df)
{
	uint32_t overhead = size - p->l3_len - p->l4_len;

	if (likely(!n || !df || size <= n->mtu))
		return false;
	icmp_error(w, p, ICMP_WHY_TOO_BIG, (uint16_t)(n->mtu - overhead));
	pkt_drop(w, p->m, DROP_FRAG_NEEDED);
	return true;
}

/* IP and UDP headers in front of what m holds; csum is the one that came in. */
static bool relay_headers(struct worker *w, const struct pkt *p, const struct relay_out *o,
			  uint16_t csum, uint64_t added)
{
	uint16_t len = (uint16_t)(p->m->pkt_len + UDP_HDR);
	uint8_t l3_len = ip_hdr_len(&o->dst->ip);
	uint8_t *h = (uint8_t *)rte_pktmbuf_prepend(p->m, (uint16_t)(l3_len + UDP_HDR));
	struct ip_out ip = { .src = &o->src->ip,
			     .dst = &o->dst->ip,
			     .len = len,
			     .proto = IP_PROTO_UDP,
			     .tos = p->tos,
			     .ttl = (uint8_t)(p->ttl - 1),
			     .df = o->df };

	if (unlikely(h == NULL))
		return false;
	ip_write(w, h, &ip);
	h += l3_len;
	memcpy(h, o->src->port.b, 2);
	memcpy(h + 2, o->dst->port.b, 2);
	memcpy(h + 4, be16_make(len).b, 2);
	if (likely(csum != 0)) {
		csum = relay_csum(csum, o->csum_removed, p->l4_len, added, len);
	} else if (l3_len == IPV6_HDR) {
		/* IPv6 wants a checksum (RFC 8200 8.1) and the sender made none: make it here. */
		memset(h + 6, 0, 2);
		csum =
		    csum_udp(csum_mbuf(csum_pseudo(0, &o->src->ip, &o->dst->ip, IP_PROTO_UDP, len),
				       p->m, l3_len, len));
	}
	memcpy(h + 6, &csum, 2);
	return true;
}

bool relay_emit(struct worker *w, struct pkt *p, const struct relay_out *o)
{
	uint32_t start = (uint32_t)p->l2_len + p->l3_len;
	uint32_t size = ip_hdr_len(&o->dst->ip) + UDP_HDR + o->prefix_len + o->len + o->suffix_len +
			(o->fingerprint ? 8u : 0u);
	struct rte_mbuf *m = p->m;
	uint64_t added = o->csum;
	struct neigh *n;
	uint16_t csum;
	uint8_t *h;

	memcpy(&csum, rte_pktmbuf_mtod_offset(m, uint8_t *, start + 6), 2);
	if (unlikely(size > UINT16_MAX)) {
		pkt_drop(w, m, DROP_FRAG_NEEDED);
		return false;
	}
	if (unlikely(p->ttl <= 1)) {
		icmp_error(w, p, ICMP_WHY_TTL, 0);
		pkt_drop(w, m, DROP_IP_TTL);
		return false;
	}
	if (!relay_hop(w, p, o, &n) || relay_refuse(w, p, n, size, o->df))
		return false;
	trace_packet(w, TRACE_RELAYED, m);
	if (unlikely(!relay_trim(m, start + UDP_HDR + o->off, o->len))) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return false;
	}
	if (o->prefix_len) {
		/* Shorter than the headers that have just gone. */
		h = (uint8_t *)rte_pktmbuf_prepend(m, o->prefix_len);
		memcpy(h, o->prefix, o->prefix_len);
	}
	if (unlikely((o->suffix_len | o->fingerprint) && !relay_suffix(w, m, o, &added)) ||
	    unlikely(!relay_headers(w, p, o, csum, added))) {
		pkt_drop(w, m, DROP_NO_MBUF);
		return false;
	}
	if (unlikely(n == NULL)) {
		relay_loop(w, m, o->src, o->dst);
		return true;
	}
	return ip_send(w, n, m, o->df);
}

/*
 * May the packet be cut? From IPv4 its own DF says (RFC 8656 13.1, 14). From IPv6, where only the
 * sender cuts: to IPv6 no, unless it had been cut already (13.2); to IPv4 as a translator does it,
 * which is yes for what fits the minimum MTU of IPv6 (13.3, RFC 7915 5.1).
 */
bool relay_df(const struct pkt *p, const struct sock_addr *dst)
{
	if (!p->v6)
		return p->df;
	return !p->whole && (!ip_is_v4(&dst->ip) || p->l4_len > 1280 - IPV6_HDR);
}
