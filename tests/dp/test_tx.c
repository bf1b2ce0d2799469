/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins the way out: a port that takes only a part of a burst is asked once more, then the rest is
 * dropped as tx_full; the port's counters tell what went and what did not, and no buffer is lost.
 * Frames that went are the first, in order.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"

#include "dp/tx.h"
#include "lib/chandata.h"

#include <rte_ethdev.h>

enum { CHANNEL = 0x4001 };

static struct sock_addr client, listener, peer, relayed;

static int setup(void **state)
{
	int r = world_setup(state);

	client = at("10.1.0.2", 5000);
	listener = at("10.1.0.1", 3478);
	peer = at("10.2.0.2", 4000);
	relayed = at("10.2.0.1", RELAY_PORT);
	assert_true(session_add(0, 0, 1, &client, 0, RELAY_PORT, 0, 0));
	assert_true(chan_add(0, 0, &peer, CHANNEL, WORLD_START_S + 300));
	return r;
}

/* The i-th datagram is i + 1 bytes long, in either direction. */
static void datagram_in(uint16_t i, bool to_peer)
{
	static struct frame f;
	uint8_t data[64], msg[80];

	fill(data, sizeof(data), 1);
	if (to_peer)
		frame_udp(&f, ACCESS, &client, &listener, msg, chandata(msg, CHANNEL, data, i + 1u),
			  NULL);
	else
		frame_udp(&f, CORE, &peer, &relayed, data, i + 1u, NULL);
	world_in(to_peer ? ACCESS : CORE, 0, &f);
}

/* n datagrams are relayed in one turn; how many went out. */
static uint16_t burst_out(uint16_t n, bool to_peer)
{
	uint16_t i, out, port = to_peer ? CORE : ACCESS;
	const struct ctl_port_counters *c = &world.w->port_counters[port];
	uint64_t packets = c->tx_packets, bytes = c->tx_bytes, full = c->tx_full, len = 0;
	struct udp_view v;

	world_mark();
	for (i = 0; i < n; i++)
		datagram_in(i, to_peer);
	world_run();
	out = world.n_out[port];
	for (i = 0; i < out; i++) {
		len += world.out[port][i]->len;
		expect_udp(port, &v);
		assert_int_equal(v.len, i + 1 + (to_peer ? 0 : CHANDATA_HDR_LEN));
	}
	assert_int_equal(c->tx_packets - packets, out);
	assert_int_equal(c->tx_bytes - bytes, len);
	assert_int_equal(c->tx_full - full, n - out);
	assert_int_equal(world_count(0, CNT_TX), out);
	world_drops(out < n ? DROP_TX_FULL : DROP_NONE, n - out);
	assert_true(world_accounts());
	assert_int_equal(world_missing(), 0);
	world_no_out();
	world_forget();
	return out;
}

static void room_for_all(void **state)
{
	(void)state;
	assert_int_equal(burst_out(8, true), 8);
	assert_int_equal(burst_out(8, false), 8);
}

static void no_room(void **state)
{
	(void)state;
	world.tx_room = 0;
	assert_int_equal(burst_out(5, true), 0);
	assert_int_equal(burst_out(5, false), 0);
	/* Nothing of it is left for when there is room again. */
	world.tx_room = UINT16_MAX;
	assert_int_equal(burst_out(2, true), 2);
}

static void room_for_some(void **state)
{
	(void)state;
	world.tx_room = 3;
	assert_int_equal(burst_out(5, true), 3);
	world.tx_room = 1;
	assert_int_equal(burst_out(5, false), 1);
}

static void second_try(void **state)
{
	(void)state;
	world.tx_once = 3;
	assert_int_equal(burst_out(3, true), 3);
	assert_int_equal(burst_out(5, true), 5);
	assert_int_equal(burst_out(6, false), 6);
	/* There is no third. */
	assert_int_equal(burst_out(8, true), 6);
	assert_int_equal(burst_out(8, false), 6);
}

/* ---- a driver that refuses ---- */

static uint16_t refused_len; /* frames longer than that */

static uint16_t prepare(void *q, struct rte_mbuf **m, uint16_t n)
{
	uint16_t i;

	(void)q;
	for (i = 0; i < n && m[i]->pkt_len <= refused_len; i++)
		m[i]->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM; /* shows who was prepared */
	return i;
}

