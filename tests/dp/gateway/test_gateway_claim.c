/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whose connection a listening termination has: the remote's, whoever else has found the port, and
 * by whatever came to light in between (RFC 8122 6.2, R28, R50, R51).
 */
#include "tests/world/stream_world.h"
#include "dp/gateway/stream.h"
#include "dp/net/neigh.h"
#include "dp/gateway/gateway.h"

static struct side *side0(void)
{
	return &world.w->gateway->context[gate.want.cid.slot].stream->side[0];
}

/* Remote 0 is another from now on; the host of the one before stays as it is. */
static struct host *leave(void)
{
	struct host *h = gate.far[0].host;

	h->got = NULL;
	h->any = true;
	return h;
}

/* Whoever comes next as remote 0 is at another address. */
static void far_at(const char *ip)
{
	gate_term(0)->remote[0].ip = at(ip, 0).ip;
}

/* As whoever finds the port comes: begins a handshake, and says no more. */
static struct host *hello_only(void)
{
	uint8_t hello[4096];
	int n;

	gate.far[0].mute = true;
	far_connect(0);
	SSL_do_handshake(gate.far[0].tls.ssl);
	n = BIO_read(gate.far[0].tls.out, hello, sizeof(hello));
	assert_true(n > 0);
	host_say(gate.far[0].host, hello, (uint16_t)n);
	gate_run();
	return leave();
}

static void listens(void)
{
	gate_want(0, TERM_TLS, TERM_LATCH);
	gate_want(1, TERM_TCP, 0);
	gate_set();
	far_connect(1);
	gate_event(1, TERM_UP);
}

/* Ten bytes of a scanner, for which no key, no certificate and no address need be known. */
static void a_scanner(void **state)
{
	static const uint8_t junk[] = { 22, 3, 1, 0, 5, 1, 0, 0, 1, 0 };

	(void)state;
	listens();
	for (uint16_t i = 0; i < 5; i++) {
		struct sock_addr us = at("10.1.0.1", LOCAL_PORT),
				 it = at("10.1.0.3", (uint16_t)(7000 + i));
		struct host *h = host_client(&it, &us);

		host_say(h, junk, sizeof(junk));
		h->fin = true;
		gate_unfit(0, TCP_END_TLS_HANDSHAKE);
		assert_false(gate.far[1].host->rst || gate.far[1].host->fin_rcvd);
	}
	far_connect(0);
	gate_event(0, TERM_UP);
	gate_passes();
}

/* Strangers that have their handshakes under way and never finish keep nobody waiting, and get RST
 * when it is over. */
static void several_handshakes(void **state)
{
	struct host *h[2];

	(void)state;
	listens();
	far_at("10.1.0.3");
	for (int i = 0; i < 2; i++) {
		far_new(0);
		h[i] = hello_only();
	}
	assert_int_equal(side0()->n_cand, 2);
	assert_int_equal(side0()->state, SIDE_LISTENING);
	far_at("10.1.0.2");
	far_again(0);
	gate_event(0, TERM_UP);
	gate_passes();
	assert_true(h[0]->rst && h[1]->rst);
	assert_int_equal(side0()->n_cand, 0);
}

/* Before the fingerprint is known: a stranger that was first has nothing from it. */
static void who_shows_the_right_certificate(void **state)
{
	const struct evt_term *e;
	struct host *stranger;

	(void)state;
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		gate.far[0].version_min = gate.far[0].version_max = v;
		gate.far[0].other_cert = true;
		stranger = (gate_unjudged(TERM_LATCH), leave());
		gate.far[0].other_cert = false;
		far_again(0);
		gate_no_event();
		assert_true(gate.far[0].host->open && !gate.far[0].host->rst);
		far_say(0, "early", 5);
		gate_fingerprint(0, FP_SHA256, true);
		gate_set();
		e = gate_event(0, TERM_REFUSED);
		assert_int_equal(e->why, TCP_END_TLS_FINGERPRINT);
		assert_memory_equal(&e->remote, &stranger->addr, sizeof(e->remote));
		e = gate_event(0, TERM_UP);
		assert_memory_equal(&e->remote, &gate.far[0].host->addr, sizeof(e->remote));
		assert_true(stranger->fin_rcvd || stranger->rst);
		far_heard(1, "early", 5);
		gate_passes();
		stranger->fin = true;
		gate_again();
	}
}

