/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What passes between two terminations and what does not: back-pressure, gates (R28), policing,
 * the marks of packets, statistics, silence; terminations that are held, joined anew and moved; and
 * that no end goes untold, whatever becomes of the event ring.
 */
#include "tests/world/stream_world.h"
#include "dp/tcp/accounts.h"

static uint8_t bytes[400000];

/* ---- back-pressure ---- */

/* A reader that stops stops the writer, with so much on the way as windows and buffers say. */
static void pressure(enum ctl_transport a, enum ctl_transport b)
{
	const struct config_tcp *c = &world.conf.tcp;
	struct host *from, *to;
	uint64_t sent;

	gate_up(a, 0, b, 0);
	from = gate.far[0].host;
	to = gate.far[1].host;
	to->stop = true;
	if (a == TERM_TLS) {
		for (uint32_t at = 0; at < sizeof(bytes); at += 10000)
			SSL_write(gate.far[0].tls.ssl, bytes + at, 10000);
		gate_run();
	} else {
		from->to_send = sizeof(bytes);
		gate_run();
	}
	sent = from->sent;
	assert_true(sent > HOST_WND);
	assert_true(sent < HOST_WND + c->send_buffer + c->receive_buffer + 3 * TLS_CIPHER_MAX_12);
	gate_pass_ms(100);
	assert_int_equal(from->sent, sent);
	assert_true(tcp_held(world.w) < c->buffers);
	host_go(to);
	gate_run();
	assert_int_equal(gate.far[1].n, sizeof(bytes));
}

static void tcp_pressure(void **state)
{
	(void)state;
	pressure(TERM_TCP, TERM_TCP);
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		if (gate.far[1].got[i] != host_pattern(0, i))
			fail_msg("byte %u is wrong", i);
}

static void tls_pressure(void **state)
{
	(void)state;
	fill(bytes, sizeof(bytes), 7);
	pressure(TERM_TLS, TERM_TLS);
	far_heard(1, bytes, sizeof(bytes));
}

/* What the control process reads without asking: of a stream there are bytes, and no packets. */
static void bytes_are_shown(void **state)
{
	const struct ctl_context_use *u = &world.w->boundary.gate_use[gate.want.cid.slot];

	(void)state;
	gate_up(TERM_TCP, 0, TERM_TLS, 0);
	assert_int_equal(u->side[0].bytes | u->heard_s[0], 0);
	far_say(0, "hello", 5);
	for (int i = 0; i < 11 && !u->side[0].bytes; i++)
		gate_pass_ms(100);
	assert_int_equal(u->side[0].bytes, 5);
	assert_int_equal(u->side[0].packets | u->side[1].bytes, 0);
	assert_in_range(u->side[0].bytes_per_s, 4, 6); /* of the second that it came in */
	assert_in_range(u->heard_s[0], world.w->now - 2, world.w->now);
	gate_pass_ms(2200);
	assert_int_equal(u->side[0].bytes, 5);
	assert_int_equal(u->side[0].bytes_per_s, 0);
}

/* Bytes that come before the partner is up wait in the window (R51). */
static void early(void **state)
{
	(void)state;
	gate_want(0, TERM_TLS, 0);
	gate_want(1, TERM_TLS, TERM_CONNECT);
	gate_term(1)->attempt = 0;
	gate_set();
	far_connect(0);
	gate_event(0, TERM_UP);
	far_say(0, "am I early?", 11);
	gate_pass_ms(500);
	gate_term(1)->attempt = 1;
	gate_set();
	gate_event(1, TERM_UP);
	far_heard(1, "am I early?", 11);
	assert_int_equal(world_count(0, CNT_GATE_JOINED), 1);
}

