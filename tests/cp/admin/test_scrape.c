/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metrics of as many workers as there may be. Pins: each worker has a line of its own in each
 * family of workers, with the number that it counted, however large; there are no more lines than
 * metrics_series() says; and a scrape keeps the event loop for less of the CPU's time than a client
 * would notice.
 */
#include "cp/admin/metrics.h"
#include "tests/world/cp_env.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum {
	WORKERS = CTL_WORKERS_MAX,
	SCRAPES = 20,
	SCRAPE_MS_MAX = 500, /* 3 to 5 in a release, ten times that in a sanitized build */
};

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int setup(void **state)
{
	static struct env e;

	env_open(&e);
	env_config_gateway(&e.conf);
	e.conf.dataplane.n_workers = WORKERS;
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

/* Text, for evbuffer_free(). */
static struct evbuffer *scrape(const struct env *e)
{
	struct evbuffer *b = evbuffer_new();

	metrics_write(b, &e->s, METRICS_TEXT);
	evbuffer_add(b, "", 1);
	return b;
}

static const char *text_of(struct evbuffer *b)
{
	return (const char *)evbuffer_pullup(b, -1);
}

static void has(const char *text, const char *fmt, uint32_t worker, uint64_t value)
{
	char line[256];

	snprintf(line, sizeof(line), fmt, worker, value);
	if (!strstr(text, line))
		fail_msg("no line: %s", line);
}

/* A number of its own for each worker and counter; the last has the largest there is. */
static uint64_t number(uint32_t w, uint64_t base)
{
	return w == WORKERS - 1 ? UINT64_MAX : base + w;
}

static void test_each_worker(void **state)
{
	const struct env *e = *state;
	struct evbuffer *b;
	const char *text;

	for (uint32_t w = 0; w < WORKERS; w++) {
		struct ctl_counters *c =
		    (struct ctl_counters *)(e->dp.base + e->dp.region->worker[w].counters);

		atomic_store(&c->cnt[CNT_RX], number(w, 1000));
		atomic_store(&c->drop[DROP_NO_PERMISSION], number(w, 20000));
		atomic_store(&c->end[TCP_END_CLOSED], number(w, 0));
	}
	b = scrape(e);
	text = text_of(b);
	for (uint32_t w = 0; w < WORKERS; w++) {
		has(text, "\nfairlead_worker_rx_packets_total{worker=\"%u\"} %" PRIu64 "\n", w,
		    number(w, 1000));
		has(text,
		    "\nfairlead_worker_dropped_total{worker=\"%u\",reason=\"no_permission\","
		    "severity=\"info\"} %" PRIu64 "\n",
		    w, number(w, 20000));
		has(text,
		    "\nfairlead_tcp_ends_total{worker=\"%u\",reason=\"closed\"} %" PRIu64 "\n", w,
		    number(w, 0));
		has(text,
		    "\nfairlead_worker_stage_calls_total{worker=\"%u\",stage=\"timers\"} %" PRIu64
		    "\n",
		    w, 0);
	}
	evbuffer_free(b);
}

static void test_size_and_time(void **state)
{
	const struct env *e = *state;
	double most = 0;
	unsigned lines = 0;
	size_t len = 0;

	for (int i = 0; i < SCRAPES; i++) {
		const double since = cpu_ms();
		struct evbuffer *b = scrape(e);

		most = cpu_ms() - since > most ? cpu_ms() - since : most;
		len = evbuffer_get_length(b);
		lines = 0;
		for (const char *p = text_of(b); *p; p = strchr(p, '\n') + 1)
			lines += *p != '#';
		evbuffer_free(b);
	}
	print_message("%d workers: %u series, %zu bytes, %.2f ms of CPU at most\n", WORKERS, lines,
		      len, most);
	assert_true(most < SCRAPE_MS_MAX);
	assert_in_range(lines, WORKERS * DROP_MAX, metrics_series(&e->conf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_worker),
		cmocka_unit_test(test_size_and_time),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
