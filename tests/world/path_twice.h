/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_PATH_TWICE_H
#define FL_TESTS_PATH_TWICE_H

/*
 * Frames that come in twice, once where the short way may be taken and once where it may not: how
 * they are made and bent, and how what they led to is compared.
 */
#include "control.h"

enum {
	MTU = 1400,
	PAIRS = 4, /* of families: bit 0 the access side's, bit 1 the core's; set: IPv6 */
};

/* A number below n; bytes of which some are random. */
uint32_t any(uint32_t n);
void payload_make(uint8_t *p, uint32_t len);
/* Of things that stand in order, kinds of each pair: one of a pair, or of PAIRS: of any. */
uint32_t kind_any(uint32_t pair, uint32_t kinds);

/* Marks, hop limits and checksums for a frame to a port. */
struct frame_opt frame_opt_any(uint16_t port);
/* Lengths that agree and are too short for UDP, or just not; or a frame that is cut. */
void frame_shorten(struct frame *f);
/* What the right headers are not. */
void frame_alter(struct frame *f);
/* The link pads what is short. */
void frame_pad(struct frame *f);

/* Starts the world, once configured, with these tags. */
void twice_start(uint16_t vlan_access, uint16_t vlan_core);

/* What is compared. to_core: by the access port, else by the core's. */
struct twice {
	/* A frame of a pair of families, of PAIRS: of any. */
	void (*frame)(struct frame *f, uint32_t pair, bool to_core);
	/* One that passes, with this payload. */
	void (*plain)(struct frame *f, uint32_t pair, bool to_core, const void *payload, size_t len,
		      const struct frame_opt *o);
	/* Before frames come in, and after; allowed: the short way may be taken. */
	void (*before)(bool allowed);
	void (*after)(bool allowed); /* or NULL */
};

/*
 * Batches of each pair of families, and of all together: what goes out must be the same byte by
 * byte, each flow in its order, and every counter must have moved alike.
 */
void twice_any(const struct twice *t);
/*
 * A checksum that is computed to be 0 goes out as 0xffff (RFC 768), and what has none goes without
 * where it may (RFC 8200 8.1).
 */
void twice_zero(const struct twice *t);

/* Packets that took the short way. */
uint64_t relayed(void);

#endif
