/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_CONN_ROW_H
#define FL_CP_CONN_ROW_H

/* A row of a worker's live table of connections in the shared region. */
#include "dplink.h"

#include <string.h>

enum { CONN_ROW_TRIES = 16 }; /* a writer needs a tenth of a microsecond */

/*
 * Copies an entry. False, and zeroes, if no connection is there, or if it could not be read whole
 * in a few tries: it is being written again and again, or its writer died.
 */
static inline bool conn_read(const struct dplink *l, uint32_t worker, uint32_t idx,
			     struct ctl_conn_info *out)
{
	uint32_t n;
	const struct ctl_conn_info *c = dplink_conns(l, worker, &n);

	for (int i = 0; c && idx < n && i < CONN_ROW_TRIES; i++) {
		const uint32_t seq = atomic_load_explicit(&c[idx].seq, memory_order_acquire);

		if (seq & 1)
			continue;
		memcpy(out, &c[idx], sizeof(*out));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&c[idx].seq, memory_order_relaxed) == seq)
			return out->gen != 0;
	}
	memset(out, 0, sizeof(*out));
	return false;
}

#endif
