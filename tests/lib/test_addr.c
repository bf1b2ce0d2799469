/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Addresses: text in and out, prefixes, and the special-purpose blocks (R77, RFC 6890 with its
 * IANA registries): the first and last address of each block and their neighbours outside.
 */
#include "tests/world/unit.h"

#include "lib/addr.h"

static struct ip_addr ip(const char *s)
{
	struct ip_addr a;

	if (!ip_parse(s, &a))
		fail_msg("not an address: %s", s);
	return a;
}

static void parse_and_format(void **state)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{ "10.0.0.1", "10.0.0.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "FD00:0:0:0:0:0:0:1", "fd00::1" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6" },
		{ "64:ff9b::192.0.2.1", "64:ff9b::c000:201" },
	};
	static const char *const bad[] = {
		"",
		"10",
		"10.0.0",
		"10.0.0.256",
		"10.0.0.1.1",
		" 10.0.0.1",
		"10.0.0.1 ",
		"010.0.0.1",
		"0x0a.0.0.1",
		":",
		":::",
		"1::2::3",
		"fe80::1%lo",
		"[::1]",
		"10.0.0.1/8",
		"g::",
		"12345::",
		"1:2:3:4:5:6:7",
		"localhost",
		"::ffff:1.2.3.4",
		"::ffff:0102:0304",
	};
	char text[ADDR_STR_MAX];
	struct ip_addr a;

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		a = ip(t[i].in);
		assert_string_equal(ip_format(&a, text, sizeof(text)), t[i].out);
	}
	for (size_t i = 0; i < N_OF(bad); i++)
		if (ip_parse(bad[i], &a))
			fail_msg("taken: '%s'", bad[i]);
}

static void sock_addr_text(void **state)
{
	static const char *const good[] = {
		"10.0.0.1:1", "10.0.0.1:65535", "0.0.0.0:80", "[::1]:80", "[fd00:1::2]:5060",
	};
	static const char *const bad[] = {
		"",
		":",
		":80",
		"10.0.0.1",
		"10.0.0.1:",
		"10.0.0.1:0",
		"10.0.0.1:65536",
		"10.0.0.1:99999999999",
		"10.0.0.1:-1",
		"10.0.0.1:+80",
		"10.0.0.1: 80",
		"10.0.0.1:80 ",
		"[10.0.0.1]:80",
		"fd00::1:80",
		"[fd00::1]",
		"[fd00::1:80",
		"fd00::1]:80",
		"[]:80",
		"[]",
		"[::ffff:1.2.3.4]:80",
		"[fd00::1%lo]:80",
		"localhost:80",
		"[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:80",
	};
	char text[ADDR_STR_MAX];
	struct sock_addr a;

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		assert_true(sock_addr_parse(good[i], &a));
		assert_string_equal(sock_addr_format(&a, text, sizeof(text)), good[i]);
	}
	for (size_t i = 0; i < N_OF(bad); i++)
		if (sock_addr_parse(bad[i], &a))
			fail_msg("taken: '%s'", bad[i]);
}

static void v4_form(void **state)
{
	struct ip_addr a = ip("10.1.2.3"), b;

	(void)state;
	assert_true(ip_is_v4(&a));
	assert_int_equal(be32_get(ip_to_v4(&a)), 0x0a010203);
	b = ip_from_v4(be32_make(0x0a010203));
	assert_true(ip_eq(&a, &b));
	b = ip("::10.1.2.3");
	assert_false(ip_is_v4(&b));
	assert_false(ip_eq(&a, &b));
}

static void format_cuts(void **state)
{
	struct sock_addr a = { ip("2001:db8:1111:2222:3333:4444:5555:6666"), be16_make(65535) };
	struct ip_prefix p = { a.ip, 128 };
	char text[ADDR_STR_MAX];

	(void)state;
	assert_string_equal(sock_addr_format(&a, text, sizeof(text)),
			    "[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
	assert_string_equal(ip_prefix_format(&p, text, sizeof(text)),
			    "2001:db8:1111:2222:3333:4444:5555:6666/128");
	memset(text, 'x', sizeof(text));
	assert_string_equal(ip_format(&a.ip, text, 5), "2001");
	assert_int_equal(text[5], 'x');
	assert_string_equal(sock_addr_format(&a, text, 1), "");
	a = (struct sock_addr){ ip("10.0.0.1"), be16_make(80) };
	assert_string_equal(sock_addr_format(&a, text, sizeof(text)), "10.0.0.1:80");
}

static void prefix_text(void **state)
{
	static const struct {
		const char *in;
		int len;
		const char *out;
	} t[] = {
		{ "10.0.0.0/8", 104, "10.0.0.0/8" },
		{ "10.1.0.1/24", 120, "10.1.0.1/24" }, /* host bits stay */
		{ "0.0.0.0/0", 96, "0.0.0.0/0" },
		{ "10.0.0.1", 128, "10.0.0.1/32" },
		{ "fd00::/8", 8, "fd00::/8" },
		{ "::/0", 0, "::/0" },
		{ "::1", 128, "::1/128" },
		{ "fd00:1::1/064", 64, "fd00:1::1/64" },
	};
	static const char *const bad[] = {
		"",
		"/",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"::/129",
		"::/1000",
		"::/4294967296",
		"::/99999999999999999999",
		"10.0.0.0/ 8",
		"10.0.0.0/8 ",
		"10.0.0.0/+8",
		"10.0.0.0/8/8",
		"::ffff:0.0.0.0/96",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/8",
	};
	char text[ADDR_STR_MAX];
	struct ip_prefix p;

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		assert_true(ip_prefix_parse(t[i].in, &p));
		assert_int_equal(p.len, t[i].len);
		assert_string_equal(ip_prefix_format(&p, text, sizeof(text)), t[i].out);
	}
	for (size_t i = 0; i < N_OF(bad); i++)
		if (ip_prefix_parse(bad[i], &p))
			fail_msg("taken: '%s'", bad[i]);
}

