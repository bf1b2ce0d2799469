/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The record of an allocation's end has what it relayed up to its last packet, which a worker tells
 * when it has ended the session: the record waits for that, not for a worker that hangs or for a
 * dataplane that is gone. Each end is told once, in order, however many wait. Of a context what
 * came so far is in each update, and in its end where nobody answers with more.
 */
#include "tests/world/gate_env.h"

#include "cp/context/gateway.h"
#include "cp/record/records.h"
#include "cp/record/tell.h"
#include "cp/session.h"

#include <string.h>

enum { BEFORE = 10, AFTER = 15 }; /* packets that are known when it ends, and then */

static void records_begun(struct env *e)
{
	static struct config_records conf = { .queue = 4096 };
	char err[256];

	e->s.records = records_open(&conf, err, sizeof(err));
	assert_non_null(e->s.records);
}

static int setup(void **state)
{
	struct sock_addr relayed;
	struct env *e;

	env_setup_started(state);
	e = *state;
	records_begun(e);
	ask_allocate(e, 1, &relayed);
	ask_allocate(e, 2, &relayed);
	gate_drain(e);
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;
	struct records *r = e->s.records;
	int rc;

	tell_close(&e->s);
	e->s.records = NULL;
	rc = env_teardown(state);
	records_close(r);
	return rc;
}

/* As its worker begins it, and has relayed by now. */
static void relays(struct env *e, const struct table_alloc *a, uint64_t packets)
{
	struct ctl_use *u =
	    (struct ctl_use *)(e->dp.base + e->dp.region->worker[a->worker].use) + a->sid.slot;

	for (int way = 0; way < CTL_WAYS; way++) {
		u->packets[way] = (packets + (uint64_t)way) << CTL_USE_SECOND;
		u->bytes[way] = 100 * packets << CTL_USE_GEN |
				(a->sid.gen >> CTL_USE_GEN * way & ((1u << CTL_USE_GEN) - 1));
	}
}

static uint64_t told(const struct env *e)
{
	return records_last(e->s.records);
}

/* The newest record is the end of one that relayed so much. */
static void end_is(const struct env *e, uint64_t packets)
{
	const struct record *r = records_get(e->s.records, told(e));

	assert_int_equal(r->seq, told(e));
	assert_int_equal(r->event, RECORD_END);
	assert_string_equal(r->reason, "killed");
	assert_true(r->alloc.counted);
	assert_int_equal(r->alloc.to_peer.packets, packets);
	assert_int_equal(r->alloc.to_peer.bytes, 100 * packets);
	assert_int_equal(r->alloc.to_client.packets, packets + 1);
	assert_string_equal(r->alloc.user, "alice");
}

static void what_came_until_the_end_counts(void **state)
{
	struct env *e = *state;
	const uint64_t n = told(e);
	struct table_alloc a = *env_alloc(e, 1);

	relays(e, &a, BEFORE);
	session_kill(&e->s, env_alloc(e, 1));
	env_poll(e);
	assert_int_equal(told(e), n);
	relays(e, &a, AFTER);
	gate_drain(e);
	env_poll(e);
	assert_int_equal(told(e), n + 1);
	end_is(e, AFTER);
}

/* The next session has begun in its place: what was known stays. */
static void anothers_is_not_taken(void **state)
{
	struct env *e = *state;
	struct table_alloc a = *env_alloc(e, 1);

	relays(e, &a, BEFORE);
	session_kill(&e->s, env_alloc(e, 1));
	a.sid.gen++;
	relays(e, &a, AFTER);
	gate_drain(e);
	env_poll(e);
	end_is(e, BEFORE);
}

static void a_worker_that_hangs_is_not_waited_for(void **state)
{
	struct env *e = *state;
	const uint64_t n = told(e);
	struct table_alloc a = *env_alloc(e, 1);

	relays(e, &a, BEFORE);
	session_kill(&e->s, env_alloc(e, 1));
	env_advance(e, TELL_END_MS - 1);
	assert_int_equal(told(e), n);
	env_advance(e, 1);
	assert_int_equal(told(e), n + 1);
	end_is(e, BEFORE);
	gate_drain(e);
	env_poll(e);
	assert_int_equal(told(e), n + 1);
}

