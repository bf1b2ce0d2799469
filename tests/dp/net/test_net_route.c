/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which port a packet leaves by, and which it may come by. Each port's subnets and gateways are the
 * network of its addresses: two default gateways stand side by side, and a source's own port comes
 * first. An address is served on its own port, and on another only for sources that are reached by
 * that one (RFC 1122 3.3.4.2, RFC 3704 2.2). A port without a link is passed over where another
 * port names the destination, and used again when it has its link back. All addresses that may be
 * configured are known, and no other is.
 */
#include "tests/world/unit.h"
#include "tests/world/control.h"

#include "dp/net/ip.h"
#include "dp/net/net.h"
#include "lib/chandata.h"

#include <stdlib.h>

enum { CHANNEL = 0x4001, FAR_PORT = 4000 };

static const char *const gateway[2][WORLD_PORTS] = { { "10.1.0.254", "10.2.0.254" },
						     { "fd00:1::fe", "fd00:2::fe" } };
static const char *const far[2] = { "198.51.100.7", "2001:db8::7" };
static const char *const near[2][WORLD_PORTS] = { { "10.1.0.3", "10.2.0.3" },
						  { "fd00:1::2", "fd00:2::2" } };
static const char *const own[2][WORLD_PORTS] = { { "10.1.0.1", "10.2.0.1" },
						 { "fd00:1::1", "fd00:2::1" } };

static void gateway_add(uint16_t port, int v6, const char *to)
{
	struct config_port *c = &world.conf.port[port];
	struct config_route *r = &c->route[c->n_route++];

	assert_true(ip_prefix_parse(to, &r->to));
	r->via = at(gateway[v6][port], 0).ip;
}

/* start(), with what world.conf has. */
static void start_as_is(bool on_access, bool on_core)
{
	const bool on[WORLD_PORTS] = { on_access, on_core };
	struct rte_ether_addr mac;
	uint16_t port;
	int v6;

	memcpy(mac.addr_bytes, world_mac, 6);
	for (port = 0; port < WORLD_PORTS; port++)
		for (v6 = 0; on[port] && v6 < 2; v6++)
			gateway_add(port, v6, v6 ? "::/0" : "0.0.0.0/0");
	world_start();
	for (port = 0; port < WORLD_PORTS; port++)
		for (v6 = 0; on[port] && v6 < 2; v6++) {
			struct ip_addr via = at(gateway[v6][port], 0).ip;

			neigh_learn(world.w, port, &via, &mac, true, true);
		}
}

/* Default gateways of both families on those ports; each is a neighbour that answered. */
static void start(bool on_access, bool on_core)
{
	world_config();
	start_as_is(on_access, on_core);
}

static struct sock_addr relayed_of(int v6)
{
	return at(own[v6][CORE], (uint16_t)(RELAY_PORT + v6));
}

static struct sock_addr client_of(int v6)
{
	return at(v6 ? "fd00:1::2" : "10.1.0.2", 5000);
}

/* A client and a peer of the same family; the peer at ip. */
static void session_with(int v6, const char *ip)
{
	struct sock_addr client = client_of(v6), peer = at(ip, FAR_PORT);
	uint16_t port = (uint16_t)(RELAY_PORT + v6);

	assert_true(session_add(0, (uint32_t)v6, 1, &client, (uint16_t)v6, port, port, 0));
	assert_true(chan_add(0, (uint32_t)v6, &peer, CHANNEL, WORLD_START_S + 300));
	world_mark();
}

/* What the client sends its peer leaves by this port. */
static void to_peer_by(int v6, const char *ip, uint16_t port)
{
	struct sock_addr client = client_of(v6), peer = at(ip, FAR_PORT);
	struct sock_addr relayed = relayed_of(v6);
	uint8_t msg[32];
	struct udp_view v;
	struct frame f;

	frame_udp(&f, ACCESS, &client, &world.conf.listener[v6].addr, msg,
		  chandata(msg, CHANNEL, "hello", 5), NULL);
	world_feed(ACCESS, &f);
	expect_udp_is(port, &relayed, &peer, "hello", 5, &v);
	world_no_out();
}

/* A datagram of the peer's that comes by this port reaches the client, or is dropped for that. */
static void from_peer_by(int v6, const char *ip, uint16_t port, enum drop why)
{
	struct sock_addr client = client_of(v6), peer = at(ip, FAR_PORT);
	struct sock_addr relayed = relayed_of(v6);
	uint8_t msg[32];
	struct udp_view v;
	struct frame f;

	world_mark();
	frame_udp(&f, port, &peer, &relayed, "hello", 5, NULL);
	world_feed(port, &f);
	if (why == DROP_NONE)
		expect_udp_is(ACCESS, &world.conf.listener[v6].addr, &client, msg,
			      chandata(msg, CHANNEL, "hello", 5), &v);
	world_drops(why, why != DROP_NONE);
	world_no_out();
}

