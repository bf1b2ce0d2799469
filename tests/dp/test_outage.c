/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins what becomes of a device that is taken away, wants a reset, sends or hears nothing
 * (dp/outage.h): it is closed only when no worker can be at it any more, and opened anew: at once
 * after a reset, a while later if it was taken away; another device in its place is refused; the
 * log has each once (R69). Nobody waits for its driver meanwhile. Workers neither receive from such
 * a port nor send by it, and count what is lost.
 */
#include "tests/world/unit.h"
#include "tests/world/worker.h"
#include "dp/bond.h"
#include "dp/outage.h"
#include "dp/port.h"
#include "dp/shortfall.h"
#include "dp/tx.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_log.h>

enum { DESCRIPTORS = 64, LOG_MAX = 8192 };

static struct dplane dp;
static struct worker worker, second;
static struct ctl_port_counters counters[CTL_PORTS_MAX];
static struct outage outage;
static uint64_t now_ms;
static char logged[LOG_MAX];
static FILE *log_stream;

/* Whether the log has it so often since the last question. */
static unsigned int logs(const char *sentence)
{
	unsigned int n = 0;

	fflush(log_stream);
	for (const char *at = strstr(logged, sentence); at; at = strstr(at + 1, sentence))
		n++;
	return n;
}

/* One port of n workers, with this device, and what else is in world.conf. */
static void opened_as(const char *device, uint16_t n)
{
	static struct rte_mempool *pool;
	char err[512] = "";

	world_eal();
	world.conf.dataplane.n_workers = n;
	world.conf.dataplane.mbufs = UINT32_MAX;
	world.conf.n_port = 1;
	world.conf.n_relay = world.conf.n_listener = 0;
	world.conf.port[0].rx_desc = world.conf.port[0].tx_desc = DESCRIPTORS;
	snprintf(world.conf.port[0].device, sizeof(world.conf.port[0].device), "%s", device);
	dp.tsc_per_us = 1000;
	assert_true(dplane_init(&dp, &world.conf, err, sizeof(err)));
	if (!pool)
		pool = rte_pktmbuf_pool_create("outage", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					       SOCKET_ID_ANY);
	memset(counters, 0, sizeof(counters));
	worker = (struct worker){ .dp = &dp, .pool = pool, .port_counters = counters };
	second = worker;
	second.id = 1;
	dp.worker[0] = &worker;
	dp.worker[1] = &second;
	dp.n_ports = 0;
	if (!port_open(&dp, 0, err, sizeof(err)))
		fail_msg("%s", err);
	atomic_store(&dp.port[0].link, LINK_UP);
	memset(logged, 0, sizeof(logged));
	log_stream = fmemopen(logged, sizeof(logged), "w");
	rte_openlog_stream(log_stream);
	rte_log_set_level(RTE_LOGTYPE_USER1, RTE_LOG_NOTICE);
	outage_watch(&outage, &dp);
	dp.port[0].counts = true;
	now_ms = 5000;
}

static void opened_by(const char *device, uint16_t n)
{
	world_config();
	opened_as(device, n);
}

static void opened(const char *device)
{
	opened_by(device, 1);
}

static int closed(void **state)
{
	(void)state;
	port_close(&dp.port[0]);
	rte_openlog_stream(NULL);
	fclose(log_stream);
	return 0;
}

/* Turns until what a thread has begun has ended, and was taken. */
static void settle(void)
{
	for (int ms = 0; ms < 10000 && reopen_is_busy(&outage.reopen); ms++) {
		rte_delay_us_sleep(1000);
		outage_turn(&outage, now_ms);
	}
	assert_false(reopen_is_busy(&outage.reopen));
}

static void look(uint64_t ms)
{
	now_ms += ms;
	outage_turn(&outage, now_ms);
	settle();
}

static void worker_turns(uint64_t n)
{
	stat_add(&worker.clock.beat, n);
}

static bool is_open(void)
{
	return rte_eth_dev_is_valid_port(dp.port[0].id);
}

