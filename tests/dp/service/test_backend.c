/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client's connection joined with the back end of a service (dp/service/backend.h; R2, R54, R59):
 * what the client says meanwhile waits in its window and goes first; the source is the address of
 * the port the way leads to, of either family; a back end that refuses, is silent, or to which no
 * way leads ends the client's connection in order, with a reason; a client that ends first ends
 * the attempt; afterwards FIN and RST pass as between any two that are joined.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"
#include "tests/world/gate_world.h"
#include "dp/service/backend.h"
#include "lib/proxy_header.h"

static void want_backend(struct worker *w, struct tcp_conn *c)
{
	backend_join(w, c, 0);
}

static void want_closed(struct worker *w, struct tcp_conn *c, enum tcp_end why)
{
	(void)w;
	(void)c;
	(void)why;
	fail();
}

static const struct tcp_app want_app = {
	.name = "want",
	.established = want_backend,
	.closed = want_closed,
};

static const struct tcp_app *accept_all(struct worker *w, struct tcp_request *r)
{
	(void)w;
	(void)r;
	return &want_app;
}

static int setup(void **state)
{
	(void)state;
	gate_config();
	gate_start(accept_all);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gate_stop();
	return 0;
}

/* The client's connection ended in order, for this; nothing of either is left. */
static void client_was_closed(void)
{
	gate_client->fin = true;
	hosts_pass_ms(100);
	assert_true(gate_client->fin_rcvd);
	assert_false(gate_client->rst);
	assert_int_equal(gate_ends(TCP_END_BACKEND), 1);
	assert_int_equal(world_count(0, CNT_TLS_SERVICE), 0);
	assert_int_equal(world_count(0, CNT_TCP_SPLICED), 0);
	hosts_pass_ms(3000);
}

/* ---- joined ---- */

static void bytes_pass(const char *ip)
{
	world.conf.service[0].backend = at(ip, 5060);
	gate_listen(ip);
	gate_connect();
	assert_true(gate_backend->open);
	assert_int_equal(world_count(0, CNT_TLS_SERVICE), 1);
	gate_say(gate_client, "hello");
	gate_heard(gate_backend, "hello");
	gate_say(gate_backend, "welcome");
	gate_heard(gate_client, "welcome");
	gate_close();
	assert_true(gate_client->fin_rcvd && gate_backend->fin_rcvd);
	assert_int_equal(gate_ends(TCP_END_DONE), 2);
}

static void over_ipv4(void **state)
{
	(void)state;
	bytes_pass("10.2.0.2");
}

static void over_ipv6(void **state)
{
	(void)state;
	bytes_pass("fd00:2::2");
}

/* A record says who came to the back end from that port of ours, and what passed. */
static void it_is_told(void **state)
{
	struct sock_addr backend = at("10.2.0.2", 5060), own;
	const struct evt_joined *e;
	struct ctl_conn client;

	(void)state;
	while (world_evt(0))
		;
	strcpy(world.conf.service[0].name, "sip");
	gate_listen("10.2.0.2");
	gate_connect();
	e = world_evt(0);
	assert_non_null(e);
	assert_int_equal(e->hdr.type, EVT_JOINED);
	assert_int_equal(e->what, JOINED_BEGUN);
	assert_int_equal(e->sid.gen, 0);
	assert_string_equal(e->service, "sip");
	assert_true(sock_addr_eq(&e->from, &gate_client->addr));
	assert_true(sock_addr_eq(&e->to, &gate_client->us));
	assert_true(sock_addr_eq(&e->own, &gate_backend->us));
	assert_true(sock_addr_eq(&e->peer, &backend));
	own = e->own;
	client = e->client;
	gate_say(gate_client, "hello");
	gate_say(gate_backend, "welcome");
	gate_close();
	e = world_evt(0);
	assert_non_null(e);
	assert_int_equal(e->hdr.type, EVT_JOINED);
	assert_int_equal(e->what, JOINED_ENDED);
	assert_memory_equal(&e->client, &client, sizeof(client));
	assert_true(sock_addr_eq(&e->own, &own));
	assert_string_equal(e->service, "sip");
	assert_int_equal(e->passed[CTL_TO_PEER], 5);
	assert_int_equal(e->passed[CTL_TO_CLIENT], 7);
	assert_int_equal(e->why, TCP_END_DONE);
	assert_null(world_evt(0));
}

