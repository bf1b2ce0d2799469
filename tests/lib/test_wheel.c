/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The timer wheel: each timer fires once, at its tick and not before, through all levels; a
 * stopped one never does, even when it was due in the advance that stopped it; budgets are kept
 * and lose nothing. Random operations are held against a list that is searched from end to end.
 */
#include "tests/world/unit.h"

#include "lib/wheel.h"

#include <stdlib.h>
#include <string.h>

enum { TIMERS = 64 };

struct probe {
	struct timer t;
	int fired;
	uint64_t at;	     /* w->now when it fired: the tick before its own */
	struct probe *stop;  /* stopped by the callback */
	uint64_t again;	     /* deadline the callback starts it for, 0: none */
	struct probe *other; /* started by the callback, for other_at */
	uint64_t other_at;
};

static void fire(struct timer *t, void *ctx)
{
	struct probe *p = (struct probe *)t; /* first member */
	struct wheel *w = ctx;

	assert_false(timer_armed(t));
	p->fired++;
	p->at = w->now + 1;
	if (p->stop)
		wheel_stop(w, &p->stop->t);
	if (p->again) {
		uint64_t deadline = p->again;

		p->again = 0;
		wheel_start(w, t, deadline);
	}
	if (p->other)
		wheel_start(w, &p->other->t, p->other_at);
}

static struct wheel *wheel_new(uint64_t now)
{
	struct wheel *w = malloc(sizeof(*w));

	assert_non_null(w);
	wheel_init(w, now);
	return w;
}

static uint32_t advance(struct wheel *w, uint64_t now)
{
	return wheel_advance(w, now, UINT32_MAX, w);
}

/* Deadlines on, before and behind the edge of every level, from starts on and off an edge. */
static void edges(void **state)
{
	static const uint64_t base[] = { 0,
					 1,
					 254,
					 255,
					 256,
					 65535,
					 65536,
					 16777215,
					 16777216,
					 (UINT64_C(1) << 32) - 2,
					 (UINT64_C(1) << 40) + 77 };

	(void)state;
	for (size_t b = 0; b < N_OF(base); b++) {
		for (unsigned int bits = 0; bits <= 17; bits++) {
			for (int off = -1; off <= 1; off++) {
				uint64_t delay = (UINT64_C(1) << bits) + (uint64_t)(int64_t)off;
				struct probe p = { .t.fire = fire };
				struct wheel *w = wheel_new(base[b]);

				if (delay == 0)
					delay = 1;
				wheel_start(w, &p.t, base[b] + delay);
				assert_int_equal(advance(w, base[b] + delay - 1), 0);
				assert_int_equal(p.fired, 0);
				assert_false(wheel_behind(w));
				assert_int_equal(advance(w, base[b] + delay), 1);
				assert_int_equal(p.fired, 1);
				assert_int_equal(w->armed, 0);
				assert_false(wheel_behind(w));
				free(w);
			}
		}
	}
}

static void longest(void **state)
{
	struct probe p = { .t.fire = fire };
	struct wheel *w = wheel_new(1000);

	(void)state;
	wheel_start(w, &p.t, UINT64_MAX);
	assert_int_equal(p.t.deadline, 1000 + WHEEL_MAX_DELAY);
	wheel_start(w, &p.t, 1000 + WHEEL_MAX_DELAY + 1);
	assert_int_equal(p.t.deadline, 1000 + WHEEL_MAX_DELAY);
	wheel_stop(w, &p.t);
	wheel_stop(w, &p.t); /* twice is harmless */
	assert_int_equal(w->armed, 0);
	assert_int_equal(advance(w, UINT64_MAX - 1), 0); /* an empty wheel turns at once */
	assert_int_equal(w->now, UINT64_MAX - 1);
	free(w);
}

static void late_deadlines(void **state)
{
	struct probe p = { .t.fire = fire };
	struct wheel *w = wheel_new(50);

	(void)state;
	wheel_start(w, &p.t, 7); /* long past */
	assert_int_equal(advance(w, 50), 0);
	assert_int_equal(advance(w, 51), 1);
	assert_int_equal(advance(w, 40), 0); /* time does not go back */
	assert_int_equal(w->now, 51);

	p.again = 1; /* starts itself for the past: not in the advance under way */
	wheel_start(w, &p.t, 60);
	assert_int_equal(advance(w, 100), 1);
	assert_true(timer_armed(&p.t));
	assert_int_equal(advance(w, 101), 1);
	free(w);
}

static void moved(void **state)
{
	struct probe p = { .t.fire = fire };
	struct wheel *w = wheel_new(0);

	(void)state;
	wheel_start(w, &p.t, 10);
	wheel_start(w, &p.t, 100000);
	assert_int_equal(w->armed, 1);
	assert_int_equal(advance(w, 99999), 0);
	wheel_start(w, &p.t, 100010);
	assert_int_equal(advance(w, 100009), 0);
	assert_int_equal(advance(w, 100010), 1);
	free(w);
}

/* Two timers due at one tick, each stopping the other: one fires, whichever comes first. */
static void stopped_while_due(void **state)
{
	static const uint64_t deadline[] = { 5, 300, 70000 };

	(void)state;
	for (size_t i = 0; i < N_OF(deadline); i++) {
		struct probe a = { .t.fire = fire }, b = { .t.fire = fire, .stop = &a };
		struct wheel *w = wheel_new(0);

		a.stop = &b;
		wheel_start(w, &a.t, deadline[i]);
		wheel_start(w, &b.t, deadline[i]);
		assert_int_equal(advance(w, deadline[i] + 10), 1);
		assert_int_equal(a.fired + b.fired, 1);
		assert_int_equal(w->armed, 0);
		free(w);
	}
}

