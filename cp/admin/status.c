/* SPDX-License-Identifier: BSD-3-Clause */
#include "status.h"

#include "../context/gateway.h"
#include "../h248/mg.h"
#include "../ng/ng.h"
#include "certs_json.h"
#include "conns.h"
#include "health.h"
#include "rpc.h"
#include "stat_list.h"
#include "stats.h"
#include "../../lib/bug.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static json_t *dataplane_json(const struct server *s)
{
	const struct region *r = dplink_region(s->link);
	uint64_t conns = 0;
	char generation[17];

	if (!r)
		return json_pack("{s:b}", "attached", 0);
	for (uint32_t w = 0; w < dplink_n_workers(s->link); w++) {
		struct stats_counters c;

		stats_worker(s->link, w, &c);
		conns += stats_tcp_conns(&c);
	}
	snprintf(generation, sizeof(generation), "%016" PRIx64, r->generation);
	return json_pack("{s:b, s:b, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "attached", 1,
			 "replaying", dplink_replaying(s->link), "pid", integer(r->pid), "workers",
			 integer(dplink_n_workers(s->link)), "generation", generation, "abi",
			 integer(r->abi_version), "uptime_s",
			 integer(server_now(s) > r->start_time ? server_now(s) - r->start_time : 0),
			 "connections", integer(conns), "connections_max",
			 integer(conns_max(s->link)));
}

static void bugs_add(json_t *list, const char *process, const struct ctl_bugs *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		json_array_append_new(
		    list, json_pack("{s:s, s:s, s:o, s:o, s:o}", "process", process, "grade",
				    b->site[i].warn ? "warn" : "bug", "where",
				    rpc_text(b->site[i].where), "condition",
				    rpc_text(b->site[i].expr), "count", integer(b->site[i].count)));
}

/* Places in either process where something impossible happened. */
static json_t *bugs_json(const struct server *s)
{
	json_t *list = json_array();
	struct ctl_bugs b = { 0 };

	bug_publish(&b, NULL);
	bugs_add(list, "fairlead-cp", &b);
	stats_bugs(s->link, &b);
	bugs_add(list, "fairlead-dp", &b);
	return list;
}

json_t *drain_json(const struct server *s)
{
	const uint64_t now = s->now_ms, end = s->drain.deadline_ms;
	const uint64_t left = end > now ? (end - now + 999) / 1000 : 0;

	return json_pack("{s:b, s:o, s:o, s:o}", "on", s->drain.on, "deadline_s",
			 s->drain.on && end ? integer(left) : json_null(), "allocations",
			 integer(table_stats(s->table)->allocs), "contexts",
			 integer(s->gateway ? gate_stats(s->gateway)->contexts : 0));
}

/* Who controls the gateway, or is asked to. */
static void h248_json(const struct server *s, json_t *gateway)
{
	char text[ADDR_STR_MAX + 32], addr[ADDR_STR_MAX];

	if (!s->mg || !mg_controller(s->mg)) {
		json_object_set_new(gateway, "h248", json_null());
		return;
	}
	snprintf(text, sizeof(text), "%s %s, %s",
		 sock_addr_format(mg_controller(s->mg), addr, sizeof(addr)),
		 config_controller_name[mg_transport(s->mg)], mg_state_name[mg_state(s->mg)]);
	json_object_set_new(gateway, "h248_controller", json_string(text));
}

json_t *status_json(const struct server *s)
{
	json_t *o =
	    json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "version", FAIRLEAD_VERSION,
		      "pid", (int)getpid(), "uptime_s", integer((s->now_ms - s->start_ms) / 1000),
		      "config", rpc_text(s->conf->file), "problems", health_json(s), "drain",
		      drain_json(s), "dataplane", dataplane_json(s), "bugs", bugs_json(s));

	stat_json(s, "status", o);
	if (!s->gateway)
		json_object_set_new(o, "gateway", json_null());
	else if (!ng_served(s->ng))
		json_object_set_new(json_object_get(o, "gateway"), "ng", json_null());
	if (s->gateway)
		h248_json(s, json_object_get(o, "gateway"));
	return o;
}

/* ---- the status page ---- */

