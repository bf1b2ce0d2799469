/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters as JSON objects: the results of workers, ports, drops, accounting and tcp. */
#include "conns.h"
#include "rpc.h"
#include "stats.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

json_t *stats_json_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return integer((uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
}

static json_t *stages_json(const struct stats_counters *c)
{
	json_t *list = json_array();

	for (int i = 0; i < STAGE_MAX; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:o, s:o, s:o}", "name", stage_desc[i].name,
						"cycles", integer(c->stage[i].cycles), "calls",
						integer(c->stage[i].calls), "items",
						integer(c->stage[i].items)));
	return list;
}

static json_t *batches_json(const uint64_t *by_size)
{
	json_t *list = json_array();

	for (int i = 0; i < CTL_BATCHES; i++)
		json_array_append_new(list, integer(by_size[i]));
	return list;
}

/* The smallest batch of each place in these lists. */
static json_t *batch_min_json(void)
{
	json_t *list = json_array();

	for (uint32_t n = 0; json_array_size(list) < CTL_BATCHES; n++)
		if (ctl_batch(n) == json_array_size(list))
			json_array_append_new(list, integer(n));
	return list;
}

/* ---- how long things took ---- */

static json_t *classes_json(const char *name, const uint64_t *n, uint32_t n_classes, uint64_t sum)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < n_classes; i++)
		json_array_append_new(list, integer(n[i]));
	return json_pack("{s:s, s:o, s:o}", "name", name, "n", list, "sum_us", integer(sum));
}

/* By class; time_le_json() has their upper ends, in the same order. */
static json_t *times_json(const struct stats_counters *c)
{
	json_t *list = json_array();

	json_array_append_new(list,
			      classes_json("turn", c->turn.n, HISTOGRAM_CLASSES, c->turn.sum_us));
	for (int i = 0; i < CTL_HANDSHAKES; i++)
		json_array_append_new(list,
				      classes_json(stats_handshake[i], c->handshake[i].n,
						   HISTOGRAM_CLASSES, c->handshake[i].sum_us));
	json_array_append_new(list, classes_json("rtcp", c->quality[QUALITY_RTT], QUALITY_CLASSES,
						 c->quality_sum[QUALITY_RTT]));
	return list;
}

static json_t *le_json(const uint32_t *le, uint32_t n)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer(le[i]));
	return list;
}

/* Microseconds; the last class has no end. */
static json_t *time_le_json(void)
{
	json_t *list = json_array();

	for (int i = 0; i < 1 + CTL_HANDSHAKES; i++)
		json_array_append_new(list, le_json(histogram_le_us, HISTOGRAM_CLASSES - 1));
	json_array_append_new(list, le_json(quality_desc[QUALITY_RTT].le, QUALITY_CLASSES - 1));
	return list;
}

static json_t *worker_json(const struct dplink *l, uint32_t w)
{
	const struct ctl_worker *geo = &dplink_region(l)->worker[w];
	json_t *counters = json_object();
	struct stats_counters c;

	stats_worker(l, w, &c);
	for (int i = 0; i < CNT_MAX; i++)
		json_object_set_new(counters, counter_desc[i].name, integer(c.cnt[i]));
	return json_pack("{s:i, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "worker", (int)w,
			 "cpu", (json_int_t)geo->cpu, "sessions_max", (json_int_t)geo->sessions_max,
			 "peers_max", (json_int_t)geo->peers_max, "dropped",
			 (json_int_t)stats_account(&c).dropped, "counters", counters, "stages",
			 stages_json(&c), "rx_burst", batches_json(c.rx_burst), "tx_batch",
			 batches_json(c.tx_batch), "times", times_json(&c));
}

json_t *stats_json_workers(const struct dplink *l)
{
	const struct region *r = dplink_region(l);
	json_t *list = json_array();

	for (uint32_t w = 0; w < dplink_n_workers(l); w++)
		json_array_append_new(list, worker_json(l, w));
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "attached", dplink_attached(l),
			 "time_us", stats_json_time(), "tsc_hz", integer(r ? r->tsc_hz : 0),
			 "batch_min", batch_min_json(), "time_le_us", time_le_json(), "workers",
			 list);
}

