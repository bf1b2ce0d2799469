/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_SEGMENT_H
#define FL_TESTS_SEGMENT_H

/* TCP segments in frames (packet.h), for whoever is at the other end of a connection. */
#include "packet.h"

enum {
	FIN = 1 << 0,
	SYN = 1 << 1,
	RST = 1 << 2,
	PSH = 1 << 3,
	ACK = 1 << 4,
	URG = 1 << 5,
	ECE = 1 << 6,
	CWR = 1 << 7,
};
enum {
	PROTO_TCP = 6,
	SEGMENT_HDR_MAX = 60,
};

struct segment {
	struct sock_addr src, dst;
	uint32_t seq, ack; /* as they stand */
	uint16_t wnd, urg;
	uint8_t flags;
	const uint8_t *opt; /* opt_len a multiple of 4 */
	uint8_t opt_len;
	const uint8_t *data;
	uint32_t len;
	uint8_t tos; /* read only; see struct frame_opt */
	bool df;     /* the same */
	/* Written only: lies. */
	uint8_t off; /* data offset in words; 0: the right one */
	uint8_t cut; /* bytes the packet is shorter */
};

/* Comes in at a port; its checksum is as o says. */
void frame_tcp(struct frame *f, uint16_t port, const struct segment *s, const struct frame_opt *o);
/* False: a frame of another protocol. Else headers, lengths and checksums must be right. */
bool segment_read(const struct frame *f, struct segment *s);

#endif
