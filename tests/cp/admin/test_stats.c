/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is told of the dataplane's counters. Pins: the arithmetic of accounting (R74: rx + made +
 * handover_in = tx + consumed + dropped + handover_out + held) per worker and in total; every
 * counter and drop reason by its name; ports summed over workers; a description that is being
 * written, unterminated strings and a missing dataplane; and that metrics keep to the text format
 * of Prometheus: HELP and TYPE once a family, counters and only they end in _total, histograms
 * have buckets, sum and count, no sample twice; and that all that cp/stat.def lists is told as it
 * says. The link and the table are stubs over ordinary memory.
 */
#include "tests/world/unit.h"
#include "cp/ipsec/phones.h"
#include "cp/admin/context_json.h"
#include "cp/admin/metrics.h"
#include "cp/admin/stat_list.h"
#include "cp/admin/stats.h"
#include "cp/session_rate.h"
#include "cp/admin/status.h"
#include "tests/world/fake_gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 2, PORTS = 2, CONNS = 3 };

struct dplink {
	const struct ctl_cert_info *cert;
	bool attached;
	struct region region;
	struct ctl_counters counters[WORKERS];
	struct ctl_port_counters traffic[WORKERS][PORTS];
	struct ctl_port_info info[PORTS];
	struct ctl_xstats xstats[PORTS];
	struct ctl_conn_info conns[WORKERS][CONNS];
};

uint16_t dplink_domain(const struct dplink *l, uint16_t theirs)
{
	(void)l;
	return theirs;
}

bool dplink_attached(const struct dplink *l)
{
	return l->attached;
}

