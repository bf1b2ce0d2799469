/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_LIB_PCAPNG_H
#define FL_LIB_PCAPNG_H

/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), in the order of this machine's bytes. Each is
 * written into a caller's buffer and is at most as long as PCAPNG_BLOCK_MAX beside a packet's
 * bytes; texts are cut. Not DPDK's rte_pcapng: who writes the file does not link DPDK, and mbufs
 * are not there any more.
 */
#include <stddef.h>
#include <stdint.h>

enum pcapng_type {
	PCAPNG_SECTION = 0x0a0d0d0a,
	PCAPNG_INTERFACE = 1,
	PCAPNG_STATS = 5,
	PCAPNG_PACKET = 6,
};

enum { PCAPNG_TEXT_MAX = 512, PCAPNG_BLOCK_MAX = 1280 };

/* In front of each block; its length stands behind it once more. */
struct pcapng_head {
	uint32_t type; /* enum pcapng_type */
	uint32_t len;  /* bytes of the block, a multiple of 4 */
};

enum pcapng_way { PCAPNG_UNKNOWN, PCAPNG_IN, PCAPNG_OUT };

struct pcapng_packet {
	uint32_t interface; /* its number, in the order in which they were written */
	uint64_t ns;	    /* since 1970 */
	uint32_t len;	    /* of the frame */
	uint32_t n_bytes;   /* of these are here: */
	const uint8_t *bytes;
	enum pcapng_way way;
	const char *comment; /* NULL: none */
};

struct pcapng_stats {
	uint32_t interface;
	uint64_t ns, start_ns; /* since 1970: of these numbers, and of the first packet's chance */
	uint64_t packets;      /* of the interface that are in the file */
	uint64_t lost;	       /* that should be */
	const char *comment;   /* NULL: none */
};

/* All return the length. app writes the file; texts may be NULL. */
size_t pcapng_section(uint8_t *out, const char *app, const char *comment);
/* Of Ethernet. filter: the expression. */
size_t pcapng_interface(uint8_t *out, const char *name, const char *text, const char *filter,
			uint32_t snaplen);
size_t pcapng_packet(uint8_t *out, const struct pcapng_packet *p);
size_t pcapng_stats(uint8_t *out, const struct pcapng_stats *s);

/* The comment of a whole block, for who reads it; NULL: there is none, or it is cut short. */
const char *pcapng_comment(const uint8_t *block, size_t len, size_t body, size_t *n);

#endif
