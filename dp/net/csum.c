/* SPDX-License-Identifier: BSD-3-Clause */
#include "ip.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
/* Sanitizers do not live with what is chosen while a program is loaded. */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) || \
    __has_feature(undefined_behavior_sanitizer) || defined(FL_FUZZ)
#define BEST_OF_CPU
#else
#define BEST_OF_CPU __attribute__((target_clones("avx2", "default")))
#endif

/* Whole words into a sum too wide to overflow (RFC 1071 2 (B)): compilers make vectors of this. */
BEST_OF_CPU static uint64_t csum_long(const uint8_t *p, size_t words)
{
	return csum_words(0, p, words);
}

uint64_t csum_bytes(uint64_t s, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint16_t tail;

	s += csum_long(p, len / 4);
	p += len & ~(size_t)3;
	len &= 3;
	if (len >= 2) {
		memcpy(&tail, p, 2);
		s += tail;
		p += 2;
		len -= 2;
	}
	return len ? s + *p : s; /* the lower byte of a native word: little endian, see be.h */
}

uint64_t csum_mbuf(uint64_t s, const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	bool odd = false;

	for (; m && len; m = m->next) {
		uint32_t n = m->data_len;
		uint16_t part;

		if (off >= n) {
			off -= n;
			continue;
		}
		n = RTE_MIN(n - off, len);
		part = csum_fold(csum_bytes(0, rte_pktmbuf_mtod_offset(m, uint8_t *, off), n));
		/* A part that starts at an odd byte has its words the other way round. */
		s += odd ? __builtin_bswap16(part) : part;
		odd ^= n & 1;
		len -= n;
		off = 0;
	}
	return s;
}

bool pkt_l4_csum_ok(const struct worker *w, const struct pkt *p)
{
	uint32_t off = (uint32_t)p->l2_len + p->l3_len;
	const uint8_t *l4 = rte_pktmbuf_mtod_offset(p->m, const uint8_t *, off);
	uint64_t s = 0;

	(void)w;
	if (p->proto == IP_PROTO_TCP) {
		uint64_t said = p->m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

		/* NONE: it never left its machine, and the sender left the sum to a device. */
		if (said == RTE_MBUF_F_RX_L4_CKSUM_GOOD || said == RTE_MBUF_F_RX_L4_CKSUM_NONE)
			return true;
	}
	if (p->proto == IP_PROTO_UDP) {
		if ((p->m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
			return true;
		/* None at all is legal for IPv4 only (RFC 768, RFC 8200 8.1). */
		if ((l4[6] | l4[7]) == 0)
			return !p->v6;
	}
	if (p->proto != IP_PROTO_ICMP)
		s = csum_pseudo(0, &p->src, &p->dst, p->proto, p->l4_len);
	return csum_fold(csum_mbuf(s, p->m, off, p->l4_len)) == 0xffff;
}

void pkt_udp_csum_finish(struct pkt *p)
{
	uint32_t off = (uint32_t)p->l2_len + p->l3_len;
	uint8_t *sum = rte_pktmbuf_mtod_offset(p->m, uint8_t *, off + 6);
	uint64_t s = csum_pseudo(0, &p->src, &p->dst, IP_PROTO_UDP, p->l4_len);
	uint16_t done;

	memset(sum, 0, 2);
	done = csum_udp(csum_mbuf(s, p->m, off, p->l4_len));
	memcpy(sum, &done, 2);
	p->m->ol_flags &= ~RTE_MBUF_F_RX_L4_CKSUM_MASK;
	p->m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}
