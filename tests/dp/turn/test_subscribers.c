/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * R4: the default rates hold for 50,000 subscribers behind one /24, each of whom does what clients
 * do: a Binding each 25 s, a Refresh each 300 s, a ChannelBind and a CreatePermission each 240 s;
 * and 50 newcomers a second ask for an allocation, are challenged, and ask again. None of it is
 * dropped, whether they have allocations or all of it is their prefix's to pay.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	SUBSCRIBERS = 50000,
	HOSTS = 250,
	PORTS = 1024, /* the first of each host's, and of the relayed */
	MS = 5000,    /* how long it is watched; a bucket holds a second's worth */
	NEWCOMERS = 50,
};

static struct sock_addr listener;
static struct frame f;

/* What somebody has who writes nothing about rates. */
static void defaults(struct config_dataplane *d)
{
	static const char text[] = "dataplane: {workers: [1]}\n"
				   "ports: [{name: a, device: net_null0, addresses: "
				   "[10.1.0.1/24]}]\n"
				   "listeners: [{address: 10.1.0.1}]\n"
				   "relays: [{address: 10.1.0.1}]\n"
				   "turn: {realm: example.org}\n";
	char path[] = "/tmp/fairlead-test-XXXXXX", err[256];
	int fd = mkstemp(path);
	struct config *c;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	c = config_load(path, err, sizeof(err));
	unlink(path);
	if (!c)
		fail_msg("%s", err);
	d->binding_rate = c->dataplane.binding_rate;
	d->request_rate = c->dataplane.request_rate;
	config_free(c);
	assert_int_not_equal(d->request_rate, 0);
}

static struct sock_addr subscriber(uint32_t i)
{
	char ip[20];

	snprintf(ip, sizeof(ip), "10.1.0.%u", 2 + i % HOSTS);
	return at(ip, (uint16_t)(PORTS + i / HOSTS));
}

static void start(bool allocations)
{
	world_config();
	defaults(&world.conf.dataplane);
	world.conf.dataplane.sessions = SUBSCRIBERS;
	world.conf.dataplane.neighbours = 512;
	world.conf.dataplane.ring_slots = 256;
	world.conf.relay[0].port_min = PORTS;
	world_start();
	listener = at("10.1.0.1", 3478);
	for (uint32_t i = 0; allocations && i < SUBSCRIBERS; i++) {
		struct sock_addr a = subscriber(i);

		assert_true(session_add(0, i, 1, &a, 0, (uint16_t)(PORTS + i), 0, 0));
	}
	/* Their answers leave. */
	for (uint32_t i = 0; i < HOSTS; i++) {
		struct sock_addr a = subscriber(i);
		struct rte_ether_addr mac;

		memcpy(mac.addr_bytes, world_mac, sizeof(mac.addr_bytes));
		neigh_learn(world.w, ACCESS, &a.ip, &mac, true, true);
	}
	world_mark();
}

static void asks(const struct sock_addr *from, enum stun_method method)
{
	static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
	uint8_t msg[100];
	struct stun_builder b;

	stun_begin(&b, msg, sizeof(msg), stun_type(method, STUN_REQUEST), tid);
	if (method == STUN_ALLOCATE)
		stun_put_u32(&b, STUN_ATTR_REQUESTED_TRANSPORT, 17u << 24);
	frame_udp(&f, ACCESS, from, &listener, msg, stun_end(&b), NULL);
	world_in(ACCESS, 0, &f);
}

/* The subscribers whose turn it is in millisecond ms, where each has one in `period` of them. */
static uint32_t whose_turn(uint32_t ms, uint32_t period, enum stun_method method)
{
	uint32_t i = (uint32_t)((uint64_t)ms * SUBSCRIBERS / period),
		 end = (uint32_t)((uint64_t)(ms + 1) * SUBSCRIBERS / period), n = end - i;

	for (; i < end; i++) {
		/* Neighbours in number are none in time. */
		struct sock_addr a = subscriber((uint32_t)((uint64_t)i * 7919 % SUBSCRIBERS));

		asks(&a, method);
	}
	return n;
}

static uint32_t newcomer(uint32_t ms)
{
	struct sock_addr a = subscriber(SUBSCRIBERS + ms);

	if (ms % (1000 / NEWCOMERS))
		return 0;
	asks(&a, STUN_ALLOCATE);
	asks(&a, STUN_ALLOCATE); /* now with what the challenge said */
	return 2;
}

static void an_ordinary_day(void)
{
	uint32_t bindings = 0, requests = 0;

	for (uint32_t ms = 0; ms < MS; ms++) {
		world_clock_ms(world.w->now_ms + 1);
		bindings += whose_turn(ms, 25000, STUN_BINDING);
		requests += whose_turn(ms, 300000, STUN_REFRESH);
		requests += whose_turn(ms, 240000, STUN_CHANNEL_BIND);
		requests += whose_turn(ms, 240000, STUN_CREATE_PERMISSION);
		requests += newcomer(ms);
		world_run();
		world_forget();
		while (world_evt(0))
			;
	}
	assert_true(bindings > MS && requests > MS / 4);
	world_drops(DROP_NONE, 0);
	assert_int_equal(world_count(0, CNT_BINDING), bindings);
	assert_int_equal(world_count(0, CNT_PUNT), requests);
}

static void with_allocations(void **state)
{
	(void)state;
	start(true);
	an_ordinary_day();
}

static void without(void **state)
{
	(void)state;
	start(false);
	an_ordinary_day();
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, world_teardown)
	const struct CMUnitTest tests[] = {
		T(with_allocations),
		T(without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
