/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_DP_USE_H
#define FL_DP_USE_H

/* What sessions relay, for the control process to read (struct ctl_use). */
#include "../lib/ctl_abi.h"

/* A session begins: nothing is relayed yet. */
static inline void use_begin(struct ctl_use *u, uint32_t gen)
{
	for (int way = 0; way < CTL_WAYS; way++) {
		atomic_store_explicit(&u->packets[way], 0, memory_order_relaxed);
		atomic_store_explicit(&u->bytes[way],
				      gen >> CTL_USE_GEN * way & ((1u << CTL_USE_GEN) - 1),
				      memory_order_relaxed);
	}
}

/* So many packets and bytes of payload were relayed in this second. */
static inline void use_add(struct ctl_use *u, enum ctl_way way, uint32_t packets, uint64_t bytes,
			   uint32_t second)
{
	const uint64_t n = atomic_load_explicit(&u->packets[way], memory_order_relaxed);
	const uint64_t sum = atomic_load_explicit(&u->bytes[way], memory_order_relaxed);

	atomic_store_explicit(&u->packets[way],
			      ((n >> CTL_USE_SECOND) + packets) << CTL_USE_SECOND |
				  (second & ((1u << CTL_USE_SECOND) - 1)),
			      memory_order_relaxed);
	atomic_store_explicit(&u->bytes[way], sum + (bytes << CTL_USE_GEN), memory_order_relaxed);
}

#endif
