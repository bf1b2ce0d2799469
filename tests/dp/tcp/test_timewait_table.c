/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pins: TIME-WAIT as entries of a table of its own (RFC 9293 3.10.7.4). The other side's FIN is
 * acknowledged again, and starts the 2 MSL again; RST ends nothing (RFC 1337); old segments are
 * answered within the budget of RFC 5961 7, and never in a loop. A SYN gets in where RFC 6191 2
 * lets it: by timestamps, or by sequence numbers on both sides where there are none. The oldest
 * entry makes room, and what is over is forgotten a bounded number a call.
 */
#include "tests/world/unit.h"
#include "tests/world/segment.h"
#include "tests/world/worker.h"
#include "dp/tcp/conn.h"

enum {
	LOCAL_PORT = 3478,
	REMOTE_PORT = 4000,
	RCV_NXT = 0xfffffffe, /* behind the FIN */
	SND_NXT = 0x80000005,
	TS_RECENT = 0xfffffff0,
	TS_OFFSET = 77,
	MSL2 = 60000,
};

static const struct tcp_app *nobody(struct worker *w, struct tcp_request *r)
{
	(void)w;
	(void)r;
	return NULL;
}

static int setup(void **state)
{
	world_setup(state);
	world.w->tcp->accept = nobody;
	return 0;
}

static struct sock_addr local, remote;

/* A connection from REMOTE_PORT + i goes to TIME-WAIT. */
static void enter(uint16_t i, bool ts, bool v6)
{
	struct tcp_conn *c = conn_alloc(world.w);

	assert_non_null(c);
	local = at(v6 ? "fd00:1::1" : "10.1.0.1", LOCAL_PORT);
	remote = at(v6 ? "fd00:1::2" : "10.1.0.2", (uint16_t)(REMOTE_PORT + i));
	c->local = (uint16_t)(dplane_local(&world.dp, &local.ip) - world.dp.local);
	c->local_port = local.port;
	c->remote_ip = remote.ip;
	c->remote_port = remote.port;
	c->flags = ts ? CONN_TS : 0;
	c->rcv_nxt = RCV_NXT;
	c->rcv_adv = RCV_NXT + (1000 << 4);
	c->rcv_wscale = 4;
	c->snd_una = c->snd_max = SND_NXT;
	c->ts_recent = TS_RECENT;
	c->ts_offset = TS_OFFSET;
	assert_true(conn_insert(world.w, c));
	tcp_set_state(world.w, c, TCP_TIME_WAIT);
	timewait_enter(world.w, c);
	world_run();
}

static uint32_t entries(void)
{
	assert_int_equal(world.w->counters->cnt[CNT_TCP_TIME_WAIT], world.w->tcp->tw_n);
	return world.w->tcp->tw_n;
}

/* A segment to the last entry, len bytes of data; ts: its timestamp, if not 0. */
static void seg(uint8_t flags, uint32_t seq, uint16_t len, uint32_t ts)
{
	struct tcp_out_opts o = { .ts = ts, .tsval = ts, .tsecr = 9 };
	uint8_t opt[SEGMENT_HDR_MAX], data[100] = { 0 };
	struct segment s = { .src = remote,
			     .dst = local,
			     .seq = seq,
			     .ack = SND_NXT,
			     .flags = flags,
			     .wnd = 1000,
			     .opt = opt,
			     .opt_len = (uint8_t)tcp_opts_write(opt, &o),
			     .data = data,
			     .len = len };
	struct frame f;

	assert_in_range(len, 0, sizeof(data));
	frame_tcp(&f, ACCESS, &s, NULL);
	world_mark();
	world_feed(ACCESS, &f);
}

/* What was sent, checked but for flags, numbers and options. */
static struct tcp_seg sent(void)
{
	const struct frame *f = world_out(ACCESS);
	struct segment raw;
	struct tcp_seg s;
	uint32_t len;

