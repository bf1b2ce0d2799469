/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The boundary seen from the control process: a region or an event that is invalid ends the
 * attachment and harms nothing; after an attach every session is replayed, also through a small
 * ring; what meets a full ring is not lost (R70, STYLE rules 1 and 2).
 */
#include "tests/world/cp_env.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static int setup(void **state)
{
	static struct env e;

	env_open(&e);
	env_start(&e, 256);
	*state = &e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	env_stop(e);
	env_close(e);
	return 0;
}

/* ---- invalid values ---- */

static void a_region_that_is_invalid(void **state)
{
	struct env *e = *state;
	struct region *r = e->dp.region, good = *r;
	char err[256];

#define WRONG(assignment)                                                          \
	do {                                                                       \
		assignment;                                                        \
		assert_false(fake_dp_attach(&e->dp, &e->s, err, sizeof(err))); \
		assert_false(dplink_attached(e->s.link));                          \
		*r = good;                                                         \
	} while (0)
	WRONG(r->magic++);
	WRONG(r->abi_version++);
	WRONG(r->size += 4096);
	WRONG(r->n_workers = 0);
	WRONG(r->n_workers = CTL_WORKERS_MAX + 1);
	WRONG(r->n_workers = 3);
	WRONG(r->n_ports = CTL_PORTS_MAX + 1);
	WRONG(r->port_info = e->dp.size);
	WRONG(r->port_info = UINT64_MAX - 7);
	WRONG(r->xstats = e->dp.size);
	WRONG(r->xstats = UINT64_MAX - 7);
	WRONG(r->xstats += 4);
	WRONG(r->worker[1].cmd_ring = e->dp.size - 64);
	WRONG(r->worker[1].cmd_ring += 8);
	WRONG(r->worker[1].evt_ring = UINT64_MAX - 63);
	WRONG(r->worker[1].counters = e->dp.size);
	WRONG(r->worker[1].ports = e->dp.size + 64);
	WRONG(r->worker[1].cmd_slots = 255);
	WRONG(r->worker[1].cmd_slots = 0);
	WRONG(r->worker[1].evt_slots = 1u << 31);
	WRONG(r->worker[1].sessions_max = 1);
	WRONG(r->worker[1].conns_max++);
	WRONG(r->worker[1].conns = e->dp.size + 64);
	assert_false(server_attach(&e->s, dup(e->dp.memfd), e->dp.size + 4096,
				   dup(e->dp.wake_cp), err, sizeof(err)));
	assert_false(
	    server_attach(&e->s, dup(e->dp.memfd), 64, dup(e->dp.wake_cp), err, sizeof(err)));
#undef WRONG
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
}

/* A memfd that is shorter than it says, or may become so: to read it would be SIGBUS. */
static void memory_that_is_not_there(void **state)
{
	struct env *e = *state;
	struct region *r = e->dp.region;
	const uint64_t size = r->size, more = size + (1 << 20);
	int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char err[256] = "";

	r->size = more;
	assert_false(
	    server_attach(&e->s, dup(e->dp.memfd), more, dup(e->dp.wake_cp), err, sizeof(err)));
	assert_non_null(strstr(err, "its size is not what was announced"));
	r->size = size;
	assert_int_equal(write(fd, r, size), size);
	assert_false(server_attach(&e->s, dup(fd), size, dup(e->dp.wake_cp), err, sizeof(err)));
	assert_non_null(strstr(err, "its size may change"));
	assert_false(dplink_attached(e->s.link));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_false(server_attach(&e->s, dup(fd), size, dup(e->dp.wake_cp), err, sizeof(err)));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_true(server_attach(&e->s, dup(fd), size, dup(e->dp.wake_cp), err, sizeof(err)));
	close(fd);
}

