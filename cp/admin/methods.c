/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The methods of the control socket, those of other files included. `sessions`, `connections` and
 * `contexts` tell a page a call.
 */
#include "../session.h"
#include "../session_rate.h"
#include "access.h"
#include "agree_rpc.h"
#include "aka_rpc.h"
#include "capture.h"
#include "config_rpc.h"
#include "conns.h"
#include "context_events.h"
#include "context_rpc.h"
#include "describe.h"
#include "drain_rpc.h"
#include "filter.h"
#include "ipsec_events.h"
#include "ipsec_rpc.h"
#include "kill.h"
#include "net.h"
#include "param.h"
#include "ping_rpc.h"
#include "records_rpc.h"
#include "rpc.h"
#include "stats.h"
#include "status.h"
#include "tls.h"
#include "token_rpc.h"
#include "trace.h"
#include "users_rpc.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	PAGE_DEFAULT = 100,
	PAGE_MAX = 256,
	/* Records or connections looked at in one call, so that clients need not wait. */
	SCAN_MAX = 16384,
};

static json_t *status(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;

	(void)params;
	(void)err;
	return status_json(s);
}

/* ---- sessions ---- */

static json_t *sock_addr_json(const struct sock_addr *a)
{
	char buf[ADDR_STR_MAX];

	return json_string(sock_addr_format(a, buf, sizeof(buf)));
}

static json_t *seconds_left(const struct server *s, uint32_t deadline)
{
	return integer(deadline > server_now(s) ? deadline - server_now(s) : 0);
}

static const char *relay_transport(const struct table_alloc *a)
{
	return table_relays_tcp(a) ? "tcp" : "udp";
}

static json_t *relayed_json(const struct server *s, const struct table_alloc *a)
{
	json_t *list = json_array();
	struct sock_addr addr;

	for (int f = RELAY_V4; f <= RELAY_V6; f++) {
		if (session_relayed(s, a, f, &addr))
			json_array_append_new(list, sock_addr_json(&addr));
	}
	return list;
}

static json_t *permissions_json(const struct server *s, const struct table_alloc *a)
{
	json_t *list = json_array();
	char buf[ADDR_STR_MAX];

	for (struct table_perm *p = table_perm_next(s->table, a, NULL); p;
	     p = table_perm_next(s->table, a, p))
		json_array_append_new(list, json_pack("{s:s, s:o}", "peer",
						      ip_format(&p->peer, buf, sizeof(buf)),
						      "expires_s", seconds_left(s, p->expiry)));
	return list;
}

static json_t *channels_json(const struct server *s, const struct table_alloc *a)
{
	json_t *list = json_array();

	for (struct table_chan *c = table_chan_next(s->table, a, NULL); c;
	     c = table_chan_next(s->table, a, c)) {
		char number[8];

		snprintf(number, sizeof(number), "0x%04x", c->number);
		json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "channel", number, "peer",
						      sock_addr_json(&c->peer), "expires_s",
						      seconds_left(s, c->expiry)));
	}
	return list;
}

/* What was relayed one way; null without a dataplane. */
static json_t *use_json(const struct server *s, const struct table_alloc *a, enum ctl_way way)
{
	struct session_rate r;
	const bool known = session_rate_of(s->rates, s->table, s->link, a, &r);
	struct session_use u;

	if (!dplink_use(s->link, a->worker, a->sid, server_now(s), &u))
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "packets", integer(u.packets[way]), "bytes",
			 integer(u.bytes[way]), "packets_per_s",
			 known ? integer(r.packets_per_s[way]) : json_null(), "bytes_per_s",
			 known ? integer(r.bytes_per_s[way]) : json_null(), "silent_s",
			 u.silent_s[way] == UINT32_MAX ? json_null() : integer(u.silent_s[way]));
}

static json_t *session_json(const struct server *s, const struct table_alloc *a)
{
	const bool known = a->leg.listener < listener_places(s->conf);
	const struct listener_place l =
	    known ? listener_place(s->conf, a->leg.listener) : (struct listener_place){ 0 };

	return json_pack("{s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "user", rpc_text(a->user), "client", sock_addr_json(&a->leg.client),
			 "listener", known ? sock_addr_json(&l.addr) : json_null(), "transport",
			 session_transport(s, a), "relay_transport", relay_transport(a), "relayed",
			 relayed_json(s, a), "worker", integer(a->worker), "slot",
			 integer(a->sid.slot), "age_s", integer(server_age(s, a->created)),
			 "expires_s", seconds_left(s, table_alloc_expiry(a)), "permissions",
			 permissions_json(s, a), "channels", channels_json(s, a), "to_peer",
			 use_json(s, a, CTL_TO_PEER), "to_client", use_json(s, a, CTL_TO_CLIENT));
}