bool dplink_replaying(const struct dplink *l)
{
	(void)l;
	return false;
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

const struct ctl_xstats *dplink_xstats(const struct dplink *l, uint32_t port)
{
	return l->attached && port < PORTS ? &l->xstats[port] : NULL;
}

const struct ctl_cert_info *dplink_cert_info(const struct dplink *l, uint32_t cert)
{
	(void)cert;
	return l->cert;
}

uint32_t phones_count(const struct phones *t)
{
	(void)t;
	return 0;
}

const struct ctl_conn_bucket *dplink_by_addr(const struct dplink *l, uint32_t worker,
					     const struct sock_addr *remote)
{
	(void)l;
	(void)worker;
	(void)remote;
	return NULL;
}

const struct ctl_conn_info *dplink_conns(const struct dplink *l, uint32_t worker, uint32_t *n)
{
	*n = l->attached && worker < WORKERS ? CONNS : 0;
	return *n ? l->conns[worker] : NULL;
}

static struct dplink_stats link_stats;
static struct table_stats table_stats_;
const char *const server_method_name[SERVER_METHODS] = { "allocate", "refresh", "permission",
							 "channel",  "connect", "connection_bind" };

uint32_t pending_used(const struct pending *t)
{
	(void)t;
	return 0;
}

uint32_t pending_max(const struct pending *t)
{
	(void)t;
	return 0;
}

uint32_t ports_quarantined(const struct ports *p, uint32_t relay)
{
	(void)p;
	(void)relay;
	return 7;
}

/* Filters ask for these; here nobody filters. */
bool dplink_context_use(const struct dplink *l, uint32_t worker, struct ctl_cid cid, uint32_t now_s,
			struct context_use *out)
{
	(void)l;
	(void)worker;
	(void)cid;
	(void)now_s;
	(void)out;
	return false;
}

bool dplink_use(const struct dplink *l, uint32_t worker, struct ctl_sid sid, uint32_t now_s,
		struct session_use *out)
{
	(void)l;
	(void)worker;
	(void)sid;
	(void)now_s;
	(void)out;
	return false;
}

bool session_rate_of(const struct session_rates *r, const struct table *t, const struct dplink *l,
		     const struct table_alloc *a, struct session_rate *out)
{
	(void)r;
	(void)t;
	(void)l;
	(void)a;
	(void)out;
	return false;
}

const struct session_sum *session_rates_sum(const struct session_rates *r, uint16_t place)
{
	static const struct session_sum sum = { .packets = { 61, 62 }, .bytes = { 63, 64 } },
					none = { 0 };

	(void)r;
	return place ? &none : &sum;
}

void table_user_id(const struct table *t, const char *user, bool rest, uint8_t id[TABLE_USER_ID])
{
	(void)t;
	(void)user;
	(void)rest;
	memset(id, 0, TABLE_USER_ID);
}

struct table_perm *table_perm_next(struct table *t, const struct table_alloc *a,
				   const struct table_perm *p)
{
	(void)t;
	(void)a;
	(void)p;
	return NULL;
}

struct table_chan *table_chan_next(struct table *t, const struct table_alloc *a,
				   const struct table_chan *c)
{
	(void)t;
	(void)a;
	(void)c;
	return NULL;
}

uint32_t table_listener_allocs(const struct table *t, uint16_t listener)
{
	(void)t;
	return 800 + listener;
}

uint32_t ports_used(const struct ports *p, uint32_t relay)
{
	(void)p;
	return 700 + relay;
}

uint32_t ports_unused(const struct ports *p, uint32_t relay)
{
	(void)p;
	return 600 + relay;
}

const struct dplink_stats *dplink_stats(const struct dplink *l)
{
	(void)l;
	return &link_stats;
}

const struct table_stats *table_stats(const struct table *t)
{
	(void)t;
	return &table_stats_;
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

/* Every stage by its name, batches by their size, and what makes time of cycles. */
static void test_stages(void **state)
{
	json_t *workers, *w, *min;

	(void)state;
	link_.region.tsc_hz = 2900000000;
	for (unsigned int i = 0; i < STAGE_MAX; i++) {
		link_.counters[1].stage[i].cycles = 1000 + i;
		link_.counters[1].stage[i].calls = 2000 + i;
		link_.counters[1].stage[i].items = 3000 + i;
	}
	for (unsigned int i = 0; i < CTL_BATCHES; i++) {
		link_.counters[1].rx_burst[i] = 10 + i;
		link_.counters[1].tx_batch[i] = 20 + i;
	}
	link_.region.tsc_hz = 2900000000;
	link_.counters[1].turn.n[3] = 41;
	link_.counters[1].turn.sum = 2900 * 77;
	link_.counters[1].handshake[CTL_HANDSHAKE_DTLS].n[HISTOGRAM_CLASSES - 1] = 42;
	link_.counters[1].handshake[CTL_HANDSHAKE_DTLS].sum = 43;
	link_.counters[1].quality[QUALITY_RTT][QUALITY_CLASSES - 1] = 44;
	workers = stats_json_workers(&link_);
	w = elem(workers, "workers", 1);
	min = json_object_get(workers, "batch_min");
	assert_int_equal(at(workers, "tsc_hz"), 2900000000);
	assert_int_equal(json_array_size(json_object_get(w, "stages")), STAGE_MAX);
	for (unsigned int i = 0; i < STAGE_MAX; i++) {
		const json_t *s = elem(w, "stages", i);

		assert_string_equal(json_string_value(json_object_get(s, "name")),
				    stage_desc[i].name);
		assert_int_equal(at(s, "cycles"), 1000 + i);
		assert_int_equal(at(s, "calls"), 2000 + i);
		assert_int_equal(at(s, "items"), 3000 + i);
	}
	assert_int_equal(json_array_size(min), CTL_BATCHES);
	assert_int_equal(json_array_size(json_object_get(w, "rx_burst")), CTL_BATCHES);
	for (unsigned int i = 0; i < CTL_BATCHES; i++) {
		int64_t n = json_integer_value(json_array_get(min, i));

		assert_int_equal(ctl_batch((uint32_t)n), i);
		assert_true(i == 0 || ctl_batch((uint32_t)n - 1) == i - 1);
		assert_int_equal(json_integer_value(elem(w, "rx_burst", i)), 10 + i);
		assert_int_equal(json_integer_value(elem(w, "tx_batch", i)), 20 + i);
	}
	assert_int_equal(json_integer_value(elem(elem(w, "times", 0), "n", 3)), 41);
	assert_int_equal(at(elem(w, "times", 0), "sum_us"), 77);
	assert_string_equal(json_string_value(json_object_get(elem(w, "times", 2), "name")),
			    "dtls");
	assert_int_equal(json_integer_value(elem(elem(w, "times", 2), "n", 14)), 42);
	assert_int_equal(at(elem(w, "times", 2), "sum_us"), 43);
	assert_int_equal(json_integer_value(elem(elem(w, "times", 3), "n", 11)), 44);
	/* Of each but the last class, which has no end. */
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(json_array_size(elem(workers, "time_le_us", i)) + 1,
				 json_array_size(json_object_get(elem(w, "times", i), "n")));
	json_decref(workers);
}

/* Every state, event and end of TCP, each once and under its own name. */
static void test_tcp_names(void **state)
{
	size_t events = 0;
	json_t *r;

	(void)state;
	for (unsigned int i = 0; i < CNT_MAX; i++)
		link_.counters[1].cnt[i] = 1000 + i;
	for (unsigned int i = 0; i < TCP_END_MAX; i++) {
		link_.counters[0].end[i] = 5;
		link_.counters[1].end[i] = 100 + i;
	}
	r = stats_json_tcp(&link_);
	for (unsigned int i = 0; i < TCP_STATES; i++) {
		const json_t *d = elem(r, "states", i);
		char want[64] = "tcp_";

		strcat(want, json_string_value(json_object_get(d, "name")));
		assert_string_equal(want, counter_desc[CNT_TCP_CLOSED + i].name);
		assert_int_equal(at(d, "total"), 1000 + CNT_TCP_CLOSED + i);
		assert_null(strstr(json_string_value(json_object_get(d, "help")), "gauge"));
	}
	for (unsigned int i = 0; i < TCP_END_MAX; i++) {
		const json_t *d = elem(r, "ends", i);

		assert_string_equal(json_string_value(json_object_get(d, "name")),
				    tcp_end_desc[i].name);
		assert_int_equal(at(d, "total"), 105 + i);
		assert_int_equal(json_integer_value(elem(d, "workers", 1)), 100 + i);
	}
	for (unsigned int i = 0; i < CNT_MAX; i++) {
		const json_t *d;

		if (strncmp(counter_desc[i].name, "tcp_", 4) != 0 ||
		    stats_is_gauge((enum counter)i))
			continue;
		d = elem(r, "events", events++);
		assert_string_equal(json_string_value(json_object_get(d, "name")),
				    counter_desc[i].name);
		assert_int_equal(at(d, "total"), 1000 + i);
	}
	assert_int_equal(json_array_size(json_object_get(r, "events")), events);
	assert_int_equal(at(r, "buffers"), 1000 + CNT_TCP_BUFFERS);
	assert_int_equal(at(r, "connections_max"), WORKERS * CONNS);
	json_decref(r);
}

/* What is in TIME-WAIT is no connection any more. */
static void test_tcp_conns(void **state)
{
	json_t *r;

	(void)state;
	link_.counters[0].cnt[CNT_TCP_SYN_RECEIVED] = 3;
	link_.counters[1].cnt[CNT_TCP_ESTABLISHED] = 40;
	link_.counters[1].cnt[CNT_TCP_LAST_ACK] = 2;
	link_.counters[1].cnt[CNT_TCP_TIME_WAIT] = 500;
	r = stats_json_tcp(&link_);
	assert_int_equal(at(r, "connections"), 45);
	json_decref(r);
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

/* Handed over is out here and in there; what is on its way shows in the total's two rows. */
static void test_accounting_handover(void **state)
{
	json_t *a;

	(void)state;
	fill(&link_.counters[0], 100, 0, 60, 0, 0);
	link_.counters[0].cnt[CNT_HANDOVER_OUT] = 40;
	fill(&link_.counters[1], 0, 0, 38, 0, 0);
	link_.counters[1].cnt[CNT_HANDOVER_IN] = 38;
	a = stats_json_accounting(&link_);
	for (size_t w = 0; w < WORKERS; w++)
		assert_int_equal(at(elem(a, "workers", w), "difference"), 0);
	assert_int_equal(at(elem(a, "workers", 0), "handover_out"), 40);
	assert_int_equal(at(elem(a, "workers", 1), "handover_in"), 38);
	assert_int_equal(at(json_object_get(a, "total"), "handover_out"), 40);
	assert_int_equal(at(json_object_get(a, "total"), "handover_in"), 38);
	assert_int_equal(at(json_object_get(a, "total"), "difference"), 0);
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
	link_.info[1].conflicts = 7;
	link_.info[1].out = 1;
	link_.info[1].outages = 8;
	r = stats_json_ports(&link_);
	port = elem(r, "ports", 1);
	info = json_object_get(port, "info");
	assert_string_equal(json_string_value(json_object_get(info, "name")), "core");
	assert_string_equal(json_string_value(json_object_get(info, "mac")), "02:00:5e:10:00:ff");
	assert_true(json_is_true(json_object_get(info, "link_up")));
	assert_int_equal(at(info, "speed_mbps"), 10000);
	assert_int_equal(at(info, "address_conflicts"), 7);
	assert_true(json_is_true(json_object_get(info, "out")));
	assert_int_equal(at(info, "outages"), 8);
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

/* An odd sequence number that never ends, a dead writer, gives null and the traffic all the same.
 */
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
	memset(link_.info[0].bursts, 'b', sizeof(link_.info[0].bursts));
	memset(link_.info[0].members, 'm', sizeof(link_.info[0].members));
	assert_true(stats_port_info(&link_, 0, &out));
	assert_int_equal(strlen(out.name), CTL_NAME_MAX - 1);
	assert_int_equal(strlen(out.driver), CTL_NAME_MAX - 1);
	assert_int_equal(strlen(out.steering), CTL_TEXT_MAX - 1);
	assert_int_equal(strlen(out.offloads), CTL_TEXT_MAX - 1);
	assert_int_equal(strlen(out.bursts), CTL_TEXT_MAX - 1);
	assert_int_equal(strlen(out.members), CTL_TEXT_MAX - 1);
	r = stats_json_ports(&link_);
	assert_true(json_is_object(json_object_get(elem(r, "ports", 0), "info")));
	json_decref(r);
}

/* Neither number of the region is believed, no name is unbounded, and a torn copy is none. */
static void test_xstats(void **state)
{
	struct ctl_xstats *x = &link_.xstats[1], out;
	json_t *r, *list;

	(void)state;
	x->n = x->total = 2;
	strcpy(x->stat[0].name, "rx_missed_errors");
	x->stat[0].value = 9;
	memset(x->stat[1].name, 0xff, sizeof(x->stat[1].name)); /* not UTF-8, and no end */
	r = stats_json_xstats(&link_, 1);
	list = json_object_get(r, "xstats");
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "name")),
			    "rx_missed_errors");
	assert_int_equal(at(json_array_get(list, 0), "value"), 9);
	assert_true(json_is_string(json_object_get(json_array_get(list, 1), "name")));
	json_decref(r);
	x->n = UINT32_MAX;
	assert_true(stats_xstats(&link_, 1, &out));
	assert_int_equal(out.n, CTL_XSTATS_MAX);
	assert_int_equal(strlen(out.stat[1].name), CTL_XSTAT_NAME - 1);
	x->seq = 1;
	assert_false(stats_xstats(&link_, 1, &out));
	assert_int_equal(out.n, 0);
	x->seq = 0;
	assert_false(stats_xstats(&link_, PORTS, &out));
}

