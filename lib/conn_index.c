/* SPDX-License-Identifier: BSD-3-Clause */
#include "conn_index.h"

uint32_t conn_buckets(uint32_t rows)
{
	uint32_t n = 1;

	while (n < rows)
		n <<= 1;
	return n;
}

struct ctl_conn_bucket *conn_bucket(const struct conn_index *x, const struct sock_addr *remote)
{
	return &x->bucket[(uint32_t)siphash(&x->key, remote, sizeof(*remote)) &
			  (conn_buckets(x->rows) - 1)];
}

/* Of a place that is taken, but not by row idx: whether nobody would miss it in b. */
static bool place_is_stale(const struct conn_index *x, const struct ctl_conn_bucket *b,
			   uint32_t place)
{
	return place > x->rows || x->row[place - 1].gen == 0 ||
	       conn_bucket(x, &x->row[place - 1].remote) != b;
}

void conn_index_put(const struct conn_index *x, uint32_t idx)
{
	struct ctl_conn_bucket *b = conn_bucket(x, &x->row[idx].remote);
	int empty = CTL_BUCKET;

	for (int i = CTL_BUCKET - 1; i >= 0; i--) {
		const uint32_t place = atomic_load_explicit(&b->place[i], memory_order_relaxed);

		if (place == idx + 1)
			return;
		if (place == 0)
			empty = i;
	}
	for (int i = 0; empty == CTL_BUCKET && i < CTL_BUCKET; i++)
		if (place_is_stale(x, b, atomic_load_explicit(&b->place[i], memory_order_relaxed)))
			empty = i;
	if (empty < CTL_BUCKET)
		atomic_store_explicit(&b->place[empty], idx + 1, memory_order_release);
	else
		atomic_store_explicit(&b->spilled, 1, memory_order_release);
}
