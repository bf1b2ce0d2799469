/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which peers are allowed: special-purpose addresses are not unless the operator says so (R77,
 * RFC 8656 21.1.3), the relay's own addresses never are, another client's relayed address is when
 * configured, and an IPv4 address inside an IPv6 one is judged like itself.
 */
#include "cp_env.h"
#include "cp/policy.h"

struct row {
	const char *ip;
	uint16_t port;
	bool allowed;
};

static void check(const struct config *c, const struct row *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sock_addr a = addr(t[i].ip, t[i].port);
		const char *why = policy_peer(c, &a.ip, t[i].port);

		if ((why == NULL) != t[i].allowed)
			fail_msg("%s port %u: %s", t[i].ip, t[i].port, why ? why : "allowed");
	}
}

static void special_addresses(void **state)
{
	static const struct row t[] = {
		{ "8.8.8.8", 53, true },
		{ "2600::1", 53, true },
		{ "127.0.0.1", 53, false },
		{ "10.1.2.3", 53, false },
		{ "169.254.1.1", 53, false },
		{ "224.0.0.1", 53, false },
		{ "255.255.255.255", 53, false },
		{ "0.0.0.0", 53, false },
		{ "::1", 53, false },
		{ "fe80::1", 53, false },
		{ "fd00::1", 53, false },
		{ "ff02::1", 53, false },
		{ "64:ff9b::7f00:1", 53, false },   /* NAT64 of 127.0.0.1 */
		{ "2002:0a01:0203::1", 53, false }, /* 6to4 of 10.1.2.3 */
		{ "203.0.113.77", 53, true },	    /* allow list */
		{ "2001:db8::77", 53, true },
	};
	struct config c;

	(void)state;
	env_config(&c, "/nowhere");
	check(&c, t, sizeof(t) / sizeof(t[0]));
}

static void own_addresses(void **state)
{
	static const struct row on[] = {
		{ "192.0.2.1", POLICY_ANY_PORT, false },
		{ "192.0.2.11", POLICY_ANY_PORT, true },
		{ "192.0.2.11", 49152, true },
		{ "192.0.2.11", 49151, false },
		{ "2001:db8:ffff::1", 65535, true },
		{ "2001:db8:ffff::1", 22, false },
		{ "64:ff9b::c000:20b", POLICY_ANY_PORT, false }, /* NAT64 of 192.0.2.11 */
		{ "2002:c000:0201::", POLICY_ANY_PORT, false },	 /* 6to4 of 192.0.2.1 */
	};
	static const struct row off[] = {
		{ "192.0.2.11", POLICY_ANY_PORT, false },
		{ "192.0.2.11", 49152, false },
		{ "2001:db8:ffff::1", 65535, false },
	};
	struct config c;

	(void)state;
	env_config(&c, "/nowhere");
	/* Even what the allow list names: own addresses come before it. */
	assert_true(ip_prefix_parse("0.0.0.0/0", &c.peers.allow[c.peers.n_allow++]));
	assert_true(ip_prefix_parse("::/0", &c.peers.allow[c.peers.n_allow++]));
	check(&c, on, sizeof(on) / sizeof(on[0]));
	c.peers.relay_to_relay = false;
	check(&c, off, sizeof(off) / sizeof(off[0]));
}

static void listener_on_a_relay_address(void **state)
{
	static const struct row t[] = {
		{ "192.0.2.11", 49152, true }, { "192.0.2.11", 50000, false }, /* the listener */
	};
	struct config c;

	(void)state;
	env_config(&c, "/nowhere");
	c.listener[c.n_listener++].addr = addr("192.0.2.11", 50000);
	check(&c, t, sizeof(t) / sizeof(t[0]));
}

/* A relay that is a realm's only is no place for clients of TURN; two terminations may meet there.
 */
static void relays_of_realms_are_for_terminations(void **state)
{
	struct sock_addr a = addr("192.0.2.12", 50000);
	struct config c;

	(void)state;
	env_config(&c, "/nowhere");
	env_config_gateway(&c);
	c.relay[1].turn = false;
	assert_string_equal(policy_peer(&c, &a.ip, 50000), "own address");
	assert_null(policy_remote(&c, &a.ip, 50000));
	assert_string_equal(policy_remote(&c, &a.ip, 49151), "own address");
	c.relay[1].realm_index = CONFIG_REALMS_MAX;
	assert_string_equal(policy_remote(&c, &a.ip, 50000), "own address");
	c.relay[1].realm_index = 1;
	c.peers.relay_to_relay = false;
	assert_string_equal(policy_remote(&c, &a.ip, 50000), "own address");
}

static void deny_wins(void **state)
{
	static const struct row t[] = {
		{ "203.0.113.1", 1, false },
		{ "203.0.113.2", 1, true },
		{ "8.8.8.8", 1, false },
		{ "64:ff9b::808:808", 1, false }, /* the same by way of NAT64 */
		{ "192.0.2.11", 50000, false },
		{ "192.0.2.12", 50000, true },
	};
	struct config c;

	(void)state;
	env_config(&c, "/nowhere");
	assert_true(ip_prefix_parse("203.0.113.1", &c.peers.deny[c.peers.n_deny++]));
	assert_true(ip_prefix_parse("8.0.0.0/8", &c.peers.deny[c.peers.n_deny++]));
	assert_true(ip_prefix_parse("192.0.2.11", &c.peers.deny[c.peers.n_deny++]));
	check(&c, t, sizeof(t) / sizeof(t[0]));
}

static void allowing_ipv4_does_not_allow_it_inside_ipv6(void **state)
{
	static const struct row before[] = {
		{ "10.1.2.3", 1, true },
		{ "64:ff9b::a01:203", 1, false },
	};
	static const struct row after[] = {
		{ "64:ff9b::a01:203", 1, true },
		{ "64:ff9b::7f00:1", 1, false }, /* the inner address needs leave of its own */
	};
	struct config c;

	(void)state;
	env_config(&c, "/nowhere");
	assert_true(ip_prefix_parse("10.0.0.0/8", &c.peers.allow[c.peers.n_allow++]));
	check(&c, before, 2);
	assert_true(ip_prefix_parse("64:ff9b::/96", &c.peers.allow[c.peers.n_allow++]));
	check(&c, after, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(special_addresses),
		cmocka_unit_test(own_addresses),
		cmocka_unit_test(listener_on_a_relay_address),
		cmocka_unit_test(relays_of_realms_are_for_terminations),
		cmocka_unit_test(deny_wins),
		cmocka_unit_test(allowing_ipv4_does_not_allow_it_inside_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