/* Half a record waits as long as it takes, when it is our own window that keeps its rest away. */
static void half_a_record(uint32_t ms)
{
	world.conf.tcp.frame_ms = 1000;
	fill(bytes, 100000, 9);
	gate_want(0, TERM_TLS, 0);
	gate_want(1, TERM_TCP, 0);
	gate_set();
	far_connect(0);
	gate_event(0, TERM_UP);
	far_say(0, bytes, 100000);
	gate_pass_ms(ms);
	gate_no_event();
	gate.far[0].mute = true; /* and then so long as any may take */
	far_connect(1);
	gate_event(1, TERM_UP);
	gate_pass_ms(900);
	gate_no_event();
	gate.far[0].mute = false;
	gate_run();
	far_heard(1, bytes, 100000);
}

static void early_half_a_record(void **state)
{
	(void)state;
	half_a_record(900);
}

static void early_half_a_record_for_long(void **state)
{
	(void)state;
	half_a_record(3900);
}

/* Half a record, and no more; the window has room for its rest. */
static void half_said(void)
{
	uint8_t half[500];

	gate_pass_ms(1);
	assert_int_equal(SSL_write(gate.far[0].tls.ssl, bytes, 1000), 1000);
	assert_int_equal(BIO_read(gate.far[0].tls.out, half, sizeof(half)), sizeof(half));
	host_say(gate.far[0].host, half, sizeof(half));
	gate.far[0].mute = true;
}

/* What may come is waited for as ever, also while it is not known whose it is. */
static void early_half_a_record_unjudged(void **state)
{
	(void)state;
	world.conf.tcp.frame_ms = 1000;
	fill(bytes, 1000, 5);
	gate_unjudged(0);
	half_said();
	gate_pass_ms(900);
	gate_no_event();
	gate_fingerprint(0, FP_SHA256, true);
	gate_set();
	gate_event(0, TERM_UP);
	gate.far[0].mute = false;
	gate_run();
	far_heard(1, bytes, 1000);
	gate_again();
	gate_unjudged(0);
	half_said();
	gate_pass_ms(1100);
	gate_unfit(0, TCP_END_FRAME_TIMEOUT);
	gate.far[0].host->fin = true;
}

/* ---- gates ---- */

static void gates(void **state)
{
	(void)state;
	gate_up(TERM_TLS, 0, TERM_TCP, 0);
	gate_term(0)->flags &= (uint16_t)~TERM_IN;
	gate_set();
	far_say(0, "one", 3);
	far_say(1, "other way", 9);
	far_heard(0, "other way", 9);
	assert_int_equal(gate.far[1].n, 0);
	gate_term(0)->flags |= TERM_IN;
	gate_term(1)->flags &= (uint16_t)~TERM_OUT;
	gate_set();
	assert_int_equal(gate.far[1].n, 0);
	gate_term(1)->flags |= TERM_OUT;
	gate_set();
	far_heard(1, "one", 3);
}

/* An end is noticed behind a closed gate, with nothing before it. */
static void gate_and_fin(void **state)
{
	(void)state;
	gate_up(TERM_TCP, 0, TERM_TLS, 0);
	gate_term(0)->flags &= (uint16_t) ~(TERM_IN | TERM_OUT);
	gate_set();
	far_say(1, "unheard", 7);
	far_close(0);
	gate_pass_ms(200);
	gate_ended(0, TCP_END_DONE);
	gate_ended(1, TCP_END_RELEASED);
	assert_int_equal(gate.far[0].n, 0);
	far_closed(1);
}

/* Half a record that was there when the gate closed. */
static void gate_and_half_a_record(void **state)
{
	(void)state;
	world.conf.tcp.frame_ms = 1000;
	fill(bytes, 1000, 4);
	gate_up(TERM_TLS, 0, TERM_TCP, 0);
	half_said();
	gate_pass_ms(400);
	gate_term(0)->flags &= (uint16_t)~TERM_IN;
	gate_set();
	gate_pass_ms(400);
	gate_no_event();
	gate_term(0)->flags |= TERM_IN;
	gate_set();
	gate.far[0].mute = false;
	gate_run();
	far_heard(1, bytes, 1000);
	half_said();
	gate_term(0)->flags &= (uint16_t)~TERM_IN;
	gate_set();
	gate_pass_ms(1200);
	gate_ended(0, TCP_END_FRAME_TIMEOUT);
	gate_ended(1, TCP_END_PARTNER);
}