/* By a gateway: from the address of the gateway's subnet, of several that the port has. */
static void over_a_gateway(void **state)
{
	struct config_port *p = &world.conf.port[CORE];

	(void)state;
	p->addr[p->n_addr++] = p->addr[0];
	assert_true(ip_prefix_parse("10.9.0.1/24", &p->addr[0]));
	assert_true(ip_prefix_parse("192.0.2.0/24", &p->route[0].to));
	p->route[0].via = at("10.2.0.2", 0).ip;
	p->n_route = 1;
	gate_stop();
	gate_start(accept_all);
	bytes_pass("192.0.2.1");
}

/* R94: who the client is goes before anything that he said, and nothing goes before it. */
static void the_client_is_told(void **state)
{
	struct proxy_header h = { 0 };
	uint8_t want[PROXY_HEADER_MAX];
	struct wr w = wr_init(want, sizeof(want));

	(void)state;
	world.conf.service[0].proxy = PROXY_V2;
	gate_listen("10.2.0.2");
	gate_backend->silent = true;
	gate_connect();
	gate_say(gate_client, "hello");
	assert_int_equal(gate_backend->received, 0);
	gate_backend->silent = false;
	hosts_pass_ms(1100);
	h.client = gate_client->addr;
	h.server = gate_client->us;
	proxy_header_write(&w, &h);
	wr_bytes(&w, "hello", 5);
	assert_int_equal(gate_backend->received, wr_len(&w));
	assert_memory_equal(gate_all[CORE], want, wr_len(&w));
	gate_say(gate_backend, "welcome");
	gate_heard(gate_client, "welcome");
	gate_close();
}

/* No room for it: not joined, or the back end would take what the client says for who he is. */
static void the_client_cannot_be_told(void **state)
{
	(void)state;
	world.conf.service[0].proxy = PROXY_V2;
	world.conf.tcp.send_buffer = 10;
	gate_listen("10.2.0.2");
	gate_connect();
	client_was_closed();
	assert_int_equal(gate_backend->received, 0);
	assert_int_equal(gate_ends(TCP_END_NO_BUFFER), 1);
}

static void early_bytes_go_first(void **state)
{
	(void)state;
	gate_listen("10.2.0.2");
	gate_backend->silent = true;
	gate_connect();
	gate_say(gate_client, "one ");
	gate_say(gate_client, "two ");
	assert_false(gate_backend->open);
	gate_backend->silent = false;
	hosts_pass_ms(1100); /* SYN comes again */
	assert_true(gate_backend->open);
	gate_say(gate_client, "three");
	gate_heard(gate_backend, "one two three");
	gate_close();
}

/* R59: a client that has closed its direction still gets its answer. */
static void early_fin_goes_behind_them(void **state)
{
	(void)state;
	gate_listen("10.2.0.2");
	gate_backend->silent = true;
	gate_connect();
	gate_say(gate_client, "question");
	gate_client->fin = true;
	hosts_run();
	assert_true(gate_client->fin_sent);
	gate_backend->silent = false;
	hosts_pass_ms(1100);
	gate_heard(gate_backend, "question");
	assert_true(gate_backend->fin_rcvd);
	gate_say(gate_backend, "answer");
	gate_heard(gate_client, "answer");
	gate_close();
	assert_true(gate_client->fin_rcvd);
	assert_int_equal(gate_ends(TCP_END_DONE), 2);
}

static void the_window_bounds_what_waits(void **state)
{
	(void)state;
	gate_listen("10.2.0.2");
	gate_backend->silent = true;
	gate_connect();
	gate_client->to_send = GATE_ALL;
	hosts_run();
	assert_in_range(gate_client->sent, HOST_MSS, world.conf.tcp.receive_buffer);
	gate_backend->silent = false;
	hosts_pass_ms(1100);
	assert_int_equal(gate_backend->received, GATE_ALL);
	gate_close();
}

static void resets_pass(void **state)
{
	(void)state;
	gate_listen("10.2.0.2");
	gate_connect();
	host_rst(gate_backend);
	assert_true(gate_client->rst);
	assert_int_equal(gate_ends(TCP_END_RESET), 1);
	assert_int_equal(gate_ends(TCP_END_PARTNER), 1);
}

/* ---- not joined ---- */