static void test_away(void **state)
{
	json_t *(*const result[])(
	    const struct dplink *) = { stats_json_workers, stats_json_ports, stats_json_drops,
				       stats_json_accounting, stats_json_tcp };
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

/* ---- metrics ---- */

static struct config conf = {
	.dataplane.peers = 17,
	.n_listener = 1,
	.listener = { { .transport = TRANSPORT_TLS } },
	.n_relay = 2,
	.relay = { { .port_min = 49152, .port_max = 65535 },
		   { .port_min = 5000, .port_max = 5000 } },
};

static char *metrics(struct server *s)
{
	struct evbuffer *out = evbuffer_new();
	char *text;

	s->link = &link_;
	metrics_write(out, s, METRICS_TEXT);
	evbuffer_add(out, "", 1);
	text = strdup((char *)evbuffer_pullup(out, -1));
	evbuffer_free(out);
	return text;
}

static void expect_line(const char *text, const char *line)
{
	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && at[strlen(line)] == '\n')
			return;
	fail_msg("no line \"%s\"", line);
}

static void test_metrics_values(void **state)
{
	static struct server s = {
		.conf = &conf, .now_ms = 99000, .start_ms = 1000, .wall_ms = UINT64_C(1700000000000)
	};
	char *text;

	(void)state;
	assert_true(sock_addr_parse("192.0.2.7:3478", &conf.listener[0].addr));
	assert_true(ip_parse("192.0.2.1", &conf.relay[0].addr));
	assert_true(ip_parse("2001:db8::1", &conf.relay[1].addr));
	s.stats.auth_wrong = 31;
	s.stats.auth_expired = 32;
	s.stats.requests[SERVER_REFRESH] = 6;
	s.stats.success[SERVER_REFRESH] = 4;
	s.errors[SERVER_REFRESH][STUN_ERROR_438] = 5;
	s.listener_requests[0] = 41;
	s.heartbeat.still_s[1] = 4;
	s.heartbeat.service_still_s = 6;
	histogram_add(&s.times.ring_wait, 101);
	histogram_add(&s.times.ring_wait, 20000000);
	table_stats_.allocs = 12;
	link_stats.replies_full = 3;
	link_.counters[1].cnt[CNT_RX] = UINT64_MAX;
	link_.counters[0].cnt[CNT_TX] = 2;
	link_.counters[1].cnt[CNT_SESSIONS] = 9;
	link_.counters[1].cnt[CNT_TCP_RTO] = 31;
	link_.counters[1].cnt[CNT_TCP_FIN_WAIT_2] = 32;
	link_.counters[1].end[TCP_END_STALLED] = 33;
	link_.counters[1].drop[DROP_TX_FULL] = 8;
	link_.counters[1].stage[STAGE_IDLE].cycles = 4500;
	link_.counters[1].stage[STAGE_RX].items = 41;
	link_.counters[1].turn.n[0] = 8;
	link_.counters[1].turn.n[1] = 1;
	link_.counters[1].turn.sum = 6;
	for (int w = 0; w < 2; w++) {
		link_.counters[w].handshake[CTL_HANDSHAKE_TLS].n[HISTOGRAM_CLASSES - 1] = 3;
		link_.counters[w].handshake[CTL_HANDSHAKE_TLS].sum = 31000000;
	}
	link_.counters[1].rx_burst[0] = 7;
	link_.counters[1].rx_burst[ctl_batch(32)] = 1;
	link_.counters[1].rx_burst[ctl_batch(9)] = 1;
	link_.counters[1].tx_batch[CTL_BATCHES - 1] = 3;
	link_.region.tsc_hz = 3000;
	link_.region.memory.allocated = 51;
	link_.region.memory.active = 52;
	link_.region.memory.resident = 53;
	link_.region.memory.retained = 54;
	link_.region.process.cpu_us = 1500000;
	link_.region.process.virtual_bytes = 55;
	link_.region.process.resident_bytes = 56;
	link_.region.process.fds = 57;
	link_.region.process.fds_max = 58;
	link_.region.process.threads = 59;
	link_.region.start_time = 12;
	link_.traffic[1][0].rx_bytes = 77;
	link_.info[0].rx_missed = 4;
	link_.info[0].link_up = 1;
	link_.info[0].out = 1;
	link_.info[0].outages = 5;
	strcpy(link_.info[0].name, "a\"b\\\xff");
	link_.xstats[0].n = 2;
	strcpy(link_.xstats[0].stat[0].name, "rx_dropped");
	link_.xstats[0].stat[0].value = UINT64_MAX;
	strcpy(link_.xstats[0].stat[1].name, "rx_\"missed\"\n");
	link_.xstats[0].stat[1].value = 6;
	text = metrics(&s);
	expect_line(
	    text,
	    "fairlead_relay_ports{address=\"192.0.2.1\",family=\"ipv4\",state=\"taken\"} 693");
	expect_line(
	    text,
	    "fairlead_relay_ports{address=\"192.0.2.1\",family=\"ipv4\",state=\"quarantine\"} 7");
	expect_line(
	    text,
	    "fairlead_relay_ports{address=\"2001:db8::1\",family=\"ipv6\",state=\"taken\"} 694");
	expect_line(
	    text, "fairlead_relay_ports{address=\"192.0.2.1\",family=\"ipv4\",state=\"free\"} 600");
	expect_line(
	    text,
	    "fairlead_relay_ports{address=\"2001:db8::1\",family=\"ipv6\",state=\"free\"} 601");
	expect_line(text,
		    "fairlead_relay_ports_limit{address=\"192.0.2.1\",family=\"ipv4\"} 16384");
	expect_line(text, "fairlead_relay_ports_limit{address=\"2001:db8::1\",family=\"ipv6\"} 1");
	expect_line(text, "fairlead_worker_peers_limit 17");
	expect_line(text, "fairlead_auth_wrong_total 31");
	expect_line(text, "fairlead_auth_expired_total 32");
	expect_line(text, "process_start_time_seconds{process=\"fairlead-cp\"} 1699999902");
	expect_line(text, "process_cpu_seconds_total{process=\"fairlead-dp\"} 1.5");
	expect_line(text, "process_virtual_memory_bytes{process=\"fairlead-dp\"} 55");
	expect_line(text, "process_resident_memory_bytes{process=\"fairlead-dp\"} 56");
	expect_line(text, "process_open_fds{process=\"fairlead-dp\"} 57");
	expect_line(text, "process_max_fds{process=\"fairlead-dp\"} 58");
	expect_line(text, "process_threads{process=\"fairlead-dp\"} 59");
	expect_line(text, "process_start_time_seconds{process=\"fairlead-dp\"} 1699999913");
	expect_line(text, "# TYPE process_cpu_seconds_total counter");
	assert_null(strstr(text, "process_resident_memory_bytes{process=\"fairlead-cp\"} 0\n"));
	assert_null(strstr(text, "process_open_fds{process=\"fairlead-cp\"} 0\n"));
	expect_line(text, "fairlead_ring_wait_seconds_bucket{le=\"0.0001\"} 0");
	expect_line(text, "fairlead_ring_wait_seconds_bucket{le=\"0.0002\"} 1");
	expect_line(text, "fairlead_ring_wait_seconds_bucket{le=\"10\"} 1");
	expect_line(text, "fairlead_ring_wait_seconds_bucket{le=\"+Inf\"} 2");
	expect_line(text, "fairlead_ring_wait_seconds_sum 20.000101");
	expect_line(text, "fairlead_ring_wait_seconds_count 2");
	expect_line(text, "fairlead_listener_allocations{listener=\"192.0.2.7:3478\","
			  "transport=\"tls\",family=\"ipv4\"} 800");
	expect_line(text, "fairlead_listener_requests_total{listener=\"192.0.2.7:3478\","
			  "transport=\"tls\",family=\"ipv4\"} 41");
	expect_line(text,
		    "fairlead_listener_relay_to_peer_packets_total{listener=\"192.0.2.7:3478\","
		    "transport=\"tls\",family=\"ipv4\"} 61");
	expect_line(text,
		    "fairlead_listener_relay_to_client_packets_total{listener=\"192.0.2.7:3478\","
		    "transport=\"tls\",family=\"ipv4\"} 62");
	expect_line(text, "fairlead_listener_relay_to_peer_bytes_total{listener=\"192.0.2.7:3478\","
			  "transport=\"tls\",family=\"ipv4\"} 63");
	expect_line(text,
		    "fairlead_listener_relay_to_client_bytes_total{listener=\"192.0.2.7:3478\","
		    "transport=\"tls\",family=\"ipv4\"} 64");
	expect_line(text, "fairlead_worker_still_seconds{worker=\"1\"} 4");
	expect_line(text, "fairlead_service_still_seconds 6");
	expect_line(text, "fairlead_memory_allocated_bytes{process=\"fairlead-dp\"} 51");
	expect_line(text, "fairlead_memory_active_bytes{process=\"fairlead-dp\"} 52");
	expect_line(text, "fairlead_memory_resident_bytes{process=\"fairlead-dp\"} 53");
	expect_line(text, "fairlead_memory_retained_bytes{process=\"fairlead-dp\"} 54");
	expect_line(text, "fairlead_dataplane_attached 1");
	expect_line(text, "fairlead_allocations 12");
	expect_line(text, "fairlead_requests_total{method=\"refresh\"} 6");
	expect_line(text, "fairlead_responses_total{method=\"refresh\",code=\"200\"} 4");
	expect_line(text, "fairlead_responses_total{method=\"refresh\",code=\"438\"} 5");
	/* Else increase() misses the first. */
	expect_line(text, "fairlead_responses_total{method=\"allocate\",code=\"508\"} 0");
	expect_line(text, "fairlead_lost_total{what=\"replies_ring_full\"} 3");
	expect_line(text, "fairlead_worker_rx_packets_total{worker=\"1\"} 18446744073709551615");
	expect_line(text, "# TYPE fairlead_worker_sessions gauge");
	expect_line(text, "# HELP fairlead_worker_sessions sessions installed");
	expect_line(text, "fairlead_worker_sessions{worker=\"1\"} 9");
	expect_line(text, "fairlead_tcp_rto_total{worker=\"1\"} 31");
	expect_line(text, "# TYPE fairlead_tcp_buffers gauge");
	expect_line(text, "fairlead_tcp_connections{worker=\"1\",state=\"fin_wait_2\"} 32");
	expect_line(text, "fairlead_tcp_ends_total{worker=\"1\",reason=\"stalled\"} 33");
	expect_line(text, "fairlead_worker_unaccounted{worker=\"0\"} -2");
	expect_line(text, "fairlead_worker_dropped_total{worker=\"1\",reason=\"tx_full\","
			  "severity=\"warn\"} 8");
	expect_line(text, "fairlead_worker_stage_cycles_total{worker=\"1\",stage=\"idle\"} 4500");
	expect_line(text, "fairlead_worker_stage_items_total{worker=\"1\",stage=\"rx\"} 41");
	expect_line(text, "fairlead_worker_rx_burst_packets_bucket{worker=\"1\",le=\"7\"} 7");
	expect_line(text, "fairlead_worker_rx_burst_packets_bucket{worker=\"1\",le=\"15\"} 8");
	expect_line(text, "fairlead_worker_rx_burst_packets_bucket{worker=\"1\",le=\"63\"} 9");
	expect_line(text, "fairlead_worker_rx_burst_packets_sum{worker=\"1\"} 41");
	expect_line(text, "fairlead_worker_rx_burst_packets_count{worker=\"1\"} 9");
	expect_line(text, "fairlead_worker_tx_batch_packets_bucket{worker=\"1\",le=\"63\"} 0");
	expect_line(text, "fairlead_worker_tx_batch_packets_bucket{worker=\"1\",le=\"+Inf\"} 3");
	expect_line(text, "fairlead_worker_turn_seconds_bucket{worker=\"1\",le=\"2e-05\"} 8");
	expect_line(text, "fairlead_worker_turn_seconds_bucket{worker=\"1\",le=\"5e-05\"} 9");
	expect_line(text, "fairlead_worker_turn_seconds_bucket{worker=\"0\",le=\"+Inf\"} 0");
	expect_line(text, "fairlead_worker_turn_seconds_sum{worker=\"1\"} 0.002000");
	expect_line(text, "fairlead_worker_turn_seconds_count{worker=\"1\"} 9");
	/* Of all workers together. */
	expect_line(text, "fairlead_handshake_duration_seconds_bucket{layer=\"tls\",le=\"10\"} 0");
	expect_line(text,
		    "fairlead_handshake_duration_seconds_bucket{layer=\"tls\",le=\"+Inf\"} 6");
	expect_line(text, "fairlead_handshake_duration_seconds_sum{layer=\"tls\"} 62.000000");
	expect_line(text, "fairlead_handshake_duration_seconds_count{layer=\"dtls\"} 0");
	expect_line(text, "fairlead_tsc_hertz 3000");
	expect_line(text, "fairlead_worker_idle_seconds_total{worker=\"1\"} 1.500000");
	expect_line(text, "fairlead_port_link_up{port=\"a\\\"b\\\\?\"} 1");
	expect_line(text, "fairlead_port_out{port=\"a\\\"b\\\\?\"} 1");
	expect_line(text, "fairlead_port_outages_total{port=\"a\\\"b\\\\?\"} 5");
	expect_line(text, "fairlead_port_rx_missed_total{port=\"a\\\"b\\\\?\"} 4");
	expect_line(text, "fairlead_port_rx_bytes_total{port=\"a\\\"b\\\\?\",worker=\"1\"} 77");
	/* What the driver counts, by names that are its own. */
	expect_line(text, "# TYPE fairlead_port_driver untyped");
	expect_line(text, "fairlead_port_driver{port=\"a\\\"b\\\\?\",stat=\"rx_dropped\"} "
			  "18446744073709551615");
	expect_line(text,
		    "fairlead_port_driver{port=\"a\\\"b\\\\?\",stat=\"rx_\\\"missed\\\"?\"} 6");
	free(text);
}

