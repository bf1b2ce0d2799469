/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long segments are (RFC 9293 3.7.1, RFC 6691): what the peer announced, or the default of its
 * family; options come off; no more than our port carries.
 */
#include "tests/world/tcp_world.h"

/* Length of the first segment of much data. */
static uint32_t first_len(void)
{
	const struct seg *s;

	open_passive();
	app_send(20000);
	s = seg_next();
	assert_non_null(s);
	return s->len;
}

static void what_was_announced(void **state)
{
	(void)state;
	peer.mss = 1000;
	assert_int_equal(first_len(), 988);
	peer_reset();
	peer_plain();
	assert_int_equal(first_len(), 1000);
	peer_reset();
}

static void no_more_than_the_port_carries(void **state)
{
	(void)state;
	peer.mss = 8960;
	assert_int_equal(first_len(), MSS_TS);
	peer_reset();
}

static void the_default_of_ipv4(void **state)
{
	(void)state;
	peer_plain();
	peer.mss = 0;
	assert_int_equal(first_len(), 536);
	peer_reset();
}

static void the_default_of_ipv6(void **state)
{
	(void)state;
	peer_v6();
	peer_plain();
	peer.mss = 0;
	assert_int_equal(first_len(), 1220);
	peer_reset();
}

/* One byte a segment would make us work for nothing: 64 at least. */
static void a_silly_size(void **state)
{
	(void)state;
	peer_plain();
	peer.mss = 1;
	assert_int_equal(first_len(), TCP_MSS_MIN);
	peer_reset();
}

static void sack_blocks_come_off_too(void **state)
{
	const struct seg *s;

	(void)state;
	open_passive();
	seg_in(ACK, 1001, 1, 100);
	seg_skip();
	app_send(3000);
	s = seg_next();
	assert_non_null(s);
	assert_int_equal(s->n_sack, 1);
	assert_int_equal(s->len, MSS_TS - 12);
	peer_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(what_was_announced),  tcp_test(no_more_than_the_port_carries),
		tcp_test(the_default_of_ipv4), tcp_test(the_default_of_ipv6),
		tcp_test(a_silly_size),	       tcp_test(sack_blocks_come_off_too),
	};

	return tcp_run(tests);
}
