/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CP_ADMIN_STAT_LIST_H
#define FL_CP_ADMIN_STAT_LIST_H

/* The list of what the control process counts, see cp/stat.def. */
#include "../server.h"

#include <jansson.h>

enum stat_kind { STAT_COUNTER, STAT_GAUGE, STAT_OF };

/* A line of it. */
struct stat_line {
	enum stat_kind kind;
	const char *metric, *json, *help;
	const uint64_t *value; /* NULL: there is no such part, or it is a family */
	uint32_t first, n;     /* values from first to n - 1 */
	const char *label;
	const char *const *name; /* of the values */
	const struct stat_line *family;
};

/* name: the value of the family's label, NULL if it has none. */
typedef void stat_fn(void *ctx, const struct stat_line *l, const char *name, uint64_t value);

/* Calls fn for each value. */
void stat_each(const struct server *s, stat_fn *fn, void *ctx);

/* How many stat_each() has for metrics, with contexts and with ng or not. */
unsigned stat_count(bool contexts, bool ng, bool mg);

/* Adds to a method's result what the list has of it. */
void stat_json(const struct server *s, const char *method, json_t *result);

#endif
