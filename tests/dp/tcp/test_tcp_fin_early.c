/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A FIN that comes before the data it stands behind (RFC 9293 3.10.7.4: SHLD-31): it is remembered,
 * answered at once (RFC 5681 4.2), and counts when the rest has come. Nothing stands behind a FIN:
 * what was held there is given up.
 */
#include "tests/world/tcp_world.h"

static void close_after(uint32_t next)
{
	assert_int_equal(app.fins, 1);
	app_close();
	seg_expect(FIN | ACK, 1, next, 0);
	seg_in(ACK, next, 2, 0);
	app_gone(TCP_END_DONE);
}

static void need_not_come_again(void **state)
{
	(void)state;
	open_passive();
	seg_in(FIN | ACK, 1001, 1, 500);
	seg_expect(ACK, 1, 1, 0, .n_sack = 1, .sack = { { 1001, 1501 } });
	assert_int_equal(app.fins, 0);
	seg_in(ACK, 1, 1, 1000);
	seg_expect(ACK, 1, 1502, 0);
	assert_int_equal(app.received, 1500);
	close_after(1502);
}

static void bare(void **state)
{
	(void)state;
	open_passive();
	seg_in(FIN | ACK, 1001, 1, 0);
	seg_expect(ACK, 1, 1, 0);
	assert_int_equal(app.fins, 0);
	seg_in(ACK, 1, 1, 1000);
	seg_expect(ACK, 1, 1002, 0);
	close_after(1002);
}

static void nothing_stays_behind_it(void **state)
{
	(void)state;
	open_passive();
	seg_in(ACK, 2001, 1, 1000);
	seg_expect(ACK, 1, 1, 0, .n_sack = 1, .sack = { { 2001, 3001 } });
	world_mark();
	seg_in(FIN | ACK, 1, 1, 0);
	seg_expect(ACK, 1, 2, 0);
	world_drops(DROP_TCP_SEQ, 1);
	close_after(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(need_not_come_again),
		tcp_test(bare),
		tcp_test(nothing_stays_behind_it),
	};

	return tcp_run(tests);
}
