/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_RSS_H
#define FL_DP_RSS_H

/*
 * Which queue a port's RSS picks for a five-tuple, in software. Fragments reach the queue of their
 * addresses alone; once whole, a client's datagram belongs to the worker its other datagrams reach.
 */
#include "../lib/addr.h"

#include <stdalign.h>

enum {
	RSS_KEY_MAX = 64,    /* bytes; devices have 40 or 52 */
	RSS_RETA_MAX = 2048, /* entries of the indirection table */
};

struct rss {
	alignas(4) uint8_t key[RSS_KEY_MAX]; /* read as words by rte_softrss() */
	uint16_t reta[RSS_RETA_MAX];
	uint16_t reta_size; /* a power of two; 0: the device does not tell, or has no RSS */
};

/* Reads the device's key and table. What it does not tell leaves reta_size 0. */
void rss_read(struct rss *r, uint16_t ethdev);

/* Toeplitz hash of a UDP five-tuple, addresses of one family. */
uint32_t rss_hash(const struct rss *r, const struct sock_addr *src, const struct sock_addr *dst);

static inline uint16_t rss_queue(const struct rss *r, const struct sock_addr *src,
				 const struct sock_addr *dst)
{
	return r->reta[rss_hash(r, src, dst) & (r->reta_size - 1)];
}

#endif
