/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One port, several services (dp/demux.h; R2): who gets a connection whose TLS handshake is
 * over. ALPN or SNI say so, else the first bytes, however they are cut: STUN is the relay's, SIP
 * goes to the first service of the domain that takes it, anything else is closed with a reason.
 * Without such a service nothing is looked at. What the handshake said is made up here.
 */
#include "tests/world/unit.h"
#include "tests/world/client_hello.h"
#include "tests/world/gate_world.h"
#include "dp/demux.h"
#include "dp/tls/tls.h"
#include "dp/turn/leg.h"

static struct tls_info said;
static bool no_tls;
static const char *offered; /* by a ClientHello; NULL: there is none to judge */
static bool passed;

/* The linker puts it in tls_info()'s place. */
const struct tls_info *__wrap_tls_info(const struct tcp_conn *c);
const struct tls_info *__wrap_tls_info(const struct tcp_conn *c)
{
	(void)c;
	return no_tls ? NULL : &said;
}

/* demux_app judges a ClientHello, with these owner's bytes. */
static bool judge_hello(struct worker *w, void *data)
{
	struct tcp_conn c = { 0 };
	uint8_t b[256];
	bool passes;

	memcpy(tcp_data(&c), data, TCP_APP_DATA);
	passes = demux_app.hello(w, &c, b, (uint32_t)client_hello(b, sizeof(b), offered));
	memcpy(data, tcp_data(&c), TCP_APP_DATA);
	return passes;
}

static const struct tcp_app *accept_door(struct worker *w, struct tcp_request *r)
{
	demux_init(r->data, 0);
	if (offered)
		passed = judge_hello(w, r->data);
	return &demux_app;
}

static void start(void)
{
	gate_start(accept_door);
	gate_listen("10.2.0.2");
}

static int setup(void **state)
{
	(void)state;
	said = (struct tls_info){ .service = SERVICE_NONE };
	no_tls = false;
	offered = NULL;
	gate_config();
	world.conf.dataplane.binding_rate = 1000;
	world.conf.listener[0].domain_index = 1;
	world.conf.service[0].sip = true;
	start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gate_close();
	gate_stop();
	return 0;
}

/* ---- what became of the client's connection ---- */

enum fate { WAITS, RELAYED, SPLICED, ENDED };

static const uint8_t binding[] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1,  2,
				   3, 4, 5, 6, 7,    8,	   9,	 10,   11, 12 };

static enum fate fate(void)
{
	if (gate_client->fin_rcvd || gate_client->rst)
		return ENDED;
	if (gate_backend->open)
		return SPLICED;
	return tcp_app(&world.w->tcp->conn[0]) == &leg_app ? RELAYED : WAITS;
}

/* The relay has it, and what the client had said was not lost. */
static void relay_answers(const void *rest, uint16_t len)
{
	if (rest)
		host_say(gate_client, rest, len);
	assert_int_equal(fate(), RELAYED);
	assert_true(gate_client->received >= sizeof(binding));
	assert_memory_equal(gate_all[ACCESS], "\x01\x01", 2);
	assert_memory_equal(gate_all[ACCESS] + 4, binding + 4, 16);
	assert_int_equal(world_count(0, CNT_BINDING), 1);
}

/* The connection is that of the first test again. */
static void again(void)
{
	gate_close();
	gate_stop();
	start();
}

/* ---- by the handshake ---- */

static void alpn_says_turn(void **state)
{
	(void)state;
	said.service = SERVICE_TURN;
	gate_connect();
	relay_answers(binding, sizeof(binding));
}

/* Although the bytes would say otherwise. */
static void turn_is_not_looked_at(void **state)
{
	(void)state;
	said.service = SERVICE_TURN;
	gate_connect();
	gate_say(gate_client, "OPTIONS sip:a SIP/2.0\r\n");
	assert_int_equal(fate(), ENDED);
	assert_int_equal(gate_ends(TCP_END_FRAME_BAD), 1);
	assert_false(gate_backend->open);
}

/* The back end may be the one that speaks first. */
static void a_service_needs_no_bytes(void **state)
{
	(void)state;
	world.conf.n_service = 2;
	world.conf.service[1] = world.conf.service[0];
	world.conf.service[1].id = 1;
	world.conf.service[0].backend = at("203.0.113.1", 1);
	said.service = 1;
	gate_connect();
	assert_int_equal(fate(), SPLICED);
	gate_say(gate_backend, "220 ready\r\n");
	gate_heard(gate_client, "220 ready\r\n");
	host_say(gate_client, binding, sizeof(binding));
	assert_int_equal(gate_backend->received, sizeof(binding));
	assert_int_equal(world_count(0, CNT_TLS_SERVICE), 1);
}

/* ---- by the listener ---- */

