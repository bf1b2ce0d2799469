/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_CONN_ROW_H
#define FL_DP_CONN_ROW_H

/*
 * Rows of the live table of connections in the region: what each shows is as old as its last turn
 * in a tick, but that it has ended it says at once. The worker writes, the control process reads
 * (cp/admin/conns.h) and takes no row whose number is odd, or has changed meanwhile.
 */
#include "../lib/ctl_abi.h"
#include "../lib/per_second.h"

#include <stdbool.h>

/* Returns what conn_row_end() gets. */
static inline uint32_t conn_row_begin(struct ctl_conn_info *row)
{
	const uint32_t seq = atomic_load_explicit(&row->seq, memory_order_relaxed) | 1;

	atomic_store_explicit(&row->seq, seq, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	return seq;
}

static inline void conn_row_end(struct ctl_conn_info *row, uint32_t seq)
{
	atomic_store_explicit(&row->seq, seq + 1, memory_order_release);
}

enum { CONN_ROW_RATE_MS = 1000 };

static inline void conn_row_rate(struct ctl_conn_rate *r, uint64_t bytes, uint64_t packets,
				 uint32_t ms)
{
	*r = (struct ctl_conn_rate){
		.packets_per_s = ms ? per_second((uint32_t)packets - r->packets, ms) : 0,
		.bytes_per_s = ms ? per_second((uint32_t)bytes - r->bytes, ms) : 0,
		.packets = (uint32_t)packets,
		.bytes = (uint32_t)bytes,
	};
}

/*
 * Between begin and end, when the row has the bytes of now: packets, of which the connection has
 * the lower halves, and rates, which are new when theirs are a second old. fresh: the row was
 * another connection's.
 */
static inline void conn_row_count(struct ctl_conn_info *row, bool fresh, uint32_t rx, uint32_t tx,
				  uint32_t now_ms)
{
	const uint32_t ms = fresh ? 0 : now_ms - row->rated_ms;

	if (fresh)
		row->rx_packets = row->tx_packets = 0;
	row->rx_packets += (uint32_t)(rx - (uint32_t)row->rx_packets);
	row->tx_packets += (uint32_t)(tx - (uint32_t)row->tx_packets);
	if (!fresh && ms < CONN_ROW_RATE_MS)
		return;
	conn_row_rate(&row->rx, row->rx_bytes, row->rx_packets, ms);
	conn_row_rate(&row->tx, row->tx_bytes, row->tx_packets, ms);
	row->rated_ms = now_ms;
}

/* Nobody is there any more. */
static inline void conn_row_clear(struct ctl_conn_info *row)
{
	uint32_t seq;

	if (row->gen == 0)
		return;
	seq = conn_row_begin(row);
	row->gen = 0;
	conn_row_end(row, seq);
}

#endif
