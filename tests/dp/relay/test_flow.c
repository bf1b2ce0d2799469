/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table from a client's flow to its session: what was added is found and nothing else, however
 * hashes collide, buckets fill up and run over, also behind the last one; what is taken out leaves
 * no trace, so that look-ups do not grow longer with time.
 */
#include "tests/world/unit.h"
#include "dp/relay/flow.h"
#include "tests/world/eal.h"

#include <rte_eal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FLOWS = 256, STEPS = 200000 };

static struct flow_table table;

static int setup(void **state)
{
	(void)state;
	return flow_create(&table, FLOWS) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	flow_free(&table);
	return 0;
}

static bool found(uint64_t hash, uint32_t slot)
{
	struct flow_cursor c = flow_find(&table, hash);
	uint32_t s;

	while ((s = flow_next(&table, &c)) != SLOT_NONE)
		if (s == slot)
			return true;
	return false;
}

/* Entries and marks of a table in which there should be none. */
static void assert_empty(void)
{
	uint32_t i, k;

	assert_int_equal(table.n, 0);
	for (i = 0; i <= table.mask; i++) {
		assert_int_equal(table.bucket[i].passed, 0);
		for (k = 0; k < FLOW_WAYS; k++)
			assert_int_equal(table.bucket[i].sig[k], 0);
	}
}

static void each_way(void **state)
{
	uint32_t i, k;

	(void)state;
	for (i = 0; i < FLOW_WAYS; i++)
		flow_add(&table, i << 8, i);
	for (i = 0; i < FLOW_WAYS; i++) {
		struct flow_cursor c = flow_find(&table, i << 8);

		assert_int_equal(flow_next(&table, &c), i);
		assert_int_equal(flow_next(&table, &c), SLOT_NONE);
	}
	assert_false(found(FLOW_WAYS << 8, FLOW_WAYS));
	for (i = 0; i < FLOW_WAYS; i++) {
		flow_del(&table, i << 8, i);
		for (k = 0; k < FLOW_WAYS; k++)
			assert_int_equal(found(k << 8, k), k > i);
	}
	assert_empty();
}

/* The same hash again and again: every candidate is offered once. */
static void same_hash(void **state)
{
	const uint64_t last = UINT64_MAX; /* of the last bucket: what runs over goes to the first */
	uint32_t seen[FLOWS] = { 0 }, i, s;
	struct flow_cursor c;

	(void)state;
	for (i = 0; i < FLOWS; i++)
		flow_add(&table, last, i);
	c = flow_find(&table, last);
	while ((s = flow_next(&table, &c)) != SLOT_NONE)
		seen[s]++;
	for (i = 0; i < FLOWS; i++)
		assert_int_equal(seen[i], 1);
	for (i = 0; i < FLOWS; i += 2)
		flow_del(&table, last, i);
	for (i = 0; i < FLOWS; i++)
		assert_int_equal(found(last, i), i & 1);
	for (i = 1; i < FLOWS; i += 2)
		flow_del(&table, last, i);
	assert_empty();
}

/* Against a list: a full table whose hashes fall into few buckets. */
static void like_a_list(void **state)
{
	static uint64_t hash[FLOWS];
	static bool in[FLOWS];
	uint32_t i, step;

	(void)state;
	srandom(7);
	for (i = 0; i < FLOWS; i++)
		hash[i] = (uint64_t)(random() % 5) << 61 | (uint64_t)(random() % 40);
	for (step = 0; step < STEPS; step++) {
		i = (uint32_t)random() % FLOWS;
		if (in[i])
			flow_del(&table, hash[i], i);
		else
			flow_add(&table, hash[i], i);
		in[i] = !in[i];
		i = (uint32_t)random() % FLOWS;
		assert_int_equal(found(hash[i], i), in[i]);
	}
	for (i = 0; i < FLOWS; i++) {
		assert_int_equal(found(hash[i], i), in[i]);
		if (in[i])
			flow_del(&table, hash[i], i);
	}
	assert_empty();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_way, setup, teardown),
		cmocka_unit_test_setup_teardown(same_hash, setup, teardown),
		cmocka_unit_test_setup_teardown(like_a_list, setup, teardown),
	};

	if (!test_eal("16"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