static void the_handshake_knows_it(void **state)
{
	struct tls_expect e = { 0 };
	struct tcp_conn c = { 0 };

	(void)state;
	demux_init(tcp_data(&c), 0);
	demux_app.expect(world.w, &c, &e);
	assert_false(e.has_service);
	world.conf.listener[0].has_service = true;
	world.conf.listener[0].service_index = 1;
	world.conf.service[1].id = 7; /* it had another place once */
	demux_app.expect(world.w, &c, &e);
	assert_true(e.has_service);
	assert_int_equal(e.service, 7);
	assert_int_equal(e.peer, EXPECT_DOMAIN);
}

/* Whatever the client says, in the handshake or after it, and when there is none (TCP). */
static void the_listener_s_service(void **state)
{
	static const uint16_t by_alpn[] = { SERVICE_NONE, SERVICE_TURN, 0 };

	(void)state;
	world.conf.n_service = 2;
	world.conf.service[1] = world.conf.service[0];
	world.conf.service[1].id = 1;
	world.conf.service[0].backend = at("203.0.113.1", 1);
	world.conf.listener[0].has_service = true;
	world.conf.listener[0].service_index = 1;
	for (size_t i = 0; i <= RTE_DIM(by_alpn); i++) {
		no_tls = i == RTE_DIM(by_alpn);
		said.service = no_tls ? SERVICE_NONE : by_alpn[i];
		gate_connect();
		assert_int_equal(fate(), SPLICED);
		host_say(gate_client, binding, sizeof(binding));
		assert_int_equal(gate_backend->received, sizeof(binding));
		assert_int_equal(world_count(0, CNT_BINDING), 0);
		again();
	}
}

/* ---- by the ClientHello ---- */

static void client_offers(const char *alpn, bool passes)
{
	offered = alpn;
	gate_connect();
	assert_int_equal(passed, passes);
	if (passes)
		assert_int_equal(fate(), SPLICED);
}

/* The service that takes TLS as it comes, of the listener's domain, and no other. */
static void passed_as_it_comes(void **state)
{
	struct config_service *s = world.conf.service;

	(void)state;
	no_tls = true;
	world.conf.n_service = 3;
	s[2] = s[1] = s[0];
	s[1].sip = s[2].sip = false;
	s[2].tls = s[1].tls = SERVICE_TLS_PASS;
	s[2].n_alpn = s[1].n_alpn = s[0].n_alpn = 1;
	strcpy(s[0].alpn[0], "h2");
	strcpy(s[1].alpn[0], "acme-tls/1");
	strcpy(s[2].alpn[0], "acme-tls/1");
	s[0].backend = s[1].backend = at("203.0.113.1", 1);
	s[1].domain_index = 0;
	s[1].id = 1;
	s[2].id = 2;
	client_offers("acme-tls/1", true);
	gate_say(gate_client, "more");
	gate_heard(gate_backend, "more");
	again();
	client_offers("http/1.1 acme-tls/1", true);
	again();
	client_offers("h2", false); /* TLS of that service ends here */
	again();
	client_offers("acme-tls/2", false);
	again();
	s[2].domain_index = 0;
	client_offers("acme-tls/1", false);
	again();
	s[2].domain_index = CONFIG_DOMAINS_MAX;
	client_offers("acme-tls/1", true);
	again();
	world.conf.listener[0].has_service = true; /* all of its connections are that one's */
	client_offers("acme-tls/1", false);
}

/* ---- by the first bytes ---- */

static void stun_is_the_relay_s(void **state)
{
	uint16_t cut;

	(void)state;
	for (cut = 8; cut < sizeof(binding); cut++) {
		gate_connect();
		assert_int_equal(fate(), WAITS);
		host_say(gate_client, binding, cut);
		relay_answers(binding + cut, (uint16_t)(sizeof(binding) - cut));
		again();
	}
	gate_connect();
	host_say(gate_client, binding, sizeof(binding));
	relay_answers(NULL, 0);
}

/* The bytes come one by one: what is decided, and by which. */
static void one_by_one(const char *bytes, uint16_t n, enum fate want, uint16_t by)
{
	uint16_t i;

	gate_connect();
	for (i = 0; i < n && i < by; i++) {
		assert_int_equal(fate(), WAITS);
		host_say(gate_client, bytes + i, 1);
	}
	if (fate() != want)
		fail_msg("%.*s: %d", n, bytes, fate());
	if (want == SPLICED) {
		host_say(gate_client, bytes + i, (uint16_t)(n - i));
		gate_heard(gate_backend, bytes);
	}
	if (want == RELAYED)
		host_rst(gate_client); /* the rest will not come */
	if (want == ENDED) {
		assert_true(gate_client->fin_rcvd);
		gate_close();
		assert_int_equal(gate_ends(TCP_END_FRAME_BAD), 1);
	}
	again();
	/* In one piece. */
	gate_connect();
	host_say(gate_client, bytes, n);
	if (fate() != want)
		fail_msg("%.*s at once: %d", n, bytes, fate());
	if (want == RELAYED)
		host_rst(gate_client);
	again();
}

