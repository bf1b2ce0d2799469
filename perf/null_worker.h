/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_PERF_NULL_WORKER_H
#define FL_PERF_NULL_WORKER_H

/*
 * What bench_relay and bench_media have in common: real workers whose port is DPDK's null device,
 * so that no driver's cost is in a figure beside the call that frees the packets, and bursts of
 * datagrams into them, timed from received mbuf to filled transmit batch. Packets are written just
 * before they are timed, as a NIC's DMA leaves them in the cache. What fails ends the program.
 */
#include "../dp/dplane.h"
#include "../dp/worker.h"
#include "heap.h"
#include "stages.h"

enum {
	NULL_OWN = 0x0a000001,
	NULL_GATEWAY = 0x0a000002, /* of all that is not there */
};

extern struct dplane null_dp;
extern struct config null_conf;

/* What all of these benchmarks take: -n, -p, -r, -H. */
struct null_options {
	uint32_t n;	  /* sessions, or contexts */
	uint32_t rounds;  /* bursts */
	uint16_t payload; /* bytes of a packet */
	bool huge;	  /* tables in huge pages */
};
extern struct null_options null_opt;

/*
 * Reads them. own: getopt's letters of what the benchmark takes besides; take() gets each, false
 * when it is wrong. What is wrong ends the program with the usage, of which `usage` is the part
 * about those.
 */
void null_options(int argc, char **argv, const char *own, bool (*take)(int opt, const char *arg),
		  const char *usage);

/* IPv4 address a, or the same in fd00::/96. */
struct ip_addr null_ip(bool v6, uint32_t a);

/* Starts EAL: lcore 0 on CPU 1, lcore 1 on CPU 0, and so on as there are workers. */
void null_eal(const char *name, uint16_t workers);
/* Fills null_conf: one port with one address of each family, tables as small as can be. */
void null_config(uint16_t workers);
/* One more relay, whose address is the port's, too. */
void null_relay(const struct ip_addr *address, uint16_t port_min, uint16_t port_max);
/* Makes the workers and the port; the gateway is known to them. */
void null_start(void);

/* A frame from src to dst with len bytes of payload, of which `from` are given (NULL: as they are).
 */
void null_frame(struct worker *w, struct rte_mbuf *m, const struct sock_addr *src,
		const struct sock_addr *dst, const void *payload, uint16_t given, uint16_t len);

/* What was timed: of each burst its cycles, and a look at the stages before the first and after. */
struct null_times {
	uint64_t *cycles;    /* [null_opt.rounds] */
	struct stages *look; /* [null_opt.rounds + 1] */
};
void null_times_alloc(struct null_times *t);
/* Prints , "stages_to_...": and the median burst's cycles a packet by stage. */
void null_stages_print(const char *to, const struct null_times *t);

/* Writes BURST frames. */
typedef void null_fill(struct worker *w, struct rte_mbuf **m, void *arg);

/*
 * Cycles of one burst for w. It comes by a queue of worker by, which is w unless hand-over is
 * timed: then both workers' cycles count, of one thread.
 */
uint64_t burst_cycles(struct worker *w, struct worker *by, null_fill *fill, void *arg);
/*
 * Of null_opt.rounds bursts the median's cycles, by packet: what else runs on the machine moves the
 * mean, not this. Each packet must count in c of w.
 */
double cycles_per_packet(struct worker *w, struct worker *by, struct null_times *t, null_fill *fill,
			 void *arg, enum counter c);

#endif