static void in_prefix(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool in;
	} t[] = {
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.1.0.1/24", "10.1.0.255", true },
		{ "10.1.0.1/24", "10.1.1.1", false },
		{ "172.16.0.0/12", "172.31.255.255", true },
		{ "172.16.0.0/12", "172.32.0.0", false },
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.0", false },
		{ "0.0.0.0/0", "255.1.2.3", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "10.0.0.1", false }, /* families stay apart */
		{ "::/0", "ffff::", true },
		{ "::/1", "8000::", false },
		{ "fe80::/10", "febf:ffff::1", true },
		{ "fe80::/10", "fec0::", false },
		{ "2001:db8::/127", "2001:db8::1", true },
		{ "2001:db8::/127", "2001:db8::2", false },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct ip_addr a = ip(t[i].addr);
		struct ip_prefix p;

		assert_true(ip_prefix_parse(t[i].prefix, &p));
		if (ip_in_prefix(&a, &p) != t[i].in)
			fail_msg("%s in %s", t[i].addr, t[i].prefix);
	}
	assert_false(ip_in_prefix(&(struct ip_addr){ 0 }, &(struct ip_prefix){ .len = 129 }));
}

static void special(void **state)
{
	static const struct {
		const char *addr, *name; /* NULL: global unicast */
	} t[] = {
		{ "0.0.0.0", "this-network" },
		{ "0.255.255.255", "this-network" },
		{ "1.0.0.0", NULL },
		{ "9.255.255.255", NULL },
		{ "10.0.0.0", "private-use" },
		{ "10.255.255.255", "private-use" },
		{ "11.0.0.0", NULL },
		{ "100.63.255.255", NULL },
		{ "100.64.0.0", "shared-address-space" },
		{ "100.127.255.255", "shared-address-space" },
		{ "100.128.0.0", NULL },
		{ "126.255.255.255", NULL },
		{ "127.0.0.0", "loopback" },
		{ "127.255.255.255", "loopback" },
		{ "128.0.0.0", NULL },
		{ "169.253.255.255", NULL },
		{ "169.254.0.0", "link-local" },
		{ "169.254.169.254", "link-local" },
		{ "169.255.0.0", NULL },
		{ "172.15.255.255", NULL },
		{ "172.16.0.0", "private-use" },
		{ "172.31.255.255", "private-use" },
		{ "172.32.0.0", NULL },
		{ "191.255.255.255", NULL },
		{ "192.0.0.0", "ietf-protocol" },
		{ "192.0.0.10", "ietf-protocol" }, /* TURN anycast */
		{ "192.0.0.255", "ietf-protocol" },
		{ "192.0.1.0", NULL },
		{ "192.0.2.0", "documentation" },
		{ "192.0.2.255", "documentation" },
		{ "192.0.3.0", NULL },
		{ "192.31.195.255", NULL },
		{ "192.31.196.1", "as112" },
		{ "192.31.197.0", NULL },
		{ "192.52.193.1", "amt" },
		{ "192.52.194.0", NULL },
		{ "192.88.99.1", "6to4-relay" },
		{ "192.88.100.0", NULL },
		{ "192.167.255.255", NULL },
		{ "192.168.0.0", "private-use" },
		{ "192.168.255.255", "private-use" },
		{ "192.169.0.0", NULL },
		{ "192.175.48.6", "as112" },
		{ "192.175.49.0", NULL },
		{ "198.17.255.255", NULL },
		{ "198.18.0.0", "benchmarking" },
		{ "198.19.255.255", "benchmarking" },
		{ "198.20.0.0", NULL },
		{ "198.51.99.255", NULL },
		{ "198.51.100.1", "documentation" },
		{ "198.51.101.0", NULL },
		{ "203.0.113.1", "documentation" },
		{ "203.0.114.0", NULL },
		{ "223.255.255.255", NULL },
		{ "224.0.0.0", "multicast" },
		{ "239.255.255.255", "multicast" },
		{ "240.0.0.0", "reserved" },
		{ "255.255.255.254", "reserved" },
		{ "255.255.255.255", "broadcast" },
		{ "::", "unspecified" },
		{ "::1", "loopback" },
		{ "::2", "this-network" }, /* 0.0.0.2 inside */
		{ "::8.8.8.8", "ipv4-compatible" },
		{ "::1:0:0", "unassigned" },
		{ "64:ff9a:ffff::", "unassigned" },
		{ "64:ff9b::8.8.8.8", "nat64" },
		{ "64:ff9b::1:0:0", "unassigned" },
		{ "64:ff9b:1:808:8:800::", "nat64-local" },
		{ "64:ff9b:2::", "unassigned" },
		{ "100::", "discard-only" },
		{ "100::ffff:ffff:ffff:ffff", "discard-only" },
		{ "100:0:0:1::", "dummy" },
		{ "100:0:0:2::", "unassigned" },
		{ "1fff:ffff::", "unassigned" },
		{ "2000::", NULL },
		{ "2001::f7f7:f7f7", "teredo" }, /* client 8.8.8.8 */
		{ "2001:1::1", "ietf-protocol" },
		{ "2001:2::1", "benchmarking" },
		{ "2001:2:1::", "ietf-protocol" },
		{ "2001:10::", "orchid" },
		{ "2001:2f:ffff::", "orchid" },
		{ "2001:1ff:ffff::", "ietf-protocol" },
		{ "2001:200::", NULL },
		{ "2001:db7:ffff::", NULL },
		{ "2001:db8::", "documentation" },
		{ "2001:db8:ffff::", "documentation" },
		{ "2001:db9::", NULL },
		{ "2001:ffff::", NULL },
		{ "2002:808:808::1", "6to4" },
		{ "2003::", NULL },
		{ "2620:4f:7fff::", NULL },
		{ "2620:4f:8000::1", "as112" },
		{ "2620:4f:8001::", NULL },
		{ "3ffe:ffff::", NULL },
		{ "3fff::", "documentation" },
		{ "3fff:fff:ffff::", "documentation" },
		{ "3fff:1000::", NULL },
		{ "4000::", "unassigned" },
		{ "5f00::1", "srv6-sid" },
		{ "5f01::", "unassigned" },
		{ "fbff::", "unassigned" },
		{ "fc00::", "unique-local" },
		{ "fdff:ffff::", "unique-local" },
		{ "fe00::", "unassigned" },
		{ "fe80::1", "link-local" },
		{ "febf:ffff::", "link-local" },
		{ "fec0::1", "site-local" },
		{ "ff02::1", "multicast" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct ip_addr a = ip(t[i].addr);
		const char *name = ip_special(&a);

		if ((name == NULL) != (t[i].name == NULL) || (name && strcmp(name, t[i].name) != 0))
			fail_msg("%s: '%s', not '%s'", t[i].addr, name ? name : "global",
				 t[i].name ? t[i].name : "global");
	}
}

/* A private address is not reached by dressing it in IPv6. */
static void special_inside(void **state)
{
	static const struct {
		const char *addr, *inside, *name;
	} t[] = {
		{ "2002:a00:1::1", "10.0.0.1", "private-use" },
		{ "2002:7f00:1::", "127.0.0.1", "loopback" },
		{ "2001::f5ff:fffe", "10.0.0.1", "private-use" },
		{ "2001:0:7f00:1::f7f7:f7f7", "8.8.8.8", "teredo" },
		{ "64:ff9b::169.254.169.254", "169.254.169.254", "link-local" },
		{ "64:ff9b:1:c0a8:1:200::", "192.168.1.2", "private-use" },
		{ "::192.168.0.1", "192.168.0.1", "private-use" },
		{ "::2", "0.0.0.2", "this-network" },
	};
	static const char *const none[] = { "::",
					    "::1",
					    "2001:db8::10.0.0.1",
					    "fd00::1",
					    "64:ff9b:2::a00:1",
					    "2001:1::f5ff:fffe",
					    "64:ff9b::1:a00:1" };
	struct ip_addr v4, want;

	(void)state;
	for (size_t i = 0; i < N_OF(t); i++) {
		struct ip_addr a = ip(t[i].addr);

		want = ip(t[i].inside);
		assert_true(ip_embedded_v4(&a, &v4));
		assert_true(ip_eq(&v4, &want));
		assert_string_equal(ip_special(&a), t[i].name);
	}
	for (size_t i = 0; i < N_OF(none); i++) {
		struct ip_addr a = ip(none[i]);

		if (ip_embedded_v4(&a, &v4))
			fail_msg("%s", none[i]);
	}
	want = ip("10.0.0.1"); /* the IPv4-mapped form is IPv4 itself */
	assert_true(ip_embedded_v4(&want, &v4));
	assert_true(ip_eq(&v4, &want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_and_format), cmocka_unit_test(sock_addr_text),
		cmocka_unit_test(v4_form),	    cmocka_unit_test(format_cuts),
		cmocka_unit_test(prefix_text),	    cmocka_unit_test(in_prefix),
		cmocka_unit_test(special),	    cmocka_unit_test(special_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