/* The server must have noticed; then all is well after a new attach. */
static void expect_fault(struct env *e)
{
	uint64_t before = dplink_stats(e->s.link)->faults;
	const char *why;
	char err[256];

	env_poll(e);
	assert_true(dplink_fault(e->s.link, &why));
	assert_int_equal(dplink_stats(e->s.link)->faults, before + 1);
	dplink_detach(e->s.link);
	assert_null(dplink_region(e->s.link));
	assert_null(dplink_counters(e->s.link, 0));
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 256);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	env_poll(e);
	assert_false(dplink_fault(e->s.link, &why));
}

static void lies_on_the_rings(void **state)
{
	struct env *e = *state;
	struct evt_punt p;
	struct evt_result res;

	atomic_store(&e->dp.evt[0].shm->head, e->dp.evt[0].own + 257);
	expect_fault(e);
	atomic_store(&e->dp.cmd[1].shm->tail, e->dp.cmd[1].own - 1000);
	expect_fault(e);
	memset(&p, 0, sizeof(p));
	p.hdr = (struct ctl_hdr){ .type = 77, .len = 8 };
	fake_dp_event(&e->dp, 0, &p, sizeof(p));
	expect_fault(e);
	p.hdr = (struct ctl_hdr){ .type = EVT_PUNT, .len = 8 }; /* shorter than its head */
	fake_dp_event(&e->dp, 0, &p, sizeof(p));
	expect_fault(e);
	p.hdr.len = 0xffff;
	fake_dp_event(&e->dp, 0, &p, sizeof(p));
	expect_fault(e);
	p.hdr = (struct ctl_hdr){ .type = EVT_SYNCED, .len = 7 }; /* shorter than any */
	fake_dp_event(&e->dp, 0, &p, sizeof(p));
	expect_fault(e);
	p.hdr.type = EVT_PUNT;
	p.hdr.len = offsetof(struct evt_punt, payload) + 20;
	p.payload_len = 21;
	fake_dp_event(&e->dp, 0, &p, sizeof(p));
	expect_fault(e);
	p.payload_len = 20;
	p.leg.listener = 9;
	fake_dp_event(&e->dp, 0, &p, sizeof(p));
	expect_fault(e);
	memset(&res, 0, sizeof(res));
	res.hdr = (struct ctl_hdr){ .type = EVT_SESSION_REFUSED, .len = 8 };
	fake_dp_event(&e->dp, 0, &res, sizeof(res));
	expect_fault(e);
	/* a slot out of range is merely a session that is gone */
	fake_dp_result(&e->dp, 0, EVT_PEER_REFUSED, 0, (struct ctl_sid){ UINT32_MAX, 1 });
	env_poll(e);
	assert_true(dplink_attached(e->s.link));
}

/* News of contexts, a value of which cannot be. */
static void lies_about_contexts(void **state)
{
	struct env *e = *state;
	const struct ctl_cid cid = { 0, 1 };
	const struct evt_term good = { .what = TERM_ENDED }, *g = &good;
	struct evt_term bad;
	struct evt_context_stats st = { .hdr = { EVT_CONTEXT_STATS, sizeof(st) - 8, 0 } };

#define WRONG(assignment)                           \
	do {                                        \
		bad = *g;                           \
		assignment;                         \
		fake_dp_term(&e->dp, 0, cid, &bad); \
		expect_fault(e);                    \
	} while (0)
	WRONG(bad.side = 2);
	WRONG(bad.what = TERM_EVENTS);
	WRONG(bad.why = TCP_END_MAX);
	WRONG(bad.rtcp = 2);
#undef WRONG
	fake_dp_context_refused(&e->dp, 1, cid, REFUSALS);
	expect_fault(e);
	fake_dp_event(&e->dp, 1, &st, sizeof(st));
	expect_fault(e);
	/* What is merely not there any more is none, nor is it without a gateway. */
	fake_dp_term(&e->dp, 0, (struct ctl_cid){ UINT32_MAX, 1 }, g);
	fake_dp_context_refused(&e->dp, 1, cid, REFUSED_FULL);
	env_poll(e);
	assert_true(dplink_attached(e->s.link));
	assert_int_equal(dplink_stats(e->s.link)->events_stale, 2);
}

