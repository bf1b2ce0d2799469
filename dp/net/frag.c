/* SPDX-License-Identifier: BSD-3-Clause */
#include "frag_table.h"
#include "neigh.h"

#include <rte_ip.h>
#include <rte_ip_frag.h>
#include <rte_random.h>

enum {
	FRAG_OUT_MAX = 128, /* pieces one packet is cut into at most: 64 KB at the smallest MTU */
	IPV6_WALK_MAX = 8,  /* headers before a fragment header */
};

/* A fragment that has been read. */
struct fragment {
	struct frag_key key;
	struct frag_span span;
	bool last;
};

/* ---- in ---- */

/*
 * Reads where len bytes of payload, which stand after l3_len bytes of headers, belong. Pieces but
 * the last must be a multiple of 8 long; none may reach past max bytes of payload (ping of death).
 */
static bool span_read(struct rte_mbuf *m, struct fragment *fr, uint32_t from, uint32_t len,
		      uint32_t max)
{
	uint32_t whole = m->l2_len + m->l3_len + len;

	if (len == 0 || (!fr->last && len % 8) || from + len > max || m->pkt_len < whole)
		return false;
	fr->span = (struct frag_span){ (uint16_t)from, (uint16_t)(from + len) };
	/* What the link padded is not part of it. */
	return m->pkt_len == whole || rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - whole)) == 0;
}

static bool frag4_read(struct rte_mbuf *m, struct fragment *fr)
{
	const struct rte_ipv4_hdr *h =
	    rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, m->l2_len);
	uint32_t hdr_len = rte_ipv4_hdr_len(h), total = rte_be_to_cpu_16(h->total_length);
	uint16_t flags = rte_be_to_cpu_16(h->fragment_offset);
	const struct ipv4 *ip = (const struct ipv4 *)h;

	m->l3_len = hdr_len;
	if (hdr_len < IPV4_HDR || total <= hdr_len || rte_pktmbuf_data_len(m) < m->l2_len + hdr_len)
		return false;
	fr->key = (struct frag_key){ ip_from_v4(ip->src), ip_from_v4(ip->dst), h->packet_id,
				     h->next_proto_id };
	fr->last = !(flags & RTE_IPV4_HDR_MF_FLAG);
	return span_read(m, fr, (flags & RTE_IPV4_HDR_OFFSET_MASK) * 8u, total - hdr_len,
			 UINT16_MAX - hdr_len);
}

/* Offset of the fragment header from the IPv6 header (RFC 8200 4.1), 0 if there is none. */
static uint32_t frag6_find(const struct rte_mbuf *m, uint8_t l2_len)
{
	const uint8_t *h = rte_pktmbuf_mtod_offset(m, const uint8_t *, l2_len);
	uint32_t off = IPV6_HDR, room = rte_pktmbuf_data_len(m) - l2_len, i;
	uint8_t next;

	if (room < IPV6_HDR)
		return 0;
	next = h[6];
	for (i = 0; i < IPV6_WALK_MAX && off + RTE_IPV6_FRAG_HDR_SIZE <= room; i++) {
		if (next == IPPROTO_FRAGMENT)
			return off;
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS && next != IPPROTO_ROUTING)
			return 0;
		next = h[off];
		off += (h[off + 1] + 1u) * 8u;
	}
	return 0;
}

/* Takes n bytes out of m that stand after the link and IPv6 headers: they have been read. */
static void ipv6_squeeze(struct rte_mbuf *m, uint16_t n, uint8_t next)
{
	struct rte_ipv6_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, m->l2_len);

	h->proto = next;
	h->payload_len = rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(h->payload_len) - n));
	memmove(rte_pktmbuf_mtod_offset(m, uint8_t *, n), rte_pktmbuf_mtod(m, uint8_t *),
		m->l2_len + sizeof(*h));
	rte_pktmbuf_adj(m, n);
}

