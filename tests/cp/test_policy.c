/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which peers are allowed: special-purpose addresses are not unless the operator says so (R77,
 * RFC 8656 21.1.3), the relay's own addresses never are, another client's relayed address is when
 * configured, an IPv4 address inside an IPv6 one is judged like itself, and of the lists' prefixes
 * the narrower wins. Clients of TURN and terminations of the gateway never meet.
 */
#include "tests/world/cp_env.h"
#include "cp/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct row {
	const char *ip;
	uint16_t port;
	bool allowed;
};

static void check(const struct config *c, const struct row *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sock_addr a = addr(t[i].ip, t[i].port);
		const char *why = policy_peer(c, NULL, 0, &a.ip, t[i].port);

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
	assert_string_equal(policy_peer(&c, NULL, 1, &a.ip, 50000), "own address");
	assert_null(policy_remote(&c, NULL, 1, &a.ip, 50000));
	assert_null(policy_remote(&c, NULL, 1, &a.ip, POLICY_ANY_PORT));
	assert_string_equal(policy_remote(&c, NULL, 1, &a.ip, 49151), "own address");
	/* And one that is TURN's only is no place for terminations. */
	c.relay[1].turn = true;
	c.relay[1].realm_index = CONFIG_REALMS_MAX;
	assert_null(policy_peer(&c, NULL, CONFIG_REALMS_MAX, &a.ip, 50000));
	assert_string_equal(policy_remote(&c, NULL, 1, &a.ip, 50000), "own address");
	assert_string_equal(policy_remote(&c, NULL, 1, &a.ip, POLICY_ANY_PORT), "own address");
	c.relay[1].realm_index = 1;
	c.peers.relay_to_relay = false;
	assert_string_equal(policy_remote(&c, NULL, 1, &a.ip, 50000), "own address");
}

/* As in the dataplane: nobody reaches a relayed address of another realm, or of none. */
static void relays_of_other_realms_are_not_reached(void **state)
{
	const struct sock_addr access = addr("192.0.2.11", 50000), core = addr("192.0.2.12", 50000);
	const struct sock_addr other = addr("203.0.113.1", 0);
	struct config c;

	(void)state;
	env_config(&c, "/nowhere");
	env_config_gateway(&c);
	for (int i = 0; i < 2; i++) {
		const uint16_t port = i ? 50000 : POLICY_ANY_PORT;

		assert_null(policy_peer(&c, NULL, 0, &access.ip, port));
		assert_null(policy_peer(&c, NULL, 1, &core.ip, port));
		assert_string_equal(policy_peer(&c, NULL, 0, &core.ip, port), "own address");
		assert_string_equal(policy_peer(&c, NULL, 1, &access.ip, port), "own address");
		assert_string_equal(policy_peer(&c, NULL, CONFIG_REALMS_MAX, &core.ip, port),
				    "own address");
		assert_null(policy_remote(&c, NULL, 1, &core.ip, port));
		assert_string_equal(policy_remote(&c, NULL, 0, &core.ip, port), "own address");
		assert_null(policy_remote(&c, NULL, POLICY_ANY_REALM, &core.ip, port));
	}
	/* What is no relay's is of no realm. */
	assert_null(policy_peer(&c, NULL, 1, &other.ip, POLICY_ANY_PORT));
}

