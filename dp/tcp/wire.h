/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TCP_WIRE_H
#define FL_DP_TCP_WIRE_H

/* TCP segments: header, options in and out (RFC 9293 3.1, 3.2; RFC 7323; RFC 2018). */
#include "../../lib/be.h"
#include "../../lib/cursor.h"

enum {
	TCP_HDR = 20,
	TCP_HDR_MAX = 60,
	TCP_SACK_MAX = 4,      /* blocks of one option */
	TCP_WSCALE_MAX = 14,   /* RFC 7323 2.3 */
	TCP_MSS_DEFAULT = 536, /* RFC 9293 3.7.1 */
	TCP_MSS_DEFAULT_V6 = 1220,
	TCP_MSS_MIN = 64, /* what a smaller option is taken for */
	TCP_TS_LEN = 12,  /* timestamps with the padding they always have here */
};

enum tcp_flag {
	TCP_FIN = 1 << 0,
	TCP_SYN = 1 << 1,
	TCP_RST = 1 << 2,
	TCP_PSH = 1 << 3,
	TCP_ACK = 1 << 4,
	TCP_URG = 1 << 5,
	TCP_ECE = 1 << 6,
	TCP_CWR = 1 << 7,
};

struct tcp_hdr {
	struct be16 sport, dport;
	struct be32 seq, ack;
	uint8_t off; /* upper four bits: header's length in words */
	uint8_t flags;
	struct be16 wnd;
	uint16_t csum; /* as on the wire */
	struct be16 urg;
};
_Static_assert(sizeof(struct tcp_hdr) == TCP_HDR, "wire format");

struct tcp_sack_block {
	uint32_t start, end; /* [start, end) */
};

/* A segment, parsed. All in host order. */
struct tcp_seg {
	uint32_t seq, ack;
	uint32_t wnd;	 /* as it stands, not scaled */
	uint16_t len;	 /* bytes of data */
	uint8_t hdr_len; /* with options */
	uint8_t flags;
	bool has_ts, has_mss, has_wscale, sack_ok;
	uint8_t wscale;
	uint8_t n_sack;
	uint16_t mss;
	uint32_t tsval, tsecr;
	struct tcp_sack_block sack[TCP_SACK_MAX];
};

/*
 * Parses the l4_len bytes of a segment, of which the first `room` stand at p; options never run
 * past that. False if the length of the header is invalid, or an option runs past the end (MUST-68:
 * or is shorter than its own two bytes). Unknown options are skipped, and known ones of another
 * length than theirs; of those known the first counts. Window scale is cut to TCP_WSCALE_MAX.
 */
bool tcp_parse(struct tcp_seg *s, const uint8_t *p, uint32_t room, uint32_t l4_len);

/* Bytes of sequence space. */
static inline uint32_t tcp_seg_seqs(const struct tcp_seg *s)
{
	return s->len + ((s->flags & TCP_SYN) != 0) + ((s->flags & TCP_FIN) != 0);
}

/*
 * Whether a segment has one of the flags that every segment of a connection has, or begins or ends
 * one with (RFC 9293 3.10.7.4: without them it is dropped); nobody's gets its RST all the same
 * (3.10.7.1).
 */
static inline bool tcp_seg_says(const struct tcp_seg *s)
{
	return s->flags & (TCP_SYN | TCP_ACK | TCP_RST);
}

/* What a segment of ours carries beside data. */
struct tcp_out_opts {
	bool ts, sack_ok, wscale_ok;
	uint16_t mss;	/* 0: none */
	uint8_t wscale; /* with wscale_ok */
	uint8_t n_sack;
	uint32_t tsval, tsecr;
	struct tcp_sack_block sack[TCP_SACK_MAX];
};

/* Bytes these options take, a multiple of 4. SACK blocks that do not fit are not counted. */
uint8_t tcp_opts_len(const struct tcp_out_opts *o);
/* Writes them at p; returns tcp_opts_len(). */
uint8_t tcp_opts_write(uint8_t *p, const struct tcp_out_opts *o);

#endif
