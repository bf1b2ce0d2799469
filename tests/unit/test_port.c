/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device with fewer queues than there are workers (dp/port.h): its one pool of packet buffers is
 * held by all of them, which the configuration could not know. With too few it is refused when it
 * is opened, by a sentence that says how many it needs; with enough it starts. R73.
 */
#include "dp_world.h"
#include "../../dp/port.h"

#include <rte_ethdev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORKERS = 2, DESCRIPTORS = 64 };

static struct dplane dp;
static struct worker worker[WORKERS];

static int setup(void **state)
{
	char name[16], err[512];

	(void)state;
	world_eal();
	world_config();
	world.conf.dataplane.n_workers = WORKERS;
	world.conf.n_port = 1;
	world.conf.n_relay = world.conf.n_listener = 0;
	world.conf.port[0].rx_desc = world.conf.port[0].tx_desc = DESCRIPTORS;
	dp.tsc_per_us = 1000;
	assert_true(dplane_init(&dp, &world.conf, err, sizeof(err)));
	for (uint16_t i = 0; i < WORKERS; i++) {
		snprintf(name, sizeof(name), "port%u", i);
		worker[i].pool = rte_pktmbuf_pool_create(name, 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
							 SOCKET_ID_ANY);
		assert_non_null(worker[i].pool);
		dp.worker[i] = &worker[i];
	}
	return 0;
}

/* A device of one queue that hears what is in a file: nothing. */
static const char *device(char *path, size_t len)
{
	static const uint32_t head[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1 };
	static unsigned int n;
	char name[] = "/tmp/port.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
	close(fd);
	snprintf(path, len, "net_pcap%u,rx_pcap=%s", n++, name);
	return strchr(path, '=') + 1;
}

static bool opens( uint64_t mbufs, char *err, size_t len)
{
	struct config_port *c = &world.conf.port[0];
	const char *file = device(c->device, sizeof(c->device));
	bool ok;

	world.conf.dataplane.mbufs = (uint32_t)mbufs;
	dp.n_ports = 0;
	ok = port_open(&dp, 0, err, len);
	assert_int_equal(unlink(file), 0);
	return ok;
}

static void buffers_of_one_queue_for_two_workers(void **state)
{
	const uint64_t needed = config_mbufs_needed(&world.conf, 1);
	char err[512] = "", want[64];

	(void)state;
	/* What the configuration was checked against is not enough. */
	assert_true(config_mbufs_needed(&world.conf, WORKERS) < needed);
	assert_false(opens(needed - 1, err, sizeof(err)));
	snprintf(want, sizeof(want), "dataplane.mbufs must be %ju at least", (uintmax_t)needed);
	assert_non_null(strstr(err, "has 1 receive queue for 2 workers"));
	assert_non_null(strstr(err, want));
	err[0] = '\0';
	if (!opens(needed, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(dp.port[0].rx_queues, 1);
	port_close(&dp.port[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(buffers_of_one_queue_for_two_workers, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