/* From two of these a reader computes load and rates. */
static json_t *load_json(uint32_t cpu, const struct stats_counters *c)
{
	uint64_t busy = 0;

	for (int i = 0; i < STAGE_MAX; i++)
		busy += i == STAGE_IDLE ? 0 : c->stage[i].cycles;
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "cpu", integer(cpu),
			 "busy_cycles", integer(busy), "idle_cycles",
			 integer(c->stage[STAGE_IDLE].cycles), "rx", integer(c->cnt[CNT_RX]), "tx",
			 integer(c->cnt[CNT_TX]), "dropped", integer(stats_account(c).dropped),
			 "sessions", integer(c->cnt[CNT_SESSIONS]), "connections",
			 integer(stats_tcp_conns(c)), "contexts",
			 integer(c->cnt[CNT_GATE_CONTEXTS]));
}

/* What passed through contexts, and what became of their terminations. */
static json_t *media_json(const struct stats_counters *sum)
{
	const uint64_t *c = sum->cnt;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "streams", integer(c[CNT_GATE_STREAMS]),
			 "up", integer(c[CNT_GATE_UP]), "ended", integer(c[CNT_GATE_ENDED]),
			 "latched", integer(c[CNT_GATE_LATCHED]), "packets",
			 integer(c[CNT_GATE_PACKETS]), "bytes",
			 integer(c[CNT_GATE_BYTES] + c[CNT_GATE_STREAM_BYTES]));
}

/* Reasons that dropped something. */
static json_t *drops_json(const struct stats_counters *sum)
{
	json_t *list = json_array();

	for (int i = 0; i < DROP_MAX; i++)
		if (sum->drop[i])
			json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "name",
							      drop_desc[i].name, "severity",
							      stats_severity(drop_desc[i].severity),
							      "help", drop_desc[i].help, "total",
							      integer(sum->drop[i])));
	return list;
}

static json_t *listeners_json(const struct server *s)
{
	json_t *list = json_array();
	char addr[ADDR_STR_MAX];

	for (uint16_t i = 0; i < s->conf->n_listener; i++) {
		const struct config_listener *l = &s->conf->listener[i];

		json_array_append_new(
		    list, json_pack("{s:s, s:s, s:o, s:o}", "address",
				    sock_addr_format(&l->addr, addr, sizeof(addr)), "transport",
				    config_transport_name[l->transport], "service",
				    l->has_service ? rpc_text(l->service) : json_null(), "requests",
				    integer(s->listener_requests[listener_place_of(s->conf, i)])));
	}
	return list;
}

static json_t *relays_json(const struct server *s)
{
	json_t *list = json_array();
	char addr[ADDR_STR_MAX];

	for (uint32_t i = 0; i < s->conf->n_relay; i++) {
		const struct config_relay *r = &s->conf->relay[i];
		const uint32_t resting = ports_quarantined(s->ports, i);

		if (r->gone)
			continue;
		json_array_append_new(
		    list, json_pack("{s:s, s:i, s:i, s:b, s:o, s:o, s:o}", "address",
				    ip_format(&r->addr, addr, sizeof(addr)), "port_min",
				    (int)r->port_min, "port_max", (int)r->port_max, "turn", r->turn,
				    "realm", r->realm[0] ? rpc_text(r->realm) : json_null(), "used",
				    integer(ports_used(s->ports, i) - resting), "resting",
				    integer(resting)));
	}
	return list;
}

json_t *status_page_json(const struct server *s)
{
	struct stats_counters sum = { 0 };
	json_t *workers = json_array(), *ports = stats_json_ports(s->link), *page;

	for (uint32_t w = 0; w < dplink_n_workers(s->link); w++) {
		struct stats_counters c;

		stats_worker(s->link, w, &c);
		stats_add(&sum, &c);
		json_array_append_new(workers,
				      load_json(dplink_region(s->link)->worker[w].cpu, &c));
	}
	page = json_pack("{s:o, s:o, s:o, s:O, s:o, s:o, s:o, s:o, s:o}", "time_us",
			 stats_json_time(), "status", status_json(s), "workers", workers, "ports",
			 json_object_get(ports, "ports"), "media", media_json(&sum), "drops",
			 drops_json(&sum), "listeners", listeners_json(s), "relays", relays_json(s),
			 "certificates", certs_json(s));
	json_decref(ports);
	return page;
}
