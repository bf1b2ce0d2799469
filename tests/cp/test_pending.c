/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of connections to peers (RFC 6062): CONNECTION-IDs are unique and cannot be guessed
 * from one another; entries are found by each of their names and by no other's; the table is
 * bounded, what is deleted makes room and leaves no key behind.
 */
#include "cp/pending.h"
#include "tests/world/cp_env.h"

#include <stdlib.h>

enum { ALLOCS = 500, EACH = 4, MAX = ALLOCS * EACH };

struct world {
	struct config conf;
	struct rand rand;
	struct wheel wheel;
	struct pending *t;
};

static int setup(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.conf.dataplane.n_workers = 2;
	w.conf.turn.allocations_max = ALLOCS;
	w.conf.turn.connections_per_allocation = EACH;
	rand_init(&w.rand);
	wheel_init(&w.wheel, 0);
	w.t = pending_create(&w.conf, &w.rand, &w.wheel);
	assert_non_null(w.t);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	pending_free(w->t);
	return 0;
}

static struct ctl_sid sid_of(uint32_t slot)
{
	return (struct ctl_sid){ slot, slot + 7 };
}

static struct pending_conn *add(struct world *w, uint32_t worker, uint32_t slot, uint16_t port)
{
	struct sock_addr peer = addr("203.0.113.1", port);

	return pending_add(w->t, worker, sid_of(slot), &peer);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void ids_differ_and_do_not_follow(void **state)
{
	struct world *w = *state;
	uint32_t id[MAX], steps[MAX - 1], high = 0;

	for (uint32_t i = 0; i < MAX; i++) {
		id[i] = add(w, 0, i / EACH, (uint16_t)i)->id;
		assert_int_not_equal(id[i], 0);
		high += id[i] >> 31;
	}
	for (uint32_t i = 0; i + 1 < MAX; i++)
		steps[i] = id[i + 1] - id[i];
	/* 2,000 fair coins: 600 or fewer of either side come once in 10^70. */
	assert_in_range(high, 600, MAX - 600);
	qsort(id, MAX, sizeof(id[0]), by_value);
	qsort(steps, MAX - 1, sizeof(steps[0]), by_value);
	for (uint32_t i = 0; i + 1 < MAX; i++)
		assert_int_not_equal(id[i], id[i + 1]);
	/* No step is common: with steps at random even one pair of equals is rare. */
	for (uint32_t i = 0; i + 3 < MAX - 1; i++)
		assert_int_not_equal(steps[i], steps[i + 3]);
}

/* Should the same number be drawn again, another is. */
static void ids_are_unique(void **state)
{
	struct world *w = *state;
	uint32_t id = add(w, 0, 1, 80)->id;

	w->rand.counter = 0;
	assert_int_not_equal(add(w, 0, 1, 81)->id, id);
}

static void found_by_each_name(void **state)
{
	struct world *w = *state;
	struct pending_conn *a = add(w, 0, 5, 80), *b = add(w, 0, 5, 81), *c = add(w, 1, 5, 80);
	struct sock_addr peer = addr("203.0.113.1", 80), other = addr("203.0.113.2", 80);
	struct ctl_sid sid = sid_of(5), stale = { 5, 99 };

	a->seq = 1;
	b->seq = c->seq = 2;
	assert_ptr_equal(pending_find(w->t, a->id), a);
	assert_ptr_equal(pending_find(w->t, c->id), c);
	assert_null(pending_find(w->t, 0));
	assert_null(pending_find(w->t, a->id ^ 0x80000000)); /* the same bucket */
	assert_ptr_equal(pending_find_peer(w->t, 0, sid, &peer), a);
	assert_ptr_equal(pending_find_peer(w->t, 1, sid, &peer), c);
	assert_null(pending_find_peer(w->t, 0, sid, &other));
	assert_null(pending_find_peer(w->t, 0, stale, &peer));
	assert_ptr_equal(pending_find_seq(w->t, 0, sid, 2), b);
	assert_ptr_equal(pending_find_seq(w->t, 1, sid, 2), c);
	assert_null(pending_find_seq(w->t, 1, sid, 1));
	assert_null(pending_find_conn(w->t, 0, sid, (struct ctl_conn){ 0, 0 })); /* not made yet */
	pending_wait(b, (struct ctl_conn){ 3, 4 });
	assert_null(pending_find_seq(w->t, 0, sid, 2)); /* answered */
	assert_ptr_equal(pending_next(w->t, 0, sid, NULL), b);
	assert_ptr_equal(pending_next(w->t, 0, sid, b), a);
	assert_null(pending_next(w->t, 0, sid, a));
	assert_ptr_equal(pending_next(w->t, 1, sid, NULL), c);
	assert_null(pending_next(w->t, 0, stale, NULL));
	pending_wait(a, (struct ctl_conn){ 5, 6 });
	assert_ptr_equal(pending_find_conn(w->t, 0, sid, (struct ctl_conn){ 3, 4 }), b);
	assert_null(pending_find_conn(w->t, 0, sid, (struct ctl_conn){ 3, 5 }));
	assert_null(pending_find_conn(w->t, 0, sid, (struct ctl_conn){ 4, 4 }));
	assert_null(pending_find_conn(w->t, 1, sid, (struct ctl_conn){ 3, 4 }));
	assert_int_equal(pending_count(w->t, 0, sid), 2);
	assert_int_equal(pending_count(w->t, 1, sid), 1);
	assert_int_equal(pending_count(w->t, 0, stale), 0);
	pending_del_session(w->t, 0, sid);
	assert_int_equal(pending_count(w->t, 0, sid), 0);
	assert_int_equal(pending_count(w->t, 1, sid), 1);
	assert_int_equal(pending_used(w->t), 1);
}

static void bounded_and_reused(void **state)
{
	struct world *w = *state;
	struct pending_conn *e;

	assert_int_equal(pending_max(w->t), MAX);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < MAX; i++)
			assert_non_null(add(w, i % 2, i / EACH, (uint16_t)i));
		assert_null(add(w, 0, 0, 1));
		assert_int_equal(pending_used(w->t), MAX);
		e = pending_find_peer(w->t, 0, sid_of(0), &(struct sock_addr){ 0 });
		assert_null(e);
		for (uint32_t i = 0; i < MAX; i++)
			pending_del_session(w->t, i % 2, sid_of(i / EACH));
		assert_int_equal(pending_used(w->t), 0);
	}
}

