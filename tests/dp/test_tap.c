/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue of a TAP interface (dp/tap.h): a socket that keeps datagrams apart stands for it. What
 * the header of virtio-net says becomes what a device says of a packet, and the other way round;
 * frames of 64 KB cross in one piece; without buffers nothing is read, and so nothing is lost. R73.
 */
#include "tests/world/unit.h"
#include "tests/world/worker.h"
#include "dp/tap.h"

#include <linux/virtio_net.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PORT = 3,
	LARGEST = 65535 + 18,
	HDR = sizeof(struct virtio_net_hdr_v1),
	TCP_SUM = 34 + 16,
	BUFFERS = 255
};

static struct rte_mempool *pool;
static struct tap_queue q;
static int kernel;
static uint8_t buf[HDR + LARGEST + 1];

static int setup(void **state)
{
	const int size = 4 << 20;
	int fd[2];

	(void)state;
	world_eal();
	pool =
	    rte_pktmbuf_pool_create("tap", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_non_null(pool);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	for (int i = 0; i < 2; i++)
		setsockopt(fd[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	kernel = fd[1];
	tap_queue_init(&q, fd[0], pool);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tap_queue_free(&q);
	close(kernel);
	assert_int_equal(rte_mempool_avail_count(pool), BUFFERS);
	rte_mempool_free(pool);
	return 0;
}

/* The kernel sends a frame of len bytes, each of which tells where it stands. */
static void kernel_sends(struct virtio_net_hdr_v1 h, uint32_t len)
{
	memcpy(buf, &h, HDR);
	for (uint32_t i = 0; i < len; i++)
		buf[HDR + i] = (uint8_t)(i * 7 + (i >> 8));
	assert_int_equal(write(kernel, buf, HDR + len), HDR + len);
}

/* A frame of len bytes, in buffers of `piece` bytes. */
static struct rte_mbuf *frame(uint32_t len, uint16_t piece)
{
	struct rte_mbuf *first = NULL;

	for (uint32_t at = 0; at < len; at += piece) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		const uint16_t n = (uint16_t)RTE_MIN(piece, len - at);

		assert_non_null(m);
		for (uint16_t i = 0; i < n; i++)
			rte_pktmbuf_append(m, 1)[0] = (char)((at + i) * 3);
		if (!first)
			first = m;
		else
			assert_int_equal(rte_pktmbuf_chain(first, m), 0);
	}
	return first;
}

static struct virtio_net_hdr_v1 kernel_hears(uint32_t len)
{
	struct virtio_net_hdr_v1 h;

	assert_int_equal(read(kernel, buf, sizeof(buf)), HDR + len);
	memcpy(&h, buf, HDR);
	return h;
}

static void small_frames_are_a_buffer_each(void **state)
{
	struct rte_mbuf *m[8];

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		kernel_sends((struct virtio_net_hdr_v1){ 0 }, 60 + i);
	assert_int_equal(tap_read(&q, PORT, m, 3), 3);
	assert_int_equal(tap_read(&q, PORT, m + 3, 5), 2);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(m[i]->pkt_len, 60 + i);
		assert_int_equal(m[i]->nb_segs, 1);
		assert_int_equal(m[i]->port, PORT);
		assert_int_equal(m[i]->ol_flags, 0);
		rte_pktmbuf_free(m[i]);
	}
	assert_int_equal(tap_read(&q, PORT, m, 8), 0);
}

/* What is read is still in the CPU's cache when it is written: a burst has so many bytes. */
static void a_burst_ends_by_its_bytes(void **state)
{
	enum { MOST = TAP_BURST_BYTES / LARGEST + 1 };
	struct rte_mbuf *m[8];

	(void)state;
	for (uint32_t i = 0; i < MOST + 1; i++)
		kernel_sends((struct virtio_net_hdr_v1){ 0 }, LARGEST);
	assert_int_equal(tap_read(&q, PORT, m, 8), MOST);
	assert_true(q.left);
	rte_pktmbuf_free_bulk(m, MOST);
	assert_int_equal(tap_read(&q, PORT, m, 8), 1);
	assert_false(q.left);
	rte_pktmbuf_free(m[0]);
}

static void the_largest_is_a_chain(void **state)
{
	const struct virtio_net_hdr_v1 h = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					     .gso_type =
						 VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
					     .gso_size = 1448 };
	struct rte_mbuf *m;
	uint32_t at = 0;

	(void)state;
	kernel_sends(h, LARGEST);
	assert_int_equal(tap_read(&q, PORT, &m, 1), 1);
	assert_int_equal(m->pkt_len, LARGEST);
	assert_int_equal(m->nb_segs, TAP_BUFFERS);
	assert_int_equal(rte_mbuf_check(m, 1, &(const char *){ NULL }), 0);
	assert_true(m->ol_flags & RTE_MBUF_F_RX_LRO);
	assert_int_equal(m->tso_segsz, 1448);
	assert_int_equal(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_NONE);
	for (const struct rte_mbuf *s = m; s; at += s->data_len, s = s->next)
		assert_memory_equal(rte_pktmbuf_mtod(s, void *), buf + HDR + at, s->data_len);
	assert_int_equal(at, LARGEST);
	rte_pktmbuf_free(m);
}

