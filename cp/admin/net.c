/* SPDX-License-Identifier: BSD-3-Clause */
#include "net.h"

#include "../server.h"
#include "../../conf/vlan.h"
#include "param.h"
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- neighbours ---- */

enum {
	FROM_BITS = 17, /* of a cursor: entry of a worker's table, which is above them */
	NEIGHBOURS_TIMEOUT_MS = 2000,
};

static json_t *neighbour_json(const struct config *conf, uint32_t worker,
			      const struct ctl_neighbour *n)
{
	static const char *const state[] = {
		[NEIGH_INCOMPLETE] = "incomplete",
		[NEIGH_REACHABLE] = "reachable",
		[NEIGH_STALE] = "stale",
		[NEIGH_FAILED] = "failed",
	};
	char ip[ADDR_STR_MAX], mac[18];
	const uint8_t *m = n->mac;

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		 m[5]);
	return json_pack("{s:o, s:s, s:s, s:s?, s:s, s:o, s:b, s:o}", "worker", integer(worker),
			 "port", port_name(conf, n->port), "address",
			 ip_format(&n->ip, ip, sizeof(ip)), "mac",
			 n->state == NEIGH_REACHABLE || n->state == NEIGH_STALE ? mac : NULL,
			 "state", state[n->state], "age_ms", integer(n->age_ms), "gateway",
			 n->gateway != 0, "waiting", integer(n->waiting));
}

/* What a worker has told, and where to go on: with the next worker, unless one was asked for. */
struct page {
	struct rpc_later *later;
	bool one;
};

static void page_done(void *arg, uint32_t worker, const union ctl_evt *evt)
{
	const struct evt_neighbours *e = evt ? &evt->neighbours : NULL;
	struct page *p = arg;
	const struct server *s = rpc_later_ctx(p->later);
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	json_t *result = NULL, *list;
	uint64_t cursor = 0;

	if (e) {
		list = json_array();
		for (uint32_t i = 0; i < e->n; i++)
			json_array_append_new(list,
					      neighbour_json(s->conf, worker, &e->neighbour[i]));
		if (e->next != CTL_NEIGHBOURS_END)
			cursor = (uint64_t)worker << FROM_BITS | e->next;
		else if (!p->one && worker + 1 < dplink_n_workers(s->link))
			cursor = (uint64_t)(worker + 1) << FROM_BITS;
		result = json_pack("{s:b, s:o, s:o}", "attached", 1, "neighbours", list, "cursor",
				   cursor ? integer(cursor) : json_null());
	} else {
		rpc_fail(&err, RPC_AWAY, "worker %u does not answer", worker);
	}
	rpc_reply(p->later, result, &err);
	free(p);
}

static bool page_begin(struct server *s, struct rpc_later *l, uint32_t worker, bool one,
		       struct cmd_neighbours *c, struct rpc_error *err)
{
	struct asks_command ask;
	struct page *p;

	if (worker >= dplink_n_workers(s->link)) {
		rpc_fail(err, dplink_attached(s->link) ? RPC_BAD_PARAMS : RPC_AWAY,
			 dplink_attached(s->link) ? "\"cursor\" is of no worker"
						  : "no dataplane is attached");
		return false;
	}
	p = malloc(sizeof(*p));
	if (!p)
		return false;
	*p = (struct page){ l, one };
	ask = (struct asks_command){ .type = CMD_NEIGHBOURS,
				     .cmd = c,
				     .len = sizeof(*c),
				     .holder = rpc_caller_holder(rpc_later_who(l)),
				     .due_ms = s->now_ms + NEIGHBOURS_TIMEOUT_MS };
	if (asks_begin(&s->neighbours, s->link, worker, &ask, page_done, p))
		return true;
	free(p);
	rpc_fail(err, RPC_FULL,
		 "too many questions are under way, or the worker takes no command now");
	return false;
}

void neighbours_page(void *ctx, const json_t *params, struct rpc_later *l)
{
	struct rpc_error err = { RPC_INTERNAL, "out of memory" };
	uint32_t worker = CTL_WORKERS_MAX, cursor = 0, limit = CTL_NEIGHBOURS;
	struct server *s = ctx;
	bool gateways = false;

	if (param_only(params, "worker cursor limit gateways", &err) &&
	    param_uint(params, "worker", 0, s->conf->dataplane.n_workers - 1, &worker, &err) &&
	    param_uint(params, "cursor", 0, UINT32_MAX, &cursor, &err) &&
	    param_uint(params, "limit", 1, UINT32_MAX, &limit, &err) &&
	    param_bool(params, "gateways", &gateways, &err)) {
		const bool one = worker != CTL_WORKERS_MAX;
		struct cmd_neighbours c = {
			.from = cursor & ((1u << FROM_BITS) - 1),
			.max = (uint16_t)(limit < CTL_NEIGHBOURS ? limit : CTL_NEIGHBOURS),
			.gateways = gateways,
		};

		if (page_begin(s, l, one ? worker : cursor >> FROM_BITS, one, &c, &err))
			return;
	}
	rpc_reply(l, NULL, &err);
}

/* ---- routes ---- */

/* A port's own address has its host's bits; the way to its subnet has none. */
static struct ip_prefix subnet(struct ip_prefix p)
{
	for (uint32_t bit = p.len; bit < 128; bit++)
		p.ip.b[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return p;
}

static json_t *way_json(const struct config_port *p, const struct ip_prefix *to,
			const struct ip_addr *via, bool link_up)
{
	char net[ADDR_STR_MAX], hop[ADDR_STR_MAX];
	const struct ip_prefix s = subnet(*to);

	return json_pack("{s:s, s:s, s:s?, s:b}", "to", ip_prefix_format(&s, net, sizeof(net)),
			 "port", p->name, "via", via ? ip_format(via, hop, sizeof(hop)) : NULL,
			 "link_up", link_up);
}

json_t *routes_show(void *ctx, const json_t *params, struct rpc_error *err)
{
	const struct server *s = ctx;
	json_t *list;

	if (!param_only(params, "", err))
		return NULL;
	list = json_array();
	for (uint16_t i = 0; i < s->conf->n_port; i++) {
		const struct config_port *p = &s->conf->port[i];
		struct ctl_port_info info;
		const bool up =
		    stats_port_info(s->link, dplink_port(s->link, i), &info) && info.link_up;

		for (uint16_t k = 0; k < p->n_addr; k++)
			json_array_append_new(list, way_json(p, &p->addr[k], NULL, up));
		for (uint16_t k = 0; k < p->n_route; k++)
			json_array_append_new(list,
					      way_json(p, &p->route[k].to, &p->route[k].via, up));
	}
	return json_pack("{s:b, s:o}", "attached", dplink_attached(s->link), "routes", list);
}
