/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A UDP socket of controllers' protocols: whom it is told to hear is heard, of IPv4 and IPv6; what
 * others send the kernel drops, and counts.
 */
#include "cp/datagram.h"
#include "cp/socket.h"
#include "tests/world/unit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct heard {
	uint32_t n;
	struct sock_addr last;
};

static void received(void *arg, const struct sock_addr *from, const char *p, size_t len)
{
	struct heard *h = arg;

	assert_int_equal(len, 2);
	assert_memory_equal(p, "hi", 2);
	h->n++;
	h->last = *from;
}

static struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_true(ip_parse(text, &a));
	return a;
}

/* Sends from an address; how many have been heard then. */
static uint32_t say(struct event_base *base, struct heard *h, const char *from, uint16_t port)
{
	const struct ip_addr own = ip(from);
	const struct sock_addr to = { ip_is_v4(&own) ? ip("127.0.0.1") : ip("::1"),
				      be16_make(port) };
	union socket_addr sa;
	const socklen_t len = socket_addr_put(&to, &sa);
	int fd = socket_open(SOCK_DGRAM, &own, 0);

	assert_true(fd >= 0);
	/* What is sent over the loopback is there, or dropped, when sendto() returns. */
	assert_int_equal(sendto(fd, "hi", 2, 0, &sa.any, len), 2);
	close(fd);
	event_base_loop(base, EVLOOP_NONBLOCK);
	return h->n;
}

static uint16_t free_port(const struct ip_addr *at)
{
	union socket_addr sa;
	socklen_t len = sizeof(sa);
	int fd = socket_open(SOCK_DGRAM, at, 0);

	assert_int_equal(getsockname(fd, &sa.any, &len), 0);
	close(fd);
	return be16_get(socket_addr_get(&sa).port);
}

static void test_v4(void **state)
{
	const struct ip_addr at = ip("127.0.0.1"), some[] = { ip("127.0.0.2"), ip("127.0.1.3") };
	struct event_base *base = event_base_new();
	struct heard h = { 0 };
	const uint16_t port = free_port(&at);
	struct datagram *d = datagram_open(base, &at, port, received, &h);

	(void)state;
	assert_non_null(d);
	datagram_enable(d);
	assert_int_equal(say(base, &h, "127.0.0.9", port), 1);
	assert_int_equal(datagram_dropped(d), 0);
	datagram_hear(d, some, N_OF(some));
	assert_int_equal(say(base, &h, "127.0.0.9", port), 1);
	assert_int_equal(say(base, &h, "127.0.0.3", port), 1);
	assert_int_equal(datagram_dropped(d), 2);
	assert_int_equal(say(base, &h, "127.0.0.2", port), 2);
	assert_int_equal(say(base, &h, "127.0.1.3", port), 3);
	assert_true(ip_eq(&h.last.ip, &some[1]));
	/* Another list takes its place, and one of none. */
	datagram_hear(d, some, 1);
	assert_int_equal(say(base, &h, "127.0.1.3", port), 3);
	assert_int_equal(say(base, &h, "127.0.0.2", port), 4);
	datagram_hear(d, NULL, 0);
	assert_int_equal(say(base, &h, "127.0.0.2", port), 4);
	assert_int_equal(datagram_dropped(d), 4);
	assert_int_equal(datagram_dropped(NULL), 0);
	datagram_close(d);
	event_base_free(base);
}

/* Of IPv6 each word counts: one address of the loopback is all that there is to send from. */
static void test_v6(void **state)
{
	static const char *const other[] = { "100::1", "0:0:1::1", "::1:0:0:1", "::2" };
	const struct ip_addr at = ip("::1");
	struct event_base *base = event_base_new();
	struct ip_addr some[DATAGRAM_HEARD_MAX];
	struct heard h = { 0 };
	const uint16_t port = free_port(&at);
	struct datagram *d = datagram_open(base, &at, port, received, &h);

	(void)state;
	assert_non_null(d);
	datagram_enable(d);
	for (uint32_t i = 0; i < DATAGRAM_HEARD_MAX; i++)
		some[i] = ip(other[i % N_OF(other)]);
	datagram_hear(d, some, DATAGRAM_HEARD_MAX);
	assert_int_equal(say(base, &h, "::1", port), 0);
	assert_int_equal(datagram_dropped(d), 1);
	for (uint32_t i = 0; i < DATAGRAM_HEARD_MAX; i++) {
		some[i] = at;
		datagram_hear(d, some, DATAGRAM_HEARD_MAX);
		assert_int_equal(say(base, &h, "::1", port), i + 1);
		some[i] = ip(other[i % N_OF(other)]);
	}
	datagram_close(d);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