static void test_metrics_gateway(void **state)
{
	static struct ng ng = { .stats = { .again = 11, .rate = 12, .websockets = 13 } };
	static struct gateway g;
	static struct server s = { .conf = &conf, .gateway = &g, .ng = &ng };
	char *text;

	(void)state;
	g.stats = (struct gate_stats){ .added = 3,
				       .deleted = 2,
				       .moved = 4,
				       .events = 5,
				       .events_lost = 6,
				       .contexts = 7,
				       .contexts_max = 8 };
	g.stats.phase[GATE_UNJUDGED] = 16;
	g.stats.ended[CONTEXT_END_LIFETIME] = 9;
	g.stats.refused[GATE_DENIED] = 10;
	ng.stats.commands[NG_OFFER] = 14;
	ng.stats.errors[NG_OTHER] = 15;
	text = metrics(&s);
	expect_line(text, "fairlead_contexts 7");
	expect_line(text, "fairlead_contexts_limit 8");
	expect_line(text, "# TYPE fairlead_contexts_in_state gauge");
	expect_line(text, "fairlead_contexts_in_state{state=\"unjudged\"} 16");
	expect_line(text, "fairlead_contexts_in_state{state=\"ended\"} 0");
	expect_line(text, "fairlead_contexts_added_total 3");
	expect_line(text, "fairlead_contexts_deleted_total 2");
	expect_line(text, "fairlead_terminations_moved_total 4");
	expect_line(text, "fairlead_context_events_total 5");
	expect_line(text, "fairlead_context_events_lost_total 6");
	expect_line(text, "fairlead_contexts_ended_total{reason=\"lifetime\"} 9");
	expect_line(text, "fairlead_context_requests_refused_total{reason=\"denied\"} 10");
	expect_line(text, "fairlead_ng_retransmissions_total 11");
	expect_line(text, "fairlead_ng_lost_total{reason=\"rate\"} 12");
	expect_line(text, "fairlead_ng_websockets 13");
	expect_line(text, "fairlead_ng_commands_total{command=\"offer\"} 14");
	expect_line(text, "fairlead_ng_errors_total{command=\"other\"} 15");
	free(text);
}