static void nor_is_a_dataplane_that_is_gone(void **state)
{
	struct env *e = *state;
	const uint64_t n = told(e);
	struct table_alloc a = *env_alloc(e, 1);

	relays(e, &a, BEFORE);
	session_kill(&e->s, env_alloc(e, 1));
	dplink_detach(e->s.link);
	env_poll(e);
	assert_int_equal(told(e), n + 1);
	end_is(e, BEFORE);
	session_kill(&e->s, env_alloc(e, 2));
	assert_int_equal(told(e), n + 2);
	assert_false(records_get(e->s.records, n + 2)->alloc.counted);
}

static void the_last_are_told_when_it_stops(void **state)
{
	struct env *e = *state;
	const uint64_t n = told(e);

	session_kill(&e->s, env_alloc(e, 1));
	session_kill(&e->s, env_alloc(e, 2));
	assert_int_equal(told(e), n);
	tell_close(&e->s);
	assert_int_equal(told(e), n + 2);
	assert_true(tell_open(&e->s));
}

/* None is lost where more end than may wait: the oldest then does not. */
static void more_than_may_wait(void **state)
{
	struct env *e = *state;
	const uint64_t n = told(e);
	const struct table_alloc a = *env_alloc(e, 1);

	assert_int_equal(tell_room(&e->s), TELL_ENDS);
	session_kill(&e->s, env_alloc(e, 1));
	for (uint32_t i = 1; i < TELL_ENDS; i++)
		tell_alloc(&e->s, &a, RECORD_END, "killed");
	assert_int_equal(told(e), n);
	assert_int_equal(tell_room(&e->s), 0);
	tell_alloc(&e->s, &a, RECORD_END, "killed");
	assert_int_equal(told(e), n + 1);
	assert_int_equal(tell_room(&e->s), 0);
	gate_drain(e);
	env_poll(e);
	assert_int_equal(told(e), n + 1 + TELL_ENDS);
	assert_int_equal(tell_room(&e->s), TELL_ENDS);
}

/* ---- contexts ---- */

static int context_setup(void **state)
{
	gate_setup(state);
	records_begun(*state);
	return 0;
}

/* What a worker wrote of it. */
static void context_use(struct env *e, const struct context *c, uint64_t packets)
{
	struct ctl_context_use *u =
	    (struct ctl_context_use *)(e->dp.base + e->dp.region->worker[c->worker].gate_use) +
	    c->cid.slot;

	for (uint64_t side = 0; side < 2; side++) {
		u->side[side].packets = packets + side;
		u->side[side].bytes = 100 * packets;
	}
	u->gen = c->cid.gen;
}

static void context_told(const struct env *e, enum record_event event, bool counted,
			 uint64_t packets)
{
	const struct record *r = records_get(e->s.records, told(e));

	assert_int_equal(r->type, RECORD_CONTEXT);
	assert_int_equal(r->event, event);
	assert_int_equal(r->context.counted, counted);
	for (uint64_t side = 0; counted && side < 2; side++) {
		assert_int_equal(r->context.term[side].received.packets, packets + side);
		assert_int_equal(r->context.term[side].received.bytes, 100 * packets);
	}
}

static void what_came_to_a_context(void **state)
{
	struct env *e = *state;
	struct context *c = gate_added_udp(e);

	context_told(e, RECORD_START, false, 0);
	gate_report(e->s.gateway, c); /* its worker has not written anything */
	context_told(e, RECORD_UPDATE, false, 0);
	context_use(e, c, 70);
	gate_report(e->s.gateway, c);
	context_told(e, RECORD_UPDATE, true, 70);
	context_use(e, c, 90);
	gate_kill(e->s.gateway, c);
	gate_pass(e, 30); /* nobody says more */
	context_told(e, RECORD_END, true, 90);
}

#define C(name) cmocka_unit_test_setup_teardown(name, context_setup, teardown)
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_came_until_the_end_counts),
		T(anothers_is_not_taken),
		T(a_worker_that_hangs_is_not_waited_for),
		T(nor_is_a_dataplane_that_is_gone),
		T(the_last_are_told_when_it_stops),
		T(more_than_may_wait),
		C(what_came_to_a_context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