	assert_non_null(f);
	assert_true(segment_read(f, &raw));
	assert_true(sock_addr_eq(&raw.src, &local) && sock_addr_eq(&raw.dst, &remote));
	len = (uint32_t)(f->len - frame_l4(f));
	assert_true(tcp_parse(&s, f->b + frame_l4(f), len, len));
	world_no_out();
	world_forget();
	return s;
}

static void expect_ack(bool ts)
{
	struct tcp_seg s = sent();

	assert_int_equal(s.flags, TCP_ACK);
	assert_int_equal(s.seq, SND_NXT);
	assert_int_equal(s.ack, RCV_NXT);
	assert_int_equal(s.wnd, 1000);
	assert_int_equal(s.len, 0);
	assert_int_equal(s.has_ts, ts);
	if (ts) {
		assert_int_equal(s.tsval, (uint32_t)world.w->now_ms + TS_OFFSET);
		assert_true(seq_ge(s.tsecr, TS_RECENT));
	}
}

/* It went on to where segments without a connection go. */
static void expect_listener(void)
{
	assert_int_equal(sent().flags & TCP_RST, TCP_RST);
	assert_int_equal(entries(), 0);
	world_drops(DROP_TCP_PORT, 1);
}

static void later(uint32_t ms)
{
	world_clock_ms(world.w->now_ms + ms);
}

/* ---- entries ---- */

static void test_enter(void **state)
{
	struct tcp *t = world.w->tcp;

	(void)state;
	enter(0, true, false);
	assert_int_equal(entries(), 1);
	assert_int_equal(t->conns, 0);
	assert_int_equal(rte_hash_count(t->table), 1);
	assert_int_equal(world.w->counters->end[TCP_END_DONE], 1);
	later(MSL2 - 1);
	world_run();
	assert_int_equal(entries(), 1);
	later(200);
	world_run();
	assert_int_equal(entries(), 0);
	assert_int_equal(rte_hash_count(t->table), 0);
	world_no_out();
}

/* R36: when all are in use the oldest is forgotten. */
static void test_full(void **state)
{
	uint16_t i;

	(void)state;
	for (i = 0; i < 17; i++)
		enter(i, true, false);
	assert_int_equal(entries(), 16);
	assert_int_equal(rte_hash_count(world.w->tcp->table), 16);
	remote.port = be16_make(REMOTE_PORT + 1);
	seg(TCP_FIN | TCP_ACK, RCV_NXT - 1, 0, TS_RECENT + 1);
	expect_ack(true);
	remote.port = be16_make(REMOTE_PORT);
	seg(TCP_FIN | TCP_ACK, RCV_NXT - 1, 0, TS_RECENT + 1);
	assert_int_equal(sent().flags, TCP_RST);
	/* The second is the youngest now: the third goes first. */
	enter(17, true, false);
	remote.port = be16_make(REMOTE_PORT + 1);
	seg(TCP_FIN | TCP_ACK, RCV_NXT - 1, 0, TS_RECENT + 1);
	expect_ack(true);
	remote.port = be16_make(REMOTE_PORT + 2);
	seg(TCP_FIN | TCP_ACK, RCV_NXT - 1, 0, TS_RECENT + 1);
	assert_int_equal(sent().flags, TCP_RST);
}

/* So many a tick that 80,000 connections a second leave none behind. */
static void test_tick(void **state)
{
	enum { ENTRIES = 10000, A_TICK = 8192 };
	uint16_t i;

	(void)state;
	world_stop();
	world_config();
	world.conf.tcp.time_wait = ENTRIES;
	world_start();
	for (i = 0; i < ENTRIES; i++)
		enter(i, false, false);
	assert_int_equal(entries(), ENTRIES);
	later(MSL2);
	timewait_tick(world.w);
	assert_int_equal(entries(), ENTRIES - A_TICK);
	timewait_tick(world.w);
	assert_int_equal(entries(), 0);
	assert_int_equal(rte_hash_count(world.w->tcp->table), 0);
}

/* ---- segments ---- */