/* ---- the list ---- */

struct listed {
	uint64_t *value; /* NULL: a family */
	const char *label, *name, *kind, *metric, *json, *help;
};

static const char *first_of(const char *const *names, int i)
{
	return names ? names[i] : "400";
}

/* The member at such a place of both results, "*" being name. */
static int64_t place(json_t *results, const char *json, const char *name)
{
	char path[128], *rest = path, *key;
	const json_t *o = results;

	snprintf(path, sizeof(path), "%s", json);
	while ((key = strsep(&rest, ".")))
		o = json_object_get(o, strcmp(key, "*") == 0 ? name : key);
	if (!json_is_integer(o))
		fail_msg("nothing at %s (%s)", json, name ? name : "");
	return json_integer_value(o);
}

static void expect_metric(const char *text, const struct listed *l, const struct listed *family)
{
	const bool gauge = strcmp(family->kind, "GAUGE") == 0;
	char line[512];

	snprintf(line, sizeof(line), "# HELP fairlead_%s %s", family->metric, family->help);
	expect_line(text, line);
	snprintf(line, sizeof(line), "# TYPE fairlead_%s %s", family->metric,
		 gauge ? "gauge" : "counter");
	expect_line(text, line);
	if (family->label)
		snprintf(line, sizeof(line), "fairlead_%s{%s=\"%s\"} %llu", family->metric,
			 family->label, l == family ? l->name : l->metric,
			 (unsigned long long)*l->value);
	else
		snprintf(line, sizeof(line), "fairlead_%s %llu", l->metric,
			 (unsigned long long)*l->value);
	expect_line(text, line);
}