static void a_reset_waits_for_the_workers(void **state)
{
	(void)state;
	opened("net_ring_reset");
	look(1);
	assert_false(port_is_down(&dp.port[0]));
	outage_wish(&outage, dp.port[0].id, false);
	look(1);
	assert_true(port_is_out(&dp.port[0]) && port_is_down(&dp.port[0]));
	look(100);
	worker_turns(1); /* that turn may have begun before */
	look(100);
	assert_true(is_open());
	worker_turns(1);
	look(100);
	assert_false(is_open());
	look(OUTAGE_RESET_MS - 1); /* its PF may not be done */
	assert_false(is_open());
	look(1);
	assert_true(is_open());
	assert_false(port_is_out(&dp.port[0]));
	assert_int_equal(dp.port[0].outages, 1);
	assert_int_equal(logs("the device is opened anew"), 1);
	assert_int_equal(logs("works again"), 1);
	look(60000);
	assert_int_equal(dp.port[0].outages, 1);
}

static void taken_away_and_back(void **state)
{
	(void)state;
	opened("net_ring_gone");
	outage_wish(&outage, dp.port[0].id, true);
	look(1);
	assert_int_equal(logs("was taken away"), 1);
	worker_turns(2);
	look(1);
	assert_false(is_open());
	look(OUTAGE_RETRY_MS - 1); /* the kernel is not done with it */
	assert_false(is_open());
	look(1);
	assert_true(is_open());
	assert_false(port_is_out(&dp.port[0]));
}

/* A driver that waits for its firmware: it opens nothing while the gate is shut. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static _Atomic unsigned int waiting;
int __real_rte_dev_probe(const char *devargs);
int __wrap_rte_dev_probe(const char *devargs);
int __wrap_rte_dev_probe(const char *devargs)
{
	waiting++;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	waiting--;
	return __real_rte_dev_probe(devargs);
}

/* Closed, and its driver has been asked to open it. */
static void begins_to_open(void)
{
	outage_wish(&outage, dp.port[0].id, false);
	look(1);
	worker_turns(2);
	look(1);
	pthread_mutex_lock(&gate);
	now_ms += OUTAGE_RESET_MS;
	outage_turn(&outage, now_ms);
	for (int ms = 0; ms < 10000 && !waiting; ms++)
		rte_delay_us_sleep(1000);
	assert_int_equal(waiting, 1);
}

static void nobody_waits_for_a_driver(void **state)
{
	(void)state;
	opened("net_ring_slow");
	begins_to_open();
	for (int i = 0; i < 100; i++) {
		now_ms += 1000;
		outage_turn(&outage, now_ms);
	}
	assert_int_equal(waiting, 1);
	assert_true(port_is_out(&dp.port[0]));
	pthread_mutex_unlock(&gate);
	settle();
	assert_true(is_open());
	assert_false(port_is_out(&dp.port[0]));
	assert_int_equal(dp.port[0].outages, 1);
}

/* Two ports, of which the first is being opened: the second has its turn afterwards. */
static void one_device_at_a_time(void **state)
{
	char err[512] = "";

	(void)state;
	opened("net_ring_first");
	world.conf.port[1] = world.conf.port[0];
	snprintf(world.conf.port[1].device, sizeof(world.conf.port[1].device), "net_ring_second");
	world.conf.n_port = 2;
	assert_true(port_open(&dp, 1, err, sizeof(err)));
	begins_to_open();
	outage_wish(&outage, dp.port[1].id, true);
	for (int i = 0; i < 10; i++) {
		worker_turns(2);
		now_ms += OUTAGE_RETRY_MS;
		outage_turn(&outage, now_ms);
	}
	assert_true(port_is_out(&dp.port[1]));
	assert_true(rte_eth_dev_is_valid_port(dp.port[1].id)); /* nobody has closed it yet */
	pthread_mutex_unlock(&gate);
	settle();
	look(1);
	look(OUTAGE_RETRY_MS);
	assert_false(port_is_out(&dp.port[0]) || port_is_out(&dp.port[1]));
	assert_true(rte_eth_dev_is_valid_port(dp.port[1].id));
	port_close(&dp.port[1]);
}

/* Nor does the end of the process, longer than it must; what was opened meanwhile is closed. */
static void the_end_while_a_driver_opens(void **state)
{
	uint16_t id;

	(void)state;
	opened("net_ring_last");
	assert_true(outage_end(&outage, 0));
	begins_to_open();
	assert_false(outage_end(&outage, 1));
	pthread_mutex_unlock(&gate);
	assert_true(outage_end(&outage, 10000));
	assert_int_not_equal(rte_eth_dev_get_port_by_name("net_ring_last", &id), 0);
}

