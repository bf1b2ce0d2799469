/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is told of the dataplane's counters. Pins: the arithmetic of accounting (R74: rx + made =
 * tx + consumed + dropped + held) per worker and in total; every counter and drop reason by its
 * name; ports summed over workers; a description that is being written, unterminated strings and
 * a missing dataplane. The link is a stub over ordinary memory.
 */
#include "../../cp/admin/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { WORKERS = 2, PORTS = 2 };

struct dplink {
	bool attached;
	struct region region;
	struct ctl_counters counters[WORKERS];
	struct ctl_port_counters traffic[WORKERS][PORTS];
	struct ctl_port_info info[PORTS];
};

bool dplink_attached(const struct dplink *l)
{
	return l->attached;
}

const struct region *dplink_region(const struct dplink *l)
{
	return l->attached ? &l->region : NULL;
}

uint32_t dplink_n_workers(const struct dplink *l)
{
	return l->attached ? WORKERS : 0;
}

uint32_t dplink_n_ports(const struct dplink *l)
{
	return l->attached ? PORTS : 0;
}

const struct ctl_counters *dplink_counters(const struct dplink *l, uint32_t worker)
{
	return l->attached && worker < WORKERS ? &l->counters[worker] : NULL;
}

const struct ctl_port_counters *dplink_port_counters(const struct dplink *l, uint32_t worker,
						     uint32_t port)
{
	return l->attached && worker < WORKERS && port < PORTS ? &l->traffic[worker][port] : NULL;
}

const struct ctl_port_info *dplink_port_info(const struct dplink *l, uint32_t port)
{
	return l->attached && port < PORTS ? &l->info[port] : NULL;
}

static struct dplink link_;

static int setup(void **state)
{
	(void)state;
	memset(&link_, 0, sizeof(link_));
	link_.attached = true;
	link_.region.worker[1].cpu = 7;
	return 0;
}

static int64_t at(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	assert_true(json_is_integer(v));
	return json_integer_value(v);
}

static json_t *elem(const json_t *o, const char *list, size_t i)
{
	json_t *e = json_array_get(json_object_get(o, list), i);

	assert_non_null(e);
	return e;
}

/* Every counter and reason has a value of its own, so that a mix-up shows. */
static void test_every_name(void **state)
{
	json_t *workers, *drops;

	(void)state;
	for (unsigned int i = 0; i < CNT_MAX; i++)
		link_.counters[1].cnt[i] = 1000 + i;
	for (unsigned int i = 0; i < DROP_MAX; i++) {
		link_.counters[0].drop[i] = 5;
		link_.counters[1].drop[i] = 100 + i;
	}
	workers = stats_json_workers(&link_);
	assert_int_equal(json_array_size(json_object_get(workers, "workers")), WORKERS);
	assert_int_equal(at(elem(workers, "workers", 1), "cpu"), 7);
	for (unsigned int i = 0; i < CNT_MAX; i++)
		assert_int_equal(at(json_object_get(elem(workers, "workers", 1), "counters"),
				    counter_desc[i].name),
				 1000 + i);
	drops = stats_json_drops(&link_);
	assert_int_equal(json_array_size(json_object_get(drops, "drops")), DROP_MAX);
	for (unsigned int i = 0; i < DROP_MAX; i++) {
		const json_t *d = elem(drops, "drops", i);

		assert_string_equal(json_string_value(json_object_get(d, "name")),
				    drop_desc[i].name);
		assert_string_equal(json_string_value(json_object_get(d, "severity")),
				    stats_severity(drop_desc[i].severity));
		assert_int_equal(at(d, "total"), 105 + i);
		assert_int_equal(json_integer_value(elem(d, "workers", 1)), 100 + i);
	}
	json_decref(workers);
	json_decref(drops);
}

static void fill(struct ctl_counters *c, uint64_t rx, uint64_t made, uint64_t tx, uint64_t consumed,
		 uint64_t held)
{
	c->cnt[CNT_RX] = rx;
	c->cnt[CNT_MADE] = made;
	c->cnt[CNT_TX] = tx;
	c->cnt[CNT_CONSUMED] = consumed;
	c->cnt[CNT_HELD] = held;
}

static void test_accounting(void **state)
{
	json_t *a;

	(void)state;
	fill(&link_.counters[0], 1000, 50, 900, 100, 7);
	link_.counters[0].drop[0] = 40;
	link_.counters[0].drop[DROP_MAX - 1] = 3; /* the first and the last reason count alike */
	fill(&link_.counters[1], 10, 0, 4, 0, 0);
	link_.counters[1].drop[DROP_NO_ROUTE] = 5;
	a = stats_json_accounting(&link_);
	assert_int_equal(at(elem(a, "workers", 0), "dropped"), 43);
	assert_int_equal(at(elem(a, "workers", 0), "difference"), 0);
	assert_int_equal(at(elem(a, "workers", 1), "difference"), 1); /* one packet is missing */
	assert_int_equal(at(json_object_get(a, "total"), "rx"), 1010);
	assert_int_equal(at(json_object_get(a, "total"), "dropped"), 48);
	assert_int_equal(at(json_object_get(a, "total"), "held"), 7);
	assert_int_equal(at(json_object_get(a, "total"), "difference"), 1);
	json_decref(a);
}

