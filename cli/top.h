/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_TOP_H
#define FL_CLI_TOP_H

/* What workers did between two looks at them. */
#include <jansson.h>
#include <stdio.h>

/*
 * From two results of the method workers, what happened from one to the other: load, rates, cycles
 * by stage and sizes of batches, of each worker and in total. A new reference; NULL when out of
 * memory.
 */
json_t *top_result(const json_t *before, const json_t *now);

/*
 * Such a result as tables of at most 80 columns: a line for each worker, then the stages and
 * batches of worker, or of all if it is negative.
 */
void show_top(const json_t *top, long worker, FILE *out);

#endif
