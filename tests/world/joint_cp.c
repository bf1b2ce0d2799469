/* SPDX-License-Identifier: BSD-3-Clause */
#include "joint_cp.h"

#include "cp/context/gateway.h"
#include "cp/ports.h"
#include "cp/server.h"
#include "cp/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { CALLS_MAX = 64, ACCESS_REALM = 0, CORE_REALM = 1 };

static struct server server;
static const struct config *conf;
static uint64_t calls[CALLS_MAX]; /* ids of contexts, by number; 0: none */
static char dir[] = "/tmp/fairlead-joint-XXXXXX";

static void prefix(struct ip_prefix *p, const char *text)
{
	if (!ip_prefix_parse(text, p))
		abort();
}

static void dir_del(void)
{
	static const char *const name[] = { "state", "state.ports", "contexts" };
	char path[64];

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, name[i]);
		unlink(path);
	}
	rmdir(dir);
}

void joint_cp_config(struct config *c)
{
	struct config_gateway *g = &c->gateway;

	if (!mkdtemp(dir) || atexit(dir_del) != 0)
		abort();
	c->turn.lifetime_default = 600;
	c->turn.lifetime_max = 3600;
	c->turn.permission_lifetime = 300;
	c->turn.channel_lifetime = 600;
	c->turn.reservation_lifetime = 30;
	c->turn.allocations_max = c->dataplane.sessions * c->dataplane.n_workers;
	c->turn.permissions_per_allocation = 8;
	c->turn.channels_per_allocation = 4;
	c->turn.connections_per_allocation = 3;
	prefix(&c->peers.allow[c->peers.n_allow++], "10.0.0.0/8");
	prefix(&c->peers.allow[c->peers.n_allow++], "fd00::/8");
	c->peers.relay_to_relay = true;
	c->n_realm = 2;
	snprintf(c->realm[ACCESS_REALM].name, CTL_NAME_MAX, "access");
	snprintf(c->realm[CORE_REALM].name, CTL_NAME_MAX, "core");
	c->realm[ACCESS_REALM].domain_index = c->realm[CORE_REALM].domain_index =
	    CONFIG_DOMAINS_MAX;
	/* TURN's relay addresses are the core's realm's, too, as in the sample. */
	for (uint16_t i = 0; i < c->n_relay; i++)
		c->relay[i].realm_index = c->relay[i].turn ? CORE_REALM : ACCESS_REALM;
	g->lifetime = 3600;
	g->answer_timeout = 180;
	g->connect_timeout = 30;
	g->ended_timeout = 20;
	g->fingerprint_ms = 10000;
	g->inactivity = 60;
	g->events = 64;
	snprintf(c->control.state, sizeof(c->control.state), "%s/state", dir);
	snprintf(c->control.contexts, sizeof(c->control.contexts), "%s/contexts", dir);
}

void joint_cp_start(const struct config *c, uint64_t now_ms)
{
	char err[512] = "";

	conf = c;
	if (!server_open(&server, c, NULL, now_ms, 0, err, sizeof(err)) ||
	    !(server.gateway = gate_open(&server, err, sizeof(err)))) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
	ports_resume(server.ports, server_now(&server));
}

void joint_cp_stop(void)
{
	gate_close(server.gateway);
	server_close(&server);
}

void joint_cp_restart(uint64_t now_ms)
{
	joint_cp_stop();
	joint_cp_start(conf, now_ms);
}

void joint_cp_attach(int region_fd, uint64_t size)
{
	char err[512] = "";

	if (!server_attach(&server, dup(region_fd), size, eventfd(0, EFD_CLOEXEC), err,
			   sizeof(err))) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
}

bool joint_cp_poll(uint64_t now_ms)
{
	server_clock(&server, now_ms, 0);
	return server_poll(&server) == DPLINK_MORE;
}

const char *joint_cp_fault(void)
{
	const char *why;

	return dplink_fault(server.link, &why) ? why : NULL;
}

bool joint_cp_replaying(void)
{
	return dplink_replaying(server.link);
}

/* ---- a controller ---- */

static struct term_spec spec(uint16_t realm, const struct sock_addr *remote, bool latch)
{
	struct term_spec w = { .term = { .transport = TERM_UDP,
					 .flags = TERM_IN | TERM_OUT | TERM_RTP,
					 .dscp = CTL_DSCP_KEEP },
			       .realm = realm,
			       .v6 = !ip_is_v4(&remote->ip) };

	if (latch)
		w.term.flags |= TERM_LATCH;
	w.term.remote[0] = *remote;
	w.term.remote[1] = *remote;
	w.term.remote[1].port = be16_make((uint16_t)(be16_get(remote->port) + 1));
	return w;
}

bool joint_cp_call(const struct sock_addr remote[2], bool latch, uint32_t *number,
		   struct sock_addr local[2])
{
	struct gate_plan plan = { .call = "joint", .inactivity = UINT32_MAX };
	struct term_spec a = spec(ACCESS_REALM, &remote[0], latch),
			 b = spec(CORE_REALM, &remote[1], false);
	struct gate_fail fail = { 0 };
	struct context *c;
	uint32_t n = 0;

	while (n < CALLS_MAX && joint_cp_call_lives(n))
		n++;
	plan.media = (uint16_t)n;
	if (n == CALLS_MAX || !(c = gate_add(server.gateway, &plan, &a, &b, &fail)))
		return false;
	calls[n] = c->id;
	*number = n;
	for (uint32_t side = 0; side < 2; side++) {
		if (!gate_local(server.gateway, c, side, false, &local[side]))
			abort();
	}
	return true;
}

bool joint_cp_call_lives(uint32_t number)
{
	return number < CALLS_MAX && calls[number] && gate_find(server.gateway, calls[number]);
}

void joint_cp_call_end(uint32_t number)
{
	if (joint_cp_call_lives(number))
		gate_delete(server.gateway, gate_find(server.gateway, calls[number]), NULL, NULL);
	if (number < CALLS_MAX)
		calls[number] = 0;
}

/* ---- what it has ---- */

uint32_t joint_cp_allocations(void)
{
	return table_stats(server.table)->allocs;
}

uint32_t joint_cp_reservations(void)
{
	return table_stats(server.table)->resvs;
}

uint32_t joint_cp_contexts(void)
{
	return gate_stats(server.gateway)->contexts;
}
