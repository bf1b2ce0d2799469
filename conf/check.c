/* SPDX-License-Identifier: BSD-3-Clause */
#include "device.h"
#include "eal.h"
#include "footprint.h"
#include "schema.h"

#include <stdlib.h>
#include <stdint.h>

/* What no single key can tell: values that contradict each other, and things named twice. Over 600
 * lines: one table at the end has all checks, with the keys that each compares. */

static bool check_worker(struct config_reader *r, const uint16_t *cpu)
{
	for (const uint16_t *q = r->c->dataplane.workers; q < cpu; q++) {
		if (*q == *cpu)
			return config_fail_at(r, cpu, "CPU %u has a worker already, in %s", *cpu,
					      config_place(r, q));
	}
	return true;
}

static void check_workers(struct config_reader *r)
{
	for (unsigned i = 0; i < r->c->dataplane.n_workers; i++)
		check_worker(r, &r->c->dataplane.workers[i]);
}

/* A worker that polls would leave the service thread no time. */
static void check_main_cpu(struct config_reader *r)
{
	const struct config_dataplane *d = &r->c->dataplane;
	unsigned i = 0;

	while (i < d->n_workers && d->workers[i] != d->main_cpu)
		i++;
	if (i < d->n_workers && d->idle == IDLE_POLL)
		config_fail_at(r, &d->main_cpu, "CPU %u has a worker that polls, in %s",
			       d->main_cpu, config_place(r, &d->workers[i]));
}

static bool check_crypto_cpu(struct config_reader *r, const uint16_t *cpu)
{
	const struct config_dataplane *d = &r->c->dataplane;

	if (*cpu == d->main_cpu && d->idle == IDLE_POLL)
		return config_fail_at(r, cpu, "CPU %u is main-cpu, in %s, and polls", *cpu,
				      config_place(r, &d->main_cpu));
	for (unsigned j = 0; j < d->n_workers; j++) {
		if (*cpu == d->workers[j])
			return config_fail_at(r, cpu, "CPU %u has a worker, in %s", *cpu,
					      config_place(r, &d->workers[j]));
	}
	for (const uint16_t *q = r->c->tls.crypto_cpus; q < cpu; q++) {
		if (*q == *cpu)
			return config_fail_at(r, cpu, "CPU %u stands twice", *cpu);
	}
	return true;
}

static void check_crypto_cpus(struct config_reader *r)
{
	for (unsigned i = 0; i < r->c->tls.n_crypto_cpus; i++)
		check_crypto_cpu(r, &r->c->tls.crypto_cpus[i]);
}

static void check_eal(struct config_reader *r)
{
	const struct config_dataplane *d = &r->c->dataplane;
	char err[2 * CONFIG_EAL_LEN + 64];

	for (unsigned i = 0; i < d->n_eal; i++)
		if (!eal_arg_check(d->eal[i], err, sizeof(err)))
			config_fail_at(r, d->eal[i], "%s", err);
	for (unsigned i = 0; i < d->n_log_level; i++)
		if (!eal_log_level_check(d->log_level[i], err, sizeof(err)))
			config_fail_at(r, d->log_level[i], "%s", err);
}

/*
 * Buffers are of the worker that receives them. With fewer queues than workers those of one are
 * held by several: theirs are the descriptors to send by, TCP and what waits for neighbours.
 */
uint64_t config_mbufs_needed(const struct config *c, uint32_t queues)
{
	const struct config_dataplane *d = &c->dataplane;
	uint64_t rx = 0, tx = 0, holders = (d->n_workers + queues - 1) / queues;

	for (uint16_t i = 0; i < c->n_port; i++) {
		const struct config_device dev = config_device(c, i);

		rx += c->port[i].shares ? 0 : dev.rx_desc;
		tx += c->port[i].shares ? 0 : dev.tx_desc;
	}
	if (holders > 1)
		rx += (uint64_t)(d->n_workers - 1) * (config_handover(d->n_workers) - 1);
	return rx + (uint64_t)d->fragments * CONFIG_FRAGMENTS_EACH +
	       holders * (tx + c->tcp.buffers + CONFIG_WAITING_MAX) + 1;
}

