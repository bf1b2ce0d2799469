/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A trace of a session whose client has a TCP connection (dp/trace.h): the segments of the
 * connection are the session's, and of nobody else who has the same address over UDP; a peer's
 * datagram becomes a message that is told as streamed, or as waiting, streamed or dropped, between
 * the connection's addresses.
 */
#include "tests/world/control.h"
#include "tests/world/tcp_host.h"

#include "dp/trace.h"
#include "lib/chandata.h"
#include "tests/world/unit.h"

#include <netinet/in.h>

enum { CHANNEL = 0x4001, DATA = 900, SLOT = 1, UDP_SLOT = 2, ID = 77 };

static struct sock_addr client, local, peer, relayed;
static struct host *h;
static uint8_t data[DATA];
static const struct ctl_trace *rec; /* the last of next() */
static uint32_t seen[TRACE_EVENTS]; /* by drain() */

static int setup(void **state)
{
	struct cmd_session_set s = { .sid = { SLOT, 7 },
				     .relay = { { 0, be16_make(RELAY_PORT) },
						{ CTL_RELAY_NONE, { { 0 } } } } };
	uint8_t request[64];
	struct stun_builder b;
	const struct evt_punt *e;

	(void)state;
	world_config();
	client = at("10.1.0.2", 6000);
	local = at("10.1.0.1", 3478);
	world_listener(&local, TRANSPORT_TCP);
	world_start();
	hosts_reset();
	peer = at("10.2.0.2", 4000);
	relayed = at("10.2.0.1", RELAY_PORT);
	fill(data, sizeof(data), 3);
	h = host_client(&client, &local);
	stun_begin(&b, request, sizeof(request), stun_type(STUN_ALLOCATE, STUN_REQUEST),
		   (const uint8_t *)"transaction");
	stun_put_u32(&b, STUN_ATTR_REQUESTED_TRANSPORT, 17u << 24);
	host_say(h, request, (uint16_t)stun_end(&b));
	e = world_evt(0);
	assert_non_null(e);
	s.leg = e->leg;
	s.expiry = world.w->now + 600;
	assert_true(world_cmd(0, CMD_SESSION_SET, &s, sizeof(s)));
	assert_true(chan_add(0, SLOT, &peer, CHANNEL, world.w->now + 300));
	/* Of the same address and port, over UDP. */
	assert_true(session_add(0, UDP_SLOT, 1, &client, 0, RELAY_PORT + 2, 0, 0));
	hosts_run();
	return 0;
}

static void trace(uint32_t session, bool drops)
{
	struct cmd_trace c = { .id = ID,
			       .until = WORLD_START_S + CTL_TRACE_LEASE_S,
			       .filter = {
				   .session = session, .reason = CTL_TRACE_ANY, .drops = drops } };

	assert_true(world_cmd(0, CMD_TRACE, &c, sizeof(c)));
	assert_non_null(world.w->trace);
	memset(seen, 0, sizeof(seen));
}

static bool next(void)
{
	const struct ctl_trace *r = world_trace(0);

	if (r)
		rec = r;
	return r;
}

static void expect(enum ctl_trace_event e, const struct sock_addr *src, const struct sock_addr *dst)
{
	assert_true(next());
	assert_int_equal(rec->event, e);
	assert_memory_equal(&rec->src, src, sizeof(*src));
	assert_memory_equal(&rec->dst, dst, sizeof(*dst));
	assert_int_equal(rec->session, SLOT);
	assert_int_equal(rec->lost, 0);
}

/* Counts what there is; messages are all between the addresses of the connection. */
static void drain(void)
{
	while (next()) {
		seen[rec->event]++;
		assert_int_equal(rec->session, SLOT);
		assert_int_equal(rec->lost, 0);
		if (rec->event != TRACE_WAITING && rec->event != TRACE_STREAMED &&
		    rec->event != TRACE_DROPPED)
			continue;
		assert_memory_equal(&rec->src, &local, sizeof(local));
		assert_memory_equal(&rec->dst, &client, sizeof(client));
		assert_int_equal(rec->proto, IPPROTO_TCP);
		assert_int_equal(rec->len, CHANDATA_HDR_LEN + DATA);
	}
}