/* All of one place, unless each line has a member of its own there. */
static uint64_t sum_of(const struct listed *list, size_t n, const struct listed *l)
{
	uint64_t sum = 0;

	if (strchr(l->json, '*'))
		return *l->value;
	for (size_t i = 0; i < n; i++)
		sum += list[i].value && strcmp(list[i].json, l->json) == 0 ? *list[i].value : 0;
	return sum;
}

static void test_list(void **state)
{
	static struct ng ng;
	static struct gateway g;
	static struct mg mg;
	static struct server s = { .conf = &conf, .gateway = &g, .ng = &ng, .mg = &mg };
	const struct listed list[] = {
#define TABLE(m, ...) ONE(table_stats_.m, __VA_ARGS__)
#define SERVER(m, ...) ONE(s.stats.m, __VA_ARGS__)
#define SERVER_BY(m, ...) BY(s.stats.m, __VA_ARGS__)
#define LINK(m, ...) ONE(link_stats.m, __VA_ARGS__)
#define GATE(m, ...) ONE(g.stats.m, __VA_ARGS__)
#define GATE_BY(m, ...) BY(g.stats.m, __VA_ARGS__)
#define NG(m, ...) ONE(ng.stats.m, __VA_ARGS__)
#define NG_BY(m, ...) BY(ng.stats.m, __VA_ARGS__)
#define MG(m, ...) ONE(mg.stats.m, __VA_ARGS__)
#define MG_BY(m, ...) BY(mg.stats.m, __VA_ARGS__)
#define ONE(m, kind, metric, json, help) { &m, NULL, NULL, #kind, metric, json, help },
#define BY(m, size, first, names, label, kind, metric, json, help) \
	{ &m[first], label, first_of(names, first), #kind, metric, json, help },
#define VALUE(value, kind, metric, json, help)
#define FAMILY(label, kind, metric, help) { NULL, label, NULL, #kind, metric, "", help },
#include "cp/stat.def"
	};
	const size_t n = sizeof(list) / sizeof(list[0]);
	const struct listed *family = NULL;
	json_t *results, *tls = json_object();
	char *text;

	(void)state;
	for (size_t i = 0; i < n; i++)
		if (list[i].value)
			*list[i].value = 1000 + i;
	text = metrics(&s);
	stat_json(&s, "tls", tls);
	results = json_pack("{s:o, s:o}", "status", status_json(&s), "tls", tls);
	for (size_t i = 0; i < n; i++) {
		const struct listed *l = &list[i];

		if (strcmp(l->kind, "OF") != 0)
			family = l;
		if (l->value && *l->metric)
			expect_metric(text, l, family);
		if (l->value && *l->json)
			assert_int_equal(place(results, l->json, l->name ? l->name : l->metric),
					 sum_of(list, n, l));
	}
	json_decref(results);
	free(text);
}

/* Whether the line `want` stands in text before `end`. */
static bool seen(const char *text, const char *end, const char *want)
{
	const char *at = strstr(text, want);

	return at && at < end;
}

/* What may follow a family's name. */
static bool is_sample(const char *rest, bool histogram)
{
	if (!histogram)
		return *rest == '{' || *rest == ' ';
	if (strncmp(rest, "_bucket{", 8) == 0)
		return true;
	rest += strncmp(rest, "_sum", 4) == 0 ? 4 : strncmp(rest, "_count", 6) == 0 ? 6 : 0;
	return *rest == '{' || *rest == ' ';
}

/* One line: a HELP, the TYPE that follows it, or a sample of the family just opened. */
static void check_line(const char *text, const char *line, size_t len, char *name, char *type)
{
	char buf[512], fam[128];
	bool counter;
	int n = 0;

	assert_in_range(len, 1, sizeof(buf) - 2);
	memcpy(buf, line, len);
	buf[len] = '\n';
	buf[len + 1] = '\0';
	if (sscanf(buf, "# HELP %127s %n", fam, &n) == 1 && n && buf[n]) {
		snprintf(buf, sizeof(buf), "# HELP %s ", fam);
		assert_false(seen(text, line, buf));
		assert_true(strncmp(fam, "fairlead_", 9) == 0 || strncmp(fam, "process_", 8) == 0);
		strcpy(name, fam);
	} else if (sscanf(buf, "# TYPE %127s %15s", fam, type) == 2) {
		assert_string_equal(fam, name);
		counter = strcmp(type, "counter") == 0;
		assert_true(counter || strcmp(type, "gauge") == 0 ||
			    strcmp(type, "histogram") == 0 || strcmp(type, "untyped") == 0);
		n = (int)strlen(fam);
		assert_int_equal(counter, n > 6 && strcmp(fam + n - 6, "_total") == 0);
	} else {
		assert_memory_equal(buf, name, strlen(name));
		assert_true(is_sample(buf + strlen(name), strcmp(type, "histogram") == 0));
		*strrchr(buf, ' ') = '\0'; /* without the value */
		memmove(buf + 1, buf, strlen(buf) + 1);
		buf[0] = '\n';
		strcat(buf, " ");
		assert_false(seen(text, line - 1, buf));
	}
}

static void check_format(struct server *s)
{
	char *text = metrics(s), name[128] = "", type[16] = "";

	for (const char *line = text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		assert_non_null(end);
		check_line(text, line, (size_t)(end - line), name, type);
	}
	free(text);
}

static unsigned series(struct server *s)
{
	char *text = metrics(s), *rest = text, *line;
	unsigned n = 0;

	while ((line = strsep(&rest, "\n")))
		n += *line && *line != '#' && !strstr(line, "fairlead_port_driver{");
	free(text);
	return n;
}

/* What --check-config says that there will be is what there is. */
static void test_metrics_series(void **state)
{
	static struct ng ng;
	static struct gateway g;
	static struct server s;
	struct config c = { .n_relay = 2 };

	(void)state;
	c.dataplane.n_workers = (uint16_t)dplink_n_workers(&link_);
	c.n_port = (uint16_t)dplink_n_ports(&link_);
	link_.region.tsc_hz = 1000; /* else nothing is known of idling */
	s.conf = &c;
	assert_int_equal(metrics_series(&c), series(&s));
	c.gateway.contexts = 1;
	s.gateway = &g;
	assert_int_equal(metrics_series(&c), series(&s));
	c.gateway.ng_websocket_port = 1;
	s.ng = &ng;
	assert_int_equal(metrics_series(&c), series(&s));
}

/* What has no end, is a state or a time, or has its limit under another name. */
static bool is_without_limit(const char *gauge)
{
	static const char *const names[] = {
		"build_info",
		"problems",
		"draining",
		"dataplane_attached",
		"tsc_hertz",
		"memory_allocated_bytes",
		"memory_active_bytes",
		"memory_resident_bytes",
		"memory_retained_bytes",
		"contexts_in_state", /* of contexts */
		"contexts_urgent",
		"users_active", /* of allocations */
		"listener_allocations",
		"worker_still_seconds",
		"service_still_seconds",
		"worker_unaccounted",
		"worker_held_packets", /* of worker_mbufs_limit, as is the next */
		"worker_mbufs_free",
		"tls_overdue", /* of tls_handshakes_limit */
		"port_link_up",
		"port_out",
		"tls_certificate_not_after_timestamp_seconds",
		"tls_certificate_loaded_timestamp_seconds",
		"tls_certificate_reload_failed",
		"own_certificate_not_after_timestamp_seconds",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], gauge) == 0)
			return true;
	return false;
}