/*
 * Whether all that a sum counts could be read. What could not counts nothing, so that the sum is
 * the least: a size that is too small even for that is told beside the other mistakes.
 */
static bool all_counted(struct config_reader *r, const char *const *key)
{
	while (*key && config_is_read(r, *key))
		key++;
	r->errors->unchecked |= *key != NULL;
	return *key == NULL;
}

static const char *const mbufs_for[] = { "ports.rx-desc", "ports.tx-desc", "dataplane.fragments",
					 "tcp.buffers", NULL };

/*
 * What others can make a worker hold, which is fragments (so many a packet on average, whatever one
 * has) and packets for neighbours that do not answer, must leave it buffers to fill the descriptors
 * with. How many queues a device has is known when it is opened.
 */
static void check_mbufs(struct config_reader *r)
{
	const struct config_dataplane *d = &r->c->dataplane;
	uint64_t needed = config_mbufs_needed(r->c, d->n_workers);
	const bool whole = all_counted(r, mbufs_for);

	if (d->mbufs >= needed)
		return;
	config_fail_at(r, &d->mbufs,
		       "%u are too few, %s%ju are needed: for descriptors, %u fragments (%u a "
		       "packet), %u of TCP, and %u packets that wait for neighbours",
		       d->mbufs, whole ? "" : "at least ", (uintmax_t)needed,
		       d->fragments * CONFIG_FRAGMENTS_EACH, CONFIG_FRAGMENTS_EACH,
		       r->c->tcp.buffers, CONFIG_WAITING_MAX);
}

/* Of footprint(). */
static const char *const memory_for[] = { "dataplane.mbufs",
					  "dataplane.sessions",
					  "dataplane.peers",
					  "dataplane.neighbours",
					  "dataplane.neighbour-queue",
					  "dataplane.fragments",
					  "turn.session-rate",
					  "turn.session-packets",
					  "turn.user-rate",
					  "turn.user-packets",
					  "relays",
					  "gateway.contexts",
					  "gateway.streams",
					  "gateway.srtp",
					  "ipsec",
					  "realms",
					  "tls-domains",
					  "tcp.connections",
					  "tcp.time-wait",
					  "tcp.buffers",
					  "tls.connections",
					  "tls.handshakes",
					  "tls.associations",
					  "tls.dtls-handshakes",
					  "listeners.transport",
					  NULL };

/* What it takes is known within a twentieth: what might fit is left to the start. */
static void check_memory(struct config_reader *r)
{
	const struct config_dataplane *d = &r->c->dataplane;
	struct footprint_part part[FOOTPRINT_PARTS_MAX];
	unsigned n = footprint(r->c, part);
	const bool whole = all_counted(r, memory_for);
	uint64_t all = 0;

	for (unsigned i = 0; i < n; i++)
		all += part[i].bytes;
	if ((all - all / 20) >> 20 <= d->memory_mb)
		return;
	config_fail_at(
	    r, &d->memory_mb,
	    "%u MiB are too few: tables and packet buffers are %s%ju MiB, %ju of them %s "
	    "(%s); %ju would do%s",
	    d->memory_mb, whole ? "" : "at least ", (uintmax_t)(all >> 20),
	    (uintmax_t)(part[0].bytes >> 20), part[0].name, part[0].key,
	    (uintmax_t)footprint_memory_mb(all), whole ? "" : " for these");
}

static void check_allocations(struct config_reader *r)
{
	const struct config *c = r->c;
	uint64_t sessions = (uint64_t)c->dataplane.n_workers * c->dataplane.sessions;

	if (c->turn.allocations_max > sessions)
		config_fail_at(r, &c->turn.allocations_max,
			       "%u is more than the %ju sessions of %u worker%s",
			       c->turn.allocations_max, (uintmax_t)sessions, c->dataplane.n_workers,
			       c->dataplane.n_workers > 1 ? "s" : "");
}

static void check_lifetimes(struct config_reader *r)
{
	const struct config_turn *t = &r->c->turn;

	if (t->lifetime_default > t->lifetime_max)
		config_fail_at(r, &t->lifetime_default, "%u is more than lifetime-max, %u",
			       t->lifetime_default, t->lifetime_max);
}

