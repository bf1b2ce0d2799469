/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_RTCP_H
#define FL_LIB_RTCP_H

/*
 * RTCP (RFC 3550 6) and extended reports (RFC 3611) read: what hosts tell of how they hear each
 * other. Bounded: of each list the first few are kept, whatever else there is. SRTCP is none: its
 * lengths do not add up.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RTCP_SR = 200,
	RTCP_RR = 201,
	RTCP_BYE = 203,
	RTCP_XR = 207,
	RTCP_HDR = 4,
	RTCP_BLOCKS_MAX = 8,   /* kept of a compound */
	RTCP_DLRR_MAX = 4,     /* likewise */
	RTCP_PACKETS_MAX = 32, /* in a compound that is read */
	RTCP_NO_MOS = 127,
};

/* A report block (RFC 3550 6.4.1). */
struct rtcp_block {
	uint32_t ssrc;	    /* whom it is about */
	uint8_t fraction;   /* lost since the last report, of 256 */
	int32_t lost;	    /* so far */
	uint32_t highest;   /* extended sequence number */
	uint32_t jitter;    /* in units of the source's timestamps */
	uint32_t lsr, dlsr; /* last SR and how long ago, 1/65536 s; lsr 0: there was none */
};

/* A sub-block of DLRR (RFC 3611 4.5): lsr and dlsr for who sends no media. */
struct rtcp_dlrr {
	uint32_t ssrc, lrr, dlrr;
};

/* The VoIP metrics block (RFC 3611 4.7), as far as it is of use to others. */
struct rtcp_voip {
	uint32_t ssrc;	       /* whom it is about */
	uint8_t loss, discard; /* of 256 */
	uint8_t burst_density, gap_density;
	uint16_t burst_ms, gap_ms, rtt_ms, delay_ms;
	uint8_t r;		/* 127: not known */
	uint8_t mos_lq, mos_cq; /* tenths; RTCP_NO_MOS */
};

struct rtcp {
	uint32_t ssrc; /* who reports: of the first packet */
	bool sr;
	uint64_t ntp; /* with sr */
	uint32_t n_block;
	struct rtcp_block block[RTCP_BLOCKS_MAX];
	bool rrtr; /* a receiver's reference time (RFC 3611 4.4) */
	uint64_t rrtr_ntp;
	uint32_t n_dlrr;
	struct rtcp_dlrr dlrr[RTCP_DLRR_MAX];
	bool voip;
	struct rtcp_voip voip_metrics;
	bool bye;
};

/*
 * Reads a compound, or a packet alone (RFC 5506). False: it is none by RFC 3550 A.2, lengths of
 * packets within included, or there are too many; *r is then of no meaning.
 */
bool rtcp_parse(const void *p, size_t len, struct rtcp *r);

/* The middle of an NTP time, as LSR and LRR have it. */
static inline uint32_t rtcp_middle(uint64_t ntp)
{
	return (uint32_t)(ntp >> 16);
}

#endif
