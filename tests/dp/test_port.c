/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device with fewer queues than there are workers (dp/port.h): the packet buffers of one are
 * held by several, which the configuration could not know. With too few it is refused when it
 * is opened, by a sentence that says how many it needs; with enough it starts. R73. A buffer is
 * where the worker's pool says that it is, for a device that reads and writes memory by itself.
 * And what is asked of a device is what its traffic needs.
 */
#include "tests/world/unit.h"
#include "tests/world/worker.h"
#include "dp/port.h"

#include <rte_ethdev.h>
#include <rte_memory.h>

enum { WORKERS = 20 /* net_ring has 16 queues at most */, DESCRIPTORS = 64 };

static struct dplane dp;
static struct worker worker;

static int setup(void **state)
{
	static struct rte_mempool *pool;
	char err[512];

	(void)state;
	world_eal();
	world_config();
	world.conf.dataplane.n_workers = WORKERS;
	world.conf.n_port = 1;
	world.conf.n_relay = world.conf.n_listener = 0;
	world.conf.port[0].rx_desc = world.conf.port[0].tx_desc = DESCRIPTORS;
	dp.tsc_per_us = 1000;
	assert_true(dplane_init(&dp, &world.conf, err, sizeof(err)));
	if (!pool)
		pool = rte_pktmbuf_pool_create("port", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					       SOCKET_ID_ANY);
	worker.pool = pool;
	assert_non_null(worker.pool);
	for (uint16_t i = 0; i < WORKERS; i++)
		dp.worker[i] = &worker;
	return 0;
}

static bool opens(uint64_t mbufs, char *err, size_t len)
{
	struct config_port *c = &world.conf.port[0];
	static unsigned int n;

	world.conf.dataplane.mbufs = (uint32_t)mbufs;
	dp.n_ports = 0;
	snprintf(c->device, sizeof(c->device), "net_ring%u", n++);
	return port_open(&dp, 0, err, len);
}

static void opens_well(uint64_t mbufs)
{
	char err[512] = "";

	if (!opens(mbufs, err, sizeof(err)))
		fail_msg("%s", err);
	port_close(&dp.port[0]);
}

static void buffers_of_few_queues_for_many_workers(void **state)
{
	char err[512] = "", want[128];
	uint16_t queues;
	uint64_t needed;

	(void)state;
	opens_well(UINT32_MAX);
	queues = dp.port[0].rx_queues;
	assert_in_range(queues, 1, WORKERS - 1);
	needed = config_mbufs_needed(&world.conf, queues);
	/* What the configuration was checked against is not enough. */
	assert_true(config_mbufs_needed(&world.conf, WORKERS) < needed);
	assert_false(opens(needed - 1, err, sizeof(err)));
	snprintf(want, sizeof(want), "for %u workers: dataplane.mbufs must be %ju at least",
		 WORKERS, (uintmax_t)needed);
	assert_non_null(strstr(err, want));
	opens_well(needed);
}

#define UUID "635a7ae3-091e-4410-ae59-667c4f8c04ee"

static const char *at_start; /* the ethdev that EAL opened of the device with that UUID, or NULL */

int __real_rte_eth_dev_get_port_by_name(const char *name, uint16_t *id);
int __wrap_rte_eth_dev_get_port_by_name(const char *name, uint16_t *id);
int __wrap_rte_eth_dev_get_port_by_name(const char *name, uint16_t *id)
{
	return __real_rte_eth_dev_get_port_by_name(
	    at_start && strcmp(name, UUID) == 0 ? at_start : name, id);
}

/* Hyper-V's bus: what EAL has opened at its start is taken, and nothing else can be. */
static void one_that_was_opened_at_start(void **state)
{
	struct config_port *c = &world.conf.port[0];
	char err[512] = "";
	uint16_t id;

	(void)state;
	world.conf.dataplane.mbufs = 1 << 20;
	snprintf(c->device, sizeof(c->device), "vmbus:635A7AE3-091e-4410-ae59-667c4f8c04ee,a=1");
	dp.n_ports = 0;
	at_start = NULL;
	assert_false(port_open(&dp, 0, err, sizeof(err)));
	assert_non_null(
	    strstr(err, "is not on the vmbus (ls /sys/bus/vmbus/devices shows what is)"));
	assert_int_equal(rte_eal_hotplug_add("vdev", "net_ring77", ""), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_ring77", &id), 0);
	at_start = "net_ring77";
	dp.n_ports = 0;
	assert_true(port_open(&dp, 0, err, sizeof(err)));
	assert_int_equal(dp.port[0].id, id);
	port_close(&dp.port[0]);
	at_start = NULL;
}

static void look_for_buffer(struct rte_mempool *pool, void *end, void *obj, unsigned int i)
{
	const struct rte_mbuf *m = obj;
	uint8_t **next = end;

	(void)pool;
	assert_true(rte_mbuf_iova_get(m) == rte_mem_virt2iova(m->buf_addr));
	assert_true(rte_mempool_virt2iova(m) == rte_mem_virt2iova(m));
	if (i) /* AF_XDP counts on it: pool_is_dense() */
		assert_ptr_equal((uint8_t *)obj - pool->header_size, *next);
	*next = (uint8_t *)obj + pool->elt_size + pool->trailer_size;
}

static void devices_find_each_buffer(void **state)
{
	uint8_t *end = NULL;

	(void)state;
	assert_int_equal(rte_mempool_obj_iter(world.w->pool, look_for_buffer, &end),
			 world.w->pool->size);
	assert_false(world.w->pool->flags & RTE_MEMPOOL_F_NON_IO);
}

static const struct port *opened(uint16_t n_workers, enum config_transport transport, uint16_t mtu)
{
	struct config_port *c = &world.conf.port[0];
	char err[512] = "";

	world.conf.dataplane.n_workers = dp.n_workers = n_workers;
	world.conf.listener[0].transport = transport;
	world.conf.listener[0].addr.ip = c->addr[0].ip;
	world.conf.n_listener = 1;
	c->mtu = mtu;
	dp.n_ports = 0;
	snprintf(c->device, sizeof(c->device), "net_ring%u", mtu + transport);
	if (!port_open(&dp, 0, err, sizeof(err)))
		fail_msg("%s", err);
	port_close(&dp.port[0]);
	return &dp.port[0];
}

/* A port asks its device for as little as it needs: UDP alone has no use for chains. */
static void little_is_asked_for_udp(void **state)
{
	(void)state;
	world.conf.dataplane.mbufs = UINT32_MAX;
	assert_false(opened(1, TRANSPORT_UDP, 1500)->multi_seg);
	assert_non_null(strstr(dp.port[0].offloads, "tx none"));
	assert_true(opened(1, TRANSPORT_TCP, 1500)->multi_seg);
	assert_non_null(strstr(dp.port[0].offloads, "tx-chains device"));
	/* But what is longer than a buffer is a chain, whatever it carries. */
	assert_true(opened(1, TRANSPORT_UDP, 4000)->multi_seg);
}

/* ---- a device that frees what it has sent without a look, and tells how it sends ---- */

static bool offers; /* to free fast */
static uint64_t asked;

int __real_rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info);
int __wrap_rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info);
int __wrap_rte_eth_dev_info_get(uint16_t id, struct rte_eth_dev_info *info)
{
	const int r = __real_rte_eth_dev_info_get(id, info);

	if (r == 0 && offers)
		info->tx_offload_capa |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	return r;
}