static void fewer_contexts_than_configured(void **state)
{
	struct env *e = *state;
	char err[256];

	e->conf.gateway.contexts = 8; /* of which the region says nothing */
	assert_false(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	assert_non_null(strstr(err, "fewer contexts than configured"));
	e->conf.gateway.contexts = 0;
}

/* ---- replay ---- */

/* What a dataplane would know after carrying out the commands of a worker. */
struct seen {
	uint32_t begins, ends, sessions, perms, chans, dels, sends;
	uint32_t end_seq;
};

/* Takes commands until none come any more, at most `step` between two turns of the server. */
static struct seen drain(struct env *e, uint32_t worker, uint32_t step)
{
	struct seen s = { 0 };
	union ctl_cmd c;
	uint32_t idle = 0;

	while (idle < 3) {
		uint32_t n = 0;

		env_poll(e);
		while (n < step && fake_dp_take(&e->dp, worker, &c)) {
			n++;
			s.begins += c.hdr.type == CMD_SYNC_BEGIN;
			s.ends += c.hdr.type == CMD_SYNC_END;
			s.sessions += c.hdr.type == CMD_SESSION_SET;
			s.perms += c.hdr.type == CMD_PERM_SET;
			s.chans += c.hdr.type == CMD_CHAN_SET;
			s.dels += c.hdr.type == CMD_SESSION_DEL;
			s.sends += c.hdr.type == CMD_SEND;
			if (c.hdr.type == CMD_SYNC_END)
				s.end_seq = c.hdr.seq;
		}
		idle = n ? 0 : idle + 1;
	}
	return s;
}

static void fill(struct env *e, uint16_t n)
{
	struct sock_addr relayed;

	for (uint16_t i = 0; i < n; i++) {
		struct answer ans;
		struct ask a;

		ask_allocate(e, (uint16_t)(1000 + i), &relayed);
		ask_begin(&a, STUN_CREATE_PERMISSION, (uint16_t)(1000 + i));
		ask_peer(&a, "203.0.113.2", 1);
		ask_expect(e, &a, &ans, 0);
		ask_begin(&a, STUN_CHANNEL_BIND, (uint16_t)(1000 + i));
		ask_channel(&a, 0x4000);
		ask_peer(&a, "203.0.113.1", 9);
		ask_expect(e, &a, &ans, 0);
	}
}

static void a_new_dataplane_gets_everything(void **state)
{
	struct env *e = *state;
	struct seen s;
	char err[256];

	fill(e, 20);
	dplink_detach(e->s.link);
	fake_dp_close(&e->dp);
	env_poll(e);			   /* nothing happens without one */
	fake_dp_open(&e->dp, &e->conf, 8); /* ever so small */
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	s = drain(e, 0, 3);
	assert_int_equal(s.begins, 1);
	assert_int_equal(s.ends, 1);
	assert_int_equal(s.sessions, 20);
	assert_int_equal(s.perms, 40);
	assert_int_equal(s.chans, 20);
	assert_true(dplink_replaying(e->s.link));
	fake_dp_result(&e->dp, 0, EVT_SYNCED, s.end_seq, (struct ctl_sid){ 0 });
	s = drain(e, 1, 3);
	assert_int_equal(s.begins + s.ends, 2);
	assert_int_equal(s.sessions, 0); /* all are worker 0's */
	fake_dp_result(&e->dp, 1, EVT_SYNCED, s.end_seq, (struct ctl_sid){ 0 });
	env_poll(e);
	assert_false(dplink_replaying(e->s.link));
}

static void a_new_control_process_takes_over(void **state)
{
	struct env *e = *state;
	struct table_alloc before;
	struct answer ans;
	struct seen s;
	char err[256];
	struct ask a;

	fill(e, 3);
	before = *env_alloc(e, 1001);
	server_close(&e->s); /* as good as killed: nothing is written on the way out */
	e->now_ms += 2000;
	if (!server_open(&e->s, &e->conf, NULL, e->now_ms, 0, err, sizeof(err)))
		fail_msg("%s", err);
	assert_memory_equal(env_alloc(e, 1001), &before, sizeof(before));
	assert_int_equal(ports_used(e->s.ports, 0) + ports_used(e->s.ports, 1), 3);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	s = drain(e, 0, 1000);
	assert_int_equal(s.sessions, 3);
	assert_int_equal(s.perms, 6);
	assert_int_equal(s.chans, 3);
	drain(e, 1, 1000);
	/* clients go on as if nothing had been */
	ask_begin(&a, STUN_REFRESH, 1001);
	ask_expect(e, &a, &ans, 0);
	env_advance(e, 3600000); /* timers run: all expire */
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
	assert_int_equal(ports_used(e->s.ports, 2), 0);
}

static void requests_are_served_during_a_replay(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct seen s;
	char err[256];

	fill(e, 40);
	dplink_detach(e->s.link);
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 32);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	env_poll(e); /* worker 0's ring is full of the replay as far as it may be */
	assert_true(dplink_replaying(e->s.link));
	assert_in_range(dplink_room(e->s.link, 0), 16, 31);
	{
		struct ask a;
		size_t len;

		ask_begin(&a, STUN_ALLOCATE, 5000);
		ask_transport(&a);
		len = stun_end(&a.b);
		fake_dp_punt(&e->dp, 0, &a.leg.client, a.buf, len, e->now_ms * 1000);
		env_poll(e);
	}
	assert_non_null(env_alloc(e, 5000));
	s = drain(e, 0, 7);
	assert_int_equal(s.sends, 1);
	assert_in_range(s.sessions, 41, 42); /* the new one directly, perhaps by the replay too */
	(void)relayed;
}

