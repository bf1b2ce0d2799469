/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Questions of ours to other hosts. Pins: the port, source and bytes of an echo request (RFC 792,
 * RFC 4443 4.1), cut or refused beyond the MTU; that only the reply of who was asked, with the
 * identifier, number and payload that he was sent, ends it; replies and errors that come to another
 * worker; errors that quote it; ARP and neighbour solicitations and who answers them; who does not
 * answer; what cannot be sent; no room for events; all in use.
 */
#include "tests/world/dp_fixture.h"

#include "dp/net/ping.h"

#include <netinet/in.h>

enum { SEQ = 77, ECHO_MAX = 2000 };

static int setup(void **state)
{
	int rc = fx_setup(state);

	fx_clock_ms(5000);
	fx.w.now_us = 5000000;
	fx.dp.hash_key[1] = UINT64_C(0x123456789abcdef0);
	return rc;
}

static struct cmd_ping ask(enum ping_what what, const char *to, uint16_t size)
{
	return (struct cmd_ping){ .hdr = { CMD_PING, sizeof(struct cmd_ping), SEQ },
				  .to = fx_ip(to),
				  .timeout_ms = 1000,
				  .port = CTL_PING_ANY,
				  .size = size,
				  .what = (uint8_t)what };
}

static void begin(enum ping_what what, const char *to, uint16_t size)
{
	const struct cmd_ping c = ask(what, to, size);

	assert_true(ping_begin(&fx.w, &c));
}

/* What was told, which is the n-th event. */
static const struct evt_ping *told(uint32_t n, enum ping_result result)
{
	assert_int_equal(fx.n_evt, n);
	assert_int_equal(fx.evt.hdr.type, EVT_PING);
	assert_int_equal(fx.evt.hdr.len, sizeof(struct evt_ping));
	assert_int_equal(fx.evt.hdr.seq, SEQ);
	assert_int_equal(fx.evt.ping.result, result);
	return &fx.evt.ping;
}

/* The ICMP message of the i-th frame, which is one packet from us to `to`; its length in *len. */
static const uint8_t *echo_sent(uint32_t i, const char *from, const char *to, uint16_t *len)
{
	struct pkt p = fx_pkt(fx.sent[i], fx.sent_port[i]);
	struct ip_addr f = fx_ip(from), t = fx_ip(to);

	assert_true(ip_eq(&p.src, &f));
	assert_true(ip_eq(&p.dst, &t));
	assert_int_equal(p.ttl, IP_TTL_OWN);
	assert_true(pkt_l4_csum_ok(&fx.w, &p));
	*len = p.l4_len;
	return fx_sent(i) + p.l2_len + p.l3_len;
}

/* The reply to the i-th frame; with `at` of its message changed, unless that is 0. */
static void reply(uint32_t i, uint16_t port, const char *from, const char *to, uint16_t at)
{
	uint8_t b[ECHO_MAX];
	uint16_t len = 0;
	const uint8_t *request = echo_sent(i, to, from, &len);

	assert_true(len <= sizeof(b));
	memcpy(b, request, len);
	b[0] = strchr(from, ':') ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
	b[at] ^= at ? 1 : 0;
	fx_icmp(port, from, to, 61, b, len);
}