/* ---- policing ---- */

/* 1000 bytes a second and 2000 at once: more by one buffer, which is a debt. */
static void policing(void **state)
{
	uint64_t seen;

	(void)state;
	fill(bytes, 10000, 3);
	gate_want(0, TERM_TCP, 0);
	gate_want(1, TERM_TLS, 0);
	gate_term(0)->rate = 1000;
	gate_term(0)->burst = 2000;
	gate_set();
	far_connect(0);
	far_connect(1);
	gate_event(0, TERM_UP);
	gate_event(1, TERM_UP);
	far_say(0, bytes, 10000);
	seen = gate.far[1].n;
	assert_in_range(seen, 2000, 2000 + RTE_MBUF_DEFAULT_DATAROOM);
	for (uint32_t s = 1; s <= 4; s++) {
		gate_pass_ms(1000);
		assert_in_range(gate.far[1].n, 2000 + s * 1000 - 20,
				2000 + s * 1000 + RTE_MBUF_DEFAULT_DATAROOM);
	}
	gate_pass_ms(5000);
	far_heard(1, bytes, 10000);
	/* The other direction is not policed. */
	far_say(1, bytes, 10000);
	far_heard(0, bytes, 10000);
	/* Nor this one any more. */
	gate_term(0)->rate = gate_term(0)->burst = 0;
	gate_set();
	far_say(0, bytes, 10000);
	far_heard(1, bytes, 10000);
}

/* What is kept back by policing goes before the end, too. */
static void policing_and_fin(void **state)
{
	(void)state;
	fill(bytes, 5000, 3);
	gate_up(TERM_TCP, 0, TERM_TCP, 0);
	gate_term(1)->rate = gate_term(1)->burst = 1000;
	gate_set();
	far_say(1, bytes, 5000);
	far_close(0);
	gate_no_event();
	gate_pass_ms(5000);
	gate_ended(0, TCP_END_DONE);
	gate_ended(1, TCP_END_RELEASED);
	far_heard(0, bytes, 5000);
}

/* ---- marks, statistics, silence ---- */

static void dscp(void **state)
{
	(void)state;
	gate_want(0, TERM_TCP, 0);
	gate_want(1, TERM_TCP, TERM_CONNECT);
	gate_term(0)->dscp = 46;
	gate_term(1)->dscp = 10;
	gate_set();
	far_connect(0);
	gate_event(0, TERM_UP);
	gate_event(1, TERM_UP);
	assert_int_equal(gate.far[0].host->syn_tos >> 2, 46);
	assert_int_equal(gate.far[1].host->syn_tos >> 2, 10);
	far_say(0, "x", 1);
	far_say(1, "y", 1);
	assert_int_equal(gate.far[0].host->tos >> 2, 46);
	assert_int_equal(gate.far[1].host->tos >> 2, 10);
	gate_term(1)->dscp = CTL_DSCP_KEEP;
	gate_set();
	far_say(0, "x", 1);
	assert_int_equal(gate.far[1].host->tos >> 2, 0);
}

/* It changes after the SYN, while the connection is nobody's until TLS begins. */
static void dscp_before_the_handshake(void **state)
{
	(void)state;
	gate_want(0, TERM_TLS, 0);
	gate_want(1, TERM_TCP, 0);
	gate_term(0)->dscp = 46;
	gate_set();
	gate.far[0].mute = true;
	far_connect(0);
	assert_int_equal(gate.far[0].host->syn_tos >> 2, 46);
	gate_term(0)->dscp = 10;
	gate_set();
	gate.far[0].mute = false;
	gate_run();
	gate_event(0, TERM_UP);
	assert_int_equal(gate.far[0].host->tos >> 2, 10);
}