/* Not one request a turn: half of the ring is theirs. */
static void a_replay_leaves_room_for_a_burst(void **state)
{
	struct env *e = *state;
	char err[256];

	fill(e, 40); /* 160 commands */
	dplink_detach(e->s.link);
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 256);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	env_poll(e);
	assert_true(dplink_replaying(e->s.link));
	for (uint16_t i = 0; i < 20; i++) {
		struct ask a;
		size_t len;

		ask_begin(&a, STUN_ALLOCATE, 5000 + i);
		ask_transport(&a);
		len = stun_end(&a.b);
		fake_dp_punt(&e->dp, 0, &a.leg.client, a.buf, len, e->now_ms * 1000);
	}
	env_poll(e); /* nothing was taken from the ring */
	assert_int_equal(table_stats(e->s.table)->allocs, 60);
}

/* ---- full rings ---- */

static void a_full_ring_holds_requests_back(void **state)
{
	struct env *e = *state;
	struct sock_addr client = addr("198.51.100.7", 1000);
	struct seen s;
	struct ask a;
	size_t len;

	for (int i = 0; i < 250; i++) {
		ask_begin(&a, STUN_REFRESH, 1000); /* 437, one reply each */
		len = stun_end(&a.b);
		fake_dp_punt(&e->dp, 0, &client, a.buf, len, e->now_ms * 1000);
	}
	env_poll(e);
	/* what one request may need stays free: the others wait in the event ring */
	assert_in_range(dplink_room(e->s.link, 0), DPLINK_RESERVE - 1, DPLINK_RESERVE);
	assert_true(e->s.stats.requests[SERVER_REFRESH] < 250);
	s = drain(e, 0, 50);
	assert_int_equal(s.sends, 250);
	assert_int_equal(dplink_stats(e->s.link)->replies_full, 0);
}