/* And one that is longer than that is cut by who reads, as nothing of the kernel's is. */
static void what_is_no_frame(void **state)
{
	struct rte_mbuf *m;

	(void)state;
	assert_int_equal(write(kernel, buf, HDR), HDR);
	assert_int_equal(write(kernel, buf, 3), 3);
	kernel_sends((struct virtio_net_hdr_v1){ .flags = VIRTIO_NET_HDR_F_DATA_VALID }, 60);
	assert_int_equal(tap_read(&q, PORT, &m, 1), 1);
	assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	assert_int_equal(atomic_load(&q.bad_in), 2);
	rte_pktmbuf_free(m);
}

static void without_buffers_it_waits(void **state)
{
	struct rte_mbuf *held[BUFFERS], *m;
	uint32_t n = 0;

	(void)state;
	while (rte_mempool_avail_count(pool) >= TAP_BUFFERS)
		held[n++] = rte_pktmbuf_alloc(pool);
	kernel_sends((struct virtio_net_hdr_v1){ 0 }, 60);
	assert_int_equal(tap_read(&q, PORT, &m, 1), 0);
	assert_int_equal(atomic_load(&q.short_of), 1);
	rte_pktmbuf_free(held[--n]);
	assert_int_equal(tap_read(&q, PORT, &m, 1), 1);
	assert_int_equal(m->pkt_len, 60);
	rte_pktmbuf_free(m);
	while (n)
		rte_pktmbuf_free(held[--n]);
}

static void what_is_left_to_the_kernel(void **state)
{
	struct rte_mbuf *m[3] = { frame(100, 100), frame(1500, 400), frame(60000, 2000) };
	struct virtio_net_hdr_v1 h;

	(void)state;
	for (int i = 1; i < 3; i++) {
		m[i]->l2_len = 14;
		m[i]->l3_len = 20;
		m[i]->l4_len = 32;
		m[i]->ol_flags = RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;
		memcpy(rte_pktmbuf_mtod_offset(m[i], void *, TCP_SUM), "\xff\x01", 2);
	}
	m[2]->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	m[2]->tso_segsz = 1400;
	assert_int_equal(tap_write(&q, m, 3), 3);
	h = kernel_hears(100);
	assert_int_equal(h.flags | h.gso_type, 0);
	h = kernel_hears(1500);
	assert_int_equal(h.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(h.csum_start, 34);
	assert_int_equal(h.csum_offset, 16);
	assert_int_equal(h.gso_type, VIRTIO_NET_HDR_GSO_NONE);
	assert_memory_equal(buf + HDR + TCP_SUM, "\xff\x01", 2);
	assert_int_equal(buf[HDR + 1499], (uint8_t)(1499 * 3));
	h = kernel_hears(60000);
	assert_int_equal(h.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(h.gso_size, 1400);
	assert_int_equal(h.hdr_len, 66);
	/* 0xff01 and 59966, which is 0xea3e, with the carry. */
	assert_memory_equal(buf + HDR + TCP_SUM, "\xe9\x40", 2);
	assert_int_equal(buf[HDR + 59999], (uint8_t)(59999 * 3));
	for (int i = 0; i < 3; i++)
		rte_pktmbuf_free(m[i]);
}

/* It is given once more, and then as it was. */
static void what_does_not_fit_stays(void **state)
{
	struct rte_mbuf *m = frame(60000, 2000);
	uint32_t n = 0;

	(void)state;
	m->l2_len = 14;
	m->l3_len = 20;
	m->l4_len = 32;
	m->ol_flags = RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV6;
	m->tso_segsz = 1400;
	memcpy(rte_pktmbuf_mtod_offset(m, void *, TCP_SUM), "\x10\x01", 2);
	/* As one that is sent is the caller's, its sum is set back here. */
	while (n < 1000 && tap_write(&q, &m, 1)) {
		memcpy(rte_pktmbuf_mtod_offset(m, void *, TCP_SUM), "\x10\x01", 2);
		n++;
	}
	assert_in_range(n, 1, 999);
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, void *, TCP_SUM), "\x10\x01", 2);
	assert_int_equal(atomic_load(&q.bad_out), 0);
	assert_int_equal(kernel_hears(60000).gso_type, VIRTIO_NET_HDR_GSO_TCPV6);
	rte_pktmbuf_free(m);
}

/* The interface is gone: frames are done with, and counted. */
static void who_is_gone_takes_nothing(void **state)
{
	struct rte_mbuf *m[2] = { frame(100, 100), frame(100, 100) };

	(void)state;
	close(kernel);
	assert_int_equal(tap_write(&q, m, 2), 2);
	assert_int_equal(atomic_load(&q.bad_out), 2);
	rte_pktmbuf_free(m[0]);
	rte_pktmbuf_free(m[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_frames_are_a_buffer_each, setup, teardown),
		cmocka_unit_test_setup_teardown(a_burst_ends_by_its_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(the_largest_is_a_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_frame, setup, teardown),
		cmocka_unit_test_setup_teardown(without_buffers_it_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_left_to_the_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_gone_takes_nothing, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
