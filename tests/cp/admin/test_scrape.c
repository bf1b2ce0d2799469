/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metrics of as many workers as there may be. Pins: each worker has a line of its own in each
 * family of workers, with the number that it counted, however large; there are no more lines than
 * metrics_series() says, none of them twice, and no more bytes than lines of that length take.
 */
#include "cp/admin/metrics.h"
#include "tests/world/cp_env.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	WORKERS = CTL_WORKERS_MAX,
	SERIES_MAX = 1 << 16,
	SERIES_BYTES = 128, /* of one, with its share of titles */
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

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Series, without their values, each once; how many there are. */
static unsigned series_once(char *text)
{
	static const char *name[SERIES_MAX];
	unsigned n = 0;

	for (char *p = text, *end; *p; p = end + 1) {
		end = strchr(p, '\n');
		*end = '\0';
		if (*p == '#')
			continue;
		*strrchr(p, ' ') = '\0';
		assert_in_range(n, 0, SERIES_MAX - 1);
		name[n++] = p;
	}
	qsort(name, n, sizeof(name[0]), by_text);
	for (unsigned i = 1; i < n; i++) {
		if (strcmp(name[i - 1], name[i]) == 0)
			fail_msg("twice: %s", name[i]);
	}
	return n;
}

/*
 * What a scrape makes the event loop do is what it writes: no series twice, no more than there may
 * be, and bytes in proportion. What that takes of a CPU is shown, not judged.
 */
static void test_size(void **state)
{
	const struct env *e = *state;
	const double since = cpu_ms();
	struct evbuffer *b = scrape(e);
	const double took = cpu_ms() - since;
	const size_t len = evbuffer_get_length(b);
	unsigned lines = series_once((char *)evbuffer_pullup(b, -1));

	evbuffer_free(b);
	print_message("%d workers: %u series, %zu bytes, %.2f ms of CPU\n", WORKERS, lines, len,
		      took);
	assert_in_range(lines, WORKERS * DROP_MAX, metrics_series(&e->conf));
	assert_in_range(len, lines, (size_t)lines * SERIES_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_worker),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