/* Whom a port knows no way to is reached by the one that does. */
static void one_default(void **state)
{
	int v6;

	(void)state;
	start(true, false);
	for (v6 = 0; v6 < 2; v6++) {
		session_with(v6, far[v6]);
		to_peer_by(v6, far[v6], ACCESS);
		from_peer_by(v6, far[v6], ACCESS, DROP_NONE);
	}
	world_stop();
}

/* Media of a relayed address on core leaves by core's gateway, answers to clients by access'. */
static void two_defaults(void **state)
{
	int v6;

	(void)state;
	start(true, true);
	for (v6 = 0; v6 < 2; v6++) {
		session_with(v6, far[v6]);
		to_peer_by(v6, far[v6], CORE);
		to_peer_by(v6, far[v6], CORE); /* and by the short way */
		from_peer_by(v6, far[v6], CORE, DROP_NONE);
		/* As whoever is on the access link may say that he is. */
		from_peer_by(v6, far[v6], ACCESS, DROP_IP_PORT);
	}
	world_stop();
}

/* Both networks behind the core's gateways are named by gateways of the access port as well. */
static void start_named_by_access(void)
{
	world_config();
	gateway_add(ACCESS, 0, "198.51.100.0/24");
	gateway_add(ACCESS, 1, "2001:db8::/32");
	start_as_is(true, true);
}

/* A longer prefix of access' is not core's way: its source would leave by a network not its own. */
static void longer_by_another_port(void **state)
{
	int v6;

	(void)state;
	start_named_by_access();
	for (v6 = 0; v6 < 2; v6++) {
		session_with(v6, far[v6]);
		to_peer_by(v6, far[v6], CORE);
		to_peer_by(v6, far[v6], CORE); /* and by the short way */
		from_peer_by(v6, far[v6], CORE, DROP_NONE);
		from_peer_by(v6, far[v6], ACCESS, DROP_IP_PORT);
	}
	world_stop();
}

static void core_link(enum port_link link)
{
	atomic_store(&world.dp.port[CORE].link, (uint8_t)link);
	world_pass_ms(1200); /* a round of the neighbours */
	world_forget();
}

static void core_gateways_answer(void)
{
	struct rte_ether_addr mac;
	int v6;

	memcpy(mac.addr_bytes, world_mac, 6);
	for (v6 = 0; v6 < 2; v6++) {
		struct ip_addr via = at(gateway[v6][CORE], 0).ip;

		neigh_learn(world.w, CORE, &via, &mac, true, true);
	}
}

/* Access names the peers' network: it is the way while core has no link. */
static void link_down(void **state)
{
	int v6;

	(void)state;
	start_named_by_access();
	for (v6 = 0; v6 < 2; v6++) {
		session_with(v6, far[v6]);
		to_peer_by(v6, far[v6], CORE);
	}
	core_link(LINK_DOWN);
	for (v6 = 0; v6 < 2; v6++) {
		to_peer_by(v6, far[v6], ACCESS);
		to_peer_by(v6, far[v6], ACCESS); /* and by the short way */
		from_peer_by(v6, far[v6], ACCESS, DROP_NONE);
	}
	core_link(LINK_UNKNOWN);
	core_gateways_answer();
	for (v6 = 0; v6 < 2; v6++) {
		to_peer_by(v6, far[v6], CORE);
		from_peer_by(v6, far[v6], ACCESS, DROP_IP_PORT);
	}
	world_stop();
}

/* A default gateway of access is no way for core's packets, with or without core's link. */
static void link_down_default(void **state)
{
	struct ip_addr via, src = at(own[0][CORE], 0).ip, dst = at(far[0], 0).ip;
	uint16_t port;

	(void)state;
	start(true, true);
	core_link(LINK_DOWN);
	assert_true(ip_route(&world.dp, NULL, &src, &dst, &port, &via));
	assert_int_equal(port, CORE);
	/* What comes from no address of ours has the port that has its link. */
	assert_true(ip_route(&world.dp, NULL, NULL, &dst, &port, &via));
	assert_int_equal(port, ACCESS);
	atomic_store(&world.dp.port[ACCESS].link, LINK_DOWN);
	assert_true(ip_route(&world.dp, NULL, NULL, &dst, &port, &via));
	world_stop();
}