/*
 * A page of allocations, of all or of those that the filter has: up to limit of them from cursor
 * on. The result's cursor is where the next page starts, null at the end. A page may be short, even
 * empty.
 */
static json_t *sessions(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	uint32_t cursor = 0, limit = PAGE_DEFAULT, look = SCAN_MAX;
	const struct table_alloc *a = NULL;
	struct filter f;
	json_t *list;

	if (!param_only(params, FILTER_SESSIONS PARAM_PAGE, err) ||
	    !filter_sessions(s, params, &f, err) ||
	    !param_uint(params, "cursor", 0, UINT32_MAX, &cursor, err) ||
	    !param_uint(params, "limit", 1, PAGE_MAX, &limit, err))
		return NULL;
	list = json_array();
	while (json_array_size(list) < limit &&
	       (a = table_walk(s->table, &cursor, &look)) != NULL) {
		if (filter_has_session(s, &f, a))
			json_array_append_new(list, session_json(s, a));
	}
	return json_pack("{s:o, s:o}", "sessions", list, "cursor",
			 a || !look ? integer(cursor) : json_null());
}

/* ---- connections ---- */

/* A page of the live table of TCP connections, of all or of those that the filter has; cursor as
 * above. */
static json_t *connections(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	uint32_t cursor = 0, limit = PAGE_DEFAULT;
	struct filter f;
	json_t *list;
	bool end;

	if (!param_only(params, FILTER_CONNECTIONS PARAM_PAGE, err) ||
	    !filter_connections(s, params, &f, err) ||
	    !param_uint(params, "cursor", 0, UINT32_MAX, &cursor, err) ||
	    !param_uint(params, "limit", 1, PAGE_MAX, &limit, err))
		return NULL;
	list = conns_json(s->link, s->conf, &f, limit, SCAN_MAX, &cursor, &end);
	return json_pack("{s:b, s:o, s:o}", "attached", dplink_attached(s->link), "connections",
			 list, "cursor", end ? json_null() : integer(cursor));
}

/* ---- counters ---- */

/* What the dataplane counts, as stats.h has it. */
#define COUNTERS(name)                                                              \
	static json_t *name(void *ctx, const json_t *params, struct rpc_error *err) \
	{                                                                           \
		(void)params;                                                       \
		(void)err;                                                          \
		return stats_json_##name(((const struct server *)ctx)->link);       \
	}
COUNTERS(workers)
COUNTERS(ports)
COUNTERS(drops)
COUNTERS(accounting)
COUNTERS(tcp)

/* Of those that the dataplane has told, or will. */
static uint32_t ports_last(const struct server *s)
{
	const uint32_t told = dplink_n_ports(s->link);

	return (told > s->conf->n_port ? told : s->conf->n_port) - 1;
}

/* What the driver of one port counts. */
static json_t *xstats(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	uint32_t port = CTL_PORTS_MAX;

	if (!param_only(params, "port", err) ||
	    !param_uint(params, "port", 0, ports_last(s), &port, err))
		return NULL;
	if (port == CTL_PORTS_MAX)
		return rpc_fail(err, RPC_BAD_PARAMS, "\"port\" must be given");
	return stats_json_xstats(s->link, port);
}

#define OPERATE .may = CONFIG_MAY_OPERATE
#define ADMINISTER .may = CONFIG_MAY_ADMINISTER
#define CONTEXT_LIMITS "hold? lifetime? inactivity?"

/*
 * Whatever changes something is audited (tests/cp/admin/test_methods.c); capture says itself who
 * began it.
 */
