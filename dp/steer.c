/* SPDX-License-Identifier: BSD-3-Clause */
#include "steer.h"

#include <rte_flow.h>
#include <stdio.h>

/* One rule: packets to this relay address whose port's pair is of worker q go to queue q. */
static bool steer_rule(const struct port *p, const struct ip_addr *ip, uint16_t q, uint16_t mask)
{
	struct rte_flow_attr attr = { .ingress = 1 };
	struct rte_flow_item_ipv4 v4 = { 0 }, v4_mask = { .hdr.dst_addr = UINT32_MAX };
	struct rte_flow_item_ipv6 v6 = { 0 }, v6_mask = { 0 };
	struct rte_flow_item_udp udp = { .hdr.dst_port = rte_cpu_to_be_16((uint16_t)(q << 1)) };
	struct rte_flow_item_udp udp_mask = { .hdr.dst_port = rte_cpu_to_be_16(mask) };
	struct rte_flow_action_queue queue = { .index = q };
	struct rte_flow_item item[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &v4, .mask = &v4_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &udp, .mask = &udp_mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	struct rte_flow_action act[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error e;

	memset(&v6_mask.hdr.dst_addr, 0xff, 16);
	memcpy(&v6.hdr.dst_addr, ip->b, 16);
	memcpy(&v4.hdr.dst_addr, ip->b + 12, 4);
	if (!ip_is_v4(ip))
		item[1] = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_IPV6,
						  .spec = &v6,
						  .mask = &v6_mask };
	return rte_flow_validate(p->id, &attr, item, act, &e) == 0 &&
	       rte_flow_create(p->id, &attr, item, act, &e) != NULL;
}

/*
 * How replies to connections opened from here find their worker: a local port is picked whose
 * hash leads back to it, where the device's key and table are known and the self-test finds one
 * for each worker; else one of the worker's share of ports, and the receiving worker hands over.
 */
static const char *port_outbound(const struct dplane *dp, const struct port *p)
{
	const struct sock_addr peer = { .ip = p->conf->addr[0].ip, .port = be16_make(443) };
	struct sock_addr own = { .ip = p->conf->addr[0].ip };
	uint64_t found = 0;
	uint32_t i;

	if (dp->n_workers == 1)
		return "one worker";
	for (i = 32768; p->rss.reta_size && i < 65536; i += 2) {
		own.port = be16_make((uint16_t)i);
		if (rss_queue(&p->rss, &peer, &own) % dp->n_workers == port_owner(dp, (uint16_t)i))
			found |= UINT64_C(1) << port_owner(dp, (uint16_t)i);
	}
	return found == UINT64_MAX >> (64 - dp->n_workers) ? "RSS hash" : "hand-over";
}

bool steer_device(struct dplane *dp, struct port *p)
{
	uint16_t mask = (uint16_t)((dp->n_workers - 1) << 1), q, i;
	struct rte_flow_error e;
	bool ok = dp->n_workers > 1 && p->rx_queues == dp->n_workers &&
		  (dp->n_workers & (dp->n_workers - 1)) == 0;

	for (i = 0; ok && i < dp->conf->n_relay; i++)
		for (q = 0; ok && q < dp->n_workers; q++)
			ok = steer_rule(p, &dp->conf->relay[i].addr, q, mask);
	if (!ok && dp->n_workers > 1)
		rte_flow_flush(p->id, &e);
	return ok;
}

void steer_describe(const struct dplane *dp, struct port *p, bool ok)
{
	snprintf(p->steering, sizeof(p->steering),
		 "clients: %s; relayed ports: %s; outbound TCP: %s",
		 dp->n_workers == 1 ? "one worker"
		 : p->flow_sticky   ? "queue"
				    : "hash and hand-over",
		 dp->n_workers == 1 ? "one worker"
		 : ok		    ? "rte_flow"
				    : "hand-over",
		 port_outbound(dp, p));
}
