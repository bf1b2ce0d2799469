/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_CONN_ROW_H
#define FL_DP_CONN_ROW_H

/*
 * Rows of the live table of connections in the region: what each shows is as old as its last turn
 * in a tick, but that it has ended it says at once. The worker writes, the control process reads
 * (cp/admin/conns.h) and takes no row whose number is odd, or has changed meanwhile.
 */
#include "../lib/ctl_abi.h"

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