static void test_echo(void **state)
{
	const struct evt_ping *e;
	const uint8_t *b;
	struct ip_addr a;
	uint16_t len;

	(void)state;
	fx_neighbour(FX_CORE, "10.2.0.7", 7);
	begin(PING_ECHO, "10.2.0.7", 56);
	assert_int_equal(fx.n_sent, 1);
	assert_int_equal(fx.sent_port[0], FX_CORE);
	b = echo_sent(0, "10.2.0.1", "10.2.0.7", &len);
	assert_int_equal(len, 64);
	assert_int_equal(b[0], ICMP4_ECHO);
	assert_int_equal(be16_read(b + 4), (0xdef0 << 6 & 0xffff));
	assert_int_equal(be16_read(b + 6), 1);
	assert_int_equal(fx.n_evt, 0);
	fx.w.now_us += 1234;
	reply(0, FX_CORE, "10.2.0.7", "10.2.0.1", 0);
	e = told(1, PING_REPLY);
	assert_int_equal(e->rtt_us, 1234);
	assert_int_equal(e->ttl, 61);
	assert_int_equal(e->port, FX_CORE);
	a = fx_ip("10.2.0.7");
	assert_true(ip_eq(&e->from, &a) && ip_eq(&e->via, &a));
	a = fx_ip("10.2.0.1");
	assert_true(ip_eq(&e->source, &a));
	reply(0, FX_CORE, "10.2.0.7", "10.2.0.1", 0); /* once */
	assert_int_equal(fx.n_evt, 1);
	assert_int_equal(fx_dropped(DROP_ICMP_TYPE), 1);
	fx_neighbour(FX_ACCESS, "fd00:1::fe", 8);
	begin(PING_ECHO, "2001:db8::7", 3); /* by a gateway; less than a token */
	b = echo_sent(1, "fd00:1::1", "2001:db8::7", &len);
	assert_int_equal(b[0], ICMP6_ECHO);
	assert_int_equal(be16_read(b + 6), 2);
	reply(1, FX_ACCESS, "2001:db8::7", "fd00:1::1", 0);
	e = told(2, PING_REPLY);
	a = fx_ip("fd00:1::fe");
	assert_true(ip_eq(&e->via, &a));
}

/* Another's, altered, from or to elsewhere, longer: none of these is the reply. */
static void test_forged(void **state)
{
	static const uint16_t at[] = { 4, 6, 7, 8, 15 };
	uint8_t b[128] = { 0 };
	uint16_t len;

	(void)state;
	fx_neighbour(FX_CORE, "10.2.0.7", 7);
	begin(PING_ECHO, "10.2.0.7", 56);
	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++)
		reply(0, FX_CORE, "10.2.0.7", "10.2.0.1", at[i]);
	memcpy(b, echo_sent(0, "10.2.0.1", "10.2.0.7", &len), 64);
	b[0] = ICMP4_ECHO_REPLY;
	fx_icmp(FX_CORE, "10.2.0.8", "10.2.0.1", 64, b, 64);
	fx_icmp(FX_ACCESS, "10.2.0.7", "10.1.0.1", 64, b, 64);
	fx_icmp(FX_CORE, "10.2.0.7", "10.2.0.1", 64, b, 65);
	fx_icmp(FX_CORE, "10.2.0.7", "10.2.0.1", 64, b, 63);
	fx_icmp(FX_CORE, "10.2.0.7", "10.2.0.1", 64, b, 8);
	b[1] = 1; /* a code */
	fx_icmp(FX_CORE, "10.2.0.7", "10.2.0.1", 64, b, 64);
	assert_int_equal(fx.n_evt, 0);
	assert_int_equal(fx_dropped(DROP_ICMP_TYPE), 11);
	reply(0, FX_CORE, "10.2.0.7", "10.2.0.1", 0);
	told(1, PING_REPLY);
}

/* To the worker that its identifier names, if there is one. */
static void test_handed(void **state)
{
	uint8_t b[64] = { 0 };
	uint16_t len;

	(void)state;
	fx_neighbour(FX_CORE, "10.2.0.7", 7);
	begin(PING_ECHO, "10.2.0.7", 56);
	memcpy(b, echo_sent(0, "10.2.0.1", "10.2.0.7", &len), 64);
	b[0] = ICMP4_ECHO_REPLY;
	b[5] |= 1;
	fx_icmp(FX_CORE, "10.2.0.7", "10.2.0.1", 64, b, 64);
	assert_int_equal(fx.n_handed, 1);
	assert_int_equal(fx.handed_to, 1);
	b[5] |= 2; /* no such worker */
	fx_icmp(FX_CORE, "10.2.0.7", "10.2.0.1", 64, b, 64);
	assert_int_equal(fx.n_handed, 1);
	assert_int_equal(fx.n_evt, 0);
}