static void test_fin_again(void **state)
{
	bool v6 = *state != NULL;

	enter(0, true, v6);
	later(MSL2 - 1000);
	seg(TCP_FIN | TCP_ACK, RCV_NXT - 1, 0, TS_RECENT + 50);
	expect_ack(true);
	world_drops(DROP_NONE, 0);
	assert_int_equal(world_count(0, CNT_TCP_CHALLENGE), 0);
	later(MSL2 - 1000);
	/* With the data before it. */
	seg(TCP_FIN | TCP_ACK | TCP_PSH, RCV_NXT - 11, 10, TS_RECENT + 60);
	expect_ack(true);
	later(MSL2 - 1000);
	world_run();
	assert_int_equal(entries(), 1);
	later(2000);
	world_run();
	assert_int_equal(entries(), 0);
}

static void test_rst(void **state)
{
	(void)state;
	enter(0, true, false);
	seg(TCP_RST, RCV_NXT, 0, TS_RECENT + 1);
	world_drops(DROP_TCP_CLOSED, 1);
	seg(TCP_RST | TCP_ACK, RCV_NXT, 0, 0);
	world_drops(DROP_TCP_CLOSED, 1);
	world_no_out();
	assert_int_equal(entries(), 1);
}

static void test_bare(void **state)
{
	(void)state;
	enter(0, false, false);
	seg(TCP_ACK, RCV_NXT, 0, 0); /* as it should be: no answer */
	world_drops(DROP_NONE, 0);
	world_no_out();
	seg(TCP_ACK, RCV_NXT - 1, 0, 0); /* keep-alive */
	expect_ack(false);
	world_drops(DROP_TCP_SEQ, 1);
	assert_int_equal(world_count(0, CNT_TCP_CHALLENGE), 1);
	seg(TCP_ACK, RCV_NXT + 1000, 0, 0); /* two that disagree must come to rest */
	world_no_out();
	later(499);
	seg(TCP_ACK, RCV_NXT + 1000, 0, 0);
	world_no_out();
	later(1);
	seg(TCP_ACK, RCV_NXT + 1000, 0, 0);
	expect_ack(false);
}

static void test_old(void **state)
{
	(void)state;
	enter(0, true, false);
	seg(TCP_ACK | TCP_PSH, RCV_NXT - 100, 50, TS_RECENT);
	expect_ack(true);
	world_drops(DROP_TCP_SEQ, 1);
	seg(TCP_ACK | TCP_PSH, RCV_NXT - 100, 50, TS_RECENT); /* not as often as it likes */
	world_no_out();
	/* Data up to where the stream ends, without its FIN. */
	later(500);
	seg(TCP_ACK | TCP_PSH, RCV_NXT - 10, 10, TS_RECENT);
	expect_ack(true);
	/* Data behind FIN there cannot be. */
	later(500);
	seg(TCP_ACK | TCP_PSH, RCV_NXT, 50, TS_RECENT);
	expect_ack(true);
	/* PAWS, even for FIN: the timer goes on (RFC 7323 5.3 R1). */
	later(MSL2 - 2500);
	seg(TCP_FIN | TCP_ACK, RCV_NXT - 1, 0, TS_RECENT - 1);
	expect_ack(true);
	world_drops(DROP_TCP_PAWS, 1);
	seg(TCP_ACK, RCV_NXT, 0, TS_RECENT + 9);
	world_no_out();
	later(500);
	seg(TCP_ACK | TCP_PSH, RCV_NXT - 100, 50, TS_RECENT + 8);
	assert_int_equal(sent().tsecr, TS_RECENT + 9);
	world_drops(DROP_TCP_PAWS, 1);
	later(2000);
	world_run();
	assert_int_equal(entries(), 0);
}

/* RFC 5961 7: who makes us waste the budget does not keep a FIN from being acknowledged. */
static void test_budget(void **state)
{
	(void)state;
	enter(0, false, false);
	world.w->tcp->challenge_ms = world.w->now_ms;
	world.w->tcp->challenge_left = 1;
	seg(TCP_ACK, RCV_NXT - 100, 10, 0);
	expect_ack(false);
	later(500);
	seg(TCP_ACK, RCV_NXT - 100, 10, 0);
	world_no_out();
	world_drops(DROP_TCP_SEQ, 1);
	seg(TCP_FIN | TCP_ACK, RCV_NXT - 1, 0, 0);
	expect_ack(false);
}

