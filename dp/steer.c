/* SPDX-License-Identifier: BSD-3-Clause */
#include "steer.h"
#include "snapshot.h"
#include "../conf/kept.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_log.h>
#include <stdio.h>

/* ---- rules ---- */

/*
 * One rule: UDP to this address goes to queue q. mask (host order): only where the port has these
 * bits as q has them, the lowest left out; 0: whatever the port is.
 */
static bool steer_rule(struct port *p, const struct ip_addr *ip, uint16_t q, uint16_t mask)
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
		{ .type = RTE_FLOW_ITEM_TYPE_UDP,
		  .spec = mask ? &udp : NULL,
		  .mask = mask ? &udp_mask : NULL },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	struct rte_flow_action act[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error e = { .message = NULL };

	memset(&v6_mask.hdr.dst_addr, 0xff, 16);
	memcpy(&v6.hdr.dst_addr, ip->b, 16);
	memcpy(&v4.hdr.dst_addr, ip->b + 12, 4);
	if (!ip_is_v4(ip))
		item[1] = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_IPV6,
						  .spec = &v6,
						  .mask = &v6_mask };
	if (rte_flow_validate(p->id, &attr, item, act, &e) == 0 &&
	    rte_flow_create(p->id, &attr, item, act, &e))
		return true;
	if (rte_errno != ENOSYS) /* else it knows no rules, and there is nothing to tell */
		snprintf(p->rule_why, sizeof(p->rule_why), "%s",
			 e.message ? e.message : rte_strerror(rte_errno));
	return false;
}

/* Whether an address is one of the device of p, which may be several ports'. */
static bool device_has(const struct config *c, const struct port *p, const struct ip_addr *ip)
{
	for (uint16_t i = 0; i < c->n_port; i++) {
		if (i != p->idx && c->port[i].shares != p->idx + 1)
			continue;
		for (uint16_t j = 0; j < c->port[i].n_addr; j++)
			if (ip_eq(ip, &c->port[i].addr[j].ip))
				return true;
	}
	return false;
}

/* Whether a relay is there, and at an address of the device. */
static bool device_relay(const struct config *c, const struct port *p, uint16_t relay)
{
	return !c->relay[relay].gone && device_has(c, p, &c->relay[relay].addr);
}

/*
 * The clients of a listener at such an address would all come by the rule's queue, too: those over
 * TCP where the device does not look at the protocol of a rule without ports (igb, ixgbe).
 */
static bool listens(const struct config *c, const struct ip_addr *ip)
{
	for (uint16_t i = 0; i < c->n_listener; i++)
		if (ip_eq(ip, &c->listener[i].addr.ip))
			return true;
	return false;
}

/* Whether a rule may bring ports of a relay of the device to their workers. */
static bool rule_may(const struct dplane *dp, const struct config *c, struct port *p,
		     const struct config_relay *r)
{
	const uint16_t n = dp->n_workers;

	if (p->rx_queues != n)
		p->rule_not = "fewer queues than workers";
	else if (listens(c, &r->addr))
		p->rule_not = "a listener has the address";
	else if (!r->owner && n & (n - 1))
		p->rule_not = "no mask is for as many workers";
	else
		return true;
	return false;
}

/* All ports of a relay to its one worker, or as they are dealt out. */
static bool steer_relay(const struct dplane *dp, const struct config *c, struct port *p,
			const struct config_relay *r)
{
	const uint16_t mask = (uint16_t)((dp->n_workers - 1) << 1);

	if (!rule_may(dp, c, p, r))
		return false;
	if (r->owner)
		return steer_rule(p, &r->addr, r->owner - 1, 0);
	for (uint16_t q = 0; q < dp->n_workers; q++)
		if (!steer_rule(p, &r->addr, q, mask))
			return false;
	return true;
}

