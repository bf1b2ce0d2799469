/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FL_TESTS_WORLD_JSON_CHECK_H
#define FL_TESTS_WORLD_JSON_CHECK_H

/* JSON is compared as a value: the order of members and white space are nothing. */
#include "unit.h"

#include <jansson.h>
#include <stdlib.h>

static inline void expect_json(const json_t *got, const char *want)
{
	json_t *w = json_loads(want, 0, NULL);
	char *text = json_dumps(got, JSON_INDENT(1));

	assert_non_null(w);
	if (!json_equal(got, w))
		fail_msg("got %s", text);
	free(text);
	json_decref(w);
}

#endif