/* One that holds the side goes: the next that waits holds it, and is told of. */
static void who_holds_it_goes(void **state)
{
	struct host *stranger;

	(void)state;
	gate.far[0].other_cert = true;
	stranger = (gate_unjudged(TERM_LATCH), leave());
	gate.far[0].other_cert = false;
	far_again(0);
	host_rst(stranger);
	gate_run();
	assert_int_equal(gate_event(0, TERM_REFUSED)->why, TCP_END_RESET);
	gate_event(0, TERM_UNJUDGED);
	gate_fingerprint(0, FP_SHA256, true);
	gate_set();
	gate_event(0, TERM_UP);
	gate_passes();
}

/* As many as may wait: who has the most makes room, and not who was announced. */
static void as_many_as_may_wait(void **state)
{
	struct host *phone, *first;

	(void)state;
	gate_stop();
	gate_config();
	world.conf.tls.connections = 32;
	gate_start();
	gate.far[0].other_cert = true;
	first = (gate_unjudged(TERM_LATCH), leave());
	gate.far[0].other_cert = false;
	far_again(0);
	phone = leave();
	gate.far[0].other_cert = true;
	far_at("10.1.0.3");
	for (int i = 0; i < CANDIDATES + 3; i++) {
		far_again(0);
		leave();
		assert_int_equal(side0()->n_cand, RTE_MIN(i + 2, CANDIDATES));
		assert_false(phone->rst);
	}
	gate_no_event();
	gate.far[0].other_cert = false;
	gate_fingerprint(0, FP_SHA256, true);
	far_at("10.1.0.2");
	gate_set();
	assert_memory_equal(&gate_event(0, TERM_REFUSED)->remote, &first->addr,
			    sizeof(first->addr));
	assert_memory_equal(&gate_event(0, TERM_UP)->remote, &phone->addr, sizeof(phone->addr));
	assert_int_equal(side0()->n_cand, 0);
	first->fin = true;
	host_rst(phone);
	gate_run();
	gate_ended(0, TCP_END_RESET);
	gate_ended(1, TCP_END_PARTNER);
}

static void known(const char *ip)
{
	struct ip_addr a = at(ip, 0).ip;
	struct rte_ether_addr mac;

	memcpy(mac.addr_bytes, world_mac, sizeof(mac.addr_bytes));
	neigh_learn(world.w, ACCESS, &a, &mac, true, true);
}

/* The next remote 0, which does all of its handshake. */
static struct host *comes_from(const char *net, int host)
{
	char ip[ADDR_STR_MAX];

	snprintf(ip, sizeof(ip), "%s%d", net, host);
	known(ip);
	far_at(ip);
	far_again(0);
	return leave();
}

/* Who holds the side is not the phone, nor is the phone where it was announced. */
static struct host *held_by_a_stranger(const char *announced)
{
	gate_stop();
	gate_config();
	world.conf.tls.connections = 32;
	world.conf.tls.handshakes = 16;
	world.conf.port[ACCESS].addr[1].len = 60;
	world.conf.relay[ACCESS_RELAY].addr =
	    at(strchr(announced, ':') ? "fd00:1::1" : "10.1.0.1", 0).ip;
	gate_start();
	gate_want(0, TERM_TLS, TERM_LATCH);
	gate_want(1, TERM_TCP, 0);
	gate_term(0)->n_fingerprint = 0;
	far_at(announced);
	gate_set();
	far_connect(1);
	gate_event(1, TERM_UP);
	gate.far[0].other_cert = true;
	far_again(0);
	gate_event(0, TERM_UNJUDGED);
	return leave();
}

/* Its fingerprint comes: it is who was waited for, and those before it are not. */
static void phone_is_let_in(struct host *first, struct host *phone)
{
	gate_fingerprint(0, FP_SHA256, true);
	gate_set();
	gate_event(0, TERM_REFUSED);
	assert_memory_equal(&gate_event(0, TERM_UP)->remote, &phone->addr, sizeof(phone->addr));
	first->fin = true;
	host_rst(phone);
	gate_run();
	gate_ended(0, TCP_END_RESET);
	gate_ended(1, TCP_END_PARTNER);
}

/*
 * The phone's handshake is over, and the fingerprint to judge it by is not there yet: whoever
 * has its handshake under way meanwhile, from other addresses or another network, does not drive it
 * out.
 */
