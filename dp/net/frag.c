/* SPDX-License-Identifier: BSD-3-Clause */
#include "ip.h"
#include "neigh.h"

#include <rte_ip.h>
#include <rte_ip_frag.h>
#include <rte_malloc.h>
#include <rte_random.h>

enum {
	FRAG_BUCKET = 16,  /* entries of a bucket, as rte_ip_frag wants it */
	FRAG_PIECES = 128, /* pieces one packet is cut into at most: 64 KB at the smallest MTU */
	FRAG_ROUNDS = 4,   /* death rows emptied a tick */
	FRAG_HEAD = 0x46726167, /* in hash.usr of a fragment's first segment */
	IPV6_WALK_MAX = 8,	/* headers before a fragment header */
};
static_assert(RTE_LIBRTE_IP_FRAG_MAX_FRAG <= CONFIG_FRAGMENTS_EACH,
	      "the configuration sees to it that fragments leave packet buffers");

struct fragments {
	struct rte_ip_frag_tbl *table;
	struct rte_ip_frag_death_row death;
	uint32_t held; /* fragments in the table */
};

/*
 * Accounting. What the library gives up on comes on its death row, and what it could chain before
 * it gave up comes as one mbuf. So the first segment of each fragment is marked, and fragments
 * are counted by their marks.
 */
static void frag_mark(struct rte_mbuf *m)
{
	m->hash.usr = FRAG_HEAD;
	for (m = m->next; m; m = m->next)
		m->hash.usr = 0;
}

static uint32_t frag_marks(const struct rte_mbuf *m)
{
	uint32_t n = 0;

	for (; m; m = m->next)
		n += m->hash.usr == FRAG_HEAD;
	return n;
}

static bool chain_has(const struct rte_mbuf *chain, const struct rte_mbuf *m)
{
	while (chain && chain != m)
		chain = chain->next;
	return chain != NULL;
}

bool frag_create(struct worker *w, char *err, size_t errlen)
{
	const struct config_dataplane *c = &w->dp->conf->dataplane;
	uint32_t buckets = rte_align32pow2((c->fragments + FRAG_BUCKET - 1) / FRAG_BUCKET);

	w->frag = rte_zmalloc("fragments", sizeof(*w->frag), 64);
	if (w->frag)
		w->frag->table = rte_ip_frag_table_create(buckets, FRAG_BUCKET, c->fragments,
							  c->fragment_timeout_ms, SOCKET_ID_ANY);
	if (w->frag && w->frag->table)
		return true;
	snprintf(err, errlen, "%s: dataplane.fragments: no memory for %u packets in reassembly",
		 w->dp->conf->file, c->fragments);
	return false;
}

void frag_destroy(struct worker *w)
{
	if (!w->frag)
		return;
	if (w->frag->table)
		rte_ip_frag_table_destroy(w->frag->table);
	rte_free(w->frag);
	w->frag = NULL;
}

uint32_t frag_held(const struct worker *w)
{
	return w->frag->held;
}

/*
 * Empties the death row after m was given to the library (NULL: after housekeeping). m alone on
 * it found no room; with others, they cannot be put together; without it, they are too old.
 */
static void death_empty(struct worker *w, const struct rte_mbuf *m)
{
	struct fragments *f = w->frag;
	uint32_t i, n = 0;
	bool has_m = false;

	for (i = 0; i < f->death.cnt; i++) {
		n += frag_marks(f->death.row[i]);
		has_m = has_m || (m && chain_has(f->death.row[i], m));
	}
	if (n == 0)
		return;
	drop_n(w, !has_m ? DROP_FRAG_TIMEOUT : n > 1 ? DROP_FRAG_BAD : DROP_FRAG_FULL, n);
	f->held -= n;
	rte_ip_frag_free_death_row(&f->death, 0);
}

void frag_tick(struct worker *w)
{
	struct fragments *f = w->frag;
	uint32_t i, before = UINT32_MAX;

	for (i = 0; i < FRAG_ROUNDS && f->held && f->held != before; i++) {
		before = f->held;
		rte_ip_frag_table_del_expired_entries(f->table, &f->death, w->now_ms);
		death_empty(w, NULL);
	}
}

/* ---- in ---- */

/*
 * Pieces but the last must be a multiple of 8 long; none may reach past max bytes of payload
 * (ping of death). l3_len bytes of headers stand before len bytes of the piece.
 */
static bool piece_valid(struct rte_mbuf *m, uint32_t ofs, uint32_t len, bool more, uint32_t max)
{
	uint32_t whole = m->l2_len + m->l3_len + len;

	if (len == 0 || (more && len % 8) || ofs + len > max || m->pkt_len < whole)
		return false;
	/* What the link padded is not part of it. */
	return m->pkt_len == whole || rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - whole)) == 0;
}

