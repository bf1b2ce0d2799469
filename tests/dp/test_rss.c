/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins: the software copy of a port's RSS gives the hash that devices compute. The key, addresses
 * and hashes are those of the Toeplitz verification suite published with receive-side scaling
 * (with ports, IPv4 and IPv6).
 */
#include <stdint.h>

#include "tests/world/unit.h"
#include "dp/rss.h"

static const struct rss suite = {
	.key = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
		 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
		 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa },
};

static struct sock_addr addr(const char *ip, uint16_t port)
{
	struct sock_addr a = { .port = be16_make(port) };

	assert_true(ip_parse(ip, &a.ip));
	return a;
}

static void hash_is_the_device_s(void **state)
{
	static const struct {
		const char *src, *dst;
		uint16_t sport, dport;
		uint32_t hash;
	} v[] = {
		{ "66.9.149.187", "161.142.100.80", 2794, 1766, 0x51ccc178 },
		{ "199.92.111.2", "65.69.140.83", 14230, 4739, 0xc626b0ea },
		{ "24.19.198.95", "12.22.207.184", 12898, 38024, 0x5c2b394a },
		{ "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x40207d3d },
		{ "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0xdde51bbf },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct sock_addr src = addr(v[i].src, v[i].sport), dst = addr(v[i].dst, v[i].dport);

		assert_int_equal(rss_hash(&suite, &src, &dst), v[i].hash);
	}
}

static void table_gives_the_queue(void **state)
{
	struct sock_addr src = addr("66.9.149.187", 2794), dst = addr("161.142.100.80", 1766);
	struct rss r = suite;

	(void)state;
	r.reta_size = 128;
	r.reta[0x51ccc178 & 127] = 3;
	assert_int_equal(rss_queue(&r, &src, &dst), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_is_the_device_s),
		cmocka_unit_test(table_gives_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
