/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections by how long they have said nothing (dp/tls/waiting.c): whoever comes back with time
 * already spent stands where that puts it, also where milliseconds leave 32 bits meanwhile.
 */
#include "tests/world/unit.h"
#include "dp/tls/waiting.h"

#include <stdlib.h>

enum { N = 7 };

/* Behind this instant, in the order that they come. */
static const int32_t since_ms[N] = { -3000, -100, 0, 200, -1500, 100, -3500 };

static int by_age(const void *a, const void *b)
{
	const struct waiter *const *x = a, *const *y = b;

	return since_ms[(*x)->row] < since_ms[(*y)->row] ? -1 : 1;
}

static void oldest_first_at(uint32_t instant)
{
	static struct waiter tls[N];
	struct waiter *want[N], *t;
	struct tls_list l = { 0 };
	uint32_t i;

	for (i = 0; i < N; i++) {
		tls[i] = (struct waiter){ .since_ms = instant + (uint32_t)since_ms[i],
					  .row = (uint16_t)i };
		want[i] = &tls[i];
		list_put_by_age(&l, &tls[i]);
	}
	qsort(want, N, sizeof(want[0]), by_age);
	assert_int_equal(l.n, N);
	for (t = l.head, i = 0; t; t = t->next, i++)
		assert_ptr_equal(t, want[i]);
	assert_int_equal(i, N);
	for (t = l.tail, i = N; t; t = t->prev)
		assert_ptr_equal(t, want[--i]);
	assert_int_equal(i, 0);
	for (i = 0; i < N; i++)
		list_del(&l, &tls[i]);
	assert_true(!l.head && !l.tail && !l.n);
}

static void oldest_first(void **state)
{
	(void)state;
	oldest_first_at(1000000);
	oldest_first_at(0);
	oldest_first_at(INT32_MAX);
	oldest_first_at(UINT32_MAX - 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(oldest_first) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