/* Leaves the fragment header right behind the IPv6 header. */
static bool frag6_read(struct rte_mbuf *m, struct fragment *fr)
{
	const struct ipv6 *h = rte_pktmbuf_mtod_offset(m, const struct ipv6 *, m->l2_len);
	uint32_t at = frag6_find(m, (uint8_t)m->l2_len), len = be16_get(h->len);
	const struct rte_ipv6_fragment_ext *fh;
	uint16_t data;

	if (at == 0 || len < at - IPV6_HDR + RTE_IPV6_FRAG_HDR_SIZE)
		return false;
	if (at > IPV6_HDR)
		ipv6_squeeze(m, (uint16_t)(at - IPV6_HDR), IPPROTO_FRAGMENT);
	h = rte_pktmbuf_mtod_offset(m, const struct ipv6 *, m->l2_len);
	fh = (const struct rte_ipv6_fragment_ext *)(h + 1);
	data = rte_be_to_cpu_16(fh->frag_data);
	m->l3_len = IPV6_HDR + RTE_IPV6_FRAG_HDR_SIZE;
	fr->key = (struct frag_key){ h->src, h->dst, fh->id, 0 };
	fr->last = !RTE_IPV6_GET_MF(data);
	return span_read(m, fr, data & RTE_IPV6_EHDR_FO_MASK,
			 be16_get(h->len) - (uint32_t)RTE_IPV6_FRAG_HDR_SIZE, UINT16_MAX);
}

/*
 * Puts m to its place in d. False when it overlaps with another, copies included, or ends before
 * or lies behind the end: then nothing of d is used (RFC 5722 4; of IPv4 as well, RFC 1858 4).
 */
static bool datagram_add(struct datagram *d, struct rte_mbuf *m, const struct fragment *fr)
{
	const struct frag_span *s = &fr->span;
	uint32_t i = d->n;

	/* Most come in order: from behind. */
	while (i && d->span[i - 1].from > s->from)
		i--;
	if (d->n == FRAG_PIECES_MAX || (i && d->span[i - 1].to > s->from) ||
	    (i < d->n ? fr->last || d->span[i].from < s->to : d->last))
		return false;
	memmove(&d->span[i + 1], &d->span[i], sizeof(d->span[0]) * (d->n - i));
	memmove(&d->piece[i + 1], &d->piece[i], sizeof(d->piece[0]) * (d->n - i));
	d->span[i] = *s;
	d->piece[i] = m;
	d->n++;
	d->bytes += s->to - s->from;
	d->last |= fr->last;
	return true;
}

/* They are disjoint: as many bytes as the last one says have no gap. */
static bool datagram_whole(const struct datagram *d)
{
	return d->last && d->bytes == d->span[d->n - 1].to;
}

/* The fragments in order as one packet, whose first headers are yet to be made the whole's. */
static struct rte_mbuf *datagram_chain(const struct datagram *d)
{
	uint32_t i;

	for (i = d->n - 1u; i > 0; i--) {
		rte_pktmbuf_adj(d->piece[i], (uint16_t)(d->piece[i]->l2_len + d->piece[i]->l3_len));
		rte_pktmbuf_chain(d->piece[i - 1], d->piece[i]);
	}
	return d->piece[0];
}

/* Makes the first fragment's headers those of len bytes of payload (RFC 791 3.2, RFC 8200 4.5). */
static void whole_finish(struct rte_mbuf *m, bool v6, uint32_t len)
{
	const struct rte_ipv6_fragment_ext *fh;
	struct rte_ipv4_hdr *h;

	if (v6) {
		fh = rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_fragment_ext *,
					     m->l2_len + IPV6_HDR);
		ipv6_squeeze(m, RTE_IPV6_FRAG_HDR_SIZE, fh->next_header);
		rte_pktmbuf_mtod_offset(m, struct ipv6 *, m->l2_len)->len =
		    be16_make((uint16_t)len);
		return;
	}
	h = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, m->l2_len);
	h->total_length = rte_cpu_to_be_16((uint16_t)(m->l3_len + len));
	h->fragment_offset &= rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
	h->hdr_checksum = 0;
	h->hdr_checksum = rte_ipv4_cksum(h);
}