static json_t *traffic_json(const struct stats_port *p)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "rx_packets", (json_int_t)p->rx_packets,
			 "rx_bytes", (json_int_t)p->rx_bytes, "tx_packets",
			 (json_int_t)p->tx_packets, "tx_bytes", (json_int_t)p->tx_bytes, "tx_full",
			 (json_int_t)p->tx_full);
}

/* {"total": ..., "workers": [...]} of one port. */
static json_t *port_traffic_json(const struct dplink *l, uint32_t port)
{
	json_t *list = json_array();
	struct stats_port sum = { 0 };

	for (uint32_t w = 0; w < dplink_n_workers(l); w++) {
		struct stats_port p;

		stats_port(l, w, port, &p);
		sum.rx_packets += p.rx_packets;
		sum.rx_bytes += p.rx_bytes;
		sum.tx_packets += p.tx_packets;
		sum.tx_bytes += p.tx_bytes;
		sum.tx_full += p.tx_full;
		json_array_append_new(list, traffic_json(&p));
	}
	return json_pack("{s:o, s:o}", "total", traffic_json(&sum), "workers", list);
}

/* null if the description could not be read. */
static json_t *port_info_json(const struct dplink *l, uint32_t port)
{
	struct ctl_port_info p;
	char mac[18];

	if (!stats_port_info(l, port, &p))
		return json_null();
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", p.mac[0], p.mac[1], p.mac[2],
		 p.mac[3], p.mac[4], p.mac[5]);
	return json_pack(
	    "{s:o, s:o, s:b, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:s, s:o, s:o, s:o, s:o, "
	    "s:I, s:I, s:I, s:I, s:I, s:b, s:I}",
	    "name", rpc_text(p.name), "driver", rpc_text(p.driver), "link_up", p.link_up != 0,
	    "speed_mbps", (json_int_t)p.speed_mbps, "mtu", (json_int_t)p.mtu, "vlan",
	    (json_int_t)p.vlan, "device_of", p.shares ? integer(p.shares - 1u) : json_null(),
	    "rx_queues", (json_int_t)p.rx_queues, "tx_queues", (json_int_t)p.tx_queues, "rx_desc",
	    (json_int_t)p.rx_desc, "tx_desc", (json_int_t)p.tx_desc, "mac", mac, "steering",
	    rpc_text(p.steering), "offloads", rpc_text(p.offloads), "bursts", rpc_text(p.bursts),
	    "members", rpc_text(p.members), "rx_missed", (json_int_t)p.rx_missed, "rx_nombuf",
	    (json_int_t)p.rx_nombuf, "rx_errors", (json_int_t)p.rx_errors, "tx_errors",
	    (json_int_t)p.tx_errors, "address_conflicts", (json_int_t)p.conflicts, "out",
	    p.out != 0, "outages", (json_int_t)p.outages);
}

json_t *stats_json_ports(const struct dplink *l)
{
	json_t *list = json_array();

	for (uint32_t p = 0; p < dplink_n_ports(l); p++)
		if (!stats_port_gone(l, p))
			json_array_append_new(list, json_pack("{s:i, s:o, s:o}", "port", (int)p,
							      "info", port_info_json(l, p),
							      "traffic", port_traffic_json(l, p)));
	return json_pack("{s:b, s:o, s:o}", "attached", dplink_attached(l), "time_us",
			 stats_json_time(), "ports", list);
}

json_t *stats_json_xstats(const struct dplink *l, uint32_t port)
{
	json_t *list = json_array();
	struct ctl_xstats x;

	stats_xstats(l, port, &x);
	for (uint32_t i = 0; i < x.n; i++)
		json_array_append_new(list,
				      json_pack("{s:o, s:o}", "name", rpc_text(x.stat[i].name),
						"value", integer(x.stat[i].value)));
	return json_pack("{s:b, s:o, s:o}", "attached", dplink_attached(l), "xstats", list, "total",
			 integer(x.total));
}

