/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_TCP_PARTS_H
#define FL_TESTS_TCP_PARTS_H

/*
 * Queues of the stack by themselves, upon worker.h: a connection that is in no table, whose queues
 * a test fills and empties by hand. No segment comes or goes.
 */
#include "worker.h"
#include "dp/tcp/conn.h"
#include "unit.h"

enum {
	PARTS_MBUFS = 2047,
	PARTS_SEGMENT = 1800,
	PARTS_REORDER = 1 << 20, /* bytes, unless a test says otherwise */
};

extern struct tcp_conn parts_conn;

/* For cmocka. The teardown empties the queues, and then is that of the world. */
int parts_setup(void **state);
int parts_teardown(void **state);

/* A packet of len bytes that are here, each segment seg bytes at most (0: PARTS_SEGMENT). */
struct rte_mbuf *parts_packet(const void *bytes, uint32_t len, uint16_t seg);
/* Packets that were dropped for this reason so far. */
uint64_t parts_drop(enum drop d);

#endif