/* net_null draws a MAC address each time. */
static void another_device_in_its_place(void **state)
{
	(void)state;
	opened("net_null_other");
	outage_wish(&outage, dp.port[0].id, false);
	look(1);
	worker_turns(2);
	look(1);
	for (int i = 0; i < 5; i++)
		look(OUTAGE_RETRY_MS);
	assert_true(port_is_out(&dp.port[0]));
	assert_int_equal(logs("is another device now"), 1);
	assert_int_equal(logs("restart fairlead-dp"), 1);
}

static void all_vlans_of_a_device(void **state)
{
	struct config_port *c = &world.conf.port[1];
	char err[512] = "";

	(void)state;
	opened("net_ring_vlans");
	*c = world.conf.port[0];
	c->shares = 1;
	c->vlan = 7;
	world.conf.n_port = 2;
	assert_true(port_open(&dp, 1, err, sizeof(err)));
	outage_wish(&outage, dp.port[0].id, false);
	look(1);
	assert_true(port_is_out(&dp.port[0]) && port_is_out(&dp.port[1]));
	worker_turns(2);
	look(1);
	look(OUTAGE_RESET_MS);
	assert_false(port_is_out(&dp.port[0]) || port_is_out(&dp.port[1]));
	assert_int_equal(dp.port[0].id, dp.port[1].id);
	assert_int_equal(dp.port[0].outages + dp.port[1].outages, 1);
}

/* So many seconds in which packets are given, and the device counts those that it sent. */
static void seconds(unsigned int n, uint64_t given, uint64_t sent)
{
	while (n--) {
		stat_add(&counters[0].tx_packets, given / 2);
		stat_add(&counters[0].tx_full, given - given / 2);
		dp.port[0].sent += sent;
		look(1000);
	}
}

/* Whether a PCI device has a driver that lets us open it: here all have. */
static bool freely;
bool __wrap_pci_opens_freely(const char *root, const char *device);
bool __wrap_pci_opens_freely(const char *root, const char *device)
{
	assert_string_equal(root, "");
	assert_non_null(device);
	return freely;
}

static void a_device_that_sends_nothing(void **state)
{
	(void)state;
	opened("net_ring_stall");
	freely = true;
	/* What is not there any more when it is looked for. */
	snprintf(world.conf.port[0].device, sizeof(world.conf.port[0].device), "7f:1f.7");
	seconds(60, 10, 0); /* a driver that counts nothing */
	seconds(60, 10, 10);
	dp.port[0].counts = false; /* its statistics cannot be read */
	seconds(60, 10, 0);
	dp.port[0].counts = true;
	freely = false; /* nobody could open it any more */
	seconds(60, 10, 0);
	freely = true;
	dp.port[0].heals = true;
	seconds(60, 10, 0);
	dp.port[0].heals = false;
	seconds(1, 10, 1);
	seconds(60, 0, 0);
	seconds(60, 10, 1);
	atomic_store(&dp.port[0].link, LINK_DOWN);
	seconds(60, 10, 0);
	atomic_store(&dp.port[0].link, LINK_UP);
	seconds(OUTAGE_STALL_S - 1, 10, 0);
	assert_int_equal(dp.port[0].outages, 0);
	seconds(1, 10, 0);
	assert_int_equal(dp.port[0].outages, 1);
	assert_int_equal(logs("has sent nothing for 5 s"), 1);
	worker_turns(2);
	for (int i = 0; i < 5; i++)
		look(OUTAGE_RETRY_MS);
	assert_true(port_is_out(&dp.port[0]));
	assert_int_equal(logs("is out until it can be opened: is not on the PCI bus"), 1);
}

/* What is sent cannot be told from what stays in the ring, but nobody answers. */
static void a_virtio_device_that_hears_nothing(void **state)
{
	struct port *p = &dp.port[0];

	(void)state;
	opened("net_ring_deaf");
	freely = true;
	snprintf(world.conf.port[0].device, sizeof(world.conf.port[0].device), "7f:1f.7");
	seconds(2 * OUTAGE_DEAF_S, 3, 3); /* nobody was ever heard */
	p->heard = 10;
	seconds(2 * OUTAGE_DEAF_S, 3, 3); /* another driver */
	snprintf(p->driver, sizeof(p->driver), "net_virtio");
	p->heard++;
	seconds(2 * OUTAGE_DEAF_S, 0, 0); /* nothing to be answered */
	for (int i = 0; i < 10; i++) {
		seconds(OUTAGE_DEAF_S - 1, 3, 3);
		p->heard++;
		seconds(1, 3, 3);
	}
	assert_int_equal(p->outages, 0);
	atomic_store(&p->link, LINK_DOWN);
	seconds(2 * OUTAGE_DEAF_S, 3, 3);
	atomic_store(&p->link, LINK_UP);
	seconds(OUTAGE_STALL_S - 1, 3, 3);
	assert_int_equal(p->outages, 0);
	seconds(1, 3, 3);
	assert_int_equal(p->outages, 1);
	assert_int_equal(logs("has received nothing in 5 s since its link came up"), 1);
}