/* A gateway may be named by its link-local address. */
static void link_local_gateway(void **state)
{
	struct ip_addr via = at("fe80::fe", 0).ip;
	struct rte_ether_addr mac;

	(void)state;
	world_config();
	gateway_add(CORE, 1, "::/0");
	world.conf.port[CORE].route[0].via = via;
	world_start();
	memcpy(mac.addr_bytes, world_mac, 6);
	neigh_learn(world.w, CORE, &via, &mac, true, true);
	session_with(1, far[1]);
	to_peer_by(1, far[1], CORE);
	to_peer_by(1, far[1], CORE); /* and by the short way */
	from_peer_by(1, far[1], CORE, DROP_NONE);
	world_stop();
}

/* A client sends its peer a message; the address that it leaves for, or NULL if it does not. */
static const uint8_t *leaves_for(void)
{
	struct sock_addr client = client_of(0);
	static struct frame out;
	const struct frame *f;
	uint8_t msg[32];
	struct frame in;
	bool left = false;

	world_forget();
	frame_udp(&in, ACCESS, &client, &world.conf.listener[0].addr, msg,
		  chandata(msg, CHANNEL, "hello", 5), NULL);
	world_feed(ACCESS, &in);
	while ((f = world_out(CORE)) != NULL)
		if (f->b[12] == 8 && f->b[13] == 0) { /* IPv4, no question for a neighbour */
			out = *f;
			left = true;
		}
	return left ? out.b : NULL;
}

/*
 * Two gateways: the first is taken. When it does not answer any more packets leave by the second,
 * those of a session that has cached the first, too; and by the first again once it answers.
 */
static void gateway_fails(void **state)
{
	const struct rte_ether_addr mac[2] = { { { 2, 0, 0, 0, 9, 1 } }, { { 2, 0, 0, 0, 9, 2 } } };
	const struct ip_addr via[2] = { at(gateway[0][CORE], 0).ip, at("10.2.0.253", 0).ip };
	struct neigh_table *t;
	int i;

	(void)state;
	world_config();
	gateway_add(CORE, 0, "0.0.0.0/0");
	gateway_add(CORE, 0, "0.0.0.0/0");
	world.conf.port[CORE].route[1].via = via[1];
	world_start();
	t = world.w->net->neigh;
	for (i = 0; i < 2; i++)
		neigh_learn(world.w, CORE, &via[i], &mac[i], true, true);
	session_with(0, far[0]);
	assert_memory_equal(leaves_for(), &mac[0], 6);
	/* It is asked when it is stale and used, and does not answer. */
	for (i = 0; i < 100 && !neigh_has_failed(t, CORE, &via[0]); i++) {
		leaves_for();
		world_pass_ms(NEIGH_RETRY_MS);
		neigh_learn(world.w, CORE, &via[1], &mac[1], true, true);
	}
	assert_true(neigh_has_failed(t, CORE, &via[0]));
	assert_memory_equal(leaves_for(), &mac[1], 6);
	for (i = 0; i < 10; i++) { /* asked again and again, and nothing goes there meanwhile */
		world_pass_ms(NEIGH_RETRY_MS);
		neigh_learn(world.w, CORE, &via[1], &mac[1], true, true);
		assert_memory_equal(leaves_for(), &mac[1], 6);
	}
	neigh_learn(world.w, CORE, &via[0], &mac[0], true, true);
	world_pass_ms(2 * NEIGH_RETRY_MS); /* a round of the neighbours */
	assert_memory_equal(leaves_for(), &mac[0], 6);
	world_forget();
	world_stop();
}

/* What is made here takes the way of the address it comes from. */
static void answers_go_back(void **state)
{
	uint16_t port;
	int v6;

	(void)state;
	start(true, true);
	for (port = 0; port < WORLD_PORTS; port++)
		for (v6 = 0; v6 < 2; v6++) {
			struct sock_addr to = at(own[v6][port], 9), from = at(far[v6], 5000);
			uint8_t icmp[8] = { v6 ? 128 : 8 };
			struct frame f;

			frame_ip(&f, port, &from.ip, &to.ip, v6 ? 58 : 1, icmp, sizeof(icmp), NULL);
			frame_icmp_csum(&f);
			world_feed(port, &f);
			assert_non_null(world_out(port)); /* an echo */
			frame_udp(&f, port, &from, &to, "x", 1, NULL);
			world_feed(port, &f);
			assert_non_null(world_out(port)); /* port unreachable */
			world_no_out();
		}
	world_stop();
}