/* Relays of one way, by address or by port: as many as are steered, of n. */
static uint16_t steer_relays(const struct dplane *dp, const struct config *c, struct port *p,
			     bool owned, uint16_t *n)
{
	uint16_t taken = 0;

	*n = 0;
	for (uint16_t i = 0; i < c->n_relay; i++) {
		if (!device_relay(c, p, i) || (c->relay[i].owner != 0) != owned)
			continue;
		*n += 1;
		/* Masks are for all or for none: what is half steered is no faster. */
		if (owned || taken == *n - 1)
			taken += steer_relay(dp, c, p, &c->relay[i]);
	}
	return taken;
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
	uint16_t owner;
	uint32_t i;

	if (dp->n_workers == 1)
		return "one worker";
	for (i = 32768; p->rss.reta_size && i < 65536; i += 2) {
		own.port = be16_make((uint16_t)i);
		owner = deal_owner(&dp->deal, (uint16_t)i);
		if (rss_queue(&p->rss, &peer, &own) % dp->n_workers == owner)
			found |= UINT64_C(1) << owner;
	}
	return found == UINT64_MAX >> (64 - dp->n_workers) ? "RSS hash" : "hand-over";
}

/* ---- the RSS key ---- */

enum {
	KEY_BIT = 119,	  /* see steer_key(): of IPv4, */
	KEY_BIT_V6 = 311, /* and of IPv6 */
	KEY_BYTES = 40,	  /* where the device does not tell */
	DEAL_BITS = 7,	  /* of RELAY_DEAL */
	PEER_PORT = 4000, /* of who is asked for in the self-test */
};

void steer_key(struct rss *r, uint16_t reta_size, uint16_t n_workers)
{
	uint32_t j, bit, pair;

	*r = (struct rss){ .reta_size = reta_size };
	r->key[KEY_BIT / 8] = 0x80 >> KEY_BIT % 8;
	r->key[KEY_BIT_V6 / 8] = 0x80 >> KEY_BIT_V6 % 8;
	for (j = 0; j < reta_size; j++) {
		for (bit = 0, pair = 0; bit < DEAL_BITS; bit++)
			pair |= (j >> bit & 1) << (DEAL_BITS - 1 - bit);
		r->reta[j] = (uint16_t)relay_port_worker((uint16_t)(pair << 1), n_workers);
	}
}

/* Whether the key and table that the device has bring each relayed port of IPv4 to its owner. */
static bool key_leads(const struct dplane *dp, const struct port *p)
{
	struct sock_addr peer = { .port = be16_make(PEER_PORT) };
	struct sock_addr own = { .ip = ip_from_v4(be32_make(0)) };

	if (p->rss.reta_size < RELAY_DEAL)
		return false;
	for (uint32_t port = 0; port < 65536; port += 2) {
		peer.ip = ip_from_v4(be32_make(port * UINT32_C(0x9e3779b1)));
		own.port = be16_make((uint16_t)port);
		if (rss_queue(&p->rss, &peer, &own) != deal_owner(&dp->deal, (uint16_t)port))
			return false;
	}
	return true;
}

/*
 * Whether the device of p has an IPv4 relay that is dealt out, and no listener: a client's flows
 * want a key that mixes.
 */
static bool device_is_for_peers(const struct config *c, const struct port *p)
{
	bool relay = false;
	uint16_t k;

	for (k = 0; k < c->n_listener; k++)
		if (device_has(c, p, &c->listener[k].addr.ip))
			return false;
	for (k = 0; k < c->n_relay; k++)
		relay |= !c->relay[k].owner && ip_is_v4(&c->relay[k].addr) && device_relay(c, p, k);
	return relay;
}