static void test_sizes(void **state)
{
	struct cmd_ping c = ask(PING_ECHO, "10.1.0.7", 1472);
	uint16_t len;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	fx_neighbour(FX_CORE, "fd00:2::7", 7);
	c.whole = 1;
	assert_true(ping_begin(&fx.w, &c));
	assert_int_equal(fx.n_sent, 1);
	echo_sent(0, "10.1.0.1", "10.1.0.7", &len);
	assert_int_equal(len, 1480);
	assert_int_equal(fx_sent(0)[14 + 6], 0x40); /* DF */
	reply(0, FX_ACCESS, "10.1.0.7", "10.1.0.1", 0);
	told(1, PING_REPLY);
	c.size = 1473;
	assert_true(ping_begin(&fx.w, &c));
	assert_int_equal(told(2, PING_TOO_BIG)->mtu, 1500);
	c.whole = 0;
	assert_true(ping_begin(&fx.w, &c));
	assert_int_equal(fx.n_sent, 3); /* in two pieces */
	begin(PING_ECHO, "fd00:2::7", CTL_PING_SIZE);
	assert_int_equal(fx_counted(CNT_FRAG_OUT), 2 + 8);
	assert_int_equal(fx.n_evt, 2);
	c.size = CTL_PING_SIZE + 1;
	assert_false(ping_begin(&fx.w, &c));
	c = ask(PING_ECHO, "10.1.0.7", 0);
	assert_true(ping_begin(&fx.w, &c));
	reply(fx.n_sent - 1, FX_ACCESS, "10.1.0.7", "10.1.0.1", 0);
	told(3, PING_REPLY);
}

/* Port and source, given and taken. */
static void test_ways(void **state)
{
	struct cmd_ping c = ask(PING_ECHO, "10.1.0.7", 8);
	uint16_t len;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	fx_neighbour(FX_ACCESS, "10.1.0.254", 8);
	c.from = fx_ip("10.2.0.1"); /* of the other port */
	assert_true(ping_begin(&fx.w, &c));
	echo_sent(0, "10.2.0.1", "10.1.0.7", &len);
	c = ask(PING_ECHO, "10.2.0.7", 8);
	c.port = FX_ACCESS; /* by the gateway there, though it is on another port's link */
	assert_true(ping_begin(&fx.w, &c));
	assert_int_equal(fx.sent_port[1], FX_ACCESS);
	echo_sent(1, "10.1.0.1", "10.2.0.7", &len);
	assert_int_equal(fx.n_evt, 0);
	c = ask(PING_ECHO, "192.0.2.1", 8);
	c.port = FX_CORE;
	assert_true(ping_begin(&fx.w, &c));
	told(1, PING_NO_ROUTE);
	c = ask(PING_ECHO, "224.0.0.1", 8);
	assert_true(ping_begin(&fx.w, &c));
	told(2, PING_NO_ROUTE);
	c = ask(PING_ECHO, "10.2.0.1", 8);
	assert_true(ping_begin(&fx.w, &c));
	told(3, PING_OWN);
	c = ask(PING_ECHO, "10.1.0.7", 8);
	c.from = fx_ip("10.1.0.8");
	assert_true(ping_begin(&fx.w, &c));
	told(4, PING_SOURCE);
	c.from = fx_ip("fd00:1::1");
	assert_true(ping_begin(&fx.w, &c));
	told(5, PING_SOURCE);
	fx.conf.port[FX_CORE].n_addr = 1; /* no IPv6 */
	c = ask(PING_ECHO, "2001:db8::1", 8);
	c.port = FX_CORE;
	assert_true(ping_begin(&fx.w, &c));
	told(6, PING_SOURCE);
	c = ask(PING_LINK, "192.0.2.1", 0);
	assert_true(ping_begin(&fx.w, &c));
	told(7, PING_OFF_LINK);
	c.port = 2;
	assert_false(ping_begin(&fx.w, &c));
	c = ask(0, "10.1.0.7", 0);
	assert_false(ping_begin(&fx.w, &c));
	c = ask(PING_ECHO, "10.1.0.7", 0);
	c.timeout_ms = CTL_PING_TIMEOUT_MS + 1;
	assert_false(ping_begin(&fx.w, &c));
	assert_int_equal(fx.n_evt, 7);
	assert_int_equal(fx.n_sent, 2);
}

