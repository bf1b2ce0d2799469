/* SPDX-License-Identifier: BSD-3-Clause */
#include "heap.h"

#include <rte_malloc.h>
#include <rte_mempool.h>

uint64_t heap_used(void)
{
	struct rte_malloc_socket_stats s;

	return rte_malloc_get_socket_stats(0, &s) == 0 ? s.heap_allocsz_bytes : 0;
}

static void chunk_add(struct rte_mempool *pool, void *sum, struct rte_mempool_memhdr *chunk,
		      unsigned int i)
{
	(void)pool;
	(void)i;
	*(uint64_t *)sum += chunk->len;
}

uint64_t heap_buffers(const struct worker *w)
{
	uint64_t sum = 0;

	rte_mempool_mem_iter(w->pool, chunk_add, &sum);
	return sum;
}
