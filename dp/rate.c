/* SPDX-License-Identifier: BSD-3-Clause */
#include "rate.h"

#include <rte_malloc.h>
#include <sys/random.h>

struct rate_table *rate_create(uint32_t per_second)
{
	struct rate_table *t = rte_malloc("rate", sizeof(*t), 64);
	uint64_t key[2];

	if (t && getrandom(key, sizeof(key), 0) == sizeof(key)) {
		rate_init(t, per_second, key);
		return t;
	}
	rte_free(t);
	return NULL;
}