/* An error that quotes the i-th frame, from a router. */
static void error(uint32_t i, const char *to, uint8_t type, uint8_t code, uint32_t data)
{
	const struct pkt p = fx_pkt(fx.sent[i], fx.sent_port[i]);
	const uint16_t len = (uint16_t)RTE_MIN(p.l3_len + p.l4_len, 64);
	uint8_t b[8 + 64] = { type, code };

	memcpy(b + 4, be32_make(data).b, 4);
	memcpy(b + 8, fx_sent(i) + p.l2_len, len);
	fx_icmp(fx.sent_port[i], p.v6 ? "fd00:1::fe" : "10.1.0.254", to, 64, b, 8u + len);
}

static void test_errors(void **state)
{
	const struct evt_ping *e;
	struct ip_addr router = fx_ip("10.1.0.254");

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.254", 7);
	fx_neighbour(FX_ACCESS, "fd00:1::fe", 7);
	begin(PING_ECHO, "192.0.2.7", 8);
	fx.w.now_us += 50;
	error(0, "10.1.0.1", 3, 1, 0);
	e = told(1, PING_ERROR);
	assert_int_equal(e->type, 3);
	assert_int_equal(e->code, 1);
	assert_int_equal(e->mtu, 0);
	assert_int_equal(e->rtt_us, 50);
	assert_true(ip_eq(&e->from, &router));
	error(0, "10.1.0.1", 3, 1, 0); /* about one that is over */
	assert_int_equal(fx_dropped(DROP_ICMP_NO_SESSION), 1);
	begin(PING_ECHO, "2001:db8::7", 1400);
	error(1, "fd00:1::1", 2, 0, 1280);
	e = told(2, PING_ERROR);
	assert_int_equal(e->mtu, 1280);
	begin(PING_ECHO, "192.0.2.7", 8);
	rte_pktmbuf_mtod(fx.sent[2], uint8_t *)[14 + 20] = 13; /* quoted: a timestamp request */
	error(2, "10.1.0.1", 3, 1, 0);
	assert_int_equal(fx_dropped(DROP_ICMP_BAD), 1);
	assert_int_equal(fx.n_evt, 2);
	assert_int_equal(fx.n_reports, 0); /* no session hears of it */
}

/* ARP from a MAC, for an address. */
static void arp(uint16_t op, const char *from, const char *to)
{
	struct ip_addr f = fx_ip(from), t = fx_ip(to);
	uint8_t b[28] = { 0, 1, 8, 0, 6, 4, 0, (uint8_t)op, 2, 0, 0, 0, 0, 9 };

	memcpy(b + 14, f.b + 12, 4);
	memcpy(b + 24, t.b + 12, 4);
	arp_input(&fx.w, fx_frame(FX_ACCESS, 0x0806, b, sizeof(b)), FX_ACCESS, 14, true);
}

static void test_arp(void **state)
{
	struct rte_ether_addr mac = fx_mac(9);
	const struct evt_ping *e;

	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7); /* asked all the same */
	begin(PING_LINK, "10.1.0.7", 0);
	assert_int_equal(fx.n_sent, 1);
	assert_int_equal(fx_sent(0)[0], 0xff);
	assert_int_equal(be16_read(fx_sent(0) + 12), 0x0806);
	arp(1, "10.1.0.7", "10.1.0.1"); /* a question */
	arp(2, "10.1.0.8", "10.1.0.1");
	arp(2, "10.1.0.7", "10.1.0.2");
	assert_int_equal(fx.n_evt, 0);
	fx.w.now_us += 7;
	arp(2, "10.1.0.7", "10.1.0.1");
	e = told(1, PING_REPLY);
	assert_int_equal(e->rtt_us, 7);
	assert_memory_equal(e->mac, mac.addr_bytes, 6);
	arp(2, "10.1.0.7", "10.1.0.1");
	assert_int_equal(fx.n_evt, 1);
}

