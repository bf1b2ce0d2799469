/* SPDX-License-Identifier: BSD-3-Clause */
#include "status.h"

#include "conns.h"
#include "context_json.h"
#include "rpc.h"
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static json_t *integer(uint64_t n)
{
	return json_integer((json_int_t)n);
}

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

static json_t *allocations_json(const struct server *s)
{
	const struct table_stats *t = table_stats(s->table);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "count", integer(t->allocs), "max", integer(t->allocs_max), "permissions",
			 integer(t->perms), "permissions_max", integer(t->perms_max), "channels",
			 integer(t->chans), "channels_max", integer(t->chans_max), "reservations",
			 integer(t->resvs), "reservations_max", integer(t->resvs_max), "kept",
			 integer(t->kept), "made", integer(s->stats.allocs_made), "expired",
			 integer(s->stats.allocs_expired), "deleted",
			 integer(s->stats.allocs_deleted), "gone", integer(s->stats.allocs_gone),
			 "refused", integer(s->stats.allocs_refused));
}

/* Connections to peers (RFC 6062) that are not bound yet, and what became of others. */
static json_t *peer_connections_json(const struct server *s)
{
	const struct server_stats *c = &s->stats;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "pending",
			 integer(pending_used(s->pending)), "max", integer(pending_max(s->pending)),
			 "connected", integer(c->connects_made), "failed",
			 integer(c->connects_failed), "attempts", integer(c->attempts),
			 "attempts_refused", integer(c->attempts_refused), "bound",
			 integer(c->success[SERVER_CONNECTION_BIND]), "late",
			 integer(c->binds_late), "gone", integer(c->peers_gone));
}

static json_t *requests_json(const struct server *s)
{
	json_t *o = json_object();

	for (int i = 0; i < SERVER_METHODS; i++)
		json_object_set_new(o, server_method_name[i], integer(s->stats.requests[i]));
	return o;
}

/* Successes, and errors by code; codes never sent are left out. */
static json_t *replies_json(const struct server *s)
{
	json_t *o = json_object();
	uint64_t success = 0;

	for (int i = 0; i < SERVER_METHODS; i++)
		success += s->stats.success[i];
	json_object_set_new(o, "success", integer(success));
	for (int code = SERVER_ERROR_MIN; code <= SERVER_ERROR_MAX; code++) {
		uint64_t n = s->stats.error[code - SERVER_ERROR_MIN];
		char key[8];

		snprintf(key, sizeof(key), "%d", code);
		if (n)
			json_object_set_new(o, key, integer(n));
	}
	return o;
}

/* What went no further in the control process, and why. */
static json_t *lost_json(const struct server *s)
{
	const struct dplink_stats *l = dplink_stats(s->link);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "requests_malformed",
			 integer(s->stats.bad_stun), "requests_too_old", integer(s->stats.too_old),
			 "requests_untold", integer(s->stats.untold), "events_stale",
			 integer(l->events_stale), "events_ring_full", integer(l->ends_lost),
			 "commands_ring_full", integer(l->commands_full), "replies_ring_full",
			 integer(l->replies_full));
}

static json_t *link_json(const struct server *s)
{
	const struct dplink_stats *l = dplink_stats(s->link);

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "attaches", integer(l->attaches),
			 "detaches", integer(l->detaches), "faults", integer(l->faults), "events",
			 integer(l->events), "commands", integer(l->commands), "replays",
			 integer(l->replays));
}

json_t *status_json(const struct server *s)
{
	return json_pack(
	    "{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "version", FAIRLEAD_VERSION, "pid", (int)getpid(), "uptime_s",
	    integer((s->now_ms - s->start_ms) / 1000), "config", rpc_text(s->conf->file),
	    "dataplane", dataplane_json(s), "allocations", allocations_json(s), "peer_connections",
	    peer_connections_json(s), "users", "active", integer(table_stats(s->table)->users),
	    "allocations_max", integer(s->conf->turn.allocations_per_user), "requests",
	    requests_json(s), "replies", replies_json(s), "lost", lost_json(s), "link",
	    link_json(s), "peers_denied", integer(s->stats.peers_denied), "gateway",
	    gateway_json(s));
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

json_t *status_page_json(const struct server *s)
{
	struct stats_counters sum = { 0 };
	json_t *workers = json_array();

	for (uint32_t w = 0; w < dplink_n_workers(s->link); w++) {
		struct stats_counters c;

		stats_worker(s->link, w, &c);
		stats_add(&sum, &c);
		json_array_append_new(workers,
				      load_json(dplink_region(s->link)->worker[w].cpu, &c));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "time_us", stats_json_time(), "status",
			 status_json(s), "workers", workers, "media", media_json(&sum), "drops",
			 drops_json(&sum));
}