static void test_over(void **state)
{
	(void)state;
	enter(0, false, false);
	later(MSL2);
	seg(TCP_ACK, RCV_NXT, 0, 0); /* before housekeeping has looked */
	expect_listener();
	assert_int_equal(world_count(0, CNT_TCP_TW_REUSED), 0);
}

/* ---- SYN ---- */

/* Our next ISN is on the right side of SND_NXT, or on the wrong one. */
static void isn_after(bool right)
{
	uint32_t i, isn;

	for (i = 0; i < 64; i++) {
		isn = tcp_isn(world.w, &local, &remote);
		if (seq_gt(isn, SND_NXT) == right && seq_lt(isn + (1u << 20), SND_NXT) != right)
			return;
		world.w->tcp->key.k[0]++;
	}
	fail();
}

static void test_reuse(void **state)
{
	static const struct {
		bool was_ts, in;
		uint32_t seq, ts;
	} row[] = {
		/* Timestamps in both: they alone decide, unless they are the same. */
		{ true, true, RCV_NXT - 1000, TS_RECENT + 1 },
		{ true, true, RCV_NXT + 1, TS_RECENT + 0x7fffffffu },
		{ true, true, RCV_NXT + 1, TS_RECENT },
		{ true, false, RCV_NXT, TS_RECENT },
		{ true, false, RCV_NXT + 1000, TS_RECENT - 1 },
		/* In the new one only: later than all without. */
		{ false, true, RCV_NXT - 1000, 5 },
		/* In the old one only, or in none: by sequence number. */
		{ true, true, RCV_NXT + 1, 0 },
		{ true, false, RCV_NXT, 0 },
		{ false, true, RCV_NXT + 1, 0 },
		{ false, false, RCV_NXT, 0 },
		{ false, false, RCV_NXT - 1000, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		enter((uint16_t)i, row[i].was_ts, false);
		isn_after(true);
		seg(TCP_SYN, row[i].seq, 0, row[i].ts);
		assert_int_equal(world_count(0, CNT_TCP_TW_REUSED), row[i].in);
		if (row[i].in) {
			expect_listener();
			continue;
		}
		expect_ack(row[i].was_ts);
		world_drops(DROP_TCP_SYN, 1);
		assert_int_equal(entries(), 1);
		later(MSL2);
		timewait_tick(world.w);
	}
}

/* RFC 9293 3.4.1, RFC 1122 4.2.2.13: our own numbers must be new as well. */
static void test_reuse_isn(void **state)
{
	(void)state;
	enter(0, false, false);
	isn_after(false);
	seg(TCP_SYN, RCV_NXT + 1, 0, 0);
	expect_ack(false);
	seg(TCP_SYN, RCV_NXT + 1, 0, 5); /* timestamps tell them apart */
	expect_listener();
}

/* SYN-ACK is nobody's first. */
static void test_syn_ack(void **state)
{
	(void)state;
	enter(0, true, false);
	isn_after(true);
	seg(TCP_SYN | TCP_ACK, RCV_NXT + 1, 0, TS_RECENT + 1);
	expect_ack(true);
	world_drops(DROP_TCP_SYN, 1);
	assert_int_equal(entries(), 1);
}

int main(void)
{
	static bool v6 = true;
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_enter),
		TEST(test_full),
		TEST(test_tick),
		TEST(test_fin_again),
		{ "test_fin_again_v6", test_fin_again, setup, world_teardown, &v6 },
		TEST(test_rst),
		TEST(test_bare),
		TEST(test_old),
		TEST(test_budget),
		TEST(test_over),
		TEST(test_reuse),
		TEST(test_reuse_isn),
		TEST(test_syn_ack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
