/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_TCP_PARTS_H
#define FL_TESTS_TCP_PARTS_H

/*
 * What parts of the stack need when they are tested by themselves: a worker with buffers, counters
 * and nothing else. The teardown checks that every packet is accounted for and every buffer back.
 */
#include "dp/tcp/conn.h"
#include "unit.h"

enum {
	PARTS_MBUFS = 2047,
	PARTS_SEGMENT = 1800,
	PARTS_REORDER = 1 << 20, /* bytes, unless a test says otherwise */
};

struct parts {
	struct config conf;
	struct dplane dp;
	struct worker w;
	struct tcp tcp;
	struct tcp_conn c;
	struct ctl_counters counters;
};
extern struct parts parts;

/* cmocka group and test fixtures. */
int parts_eal(void **state);
int parts_setup(void **state);
int parts_teardown(void **state);

/* A packet of len bytes that are here, each segment seg bytes at most (0: PARTS_SEGMENT). */
struct rte_mbuf *parts_packet(const void *bytes, uint32_t len, uint16_t seg);
uint64_t parts_count(enum counter c);
uint64_t parts_drop(enum drop d);

#endif