/* No more than once for that, unless it was heard again. */
static void deaf_once(void **state)
{
	struct port *p = &dp.port[0];

	(void)state;
	opened("net_ring_once");
	freely = true;
	snprintf(p->driver, sizeof(p->driver), "net_virtio");
	snprintf(world.conf.port[0].device, sizeof(world.conf.port[0].device), "7f:1f.7");
	p->heard = 1;
	seconds(OUTAGE_DEAF_S, 3, 3);
	assert_int_equal(p->outages, 0);
	seconds(1, 3, 3);
	assert_int_equal(p->outages, 1);
	assert_int_equal(logs("has received nothing in 60 s, though"), 1);
	/* As if it had been opened. */
	outage.port[0].step = OUTAGE_NONE;
	atomic_store(&p->link, LINK_UP);
	p->heard = 0;
	seconds(10 * OUTAGE_DEAF_S, 3, 3);
	assert_int_equal(p->outages, 1);
	p->heard = 1;
	seconds(1 + OUTAGE_DEAF_S, 3, 3);
	assert_int_equal(p->outages, 2);
}

static void deaf_to_another_vlan(void **state)
{
	char err[512] = "";

	(void)state;
	opened("net_ring_other");
	freely = true;
	world.conf.port[1] = world.conf.port[0];
	world.conf.port[1].shares = 1;
	world.conf.port[1].vlan = 7;
	world.conf.n_port = 2;
	assert_true(port_open(&dp, 1, err, sizeof(err)));
	snprintf(world.conf.port[0].device, sizeof(world.conf.port[0].device), "7f:1f.7");
	dp.port[0].sent = 100;
	look(1000);
	for (int i = 0; i < OUTAGE_STALL_S; i++) {
		stat_add(&counters[1].tx_packets, 5);
		look(1000);
	}
	assert_int_equal(dp.port[0].outages, 1);
}

/* As net_null's, which is one whose device keeps its key from one start to the next. */
static const struct rte_ether_addr same = { .addr_bytes = { 2, 0, 0, 0, 0, 1 } };
static bool one_address;
int __real_rte_eth_macaddr_get(uint16_t id, struct rte_ether_addr *mac);
int __wrap_rte_eth_macaddr_get(uint16_t id, struct rte_ether_addr *mac);
int __wrap_rte_eth_macaddr_get(uint16_t id, struct rte_ether_addr *mac)
{
	int r = __real_rte_eth_macaddr_get(id, mac);

	if (one_address)
		*mac = same;
	return r;
}

/* What workers know of the key, as of a device that draws one at each start. */
static void the_key_stays(void **state)
{
	static struct rss known, now;

	(void)state;
	one_address = true;
	opened_by("net_null_key", 2);
	assert_true(dp.port[0].flow_sticky);
	for (int i = 0; i < 40; i++)
		dp.port[0].rss.key[i] ^= (uint8_t)(i * 37 + 1);
	known = dp.port[0].rss;
	outage_wish(&outage, dp.port[0].id, false);
	look(1);
	worker_turns(2);
	stat_add(&second.clock.beat, 2);
	look(1);
	look(OUTAGE_RESET_MS);
	assert_false(port_is_out(&dp.port[0]));
	rss_read(&now, dp.port[0].id);
	assert_memory_equal(now.key, known.key, 40);
	assert_memory_equal(now.reta, known.reta, sizeof(now.reta[0]) * known.reta_size);
	one_address = false;
	dp.n_workers = 1;
}

/* The driver looks at its members from a thread of DPDK's. */
static void await_carrier(void)
{
	const uint16_t before = dp.port[0].carrier;

	for (int ms = 0; ms < 10000 && dp.port[0].carrier == before; ms++) {
		bond_look(&dp.port[0]);
		rte_delay_us_sleep(1000);
	}
	assert_int_not_equal(dp.port[0].carrier, before);
}

