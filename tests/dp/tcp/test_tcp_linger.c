/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * FIN-WAIT-2 does not last for ever (RFC 9293 3.6.1 note, R73): tcp.linger seconds after the owner
 * closed, or of silence when it only shut its direction down, an RST ends the connection.
 */
#include "tests/world/tcp_world.h"

enum { LINGER_MS = 10000 };

static void after_close(void **state)
{
	uint32_t ms;

	(void)state;
	open_passive();
	app_close();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(ACK, 1, 2, 0);
	ms = seg_wait(2 * LINGER_MS);
	assert_in_range(ms, LINGER_MS - 1, LINGER_MS + 2);
	seg_expect(RST | ACK, 2, 1, 0);
	app_gone(TCP_END_DONE);
}

static void after_shutdown(void **state)
{
	uint32_t ms;

	(void)state;
	open_passive();
	app_shutdown();
	seg_expect(FIN | ACK, 1, 1, 0);
	seg_in(ACK, 1, 2, 0);
	/* Who still sends is not silent. */
	seg_quiet(LINGER_MS - 1000);
	seg_in(ACK, 1, 2, 100);
	seg_expect(ACK, 2, 101, 0);
	ms = seg_wait(2 * LINGER_MS);
	assert_in_range(ms, LINGER_MS - 1, LINGER_MS + 2);
	seg_expect(RST | ACK, 2, 101, 0);
	app_gone(TCP_END_LINGER);
}

int main(void)
{
	const struct CMUnitTest tests[] = { tcp_test(after_close), tcp_test(after_shutdown) };

	return tcp_run(tests);
}
