/* SPDX-License-Identifier: BSD-3-Clause */
#include "flow.h"
#include "../../lib/bug.h"

#include <rte_malloc.h>

bool flow_create(struct flow_table *t, uint32_t flows)
{
	uint32_t buckets = rte_align32pow2(RTE_MAX(flows * 2 / FLOW_WAYS, 2u));

	t->bucket = rte_zmalloc("flows", sizeof(*t->bucket) * buckets, RTE_CACHE_LINE_SIZE);
	t->mask = buckets - 1;
	t->shift = 64 - rte_log2_u32(buckets);
	t->n = 0;
	return t->bucket != NULL;
}

void flow_free(struct flow_table *t)
{
	rte_free(t->bucket);
	t->bucket = NULL;
}

void flow_add(struct flow_table *t, uint64_t hash, uint32_t slot)
{
	uint32_t at = (uint32_t)(hash >> t->shift), empty;

	if (BUG_ON(t->n >= (t->mask + 1) * FLOW_WAYS))
		return;
	/* There are more ways than flows, so that this ends. */
	while ((empty = flow_match(&t->bucket[at], 0)) == 0) {
		t->bucket[at].passed++;
		at = (at + 1) & t->mask;
	}
	empty = (uint32_t)__builtin_ctz(empty);
	t->bucket[at].sig[empty] = flow_sig(hash);
	t->bucket[at].slot[empty] = slot;
	t->n++;
}

void flow_del(struct flow_table *t, uint64_t hash, uint32_t slot)
{
	uint32_t at = (uint32_t)(hash >> t->shift);
	struct flow_bucket *b = &t->bucket[at];
	int i;

	for (;;) {
		for (i = 0; i < FLOW_WAYS; i++)
			if (b->sig[i] == flow_sig(hash) && b->slot[i] == slot)
				break;
		if (i < FLOW_WAYS || b->passed == 0)
			break;
		b->passed--;
		at = (at + 1) & t->mask;
		b = &t->bucket[at];
	}
	if (WARN_ON(i == FLOW_WAYS))
		return;
	b->sig[i] = 0;
	t->n--;
}
