/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TIME-WAIT (RFC 9293 3.6.1, 3.10.7.4): 2 MSL from the last FIN, answered again when it comes
 * again; RST does not end it (RFC 1337 fix 1); a SYN that is certainly new does (RFC 6191,
 * RFC 9293 MAY-2); the table is bounded (R73).
 */
#include "tests/world/tcp_world.h"

enum { MSL2 = 10000 };

static int setup(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.time_wait_ms = MSL2;
	tcp_start();
	open_passive();
	close_owner_first(1, 1);
	assert_int_equal(world.w->tcp->tw_n, 1);
	world_mark();
	return 0;
}

static void it_lasts_two_msl(void **state)
{
	(void)state;
	seg_quiet(MSL2 - 10);
	assert_int_equal(world.w->tcp->tw_n, 1);
	seg_quiet(NEIGH_TICK_MS + 20);
	assert_int_equal(world.w->tcp->tw_n, 0);
	assert_int_equal(rte_hash_count(world.w->tcp->table), 0);
}

static void a_fin_starts_it_again(void **state)
{
	(void)state;
	seg_quiet(MSL2 - 1000);
	seg_in(FIN | ACK, 1, 2, 0);
	seg_expect(ACK, 2, 2, 0);
	seg_quiet(MSL2 - 1000);
	assert_int_equal(world.w->tcp->tw_n, 1);
}

static void a_reset_does_not_end_it(void **state)
{
	(void)state;
	seg_in(RST, 2, 0, 0);
	seg_in(RST | ACK, 2, 2, 0);
	seg_none();
	assert_int_equal(world.w->tcp->tw_n, 1);
	seg_in(FIN | ACK, 1, 2, 0);
	seg_expect(ACK, 2, 2, 0);
}

/* An old segment must not disturb the next connection: it is answered and dropped. */
static void old_data_is_answered(void **state)
{
	(void)state;
	seg_in(ACK, 1, 2, 100);
	seg_expect(ACK, 2, 2, 0);
	world_drops(DROP_TCP_SEQ, 1);
	assert_int_equal(world.w->tcp->tw_n, 1);
}

static void reopen(void)
{
	const struct seg *s;
	uint32_t before = peer.irs;

	seg_in(SYN, 0, 0, 0);
	s = seg_expect(SYN | ACK, 0, 1, 0);
	assert_true(s->ts == peer.ts);
	/* Our numbers go on, or what is under way could be taken for new (3.4.3). */
	assert_true(seq_gt(peer.irs, before + 2));
	assert_int_equal(world_count(0, CNT_TCP_TW_REUSED), 1);
	assert_int_equal(world.w->tcp->tw_n, 0);
	seg_in(ACK, 1, 1, 0);
	assert_int_equal(app.opened, 2);
	close_peer_first(1, 1);
}

/* RFC 6191 2: a later timestamp is enough, whatever the sequence number. */
static void a_later_timestamp_reopens(void **state)
{
	(void)state;
	world_pass_ms(1000);
	peer.iss -= 5000;
	reopen();
}

static void an_old_syn_does_not(void **state)
{
	(void)state;
	world_pass_ms(1000);
	seg_in(SYN, 0, 0, 0, .tsval = PEER_TS - 1000);
	seg_expect(ACK, 2, 2, 0);
	world_drops(DROP_TCP_SYN, 1);
	assert_int_equal(world.w->tcp->tw_n, 1);
}

static int setup_plain(void **state)
{
	(void)state;
	tcp_config();
	world.conf.tcp.time_wait_ms = MSL2;
	tcp_start();
	peer_plain();
	open_passive();
	close_owner_first(1, 1);
	world_mark();
	return 0;
}

static void without_timestamps_the_number_tells(void **state)
{
	(void)state;
	world_pass_ms(100);
	/* Not beyond what was there. */
	seg_in(SYN, 0, 0, 0);
	seg_expect(ACK, 2, 2, 0);
	world_drops(DROP_TCP_SYN, 1);
	peer.iss += 5000;
	reopen();
}

/* The oldest entry makes room. */
static void the_table_is_bounded(void **state)
{
	uint16_t i;

	(void)state;
	for (i = 1; i <= 16; i++) {
		peer.addr.port = be16_make((uint16_t)(PEER_PORT + i));
		open_passive();
		close_owner_first(1, 1);
	}
	assert_int_equal(world.w->tcp->tw_n, 16);
	/* Of the first nothing is known any more, of the second all. */
	peer.addr.port = be16_make(PEER_PORT);
	seg_in(FIN | ACK, 1, 2, 0);
	seg_expect(RST, 2, 0, 0);
	peer.addr.port = be16_make(PEER_PORT + 1);
	seg_in(RST, 2, 0, 0);
	assert_int_equal(world.w->tcp->tw_n, 16);
}

#define waiting(f) cmocka_unit_test_setup_teardown(f, setup, tcp_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		waiting(it_lasts_two_msl),
		waiting(a_fin_starts_it_again),
		waiting(a_reset_does_not_end_it),
		waiting(old_data_is_answered),
		waiting(a_later_timestamp_reopens),
		waiting(an_old_syn_does_not),
		cmocka_unit_test_setup_teardown(without_timestamps_the_number_tells, setup_plain,
						tcp_teardown),
		waiting(the_table_is_bounded),
	};

	return tcp_run(tests);
}
