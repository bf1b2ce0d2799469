/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both ends of the boundary at once, a worker and the control process's link, over rings that are
 * ever so small: whatever is full, neither waits for the other for ever; no answer of a command is
 * lost, however many requests come in between; and a replay comes to its end (R70).
 */
#include "tests/world/unit.h"
#include "tests/world/media_world.h"
#include "cp/adopt.h"
#include "cp/dispatch.h"
#include "dp/boundary.h"
#include "dp/turn/peer_conn.h"

#include <stddef.h>

#include <sys/eventfd.h>
#include <unistd.h>

enum { ASKED_MAX = 64 };

static struct dplink *l;
static struct cmd_context_set call;
static uint32_t asked[ASKED_MAX]; /* CMD_CONTEXT_AUDIT without an answer, by number */
static uint32_t n_asked, n_refused, n_punts, n_gone;
static uint32_t replay_turns; /* that one takes */

/* ---- the control process ---- */

void adopt_told(struct server *s, uint32_t worker)
{
	(void)s;
	(void)worker;
}

void adopt_done(struct server *s)
{
	(void)s;
}

/* Each request has a reply. */
static void on_punt(uint32_t worker, const struct evt_punt *p)
{
	struct cmd_send c = { .leg = p->leg, .payload_len = 20 };

	n_punts++;
	dplink_cmd(l, worker, CMD_SEND, &c, (uint16_t)(offsetof(struct cmd_send, payload) + 20));
}

static void on_stats(const struct evt_context_stats *e)
{
	uint32_t i = 0;

	while (i < n_asked && asked[i] != e->hdr.seq)
		i++;
	assert_true(i < n_asked);
	asked[i] = asked[--n_asked];
}

bool dispatch_event(struct server *s, uint32_t worker, const union ctl_evt *e)
{
	(void)s;
	switch (e->hdr.type) {
	case EVT_PUNT:
		on_punt(worker, &e->punt);
		break;
	case EVT_CONTEXT_STATS:
		on_stats(&e->context_stats);
		break;
	case EVT_CONTEXT_REFUSED:
		assert_int_equal(e->context_refused.why, REFUSED_BAD);
		n_refused++;
		break;
	case EVT_CONN_GONE:
		n_gone++;
		break;
	default:
		assert_int_equal(e->hdr.type, EVT_TERM);
	}
	return true;
}

/* There is nothing but the call, named each time. */
enum dplink_work dispatch_replay(struct server *s, uint32_t worker, struct dplink_cursor *cur)
{
	(void)s;
	if (cur->sent)
		return cur->slot++ < replay_turns ? DPLINK_MORE : DPLINK_IDLE;
	if (dplink_replay_room(l, worker) == 0)
		return DPLINK_BLOCKED;
	cur->sent = dplink_cmd(l, worker, CMD_CONTEXT_SET, &call, sizeof(call));
	return DPLINK_MORE;
}

/* Asks for counters, as often as there is room for, n times at most. */
static uint32_t ask(uint32_t n)
{
	struct cmd_context c = { .cid = call.cid };
	uint32_t i;

	for (i = 0; i < n && n_asked < ASKED_MAX; i++) {
		if (!dplink_cmd(l, 0, CMD_CONTEXT_AUDIT, &c, sizeof(c)))
			break;
		asked[n_asked++] = c.hdr.seq;
	}
	return i;
}

static bool lied(void)
{
	const char *why;

	return dplink_fault(l, &why) || !world.w->boundary.rings_ok;
}

/* ---- requests ---- */

static void requests_in(uint32_t n)
{
	static const uint8_t tid[STUN_TID_LEN] = "abcdefghijk";
	const struct sock_addr client = at("10.1.0.2", 5000), to = at("10.1.0.1", 3478);
	static struct frame f;
	struct stun_builder b;
	uint8_t msg[64];

	stun_begin(&b, msg, sizeof(msg), stun_type(STUN_ALLOCATE, STUN_REQUEST), tid);
	frame_udp(&f, ACCESS, &client, &to, msg, stun_end(&b), NULL);
	while (n--)
		world_in(ACCESS, 0, &f);
	world_run();
	world_forget();
}