static void phone_stays(const char *announced, const char *home, const char *others)
{
	struct host *first = held_by_a_stranger(announced), *phone, *h;
	uint32_t i;

	gate.far[0].other_cert = false;
	phone = comes_from(home, 5);
	gate.far[0].other_cert = true;
	for (i = 0; i < CANDIDATES + 3; i++) {
		h = comes_from(others, 20 + (int)i);
		assert_false(phone->rst);
		assert_int_equal(side0()->n_cand, RTE_MIN(i + 2, (uint32_t)CANDIDATES));
		/* Of the network that has the most the last makes room for the next. */
		assert_int_equal(h->rst, i + 2 > CANDIDATES && ip_is_v4(&h->addr.ip));
	}
	gate.far[0].other_cert = false;
	phone_is_let_in(first, phone);
}

static void strangers_of_many_addresses(void **state)
{
	(void)state;
	phone_stays("10.1.0.2", "10.1.0.", "10.1.0.");
}

static void strangers_of_one_network(void **state)
{
	(void)state;
	phone_stays("fd00:1::2", "fd00:1:0:2::", "fd00:1:0:3::");
}

/* Handshakes that are not over, from as many addresses as may wait, keep nobody out. */
static void strangers_who_say_no_more(void **state)
{
	struct host *first = held_by_a_stranger("10.1.0.2"), *h[CANDIDATES], *phone;
	char ip[ADDR_STR_MAX];
	int i;

	(void)state;
	for (i = 0; i < CANDIDATES; i++) {
		snprintf(ip, sizeof(ip), "10.1.0.%d", 20 + i);
		known(ip);
		far_at(ip);
		far_new(0);
		h[i] = hello_only();
	}
	gate.far[0].other_cert = false;
	phone = comes_from("10.1.0.", 5);
	assert_false(phone->rst);
	assert_true(h[0]->rst);
	assert_false(h[1]->rst);
	phone_is_let_in(first, phone);
}

/* A certificate that was right is judged by each new fingerprint. */
static void the_fingerprint_changes(void **state)
{
	static const uint16_t roles[] = { 0, TERM_CONNECT };

	(void)state;
	for (size_t r = 0; r < RTE_DIM(roles); r++) {
		gate_up(TERM_TLS, roles[r], TERM_TCP, 0);
		gate_fingerprint(0, FP_SHA512, true); /* another of the same */
		gate_set();
		gate_passes();
		gate_term(0)->n_fingerprint = 0; /* nothing is said: it stays */
		gate_set();
		gate_passes();
		gate_fingerprint(0, FP_SHA256, false);
		far_say(0, "stolen", 6);
		gate.far[1].n = 0;
		gate_set();
		gate_pass_ms(200);
		gate_ended(0, TCP_END_TLS_FINGERPRINT);
		gate_ended(1, TCP_END_PARTNER);
		assert_int_equal(gate.far[0].tls.alert, SSL_AD_BAD_CERTIFICATE);
		assert_int_equal(gate.far[1].n, 0);
		gate_again();
	}
}

/* ---- without TLS: by the address, which may be told later ---- */

static void untold(void)
{
	gate_want(0, TERM_TCP, TERM_LATCH);
	gate_want(1, TERM_TCP, 0);
	gate_set();
}

static void the_remote_is_told_later(void **state)
{
	struct host *stranger;

	(void)state;
	untold();
	far_at("10.1.0.3");
	far_again(0);
	gate_event(0, TERM_UP);
	stranger = leave();
	far_at("10.1.0.2");
	far_again(0);
	gate_no_event();
	assert_true(gate.far[0].host->open && !gate.far[0].host->rst);
	far_say(0, "early", 5);
	gate_term(0)->flags |= TERM_LATCH_ADDR;
	gate_set();
	assert_true(stranger->rst);
	assert_int_equal(gate_event(0, TERM_REFUSED)->why, TCP_END_STRANGER);
	gate_event(0, TERM_UP);
	far_connect(1);
	gate_event(1, TERM_UP);
	far_heard(1, "early", 5);
	gate_passes();
}

/* Whoever waits beside the one that is there and goes takes nothing from it, nor from its news. */
static void one_beside_goes(void **state)
{
	(void)state;
	untold();
	far_again(0);
	gate_event(0, TERM_UP);
	for (int i = 0; i < 2; i++) {
		struct host *phone = leave(), *h;

		far_at("10.1.0.3");
		far_again(0);
		h = leave();
		host_rst(h);
		gate_pass_ms(200);
		assert_memory_equal(&gate_event(0, TERM_REFUSED)->remote, &h->addr,
				    sizeof(h->addr));
		/* Who hears of that hears who is there. */
		assert_memory_equal(&gate_event(0, TERM_UP)->remote, &phone->addr,
				    sizeof(phone->addr));
		gate_no_event();
		gate.far[0].host = phone;
	}
	far_connect(1);
	gate_event(1, TERM_UP);
	host_rst(gate.far[1].host);
	gate_run();
	gate_ended(1, TCP_END_RESET);
	gate_ended(0, TCP_END_PARTNER);
}

