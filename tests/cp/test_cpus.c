/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control process leaves the CPUs of workers and crypto threads, as far as others are left:
 * those that it may use, not those that there are. So do its threads.
 */
#include "cp/cpus.h"
#include "tests/world/unit.h"

#include <pthread.h>

static struct config conf;

static cpu_set_t set_of(const int *cpu, int n)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < n; i++)
		CPU_SET(cpu[i], &set);
	return set;
}

static void expect(const int *from, int n_from, bool left, const int *to, int n_to)
{
	cpu_set_t set = set_of(from, n_from), want = set_of(to, n_to);

	assert_int_equal(cpus_spare(&conf, &set), left);
	assert_true(CPU_EQUAL(&set, &want));
}

static void test_spare(void **state)
{
	(void)state;
	conf = (struct config){ .dataplane = { .workers = { 2, 3 }, .n_workers = 2 } };
	expect((int[]){ 0, 1, 2, 3 }, 4, true, (int[]){ 0, 1 }, 2);
	expect((int[]){ 1, 3 }, 2, true, (int[]){ 1 }, 1);
	expect((int[]){ 2, 3 }, 2, false, (int[]){ 2, 3 }, 2);
	conf.tls.crypto_cpus[0] = 1;
	conf.tls.n_crypto_cpus = 1;
	expect((int[]){ 0, 1, 2, 3 }, 4, true, (int[]){ 0 }, 1);
	expect((int[]){ 1, 3 }, 2, false, (int[]){ 1, 3 }, 2);
}

static void *affinity(void *arg)
{
	assert_int_equal(sched_getaffinity(0, sizeof(cpu_set_t), arg), 0);
	return NULL;
}

/* With one CPU there is none to leave: it stays, and runs. */
static void test_leave(void **state)
{
	cpu_set_t before, after, of_thread, had;
	pthread_t t;
	int cpu = 0;

	(void)state;
	affinity(&before);
	had = before;
	while (!CPU_ISSET(cpu, &before))
		cpu++;
	conf = (struct config){ .dataplane = { .workers = { (uint16_t)cpu }, .n_workers = 1 } };
	cpus_leave(&conf);
	affinity(&after);
	assert_int_equal(pthread_create(&t, NULL, affinity, &of_thread), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_true(CPU_EQUAL(&after, &of_thread));
	if (CPU_COUNT(&before) > 1)
		CPU_CLR(cpu, &before);
	assert_true(CPU_EQUAL(&after, &before));
	cpus_return();
	affinity(&after);
	assert_true(CPU_EQUAL(&after, &had));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spare),
		cmocka_unit_test(test_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