/* clang-format off */
const struct rpc_method rpc_methods[RPC_METHODS] = {
	{ "status", "what is wrong now, both processes, how full the tables are, requests and replies", .call = status },
	{ "workers", "every counter of each worker", .call = workers },
	{ "ports", "links, traffic, steering and offloads of each port", .call = ports },
	{ "xstats", "what the driver of a port counts", "port", .call = xstats },
	{ "sessions", "a page of allocations, of those that have all that is given", FILTER_SESSIONS PARAM_PAGE, .call = sessions },
	{ "sessions.kill", "ends allocations that have all that is given", FILTER_SESSIONS PARAM_KILL, OPERATE, .audited = RPC_AUDITED, .call = rpc_sessions_kill },
	{ "drops", "why packets were dropped", .call = drops },
	{ "accounting", "whether every packet is accounted for", .call = accounting },
	{ "connections", "a page of TCP connections, likewise", FILTER_CONNECTIONS PARAM_PAGE, .call = connections },
	{ "connections.kill", "ends connections likewise", FILTER_CONNECTIONS PARAM_KILL, OPERATE, .audited = RPC_AUDITED, .call = rpc_connections_kill },
	{ "tcp", "what TCP counts, and what ended connections", .call = tcp },
	{ "tls", "certificates in force, handshakes, and what TLS counts", .call = tls_show },
	{ "tls.reload", "reads the files of certificates and keys again", OPERATE, .audited = RPC_AUDITED, .later = tls_reload },
	{ "psk.set", "a pre-shared key of TLS, instead of the one there may be", "identity key", ADMINISTER, .audited = RPC_AUDITED, .call = psk_set },
	{ "psk.del", "the pre-shared key goes", "identity", ADMINISTER, .audited = RPC_AUDITED, .call = psk_unset },
	{ "user.list", "a page of users by name", PARAM_PAGE, .call = rpc_user_list },
	{ "user.add", "a new user, in the file of auth.users-db", "name password quota?", ADMINISTER, .audited = RPC_AUDITED, .call = rpc_user_add },
	{ "user.passwd", "another password for a user", "name password", ADMINISTER, .audited = RPC_AUDITED, .call = rpc_user_passwd },
	{ "user.del", "the user goes; allocations stay until they end", "name", ADMINISTER, .audited = RPC_AUDITED, .call = rpc_user_del },
	{ "user.enable", "the user may allocate again", "name", ADMINISTER, .audited = RPC_AUDITED, .call = rpc_user_enable },
	{ "user.disable", "the user stays, and is not let in; allocations stay until they end", "name", ADMINISTER, .audited = RPC_AUDITED, .call = rpc_user_disable },
	{ "credentials", "a name and a password that are good for lifetime_s seconds", "name? lifetime_s?", ADMINISTER, .audited = RPC_AUDITED, .call = rpc_credentials },
	{ "drain", "no new allocations and contexts, but urgent ones; what is left after the deadline, if there is one, is ended", "deadline_s?", OPERATE, .audited = RPC_AUDITED, .call = rpc_drain },
	{ "undrain", "new allocations and contexts are served again", OPERATE, .audited = RPC_AUDITED, .call = rpc_undrain },
	{ "config.show", "every key and the value that runs, secrets hidden", .call = rpc_config_show },
	{ "config.diff", "what the file has otherwise, how it would be applied, and what is lost", .call = rpc_config_diff },
	{ "reload", "the file is put in force, as far as that needs no restart", ADMINISTER, .audited = RPC_AUDITED, .later = rpc_reload },
	{ "contexts", "a page of the gateway's contexts, likewise", FILTER_CONTEXTS PARAM_PAGE, .call = rpc_contexts },
	{ "contexts.kill", "ends contexts likewise", FILTER_CONTEXTS PARAM_KILL, OPERATE, .audited = RPC_AUDITED, .call = rpc_contexts_kill },
	{ "context.add", "a context of two terminations", "terminations call? media? near? urgent? " CONTEXT_LIMITS, OPERATE, .audited = RPC_AUDITED_CALL, .call = rpc_context_add },
	{ "context.modify", "changes a context, or with a side that termination of it", "context side? urgent? " CONTEXT_LIMITS, OPERATE, .audited = RPC_AUDITED_CALL, .call = rpc_context_modify },
	{ "context.subtract", "one termination goes", "context side", OPERATE, .audited = RPC_AUDITED_CALL, .call = rpc_context_subtract },
	{ "context.move", "a termination to another context", "context side to to_side", OPERATE, .audited = RPC_AUDITED_CALL, .call = rpc_context_move },
	{ "context.delete", "the context goes; its counters are the result", "context", OPERATE, .audited = RPC_AUDITED_CALL, .later = rpc_context_delete },
	{ "context.show", "a context with its counters", "context", .later = rpc_context_show },
	{ "context.events", "what happened to contexts, now or when it does", "after? limit? wait_ms?", .later = rpc_context_events },
	{ "neighbours", "a page of next hops, of one worker or of all", "worker? gateways? " PARAM_PAGE, .later = neighbours_page },
	{ "routes", "ways by each port", .call = routes_show },
	{ "ping", "an ICMP echo request, and what comes of it", PING_ANY PING_ECHOES, OPERATE, .later = rpc_ping },
	{ "arping", "an ARP request or neighbour solicitation, and what comes of it", PING_ANY, OPERATE, .later = rpc_arping },
	{ "records", "records of allocations, connections and contexts, now or when there are some", "after? limit? wait_ms?", .later = rpc_records },
	{ "capture", "frames as a pcapng file, which follows the answer", TRACE_FILTER "size? snaplen? duration_s? expression? program? whose?", ADMINISTER, .later = capture_begin },
	{ "capture.plaintext", "the same, with what is inside of TLS", TRACE_FILTER "size? snaplen? duration_s? expression? program? whose?", ADMINISTER, .audited = RPC_AUDITED, .later = capture_plaintext },
	{ "trace", "begins to tell what happens to packets", TRACE_FILTER "bytes?", OPERATE, .audited = RPC_AUDITED, .later = trace_begin },
	{ "trace.next", "what happened since, now or within wait_ms", "id wait_ms?", OPERATE, .later = trace_next },
	{ "trace.end", "the trace ends, so that another may begin", "id", OPERATE, .audited = RPC_AUDITED, .call = trace_finish },
	{ "trace.release", "the trace or capture under way ends, whoever has it; who had it is the result", ADMINISTER, .audited = RPC_AUDITED, .call = trace_release },
	{ "aka.challenge", "a challenge of SIP Digest AKA from a vector of the home network, which aka.servers are asked for if xres is not given", AKA_CHALLENGE, OPERATE, .later = rpc_aka_challenge },
	{ "aka.judge", "what a phone's Authorization header proves", AKA_JUDGE, OPERATE, .call = rpc_aka_judge },
	{ "aka.token", "the token by which AKA vouches for the certificate that a phone's connection was shown", AKA_TOKEN, OPERATE, .call = rpc_aka_token },
	{ "aka.token_judge", "what a phone's token proves; any but the right one ends its connection", AKA_TOKEN_JUDGE, OPERATE, .call = rpc_aka_token_judge },
	{ "ipsec.agree", "what is taken of a phone's Security-Client header, or why nothing is", IPSEC_AGREE, OPERATE, .call = rpc_ipsec_agree },
	{ "ipsec.verify", "whether a phone's Security-Verify and Security-Client headers are those of what was agreed", IPSEC_VERIFY, OPERATE, .call = rpc_ipsec_verify },
	{ "ipsec.add", "IPsec associations with a phone, by what its Security-Client header says; what Security-Server is to say is the result", IPSEC_ADD, OPERATE, .audited = RPC_AUDITED_CALL, .call = rpc_ipsec_add },
	{ "ipsec.extend", "they live so much longer from now on", IPSEC_EXTEND, OPERATE, .audited = RPC_AUDITED_CALL, .call = rpc_ipsec_extend },
	{ "ipsec.delete", "they go; their counters are the result", "phone", OPERATE, .audited = RPC_AUDITED_CALL, .later = rpc_ipsec_delete },
	{ "ipsec.show", "a phone's associations with their counters", "phone", .later = rpc_ipsec_show },
	{ "ipsec.list", "a page of phones with IPsec associations, of a user or from an address", IPSEC_LIST, .call = rpc_ipsec_list },
	{ "ipsec.events", "what happened to phones' IPsec associations, now or when it does", "after? limit? wait_ms?", .later = rpc_ipsec_events },
	{ "rpc.describe", "these methods: parameters, who may call them, whether it is audited", .call = rpc_describe },
};
/* clang-format on */

static struct access roles; /* of the control socket, of which a process has one */

bool rpc_roles_prepare(void *arg, const struct config *c, char *err, size_t errlen)
{
	(void)arg;
	return access_prepare(&roles, &c->control, err, errlen);
}

void rpc_roles_finish(void *arg, bool apply)
{
	(void)arg;
	access_finish(&roles, apply);
}

struct rpc *rpc_start(struct server *s, struct event_base *base, char *err, size_t errlen)
{
	static const struct rpc_limits limits = {
		.clients = 32, .line = 65536, .output = 262144, .idle_ms = 60000
	};
	struct rpc *r;

	if (!access_open(&roles, &s->conf->control, err, errlen))
		return NULL;
	r = rpc_open(base, s->conf->control.socket, &limits, rpc_methods, RPC_METHODS, s, err,
		     errlen);
	if (r)
		rpc_guard(r, access_identify, &roles);
	return r;
}
