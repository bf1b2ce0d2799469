/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream loses nothing (RFC 8489 6.2.2: over TCP a client sends once and waits): a request that
 * came over one is answered however full the rings are, once, and behind the commands that carry
 * it out; so is a Connect whose outcome nobody asked for. Each test ends with a look at what is
 * left behind.
 */
#include "tests/world/cp_env.h"

enum { SLOTS = 256 };

static const struct ctl_conn conn = { 17, 3 };
static const struct ctl_sid nobody = { 63, 1 };

/* ---- a worker that takes no commands ---- */

static void fill_commands(struct env *e, uint32_t worker)
{
	struct cmd_send send = { .payload_len = 20 };

	while (dplink_room(e->s.link, worker))
		assert_true(dplink_cmd(e->s.link, worker, CMD_SEND, &send, 64));
}

/* News of nobody, up to the last slot. */
static void fill_events(struct env *e, uint32_t worker)
{
	while (ring_room(&e->dp.evt[worker], 1) > 0)
		fake_dp_result(&e->dp, worker, EVT_SESSION_REFUSED, 0, nobody);
}

static void punt(struct env *e, struct ask *a)
{
	size_t len = stun_end(&a->b);

	fake_dp_punt_leg(&e->dp, a->worker, &a->leg, a->buf, len, e->now_ms * 1000);
}

static void begin(struct ask *a, enum stun_method method, uint16_t port)
{
	ask_begin(a, method, port);
	ask_over_tcp(a, conn);
}

/* What a worker that goes on takes. */
struct taken {
	uint32_t replies; /* to q */
	uint32_t states;  /* commands about sessions before the reply to q */
	int code;	  /* of the last */
};

/* Takes all commands of a worker, a few at a time. */
static struct taken drain(struct env *e, const struct ask *q)
{
	struct taken t = { 0 };
	struct stun_msg m;
	union ctl_cmd c;
	uint32_t idle = 0;

	while (idle < 3) {
		uint32_t n = 0;

		env_poll(e);
		for (; n < 5 && fake_dp_take(&e->dp, q->worker, &c); n++) {
			t.states += !t.replies &&
				    (c.hdr.type == CMD_SESSION_SET || c.hdr.type == CMD_PERM_SET);
			if (c.hdr.type == CMD_SYNC_END)
				fake_dp_result(&e->dp, q->worker, EVT_SYNCED, c.hdr.seq,
					       (struct ctl_sid){ 0 });
			if (c.hdr.type != CMD_SEND || !c.send.payload[0])
				continue;
			if (memcmp(&c.send.leg, &q->leg, sizeof(q->leg)) != 0 ||
			    stun_parse(&m, c.send.payload, c.send.payload_len) != STUN_OK ||
			    memcmp(m.tid, q->tid, STUN_TID_LEN) != 0)
				continue;
			t.replies++;
			t.code = m.cls == STUN_ERROR ? stun_get_error(&m.error_code) : 0;
		}
		idle = n ? 0 : idle + 1;
	}
	return t;
}

static void allocate(struct env *e, uint16_t port)
{
	struct answer ans;
	struct ask q;

	begin(&q, STUN_ALLOCATE, port);
	ask_transport_tcp(&q);
	ask_expect(e, &q, &ans, 0);
	assert_non_null(env_alloc_tcp(e, port));
}

static void assert_none_lost(struct env *e)
{
	assert_int_equal(dplink_stats(e->s.link)->replies_full, 0);
	assert_int_equal(dplink_stats(e->s.link)->commands_full, 0);
	assert_int_equal(pending_used(e->s.pending), 0);
}

/* ---- requests ---- */

/* Neither side has room: events give way, but none is carried out by halves. */
static void both_rings_full(void **state)
{
	struct env *e = *state;
	struct taken t;
	struct ask q;

	allocate(e, 1000);
	begin(&q, STUN_CREATE_PERMISSION, 1000);
	ask_peer(&q, "203.0.113.1", 0);
	ask_peer(&q, "203.0.113.2", 0);
	fill_commands(e, 0);
	punt(e, &q);
	fill_events(e, 0);
	env_poll(e);
	assert_int_equal(ring_room(&e->dp.evt[0], 1), 1); /* the dataplane may go on */
	assert_int_equal(e->s.stats.requests[SERVER_CREATE_PERMISSION], 0);
	t = drain(e, &q);
	assert_int_equal(t.replies, 1);
	assert_int_equal(t.code, 0);
	assert_int_equal(t.states, 2);
	assert_none_lost(e);
}

/* All that a ring holds, one by one, and in order. */
static void a_ring_of_requests(void **state)
{
	struct env *e = *state;
	static struct ask q[SLOTS];
	struct stun_msg m;
	union ctl_cmd c;
	uint32_t next = 0;

	fill_commands(e, 0);
	for (uint32_t i = 0; i < SLOTS; i++) {
		begin(&q[i], STUN_REFRESH, 1000); /* 437 */
		punt(e, &q[i]);
	}
	for (uint32_t turn = 0; turn < 4 * SLOTS && next < SLOTS; turn++) {
		env_poll(e);
		if (!fake_dp_take(&e->dp, 0, &c) || !c.send.payload[0])
			continue;
		assert_int_equal(c.hdr.type, CMD_SEND);
		assert_int_equal(stun_parse(&m, c.send.payload, c.send.payload_len), STUN_OK);
		assert_memory_equal(m.tid, q[next].tid, STUN_TID_LEN);
		next++;
		/* each command has an answer */
		while (turn < SLOTS / 2 && ring_room(&e->dp.evt[0], 1) > 0)
			fake_dp_result(&e->dp, 0, EVT_SESSION_REFUSED, 0, nobody);
	}
	assert_int_equal(next, SLOTS);
	assert_none_lost(e);
}

