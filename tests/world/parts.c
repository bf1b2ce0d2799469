/* SPDX-License-Identifier: BSD-3-Clause */
#include "parts.h"

struct tcp_conn parts_conn;

int parts_setup(void **state)
{
	(void)state;
	world_config();
	world.conf.dataplane.mbufs = PARTS_MBUFS;
	world.conf.tcp.buffers = PARTS_MBUFS;
	world.conf.tcp.reorder_buffer = PARTS_REORDER;
	world_start();
	memset(&parts_conn, 0, sizeof(parts_conn));
	return 0;
}

int parts_teardown(void **state)
{
	queue_clear(world.w, &parts_conn.snd, DROP_TCP_CLOSED);
	queue_clear(world.w, &parts_conn.rcv, DROP_TCP_CLOSED);
	reorder_clear(world.w, &parts_conn);
	assert_int_equal(world.w->tcp->held, 0);
	return world_teardown(state);
}

uint64_t parts_drop(enum drop d)
{
	return world.w->counters->drop[d];
}

struct rte_mbuf *parts_packet(const void *bytes, uint32_t len, uint16_t seg)
{
	struct rte_mbuf *m = pkt_make(world.w), *s = m;
	const uint8_t *p = bytes;

	while (len) {
		uint16_t n = (uint16_t)RTE_MIN(len, (uint32_t)(seg ? seg : PARTS_SEGMENT));

		assert_non_null(s);
		memcpy(rte_pktmbuf_append(s, n), p, n);
		if (s != m)
			assert_int_equal(rte_pktmbuf_chain(m, s), 0);
		p += n;
		len -= n;
		s = len ? rte_pktmbuf_alloc(world.w->pool) : NULL;
	}
	return m;
}
