/* SPDX-License-Identifier: BSD-3-Clause */
#include "gate_world.h"
#include "unit.h"

struct host *gate_client, *gate_backend;
uint8_t gate_all[WORLD_PORTS][GATE_ALL];
static uint64_t seen[WORLD_PORTS];

void gate_config(void)
{
	world_config();
	world.conf.dataplane.mbufs = 2047;
	world.conf.tcp.buffers = 1024;
	world.conf.tcp.time_wait_ms = 1000;
	world.conf.n_service = 1;
	world.conf.service[0] = (struct config_service){ .name = "sip",
							 .backend = at("10.2.0.2", 5060),
							 .domain_index = CONFIG_DOMAINS_MAX };
}

static void gate_got(struct host *h, const uint8_t *p, uint32_t n)
{
	assert_true(h->received + n <= GATE_ALL);
	memcpy(gate_all[h->port] + h->received, p, n);
}

static struct host *host_any(uint16_t port, const char *ip, uint16_t from, const char *us,
			     uint16_t us_port)
{
	struct sock_addr a = at(ip, from), b = at(us, us_port);
	struct host *h = host_new(port, &a, &b, 0, 0);

	h->got = gate_got;
	return h;
}

void gate_start(tcp_accept_fn *accept)
{
	world_start();
	tcp_listen(world.w, accept);
	hosts_reset();
	memset(seen, 0, sizeof(seen));
	gate_backend = NULL;
	gate_client = host_any(ACCESS, "10.1.0.2", 5000, "10.1.0.1", 443);
}

void gate_listen(const char *ip)
{
	bool v4 = strchr(ip, '.') != NULL;

	gate_backend = host_any(CORE, ip, 5060, v4 ? "10.2.0.1" : "fd00:2::1", 0);
}

void gate_connect(void)
{
	host_connect(gate_client);
	assert_true(gate_client->open);
}

void gate_say(struct host *h, const char *text)
{
	host_say(h, text, (uint16_t)strlen(text));
}

void gate_heard(struct host *h, const char *text)
{
	uint64_t *at = &seen[h->port], len = strlen(text);

	if (h->received - *at != len || memcmp(gate_all[h->port] + *at, text, len) != 0)
		fail_msg("\"%.*s\", not \"%s\"", (int)(h->received - *at), gate_all[h->port] + *at,
			 text);
	*at = h->received;
}

uint64_t gate_ends(enum tcp_end why)
{
	return world.w->counters->end[why];
}

void gate_close(void)
{
	gate_client->fin = true;
	if (gate_backend)
		gate_backend->fin = true;
	hosts_pass_ms(3000);
}

void gate_stop(void)
{
	assert_int_equal(world.w->tcp->conns, 0);
	assert_int_equal(tcp_held(world.w), 0);
	world_stop();
}