static void statistics(void **state)
{
	(void)state;
	gate_up(TERM_TLS, 0, TERM_TCP, 0);
	gate_audit();
	assert_int_equal(gate.stats.term[0].bytes, 0);
	assert_int_equal(gate.stats.term[0].silent_s, UINT32_MAX);
	far_say(0, "sixteen bytes, 16", 16);
	gate_pass_ms(3200);
	gate_audit();
	assert_int_equal(gate.stats.term[0].bytes, 16);
	assert_int_equal(gate.stats.term[0].silent_s, 3);
	assert_int_equal(gate.stats.term[1].bytes, 0);
}

static void inactivity(void **state)
{
	struct ctl_hdr sync = { 0 };

	(void)state;
	gate_want(0, TERM_TCP, 0);
	gate_want(1, TERM_TCP, 0);
	gate_term(1)->inactivity = 2;
	gate_set();
	far_connect(0);
	far_connect(1);
	gate_event(0, TERM_UP);
	gate_event(1, TERM_UP);
	gate_pass_ms(1800);
	gate_no_event();
	far_say(0, "not this one", 12);
	gate_pass_ms(1400);
	gate_event(1, TERM_INACTIVE);
	gate_pass_ms(5000);
	gate_no_event(); /* told once */
	far_say(1, "here", 4);
	gate_pass_ms(1800);
	gate_no_event();
	gate_pass_ms(1500);
	gate_event(1, TERM_INACTIVE);
	assert_true(world_cmd(0, CMD_SYNC_BEGIN, &sync, sizeof(sync)));
	gate_set();
	assert_true(world_cmd(0, CMD_SYNC_END, &sync, sizeof(sync)));
	gate_pass_ms(200);
	gate_event(0, TERM_UP);
	gate_event(1, TERM_UP);
	gate_event(1, TERM_INACTIVE); /* for who may not have been there */
	gate_no_event();
}

/* ---- hold ---- */

/* The end of one is not the other's: it waits, and may go on with another partner. */
static void hold(void **state)
{
	(void)state;
	gate.want.flags = CONTEXT_HOLD;
	gate_up(TERM_TLS, 0, TERM_TLS, TERM_TLS_CLIENT);
	host_rst(gate.far[0].host);
	gate_run();
	gate_ended(0, TCP_END_RESET);
	far_say(1, "hello?", 6);
	gate_pass_ms(1000);
	gate_no_event();
	assert_false(gate.far[1].host->rst || gate.far[1].host->fin_rcvd);
	/* Subtracted, and another is added. */
	gate_term(0)->transport = TERM_NONE;
	gate_set();
	gate_no_event();
	gate_want(0, TERM_TCP, 0);
	gate_set();
	far_connect(0);
	gate_event(0, TERM_UP);
	far_heard(0, "hello?", 6);
	far_say(0, "here", 4);
	far_heard(1, "here", 4);
}

/* Or the controller says that it shall end after all. */
static void hold_no_more(void **state)
{
	(void)state;
	gate.want.flags = CONTEXT_HOLD;
	gate_up(TERM_TCP, 0, TERM_TLS, 0);
	far_close(0);
	gate_ended(0, TCP_END_DONE);
	gate_pass_ms(200);
	gate_no_event();
	gate.want.flags = 0;
	gate_set();
	gate_ended(0, TCP_END_DONE); /* asked again, told again */
	gate_ended(1, TCP_END_RELEASED);
	far_closed(1);
}

/* One that is held may end by itself, too. */
static void hold_and_end(void **state)
{
	(void)state;
	gate.want.flags = CONTEXT_HOLD;
	gate_up(TERM_TCP, 0, TERM_TLS, 0);
	host_rst(gate.far[0].host);
	gate_run();
	gate_ended(0, TCP_END_RESET);
	far_close(1);
	gate_pass_ms(200);
	gate_ended(1, TCP_END_DONE);
	far_closed(1);
}

