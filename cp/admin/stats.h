/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_STATS_H
#define FL_CP_ADMIN_STATS_H

/*
 * What the dataplane counts, read from the shared region and told as JSON. Counters are read one
 * by one while the workers go on: sums are exact only once traffic rests.
 */
#include "../dplink.h"
#include "../../lib/memory.h"
#include "../../lib/process_use.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

/* See struct ctl_stage. */
struct stats_stage {
	uint64_t cycles, calls, items;
};

/* The 64 bits that stand at this offset of a struct: for tables of what its members are called. */
static inline uint64_t stats_at(const void *of, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const char *)of + offset, sizeof(value));
	return value;
}

/* One moment's copy of what a worker counts. */
struct stats_counters {
	uint64_t cnt[CNT_MAX];
	uint64_t drop[DROP_MAX];
	uint64_t end[TCP_END_MAX];
	struct stats_stage stage[STAGE_MAX];
	struct histogram turn, handshake[CTL_HANDSHAKES];
	uint64_t rx_burst[CTL_BATCHES], tx_batch[CTL_BATCHES];		      /* see ctl_batch() */
	uint64_t quality[QUALITIES][QUALITY_CLASSES], quality_sum[QUALITIES]; /* lib/quality.h */
};

/* One moment's copy of a worker's traffic on one port. */
struct stats_port {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, tx_full;
};

/*
 * rx + made + handover_in = tx + consumed + dropped + handover_out + held (R74). difference is the
 * left side minus the right. Summed over workers, handover_out - handover_in packets are on their
 * way from one to another.
 */
struct stats_account {
	uint64_t rx, made, handover_in;
	uint64_t tx, consumed, dropped, handover_out, held;
	int64_t difference;
};

extern const char *const stats_handshake[CTL_HANDSHAKES]; /* "tls", "dtls" */

/* Copies; false, and zeroes, if there is no such worker or port, or no dataplane. */
bool stats_worker(const struct dplink *l, uint32_t worker, struct stats_counters *out);
bool stats_port(const struct dplink *l, uint32_t worker, uint32_t port, struct stats_port *out);

/*
 * Copies what the service thread knows of a port, strings terminated. False, and zeroes, if it
 * could not be read whole: the dataplane died in the middle of writing it.
 */
bool stats_port_info(const struct dplink *l, uint32_t port, struct ctl_port_info *out);
/* A reload has taken it out, or has brought it just now. */
bool stats_port_gone(const struct dplink *l, uint32_t port);

/*
 * Copies what a port's driver counts, names terminated and out->n never more than there is room
 * for. False, and zeroes, as above.
 */
bool stats_xstats(const struct dplink *l, uint32_t port, struct ctl_xstats *out);

/*
 * Copies what is known of a certificate (index in the configuration), strings terminated. False if
 * none is in force, and with zeroes if it could not be read whole.
 */
bool stats_cert(const struct dplink *l, uint32_t cert, struct ctl_cert_info *out);

/*
 * Places in the dataplane where something impossible happened. False, and zeroes, without one, or
 * if they could not be read whole.
 */
bool stats_bugs(const struct dplink *l, struct ctl_bugs *out);
uint64_t stats_bugs_total(const struct dplink *l);

/* Memory of the dataplane's allocator, a second old at most; zeroes without a dataplane. */
struct memory_use stats_memory(const struct dplink *l);

/* What the kernel knows of the dataplane's process; likewise. */
struct process_use stats_process(const struct dplink *l);

/* Connections in a state. */
uint64_t stats_tcp_state(const struct stats_counters *c, enum tcp_state s);
/* All that are open or opening: in any state but TIME-WAIT, which needs none. */
uint64_t stats_tcp_conns(const struct stats_counters *c);

/* Adds one worker's counters, drops and ends to a sum. */
void stats_add(struct stats_counters *sum, const struct stats_counters *c);

/* Whether a counter is of TCP or TLS, and whether it is a gauge; its help, without the word. */
bool stats_is_tcp(enum counter c);
bool stats_is_tls(enum counter c);
bool stats_is_gauge(enum counter c);
const char *stats_help(enum counter c);

struct stats_account stats_account(const struct stats_counters *c);

/* "info", "warn" or "error". */
const char *stats_severity(enum severity s);

/* Microseconds of CLOCK_MONOTONIC, from which a reader of two results computes rates. */
json_t *stats_json_time(void);

/* Results of the methods of the same names. New references; NULL when out of memory. */
json_t *stats_json_workers(const struct dplink *l);
json_t *stats_json_ports(const struct dplink *l);
json_t *stats_json_xstats(const struct dplink *l, uint32_t port);
json_t *stats_json_drops(const struct dplink *l);
json_t *stats_json_accounting(const struct dplink *l);
json_t *stats_json_tcp(const struct dplink *l);

#endif
