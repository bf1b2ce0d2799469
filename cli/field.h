/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_CLI_FIELD_H
#define FL_CLI_FIELD_H

/* Members of a result. What is missing is 0 or "-". */
#include <jansson.h>
#include <stdint.h>

static inline int64_t get_int(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static inline const char *get_str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

#endif