/* ---- move ---- */

/* Who is charged for the connection of a side's remote. */
static const struct account *charged(uint32_t i)
{
	const struct tcp *t = world.w->tcp;
	uint32_t n;

	for (n = 0; n < world.conf.tcp.connections; n++) {
		const struct tcp_conn *c = &t->conn[n];

		if (c->gen & CONN_GEN_LIVE && c->state == TCP_ESTABLISHED &&
		    ip_eq(&c->remote_ip, &gate.far[i].host->addr.ip))
			return c->charged ? account_of(t, c) : NULL;
	}
	return NULL;
}

/* A live connection goes to another context, with what it holds, which is charged to that. */
static void move(void **state)
{
	struct cmd_context_move c = {
		.cid = gate.want.cid, .to = { 2, 9 }, .side = 0, .to_side = 1
	};
	struct cmd_context_set first, other;

	(void)state;
	gate_up(TERM_TLS, 0, TERM_TCP, 0);
	assert_non_null(charged(0));
	assert_ptr_equal(charged(0), charged(1));
	first = gate.want;
	/* The other context has a termination that is not up yet. */
	other = first;
	other.cid = c.to;
	other.term[0] = other.term[1];
	other.term[0].local.port = be16_make(LOCAL_PORT + 4);
	other.term[1].transport = TERM_NONE;
	assert_true(world_cmd(0, CMD_CONTEXT_SET, &other, sizeof(other)));
	gate_term(1)->flags &= (uint16_t)~TERM_OUT;
	gate_set();
	far_say(0, "on its way", 10);
	assert_int_equal(gate.far[1].n, 0);
	assert_true(world_cmd(0, CMD_CONTEXT_MOVE, &c, sizeof(c)));
	gate_run();
	assert_non_null(charged(0));
	assert_ptr_not_equal(charged(0), charged(1));
	/* News of the context that it was in may be on their way. */
	assert_memory_equal(&gate_event(1, TERM_UP)->cid, &c.to, sizeof(c.to));
	gate_no_event();
	assert_false(gate.far[0].host->rst || gate.far[0].host->fin_rcvd);
	assert_false(gate.far[1].host->rst || gate.far[1].host->fin_rcvd);
	/* The first keeps its other side, and the one that moved comes up with its new partner. */
	gate_term(0)->transport = TERM_NONE;
	gate_set();
	assert_false(gate.far[1].host->rst || gate.far[1].host->fin_rcvd);
	{
		struct sock_addr us = at("10.2.0.1", LOCAL_PORT + 4);

		host_rst(gate.far[1].host);
		gate_run();
		gate_ended(1, TCP_END_RESET);
		gate.far[1].host->us = us;
		gate.far[1].host->addr.port = be16_make(7100);
		gate.far[1].host->rst = gate.far[1].host->open = false;
		gate.far[1].host->sent = gate.far[1].host->received = 0;
		gate.far[1].host->to_send = 0;
	}
	host_connect(gate.far[1].host);
	gate_run();
	assert_memory_equal(&gate_event(0, TERM_UP)->cid, &c.to, sizeof(c.to));
	far_heard(1, "on its way", 10);
	far_say(1, "arrived", 7);
	far_heard(0, "arrived", 7);
	far_close(0);
	gate_ended(1, TCP_END_DONE);
	gate_ended(0, TCP_END_RELEASED);
	gate_del();
	gate.want.cid = c.to;
}

/* ---- events ---- */

/* Nothing is lost while the ring is full: it is told as soon as it may be. */
static void ring_fill(void)
{
	static const struct evt_term noise;

	gate.deaf = true;
	while (context_tell(world.w, gate.want.cid.slot, &noise))
		;
}

static void ring_empty(void)
{
	gate.deaf = false;
	gate_run();
	gate.n_events = 0; /* the noise */
	gate_pass_ms(200);
}