static void sizes(void **state)
{
	struct world *w = *state;
	struct pending *t;

	w->conf.turn.allocations_max = 1 << 30;
	w->conf.turn.connections_per_allocation = 65535;
	t = pending_create(&w->conf, &w->rand, &w->wheel);
	assert_int_equal(pending_max(t), PENDING_MAX);
	pending_free(t);
	pending_free(NULL);
}

static void count_fire(struct timer *tm, void *ctx)
{
	(void)tm;
	++*(int *)ctx;
}

static void keys_are_wiped_and_timers_stopped(void **state)
{
	static const struct pending_asker nothing;
	struct world *w = *state;
	struct pending_conn *e = add(w, 0, 1, 80);
	int fired = 0;

	memset(&e->asker, 0xaa, sizeof(e->asker));
	pending_wait(e, (struct ctl_conn){ 1, 1 });
	assert_memory_equal(&e->asker, &nothing, sizeof(nothing));
	e->timer.fire = count_fire;
	wheel_start(&w->wheel, &e->timer, 10);
	pending_del(w->t, e);
	wheel_advance(&w->wheel, 20, 100, &fired);
	assert_int_equal(fired, 0);
	e = add(w, 0, 1, 80);
	memset(&e->asker, 0xaa, sizeof(e->asker));
	pending_del(w->t, e);
	assert_memory_equal(&e->asker, &nothing, sizeof(nothing)); /* its place, free now */
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ids_differ_and_do_not_follow),
		T(ids_are_unique),
		T(found_by_each_name),
		T(bounded_and_reused),
		T(sizes),
		T(keys_are_wiped_and_timers_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