/* What can run out has its limit beside it. */
static void test_limits(void **state)
{
	static struct ng ng;
	static struct gateway g;
	static struct server s = { .conf = &conf, .gateway = &g, .ng = &ng };
	static const char begin[] = "# TYPE fairlead_";
	char name[128], type[16], limit[192], *text = metrics(&s), missing[2048] = "";
	unsigned gauges = 0;

	(void)state;
	for (const char *at = text; (at = strstr(at, begin)); at++) {
		if (sscanf(at + sizeof(begin) - 1, "%127s %15s", name, type) != 2 ||
		    strcmp(type, "gauge") != 0 || is_without_limit(name))
			continue;
		if (strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_limit") == 0)
			continue;
		gauges++;
		snprintf(limit, sizeof(limit), "# TYPE fairlead_%s_limit gauge\n", name);
		if (!strstr(text, limit))
			snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing),
				 " %s", name);
	}
	free(text);
	assert_in_range(gauges, 20, 100);
	if (missing[0])
		fail_msg("no limit stands beside%s", missing);
}

static void test_metrics_format(void **state)
{
	static struct ng ng;
	static struct gateway g;
	static struct server s = { .conf = &conf, .gateway = &g, .ng = &ng };

	(void)state;
	strcpy(link_.info[0].name, "access");
	strcpy(link_.info[1].name, "core");
	link_.xstats[0].n = link_.xstats[1].n = 1;
	strcpy(link_.xstats[0].stat[0].name, "rx_\"missed\"\n");
	check_format(&s);
	link_.info[0].seq = 1; /* cannot be read: its number stands for its name */
	check_format(&s);
	link_.attached = false;
	check_format(&s);
}