/* Its real one knows nothing of it. */
int __real_rte_eth_dev_configure(uint16_t id, uint16_t rx, uint16_t tx,
				 const struct rte_eth_conf *conf);
int __wrap_rte_eth_dev_configure(uint16_t id, uint16_t rx, uint16_t tx,
				 const struct rte_eth_conf *conf);
int __wrap_rte_eth_dev_configure(uint16_t id, uint16_t rx, uint16_t tx,
				 const struct rte_eth_conf *conf)
{
	struct rte_eth_conf less = *conf;

	asked = conf->txmode.offloads;
	less.txmode.offloads &= ~RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	return __real_rte_eth_dev_configure(id, rx, tx, &less);
}

static uint16_t burst_of; /* whose functions were asked for */

int __wrap_rte_eth_tx_burst_mode_get(uint16_t id, uint16_t queue, struct rte_eth_burst_mode *mode);
int __wrap_rte_eth_tx_burst_mode_get(uint16_t id, uint16_t queue, struct rte_eth_burst_mode *mode)
{
	burst_of = id;
	assert_int_equal(queue, 0);
	if (!offers)
		return -ENOTSUP;
	snprintf(mode->info, sizeof(mode->info), "Vector of eight");
	return 0;
}

static bool frees_fast(uint16_t n_workers, enum config_transport transport, uint16_t mtu)
{
	const struct port *p = opened(n_workers, transport, mtu);

	assert_true(p->fast_free == !!(asked & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE));
	return p->fast_free;
}

/* One pool, no chains, and nobody else's frames: otherwise buffers would go to a wrong pool. */
static void fast_free_of_one_pool(void **state)
{
	struct config_port *c = &world.conf.port[0];
	char err[512] = "";

	(void)state;
	world.conf.dataplane.mbufs = UINT32_MAX;
	offers = true;
	assert_true(frees_fast(1, TRANSPORT_UDP, 1480));
	assert_non_null(strstr(dp.port[0].offloads, "tx none but fast free"));
	assert_non_null(strstr(dp.port[0].bursts, "tx Vector of eight"));
	assert_false(frees_fast(2, TRANSPORT_UDP, 1482));
	assert_false(frees_fast(1, TRANSPORT_TCP, 1484));
	assert_false(frees_fast(1, TRANSPORT_UDP, 4002));

	dp.n_workers = world.conf.dataplane.n_workers = 1;
	world.conf.listener[0].transport = TRANSPORT_UDP;
	c->mtu = 1486;
	c->bond = BOND_ACTIVE_BACKUP;
	c->n_member = 2;
	snprintf(c->device, sizeof(c->device), "net_bonding_fast");
	for (int i = 0; i < 2; i++)
		snprintf(c->member[i], sizeof(c->member[i]), "net_null_f%d", i);
	dp.n_ports = 0;
	if (!port_open(&dp, 0, err, sizeof(err)))
		fail_msg("%s", err);
	assert_false(asked & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
	assert_int_equal(burst_of, dp.port[0].member[0]); /* the bond's driver tells none */
	port_close(&dp.port[0]);
	c->bond = BOND_NONE;
	c->n_member = 0;

	offers = false;
	assert_false(frees_fast(1, TRANSPORT_UDP, 1488));
	assert_non_null(strstr(dp.port[0].bursts, "tx not told"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(devices_find_each_buffer, world_setup,
						world_teardown),
		cmocka_unit_test_setup(one_that_was_opened_at_start, setup),
		cmocka_unit_test_setup(little_is_asked_for_udp, setup),
		cmocka_unit_test_setup(fast_free_of_one_pool, setup),
		cmocka_unit_test_setup(buffers_of_few_queues_for_many_workers, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