/* Neighbours of one port speak to another's addresses by their own port and for themselves. */
static void by_another_port(void **state)
{
	int v6;

	(void)state;
	start(false, false);
	for (v6 = 0; v6 < 2; v6++) {
		session_with(v6, near[v6][CORE]);
		from_peer_by(v6, near[v6][CORE], CORE, DROP_NONE);
		from_peer_by(v6, near[v6][CORE], ACCESS, DROP_IP_PORT);
		from_peer_by(v6, near[v6][CORE], CORE, DROP_NONE);
	}
	world_stop();
	start(false, false);
	session_with(0, near[0][ACCESS]);
	to_peer_by(0, near[0][ACCESS], ACCESS);
	from_peer_by(0, near[0][ACCESS], ACCESS, DROP_NONE);
	/* The network behind core is not where that neighbour is. */
	from_peer_by(0, near[0][ACCESS], CORE, DROP_NONE);
	world_stop();
}

/* Of link-local addresses each is known on its own link only (RFC 4007 9). */
static void link_local(void **state)
{
	struct ip_addr from = at("fe80::9", 0).ip;
	uint8_t icmp[8] = { 128 };
	uint16_t port, of;
	struct frame f;

	(void)state;
	start(true, true);
	for (of = 0; of < WORLD_PORTS; of++)
		for (port = 0; port < WORLD_PORTS; port++) {
			world_mark();
			frame_ip(&f, port, &from, &world.dp.port[of].link_local, 58, icmp,
				 sizeof(icmp), NULL);
			frame_icmp_csum(&f);
			world_feed(port, &f);
			world_drops(port == of ? DROP_NONE : DROP_IP_PORT, port != of);
			world_forget();
		}
	world_clock_ms((WORLD_START_S + 60) * UINT64_C(1000));
	world_stop();
}

/* As many addresses as may be configured, each port's link-local one besides. */
static void all_addresses(void **state)
{
	struct dplane *dp = calloc(1, sizeof(*dp));
	struct config *c = calloc(1, sizeof(*c));
	uint32_t port, i;
	char err[256];

	(void)state;
	assert_non_null(dp);
	assert_non_null(c);
	c->dataplane.n_workers = 1;
	c->n_port = CTL_PORTS_MAX;
	for (port = 0; port < CTL_PORTS_MAX; port++)
		for (i = 0; i < CONFIG_ADDRS_MAX; i++) {
			uint32_t ip = 10u << 24 | port << 16 | i << 8 | 1;

			c->port[port].addr[i] =
			    (struct ip_prefix){ ip_from_v4(be32_make(ip)), 96 + 24 };
			c->port[port].n_addr++;
		}
	assert_true(dplane_init(dp, c, err, sizeof(err)));
	for (port = 0; port < CTL_PORTS_MAX; port++) {
		dp->port[port] = (struct port){ .idx = (uint16_t)port,
						.conf = &c->port[port],
						.mac = { { 2, [5] = (uint8_t)port } } };
		dplane_add_link_local(dp, &dp->port[port]);
	}
	assert_int_equal(dp->n_local, CTL_PORTS_MAX * (CONFIG_ADDRS_MAX + 1));
	for (port = 0; port < CTL_PORTS_MAX; port++) {
		const struct local_addr *l = dplane_local(dp, &dp->port[port].link_local);

		assert_non_null(l);
		assert_int_equal(l->port, port);
		for (i = 0; i < CONFIG_ADDRS_MAX; i++) {
			struct ip_addr a = c->port[port].addr[i].ip, other = a;
			uint32_t word;

			l = dplane_local(dp, &a);
			assert_non_null(l);
			assert_true(ip_eq(&l->ip, &a));
			assert_int_equal(l->port, port);
			memcpy(&word, a.b + 12, sizeof(word));
			assert_ptr_equal(dplane_local_v4(dp, word), l);
			/* A look-up of what is not ours ends. */
			other.b[15] = 2;
			memcpy(&word, other.b + 12, sizeof(word));
			assert_null(dplane_local(dp, &other));
			assert_null(dplane_local_v4(dp, word));
		}
	}
	free(c);
	free(dp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_default),
		cmocka_unit_test(two_defaults),
		cmocka_unit_test(longer_by_another_port),
		cmocka_unit_test(link_down),
		cmocka_unit_test(link_down_default),
		cmocka_unit_test(link_local_gateway),
		cmocka_unit_test(gateway_fails),
		cmocka_unit_test(answers_go_back),
		cmocka_unit_test(by_another_port),
		cmocka_unit_test(link_local),
		cmocka_unit_test(all_addresses),
	};

	world_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
