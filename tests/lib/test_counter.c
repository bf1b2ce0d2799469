/* SPDX-License-Identifier: BSD-3-Clause */

/* Drop reasons, counters and stages (R74): each has a name of its own and a sentence that explains it. */
#include "tests/world/unit.h"

#include "lib/counter.h"

#include <string.h>

static void check(const struct counter_desc *d, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_true(strlen(d[i].help) > 0);
		assert_true(strlen(d[i].name) > 0);
		/* Names become labels of metrics and keys of JSON. */
		assert_int_equal(strspn(d[i].name, "abcdefghijklmnopqrstuvwxyz0123456789_"),
				 strlen(d[i].name));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(d[i].name, d[j].name);
	}
}

static void drops(void **state)
{
	(void)state;
	check(drop_desc, DROP_MAX);
}

static void counters(void **state)
{
	(void)state;
	check(counter_desc, CNT_MAX);
}

static void stages(void **state)
{
	(void)state;
	check(stage_desc, STAGE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops),
		cmocka_unit_test(counters),
		cmocka_unit_test(stages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