static void ring_full(void **state)
{
	(void)state;
	gate_up(TERM_TLS, 0, TERM_TCP, 0);
	ring_fill();
	host_rst(gate.far[0].host);
	gate_pass_ms(500);
	far_reset(1);
	assert_int_equal(world.w->counters->cnt[CNT_GATE_ENDED], 2);
	ring_empty();
	gate_ended(0, TCP_END_RESET);
	gate_ended(1, TCP_END_PARTNER);
}

/* But the end of an attempt that has been given up would be taken for that of the next. */
static void ring_full_and_begun_anew(void **state)
{
	(void)state;
	gate_up(TERM_TCP, 0, TERM_TCP, 0);
	ring_fill();
	host_rst(gate.far[0].host);
	gate_pass_ms(200);
	for (uint32_t i = 0; i < SIDES; i++)
		gate_want(i, TERM_TCP, 0);
	gate_set();
	ring_empty();
	gate_no_event();
	for (uint32_t i = 0; i < SIDES; i++) {
		far_connect(i);
		assert_int_equal(gate_event(i, TERM_UP)->attempt, 2);
	}
}

/* Nor is its remote anybody to the next. */
static void begun_anew_and_ended(void **state)
{
	static const uint8_t none[sizeof(((struct evt_term *)0)->sha256)];
	const struct evt_term *e;

	(void)state;
	gate_up(TERM_TLS, 0, TERM_TCP, 0);
	host_rst(gate.far[1].host);
	gate_run();
	gate_ended(0, TCP_END_PARTNER);
	gate_ended(1, TCP_END_RESET);
	gate_want(0, TERM_TLS, 0);
	gate_set();
	gate_ended(1, TCP_END_RESET);
	e = gate_event(0, TERM_ENDED);
	assert_int_equal(e->attempt, 2);
	assert_int_equal(be16_get(e->remote.port), 0);
	assert_int_equal(e->tls_version, 0);
	assert_memory_equal(e->sha256, none, sizeof(none));
}

/* Whoever asks again hears it again: a controller that was away. */
static void told_again(void **state)
{
	(void)state;
	gate_up(TERM_TCP, 0, TERM_TCP, 0);
	far_close(1);
	gate_ended(0, TCP_END_RELEASED);
	gate_ended(1, TCP_END_DONE);
	gate_set();
	gate_ended(0, TCP_END_RELEASED);
	gate_ended(1, TCP_END_DONE);
}

/* And in a replay how it stands: the news may have gone with who had it. */
static void told_in_a_replay(void **state)
{
	struct ctl_hdr sync;

	(void)state;
	gate_unjudged(0);
	gate_set();
	gate_no_event();
	for (int k = 0; k < 2; k++) {
		assert_true(world_cmd(0, CMD_SYNC_BEGIN, &sync, sizeof(sync)));
		gate_set();
		assert_true(world_cmd(0, CMD_SYNC_END, &sync, sizeof(sync)));
		gate_pass_ms(200);
		gate_event(0, TERM_UNJUDGED);
		gate_event(1, TERM_UP);
		gate_no_event();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		gate_test(tcp_pressure),
		gate_test(bytes_are_shown),
		gate_test(tls_pressure),
		gate_test(early),
		gate_test(early_half_a_record),
		gate_test(early_half_a_record_for_long),
		gate_test(early_half_a_record_unjudged),
		gate_test(gates),
		gate_test(gate_and_fin),
		gate_test(gate_and_half_a_record),
		gate_test(policing),
		gate_test(policing_and_fin),
		gate_test(dscp),
		gate_test(dscp_before_the_handshake),
		gate_test(statistics),
		gate_test(inactivity),
		gate_test(hold),
		gate_test(hold_no_more),
		gate_test(hold_and_end),
		gate_test(move),
		gate_test(ring_full),
		gate_test(ring_full_and_begun_anew),
		gate_test(begun_anew_and_ended),
		gate_test(told_again),
		gate_test(told_in_a_replay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