static uint16_t n_ready, n_unready;

static void device_looks(uint16_t port, const struct rte_mbuf *m)
{
	(void)port;
	if (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM)
		n_ready++;
	else
		n_unready++;
}

/* What a driver refuses is dropped, and what stands behind it is prepared all the same. */
static void refused_by_driver(void **state)
{
	const uint16_t hdr = 14 + 20 + 8;
	uint16_t i;

	(void)state;
	world.dp.port[CORE].tx_csum_tcp = true;
	rte_eth_fp_ops[CORE].tx_pkt_prepare = prepare;
	world.tx_device = device_looks;
	refused_len = hdr + 20; /* frames of 21 to 24 bytes of data are refused */
	n_ready = n_unready = 0;
	world_mark();
	for (i = 0; i < 24; i++)
		datagram_in((uint16_t)((i * 7) % 24), true);
	world_run();
	assert_int_equal(n_ready, 20);
	assert_int_equal(n_unready, 0);
	world_drops(DROP_TX_REFUSED, 4);
	assert_int_equal(world_count(0, CNT_TX), 20);
	world.tx_device = NULL;
	rte_eth_fp_ops[CORE].tx_pkt_prepare = NULL;
}

/* ---- a device that frees to one pool without looking ---- */

static uint16_t n_looked;

static void device_frees_unseen(uint16_t port, const struct rte_mbuf *m)
{
	(void)port;
	n_looked++;
	assert_int_equal(m->nb_segs, 1);
	assert_true(RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1);
	assert_ptr_equal(m->pool, world.w->pool);
}

/* Datagrams that are cut in two refer to one buffer, unless the device must not see that. */
static void fast_free(void **state)
{
	struct rte_mbuf *m = pkt_make(world.w);
	static uint8_t data[1480], msg[sizeof(data) + CHANDATA_HDR_LEN];
	static struct frame f;
	struct port *p = &world.dp.port[CORE];

	(void)state;
	p->fast_free = true;
	p->multi_seg = false;
	world.tx_device = device_frees_unseen;
	n_looked = 0;
	for (uint16_t i = 0; i < 8; i++)
		datagram_in(i, true);
	world_run();
	assert_int_equal(n_looked, 8);
	fill(data, sizeof(data), 1);
	frame_udp(&f, ACCESS, &client, &listener, msg, chandata(msg, CHANNEL, data, sizeof(data)),
		  NULL);
	world_in(ACCESS, 0, &f);
	world_run();
	assert_int_equal(n_looked, 10);
	/* One that somebody keeps is his, and a copy goes. */
	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, f.len), f.b, f.len);
	rte_mbuf_refcnt_update(m, 1);
	tx_frame(world.w, CORE, m);
	world_run();
	assert_int_equal(n_looked, 11);
	assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	rte_pktmbuf_free(m);
	assert_true(world_accounts());
	assert_int_equal(world_missing(), 0);
	world.tx_device = NULL;
}

/* ---- a bond with LACP ---- */

static uint64_t called_ms, longest_ms;
static uint16_t n_called;

static uint16_t bond_tx(void *q, struct rte_mbuf **m, uint16_t n)
{
	(void)q;
	(void)m;
	assert_int_equal(n, 0);
	n_called++;
	longest_ms = RTE_MAX(longest_ms, world.w->now_ms - called_ms);
	called_ms = world.w->now_ms;
	return 0;
}

/* Its driver is called to send at least every 100 ms, though nothing is sent; others are not. */
static void lacp_goes_on(void **state)
{
	(void)state;
	rte_eth_fp_ops[CORE].tx_pkt_burst = bond_tx;
	world_pass_ms(200);
	assert_int_equal(n_called, 0);
	world.dp.port[CORE].lacp = true;
	called_ms = world.w->now_ms;
	world_pass_ms(1000);
	assert_in_range(n_called, 10, 200);
	assert_in_range(longest_ms, 1, 99);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refused_by_driver, setup, world_teardown),
		T(room_for_all),
		T(no_room),
		T(room_for_some),
		T(second_try),
		T(fast_free),
		T(lacp_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