/* ---- doc/metrics.md ---- */

/* "worker, state" of a sample such as fairlead_x{worker="0",state="y"} 7; "" where it is none. */
static void labels_print(const char *sample, const char *name)
{
	const size_t len = strlen(name);
	const char *at = sample + len, *next = "";

	if (strncmp(sample, name, len) != 0)
		return;
	at += strcspn(at, "{ ");
	while (*at == '{' || *at == ',') {
		const int n = (int)strcspn(++at, "=");

		printf("%s%.*s", next, n, at);
		next = ", ";
		at = strchr(at + n + 2, '"') + 1;
	}
}

/* A row of each family, with everything that has some switched on. */
static int families_print(void)
{
	static struct ng ng;
	static struct gateway g;
	static struct mg mg;
	static struct server s = { .conf = &conf, .gateway = &g, .ng = &ng, .mg = &mg };
	static const struct ctl_cert_info cert = { .loaded = 1, .not_after = 1 };
	char *text, *rest, *line, name[128], type[16];
	int help;

	setup(NULL);
	link_.region.tsc_hz = 1000;
	strcpy(link_.info[0].name, "access");
	link_.xstats[0].n = 1;
	strcpy(link_.xstats[0].stat[0].name, "rx_missed");
	s.own_cert[OWN_CERT_METRICS].not_after = 1;
	link_.cert = &cert;
	conf.n_certificate = 1;
	puts(
	    "# Metrics\n\n"
	    "Made of what `/metrics` has (cp/admin/metrics.c, cp/stat.def, lib/*.def) by "
	    "`ninja metrics-doc`; tests/e2e/live_metrics_test.sh\nholds a relay that runs against "
	    "it. Those of ng, of H.248 and of contexts are there where these are; a certificate's, "
	    "while there is\none. In OpenMetrics a family has its name without `_total` or "
	    "`_info`. fairlead-cp(8), METRICS, has what they are for.\n\n"
	    "| family | type | labels | what |\n|---|---|---|---|");
	rest = text = metrics(&s);
	while ((line = strsep(&rest, "\n")) && *line) {
		if (sscanf(line, "# HELP %127s %n", name, &help) != 1)
			continue;
		assert_int_equal(sscanf(strsep(&rest, "\n"), "# TYPE %*s %15s", type), 1);
		printf("| `%s` | %s | ", name, type);
		labels_print(rest, name);
		printf(" | %s |\n", line + help);
	}
	free(text);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_name, setup),
		cmocka_unit_test_setup(test_stages, setup),
		cmocka_unit_test_setup(test_tcp_names, setup),
		cmocka_unit_test_setup(test_tcp_conns, setup),
		cmocka_unit_test_setup(test_accounting, setup),
		cmocka_unit_test_setup(test_accounting_handover, setup),
		cmocka_unit_test_setup(test_accounting_negative, setup),
		cmocka_unit_test_setup(test_ports, setup),
		cmocka_unit_test_setup(test_port_torn, setup),
		cmocka_unit_test_setup(test_port_strings, setup),
		cmocka_unit_test_setup(test_xstats, setup),
		cmocka_unit_test_setup(test_away, setup),
		cmocka_unit_test_setup(test_metrics_values, setup),
		cmocka_unit_test_setup(test_metrics_gateway, setup),
		cmocka_unit_test_setup(test_metrics_series, setup),
		cmocka_unit_test_setup(test_metrics_format, setup),
		cmocka_unit_test_setup(test_limits, setup),
		cmocka_unit_test_setup(test_list, setup),
	};

	if (argc > 1)
		return strcmp(argv[1], "--families") == 0 ? families_print() : 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
