/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_IPSEC_IPSEC_INT_H
#define FL_DP_IPSEC_IPSEC_INT_H

/* For this folder alone. */
#include "ipsec.h"
#include "../cipher/cipher.h"
#include "../../lib/esp.h"

#include <rte_hash.h>
#include <rte_prefetch.h>

enum {
	IPSEC_ELSEWHERE = 32, /* packets a second that are opened though they come from elsewhere */
	IPSEC_NONE = UINT32_MAX,
	SPENT_TELL = 1, /* of ipsec_phone.spent: the control process is to hear, */
	SPENT_TOLD,	/* or has heard */
};

struct ipsec_lane {
	uint64_t seq; /* of the last packet that was sent; 0: none was */
	uint32_t spi_in, spi_out;
	struct be16 local, remote;
	struct esp_window window;
};

/* The associations with one phone. gen 0: the slot is free. */
struct ipsec_phone {
	uint32_t gen, expiry, epoch;
	uint64_t user;	/* the control process' own */
	uint16_t flags; /* enum ctl_ipsec_flags */
	uint8_t transform, n_lanes;
	struct ip_addr local, inner;
	struct sock_addr outer;
	bool used, told_used; /* a packet of theirs came, and the control process has heard that */
	bool moved;	      /* which it is to hear */
	uint8_t spent;	      /* no more numbers: it is to hear, or has heard */
	uint8_t
	    elsewhere[2]; /* packets from another port, or address, in the second `elsewhere_s` */
	uint32_t elsewhere_s, heard_s, sent_s;
	uint32_t nh; /* cached next hop of what is outside */
	uint64_t iv; /* of AES-GCM and AES-GMAC: the next, never the same with these keys */
	uint64_t packets_in, bytes_in, packets_out, bytes_out, dropped;
	struct ipsec_lane lane[CTL_IPSEC_LANES];
	alignas(CIPHER_LINE) uint8_t key[CIPHER_LINE + CIPHER_CBC_STATE]; /* struct cipher_key */
} __rte_cache_aligned;

_Static_assert(sizeof(struct ipsec_phone) == 832, "bytes a phone, see doc/arch/ipsec.md");

/* By where a packet goes: an address of a phone's and one of its ports, or any. */
struct ipsec_to {
	struct ip_addr ip;
	struct be16 port; /* 0: any */
	uint16_t zero;
};

/* A packet that is to be sealed. */
struct ipsec_out {
	struct rte_mbuf *m;
	struct ipsec_phone *phone;
	uint32_t esp_at; /* from the IP header */
	struct esp_packet at;
	uint8_t aad[12];
};

struct ipsec {
	struct ipsec_phone *phone; /* [max] */
	struct rte_hash *to;	   /* struct ipsec_to to slot << 1 | lane */
	struct cipher *cipher;
	uint32_t max, n, tick_at;
	uint32_t sweep; /* phones to be looked at still, whether the replay named them */
	uint64_t tick_ms;
	struct siphash_key iv_key; /* of IVs for CBC */
	uint64_t iv_count;
	uint16_t n_out;
	struct ipsec_out out[TX_BATCH];
	struct cipher_op op[TX_BATCH];
};
_Static_assert((int)TX_BATCH <= (int)CIPHER_BURST, "one burst of the cipher");

/* The phone of an SPI of ours; NULL: it has none that lives. *lane: which. */
struct ipsec_phone *ipsec_by_spi(struct worker *w, uint32_t spi, uint32_t *lane);

/* Where packets to a phone's address and port go; NULL: no phone is there. */
struct ipsec_phone *ipsec_by_remote(struct worker *w, const struct ip_addr *ip, struct be16 port,
				    uint32_t *lane);

/*
 * Sends a packet (data at the IP header) as it is, by the way that *nh has cached, between these
 * two addresses; df: in one piece. Takes m.
 */
void ipsec_plain(struct worker *w, struct rte_mbuf *m, const struct ip_addr *src,
		 const struct ip_addr *dst, uint32_t *nh, bool df);

/* What is to a phone's ports goes by its newest associations, once it has used them. */
void ipsec_claim(struct worker *w, struct ipsec_phone *p);

/*
 * What the cipher is to do with a packet of ESP at p: its tag is behind the text. aad: 12 bytes
 * that last until it is done. Sealed: with ESN the upper half of the number is where the tag will
 * be; opened: op->tag has the tag then.
 */
void ipsec_op(struct cipher_op *op, struct ipsec_phone *phone, uint8_t *p,
	      const struct esp_packet *at, uint64_t seq, uint8_t aad[12]);

/* Whether what is between a port of ours and an address of theirs goes by ESP or not at all. */
bool ipsec_wants(const struct worker *w, struct be16 ours, const struct ip_addr *theirs);

/* Whether what is sent from that port is this lane's, whose other port fits. */
static inline bool ipsec_lane_takes(const struct ipsec_lane *l, const struct be16 *from)
{
	return be16_get(l->local) == 0 || memcmp(&l->local, from, sizeof(*from)) == 0;
}

static inline struct cipher_key *ipsec_key(struct ipsec_phone *p)
{
	return (struct cipher_key *)p->key;
}

/* All lines of a phone at once: of many phones hardly one is in a cache. */
static inline void ipsec_prefetch(const struct ipsec_phone *p)
{
	for (size_t at = 0; at < sizeof(*p); at += RTE_CACHE_LINE_SIZE)
		rte_prefetch0((const uint8_t *)p + at);
}

static inline bool ipsec_lives(const struct worker *w, const struct ipsec_phone *p)
{
	return p->gen && p->expiry > w->now;
}

#endif