/* As many as there is room for. */
static void requests_fill(void)
{
	requests_in(world.conf.dataplane.ring_slots);
	assert_int_equal(ring_room(&world.w->boundary.evt, UINT32_MAX),
			 evt_stranger_reserve(world.w));
}

/* And other events. */
static void events_fill(void)
{
	requests_fill();
	while (context_tell(world.w, call.cid.slot, &(struct evt_term){ .what = TERM_INACTIVE }))
		;
	assert_int_equal(ring_room(&world.w->boundary.evt, UINT32_MAX), evt_reserve(world.w));
}

/* ---- */

static int setup(void **state)
{
	char err[256];

	media_setup(state);
	call = media_call(TERM_RTP);
	n_asked = n_refused = n_punts = n_gone = replay_turns = 0;
	l = dplink_create(&world.conf, NULL);
	assert_true(dplink_attach(l, dup(world.region_fd), world.dp.region_size,
				  eventfd(0, EFD_CLOEXEC), err, sizeof(err)));
	while (dplink_replaying(l)) {
		dplink_poll(l, UINT32_MAX);
		world_run();
	}
	return 0;
}

static int teardown(void **state)
{
	dplink_free(l);
	return world_teardown(state);
}

/*
 * Both processes go on by turns. True once neither has anything left to do or, while requests come,
 * once all was answered.
 */
static bool settles(uint32_t budget, uint32_t requests)
{
	const uint32_t slots = world.conf.dataplane.ring_slots;

	for (uint32_t i = 0; i < 200; i++) {
		enum dplink_work work = dplink_poll(l, budget);

		assert_false(lied());
		requests_in(requests);
		if (requests ? n_asked == 0 && !dplink_replaying(l)
			     : work == DPLINK_IDLE && ring_count(&world.w->boundary.cmd, 1) == 0 &&
				   ring_room(&world.w->boundary.evt, slots) == (int)slots)
			return true;
	}
	return false;
}

/* The worst there is: neither has room for what it would say next. */
static void both_full(void)
{
	events_fill();
	assert_int_equal(ask(evt_reserve(world.w)), evt_reserve(world.w));
	world_run();
	assert_int_equal(ring_room(&world.w->boundary.evt, UINT32_MAX), 0);
	assert_int_equal(ask(ASKED_MAX), world.conf.dataplane.ring_slots);
	world_run();
	assert_int_equal(dplink_room(l, 0), 0);
}

static void both_rings_full(void **state)
{
	uint64_t lost;

	(void)state;
	both_full();
	lost = dplink_stats(l)->replies_full;
	assert_true(settles(UINT32_MAX, 0));
	assert_int_equal(dplink_stats(l)->replies_full, lost);
	assert_int_equal(n_asked, 0);
	assert_int_equal(n_punts, world.conf.dataplane.ring_slots - evt_stranger_reserve(world.w));
	assert_int_equal(dplink_stats(l)->commands_full, 0);
}

/* A refusal that were lost would leave a context that is none. */
static void refusals_behind_full_rings(void **state)
{
	struct cmd_context_set bad = call;
	uint32_t n;

	(void)state;
	bad.cid.gen = 0;
	events_fill();
	for (n = 0; dplink_room(l, 0); n++)
		assert_true(dplink_cmd(l, 0, CMD_CONTEXT_SET, &bad, sizeof(bad)));
	assert_true(settles(UINT32_MAX, 0));
	assert_int_equal(n_refused, n);
}

/* As many requests as there may be, and a control process that takes one event at a time. */
static void a_flood(void **state)
{
	uint64_t lost;

	(void)state;
	both_full();
	lost = dplink_stats(l)->replies_full;
	assert_true(settles(1, 30));
	assert_int_equal(dplink_stats(l)->replies_full, lost);
	assert_true(n_punts > 0);
}

