/* SPDX-License-Identifier: BSD-3-Clause */
#include "parts.h"
#include "eal.h"

#include <rte_eal.h>

struct parts parts;

int parts_eal(void **state)
{

	(void)state;
	if (!test_eal("64"))
		return -1;
	parts.w.pool = rte_pktmbuf_pool_create("test", PARTS_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					       SOCKET_ID_ANY);
	return parts.w.pool ? 0 : -1;
}

int parts_setup(void **state)
{
	struct rte_mempool *pool = parts.w.pool;

	(void)state;
	memset(&parts, 0, sizeof(parts));
	parts.conf.tcp.reorder_buffer = PARTS_REORDER;
	parts.dp.conf = &parts.conf;
	parts.w.dp = &parts.dp;
	parts.w.pool = pool;
	parts.w.counters = &parts.counters;
	parts.w.tcp = &parts.tcp;
	return 0;
}

uint64_t parts_count(enum counter c)
{
	return parts.counters.cnt[c];
}

uint64_t parts_drop(enum drop d)
{
	return parts.counters.drop[d];
}

int parts_teardown(void **state)
{
	uint64_t gone = parts_count(CNT_CONSUMED);
	int i;

	(void)state;
	queue_clear(&parts.w, &parts.c.snd, DROP_TCP_CLOSED);
	queue_clear(&parts.w, &parts.c.rcv, DROP_TCP_CLOSED);
	reorder_clear(&parts.w, &parts.c);
	for (i = 0; i < DROP_MAX; i++)
		gone += parts_drop((enum drop)i);
	assert_int_equal(parts.tcp.held, 0);
	assert_int_equal(parts_count(CNT_MADE), gone);
	assert_int_equal(rte_mempool_avail_count(parts.w.pool), PARTS_MBUFS);
	return 0;
}

struct rte_mbuf *parts_packet(const void *bytes, uint32_t len, uint16_t seg)
{
	struct rte_mbuf *m = pkt_make(&parts.w), *s = m;
	const uint8_t *p = bytes;

	while (len) {
		uint16_t n = (uint16_t)RTE_MIN(len, (uint32_t)(seg ? seg : PARTS_SEGMENT));

		assert_non_null(s);
		memcpy(rte_pktmbuf_append(s, n), p, n);
		if (s != m)
			assert_int_equal(rte_pktmbuf_chain(m, s), 0);
		p += n;
		len -= n;
		s = len ? rte_pktmbuf_alloc(parts.w.pool) : NULL;
	}
	return m;
}
