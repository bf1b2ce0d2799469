/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_PERF_BENCH_RECORD_H
#define FL_PERF_BENCH_RECORD_H

/* What benchmarks of records print: cycles of each way to seal and to open one, as medians. */
#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>

/* Ways that every benchmark has; others may follow. */
struct record_ways {
	const char *const *name;
	int n, rounds;
	int ours, direct, openssl;
};

static int record_by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of the rounds of a way in cycles, which has those of all ways one after another. Sorts them. */
static double record_median(const struct record_ways *w, double *cycles, int way)
{
	double *v = cycles + (size_t)way * (size_t)w->rounds;

	qsort(v, (size_t)w->rounds, sizeof(*v), record_by_value);
	return v[w->rounds / 2];
}

/* Ends the object that the caller has begun. */
static void record_print(const struct record_ways *w, double *seal, double *open)
{
	double hz = (double)rte_get_tsc_hz(), ns = 1e9 / hz;

	for (int i = 0; i < w->n; i++) {
		const double s = record_median(w, seal, i), o = record_median(w, open, i);

		printf(", \"%s\": {\"seal_ns\": %.1f, \"seal_cycles\": %.0f, \"open_ns\": %.1f, "
		       "\"open_cycles\": %.0f}",
		       w->name[i], s * ns, s, o * ns, o);
	}
#define OF(way, of) (record_median(w, of, w->way) / record_median(w, of, w->ours))
	printf(
	    ", \"of_direct\": {\"seal\": %.2f, \"open\": %.2f}, \"of_openssl\": {\"seal\": %.2f, "
	    "\"open\": %.2f}}\n",
	    OF(direct, seal), OF(direct, open), OF(openssl, seal), OF(openssl, open));
#undef OF
}

#endif