json_t *stats_json_drops(const struct dplink *l)
{
	const uint32_t n = dplink_n_workers(l);
	struct stats_counters c[CTL_WORKERS_MAX];
	json_t *list = json_array();
	uint64_t all = 0;

	for (uint32_t w = 0; w < n; w++)
		stats_worker(l, w, &c[w]);
	for (int i = 0; i < DROP_MAX; i++) {
		json_t *each = json_array();
		uint64_t sum = 0;

		for (uint32_t w = 0; w < n; w++) {
			sum += c[w].drop[i];
			json_array_append_new(each, integer(c[w].drop[i]));
		}
		all += sum;
		json_array_append_new(
		    list, json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", drop_desc[i].name,
				    "severity", stats_severity(drop_desc[i].severity), "help",
				    drop_desc[i].help, "total", integer(sum), "workers", each));
	}
	return json_pack("{s:b, s:o, s:o}", "attached", dplink_attached(l), "total", integer(all),
			 "drops", list);
}

static json_t *account_json(const struct stats_account *a)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "rx", integer(a->rx),
			 "made", integer(a->made), "handover_in", integer(a->handover_in), "tx",
			 integer(a->tx), "consumed", integer(a->consumed), "dropped",
			 integer(a->dropped), "handover_out", integer(a->handover_out), "held",
			 integer(a->held), "difference", (json_int_t)a->difference);
}

json_t *stats_json_accounting(const struct dplink *l)
{
	struct stats_counters sum = { 0 };
	struct stats_account total;
	json_t *list = json_array();

	for (uint32_t w = 0; w < dplink_n_workers(l); w++) {
		struct stats_counters c;
		struct stats_account a;

		stats_worker(l, w, &c);
		a = stats_account(&c);
		json_array_append_new(list, account_json(&a));
		stats_add(&sum, &c);
	}
	total = stats_account(&sum);
	return json_pack("{s:b, s:o, s:o}", "attached", dplink_attached(l), "total",
			 account_json(&total), "workers", list);
}

/* What one place in struct stats_counters has, summed and of each worker. */
static json_t *named_json(const char *name, const char *help, const struct stats_counters *c,
			  uint32_t n, size_t field)
{
	json_t *each = json_array();
	uint64_t sum = 0;

	for (uint32_t w = 0; w < n; w++) {
		const uint64_t value = stats_at(&c[w], field);

		sum += value;
		json_array_append_new(each, integer(value));
	}
	return json_pack("{s:s, s:s, s:o, s:o}", "name", name, "help", help, "total", integer(sum),
			 "workers", each);
}

static json_t *tcp_states_json(const struct stats_counters *c, uint32_t n)
{
	json_t *list = json_array();

	for (int s = 0; s < TCP_STATES; s++) {
		const int i = CNT_TCP_CLOSED + s;

		json_array_append_new(
		    list, named_json(tcp_state_name[s], stats_help((enum counter)i), c, n,
				     offsetof(struct stats_counters, cnt) + i * sizeof(uint64_t)));
	}
	return list;
}

static json_t *tcp_events_json(const struct stats_counters *c, uint32_t n)
{
	json_t *list = json_array();

	for (int i = 0; i < CNT_MAX; i++)
		if (stats_is_tcp((enum counter)i) && !stats_is_gauge((enum counter)i))
			json_array_append_new(
			    list, named_json(counter_desc[i].name, counter_desc[i].help, c, n,
					     offsetof(struct stats_counters, cnt) +
						 i * sizeof(uint64_t)));
	return list;
}

static json_t *tcp_ends_json(const struct stats_counters *c, uint32_t n)
{
	json_t *list = json_array();

	for (int i = 0; i < TCP_END_MAX; i++)
		json_array_append_new(
		    list, named_json(tcp_end_desc[i].name, tcp_end_desc[i].help, c, n,
				     offsetof(struct stats_counters, end) + i * sizeof(uint64_t)));
	return list;
}

json_t *stats_json_tcp(const struct dplink *l)
{
	const uint32_t n = dplink_n_workers(l);
	struct stats_counters c[CTL_WORKERS_MAX];
	uint64_t conns = 0, buffers = 0;

	for (uint32_t w = 0; w < n; w++) {
		stats_worker(l, w, &c[w]);
		conns += stats_tcp_conns(&c[w]);
		buffers += c[w].cnt[CNT_TCP_BUFFERS];
	}
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "attached", dplink_attached(l),
			 "connections", integer(conns), "connections_max", integer(conns_max(l)),
			 "buffers", integer(buffers), "states", tcp_states_json(c, n), "events",
			 tcp_events_json(c, n), "ends", tcp_ends_json(c, n));
}