static struct rte_mbuf *frag4_input(struct worker *w, struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, m->l2_len);
	uint32_t hdr_len = rte_ipv4_hdr_len(h), total = rte_be_to_cpu_16(h->total_length);
	uint16_t flags = rte_be_to_cpu_16(h->fragment_offset);
	struct rte_mbuf *out;

	m->l3_len = hdr_len;
	if (hdr_len < IPV4_HDR || total <= hdr_len ||
	    rte_pktmbuf_data_len(m) < m->l2_len + hdr_len ||
	    !piece_valid(m, (flags & RTE_IPV4_HDR_OFFSET_MASK) * 8u, total - hdr_len,
			 flags & RTE_IPV4_HDR_MF_FLAG, UINT16_MAX - hdr_len)) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return NULL;
	}
	w->frag->held++;
	out = rte_ipv4_frag_reassemble_packet(w->frag->table, &w->frag->death, m, w->now_ms, h);
	death_empty(w, m);
	if (out) {
		h = rte_pktmbuf_mtod_offset(out, struct rte_ipv4_hdr *, out->l2_len);
		h->hdr_checksum = 0;
		h->hdr_checksum = rte_ipv4_cksum(h);
	}
	return out;
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

/*
 * Takes n bytes out of m that stand after the link and IPv6 headers. They have been read, and the
 * library knows no other header than the fragment's.
 */
static void ipv6_squeeze(struct rte_mbuf *m, uint16_t n, uint8_t next)
{
	struct rte_ipv6_hdr *h = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, m->l2_len);

	h->proto = next;
	h->payload_len = rte_cpu_to_be_16((uint16_t)(rte_be_to_cpu_16(h->payload_len) - n));
	memmove(rte_pktmbuf_mtod_offset(m, uint8_t *, n), rte_pktmbuf_mtod(m, uint8_t *),
		m->l2_len + sizeof(*h));
	rte_pktmbuf_adj(m, n);
}

static struct rte_mbuf *frag6_input(struct worker *w, struct rte_mbuf *m)
{
	uint32_t at = frag6_find(m, (uint8_t)m->l2_len), len;
	struct rte_ipv6_fragment_ext *fh;
	struct rte_ipv6_hdr *h;
	struct rte_mbuf *out;
	uint16_t data;

	h = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, m->l2_len);
	len = rte_be_to_cpu_16(h->payload_len);
	if (at == 0 || len < at - IPV6_HDR + RTE_IPV6_FRAG_HDR_SIZE) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return NULL;
	}
	if (at > IPV6_HDR)
		ipv6_squeeze(m, (uint16_t)(at - IPV6_HDR), IPPROTO_FRAGMENT);
	h = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, m->l2_len);
	fh = (struct rte_ipv6_fragment_ext *)(h + 1);
	len = (uint32_t)rte_be_to_cpu_16(h->payload_len) - RTE_IPV6_FRAG_HDR_SIZE;
	data = rte_be_to_cpu_16(fh->frag_data);
	m->l3_len = sizeof(*h) + RTE_IPV6_FRAG_HDR_SIZE;
	if (!piece_valid(m, data & RTE_IPV6_EHDR_FO_MASK, len, RTE_IPV6_GET_MF(data), UINT16_MAX)) {
		pkt_drop(w, m, DROP_FRAG_BAD);
		return NULL;
	}
	w->frag->held++;
	if ((data & (RTE_IPV6_EHDR_FO_MASK | RTE_IPV6_EHDR_MF_MASK)) == 0) {
		/* Atomic (RFC 6946): whole already, whatever else is under way. */
		ipv6_squeeze(m, RTE_IPV6_FRAG_HDR_SIZE, fh->next_header);
		return m;
	}
	out = rte_ipv6_frag_reassemble_packet(w->frag->table, &w->frag->death, m, w->now_ms, h, fh);
	death_empty(w, m);
	return out;
}

/* Whether a packet put together is one: not longer than IP can say, no fragment inside again. */
static bool whole_valid(const struct rte_mbuf *m, uint8_t l2_len, bool v6)
{
	return v6 ? frag6_find(m, l2_len) == 0 : m->pkt_len - l2_len <= UINT16_MAX;
}

struct rte_mbuf *frag_input(struct worker *w, struct rte_mbuf *m, uint8_t l2_len, bool v6)
{
	struct rte_mbuf *out;
	uint32_t n;

	count(w, CNT_FRAG_IN);
	m->l2_len = l2_len;
	frag_mark(m);
	out = v6 ? frag6_input(w, m) : frag4_input(w, m);
	if (!out)
		return NULL;
	n = frag_marks(out);
	w->frag->held -= n;
	count_add(w, CNT_CONSUMED, n - 1);
	if (!whole_valid(out, l2_len, v6)) {
		pkt_drop(w, out, DROP_FRAG_BAD);
		return NULL;
	}
	count_add(w, CNT_REASSEMBLED, n > 1);
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