static bool key_write(const struct rss *r, uint16_t ethdev)
{
	struct rte_eth_rss_reta_entry64 e[RSS_RETA_MAX / RTE_ETH_RETA_GROUP_SIZE];
	struct rte_eth_rss_conf conf = { 0 };
	struct rte_eth_dev_info info;
	uint8_t key[RSS_KEY_MAX];
	uint16_t i;

	if (rte_eth_dev_info_get(ethdev, &info) < 0 || info.hash_key_size > sizeof(key) ||
	    rte_eth_dev_rss_hash_conf_get(ethdev, &conf) < 0 ||
	    !(conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_UDP))
		return false;
	memcpy(key, r->key, sizeof(key));
	conf.rss_key = key;
	conf.rss_key_len = info.hash_key_size ? info.hash_key_size : KEY_BYTES;
	memset(e, 0, sizeof(e));
	for (i = 0; i < r->reta_size; i++) {
		e[i / RTE_ETH_RETA_GROUP_SIZE].mask = UINT64_MAX;
		e[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = r->reta[i];
	}
	return rte_eth_dev_rss_reta_update(ethdev, e, r->reta_size) == 0 &&
	       rte_eth_dev_rss_hash_update(ethdev, &conf) == 0;
}

/* Self-tested with what the device says that it has now; if that is wrong, all is as it was. */
static bool steer_by_key(const struct dplane *dp, const struct config *c, struct port *p)
{
	const struct rss before = p->rss;
	struct rss wanted;

	if (dp->n_workers == 1 || p->rx_queues != dp->n_workers || before.reta_size < RELAY_DEAL ||
	    !device_is_for_peers(c, p))
		return false;
	steer_key(&wanted, before.reta_size, dp->n_workers);
	if (key_write(&wanted, p->id)) {
		rss_read(&p->rss, p->id);
		if (key_leads(dp, p))
			return true;
	}
	key_write(&before, p->id);
	rss_read(&p->rss, p->id);
	return false;
}

static bool key_same(const struct rss *a, const struct rss *b)
{
	return a->reta_size == b->reta_size && memcmp(a->key, b->key, sizeof(a->key)) == 0 &&
	       memcmp(a->reta, b->reta, sizeof(a->reta[0]) * a->reta_size) == 0;
}

bool steer_keep(const struct rss *known, struct port *now)
{
	if (known->reta_size == 0 || key_same(known, &now->rss))
		return true;
	if (key_write(known, now->id))
		rss_read(&now->rss, now->id);
	return key_same(known, &now->rss);
}

/* ---- all of them ---- */

/* Rules for what is there now, of a device that has none. */
static void steer_rules(const struct dplane *dp, const struct config *c, struct port *p)
{
	struct steered *s = &p->steered;
	struct rte_flow_error e;

	s->by_port = steer_relays(dp, c, p, false, &s->dealt);
	if (s->by_port < s->dealt) {
		rte_flow_flush(p->id, &e);
		s->by_port = 0;
	}
	s->by_address = steer_relays(dp, c, p, true, &s->owned);
}

void steer_device(const struct dplane *dp, const struct config *c, struct port *p)
{
	p->steered = (struct steered){ 0 };
	if (dp->n_workers == 1)
		return;
	steer_rules(dp, c, p);
	if (p->steered.by_port < p->steered.dealt)
		p->steered.by_key = steer_by_key(dp, c, p);
}

bool steer_fits(const struct dplane *dp, const struct config *c, char *err, size_t errlen)
{
	for (uint16_t i = 0; i < dp->n_ports; i++) {
		const struct port *p = &dp->port[i];

		if (!p->steered.by_key || p->conf->shares)
			continue;
		for (uint16_t k = 0; k < c->n_listener; k++) {
			if (!device_has(c, p, &c->listener[k].addr.ip))
				continue;
			snprintf(err, errlen,
				 "listeners[%u]: it is the first one on the device of port %s, "
				 "whose RSS key is for relays and would bring most clients to one "
				 "worker: it is added by a restart of fairlead-dp",
				 k, p->conf->name);
			return false;
		}
	}
	return true;
}

/* What rules hang on, of each relay. */
struct wanted {
	struct ip_addr ip;
	uint16_t owner; /* 0: dealt out */
	uint16_t listener;
};

static uint16_t wanted_of(const struct config *c, const struct port *p,
			  struct wanted w[CTL_RELAYS_MAX])
{
	uint16_t n = 0;

	for (uint16_t i = 0; i < c->n_relay; i++)
		if (device_relay(c, p, i))
			w[n++] = (struct wanted){ c->relay[i].addr, c->relay[i].owner,
						  listens(c, &c->relay[i].addr) };
	return n;
}

static bool wanted_same(const struct config *a, const struct config *b, const struct port *p)
{
	struct wanted x[CTL_RELAYS_MAX], y[CTL_RELAYS_MAX];
	const uint16_t n = wanted_of(a, p, x);

	return n == wanted_of(b, p, y) && memcmp(x, y, n * sizeof(*x)) == 0;
}

static void rules_again(struct dplane *dp, const struct config *c, struct port *p)
{
	const struct steered *s = &p->steered;
	struct rte_flow_error e;

	rte_flow_flush(p->id, &e);
	p->rule_why[0] = '\0';
	p->rule_not = NULL;
	steer_rules(dp, c, p);
	for (uint16_t i = 0; i < dp->n_ports; i++)
		if (port_is_on(dp, i, p))
			steer_describe(dp, &dp->port[i]);
	RTE_LOG(NOTICE, USER1, "port %s: its relays are others: %s\n", p->conf->name, p->steering);
	if (s->by_address < s->owned || (s->by_port < s->dealt && !s->by_key))
		RTE_LOG(WARNING, USER1,
			"port %s: %u of %u relays have no rule of the device: what comes to "
			"another worker is handed over\n",
			p->conf->name, s->dealt + s->owned - s->by_port - s->by_address,
			s->dealt + s->owned);
}

const struct config *steer_conf(const struct dplane *dp, const struct port *p)
{
	return p->steered_by ? p->steered_by->conf : dp->conf;
}

void steer_reload(struct dplane *dp, struct port *p)
{
	struct snapshot *now = snapshot_now(dp), *was = p->steered_by;

	if (p->conf->shares || now == was || port_is_out(p))
		return;
	if (dp->n_workers > 1 && !wanted_same(steer_conf(dp, p), now->conf, p))
		rules_again(dp, now->conf, p);
	p->steered_by = snapshot_hold(now);
	snapshot_drop(was);
}

/* How relayed ports come; where it is not by rules, why. */
static void relayed_describe(const struct dplane *dp, const struct port *p, char *text, size_t len)
{
	const struct steered *s = &p->steered;
	const char *dealt = s->by_port	       ? "rte_flow by port"
			    : key_leads(dp, p) ? "RSS key for IPv4 and some of IPv6, else hand-over"
					       : "hand-over";
	const bool refused = s->by_port < s->dealt || s->by_address < s->owned;
	int n = 0;

	if (s->dealt || !s->by_address)
		n = snprintf(text, len, "%s", dealt);
	if (s->by_address)
		n += snprintf(text + n, len - (size_t)n, "%srte_flow by address%s", n ? ", " : "",
			      s->by_address < s->owned ? " for some, else hand-over" : "");
	if (refused)
		snprintf(text + n, len - (size_t)n, " (rte_flow: %s)",
			 p->rule_not	  ? p->rule_not
			 : p->rule_why[0] ? p->rule_why
					  : "its driver knows none");
}

void steer_describe(const struct dplane *dp, struct port *p)
{
	char relayed[CTL_TEXT_MAX] = "one worker";

	if (dp->n_workers > 1)
		relayed_describe(dp, p, relayed, sizeof(relayed));
	snprintf(p->steering, sizeof(p->steering),
		 "clients: %s; relayed ports: %s; outbound TCP: %s",
		 dp->n_workers == 1 ? "one worker"
		 : p->flow_sticky   ? "queue"
				    : "hash and hand-over",
		 relayed, port_outbound(dp, p));
}
