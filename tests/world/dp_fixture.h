/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_DP_FIXTURE_H
#define FL_TESTS_DP_FIXTURE_H

/*
 * A dataplane without ports for tests of dp/net: one worker of two, two ports, all that would
 * leave the worker (dp/tx.h, dispatch_ops[]) caught here.
 *
 *   port 0 "access": 10.1.0.1/24, fd00:1::1/64, untagged, MTU 1500, gateway 10.1.0.254, fd00:1::fe
 *   port 1 "core":   10.2.0.1/24, fd00:2::1/64, VLAN 42, MTU 1280, relayed ports 49152-65535
 *
 * Teardown checks the accounting of packets and that every buffer is back in its pool.
 */
#include "unit.h"
#include "dp/boundary.h"
#include "dp/dispatch.h"
#include "dp/net/ip.h"
#include "dp/net/neigh.h"
#include "dp/net/net.h"
#include "dp/rate.h"
#include "dp/tx.h"

enum {
	FX_SENT_MAX = 512,
	FX_NEIGHBOURS = 32,
	FX_WAIT = 4,
	FX_FRAGMENTS = 8,
	FX_FRAG_TIMEOUT_MS = 1000,
	FX_ICMP_RATE = 10,
	FX_MBUFS = 1023,
	FX_ACCESS = 0,
	FX_CORE = 1,
	FX_VLAN = 42,
	FX_RELAY_MIN = 49152,
};

struct fixture {
	struct config conf;
	struct dplane dp;
	struct worker w;
	struct ctl_counters counters;
	struct rte_mbuf *sent[FX_SENT_MAX]; /* frames, in order */
	uint16_t sent_port[FX_SENT_MAX];
	uint32_t n_sent;
	uint32_t n_copies;   /* handover_copy() */
	uint32_t n_handed;   /* handover() */
	uint16_t handed_to;  /* of the last */
	uint32_t n_tcp_icmp; /* tcp_icmp() */
	uint32_t n_reports;  /* struct relayed_ops.icmp */
	struct icmp_report report;
	union ctl_evt evt; /* the last event that was told */
	uint32_t n_evt;
	bool evt_full; /* there is no room for events */
};

extern struct fixture fx;

/* cmocka group and test fixtures. */
int fx_eal(void **state);
/* Time since the start, which is 0, or FAIRLEAD_WORLD_START_S of the environment (worker.h). */
void fx_clock_ms(uint64_t ms);
int fx_setup(void **state);
int fx_teardown(void **state);

/* Addresses from text; a wrong one fails the test. */
struct ip_addr fx_ip(const char *s);
/* 02:00:00:00:00:n */
struct rte_ether_addr fx_mac(uint8_t n);

/* Moves the clock and runs the housekeeping as the loop would. */
void fx_pass(uint32_t ms);

/* A received frame: Ethernet header for the port (from fx_mac(9) to it), then len bytes. */
struct rte_mbuf *fx_frame(uint16_t port, uint16_t type, const void *data, size_t len);
/* The same with an IP header of its own; ttl as given. */
struct rte_mbuf *fx_ip_frame(uint16_t port, const char *src, const char *dst, uint8_t proto,
			     uint8_t ttl, const void *data, size_t len);
/* What rx_parse.c makes of a frame. */
struct pkt fx_pkt(struct rte_mbuf *m, uint16_t port);
/* An ICMP message with its checksum made right, given to dispatch_icmp(). */
void fx_icmp(uint16_t port, const char *src, const char *dst, uint8_t ttl, void *msg, size_t len);

/* n packets of m's bytes, the frames' sums and fields read back. */
const uint8_t *fx_sent(uint32_t i); /* data of the i-th frame sent */
void fx_forget(void);		    /* frees what was sent */
uint64_t fx_dropped(enum drop reason);
uint64_t fx_counted(enum counter c);
/* Makes ip a reachable neighbour with fx_mac(n). */
void fx_neighbour(uint16_t port, const char *ip, uint8_t n);

#endif