static void a_member_leaves(void **state)
{
	char text[2048] = "";
	FILE *told = fmemopen(text, sizeof(text), "w");

	(void)state;
	world_config();
	world.conf.port[0].bond = BOND_ACTIVE_BACKUP;
	world.conf.port[0].n_member = 2;
	snprintf(world.conf.port[0].member[0], sizeof(world.conf.port[0].member[0]), "net_null_m0");
	snprintf(world.conf.port[0].member[1], sizeof(world.conf.port[0].member[1]), "net_null_m1");
	opened_as("net_bonding_left", 1);
	await_carrier();
	assert_int_equal(atomic_load(&dp.port[0].takeovers), 0);
	/* Its driver is always up, which no bond can rely on. */
	assert_int_equal(shortfall_tell(&dp, &dp.port[0], told), 2);
	fclose(told);
	assert_non_null(strstr(text, "members[1] (access, net_null_m1): its driver does not tell"));
	assert_null(strstr(text, "vfio-intr"));
	bond_describe(&dp.port[0], text, sizeof(text));
	assert_string_equal(text,
			    "net_null_m0 link not told, active; net_null_m1 link not told, idle");
	outage_wish(&outage, dp.port[0].member[0], true);
	look(1);
	assert_true(port_is_out(&dp.port[0]));
	worker_turns(2);
	look(1);
	assert_false(port_is_down(&dp.port[0])); /* the other one carries on */
	await_carrier();
	assert_int_equal(atomic_load(&dp.port[0].takeovers), 1);
	for (int i = 0; i < 10; i++)
		bond_describe(&dp.port[0], text, sizeof(text));
	assert_non_null(strstr(text, "net_null_m0 down, out"));
	assert_int_equal(logs("Invalid port_id"), 0);
	assert_int_equal(logs("is out of the bond until fairlead-dp is restarted"), 1);
}

/* Each reason once, however often it is tried. */
static void tries_are_quiet(void **state)
{
	(void)state;
	opened("net_ring_quiet");
	outage_wish(&outage, dp.port[0].id, true);
	look(1);
	snprintf(world.conf.port[0].device, sizeof(world.conf.port[0].device), "7f:1f.7");
	worker_turns(2);
	for (int i = 0; i < 10; i++)
		look(OUTAGE_RETRY_MS);
	assert_int_equal(logs("Invalid port_id"), 0);
	assert_int_equal(logs("is out until it can be opened"), 1);
}

/* A virtual device waits for its peer: that is no stall. */
static void a_virtual_device_may_wait(void **state)
{
	(void)state;
	opened("net_ring_patient");
	seconds(60, 10, 0);
	assert_int_equal(dp.port[0].outages, 0);
}

static void never(uint16_t port, uint16_t worker_id)
{
	(void)worker_id;
	assert_int_not_equal(port, CORE);
}

static void workers_leave_it_alone(void **state)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(world.w->pool);
	uint64_t full = world.w->port_counters[CORE].tx_full;

	(void)state;
	atomic_store(&world.dp.port[CORE].link, LINK_OUT);
	world_mark();
	world.on_rx = never;
	assert_non_null(rte_pktmbuf_append(m, 60));
	count(world.w, CNT_MADE);
	tx_frame(world.w, CORE, m);
	world_run();
	world_drops(DROP_TX_OUT, 1);
	assert_int_equal(world.w->port_counters[CORE].tx_full - full, 1);
	assert_null(world_out(CORE));
	world.on_rx = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(workers_leave_it_alone, world_setup,
						world_teardown),
		cmocka_unit_test_teardown(a_reset_waits_for_the_workers, closed),
		cmocka_unit_test_teardown(taken_away_and_back, closed),
		cmocka_unit_test_teardown(nobody_waits_for_a_driver, closed),
		cmocka_unit_test_teardown(one_device_at_a_time, closed),
		cmocka_unit_test_teardown(the_end_while_a_driver_opens, closed),
		cmocka_unit_test_teardown(another_device_in_its_place, closed),
		cmocka_unit_test_teardown(all_vlans_of_a_device, closed),
		cmocka_unit_test_teardown(a_device_that_sends_nothing, closed),
		cmocka_unit_test_teardown(a_virtio_device_that_hears_nothing, closed),
		cmocka_unit_test_teardown(deaf_once, closed),
		cmocka_unit_test_teardown(deaf_to_another_vlan, closed),
		cmocka_unit_test_teardown(the_key_stays, closed),
		cmocka_unit_test_teardown(a_member_leaves, closed),
		cmocka_unit_test_teardown(tries_are_quiet, closed),
		cmocka_unit_test_teardown(a_virtual_device_may_wait, closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
