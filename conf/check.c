/* SPDX-License-Identifier: BSD-3-Clause */
#include "device.h"
#include "schema.h"

#include <stdint.h>

/* What no single key can tell: values that contradict each other, and things named twice. */

static bool check_cpus(struct config_reader *r)
{
	const struct config_dataplane *d = &r->c->dataplane;

	for (unsigned i = 0; i < d->n_workers; i++) {
		for (unsigned j = 0; j < i; j++) {
			if (d->workers[i] == d->workers[j])
				return config_fail_at(
				    r, &d->workers[i], "CPU %u has a worker already, in line %u",
				    d->workers[i], config_line(r, &d->workers[j]));
		}
		/* A worker that polls would leave the service thread no time. */
		if (d->workers[i] == d->main_cpu && d->idle == IDLE_POLL)
			return config_fail_at(r, &d->main_cpu,
					      "CPU %u has a worker that polls, in line %u",
					      d->main_cpu, config_line(r, &d->workers[i]));
	}
	for (unsigned i = 0; i < r->c->tls.n_crypto_cpus; i++) {
		const uint16_t *cpu = &r->c->tls.crypto_cpus[i];

		if (*cpu == d->main_cpu && d->idle == IDLE_POLL)
			return config_fail_at(r, cpu, "CPU %u is main-cpu, in line %u, and polls",
					      *cpu, config_line(r, &d->main_cpu));
		for (unsigned j = 0; j < d->n_workers; j++) {
			if (*cpu == d->workers[j])
				return config_fail_at(r, cpu, "CPU %u has a worker, in line %u",
						      *cpu, config_line(r, &d->workers[j]));
		}
		for (unsigned j = 0; j < i; j++) {
			if (*cpu == r->c->tls.crypto_cpus[j])
				return config_fail_at(r, cpu, "CPU %u stands twice", *cpu);
		}
	}
	return true;
}

/*
 * Buffers are of the worker that receives them. With fewer queues than workers those of one are
 * held by several: theirs are the descriptors to send by, TCP and what waits for neighbours.
 */
uint64_t config_mbufs_needed(const struct config *c, uint32_t queues)
{
	const struct config_dataplane *d = &c->dataplane;
	uint64_t rx = 0, tx = 0, holders = (d->n_workers + queues - 1) / queues;

	for (unsigned i = 0; i < c->n_port; i++) {
		rx += c->port[i].rx_desc;
		tx += c->port[i].tx_desc;
	}
	if (holders > 1)
		rx += (uint64_t)(d->n_workers - 1) * (CONFIG_HANDOVER - 1);
	return rx + (uint64_t)d->fragments * CONFIG_FRAGMENTS_EACH +
	       holders * (tx + c->tcp.buffers + CONFIG_WAITING_MAX) + 1;
}

/*
 * What others can make a worker hold, which is fragments (so many a packet on average, whatever one
 * has) and packets for neighbours that do not answer, must leave it buffers to fill the descriptors
 * with. How many queues a device has is known when it is opened.
 */
static bool check_mbufs(struct config_reader *r)
{
	const struct config_dataplane *d = &r->c->dataplane;
	uint64_t needed = config_mbufs_needed(r->c, d->n_workers);

	if (d->mbufs >= needed)
		return true;
	return config_fail_at(r, &d->mbufs,
			      "%u are too few, %ju are needed: for descriptors, %u fragments (%u a "
			      "packet), %u of TCP, and %u packets that wait for neighbours",
			      d->mbufs, (uintmax_t)needed, d->fragments * CONFIG_FRAGMENTS_EACH,
			      CONFIG_FRAGMENTS_EACH, r->c->tcp.buffers, CONFIG_WAITING_MAX);
}