/* A port scan: it connects, and goes, with FIN or RST. */
static void a_port_scan(void **state)
{
	struct host *h;

	(void)state;
	untold();
	far_at("10.1.0.3");
	for (int i = 0; i < 4; i++) {
		far_again(0);
		gate_event(0, TERM_UP);
		h = leave();
		if (i % 2)
			host_rst(h);
		else
			host_fin(h);
		gate_pass_ms(200);
		gate_event(0, TERM_REFUSED);
		gate_no_event();
		h->fin = true;
	}
	far_at("10.1.0.2");
	far_again(0);
	gate_event(0, TERM_UP);
	far_connect(1);
	gate_event(1, TERM_UP);
	gate_passes();
	/* From now on it is the termination's, and ends as such. */
	far_close(0);
	gate_ended(0, TCP_END_DONE);
	gate_ended(1, TCP_END_RELEASED);
}

/* Nobody comes whom policy denies (R77). */
static void denied_sources_find_nobody(void **state)
{
	(void)state;
	world.conf.peers.deny[0] = (struct ip_prefix){ at("10.1.0.3", 0).ip, 128 };
	world.conf.peers.n_deny = 1;
	untold();
	far_at("10.1.0.3");
	far_again(0);
	assert_true(gate.far[0].host->rst);
	gate_no_event();
	far_at("10.1.0.2");
	far_again(0);
	gate_event(0, TERM_UP);
}

/* ---- attempts ---- */

/* RFC 4145 a=connection:new, where we connect to a remote that listens where it did. */
static void begun_again_between_the_same_ports(void **state)
{
	static const enum ctl_transport t[] = { TERM_TCP, TERM_TLS };

	(void)state;
	for (size_t k = 0; k < RTE_DIM(t); k++) {
		struct sock_addr remote;
		struct host *old;

		gate_up(t[k], TERM_CONNECT, TERM_TCP, 0);
		gate_passes();
		remote = gate_term(0)->remote[0];
		old = leave();
		old->addr.port = be16_make(9); /* from here on the new one is there */
		gate_want(0, t[k], TERM_CONNECT);
		gate_term(0)->remote[0] = remote;
		gate.far[0].host->addr = remote;
		gate_set();
		assert_int_equal(gate_event(0, TERM_UP)->attempt, 2);
		assert_int_equal(gate.far[0].host->syns, 1);
		gate_passes();
		old->rst = true; /* it was at the other's place */
		gate_again();
	}
}

/* A connection that has said nothing yet follows the termination it came to. */
static void moved_before_the_handshake(void **state)
{
	struct cmd_context_move c = {
		.cid = gate.want.cid, .to = { 2, 9 }, .side = 0, .to_side = 1
	};
	struct cmd_context_set other;

	(void)state;
	gate_want(0, TERM_TLS, 0);
	gate_want(1, TERM_TCP, 0);
	gate_set();
	gate.far[0].mute = true;
	far_connect(0);
	other = gate.want;
	other.cid = c.to;
	other.term[0] = other.term[1];
	other.term[0].local.port = be16_make(LOCAL_PORT + 4);
	other.term[1].transport = TERM_NONE;
	assert_true(world_cmd(0, CMD_CONTEXT_SET, &other, sizeof(other)));
	assert_true(world_cmd(0, CMD_CONTEXT_MOVE, &c, sizeof(c)));
	gate_term(0)->transport = TERM_NONE;
	gate_set();
	assert_false(gate.far[0].host->rst);
	gate.far[0].mute = false;
	gate_run();
	assert_memory_equal(&gate_event(1, TERM_UP)->cid, &c.to, sizeof(c.to));
	gate_del();
	gate.want.cid = c.to;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		gate_test(a_scanner),
		gate_test(several_handshakes),
		gate_test(who_shows_the_right_certificate),
		gate_test(who_holds_it_goes),
		gate_test(as_many_as_may_wait),
		gate_test(strangers_of_many_addresses),
		gate_test(strangers_of_one_network),
		gate_test(strangers_who_say_no_more),
		gate_test(the_fingerprint_changes),
		gate_test(the_remote_is_told_later),
		gate_test(one_beside_goes),
		gate_test(a_port_scan),
		gate_test(denied_sources_find_nobody),
		gate_test(begun_again_between_the_same_ports),
		gate_test(moved_before_the_handshake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