/* Whether a packet put together is one: not longer than IP can say, no fragment inside again. */
static bool whole_valid(const struct rte_mbuf *m, uint8_t l2_len, bool v6)
{
	return v6 ? frag6_find(m, l2_len) == 0 : m->pkt_len - l2_len <= UINT16_MAX;
}

/* Puts a fragment to its siblings. Returns the whole packet, or NULL when there is none. */
static struct rte_mbuf *frag_add(struct worker *w, struct rte_mbuf *m, const struct fragment *fr)
{
	uint32_t buffers = m->nb_segs;
	struct datagram *d;

	frag_table_room(w, buffers);
	d = frag_table_get(w, &fr->key);
	if (!d->broken && !datagram_add(d, m, fr))
		frag_table_break(w, d);
	if (d->broken) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return NULL;
	}
	frag_table_charge(w, d, buffers);
	if (!datagram_whole(d))
		return NULL;
	count_add(w, CNT_CONSUMED, d->n - 1u);
	m = datagram_chain(d);
	frag_table_end(w, d);
	return m;
}

struct rte_mbuf *frag_input(struct worker *w, struct rte_mbuf *m, uint8_t l2_len, bool v6)
{
	struct fragment fr;
	bool atomic;

	count(w, CNT_FRAG_IN);
	m->l2_len = l2_len;
	if (m->nb_segs > FRAG_PIECES_MAX || !(v6 ? frag6_read(m, &fr) : frag4_read(m, &fr))) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return NULL;
	}
	/* Whole already, whatever else is under way (RFC 6946 4). */
	atomic = fr.last && fr.span.from == 0;
	if (!atomic && !(m = frag_add(w, m, &fr)))
		return NULL;
	whole_finish(m, v6, m->pkt_len - m->l2_len - m->l3_len);
	if (!whole_valid(m, l2_len, v6)) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return NULL;
	}
	count_add(w, CNT_REASSEMBLED, !atomic);
	/* What the port said was of the first fragment. */
	m->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK);
	return m;
}

/* ---- out ---- */

/* The library leaves checksums to the port and the identification of IPv6 at zero. */
static void frag_finish(struct rte_mbuf *m, bool v6, uint32_t id)
{
	struct rte_ipv4_hdr *h = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);
	struct rte_ipv6_fragment_ext *fh;

	m->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
	if (v6) {
		fh = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_fragment_ext *, IPV6_HDR);
		fh->id = id;
	} else {
		h->hdr_checksum = 0;
		h->hdr_checksum = rte_ipv4_cksum(h);
	}
}

void frag_send(struct worker *w, struct neigh *n, struct rte_mbuf *m)
{
	struct rte_mbuf *piece[FRAG_OUT_MAX];
	bool v6 = !ip_is_v4(&n->ip);
	uint32_t id = (uint32_t)rte_rand();
	int32_t k, i;

	/* Headers go into direct buffers, payload is referred to: both from the worker's pool. */
	if (v6)
		k = rte_ipv6_fragment_packet(m, piece, FRAG_OUT_MAX, n->mtu, w->pool, w->pool);
	else
		k = rte_ipv4_fragment_packet(m, piece, FRAG_OUT_MAX, n->mtu, w->pool, w->pool);
	if (k < 0) {
		pkt_drop(w, m, DROP_FRAG_FAILED);
		return;
	}
	count_add(w, CNT_MADE, (uint64_t)k);
	count_add(w, CNT_FRAG_OUT, (uint64_t)k);
	for (i = 0; i < k; i++) {
		frag_finish(piece[i], v6, id);
		neigh_send(w, n, piece[i]);
	}
	pkt_consume(w, m);
}
