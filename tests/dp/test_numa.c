/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the start says of NUMA nodes (dp/numa.h): a worker whose memory is elsewhere, by what the
 * kernel says of its pages, and a port whose device is on another node than a worker that polls it;
 * nothing where all is on one node, or nobody tells. A device whose node has no memory left has its
 * rings on another.
 */
#include "tests/world/worker.h"
#include "dp/numa.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ELSEWHERE = 1000 };

static int here;
static int refused, refusal; /* the node whose rings the driver does not get, and why */
static unsigned asked;

/* The linker puts these in place of ethdev's own. */
int __wrap_rte_eth_dev_socket_id(uint16_t id);
int __wrap_rte_eth_rx_queue_setup(uint16_t id, uint16_t q, uint16_t n, unsigned node,
				  const struct rte_eth_rxconf *conf, struct rte_mempool *pool);
int __wrap_rte_eth_tx_queue_setup(uint16_t id, uint16_t q, uint16_t n, unsigned node,
				  const struct rte_eth_txconf *conf);

int __wrap_rte_eth_dev_socket_id(uint16_t id)
{
	(void)id;
	return ELSEWHERE;
}

int __wrap_rte_eth_rx_queue_setup(uint16_t id, uint16_t q, uint16_t n, unsigned node,
				  const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	(void)id, (void)q, (void)n, (void)conf;
	assert_ptr_equal(pool, world.dp.worker[q]->pool);
	asked++;
	return (int)node == refused ? refusal : 0;
}

int __wrap_rte_eth_tx_queue_setup(uint16_t id, uint16_t q, uint16_t n, unsigned node,
				  const struct rte_eth_txconf *conf)
{
	return __wrap_rte_eth_rx_queue_setup(id, q, n, node, NULL, world.dp.worker[q]->pool) +
	       (conf != NULL);
}

static int setup(void **state)
{
	world_config();
	world.conf.dataplane.n_workers = 2;
	world.conf.dataplane.workers[1] = 7;
	snprintf(world.conf.port[CORE].name, sizeof(world.conf.port[CORE].name), "core");
	world_start();
	here = numa_node(world.w->session);
	for (uint16_t i = 0; i < 2; i++) {
		world.dp.node[i] = here;
		world.dp.port[i].conf = &world.conf.port[i];
		world.dp.port[i].rx_queues = 2;
		world.dp.port[i].node = -1;
	}
	(void)state;
	return 0;
}

/* What is told: one line that has all of these. */
static void tells_once(const char *a, const char *b, const char *c)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	assert_int_equal(numa_warn(&world.dp, f), 1);
	fclose(f);
	if (!strstr(text, a) || !strstr(text, b) || !strstr(text, c))
		fail_msg("%s", text);
	assert_ptr_equal(strchr(text, '\n'), text + len - 1);
	free(text);
}

static void nothing_to_tell(void **state)
{
	(void)state;
	assert_int_equal(numa_warn(&world.dp, stderr), 0);
	world.dp.port[CORE].node = here;
	assert_int_equal(numa_warn(&world.dp, stderr), 0);
	world.dp.node[0] = world.dp.node[1] = -1;
	world.dp.port[CORE].node = ELSEWHERE;
	assert_int_equal(numa_warn(&world.dp, stderr), 0);
}

static void memory_of_another_node(void **state)
{
	(void)state;
	if (here < 0) /* a kernel without NUMA */
		skip();
	world.dp.node[1] = ELSEWHERE;
	tells_once("worker 1 (CPU 7) is on NUMA node 1000, and memory of it on node 0",
		   "huge pages", "memory-mb");
}

static void port_of_another_node(void **state)
{
	(void)state;
	if (here < 0)
		skip();
	world.dp.port[CORE].node = ELSEWHERE;
	tells_once("port core is on NUMA node 1000, and worker 0", "on node 0",
		   "dataplane.workers");
	/* Of a worker that has no queue nothing is said. */
	world.dp.port[CORE].rx_queues = 0;
	assert_int_equal(numa_warn(&world.dp, stderr), 0);
}

static void rings_of_another_node(void **state)
{
	struct port *p = &world.dp.port[CORE];

	(void)state;
	p->rx_queues = p->tx_queues = 2;
	p->node = ELSEWHERE;
	world.dp.node[0] = world.dp.node[1] = -1;
	refused = -1, asked = 0;
	assert_int_equal(numa_queues(&world.dp, p), 0);
	assert_int_equal(asked, 4);
	assert_int_equal(numa_warn(&world.dp, stderr), 0);
	refused = ELSEWHERE, refusal = -ENOMEM, asked = 0;
	assert_int_equal(numa_queues(&world.dp, p), 0);
	assert_int_equal(asked, 1 + 4);
	tells_once("port core is on NUMA node 1000, which has no memory left for its rings",
		   "give node 1000", "huge pages");
	/* What is not memory another node does not mend. */
	refusal = -EBUSY, asked = 0;
	assert_int_equal(numa_queues(&world.dp, p), -EBUSY);
	assert_int_equal(asked, 1);
	assert_int_equal(numa_warn(&world.dp, stderr), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_to_tell, setup, world_teardown),
		cmocka_unit_test_setup_teardown(memory_of_another_node, setup, world_teardown),
		cmocka_unit_test_setup_teardown(port_of_another_node, setup, world_teardown),
		cmocka_unit_test_setup_teardown(rings_of_another_node, setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
