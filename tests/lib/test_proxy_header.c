/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header of the PROXY protocol, version 2 (lib/proxy_header.h; R94), against bytes written by
 * hand from its specification: either family, TLS with and without a client's certificate.
 */
#include "tests/world/unit.h"
#include "lib/proxy_header.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static struct sock_addr at(const char *text)
{
	struct sock_addr a;

	assert_true(sock_addr_parse(text, &a));
	return a;
}

static void is(const struct proxy_header *h, const void *want, size_t n)
{
	uint8_t b[PROXY_HEADER_MAX];
	struct wr w = wr_init(b, sizeof(b));

	proxy_header_write(&w, h);
	assert_false(w.failed);
	assert_int_equal(wr_len(&w), n);
	assert_memory_equal(b, want, n);
}
#define IS(h, text) is(h, text, sizeof(text) - 1)

static void ipv4(void **state)
{
	struct proxy_header h = { .client = at("10.1.0.2:1026"), .server = at("10.1.0.1:443") };

	(void)state;
	IS(&h, SIGNATURE "\x21\x11\x00\x0c\x0a\x01\x00\x02\x0a\x01\x00\x01\x04\x02\x01\xbb");
}

static void ipv6(void **state)
{
	struct proxy_header h = { .client = at("[fd00:1::2]:1026"),
				  .server = at("[fd00:1::1]:443") };

	(void)state;
	IS(&h, SIGNATURE "\x21\x21\x00\x24"
			 "\xfd\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x02"
			 "\xfd\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01"
			 "\x04\x02\x01\xbb");
}

static void tls(void **state)
{
	struct proxy_header h = { .client = at("10.1.0.2:1026"),
				  .server = at("10.1.0.1:443"),
				  .tls = 0x0304 };

	(void)state;
	IS(&h, SIGNATURE "\x21\x11\x00\x1e\x0a\x01\x00\x02\x0a\x01\x00\x01\x04\x02\x01\xbb"
			 "\x20\x00\x0f\x01\x00\x00\x00\x01\x21\x00\x07TLSv1.3");
	h.tls = 0x0303;
	h.cert = true;
	IS(&h, SIGNATURE "\x21\x11\x00\x1e\x0a\x01\x00\x02\x0a\x01\x00\x01\x04\x02\x01\xbb"
			 "\x20\x00\x0f\x03\x00\x00\x00\x00\x21\x00\x07TLSv1.2");
}

/* The longest there is has room in what callers give. */
static void longest(void **state)
{
	struct proxy_header h = { .client = at("[fd00:1::2]:1026"),
				  .server = at("[fd00:1::1]:443"),
				  .tls = 0x0304 };
	uint8_t b[PROXY_HEADER_MAX];
	struct wr w = wr_init(b, sizeof(b));

	(void)state;
	proxy_header_write(&w, &h);
	assert_false(w.failed);
	assert_int_equal(wr_len(&w), 16 + 36 + 18);
}

int main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(ipv4),
		cmocka_unit_test(ipv6),
		cmocka_unit_test(tls),
		cmocka_unit_test(longest),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