/* Each command that is taken fills the event ring again: what is kept is bounded by the reserve. */
static void what_is_kept_is_bounded(void **state)
{
	struct env *e = *state;
	struct taken t;
	union ctl_cmd c;
	struct ask q;

	begin(&q, STUN_REFRESH, 1000);
	fill_commands(e, 0);
	punt(e, &q);
	for (uint32_t i = 0; i < 4 * SLOTS; i++) {
		fill_events(e, 0);
		env_poll(e);
		if (!fake_dp_take(&e->dp, 0, &c))
			break;
	}
	assert_in_range(dplink_stats(e->s.link)->events_kept, 1, 2 * DPLINK_RESERVE);
	t = drain(e, &q);
	assert_int_equal(t.replies + (c.hdr.type == CMD_SEND && c.send.payload[0]), 1);
	assert_none_lost(e);
}

/* A dataplane that takes nothing any more, ever: what is kept for it goes with the attachment. */
static void a_dataplane_that_goes(void **state)
{
	struct env *e = *state;
	struct ask q;

	begin(&q, STUN_REFRESH, 1000);
	fill_commands(e, 0);
	punt(e, &q);
	fill_events(e, 0);
	env_poll(e);
	assert_int_equal(dplink_stats(e->s.link)->events_kept, 1);
	dplink_detach(e->s.link);
	env_poll(e);
	assert_int_equal(e->s.stats.requests[SERVER_REFRESH], 0);
}

/* ---- Connects ---- */

/* A Connect under way. */
static void connect_begin(struct env *e, struct ask *q, const char *ip)
{
	union ctl_cmd c;

	begin(q, STUN_CONNECT, 1000);
	ask_peer(q, ip, 80);
	punt(e, q);
	assert_true(env_take(e, 0, CMD_CONNECT, &c));
}

/* One without an outcome, of a worker that hangs, for longer than others wait for it. */
static void connect_unanswered(struct env *e, struct ask *q)
{
	allocate(e, 1000);
	connect_begin(e, q, "203.0.113.1");
	fill_commands(e, 0);
	env_advance(e, 34000);
}

/* No outcome ever came, and the worker hangs meanwhile: longer than others wait for it. */
static void a_connect_without_an_outcome(void **state)
{
	struct env *e = *state;
	struct sock_addr peer;
	struct taken t;
	struct ask q;

	connect_unanswered(e, &q);
	env_advance(e, 2000);
	peer = addr("203.0.113.1", 80);
	assert_null(pending_find_peer(e->s.pending, 0, env_alloc_tcp(e, 1000)->sid, &peer));
	assert_int_equal(pending_used(e->s.pending), 1);
	assert_int_equal(drain(e, &q).replies, 0);
	e->now_ms += 1100;
	t = drain(e, &q);
	assert_int_equal(t.replies, 1);
	assert_int_equal(t.code, 447);
	assert_none_lost(e);
}

/* Its allocation ends while the ring is full, and the peer can be connected to by another. */
static void a_connect_whose_allocation_expires(void **state)
{
	struct env *e = *state;
	struct ask q, other;
	struct taken t;

	e->conf.tcp.connect_timeout = 3600;
	allocate(e, 1000);
	connect_begin(e, &q, "203.0.113.1");
	connect_begin(e, &other, "203.0.113.2");
	fill_commands(e, 0);
	env_advance(e, 598000);
	env_advance(e, 2000);
	env_advance(e, 2000);
	assert_null(env_alloc_tcp(e, 1000));
	assert_int_equal(pending_used(e->s.pending), 2);
	drain(e, &q);
	e->now_ms += 1100;
	env_poll(e);
	t = drain(e, &q);
	assert_int_equal(t.replies, 1);
	assert_int_equal(t.code, 437);
	assert_int_equal(pending_used(e->s.pending), 0);
	assert_int_equal(dplink_stats(e->s.link)->replies_full, 0);
}

/* Nobody waits for longer than a client does. */
static void an_answer_that_nobody_waits_for(void **state)
{
	struct env *e = *state;
	struct ask q;

	connect_unanswered(e, &q);
	for (int i = 0; i < 50; i++)
		env_advance(e, 1000);
	assert_int_equal(drain(e, &q).replies, 0);
	assert_none_lost(e);
}

/* Another dataplane may have given the connection's name to somebody else. */
static void an_answer_of_an_earlier_dataplane(void **state)
{
	struct env *e = *state;
	char err[256];
	struct ask q;

	connect_unanswered(e, &q);
	env_advance(e, 2000);
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, SLOTS);
	e->dp.region->generation++;
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	e->now_ms += 1100;
	assert_int_equal(drain(e, &q).replies, 0);
	assert_none_lost(e);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, env_setup_started, env_teardown)
	const struct CMUnitTest tests[] = {
		T(both_rings_full),
		T(a_ring_of_requests),
		T(what_is_kept_is_bounded),
		T(a_dataplane_that_goes),
		T(a_connect_without_an_outcome),
		T(a_connect_whose_allocation_expires),
		T(an_answer_that_nobody_waits_for),
		T(an_answer_of_an_earlier_dataplane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
