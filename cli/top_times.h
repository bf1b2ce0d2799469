/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_TOP_TIMES_H
#define FL_CLI_TOP_TIMES_H

/* How long turns, handshakes and round trips took, of `fairlead top`. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

enum { TIMES_MAX = 8, TIME_CLASSES_MAX = 32 }; /* more would come with a newer control process */

/* What was added to the classes of a worker, or of all. */
struct moved_times {
	struct {
		const char *name;
		int64_t n[TIME_CLASSES_MAX], sum_us;
	} of[TIMES_MAX];
	size_t n;
};

/* From two looks at a worker. A dataplane that was started again counts from 0. */
void times_add(struct moved_times *m, const json_t *before, const json_t *now);

/*
 * A list of name, count, mean_us, median_us and p99_us, null where nothing was counted. le: the
 * upper ends of the classes of each. A quantile is where it would be if a class were evenly full;
 * one in the last, which has no end, is its beginning.
 */
json_t *times_json(const struct moved_times *m, const json_t *le);

/* Of what times_json() has. */
void show_times(const json_t *times, FILE *out);

#endif
