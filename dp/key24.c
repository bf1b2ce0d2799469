/* SPDX-License-Identifier: BSD-3-Clause */
#include "key24.h"

#include <rte_common.h>
#include <rte_hash.h>
#include <stdio.h>

static int key24_cmp(const void *a, const void *b, size_t len)
{
	uint64_t x[3], y[3];

	(void)len;
	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2])) != 0;
}

struct rte_hash *key24_table(const char *kind, uint16_t worker, uint32_t entries)
{
	char name[RTE_HASH_NAMESIZE];
	struct rte_hash_parameters p = {
		.name = name,
		.entries = RTE_MAX(entries, 64u),
		.key_len = sizeof(struct key24),
		.socket_id = SOCKET_ID_ANY,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};
	struct rte_hash *h;

	snprintf(name, sizeof(name), "%s%u", kind, worker);
	h = rte_hash_create(&p);
	if (h)
		rte_hash_set_cmp_func(h, key24_cmp);
	return h;
}