/* A later tick of the same advance is stopped as well, and a third one is put off. */
static void changed_while_due(void **state)
{
	struct probe late = { .t.fire = fire }, off = { .t.fire = fire };
	struct probe first = { .t.fire = fire, .stop = &late, .other = &off, .other_at = 1000 };
	struct wheel *w = wheel_new(0);

	(void)state;
	wheel_start(w, &first.t, 5);
	wheel_start(w, &late.t, 6);
	wheel_start(w, &off.t, 6);
	assert_int_equal(advance(w, 500), 1);
	assert_int_equal(late.fired + off.fired, 0);
	assert_int_equal(advance(w, 999), 0);
	assert_int_equal(advance(w, 1000), 1);
	assert_int_equal(off.fired, 1);
	free(w);
}

static void budget(void **state)
{
	struct probe p[TIMERS];
	struct wheel *w = wheel_new(0);
	uint32_t fired = 0, calls = 0;

	(void)state;
	memset(p, 0, sizeof(p));
	for (int i = 0; i < TIMERS; i++) { /* all move down one level before they fire */
		p[i].t.fire = fire;
		wheel_start(w, &p[i].t, 300 + (uint64_t)i / 32);
	}
	assert_int_equal(wheel_advance(w, 1000, 0, w), 0);
	while (fired < TIMERS) {
		uint32_t n = wheel_advance(w, 1000, 5, w);

		assert_true(n <= 5);
		fired += n;
		assert_int_equal(wheel_behind(w), fired < TIMERS);
		assert_true(++calls <= 2 * TIMERS / 5 + 3);
	}
	assert_int_equal(w->now, 1000);
	for (int i = 0; i < TIMERS; i++) {
		assert_int_equal(p[i].fired, 1);
		assert_int_equal(p[i].at, 300 + i / 32);
	}
	free(w);
}

/* ---- against a naive reference ---- */

struct model {
	struct wheel *w;
	struct probe p[TIMERS];
	uint64_t deadline[TIMERS]; /* 0: not armed */
	int fired[TIMERS];
	uint64_t told; /* latest tick told to the wheel */
	uint64_t seed;
};

static void model_start(struct model *m, size_t i, uint64_t deadline)
{
	wheel_start(m->w, &m->p[i].t, deadline);
	m->deadline[i] = deadline > m->told ? deadline : m->told + 1;
}

static uint64_t model_delay(struct model *m)
{
	/* Each power of two as often as the others, so that all levels but the last are used. */
	return test_random(&m->seed) % (UINT64_C(2) << test_random(&m->seed) % 20);
}

static void model_check(struct model *m)
{
	uint32_t armed = 0;

	for (size_t i = 0; i < TIMERS; i++) {
		assert_int_equal(timer_armed(&m->p[i].t), m->deadline[i] != 0);
		assert_int_equal(m->p[i].fired, m->fired[i]);
		armed += m->deadline[i] != 0;
	}
	assert_int_equal(m->w->armed, armed);
	assert_false(wheel_behind(m->w));
}

/* Advances at once or in bites of a random budget; the reference fires all that is due. */
static void model_advance(struct model *m)
{
	uint64_t now = m->told + model_delay(m) / 4;

	if (test_random(&m->seed) % 2)
		advance(m->w, now);
	else
		while (m->w->now < now)
			wheel_advance(m->w, now, 1 + (uint32_t)(test_random(&m->seed) % 8), m->w);
	assert_int_equal(m->w->now, now);
	m->told = now;
	for (size_t i = 0; i < TIMERS; i++) {
		if (m->deadline[i] == 0 || m->deadline[i] > now)
			continue;
		assert_int_equal(m->p[i].at, m->deadline[i]);
		m->fired[i]++;
		m->deadline[i] = 0;
	}
}

static void random_operations(void **state)
{
	struct model *m = calloc(1, sizeof(*m));

	(void)state;
	assert_non_null(m);
	m->seed = 7;
	m->told = (UINT64_C(1) << 32) - 100000; /* the last level wraps on the way */
	m->w = wheel_new(m->told);
	for (size_t i = 0; i < TIMERS; i++)
		m->p[i].t.fire = fire;
	for (int round = 0; round < 4000; round++) {
		size_t i = test_random(&m->seed) % TIMERS;

		switch (test_random(&m->seed) % 8) {
		case 0:
			wheel_stop(m->w, &m->p[i].t);
			m->deadline[i] = 0;
			break;
		case 1:
			model_advance(m);
			break;
		case 2:
			model_start(m, i, m->told - model_delay(m) % 1000);
			break;
		default:
			model_start(m, i, m->told + model_delay(m));
			break;
		}
		model_check(m);
	}
	free(m->w);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges),
		cmocka_unit_test(longest),
		cmocka_unit_test(late_deadlines),
		cmocka_unit_test(moved),
		cmocka_unit_test(stopped_while_due),
		cmocka_unit_test(changed_while_due),
		cmocka_unit_test(budget),
		cmocka_unit_test(random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