static void check_auth(struct config_reader *r)
{
	if (!r->c->auth.md5 && !r->c->auth.sha256)
		config_fail_at(r, &r->c->auth.sha256,
			       "md5 and sha256 are both off: nobody could log in");
}

/* Who has a role: a user or a group, not both. */
static void check_roles(struct config_reader *r)
{
	const struct config_control *c = &r->c->control;

	for (const struct config_role *one = c->role; one < c->role + c->n_role; one++) {
		if (!one->user[0] == !one->group[0])
			config_fail_at(r, &one->may, "names %s: give it a user or a group",
				       one->user[0] ? "a user and a group" : "nobody");
	}
}

/* The metrics port: its key goes with its certificate, and a password is not for all to read. */
static void check_metrics(struct config_reader *r)
{
	const struct config_control *c = &r->c->control;
	const char *special = ip_special(&c->metrics_addr);

	if (!c->metrics_certificate[0] != !c->metrics_key[0])
		config_fail_at(r,
			       c->metrics_certificate[0] ? c->metrics_certificate : c->metrics_key,
			       "metrics-certificate and metrics-key go together");
	if (strchr(c->metrics_user, ':'))
		config_fail_at(r, c->metrics_user, "a name with a colon cannot be sent");
	if (c->metrics_password[0] && !c->metrics_certificate[0] &&
	    (!special || strcmp(special, "loopback") != 0))
		config_fail_at(
		    r, c->metrics_password,
		    "a password would be sent in plain text: give metrics-certificate and "
		    "metrics-key, or a loopback address");
}

static void check_management(struct config_reader *r)
{
	const struct config_management *c = &r->c->management;

	if (!c->port)
		return;
	if (!c->certificate[0] || !c->key[0] || !c->ca[0])
		config_fail_at(r, &c->port,
			       "wants certificate, key and ca: nobody is let in without");
	if (!c->n_grant)
		config_fail_at(r, &c->port, "wants roles: nobody may do anything without");
}

