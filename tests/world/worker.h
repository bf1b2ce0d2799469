/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_WORKER_H
#define FL_TESTS_WORKER_H

/*
 * Real workers, turned by hand: two ports whose driver is a pair of arrays, a clock that stands
 * still, and the counters and pools looked at from outside.
 *
 *   client 10.1.0.2, fd00:1::2 -- access [10.1.0.1, fd00:1::1] relay [10.2.0.1, fd00:2::1] core
 *   -- peer 10.2.0.2, fd00:2::2
 *
 * Listeners at 3478 of the access addresses, relayed ports 49152 to 65533 at the core ones.
 */
#include "packet.h"
#include "dp/dplane.h"
#include "dp/region.h"
#include "dp/worker.h"
#include "dp/net/neigh.h"
#include "dp/turn/session.h"

enum { ACCESS, CORE, WORLD_PORTS };
enum {
	WORLD_FRAMES = 512, /* captured, on the way in, per port */
	RELAY_MIN = 49152,
	RELAY_MAX = 65533,
	RELAY_PORT = 49152, /* of the usual session; belongs to worker 0 */
};

struct world {
	struct dplane dp;
	struct config conf;
	struct worker *w; /* worker 0 */
	int region_fd;
	/* The control process's ends. */
	struct ring cmd[CTL_WORKERS_MAX], evt[CTL_WORKERS_MAX], trace[CTL_WORKERS_MAX];
	uint16_t seg_first, seg_rest; /* 0: frames come in one piece; else cut like this */
	bool at_end;		      /* a frame's last segment ends where its buffer does */
	uint64_t rx_flags;	      /* what the port says of a frame that comes in */
	uint16_t rx_segsz;	      /* and, with RTE_MBUF_F_RX_LRO, of what it was put together */
	uint16_t tx_room;	      /* frames a port takes in all */
	uint16_t tx_once;	      /* and at one call */
	/* Makes frames of what goes out, for world_sent(); NULL: they are what it is. */
	void (*tx_device)(uint16_t port, const struct rte_mbuf *m);
	/* A worker looks for frames of a port: what happens just before it does. NULL: nothing. */
	void (*on_rx)(uint16_t port, uint16_t worker);
	uint64_t cnt[CTL_WORKERS_MAX][CNT_MAX], drop[CTL_WORKERS_MAX][DROP_MAX]; /* world_mark() */
	struct frame *out[WORLD_PORTS][WORLD_FRAMES];
	uint16_t n_out[WORLD_PORTS], at_out[WORLD_PORTS];
};
extern struct world world;

/*
 * What clocks show when a world starts: FAIRLEAD_WORLD_START_S of the environment, else 1000. Near
 * 4294967 s the milliseconds leave 32 bits, which is what they are kept in where space is dear.
 */
uint32_t world_start_s(void);
#define WORLD_START_S world_start_s()

/* Starts EAL once a process. */
void world_eal(void);
/* Fills world.conf; change it before world_start(). */
void world_config(void);
/* After world_config(): one more listener; returns its number. */
uint16_t world_listener(const struct sock_addr *addr, enum config_transport transport);
void world_start(void);
/* Checks that no packet is lost or unaccounted for, and takes everything down. */
void world_stop(void);
/* The same three for cmocka. */
int world_setup(void **state);
int world_teardown(void **state);

/* Sets the clock of all workers. */
void world_clock_ms(uint64_t ms);
void world_clock_us(uint64_t us);
/* So many steps of 1 ms, run() after each; world_pass_ms(): world_run(). */
void world_pass(uint32_t ms, void (*run)(void));
void world_pass_ms(uint32_t ms);
/*
 * A reload takes c, which is made by malloc() from world.conf, and is taken. snapshot_close() at
 * the end of the test.
 */
void world_reload(struct config *c);
/* Every neighbour the picture shows becomes known. */
void world_neighbours(void);

/* So many of the core's hosts that are not there are wanted, one after the other, by strangers. */
void world_ghosts(uint32_t n);

/* A frame comes in at a port, by worker's queue; world_run() lets workers turn until all is quiet.
 */
void world_in(uint16_t port, uint16_t worker, const struct frame *f);
void world_run(void);
/* world_in() to worker 0, world_run(). */
void world_feed(uint16_t port, const struct frame *f);

/* f goes out by a port, after what did so far. */
void world_sent(uint16_t port, const struct frame *f);
/* The next frame that went out by a port, NULL if there is none. */
const struct frame *world_out(uint16_t port);
void world_no_out(void);
/* Frees what went out so far; frames of world_out() with it. */
void world_forget(void);

/* Remembers the counters; then tells how they moved. */
void world_mark(void);
uint64_t world_count(uint16_t worker, enum counter c);
/* Exactly this drop, n times, over all workers. DROP_NONE: none. */
void world_drops(enum drop reason, uint64_t n);
/* rx + made + handover_in = tx + consumed + drops + handover_out + held, for each worker. */
bool world_accounts(void);
/* Buffers that are neither free nor held: 0 if nothing leaks. */
int64_t world_missing(void);

/* Takes all of worker 0's packet buffers that are free; gives them back. */
void world_pool_take(void);
void world_pool_give(void);

/* ---- datagrams out ---- */

/* The next frame out of a port: checks Ethernet and IP down to the last byte, then UDP's lengths.
 */
void expect_udp(uint16_t port, struct udp_view *v);
/* The same with addresses, a good checksum and the payload as given. */
void expect_udp_is(uint16_t port, const struct sock_addr *src, const struct sock_addr *dst,
		   const void *payload, size_t len, struct udp_view *v);

#endif