static void refused(void **state)
{
	(void)state;
	gate_listen("10.2.0.2");
	gate_backend->refuse = true;
	gate_connect();
	client_was_closed();
	assert_int_equal(gate_ends(TCP_END_REFUSED), 1);
}

/* Bytes that nobody took are no reason for RST. */
static void silent_for_too_long(void **state)
{
	(void)state;
	gate_listen("10.2.0.2");
	gate_backend->silent = true;
	gate_connect();
	gate_say(gate_client, "hello?");
	hosts_pass_ms(world.conf.tcp.connect_timeout * 1000 - 100);
	assert_false(gate_client->fin_rcvd);
	assert_int_equal(world.w->tcp->conns, 2);
	hosts_pass_ms(200);
	client_was_closed();
	assert_int_equal(gate_ends(TCP_END_TIMEOUT), 1);
}

static void no_way_leads_there(void **state)
{
	(void)state;
	world.conf.service[0].backend = at("203.0.113.1", 5060);
	gate_connect();
	client_was_closed();
}

static void no_address_of_that_family(void **state)
{
	(void)state;
	gate_stop();
	world.conf.port[CORE].n_addr = 1;
	assert_true(ip_prefix_parse("fd00:2::/64", &world.conf.port[CORE].route[0].to));
	world.conf.port[CORE].route[0].via = at("fd00:2::2", 0).ip;
	world.conf.port[CORE].n_route = 1;
	world.conf.n_relay = 1;
	world.conf.service[0].backend = at("fd00:2::2", 5060);
	gate_start(accept_all);
	gate_connect();
	client_was_closed();
}

static void the_client_resets_meanwhile(void **state)
{
	(void)state;
	gate_listen("10.2.0.2");
	gate_backend->silent = true;
	gate_connect();
	gate_say(gate_client, "hello?");
	assert_int_equal(world.w->tcp->conns, 2);
	host_rst(gate_client);
	assert_int_equal(world.w->tcp->conns, 0);
	assert_int_equal(gate_ends(TCP_END_RESET), 1);
	assert_int_equal(gate_ends(TCP_END_PARTNER), 1);
	/* It comes to life too late. */
	gate_backend->silent = false;
	hosts_pass_ms(3000);
	assert_false(gate_backend->open);
}

/* The SYN-ACK and the client's RST come in one turn. */
static void both_at_once(void **state)
{
	(void)state;
	gate_listen("10.2.0.2");
	gate_backend->silent = true;
	gate_connect();
	tcp_abort(world.w, &world.w->tcp->conn[0], TCP_END_CLOSED);
	tcp_abort(world.w, &world.w->tcp->conn[1], TCP_END_CLOSED);
	hosts_pass_ms(100);
	assert_int_equal(gate_ends(TCP_END_CLOSED), 2);
	assert_int_equal(gate_ends(TCP_END_BACKEND), 0);
}

/* The back end's slot is another's when the client's connection ends at last. */
static void nobody_is_mistaken(void **state)
{
	struct sock_addr other = at("10.1.0.2", 5001), us = gate_client->us;
	struct host *h;

	(void)state;
	gate_listen("10.2.0.2");
	gate_backend->refuse = true;
	gate_connect();
	assert_true(gate_client->fin_rcvd);
	assert_int_equal(world.w->tcp->conns, 1);
	gate_listen("10.2.0.2");
	h = host_new(ACCESS, &other, &us, 0, 0);
	host_connect(h);
	assert_true(gate_backend->open);
	assert_int_equal(world.w->tcp->conns, 3);
	gate_client->fin = true;
	hosts_pass_ms(3000);
	assert_int_equal(world.w->tcp->conns, 2);
	assert_false(h->rst || gate_backend->rst);
	h->fin = true;
	gate_close();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(over_ipv4),
		T(over_ipv6),
		T(it_is_told),
		T(over_a_gateway),
		T(the_client_is_told),
		T(the_client_cannot_be_told),
		T(early_bytes_go_first),
		T(early_fin_goes_behind_them),
		T(the_window_bounds_what_waits),
		T(resets_pass),
		T(refused),
		T(silent_for_too_long),
		T(no_way_leads_there),
		T(no_address_of_that_family),
		T(the_client_resets_meanwhile),
		T(both_at_once),
		T(nobody_is_mistaken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
