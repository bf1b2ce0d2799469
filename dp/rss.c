/* SPDX-License-Identifier: BSD-3-Clause */
#include "rss.h"

#include <rte_ethdev.h>
#include <rte_thash.h>

static bool reta_read(struct rss *r, uint16_t ethdev, uint16_t size)
{
	struct rte_eth_rss_reta_entry64 e[RSS_RETA_MAX / RTE_ETH_RETA_GROUP_SIZE];
	uint16_t i;

	memset(e, 0, sizeof(e));
	for (i = 0; i < RTE_DIM(e); i++)
		e[i].mask = UINT64_MAX;
	if (rte_eth_dev_rss_reta_query(ethdev, e, size) != 0)
		return false;
	for (i = 0; i < size; i++)
		r->reta[i] = e[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
	return true;
}

void rss_read(struct rss *r, uint16_t ethdev)
{
	struct rte_eth_rss_conf conf = { .rss_key = r->key, .rss_key_len = sizeof(r->key) };
	struct rte_eth_dev_info info;

	memset(r, 0, sizeof(*r));
	if (rte_eth_dev_info_get(ethdev, &info) < 0 || info.hash_key_size > sizeof(r->key) ||
	    info.reta_size == 0 || info.reta_size > RSS_RETA_MAX ||
	    (info.reta_size & (info.reta_size - 1)) ||
	    rte_eth_dev_rss_hash_conf_get(ethdev, &conf) != 0)
		return;
	if (reta_read(r, ethdev, info.reta_size))
		r->reta_size = info.reta_size;
}

uint32_t rss_hash(const struct rss *r, const struct sock_addr *src, const struct sock_addr *dst)
{
	bool v4 = ip_is_v4(&src->ip);
	uint32_t words[9], n = 0, i, first = v4 ? 12 : 0;
	struct be32 w;

	/* The words in host order, as rte_softrss() takes them: source, destination, ports. */
	for (i = first; i < 16; i += 4) {
		memcpy(w.b, src->ip.b + i, 4);
		words[n++] = be32_get(w);
	}
	for (i = first; i < 16; i += 4) {
		memcpy(w.b, dst->ip.b + i, 4);
		words[n++] = be32_get(w);
	}
	words[n++] = (uint32_t)be16_get(src->port) << 16 | be16_get(dst->port);
	return rte_softrss(words, n, r->key);
}
