/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_TAP_H
#define FL_DP_TAP_H

/*
 * Ports that are a TAP interface of the kernel ("tap:NAME"), whose other side is this machine. Each
 * frame has a header of virtio-net before it, so segments of 64 KB cross in one piece and nobody
 * computes their checksums: the kernel leaves both to us, and we to it.
 *
 * DPDK's net_tap knows no such header. The ethdev is a net_null that receives nothing and frees
 * what it is given; a callback before each of its bursts reads and writes the interface.
 */
#include "conf/device.h"
#include "port.h"

#include <rte_ethdev.h>
#include <sys/uio.h>

enum {
	/* Buffers of the longest packet of IP, with its Ethernet header and a tag. */
	TAP_BUFFERS = (65535 + 18 + RTE_MBUF_DEFAULT_DATAROOM - 1) / RTE_MBUF_DEFAULT_DATAROOM,
	TAP_SEND_MAX = 64, /* buffers of a frame that is sent */
	/*
	 * Bytes after which a burst ends: all of them are still in a CPU's cache when the turn
	 * writes them.
	 */
	TAP_BURST_BYTES = 256 << 10,
};

/* A worker's. The service thread reads what it counts. */
struct tap_queue {
	int fd;
	uint16_t empty; /* buffers at the front of m[] that are missing */
	bool left;	/* the last burst ended by its bytes, or for want of buffers */
	struct rte_mempool *pool;
	struct rte_mbuf *m[TAP_BUFFERS]; /* where the next frame goes */
	struct iovec to[1 + TAP_BUFFERS];
	_Atomic uint64_t short_of; /* bursts without buffers to read into */
	_Atomic uint64_t bad_in;   /* frames without a byte behind their header */
	_Atomic uint64_t bad_out;  /* not taken: the interface is down, or gone */
} __rte_cache_aligned;

/* The interface that the port's device names, in d; NULL: it names another kind of device. */
const char *tap_name(const struct config_port *c, struct device *d);

/*
 * Opens the interface, which is made if it is not there, with a queue for each of the port's, which
 * must be set up; sets its MTU, brings it up, and gives the port its MAC address. False and a
 * sentence in why: what is in the way, and what to do about it.
 */
bool tap_open(struct dplane *dp, struct port *p, const char *name, char *why, size_t len);
void tap_close(struct port *p);

/* What the port has of what workers ask a port for, whatever its ethdev tells. */
void tap_offers(struct port *p);

/* Whether the queue's last burst ended before the frames that waited did. Its worker only. */
bool tap_left(const struct port *p, uint16_t queue);

/* Adds to st what was lost between the interface and us. The service thread only. */
void tap_stats(const struct port *p, struct rte_eth_stats *st);

/* Whether the interface is up, so that frames reach it. The service thread only. */
bool tap_is_up(const struct port *p);

/* For tests: a queue by itself, on a descriptor that keeps frames apart. */
void tap_queue_init(struct tap_queue *q, int fd, struct rte_mempool *pool);
void tap_queue_free(struct tap_queue *q);
/* Reads max frames at most, or some TAP_BURST_BYTES; returns how many there were. */
uint16_t tap_read(struct tap_queue *q, uint16_t port, struct rte_mbuf **m, uint16_t max);
/*
 * Writes frames in their order; returns how many are done with, sent or lost. They stay the
 * caller's. The rest would not fit now.
 */
uint16_t tap_write(struct tap_queue *q, struct rte_mbuf **m, uint16_t n);

#endif