static bool check_sizes(struct config_reader *r)
{
	const struct config *c = r->c;
	uint64_t sessions = (uint64_t)c->dataplane.n_workers * c->dataplane.sessions;

	if (!check_mbufs(r))
		return false;
	if (c->turn.allocations_max > sessions)
		return config_fail_at(
		    r, &c->turn.allocations_max, "%u is more than the %ju sessions of %u worker%s",
		    c->turn.allocations_max, (uintmax_t)sessions, c->dataplane.n_workers,
		    c->dataplane.n_workers > 1 ? "s" : "");
	if (c->turn.lifetime_default > c->turn.lifetime_max)
		return config_fail_at(r, &c->turn.lifetime_default,
				      "%u is more than lifetime-max, %u", c->turn.lifetime_default,
				      c->turn.lifetime_max);
	if (!c->auth.md5 && !c->auth.sha256)
		return config_fail_at(r, &c->auth.sha256,
				      "md5 and sha256 are both off: nobody could log in");
	if (strcmp(c->dataplane.socket, c->control.socket) == 0)
		return config_fail_at(r, &c->control.socket, "%s is dataplane.socket, in line %u",
				      c->control.socket, config_line(r, &c->dataplane.socket));
	return true;
}

/* The port that owns an address; NULL: none. */
static const struct ip_prefix *own_addr(const struct config *c, const struct ip_addr *a)
{
	for (unsigned i = 0; i < c->n_port; i++) {
		for (unsigned j = 0; j < c->port[i].n_addr; j++) {
			if (ip_eq(&c->port[i].addr[j].ip, a))
				return &c->port[i].addr[j];
		}
	}
	return NULL;
}

static bool check_addr(struct config_reader *r, const struct config_port *p,
		       const struct ip_prefix *addr)
{
	static const char *const never[] = { "loopback", "multicast", "unspecified", "broadcast",
					     "this-network" };
	const struct ip_prefix *first = own_addr(r->c, &addr->ip);
	const char *special = ip_special(&addr->ip);
	char text[ADDR_STR_MAX];

	ip_format(&addr->ip, text, sizeof(text));
	if (first != addr)
		return config_fail_at(r, addr, "%s is used already, in line %u", text,
				      config_line(r, first));
	for (unsigned i = 0; special && i < sizeof(never) / sizeof(never[0]); i++) {
		if (strcmp(special, never[i]) == 0)
			return config_fail_at(r, addr, "%s is a %s address", text, special);
	}
	if (!ip_is_v4(&addr->ip) && p->mtu < 1280)
		return config_fail_at(r, &p->mtu, "%u is too small for IPv6, which needs 1280",
				      p->mtu);
	return true;
}

static bool check_route(struct config_reader *r, const struct config_port *p,
			const struct config_route *route)
{
	char text[ADDR_STR_MAX];
	bool on_link = false;

	ip_format(&route->via, text, sizeof(text));
	if (ip_is_v4(&route->to.ip) != ip_is_v4(&route->via))
		return config_fail_at(r, &route->via,
				      "%s is of another family than its destination", text);
	for (unsigned i = 0; i < p->n_addr; i++)
		on_link |= ip_in_prefix(&route->via, &p->addr[i]);
	if (!on_link || own_addr(r->c, &route->via))
		return config_fail_at(r, &route->via, "%s is no neighbour on port %s", text,
				      p->name);
	/* Gateways of two ports may stand side by side, but not twice the same on one port. */
	for (const struct config_route *q = p->route; q < route; q++) {
		if (q->to.len == route->to.len && ip_eq(&q->to.ip, &route->to.ip))
			return config_fail_at(r, &route->via,
					      "port %s has a route to that destination already, in "
					      "line %u",
					      p->name, config_line(r, &q->via));
	}
	return true;
}

/* A device is a port's alone, whatever its arguments. */
static bool check_device(struct config_reader *r, const struct config_port *p)
{
	char err[DEVICE_ARGS_MAX];
	struct device d, other;

	if (!device_read(p->device, &d, err, sizeof(err)))
		return config_fail_at(r, p->device, "%s", err);
	for (const struct config_port *q = r->c->port; q < p; q++) {
		if (device_read(q->device, &other, err, sizeof(err)) &&
		    strcmp(d.name, other.name) == 0)
			return config_fail_at(r, p->device, "%s is used already, in line %u",
					      p->device, config_line(r, q->device));
	}
	return true;
}