/* The other end of the bargain is in test_boundary.c. */
static void a_full_event_ring_is_not_left_alone(void **state)
{
	struct env *e = *state;
	struct cmd_send send = { .payload_len = 20 };
	const struct ctl_sid nobody = { 63, 1 };
	uint64_t before = dplink_stats(e->s.link)->events;

	while (dplink_cmd(e->s.link, 0, CMD_SEND, &send, 64))
		;
	for (int i = 0; i < 255; i++) {
		fake_dp_result(&e->dp, 0, EVT_SESSION_REFUSED, 0, nobody);
		env_poll(e);
	}
	assert_int_equal(dplink_stats(e->s.link)->events, before);
	fake_dp_result(&e->dp, 0, EVT_SESSION_REFUSED, 0, nobody);
	assert_int_equal(dplink_poll(e->s.link, UINT32_MAX), DPLINK_BLOCKED);
	assert_int_equal(dplink_stats(e->s.link)->events, before + 1);
	drain(e, 0, 50);
	assert_int_equal(dplink_stats(e->s.link)->events, before + 256);
}

static void a_command_that_meets_a_full_ring_is_made_up_for(void **state)
{
	struct env *e = *state;
	struct cmd_session_del del = { .sid = { 63, 1 } };
	struct cmd_send send = { .payload_len = 20 };
	struct seen s;

	fill(e, 2);
	while (dplink_cmd(e->s.link, 0, CMD_SESSION_DEL, &del, sizeof(del)))
		;
	assert_int_equal(dplink_stats(e->s.link)->commands_full, 1);
	assert_false(dplink_cmd(e->s.link, 0, CMD_SEND, &send, 64));
	assert_int_equal(dplink_stats(e->s.link)->replies_full, 1);
	assert_true(dplink_replaying(e->s.link));
	s = drain(e, 0, 10);
	assert_int_equal(s.begins, 1);
	assert_int_equal(s.sessions, 2);
	assert_int_equal(s.ends, 1);
}

static void expiries_wait_for_room(void **state)
{
	struct env *e = *state;
	struct seen s;
	char err[256];

	fill(e, 40);
	dplink_detach(e->s.link);
	fake_dp_close(&e->dp);
	fake_dp_open(&e->dp, &e->conf, 16);
	assert_true(fake_dp_attach(&e->dp, &e->s, err, sizeof(err)));
	drain(e, 0, 1000);
	drain(e, 1, 1000);
	e->now_ms += 601000;
	s = drain(e, 0, 5);
	assert_int_equal(s.dels, 40);
	assert_int_equal(s.begins, 0); /* none was lost */
	assert_int_equal(table_stats(e->s.table)->allocs, 0);
}

/* ---- sleep ---- */

static void sleep_is_refused_while_events_wait(void **state)
{
	struct env *e = *state;

	assert_true(dplink_sleep(e->s.link));
	assert_int_equal(atomic_load(&e->dp.evt[0].shm->asleep), 1);
	assert_true(ring_must_wake(&e->dp.evt[0])); /* the writer is asked to ring, once */
	assert_false(ring_must_wake(&e->dp.evt[0]));
	dplink_awake(e->s.link);
	fake_dp_result(&e->dp, 1, EVT_PEER_REFUSED, 0, (struct ctl_sid){ 0 });
	assert_false(dplink_sleep(e->s.link));
	assert_int_equal(atomic_load(&e->dp.evt[0].shm->asleep), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_region_that_is_invalid),
		T(memory_that_is_not_there),
		T(lies_on_the_rings),
		T(lies_about_contexts),
		T(fewer_contexts_than_configured),
		T(a_new_dataplane_gets_everything),
		T(a_new_control_process_takes_over),
		T(requests_are_served_during_a_replay),
		T(a_replay_leaves_room_for_a_burst),
		T(a_full_ring_holds_requests_back),
		T(a_full_event_ring_is_not_left_alone),
		T(a_command_that_meets_a_full_ring_is_made_up_for),
		T(expiries_wait_for_room),
		T(sleep_is_refused_while_events_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