static void a_replay_meets_full_rings(void **state)
{
	struct cmd_conn_close none = { .conn = { 0 } };
	uint64_t replays = dplink_stats(l)->replays;

	(void)state;
	both_full();
	assert_false(dplink_cmd(l, 0, CMD_CONN_CLOSE, &none, sizeof(none)));
	assert_true(dplink_replaying(l));
	assert_true(settles(1, 30));
	assert_int_equal(dplink_stats(l)->replays, replays + 1);
	assert_non_null(context_find(world.w, call.cid));
}

static void tick(void)
{
	world_clock_ms(world.w->now_ms + NEIGH_TICK_MS + 1);
	world_run();
}

/* Nobody keeps a connection's end for later: a replay finds out (EVT_SESSION_REFUSED). */
static void the_end_of_a_connection(void **state)
{
	uint64_t replays = dplink_stats(l)->replays;

	(void)state;
	both_full();
	conn_gone_event(world.w, (struct ctl_sid){ 1, 7 }, (struct ctl_conn){ 3, 1 }, CONN_CLIENT,
			TCP_END_RESET);
	assert_true(settles(UINT32_MAX, 0));
	tick();
	assert_true(settles(UINT32_MAX, 0));
	assert_int_equal(dplink_stats(l)->ends_lost, 1);
	assert_true(dplink_replaying(l));
	assert_true(settles(UINT32_MAX, 0));
	assert_int_equal(dplink_stats(l)->replays, replays + 1);
	tick(); /* it is told once */
	assert_true(settles(UINT32_MAX, 0));
	assert_int_equal(dplink_stats(l)->ends_lost, 1);
}

/* What is lost while a replay is under way has another, but that one comes to its end. */
static void a_replay_while_more_is_lost(void **state)
{
	uint64_t replays = dplink_stats(l)->replays;

	(void)state;
	replay_turns = 20;
	for (uint32_t i = 0; i < 3 * replay_turns; i++) {
		evt_lost(world.w);
		evt_lost_tell(world.w);
		dplink_poll(l, UINT32_MAX);
		world_run();
	}
	assert_in_range(dplink_stats(l)->replays, replays + 2, replays + 3);
	assert_true(settles(UINT32_MAX, 0));
	assert_true(settles(UINT32_MAX, 0));
	replays = dplink_stats(l)->replays;
	assert_false(dplink_replaying(l));
	assert_true(settles(UINT32_MAX, 0));
	assert_int_equal(dplink_stats(l)->replays, replays);
}

/* However many requests there are, there is room for it: a flood is not to cause replays. */
static void the_end_of_a_connection_in_a_flood(void **state)
{
	(void)state;
	for (int k = 0; k < 10; k++) {
		requests_fill();
		conn_gone_event(world.w, (struct ctl_sid){ 1, 7 }, (struct ctl_conn){ 3, 1 },
				CONN_CLIENT, TCP_END_RESET);
		assert_true(settles(UINT32_MAX, 0));
		tick();
	}
	assert_true(settles(UINT32_MAX, 0));
	assert_int_equal(n_gone, 10);
	assert_int_equal(dplink_stats(l)->ends_lost, 0);
}

/* One side that is not there: the other waits, and nothing is lost. */
static void nobody_takes_events(void **state)
{
	uint32_t n = world.conf.dataplane.ring_slots;

	(void)state;
	assert_int_equal(ask(n), n);
	world_run(); /* all have an answer, which nobody reads */
	assert_int_equal(ask(3), 3);
	world_run();
	assert_int_equal(ring_count(&world.w->boundary.cmd, UINT32_MAX), 3);
	assert_true(settles(UINT32_MAX, 0));
	assert_int_equal(n_asked, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(both_rings_full),
		T(refusals_behind_full_rings),
		T(a_flood),
		T(a_replay_meets_full_rings),
		T(the_end_of_a_connection),
		T(the_end_of_a_connection_in_a_flood),
		T(a_replay_while_more_is_lost),
		T(nobody_takes_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