#define ONE(bytes, want, by) one_by_one(bytes, sizeof(bytes) - 1, want, by)

static void first_bytes_decide(void **state)
{
	(void)state;
	ONE("REGISTER sip:fairlead.test SIP/2.0\r\n", SPLICED, 10);
	ONE("SIP/2.0 200 OK\r\n", SPLICED, 8);
	ONE("\r\n\r\n", SPLICED, 2);
	ONE("1NVITE sip:a SIP/2.0\r\n", SPLICED, 8);
	ONE("\x00\x01\x00\x00\x21\x12\xa4\x42", RELAYED, 8);
	ONE("\x00\x01\x00\x00\x21\x12\xa4\x43", ENDED, 8);
	ONE("\x0d\x01\x00\x00\x21\x12\xa4\x42", RELAYED, 8);
	ONE("\x0d\x01\x00\x00\x21\x12\xa4\x41", ENDED, 8);
	ONE("\x40\x00\x00\x04", ENDED, 1);
	ONE("\x16\x03\x01\x02\x00\x01\x00\x01", ENDED, 8);
	ONE("GET / HTTP/1.1\r\n", ENDED, 5);
	ONE("\x80", ENDED, 1);
	ONE("\xff", ENDED, 1);
}

static void a_service_of_the_domain(void **state)
{
	(void)state;
	world.conf.n_service = 4;
	world.conf.service[3] = world.conf.service[2] = world.conf.service[1] =
	    world.conf.service[0];
	for (uint16_t i = 0; i < 4; i++)
		world.conf.service[i].id = i;
	world.conf.service[0].domain_index = 0;
	world.conf.service[1].sip = false;
	world.conf.service[2].domain_index = 1;
	world.conf.service[0].backend = world.conf.service[1].backend =
	    world.conf.service[3].backend = at("203.0.113.1", 1);
	gate_connect();
	gate_say(gate_client, "\r\n");
	assert_int_equal(fate(), SPLICED);
}

static void no_service_no_look(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		if (i == 0)
			world.conf.n_service = 0;
		else if (i == 1)
			world.conf.service[0].sip = false;
		else
			world.conf.service[0].domain_index = 0;
		gate_connect();
		relay_answers(binding, sizeof(binding));
		again();
		world.conf.n_service = 1;
		world.conf.service[0].sip = true;
	}
}

/* A plain connection has no handshake that said anything. */
static void without_tls(void **state)
{
	(void)state;
	no_tls = true;
	gate_connect();
	gate_say(gate_client, "\r\n");
	assert_int_equal(fate(), SPLICED);
}

/* ---- ends ---- */

static void nothing_said(void **state)
{
	(void)state;
	gate_connect();
	gate_say(gate_client, "OPT");
	hosts_pass_ms(world.conf.tcp.idle_timeout * 1000 - 100);
	assert_int_equal(fate(), WAITS);
	hosts_pass_ms(200);
	assert_true(gate_client->fin_rcvd);
	assert_int_equal(gate_ends(TCP_END_IDLE), 0); /* not over: the client's FIN is to come */
	gate_close();
	assert_int_equal(gate_ends(TCP_END_IDLE), 1);
}

/* The relay's patience is its own: a client of TURN's is not ended by the demultiplexer's timer. */
static void patience_begins_afresh(void **state)
{
	(void)state;
	gate_connect();
	hosts_pass_ms(world.conf.tcp.idle_timeout * 1000 - 100);
	host_say(gate_client, binding, sizeof(binding));
	assert_int_equal(fate(), RELAYED);
	hosts_pass_ms(world.conf.tcp.idle_timeout * 1000 - 100);
	assert_int_equal(fate(), RELAYED);
	hosts_pass_ms(200);
	assert_int_equal(fate(), ENDED);
}

static void closed_at_once(void **state)
{
	(void)state;
	gate_connect();
	gate_client->fin = true;
	hosts_pass_ms(100);
	assert_true(gate_client->fin_rcvd);
	assert_int_equal(gate_ends(TCP_END_DONE), 1);
}

static void reset_at_once(void **state)
{
	(void)state;
	gate_connect();
	gate_say(gate_client, "OPT");
	host_rst(gate_client);
	assert_int_equal(gate_ends(TCP_END_RESET), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(alpn_says_turn),
		T(turn_is_not_looked_at),
		T(a_service_needs_no_bytes),
		T(the_listener_s_service),
		T(the_handshake_knows_it),
		T(passed_as_it_comes),
		T(stun_is_the_relay_s),
		T(first_bytes_decide),
		T(a_service_of_the_domain),
		T(no_service_no_look),
		T(without_tls),
		T(nothing_said),
		T(patience_begins_afresh),
		T(closed_at_once),
		T(reset_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
