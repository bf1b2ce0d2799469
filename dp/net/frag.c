/* SPDX-License-Identifier: BSD-3-Clause */
#include "ip.h"
#include "neigh.h"

#include <rte_ip.h>
#include <rte_ip_frag.h>
#include <rte_malloc.h>
#include <rte_random.h>

enum {
	FRAG_BUCKET = 16,     /* entries of a bucket, as rte_ip_frag wants it */
	FRAG_PIECES = 64,     /* pieces one packet is cut into at most: 64 KB at the smallest MTU */
	DEATH_PREFETCH = 3,
};

struct fragments {
	struct rte_ip_frag_tbl *table;
	struct rte_ip_frag_death_row death;
	uint32_t held; /* fragments in the table */
};

bool frag_create(struct worker *w, char *err, size_t errlen)
{
	const struct config_dataplane *c = &w->dp->conf->dataplane;
	uint64_t cycles = (uint64_t)(w->dp->tsc_per_us * 1000.0 * c->fragment_timeout_ms);
	uint32_t buckets = rte_align32pow2((c->fragments + FRAG_BUCKET - 1) / FRAG_BUCKET);

	w->frag = rte_zmalloc("fragments", sizeof(*w->frag), 64);
	if (w->frag)
		w->frag->table = rte_ip_frag_table_create(buckets, FRAG_BUCKET, c->fragments, cycles,
							  SOCKET_ID_ANY);
	if (w->frag && w->frag->table)
		return true;
	snprintf(err, errlen, "%s: dataplane.fragments: no memory for %u packets in reassembly",
		 w->dp->conf->file, c->fragments);
	return false;
}

/* What the library gave up on: timed out, or pushed out, or not to be put together. */
static void death_empty(struct worker *w, enum drop reason)
{
	struct fragments *f = w->frag;

	if (f->death.cnt == 0)
		return;
	drop_n(w, reason, f->death.cnt);
	f->held -= f->death.cnt;
	rte_ip_frag_free_death_row(&f->death, DEATH_PREFETCH);
}

static void frag_expire(struct worker *w)
{
	rte_ip_frag_table_del_expired_entries(w->frag->table, &w->frag->death, w->tsc);
	death_empty(w, DROP_FRAG_TIMEOUT);
}

void frag_destroy(struct worker *w)
{
	if (!w->frag)
		return;
	rte_ip_frag_table_destroy(w->frag->table);
	rte_free(w->frag);
	w->frag = NULL;
}

uint32_t frag_held(const struct worker *w)
{
	return w->frag->held;
}

void frag_tick(struct worker *w)
{
	if (w->frag->held)
		frag_expire(w);
}

/* An IPv6 packet's fragment header, if it directly follows the fixed header; else NULL. */
static struct rte_ipv6_fragment_ext *frag6_header(struct rte_mbuf *m, uint8_t l2_len)
{
	struct rte_ipv6_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, l2_len);

	if (rte_pktmbuf_data_len(m) < l2_len + sizeof(*h) + RTE_IPV6_FRAG_HDR_SIZE ||
	    h->proto != IPPROTO_FRAGMENT)
		return NULL;
	return (struct rte_ipv6_fragment_ext *)(h + 1);
}

/* Pieces but the last must be a multiple of 8 long; none may reach past 65,535 (ping of death). */
static bool piece_valid(uint32_t ofs, uint32_t len, bool more)
{
	return len > 0 && !(more && len % 8) && ofs + len <= UINT16_MAX - IPV6_HDR;
}