/* A packet counted twice on its way out gives a negative difference, not a huge one. */
static void test_accounting_negative(void **state)
{
	struct stats_counters c = { 0 };

	(void)state;
	c.cnt[CNT_RX] = 5;
	c.cnt[CNT_TX] = 5;
	c.drop[DROP_UDP_PORT] = 2;
	assert_int_equal(stats_account(&c).difference, -2);
}

static void test_ports(void **state)
{
	json_t *r, *port;
	const json_t *info;

	(void)state;
	for (unsigned int w = 0; w < WORKERS; w++) {
		link_.traffic[w][1].rx_packets = 10 + w;
		link_.traffic[w][1].rx_bytes = 1000 + w;
		link_.traffic[w][1].tx_packets = 20 + w;
		link_.traffic[w][1].tx_bytes = 2000 + w;
		link_.traffic[w][1].tx_full = 30 + w;
	}
	strcpy(link_.info[1].name, "core");
	memcpy(link_.info[1].mac, "\x02\x00\x5e\x10\x00\xff", 6);
	link_.info[1].speed_mbps = 10000;
	link_.info[1].link_up = 1;
	r = stats_json_ports(&link_);
	port = elem(r, "ports", 1);
	info = json_object_get(port, "info");
	assert_string_equal(json_string_value(json_object_get(info, "name")), "core");
	assert_string_equal(json_string_value(json_object_get(info, "mac")), "02:00:5e:10:00:ff");
	assert_true(json_is_true(json_object_get(info, "link_up")));
	assert_int_equal(at(info, "speed_mbps"), 10000);
	port = json_object_get(port, "traffic");
	assert_int_equal(at(elem(port, "workers", 1), "tx_full"), 31);
	port = json_object_get(port, "total");
	assert_int_equal(at(port, "rx_packets"), 21);
	assert_int_equal(at(port, "rx_bytes"), 2001);
	assert_int_equal(at(port, "tx_packets"), 41);
	assert_int_equal(at(port, "tx_bytes"), 4001);
	assert_int_equal(at(port, "tx_full"), 61);
	json_decref(r);
}

/* An odd sequence number that never ends, a dead writer, gives null and the traffic all the same. */
static void test_port_torn(void **state)
{
	struct ctl_port_info out;
	json_t *r;

	(void)state;
	link_.info[0].seq = 3;
	link_.info[0].mtu = 1500;
	link_.traffic[0][0].rx_packets = 1;
	assert_false(stats_port_info(&link_, 0, &out));
	assert_int_equal(out.mtu, 0);
	r = stats_json_ports(&link_);
	assert_true(json_is_null(json_object_get(elem(r, "ports", 0), "info")));
	json_decref(r);
	link_.info[0].seq = 4;
	assert_true(stats_port_info(&link_, 0, &out));
	assert_int_equal(out.mtu, 1500);
}

static void test_port_strings(void **state)
{
	struct ctl_port_info out;
	json_t *r;

	(void)state;
	memset(link_.info[0].name, 'n', sizeof(link_.info[0].name));
	memset(link_.info[0].driver, 'd', sizeof(link_.info[0].driver));
	memset(link_.info[0].steering, 's', sizeof(link_.info[0].steering));
	memset(link_.info[0].offloads, 0xff, sizeof(link_.info[0].offloads)); /* not UTF-8 */
	assert_true(stats_port_info(&link_, 0, &out));
	assert_int_equal(strlen(out.name), CTL_NAME_MAX - 1);
	assert_int_equal(strlen(out.driver), CTL_NAME_MAX - 1);
	assert_int_equal(strlen(out.steering), CTL_TEXT_MAX - 1);
	assert_int_equal(strlen(out.offloads), CTL_TEXT_MAX - 1);
	r = stats_json_ports(&link_);
	assert_true(json_is_object(json_object_get(elem(r, "ports", 0), "info")));
	json_decref(r);
}

static void test_away(void **state)
{
	json_t *(*const result[])(const struct dplink *) = { stats_json_workers, stats_json_ports,
							     stats_json_drops,
							     stats_json_accounting };
	struct stats_counters c;
	struct stats_port p;

	(void)state;
	link_.counters[0].cnt[CNT_RX] = 1;
	link_.attached = false;
	for (size_t i = 0; i < sizeof(result) / sizeof(result[0]); i++) {
		json_t *r = result[i](&link_);

		assert_true(json_is_false(json_object_get(r, "attached")));
		json_decref(r);
	}
	memset(&c, 0xff, sizeof(c));
	assert_false(stats_worker(&link_, 0, &c));
	assert_int_equal(c.cnt[CNT_RX], 0);
	assert_false(stats_port(&link_, 0, 0, &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_name, setup),
		cmocka_unit_test_setup(test_accounting, setup),
		cmocka_unit_test_setup(test_accounting_negative, setup),
		cmocka_unit_test_setup(test_ports, setup),
		cmocka_unit_test_setup(test_port_torn, setup),
		cmocka_unit_test_setup(test_port_strings, setup),
		cmocka_unit_test_setup(test_away, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