static void check_aka(struct config_reader *r)
{
	const struct config_aka *c = &r->c->aka;
	const struct config_aka_attributes *a = &c->attributes;
	const uint16_t *n[] = { &a->rand, &a->autn, &a->xres, &a->ck, &a->ik, &a->auts };

	if (c->n_server && !c->vendor)
		config_fail_at(r, &c->vendor, "is 0, but there are aka.servers");
	for (unsigned i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		for (unsigned k = 0; k < i; k++)
			if (*n[i] == *n[k])
				config_fail_at(r, n[i], "%u is another attribute's, in %s", *n[i],
					       config_place(r, n[k]));
}

static void check_sockets(struct config_reader *r)
{
	const struct config *c = r->c;

	if (strcmp(c->dataplane.socket, c->control.socket) == 0)
		config_fail_at(r, &c->control.socket, "%s is dataplane.socket, in %s",
			       c->control.socket, config_place(r, &c->dataplane.socket));
}

static bool check_addr(struct config_reader *r, const struct ip_prefix *addr)
{
	static const char *const never[] = { "loopback", "multicast", "unspecified", "broadcast",
					     "this-network" };
	const struct ip_prefix *first = config_own_addr(r->c, &addr->ip);
	const char *special = ip_special(&addr->ip);
	char text[ADDR_STR_MAX];

	ip_format(&addr->ip, text, sizeof(text));
	if (first != addr)
		return config_fail_at(r, addr, "%s is used already, in %s", text,
				      config_place(r, first));
	for (unsigned i = 0; special && i < sizeof(never) / sizeof(never[0]); i++) {
		if (strcmp(special, never[i]) == 0)
			return config_fail_at(r, addr, "%s is a %s address", text, special);
	}
	return true;
}

static bool check_mtu(struct config_reader *r, struct config_port *p)
{
	unsigned i = 0;

	while (i < p->n_addr && ip_is_v4(&p->addr[i].ip))
		i++;
	return i == p->n_addr || p->mtu >= 1280 ||
	       config_fail_at(r, &p->mtu, "%u is too small for IPv6, which needs 1280", p->mtu);
}

static bool check_route(struct config_reader *r, const struct config_port *p,
			const struct config_route *route)
{
	char text[ADDR_STR_MAX];
	const bool on_link = ip_is_link_local(&route->via) || /* of every port */
			     ip_in_prefixes(&route->via, p->addr, p->n_addr);

	ip_format(&route->via, text, sizeof(text));
	if (ip_is_v4(&route->to.ip) != ip_is_v4(&route->via))
		return config_fail_at(r, &route->via,
				      "%s is of another family than its destination", text);
	if (!on_link || config_own_addr(r->c, &route->via))
		return config_fail_at(r, &route->via, "%s is no neighbour on port %s", text,
				      p->name);
	/* Several gateways may lead to one destination: the first that answers is taken. */
	for (const struct config_route *q = p->route; q < route; q++) {
		if (q->to.len == route->to.len && ip_eq(&q->to.ip, &route->to.ip) &&
		    ip_eq(&q->via, &route->via))
			return config_fail_at(r, &route->via,
					      "port %s has that route already, in %s", p->name,
					      config_place(r, &q->via));
	}
	return true;
}

/* Whether a device is one of a bond, or stands as a device before that member does. */
static bool check_member_free(struct config_reader *r, const char *member, const struct device *d)
{
	char err[DEVICE_ARGS_MAX];
	struct device other;

	for (const struct config_port *q = r->c->port; q < r->c->port + r->c->n_port; q++) {
		if (device_read(q->device, &other, err, sizeof(err)) &&
		    strcmp(d->name, other.name) == 0)
			return config_fail_at(r, member, "%s is used already, in %s", member,
					      config_place(r, q->device));
		for (unsigned i = 0; i < q->n_member && q->member[i] != member; i++) {
			if (device_read(q->member[i], &other, err, sizeof(err)) &&
			    strcmp(d->name, other.name) == 0)
				return config_fail_at(r, member, "%s is used already, in %s",
						      member, config_place(r, q->member[i]));
		}
	}
	return true;
}

/* A bond is named, and its members are listed, so that they are there before it is. */
static bool check_bond(struct config_reader *r, const struct config_port *p, const struct device *d)
{
	static const char prefix[] = "vdev:net_bonding";
	const bool named = strncmp(d->name, prefix, sizeof(prefix) - 1) == 0;
	char err[DEVICE_ARGS_MAX];
	struct device m;

	if (p->shares && (p->bond || p->n_member))
		return config_fail_at(r, p->bond ? (const void *)&p->bond : p->member[0],
				      "stands with the first port of %s, in %s", p->device,
				      config_place(r, r->c->port[p->shares - 1].device));
	if (p->shares || (!p->bond && !named && !p->n_member))
		return true;
	if (!named || strcmp(p->device, d->name + 5) != 0)
		return config_fail_at(r, p->device,
				      "%s is no name of a bond, which is net_bonding and a number, "
				      "without arguments: bond and members say the rest",
				      p->device);
	if (!p->bond)
		return config_fail_at(
		    r, p->device, "%s is a bond: bond must be active-backup or lacp", p->device);
	if (p->n_member == 0)
		return config_fail_at(r, &p->bond, "members must name the devices of the bond");
	for (unsigned i = 0; i < p->n_member; i++) {
		if (!device_read(p->member[i], &m, err, sizeof(err)))
			return config_fail_at(r, p->member[i], "%s", err);
		if (strncmp(m.name, prefix, sizeof(prefix) - 1) == 0 || device_tap(&m))
			return config_fail_at(r, p->member[i],
					      "%s is a %s, which cannot be a member of a bond",
					      p->member[i], device_tap(&m) ? "TAP" : "bond");
		if (!check_member_free(r, p->member[i], &m))
			return false;
	}
	return true;
}

/* Whether a's VF is b, or b's as well. */
static bool has_vf(const struct device *a, const struct device *b)
{
	return a->vf[0] && (strcmp(a->vf, b->name) == 0 || strcmp(a->vf, b->vf) == 0);
}

/* Each for itself, whatever else of its port, or of another, could not be read. */
static bool check_device_text(struct config_reader *r, struct config_port *p)
{
	char err[DEVICE_ARGS_MAX];
	struct device d;

	return !p->device[0] || device_read(p->device, &d, err, sizeof(err)) ||
	       config_fail_at(r, p->device, "%s", err);
}

/*
 * Ports of one device differ by their VLAN. The device is opened once, for all of them, with the
 * arguments that all give.
 */
static bool check_device(struct config_reader *r, struct config_port *p)
{
	char err[DEVICE_ARGS_MAX];
	struct device d, other;

	if (!device_read(p->device, &d, err, sizeof(err)))
		return false; /* check_device_text() has said so */
	p->shares = 0;
	for (const struct config_port *q = r->c->port; q < p; q++) {
		if (!device_read(q->device, &other, err, sizeof(err)))
			continue;
		if (strcmp(d.name, other.name) != 0) {
			if (has_vf(&d, &other) || has_vf(&other, &d))
				return config_fail_at(r, p->device,
						      "%s: a VF is its vmbus device's alone, and "
						      "this one is used already, in %s",
						      p->device, config_place(r, q->device));
			continue;
		}
		if (strcmp(d.devargs, other.devargs) != 0)
			return config_fail_at(r, p->device,
					      "%s has other arguments in %s: ports of one "
					      "device give the same",
					      p->device, config_place(r, q->device));
		if (p->vlan == q->vlan)
			return config_fail_at(r, p->device,
					      "%s is used already, in %s: ports of one device "
					      "differ by their vlan",
					      p->device, config_place(r, q->device));
		if (!p->shares)
			p->shares = (uint16_t)(q - r->c->port + 1);
	}
	return check_bond(r, p, &d);
}

static bool check_name(struct config_reader *r, struct config_port *p)
{
	for (const struct config_port *q = r->c->port; q < p; q++) {
		if (strcmp(p->name, q->name) == 0)
			return config_fail_at(r, p->name, "%s is the port in %s already", p->name,
					      config_place(r, q->name));
	}
	return true;
}

static bool check_addrs(struct config_reader *r, struct config_port *p)
{
	for (unsigned i = 0; i < p->n_addr; i++)
		check_addr(r, &p->addr[i]);
	return true;
}

static bool check_routes(struct config_reader *r, struct config_port *p)
{
	for (unsigned i = 0; i < p->n_route; i++)
		check_route(r, p, &p->route[i]);
	return true;
}

static bool check_listener(struct config_reader *r, const struct config_listener *l)
{
	const struct config *c = r->c;
	char text[ADDR_STR_MAX];

	ip_format(&l->addr.ip, text, sizeof(text));
	if (config_own_addr(c, &l->addr.ip) == NULL)
		return config_fail_at(r, &l->addr.ip, "%s is the address of no port", text);
	sock_addr_format(&l->addr, text, sizeof(text));
	for (const struct config_listener *q = c->listener; q < l; q++) {
		if (sock_addr_eq(&l->addr, &q->addr) &&
		    config_is_udp(l->transport) == config_is_udp(q->transport))
			return config_fail_at(r, &l->addr.ip, "%s is the listener in %s already",
					      text, config_place(r, &q->addr.ip));
	}
	return true;
}

static void check_listeners(struct config_reader *r)
{
	for (unsigned i = 0; i < r->c->n_listener; i++)
		check_listener(r, &r->c->listener[i]);
}

static uint64_t all_workers(const struct config *c)
{
	return UINT64_MAX >> (64 - c->dataplane.n_workers);
}

/* The workers that have a pair of ports of a relay, an even one and the next: a bit each. */
static uint64_t relay_workers(const struct config *c, const struct config_relay *a)
{
	uint64_t have = 0;

	for (uint32_t port = (a->port_min + 1u) & ~1u; port < a->port_max; port += 2)
		have |= UINT64_C(1)
			<< config_relay_worker(c, (uint32_t)(a - c->relay), (uint16_t)port);
	return have;
}

/* What stands in relays[].worker; sets a->owner. */
static bool relay_owner(struct config_reader *r, struct config_relay *a)
{
	const unsigned n = r->c->dataplane.n_workers;
	char *end;
	unsigned long worker = strtoul(a->worker, &end, 10);

	if (a->worker[0] == '\0')
		return true;
	if (a->worker[0] < '0' || a->worker[0] > '9' || *end || worker >= n)
		return config_fail_at(r, a->worker, "%s is no worker: there are %u, from 0 on",
				      a->worker, n);
	a->owner = (uint16_t)(worker + 1);
	return true;
}

static bool check_relay(struct config_reader *r, struct config_relay *a)
{
	const struct config *c = r->c;
	char text[ADDR_STR_MAX];

	if (!relay_owner(r, a))
		return false;
	ip_format(&a->addr, text, sizeof(text));
	if (config_own_addr(c, &a->addr) == NULL)
		return config_fail_at(r, &a->addr, "%s is the address of no port", text);
	if (a->port_min > a->port_max)
		return config_fail_at(r, &a->port_min, "%u is more than port-max, %u", a->port_min,
				      a->port_max);
	if (relay_workers(c, a) != (a->owner ? UINT64_C(1) << (a->owner - 1) : all_workers(c)))
		return config_fail_at(r, &a->port_max,
				      "%u is too near to port-min for %u worker%s: each needs a "
				      "pair of ports (an even one and the next)",
				      a->port_max, a->owner ? 1 : c->dataplane.n_workers,
				      a->owner || c->dataplane.n_workers == 1 ? "" : "s");
	for (const struct config_relay *b = c->relay; b < a; b++) {
		/* One range an address: the dataplane's table holds one. */
		if (ip_eq(&a->addr, &b->addr))
			return config_fail_at(r, &a->addr, "%s is the relay in %s already", text,
					      config_place(r, &b->addr));
	}
	for (unsigned i = 0; i < c->n_listener; i++) {
		const struct sock_addr *l = &c->listener[i].addr;
		uint16_t port = be16_get(l->port);

		if (ip_eq(&l->ip, &a->addr) && port >= a->port_min && port <= a->port_max)
			return config_fail_at(r, &a->addr, "port %u of %s is the listener in %s",
					      port, text, config_place(r, &l->ip));
	}
	return true;
}

/* What holds until a check says otherwise, and lines of what only opening a port can tell to be
 * wrong. */
static void check_begin(struct config_reader *r)
{
	for (unsigned i = 0; i < r->c->n_realm; i++)
		r->c->realm[i].domain_index = CONFIG_DOMAINS_MAX;
	for (struct config_port *p = r->c->port; p < r->c->port + r->c->n_port; p++) {
		p->device_line = config_line(r, p->device);
		p->mtu_line = config_line(r, &p->mtu);
		p->member_line = p->n_member ? config_line(r, p->member[0]) : 0;
	}
}

/*
 * Whether all workers have ports of the relays that are used as a is, which has a worker, for TURN
 * or for its realm; only the first of these is asked. A client's worker, or a context's, is chosen
 * before the port.
 */
static bool check_use(struct config_reader *r, const struct config_relay *a, bool turn)
{
	const struct config *c = r->c;
	uint64_t have = 0;
	unsigned missing = 0;

	for (const struct config_relay *b = c->relay; b < c->relay + c->n_relay; b++) {
		if (ip_is_v4(&a->addr) != ip_is_v4(&b->addr) ||
		    (turn ? !b->turn : strcmp(a->realm, b->realm) != 0))
			continue;
		if (b < a && b->owner)
			return true;
		have |= relay_workers(c, b);
	}
	if (have == all_workers(c))
		return true;
	while (have >> missing & 1)
		missing++;
	return config_fail_at(r, a->worker, "worker %u has no IPv%c relay%s%s", missing,
			      ip_is_v4(&a->addr) ? '4' : '6', turn ? " for TURN" : " in realm ",
			      turn ? "" : a->realm);
}

static void check_relays(struct config_reader *r)
{
	struct config_relay *first = r->c->relay, *end = first + r->c->n_relay, *a;
	bool ok = true;

	for (a = first; a < end; a++)
		ok &= check_relay(r, a);
	for (a = first; ok && a < end; a++) {
		if (a->owner && a->turn)
			check_use(r, a, true);
		if (a->owner && a->realm[0])
			check_use(r, a, false);
	}
}

/*
 * Each check with the keys it compares: what could not be read contradicts nothing. Ports come
 * first, since the rest refers to their addresses.
 */
static const struct {
	void (*check)(struct config_reader *r);
	bool (*port)(struct config_reader *r, struct config_port *p); /* instead: for each port */
	const char *key[10];
} checks[] = {
	{ .check = check_workers, .key = { "dataplane.workers" } },
	{ .check = check_main_cpu,
	  .key = { "dataplane.workers", "dataplane.main-cpu", "dataplane.idle" } },
	{ .check = check_crypto_cpus,
	  .key = { "dataplane.workers", "dataplane.main-cpu", "dataplane.idle",
		   "tls.crypto-cpus" } },
	{ .check = check_eal, .key = { "dataplane.eal", "dataplane.log-levels" } },
	{ .port = check_name, .key = { "ports.name" } },
	{ .port = check_device_text },
	{ .port = check_device,
	  .key = { "ports.device", "ports.vlan", "ports.bond", "ports.members" } },
	{ .port = check_addrs, .key = { "ports.addresses" } },
	{ .port = check_mtu, .key = { "ports.addresses", "ports.mtu" } },
	{ .port = check_routes,
	  .key = { "ports.name", "ports.addresses", "ports.gateways", "ports.routes" } },
	{ .check = check_listeners,
	  .key = { "ports.addresses", "listeners.address", "listeners.port",
		   "listeners.transport" } },
	{ .check = config_check_tls,
	  .key = { "tls-domains", "certificates", "services", "listeners", "tls.provider",
		   "tls.engine", "tls.ticket-secret" } },
	{ .check = config_check_tls_sizes, .key = { "listeners.transport", "tcp.receive-buffer" } },
	{ .check = check_relays,
	  .key = { "ports.addresses", "listeners.address", "listeners.port", "relays",
		   "dataplane.workers" } },
	{ .check = config_check_gateway,
	  .key = { "realms", "relays", "gateway.contexts", "gateway.ng-port",
		   "gateway.ng-websocket-port", "gateway.h248-controllers", "gateway.h248-address",
		   "gateway.h248-certificate", "tls-domains" } },
	{ .check = config_check_gateway_sizes,
	  .key = { "gateway.contexts", "gateway.streams", "tcp.connections" } },
	{ .check = config_check_ipsec,
	  .key = { "ports.addresses", "ipsec", "listeners.address", "listeners.port",
		   "listeners.transport", "relays" } },
	{ .check = check_mbufs,
	  .key = { "dataplane.workers", "dataplane.mbufs", "ports.device", "ports.vlan",
		   "ports.bond", "ports.members" } },
	{ .check = check_memory, .key = { "dataplane.workers", "dataplane.memory-mb" } },
	{ .check = check_allocations,
	  .key = { "dataplane.workers", "dataplane.sessions", "turn.allocations-max" } },
	{ .check = check_lifetimes, .key = { "turn.lifetime-default", "turn.lifetime-max" } },
	{ .check = check_auth, .key = { "auth.md5", "auth.sha256" } },
	{ .check = check_sockets, .key = { "dataplane.socket", "control.socket" } },
	{ .check = check_roles, .key = { "control.roles" } },
	{ .check = check_metrics,
	  .key = { "control.metrics-address", "control.metrics-certificate", "control.metrics-key",
		   "control.metrics-user", "control.metrics-password-file" } },
	{ .check = check_management, .key = { "management" } },
	{ .check = check_aka, .key = { "aka" } },
};

void config_check(struct config_reader *r)
{
	check_begin(r);
	for (unsigned i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		const char *const *key = checks[i].key;

		while (*key && config_is_read(r, *key))
			key++;
		if (*key)
			r->errors->unchecked = true;
		else if (checks[i].check)
			checks[i].check(r);
		else
			for (uint16_t p = 0; p < r->c->n_port; p++)
				checks[i].port(r, &r->c->port[p]);
	}
}