static void test_nd(void **state)
{
	struct ip_addr target = fx_ip("fd00:1::7");
	uint8_t b[32] = { 136, [4] = 0x60, [24] = 2, 1, 2, 0, 0, 0, 0, 9 };
	struct rte_ether_addr mac = fx_mac(9);

	(void)state;
	memcpy(b + 8, target.b, 16);
	begin(PING_LINK, "fd00:1::7", 0);
	assert_int_equal(fx.n_sent, 1);
	assert_int_equal(fx_sent(0)[14 + 40], 135);
	b[4] = 0x20; /* not asked for */
	fx_icmp(FX_ACCESS, "fd00:1::7", "fd00:1::1", 255, b, sizeof(b));
	assert_int_equal(fx.n_evt, 0);
	b[4] = 0x60;
	fx_icmp(FX_ACCESS, "fd00:1::7", "fd00:1::1", 255, b, sizeof(b));
	assert_memory_equal(told(1, PING_REPLY)->mac, mac.addr_bytes, 6);
}

static void pass_us(uint32_t ms)
{
	fx.w.now_us += UINT64_C(1000) * ms;
	fx_pass(ms);
}

/* Who does not answer, and whether it is for want of a next hop. */
static void test_silence(void **state)
{
	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	begin(PING_ECHO, "10.1.0.7", 8);
	pass_us(900);
	assert_int_equal(fx.n_evt, 0);
	pass_us(200);
	assert_int_equal(told(1, PING_SILENT)->hop, NEIGH_REACHABLE);
	reply(0, FX_ACCESS, "10.1.0.7", "10.1.0.1", 0); /* too late */
	assert_int_equal(fx.n_evt, 1);
	begin(PING_ECHO, "10.1.0.8", 8);
	pass_us(1100);
	assert_int_equal(told(2, PING_SILENT)->hop, NEIGH_INCOMPLETE);
	begin(PING_LINK, "10.1.0.9", 0);
	pass_us(1100);
	told(3, PING_SILENT);
}

/* The answer waits for room; a refused one is not lost either, since commands wait for room. */
static void test_no_room(void **state)
{
	(void)state;
	fx_neighbour(FX_CORE, "10.2.0.7", 7);
	begin(PING_ECHO, "10.2.0.7", 56);
	fx.evt_full = true;
	fx.w.now_us += 10;
	reply(0, FX_CORE, "10.2.0.7", "10.2.0.1", 0);
	pass_us(3000);
	assert_int_equal(fx.n_evt, 0);
	fx.evt_full = false;
	pass_us(100);
	assert_int_equal(told(1, PING_REPLY)->rtt_us, 10);
	assert_int_equal(fx.w.net->pings.n, 0);
}

static void test_all_in_use(void **state)
{
	(void)state;
	fx_neighbour(FX_ACCESS, "10.1.0.7", 7);
	for (uint32_t i = 0; i < PINGS; i++)
		begin(PING_ECHO, "10.1.0.7", 8);
	begin(PING_ECHO, "10.1.0.7", 8);
	told(1, PING_FULL);
	assert_int_equal(fx.n_sent, PINGS);
	reply(5, FX_ACCESS, "10.1.0.7", "10.1.0.1", 0);
	told(2, PING_REPLY);
	begin(PING_ECHO, "10.1.0.7", 8);
	assert_int_equal(fx.n_sent, PINGS + 1);
	pass_us(1200);
	told(2 + PINGS, PING_SILENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_echo, setup, fx_teardown),
		cmocka_unit_test_setup_teardown(test_forged, setup, fx_teardown),
		cmocka_unit_test_setup_teardown(test_handed, setup, fx_teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, fx_teardown),
		cmocka_unit_test_setup_teardown(test_ways, setup, fx_teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, fx_teardown),
		cmocka_unit_test_setup_teardown(test_arp, setup, fx_teardown),
		cmocka_unit_test_setup_teardown(test_nd, setup, fx_teardown),
		cmocka_unit_test_setup_teardown(test_silence, setup, fx_teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, fx_teardown),
		cmocka_unit_test_setup_teardown(test_all_in_use, setup, fx_teardown),
	};

	return cmocka_run_group_tests(tests, fx_eal, NULL);
}