static void from_peer(uint16_t len)
{
	struct frame f;

	frame_udp(&f, CORE, &peer, &relayed, data, len, NULL);
	world_in(CORE, 0, &f);
}

static void a_clients_segments(void **state)
{
	uint32_t acks = 0, datagrams = 0;
	uint8_t msg[64];

	(void)state;
	trace(SLOT, false);
	host_say(h, msg, (uint16_t)chandata(msg, CHANNEL, data, 40));
	expect(TRACE_RECEIVED, &client, &local);
	assert_int_equal(rec->proto, IPPROTO_TCP);
	hosts_pass_ms(100); /* the ACK may be held back */
	while (next()) {
		assert_int_equal(rec->event, TRACE_SENT);
		assert_int_equal(rec->session, SLOT);
		acks += memcmp(&rec->dst, &client, sizeof(client)) == 0;
		datagrams += memcmp(&rec->dst, &peer, sizeof(peer)) == 0;
	}
	assert_int_equal(acks, 1);
	assert_int_equal(datagrams, 1);
}

static void a_peers_datagram(void **state)
{
	(void)state;
	trace(SLOT, false);
	from_peer(37);
	hosts_run();
	expect(TRACE_RECEIVED, &peer, &relayed);
	expect(TRACE_STREAMED, &local, &client);
	assert_int_equal(rec->len, CHANDATA_HDR_LEN + 40);
	expect(TRACE_SENT, &local, &client);
	expect(TRACE_RECEIVED, &client, &local);
	assert_false(next());
}

static void of_another_session(void **state)
{
	uint8_t msg[64];

	(void)state;
	trace(UDP_SLOT, false);
	host_say(h, msg, (uint16_t)chandata(msg, CHANNEL, data, 40));
	from_peer(37);
	hosts_pass_ms(100);
	assert_false(next());
}

/* By the peer's address its datagram is seen until it is a message of the stream, and no further.
 */
static void by_peer(void **state)
{
	struct cmd_trace c = {
		.id = ID,
		.until = WORLD_START_S + CTL_TRACE_LEASE_S,
		.filter = { .session = CTL_TRACE_ANY, .reason = CTL_TRACE_ANY, .peer = peer }
	};

	(void)state;
	assert_true(world_cmd(0, CMD_TRACE, &c, sizeof(c)));
	from_peer(37);
	hosts_run();
	expect(TRACE_RECEIVED, &peer, &relayed);
	expect(TRACE_STREAMED, &local, &client);
	assert_false(next());
}

/* The client reads nothing until one waits. Returns how many datagrams have come. */
static uint32_t stall(void)
{
	uint32_t n = 0;

	h->stop = true;
	while (seen[TRACE_WAITING] == 0 && n++ < 200) {
		from_peer(DATA);
		hosts_run();
		drain();
	}
	assert_int_equal(seen[TRACE_WAITING], 1);
	return n;
}

static void a_slow_client(void **state)
{
	uint32_t n;

	(void)state;
	trace(SLOT, false);
	n = stall();
	assert_int_equal(seen[TRACE_STREAMED], n - 1);
	from_peer(DATA);
	hosts_run();
	drain();
	assert_int_equal(seen[TRACE_WAITING], 2);
	assert_int_equal(seen[TRACE_STREAMED], n - 1);
	host_go(h);
	drain();
	assert_int_equal(seen[TRACE_WAITING], 2);
	assert_int_equal(seen[TRACE_STREAMED], n + 1);
	assert_int_equal(seen[TRACE_DROPPED], 0);
}

static void what_waited_too_long(void **state)
{
	(void)state;
	trace(SLOT, false);
	stall();
	trace(SLOT, true);
	hosts_pass_ms(world.conf.tcp.media_age_ms + 10);
	drain();
	assert_int_equal(seen[TRACE_DROPPED], 1);
	assert_int_equal(rec->reason, DROP_MEDIA_OLD);
	world_drops(DROP_MEDIA_OLD, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_clients_segments, setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_peers_datagram, setup, world_teardown),
		cmocka_unit_test_setup_teardown(of_another_session, setup, world_teardown),
		cmocka_unit_test_setup_teardown(by_peer, setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_slow_client, setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_waited_too_long, setup, world_teardown),
	};

	world_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