/* Where both are at home, each port has one owner, and who asks meets his kind only. */
static void a_shared_relay_is_told_apart_by_port(void **state)
{
	struct ctl_relay turn, term;
	struct sock_addr a = addr("192.0.2.12", 0);
	char err[256], dir[] = "/tmp/fairlead-test-XXXXXX", file[64];
	struct ports *p;
	struct config c;
	struct rand r;

	(void)state;
	assert_non_null(mkdtemp(dir));
	env_config(&c, dir);
	env_config_gateway(&c);
	c.relay[0].turn = false;
	rand_init(&r);
	p = ports_open(&c, &r, NULL, err, sizeof(err));
	assert_non_null(p);
	turn = ports_take_family(p, false, 0, PORTS_PAIR, 100);
	term = ports_take_realm(p, 1, false, 0, PORTS_ANY, PORTS_ORDINARY, 100);
	assert_int_equal(turn.relay, 1);
	assert_int_equal(term.relay, 1);
	assert_null(policy_peer(&c, p, 1, &a.ip, be16_get(turn.port)));
	assert_null(policy_peer(&c, p, 1, &a.ip, be16_get(turn.port) + 1)); /* reserved */
	assert_string_equal(policy_peer(&c, p, 1, &a.ip, be16_get(term.port)), "own address");
	assert_null(policy_remote(&c, p, 1, &a.ip, be16_get(term.port)));
	assert_string_equal(policy_remote(&c, p, 1, &a.ip, be16_get(turn.port)), "own address");
	assert_null(policy_peer(&c, p, 1, &a.ip, POLICY_ANY_PORT));
	/* Nobody's, until somebody has it. */
	ports_give(p, term.relay, be16_get(term.port), 100);
	assert_string_equal(policy_peer(&c, p, 1, &a.ip, be16_get(term.port)), "own address");
	assert_string_equal(policy_remote(&c, p, 1, &a.ip, be16_get(term.port)), "own address");
	assert_true(ports_claim(p, 1, 65000, PORTS_TERM));
	ports_give(p, 1, 65000, 100);
	assert_true(ports_is_free(p, 1, 65000, 100 + PORTS_QUARANTINE_S));
	assert_true(ports_claim(p, 1, 65000, PORTS_TURN));
	assert_null(policy_peer(&c, p, 1, &a.ip, 65000));
	ports_close(p);
	snprintf(file, sizeof(file), "%s/state.ports", dir);
	unlink(file);
	rmdir(dir);
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

/* "These networks only" can be said, and holes in them, and exceptions of those. */
static void the_narrower_prefix_wins(void **state)
{
	static const struct row t[] = {
		{ "8.8.8.8", 1, false },       /* all is denied */
		{ "203.0.113.1", 1, true },    /* but 203.0.113.0/24 */
		{ "203.0.113.200", 1, false }, /* but not 203.0.113.192/26 */
		{ "203.0.113.201", 1, true },  /* but this one of it */
		{ "10.1.2.3", 1, false },      /* both lists have 10.0.0.0/8 */
		{ "192.0.2.1", 3478, false },  /* allowed by name, and ours all the same */
		{ "2001:db8::1", 1, true },    /* the denial is of IPv4 */
		{ "2002:0808:0808::1", 1, false },
		{ "2002:cb00:7101::1", 1, false }, /* 6to4 itself is special */
		{ "64:ff9b::cb00:7101", 1, true },
		{ "64:ff9b::cb00:71c8", 1, false },
	};
	struct config c;

	(void)state;
	env_config(&c, "/nowhere");
	assert_true(ip_prefix_parse("0.0.0.0/0", &c.peers.deny[c.peers.n_deny++]));
	assert_true(ip_prefix_parse("203.0.113.192/26", &c.peers.deny[c.peers.n_deny++]));
	assert_true(ip_prefix_parse("10.0.0.0/8", &c.peers.deny[c.peers.n_deny++]));
	assert_true(ip_prefix_parse("10.0.0.0/8", &c.peers.allow[c.peers.n_allow++]));
	assert_true(ip_prefix_parse("203.0.113.201", &c.peers.allow[c.peers.n_allow++]));
	assert_true(ip_prefix_parse("192.0.2.1", &c.peers.allow[c.peers.n_allow++]));
	assert_true(ip_prefix_parse("64:ff9b::/96", &c.peers.allow[c.peers.n_allow++]));
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
		cmocka_unit_test(relays_of_other_realms_are_not_reached),
		cmocka_unit_test(a_shared_relay_is_told_apart_by_port),
		cmocka_unit_test(deny_wins),
		cmocka_unit_test(the_narrower_prefix_wins),
		cmocka_unit_test(allowing_ipv4_does_not_allow_it_inside_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