static struct rte_mbuf *frag4_input(struct worker *w, struct rte_mbuf *m, uint64_t now)
{
	struct rte_ipv4_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, m->l2_len);
	uint16_t flags = rte_be_to_cpu_16(h->fragment_offset);
	uint32_t len = rte_be_to_cpu_16(h->total_length) - rte_ipv4_hdr_len(h);
	struct rte_mbuf *out;

	m->l3_len = rte_ipv4_hdr_len(h);
	if (!piece_valid((flags & RTE_IPV4_HDR_OFFSET_MASK) * 8u, len, flags & RTE_IPV4_HDR_MF_FLAG)) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return NULL;
	}
	w->frag->held++;
	out = rte_ipv4_frag_reassemble_packet(w->frag->table, &w->frag->death, m, now, h);
	if (out) {
		h = rte_pktmbuf_mtod_offset(out, struct rte_ipv4_hdr *, out->l2_len);
		h->hdr_checksum = 0;
		h->hdr_checksum = rte_ipv4_cksum(h);
	}
	return out;
}

static struct rte_mbuf *frag6_input(struct worker *w, struct rte_mbuf *m, uint64_t now)
{
	struct rte_ipv6_fragment_ext *fh = frag6_header(m, (uint8_t)m->l2_len);
	struct rte_ipv6_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, m->l2_len);
	uint32_t len;
	uint16_t data;

	if (!fh || rte_be_to_cpu_16(h->payload_len) < RTE_IPV6_FRAG_HDR_SIZE) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return NULL;
	}
	data = rte_be_to_cpu_16(fh->frag_data);
	len = (uint32_t)rte_be_to_cpu_16(h->payload_len) - RTE_IPV6_FRAG_HDR_SIZE;
	m->l3_len = sizeof(*h) + RTE_IPV6_FRAG_HDR_SIZE;
	if (!piece_valid(data & RTE_IPV6_EHDR_FO_MASK, len, RTE_IPV6_GET_MF(data))) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return NULL;
	}
	if ((data & (RTE_IPV6_EHDR_FO_MASK | RTE_IPV6_EHDR_MF_MASK)) == 0) {
		/* Atomic (RFC 6946): whole already, whatever else is under way. */
		h->proto = fh->next_header;
		h->payload_len = rte_cpu_to_be_16((uint16_t)len);
		memmove(rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_IPV6_FRAG_HDR_SIZE),
			rte_pktmbuf_mtod(m, uint8_t *), m->l2_len + sizeof(*h));
		rte_pktmbuf_adj(m, RTE_IPV6_FRAG_HDR_SIZE);
		w->frag->held++;
		return m;
	}
	w->frag->held++;
	return rte_ipv6_frag_reassemble_packet(w->frag->table, &w->frag->death, m, now, h, fh);
}

struct rte_mbuf *frag_input(struct worker *w, struct rte_mbuf *m, uint8_t l2_len, bool v6)
{
	struct rte_mbuf *out;

	count(w, CNT_FRAG_IN);
	/* The library chains whole segments; a chained fragment is more than it can hold. */
	if (m->nb_segs > 1) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return NULL;
	}
	m->l2_len = l2_len;
	/* Old packets first, so that what the library then gives up on is this one's fault. */
	frag_expire(w);
	out = v6 ? frag6_input(w, m, w->tsc) : frag4_input(w, m, w->tsc);
	death_empty(w, DROP_FRAG_BAD);
	if (!out)
		return NULL;
	w->frag->held -= out->nb_segs;
	count_add(w, CNT_CONSUMED, out->nb_segs - 1u);
	count(w, CNT_REASSEMBLED);
	/* What the port said was of the first fragment; what the library says is for ports' TX. */
	out->ol_flags &= ~(RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK |
			   RTE_MBUF_F_TX_OFFLOAD_MASK);
	return out;
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
	struct rte_mbuf *piece[FRAG_PIECES];
	bool v6 = !ip_is_v4(&n->ip);
	uint32_t id = (uint32_t)rte_rand();
	int32_t k, i;

	/* Headers go into direct buffers, payload is referred to: both from the worker's pool. */
	if (v6)
		k = rte_ipv6_fragment_packet(m, piece, FRAG_PIECES, n->mtu, w->pool, w->pool);
	else
		k = rte_ipv4_fragment_packet(m, piece, FRAG_PIECES, n->mtu, w->pool, w->pool);
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
