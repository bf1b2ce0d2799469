/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Urgent data (RFC 9293 3.8.5, RFC 6093 4): the pointer is a hint nobody here has a use for; every
 * byte is delivered in its place, and a pointer that lies harms nothing.
 */
#include "tests/world/tcp_world.h"

static void every_byte_in_its_place(void **state)
{
	static const uint16_t pointer[] = { 0, 1, 50, 100, 101, 5000, 65535 };
	uint32_t i;

	(void)state;
	open_passive();
	for (i = 0; i < RTE_DIM(pointer); i++) {
		seg_in(ACK | URG, 1 + 100 * i, 1, 100, .urg = pointer[i]);
		seg_expect(ACK, 1, 101 + 100 * i, 0);
	}
	assert_int_equal(app.received, 700);
	/* Without data, and the pointer without the flag. */
	seg_in(ACK | URG, 701, 1, 0, .urg = 10);
	seg_in(ACK, 701, 1, 0, .urg = 10);
	seg_none();
	close_peer_first(701, 1);
}

static void out_of_order(void **state)
{
	(void)state;
	open_passive();
	seg_in(ACK | URG, 101, 1, 100, .urg = 100);
	seg_in(ACK | URG, 1, 1, 100, .urg = 200);
	seg_skip();
	assert_int_equal(app.received, 200);
	close_peer_first(201, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { tcp_test(every_byte_in_its_place),
					    tcp_test(out_of_order) };

	return tcp_run(tests);
}
