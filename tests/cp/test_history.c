/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ten minutes of what the node did: rates of an interval from the workers' sums, load without idle
 * cycles, how long requests took; what is not known is told so, not drawn as nothing: without a
 * dataplane, with another one, without a request. The ring keeps the newest, and its JSON has them
 * in order.
 */
#include "tests/world/gate_env.h"
#include "cp/admin/history_json.h"

static struct ctl_counters *worker(struct env *e, uint32_t w)
{
	return (struct ctl_counters *)(uintptr_t)dplink_counters(e->s.link, w);
}

static void count(_Atomic uint64_t *p, uint64_t n)
{
	atomic_store_explicit(p, atomic_load_explicit(p, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static void interval(struct env *e)
{
	e->wall_ms += 1000 * HISTORY_EVERY_S;
	env_advance(e, 1000 * HISTORY_EVERY_S);
	env_poll(e);
}

static const struct history_point *newest(const struct env *e)
{
	assert_true(e->s.history.n > 0);
	return history_at(&e->s.history, e->s.history.n - 1);
}

static void rates(void **state)
{
	struct env *e = *state;
	const uint32_t n = (env_poll(e), e->s.history.n);

	count(&worker(e, 0)->cnt[CNT_RX], 500);
	count(&worker(e, 0)->drop[0], 20);
	count(&worker(e, 0)->drop[DROP_MAX - 1], 5);
	count(&worker(e, 0)->stage[STAGE_IDLE].cycles, 3000);
	count(&worker(e, 0)->stage[STAGE_IDLE == 0 ? 1 : 0].cycles, 1000);
	histogram_add(&e->s.times.request, 300);
	histogram_add(&e->s.times.request, 500);
	interval(e);
	assert_int_equal(e->s.history.n, n + 1);
	assert_int_equal(newest(e)->packets, 100);
	assert_int_equal(newest(e)->drops, 5);
	assert_int_equal(newest(e)->load, 250);
	assert_int_equal(newest(e)->latency_us, 400);
	assert_int_equal(newest(e)->wall, e->s.wall);
	interval(e); /* nothing happened, and nobody asked */
	assert_int_equal(newest(e)->packets, 0);
	assert_int_equal(newest(e)->load, HISTORY_NONE);
	assert_int_equal(newest(e)->latency_us, HISTORY_NONE);
	env_advance(e, 1000);
	env_poll(e);
	assert_int_equal(e->s.history.n, n + 2); /* no interval yet */
}

/* What there is at the end of an interval, each kind by itself, and less once some have ended. */
static void how_many(void **state)
{
	struct env *e = *state;
	struct sock_addr relayed;
	struct answer ans;
	struct ask a;
	json_t *j;

	env_poll(e);
	for (uint16_t i = 0; i < 3; i++)
		ask_allocate(e, (uint16_t)(5000 + i), &relayed);
	gate_added_udp(e);
	gate_drain(e);
	interval(e);
	assert_int_equal(newest(e)->sessions, 3);
	assert_int_equal(newest(e)->contexts, 1);
	j = history_json(&e->s.history);
	assert_int_equal(
	    json_integer_value(json_array_get(json_object_get(j, "sessions"), e->s.history.n - 1)),
	    3);
	assert_int_equal(
	    json_integer_value(json_array_get(json_object_get(j, "contexts"), e->s.history.n - 1)),
	    1);
	json_decref(j);
	ask_begin(&a, STUN_REFRESH, 5000);
	stun_put_u32(&a.b, STUN_ATTR_LIFETIME, 0);
	ask_expect(e, &a, &ans, 0);
	interval(e);
	assert_int_equal(newest(e)->sessions, 2);
	assert_int_equal(newest(e)->contexts, 1);
}

/* Counters that fall, since nobody is believed in shared memory. */
static void wrong(void **state)
{
	struct env *e = *state;

	env_poll(e);
	count(&worker(e, 0)->cnt[CNT_RX], 500);
	interval(e);
	atomic_store(&worker(e, 0)->cnt[CNT_RX], 0);
	interval(e);
	assert_int_equal(newest(e)->packets, 0);
	atomic_store(&worker(e, 0)->cnt[CNT_RX], UINT64_MAX);
	interval(e);
	assert_int_equal(newest(e)->packets, HISTORY_NONE - 1);
}

static void away(void **state)
{
	struct env *e = *state;
	json_t *j;
	size_t n;

	env_poll(e);
	interval(e);
	assert_int_not_equal(newest(e)->packets, HISTORY_NONE);
	dplink_detach(e->s.link);
	interval(e);
	assert_int_equal(newest(e)->packets, HISTORY_NONE);
	assert_int_equal(newest(e)->load, HISTORY_NONE);
	assert_int_equal(newest(e)->sessions, 0);
	j = history_json(&e->s.history);
	n = json_array_size(json_object_get(j, "packets"));
	assert_int_equal(n, e->s.history.n);
	assert_true(json_is_null(json_array_get(json_object_get(j, "packets"), n - 1)));
	assert_true(json_is_integer(json_array_get(json_object_get(j, "sessions"), n - 1)));
	json_decref(j);
}

static void ring(void **state)
{
	struct env *e = *state;
	uint64_t last = 0;
	json_t *j, *times;

	env_poll(e);
	for (int i = 0; i < HISTORY_POINTS + 7; i++)
		interval(e);
	assert_int_equal(e->s.history.n, HISTORY_POINTS);
	assert_int_equal(newest(e)->wall, e->s.wall);
	j = history_json(&e->s.history);
	times = json_object_get(j, "time");
	assert_int_equal(json_array_size(times), HISTORY_POINTS);
	for (size_t i = 0; i < HISTORY_POINTS; i++) {
		const uint64_t t = (uint64_t)json_integer_value(json_array_get(times, i));

		assert_true(t > last);
		last = t;
	}
	assert_int_equal(last, e->s.wall);
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rates, env_setup_started, env_teardown),
		cmocka_unit_test_setup_teardown(how_many, gate_setup, env_teardown),
		cmocka_unit_test_setup_teardown(wrong, env_setup_started, env_teardown),
		cmocka_unit_test_setup_teardown(away, env_setup_started, env_teardown),
		cmocka_unit_test_setup_teardown(ring, env_setup_started, env_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