static bool check_ports(struct config_reader *r)
{
	const struct config *c = r->c;

	for (const struct config_port *p = c->port; p < c->port + c->n_port; p++) {
		for (const struct config_port *q = c->port; q < p; q++) {
			if (strcmp(p->name, q->name) == 0)
				return config_fail_at(r, p->name,
						      "%s is the port in line %u already", p->name,
						      config_line(r, q->name));
		}
		if (!check_device(r, p))
			return false;
		for (unsigned i = 0; i < p->n_addr; i++) {
			if (!check_addr(r, p, &p->addr[i]))
				return false;
		}
		for (unsigned i = 0; i < p->n_route; i++) {
			if (!check_route(r, p, &p->route[i]))
				return false;
		}
	}
	return true;
}

static bool check_listeners(struct config_reader *r)
{
	const struct config *c = r->c;
	char text[ADDR_STR_MAX];

	for (const struct config_listener *l = c->listener; l < c->listener + c->n_listener; l++) {
		ip_format(&l->addr.ip, text, sizeof(text));
		if (own_addr(c, &l->addr.ip) == NULL)
			return config_fail_at(r, &l->addr.ip, "%s is the address of no port", text);
		sock_addr_format(&l->addr, text, sizeof(text));
		for (const struct config_listener *q = c->listener; q < l; q++) {
			if (sock_addr_eq(&l->addr, &q->addr) &&
			    (l->transport == TRANSPORT_UDP) == (q->transport == TRANSPORT_UDP))
				return config_fail_at(r, &l->addr.ip,
						      "%s is the listener in line %u already", text,
						      config_line(r, &q->addr.ip));
		}
	}
	return true;
}

static bool check_relay(struct config_reader *r, const struct config_relay *a)
{
	const struct config *c = r->c;
	char text[ADDR_STR_MAX];

	ip_format(&a->addr, text, sizeof(text));
	if (own_addr(c, &a->addr) == NULL)
		return config_fail_at(r, &a->addr, "%s is the address of no port", text);
	if (a->port_min > a->port_max)
		return config_fail_at(r, &a->port_min, "%u is more than port-max, %u", a->port_min,
				      a->port_max);
	if (a->port_max - a->port_min + 1u < c->dataplane.n_workers)
		return config_fail_at(r, &a->port_max, "%u leaves fewer ports than workers",
				      a->port_max);
	for (const struct config_relay *b = c->relay; b < a; b++) {
		/* One range an address: the dataplane's table holds one. */
		if (ip_eq(&a->addr, &b->addr))
			return config_fail_at(r, &a->addr, "%s is the relay in line %u already",
					      text, config_line(r, &b->addr));
	}
	for (unsigned i = 0; i < c->n_listener; i++) {
		const struct sock_addr *l = &c->listener[i].addr;
		uint16_t port = be16_get(l->port);

		if (ip_eq(&l->ip, &a->addr) && port >= a->port_min && port <= a->port_max)
			return config_fail_at(r, &a->addr,
					      "port %u of %s is the listener in line %u", port,
					      text, config_line(r, &l->ip));
	}
	return true;
}

/* Lines of what only opening a port can tell to be wrong. */
static void note_lines(struct config_reader *r)
{
	for (struct config_port *p = r->c->port; p < r->c->port + r->c->n_port; p++) {
		p->device_line = config_line(r, p->device);
		p->mtu_line = config_line(r, &p->mtu);
	}
}

bool config_check(struct config_reader *r)
{
	note_lines(r);
	/* Ports first: the rest refers to their addresses. */
	if (!check_cpus(r) || !check_ports(r) || !check_listeners(r) || !config_check_tls(r))
		return false;
	for (unsigned i = 0; i < r->c->n_relay; i++) {
		if (!check_relay(r, &r->c->relay[i]))
			return false;
	}
	return config_check_gateway(r) && check_sizes(r);
}
